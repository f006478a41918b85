//! Which rows are there already: a bit each where their words lie close together, else a number each, else a hash of each.
//!
//! Recursion asks this of every row that it derives, mostly in vain, so it is most of what recursion costs. Rows of a few columns of
//! entities are packed into one number: each word less the smallest of its column, side by side.

use hashbrown::HashTable;

use super::hash::KeySet;
use crate::datom::Word;

/// So many possible rows may there be for each that is, for all of them to have a bit.
const DENSE: u64 = 128;
/// Possible rows that have a bit however few there are.
const DENSE_MIN: u64 = 4096;

#[derive(Debug)]
pub(super) enum Seen {
    Bits(Packing, Vec<u64>),
    Keys(Packing, KeySet),
    /// Rows by hash, for columns of several types and words that lie far apart.
    Rows(HashTable<u32>),
}

/// Rows as numbers.
#[derive(Debug, Default)]
pub(super) struct Packing {
    /// Of each column, the smallest word there may be, and how many there may be.
    spans: Vec<(Word, u64)>,
    /// How many different rows that makes; at most 2^63.
    possible: u64,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen::Keys(Packing::default(), KeySet::default())
    }
}

impl Packing {
    /// Room for the words of `mine` and `theirs`; more than that where what was there proved too narrow. `None`: too many rows are possible.
    fn of(old: &Packing, mine: &[&[Word]], theirs: &[&[Word]]) -> Option<Packing> {
        let mut made = Packing {
            spans: Vec::with_capacity(theirs.len()),
            possible: 1,
        };
        for (k, theirs) in theirs.iter().enumerate() {
            let (mut low, mut high) = bounds(theirs);
            let mut span = (high - low).checked_add(1)?;
            if let (Some((first, room)), Some(mine)) = (old.spans.get(k), mine.get(k).filter(|m| !m.is_empty())) {
                if within((low, high), (*first, *room)) {
                    (low, span) = (*first, *room);
                } else {
                    let (l, h) = bounds(mine);
                    (low, high) = (low.min(l), high.max(h));
                    // Those to come may lie further out still.
                    let wide = (high - low).checked_add(1)?;
                    low = low.saturating_sub(wide / 4);
                    span = (high - low).checked_add(1)?.checked_add(wide / 4)?;
                }
            }
            made.possible = made.possible.checked_mul(span).filter(|n| *n <= 1 << 63)?;
            made.spans.push((low, span));
        }
        Some(made)
    }

    fn holds(&self, theirs: &[&[Word]]) -> bool {
        self.spans.len() == theirs.len()
            && self
                .spans
                .iter()
                .zip(theirs)
                .all(|(span, words)| within(bounds(words), *span))
    }

    /// Calls `each` with the number of every row.
    #[inline]
    fn each(&self, cols: &[&[Word]], mut each: impl FnMut(u32, u64)) {
        match (cols, &self.spans[..]) {
            ([x], [(low, _)]) => {
                for (i, w) in x.iter().enumerate() {
                    each(i as u32, w - low);
                }
            }
            ([x, y], [(low, _), (low_y, span_y)]) => {
                for (i, (x, y)) in x.iter().zip(*y).enumerate() {
                    each(i as u32, (x - low) * span_y + (y - low_y));
                }
            }
            _ => {
                for i in 0..cols.first().map_or(0, |c| c.len()) {
                    let pack = |n: u64, (col, (low, span)): (&&[Word], &(Word, u64))| n * span + (col[i] - low);
                    each(i as u32, cols.iter().zip(&self.spans).fold(0, pack));
                }
            }
        }
    }
}

fn bounds(words: &[Word]) -> (Word, Word) {
    words
        .iter()
        .fold((Word::MAX, 0), |(low, high), w| (low.min(*w), high.max(*w)))
}

fn within((low, high): (Word, Word), (first, span): (Word, u64)) -> bool {
    low >= first && high - first < span
}

