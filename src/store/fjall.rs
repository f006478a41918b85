//! A store on disk: fjall for the bytes, a side file for the head of the log, a lock file for the holder's name.
//!
//! ```text
//! DIR/FORMAT      the layout's version, written last when a database is made
//! DIR/asof.lock   locked while open; says who has it
//! DIR/HEAD        see `head`
//! DIR/store/      fjall: keyspaces log, leaf, dict, dict-hash, root
//! ```

mod closing;
mod engine;
mod scrub;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use arc_swap::ArcSwapOption;
use fjall::{Database, Keyspace, PersistMode, Readable, Snapshot, UserValue};
use parking_lot::{Condvar, Mutex};

use super::head::HeadFile;
use super::layout::{
    at_path, check_folder, check_format, check_free, finish_switch, is_unfinished, make_folder, write_format,
};
use super::lock::Lock;
use super::run::{join, runs, split};
use super::seal::{DICT, HASH, LEAF, LOG, ROOT, Space, seal, unseal};
use super::{BlobId, Bytes, Durability, Hashed, Store};
use crate::error::{Code, Error, Result};
use closing::{JOURNAL_LEFT, keep_head};
pub use engine::Settings;
pub(super) use engine::probe;
use engine::{Keyspaces, LOG_MEMTABLE, engine, from_fjall, number, reading};

/// What an entry of the log takes in memory beside its bytes, about.
const ENTRY: u64 = 64;
/// So many bytes of the dictionary go through the journal.
const LITTLE: usize = 8 << 20;
/// Blobs from this id on are the dictionary's. They are kept apart, because the blobs of one fold then follow all those of
/// the folds before: tables that do not overlap are never merged.
const FIRST_OF_DICT: BlobId = 1 << 61;

/// The bytes of one database directory. One opener at a time, across processes.
pub struct Fjall {
    dir: PathBuf,
    // Emptied by close, so that what still holds the store (a database value) does not hold the files.
    open: ArcSwapOption<Open>,
    head_thread: Mutex<Option<JoinHandle<()>>>,
}

