//! What `expand` makes and `resolve` reads: flat operations on terms, in columns where it pays.
//!
//! An operation is 56 bytes and owns nothing: values are words already, tempids and lookup refs are numbers into
//! side tables. So the later stages sort and compare machine words, whatever the input was.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::datom::{ValueType, Word};
use crate::edn::{Instant, Symbol};
use crate::error::Span;
use crate::schema::{Attribute, Schema, Unique, bootstrap};

/// What stages ask of an attribute so often that a lookup each time would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Flags(u16);

impl Flags {
    /// Cardinality one.
    pub const ONE: Flags = Flags(1);
    /// Unique, value or identity.
    pub const UNIQUE: Flags = Flags(2);
    /// Unique identity.
    pub const IDENTITY: Flags = Flags(4);
    /// Of type ref.
    pub const REF: Flags = Flags(8);
    /// A composite tuple.
    pub const COMPOSITE: Flags = Flags(16);
    /// Part of a composite tuple.
    pub const MEMBER: Flags = Flags(32);
    /// Has predicates.
    pub const PREDS: Flags = Flags(64);
    /// Defines the schema.
    pub const SCHEMA: Flags = Flags(128);
    /// Its words are values by themselves.
    pub const INLINE: Flags = Flags(256);

    pub fn of(attr: &Attribute, schema: &Schema) -> Flags {
        let mut bits = 0;
        let mut set = |flag: Flags, on: bool| bits |= if on { flag.0 } else { 0 };
        set(Flags::ONE, attr.is_one());
        set(Flags::UNIQUE, attr.unique.is_some());
        set(Flags::IDENTITY, attr.unique == Some(Unique::Identity));
        set(Flags::REF, attr.value_type == ValueType::Ref);
        set(Flags::COMPOSITE, attr.composite_members().is_some());
        set(Flags::MEMBER, !schema.composites_of(attr.id).is_empty());
        set(Flags::PREDS, !attr.preds.is_empty());
        set(
            Flags::SCHEMA,
            attr.id < bootstrap::FIRST_DB as u32 && Schema::is_schema_attr(attr.id),
        );
        set(Flags::INLINE, attr.value_type.is_inline());
        Flags(bits)
    }

    pub fn has(self, flag: Flags) -> bool {
        self.0 & flag.0 != 0
    }
}

/// An entity or value as far as it is known: a word, or a name that `resolve` turns into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// An entity id or a value.
    Word(Word),
    /// A tempid, by its number in [`Ops::temps`].
    Temp(u32),
    /// A lookup ref, by its number in [`Ops::lookups`].
    Lookup(u32),
    /// No value (retract all; cas against nothing).
    Nothing,
}

/// What an operation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// `e a v` holds.
    Add,
    /// `e a v` does not hold.
    Retract,
    /// `e a` has no value.
    RetractAll,
    /// `e` and its parts have no facts, and nothing refers to them.
    RetractEntity,
    /// `e a` changes to `v` if it is what [`Ops::cas`] says.
    Cas,
    /// `e` must meet the spec `v`.
    Ensure,
}

/// Whether a fact is known to hold in the database before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Nobody looked yet.
    Unknown,
    /// It holds.
    Present,
    /// It does not, and neither does any other of its entity.
    Absent,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub e: Term,
    pub v: Term,
    pub a: u32,
    pub flags: Flags,
    pub what: What,
    pub known: Known,
    pub span: Span,
}

/// A tempid as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TempName {
    Text(Arc<str>),
    Number(i64),
}

impl From<TempName> for String {
    fn from(name: TempName) -> String {
        match name {
            TempName::Text(s) => String::from(&*s),
            TempName::Number(n) => n.to_string(),
        }
    }
}

impl std::fmt::Display for TempName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TempName::Text(s) => f.write_str(s),
            TempName::Number(n) => write!(f, "{n}"),
        }
    }
}

