//! The transactor: one writer, group commit, the clock, the indexer, recovery.
//!
//! ```text
//! transact -> queue -> leader: prepare (tx), encode (log) -> append, ONE sync a group -> publish the next Db -> acknowledge
//! open     -> newest root -> replay the log behind it, checking the chain -> Db
//! ```
//!
//! What a transaction means is decided in `tx`, what a record looks like in `log`, where bytes lie in `store`; this room
//! decides the order of things and when they are safe.

mod clock;
mod examine;
mod indexer;
mod open;
mod options;
mod pending;
mod rebuild;
mod repair;
mod replay;
mod restore;
mod subscribe;
mod verify;
mod writer;

pub use clock::{Clock, StepClock, SystemClock};
pub use examine::{Examined, examine, examine_while};
pub use options::{Options, WriteOptions};
pub use repair::{Repaired, repair};
pub use subscribe::Subscription;
pub use verify::IndexesVerified;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::datom::T;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::index::{Order, OrderShape, Range};
use crate::log::{self, Log, Transaction, Verified};
use crate::store::Store;
use crate::tx::{IntoTxData, Report};
use tokio::sync::oneshot;
use writer::{Outcome, Started, Writer};

#[cfg(test)]
mod tests;

/// A database, open. Cheap to clone and shared by threads; the last clone closes it when dropped.
///
/// Many threads may transact at once: one of them at a time prepares the waiting transactions in order, and one sync makes a
/// whole group of them safe while the next group is being prepared.
/// ```
/// use asof::{Connection, Input};
///
/// # fn main() -> asof::Result<()> {
/// let conn = Connection::in_memory()?; // or Connection::open("harbour.asof")?
/// conn.transact(
///     "[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one
///        :db/unique :db.unique/identity}]",
/// )?;
/// let report = conn.transact(r#"[{:db/id "p" :ship/name "Petrel"}]"#)?;
/// assert_eq!(report.t, 2);
///
/// let other = conn.clone(); // the same database, for another thread
/// let asked = std::thread::spawn(move || other.db().entid(r#"[:ship/name "Petrel"]"#));
/// assert_eq!(asked.join().expect("it does not panic")?, report.entity("p"));
/// conn.close()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Connection(Arc<Handle>);

