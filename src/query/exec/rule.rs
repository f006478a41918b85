//! Recursive rules, bottom-up and semi-naive, from the bound arguments on.
//!
//! A [`Pred`](super::super::plan::rules::Pred) is a rule on a source with some arguments bound. It keeps what it was asked
//! (the demand: rows of bound arguments), what it derived, and, for every recursive call in its bodies, the rows that
//! reached that call. New demand runs the bodies from the start; new derived rows go on from the calls that waited for
//! them. Each pair of a waiting row and a derived row meets once, when the later of the two appears, so the work ends when
//! nothing is new: cycles in the data end it, too. All loops are here, none on the native stack.

use super::super::ast::Var;
use super::super::growing::Growing;
use super::super::join::{gathered, pair_bytes};
use super::super::plan::RuleStep;
use super::super::plan::rules::Pred;
use super::super::plan::{Node, Op};
use super::super::relation::Relation;
use super::Exec;
use crate::error::{Code, Error, Result};

/// What one rule under one adornment knows so far.
pub(crate) struct Table {
    /// Rows of the bound arguments it was asked about.
    demand: Growing,
    /// Rows of all arguments, found by the bound ones.
    results: Growing,
    /// The rows waiting at each recursive call: by body and step.
    waiting: Vec<Vec<Option<Growing>>>,
}

/// Rows that are still to be worked on.
#[derive(Default)]
struct Pending {
    demand: Option<Relation>,
    results: Option<Relation>,
}

