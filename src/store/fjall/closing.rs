//! What follows a commit in its own time: the side file `HEAD`, and at last the closing.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fjall::AbstractTree;

use super::super::layout::empty_journal;
use super::Open;
use super::engine::{MB, from_fjall};
use crate::error::Result;

/// A journal of at most so many bytes is replayed at the next opening; a longer one is made needless at close.
pub(super) const JOURNAL_LEFT: u64 = 64 * 1024;
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

/// Writes noted heads to the side file, at most one a second.
pub(super) fn keep_head(open: &Open) {
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
    pub(super) fn write_head(&self) -> Result<()> {
        let Some((t, hash)) = self.noted.lock().head.take() else {
            return Ok(());
        };
        let write = || {
            if t >= self.synced.load(Ordering::Acquire) {
                self.sync()?;
            }
            self.head.lock().write((t, hash))
        };
        write().inspect_err(|_| {
            // Unless a newer one was noted meanwhile, it is still to be written.
            self.noted.lock().head.get_or_insert((t, hash));
        })
    }

    /// Ends the engine and empties its journal, all of which is in tables. The lock is held until that is done.
    pub(super) fn leave_no_journal(self, store: &Path) -> Result<()> {
        let Open {
            keyspaces,
            db,
            head,
            _lock,
            ..
        } = self;
        drop((keyspaces, head));
        drop(db);
        // Sealed journals are gone unless the engine was stopped before it removed them; they say nothing new either way.
        empty_journal(store)
    }

    /// Merges the tables of leaves where many are short, since opening reads a little of each.
    pub(super) fn merge_short_tables(&self) -> Result<()> {
        let (tables, bytes) = (self.keyspaces.leaf.table_count(), self.keyspaces.leaf.disk_space());
        if tables > FEW_TABLES && bytes / (tables as u64) < SHORT_TABLE && bytes <= MERGED_AT_CLOSE {
            self.keyspaces.leaf.major_compact().map_err(from_fjall)?;
        }
        Ok(())
    }

    /// Moves what only the journal holds into tables. Says whether that is all of it: nothing may be written meanwhile.
    pub(super) fn empty_memtables(&self) -> bool {
        let written = self.keyspaces.all().map(|(_, keyspace)| keyspace);
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
