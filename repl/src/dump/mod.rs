//! A database's whole history as text, there and back.
//!
//! ```text
//! {:asof/dump 1, :t 2, :instant #inst "...", :transactions 3, :facts 131, :hash "9f2c..."}
//! [0 + 13194139533312 50 :instant #inst "1970-01-01T00:00:00.000Z"] ; :db/txInstant
//! [2 + 17592186045416 101 :string "Ada"] ; :person/name
//! ```
//!
//! The first line is the manifest: the newest t and its instant, how many transactions and facts follow, and the hash of the log's
//! last record, which stands for all that came before. Then a line a fact, in the order of the log: `[t +|- e a type value]`.
//! The attribute is an id, since names can change; its name at that time is a comment. A tuple has the types of its slots in
//! the place of its type. A value that has no text of its own (a keyword with a space in it) is `#asof/key` and its key bytes.
//! Every line is EDN, so that other programs can read it.

mod facts;
mod line;
mod manifest;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use facts::write as write_facts;
pub use manifest::{Manifest, unhex};
pub use read::{Dump, restore};
pub use write::write;
