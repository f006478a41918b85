//! The background indexer: when the tail of the log that is in no leaf yet grows long, it is folded into leaves and a root is
//! written; when it grows too long, writers wait.
//!
//! One round, [`fold_once`]: freeze the tail (the writer stands still for microseconds), fold it while transactions go on, write
//! the root, install the leaves in the newest value (the writer stands still again), delete what nobody can read any more.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::options::threads;
use super::pending::Pending;
use crate::db::{Base, Db};
use crate::error::{Code, Error, Result};
use crate::index::{Garbage, RootMeta, Snapshot};
use crate::store::Store;

/// After a failure, the next round comes this much later.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes that a round may write for a fact before the next round waits for more facts.
const WORTH_A_FACT: u64 = 64;
/// How many times as many facts it waits for at the most.
const PATIENCE: u64 = 3;

/// What writers, the thread and whoever waits for a round share.
pub(super) struct Indexer {
    /// Facts that are in no leaf yet.
    tail: AtomicU64,
    /// So many facts are folded at the earliest.
    soft: u64,
    /// So many facts are worth the next round: `soft`, or more where a round rewrites much.
    enough: AtomicU64,
    hard: u64,
    state: Mutex<State>,
    /// The thread waits here.
    wake: Condvar,
    /// Writers that must wait, and `sync_index`, wait here.
    progress: Condvar,
    /// The newest root's version, and blobs to be deleted: belongs to the round under way.
    roots: Mutex<Roots>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    wanted: bool,
    stop: bool,
    started: u64,
    finished: u64,
    /// Why the last round failed.
    failure: Option<Error>,
}

struct Roots {
    version: u64,
    garbage: Garbage,
}

impl Indexer {
    pub fn new(tail: u64, root_version: u64, soft: u64, hard: u64) -> Indexer {
        Indexer {
            tail: AtomicU64::new(tail),
            soft,
            enough: AtomicU64::new(soft),
            hard,
            state: Mutex::default(),
            wake: Condvar::new(),
            progress: Condvar::new(),
            roots: Mutex::new(Roots {
                version: root_version,
                garbage: Garbage::default(),
            }),
            thread: Mutex::default(),
        }
    }

    /// A commit added facts.
    pub fn grew(&self, facts: u64) {
        let tail = self.tail.fetch_add(facts, Ordering::Relaxed) + facts;
        if tail >= self.enough.load(Ordering::Relaxed) {
            self.want();
        }
    }

    fn want(&self) {
        let mut state = self.state.lock();
        if !state.wanted {
            state.wanted = true;
            self.wake.notify_one();
        }
    }

    /// Waits while the tail is too long; an error when it cannot shrink.
    pub fn wait_for_room(&self) -> Result<()> {
        if self.tail.load(Ordering::Relaxed) < self.hard {
            return Ok(());
        }
        self.want();
        let mut state = self.state.lock();
        while self.tail.load(Ordering::Relaxed) >= self.hard && !state.stop {
            if let Some(e) = &state.failure {
                return Err(e.clone());
            }
            self.progress.wait(&mut state);
        }
        Ok(())
    }

    /// Refuses more when the tail is too long and cannot shrink.
    pub fn check_room(&self) -> Result<()> {
        if self.tail.load(Ordering::Relaxed) >= self.hard
            && let Some(e) = &self.state.lock().failure
        {
            return Err(e.clone());
        }
        Ok(())
    }

    /// Waits for a round that starts after this call.
    pub fn sync(&self) -> Result<()> {
        let mut state = self.state.lock();
        let round = state.started + 1;
        state.wanted = true;
        self.wake.notify_one();
        while state.finished < round && !state.stop {
            self.progress.wait(&mut state);
        }
        match &state.failure {
            Some(e) => Err(e.clone()),
            None => Ok(()),
        }
    }

    /// Ends the thread after the round under way.
    pub fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_all();
        self.progress.notify_all();
        if let Some(thread) = self.thread.lock().take() {
            // A panic in it has been printed; the log has everything.
            let _ = thread.join();
        }
    }

    /// Facts all over the indexes rewrite most leaves, however many they are: then the next round waits for more of them.
    fn wrote(&self, bytes: u64) {
        let most = self.soft.saturating_mul(PATIENCE).min(self.hard / 2).max(self.soft);
        let enough = (bytes / WORTH_A_FACT).clamp(self.soft, most);
        self.enough.store(enough, Ordering::Relaxed);
    }

    /// How many facts are in no leaf yet.
    pub fn tail(&self) -> u64 {
        self.tail.load(Ordering::Relaxed)
    }
}

