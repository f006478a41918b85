//! asof: an embedded temporal fact database.
//!
//! It keeps every fact ever asserted or retracted, and answers Datalog queries over the database as it is now, as it was at any
//! earlier moment, and over its whole history. The dialect is Datomic's.
//!
//! ```
//! use asof::{Connection, Input};
//!
//! # fn main() -> asof::Result<()> {
//! let conn = Connection::in_memory()?; // or Connection::open("people.asof")?
//! conn.transact(
//!     "[{:db/ident :person/email :db/valueType :db.type/string :db/cardinality :db.cardinality/one
//!        :db/unique :db.unique/identity}
//!       {:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]",
//! )?;
//! conn.transact(r#"[{:person/email "ada@x" :person/name "Ada Byron"}]"#)?;
//! let before = conn.db(); // a value: later transactions leave it as it is
//! conn.transact(r#"[{:person/email "ada@x" :person/name "Ada Lovelace"}]"#)?;
//!
//! let name = "[:find ?n . :in $ ?email :where [?p :person/email ?email] [?p :person/name ?n]]";
//! let ada = [Input::text("\"ada@x\"")?];
//! assert_eq!(conn.db().q(name, &ada)?.to_edn()?.to_string(), "\"Ada Lovelace\"");
//! assert_eq!(before.q(name, &ada)?.to_edn()?.to_string(), "\"Ada Byron\"");
//! assert_eq!(conn.db().as_of(2)?.q(name, &ada)?.to_edn()?.to_string(), "\"Ada Byron\"");
//! # Ok(()) }
//! ```
//!
//! It is not a server: one process opens a database at a time. It is not a cache of documents: what a fact may say is declared
//! by attributes, which are facts themselves.
//!
//! [`Connection`] is where to begin, [`Db`] is what answers; `docs/guide` explains everything with examples. The rooms below stand
//! in reading order; each uses only those above it.
#[macro_use]
mod macros;

pub mod error;

pub mod edn;
pub mod store;

pub mod datom;

pub mod schema;

pub mod index;
pub mod log;

pub mod db;

pub mod pull;

pub mod query;
pub mod tx;

pub mod conn;

pub mod testing;

pub use conn::{Connection, Options};
pub use datom::{Datom, EntityId, TxId, Value};
pub use db::{Db, TimePoint};
pub use edn::{Edn, Instant, Keyword, Symbol};
pub use error::{Code, Error, Result};
pub use query::{Answer, Input, Query};
pub use tx::Report;

/// The Rust of the README and of the guide, as tests.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/guide/embedding.md")]
    struct Embedding;
    #[doc = include_str!("../docs/guide/errors.md")]
    struct Errors;
    #[doc = include_str!("../docs/guide/operations.md")]
    struct Operations;
    #[doc = include_str!("../docs/guide/coming-from.md")]
    struct ComingFrom;
}
