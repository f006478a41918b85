//! An oracle for queries: random databases, views and queries, answered by the engine and by an evaluator that is obviously
//! right, and compared. Every query is asked with the passes of the planner on and off, with its clauses in another order,
//! of indexes in memory and on disk; all answers must be the same.
//!
//! `ASOF_ORACLE_CASES` says how many queries, `ASOF_ORACLE_SEED` which, `ASOF_ORACLE_KEEP_GOING` reports all differences
//! instead of the first. A difference is shrunk before it is shown.

mod ast;
mod generate;
mod mistakes;
mod naive;
mod pages;
mod pulls;
mod tape;
mod text;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use asof::db::Db;
use asof::edn::{Edn, Node, read_one};
use asof::error::{Code, Error};
use asof::query::{Input, Passes, Query, QueryOptions};

use ast::{Shape, Source, permuted};
use naive::{Found, Naive, Stop, named};
use tape::{Tape, shrink};
use world::World;

/// Queries asked of one database.
const QUERIES: usize = 40;
/// Every so many databases are on disk, too.
const ON_DISK: u64 = 8;

/// What is counted in the texts, to see that it is there.
const KINDS: [&str; 26] = [
    "(not ",
    "not-join",
    "(or ",
    "or-join",
    "(r0",
    "(pull",
    "(q ",
    ":with",
    "(count",
    "get-else",
    "get-some",
    "missing?",
    "$b",
    ":order-by",
    "untuple",
    ":keys",
    ":strs",
    ":xform",
    " p0",
    "my/",
    "(quot",
    "#bytes",
    ":having",
    "(tx-ids",
    "(tx-data",
    ":a/y",
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|n| n.replace('_', "").parse().ok())
        .unwrap_or(default)
}

/// Equal but for the last digits of doubles, which sums in another order may change.
fn alike(a: &Edn, b: &Edn) -> bool {
    match (&a.node, &b.node) {
        (Node::Double(a), Node::Double(b)) => a == b || (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (Node::Vector(a), Node::Vector(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        _ => a == b,
    }
}

fn same_rows(a: &[Vec<Edn>], b: &[Vec<Edn>], ordered: bool) -> bool {
    let row = |(a, b): (&Vec<Edn>, &Vec<Edn>)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b));
    if a.len() != b.len() {
        return false;
    }
    if ordered {
        return a.iter().zip(b).all(row);
    }
    let sorted = |rows: &[Vec<Edn>]| {
        let mut rows = rows.to_vec();
        rows.sort_by_cached_key(|r| r.iter().map(rounded).collect::<Vec<_>>());
        rows
    };
    sorted(a).iter().zip(&sorted(b)).all(row)
}

/// Without the digits of a double that may differ.
fn rounded(x: &Edn) -> Edn {
    match x.node {
        Node::Double(d) if d.is_finite() => Node::Double((d * 1e6).round() / 1e6).into(),
        _ => x.clone(),
    }
}

/// A view of a database.
fn seen(db: &Db, view: &ast::View) -> Db {
    let mut db = db.clone();
    if let Some(t) = view.as_of {
        db = db.as_of(t).expect("an as-of view");
    }
    if let Some(t) = view.since {
        db = db.since(t).expect("a since view");
    }
    if let Some(filter) = view.filter {
        db = db.filter(move |_, d| filter.keeps(d.e.0, d.a.0, d.tx.t()));
    }
    if view.history { db.history() } else { db }
}

/// The inputs of a query: sources, data, pull patterns, rules. `db` stands for the database of the world.
fn inputs(q: &ast::Query, world: &World, db: &Db) -> Vec<Input> {
    inputs_of(q, &|base| if base == 0 { db } else { world.base(base).0 })
}

/// The same, with databases by their number.
fn inputs_of<'a>(q: &ast::Query, of: &dyn Fn(usize) -> &'a Db) -> Vec<Input> {
    let mut out = Vec::new();
    for (i, s) in q.sources.iter().enumerate() {
        out.push(match s {
            Source::Rows(rows) => Input::Edn(Edn::vector(
                rows.iter().map(|r| Edn::vector(r.iter().map(|v| v.to_edn()))),
            )),
            Source::Db(view) => {
                let db = of(view.base);
                Input::Db(match i == 0 && q.time_in_text {
                    true => db.clone(),
                    false => seen(db, view),
                })
            }
        });
    }
    for (_, data) in &q.inputs {
        out.push(Input::Edn(read_one(&data.to_string()).expect("data")));
    }
    for (_, specs) in q.pattern_inputs() {
        out.push(Input::text(&format!("[{}]", text::spaced(specs))).expect("a pattern"));
    }
    if !q.rules.is_empty() {
        out.push(Input::text(&rules(q)).expect("rules"));
    }
    out
}

