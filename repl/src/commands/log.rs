//! `asof log`: transactions, readable.

use std::io::Write;

use asof::datom::T;
use asof::db::{Db, TimePoint};
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::testing::Labels;
use clap::Args;

use super::output::output;
use super::reading::{Open, Reading};
use super::time_point;
use crate::eval::{name_or_id, named_form, value_form};
use crate::print::{Format, Reply, plural};

#[derive(Args)]
#[command(after_help = "Examples:
  asof log --last 3
  asof log --brief --since yesterday
  asof log --from 2024-02-01 --to 2024-02-29 --format csv")]
pub struct Log {
    /// The first moment shown: a t, a transaction's entity id, or a time
    #[arg(long, value_name = "T", value_parser = time_point)]
    from: Option<TimePoint>,
    /// The last moment shown
    #[arg(long, value_name = "T", value_parser = time_point)]
    to: Option<TimePoint>,
    /// Only the last N of them
    #[arg(long, value_name = "N")]
    last: Option<u64>,
    /// Only the transactions, without their facts
    #[arg(long)]
    brief: bool,
    #[command(flatten)]
    reading: Reading,
}

impl Log {
    pub fn run(self) -> Result<()> {
        let open = self.reading.open()?;
        let db = open.conn.db();
        let window = self.reading.view.window(&db)?;
        let from = match self.from {
            // An instant means the last transaction at or before it; the first one shown must not be before.
            Some(TimePoint::Instant(at)) => {
                let t = db.t_of(at)?;
                t + u64::from(db.instant_of(t)?.is_some_and(|then| then < at))
            }
            Some(point) => db.t_of(point)?,
            None => 1,
        };
        let to = self.to.map_or(Ok(db.basis_t()), |point| db.t_of(point))?;
        let to = to.min(window.as_of.unwrap_or(to)).min(db.basis_t());
        let from = from.max(window.since.map_or(0, |t| t + 1));
        let from = self.last.map_or(from, |n| from.max((to + 1).saturating_sub(n)));
        // What people read is printed as it comes, wherever it goes.
        match self.reading.asking.show.format {
            None | Some(Format::Table) => self.text(&open, &db, from, to),
            Some(_) => open.print(self.rows(&open, &db, from, to)?),
        }
    }

    fn text(&self, open: &Open, db: &Db, from: T, to: T) -> Result<()> {
        let mut labels = self.reading.asking.show.labels.then(Labels::new);
        let mut out = std::io::BufWriter::new(output());
        for transaction in open.conn.log().range(Some(from), Some(to.saturating_add(1))) {
            open.patience.check()?;
            let transaction = transaction?;
            let count = transaction.datoms.len();
            writeln!(
                out,
                "t {}  {}  {}",
                transaction.t,
                transaction.instant,
                plural(count, "fact")
            )?;
            if self.brief {
                continue;
            }
            for datom in &transaction.datoms {
                let sign = if datom.added { '+' } else { '-' };
                let (e, a) = (name_or_id(db, datom.e), name_or_id(db, datom.a));
                let line = format!("  {sign} {e}  {a}  {}", value_form(db, datom));
                match &mut labels {
                    Some(labels) => writeln!(out, "{}", labels.text(db, &line))?,
                    None => writeln!(out, "{line}")?,
                }
            }
        }
        out.flush()?;
        Ok(())
    }

    /// The same as a relation: a row a fact, or a transaction.
    fn rows(&self, open: &Open, db: &Db, from: T, to: T) -> Result<Reply> {
        let long = |n: u64| Edn::from(Node::Long(n as i64));
        let mut rows = Vec::new();
        for transaction in open.conn.log().range(Some(from), Some(to.saturating_add(1))) {
            open.patience.check()?;
            let transaction = transaction?;
            let (t, instant) = (long(transaction.t), Edn::from(Node::Inst(transaction.instant)));
            if self.brief {
                rows.push(Edn::vector([t, instant, long(transaction.datoms.len() as u64)]));
                continue;
            }
            for datom in &transaction.datoms {
                let a = named_form(db, datom.a);
                let change = Edn::sym(if datom.added { "+" } else { "-" });
                let (e, v) = (long(datom.e.0), value_form(db, datom));
                rows.push(Edn::vector([t.clone(), instant.clone(), change, e, a, v]));
            }
        }
        let columns: &[&str] = match self.brief {
            true => &["t", "when", "facts"],
            false => &["t", "when", "change", "e", "a", "v"],
        };
        Ok(Reply::relation(rows, columns))
    }
}
