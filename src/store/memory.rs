//! A store in maps: for databases that live as long as their process, and for tests.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::{Mutex, RwLock};

use super::{BlobId, Bytes, Durability, Hashed, Store};
use crate::error::Result;

type Head = (u64, [u8; 32]);

/// Everything in memory, under locks. Opening it again finds what was there, as long as somebody holds it.
#[derive(Default)]
pub struct Memory {
    log: RwLock<BTreeMap<u64, Bytes>>,
    blobs: RwLock<BTreeMap<BlobId, Bytes>>,
    hashes: RwLock<BTreeSet<(u64, u64)>>,
    root: RwLock<Option<(u64, Bytes)>>,
    head: Mutex<Option<Head>>,
}

impl Memory {
    /// Nothing.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// Puts other bytes in the place of a log record, as a failing disk might.
    pub fn overwrite_record(&self, t: u64, bytes: &[u8]) {
        self.log.write().insert(t, bytes.into());
    }
}

impl Store for Memory {
    fn append(&self, records: &[(u64, Vec<u8>)], _durability: Durability) -> Result<()> {
        let mut log = self.log.write();
        for (t, bytes) in records {
            debug_assert!(log.last_key_value().is_none_or(|(last, _)| last < t), "t ascends");
            log.insert(*t, bytes.as_slice().into());
        }
        Ok(())
    }

    fn log(&self, from: u64) -> Box<dyn Iterator<Item = Result<(u64, Bytes)>> + Send + '_> {
        let found: Vec<(u64, Bytes)> = self.log.read().range(from..).map(|(t, b)| (*t, b.clone())).collect();
        Box::new(found.into_iter().map(Ok))
    }

    fn record(&self, t: u64) -> Result<Option<Bytes>> {
        Ok(self.log.read().get(&t).cloned())
    }

    fn last_t(&self) -> Result<Option<u64>> {
        Ok(self.log.read().last_key_value().map(|(t, _)| *t))
    }

    fn forget_log(&self, from: u64) -> Result<()> {
        self.log.write().split_off(&from);
        Ok(())
    }

    fn put_blobs(&self, blobs: &mut dyn Iterator<Item = (BlobId, Vec<u8>)>) -> Result<()> {
        for (id, bytes) in blobs {
            self.blobs.write().insert(id, bytes.into());
        }
        Ok(())
    }

    fn blob(&self, id: BlobId) -> Result<Option<Bytes>> {
        Ok(self.blobs.read().get(&id).cloned())
    }

    fn delete_blobs(&self, ids: &[BlobId]) -> Result<()> {
        let mut blobs = self.blobs.write();
        for id in ids {
            blobs.remove(id);
        }
        Ok(())
    }

    fn blob_ids(&self, from: BlobId) -> Box<dyn Iterator<Item = Result<BlobId>> + Send + '_> {
        let found: Vec<BlobId> = self.blobs.read().range(from..).map(|(id, _)| *id).collect();
        Box::new(found.into_iter().map(Ok))
    }

    fn put_hashes(&self, hashes: &mut dyn Iterator<Item = Hashed>) -> Result<()> {
        self.hashes.write().extend(hashes.map(|h| (h.hash, h.code)));
        Ok(())
    }

    fn codes(&self, hash: u64) -> Result<Vec<u64>> {
        let hashes = self.hashes.read();
        Ok(hashes
            .range((hash, 0)..=(hash, u64::MAX))
            .map(|(_, code)| *code)
            .collect())
    }

    fn root(&self) -> Result<Option<(u64, Bytes)>> {
        Ok(self.root.read().clone())
    }

    fn swap_root(&self, version: u64, root: &[u8]) -> Result<()> {
        let mut newest = self.root.write();
        let found = newest.as_ref().map_or(0, |(v, _)| *v);
        if found != version {
            return Err(super::root_moved(version, found));
        }
        *newest = Some((version + 1, root.into()));
        Ok(())
    }

    fn note_head(&self, t: u64, hash: [u8; 32]) -> Result<()> {
        *self.head.lock() = Some((t, hash));
        Ok(())
    }

    fn head(&self) -> Result<Option<(u64, [u8; 32])>> {
        Ok(*self.head.lock())
    }

    fn disk_usage(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}
