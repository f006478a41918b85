//! What stands inside: the source of a rule's body, and the mistakes of queries inside queries.

use super::{ask, db, people};
use crate::db::Db;
use crate::query::{Input, Query};

#[test]
fn a_rule_knows_its_source_as_the_dollar() {
    let (here, there) = (
        people(),
        db(&[
            super::PEOPLE,
            r#"[{:person/name "Ada" :person/age 1} {:person/name "Bob" :person/age 2}]"#,
        ]),
    );
    let rules = r#"[[(old ?n ?a) [?e :person/name ?n] [(get-else $ ?e :person/age 0) ?a]]
                    [(again ?n ?a) [$ ?e :person/name ?n] [$ ?e :person/age ?a] ($ old ?n ?a)]
                    [(asked ?n ?a) [(q [:find ?n ?a :where [?e :person/name ?n] [?e :person/age ?a]] $) [[?n ?a]]]]
                    [(logged ?n ?a) [(tx-ids $ nil nil) [?t ...]] [(tx-data $ ?t) [[?e _ ?n]]] ($ old ?n ?a)]
                    [(steps ?n ?a) [$ ?e :person/name ?n] [$ ?e :person/age ?a]]
                    [(steps ?n ?a) (steps ?n ?b) [$ _ :person/age ?a] [(= ?a ?b)]]]"#;
    let inputs = [
        Input::from(&here),
        Input::from(&there),
        Input::text(rules).expect("rules"),
    ];
    let of = |call: &str| {
        let text = format!("[:find ?n ?a :in $ $b % :where {call}]");
        let answer = Query::parse(&text).and_then(|q| q.run(&inputs)?.to_edn());
        answer.map_or_else(|e| e.to_string(), |a| a.to_string())
    };
    for rule in ["old", "again", "asked", "logged", "steps"] {
        assert_eq!(
            of(&format!("($b {rule} ?n ?a)")),
            "#{[\"Ada\" 1] [\"Bob\" 2]}",
            "{rule}"
        );
        assert!(of(&format!("({rule} ?n ?a)")).contains("[\"Ada\" 36]"), "{rule}");
    }
}

#[test]
fn what_a_rule_is_called_with_is_read_by_the_source_it_is_called_on() {
    let schema = |ty: &str| {
        format!(
            "[{{:db/ident :p/key :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}}
              {{:db/ident :p/of :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}} {{:db/ident :c/red}}]"
        )
    };
    let here = db(&[&schema("uri"), "[{:p/key #uri \"x:y\"}]"]);
    let there = db(&[&schema("string"), "[{:p/key \"x:y\" :p/of :c/red}]"]);
    let rules = "[[(keyed ?e ?k) [?e :p/key ?k]] [(of ?e ?o) [?e :p/of ?o]]
                  [(known ?e ?k) (keyed ?e ?k)] [(known ?e ?k) (known ?e ?k) (keyed ?e ?k)]]";
    let found = |query: &str, sources: &[&Db], more: &[&str]| {
        let mut inputs: Vec<Input> = sources.iter().map(|db| Input::from(*db)).collect();
        inputs.push(Input::text(rules).expect("rules"));
        inputs.extend(more.iter().map(|i| Input::text(i).expect("an input")));
        let answer = Query::parse(query).and_then(|q| q.run(&inputs)?.to_edn());
        answer.map_or_else(|e| e.to_string(), |a| a.to_string())
    };
    for rule in ["keyed", "known"] {
        let q = format!("[:find (count ?e) . :in $ $b % :where ($b {rule} ?e \"x:y\")]");
        assert_eq!(found(&q, &[&here, &there], &[]), "1", "a text where texts are");
        let q = format!("[:find (count ?e) . :in $ $b % ?k :where ($b {rule} ?e ?k)]");
        assert_eq!(found(&q, &[&here, &there], &["\"x:y\""]), "1");
        let q = format!("[:find (count ?e) . :in $ $b % :where ({rule} ?e \"x:y\")]");
        assert_eq!(found(&q, &[&here, &there], &[]), "1", "a text for a URI where URIs are");
    }
    // Without a source $, too.
    let q = "[:find ?k . :in $b % :where ($b of ?e :c/red) ($b keyed ?e ?k)]";
    assert_eq!(found(q, &[&there], &[]), "\"x:y\"");
    let q = "[:find ?o . :in $b % ?e :where ($b of ?e ?x) [$b ?x :db/ident ?o]]";
    assert_eq!(found(q, &[&there], &["[:p/key \"x:y\"]"]), ":c/red");
}

#[test]
fn mistakes_of_inner_queries_are_told_before_anything_runs() {
    let empty = db(&[super::PEOPLE]);
    for (inner, mistake) in [
        (
            "[:find ?x :in $ ?e :where [?e :person/nmae ?x]]",
            "there is no attribute :person/nmae",
        ),
        (
            "[:find (cuont ?x) :in $ ?e :where [?e :person/age ?x]]",
            "there is no aggregate cuont",
        ),
        ("[:find ?x :in $ ?e :where [?e :person/age ?y]]", "?x"),
        (
            "[:find ?x :in $ ?e :where [?e :person/age \"old\"] [?e :person/age ?x]]",
            "\"old\"",
        ),
        (
            "[:find ?x :in $ ?e :where [?e :person/age ?x] [(evne? ?x)]]",
            "there is no function evne?",
        ),
        (
            "[:find ?y :in $ ?e :where [(q [:find ?x :in $ ?f :where [?f :person/nmae ?x]] $ ?e) [[?y]]]]",
            ":person/nmae",
        ),
    ] {
        for outer in [
            "[?e :person/age 1]",
            "[?e :person/age]",
            "(not [?e :person/tag :none]) [?e :person/age]",
        ] {
            let query = format!("[:find ?e :where {outer} [(q {inner} $ ?e) [[?z]]]]");
            for db in [&empty, &people()] {
                let told = ask(db, &query, &[]).expect_err(&query).to_string();
                assert!(told.contains(mistake) && told.contains('^'), "{told}");
            }
        }
    }
    // What comes as a value may be anything.
    let fine =
        "[:find ?z :where [?e :person/age ?a] [(q [:find ?x . :in $ ?a [?b ...] :where [_ :person/name ?x] [(< ?a 30)]
                 [(= ?b ?a)]] $ ?a ?l) ?z] [(vector ?a 1) ?l]]";
    assert_eq!(super::shown(&people(), fine, &[]).matches('[').count(), 1);
    assert_eq!(super::shown(&empty, fine, &[]), "#{}");
}

#[test]
fn a_pattern_without_a_hold_has_a_place() {
    let told = ask(&people(), "[:find ?v :where [?v _ ?v ?w true] [_ :person/age]]", &[]);
    assert!(told.expect_err("a scan").to_string().contains('^'));
}
