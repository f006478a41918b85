//! A random database: a schema, a history of transactions, and the list of all facts of its log.

use std::collections::BTreeMap;
use std::sync::Arc;

use asof::conn::{Connection, Options, StepClock};
use asof::datom::{EntityId, TxId, Val, Value, ValueType};
use asof::db::Db;
use asof::edn::{Instant, read_one};
use asof::schema::bootstrap;
use asof::store::Durability;

use super::tape::Tape;

#[derive(Clone, Debug)]
pub struct Attr {
    /// `:a/x3`
    pub name: String,
    pub id: u64,
    pub ty: ValueType,
    pub many: bool,
    pub unique: bool,
    pub component: bool,
    /// A tuple of other attributes, which transactions do not write.
    pub composite: bool,
}

impl Attr {
    pub fn is_ref(&self) -> bool {
        self.ty == ValueType::Ref
    }
}

/// A fact, beside its positions as values: entity, attribute, value, transaction, flag.
#[derive(Clone, Debug)]
pub struct Fact {
    pub e: u64,
    pub a: u64,
    pub v: Val,
    pub t: u64,
    pub added: bool,
    positions: Arc<[Val]>,
}

impl Fact {
    pub fn new(e: u64, a: u64, v: Val, t: u64, added: bool) -> Fact {
        let entity = |e: u64| Val::Ref(EntityId(e));
        let tx = Val::Ref(TxId::from_t(t).into());
        Fact {
            positions: [entity(e), entity(a), v.clone(), tx, Val::Boolean(added)].into(),
            e,
            a,
            v,
            t,
            added,
        }
    }
    pub fn positions(&self) -> &[Val] {
        &self.positions
    }
}

pub struct World {
    pub attrs: Vec<Attr>,
    /// Which of them queries ask for.
    pub data: Vec<usize>,
    pub idents: BTreeMap<String, u64>,
    pub entities: Vec<u64>,
    pub facts: Vec<Fact>,
    pub last_t: u64,
    pub db: Db,
    /// The transactions that were accepted; `true` where the indexes are folded after.
    pub texts: Vec<(String, bool)>,
    /// Keep the stores open.
    pub conns: Vec<Connection>,
}

const TYPES: [(ValueType, &str); 16] = [
    (ValueType::Long, ""),
    (ValueType::Ref, ""),
    (ValueType::String, ""),
    (ValueType::Keyword, ""),
    (ValueType::Ref, ""),
    (ValueType::Double, ""),
    (ValueType::Boolean, ""),
    (ValueType::Instant, ""),
    (ValueType::Uuid, ""),
    (ValueType::BigInt, ""),
    (ValueType::BigDec, ""),
    (ValueType::Symbol, ""),
    (ValueType::Uri, ""),
    (ValueType::Float, ""),
    (ValueType::Tuple, ":db/tupleTypes [:db.type/long :db.type/string]"),
    (ValueType::Tuple, ":db/tupleType :db.type/long"),
];

/// Literals of a type: few, so that joins hit, and long ones with common beginnings.
pub fn pool(ty: ValueType) -> &'static [&'static str] {
    match ty {
        ValueType::Boolean => &["true", "false"],
        ValueType::Long => &["1", "0", "2", "3", "-1", "40"],
        ValueType::BigInt => &[
            "1N",
            "0N",
            "123456789012345678901234567890N",
            "123456789012345678901234567891N",
        ],
        ValueType::Float => &["0.5", "1.5", "-2.25"],
        ValueType::Double => &["1.0", "0.5", "2.0", "-1.5", "0.0"],
        ValueType::BigDec => &["1.5M", "0M", "2M", "1234567890.123456789M"],
        ValueType::Instant => &[
            "#inst \"2020-01-01\"",
            "#inst \"2021-06-01T10:00:00Z\"",
            "#inst \"1969-12-31\"",
        ],
        ValueType::Keyword => &[
            ":k/a",
            ":k/b",
            ":red",
            ":long-namespace/and-name-a",
            ":long-namespace/and-name-b",
        ],
        ValueType::Symbol => &["a", "b/c", "a-long-symbol-here"],
        ValueType::String => &[
            "\"a\"",
            "\"common prefix one\"",
            "\"common prefix two\"",
            "\"common prefix\"",
            "\"\"",
            "\"B\"",
            "\"seven77\"",
            "\"eight888\"",
        ],
        ValueType::Uri => &[
            "#uri \"x:y\"",
            "#uri \"http://example.com/a\"",
            "#uri \"http://example.com/b\"",
        ],
        ValueType::Uuid => &[
            "#uuid \"00000000-0000-0000-0000-000000000001\"",
            "#uuid \"00000000-0000-0000-0000-000000000002\"",
        ],
        ValueType::Bytes => &["#bytes \"AQID\"", "#bytes \"\""],
        ValueType::Ref => &[],
        ValueType::Tuple => &[
            "[1 \"a\"]",
            "[1 \"common prefix one\"]",
            "[2 \"a\"]",
            "[1 2]",
            "[2 1]",
            "[1 2 3]",
        ],
    }
}

