//! The rules of transactions, each with a small database. `World` is what the tests share.

mod basics;
mod errors;
mod permute;
mod retract;
mod rules;
mod schema;
mod tuples;
mod upserts;

use std::sync::Arc;

use super::{IntoTxData, Report, TxOptions, bootstrap, prepare_data};
use crate::datom::EntityId;
use crate::db::{Db, Registry};
use crate::edn::Instant;
use crate::error::{Code, Result};
use crate::index::{Dict, Order, Range, Words};

/// A database that transactions are applied to, one after the other.
pub(super) struct World {
    pub db: Db,
    pub options: TxOptions,
}

pub(super) const SCHEMA: &str = "[
  {:db/ident :crew/badge :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :crew/mail :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :crew/locker :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/value}
  {:db/ident :crew/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :crew/rank :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}
  {:db/ident :crew/skill :db/valueType :db.type/keyword :db/cardinality :db.cardinality/many}
  {:db/ident :crew/mentor :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
  {:db/ident :crew/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :crew/kit :db/valueType :db.type/ref :db/cardinality :db.cardinality/many :db/isComponent true}
  {:db/ident :kit/label :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :kit/part :db/valueType :db.type/ref :db/cardinality :db.cardinality/many :db/isComponent true}
  {:db/ident :crew/pay :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :crew/retired :db/valueType :db.type/boolean :db/cardinality :db.cardinality/one}
  {:db/ident :crew/twin :db/valueType :db.type/ref :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :seat/room :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :seat/row :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :seat/guest :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
  {:db/ident :seat/room+row :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one
   :db/tupleAttrs [:seat/room :seat/row] :db/unique :db.unique/identity}
  {:db/ident :spot/at :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleTypes [:db.type/long :db.type/string]}
  {:db/ident :spot/path :db/valueType :db.type/tuple :db/cardinality :db.cardinality/many :db/tupleType :db.type/long}
  {:db/ident :audit/who :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]";

impl World {
    pub fn empty() -> World {
        World::with_registry(Registry::default())
    }

    pub fn with_registry(registry: Registry) -> World {
        let words = Words::new(Arc::new(Dict::default()));
        let (_, db) = bootstrap(words, Arc::new(registry)).expect("the bootstrap is right");
        World {
            db,
            options: TxOptions::default(),
        }
    }

    /// With the schema of the tests.
    pub fn crew() -> World {
        let mut world = World::empty();
        world.ok(SCHEMA);
        world
    }

    pub fn transact(&mut self, data: impl IntoTxData) -> Result<Report> {
        let prepared = prepare_data(&self.db, &data.into_tx_data()?, &self.options)?;
        let report = Report::new(self.db.clone(), prepared);
        self.db = report.db_after.clone();
        Ok(report)
    }

    pub fn ok(&mut self, data: impl IntoTxData) -> Report {
        self.transact(data).unwrap_or_else(|e| panic!("{e}"))
    }

    pub fn code(&mut self, data: impl IntoTxData) -> Code {
        match self.transact(data) {
            Ok(report) => panic!("went through: {report:?}"),
            Err(e) => e.code(),
        }
    }

    /// What holds about user data, as sorted lines `e a v`, entities by their badge, kit label or number from 0.
    pub fn facts(&self) -> Vec<String> {
        facts(&self.db)
    }

    /// The changes of a report without the instant, as lines.
    pub fn shown(report: &Report) -> Vec<String> {
        report.tx_data().expect("values decode")[1..]
            .iter()
            .map(|d| show(&report.db_after, d))
            .collect()
    }

    pub fn at(&mut self, now: i64) -> &mut World {
        self.options.now = Some(Instant(now));
        self
    }
}

pub(super) fn show(db: &Db, d: &crate::datom::Datom) -> String {
    let name = |e: EntityId| match db.ident(e) {
        Some(k) => k.to_string(),
        None if e.partition() == crate::datom::Partition::TX => format!("tx{}", e.counter()),
        None => format!("e{}", e.counter() - 1000),
    };
    let value = match &d.v {
        crate::datom::Value::Ref(e) => name(*e),
        v => v.to_string(),
    };
    format!("{}{} {} {value}", if d.added { "+" } else { "-" }, name(d.e), name(d.a))
}

pub(super) fn facts(db: &Db) -> Vec<String> {
    let mut out = Vec::new();
    for batch in db.scan(Order::Eavt, &Range::all()) {
        let batch = batch.expect("memory can be read");
        for i in 0..batch.len() {
            let d = db.datom(batch.row(i)).expect("decodes");
            if d.e.partition() == crate::datom::Partition::USER {
                out.push(show(db, &d)[1..].to_string());
            }
        }
    }
    out
}
