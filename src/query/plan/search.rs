//! The order of clauses: the few cheapest beginnings of each length are carried on, and of those that did the same clauses, the
//! cheapest. With as many beginnings as there are sets of clauses this would be dynamic programming; a few find the same.

use super::Goal;
use super::lower::Planner;
use super::order::{Candidate, Scratch, State};
use crate::error::{Error, Result};

/// So many beginnings are carried on.
const BEAM: usize = 6;

impl Planner<'_> {
    /// The cheapest order found.
    pub(super) fn search(&mut self, goals: &[Goal], start: State, scratch: &mut Scratch) -> Result<State> {
        let mut beam = vec![start];
        let mut best: Option<State> = None;
        let mut failed: Option<Error> = None;
        while !beam.is_empty() {
            let mut steps: Vec<(f64, u64, usize, Candidate)> = Vec::new();
            for (i, state) in beam.iter().enumerate() {
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
            let mut done: Vec<u64> = Vec::new();
            for (cost, left, i, c) in steps {
                if next.len() == BEAM || best.as_ref().is_some_and(|b| b.cost <= cost) {
                    break;
                }
                if done.contains(&left) {
                    continue;
                }
                done.push(left);
                let mut state = beam[i].clone();
                self.take(c, &mut state);
                self.immediate(goals, &mut state, scratch)?;
                if !state.left.is_empty() {
                    next.push(state);
                } else if best.as_ref().is_none_or(|b| state.cost < b.cost) {
                    best = Some(state);
                }
            }
            beam = next;
        }
        match (best, failed) {
            (Some(best), _) => Ok(best),
            (None, Some(e)) => Err(e),
            (None, None) => unreachable!("a beginning is finished, carried on, or stuck"),
        }
    }
}
