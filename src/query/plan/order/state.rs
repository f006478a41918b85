//! What is known while the order of a conjunction is sought.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::Op;
use super::sample::Samples;
use crate::error::{Code, Error, Result};
use crate::query::ast::{Binding, Var};

/// What is known of the rows so far.
#[derive(Clone)]
pub(super) struct State {
    pub bound: Vec<Var>,
    pub rows: f64,
    pub distinct: FxHashMap<Var, f64>,
    pub cost: f64,
    /// The steps so far, with the rows after each.
    pub nodes: Vec<(Rc<Op>, f64)>,
    pub left: Vec<usize>,
}

impl State {
    pub fn has(&self, v: Var) -> bool {
        self.bound.contains(&v)
    }
    pub fn bind(&mut self, v: Var, distinct: f64) {
        if !self.has(v) {
            self.bound.push(v);
        }
        self.distinct.insert(v, distinct.min(self.rows).max(1.0));
    }
    pub fn distinct(&self, v: Var) -> f64 {
        self.distinct
            .get(&v)
            .copied()
            .unwrap_or(self.rows)
            .min(self.rows)
            .max(1.0)
    }
    /// The step comes next.
    pub fn push(&mut self, op: Rc<Op>) {
        self.nodes.push((op, self.rows));
    }
    /// The candidate comes next.
    pub fn take(&mut self, c: Candidate) {
        self.left.retain(|i| *i != c.at);
        self.cost += c.cost + c.rows;
        self.rows = c.rows;
        for (v, d) in c.binds {
            self.bind(v, d);
        }
        self.push(c.op);
    }
    /// A function's results are bound: collections multiply the rows, and what was bound before is compared.
    pub fn bind_result(&mut self, b: &Binding) {
        let fresh = b.vars().iter().any(|v| !self.has(*v));
        let multiplies = matches!(b, Binding::Collection(_) | Binding::Relation(_));
        self.rows *= match (fresh, multiplies) {
            (true, true) => 4.0,
            (true, false) => 1.0,
            (false, _) => 0.2,
        };
        for v in b.vars() {
            self.bind(v, self.rows);
        }
    }
}

/// A step that could come next.
pub(super) struct Candidate {
    pub at: usize,
    pub op: Rc<Op>,
    pub rows: f64,
    pub cost: f64,
    pub binds: Vec<(Var, f64)>,
}

/// Estimates and sub-plans of one conjunction that do not change while its order is sought.
pub(super) struct Scratch {
    pub base: Vec<f64>,
    /// The steps that patterns are.
    pub ops: Vec<Option<Rc<Op>>>,
    pub plans: FxHashMap<(usize, Vec<Var>), Option<Planned>>,
    pub samples: Samples,
    pub error: Option<Error>,
}

impl Scratch {
    /// A sub-plan that is not possible yet may be possible later: its error counts only when nothing else is left.
    pub fn note(&mut self, planned: Result<Planned>) -> Result<Option<Planned>> {
        match planned {
            Ok(p) => Ok(Some(p)),
            Err(e) if matches!(e.code(), Code::QueryTimeout | Code::QueryCancelled) => Err(e),
            Err(e) => {
                let waits = e.code() == Code::InsufficientBinding;
                // A real mistake is reported before one that other orders may mend.
                let replace = self
                    .error
                    .as_ref()
                    .is_none_or(|old| old.code() == Code::InsufficientBinding && !waits);
                if replace {
                    self.error = Some(e);
                }
                Ok(None)
            }
        }
    }

    /// Of the disjunction `at`, when it has `most` plans: the one of these that asks about most of `input` and about nothing else.
    pub fn planned_enough(&self, at: usize, input: &[Var], most: usize) -> Option<(usize, Vec<Var>)> {
        let plans = self.plans.iter().filter(|((i, _), _)| *i == at);
        if plans.clone().count() < most {
            return None;
        }
        plans
            .filter(|((_, vars), plan)| plan.is_some() && vars.iter().all(|v| input.contains(v)))
            .map(|(key, _)| key)
            .max_by_key(|(_, vars)| (vars.len(), vars.iter().map(|v| v.0).collect::<Vec<_>>()))
            .cloned()
    }
}

/// A step with plans of its own.
#[derive(Clone)]
pub(super) struct Planned {
    pub op: Rc<Op>,
    /// Rows for one row before.
    pub fanout: f64,
    pub cost: f64,
}

impl Planned {
    /// The step for the goal `at`, which binds `vars`, after so many rows.
    pub fn candidate(&self, at: usize, vars: &[Var], rows: f64) -> Candidate {
        let left = rows * self.fanout;
        Candidate {
            at,
            op: self.op.clone(),
            rows: left,
            cost: self.cost + rows,
            binds: vars.iter().map(|v| (*v, left)).collect(),
        }
    }
}
