//! What answers must not depend on: the order of clauses, the passes, the way a value came.

use super::{db, people, shown};
use crate::db::Db;
use crate::query::{Input, Passes, Query, QueryOptions};

/// The answer, which must be the same for every order of the clauses, with and without the passes.
fn in_every_order(db: &Db, head: &str, clauses: &[&str], tail: &str, inputs: &[&str]) -> String {
    let mut all = vec![Input::from(db)];
    all.extend(inputs.iter().map(|i| Input::text(i).expect("an input")));
    let off = Passes {
        push_bounds: false,
        order_clauses: false,
        find_closures: false,
    };
    let mut first: Option<String> = None;
    for order in permutations(clauses.len()) {
        let body: Vec<&str> = order.iter().map(|i| clauses[*i]).collect();
        let text = format!("[{head} :where {} {tail}]", body.join(" "));
        for passes in [Passes::default(), off] {
            let options = QueryOptions {
                passes,
                ..QueryOptions::default()
            };
            let query = Query::parse(&text).unwrap_or_else(|e| panic!("{e}"));
            let reply = match query.run_with(&all, &options).and_then(|a| a.to_edn()) {
                Ok(form) => form.to_string(),
                Err(e) => format!("{:?}: {}", e.code(), e.message()),
            };
            let expected = first.get_or_insert_with(|| reply.clone());
            assert_eq!(*expected, reply, "{text} with {passes:?}");
        }
    }
    first.expect("there is an order")
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let mut out = Vec::new();
    for shorter in permutations(last) {
        for at in 0..=last {
            let mut longer = shorter.clone();
            longer.insert(at, last);
            out.push(longer);
        }
    }
    out
}

#[test]
fn nested_queries_are_given_values_as_they_are() {
    let db = db(&[
        r#"[{:db/ident :m/pair :db/valueType :db.type/tuple :db/tupleTypes [:db.type/long :db.type/string] :db/cardinality :db.cardinality/one}
            {:db/ident :m/key :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}
            {:db/ident :m/float :db/valueType :db.type/float :db/cardinality :db.cardinality/one}
            {:db/ident :m/next :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
            {:db/ident :c/red}]"#,
        r#"[{:db/id "a" :m/pair [1 nil] :m/key :c/red :m/float 0.5 :m/next :c/red}
            {:db/id "b" :m/pair [2 "x"] :m/float 1.5}]"#,
    ]);
    let q = "[:find ?t :where [_ :m/pair ?t] [(q [:find ?e . :in $ ?p :where [?e :m/pair ?p]] $ ?t) ?e]]";
    assert_eq!(shown(&db, q, &[]), r#"#{[[1 nil]] [[2 "x"]]}"#);
    let q = "[:find ?n :where [_ :m/float ?f] [(q [:find (count ?e) . :in $ ?p :where [?e :m/float ?p]] $ ?f) ?n]]";
    assert_eq!(shown(&db, q, &[]), "#{[1]}");
    // The keyword of a value is no ident of an entity.
    let q = "[:find ?x :where [_ :m/key ?k] [(q [:find ?e . :in $ ?p :where [?e :m/next ?p]] $ ?k) ?x]]";
    assert_eq!(shown(&db, q, &[]), "#{}");
    let q = "[:find ?x :where [?c :db/ident :c/red] [(q [:find ?k . :in $ ?p :where [?e :m/next ?p] [?e :m/key ?k]] $ ?c) ?x]]";
    assert_eq!(shown(&db, q, &[]), "#{[:c/red]}");
    // A collection stays what it is, too.
    let q = "[:find ?k :in $ $b :where [_ :m/key ?k] [(q [:find ?x . :in $b ?p :where [$b ?p ?x]] $b ?k) 7]]";
    assert!(shown(&db, q, &["[[:c/red 7]]"]).contains("7"));
}

