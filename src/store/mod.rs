//! The bytes of log, leaves, dictionary and roots, behind one small blocking trait.
//!
//! A store knows no datoms. Log records, blobs (leaves, directory pages, dictionary pages) and roots are bytes
//! to it. Nothing it holds is ever overwritten with other content: blobs have fresh ids, the log only grows, roots
//! have versions.

//!
//! [`Fjall`] keeps them on disk, [`Memory`] in maps, and [`Faulty`] in maps that fail and forget on demand, for tests.

mod faulty;
mod fjall;
mod head;
mod layout;
mod lock;
mod memory;
mod rebuild;
mod repair;
mod run;
mod seal;
#[cfg(test)]
mod tests;

pub use self::fjall::{Fjall, Settings};
pub use faulty::Faulty;
pub use memory::Memory;
pub use rebuild::Rebuild;
pub use repair::repair_copy;

/// Whether the side file `HEAD` of the database in `dir` is whole.
pub(crate) fn check_head(dir: &std::path::Path) -> Result<()> {
    head::read(&dir.join("HEAD")).map(drop)
}

use std::sync::Arc;

use crate::error::{Code, Error, Result};

/// The number of a blob. Given once; never used again for other bytes.
pub type BlobId = u64;

/// Bytes shared with the store's cache.
pub type Bytes = Arc<[u8]>;

/// When an acknowledged transaction is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// After power loss: the log is synced to the device before the call returns. The default.
    #[default]
    Power,
    /// After a crash of the process, not of the machine: handed to the operating system.
    Process,
    /// Only when the database is closed properly: may still be in the process's memory.
    None,
}

/// A new entry of the dictionary, by the hash of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hashed {
    /// The hash.
    pub hash: u64,
    /// The entry's code.
    pub code: u64,
    /// No older entry has this hash, which saves a look-up.
    pub first: bool,
}

/// Where a database's bytes live.
pub trait Store: Send + Sync + 'static {
    /// Appends records `(t, bytes)` with ascending t as one atomic batch; returns when they are as safe as asked.
    /// After an error nothing may be appended until the store is opened again.
    fn append(&self, records: &[(u64, Vec<u8>)], durability: Durability) -> Result<()>;
    /// The records from `from` on, in order.
    fn log(&self, from: u64) -> Box<dyn Iterator<Item = Result<(u64, Bytes)>> + Send + '_>;
    /// One record.
    fn record(&self, t: u64) -> Result<Option<Bytes>>;
    /// The t of the newest record.
    fn last_t(&self) -> Result<Option<u64>>;

    /// Removes the records from `from` on, durably: only when their loss is accepted, since something in them is damaged.
    fn forget_log(&self, from: u64) -> Result<()>;

    /// Stores blobs with ascending ids, durably, before it returns.
    fn put_blobs(&self, blobs: &mut dyn Iterator<Item = (BlobId, Vec<u8>)>) -> Result<()>;
    /// A blob's bytes, checked against its checksum.
    fn blob(&self, id: BlobId) -> Result<Option<Bytes>>;
    /// Removes blobs that no root names.
    fn delete_blobs(&self, ids: &[BlobId]) -> Result<()>;
    /// All blob ids from `from` on, ascending.
    fn blob_ids(&self, from: BlobId) -> Box<dyn Iterator<Item = Result<BlobId>> + Send + '_>;

    /// Adds dictionary hashes in ascending order, durably.
    fn put_hashes(&self, hashes: &mut dyn Iterator<Item = Hashed>) -> Result<()>;
    /// The codes whose bytes have this hash.
    fn codes(&self, hash: u64) -> Result<Vec<u64>>;

    /// The newest root: version and bytes.
    fn root(&self) -> Result<Option<(u64, Bytes)>>;
    /// Makes `root` the newest, durably, if the newest is still `version` (0 = none yet).
    fn swap_root(&self, version: u64, root: &[u8]) -> Result<()>;

    /// Notes that the log reaches `t` with the record hash `hash`; written to the side file at leisure, never on the commit path.
    fn note_head(&self, t: u64, hash: [u8; 32]) -> Result<()>;
    /// The newest noted head that is intact.
    fn head(&self) -> Result<Option<(u64, [u8; 32])>>;
    /// Reads every byte there is and tells `damaged` of each place that is not as it was written. `check` is asked now and then, and
    /// may end it.
    fn scrub(&self, _damaged: &mut dyn FnMut(Error), _check: &dyn Fn() -> Result<()>) -> Result<()> {
        Ok(())
    }
    /// Bytes on disk, by keyspace, for `stats`.
    fn disk_usage(&self) -> Vec<(&'static str, u64)>;
    /// Makes everything durable, writes the side file and lets go of everything that another opener needs. Calls after
    /// it are refused with [`crate::error::Code::Closed`] where the bytes were on disk.
    fn close(&self) -> Result<()>;
}

/// What to do about damage below.
const DAMAGE_HINT: &str = "`asof verify` lists all damage; `asof reindex` makes everything anew from the log, and a damaged log comes from a backup";

/// The error of [`Store::swap_root`] when somebody else was faster.
fn root_moved(expected: u64, found: u64) -> Error {
    Error::new(
        Code::StoreLocked,
        format!("the newest root has version {found}, not {expected}: something else writes to this store"),
    )
}
