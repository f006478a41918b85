//! The database against a model that is obviously right: a list of datoms.
//!
//! Random schemas, random transactions (many of them wrong), in memory and on fjall, with the indexes folded often and the
//! database reopened now and then; after that every moment, window and history must show what the list shows.

use std::collections::{BTreeMap, BTreeSet};

use asof::conn::{Connection, Options};
use asof::datom::{Datom, EntityId, T, Value};
use asof::db::Db;
use asof::edn::{Edn, read_one};
use asof::error::Code;
use asof::index::Order;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Attr {
    ty: u8,
    many: bool,
    unique: bool,
}

#[derive(Clone, Debug)]
struct Op {
    add: bool,
    e: usize,
    a: usize,
    v: u8,
}

#[derive(Clone, Debug)]
enum Step {
    Transact(Vec<Op>, u64),
    Reopen,
    Fold,
}

/// A fact as the model has it: entity, attribute's number, value, t, asserted.
type Fact = (EntityId, usize, Value, T, bool);
type Facts = BTreeSet<Fact>;

const ENTITIES: usize = 5;
const TYPES: [&str; 6] = ["long", "string", "ref", "keyword", "double", "boolean"];

fn attr() -> impl Strategy<Value = Attr> {
    (0u8..6, any::<bool>(), 0u8..4).prop_map(|(ty, many, unique)| Attr {
        ty,
        many,
        unique: unique == 0 && ty != 5,
    })
}

fn op() -> impl Strategy<Value = Op> {
    (0u8..3, 0..ENTITIES, 0usize..4, 0u8..5).prop_map(|(add, e, a, v)| Op { add: add > 0, e, a, v })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (proptest::collection::vec(op(), 0..7), any::<u64>()).prop_map(|(ops, seed)| Step::Transact(ops, seed)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Fold),
    ]
}

fn value(attr: &Attr, v: u8, entities: &[EntityId]) -> Value {
    match attr.ty {
        0 => Value::Long(i64::from(v) - 2),
        // Some values are longer than a word, with common beginnings.
        1 => Value::string(["a", "common prefix one", "common prefix two", "common prefix", ""][v as usize]),
        2 => Value::Ref(entities[v as usize]),
        3 => Value::Keyword(asof::edn::Keyword::new(
            ["a", "a/b", "a/c", "long-namespace/and-name", "z"][v as usize],
        )),
        4 => Value::double(f64::from(v) / 2.0 - 1.0).expect("not NaN"),
        _ => Value::Boolean(v.is_multiple_of(2)),
    }
}

/// A list of datoms: what happened, in order.
#[derive(Default)]
struct Model {
    events: Vec<Fact>,
    now: BTreeSet<(EntityId, usize, Value)>,
}

impl Model {
    fn transact(&mut self, t: T, attrs: &[Attr], ops: &[(bool, EntityId, usize, Value)]) -> Result<(), Code> {
        let set = |add: bool| -> BTreeSet<(EntityId, usize, Value)> {
            ops.iter()
                .filter(|o| o.0 == add)
                .map(|(_, e, a, v)| (*e, *a, v.clone()))
                .collect()
        };
        let (adds, retracts) = (set(true), set(false));
        if adds.intersection(&retracts).next().is_some() {
            return Err(Code::DatomsConflict);
        }
        for (e, a, v) in &adds {
            if !attrs[*a].many && adds.iter().any(|(e2, a2, v2)| e == e2 && a == a2 && v != v2) {
                return Err(Code::DatomsConflict);
            }
        }
        let mut after = self.now.clone();
        for fact in &retracts {
            after.remove(fact);
        }
        for (e, a, v) in &adds {
            if !attrs[*a].many {
                after.retain(|(e2, a2, v2)| (e2, a2) != (e, a) || v2 == v);
            }
            after.insert((*e, *a, v.clone()));
        }
        for (e, a, v) in &after {
            if attrs[*a].unique && after.iter().any(|(e2, a2, v2)| e2 != e && a2 == a && v2 == v) {
                return Err(Code::UniqueConflict);
            }
        }
        for (e, a, v) in self.now.difference(&after) {
            self.events.push((*e, *a, v.clone(), t, false));
        }
        for (e, a, v) in after.difference(&self.now) {
            self.events.push((*e, *a, v.clone(), t, true));
        }
        self.now = after;
        Ok(())
    }

    fn view(&self, since: Option<T>, until: T, history: bool) -> Facts {
        let seen = self.events.iter().filter(|e| e.3 <= until);
        let mut out: Facts = if history {
            seen.cloned().collect()
        } else {
            let mut last = BTreeMap::new();
            for (e, a, v, t, added) in seen {
                last.insert((*e, *a, v.clone()), (*t, *added));
            }
            last.into_iter()
                .filter(|(_, (_, added))| *added)
                .map(|((e, a, v), (t, _))| (e, a, v, t, true))
                .collect()
        };
        out.retain(|e| since.is_none_or(|s| e.3 > s));
        out
    }
}

struct World {
    dir: Option<tempfile::TempDir>,
    conn: Option<Connection>,
    attrs: Vec<Attr>,
    ids: Vec<EntityId>,
    entities: Vec<EntityId>,
    model: Model,
}

