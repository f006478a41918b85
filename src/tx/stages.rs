//! What one stage hands to the next: facts that are stated, and changes of the database.

use super::ops::{Flags, Known, Ops};
use crate::datom::{EntityId, Word};
use crate::db::NextIds;
use crate::edn::Instant;
use crate::error::Span;
use crate::schema::Schema;

/// A fact that the transaction states, before it is known whether it changes anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fact {
    pub e: u64,
    pub a: u32,
    pub v: Word,
    /// The operation it comes from.
    pub op: u32,
    pub flags: Flags,
    pub added: bool,
    pub known: Known,
}

/// What `resolve` hands to `check`.
pub(super) struct Resolved {
    pub ops: Ops,
    pub facts: Vec<Fact>,
    /// Composite tuples that the user wrote; they must equal what their members give.
    pub tuple_writes: Vec<Fact>,
    /// `(entity, spec, place)` of every `:db/ensure`.
    pub ensures: Vec<(u64, u64, Span)>,
    /// Entities retracted whole, ascending.
    pub retracted: Vec<u64>,
    /// The instants asked for.
    pub instants: Vec<(Instant, Span)>,
    /// Unique values whose owner before is known already.
    pub owners: Owners,
    pub next_ids: NextIds,
    pub new_entities: Vec<EntityId>,
}

/// Unique values and who has them in the database before, sorted by attribute and word.
#[derive(Default)]
pub(super) struct Owners(Vec<(u32, Word, Option<u64>)>);

impl Owners {
    pub fn new(mut found: Vec<(u32, Word, Option<u64>)>) -> Owners {
        found.sort_unstable();
        found.dedup();
        Owners(found)
    }

    /// The owner of a value, when it was looked up: `Some(None)` means that nobody has it.
    pub fn get(&self, a: u32, v: Word) -> Option<Option<u64>> {
        let i = self.0.binary_search_by(|(x, w, _)| (*x, *w).cmp(&(a, v))).ok()?;
        Some(self.0[i].2)
    }
}

/// A fact that changes: what a datom will be made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub e: u64,
    pub a: u32,
    pub v: Word,
    pub added: bool,
    pub flags: Flags,
    /// The operation that caused it.
    pub op: u32,
}

impl Change {
    /// Whether it changes the schema.
    pub fn defines(&self) -> bool {
        self.flags.has(Flags::SCHEMA) && Schema::is_schema_fact(EntityId(self.e), self.a)
    }
}
