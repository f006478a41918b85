//! W5: a value of every entity changes in every transaction; then the past is asked for.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use asof::conn::{Connection, Options};
use asof::datom::{Datom, EntityId, T, Value};
use asof::db::Db;
use asof::edn::{Edn, Keyword};
use asof::error::Result;
use asof::index::{Batch, Order};
use asof::query::{Input, Query};
use asof::store::Durability;
use asof::tx::{Entity, Tx};

use crate::Outcome;
use crate::questions::Question;
use crate::rig::{self, Case, Facts};

const SCHEMA: &str = "[{:db/ident :h/v :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]";
/// The entity that the questions about one entity ask for.
const ONE: usize = 57;

/// The rounds of updates: (entity, value), entities counted from 1.
fn rounds(entities: usize, versions: usize) -> Outcome<Vec<Vec<(u32, i64)>>> {
    let text = rig::text(&format!("hist_{entities}x{versions}.tsv"))?;
    let mut rounds: Vec<Vec<(u32, i64)>> = vec![Vec::with_capacity(entities); versions];
    for line in text.lines() {
        let mut columns = line.split('\t');
        let mut next = || columns.next().ok_or("a line of the history is short");
        let round: usize = next()?.parse()?;
        rounds[round - 1].push((next()?.parse()?, next()?.parse()?));
    }
    Ok(rounds)
}

struct Loaded {
    conn: Connection,
    ids: Vec<EntityId>,
    /// The t of each round.
    ts: Vec<T>,
}

