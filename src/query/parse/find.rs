//! `:find` in its four shapes, `:with`, return maps, `:having`, `:order-by`, `:limit`, `:offset` and `:after`.

use crate::edn::{Edn, Node, Symbol};
use crate::error::{Error, Result, Span};

use super::super::ast::{Find, FindElem, Having, HavingArg, KeyKind, PullPattern, Shape, Var};
use super::binding::is_dots;
use super::{Part, Scope, as_var, bare_key, invalid, is_plain, is_source, one};

/// Parses the forms of `:find`.
pub(super) fn find(scope: &mut Scope, forms: &[&Edn], span: Span) -> Result<Find> {
    let (shape, elems): (Shape, Vec<&Edn>) = match forms {
        [] => return Err(invalid(":find asks for nothing", span).hint(":find ?x, :find [?x ...] or :find ?x .")),
        [elem, dot] if is_dot(dot) => (Shape::Scalar, vec![elem]),
        [
            Edn {
                node: Node::Vector(items),
                span,
            },
        ] => match items.as_slice() {
            [] => return Err(invalid(":find [] asks for nothing", *span)),
            [elem, dots] if is_dots(dots) => (Shape::Collection, vec![elem]),
            // The map form encloses once more: {:find [?x .]}
            [elem, dot] if is_dot(dot) => (Shape::Scalar, vec![elem]),
            items => (Shape::Tuple, items.iter().collect()),
        },
        forms => (Shape::Relation, forms.to_vec()),
    };
    let mut find = Find {
        shape,
        elems: Vec::new(),
        spans: Vec::new(),
        with: Vec::new(),
        keys: None,
        order: Vec::new(),
        hidden: Vec::new(),
        having: Vec::new(),
        after: None,
        fingerprint: 0,
        limit: None,
        offset: 0,
    };
    for form in elems {
        find.elems.push(element(scope, form)?);
        find.spans.push(form.span);
    }
    Ok(find)
}

fn is_dot(form: &Edn) -> bool {
    matches!(&form.node, Node::Symbol(s) if is_plain(s, "."))
}

fn element(scope: &mut Scope, form: &Edn) -> Result<FindElem> {
    if let Some(s) = as_var(form) {
        return Ok(FindElem::Var(scope.var(s)));
    }
    let not_an_element = || -> Error {
        let e = invalid(format!("{form} cannot be asked for"), form.span);
        match bare_key(form) {
            Some(key) => e.hint(format!("did you mean :{key}?")),
            None => e.hint("ask for ?x, (count ?x) or another aggregate, or (pull ?e [...])"),
        }
    };
    let Node::List(items) = &form.node else {
        return Err(not_an_element());
    };
    let Some((
        Edn {
            node: Node::Symbol(name),
            span: name_span,
        },
        args,
    )) = items.split_first()
    else {
        return Err(not_an_element());
    };
    if is_plain(name, "pull") {
        let (source, args) = match args.first().map(|a| &a.node) {
            Some(Node::Symbol(s)) if is_source(s) => (Some(s.clone()), &args[1..]),
            _ => (None, args),
        };
        let [entity, pattern] = args else {
            return Err(invalid("a pull in :find is (pull ?e [pattern])", form.span));
        };
        let entity_span = entity.span;
        let Some(entity) = as_var(entity) else {
            return Err(invalid(
                format!("pull in :find takes a variable, not {entity}"),
                entity.span,
            ));
        };
        let pattern = match &pattern.node {
            Node::Symbol(s) if as_var(pattern).is_none() && !is_plain(s, "*") => {
                PullPattern::Input(s.clone(), pattern.span)
            }
            _ => PullPattern::Inline(pattern.clone()),
        };
        let (var, var_span) = (scope.var(entity), entity_span);
        return Ok(FindElem::Pull {
            source,
            var,
            var_span,
            pattern,
            span: form.span,
        });
    }
    let Some((last, args)) = args.split_last() else {
        return Err(invalid(
            format!("the aggregate {name} needs a variable: ({name} ?x)"),
            form.span,
        ));
    };
    let last_span = last.span;
    let Some(var) = as_var(last) else {
        return Err(invalid(
            format!("the last argument of the aggregate {name} is a variable, not {last}"),
            last.span,
        ));
    };
    let var = scope.var(var);
    if let Some(extra) = args.iter().find(|a| as_var(a).is_some()) {
        return Err(invalid(
            format!("an aggregate is about one variable, {extra} is a second"),
            extra.span,
        ));
    }
    Ok(FindElem::Aggregate {
        name: name.clone(),
        name_span: *name_span,
        args: args.to_vec(),
        var,
        var_span: last_span,
        span: form.span,
    })
}

