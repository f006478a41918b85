use std::path::Path;
use std::sync::Arc;

use asof::conn::Connection;
use asof::testing;
use proptest::prelude::*;

use super::{Dump, restore, write};
use crate::import::source::Source;

fn dump(conn: &Connection) -> String {
    let mut out = Vec::new();
    write(conn, &mut out, &|| Ok(())).expect("a dump");
    String::from_utf8(out).expect("text")
}

fn open(path: &Path, conn: &Connection) -> asof::Result<Dump> {
    let end = conn.verify()?.end.expect("a first record");
    Dump::open(Source::new(path, &Arc::default()), end)
}

/// Dump, import, dump: the same bytes, and a database that goes on alike.
fn there_and_back(conn: &Connection) {
    let text = dump(conn);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump");
    std::fs::write(&path, &text).expect("written");
    let copy = Connection::in_memory().expect("a database");
    restore(&copy, &open(&path, &copy).expect("it fits")).expect("it is restored");
    assert_eq!(dump(&copy), text);
    copy.verify_indexes().expect("the indexes agree with the log");
    let db = |c: &Connection| testing::dump(&c.db().history()).expect("text");
    assert_eq!(db(&copy), db(conn));
    // Once more changes nothing.
    assert_eq!(restore(&copy, &open(&path, &copy).expect("it fits")).expect("same"), 0);
}

const TYPES: [(&str, &[&str]); 16] = [
    ("boolean", &["true", "false"]),
    ("long", &["0", "-9223372036854775808", "9223372036854775807"]),
    ("bigint", &["0N", "-123456789012345678901234567890N", "7N"]),
    ("float", &["0.1", "-3.4028234663852886E38", "##Inf"]),
    ("double", &["0.1", "1.7976931348623157E308", "##-Inf", "5.0E-324"]),
    ("bigdec", &["1.50M", "-0.000000000000000000000001M", "1E+40M"]),
    (
        "instant",
        &[
            "#inst \"2024-02-29T12:00:00.123456Z\"",
            "#inst \"1901-01-01\"",
            "#inst \"9999-12-31\"",
        ],
    ),
    ("keyword", &[":a", ":a.b/c", ":long-namespace/and-name"]),
    ("symbol", &["a", "a.b/c", "+"]),
    (
        "string",
        &[
            "\"\"",
            "\"two\\nlines; \\\"quoted\\\"\\t\\u0001\"",
            "\"a text that is longer than a word, häßlich 日本\"",
        ],
    ),
    ("uri", &["#uri \"http://x/y\"", "#uri \"urn:z\""]),
    ("uuid", &["#uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\""]),
    ("bytes", &["#bytes \"000102ff00112233445566\"", "#bytes \"\""]),
    ("ref", &["\"e0\"", "\"e1\"", ":db/doc"]),
    (
        "tuple :db/tupleTypes [:db.type/long :db.type/ref :db.type/float :db.type/keyword]",
        &["[1 nil 0.5 nil]", "[nil nil nil :x/y]"],
    ),
    ("tuple :db/tupleType :db.type/bigint", &["[1 2 3]", "[1N nil]"]),
];

