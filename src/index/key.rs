//! Keys of the four orders, positions between them, and their comparison.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::sync::Arc;

use super::Words;
use crate::datom::{RawDatom, Word, word};
use crate::error::{Error, Result};

/// An index order. The letters say the order of comparison; `t` and the op come last in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Entities with their attributes.
    Eavt,
    /// Attributes with their entities.
    Aevt,
    /// Attributes with their values, unless `:db/index false`.
    Avet,
    /// Who refers to an entity.
    Vaet,
}

impl Order {
    /// All four.
    pub const ALL: [Order; 4] = [Order::Eavt, Order::Aevt, Order::Avet, Order::Vaet];
    /// `:eavt` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Order::Eavt => "eavt",
            Order::Aevt => "aevt",
            Order::Avet => "avet",
            Order::Vaet => "vaet",
        }
    }
    /// The order of a name.
    pub fn from_name(name: &str) -> Option<Order> {
        Order::ALL.into_iter().find(|o| o.name() == name)
    }
}

/// A value to look for. A long value that the dictionary lacks still has a place in the order, by its bytes.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its word; for a long value without a code, the word of its first bytes (see `bytes`).
    pub word: Word,
    /// The key bytes of a value of a dictionary type; `None` for inline types.
    pub bytes: Option<Arc<[u8]>>,
}

impl Probe {
    /// The probe of a word of an inline type.
    pub fn inline(word: Word) -> Probe {
        Probe { word, bytes: None }
    }
}

/// A place between keys: before or after all keys that begin with some components.
#[derive(Clone, Debug)]
pub struct Position {
    pub(super) e: u64,
    pub(super) a: u32,
    pub(super) v: Option<Probe>,
    /// How many leading components of the order count, 0 to 3.
    pub(super) len: u8,
    pub(super) after: bool,
}

/// The keys from one position up to another.
#[derive(Clone, Debug)]
pub struct Range {
    pub(super) from: Position,
    pub(super) to: Position,
}

impl Range {
    fn prefix(e: u64, a: u32, v: Option<Probe>, len: u8) -> Range {
        let from = Position {
            e,
            a,
            v,
            len,
            after: false,
        };
        let to = Position {
            after: true,
            ..from.clone()
        };
        Range { from, to }
    }
    /// Every key.
    pub fn all() -> Range {
        Range::prefix(0, 0, None, 0)
    }
    /// EAVT: the facts of an entity.
    pub fn e(e: u64) -> Range {
        Range::prefix(e, 0, None, 1)
    }
    /// EAVT or AEVT: an entity's values of an attribute.
    pub fn ea(e: u64, a: u32) -> Range {
        Range::prefix(e, a, None, 2)
    }
    /// EAVT, AEVT, AVET or VAET: one fact.
    pub fn eav(e: u64, a: u32, v: Probe) -> Range {
        Range::prefix(e, a, Some(v), 3)
    }
    /// AEVT or AVET: the facts of an attribute.
    pub fn a(a: u32) -> Range {
        Range::prefix(0, a, None, 1)
    }
    /// AVET: the entities with a value. VAET: those that refer through an attribute.
    pub fn av(a: u32, v: Probe) -> Range {
        Range::prefix(0, a, Some(v), 2)
    }
    /// VAET: everything that refers to an entity.
    pub fn v(v: u64) -> Range {
        Range::prefix(0, 0, Some(Probe::inline(v)), 1)
    }
    /// AVET: an attribute's facts with values between two bounds (`(probe, inclusive)`; `None` = open).
    pub fn values(a: u32, low: Option<(Probe, bool)>, high: Option<(Probe, bool)>) -> Range {
        let mut range = Range::a(a);
        if let Some((v, inclusive)) = low {
            range.from = Position {
                e: 0,
                a,
                v: Some(v),
                len: 2,
                after: !inclusive,
            };
        }
        if let Some((v, inclusive)) = high {
            range.to = Position {
                e: 0,
                a,
                v: Some(v),
                len: 2,
                after: inclusive,
            };
        }
        range
    }
    /// AEVT: an attribute's facts of the entities `low <= e < high`.
    pub fn entities(a: u32, low: u64, high: u64) -> Range {
        Range {
            from: Position {
                e: low,
                a,
                v: None,
                len: 2,
                after: false,
            },
            to: Position {
                e: high,
                a,
                v: None,
                len: 2,
                after: false,
            },
        }
    }
    /// From the start of this range to the end of the whole index (`seek-datoms`).
    pub fn to_end(mut self) -> Range {
        self.to = Position {
            e: 0,
            a: 0,
            v: None,
            len: 0,
            after: true,
        };
        self
    }
}

