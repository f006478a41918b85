//! Transactions that share a sync.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Reply;
use crate::conn::pending::Pending;
use crate::datom::T;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::log::{self, Hash};
use crate::store::Durability;
use crate::tx::{self, Prepared, Report, TxData, TxOptions};

/// A group ends at so many transactions or bytes.
const GROUP_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 1 << 20;

/// A transaction that went through; its caller makes the report of it, so that the leader need not.
pub(in crate::conn) struct Done {
    pub db_before: Db,
    pub prepared: Prepared,
    /// What the caller gave. It goes back, so that whoever made it frees it.
    _data: TxData,
}

/// How a transaction went.
pub(in crate::conn) type Outcome = Result<Box<Done>>;

impl Done {
    pub fn report(self) -> Report {
        Report::new(self.db_before, self.prepared)
    }
}

/// A prepared transaction with its log record.
pub(super) struct Ready {
    pub done: Box<Done>,
    pub record: Vec<u8>,
    pub hash: Hash,
}

thread_local! {
    static PREPARING: Cell<bool> = const { Cell::new(false) };
}

/// Refuses calls that wait for the writer from inside of it: they would wait for ever.
pub(super) fn check_outside() -> Result<()> {
    if PREPARING.get() {
        return Err(Error::new(
            Code::InvalidArgument,
            "a function called by a transaction cannot use its connection to write",
        )
        .hint("return transaction data instead; it becomes part of the transaction"));
    }
    Ok(())
}

/// Prepares `data` on top of `db` and makes its log record.
pub(super) fn prepare(pending: &Pending, data: TxData, options: &TxOptions) -> Result<Ready> {
    let Pending { db, chain, fresh } = pending;
    // A registered function that panics must not take the writer with it: the others wait behind the same lock.
    PREPARING.set(true);
    let prepared = catch_unwind(AssertUnwindSafe(|| tx::prepare_next(db, fresh, &data, options)));
    PREPARING.set(false);
    let prepared = prepared.unwrap_or_else(|panic| {
        let said = panic
            .downcast_ref::<&str>()
            .map(|s| s.to_string())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".into());
        Err(Error::new(
            Code::TxFunctionFailed,
            format!("a function called by the transaction panicked: {said}"),
        ))
    })?;
    debug_assert_eq!(prepared.t, chain.next_t(), "t goes up by one");
    let (record, hash) = log::encode(
        prepared.t,
        &chain.hash(),
        prepared.instant,
        &prepared.datoms,
        prepared.db_after.schema(),
        |word| prepared.db_after.words().bytes(word),
    )?;
    Ok(Ready {
        done: Box::new(Done {
            db_before: db.clone(),
            prepared,
            _data: data,
        }),
        record,
        hash,
    })
}

/// The transactions of one sync, in order, and what became of those that were refused.
#[derive(Default)]
pub(super) struct Group {
    pub records: Vec<(T, Vec<u8>)>,
    bytes: usize,
    facts: u64,
    outcomes: Vec<(Outcome, Reply)>,
    strongest: Option<Durability>,
    hash: Option<Hash>,
}

impl Group {
    pub fn is_full(&self) -> bool {
        self.outcomes.len() >= GROUP_MAX || self.bytes >= GROUP_BYTES_MAX
    }
    pub fn facts(&self) -> u64 {
        self.facts
    }

    pub fn add(&mut self, ready: Ready, durability: Durability, reply: Reply) {
        self.bytes += ready.record.len();
        self.facts += ready.done.prepared.datoms.len() as u64;
        self.records.push((ready.done.prepared.t, ready.record));
        self.hash = Some(ready.hash);
        self.strongest = Some(match (self.strongest, durability) {
            (Some(Durability::Power), _) | (_, Durability::Power) => Durability::Power,
            (Some(Durability::Process), _) | (_, Durability::Process) => Durability::Process,
            _ => Durability::None,
        });
        self.outcomes.push((Ok(ready.done), reply));
    }

    pub fn refuse(&mut self, error: Error, reply: Reply) {
        self.outcomes.push((Err(error), reply));
    }

    /// The strongest that anyone in the group asked for.
    pub fn durability(&self) -> Durability {
        self.strongest.unwrap_or_default()
    }

    /// The value after the group, and the log's end.
    pub fn end(&self) -> Option<(Db, T, Hash)> {
        let last = self.done().last()?;
        Some((last.prepared.db_after.clone(), last.prepared.t, self.hash?))
    }

    pub fn reports(&self) -> impl Iterator<Item = Report> + '_ {
        self.done()
            .map(|done| Report::new(done.db_before.clone(), done.prepared.clone()))
    }

    fn done(&self) -> impl Iterator<Item = &Done> {
        self.outcomes.iter().filter_map(|(outcome, _)| outcome.as_deref().ok())
    }

    /// The append failed: nobody may be told that it went through.
    pub fn fail(&mut self, error: &Error) {
        for (outcome, _) in &mut self.outcomes {
            if outcome.is_ok() {
                *outcome = Err(error.clone());
            }
        }
    }

    /// Tells everybody; gives the leader's own outcome, and how many async callers were told.
    pub fn answer(self) -> (Option<Outcome>, usize) {
        let (mut own, mut told) = (None, 0);
        for (outcome, reply) in self.outcomes {
            match reply {
                Reply::Own => own = Some(outcome),
                Reply::Blocking(slot) => slot.done(outcome),
                // The caller may have dropped its future; the transaction stands all the same.
                Reply::Async(sender) => {
                    drop(sender.send(outcome));
                    told += 1;
                }
            }
        }
        (own, told)
    }
}
