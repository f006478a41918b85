//! Pass `order-clauses`: goals -> steps, cheapest first, whatever the order in the text.
//!
//! Tests, functions and negations run as soon as their inputs are bound. Among patterns, disjunctions and rules the order with
//! the least estimated cost is searched ([`search`]); among very many the cheapest next step is taken each time.

mod candidates;
mod sample;
mod search;
mod state;
mod stuck;

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::planner::Planner;
use super::{Callee, Goal, Node, Op, Pipeline, Pos, RowScan, Scan, access, fits};
use crate::error::{Code, Error, Result};
use crate::query::ast::Var;
use crate::query::functions::{self, Callable};
use crate::query::source::{RowSource, Source};
use sample::Samples;
use state::{Candidate, Planned, Scratch, State};

/// Conjunctions with more goals to join are ordered greedily.
const SEARCHED_MAX: usize = 16;
/// So many tuples of a collection are looked at to guess how many fit a pattern.
const TUPLES_TRIED: usize = 4096;

/// Leaves the calls of rules for last, those by the order of their names: what a rule derives serves all callers, so what stands
/// around a call keeps a failure out of it only by what it is asked about; and of two calls, the same one is first in every text.
fn last_called(goals: &[Goal], candidates: &mut Vec<Candidate>) {
    let name = |c: &Candidate| match &goals[c.at] {
        Goal::Call(call) => Some(call.name.clone()),
        _ => None,
    };
    if let Some(first) = candidates.iter().map(name).min() {
        candidates.retain(|c| name(c) == first);
    }
}

/// About how many tuples of a collection have the constants of a pattern: as many as among some of them.
fn tuples(r: &RowScan, rows: &RowSource) -> f64 {
    let constants = r.constants();
    if constants.is_empty() {
        return rows.len as f64;
    }
    let step = rows.len.div_ceil(TUPLES_TRIED).max(1);
    let fit = (0..rows.len).step_by(step).filter(|j| fits(&rows.cols, &constants, *j));
    (fit.count().max(1) * step) as f64
}

