//! Transaction data becomes datoms: `parse` -> `expand` -> `resolve` -> `check`.
//!
//! ```text
//! EDN forms -parse-> Form -expand-> Ops (tempids, lookup refs) -resolve-> Fact (entity ids) -check-> Change -> datoms
//! ```
//!
//! Each stage has its own type (`ops`, `stages`), so a tempid has no way into the log: `resolve` is the last to see one. Every stage
//! sees the database before; what must hold afterwards (uniqueness, composite tuples, schema, specs) is judged on the
//! whole set of changes, so the order of forms never matters.
//!
//! Writing is the work of `conn`; this room reads a [`Db`] and no more, so [`Db::with`] can use it to speculate.

mod after;
mod attrs;
mod builder;
mod check;
mod cx;
mod empty;
mod ensure;
mod expand;
mod functions;
mod input;
mod lookups;
mod messages;
mod ops;
mod parse;
mod resolve;
mod retract;
mod schema_change;
mod stages;
mod stamp;
mod tuples;
mod upsert;

#[cfg(test)]
mod tests;

pub(crate) use after::kinds;
pub use builder::{Attr, Entity, Term, Tx};
pub use empty::{BOOTSTRAP_INSTANT, bootstrap};
pub use input::{IntoTxData, TxData};

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::datom::{Datom, EntityId, RawDatom, T, TxId};
use crate::db::Db;
use crate::edn::{Edn, Instant};
use crate::error::{Code, Error, Result};
use crate::index::Fresh;
use crate::schema::bootstrap as ids;

use cx::Cx;
use ops::{Flags, Ops, TempName};
use stages::Change;

/// How a transaction is prepared.
#[derive(Clone, Debug, Default)]
pub struct TxOptions {
    /// The clock's time. Without one the transaction gets the microsecond after the newest, and any later instant may be asked for.
    pub now: Option<Instant>,
    /// An asked instant that is not after the newest transaction's becomes the next microsecond, and is kept as
    /// `:db.tx/nudged`: for imports with coarse times.
    pub nudge: bool,
    /// Nothing of it will be stored, so its values stay out of the store's dictionary.
    pub speculative: bool,
}

/// A transaction that is ready to be written.
#[derive(Clone)]
pub struct Prepared {
    /// Its number.
    pub t: T,
    /// Its instant.
    pub instant: Instant,
    /// What changes: the instant first, then by entity, attribute, value, retraction before assertion.
    pub datoms: Arc<[RawDatom]>,
    /// The database with it.
    pub db_after: Db,
    /// The entity of each tempid.
    pub(crate) tempids: Vec<(TempName, EntityId)>,
    /// The entities it makes, in the order of the forms.
    pub new_entities: Vec<EntityId>,
    /// What the user should know although it is no error.
    pub warnings: Vec<String>,
    /// It changes nothing but its own instant.
    pub noop: bool,
}

/// What a transaction did.
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::testing;
/// let conn = testing::fixture(
///     "[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]",
/// )?;
/// let report = conn.transact(r#"[{:db/id "p" :ship/name "Petrel"} {:ship/name "Tern"}]"#)?;
/// assert_eq!(report.t, 2);
/// assert_eq!(report.entity("p"), Some(report.new_entities[0]));
/// assert_eq!(report.tx_data()?.len(), 3); // the instant and two names
/// assert_eq!(report.db_before.basis_t(), 1);
/// assert_eq!(report.db_after.basis_t(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Report {
    /// The database before.
    pub db_before: Db,
    /// The database after.
    pub db_after: Db,
    /// The entity of each tempid, by its text.
    pub tempids: BTreeMap<String, EntityId>,
    /// The entities it made, in the order of the forms.
    pub new_entities: Vec<EntityId>,
    /// What the user should know although it is no error.
    pub warnings: Vec<String>,
    /// It changed nothing but its own instant.
    pub noop: bool,
    /// Its number.
    pub t: T,
    /// Its instant.
    pub instant: Instant,
    datoms: Arc<[RawDatom]>,
}

impl Report {
    /// The report of a prepared transaction on top of `db_before`.
    pub fn new(db_before: Db, prepared: Prepared) -> Report {
        Report {
            db_before,
            db_after: prepared.db_after,
            datoms: prepared.datoms,
            tempids: prepared.tempids.into_iter().map(|(name, e)| (name.into(), e)).collect(),
            new_entities: prepared.new_entities,
            warnings: prepared.warnings,
            noop: prepared.noop,
            t: prepared.t,
            instant: prepared.instant,
        }
    }
    /// What changed: the instant first, then by entity, attribute, value, retraction before assertion. Made from the columns
    /// when asked for, since most callers do not.
    pub fn tx_data(&self) -> Result<Vec<Datom>> {
        self.datoms.iter().map(|d| self.db_after.datom(*d)).collect()
    }
    /// How many datoms it added to the log, its instant among them.
    pub fn datom_count(&self) -> usize {
        self.datoms.len()
    }
    /// The transaction's entity.
    pub fn tx(&self) -> TxId {
        TxId::from_t(self.t)
    }
    /// The entity of a tempid.
    pub fn entity(&self, tempid: &str) -> Option<EntityId> {
        self.tempids.get(tempid).copied()
    }
}

