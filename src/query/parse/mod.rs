//! Forms -> [`Ast`]. Every mistake that can be seen without a database is reported here, at its place.

mod binding;
mod clause;
mod find;
mod rules;

pub(crate) use rules::{SHAPE as RULES_SHAPE, rules};

use crate::edn::{Edn, Node, Symbol};
use crate::error::{Code, Error, Result, Span};

use super::ast::{Ast, Clause, FindElem, InSpec, TimeSpec, Var, Vars};

/// Names that mean clauses and can be no rule.
pub(crate) const RESERVED: [&str; 6] = ["and", "or", "or-join", "not", "not-join", "q"];

const KEYS: [&str; 16] = [
    "find",
    "keys",
    "strs",
    "syms",
    "with",
    "in",
    "where",
    "having",
    "order-by",
    "limit",
    "offset",
    "after",
    "as-of",
    "since",
    "history",
    "allow-scan",
];

/// What a scope's parsing carries along.
pub(super) struct Scope {
    pub vars: Vars,
}

impl Scope {
    pub(super) fn var(&mut self, s: &Symbol) -> Var {
        self.vars.var(s)
    }
}

pub(super) fn is_var(s: &Symbol) -> bool {
    s.ns().is_none() && s.name().len() > 1 && s.name().starts_with('?')
}
pub(super) fn is_source(s: &Symbol) -> bool {
    s.ns().is_none() && s.name().starts_with('$')
}
pub(super) fn is_plain(s: &Symbol, name: &str) -> bool {
    s.ns().is_none() && s.name() == name
}
pub(super) fn is_blank(form: &Edn) -> bool {
    matches!(&form.node, Node::Symbol(s) if is_plain(s, "_"))
}
/// A form as a variable.
pub(super) fn as_var(form: &Edn) -> Option<&Symbol> {
    match &form.node {
        Node::Symbol(s) if is_var(s) => Some(s),
        _ => None,
    }
}
pub(super) fn invalid(message: impl Into<String>, span: Span) -> Error {
    Error::new(Code::InvalidQuery, message).at(span)
}

/// The parts of a query: key without colon, where it stands, its forms.
type Part<'a> = (&'a str, Span, Vec<&'a Edn>);

/// Parses a query in its vector, list or map form.
pub(crate) fn query(form: &Edn) -> Result<Ast> {
    let parts = parts(form)?;
    let get = |key: &str| parts.iter().find(|(k, _, _)| *k == key);
    let mut scope = Scope { vars: Vars::default() };
    let Some((_, find_span, find_forms)) = get("find") else {
        return Err(
            invalid("a query needs :find", form.span).hint("[:find ?x :where [?x :person/name]] asks for every ?x")
        );
    };
    let mut find = find::find(&mut scope, find_forms, *find_span)?;
    if let Some((_, span, forms)) = get("with") {
        find.with = find::with(&mut scope, forms, *span)?;
    }
    find::return_map(&scope, &mut find, &parts)?;
    let inputs = match get("in") {
        Some((_, _, forms)) => binding::inputs(&mut scope, forms)?,
        None => vec![(InSpec::Source(Symbol::new("$")), Span::NONE)],
    };
    let mut clauses = Vec::new();
    if let Some((_, _, forms)) = get("where") {
        for form in forms {
            clauses.push(clause::clause(&mut scope, form)?);
        }
    }
    find::having(&mut scope, &mut find, &parts)?;
    find::paging(&mut scope, &mut find, &parts)?;
    let mut time = TimeSpec::default();
    if let Some((_, span, forms)) = get("as-of") {
        time.as_of = Some(one("as-of", forms, *span)?.clone());
    }
    if let Some((_, span, forms)) = get("since") {
        time.since = Some(one("since", forms, *span)?.clone());
    }
    time.history = flag(get("history"))?;
    let ast = Ast {
        find,
        inputs,
        clauses,
        vars: scope.vars,
        time,
        allow_scan: flag(get("allow-scan"))?,
        span: form.span,
    };
    find_is_bound(&ast)?;
    Ok(ast)
}

