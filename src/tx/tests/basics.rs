//! Forms, sets of facts, redundancy and conflict, names and maps.

use super::World;
use crate::datom::{EntityId, Partition};
use crate::error::Code;

#[test]
fn map_and_list_forms_make_the_same_facts() {
    let mut w = World::crew();
    let r = w.ok(r#"[[:db/add "a" :crew/name "Ada"] {:db/id "a" :crew/pay 1 :crew/skill [:x :y]} {:crew/name "Bo"}]"#);
    assert_eq!(
        World::shown(&r),
        [
            "+e0 :crew/name \"Ada\"",
            "+e0 :crew/skill :x",
            "+e0 :crew/skill :y",
            "+e0 :crew/pay 1",
            "+e1 :crew/name \"Bo\""
        ]
    );
    assert_eq!(r.new_entities.len(), 2);
    assert_eq!(r.tempids.len(), 1);
    assert!(!r.noop);
}

#[test]
fn an_empty_transaction_is_one_datom() {
    let mut w = World::crew();
    let r = w.ok("[]");
    assert_eq!((r.datom_count(), r.noop, r.t), (1, true, 2));
}

#[test]
fn an_added_fact_that_holds_keeps_its_transaction() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "K7" :crew/rank :pilot :crew/skill [:a :b]}]"#);
    let r = w.ok(r#"[{:crew/badge "K7" :crew/rank :pilot :crew/skill :a}]"#);
    assert_eq!(World::shown(&r), [""; 0]);
    assert!(r.noop);
}

#[test]
fn a_new_value_of_one_retracts_the_old() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "K7" :crew/pay 40}]"#);
    let r = w.ok(r#"[{:crew/badge "K7" :crew/pay 41}]"#);
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 40", "+e0 :crew/pay 41"]);
    let r = w.ok(r#"[{:crew/badge "K7" :crew/pay 39}]"#);
    assert_eq!(World::shown(&r), ["+e0 :crew/pay 39", "-e0 :crew/pay 41"]);
}

#[test]
fn a_fact_that_does_not_hold_is_retracted_in_silence() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "K7" :crew/pay 40}]"#);
    let r = w.ok(r#"[[:db/retract [:crew/badge "K7"] :crew/pay 41] [:db/retract [:crew/badge "K7"] :crew/skill :x]]"#);
    assert!(r.noop);
}

#[test]
fn false_is_a_value() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "K7" :crew/retired true}]"#);
    assert!(w.ok(r#"[[:db/retract [:crew/badge "K7"] :crew/retired false]]"#).noop);
    let r = w.ok(r#"[[:db/retract [:crew/badge "K7"] :crew/retired]]"#);
    assert_eq!(World::shown(&r), ["-e0 :crew/retired true"]);
}

#[test]
fn conflicts_are_judged_before_redundancy() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "K7" :crew/pay 1 :crew/skill :x}]"#);
    let code = w.code(r#"[[:db/add [:crew/badge "K7"] :crew/pay 1] [:db/add [:crew/badge "K7"] :crew/pay 2]]"#);
    assert_eq!(code, Code::DatomsConflict);
    let code =
        w.code(r#"[[:db/add [:crew/badge "K7"] :crew/skill :y] [:db/retract [:crew/badge "K7"] :crew/skill :y]]"#);
    assert_eq!(code, Code::DatomsConflict);
    assert!(
        w.ok(r#"[[:db/add [:crew/badge "K7"] :crew/pay 1] [:db/add [:crew/badge "K7"] :crew/pay 1]]"#)
            .noop
    );
}

#[test]
fn retract_all_and_a_new_value_replace() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "K7" :crew/pay 1 :crew/skill [:x :y]}]"#);
    let r = w.ok(
        r#"[[:db/retract [:crew/badge "K7"] :crew/skill] [:db/add [:crew/badge "K7"] :crew/skill :z]
                     [:db/retract [:crew/badge "K7"] :crew/pay] [:db/add [:crew/badge "K7"] :crew/pay 2]]"#,
    );
    assert_eq!(
        World::shown(&r),
        [
            "-e0 :crew/skill :x",
            "-e0 :crew/skill :y",
            "+e0 :crew/skill :z",
            "-e0 :crew/pay 1",
            "+e0 :crew/pay 2"
        ]
    );
    // The value that is there is said to go and to stay.
    let code = w.code(r#"[[:db/retract [:crew/badge "K7"] :crew/pay] [:db/add [:crew/badge "K7"] :crew/pay 2]]"#);
    assert_eq!(code, Code::DatomsConflict);
}