/// The one whose facts are folded: what a round needs of it.
pub(super) trait Indexed: Send + Sync + 'static {
    fn indexer(&self) -> &Indexer;
    fn store(&self) -> &Arc<dyn Store>;
    /// Runs `f` while nobody prepares or appends, then goes on. What has been prepared is public then.
    fn exclusively<R>(&self, f: impl FnOnce(&mut Pending) -> R) -> R;
    /// Ends all writing: what the store holds is not known any more.
    fn poison(&self, cause: Error);
    /// Why nothing can be written any more.
    fn poisoned(&self) -> Option<Error>;
}

/// Starts the thread, which lives until [`Indexer::stop`].
pub(super) fn start(writer: &Arc<impl Indexed>) -> Result<()> {
    let indexer = writer.indexer();
    let thread = {
        let writer = writer.clone();
        std::thread::Builder::new()
            .name("asof-indexer".into())
            .spawn(move || run(&*writer))?
    };
    *indexer.thread.lock() = Some(thread);
    indexer.grew(0);
    Ok(())
}

fn run(writer: &impl Indexed) {
    let indexer = writer.indexer();
    let mut state = indexer.state.lock();
    loop {
        while !state.wanted && !state.stop {
            indexer.wake.wait(&mut state);
        }
        if state.stop {
            return;
        }
        state.wanted = false;
        state.started += 1;
        drop(state);
        // While writers are far ahead, all cores fold: they would wait soon.
        let behind = indexer.tail() >= indexer.hard / 2;
        let round = || fold_once(writer, if behind { threads() } else { 1 });
        // Whoever waits for a round hears of a panic, instead of waiting for a thread that is gone.
        let outcome = catch_unwind(AssertUnwindSafe(round)).unwrap_or_else(|panic| Err(panicked(&*panic)));
        state = indexer.state.lock();
        state.finished += 1;
        state.failure = outcome.err();
        indexer.progress.notify_all();
        if state.failure.is_some() {
            indexer
                .wake
                .wait_while_for(&mut state, |s| !s.stop && !s.wanted, RETRY_AFTER);
        }
        if indexer.tail() >= indexer.enough.load(Ordering::Relaxed) {
            state.wanted = true;
        }
    }
}

/// Folds everything that is public now into leaves, on at most `threads` threads.
pub(super) fn fold_once(writer: &impl Indexed, threads: usize) -> Result<()> {
    let indexer = writer.indexer();
    let mut roots = indexer.roots.lock();
    let (db, hash) = writer.exclusively(|pending| {
        // The pending value may hold transactions that are in no log.
        if let Some(cause) = writer.poisoned() {
            return Err(cause);
        }
        let base = pending.db.base();
        let frozen = base.snapshot.freeze();
        pending.db = with_snapshot(base, frozen);
        pending.fresh.freeze();
        Ok((pending.db.clone(), pending.chain.hash()))
    })?;
    let base = db.base();
    if base.snapshot.unindexed() == 0 {
        return Ok(());
    }
    let folded = base.snapshot.fold(&base.words, threads, true)?;
    indexer.wrote(folded.bytes());
    let meta = RootMeta {
        t: base.basis_t,
        hash,
        instant: base.instant.0,
        next_ids: base.next_ids.iter().collect(),
    };
    roots.garbage.add(&base.snapshot, &folded);
    let root = folded.root(&base.snapshot, &meta, &roots.garbage);
    if let Err(e) = writer.store().swap_root(roots.version, &root) {
        // Whether the root is in place is not known, and so neither which blobs may go.
        writer.poison(e.clone());
        return Err(e);
    }
    roots.version += 1;
    folded.settle(&base.words);
    let blobs = base.snapshot.blobs().clone();
    drop(db);
    writer.exclusively(|pending| {
        let base = pending.db.base();
        if base.snapshot.awaits(&folded) {
            pending.db = with_snapshot(base, base.snapshot.install(&folded));
            pending.fresh.install();
        }
        let left = pending.db.base().snapshot.unindexed() as u64;
        indexer.tail.store(left, Ordering::Relaxed);
    });
    roots.garbage.collect(&**writer.store(), &blobs)
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(|s| &**s))
        .unwrap_or("no message");
    Error::new(Code::Io, format!("the indexes could not be written: {said}"))
}

/// The same facts, held in another way.
fn with_snapshot(base: &Base, snapshot: Snapshot) -> Db {
    Db::from_base(Base {
        snapshot,
        basis_t: base.basis_t,
        instant: base.instant,
        next_ids: base.next_ids.clone(),
        frame: base.frame.clone(),
    })
}
