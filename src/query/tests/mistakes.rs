//! Every mistake a query can hold, as its author would read about it. The same on an empty database and on a full one.

use super::{PEOPLE, ask, db, people};
use crate::edn::Edn;
use crate::error::Code;
use crate::query::{Input, Query};
use crate::testing;

const MISTAKES: &[(&str, &[&str])] = &[
    // shape
    ("[:where [?e :person/name]]", &[]),
    ("[:find :where [?e :person/name]]", &[]),
    ("{:find [?e] :were [[?e :person/name]]}", &[]),
    ("[:find ?e :find ?e :where [?e :person/name]]", &[]),
    ("[?e :find]", &[]),
    ("[:find ?e :where ?e]", &[]),
    ("[:find ?e :where []]", &[]),
    ("[:find ?e :where [?e :person/name \"A\" 1 true 2]]", &[]),
    ("[:find ?e :where [?e :person/name nil]]", &[]),
    ("[:find ?e :where [(not [?e :person/name])]]", &[]),
    ("[:find [?e ... :where [?e :person/name]]", &[]),
    // find
    ("[:find ?nmae :where [?e :person/name ?name]]", &[]),
    ("[:find ?e (count ?e) :with ?e :where [?e :person/name]]", &[]),
    ("[:find (mean ?a) :where [?e :person/age ?a]]", &[]),
    ("[:find (cuont ?a) :where [?e :person/age ?a]]", &[]),
    ("[:find (max 0 ?a) :where [?e :person/age ?a]]", &[]),
    ("[:find (sample ?a) :where [?e :person/age ?a]]", &[]),
    ("[:find ?e ?a :keys e :where [?e :person/age ?a]]", &[]),
    ("[:find ?e . :keys e :where [?e :person/age]]", &[]),
    ("[:find (pull ?e [:person/nmae]) :where [?e :person/age]]", &[]),
    ("[:find (pull ?e pattern) :where [?e :person/age]]", &[]),
    ("[:find ?e :where [?e :person/age ?a] :order-by ?a]", &[]),
    ("[:find ?e :where [?e :person/age] :limit -1]", &[]),
    (
        "[:find ?e :where [?e :person/age ?a] :having [(< #ints \"2020\" ?e)]]",
        &[],
    ),
    // inputs
    ("[:find ?e :in $ ?a :where [?e :person/age ?a]]", &[]),
    ("[:find ?e :where [?e :person/age]]", &["1"]),
    ("[:find ?e :in $ ?a :where [?e :person/age ?a]]", &["nil"]),
    (
        "[:find ?e :in $ [?a ?b] :where [?e :person/age ?a] [?e :person/age ?b]]",
        &["[1]"],
    ),
    ("[:find ?e :in $ [?a ...] :where [?e :person/age ?a]]", &["7"]),
    ("[:find ?e :in $ [] :where [?e :person/age ?e]]", &["7"]),
    // attributes and constants
    ("[:find ?e :where [?e :person/nmae]]", &[]),
    ("[:find ?e :where [?e :person/_boss ?x]]", &[]),
    ("[:find ?e :where [?e :person/age \"old\"]]", &[]),
    ("[:find ?e :where [?e :person/boss :person/nobody]]", &[]),
    ("[:find ?a :where [[:person/age 3] :person/age ?a]]", &[]),
    ("[:find ?a :where [\"Ada\" :person/age ?a]]", &[]),
    ("[:find ?a :where [?e :person/age ?a _ 1]]", &[]),
    ("[:find ?e :where [$old ?e :person/age]]", &[]),
    // functions
    ("[:find ?u :where [?e :person/name ?n] [(uper-case ?n) ?u]]", &[]),
    ("[:find ?u :where [?e :person/name ?n] [(subs ?n) ?u]]", &[]),
    ("[:find ?n :where [?e :person/name ?n] [(< ?x 5)]]", &[]),
    ("[:find ?y :where [?e :person/name ?n] [(count ?m) ?y]]", &[]),
    ("[:find ?n :where [?e :person/name ?n] [(inc ?n) ?m]]", &[]),
    ("[:find ?n :where [?e :person/name ?n] [(ground 1)]]", &[]),
    // arguments of types that are never taken
    ("[:find ?x :where [(subs 5 1) ?x]]", &[]),
    ("[:find ?y :where [(+ \"1\" 1) ?y]]", &[]),
    ("[:find ?x :where [?e :person/name] [(subs ?e 1) ?x]]", &[]),
    ("[:find ?x :where [?e :person/tag ?t] [(upper-case ?t) ?x]]", &[]),
    (
        "[:find ?m :where [?e :person/age ?a] [(str ?a) ?t] [(month ?t) ?m]]",
        &[],
    ),
    (
        "[:find ?n :where [?e :person/name ?n] [(count ?n) ?c] [(starts-with? ?c \"A\")]]",
        &[],
    ),
    ("[:find ?e :where [?e :person/age ?a] (not [(blank? ?a)])]", &[]),
    ("[:find ?x :in $ ?x :where [(string? ?x)] [(even? ?x)]]", &["1"]),
    ("[:find ?n :where [?e :person/name ?n] [(< ?n 3)]]", &[]),
    ("[:find ?e :where [?e :person/age ?a] [(<= \"18\" ?a)]]", &[]),
    ("[:find ?e :where [?e :person/age ?a] [(= ?a :old)]]", &[]),
    ("[:find ?e :where [?e :person/age] [(< 1 \"2\")]]", &[]),
    (
        "[:find ?m :where [?e :person/name ?n] [?e :person/age ?a] [(max ?n ?a) ?m]]",
        &[],
    ),
    ("[:find ?e :where [?e :person/boss ?b] [(= ?b :person/ada)]]", &[]),
    ("[:find ?e :where [?e :db/txInstant ?i] [(< ?i 2024)]]", &[]),
    ("[:find ?e :where [?e :person/name ?n] [(re-find \"A[\" ?n)]]", &[]),
    ("[:find ?d :where [?e :db/txInstant ?i] [(truncate ?i :dya) ?d]]", &[]),
    (
        "[:find (count ?e) :where [?e :person/age] :having [(< \"2\" (count ?e))]]",
        &[],
    ),
    ("[:find ?n :where [?e :person/name ?n] :having [(odd? ?n)]]", &[]),
    ("[:find (sum ?n) :where [?e :person/name ?n]]", &[]),
    ("[:find (pull ?n [*]) :where [?e :person/name ?n]]", &[]),
    ("[:find ?x :where [?e :person/name ?n] [(tx-data $ ?n) [[?x]]]]", &[]),
    (
        "[:find ?x :where [?e :person/age ?a] [(q [:find ?e :in $ % :where (r ?e)] $ ?a) [[?x]]]]",
        &[],
    ),
    (
        "[:find ?x :where [?e :person/age ?a] [(q [:find ?y :in [?y ...]] ?a) [[?x]]]]",
        &[],
    ),
    ("[:find ?n :where [?e :person/name ?n] [(< (count ?n) 3)]]", &[]),
    (
        "[:find ?e :in $ % :where (short ?e)]",
        &["[[(short ?e) [?e :person/age ?a] [(count ?a) ?c] [(< ?c 3)]]]"],
    ),
    (
        "[:find ?t :where [?e :person/name] [(get-else $ ?e :person/tag :none) ?t]]",
        &[],
    ),
    (
        "[:find ?t :where [?e :person/name] [(get-else $ ?e :person/age nil) ?t]]",
        &[],
    ),
    (
        "[:find ?e :where [?e :person/name] [(missing? $ ?e :person/agee)]]",
        &[],
    ),
    ("[:find ?x :where [?e :person/age] [(tx-data $ \"x\") [[_ _ ?x]]]]", &[]),
    // negation and disjunction
    ("[:find ?n :where [?e :person/name ?n] (not [?o :person/age 34])]", &[]),
    (
        "[:find ?n :where [?e :person/name ?n] (not-join [?o] [?e :person/boss ?o])]",
        &[],
    ),
    ("[:find ?n :where [?e :person/name ?n] (not)]", &[]),
    (
        "[:find ?n :where [?e :person/name ?n] (or [?e :person/age 1] [?o :person/age 2])]",
        &[],
    ),
    (
        "[:find ?n :where [?e :person/name ?n] (or-join [?x] [?e :person/age 1])]",
        &[],
    ),
    (
        "[:find ?n ?x :where [?e :person/name ?n] (or-join [[?x] ?e] [?e :person/age ?x])]",
        &[],
    ),
    ("[:find ?e ?a ?v :where [?e ?a ?v]]", &[]),
    // rules
    ("[:find ?e :where (adult ?e)]", &[]),
    (
        "[:find ?e :in $ % :where (aduld ?e)]",
        &["[[(adult ?e) [?e :person/age 20]]]"],
    ),
    (
        "[:find ?e :in $ % :where (adult ?e 1)]",
        &["[[(adult ?e) [?e :person/age 20]]]"],
    ),
    (
        "[:find ?e :in $ % :where (adult ?e)]",
        &["[[(adult ?e ?a) [?e :person/age 20]]]"],
    ),
    (
        "[:find ?e :in $ % :where (adult ?e)]",
        &["[[(adult [?e]) [?e :person/age 20]]]"],
    ),
    ("[:find ?e :in $ % :where (adult ?e)]", &["[[(adult ?e)]]"]),
    (
        "[:find ?e :in $ % :where (adult ?e)]",
        &["[[(adult ?e) [?e :person/age 20] (chld ?e)]]"],
    ),
    (
        "[:find ?e :in $ % :where (or ?e)]",
        &["[[(or ?e) [?e :person/age 20]]]"],
    ),
    (
        "[:find ?e :in $ % :where (odd ?e)]",
        &["[[(odd ?e) [?e :person/age] (not (even ?e))] [(even ?e) [?e :person/age] (odd ?e)]]"],
    ),
    ("[:find ?e :where [?e :person/age] (< ?e 5)]", &[]),
    (
        "[:find ?e :in $ % :where (adult ?e)]",
        &["[[(adult ?e) [$b ?e :person/age 20]]]"],
    ),
];

