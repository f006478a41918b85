//! Database values: now, as-of, since, history, windows, filters. Immutable; a `Db` answers the same for ever.

mod branch;
mod entity_ref;
mod log;
mod next_ids;
mod read;
mod reader;
mod registry;
mod schema_at;
#[cfg(test)]
mod tests;

pub use entity_ref::{EntityRef, IntoEntityRef};
pub(crate) use next_ids::{NextIds, first_counter};
pub use read::Datoms;
pub(crate) use reader::Reader;
pub(crate) use registry::meant;
pub use registry::{AggregateFn, Arity, AttrPred, EntityPred, QueryFn, RegisteredFn, Registry, TxFn, XformFn};
pub(crate) use schema_at::schema_at;

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::datom::{Datom, EntityId, Partition, RawDatom, T, TxId};
use crate::edn::{Edn, Instant, Keyword, Node};
use crate::error::{Code, Error, Result};
use crate::index::{Batch, Columns, Matcher, Order, Prober, Range, Scan, Snapshot, View, Words};
use crate::schema::{Attribute, Schema, bootstrap};

/// A moment in a database's history: a t, a transaction's entity, or an instant.
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Instant, TimePoint, TxId, testing};
/// let db = testing::fixture("[] [] []")?.db(); // three transactions, a second apart
/// let second = Instant::parse("2026-01-01T00:00:01Z")?;
/// assert_eq!(db.t_of(2)?, 2);
/// assert_eq!(db.t_of(TxId::from_t(2))?, 2);
/// assert_eq!(db.t_of(second)?, 2);
/// assert_eq!(TimePoint::from(second), TimePoint::Instant(second));
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePoint {
    /// A transaction number.
    T(T),
    /// A transaction entity.
    Tx(TxId),
    /// A time; means the last transaction at or before it.
    Instant(Instant),
}

impl TimePoint {
    /// A number as people give it: below 2^42 a t, in the tx partition a transaction's entity id.
    pub fn from_number(n: i64) -> Result<TimePoint> {
        let id = u64::try_from(n).map(EntityId).map_err(|_| invalid_time(n))?;
        match id.partition() {
            Partition::DB => Ok(TimePoint::T(id.0)),
            Partition::TX => Ok(TimePoint::Tx(TxId(id.0))),
            _ => Err(invalid_time(n)),
        }
    }
    /// A number or `#inst` of EDN.
    pub fn from_edn(form: &Edn) -> Result<TimePoint> {
        match &form.node {
            Node::Long(n) => TimePoint::from_number(*n).map_err(|e| e.at(form.span)),
            Node::Inst(i) => Ok(TimePoint::Instant(*i)),
            _ => Err(invalid_time(form).at(form.span)),
        }
    }
}

fn invalid_time(what: impl std::fmt::Display) -> Error {
    Error::new(Code::InvalidTimePoint, format!("{what} is not a point in time"))
        .hint("give a t (12), a transaction's entity id, or an instant (#inst \"2024-05-01\")")
}

conversions! { TimePoint:
    T, t => TimePoint::T(t);
    TxId, tx => TimePoint::Tx(tx);
    Instant, i => TimePoint::Instant(i);
}

type Filter = Arc<dyn Fn(&Db, &Datom) -> bool + Send + Sync>;

