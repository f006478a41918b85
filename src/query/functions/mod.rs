//! The functions that queries call by name, and how they are found.
//!
//! A [`Function`] takes values and gives one. All are pure. Wrong arguments are errors that name the function, the argument
//! and what was expected; nil as a result drops the row, which is the engine's work. Clauses that need a database
//! (`get-else`, `missing?`, `ground` with its binding, ...) are the engine's own.

pub mod aggregate;
mod callable;
mod collections;
mod compare;
mod kinds;
mod math;
mod text;
mod time;
mod types;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::datom::{Val, convert};
use crate::edn::Symbol;
use crate::error::{Code, Error, Result};

pub(crate) use callable::Callable;
pub use compare::comparable;
pub(crate) use types::{Types, with_article};

/// A built-in function.
#[derive(Debug)]
pub struct Function {
    /// Its bare name: `upper-case`.
    pub name: &'static str,
    /// The namespace of its qualified name: `clojure.string`.
    pub ns: &'static str,
    /// The fewest arguments.
    pub min_args: usize,
    /// The most arguments; `None` = any number.
    pub max_args: Option<usize>,
    /// Whether it answers true or false, so that it makes sense as a clause of its own.
    pub is_predicate: bool,
    /// One line: what it gives.
    pub doc: &'static str,
    /// The function itself; the engine checks the number of arguments before.
    pub call: fn(&[Val]) -> Result<Val>,
}

impl Function {
    /// Refuses a wrong number of arguments.
    pub fn check_arity(&self, given: usize) -> Result<()> {
        check_arity(self.name, self.min_args, self.max_args, given)
    }
}

/// Refuses a wrong number of arguments of anything that is called.
pub(crate) fn check_arity(name: impl std::fmt::Display, min: usize, max: Option<usize>, given: usize) -> Result<()> {
    if given >= min && max.is_none_or(|max| given <= max) {
        return Ok(());
    }
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let takes = match max {
        Some(max) if max == min => format!("{min} argument{}", plural(min)),
        Some(max) if max == min + 1 => format!("{min} or {max} arguments"),
        Some(max) => format!("{min} to {max} arguments"),
        None => format!("at least {min} argument{}", plural(min)),
    };
    Err(Error::new(
        Code::Arity,
        format!("{name} takes {takes}, and was given {given}"),
    ))
}

const TABLES: &[&[Function]] = &[
    math::FUNCTIONS,
    compare::FUNCTIONS,
    kinds::FUNCTIONS,
    text::CORE,
    text::STRING,
    collections::CORE,
    collections::SET,
    time::CORE,
    time::FUNCTIONS,
];

/// The functions of the engine's own, which read a database or bind what they are given.
pub const OWN: [&str; 9] = [
    "ground", "get-else", "get-some", "missing?", "tuple", "untuple", "q", "tx-ids", "tx-data",
];

/// Those of them that read what one entity has; they never fail.
pub const LOOKUPS: [&str; 3] = ["get-else", "get-some", "missing?"];

/// Names that two of the namespaces have, for what is one function here: `(namespace, name)`.
const ALSO: &[(&str, &str)] = &[("clojure.string", "reverse"), ("clojure.core", "second")];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Function>> =
    LazyLock::new(|| all().map(|f| (f.name, f)).collect());

/// The built-in function of a name: bare (`upper-case`) or qualified (`clojure.string/upper-case`, `clojure.core/+`).
pub fn lookup(name: &Symbol) -> Option<&'static Function> {
    let function = *BY_NAME.get(name.name())?;
    name.ns()
        .is_none_or(|ns| ns == function.ns || ALSO.contains(&(ns, function.name)))
        .then_some(function)
}

/// All built-in functions, for reference pages.
pub fn all() -> impl Iterator<Item = &'static Function> {
    TABLES.iter().flat_map(|t| t.iter())
}

/// The bare names of all built-in functions, sorted, for suggestions and completion.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = BY_NAME.keys().copied().collect();
    names.sort_unstable();
    names
}

