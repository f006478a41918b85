//! The log as a source: `tx-ids` and `tx-data`.

use super::{ask, db, shown};
use crate::db::Db;
use crate::query::{Input, Query};

fn three() -> Db {
    db(&[
        r#"[{:db/ident :n/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
            {:db/ident :n/f :db/valueType :db.type/float :db/cardinality :db.cardinality/many}]"#,
        "[{:db/ident :one :n/x 1 :n/f [1.5 2.5]}]",
        "[{:db/ident :one :n/x 2} [:db/retract :one :n/f 1.5]]",
    ])
}

fn asked(log: &Db, query: &str) -> String {
    // The names of attributes are older than what a view since some t shows.
    let inputs = [Input::from(log.unbounded()), log.log().expect("a log").into()];
    let answer = Query::parse(query).expect("a query").run(&inputs);
    answer
        .and_then(|a| a.to_edn())
        .map_or_else(|e| e.to_string(), |a| a.to_string())
}

#[test]
fn transactions_and_their_datoms_are_rows() {
    let db = three();
    let now =
        "[:find ?t ?x ?op :in $ ?log :where [(tx-ids ?log 2 nil) [?tx ...]] [(tx-data ?log ?tx) [[?e ?a ?x _ ?op]]]
                [?a :db/ident :n/x] [(- ?tx 13194139533312) ?t]]";
    assert_eq!(asked(&db, now), "#{[2 1 true] [3 1 false] [3 2 true]}");
    // A view's log ends with the view, and begins with it.
    assert_eq!(asked(&db.as_of(2).expect("t 2"), now), "#{[2 1 true]}");
    assert_eq!(asked(&db.since(2).expect("t 2"), now), "#{[3 1 false] [3 2 true]}");
    // In text the log of a database is its name.
    let here =
        "[:find ?f ?op :where [(tx-ids $ 3 4) [?tx ...]] [(tx-data $ ?tx) [[_ ?a ?f ?tx ?op]]] [?a :db/ident :n/f]]";
    assert_eq!(shown(&db, here, &[]), "#{[1.5 false]}");
    let count = |from: &str, to: &str| {
        shown(
            &db,
            &format!("[:find (count ?tx) . :where [(tx-ids $ {from} {to}) [?tx ...]]]"),
            &[],
        )
    };
    assert_eq!(
        [count("1", "3"), count("nil", "2"), count("nil", "nil"), count("2", "2")],
        ["2", "2", "4", "nil"]
    );
    let last = db.basis_instant();
    assert_eq!(count(&format!("#inst \"{last}\""), "nil"), "1");
    assert_eq!(count("nil", &format!("#inst \"{last}\"")), "3");
    assert_eq!(count("13194139533314", "13194139533315"), "1");
    // Joined the other way round: the facts that are, and when the log says that they came.
    let joined = "[:find ?x . :in $ ?log :where [:one :n/x ?x ?tx] [(tx-data ?log ?tx) [[:one _ ?x _ true]]]]";
    let joined = joined.replace("[[:one _ ?x _ true]]", "[[?e _ ?x _ ?op]]");
    assert_eq!(asked(&db, &joined), "2");
    let none = "[:find ?e :in $ ?log :where [(ground 99) ?t] [(tx-data ?log ?t) [[?e]]]]";
    assert_eq!(asked(&db, none), "#{}");
}

#[test]
fn mistakes_with_logs_are_told() {
    let db = three();
    let wrong = |q: &str| {
        let inputs: &[&str] = if q.contains("?log :where") { &["1"] } else { &[] };
        ask(&db, q, inputs).expect_err(q).to_string()
    };
    let texts: Vec<String> = [
        "[:find ?tx :where [(tx-ids ?log 1 nil) [?tx ...]]]",
        "[:find ?tx :in $ ?log :where [(tx-ids ?log 1 nil) [?tx ...]]]",
        "[:find ?tx :where [(tx-ids 5 1 nil) [?tx ...]]]",
        "[:find ?tx :where [(tx-ids $ 1) [?tx ...]]]",
        "[:find ?e :where [(tx-data $ ?tx) [[?e]]]]",
        "[:find ?e :where [(tx-data $ \"x\") [[?e]]]]",
        "[:find ?e :where [(tx-data $log 1) [[?e]]]]",
        "[:find ?e :where [?e :n/x] [(tx-data $ 1)]]",
    ]
    .map(wrong)
    .into();
    let inputs = [Input::from(&db), db.log().expect("a log").into()];
    let q = Query::parse("[:find ?x :in $ [?x ...] :where [_ :n/x ?x]]").expect("a query");
    let error = q.run(&inputs).expect_err("a log is no collection").to_string();
    let speculative = db.with("[{:n/x 9}]").expect("a speculation").db_after.log().map(|_| ());
    let speculative = speculative.expect_err("nothing was logged").to_string();
    let all = [texts, vec![error, speculative]].concat().join("\n");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/query");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("log", all));
}

#[test]
fn nothing_is_after_the_last_moment() {
    let db = db(&["[]"]).since(u64::MAX).expect("a view");
    let log = db.log().expect("a log");
    assert_eq!(log.range(None, None).count(), 0);
    assert_eq!(log.transaction(1).expect("a log"), None);
    let asserted = ask(&db, "[:find ?e :where [?e :db/txInstant]]", &[]).expect("an answer");
    assert_eq!(asserted.len(), 0);
}
