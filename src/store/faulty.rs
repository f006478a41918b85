//! A store that fails and forgets on demand: what tests of crashes and bad disks stand on.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::{BlobId, Bytes, Durability, Hashed, Memory, Store};
use crate::error::{Code, Error, Result};

/// A [`Memory`] with a plan of faults. Cheap to clone; all clones are the same store.
#[derive(Clone, Default)]
pub struct Faulty {
    memory: Arc<Memory>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    appends_left: Option<u64>,
    syncs_left: Option<u64>,
    blobs_left: Option<u64>,
    blobs_panic: bool,
    hashes_left: Option<u64>,
    sync_takes: Duration,
    synced: Option<u64>,
    syncs: u64,
}

impl Faulty {
    /// An empty store that does not fail yet.
    pub fn new() -> Faulty {
        Faulty::default()
    }
    /// Lets `n` more appends through; the next one fails before anything is written.
    pub fn fail_append_after(&self, n: u64) {
        self.plan.lock().appends_left = Some(n);
    }
    /// Lets `n` more syncs through; the next one fails after the records were handed over.
    pub fn fail_sync_after(&self, n: u64) {
        self.plan.lock().syncs_left = Some(n);
    }
    /// Lets `n` more blobs through; the next one fails.
    pub fn fail_blob_after(&self, n: u64) {
        self.plan.lock().blobs_left = Some(n);
    }
    /// Makes the next blob panic, as a mistake in a store does.
    pub fn panic_at_blob(&self) {
        self.plan.lock().blobs_panic = true;
    }
    /// Lets `n` more lots of the dictionary's hashes through; the next one fails.
    pub fn fail_hashes_after(&self, n: u64) {
        self.plan.lock().hashes_left = Some(n);
    }
    /// Makes every sync take this long, as a disk does.
    pub fn sync_takes(&self, time: Duration) {
        self.plan.lock().sync_takes = time;
    }
    /// How many syncs there were.
    pub fn syncs(&self) -> u64 {
        self.plan.lock().syncs
    }
    /// The power fails: what was not synced is gone, and the faults with it. The store is as a new opener finds it.
    pub fn crash(&self) {
        let mut plan = self.plan.lock();
        let kept = plan.synced.map_or(0, |t| t + 1);
        self.memory.forget_log(kept).expect("maps do not fail");
        *plan = Plan {
            synced: plan.synced,
            ..Plan::default()
        };
    }
    /// The maps inside.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}

/// Counts one down; true when it is the one that fails.
fn due(left: &mut Option<u64>) -> bool {
    match left {
        Some(0) => true,
        Some(n) => {
            *n -= 1;
            false
        }
        None => false,
    }
}

fn injected(what: &str) -> Error {
    Error::new(Code::Io, format!("the {what} failed, as this test wanted"))
}

impl Store for Faulty {
    fn append(&self, records: &[(u64, Vec<u8>)], durability: Durability) -> Result<()> {
        if due(&mut self.plan.lock().appends_left) {
            return Err(injected("append"));
        }
        self.memory.append(records, durability)?;
        if durability == Durability::Power {
            let (fails, takes) = {
                let mut plan = self.plan.lock();
                plan.syncs += 1;
                (due(&mut plan.syncs_left), plan.sync_takes)
            };
            if !takes.is_zero() {
                std::thread::sleep(takes);
            }
            if fails {
                return Err(injected("sync"));
            }
            self.plan.lock().synced = self.memory.last_t()?;
        }
        Ok(())
    }
    fn log(&self, from: u64) -> Box<dyn Iterator<Item = Result<(u64, Bytes)>> + Send + '_> {
        self.memory.log(from)
    }
    fn record(&self, t: u64) -> Result<Option<Bytes>> {
        self.memory.record(t)
    }
    fn last_t(&self) -> Result<Option<u64>> {
        self.memory.last_t()
    }
    fn forget_log(&self, from: u64) -> Result<()> {
        self.memory.forget_log(from)
    }
    fn put_blobs(&self, blobs: &mut dyn Iterator<Item = (BlobId, Vec<u8>)>) -> Result<()> {
        for blob in blobs {
            let panics = std::mem::take(&mut self.plan.lock().blobs_panic);
            assert!(!panics, "the write of a blob panicked, as this test wanted");
            if due(&mut self.plan.lock().blobs_left) {
                return Err(injected("write of a blob"));
            }
            self.memory.put_blobs(&mut std::iter::once(blob))?;
        }
        Ok(())
    }
    fn blob(&self, id: BlobId) -> Result<Option<Bytes>> {
        self.memory.blob(id)
    }
    fn delete_blobs(&self, ids: &[BlobId]) -> Result<()> {
        self.memory.delete_blobs(ids)
    }
    fn blob_ids(&self, from: BlobId) -> Box<dyn Iterator<Item = Result<BlobId>> + Send + '_> {
        self.memory.blob_ids(from)
    }
    fn put_hashes(&self, hashes: &mut dyn Iterator<Item = Hashed>) -> Result<()> {
        if due(&mut self.plan.lock().hashes_left) {
            return Err(injected("write of hashes"));
        }
        self.memory.put_hashes(hashes)
    }
    fn codes(&self, hash: u64) -> Result<Vec<u64>> {
        self.memory.codes(hash)
    }
    fn root(&self) -> Result<Option<(u64, Bytes)>> {
        self.memory.root()
    }
    fn swap_root(&self, version: u64, root: &[u8]) -> Result<()> {
        // A root is synced, and the log before it with it.
        self.memory.swap_root(version, root)?;
        self.plan.lock().synced = self.memory.last_t()?;
        Ok(())
    }
    fn note_head(&self, t: u64, hash: [u8; 32]) -> Result<()> {
        // As the real side file: it never runs ahead of what is synced.
        if self.plan.lock().synced.is_some_and(|synced| t <= synced) {
            self.memory.note_head(t, hash)?;
        }
        Ok(())
    }
    fn head(&self) -> Result<Option<(u64, [u8; 32])>> {
        self.memory.head()
    }
    fn disk_usage(&self) -> Vec<(&'static str, u64)> {
        self.memory.disk_usage()
    }
    fn close(&self) -> Result<()> {
        Ok(())
    }
}
