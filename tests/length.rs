//! Depth and length take none of the native stack and no unbounded time: what is asked ends in an answer or in an error that says
//! what was reached.
//!
//! A chain is a million long where the library is optimised, and a tenth of it in a debug build, where making it takes longer than
//! following it; lists are shorter there, too. `.ci/run` plays both.

use std::time::Duration;

use asof::EntityId;
use asof::conn::{Connection, Options};
use asof::db::Db;
use asof::error::Code;
use asof::query::{Budget, Input, Passes, Query, QueryOptions};

const CHAIN: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

const SCHEMA: &str = "[{:db/ident :n/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
    {:db/ident :n/next :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}]";

/// A connection with entities `1` to `length`, each referring to the one after it by `:n/next`; and the first of them.
fn chain(length: usize) -> (Connection, u64) {
    let conn = Options::new().in_memory().expect("a connection");
    conn.transact(SCHEMA).expect("a schema");
    let (mut first, mut last) = (0, 0);
    for from in (0..length).step_by(50_000) {
        let to = (from + 50_000).min(length);
        let mut text = String::from("[");
        for i in from..to {
            text += &format!("[:db/add \"{i}\" :n/x {i}]");
            match (i > from, last) {
                (true, _) => text += &format!("[:db/add \"{}\" :n/next \"{i}\"]", i - 1),
                (false, 0) => {}
                (false, last) => text += &format!("[:db/add {last} :n/next \"{i}\"]"),
            }
        }
        let report = conn.transact(&*(text + "]")).expect("a part of the chain");
        if from == 0 {
            first = report.tempids["0"].0;
        }
        last = report.tempids[&format!("{}", to - 1)].0;
    }
    (conn, first)
}

fn ask(db: &Db, query: &str, rules: &str, passes: Passes) -> Result<String, Code> {
    let inputs = [Input::from(db), Input::text(rules).expect("rules")];
    let options = QueryOptions {
        passes,
        budget: Budget {
            timeout: Some(Duration::from_secs(20)),
            ..Budget::default()
        },
        ..QueryOptions::default()
    };
    let answer = Query::parse(query).and_then(|q| q.run_with(&inputs, &options)?.to_edn());
    answer.map(|a| a.to_string()).map_err(|e| e.code())
}

#[test]
fn a_long_chain_ends_in_an_answer() {
    let (conn, first) = chain(CHAIN);
    let db = conn.db();
    let (all, less) = (CHAIN - 1, CHAIN - 2);
    let on = Passes::default();
    let off = Passes {
        find_closures: false,
        ..on
    };
    let closure = "[[(far ?a ?b) [?a :n/next ?b]] [(far ?a ?b) [?a :n/next ?c] (far ?c ?b)]]";
    let count = format!("[:find (count ?b) . :in $ % :where (far {first} ?b)]");
    assert_eq!(ask(&db, &count, closure, on), Ok(all.to_string()));
    let last = format!("[:find ?x . :in $ % :where (far ?a ?b) [?b :n/x {all}] [?a :n/x ?x] [(= ?x 0)]]");
    assert_eq!(ask(&db, &last, closure, on), Ok("0".to_string()));
    // Rules of other shapes take a round for every step.
    let odd = "[[(far ?a ?b) [?a :n/next ?b] [?b :n/x ?x] [(> ?x 0)]]
                [(far ?a ?b) (far ?a ?c) [?c :n/next ?b] (not [?b :n/x 0])]]";
    let mutual = "[[(far ?a ?b) [?a :n/next ?b]] [(far ?a ?b) (near ?a ?c) [?c :n/next ?b]]
                   [(near ?a ?b) (far ?a ?b)]]";
    for (rules, passes) in [(closure, off), (odd, on), (mutual, on)] {
        match ask(&db, &count, rules, passes) {
            Ok(found) => assert_eq!(found, all.to_string(), "{rules}"),
            Err(code) => assert!(
                matches!(code, Code::QueryTimeout | Code::QueryLimit),
                "{code:?}: {rules}"
            ),
        }
    }

    let whole = db
        .pull("[:n/x {:n/next ...}]", EntityId(first))
        .expect("a pull")
        .expect("an entity");
    assert!(whole.is_deeper_than(all) && !whole.is_deeper_than(all + 1));
    let text = whole.to_string();
    assert!(
        text.ends_with(&format!("{{:n/x {all}}}{}", "}".repeat(all))),
        "the end of the chain"
    );
    assert!(whole == whole.clone());
    drop(whole);
    let part = db
        .pull(&*format!("[:n/x {{:n/next {less}}}]"), EntityId(first))
        .expect("a pull")
        .expect("an entity");
    assert!(part.is_deeper_than(less) && !part.is_deeper_than(all));
    let back = format!("[:find (pull ?e [:n/x {{:n/_next ...}}]) . :in $ % :where [?e :n/x {all}]]");
    match ask(&db, &back, "[]", on) {
        Ok(text) => assert!(text.contains("{:n/x 0}"), "the beginning of the chain"),
        Err(code) => assert_eq!(code, Code::QueryLimit),
    }
}

