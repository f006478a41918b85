//! What is known while the order of a conjunction is sought.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::Op;
use super::sample::Samples;
use crate::error::Error;
use crate::query::ast::Var;

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

/// A step with plans of its own.
#[derive(Clone)]
pub(super) struct Planned {
    pub op: Rc<Op>,
    /// Rows for one row before.
    pub fanout: f64,
    pub cost: f64,
}
