//! `or`: the union of the branches, each begun with the values bound before, joined with the rows.

use super::super::ast::Var;
use super::super::plan::Pipeline;
use super::super::relation::Relation;
use super::Exec;
use crate::error::Result;

impl Exec<'_> {
    pub fn disjoin(
        &self,
        input: &[Var],
        vars: &[Var],
        branches: &[Pipeline],
        rel: Relation,
        keep: &[Var],
    ) -> Result<Relation> {
        let seed = if input.is_empty() {
            Relation::unit()
        } else {
            rel.project(input).dedup()
        };
        let mut union = Relation::empty(vars);
        for b in branches {
            let rows = self.run(b, seed.clone())?;
            if union.len == 0 {
                union = rows.project(vars);
            } else if rows.len > 0 {
                union.append(&rows);
            }
            self.meter.rows(union.len, 8 * vars.len())?;
        }
        self.join(&rel, &union.dedup(), keep)
    }
}
