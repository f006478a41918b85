//! Rows on their way into a database: read by one thread, transacted by another, a chunk at a time.
//!
//! A chunk is a transaction. When one is refused it is cut in halves and tried again, until the row at fault stands alone: so rows
//! that contradict each other (the same entity twice) become true one after the other, in the order of the file, and what is wrong
//! is reported for its row. While a chunk is being written the next is being read, and no more than a few wait.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use asof::conn::{Connection, WriteOptions};
use asof::error::{Error, Result};
use asof::store::Durability;
use clap::Args;

use super::build::{self, Known, Replace};
use super::item::{Item, Misfit};
use super::rejects::{Bad, BadArgs, OnError, Rejects, at_fault};
use super::source::Meter;
use crate::patience::Patience;
use crate::print::plural;
use crate::progress::Progress;

/// Chunks that may wait to be written.
const WAITING: usize = 2;
/// A chunk ends when its rows are this long together, in bytes.
const CHUNK_BYTES_MAX: usize = 8 << 20;

/// How rows are loaded.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Loading")]
pub struct LoadArgs {
    /// Rows a transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub batch: u64,
    #[command(flatten)]
    pub bad: BadArgs,
}

/// A record that can be imported.
pub struct Row {
    pub line: u64,
    pub raw: Vec<u8>,
    pub item: Item,
}

/// Rows for a transaction, and the bad ones met on the way.
#[derive(Default)]
struct Chunk {
    rows: Vec<Row>,
    bad: Vec<Bad>,
    bytes: usize,
}

/// Where a reader puts its rows.
pub struct Sink {
    out: SyncSender<Chunk>,
    chunk: Chunk,
    batch: usize,
    stop: bool,
}

/// Whoever takes the rows wants no more.
pub struct Enough;

impl Sink {
    /// A record, or what is wrong with it.
    pub fn put(&mut self, line: u64, raw: Vec<u8>, item: Result<Item, Misfit>) -> Result<(), Enough> {
        self.chunk.bytes += raw.len();
        match item {
            Ok(item) => self.chunk.rows.push(Row { line, raw, item }),
            Err(misfit) => {
                self.chunk.bad.push(Bad {
                    line,
                    raw,
                    column: misfit.column,
                    error: misfit.error,
                });
                if self.stop {
                    self.flush()?;
                    return Err(Enough);
                }
            }
        }
        match self.chunk.rows.len() >= self.batch || self.chunk.bytes >= CHUNK_BYTES_MAX {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), Enough> {
        let chunk = std::mem::take(&mut self.chunk);
        self.out.send(chunk).map_err(|_| Enough)
    }
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Records that are in the database now.
    pub rows: u64,
    /// Facts that are new.
    pub facts: u64,
    /// Transactions that have them.
    pub transactions: u64,
    /// Records that were left out.
    pub bad: u64,
    /// The line of the last of them.
    pub last: u64,
    /// The import ended at a bad row.
    pub stopped: bool,
    /// Attributes that it made, with their types.
    pub made: Vec<String>,
}

/// Writes chunks.
struct Loader<'a> {
    conn: &'a Connection,
    patience: &'a Patience,
    stop: bool,
    rejects: &'a mut Rejects,
    outcome: Outcome,
    /// Some of it may be there already; then nothing is written that changes nothing.
    again: bool,
    known: Known<'a>,
    progress: Progress,
}

/// What is to be loaded, and how.
pub struct Job<'a> {
    pub conn: &'a Connection,
    pub args: &'a LoadArgs,
    /// Ends it between two transactions.
    pub patience: &'a Patience,
    pub meter: Meter,
    pub rejects: &'a mut Rejects,
    /// Some of it may be there already.
    pub again: bool,
    /// Items are found again, so that importing again adds what is missing.
    pub named: bool,
    /// Items have parts.
    pub parts: bool,
    /// Items say everything about these attributes.
    pub replace: Option<Replace<'a>>,
}

