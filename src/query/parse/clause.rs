//! Clauses of `:where` and of rule bodies.

use crate::edn::{Edn, Node, Symbol};
use crate::error::{Code, Error, Result, Span};

use super::super::ast::{Arg, Call, Clause, JoinVars, Pattern, Term, Var};
use super::{RESERVED, Scope, as_var, binding, collect_binding, invalid, is_blank, is_plain, is_source};

/// Clauses nested deeper than this are refused: every later stage walks them on the native stack.
const DEPTH_MAX: usize = 100;

/// Parses one clause.
pub(super) fn clause(scope: &mut Scope, form: &Edn) -> Result<Clause> {
    nested(scope, form, 0)
}

fn nested(scope: &mut Scope, form: &Edn, depth: usize) -> Result<Clause> {
    if depth > DEPTH_MAX {
        return Err(invalid(format!("clauses may be nested {DEPTH_MAX} deep"), form.span));
    }
    match &form.node {
        Node::Vector(items) => match items.as_slice() {
            [] => Err(invalid("an empty clause", form.span).hint("a pattern is [?e :attribute ?value]")),
            [
                Edn {
                    node: Node::List(list),
                    span,
                },
            ] => Ok(Clause::Predicate(call(scope, list, *span)?)),
            [
                Edn {
                    node: Node::List(list),
                    span,
                },
                out,
            ] => {
                let call = call(scope, list, *span)?;
                Ok(Clause::Function(
                    call,
                    binding::few(binding::binding(scope, out)?, out)?,
                    form.span,
                ))
            }
            [
                Edn {
                    node: Node::List(_), ..
                },
                ..,
            ] => Err(invalid(
                "a function clause is [(f ?x) ?out]: the call and one binding form",
                form.span,
            )),
            items => pattern(scope, items, form.span),
        },
        Node::List(items) => list(scope, items, form.span, depth),
        _ => Err(invalid(format!("{form} is not a clause"), form.span)
            .hint("clauses are [?e :attr ?v], [(predicate ?x)], [(function ?x) ?y], (rule ?x), (not ...), (or ...)")),
    }
}

fn pattern(scope: &mut Scope, items: &[Edn], span: Span) -> Result<Clause> {
    let (source, items) = match &items[0].node {
        Node::Symbol(s) if is_source(s) => (Some(s.clone()), &items[1..]),
        _ => (None, items),
    };
    if items.is_empty() {
        return Err(invalid("a pattern needs at least one position after its source", span));
    }
    let terms = items.iter().map(|i| term(scope, i)).collect::<Result<_>>()?;
    Ok(Clause::Pattern(Pattern { source, terms, span }))
}

fn term(scope: &mut Scope, form: &Edn) -> Result<Term> {
    if is_blank(form) {
        return Ok(Term::Blank(form.span));
    }
    match &form.node {
        Node::Symbol(s) => match as_var(form) {
            Some(s) => Ok(Term::Var(scope.var(s), form.span)),
            None if is_source(s) => Err(invalid(format!("the source {s} stands first in a clause"), form.span)),
            None => Ok(Term::Const(form.clone())),
        },
        Node::Nil => Err(invalid("nil matches nothing: it is never a value", form.span)
            .hint("[(missing? $ ?e :attr)] finds entities without a value")),
        _ => Ok(Term::Const(form.clone())),
    }
}

fn call(scope: &mut Scope, list: &[Edn], span: Span) -> Result<Call> {
    let Some((head, args)) = list.split_first() else {
        return Err(invalid("an empty call", span).hint("a predicate is [(< ?a ?b)]"));
    };
    let Node::Symbol(name) = &head.node else {
        return Err(invalid(format!("{head} is not the name of a function"), head.span));
    };
    if is_plain(name, "not") || is_plain(name, "or") || is_plain(name, "and") {
        return Err(invalid(
            format!("({name} ...) is a clause of its own and stands in no vector"),
            span,
        )
        .hint(format!("write ({name} ...) without the brackets around it")));
    }
    let args = args
        .iter()
        .map(|a| match &a.node {
            Node::Symbol(s) if as_var(a).is_some() => Ok(Arg::Var(scope.var(s), a.span)),
            Node::Symbol(s) if is_source(s) => Ok(Arg::Source(s.clone(), a.span)),
            _ if is_blank(a) => Err(invalid("_ cannot be an argument: it has no value", a.span)),
            _ => Ok(Arg::Const(a.clone())),
        })
        .collect::<Result<_>>()?;
    Ok(Call {
        name: name.clone(),
        name_span: head.span,
        args,
        span,
    })
}