impl Exec<'_> {
    /// Joins the rows with what a rule derives from their values.
    pub fn call(&self, call: &RuleStep, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let pred = &self.preds[call.pred];
        let asked = asked(call, pred, &rel);
        let table = self.tables.borrow_mut()[call.pred].take();
        let mut table = table.unwrap_or_else(|| Table::new(pred));
        let fresh = table.demand.add(&asked, &pred.bound_vars());
        self.tables.borrow_mut()[call.pred] = Some(table);
        if fresh.len > 0 {
            self.fixpoint(call.pred, fresh)?;
        }
        let mut tables = self.tables.borrow_mut();
        let table = tables[call.pred].as_mut().expect("it was put there above");
        self.join_results(call, &mut table.results, &rel, keep)
    }

    fn join_results(&self, call: &RuleStep, results: &mut Growing, rel: &Relation, keep: &[Var]) -> Result<Relation> {
        let (joined, places) = joined_args(call);
        if joined.is_empty() {
            let mut all = results.rows.clone();
            all.vars = call.args.clone();
            all.distinct = true;
            return self.join(rel, &all, keep);
        }
        let (mut li, mut ri, mut seen) = (Vec::new(), Vec::new(), 0);
        let width = pair_bytes(keep.len());
        results.index_by(&places);
        results.matches(&places, rel, &joined, |i, j| {
            li.push(i);
            ri.push(j);
            self.meter.grown(li.len(), &mut seen, width)
        })?;
        self.meter.rows(li.len(), width)?;
        let mut right = results.rows.clone();
        right.vars = call.args.clone();
        Ok(gathered(rel, &right, &li, &ri, keep, rel.sorted))
    }

    /// Works until the rule, and all rules it recurses with, derive nothing new.
    fn fixpoint(&self, root: usize, fresh: Relation) -> Result<()> {
        let component = self.preds[root].component;
        let members: Vec<usize> = (0..self.preds.len())
            .filter(|&p| self.preds[p].component == component)
            .collect();
        // The tables are taken out while they are worked on: rules of other components may be called meanwhile.
        let mut tables: Vec<Option<Table>> = (0..self.preds.len()).map(|_| None).collect();
        for &p in &members {
            let table = self.tables.borrow_mut()[p].take();
            tables[p] = Some(table.unwrap_or_else(|| Table::new(&self.preds[p])));
        }
        let mut pending: Vec<Pending> = (0..self.preds.len()).map(|_| Pending::default()).collect();
        pending[root].demand = Some(fresh);
        let outcome = self.rounds(&members, &mut tables, &mut pending);
        for &p in &members {
            // After an error half-derived tables would be wrong; the query is over then.
            self.tables.borrow_mut()[p] = tables[p].take().filter(|_| outcome.is_ok());
        }
        outcome
    }

    fn rounds(&self, members: &[usize], tables: &mut [Option<Table>], pending: &mut [Pending]) -> Result<()> {
        loop {
            let mut idle = true;
            for &p in members {
                if let Some(derived) = pending[p].results.take() {
                    idle = false;
                    self.resume(p, &derived, members, tables, pending)?;
                }
            }
            for &p in members {
                let Some(demand) = pending[p].demand.take() else {
                    continue;
                };
                idle = false;
                for (b, body) in self.preds[p].bodies.iter().enumerate() {
                    let mut input = demand.clone();
                    input.vars = body.plan.input.clone();
                    self.go_on(p, b, 0, input, tables, pending)?;
                }
            }
            if idle {
                return Ok(());
            }
            self.meter.check()?;
        }
    }

    /// New rows of `p` meet the rows that wait for them.
    fn resume(
        &self,
        p: usize,
        derived: &Relation,
        members: &[usize],
        tables: &mut [Option<Table>],
        pending: &mut [Pending],
    ) -> Result<()> {
        for &q in members {
            for (b, body) in self.preds[q].bodies.iter().enumerate() {
                for (i, node) in body.plan.nodes.iter().enumerate() {
                    let Op::Call(call) = &node.op else { continue };
                    if !call.recursive || call.pred != p {
                        continue;
                    }
                    let table = tables[q].as_ref().expect("members have tables");
                    let Some(waiting) = &table.waiting[b][i] else { continue };
                    let mut right = derived.clone();
                    right.vars = call.args.clone();
                    let (joined, _) = joined_args(call);
                    let places: Vec<usize> = joined.iter().filter_map(|v| waiting.rows.at(*v)).collect();
                    let (mut li, mut ri, mut seen) = (Vec::new(), Vec::new(), 0);
                    let width = pair_bytes(node.keep.len());
                    waiting.matches(&places, &right, &joined, |d, w| {
                        li.push(w);
                        ri.push(d);
                        self.meter.grown(li.len(), &mut seen, width)
                    })?;
                    self.meter.rows(li.len(), width)?;
                    if li.is_empty() {
                        continue;
                    }
                    let next = gathered(&waiting.rows, &right, &li, &ri, &node.keep, None);
                    self.go_on(q, b, i + 1, next, tables, pending)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a body from a step on; rows that reach a recursive call wait there and go on with what is known already.
    fn go_on(
        &self,
        p: usize,
        b: usize,
        from: usize,
        rows: Relation,
        tables: &mut [Option<Table>],
        pending: &mut [Pending],
    ) -> Result<()> {
        let body = &self.preds[p].bodies[b];
        let nodes: &[Node] = &body.plan.nodes;
        let mut rel = self.settled(rows);
        for (i, node) in nodes.iter().enumerate().skip(from) {
            if rel.len == 0 {
                return Ok(());
            }
            let Op::Call(call) = &node.op else {
                rel = self.checked(node, rel, &nodes[i + 1..])?;
                continue;
            };
            if !call.recursive {
                rel = self.checked(node, rel, &nodes[i + 1..])?;
                continue;
            }
            let callee = &self.preds[call.pred];
            let table = tables[p].as_mut().expect("members have tables");
            let (joined, _) = joined_args(call);
            let waiting = table.waiting[b][i].get_or_insert_with(|| {
                let mut waiting = Growing::new(&rel.vars);
                let places: Vec<usize> = joined.iter().filter_map(|v| rel.at(*v)).collect();
                waiting.index_by(&places);
                waiting
            });
            let vars = waiting.rows.vars.clone();
            let fresh = waiting.add(&rel, &vars);
            self.meter.rows(waiting.rows.len, 0)?;
            self.meter.hold(fresh.len * Growing::row_bytes(vars.len()))?;
            if fresh.len == 0 {
                return Ok(());
            }
            let asked = asked(call, callee, &fresh);
            let other = tables[call.pred].as_mut().expect("members have tables");
            let new_demand = other.demand.add(&asked, &callee.bound_vars());
            self.meter
                .hold(new_demand.len * Growing::row_bytes(callee.bound.len()))?;
            if new_demand.len > 0 {
                merge(&mut pending[call.pred].demand, new_demand);
            }
            rel = self.settled(self.join_results(call, &mut other.results, &fresh, &node.keep)?);
        }
        let mut derived = rel.project(&body.args);
        if derived.vars.len() == body.args.len() {
            derived.vars = self.preds[p].vars.clone();
        }
        let table = tables[p].as_mut().expect("members have tables");
        let new = table.results.add(&derived, &self.preds[p].vars);
        self.meter.hold(new.len * Growing::row_bytes(new.vars.len()))?;
        if table.results.rows.len > self.budget.rows_max {
            return Err(Error::new(
                Code::QueryLimit,
                format!(
                    "the rule {} derived more than {} facts",
                    self.preds[p].name, self.budget.rows_max
                ),
            )
            .hint("a rule that computes new values may never end; bound them with a comparison"));
        }
        if new.len > 0 {
            merge(&mut pending[p].results, new);
        }
        Ok(())
    }
}

fn merge(into: &mut Option<Relation>, more: Relation) {
    match into {
        Some(rows) => rows.append(&more),
        None => *into = Some(more),
    }
}

/// The arguments that the rows have, on which they are joined with what was derived; and which of all arguments these are.
fn joined_args(call: &RuleStep) -> (Vec<Var>, Vec<usize>) {
    let all = call.args.iter().zip(&call.joined).enumerate();
    all.filter(|(_, (_, joined))| **joined)
        .map(|(place, (v, _))| (*v, place))
        .unzip()
}

impl Pred {
    /// The variables of the bound arguments.
    pub fn bound_vars(&self) -> Vec<Var> {
        self.vars
            .iter()
            .zip(&self.bound)
            .filter(|(_, b)| **b)
            .map(|(v, _)| *v)
            .collect()
    }
}

impl Table {
    fn new(pred: &Pred) -> Table {
        let bound = pred.bound_vars();
        Table {
            demand: Growing::new(&bound),
            results: Growing::new(&pred.vars),
            waiting: pred
                .bodies
                .iter()
                .map(|b| b.plan.nodes.iter().map(|_| None).collect())
                .collect(),
        }
    }
}

/// The bound arguments of the rows, under the rule's own names.
fn asked(call: &RuleStep, pred: &Pred, rel: &Relation) -> Relation {
    let (mut args, mut own) = (Vec::new(), Vec::new());
    for ((arg, bound), v) in call.args.iter().zip(&call.bound).zip(&pred.vars) {
        if *bound {
            args.push(*arg);
            own.push(*v);
        }
    }
    let mut out = rel.project(&args);
    if args.is_empty() {
        out.len = out.len.min(1);
    }
    out.vars = own;
    out
}
