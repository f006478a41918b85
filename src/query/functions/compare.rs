//! Equality and order.
//!
//! `=` and `<` compare numbers by value whatever their types, where joins are type-strict: `(= 1 1.0)` holds, and a long never
//! joins a double. Values of kinds without a common order are in no order: `(< 1 "a")` is false, and so is `(>= 1 "a")`.

use std::cmp::Ordering;

use super::{Function, functions};
use crate::datom::Val;
use crate::error::{Code, Error, Result};

pub(super) const FUNCTIONS: &[Function] = functions! { "clojure.core":
    "=" (1 ..) predicate equal, "Whether all are equal; numbers by value.";
    "==" (1 ..) predicate equal, "As =.";
    "!=" (1 ..) predicate not_equal, "Whether not all are equal.";
    "not=" (1 ..) predicate not_equal, "Whether not all are equal.";
    "<" (1 ..) predicate less, "Whether each is less than the next.";
    ">" (1 ..) predicate greater, "Whether each is greater than the next.";
    "<=" (1 ..) predicate at_most, "Whether each is less than the next or equal.";
    ">=" (1 ..) predicate at_least, "Whether each is greater than the next or equal.";
    "compare" (2) function compare, "-1, 0 or 1 as the first is less than, equal to or greater than the second.";
};

/// Whether `<` can decide between the two; of two constants that it cannot, the engine makes an error.
pub fn comparable(a: &Val, b: &Val) -> bool {
    a.compare(b).is_some()
}

fn pairs(args: &[Val], holds: impl Fn(&Val, &Val) -> bool) -> bool {
    args.windows(2).all(|pair| holds(&pair[0], &pair[1]))
}

fn equal(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(pairs(args, Val::same)))
}

fn not_equal(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(!pairs(args, Val::same)))
}

fn less(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(pairs(args, |a, b| a.compare(b) == Some(Ordering::Less))))
}

fn greater(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(pairs(args, |a, b| {
        a.compare(b) == Some(Ordering::Greater)
    })))
}

fn at_most(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(pairs(args, |a, b| {
        a.compare(b).is_some_and(Ordering::is_le)
    })))
}

fn at_least(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(pairs(args, |a, b| {
        a.compare(b).is_some_and(Ordering::is_ge)
    })))
}

fn compare(args: &[Val]) -> Result<Val> {
    match args[0].compare(&args[1]) {
        Some(order) => Ok(Val::Long(order as i64)),
        None => Err(Error::new(
            Code::CannotCompare,
            format!(
                "{} and {} have no common order: a {} and a {}",
                args[0],
                args[1],
                args[0].type_name(),
                args[1].type_name()
            ),
        )),
    }
}
