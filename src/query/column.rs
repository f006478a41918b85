//! A variable's values: one word a row, and the type beside it.

use crate::datom::{ValueType, Word, word};

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
    /// Whether its words may stand for vectors.
    pub fn may_be_vector(self) -> bool {
        self == Tag::of(ValueType::Tuple) || self == Tag::OTHER
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
pub(super) fn ref_of_long(w: Word) -> Word {
    let n = word::to_long(w);
    // No entity has the largest id, so a negative number equals none.
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// What equality compares in columns whose rows differ in type: a long that may be an entity as the entity.
pub(super) fn canonical(tag: Tag, w: Word) -> (Tag, Word) {
    match tag {
        Tag::LONG if word::to_long(w) >= 0 => (Tag::REF, ref_of_long(w)),
        _ => (tag, w),
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
    /// Puts another value into a row.
    pub fn set(&mut self, i: usize, tag: Tag, w: Word) {
        if self.tag(i) != tag {
            let mut each = match std::mem::replace(&mut self.types, Types::One(tag)) {
                Types::One(t) => vec![t; self.words.len()],
                Types::Each(ts) => ts,
            };
            each[i] = tag;
            if each.iter().any(|t| *t != tag) {
                self.types = Types::Each(each);
            }
        }
        self.words[i] = w;
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
    /// The rows whose numbers are in `words`, in their place.
    pub fn numbered(&self, mut words: Vec<Word>) -> Column {
        let types = match &self.types {
            Types::One(t) => Types::One(*t),
            Types::Each(ts) => Types::Each(words.iter().map(|&i| ts[i as usize]).collect()),
        };
        words.iter_mut().for_each(|w| *w = self.words[*w as usize]);
        Column { types, words }
    }
    /// What equality compares of a row: an entity and its number are one.
    pub fn canonical(&self, i: usize) -> (Tag, Word) {
        canonical(self.tag(i), self.words[i])
    }
    /// The same of all rows, types and words apart: columns of plain words.
    pub fn canonical_words(&self) -> [Column; 2] {
        let (tags, words) = (0..self.len())
            .map(|i| self.canonical(i))
            .map(|(tag, w)| (u64::from(tag.0), w))
            .unzip();
        [tags, words].map(|words| Column::of(Tag::OTHER, words))
    }
    /// The rows in which it is equal to another column.
    pub fn equal_rows(&self, other: &Column) -> Vec<u32> {
        let rows = 0..self.len() as u32;
        match (self.one_type(), other.one_type()) {
            (Some(a), Some(b)) if a == b => rows
                .filter(|&i| self.words[i as usize] == other.words[i as usize])
                .collect(),
            _ => rows
                .filter(|&i| self.canonical(i as usize) == other.canonical(i as usize))
                .collect(),
        }
    }
    /// Numbers of entities as the entities; `None` when there is nothing to change.
    pub fn with_entities(&self) -> Option<Column> {
        let number = |tag: Tag, w: Word| tag == Tag::LONG && word::to_long(w) >= 0;
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
                    (Tag::REF, w) => out.push(Tag::LONG, word::long(w as i64)),
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
