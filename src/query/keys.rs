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
    heads: Heads,
    next: Vec<u32>,
}

/// The first row of each hash.
enum Heads {
    /// One key whose words lie close together: a place for each.
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
        let mut next = vec![END; len];
        if let [one] = keys
            && let (Some(&low), Some(&high)) = (one.words.iter().min(), one.words.iter().max())
            && high - low < (8 * len as u64).max((64 * len as u64).min(CLOSE)) + 4096
        {
            let mut rows = vec![END; (high - low) as usize + 1];
            for i in (0..len).rev() {
                next[i] = std::mem::replace(&mut rows[(one.words[i] - low) as usize], i as u32);
            }
            let heads = Heads::Close { low, rows };
            return KeyTable { keys, heads, next };
        }
        let mut heads: FxHashMap<u64, u32> = FxHashMap::with_capacity_and_hasher(len, Default::default());
        for i in (0..len).rev() {
            if let Some(first) = heads.insert(key_hash(keys, i), i as u32) {
                next[i] = first;
            }
        }
        let heads = Heads::Hashed(heads);
        KeyTable { keys, heads, next }
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
        let mut at = self.heads.get(key_hash(other, i));
        // One key column is its own hash, so a match needs no second look.
        let exact = self.keys.len() == 1;
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

fn key_hash(keys: &[Arc<Column>], i: usize) -> u64 {
    match keys {
        [one] => one.words[i],
        many => many.iter().fold(0, |h, c| mix(h, c.words[i])),
    }
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
}
