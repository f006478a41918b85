//! Transactions that were made elsewhere, appended as they are: the writing half of a dump's import.

use std::collections::HashSet;

use super::replay::State;
use crate::datom::{Datom, EntityId, T, Value};
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Probe, Range};
use crate::log::{Chain, Record, Transaction};
use crate::schema::bootstrap;
use crate::tx::{Prepared, Report};

/// What replaying makes of a database value; nothing of it is written yet.
pub(super) struct Restored {
    pub db: Db,
    pub chain: Chain,
    pub records: Vec<(T, Vec<u8>)>,
    pub reports: Vec<Report>,
}

/// `db` and its log's end after `transactions`, or why one of them does not fit.
pub(super) fn after(db: &Db, mut chain: Chain, transactions: &[Transaction]) -> Result<Restored> {
    let mut db = db.clone();
    let (mut records, mut reports) = (Vec::new(), Vec::new());
    for tx in transactions {
        let prepared = one(&db, &mut chain, tx, &mut records).map_err(|e| {
            let why = format!("transaction {} cannot be replayed: {}", tx.t, e.message());
            Error::new(Code::InvalidArgument, why)
                .with("t", tx.t)
                .hint("replay what another database's log holds, in its order, onto the end of this one")
                .caused_by(e)
        })?;
        let next = prepared.db_after.clone();
        reports.push(Report::new(std::mem::replace(&mut db, next), prepared));
    }
    Ok(Restored {
        db,
        chain,
        records,
        reports,
    })
}

fn one(db: &Db, chain: &mut Chain, tx: &Transaction, records: &mut Vec<(T, Vec<u8>)>) -> Result<Prepared> {
    in_time(db, chain, tx)?;
    let (bytes, _) = tx.record(&chain.hash())?;
    let record = Record::parse(tx.t, &bytes)?;
    for datom in &tx.datoms {
        datom.v.clone().coerce(datom.v.value_type())?;
    }
    let mut state = State::of(db);
    state.apply(&record)?;
    let datoms = record.datoms(|key| db.words().intern_key(key))?;
    let db_after = state.into_db();
    facts(db, &db_after, tx)?;
    chain.accept(&record)?;
    records.push((tx.t, bytes));
    Ok(Prepared {
        t: tx.t,
        instant: tx.instant,
        noop: datoms.len() == 1,
        datoms: datoms.into(),
        db_after,
        tempids: Vec::new(),
        new_entities: Vec::new(),
        warnings: Vec::new(),
    })
}

fn refuse<T>(message: String) -> Result<T> {
    Err(Error::new(Code::InvalidArgument, message))
}

/// It is the next, in t and in time, and says its instant first.
fn in_time(db: &Db, chain: &Chain, tx: &Transaction) -> Result<()> {
    if tx.t != chain.next_t() {
        return refuse(format!("the next of this log is {}", chain.next_t()));
    }
    if tx.instant <= db.basis_instant() {
        return refuse(format!(
            "its instant {} is not after {}",
            tx.instant,
            db.basis_instant()
        ));
    }
    let says = |d: &Datom| d.e.0 == tx_entity(tx) && d.a.0 == u64::from(bootstrap::TX_INSTANT) && d.added;
    match tx.datoms.split_first() {
        Some((first, rest))
            if says(first) && matches!(first.v, Value::Instant(i) if i == tx.instant) && !rest.iter().any(says) => {}
        _ => return refuse(format!("its first fact is not its instant {}", tx.instant)),
    }
    match tx.datoms.iter().find(|d| d.tx.t() != tx.t) {
        Some(other) => refuse(format!("a fact of it says that it is of transaction {}", other.tx.t())),
        None => Ok(()),
    }
}

fn tx_entity(tx: &Transaction) -> u64 {
    crate::datom::TxId::from_t(tx.t).0
}

