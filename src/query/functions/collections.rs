//! Vectors, lists, sets and maps.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Function, PARTS_MAX, bounded, functions, wrong};
use crate::datom::Val;
use crate::error::{Code, Error, Result};

pub(super) const CORE: &[Function] = functions! { "clojure.core":
    "vector" (0 ..) function |args| bounded("vector", Val::vector(args.iter().cloned())), "A vector of the arguments.";
    "list" (0 ..) function |args| bounded("list", Val::List(args.into())), "A list of the arguments.";
    "hash-set" (0 ..) function |args| bounded("hash-set", Val::set(args.iter().cloned())), "A set of the arguments.";
    "hash-map" (0 ..) function hash_map, "A map of the keys and values given in turn.";
    "set" (1) function set, "The elements of a collection as a set.";
    "vec" (1) function vec, "The elements of a collection as a vector.";
    "count" (1) function count, "How many elements, or how many characters of a text.";
    "empty?" (1) predicate empty, "Whether a collection or text has nothing in it; nil has nothing.";
    "get" (2 .. 3) function get, "What a map has at a key or a vector at a position; else nil, or the third argument.";
    "contains?" (2) predicate contains, "Whether a set has an element, a map a key, a vector a position.";
    "first" (1) function |args| element("first", args, |c| c.first()), "The first element; nil when there is none.";
    "last" (1) function |args| element("last", args, |c| c.last()), "The last element; nil when there is none.";
    "nth" (2 .. 3) function nth, "The element at a position; an error, or the third argument, when there is none.";
    "rest" (1) function |args| Ok(list(skip(items("rest", args, 0)?, 1))), "All elements but the first.";
    "take" (2) function take, "The first elements, so many.";
    "drop" (2) function drop, "All but the first elements, so many.";
    "conj" (1 ..) function conj, "A collection with more elements: at a vector's end, at a list's front.";
    "concat" (0 ..) function concat, "The elements of all collections.";
    "sort" (1) function sort, "The elements in order.";
    "distinct" (1) function distinct, "The elements, each once.";
    "reverse" (1) function reverse, "The elements, or the characters of a text, from last to first.";
    "keys" (1) function keys, "The keys of a map.";
    "vals" (1) function vals, "The values of a map.";
    "assoc" (3) function assoc, "A map with a key set to a value.";
    "dissoc" (2) function dissoc, "A map without a key.";
    "range" (1 .. 3) function range, "Whole numbers from 0 or a start, up to but without an end, by a step.";
};

pub(super) const SET: &[Function] = functions! { "clojure.set":
    "union" (0 ..) function union, "What any of the sets has.";
    "intersection" (1 ..) function intersection, "What all of the sets have.";
    "difference" (1 ..) function difference, "What the first set has and no other.";
    "subset?" (2) predicate |args| Ok(as_set("subset?", args, 0)?.is_subset(&*as_set("subset?", args, 1)?).into()),
        "Whether the second set has all of the first.";
    "superset?" (2) predicate |args| Ok(as_set("superset?", args, 0)?.is_superset(&*as_set("superset?", args, 1)?).into()),
        "Whether the first set has all of the second.";
};

/// The elements of a collection; nil has none.
fn items<'a>(function: &str, args: &'a [Val], index: usize) -> Result<Cow<'a, [Val]>> {
    match &args[index] {
        Val::Nil => Ok(Cow::Borrowed(&[])),
        Val::String(s) => Ok(Cow::Owned(s.chars().map(Val::Char).collect())),
        v => v.items().ok_or_else(|| wrong(function, args, index, "a collection")),
    }
}

fn list(items: impl IntoIterator<Item = Val>) -> Val {
    Val::List(items.into_iter().collect())
}
fn skip(items: Cow<'_, [Val]>, n: usize) -> impl Iterator<Item = Val> {
    items.into_owned().into_iter().skip(n)
}

fn element(function: &str, args: &[Val], pick: impl Fn(&[Val]) -> Option<&Val>) -> Result<Val> {
    Ok(pick(&items(function, args, 0)?).cloned().unwrap_or(Val::Nil))
}

fn hash_map(args: &[Val]) -> Result<Val> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::new(
            Code::Arity,
            format!(
                "hash-map takes keys and values in turn, and was given {} arguments",
                args.len()
            ),
        ));
    }
    let pairs: BTreeMap<Val, Val> = args.chunks(2).map(|p| (p[0].clone(), p[1].clone())).collect();
    bounded("hash-map", Val::Map(Arc::new(pairs)))
}
fn set(args: &[Val]) -> Result<Val> {
    Ok(Val::set(items("set", args, 0)?.iter().cloned()))
}
fn vec(args: &[Val]) -> Result<Val> {
    Ok(Val::vector(items("vec", args, 0)?.iter().cloned()))
}

