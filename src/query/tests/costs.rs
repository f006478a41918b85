//! What queries read and hold: the figures, and the budget of bytes.

use super::{people, shown};
use crate::db::Db;
use crate::error::{Code, Result};
use crate::query::{Answer, Budget, Input, Query, QueryOptions};

/// Runs a query over `$` and rules within `bytes`.
fn within(db: &Db, bytes: usize, query: &str, rules: &str) -> Result<Answer> {
    let options = QueryOptions {
        budget: Budget::memory(bytes),
        ..QueryOptions::default()
    };
    Query::parse(query)?.run_with(&[Input::from(db), Input::text(rules)?], &options)
}

#[test]
fn answers_know_what_was_read() {
    let db = people();
    let ask = |q: &str| db.q(q, &[]).expect("an answer").stats();
    let all = ask("[:find ?e ?a :where [?e :person/age ?a]]");
    assert_eq!((all.rows_read, all.rows_returned), (3, 3));
    let one = ask("[:find ?a . :where [?e :person/name \"Ada\"] [?e :person/age ?a]]");
    assert_eq!((one.rows_read, one.rows_returned), (2, 1));
    let looked_up = ask("[:find ?e ?b :where [?e :person/age] [(get-else $ ?e :person/boss 0) ?b]]");
    assert_eq!((looked_up.rows_read, looked_up.rows_returned), (5, 3));
    let inside = ask("[:find ?n :where [(q [:find (count ?e) . :where [?e :person/age]] $) ?n]]");
    assert_eq!((inside.rows_read, inside.rows_returned), (3, 1));
    let none = ask("[:find ?e :where [?e :person/age 99]]");
    assert_eq!((none.rows_read, none.rows_returned), (0, 0));
    assert!(all.memory >= 3 * 16, "{all}");
}

#[test]
fn a_budget_of_bytes_ends_every_loop_that_grows() {
    let db = people();
    let rules = "[[(up ?x ?y) [(ground 0) ?x] [(ground 0) ?y]]
                  [(up ?x ?y) (up ?x ?z) [(inc ?z) ?y]]
                  [(path ?x ?y) [?x :db/ident _] [?y :db/ident _]]
                  [(path ?x ?y) [?x :db/ident _] (path ?x ?z) (path ?z ?y)]]";
    for query in [
        // Rows of a product, of a function's results, of a rule that never ends, and of one that ends late.
        "[:find ?x ?y ?z :in $ % :where [?x :db/ident _] [?y :db/ident _] [?z :db/ident _]]",
        "[:find ?x ?s :in $ % :where [?x :db/ident _] [?y :db/ident _] [(str ?x ?y) ?s]]",
        "[:find ?y :in $ % :where (up ?x ?y)]",
        "[:find ?x ?y :in $ % :where (path ?x ?y)]",
    ] {
        let error = within(&db, 40_000, query, rules).expect_err(query);
        assert_eq!(error.code(), Code::QueryLimit, "{query}: {error}");
        assert!(error.message().contains("more than its limit of 39.1 KiB"), "{error}");
    }
    let enough = within(&db, 40_000, "[:find ?n :in $ % :where [_ :person/name ?n]]", rules);
    assert_eq!(enough.expect("an answer").len(), 3);
}

#[test]
fn explain_analyze_says_what_was_read() {
    let db = people();
    let query = Query::parse("[:find ?n :where [?e :person/age 20] [?e :person/name ?n]]").expect("a query");
    let text = query.explain_analyze(&[Input::from(&db)]).expect("a plan");
    assert!(text.contains("read 2 in 0 leaves, 16 B"), "{text}");
    let last = text.lines().last().expect("a line");
    assert!(
        last.starts_with("read 4 rows in 0 leaves, returned 2 rows, held "),
        "{text}"
    );
    assert_eq!(shown(&db, "[:find (count ?e) . :where [?e :person/age 20]]", &[]), "2");
}

/// Inputs that share no variable multiply, too: more rows than may be are an error before they are made.
#[test]
fn inputs_are_within_the_budget() {
    let many: String = (0..1_000).map(|i| format!("{i} ")).collect();
    let options = QueryOptions {
        budget: Budget {
            rows_max: 100_000,
            ..Budget::default()
        },
        ..QueryOptions::default()
    };
    let one = format!("[{many}]");
    let pair = format!("[{one} {one}]");
    let rows: String = (0..1_000).map(|i| format!("[{i}] ")).collect();
    let rows = format!("[{rows}]");
    for (form, inputs) in [
        ("[?x ...] [?y ...]", vec![&one, &one]),
        ("[[?x ...] [?y ...]]", vec![&pair]),
        ("$a $b :where [$a ?x] [$b ?y]", vec![&rows, &rows]),
    ] {
        let query = Query::parse(&format!("[:find (count ?x) . :in {form}]")).expect("a query");
        let inputs: Vec<Input> = inputs.into_iter().map(|i| Input::text(i).expect("a form")).collect();
        let error = query.run_with(&inputs, &options).expect_err("a million rows");
        assert_eq!(error.code(), Code::QueryLimit, "{form}: {error}");
    }
}
