//! `asof import`: history from elsewhere.

use std::path::{Path, PathBuf};

use asof::conn::Connection;
use asof::error::{Code, Error, Result};
use clap::{Args, Subcommand};

use super::DbArg;
use crate::dump::{Dump, restore};
use crate::import::git::Line;

#[derive(Args)]
#[command(after_help = "Examples:
  asof import git . --db target/history
  asof import dump backup.asof-dump --db restored")]
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
    /// A dump that asof export --history wrote: makes an identical database
    ///
    /// The same entity ids, transactions, times and hashes: the next dump is the same byte for byte. Nothing is written
    /// when the dump is not what its manifest says. A database that holds a beginning of the dump, as after an import that was
    /// interrupted, is continued.
    Dump {
        /// The dump
        file: PathBuf,
        #[command(flatten)]
        db: DbArg,
    },
}

impl Import {
    /// Reads the arguments as they are typed at the prompt, where the database is open already.
    pub fn parse(line: &str) -> Result<Import> {
        #[derive(clap::Parser)]
        #[command(name = ".import", no_binary_name = true, disable_help_flag = true)]
        struct Typed {
            #[command(flatten)]
            import: Import,
        }
        let typed = <Typed as clap::Parser>::try_parse_from(words(line));
        typed.map(|typed| typed.import).map_err(|e| {
            let text = e.render().to_string();
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let first = lines
                .next()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_string();
            let usage = lines.find(|line| line.starts_with("Usage:")).map(str::to_string);
            let e = Error::new(Code::InvalidArgument, first);
            match usage {
                Some(usage) => e.hint(usage),
                None => e,
            }
        })
    }

    /// Brings the data into a database that is open.
    pub fn into_open(self, conn: &Connection) -> Result<()> {
        match self.source {
            Source::Git { repo, rev, .. } => Line::read(&repo, &rev)?.import(conn).map(|_| ()),
            Source::Dump { file, .. } => {
                let end = conn.verify()?.end.expect("every database has a first record");
                restore(conn, &Dump::open(&file, end)?, &mut |_| {}).map(|_| ())
            }
        }
    }

    pub fn run(self) -> Result<()> {
        match self.source {
            Source::Git { repo, db, rev } => git(&repo, &db, &rev),
            Source::Dump { file, db } => dump(&file, &db),
        }
    }
}

fn git(repo: &Path, db: &DbArg, rev: &str) -> Result<()> {
    // The history is read first: what cannot be imported leaves no database behind.
    let line = Line::read(repo, rev)?;
    let conn = db.or_new()?;
    let done = line.import(&conn)?;
    conn.close()?;
    match done.commits {
        0 => anstream::eprintln!("nothing new after {}", done.head),
        n => anstream::eprintln!("imported {n} commits, up to {} at t {}", done.head, done.t),
    }
    Ok(())
}

fn dump(file: &Path, db: &DbArg) -> Result<()> {
    // What a new database begins with is known before there is one.
    let (conn, end) = match std::fs::read_dir(db.dir()).is_ok_and(|mut inside| inside.next().is_some()) {
        true => {
            let conn = db.existing()?;
            let end = conn.verify()?.end;
            (Some(conn), end)
        }
        false => (None, Connection::in_memory()?.verify()?.end),
    };
    let dump = Dump::open(file, end.expect("every database has a first record"))?;
    let conn = conn.map_or_else(|| db.or_new(), Ok)?;
    let bar = indicatif::ProgressBar::new(dump.manifest.t);
    let done = restore(&conn, &dump, &mut |t| bar.set_position(t));
    bar.finish_and_clear();
    let done = done?;
    conn.close()?;
    anstream::eprintln!("{done} transactions are new, up to t {}", dump.manifest.t);
    Ok(())
}

/// The words of a line, apart by blanks outside of double quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
