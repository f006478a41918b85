//! Composite and fixed tuples.

use super::World;
use crate::error::Code;

#[test]
fn a_composite_follows_its_members() {
    let mut w = World::crew();
    let r = w.ok(r#"[{:crew/badge "A" :seat/room "R1" :seat/row 3}]"#);
    assert!(World::shown(&r).contains(&"+e0 :seat/room+row [\"R1\" 3]".to_string()));
    let r = w.ok(r#"[{:crew/badge "A" :seat/row 4}]"#);
    assert_eq!(
        World::shown(&r),
        [
            "-e0 :seat/row 3",
            "+e0 :seat/row 4",
            "-e0 :seat/room+row [\"R1\" 3]",
            "+e0 :seat/room+row [\"R1\" 4]"
        ]
    );
    w.ok(r#"[[:db/retract [:crew/badge "A"] :seat/room]]"#);
    assert!(w.facts().contains(&"e0 :seat/room+row [nil 4]".to_string()));
    w.ok(r#"[[:db/retract [:crew/badge "A"] :seat/row 4]]"#);
    assert_eq!(w.facts(), ["e0 :crew/badge \"A\""]);
}

#[test]
fn a_composite_is_written_only_as_its_members_have_it() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :seat/room "R1" :seat/row 3 :seat/room+row ["R1" 3]}]"#);
    assert!(w.ok(r#"[{:crew/badge "A" :seat/room+row ["R1" 3]}]"#).noop);
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :seat/room+row ["R1" 4]}]"#),
        Code::InvalidTxForm
    );
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :seat/row 4 :seat/room+row ["R1" 3]}]"#),
        Code::InvalidTxForm
    );
    assert_eq!(
        w.code(r#"[[:db/retract [:crew/badge "A"] :seat/room+row]]"#),
        Code::InvalidTxForm
    );
    assert_eq!(
        w.code(r#"[[:db/cas [:crew/badge "A"] :seat/room+row ["R1" 3] ["R1" 4]]]"#),
        Code::InvalidTxForm
    );
}

#[test]
fn composites_are_unique_with_their_nils() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :seat/room "R1" :seat/row 3} {:crew/badge "B" :seat/row 4 :seat/room "R1"} {:crew/badge "C" :seat/room "R2"}]"#);
    assert_eq!(w.code(r#"[{:crew/badge "B" :seat/row 3}]"#), Code::UniqueConflict);
    assert_eq!(
        w.code(r#"[[:db/add [:crew/badge "B"] :seat/row 3]]"#),
        Code::UniqueConflict
    );
    assert_eq!(w.code(r#"[{:crew/badge "D" :seat/room "R2"}]"#), Code::UniqueConflict);
    // Two seats swap in one transaction: judged on the state after.
    w.ok(r#"[[:db/add [:crew/badge "A"] :seat/row 4] [:db/add [:crew/badge "B"] :seat/row 3]]"#);
    // Partial uniqueness lets the incomplete ones be.
    w.ok("[{:db/id :seat/room+row :db/uniquePartial true}]");
    w.ok(r#"[{:crew/badge "D" :seat/room "R2"}]"#);
    assert_eq!(
        w.code(r#"[[:db/add [:crew/badge "A"] :seat/row 3]]"#),
        Code::UniqueConflict
    );
}

#[test]
fn a_composite_over_existing_data_is_computed_at_once() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :crew/name "x" :crew/pay 1} {:crew/badge "B" :crew/name "y"} {:crew/badge "C" :crew/skill :z}]"#);
    let r = w.ok(
        "[{:db/ident :crew/name+pay :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [:crew/name :crew/pay]}
          [:db/add [:crew/badge \"B\"] :crew/pay 2]]",
    );
    assert_eq!(r.warnings, [":crew/name+pay was computed for 2 existing entities"]);
    let tuples: Vec<String> = w.facts().into_iter().filter(|f| f.contains("name+pay")).collect();
    assert_eq!(tuples, ["e0 :crew/name+pay [\"x\" 1]", "e1 :crew/name+pay [\"y\" 2]"]);
    let unique = "[{:db/ident :crew/skill+pay :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one
                    :db/tupleAttrs [:crew/rank :crew/retired] :db/unique :db.unique/value}]";
    w.ok(r#"[{:crew/badge "A" :crew/rank :r} {:crew/badge "B" :crew/rank :r}]"#);
    assert_eq!(w.code(unique), Code::UniqueViolation);
}

#[test]
fn retracting_an_entity_takes_its_tuples() {
    let mut w = World::crew();
    w.ok(r#"[{:db/id "g" :crew/badge "G"} {:crew/badge "A" :seat/room "R1" :seat/guest "g"}]"#);
    w.ok("[{:db/ident :seat/room+guest :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [:seat/room :seat/guest]}]");
    w.ok(r#"[[:db/retractEntity [:crew/badge "G"]]]"#);
    assert!(
        w.facts().contains(&"e1 :seat/room+guest [\"R1\" nil]".to_string()),
        "{:?}",
        w.facts()
    );
    w.ok(r#"[[:db/retractEntity [:crew/badge "A"]]]"#);
    assert_eq!(w.facts(), [""; 0]);
}

#[test]
fn fixed_tuples() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :spot/at [7 nil] :spot/path [[1 2 3] [4 5]]} {:crew/badge "B" :spot/path [1 2]}]"#);
    assert_eq!(
        w.facts()[1..],
        [
            "e0 :spot/at [7 nil]",
            "e0 :spot/path [1 2 3]",
            "e0 :spot/path [4 5]",
            "e1 :crew/badge \"B\"",
            "e1 :spot/path [1 2]"
        ]
    );
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :spot/at [7 "n" 1]}]"#),
        Code::InvalidTupleValue
    );
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :spot/path [[1 2 3 4 5 6 7 8 9]]}]"#),
        Code::InvalidTupleValue
    );
    assert_eq!(
        w.code(r#"[{:crew/badge "A" :spot/path [[1]]}]"#),
        Code::InvalidTupleValue
    );
    assert_eq!(w.code(r#"[{:crew/badge "A" :spot/at ["n" 7]}]"#), Code::WrongType);
}

#[test]
fn partial_uniqueness_is_taken_back_where_no_tuples_are_shared() {
    let mut w = World::crew();
    w.ok("[{:db/id :seat/room+row :db/uniquePartial true}]");
    w.ok(r#"[{:crew/badge "A" :seat/room "R1"} {:crew/badge "B" :seat/room "R1"}]"#);
    let back = "[{:db/id :seat/room+row :db/uniquePartial false}]";
    assert_eq!(w.code(back), Code::UniqueViolation);
    assert_eq!(
        w.code("[[:db/retract :seat/room+row :db/uniquePartial true]]"),
        Code::UniqueViolation
    );
    w.ok(r#"[{:crew/badge "B" :seat/row 1}]"#);
    w.ok(back);
    assert_eq!(w.code(r#"[{:crew/badge "C" :seat/room "R1"}]"#), Code::UniqueConflict);
}

#[test]
fn what_asof_itself_says_of_a_transaction_is_in_no_composite() {
    let mut w = World::crew();
    for member in [":db/txInstant", ":db.tx/nudged"] {
        let tuple = format!(
            "[{{:db/ident :audit/when :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one
                :db/tupleAttrs [{member} :crew/name]}}]"
        );
        assert_eq!(w.code(&tuple), Code::InvalidTupleAttrs, "{member}");
    }
}