/// A database value. Cheap to clone, `Send + Sync`, and unaffected by later writes.
/// It is a whole database at a moment, or a view of one; all of them answer the same questions ([`Db::q`], [`Db::pull`],
/// [`Db::datoms`], [`Db::entity`]).
///
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::testing;
/// let conn = testing::fixture(
///     r#"[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]
///        [[:db/add "e" :n 1]]"#,
/// )?;
/// let e = conn.db().q("[:find ?e . :where [?e :n]]", &[])?.entities(0).and_then(|mut es| es.next()).expect("it is there");
/// conn.transact(format!("[[:db/add {e} :n 2]]"))?;
///
/// let db = conn.db();
/// let n = |db: &asof::Db| db.q("[:find [?n ...] :where [_ :n ?n]]", &[])?.to_edn().map(|form| form.to_string());
/// assert_eq!(n(&db)?, "[2]");
/// assert_eq!(n(&db.as_of(2)?)?, "[1]"); // as it was after transaction 2
/// assert_eq!(n(&db.since(2)?)?, "[2]"); // what was asserted later
/// assert_eq!(n(&db.history())?, "[1 2]"); // everything that was ever said
/// assert_eq!(n(&db.filter(|_, datom| datom.tx.t() < 3))?, "[]");
/// assert_eq!(n(&db.with(format!("[[:db/add {e} :n 3]]"))?.db_after)?, "[3]"); // what if
/// assert_eq!(n(&conn.db())?, "[2]");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Db {
    base: Arc<Base>,
    view: View,
    filter: Option<Filter>,
    /// The schema at the view's `until`, when that is earlier than the base.
    schema_then: Option<Arc<OnceLock<Arc<Schema>>>>,
}

/// What all views of one basis share.
pub(crate) struct Base {
    pub snapshot: Snapshot,
    pub basis_t: T,
    /// The newest transaction's instant.
    pub instant: Instant,
    pub next_ids: NextIds,
    pub frame: Arc<Frame>,
}

/// What hardly ever changes from one basis to the next: one pointer, since thousands of values are made a second, by one
/// thread, and dropped by others.
pub(crate) struct Frame {
    pub words: Words,
    pub schema: Arc<Schema>,
    pub registry: Arc<Registry>,
    /// Made by `with`, not by a commit.
    pub speculative: bool,
}

impl Base {
    /// The view of all that holds now.
    fn now(&self) -> View {
        View {
            since: None,
            until: self.basis_t,
            history: false,
        }
    }
}

impl Deref for Base {
    type Target = Frame;
    fn deref(&self) -> &Frame {
        &self.frame
    }
}