#[test]
fn clauses_guard_functions_wherever_they_stand() {
    let db = db(&[
        r#"[{:db/ident :x/n :db/valueType :db.type/long :db/cardinality :db.cardinality/many}
            {:db/ident :x/d :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
            {:db/ident :x/s :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]"#,
        r#"[{:db/id "a" :x/n [0 2] :x/s "two"} {:db/id "b" :x/n [4] :x/s "four"} {:db/id "c" :x/d 0 :x/s "c"}]"#,
    ]);
    let ask = |clauses: &[&str]| in_every_order(&db, ":find ?x", clauses, ":allow-scan true", &[]);
    assert_eq!(ask(&["[_ :x/n ?n]", "[(/ 8 ?n) ?x]", "[(< 1 ?n)]"]), "#{[2] [4]}");
    assert_eq!(ask(&["[_ :x/n ?n]", "[(/ 8 ?n) ?x]", "[(pos? ?n)]"]), "#{[2] [4]}");
    assert!(
        ask(&["[_ :x/n ?n]", "[(/ 8 ?n) ?x]"]).contains("DivideByZero")
            || !ask(&["[_ :x/n ?n]", "[(/ 8 ?n) ?x]"]).starts_with('#')
    );
    // The value of any attribute: a text is no number, but only numbers are asked for.
    assert_eq!(
        ask(&["[?e :x/d ?v]", "[(inc ?v) ?x]", "[?o ?a ?v]", "[?o :x/n ?v]"]),
        "#{[1]}"
    );
    assert_eq!(ask(&["[?e ?a ?v]", "[(inc ?v) ?x]", "[_ :x/d ?v]"]), "#{[1]}");
    // In a negation, a disjunction, a rule, a nested query.
    assert_eq!(
        ask(&["[_ :x/n ?x]", "(not [(/ 8 ?x) ?y] [(< ?y 3)])", "[(< 0 ?x)]"]),
        "#{[2]}"
    );
    assert_eq!(
        ask(&["[_ :x/n ?n]", "(or [(/ 8 ?n) ?x] [(/ 4 ?n) ?x])", "[(!= ?n 0)]"]),
        "#{[1] [2] [4]}"
    );
    assert_eq!(
        ask(&[
            "[_ :x/n ?n]",
            "[(q [:find ?y . :in ?m :where [(/ 8 ?m) ?y]] ?n) ?x]",
            "[(!= ?n 0)]"
        ]),
        "#{[2] [4]}"
    );
    let rules = "[[(part ?n ?x) [(/ 8 ?n) ?x]] [(down ?n ?x) [(identity ?n) ?x]] [(down ?n ?x) [(quot 8 ?n) ?m] [(> ?m 3)] (down ?m ?x)]]";
    let ask = |clauses: &[&str]| in_every_order(&db, ":find ?x :in $ %", clauses, "", &[rules]);
    assert_eq!(ask(&["[_ :x/n ?n]", "(part ?n ?x)", "[(!= ?n 0)]"]), "#{[2] [4]}");
    assert_eq!(ask(&["[_ :x/n ?n]", "(down ?n ?x)", "[(!= ?n 0)]"]), "#{[2] [4]}");
    // What a function would have given decides nothing when it fails: the row counts.
    assert!(!ask(&["[_ :x/n ?n]", "[(/ 8 ?n) ?x]", "[(< ?x 0)]"]).starts_with('#'));
}

#[test]
fn numbers_are_entities_where_a_clause_uses_them_so() {
    let db = people();
    let e = shown(&db, "[:find ?e . :where [?e :person/name \"Ada\"]]", &[]);
    // Among values of other types an entity is shown, and sorted, as its number.
    let rows = format!("[[{e} \"x\"]]");
    let ask = |clauses: &[&str]| in_every_order(&db, ":find ?y :in $ $b", clauses, "", &[&rows]);
    let vector = "[(vector ?e \"a\") [?y ...]]";
    assert_eq!(ask(&["[$b ?e ?s]", vector]), format!("#{{[{e}] [\"a\"]}}"));
    assert_eq!(
        ask(&["[$b ?e ?s]", vector, "[?e :person/age 36]"]),
        format!("#{{[{e}] [\"a\"]}}")
    );
    assert_eq!(
        ask(&["[$b ?e ?s]", vector, "(not [?e :person/age 20])"]),
        format!("#{{[{e}] [\"a\"]}}")
    );
    assert_eq!(
        ask(&["[$b ?e ?s]", vector, "(or [?e :person/age 36] [_ :person/boss ?e])"]),
        format!("#{{[{e}] [\"a\"]}}")
    );
    assert_eq!(
        ask(&["[$b ?e ?s]", vector, "[(missing? $ ?e :person/boss)]"]),
        format!("#{{[{e}] [\"a\"]}}")
    );
    // A variable inside a not-join is another one, though the name be the same.
    assert_eq!(
        ask(&["[$b ?e ?s]", vector, "(not-join [?s] [?e :person/name ?s])"]),
        format!("#{{[{e}] [\"a\"]}}")
    );
}

#[test]
fn an_entity_and_its_number_are_found_by_each_other() {
    let db = people();
    let e = shown(&db, "[:find ?e . :where [?e :person/name \"Ada\"]]", &[]);
    let tx = format!("[{{:person/name \"Dee\" :person/age {e} :person/boss {e}}}]");
    let db = db.with(&*tx).expect("a speculation").db_after;
    for clauses in [
        &[
            "[?b :person/boss ?v]",
            "[?d ?a ?v]",
            "[?d :person/name \"Dee\"]",
            "[?a :db/ident ?x]",
        ][..],
        &[
            "[?v :person/name \"Ada\"]",
            "[?d ?a ?v]",
            "[?d :person/name \"Dee\"]",
            "[?a :db/ident ?x]",
        ],
    ] {
        let found = in_every_order(&db, ":find ?x", clauses, "", &[]);
        assert_eq!(found, "#{[:person/age] [:person/boss]}");
    }
}

#[test]
fn a_variable_twice_in_a_pattern_is_one_value() {
    let db = db(&[
        super::PEOPLE,
        "[{:db/id \"a\" :person/name \"A\" :person/boss \"a\" :person/knows [\"a\" \"b\"]} {:db/id \"b\" :person/name \"B\" :person/boss \"a\" :person/knows [\"a\"]}]",
    ]);
    let ids = "[[:person/name \"A\"] [:person/name \"B\"]]";
    assert_eq!(
        shown(
            &db,
            "[:find ?n ?i :in $ [?e ...] :where [?e ?a ?e] [?a :db/ident ?i] [?e :person/name ?n]]",
            &[ids]
        ),
        "#{[\"A\" :person/boss] [\"A\" :person/knows]}"
    );
    assert_eq!(
        shown(
            &db,
            "[:find [?n ...] :in $ [?e ...] :where [?e :person/knows ?e] [?e :person/name ?n]]",
            &[ids]
        ),
        "[\"A\"]"
    );
}

#[test]
fn clauses_around_an_or_guard_functions_in_its_branches() {
    let db = db(&[
        r#"[{:db/ident :x/n :db/valueType :db.type/long :db/cardinality :db.cardinality/many}
            {:db/ident :x/m :db/valueType :db.type/long :db/cardinality :db.cardinality/many}
            {:db/ident :x/d :db/valueType :db.type/long :db/cardinality :db.cardinality/many}]"#,
        r#"[{:x/n [0 2] :x/m [2 5] :x/d [0 3]}]"#,
    ]);
    let ask = |clauses: &[&str]| in_every_order(&db, ":find ?n ?x ?y", clauses, "", &[]);
    let by_n = "(or-join [?n ?x] (and [_ :x/n ?n] [(quot 8 ?n) ?x]))";
    // Each may fail, and each binds ?n: whichever runs first, the other keeps 0 out.
    let by_m = "(or-join [?n ?y] (and [_ :x/m ?n] [(quot 9 ?n) ?y]))";
    assert_eq!(ask(&[by_n, by_m]), "#{[2 4 4]}");
    let deep = "(or-join [?n ?y] (and [_ :x/m ?n] (or-join [?n ?y] (and [_ :x/n ?n] [(quot 9 ?n) ?y]))))";
    assert_eq!(ask(&[by_n, deep]), "#{[2 4 4]}");
    let by_both = "(or-join [?n ?y] (and [_ :x/m ?n] [(quot 9 ?n) ?y]) (and [_ :x/d ?n] [(pos? ?n)] [(quot 6 ?n) ?y]))";
    assert_eq!(ask(&[by_n, by_both]), "#{[2 4 4]}");
    // Where nothing keeps it out, it fails in every order.
    let by_d = "(or-join [?n ?y] (and [_ :x/d ?n] [(quot 8 ?n) ?y]))";
    assert!(ask(&[by_n, by_d]).contains("DivideByZero"));
    assert!(ask(&[by_n, "(or-join [?n ?y] (and [_ :x/d ?n] [(+ 9 ?n) ?y]))"]).contains("DivideByZero"));
    assert_eq!(
        ask(&[by_n, "(or-join [?n ?y] (and [_ :x/m ?n] [(+ 9 ?n) ?y]))"]),
        "#{[2 4 11]}"
    );
}

#[test]
fn a_variable_bound_twice_by_one_form_is_equal_as_joins_are() {
    let db = people();
    let e = shown(&db, "[:find ?e . :where [?e :person/name \"Cyd\"]]", &[]);
    // An entity and its number are one, on whichever side the entity stands; other values of two types are not.
    for tuple in ["(tuple ?e ?n)", "(tuple ?n ?e)"] {
        let body = [
            &format!("[{tuple} [?x ?x]]"),
            "[?e :person/name \"Cyd\"]",
            "[?x :person/age ?age]",
        ];
        let found = in_every_order(&db, ":find ?x ?age :in $ ?n", &body, "", &[&e]);
        assert_eq!(found, format!("#{{[{e} 20]}}"));
    }
    let found = |pair: &str| in_every_order(&db, ":find ?x :in $ ?pair", &["[(untuple ?pair) [?x ?x]]"], "", &[pair]);
    assert_eq!(found("[1 1]"), "#{[1]}");
    assert_eq!(found("[1 1.0]"), "#{}");
    assert_eq!(shown(&db, "[:find ?x :in $ [?x ?x]]", &["[:k :k]"]), "#{[:k]}");
}
