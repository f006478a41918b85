//! Comparing answers as the conformance README says: bags where order means nothing, `_` for any value, doubles within
//! 1e-9, and errors by category.

use asof::edn::{Edn, Node};

/// How the result of a query is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A relation or a collection.
    Bag,
    /// A tuple, a scalar, or a pulled map.
    Value,
}

/// The codes (without `:db.error/`) that stand for each category of error.
const CATEGORIES: [(&str, &str); 22] = [
    (
        "parse",
        "parse invalid-edn invalid-pattern invalid-query invalid-rule not-a-binding-form read-error syntax",
    ),
    (
        "unbound-variable",
        "unbound-variable insufficient-binding invalid-query parse",
    ),
    (
        "insufficient-binding",
        "insufficient-binding full-scan unbound-variable",
    ),
    ("unknown-attribute", "unknown-attribute not-an-attribute not-an-entity"),
    ("unknown-rule", "unknown-rule invalid-query invalid-rule"),
    (
        "unknown-function",
        "unknown-function invalid-query not-a-function unresolved-symbol",
    ),
    (
        "arity",
        "arity invalid-query not-a-binding-form parse too-few-inputs too-many-inputs wrong-number-of-arguments",
    ),
    (
        "type-mismatch",
        "type-mismatch cannot-compare function-failed invalid-tuple-value invalid-value nil-input wrong-type \
         wrong-type-for-attribute",
    ),
    (
        "function-failed",
        "function-failed divide-by-zero overflow type-mismatch",
    ),
    (
        "not-an-entity",
        "not-an-entity entity-not-found invalid-entity-id invalid-lookup-ref unknown-entity",
    ),
    (
        "invalid-lookup-ref",
        "invalid-lookup-ref lookup-ref-attr-not-unique not-an-entity not-unique",
    ),
    (
        "unique-conflict",
        "unique-conflict conflicting-upsert conflicting-upserts datoms-conflict",
    ),
    ("datoms-conflict", "datoms-conflict unique-conflict"),
    ("cas-failed", "cas-failed cas-not-cardinality-one"),
    (
        "invalid-tx-data",
        "invalid-tx-data arity invalid-form invalid-operation invalid-tx-form invalid-tx-op nil-value \
         not-a-data-function not-an-entity parse unknown-function wrong-type-for-attribute",
    ),
    ("invalid-nested-entity", "invalid-nested-entity"),
    ("tempid-not-an-entity", "tempid-not-an-entity not-an-entity"),
    ("past-tx-instant", "past-tx-instant"),
    (
        "invalid-schema",
        "invalid-schema cardinality-violation datoms-conflict incomplete-install-attribute invalid-alter-attribute \
         invalid-attribute invalid-install-attribute invalid-tuple-attrs not-an-entity schema-conflict unique-conflict \
         unique-violation unique-without-index unsupported-alter-schema unsupported-alteration \
         wrong-type-for-attribute",
    ),
    ("unstratified", "unstratified invalid-query invalid-rule"),
    (
        "unsupported",
        "unsupported invalid-query not-supported not-supported-on-history with-on-view",
    ),
    (
        "timeout",
        "timeout budget-exceeded interrupted query-limit query-timeout resource-limit",
    ),
];

/// The value of a map under the keyword `:key`.
pub fn get<'a>(map: &'a Edn, key: &str) -> Option<&'a Edn> {
    let Node::Map(entries) = &map.node else { return None };
    let found = entries
        .iter()
        .find(|(k, _)| matches!(&k.node, Node::Keyword(k) if k.ns().is_none() && k.name() == key));
    found.map(|(_, value)| value)
}

/// Whether `code` is one of those that `category`, or one of a set of categories, stands for.
pub fn error_fits(category: &Edn, code: &Edn) -> bool {
    match (&category.node, &code.node) {
        (Node::Set(any), _) => any.iter().any(|c| error_fits(c, code)),
        (Node::Keyword(category), Node::Keyword(code)) => {
            let row = CATEGORIES.iter().find(|(name, _)| *name == category.name());
            let (_, codes) = row.unwrap_or_else(|| panic!("the table knows no category {category}"));
            code.ns() == Some("db.error") && codes.split_whitespace().any(|c| c == code.name())
        }
        _ => false,
    }
}

