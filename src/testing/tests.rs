//! Labels, reports and dumps by what they print.

use super::*;

const PEOPLE: &str = r#"
[{:db/ident :person/email :db/valueType :db.type/string :db/cardinality :db.cardinality/one
  :db/unique :db.unique/identity :db/doc "Where to write."}
 {:db/ident :person/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
 {:db/ident :person/pair :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one
  :db/tupleTypes [:db.type/ref :db.type/long]}
 {:db/ident :color/red}]
[{:db/id "bob" :person/email "bob@x"} {:db/id "ada" :person/email "ada@x" :person/friend ["bob" :color/red]}]
[{:db/id "tx" :db/doc "quarrel"} [:db/retract [:person/email "ada@x"] :person/friend [:person/email "bob@x"]]]"#;

#[test]
fn runs_are_alike() {
    let [one, other] = [(); 2].map(|()| fixture(PEOPLE).expect("it fits").db().history());
    assert_eq!(dump(&one).expect("text"), dump(&other).expect("text"));
}

#[test]
fn a_database() {
    let db = fixture(PEOPLE).expect("it fits").db();
    let text = dump(&db).expect("text");
    assert!(
        text.contains("  :person/email   string one identity \"Where to write.\"\n"),
        "{text}"
    );
    assert!(text.contains("tuple one of ref long"), "{text}");
    assert!(text.contains("  #e2 :person/friend :color/red  #t2\n"), "{text}");
    assert!(!text.contains("#e2 :person/friend #e1"), "{text}");
    let history = dump(&db.history()).expect("text");
    assert!(history.contains("  - #e2 :person/friend #e1  #t3\n"), "{history}");
    let before = dump(&db.as_of(2).expect("a time")).expect("text");
    assert!(before.contains("  #e2 :person/friend #e1  #t2\n"), "{before}");
    assert_eq!(dump(&database().expect("empty").db()).expect("text"), "empty\n");
}

#[test]
fn ids_in_text() {
    let db = fixture(PEOPLE).expect("it fits").db();
    let mut labels = Labels::new();
    let id = crate::datom::EntityId::new(crate::datom::Partition::USER, 1001).0;
    let text = format!("entity {id}. Not x{id}, {id}.5, -{id} or {}; tx {}", id + 50, TxIdOf(3));
    assert_eq!(
        labels.text(&db, &text),
        format!("entity #e1. Not x{id}, {id}.5, -{id} or {}; tx #t3", id + 50)
    );
}

/// A transaction's entity id, as a number.
struct TxIdOf(u64);

impl std::fmt::Display for TxIdOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        crate::datom::TxId::from_t(self.0).0.fmt(f)
    }
}

#[test]
fn answers() {
    let conn = fixture(PEOPLE).expect("it fits");
    let db = conn.db();
    let ask = |q: &str| answer(&db, &db.q(q, &[]).expect("an answer")).expect("text");
    assert_eq!(
        ask("[:find [?m ...] :where [_ :person/email ?m]]"),
        "[\"ada@x\" \"bob@x\"]\n"
    );
    assert_eq!(ask("[:find ?x . :where [?x :person/email \"bob@x\"]]"), "#e1\n");
    assert_eq!(
        ask("[:find ?x ?y :where [?x :person/friend ?y] [?y :person/email]]"),
        "?x  ?y\n--  --\n"
    );
    let pulled = db.pull("[:db/id {:person/friend [:db/ident]}]", "[:person/email \"ada@x\"]");
    let _ = pulled.map(|form| edn(&db, &form.expect("an entity")));
}

#[test]
fn a_fixture_says_where_it_is_wrong() {
    let wrong = fixture("[]\n[{:no/such 1}]").expect_err("no such attribute");
    let place = wrong.place().expect("a place");
    assert_eq!(
        (place.line, wrong.source_text().map(|s| &*s.name)),
        (2, Some("fixture"))
    );
}
