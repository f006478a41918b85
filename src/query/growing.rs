//! Relations that grow, for recursion: each row once, and found by some of its columns.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::Var;
use super::column::{Column, Tag, Types, ref_of_long};
use super::hash::mix;
use super::keys::END;
use super::relation::Relation;
use super::seen::Seen;
use crate::datom::{Word, word};
use crate::error::Result;

/// Rows that only grow, each once, found by some of their columns: what recursive rules derive.
#[derive(Debug)]
pub(crate) struct Growing {
    pub rows: Relation,
    seen: Seen,
    indexes: Vec<Index>,
}

/// The rows by some columns: a table of newest rows and a chain of the rest.
#[derive(Debug)]
struct Index {
    key: Vec<usize>,
    heads: Heads,
    next: Vec<u32>,
}

#[derive(Debug)]
enum Heads {
    /// One column of one type, whose words lie close together: a place for each.
    Close { low: Word, rows: Vec<u32> },
    /// One column of one type.
    Words(FxHashMap<Word, u32>),
    /// What rows have in common here is only the hash of their key.
    Hashes(FxHashMap<u64, u32>),
}

/// So many places may there be for a row in a table by words.
const CLOSE: u64 = 16;
/// Places that are always allowed.
const CLOSE_MIN: u64 = 1024;