fn list(scope: &mut Scope, items: &[Edn], span: Span, depth: usize) -> Result<Clause> {
    let (source, items) = match items.first().map(|i| &i.node) {
        Some(Node::Symbol(s)) if is_source(s) => (Some(s.clone()), &items[1..]),
        _ => (None, items),
    };
    let Some((head, rest)) = items.split_first() else {
        return Err(invalid("an empty clause", span));
    };
    let Node::Symbol(name) = &head.node else {
        return Err(invalid(format!("a clause cannot begin with {head}"), head.span).hint("a rule call is (name ?x)"));
    };
    let body = |scope: &mut Scope, forms: &[Edn]| -> Result<Vec<Clause>> {
        if forms.is_empty() {
            return Err(invalid(format!("({name} ...) has no clauses"), span));
        }
        forms.iter().map(|f| nested(scope, f, depth + 1)).collect()
    };
    if name.ns().is_none() {
        match name.name() {
            "and" => return Ok(Clause::And(body(scope, rest)?)),
            "not" => {
                let body = body(scope, rest)?;
                return Ok(Clause::Not {
                    source,
                    vars: None,
                    body,
                    span,
                });
            }
            "not-join" => {
                let (vars, rest) = join_vars(scope, rest, name, span)?;
                if let Some(v) = vars.required.first() {
                    let v = scope.vars.name(*v).clone();
                    return Err(invalid(
                        format!("not-join takes a flat list of variables, {v} is in brackets"),
                        span,
                    ));
                }
                let body = body(scope, rest)?;
                return Ok(Clause::Not {
                    source,
                    vars: Some(vars.free),
                    body,
                    span,
                });
            }
            "or" => {
                let branches = branches(scope, rest, &body)?;
                if branches.is_empty() {
                    return Err(invalid("(or) has no branches", span));
                }
                same_vars(scope, &branches, rest, span)?;
                return Ok(Clause::Or {
                    source,
                    vars: None,
                    branches,
                    span,
                });
            }
            "or-join" => {
                let (vars, rest) = join_vars(scope, rest, name, span)?;
                let branches = branches(scope, rest, &body)?;
                if branches.is_empty() {
                    return Err(invalid("(or-join [...]) has no branches", span));
                }
                bound_by_all(scope, &vars, &branches, rest)?;
                return Ok(Clause::Or {
                    source,
                    vars: Some(vars),
                    branches,
                    span,
                });
            }
            _ => {}
        }
    }
    if rest.is_empty() {
        return Err(invalid(format!("the call ({name}) passes nothing"), span)
            .hint("a rule is called with at least one argument"));
    }
    let args = rest.iter().map(|a| term(scope, a)).collect::<Result<_>>()?;
    Ok(Clause::Rule {
        source,
        name: name.clone(),
        args,
        span,
    })
}

type Body<'a> = dyn Fn(&mut Scope, &[Edn]) -> Result<Vec<Clause>> + 'a;

fn branches(scope: &mut Scope, forms: &[Edn], body: &Body<'_>) -> Result<Vec<Vec<Clause>>> {
    forms
        .iter()
        .map(|f| body(scope, std::slice::from_ref(f)).map(flatten))
        .collect()
}

/// A conjunction without `and` at its top.
pub(super) fn flatten(body: Vec<Clause>) -> Vec<Clause> {
    let mut out = Vec::new();
    for c in body {
        match c {
            Clause::And(inner) => out.extend(flatten(inner)),
            c => out.push(c),
        }
    }
    out
}

