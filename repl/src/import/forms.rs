//! `asof import edn`: transactions as text, one in memory at a time.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Duration;

use asof::conn::{Connection, WriteOptions};
use asof::edn::{self, Edn, Node};
use asof::error::{Code, Error, Result, Span};
use asof::store::Durability;

use super::elements::{Forms, Piece};
use super::rejects::{Bad, BadArgs, OnError, Rejects, Style, at_fault};
use super::source::{Meter, Source};
use crate::patience::Patience;
use crate::print::plural;
use crate::progress::Progress;

/// Reads the transactions of a source.
pub struct Transactions {
    name: String,
    forms: Forms<Box<dyn BufRead + Send>>,
    meter: Meter,
    patience: Arc<Patience>,
}

/// A transaction and the text that it stands in.
pub struct Transaction {
    line: u64,
    text: Vec<u8>,
    /// What it says, or why that cannot be read.
    data: Result<Vec<Edn>>,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Done {
    transactions: u64,
    facts: u64,
    /// The line of the last of them.
    last: u64,
    /// Transactions that were left out.
    pub bad: u64,
}

impl Transactions {
    pub fn open(source: &Source) -> Result<Transactions> {
        let (input, meter) = source.open()?;
        Ok(Transactions {
            name: source.name.clone(),
            forms: Forms::new(input),
            meter,
            patience: source.patience.clone(),
        })
    }

    /// The next piece that holds any.
    pub fn read(&mut self) -> Result<Option<Vec<Transaction>>> {
        loop {
            let Some(piece) = self.forms.read().map_err(|e| self.of_file(e))? else {
                return Ok(None);
            };
            let found = self.transactions(piece)?;
            if !found.is_empty() {
                return Ok(Some(found));
            }
        }
    }

    fn of_file(&self, e: Error) -> Error {
        Error::new(e.code(), format!("{}, {}", self.name, e.message())).caused_by(e)
    }

    fn transactions(&mut self, mut piece: Piece) -> Result<Vec<Transaction>> {
        let unreadable = loop {
            let e = match piece.str().and_then(forms) {
                Ok(found) => {
                    let transaction = |form| Transaction {
                        line: piece.line,
                        text: piece.text.clone(),
                        data: data(form),
                    };
                    return Ok(found.into_iter().map(transaction).collect());
                }
                Err(e) => e,
            };
            // What is discarded may end where nothing is complete yet: #_ #_ [a] [b].
            let incomplete = |text| matches!(edn::is_complete(text), edn::Completeness::Incomplete);
            match piece.str().is_ok_and(incomplete) {
                true => match self.forms.read().map_err(|e| self.of_file(e))? {
                    Some(more) => {
                        piece.text.push(b' ');
                        piece.text.extend(more.text);
                    }
                    None => break e,
                },
                false => break e,
            }
        };
        Ok(vec![Transaction {
            line: piece.line,
            data: Err(in_lines(unreadable, &piece)),
            text: piece.text,
        }])
    }

    /// An error of a transaction with its place in the file.
    fn placed(&self, e: Error, line: u64, text: &[u8]) -> Error {
        if !e.span().is_some() {
            let hint = e.hint_text().map(str::to_string);
            let placed = Error::new(e.code(), format!("{}, line {line}: {}", self.name, e.message())).caused_by(e);
            return match hint {
                Some(hint) => placed.hint(hint),
                None => placed,
            };
        }
        // Lines are counted in the piece; the ones before it are put back.
        let before = before(line);
        let (start, end) = (e.span().start as usize, e.span().end as usize);
        let span = Span::new(start + before.len(), end + before.len());
        moved(&e, span).in_source(&self.name, &(before + &String::from_utf8_lossy(text)))
    }

    /// What is wrong with transactions that were read, before anything is done with them.
    pub fn wrong(&self, read: &mut [Transaction]) -> Option<Error> {
        let bad = read.iter_mut().find(|tx| tx.data.is_err())?;
        let e = std::mem::replace(&mut bad.data, Ok(Vec::new())).err()?;
        Some(self.placed(e, bad.line, &bad.text))
    }