// Fields are dropped in this order: keyspaces before their database, the lock last.
struct Open {
    keyspaces: Keyspaces,
    db: Database,
    /// One past the newest t that is on the device, and that was appended.
    synced: AtomicU64,
    appended: AtomicU64,
    /// Bytes that the journals hold, at least about.
    journaled: AtomicU64,
    /// Bytes of the log in memory, about: since its memory was last turned into a table.
    log_in_memory: AtomicU64,
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
            make_folder(dir)?;
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
        let open = Open {
            keyspaces: engine::keyspaces(&db)?,
            db,
            synced: AtomicU64::new(0),
            appended: AtomicU64::new(0),
            journaled,
            log_in_memory: AtomicU64::new(0),
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

impl Open {
    /// Where a blob lies.
    fn blobs(&self, id: BlobId) -> (Space, &Keyspace) {
        match id < FIRST_OF_DICT {
            true => (LEAF, &self.keyspaces.leaf),
            false => (DICT, &self.keyspaces.dict),
        }
    }

    /// The run that would have the record `t`: its first t, and its sealed bytes.
    fn run_of(&self, snapshot: &Snapshot, t: u64) -> Result<Option<(u64, UserValue)>> {
        match snapshot.range(&self.keyspaces.log, ..=t.to_be_bytes()).next_back() {
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
            .get(&self.keyspaces.hash, hash_key(hash, codes.len() as u32))
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
        let (mut size, mut held) = (0, 0);
        for (t, run) in runs(records) {
            size += run.len() as u64;
            held += run.len() as u64 + ENTRY;
            batch.insert(&open.keyspaces.log, t.to_be_bytes(), seal(LOG, t, &run));
        }
        batch.commit().map_err(from_fjall)?;
        open.journaled.fetch_add(size, Ordering::Relaxed);
        if open.log_in_memory.fetch_add(held, Ordering::Relaxed) + held >= LOG_MEMTABLE {
            open.log_in_memory.store(0, Ordering::Relaxed);
            // The records are in the journal. An engine that cannot go on says so at the next append.
            let _ = open.keyspaces.log.rotate_memtable();
        }
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
        let runs = snapshot
            .range(&open.keyspaces.log, first.to_be_bytes()..)
            .map(move |guard| {
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
            batch.insert(&open.keyspaces.log, first.to_be_bytes(), seal(LOG, first, &join(kept)));
        }
        for guard in snapshot.range(&open.keyspaces.log, from.to_be_bytes()..) {
            batch.remove(&open.keyspaces.log, guard.key().map_err(reading(LOG, from))?);
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
        Box::new(ids(LEAF, &open.keyspaces.leaf).chain(ids(DICT, &open.keyspaces.dict)))
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
        let mut ingestion = open.keyspaces.hash.start_ingestion().map_err(from_fjall)?;
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
        let Some(guard) = open.db.snapshot().last_key_value(&open.keyspaces.root) else {
            return Ok(None);
        };
        let (key, value) = guard.into_inner().map_err(reading(ROOT, 0))?;
        let version = number(ROOT, &key)?;
        Ok(Some((version, unseal(ROOT, version, &value)?.into())))
    }

    fn swap_root(&self, version: u64, root: &[u8]) -> Result<()> {
        let open = self.inner()?;
        let found = match open.db.snapshot().last_key_value(&open.keyspaces.root) {
            Some(guard) => number(ROOT, &guard.key().map_err(reading(ROOT, version))?)?,
            None => 0,
        };
        if found != version {
            return Err(super::root_moved(version, found));
        }
        let appended = open.appended.load(Ordering::Acquire);
        let mut batch = open.db.batch().durability(Some(PersistMode::SyncAll));
        let next = version + 1;
        batch.insert(&open.keyspaces.root, next.to_be_bytes(), seal(ROOT, next, root));
        if version > 0 {
            batch.remove(&open.keyspaces.root, version.to_be_bytes());
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
        let all = open.keyspaces.all().into_iter();
        let mut usage: Vec<(&'static str, u64)> = all.map(|(space, k)| (space.name, k.disk_space())).collect();
        usage.push(("journal", open.db.journal_disk_space().unwrap_or(0)));
        usage
    }

    fn scrub(&self, damaged: &mut dyn FnMut(Error), check: &dyn Fn() -> Result<()>) -> Result<()> {
        scrub::scrub(self, damaged, check)
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
        written?;
        let merged = open.merge_short_tables();
        if open.journaled.load(Ordering::Relaxed) > JOURNAL_LEFT && open.empty_memtables() {
            // Replaying the journal would give nothing, and take most of the time of the next opening.
            if let Ok(open) = Arc::try_unwrap(open) {
                return merged.and(open.leave_no_journal(&self.dir.join("store")));
            }
        }
        merged
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
    /// Whether the log takes so much memory that each commit asks the engine to turn it into a table.
    pub(super) fn asks_the_engine(&self) -> bool {
        use fjall::AbstractTree;
        let open = self.inner().unwrap();
        open.keyspaces.log.tree.active_memtable().size() > engine::LOG_MEMTABLE_OF_ENGINE
    }

    /// Puts bytes that do not match their checksum in one place of each keyspace.
    pub(super) fn damage(&self) {
        let open = self.inner().unwrap();
        let mut batch = open.db.batch();
        batch.insert(
            &open.keyspaces.log,
            1u64.to_be_bytes(),
            b"01234567 not record 1".as_slice(),
        );
        batch.insert(&open.keyspaces.leaf, 2u64.to_be_bytes(), seal(LEAF, 1, &[1; 3000]));
        batch.insert(&open.keyspaces.hash, hash_key(7, 0), b"short".as_slice());
        let mut root = seal(ROOT, 2, b"second");
        root[9] ^= 1;
        batch.insert(&open.keyspaces.root, 2u64.to_be_bytes(), root);
        batch.commit().unwrap();
    }
}
