//! A random database: a schema, a history of transactions, and the list of all facts of its log.

use std::collections::BTreeMap;
use std::sync::Arc;

use asof::conn::{Connection, Options, StepClock};
use asof::datom::{EntityId, TxId, Val, Value, ValueType};
use asof::db::Db;
use asof::edn::{Edn, Instant, read_one};
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
    /// It was not always as it is.
    pub altered: bool,
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

/// What queries may read beside the database of the case: what it would be after one transaction more, and another one with
/// the same schema.
pub struct Base {
    pub db: Db,
    pub facts: Vec<Fact>,
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
    pub more: Vec<Base>,
    /// The transactions that were accepted; `true` where the indexes are folded after.
    pub texts: Vec<(String, bool)>,
    /// Keep the stores open.
    pub conns: Vec<Connection>,
}

const TYPES: [(ValueType, &str); 17] = [
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
    (ValueType::Bytes, ""),
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
        ValueType::Bytes => &[
            "#bytes \"010203\"",
            "#bytes \"\"",
            "#bytes \"00112233445566778899aabbccddeeff\"",
        ],
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

type Registered = fn(&[Val]) -> asof::error::Result<Val>;

/// Functions that the program around the database registers.
pub const REGISTERED: [(&str, Registered); 2] = [("my/twice", twice), ("my/pair", pair)];

fn twice(args: &[Val]) -> asof::error::Result<Val> {
    match &args[0] {
        Val::Long(n) => Ok(Val::Long(2 * n)),
        Val::String(s) => Ok(Val::str(format!("{s}{s}"))),
        other => Err(asof::error::Error::new(
            asof::error::Code::TypeMismatch,
            format!("{other} twice"),
        )),
    }
}
fn pair(args: &[Val]) -> asof::error::Result<Val> {
    Ok(Val::vector([args[0].clone(), args[0].clone()]))
}
/// The registered aggregate: the greatest.
pub fn last(values: &mut dyn Iterator<Item = Val>) -> Val {
    values.max().unwrap_or(Val::Nil)
}
/// What the registered function for pulls makes of a value.
pub fn wrapped(x: Edn) -> Edn {
    Edn::vector([x])
}

fn options() -> Options {
    // The clock stands still, so that refused transactions leave no gaps between the instants.
    let clock = StepClock::new(Instant(1_577_836_800_000_000), 0);
    let mut options = Options::new().durability(Durability::None).clock(clock);
    for (name, f) in REGISTERED {
        options = options.query_fn(name, 1, f);
    }
    options = options.aggregate("my/last", |vs| Ok(last(&mut vs.cloned())));
    options = options.xform("my/wrap", |x| Ok(wrapped(x)));
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
            more: Vec::new(),
            texts: Vec::new(),
            conns: vec![conn],
        };
        world.schema(tape);
        let (schema, attrs) = (world.texts.clone(), world.attrs.clone());
        world.history(tape, true);
        world.learn();
        world.read_log();
        world.speculate(tape);
        world.another(tape, &schema, attrs);
        world
    }

    /// What a source reads: 0 is the database itself.
    pub fn base(&self, i: usize) -> (&Db, &[Fact]) {
        match i.checked_sub(1).and_then(|i| self.more.get(i)) {
            Some(base) => (&base.db, &base.facts),
            None => (&self.db, &self.facts),
        }
    }

    /// The attributes as they are in a view.
    pub fn attrs_in(&self, db: &Db) -> Vec<Attr> {
        let then = db.schema_then().expect("a schema");
        let mut attrs = self.attrs.clone();
        for a in &mut attrs {
            let id = u32::try_from(a.id).expect("an attribute's number");
            if let Some(attr) = then.attr(id) {
                a.many = !attr.is_one();
                a.component = attr.is_component;
            }
        }
        attrs
    }

    fn speculate(&mut self, tape: &mut Tape) {
        for _ in 0..3 {
            let text = format!("[{}]", self.changes(tape));
            let Ok(report) = self.db.with(&*text) else { continue };
            let mut facts = self.facts.clone();
            for d in &report.tx_data().expect("its facts") {
                facts.push(Fact::new(d.e.0, d.a.0, d.v.clone().into(), report.t, d.added));
            }
            let db = report.db_after;
            self.more.push(Base { db, facts });
            return;
        }
        let (db, facts) = (self.db.clone(), self.facts.clone());
        self.more.push(Base { db, facts });
    }

    fn another(&mut self, tape: &mut Tape, schema: &[(String, bool)], attrs: Vec<Attr>) {
        let conn = options().in_memory().expect("a connection");
        let mut other = World {
            attrs,
            data: self.data.clone(),
            idents: self.idents.clone(),
            entities: self.entities[..2].to_vec(),
            facts: Vec::new(),
            last_t: 0,
            db: conn.db(),
            more: Vec::new(),
            texts: Vec::new(),
            conns: vec![conn],
        };
        for (text, fold) in schema {
            assert!(other.transact(text.clone(), *fold), "the schema was accepted before");
        }
        other.history(tape, false);
        other.read_log();
        self.conns.append(&mut other.conns);
        self.more.push(Base {
            db: other.db,
            facts: other.facts,
        });
    }

    /// What the schema is now.
    fn learn(&mut self) {
        let schema = self.db.schema().clone();
        for a in &mut self.attrs {
            let id = u32::try_from(a.id).expect("an attribute's number");
            let attr = schema.attr(id).expect("attributes stay");
            let now = (!attr.is_one(), attr.unique.is_some(), attr.is_component);
            a.altered |= now != (a.many, a.unique, a.component);
            (a.many, a.unique, a.component) = now;
        }
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
            if tape.chance(8) {
                text += ":db/noHistory true ";
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
                altered: false,
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

    fn history(&mut self, tape: &mut Tape, alter: bool) {
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
            let text = match alter && tape.chance(12) {
                true => self.alteration(tape),
                false => format!("[{}]", self.changes(tape)),
            };
            self.transact(text, tape.chance(12));
        }
        self.db = self.conns[0].db();
    }

    /// A change of the schema, which may be refused.
    fn alteration(&mut self, tape: &mut Tape) -> String {
        let plain: Vec<usize> = self
            .data
            .iter()
            .copied()
            .filter(|i| !self.attrs[*i].composite)
            .collect();
        let at = *tape.pick(&plain);
        let name = self.attrs[at].name.clone();
        self.attrs[at].altered = true;
        match tape.below(7) {
            0 | 1 => format!("[{{:db/id {name} :db/cardinality :db.cardinality/many}}]"),
            2 => format!("[{{:db/id {name} :db/cardinality :db.cardinality/one}}]"),
            3 => format!("[{{:db/id {name} :db/unique :db.unique/identity}}]"),
            4 => format!("[[:db/retract {name} :db/unique]]"),
            5 => format!("[{{:db/id {name} :db/isComponent {}}}]", tape.chance(50)),
            _ => format!("[{{:db/id {name} :db/noHistory {}}}]", tape.chance(50)),
        }
    }

    /// A few changes of facts.
    fn changes(&self, tape: &mut Tape) -> String {
        let mut text = String::new();
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
        text
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
