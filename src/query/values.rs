//! The values of one query as words: those of the database, and those that the query makes or that no fact can hold.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::column::Tag;
use super::hash::mix;
use crate::datom::{Val, ValueType, Word};
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
        }
    }
    pub fn words(&self) -> &Words {
        &self.words
    }
    /// The word of a value; `None` for nil, which is never one.
    pub fn intern(&self, v: &Val) -> Result<Option<(Tag, Word)>> {
        match v {
            Val::Nil => return Ok(None),
            Val::Long(x) => return Ok(Some((Tag::LONG, crate::datom::word::long(*x)))),
            Val::Double(x) => return Ok(Some((Tag::of(ValueType::Double), crate::datom::word::double(*x)))),
            Val::Ref(e) => return Ok(Some((Tag::REF, e.0))),
            Val::Boolean(b) => return Ok(Some((Tag::BOOLEAN, *b as u64))),
            _ => {}
        }
        if let Some(value) = v.to_value() {
            let (tag, word) = (Tag::of(value.value_type()), self.words.intern(&value)?);
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
