//! W2: small transactions, one writer, as safe as the case's name says.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asof::conn::{Connection, Options};
use asof::datom::Value;
use asof::edn::Keyword;
use asof::store::Durability;
use asof::tx::{Entity, Tx};

use crate::flight::{Flight, block_on};
use crate::rig::{self, Facts};
use crate::{Outcome, rig::millis};

const SCHEMA: &str = "[
  {:db/ident :ev/id :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :ev/kind :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}
  {:db/ident :ev/val :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :ev/note :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]";
const LIMIT: Duration = Duration::from_secs(5);
const IN_FLIGHT: usize = 1000;

struct Event {
    id: i64,
    kind: Keyword,
    val: i64,
    note: Arc<str>,
}

fn events() -> Outcome<Vec<Event>> {
    let text = rig::text("events.tsv")?;
    let parse = |line: &str| -> Outcome<Event> {
        let mut columns = line.split('\t');
        let mut next = || columns.next().ok_or("events.tsv: a line is short");
        Ok(Event {
            id: next()?.parse()?,
            kind: Keyword::new(next()?),
            val: next()?.parse()?,
            note: next()?.into(),
        })
    };
    text.lines().map(parse).collect()
}

/// An open database with its attributes.
struct Target {
    conn: Connection,
    attrs: [u32; 4],
    temps: Vec<Arc<str>>,
}

impl Target {
    fn new(conn: Connection) -> Outcome<Target> {
        conn.transact(SCHEMA)?;
        let db = conn.db();
        let mut attrs = [0; 4];
        for (attr, name) in attrs.iter_mut().zip(["ev/id", "ev/kind", "ev/val", "ev/note"]) {
            *attr = db.attribute(&Keyword::new(name))?.id;
        }
        let temps = (0..1000).map(|i| Arc::from(format!("e{i}"))).collect();
        Ok(Target { conn, attrs, temps })
    }

    /// One transaction of these events.
    fn tx(&self, events: &[Event]) -> Tx {
        let [id, kind, val, note] = self.attrs;
        let mut tx = Tx::with_capacity(events.len() * 4);
        for (event, temp) in events.iter().zip(&self.temps) {
            let e = Entity::Temp(temp.clone());
            tx.push_add(e.clone(), id, event.id);
            tx.push_add(e.clone(), kind, event.kind.clone());
            tx.push_add(e.clone(), val, event.val);
            tx.push_add(e, note, Value::String(event.note.clone()));
        }
        tx
    }
}

/// All cases, or the one of this name.
pub fn run(only: &[&str]) -> Outcome {
    let only = only.join(" ");
    let wanted = |name: &str| only.is_empty() || name == only;
    let events = events()?;
    for (mode, durability) in [("durable", Durability::Power), ("relaxed", Durability::Process)] {
        for batch in [1, 10, 1000] {
            let name = format!("{mode} batch={batch}");
            if wanted(&name) {
                one_by_one(&name, &events, batch, durability)?;
            }
        }
    }
    if wanted("durable-async batch=1") {
        in_flight(&events)?;
    }
    if wanted("cpu alone") {
        cpu_alone(&events)?;
    }
    if wanted("cpu in a group") {
        cpu_in_a_group(&events)?;
    }
    Ok(())
}

fn open(name: &str, durability: Durability) -> Outcome<(Target, std::path::PathBuf)> {
    let dir = rig::fresh(name)?;
    let conn = Options::new().durability(durability).open(&dir)?;
    Ok((Target::new(conn)?, dir))
}

fn one_by_one(name: &str, events: &[Event], batch: usize, durability: Durability) -> Outcome {
    let (target, dir) = open("w2", durability)?;
    let mut latencies = Vec::new();
    let start = Instant::now();
    for chunk in events.chunks(batch) {
        let begun = Instant::now();
        target.conn.transact(target.tx(chunk))?;
        latencies.push(begun.elapsed());
        if start.elapsed() > LIMIT {
            break;
        }
    }
    speed(name, latencies.len() * batch, batch, start.elapsed(), latencies, "");
    target.conn.close()?;
    fs::remove_dir_all(dir)?;
    Ok(())
}

