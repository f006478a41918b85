//! There and back: what is exported is imported again, for values of all types.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use asof::conn::Connection;
use asof::datom::{Value, ValueType};
use asof::db::Db;
use asof::edn::{Edn, Keyword, Node};
use asof::error::Result;
use asof::index::Order;
use asof::testing;
use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;

use super::{Cell, Entities, Format, Sink, history};
use crate::import::load::LoadArgs;
use crate::import::mapping::{Mapping, Rule};
use crate::import::rejects::{BadArgs, OnError};
use crate::import::source::Source;
use crate::import::table::{self, Header, Table};

const TYPES: [(&str, &[&str]); 16] = [
    ("boolean", &["true", "false"]),
    ("long", &["0", "-9223372036854775808", "9223372036854775807"]),
    ("bigint", &["0N", "-123456789012345678901234567890N", "7N"]),
    ("float", &["0.1", "-3.4028234663852886E38", "##Inf", "16777216.0"]),
    (
        "double",
        &["0.1", "1.7976931348623157E308", "##-Inf", "5.0E-324", "3.0", "1.0E20"],
    ),
    ("bigdec", &["1.50M", "-0.000000000000000000000001M", "1E+40M", "7M"]),
    (
        "instant",
        &[
            "#inst \"2024-02-29T12:00:00.123456Z\"",
            "#inst \"0001-01-01\"",
            "#inst \"9999-12-31\"",
        ],
    ),
    ("keyword", &[":a", ":a.b/c", ":long-namespace/and-name"]),
    ("symbol", &["a", "a.b/c", "+"]),
    (
        "string",
        &[
            "\"\"",
            "\"two\\nlines, \\\"quoted\\\"\\t\\u0001\\r\"",
            "\"a|b\"",
            "\"\\\"\"",
            "\"häßlich 日本\"",
            "\" \"",
            "\"NULL\"",
            "\"12\"",
            "\":x\"",
            "\"\\\\\"",
        ],
    ),
    ("uri", &["#uri \"http://x/y|z\"", "#uri \"urn:z\""]),
    ("uuid", &["#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\""]),
    ("bytes", &["#bytes \"000102ff00112233445566\"", "#bytes \"00\""]),
    ("ref", &["[:x/key 0]", "[:x/key 1]"]),
    (
        "tuple :db/tupleTypes [:db.type/long :db.type/string :db.type/float :db.type/keyword]",
        &["[1 nil 0.5 nil]", "[nil \"a|\\\"b\" nil :x/y]"],
    ),
    ("tuple :db/tupleType :db.type/bigint", &["[1 2 3]", "[1N nil]"]),
];

fn schema() -> Connection {
    let conn = testing::database().expect("a database");
    let attrs = TYPES.iter().enumerate().flat_map(|(i, (ty, _))| {
        ["one", "many"].map(|c| {
            format!("{{:db/ident :x/a{i}-{c} :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/{c}}}")
        })
    });
    let attrs: String = attrs.collect();
    let key = "{:db/ident :x/key :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}";
    conn.transact(&*format!("[{key} {attrs}]")).expect("the schema");
    conn
}

/// A database with these values, each of entity 0, 1 or 2.
fn filled(values: &[(usize, usize, usize, bool)]) -> Connection {
    let conn = schema();
    conn.transact("[{:x/key 0} {:x/key 1} {:x/key 2}]").expect("entities");
    for (e, ty, v, many) in values {
        let (values, c) = (TYPES[*ty].1, if *many { "many" } else { "one" });
        let data = format!("[[:db/add [:x/key {e}] :x/a{ty}-{c} {}]]", values[v % values.len()]);
        conn.transact(&*data).unwrap_or_else(|e| panic!("{data}: {e}"));
    }
    conn
}

