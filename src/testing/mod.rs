//! For the tests of whoever builds on asof: databases that are the same at every run, and text that stays the same.
//!
//! A database from here has a clock of its own that starts at 2026-01-01 and goes a second further with each transaction.
//! Entity ids print as `#e1`, `#e2`, in the order in which [`Labels`] meets them, and transactions as `#t1`, by their t. So
//! what these functions print is made for `insta::assert_snapshot!`, and a snapshot changes only when its meaning does.
//!
//! ```
//! use asof::testing;
//!
//! # fn main() -> asof::Result<()> {
//! let conn = testing::fixture(
//!     r#"
//!     [{:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
//!      {:db/ident :person/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]
//!     [{:db/id "ada" :person/name "Ada"} {:db/id "bob" :person/name "Bob" :person/friend "ada"}]
//!     "#,
//! )?;
//! assert_eq!(
//!     testing::dump(&conn.db())?,
//!     r#"schema
//!   :person/friend  ref many
//!   :person/name    string one
//! facts
//!   #t1 :db/txInstant #inst "2026-01-01T00:00:00.000Z"
//!   #t2 :db/txInstant #inst "2026-01-01T00:00:01.000Z"
//!   #e1 :person/name "Ada"  #t2
//!   #e2 :person/name "Bob"  #t2
//!   #e2 :person/friend #e1  #t2
//! "#
//! );
//! # Ok(()) }
//! ```
//!
//! `asof golden` plays whole transcripts this way; see `docs/guide/golden.md`.

mod dump;
mod labels;
mod render;

#[cfg(test)]
mod tests;

pub use labels::Labels;

use crate::conn::{Connection, Options, StepClock};
use crate::db::Db;
use crate::edn::{self, Edn, Instant};
use crate::error::{Code, Error, Result};
use crate::query::{Answer, Input, IntoQuery};
use crate::tx::Report;

/// What the clock of a test says first: 2026-01-01.
pub const START: Instant = Instant(1_767_225_600_000_000);
/// So many microseconds lie between two transactions of a test: a second.
pub const STEP: i64 = 1_000_000;

/// Forms are broken at this width.
const WIDTH: usize = 100;

/// The clock of tests: [`START`], then [`STEP`] further with each transaction.
pub fn clock() -> StepClock {
    StepClock::new(START, STEP)
}

/// Options with the clock of tests, for databases that need more than [`database`] gives: registered functions, a folder.
///
/// ```
/// # fn main() -> asof::Result<()> {
/// let conn = asof::testing::options().tx_fn("my/nothing", |_, _| Ok(vec![])).in_memory()?;
/// assert_eq!(conn.transact("[(my/nothing)]")?.t, 1);
/// # Ok(()) }
/// ```
pub fn options() -> Options {
    Options::new().clock(clock())
}

/// An empty database in memory with the clock of tests.
///
/// ```
/// # fn main() -> asof::Result<()> {
/// let report = asof::testing::database()?.transact("[]")?;
/// assert_eq!(report.instant.to_string(), "2026-01-01T00:00:00.000Z");
/// # Ok(()) }
/// ```
pub fn database() -> Result<Connection> {
    options().in_memory()
}

/// A database in memory with what `text` says: EDN vectors, each of them a transaction.
pub fn fixture(text: &str) -> Result<Connection> {
    let conn = database()?;
    load(&conn, "fixture", text)?;
    Ok(conn)
}

/// Adds the transactions of a fixture, which errors call `name`, to a database; gives how many they are.
///
/// ```
/// # fn main() -> asof::Result<()> {
/// let conn = asof::testing::database()?;
/// assert_eq!(asof::testing::load(&conn, "people.edn", "[] [[:db/add \"e\" :db/doc \"x\"]]")?, 2);
/// let wrong = asof::testing::load(&conn, "people.edn", "[]\n{:person/name \"Ada\"}").unwrap_err();
/// assert_eq!(wrong.place().unwrap().line, 2);
/// # Ok(()) }
/// ```
pub fn load(conn: &Connection, name: &str, text: &str) -> Result<usize> {
    let place = |e: Error| e.in_source(name, text);
    let mut count = 0;
    for form in edn::Forms::new(text) {
        let form = form.map_err(place)?;
        let span = form.span;
        let Some(data) = form.as_vector() else {
            let what = format!("a {} is no transaction", form.type_name());
            return Err(place(Error::new(Code::InvalidTxForm, what).at(form.span).hint(
                "a fixture is vectors, each of them a transaction: [{:person/name \"Ada\"}]",
            )));
        };
        conn.transact(data).map_err(|e| place(e.at(span)))?;
        count += 1;
    }
    Ok(count)
}

/// A form, over several lines where it is long; its entity ids as labels. See [`Labels::edn`].
pub fn edn(db: &Db, form: &Edn) -> String {
    Labels::new().edn(db, form)
}

/// The answer of a query as a table, or as EDN when it is no relation. See [`Labels::answer`].
///
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Input, testing};
/// let conn = testing::fixture(
///     r#"[{:db/ident :n :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]
///        [{:n "Ada"} {:n "Bob"}]"#,
/// )?;
/// let db = conn.db();
/// let answer = db.q("[:find ?e ?name :where [?e :n ?name]]", &[])?;
/// assert_eq!(testing::answer(&db, &answer)?, r#"?e   ?name
/// ---  -----
/// #e1  "Ada"
/// #e2  "Bob"
/// "#);
/// # Ok(()) }
/// ```
pub fn answer(db: &Db, answer: &Answer) -> Result<String> {
    Labels::new().answer(db, answer)
}

/// What a transaction did: a line a fact, `+` or `-`. See [`Labels::report`].
///
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::testing;
/// let conn = testing::fixture("[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]")?;
/// let report = conn.transact("[[:db/add \"x\" :n 7]]")?;
/// assert_eq!(testing::report(&report)?, r#"t 2  2026-01-01T00:00:01.000Z
/// + #e1 :n 7
/// "x" is #e1
/// "#);
/// # Ok(()) }
/// ```
pub fn report(report: &Report) -> Result<String> {
    Labels::new().report(report)
}

/// The plan of a query as text, without running it: it holds nothing that changes from run to run.
///
/// ```
/// # fn main() -> asof::Result<()> {
/// let db = asof::testing::database()?.db();
/// let plan = asof::testing::plan(&db, "[:find ?e :where [?e :db/doc \"x\"]]", &[])?;
/// assert!(plan.contains("[?e :db/doc \"x\"]"), "{plan}");
/// # Ok(()) }
/// ```
pub fn plan(db: &Db, query: impl IntoQuery, inputs: &[Input]) -> Result<String> {
    Labels::new().plan(db, query, inputs)
}

/// An error as people see it, entity ids in its text as labels. See [`Labels::error`].
///
/// ```
/// # fn main() -> asof::Result<()> {
/// let conn = asof::testing::database()?;
/// let wrong = conn.transact("[[:db/add \"x\" :db/docs 1]]").unwrap_err();
/// let text = asof::testing::error(&conn.db(), &wrong);
/// assert!(text.contains("did you mean :db/doc?"), "{text}");
/// # Ok(()) }
/// ```
pub fn error(db: &Db, error: &Error) -> String {
    Labels::new().error(db, error)
}

/// All that a database value shows, beside what every database holds: its attributes, then its facts; of a history view each
/// change. See [`Labels::dump`].
pub fn dump(db: &Db) -> Result<String> {
    Labels::new().dump(db)
}