pub fn run(entities: usize, versions: usize) -> Outcome {
    let rounds = rounds(entities, versions)?;
    let size = format!("{entities}x{versions}");
    let name = |case: &str| format!("{size} {case}");
    let updates = (entities * versions) as f64;

    let dir = rig::fresh("w5")?;
    let start = Instant::now();
    let loaded = load(
        Options::new().durability(Durability::Process).open(&dir)?,
        entities,
        &rounds,
    )?;
    let note = "a transaction a round, all history kept";
    rig::emit_once("W5", &name("load"), start.elapsed(), &[("n", updates)], note);
    let v = Edn::from(Keyword::new("h/v"));
    let db = loaded.conn.db();
    // What is newest lies in the tail, not yet in leaves: the same answer has to come out of both.
    Case::new("W5", &name("cur-all, newest facts unfolded")).ask(|| Ok(pairs(&db, &v)?.len()));
    let index = Instant::now();
    loaded.conn.sync_index()?;
    rig::emit_once("W5", &name("fold the rest after load"), index.elapsed(), &[], "");

    let db = loaded.conn.db();
    for (round, &t) in rounds.iter().zip(&loaded.ts) {
        check(&name(&format!("as of {t}")), &loaded, pairs(&db.as_of(t)?, &v)?, round)?;
    }
    let one = Edn::from(loaded.ids[ONE - 1].0 as i64);
    Case::new("W5", &name("cur-all")).ask(|| Ok(pairs(&db, &v)?.len()));
    Case::new("W5", &name("cur-one")).ask(|| Ok(values(&db, &one, &v)?.len()));
    for percent in [10, 50, 90] {
        let t = loaded.ts[versions * percent / 100 - 1];
        Case::new("W5", &name(&format!("asof-all-{percent}"))).ask(|| Ok(pairs(&db.as_of(t)?, &v)?.len()));
        Case::new("W5", &name(&format!("asof-one-{percent}"))).ask(|| Ok(values(&db.as_of(t)?, &one, &v)?.len()));
    }
    Case::new("W5", &name("hist-one")).ask(|| Ok(versions_of(&db, &one, &v)?.len()));
    let first = versions / 2;
    let (from, to) = (loaded.ts[first - 1], loaded.ts[first + versions / 100 - 1]);
    Case::new("W5", &name("txrange-1pct")).ask(|| Ok(changes(&db, from, to, &v)?.len()));
    let log = name("txrange-1pct by the log");
    Case::new("W5", &log).ask(|| {
        let transactions = loaded.conn.tx_range(from, to)?;
        let asserted = |d: &&Datom| d.added && matches!(d.v, Value::Long(_));
        Ok(transactions.iter().flat_map(|tx| &tx.datoms).filter(asserted).count())
    });

    // The same through queries, whose answers come in columns.
    let past = db.as_of(loaded.ts[versions / 2 - 1])?;
    let all = Query::parse("[:find ?e ?v :where [?e :h/v ?v]]")?;
    let of_one = Query::parse("[:find ?v :in $ ?e :where [?e :h/v ?v]]")?;
    for (case, query, db, input) in [
        ("cur-all by query", &all, &db, None),
        ("cur-one by query", &of_one, &db, Some(&one)),
        ("asof-all-50 by query", &all, &past, None),
        ("asof-one-50 by query", &of_one, &past, Some(&one)),
    ] {
        let question = Question::new(db, query.clone(), input.map(Input::from));
        Case::new("W5", &name(case)).ask(|| question.ask());
    }

    loaded.conn.close()?;
    rig::emit_mb("W5", &name("disk"), rig::disk_mb(&dir), "log and all indexes");
    each_moment(&name("asof-all"), &dir, &loaded.ts, |db| Ok(pairs(&db, &v)?.len()))?;
    each_moment(&name("asof-one"), &dir, &loaded.ts, |db| {
        Ok(values(&db, &one, &v)?.len())
    })?;
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// Asks about every moment one time, from an empty cache on, and about every moment again: what such a question costs when moments are not
/// asked about several times in a row.
fn each_moment(case: &str, dir: &Path, ts: &[T], ask: impl Fn(Db) -> Result<usize>) -> Outcome {
    let conn = Options::new().create(false).open(dir)?;
    let db = conn.db();
    // Far from one to the next, and every one of them: an odd step that 5 does not divide.
    let step = (ts.len() * 377 / 1000) | 1;
    let step = if step.is_multiple_of(5) { step + 2 } else { step };
    for turn in ["first", "second"] {
        let (start, mut rows) = (Instant::now(), 0);
        for i in 0..ts.len() {
            rows = ask(db.as_of(ts[i * step % ts.len()])?)?;
        }
        let each = rig::millis(start.elapsed()) / ts.len() as f64;
        let facts = Facts {
            numbers: &[("ms", each), ("rows", rows as f64)],
            note: "the mean over every moment, each asked about once a turn; the cache is empty before the first",
        };
        rig::emit("W5", &format!("{case}, every moment, {turn} turn"), facts);
    }
    conn.close()?;
    Ok(())
}

fn load(conn: Connection, entities: usize, rounds: &[Vec<(u32, i64)>]) -> Outcome<Loaded> {
    conn.transact(SCHEMA)?;
    let v = conn.db().attribute(&Keyword::new("h/v"))?.id;
    let temps: Vec<Arc<str>> = (1..=entities).map(|i| Arc::from(format!("e{i}"))).collect();
    let mut ids = vec![EntityId(0); entities];
    let mut ts = Vec::with_capacity(rounds.len());
    for (i, round) in rounds.iter().enumerate() {
        let mut tx = Tx::with_capacity(entities);
        for &(e, value) in round {
            let index = e as usize - 1;
            match i {
                0 => tx.push_add(Entity::Temp(temps[index].clone()), v, value),
                _ => tx.push_add(ids[index], v, value),
            }
        }
        let report = conn.transact(tx)?;
        ts.push(report.t);
        if i == 0 {
            for (id, temp) in ids.iter_mut().zip(&temps) {
                *id = report.entity(temp).ok_or("a tempid has no entity")?;
            }
        }
    }
    Ok(Loaded { conn, ids, ts })
}

/// An answer that is fast and wrong is no result.
fn check(what: &str, loaded: &Loaded, answer: Vec<(u64, i64)>, round: &[(u32, i64)]) -> Outcome {
    let mut expected: Vec<(u64, i64)> = round.iter().map(|&(e, v)| (loaded.ids[e as usize - 1].0, v)).collect();
    expected.sort_unstable();
    if answer == expected {
        return Ok(());
    }
    let wrong = answer.iter().find(|row| !expected.contains(row));
    let missing = expected.iter().find(|row| !answer.contains(row));
    let twice = answer.windows(2).find(|pair| pair[0].0 == pair[1].0);
    let rows = format!("{} rows instead of {}", answer.len(), expected.len());
    Err(format!("{what}: {rows}; wrong {wrong:?}, missing {missing:?}, twice {twice:?}").into())
}

/// Every entity with its value.
fn pairs(db: &Db, v: &Edn) -> Result<Vec<(u64, i64)>> {
    let mut out = Vec::new();
    for batch in db.datoms(Order::Aevt, std::slice::from_ref(v))?.batches() {
        let batch = batch?;
        out.extend(batch.e().iter().copied().zip(batch.longs()));
    }
    Ok(out)
}

/// The values of one entity.
fn values(db: &Db, e: &Edn, v: &Edn) -> Result<Vec<i64>> {
    let mut out = Vec::new();
    for batch in db.datoms(Order::Eavt, &[e.clone(), v.clone()])?.batches() {
        out.extend(batch?.longs());
    }
    Ok(out)
}

/// Everything that was ever asserted about one entity, with its transaction.
fn versions_of(db: &Db, e: &Edn, v: &Edn) -> Result<Vec<(i64, T)>> {
    let mut out = Vec::new();
    for batch in db.history().datoms(Order::Eavt, &[e.clone(), v.clone()])?.batches() {
        let batch = batch?;
        out.extend(asserted(&batch).map(|(i, x)| (x, batch.t()[i])));
    }
    Ok(out)
}

/// What the transactions from `from` up to, not including, `to` asserted.
fn changes(db: &Db, from: T, to: T, v: &Edn) -> Result<Vec<(u64, i64, T)>> {
    let window = db.history().since(from - 1)?.as_of(to - 1)?;
    let mut out = Vec::new();
    for batch in window.datoms(Order::Aevt, std::slice::from_ref(v))?.batches() {
        let batch = batch?;
        out.extend(asserted(&batch).map(|(i, x)| (batch.e()[i], x, batch.t()[i])));
    }
    Ok(out)
}

fn asserted(batch: &Batch) -> impl Iterator<Item = (usize, i64)> + '_ {
    let added = batch.added();
    batch
        .longs()
        .enumerate()
        .filter(move |(i, _)| added.is_none_or(|a| a[*i]))
}
