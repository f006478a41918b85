//! The rows of a range of keys: for the most common ranges, found without comparing keys.

use std::ops::Range as Span;

use super::Columns;
use super::key::{Keys, Order, Range};
use crate::datom::Word;

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
        low += place_of(x.word, &v[low..high])?;
        let count = v[low..high].iter().take_while(|w| **w == x.word).count();
        Some(span.start + low..span.start + low + count)
    }
}

/// Where a word stands first. The lower halves are compared, many at once: of words that begin alike, the upper ones hardly differ.
fn place_of(word: Word, words: &[Word]) -> Option<usize> {
    const AT_ONCE: usize = 32;
    let half = |w: &Word| *w as u32;
    let (parts, rest) = words.as_chunks::<AT_ONCE>();
    for (i, part) in parts.iter().enumerate() {
        // A sum has no early end that would be looked for after each.
        let alike: u32 = part.iter().map(|w| u32::from(half(w) == half(&word))).sum();
        if alike > 0
            && let Some(at) = part.iter().position(|w| *w == word)
        {
            return Some(i * AT_ONCE + at);
        }
    }
    let at = rest.iter().position(|w| *w == word)?;
    Some(parts.len() * AT_ONCE + at)
}

#[cfg(test)]
mod tests {
    use super::place_of;

    #[test]
    fn the_first_of_equal_words_is_found_among_words_that_look_alike() {
        for n in 0..140u64 {
            let mut words: Vec<u64> = (0..n).map(|i| 7 | (i + 1) << 32).collect();
            assert_eq!(place_of(7, &words), None);
            for at in 0..n as usize {
                let word = words[at];
                assert_eq!(place_of(word, &words), Some(at));
                words.push(word);
                assert_eq!(place_of(word, &words), Some(at));
                words.pop();
            }
        }
    }
}
