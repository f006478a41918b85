//! `asof export`: a database as text.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use asof::error::{Code, Error, Result};
use clap::Args;

use super::{DbArg, time_point};
use crate::dump;

const ABOUT: &str = r#"With --history the whole log is written: a manifest with counts and the log's hash, then a fact a line in
the order of t, retractions among them. asof import dump makes an identical database of it.

Without, what holds is written as transaction data for asof transact: a vector with the names and attributes,
then a vector with everything else. Entities are tempids there, and get ids of their own when it is transacted.

Examples:
  asof export --history backup.asof-dump
  asof export --as-of 2026-01-01 | asof transact --db then -"#;

#[derive(Args)]
#[command(after_help = ABOUT)]
pub struct Export {
    /// The file to write; standard output when not given
    file: Option<PathBuf>,
    #[command(flatten)]
    db: DbArg,
    /// All that ever was, to make an identical database of
    #[arg(long)]
    history: bool,
    /// What held then: a t, a transaction's entity id, or a time
    #[arg(long, value_name = "T", value_parser = time_point, conflicts_with = "history")]
    as_of: Option<asof::db::TimePoint>,
}

impl Export {
    pub fn run(self) -> Result<()> {
        let conn = self.db.existing()?;
        let mut write = |out: &mut dyn Write| -> Result<()> {
            if self.history {
                let done = dump::write(&conn, out, &mut |_| {})?;
                anstream::eprintln!(
                    "{} transactions with {} facts, up to t {}",
                    done.transactions,
                    done.facts,
                    done.t
                );
                return Ok(());
            }
            let db = conn.db();
            let db = self.as_of.map_or(Ok(db.clone()), |point| db.as_of(point))?;
            dump::write_facts(&db, out)
        };
        match self.file.as_deref().filter(|file| *file != Path::new("-")) {
            Some(file) => whole(file, &mut write),
            None => {
                let mut out = BufWriter::new(std::io::stdout().lock());
                write(&mut out)?;
                Ok(out.flush()?)
            }
        }
    }
}

/// Writes a file that is either whole or not there.
fn whole(file: &Path, write: &mut dyn FnMut(&mut dyn Write) -> Result<()>) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let new = file.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let unwritable = |e: std::io::Error| {
        Error::new(Code::InvalidArgument, format!("cannot write {}: {e}", file.display())).caused_by(e)
    };
    let done = (|| {
        let mut out = BufWriter::new(File::create(&new).map_err(unwritable)?);
        write(&mut out)?;
        let out = out.into_inner().map_err(|e| unwritable(e.into_error()))?;
        out.sync_all().map_err(unwritable)?;
        std::fs::rename(&new, file).map_err(unwritable)
    })();
    if done.is_err() {
        // Half a file is of no use; the error is what counts.
        let _ = std::fs::remove_file(&new);
    }
    done
}
