//! What a few known entities lead to, counted instead of averaged: of a keyword's movies there may be three or thirty thousand.

use rustc_hash::FxHashMap;

use super::super::planner::Planner;
use super::super::{Goal, Pos, Scan, access};
use crate::error::Result;
use crate::index::{Order, Probe, Range};
use crate::query::ast::Var;

/// A pattern with so few facts is read while planning.
pub(super) const FEW: f64 = 4.0;

/// The entities that patterns with few facts leave for a variable, and what was counted of them.
#[derive(Default)]
pub(super) struct Samples {
    entities: FxHashMap<Var, Vec<u64>>,
    fanouts: FxHashMap<usize, f64>,
}

impl Samples {
    pub fn has(&self, v: Var) -> bool {
        self.entities.contains_key(&v)
    }
}

impl Planner<'_> {
    /// Reads the patterns that have a constant value and few facts; `rows` are the estimates.
    pub(super) fn samples(&self, goals: &[Goal], rows: &[f64]) -> Result<Samples> {
        let mut samples = Samples::default();
        for (goal, n) in goals.iter().zip(rows) {
            let Goal::Scan(s) = goal else { continue };
            let (Pos::Var(e), Pos::Is(_), Pos::Is(_)) = (&s.e, &s.a, &s.v) else {
                continue;
            };
            let Some(source) = self.sources.db(s.source).filter(|_| *n <= FEW && !s.nothing) else {
                continue;
            };
            let mut found = Vec::new();
            for access in access::accesses(s, &source.db)?.iter().filter(|a| !a.check_value) {
                for batch in source.db.scan(access.order, &access.range) {
                    found.extend_from_slice(batch?.e());
                }
            }
            // None may be there at the view's moment: then the averages are as good as anything.
            if !found.is_empty() && found.len() <= FEW as usize && !samples.has(*e) {
                samples.entities.insert(*e, found);
            }
        }
        Ok(samples)
    }

    /// How many facts of pattern `at` refer to one of the entities read for `v`, on average.
    pub(super) fn fanout(&self, at: usize, s: &Scan, v: Var, samples: &mut Samples) -> Result<Option<f64>> {
        if let Some(known) = samples.fanouts.get(&at) {
            return Ok(Some(*known));
        }
        let (Some(entities), Some(attr), Some(source)) = (samples.entities.get(&v), &s.attr, self.sources.db(s.source))
        else {
            return Ok(None);
        };
        if !attr.is_ref() || !attr.indexed {
            return Ok(None);
        }
        let mut all = 0;
        for e in entities {
            all += source
                .db
                .estimate(Order::Avet, &Range::av(attr.id, Probe::inline(*e)))?;
        }
        let fanout = all as f64 / entities.len() as f64;
        samples.fanouts.insert(at, fanout);
        Ok(Some(fanout))
    }
}
