//! What asof asks of the engine, and what its errors mean.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use fjall::compaction::Leveled;
use fjall::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};

use super::super::DAMAGE_HINT;
use super::super::layout::at_path;
use super::super::seal::{DICT, HASH, LEAF, LOG, ROOT, Space, corrupt};
use crate::error::{Code, Error, Result};

pub(super) const MB: u64 = 1024 * 1024;
/// Opening reads a little of each table, so tables are few and long. A table of the log is what was in memory: so much of it is turned
/// into a table by whoever appends.
pub(super) const LOG_MEMTABLE: u64 = if cfg!(test) { MB / 16 } else { 32 * MB };
/// The engine itself would have to do it only here, far above. Asked by every small commit meanwhile, its one worker finds its queue full
/// when it wants to queue the table for writing, and waits for itself for ever (fjall 3.1.13).
pub(super) const LOG_MEMTABLE_OF_ENGINE: u64 = 8 * LOG_MEMTABLE;
const LEAF_TABLE: u64 = 256 * MB;
/// So many tables of hashes wait before they are merged. A look-up asks the filter of each.
const HASH_TABLES: u8 = 8;

/// How to open a [`super::Fjall`].
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

/// Where everything lies.
pub(super) struct Keyspaces {
    pub(super) log: Keyspace,
    pub(super) leaf: Keyspace,
    pub(super) dict: Keyspace,
    pub(super) hash: Keyspace,
    pub(super) root: Keyspace,
}

impl Keyspaces {
    /// All, with their names on disk.
    pub(super) fn all(&self) -> [(Space, &Keyspace); 5] {
        [
            (LOG, &self.log),
            (LEAF, &self.leaf),
            (DICT, &self.dict),
            (HASH, &self.hash),
            (ROOT, &self.root),
        ]
    }
}

/// Opens the keyspaces, and makes those that are not there.
pub(super) fn keyspaces(db: &Database) -> Result<Keyspaces> {
    let keyspace =
        |space: Space, options: fn() -> KeyspaceCreateOptions| db.keyspace(space.name, options).map_err(from_fjall);
    Ok(Keyspaces {
        log: keyspace(LOG, || {
            ordered()
                .max_memtable_size(LOG_MEMTABLE_OF_ENGINE)
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
    })
}

/// Opens the engine alone. It may panic over bytes that it does not expect; that is damage like any other.
pub(super) fn engine(store: &Path, settings: &Settings) -> Result<Database> {
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
pub(in crate::store) fn probe(store: &Path) -> Result<()> {
    engine(store, &Settings::default()).map(drop)
}

/// Keyspaces are read in order or by keys known to be there: filters would only fill the cache.
fn ordered() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().filter_policy(FilterPolicy::disabled())
}

pub(super) fn from_fjall(e: fjall::Error) -> Error {
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
pub(super) fn reading(space: Space, key: u64) -> impl Fn(fjall::Error) -> Error {
    move |e| {
        let e = from_fjall(e);
        match e.code() {
            Code::CorruptStore => corrupt(space, key, e.message()).caused_by(e),
            _ => e,
        }
    }
}

pub(super) fn number(space: Space, key: &[u8]) -> Result<u64> {
    key.try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| corrupt(space, 0, "a key is not eight bytes long"))
}
