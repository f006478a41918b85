//! One entity at a time: prepared queries, queries as text, pulls, and the same as Rust types.

use asof::conn::{Connection, Options};
use asof::datom::EntityId;
use asof::query::Query;
use asof::store::Durability;
use asof::tx::{Entity, Tx};

use crate::Outcome;
use crate::rig::{self, Case, Random};

const SCHEMA: &str = "[
  {:db/ident :p/email :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :p/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :p/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]";
const N: u64 = 20_000;
const BY_ENTITY: &str = "[:find ?name . :in $ ?p :where [?p :p/name ?name]]";
const BY_VALUE: &str = "[:find ?name . :in $ ?email :where [?p :p/email ?email] [?p :p/name ?name]]";
const TWO: &str = "[:find ?name ?age :in $ ?email :where [?p :p/email ?email] [?p :p/name ?name] [?p :p/age ?age]]";
const ALL: &str = "[:find ?name ?age :where [?p :p/name ?name] [?p :p/age ?age]]";
const PATTERN: &str = "[:p/name :p/age]";

#[derive(serde::Deserialize)]
#[expect(dead_code, reason = "it is read and dropped")]
struct Person {
    name: String,
    age: i64,
}

/// Of facts in the state `only`, all cases or those named so.
pub fn run(only: &[&str]) -> Outcome {
    let dir = rig::fresh("points")?;
    let conn = Options::new().durability(Durability::Process).open(&dir)?;
    conn.transact(SCHEMA)?;
    let mut ids = Vec::new();
    for part in 0..N / 1000 {
        let mut tx = Tx::new();
        for i in part * 1000..(part + 1) * 1000 {
            let p = Entity::temp(i.to_string());
            tx.push_add(p.clone(), "p/email", &*email(i));
            tx.push_add(p.clone(), "p/name", &*format!("somebody called {i}"));
            tx.push_add(p, "p/age", (i % 100) as i64);
        }
        ids.extend(conn.transact(tx)?.new_entities);
    }
    let (state, cases) = (only.first(), only.get(1).copied().unwrap_or_default());
    let wanted = |facts: &str| state.is_none_or(|state| *state == facts);
    if wanted("new") {
        ask(&conn, &ids, "not folded yet", cases)?;
    }
    conn.sync_index()?;
    if wanted("folded") {
        ask(&conn, &ids, "folded", cases)?;
    }
    conn.close()?;
    let conn = Options::new().open(&dir)?;
    if wanted("opened") {
        ask(&conn, &ids, "opened again", cases)?;
    }
    conn.close()?;
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn email(i: u64) -> String {
    format!("person{i}@example.org")
}

fn ask(conn: &Connection, ids: &[EntityId], facts: &str, cases: &str) -> Outcome {
    let db = &conn.db();
    let case = |name: &'static str, question: &dyn Fn(u64) -> Outcome<usize>| {
        let (mut random, measured) = (Random(1), Case::new("points", name));
        if name.contains(cases) {
            Case {
                note: facts,
                ..measured
            }
            .ask(|| question(random.below(N)));
        }
    };
    let (entity, value, two) = (Query::parse(BY_ENTITY)?, Query::parse(BY_VALUE)?, Query::parse(TWO)?);
    let id = |i: u64| ids[i as usize];
    case("prepared, by entity", &|i| {
        Ok(entity.run(&[db.into(), id(i).into()])?.len())
    });
    case("prepared, by value", &|i| {
        Ok(value.run(&[db.into(), email(i).into()])?.len())
    });
    case("prepared, two by value", &|i| {
        Ok(two.run(&[db.into(), email(i).into()])?.len())
    });
    case("text, by entity", &|i| Ok(db.q(BY_ENTITY, &[id(i).into()])?.len()));
    case("text, two by value", &|i| Ok(db.q(TWO, &[email(i).into()])?.len()));
    case("rows of two by value", &|i| {
        Ok(db.q(TWO, &[email(i).into()])?.rows().filter(Result::is_ok).count())
    });
    case("typed rows of two by value", &|i| {
        Ok(db.q_as::<(String, i64)>(TWO, &[email(i).into()])?.len())
    });
    case("pull", &|i| Ok(db.pull(PATTERN, id(i))?.is_some().into()));
    case("typed pull", &|i| {
        Ok(db.pull_as::<Person>(PATTERN, id(i))?.is_some().into())
    });
    case("rows of all", &|_| {
        Ok(db.q(ALL, &[])?.rows().filter(Result::is_ok).count())
    });
    case("typed rows of all", &|_| Ok(db.q_as::<(String, i64)>(ALL, &[])?.len()));
    case("pull of all", &|_| {
        Ok(db.pull_many(PATTERN, ids.iter().copied())?.len())
    });
    case("typed pull of all", &|_| {
        Ok(db.pull_many_as::<Person, _>(PATTERN, ids.iter().copied())?.len())
    });
    Ok(())
}