fn length(function: &str, args: &[Val]) -> Result<usize> {
    Ok(match &args[0] {
        Val::Nil => 0,
        Val::String(s) => s.chars().count(),
        Val::Bytes(b) => b.len(),
        Val::Vector(items) | Val::List(items) => items.len(),
        Val::Set(items) => items.len(),
        Val::Map(pairs) => pairs.len(),
        _ => return Err(wrong(function, args, 0, "a collection or string")),
    })
}
fn count(args: &[Val]) -> Result<Val> {
    Ok(Val::Long(length("count", args)? as i64))
}
fn empty(args: &[Val]) -> Result<Val> {
    Ok((length("empty?", args)? == 0).into())
}

fn at<'a>(items: &'a [Val], position: &Val) -> Option<&'a Val> {
    match position {
        Val::Long(i) => usize::try_from(*i).ok().and_then(|i| items.get(i)),
        _ => None,
    }
}
fn get(args: &[Val]) -> Result<Val> {
    let found = match &args[0] {
        Val::Nil => None,
        Val::Map(pairs) => pairs.get(&args[1]),
        Val::Set(items) => items.get(&args[1]),
        Val::Vector(items) | Val::List(items) => at(items, &args[1]),
        _ => return Err(wrong("get", args, 0, "a collection")),
    };
    Ok(found.or(args.get(2)).cloned().unwrap_or(Val::Nil))
}
fn contains(args: &[Val]) -> Result<Val> {
    Ok(match &args[0] {
        Val::Nil => false,
        Val::Map(pairs) => pairs.contains_key(&args[1]),
        Val::Set(items) => items.contains(&args[1]),
        Val::Vector(items) | Val::List(items) => at(items, &args[1]).is_some(),
        Val::String(_) => {
            return Err(wrong("contains?", args, 0, "a collection").hint("includes? looks for a text in a text"));
        }
        _ => return Err(wrong("contains?", args, 0, "a collection")),
    }
    .into())
}
fn nth(args: &[Val]) -> Result<Val> {
    let items = items("nth", args, 0)?;
    if !matches!(args[1], Val::Long(_)) {
        return Err(wrong("nth", args, 1, "a position"));
    }
    match at(&items, &args[1]).or(args.get(2)) {
        Some(v) => Ok(v.clone()),
        None => Err(Error::new(
            Code::FunctionFailed,
            format!("nth: there is no position {} in {} elements", args[1], items.len()),
        )
        .hint("a third argument stands for what is not there")),
    }
}

fn amount(function: &str, args: &[Val]) -> Result<usize> {
    match &args[0] {
        Val::Long(n) => Ok(usize::try_from(*n).unwrap_or(0)),
        _ => Err(wrong(function, args, 0, "a whole number")),
    }
}
fn take(args: &[Val]) -> Result<Val> {
    let n = amount("take", args)?;
    Ok(list(items("take", args, 1)?.iter().take(n).cloned()))
}
fn drop(args: &[Val]) -> Result<Val> {
    let n = amount("drop", args)?;
    Ok(list(skip(items("drop", args, 1)?, n)))
}

fn conj(args: &[Val]) -> Result<Val> {
    let more = args[1..].iter().cloned();
    let longer = match &args[0] {
        Val::Vector(items) => Val::vector(items.iter().cloned().chain(more)),
        Val::List(items) => list(more.rev().chain(items.iter().cloned())),
        Val::Nil => list(more.rev()),
        Val::Set(items) => Val::set(items.iter().cloned().chain(more)),
        Val::Map(pairs) => {
            let mut pairs = (**pairs).clone();
            for (i, v) in args.iter().enumerate().skip(1) {
                match v {
                    Val::Map(other) => pairs.extend(other.iter().map(|(k, v)| (k.clone(), v.clone()))),
                    v => match v.as_seq() {
                        Some([k, v]) => {
                            pairs.insert(k.clone(), v.clone());
                        }
                        _ => return Err(wrong("conj", args, i, "[key value] or a map")),
                    },
                }
            }
            Val::Map(Arc::new(pairs))
        }
        _ => return Err(wrong("conj", args, 0, "a collection")),
    };
    bounded("conj", longer)
}
fn concat(args: &[Val]) -> Result<Val> {
    let mut all = Vec::new();
    for i in 0..args.len() {
        all.extend(items("concat", args, i)?.iter().cloned());
    }
    bounded("concat", list(all))
}
fn sort(args: &[Val]) -> Result<Val> {
    let mut all = items("sort", args, 0)?.into_owned();
    // By value where two have a common order (1 before 1.5), by kind otherwise; the strict order parts what is left.
    all.sort_by(|a, b| match a.is_number() && b.is_number() {
        true => a.compare(b).unwrap_or(std::cmp::Ordering::Equal).then_with(|| a.cmp(b)),
        false => a.cmp(b),
    });
    Ok(list(all))
}
fn distinct(args: &[Val]) -> Result<Val> {
    let mut seen = BTreeSet::new();
    let all = items("distinct", args, 0)?;
    Ok(list(all.iter().filter(|v| seen.insert(*v)).cloned()))
}
fn reverse(args: &[Val]) -> Result<Val> {
    match &args[0] {
        Val::String(s) => Ok(s.chars().rev().collect::<String>().into()),
        _ => Ok(list(items("reverse", args, 0)?.iter().rev().cloned())),
    }
}

