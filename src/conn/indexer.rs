//! The seam to the background indexer: how long the unindexed tail of the log is, and who waits for it to shrink.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the facts that are in the log and not yet in the indexes on disk.
pub(super) struct Indexer {
    tail: AtomicU64,
}

impl Indexer {
    pub fn new(tail: u64, _soft: u64, _hard: u64) -> Indexer {
        Indexer {
            tail: AtomicU64::new(tail),
        }
    }
    pub fn grew(&self, facts: u64) {
        self.tail.fetch_add(facts, Ordering::Relaxed);
    }
    pub fn wait_for_room(&self) {}
}
