//! The rows of a range of keys: for the most common ranges, found without comparing keys.

use std::ops::Range as Span;

use super::Columns;
use super::key::{Keys, Order, Range};

impl Keys<'_> {
    /// The rows of `range` among rows `span` of `columns`.
    pub(super) fn within(&self, columns: &Columns, span: Span<usize>, range: &Range) -> Span<usize> {
        let quick = match self.order {
            Order::Eavt => self.entity_within(columns, span.clone(), range),
            Order::Avet => self.text_within(columns, span.clone(), range),
            Order::Aevt | Order::Vaet => None,
        };
        if let Some(rows) = quick {
            return rows;
        }
        let from = self.lower_bound(columns, span.clone(), &range.from);
        from..self.gallop(columns, from..span.end, &range.to)
    }

    /// As [`Keys::within`] in EAVT, for all of an entity or all its values of an attribute.
    fn entity_within(&self, columns: &Columns, span: Span<usize>, range: &Range) -> Option<Span<usize>> {
        let (from, to) = (&range.from, &range.to);
        let whole = (from.e, from.len) == (to.e, to.len) && !from.after && to.after;
        if !whole || !(from.len == 1 || from.len == 2 && from.a == to.a) {
            return None;
        }
        let rows = self.entity_rows(columns, span, from)?;
        let a = &columns.a[rows.clone()];
        if from.len == 1 || a.first() == Some(&from.a) && a.last() == Some(&from.a) {
            return Some(rows);
        }
        let before = a.partition_point(|&a| a < from.a);
        let count = a[before..].partition_point(|&a| a == from.a);
        Some(rows.start + before..rows.start + before + count)
    }

    /// As [`Keys::within`] in AVET, for all facts with one text. Comparing texts means to fetch them, and halving a leaf takes a dozen; but
    /// rows with this text have its very word, and looking through plain numbers costs little.
    fn text_within(&self, columns: &Columns, span: Span<usize>, range: &Range) -> Option<Span<usize>> {
        const AT_ONCE: usize = 16;
        const MOST: usize = 2048;
        let (from, to) = (&range.from, &range.to);
        let (x, y) = from.v.as_ref().zip(to.v.as_ref())?;
        let whole = (from.a, from.len, x.word) == (to.a, 2, y.word) && !from.after && to.after;
        if !whole || from.len != 2 || x.bytes.is_none() || self.inline(from.a) {
            return None;
        }
        let (a, v) = (&columns.a[span.clone()], &columns.v[span.clone()]);
        let (mut low, mut high) = (0, a.len());
        if a.first() != Some(&from.a) || a.last() != Some(&from.a) {
            low = a.partition_point(|a| *a < from.a);
            high = low + a[low..].partition_point(|a| *a == from.a);
        }
        // The first three bytes are in the word.
        low += v[low..high].partition_point(|w| w >> 40 < x.word >> 40);
        high = low + v[low..high].partition_point(|w| w >> 40 == x.word >> 40);
        if high - low > MOST {
            return None;
        }
        let chunk = |part: &[u64]| part.iter().fold(false, |any, w| any | (*w == x.word));
        let chunks = v[low..high].chunks(AT_ONCE).position(chunk)?;
        low += chunks * AT_ONCE;
        low += v[low..high].iter().take_while(|w| **w != x.word).count();
        let count = v[low..high].iter().take_while(|w| **w == x.word).count();
        Some(span.start + low..span.start + low + count)
    }
}