impl Db {
    pub(crate) fn from_base(base: Base) -> Db {
        Db {
            view: base.now(),
            base: Arc::new(base),
            filter: None,
            schema_then: None,
        }
    }
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }

    /// The t of the newest transaction it contains, whatever the view shows.
    pub fn basis_t(&self) -> T {
        self.base.basis_t
    }
    /// The upper bound, when it is an as-of view.
    pub fn as_of_t(&self) -> Option<T> {
        (self.view.until < self.base.basis_t).then_some(self.view.until)
    }
    /// The lower bound, when it is a since view.
    pub fn since_t(&self) -> Option<T> {
        self.view.since
    }
    /// Whether it shows every change.
    pub fn is_history(&self) -> bool {
        self.view.history
    }
    /// Whether it shows now, all of it.
    pub fn is_now(&self) -> bool {
        self.filter.is_none() && !self.view.history && self.view.since.is_none() && self.as_of_t().is_none()
    }
    /// Whether a filter hides facts.
    pub fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }
    /// Whether it came from `with`.
    pub fn is_speculative(&self) -> bool {
        self.base.speculative
    }
    /// The instant of the newest transaction it contains.
    pub fn basis_instant(&self) -> Instant {
        self.base.instant
    }
    pub(crate) fn view(&self) -> View {
        self.view
    }
    /// Values <-> words of this database value.
    pub(crate) fn words(&self) -> &Words {
        &self.base.words
    }
    /// Functions registered by name.
    pub fn registry(&self) -> &Registry {
        &self.base.registry
    }
    pub(crate) fn registry_shared(&self) -> &Arc<Registry> {
        &self.base.registry
    }
    /// About how many facts there are: for noticing that there are many more than before.
    pub(crate) fn facts_about(&self) -> u64 {
        self.base.snapshot.facts_about()
    }
    /// How many facts are in no leaf yet.
    pub(crate) fn unindexed(&self) -> usize {
        self.base.snapshot.unindexed()
    }
    /// The schema of now.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.base.schema
    }

    /// The schema as it was at the view's upper bound; what decides pull shapes and get-else on it.
    pub fn schema_then(&self) -> Result<Arc<Schema>> {
        if self.as_of_t().is_none() {
            return Ok(self.base.schema.clone());
        }
        let kept = self.schema_then.as_ref();
        if let Some(schema) = kept.and_then(|kept| kept.get()) {
            return Ok(schema.clone());
        }
        let base = &self.base;
        // Mostly it is the same since, and then plans that were made for it are of use.
        let schema = match self.schema_stood_since(self.view.until)? {
            true => base.schema.clone(),
            false => Arc::new(schema_at(&base.snapshot, &base.words, self.view.until)?),
        };
        Ok(kept.map_or_else(|| schema.clone(), |kept| kept.get_or_init(|| schema.clone()).clone()))
    }

    /// Whether an attribute was at the view's upper bound what it is now in one respect, [`bootstrap::CARDINALITY`] say: this was said once
    /// and before.
    pub(crate) fn was_already(&self, attr: u32, respect: u32) -> Result<bool> {
        let Some(until) = self.as_of_t() else { return Ok(true) };
        let view = View {
            since: None,
            until: self.base.basis_t,
            history: true,
        };
        let range = Range::ea(u64::from(attr), respect);
        let mut said = 0;
        for batch in self.base.snapshot.scan(self.words(), Order::Eavt, &range, view) {
            let batch = batch?;
            if batch.t().iter().any(|t| *t > until) {
                return Ok(false);
            }
            said += batch.len();
        }
        Ok(said == 1)
    }

    /// The t a time point means: instants become the last transaction at or before them, 0 before the first.
    /// Complexity: O(log t) index reads for an instant.
    pub fn t_of(&self, point: impl Into<TimePoint>) -> Result<T> {
        match point.into() {
            TimePoint::T(t) => Ok(t),
            TimePoint::Tx(tx) => Ok(tx.t()),
            TimePoint::Instant(i) => {
                if i >= self.base.instant {
                    return Ok(self.base.basis_t);
                }
                // Instants increase strictly with t, so the boundary can be found by halving.
                let (mut low, mut high) = (0, self.base.basis_t);
                while low < high {
                    let mid = (low + high).div_ceil(2);
                    if self.instant_of(mid)?.is_some_and(|x| x <= i) {
                        low = mid
                    } else {
                        high = mid - 1
                    }
                }
                Ok(low)
            }
        }
    }

    /// When transaction `t` happened.
    pub fn instant_of(&self, t: T) -> Result<Option<Instant>> {
        let range = Range::ea(TxId::from_t(t).0, bootstrap::TX_INSTANT);
        for batch in self
            .base
            .snapshot
            .scan(self.words(), Order::Eavt, &range, self.base.now())
        {
            let batch = batch?;
            if let Some(&w) = batch.v().first() {
                return Ok(Some(Instant(crate::datom::word::to_long(w))));
            }
        }
        Ok(None)
    }

    /// This database as it was at `point`, inclusive. Of two upper bounds the smaller counts, so code that is handed
    /// a bounded view cannot see past it; a point in the future is now.
    pub fn as_of(&self, point: impl Into<TimePoint>) -> Result<Db> {
        let t = self.t_of(point)?;
        let view = View {
            until: t.min(self.view.until),
            ..self.view
        };
        Ok(Db {
            view,
            schema_then: Some(Arc::default()),
            ..self.clone()
        })
    }

    /// Only what was asserted after `point`, exclusive. Of two lower bounds the larger counts; after a point in the future is nothing,
    /// as after now.
    pub fn since(&self, point: impl Into<TimePoint>) -> Result<Db> {
        let t = self.t_of(point)?.min(self.base.basis_t);
        let since = Some(self.view.since.map_or(t, |s| s.max(t)));
        Ok(Db {
            view: View { since, ..self.view },
            ..self.clone()
        })
    }

    /// Every assertion and retraction, with its flag.
    pub fn history(&self) -> Db {
        Db {
            view: View {
                history: true,
                ..self.view
            },
            ..self.clone()
        }
    }

    /// Only the facts that `keep` accepts. Schema facts are always kept, and uniqueness and upsert never look through a filter.
    /// The function gets the unfiltered database value.
    pub fn filter(&self, keep: impl Fn(&Db, &Datom) -> bool + Send + Sync + 'static) -> Db {
        let filter: Filter = match &self.filter {
            None => Arc::new(keep),
            Some(first) => {
                let first = first.clone();
                Arc::new(move |db, d| first(db, d) && keep(db, d))
            }
        };
        Db {
            filter: Some(filter),
            ..self.clone()
        }
    }

    /// The newest, whole and unfiltered value that this is a view of.
    pub fn unbounded(&self) -> Db {
        Db {
            base: self.base.clone(),
            view: self.base.now(),
            filter: None,
            schema_then: None,
        }
    }

    /// The rows of `range` in this view, in batches of columns.
    pub(crate) fn scan(&self, order: Order, range: &Range) -> Rows {
        let scan = self.base.snapshot.scan(self.words(), order, range, self.view);
        Rows {
            scan,
            filter: self.filter.as_ref().map(|f| (f.clone(), self.unfiltered())),
        }
    }
    /// A reader of many small ranges of this view. Not for filtered views, which only `scan` filters: [`Reader`] reads any.
    pub(crate) fn prober(&self, order: Order) -> Prober {
        debug_assert!(self.filter.is_none());
        self.base.snapshot.prober(self.words(), order, self.view)
    }
    /// A reader of the facts of many entities or values at once; `single` when each has one fact at most. Not for filtered views
    /// and histories: those go through `scan`.
    pub(crate) fn matcher(&self, order: Order, attr: u32, single: bool) -> Matcher {
        debug_assert!(self.filter.is_none() && !self.is_history());
        self.base.snapshot.matcher(self.words(), order, attr, self.view, single)
    }
    /// About how many rows `range` holds now.
    pub(crate) fn estimate(&self, order: Order, range: &Range) -> Result<u64> {
        self.base.snapshot.estimate(self.words(), order, range)
    }

    fn unfiltered(&self) -> Db {
        Db {
            filter: None,
            ..self.clone()
        }
    }

    /// The datom of a row.
    pub(crate) fn datom(&self, d: RawDatom) -> Result<Datom> {
        let ty = self.base.schema.value_type(d.a).ok_or_else(|| {
            Error::new(
                Code::CorruptStore,
                format!("a stored fact has the unknown attribute {}", d.a),
            )
        })?;
        Ok(Datom {
            e: EntityId(d.e),
            a: EntityId(d.a as u64),
            v: self.words().value(ty, d.v)?,
            tx: TxId::from_t(d.t),
            added: d.added,
        })
    }

    /// The attribute named by a keyword, or an error with the nearest names.
    pub fn attribute(&self, ident: &Keyword) -> Result<&Arc<Attribute>> {
        self.base
            .schema
            .attr_by_ident(ident)
            .ok_or_else(|| self.unknown_attribute(ident))
    }

    /// The error for a keyword that names no attribute.
    pub(crate) fn unknown_attribute(&self, ident: &Keyword) -> Error {
        let given = ident.to_string();
        let names: Vec<String> = self.base.schema.attrs().map(|a| a.ident.to_string()).collect();
        Error::new(Code::UnknownAttribute, format!("there is no attribute {given}"))
            .suggest(&given, names.iter().map(|s| &**s))
    }

    /// The entity's newest `:db/ident`.
    pub fn ident(&self, e: EntityId) -> Option<&Keyword> {
        self.base.schema.ident(e)
    }
}

/// The batches of a view, filtered where the view is.
pub(crate) struct Rows {
    scan: Scan,
    filter: Option<(Filter, Db)>,
}

impl Rows {
    /// How many leaves were read so far.
    pub fn leaves(&self) -> u64 {
        self.scan.leaves()
    }
}

impl Iterator for Rows {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let batch = self.scan.next()?;
        let Some((keep, db)) = &self.filter else {
            return Some(batch);
        };
        Some(batch.and_then(|batch| {
            let mut out = Columns::default();
            for i in 0..batch.len() {
                let row = batch.row(i);
                if Schema::is_schema_fact(EntityId(row.e), row.a) || keep(db, &db.datom(row)?) {
                    out.append_row(&batch, i);
                }
            }
            Ok(Batch::whole(out))
        }))
    }
}