impl Planner<'_> {
    /// Arranges goals so that every one finds its inputs bound.
    pub fn order(&mut self, goals: Vec<Goal>, input: &[Var], rows: f64, output: &[Var]) -> Result<Pipeline> {
        let mut scratch = Scratch {
            base: vec![0.0; goals.len()],
            ops: vec![None; goals.len()],
            plans: FxHashMap::default(),
            samples: Samples::default(),
            error: None,
        };
        for (g, base) in goals.iter().zip(&mut scratch.base) {
            *base = match g {
                Goal::Scan(s) => self.scan_rows(s)?,
                Goal::Rows(r) => match &self.sources.list[r.source].1 {
                    Source::Rows(rows) => tuples(r, rows),
                    Source::Db(_) => 0.0,
                },
                _ => 0.0,
            };
        }
        if self.passes.order_clauses && goals.len() > 1 {
            scratch.samples = self.samples(&goals, &scratch.base)?;
        }
        let mut start = State {
            bound: input.to_vec(),
            rows,
            distinct: FxHashMap::default(),
            cost: 0.0,
            nodes: Vec::new(),
            left: (0..goals.len()).collect(),
        };
        self.immediate(&goals, &mut start, &mut scratch)?;
        let searched = (2..=SEARCHED_MAX).contains(&start.left.len()) && goals.len() <= 64;
        let done = match searched && self.passes.order_clauses && !self.careful {
            true => self.search(&goals, start, &mut scratch)?,
            false => self.greedy(&goals, start, &mut scratch)?,
        };
        if let Some(v) = output.iter().find(|v| !done.has(**v)) {
            let name = self.vars.name(*v);
            let span = goals.iter().find(|g| g.vars().contains(v)).map(Goal::span);
            return Err(Error::new(
                Code::InsufficientBinding,
                format!("{name} is used here, but nothing binds it"),
            )
            .with("variable", name)
            .at(span.unwrap_or(crate::error::Span::NONE)));
        }
        Ok(finish(done, input, output))
    }

    fn scan_rows(&mut self, s: &Scan) -> Result<f64> {
        let sources = self.sources;
        match sources.db(s.source) {
            Some(db) => access::estimate(s, &db.db),
            None => Ok(0.0),
        }
    }

    fn greedy(&mut self, goals: &[Goal], mut state: State, scratch: &mut Scratch) -> Result<State> {
        while !state.left.is_empty() {
            let mut candidates = self.candidates(goals, &state, scratch)?;
            if self.careful && candidates.iter().all(|c| self.may_fail(&goals[c.at])) {
                // One at a time: what it gives may let something that cannot fail go first.
                let mut waiting = state.left.clone();
                waiting.sort_by_key(|at| matches!(goals[*at], Goal::Not { .. }));
                let mut placed = false;
                for at in waiting {
                    placed = placed || self.place(goals, at, &mut state, scratch)?;
                }
                if placed {
                    self.immediate(goals, &mut state, scratch)?;
                    continue;
                }
                last_called(goals, &mut candidates);
            } else if self.careful {
                candidates.retain(|c| !self.may_fail(&goals[c.at]));
            }
            let best = if self.passes.order_clauses {
                promising(goals, &state, candidates)
                    .into_iter()
                    .min_by(|a, b| (a.rows + a.cost).total_cmp(&(b.rows + b.cost)).then(a.at.cmp(&b.at)))
            } else {
                candidates.into_iter().min_by_key(|c| c.at)
            };
            let Some(best) = best else {
                return Err(self.stuck(goals, &state, scratch));
            };
            state.take(best);
            self.immediate(goals, &mut state, scratch)?;
        }
        Ok(state)
    }

    /// Places everything whose inputs are bound and that makes no rows of its own.
    fn immediate(&mut self, goals: &[Goal], state: &mut State, scratch: &mut Scratch) -> Result<()> {
        loop {
            let mut placed = false;
            for at in state.left.clone() {
                if !(self.careful && self.may_fail(&goals[at])) {
                    placed |= self.place(goals, at, state, scratch)?;
                }
            }
            if !placed {
                return Ok(());
            }
        }
    }

    /// Whether a function in it may fail on a row.
    fn may_fail(&self, goal: &Goal) -> bool {
        match goal {
            Goal::Filter(f) | Goal::Apply(f, _) => match f.callee {
                Callee::Identity => false,
                Callee::Tuple => true,
                Callee::Named(Callable::BuiltIn(_)) => !functions::never_fails(&f.name),
                Callee::Named(Callable::Registered(_)) => true,
            },
            Goal::Nested(..) => true,
            Goal::Not { body, .. } => body.iter().any(|g| self.may_fail(g)),
            Goal::Or { branches, .. } => branches.iter().flatten().any(|g| self.may_fail(g)),
            Goal::Call(call) => self.rules.may_fail(&call.name),
            Goal::Scan(_) | Goal::Rows(_) | Goal::Equal(..) | Goal::Const(..) | Goal::Lookup(..) => false,
        }
    }

    /// Places a goal that makes no rows of its own, if its inputs are bound.
    fn place(&mut self, goals: &[Goal], at: usize, state: &mut State, scratch: &mut Scratch) -> Result<bool> {
        let op = match &goals[at] {
            Goal::Const(v, tag, w) => {
                state.bind(*v, 1.0);
                Rc::new(Op::Const(*v, *tag, *w))
            }
            Goal::Equal(a, b) if state.has(*a) || state.has(*b) => {
                if state.has(*a) && state.has(*b) {
                    state.rows *= 0.1;
                }
                let d = state.distinct(if state.has(*a) { *a } else { *b });
                state.bind(*a, d);
                state.bind(*b, d);
                Rc::new(Op::Equal(*a, *b))
            }
            Goal::Filter(f) if f.inputs().all(|v| state.has(v)) => {
                state.rows *= 0.4;
                Rc::new(Op::Filter(f.clone()))
            }
            Goal::Apply(f, b) if f.inputs().all(|v| state.has(v)) => {
                state.bind_result(b);
                Rc::new(Op::Apply(f.clone(), b.clone()))
            }
            Goal::Lookup(l, b) if l.e.var().is_none_or(|v| state.has(v)) => {
                state.bind_result(b);
                Rc::new(Op::Lookup(l.clone(), b.clone()))
            }
            Goal::Nested(n, b) if n.inputs().all(|v| state.has(v)) => {
                state.bind_result(b);
                Rc::new(Op::Nested(n.clone(), b.clone()))
            }
            Goal::Not { vars, body, .. } if vars.iter().all(|v| state.has(*v)) => {
                let key = (at, vars.clone());
                if !scratch.plans.contains_key(&key) {
                    let plan = self.order(body.clone(), vars, state.rows, vars)?;
                    let cost = plan.cost;
                    let op = Rc::new(Op::Not(vars.clone(), plan));
                    let fanout = 0.5;
                    scratch.plans.insert(key.clone(), Some(Planned { op, fanout, cost }));
                }
                let Some(Some(planned)) = scratch.plans.get(&key).cloned() else {
                    return Ok(false);
                };
                state.cost += planned.cost;
                state.rows *= planned.fanout;
                planned.op
            }
            _ => return Ok(false),
        };
        state.left.retain(|i| *i != at);
        state.cost += state.rows * 0.1;
        state.push(op);
        Ok(true)
    }
}