/// What comes of a text: an answer, or an error with a place.
fn ends(db: &Db, text: &str, rules: Option<&str>) {
    let shown: String = text.chars().take(60).collect();
    let mut inputs = vec![Input::from(db)];
    let outcome = match rules.map(Input::text) {
        Some(Err(e)) => Err(e),
        rules => {
            inputs.extend(rules.and_then(Result::ok));
            Query::parse(text).and_then(|q| q.run(&inputs)?.to_edn())
        }
    };
    if let Err(e) = outcome {
        assert!(e.place().is_some(), "{shown}: {}", e.message());
        assert!(e.message().len() < 2000, "{shown}: a long message");
    }
}

#[test]
fn deep_texts_end_in_an_error() {
    let conn = Connection::in_memory().expect("a connection");
    conn.transact(SCHEMA).expect("a schema");
    conn.transact("[{:n/x 1}]").expect("data");
    let db = conn.db();
    for n in [150, 500, 100_000] {
        let nested = |open: &str, inside: &str, close: &str| format!("{}{inside}{}", open.repeat(n), close.repeat(n));
        for clause in [
            nested("(not ", "[?e :n/x 2]", ")"),
            nested("(or ", "[?e :n/x 1]", ")"),
            nested("(or [?e :n/x 2] (and ", "[?e :n/x 1]", "))"),
            nested("(not-join [?e] (or-join [?e] ", "[?e :n/x 1]", "))"),
            nested("[(q [:find ?x :where [_ :n/x ?x] ", "[_ :n/x ?x]", "] $) [[?x]]]"),
            nested("[(inc ", "1", ") ?y]"),
            format!("[(identity {}) ?y]", nested("[", "1", "]")),
            format!("[(identity {}) ?y]", nested("{:a ", "1", "}")),
            format!("[(identity {}) ?y]", nested("#{", "1", "}")),
            format!("[(identity {}) ?y]", nested("#uri ", "1", "")),
            format!("[(identity {}) ?y]", nested("'", "1", "")),
            format!("[(ground 1) {}]", nested("[", "?y", "]")),
            format!("[(ground 1) {}]", nested("[", "?y", " ...]")),
            nested("(r ", "?e", ")"),
            nested("((", "?e", "))"),
        ] {
            ends(&db, &format!("[:find ?e :where [?e :n/x] {clause}]"), None);
        }
        for find in [
            nested("(pull ?e [", "*", "])"),
            nested("(count ", "?e", ")"),
            nested("[", "?e", "]"),
            nested("{", "?e", "}"),
        ] {
            ends(&db, &format!("[:find {find} :where [?e :n/x]]"), None);
        }
        for pattern in [
            nested("{:n/next [", ":n/x", "]}"),
            nested("(limit ", ":n/x", " 1)"),
            nested("[", ":n/x", "]"),
        ] {
            ends(&db, &format!("[:find (pull ?e [{pattern}]) :where [?e :n/x]]"), None);
            assert!(db.pull(&*format!("[{pattern}]"), EntityId(1)).is_err() || n < 1000);
        }
        ends(&db, "[:find ?e :in $ [?e ...]]", Some(&nested("[", "1", "]")));
        let rules_deep = if cfg!(debug_assertions) { n.min(5_000) } else { n };
        let rules: String = (0..rules_deep)
            .map(|i| format!("[(r{i} ?x) (r{} ?x)]", i + 1))
            .collect();
        ends(
            &db,
            "[:find ?e :in $ % :where (r0 ?e)]",
            Some(&format!("[{rules}[(r{rules_deep} ?x) [?x :n/x]]]")),
        );
        let rules: String = (0..rules_deep)
            .map(|i| format!("[(r{i} ?x) [?x :n/x] (not (r{} ?x))]", i + 1))
            .collect();
        ends(
            &db,
            "[:find ?e :in $ % :where (r0 ?e)]",
            Some(&format!("[{rules}[(r{rules_deep} ?x) [?x :n/x]]]")),
        );
        ends(
            &db,
            "[:find ?e :in $ % :where (r ?e)]",
            Some(&format!("[[(r ?e) [?e :n/x] {}]]", nested("(not ", "(r ?e)", ")"))),
        );
        assert!(conn.transact(&*nested("[", "1", "]")).is_err());
        assert!(
            conn.transact(&*format!("[{}]", nested("{:n/x 1 :n/next ", "1", "}")))
                .is_err()
        );
    }
}

