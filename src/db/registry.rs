//! Functions that the embedding program registers by name.

use std::collections::HashMap;
use std::ops::{RangeFrom, RangeInclusive};
use std::sync::Arc;

use super::Db;
use crate::datom::{EntityId, Val, Value};
use crate::edn::{Edn, Symbol};
use crate::error::{Error, Result};

/// A transaction function: database before and arguments in, transaction data out. Must be pure.
pub type TxFn = Arc<dyn Fn(&Db, &[Edn]) -> Result<Vec<Edn>> + Send + Sync>;
/// An attribute predicate (`:db.attr/preds`): whether a value may be asserted.
pub type AttrPred = Arc<dyn Fn(&Value) -> bool + Send + Sync>;
/// An entity predicate (`:db.entity/preds`): whether an entity of the database after is right.
pub type EntityPred = Arc<dyn Fn(&Db, EntityId) -> bool + Send + Sync>;

/// A function that queries call by name. Must be pure: the engine calls it as often, and in whatever order, it likes.
pub type QueryFn = Arc<dyn Fn(&[Val]) -> Result<Val> + Send + Sync>;
/// An aggregate: the values of one group in, one value out.
pub type AggregateFn = Arc<dyn Fn(&mut dyn Iterator<Item = &Val>) -> Result<Val> + Send + Sync>;
/// A pull `:xform`: the value as it would be shown in, what to show instead out.
pub type XformFn = Arc<dyn Fn(Edn) -> Result<Edn> + Send + Sync>;

/// How many arguments a function takes: `2.into()`, `(1..=3).into()` or `(1..).into()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arity {
    /// The fewest.
    pub min: usize,
    /// The most; `None` = any number.
    pub max: Option<usize>,
}

impl From<usize> for Arity {
    fn from(n: usize) -> Arity {
        Arity { min: n, max: Some(n) }
    }
}
impl From<RangeInclusive<usize>> for Arity {
    fn from(range: RangeInclusive<usize>) -> Arity {
        Arity {
            min: *range.start(),
            max: Some(*range.end()),
        }
    }
}
impl From<RangeFrom<usize>> for Arity {
    fn from(range: RangeFrom<usize>) -> Arity {
        Arity {
            min: range.start,
            max: None,
        }
    }
}

/// A query function with the number of its arguments.
#[derive(Clone)]
pub struct RegisteredFn {
    /// How many arguments it takes; checked before it is called.
    pub arity: Arity,
    /// The function.
    pub call: QueryFn,
}

/// The functions that transactions, queries and pulls of one connection may name. Names are symbols such as `my.app/positive?`.
#[derive(Clone, Default)]
pub struct Registry {
    pub(crate) tx_fns: HashMap<Symbol, TxFn>,
    pub(crate) attr_preds: HashMap<Symbol, AttrPred>,
    pub(crate) entity_preds: HashMap<Symbol, EntityPred>,
    pub(crate) query_fns: HashMap<Symbol, RegisteredFn>,
    pub(crate) aggregates: HashMap<Symbol, AggregateFn>,
    pub(crate) xforms: HashMap<Symbol, XformFn>,
}

/// `error` about a function that nobody knows, with what was perhaps meant: a registered one whose namespace is missing, else the
/// nearest of all.
pub(crate) fn meant<'a, F>(
    error: Error,
    given: &Symbol,
    registered: Option<&HashMap<Symbol, F>>,
    built_in: impl IntoIterator<Item = &'a str>,
) -> Error {
    let mut registered: Vec<&Symbol> = registered.into_iter().flat_map(HashMap::keys).collect();
    registered.sort();
    if let Some(same) = registered.iter().find(|name| name.name() == given.name()) {
        return error.hint(format!("did you mean {same}?"));
    }
    let registered: Vec<String> = registered.iter().map(ToString::to_string).collect();
    let mut names: Vec<&str> = registered.iter().map(|s| &**s).collect();
    for name in built_in {
        names.push(name);
    }
    error.suggest(&given.to_string(), names)
}

impl Registry {
    /// The names that queries and pulls may call.
    pub fn names(&self) -> impl Iterator<Item = &Symbol> {
        self.query_fns
            .keys()
            .chain(self.aggregates.keys())
            .chain(self.xforms.keys())
    }

    /// Adds a function for queries: `[(my.app/tax ?price) ?tax]`.
    pub fn query_fn(
        &mut self,
        name: &str,
        arity: impl Into<Arity>,
        call: impl Fn(&[Val]) -> Result<Val> + Send + Sync + 'static,
    ) -> &mut Registry {
        let function = RegisteredFn {
            arity: arity.into(),
            call: Arc::new(call),
        };
        self.query_fns.insert(Symbol::new(name), function);
        self
    }

    /// Adds an aggregate for the `:find` of queries: `(my.app/product ?x)`.
    pub fn aggregate(
        &mut self,
        name: &str,
        call: impl Fn(&mut dyn Iterator<Item = &Val>) -> Result<Val> + Send + Sync + 'static,
    ) -> &mut Registry {
        self.aggregates.insert(Symbol::new(name), Arc::new(call));
        self
    }

    /// Adds a function for pull patterns: `[:person/name :xform my.app/initials]`.
    pub fn xform(&mut self, name: &str, call: impl Fn(Edn) -> Result<Edn> + Send + Sync + 'static) -> &mut Registry {
        self.xforms.insert(Symbol::new(name), Arc::new(call));
        self
    }
}
