//! Rows in columns.

use std::sync::Arc;

use hashbrown::HashTable;

use super::ast::Var;
use super::column::{Column, Tag, Types};
use super::hash::{KeySet, mix};

/// Rows over variables. The unit has no variable and one row: true; with no row it is false.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub vars: Vec<Var>,
    pub cols: Vec<Arc<Column>>,
    pub len: usize,
    /// The rows ascend by this variable's words.
    pub sorted: Option<Var>,
    /// No two rows are equal.
    pub distinct: bool,
}

impl Relation {
    /// No variable, one row.
    pub fn unit() -> Relation {
        Relation {
            vars: Vec::new(),
            cols: Vec::new(),
            len: 1,
            sorted: None,
            distinct: true,
        }
    }
    pub fn new(vars: Vec<Var>, cols: Vec<Column>, len: usize) -> Relation {
        debug_assert!(cols.iter().all(|c| c.len() == len) && vars.len() == cols.len());
        Relation {
            vars,
            cols: cols.into_iter().map(Arc::new).collect(),
            len,
            sorted: None,
            distinct: false,
        }
    }
    pub fn empty(vars: &[Var]) -> Relation {
        let cols = vars.iter().map(|_| Column::new(Tag::REF)).collect();
        Relation {
            distinct: true,
            ..Relation::new(vars.to_vec(), cols, 0)
        }
    }
    /// About what it takes up.
    pub fn bytes(&self) -> usize {
        let each = |c: &Arc<Column>| match c.types {
            Types::One(_) => 8,
            Types::Each(_) => 9,
        };
        self.cols.iter().map(each).sum::<usize>() * self.len
    }
    pub fn at(&self, v: Var) -> Option<usize> {
        self.vars.iter().position(|x| *x == v)
    }
    pub fn col(&self, v: Var) -> Option<&Arc<Column>> {
        self.at(v).map(|i| &self.cols[i])
    }
    pub fn with(mut self, v: Var, col: impl Into<Arc<Column>>) -> Relation {
        let col = col.into();
        debug_assert_eq!(col.len(), self.len);
        self.vars.push(v);
        self.cols.push(col);
        self
    }
    /// The columns of `keep` that it has, in that order; rows stay as they are.
    pub fn project(&self, keep: &[Var]) -> Relation {
        let kept: Vec<usize> = keep.iter().filter_map(|v| self.at(*v)).collect();
        // What is the same in every row tells no two rows apart.
        let same = |c: &Column| c.one_type().is_some() && c.words.iter().all(|w| *w == c.words[0]);
        let mut dropped = (0..self.vars.len()).filter(|i| !kept.contains(i));
        let all = self.distinct && dropped.all(|i| same(&self.cols[i]));
        Relation {
            vars: kept.iter().map(|&i| self.vars[i]).collect(),
            cols: kept.iter().map(|&i| self.cols[i].clone()).collect(),
            len: self.len,
            sorted: self.sorted.filter(|v| keep.contains(v)),
            distinct: self.distinct && all,
        }
    }
    /// As [`Relation::project`]: nothing to do when it has just these columns.
    pub fn into_projected(self, keep: &[Var]) -> Relation {
        match self.vars == keep {
            true => self,
            false => self.project(keep),
        }
    }
    /// The rows at `at`, which ascend when `in_order`.
    pub fn gather(&self, at: &[u32], in_order: bool) -> Relation {
        Relation {
            vars: self.vars.clone(),
            cols: self.cols.iter().map(|c| Arc::new(c.gather(at))).collect(),
            len: at.len(),
            sorted: self.sorted.filter(|_| in_order),
            distinct: false,
        }
    }
    /// The rows for which `keep` holds.
    pub fn select(&self, keep: &[u32]) -> Relation {
        if keep.len() == self.len {
            return self.clone();
        }
        Relation {
            distinct: self.distinct,
            ..self.gather(keep, true)
        }
    }
    /// Each row once, the first of equal ones.
    pub fn dedup(self) -> Relation {
        if self.distinct || self.len <= 1 {
            return Relation { distinct: true, ..self };
        }
        if self.cols.is_empty() {
            return Relation {
                len: self.len.min(1),
                distinct: true,
                ..self
            };
        }
        let keep = match self.packed() {
            Some(keys) => first_of_each(&keys),
            None => {
                let mut seen: HashTable<u32> = HashTable::with_capacity(self.len.min(1 << 16));
                let mut keep = Vec::new();
                for i in 0..self.len {
                    let hash = self.hash(i);
                    let same = |&j: &u32| self.cols.iter().all(|c| c.canonical(i) == c.canonical(j as usize));
                    if seen.find(hash, same).is_none() {
                        seen.insert_unique(hash, i as u32, |&j| self.hash(j as usize));
                        keep.push(i as u32);
                    }
                }
                keep
            }
        };
        Relation {
            distinct: true,
            ..self.select(&keep)
        }
    }
    /// Whether many rows are equal, as far as a sample of them shows.
    pub fn repeats(&self) -> bool {
        const SAMPLE: usize = 256;
        let step = (self.len / SAMPLE).max(1) as u32;
        let at: Vec<u32> = (0..SAMPLE as u32)
            .map(|i| i * step)
            .filter(|i| (*i as usize) < self.len)
            .collect();
        let sample = self.gather(&at, false);
        let all = sample.len;
        sample.dedup().len * 4 < all * 3
    }
    /// The rows as one number each, when they fit: words less the smallest of their column, side by side.
    fn packed(&self) -> Option<Vec<u64>> {
        if self.cols.iter().any(|c| c.one_type().is_none()) {
            return None;
        }
        let spans: Vec<(u64, u32)> = self
            .cols
            .iter()
            .map(|c| {
                let (mut low, mut high) = (u64::MAX, 0);
                for w in &c.words {
                    low = low.min(*w);
                    high = high.max(*w);
                }
                (low, 64 - (high - low).leading_zeros())
            })
            .collect();
        if spans.iter().map(|(_, bits)| bits).sum::<u32>() > 63 {
            return None;
        }
        let mut keys = vec![0u64; self.len];
        for (c, (low, bits)) in self.cols.iter().zip(spans) {
            for (key, w) in keys.iter_mut().zip(&c.words) {
                *key = *key << bits | (w - low);
            }
        }
        Some(keys)
    }
    fn hash(&self, i: usize) -> u64 {
        let mut h = 0;
        for c in &self.cols {
            h = mix(h, c.canonical(i).1);
        }
        h
    }
    /// The rows in which two variables are equal; a variable that is new becomes a copy of the other.
    pub fn equal(self, a: Var, b: Var) -> Relation {
        match (self.col(a), self.col(b)) {
            (Some(left), Some(right)) => {
                let same = left.equal_rows(right);
                self.select(&same)
            }
            (Some(known), None) => {
                let col = known.clone();
                self.with(b, col)
            }
            (None, Some(known)) => {
                let col = known.clone();
                self.with(a, col)
            }
            (None, None) => self,
        }
    }
    /// Appends the rows of a relation with the same variables, in any order.
    pub fn append(&mut self, other: &Relation) {
        for (i, v) in self.vars.iter().enumerate() {
            let theirs = other.col(*v).expect("branches bind the variables they join on");
            Arc::make_mut(&mut self.cols[i]).append(theirs);
        }
        self.len += other.len;
        self.sorted = None;
        self.distinct = false;
    }
}

/// Where each number stands first.
fn first_of_each(keys: &[u64]) -> Vec<u32> {
    let highest = keys.iter().copied().max().unwrap_or(0);
    if highest < 8 * keys.len() as u64 + 4096 {
        // Few possible numbers: a bit each.
        let mut seen = vec![0u64; (highest / 64 + 1) as usize];
        return (0..keys.len() as u32)
            .filter(|&i| {
                let key = keys[i as usize];
                let (slot, bit) = (&mut seen[(key / 64) as usize], 1 << (key % 64));
                let new = *slot & bit == 0;
                *slot |= bit;
                new
            })
            .collect();
    }
    let mut seen = KeySet::with_capacity(keys.len().min(1 << 12));
    (0..keys.len() as u32)
        .filter(|&i| seen.insert(keys[i as usize]))
        .collect()
}
