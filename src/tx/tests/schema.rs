//! Installing and altering attributes.

use std::sync::Arc;

use super::World;
use crate::db::Db;
use crate::edn::Keyword;
use crate::error::Code;
use crate::schema::{Cardinality, Unique};

fn attr(w: &World, name: &str) -> crate::schema::Attribute {
    (**w.db.attribute(&Keyword::new(name)).unwrap()).clone()
}

#[test]
fn definitions_are_complete_and_consistent() {
    let mut w = World::crew();
    let base = ":db/valueType :db.type/long :db/cardinality :db.cardinality/one";
    for (definition, code) in [
        (
            ":db/ident :u/x :db/cardinality :db.cardinality/one",
            Code::IncompleteInstallAttribute,
        ),
        (
            ":db/ident :u/x :db/valueType :db.type/long",
            Code::IncompleteInstallAttribute,
        ),
        (
            ":db/valueType :db.type/long :db/cardinality :db.cardinality/one",
            Code::IncompleteInstallAttribute,
        ),
        (
            ":db/ident :u/x :db/unique :db.unique/value",
            Code::IncompleteInstallAttribute,
        ),
        (
            &format!(":db/ident :u/x {base} :db/isComponent true"),
            Code::InvalidInstallAttribute,
        ),
        (&format!(":db/ident :db/x {base}"), Code::InvalidInstallAttribute),
        (&format!(":db/ident :db.mine/x {base}"), Code::InvalidInstallAttribute),
        (&format!(":db/ident :u/_x {base}"), Code::InvalidInstallAttribute),
        (
            &format!(":db/ident :u/x {base} :db/unique :db.unique/value :db/index false"),
            Code::InvalidInstallAttribute,
        ),
        (
            &format!(":db/ident :u/x {base} :db/uniquePartial true"),
            Code::InvalidInstallAttribute,
        ),
        (
            &format!(":db/ident :u/x {base} :db/tupleType :db.type/long"),
            Code::InvalidTupleAttrs,
        ),
        (
            ":db/ident :u/x :db/valueType :crew/pay :db/cardinality :db.cardinality/one",
            Code::InvalidInstallAttribute,
        ),
        (
            ":db/ident :u/x :db/valueType :db.type/long :db/cardinality :db.unique/value",
            Code::InvalidInstallAttribute,
        ),
        (
            ":db/ident :u/x :db/valueType :db.type/lnog :db/cardinality :db.cardinality/one",
            Code::NotAnEntity,
        ),
    ] {
        assert_eq!(w.code(format!("[{{{definition}}}]")), code, "{definition}");
    }
    let tuple = ":db/ident :u/x :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one";
    for definition in [
        "",
        ":db/tupleAttrs [:crew/pay]",
        ":db/tupleAttrs [:crew/pay :crew/pya]",
        ":db/tupleAttrs [:crew/pay :crew/pay]",
        ":db/tupleAttrs [:crew/pay :crew/skill]",
        ":db/tupleAttrs [:crew/pay :spot/at]",
        ":db/tupleAttrs [:crew/pay nil]",
        ":db/tupleAttrs [:crew/pay :crew/name] :db/tupleType :db.type/long",
        ":db/tupleTypes [:db.type/long :db.type/tuple]",
        ":db/tupleTypes [:db.type/long \"string\"]",
        ":db/tupleType :long",
    ] {
        assert_eq!(
            w.code(format!("[{{{tuple} {definition}}}]")),
            Code::InvalidTupleAttrs,
            "{definition}"
        );
    }
    let many = tuple.replace("/one", "/many");
    assert_eq!(
        w.code(format!("[{{{many} :db/tupleAttrs [:crew/pay :crew/name]}}]")),
        Code::InvalidTupleAttrs
    );
}

#[test]
fn a_new_attribute_is_used_later() {
    let mut w = World::crew();
    let e = w
        .transact("[{:db/ident :u/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one} {:u/x 1}]")
        .unwrap_err();
    assert_eq!(e.code(), Code::NotAnEntity);
    assert!(e.hint_text().unwrap().contains("earlier transaction"), "{e}");
}

#[test]
fn cardinality() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :crew/name "x" :crew/skill [:a :b]}]"#);
    w.ok("[{:db/id :crew/name :db/cardinality :db.cardinality/many}]");
    assert_eq!(attr(&w, "crew/name").cardinality, Cardinality::Many);
    w.ok(r#"[{:crew/badge "A" :crew/name ["y"]}]"#);
    let one = "[{:db/id :crew/skill :db/cardinality :db.cardinality/one}]";
    let e = w.transact(one).unwrap_err();
    assert_eq!(e.code(), Code::CardinalityViolation);
    assert!(e.message().contains(":a") && e.message().contains(":b"), "{e}");
    // A retraction in the same transaction counts.
    w.ok(
        r#"[[:db/retract [:crew/badge "A"] :crew/skill :a] {:db/id :crew/skill :db/cardinality :db.cardinality/one}]"#,
    );
    assert_eq!(
        w.code("[{:db/id :seat/row :db/cardinality :db.cardinality/many}]"),
        Code::InvalidAlterAttribute
    );
    assert_eq!(
        w.code("[{:db/id :seat/room+row :db/cardinality :db.cardinality/many}]"),
        Code::InvalidTupleAttrs
    );
}

