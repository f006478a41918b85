//! Texts that were read lately, and what they were read as.

use std::sync::Arc;

use crate::error::Result;

/// So many texts are remembered, and of these none that are longer than so many bytes: those are made by programs, with data in them.
const TEXTS_MAX: usize = 512;
const TEXT_BYTES_MAX: usize = 8 << 10;

/// What texts mean, for all databases of the process: for a static. It is to hold on to no database.
pub(crate) struct Lately<T>(quick_cache::sync::Cache<Arc<str>, T>);

impl<T: Clone> Lately<T> {
    pub(crate) fn new() -> Lately<T> {
        Lately(quick_cache::sync::Cache::new(TEXTS_MAX))
    }

    /// What the text is: as before, if that is known and `good` still, else as `read` reads it now. Mistakes are not remembered, nor what is
    /// not `good` from the beginning.
    pub(crate) fn get(&self, text: &str, good: impl Fn(&T) -> bool, read: impl FnOnce() -> Result<T>) -> Result<T> {
        if text.len() > TEXT_BYTES_MAX {
            return read();
        }
        if let Some(known) = self.0.get(text).filter(&good) {
            return Ok(known);
        }
        let made = read()?;
        if good(&made) {
            self.0.insert(text.into(), made.clone());
        }
        Ok(made)
    }
}
