//! The questions of W1 and W4 about a moment in the middle of a history in which every value changed three times.
//!
//! Four versions of the same data come one after the other. The last is the data of the files; in the second, which is the middle, as many
//! entities have each value, so that the same question has about as many answers then as now.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use asof::conn::{Connection, Options};
use asof::datom::{EntityId, T, Value};
use asof::db::Db;
use asof::edn::{Edn, Keyword};
use asof::query::{Input, Query};
use asof::store::Durability;
use asof::tx::{Entity, Term, Tx};

use crate::Outcome;
use crate::movies::{self, Ids, Is};
use crate::questions::{self, Question};
use crate::rig::{self, Case, Facts};

/// Versions are counted down: the last has number 0.
const FIRST: usize = 3;
const MIDDLE: usize = 2;
/// Moments after the middle in which nothing changed: each can be asked about once.
const MOMENTS: u64 = 15;
/// Facts a transaction holds, about.
const FACTS_A_TX: usize = 20_000;
/// The first moment after the middle version is kept in the database itself.
const MARK: &str = "[{:db/ident :past/middle :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]";

/// A database that is filled in a process of its own, once.
fn made(dir: PathBuf, load: &[&str]) -> Outcome<(Connection, T)> {
    if !dir.exists() {
        let done = Command::new(env::current_exe()?).arg("past-load").args(load).status()?;
        if !done.success() {
            return Err("the history could not be loaded".into());
        }
    }
    let conn = Options::new().create(false).open(&dir)?;
    let middle = conn.db().q_as::<(i64,)>("[:find ?t :where [_ :past/middle ?t]]", &[])?;
    let (middle,) = middle.first().ok_or("the database does not know its middle")?;
    Ok((conn, *middle as T))
}

/// A new database, filled version after version.
fn fill(dir: &Path, schema: &str, mut version: impl FnMut(&Connection, usize) -> Outcome) -> Outcome {
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    let conn = Options::new().durability(Durability::Process).open(dir)?;
    conn.transact(MARK)?;
    conn.transact(schema)?;
    for k in (0..=FIRST).rev() {
        version(&conn, k)?;
        if k == MIDDLE {
            let middle = conn.db().basis_t();
            conn.transact(Tx::new().add(Entity::temp("m"), "past/middle", middle as i64))?;
            for _ in 0..MOMENTS {
                conn.transact(Tx::new())?;
            }
        }
    }
    conn.close()?;
    Ok(())
}

/// Each question now, then (asked again and again, and once of moments never asked about), of what changed since then, and of all history.
fn ask(workload: &str, n: u64, conn: &Connection, middle: T, questions: Vec<(Arc<str>, Query, Vec<Input>)>) -> Outcome {
    let now = conn.db();
    let mut measured = Vec::new();
    for (name, query, more) in &questions {
        let mut views: Vec<(&str, Db)> = vec![
            ("now", now.clone()),
            ("then", now.as_of(middle)?),
            ("since", now.since(middle)?),
        ];
        // A join over all history has the product of the versions of its clauses.
        if ["q1", "q2", "qpred1"].contains(&&**name) {
            views.push(("history", now.history()));
        }
        let mut numbers: Vec<(String, f64)> = vec![("n".into(), n as f64)];
        let mut present = 0.0;
        for (view, db) in &views {
            let question = Question::new(db, query.clone(), more.clone());
            let case = Case {
                samples: 3,
                ..Case::new(workload, name)
            };
            let (rows, took) = case.median(|| question.ask())?;
            numbers.push((format!("{view}_ms"), took));
            numbers.push((format!("{view}_rows"), rows as f64));
            match *view {
                "now" => present = took,
                view => numbers.push((format!("{view}_ratio"), took / present)),
            }
        }
        measured.push((present, numbers));
    }
    // After all the others, since what each of these moments shows takes the place of something in the cache.
    for ((name, query, more), (present, mut numbers)) in questions.into_iter().zip(measured) {
        let mut once = Vec::new();
        for moment in 2..2 + MOMENTS {
            let question = Question::new(&now.as_of(middle + moment)?, query.clone(), more.clone());
            let start = Instant::now();
            question.ask()?;
            once.push(rig::millis(start.elapsed()));
        }
        once.sort_by(f64::total_cmp);
        numbers.push(("then_once_ms".into(), once[once.len() / 2]));
        numbers.push(("then_once_ratio".into(), once[once.len() / 2] / present));
        let numbers: Vec<(&str, f64)> = numbers.iter().map(|(name, x)| (&**name, *x)).collect();
        let facts = Facts {
            numbers: &numbers,
            note: "",
        };
        rig::emit(workload, &name, facts);
    }
    Ok(())
}

