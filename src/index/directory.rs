//! Where the leaves are: a persistent map of pages, each a few hundred leaves in key order.
//!
//! The map (`im::OrdMap`, from the page's first separator) is shared between versions: folding new facts replaces the pages
//! it touches, and whoever holds an older version keeps all of it. Pages are blobs and are read when first needed, so opening does
//! not depend on how many leaves there are.
//!
//! A leaf's *past* is the list of leaves that covered its keys before, oldest first. It is a tree in time: when the list gets
//! long, its oldest entries move into a page of their own, and pages into pages. A leaf that splits by key gives all its
//! parts the same past, as one page; the parts' ranges are within the past leaves' ranges.

use std::ops::Bound;
use std::sync::Arc;

use super::blobs::Blobs;
use super::codec::{self, Reader};
use crate::datom::T;
use crate::error::{Code, Error, Result};
use crate::store::BlobId;

const FORMAT: u8 = 1;
const ENTRIES_MAX: u64 = 1 << 20;
/// A leaf's past grows to this many entries of one level before the older half moves into a page.
pub(super) const PAST_MAX: usize = if cfg!(test) { 6 } else { 64 };

/// Bytes that sort as keys do; the leaf they belong to begins there.
pub(super) type Separator = Arc<[u8]>;

/// A leaf that covered some keys up to `to`, or (level > 0) a page of such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) id: BlobId,
    /// The last t whose events it covers.
    pub(super) to: T,
    pub(super) level: u8,
}

/// A page of a past.
#[derive(Debug, PartialEq)]
pub(super) struct PastPage(pub(super) Vec<Past>);

/// The newest leaf of a key range, and those before it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Where its keys begin; they end where the next entry's begin.
    pub(super) separator: Separator,
    pub(super) id: BlobId,
    /// The first t whose events it covers.
    pub(super) from: T,
    /// Rows that hold now.
    pub(super) live: u32,
    /// Rows that ended since `from`.
    pub(super) closed: u32,
    pub(super) past: Vec<Past>,
}

/// Some leaves in key order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
}

/// A page that may not have been read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PageRef {
    pub(super) id: BlobId,
    /// Rows that hold now.
    pub(super) live: u64,
    pub(super) leaves: u32,
}

/// The leaves of one order.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    pub(super) pages: im::OrdMap<Separator, PageRef>,
}

impl Directory {
    /// A cursor at the leaf that may hold the first key at or after `bytes`; `None` when there are no leaves.
    pub(super) fn seek(&self, blobs: &Blobs, bytes: &[u8]) -> Result<Option<Cursor>> {
        let Some((separator, page_ref)) = self
            .pages
            .get_prev(bytes)
            .or_else(|| self.pages.get_min().map(|(k, v)| (k, v)))
        else {
            return Ok(None);
        };
        let page = blobs.page(page_ref.id)?;
        let at = page
            .entries
            .partition_point(|e| *e.separator <= *bytes)
            .saturating_sub(1);
        Ok(Some(Cursor {
            directory: self.clone(),
            separator: separator.clone(),
            page,
            at,
        }))
    }

    /// The page after the one that begins at `separator`.
    pub(super) fn after(&self, separator: &[u8]) -> Option<(&Separator, &PageRef)> {
        self.pages
            .range::<_, [u8]>((Bound::Excluded(separator), Bound::Unbounded))
            .next()
    }
}

/// A place in a directory that can step to the next leaf.
pub(super) struct Cursor {
    directory: Directory,
    separator: Separator,
    page: Arc<Page>,
    at: usize,
}

impl Cursor {
    pub(super) fn entry(&self) -> &Entry {
        &self.page.entries[self.at]
    }

    /// Where the next leaf begins; `None` at the last.
    pub(super) fn next_separator(&self) -> Option<&Separator> {
        match self.page.entries.get(self.at + 1) {
            Some(next) => Some(&next.separator),
            None => self.directory.after(&self.separator).map(|(separator, _)| separator),
        }
    }

    /// Steps to the next leaf; false when there is none.
    pub(super) fn advance(&mut self, blobs: &Blobs) -> Result<bool> {
        if self.at + 1 < self.page.entries.len() {
            self.at += 1;
            return Ok(true);
        }
        let Some((separator, page)) = self.directory.after(&self.separator) else {
            return Ok(false);
        };
        let page = blobs.page(page.id)?;
        self.separator = separator.clone();
        self.page = page;
        self.at = 0;
        Ok(true)
    }
}

impl Entry {
    /// The leaf that covers `t`. A leaf knows the state at the end of the one before it, too, but is not taken for it:
    /// entries that share a past leaf must all choose it, since it is read once for the keys of all.
    pub(super) fn leaf_at(&self, blobs: &Blobs, t: T) -> Result<BlobId> {
        if t >= self.from {
            return Ok(self.id);
        }
        let mut list: Arc<PastPage>;
        let mut past = &self.past[..];
        loop {
            let Some(next) = past.get(past.partition_point(|p| p.to < t)) else {
                return Ok(self.id);
            };
            if next.level == 0 {
                return Ok(next.id);
            }
            list = blobs.past(next.id)?;
            past = &list.0;
        }
    }

