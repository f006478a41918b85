//! The engine against the cases of the language, against a naive evaluator, and its words about mistakes.

mod cache;
mod conformance;
mod costs;
mod exact;
mod inside;
mod language;
mod limits;
mod log;
mod mistakes;
mod model;
mod paging;

use super::{Answer, Input, Query};
use crate::db::Db;
use crate::error::Result;
use crate::testing;

/// A database with these transactions.
fn db(txs: &[&str]) -> Db {
    testing::fixture(&txs.join("\n")).unwrap_or_else(|e| panic!("{e}")).db()
}

const PEOPLE: &str = r#"
[{:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
 {:db/ident :person/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
 {:db/ident :person/tag :db/valueType :db.type/keyword :db/cardinality :db.cardinality/many}
 {:db/ident :person/boss :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
 {:db/ident :person/knows :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
 {:db/ident :person/home :db/valueType :db.type/uri :db/cardinality :db.cardinality/one}]"#;

fn people() -> Db {
    db(&[
        PEOPLE,
        r#"[{:db/id "a" :person/name "Ada" :person/age 36 :person/tag [:math :code]}
            {:db/id "b" :person/name "Bea, who has a long name" :person/age 20 :person/boss "a" :person/tag [:code]}
            {:db/id "c" :person/name "Cyd" :person/age 20 :person/boss "b" :person/knows ["a" "b"]}]"#,
    ])
}

fn ask(db: &Db, query: &str, inputs: &[&str]) -> Result<Answer> {
    let mut all = vec![Input::from(db)];
    for i in inputs {
        all.push(Input::text(i)?);
    }
    Query::parse(query)?.run(&all)
}

/// The answer as text.
fn shown(db: &Db, query: &str, inputs: &[&str]) -> String {
    match ask(db, query, inputs).and_then(|a| a.to_edn()) {
        Ok(form) => form.to_string(),
        Err(e) => e.to_string(),
    }
}
