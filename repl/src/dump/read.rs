//! From a dump to a database.
//!
//! The file is read twice. The first time nothing is written: counts and hash are made from the facts, which takes no database,
//! and must be those of the manifest. The second time transactions are appended, some thousand facts at a time.

use std::io::BufRead;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use asof::conn::Connection;
use asof::datom::{T, Value};
use asof::error::{Code, Error, Result};
use asof::log::{Hash, NO_HASH, Transaction};

use super::Manifest;
use super::line;
use super::manifest::hex;
use crate::import::source::{Meter, Source};
use crate::progress::Progress;

/// So many facts are handed on at once, and appended with one sync.
const BATCH: usize = 50_000;
/// So many of these wait.
const WAITING: usize = 2;

/// A dump whose manifest says the truth about it.
pub struct Dump {
    source: Source,
    /// What it says about itself.
    pub manifest: Manifest,
}

/// The transactions of a dump, one after another.
struct Transactions {
    name: String,
    lines: Box<dyn BufRead + Send>,
    number: usize,
    line: String,
    /// The first fact of the next transaction.
    ahead: Option<asof::Datom>,
    /// The number that it must have.
    next: T,
}

impl Transactions {
    fn open(source: &Source) -> Result<(Manifest, Transactions, Meter)> {
        let (lines, meter) = source.open()?;
        let mut all = Transactions {
            name: source.name.clone(),
            lines,
            number: 0,
            line: String::new(),
            ahead: None,
            next: 0,
        };
        all.next_line()?;
        let manifest = Manifest::parse(&all.line)?;
        all.ahead = all.fact()?;
        Ok((manifest, all, meter))
    }

    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        self.number += 1;
        match self.lines.read_line(&mut self.line) {
            Ok(n) => Ok(n > 0),
            Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
                Err(self.at_line(Error::new(Code::InvalidArgument, "the line is not UTF-8")))
            }
            Err(e) => Err(e.into()),
        }
    }

    fn at_line(&self, e: Error) -> Error {
        let why = format!("{}, line {}: {}", self.name, self.number, e.message());
        Error::new(e.code(), why).caused_by(e)
    }

    fn fact(&mut self) -> Result<Option<asof::Datom>> {
        while self.next_line()? {
            if !self.line.trim().is_empty() {
                return line::read(&self.line).map(Some).map_err(|e| self.at_line(e));
            }
        }
        Ok(None)
    }

    fn transaction(&mut self) -> Result<Option<Transaction>> {
        let Some(first) = self.ahead.take() else {
            return Ok(None);
        };
        let wrong = |what: String| Err(self.at_line(Error::new(Code::InvalidArgument, what)));
        let tx = first.tx;
        let Value::Instant(instant) = first.v else {
            return wrong(format!("transaction {} does not begin with its instant", tx.t()));
        };
        if tx.t() != self.next {
            let before = self.next;
            return wrong(format!(
                "transaction {before} is missing: {} follows the one before",
                tx.t()
            ));
        }
        self.next += 1;
        let mut datoms = vec![first];
        loop {
            match self.fact()? {
                Some(fact) if fact.tx == tx => datoms.push(fact),
                other => {
                    self.ahead = other;
                    break;
                }
            }
        }
        Ok(Some(Transaction {
            t: tx.t(),
            instant,
            datoms,
        }))
    }

    /// Sends all of them on, some at a time, until nobody wants more.
    fn send(mut self, out: &SyncSender<Result<Vec<Transaction>>>) {
        loop {
            let (mut batch, mut facts) = (Vec::new(), 0);
            let end = loop {
                match self.transaction() {
                    Ok(Some(tx)) => {
                        facts += tx.datoms.len();
                        batch.push(tx);
                        if facts >= BATCH {
                            break None;
                        }
                    }
                    Ok(None) => break Some(Ok(())),
                    Err(e) => break Some(Err(e)),
                }
            };
            let sent = out.send(Ok(batch));
            match end {
                Some(Err(e)) => drop(out.send(Err(e))),
                None if sent.is_ok() => continue,
                _ => {}
            }
            return;
        }
    }
}

