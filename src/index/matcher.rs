//! Reading by many keys at once: the facts of ascending entities, or of ascending values.
//!
//! A leaf is found once for all keys that lie in it, and in it the keys and the rows are passed side by side, whichever is
//! behind leaping forward. In a leaf whose entities follow each other without a gap, a row's place is a subtraction. Joins ask for
//! pairs of keys and rows ([`Matcher::each`]), pulls for all rows of a key together ([`Matcher::spans`]).

use std::ops::Range as Span;
use std::sync::Arc;

use super::directory::Cursor;
use super::key::{Keys, Order, Probe, Range, first_not_below};
use super::scan::{delta, overlay};
use super::{Batch, Columns, Core, View, Words};
use crate::error::Result;
use crate::store::BlobId;

/// So many pairs are handed out at once, about.
const PAIRS: usize = 1 << 16;

/// See the module.
pub struct Matcher {
    core: Arc<Core>,
    words: Words,
    order: Order,
    attr: u32,
    view: View,
    /// Each key has one fact at most.
    single: bool,
    leaves: u64,
    left: Vec<u32>,
    at: Vec<u32>,
}

/// The places of the keys of a leaf: up to `next` they lie before the leaf that follows, up to `end` also there.
struct Part {
    start: usize,
    next: usize,
    end: usize,
}

/// Where the next leaf's keys begin.
struct Border {
    key: u64,
    /// Facts of this key are on both sides.
    split: bool,
}

impl Matcher {
    pub(super) fn new(core: Arc<Core>, words: Words, order: Order, attr: u32, view: View, single: bool) -> Matcher {
        debug_assert!(!view.history, "a history has several leaves for a key");
        Matcher {
            core,
            words,
            order,
            attr,
            view,
            single,
            leaves: 0,
            left: Vec::new(),
            at: Vec::new(),
        }
    }

    /// How many leaves were read so far.
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Finds the facts of `keys`, which ascend: entities (EAVT, AEVT) or words of a type whose words are its values (AVET). Calls
    /// `found` with rows and pairs of places: that of a key, and that of a row with this key.
    pub fn each(&mut self, keys: &[u64], mut found: impl FnMut(&Columns, &[u32], &[u32]) -> Result<()>) -> Result<()> {
        self.leaves_of(keys, |matcher, rows, part| {
            matcher.meet(rows, keys, part.start..part.end, &mut found)?;
            if !matcher.at.is_empty() {
                found(rows.columns(), &matcher.left, &matcher.at)?;
            }
            Ok(part.next)
        })
    }

    /// Finds the facts of `keys`, which ascend and differ: entities (EAVT, AEVT), or what is referred to (VAET). Calls `found` with the
    /// place of a key and its rows; without rows for a key whose facts do not lie in one leaf, which is for the caller to read, since they
    /// may be very many. Nothing is said of keys without facts.
    pub fn spans(
        &mut self,
        keys: &[u64],
        mut found: impl FnMut(usize, Option<(&Columns, Span<usize>)>) -> Result<()>,
    ) -> Result<()> {
        debug_assert!(keys.windows(2).all(|w| w[0] < w[1]));
        let mut done = 0;
        self.leaves_of(keys, |matcher, rows, part| {
            let span = matcher.part(rows);
            let columns = rows.columns();
            let theirs = match matcher.order {
                Order::Avet | Order::Vaet => &columns.v[..span.end],
                _ => &columns.e[..span.end],
            };
            let mut j = span.start;
            let first = part.start.max(done);
            for (k, key) in (first..).zip(&keys[first..part.next.max(first)]) {
                // Keys that follow each other have their rows one after the other.
                if theirs.get(j) != Some(key) {
                    j = leap(theirs, j, *key);
                }
                if theirs.get(j) == Some(key) {
                    let start = j;
                    j = passed(theirs, j, *key);
                    found(k, Some((columns, start..j)))?;
                }
            }
            for k in part.next.max(done)..part.end {
                found(k, None)?;
            }
            done = done.max(part.end);
            Ok(part.end)
        })
    }

