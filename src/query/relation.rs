//! Rows in columns: one word a row and variable, and the type of the column beside it.

use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxHashMap;

use super::ast::Var;
use crate::datom::{ValueType, Word};

/// The type of a word: a [`ValueType`], or a value that no fact can hold (kept by [`super::values::Values`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Tag(u8);

impl Tag {
    /// Collections, characters, regular expressions: the word is an index into the query's own values.
    pub const OTHER: Tag = Tag(u8::MAX);
    pub const REF: Tag = Tag::of(ValueType::Ref);
    pub const LONG: Tag = Tag::of(ValueType::Long);
    pub const BOOLEAN: Tag = Tag::of(ValueType::Boolean);

    pub const fn of(ty: ValueType) -> Tag {
        Tag(ty as u8)
    }
    pub fn value_type(self) -> Option<ValueType> {
        ValueType::from_tag(self.0)
    }
}

/// The types of a column's words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Types {
    /// One type for all rows: the usual case.
    One(Tag),
    /// Rows differ.
    Each(Vec<Tag>),
}

/// One variable's words.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub types: Types,
    pub words: Vec<Word>,
}

/// An entity's number as a long is the same entity: of all types, only these two are one for joins.
fn ref_of_long(w: Word) -> Word {
    let n = crate::datom::word::to_long(w);
    // No entity has the largest id, so a negative number equals none.
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// What equality compares in columns whose rows differ in type: longs that may be entities as entities.
fn canonical(tag: Tag, w: Word) -> (u64, u64) {
    if tag == Tag::LONG && crate::datom::word::to_long(w) >= 0 {
        (u64::from(Tag::REF.0), ref_of_long(w))
    } else {
        (u64::from(tag.0), w)
    }
}

impl Column {
    pub fn new(tag: Tag) -> Column {
        Column {
            types: Types::One(tag),
            words: Vec::new(),
        }
    }
    pub fn of(tag: Tag, words: Vec<Word>) -> Column {
        Column {
            types: Types::One(tag),
            words,
        }
    }
    pub fn len(&self) -> usize {
        self.words.len()
    }
    pub fn tag(&self, i: usize) -> Tag {
        match &self.types {
            Types::One(t) => *t,
            Types::Each(ts) => ts[i],
        }
    }
    pub fn get(&self, i: usize) -> (Tag, Word) {
        (self.tag(i), self.words[i])
    }
    /// The one type of all rows, if they have one.
    pub fn one_type(&self) -> Option<Tag> {
        match &self.types {
            Types::One(t) => Some(*t),
            Types::Each(_) => None,
        }
    }
    pub fn push(&mut self, tag: Tag, w: Word) {
        match &mut self.types {
            Types::One(t) if *t == tag => {}
            Types::One(t) if self.words.is_empty() => *t = tag,
            Types::One(t) => {
                let mut each = vec![*t; self.words.len()];
                each.push(tag);
                self.types = Types::Each(each);
            }
            Types::Each(ts) => ts.push(tag),
        }
        self.words.push(w);
    }
    pub fn append(&mut self, other: &Column) {
        if other.words.is_empty() {
            return;
        }
        match (&mut self.types, &other.types) {
            (Types::One(a), Types::One(b)) if a == b => {}
            (Types::One(_), _) if self.words.is_empty() => self.types = other.types.clone(),
            (Types::Each(a), Types::One(b)) => a.resize(a.len() + other.words.len(), *b),
            (Types::Each(a), Types::Each(b)) => a.extend_from_slice(b),
            (Types::One(a), b) => {
                let mut each = vec![*a; self.words.len()];
                match b {
                    Types::One(b) => each.resize(each.len() + other.words.len(), *b),
                    Types::Each(b) => each.extend_from_slice(b),
                }
                self.types = Types::Each(each);
            }
        }
        self.words.extend_from_slice(&other.words);
    }
    /// The rows at `at`.
    pub fn gather(&self, at: &[u32]) -> Column {
        Column {
            types: match &self.types {
                Types::One(t) => Types::One(*t),
                Types::Each(ts) => Types::Each(at.iter().map(|&i| ts[i as usize]).collect()),
            },
            words: at.iter().map(|&i| self.words[i as usize]).collect(),
        }
    }
    /// What equality compares of a row: an entity and its number are one.
    pub fn canonical(&self, i: usize) -> (u64, u64) {
        canonical(self.tag(i), self.words[i])
    }
    /// Numbers of entities as the entities; `None` when there is nothing to change.
    pub fn with_entities(&self) -> Option<Column> {
        let number = |tag: Tag, w: Word| tag == Tag::LONG && crate::datom::word::to_long(w) >= 0;
        if self.one_type().is_some_and(|t| t != Tag::LONG)
            || !(0..self.len()).any(|i| number(self.tag(i), self.words[i]))
        {
            return None;
        }
        let mut out = Column::new(Tag::REF);
        for i in 0..self.len() {
            match self.get(i) {
                (tag, w) if number(tag, w) => out.push(Tag::REF, ref_of_long(w)),
                (tag, w) => out.push(tag, w),
            }
        }
        Some(out)
    }
    /// Entities as their numbers, where they stand among values of other types: so an entity and its number are one value there.
    pub fn with_numbers(&self) -> Option<Column> {
        self.one_type().is_none().then(|| {
            let mut out = Column::new(Tag::LONG);
            for i in 0..self.len() {
                match self.get(i) {
                    (Tag::REF, w) => out.push(Tag::LONG, crate::datom::word::long(w as i64)),
                    (tag, w) => out.push(tag, w),
                }
            }
            out
        })
    }
    /// The rows at `mine` beside equal ones of another column: of an entity and its number, the entity is kept.
    pub fn gather_beside(&self, mine: &[u32], other: &Column, theirs: &[u32]) -> Column {
        match (&self.types, &other.types) {
            (a, b) if a == b && matches!(a, Types::One(_)) => self.gather(mine),
            (Types::One(Tag::REF), _) => self.gather(mine),
            (_, Types::One(Tag::REF)) => other.gather(theirs),
            (_, Types::One(_)) => self.gather(mine),
            _ => {
                let mut out = Column::new(Tag::REF);
                for (&i, &j) in mine.iter().zip(theirs) {
                    let (tag, w) = match other.get(j as usize) {
                        entity @ (Tag::REF, _) => entity,
                        _ => self.get(i as usize),
                    };
                    out.push(tag, w);
                }
                out
            }
        }
    }
}

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
    pub fn with(mut self, v: Var, col: Column) -> Relation {
        debug_assert_eq!(col.len(), self.len);
        self.vars.push(v);
        self.cols.push(Arc::new(col));
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
    pub fn dedup(&self) -> Relation {
        if self.distinct || self.len <= 1 {
            return Relation {
                distinct: true,
                ..self.clone()
            };
        }
        if self.cols.is_empty() {
            return Relation {
                len: self.len.min(1),
                distinct: true,
                ..self.clone()
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
        sample.dedup().len * 4 < sample.len * 3
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

/// A set of numbers: open addressing, at most half full.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    slots: Vec<u64>,
    len: usize,
}

/// No number of the set: packed rows take at most 63 bits.
const EMPTY: u64 = u64::MAX;

impl KeySet {
    pub fn with_capacity(n: usize) -> KeySet {
        KeySet {
            slots: vec![EMPTY; (n * 2).next_power_of_two().max(16)],
            len: 0,
        }
    }
    /// Adds a number other than `EMPTY`; whether it is new.
    #[inline]
    pub fn insert(&mut self, key: u64) -> bool {
        debug_assert!(key != EMPTY);
        if (self.len + 1) * 2 > self.slots.len() {
            let old = std::mem::take(self);
            *self = KeySet::with_capacity(old.slots.len());
            old.slots.into_iter().filter(|k| *k != EMPTY).for_each(|k| {
                self.insert(k);
            });
        }
        let mask = self.slots.len() - 1;
        let mut at = mix(0, key) as usize & mask;
        loop {
            match self.slots[at] {
                k if k == key => return false,
                EMPTY => {
                    self.slots[at] = key;
                    self.len += 1;
                    return true;
                }
                _ => at = (at + 1) & mask,
            }
        }
    }
}

/// Mixes a word into a hash (the multiplication of fxhash, then a fold, so that the high bits count too).
pub(crate) fn mix(h: u64, w: u64) -> u64 {
    let x = (h.rotate_left(26) ^ w).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^ (x >> 32)
}

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
                    let (tags, words) = (0..c.len()).map(|i| c.canonical(i)).unzip();
                    out.push(Arc::new(Column::of(Tag::OTHER, tags)));
                    out.push(Arc::new(Column::of(Tag::OTHER, words)));
                }
            }
        }
    }
    Some((ls, rs))
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

