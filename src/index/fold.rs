//! Folding: new events become new leaves, page by page.
//!
//! A leaf that gets events is taken apart into versions, and these are cut into leaves again: by key when too many
//! hold now, by time when too many have ended. Its frozen parts never change again. Limits are small in unit tests, so that a few
//! thousand facts make deep directories.

use std::cmp::Ordering;
use std::ops::Range as Span;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Columns;
use super::blobs::{Blob, Blobs};
use super::directory::{Directory, PAST_COPIED, PAST_MAX, PageRef};
use super::key::{Key, Keys, Order};
use super::leaf::{self, Leaf};
use super::page::{Entry, Page, Past, PastPage, Separator};
use super::sort::Events;
use crate::datom::T;
use crate::error::Result;
use crate::store::BlobId;

/// More rows than this that hold now: the leaf splits by key.
const LIVE_MAX: usize = if cfg!(test) { 48 } else { 2048 };
/// A leaf is frozen when its closed rows outnumber its live rows so many times (and are worth a leaf of their own):
/// the rows copied on are then at most a quarter of those that ended, and reading a moment filters at most five rows for one.
const CLOSED_RATIO: usize = 4;
const CLOSED_MIN: usize = if cfg!(test) { 96 } else { 8192 };
/// How much longer a leaf of EAVT may be that is frozen at once.
const EAVT_CLOSED_TIMES: usize = 4;
/// A leaf that becomes more than so many has got a load in bulk. The next one will come elsewhere, so that they need not wait for it in
/// the cache.
const FEW_LEAVES: usize = 4;
/// Leaves a page of the directory.
const PAGE_MAX: usize = if cfg!(test) { 6 } else { 256 };
/// Encoded bytes gathered before they go to the store.
const WRITE_BYTES: usize = 16 << 20;

/// What a fold made of one order.
pub(super) struct Outcome {
    pub(super) directory: Directory,
    /// Blobs that the new directory does not name any more.
    pub(super) replaced: Vec<BlobId>,
}

/// Encoded blobs on their way to the store, of all orders that are being folded.
pub(super) struct Sink<'a> {
    blobs: &'a Blobs,
    /// New leaves are put into the cache, where they take the place of others.
    warm: bool,
    ready: Mutex<Ready>,
}

#[derive(Default)]
struct Ready {
    blobs: Vec<(BlobId, Vec<u8>)>,
    bytes: usize,
    /// Bytes given to the store before.
    written: usize,
}

impl Sink<'_> {
    pub(super) fn new(blobs: &Blobs, warm: bool) -> Sink<'_> {
        Sink {
            blobs,
            warm,
            ready: Mutex::default(),
        }
    }

    pub(super) fn emit(&self, id: BlobId, bytes: Vec<u8>) -> Result<()> {
        let mut ready = self.ready.lock();
        ready.bytes += bytes.len();
        ready.blobs.push((id, bytes));
        // Whoever emits meanwhile waits: what is gathered stays bounded.
        if ready.bytes > WRITE_BYTES {
            self.write(&mut ready)
        } else {
            Ok(())
        }
    }

    /// Writes the rest; gives the number of bytes of it all.
    pub(super) fn finish(&self) -> Result<u64> {
        let mut ready = self.ready.lock();
        self.write(&mut ready)?;
        Ok(ready.written as u64)
    }

    fn write(&self, ready: &mut Ready) -> Result<()> {
        let mut blobs = std::mem::take(&mut ready.blobs);
        ready.written += std::mem::take(&mut ready.bytes);
        blobs.sort_unstable_by_key(|(id, _)| *id);
        match self.blobs.store() {
            Some(store) if !blobs.is_empty() => store.put_blobs(&mut blobs.into_iter()),
            _ => Ok(()),
        }
    }
}