/// The variables of `:with`.
pub(super) fn with(scope: &mut Scope, forms: &[&Edn], span: Span) -> Result<Vec<Var>> {
    if forms.is_empty() {
        return Err(invalid(":with names no variable", span));
    }
    let mut out = Vec::new();
    for form in forms {
        let Some(s) = as_var(form) else {
            return Err(invalid(format!(":with takes variables, not {form}"), form.span));
        };
        let v = scope.var(s);
        if !out.contains(&v) {
            out.push(v);
        }
    }
    Ok(out)
}

/// `:keys`, `:strs`, `:syms`; and that no variable is in both find and with.
pub(super) fn return_map(scope: &Scope, find: &mut Find, parts: &[Part<'_>]) -> Result<()> {
    for (elem, span) in find.elems.iter().zip(&find.spans) {
        if find.with.contains(&elem.var()) {
            return Err(invalid(
                format!("{} stands in :find and in :with", scope.vars.name(elem.var())),
                *span,
            )
            .hint(":with is for variables that are not shown"));
        }
    }
    for (kind, name) in [
        (KeyKind::Keys, "keys"),
        (KeyKind::Strs, "strs"),
        (KeyKind::Syms, "syms"),
    ] {
        let Some((_, span, forms)) = parts.iter().find(|p| p.0 == name) else {
            continue;
        };
        if find.keys.is_some() {
            return Err(invalid("only one of :keys, :strs and :syms may be given", *span));
        }
        if !matches!(find.shape, Shape::Relation | Shape::Tuple) {
            return Err(invalid(
                format!(":{name} goes with a relation or a tuple, not with this :find"),
                *span,
            ));
        }
        let keys: Vec<Symbol> = forms
            .iter()
            .map(|f| match &f.node {
                Node::Symbol(s) => Ok(s.clone()),
                _ => Err(invalid(format!(":{name} takes symbols, not {f}"), f.span)),
            })
            .collect::<Result<_>>()?;
        if keys.len() != find.elems.len() {
            return Err(invalid(
                format!(
                    ":find has {} elements and :{name} names {}",
                    find.elems.len(),
                    keys.len()
                ),
                *span,
            ));
        }
        if let Some(i) = (1..keys.len()).find(|i| keys[..*i].contains(&keys[*i])) {
            return Err(invalid(format!(":{name} names {} twice", keys[i]), forms[i].span));
        }
        find.keys = Some((kind, keys));
    }
    Ok(())
}

/// `:having [(> (count ?e) 3)] [(< ?n 10)]`: predicates over what is found and over aggregates.
pub(super) fn having(scope: &mut Scope, find: &mut Find, parts: &[Part<'_>]) -> Result<()> {
    let Some((_, span, forms)) = parts.iter().find(|p| p.0 == "having") else {
        return Ok(());
    };
    if forms.is_empty() {
        return Err(invalid(":having has no predicate", *span).hint(":having [(> (count ?e) 3)]"));
    }
    for form in forms {
        let call = match &form.node {
            Node::Vector(items) if items.len() == 1 => &items[0],
            _ => form,
        };
        let Some((
            Edn {
                node: Node::Symbol(name),
                span: name_span,
            },
            given,
        )) = call.as_list().and_then(<[Edn]>::split_first)
        else {
            return Err(invalid(format!("{form} is no predicate"), form.span)
                .hint(":having takes predicates over what is found: [(> (count ?e) 3)]"));
        };
        let mut args = Vec::new();
        for arg in given {
            let asked = as_var(arg).is_some() || matches!(arg.node, Node::List(_));
            args.push(match asked {
                true => HavingArg::Elem(found(scope, find, arg)?, arg.span),
                false => HavingArg::Const(arg.clone()),
            });
        }
        if !args.iter().any(|a| matches!(a, HavingArg::Elem(..))) {
            return Err(invalid(format!("{call} is about nothing that is found"), call.span)
                .hint("name a variable of :find or an aggregate"));
        }
        find.having.push(Having {
            name: name.clone(),
            name_span: *name_span,
            args,
            span: call.span,
        });
    }
    Ok(())
}

/// The place of what an argument of `:having` names; an aggregate that is not shown becomes a hidden element.
fn found(scope: &mut Scope, find: &mut Find, form: &Edn) -> Result<usize> {
    let wanted = element(scope, form)?;
    if let Some(at) = find.elems.iter().chain(&find.hidden).position(|e| same(e, &wanted)) {
        return Ok(at);
    }
    match wanted {
        FindElem::Aggregate { .. } => {
            find.hidden.push(wanted);
            Ok(find.elems.len() + find.hidden.len() - 1)
        }
        FindElem::Var(_) => Err(invalid(format!("{form} is no element of :find"), form.span)
            .hint("ask for it in :find, aggregate it here, or test it in :where")),
        FindElem::Pull { .. } => Err(invalid("a pull cannot be compared", form.span)),
    }
}

/// `:after "token"`; and what of the query a token is bound to.
fn after(find: &mut Find, parts: &[Part<'_>]) -> Result<()> {
    let text: String = parts
        .iter()
        .filter(|(key, ..)| !matches!(*key, "limit" | "offset" | "after"))
        .flat_map(|(key, _, forms)| std::iter::once(format!(":{key}")).chain(forms.iter().map(|f| f.to_string())))
        .collect::<Vec<_>>()
        .join(" ");
    find.fingerprint = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
    let Some((_, span, forms)) = parts.iter().find(|p| p.0 == "after") else {
        return Ok(());
    };
    let form = one("after", forms, *span)?;
    match &form.node {
        Node::Nil => return Ok(()),
        Node::Str(_) => {}
        _ => {
            return Err(
                invalid(format!(":after takes the token of a page, not {form}"), form.span)
                    .hint("a page with more rows behind it has one: next_token()"),
            );
        }
    }
    if !matches!(find.shape, Shape::Relation | Shape::Collection) {
        return Err(invalid(
            ":after goes with a relation or a collection, not with this :find",
            *span,
        ));
    }
    if find.offset > 0 {
        return Err(invalid("the query has :offset and :after", *span)
            .hint("the token says where the page begins; leave :offset out"));
    }
    find.after = Some(form.clone());
    Ok(())
}

/// `:order-by [[?x :desc] ?y]`, `:limit n`, `:offset n`, `:after token`.
pub(super) fn paging(scope: &mut Scope, find: &mut Find, parts: &[Part<'_>]) -> Result<()> {
    let get = |key: &str| parts.iter().find(|p| p.0 == key);
    if let Some((_, span, forms)) = get("order-by") {
        if matches!(find.shape, Shape::Tuple | Shape::Scalar) && forms.is_empty() {
            return Err(invalid(":order-by names nothing", *span));
        }
        // Both `:order-by [[?x :desc] ?y]` and `:order-by ?x` and `:order-by [?x :desc]`.
        let keys: Vec<&Edn> = match forms.as_slice() {
            [
                Edn {
                    node: Node::Vector(items),
                    ..
                },
            ] if direction(items).is_none() => items.iter().collect(),
            forms => forms.to_vec(),
        };
        if keys.is_empty() {
            return Err(invalid(":order-by names nothing", *span));
        }
        for key in keys {
            let (elem, descending) = match &key.node {
                Node::Vector(items) => match direction(items) {
                    Some(d) => (&items[0], d),
                    None => return Err(invalid(format!("{key} is no order"), key.span).hint("[?x :desc] or ?x")),
                },
                _ => (key, false),
            };
            let wanted = element(scope, elem)?;
            let at = find.elems.iter().position(|e| same(e, &wanted));
            let Some(at) = at else {
                return Err(
                    invalid(format!(":order-by {elem} is not an element of :find"), elem.span)
                        .hint("order by what is asked for"),
                );
            };
            find.order.push((at, descending));
        }
    }
    let number = |key: &str| -> Result<Option<usize>> {
        let Some((_, span, forms)) = get(key) else {
            return Ok(None);
        };
        let form = one(key, forms, *span)?;
        match form.node {
            Node::Long(n) if n >= 0 => Ok(Some(n as usize)),
            Node::Nil => Ok(None),
            _ => Err(invalid(
                format!(":{key} is a whole number from 0, not {form}"),
                form.span,
            )),
        }
    };
    find.limit = number("limit")?;
    find.offset = number("offset")?.unwrap_or(0);
    after(find, parts)
}

fn direction(items: &[Edn]) -> Option<bool> {
    match items {
        [
            _,
            Edn {
                node: Node::Keyword(k), ..
            },
        ] if k.ns().is_none() && k.name() == "desc" => Some(true),
        [
            _,
            Edn {
                node: Node::Keyword(k), ..
            },
        ] if k.ns().is_none() && k.name() == "asc" => Some(false),
        _ => None,
    }
}

fn same(a: &FindElem, b: &FindElem) -> bool {
    match (a, b) {
        (FindElem::Var(x), FindElem::Var(y)) => x == y,
        (
            FindElem::Aggregate {
                name: n,
                args: a,
                var: x,
                ..
            },
            FindElem::Aggregate {
                name: m,
                args: b,
                var: y,
                ..
            },
        ) => n == m && x == y && a == b,
        _ => false,
    }
}
