//! Patterns over collections of tuples.

use std::rc::Rc;

use super::super::ast::Var;
use super::super::growing::Growing;
use super::super::join::{gathered, pair_bytes};
use super::super::plan::{Pos, RowScan, fits};
use super::super::relation::Relation;
use super::super::source::Source;
use super::Exec;
use crate::error::Result;

impl Exec<'_> {
    /// Joins the rows with those of a collection.
    pub fn rows(&self, r: &RowScan, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let Some((_, Source::Rows(rows))) = self.sources.list.get(r.source) else {
            return Ok(Relation::empty(keep));
        };
        if rows.len == 0 {
            let vars: Vec<Var> = rel
                .vars
                .iter()
                .copied()
                .chain(r.terms.iter().filter_map(Pos::var))
                .collect();
            return Ok(Relation::empty(&vars));
        }
        let (mut shared, mut at) = (Vec::new(), Vec::new());
        for (i, v) in r.terms.iter().enumerate().filter_map(|(i, t)| Some((i, t.var()?))) {
            if rel.at(v).is_some() {
                shared.push(v);
                at.push(i);
            }
        }
        // Kept for the whole query, each by the columns it is found by and the constants in the others: recursions ask again and again.
        let key = (r.source, at.clone(), r.constants());
        let table = self.row_tables.borrow().get(&key).cloned();
        let table = match table {
            Some(table) => table,
            None => {
                let names: Vec<Var> = (0..rows.cols.len() as u32).map(Var).collect();
                let mut table = Growing::new(&names);
                table.index_by(&at);
                let (cols, len) = match key.2.is_empty() {
                    true => (rows.cols.clone(), rows.len),
                    false => {
                        let fit = |j: &u32| fits(&rows.cols, &key.2, *j as usize);
                        let fit: Vec<u32> = (0..rows.len as u32).filter(fit).collect();
                        (rows.cols.iter().map(|c| c.gather(&fit)).collect(), fit.len())
                    }
                };
                table.add(&Relation::new(names.clone(), cols, len), &names);
                let table = Rc::new(table);
                self.row_tables.borrow_mut().insert(key, table.clone());
                table
            }
        };
        let (mut li, mut ri, mut seen) = (Vec::new(), Vec::new(), 0);
        let width = pair_bytes(keep.len());
        table.matches(&at, &rel, &shared, |i, j| {
            li.push(i);
            ri.push(j);
            self.meter.grown(li.len(), &mut seen, width)
        })?;
        self.meter.rows(li.len(), width)?;
        let (mut vars, mut cols) = (Vec::new(), Vec::new());
        for (t, col) in r.terms.iter().zip(&table.rows.cols) {
            if let Some(v) = t.var() {
                vars.push(v);
                cols.push(col.clone());
            }
        }
        let right = Relation {
            vars,
            cols,
            len: table.rows.len,
            sorted: None,
            // Positions that are left out may be all that rows differ in.
            distinct: false,
        };
        Ok(gathered(&rel, &right, &li, &ri, keep, rel.sorted))
    }
}
