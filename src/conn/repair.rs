//! `asof repair`: a copy of a damaged database that opens, and what it lost.

use std::path::Path;

use super::options::Options;
use crate::datom::T;
use crate::error::Result;
use crate::store::repair_copy;

/// What [`repair`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The newest t of the copy.
    pub last_t: T,
    /// The t that the original had noted as reached; greater than `last_t` when acknowledged transactions are lost.
    pub noted_t: Option<T>,
    /// How much of the journal had to go.
    pub journal_bytes_lost: u64,
}

impl Repaired {
    /// How many acknowledged transactions are known to be lost. What was acknowledged in the last second before a crash may be
    /// lost beyond that.
    pub fn lost(&self) -> u64 {
        self.noted_t.map_or(0, |noted| noted.saturating_sub(self.last_t))
    }
}

/// Makes a copy of the database in `dir` at the new path `copy` and gives up what it takes for the copy to open: an end of the journal
/// that does not replay, log records from the first damaged one on. Its indexes are made anew. The original is left as it is.
pub fn repair(dir: impl AsRef<Path>, copy: impl AsRef<Path>) -> Result<Repaired> {
    let copy = copy.as_ref();
    let (journal_bytes_lost, noted) = repair_copy(dir.as_ref(), copy)?;
    // The indexes may be as damaged as the log, and the log has all that is in them.
    let options = Options::new().create(false).accept_loss(true).reindex(true);
    let conn = options.open(copy)?;
    let repaired = Repaired {
        last_t: conn.db().basis_t(),
        noted_t: noted.map(|(t, _)| t),
        journal_bytes_lost,
    };
    conn.close()?;
    Ok(repaired)
}
