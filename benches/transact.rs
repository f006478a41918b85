//! What preparing a transaction costs, in memory and without a log: forms to datoms to the next database value.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use asof::db::{Db, Registry};
use asof::edn::{self, Edn};
use asof::index::{Dict, Words};
use asof::tx::{Entity, Tx, TxData, TxOptions, bootstrap, prepare, prepare_data};

const SCHEMA: &str = "[{:db/ident :item/id :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :item/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :item/kind :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}
  {:db/ident :item/size :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]";

fn main() {
    let empty = empty();
    one_by_one(&empty);
    let filled = thousands(&empty);
    updates(&filled);
}

fn empty() -> Db {
    let words = Words::new(Arc::new(Dict::default()));
    let (_, db) = bootstrap(words, Arc::new(Registry::default())).expect("the bootstrap is right");
    commit(&db, &forms(SCHEMA))
}

fn forms(text: &str) -> Vec<Edn> {
    let form = edn::read_one(text).expect("the bench's own text");
    form.into_seq().expect("a vector of forms")
}

fn commit(db: &Db, data: &[Edn]) -> Db {
    prepare(db, data, &TxOptions::default())
        .expect("the bench's own data")
        .db_after
}

fn item(i: u64) -> String {
    format!(
        "{{:item/id {i} :item/name \"item number {i}\" :item/kind :kind/k{} :item/size {}}}",
        i % 7,
        i * 3
    )
}

fn report(name: &str, start: Instant, n: u64, unit: &str) {
    let each = start.elapsed().as_secs_f64() / n as f64;
    println!("{name:<44} {:>9.3} us/{unit} {:>12.0} {unit}/s", each * 1e6, 1.0 / each);
}

/// Transactions of one map (4 datoms and the instant), each on top of the one before; and the same again.
fn one_by_one(db: &Db) {
    const N: u64 = 20_000;
    let data: Vec<Vec<Edn>> = (0..N).map(|i| forms(&format!("[{}]", item(i)))).collect();
    let mut db = db.clone();
    let start = Instant::now();
    for tx in &data {
        db = commit(&db, tx);
    }
    report("5 datoms a transaction", start, N, "tx");
    let start = Instant::now();
    for tx in &data {
        black_box(commit(&db, tx));
    }
    report("the same again: upserts that change nothing", start, N, "tx");
}

/// 1,000 maps of 4 datoms a transaction, as forms and typed.
fn thousands(db: &Db) -> Db {
    const TXS: u64 = 50;
    let data: Vec<Vec<Edn>> = (0..TXS)
        .map(|t| {
            forms(&format!(
                "[{}]",
                (0..1000).map(|i| item(t * 1000 + i)).collect::<String>()
            ))
        })
        .collect();
    let mut filled = db.clone();
    let start = Instant::now();
    for tx in &data {
        filled = commit(&filled, tx);
    }
    report("1,000 maps a transaction", start, TXS * 4000, "datom");

    let attr = |name: &str| db.attribute(&edn::Keyword::new(name)).expect("installed").id;
    let (id, name, size) = (attr("item/id"), attr("item/name"), attr("item/size"));
    let typed: Vec<TxData> = (0..TXS)
        .map(|t| {
            let mut tx = Tx::with_capacity(4000);
            for i in t * 1000..t * 1000 + 1000 {
                let e = Entity::temp(i.to_string());
                tx.push_add(e.clone(), id, i as i64);
                tx.push_add(e.clone(), name, &*format!("item number {i}"));
                tx.push_add(e, size, (i * 3) as i64);
            }
            TxData::Typed(tx)
        })
        .collect();
    let mut other = db.clone();
    let start = Instant::now();
    for tx in &typed {
        other = prepare_data(&other, tx, &TxOptions::default())
            .expect("the bench's own data")
            .db_after;
    }
    report("1,000 typed entities a transaction", start, TXS * 3000, "datom");
    filled
}

/// 1,000 new values of existing entities a transaction, by identity and by lookup ref.
fn updates(db: &Db) {
    for (name, form) in [
        ("by identity", "{:item/id I :item/size V}"),
        ("by lookup ref", "[:db/add [:item/id I] :item/size V]"),
    ] {
        const TXS: u64 = 50;
        let data: Vec<Vec<Edn>> = (0..TXS)
            .map(|t| {
                let one = |i: u64| {
                    // Spread over all entities, in no order.
                    let id = (i * 7919 + t * 13) % 50_000;
                    form.replace('I', &id.to_string())
                        .replace('V', &(t + 1_000_000).to_string())
                };
                forms(&format!("[{}]", (0..1000).map(one).collect::<String>()))
            })
            .collect();
        let mut db = db.clone();
        let start = Instant::now();
        for tx in &data {
            db = commit(&db, tx);
        }
        report(
            &format!("1,000 updates a transaction {name}"),
            start,
            TXS * 1000,
            "update",
        );
    }
}