fn options() -> Options {
    // Tiny, so that the indexer works all the time.
    Options::new()
        .index_after(20)
        .durability(asof::store::Durability::Process)
}

impl World {
    fn new(attrs: Vec<Attr>, on_disk: bool) -> World {
        let dir = on_disk.then(|| tempfile::tempdir().expect("a temporary directory"));
        let conn = match &dir {
            Some(dir) => options().open(dir.path().join("db")),
            None => options().in_memory(),
        }
        .expect("a new database");
        let defs = attrs.iter().enumerate().map(|(i, a)| {
            format!(
                "{{:db/ident :m/a{i} :db/valueType :db.type/{} :db/cardinality :db.cardinality/{}{}}}",
                TYPES[a.ty as usize],
                if a.many { "many" } else { "one" },
                if a.unique { " :db/unique :db.unique/value" } else { "" }
            )
        });
        conn.transact(&*format!("[{}]", defs.collect::<String>()))
            .expect("the schema");
        let tag = "[{:db/ident :m/tag :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]";
        conn.transact(tag).expect("the tag");
        let made: String = (0..ENTITIES)
            .map(|i| format!("[:db/add \"e{i}\" :m/tag {i}]"))
            .collect();
        let report = conn.transact(&*format!("[{made}]")).expect("the entities");
        let entities = (0..ENTITIES)
            .map(|i| report.entity(&format!("e{i}")).expect("a tempid"))
            .collect();
        let ids = (0..attrs.len())
            .map(|i| {
                conn.db()
                    .schema()
                    .entid(&asof::edn::Keyword::new(&format!("m/a{i}")))
                    .expect("an attribute")
            })
            .collect();
        World {
            dir,
            conn: Some(conn),
            attrs,
            ids,
            entities,
            model: Model::default(),
        }
    }

    fn conn(&self) -> &Connection {
        self.conn.as_ref().expect("open")
    }