    /// Transacts all there are, `first` first.
    pub fn load(&mut self, first: Option<Vec<Transaction>>, conn: &Connection, args: &BadArgs) -> Result<Done> {
        let progress = Progress::reading(self.meter.total, "facts");
        let mut rejects = Rejects::new(&self.name, args.rejects.as_deref(), Style::Below(";"))?;
        let options = WriteOptions {
            durability: Some(Durability::Process),
            ..WriteOptions::default()
        };
        let mut done = Done::default();
        let mut next = first;
        while let Some(transactions) = next {
            for Transaction { line, text, data } in transactions {
                if let Err(e) = self.patience.check() {
                    return Err(e.hint(done.kept()));
                }
                let report = match data.and_then(|data| conn.transact_with(data, &options)) {
                    Ok(report) => report,
                    Err(error) if args.on_error == OnError::Skip && at_fault(&error) => {
                        let bad = Bad {
                            line,
                            raw: text,
                            column: None,
                            error,
                        };
                        progress.aside(|| rejects.add(&bad))?;
                        continue;
                    }
                    Err(e) => {
                        drop(progress);
                        done.tell_stored();
                        return Err(self.placed(e, line, &text));
                    }
                };
                done.transactions += 1;
                done.last = line;
                done.facts += report.datom_count() as u64 - 1;
                for warning in &report.warnings {
                    progress.aside(|| anstream::eprintln!("warning: {warning}"));
                }
            }
            progress.read(self.meter.read(), done.facts);
            next = match self.read() {
                Ok(next) => next,
                Err(e) => {
                    drop(progress);
                    if self.patience.check().is_ok() {
                        done.tell_stored();
                    }
                    return Err(self.patience.explain(e, || done.kept()));
                }
            };
        }
        drop(progress);
        done.bad = rejects.count;
        rejects.finish()?;
        Ok(done)
    }
}

/// The lines before a piece, empty.
fn before(line: u64) -> String {
    "\n".repeat(line.saturating_sub(1).min(10_000_000) as usize)
}

/// The same error at another place.
fn moved(e: &Error, span: Span) -> Error {
    let moved = Error::new(e.code(), e.message()).at(span);
    match e.hint_text() {
        Some(hint) => moved.hint(hint),
        None => moved,
    }
}

/// An error of the reader, which speaks of lines, with the lines of the file; its span stays that of the piece.
fn in_lines(e: Error, piece: &Piece) -> Error {
    let before = before(piece.line);
    let again = piece.str().map(|text| forms(&format!("{before}{text}")));
    let Ok(Err(again)) = again else { return e };
    moved(&again, e.span())
}

/// The forms of a text.
fn forms(text: &str) -> Result<Vec<Edn>> {
    edn::bulk::read_forms(text).collect()
}

/// The transaction that a form is.
fn data(form: Edn) -> Result<Vec<Edn>> {
    let operation = |items: &[Edn]| matches!(items.first().map(|i| &i.node), Some(Node::Keyword(_) | Node::Symbol(_)));
    match &form.node {
        Node::Vector(items) if !operation(items) => Ok(form.into_seq().unwrap_or_else(|form| vec![form])),
        Node::Map(_) | Node::Vector(_) | Node::List(_) => Ok(vec![form]),
        _ => Err(Error::new(Code::InvalidTxForm, format!("{form} is no transaction"))
            .at(form.span)
            .hint("a transaction is a vector of maps and lists: [{:person/name \"Ada\"}]")),
    }
}

impl Done {
    /// What is there of an import that was to end early.
    fn kept(&self) -> String {
        match self.transactions {
            0 => "nothing is stored".to_string(),
            1 => format!(
                "1 transaction is stored, from line {}; the rest stands behind it",
                self.last
            ),
            n => format!(
                "{} are stored, the last from line {}; the rest stands behind it",
                plural(n, "transaction"),
                crate::print::count(self.last)
            ),
        }
    }

    /// Says what is stored although the import failed.
    fn tell_stored(&self) {
        if self.transactions > 0 {
            let before = plural(self.transactions, "transaction");
            anstream::eprintln!("stored before it: {before}");
        }
    }

    /// What was done and how quickly, in a line.
    pub fn line(&self, took: Duration) -> String {
        use crate::print::rate;
        let mut line = format!(
            "{}, {}",
            plural(self.transactions, "transaction"),
            rate(self.facts, "new fact", took)
        );
        if self.bad > 0 {
            line.push_str(&format!("; {} left out", plural(self.bad, "bad transaction")));
        }
        line
    }
}
