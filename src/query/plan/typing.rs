//! What is known of the types of variables at a place of a query.

use rustc_hash::FxHashMap;

use crate::edn::{Keyword, Symbol};
use crate::query::ast::Var;
use crate::query::functions::Types;

/// What is known of the variables of a conjunction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typing {
    pub known: Known,
    /// It is what surrounds the one call that a `not` or a branch consists of: enough to tell that the call fails, and not that it
    /// is false, which may be meant.
    pub surrounds: bool,
}

/// The types of variables, with what fixes each.
pub(crate) type Known = FxHashMap<Var, (Types, Why)>;

/// Which clause fixes a type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Why {
    Value(Keyword),
    Entity,
    Result(Symbol),
    Test(Symbol),
    /// Clauses of several kinds.
    Several,
}

/// Leaves a variable fewer types; says whether these are fewer.
pub(crate) fn narrow(known: &mut Known, v: Var, types: Types, why: Why) -> bool {
    let old = known.get(&v).map_or(Types::ANY, |(types, _)| *types);
    let both = old.both(types);
    if both != old {
        known.insert(v, (both, why));
    }
    both != old
}
