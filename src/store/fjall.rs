//! A store on disk: fjall for the bytes, a side file for the head of the log, a lock file for the holder's name.
//!
//! ```text
//! DIR/FORMAT      the layout's version, written last when a database is made
//! DIR/asof.lock   locked while open; says who has it
//! DIR/HEAD        see `head`
//! DIR/store/      fjall: keyspaces log, leaf, dict, dict-hash, root
//! ```

mod scrub;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use fjall::compaction::Leveled;
use fjall::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy};
use fjall::{
    AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, PersistMode, Readable, Snapshot,
    UserValue,
};
use parking_lot::{Condvar, Mutex};

use super::head::HeadFile;
use super::layout::{at_path, check_folder, check_format, check_free, is_unfinished, write_format};
use super::lock::Lock;
use super::rebuild::finish_switch;
use super::run::{join, runs, split};
use super::seal::{DICT, HASH, LEAF, LOG, ROOT, Space, corrupt, seal, unseal};
use super::{BlobId, Bytes, DAMAGE_HINT, Durability, Hashed, Store};
use crate::error::{Code, Error, Result};

const MB: u64 = 1024 * 1024;
/// Opening reads a little of each table, so tables are few and long. A table of the log is what was in memory.
const LOG_MEMTABLE: u64 = 32 * MB;
const LEAF_TABLE: u64 = 256 * MB;
/// A journal of at most so many bytes is replayed at the next opening; a longer one is made needless at close.
const JOURNAL_LEFT: u64 = 64 * 1024;
/// Closing merges the tables of leaves when they are more than this, ...
const FEW_TABLES: usize = 8;
/// ... shorter than this on average, since every fold of a bulk load makes one, ...
const SHORT_TABLE: u64 = 16 * MB;
/// ... and together at most this long, which takes a second or two.
const MERGED_AT_CLOSE: u64 = 1024 * MB;
/// How long closing may wait for the engine to write its tables. Whatever is not in them by then stays in the journal.
const FLUSH_PATIENCE: Duration = Duration::from_secs(10);
/// How long a noted head may wait for its place in the side file.
const HEAD_DELAY: Duration = Duration::from_secs(1);

/// So many tables of hashes wait before they are merged. A look-up asks the filter of each.
const HASH_TABLES: u8 = 8;
/// So many bytes of the dictionary go through the journal.
const LITTLE: usize = 8 << 20;
/// Blobs from this id on are the dictionary's. They are kept apart, because the blobs of one fold then follow all those of
/// the folds before: tables that do not overlap are never merged.
const FIRST_OF_DICT: BlobId = 1 << 61;

/// How to open a [`Fjall`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Make the database when there is none.
    pub create: bool,
    /// Memory for blocks of log and dictionary hashes. Leaves have a cache of their own above the store.
    pub cache_bytes: u64,
    /// fjall's threads for flushing and compaction.
    pub worker_threads: usize,
    /// Open a database whose `HEAD` is lost, as if it had noted nothing yet.
    pub head_may_be_lost: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            create: true,
            cache_bytes: 16 * MB,
            worker_threads: 1,
            head_may_be_lost: false,
        }
    }
}

/// The bytes of one database directory. One opener at a time, across processes.
pub struct Fjall {
    dir: PathBuf,
    // Emptied by close, so that what still holds the store (a database value) does not hold the files.
    open: ArcSwapOption<Open>,
    head_thread: Mutex<Option<JoinHandle<()>>>,
}

// Fields are dropped in this order: keyspaces before their database, the lock last.
struct Open {
    log: Keyspace,
    leaf: Keyspace,
    dict: Keyspace,
    hash: Keyspace,
    root: Keyspace,
    db: Database,
    /// One past the newest t that is on the device, and that was appended.
    synced: AtomicU64,
    appended: AtomicU64,
    /// Bytes that the journals hold, at least about.
    journaled: AtomicU64,
    head: Mutex<HeadFile>,
    noted: Mutex<Noted>,
    wake: Condvar,
    _lock: Lock,
}

#[derive(Default)]
struct Noted {
    head: Option<(u64, [u8; 32])>,
    stop: bool,
}

