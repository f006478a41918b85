//! Makes collections and tagged values of forms that were read.

use std::sync::Arc;

use super::{Edn, Instant, Keyword, Node, Symbol, Uuid, atoms};
use crate::error::{Error, Span};

/// A map of keys and values in turn; two equal keys are an error that points at the second.
pub(super) fn map(items: Vec<Edn>, ns: Option<&str>) -> Result<Node, Error> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let key = match ns {
            Some(ns) => in_namespace(&key, ns),
            None => key,
        };
        pairs.push((key, value));
    }
    if let Some(second) = first_repeated(&pairs, |pair| &pair.0) {
        let key = &pairs[second].0;
        return Err(atoms::invalid(
            key.span,
            format!("the key {} occurs twice in one map", atoms::shown(&key.to_string())),
        )
        .hint("keep one of the two; several values of one key go into a vector"));
    }
    Ok(Node::Map(pairs))
}

/// A set; two equal elements are an error that points at the second.
pub(super) fn set(items: Vec<Edn>) -> Result<Node, Error> {
    if let Some(second) = first_repeated(&items, |item| item) {
        let item = &items[second];
        return Err(atoms::invalid(
            item.span,
            format!("{} occurs twice in one set", atoms::shown(&item.to_string())),
        )
        .hint("keep one of the two, or use a vector `[...]`, which may repeat"));
    }
    Ok(Node::Set(items))
}

/// `#tag form`, with the tags that asof knows made into values.
pub(super) fn tagged(tag: &str, form: Edn) -> Result<Node, Error> {
    let text = |example: &str| match &form.node {
        Node::Str(text) => Ok(text.clone()),
        _ => Err(atoms::invalid(
            form.span,
            format!("#{tag} stands before {}: expected a string", form.type_name()),
        )
        .hint(format!("write `#{tag} \"{example}\"`"))),
    };
    match tag {
        "inst" => {
            let text = text("2024-01-31T12:00:00Z")?;
            Ok(Node::Inst(Instant::parse(&text).map_err(|e| e.at(form.span))?))
        }
        "uuid" => {
            let text = text("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")?;
            uuid(&text).map(Node::Uuid).ok_or_else(|| {
                atoms::invalid(
                    form.span,
                    format!(
                        "{} is not a UUID: expected 8-4-4-4-12 hexadecimal digits",
                        atoms::shown(&text)
                    ),
                )
                .hint("write `#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\"`")
            })
        }
        "bytes" => {
            let text = text("00ff10")?;
            bytes(&text, form.span).map(Node::Bytes)
        }
        _ => Ok(Node::Tagged(Symbol::new(tag), Box::new(form))),
    }
}

/// The hyphenated form only, as EDN says; `Uuid` itself would accept braces and URNs too.
fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

fn bytes(text: &str, span: Span) -> Result<Arc<[u8]>, Error> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => Ok(digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect()),
        Some(_) => Err(
            atoms::invalid(span, "#bytes has an odd number of digits: a byte is two of them")
                .hint("write a byte below 16 with a leading zero, as in `#bytes \"0f\"`"),
        ),
        None => {
            let stray = text.chars().find(|c| !c.is_ascii_hexdigit()).unwrap_or(' ');
            Err(atoms::invalid(
                span,
                format!("`{}` in #bytes is not a hexadecimal digit", stray.escape_debug()),
            )
            .hint("use the digits 0-9 and a-f only, two for each byte: `#bytes \"00ff10\"`"))
        }
    }
}

/// A key of `#:ns{...}`: a bare name moves into the namespace, `_/name` becomes bare.
fn in_namespace(key: &Edn, ns: &str) -> Edn {
    let moved = |own: Option<&str>| match own {
        None => Some(ns.to_string()),
        Some("_") => Some(String::new()),
        Some(_) => None,
    };
    let node = match &key.node {
        Node::Keyword(k) => moved(k.ns()).map(|ns| Node::Keyword(Keyword::from_parts(&ns, k.name()))),
        Node::Symbol(s) => moved(s.ns()).map(|ns| Node::Symbol(Symbol::from_parts(&ns, s.name()))),
        _ => None,
    };
    Edn {
        node: node.unwrap_or_else(|| key.node.clone()),
        span: key.span,
    }
}

/// The index of the first item in text order that is equal to an earlier one.
fn first_repeated<T>(items: &[T], key: impl Fn(&T) -> &Edn) -> Option<usize> {
    if items.len() <= 8 {
        return (1..items.len()).find(|&i| items[..i].iter().any(|earlier| key(earlier) == key(&items[i])));
    }
    let mut sorted: Vec<(&Edn, usize)> = items.iter().map(&key).zip(0..).collect();
    sorted.sort();
    sorted.windows(2).filter(|w| w[0].0 == w[1].0).map(|w| w[1].1).min()
}
