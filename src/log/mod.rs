//! Append-only transaction records, hash-chained, and their replay.
//!
//! A record stands alone: it holds raw values with their types, so that the log can be read, checked and replayed without an
//! index, a schema or a dictionary. `docs/format.md` gives every byte.

mod chain;
mod reader;
mod record;
#[cfg(test)]
mod tests;

pub use chain::{Chain, Verified, verify};
pub use reader::{Log, Transaction};
pub use record::{FORMAT, Fact, Hash, NO_HASH, Record, encode};
