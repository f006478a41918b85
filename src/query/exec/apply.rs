//! Function clauses: the results are taken apart by the binding form, and agree with what is bound already.

use super::super::ast::{Binding, Var};
use super::super::bind::Binder;
use super::super::join::agree;
use super::super::plan::Apply;
use super::super::relation::Relation;
use super::Exec;
use super::filter::arguments;
use crate::error::Result;

impl Exec<'_> {
    pub fn apply(&self, f: &Apply, binding: &Binding, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let mut args = arguments(f);
        let mut binder = Binder::new(binding, self.values, self.meter, false);
        if f.inputs().next().is_none() {
            // The same for every row: made once and joined.
            binder.add(&self.invoke(f, &args)?)?;
            let made = Relation::new(binder.vars, binder.cols, binder.len);
            return self.join(&rel, &made, keep);
        }
        let mut rows = Vec::with_capacity(rel.len);
        for i in 0..rel.len {
            self.meter.tick()?;
            self.fill(f, &rel, i, &mut args)?;
            for _ in 0..binder.add(&self.invoke(f, &args)?)? {
                rows.push(i as u32);
            }
        }
        Ok(self.unify(&rel, &rows, binder, keep))
    }

    /// Row `rows[k]` of `rel` beside row `k` of what was made, where variables that both have agree.
    pub(super) fn unify(&self, rel: &Relation, rows: &[u32], made: Binder<'_>, keep: &[Var]) -> Relation {
        let made = Relation::new(made.vars, made.cols, made.len);
        let shared: Vec<Var> = made.vars.iter().filter(|v| rel.at(**v).is_some()).copied().collect();
        agree(rel, rows, made, &shared, keep, rel.sorted)
    }
}