/// An entity of the transaction that has no id yet. Tempids that turn out to be one entity form a tree of `parent`s;
/// what is known of the entity is at its root.
#[derive(Clone, Debug)]
pub(super) struct Temp {
    /// `None` for a map without `:db/id`.
    pub name: Option<TempName>,
    /// The partition the user asked for.
    pub partition: Option<u32>,
    /// Where it was first used.
    pub span: Span,
    /// Whether something is asserted about it.
    pub subject: bool,
    /// Whether it is used to retract or compare, which needs an existing entity.
    pub must_exist: bool,
    /// Whether it gets a name or a definition, so that it belongs in the db partition.
    pub named: bool,
    pub parent: u32,
    pub id: Option<u64>,
    /// The operation through which it became `id`.
    pub via: Option<u32>,
    pub new: bool,
}

/// A lookup ref whose attribute is known to be unique.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup {
    pub a: u32,
    pub flags: Flags,
    /// A word, or another lookup ref with a smaller number.
    pub v: Term,
    pub span: Span,
}

/// A call of a transaction function: which operations it made.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub name: Symbol,
    pub first: u32,
    pub end: u32,
}

/// Tempids by name. Most transactions have a few, which are found faster without a table.
#[derive(Debug, Default)]
pub(super) struct Names {
    few: SmallVec<[(TempName, u32); FEW_NAMES]>,
    many: FxHashMap<TempName, u32>,
}

const FEW_NAMES: usize = 4;

impl Names {
    fn get(&self, name: &TempName) -> Option<u32> {
        match self.many.is_empty() {
            true => self.few.iter().find(|(known, _)| known == name).map(|(_, i)| *i),
            false => self.many.get(name).copied(),
        }
    }
    fn insert(&mut self, name: TempName, i: u32) {
        if self.many.is_empty() && self.few.len() < FEW_NAMES {
            self.few.push((name, i));
        } else {
            self.many.extend(self.few.drain(..));
            self.many.insert(name, i);
        }
    }
    pub fn len(&self) -> usize {
        self.few.len() + self.many.len()
    }
    pub fn into_all(self) -> impl Iterator<Item = (TempName, u32)> {
        self.few.into_iter().chain(self.many)
    }
}

/// A transaction's operations.
#[derive(Debug, Default)]
pub(super) struct Ops {
    pub ops: Vec<Op>,
    pub temps: Vec<Temp>,
    pub names: Names,
    pub lookups: Vec<Lookup>,
    /// The expected value of the cas operations: (operation, value).
    pub cas: Vec<(u32, Term)>,
    /// The instants asked for.
    pub instants: Vec<(Instant, Span)>,
    pub calls: Vec<Call>,
}

impl Ops {
    /// Which form made operation `op`: 0 for those written out, otherwise the number of the call, from 1.
    pub fn origin(&self, op: u32) -> usize {
        let i = self.calls.partition_point(|c| c.end <= op);
        match self.calls.get(i) {
            Some(call) if call.first <= op => i + 1,
            _ => 0,
        }
    }

    /// The number of a new, unnamed entity.
    pub fn fresh(&mut self, span: Span) -> u32 {
        self.push_temp(None, span)
    }

    /// The number of a tempid.
    pub fn temp(&mut self, name: TempName, span: Span) -> u32 {
        if let Some(i) = self.names.get(&name) {
            return i;
        }
        let i = self.push_temp(Some(name.clone()), span);
        self.names.insert(name, i);
        i
    }

    fn push_temp(&mut self, name: Option<TempName>, span: Span) -> u32 {
        let i = self.temps.len() as u32;
        self.temps.push(Temp {
            name,
            partition: None,
            span,
            subject: false,
            must_exist: false,
            named: false,
            parent: i,
            id: None,
            via: None,
            new: false,
        });
        i
    }

    /// The tempid that stands for all those unified with `i`.
    pub fn root(&mut self, mut i: u32) -> u32 {
        loop {
            let parent = self.temps[i as usize].parent;
            if parent == i {
                return i;
            }
            // Halving keeps the paths short.
            let above = self.temps[parent as usize].parent;
            self.temps[i as usize].parent = above;
            i = above;
        }
    }
}
