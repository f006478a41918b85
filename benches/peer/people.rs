//! W1: people, in datascript-bench's shape.

use std::collections::HashMap;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use asof::conn::{Connection, Options};
use asof::datom::{EntityId, Value};
use asof::edn::{Edn, Keyword, Node, read_one};
use asof::index::Order;
use asof::pull::{self, Pattern};
use asof::query::{Input, Query};
use asof::store::Durability;
use asof::tx::{Entity, Term, Tx};

use crate::Outcome;
use crate::questions::{self, Question};
use crate::rig::{self, Case};

pub const SCHEMA: &str = "[
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
    dir: Option<PathBuf>,
}

impl Place {
    fn on_disk() -> Outcome<Place> {
        let dir = rig::fresh("w1")?;
        let conn = Options::new().durability(Durability::Process).open(&dir)?;
        Place::new(conn, Some(dir))
    }

    fn in_memory() -> Outcome<Place> {
        Place::new(Options::new().durability(Durability::None).in_memory()?, None)
    }

    fn new(conn: Connection, dir: Option<PathBuf>) -> Outcome<Place> {
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

    /// Adds people, so many in a transaction, and gives their entities.
    fn add_all<'a>(&self, people: impl ExactSizeIterator<Item = &'a [(usize, Term)]>) -> Outcome<Vec<EntityId>> {
        const A_TX: usize = 5000;
        let temps: Vec<Arc<str>> = (0..A_TX).map(|i| Arc::from(i.to_string())).collect();
        let mut ids = Vec::with_capacity(people.len());
        let mut people = people.peekable();
        while people.peek().is_some() {
            let mut tx = Tx::new();
            for (temp, facts) in temps.iter().zip(&mut people) {
                self.add(&mut tx, &Entity::Temp(temp.clone()), facts);
            }
            ids.extend(self.conn.transact(tx)?.new_entities);
        }
        Ok(ids)
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
        if let Some(dir) = self.dir {
            fs::remove_dir_all(dir)?;
        }
        Ok(())
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
            let place = Place::on_disk()?;
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
            let place = Place::on_disk()?;
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
                let place = Place::on_disk()?;
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
            let place = Place::on_disk()?;
            let ids = place.add_all(people.iter().map(Person::five))?;
            let start = Instant::now();
            for e in &ids {
                place.conn.transact(Tx::new().retract_entity(*e))?;
            }
            place.done(start)
        });
    }
    Ok(())
}

/// `w1-read N [QUERY ...]`: one to four clauses about people.
pub fn read(n: u64, only: &[&str]) -> Outcome {
    let place = Place::in_memory()?;
    place.add_all(people(n)?.iter().map(|person| &*person.0))?;
    place.conn.sync_index()?;
    let db = place.conn.db();
    let queries = questions::file("w1")?;
    for name in ["q1", "q2", "q2-switch", "q3", "q4", "qpred1", "qpred2", "q5"] {
        if !only.is_empty() && !only.contains(&name) {
            continue;
        }
        let query = Query::from_edn(questions::get(&queries, &Edn::from(name))?)?;
        let salary = (name == "qpred2").then(|| Input::from(50_000));
        let question = Question::new(&db, query, salary);
        let case = Case {
            n: Some(n),
            ..Case::new("W1", name)
        };
        case.ask(|| question.ask());
    }
    Ok(())
}

/// `w1-pull [CASE ...]`: all that one person follows, down to the leaves.
pub fn pull(only: &[&str]) -> Outcome {
    let text = rig::text("pull_4x5.tsv")?;
    let place = Place::in_memory()?;
    let mut people = Vec::new();
    for line in text.lines() {
        people.push(Person::parse(line.split('\t').skip(1))?);
    }
    let ids = place.add_all(people.iter().map(|person| &*person.0))?;
    let by_number: HashMap<&str, EntityId> = text.lines().filter_map(|l| l.split('\t').next()).zip(ids).collect();
    let mut tx = Tx::new();
    for line in text.lines() {
        let (who, followed) = (line.split('\t').next(), line.split('\t').next_back());
        let (Some(who), Some(followed)) = (who, followed) else {
            continue;
        };
        for other in followed.split(',').filter(|f| !f.is_empty()) {
            tx.push_add(by_number[who], "follows", by_number[other]);
        }
    }
    place.conn.transact(tx)?;
    place.conn.sync_index()?;
    let db = place.conn.db();
    for (name, pattern) in [
        ("pull-one", "[:name {:follows ...}]"),
        (
            "pull-many",
            "[:db/id :last-name :alias :sex :age :salary {:follows ...}]",
        ),
        ("pull-wildcard", "[* {:follows ...}]"),
    ] {
        if !only.is_empty() && !only.contains(&name) {
            continue;
        }
        let pattern: Pattern = pull::parse(&read_one(pattern)?, &db)?;
        let root = by_number["1"];
        let mut people = 0;
        Case::new("W1", name).ask(|| {
            let found = black_box(pull::pull(&db, &pattern, root)?.ok_or("nobody there")?);
            // Counted once, as for the other systems: a walk through the tree is no part of the answer.
            if people == 0 {
                people = maps(&found);
            }
            Ok(people)
        });
    }
    Ok(())
}

/// How many people a pulled tree holds.
fn maps(tree: &Edn) -> usize {
    match &tree.node {
        Node::Map(pairs) => 1 + pairs.iter().map(|(_, v)| maps(v)).sum::<usize>(),
        Node::Vector(items) => items.iter().map(maps).sum(),
        _ => 0,
    }
}