#[test]
fn long_texts_end_in_bounded_time() {
    let conn = Connection::in_memory().expect("a connection");
    conn.transact(SCHEMA).expect("a schema");
    conn.transact("[{:n/x 1} {:n/x 2} {:n/x 3}]").expect("data");
    let db = conn.db();
    let n = if cfg!(debug_assertions) { 2_000 } else { 10_000 };
    let each = |f: &dyn Fn(usize) -> String| (0..n).map(f).collect::<Vec<_>>().join(" ");
    for clauses in [
        each(&|i| format!("[?e :n/x ?v{i}]")),
        each(&|_| "[?e :n/x ?v]".to_string()),
        each(&|i| format!("[(> ?x {})]", -(i as i64))),
        each(&|i| format!("[(+ ?x {i}) ?y{i}]")),
        each(&|i| format!("[(inc ?y{}) ?y{i}]", i + 1)) + &format!("[(ground 1) ?y{n}]"),
        each(&|i| format!("(not [?e :n/x {}])", i + 10)),
        format!("(or {})", each(&|i| format!("[?e :n/x {i}]"))),
        each(&|_| "(or [?e :n/x 1] [?e :n/x 2])".to_string()),
        each(&|i| format!("[?e{i} :n/next ?e{}]", i + 1)) + " [?e0 :n/x 1]",
        each(&|i| format!("[(get-else $ ?e :n/x {i}) ?z{i}]")),
        each(&|_| "[(q [:find ?x :where [_ :n/x ?x]] $) [[?x]]]".to_string()),
    ] {
        ends(&db, &format!("[:find ?e :where [?e :n/x ?x] {clauses}]"), None);
    }
    ends(
        &db,
        &format!("[:find {} :where [?e :n/x ?x]]", each(&|_| "?x".to_string())),
        None,
    );
    ends(
        &db,
        &format!("[:find ?e :in $ [{}] :where [?e :n/x ?x]]", each(&|i| format!("?i{i}"))),
        Some(&format!("[{}]", each(&|i| i.to_string()))),
    );
    let rules = each(&|i| format!("[(r ?e) [?e :n/x {i}]]"));
    ends(&db, "[:find ?e :in $ % :where (r ?e)]", Some(&format!("[{rules}]")));
    let rules = each(&|i| format!("[(r{i} ?e) [?e :n/x] (r{} ?e)]", (i + 1) % n));
    ends(&db, "[:find ?e :in $ % :where (r0 ?e)]", Some(&format!("[{rules}]")));
    let many = each(&|i| format!("(r{i} ?e)"));
    let error = Query::parse(&format!("[:find ?e :where {many}]")).and_then(|q| q.run(&[(&db).into()]));
    let error = error.expect_err("too many clauses");
    assert!(
        error.message().contains("side by side") && error.place().is_some(),
        "{error}"
    );
}
