//! The dictionary: long key bytes <-> codes, each byte string once.
//!
//! New entries live in memory until the indexer writes them into pages of [`PAGE`] codes; older ones are read through the
//! cache of blobs. From bytes to codes there is a table of hashes in memory (about ten bytes an entry), made when first something
//! new is interned; readers of a database that only look up a constant ask the store's hash table instead.

use std::ops::{Deref, Range};
use std::sync::Arc;

use hashbrown::HashTable;
use parking_lot::RwLock;
use xxhash_rust::xxh3::xxh3_64;

use super::blobs::{Blob, Blobs};
use super::dict_page::{DictPage, LONG, PAGE};
use crate::datom::word;
use crate::error::{Code, Error, Result};
use crate::store::{BlobId, Hashed};

/// Beyond this many entries the table of hashes is not made when a database is opened: reading them all would take too long.
const TABLE_MAX: u64 = 2 << 20;
/// Beyond this many entries a table that is there is given up: 160 MB of memory are enough for it and the order. A load in bulk asks
/// for each of its texts whether it is new, and the store takes a hundred times as long to say so.
const TABLE_KEPT_MAX: u64 = 8 << 20;
/// The first id of the dictionary's blobs; leaves and directory pages come before.
pub(super) const FIRST_BLOB: BlobId = LONG_BLOB;
const LONG_BLOB: BlobId = 1 << 61;
const PAGE_BLOB: BlobId = 1 << 62;

/// The blob of page `n` when it holds `fill` codes. A page is written anew, under another id, while it fills.
fn page_blob(n: u64, fill: u64) -> BlobId {
    PAGE_BLOB | n << 11 | fill
}

/// Where the blobs are that a dictionary of `codes` codes does not have yet.
pub(super) fn after(codes: u64) -> [Range<BlobId>; 2] {
    let last = page_blob(codes / PAGE, codes % PAGE);
    [LONG_BLOB | codes..PAGE_BLOB, last + 1..BlobId::MAX]
}

/// Key bytes, held wherever they are.
pub(super) enum Held {
    /// In the word itself.
    Short([u8; 8], usize),
    /// In memory.
    Shared(Arc<[u8]>),
    /// In a page, as its n-th entry.
    Paged(Arc<DictPage>, usize),
}

impl Deref for Held {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Held::Short(b, len) => &b[..*len],
            Held::Shared(b) => b,
            Held::Paged(page, i) => page.entry(*i).unwrap_or(&[]),
        }
    }
}

/// The dictionary of one database. Codes are given once and never change.
pub struct Dict {
    blobs: Arc<Blobs>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// Codes below this are in pages.
    stored: u64,
    /// The bytes of the codes from `stored` on.
    recent: Vec<Arc<[u8]>>,
    /// Codes by hash: `hash's high 28 bits << 36 | code`.
    table: HashTable<u64>,
    /// The bytes of each code that decide most comparisons ([`middle`]), from code `first_middle` on.
    middles: Vec<u64>,
    first_middle: u64,
    /// Whether the table has every code; otherwise only the recent ones and some others.
    complete: bool,
}

impl State {
    fn len(&self) -> u64 {
        self.stored + self.recent.len() as u64
    }
    /// The codes in the table whose hash may be this one.
    fn codes(&self, hash: u64) -> impl Iterator<Item = u64> {
        let alike = self.table.iter_hash(spread(tag(hash)));
        alike
            .filter(move |e| tag(**e) == tag(hash))
            .map(|e| e & (word::CODE_LIMIT - 1))
    }
    fn note(&mut self, hash: u64, code: u64) {
        let entry = tag(hash) | code;
        self.table.insert_unique(spread(entry), entry, |e| spread(*e));
    }
}

/// Bytes 3 to 10 of an entry, as a number: words have the three before.
fn middle(bytes: &[u8]) -> u64 {
    let mut b = [0; 8];
    let rest = bytes.get(3..).unwrap_or(&[]);
    let n = rest.len().min(8);
    b[..n].copy_from_slice(&rest[..n]);
    u64::from_be_bytes(b)
}

