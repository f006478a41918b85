//! One writer at a time, without a writer thread: leader and followers.
//!
//! Whoever transacts while nobody leads becomes the leader: it prepares its own transaction and all that wait, each
//! on top of the one before, while the group before may still be syncing. As soon as the disk is free it hands the lead on,
//! makes its group durable with one sync, publishes the newest database value and wakes its followers. So a lone
//! transaction costs its sync and no thread switch, and a crowd shares syncs, with preparing and syncing overlapped:
//!
//! ```text
//! group n      prepare | sync ........ | publish, wake
//! group n + 1           prepare ...... | sync ........ | publish, wake
//! ```
//!
//! Order holds because there is one leader, and because the next leader may not sync before this one has.
//! Async callers have no thread to lead with; two threads, started by the first of them, lead in their place.

mod group;
mod slot;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::indexer::{self, Indexed, Indexer};
use super::options::{Options, WriteOptions, threads};
use super::pending::{Pending, unique};
use super::subscribe::{Subscribers, Subscription};
use super::{replay, restore};
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::log::Transaction;
use crate::store::{Durability, Store};
use crate::tx::{Report, TxData, TxOptions};
use group::Group;
pub(super) use group::Outcome;
use slot::{Call, Slot};

/// Transactions of async callers that may wait. Blocking callers wait at most one each, so their threads bound them.
const QUEUE_MAX: usize = 4096;
/// A shorter tail than this is replayed faster than it is folded.
const FOLD_AT_CLOSE: u64 = 1_000;
/// Threads that lead for async callers: while one syncs, the other prepares.
const WORKERS: usize = 2;

/// The writing side of a database.
pub(super) struct Writer {
    store: Arc<dyn Store>,
    options: Options,
    /// The newest value that is as durable as its transactions asked.
    current: ArcSwap<Db>,
    gate: Mutex<Gate>,
    /// A leader waits here for more work or a free disk.
    leader: Condvar,
    /// Workers wait here for something to lead.
    workers: Condvar,
    /// Whoever needs the writer idle waits here.
    idle: Condvar,
    pending: Mutex<Pending>,
    /// Why nothing can be written any more.
    poison: OnceLock<Error>,
    closed: AtomicBool,
    /// Held while closing, so that whoever closes again returns when it is done.
    closing: Mutex<()>,
    /// Async callers take a permit each; a group gives its permits back together.
    room: Semaphore,
    subscribers: Subscribers,
    indexer: Indexer,
}

/// Who does what now. Held for moments only.
#[derive(Default)]
struct Gate {
    queue: VecDeque<Request>,
    /// Somebody prepares.
    leading: bool,
    /// Somebody appends.
    syncing: bool,
    /// The leader sleeps until something changes.
    leader_waits: bool,
    /// Nobody may become the leader: something needs the writer still.
    paused: bool,
    closed: bool,
    threads: Vec<JoinHandle<()>>,
}

/// A transaction that wants to be prepared.
struct Request {
    data: TxData,
    options: WriteOptions,
    reply: Reply,
}

/// Who hears how it went.
enum Reply {
    /// The leader itself.
    Own,
    Blocking(Arc<Slot>),
    /// Holds a permit of [`Writer::room`].
    Async(oneshot::Sender<Outcome>),
}

/// A transaction of an async caller on its way.
pub(super) enum Started {
    Queued(oneshot::Receiver<Outcome>),
    /// No room yet.
    Waiting(TxData),
}

impl Writer {
    pub fn open(store: Arc<dyn Store>, options: Options) -> Result<Arc<Writer>> {
        let found = replay::recover(&store, &options, &*options.check)?;
        if let Some((t, hash)) = found.chain.end() {
            store.note_head(t, hash)?;
        }
        let indexer = Indexer::new(found.tail, found.root_version, options.tail_soft, options.tail_hard);
        let writer = Arc::new(Writer {
            store,
            options,
            current: ArcSwap::from_pointee(found.db.clone()),
            gate: Mutex::default(),
            leader: Condvar::new(),
            workers: Condvar::new(),
            idle: Condvar::new(),
            pending: Mutex::new(Pending::new(found.db, found.chain)),
            poison: OnceLock::new(),
            closed: AtomicBool::new(false),
            closing: Mutex::default(),
            room: Semaphore::new(QUEUE_MAX),
            subscribers: Subscribers::default(),
            indexer,
        });
        indexer::start(&writer)?;
        Ok(writer)
    }