impl Growing {
    pub fn new(vars: &[Var]) -> Growing {
        Growing {
            rows: Relation::empty(vars),
            seen: Seen::default(),
            indexes: Vec::new(),
        }
    }
    /// About what a row of so many columns takes up, with what finds it.
    pub fn row_bytes(columns: usize) -> usize {
        8 * columns + 32
    }
    /// From now on rows are found by these columns, too.
    pub fn index_by(&mut self, key: &[usize]) {
        if !key.is_empty() && !self.indexes.iter().any(|index| index.key == key) {
            let mut index = Index::new(key);
            index.extend(&self.rows);
            self.indexes.push(index);
        }
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
        if !self.add_plain(&theirs) {
            self.add_hashed(new.len, &theirs);
        }
        for index in &mut self.indexes {
            index.extend(&self.rows);
        }
        self.since(from)
    }
    /// The same, when each column has one type and goes on having it: words are compared as they are. False when it does not, or words lie
    /// too far apart.
    fn add_plain(&mut self, theirs: &[&Arc<Column>]) -> bool {
        let rows = &mut self.rows;
        let goes_on = |(mine, theirs): (&Arc<Column>, &&Arc<Column>)| match theirs.one_type() {
            Some(tag) => mine.len() == 0 || mine.one_type() == Some(tag),
            None => false,
        };
        if !rows.cols.iter().zip(theirs).all(goes_on) {
            return false;
        }
        let mine: Vec<&[Word]> = rows.cols.iter().map(|c| &c.words[..]).collect();
        let words: Vec<&[Word]> = theirs.iter().map(|c| &c.words[..]).collect();
        let Some(fresh) = self.seen.fresh(&mine, &words) else {
            return false;
        };
        for (mine, theirs) in rows.cols.iter_mut().zip(theirs) {
            let mine = Arc::make_mut(mine);
            mine.types = theirs.types.clone();
            match fresh.len() == theirs.len() {
                true => mine.words.extend_from_slice(&theirs.words),
                false => mine.words.extend(fresh.iter().map(|&i| theirs.words[i as usize])),
            }
        }
        rows.len += fresh.len();
        true
    }
    fn add_hashed(&mut self, n: usize, theirs: &[&Arc<Column>]) {
        let rows = &mut self.rows;
        let hash_of = |cols: &[Arc<Column>], j: usize| cols.iter().fold(0, |h, c| mix(h, c.canonical(j).1));
        let seen = self.seen.hashed(rows.len, |j| hash_of(&rows.cols, j));
        for i in 0..n {
            let hash = theirs.iter().fold(0, |h, c| mix(h, c.canonical(i).1));
            let cols = &rows.cols;
            let same = |&j: &u32| {
                let mut both = cols.iter().zip(theirs);
                both.all(|(mine, theirs)| mine.canonical(j as usize) == theirs.canonical(i))
            };
            if seen.find(hash, same).is_some() {
                continue;
            }
            for (mine, theirs) in rows.cols.iter_mut().zip(theirs) {
                let (tag, w) = theirs.get(i);
                Arc::make_mut(mine).push(tag, w);
            }
            let cols = &rows.cols;
            seen.insert_unique(hash, rows.len as u32, |&j| hash_of(cols, j as usize));
            rows.len += 1;
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
    /// Pairs (row of `other`, row of these) that agree in the columns `key` of these, an index, and the columns `theirs` of `other`.
    pub fn matches(
        &self,
        key: &[usize],
        other: &Relation,
        theirs: &[Var],
        mut found: impl FnMut(u32, u32) -> Result<()>,
    ) -> Result<()> {
        if key.is_empty() {
            for i in 0..other.len as u32 {
                for j in 0..self.rows.len as u32 {
                    found(i, j)?;
                }
            }
            return Ok(());
        }
        let index = self.indexes.iter().find(|index| index.key == key);
        let index = index.expect("whoever looks rows up has asked for the index");
        let theirs: Vec<&Arc<Column>> = theirs
            .iter()
            .map(|v| other.col(*v).expect("the key is bound"))
            .collect();
        let cols = &self.rows.cols;
        if let (Some(mine), [theirs]) = (index.plain(cols), &theirs[..]) {
            let same = theirs.one_type() == Some(mine);
            for i in 0..other.len {
                let (tag, w) = theirs.get(i);
                let w = if same { Some(w) } else { as_type(mine, tag, w) };
                index.each(w.map_or(END, |w| index.heads.get(w)), |j| found(i as u32, j))?;
            }
            return Ok(());
        }
        // Entities are what they are compared as.
        let entities = |c: &Arc<Column>| c.one_type() == Some(Tag::REF);
        if theirs.iter().all(|c| entities(c)) && index.key.iter().all(|&k| entities(&cols[k])) {
            for i in 0..other.len {
                let hash = theirs.iter().fold(0, |h, c| mix(h, c.words[i]));
                index.each(index.heads.get(hash), |j| {
                    let mut both = index.key.iter().zip(&theirs);
                    match both.all(|(&k, c)| cols[k].words[j as usize] == c.words[i]) {
                        true => found(i as u32, j),
                        false => Ok(()),
                    }
                })?;
            }
            return Ok(());
        }
        for i in 0..other.len {
            let hash = theirs.iter().fold(0, |h, c| mix(h, c.canonical(i).1));
            index.each(index.heads.get(hash), |j| {
                let mut both = index.key.iter().zip(&theirs);
                match both.all(|(&k, c)| cols[k].canonical(j as usize) == c.canonical(i)) {
                    true => found(i as u32, j),
                    false => Ok(()),
                }
            })?;
        }
        Ok(())
    }
}

/// The word of type `mine` that equals this one: an entity's number is the entity.
fn as_type(mine: Tag, theirs: Tag, w: Word) -> Option<Word> {
    match (mine, theirs) {
        (a, b) if a == b => Some(w),
        (Tag::REF, Tag::LONG) => Some(ref_of_long(w)),
        (Tag::LONG, Tag::REF) => Some(word::long(i64::try_from(w).ok()?)),
        _ => None,
    }
}

impl Heads {
    #[inline]
    fn get(&self, key: u64) -> u32 {
        match self {
            Heads::Close { low, rows } => rows.get(key.wrapping_sub(*low) as usize).copied().unwrap_or(END),
            Heads::Words(map) | Heads::Hashes(map) => map.get(&key).copied().unwrap_or(END),
        }
    }
}

impl Index {
    fn new(key: &[usize]) -> Index {
        let none = Heads::Close {
            low: 0,
            rows: Vec::new(),
        };
        Index {
            key: key.to_vec(),
            heads: none,
            next: Vec::new(),
        }
    }

    /// The one type of the one column it is by: then its words are looked up as they are.
    fn plain(&self, cols: &[Arc<Column>]) -> Option<Tag> {
        match (&self.heads, &self.key[..]) {
            (Heads::Close { .. } | Heads::Words(_), [k]) => cols[*k].one_type(),
            _ => None,
        }
    }

    #[inline]
    fn each(&self, first: u32, mut found: impl FnMut(u32) -> Result<()>) -> Result<()> {
        let mut at = first;
        while at != END {
            found(at)?;
            at = self.next[at as usize];
        }
        Ok(())
    }

    /// Takes in the rows that are new.
    fn extend(&mut self, rows: &Relation) {
        let cols = &rows.cols;
        let from = self.next.len();
        if from == rows.len {
            return;
        }
        match (&mut self.heads, &self.key[..]) {
            (Heads::Close { .. } | Heads::Words(_), [k]) if cols[*k].one_type().is_some() => {
                self.extend_words(&rows.cols[*k].words)
            }
            (Heads::Hashes(heads), key) => {
                for row in from..rows.len {
                    let hash = key.iter().fold(0, |h, &k| mix(h, cols[k].canonical(row).1));
                    let first = heads.insert(hash, row as u32);
                    self.next.push(first.unwrap_or(END));
                }
            }
            _ => {
                self.next.clear();
                self.heads = Heads::Hashes(FxHashMap::default());
                self.extend(rows);
            }
        }
    }

    fn extend_words(&mut self, words: &[Word]) {
        let from = self.next.len();
        if let Heads::Close { low, rows } = &mut self.heads {
            let new = &words[from..];
            let (mut first, mut last) = (new[0], new[0]);
            for w in new {
                (first, last) = (first.min(*w), last.max(*w));
            }
            let inside = !rows.is_empty() && first >= *low && last - *low < rows.len() as u64;
            if !inside {
                let (mut old, mut end) = match rows.is_empty() {
                    true => (first, last),
                    false => (first.min(*low), last.max(*low + (rows.len() as u64 - 1))),
                };
                let wide = end - old;
                if wide > words.len() as u64 * CLOSE + CLOSE_MIN {
                    self.next.clear();
                    self.heads = Heads::Words(FxHashMap::default());
                    return self.extend_words(words);
                }
                // Room on the side that grows, or rows that come one by one would each copy the table.
                if !rows.is_empty() && first < *low {
                    old = old.saturating_sub(wide / 2);
                }
                if !rows.is_empty() && last > *low + (rows.len() as u64 - 1) {
                    end = end.saturating_add(wide / 2);
                }
                let mut wider = vec![END; (end - old) as usize + 1];
                let place = (*low).wrapping_sub(old) as usize;
                if !rows.is_empty() {
                    wider[place..place + rows.len()].copy_from_slice(rows);
                }
                (*low, *rows) = (old, wider);
            }
        }
        for (row, w) in words.iter().enumerate().skip(from) {
            let first = match &mut self.heads {
                Heads::Close { low, rows } => std::mem::replace(&mut rows[(w - *low) as usize], row as u32),
                Heads::Words(heads) | Heads::Hashes(heads) => heads.insert(*w, row as u32).unwrap_or(END),
            };
            self.next.push(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longs(xs: &[i64]) -> Column {
        Column::of(Tag::LONG, xs.iter().map(|&x| word::long(x)).collect())
    }

    const X: Var = Var(0);
    const Y: Var = Var(1);

    fn pairs(xs: Column, ys: &[i64]) -> Relation {
        Relation::new(vec![X, Y], vec![xs, longs(ys)], ys.len())
    }

    fn found(g: &Growing, x: Column) -> Vec<(u32, u32)> {
        let len = x.len();
        let mut out = Vec::new();
        let probe = Relation::new(vec![X], vec![x], len);
        g.matches(&[0], &probe, &[X], |i, j| {
            out.push((i, j));
            Ok(())
        })
        .expect("nothing fails");
        out.sort_unstable();
        out
    }

    #[test]
    fn growing_rows_are_kept_once() {
        let mut g = Growing::new(&[X, Y]);
        g.index_by(&[0]);
        let new = pairs(longs(&[1, 1, 1]), &[2, 2, 3]);
        assert_eq!(g.add(&new, &[X, Y]).len, 2);
        assert_eq!(g.add(&new, &[X, Y]).len, 0);
        assert_eq!(found(&g, longs(&[1])), [(0, 0), (0, 1)]);
    }

    #[test]
    fn a_table_that_grows_row_by_row_is_seldom_copied() {
        for step in [1, -1] {
            let mut g = Growing::new(&[X, Y]);
            g.index_by(&[0]);
            let mut sizes = Vec::new();
            for i in 0..2000 {
                g.add(&pairs(longs(&[i * step]), &[1]), &[X, Y]);
                if let Heads::Close { rows, .. } = &g.indexes[0].heads {
                    sizes.push(rows.len());
                }
            }
            assert_eq!(sizes.len(), 2000);
            sizes.dedup();
            assert!(sizes.len() < 40, "{} sizes", sizes.len());
            assert_eq!(found(&g, longs(&[0, 1999 * step])), [(0, 0), (1, 1999)]);
        }
    }

    #[test]
    fn rows_are_found_when_types_join_late_and_words_lie_far_apart() {
        let mut g = Growing::new(&[X, Y]);
        g.index_by(&[0]);
        g.add(&pairs(longs(&[1, 2]), &[1, 1]), &[X, Y]);
        assert_eq!(found(&g, Column::of(Tag::REF, vec![2, 7])), [(0, 1)]);
        g.add(&pairs(longs(&[i64::MAX, -5]), &[1, 1]), &[X, Y]);
        assert_eq!(found(&g, longs(&[-5, 1, i64::MAX])), [(0, 3), (1, 0), (2, 2)]);
        // The entity 2 is the number 2.
        let entities = pairs(Column::of(Tag::REF, vec![2, 3]), &[1, 1]);
        assert_eq!(g.add(&entities, &[X, Y]).len, 1);
        assert_eq!(found(&g, Column::of(Tag::REF, vec![3, 2])), [(0, 4), (1, 1)]);
        g.index_by(&[1, 0]);
        let mut n = 0;
        let probe = pairs(longs(&[2, 3, 4]), &[1, 1, 1]);
        g.matches(&[1, 0], &probe, &[Y, X], |_, _| {
            n += 1;
            Ok(())
        })
        .expect("nothing fails");
        assert_eq!(n, 2);
    }
}
