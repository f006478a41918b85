//! Keys of the four orders, positions between them, and their comparison.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::sync::Arc;

use super::{Columns, Words};
use crate::datom::{RawDatom, T, Word, word};
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
    /// What all keys of this range share, when it is all keys that share it.
    pub(super) fn point(&self, order: Order) -> Option<Point> {
        let (from, to) = (&self.from, &self.to);
        let word = |p: &Position| p.v.as_ref().map(|v| v.word);
        let same = (from.e, from.a, word(from), from.len) == (to.e, to.a, word(to), to.len);
        if !same || from.after || !to.after {
            return None;
        }
        let mut point = Point::default();
        for i in 0..from.len {
            match (order, i) {
                (Order::Eavt, 0) | (Order::Aevt, 1) | (Order::Avet | Order::Vaet, 2) => point.e = Some(from.e),
                (Order::Eavt, 1) | (Order::Aevt | Order::Avet, 0) | (Order::Vaet, 1) => point.a = Some(from.a),
                _ => point.v = word(from),
            }
        }
        Some(point)
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

/// The component in which keys differ that share the others.
#[derive(Clone, Copy)]
pub(super) enum Differs {
    E,
    V,
}

/// Components that keys share.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Point {
    pub(super) e: Option<u64>,
    pub(super) a: Option<u32>,
    pub(super) v: Option<Word>,
}

impl Point {
    #[inline]
    pub(super) fn holds(&self, d: &RawDatom) -> bool {
        self.e.is_none_or(|e| e == d.e) && self.a.is_none_or(|a| a == d.a) && self.v.is_none_or(|v| v == d.v)
    }
}

/// What the indexes know of each attribute, by its id. Grows, and never changes for an attribute.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds(pub(super) Arc<Vec<u8>>);

const KNOWN: u8 = 1;
const INLINE: u8 = 2;
const REFERENCE: u8 = 4;

impl Kinds {
    pub(super) fn knows(&self, a: u32) -> bool {
        self.0.get(a as usize).is_some_and(|f| f & KNOWN != 0)
    }
    pub(super) fn learn(&mut self, a: u32, inline: bool, reference: bool) {
        let flags = Arc::make_mut(&mut self.0);
        if flags.len() <= a as usize {
            flags.resize(a as usize + 1, 0);
        }
        flags[a as usize] = KNOWN | if inline { INLINE } else { 0 } | if reference { REFERENCE } else { 0 };
    }
    pub(super) fn inline(&self, a: u32) -> bool {
        self.0.get(a as usize).is_none_or(|f| f & INLINE != 0)
    }
    pub(super) fn reference(&self, a: u32) -> bool {
        self.0.get(a as usize).is_some_and(|f| f & REFERENCE != 0)
    }
}

/// Compares keys of one order. A dictionary that cannot be read makes an arbitrary but consistent answer and is
/// reported by [`Keys::take_error`], since `sort` and binary search cannot fail.
pub(super) struct Keys<'a> {
    pub(super) order: Order,
    words: &'a Words,
    kinds: &'a Kinds,
    error: RefCell<Option<Error>>,
}

/// A row's key, whatever holds the row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) e: u64,
    pub(super) a: u32,
    pub(super) v: Word,
}

impl Columns {
    #[inline]
    pub(super) fn key(&self, i: usize) -> Key {
        Key {
            e: self.e[i],
            a: self.a[i],
            v: self.v[i],
        }
    }
}

/// When something happened, and whether it was an assertion: numbers that sort as events of one key do.
pub(super) fn time(t: T, added: bool) -> u64 {
    t << 1 | u64::from(added)
}

impl Key {
    /// What happened to this key at a [`time`].
    pub(super) fn event(self, time: u64) -> RawDatom {
        RawDatom {
            e: self.e,
            a: self.a,
            v: self.v,
            t: time >> 1,
            added: time & 1 == 1,
        }
    }
}

impl From<&RawDatom> for Key {
    fn from(d: &RawDatom) -> Key {
        Key { e: d.e, a: d.a, v: d.v }
    }
}

