//! `asof q`, `asof pull` and `asof schema`: questions from the command line.

use std::path::Path;
use std::time::Duration;

use asof::edn::{self, Edn, Node};
use asof::error::{Code, Error, Result};
use asof::query::Budget;
use clap::Args;

use super::{DbArg, ViewArgs, read_input};
use crate::eval::{ask, explain, pull, schema_rows};
use crate::print::Format;

#[derive(Args)]
#[command(after_help = QUERY_HELP)]
pub struct Query {
    /// The query, or @FILE for the text of a file (@- for standard input)
    query: String,
    /// Inputs for :in after the database, as EDN; among them db, (as-of db T), (since db T) and (history db)
    /// name databases, and then the first input is no longer implied
    #[arg(allow_negative_numbers = true)]
    inputs: Vec<String>,
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    view: ViewArgs,
    /// How the result is printed; a table on a terminal, edn elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Show the plan instead of the result
    #[arg(long)]
    explain: bool,
    /// The longest the query may take: 500ms, 10s, 2m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
}

/// A span of time as people write it; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let millis = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        _ => 0,
    };
    match digits.parse::<u64>().ok().and_then(|n| n.checked_mul(millis)) {
        Some(n) if millis > 0 => Ok(Duration::from_millis(n)),
        _ => Err("give a number with its unit: 500ms, 10s, 2m".to_string()),
    }
}

const QUERY_HELP: &str = r#"Examples:
  asof q '[:find ?n :where [_ :person/name ?n]]'
  asof q '[:find ?e :in $ ?n :where [?e :person/name ?n]]' '"Ada"'
  asof q '[:find ?p :in $ $then :where [?f :file/path ?p] (not [$then ?f :file/path])]' db '(as-of db 10)'
  asof q @query.edn --as-of 2024-05-01 --format csv"#;

impl Query {
    pub fn run(self) -> Result<()> {
        let (name, text) = match self.query.strip_prefix('@') {
            Some(file) => read_input(Path::new(file))?,
            None => ("query".to_string(), self.query),
        };
        let query = edn::read_one(&text).map_err(|e| e.in_source(&name, &text))?;
        let mut inputs = Vec::new();
        for given in &self.inputs {
            let input = edn::read_one(given).map_err(|e| e.in_source("input", given))?;
            if matches!(&input.node, Node::Symbol(s) if s.to_string() != "db") {
                let e = Error::new(
                    Code::InvalidArgument,
                    format!("{given} is a symbol, which no query takes as an input"),
                );
                return Err(e.hint(format!("a text has quotes of its own: '\"{given}\"'")));
            }
            inputs.push(input);
        }
        let conn = self.db.existing()?;
        let db = self.view.of(conn.db())?;
        if !inputs.iter().any(is_database) {
            inputs.insert(0, Node::Symbol(edn::Symbol::new("db")).into());
        }
        let answer = match self.explain {
            true => explain(&db, &query, &inputs),
            false => {
                let budget = Budget {
                    timeout: self.timeout,
                    ..Budget::default()
                };
                ask(&db, &query, &inputs, &budget)
            }
        };
        let format = Format::or_default(self.format);
        answer
            .map_err(|e| e.in_source(&name, &text))?
            .write(&mut std::io::stdout().lock(), format)
    }
}

/// Whether an input names a database.
fn is_database(input: &Edn) -> bool {
    match &input.node {
        Node::Symbol(s) => s.to_string() == "db",
        Node::List(call) => call.get(1).is_some_and(is_database),
        _ => false,
    }
}

#[derive(Args)]
pub struct Pull {
    /// What to show, as '[:person/name {:person/friend [:person/name]}]' or '[*]'
    pattern: String,
    /// Of whom: an entity id, an ident or a lookup ref such as '[:person/email "ada@x"]'
    entity: String,
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    view: ViewArgs,
    /// How the result is printed
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl Pull {
    pub fn run(self) -> Result<()> {
        let pattern = edn::read_one(&self.pattern).map_err(|e| e.in_source("pattern", &self.pattern))?;
        let entity = edn::read_one(&self.entity).map_err(|e| e.in_source("entity", &self.entity))?;
        let conn = self.db.existing()?;
        let db = self.view.of(conn.db())?;
        let found = pull(&db, &pattern, &entity).map_err(|e| e.in_source("pattern", &self.pattern))?;
        found.write(&mut std::io::stdout().lock(), Format::or_default(self.format))
    }
}

#[derive(Args)]
pub struct ShowSchema {
    #[command(flatten)]
    db: DbArg,
    #[command(flatten)]
    view: ViewArgs,
    /// Also the attributes that every database has
    #[arg(long)]
    all: bool,
    /// How the result is printed
    #[arg(long, value_enum)]
    format: Option<Format>,
}

impl ShowSchema {
    pub fn run(self) -> Result<()> {
        let conn = self.db.existing()?;
        let db = self.view.of(conn.db())?;
        schema_rows(&db, self.all)?.write(&mut std::io::stdout().lock(), Format::or_default(self.format))
    }
}