fn in_flight(events: &[Event]) -> Outcome {
    let (target, dir) = open("w2", Durability::Power)?;
    let start = Instant::now();
    let sent = block_on(send_all(&target, events))?;
    let took = start.elapsed();
    speed("durable-async batch=1", sent, 1, took, vec![], "1000 in flight");
    target.conn.close()?;
    fs::remove_dir_all(dir)?;
    Ok(())
}

async fn send_all(target: &Target, events: &[Event]) -> Outcome<usize> {
    let mut flight = Flight::new(&target.conn, IN_FLIGHT);
    let start = Instant::now();
    let mut sent = 0;
    for event in events.chunks(1) {
        flight.send(target.tx(event)).await?;
        flight.take();
        sent += 1;
        if sent % 100 == 0 && start.elapsed() > LIMIT {
            break;
        }
    }
    flight.land().await?;
    Ok(sent)
}

/// Prints a W2 record; without latencies there are no percentiles.
fn speed(name: &str, maps: usize, batch: usize, took: Duration, mut latencies: Vec<Duration>, note: &str) {
    latencies.sort();
    let n = maps as f64 / batch as f64;
    let seconds = took.as_secs_f64();
    let mut numbers = vec![
        ("n", n.round()),
        ("datoms_per_s", 4.0 * maps as f64 / seconds),
        ("tx_per_s", n / seconds),
    ];
    if let Some(last) = latencies.len().checked_sub(1) {
        numbers.push(("p50_ms", millis(latencies[latencies.len() / 2])));
        numbers.push(("p99_ms", millis(latencies[last.min(latencies.len() * 99 / 100)])));
        numbers.push(("max_ms", millis(latencies[last])));
    }
    let facts = Facts {
        numbers: &numbers,
        note,
    };
    rig::emit("W2", name, facts);
}

/// A database in memory whose indexer does not start on its own, so that only the transactions are measured.
fn unsafe_and_quiet() -> Outcome<Target> {
    let options = Options::new().durability(Durability::None).index_after(100_000_000);
    Target::new(options.in_memory()?)
}

const CPU_EVENTS: usize = 50_000;

/// Processor time of a transaction of four facts and its instant, one after the other, without a disk.
fn cpu_alone(events: &[Event]) -> Outcome {
    let target = unsafe_and_quiet()?;
    let before = rig::cpu_time();
    let start = Instant::now();
    let mut latencies = Vec::new();
    for event in events[..CPU_EVENTS].chunks(1) {
        let begun = Instant::now();
        target.conn.transact(target.tx(event))?;
        latencies.push(begun.elapsed());
    }
    let (took, cpu) = (start.elapsed(), rig::cpu_time().saturating_sub(before));
    let note = format!(
        "{:.1} us of processor time a transaction: in memory, no sync, one by one",
        cpu.as_secs_f64() * 1e6 / CPU_EVENTS as f64
    );
    speed("cpu alone", CPU_EVENTS, 1, took, latencies, &note);
    Ok(())
}

/// The same with 1,000 in flight, so that they share groups; the caller's own work counts, too.
fn cpu_in_a_group(events: &[Event]) -> Outcome {
    let target = unsafe_and_quiet()?;
    let before = rig::cpu_time();
    let start = Instant::now();
    let sent = block_on(send_all(&target, &events[..CPU_EVENTS * 2]))?;
    let (took, cpu) = (start.elapsed(), rig::cpu_time().saturating_sub(before));
    let note = format!(
        "{:.1} us of processor time a transaction, all threads: in memory, no sync, 1000 in flight",
        cpu.as_secs_f64() * 1e6 / sent as f64
    );
    speed("cpu in a group", sent, 1, took, vec![], &note);
    Ok(())
}
