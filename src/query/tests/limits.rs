//! Budgets where much is made at once: before all of it is there, an error says so.

use super::{ask, people, shown};
use crate::datom::Val;
use crate::db::Db;
use crate::error::{Code, Error};
use crate::query::{Budget, CancelToken, Input, Query, QueryOptions};
use crate::testing;

/// The error of a query over `$` and other inputs within a budget.
fn refused(db: &Db, query: &str, inputs: &[&str], budget: Budget) -> Error {
    let texts = inputs.iter().map(|i| Input::text(i).expect("an input"));
    let inputs: Vec<Input> = std::iter::once(Input::from(db)).chain(texts).collect();
    let options = QueryOptions {
        budget,
        ..QueryOptions::default()
    };
    let run = Query::parse(query).expect("a query").run_with(&inputs, &options);
    run.map(|answer| answer.to_edn().map(|a| a.to_string()))
        .expect_err(query)
}

#[test]
fn values_that_rules_and_queries_nest_come_to_an_end() {
    let db = people();
    let grow = |step: &str| format!("[[(w ?v) [(ground 1) ?v]] [(w ?y) (w ?x) [{step} ?y]]]");
    for step in ["(tuple ?x)", "(q [:find (collect ?x) . :in ?x] ?x)", "(vector ?x)"] {
        let error = ask(&db, "[:find (count ?x) . :in $ % :where (w ?x)]", &[&grow(step)]).expect_err(step);
        assert_eq!(error.code(), Code::QueryLimit, "{step}: {error}");
        assert!(error.message().contains("deeper than 100 levels"), "{step}: {error}");
    }
}

/// Facts that have one entity or value meet each other: the pairs are counted while they are made.
#[test]
fn pairs_of_facts_are_counted_while_they_are_made() {
    let facts: String = (0..4_000)
        .map(|i| {
            format!(
                "[:db/add \"{}\" :m/tag {i}] [:db/add \"e{i}\" :m/kind {}] ",
                i % 2,
                i % 2
            )
        })
        .collect();
    let db = super::db(&[
        "[{:db/ident :m/tag :db/valueType :db.type/long :db/cardinality :db.cardinality/many}
          {:db/ident :m/kind :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true}]",
        &format!("[{facts}]"),
    ]);
    let limit = 4_000_000;
    for db in [&db, &db.history()] {
        for query in [
            "[:find (count ?t) . :where [?e :m/tag ?t] [?e :m/tag ?u] [(< ?t ?u)]]",
            "[:find (count ?a) . :where [?a :m/kind ?k] [?b :m/kind ?k] [(< ?a ?b)]]",
            "[:find (count ?a) . :where [?a :m/kind ?k ?t] [?b :m/kind ?k ?t] [(< ?a ?b)]]",
        ] {
            let error = refused(db, query, &[], Budget::memory(limit));
            assert_eq!(error.code(), Code::QueryLimit, "{query}: {error}");
            let reached = error
                .message()
                .split("reached ")
                .nth(1)
                .and_then(|m| m.split(" MiB").next());
            let reached: f64 = reached.and_then(|n| n.parse().ok()).expect("so many MiB");
            assert!(reached < 12.0, "{query}: {error}");
        }
    }
}

#[test]
fn values_that_functions_and_aggregates_make_are_counted() {
    let db = people();
    let long = "x".repeat(600);
    for query in [
        "[:find (count ?i) . :where [(range 9) [?i ...]] [(range ?i 50000) ?v]]",
        "[:find (count ?i) . :where [(range 9) [?i ...]] [(range ?i 50000) [?v ...]] [(vector ?v [?v]) ?w]]",
        &format!("[:find (count ?s) . :where [(range 3000) [?i ...]] [(str ?i \"{long}\") ?s]]"),
        "[:find ?i (rand 100000 ?i) :where [(range 9) [?i ...]] :limit 1]",
    ] {
        let error = refused(&db, query, &[], Budget::memory(1_000_000));
        assert_eq!(error.code(), Code::QueryLimit, "{query}: {error}");
        assert!(
            error.message().contains("more than its limit of 976.6 KiB"),
            "{query}: {error}"
        );
    }
    let few = "[:find (count ?v) . :where [(range 9) [?i ...]] [(range ?i 50) ?v]]";
    assert_eq!(shown(&db, few, &[]), "9");
}

/// A query that is cancelled while it is planned says that, and not what is wrong with a plan that it has not.
#[test]
fn planning_can_be_cancelled() {
    let db = people();
    for query in [
        "[:find ?x :where (or-join [?x ?y] [(inc ?y) ?x] [(dec ?y) ?x])]",
        "[:find ?x :where [?x :person/age ?a] (or [(+ ?a ?b) ?x] [(- ?a ?b) ?x])]",
        "[:find ?x :where [(q [:find ?y . :where (or [(inc ?z) ?y] [(dec ?z) ?y])] $) ?x]]",
    ] {
        let budget = || Budget::default();
        let wrong = refused(&db, query, &[], budget());
        assert_eq!(wrong.code(), Code::InsufficientBinding, "{query}: {wrong}");
        let token = CancelToken::new();
        token.cancel();
        let cancelled = Budget {
            cancel: Some(token),
            ..budget()
        };
        let error = refused(&db, query, &[], cancelled);
        assert_eq!(error.code(), Code::QueryCancelled, "{query}: {error}");
    }
}

#[test]
fn what_is_cancelled_in_its_last_aggregate_gives_no_answer() {
    let token = CancelToken::new();
    let inside = token.clone();
    let options = testing::options().aggregate("my/cancel", move |_| {
        inside.cancel();
        Ok(Val::from(1))
    });
    let db = options.in_memory().expect("a database").db();
    let cancelled = Budget {
        cancel: Some(token),
        ..Budget::default()
    };
    let error = refused(
        &db,
        "[:find (my/cancel ?x) . :where [?x :db/ident :db/doc]]",
        &[],
        cancelled,
    );
    assert_eq!(error.code(), Code::QueryCancelled, "{error}");
}

/// Rows with one entity look once what it has.
#[test]
fn an_entity_is_looked_up_once() {
    let db = people();
    let read = |query: &str| db.q(query, &[]).expect("an answer").stats().rows_read;
    let tags = read("[:find ?e ?t :where [?e :person/tag ?t]]");
    let query = "[:find ?t ?e ?a :where [?e :person/tag ?t] [(get-else $ ?e :person/age 0) ?a]]";
    assert_eq!((tags, read(query)), (3, 5));
}