    /// Calls `each` with the leaves that cover events at `first..=last`, oldest first.
    pub(super) fn leaves_between(
        &self,
        blobs: &Blobs,
        first: T,
        last: T,
        each: &mut dyn FnMut(BlobId) -> Result<()>,
    ) -> Result<()> {
        if self.from > first {
            past_between(blobs, &self.past, 0, first, last, each)?;
        }
        if self.from <= last { each(self.id) } else { Ok(()) }
    }
}

/// The depth of this recursion is the level of the past: a logarithm of its length.
fn past_between(
    blobs: &Blobs,
    past: &[Past],
    begin: T,
    first: T,
    last: T,
    each: &mut dyn FnMut(BlobId) -> Result<()>,
) -> Result<()> {
    let mut from = begin;
    for p in past {
        if p.to >= first && from <= last {
            if p.level == 0 {
                each(p.id)?;
            } else {
                past_between(blobs, &blobs.past(p.id)?.0, from, first, last, each)?;
            }
        }
        from = p.to + 1;
    }
    Ok(())
}

fn put_past(out: &mut Vec<u8>, past: &[Past]) {
    codec::put(out, past.len() as u64);
    let mut before = 0;
    for p in past {
        codec::put(out, p.id);
        codec::put(out, p.to - before);
        out.push(p.level);
        before = p.to;
    }
}

fn read_past(r: &mut Reader) -> Option<Vec<Past>> {
    let n = r.count(ENTRIES_MAX)?;
    let mut past = Vec::new();
    let mut to = 0u64;
    for _ in 0..n {
        let id = r.get()?;
        to = to.checked_add(r.get()?)?;
        past.push(Past {
            id,
            to,
            level: r.byte()?,
        });
    }
    Some(past)
}

impl PastPage {
    pub(super) fn weight(&self) -> usize {
        self.0.len() * size_of::<Past>() + 32
    }
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        put_past(&mut out, &self.0);
        out
    }
    pub(super) fn decode(bytes: &[u8]) -> Result<PastPage> {
        let mut r = Reader(bytes);
        let read = |r: &mut Reader| (r.byte()? == FORMAT).then(|| read_past(r))?.map(PastPage);
        read(&mut r).filter(|_| r.0.is_empty()).ok_or_else(damaged)
    }
}

impl Page {
    pub(super) fn weight(&self) -> usize {
        let entry = |e: &Entry| e.separator.len() + e.past.len() * size_of::<Past>() + size_of::<Entry>() + 16;
        self.entries.iter().map(entry).sum()
    }
    pub(super) fn live(&self) -> u64 {
        self.entries.iter().map(|e| u64::from(e.live)).sum()
    }
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        codec::put(&mut out, self.entries.len() as u64);
        let mut before: &[u8] = &[];
        for e in &self.entries {
            // Neighbours share most of their first bytes.
            let shared = e.separator.iter().zip(before).take_while(|(a, b)| a == b).count();
            codec::put(&mut out, shared as u64);
            codec::put_bytes(&mut out, &e.separator[shared..]);
            before = &e.separator;
            codec::put(&mut out, e.id);
            codec::put(&mut out, e.from);
            codec::put(&mut out, u64::from(e.live));
            codec::put(&mut out, u64::from(e.closed));
            put_past(&mut out, &e.past);
        }
        out
    }
    pub(super) fn decode(bytes: &[u8]) -> Result<Page> {
        let mut r = Reader(bytes);
        let read = |r: &mut Reader| -> Option<Page> {
            if r.byte()? != FORMAT {
                return None;
            }
            let n = r.count(ENTRIES_MAX)?;
            let mut entries: Vec<Entry> = Vec::new();
            for _ in 0..n {
                let shared = usize::try_from(r.get()?).ok()?;
                let rest = r.bytes()?;
                let before: &[u8] = entries.last().map_or(&[], |e| &e.separator);
                let separator: Separator = [before.get(..shared)?, rest].concat().into();
                let (id, from) = (r.get()?, r.get()?);
                let (live, closed) = (u32::try_from(r.get()?).ok()?, u32::try_from(r.get()?).ok()?);
                entries.push(Entry {
                    separator,
                    id,
                    from,
                    live,
                    closed,
                    past: read_past(r)?,
                });
            }
            Some(Page { entries })
        };
        read(&mut r)
            .filter(|p| r.0.is_empty() && !p.entries.is_empty())
            .ok_or_else(damaged)
    }
}

fn damaged() -> Error {
    Error::new(Code::CorruptStore, "a page of an index's directory does not decode")
}
