//! Reading the indexes and naming entities, in every view.

use asof::conn::Connection;
use asof::datom::{Datom, EntityId};
use asof::db::{Datoms, Db, EntityRef};
use asof::edn::{Edn, Keyword, read, read_one};
use asof::error::{Code, Result};
use asof::index::Order;

const SCHEMA: &str = r#"[
  {:db/ident :crew/badge :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :crew/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :crew/pay :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :crew/note :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/index false}
  {:db/ident :crew/mentor :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
  {:db/ident :seat/guest :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
  {:db/ident :seat/row :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :seat/guest+row :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one
   :db/tupleAttrs [:seat/guest :seat/row] :db/unique :db.unique/identity}]"#;

fn crew() -> Connection {
    let conn = Connection::in_memory().expect("a database");
    conn.transact(SCHEMA).expect("the schema");
    conn.transact(
        r#"[{:db/id "ada" :crew/badge "K7" :crew/name "Ada" :crew/pay 10 :crew/note "x"}
            {:db/id "bo" :crew/badge "K8" :crew/name "Bo" :crew/pay 30 :crew/mentor "ada"}
            {:crew/badge "K9-with-a-long-badge" :crew/pay 20 :crew/mentor "ada"}
            {:seat/guest "ada" :seat/row 3}]"#,
    )
    .expect("the crew");
    conn
}

fn forms(text: &str) -> Vec<Edn> {
    read(text).expect("forms")
}
fn form(text: &str) -> Edn {
    read_one(text).expect("a form")
}
fn values(datoms: Result<Datoms>) -> Vec<String> {
    let all: Result<Vec<Datom>> = datoms.expect("a range").collect();
    all.expect("datoms").iter().map(|d| d.v.to_string()).collect()
}
fn code<T>(result: Result<T>) -> Code {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(e) => e.code(),
    }
}
fn entid(db: &Db, text: &str) -> Option<EntityId> {
    db.entid(text).expect("a name")
}