/// `[?a ?b]`, or with required ones `[[?a] ?b]`.
pub(super) fn head_vars(scope: &mut Scope, items: &[Edn], what: &str, span: Span) -> Result<JoinVars> {
    let mut vars = JoinVars::default();
    let mut seen: Vec<Var> = Vec::new();
    let mut add = |scope: &mut Scope, form: &Edn, to: &mut Vec<Var>| -> Result<()> {
        let Some(s) = as_var(form) else {
            return Err(invalid(
                format!("{form} is not a variable, {what} takes only variables"),
                form.span,
            ));
        };
        let v = scope.var(s);
        if seen.contains(&v) {
            return Err(invalid(format!("{what} names {s} twice"), form.span));
        }
        seen.push(v);
        to.push(v);
        Ok(())
    };
    for (i, item) in items.iter().enumerate() {
        match &item.node {
            Node::Vector(inner) if i == 0 => {
                for form in inner {
                    add(scope, form, &mut vars.required)?;
                }
            }
            _ => add(scope, item, &mut vars.free)?,
        }
    }
    if vars.required.is_empty() && vars.free.is_empty() {
        return Err(invalid(format!("{what} names no variable"), span));
    }
    Ok(vars)
}

fn join_vars<'a>(scope: &mut Scope, rest: &'a [Edn], name: &Symbol, span: Span) -> Result<(JoinVars, &'a [Edn])> {
    match rest.split_first() {
        Some((
            Edn {
                node: Node::Vector(items),
                span,
            },
            rest,
        )) => Ok((head_vars(scope, items, &name.to_string(), *span)?, rest)),
        _ => Err(invalid(
            format!("{name} begins with its variables: ({name} [?x] ...)"),
            span,
        )),
    }
}

/// The branches of a plain `or` must use the same variables.
fn same_vars(scope: &Scope, branches: &[Vec<Clause>], forms: &[Edn], span: Span) -> Result<()> {
    let vars = |b: &Vec<Clause>| {
        let mut out = Vec::new();
        b.iter().for_each(|c| c.collect(&mut out));
        out.sort();
        out
    };
    let first = vars(&branches[0]);
    if first.is_empty() {
        return Err(invalid(
            "a branch of or uses no variable, so it shares nothing with the query",
            span,
        ));
    }
    for (b, form) in branches.iter().zip(forms).skip(1) {
        let these = vars(b);
        if these == first {
            continue;
        }
        let odd = these
            .iter()
            .find(|v| !first.contains(v))
            .or_else(|| first.iter().find(|v| !these.contains(v)))
            .expect("two different sets differ in some element");
        let name = scope.vars.name(*odd);
        return Err(invalid(
            format!("all branches of an or must use the same variables, {name} is in one and not in another"),
            form.span,
        )
        .hint("list the shared variables: (or-join [?x] ...)"));
    }
    Ok(())
}

fn bound_by_all(scope: &Scope, vars: &JoinVars, branches: &[Vec<Clause>], forms: &[Edn]) -> Result<()> {
    for (b, form) in branches.iter().zip(forms) {
        let mut used = Vec::new();
        b.iter().for_each(|c| c.collect(&mut used));
        if let Some(v) = vars.free.iter().find(|v| !used.contains(v)) {
            return Err(Error::new(
                Code::UnboundVariable,
                format!(
                    "this branch of or-join does not use {}, which it must bind",
                    scope.vars.name(*v)
                ),
            )
            .at(form.span));
        }
    }
    Ok(())
}

/// The head variables of a rule must be bound or used by its body.
pub(super) fn binds(body: &[Clause]) -> Vec<Var> {
    let mut out = Vec::new();
    body.iter().for_each(|c| collect_binding(c, &mut out));
    out
}

/// A name that no rule may have.
pub(super) fn reserved(name: &Symbol) -> bool {
    name.ns().is_none() && RESERVED.contains(&name.name())
}

/// The variables a body uses.
pub(super) fn used(body: &[Clause]) -> Vec<Var> {
    let mut out = Vec::new();
    body.iter().for_each(|c| c.collect(&mut out));
    out
}
