//! `:having`, and pages: `:limit` with `:after`.

use super::{PEOPLE, ask, db, people, shown};
use crate::conn::Connection;
use crate::db::Db;
use crate::query::{Input, Query, QueryOptions};

#[test]
fn having_tests_what_was_grouped() {
    let db = people();
    let of = |tail: &str| {
        shown(
            &db,
            &format!("[:find ?a (count ?e) :where [?e :person/age ?a] {tail}]"),
            &[],
        )
    };
    assert_eq!(of(":having [(> (count ?e) 1)]"), "#{[20 2]}");
    assert_eq!(of(":having (> (count ?e) 1)"), "#{[20 2]}");
    assert_eq!(of(":having [(> (count ?e) 0)] [(< ?a 30)]"), "#{[20 2]}");
    assert_eq!(of(":having [(= (min ?e) (max ?e))]"), "#{[36 1]}");
    assert_eq!(of(":having [(> (count ?e) 9)]"), "#{}");
    assert_eq!(
        of(":having [(>= (count ?e) 1)] :order-by [[?a :desc]] :limit 1"),
        "[[36 1]]"
    );
    assert_eq!(of(":having [(odd? (count ?e))]"), "#{[36 1]}");
    // What is tested need not be shown; it groups all the same.
    let hidden = "[:find ?t :where [?e :person/tag ?t] :having [(> (count ?e) 1)]]";
    assert_eq!(shown(&db, hidden, &[]), "#{[:code]}");
    let one = "[:find (count ?e) . :where [?e :person/age] :having [(> (count ?e) 3)]]";
    assert_eq!(shown(&db, one, &[]), "nil");
    let map = "{:find [?a (count ?e)] :where [[?e :person/age ?a]] :having [[(> (count ?e) 1)]]}";
    assert_eq!(shown(&db, map, &[]), "#{[20 2]}");
    let plain = "[:find ?n ?a :where [?e :person/name ?n] [?e :person/age ?a] :having [(starts-with? ?n \"A\")]]";
    assert_eq!(shown(&db, plain, &[]), "#{[\"Ada\" 36]}");
    let keys = "[:find ?a (count ?e) :keys age n :where [?e :person/age ?a] :having [(> (sum ?a) 38)]]";
    assert_eq!(shown(&db, keys, &[]), "[{:age 20, :n 2}]");
}

#[test]
fn mistakes_of_having_and_paging_are_told() {
    let db = people();
    let texts: Vec<String> = [
        ":having [(> (count ?x) 1)]",
        ":having [(> (cuont ?e) 1)]",
        ":having [(>> (count ?e) 1)]",
        ":having [(> ?n 1)]",
        ":having [(> 2 1)]",
        ":having [?a 1]",
        ":having",
        ":having [(odd? ?a (count ?e))]",
        ":having [(even? (pull ?e [*]))]",
        ":limit 1 :after 7",
        ":limit 1 :after \"x\"",
        ":limit 1 :offset 1 :after \"x\"",
        ":limit 1 :afetr \"x\"",
    ]
    .iter()
    .map(|tail| {
        let query = format!("[:find ?a (count ?e) :where [?e :person/age ?a] [?e :person/name ?n] {tail}]");
        ask(&db, &query, &[])
            .map(|a| format!("{a:?}"))
            .expect_err(tail)
            .to_string()
    })
    .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/query");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("having", texts.join("\n")));
}

/// All pages of a query, in a text each.
fn pages(query: &Query, inputs: &[Input], mut between: impl FnMut()) -> Vec<String> {
    let mut options = QueryOptions::default();
    let mut out = Vec::new();
    loop {
        let page = query.run_with(inputs, &options).expect("a page");
        out.extend(
            page.rows()
                .map(|row| crate::edn::Edn::from(row.expect("a row")).to_string()),
        );
        assert!(out.len() < 1000);
        match page.next_token() {
            Some(token) => options.after = Some(token.to_string()),
            None => return out,
        }
        between();
    }
}

