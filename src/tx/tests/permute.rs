//! The order of forms means nothing: any permutation gives the same facts, or is refused as well.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::World;
use crate::datom::{EntityId, Value};
use crate::error::Result;
use crate::tx::Report;

/// The changes with new entities named by the least of their tempids.
fn changes(r: &Report) -> BTreeSet<String> {
    let name = |e: EntityId| {
        let temp = r
            .tempids
            .iter()
            .filter(|(_, id)| **id == e)
            .map(|(name, _)| name.as_str())
            .min();
        temp.map_or_else(|| e.to_string(), str::to_string)
    };
    r.tx_data().expect("values decode")[1..]
        .iter()
        .map(|d| {
            let v = match &d.v {
                Value::Ref(e) => name(*e),
                v => v.to_string(),
            };
            format!("{} {} {} {v}", d.added, name(d.e), d.a)
        })
        .collect()
}

fn world() -> World {
    let mut w = World::crew();
    w.ok(r#"[{:db/id "a" :crew/badge "b0" :crew/pay 1 :crew/skill [:s0 :s1] :crew/kit [{:kit/label "k"}] :seat/room "r0" :seat/row 0}
             {:crew/badge "b1" :crew/mentor "a" :crew/mail "m1" :crew/locker "l1" :crew/twin "a"}]"#);
    w
}

fn entity() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..4u8).prop_map(|n| format!("\"t{n}\"")),
        2 => (0..2u8).prop_map(|n| format!("[:crew/badge \"b{n}\"]")),
    ]
}

fn form() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        3 => (0..4u8).prop_map(|n| format!(":crew/badge \"b{n}\"")),
        2 => (0..4u8).prop_map(|n| format!(":crew/mail \"m{n}\"")),
        1 => (0..3u8).prop_map(|n| format!(":crew/locker \"l{n}\"")),
        3 => (0..3u8).prop_map(|n| format!(":crew/pay {n}")),
        3 => (0..3u8).prop_map(|n| format!(":crew/skill :s{n}")),
        2 => (0..2u8).prop_map(|n| format!(":seat/room \"r{n}\"")),
        2 => (0..2u8).prop_map(|n| format!(":seat/row {n}")),
        2 => entity().prop_map(|e| format!(":crew/twin {e}")),
        2 => entity().prop_map(|e| format!(":crew/friend [{e}]")),
        2 => entity().prop_map(|e| format!(":crew/_mentor {e}")),
    ];
    let one = value.clone();
    prop_oneof![
        6 => (entity(), prop::collection::vec(value, 1..3)).prop_map(|(e, vs)| format!("{{:db/id {e} {}}}", vs.join(" "))),
        3 => (entity(), one).prop_map(|(e, v)| match v.replace(['[', ']'], "") {
            v if v.contains("friend") => format!("{{:db/id {e} :crew/pay 1}}"),
            _ => format!("[:db/add {e} {v}]"),
        }),
        2 => (entity(), 0..3u8).prop_map(|(e, n)| format!("[:db/retract {e} :crew/skill :s{n}]")),
        1 => entity().prop_map(|e| format!("[:db/retract {e} :crew/pay]")),
        1 => entity().prop_map(|e| format!("[:db/retractEntity {e}]")),
        1 => (entity(), 0..3u8, 0..3u8).prop_map(|(e, x, y)| format!("[:db/cas {e} :crew/pay {x} {y}]")),
    ]
}

/// Duplicate keys in one map are a mistake of the text, not of the transaction.
fn readable(forms: &[String]) -> bool {
    crate::edn::read(&format!("[{}]", forms.join(" "))).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn permutations_agree(forms in prop::collection::vec(form(), 1..6), seed in any::<prop::sample::Index>()) {
        prop_assume!(readable(&forms));
        let mut other = forms.clone();
        other.rotate_left(seed.index(forms.len()));
        if seed.index(2) == 1 {
            other.reverse();
        }
        let run = |forms: &[String]| -> Result<(BTreeSet<String>, World)> {
            let mut w = world();
            let r = w.transact(format!("[{}]", forms.join(" ")))?;
            Ok((changes(&r), w))
        };
        match (run(&forms), run(&other)) {
            (Ok((x, mut w)), Ok((y, _))) => {
                prop_assert_eq!(x, y);
                // And what was said once holds: saying it again changes nothing, unless it compared, or named entities anew.
                if !forms.iter().any(|f| f.contains("cas") || f.contains("retract")) {
                    let again = w.transact(format!("[{}]", forms.join(" ")));
                    if let Ok(r) = again {
                        prop_assert!(r.noop || !r.new_entities.is_empty() || changes(&r).iter().all(|c| c.contains("tx")) , "{:?}", changes(&r));
                    }
                }
            }
            (Err(_), Err(_)) => {}
            (x, y) => prop_assert!(false, "{forms:?}: {:?} but {:?}", x.map(|x| x.0), y.map(|y| y.0)),
        }
    }
}
