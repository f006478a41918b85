//! The schema of a moment, read from its facts like anything else.

use super::Db;
use crate::datom::{EntityId, Partition, RawDatom, T, Value};
use crate::error::Result;
use crate::index::{Order, Range, Snapshot, View, Words};
use crate::schema::{Schema, bootstrap};

/// The schema that the facts of `snapshot` made by `until`.
pub(crate) fn schema_at(snapshot: &Snapshot, words: &Words, until: T) -> Result<Schema> {
    let first = bootstrap::facts();
    let types = Schema::empty().apply(first.iter().map(|(e, a, v)| (*e, *a, v, true)));
    let mut facts: Vec<(RawDatom, Value)> = Vec::new();
    each(snapshot, words, None, until, |row| {
        let ty = types.value_type(row.a).expect("bootstrap attributes are always there");
        facts.push((row, words.value(ty, row.v)?));
        Ok(())
    })?;
    facts.sort_by_key(|(d, _)| (d.t, d.added));
    let schema = facts
        .chunk_by(|(x, _), (y, _)| x.t == y.t)
        .fold(Schema::empty(), |schema, tx| {
            schema.apply(tx.iter().map(|(d, v)| (EntityId(d.e), d.a, v, d.added)))
        });
    Ok(schema)
}

/// Calls `each` with what was said about the schema after `since` and up to `until`.
fn each(
    snapshot: &Snapshot,
    words: &Words,
    since: Option<T>,
    until: T,
    mut each: impl FnMut(RawDatom) -> Result<()>,
) -> Result<()> {
    let view = View {
        since,
        until,
        history: true,
    };
    for a in bootstrap::SCHEMA_ATTRS {
        // Any entity may have a description, but only those that may be attributes define something by it.
        let range = match a {
            bootstrap::DOC => Range::entities(a, 0, EntityId::new(Partition(Partition::DB.0 + 1), 0).0),
            _ => Range::a(a),
        };
        for batch in snapshot.scan(words, Order::Aevt, &range, view) {
            let batch = batch?;
            (0..batch.len()).try_for_each(|i| each(batch.row(i)))?;
        }
    }
    Ok(())
}

impl Db {
    /// Whether nothing was said about the schema after `t`.
    pub(super) fn schema_stood_since(&self, t: T) -> Result<bool> {
        let mut said = 0;
        let base = self.base();
        each(&base.snapshot, &base.words, Some(t), base.basis_t, |_| {
            said += 1;
            Ok(())
        })?;
        Ok(said == 0)
    }
}
