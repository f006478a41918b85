//! What the conformance cases leave open.

use super::{ask, db, people, shown};
use crate::error::Code;
use crate::query::{Budget, CancelToken, Input, Query, QueryOptions};

#[test]
fn order_limit_and_offset() {
    let db = people();
    let q = "[:find ?n ?a :where [?e :person/name ?n] [?e :person/age ?a] :order-by [[?a :desc] ?n]]";
    assert_eq!(
        shown(&db, q, &[]),
        r#"[["Ada" 36] ["Bea, who has a long name" 20] ["Cyd" 20]]"#
    );
    let q = "[:find [?n ...] :where [_ :person/name ?n] :order-by [?n :desc] :limit 1 :offset 1]";
    assert_eq!(shown(&db, q, &[]), r#"["Bea, who has a long name"]"#);
    let q = "[:find ?n . :where [_ :person/name ?n] :order-by [?n :desc]]";
    assert_eq!(shown(&db, q, &[]), r#""Cyd""#);
    let q = "[:find ?t (count ?e) :where [?e :person/tag ?t] :order-by [[(count ?e) :desc]] :limit 1]";
    assert_eq!(shown(&db, q, &[]), "[[:code 2]]");
}

#[test]
fn answers_are_sorted_by_value() {
    let db = people();
    let q = "[:find ?n :where [_ :person/name ?n]]";
    assert_eq!(shown(&db, q, &[]), r#"#{["Ada"] ["Bea, who has a long name"] ["Cyd"]}"#);
    let q = "[:find ?x :in $ [?x ...]]";
    assert_eq!(
        shown(&db, q, &["[:b 2 \"a\" 1 [3 4 5] #{1} \\a]"]),
        "#{[1] [2] [:b] [\"a\"] [[3 4 5]] [\\a] [#{1}]}"
    );
    // Vectors by their elements, whatever their length: those that a fact could hold, and those that none could.
    let vectors = "[[2] [1 2 3 4 5 6 7 8 9] [1 2] [1 [0]] [3 4] [] [1 1] [1 nil] [1 2 #{}]]";
    assert_eq!(
        shown(&db, q, &[vectors]),
        "#{[[]] [[1 nil]] [[1 1]] [[1 2]] [[1 2 3 4 5 6 7 8 9]] [[1 2 #{}]] [[1 [0]]] [[2]] [[3 4]]}"
    );
    let least = "[:find [?x] :in $ [?x ...]]";
    assert_eq!(shown(&db, least, &["[[100 200] [7]]"]), "[[7]]");
}

#[test]
fn time_in_the_query_text() {
    let db = db(&[
        super::PEOPLE,
        r#"[{:person/name "Ada" :person/age 36}]"#,
        r#"[{:person/name "Ada" :person/age 37}]"#,
    ]);
    let ages = |time: &str| shown(&db, &format!("[:find [?a ...] :where [_ :person/age ?a] {time}]"), &[]);
    assert_eq!(ages(""), "[37]");
    assert_eq!(ages(":as-of 2"), "[36]");
    assert_eq!(ages(":since 2"), "[37]");
    assert_eq!(ages(":history true"), "[36 37]");
    assert_eq!(ages(":as-of 2 :history true"), "[36]");
    assert!(ages(":as-of 12").contains("lies in the future"));
}

#[test]
fn whole_scans_only_when_asked_for() {
    let db = people();
    let e = ask(&db, "[:find ?e ?a ?v :where [?e ?a ?v]]", &[]).expect_err("refused");
    assert_eq!(e.code(), Code::InsufficientBinding);
    let n = ask(
        &db,
        "[:find (count ?e) . :with ?a ?v :where [?e ?a ?v] :allow-scan true]",
        &[],
    )
    .expect("allowed");
    assert!(n.longs(0).is_none(), "an aggregate's column is not one of words");
    assert!(
        shown(
            &db,
            "[:find ?a . :where [?e :person/name \"Ada\"] [?e ?x 36] [?x :db/ident ?a]]",
            &[]
        )
        .contains(":person/age")
    );
    assert_eq!(
        shown(&db, "[:find [?n ...] :where [?e _ \"Cyd\"] [?e :person/name ?n]]", &[]),
        r#"["Cyd"]"#
    );
}

#[test]
fn values_of_nested_queries_keep_their_types() {
    let db = db(&[
        "[{:db/ident :m/x :db/valueType :db.type/float :db/cardinality :db.cardinality/one}]",
        "[[:db/add \"a\" :m/x 0.5]]",
    ]);
    let q = "[:find [?v ...] :where [?e :m/x ?v] [(q [:find [?w ...] :in $ ?e :where [?e :m/x ?w]] $ ?e) [?v ...]]]";
    assert_eq!(shown(&db, q, &[]), "[0.5]");
}

#[test]
fn an_entitys_number_is_found_as_a_reference_in_any_order_of_clauses() {
    let db = people();
    let ada = shown(&db, "[:find ?e . :where [?e :person/name \"Ada\"]]", &[]);
    for clauses in ["[$rows ?x] [?e ?a ?x]", "[?e ?a ?x] [$rows ?x]"] {
        let q = format!("[:find (count ?e) . :in $ $rows :where {clauses} [?e :person/name _]]");
        assert_eq!(shown(&db, &q, &[&format!("[[{ada}]]")]), "2", "{clauses}");
    }
}

#[test]
fn an_output_of_another_type_than_what_is_bound_gives_no_rows() {
    let db = people();
    let q = "[:find ?a :where [?e :person/name _] [(ground 1) ?v] [(get-some $ ?e :person/name) [?a ?v]]]";
    assert_eq!(shown(&db, q, &[]), "#{}");
    let q = "[:find ?a :where [?e :person/name ?n] [(ground 1) ?v] [(vector ?e ?n) [?a ?v]]]";
    assert_eq!(shown(&db, q, &[]), "#{}");
}

#[test]
fn nested_queries() {
    let db = people();
    let q = "[:find ?n :where [(q [:find (max ?a) . :where [_ :person/age ?a]] $) ?oldest]
              [?e :person/age ?oldest] [?e :person/name ?n]]";
    assert_eq!(shown(&db, q, &[]), r#"#{["Ada"]}"#);
    let q = "[:find ?n ?k :where [?e :person/name ?n]
              [(q [:find (count ?o) . :in $ ?e :where [?o :person/boss ?e]] $ ?e) ?k]]";
    assert_eq!(shown(&db, q, &[]), r#"#{["Ada" 1] ["Bea, who has a long name" 1]}"#);
}

#[test]
fn databases_with_other_dictionaries_join_by_value() {
    let (one, two) = (people(), people());
    let q = Query::parse(
        "[:find ?n ?a :in $ $other :where [?e :person/name ?n] [$other ?o :person/name ?n] [$other ?o :person/age ?a]]",
    )
    .expect("a query");
    let answer = q.run(&[Input::from(&one), Input::from(&two)]).expect("an answer");
    assert_eq!(answer.len(), 3);
    let later = one
        .with(crate::edn::read(r#"{:person/name "Dan has a long name, too" :person/age 5}"#).expect("data"))
        .expect("with");
    let answer = q
        .run(&[Input::from(&later.db_after), Input::from(&later.db_after)])
        .expect("an answer");
    assert_eq!(answer.len(), 4);
    let answer = q
        .run(&[Input::from(&one), Input::from(&later.db_after)])
        .expect("an answer");
    assert_eq!(answer.len(), 3);
}

#[test]
fn budgets_end_queries() {
    let db = people();
    let run = |query: &str, rules: &str, budget: Budget| {
        let inputs = [Input::from(&db), Input::text(rules).expect("rules")];
        let options = QueryOptions {
            budget,
            ..QueryOptions::default()
        };
        Query::parse(query)
            .expect("a query")
            .run_with(&inputs, &options)
            .map(|a| a.len())
    };
    let count = "[[(up ?x ?y) [(ground 0) ?x] [(ground 0) ?y]] [(up ?x ?y) (up ?x ?z) [(inc ?z) ?y]]]";
    let query = "[:find ?y :in $ % :where (up ?x ?y)]";
    let few = Budget {
        rows_max: 1000,
        ..Budget::default()
    };
    assert_eq!(run(query, count, few).expect_err("endless").code(), Code::QueryLimit);
    let short = Budget {
        timeout: Some(std::time::Duration::from_millis(20)),
        ..Budget::default()
    };
    assert_eq!(
        run(query, count, short).expect_err("endless").code(),
        Code::QueryTimeout
    );
    let token = CancelToken::new();
    token.cancel();
    let cancelled = Budget {
        cancel: Some(token),
        ..Budget::default()
    };
    assert_eq!(
        run(query, count, cancelled).expect_err("endless").code(),
        Code::QueryCancelled
    );
}

#[test]
fn long_chains_and_deep_nesting_leave_the_stack_alone() {
    let chain: Vec<String> = (0..5_000).map(|i| format!("[{i} {}]", i + 1)).collect();
    let edges = format!("[{}]", chain.join(" "));
    let rules = "[[(path ?a ?b) [?a ?b]] [(path ?a ?b) [?a ?c] (path ?c ?b)]]";
    let inputs = [Input::text(&edges).expect("edges"), Input::text(rules).expect("rules")];
    let q = Query::parse("[:find (count ?y) . :in $ % :where (path 0 ?y)]").expect("a query");
    assert_eq!(
        q.run(&inputs).and_then(|a| a.to_edn()).expect("an answer").to_string(),
        "5000"
    );
    let db = people();
    let deep = format!(
        "[:find ?e :where [?e :person/age _] {}[?e :person/age 1]{}]",
        "(not ".repeat(91),
        ")".repeat(91)
    );
    assert_eq!(shown(&db, &deep, &[]).matches('[').count(), 3);
    let deeper = format!(
        "[:find ?e :where [?e :person/age _] {}[?e :person/age 1]{}]",
        "(not ".repeat(500),
        ")".repeat(500)
    );
    assert!(shown(&db, &deeper, &[]).contains("nested"));
    let rules: Vec<String> = (0..150).map(|i| format!("[(r{i} ?x) (r{} ?x)]", i + 1)).collect();
    let rules = format!("[{} [(r150 ?x) [?x :person/age 20]]]", rules.join(" "));
    assert_eq!(
        shown(&db, "[:find (count ?x) . :in $ % :where (r0 ?x)]", &[&rules]),
        "2"
    );
}

#[test]
fn plans_read_well() {
    let db = people();
    let q = Query::parse(
        "[:find ?n (count ?o) :in $ % ?min
          :where [?e :person/name ?n] (above ?e ?o) [?o :person/age ?a] [(>= ?a ?min)] (not [?o :person/tag :math])]",
    )
    .expect("a query");
    let rules = "[[(above ?x ?y) [?y :person/boss ?x]] [(above ?x ?y) [?z :person/boss ?x] (above ?z ?y)]]";
    let inputs = [Input::from(&db), Input::text(rules).expect("rules"), Input::from(20)];
    let plan = crate::testing::plan(&db, &q, &inputs).expect("a plan");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/query");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("plan", plan));
    let analyzed = q.explain_analyze(&inputs).expect("a plan");
    assert!(
        analyzed.lines().filter(|l| l.contains(", was ")).count() >= 4,
        "{analyzed}"
    );
}

#[test]
fn rows_as_rust_values() {
    #[derive(serde::Deserialize, PartialEq, Debug)]
    struct Person {
        name: String,
        age: i64,
    }
    let db = people();
    let q = "[:find ?n ?a :where [?e :person/name ?n] [?e :person/age ?a] [(> ?a 30)]]";
    assert_eq!(
        db.q_as::<(String, i64)>(q, &[]).expect("rows"),
        [("Ada".to_string(), 36)]
    );
    let q = "[:find ?n ?a :keys name age :in $ ?min :where [?e :person/name ?n] [?e :person/age ?a] [(> ?a ?min)]]";
    let ada = Person {
        name: "Ada".into(),
        age: 36,
    };
    assert_eq!(db.q_as::<Person>(q, &[30.into()]).expect("rows"), [ada]);
    assert_eq!(
        db.q_as::<i64>("[:find [?a ...] :where [_ :person/age ?a]]", &[])
            .expect("rows"),
        [20, 36]
    );
}

/// As in clauses, functions in `:having` take an entity as its number.
#[test]
fn having_takes_entities_as_numbers() {
    let db = people();
    let found = shown(
        &db,
        "[:find ?n ?e :where [?e :person/name ?n] :having [(odd? ?e)]]",
        &[],
    );
    let clause = shown(&db, "[:find ?n ?e :where [?e :person/name ?n] [(odd? ?e)]]", &[]);
    assert_eq!(found, clause);
}
