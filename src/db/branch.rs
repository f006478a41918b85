//! A database of its own, as this one was at a moment.

use std::sync::Arc;

use super::{Base, Db, Frame, NextIds, TimePoint, first_counter};
use crate::datom::{EntityId, Partition, T};
use crate::error::{Code, Error, Result};
use crate::index::{Kind, Order, Range, View};

impl Db {
    /// The whole database as it was at `point`, inclusive: what [`Db::with`] goes on from to ask what would have become of it.
    ///
    /// [`Db::as_of`] is a view, of a database that knows what came later; a transaction on top of it would not be seen. A branch equals
    /// what the database value of that moment was: its basis is there, the next transaction takes the next t, and schema, unique
    /// values and the ids of new entities are those of then. Nothing of it can be stored.
    ///
    /// ```
    /// # fn main() -> asof::Result<()> {
    /// use asof::testing;
    /// let conn = testing::fixture(
    ///     r#"[{:db/ident :item/sku :db/valueType :db.type/string :db/cardinality :db.cardinality/one
    ///          :db/unique :db.unique/identity}
    ///         {:db/ident :item/price :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]
    ///        [{:item/sku "tea" :item/price 3}]
    ///        [{:item/sku "tea" :item/price 4}]
    ///        [{:item/sku "rum" :item/price 9}]"#,
    /// )?;
    /// let prices = "[:find ?sku ?price :where [?e :item/sku ?sku] [?e :item/price ?price]]";
    /// let branch = conn.db().branch_at(2)?;
    /// assert_eq!(branch.q(prices, &[])?.to_edn()?.to_string(), r#"#{["tea" 3]}"#);
    ///
    /// // Had it become 5 then, instead of 4.
    /// let other = branch.with(r#"[{:item/sku "tea" :item/price 5} {:item/sku "rum" :item/price 8}]"#)?;
    /// assert_eq!(other.t, 3);
    /// assert_eq!(other.db_after.q(prices, &[])?.to_edn()?.to_string(), r#"#{["rum" 8] ["tea" 5]}"#);
    /// assert_eq!(conn.db().basis_t(), 4); // what was, is
    /// # Ok(()) }
    /// ```
    ///
    /// A view that is bounded above stays so: its branches end where it does. A window, a filtered view or a history has no state to
    /// branch from.
    ///
    /// Complexity: nothing is copied, and a branch is read as fast as [`Db::as_of`] is. Making one reads the facts of the schema, and
    /// some dozens of entities to see which ids had been given by then.
    pub fn branch_at(&self, point: impl Into<TimePoint>) -> Result<Db> {
        if self.is_history() {
            return Err(Error::new(
                Code::NotSupportedOnHistory,
                "a history view has all moments, and none to branch from",
            )
            .hint("branch from the database value it was made from"));
        }
        if self.since_t().is_some() || self.is_filtered() {
            return Err(Error::new(
                Code::WithOnView,
                "a since or filtered view lacks facts that a database needs",
            )
            .hint("branch from the whole value, and make the view of the result"));
        }
        let t = self.t_of(point)?.min(self.view().until);
        let base = self.base();
        if t >= base.basis_t {
            return Ok(self.unbounded());
        }
        let then = self.as_of(t)?;
        let schema = then.schema_then()?;
        let attrs = schema.attrs().map(|a| {
            let kind = Kind {
                inline: a.value_type.is_inline(),
                reference: a.is_ref(),
            };
            (a.id, kind)
        });
        let instant = self
            .instant_of(t)?
            .ok_or_else(|| Error::new(Code::CorruptStore, format!("transaction {t} has no instant")))?;
        let snapshot = base.snapshot.at(t, attrs);
        Ok(Db::from_base(Base {
            snapshot,
            basis_t: t,
            instant,
            next_ids: then.next_ids_then()?,
            frame: Arc::new(Frame {
                words: base.words.clone(),
                schema,
                registry: base.registry.clone(),
                speculative: base.speculative,
            }),
        }))
    }

    /// The counters as they were at the view's upper bound.
    fn next_ids_then(&self) -> Result<NextIds> {
        let mut ids = NextIds::new();
        for (partition, next) in self.base().next_ids.iter() {
            let first = first_counter(Partition(partition));
            // Ids are given in ascending order and never again, so the boundary can be found by halving.
            let (mut low, mut high) = (first, next);
            while low < high {
                let mid = low.midpoint(high);
                match self.next_known(Partition(partition), mid)? {
                    Some((counter, true)) => low = counter + 1,
                    _ => high = mid,
                }
            }
            if low > first || [Partition::DB, Partition::USER].contains(&Partition(partition)) {
                ids.insert(partition, low);
            }
        }
        Ok(ids)
    }

    /// The first entity from `counter` on of which anything was ever said, and whether that was at the view's upper bound or before. It
    /// is nearly always `counter` itself.
    fn next_known(&self, partition: Partition, counter: u64) -> Result<Option<(u64, bool)>> {
        let e = EntityId::new(partition, counter);
        let (then, newest) = (self.view().until, self.base().basis_t);
        // What holds is found fastest: the history of one entity may be long.
        for (until, history) in [(then, false), (then, true), (newest, false), (newest, true)] {
            if self.first(&Range::e(e.0), until, history)?.is_some() {
                return Ok(Some((counter, until == then)));
            }
        }
        match self.first(&Range::e(e.0).to_end(), newest, true)?.map(EntityId) {
            Some(next) if next.partition() == partition => {
                let known = self.first(&Range::e(next.0), then, true)?.is_some();
                Ok(Some((next.counter(), known)))
            }
            _ => Ok(None),
        }
    }

    /// The first entity in `range` of which something was said by `until`; with or without what no longer held.
    fn first(&self, range: &Range, until: T, history: bool) -> Result<Option<u64>> {
        let view = View {
            since: None,
            until,
            history,
        };
        let base = self.base();
        for batch in base.snapshot.scan(&base.words, Order::Eavt, range, view) {
            let batch = batch?;
            if !batch.is_empty() {
                return Ok(Some(batch.row(0).e));
            }
        }
        Ok(None)
    }
}
