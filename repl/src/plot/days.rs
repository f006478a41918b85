//! Transactions per day.

use std::collections::BTreeMap;

use asof::datom::Value;
use asof::db::Db;
use asof::edn::Edn;
use asof::error::{Code, Error, Result};
use asof::index::Order;

use super::{Chart, Days, day_of};
use crate::patience::Patience;

/// How many transactions each day of the view has, from its first to its last.
pub fn days(db: &Db, patience: &Patience) -> Result<Chart> {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for datom in patience.over(db.datoms(Order::Aevt, &[Edn::kw("db/txInstant")])?) {
        let datom = datom?;
        // Transaction 0 is the one that every database begins with.
        if let (true, true, Value::Instant(at)) = (datom.e.counter() > 0, datom.added, &datom.v) {
            *counts.entry(day_of(*at)).or_default() += 1;
        }
    }
    let (Some(first), Some(last)) = (counts.keys().next(), counts.keys().last()) else {
        let e = Error::new(Code::NotAnEntity, "there are no transactions to count");
        return Err(e.hint("look at another part of time, or transact something"));
    };
    let count = |day: i64| (day, counts.get(&day).copied().unwrap_or(0));
    Ok(Chart::Days(Days {
        counts: (*first..=*last).map(count).collect(),
    }))
}
