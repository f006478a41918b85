//! Plans over rows in columns: one file for each kind of step.
//!
//! A step takes the rows so far and gives the next; rows are sets of columns of words. Nothing here decides about names or
//! constants: that is planned.

mod apply;
pub(crate) mod careful;
mod check;
mod closure;
mod disjoin;
mod filter;
mod lookup;
mod meet;
mod negate;
mod nested;
mod output;
mod probe;
mod reach;
mod rows;
mod rule;
mod scan;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::ast::Var;
use super::budget::{Budget, Meter};
use super::column::Tag;
use super::growing::Growing;
use super::inputs::Bound;
use super::join::join;
use super::plan::rules::Pred;
use super::plan::{Node, Op, Pipeline};
use super::relation::Relation;
use super::source::Sources;
use super::values::Values;
use super::{Passes, Prepared, QueryOptions};
use crate::datom::Word;
use crate::error::{Code, Result};

/// What one run of a query shares.
pub(crate) struct Exec<'a> {
    pub sources: &'a Sources,
    pub values: &'a Values,
    pub prepared: &'a Prepared,
    pub preds: &'a [Pred],
    pub meter: &'a Meter,
    pub budget: &'a Budget,
    /// For the queries inside.
    pub passes: Passes,
    /// What rules have derived so far.
    tables: RefCell<Vec<Option<rule::Table>>>,
    /// The graphs of the rules that are transitive closures.
    graphs: RefCell<Vec<Option<closure::Graph>>>,
    /// Collections by source, the columns they are looked up by, and the constants that their tuples have.
    row_tables: RefCell<RowTables>,
    /// How many values attributes have, by source and attribute.
    distinct: RefCell<FxHashMap<(usize, u32), f64>>,
    /// What is around the step that runs, in a careful run; `None`: a rule, which nothing outside concerns.
    around: RefCell<Vec<Option<Rc<careful::Around>>>>,
    /// What each step did, when that is asked for.
    pub actual: Option<RefCell<Vec<Actual>>>,
}

/// Collections by source, key columns, and constants in columns.
type RowTables = FxHashMap<(usize, Vec<usize>, Vec<(usize, (Tag, Word))>), Rc<Growing>>;

/// What a step did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Actual {
    pub runs: u64,
    pub rows: u64,
    pub time: Duration,
    /// Rows and leaves read, those of the plans inside included.
    pub read: u64,
    pub leaves: u64,
    /// The most bytes its rows took up after a run.
    pub bytes: u64,
}

/// Steps over this many rows are looked at for duplicates when they drop variables.
const DEDUP_FROM: usize = 512;

impl<'a> Exec<'a> {
    /// For one run; with `steps`, what so many steps do is noted.
    pub fn new(
        bound: &'a Bound,
        prepared: &'a Prepared,
        meter: &'a Meter,
        options: &'a QueryOptions,
        steps: Option<usize>,
    ) -> Exec<'a> {
        let preds = &prepared.preds;
        Exec {
            sources: &bound.sources,
            values: &bound.values,
            prepared,
            preds,
            meter,
            budget: &options.budget,
            passes: options.passes,
            tables: RefCell::new(preds.iter().map(|_| None).collect()),
            row_tables: RefCell::default(),
            distinct: RefCell::default(),
            graphs: RefCell::new(preds.iter().map(|_| None).collect()),
            around: RefCell::default(),
            actual: steps.map(|n| RefCell::new(vec![Actual::default(); n])),
        }
    }

    /// The rows of `plan.output` that follow from the rows of `plan.input`. May hold duplicates.
    pub fn run(&self, plan: &Pipeline, input: Relation) -> Result<Relation> {
        let mut rel = self.settled(input);
        for (i, node) in plan.nodes.iter().enumerate() {
            if rel.len == 0 {
                return Ok(Relation::empty(&plan.output));
            }
            rel = self.checked(node, rel, &plan.nodes[i + 1..])?;
        }
        Ok(rel.into_projected(&plan.output))
    }

    pub(super) fn node(&self, node: &Node, rel: Relation, more: bool) -> Result<Relation> {
        let started = self.actual.as_ref().map(|_| self.meter.stats(0));
        let before = rel.len;
        let waiting = rel.bytes();
        self.meter.hold(waiting)?;
        let out = self.step(&node.op, rel, &node.keep);
        self.meter.release(waiting);
        let out = out.and_then(|out| {
            let out = self.settled(out.into_projected(&node.keep));
            self.meter.rows(out.len, 8 * out.cols.len())?;
            self.meter.check()?;
            Ok(out)
        });
        let mut out = out.map_err(|e| match e.code() {
            // The step that used the budget up.
            Code::QueryLimit | Code::QueryTimeout => e.at(node.op.span()),
            _ => e,
        })?;
        // Rows that differ only in what is no longer needed multiply in later joins.
        if more && !out.distinct && out.len > DEDUP_FROM && (out.len > before * 2 || out.repeats()) {
            out = out.dedup();
        }
        if let (Some(actual), Some(started)) = (&self.actual, started) {
            let mut actual = actual.borrow_mut();
            let slot = &mut actual[node.id];
            slot.runs += 1;
            slot.rows += out.len as u64;
            let now = self.meter.stats(0);
            slot.time += now.elapsed - started.elapsed;
            slot.read += now.rows_read - started.rows_read;
            slot.leaves += now.leaves_read - started.leaves_read;
            slot.bytes = slot.bytes.max(out.bytes() as u64);
        }
        Ok(out)
    }

    /// The rows with numbers as entities in the variables that a clause uses as entities: then it does not matter which clause
    /// came first.
    pub(super) fn settled(&self, mut rel: Relation) -> Relation {
        for (v, col) in rel.vars.iter().zip(&mut rel.cols) {
            if col.one_type() != Some(Tag::REF)
                && self.prepared.entities.contains(v)
                && let Some(entities) = col.with_entities()
            {
                *col = Arc::new(entities);
                if rel.sorted == Some(*v) {
                    rel.sorted = None;
                }
            }
        }
        rel
    }

    fn join(&self, l: &Relation, r: &Relation, keep: &[Var]) -> Result<Relation> {
        join(l, r, keep, self.meter)
    }

    fn step(&self, op: &Op, rel: Relation, keep: &[Var]) -> Result<Relation> {
        match op {
            Op::Scan(s) => self.scan(s, rel, keep),
            Op::Rows(r) => self.rows(r, rel, keep),
            Op::Equal(a, b) => Ok(rel.equal(*a, *b)),
            Op::Const(v, tag, w) => {
                let words = vec![*w; rel.len];
                Ok(rel.with(*v, super::column::Column::of(*tag, words)))
            }
            Op::Filter(f) => self.filter(f, rel),
            Op::Apply(f, b) => self.apply(f, b, rel, keep),
            Op::Lookup(l, b) => self.lookup(l, b, rel, keep),
            Op::Nested(n, b) => self.nested(n, b, rel, keep),
            Op::Not(vars, plan) => self.negate(vars, plan, rel),
            Op::Or { input, vars, branches } => self.disjoin(input, vars, branches, rel, keep),
            Op::Call(call) if self.preds[call.pred].closure => self.call_closure(call, rel, keep),
            Op::Call(call) => self.call(call, rel, keep),
        }
    }
}
