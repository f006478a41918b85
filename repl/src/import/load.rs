//! Rows on their way into a database: read by one thread, transacted by another, a chunk at a time.
//!
//! A chunk is a transaction. When one is refused it is cut in halves and tried again, until the row at fault stands alone: so rows
//! that contradict each other (the same entity twice) become true one after the other, in the order of the file, and what is wrong
//! is reported for its row. While a chunk is being written the next is being read, and no more than a few wait.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use asof::conn::{Connection, WriteOptions};
use asof::error::{ErrorKind, Result};
use asof::store::Durability;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::build::{self, Known, Replace};
use super::item::{Item, Misfit};
use super::rejects::{Bad, Rejects};
use super::source::Meter;

/// Chunks that may wait to be written.
const WAITING: usize = 2;
/// A chunk ends when its rows are this long together, in bytes.
const CHUNK_BYTES_MAX: usize = 8 << 20;
/// So many bad rows are shown; a rejects file has them all.
const SHOWN_MAX: u64 = 20;

/// What happens at a bad row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// Stop there: the rows before it are imported
    Stop,
    /// Leave it out and go on
    Skip,
}

/// How rows are loaded.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Loading")]
pub struct LoadArgs {
    /// Rows a transaction
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub batch: u64,
    /// What happens at a bad row
    #[arg(long, value_enum, default_value_t = OnError::Stop, value_name = "WHAT")]
    pub on_error: OnError,
    /// Where rows that were left out are written, as they were, with the reason
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
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
    /// The import ended at a bad row.
    pub stopped: bool,
}

/// Writes chunks.
struct Loader<'a> {
    conn: &'a Connection,
    stop: bool,
    rejects: &'a mut Rejects,
    outcome: Outcome,
    /// Some of it may be there already; then nothing is written that changes nothing.
    again: bool,
    known: Known<'a>,
    bar: ProgressBar,
}

/// What is to be loaded, and how.
pub struct Job<'a> {
    pub conn: &'a Connection,
    pub args: &'a LoadArgs,
    pub meter: Meter,
    pub rejects: &'a mut Rejects,
    /// Some of it may be there already.
    pub again: bool,
    /// Items have parts.
    pub parts: bool,
    /// Items say everything about these attributes.
    pub replace: Option<Replace<'a>>,
}

impl Job<'_> {
    /// Loads what `read` puts into its sink. An error of `read` is about the file as a whole; what stood before it is loaded.
    pub fn run(self, read: impl FnOnce(&mut Sink) -> Result<()> + Send) -> Result<Outcome> {
        let bar = progress(&self.meter);
        let (out, chunks) = sync_channel(WAITING);
        let stop = self.args.on_error == OnError::Stop;
        let mut sink = Sink {
            out,
            chunk: Chunk::default(),
            batch: self.args.batch as usize,
            stop,
        };
        let mut loader = Loader {
            conn: self.conn,
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
            bar,
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
        loader.bar.finish_and_clear();
        written?;
        match read {
            Ok(read) if !loader.outcome.stopped => read?,
            Ok(_) => {}
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(loader.outcome)
    }
}

impl Loader<'_> {
    fn all(&mut self, chunks: Receiver<Chunk>, meter: &Meter) -> Result<()> {
        for chunk in chunks {
            let mut bad = Vec::new();
            self.store(&chunk.rows, &mut bad)?;
            if !self.outcome.stopped {
                bad.extend(chunk.bad);
            }
            bad.sort_by_key(|bad| bad.line);
            for bad in bad {
                self.outcome.bad += 1;
                let shown = self.outcome.bad <= SHOWN_MAX;
                self.bar.suspend(|| self.rejects.add(&bad, shown))?;
                self.outcome.stopped |= self.stop;
            }
            self.bar.set_position(meter.read());
            self.bar.set_message(crate::print::count(self.outcome.rows));
            if self.outcome.stopped {
                break;
            }
        }
        if self.outcome.bad > SHOWN_MAX {
            anstream::eprintln!("... and {} more", crate::print::count(self.outcome.bad - SHOWN_MAX));
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
                Ok(())
            }
            Err(e)
                if !matches!(
                    e.kind(),
                    ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::NotFound | ErrorKind::Limit
                ) =>
            {
                Err(e)
            }
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
    /// What was done and how quickly, in a line.
    pub fn line(&self, took: Duration) -> String {
        use crate::print::{count, plural, rate};
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

/// A bar on standard error, where that is a terminal.
pub fn progress(meter: &Meter) -> ProgressBar {
    use std::io::IsTerminal;
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match meter.total {
        Some(total) => (
            ProgressBar::new(total),
            "{bar:40} {bytes}/{total_bytes}, {msg} rows, {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}, {msg} rows"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