/// Reads `source` in a thread of its own, and does with its transactions what `each` does. `kept` says what stays when it is to end
/// early.
fn read(
    source: &Source,
    doing: &'static str,
    mut each: impl FnMut(&[Transaction]) -> Result<()>,
    kept: impl FnOnce() -> String,
) -> Result<Manifest> {
    let (manifest, transactions, meter) = Transactions::open(source)?;
    let progress = Progress::reading(meter.total, doing);
    let mut facts = 0;
    let done = std::thread::scope(|scope| {
        let (out, batches): (_, Receiver<Result<Vec<Transaction>>>) = sync_channel(WAITING);
        scope.spawn(move || transactions.send(&out));
        for batch in batches {
            let batch = batch?;
            each(&batch)?;
            facts += batch.iter().map(|tx| tx.datoms.len() as u64).sum::<u64>();
            progress.read(meter.read(), facts);
        }
        Ok(manifest)
    });
    done.map_err(|e| source.patience.explain(e, kept))
}

impl Dump {
    /// Reads `source` and proves that its manifest fits. `start` is the end of the log that it will go on from: the dump must hold
    /// the same up to there.
    pub fn open(source: Source, start: (T, Hash)) -> Result<Dump> {
        if !source.again() {
            let message = "a dump is read twice, and standard input can be read once";
            return Err(Error::new(Code::InvalidArgument, message).hint("write it to a file first"));
        }
        let (mut hash, mut count, mut facts) = (NO_HASH, 0, 0);
        let (mut end, mut fits) = (None, false);
        let manifest = read(
            &source,
            "facts proven",
            |batch| {
                for tx in batch {
                    hash = tx.record(&hash)?.1;
                    if tx.t == start.0 {
                        fits = hash == start.1;
                    }
                    count += 1;
                    facts += tx.datoms.len() as u64;
                    end = Some((tx.t, tx.instant));
                }
                Ok(())
            },
            || "nothing was written".to_string(),
        )?;
        let misfit = |what: String| {
            Err(Error::new(
                Code::InvalidArgument,
                format!("{} is not what its manifest says: {what}", source.name),
            )
            .hint("nothing was written; the file was changed or cut short since asof export --history wrote it"))
        };
        if (count, facts) != (manifest.transactions, manifest.facts) || end != Some((manifest.t, manifest.instant)) {
            return misfit(format!(
                "it holds {count} transactions with {facts} facts, not {} with {}",
                manifest.transactions, manifest.facts
            ));
        }
        if hash != manifest.hash {
            return misfit(format!("its hash is {}, not {}", hex(&hash), hex(&manifest.hash)));
        }
        if !fits {
            return Err(other_log(start.0));
        }
        Ok(Dump { source, manifest })
    }
}

fn other_log(t: T) -> Error {
    Error::new(
        Code::InvalidArgument,
        format!("the database is not a beginning of this dump: they differ at t {t} or before"),
    )
    .hint("import into a new folder; a database made by another version of asof may begin otherwise")
}

/// Appends what `conn` does not have of the dump yet, and proves that both are the same then. Gives how many transactions were
/// new.
pub fn restore(conn: &Connection, dump: &Dump) -> Result<u64> {
    let start = conn.db().basis_t();
    let patience = &dump.source.patience;
    let kept = || {
        let t = conn.db().basis_t();
        format!(
            "the transactions up to t {t} of {} are imported; importing again continues there",
            dump.manifest.t
        )
    };
    read(
        &dump.source,
        "facts imported",
        |batch| {
            patience.check()?;
            conn.replay(&batch[batch.partition_point(|tx| tx.t <= start)..])
        },
        kept,
    )?;
    let found = conn
        .verify_while(&|| patience.step())
        .map_err(|e| patience.explain(e, kept))?
        .end;
    if found != Some((dump.manifest.t, dump.manifest.hash)) {
        let what = "the database is not what the manifest says: the file changed while it was read";
        return Err(Error::new(Code::ChainBroken, what).hint("import again, into a new folder"));
    }
    Ok(conn.db().basis_t() - start)
}
