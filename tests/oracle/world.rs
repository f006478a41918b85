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
    /// `:a/x3`, its first name.
    pub name: String,
    /// The names that it was given later; all of them mean it, and the last is its own.
    pub renamed: Vec<String>,
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
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.renamed.iter().any(|n| n == name)
    }
    /// Its name now.
    pub fn now(&self) -> &str {
        self.renamed.last().unwrap_or(&self.name)
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

/// A transaction that was accepted.
#[derive(Clone, Debug)]
pub struct Told {
    pub text: String,
    /// The indexes are folded after it.
    pub fold: bool,
    /// It is about the schema, not about data.
    pub schema: bool,
}

pub struct World {
    pub attrs: Vec<Attr>,
    /// Which of them queries ask for.
    pub data: Vec<usize>,
    pub idents: BTreeMap<String, u64>,
    pub entities: Vec<u64>,
    pub facts: Vec<Fact>,
    /// The log's first transaction and its last.
    pub first_t: u64,
    pub last_t: u64,
    pub db: Db,
    /// What it would be after one transaction more.
    pub speculation: Option<(Db, Vec<Fact>)>,
    /// One with the same schema and other data.
    pub another: Option<Box<World>>,
    /// One with another schema, that has the same names.
    pub stranger: Option<Box<World>>,
    /// The transactions that were accepted.
    pub told: Vec<Told>,
    /// Keeps the store open.
    pub conn: Connection,
}

/// The views of a case, by their number: see [`World::base`].
pub const SPECULATION: usize = 1;
pub const ANOTHER: usize = 2;
pub const STRANGER: usize = 3;

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
        let mut world = World::alone();
        world.schema(tape);
        let (schema, attrs) = (world.told.clone(), world.attrs.clone());
        world.history(tape, true);
        world.learn();
        world.read_log();
        world.speculate(tape);
        world.another = Some(Box::new(world.like(tape, &schema, attrs)));
        let mut stranger = World::alone();
        stranger.schema(tape);
        stranger.history(tape, false);
        stranger.read_log();
        world.stranger = Some(Box::new(stranger));
        world
    }

    fn alone() -> World {
        let conn = options().in_memory().expect("a connection");
        World {
            attrs: Vec::new(),
            data: Vec::new(),
            idents: BTreeMap::new(),
            entities: Vec::new(),
            facts: Vec::new(),
            first_t: 0,
            last_t: 0,
            db: conn.db(),
            speculation: None,
            another: None,
            stranger: None,
            told: Vec::new(),
            conn,
        }
    }

    /// What a source reads: 0 is the database itself.
    pub fn base(&self, i: usize) -> (&Db, &[Fact]) {
        let other = match i {
            SPECULATION => {
                return self
                    .speculation
                    .as_ref()
                    .map_or((&self.db, &self.facts), |(db, f)| (db, f));
            }
            ANOTHER => &self.another,
            STRANGER => &self.stranger,
            _ => &None,
        };
        let world = other.as_deref().unwrap_or(self);
        (&world.db, &world.facts)
    }

    /// Whose schema a source has.
    pub fn of(&self, base: usize) -> &World {
        match &self.stranger {
            Some(stranger) if base == STRANGER => stranger,
            _ => self,
        }
    }

    /// The same databases without data: what is wrong with a query must not depend on it.
    pub fn bare(&self) -> Vec<Db> {
        let alone = |world: &World| {
            let conn = options().in_memory().expect("a connection");
            for tx in &world.told {
                let text = if tx.schema { &tx.text } else { "[]" };
                conn.transact(text).expect("a schema that was accepted with data");
            }
            conn.db()
        };
        let mine = alone(self);
        let speculation = mine.with("[]").expect("nothing").db_after;
        let [another, stranger] = [&self.another, &self.stranger].map(|w| alone(w.as_deref().unwrap_or(self)));
        vec![mine, speculation, another, stranger]
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
            if db
                .schema()
                .attr(id)
                .is_some_and(|attr| attr.ident.to_string() != a.now())
            {
                a.renamed.clear();
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
            self.speculation = Some((report.db_after, facts));
            return;
        }
    }

    /// Another database with a schema.
    fn like(&self, tape: &mut Tape, schema: &[Told], attrs: Vec<Attr>) -> World {
        let mut other = World {
            attrs,
            data: self.data.clone(),
            idents: self.idents.clone(),
            entities: self.entities[..2].to_vec(),
            ..World::alone()
        };
        for tx in schema {
            assert!(other.transact(tx.clone()), "the schema was accepted before");
        }
        other.history(tape, false);
        other.read_log();
        other
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
            let name = attr.ident.to_string();
            if a.now() != name {
                a.renamed.push(name);
            }
        }
        let names = schema.idents().map(|(k, e)| (k.to_string(), e.0));
        self.idents.extend(names);
    }

    fn transact(&mut self, tx: Told) -> bool {
        if self.conn.transact(&*tx.text).is_err() {
            return false;
        }
        if tx.fold {
            self.conn.sync_index().expect("a fold");
        }
        self.told.push(tx);
        self.db = self.conn.db();
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
        let told = |text: String, fold: bool| Told {
            text,
            fold,
            schema: true,
        };
        let fold = tape.chance(50);
        assert!(self.transact(told(text + "]", fold)), "the schema is refused");
        if plain.len() >= 2 && tape.chance(30) {
            let (a, b) = (&plain[0].0, &plain[1].0);
            let text = format!(
                "[{{:db/ident :a/both :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [{a} {b}]}}]"
            );
            assert!(self.transact(told(text, false)), "the composite is refused");
            names.push(":a/both".to_string());
        }
        let schema = self.db.schema().clone();
        for attr in schema.attrs() {
            self.attrs.push(Attr {
                name: attr.ident.to_string(),
                renamed: Vec::new(),
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
        let at = self.attrs.iter().position(|a| a.is_called(name));
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
        text += "]";
        let report = self.conn.transact(&*text).expect("entities with a number each");
        self.told.push(Told {
            text,
            fold: false,
            schema: false,
        });
        for i in 0..count {
            self.entities.push(report.tempids[&format!("n{i}")].0);
        }
        for _ in 0..5 + tape.below(26) {
            let schema = alter && tape.chance(14);
            let text = match schema {
                true => self.alteration(tape),
                false => format!("[{}]", self.changes(tape)),
            };
            let fold = tape.chance(12);
            self.transact(Told { text, fold, schema });
        }
        self.db = self.conn.db();
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
        if tape.chance(15) {
            let (old, new) = (
                tape.word(&[":c/red", ":c/green"]),
                tape.word(&[":c/rouge", ":c/verde", ":c/red"]),
            );
            return format!("[[:db/add {old} :db/ident {new}]]");
        }
        let n = tape.below(9);
        self.attrs[at].altered |= n < 7;
        match n {
            7 | 8 => format!(
                "[{{:db/id {name} :db/ident {}}}]",
                name.replace("/x", tape.word(&["/y", "/z", "/x"]))
            ),
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
        let log: Vec<_> = self
            .conn
            .log()
            .range(None, None)
            .collect::<Result<_, _>>()
            .expect("the log");
        self.first_t = log.first().map_or(0, |tx| tx.t);
        if self.first_t > 0 {
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

    /// The same transactions on a store on disk, closed and opened again; with `fold`, the indexes are folded before.
    pub fn on_disk(&self, folder: &std::path::Path, fold: bool) -> Connection {
        let conn = options().open(folder).expect("a store");
        for tx in &self.told {
            conn.transact(&*tx.text).expect("accepted before");
            if tx.fold {
                conn.sync_index().expect("a fold");
            }
        }
        if fold {
            conn.sync_index().expect("the last fold");
        }
        drop(conn);
        options().open(folder).expect("the store again")
    }
}