#[test]
fn pages_together_are_the_whole() {
    let db = db(&[
        PEOPLE,
        "[{:db/ident :p/f :db/valueType :db.type/float :db/cardinality :db.cardinality/many}]",
        r#"[{:person/name "a" :person/age 1 :person/tag [:x :y :zebra-crossing-of-some-length] :p/f [0.1 2.5]}
            {:person/name "b, with quite a long name" :person/age 1 :person/tag [:x]}
            {:person/name "b, with quite a long name too" :person/age 2 :person/tag [:x :w] :p/f [0.1]}
            {:person/name "c" :person/age 3}]"#,
    ]);
    for body in [
        "?n ?a :where [?e :person/name ?n] [?e :person/age ?a] :order-by [[?a :desc]]",
        "?n ?t :where [?e :person/name ?n] [?e :person/tag ?t] :order-by [?t [?n :desc]]",
        "?t (count ?e) :where [?e :person/tag ?t] :order-by [[(count ?e) :desc]]",
        "(distinct ?e) ?e :where [?e :person/age]",
        "?t (sum ?a) (distinct ?n) :where [?e :person/tag ?t] [?e :person/age ?a] [?e :person/name ?n]",
        "?f ?e :where [?e :p/f ?f]",
        "?e ?v :where [?e :person/name] [?e ?x ?v]",
        "(pull ?e [:person/name]) ?a :where [?e :person/age ?a]",
        "?a ?x :where [?e :person/age ?a] [(tuple ?a \"k\" 1.5) ?x]",
        "?n :with ?t :where [?e :person/name ?n] [?e :person/tag ?t]",
        "[?n ...] :where [_ :person/name ?n]",
    ] {
        let whole = Query::parse(&format!("[:find {body} :limit 999]")).expect("a query");
        let whole = pages(&whole, &[(&db).into()], || ());
        assert!(whole.len() > 2, "{body}");
        for limit in 1..=3 {
            let query = Query::parse(&format!("[:find {body} :limit {limit}]")).expect("a query");
            let mut read = pages(&query, &[(&db).into()], || ());
            let mut wanted = whole.clone();
            if body.contains(":with") {
                // Rows that are alike come once in pages: a token cannot tell them apart.
                read.dedup();
                wanted.dedup();
            }
            assert_eq!(read, wanted, "{body} by {limit}");
        }
    }
}

#[test]
fn pages_stay_on_the_state_they_began_with() {
    let conn = Connection::in_memory().expect("a connection");
    conn.transact(PEOPLE).expect("a schema");
    conn.transact("[{:person/name \"a\"} {:person/name \"c\"} {:person/name \"e\"} {:person/name \"g\"}]")
        .expect("people");
    let query = Query::parse("[:find ?n :where [_ :person/name ?n] :limit 1]").expect("a query");
    let mut options = QueryOptions::default();
    let mut read = Vec::new();
    loop {
        let page = query.run_with(&[conn.db().into()], &options).expect("a page");
        read.extend(page.typed::<(String,)>().expect("texts"));
        let Some(token) = page.next_token() else { break };
        options.after = Some(token.to_string());
        conn.transact("[{:person/name \"b\"} {:person/name \"f\"} [:db/retractEntity [:person/name \"g\"]]]")
            .ok();
    }
    assert_eq!(read.iter().map(|(n,)| n.as_str()).collect::<String>(), "aceg");

    // Tokens that do not belong to the question or the database are refused.
    let db: Db = conn.db();
    let first = |query: &str| {
        let page = db.q(query, &[]).expect("a page");
        page.next_token().expect("more").to_string()
    };
    let token = first("[:find ?n :where [_ :person/name ?n] :limit 2]");
    let with = |db: &Db, query: &str, token: &str| {
        let query = query.replace("TOKEN", &format!("{token:?}"));
        shown(db, &query, &[])
    };
    let same = "[:find ?n :where [_ :person/name ?n] :limit 1 :after TOKEN]";
    assert_eq!(with(&db, same, &token), "#{[\"c\"]}");
    assert!(with(&db, same, "nil").contains("no page token"));
    let others = with(
        &db,
        "[:find ?n :where [_ :person/age ?n] :limit 1 :after TOKEN]",
        &token,
    );
    assert!(
        others.contains("belongs to another question") && others.contains("^"),
        "{others}"
    );
    let older = with(&db.as_of(2).expect("t 2").unbounded(), same, &token);
    assert_eq!(older, "#{[\"c\"]}");
    let stranger = Connection::in_memory().expect("a connection");
    stranger.transact(PEOPLE).expect("a schema");
    let foreign = with(&stranger.db(), same, &token);
    assert!(foreign.contains("of a later moment"), "{foreign}");
    for i in 0..5 {
        stranger
            .transact(&*format!("[{{:person/name \"{i}\"}}]"))
            .expect("a person");
    }
    let foreign = with(&stranger.db(), same, &token);
    assert!(foreign.contains("belongs to another database"), "{foreign}");
}
