//! A new store from the log of an old one, made beside it, and the switch between them.
//!
//! Nothing of the old store but its log is read, so whatever else of it is damaged does no harm, and nothing of it is changed
//! before the new one is whole:
//!
//! ```text
//! DIR/rebuild/log/    a database that has the log of the old one, and nothing else of it
//! DIR/rebuild/new/    the database that is made from it
//! DIR/rebuild/old/    the old store, from the beginning of the switch on
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use super::fjall::{Fjall, Settings};
use super::layout::{at_path, check_format, copy_all, finish_switch, journals, sync_dir};
use super::lock::Lock;
use super::{Store, head};
use crate::error::{Code, Error, Result};

/// The engine's number of the first keyspace that a store makes.
const LOG_KEYSPACE: &str = "keyspaces/1";

/// A database that gets a new store. Dropped before [`Rebuild::switch`], it leaves the database as it was.
pub struct Rebuild {
    dir: PathBuf,
    head: Option<(u64, [u8; 32])>,
    _lock: Lock,
}

impl Rebuild {
    /// Takes the database in `dir` for itself. A lost `HEAD` is refused unless `head_may_be_lost`.
    pub fn begin(dir: &Path, head_may_be_lost: bool) -> Result<Rebuild> {
        let _lock = Lock::take(&dir.join("asof.lock"))?;
        check_format(dir)?;
        finish_switch(dir)?;
        let head = match head::read(&dir.join("HEAD")) {
            Err(e) if head_may_be_lost && e.code() == Code::CorruptStore => None,
            head => head?,
        };
        Ok(Rebuild {
            dir: dir.to_path_buf(),
            head,
            _lock,
        })
    }

    /// The head that the database noted.
    pub fn head(&self) -> Option<(u64, [u8; 32])> {
        self.head
    }

    /// The log of the old store. Everything else in it is empty, or what the journal happens to have.
    pub fn old_log(&self) -> Result<Fjall> {
        let dir = self.place("log");
        // Opening changes files, so it is done with copies; tables never change, and a second name for one is enough.
        Fjall::open(&dir, &Settings::default())?.close()?;
        let (from, to) = (self.dir.join("store"), dir.join("store"));
        for (_, journal) in journals(&to)? {
            fs::remove_file(&journal).map_err(|e| at_path(&journal, e))?;
        }
        for (_, journal) in journals(&from)? {
            let name = journal.file_name().expect("a journal has a name");
            fs::copy(&journal, to.join(name)).map_err(|e| at_path(&journal, e))?;
        }
        let tables = to.join(LOG_KEYSPACE);
        fs::remove_dir_all(&tables).map_err(|e| at_path(&tables, e))?;
        if !from.join(LOG_KEYSPACE).exists() {
            return Err(Error::new(
                Code::CorruptStore,
                format!("the log is gone: {} is missing", from.join(LOG_KEYSPACE).display()),
            )
            .hint("restore a backup of the whole directory"));
        }
        copy_all(&from.join(LOG_KEYSPACE), &tables, &link_tables)?;
        Fjall::open(&dir, &Settings::default())
    }

    /// The store to fill, empty.
    pub fn new_store(&self) -> Result<Fjall> {
        Fjall::open(&self.place("new"), &Settings::default())
    }

    /// Puts the new store, which is closed, in the place of the old one.
    pub fn switch(self) -> Result<()> {
        let (store, old) = (self.dir.join("store"), self.place("old"));
        fs::rename(&store, &old).map_err(|e| at_path(&store, e))?;
        sync_dir(&self.place(""))?;
        finish_switch(&self.dir)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.dir.join("rebuild").join(name)
    }
}

impl Drop for Rebuild {
    fn drop(&mut self) {
        // After a switch there is nothing left; else what could not be removed is at the next opening.
        if self.dir.join("store").exists() {
            let _ = fs::remove_dir_all(self.place(""));
        }
    }
}

/// Gives tables a second name where the file system can, and copies what else there is.
fn link_tables(from: &Path, to: &Path) -> std::io::Result<()> {
    let is_table = from.parent().is_some_and(|dir| dir.ends_with("tables"));
    if is_table && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).map(drop)
}
