//! The commands, a file each; here, what they are called and what they share.

mod eval;
mod export;
mod golden;
mod import;
mod log;
mod maintenance;
mod prompt;
mod query;
mod time;
mod transact;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use asof::conn::{Connection, Options};
use asof::db::{Db, TimePoint};
use asof::error::{Code, Error, Result};
use clap::{Args, CommandFactory, Parser, Subcommand};

/// A temporal fact database: every fact ever asserted or retracted, and Datalog over now, then and all of history.
#[derive(Parser)]
#[command(name = "asof", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = r#"Examples:
  asof transact -e '[{:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]'
  asof transact -e '[{:person/name "Ada"}]'
  asof q '[:find ?e ?n :where [?e :person/name ?n]]'
  asof q '[:find ?n ?tx ?added :where [_ :person/name ?n ?tx ?added]]' --history
  asof import git . --db target/history
  asof q '[:find (count ?f) . :where [?f :file/path]]' --db target/history --as-of 2026-01-01
  asof eval --echo script.edn

A database is a folder: --db names it, else ASOF_DB, else asof-data in the current folder.
The prompt, asof or asof repl, works in memory when neither names one."#;

#[derive(Subcommand)]
enum Command {
    /// Run a script of forms and print an answer for each
    Eval(eval::Eval),
    /// Type queries, transactions and commands at a prompt; asof alone does the same
    Repl(prompt::Prompt),
    /// Add facts: each vector of the input is a transaction
    Transact(transact::Transact),
    /// Ask a Datalog query
    Q(query::Query),
    /// Show an entity as a nested map
    Pull(query::Pull),
    /// Show the attributes
    Schema(query::ShowSchema),
    /// Show transactions and the facts they added (+) and retracted (-)
    Log(log::Log),
    /// Show which values an entity had, from when until when
    Timeline(time::Timeline),
    /// Show what is different between two moments
    Diff(time::Diff),
    /// Show which transaction made each fact of an entity true
    Blame(time::Blame),
    /// Play transcripts and show where they answer something else than they say
    Golden(golden::Golden),
    /// Write what a database holds as text: all of its history, or what holds as transactions
    Export(export::Export),
    /// Bring in history from elsewhere
    Import(import::Import),
    /// Count what the database holds and where its bytes are
    Stats(maintenance::Stats),
    /// Prove that log, checksums and indexes agree
    Verify(maintenance::Verify),
    /// Build the indexes anew from the log
    Reindex(maintenance::Reindex),
}

/// Does what was asked.
pub fn run(cli: Cli) -> Result<ExitCode> {
    use std::io::IsTerminal;
    let Some(command) = cli.command else {
        // Alone it is a prompt where somebody can type, and a mistake elsewhere.
        if std::io::stdin().is_terminal() {
            prompt::Prompt::plain().run()?;
            return Ok(ExitCode::SUCCESS);
        }
        anstream::eprint!("{}", Cli::command().render_help().ansi());
        return Ok(ExitCode::from(2));
    };
    match command {
        Command::Eval(c) => return c.run(),
        Command::Golden(c) => return c.run(),
        Command::Repl(c) => c.run()?,
        Command::Transact(c) => c.run()?,
        Command::Q(c) => c.run()?,
        Command::Pull(c) => c.run()?,
        Command::Schema(c) => c.run()?,
        Command::Log(c) => c.run()?,
        Command::Timeline(c) => c.run()?,
        Command::Diff(c) => c.run()?,
        Command::Blame(c) => c.run()?,
        Command::Export(c) => c.run()?,
        Command::Import(c) => c.run()?,
        Command::Stats(c) => c.run()?,
        Command::Verify(c) => c.run()?,
        Command::Reindex(c) => c.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Which database.
#[derive(Args)]
pub struct DbArg {
    /// The folder of the database
    #[arg(long, value_name = "DIR", env = "ASOF_DB", default_value = "asof-data")]
    db: PathBuf,
}

impl DbArg {
    /// Opens a database that must be there.
    pub fn existing(&self) -> Result<Connection> {
        Options::new().create(false).open(&self.db)
    }
    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.db
    }
    /// Opens the database with options of the caller's.
    pub fn open_with(&self, options: Options) -> Result<Connection> {
        options.open(&self.db)
    }
    /// Opens the database, made when it is not there.
    pub fn or_new(&self) -> Result<Connection> {
        Connection::open(&self.db)
    }
}

/// Which moment of it.
#[derive(Args)]
pub struct ViewArgs {
    /// As it was then: a t (12), a transaction's entity id, a time (2024-05-01, 2024-05-01T12:00Z), or -1h, -2d, yesterday
    #[arg(long, value_name = "T", value_parser = time_point, allow_hyphen_values = true)]
    as_of: Option<TimePoint>,
    /// Only what was asserted after this moment
    #[arg(long, value_name = "T", value_parser = time_point, allow_hyphen_values = true)]
    since: Option<TimePoint>,
    /// Every assertion and retraction, not just what holds
    #[arg(long)]
    history: bool,
}

impl ViewArgs {
    /// The view of `db` that is asked for.
    pub fn of(&self, db: Db) -> Result<Db> {
        let db = self.as_of.map_or(Ok(db.clone()), |point| db.as_of(point))?;
        let db = self.since.map_or(Ok(db.clone()), |point| db.since(point))?;
        Ok(if self.history { db.history() } else { db })
    }
}

/// A time point as people write it on a command line.
pub fn time_point(text: &str) -> Result<TimePoint, String> {
    let now = asof::conn::Clock::now(&asof::conn::SystemClock);
    crate::time::moment(text, now).map_err(|e| match e.hint_text() {
        Some(hint) => format!("{}; {hint}", e.message()),
        None => e.message().to_string(),
    })
}

/// The text of FILE, or of standard input for `-`, and what to call it in messages.
pub fn read_input(file: &Path) -> Result<(String, String)> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(("standard input".to_string(), text));
    }
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::new(Code::InvalidArgument, format!("cannot read {name}: {e}")).caused_by(e))?;
    Ok((name, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_points() {
        assert_eq!(time_point("12"), Ok(TimePoint::T(12)));
        for text in [
            "2024-05-01",
            "2024-05-01T00:00Z",
            "2024-05-01 00:00:00Z",
            "#inst \"2024-05-01\"",
        ] {
            match time_point(text) {
                Ok(TimePoint::Instant(i)) => assert_eq!(i.0, 1_714_521_600_000_000, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["tomorrow", "-1", "", "2024-13-01", "\" :x"] {
            assert!(time_point(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