/// Compares keys of one order. A dictionary that cannot be read makes an arbitrary but consistent answer and is
/// reported by [`Keys::take_error`], since `sort` and binary search cannot fail.
pub(super) struct Keys<'a> {
    order: Order,
    words: &'a Words,
    types: &'a [u8],
    error: RefCell<Option<Error>>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(order: Order, words: &'a Words, types: &'a [u8]) -> Keys<'a> {
        Keys {
            order,
            words,
            types,
            error: RefCell::new(None),
        }
    }

    pub(super) fn take_error(&self) -> Result<()> {
        self.error.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn inline(&self, a: u32) -> bool {
        self.types.get(a as usize).is_none_or(|f| f & 2 != 0)
    }

    fn values(&self, a: u32, x: Word, y: Word) -> Ordering {
        if x == y || self.inline(a) {
            return x.cmp(&y);
        }
        word::compare(x, y).unwrap_or_else(|| match (self.words.bytes(x), self.words.bytes(y)) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            (Err(e), _) | (_, Err(e)) => {
                self.error.borrow_mut().get_or_insert(e);
                x.cmp(&y)
            }
        })
    }

    fn value_probe(&self, a: u32, x: Word, probe: &Probe) -> Ordering {
        match &probe.bytes {
            Some(bytes) if !self.inline(a) && x != probe.word => match self.words.bytes(x) {
                Ok(x) => (*x).cmp(bytes),
                Err(e) => {
                    self.error.borrow_mut().get_or_insert(e);
                    x.cmp(&probe.word)
                }
            },
            _ => x.cmp(&probe.word),
        }
    }

    /// The order of two rows: components, then t, then retraction before assertion.
    pub(super) fn compare(&self, x: &RawDatom, y: &RawDatom) -> Ordering {
        let v = || self.values(x.a, x.v, y.v);
        match self.order {
            Order::Eavt => x.e.cmp(&y.e).then(x.a.cmp(&y.a)).then_with(v),
            Order::Aevt => x.a.cmp(&y.a).then(x.e.cmp(&y.e)).then_with(v),
            Order::Avet => x.a.cmp(&y.a).then_with(v).then(x.e.cmp(&y.e)),
            Order::Vaet => x.v.cmp(&y.v).then(x.a.cmp(&y.a)).then(x.e.cmp(&y.e)),
        }
        .then(x.t.cmp(&y.t))
        .then(x.added.cmp(&y.added))
    }

    /// Where row `x` lies: `Less` when before the position.
    pub(super) fn position(&self, x: &RawDatom, p: &Position) -> Ordering {
        let v = || {
            p.v.as_ref()
                .map_or(Ordering::Equal, |probe| self.value_probe(x.a, x.v, probe))
        };
        let parts: [&dyn Fn() -> Ordering; 3] = match self.order {
            Order::Eavt => [&|| x.e.cmp(&p.e), &|| x.a.cmp(&p.a), &v],
            Order::Aevt => [&|| x.a.cmp(&p.a), &|| x.e.cmp(&p.e), &v],
            Order::Avet => [&|| x.a.cmp(&p.a), &v, &|| x.e.cmp(&p.e)],
            Order::Vaet => [&v, &|| x.a.cmp(&p.a), &|| x.e.cmp(&p.e)],
        };
        let order = parts[..p.len as usize]
            .iter()
            .fold(Ordering::Equal, |o, f| o.then_with(f));
        order.then(if p.after { Ordering::Less } else { Ordering::Greater })
    }

    pub(super) fn contains(&self, range: &Range, x: &RawDatom) -> bool {
        self.position(x, &range.from) == Ordering::Greater && self.position(x, &range.to) == Ordering::Less
    }
}
