//! The rules of the `%` input: `[(name ?a ?b) clauses...]`, or with required arguments `[(name [?a] ?b) ...]`.

use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result, Span};

use super::super::ast::{Rule, Rules, Vars};
use super::{Scope, clause};

/// How rules are written.
pub(crate) const SHAPE: &str = "rules are a vector of [(name ?x) clauses...]";

fn invalid(message: impl Into<String>, span: Span) -> Error {
    Error::new(Code::InvalidRule, message).at(span)
}

/// Parses all rules.
pub(crate) fn rules(form: &Edn) -> Result<Rules> {
    let (Node::Vector(items) | Node::List(items) | Node::Set(items)) = &form.node else {
        return Err(invalid(format!("{form} is no set of rules"), form.span).hint(SHAPE));
    };
    let mut rules = Rules::default();
    for item in items {
        let rule = rule(item)?;
        if let Some(first) = rules.head(&rule.name) {
            if first.head.len() != rule.head.len() {
                return Err(Error::new(
                    Code::Arity,
                    format!(
                        "the rule {} has {} arguments in one head and {} in another",
                        rule.name,
                        first.head.len(),
                        rule.head.len()
                    ),
                )
                .at(rule.span));
            }
            if first.required != rule.required {
                return Err(invalid(
                    format!("all heads of the rule {} must require the same arguments", rule.name),
                    rule.span,
                ));
            }
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn rule(form: &Edn) -> Result<Rule> {
    let Node::Vector(items) = &form.node else {
        return Err(invalid(format!("{form} is not a rule"), form.span).hint("a rule is [(name ?x) clauses...]"));
    };
    let Some((
        Edn {
            node: Node::List(head),
            span: head_span,
        },
        body,
    )) = items.split_first()
    else {
        return Err(invalid(
            "a rule begins with its head: [(name ?x) clauses...]",
            form.span,
        ));
    };
    let Some((
        Edn {
            node: Node::Symbol(name),
            span: name_span,
        },
        args,
    )) = head.split_first()
    else {
        return Err(invalid(
            "the head of a rule begins with its name: (name ?x)",
            *head_span,
        ));
    };
    if clause::reserved(name) {
        return Err(invalid(
            format!("{name} is a clause of the language and can be no rule"),
            *name_span,
        ));
    }
    let mut scope = Scope { vars: Vars::default() };
    let vars = clause::head_vars(&mut scope, args, &format!("the head of {name}"), *head_span)
        .map_err(|e| Error::new(Code::InvalidRule, e.message()).at(e.span()))?;
    if body.is_empty() {
        return Err(invalid(format!("the rule {name} has no body"), form.span));
    }
    let body = body
        .iter()
        .map(|c| clause::clause(&mut scope, c))
        .collect::<Result<Vec<_>>>()?;
    let body = clause::flatten(body);
    let (binds, used) = (clause::binds(&body), clause::used(&body));
    for v in vars.all() {
        // A variable that is used and not bound by the body must come from the caller; whether it does, the planner sees.
        if !binds.contains(&v) && !used.contains(&v) {
            let v = scope.vars.name(v);
            return Err(Error::new(
                Code::UnboundVariable,
                format!("the head of the rule {name} has {v}, but its body does not"),
            )
            .at(*head_span));
        }
    }
    Ok(Rule {
        name: name.clone(),
        required: vars.required.len(),
        head: vars.all().collect(),
        body,
        vars: scope.vars,
        span: *head_span,
    })
}
