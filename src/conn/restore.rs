//! Transactions that were made elsewhere, appended as they are: the writing half of a dump's import.

use std::sync::Arc;

use super::replay::State;
use crate::datom::{Datom, EntityId, Partition, RawDatom, T, TxId, Value, Word};
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Probe, Range};
use crate::log::{Chain, Record, Transaction};
use crate::schema::{Schema, bootstrap};
use crate::tx::{Prepared, Report};

/// What replaying makes of a database value; nothing of it is written yet.
pub(super) struct Restored {
    pub db: Db,
    pub chain: Chain,
    pub records: Vec<(T, Vec<u8>)>,
    pub reports: Vec<Report>,
}

/// `db` and its log's end after `transactions`, or why one of them does not fit.
pub(super) fn after(db: &Db, chain: Chain, transactions: &[Transaction]) -> Result<Restored> {
    let mut made = Restored {
        db: db.clone(),
        chain,
        records: Vec::with_capacity(transactions.len()),
        reports: Vec::with_capacity(transactions.len()),
    };
    // Facts are checked by one schema, many at once, so what changes it stands alone.
    let alone = |tx: &Transaction| tx.datoms.iter().any(|d| Schema::is_schema_fact(d.e, d.a.0 as u32));
    for run in transactions.chunk_by(|one, next| !alone(one) && !alone(next)) {
        let (before, mut events) = (made.db.clone(), Vec::new());
        for tx in run {
            events.extend_from_slice(&made.add(tx).map_err(|e| misfit(tx.t, e))?);
        }
        facts(&before, &made.db, events)?;
    }
    Ok(made)
}

fn misfit(t: T, e: Error) -> Error {
    let why = format!("transaction {t} cannot be replayed: {}", e.message());
    Error::new(Code::InvalidArgument, why)
        .with("t", t)
        .hint("replay what another database's log holds, in its order, onto the end of this one")
        .caused_by(e)
}

impl Restored {
    /// Goes on by a transaction; gives its facts, which are still to be checked.
    fn add(&mut self, tx: &Transaction) -> Result<Arc<[RawDatom]>> {
        in_time(&self.db, &self.chain, tx)?;
        let (bytes, _) = tx.record(&self.chain.hash())?;
        let record = Record::parse(tx.t, &bytes)?;
        for datom in &tx.datoms {
            datom.v.clone().coerce(datom.v.value_type())?;
        }
        let mut state = State::of(&self.db);
        let datoms = state.apply(&record)?;
        self.chain.accept(&record)?;
        self.records.push((tx.t, bytes));
        let prepared = Prepared {
            t: tx.t,
            instant: tx.instant,
            noop: datoms.len() == 1,
            datoms: datoms.clone(),
            db_after: state.into_db(),
            tempids: Vec::new(),
            new_entities: Vec::new(),
            warnings: Vec::new(),
        };
        let before = std::mem::replace(&mut self.db, prepared.db_after.clone());
        self.reports.push(Report::new(before, prepared));
        Ok(datoms)
    }
}

fn refuse<X>(message: String) -> Result<X> {
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
    let entity = TxId::from_t(tx.t).entity();
    let says = |d: &Datom| d.e == entity && d.a.0 == u64::from(bootstrap::TX_INSTANT) && d.added;
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

/// Each fact changes something, and attributes of one value have one after each transaction. The facts of all transactions are
/// sorted, so that each entity is looked up once and in order, and one that is new is not looked up at all.
fn facts(before: &Db, after: &Db, mut events: Vec<RawDatom>) -> Result<()> {
    // A stable sort: what is said of one fact stays in the order of time.
    events.sort_by_key(|d| (d.e, d.a, d.v));
    let mut old = before.prober(Order::Eavt);
    let mut rows = Columns::default();
    for about in events.chunk_by(|x, y| (x.e, x.a) == (y.e, y.a)) {
        let (e, a) = (EntityId(about[0].e), about[0].a);
        let said = |d: &RawDatom, what: String| {
            let name = |e: EntityId| after.ident(e).map_or_else(|| e.to_string(), |k| k.to_string());
            let fact = |v: Value| format!("[{} {} {v}]", name(e), name(EntityId(u64::from(a))));
            let ty = after.schema().value_type(a).expect("what was applied has a type");
            let why = after.words().value(ty, d.v).map(|v| what.replace("{}", &fact(v)));
            misfit(
                d.t,
                why.map_or_else(|e| e, |why| Error::new(Code::InvalidArgument, why)),
            )
        };
        if let Some(d) = about
            .iter()
            .find(|d| e.partition() == Partition::TX && e.0 > TxId::from_t(d.t).0)
        {
            return Err(said(d, "it says {} of a transaction that is still to come".to_string()));
        }
        let one = after.schema().attr(a).is_some_and(|attr| attr.is_one());
        // Nothing is known of new entities, and nobody has values of attributes that are made here.
        let unknown = !known(before, e) || before.schema().attr(a).is_none();
        rows.clear();
        if one && !unknown {
            old.get(&Range::ea(e.0, a), &mut rows)?;
        }
        for same in about.chunk_by(|x, y| x.v == y.v) {
            let word = same[0].v;
            if !one && !unknown {
                old.get(&Range::eav(e.0, a, probe(after, a, word)?), &mut rows)?;
            }
            let mut held = rows.v.contains(&word);
            for (i, d) in same.iter().enumerate() {
                if i > 0 && same[i - 1].t == d.t {
                    return Err(said(d, "it says twice whether {} holds".to_string()));
                }
                if d.added == held {
                    let what = match held {
                        true => "it asserts {}, which holds already before it",
                        false => "it retracts {}, which does not hold before it",
                    };
                    return Err(said(d, what.to_string()));
                }
                held = d.added;
            }
        }
        if one && rows.len() + about.len() > 1 {
            let mut in_time = about.to_vec();
            in_time.sort_by_key(|d| d.t);
            let mut values = rows.len();
            for tx in in_time.chunk_by(|x, y| x.t == y.t) {
                let added = tx.iter().filter(|d| d.added).count();
                values = values + added - (tx.len() - added);
                if let Some(d) = tx.iter().find(|d| d.added && values > 1) {
                    let what = format!("after {{}} there are {values} values of an attribute that has one");
                    return Err(said(d, what));
                }
            }
        }
    }
    Ok(())
}

/// Whether something may be said of an entity: it was given out.
fn known(db: &Db, e: EntityId) -> bool {
    match e.partition() {
        Partition::TX => e.counter() <= db.basis_t(),
        other => e.counter() < db.base().next_ids.get(other.0).unwrap_or(bootstrap::FIRST_USER),
    }
}

fn probe(db: &Db, a: u32, word: Word) -> Result<Probe> {
    let inline = db.schema().value_type(a).is_some_and(|ty| ty.is_inline());
    Ok(Probe {
        word,
        bytes: match inline {
            true => None,
            false => Some(db.words().bytes(word)?),
        },
    })
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