/// Each fact changes something, and attributes of one value have one afterwards.
fn facts(before: &Db, after: &Db, tx: &Transaction) -> Result<()> {
    let (mut old, mut new) = (before.prober(Order::Eavt), after.prober(Order::Eavt));
    let mut rows = Columns::default();
    let mut said = HashSet::with_capacity(tx.datoms.len());
    for d in &tx.datoms {
        let a = d.a.0 as u32;
        let word = after.words().intern(&d.v)?;
        let probe = Probe {
            word,
            bytes: match d.v.value_type().is_inline() {
                true => None,
                false => Some(after.words().bytes(word)?),
            },
        };
        // An attribute that this transaction makes has no facts before it.
        if before.schema().attr(a).is_some() {
            old.get(&Range::eav(d.e.0, a, probe), &mut rows)?;
        } else {
            rows.clear();
        }
        let held = !rows.is_empty();
        if held == d.added {
            let name = |e: EntityId| after.ident(e).map_or_else(|| e.to_string(), |k| k.to_string());
            return refuse(format!(
                "it {} [{} {} {}], which {} before it",
                if d.added { "asserts" } else { "retracts" },
                name(d.e),
                name(d.a),
                d.v,
                if held { "holds already" } else { "does not hold" }
            ));
        }
        if !said.insert((d.e.0, a, word)) {
            return refuse(format!("it says twice whether entity {} has {}", d.e, d.v));
        }
        if d.added && after.schema().attr(a).is_some_and(|attr| attr.is_one()) {
            new.get(&Range::ea(d.e.0, a), &mut rows)?;
            if rows.len() > 1 {
                return refuse(format!(
                    "entity {} has {} values of attribute {a}, which has one",
                    d.e,
                    rows.len()
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Connection;
    use crate::datom::{T, Value};
    use crate::log::Transaction;

    fn source() -> Connection {
        let conn = Connection::in_memory().expect("a database");
        for data in [
            "[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]",
            "[{:db/id \"x\" :n 1}]",
            "[{:db/ident :pair :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [:n :n2]}
              {:db/ident :n2 :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]",
            "[{:n 2 :n2 \"longer than a word\"}]",
        ] {
            conn.transact(data).expect(data);
        }
        conn
    }

    fn refused(from: T, change: impl Fn(&mut Vec<Transaction>)) -> String {
        let mut log = source().tx_range(from, None).expect("a log");
        change(&mut log);
        let copy = Connection::in_memory().expect("a database");
        let wrong = copy.replay(&log).expect_err("it does not fit");
        assert_eq!(copy.db().basis_t(), 0, "all or nothing");
        copy.transact("[]").expect("the connection goes on");
        wrong.message().to_string()
    }

    #[test]
    fn a_copy_is_the_same() {
        let conn = source();
        let copy = Connection::in_memory().expect("a database");
        let reports = copy.subscribe(10);
        let log = conn.tx_range(1, None).expect("a log");
        copy.replay(&log[..2]).expect("it fits");
        copy.replay(&[]).expect("nothing fits");
        copy.replay(&log[2..]).expect("it fits");
        assert_eq!(copy.verify().expect("whole").end, conn.verify().expect("whole").end);
        copy.verify_indexes().expect("the indexes agree");
        assert_eq!(std::iter::from_fn(|| reports.try_next()).count(), 4);
        // Both go on alike: the same ids are free.
        let data = "[{:db/id \"new\" :n 9}]";
        let [one, other] = [&conn, &copy].map(|c| c.transact(data).expect("it fits").entity("new"));
        assert_eq!(one, other);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(refused(2, |_| {}).contains("the next of this log is 1"));
        assert!(refused(1, |log| log[1].t = 7).contains("transaction 7 cannot be replayed: the next of this log is 2"));
        let early = refused(1, |log| log[1].instant = log[0].instant);
        assert!(early.contains("is not after"), "{early}");
        assert!(refused(1, |log| drop(log[1].datoms.remove(0))).contains("first fact"));
        let typed = refused(1, |log| log[1].datoms[1].v = Value::string("x"));
        assert!(typed.contains("type"), "{typed}");
        let twice = refused(1, |log| {
            let again = log[1].datoms[1].clone();
            log[1].datoms.push(again);
        });
        assert!(twice.contains("says twice"), "{twice}");
        assert!(refused(1, |log| log[1].datoms[1].added = false).contains("does not hold"));
    }
}
