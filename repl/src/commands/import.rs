//! `asof import`: history from elsewhere.

use std::path::PathBuf;

use asof::error::Result;
use clap::{Args, Subcommand};

use super::DbArg;
use crate::import::git;

#[derive(Args)]
pub struct Import {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand)]
enum Source {
    /// The first-parent line of a git repository: a transaction for each commit, an entity for each file
    ///
    /// Run again, it continues after the last commit that it imported. A transaction carries :git/sha,
    /// :git/author-name, :git/author-email, :git/message, :git/authored, :git/committed and :git/parent; a file :file/path,
    /// :file/blob, :file/mode and :file/size. Commit times that do not increase are nudged forward for
    /// :db/txInstant, and :git/committed keeps them as they were.
    Git {
        /// The repository
        repo: PathBuf,
        #[command(flatten)]
        db: DbArg,
        /// The newest commit to import
        #[arg(long, default_value = "HEAD")]
        rev: String,
    },
}

impl Import {
    pub fn run(self) -> Result<()> {
        let Source::Git { repo, db, rev } = self.source;
        // The history is read first: what cannot be imported leaves no database behind.
        let line = git::Line::read(&repo, &rev)?;
        let conn = db.or_new()?;
        let done = line.import(&conn)?;
        conn.close()?;
        match done.commits {
            0 => anstream::eprintln!("nothing new after {}", done.head),
            n => anstream::eprintln!("imported {n} commits, up to {} at t {}", done.head, done.t),
        }
        Ok(())
    }
}