fn rules(q: &ast::Query) -> String {
    let all: Vec<String> = q.rules.iter().map(|r| r.to_string()).collect();
    format!("[{}]", all.join("\n "))
}

struct Reply {
    rows: Vec<Vec<Edn>>,
    form: Edn,
}

fn ask(q: &ast::Query, world: &World, db: &Db, passes: Passes, way: &str) -> Result<Reply, Error> {
    let options = QueryOptions {
        passes,
        ..QueryOptions::default()
    };
    let query = match way {
        "as a form" => Query::from_edn(&read_one(&q.to_string())?)?,
        _ => Query::parse(&q.to_string())?,
    };
    if way == "asked before" {
        // Of another database, and of this one: what is kept for the next time must not show.
        for db in [world.base(world::ANOTHER).0, db] {
            let _ = query.run_with(&inputs(q, world, db), &options);
        }
    }
    let answer = query.run_with(&inputs(q, world, db), &options)?;
    Ok(Reply {
        rows: answer.rows().collect::<Result<_, _>>()?,
        form: answer.to_edn()?,
    })
}

/// What `to_edn` promises of the whole.
fn well_formed(q: &ast::Query, reply: &Reply) -> bool {
    let row = |r: &Vec<Edn>| match q.keys {
        Some(kind) => named(kind, r),
        None => Edn::vector(r.clone()),
    };
    let (rows, form) = (&reply.rows, &reply.form.node);
    match q.shape {
        Shape::Relation => match form {
            Node::Set(items) | Node::Vector(items) => *items == rows.iter().map(row).collect::<Vec<_>>(),
            _ => false,
        },
        Shape::Collection => *form == Node::Vector(rows.iter().map(|r| r[0].clone()).collect()),
        Shape::Tuple => *form == rows.first().map_or(Node::Nil, |r| row(r).node),
        Shape::Scalar => *form == rows.first().map_or(Node::Nil, |r| r[0].node.clone()),
    }
}