/// Patterns that share nothing with the rows so far multiply them by all they hold: these wait, unless they hold next to nothing.
const FEW_ROWS: f64 = 4.0;

/// The candidates that are worth comparing. What is cheapest now may be dear later: a product with rows that nothing
/// connects, or fetching what is only shown from more rows than will be left in the end.
fn promising(goals: &[Goal], state: &State, candidates: Vec<Candidate>) -> Vec<Candidate> {
    let connected = |c: &Candidate| state.bound.is_empty() || goals[c.at].vars().iter().any(|v| state.has(*v));
    let joins = |c: &Candidate| connected(c) || c.rows <= state.rows.max(1.0) * FEW_ROWS;
    // A fact of an entity that is known, with a value that no other clause looks at.
    let shown_only = |c: &Candidate| match &goals[c.at] {
        Goal::Scan(s) => {
            let known = s.e.var().is_some_and(|e| state.has(e)) && !s.bounds.is_some();
            let alone =
                |v: Var| !state.has(v) && !state.left.iter().any(|&o| o != c.at && goals[o].vars().contains(&v));
            known && s.attr.as_ref().is_some_and(|a| a.is_one()) && s.v.var().is_some_and(alone)
        }
        _ => false,
    };
    let multiplies = |c: &Candidate| c.rows > state.rows * 1.5;
    let ranks: Vec<u8> = candidates
        .iter()
        .map(|c| match (joins(c), shown_only(c), multiplies(c)) {
            (true, false, false) => 0,
            (true, true, _) => 1,
            (true, false, true) => 2,
            (false, _, _) => 3,
        })
        .collect();
    let best = ranks.iter().copied().min();
    candidates
        .into_iter()
        .zip(ranks)
        .filter(|(_, rank)| Some(*rank) == best)
        .map(|(c, _)| c)
        .collect()
}

/// Notes for each step which variables are needed after it.
fn finish(state: State, input: &[Var], output: &[Var]) -> Pipeline {
    let step = |(op, rows): (Rc<Op>, f64)| Node {
        op: Rc::unwrap_or_clone(op),
        keep: Vec::new(),
        rows,
        id: 0,
    };
    let mut nodes: Vec<Node> = state.nodes.into_iter().map(step).collect();
    let mut needed: Vec<Var> = output.to_vec();
    for node in nodes.iter_mut().rev() {
        node.keep = needed.clone();
        for v in uses(&node.op) {
            if !needed.contains(&v) {
                needed.push(v);
            }
        }
    }
    // What a later step finds is not there yet: rows that have just what is kept need not be arranged anew.
    let mut known: Vec<Var> = input.to_vec();
    for node in &mut nodes {
        known.extend(uses(&node.op));
        node.keep.retain(|v| known.contains(v));
    }
    Pipeline {
        input: input.to_vec(),
        nodes,
        output: output.to_vec(),
        rows: state.rows,
        cost: state.cost,
    }
}

fn uses(op: &Op) -> Vec<Var> {
    match op {
        Op::Scan(s) => s.vars().collect(),
        Op::Rows(r) => r.terms.iter().filter_map(Pos::var).collect(),
        Op::Equal(a, b) => vec![*a, *b],
        Op::Const(v, _, _) => vec![*v],
        Op::Filter(f) => f.inputs().collect(),
        Op::Apply(f, b) => f.inputs().chain(b.vars()).collect(),
        Op::Lookup(l, b) => l.e.var().into_iter().chain(b.vars()).collect(),
        Op::Nested(n, b) => n.inputs().chain(b.vars()).collect(),
        Op::Not(vars, _) => vars.clone(),
        Op::Or { vars, .. } => vars.clone(),
        Op::Call(c) => c.args.clone(),
    }
}