/// What a database holds; see [`Connection::stats`].
#[derive(Clone, Debug)]
pub struct Stats {
    /// Facts that hold now.
    pub facts: u64,
    /// Assertions and retractions that are in the log and in no leaf yet.
    pub unindexed: u64,
    /// The t that the leaves reach.
    pub indexed_t: Option<T>,
    /// The four orders.
    pub orders: [OrderShape; 4],
    /// Distinct values that do not fit a word.
    pub long_values: u64,
    /// Bytes of leaves and dictionary pages in memory.
    pub cached_bytes: u64,
    /// Bytes on disk, by what they hold.
    pub disk: Vec<(&'static str, u64)>,
}

/// A transaction under way: the report, once it is safe. Dropping it does not take the transaction back.
pub struct Transacting(Stage);

enum Stage {
    Queued(Answer),
    /// Nothing was queued.
    Refused(Option<Error>),
    /// There was no room in the queue: it has to be waited for.
    Waiting(Pin<Box<dyn Future<Output = Result<Answer>> + Send>>),
}

impl Future for Transacting {
    type Output = Result<Report>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.0 {
                Stage::Queued(answer) => return Pin::new(answer).poll(cx),
                Stage::Refused(why) => {
                    let polled_again = || Error::new(Code::InvalidArgument, "a future that was ready is polled again");
                    return Poll::Ready(Err(why.take().unwrap_or_else(polled_again)));
                }
                Stage::Waiting(room) => match room.as_mut().poll(cx) {
                    Poll::Ready(Ok(answer)) => self.0 = Stage::Queued(answer),
                    Poll::Ready(Err(e)) => self.0 = Stage::Refused(Some(e)),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

/// The answer to a queued transaction.
struct Answer {
    outcome: oneshot::Receiver<Outcome>,
    handle: Option<Arc<Handle>>,
}

impl Answer {
    fn new(outcome: oneshot::Receiver<Outcome>, handle: Arc<Handle>) -> Answer {
        Answer {
            outcome,
            handle: Some(handle),
        }
    }
}

impl Future for Answer {
    type Output = Result<Report>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = std::task::ready!(Pin::new(&mut self.outcome).poll(cx));
        self.handle = None;
        // A writer that went without an answer was closed.
        Poll::Ready(
            outcome
                .map_err(|_| writer::closed())
                .and_then(|outcome| Ok(outcome?.report())),
        )
    }
}

/// What the clones of a connection share. The threads behind it hold the writer, not this, so that its end is seen.
struct Handle {
    writer: Arc<Writer>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Whoever wants to hear of errors calls close.
        let _ = self.writer.close();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let t = self.0.writer.db().basis_t();
        f.debug_struct("Connection")
            .field("basis_t", &t)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// A new database in memory, gone with its last connection.
    pub fn in_memory() -> Result<Connection> {
        Options::new().in_memory()
    }

    /// Opens the database in the directory `path`, or makes it when there is none. One process at a time.
    pub fn open(path: impl AsRef<Path>) -> Result<Connection> {
        Options::new().open(path)
    }

    fn new(store: Arc<dyn Store>, options: Options) -> Result<Connection> {
        let writer = Writer::open(store, options)?;
        Ok(Connection(Arc::new(Handle { writer })))
    }

    /// The newest database value. Costs a few nanoseconds, waits for nobody, and works after a failed write, too.
    pub fn db(&self) -> Db {
        self.0.writer.db()
    }

    /// Makes the facts of `data` (EDN text, forms, or a typed `Tx`) part of the database. Returns when they are safe.
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// use asof::{Connection, tx::{Entity, Tx}};
    /// let conn = Connection::in_memory()?;
    /// conn.transact(r#"[{:db/id "datomic.tx" :db/doc "from text"}]"#)?;
    /// conn.transact(Tx::new().add(Entity::Tx, ":db/doc", "from calls"))?;
    /// assert_eq!(conn.db().basis_t(), 2);
    /// # Ok(()) }
    /// ```
    pub fn transact(&self, data: impl IntoTxData) -> Result<Report> {
        self.transact_with(data, &WriteOptions::default())
    }

    /// As [`Connection::transact`], with options for this transaction.
    pub fn transact_with(&self, data: impl IntoTxData, options: &WriteOptions) -> Result<Report> {
        self.0.writer.transact(data.into_tx_data()?, options)
    }

    /// As [`Connection::transact`], for async code on any runtime. The transaction is queued at once, in the order of the
    /// calls, unless thousands are waiting; then it is queued when the future is polled and there is room.
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> asof::Result<()> {
    /// let conn = asof::Connection::in_memory()?;
    /// let (first, second) = (conn.transact_async("[]"), conn.transact_async("[]"));
    /// assert_eq!((second.await?.t, first.await?.t), (2, 1)); // in the order of the calls, whoever is awaited first
    /// # Ok(()) }
    /// ```
    pub fn transact_async(&self, data: impl IntoTxData) -> Transacting {
        self.transact_async_with(data, &WriteOptions::default())
    }

    /// As [`Connection::transact_async`], with options for this transaction.
    pub fn transact_async_with(&self, data: impl IntoTxData, options: &WriteOptions) -> Transacting {
        // The future keeps the connection open until it is answered.
        let handle = self.0.clone();
        let writer = &self.0.writer;
        Transacting(
            match data.into_tx_data().and_then(|data| writer.enqueue(data, options)) {
                Ok(Started::Queued(outcome)) => Stage::Queued(Answer::new(outcome, handle)),
                Ok(Started::Waiting(data)) => {
                    let options = options.clone();
                    Stage::Waiting(Box::pin(async move {
                        let outcome = handle.writer.enqueue_when_room(data, options).await?;
                        Ok(Answer::new(outcome, handle))
                    }))
                }
                Err(e) => Stage::Refused(Some(e)),
            },
        )
    }

    /// Appends transactions of another database's log as they are, to make the same database here: same entity ids, instants
    /// and hashes. All or nothing, with one sync.
    ///
    /// They must go on where this log ends (t without a gap, instants increasing), begin each with its instant, have the
    /// types that the attributes have, assert only what does not hold and retract only what does. What a transaction
    /// promises beyond that (unique values, specs) was checked when it was made and is not checked again.
    ///
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// use asof::Connection;
    /// let (one, other) = (Connection::in_memory()?, Connection::in_memory()?);
    /// one.transact("[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]")?;
    /// one.transact("[{:n 1}]")?;
    /// other.replay(&one.tx_range(1, None)?)?;
    /// assert_eq!(one.verify()?.end, other.verify()?.end);
    /// # Ok(()) }
    /// ```
    pub fn replay(&self, transactions: &[Transaction]) -> Result<()> {
        self.0.writer.replay(transactions)
    }

    /// All transactions up to now, as a value that later ones leave as it is.
    pub fn log(&self) -> Log {
        Log::new(self.0.writer.store().clone(), self.db().basis_t())
    }

    /// The transactions from `start` up to, not including, `end`; an absent bound is open.
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// let conn = asof::testing::fixture("[] [] []")?;
    /// let some = conn.tx_range(1, 3)?;
    /// assert_eq!(some.iter().map(|tx| tx.t).collect::<Vec<_>>(), [1, 2]);
    /// assert_eq!(some[0].datoms.len(), 1); // its instant
    /// # Ok(()) }
    /// ```
    pub fn tx_range(&self, start: impl Into<Option<T>>, end: impl Into<Option<T>>) -> Result<Vec<Transaction>> {
        self.log().range(start.into(), end.into()).collect()
    }

    /// Reports of transactions from now on, in order. At most `capacity` wait to be read; what does not fit is skipped and
    /// counted ([`Subscription::missed`]), so that a slow reader never slows the writer.
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.0.writer.subscribe(capacity)
    }

    /// Waits until the indexes on disk hold everything that is in the log now.
    pub fn sync_index(&self) -> Result<()> {
        self.0.writer.sync_index()
    }

    /// Reads all of the log and proves it whole: checksums, hashes, links, no gap, no missing end.
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// let conn = asof::testing::fixture("[] []")?;
    /// assert_eq!(conn.verify()?.records, 3); // the first made the database
    /// assert_eq!(conn.verify_indexes()?.moments, 2);
    /// # Ok(()) }
    /// ```
    pub fn verify(&self) -> Result<Verified> {
        self.verify_while(&|| Ok(()))
    }

    /// As [`Connection::verify`]; `check` is asked at each record, and its error ends it.
    pub fn verify_while(&self, check: &dyn Fn() -> Result<()>) -> Result<Verified> {
        let store = self.0.writer.store();
        log::verify(&**store, store.head()?, check)
    }

    /// Reads the log and the indexes and proves that they agree, now and in the past. Call [`Connection::verify`] first: the log
    /// is taken as it stands.
    pub fn verify_indexes(&self) -> Result<IndexesVerified> {
        self.verify_indexes_while(&|| Ok(()))
    }

    /// As [`Connection::verify_indexes`]; `check` is asked all the time, and its error ends it.
    pub fn verify_indexes_while(&self, check: &dyn Fn() -> Result<()>) -> Result<IndexesVerified> {
        verify::indexes(&self.db(), self.0.writer.store(), check)
    }

    /// How much the database holds. Reads no leaf but the two at the ends of EAVT.
    pub fn stats(&self) -> Result<Stats> {
        let db = self.db();
        let base = db.base();
        Ok(Stats {
            facts: base.snapshot.estimate(&base.words, Order::Eavt, &Range::all())?,
            unindexed: base.snapshot.unindexed() as u64,
            indexed_t: base.snapshot.indexed_t(),
            orders: base.snapshot.shape(),
            long_values: base.words.dict().len(),
            cached_bytes: base.snapshot.blobs().cached_bytes(),
            disk: self.0.writer.store().disk_usage(),
        })
    }

    /// Where the bytes lie.
    pub fn store(&self) -> &Arc<dyn Store> {
        self.0.writer.store()
    }

    /// Closes the database for all clones of this connection: waits for transactions under way, refuses later ones, makes
    /// everything durable and lets go of the files. Dropping the last clone does the same and swallows errors.
    pub fn close(&self) -> Result<()> {
        self.0.writer.close()
    }
}