impl<'a> Keys<'a> {
    pub(super) fn new(order: Order, words: &'a Words, kinds: &'a Kinds) -> Keys<'a> {
        Keys {
            order,
            words,
            kinds,
            error: RefCell::new(None),
        }
    }

    pub(super) fn take_error(&self) -> Result<()> {
        self.error.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn fail(&self, e: Error) -> Ordering {
        self.error.borrow_mut().get_or_insert(e);
        Ordering::Equal
    }

    #[inline]
    fn values(&self, a: u32, x: Word, y: Word) -> Ordering {
        if x == y || self.kinds.inline(a) {
            return x.cmp(&y);
        }
        match word::compare(x, y) {
            Some(decided) => decided,
            None => match self.words.compare_bytes(x, y) {
                Ok(decided) => decided,
                Err(e) => self.fail(e).then(x.cmp(&y)),
            },
        }
    }

    #[inline]
    fn value_probe(&self, a: u32, x: Word, probe: &Probe) -> Ordering {
        if x == probe.word {
            return Ordering::Equal;
        }
        match &probe.bytes {
            Some(bytes) if !self.kinds.inline(a) => match word::compare(x, probe.word) {
                Some(decided) => decided,
                None => match self.words.with_bytes(x, |x| x.cmp(bytes)) {
                    Ok(decided) => decided,
                    Err(e) => self.fail(e).then(x.cmp(&probe.word)),
                },
            },
            _ => x.cmp(&probe.word),
        }
    }

    /// The order of two keys.
    #[inline]
    pub(super) fn compare(&self, x: Key, y: Key) -> Ordering {
        match self.order {
            Order::Eavt => {
                x.e.cmp(&y.e)
                    .then(x.a.cmp(&y.a))
                    .then_with(|| self.values(x.a, x.v, y.v))
            }
            Order::Aevt => {
                x.a.cmp(&y.a)
                    .then(x.e.cmp(&y.e))
                    .then_with(|| self.values(x.a, x.v, y.v))
            }
            Order::Avet => {
                x.a.cmp(&y.a)
                    .then_with(|| self.values(x.a, x.v, y.v))
                    .then(x.e.cmp(&y.e))
            }
            Order::Vaet => x.v.cmp(&y.v).then(x.a.cmp(&y.a)).then(x.e.cmp(&y.e)),
        }
    }

    /// The order of two events: by key, then t, then retraction before assertion.
    pub(super) fn compare_events(&self, x: &RawDatom, y: &RawDatom) -> Ordering {
        self.compare(x.into(), y.into())
            .then(x.t.cmp(&y.t))
            .then(x.added.cmp(&y.added))
    }

    /// Where a key lies: `Less` when before the position.
    #[inline]
    pub(super) fn position(&self, x: Key, p: &Position) -> Ordering {
        let v = || {
            p.v.as_ref()
                .map_or(Ordering::Equal, |probe| self.value_probe(x.a, x.v, probe))
        };
        let beyond = if p.after { Ordering::Less } else { Ordering::Greater };
        let component = |i: u8| match (self.order, i) {
            (Order::Eavt, 0) | (Order::Aevt, 1) | (Order::Avet | Order::Vaet, 2) => x.e.cmp(&p.e),
            (Order::Eavt, 1) | (Order::Aevt | Order::Avet, 0) | (Order::Vaet, 1) => x.a.cmp(&p.a),
            _ => v(),
        };
        (0..p.len)
            .fold(Ordering::Equal, |o, i| o.then_with(|| component(i)))
            .then(beyond)
    }

    /// The first row at or after `p` among rows `span` of `columns`.
    pub(super) fn lower_bound(&self, columns: &Columns, span: std::ops::Range<usize>, p: &Position) -> usize {
        if p.len == 0 {
            return if p.after { span.end } else { span.start };
        }
        let (mut low, mut high) = (span.start, span.end);
        if let Some(entity) = self.entity_rows(columns, low..high, p) {
            (low, high) = (entity.start, entity.end);
        }
        while low < high {
            let mid = low.midpoint(high);
            if self.position(columns.key(mid), p) == Ordering::Less {
                low = mid + 1
            } else {
                high = mid
            }
        }
        low
    }

    /// The rows of the position's entity, where `span` is ordered by entity alone: found with plain numbers.
    pub(super) fn entity_rows(
        &self,
        columns: &Columns,
        span: std::ops::Range<usize>,
        p: &Position,
    ) -> Option<std::ops::Range<usize>> {
        let last = span.end.checked_sub(1).filter(|&last| span.start < last)?;
        let by_entity = match self.order {
            Order::Eavt => true,
            Order::Aevt => p.len > 1 && columns.a[span.start] == p.a && columns.a[last] == p.a,
            Order::Avet | Order::Vaet => false,
        };
        by_entity.then(|| {
            let e = &columns.e[..span.end];
            let first = first_not_below(e, span.start, p.e);
            let (mut end, mut step) = (first, 8);
            while end + step <= e.len() && e[end + step - 1] == p.e {
                end += step;
                step *= 2;
            }
            let near = e.len().min(end + step);
            first..end + e[end..near].partition_point(|&x| x == p.e)
        })
    }

    /// As [`Keys::lower_bound`], searching outwards from `span.start`: cheap when the place is near.
    pub(super) fn gallop(&self, columns: &Columns, span: std::ops::Range<usize>, p: &Position) -> usize {
        let (mut low, mut step) = (span.start, 1);
        while low + step <= span.end && self.position(columns.key(low + step - 1), p) == Ordering::Less {
            low += step;
            step *= 2;
        }
        self.lower_bound(columns, low..span.end.min(low + step), p)
    }

    /// As [`Keys::key_bound`], searching outwards from `span.start`: cheap when the place is near.
    pub(super) fn key_gallop(&self, columns: &Columns, span: std::ops::Range<usize>, key: Key) -> usize {
        let (mut low, mut step) = (span.start, 1);
        while low + step <= span.end && self.compare(columns.key(low + step - 1), key) == Ordering::Less {
            low += step;
            step *= 2;
        }
        self.key_bound(columns, low..span.end.min(low + step), key)
    }

    /// The first of rows `span` whose key is not before `key`.
    pub(super) fn key_bound(&self, columns: &Columns, span: std::ops::Range<usize>, key: Key) -> usize {
        let (mut low, mut high) = (span.start, span.end);
        while low < high {
            let mid = low.midpoint(high);
            if self.compare(columns.key(mid), key) == Ordering::Less {
                low = mid + 1
            } else {
                high = mid
            }
        }
        low
    }

    /// The first of rows `span` whose key bytes are not before `bytes`.
    pub(super) fn bytes_bound(&self, columns: &Columns, span: std::ops::Range<usize>, bytes: &[u8]) -> Result<usize> {
        self.bytes_bound_by(|i| columns.key(i), span, bytes)
    }

    /// As [`Keys::bytes_bound`], of anything that has keys.
    pub(super) fn bytes_bound_by(
        &self,
        key_at: impl Fn(usize) -> Key,
        span: std::ops::Range<usize>,
        bytes: &[u8],
    ) -> Result<usize> {
        let (mut low, mut high) = (span.start, span.end);
        let mut key = Vec::new();
        while low < high {
            let mid = low.midpoint(high);
            self.key_bytes(key_at(mid), &mut key)?;
            if *key < *bytes { low = mid + 1 } else { high = mid }
        }
        Ok(low)
    }

    pub(super) fn inline(&self, a: u32) -> bool {
        self.kinds.inline(a)
    }
    /// See [`Words::front`].
    pub(super) fn front(&self, w: Word) -> Option<(u64, u64)> {
        self.words.front(w)
    }
    /// Whether the words of all rows are values by themselves.
    pub(super) fn inline_only(&self, columns: &Columns) -> bool {
        columns.a.iter().all(|&a| self.kinds.inline(a))
    }
    pub(super) fn is_ref(&self, a: u32) -> bool {
        self.kinds.reference(a)
    }

    /// When the keys of `range` are all those that share all but one component, and that one is a plain number: a key with what they share.
    pub(super) fn only_one_differs(&self, range: &Range) -> Option<(Key, Differs)> {
        let Point { e, a, v } = range.point(self.order)?;
        let a = a?;
        let differs = match (e, v) {
            (None, Some(_)) => Differs::E,
            (Some(_), None) if self.inline(a) => Differs::V,
            _ => return None,
        };
        let (e, v) = (e.unwrap_or(0), v.unwrap_or(0));
        Some((Key { e, a, v }, differs))
    }

    /// The components of a key in this order, as numbers.
    pub(super) fn numbers(&self, x: Key) -> [u64; 3] {
        let a = u64::from(x.a);
        match self.order {
            Order::Eavt => [x.e, a, x.v],
            Order::Aevt => [a, x.e, x.v],
            Order::Avet => [a, x.v, x.e],
            Order::Vaet => [x.v, a, x.e],
        }
    }
    /// The key of [`Keys::numbers`].
    pub(super) fn key_of(&self, [x, y, z]: [u64; 3]) -> Key {
        let (e, a, v) = match self.order {
            Order::Eavt => (x, y, z),
            Order::Aevt => (y, x, z),
            Order::Avet => (z, x, y),
            Order::Vaet => (z, y, x),
        };
        Key { e, a: a as u32, v }
    }

    /// The bytes of a whole key, which sort as keys do: what separators are made of.
    pub(super) fn key_bytes(&self, x: Key, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let text = (!self.kinds.inline(x.a)).then(|| self.words.bytes(x.v)).transpose()?;
        for i in 0..3 {
            match (self.order, i) {
                (Order::Eavt, 0) | (Order::Aevt, 1) | (Order::Avet | Order::Vaet, 2) => {
                    out.extend_from_slice(&x.e.to_be_bytes())
                }
                (Order::Eavt, 1) | (Order::Aevt | Order::Avet, 0) | (Order::Vaet, 1) => {
                    out.extend_from_slice(&x.a.to_be_bytes())
                }
                _ => value_bytes(x.v, text.as_deref(), out),
            }
        }
        Ok(())
    }
}

