//! Why a conjunction has no order: something is needed that nothing binds.

use super::super::Goal;
use super::super::planner::Planner;
use super::state::{Scratch, State};
use crate::error::{Code, Error, Span};
use crate::query::ast::Var;

impl Planner<'_> {
    /// Why nothing more can be placed.
    pub(super) fn stuck(&self, goals: &[Goal], state: &State, scratch: &Scratch) -> Error {
        let missing = |vars: Vec<Var>| vars.into_iter().find(|v| !state.has(*v));
        let named = |v: Var| self.vars.name(v).to_string();
        // Mistakes inside a disjunction or rule explain more than the clause that waits for it; other orders end there, too.
        if let Some(e) = &scratch.error {
            return e.clone();
        }
        for &at in &state.left {
            let goal = &goals[at];
            let (what, v) = match goal {
                Goal::Filter(f) => (format!("({} ...)", f.name), missing(f.inputs().collect())),
                Goal::Apply(f, _) => (format!("({} ...)", f.name), missing(f.inputs().collect())),
                Goal::Lookup(l, _) => ("its entity".to_string(), missing(l.e.var().into_iter().collect())),
                Goal::Nested(n, _) => ("(q ...)".to_string(), missing(n.inputs().collect())),
                Goal::Not { vars, .. } => ("this negation".to_string(), missing(vars.clone())),
                Goal::Or { rule, required, .. } => {
                    let what = rule
                        .as_ref()
                        .map_or("or-join".to_string(), |name| format!("({name} ...)"));
                    (what, missing(required.clone()))
                }
                Goal::Call(c) => (format!("({} ...)", c.name), missing(c.args[..c.required].to_vec())),
                _ => continue,
            };
            if let Some(v) = v {
                let v = named(v);
                return Error::new(
                    Code::InsufficientBinding,
                    format!("{v} is needed by {what}, but no clause binds it"),
                )
                .at(goal.span())
                .with("variable", v);
            }
        }
        // What the planner itself added has no place.
        let waiting = state.left.iter().map(|&at| &goals[at]);
        let place = waiting.map(Goal::span).find(|span| span.is_some());
        Error::new(
            Code::InsufficientBinding,
            "this pattern would read the whole database: neither entity, attribute nor value is known",
        )
        .at(place.unwrap_or(Span::NONE))
        .hint("name the attribute, bind a variable in another clause, or add :allow-scan true")
    }
}
