//! `asof transact`: facts from text.

use std::path::{Path, PathBuf};

use asof::conn::Connection;
use asof::edn::{self, Edn};
use asof::error::{Code, Error, Result};
use clap::{Args, CommandFactory};

use super::output::Reports;
use super::reading::{DbArg, TimeArg, style};
use super::{form, known, read_input};
use crate::eval::{Rules, Session, is_query, report_form, spelled_out};
use crate::patience::Patience;
use crate::print::{Format, Reply, plural};
use crate::time::Watch;

#[derive(Args)]
#[command(after_help = r#"Examples:
  asof transact people.edn
  asof transact -e '[{:person/name "Ada"}] [{:person/name "Bob"}]'
  generate | asof transact - --db people --format json
  asof transact people.edn --watch '[:find (count ?p) . :where [?p :person/name]]'

Everything is read before anything is written. When a transaction fails, those before it are stored."#)]
pub struct Transact {
    /// Files of transactions, each a vector of transaction data; - for standard input
    files: Vec<PathBuf>,
    /// The transactions themselves
    #[arg(short = 'e', long = "text", value_name = "TEXT", conflicts_with = "files")]
    text: Option<String>,
    /// After each transaction show its facts, or what it changed in the answer to a query, instead of a report
    #[arg(long, value_name = "QUERY", num_args = 0..=1, default_missing_value = "")]
    watch: Option<String>,
    /// How reports are printed; a map on a terminal, edn elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    time: TimeArg,
}

impl Transact {
    pub fn run(self) -> Result<()> {
        // Until all is read there is nothing to end cleanly: Ctrl-C then ends the program itself.
        let texts = match self.text {
            Some(text) => vec![("text".to_string(), text)],
            None if self.files.is_empty() => missing(),
            None => self.files.iter().map(|file| input(file)).collect::<Result<_>>()?,
        };
        let (_run, budget) = self.time.begin();
        let patience = Patience::of(&budget);
        // Everything is read before anything is written: a typo in the last form leaves the database as it was.
        let mut transactions = Vec::new();
        for (name, text) in &texts {
            known(name, text)?;
            for form in edn::read(text).map_err(|e| e.in_source(name, text))? {
                match form.as_vector() {
                    Some(data) => transactions.push((name, text, data.to_vec())),
                    None => {
                        let e = Error::new(Code::InvalidTxForm, "a transaction is a vector of transaction data");
                        let e = e.at(form.span).hint("put it in brackets: [{:person/name \"Ada\"}]");
                        return Err(e.in_source(name, text));
                    }
                }
            }
        }
        let query = self.watch.as_deref().map(watched).transpose()?.flatten();
        let count = transactions.len();
        if self.db.is_new() {
            let Some((name, text, data)) = transactions.first() else {
                anstream::eprintln!("there is nothing to transact, and no database is made");
                return Ok(());
            };
            // What an empty database refuses leaves none behind.
            let mut empty = Session::of(Connection::in_memory()?);
            if let Some(query) = &query {
                Watch::answer(query.clone(), &mut empty)?;
            }
            let tried = empty.conn().transact(data.clone());
            tried.map_err(|e| failed(0, count, e.in_source(name, text)))?;
            patience.check()?;
        }
        let mut session = Session::of(self.db.or_new()?);
        session.budget = budget;
        let mut watch = match (&self.watch, query) {
            (None, _) => None,
            (Some(_), None) => Some(Watch::facts(&session)),
            (Some(_), Some(query)) => Some(Watch::answer(query, &mut session)?.0),
        };
        let (format, mut style) = (Format::or_default(self.format), style());
        let reports = Reports::default();
        let mut out = reports.clone();
        for (i, (name, text, data)) in transactions.into_iter().enumerate() {
            if let Err(e) = patience.check() {
                session.close()?;
                return Err(e.hint(format!("{i} of {} are stored", plural(count, "transaction"))));
            }
            let report = session
                .conn()
                .transact(data)
                .map_err(|e| failed(i, count, e.in_source(name, text)))?;
            for warning in &report.warnings {
                anstream::eprintln!("warning: {warning}");
            }
            match &mut watch {
                Some(watch) => std::io::Write::write_all(&mut out, watch.look(&mut session, &mut style)?.as_bytes())?,
                None => Reply::from(report_form(&report)).write(&mut out, format)?,
            }
        }
        session.close()?;
        reports.outcome()
    }
}

/// Ends the program where nothing says what to transact.
fn missing() -> ! {
    let mut cli = super::Cli::command();
    cli.build();
    let usage = cli.find_subcommand_mut("transact").expect("a command of the list");
    let what = "give a file, - for standard input, or the transactions behind -e: -e '[{:person/name \"Ada\"}]'";
    usage
        .error(clap::error::ErrorKind::MissingRequiredArgument, what)
        .exit()
}

/// The text of a file; a text that stands where a file does is pointed out.
fn input(file: &Path) -> Result<(String, String)> {
    read_input(file).map_err(|e| match file.to_string_lossy().trim_start().starts_with(['[', '{']) {
        true => {
            let e = Error::new(Code::InvalidArgument, "this is a text where a file's name is expected");
            e.hint("a text goes behind -e: asof transact -e '[...]'")
        }
        false => e,
    })
}

/// Says which of several transactions failed, and what is stored; gives its error.
fn failed(i: usize, count: usize, error: Error) -> Error {
    if count > 1 {
        let stored = if i == 0 {
            "nothing is stored"
        } else {
            "those before it are stored"
        };
        anstream::eprintln!("transaction {} of {count} failed; {stored}", i + 1);
    }
    error
}

/// The form that asks for what is watched; `None` for the facts themselves.
fn watched(text: &str) -> Result<Option<Edn>> {
    if text.is_empty() {
        return Ok(None);
    }
    let query = form("query", text)?;
    if !is_query(&query) {
        let e = Error::new(Code::InvalidArgument, format!("{query} is no query")).at(query.span);
        return Err(e.in_source("query", text));
    }
    Ok(Some(spelled_out(query, &Rules::default())))
}
