//! The end of what has been prepared.

use std::sync::Arc;

use crate::db::Db;
use crate::index::Fresh;
use crate::log::{Chain, Hash};
use crate::schema::{Attribute, Schema};
use crate::tx::Prepared;

/// The end of what has been prepared, ahead of what is durable. Belongs to the leader.
pub(super) struct Pending {
    pub(super) db: Db,
    pub(super) chain: Chain,
    /// The unique values of `db`.
    pub(super) fresh: Fresh,
}

impl Pending {
    /// `db` at the end of the log.
    pub(super) fn new(db: Db, chain: Chain) -> Pending {
        let fresh = Fresh::of(&db.base().snapshot, unique(db.schema()));
        Pending { db, chain, fresh }
    }

    /// Goes on by one transaction.
    pub(super) fn advance(&mut self, prepared: &Prepared, hash: Hash) {
        let before = std::mem::replace(&mut self.db, prepared.db_after.clone());
        self.chain = Chain::after(prepared.t, hash);
        self.fresh.note(&prepared.datoms);
        if !Arc::ptr_eq(before.schema(), self.db.schema()) {
            self.fresh.follow(&self.db.base().snapshot, unique(self.db.schema()));
        }
    }
}

/// The attributes whose values have one owner each, always: composites may be exempt.
pub(super) fn unique(schema: &Schema) -> Vec<u32> {
    let unique = |a: &&Arc<Attribute>| a.unique.is_some() && a.composite_members().is_none();
    schema.attrs().filter(unique).map(|a| a.id).collect()
}
