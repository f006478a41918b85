//! Folding: new events become new leaves, page by page.
//!
//! A leaf that gets events is taken apart into versions, and these are cut into leaves again: by key when too many
//! hold now, by time when too many have ended. Its frozen parts never change again. Limits are small in unit tests, so that a few
//! thousand facts make deep directories.

use std::cmp::Ordering;
use std::ops::Range as Span;
use std::sync::Arc;

use super::Columns;
use super::blobs::{Blob, Blobs};
use super::directory::{Directory, Entry, PAST_MAX, Page, PageRef, Past, PastPage, Separator};
use super::key::{Key, Keys};
use super::leaf::Leaf;
use crate::datom::T;
use crate::error::Result;
use crate::store::BlobId;

/// More rows than this that hold now: the leaf splits by key.
const LIVE_MAX: usize = if cfg!(test) { 48 } else { 2048 };
/// A leaf is frozen when its closed rows outnumber its live rows so many times (and are worth a leaf of their own):
/// the rows copied on are then at most a quarter of those that ended, and reading a moment filters at most five rows for one.
const CLOSED_RATIO: usize = 4;
const CLOSED_MIN: usize = if cfg!(test) { 96 } else { 8192 };
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

/// `directory` with `events` (sorted by key, then t, newer than all it holds).
pub(super) fn fold(keys: &Keys, blobs: &Blobs, directory: &Directory, events: &Columns) -> Result<Outcome> {
    let mut folder = Folder {
        keys,
        blobs,
        pages: directory.pages.clone(),
        replaced: Vec::new(),
        ready: Vec::new(),
        bytes: 0,
    };
    let mut at = 0;
    let mut key = Vec::new();
    while at < events.len() {
        keys.key_bytes(events.key(at), &mut key)?;
        let found = directory.pages.get_prev(&key[..]).map(|(s, p)| (s.clone(), *p));
        let (upto, page) = match &found {
            Some((separator, page)) => {
                let upto = match directory.after(separator) {
                    Some((next, _)) => keys.bytes_bound(events, at..events.len(), next)?,
                    None => events.len(),
                };
                (upto, Some(blobs.page(page.id)?))
            }
            // The first page begins before all keys, so this is an empty directory.
            None => (events.len(), None),
        };
        folder.page(found, page.as_deref(), events, at..upto)?;
        keys.take_error()?;
        at = upto;
    }
    folder.write()?;
    Ok(Outcome {
        directory: Directory { pages: folder.pages },
        replaced: folder.replaced,
    })
}

struct Folder<'a> {
    keys: &'a Keys<'a>,
    blobs: &'a Blobs,
    pages: im::OrdMap<Separator, PageRef>,
    replaced: Vec<BlobId>,
    ready: Vec<(BlobId, Vec<u8>)>,
    bytes: usize,
}

