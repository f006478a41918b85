//! `asof stats`, `asof verify` and `asof reindex`: looking after a database.

use std::io::Write;

use asof::conn::Options;
use asof::error::Result;
use clap::Args;

use super::DbArg;
use crate::eval::stats_form;
use crate::print::{Format, Reply};

#[derive(Args)]
pub struct Stats {
    #[command(flatten)]
    db: DbArg,
    /// How the result is printed
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Stats {
    pub fn run(self) -> Result<()> {
        let conn = self.db.existing()?;
        let stats = Reply::from(stats_form(&conn)?);
        stats.write(&mut std::io::stdout().lock(), Format::or_default(self.format))
    }
}

#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    db: DbArg,
}

impl Verify {
    /// Reads the whole log, with its checksums and links, and then the indexes, which must say the same.
    pub fn run(self) -> Result<()> {
        let conn = self.db.existing()?;
        let mut out = std::io::stdout().lock();
        let log = conn.verify()?;
        writeln!(
            out,
            "log      {} transactions, {} facts: whole and unbroken",
            log.records, log.facts
        )?;
        let indexes = conn.verify_indexes()?;
        writeln!(
            out,
            "indexes  {} facts, {} of them hold now: as the log says, now and at {} moments of the past",
            indexes.events, indexes.live, indexes.moments
        )?;
        Ok(())
    }
}

#[derive(Args)]
pub struct Reindex {
    #[command(flatten)]
    db: DbArg,
}

impl Reindex {
    pub fn run(self) -> Result<()> {
        let conn = self.db.open_with(Options::new().create(false).reindex(true))?;
        conn.sync_index()?;
        let t = conn.db().basis_t();
        conn.close()?;
        writeln!(
            std::io::stdout().lock(),
            "the indexes are built anew from the log, up to t {t}"
        )?;
        Ok(())
    }
}