/// `past-people N [QUERY ...]`
pub fn people(n: u64, only: &[&str]) -> Outcome {
    let (conn, middle) = made(people_dir(n)?, &["people", &n.to_string()])?;
    let texts = questions::file("w1")?;
    let mut all = Vec::new();
    for name in ["q1", "q2", "q2-switch", "q3", "q4", "qpred1", "qpred2", "q5"] {
        if only.is_empty() || only.contains(&name) {
            let query = Query::from_edn(questions::get(&texts, &Edn::from(name))?)?;
            let salary = (name == "qpred2").then(|| Input::from(50_000));
            all.push((Arc::from(name), query, salary.into_iter().collect()));
        }
    }
    ask("W1 past", n, &conn, middle, all)
}

fn people_dir(n: u64) -> Outcome<PathBuf> {
    rig::place(&format!("past-people-{n}"))
}

/// What the values of a column are, in order.
fn domain<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    values.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Another value of the same domain, in each version another.
fn turned<'a>(domain: &[&'a str], value: &str, k: usize) -> &'a str {
    let at = domain.partition_point(|x| *x < value);
    domain[(at + k) % domain.len()]
}

/// `past-load people N`
pub fn load_people(n: u64) -> Outcome {
    let text = rig::text(&format!("people_{n}.tsv"))?;
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let column = |i: usize| rows.iter().map(move |row| row[i]);
    let (names, lasts) = (domain(column(1)), domain(column(2)));
    let aliases = |row: &[&'_ str]| -> Vec<String> {
        let all = row[6].split('|').filter(|a| !a.is_empty());
        all.map(str::to_string).collect()
    };
    let known = domain(rows.iter().flat_map(|row| row[6].split('|')).filter(|a| !a.is_empty()));
    let alias_set =
        |row: &[&str], k: usize| -> BTreeSet<&str> { aliases(row).iter().map(|a| turned(&known, a, k)).collect() };
    let mut ids: Vec<EntityId> = Vec::new();
    fill(&people_dir(n)?, crate::people::SCHEMA, |conn, k| {
        for start in (0..rows.len()).step_by(FACTS_A_TX / 10) {
            let mut tx = Tx::with_capacity(FACTS_A_TX);
            for (i, row) in rows.iter().enumerate().skip(start).take(FACTS_A_TX / 10) {
                let e = match ids.get(i) {
                    Some(e) => Entity::Id(*e),
                    None => Entity::temp(row[0]),
                };
                let sexes = ["female", "male"];
                let (age, salary) = (row[4].parse::<usize>()?, row[5].parse::<usize>()?);
                tx.push_add(e.clone(), "name", Value::string(turned(&names, row[1], k)));
                tx.push_add(e.clone(), "last-name", Value::string(turned(&lasts, row[2], k)));
                tx.push_add(e.clone(), "sex", Keyword::new(turned(&sexes, row[3], k)));
                tx.push_add(e.clone(), "age", ((age + 17 * k) % 100) as i64);
                tx.push_add(e.clone(), "salary", ((salary + 25_013 * k) % 100_000) as i64);
                let (mine, before) = match k {
                    FIRST => (alias_set(row, k), BTreeSet::new()),
                    _ => (alias_set(row, k), alias_set(row, k + 1)),
                };
                for gone in before.difference(&mine) {
                    tx = tx.retract(e.clone(), "alias", Value::string(*gone));
                }
                for new in mine.difference(&before) {
                    tx.push_add(e.clone(), "alias", Value::string(*new));
                }
            }
            let report = conn.transact(tx)?;
            if k == FIRST {
                ids.extend(report.new_entities);
            }
        }
        Ok(())
    })
}

