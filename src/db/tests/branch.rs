//! Branches against databases that only ever got the transactions up to there.
//!
//! Random histories with attributes that come late; for each t a second database is made by replaying the log up to it, and
//! everything that can be asked of the branch must be answered as there: facts in all orders, views, schema, queries, and what
//! transactions on top of it do, which ids and t they get, and why they are refused.

use std::collections::BTreeSet;

use crate::conn::{Connection, Options};
use crate::datom::Datom;
use crate::db::Db;
use crate::edn::Edn;
use crate::error::{Code, Result};
use crate::index::Order;
use proptest::prelude::*;

const TYPES: [&str; 5] = ["long", "string", "ref", "keyword", "instant"];

#[derive(Clone, Debug)]
enum Step {
    /// Facts of known entities and of a new one.
    Facts(Vec<Op>),
    /// A new attribute: its type, whether it is unique.
    Attribute(u8, bool),
    Fold,
}

/// Entity, attribute, value, whether it is asserted.
type Op = (u8, u8, u8, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let op = (0u8..20, 0u8..6, 0u8..20, 0u8..4).prop_map(|(e, a, v, add)| (e, a, v, add > 0));
    let step = prop_oneof![
        6 => proptest::collection::vec(op, 1..30).prop_map(Step::Facts),
        2 => (0u8..5, 0u8..8).prop_map(|(ty, unique)| Step::Attribute(ty, unique == 0)),
        1 => Just(Step::Fold),
    ];
    proptest::collection::vec(step, 1..25)
}

/// A value of an attribute's type, as it is written; most texts are longer than a word, with common beginnings.
fn value(ty: &str, v: u8) -> String {
    match ty {
        "long" => format!("{}", i64::from(v) - 2),
        "string" if v < 3 => format!("\"{v}\""),
        "string" => format!("\"common prefix {v}\""),
        "ref" => format!("[:id {v}]"),
        "keyword" => format!(":long-namespace/and-name-{v}"),
        _ => format!("#inst \"20{v:02}-01-01\""),
    }
}

/// What the attributes `:m/a0`, `:m/a1`, ... of a database are: as many as come without a gap.
fn attributes(db: &Db) -> Vec<&'static str> {
    let mut found = Vec::new();
    while let Some(attr) = db
        .schema()
        .attr_by_ident(&crate::Keyword::new(&format!("m/a{}", found.len())))
    {
        found.push(
            TYPES
                .into_iter()
                .find(|ty| *ty == attr.value_type.name())
                .expect("one of the types"),
        );
    }
    found
}

/// A transaction of some facts, and of an entity that is new.
fn facts(db: &Db, ops: &[Op]) -> String {
    if db.schema().attr_by_ident(&crate::Keyword::new("id")).is_none() {
        return "[{:db/doc \"before all\"}]".to_string();
    }
    let types = attributes(db);
    let known = db.q("[:find (count ?e) . :where [?e :id]]", &[]).expect("a count");
    let known: u64 = known.to_edn().expect("a form").to_string().parse().unwrap_or(0);
    let mut out = format!("[{{:db/id \"new\" :id {known} :db/doc \"entity {known}\"}}");
    let mut said = BTreeSet::new();
    for (e, a, v, add) in ops {
        let (e, a) = (u64::from(*e) % (known + 1), *a as usize % types.len().max(1));
        let Some(ty) = types.get(a) else { continue };
        let v = match *ty {
            "ref" if u64::from(*v) >= known => "\"new\"".to_string(),
            ty => value(ty, *v),
        };
        let add = *add || e == known || v == "\"new\"";
        // Two values of an attribute that has one would contradict each other.
        if !said.insert((e, a, (a % 3 != 0).then(|| v.clone()))) {
            continue;
        }
        let of = match e == known {
            true => "\"new\"".to_string(),
            false => format!("[:id {e}]"),
        };
        out += &format!("[{} {of} :m/a{a} {v}]", if add { ":db/add" } else { ":db/retract" });
    }
    out + "]"
}