const CHANGES: [&str; 6] = [
    "[{:db/id :x/a0 :db/ident :x/renamed}]",
    "[{:db/ident :x/both :db/valueType :db.type/tuple :db/cardinality :db.cardinality/one :db/tupleAttrs [:x/n :x/s]}]",
    "[{:db/id \"datomic.tx\" :db/doc \"about\"}]",
    "[{:db/id :x/n :db/noHistory true}]",
    "[{:db/ident :x/s :db/unique :db.unique/identity}]",
    "[{:db/ident :part/own} [:db/add :db.part/db :db.install/partition :part/own]]",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_histories(steps in proptest::collection::vec(
        prop_oneof![
            8 => (0..16usize, 0..4usize, 0..3usize, any::<bool>(), any::<bool>()).prop_map(Ok),
            1 => (0..CHANGES.len()).prop_map(Err),
        ], 1..40)) {
        let conn = testing::database().expect("a database");
        let schema: String = TYPES.iter().enumerate().flat_map(|(i, (ty, _))| ["one", "many"].map(|c| {
            format!("{{:db/ident :x/a{i}-{c} :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/{c}}}")
        })).collect();
        conn.transact(&*format!("[{schema} {{:db/ident :x/a0}}
            {{:db/ident :x/n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}}
            {{:db/ident :x/s :db/valueType :db.type/string :db/cardinality :db.cardinality/one}}
            {{:db/ident :x/key :db/valueType :db.type/long :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}}]"))
            .expect("the schema");
        conn.transact("[{:x/key 0 :x/n 1 :x/s \"s0\"} {:x/key 1 :x/n 2 :x/s \"s1\"} {:x/key 2}]").expect("entities");
        let mut went = 0;
        for step in &steps {
            // What a transaction refuses is no part of the history.
            let done = match *step {
                Err(i) => conn.transact(CHANGES[i]),
                Ok((ty, v, e, add, many)) => {
                    let (op, c) = (if add { "add" } else { "retract" }, if many { "many" } else { "one" });
                    let value = TYPES[ty].1[v % TYPES[ty].1.len()];
                    conn.transact(&*format!(
                        "[[:db/{op} [:x/key {e}] :x/a{ty}-{c} {value}] {{:db/id \"e0\" :x/key 0}} {{:db/id \"e1\" :x/key 1 :x/n {v}}}]"
                    ))
                }
            };
            went += usize::from(done.is_ok());
        }
        prop_assume!(went > 0);
        there_and_back(&conn);
    }
}

#[test]
fn every_type_is_accepted() {
    let conn = testing::database().expect("a database");
    for (i, (ty, values)) in TYPES.iter().enumerate() {
        let attr = format!("[{{:db/ident :x/a{i} :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/many}}]");
        conn.transact(&*attr).expect(&attr);
        for v in values.iter() {
            let data = format!(
                "[[:db/add \"x\" :x/a{i} {v}] {{:db/id \"e0\" :db/doc \"0\"}} {{:db/id \"e1\" :db/doc \"1\"}}]"
            );
            if let Err(e) = conn.transact(&*data) {
                panic!("{data}: {e}");
            }
        }
    }
    there_and_back(&conn);
}

#[test]
fn a_dump_that_was_changed_is_refused() {
    let conn = testing::fixture(
        "[{:db/ident :n :db/valueType :db.type/long :db/cardinality :db.cardinality/one}] [{:n 1}] [{:n 2}]",
    )
    .expect("it fits");
    let text = dump(&conn);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dump");
    let short = &text[..text.trim_end().rfind('\n').expect("lines") + 1];
    let changed = text.replace(":long 2]", ":long 3]");
    let gap: String = text
        .lines()
        .filter(|l| !l.starts_with("[2 "))
        .map(|l| format!("{l}\n"))
        .collect();
    for (wrong, why) in [
        (short, "not what its manifest says: it holds 4 transactions"),
        (&*changed, "its hash is"),
        (&*gap, "transaction 2 is missing"),
        ("", "no dump of asof"),
        ("{:asof/dump 9}", "format 9"),
        (&*text.replace(" :long 1]", " :lung 1]"), "its type is none"),
    ] {
        std::fs::write(&path, wrong).expect("written");
        let empty = Connection::in_memory().expect("a database");
        let error = open(&path, &empty).err().expect("it is refused");
        assert!(error.message().contains(why), "{error}");
    }
    // Nor is it mixed with another database.
    std::fs::write(&path, &text).expect("written");
    let other = testing::fixture("[[:db/add \"x\" :db/doc \"other\"]]").expect("it fits");
    let error = open(&path, &other).err().expect("it is refused");
    assert!(error.message().contains("not a beginning of this dump"), "{error}");
}
