//! `asof repl`: forms at a prompt. A form may take several lines; it is evaluated when its brackets are closed.

use std::io::Write;
use std::path::PathBuf;

use asof::edn::{self, Completeness, Edn, Node};
use asof::error::{Code, Error, Result};
use clap::{Args, ValueEnum};
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Editor, Helper};

use crate::eval::{Session, schema_rows};
use crate::print::Format;

const HELP: &str = r#"A form is evaluated when its brackets are closed:
  [:find ?e ?n :where [?e :person/name ?n]]     a query, short for (q [...])
  (q query (as-of db T))                        the same as of a t, a transaction or an #inst
  (transact [{:person/name "Ada"}])             add facts
  (pull db [*] [:person/name "Ada"])            an entity as a nested map
  (datoms db :eavt 42) (tx-range 1 nil) ...     asof eval --help lists all
.schema           the attributes
.format FORMAT    table, edn, json or csv
.help  .quit      this text; the end (also Ctrl-D)"#;

#[derive(Args)]
pub struct Prompt {
    /// A database to work on, made when it is not there; without one, a fresh database in memory
    #[arg(long, value_name = "DIR", env = "ASOF_DB")]
    db: Option<PathBuf>,
    /// How results are printed; a table on a terminal, edn elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// Asks for another line while a form is open.
struct Brackets;

impl Validator for Brackets {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        Ok(
            match input.trim_start().starts_with('.') || !matches!(edn::is_complete(input), Completeness::Incomplete) {
                true => ValidationResult::Valid(None),
                false => ValidationResult::Incomplete,
            },
        )
    }
}
impl Completer for Brackets {
    type Candidate = String;
}
impl Hinter for Brackets {
    type Hint = String;
}
impl Highlighter for Brackets {}
impl Helper for Brackets {}

impl Prompt {
    pub fn run(self) -> Result<()> {
        let mut session = Session::open(self.db.as_deref(), false)?;
        let mut format = Format::or_default(self.format);
        let mut editor: Editor<Brackets, DefaultHistory> = Editor::new().map_err(terminal)?;
        editor.set_helper(Some(Brackets));
        let history = std::env::home_dir().map(|home| home.join(".asof_history"));
        if let Some(file) = &history {
            // The first time there is none.
            let _ = editor.load_history(file);
        }
        loop {
            let line = match editor.readline("asof> ") {
                Ok(line) => line,
                Err(ReadlineError::Eof) => break,
                Err(ReadlineError::Interrupted) => continue,
                Err(e) => return Err(terminal(e)),
            };
            if line.trim().is_empty() {
                continue;
            }
            let _ = editor.add_history_entry(&line);
            if matches!(line.trim(), ".quit" | ".exit") {
                break;
            }
            if let Err(e) = answer(&mut session, &line, &mut format) {
                anstream::eprintln!("{e}");
            }
        }
        if let Some(file) = &history
            && let Err(e) = editor.save_history(file)
        {
            anstream::eprintln!("the history of this prompt is not kept in {}: {e}", file.display());
        }
        session.close()
    }
}

fn terminal(e: ReadlineError) -> Error {
    Error::new(Code::Io, format!("the terminal failed: {e}")).caused_by(e)
}

/// Does what a line says: a command, or forms.
fn answer(session: &mut Session, line: &str, format: &mut Format) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [".help"] => writeln!(out, "{HELP}")?,
        [".schema"] => schema_rows(&session.db(), false)?.write(&mut out, *format)?,
        [".format", name] => {
            *format = Format::from_str(name, true).map_err(|_| {
                Error::new(Code::InvalidArgument, format!("there is no format {name}"))
                    .hint("the formats are table, edn, json and csv")
            })?;
        }
        [word, ..] if word.starts_with('.') => {
            let e = Error::new(
                Code::InvalidArgument,
                format!("there is no command {}", words.join(" ")),
            );
            return Err(e.hint("the commands are .schema, .format FORMAT, .help and .quit"));
        }
        _ => {
            for form in edn::Forms::new(line) {
                let replied = form.and_then(|form| session.eval(&short(form)));
                replied
                    .map_err(|e| e.in_source("prompt", line))?
                    .write(&mut out, *format)?;
            }
        }
    }
    Ok(())
}

/// A query by itself means `(q query)`.
fn short(form: Edn) -> Edn {
    let is_query = match &form.node {
        Node::Vector(parts) => parts.first().is_some_and(|first| first.to_string() == ":find"),
        Node::Map(entries) => entries.iter().any(|(key, _)| key.to_string() == ":find"),
        _ => false,
    };
    match is_query {
        true => Edn {
            span: form.span,
            node: Node::List(vec![Edn::sym("q"), form]),
        },
        false => form,
    }
}