/// Prepares forms for commit on top of `db`, the newest value.
pub fn prepare(db: &Db, data: &[Edn], options: &TxOptions) -> Result<Prepared> {
    forms(&Cx::new(db, options), data)
}

/// Prepares any kind of transaction data; errors show the text when it was one.
pub fn prepare_data(db: &Db, data: &TxData, options: &TxOptions) -> Result<Prepared> {
    any(&Cx::new(db, options), data)
}

/// As [`prepare_data`], for a writer that has kept account of the unique values of `db`, so that they need not be looked up.
pub fn prepare_next(db: &Db, fresh: &Fresh, data: &TxData, options: &TxOptions) -> Result<Prepared> {
    let mut cx = Cx::new(db, options);
    cx.fresh = Some(fresh);
    any(&cx, data)
}

fn any(cx: &Cx<'_>, data: &TxData) -> Result<Prepared> {
    match data {
        TxData::Forms { forms: data, source } => forms(cx, data).map_err(|e| match source {
            Some(text) => e.in_source("transaction", text),
            None => e,
        }),
        TxData::Typed(tx) => finish(cx, builder::ops(cx, tx)?),
    }
}

fn forms(cx: &Cx<'_>, data: &[Edn]) -> Result<Prepared> {
    finish(cx, expand::ops(cx, data)?)
}

fn finish(cx: &Cx<'_>, ops: Ops) -> Result<Prepared> {
    let mut warnings = Vec::new();
    let mut resolved = resolve::entities(cx, ops)?;
    let mut changes = check::changes(cx, &mut resolved, &mut warnings)?;
    tuples::maintain(cx, &resolved, &mut changes)?;
    check::uniqueness(cx, &resolved, &changes)?;
    let noop = changes.is_empty();
    let (instant, asked) = stamp::instant(cx, &resolved.instants)?;
    if let Some(asked) = asked {
        let v = crate::datom::word::long(asked.0);
        changes.push(Change {
            e: cx.tx,
            a: ids::NUDGED,
            v,
            added: true,
            flags: Flags::INLINE,
            op: 0,
        });
    }
    check::sort(cx, cx.schema, &mut changes)?;
    let mut datoms = after::datoms(cx.t, cx.tx, instant, &changes);
    let mut db_after = after::database(cx, resolved.next_ids.clone(), instant, &changes, &datoms)?;
    if changes.iter().any(Change::defines) {
        let extra = schema_change::check(cx, &resolved, &changes, &db_after, &mut warnings)?;
        if !extra.is_empty() {
            changes.extend(extra);
            check::sort(cx, db_after.schema(), &mut changes)?;
            datoms = after::datoms(cx.t, cx.tx, instant, &changes);
            db_after = after::database(cx, resolved.next_ids.clone(), instant, &changes, &datoms)?;
        }
    }
    ensure::check(cx, &resolved, &changes, &db_after)?;
    warnings.sort();
    warnings.dedup();
    Ok(Prepared {
        t: cx.t,
        instant,
        datoms,
        db_after,
        tempids: tempids(&mut resolved.ops),
        new_entities: resolved.new_entities,
        warnings,
        noop,
    })
}

fn tempids(ops: &mut Ops) -> Vec<(TempName, EntityId)> {
    let names = std::mem::take(&mut ops.names);
    let mut ids = Vec::with_capacity(names.len());
    for (name, i) in names.into_all() {
        let root = ops.root(i);
        ids.extend(ops.temps[root as usize].id.map(|id| (name, EntityId(id))));
    }
    ids
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report")
            .field("t", &self.t)
            .field("tempids", &self.tempids)
            .field("tx_data", &self.tx_data())
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

impl Db {
    /// The database as it would be after a transaction. Stores nothing; chains. Only for values of now: on a view the
    /// transaction would not be seen. To go on from an earlier moment, branch there: [`Db::branch_at`].
    pub fn with(&self, data: impl IntoTxData) -> Result<Report> {
        if self.is_history() {
            return Err(Error::new(
                Code::NotSupportedOnHistory,
                "a history view has no moment to add a transaction to",
            )
            .hint("use the database value it was made from"));
        }
        if !self.is_now() {
            return Err(Error::new(
                Code::WithOnView,
                "a transaction on an as-of, since or filtered view would not be seen in it",
            )
            .hint(
                "call with on the newest value and make the view of the result; to go on from the past, branch there: \
                 (branch-at db T), in Rust Db::branch_at",
            ));
        }
        let options = TxOptions {
            speculative: true,
            ..TxOptions::default()
        };
        let prepared = prepare_data(self, &data.into_tx_data()?, &options)?;
        Ok(Report::new(self.clone(), prepared))
    }
}

/// `1 argument`, `2 arguments`.
fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A text in one short line, for messages.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text.to_string(),
    }
}
