//! `asof verify`: all that is wrong with a database, whether or not it opens.

use std::path::Path;
use std::sync::Arc;

use super::options::Options;
use super::rebuild::check_log_alone;
use super::replay::recover;
use super::verify::{self, IndexesVerified};
use crate::error::{Code, Error, Result};
use crate::log::{self, Verified};
use crate::store::{Fjall, Settings, Store, check_head};

/// What [`examine`] found.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// The log, if it is whole.
    pub log: Option<Verified>,
    /// The indexes, if they say what the log says.
    pub indexes: Option<IndexesVerified>,
    /// What is damaged: the first so many as were asked for.
    pub damage: Vec<Error>,
    /// How much more is.
    pub more: u64,
}

/// Reads everything that the database in the directory `dir` consists of and lists what is damaged, at most `list` of it.
/// ```
/// # fn main() -> asof::Result<()> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("people.asof");
/// asof::Connection::open(&path)?.close()?;
/// let examined = asof::conn::examine(&path, 20)?;
/// assert!(examined.damage.is_empty());
/// assert_eq!(examined.log.map(|log| log.records), Some(1));
/// # Ok(()) }
/// ```
pub fn examine(dir: impl AsRef<Path>, list: usize) -> Result<Examined> {
    examine_while(dir, list, &|| Ok(()))
}

/// As [`examine`], which takes as long as reading everything takes: `check` is asked all the time, and its error ends it.
pub fn examine_while(dir: impl AsRef<Path>, list: usize, check: &dyn Fn() -> Result<()>) -> Result<Examined> {
    let dir = dir.as_ref();
    let mut found = Finds {
        list,
        ..Finds::default()
    };
    let settings = Settings {
        create: false,
        head_may_be_lost: true,
        ..Settings::default()
    };
    let store = match Fjall::open(dir, &settings) {
        Ok(store) => Arc::new(store),
        Err(e) if e.code() == Code::CorruptStore => {
            found.take(check_head(dir))?;
            found.note(e);
            // What the engine stumbles over may be beside the log, which is then all that is needed.
            found.examined.log = found.take(check_log_alone(dir, check))?;
            return Ok(found.examined);
        }
        Err(e) => return Err(e),
    };
    found.take(check_head(dir))?;
    store.scrub(&mut |e| found.note(e), check)?;
    found.scrubbed = found.spaces.clone();
    let shared: Arc<dyn Store> = store.clone();
    found.examined.log = found.take(log::verify(&*shared, shared.head()?, check))?;
    if found.examined.log.is_some() {
        let options = Options::new().accept_loss(false);
        let indexes =
            recover(&shared, &options, check).and_then(|recovered| verify::indexes(&recovered.db, &shared, check));
        found.examined.indexes = found.take(indexes)?;
    }
    store.close()?;
    Ok(found.examined)
}

#[derive(Default)]
struct Finds {
    examined: Examined,
    list: usize,
    /// Keyspaces with damage, so far and as the store itself found it: what reading them stumbles over then is known.
    spaces: Vec<String>,
    scrubbed: Vec<String>,
}

impl Finds {
    fn note(&mut self, e: Error) {
        if let Some((_, space)) = e.data().iter().find(|(key, _)| *key == "keyspace") {
            if self.scrubbed.contains(space) {
                return;
            }
            self.spaces.push(space.clone());
        }
        match self.examined.damage.len() < self.list {
            true => self.examined.damage.push(e),
            false => self.examined.more += 1,
        }
    }

    /// The value, or a note of why there is none. An error that is no damage ends the examination.
    fn take<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e) if matches!(e.code(), Code::CorruptStore | Code::ChainBroken) => {
                self.note(e);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }
}