/// `directory` with `events`, which are newer than all it holds.
pub(super) fn fold(keys: &Keys, sink: &Sink, directory: &Directory, events: &Events) -> Result<Outcome> {
    let mut folder = Folder {
        keys,
        sink,
        blobs: sink.blobs,
        pages: directory.pages.clone(),
        replaced: Vec::new(),
        spare: Versions::default(),
    };
    let mut at = 0;
    let mut key = Vec::new();
    while at < events.len() {
        keys.key_bytes(events.key(at), &mut key)?;
        let found = directory.pages.get_prev(&key[..]).map(|(s, p)| (s.clone(), *p));
        let (upto, page) = match &found {
            Some((separator, page)) => {
                let upto = match directory.after(separator) {
                    Some((next, _)) => keys.bytes_bound_by(|i| events.key(i), at..events.len(), next)?,
                    None => events.len(),
                };
                (upto, Some(sink.blobs.page(page.id)?))
            }
            // The first page begins before all keys, so this is an empty directory.
            None => (events.len(), None),
        };
        folder.page(found, page.as_deref(), events, at..upto)?;
        keys.take_error()?;
        at = upto;
    }
    Ok(Outcome {
        directory: Directory { pages: folder.pages },
        replaced: folder.replaced,
    })
}

struct Folder<'a> {
    keys: &'a Keys<'a>,
    sink: &'a Sink<'a>,
    blobs: &'a Blobs,
    pages: im::OrdMap<Separator, PageRef>,
    replaced: Vec<BlobId>,
    /// Memory for the versions of one leaf after the other.
    spare: Versions,
}

impl Folder<'_> {
    /// Replaces one page of the directory (or makes the first) by what it becomes with some events.
    fn page(
        &mut self,
        found: Option<(Separator, PageRef)>,
        page: Option<&Page>,
        events: &Events,
        span: Span<usize>,
    ) -> Result<()> {
        let mut entries: Vec<Entry> = Vec::new();
        match page {
            None => {
                let none = Entry {
                    separator: Separator::default(),
                    id: 0,
                    from: 0,
                    live: 0,
                    closed: 0,
                    past: Vec::new(),
                };
                let cached = self.blobs.roomy();
                self.leaf(&none, &Leaf::default(), cached, events, span, &mut entries)?;
            }
            Some(page) => {
                let (mut at, mut next) = (span.start, 0);
                let mut key = Vec::new();
                while at < span.end {
                    self.keys.key_bytes(events.key(at), &mut key)?;
                    let i = next + page.entries[next..].partition_point(|e| *e.separator <= *key) - 1;
                    let upto = match page.entries.get(i + 1) {
                        Some(e) => self
                            .keys
                            .bytes_bound_by(|i| events.key(i), at..span.end, &e.separator)?,
                        None => span.end,
                    };
                    entries.extend_from_slice(&page.entries[next..i]);
                    let (leaf, cached) = self.blobs.leaf_to_fold(page.entries[i].id)?;
                    self.leaf(&page.entries[i], &leaf, cached, events, at..upto, &mut entries)?;
                    self.replaced.push(page.entries[i].id);
                    (at, next) = (upto, i + 1);
                }
                entries.extend_from_slice(&page.entries[next..]);
            }
        }
        if let Some((separator, page)) = found {
            self.replaced.push(page.id);
            self.pages.remove(&separator);
        }
        let parts = entries.len().div_ceil(PAGE_MAX).max(1);
        let size = entries.len().div_ceil(parts).max(1);
        for part in entries.chunks(size) {
            let page = Page { entries: part.to_vec() };
            let id = self.blobs.fresh();
            self.sink.emit(id, page.encode())?;
            self.pages.insert(
                part[0].separator.clone(),
                PageRef {
                    id,
                    live: page.live(),
                    leaves: part.len() as u32,
                },
            );
            self.blobs.put(id, Blob::Page(Arc::new(page)));
        }
        Ok(())
    }

    /// Appends the entries that `entry` becomes with some events. What comes of a leaf in the cache goes there, too.
    fn leaf(
        &mut self,
        entry: &Entry,
        leaf: &Leaf,
        cached: bool,
        events: &Events,
        span: Span<usize>,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        let appended = leaf.live.is_empty()
            || self
                .keys
                .compare(events.key(span.start), leaf.live.key(leaf.live.len() - 1))
                == Ordering::Greater;
        // Every event changes something, so counting tells what holds after them. The leaves become equal, unless the new rows
        // come after all others: then the leaves are filled, since the next ones will come there, too.
        let added = span.clone().filter(|&i| events.row(i).added).count();
        let live = (leaf.live.len() + 2 * added).saturating_sub(span.len());
        let size = match appended {
            true => LIVE_MAX,
            false => live.div_ceil(live.div_ceil(LIVE_MAX).max(1)).max(1),
        };
        let mut versions = std::mem::take(&mut self.spare);
        versions.clear();
        let cached = cached && self.sink.warm;
        let mut cutter = Cutter {
            folder: self,
            versions,
            size,
            rest: live,
            separator: entry.separator.clone(),
            from: entry.from,
            past: entry.past.clone(),
            cached,
            few: live.div_ceil(size.max(1)) <= FEW_LEAVES,
            out,
        };
        cutter.merge(leaf, events, span)?;
        cutter.finish()?;
        self.spare = cutter.versions;
        Ok(())
    }

    /// Of each level of a past that has more than `max` entries, moves all but the newest `kept` into a page of the level above. So each
    /// page has at least `max - kept` entries, however often leaves are split, and a moment is found in logarithmic time.
    fn shorten(&mut self, past: &mut Vec<Past>, max: usize, kept: usize) -> Result<()> {
        // Levels descend from left to right, so each is one run, and the first is the highest.
        for level in 0..u8::MAX {
            if past.first().is_none_or(|p| p.level < level) {
                break;
            }
            let start = past.partition_point(|p| p.level > level);
            let end = past.partition_point(|p| p.level >= level);
            if end - start > max {
                let page = self.past_page(past.drain(start..end - kept).collect(), level + 1)?;
                past.insert(start, page);
            }
        }
        Ok(())
    }

    fn past_page(&mut self, past: Vec<Past>, level: u8) -> Result<Past> {
        let to = past.last().map_or(0, |p| p.to);
        let id = self.blobs.fresh();
        let page = PastPage(past);
        self.sink.emit(id, page.encode())?;
        self.blobs.put(id, Blob::Past(Arc::new(page)));
        Ok(Past { id, to, level })
    }
}

