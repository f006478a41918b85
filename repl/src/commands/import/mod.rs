//! `asof import`: facts and history from elsewhere.

mod help;

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use asof::conn::Connection;
use asof::datom::T;
use asof::edn::{Edn, Node, pretty};
use asof::error::{Code, Error, Result};
use asof::log::Hash;
use asof::query::Budget;
use clap::{Args, Subcommand};

use super::output::output;
use super::reading::{DbArg, TimeArg};
use crate::dump::{Dump, restore};
use crate::import::git::{self, Line};
use crate::import::load::{LoadArgs, Outcome};
use crate::import::mapping::{MappingArgs, one_char};
use crate::import::rejects::{BadArgs, OnError};
use crate::import::source::{Opened, Source};
use crate::import::table::{Format, Header, Sample as Sampled, Table};
use crate::import::{debian, forms};
use crate::patience::Patience;
use crate::print::{plural, rate};
use crate::progress::Progress;
use help::{CSV_HELP, DEBIAN_HELP, EDN_HELP, EXAMPLES, JSON_HELP};

/// The exit code of an import that left bad rows out.
const LEFT_OUT: u8 = 6;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    #[command(subcommand)]
    source: From,
}

#[derive(Subcommand)]
enum From {
    /// Comma-separated values: an entity for each row
    #[command(after_help = CSV_HELP)]
    Csv(Delimited),
    /// Tab-separated values: an entity for each row
    #[command(after_help = CSV_HELP)]
    Tsv(Delimited),
    /// A JSON array of objects, or objects one after another: an entity for each
    #[command(after_help = JSON_HELP)]
    Json(Objects),
    /// JSON objects, one a line: an entity for each
    #[command(after_help = JSON_HELP)]
    Ndjson(Objects),
    /// Transactions as EDN, read one after another
    #[command(after_help = EDN_HELP)]
    Edn {
        /// The file; - for standard input
        file: PathBuf,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        bad: BadArgs,
    },
    /// Debian's package metadata, as apt-cache dumpavail prints it: packages, and references to what they depend on
    #[command(after_help = DEBIAN_HELP)]
    Debian {
        /// The file; - for standard input
        file: PathBuf,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        load: LoadArgs,
    },
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
        target: Target,
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
        target: Target,
    },
}

/// Where it goes, and how long that may take.
#[derive(Args)]
struct Target {
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    time: TimeArg,
}

#[derive(Args)]
struct Records {
    /// The file; - for standard input
    file: PathBuf,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    mapping: MappingArgs,
    #[command(flatten)]
    load: LoadArgs,
    /// Records to look at for types before the first is imported; all reads the file twice
    #[arg(long, value_name = "N", default_value = "10000", value_parser = sample, help_heading = "Mapping")]
    sample: Sample,
    /// A record says everything about its columns: what is there and it has no value for is retracted (needs --id)
    #[arg(long, help_heading = "Loading")]
    replace: bool,
    /// Show the attributes that would be made, and import nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
struct Delimited {
    #[command(flatten)]
    records: Records,
    /// What parts fields
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<String>,
    /// The names of the columns, where the first row is none
    #[arg(long, value_name = "A,B,...", value_delimiter = ',')]
    header: Vec<String>,
    /// The first row is a record; columns are c1, c2, ...
    #[arg(long, conflicts_with = "header")]
    no_header: bool,
}

#[derive(Args)]
struct Objects {
    #[command(flatten)]
    records: Records,
}

/// How many records are looked at; `None`: all.
#[derive(Clone, Copy, Debug)]
struct Sample(Option<u64>);

fn sample(text: &str) -> Result<Sample, String> {
    match text {
        "all" => Ok(Sample(None)),
        _ => text
            .parse()
            .map(|n| Sample(Some(n)))
            .map_err(|_| "give a number of records, or all".to_string()),
    }
}

impl Import {
    /// Brings the data into the database that its options name.
    pub fn run(self) -> Result<ExitCode> {
        let started = Instant::now();
        let (_run, budget) = self.target().time.begin();
        let patience = Arc::new(Patience::of(&budget));
        if let From::Dump { file, target } = &self.source {
            return dump(&Source::new(file, &patience), &target.db);
        }
        let db = self.target().db.clone();
        // What cannot be read leaves no database behind.
        let job = self.prepare(&patience)?;
        if let Job::Show(table, sample) = &job {
            return show(table, sample, &db);
        }
        if db.is_new() {
            // Nor does what has no place in a new database, or what is nothing.
            if let Job::Table(table, sample, _) = &job {
                table.definitions(sample, &Connection::in_memory()?)?;
            }
            if let Some(nothing) = job.nothing() {
                nothing.tell(started)?;
                anstream::eprintln!("there is nothing to import, and no database is made");
                return Ok(ExitCode::SUCCESS);
            }
        }
        let conn = db.to_fill()?;
        let done = job.load(&conn, &patience);
        close(&conn)?;
        done?.tell(started)
    }