#[test]
fn uniqueness() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :crew/name "same"} {:crew/badge "B" :crew/name "same"}]"#);
    let unique = "[{:db/id :crew/name :db/unique :db.unique/value}]";
    let e = w.transact(unique).unwrap_err();
    assert_eq!(e.code(), Code::UniqueViolation);
    w.ok(r#"[{:crew/badge "A" :crew/name "other"}]"#);
    w.ok(unique);
    assert_eq!(
        w.code(r#"[{:crew/badge "B" :crew/name "other"}]"#),
        Code::UniqueConflict
    );
    w.ok("[{:db/id :crew/name :db/unique :db.unique/identity}]");
    assert_eq!(attr(&w, "crew/name").unique, Some(Unique::Identity));
    w.ok("[[:db/retract :crew/name :db/unique]]");
    assert_eq!(attr(&w, "crew/name").unique, None);
    w.ok(r#"[{:crew/badge "B" :crew/name "other"}]"#);
}

#[test]
fn a_rename_keeps_the_old_name() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :crew/pay 7}]"#);
    w.ok("[{:db/id :crew/pay :db/ident :crew/wage}]");
    assert_eq!(attr(&w, "crew/pay").ident.to_string(), ":crew/wage");
    let r = w.ok(r#"[{:crew/badge "A" :crew/pay 8}]"#);
    assert_eq!(World::shown(&r), ["-e0 :crew/wage 7", "+e0 :crew/wage 8"]);
    let taken = "[{:db/ident :crew/pay :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]";
    assert_eq!(w.code(taken), Code::UniqueConflict);
    w.ok("[{:db/id :crew/wage :db/ident :crew/pay}]");
    assert_eq!(
        w.code("[[:db/retract :crew/pay :db/ident :crew/pay]]"),
        Code::UnsupportedAlterSchema
    );
}

#[test]
fn what_never_changes() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :crew/pay 7}]"#);
    for tx in [
        "[{:db/id :crew/pay :db/valueType :db.type/string}]",
        "[[:db/retract :crew/pay :db/valueType]]",
        "[{:db/id :seat/room+row :db/tupleAttrs [:seat/room :crew/pay]}]",
        "[{:db/id :spot/path :db/tupleType :db.type/string}]",
        "[[:db/retractEntity :crew/pay]]",
        "[[:db/retract :crew/pay :db/cardinality]]",
    ] {
        assert_eq!(w.code(tx), Code::UnsupportedAlterSchema, "{tx}");
    }
    assert_eq!(
        w.code("[{:db/id :db/ident :db/cardinality :db.cardinality/many}]"),
        Code::InvalidAlterAttribute
    );
    assert_eq!(
        w.code("[{:db/id :db.part/user :db/doc \"mine\"}]"),
        Code::InvalidAlterAttribute
    );
    assert_eq!(
        w.code("[{:db/id :crew/badge :db/index false}]"),
        Code::InvalidAlterAttribute
    );
}

#[test]
fn what_always_changes() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :crew/pay 7 :crew/mentor "b"} {:db/id "b" :crew/badge "B"}]"#);
    w.ok("[{:db/id :crew/pay :db/index false :db/noHistory true :db/doc \"money\"} {:db/id :crew/mentor :db/isComponent true}]");
    let pay = attr(&w, "crew/pay");
    assert_eq!(
        (pay.indexed, pay.no_history, pay.doc.as_deref()),
        (false, true, Some("money"))
    );
    w.ok("[{:db/id :crew/pay :db/index true :db/noHistory false} {:db/id :crew/mentor :db/isComponent false}]");
    assert!(attr(&w, "crew/pay").indexed);
    assert_eq!(
        w.code("[{:db/id :crew/pay :db/isComponent true}]"),
        Code::InvalidAlterAttribute
    );
}

#[test]
fn a_description_of_what_is_no_attribute_is_data() {
    let mut w = World::crew();
    let before = w.db.schema().clone();
    w.ok(r#"[{:db/id "datomic.tx" :db/doc "why"} {:crew/badge "A" :db/doc "who"}]"#);
    assert!(Arc::ptr_eq(w.db.schema(), &before));
    let docs = |db: &Db| {
        db.q("[:find [?d ...] :where [_ :db/doc ?d]]", &[])
            .and_then(|found| found.to_edn())
    };
    let shown =
        w.db.filter(|_, datom| datom.a.0 != u64::from(crate::schema::bootstrap::DOC));
    assert!(docs(&w.db).is_ok_and(|docs| docs.to_string().contains("\"who\"")));
    assert!(docs(&shown).is_ok_and(|docs| !docs.to_string().contains("\"who\"")));
    w.ok("[{:db/id :crew/badge :db/doc \"what\"}]");
    assert_eq!(attr(&w, "crew/badge").doc.as_deref(), Some("what"));
}