/// Cuts the versions of one leaf after some events into leaves, as they come: a load in bulk makes a thousand leaves of one.
struct Cutter<'f, 'a> {
    folder: &'f mut Folder<'a>,
    /// Those of the leaf being filled.
    versions: Versions,
    /// A leaf is full with so many live rows.
    size: usize,
    /// Live rows that have not come yet. When none will, a full leaf takes the closed rows of greater keys, too. A leaf of these alone
    /// would hold next to nothing now, and be split like this again with every fold.
    rest: usize,
    /// Where its keys begin.
    separator: Separator,
    from: T,
    past: Vec<Past>,
    /// The leaf is put into the cache.
    cached: bool,
    /// The leaves are so few that all are.
    few: bool,
    out: &'f mut Vec<Entry>,
}

impl Cutter<'_, '_> {
    /// Merges what `leaf` holds with some events, key by key.
    fn merge(&mut self, leaf: &Leaf, events: &Events, span: Span<usize>) -> Result<()> {
        let keys = self.folder.keys;
        let (mut i, mut j, mut k) = (0, 0, span.start);
        loop {
            let closed = (j < leaf.closed.len()).then(|| leaf.closed.key(j));
            let event = (k < span.end).then(|| events.key(k));
            let key = match (closed, event) {
                (Some(c), Some(e)) => {
                    if keys.compare(c, e).is_le() {
                        c
                    } else {
                        e
                    }
                }
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => break,
            };
            let before = keys.key_gallop(&leaf.live, i..leaf.live.len(), key);
            self.live(&leaf.live, i..before)?;
            i = before;
            while j < leaf.closed.len() && keys.compare(leaf.closed.key(j), key).is_eq() {
                self.version(key, leaf.closed.t[j], leaf.end[j])?;
                j += 1;
            }
            let mut holds = None;
            if i < leaf.live.len() && keys.compare(leaf.live.key(i), key).is_eq() {
                holds = Some(leaf.live.t[i]);
                i += 1;
            }
            while k < span.end && keys.compare(events.key(k), key).is_eq() {
                let row = events.row(k);
                match (row.added, holds) {
                    (true, None) => holds = Some(row.t),
                    (false, Some(t)) => {
                        self.version(key, t, row.t)?;
                        holds = None;
                    }
                    // The transactor drops redundant assertions and retractions.
                    _ => debug_assert!(false, "an event that changes nothing reached the indexes"),
                }
                k += 1;
            }
            if let Some(t) = holds {
                self.version(key, t, T::MAX)?;
            }
        }
        self.live(&leaf.live, i..leaf.live.len())
    }

