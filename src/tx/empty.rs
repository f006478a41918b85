//! The empty database: transaction 0, which installs the attributes that describe attributes.

use std::sync::Arc;

use super::after;
use crate::datom::{EntityId, RawDatom, TxId, Value, word};
use crate::db::{Base, Db, Frame, NextIds, Registry};
use crate::edn::Instant;
use crate::error::Result;
use crate::index::{Snapshot, Words};
use crate::schema::{Schema, bootstrap};

/// The instant of transaction 0. Every other comes after it.
pub const BOOTSTRAP_INSTANT: Instant = Instant(0);

/// The datoms of transaction 0, and the database value that has no others.
pub fn bootstrap(words: Words, registry: Arc<Registry>) -> Result<(Vec<RawDatom>, Db)> {
    let facts = bootstrap::facts();
    let mut datoms = vec![RawDatom {
        e: TxId::from_t(0).0,
        a: bootstrap::TX_INSTANT,
        v: word::long(BOOTSTRAP_INSTANT.0),
        t: 0,
        added: true,
    }];
    for (e, a, v) in &facts {
        datoms.push(RawDatom {
            e: e.0,
            a: *a,
            v: words.intern(v)?,
            t: 0,
            added: true,
        });
    }
    let schema = Schema::empty().apply(facts.iter().map(|(e, a, v): &(EntityId, u32, Value)| (*e, *a, v, true)));
    let snapshot = Snapshot::empty().apply(&datoms[..], &after::kinds(&schema));
    let base = Base {
        snapshot,
        basis_t: 0,
        instant: BOOTSTRAP_INSTANT,
        next_ids: NextIds::new(),
        frame: Arc::new(Frame {
            words,
            schema: Arc::new(schema),
            registry,
            speculative: false,
        }),
    };
    Ok((datoms, Db::from_base(base)))
}