/// Calls a function as a clause does: one that has no use for entities is given their numbers.
pub fn call(function: &Function, args: &[Val]) -> Result<Val> {
    (function.call)(args).or_else(|e| {
        let numbers = args.iter().map(|v| match v {
            Val::Ref(id) => i64::try_from(id.0).map_or(Val::Nil, Val::Long),
            v => v.clone(),
        });
        match args.iter().any(|v| matches!(v, Val::Ref(_))) {
            true => (function.call)(&numbers.collect::<Vec<_>>()).map_err(|_| e),
            false => Err(e),
        }
    })
}

/// Whether a function answers whatever it is given: comparisons, tests of kinds, and the engine's own.
pub(crate) fn never_fails(name: &Symbol) -> bool {
    let tests = compare::FUNCTIONS
        .iter()
        .filter(|f| f.is_predicate)
        .chain(kinds::FUNCTIONS);
    name.ns().is_none() && (LOOKUPS.contains(&name.name()) || tests.into_iter().any(|f| f.name == name.name()))
}

/// The error for an argument of the wrong type; `index` counts from 0.
pub(crate) fn wrong(function: &str, args: &[Val], index: usize, expected: &str) -> Error {
    let given = &args[index];
    let what = match given {
        Val::Nil => "nil".to_string(),
        v => format!("{}, {}", convert::show(&v.to_edn()), with_article(v.type_name())),
    };
    let what = format!("was given {what}");
    Error::new(
        Code::TypeMismatch,
        self::expected(function, expected, (index, args.len()), &what),
    )
}

/// What a function wants of one of so many arguments, and `what` it is instead.
pub(crate) fn expected(function: &str, expected: &str, (index, of): (usize, usize), what: &str) -> String {
    let place = match of {
        1 => "its argument".to_string(),
        _ => format!("argument {}", index + 1),
    };
    format!("{function} expects {expected} as {place}, and {what}")
}

/// The most levels that a function may nest a value to, and the most values in it. Recursive rules can wrap a value again and
/// again; what compares, hashes and drops values descends into them.
const LEVELS_MAX: usize = 100;
const PARTS_MAX: usize = 1_000_000;

/// Hands a value on that a function built from others, unless it has grown too deep or too large.
pub(crate) fn bounded(function: impl std::fmt::Display, value: Val) -> Result<Val> {
    limited(function, value, PARTS_MAX)
}

/// Hands the answer of a query inside another on, unless it has grown too deep; the budget of rows says how large it may be.
pub(crate) fn shallow(function: impl std::fmt::Display, value: Val) -> Result<Val> {
    limited(function, value, usize::MAX)
}

fn limited(function: impl std::fmt::Display, value: Val, parts_max: usize) -> Result<Val> {
    fn within(v: &Val, levels: usize, left: &mut usize) -> bool {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        let mut inside = |v: &Val| within(v, levels - 1, left);
        match v {
            Val::Vector(_) | Val::List(_) | Val::Set(_) | Val::Map(_) if levels == 0 => false,
            Val::Vector(items) | Val::List(items) => items.iter().all(inside),
            Val::Set(items) => items.iter().all(inside),
            Val::Map(pairs) => pairs.iter().all(|(k, v)| inside(k) && inside(v)),
            _ => true,
        }
    }
    let mut left = parts_max;
    if within(&value, LEVELS_MAX, &mut left) {
        return Ok(value);
    }
    Err(Error::new(
        Code::QueryLimit,
        format!("{function} would nest deeper than {LEVELS_MAX} levels or hold more than {PARTS_MAX} values"),
    )
    .hint("a rule that wraps its own result never ends"))
}

macro_rules! functions {
    ($ns:literal: $($name:literal $arity:tt $kind:ident $f:expr, $doc:literal;)*) => {
        &[$($crate::query::functions::Function {
            name: $name,
            ns: $ns,
            min_args: $crate::query::functions::functions!(@min $arity),
            max_args: $crate::query::functions::functions!(@max $arity),
            is_predicate: $crate::query::functions::functions!(@kind $kind),
            doc: $doc,
            call: $f,
        }),*]
    };
    (@min ($min:literal ..)) => { $min };
    (@min ($min:literal .. $max:literal)) => { $min };
    (@min ($n:literal)) => { $n };
    (@max ($min:literal ..)) => { None };
    (@max ($min:literal .. $max:literal)) => { Some($max) };
    (@max ($n:literal)) => { Some($n) };
    (@kind predicate) => { true };
    (@kind function) => { false };
}
pub(crate) use functions;

#[cfg(test)]
mod tests;
