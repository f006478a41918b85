//! Rows found by what they are equal in: what joins and grouping ask.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::Var;
use super::column::{Column, Tag, Types, ref_of_long};
use super::hash::mix;
use super::relation::Relation;

/// Key columns: plain words, one type or tags beside them.
pub(crate) type Keys = Vec<Arc<Column>>;

/// The words that equality compares, for some variables of two relations. `None`: no row can equal.
pub(crate) fn keys(left: &Relation, right: &Relation, on: &[Var]) -> Option<(Keys, Keys)> {
    let (mut ls, mut rs) = (Vec::with_capacity(on.len()), Vec::with_capacity(on.len()));
    for v in on {
        let l = left.col(*v).expect("joins are on variables of both sides");
        let r = right.col(*v).expect("joins are on variables of both sides");
        match (&l.types, &r.types) {
            (Types::One(a), Types::One(b)) if a == b => {
                ls.push(l.clone());
                rs.push(r.clone());
            }
            (Types::One(a), Types::One(b)) if *a == Tag::REF && *b == Tag::LONG => {
                ls.push(l.clone());
                rs.push(as_refs(r));
            }
            (Types::One(a), Types::One(b)) if *a == Tag::LONG && *b == Tag::REF => {
                ls.push(as_refs(l));
                rs.push(r.clone());
            }
            (Types::One(_), Types::One(_)) => return None,
            _ => {
                for (c, out) in [(l, &mut ls), (r, &mut rs)] {
                    out.extend(c.canonical_words().map(Arc::new));
                }
            }
        }
    }
    Some((ls, rs))
}

/// The rows in which two relations of the same length agree in some variables. `None`: no row can.
pub(crate) fn equal_rows(left: &Relation, right: &Relation, on: &[Var]) -> Option<Vec<u32>> {
    let (l, r) = keys(left, right, on)?;
    let equal = |i: &u32| {
        l.iter()
            .zip(&r)
            .all(|(x, y)| x.words[*i as usize] == y.words[*i as usize])
    };
    Some((0..left.len as u32).filter(equal).collect())
}

fn as_refs(c: &Column) -> Arc<Column> {
    Arc::new(Column::of(Tag::REF, c.words.iter().map(|&w| ref_of_long(w)).collect()))
}

/// Rows by key: a table of first rows and a chain of the rest, in ascending order.
pub(crate) struct KeyTable<'a> {
    keys: &'a [Arc<Column>],
    /// Of several keys, the least word and how many there may be: then a row's keys are one number, each word less the least beside the
    /// other. `None` for one key, which is its own number, and for words so far apart that only a hash is left of them.
    spans: Option<Vec<(u64, u64)>>,
    heads: Heads,
    next: Vec<u32>,
}

/// The first row of each number or hash.
enum Heads {
    /// Numbers that lie close together: a place for each.
    Close {
        low: u64,
        rows: Vec<u32>,
    },
    Hashed(FxHashMap<u64, u32>),
}

impl Heads {
    #[inline]
    fn get(&self, hash: u64) -> u32 {
        match self {
            Heads::Close { low, rows } => rows.get(hash.wrapping_sub(*low) as usize).copied().unwrap_or(END),
            Heads::Hashed(map) => map.get(&hash).copied().unwrap_or(END),
        }
    }
}

/// No row: the end of a chain.
pub(super) const END: u32 = u32::MAX;
/// So many places may lie empty between close words.
const CLOSE: u64 = 1 << 20;