impl Seen {
    /// The rows of `theirs`, columns of one type each, that are not among `mine` yet, each once; from now on they count as there. `None`:
    /// they cannot be packed, and are to be hashed one by one.
    pub fn fresh(&mut self, mine: &[&[Word]], theirs: &[&[Word]]) -> Option<Vec<u32>> {
        let n = theirs.first().map_or(0, |c| c.len());
        if n == 0 {
            return Some(Vec::new());
        }
        let len = mine.first().map_or(0, |c| c.len());
        self.make_room(mine, theirs, (len + n) as u64)?;
        let mut fresh = Vec::new();
        match self {
            Seen::Bits(packing, bits) => packing.each(theirs, |i, key| {
                let (slot, bit) = (&mut bits[(key / 64) as usize], 1 << (key % 64));
                if *slot & bit == 0 {
                    *slot |= bit;
                    fresh.push(i);
                }
            }),
            Seen::Keys(packing, keys) => packing.each(theirs, |i, key| {
                if keys.insert(key) {
                    fresh.push(i);
                }
            }),
            Seen::Rows(_) => return None,
        }
        Some(fresh)
    }

    fn make_room(&mut self, mine: &[&[Word]], theirs: &[&[Word]], rows: u64) -> Option<()> {
        let dense = |possible: u64| possible <= rows * DENSE + DENSE_MIN;
        let packing = match self {
            Seen::Bits(packing, _) if packing.holds(theirs) => return Some(()),
            Seen::Keys(packing, _) if !dense(packing.possible) && packing.holds(theirs) => return Some(()),
            Seen::Bits(packing, _) | Seen::Keys(packing, _) => Packing::of(packing, mine, theirs)?,
            Seen::Rows(_) => return None,
        };
        *self = if dense(packing.possible) {
            let mut bits = vec![0u64; (packing.possible / 64 + 1) as usize];
            packing.each(mine, |_, key| bits[(key / 64) as usize] |= 1 << (key % 64));
            Seen::Bits(packing, bits)
        } else {
            let mut keys = KeySet::with_capacity(rows as usize);
            packing.each(mine, |_, key| {
                keys.insert(key);
            });
            Seen::Keys(packing, keys)
        };
        Some(())
    }

    /// The rows by hash, from now on. `hash` tells that of a row, of which there are `len`.
    pub fn hashed(&mut self, len: usize, hash: impl Fn(usize) -> u64) -> &mut HashTable<u32> {
        if !matches!(self, Seen::Rows(_)) {
            let mut table = HashTable::with_capacity(len);
            for row in 0..len {
                table.insert_unique(hash(row), row as u32, |&j| hash(j as usize));
            }
            *self = Seen::Rows(table);
        }
        match self {
            Seen::Rows(table) => table,
            _ => unreachable!("made above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Adds batches of pairs from a domain of so many words each, and compares with a set.
    fn pairs_from(domain: u64, far: u64) {
        let mut seed = domain;
        let mut next = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % domain * far + 1000
        };
        let (mut seen, mut known) = (Seen::default(), BTreeSet::new());
        let (mut x, mut y): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        for batch in 0..40 {
            let new: Vec<(u64, u64)> = (0..batch * 7).map(|_| (next(), next() / 2)).collect();
            let (a, b): (Vec<u64>, Vec<u64>) = new.iter().copied().unzip();
            let fresh = seen.fresh(&[&x, &y], &[&a, &b]).expect("they are packed");
            let expected: Vec<u32> = (0..new.len() as u32)
                .filter(|i| known.insert(new[*i as usize]))
                .collect();
            assert_eq!(fresh, expected);
            for i in fresh {
                x.push(a[i as usize]);
                y.push(b[i as usize]);
            }
        }
    }

    #[test]
    fn rows_are_seen_once_whether_they_lie_close_or_far_apart() {
        pairs_from(30, 1);
        pairs_from(3000, 1);
        pairs_from(50, 1 << 20);
    }

    #[test]
    fn words_without_bounds_are_hashed() {
        let mut seen = Seen::default();
        assert!(seen.fresh(&[&[], &[]], &[&[0, u64::MAX - 1], &[5, 6]]).is_none());
        assert!(seen.fresh(&[&[]], &[&[0, u64::MAX]]).is_none());
    }
}