const END: u32 = u32::MAX;
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
    pub fn matches(&self, other: &Relation, theirs: &[Var], mut found: impl FnMut(u32, u32)) {
        if self.key.is_empty() {
            for i in 0..other.len as u32 {
                for j in 0..self.rows.len as u32 {
                    found(i, j);
                }
            }
            return;
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
                    found(i as u32, at);
                }
                at = self.next[at as usize];
            }
        }
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
    fn columns_take_other_types_when_they_must() {
        let mut c = longs(&[1, 2]);
        c.append(&Column::of(Tag::BOOLEAN, vec![1]));
        assert_eq!(c.types, Types::Each(vec![Tag::LONG, Tag::LONG, Tag::BOOLEAN]));
        assert_eq!(c.gather(&[2, 0]).types, Types::Each(vec![Tag::BOOLEAN, Tag::LONG]));
        let mut empty = Column::new(Tag::REF);
        empty.append(&longs(&[7]));
        assert_eq!(empty.one_type(), Some(Tag::LONG));
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
    fn growing_rows_are_kept_once() {
        let (x, y) = (Var(0), Var(1));
        let mut g = Growing::new(&[x, y], &[x]);
        let new = Relation::new(vec![x, y], vec![longs(&[1, 1, 1]), longs(&[2, 2, 3])], 3);
        assert_eq!(g.add(&new, &[x, y]).len, 2);
        assert_eq!(g.add(&new, &[x, y]).len, 0);
        let probe = Relation::new(vec![x], vec![longs(&[1])], 1);
        let mut n = 0;
        g.matches(&probe, &[x], |_, _| n += 1);
        assert_eq!(n, 2);
    }
}
