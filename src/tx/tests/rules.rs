//! Functions, predicates, specs, instants.

use std::sync::Arc;

use super::World;
use crate::datom::Value;
use crate::db::Registry;
use crate::edn::{self, Edn, Instant, Node, Symbol};
use crate::error::{Code, Error};
use crate::index::{Order, Range};

fn registry() -> Registry {
    let mut r = Registry::default();
    r.tx_fns.insert(
        Symbol::new("pay/inc"),
        Arc::new(|db, args| {
            let (Node::Long(e), Node::Long(by)) = (&args[0].node, &args[1].node) else {
                return Err(Error::new(Code::TxFunctionFailed, "pay/inc takes an id and a number"));
            };
            let pay = db.attribute(&edn::Keyword::new("crew/pay"))?.id;
            let mut old = 0;
            for batch in db.scan(Order::Eavt, &Range::ea(*e as u64, pay)) {
                old = batch?.v().first().map_or(0, |w| crate::datom::word::to_long(*w));
            }
            edn::read(&format!("[:db/add {e} :crew/pay {}]", old + by))
        }),
    );
    r.tx_fns.insert(
        Symbol::new("twice"),
        Arc::new(|_, args| edn::read(&format!("[:pay/inc {} 1] [pay/inc {} 1]", args[0], args[0]))),
    );
    r.tx_fns
        .insert(Symbol::new("forever"), Arc::new(|_, _| edn::read("[forever]")));
    r.attr_preds.insert(
        Symbol::new("pay/fair?"),
        Arc::new(|v| matches!(v, Value::Long(x) if *x < 100)),
    );
    r.entity_preds.insert(
        Symbol::new("crew/paid?"),
        Arc::new(|db, e| {
            let pay = db.attribute(&edn::Keyword::new("crew/pay")).expect("installed").id;
            db.scan(Order::Eavt, &Range::ea(e.0, pay))
                .any(|b| b.is_ok_and(|b| !b.is_empty()))
        }),
    );
    r
}

fn world() -> World {
    let mut w = World::with_registry(registry());
    w.ok(super::SCHEMA);
    w
}