#[test]
fn names_of_entities() {
    let db = crew().db();
    let ada = entid(&db, r#"[:crew/badge "K7"]"#).expect("Ada");
    assert_eq!(entid(&db, &ada.to_string()), Some(ada));
    assert_eq!(entid(&db, r#"[:crew/badge "K0"]"#), None);
    assert_eq!(entid(&db, r#"[:crew/badge "a badge that no one ever had"]"#), None);
    assert_eq!(entid(&db, ":crew/none"), None);
    assert!(entid(&db, ":crew/name").is_some());
    assert_eq!(entid(&db, "12345"), Some(EntityId(12345)));
    let pair = (Keyword::new("crew/badge"), form("\"K7\""));
    assert_eq!(db.entid(pair).expect("a name"), Some(ada));
    assert_eq!(db.entid(EntityRef::Id(ada)).expect("a name"), Some(ada));

    let seat = entid(&db, &format!("[:seat/guest+row [{ada} 3]]"));
    assert!(seat.is_some());
    assert_eq!(entid(&db, r#"[:seat/guest+row [[:crew/badge "K7"] 3]]"#), seat);
    assert_eq!(entid(&db, r#"[:seat/guest+row [[:crew/badge "K0"] 3]]"#), None);

    assert_eq!(code(db.entid(r#"[:crew/name "Ada"]"#)), Code::LookupRefNotUnique);
    assert_eq!(code(db.entid(r#"[:crew/bagde "K7"]"#)), Code::UnknownAttribute);
    assert_eq!(code(db.entid("[:crew/badge]")), Code::InvalidLookupRef);
    assert_eq!(code(db.entid("[7 8]")), Code::InvalidLookupRef);
    assert_eq!(code(db.entid("[:crew/badge 7]")), Code::WrongType);
    assert_eq!(code(db.entid("\"Ada\"")), Code::NotAnEntity);
    assert_eq!(code(db.entid("-1")), Code::InvalidEntityId);
}

#[test]
fn names_in_views() {
    let conn = crew();
    let t = conn.db().basis_t();
    conn.transact(r#"[[:db/retract [:crew/badge "K8"] :crew/badge "K8"] {:crew/badge "K1"}]"#)
        .expect("a change");
    let db = conn.db();
    let (k7, k8) = (r#"[:crew/badge "K7"]"#, r#"[:crew/badge "K8"]"#);
    assert_eq!(entid(&db, k8), None);
    assert!(entid(&db.as_of(t).expect("a view"), k8).is_some());
    assert!(entid(&db.history(), k8).is_some(), "the one that had it last");
    assert_eq!(entid(&db.since(t).expect("a view"), k7), None);
    assert!(entid(&db.since(t).expect("a view"), r#"[:crew/badge "K1"]"#).is_some());
}

#[test]
fn datoms_by_index() {
    let db = crew().db();
    assert_eq!(values(db.datoms(Order::Avet, &forms(":crew/pay"))), ["10", "20", "30"]);
    assert_eq!(values(db.datoms(Order::Avet, &forms(":crew/pay 20"))), ["20"]);
    assert_eq!(values(db.datoms(Order::Aevt, &forms(":crew/pay"))), ["10", "30", "20"]);
    let ada = r#"[:crew/badge "K7"]"#;
    assert_eq!(
        values(db.datoms(Order::Eavt, &forms(&format!("{ada} :crew/name")))),
        ["\"Ada\""]
    );
    assert_eq!(values(db.datoms(Order::Eavt, &forms(ada))).len(), 4);
    assert_eq!(values(db.datoms(Order::Eavt, &forms(r#"[:crew/badge "K0"]"#))).len(), 0);
    assert_eq!(
        values(db.datoms(Order::Vaet, &forms(&format!("{ada} :crew/mentor")))).len(),
        2
    );
    assert_eq!(values(db.datoms(Order::Vaet, &forms(ada))).len(), 3);
    let t = db.basis_t();
    assert_eq!(
        values(db.datoms(Order::Eavt, &forms(&format!("{ada} :crew/pay 10 {t}")))),
        ["10"]
    );
    assert_eq!(
        values(db.datoms(Order::Eavt, &forms(&format!("{ada} :crew/pay 10 {}", t - 1)))).len(),
        0
    );

    assert_eq!(
        code(db.datoms(Order::Avet, &forms(":crew/note"))),
        Code::AttributeNotIndexed
    );
    assert_eq!(
        code(db.datoms(Order::Vaet, &forms(&format!("{ada} :crew/pay")))),
        Code::AttributeNotIndexed
    );
    assert_eq!(
        code(db.datoms(Order::Avet, &forms(":crew/pya"))),
        Code::UnknownAttribute
    );
    assert_eq!(code(db.datoms(Order::Avet, &forms(":crew/pay \"x\""))), Code::WrongType);
    assert_eq!(code(db.datoms(Order::Eavt, &forms(":crew/nobody"))), Code::NotAnEntity);
    assert_eq!(code(db.datoms(Order::Eavt, &forms("1 :crew/pay 2 3 4"))), Code::Arity);
}

#[test]
fn seeking_runs_past_the_components() {
    let db = crew().db();
    let seek = |text: &str| values(db.seek_datoms(Order::Avet, &forms(text)));
    assert_eq!(seek(":crew/pay 20")[..2], ["20", "30"]);
    assert_eq!(seek(":crew/pay 21")[0], "30");
    assert!(seek(":crew/pay 20").len() > 2, "the attributes after it follow");
    let e = r#"[:crew/badge "K8"]"#;
    let from_bo = values(db.seek_datoms(Order::Eavt, &forms(e))).len();
    assert!(from_bo > values(db.datoms(Order::Eavt, &forms(e))).len());
    assert_eq!(
        code(db.seek_datoms(Order::Eavt, &forms("1 :crew/pay 2 3"))),
        Code::Arity
    );
}

#[test]
fn ranges_are_half_open() {
    let conn = crew();
    let t = conn.db().basis_t();
    conn.transact(r#"[{:crew/badge "K7" :crew/pay 15}]"#).expect("a rise");
    let db = conn.db();
    let range = |db: &Db, start: Option<&str>, end: Option<&str>| {
        let (start, end) = (start.map(form), end.map(form));
        values(db.index_range(&form(":crew/pay"), start.as_ref(), end.as_ref()))
    };
    assert_eq!(range(&db, Some("15"), Some("30")), ["15", "20"]);
    assert_eq!(range(&db, None, Some("20")), ["15"]);
    assert_eq!(range(&db, Some("20"), None), ["20", "30"]);
    assert_eq!(range(&db, Some("20"), Some("20")).len(), 0);
    assert_eq!(range(&db, Some("30"), Some("10")).len(), 0);
    assert_eq!(range(&db.as_of(t).expect("a view"), None, Some("20")), ["10"]);
    assert_eq!(range(&db.history(), None, Some("20")), ["10", "10", "15"]);
    assert_eq!(range(&db.since(t).expect("a view"), None, None), ["15"]);
    assert_eq!(
        code(db.index_range(&form(":crew/note"), None, None)),
        Code::AttributeNotIndexed
    );
    assert_eq!(
        code(db.index_range(&form(":crew/pay"), Some(&form("\"a\"")), None)),
        Code::WrongType
    );
}
