//! What could come next in a conjunction, what it would cost, and how many rows it would leave.

use std::rc::Rc;

use super::super::planner::Planner;
use super::super::{Goal, Op, Pos, RuleCall, RuleStep, Scan, access};
use super::sample::FEW;
use super::state::{Candidate, Planned, Scratch, State};
use crate::error::Result;
use crate::index::{Order, Range};
use crate::query::ast::Var;
use crate::schema::Attribute;

/// Recursive rules are asked about so many rows by all arguments that are known, about more by one of them.
const MANY_PAIRS: f64 = 256.0;

/// A disjunction has so many plans, for inputs that the order of the clauses leaves it; half as many in a disjunction, and so on.
const PLANS_MAX: usize = 32;
/// It has so many however deep it lies: all that three variables can need.
const PLANS_MIN: usize = 8;

impl Planner<'_> {
    /// What could come next, with what it would cost.
    pub(super) fn candidates(
        &mut self,
        goals: &[Goal],
        state: &State,
        scratch: &mut Scratch,
    ) -> Result<Vec<Candidate>> {
        self.meter.check()?;
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
                    let mut key = (at, input);
                    // Each level of disjunctions multiplies the plans of those inside.
                    if key.1.len() < vars.len() && !scratch.plans.contains_key(&key) {
                        let most = (PLANS_MAX >> self.branching.min(PLANS_MAX)).max(PLANS_MIN);
                        key = scratch.planned_enough(at, &key.1, most).unwrap_or(key);
                    }
                    if !scratch.plans.contains_key(&key) {
                        self.branching += 1;
                        let planned = self.branches(branches, &key.1, vars, state.rows);
                        self.branching -= 1;
                        let planned = scratch.note(planned)?;
                        scratch.plans.insert(key.clone(), planned);
                    }
                    if let Some(Some(p)) = scratch.plans.get(&key) {
                        out.push(p.candidate(at, vars, state.rows));
                    }
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
                                    span: call.span,
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
                        let planned = scratch.note(planned)?;
                        scratch.plans.insert(key.clone(), planned);
                    }
                    if let Some(Some(p)) = scratch.plans.get(&key) {
                        out.push(p.candidate(at, &call.args, state.rows));
                    }
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
    fn facts(&mut self, source: usize, attr: &Attribute) -> Result<f64> {
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

    fn distinct_values(&mut self, source: usize, attr: &Attribute) -> Result<f64> {
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
