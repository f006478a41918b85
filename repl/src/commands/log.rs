//! `asof log`: transactions, readable.

use std::io::Write;

use asof::datom::EntityId;
use asof::db::{Db, TimePoint};
use asof::error::Result;
use clap::Args;

use super::{DbArg, time_point};
use crate::eval::{attribute_name, value_form};

#[derive(Args)]
pub struct Log {
    #[command(flatten)]
    db: DbArg,
    /// The first moment shown: a t, a transaction's entity id, or a time
    #[arg(long, value_name = "T", value_parser = time_point)]
    from: Option<TimePoint>,
    /// The last moment shown
    #[arg(long, value_name = "T", value_parser = time_point)]
    to: Option<TimePoint>,
    /// Only the transactions, without their facts
    #[arg(long)]
    brief: bool,
}

impl Log {
    pub fn run(self) -> Result<()> {
        let conn = self.db.existing()?;
        let db = conn.db();
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
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for transaction in conn.log().range(Some(from), Some(to.saturating_add(1))) {
            let transaction = transaction?;
            writeln!(
                out,
                "t {}  {}  {} facts",
                transaction.t,
                transaction.instant,
                transaction.datoms.len()
            )?;
            if self.brief {
                continue;
            }
            for datom in &transaction.datoms {
                let sign = if datom.added { '+' } else { '-' };
                let (e, a) = (entity(&db, datom.e), attribute_name(&db, datom.a));
                writeln!(out, "  {sign} {e}  {a}  {}", value_form(&db, datom))?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// An entity by its ident where it has one, transactions by their t.
fn entity(db: &Db, e: EntityId) -> String {
    match db.ident(e) {
        Some(ident) => ident.to_string(),
        None => e.to_string(),
    }
}