    pub fn db(&self) -> Db {
        Db::clone(&self.current.load())
    }
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        self.subscribers.subscribe(capacity)
    }
    fn durability(&self, options: &WriteOptions) -> Durability {
        options.durability.unwrap_or(self.options.durability)
    }

    /// Refuses early what cannot succeed.
    fn check_open(&self) -> Result<()> {
        group::check_outside()?;
        if let Some(cause) = self.poison.get() {
            return Err(poisoned(cause));
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        Ok(())
    }

    pub fn transact(&self, data: TxData, options: &WriteOptions) -> Result<Report> {
        self.check_open()?;
        self.indexer.wait_for_room()?;
        let request = |reply| Request {
            data,
            options: options.clone(),
            reply,
        };
        let mut gate = self.gate.lock();
        if gate.closed {
            return Err(closed());
        }
        if !gate.leading && !gate.paused && gate.queue.is_empty() {
            gate.leading = true;
            drop(gate);
            let done = self.lead(Some(request(Reply::Own)));
            return done
                .expect("a leader's own transaction is answered")
                .map(|done| done.report());
        }
        let slot = Arc::new(Slot::default());
        gate.queue.push_back(request(Reply::Blocking(slot.clone())));
        self.wake_leader(&mut gate);
        drop(gate);
        loop {
            match slot.wait() {
                Call::Done(done) => return done.map(|done| done.report()),
                Call::Lead => {
                    self.lead(None);
                }
            }
        }
    }

    /// Queues a transaction of an async caller, if there is room.
    pub fn enqueue(self: &Arc<Self>, data: TxData, options: &WriteOptions) -> Result<Started> {
        self.check_open()?;
        match self.room.try_acquire() {
            Ok(permit) => Ok(Started::Queued(self.push(data, options.clone(), permit)?)),
            Err(_) => Ok(Started::Waiting(data)),
        }
    }

    /// Queues a transaction as soon as there is room.
    pub async fn enqueue_when_room(
        self: &Arc<Self>,
        data: TxData,
        options: WriteOptions,
    ) -> Result<oneshot::Receiver<Outcome>> {
        let permit = self.room.acquire().await.map_err(|_| closed())?;
        self.check_open()?;
        self.push(data, options, permit)
    }

    fn push(
        self: &Arc<Self>,
        data: TxData,
        options: WriteOptions,
        permit: SemaphorePermit<'_>,
    ) -> Result<oneshot::Receiver<Outcome>> {
        let (sender, receiver) = oneshot::channel();
        let mut gate = self.gate.lock();
        if gate.closed {
            return Err(closed());
        }
        while gate.threads.len() < WORKERS {
            let writer = self.clone();
            let thread = std::thread::Builder::new()
                .name("asof-writer".into())
                .spawn(move || writer.work())?;
            gate.threads.push(thread);
        }
        gate.queue.push_back(Request {
            data,
            options,
            reply: Reply::Async(sender),
        });
        permit.forget();
        self.wake_leader(&mut gate);
        Ok(receiver)
    }

    /// Something new is in the queue: the leader takes it, or somebody must become one.
    fn wake_leader(&self, gate: &mut MutexGuard<'_, Gate>) {
        if gate.leading {
            if gate.leader_waits {
                self.leader.notify_one();
            }
        } else {
            self.hand_on(gate);
        }
    }

    /// Makes somebody the leader who has an interest in it, while there is work.
    fn hand_on(&self, gate: &mut MutexGuard<'_, Gate>) {
        debug_assert!(!gate.leading);
        if gate.paused {
            return;
        }
        match gate.queue.front().map(|request| &request.reply) {
            None => {}
            Some(Reply::Blocking(slot)) => {
                let slot = slot.clone();
                gate.leading = true;
                slot.lead();
            }
            Some(_) => {
                self.workers.notify_one();
            }
        }
    }

    /// Leads for async callers until the database is closed.
    fn work(&self) {
        let mut gate = self.gate.lock();
        loop {
            if !gate.leading && !gate.paused && !gate.queue.is_empty() {
                // Waiting here, the callers wait, too: their queue is bounded. When waiting is in vain, preparing says so.
                let _ = MutexGuard::unlocked(&mut gate, || self.indexer.wait_for_room());
                if gate.leading || gate.paused {
                    continue;
                }
                gate.leading = true;
                MutexGuard::unlocked(&mut gate, || self.lead(None));
            } else if gate.closed && gate.queue.is_empty() {
                return;
            } else {
                self.workers.wait(&mut gate);
            }
        }
    }

    /// Takes a group through: prepare, sync, publish, answer. The caller has set `leading`. Gives the outcome of `own`.
    fn lead(&self, own: Option<Request>) -> Option<Outcome> {
        let mut group = Group::default();
        let mut taken: VecDeque<Request> = own.into_iter().collect();
        self.prepare(&mut taken, &mut group);
        let mut gate = self.gate.lock();
        loop {
            while !group.is_full() && !gate.queue.is_empty() {
                // All of them at once: callers and leader do not fight for the lock over each.
                std::mem::swap(&mut gate.queue, &mut taken);
                MutexGuard::unlocked(&mut gate, || self.prepare(&mut taken, &mut group));
                // What did not fit waits in front of what came meanwhile.
                while let Some(request) = taken.pop_back() {
                    gate.queue.push_front(request);
                }
            }
            if !gate.syncing || group.records.is_empty() {
                break;
            }
            // The disk is busy: what comes meanwhile joins this group.
            gate.leader_waits = true;
            self.leader.wait(&mut gate);
            gate.leader_waits = false;
        }
        gate.leading = false;
        if group.records.is_empty() {
            self.leave(gate);
            return self.answer(group);
        }
        gate.syncing = true;
        self.hand_on(&mut gate);
        drop(gate);

        self.commit(&mut group);

        let mut gate = self.gate.lock();
        gate.syncing = false;
        if gate.leader_waits {
            self.leader.notify_one();
        }
        self.leave(gate);
        self.answer(group)
    }

    /// Tells everybody; gives the leader's own outcome.
    fn answer(&self, group: Group) -> Option<Outcome> {
        let (own, permits) = group.answer();
        self.room.add_permits(permits);
        own
    }

    fn leave(&self, mut gate: MutexGuard<'_, Gate>) {
        if !gate.leading {
            self.hand_on(&mut gate);
        }
        if !gate.leading && !gate.syncing {
            // At every quiet moment, cheap when nobody waits.
            self.idle.notify_all();
        }
    }

    /// Prepares transactions, each on top of the newest pending value, and adds them to the group until it is full.
    fn prepare(&self, requests: &mut VecDeque<Request>, group: &mut Group) {
        let mut pending = self.pending.lock();
        while !group.is_full()
            && let Some(request) = requests.pop_front()
        {
            self.prepare_one(&mut pending, request, group);
        }
    }

    fn prepare_one(&self, pending: &mut Pending, request: Request, group: &mut Group) {
        let options = TxOptions {
            now: Some(self.options.clock.now()),
            nudge: request.options.nudge,
            speculative: false,
        };
        let outcome = match self.poison.get() {
            Some(cause) => Err(poisoned(cause)),
            None => self
                .indexer
                .check_room()
                .and_then(|()| group::prepare(pending, request.data, &options)),
        };
        match outcome {
            Ok(ready) => {
                pending.advance(&ready.done.prepared, ready.hash);
                group.add(ready, self.durability(&request.options), request.reply);
            }
            Err(e) => group.refuse(e, request.reply),
        }
    }

    /// Makes the group durable and the newest value public, or poisons the connection.
    fn commit(&self, group: &mut Group) {
        let appended = match self.poison.get() {
            Some(cause) => Err(poisoned(cause)),
            None => self.store.append(&group.records, group.durability()).inspect_err(|e| {
                self.poison(e.clone());
            }),
        };
        match appended {
            Ok(()) => {
                if let Some((db, t, hash)) = group.end() {
                    self.current.store(Arc::new(db));
                    // The side file is a witness for later; a transaction does not fail because of it.
                    let _ = self.store.note_head(t, hash);
                }
                self.indexer.grew(group.facts());
                if !self.subscribers.is_empty() {
                    for report in group.reports() {
                        self.subscribers.send(&report);
                    }
                }
            }
            Err(e) => group.fail(&e),
        }
    }

    /// Appends transactions that were made elsewhere; see [`super::Connection::replay`].
    pub fn replay(&self, transactions: &[Transaction]) -> Result<()> {
        self.check_open()?;
        self.indexer.wait_for_room()?;
        self.exclusively(|pending| {
            if let Some(cause) = self.poison.get() {
                return Err(poisoned(cause));
            }
            if self.gate.lock().closed {
                return Err(closed());
            }
            self.indexer.check_room()?;
            let made = restore::after(&pending.db, pending.chain, transactions)?;
            let Some((t, hash)) = made.chain.end().filter(|_| !made.records.is_empty()) else {
                return Ok(());
            };
            self.store
                .append(&made.records, self.options.durability)
                .inspect_err(|e| self.poison(e.clone()))?;
            // A witness for later, as in every commit.
            let _ = self.store.note_head(t, hash);
            (pending.db, pending.chain) = (made.db, made.chain);
            // Whether values are unique is not checked when they are replayed.
            let unique = unique(pending.db.schema());
            pending.fresh.forget(unique);
            self.indexer
                .grew(transactions.iter().map(|tx| tx.datoms.len() as u64).sum());
            // As long as nobody else may write, so that reports are in the order of the log; and the newest value has what they tell of.
            self.current.store(Arc::new(pending.db.clone()));
            for report in &made.reports {
                self.subscribers.send(report);
            }
            Ok(())
        })
    }

    pub fn sync_index(&self) -> Result<()> {
        self.check_open()?;
        self.indexer.sync()
    }

    pub fn close(&self) -> Result<()> {
        group::check_outside()?;
        let _closing = self.closing.lock();
        if self.closed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        let workers = {
            let mut gate = self.gate.lock();
            gate.closed = true;
            self.workers.notify_all();
            while gate.leading || gate.syncing || gate.paused || !gate.queue.is_empty() {
                self.idle.wait(&mut gate);
            }
            self.workers.notify_all();
            std::mem::take(&mut gate.threads)
        };
        for thread in workers {
            // The last handle may be dropped by a future on a worker's own thread, which cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
        self.subscribers.close();
        self.indexer.stop();
        // What is folded now need not be replayed at the next opening. The log has it all, so a failure costs only time.
        if !self.options.ephemeral && self.poison.get().is_none() && self.indexer.tail() >= FOLD_AT_CLOSE {
            let _ = indexer::fold_once(self, threads());
        }
        self.store.close()
    }
}

impl Indexed for Writer {
    fn indexer(&self) -> &Indexer {
        &self.indexer
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.store()
    }

    fn exclusively<R>(&self, f: impl FnOnce(&mut Pending) -> R) -> R {
        let mut gate = self.gate.lock();
        while gate.paused {
            self.idle.wait(&mut gate);
        }
        gate.paused = true;
        while gate.leading || gate.syncing {
            self.idle.wait(&mut gate);
        }
        drop(gate);
        // Others go on also when `f` panics.
        let _paused = Paused(self);
        let mut pending = self.pending.lock();
        let result = f(&mut pending);
        // After a failed append the pending value holds what nobody may see.
        if self.poison.get().is_none() {
            self.current.store(Arc::new(pending.db.clone()));
        }
        result
    }

    fn poison(&self, cause: Error) {
        // Only the first cause is kept; later ones follow from it.
        let _ = self.poison.set(cause);
    }

    fn poisoned(&self) -> Option<Error> {
        self.poison.get().map(poisoned)
    }
}

/// As long as it is there, nobody leads.
struct Paused<'a>(&'a Writer);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        let mut gate = self.0.gate.lock();
        gate.paused = false;
        // Whoever waits to pause it next, too: leaving wakes nobody when there is a new leader.
        self.0.idle.notify_all();
        self.0.leave(gate);
    }
}

pub(super) fn closed() -> Error {
    Error::new(Code::Closed, "the connection is closed").hint("open the database again")
}

fn poisoned(cause: &Error) -> Error {
    Error::new(
        Code::Poisoned,
        format!(
            "an earlier write failed, so nothing can be written: {}",
            cause.message()
        ),
    )
    .hint("reading goes on; to write, close the connection, mend the cause and open the database again")
    .caused_by(cause.clone())
}