fn map<'a>(function: &str, args: &'a [Val]) -> Result<&'a BTreeMap<Val, Val>> {
    match &args[0] {
        Val::Map(pairs) => Ok(pairs),
        _ => Err(wrong(function, args, 0, "a map")),
    }
}
fn keys(args: &[Val]) -> Result<Val> {
    Ok(list(map("keys", args)?.keys().cloned()))
}
fn vals(args: &[Val]) -> Result<Val> {
    Ok(list(map("vals", args)?.values().cloned()))
}
fn assoc(args: &[Val]) -> Result<Val> {
    let mut pairs = map("assoc", args)?.clone();
    pairs.insert(args[1].clone(), args[2].clone());
    bounded("assoc", Val::Map(Arc::new(pairs)))
}
fn dissoc(args: &[Val]) -> Result<Val> {
    let mut pairs = map("dissoc", args)?.clone();
    pairs.remove(&args[1]);
    Ok(Val::Map(Arc::new(pairs)))
}

/// A range longer than this is refused: it would be built before anything looks at it.
const RANGE_MAX: i128 = PARTS_MAX as i128;

fn range(args: &[Val]) -> Result<Val> {
    let whole = |i: usize| match &args[i] {
        Val::Long(n) => Ok(*n),
        _ => Err(wrong("range", args, i, "a whole number")),
    };
    let (start, end, step) = match args.len() {
        1 => (0, whole(0)?, 1),
        2 => (whole(0)?, whole(1)?, 1),
        _ => (whole(0)?, whole(1)?, whole(2)?),
    };
    if step == 0 {
        return Err(Error::new(Code::FunctionFailed, "range: a step of 0 never arrives"));
    }
    let distance = i128::from(end) - i128::from(start);
    let n = (distance / i128::from(step) + i128::from(distance % i128::from(step) != 0)).max(0);
    let n = if (distance < 0) == (step < 0) { n } else { 0 };
    if n > RANGE_MAX {
        return Err(Error::new(
            Code::QueryLimit,
            format!("range: {n} numbers are more than the {RANGE_MAX} that a range may have"),
        ));
    }
    // Each number lies between start and end, but its distance from the start may be beyond a long.
    Ok(list(
        (0..n as i64).map(|i| Val::Long(start.wrapping_add(i.wrapping_mul(step)))),
    ))
}

fn as_set<'a>(function: &str, args: &'a [Val], index: usize) -> Result<Cow<'a, BTreeSet<Val>>> {
    match &args[index] {
        Val::Set(items) => Ok(Cow::Borrowed(&**items)),
        Val::Nil => Ok(Cow::Owned(BTreeSet::new())),
        _ => Err(wrong(function, args, index, "a set")),
    }
}
fn combine(function: &str, args: &[Val], step: impl Fn(BTreeSet<Val>, &BTreeSet<Val>) -> BTreeSet<Val>) -> Result<Val> {
    let mut out = match args.is_empty() {
        true => BTreeSet::new(),
        false => as_set(function, args, 0)?.into_owned(),
    };
    for i in 1..args.len() {
        out = step(out, &*as_set(function, args, i)?);
    }
    Ok(Val::Set(Arc::new(out)))
}
fn union(args: &[Val]) -> Result<Val> {
    combine("union", args, |mut a, b| {
        a.extend(b.iter().cloned());
        a
    })
}
fn intersection(args: &[Val]) -> Result<Val> {
    combine("intersection", args, |mut a, b| {
        a.retain(|v| b.contains(v));
        a
    })
}
fn difference(args: &[Val]) -> Result<Val> {
    combine("difference", args, |mut a, b| {
        a.retain(|v| !b.contains(v));
        a
    })
}
