//! The values of one query as words: those of the database, and those that the query makes or that no fact can hold.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::column::Tag;
use super::hash::mix;
use crate::datom::{Val, ValueType, Word, word};
use crate::error::Result;
use crate::index::Words;

/// Values <-> tagged words, for the time of one query. Equal values have equal words.
pub(crate) struct Values {
    words: Words,
    others: RefCell<Others>,
    /// The first texts given to the query, which its plan asks for by their words.
    given: RefCell<Vec<(Tag, Word, Val)>>,
    /// Values fetched lately: columns hold the same texts again and again.
    recent: RefCell<Vec<Option<(Tag, Word, Val)>>>,
    fetched: Cell<usize>,
    /// What the values take that no database has, in bytes, about.
    bytes: Cell<usize>,
    /// Above the codes of all texts counted.
    counted: Cell<u64>,
}

/// How many values are kept at hand.
const RECENT: usize = 1024;
/// So many are fetched before any are kept.
const FEW: usize = 64;
/// How many of the texts given to it.
const GIVEN: usize = 4;

#[derive(Default)]
struct Others {
    list: Vec<Val>,
    index: FxHashMap<Val, u64>,
}

impl Values {
    /// On top of a database's words; values the query makes are forgotten with it.
    pub fn new(words: &Words) -> Values {
        Values {
            words: words.with_scratch(),
            others: RefCell::default(),
            given: RefCell::default(),
            recent: RefCell::default(),
            fetched: Cell::new(0),
            bytes: Cell::new(0),
            counted: Cell::new(word::EPHEMERAL),
        }
    }
    /// What the values take that the query has made so far, in bytes, about.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }
    fn count(&self, v: &Val) {
        const ENTRY: usize = 64;
        self.bytes.set(self.bytes.get() + ENTRY + heap_bytes(v));
    }
    pub fn words(&self) -> &Words {
        &self.words
    }
    /// The word of a value; `None` for nil, which is never one.
    pub fn intern(&self, v: &Val) -> Result<Option<(Tag, Word)>> {
        match v {
            Val::Nil => return Ok(None),
            Val::Long(x) => return Ok(Some((Tag::LONG, word::long(*x)))),
            Val::Double(x) => return Ok(Some((Tag::of(ValueType::Double), word::double(*x)))),
            Val::Ref(e) => return Ok(Some((Tag::REF, e.0))),
            Val::Boolean(b) => return Ok(Some((Tag::BOOLEAN, *b as u64))),
            _ => {}
        }
        if let Some(value) = v.to_value() {
            let (tag, word) = (Tag::of(value.value_type()), self.words.intern(&value)?);
            // New values have codes above those before.
            if let (false, word::Text::Coded(code)) = (value.value_type().is_inline(), word::text(word))
                && code >= self.counted.get()
            {
                self.counted.set(code + 1);
                self.count(v);
            }
            if let Val::String(_) | Val::Keyword(_) = v {
                let mut given = self.given.borrow_mut();
                if given.len() < GIVEN {
                    given.push((tag, word, v.clone()));
                }
            }
            return Ok(Some((tag, word)));
        }
        let mut others = self.others.borrow_mut();
        if let Some(&i) = others.index.get(v) {
            return Ok(Some((Tag::OTHER, i)));
        }
        let i = others.list.len() as u64;
        self.count(v);
        others.list.push(v.clone());
        others.index.insert(v.clone(), i);
        Ok(Some((Tag::OTHER, i)))
    }
    /// The value of a word.
    pub fn val(&self, tag: Tag, w: Word) -> Result<Val> {
        match tag.value_type() {
            Some(ty) => match Val::from_word(ty, w) {
                Some(v) => Ok(v),
                None => self.held(tag, ty, w),
            },
            None => Ok(self.others.borrow().list[w as usize].clone()),
        }
    }
    fn held(&self, tag: Tag, ty: ValueType, w: Word) -> Result<Val> {
        // A query that fetches a few values does without the room for many.
        let fetched = self.fetched.get();
        if fetched < FEW {
            self.fetched.set(fetched + 1);
            if let Some((_, _, v)) = self.given.borrow().iter().find(|(t, x, _)| (*t, *x) == (tag, w)) {
                return Ok(v.clone());
            }
            return Ok(self.words.value(ty, w)?.into());
        }
        let mut recent = self.recent.borrow_mut();
        if recent.is_empty() {
            recent.resize(RECENT, None);
        }
        let slot = &mut recent[mix(0, w) as usize % RECENT];
        if let Some((t, x, v)) = slot
            && (*t, *x) == (tag, w)
        {
            return Ok(v.clone());
        }
        let v: Val = self.words.value(ty, w)?.into();
        *slot = Some((tag, w, v.clone()));
        Ok(v)
    }
    /// The order in which answers are sorted: by type, then by value.
    pub fn compare(&self, a: (Tag, Word), b: (Tag, Word)) -> Result<Ordering> {
        if a == b {
            return Ok(Ordering::Equal);
        }
        match (a.0 == b.0, a.0.value_type()) {
            (true, Some(ty)) => self.words.compare(ty, a.1, b.1),
            (false, _) if !(a.0.may_be_vector() && b.0.may_be_vector()) => Ok(a.0.cmp(&b.0)),
            // A vector is a tuple when a fact could hold it, and ordered among all vectors by its elements.
            _ => Ok(self.val(a.0, a.1)?.cmp(&self.val(b.0, b.1)?)),
        }
    }
}

/// What a value takes beside itself, in bytes, about. Of what is inside of it, what others hold too is not counted again.
fn heap_bytes(v: &Val) -> usize {
    let inside = |v: &Val| {
        let alone = match v {
            Val::String(x) | Val::Uri(x) => Arc::strong_count(x) == 1,
            Val::Bytes(x) => Arc::strong_count(x) == 1,
            Val::Vector(x) | Val::List(x) => Arc::strong_count(x) == 1,
            Val::Set(x) => Arc::strong_count(x) == 1,
            Val::Map(x) => Arc::strong_count(x) == 1,
            _ => false,
        };
        size_of::<Val>() + if alone { heap_bytes(v) } else { 0 }
    };
    match v {
        Val::String(x) | Val::Uri(x) => x.len(),
        Val::Bytes(x) => x.len(),
        Val::Vector(x) | Val::List(x) => x.iter().map(inside).sum(),
        Val::Set(x) => x.iter().map(inside).sum(),
        Val::Map(x) => x.iter().map(|(k, v)| inside(k) + inside(v)).sum(),
        _ => 0,
    }
}