#[test]
fn functions_see_the_database_before() {
    let mut w = world();
    let e = w
        .ok(r#"[{:db/id "a" :crew/badge "A" :crew/pay 10}]"#)
        .entity("a")
        .unwrap();
    let r = w.ok(format!("[[:pay/inc {e} 5]]"));
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 10", "+e0 :crew/pay 15"]);
    assert!(r.warnings.is_empty());
    // Two calls collapse, and the report says so.
    let r = w.ok(format!("[[:pay/inc {e} 5] [pay/inc {e} 5]]"));
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 15", "+e0 :crew/pay 20"]);
    assert_eq!(r.warnings.len(), 1, "{:?}", r.warnings);
    // Calls may return calls.
    let r = w.ok(format!("[[twice {e}]]"));
    assert_eq!(World::shown(&r), ["-e0 :crew/pay 20", "+e0 :crew/pay 21"]);
    assert_eq!(w.code("[[forever]]"), Code::TxFunctionFailed);
    assert_eq!(w.code("[[pay/inc \"x\" 1]]"), Code::TxFunctionFailed);
    assert_eq!(w.code("[[pay/icn 1 1]]"), Code::NotADataFunction);
    assert_eq!(w.code("[[:db/frob 1 1]]"), Code::NotADataFunction);
}

#[test]
fn attribute_predicates_look_at_every_assertion() {
    let mut w = world();
    w.ok(r#"[{:crew/badge "A" :crew/pay 500}]"#);
    w.ok("[{:db/id :crew/pay :db.attr/preds pay/fair?}]");
    assert_eq!(w.code(r#"[{:crew/badge "A" :crew/pay 200}]"#), Code::AttrPred);
    // Redundant ones too, but never retractions.
    assert_eq!(w.code(r#"[{:crew/badge "A" :crew/pay 500}]"#), Code::AttrPred);
    w.ok(r#"[[:db/retract [:crew/badge "A"] :crew/pay 500]]"#);
    w.ok(r#"[{:crew/badge "A" :crew/pay 20}]"#);
    w.ok("[{:db/id :crew/name :db.attr/preds not/registered?}]");
    assert_eq!(w.code(r#"[{:crew/badge "A" :crew/name "x"}]"#), Code::AttrPred);
}

#[test]
fn specs_hold_on_the_database_after() {
    let mut w = world();
    w.ok("[{:db/ident :spec/paid :db.entity/attrs [:crew/badge :crew/name] :db.entity/preds crew/paid?}]");
    let r = w.ok(r#"[{:crew/badge "A" :crew/name "a" :crew/pay 1 :db/ensure :spec/paid}]"#);
    assert_eq!(r.datom_count(), 4, "ensure leaves no datom");
    assert_eq!(
        w.code(r#"[{:crew/badge "B" :crew/pay 1 :db/ensure :spec/paid}]"#),
        Code::EntityAttr
    );
    assert_eq!(
        w.code(r#"[{:crew/badge "B" :crew/name "b" :db/ensure [:spec/paid]}]"#),
        Code::EntityPred
    );
    w.ok(r#"[{:crew/badge "B"}]"#);
    assert_eq!(
        w.code(r#"[[:db/retract [:crew/badge "A"] :crew/name] {:crew/badge "A" :db/ensure :spec/paid}]"#),
        Code::EntityAttr
    );
    assert_eq!(
        w.code(r#"[{:crew/badge "B" :db/ensure :crew/name}]"#),
        Code::NotAnEntity
    );
}

#[test]
fn specs_that_always_hold() {
    let mut w = world();
    w.ok("[{:db/ident :spec/pilot :db.entity/always :crew/rank :db.entity/attrs :crew/name}]");
    w.ok(r#"[{:crew/badge "A"}]"#);
    assert_eq!(w.code(r#"[{:crew/badge "A" :crew/rank :pilot}]"#), Code::EntityAttr);
    w.ok(r#"[{:crew/badge "A" :crew/rank :pilot :crew/name "Ada"}]"#);
    assert_eq!(
        w.code(r#"[[:db/retract [:crew/badge "A"] :crew/name]]"#),
        Code::EntityAttr
    );
    w.ok(r#"[[:db/retractEntity [:crew/badge "A"]]]"#);
}

#[test]
fn a_spec_holds_whenever_its_marker_was_made() {
    let mut w = world();
    let marker = "[{:db/ident :crew/boat :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]";
    w.ok("[{:db/ident :spec/rower :db.entity/always :crew/boat :db.entity/attrs :crew/name}]");
    w.ok(marker);
    assert_eq!(w.code(r#"[{:crew/badge "A" :crew/boat "b"}]"#), Code::EntityAttr);
    // An attribute that gets the name later is as good.
    w.ok("[{:db/ident :spec/late :db.entity/always :crew/late :db.entity/attrs :crew/name}]");
    w.ok("[{:db/id :crew/rank :db/ident :crew/late}]");
    assert_eq!(w.code(r#"[{:crew/badge "A" :crew/late :pilot}]"#), Code::EntityAttr);
}

#[test]
fn instants_increase_strictly() {
    let mut w = World::crew();
    w.at(1_000_000);
    assert_eq!(w.ok("[]").instant, Instant(1_000_000));
    assert_eq!(w.ok("[]").instant, Instant(1_000_001));
    w.at(5);
    assert_eq!(w.ok("[]").instant, Instant(1_000_002));
    w.at(2_000_000_000_000_000);
    w.ok("[{:db/id \"datomic.tx\" :db/txInstant #inst \"2000-01-01\"}]");
    assert_eq!(
        w.code("[{:db/id \"datomic.tx\" :db/txInstant #inst \"2000-01-01\"}]"),
        Code::PastTxInstant
    );
    assert_eq!(
        w.code("[{:db/id \"datomic.tx\" :db/txInstant #inst \"1999-01-01\"}]"),
        Code::PastTxInstant
    );
    assert_eq!(
        w.code("[{:db/id \"datomic.tx\" :db/txInstant #inst \"2100-01-01\"}]"),
        Code::FutureTxInstant
    );
    let two = "[{:db/id \"datomic.tx\" :db/txInstant #inst \"2001-01-01\"} [:db/add \"datomic.tx\" :db/txInstant #inst \"2001-01-02\"]]";
    assert_eq!(w.code(two), Code::DatomsConflict);
    w.options.nudge = true;
    let r = w.ok("[{:db/id \"datomic.tx\" :db/txInstant #inst \"1999-01-01\"}]");
    assert_eq!(r.instant, Instant(946_684_800_000_001));
    assert_eq!(
        World::shown(&r),
        [format!("+tx{} :db.tx/nudged #inst \"1999-01-01T00:00:00.000Z\"", r.t)]
    );
}

#[test]
fn other_instants_stay() {
    let mut w = World::crew();
    w.ok("[]");
    let tx = crate::datom::TxId::from_t(2);
    for form in [
        format!("[:db/add {tx} :db/txInstant #inst \"2001-01-01\"]"),
        format!("[:db/retract {tx} :db/txInstant]"),
        format!("[:db/retractEntity {tx}]"),
        "[:db/retractEntity \"datomic.tx\"]".to_string(),
        format!("[:db/cas {tx} :db/txInstant nil #inst \"2001-01-01\"]"),
        "[:db/add \"x\" :db/txInstant #inst \"2001-01-01\"]".to_string(),
    ] {
        assert_eq!(w.code(format!("[{form}]")), Code::ResetTxInstant, "{form}");
    }
}

#[test]
fn typed_transactions() {
    use crate::tx::{Entity, Term, Tx};
    let mut w = World::crew();
    let r = w.ok(Tx::new()
        .add(Entity::temp("a"), ":crew/badge", "A")
        .add(Entity::temp("a"), "crew/pay", 3)
        .add(Entity::temp("a"), ":crew/mentor", Entity::temp("b"))
        .entity(Entity::temp("b"), [(":crew/badge", "B")])
        .add(Entity::Tx, ":audit/who", "me"));
    let a = r.entity("a").unwrap();
    let lookup = || Entity::Lookup(edn::Keyword::new("crew/badge"), Value::string("B"));
    let r = w.ok(Tx::new()
        .cas(a, ":crew/pay", Some(Term::from(3)), 4)
        .retract_entity(lookup())
        .retract(a, ":crew/skill", edn::Keyword::new("x")));
    assert_eq!(
        World::shown(&r),
        [
            "-e0 :crew/mentor e1",
            "-e0 :crew/pay 3",
            "+e0 :crew/pay 4",
            "-e1 :crew/badge \"B\""
        ]
    );
    assert_eq!(w.code(Tx::new().add(a, ":crew/pay", "x")), Code::WrongType);
    assert_eq!(w.code(Tx::new().add(a, ":crew/pya", 1)), Code::NotAnEntity);
    assert_eq!(w.code(Tx::new().add(a, ":crew/pay", f64::NAN)), Code::WrongType);
    // The zero parts namespace and name in the index.
    for name in [
        edn::Keyword::from_parts("a\0b", "c"),
        edn::Keyword::new(&"k".repeat(5000)),
    ] {
        assert!(w.transact(Tx::new().add(a, ":crew/skill", name)).is_err());
    }
    let same: Vec<Edn> = edn::read("[:db/add \"a\" :crew/badge \"A\"]").unwrap();
    assert!(w.ok(same).noop);
}