/// The first place from `start` on whose number is not below `x`. Entity ids are mostly even within a leaf: a few guesses from the
/// ends save most of the cache misses of halving.
pub(super) fn first_not_below(numbers: &[u64], start: usize, x: u64) -> usize {
    let (mut low, mut high) = (start, numbers.len());
    for _ in 0..3 {
        if high - low < 128 {
            break;
        }
        let (least, most) = (numbers[low], numbers[high - 1]);
        if x <= least || x > most {
            break;
        }
        let share = (x - least) as f64 / (most - least) as f64;
        let guess = low + (share * (high - low - 1) as f64) as usize;
        if numbers[guess] < x {
            low = guess + 1;
            if guess + 32 < high && numbers[guess + 32] >= x {
                high = guess + 32;
            }
        } else {
            high = guess;
            if guess >= low + 32 && numbers[guess - 32] < x {
                low = guess - 31;
            }
        }
    }
    low + numbers[low..high].partition_point(|&n| n < x)
}

fn value_bytes(word: Word, text: Option<&[u8]>, out: &mut Vec<u8>) {
    match text {
        None => out.extend_from_slice(&word.to_be_bytes()),
        // 00 becomes 00 FF and the end is 00 00, so that no value's bytes begin another's.
        Some(bytes) => {
            if !bytes.contains(&0) {
                out.extend_from_slice(bytes);
                return out.extend_from_slice(&[0, 0]);
            }
            for &b in bytes {
                out.push(b);
                if b == 0 {
                    out.push(0xFF);
                }
            }
            out.extend_from_slice(&[0, 0]);
        }
    }
}

impl Position {
    /// The least key bytes at or after this position; `None` beyond all keys.
    pub(super) fn bytes(&self, order: Order) -> Option<Vec<u8>> {
        let text = self.v.as_ref().and_then(|v| v.bytes.as_ref()).map_or(0, |b| b.len());
        let mut out = Vec::with_capacity(24 + text);
        for i in 0..self.len {
            match (order, i) {
                (Order::Eavt, 0) | (Order::Aevt, 1) | (Order::Avet | Order::Vaet, 2) => {
                    out.extend_from_slice(&self.e.to_be_bytes())
                }
                (Order::Eavt, 1) | (Order::Aevt | Order::Avet, 0) | (Order::Vaet, 1) => {
                    out.extend_from_slice(&self.a.to_be_bytes())
                }
                _ => {
                    let probe = self
                        .v
                        .as_ref()
                        .expect("a position with a value component has the value");
                    value_bytes(probe.word, probe.bytes.as_deref(), &mut out);
                }
            }
        }
        if self.after {
            // The successor of a prefix is greater than whatever begins with it.
            while out.pop_if(|b| *b == 0xFF).is_some() {}
            *out.last_mut()? += 1;
        }
        Some(out)
    }
}