impl Fjall {
    /// Opens the database in `dir`, or makes it when `settings` say so.
    pub fn open(dir: &Path, settings: &Settings) -> Result<Fjall> {
        check_folder(dir)?;
        let format = dir.join("FORMAT");
        let exists = format.try_exists().map_err(|e| at_path(&format, e))?;
        if !exists {
            if !settings.create {
                return Err(
                    Error::new(Code::DbNotFound, format!("there is no database at {}", dir.display()))
                        .hint("create it, or check the path"),
                );
            }
            check_free(dir)?;
            fs::create_dir_all(dir).map_err(|e| at_path(dir, e))?;
        }
        let lock = Lock::take(&dir.join("asof.lock"))?;
        let store = dir.join("store");
        if exists {
            check_format(dir)?;
            finish_switch(dir)?;
            if !store.join("version").exists() {
                return Err(Error::new(
                    Code::CorruptStore,
                    format!("{} is not a store: its version file is missing", store.display()),
                ));
            }
        } else if is_unfinished(&store)? {
            // A creation that ended before the engine had written its version marker: there is no data in it.
            fs::remove_dir_all(&store).map_err(|e| at_path(&store, e))?;
        }
        let head = dir.join("HEAD");
        let head = match exists {
            false => HeadFile::create(&head)?,
            true => match HeadFile::open(&head) {
                Err(e) if settings.head_may_be_lost && e.code() == Code::CorruptStore => HeadFile::lost(&head),
                opened => opened?,
            },
        };

        let db = engine(&store, settings)?;
        // A new journal is reserved in advance, a replayed one as long as what it holds.
        let journaled = AtomicU64::new(match exists {
            true => db.journal_disk_space().map_err(from_fjall)?,
            false => 0,
        });
        let keyspace =
            |space: Space, options: fn() -> KeyspaceCreateOptions| db.keyspace(space.name, options).map_err(from_fjall);
        let open = Open {
            log: keyspace(LOG, || {
                ordered()
                    .max_memtable_size(LOG_MEMTABLE)
                    .data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
            })?,
            // Leaves are packed by asof. The index of a table is read at once, since a query that touches many leaves finds them
            // all over it.
            leaf: keyspace(LEAF, || {
                ordered()
                    .data_block_compression_policy(CompressionPolicy::disabled())
                    .index_block_partitioning_policy(PartitioningPolicy::all(false))
                    .compaction_strategy(Arc::new(Leveled::default().with_table_target_size(LEAF_TABLE)))
            })?,
            dict: keyspace(DICT, || {
                ordered()
                    .max_memtable_size(4 * MB)
                    .data_block_compression_policy(CompressionPolicy::disabled())
            })?,
            // Most lookups are for values that are new: a filter answers them, in parts so that one lookup reads 4 KB of
            // it and not all.
            hash: keyspace(HASH, || {
                KeyspaceCreateOptions::default()
                    .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(
                        BloomConstructionPolicy::BitsPerKey(10.0),
                    )))
                    .filter_block_partitioning_policy(PartitioningPolicy::all(true))
                    .index_block_partitioning_policy(PartitioningPolicy::all(true))
                    // Hashes come in no order, so every table overlaps all others: the fewer merges, the better.
                    .compaction_strategy(Arc::new(Leveled::default().with_l0_threshold(HASH_TABLES)))
                    .data_block_compression_policy(CompressionPolicy::disabled())
            })?,
            root: keyspace(ROOT, || {
                ordered().data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4))
            })?,
            db,
            synced: AtomicU64::new(0),
            appended: AtomicU64::new(0),
            journaled,
            head: Mutex::new(head),
            noted: Mutex::default(),
            wake: Condvar::new(),
            _lock: lock,
        };
        if !exists {
            write_format(dir)?;
        }
        let open = Arc::new(open);
        let head_thread = {
            let open = open.clone();
            std::thread::Builder::new()
                .name("asof-head".into())
                .spawn(move || keep_head(&open))?
        };
        Ok(Fjall {
            dir: dir.to_path_buf(),
            open: ArcSwapOption::from(Some(open)),
            head_thread: Mutex::new(Some(head_thread)),
        })
    }

    /// The database's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn inner(&self) -> Result<Arc<Open>> {
        self.open.load_full().ok_or_else(|| {
            Error::new(Code::Closed, format!("the database {} was closed", self.dir.display())).hint(
                "a database value reads from its connection's files: keep the connection open as long as it is used",
            )
        })
    }
}

