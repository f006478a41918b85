//! Functions that fail: which failures count.
//!
//! A function that fails on a row ends the query only when all other clauses hold for that row, as far as they can be decided
//! without its result; otherwise the row is dropped, as `false` drops it. So a clause guards a function wherever it stands in the
//! text, and whether a query fails does not depend on the order in which its clauses run.
//!
//! The other clauses of a function in a branch of an `or` are those of the branch and those around the `or`: a row of the branch on
//! which the function fails is joined with the rows outside, and counts when the rest outside leaves any of them. The body of a
//! rule is apart: what it derives serves all callers.
//!
//! Most queries never see a failure and pay nothing: after the first one, the query is planned again with the functions that can
//! fail behind all else, and run once more, slowly where rows fail. A run without a failure needs no second look, since
//! what failed on a row that all clauses admit would have failed in every order.

use std::rc::Rc;

use super::super::ast::Var;
use super::super::join::join;
use super::super::plan::{Node, Op, Scan};
use super::super::relation::Relation;
use super::Exec;
use crate::error::{Error, ErrorKind, Result};

/// Whether this is the failure of a function on a row, not the end of a budget or trouble with the store.
pub(crate) fn is_failure(e: &Error) -> bool {
    matches!(
        e.kind(),
        ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::NotFound | ErrorKind::Unsupported
    )
}

/// What surrounds the branches of an `or` while they run: the rows before it, and the steps after it.
pub(super) struct Around {
    rows: Relation,
    rest: Vec<Node>,
}

impl Exec<'_> {
    /// A step and what is to come after it. In a careful run, the rows on which a function fails are found by halving, and
    /// dropped when the rest excludes them.
    pub(super) fn checked(&self, node: &Node, rel: Relation, rest: &[Node]) -> Result<Relation> {
        if !self.prepared.careful {
            return self.node(node, rel, !rest.is_empty());
        }
        let held = self.meter.held();
        let mut out: Option<Relation> = None;
        let mut todo = vec![rel];
        while let Some(part) = todo.pop() {
            match self.surrounded(node, part.clone(), rest) {
                Ok(rows) => match &mut out {
                    Some(out) if rows.len > 0 && out.len > 0 => out.append(&rows),
                    Some(out) if rows.len == 0 && out.len > 0 => {}
                    _ => out = Some(rows),
                },
                Err(e) if !is_failure(&e) => return Err(e),
                Err(e) if part.len <= 1 => {
                    self.meter.back_to(held);
                    if self.counts(rest, part)? {
                        return Err(e);
                    }
                }
                Err(_) => {
                    self.meter.back_to(held);
                    let half = part.len as u32 / 2;
                    let (first, second): (Vec<u32>, Vec<u32>) = (0..part.len as u32).partition(|&i| i < half);
                    todo.push(part.gather(&second, true));
                    todo.push(part.gather(&first, true));
                }
            }
        }
        Ok(out.unwrap_or_else(|| Relation::empty(&node.keep)))
    }

    /// The step, with what is around it known to its branches.
    fn surrounded(&self, node: &Node, rows: Relation, rest: &[Node]) -> Result<Relation> {
        let around = match &node.op {
            Op::Or { .. } => Some(Rc::new(Around {
                rows: rows.clone(),
                rest: rest.to_vec(),
            })),
            Op::Call(_) => None,
            _ => return self.node(node, rows, !rest.is_empty()),
        };
        self.around.borrow_mut().push(around);
        let out = self.node(node, rows, !rest.is_empty());
        self.around.borrow_mut().pop();
        out
    }

    /// Whether the rows count: the rest leaves some of them, here and around.
    fn counts(&self, rest: &[Node], rows: Relation) -> Result<bool> {
        let left = self.left(rest, rows)?;
        let Some(Some(around)) = self.around.borrow().last().cloned() else {
            return Ok(left.len > 0);
        };
        if left.len == 0 {
            return Ok(false);
        }
        let mut vars = around.rows.vars.clone();
        vars.extend(left.vars.iter().filter(|v| around.rows.at(**v).is_none()));
        let both = join(&around.rows, &left, &vars, self.meter)?;
        // What is around is not inside any more.
        let inner = self.around.borrow_mut().pop();
        let counts = match both.len {
            0 => Ok(false),
            _ => self.counts(&around.rest, both),
        };
        self.around.borrow_mut().extend(inner);
        counts
    }

    /// What all steps that can be taken without what is missing leave of the rows.
    fn left(&self, steps: &[Node], rows: Relation) -> Result<Relation> {
        let mut rel = rows;
        for (i, node) in steps.iter().enumerate() {
            if can_run(&node.op, &rel) {
                rel = self.checked(node, rel, &steps[i + 1..])?;
            }
            if rel.len == 0 {
                break;
            }
        }
        Ok(rel)
    }
}

fn can_run(op: &Op, rel: &Relation) -> bool {
    let bound = |v: Var| rel.at(v).is_some();
    match op {
        Op::Scan(s) => {
            let known = |v: Option<Var>| v.is_some_and(bound);
            let Scan { e, a, v, .. } = s;
            let anchored = e.is_const() || a.is_const() || v.is_const();
            anchored || s.nothing || s.allow_scan || known(e.var()) || known(a.var()) || known(v.var())
        }
        Op::Rows(_) | Op::Const(..) => true,
        Op::Equal(a, b) => bound(*a) || bound(*b),
        Op::Filter(f) => f.inputs().all(bound),
        Op::Apply(f, _) => f.inputs().all(bound),
        Op::Lookup(l, _) => l.e.var().is_none_or(bound),
        Op::Nested(n, _) => n.inputs().all(bound),
        Op::Not(vars, _) => vars.iter().copied().all(bound),
        Op::Or { input, .. } => input.iter().copied().all(bound),
        // A rule that is on its way has no answer yet.
        Op::Call(call) => {
            !call.recursive
                && call
                    .args
                    .iter()
                    .zip(&call.joined)
                    .all(|(v, needed)| !needed || bound(*v))
        }
    }
}