    fn transact(&mut self, ops: &[Op], seed: u64) {
        let ops: Vec<(bool, EntityId, usize, Value)> = ops
            .iter()
            .map(|o| {
                let a = o.a % self.attrs.len();
                (o.add, self.entities[o.e], a, value(&self.attrs[a], o.v, &self.entities))
            })
            .collect();
        let form = |(add, e, a, v): &(bool, EntityId, usize, Value)| {
            let op = if *add { ":db/add" } else { ":db/retract" };
            read_one(&format!("[{op} {} :m/a{a} {}]", e.0, v.to_edn())).expect("a form")
        };
        let mut forms: Vec<Edn> = ops.iter().map(form).collect();
        let t = self.conn().db().basis_t() + 1;
        let before = self.model.now.clone();
        let speculated = self.conn().db().with(forms.clone());
        // The order of forms means nothing.
        let n = forms.len().max(1);
        (0..forms.len()).for_each(|i| forms.swap(i, (seed as usize).wrapping_mul(i + 7) % n));
        let result = self.conn().transact(forms);
        match self.model.transact(t, &self.attrs, &ops) {
            Ok(()) => {
                let report = result.expect("the model accepts this transaction");
                let speculated = speculated.expect("with accepts what transact accepts");
                assert_eq!(
                    report.tx_data().expect("values")[1..],
                    speculated.tx_data().expect("values")[1..],
                    "with says what transact does"
                );
                assert_eq!(report.t, t);
            }
            Err(code) => {
                let error = result.expect_err("the model refuses this transaction");
                // A transaction can be wrong in two ways at once; which is named is not the model's business.
                let conflicts = [Code::DatomsConflict, Code::UniqueConflict];
                assert!(conflicts.contains(&error.code()), "{error} for {code:?}");
                assert!(speculated.is_err());
                assert_eq!(self.model.now, before);
                assert_eq!(self.conn().db().basis_t(), t - 1, "a failed transaction takes no t");
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Transact(ops, seed) => self.transact(ops, *seed),
            Step::Fold => self.conn().sync_index().expect("folding"),
            Step::Reopen => {
                if let Some(dir) = &self.dir {
                    self.conn.take().expect("open").close().expect("closing");
                    self.conn = Some(options().open(dir.path().join("db")).expect("opening again"));
                }
            }
        }
    }

    fn facts(&self, datoms: impl Iterator<Item = asof::error::Result<Datom>>) -> Vec<Fact> {
        datoms
            .map(|d| d.expect("a datom"))
            .filter_map(|d| {
                self.ids
                    .iter()
                    .position(|a| *a == d.a)
                    .map(|a| (d.e, a, d.v, d.tx.t(), d.added))
            })
            .collect()
    }

    fn check(&self, db: &Db, since: Option<T>, until: T, history: bool) {
        let expected = self.model.view(since, until, history);
        for order in [Order::Eavt, Order::Aevt, Order::Avet] {
            let rows = self.facts(db.datoms(order, &[]).expect("a scan"));
            assert!(
                rows.iter()
                    .map(|r| match order {
                        Order::Eavt => (r.0.0, r.1 as u64, r.2.clone(), 0, r.3),
                        Order::Aevt => (r.1 as u64, r.0.0, r.2.clone(), 0, r.3),
                        _ => (r.1 as u64, 0, r.2.clone(), r.0.0, r.3),
                    })
                    .is_sorted(),
                "{order:?} is in order"
            );
            assert_eq!(
                rows.into_iter().collect::<BTreeSet<_>>(),
                expected,
                "{order:?} since {since:?} until {until} {history}"
            );
        }
        let refs = self.facts(db.datoms(Order::Vaet, &[]).expect("a scan"));
        let expected_refs: BTreeSet<_> = expected.iter().filter(|r| self.attrs[r.1].ty == 2).cloned().collect();
        assert_eq!(refs.into_iter().collect::<BTreeSet<_>>(), expected_refs);
        for (i, e) in self.entities.iter().enumerate() {
            let rows = self.facts(db.datoms(Order::Eavt, &[Edn::from(e.0 as i64)]).expect("an entity"));
            let of_entity: BTreeSet<_> = expected.iter().filter(|r| r.0 == *e).cloned().collect();
            assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), of_entity, "entity {i}");
        }
    }

    fn check_all(&self) {
        let db = self.conn().db();
        let last = db.basis_t();
        self.check(&db, None, last, false);
        self.check(&db.history(), None, last, true);
        for t in 0..=last {
            self.check(&db.as_of(t).expect("as-of"), None, t, false);
            let branch = db.branch_at(t).expect("a branch");
            self.check(&branch, None, t, false);
            self.check(&branch.history(), None, t, true);
            let instant = db
                .instant_of(t)
                .expect("an instant")
                .expect("every transaction has one");
            assert_eq!(
                db.t_of(instant).expect("a time"),
                t,
                "an instant means its own transaction"
            );
            if t % 3 == 0 {
                self.check(&db.since(t).expect("since"), Some(t), last, false);
                let until = (t + 4).min(last);
                let window = db.as_of(until).expect("as-of").since(t).expect("since");
                self.check(&window, Some(t), until, false);
                self.check(&window.history(), Some(t), until, true);
                let odd = db.filter(|_, d| d.tx.t() % 2 == 1);
                let expected: BTreeSet<_> = self
                    .model
                    .view(None, last, false)
                    .into_iter()
                    .filter(|r| r.3 % 2 == 1)
                    .collect();
                let rows = self.facts(odd.datoms(Order::Eavt, &[]).expect("a scan"));
                assert_eq!(rows.into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
        let mut logged = Facts::new();
        for tx in self.conn().tx_range(None, None).expect("the log") {
            logged.extend(self.facts(tx.datoms.into_iter().map(Ok)));
        }
        assert_eq!(
            logged,
            self.model.view(None, last, true),
            "the log has the whole history"
        );
        self.conn().verify().expect("the log is whole");
        self.conn().verify_indexes().expect("the indexes agree with the log");
    }
}

fn play(attrs: Vec<Attr>, steps: &[Step], on_disk: bool) {
    let mut world = World::new(attrs, on_disk);
    // A database value must not change under later writes.
    let kept: Vec<(Db, Facts)> = steps
        .iter()
        .map(|step| {
            world.step(step);
            (world.conn().db(), world.model.view(None, T::MAX, false))
        })
        .collect();
    if !steps.iter().any(|s| matches!(s, Step::Reopen)) || !on_disk {
        for (db, expected) in &kept {
            let rows = world.facts(db.datoms(Order::Aevt, &[]).expect("a scan"));
            assert_eq!(&rows.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
    drop(kept);
    world.check_all();
    world.step(&Step::Reopen);
    world.check_all();
}

fn cases(n: u32) -> ProptestConfig {
    ProptestConfig {
        cases: n,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(48))]
    #[test]
    fn in_memory(attrs in proptest::collection::vec(attr(), 1..5), steps in proptest::collection::vec(step(), 1..30)) {
        play(attrs, &steps, false);
    }
}

proptest! {
    #![proptest_config(cases(12))]
    #[test]
    fn on_fjall(attrs in proptest::collection::vec(attr(), 1..5), steps in proptest::collection::vec(step(), 1..30)) {
        play(attrs, &steps, true);
    }
}

#[test]
fn indexes_can_be_made_anew() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("db");
    let conn = options().open(&path).expect("a database");
    conn.transact("[{:db/ident :n/x :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]")
        .expect("schema");
    for i in 0..40 {
        conn.transact(&*format!("[[:db/add \"e\" :n/x \"a value that is long, number {i}\"]]"))
            .expect("a fact");
    }
    conn.sync_index().expect("folding");
    let all = |conn: &Connection| -> Vec<Datom> {
        let datoms = conn.db().datoms(Order::Avet, &[]).expect("scan");
        datoms.map(|d| d.expect("a datom")).collect()
    };
    let before = all(&conn);
    conn.close().expect("closing");
    let conn = options().reindex(true).open(&path).expect("making the indexes anew");
    conn.sync_index().expect("folding");
    let checked = conn.verify_indexes().expect("they agree");
    assert!(checked.events > 40 && checked.moments > 0);
    assert_eq!(before, all(&conn));
}