/// What the `:find` of a query, in either form, makes of its result.
pub fn find_shape(query: &Edn) -> Shape {
    let find: Vec<Edn> = match &query.node {
        Node::Vector(parts) => {
            let after = parts.iter().skip_while(|p| p.to_string() != ":find").skip(1);
            after
                .take_while(|p| !matches!(p.node, Node::Keyword(_)))
                .cloned()
                .collect()
        }
        Node::Map(_) => match get(query, "find").map(|f| &f.node) {
            Some(Node::Vector(parts) | Node::List(parts)) => parts.clone(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let is =
        |form: Option<&Edn>, name: &str| matches!(form.map(|f| &f.node), Some(Node::Symbol(s)) if s.name() == name);
    match find.as_slice() {
        [_, dot] if is(Some(dot), ".") => Shape::Value,
        [
            Edn {
                node: Node::Vector(parts),
                ..
            },
        ] if !is(parts.last(), "...") => Shape::Value,
        _ => Shape::Bag,
    }
}

/// Whether two collections, of whatever kind, hold the same elements the same number of times.
pub fn bag(expected: &Edn, actual: &Edn) -> bool {
    let of = |form: &Edn| match &form.node {
        Node::Vector(items) | Node::Set(items) | Node::List(items) => Some(items.clone()),
        _ => None,
    };
    match (of(expected), of(actual)) {
        (Some(expected), Some(actual)) => paired(&expected, &actual, false),
        _ => false,
    }
}

/// Whether `expected` describes `actual`. `unordered`: inside a map, where the elements of a vector have no order.
pub fn same(expected: &Edn, actual: &Edn, unordered: bool) -> bool {
    match (&expected.node, &actual.node) {
        (Node::Symbol(any), _) if any.ns().is_none() && any.name() == "_" => true,
        (Node::Double(x), Node::Double(y)) => {
            x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= 1e-9 * x.abs().max(y.abs())
        }
        (Node::BigDec(x), Node::BigDec(y)) => x == y,
        (Node::Long(_) | Node::BigInt(_), Node::Long(_) | Node::BigInt(_)) => whole(expected) == whole(actual),
        (Node::Vector(xs) | Node::List(xs), Node::Vector(ys) | Node::List(ys)) => match unordered {
            true => paired(xs, ys, true),
            false => xs.len() == ys.len() && xs.iter().zip(ys).all(|(x, y)| same(x, y, false)),
        },
        (Node::Set(xs), Node::Set(ys)) => paired(xs, ys, unordered),
        (Node::Map(xs), Node::Map(ys)) => {
            let found = |k: &Edn| ys.iter().find(|(key, _)| same(k, key, true)).map(|(_, value)| value);
            xs.len() == ys.len()
                && xs
                    .iter()
                    .all(|(k, v)| found(k).is_some_and(|value| same(v, value, true)))
        }
        (x, y) => std::mem::discriminant(x) == std::mem::discriminant(y) && expected == actual,
    }
}

fn whole(form: &Edn) -> String {
    form.to_string().trim_end_matches('N').to_string()
}

/// Whether every expected element has an actual one of its own. Wildcards make this a matching: an element that is taken
/// may be given up by its owner for another.
fn paired(expected: &[Edn], actual: &[Edn], unordered: bool) -> bool {
    fn claim(i: usize, fits: &[Vec<usize>], owner: &mut [Option<usize>], tried: &mut [bool]) -> bool {
        for &j in &fits[i] {
            if !std::mem::replace(&mut tried[j], true) {
                let free = owner[j].is_none_or(|other| claim(other, fits, owner, tried));
                if free {
                    owner[j] = Some(i);
                    return true;
                }
            }
        }
        false
    }
    if expected.len() != actual.len() {
        return false;
    }
    let fits: Vec<Vec<usize>> = expected
        .iter()
        .map(|x| (0..actual.len()).filter(|&j| same(x, &actual[j], unordered)).collect())
        .collect();
    let mut owner = vec![None; actual.len()];
    (0..expected.len()).all(|i| claim(i, &fits, &mut owner, &mut vec![false; actual.len()]))
}
