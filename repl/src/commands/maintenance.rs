//! `asof stats`, `asof verify` and `asof reindex`: looking after a database.

use std::io::Write;

use asof::conn::Options;
use asof::error::Result;
use clap::Args;

use super::DbArg;
use super::reading::Asking;
use crate::eval::stats_form;

#[derive(Args)]
#[command(after_help = "Example:\n  asof stats --db people --format json")]
pub struct Stats {
    #[command(flatten)]
    asking: Asking,
}

impl Stats {
    pub fn run(self) -> Result<()> {
        let open = self.asking.open()?;
        open.print(stats_form(&open.conn)?.into())
    }
}

/// The whole log is read, with its checksums and links, and then the indexes, which must say the same.
#[derive(Args)]
#[command(after_help = "Example:\n  asof verify --db people || echo 'restore it from a backup'")]
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
#[command(after_help = "Example:\n  asof reindex --db people")]
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
