//! The columns of a pattern's variables, taken from the rows of an index.

use super::super::ast::Var;
use super::super::column::{Column, Tag};
use super::super::plan::Scan;
use super::super::relation::Relation;
use super::super::source::{DbSource, Translator};
use super::Exec;
use super::check::Slices;
use crate::datom::{TxId, ValueType, Word};
use crate::error::Result;
use crate::schema::{Attribute, bootstrap};

/// What the facts of a pattern are looked up by.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Key {
    Entity,
    Value,
}

impl Key {
    /// The variable of the pattern that stands there.
    pub fn var(self, s: &Scan) -> Var {
        let var = match self {
            Key::Entity => s.e.var(),
            Key::Value => s.v.var(),
        };
        var.expect("a key is chosen for a variable of the pattern")
    }
}

/// The columns of a pattern's variables, growing.
pub(super) struct Output<'a> {
    pub scan: &'a Scan,
    pub source: &'a DbSource,
    pub vars: Vec<Var>,
    pub slots: Vec<Slot>,
    pub cols: Vec<Column>,
    pub len: usize,
    pub translator: Translator,
    pub v_type: Option<ValueType>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Slot {
    E,
    A,
    V,
    Tx,
    Op,
}

impl<'a> Output<'a> {
    pub fn new(scan: &'a Scan, source: &'a DbSource, wanted: impl Fn(Var) -> bool) -> Output<'a> {
        let v_type = scan.attr.as_ref().map(|a| a.value_type);
        let mut out = Output {
            scan,
            source,
            vars: Vec::new(),
            slots: Vec::new(),
            cols: Vec::new(),
            len: 0,
            translator: Translator::default(),
            v_type,
        };
        for (v, slot, tag) in [
            (scan.e.var(), Slot::E, Tag::REF),
            (scan.a.var(), Slot::A, Tag::REF),
            (scan.v.var(), Slot::V, v_type.map_or(Tag::REF, Tag::of)),
            (scan.tx.var(), Slot::Tx, Tag::REF),
            (scan.op.var(), Slot::Op, Tag::BOOLEAN),
        ] {
            if let Some(v) = v.filter(|v| wanted(*v)) {
                out.vars.push(v);
                out.slots.push(slot);
                out.cols.push(Column::new(tag));
            }
        }
        out
    }

    /// Makes room for about so many rows more: to grow step by step takes twice the memory.
    pub fn reserve(&mut self, rows: usize) {
        self.cols.iter_mut().for_each(|col| col.words.reserve(rows));
    }

    /// Appends all rows, or those at `at`.
    pub fn extend(&mut self, rows: &Slices<'_>, at: Option<&[u32]>, exec: &Exec<'_>) -> Result<()> {
        let n = at.map_or(rows.len(), <[u32]>::len);
        for (slot, col) in self.slots.iter().zip(&mut self.cols) {
            match slot {
                Slot::E => pick(&mut col.words, rows.e, at, |e| e),
                Slot::A => pick(&mut col.words, rows.a, at, u64::from),
                Slot::Tx => pick(&mut col.words, rows.t, at, |t| TxId::from_t(t).0),
                Slot::Op => match rows.added {
                    Some(added) => pick(&mut col.words, added, at, u64::from),
                    None => col.words.resize(col.words.len() + n, 1),
                },
                Slot::V => match self.v_type {
                    Some(ty) if !self.source.foreign || ty.is_inline() => pick(&mut col.words, rows.v, at, |w| w),
                    _ => {
                        for k in 0..n {
                            let i = at.map_or(k, |at| at[k] as usize);
                            let ty = match self.v_type {
                                Some(ty) => ty,
                                None => match self.source.db.schema().value_type(rows.a[i]) {
                                    Some(ty) => ty,
                                    None => ValueType::Ref,
                                },
                            };
                            let w = match self.source.foreign {
                                true => self.translator.word(&self.source.db, exec.values, ty, rows.v[i])?,
                                false => rows.v[i],
                            };
                            col.push(Tag::of(ty), w);
                        }
                    }
                },
            }
        }
        self.len += n;
        Ok(())
    }

    /// Whether no two rows of the pattern can agree in the columns taken.
    pub fn is_distinct(&self) -> bool {
        let has = |slot: Slot| self.slots.contains(&slot);
        let s = self.scan;
        if self.source.db.is_history() {
            return (has(Slot::E) || s.e.is_const())
                && (has(Slot::A) || s.a.is_const())
                && (has(Slot::V) || s.v.is_const())
                && (has(Slot::Tx) || s.tx.is_const())
                && (has(Slot::Op) || s.op.is_const());
        }
        if s.attr.is_none() {
            return (has(Slot::E) || s.e.is_const()) && has(Slot::A) && (has(Slot::V) || s.v.is_const());
        }
        match (has(Slot::E) || s.e.is_const(), has(Slot::V) || s.v.is_const()) {
            (true, true) => true,
            (true, false) => s.attr.as_ref().is_some_and(|a| is_one(a, self.source, self.len)),
            (false, true) => s.attr.as_ref().is_some_and(|a| is_unique(a, self.source, self.len)),
            (false, false) => false,
        }
    }

    pub fn relation(self, sorted: bool) -> Relation {
        let distinct = self.is_distinct();
        let sorted = self.scan.e.var().filter(|_| sorted);
        let sorted = sorted.filter(|v| self.vars.contains(v));
        Relation {
            sorted,
            distinct,
            ..Relation::new(self.vars, self.cols, self.len)
        }
    }
}

fn pick<X: Copy>(out: &mut Vec<Word>, from: &[X], at: Option<&[u32]>, f: impl Fn(X) -> Word) {
    match at {
        None => out.extend(from.iter().map(|x| f(*x))),
        Some(at) => out.extend(at.iter().map(|&i| f(from[i as usize]))),
    }
}

impl Output<'_> {
    /// Whether, beside the value it was looked up by, no two rows agree.
    pub fn is_distinct_beside_key(&self, key: Key) -> bool {
        let has = |slot: Slot| self.slots.contains(&slot);
        let s = self.scan;
        let Some(attr) = &s.attr else { return false };
        if self.source.db.is_history() {
            return false;
        }
        match key {
            Key::Entity => has(Slot::V) || s.v.is_const() || is_one(attr, self.source, self.len),
            Key::Value => has(Slot::E) || s.e.is_const() || is_unique(attr, self.source, self.len),
        }
    }
}

/// Rows below this are cheaper to look through than to ask what an attribute was at an earlier time.
const FEW: usize = 64;

/// Whether each entity has one value at most at the view's moment; a view of few rows that cannot tell at once says no.
pub(super) fn is_one(attr: &Attribute, source: &DbSource, rows: usize) -> bool {
    attr.is_one() && was_already(attr, source, rows, bootstrap::CARDINALITY)
}

/// Whether no two entities have the same value, likewise.
pub(super) fn is_unique(attr: &Attribute, source: &DbSource, rows: usize) -> bool {
    attr.unique.is_some() && !attr.unique_partial && was_already(attr, source, rows, bootstrap::UNIQUE)
}

fn was_already(attr: &Attribute, source: &DbSource, rows: usize, respect: u32) -> bool {
    // What cannot be read is read again by whoever needs it, who reports it.
    source.db.as_of_t().is_none() || rows >= FEW && source.db.was_already(attr.id, respect).unwrap_or(false)
}