/// Opens the engine alone. It may panic over bytes that it does not expect; that is damage like any other.
fn engine(store: &Path, settings: &Settings) -> Result<Database> {
    let open = || {
        Database::builder(store)
            .cache_size(settings.cache_bytes)
            .max_journaling_size(64 * MB)
            .worker_threads(settings.worker_threads.max(1))
            .open()
    };
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Err(fjall::Error::Io(e) | fjall::Error::Storage(fjall::LsmError::Io(e)))) => match bytes_are_missing(&e) {
            true => Err(from_fjall(fjall::Error::Io(e))),
            false => Err(at_path(store, e)),
        },
        Ok(opened) => opened.map_err(from_fjall),
        Err(_) => Err(Error::new(
            Code::CorruptStore,
            format!("the engine cannot read {}", store.display()),
        )
        .hint("asof repair makes a copy that opens, and says what that loses")),
    }
}

/// Whether the engine opens `store`.
pub(super) fn probe(store: &Path) -> Result<()> {
    engine(store, &Settings::default()).map(drop)
}

/// Keyspaces are read in order or by keys known to be there: filters would only fill the cache.
fn ordered() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().filter_policy(FilterPolicy::disabled())
}

fn from_fjall(e: fjall::Error) -> Error {
    use fjall::Error as F;
    match e {
        F::Io(e) | F::Storage(fjall::LsmError::Io(e)) if bytes_are_missing(&e) => Error::new(
            Code::CorruptStore,
            format!("the store is damaged: a file of it is missing or cut short: {e}"),
        )
        .hint(DAMAGE_HINT)
        .caused_by(e),
        F::Io(e) | F::Storage(fjall::LsmError::Io(e)) => {
            let code = Error::from(std::io::Error::from(e.kind())).code();
            Error::new(code, format!("the files of the database's store: {e}")).caused_by(e)
        }
        F::Locked => Error::new(Code::StoreLocked, "the store is open elsewhere").caused_by(e),
        F::Poisoned => Error::new(Code::Poisoned, "an earlier write to the store failed")
            .hint("close the database and open it again")
            .caused_by(e),
        F::InvalidVersion(_) => Error::new(
            Code::UnsupportedFormat,
            "the store was written by another version of its engine",
        )
        .caused_by(e),
        F::JournalRecovery(_) => Error::new(
            Code::CorruptStore,
            format!("the journal of the store does not replay: {e}"),
        )
        .hint("asof repair shortens a copy of it until it does, and says what that loses")
        .caused_by(e),
        e => Error::new(Code::CorruptStore, format!("the store is damaged: {e}"))
            .hint(DAMAGE_HINT)
            .caused_by(e),
    }
}

/// Whether the engine asked for bytes that a whole file would have.
fn bytes_are_missing(e: &std::io::Error) -> bool {
    use std::io::ErrorKind as K;
    matches!(
        e.kind(),
        K::NotFound | K::UnexpectedEof | K::InvalidInput | K::InvalidData
    )
}

/// As [`from_fjall`], for a read: damage names its place.
fn reading(space: Space, key: u64) -> impl Fn(fjall::Error) -> Error {
    move |e| {
        let e = from_fjall(e);
        match e.code() {
            Code::CorruptStore => corrupt(space, key, e.message()).caused_by(e),
            _ => e,
        }
    }
}

fn number(space: Space, key: &[u8]) -> Result<u64> {
    key.try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| corrupt(space, 0, "a key is not eight bytes long"))
}