#[test]
fn each_mistake_is_told_where_it_is_and_what_to_do() {
    let (full, empty) = (people(), db(&[PEOPLE]));
    let mut out = String::new();
    for (query, inputs) in MISTAKES {
        let told = |db| match ask(db, query, inputs) {
            Ok(answer) => format!("no mistake: {answer:?}\n"),
            Err(e) => testing::error(db, &e),
        };
        let text = told(&full);
        assert_eq!(text, told(&empty), "an empty database reports the same");
        out.push_str(&format!("{query} {}\n{text}\n", inputs.join(" ")));
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/query");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("mistakes", out));
}

/// Forms made by a program have no places, though a text may come with them.
#[test]
fn rules_without_places_are_read() {
    let head = Edn::list([Edn::sym("named"), Edn::sym("?p")]);
    let body = Edn::vector([Edn::sym("?p"), Edn::kw("person/name")]);
    let rules = Edn::vector([Edn::vector([head, body])]);
    let inputs = [Input::from(people()), Input::Text(rules, "".into())];
    let found = Query::parse("[:find (count ?p) . :in $ % :where (named ?p)]").and_then(|q| q.run(&inputs));
    assert_eq!(found.and_then(|a| a.to_edn()).expect("three").to_string(), "3");
}

#[test]
fn functions_of_the_program_are_suggested() {
    use crate::datom::Val;
    let options = testing::options()
        .query_fn("shop/discount", 1, |args| Ok(args[0].clone()))
        .query_fn("taxed", 1, |args| Ok(args[0].clone()))
        .aggregate("shop/product", |_| Ok(Val::Long(1)));
    let db = options.in_memory().expect("memory").db();
    for (query, meant) in [
        (
            "[:find ?y :where [?x :db/ident] [(shop/discuont ?x) ?y]]",
            "did you mean shop/discount?",
        ),
        (
            "[:find ?y :where [?x :db/ident] [(discount ?x) ?y]]",
            "did you mean shop/discount?",
        ),
        ("[:find ?x :where [?x :db/ident] [(taxxed ?x)]]", "did you mean taxed?"),
        (
            "[:find (shop/prodcut ?x) :where [?x :db/ident]]",
            "did you mean shop/product?",
        ),
        (
            "[:find (product ?x) :where [?x :db/ident]]",
            "did you mean shop/product?",
        ),
        (
            "[:find ?x :where [?x :db/ident] [(uper-case ?x)]]",
            "did you mean upper-case?",
        ),
    ] {
        let error = ask(&db, query, &[]).expect_err(query);
        assert_eq!(error.code(), Code::UnresolvedSymbol, "{query}");
        assert_eq!(error.hint_text(), Some(meant), "{query}");
    }
}
