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

#[test]
fn closures_over_numbers_give_numbers_whatever_the_search() {
    // So many edges that single nodes are read.
    let mut edges: Vec<String> = (0..1500)
        .map(|i| format!("{{:e/from {} :e/to {}}}", 10_000 + 2 * i, 10_001 + 2 * i))
        .collect();
    edges.extend([(1, 2), (2, 3), (3, 4), (4, 2)].map(|(a, b)| format!("{{:e/from {a} :e/to {b}}}")));
    let db = db(&[
        "[{:db/ident :e/from :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/index true}
          {:db/ident :e/to :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]",
        &format!("[{}]", edges.join(" ")),
    ]);
    let rules =
        "[[(path ?x ?y) [?e :e/from ?x] [?e :e/to ?y]] [(path ?x ?y) [?e :e/from ?x] [?e :e/to ?z] (path ?z ?y)]]";
    for clauses in ["(path 1 ?y)", "(path ?x ?y) [(= ?x 1)]"] {
        let found = |find: &str| shown(&db, &format!("[:find {find} :in $ % :where {clauses}]"), &[rules]);
        assert_eq!(found("(median ?y) ."), "3.0", "{clauses}");
        assert_eq!(found("(sum ?y) ."), "9", "{clauses}");
    }
    // The search begins at entities of these numbers, and comes back to one.
    let q = "[:find (sum ?y) . :in $ % [[?k ?x]] :where [?x :db/ident ?i] (path ?k ?y)]";
    assert_eq!(shown(&db, q, &[rules, "[[2 2] [3 3] [4 4]]"]), "9");
}

#[test]
fn a_rule_that_cannot_run_leaves_no_plan_that_calls_it() {
    let db = db(&[
        "[{:db/ident :k :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
          {:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
          {:db/ident :p :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}]",
        "[{:db/id \"a\" :k 10 :n 1 :p \"b\"} {:db/id \"b\" :k 20 :n 2}]",
    ]);
    // Where ?y is not known, the second rule for a cannot run.
    let rules = "[[(a ?x ?y) (b ?x ?y)] [(a ?x ?y) [?x :k ?z] [(< ?y ?z)]]
                  [(b ?x ?y) [?x :n ?y]] [(b ?x ?y) [?x :p ?m] (a ?m ?y)]]";
    let ask = |clauses: &str| {
        let q = format!("[:find ?k ?y :in $ % :where [?x :k ?k] {clauses}]");
        shown(&db, &q, &[rules])
    };
    assert_eq!(ask("(b ?x ?y) [_ :n ?y]"), "#{[10 1] [10 2] [20 2]}");
    let refused = ask("(a ?x ?y) (b ?x ?y)");
    assert!(
        refused.contains("?y is needed by (< ...), but no clause binds it"),
        "{refused}"
    );
}

#[test]
fn constants_of_a_collection_pattern_match_as_variables_do() {
    let db = people();
    let e = shown(&db, "[:find ?e . :where [?e :person/name \"Ada\"]]", &[]);
    let rows = "[(q [:find ?e ?n :where [?e :person/name ?n]] $) ?rows]";
    for (given, form) in [(":in $r :where", e.as_str()), (":in $r ?id :where", "?id")] {
        let id = if form == "?id" { e.as_str() } else { "" };
        let q = format!("[:find ?n . :where {rows} [(q [:find ?y . {given} [$r {form} ?y]] ?rows {id}) ?n]]");
        assert_eq!(shown(&db, &q, &[]), "\"Ada\"", "{q}");
    }
    // Each set of constants has its own tuples, joined or not.
    let tuples = "[[1 :a 10] [2 :a 20] [2 :b 30] [3 :b 36] [1.0 :a 40]]";
    let ask = |clauses: &[&str]| in_every_order(&db, ":find ?v ?w :in $ $r", clauses, "", &[tuples]);
    assert_eq!(ask(&["[$r 1 :a ?v]", "[$r 2 ?k ?w]", "[$r _ ?k ?v]"]), "#{[10 20]}");
    assert_eq!(
        ask(&["[$r 3 _ ?v]", "[_ :person/age ?w]", "[(<= ?v ?w)]"]),
        "#{[36 36]}"
    );
    assert_eq!(ask(&["[$r 9 _ ?v]", "[$r _ _ ?w]"]), "#{}");
}

#[test]
fn an_ident_or_lookup_ref_reaches_the_last_of_many_rules() {
    let db = people();
    let chain: Vec<String> = (0..40).map(|i| format!("[(r{i} ?x) (r{} ?x)]", i + 1)).collect();
    let last = "[(r40 ?x) [?x :person/name]]".to_string();
    let (mut down, mut up) = (chain.clone(), chain);
    down.push(last.clone());
    up.push(last);
    up.reverse();
    for rules in [down, up] {
        let rules = format!("[{}]", rules.join(" "));
        let q = "[:find ?n . :in $ % ?x :where (r0 ?x) [?x :person/name ?n]]";
        assert_eq!(shown(&db, q, &[&rules, "[:person/name \"Ada\"]"]), "\"Ada\"");
        let q = "[:find (count ?x) . :in $ % ?x :where (r0 ?x)]";
        assert_eq!(shown(&db, q, &[&rules, "[:person/name \"Ada\"]"]), "1");
    }
}

#[test]
fn numbers_of_all_types_have_one_order() {
    let db = db(&[
        "[{:db/ident :d :db/valueType :db.type/double :db/cardinality :db.cardinality/one :db/index true}]",
        "[{:d 9.223372036854775E18} {:d 0.1} {:d 1e23}]",
    ]);
    // In an index, and as values.
    for (constant, found) in [
        ("9223372036854774784", "[9.223372036854775e18]"),
        ("9223372036854774784N", "[9.223372036854775e18]"),
        ("9223372036854774784M", "[9.223372036854775e18]"),
        ("9223372036854775000N", "[]"),
        ("99999999999999991611392N", "[1e23]"),
        ("0.1M", "[0.1]"),
    ] {
        let test = format!("[(= ?c {constant})]");
        let direct = in_every_order(
            &db,
            ":find [?d ...]",
            &["[_ :d ?d]", "[(identity ?d) ?c]", &test],
            "",
            &[],
        );
        assert_eq!(direct, found, "{constant}");
        let pushed = test.replace("?c", "?d");
        assert_eq!(
            in_every_order(&db, ":find [?d ...]", &["[_ :d ?d]", &pushed], "", &[]),
            found
        );
    }
}
