//! Answers, reports, plans and errors as text.

use super::{Labels, WIDTH};
use crate::datom::EntityId;
use crate::db::Db;
use crate::edn::{self, Edn};
use crate::error::{Error, Result};
use crate::query::{Answer, Input, IntoQuery, Shape};
use crate::schema::bootstrap;
use crate::tx::Report;

impl Labels {
    /// A form, over several lines where it is long; its entity ids as labels ([`Labels::relabel`]). Ends without a line end.
    pub fn edn(&mut self, db: &Db, form: &Edn) -> String {
        edn::pretty(&self.relabel(db, form), WIDTH)
    }

    /// The answer of a query: a relation as columns with a line a row, in the order of the answer; other shapes as EDN.
    pub fn answer(&mut self, db: &Db, answer: &Answer) -> Result<String> {
        if answer.shape() != Shape::Relation {
            return Ok(self.edn(db, &answer.to_edn()?) + "\n");
        }
        let mut rows = vec![answer.columns()];
        for row in answer.rows() {
            rows.push(row?.iter().map(|cell| self.relabel(db, cell).to_string()).collect());
        }
        Ok(columns(&rows))
    }

    /// What a transaction did: its moment, a line a fact, then what the tempids became.
    pub fn report(&mut self, report: &Report) -> Result<String> {
        let db = &report.db_after;
        let mut out = format!("t {}  {}\n", report.t, report.instant);
        for datom in report.tx_data()? {
            // Its instant stands above already.
            if datom.e == report.tx().entity() && datom.a == EntityId(u64::from(bootstrap::TX_INSTANT)) {
                continue;
            }
            let sign = if datom.added { '+' } else { '-' };
            let (e, a) = (self.entity(db, datom.e), self.entity(db, datom.a));
            out += &format!("{sign} {e} {a} {}\n", self.value(db, &datom.v));
        }
        for (name, e) in &report.tempids {
            out += &format!("{name:?} is {}\n", self.entity(db, *e));
        }
        for warning in &report.warnings {
            out += &format!("warning: {}\n", self.text(db, warning));
        }
        Ok(out)
    }

    /// The plan of a query as text, without running it.
    pub fn plan(&mut self, db: &Db, query: impl IntoQuery, inputs: &[Input]) -> Result<String> {
        let inputs = match inputs {
            [] => &[Input::from(db.clone())],
            inputs => inputs,
        };
        Ok(self.text(db, &crate::query::explain(query, inputs)?))
    }

    /// An error as people see it: message, place with the line, hint.
    pub fn error(&mut self, db: &Db, error: &Error) -> String {
        let text = self.text(db, &error.to_string());
        text.trim_end().to_string() + "\n"
    }
}

/// Rows under each other; the first is the heading.
fn columns(rows: &[Vec<String>]) -> String {
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |cells: Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    let mut out = line(rows[0].clone());
    out += &line(widths.iter().map(|w| "-".repeat(*w)).collect());
    out.extend(rows[1..].iter().map(|row| line(row.clone())));
    out
}