impl Folder<'_> {
    fn emit(&mut self, id: BlobId, bytes: Vec<u8>) -> Result<()> {
        self.bytes += bytes.len();
        self.ready.push((id, bytes));
        if self.bytes > WRITE_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        self.bytes = 0;
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_unstable_by_key(|(id, _)| *id);
        match self.blobs.store() {
            Some(store) if !ready.is_empty() => store.put_blobs(&mut ready.into_iter()),
            _ => Ok(()),
        }
    }

    /// Replaces one page of the directory (or makes the first) by what it becomes with some events.
    fn page(
        &mut self,
        found: Option<(Separator, PageRef)>,
        page: Option<&Page>,
        events: &Columns,
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
                self.leaf(&none, &Leaf::default(), events, span, &mut entries)?;
            }
            Some(page) => {
                let (mut at, mut next) = (span.start, 0);
                let mut key = Vec::new();
                while at < span.end {
                    self.keys.key_bytes(events.key(at), &mut key)?;
                    let i = next + page.entries[next..].partition_point(|e| *e.separator <= *key) - 1;
                    let upto = match page.entries.get(i + 1) {
                        Some(e) => self.keys.bytes_bound(events, at..span.end, &e.separator)?,
                        None => span.end,
                    };
                    entries.extend_from_slice(&page.entries[next..i]);
                    let leaf = self.blobs.leaf(page.entries[i].id)?;
                    self.leaf(&page.entries[i], &leaf, events, at..upto, &mut entries)?;
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
            self.emit(id, page.encode())?;
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

    /// Appends the entries that `entry` becomes with some events.
    fn leaf(
        &mut self,
        entry: &Entry,
        leaf: &Leaf,
        events: &Columns,
        span: Span<usize>,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        let appended = leaf.live.is_empty()
            || self
                .keys
                .compare(events.key(span.start), leaf.live.key(leaf.live.len() - 1))
                == Ordering::Greater;
        let versions = Versions::gather(self.keys, leaf, events, span);
        let parts = versions.parts(self.keys, appended);
        let mut past = entry.past.clone();
        if parts.len() > 1 && past.len() > 1 {
            past = vec![self.past_page(past)?];
        }
        for part in parts {
            let separator = match part.start {
                0 => entry.separator.clone(),
                i => separator_between(self.keys, versions.rows.key(i - 1), versions.rows.key(i))?,
            };
            self.part(&versions, part, separator, entry.from, past.clone(), out)?;
        }
        Ok(())
    }

    /// Makes the leaves of one key range: frozen ones, and the newest.
    fn part(
        &mut self,
        versions: &Versions,
        part: Span<usize>,
        separator: Separator,
        from: T,
        mut past: Vec<Past>,
        out: &mut Vec<Entry>,
    ) -> Result<()> {
        let cuts = versions.cuts(part.clone());
        let mut leaves: Vec<(Columns, Columns, Vec<T>)> = vec![Default::default(); cuts.len() + 1];
        for i in part {
            let (row, t, end) = (versions.rows.key(i), versions.rows.t[i], versions.end[i]);
            let first = cuts.partition_point(|&c| c < t);
            let last = if end == T::MAX {
                cuts.len()
            } else {
                cuts.partition_point(|&c| c < end)
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
        let mut from = from;
        for (i, (live, closed, ends)) in leaves.into_iter().enumerate() {
            let leaf = Leaf::new(from, live, closed, ends);
            let id = self.blobs.fresh();
            self.emit(id, leaf.encode())?;
            match cuts.get(i) {
                Some(&to) => {
                    past.push(Past { id, to, level: 0 });
                    self.shorten(&mut past)?;
                    from = to + 1;
                }
                None => {
                    let (live, closed) = (leaf.live.len() as u32, leaf.closed.len() as u32);
                    self.blobs.put(id, Blob::Leaf(Arc::new(leaf)));
                    out.push(Entry {
                        separator: separator.clone(),
                        id,
                        from,
                        live,
                        closed,
                        past: std::mem::take(&mut past),
                    });
                }
            }
        }
        Ok(())
    }

    /// Moves the older half of a level that has grown long into a page of the level above.
    fn shorten(&mut self, past: &mut Vec<Past>) -> Result<()> {
        for level in 0..u8::MAX {
            // Levels descend from left to right, so each is one run.
            let start = past.partition_point(|p| p.level > level);
            let n = past.partition_point(|p| p.level >= level) - start;
            if n <= PAST_MAX {
                return Ok(());
            }
            let half: Vec<Past> = past.drain(start..start + PAST_MAX / 2).collect();
            let page = self.past_page(half)?;
            past.insert(start, page);
        }
        Ok(())
    }

    fn past_page(&mut self, past: Vec<Past>) -> Result<Past> {
        let level = past.iter().map(|p| p.level).max().unwrap_or(0) + 1;
        let to = past.last().map_or(0, |p| p.to);
        let id = self.blobs.fresh();
        let page = PastPage(past);
        self.emit(id, page.encode())?;
        self.blobs.put(id, Blob::Past(Arc::new(page)));
        Ok(Past { id, to, level })
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
    fn push(&mut self, key: Key, t: T, end: T) {
        self.rows.push(key.e, key.a, key.v, t);
        self.end.push(end);
        self.live += usize::from(end == T::MAX);
    }

    /// The versions of a leaf after some events.
    fn gather(keys: &Keys, leaf: &Leaf, events: &Columns, span: Span<usize>) -> Versions {
        let mut out = Versions {
            rows: Columns::with_capacity(leaf.live.len() + leaf.closed.len() + span.len()),
            ..Versions::default()
        };
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
            while i < leaf.live.len() && keys.compare(leaf.live.key(i), key).is_lt() {
                out.push(leaf.live.key(i), leaf.live.t[i], T::MAX);
                i += 1;
            }
            while j < leaf.closed.len() && keys.compare(leaf.closed.key(j), key).is_eq() {
                out.push(key, leaf.closed.t[j], leaf.end[j]);
                j += 1;
            }
            let mut holds = None;
            if i < leaf.live.len() && keys.compare(leaf.live.key(i), key).is_eq() {
                holds = Some(leaf.live.t[i]);
                i += 1;
            }
            while k < span.end && keys.compare(events.key(k), key).is_eq() {
                match (events.added[k], holds) {
                    (true, None) => holds = Some(events.t[k]),
                    (false, Some(t)) => {
                        out.push(key, t, events.t[k]);
                        holds = None;
                    }
                    // The transactor drops redundant assertions and retractions.
                    _ => debug_assert!(false, "an event that changes nothing reached the indexes"),
                }
                k += 1;
            }
            if let Some(t) = holds {
                out.push(key, t, T::MAX);
            }
        }
        for i in i..leaf.live.len() {
            out.push(leaf.live.key(i), leaf.live.t[i], T::MAX);
        }
        out
    }

    /// Key ranges of at most `LIVE_MAX` live rows. Equal ones, unless the new rows came after all others: then the
    /// leaves are filled, since the next ones will come there, too.
    fn parts(&self, keys: &Keys, appended: bool) -> Vec<Span<usize>> {
        let n = self.live.div_ceil(LIVE_MAX).max(1);
        let size = if appended {
            LIVE_MAX
        } else {
            self.live.div_ceil(n).max(1)
        };
        let mut parts = Vec::with_capacity(n);
        let (mut start, mut live) = (0, 0);
        for i in 0..self.end.len() {
            if live >= size && keys.compare(self.rows.key(i - 1), self.rows.key(i)).is_ne() {
                parts.push(start..i);
                (start, live) = (i, 0);
            }
            live += usize::from(self.end[i] == T::MAX);
        }
        parts.push(start..self.end.len());
        parts
    }

    /// The moments at which a part's leaf is frozen, ascending: each leaf then has about as many closed rows as the ratio allows.
    fn cuts(&self, part: Span<usize>) -> Vec<T> {
        let mut ends: Vec<T> = self.end[part.clone()]
            .iter()
            .copied()
            .filter(|&e| e != T::MAX)
            .collect();
        let most = CLOSED_MIN.max((part.len() - ends.len()) * CLOSED_RATIO);
        if ends.len() <= most {
            return Vec::new();
        }
        ends.sort_unstable();
        let mut cuts: Vec<T> = ends
            .chunks(most)
            .filter(|c| c.len() == most)
            .map(|c| c[most - 1])
            .collect();
        cuts.dedup();
        cuts
    }
}
