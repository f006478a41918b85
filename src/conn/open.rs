//! Opening: options in, a connection out.

use std::path::Path;
use std::sync::Arc;

use super::options::Options;
use super::{Connection, rebuild};
use crate::error::Result;
use crate::store::{Fjall, Memory, Settings, Store};

impl Options {
    /// Opens the database in the directory `path`.
    pub fn open(mut self, path: impl AsRef<Path>) -> Result<Connection> {
        let path = path.as_ref();
        if std::mem::take(&mut self.reindex) && path.join("FORMAT").exists() {
            self.rebuild(path)?;
        }
        let settings = Settings {
            create: self.create,
            head_may_be_lost: self.accept_loss,
            ..Settings::default()
        };
        let store = Fjall::open(path, &settings)?;
        self.open_store(Arc::new(store))
    }

    /// Gives the database in `dir` new indexes and a new dictionary, made from its log alone. After an error it is as it was.
    fn rebuild(&self, dir: &Path) -> Result<()> {
        let (rebuild, new) = rebuild::begin(dir, self)?;
        let conn = self.clone().open_store(Arc::new(new))?;
        conn.sync_index()?;
        conn.close()?;
        rebuild.switch()
    }

    /// A new database in memory.
    pub fn in_memory(mut self) -> Result<Connection> {
        self.ephemeral = true;
        self.open_store(Arc::new(Memory::new()))
    }
    /// Opens the database that `store` holds, or makes one in an empty store.
    pub fn open_store(self, store: Arc<dyn Store>) -> Result<Connection> {
        Connection::new(store, self)
    }
}