/// `past-movies [QUERY ...]`: clauses in the worst order.
pub fn movies(only: &[&str]) -> Outcome {
    let (conn, middle) = made(movies_dir()?, &["movies"])?;
    let chosen = crate::joins::chosen("bad", only)?;
    let all = chosen.into_iter().map(|(name, query)| (name, query, Vec::new()));
    ask("W4 past", 2_102_211, &conn, middle, all.collect())
}

fn movies_dir() -> Outcome<PathBuf> {
    rig::place("past-movies")
}

/// `past-load movies`: texts have a suffix in every other version; numbers and references are those of another line of the table.
pub fn load_movies() -> Outcome {
    let texts = movies::texts()?;
    let tables: Vec<Vec<Vec<&str>>> = texts
        .iter()
        .map(|text| text.lines().map(|line| line.split('\t').collect()).collect())
        .collect();
    let mut ids = Ids::default();
    fill(&movies_dir()?, &movies::schema(), |conn, k| {
        for ((_, columns), rows) in movies::TABLES.iter().zip(&tables) {
            if columns[0].0 == Is::Subject {
                links(conn, columns[1].1, rows, &ids, k)?;
            } else {
                entities(conn, columns, rows, &mut ids, k)?;
            }
        }
        Ok(())
    })
}

/// The line whose numbers and references a line has in a version.
fn other(i: usize, rows: usize, k: usize) -> usize {
    (i + k * (rows / 4)) % rows
}

fn entities(conn: &Connection, columns: &[movies::Column], rows: &[Vec<&str>], ids: &mut Ids, k: usize) -> Outcome {
    let a_tx = FACTS_A_TX / columns.len();
    for start in (0..rows.len()).step_by(a_tx) {
        let mut tx = Tx::with_capacity(FACTS_A_TX);
        let part = start..(start + a_tx).min(rows.len());
        for i in part.clone() {
            let id: usize = rows[i][0].parse()?;
            let e = match k {
                FIRST => Entity::temp(rows[i][0]),
                _ => Entity::Id(ids.get(id)?),
            };
            for (c, (is, attr)) in columns.iter().enumerate().skip(1) {
                let far = rows[other(i, rows.len(), k)][c];
                let value: Term = match is {
                    Is::Long => far.parse::<i64>()?.into(),
                    Is::Ref => ids.get(far.parse()?)?.into(),
                    _ => Value::string(suffixed(rows[i][c], k)).into(),
                };
                tx.push_add(e.clone(), *attr, value);
            }
        }
        let report = conn.transact(tx)?;
        if k == FIRST {
            for (i, e) in part.zip(report.new_entities) {
                ids.set(rows[i][0].parse()?, e);
            }
        }
    }
    Ok(())
}

fn suffixed(text: &str, k: usize) -> Cow<'_, str> {
    if k.is_multiple_of(2) {
        text.into()
    } else {
        format!("{text}~{k}").into()
    }
}

fn links(conn: &Connection, attr: &str, rows: &[Vec<&str>], ids: &Ids, k: usize) -> Outcome {
    let version = |k: usize| -> Outcome<BTreeSet<(EntityId, EntityId)>> {
        let pair = |i: usize| -> Outcome<(EntityId, EntityId)> {
            let far = rows[other(i, rows.len(), k)][1];
            Ok((ids.get(rows[i][0].parse()?)?, ids.get(far.parse()?)?))
        };
        (0..rows.len()).map(pair).collect()
    };
    let mine = version(k)?;
    let before = if k == FIRST { BTreeSet::new() } else { version(k + 1)? };
    let mut changes: Vec<(EntityId, EntityId, bool)> = mine.difference(&before).map(|(e, v)| (*e, *v, true)).collect();
    changes.extend(before.difference(&mine).map(|(e, v)| (*e, *v, false)));
    changes.sort_unstable();
    for part in changes.chunks(FACTS_A_TX) {
        let mut tx = Tx::with_capacity(part.len());
        for (e, v, added) in part {
            match added {
                true => tx.push_add(*e, attr, *v),
                false => tx = tx.retract(*e, attr, *v),
            }
        }
        conn.transact(tx)?;
    }
    Ok(())
}