fn parts(form: &Edn) -> Result<Vec<Part<'_>>> {
    let mut parts: Vec<Part> = Vec::new();
    match &form.node {
        Node::Vector(items) | Node::List(items) => {
            for item in items {
                match (&item.node, parts.last_mut()) {
                    // A keyword opens a part.
                    (Node::Keyword(k), _) if k.ns().is_none() => {
                        parts.push((key(k.name(), item.span)?, item.span, Vec::new()))
                    }
                    (_, Some(part)) => part.2.push(item),
                    (_, None) => {
                        return Err(invalid(
                            format!("a query begins with :find, not with {item}"),
                            item.span,
                        ));
                    }
                }
            }
        }
        Node::Map(entries) => {
            for (k, v) in entries {
                let Node::Keyword(name) = &k.node else {
                    return Err(invalid(format!("{k} is no part of a query"), k.span));
                };
                let name = key(&name.0.to_string(), k.span)?;
                let forms = match &v.node {
                    Node::Vector(items) | Node::List(items) if !is_single(name) => {
                        // `:find [?x .]` is the scalar, `:find [[?x ...]]` the collection: the vector only encloses.
                        items.iter().collect()
                    }
                    _ => vec![v],
                };
                parts.push((name, k.span, forms));
            }
        }
        _ => {
            return Err(invalid(format!("{form} is not a query"), form.span)
                .hint("a query is a vector [:find ... :where ...] or a map {:find [...] :where [...]}"));
        }
    }
    for (i, (k, span, _)) in parts.iter().enumerate() {
        if parts[..i].iter().any(|p| p.0 == *k) {
            return Err(invalid(format!("the query has :{k} twice"), *span));
        }
    }
    Ok(parts)
}

fn is_single(key: &str) -> bool {
    matches!(
        key,
        "limit" | "offset" | "after" | "as-of" | "since" | "history" | "allow-scan"
    )
}

/// The part of a query whose name a form is without its colon.
pub(super) fn bare_key(form: &Edn) -> Option<&'static str> {
    let Node::Symbol(name) = &form.node else { return None };
    KEYS.into_iter().find(|key| is_plain(name, key))
}

fn key(name: &str, span: Span) -> Result<&'static str> {
    match KEYS.iter().find(|k| **k == name) {
        Some(k) => Ok(k),
        // Words of SQL.
        None if matches!(name, "order" | "sort" | "order_by" | "orderBy" | "sort-by") => {
            Err(invalid(format!(":{name} is no part of a query"), span)
                .hint("did you mean :order-by? :order-by [[?x :desc] ?y] sorts by ?x, the greatest first"))
        }
        None => Err(invalid(format!(":{name} is no part of a query"), span)
            .suggest(&format!(":{name}"), KEYS.map(|k| format!(":{k}")).iter().map(|s| &**s))),
    }
}

/// The one form of a part.
pub(super) fn one<'a>(key: &str, forms: &[&'a Edn], span: Span) -> Result<&'a Edn> {
    match forms {
        [form] => Ok(form),
        _ => Err(invalid(
            format!(":{key} takes one value, {} are given", forms.len()),
            span,
        )),
    }
}

fn flag(part: Option<&Part<'_>>) -> Result<bool> {
    match part {
        None => Ok(false),
        Some((key, span, forms)) => match one(key, forms, *span)?.node {
            Node::Bool(b) => Ok(b),
            _ => Err(invalid(format!(":{key} is true or false"), forms[0].span)),
        },
    }
}

/// Find and with variables must occur in `:where` or `:in`.
fn find_is_bound(ast: &Ast) -> Result<()> {
    let mut bound = Vec::new();
    for c in &ast.clauses {
        collect_binding(c, &mut bound);
    }
    for (spec, _) in &ast.inputs {
        if let InSpec::Bind(b) = spec {
            b.collect(&mut bound);
        }
    }
    let names: Vec<String> = bound.iter().map(|v| ast.vars.name(*v).to_string()).collect();
    let unbound = |v: Var, span: Span| {
        let name = ast.vars.name(v).to_string();
        Error::new(
            Code::UnboundVariable,
            format!("{name} is asked for, but no clause of :where and no input binds it"),
        )
        .at(span)
        .suggest(&name, names.iter().map(|s| &**s))
    };
    for (elem, span) in ast.find.elems.iter().zip(&ast.find.spans) {
        if !bound.contains(&elem.var()) {
            return Err(unbound(elem.var(), *span));
        }
    }
    for elem in &ast.find.hidden {
        if let FindElem::Aggregate { var, span, .. } = elem
            && !bound.contains(var)
        {
            return Err(unbound(*var, *span));
        }
    }
    for v in &ast.find.with {
        if !bound.contains(v) {
            return Err(unbound(*v, ast.span));
        }
    }
    Ok(())
}

/// The variables that a clause can bind for the outside.
pub(crate) fn collect_binding(c: &Clause, out: &mut Vec<Var>) {
    match c {
        Clause::Not { .. } | Clause::Predicate(_) => {}
        Clause::Function(_, b, _) => b.collect(out),
        Clause::And(body) => body.iter().for_each(|c| collect_binding(c, out)),
        Clause::Or {
            vars: None, branches, ..
        } => {
            branches.iter().flatten().for_each(|c| collect_binding(c, out));
        }
        Clause::Or { vars: Some(vars), .. } => {
            for v in &vars.free {
                if !out.contains(v) {
                    out.push(*v)
                }
            }
        }
        Clause::Pattern(_) | Clause::Rule { .. } => c.collect(out),
    }
}
