//! Functions that the embedding program registers by name.

use std::collections::HashMap;
use std::sync::Arc;

use super::Db;
use crate::datom::{EntityId, Value};
use crate::edn::{Edn, Symbol};
use crate::error::Result;

/// A transaction function: database before and arguments in, transaction data out. Must be pure.
pub type TxFn = Arc<dyn Fn(&Db, &[Edn]) -> Result<Vec<Edn>> + Send + Sync>;
/// An attribute predicate (`:db.attr/preds`): whether a value may be asserted.
pub type AttrPred = Arc<dyn Fn(&Value) -> bool + Send + Sync>;
/// An entity predicate (`:db.entity/preds`): whether an entity of the database after is right.
pub type EntityPred = Arc<dyn Fn(&Db, EntityId) -> bool + Send + Sync>;

/// The functions that transactions of one connection may name. Names are symbols such as `my.app/positive?`.
#[derive(Clone, Default)]
pub struct Registry {
    pub(crate) tx_fns: HashMap<Symbol, TxFn>,
    pub(crate) attr_preds: HashMap<Symbol, AttrPred>,
    pub(crate) entity_preds: HashMap<Symbol, EntityPred>,
}
