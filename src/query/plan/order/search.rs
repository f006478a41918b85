//! The order of clauses: of the beginnings that did the same clauses, the cheapest is carried on. With few clauses all such beginnings
//! are, which is dynamic programming over the sets of clauses; with many, the cheapest few of each length.

use rustc_hash::FxHashSet;

use super::super::Goal;
use super::super::planner::Planner;
use super::state::{Candidate, Scratch, State};
use crate::error::{Error, Result};

/// Up to so many clauses that join, no beginning is given up: ten have a thousand sets, which takes less than a millisecond.
const EXACT_MAX: usize = 10;
/// With more clauses, so many beginnings of each length are carried on.
const BEAM: usize = 6;

impl Planner<'_> {
    /// The cheapest order found.
    pub(super) fn search(&mut self, goals: &[Goal], start: State, scratch: &mut Scratch) -> Result<State> {
        let exact = start.left.len() <= EXACT_MAX;
        // What the cheapest next step leads to each time is soon known; no beginning that is dearer is worth carrying on.
        let greedy = match exact {
            true => self.carry_on(goals, start.clone(), 1, None, scratch).ok(),
            false => None,
        };
        self.carry_on(goals, start, if exact { usize::MAX } else { BEAM }, greedy, scratch)
    }

    /// The best order of those that begin with one of the `width` cheapest beginnings of each length; `best` when none is cheaper.
    fn carry_on(
        &mut self,
        goals: &[Goal],
        start: State,
        width: usize,
        mut best: Option<State>,
        scratch: &mut Scratch,
    ) -> Result<State> {
        let mut beginnings = vec![start];
        let mut failed: Option<Error> = None;
        while !beginnings.is_empty() {
            let mut steps: Vec<(f64, u64, usize, Candidate)> = Vec::new();
            for (i, state) in beginnings.iter().enumerate() {
                let candidates = self.candidates(goals, state, scratch)?;
                if candidates.is_empty() {
                    failed = Some(self.stuck(goals, state, scratch));
                    continue;
                }
                let left = state.left.iter().fold(0u64, |set, at| set | 1 << at);
                for c in candidates {
                    steps.push((state.cost + c.cost + c.rows, left & !(1 << c.at), i, c));
                }
            }
            steps.sort_by(|(x, a, ..), (y, b, ..)| x.total_cmp(y).then(b.cmp(a)));
            let mut next: Vec<State> = Vec::new();
            let mut done: FxHashSet<u64> = FxHashSet::default();
            for (cost, left, i, c) in steps {
                if next.len() == width || best.as_ref().is_some_and(|b| b.cost <= cost) {
                    break;
                }
                if !done.insert(left) {
                    continue;
                }
                let mut state = beginnings[i].clone();
                state.take(c);
                self.immediate(goals, &mut state, scratch)?;
                if !state.left.is_empty() {
                    next.push(state);
                } else if best.as_ref().is_none_or(|b| state.cost < b.cost) {
                    best = Some(state);
                }
            }
            beginnings = next;
        }
        match (best, failed) {
            (Some(best), _) => Ok(best),
            (None, Some(e)) => Err(e),
            (None, None) => unreachable!("a beginning is finished, carried on, or stuck"),
        }
    }
}