impl<'a> KeyTable<'a> {
    pub fn new(keys: &'a [Arc<Column>], len: usize) -> KeyTable<'a> {
        let mut table = KeyTable {
            keys,
            spans: spans(keys),
            heads: Heads::Hashed(FxHashMap::default()),
            next: vec![END; len],
        };
        let close = |range: u64| range < (8 * len as u64).max((64 * len as u64).min(CLOSE)) + 4096;
        let (low, high) = match (&table.spans, keys) {
            (Some(spans), _) => (0, spans.iter().map(|(_, n)| n).product::<u64>() - 1),
            (None, [one]) => bounds(one),
            (None, _) => (0, u64::MAX),
        };
        if len > 0 && close(high - low) {
            let mut rows = vec![END; (high - low) as usize + 1];
            for i in (0..len).rev() {
                let number = table.number(keys, i).expect("the spans are those of these keys");
                table.next[i] = std::mem::replace(&mut rows[(number - low) as usize], i as u32);
            }
            table.heads = Heads::Close { low, rows };
            return table;
        }
        let mut heads: FxHashMap<u64, u32> = FxHashMap::with_capacity_and_hasher(len, Default::default());
        for i in (0..len).rev() {
            let number = table.number(keys, i).expect("the spans are those of these keys");
            if let Some(first) = heads.insert(number, i as u32) {
                table.next[i] = first;
            }
        }
        table.heads = Heads::Hashed(heads);
        table
    }
    /// What row `i` of `other` is looked up by; `None` when it lies outside the spans, where no row is.
    #[inline]
    fn number(&self, other: &[Arc<Column>], i: usize) -> Option<u64> {
        let Some(spans) = &self.spans else {
            return Some(match other {
                [one] => one.words[i],
                many => many.iter().fold(0, |h, c| mix(h, c.words[i])),
            });
        };
        let mut number = 0;
        for (col, (low, n)) in other.iter().zip(spans) {
            let place = col.words[i].wrapping_sub(*low);
            if place >= *n {
                return None;
            }
            number = number * n + place;
        }
        Some(number)
    }
    /// The rows whose one key is `word`.
    #[inline]
    pub fn matching(&self, word: u64) -> impl Iterator<Item = u32> + '_ {
        debug_assert_eq!(self.keys.len(), 1);
        let first = Some(self.heads.get(word)).filter(|at| *at != END);
        std::iter::successors(first, |at| Some(self.next[*at as usize]).filter(|at| *at != END))
    }
    /// The rows whose key equals row `i` of `other`.
    pub fn rows<'b>(&'b self, other: &'b [Arc<Column>], i: usize) -> impl Iterator<Item = u32> + 'b {
        let mut at = self.number(other, i).map_or(END, |number| self.heads.get(number));
        // What is no hash needs no second look.
        let exact = self.keys.len() == 1 || self.spans.is_some();
        std::iter::from_fn(move || {
            while at != END {
                let row = at;
                at = self.next[row as usize];
                if exact
                    || self
                        .keys
                        .iter()
                        .zip(other)
                        .all(|(a, b)| a.words[row as usize] == b.words[i])
                {
                    return Some(row);
                }
            }
            None
        })
    }
    pub fn contains(&self, other: &[Arc<Column>], i: usize) -> bool {
        self.rows(other, i).next().is_some()
    }
}

fn bounds(c: &Column) -> (u64, u64) {
    let words = c.words.iter();
    words.fold((u64::MAX, 0), |(low, high), w| (low.min(*w), high.max(*w)))
}

/// The spans of several keys, when all that lies within them can be numbered.
fn spans(keys: &[Arc<Column>]) -> Option<Vec<(u64, u64)>> {
    if keys.len() < 2 || keys[0].len() == 0 {
        return None;
    }
    let mut possible = 1u64;
    keys.iter()
        .map(|c| {
            let (low, high) = bounds(c);
            let n = (high - low).checked_add(1)?;
            possible = possible.checked_mul(n).filter(|p| *p < 1 << 63)?;
            Some((low, n))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datom::word;

    fn longs(xs: &[i64]) -> Column {
        Column::of(Tag::LONG, xs.iter().map(|&x| word::long(x)).collect())
    }

    #[test]
    fn an_entitys_number_joins_the_entity_and_no_other_types_join() {
        let (x, y) = (Var(0), Var(1));
        let l = Relation::new(vec![x], vec![Column::of(Tag::REF, vec![5, 6])], 2);
        let r = Relation::new(vec![x, y], vec![longs(&[6, -1]), longs(&[1, 2])], 2);
        let (lk, rk) = keys(&l, &r, &[x]).expect("comparable");
        let table = KeyTable::new(&rk, 2);
        assert_eq!((0..2).map(|i| table.rows(&lk, i).count()).collect::<Vec<_>>(), [0, 1]);
        let b = Relation::new(vec![x], vec![Column::of(Tag::BOOLEAN, vec![1])], 1);
        assert!(keys(&l, &b, &[x]).is_none());
    }

    #[test]
    fn several_keys_are_found_whether_they_lie_close_or_far_apart() {
        for far in [1, 1 << 20, 1 << 40] {
            let column = |n: u64, of: u64| Arc::new(Column::of(Tag::REF, (0..200).map(|i| i * n % of * far).collect()));
            let (mine, theirs) = (vec![column(7, 23), column(5, 31)], vec![column(3, 29), column(11, 37)]);
            let table = KeyTable::new(&mine, 200);
            for i in 0..200 {
                let same = |j: &usize| mine.iter().zip(&theirs).all(|(a, b)| a.words[*j] == b.words[i]);
                let expected: Vec<u32> = (0..200).filter(same).map(|j| j as u32).collect();
                assert_eq!(table.rows(&theirs, i).collect::<Vec<_>>(), expected);
            }
        }
        let none: Keys = [(), ()].map(|()| Arc::new(Column::new(Tag::REF))).to_vec();
        let one: Keys = [1, 1].map(|w| Arc::new(Column::of(Tag::REF, vec![w]))).to_vec();
        assert!(!KeyTable::new(&none, 0).contains(&one, 0));
    }
}
