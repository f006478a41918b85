//! Sections 2 to 9: forms, tempids, upserts, conflicts, retraction, cas.

use super::World;
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