/// Writes noted heads to the side file, at most one a second.
fn keep_head(open: &Open) {
    loop {
        let mut noted = open.noted.lock();
        // An idle database does not wake up at all.
        while noted.head.is_none() && !noted.stop {
            open.wake.wait(&mut noted);
        }
        if !noted.stop {
            open.wake.wait_while_for(&mut noted, |n| !n.stop, HEAD_DELAY);
        }
        if noted.stop {
            return;
        }
        drop(noted);
        // A head that cannot be written now is written with the next one or at close, where the error is told.
        let _ = open.write_head();
    }
}

impl Open {
    /// The file never runs ahead of what is on the device, or a machine that lost its power would find its log too short.
    fn write_head(&self) -> Result<()> {
        let Some((t, hash)) = self.noted.lock().head.take() else {
            return Ok(());
        };
        if t >= self.synced.load(Ordering::Acquire) {
            self.sync()?;
        }
        self.head.lock().write((t, hash))
    }

    /// Where a blob lies.
    fn blobs(&self, id: BlobId) -> (Space, &Keyspace) {
        match id < FIRST_OF_DICT {
            true => (LEAF, &self.leaf),
            false => (DICT, &self.dict),
        }
    }

    /// The run that would have the record `t`: its first t, and its sealed bytes.
    fn run_of(&self, snapshot: &Snapshot, t: u64) -> Result<Option<(u64, UserValue)>> {
        match snapshot.range(&self.log, ..=t.to_be_bytes()).next_back() {
            None => Ok(None),
            Some(guard) => {
                let (key, value) = guard.into_inner().map_err(reading(LOG, t))?;
                Ok(Some((number(LOG, &key)?, value)))
            }
        }
    }

    fn codes(&self, snapshot: &Snapshot, hash: u64) -> Result<Vec<u64>> {
        let mut codes = Vec::new();
        while let Some(value) = snapshot
            .get(&self.hash, hash_key(hash, codes.len() as u32))
            .map_err(reading(HASH, hash))?
        {
            codes.push(number(HASH, unseal(HASH, hash, &value)?)?);
        }
        Ok(codes)
    }

    fn sync(&self) -> Result<()> {
        let appended = self.appended.load(Ordering::Acquire);
        self.db.persist(PersistMode::SyncAll).map_err(from_fjall)?;
        self.synced.fetch_max(appended, Ordering::AcqRel);
        Ok(())
    }

    /// Ends the engine and empties its journal, all of which is in tables. The lock is held until that is done.
    fn leave_no_journal(self, store: &Path) -> Result<()> {
        let Open {
            log,
            leaf,
            dict,
            hash,
            root,
            db,
            head,
            _lock,
            ..
        } = self;
        drop((log, leaf, dict, hash, root, head));
        drop(db);
        // Sealed journals are gone unless the engine was stopped before it removed them; they say nothing new either way.
        super::layout::empty_journal(store)
    }

    /// Merges the tables of leaves where many are short, since opening reads a little of each.
    fn merge_short_tables(&self) -> Result<()> {
        let (tables, bytes) = (self.leaf.table_count(), self.leaf.disk_space());
        if tables > FEW_TABLES && bytes / (tables as u64) < SHORT_TABLE && bytes <= MERGED_AT_CLOSE {
            self.leaf.major_compact().map_err(from_fjall)?;
        }
        Ok(())
    }

