//! Every error of a transaction as the user sees it: text, message, place, hint. Read `snapshots/tx/` as a user would.

use std::fmt::Write;

use super::World;
use crate::testing::Labels;

fn answers(cases: &[&str]) -> String {
    let mut w = World::crew();
    w.ok(
        r#"[{:crew/badge "A" :crew/pay 10 :crew/skill [:x :y] :crew/name "Ada" :seat/room "R1" :seat/row 3}
             {:crew/badge "B" :crew/mail "b@x" :crew/locker "L1" :crew/name "Ada"} {:db/ident :team/red}
             {:db/id "datomic.tx" :db/txInstant #inst "2024-05-01"}]"#,
    );
    w.ok("[{:db/ident :spec/named :db.entity/attrs [:crew/name :crew/mail]} {:db/id :crew/rank :db.attr/preds rank/known?}
           {:db/id :crew/pay :db/ident :crew/wage}]");
    w.at(1_800_000_000_000_000);
    let (mut out, mut labels) = (String::new(), Labels::new());
    for case in cases {
        let answer = match w.transact(*case) {
            Ok(report) => format!("went through: {:?}", World::shown(&report)),
            Err(e) => labels.error(&w.db, &e).trim_end().to_string(),
        };
        writeln!(out, "{case}\n{answer}\n").expect("strings take everything");
    }
    out
}

fn check(name: &str, cases: &[&str]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/tx");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, answers(cases)));
}

#[test]
fn forms() {
    check(
        "forms",
        &[
            "",
            "[] []",
            "{:crew/name \"x\"}",
            "[:db/add \"a\" :crew/name \"x\"]",
            "[nil]",
            "[[]]",
            "[5]",
            "[[[:db/add \"a\" :crew/name \"x\"]]]",
            "[[\"a\" :crew/name \"x\"]]",
            "[[:db/add \"a\" :crew/name]]",
            "[[:db/add \"a\" :crew/name \"x\" 13194139534313 true]]",
            "[[:db/retract [:crew/badge \"A\"]]]",
            "[[:db/cas [:crew/badge \"A\"] :crew/wage 1]]",
            "[[:db/ad \"a\" :crew/name \"x\"]]",
            "[[:db/retractEntityy \"a\"]]",
            "[[pay/inc 5]]",
            "[{:crew/name \"x\" \"key\" 1}]",
            "[{}]",
            "[{:db/id #db/id[] :crew/name \"x\"}]",
            "[{:db/id #db/id[:my/part -1] :crew/name \"x\"}]",
            "[{:db/id #db/id[:db.part/db -1] :crew/name \"x\"} [:db/add #db/id[:db.part/user -1] :crew/name \"x\"]]",
        ],
    );
}

#[test]
fn names() {
    check(
        "names",
        &[
            "[{:crew/bagde \"A\"}]",
            "[[:db/add \"a\" :crew/nmae \"x\"]]",
            "[[:db/add \"a\" 5 \"x\"]]",
            "[[:db/add \"a\" \"crew/name\" \"x\"]]",
            "[{:something/else 1}]",
            "[{:db/ident :u/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one}\n {:u/x 1}]",
            "[[:db/add :team/rde :crew/name \"x\"]]",
            "[{:db/ident :team/blue} [:db/add :team/blue :crew/name \"x\"]]",
            "[[:db/add [:crew/badge \"Z\"] :crew/wage 1]]",
            "[{:crew/badge \"Z\"} [:db/add [:crew/badge \"Z\"] :crew/wage 1]]",
            "[[:db/add [:crew/name \"Ada\"] :crew/wage 1]]",
            "[[:db/add [:crew/badge] :crew/wage 1]]",
            "[[:db/add [:crew/badge nil] :crew/wage 1]]",
            "[[:db/add [:crew/badge 7] :crew/wage 1]]",
            "[[:db/add 99999 :crew/wage 1]]",
            "[[:db/add 17592186099999 :crew/wage 1]]",
            "[[:db/add nil :crew/wage 1]]",
            "[[:db/add 1.5 :crew/wage 1]]",
            "[{:crew/badge \"A\" :crew/mentor \"ghost\"}]",
            "[{:crew/badge \"A\" :crew/mentor {:crew/name \"nobody\"}}]",
            "[{:crew/_name \"x\"}]",
            "[[:db/retract [:crew/badge \"A\"] :crew/_mentor 5]]",
            "[[:db/retract \"new\" :crew/wage 1] {:db/id \"new\" :crew/name \"n\"}]",
        ],
    );
}

#[test]
fn values() {
    check(
        "values",
        &[
            "[{:crew/badge \"A\" :crew/wage \"five\"}]",
            "[{:crew/badge \"A\" :crew/wage 5.5}]",
            "[{:crew/badge \"A\" :crew/wage 12345678901234567890}]",
            "[{:crew/badge \"A\" :crew/wage nil}]",
            "[{:crew/badge \"A\" :crew/wage [1 2]}]",
            "[{:crew/badge \"A\" :crew/name :ada}]",
            "[{:crew/badge \"A\" :crew/skill \"x\"}]",
            "[{:crew/badge \"A\" :crew/skill [:x nil]}]",
            "[{:crew/badge \"A\" :crew/skill {:a 1}}]",
            "[[:db/add [:crew/badge \"A\"] :crew/skill [:x :y]]]",
            "[{:crew/badge \"A\" :crew/retired \"yes\"}]",
            "[{:crew/badge \"A\" :crew/mentor true}]",
            "[{:crew/badge \"A\" :crew/mentor :team/rde}]",
            "[{:crew/badge \"A\" :spot/at [1 \"a\" 2]}]",
            "[{:crew/badge \"A\" :spot/at [\"a\" 1]}]",
            "[{:crew/badge \"A\" :spot/at 5}]",
            "[{:crew/badge \"A\" :spot/path [[1]]}]",
            "[{:crew/badge \"A\" :seat/room+row [\"R9\" 9]}]",
            "[[:db/retract [:crew/badge \"A\"] :crew/wage \"ten\"]]",
            "[{:crew/badge \"A\" :crew/rank :pilot}]",
            "[{:crew/badge \"A\" :db/ensure :spec/named}]",
            "[{:crew/badge \"A\" :db/ensure :team/red}]",
        ],
    );
}

#[test]
fn conflicts() {
    check(
        "conflicts",
        &[
            "[[:db/add [:crew/badge \"A\"] :crew/wage 1]\n [:db/add [:crew/badge \"A\"] :crew/wage 2]]",
            "[[:db/add [:crew/badge \"A\"] :crew/skill :x]\n [:db/retract [:crew/badge \"A\"] :crew/skill :x]]",
            "[[:db/retract [:crew/badge \"A\"] :crew/badge \"A\"]\n {:db/id \"new\" :crew/badge \"A\"}]",
            "[{:crew/badge \"A\" :crew/mail \"b@x\"}]",
            "[[:db/add [:crew/badge \"B\"] :crew/badge \"A\"]]",
            "[{:crew/name \"C\" :crew/locker \"L1\"}]",
            "[{:crew/locker \"L2\"} {:crew/locker \"L2\"}]",
            "[{:db/id \"c\" :crew/locker \"L2\" :crew/wage 1}\n [:db/add \"c\" :crew/wage 2]]",
            "[[:db/add [:crew/badge \"B\"] :seat/room \"R1\"] [:db/add [:crew/badge \"B\"] :seat/row 3]]",
            "[[:db/cas [:crew/badge \"A\"] :crew/wage 5 6]]",
            "[[:db/cas [:crew/badge \"A\"] :crew/wage nil 6]]",
            "[[:db/cas [:crew/badge \"A\"] :crew/skill :x :y]]",
            "[[:db/retractEntity [:crew/badge \"A\"]]\n [:db/add [:crew/badge \"A\"] :crew/name \"Eve\"]]",
            "[{:db/id \"datomic.tx\" :db/txInstant #inst \"2020-01-01\"}]",
            "[{:db/id \"datomic.tx\" :db/txInstant #inst \"2124-01-01\"}]",
            "[[:db/add 13194139533313 :db/txInstant #inst \"2024-06-01\"]]",
            "[[:db/retract \"datomic.tx\" :db/txInstant #inst \"2024-06-01\"]]",
        ],
    );
}

#[test]
fn schema() {
    check(
        "schema",
        &[
            "[{:db/ident :u/x :db/cardinality :db.cardinality/one}]",
            "[{:db/valueType :db.type/long :db/cardinality :db.cardinality/one}]",
            "[{:db/ident :u/x :db/valueType :db.type/strin :db/cardinality :db.cardinality/one}]",
            "[{:db/ident :u/x :db/valueType :db.type/long :db/cardinality :db.type/long}]",
            "[{:db/ident :db/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]",
            "[{:db/ident :u/_x :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]",
            "[{:db/ident :u/x :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/isComponent true}]",
            "[{:db/ident :u/x :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one}]",
            "[{:db/ident :u/x :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [:crew/name :crew/nmae]}]",
            "[{:db/ident :u/x :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [:crew/name]}]",
            "[{:db/ident :u/x :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleTypes [:long :string]}]",
            "[{:db/id :crew/wage :db/valueType :db.type/string}]",
            "[{:db/id :crew/skill :db/cardinality :db.cardinality/one}]",
            "[{:db/id :crew/name :db/unique :db.unique/identity}]",
            "[{:db/id :seat/row :db/cardinality :db.cardinality/many}]",
            "[{:db/id :spot/path :db/tupleType :db.type/string}]",
            "[{:db/ident :crew/pay :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]",
            "[[:db/retractEntity :crew/wage]]",
            "[{:db/id :db/ident :db/cardinality :db.cardinality/many}]",
            "[[:db/add :team/red :db.install/partition :team/red]]",
        ],
    );
}
