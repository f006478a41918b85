//! The rows of an index, and what of a pattern an index read leaves to check.

use super::super::plan::access::Access;
use super::super::plan::{Pos, Scan};
use crate::datom::{T, Value, ValueType, Word};
use crate::db::Db;
use crate::error::Result;
use crate::index::{Batch, Columns};

/// The columns of some rows of an index.
pub(super) struct Slices<'a> {
    pub e: &'a [u64],
    pub a: &'a [u32],
    pub v: &'a [Word],
    pub t: &'a [T],
    pub added: Option<&'a [bool]>,
}

impl<'a> Slices<'a> {
    pub fn batch(b: &'a Batch) -> Slices<'a> {
        Slices {
            e: b.e(),
            a: b.a(),
            v: b.v(),
            t: b.t(),
            added: b.added(),
        }
    }
    pub fn columns(c: &'a Columns) -> Slices<'a> {
        Slices {
            e: &c.e,
            a: &c.a,
            v: &c.v,
            t: &c.t,
            added: (!c.added.is_empty()).then_some(&c.added[..]),
        }
    }
    pub fn len(&self) -> usize {
        self.e.len()
    }
}

/// What of a pattern an index read leaves to check, in words.
#[derive(Default)]
pub(super) struct Check {
    pub e: Option<u64>,
    pub a: Option<u32>,
    pub v: Option<Word>,
    /// The type a constant value has, when attributes of several types are read.
    pub ty: Option<ValueType>,
    pub low: Option<(Word, bool)>,
    pub high: Option<(Word, bool)>,
    pub t: Option<T>,
    pub op: Option<bool>,
    /// Nothing can pass.
    pub never: bool,
}

impl Check {
    pub fn new(s: &Scan, a: &Access, db: &Db) -> Result<Check> {
        let mut check = Check::default();
        if let (true, Pos::Is(e)) = (a.check_entity, &s.e) {
            check.e = Some(*e);
        }
        if let (true, Pos::Is(x)) = (a.check_attr, &s.a) {
            check.a = Some(*x);
        }
        if a.check_value {
            if let Pos::Is(v) = &s.v {
                match db.words().find(v)? {
                    Some(w) => check.v = Some(w),
                    None => check.never = true,
                }
                if s.attr.is_none() {
                    check.ty = Some(v.value_type());
                }
            }
            // Bounds on texts and the like stay predicates: their words have no order.
            let inline = |b: &Option<(Value, bool)>| match b {
                Some((v, inclusive)) => crate::datom::word::inline(v).map(|w| (w, *inclusive)),
                None => None,
            };
            check.low = inline(&s.bounds.low);
            check.high = inline(&s.bounds.high);
        }
        if let Pos::Is(t) = s.tx {
            check.t = Some(t);
        }
        if let Pos::Is(op) = s.op {
            check.op = Some(op);
        }
        Ok(check)
    }
    pub fn is_free(&self) -> bool {
        self.e.is_none()
            && self.a.is_none()
            && self.v.is_none()
            && self.low.is_none()
            && self.high.is_none()
            && self.t.is_none()
            && self.op.is_none()
            && !self.never
    }
    pub fn passes(&self, rows: &Slices<'_>, i: usize, db: &Db) -> bool {
        let w = rows.v[i];
        !self.never
            && self.e.is_none_or(|e| rows.e[i] == e)
            && self.a.is_none_or(|a| rows.a[i] == a)
            && self.v.is_none_or(|v| w == v)
            && self.ty.is_none_or(|ty| db.schema().value_type(rows.a[i]) == Some(ty))
            && self.low.is_none_or(|(low, inclusive)| w > low || inclusive && w == low)
            && self
                .high
                .is_none_or(|(high, inclusive)| w < high || inclusive && w == high)
            && self.t.is_none_or(|t| rows.t[i] == t)
            && self.op.is_none_or(|op| rows.added.is_none_or(|a| a[i]) == op)
    }
}

impl Check {
    /// The rows that pass, into `at`.
    pub fn select(&self, rows: &Slices<'_>, db: &Db, at: &mut Vec<u32>) {
        at.clear();
        let value_only =
            self.e.is_none() && self.a.is_none() && self.t.is_none() && self.op.is_none() && self.ty.is_none();
        if !value_only || self.never {
            at.extend((0..rows.len() as u32).filter(|&i| self.passes(rows, i as usize, db)));
            return;
        }
        let mut low = match self.low {
            Some((w, true)) => Some(w),
            Some((w, false)) => w.checked_add(1),
            None => Some(0),
        };
        let mut high = match self.high {
            Some((w, true)) => Some(w),
            Some((w, false)) => w.checked_sub(1),
            None => Some(u64::MAX),
        };
        if let Some(v) = self.v {
            low = low.map(|low| low.max(v));
            high = high.map(|high| high.min(v));
        }
        let (Some(low), Some(high)) = (low, high) else { return };
        if low > high {
            return;
        }
        // Without a branch that would be guessed wrong half of the time.
        let span = high - low;
        at.resize(rows.len(), 0);
        let mut n = 0;
        for (i, w) in rows.v.iter().enumerate() {
            at[n] = i as u32;
            n += usize::from(w.wrapping_sub(low) <= span);
        }
        at.truncate(n);
    }
}
