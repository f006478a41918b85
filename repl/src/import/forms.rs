//! `asof import edn`: transactions as text, one in memory at a time.

use std::io::BufRead;
use std::time::Duration;

use asof::conn::{Connection, WriteOptions};
use asof::edn::{self, Edn, Node};
use asof::error::{Code, Error, Result};
use asof::store::Durability;

use super::elements::{Forms, Piece};
use super::source::{Meter, Source};

/// Reads the transactions of a source.
pub struct Transactions {
    name: String,
    forms: Forms<Box<dyn BufRead + Send>>,
    meter: Meter,
}

/// A transaction and the text that it stands in.
pub struct Transaction {
    line: u64,
    text: String,
    data: Vec<Edn>,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Done {
    transactions: u64,
    facts: u64,
}

impl Transactions {
    pub fn open(source: &Source) -> Result<Transactions> {
        let (input, meter) = source.open()?;
        Ok(Transactions {
            name: source.name.clone(),
            forms: Forms::new(input),
            meter,
        })
    }

    /// The next piece that holds any.
    pub fn read(&mut self) -> Result<Option<Vec<Transaction>>> {
        loop {
            let piece = self
                .forms
                .read()
                .map_err(|e| Error::new(e.code(), format!("{}, {}", self.name, e.message())).caused_by(e))?;
            let Some(piece) = piece else { return Ok(None) };
            let found = self.transactions(piece)?;
            if !found.is_empty() {
                return Ok(Some(found));
            }
        }
    }

    fn transactions(&mut self, mut piece: Piece) -> Result<Vec<Transaction>> {
        loop {
            match self.forms(&piece) {
                // What is discarded may end where nothing is complete yet: #_ #_ [a] [b].
                Err(e) if matches!(edn::is_complete(piece.str()?), edn::Completeness::Incomplete) => {
                    match self.forms.read()? {
                        Some(more) => {
                            piece.text.push(b' ');
                            piece.text.extend(more.text);
                        }
                        None => return Err(e),
                    }
                }
                found => return found,
            }
        }
    }

    fn forms(&self, piece: &Piece) -> Result<Vec<Transaction>> {
        let text = piece.str()?;
        let mut found = Vec::new();
        for form in edn::bulk::read_forms(text) {
            let form = form.map_err(|e| self.placed(e, piece.line, text))?;
            let operation =
                |items: &[Edn]| matches!(items.first().map(|i| &i.node), Some(Node::Keyword(_) | Node::Symbol(_)));
            let data = match &form.node {
                Node::Vector(items) if !operation(items) => form.into_seq().unwrap_or_else(|form| vec![form]),
                Node::Map(_) | Node::Vector(_) | Node::List(_) => vec![form],
                _ => {
                    let e = Error::new(Code::InvalidTxForm, format!("{form} is no transaction"))
                        .at(form.span)
                        .hint("a transaction is a vector of maps and lists: [{:person/name \"Ada\"}]");
                    return Err(self.placed(e, piece.line, text));
                }
            };
            found.push(Transaction {
                line: piece.line,
                text: text.to_string(),
                data,
            });
        }
        Ok(found)
    }

    /// An error with its place in the file.
    fn placed(&self, e: Error, line: u64, text: &str) -> Error {
        // Lines are counted in the piece; the ones before it are put back.
        let before = "\n".repeat(line.saturating_sub(1).min(10_000_000) as usize);
        match e.span().is_some() {
            true => {
                let (start, end) = (e.span().start as usize, e.span().end as usize);
                let moved = asof::error::Span::new(start + before.len(), end + before.len());
                let mut out = Error::new(e.code(), e.message()).at(moved);
                if let Some(hint) = e.hint_text() {
                    out = out.hint(hint);
                }
                out.in_source(&self.name, &format!("{before}{text}"))
            }
            false => e,
        }
    }

    /// Transacts all there are, `first` first.
    pub fn load(&mut self, first: Option<Vec<Transaction>>, conn: &Connection) -> Result<Done> {
        let bar = super::load::progress(&self.meter);
        let options = WriteOptions {
            durability: Some(Durability::Process),
            ..WriteOptions::default()
        };
        let mut done = Done::default();
        let mut next = first;
        while let Some(transactions) = next {
            for Transaction { line, text, data } in transactions {
                let report = conn.transact_with(data, &options).map_err(|e| {
                    bar.finish_and_clear();
                    if done.transactions > 0 {
                        anstream::eprintln!(
                            "{} before it are stored",
                            crate::print::plural(done.transactions, "transaction")
                        );
                    }
                    self.placed(e, line, &text)
                })?;
                done.transactions += 1;
                done.facts += report.datom_count() as u64 - 1;
                for warning in &report.warnings {
                    bar.suspend(|| anstream::eprintln!("warning: {warning}"));
                }
            }
            bar.set_position(self.meter.read());
            next = self.read().inspect_err(|_| {
                anstream::eprintln!(
                    "{} before it are stored",
                    crate::print::plural(done.transactions, "transaction")
                );
            })?;
        }
        bar.finish_and_clear();
        Ok(done)
    }
}

impl Done {
    /// What was done and how quickly, in a line.
    pub fn line(&self, took: Duration) -> String {
        use crate::print::{plural, rate};
        format!(
            "{}, {}",
            plural(self.transactions, "transaction"),
            rate(self.facts, "new fact", took)
        )
    }
}
