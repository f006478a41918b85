//! Binding forms: `?x`, `[?a ?b]`, `[?x ...]`, `[[?a ?b]]`, nested, with `_`; and the inputs of `:in`.

use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result, Span};

use super::super::ast::{Binding, InSpec};
use super::{Scope, as_var, invalid, is_blank, is_plain, is_source};

/// The specs of `:in`.
pub(super) fn inputs(scope: &mut Scope, forms: &[&Edn]) -> Result<Vec<(InSpec, Span)>> {
    let mut out: Vec<(InSpec, Span)> = Vec::new();
    for form in forms {
        let spec = match &form.node {
            Node::Symbol(s) if is_source(s) => {
                if out.iter().any(|(i, _)| matches!(i, InSpec::Source(x) if x == s)) {
                    return Err(invalid(format!(":in names the source {s} twice"), form.span));
                }
                InSpec::Source(s.clone())
            }
            Node::Symbol(s) if is_plain(s, "%") => {
                if out.iter().any(|(i, _)| matches!(i, InSpec::Rules)) {
                    return Err(invalid(":in has % twice", form.span).hint("put all rules into one vector"));
                }
                InSpec::Rules
            }
            Node::Symbol(s) if as_var(form).is_none() && !is_blank(form) => InSpec::Pattern(s.clone()),
            _ => InSpec::Bind(few(binding(scope, form)?, form)?),
        };
        out.push((spec, form.span));
    }
    Ok(out)
}

/// A collection in a tuple multiplies what stands beside it, and each takes the native stack.
const COLLECTIONS_MAX: usize = 100;

/// The form, unless it takes apart too much.
pub(super) fn few(made: Binding, form: &Edn) -> Result<Binding> {
    fn collections(b: &Binding) -> usize {
        match b {
            Binding::Blank | Binding::Scalar(_) => 0,
            Binding::Collection(b) => 1 + collections(b),
            Binding::Tuple(bs) | Binding::Relation(bs) => 1 + bs.iter().map(collections).sum::<usize>(),
        }
    }
    match collections(&made) > COLLECTIONS_MAX {
        true => Err(Error::new(
            Code::NotABindingForm,
            format!("a binding form takes apart at most {COLLECTIONS_MAX} collections and tuples"),
        )
        .at(form.span)),
        false => Ok(made),
    }
}

/// A binding form.
pub(super) fn binding(scope: &mut Scope, form: &Edn) -> Result<Binding> {
    if is_blank(form) {
        return Ok(Binding::Blank);
    }
    if let Some(s) = as_var(form) {
        return Ok(Binding::Scalar(scope.var(s)));
    }
    let Node::Vector(items) = &form.node else {
        return Err(not_a_binding(form));
    };
    match items.as_slice() {
        [] => Err(not_a_binding(form)),
        [one, dots] if is_dots(dots) => Ok(Binding::Collection(Box::new(binding(scope, one)?))),
        [one] if matches!(&one.node, Node::Vector(inner) if !inner.last().is_some_and(is_dots)) => {
            let Node::Vector(inner) = &one.node else {
                return Err(not_a_binding(one));
            };
            if inner.is_empty() {
                return Err(not_a_binding(one));
            }
            Ok(Binding::Relation(all(scope, inner)?))
        }
        items => Ok(Binding::Tuple(all(scope, items)?)),
    }
}

fn all(scope: &mut Scope, items: &[Edn]) -> Result<Vec<Binding>> {
    items.iter().map(|i| binding(scope, i)).collect()
}

pub(super) fn is_dots(form: &Edn) -> bool {
    matches!(&form.node, Node::Symbol(s) if is_plain(s, "..."))
}

fn not_a_binding(form: &Edn) -> Error {
    Error::new(Code::NotABindingForm, format!("{form} is not a binding form"))
        .at(form.span)
        .hint("use ?x, [?a ?b] for a tuple, [?x ...] for a collection, [[?a ?b]] for rows, and _ to skip")
}
