//! The chain of hashes through the log, and the walk that proves it whole.

use super::record::{Hash, NO_HASH, Record};
use crate::datom::T;
use crate::error::{Code, Error, Result};
use crate::store::Store;

/// The end of the log as far as it has been read: what the next record must continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    last: Option<(T, Hash)>,
}

/// What [`verify`] found right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many records.
    pub records: u64,
    /// How many facts in them.
    pub facts: u64,
    /// The newest t and its record's hash.
    pub end: Option<(T, Hash)>,
}

impl Chain {
    /// The beginning: the next record is 0.
    pub fn start() -> Chain {
        Chain { last: None }
    }
    /// After record `t` with `hash`.
    pub fn after(t: T, hash: Hash) -> Chain {
        Chain { last: Some((t, hash)) }
    }
    /// The last record's t and hash.
    pub fn end(&self) -> Option<(T, Hash)> {
        self.last
    }
    /// The t of the next record.
    pub fn next_t(&self) -> T {
        self.last.map_or(0, |(t, _)| t + 1)
    }
    /// The hash that the next record repeats.
    pub fn hash(&self) -> Hash {
        self.last.map_or(NO_HASH, |(_, hash)| hash)
    }

    /// Goes on by one record, or says why it does not follow.
    pub fn accept(&mut self, record: &Record<'_>) -> Result<()> {
        let expected = self.next_t();
        if record.t != expected {
            return Err(broken(
                expected,
                format!(
                    "the log has a gap: after {} comes record {}, and {expected} is missing",
                    self.last.map_or("its beginning".into(), |(t, _)| format!("record {t}")),
                    record.t
                ),
            ));
        }
        if record.prev != self.hash() {
            return Err(broken(
                record.t,
                format!(
                    "log record {} does not follow the one before: it repeats the hash {}, but that record has {}",
                    record.t,
                    short(&record.prev),
                    short(&self.hash())
                ),
            ));
        }
        self.last = Some((record.t, record.hash));
        Ok(())
    }

    /// Compares the record just accepted, or the log's end when `at_end`, with the head that the side file noted.
    pub fn check_head(&self, head: Option<(T, Hash)>, at_end: bool) -> Result<()> {
        let Some((head_t, head_hash)) = head else {
            return Ok(());
        };
        match self.last {
            Some((t, hash)) if t == head_t && hash != head_hash => Err(broken(
                t,
                format!(
                    "log record {t} is another than the one acknowledged: its hash is {}, but HEAD noted {}",
                    short(&hash),
                    short(&head_hash)
                ),
            )),
            last if at_end && last.is_none_or(|(t, _)| t < head_t) => Err(broken(
                last.map_or(0, |(t, _)| t + 1),
                format!(
                    "the log ends {}, but HEAD noted that it had reached t {head_t}: acknowledged transactions are missing",
                    last.map_or("before its first record".into(), |(t, _)| format!("at t {t}"))
                ),
            )),
            _ => Ok(()),
        }
    }
}

fn short(hash: &Hash) -> String {
    hash[..6].iter().map(|b| format!("{b:02x}")).collect::<String>() + "..."
}

fn broken(t: T, message: String) -> Error {
    Error::new(Code::ChainBroken, message)
        .with("t", t)
        .hint("restore a backup, or open with accept-loss to go on with what is left")
}

/// Walks the whole log: every checksum, every hash, every link, no gap, and no end before the noted `head`. `check` is asked at each
/// record, and may end it.
pub fn verify(store: &dyn Store, head: Option<(T, Hash)>, check: &dyn Fn() -> Result<()>) -> Result<Verified> {
    let mut chain = Chain::start();
    let (mut records, mut facts) = (0, 0);
    for entry in store.log(0) {
        check()?;
        let (t, bytes) = entry?;
        let record = Record::parse(t, &bytes)?;
        chain.accept(&record)?;
        chain.check_head(head, false)?;
        records += 1;
        facts += record.facts.len() as u64;
    }
    chain.check_head(head, true)?;
    Ok(Verified {
        records,
        facts,
        end: chain.end(),
    })
}
