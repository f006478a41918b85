//! Tempids, upserts, and what unifies.

use super::World;
use crate::error::Code;

#[test]
fn an_identity_value_names_its_owner() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "K7" :crew/pay 40}]"#);
    let r = w.ok(r#"[{:db/id "t" :crew/badge "K7" :crew/pay 41} [:db/add "t" :crew/name "Ada"]]"#);
    assert_eq!(
        World::shown(&r),
        ["+e0 :crew/name \"Ada\"", "-e0 :crew/pay 40", "+e0 :crew/pay 41"]
    );
    assert!(r.new_entities.is_empty());
    assert_eq!(r.entity("t").unwrap().counter(), 1000);
}

#[test]
fn one_new_identity_value_is_one_entity() {
    let mut w = World::crew();
    let r = w.ok(
        r#"[{:db/id "a" :crew/badge "N1" :crew/name "Ada"} {:db/id "b" :crew/badge "N1" :crew/rank :pilot}
                     {:db/id "c" :crew/mail "c@x" :crew/badge "N1"} {:db/id "d" :crew/mail "c@x" :crew/pay 1}]"#,
    );
    assert_eq!(r.new_entities.len(), 1);
    let ids: Vec<_> = ["a", "b", "c", "d"].iter().map(|t| r.entity(t)).collect();
    assert!(ids.iter().all(|e| *e == ids[0] && e.is_some()));
}

#[test]
fn chains_of_references_resolve_to_a_fixpoint() {
    let mut w = World::crew();
    // e0 <-twin- e1 <-twin- e2 <-twin- e3
    w.ok(r#"[{:db/id "0" :crew/badge "root"} {:db/id "1" :crew/twin "0"} {:db/id "2" :crew/twin "1"} {:db/id "3" :crew/twin "2"}]"#);
    let r = w.ok(
        r#"[{:db/id "c" :crew/twin "b" :crew/pay 3} {:db/id "b" :crew/twin "a" :crew/pay 2}
                     {:db/id "d" :crew/twin "c" :crew/pay 4} {:db/id "a" :crew/badge "root" :crew/pay 1}]"#,
    );
    assert_eq!(
        World::shown(&r),
        [
            "+e0 :crew/pay 1",
            "+e1 :crew/pay 2",
            "+e2 :crew/pay 3",
            "+e3 :crew/pay 4"
        ]
    );
    assert!(r.new_entities.is_empty());
}

#[test]
fn references_to_one_new_entity_unify() {
    let mut w = World::crew();
    let r = w.ok(r#"[{:db/id "x" :crew/name "root"} {:db/id "a" :crew/twin "x" :crew/pay 1} {:db/id "b" :crew/twin "x" :crew/name "B"}
                     {:db/id "p" :crew/twin "a"} {:db/id "q" :crew/twin "b" :crew/name "Q"}]"#);
    assert_eq!(r.new_entities.len(), 3);
    assert_eq!(r.entity("a"), r.entity("b"));
    assert_eq!(r.entity("p"), r.entity("q"));
}

#[test]
fn complete_tuples_upsert() {
    let mut w = World::crew();
    w.ok(r#"[{:seat/room "R1" :seat/row 3 :crew/pay 1}]"#);
    let r = w.ok(r#"[{:seat/room "R1" :seat/row 3 :crew/pay 2}]"#);
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 1", "+e0 :crew/pay 2"]);
    // Written out it names the entity, too.
    let r = w.ok(r#"[{:seat/room+row ["R1" 3] :crew/pay 3}]"#);
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 2", "+e0 :crew/pay 3"]);
    // New ones unify; incomplete ones are entities of their own, and conflict when equal.
    let r = w.ok(r#"[{:db/id "a" :seat/room "R2" :seat/row 1} {:db/id "b" :seat/room "R2" :seat/row 1 :crew/pay 9} {:seat/room "R2"}]"#);
    assert_eq!(r.new_entities.len(), 2);
    assert_eq!(w.code(r#"[{:seat/room "R2" :crew/pay 1}]"#), Code::UniqueConflict);
}

#[test]
fn two_owners_are_a_conflict() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A"} {:crew/mail "b@x"} {:crew/locker "L"}]"#);
    let e = w.transact(r#"[{:crew/badge "A" :crew/mail "b@x"}]"#).unwrap_err();
    assert_eq!(e.code(), Code::ConflictingUpsert);
    assert!(
        e.message().contains(":crew/badge \"A\"") && e.message().contains(":crew/mail \"b@x\""),
        "{e}"
    );
    // Through unification.
    let code = w.code(r#"[{:db/id "x" :crew/badge "A" :crew/twin "t"} {:db/id "t" :crew/name "T"} {:db/id "y" :crew/mail "b@x" :crew/twin "t"}]"#);
    assert_eq!(code, Code::ConflictingUpsert);
    // An explicit entity never merges, and a unique value never upserts.
    assert_eq!(
        w.code(r#"[[:db/add [:crew/mail "b@x"] :crew/badge "A"]]"#),
        Code::UniqueConflict
    );
    assert_eq!(w.code(r#"[{:crew/locker "L" :crew/pay 1}]"#), Code::UniqueConflict);
    assert_eq!(
        w.code(r#"[{:crew/locker "M" :crew/pay 1} {:crew/locker "M"}]"#),
        Code::UniqueConflict
    );
}

#[test]
fn tempids_need_a_fact() {
    let mut w = World::crew();
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :crew/mentor "ghost"}]"#),
        Code::TempidNotAnEntity
    );
    assert_eq!(
        w.code(r#"[[:db/retract "new" :crew/pay 1] [:db/add "new" :crew/name "N"]]"#),
        Code::TempidNotAnEntity
    );
    assert_eq!(w.code(r#"[[:db/retractEntity "new"]]"#), Code::TempidNotAnEntity);
    assert_eq!(
        w.code(r#"[[:db/cas -1 :crew/pay nil 1] [:db/add -1 :crew/name "x"]]"#),
        Code::TempidNotAnEntity
    );
    assert_eq!(w.code(r#"[{}]"#), Code::TempidNotAnEntity);
    // One that upserts is an existing entity.
    w.ok(r#"[{:crew/badge "A" :crew/pay 1}]"#);
    let r = w.ok(r#"[{:db/id "a" :crew/badge "A"} [:db/cas "a" :crew/pay 1 2]]"#);
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 1", "+e0 :crew/pay 2"]);
    let r = w.ok(r#"[{:db/id -7 :crew/badge "A"} [:db/retract -7 :crew/pay]]"#);
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 2"]);
    assert_eq!(r.entity("-7").unwrap().counter(), 1000);
}

#[test]
fn an_ident_upserts_and_a_fact_on_an_attribute_warns() {
    let mut w = World::crew();
    w.ok("[{:db/ident :team/red :crew/name \"red\"}]");
    let r = w.ok("[{:db/ident :team/red :crew/pay 3}]");
    assert_eq!(World::shown(&r), ["+:team/red :crew/pay 3"]);
    assert!(r.warnings.is_empty());
    let r = w.ok("[{:db/ident :crew/pay :crew/name \"oops\"}]");
    assert_eq!(r.warnings.len(), 1, "{:?}", r.warnings);
}