fn tag(hash: u64) -> u64 {
    hash & !(word::CODE_LIMIT - 1)
}
/// The table's hash of an entry, from the 28 bits that the entry keeps.
fn spread(entry: u64) -> u64 {
    (entry >> 36).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Default for Dict {
    fn default() -> Dict {
        Dict::new(Blobs::none(), 0)
    }
}

impl Dict {
    /// The dictionary whose first `stored` codes are in pages among `blobs`.
    pub fn new(blobs: Arc<Blobs>, stored: u64) -> Dict {
        Dict {
            blobs,
            state: RwLock::new(State {
                stored,
                first_middle: stored,
                complete: stored == 0,
                ..State::default()
            }),
        }
    }

    /// How many codes have been given.
    pub fn len(&self) -> u64 {
        self.state.read().len()
    }
    /// Codes below this are in pages.
    pub(super) fn stored(&self) -> u64 {
        self.state.read().stored
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code of `bytes`, if they have one.
    pub fn find(&self, bytes: &[u8]) -> Result<Option<u64>> {
        let hash = xxh3_64(bytes);
        if let Some(code) = self.find_in_table(hash, bytes)? {
            return Ok(Some(code));
        }
        let stored = {
            let state = self.state.read();
            if state.complete { 0 } else { state.stored }
        };
        if stored > 0
            && let Some(store) = self.blobs.store()
        {
            for code in store.codes(hash)? {
                if code < stored && *self.held(code)? == *bytes {
                    // Who asks for a value once asks again, and the table answers ten times as fast as the store.
                    let mut state = self.state.write();
                    if !state.complete && (state.table.len() as u64) < TABLE_MAX {
                        state.note(hash, code);
                    }
                    return Ok(Some(code));
                }
            }
        }
        Ok(None)
    }

    fn find_in_table(&self, hash: u64, bytes: &[u8]) -> Result<Option<u64>> {
        // Hardly ever more than one.
        let (mut paged, mut others) = (None, Vec::new());
        {
            let state = self.state.read();
            for code in state.codes(hash) {
                match code.checked_sub(state.stored) {
                    Some(i) if *state.recent[i as usize] == *bytes => return Ok(Some(code)),
                    Some(_) => {}
                    None if paged.is_none() => paged = Some(code),
                    None => others.push(code),
                }
            }
        }
        // Pages may have to be read: not under the lock.
        for code in paged.into_iter().chain(others) {
            if *self.held(code)? == *bytes {
                return Ok(Some(code));
            }
        }
        Ok(None)
    }

    /// The code of `bytes`, given now if they have none. Only the writer interns, so no other code can come between.
    pub fn intern(&self, bytes: &[u8]) -> Result<u64> {
        if !self.state.read().complete {
            self.complete()?;
        }
        if let Some(code) = self.find(bytes)? {
            return Ok(code);
        }
        let mut state = self.state.write();
        let code = state.len();
        state.recent.push(bytes.into());
        state.middles.push(middle(bytes));
        state.note(xxh3_64(bytes), code);
        Ok(code)
    }

    /// Reads all pages once, so that the table knows every code; unless there are too many.
    fn complete(&self) -> Result<()> {
        let stored = self.state.read().stored;
        if stored > TABLE_MAX {
            return Ok(());
        }
        let store = self.blobs.store().expect("only a store has pages").clone();
        let mut hashes = Vec::with_capacity(stored as usize);
        let mut middles = Vec::with_capacity(stored as usize * 5 / 4);
        for n in 0..stored.div_ceil(PAGE) {
            let fill = (stored - n * PAGE).min(PAGE);
            let missing = || Error::new(Code::CorruptStore, format!("page {n} of the dictionary is missing"));
            let page = DictPage::decode(&store.blob(page_blob(n, fill))?.ok_or_else(missing)?)?;
            for i in 0..fill {
                let code = n * PAGE + i;
                let long;
                let bytes: &[u8] = match page.entry(i as usize) {
                    Some(bytes) if !bytes.is_empty() => bytes,
                    _ => {
                        long = self.long(code)?;
                        &long
                    }
                };
                hashes.push((xxh3_64(bytes), code));
                middles.push(middle(bytes));
            }
        }
        let mut state = self.state.write();
        if !state.complete && state.stored == stored {
            let recent: Vec<_> = state
                .recent
                .iter()
                .enumerate()
                .map(|(i, b)| (xxh3_64(b), stored + i as u64))
                .collect();
            state.table = HashTable::with_capacity(hashes.len() * 5 / 4);
            hashes
                .into_iter()
                .chain(recent)
                .for_each(|(hash, code)| state.note(hash, code));
            state.complete = true;
            middles.extend(state.recent.iter().map(|b| middle(b)));
            (state.middles, state.first_middle) = (middles, 0);
        }
        Ok(())
    }

    /// The order of two codes whose first three bytes agree, when their middles decide.
    pub(super) fn compare(&self, x: u64, y: u64) -> Option<std::cmp::Ordering> {
        let state = self.state.read();
        let middle = |code: u64| state.middles.get(code.checked_sub(state.first_middle)? as usize);
        Some(middle(x)?.cmp(middle(y)?)).filter(|order| order.is_ne())
    }

    pub(super) fn middle(&self, code: u64) -> Option<u64> {
        let state = self.state.read();
        state
            .middles
            .get(code.checked_sub(state.first_middle)? as usize)
            .copied()
    }

    /// The bytes of a code.
    pub(super) fn held(&self, code: u64) -> Result<Held> {
        let mut last = None;
        // The page that fills moves to another blob when it is written anew; a second look finds it there.
        for _ in 0..2 {
            let stored = {
                let state = self.state.read();
                if let Some(i) = code.checked_sub(state.stored) {
                    let missing = || Error::new(Code::CorruptStore, format!("dictionary code {code} was never given"));
                    return state
                        .recent
                        .get(i as usize)
                        .cloned()
                        .map(Held::Shared)
                        .ok_or_else(missing);
                }
                state.stored
            };
            let n = code / PAGE;
            match self.blobs.dict(page_blob(n, (stored - n * PAGE).min(PAGE))) {
                Ok(page) => {
                    let i = (code % PAGE) as usize;
                    return match page.entry(i) {
                        Some(bytes) if !bytes.is_empty() => Ok(Held::Paged(page, i)),
                        _ => Ok(Held::Shared(self.long(code)?)),
                    };
                }
                Err(e) => last = Some(e),
            }
        }
        Err(last.expect("two rounds without an answer were two errors"))
    }

    fn long(&self, code: u64) -> Result<Arc<[u8]>> {
        let missing = || {
            Error::new(
                Code::CorruptStore,
                format!("the long value with dictionary code {code} is missing"),
            )
        };
        self.blobs
            .store()
            .ok_or_else(missing)?
            .blob(LONG_BLOB | code)?
            .ok_or_else(missing)
    }

    /// Whether the store finds each entry in pages by the hash of its bytes.
    pub fn check_hashes(&self) -> Result<()> {
        let stored = self.state.read().stored;
        let Some(store) = self.blobs.store() else {
            return Ok(());
        };
        for code in 0..stored {
            if !store.codes(xxh3_64(&self.held(code)?))?.contains(&code) {
                return Err(Error::new(
                    Code::CorruptStore,
                    format!("dictionary code {code} is missing among the hashes"),
                )
                .with("keyspace", "dict-hash"));
            }
        }
        Ok(())
    }

    /// The blobs that hold the codes up to `len` that are not in pages yet, with ascending ids, and the `(hash, code)` pairs
    /// that belong to them, ascending; then what the blobs replace.
    pub(super) fn unstored(&self, len: u64) -> Result<Unstored> {
        let stored = self.state.read().stored;
        let mut out = Unstored::default();
        let (mut longs, mut pages) = (Vec::new(), Vec::new());
        out.hashes.reserve((len - stored) as usize);
        for n in stored / PAGE..len.div_ceil(PAGE) {
            let mut page = DictPage::default();
            for code in n * PAGE..stored {
                page.push(&self.held(code)?);
            }
            let state = self.state.read();
            for code in stored.max(n * PAGE)..len.min((n + 1) * PAGE) {
                let bytes = &state.recent[(code - stored) as usize];
                page.push(bytes);
                let hash = xxh3_64(bytes);
                out.hashes.push(Hashed {
                    hash,
                    code,
                    first: state.complete && !state.codes(hash).any(|other| other < stored),
                });
                if bytes.len() > LONG {
                    longs.push((LONG_BLOB | code, bytes.to_vec()));
                }
            }
            drop(state);
            let fill = page.len() as u64;
            if fill > 0 {
                pages.push((page_blob(n, fill), page.encode()));
                self.blobs.put(page_blob(n, fill), Blob::Dict(Arc::new(page)));
            }
        }
        if !stored.is_multiple_of(PAGE) && len > stored {
            out.replaced.push(page_blob(stored / PAGE, stored % PAGE));
        }
        out.hashes.sort_unstable();
        out.blobs = longs;
        out.blobs.append(&mut pages);
        Ok(out)
    }

    /// Notes that the codes below `len` are in pages now; their bytes leave memory.
    pub(super) fn mark_stored(&self, len: u64) {
        let mut state = self.state.write();
        let n = (len - state.stored) as usize;
        state.recent.drain(..n);
        state.stored = len;
        // What the table holds: all codes, or those since it last gave up.
        let held = if state.complete {
            state.len()
        } else {
            state.table.len() as u64
        };
        if held > TABLE_KEPT_MAX {
            state.complete = false;
            state.middles = state.recent.iter().map(|b| middle(b)).collect();
            state.first_middle = len;
            let recent: Vec<_> = state
                .recent
                .iter()
                .enumerate()
                .map(|(i, b)| (xxh3_64(b), len + i as u64))
                .collect();
            state.table = HashTable::new();
            recent.into_iter().for_each(|(hash, code)| state.note(hash, code));
        }
    }
}

/// See [`Dict::unstored`].
#[derive(Default)]
pub(super) struct Unstored {
    pub(super) blobs: Vec<(BlobId, Vec<u8>)>,
    pub(super) hashes: Vec<Hashed>,
    pub(super) replaced: Vec<BlobId>,
}