    /// Brings the data into a database that is open; its own limits go before those of `budget`.
    pub fn into_open(self, conn: &Connection, budget: &Budget) -> Result<()> {
        if self.file() == Path::new("-") {
            let e = Error::new(
                Code::InvalidArgument,
                "here standard input is what is typed, and not a file",
            );
            return Err(e.hint("name a file, or let the command line do it: asof import ... -"));
        }
        let started = Instant::now();
        let patience = Arc::new(Patience::of(&self.target().time.within(budget)));
        if let From::Dump { file, .. } = &self.source {
            let end = proven(conn, &patience)?;
            return restore(conn, &Dump::open(Source::new(file, &patience), end)?).map(|_| ());
        }
        let job = self.prepare(&patience)?;
        job.load(conn, &patience)?.tell(started).map(|_| ())
    }

    fn target(&self) -> &Target {
        match &self.source {
            From::Csv(c) | From::Tsv(c) => &c.records.target,
            From::Json(c) | From::Ndjson(c) => &c.records.target,
            From::Edn { target, .. }
            | From::Debian { target, .. }
            | From::Git { target, .. }
            | From::Dump { target, .. } => target,
        }
    }

    fn file(&self) -> &Path {
        match &self.source {
            From::Csv(c) | From::Tsv(c) => &c.records.file,
            From::Json(c) | From::Ndjson(c) => &c.records.file,
            From::Edn { file, .. } | From::Debian { file, .. } | From::Dump { file, .. } => file,
            From::Git { repo, .. } => repo,
        }
    }

    /// Reads as much as shows whether the rest can be imported.
    fn prepare(self, patience: &Arc<Patience>) -> Result<Job> {
        let job = self.job(patience);
        job.map_err(|e| patience.explain(e, || "nothing is imported".to_string()))
    }

    fn job(self, patience: &Arc<Patience>) -> Result<Job> {
        Ok(match self.source {
            From::Csv(c) => c.job(',', patience)?,
            From::Tsv(c) => c.job('\t', patience)?,
            From::Json(c) => c.records.job(Format::Json, patience)?,
            From::Ndjson(c) => c.records.job(Format::Lines, patience)?,
            From::Edn { file, bad, .. } => {
                let source = Source::new(&file, patience);
                source.not_written_to(bad.rejects.as_deref())?;
                let mut reader = forms::Transactions::open(&source)?;
                let mut first = reader.read()?;
                if let (OnError::Stop, Some(first)) = (bad.on_error, &mut first)
                    && let Some(wrong) = reader.wrong(first)
                {
                    return Err(wrong);
                }
                Job::Forms(reader, first, bad)
            }
            From::Debian { file, load, .. } => {
                let source = Source::new(&file, patience);
                source.not_written_to(load.bad.rejects.as_deref())?;
                let mut opened = source.open()?;
                let empty = opened.0.fill_buf()?.trim_ascii().is_empty();
                Job::Debian(source, opened, load, empty)
            }
            // The history is read first.
            From::Git { repo, rev, .. } => Job::Git(Line::read(&repo, &rev)?),
            From::Dump { .. } => unreachable!("a dump makes a whole database, not a part of one"),
        })
    }
}

/// An import that can begin.
enum Job {
    Show(Table, Sampled),
    Table(Table, Sampled, LoadArgs),
    Forms(forms::Transactions, Option<Vec<forms::Transaction>>, BadArgs),
    /// Whether there is nothing to read.
    Debian(Source, Opened, LoadArgs, bool),
    Git(Line),
}

/// What an import did.
enum Done {
    Rows(Outcome),
    Forms(forms::Done),
    Git(git::Done),
}

impl Job {
    /// What is done where there is nothing to do.
    fn nothing(&self) -> Option<Done> {
        match self {
            Job::Table(_, sample, _) if sample.is_empty() => Some(Done::Rows(Outcome::default())),
            Job::Debian(.., true) => Some(Done::Rows(Outcome::default())),
            Job::Forms(_, None, _) => Some(Done::Forms(forms::Done::default())),
            _ => None,
        }
    }