#[test]
fn a_unique_value_moves_between_explicit_entities() {
    let mut w = World::crew();
    let r = w.ok(r#"[{:db/id "a" :crew/badge "K7" :crew/locker "L1"} {:db/id "b" :crew/name "Bo"}]"#);
    let (a, b) = (r.entity("a").unwrap(), r.entity("b").unwrap());
    let r = w.ok(format!(
        r#"[[:db/retract {a} :crew/badge "K7"] [:db/add {b} :crew/badge "K7"]
                             [:db/add {b} :crew/locker "L1"] [:db/add {a} :crew/locker "L2"]]"#
    ));
    assert_eq!(
        World::shown(&r),
        [
            "-e0 :crew/badge \"K7\"",
            "-e0 :crew/locker \"L1\"",
            "+e0 :crew/locker \"L2\"",
            "+e1 :crew/badge \"K7\"",
            "+e1 :crew/locker \"L1\""
        ]
    );
    // To a tempid it does not move: that is the same entity.
    let e = w
        .transact(r#"[[:db/retract [:crew/badge "K7"] :crew/badge "K7"] {:db/id "c" :crew/badge "K7"}]"#)
        .unwrap_err();
    assert_eq!(e.code(), Code::DatomsConflict);
    assert!(e.hint_text().unwrap().contains(r#"the tempid "c" resolved to"#), "{e}");
}

#[test]
fn reverse_attributes_in_both_forms() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A"} {:crew/badge "B"} {:crew/badge "C"}]"#);
    let r = w.ok(
        r#"[{:crew/name "new" :crew/_mentor [[:crew/badge "A"] [:crew/badge "B"]]}
                     [:db/add [:crew/badge "A"] :crew/_mentor [:crew/badge "C"]]]"#,
    );
    assert_eq!(
        World::shown(&r),
        [
            "+e0 :crew/mentor e3",
            "+e1 :crew/mentor e3",
            "+e2 :crew/mentor e0",
            "+e3 :crew/name \"new\""
        ]
    );
    assert_eq!(w.code(r#"[{:crew/_name "x"}]"#), Code::WrongType);
}

#[test]
fn a_pair_on_a_many_ref_is_a_lookup_ref_when_its_head_is_unique() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A"} {:db/ident :team/red} {:db/ident :team/blue}]"#);
    let r = w.ok(
        r#"[{:crew/badge "B" :crew/friend [:crew/badge "A"]} {:crew/badge "C" :crew/friend [:team/red :team/blue]}]"#,
    );
    assert_eq!(
        World::shown(&r),
        [
            "+e1 :crew/badge \"B\"",
            "+e1 :crew/friend e0",
            "+e2 :crew/badge \"C\"",
            "+e2 :crew/friend :team/red",
            "+e2 :crew/friend :team/blue"
        ]
    );
}

#[test]
fn nested_maps_need_a_way_to_be_reached() {
    let mut w = World::crew();
    let r = w.ok(
        r#"[{:crew/badge "A" :crew/kit [{:kit/label "box" :kit/part {:kit/label "rope"}}]
                      :crew/mentor {:crew/badge "B" :crew/_friend {:crew/badge "C"}}
                      :crew/friend [{:db/id "d" :crew/name "D"}]}]"#,
    );
    assert_eq!(r.new_entities.len(), 6);
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :crew/friend [{:crew/name "nobody"}]}]"#),
        Code::InvalidNestedEntity
    );
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :crew/mentor {:crew/name "nobody"}}]"#),
        Code::InvalidNestedEntity
    );
}

#[test]
fn lookup_refs_see_the_database_before() {
    let mut w = World::crew();
    assert_eq!(
        w.code(r#"[{:crew/badge "A"} [:db/add [:crew/badge "A"] :crew/pay 1]]"#),
        Code::NotAnEntity
    );
    w.ok(r#"[{:crew/badge "A" :seat/room "R" :seat/row 1} {:crew/badge "B" :crew/twin "c"} {:db/id "c" :crew/badge "C"}]"#);
    // Inside each other, and on a tuple.
    let r = w
        .ok(r#"[[:db/add [:crew/twin [:crew/badge "C"]] :crew/pay 7] [:db/add [:seat/room+row ["R" 1]] :crew/pay 8]]"#);
    assert_eq!(World::shown(&r), ["+e0 :crew/pay 8", "+e1 :crew/pay 7"]);
}

#[test]
fn ids_are_only_those_that_were_allocated() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/name "A"}]"#);
    let next = EntityId::new(Partition::USER, 1001);
    for id in [
        next.0,
        60,
        EntityId::new(Partition::TX, 3).0,
        EntityId::new(Partition(77), 1000).0,
        EntityId::new(Partition::USER, 3).0,
    ] {
        assert_eq!(
            w.code(format!("[[:db/add {id} :crew/pay 1]]")),
            Code::InvalidEntityId,
            "{id}"
        );
    }
    w.ok(format!(
        "[[:db/add {} :crew/pay 1] [:db/add {} :audit/who \"later\"]]",
        EntityId::new(Partition::USER, 1000),
        EntityId::new(Partition::TX, 2)
    ));
}

