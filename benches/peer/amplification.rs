//! What reaches the disk for a byte of facts, and what stays there.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use asof::conn::{Connection, Options};
use asof::datom::EntityId;
use asof::edn::Keyword;
use asof::store::Durability;
use asof::tx::{Entity, Tx};

use crate::Outcome;
use crate::rig::{self, Facts, Random};

const FACTS: usize = 1_000_000;
const FACTS_A_TX: usize = 1000;
/// A fact as plain data: entity, attribute, a long, t.
const FACT_BYTES: usize = 8 + 4 + 8 + 8;

/// An order in which facts come.
#[derive(Clone, Copy)]
enum Load {
    /// New entities, values that grow.
    Sorted,
    /// A new value of an entity anywhere among a million.
    Random,
    /// Ten thousand entities, a hundred values each, one after the other.
    Updates,
}

pub fn run() -> Outcome {
    for (name, load) in [
        ("sorted", Load::Sorted),
        ("random", Load::Random),
        ("update-heavy", Load::Updates),
    ] {
        measure(name, load)?;
    }
    Ok(())
}

fn measure(name: &str, load: Load) -> Outcome {
    let dir = rig::fresh("amplification")?;
    let conn = Options::new().durability(Durability::Process).open(&dir)?;
    conn.transact(
        "[{:db/ident :n/a :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
          {:db/ident :n/b :db/valueType :db.type/long :db/cardinality :db.cardinality/many}]",
    )?;
    let one = conn.db().attribute(&Keyword::new("n/a"))?.id;
    let many = conn.db().attribute(&Keyword::new("n/b"))?.id;
    let temps: Vec<Arc<str>> = (0..FACTS_A_TX).map(|i| Arc::from(i.to_string())).collect();
    let before = match load {
        Load::Sorted => Vec::new(),
        Load::Random => make(&conn, &temps, one, FACTS)?,
        Load::Updates => make(&conn, &temps, one, FACTS / 100)?,
    };
    // The entities' own facts are not counted, nor is folding them.
    conn.sync_index()?;
    let (written, size) = (rig::bytes_written(), rig::disk_mb(&dir));
    let mut random = Random(1);
    let start = Instant::now();
    for i in 0..FACTS / FACTS_A_TX {
        let mut tx = Tx::with_capacity(FACTS_A_TX);
        for (j, temp) in temps.iter().enumerate() {
            let n = i * FACTS_A_TX + j;
            match load {
                Load::Sorted => tx.push_add(Entity::Temp(temp.clone()), one, n as i64),
                Load::Random => {
                    let e = before[random.below(before.len() as u64) as usize];
                    tx.push_add(e, many, random.below(1 << 40) as i64);
                }
                Load::Updates => tx.push_add(before[n % before.len()], one, (n + FACTS) as i64),
            }
        }
        conn.transact(tx)?;
    }
    let accepted = start.elapsed();
    conn.sync_index()?;
    conn.close()?;
    let logical = (FACTS * FACT_BYTES) as f64;
    let mb = (1 << 20) as f64;
    let wrote = (rig::bytes_written() - written) as f64;
    let grew = (rig::disk_mb(&dir) - size) * mb;
    let note = format!(
        "{:.2} bytes written and {:.2} bytes on disk for a byte of facts ({FACT_BYTES} a fact); accepted in {:.0} ms",
        wrote / logical,
        grew / logical,
        rig::millis(accepted)
    );
    let numbers = [
        ("mb", wrote / mb),
        ("written_ratio", wrote / logical),
        ("disk_ratio", grew / logical),
    ];
    let facts = Facts {
        numbers: &numbers,
        note: &note,
    };
    rig::emit("amplification", name, facts);
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// Entities with one fact each.
fn make(conn: &Connection, temps: &[Arc<str>], attr: u32, n: usize) -> Outcome<Vec<EntityId>> {
    let mut made = Vec::with_capacity(n);
    for start in (0..n).step_by(temps.len()) {
        let mut tx = Tx::with_capacity(temps.len());
        for (i, temp) in temps.iter().enumerate().take(n - start) {
            tx.push_add(Entity::Temp(temp.clone()), attr, (start + i) as i64);
        }
        made.extend(conn.transact(tx)?.new_entities);
    }
    Ok(made)
}
