//! The log as users see it: transactions with their datoms.

use std::sync::Arc;

use super::record::{self, Hash, Record};
use crate::datom::{Datom, EntityId, T, TxId};
use crate::edn::Instant;
use crate::error::{Code, Error, Result};
use crate::store::Store;

/// One transaction of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// Its number.
    pub t: T,
    /// When it happened.
    pub instant: Instant,
    /// What it said, in order; the first is its instant.
    pub datoms: Vec<Datom>,
}

impl Transaction {
    /// The bytes of its record in a log where `prev` is the hash of the record before, and the record's own hash. Needs no
    /// database, so the hash of a log can be told from its transactions alone.
    pub fn record(&self, prev: &Hash) -> Result<(Vec<u8>, Hash)> {
        record::encode_values(self.t, prev, self.instant, &self.datoms)
    }
}

/// All transactions up to the moment it was taken. Cheap to clone; reads the store as it goes.
#[derive(Clone)]
pub struct Log {
    store: Arc<dyn Store>,
    /// The first t that is seen, and the one after the last.
    start: T,
    end: T,
}

impl Log {
    /// The log of `store` up to and including `last`.
    pub fn new(store: Arc<dyn Store>, last: T) -> Log {
        Log::between(store, None, last)
    }

    /// The part of the log from `first` on, up to and including `last`.
    pub fn between(store: Arc<dyn Store>, first: Option<T>, last: T) -> Log {
        let (start, end) = (first.unwrap_or(0), last + 1);
        Log { store, start, end }
    }

    /// The first t in it.
    pub fn first_t(&self) -> T {
        self.start
    }

    /// The first t that happened at `moment` or later; the one after the last when none did.
    /// Complexity: O(log t) records are read.
    pub fn t_at(&self, moment: Instant) -> Result<T> {
        // Instants increase strictly with t, so the boundary can be found by halving.
        let (mut low, mut high) = (self.start, self.end);
        while low < high {
            let mid = low + (high - low) / 2;
            match self.transaction(mid)?.is_some_and(|tx| tx.instant < moment) {
                true => low = mid + 1,
                false => high = mid,
            }
        }
        Ok(low)
    }

    /// The newest t.
    pub fn last_t(&self) -> T {
        self.end - 1
    }

    /// Transaction `t`; `None` when the log does not reach it.
    pub fn transaction(&self, t: T) -> Result<Option<Transaction>> {
        if t < self.start || t >= self.end {
            return Ok(None);
        }
        match self.store.record(t)? {
            Some(bytes) => Ok(Some(decode(t, &bytes)?)),
            None => Err(Error::new(Code::ChainBroken, format!("log record {t} is missing")).with("t", t)),
        }
    }

    /// The transactions from `start` up to, not including, `end`; an absent bound is open.
    pub fn range(&self, start: Option<T>, end: Option<T>) -> Box<dyn Iterator<Item = Result<Transaction>> + Send + '_> {
        let end = end.unwrap_or(T::MAX).min(self.end);
        let mut failed = false;
        let entries = self
            .store
            .log(start.unwrap_or(0).max(self.start))
            .take_while(move |entry| {
                // After an error nothing more is known, so the error is the last item.
                let go_on = !failed && entry.as_ref().map_or(true, |(t, _)| *t < end);
                failed = entry.is_err();
                go_on
            });
        Box::new(entries.map(|entry| entry.and_then(|(t, bytes)| decode(t, &bytes))))
    }
}

fn decode(t: T, bytes: &[u8]) -> Result<Transaction> {
    let record = Record::parse(t, bytes)?;
    let datoms = record
        .facts
        .iter()
        .map(|f| {
            Ok(Datom {
                e: EntityId(f.e),
                a: EntityId(f.a as u64),
                v: f.value()?,
                tx: TxId::from_t(t),
                added: f.added,
            })
        })
        .collect::<Result<_>>()?;
    Ok(Transaction {
        t,
        instant: record.instant,
        datoms,
    })
}
