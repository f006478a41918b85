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
use super::page::{Entry, Page, Past, PastPage, Separator};
use crate::datom::T;
use crate::error::Result;
use crate::store::BlobId;

/// A leaf's past grows to this many entries of one level before the older half moves into a page.
pub(super) const PAST_MAX: usize = if cfg!(test) { 6 } else { 64 };
/// When a leaf is split, each part gets a copy of at most this many entries of each level of its past.
pub(super) const PAST_COPIED: usize = if cfg!(test) { 2 } else { 8 };

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

    /// Steps to the next leaf; false when there is none. With `live`, pages of leaves in which nothing holds any more are passed over.
    pub(super) fn advance(&mut self, blobs: &Blobs, live: bool) -> Result<bool> {
        if self.at + 1 < self.page.entries.len() {
            self.at += 1;
            return Ok(true);
        }
        let mut next = self.directory.after(&self.separator);
        while let Some((separator, page)) = next
            && live
            && page.live == 0
        {
            next = self.directory.after(separator);
        }
        let Some((separator, page)) = next else {
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