    /// Moves what only the journal holds into tables. Says whether that is all of it: nothing may be written meanwhile.
    fn empty_memtables(&self) -> bool {
        let written = [&self.log, &self.leaf, &self.dict, &self.hash, &self.root];
        for keyspace in written {
            if keyspace.rotate_memtable().is_err() {
                return false;
            }
        }
        let start = Instant::now();
        while written.iter().any(|keyspace| keyspace.sealed_memtable_count() > 0) {
            if start.elapsed() > FLUSH_PATIENCE {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        written
            .iter()
            .all(|keyspace| keyspace.tree.active_memtable().is_empty())
    }
}

impl Store for Fjall {
    fn append(&self, records: &[(u64, Vec<u8>)], durability: Durability) -> Result<()> {
        let Some((last, _)) = records.last() else {
            return Ok(());
        };
        let open = self.inner()?;
        let mut batch = open.db.batch().durability(match durability {
            Durability::Power => Some(PersistMode::SyncData),
            Durability::Process => Some(PersistMode::Buffer),
            Durability::None => None,
        });
        let mut size = 0;
        for (t, run) in runs(records) {
            size += run.len() as u64;
            batch.insert(&open.log, t.to_be_bytes(), seal(LOG, t, &run));
        }
        batch.commit().map_err(from_fjall)?;
        open.journaled.fetch_add(size, Ordering::Relaxed);
        open.appended.fetch_max(last + 1, Ordering::AcqRel);
        if durability == Durability::Power {
            open.synced.fetch_max(last + 1, Ordering::AcqRel);
        }
        Ok(())
    }

    fn log(&self, from: u64) -> Box<dyn Iterator<Item = Result<(u64, Bytes)>> + Send + '_> {
        let open = match self.inner() {
            Ok(open) => open,
            Err(e) => return Box::new(std::iter::once(Err(e))),
        };
        let snapshot = open.db.snapshot();
        let first = match open.run_of(&snapshot, from) {
            Ok(run) => run.map_or(from, |(first, _)| first),
            // The same damage is met again below, in its place.
            Err(_) => from,
        };
        let mut next = first;
        let runs = snapshot.range(&open.log, first.to_be_bytes()..).map(move |guard| {
            let (key, value) = guard.into_inner().map_err(reading(LOG, next))?;
            let first = number(LOG, &key)?;
            let records = split(first, unseal(LOG, first, &value)?)?;
            next = first + records.len() as u64;
            let wanted = records.into_iter().filter(|(t, _)| *t >= from);
            Ok(wanted.map(|(t, record)| Ok((t, record.into()))).collect())
        });
        Box::new(runs.flat_map(|run: Result<Vec<Result<(u64, Bytes)>>>| run.unwrap_or_else(|e| vec![Err(e)])))
    }

    fn record(&self, t: u64) -> Result<Option<Bytes>> {
        let open = self.inner()?;
        let Some((first, run)) = open.run_of(&open.db.snapshot(), t)? else {
            return Ok(None);
        };
        let records = split(first, unseal(LOG, first, &run)?)?;
        Ok(records.get((t - first) as usize).map(|(_, record)| (*record).into()))
    }

    fn last_t(&self) -> Result<Option<u64>> {
        let open = self.inner()?;
        let Some((first, run)) = open.run_of(&open.db.snapshot(), u64::MAX)? else {
            return Ok(None);
        };
        Ok(split(first, unseal(LOG, first, &run)?)?.last().map(|(t, _)| *t))
    }

    fn forget_log(&self, from: u64) -> Result<()> {
        let open = self.inner()?;
        let mut batch = open.db.batch().durability(Some(PersistMode::SyncAll));
        let snapshot = open.db.snapshot();
        if let Some((first, run)) = open.run_of(&snapshot, from)?.filter(|(first, _)| *first < from) {
            // The run that `from` is in keeps its beginning.
            let records = split(first, unseal(LOG, first, &run)?)?;
            let kept = records.iter().filter(|(t, _)| *t < from).map(|(_, record)| *record);
            batch.insert(&open.log, first.to_be_bytes(), seal(LOG, first, &join(kept)));
        }
        for guard in snapshot.range(&open.log, from.to_be_bytes()..) {
            batch.remove(&open.log, guard.key().map_err(reading(LOG, from))?);
        }
        batch.commit().map_err(from_fjall)
    }

    fn put_blobs(&self, blobs: &mut dyn Iterator<Item = (BlobId, Vec<u8>)>) -> Result<()> {
        let mut blobs = blobs.peekable();
        if blobs.peek().is_none() {
            return Ok(());
        }
        let open = self.inner()?;
        let mut last = None;
        while let Some((first, _)) = blobs.peek() {
            let (space, keyspace) = open.blobs(*first);
            let mut next = || {
                let (id, bytes) = blobs.next_if(|(id, _)| open.blobs(*id).0.tag == space.tag)?;
                assert!(last < Some(id), "blobs come with ascending ids");
                last = Some(id);
                Some((id.to_be_bytes(), seal(space, id, &bytes)))
            };
            // An ingestion holds up the log while it syncs tables and versions, so a little takes the way through the journal.
            let mut little = Vec::new();
            let mut size = 0;
            while size < LITTLE && space.tag == DICT.tag {
                let Some(blob) = next() else { break };
                size += blob.1.len();
                little.push(blob);
            }
            if size < LITTLE && space.tag == DICT.tag {
                let mut batch = open.db.batch().durability(Some(PersistMode::SyncData));
                little
                    .into_iter()
                    .for_each(|(id, sealed)| batch.insert(keyspace, id, sealed));
                batch.commit().map_err(from_fjall)?;
                open.journaled.fetch_add(size as u64, Ordering::Relaxed);
                continue;
            }
            let mut ingestion = keyspace.start_ingestion().map_err(from_fjall)?;
            for (id, sealed) in little.into_iter().chain(std::iter::from_fn(next)) {
                ingestion.write(id, sealed).map_err(from_fjall)?;
            }
            ingestion.finish().map_err(from_fjall)?;
        }
        Ok(())
    }

    fn blob(&self, id: BlobId) -> Result<Option<Bytes>> {
        let open = self.inner()?;
        let (space, keyspace) = open.blobs(id);
        let found = open.db.snapshot().get(keyspace, id.to_be_bytes());
        match found.map_err(reading(space, id))? {
            Some(value) => Ok(Some(unseal(space, id, &value)?.into())),
            None => Ok(None),
        }
    }

    fn delete_blobs(&self, ids: &[BlobId]) -> Result<()> {
        let open = self.inner()?;
        let mut batch = open.db.batch();
        for id in ids {
            batch.remove(open.blobs(*id).1, id.to_be_bytes());
        }
        // Not synced: what a crash brings back is named by no root and deleted at the next opening.
        batch.commit().map_err(from_fjall)
    }

    fn blob_ids(&self, from: BlobId) -> Box<dyn Iterator<Item = Result<BlobId>> + Send + '_> {
        let open = match self.inner() {
            Ok(open) => open,
            Err(e) => return Box::new(std::iter::once(Err(e))),
        };
        let snapshot = open.db.snapshot();
        let ids = |space: Space, keyspace: &Keyspace| {
            let ids = snapshot.range(keyspace, from.to_be_bytes()..);
            ids.map(move |guard| number(space, &guard.key().map_err(reading(space, from))?))
        };
        Box::new(ids(LEAF, &open.leaf).chain(ids(DICT, &open.dict)))
    }

