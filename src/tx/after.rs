//! The database value after a transaction.

use std::cell::Cell;
use std::sync::Arc;

use super::cx::Cx;
use super::stages::Change;
use crate::datom::{EntityId, RawDatom, T, Value, ValueType, word};
use crate::db::{Base, Db, Frame, NextIds};
use crate::edn::Instant;
use crate::error::Result;
use crate::index::{Kind, Words};
use crate::schema::{Schema, bootstrap};

/// The datoms of the changes: the instant first, then in the order of the changes.
pub(super) fn datoms(t: T, tx: u64, instant: Instant, changes: &[Change]) -> Arc<[RawDatom]> {
    // The length is known to the iterator, so this is one allocation.
    (0..changes.len() + 1)
        .map(|i| match i.checked_sub(1) {
            None => RawDatom {
                e: tx,
                a: bootstrap::TX_INSTANT,
                v: word::long(instant.0),
                t,
                added: true,
            },
            Some(i) => RawDatom {
                e: changes[i].e,
                a: changes[i].a,
                v: changes[i].v,
                t,
                added: changes[i].added,
            },
        })
        .collect()
}

/// The database after `datoms` on top of the one before.
pub(super) fn database(
    cx: &Cx<'_>,
    next_ids: NextIds,
    instant: Instant,
    changes: &[Change],
    datoms: &Arc<[RawDatom]>,
) -> Result<Db> {
    let base = cx.db.base();
    let frame = match changes.iter().any(Change::defines) {
        false if !cx.options.speculative => base.frame.clone(),
        changed => Arc::new(Frame {
            words: cx.words.clone().into_owned(),
            schema: match changed {
                true => Arc::new(schema_after(&cx.words, &base.schema, changes)?),
                false => base.schema.clone(),
            },
            registry: base.registry.clone(),
            speculative: base.speculative || cx.options.speculative,
        }),
    };
    let before = match frame.speculative {
        true => &base.snapshot.apart(),
        false => &base.snapshot,
    };
    let snapshot = before.apply(datoms.clone(), &kinds(&frame.schema));
    Ok(Db::from_base(Base {
        snapshot,
        basis_t: cx.t,
        instant,
        next_ids,
        frame,
    }))
}

fn schema_after(words: &Words, before: &Schema, changes: &[Change]) -> Result<Schema> {
    let mut facts: Vec<(EntityId, u32, Value, bool)> = Vec::new();
    for c in changes.iter().filter(|c| c.defines()) {
        let ty = super::cx::type_of(before, c.a)?;
        facts.push((EntityId(c.e), c.a, words.value(ty, c.v)?, c.added));
    }
    Ok(before.apply(facts.iter().map(|(e, a, v, added)| (*e, *a, v, *added))))
}

/// What the indexes ask of attributes, with the last few answers kept: a transaction has few attributes.
pub(crate) fn kinds(schema: &Schema) -> impl Fn(u32) -> Kind + '_ {
    let cache: [Cell<Option<(u32, Kind)>>; 16] = Default::default();
    move |a| {
        let slot = &cache[a as usize % 16];
        if let Some((_, kind)) = slot.get().filter(|(known, _)| *known == a) {
            return kind;
        }
        let kind = kind(schema, a);
        slot.set(Some((a, kind)));
        kind
    }
}

fn kind(schema: &Schema, a: u32) -> Kind {
    match schema.attr(a) {
        Some(attr) => Kind {
            inline: attr.value_type.is_inline(),
            reference: attr.value_type == ValueType::Ref,
        },
        None => Kind {
            inline: true,
            reference: false,
        },
    }
}
