//! Relations that grow, for recursion: each row once, and found by some of its columns.

use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxHashMap;

use super::ast::Var;
use super::column::{Column, Tag, Types, canonical};
use super::hash::mix;
use super::keys::END;
use super::relation::Relation;
use crate::error::Result;

/// Rows that only grow, each once, found by some of their columns: what recursive rules derive.
#[derive(Debug)]
pub(crate) struct Growing {
    pub rows: Relation,
    seen: HashTable<u32>,
    key: Vec<usize>,
    heads: FxHashMap<u64, u32>,
    next: Vec<u32>,
}

impl Growing {
    pub fn new(vars: &[Var], key: &[Var]) -> Growing {
        let rows = Relation::empty(vars);
        let key = key.iter().filter_map(|v| rows.at(*v)).collect();
        Growing {
            rows,
            seen: HashTable::new(),
            key,
            heads: FxHashMap::default(),
            next: Vec::new(),
        }
    }
    /// About what a row of so many columns takes up, with what finds it.
    pub fn row_bytes(columns: usize) -> usize {
        8 * columns + 32
    }
    /// Adds the rows that are new (positions as the columns of `vars` of `new`); gives them back.
    pub fn add(&mut self, new: &Relation, vars: &[Var]) -> Relation {
        let from = self.rows.len;
        if vars.is_empty() {
            if self.rows.len == 0 && new.len > 0 {
                self.rows.len = 1;
            }
            return Relation {
                len: self.rows.len - from,
                ..Relation::unit()
            };
        }
        let theirs: Vec<&Arc<Column>> = vars
            .iter()
            .map(|v| new.col(*v).expect("what is added binds the variables"))
            .collect();
        let cols = &mut self.rows.cols;
        let tags: Option<Vec<Tag>> = cols
            .iter()
            .zip(&theirs)
            .map(|(mine, theirs)| {
                let tag = theirs.one_type()?;
                (mine.len() == 0 || mine.one_type() == Some(tag)).then_some(tag)
            })
            .collect();
        if let Some(tags) = tags {
            self.add_plain(new.len, &theirs, &tags);
            return self.since(from);
        }
        for i in 0..new.len {
            let hash = theirs.iter().fold(0, |h, c| {
                let (_, w) = c.canonical(i);
                mix(h, w)
            });
            let found = self.seen.find(hash, |&j| {
                cols.iter()
                    .zip(&theirs)
                    .all(|(mine, theirs)| mine.canonical(j as usize) == theirs.canonical(i))
            });
            if found.is_some() {
                continue;
            }
            for (mine, theirs) in cols.iter_mut().zip(&theirs) {
                let (tag, w) = theirs.get(i);
                Arc::make_mut(mine).push(tag, w);
            }
            let row = self.rows.len as u32;
            self.rows.len += 1;
            let cols = &*cols;
            self.seen.insert_unique(hash, row, |&j| {
                cols.iter().fold(0, |h, c| mix(h, c.canonical(j as usize).1))
            });
            if !self.key.is_empty() {
                let hash = self
                    .key
                    .iter()
                    .fold(0, |h, &k| mix(h, cols[k].canonical(row as usize).1));
                let first = self.heads.insert(hash, row);
                self.next.push(first.unwrap_or(END));
            }
        }
        self.since(from)
    }
    /// The same, when each column has one type and goes on having it: words are compared as they are.
    fn add_plain(&mut self, n: usize, theirs: &[&Arc<Column>], tags: &[Tag]) {
        let mut mine: Vec<&mut Column> = self.rows.cols.iter_mut().map(Arc::make_mut).collect();
        for (col, tag) in mine.iter_mut().zip(tags) {
            col.types = Types::One(*tag);
        }
        for i in 0..n {
            let word = |k: usize| theirs[k].words[i];
            let hash = (0..theirs.len()).fold(0, |h, k| mix(h, canonical(tags[k], word(k)).1));
            let same = |&j: &u32| mine.iter().enumerate().all(|(k, c)| c.words[j as usize] == word(k));
            if self.seen.find(hash, same).is_some() {
                continue;
            }
            let row = self.rows.len as u32;
            self.rows.len += 1;
            for (k, col) in mine.iter_mut().enumerate() {
                col.words.push(word(k));
            }
            let mine = &mine;
            self.seen.insert_unique(hash, row, |&j| {
                (0..tags.len()).fold(0, |h, k| mix(h, canonical(tags[k], mine[k].words[j as usize]).1))
            });
            if !self.key.is_empty() {
                let hash = self.key.iter().fold(0, |h, &k| mix(h, canonical(tags[k], word(k)).1));
                let first = self.heads.insert(hash, row);
                self.next.push(first.unwrap_or(END));
            }
        }
    }
    /// The rows from `from` on.
    fn since(&self, from: usize) -> Relation {
        let part = |c: &Column| Column {
            types: match &c.types {
                Types::One(t) => Types::One(*t),
                Types::Each(ts) => Types::Each(ts[from..].to_vec()),
            },
            words: c.words[from..].to_vec(),
        };
        Relation {
            vars: self.rows.vars.clone(),
            cols: self.rows.cols.iter().map(|c| Arc::new(part(c))).collect(),
            len: self.rows.len - from,
            sorted: None,
            distinct: true,
        }
    }
    /// Pairs (row of `other`, row of these) that agree in the key, whose words are the columns `theirs` of `other`.
    pub fn matches(
        &self,
        other: &Relation,
        theirs: &[Var],
        mut found: impl FnMut(u32, u32) -> Result<()>,
    ) -> Result<()> {
        if self.key.is_empty() {
            for i in 0..other.len as u32 {
                for j in 0..self.rows.len as u32 {
                    found(i, j)?;
                }
            }
            return Ok(());
        }
        let theirs: Vec<&Arc<Column>> = theirs
            .iter()
            .map(|v| other.col(*v).expect("the key is bound"))
            .collect();
        for i in 0..other.len {
            let hash = theirs.iter().fold(0, |h, c| mix(h, c.canonical(i).1));
            let mut at = self.heads.get(&hash).copied().unwrap_or(END);
            while at != END {
                let same = self
                    .key
                    .iter()
                    .zip(&theirs)
                    .all(|(&k, c)| self.rows.cols[k].canonical(at as usize) == c.canonical(i));
                if same {
                    found(i as u32, at)?;
                }
                at = self.next[at as usize];
            }
        }
        Ok(())
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
    fn growing_rows_are_kept_once() {
        let (x, y) = (Var(0), Var(1));
        let mut g = Growing::new(&[x, y], &[x]);
        let new = Relation::new(vec![x, y], vec![longs(&[1, 1, 1]), longs(&[2, 2, 3])], 3);
        assert_eq!(g.add(&new, &[x, y]).len, 2);
        assert_eq!(g.add(&new, &[x, y]).len, 0);
        let probe = Relation::new(vec![x], vec![longs(&[1])], 1);
        let mut n = 0;
        g.matches(&probe, &[x], |_, _| {
            n += 1;
            Ok(())
        })
        .expect("nothing fails");
        assert_eq!(n, 2);
    }
}