    /// Adds a version, to the next leaf when this one is full; versions of one key stay together.
    fn version(&mut self, key: Key, t: T, end: T) -> Result<()> {
        if self.versions.live >= self.size && self.rest > 0 {
            let last = self.versions.rows.key(self.versions.rows.len() - 1);
            if self.folder.keys.compare(last, key).is_ne() {
                self.cut(key)?;
            }
        }
        self.versions.push(key, t, end);
        self.rest = self.rest.saturating_sub(usize::from(end == T::MAX));
        Ok(())
    }

    /// Adds rows that hold now, of keys that have not come yet.
    fn live(&mut self, rows: &Columns, mut span: Span<usize>) -> Result<()> {
        while !span.is_empty() {
            if self.versions.live >= self.size {
                self.cut(rows.key(span.start))?;
            }
            let n = span.len().min(self.size - self.versions.live);
            self.versions.extend_live(rows, span.start..span.start + n);
            self.rest = self.rest.saturating_sub(n);
            span.start += n;
        }
        Ok(())
    }

    /// Ends the leaf being filled; the next begins with `key`.
    fn cut(&mut self, key: Key) -> Result<()> {
        let last = self.versions.rows.key(self.versions.rows.len() - 1);
        let separator = separator_between(self.folder.keys, last, key)?;
        // From now on the parts have it in common, so that most of it should lie in pages, which are shared.
        self.folder.shorten(&mut self.past, PAST_COPIED, 0)?;
        let cached = self.cached;
        self.cached = cached && (self.few || self.folder.blobs.roomy());
        self.finish()?;
        self.cached = cached;
        self.versions.clear();
        self.separator = separator;
        Ok(())
    }

    /// Makes the leaves of one key range: frozen ones, and the newest.
    fn finish(&mut self) -> Result<()> {
        let versions = &self.versions;
        let n = versions.end.len();
        if versions.live == n {
            let bytes = leaf::encode(self.from, &versions.rows, &Columns::default(), &[]);
            let leaf = self
                .cached
                .then(|| Leaf::new(self.from, versions.rows.clone(), Columns::default(), Vec::new()));
            return self.newest(leaf, bytes, self.from, (n, 0), self.past.clone());
        }
        let cuts = versions.cuts(self.folder.keys.order);
        let empty = |live: usize, closed: usize| {
            let (live, rows) = (Columns::with_capacity(live), Columns::with_capacity(closed));
            (live, rows, Vec::with_capacity(closed))
        };
        let frozen: usize = cuts.iter().map(|cut| cut.closed).sum();
        let mut leaves: Vec<(Columns, Columns, Vec<T>)> = cuts.iter().map(|cut| empty(cut.live, cut.closed)).collect();
        leaves.push(empty(versions.live, n - versions.live - frozen));
        for i in 0..n {
            let (row, t, end) = (versions.rows.key(i), versions.rows.t[i], versions.end[i]);
            let first = cuts.partition_point(|cut| cut.to < t);
            let last = if end == T::MAX {
                cuts.len()
            } else {
                cuts.partition_point(|cut| cut.to < end)
            };
            for (live, _, _) in &mut leaves[first..last] {
                live.push(row.e, row.a, row.v, t);
            }
            let (live, closed, ends) = &mut leaves[last];
            if end == T::MAX {
                live.push(row.e, row.a, row.v, t);
            } else {
                closed.push(row.e, row.a, row.v, t);
                ends.push(end);
            }
        }
        let mut past = self.past.clone();
        let mut from = self.from;
        for (i, (live, closed, ends)) in leaves.into_iter().enumerate() {
            let leaf = Leaf::new(from, live, closed, ends);
            match cuts.get(i) {
                Some(&Cut { to, .. }) => {
                    let id = self.folder.blobs.fresh();
                    self.folder.sink.emit(id, leaf.encode())?;
                    past.push(Past { id, to, level: 0 });
                    self.folder.shorten(&mut past, PAST_MAX, PAST_MAX / 2)?;
                    from = to + 1;
                }
                None => {
                    let (rows, bytes) = ((leaf.live.len(), leaf.closed.len()), leaf.encode());
                    self.newest(Some(leaf), bytes, from, rows, std::mem::take(&mut past))?;
                }
            }
        }
        Ok(())
    }

