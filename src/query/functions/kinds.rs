//! What a value is, truth, and the functions that hand on what they are given.

use super::{Function, bounded, functions};
use crate::datom::Val;
use crate::error::Result;

macro_rules! kind {
    ($pattern:pat $(if $guard:expr)?) => {
        |args: &[Val]| Ok(Val::Boolean(matches!(&args[0], $pattern $(if $guard)?)))
    };
}

pub(super) const FUNCTIONS: &[Function] = functions! { "clojure.core":
    "nil?" (1) predicate kind!(Val::Nil), "Whether it is nil.";
    "some?" (1) predicate |args| Ok((args[0] != Val::Nil).into()), "Whether it is not nil.";
    "true?" (1) predicate kind!(Val::Boolean(true)), "Whether it is true.";
    "false?" (1) predicate kind!(Val::Boolean(false)), "Whether it is false.";
    "boolean?" (1) predicate kind!(Val::Boolean(_)), "Whether it is true or false.";
    "string?" (1) predicate kind!(Val::String(_)), "Whether it is a string.";
    "char?" (1) predicate kind!(Val::Char(_)), "Whether it is a character.";
    "keyword?" (1) predicate kind!(Val::Keyword(_)), "Whether it is a keyword.";
    "symbol?" (1) predicate kind!(Val::Symbol(_)), "Whether it is a symbol.";
    "ident?" (1) predicate kind!(Val::Keyword(_) | Val::Symbol(_)), "Whether it is a keyword or symbol.";
    "qualified-keyword?" (1) predicate qualified, "Whether it is a keyword with a namespace.";
    "simple-keyword?" (1) predicate simple, "Whether it is a keyword without a namespace.";
    "number?" (1) predicate |args| Ok((args[0].is_number() || matches!(args[0], Val::Ref(_))).into()), "Whether it is a number; an entity is.";
    "integer?" (1) predicate kind!(Val::Long(_) | Val::BigInt(_) | Val::Ref(_)), "Whether it is a long, bigint or entity.";
    "int?" (1) predicate kind!(Val::Long(_) | Val::Ref(_)), "Whether it is a long or entity.";
    "float?" (1) predicate kind!(Val::Double(_) | Val::Float(_)), "Whether it is a double or float.";
    "double?" (1) predicate kind!(Val::Double(_)), "Whether it is a double.";
    "decimal?" (1) predicate kind!(Val::BigDec(_)), "Whether it is a decimal.";
    "infinite?" (1) predicate infinite, "Whether it is an infinite double.";
    "inst?" (1) predicate kind!(Val::Instant(_)), "Whether it is an instant.";
    "uuid?" (1) predicate kind!(Val::Uuid(_)), "Whether it is a UUID.";
    "uri?" (1) predicate kind!(Val::Uri(_)), "Whether it is a URI.";
    "bytes?" (1) predicate kind!(Val::Bytes(_)), "Whether it is a byte string.";
    "vector?" (1) predicate kind!(Val::Vector(_)), "Whether it is a vector or tuple.";
    "list?" (1) predicate kind!(Val::List(_)), "Whether it is a list.";
    "sequential?" (1) predicate kind!(Val::Vector(_) | Val::List(_)), "Whether it is a vector, tuple or list.";
    "set?" (1) predicate kind!(Val::Set(_)), "Whether it is a set.";
    "map?" (1) predicate kind!(Val::Map(_)), "Whether it is a map.";
    "coll?" (1) predicate kind!(Val::Vector(_) | Val::List(_) | Val::Set(_) | Val::Map(_)), "Whether it is a collection.";
    "not" (1) predicate |args| Ok((!args[0].truthy()).into()), "Whether it is false or nil.";
    "boolean" (1) predicate |args| Ok(args[0].truthy().into()), "Whether it is anything but false and nil.";
    "and" (0 ..) predicate and, "The first that is false or nil; otherwise the last.";
    "or" (0 ..) predicate or, "The first that is neither false nor nil; otherwise the last.";
    "identity" (1) function same, "What it is given.";
    "ground" (1) function same, "What it is given: a constant to bind.";
    "untuple" (1) function untuple, "A tuple to take apart.";
    "tuple" (1 ..) function tuple, "A tuple of the arguments.";
};

fn qualified(args: &[Val]) -> Result<Val> {
    Ok(matches!(&args[0], Val::Keyword(k) if k.ns().is_some()).into())
}
fn simple(args: &[Val]) -> Result<Val> {
    Ok(matches!(&args[0], Val::Keyword(k) if k.ns().is_none()).into())
}
fn infinite(args: &[Val]) -> Result<Val> {
    Ok(match &args[0] {
        Val::Double(x) => x.is_infinite(),
        Val::Float(x) => x.is_infinite(),
        _ => false,
    }
    .into())
}

fn and(args: &[Val]) -> Result<Val> {
    let decides = args.iter().find(|v| !v.truthy()).or(args.last());
    Ok(decides.cloned().unwrap_or(Val::Boolean(true)))
}
fn or(args: &[Val]) -> Result<Val> {
    let decides = args.iter().find(|v| v.truthy()).or(args.last());
    Ok(decides.cloned().unwrap_or(Val::Nil))
}

fn same(args: &[Val]) -> Result<Val> {
    Ok(args[0].clone())
}
fn tuple(args: &[Val]) -> Result<Val> {
    bounded("tuple", Val::vector(args.iter().cloned()))
}
/// What is no tuple has nothing to bind, so its row goes.
fn untuple(args: &[Val]) -> Result<Val> {
    Ok(match &args[0] {
        Val::Vector(_) | Val::List(_) => args[0].clone(),
        _ => Val::Nil,
    })
}