enum Outcome {
    Same { rows: usize },
    Skipped(&'static str),
}

fn show(rows: &[Vec<Edn>]) -> String {
    let rows: Vec<String> = rows
        .iter()
        .take(30)
        .map(|r| Edn::vector(r.clone()).to_string())
        .collect();
    rows.join("\n    ")
}

/// Asks in every way; `Err` describes a difference.
fn check(world: &World, disk: Option<&Db>, q: &ast::Query) -> Result<Outcome, String> {
    let expected = Naive::new(world, q).answer();
    let on = Passes::default();
    let off = Passes {
        push_bounds: false,
        order_clauses: false,
        find_closures: false,
    };
    let mut other = q.clone();
    other.clauses = permuted(&q.clauses, &mut |body| body.reverse());
    for r in &mut other.rules {
        r.body = permuted(&r.body, &mut |body| body.reverse());
    }
    other.rules.reverse();
    let memory = &world.db;
    let mut ways = vec![
        ("all passes", q, memory, on),
        ("all passes again", q, memory, on),
        ("asked before", q, memory, on),
        ("as a form", q, memory, on),
        ("no passes", q, memory, off),
        (
            "no push-bounds",
            q,
            memory,
            Passes {
                push_bounds: false,
                ..on
            },
        ),
        (
            "no order-clauses",
            q,
            memory,
            Passes {
                order_clauses: false,
                ..on
            },
        ),
        (
            "no find-closures",
            q,
            memory,
            Passes {
                find_closures: false,
                ..on
            },
        ),
        ("clauses in another order", &other, memory, on),
        ("clauses in another order, no passes", &other, memory, off),
    ];
    ways.extend(disk.map(|db| ("on disk", q, db, on)));
    let exact = !["(variance", "(stddev"].iter().any(|f| q.to_string().contains(f));
    let mut first: Option<Reply> = None;
    let mut refused: Vec<(&str, Error)> = Vec::new();
    let in_ways = ways.len();
    for (way, q, db, passes) in ways {
        let reply =
            catch_unwind(AssertUnwindSafe(|| ask(q, world, db, passes, way))).map_err(|_| format!("{way}: a panic"))?;
        let reply = match (reply, &expected) {
            (Ok(reply), _) => reply,
            (Err(e), Ok(found)) if found.rows.is_empty() && is_of_types(&e) => {
                refused.push((way, e));
                continue;
            }
            (Err(e), Ok(found)) => {
                return Err(format!("{way}: an error\n{e}\n  expected\n    {}", show(&found.rows)));
            }
            (Err(_), Err(Stop::Failed)) => continue,
            (Err(_), Err(Stop::Unbound)) => return Ok(Outcome::Skipped("not valid")),
            (Err(e), Err(Stop::TooMuch)) => return Err(format!("{way}: an error\n{e}")),
        };
        if let Err(Stop::Failed) = &expected {
            let found = show(&reply.rows);
            return Err(format!("{way}: expected the failure of a function, found\n    {found}"));
        }
        if let Ok(Found { rows, ordered }) = &expected
            && !same_rows(rows, &reply.rows, *ordered)
        {
            let (expected, found) = (show(rows), show(&reply.rows));
            return Err(format!("{way}: expected\n    {expected}\n  found\n    {found}"));
        }
        if !well_formed(q, &reply) {
            return Err(format!("{way}: the rows {} as {}", show(&reply.rows), reply.form));
        }
        match &first {
            None => first = Some(reply),
            // Doubles that are summed in another order may differ in a digit; otherwise the bytes are the same.
            Some(first) if !same_rows(&first.rows, &reply.rows, exact) => {
                let (a, b) = (show(&first.rows), show(&reply.rows));
                return Err(format!("{way}: the order or the rows differ\n    {a}\n  and\n    {b}"));
            }
            Some(first) if way == "all passes again" && first.form.to_string() != reply.form.to_string() => {
                return Err("two runs print different bytes".to_string());
            }
            Some(_) => {}
        }
    }
    if let Some((way, e)) = refused.first() {
        // What is refused for its types is refused in every way and whatever the data, an empty database's included.
        let bare = world.bare();
        let without = Query::parse(&q.to_string()).and_then(|query| query.run(&inputs_of(q, &|base| &bare[base])));
        return match without {
            Err(same) if same.to_string() == e.to_string() && refused.len() == in_ways => {
                Ok(Outcome::Skipped("refused for its types, and empty"))
            }
            _ => Err(format!("{way}: refused here, and not everywhere\n{e}")),
        };
    }
    pages::check(world, q, &expected)?;
    match expected {
        Ok(found) => Ok(Outcome::Same { rows: found.rows.len() }),
        Err(Stop::TooMuch) => Ok(Outcome::Skipped("too much for the naive one")),
        Err(Stop::Failed) => Ok(Outcome::Skipped("a function fails, as it must")),
        Err(Stop::Unbound) => Ok(Outcome::Skipped("not valid")),
    }
}

/// Whether it says that no row could ever pass, for the types of what the clauses bind.
fn is_of_types(e: &Error) -> bool {
    matches!(e.code(), Code::TypeMismatch | Code::CannotCompare) && e.message().contains(" is a")
}

fn report(world: &World, q: &ast::Query, why: &str) -> String {
    let mut out = String::from("  transactions:\n");
    for tx in &world.told {
        out += &format!("    {}{}\n", tx.text, if tx.fold { " ; and folded" } else { "" });
    }
    out += &format!("  query: {q}\n");
    for s in &q.sources {
        out += &match s {
            Source::Db(view) => format!("  source: {view:?}\n"),
            Source::Rows(rows) => format!(
                "  source: {}\n",
                show(
                    &rows
                        .iter()
                        .map(|r| r.iter().map(|v| v.to_edn()).collect())
                        .collect::<Vec<_>>()
                )
            ),
        };
    }
    for (_, data) in &q.inputs {
        out += &format!("  input: {data}\n");
    }
    if !q.rules.is_empty() {
        out += &format!("  rules: {}\n", rules(q));
    }
    out + &format!("  {why}\n")
}

/// The smallest case like this one, described.
fn smallest(world_choices: Vec<u32>, query_choices: Vec<u32>, on_disk: bool, fold: bool) -> String {
    let fails = |world: &World, query: &[u32]| {
        let folder = tempfile::tempdir().expect("a folder");
        let conn = on_disk.then(|| world.on_disk(folder.path(), fold));
        let db = conn.as_ref().map(|c| c.db());
        let q = generate::query(&mut Tape::replay(query), world);
        check(world, db.as_ref(), &q).err().map(|why| report(world, &q, &why))
    };
    let tries = if on_disk { 60 } else { 1500 };
    let world = World::random(&mut Tape::replay(&world_choices));
    let query_choices = shrink(query_choices, tries, |c| fails(&world, c).is_some());
    let world_choices = shrink(world_choices, tries / 3, |c| {
        let made = catch_unwind(|| World::random(&mut Tape::replay(c)));
        made.is_ok_and(|world| fails(&world, &query_choices).is_some())
    });
    let world = World::random(&mut Tape::replay(&world_choices));
    let query_choices = shrink(query_choices, tries, |c| fails(&world, c).is_some());
    fails(&world, &query_choices).unwrap_or_else(|| "it does not happen again".to_string())
}

#[test]
fn engine_and_naive_evaluator_agree() {
    let cases = number("ASOF_ORACLE_CASES", 400);
    let seed = number("ASOF_ORACLE_SEED", 1);
    let keep_going = std::env::var_os("ASOF_ORACLE_KEEP_GOING").is_some();
    let (mut asked, mut rows, mut empty, mut broken, mut on_disk) = (0u64, 0, 0, 0, 0);
    let mut told: BTreeMap<String, u64> = BTreeMap::new();
    let mut skipped: BTreeMap<&str, u64> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut differences = Vec::new();
    let mut n = 0;
    while asked < cases {
        n += 1;
        let mut tape = Tape::random(seed.wrapping_mul(1_000_000_007).wrapping_add(n));
        let world = World::random(&mut tape);
        let world_choices = std::mem::take(&mut tape.choices);
        let folder = tempfile::tempdir().expect("a folder");
        let fold = n % (2 * ON_DISK) == 1;
        let bare = world.bare();
        let conn = (n % ON_DISK == 1).then(|| world.on_disk(folder.path(), fold));
        let disk = conn.as_ref().map(|c| c.db());
        for k in 0..QUERIES as u64 {
            let mut tape = Tape::random((seed.wrapping_mul(31).wrapping_add(n) << 20) + k);
            let q = generate::query(&mut tape, &world);
            asked += 1;
            let text = format!("{q} {}", rules(&q));
            for kind in KINDS {
                *kinds.entry(kind).or_default() += u64::from(text.contains(kind));
            }
            on_disk += u64::from(disk.is_some());
            let difference = match check(&world, disk.as_ref(), &q) {
                Ok(Outcome::Same { rows: found }) => {
                    rows += found;
                    empty += u64::from(found == 0);
                    None
                }
                Ok(Outcome::Skipped(why)) => {
                    *skipped.entry(why).or_default() += 1;
                    None
                }
                Err(why) => {
                    let only_disk = why.starts_with("on disk");
                    Some(smallest(world_choices.clone(), tape.choices.clone(), only_disk, fold))
                }
            };
            let difference = difference.or_else(|| {
                broken += 1;
                mistakes::check(&mut tape, &world, &bare, &q, &mut told)
                    .err()
                    .map(|why| report(&world, &q, &why))
            });
            if let Some(text) = difference {
                eprintln!("difference at database {n}, query {k}, seed {seed}:\n{text}");
                differences.push(text);
                assert!(keep_going, "the engine and the naive evaluator differ");
            }
        }
    }
    eprintln!(
        "{asked} queries over {n} databases ({on_disk} on disk, too): {rows} rows, {empty} empty answers, {broken} broken \
         queries, skipped {skipped:?}, {} differences\n{kinds:?}\n{told:?}",
        differences.len()
    );
    assert!(differences.is_empty());
    // A generator that makes nothing worth asking would agree for ever.
    let skipped: u64 = skipped.values().sum();
    assert!(
        skipped <= asked / 4 && empty <= asked * 4 / 5,
        "of {asked} queries {skipped} say nothing and {empty} find nothing"
    );
}
