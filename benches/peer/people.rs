//! W1: people, in datascript-bench's shape.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asof::conn::{Connection, Options};
use asof::datom::{EntityId, Value};
use asof::edn::{Edn, Keyword};
use asof::index::Order;
use asof::store::Durability;
use asof::tx::{Entity, Term, Tx};

use crate::Outcome;
use crate::rig::{self, Case};

const SCHEMA: &str = "[
  {:db/ident :name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :last-name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :sex :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}
  {:db/ident :age :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :salary :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :alias :db/valueType :db.type/string :db/cardinality :db.cardinality/many}
  {:db/ident :follows :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}]";
const ATTRS: [&str; 6] = ["name", "last-name", "sex", "age", "salary", "alias"];
const ALIAS: usize = 5;

/// A person's facts: the place of the attribute in [`ATTRS`], and the value.
pub struct Person(Vec<(usize, Term)>);

impl Person {
    /// From the columns after the id.
    pub fn parse<'a>(mut columns: impl Iterator<Item = &'a str>) -> Outcome<Person> {
        let mut next = || columns.next().ok_or("a person's line is short");
        let mut facts: Vec<(usize, Term)> = vec![
            (0, next()?.into()),
            (1, next()?.into()),
            (2, Keyword::new(next()?).into()),
            (3, next()?.parse::<i64>()?.into()),
            (4, next()?.parse::<i64>()?.into()),
        ];
        let aliases = next()?.split('|').filter(|a| !a.is_empty());
        facts.extend(aliases.map(|a| (ALIAS, Term::Value(Value::string(a)))));
        Ok(Person(facts))
    }

    fn five(&self) -> &[(usize, Term)] {
        &self.0[..ALIAS]
    }
}

fn people(n: u64) -> Outcome<Vec<Person>> {
    let text = rig::text(&format!("people_{n}.tsv"))?;
    text.lines()
        .map(|line| Person::parse(line.split('\t').skip(1)))
        .collect()
}

/// A new database of people.
struct Place {
    conn: Connection,
    attrs: Vec<u32>,
    dir: std::path::PathBuf,
}

impl Place {
    fn new() -> Outcome<Place> {
        let dir = rig::fresh("w1")?;
        let conn = Options::new().durability(Durability::Process).open(&dir)?;
        conn.transact(SCHEMA)?;
        let db = conn.db();
        let mut attrs = Vec::new();
        for name in ATTRS {
            attrs.push(db.attribute(&Keyword::new(name))?.id);
        }
        Ok(Place { conn, attrs, dir })
    }

    fn add(&self, tx: &mut Tx, e: &Entity, facts: &[(usize, Term)]) {
        for (attr, value) in facts {
            tx.push_add(e.clone(), self.attrs[*attr], value.clone());
        }
    }

    /// How many facts people have here.
    fn facts(&self) -> Outcome<usize> {
        let db = self.conn.db();
        let mut n = 0;
        for attr in ATTRS {
            n += db.datoms(Order::Aevt, &[Edn::from(Keyword::new(attr))])?.count();
        }
        Ok(n)
    }

    fn remove(self) -> Outcome {
        self.conn.close()?;
        Ok(fs::remove_dir_all(&self.dir)?)
    }

    /// Stops the clock, counts, and clears up.
    fn done(self, start: Instant) -> Outcome<(Duration, usize)> {
        let took = start.elapsed();
        let facts = self.facts()?;
        self.remove()?;
        Ok((took, facts))
    }
}

/// `w1-write`: the same people in transactions of one fact, one person, or all.
pub fn write(n: u64, only: &[&str]) -> Outcome {
    let people = people(n)?;
    let new = Entity::temp("p");
    let case = |name: &'static str| Case {
        n: Some(n),
        samples: 3,
        note: "on disk, no sync",
        ..Case::new("W1", name)
    };
    let wanted = |name: &str| only.is_empty() || only.contains(&name);
    if wanted("add-1") {
        case("add-1").work(|| {
            let start = Instant::now();
            let place = Place::new()?;
            for person in &people {
                let mut e = new.clone();
                for fact in person.five() {
                    let mut tx = Tx::with_capacity(1);
                    place.add(&mut tx, &e, std::slice::from_ref(fact));
                    let report = place.conn.transact(tx)?;
                    if let Some(&id) = report.new_entities.first() {
                        e = Entity::Id(id);
                    }
                }
            }
            place.done(start)
        });
    }
    if wanted("add-5") {
        case("add-5").work(|| {
            let start = Instant::now();
            let place = Place::new()?;
            for person in &people {
                let mut tx = Tx::with_capacity(5);
                place.add(&mut tx, &new, person.five());
                place.conn.transact(tx)?;
            }
            place.done(start)
        });
    }
    // There is no way round the checks for trusted facts, so `init` and `add-all` are the same transaction.
    for name in ["add-all", "init"] {
        if wanted(name) {
            let temps: Vec<Arc<str>> = (0..people.len()).map(|i| Arc::from(i.to_string())).collect();
            case(name).work(|| {
                let start = Instant::now();
                let place = Place::new()?;
                let mut tx = Tx::with_capacity(people.len() * 10);
                for (person, temp) in people.iter().zip(&temps) {
                    place.add(&mut tx, &Entity::Temp(temp.clone()), &person.0);
                }
                place.conn.transact(tx)?;
                place.done(start)
            });
        }
    }
    if wanted("retract-5") {
        case("retract-5").work(|| {
            let place = Place::new()?;
            let mut ids: Vec<EntityId> = Vec::with_capacity(people.len());
            for some in people.chunks(1000) {
                let mut tx = Tx::with_capacity(some.len() * 5);
                for (i, person) in some.iter().enumerate() {
                    place.add(&mut tx, &Entity::temp(i.to_string()), person.five());
                }
                ids.extend(place.conn.transact(tx)?.new_entities);
            }
            let start = Instant::now();
            for e in &ids {
                place.conn.transact(Tx::new().retract_entity(*e))?;
            }
            place.done(start)
        });
    }
    Ok(())
}