impl Job<'_> {
    /// Loads what `read` puts into its sink. An error of `read` is about the file as a whole; what stood before it is loaded.
    pub fn run(self, read: impl FnOnce(&mut Sink) -> Result<()> + Send) -> Result<Outcome> {
        let (out, chunks) = sync_channel(WAITING);
        let stop = self.args.bad.on_error == OnError::Stop;
        let mut sink = Sink {
            out,
            chunk: Chunk::default(),
            batch: self.args.batch as usize,
            stop,
        };
        let mut loader = Loader {
            conn: self.conn,
            patience: self.patience,
            stop,
            rejects: self.rejects,
            outcome: Outcome::default(),
            again: self.again,
            known: match self.again {
                true => Known {
                    parts: self.parts,
                    replace: self.replace,
                },
                false => Known::default(),
            },
            progress: Progress::reading(self.meter.total, "rows"),
        };
        let (read, written) = std::thread::scope(|scope| {
            let reader = scope.spawn(move || {
                let read = read(&mut sink);
                // Nobody waits for the last chunk when the import has ended.
                let _ = sink.flush();
                read
            });
            let written = loader.all(chunks, &self.meter);
            (reader.join(), written)
        });
        let outcome = loader.outcome;
        drop(loader.progress);
        let end = |e: Error| self.patience.explain(e, || outcome.kept(self.conn, self.named));
        written.map_err(end)?;
        match read {
            Ok(read) if !outcome.stopped => read.map_err(|e| {
                let before = plural(outcome.rows, "row");
                end(e.hint(format!("what stands before it is imported: {before}")))
            })?,
            Ok(_) => {}
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(outcome)
    }
}

impl Loader<'_> {
    fn all(&mut self, chunks: Receiver<Chunk>, meter: &Meter) -> Result<()> {
        for chunk in chunks {
            self.patience.check()?;
            let mut bad = Vec::new();
            self.store(&chunk.rows, &mut bad)?;
            if !self.outcome.stopped {
                bad.extend(chunk.bad);
            }
            bad.sort_by_key(|bad| bad.line);
            for bad in bad {
                self.progress.aside(|| self.rejects.add(&bad))?;
                self.outcome.bad = self.rejects.count;
                self.outcome.stopped |= self.stop;
            }
            self.progress.read(meter.read(), self.outcome.rows);
            if self.outcome.stopped {
                break;
            }
        }
        Ok(())
    }

    /// Transacts rows, or finds those at fault.
    fn store(&mut self, rows: &[Row], bad: &mut Vec<Bad>) -> Result<()> {
        if rows.is_empty() || self.outcome.stopped {
            return Ok(());
        }
        match self.transact(rows) {
            Ok(()) => {
                self.outcome.rows += rows.len() as u64;
                self.outcome.last = rows[rows.len() - 1].line;
                Ok(())
            }
            Err(e) if !at_fault(&e) => Err(e),
            Err(error) if rows.len() == 1 => {
                bad.push(Bad {
                    line: rows[0].line,
                    raw: rows[0].raw.clone(),
                    column: None,
                    error,
                });
                self.outcome.stopped |= self.stop;
                Ok(())
            }
            Err(_) => {
                let (first, second) = rows.split_at(rows.len() / 2);
                self.store(first, bad)?;
                self.store(second, bad)
            }
        }
    }

    fn transact(&mut self, rows: &[Row]) -> Result<()> {
        let db = self.conn.db();
        let tx = build::transaction(&db, rows.iter().map(|row| &row.item), self.known)?;
        if tx.is_empty() || self.again && db.with(tx.clone())?.noop {
            return Ok(());
        }
        let options = WriteOptions {
            durability: Some(Durability::Process),
            ..WriteOptions::default()
        };
        let report = self.conn.transact_with(tx, &options)?;
        self.outcome.transactions += 1;
        // Without the transaction's own instant.
        self.outcome.facts += report.datom_count() as u64 - 1;
        Ok(())
    }
}

impl Outcome {
    /// What is there of an import that was to end early.
    fn kept(&self, conn: &Connection, named: bool) -> String {
        let t = conn.db().basis_t();
        let rest = match named {
            true => "importing again adds the rest",
            false => "the rest is what stands behind that line",
        };
        match self.rows {
            0 => "no row is imported".to_string(),
            1 => format!("1 row is imported, from line {}, at t {t}; {rest}", self.last),
            n => format!(
                "{} are imported, the last from line {}, up to t {t}; {rest}",
                plural(n, "row"),
                crate::print::count(self.last)
            ),
        }
    }

    /// What was done and how quickly, in a line.
    pub fn line(&self, took: Duration) -> String {
        use crate::print::{count, rate};
        let mut line = format!(
            "{} ({}/s), {}, {}",
            plural(self.rows, "row"),
            count((self.rows as f64 / took.as_secs_f64().max(1e-6)) as u64),
            plural(self.transactions, "transaction"),
            rate(self.facts, "new fact", took)
        );
        if self.bad > 0 {
            line.push_str(&format!("; {} left out", plural(self.bad, "bad row")));
        }
        line
    }
}
