//! Retracting entities, compare and swap.

use super::World;
use crate::error::Code;

#[test]
fn an_entity_goes_with_its_parts_and_the_references_to_it() {
    let mut w = World::crew();
    w.ok(r#"[{:db/id "a" :crew/badge "A" :crew/kit [{:kit/label "box" :kit/part {:kit/label "rope"}}]} {:crew/badge "B" :crew/mentor "a"}]"#);
    let r = w.ok(r#"[[:db/retractEntity [:crew/badge "A"]]]"#);
    assert_eq!(r.datom_count(), 1 + 6);
    assert_eq!(w.facts(), ["e3 :crew/badge \"B\""]);
    assert!(w.ok(r#"[[:db.fn/retractEntity 17592186045416]]"#).noop);
}

#[test]
fn cycles_shared_parts_and_self_references_end() {
    let mut w = World::crew();
    w.ok(r#"[{:db/id "a" :crew/badge "A" :crew/kit ["x" "s"]} {:db/id "b" :crew/badge "B" :crew/kit ["s"]}
             {:db/id "x" :kit/label "x" :kit/part ["y" "x"]} {:db/id "y" :kit/label "y" :kit/part "x"} {:db/id "s" :kit/label "shared"}]"#);
    w.ok(r#"[[:db/retractEntity [:crew/badge "A"]]]"#);
    // `s` went with its first owner, and B's reference to it.
    assert_eq!(w.facts(), ["e3 :crew/badge \"B\""]);
}

#[test]
fn a_plain_retract_leaves_the_part() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A" :crew/kit [{:db/id "k" :kit/label "box"}]}]"#);
    w.ok(r#"[[:db/retract [:crew/badge "A"] :crew/kit]]"#);
    assert_eq!(w.facts(), ["e0 :crew/badge \"A\"", "e1 :kit/label \"box\""]);
}

#[test]
fn what_is_retracted_whole_gets_no_facts() {
    let mut w = World::crew();
    w.ok(
        r#"[{:crew/badge "A" :crew/pay 1} {:crew/badge "B" :crew/mentor [:crew/badge "Z"]}]"#
            .replace(" :crew/mentor [:crew/badge \"Z\"]", "")
            .as_str(),
    );
    for add in [":crew/pay 1", ":crew/pay 2", ":crew/name \"x\""] {
        let tx = format!(r#"[[:db/retractEntity [:crew/badge "A"]] [:db/add [:crew/badge "A"] {add}]]"#);
        assert_eq!(w.code(tx), Code::DatomsConflict);
    }
    // Its identity is free for another in the same transaction.
    w.ok(r#"[[:db/retractEntity [:crew/badge "A"]] [:db/add [:crew/badge "B"] :crew/badge "A"]]"#);
    assert_eq!(w.facts(), ["e1 :crew/badge \"A\""]);
}

#[test]
fn cas() {
    let mut w = World::crew();
    w.ok(r#"[{:crew/badge "A"} {:crew/badge "B"} {:db/ident :team/red}]"#);
    w.ok(r#"[[:db/cas [:crew/badge "A"] :crew/pay nil 10]]"#);
    let e = w
        .transact(r#"[[:db/cas [:crew/badge "A"] :crew/pay nil 11]]"#)
        .unwrap_err();
    assert_eq!(e.code(), Code::CasFailed);
    assert!(e.data().contains(&("expected", "nil".into())) && e.data().contains(&("actual", "10".into())));
    let r = w.ok(r#"[[:db.fn/cas [:crew/badge "A"] :crew/pay 10 12]]"#);
    assert_eq!(r.datom_count(), 3);
    assert!(w.ok(r#"[[:db/cas [:crew/badge "A"] :crew/pay 12 12]]"#).noop);
    // References by any name.
    w.ok(r#"[[:db/cas [:crew/badge "A"] :crew/mentor nil :team/red]]"#);
    w.ok(r#"[[:db/cas [:crew/badge "A"] :crew/mentor :team/red [:crew/badge "B"]]]"#);
    let two = r#"[[:db/cas [:crew/badge "A"] :crew/pay 12 13] [:db/cas [:crew/badge "A"] :crew/pay 12 14]]"#;
    assert_eq!(w.code(two), Code::DatomsConflict);
    assert_eq!(
        w.code(r#"[[:db/cas [:crew/badge "A"] :crew/skill nil :x]]"#),
        Code::CasNotCardinalityOne
    );
    assert_eq!(
        w.code(r#"[[:db/cas [:crew/badge "A"] :crew/pay 12 nil]]"#),
        Code::NilValue
    );
}