#[test]
fn submitted_twice_adds_one_datom() {
    let mut w = World::crew();
    let tx = r#"[{:crew/badge "A" :crew/skill [:x :y] :crew/kit {:db/id "k" :kit/label "k"} :seat/room "R" :seat/row 1 :spot/at [1 "n"]}
                 [:db/add "m" :crew/mail "m@x"] {:db/id "m" :crew/friend [[:crew/badge "Z"]] :crew/twin "n"} {:db/id "n" :crew/badge "N"}]"#;
    w.ok(r#"[{:crew/badge "Z"} {:crew/badge "A" :crew/kit {:kit/label "old"}}]"#);
    let tx = tx.replace(r#":crew/kit {:db/id "k" :kit/label "k"}"#, "");
    w.ok(tx.as_str());
    let r = w.ok(tx.as_str());
    assert_eq!((r.datom_count(), r.noop), (1, true), "{:?}", World::shown(&r));
}

#[test]
fn facts_about_the_transaction() {
    let mut w = World::crew();
    let r = w.ok(r#"[{:db/id "datomic.tx" :audit/who "ana"} {:crew/badge "A" :crew/mentor "datomic.tx"}]"#);
    assert_eq!(
        World::shown(&r),
        [
            "+tx2 :audit/who \"ana\"",
            "+e0 :crew/badge \"A\"",
            "+e0 :crew/mentor tx2"
        ]
    );
    assert!(r.tempids.is_empty());
}

#[test]
fn attributes_by_id_and_forms_as_lists() {
    let mut w = World::crew();
    let pay = w.db.attribute(&crate::edn::Keyword::new("crew/pay")).unwrap().id;
    let r = w.ok(format!("[(:db/add \"a\" {pay} 3)]"));
    assert_eq!(World::shown(&r), ["+e0 :crew/pay 3"]);
}

#[test]
fn partitions() {
    let mut w = World::crew();
    let r = w.ok("[{:db/ident :part/ships :db.install/_partition :db.part/db}]");
    let part = w.db.schema().entid(&crate::edn::Keyword::new("part/ships")).unwrap();
    assert_eq!(r.new_entities, [part]);
    let r = w.ok(
        r#"[[:db/add #db/id[:part/ships -1] :crew/name "S"] {:db/id #db/id[:part/ships -1] :crew/pay 1}
                     {:db/id #db/id[:part/ships] :crew/name "T" :crew/mentor #db/id[:part/ships -1]}]"#,
    );
    let ids: Vec<u64> = r.new_entities.iter().map(|e| e.0).collect();
    let at = |n| EntityId::new(Partition(part.0 as u32), n).0;
    assert_eq!(ids, [at(1000), at(1001)]);
    assert_eq!(
        w.code(r#"[{:db/id #db/id[:part/nowhere] :crew/name "S"}]"#),
        Code::NotAnEntity
    );
    assert_eq!(
        w.code(r#"[[:db/retract :db.part/db :db.install/partition :part/ships]]"#),
        Code::UnsupportedAlterSchema
    );
}

#[test]
fn speculation_stores_nothing_and_chains() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "a long badge number 1"}]"#);
    let one =
        w.db.with(r#"[{:crew/badge "a long badge number 2" :crew/name "somebody unheard of"}]"#)
            .unwrap();
    let two = one
        .db_after
        .with(r#"[{:crew/badge "a long badge number 2" :crew/name "somebody else altogether"}]"#)
        .unwrap();
    assert_eq!(
        World::shown(&two),
        [
            "+e1 :crew/name \"somebody else altogether\"",
            "-e1 :crew/name \"somebody unheard of\""
        ]
    );
    assert_eq!(w.facts(), ["e0 :crew/badge \"a long badge number 1\""]);
    assert!(two.db_after.is_speculative());
    assert_eq!(
        w.db.as_of(1u64).unwrap().with("[]").unwrap_err().code(),
        Code::WithOnView
    );
    assert_eq!(
        w.db.history().with("[]").unwrap_err().code(),
        Code::NotSupportedOnHistory
    );
}

/// Each speculation keeps its new texts in a layer of its own; hundreds of them are still told apart.
#[test]
fn speculations_chain() {
    let conn = crate::testing::fixture(
        "[{:db/ident :n/text :db/valueType :db.type/string :db/cardinality :db.cardinality/many}]",
    )
    .expect("an attribute");
    let text = |i: usize| format!("a text that fits no word, number {i}");
    let mut db = conn.db();
    for i in 0..300 {
        let data = format!("[[:db/add :n/text :n/text {:?}]]", text(i));
        db = db.with(data).expect("a speculation").db_after;
    }
    let found = db
        .q("[:find [?t ...] :where [:n/text :n/text ?t]]", &[])
        .expect("texts");
    let mut expected: Vec<String> = (0..300).map(text).collect();
    expected.sort();
    assert_eq!(found.typed::<String>().expect("strings"), expected);
}
