//! `(q [...] ...)`: a query inside a query, run once for each combination of its inputs.

use super::super::ast::{Binding, Var};
use super::super::bind::Binder;
use super::super::functions::shallow;
use super::super::plan::{Nested, NestedArg, Operand};
use super::super::relation::Relation;
use super::super::source::{RowSource, Source};
use super::super::{Input, QueryOptions};
use super::Exec;
use crate::datom::Val;
use crate::error::Result;

impl Exec<'_> {
    pub fn nested(&self, n: &Nested, binding: &Binding, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let inputs: Vec<Var> = n.inputs().collect();
        let distinct = rel.project(&inputs).dedup();
        let mut binder = Binder::new(binding, self.values, self.meter, false);
        let mut rows = Vec::new();
        for i in 0..distinct.len {
            self.meter.check()?;
            let mut args = Vec::new();
            for arg in &n.args {
                args.push(match arg {
                    NestedArg::Form(form) => Input::Edn(form.clone()),
                    NestedArg::Source(s) => match &self.sources.list[*s].1 {
                        Source::Db(db) => Input::Db(db.db.clone()),
                        Source::Rows(rows) => Input::Val(self.rows_as_val(rows)?),
                    },
                    NestedArg::Value(Operand::Const(v)) => Input::Val(v.clone()),
                    NestedArg::Value(Operand::Var(v)) => {
                        let (tag, w) = distinct.col(*v).expect("the plan binds inputs").get(i);
                        Input::Val(self.values.val(tag, w)?)
                    }
                });
            }
            let options = QueryOptions {
                budget: self.meter.rest(),
                passes: self.passes,
                after: None,
            };
            let answer = n.query.run_with(&args, &options).map_err(|e| e.at(n.span))?;
            self.meter.inner(answer.stats());
            let result = shallow("q", answer.to_val()?).map_err(|e| e.at(n.span))?;
            for _ in 0..binder.add(&result)? {
                rows.push(i as u32);
            }
        }
        if inputs.is_empty() {
            let made = Relation::new(binder.vars, binder.cols, binder.len);
            return self.join(&rel, &made, keep);
        }
        let every: Vec<Var> = inputs.iter().chain(&binder.vars).copied().collect();
        let made = self.unify(&distinct, &rows, binder, &every);
        self.join(&rel, &made, keep)
    }

    fn rows_as_val(&self, rows: &RowSource) -> Result<Val> {
        let row = |i: usize| {
            let cells = rows.cols.iter().map(|c| {
                let (tag, w) = c.get(i);
                self.values.val(tag, w)
            });
            Ok(Val::vector(cells.collect::<Result<Vec<_>>>()?))
        };
        Ok(Val::vector((0..rows.len).map(row).collect::<Result<Vec<_>>>()?))
    }
}