fn definition(n: usize, ty: &str, unique: bool) -> String {
    let unique = if unique { ":db/unique :db.unique/value" } else { "" };
    let cardinality = if n.is_multiple_of(3) { "one" } else { "many" };
    format!(
        "[{{:db/ident :m/a{n} :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/{cardinality} {unique}}}]"
    )
}

fn datoms(db: &Db, order: Order) -> Vec<Datom> {
    let found = db.datoms(order, &[]).expect("a scan");
    found.collect::<Result<_>>().expect("datoms")
}

/// What is asked of both.
fn same(branch: &Db, twin: &Db) {
    assert_eq!(branch.basis_t(), twin.basis_t());
    assert_eq!(branch.basis_instant(), twin.basis_instant());
    assert!(branch.is_now());
    for order in Order::ALL {
        assert_eq!(datoms(branch, order), datoms(twin, order), "{order:?}");
        assert_eq!(
            datoms(&branch.history(), order),
            datoms(&twin.history(), order),
            "{order:?} of all time"
        );
    }
    let middle = twin.basis_t() / 2;
    for view in [
        |db: &Db, t| db.as_of(t),
        |db: &Db, t| db.since(t),
        |db: &Db, t| db.branch_at(t),
    ] {
        let (one, other) = (
            view(branch, middle).expect("a view"),
            view(twin, middle).expect("a view"),
        );
        assert_eq!(datoms(&one, Order::Aevt), datoms(&other, Order::Aevt), "at {middle}");
    }
    let attrs = |db: &Db| {
        let mut attrs: Vec<_> = db.schema().attrs().map(|a| (**a).clone()).collect();
        attrs.sort_by_key(|a| a.id);
        attrs
    };
    assert_eq!(attrs(branch), attrs(twin));
    let ask = |db: &Db, text: &str| db.q(text, &[]).and_then(|a| a.to_edn()).map_err(|e| e.code());
    let types = attributes(twin);
    for (a, ty) in types.iter().enumerate() {
        for text in [
            format!("[:find ?id ?v :where [?e :id ?id] [?e :m/a{a} ?v]]"),
            format!(
                "[:find ?id :where [?e :m/a{a} {}] [?e :id ?id]]",
                if *ty == "ref" { "?x".into() } else { value(ty, 1) }
            ),
            format!("[:find ?id ?t ?op :in $ :where [?e :m/a{a} ?v ?t ?op] [?e :id ?id]]"),
        ] {
            assert_eq!(ask(branch, &text), ask(twin, &text), "{text}");
        }
    }
    let ids = (0..6).map(|id| crate::edn::read_one(&format!("[:id {id}]")).expect("a form"));
    for id in ids {
        for pattern in ["[*]", "[:id {:m/_a2 [:id]}]"] {
            let pull = |db: &Db| db.pull(pattern, id.clone()).map_err(|e| e.code());
            assert_eq!(pull(branch), pull(twin), "{pattern}");
        }
    }
}

/// What a transaction does to both; the databases after it, when it does.
fn speculate(branch: &Db, twin: &Db, data: &str) -> Option<(Db, Db)> {
    match (branch.with(data), twin.with(data)) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.t, other.t);
            assert_eq!(one.tempids, other.tempids, "{data}");
            assert_eq!(one.new_entities, other.new_entities);
            let [one_data, other_data] = [&one, &other].map(|report| report.tx_data().expect("datoms"));
            assert_eq!(one_data, other_data, "{data}");
            Some((one.db_after, other.db_after))
        }
        (one, other) => {
            assert_eq!(
                one.map(|_| ()).map_err(|e| e.to_string()),
                other.map(|_| ()).map_err(|e| e.to_string())
            );
            None
        }
    }
}

/// Goes on from both with `data`, one transaction after another.
fn go_on(branch: Db, twin: Db, data: &[&dyn Fn(&Db) -> String]) {
    let (mut branch, mut twin) = (branch, twin);
    for data in data {
        if let Some(after) = speculate(&branch, &twin, &data(&twin)) {
            (branch, twin) = after;
            same(&branch, &twin);
        }
    }
    // Branches of speculations are of theirs, not of what was there before.
    for back in 1..3 {
        let t = twin.basis_t().saturating_sub(back);
        let (one, other) = (
            branch.branch_at(t).expect("a branch"),
            twin.branch_at(t).expect("a branch"),
        );
        same(&one, &other);
        speculate(&one, &other, &facts(&other, &[(0, 0, 1, true), (9, 1, 2, true)]));
    }
}