/// What holds, with entities by their key.
fn facts(db: &Db) -> BTreeSet<String> {
    let key = |e: asof::EntityId| {
        let found = db
            .datoms(Order::Eavt, &[Node::Long(e.0 as i64).into(), Edn::kw("x/key")])
            .expect("readable")
            .next();
        found.map(|d| d.expect("readable").v.to_string())
    };
    let mut out = BTreeSet::new();
    for datom in db.datoms(Order::Eavt, &[]).expect("readable") {
        let datom = datom.expect("readable");
        let Some(e) = key(datom.e) else { continue };
        let v = match &datom.v {
            Value::Ref(e) => format!("-> {:?}", key(*e)),
            v => v.to_string(),
        };
        out.insert(format!("{e} {} {v}", db.ident(datom.a).expect("attributes have names")));
    }
    out
}

fn exported(db: &Db, format: Format) -> Vec<u8> {
    let mut out = Vec::new();
    let table = Entities::new(db, Some("x"), &[]).expect("there are some").keys(true);
    let mut sink = format.sink(&table.columns(), &mut out).expect("memory takes it");
    table.write(&mut *sink, &mut || {}).expect("memory takes it");
    sink.finish().expect("memory takes it");
    out
}

fn import(conn: &Connection, file: &Path, format: table::Format) -> Result<crate::import::load::Outcome> {
    let mut mapping = Mapping {
        entity: Some("x".to_string()),
        ..Mapping::default()
    };
    let rule = |link: bool| Rule {
        link: link.then(|| Keyword::new("x/key")),
        skip: !link,
        ..Rule::default()
    };
    mapping.rules.insert("db/id".to_string(), rule(false));
    let text = std::fs::read_to_string(file).expect("text");
    for column in ["a13-one", "a13-many"].into_iter().filter(|c| text.contains(c)) {
        mapping.rules.insert(column.to_string(), rule(true));
    }
    let table = Table {
        source: Source::new(file, &Arc::default()),
        format,
        mapping,
        replace: false,
        sample: None,
    };
    let args = LoadArgs {
        batch: 2,
        bad: BadArgs {
            on_error: OnError::Stop,
            rejects: None,
        },
    };
    let sample = table.sample()?;
    table.load(sample, conn, &args)
}

fn there_and_back(conn: &Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let delimited = |delimiter| table::Format::Delimited {
        delimiter,
        said: true,
        header: Header::First,
    };
    for (format, back) in [
        (Format::Csv, delimited(',')),
        (Format::Tsv, delimited('\t')),
        (Format::Json, table::Format::Json),
        (Format::Lines, table::Format::Lines),
    ] {
        let file = folder.path().join("x");
        let text = exported(&conn.db(), format);
        std::fs::write(&file, &text).expect("written");
        let copy = schema();
        let shown = String::from_utf8_lossy(&text);
        let done = import(&copy, &file, back.clone()).unwrap_or_else(|e| panic!("{shown}\n{e}"));
        assert!(!done.stopped, "{shown}");
        assert_eq!(facts(&copy.db()), facts(&conn.db()), "{shown}");
        // Once more changes nothing.
        let t = copy.db().basis_t();
        import(&copy, &file, back).expect("it was imported before");
        assert_eq!(copy.db().basis_t(), t);
    }
}

/// Keeps rows.
struct Kept<'a>(&'a mut Vec<Vec<Cell>>);

impl Sink for Kept<'_> {
    fn row(&mut self, cells: &[Cell]) -> Result<()> {
        self.0.push(cells.to_vec());
        Ok(())
    }
    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

fn read(file: Vec<u8>) -> Vec<Vec<Field>> {
    let reader = SerializedFileReader::new(Bytes::from(file)).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows");
    rows.map(|row| {
        row.expect("a row")
            .into_columns()
            .into_iter()
            .map(|(_, field)| field)
            .collect()
    })
    .collect()
}

