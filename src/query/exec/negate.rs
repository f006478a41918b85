//! `not`: keeps the rows for which the body, begun with their values, gives nothing.

use super::super::ast::Var;
use super::super::keys::{KeyTable, keys};
use super::super::plan::Pipeline;
use super::super::relation::Relation;
use super::Exec;
use crate::error::Result;

impl Exec<'_> {
    pub fn negate(&self, vars: &[Var], body: &Pipeline, rel: Relation) -> Result<Relation> {
        let seed = rel.project(vars).dedup();
        let holds = self.run(body, seed)?;
        if holds.len == 0 {
            return Ok(rel);
        }
        let Some((theirs, mine)) = keys(&holds, &rel, vars) else {
            return Ok(rel);
        };
        let table = KeyTable::new(&theirs, holds.len);
        let keep: Vec<u32> = (0..rel.len as u32)
            .filter(|&i| !table.contains(&mine, i as usize))
            .collect();
        Ok(rel.select(&keep))
    }
}
