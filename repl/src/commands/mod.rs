//! The commands, a file each; here, what they are called and what they share.

mod eval;
mod export;
mod golden;
mod import;
mod log;
mod maintenance;
mod output;
mod pages;
mod plot;
mod prompt;
mod query;
mod reading;
mod time;
mod transact;
mod typed;

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use asof::db::TimePoint;
use asof::edn::{self, Edn};
use asof::error::{Error, Result};
use clap::{Parser, Subcommand};

pub use export::Export;
pub use import::Import;
pub use maintenance::OLD_INDEXES;
pub use reading::{duration, size};
pub use typed::with_format;

use crate::eval::foreign;
use reading::DbArg;

/// A temporal fact database: every fact ever asserted or retracted, and Datalog over now, then and all of history.
///
/// Without a command it is the prompt, as `asof repl`.
#[derive(Parser)]
#[command(name = "asof", version, propagate_version = true, after_help = format!("{EXAMPLES}\n\n{}", crate::EXIT_CODES))]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = r#"Examples:
  asof                                     a prompt; .help tour is a tour of ten minutes
  asof transact -e '[{:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]'
  asof transact -e '[{:person/name "Ada"}]'
  asof q '[:find ?e ?n :where [?e :person/name ?n]]'
  asof q '[:find ?n ?tx ?added :where [_ :person/name ?n ?tx ?added]]' --history
  asof import git . --db target/history
  asof q '[:find (count ?f) . :where [?f :file/path]]' --db target/history --as-of 2026-01-01
  asof eval --echo script.edn

A database is a folder: --db names it, else ASOF_DB, else it is asof-data in the current folder.
Results go to standard output, everything else to standard error. NO_COLOR=1 leaves the colours out."#;

#[derive(Subcommand)]
enum Command {
    /// Type queries, transactions and commands at a prompt; asof alone does the same
    Repl(prompt::Prompt),
    /// Run a script of forms and print an answer for each
    Eval(eval::Eval),
    /// Add facts: each vector of the input is a transaction
    Transact(transact::Transact),
    /// Ask a Datalog query
    Q(query::Query),
    /// Show entities as nested maps
    Pull(query::Pull),
    /// Show the attributes
    Schema(query::ShowSchema),
    /// Show transactions and the facts they added (+) and retracted (-)
    Log(log::Log),
    /// Show which values an entity or an attribute had, from when until when
    Timeline(time::Timeline),
    /// Show what is different between two moments
    Diff(time::Diff),
    /// Show which transaction made each fact of an entity true
    Blame(time::Blame),
    /// Draw a value over time, transactions per day, or what an entity is connected with
    Plot(plot::Plot),
    /// Play transcripts and show where they answer something else than they say
    Golden(golden::Golden),
    /// Write what a database holds: all of its history, what holds as transactions, or tables
    Export(export::Export),
    /// Bring in facts and history: CSV, JSON, EDN, Debian's packages, git, dumps
    Import(import::Import),
    /// Count what the database holds and where its bytes are
    Stats(maintenance::Stats),
    /// Read everything, prove that log, checksums and indexes agree, and list all damage
    Verify(maintenance::Verify),
    /// Build the indexes anew from the log
    Reindex(maintenance::Reindex),
    /// Make a copy of a damaged database that opens
    Repair(maintenance::Repair),
    /// Print a completion script for a shell
    Completions(pages::Completions),
    /// Write the manual pages into a folder
    Man(pages::Man),
}

/// Does what was asked.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let command = cli.command.unwrap_or_else(|| Command::Repl(prompt::Prompt::plain()));
    match command {
        Command::Repl(c) => return c.run(),
        Command::Eval(c) => return c.run(),
        Command::Golden(c) => return c.run(),
        Command::Import(c) => return c.run(),
        Command::Transact(c) => c.run()?,
        Command::Q(c) => c.run()?,
        Command::Pull(c) => c.run()?,
        Command::Schema(c) => c.run()?,
        Command::Log(c) => c.run()?,
        Command::Timeline(c) => c.run()?,
        Command::Diff(c) => c.run()?,
        Command::Blame(c) => c.run()?,
        Command::Plot(c) => c.run()?,
        Command::Export(c) => c.run()?,
        Command::Stats(c) => c.run()?,
        Command::Verify(c) => c.run()?,
        Command::Reindex(c) => c.run()?,
        Command::Repair(c) => c.run()?,
        Command::Completions(c) => c.run()?,
        Command::Man(c) => c.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A form of the command line, which messages call `name`.
fn form(name: &str, text: &str) -> Result<Edn> {
    known(name, text)?;
    edn::read_one(text).map_err(|e| e.in_source(name, text))
}

/// The forms that arguments are, each read at its place in the line of all of them: so messages point at the one they are about.
struct Forms {
    line: String,
    all: Vec<Edn>,
}

impl Forms {
    /// Arguments with what messages call them, up to the first that is not given.
    fn read<const N: usize>(arguments: [(&str, Option<&String>); N]) -> Result<Forms> {
        let (mut line, mut all) = (String::new(), Vec::new());
        for (name, text) in arguments {
            let Some(text) = text else { break };
            // What cannot be read is told of the argument alone.
            form(name, text)?;
            if !line.is_empty() {
                line.push(' ');
            }
            let place = " ".repeat(line.len());
            all.push(edn::read_one(&format!("{place}{text}"))?);
            line.push_str(text);
        }
        Ok(Forms { line, all })
    }

    fn get(&self, i: usize) -> Option<&Edn> {
        self.all.get(i)
    }

    /// An error about one of them, with its place.
    fn located(&self, e: Error) -> Error {
        e.in_source("arguments", &self.line)
    }
}

/// Refuses a text in another language than EDN, and says how it is said here.
fn known(name: &str, text: &str) -> Result<()> {
    foreign(text, false).map_or(Ok(()), |e| Err(e.in_source(name, text)))
}

/// A time point as people write it on a command line.
pub fn time_point(text: &str) -> Result<TimePoint, String> {
    let now = asof::conn::Clock::now(&asof::conn::SystemClock);
    crate::time::moment(text, now).map_err(|e| match e.hint_text() {
        Some(hint) => format!("{}; {hint}", e.message()),
        None => e.message().to_string(),
    })
}

/// What `text` says; of `@FILE` the text of the file, of `-` and `@-` that of standard input. With what to call it in messages.
fn text_or_file(name: &str, text: String) -> Result<(String, String)> {
    match text.strip_prefix('@') {
        Some(file) => read_input(Path::new(file)),
        None if text == "-" => read_input(Path::new("-")),
        None => Ok((name.to_string(), text)),
    }
}

/// The text of FILE, or of standard input for `-`, and what to call it in messages.
pub fn read_input(file: &Path) -> Result<(String, String)> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(("standard input".to_string(), text));
    }
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|e| crate::unreadable(&name, e))?;
    Ok((name, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn time_points() {
        assert_eq!(time_point("12"), Ok(TimePoint::T(12)));
        for text in [
            "2024-05-01",
            "2024-05-01T00:00Z",
            "2024-05-01 00:00:00.0Z",
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
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        for command in cli.get_subcommands_mut().filter(|c| c.get_name() != "help") {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "{} --help has no example", command.get_name());
        }
    }
}
