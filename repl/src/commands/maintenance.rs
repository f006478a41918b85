//! `asof stats`, `asof verify`, `asof reindex` and `asof repair`: looking after a database.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use asof::conn::{Options, examine_while, repair};
use asof::error::{Code, Error, Result};
use clap::Args;

use super::DbArg;
use super::output::output;
use super::reading::{Asking, TimeArg};
use crate::eval::{stats_form, verified_indexes, verified_log};
use crate::patience::Patience;
use crate::print::plural;
use crate::progress::Progress;

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

/// So much damage is listed; what comes behind it is counted.
const LISTED: usize = 20;

/// Every file and every stored value is read, with its checksums and links, and the indexes must say what the log says. All damage
/// is listed, also of a database that does not open any more.
#[derive(Args)]
#[command(after_help = "Example:\n  asof verify --db people || echo 'restore it from a backup'")]
pub struct Verify {
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    time: TimeArg,
}

impl Verify {
    pub fn run(self) -> Result<()> {
        let (_run, budget) = self.time.begin();
        let patience = Patience::of(&budget);
        let found = {
            let _shown = Progress::waiting("reading everything");
            examine_while(self.db.dir(), LISTED, &|| patience.step())
        };
        let found =
            found.map_err(|e| patience.explain(e, || "not everything was read; nothing is changed".to_string()))?;
        let mut out = output();
        if let Some(log) = found.log {
            writeln!(out, "{}", verified_log(&log))?;
        }
        if let Some(indexes) = found.indexes {
            writeln!(out, "{}", verified_indexes(&indexes))?;
        }
        let places = found.damage.len() as u64 + found.more;
        if places == 0 {
            return Ok(());
        }
        let mut err = std::io::stderr().lock();
        for damage in &found.damage {
            writeln!(err, "damage   {}", damage.message())?;
        }
        if found.more > 0 {
            writeln!(err, "damage   ... and {} more", found.more)?;
        }
        let counted = plural(places, "place");
        let only_head = found.log.is_some() && found.indexes.is_some();
        let (whole, hint) = match (found.log, only_head) {
            (Some(_), true) => (
                "all facts are there",
                "copy the folder, then: asof repair NEW --db FOLDER makes a database that opens",
            ),
            (Some(_), false) => (
                "the log is whole",
                "copy the folder, then: asof reindex makes everything else anew from the log",
            ),
            (None, _) => (
                "the log is among it",
                "take the newest backup; without one, asof repair NEW --db FOLDER saves what comes before the damage",
            ),
        };
        Err(Error::new(Code::CorruptStore, format!("damaged in {counted}; {whole}")).hint(hint))
    }
}

/// Makes a copy of a damaged database that opens.
///
/// The copy has all transactions before the first damaged one, and new indexes. How many are lost is said. The original stays
/// as it is. First try `asof verify`: what is damaged beside the log `asof reindex` mends without a loss.
#[derive(Args)]
#[command(after_help = "Example:\n  asof repair people-repaired --db people")]
pub struct Repair {
    /// The folder for the copy, which must not exist
    #[arg(value_name = "NEW")]
    copy: PathBuf,
    #[command(flatten)]
    db: DbArg,
}

impl Repair {
    pub fn run(self) -> Result<()> {
        let repaired = repair(self.db.dir(), &self.copy)?;
        let lost = match (repaired.noted_t, repaired.lost()) {
            (None, _) => "whether any came after it cannot be said, since HEAD is lost".to_string(),
            (Some(_), 0) => "nothing that was noted is lost".to_string(),
            (Some(_), 1) => "one transaction is lost".to_string(),
            (Some(_), lost) => format!("{lost} transactions are lost"),
        };
        writeln!(
            output(),
            "{} has the transactions up to t {}; {lost}",
            self.copy.display(),
            repaired.last_t
        )?;
        Ok(())
    }
}

/// What is said of a database whose indexes were to be made anew.
pub const OLD_INDEXES: &str = "the database is as it was, with the indexes that it had";

/// They are made from the log alone, beside the old ones, and replace them when they are whole; it takes as much room on the disk
/// again. After an error the database is as it was.
#[derive(Args)]
#[command(after_help = "Example:\n  asof reindex --db people")]
pub struct Reindex {
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    time: TimeArg,
}

impl Reindex {
    pub fn run(self) -> Result<()> {
        let (_run, budget) = self.time.begin();
        let patience = Arc::new(Patience::of(&budget));
        let options = Options::new().create(false).reindex(true);
        let asked = patience.clone();
        let conn = {
            let _shown = Progress::waiting("making the indexes anew");
            self.db.open_with(options.check(move || asked.step()))
        };
        let conn = conn.map_err(|e| patience.explain(e, || OLD_INDEXES.to_string()))?;
        conn.sync_index()?;
        let t = conn.db().basis_t();
        conn.close()?;
        writeln!(output(), "the indexes are built anew from the log, up to t {t}")?;
        Ok(())
    }
}
