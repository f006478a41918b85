//! From a dump to a database.
//!
//! The file is read twice. The first time nothing is written: counts and hash are made from the facts, which takes no database,
//! and must be those of the manifest. The second time transactions are appended, some thousand facts at a time.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use asof::conn::Connection;
use asof::datom::{T, Value};
use asof::error::{Code, Error, Result};
use asof::log::{Hash, NO_HASH, Transaction};

use super::Manifest;
use super::line;
use super::manifest::hex;

/// So many facts are appended with one sync.
const BATCH: usize = 10_000;

/// A dump whose manifest says the truth about it.
pub struct Dump {
    path: PathBuf,
    /// What it says about itself.
    pub manifest: Manifest,
}

/// The transactions of a dump, one after another.
struct Transactions {
    name: String,
    lines: BufReader<File>,
    number: usize,
    line: String,
    /// The first fact of the next transaction.
    ahead: Option<asof::Datom>,
}

impl Transactions {
    fn open(path: &Path) -> Result<(Manifest, Transactions)> {
        let name = path.display().to_string();
        let file = File::open(path)
            .map_err(|e| Error::new(Code::InvalidArgument, format!("cannot read {name}: {e}")).caused_by(e))?;
        let mut all = Transactions {
            name,
            lines: BufReader::with_capacity(1 << 20, file),
            number: 0,
            line: String::new(),
            ahead: None,
        };
        all.next_line()?;
        let manifest = Manifest::parse(&all.line)?;
        all.ahead = all.fact()?;
        Ok((manifest, all))
    }

    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        self.number += 1;
        Ok(self.lines.read_line(&mut self.line)? > 0)
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
        let tx = first.tx;
        let Value::Instant(instant) = first.v else {
            let what = format!("transaction {} does not begin with its instant", tx.t());
            return Err(self.at_line(Error::new(Code::InvalidArgument, what)));
        };
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
}

impl Dump {
    /// Reads the file at `path` and proves that its manifest fits. `start` is the end of the log that it will go on from:
    /// the dump must hold the same up to there.
    pub fn open(path: &Path, start: (T, Hash)) -> Result<Dump> {
        let (manifest, mut transactions) = Transactions::open(path)?;
        let (mut hash, mut count, mut facts) = (NO_HASH, 0, 0);
        let mut end = None;
        while let Some(tx) = transactions.transaction()? {
            if tx.t != count {
                let what = format!("transaction {count} is missing: {} follows the one before", tx.t);
                return Err(transactions.at_line(Error::new(Code::InvalidArgument, what)));
            }
            hash = tx.record(&hash)?.1;
            if tx.t == start.0 && hash != start.1 {
                return Err(other_log(start.0));
            }
            count += 1;
            facts += tx.datoms.len() as u64;
            end = Some((tx.t, tx.instant));
        }
        let misfit = |what: String| {
            Err(Error::new(
                Code::InvalidArgument,
                format!("{} is not what its manifest says: {what}", path.display()),
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
        if start.0 > manifest.t {
            return Err(other_log(start.0));
        }
        Ok(Dump {
            path: path.to_path_buf(),
            manifest,
        })
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
/// new. `seen` hears of each t that is safe.
pub fn restore(conn: &Connection, dump: &Dump, seen: &mut dyn FnMut(T)) -> Result<u64> {
    let start = conn.db().basis_t();
    let (_, mut transactions) = Transactions::open(&dump.path)?;
    let (mut batch, mut facts) = (Vec::new(), 0);
    loop {
        let next = transactions.transaction()?;
        let done = next.is_none();
        if let Some(tx) = next.filter(|tx| tx.t > start) {
            facts += tx.datoms.len();
            batch.push(tx);
        }
        if facts >= BATCH || done {
            conn.replay(&batch)?;
            batch.clear();
            facts = 0;
            seen(conn.db().basis_t());
        }
        if done {
            break;
        }
    }
    let found = conn.verify()?.end;
    if found != Some((dump.manifest.t, dump.manifest.hash)) {
        let what = "the database is not what the manifest says: the file changed while it was read";
        return Err(Error::new(Code::ChainBroken, what).hint("import again, into a new folder"));
    }
    Ok(conn.db().basis_t() - start)
}
