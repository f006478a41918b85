//! `asof transact`: facts from text.

use std::io::Write;
use std::path::PathBuf;

use asof::edn::{self, Node};
use asof::error::{Code, Error, Result};
use clap::Args;

use super::{DbArg, read_input};
use crate::eval::report_form;

#[derive(Args)]
pub struct Transact {
    /// Files of transactions, each a vector of transaction data; - for standard input
    #[arg(required_unless_present = "text")]
    files: Vec<PathBuf>,
    /// The transactions themselves
    #[arg(short = 'e', long = "text", value_name = "TEXT", conflicts_with = "files")]
    text: Option<String>,
    #[command(flatten)]
    db: DbArg,
}

impl Transact {
    pub fn run(self) -> Result<()> {
        let texts = match self.text {
            Some(text) => vec![("text".to_string(), text)],
            None => self.files.iter().map(|file| read_input(file)).collect::<Result<_>>()?,
        };
        // Everything is read before anything is written: a typo in the last form leaves the database as it was.
        let mut transactions = Vec::new();
        for (name, text) in &texts {
            for form in edn::read(text).map_err(|e| e.in_source(name, text))? {
                match form.node {
                    Node::Vector(data) => transactions.push((name, text, data)),
                    _ => {
                        let e = Error::new(Code::InvalidTxForm, "a transaction is a vector of transaction data");
                        let e = e.at(form.span).hint("put it in brackets: [{:person/name \"Ada\"}]");
                        return Err(e.in_source(name, text));
                    }
                }
            }
        }
        let conn = self.db.or_new()?;
        let count = transactions.len();
        let mut out = std::io::stdout().lock();
        for (i, (name, text, data)) in transactions.into_iter().enumerate() {
            let report = conn.transact(data).map_err(|e| {
                if count > 1 {
                    anstream::eprintln!("transaction {} of {count} failed; those before it are stored", i + 1);
                }
                e.in_source(name, text)
            })?;
            for warning in &report.warnings {
                anstream::eprintln!("warning: {warning}");
            }
            writeln!(out, "{}", report_form(&report))?;
        }
        conn.close()
    }
}
