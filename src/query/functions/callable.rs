//! What a query calls by name: a built-in function, or one that the program registered.

use super::{Function, call, check_arity, lookup, names};
use crate::datom::Val;
use crate::db::{Db, QueryFn, meant};
use crate::edn::Symbol;
use crate::error::{Code, Error, Result, Span};

/// A function of values.
#[derive(Clone)]
pub(crate) enum Callable {
    BuiltIn(&'static Function),
    Registered(QueryFn),
}

impl Callable {
    /// The function that `name` means in `db`, registered before built-in, when it takes so many arguments. The places of mistakes are
    /// those of the name and of the whole call; `more` are names that the caller knows beside these.
    pub fn named(
        (name, name_span): (&Symbol, Span),
        db: Option<&Db>,
        (given, span): (usize, Span),
        more: &[&'static str],
    ) -> Result<Callable> {
        let registered = db.map(|db| &db.registry().query_fns);
        if let Some(f) = registered.and_then(|fns| fns.get(name)) {
            check_arity(name, f.arity.min, f.arity.max, given).map_err(|e| e.at(span))?;
            return Ok(Callable::Registered(f.call.clone()));
        }
        let Some(function) = lookup(name) else {
            let error = Error::new(Code::UnresolvedSymbol, format!("there is no function {name}")).at(name_span);
            if matches!(name.name(), "like" | "ilike" | "LIKE" | "rlike" | "regexp") {
                return Err(error.hint(
                    "starts-with?, ends-with? and includes? look for a text, (re-find \"^P.*l$\" ?name) for a pattern",
                ));
            }
            let built_in = names().into_iter().chain(more.iter().copied());
            return Err(meant(error, name, registered, built_in));
        };
        function.check_arity(given).map_err(|e| e.at(span))?;
        Ok(Callable::BuiltIn(function))
    }

    /// What it gives.
    pub fn call(&self, args: &[Val]) -> Result<Val> {
        match self {
            Callable::BuiltIn(function) => call(function, args),
            Callable::Registered(f) => f(args),
        }
    }
}