/// A literal as a value of its type.
pub fn literal(text: &str, ty: ValueType) -> Val {
    let form = read_one(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    if ty == ValueType::Tuple {
        return Val::from_edn(&form).expect("a tuple");
    }
    Value::from_edn(&form, ty)
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .into()
}

fn options() -> Options {
    // The clock stands still, so that refused transactions leave no gaps between the instants.
    let clock = StepClock::new(Instant(1_577_836_800_000_000), 0);
    let options = Options::new().durability(Durability::None).clock(clock);
    // Folds happen where the case says so.
    options.index_after(u64::MAX >> 1)
}

impl World {
    pub fn random(tape: &mut Tape) -> World {
        let conn = options().in_memory().expect("a connection");
        let mut world = World {
            attrs: Vec::new(),
            data: Vec::new(),
            idents: BTreeMap::new(),
            entities: Vec::new(),
            facts: Vec::new(),
            last_t: 0,
            db: conn.db(),
            texts: Vec::new(),
            conns: vec![conn],
        };
        world.schema(tape);
        world.history(tape);
        world.read_log();
        world
    }

    fn transact(&mut self, text: String, fold: bool) -> bool {
        let conn = &self.conns[0];
        if conn.transact(&*text).is_err() {
            return false;
        }
        if fold {
            conn.sync_index().expect("a fold");
        }
        self.texts.push((text, fold));
        self.db = conn.db();
        true
    }

    fn schema(&mut self, tape: &mut Tape) {
        let mut text = String::from("[{:db/ident :c/red} {:db/ident :c/green} ");
        let mut plain: Vec<(String, ValueType)> = Vec::new();
        let mut names = Vec::new();
        for i in 0..3 + tape.below(7) {
            // Longs, refs and strings are in every schema.
            let (ty, tuple) = TYPES[if i < 3 { i } else { tape.below(TYPES.len()) }];
            let name = format!(":a/x{i}");
            let many = tape.chance(40);
            let unique = i > 0 && !matches!(ty, ValueType::Boolean | ValueType::Bytes) && tape.chance(20);
            text += &format!("{{:db/ident {name} :db/valueType :db.type/{} {tuple} ", ty.name());
            text += if many {
                ":db/cardinality :db.cardinality/many "
            } else {
                ":db/cardinality :db.cardinality/one "
            };
            if unique {
                text += *tape.pick(&[":db/unique :db.unique/identity ", ":db/unique :db.unique/value "]);
            }
            if ty == ValueType::Ref && tape.chance(25) {
                text += ":db/isComponent true ";
            }
            if !unique && tape.chance(10) {
                text += ":db/index false ";
            }
            text += "} ";
            if !many && ty != ValueType::Tuple {
                plain.push((name.clone(), ty));
            }
            names.push(name);
        }
        assert!(self.transact(text + "]", tape.chance(50)), "the schema is refused");
        if plain.len() >= 2 && tape.chance(30) {
            let (a, b) = (&plain[0].0, &plain[1].0);
            let text = format!(
                "[{{:db/ident :a/both :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [{a} {b}]}}]"
            );
            assert!(self.transact(text, false), "the composite is refused");
            names.push(":a/both".to_string());
        }
        let schema = self.db.schema().clone();
        for attr in schema.attrs() {
            self.attrs.push(Attr {
                name: attr.ident.to_string(),
                id: u64::from(attr.id),
                ty: attr.value_type,
                many: !attr.is_one(),
                unique: attr.unique.is_some(),
                component: attr.is_component,
                composite: attr.composite_members().is_some(),
            });
        }
        self.data = names.iter().map(|n| self.position(n)).collect();
        self.idents = schema.idents().map(|(k, e)| (k.to_string(), e.0)).collect();
        self.entities = vec![self.idents[":c/red"], self.idents[":c/green"]];
    }

    fn position(&self, name: &str) -> usize {
        let at = self.attrs.iter().position(|a| a.name == name);
        at.unwrap_or_else(|| panic!("{name} is no attribute"))
    }
    pub fn attr(&self, name: &str) -> &Attr {
        &self.attrs[self.position(name)]
    }
    pub fn data(&self) -> impl Iterator<Item = &Attr> {
        self.data.iter().map(|i| &self.attrs[*i])
    }

    fn history(&mut self, tape: &mut Tape) {
        let count = 2 + tape.below(5);
        let mut text = String::from("[");
        for i in 0..count {
            text += &format!("[:db/add \"n{i}\" :a/x0 {}] ", tape.pick(pool(ValueType::Long)));
            let free = |a: &&Attr| !a.unique && a.ty != ValueType::Tuple && a.name != ":a/x0";
            for a in self.data().filter(free) {
                if tape.chance(60) {
                    text += &match a.ty {
                        ValueType::Ref => format!("[:db/add \"n{i}\" {} \"n{}\"] ", a.name, tape.below(count)),
                        ty => format!("[:db/add \"n{i}\" {} {}] ", a.name, tape.pick(pool(ty))),
                    };
                }
            }
        }
        let conn = self.conns[0].clone();
        let report = conn
            .transact(&*(text.clone() + "]"))
            .expect("entities with a number each");
        self.texts.push((text + "]", false));
        for i in 0..count {
            self.entities.push(report.tempids[&format!("n{i}")].0);
        }
        for _ in 0..5 + tape.below(26) {
            let mut text = String::from("[");
            for _ in 0..1 + tape.below(6) {
                let e = *tape.pick(&self.entities);
                let writable: Vec<&Attr> = self.data().filter(|a| !a.composite).collect();
                let attr = (*tape.pick(&writable)).clone();
                match tape.below(12) {
                    0 => text += &format!("[:db/retract {e} {}] ", attr.name),
                    1 if e != self.entities[0] && tape.chance(20) => text += &format!("[:db/retractEntity {e}] "),
                    n => {
                        let v = self.value(tape, &attr);
                        let op = if n < 3 { "retract" } else { "add" };
                        text += &format!("[:db/{op} {e} {} {v}] ", attr.name);
                    }
                }
            }
            self.transact(text + "]", tape.chance(12));
        }
        self.db = self.conns[0].db();
    }

    fn value(&self, tape: &mut Tape, attr: &Attr) -> String {
        match attr.ty {
            ValueType::Ref => tape.pick(&self.entities).to_string(),
            ValueType::Tuple => {
                let all = pool(ValueType::Tuple);
                // Whichever of the two tuple types it is: one that does not fit is a transaction that is refused.
                tape.pick(all).to_string()
            }
            ty => tape.pick(pool(ty)).to_string(),
        }
    }

    fn read_log(&mut self) {
        let conn = &self.conns[0];
        let log: Vec<_> = conn.log().range(None, None).collect::<Result<_, _>>().expect("the log");
        if log.first().is_none_or(|tx| tx.t > 0) {
            for (e, a, v) in bootstrap::facts() {
                self.facts.push(Fact::new(e.0, u64::from(a), v.into(), 0, true));
            }
        }
        for tx in &log {
            for d in &tx.datoms {
                self.facts
                    .push(Fact::new(d.e.0, d.a.0, d.v.clone().into(), tx.t, d.added));
            }
            self.last_t = tx.t;
        }
    }

    /// The same transactions on a store on disk, with the indexes folded at the end.
    pub fn on_disk(&self, folder: &std::path::Path) -> Connection {
        let conn = options().open(folder).expect("a store");
        for (text, fold) in &self.texts {
            conn.transact(&**text).expect("accepted before");
            if *fold {
                conn.sync_index().expect("a fold");
            }
        }
        conn.sync_index().expect("the last fold");
        conn
    }
}
