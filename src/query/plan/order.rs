//! Pass `order-clauses`: goals -> steps, cheapest first, whatever the order in the text.
//!
//! Tests, functions and negations run as soon as their inputs are bound. Among patterns, disjunctions and rules the order with
//! the least estimated cost is searched; among very many it is greedy.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::super::ast::{Binding, Var};
use super::super::functions::{self, Callable};
use super::super::source::Source;
use super::lower::Planner;
use super::sample::{FEW, Samples};
use super::{Callee, Goal, Node, Op, Pipeline, Pos, RuleCall, RuleStep, Scan, access};
use crate::error::{Code, Error, Result};
use crate::index::{Order, Range};

/// Conjunctions with more goals to join are ordered greedily.
const SEARCHED_MAX: usize = 16;

/// Recursive rules are asked about so many rows by all arguments that are known, about more by one of them.
const MANY_PAIRS: f64 = 256.0;

/// What is known of the rows so far.
#[derive(Clone)]
pub(super) struct State {
    bound: Vec<Var>,
    rows: f64,
    distinct: FxHashMap<Var, f64>,
    pub cost: f64,
    /// The steps so far, with the rows after each.
    nodes: Vec<(Rc<Op>, f64)>,
    pub left: Vec<usize>,
}

impl State {
    fn has(&self, v: Var) -> bool {
        self.bound.contains(&v)
    }
    fn bind(&mut self, v: Var, distinct: f64) {
        if !self.has(v) {
            self.bound.push(v);
        }
        self.distinct.insert(v, distinct.min(self.rows).max(1.0));
    }
    fn distinct(&self, v: Var) -> f64 {
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
    op: Rc<Op>,
    pub rows: f64,
    pub cost: f64,
    binds: Vec<(Var, f64)>,
}

/// Estimates and sub-plans of one conjunction that do not change while its order is sought.
pub(super) struct Scratch {
    base: Vec<f64>,
    /// The steps that patterns are.
    ops: Vec<Option<Rc<Op>>>,
    plans: FxHashMap<(usize, Vec<Var>), Option<Planned>>,
    samples: Samples,
    error: Option<Error>,
}

/// A step with plans of its own.
#[derive(Clone)]
struct Planned {
    op: Rc<Op>,
    /// Rows for one row before.
    fanout: f64,
    cost: f64,
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
                    Source::Rows(rows) => rows.len as f64,
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
            self.take(best, &mut state);
            self.immediate(goals, &mut state, scratch)?;
        }
        Ok(state)
    }

    pub(super) fn take(&mut self, c: Candidate, state: &mut State) {
        state.left.retain(|i| *i != c.at);
        state.cost += c.cost + c.rows;
        state.rows = c.rows;
        for (v, d) in c.binds {
            state.bind(v, d);
        }
        self.push(state, c.op);
    }

    fn push(&mut self, state: &mut State, op: Rc<Op>) {
        state.nodes.push((op, state.rows));
    }

    /// Places everything whose inputs are bound and that makes no rows of its own.
    pub(super) fn immediate(&mut self, goals: &[Goal], state: &mut State, scratch: &mut Scratch) -> Result<()> {
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
                Callee::Identity | Callee::Tuple => false,
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
                self.place_binding(state, b);
                Rc::new(Op::Apply(f.clone(), b.clone()))
            }
            Goal::Lookup(l, b) if l.e.var().is_none_or(|v| state.has(v)) => {
                self.place_binding(state, b);
                Rc::new(Op::Lookup(l.clone(), b.clone()))
            }
            Goal::Nested(n, b) if n.inputs().all(|v| state.has(v)) => {
                self.place_binding(state, b);
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
        self.push(state, op);
        Ok(true)
    }

    fn place_binding(&mut self, state: &mut State, b: &Binding) {
        let fresh = b.vars().iter().any(|v| !state.has(*v));
        let multiplies = matches!(b, Binding::Collection(_) | Binding::Relation(_));
        state.rows *= match (fresh, multiplies) {
            (true, true) => 4.0,
            (true, false) => 1.0,
            (false, _) => 0.2,
        };
        for v in b.vars() {
            let d = state.rows;
            state.bind(v, d);
        }
    }

    /// What could come next, with what it would cost.
    pub(super) fn candidates(
        &mut self,
        goals: &[Goal],
        state: &State,
        scratch: &mut Scratch,
    ) -> Result<Vec<Candidate>> {
        let mut out = Vec::new();
        for &at in &state.left {
            match &goals[at] {
                Goal::Scan(s) if scan_ready(s, state) => {
                    out.push(self.scan_candidate(at, s, goals, state, scratch)?);
                }
                Goal::Rows(r) => {
                    let n = scratch.base[at];
                    let mut rows = state.rows * n;
                    let mut binds = Vec::new();
                    for v in r.terms.iter().filter_map(Pos::var) {
                        let d = n.max(1.0).sqrt();
                        if state.has(v) {
                            rows /= state.distinct(v).max(d);
                        }
                        binds.push((v, d));
                    }
                    out.push(Candidate {
                        at,
                        op: Rc::new(Op::Rows(r.clone())),
                        rows,
                        cost: n + state.rows,
                        binds,
                    });
                }
                Goal::Or {
                    required,
                    vars,
                    branches,
                    ..
                } => {
                    if !required.iter().all(|v| state.has(*v)) {
                        continue;
                    }
                    let input: Vec<Var> = vars.iter().filter(|v| state.has(**v)).copied().collect();
                    let key = (at, input.clone());
                    if !scratch.plans.contains_key(&key) {
                        let planned = self.branches(branches, &input, vars, state.rows);
                        let planned = self.note(planned, scratch);
                        scratch.plans.insert(key.clone(), planned);
                    }
                    self.planned(at, vars, scratch.plans.get(&key), state, &mut out);
                }
                Goal::Call(call) => {
                    if !call.args[..call.required].iter().all(|v| state.has(*v)) {
                        continue;
                    }
                    let input: Vec<Var> = call.args.iter().filter(|v| state.has(**v)).copied().collect();
                    let key = (at, input);
                    if !scratch.plans.contains_key(&key) {
                        let bound: Vec<bool> = call.args.iter().map(|v| state.has(*v)).collect();
                        let asked = self.asked(call, &bound, state);
                        let planned = self.pred(call, &asked).map(|pred| {
                            let joined = match self.preds[pred].closure {
                                true => self.preds[pred].bound.clone(),
                                false => bound,
                            };
                            let bound = self.preds[pred].bound.clone();
                            let recursive = self.component == Some(self.preds[pred].component);
                            let fanout = self.preds[pred].rows;
                            Planned {
                                op: Rc::new(Op::Call(RuleStep {
                                    pred,
                                    args: call.args.clone(),
                                    bound,
                                    joined,
                                    recursive,
                                })),
                                fanout,
                                cost: fanout * 2.0,
                            }
                        });
                        let planned = self.note(planned, scratch);
                        scratch.plans.insert(key.clone(), planned);
                    }
                    self.planned(at, &call.args, scratch.plans.get(&key), state, &mut out);
                }
                _ => {}
            }
        }
        Ok(out)
    }

    /// The arguments that a rule is asked about. Recursion from many pairs of values would follow each pair by itself, and what many
    /// values of one argument lead to is mostly found for all pairs at once: then it is asked about the argument with the fewest values,
    /// and what it derives is joined with the pairs.
    fn asked(&self, call: &RuleCall, bound: &[bool], state: &State) -> Vec<bool> {
        let known = bound.iter().filter(|b| **b).count();
        if known < 2 || known <= call.required || state.rows <= MANY_PAIRS || !self.rules.is_recursive(&call.name) {
            return bound.to_vec();
        }
        let few = (call.required..bound.len()).filter(|i| bound[*i]);
        let fewest = few.min_by(|i, j| {
            let values = |i: usize| state.distinct(call.args[i]);
            values(*i).total_cmp(&values(*j))
        });
        let one = |i: usize| i < call.required || call.required == 0 && Some(i) == fewest;
        (0..bound.len()).map(one).collect()
    }

    /// A sub-plan that is not possible yet may be possible later: its error counts only when nothing else is left.
    fn note(&mut self, planned: Result<Planned>, scratch: &mut Scratch) -> Option<Planned> {
        match planned {
            Ok(p) => Some(p),
            Err(e) => {
                let waits = e.code() == Code::InsufficientBinding;
                // A real mistake is reported before one that other orders may mend.
                let replace = scratch
                    .error
                    .as_ref()
                    .is_none_or(|old| old.code() == Code::InsufficientBinding && !waits);
                if replace {
                    scratch.error = Some(e);
                }
                None
            }
        }
    }

    fn planned(
        &self,
        at: usize,
        vars: &[Var],
        planned: Option<&Option<Planned>>,
        state: &State,
        out: &mut Vec<Candidate>,
    ) {
        let Some(Some(p)) = planned else { return };
        let rows = state.rows * p.fanout;
        out.push(Candidate {
            at,
            op: p.op.clone(),
            rows,
            cost: p.cost + state.rows,
            binds: vars.iter().map(|v| (*v, rows)).collect(),
        });
    }

    fn branches(&mut self, branches: &[Vec<Goal>], input: &[Var], vars: &[Var], rows: f64) -> Result<Planned> {
        let rows = if input.is_empty() { 1.0 } else { rows.max(1.0) };
        let mut plans = Vec::new();
        for b in branches {
            plans.push(self.order(b.clone(), input, rows, vars)?);
        }
        Ok(Planned {
            fanout: plans.iter().map(|p| p.rows).sum::<f64>() / rows,
            cost: plans.iter().map(|p| p.cost).sum(),
            op: Rc::new(Op::Or {
                input: input.to_vec(),
                vars: vars.to_vec(),
                branches: plans,
            }),
        })
    }

    fn scan_candidate(
        &mut self,
        at: usize,
        s: &Scan,
        goals: &[Goal],
        state: &State,
        scratch: &mut Scratch,
    ) -> Result<Candidate> {
        let n = scratch.base[at];
        let mut binds = Vec::new();
        let mut rows = state.rows * n;
        let mut probes = f64::INFINITY;
        let mut counted = 1.0;
        let mut constrain = |v: Option<Var>, d: f64, domain: f64, probe: bool| {
            let Some(v) = v else { return };
            if state.has(v) {
                let left = state.distinct(v);
                rows /= left.max(domain.max(1.0));
                if probe {
                    probes = probes.min(left);
                }
                binds.push((v, left.min(d)));
            } else {
                binds.push((v, d));
            }
        };
        let one = s.attr.as_ref().is_some_and(|a| a.is_one());
        let entities = if one || s.v.is_const() { n } else { (n / 2.0).max(1.0) };
        // Of the entities that have the attribute, those with the value are a part.
        let part = match &s.attr {
            Some(attr) if s.e.var().is_some_and(|e| state.has(e)) && (s.v.is_const() || s.bounds.is_some()) => {
                let all = self.facts(s.source, attr)?;
                if one { all } else { all / 2.0 }
            }
            _ => 0.0,
        };
        constrain(s.e.var(), entities, entities.max(part), true);
        if let Some(v) = s.v.var() {
            let d = match &s.attr {
                Some(attr) => self.distinct_values(s.source, attr)?.min(n),
                None => n / 2.0,
            };
            let probe = s.attr.as_ref().is_some_and(|a| a.indexed || a.is_ref()) || s.attr.is_none();
            constrain(Some(v), d, d, probe);
        }
        // Entities that were looked at: what refers to them is counted, whichever of the two comes first.
        if let Some(v) =
            s.v.var()
                .filter(|v| state.has(*v) && scratch.samples.has(*v) && state.distinct(*v) <= FEW)
        {
            counted = self.counted(at, s, v, n, scratch)?;
        }
        if let Some(e) =
            s.e.var()
                .filter(|e| s.v.is_const() && state.has(*e) && scratch.samples.has(*e))
        {
            for (other, goal) in goals.iter().enumerate().filter(|(i, _)| !state.left.contains(i)) {
                if let Goal::Scan(before) = goal
                    && before.v.var() == Some(e)
                {
                    counted *= self.counted(other, before, e, scratch.base[other], scratch)?;
                }
            }
        }
        constrain(s.a.var(), 16.0, 16.0, false);
        constrain(s.tx.var(), n / 2.0, n / 2.0, false);
        constrain(s.op.var(), 2.0, 2.0, false);
        rows *= counted;
        // A probe costs about what reading a few rows costs.
        let cost = (probes * 20.0).min(n / 16.0 + state.rows * 2.0);
        Ok(Candidate {
            at,
            op: scratch.ops[at]
                .get_or_insert_with(|| Rc::new(Op::Scan(s.clone())))
                .clone(),
            rows,
            cost,
            binds,
        })
    }

    /// How many facts an attribute has.
    fn facts(&mut self, source: usize, attr: &crate::schema::Attribute) -> Result<f64> {
        if let Some(n) = self.facts.get(&(source, attr.id)) {
            return Ok(*n);
        }
        let n = match self.sources.db(source) {
            Some(db) => db.db.estimate(Order::Aevt, &Range::a(attr.id))? as f64,
            None => 0.0,
        };
        self.facts.insert((source, attr.id), n);
        Ok(n)
    }

    /// How many times more facts refer to the entities read for `v` than to others.
    fn counted(&mut self, at: usize, s: &Scan, v: Var, n: f64, scratch: &mut Scratch) -> Result<f64> {
        let (Some(attr), Some(fanout)) = (&s.attr, self.fanout(at, s, v, &mut scratch.samples)?) else {
            return Ok(1.0);
        };
        Ok(fanout * self.distinct_values(s.source, attr)?.min(n).max(1.0) / n.max(1.0))
    }

    fn distinct_values(&mut self, source: usize, attr: &crate::schema::Attribute) -> Result<f64> {
        if let Some(d) = self.distinct.get(&(source, attr.id)) {
            return Ok(*d);
        }
        let sources = self.sources;
        let d = match sources.db(source) {
            Some(db) => access::distinct_values(attr, &db.db)?,
            None => 1.0,
        };
        self.distinct.insert((source, attr.id), d);
        Ok(d)
    }

    /// Why nothing more can be placed.
    pub(super) fn stuck(&self, goals: &[Goal], state: &State, scratch: &mut Scratch) -> Error {
        let missing = |vars: Vec<Var>| vars.into_iter().find(|v| !state.has(*v));
        let named = |v: Var| self.vars.name(v).to_string();
        // Mistakes inside a disjunction or rule explain more than the clause that waits for it.
        if let Some(e) = scratch.error.take() {
            return e;
        }
        for &at in &state.left {
            let goal = &goals[at];
            let (what, v) = match goal {
                Goal::Filter(f) => (format!("({} ...)", f.name), missing(f.inputs().collect())),
                Goal::Apply(f, _) => (format!("({} ...)", f.name), missing(f.inputs().collect())),
                Goal::Lookup(l, _) => ("its entity".to_string(), missing(l.e.var().into_iter().collect())),
                Goal::Nested(n, _) => ("(q ...)".to_string(), missing(n.inputs().collect())),
                Goal::Not { vars, .. } => ("not".to_string(), missing(vars.clone())),
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
        .at(place.unwrap_or(crate::error::Span::NONE))
        .hint("name the attribute, bind a variable in another clause, or add :allow-scan true")
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

fn scan_ready(s: &Scan, state: &State) -> bool {
    let known = |v: Option<Var>| v.is_some_and(|v| state.has(v));
    s.allow_scan
        || s.nothing
        || s.e.is_const()
        || s.a.is_const()
        || s.v.is_const()
        || known(s.e.var())
        || known(s.a.var())
        || known(s.v.var())
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