    /// Calls `met` with the rows of each leaf that may have some of the keys, and the places of these; it gives the place of the key to go
    /// on with.
    fn leaves_of(
        &mut self,
        keys: &[u64],
        mut met: impl FnMut(&mut Matcher, &Batch, Part) -> Result<usize>,
    ) -> Result<()> {
        debug_assert!(keys.is_sorted());
        let (Some(&low), Some(&high)) = (keys.first(), keys.last()) else {
            return Ok(());
        };
        let (core, words) = (self.core.clone(), self.words.clone());
        let order = Keys::new(self.order, &words, &core.kinds);
        let delta = delta(&core, &order, &self.range(low, high), self.view)?;
        let (leaf_keys, view) = (core.leaf_keys(self.order, &words), core.leaf_view(self.view));
        let mut events = 0;
        let mut place: Option<Cursor> = None;
        // A past leaf that is shared by two of today's showed all facts of the key at their border.
        let mut shown: Option<(BlobId, u64)> = None;
        let mut i = 0;
        while i < keys.len() {
            let cursor = match place.take() {
                Some(cursor) => cursor,
                None => {
                    let from = self.range(keys[i], keys[i]).from.bytes(self.order).unwrap_or_default();
                    match core.directories[self.order as usize].seek(&core.blobs, &from)? {
                        Some(cursor) => cursor,
                        None => {
                            let rows = self.laid(&order, Columns::default(), 0..0, &delta, 0..delta.len());
                            order.take_error()?;
                            let (start, next, end) = (0, keys.len(), keys.len());
                            return met(self, &rows, Part { start, next, end }).map(|_| ());
                        }
                    }
                }
            };
            let entry = cursor.entry();
            let separator = cursor.next_separator();
            let border = separator.and_then(|s| self.border(s));
            let (mut next, end) = match &border {
                None => (keys.len(), keys.len()),
                Some(b) => {
                    let next = leap(keys, i, b.key);
                    let same = keys[next..].iter().take_while(|k| b.split && **k == b.key).count();
                    (next, next + same)
                }
            };
            let id = match core.folded {
                Some(folded) if view.until < folded => entry.leaf_at(&core.blobs, view.until)?,
                _ => entry.id,
            };
            let mut from = i;
            if let Some((_, key)) = shown.filter(|(leaf, _)| *leaf == id) {
                from += keys[i..end].iter().take_while(|k| **k == key).count();
            }
            if from < end {
                self.leaves += 1;
                let now = core.is_newest(view);
                let leaf = if now { Some(core.blobs.leaf(id)?) } else { None };
                let range = || self.range(keys[from], keys[end - 1]);
                let mut rows = match leaf {
                    Some(leaf) => Batch::new(leaf.live.clone(), 0, leaf.live.len()),
                    None => {
                        let range = range();
                        let range = core.leaf_range(self.order, &range);
                        core.blobs.state(id, &leaf_keys, &range, view)?
                    }
                };
                leaf_keys.take_error()?;
                if events < delta.len() {
                    let upto = match separator {
                        Some(s) => order.bytes_bound(&delta, events..delta.len(), s)?,
                        None => delta.len(),
                    };
                    let here = order.within(&delta, events..upto, &range());
                    events = upto;
                    if !here.is_empty() {
                        let base = order.within(rows.columns(), rows.span(), &range());
                        rows = self.laid(&order, rows.columns(), base, &delta, here);
                    }
                }
                order.take_error()?;
                let start = from;
                next = met(self, &rows, Part { start, next, end })?;
            }
            shown = border.filter(|b| b.split).map(|b| (id, b.key));
            i = next;
            if i < keys.len() {
                let mut cursor = cursor;
                if cursor.advance(&core.blobs, false)? {
                    // The leaf beside this one is the usual case; one further away is looked for from the top.
                    let border = cursor.next_separator().and_then(|s| self.border(s));
                    let near = border.is_none_or(|b| keys[i] < b.key || keys[i] == b.key && b.split);
                    place = Some(cursor).filter(|_| near || next < end);
                } else {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The facts of all keys from `low` to `high`.
    fn range(&self, low: u64, high: u64) -> Range {
        match self.order {
            Order::Eavt => Range {
                from: Range::e(low).from,
                to: Range::e(high).to,
            },
            Order::Aevt => Range {
                from: Range::ea(low, self.attr).from,
                to: Range::ea(high, self.attr).to,
            },
            Order::Vaet => Range {
                from: Range::v(low).from,
                to: Range::v(high).to,
            },
            Order::Avet => Range::values(
                self.attr,
                Some((Probe::inline(low), true)),
                Some((Probe::inline(high), true)),
            ),
        }
    }

    /// The key at which a leaf begins; `None` when it lies beyond the attribute.
    fn border(&self, separator: &[u8]) -> Option<Border> {
        let rest = match self.order {
            Order::Eavt | Order::Vaet => separator,
            _ => {
                let (attr, rest) = separator.split_at(separator.len().min(4));
                if attr != self.attr.to_be_bytes() {
                    return None;
                }
                rest
            }
        };
        let mut key = [0; 8];
        let n = rest.len().min(8);
        key[..n].copy_from_slice(&rest[..n]);
        Some(Border {
            key: u64::from_be_bytes(key),
            split: rest.len() > 8,
        })
    }

    /// Rows `base` with what happened since.
    fn laid(
        &self,
        order: &Keys,
        columns: impl std::borrow::Borrow<Columns>,
        base: Span<usize>,
        delta: &Columns,
        events: Span<usize>,
    ) -> Batch {
        let mut out = Columns::with_capacity(base.len() + events.len());
        overlay(order, columns.borrow(), base, delta, events, self.view.since, &mut out);
        Batch::whole(out)
    }

    /// The rows of the attribute.
    fn part(&self, rows: &Batch) -> Span<usize> {
        let mut span = rows.span();
        let a = &rows.columns().a[..span.end];
        if matches!(self.order, Order::Aevt | Order::Avet)
            && !span.is_empty()
            && (a[span.start] != self.attr || a[span.end - 1] != self.attr)
        {
            span.start += a[span.start..].partition_point(|x| *x < self.attr);
            span.end = span.start + a[span.start..].partition_point(|x| *x == self.attr);
        }
        span
    }

    /// The pairs of keys and rows, into `left` and `at`. When these are full, `found` has them: keys and rows that are all alike make more
    /// pairs than there is memory for.
    fn meet(
        &mut self,
        rows: &Batch,
        keys: &[u64],
        part: Span<usize>,
        found: &mut impl FnMut(&Columns, &[u32], &[u32]) -> Result<()>,
    ) -> Result<()> {
        self.left.clear();
        self.at.clear();
        let columns = rows.columns();
        let span = self.part(rows);
        let theirs = match self.order {
            Order::Avet => &columns.v[span.clone()],
            _ => &columns.e[span.clone()],
        };
        let (Some(&first), Some(&last)) = (theirs.first(), theirs.last()) else {
            return Ok(());
        };
        let (mine, base) = (&keys[part.clone()], (part.start as u32, span.start as u32));
        let ascend = || self.single || mine.len() * 16 >= theirs.len() && theirs.windows(2).all(|w| w[0] < w[1]);
        if last - first == theirs.len() as u64 - 1 && ascend() {
            for (k, key) in mine.iter().enumerate() {
                let place = key.wrapping_sub(first);
                if place < theirs.len() as u64 {
                    self.left.push(base.0 + k as u32);
                    self.at.push(base.1 + place as u32);
                }
            }
            return Ok(());
        }
        let far = theirs.len() / mine.len() > 64;
        let (mut k, mut j) = (0, 0);
        while k < mine.len() && j < theirs.len() {
            let (key, row) = (mine[k], theirs[j]);
            if key < row {
                k = leap(mine, k, row);
            } else if row < key {
                j = match far {
                    true => first_not_below(theirs, j, key),
                    false => leap(theirs, j, key),
                };
            } else {
                let same = 1 + theirs[j + 1..].iter().take_while(|x| **x == key).count();
                while k < mine.len() && mine[k] == key {
                    for x in j..j + same {
                        self.left.push(base.0 + k as u32);
                        self.at.push(base.1 + x as u32);
                    }
                    if self.at.len() >= PAIRS {
                        found(columns, &self.left, &self.at)?;
                        self.left.clear();
                        self.at.clear();
                    }
                    k += 1;
                }
                j += same;
            }
        }
        Ok(())
    }
}

/// The first place from `i` on that holds another number than `key`.
fn passed(numbers: &[u64], mut i: usize, key: u64) -> usize {
    const NEAR: usize = 8;
    while let Some(near) = numbers.get(i..i + NEAR) {
        let same = near.iter().filter(|x| **x == key).count();
        i += same;
        if same < NEAR {
            return i;
        }
        if numbers.get(i + 64) == Some(&key) {
            return i + numbers[i..].partition_point(|x| *x == key);
        }
    }
    i + numbers[i..].iter().take_while(|x| **x == key).count()
}

/// The first place from `i` on whose number is at least `key`: a look at the next few at once, then doubling steps and halving.
fn leap(numbers: &[u64], i: usize, key: u64) -> usize {
    const NEAR: usize = 8;
    if let Some(near) = numbers.get(i..i + NEAR) {
        let below = near.iter().filter(|x| **x < key).count();
        if below < NEAR {
            return i + below;
        }
    }
    let (mut low, mut step) = (i, NEAR);
    while low + step <= numbers.len() && numbers[low + step - 1] < key {
        low += step;
        step *= 2;
    }
    let high = (low + step).min(numbers.len());
    low + numbers[low..high].partition_point(|x| *x < key)
}