fn play(steps: &[Step], on_disk: bool) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = Options::new()
        .index_after(20)
        .durability(crate::store::Durability::Process);
    let conn = match on_disk {
        true => options.open(dir.path().join("db")),
        false => options.in_memory(),
    }
    .expect("a new database");
    conn.transact("[{:db/ident :id :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}]")
        .expect("the schema");
    for step in steps {
        let db = conn.db();
        match step {
            Step::Fold => conn.sync_index().expect("folding"),
            Step::Attribute(ty, unique) => {
                let n = attributes(&db).len();
                conn.transact(definition(n, TYPES[*ty as usize], *unique))
                    .expect("an attribute");
            }
            // Some contradict themselves or what is there.
            Step::Facts(ops) => drop(conn.transact(facts(&db, ops))),
        }
    }
    let db = conn.db();
    let log = conn.tx_range(1, None).expect("the log");
    let twin = Connection::in_memory().expect("a database");
    for t in 0..=db.basis_t() {
        if t > 0 {
            twin.replay(&log[t as usize - 1..t as usize]).expect("it fits");
        }
        let (branch, twin) = (db.branch_at(t).expect("a branch"), twin.db());
        same(&branch, &twin);
        let of_view = db.as_of(t).expect("a view").branch_at(t + 5).expect("a branch");
        assert_eq!(
            datoms(&of_view, Order::Eavt),
            datoms(&twin, Order::Eavt),
            "a view's bound holds"
        );
        // An attribute gets the number that the history gave to one of another type, and facts, beside other new entities.
        let ty = TYPES[(t as usize + 1) % TYPES.len()];
        let define = |db: &Db| definition(attributes(db).len(), ty, t.is_multiple_of(2));
        let say = |db: &Db| {
            let last = attributes(db).len().saturating_sub(1) as u8;
            facts(
                db,
                &[
                    (11, last, 1, true),
                    (1, last, 2, true),
                    (2, 0, 3, true),
                    (0, last, 4, true),
                    (3, last, 5, true),
                ],
            )
        };
        go_on(branch, twin, &[&say, &define, &say, &say]);
    }
    conn.close().expect("closing");
}

fn cases(n: u32) -> ProptestConfig {
    ProptestConfig {
        cases: n,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(8))]
    #[test]
    fn in_memory(steps in steps()) {
        play(&steps, false);
    }
}

proptest! {
    #![proptest_config(cases(3))]
    #[test]
    fn on_fjall(steps in steps()) {
        play(&steps, true);
    }
}

#[test]
fn what_has_no_state_has_no_branch() {
    let db = crate::testing::fixture("[] [] []").expect("a database").db();
    let code = |db: Db| db.branch_at(1).map(|_| ()).map_err(|e| e.code());
    assert_eq!(code(db.history()), Err(Code::NotSupportedOnHistory));
    assert_eq!(code(db.since(1).expect("a view")), Err(Code::WithOnView));
    assert_eq!(code(db.filter(|_, _| true)), Err(Code::WithOnView));
    let refused = db
        .as_of(1)
        .and_then(|then| then.with("[]").map(drop))
        .expect_err("a view");
    assert!(
        refused.hint_text().is_some_and(|hint| hint.contains("branch_at")),
        "{refused}"
    );
    assert_eq!(db.branch_at(99).expect("now").basis_t(), 3);
    let instant = db.instant_of(2).expect("an instant").expect("it is there");
    assert_eq!(db.branch_at(instant).expect("a branch").basis_t(), 2);
    let first = db.branch_at(0).expect("a branch");
    assert_eq!(first.with(Vec::<Edn>::new()).expect("the first transaction").t, 1);
}