    /// Emits the newest leaf of a key range, which holds so many live and closed rows.
    fn newest(
        &mut self,
        leaf: Option<Leaf>,
        bytes: Vec<u8>,
        from: T,
        (live, closed): (usize, usize),
        past: Vec<Past>,
    ) -> Result<()> {
        let id = self.folder.blobs.fresh();
        self.folder.sink.emit(id, bytes)?;
        if let Some(leaf) = leaf.filter(|_| self.cached) {
            self.folder.blobs.put(id, Blob::Leaf(Arc::new(leaf)));
        }
        self.out.push(Entry {
            separator: self.separator.clone(),
            id,
            from,
            live: live as u32,
            closed: closed as u32,
            past,
        });
        Ok(())
    }
}

/// The shortest bytes that lie after one key and not after the next.
fn separator_between(keys: &Keys, before: Key, after: Key) -> Result<Separator> {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    keys.key_bytes(before, &mut x)?;
    keys.key_bytes(after, &mut y)?;
    let shared = x.iter().zip(&y).take_while(|(a, b)| a == b).count();
    y.truncate(shared + 1);
    Ok(y.into())
}

/// When each fact of some keys held: in key order, then by t. `end` is `T::MAX` while it holds.
#[derive(Default)]
struct Versions {
    rows: Columns,
    end: Vec<T>,
    live: usize,
}

impl Versions {
    fn clear(&mut self) {
        self.rows.clear();
        self.end.clear();
        self.live = 0;
    }

    #[inline]
    fn push(&mut self, key: Key, t: T, end: T) {
        self.rows.push(key.e, key.a, key.v, t);
        self.end.push(end);
        self.live += usize::from(end == T::MAX);
    }

    fn extend_live(&mut self, rows: &Columns, span: Span<usize>) {
        self.live += span.len();
        self.rows.extend(rows, span);
        self.end.resize(self.rows.len(), T::MAX);
    }

    /// Where the leaf is frozen, ascending. What holds at a cut is copied into the next leaf, so each has several times as many closed rows
    /// as that: the copies of all of them stay a part of what happened, however much more held in between than does at the end.
    fn cuts(&self, order: Order) -> Vec<Cut> {
        let mut ends: Vec<T> = self.end.iter().copied().filter(|&e| e != T::MAX).collect();
        if ends.len() <= CLOSED_MIN {
            return Vec::new();
        }
        // What is frozen at once is written once, however much it is. In EAVT, which is asked for the past of one entity, a leaf may
        // be long; others are asked for a moment of many, and filter whole leaves.
        let times = match order {
            Order::Eavt => EAVT_CLOSED_TIMES,
            _ => 1,
        };
        let mut begins = self.rows.t.clone();
        begins.sort_unstable();
        ends.sort_unstable();
        let (mut begun, mut ended, mut before) = (0, 0, 0);
        let mut cuts = Vec::new();
        while let Some(&to) = ends.get(ended) {
            ended += ends[ended..].partition_point(|&end| end == to);
            begun += begins[begun..].partition_point(|&t| t <= to);
            let (closed, live) = (ended - before, begun - ended);
            let least = CLOSED_MIN.max(live * CLOSED_RATIO);
            if closed > least * times || ended == ends.len() && closed > least {
                cuts.push(Cut { to, live, closed });
                before = ended;
            }
        }
        cuts
    }
}

/// The end of a leaf's time.
struct Cut {
    /// The last t whose events it covers.
    to: T,
    /// How many rows hold then, and how many ended since the cut before.
    live: usize,
    closed: usize,
}