    fn load(self, conn: &Connection, patience: &Patience) -> Result<Done> {
        Ok(match self {
            Job::Show(table, sample) => {
                writeln!(output(), "{}", definitions(&table, &sample, conn)?)?;
                Done::Rows(Outcome::default())
            }
            Job::Table(table, sample, args) => Done::Rows(table.load(sample, conn, &args)?),
            Job::Forms(mut reader, first, bad) => Done::Forms(reader.load(first, conn, &bad)?),
            Job::Debian(source, opened, args, _) => Done::Rows(debian::load(&source, opened, conn, &args)?),
            Job::Git(line) => Done::Git(line.import(conn, patience)?),
        })
    }
}

impl Done {
    /// Says what was done, and how quickly.
    fn tell(self, started: Instant) -> Result<ExitCode> {
        match self {
            Done::Git(done) if done.commits == 0 => anstream::eprintln!("nothing new after {}", done.head),
            Done::Git(done) => {
                let commits = rate(done.commits as u64, "commit", started.elapsed());
                anstream::eprintln!("{commits}, up to {} at t {}", done.head, done.t)
            }
            Done::Forms(done) => {
                anstream::eprintln!("{}", done.line(started.elapsed()));
                if done.bad > 0 {
                    return Ok(ExitCode::from(LEFT_OUT));
                }
            }
            Done::Rows(outcome) => {
                if !outcome.made.is_empty() {
                    anstream::eprintln!("new attributes: {}", outcome.made.join(", "));
                }
                anstream::eprintln!("{}", outcome.line(started.elapsed()));
                if outcome.stopped {
                    anstream::eprintln!(
                        "stopped there: the rows before it are imported; --on-error skip leaves bad rows out"
                    );
                    return Ok(ExitCode::from(1));
                }
                if outcome.bad > 0 {
                    return Ok(ExitCode::from(LEFT_OUT));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Delimited {
    fn job(self, delimiter: char, patience: &Arc<Patience>) -> Result<Job> {
        let said = self.delimiter.is_some();
        let delimiter = match &self.delimiter {
            None => delimiter,
            Some(text) => one_char(text, "a delimiter")?,
        };
        if !delimiter.is_ascii() {
            let message = format!("{delimiter} is no delimiter: it is not ASCII");
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let header = match (self.header.is_empty(), self.no_header) {
            (false, _) => Header::Named(self.header),
            (true, true) => Header::Numbered,
            (true, false) => Header::First,
        };
        let format = Format::Delimited {
            delimiter,
            said,
            header,
        };
        self.records.job(format, patience)
    }
}

impl Records {
    fn job(self, format: Format, patience: &Arc<Patience>) -> Result<Job> {
        let source = Source::new(&self.file, patience);
        source.not_written_to(self.load.bad.rejects.as_deref())?;
        let table = Table {
            source,
            format,
            mapping: self.mapping.read()?,
            replace: self.replace,
            sample: self.sample.0,
        };
        let sample = table.sample()?;
        Ok(match self.dry_run {
            true => Job::Show(table, sample),
            false => Job::Table(table, sample, self.load),
        })
    }
}

/// The attributes that an import would make.
fn definitions(table: &Table, sample: &Sampled, conn: &Connection) -> Result<String> {
    let data = Edn::from(Node::Vector(table.definitions(sample, conn)?));
    Ok(pretty(&data, 100))
}

fn show(table: &Table, sample: &Sampled, db: &DbArg) -> Result<ExitCode> {
    let conn = match db.dir().exists() {
        true => db.existing()?,
        false => Connection::in_memory()?,
    };
    writeln!(output(), "{}", definitions(table, sample, &conn)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Closes a database that was imported into, which writes what waits to be written.
fn close(conn: &Connection) -> Result<()> {
    let _shown = Progress::waiting("writing the indexes");
    conn.close()
}

/// Where the log of a database ends, which is proven whole.
fn proven(conn: &Connection, patience: &Patience) -> Result<(T, Hash)> {
    let verified = conn.verify_while(&|| patience.step());
    let verified = verified.map_err(|e| patience.explain(e, || "nothing was written".to_string()))?;
    Ok(verified.end.expect("every database has a first record"))
}

fn dump(source: &Source, db: &DbArg) -> Result<ExitCode> {
    let started = Instant::now();
    // What a new database begins with is known before there is one.
    let (conn, end) = match std::fs::read_dir(db.dir()).is_ok_and(|mut inside| inside.next().is_some()) {
        true => {
            let conn = db.existing()?;
            let end = proven(&conn, &source.patience)?;
            (Some(conn), end)
        }
        false => (None, proven(&Connection::in_memory()?, &source.patience)?),
    };
    let dump = Dump::open(source.clone(), end)?;
    let conn = conn.map_or_else(|| db.to_fill(), Ok)?;
    let done = restore(&conn, &dump);
    close(&conn)?;
    let done = done?;
    anstream::eprintln!(
        "{}, up to t {}; {}",
        plural(done, "new transaction"),
        dump.manifest.t,
        rate(dump.manifest.facts, "fact", started.elapsed())
    );
    Ok(ExitCode::SUCCESS)
}