    fn put_hashes(&self, hashes: &mut dyn Iterator<Item = Hashed>) -> Result<()> {
        let open = self.inner()?;
        let mut entries: Vec<(u64, u32, u64)> = Vec::new();
        let mut known: Vec<u64> = Vec::new();
        // One for all lookups: making one costs as much as a lookup that finds nothing.
        let snapshot = open.db.snapshot();
        let mut last = None;
        for Hashed { hash, code, first } in hashes {
            assert!(last <= Some(hash), "hashes come in ascending order");
            if last != Some(hash) {
                known = match first {
                    true => Vec::new(),
                    false => open.codes(&snapshot, hash)?,
                };
            }
            last = Some(hash);
            // A fold that did not get as far as its root has written them before.
            if !known.contains(&code) {
                entries.push((hash, known.len() as u32, code));
                known.push(code);
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        let mut ingestion = open.hash.start_ingestion().map_err(from_fjall)?;
        for (hash, place, code) in entries {
            ingestion
                .write(hash_key(hash, place), seal(HASH, hash, &code.to_be_bytes()))
                .map_err(from_fjall)?;
        }
        ingestion.finish().map_err(from_fjall)
    }

    fn codes(&self, hash: u64) -> Result<Vec<u64>> {
        let open = self.inner()?;
        open.codes(&open.db.snapshot(), hash)
    }

    fn root(&self) -> Result<Option<(u64, Bytes)>> {
        let open = self.inner()?;
        let Some(guard) = open.db.snapshot().last_key_value(&open.root) else {
            return Ok(None);
        };
        let (key, value) = guard.into_inner().map_err(reading(ROOT, 0))?;
        let version = number(ROOT, &key)?;
        Ok(Some((version, unseal(ROOT, version, &value)?.into())))
    }

    fn swap_root(&self, version: u64, root: &[u8]) -> Result<()> {
        let open = self.inner()?;
        let found = match open.db.snapshot().last_key_value(&open.root) {
            Some(guard) => number(ROOT, &guard.key().map_err(reading(ROOT, version))?)?,
            None => 0,
        };
        if found != version {
            return Err(super::root_moved(version, found));
        }
        let appended = open.appended.load(Ordering::Acquire);
        let mut batch = open.db.batch().durability(Some(PersistMode::SyncAll));
        let next = version + 1;
        batch.insert(&open.root, next.to_be_bytes(), seal(ROOT, next, root));
        if version > 0 {
            batch.remove(&open.root, version.to_be_bytes());
        }
        batch.commit().map_err(from_fjall)?;
        open.synced.fetch_max(appended, Ordering::AcqRel);
        Ok(())
    }

    fn note_head(&self, t: u64, hash: [u8; 32]) -> Result<()> {
        let open = self.inner()?;
        let first = open.noted.lock().head.replace((t, hash)).is_none();
        if first {
            open.wake.notify_one();
        }
        Ok(())
    }

    fn head(&self) -> Result<Option<(u64, [u8; 32])>> {
        Ok(self.inner()?.head.lock().newest())
    }

    fn disk_usage(&self) -> Vec<(&'static str, u64)> {
        let Ok(open) = self.inner() else {
            return Vec::new();
        };
        let mut usage: Vec<(&'static str, u64)> = [
            (LOG, &open.log),
            (LEAF, &open.leaf),
            (DICT, &open.dict),
            (HASH, &open.hash),
            (ROOT, &open.root),
        ]
        .map(|(space, keyspace)| (space.name, keyspace.disk_space()))
        .to_vec();
        usage.push(("journal", open.db.journal_disk_space().unwrap_or(0)));
        usage
    }

    fn scrub(&self, damaged: &mut dyn FnMut(Error)) -> Result<()> {
        scrub::scrub(self, damaged)
    }

    fn close(&self) -> Result<()> {
        let Some(open) = self.open.swap(None) else {
            return Ok(());
        };
        open.noted.lock().stop = true;
        open.wake.notify_all();
        if let Some(thread) = self.head_thread.lock().take() {
            // The thread has nothing to hand back; a panic in it has been printed.
            let _ = thread.join();
        }
        // After a failed write nothing more can be synced, but what was synced before may still be noted.
        let synced = open.sync();
        let written = open.write_head().and(synced);
        if written.is_ok() {
            open.merge_short_tables()?;
        }
        if written.is_ok() && open.journaled.load(Ordering::Relaxed) > JOURNAL_LEFT && open.empty_memtables() {
            // Replaying the journal would give nothing, and take most of the time of the next opening.
            if let Ok(open) = Arc::try_unwrap(open) {
                open.leave_no_journal(&self.dir.join("store"))?;
            }
        }
        written
    }
}

impl Drop for Fjall {
    fn drop(&mut self) {
        // Nobody is left to hear of an error; the next opening will find it.
        let _ = self.close();
    }
}

/// Byte strings with one hash have places 0, 1, ...: keys that are known before they are looked up, so that filters work.
fn hash_key(hash: u64, place: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&hash.to_be_bytes());
    key[8..].copy_from_slice(&place.to_be_bytes());
    key
}

#[cfg(test)]
impl Fjall {
    /// Puts bytes that do not match their checksum in one place of each keyspace.
    pub(super) fn damage(&self) {
        let open = self.inner().unwrap();
        let mut batch = open.db.batch();
        batch.insert(&open.log, 1u64.to_be_bytes(), b"01234567 not record 1".as_slice());
        batch.insert(&open.leaf, 2u64.to_be_bytes(), seal(LEAF, 1, &[1; 3000]));
        batch.insert(&open.hash, hash_key(7, 0), b"short".as_slice());
        let mut root = seal(ROOT, 2, b"second");
        root[9] ^= 1;
        batch.insert(&open.root, 2u64.to_be_bytes(), root);
        batch.commit().unwrap();
    }
}