/// A value as Parquet holds it.
fn field(value: &Edn, ty: Option<ValueType>) -> String {
    match (&value.node, ty) {
        (Node::Inst(i), Some(ValueType::Instant)) => Field::TimestampMicros(i.0).to_string(),
        (Node::Bytes(b), Some(ValueType::Bytes)) => Field::Bytes(b.to_vec().into()).to_string(),
        (Node::Uuid(u), Some(ValueType::Uuid)) => Field::Bytes(u.as_bytes().to_vec().into()).to_string(),
        (Node::Double(x), Some(ValueType::Float)) => Field::Float(*x as f32).to_string(),
        (Node::Double(x), Some(ValueType::Double)) => Field::Double(*x).to_string(),
        (Node::Long(n), Some(ValueType::Long | ValueType::Ref)) => Field::Long(*n).to_string(),
        (Node::Bool(b), Some(ValueType::Boolean)) => Field::Bool(*b).to_string(),
        _ => Field::Str(super::text::text(value)).to_string(),
    }
}

fn in_parquet(columns: &[super::Column], rows: &[Vec<Cell>], file: Vec<u8>) {
    let found = read(file);
    assert_eq!(found.len(), rows.len());
    for (found, row) in found.iter().zip(rows) {
        for ((found, cell), column) in found.iter().zip(row).zip(columns) {
            let expected = match cell {
                Cell::Nothing => "null".to_string(),
                Cell::One(value) => field(value, column.ty),
                Cell::Many(values) => {
                    let values: Vec<String> = values
                        .iter()
                        .map(|v| field(v, column.ty.filter(|ty| *ty != ValueType::Uuid)))
                        .collect();
                    format!("[{}]", values.join(", "))
                }
            };
            assert_eq!(found.to_string(), expected, "{}", column.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_values(values in proptest::collection::vec((0..3usize, 0..16usize, 0..10usize, any::<bool>()), 1..60)) {
        there_and_back(&filled(&values));
    }

    #[test]
    fn random_texts(texts in proptest::collection::vec(("\\PC*|[a\"|,\n\r\t\\\\ ]*", any::<bool>()), 1..8)) {
        let conn = schema();
        let mut tx = asof::tx::Tx::new();
        for (i, (text, many)) in texts.iter().enumerate() {
            let e = asof::tx::Entity::temp(format!("e{}", i / 2));
            tx.push_add(e.clone(), "x/key", (i / 2) as i64);
            match many {
                true => tx.push_add(e, "x/a9-many", &**text),
                false => tx.push_add(asof::tx::Entity::temp(format!("e{}", i / 2)), format!("x/a9-{}", if i % 2 == 0 { "one" } else { "many" }).as_str(), &**text),
            }
        }
        conn.transact(tx).expect("it fits");
        there_and_back(&conn);
    }
}

#[test]
fn parquet_holds_every_type() {
    let all = TYPES.iter().enumerate().flat_map(|(ty, (_, values))| {
        (0..values.len()).flat_map(move |v| [(v % 3, ty, v, false), (v % 2, ty, v, true)])
    });
    let conn = filled(&all.collect::<Vec<_>>());
    for keys in [true, false] {
        let table = Entities::new(&conn.db(), Some("x"), &[])
            .expect("there are some")
            .keys(keys);
        let (mut out, mut rows) = (Vec::new(), Vec::new());
        let mut sink = Format::Parquet
            .sink(&table.columns(), &mut out)
            .expect("memory takes it");
        table.write(&mut *sink, &mut || {}).expect("memory takes it");
        sink.finish().expect("memory takes it");
        table.write(&mut Kept(&mut rows), &mut || {}).expect("memory takes it");
        assert_eq!(rows.len(), 3);
        in_parquet(&table.columns(), &rows, out);
    }
    let attrs = [Keyword::new("x/a1-one")];
    for attrs in [&attrs[..], &[]] {
        let facts = history(&conn, attrs, 0, conn.db().basis_t()).expect("facts");
        let (mut out, mut rows) = (Vec::new(), Vec::new());
        let mut sink = Format::Parquet
            .sink(&facts.columns(), &mut out)
            .expect("memory takes it");
        facts.write(&mut *sink, &mut || {}).expect("memory takes it");
        sink.finish().expect("memory takes it");
        facts.write(&mut Kept(&mut rows), &mut || {}).expect("memory takes it");
        in_parquet(&facts.columns(), &rows, out);
    }
}
