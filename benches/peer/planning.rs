//! What it costs to read a query and to plan it, apart from running it.

use std::fmt::Write;
use std::time::Instant;

use asof::conn::{Connection, Options};
use asof::edn::Edn;
use asof::query::{Input, Query};
use asof::store::Durability;
use asof::tx::{Entity, Tx};

use crate::Outcome;
use crate::rig::{self, Facts, Random};
use crate::{joins, questions};

const RUNS: usize = 41;

/// `planning`
pub fn run() -> Outcome {
    let conn = joins::movies()?;
    for (name, orders) in questions::file("w4")? {
        let (Some(name), Some(orders)) = (name.as_str(), orders.as_map()) else {
            return Err("queries/w4.edn: expected names and maps".into());
        };
        for order in ["good", "bad"] {
            let text = questions::get(orders, &Edn::kw(order))?.to_string();
            measure(&format!("{name} {order}"), &conn, &text)?;
        }
    }
    let conn = numbers()?;
    for clauses in [8, 12] {
        measure(&format!("chain of {clauses}"), &conn, &chain(clauses))?;
        measure(&format!("star of {clauses}"), &conn, &star(clauses))?;
    }
    Ok(())
}

/// The median of what several new queries of this text took to read, to plan, and to answer after that.
fn measure(name: &str, conn: &Connection, text: &str) -> Outcome {
    let inputs = [Input::from(conn.db())];
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut rows = 0;
    for _ in 0..RUNS {
        let start = Instant::now();
        let query = Query::parse(text)?;
        let parsed = start.elapsed();
        let answer = query.run(&inputs)?;
        let stats = answer.stats();
        rows = answer.len();
        let all = [parsed, stats.planning, stats.elapsed - stats.planning];
        for (times, took) in times.iter_mut().zip(all) {
            times.push(rig::millis(took));
        }
    }
    let mut median = times.into_iter().map(|mut t| {
        t.sort_by(f64::total_cmp);
        t[RUNS / 2]
    });
    let mut next = || median.next().unwrap_or_default();
    let numbers = [
        ("parse_ms", next()),
        ("plan_ms", next()),
        ("run_ms", next()),
        ("rows", rows as f64),
    ];
    let facts = Facts {
        numbers: &numbers,
        note: "",
    };
    rig::emit("planning", name, facts);
    Ok(())
}

const NODES: usize = 20_000;
const ATTRS: usize = 12;

/// Nodes with twelve references to others each, so that joins of any length have about as many rows as they begin with.
fn numbers() -> Outcome<Connection> {
    let conn = Options::new().durability(Durability::None).in_memory()?;
    let mut schema = String::from("[");
    for a in 0..ATTRS {
        let _ = write!(
            schema,
            "{{:db/ident :to/a{a} :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}}"
        );
    }
    conn.transact(schema + "{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}]")?;
    let mut tx = Tx::with_capacity(NODES);
    for n in 0..NODES {
        tx.push_add(Entity::temp(n.to_string()), "n", n as i64);
    }
    let ids = conn.transact(tx)?.new_entities;
    let mut random = Random(3);
    for a in 0..ATTRS {
        let attr = format!("to/a{a}");
        let mut tx = Tx::with_capacity(NODES);
        for e in &ids {
            // Every other attribute refers to few nodes, so that orders differ in cost.
            let far = random.below(if a % 2 == 0 { NODES } else { NODES / 100 } as u64);
            tx.push_add(*e, attr.as_str(), ids[far as usize]);
        }
        conn.transact(tx)?;
    }
    conn.sync_index()?;
    Ok(conn)
}

/// From one node on, the clauses out of order.
fn chain(clauses: usize) -> String {
    let clause = |i: usize| format!("[?x{i} :to/a{i} ?x{}]", i + 1);
    query(clauses, clause, &format!("?x{}", clauses - 1))
}

/// All about one node, the clauses out of order.
fn star(clauses: usize) -> String {
    query(clauses, |i| format!("[?x0 :to/a{i} ?x{}]", i + 1), "?x1 ?x2")
}

/// So many clauses, the one that says where to begin last; of the others, those with odd numbers first and backwards.
fn query(clauses: usize, clause: impl Fn(usize) -> String, find: &str) -> String {
    let others = 0..clauses - 1;
    let odd = others.clone().rev().filter(|i| i % 2 == 1);
    let all: Vec<String> = odd.chain(others.filter(|i| i % 2 == 0)).map(clause).collect();
    format!("[:find {find} :where {} [?x0 :n 17]]", all.join(" "))
}
