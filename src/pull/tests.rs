//! Pulls by what they give, and what pulling costs.

use super::*;
use crate::conn::{Connection, Options};
use crate::edn::{Keyword, Node, read_one};
use crate::error::{Code, Error};
use crate::testing;

const SCHEMA: &str = r#"[
  {:db/ident :status/moored}
  {:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :ship/tons :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :ship/flag :db/valueType :db.type/keyword :db/cardinality :db.cardinality/one}
  {:db/ident :ship/cargo :db/valueType :db.type/string :db/cardinality :db.cardinality/many}
  {:db/ident :ship/captain :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
  {:db/ident :ship/hold :db/valueType :db.type/ref :db/cardinality :db.cardinality/many :db/isComponent true}
  {:db/ident :ship/status :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
  {:db/ident :hold/label :db/valueType :db.type/string :db/cardinality :db.cardinality/one}
  {:db/ident :hold/inner :db/valueType :db.type/ref :db/cardinality :db.cardinality/one :db/isComponent true}
  {:db/ident :person/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/unique :db.unique/identity}
  {:db/ident :person/age :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
  {:db/ident :person/boss :db/valueType :db.type/ref :db/cardinality :db.cardinality/one}
  {:db/ident :person/friend :db/valueType :db.type/ref :db/cardinality :db.cardinality/many}
  {:db/ident :person/retired :db/valueType :db.type/boolean :db/cardinality :db.cardinality/one}]"#;

const DATA: &str = r#"[
  {:db/id "ida" :person/name "Ida" :person/age 52}
  {:db/id "bram" :person/name "Bram" :person/age 34 :person/boss "ida" :person/friend ["caro" "dov"]}
  {:db/id "caro" :person/name "Caro" :person/age 29 :person/boss "bram" :person/friend ["bram"]}
  {:db/id "dov" :person/name "Dov" :person/boss "ida" :person/retired false}
  {:db/id "hold" :hold/label "aft" :hold/inner {:hold/label "box"}}
  {:ship/name "Tern" :ship/tons 900 :ship/flag :flag/no :ship/cargo ["wool" "salt" "tin"] :ship/captain "dov"
   :ship/status :status/moored :ship/hold ["hold" {:hold/label "fore"}]}
  {:ship/name "Skua" :ship/tons 150}]"#;

fn harbor() -> Connection {
    let conn = Options::new()
        .xform("app/count", |v| {
            Ok(Edn::from(v.as_vector().map_or(0, <[Edn]>::len) as i64))
        })
        .xform("app/shout", |v| match v.as_str() {
            Some(s) => Ok(Node::Str(s.to_uppercase().into()).into()),
            None => Err(Error::new(Code::FunctionFailed, "app/shout takes a string")),
        })
        .in_memory()
        .expect("a database");
    conn.transact(SCHEMA).expect("the schema");
    conn.transact(DATA).expect("the data");
    conn
}

/// Whether a form is as expected; the symbol `_` stands for anything.
fn fits(expected: &Edn, got: &Edn) -> bool {
    match (&expected.node, &got.node) {
        (Node::Symbol(s), _) if s.name() == "_" => true,
        (Node::Vector(x), Node::Vector(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| fits(x, y)),
        (Node::Map(x), Node::Map(y)) => {
            x.len() == y.len() && x.iter().all(|(k, v)| y.iter().any(|(l, w)| k == l && fits(v, w)))
        }
        _ => expected == got,
    }
}

fn entity(text: &str) -> Edn {
    read_one(text).expect("an entity's name")
}

#[track_caller]
fn pulls(db: &Db, pattern: &str, e: &str, expected: &str) {
    let got = db.pull(pattern, entity(e)).unwrap_or_else(|e| panic!("{e}"));
    let got = got.unwrap_or(Node::Nil.into());
    assert!(
        fits(&entity(expected), &got),
        "{pattern} of {e}\n  gave     {got}\n  expected {expected}"
    );
}

#[test]
fn shapes() {
    let db = harbor().db();
    let (ida, bram, dov) = (
        r#"[:person/name "Ida"]"#,
        r#"[:person/name "Bram"]"#,
        r#"[:person/name "Dov"]"#,
    );
    let tern = r#"[:ship/name "Tern"]"#;
    pulls(
        &db,
        "[:person/name :person/age :person/boss]",
        ida,
        r#"{:person/name "Ida" :person/age 52}"#,
    );
    pulls(&db, "[:ship/tons :ship/flag]", ida, "nil");
    pulls(&db, "[:ship/cargo]", tern, r#"{:ship/cargo ["salt" "tin" "wool"]}"#);
    pulls(&db, "[:person/retired]", dov, "{:person/retired false}");
    pulls(&db, "[:ship/captain]", tern, "{:ship/captain {:db/id _}}");
    pulls(
        &db,
        "[{:ship/status [:db/ident]}]",
        tern,
        "{:ship/status {:db/ident :status/moored}}",
    );
    pulls(&db, "[:db/ident]", ":status/moored", "{:db/ident :status/moored}");
    pulls(
        &db,
        "[{:person/boss [:person/retired]} :person/age]",
        bram,
        "{:person/age 34}",
    );
    pulls(&db, "[:person/name]", r#"[:person/name "Nobody"]"#, "nil");
    pulls(&db, "[:db/id]", "12345", "{:db/id 12345}");
    pulls(&db, "[*]", "12345", "{:db/id 12345}");
    pulls(&db, "[:person/name]", "12345", "nil");
}

#[test]
fn components_and_wildcards() {
    let db = harbor().db();
    let tern = r#"[:ship/name "Tern"]"#;
    let holds =
        r#"[{:db/id _ :hold/label "aft" :hold/inner {:db/id _ :hold/label "box"}} {:db/id _ :hold/label "fore"}]"#;
    let holds_anyhow = |pattern: &str| {
        let got = db.pull(pattern, entity(tern)).expect("a pull").expect("a ship");
        let got = got.get(&Keyword::new("ship/hold")).expect("its holds").clone();
        let mut all = got.into_seq().expect("a vector");
        all.sort_by_key(|hold| hold.get(&Keyword::new("hold/label")).cloned());
        assert!(fits(&entity(holds), &Node::Vector(all).into()));
    };
    holds_anyhow("[:ship/hold]");
    holds_anyhow("[*]");
    pulls(
        &db,
        "[* {:ship/hold [:hold/label]} (limit :ship/cargo 1)]",
        tern,
        r#"{:db/id _ :ship/name "Tern" :ship/tons 900 :ship/flag :flag/no :ship/cargo ["salt"] :ship/captain {:db/id _}
            :ship/status {:db/id _} :ship/hold [{:hold/label _} {:hold/label _}]}"#,
    );
    let box_of = |pattern: &str, expected: &str| {
        let got = db.pull("[{:ship/hold [:hold/label {:hold/inner [:db/id]}]}]", entity(tern));
        let got = got.expect("a pull").expect("a ship").to_string();
        let id = got
            .split(":hold/inner {:db/id ")
            .nth(1)
            .and_then(|s| s.split('}').next());
        pulls(&db, pattern, id.expect("the box"), expected);
    };
    box_of(
        "[{:hold/_inner [:hold/label]}]",
        r#"{:hold/_inner {:hold/label "aft"}}"#,
    );
    box_of("[:hold/_inner]", "{:hold/_inner {:db/id _}}");
}

#[test]
fn keys_stand_in_the_order_of_the_pattern() {
    let db = harbor().db();
    let pattern = "[{:person/_boss [:person/name]} :person/age {:person/friend [:person/name]} {:person/boss [:person/name]} :person/name]";
    let got = db
        .pull(pattern, entity(r#"[:person/name "Bram"]"#))
        .expect("a pull")
        .expect("Bram");
    assert_eq!(
        got.to_string(),
        r#"{:person/_boss [{:person/name "Caro"}], :person/age 34, :person/friend [{:person/name "Caro"} {:person/name "Dov"}], :person/boss {:person/name "Ida"}, :person/name "Bram"}"#
    );
}

#[test]
fn reverse_and_recursion() {
    let db = harbor().db();
    let (ida, bram, caro) = (
        r#"[:person/name "Ida"]"#,
        r#"[:person/name "Bram"]"#,
        r#"[:person/name "Caro"]"#,
    );
    pulls(
        &db,
        "[{:person/_boss [:person/name]}]",
        ida,
        r#"{:person/_boss [{:person/name "Bram"} {:person/name "Dov"}]}"#,
    );
    pulls(
        &db,
        "[:ship/_captain]",
        r#"[:person/name "Dov"]"#,
        "{:ship/_captain [{:db/id _}]}",
    );
    pulls(
        &db,
        "[:person/name {:person/boss ...}]",
        caro,
        r#"{:person/name "Caro" :person/boss {:person/name "Bram" :person/boss {:person/name "Ida"}}}"#,
    );
    pulls(
        &db,
        "[:person/name {:person/boss 1}]",
        caro,
        r#"{:person/name "Caro" :person/boss {:person/name "Bram"}}"#,
    );
    pulls(
        &db,
        r#"[:person/name {:person/_boss "..."}]"#,
        ida,
        r#"{:person/name "Ida" :person/_boss [{:person/name "Bram" :person/_boss [{:person/name "Caro"}]} {:person/name "Dov"}]}"#,
    );
    pulls(
        &db,
        "[:person/name {:person/friend ...}]",
        bram,
        r#"{:person/name "Bram" :person/friend [{:person/name "Caro" :person/friend [{:db/id _}]} {:person/name "Dov"}]}"#,
    );
    pulls(
        &db,
        "[* {:person/boss ...}]",
        caro,
        r#"{:db/id _ :person/name "Caro" :person/age 29 :person/friend [{:db/id _}]
            :person/boss {:db/id _ :person/name "Bram" :person/age 34 :person/friend [{:db/id _} {:db/id _}]
                          :person/boss {:db/id _ :person/name "Ida" :person/age 52}}}"#,
    );
}

#[test]
fn options() {
    let db = harbor().db();
    let (tern, skua, dov) = (
        r#"[:ship/name "Tern"]"#,
        r#"[:ship/name "Skua"]"#,
        r#"[:person/name "Dov"]"#,
    );
    pulls(
        &db,
        r#"[[:ship/name :as :who] (:ship/tons :as "t")]"#,
        tern,
        r#"{:who "Tern" "t" 900}"#,
    );
    pulls(
        &db,
        r#"[[:ship/name :as :a] [:ship/name :as :b]]"#,
        tern,
        r#"{:a "Tern" :b "Tern"}"#,
    );
    pulls(
        &db,
        "[{[:ship/captain :as :led-by] [[:person/name :as :n]]}]",
        tern,
        r#"{:led-by {:n "Dov"}}"#,
    );
    pulls(
        &db,
        "[(default :ship/flag :flag/none)]",
        skua,
        "{:ship/flag :flag/none}",
    );
    pulls(&db, "[[:person/retired :default true]]", dov, "{:person/retired false}");
    pulls(&db, "[[:ship/cargo :default []]]", skua, "{:ship/cargo []}");
    pulls(&db, "[[:ship/flag :default 1]]", "12345", "{:ship/flag 1}");
    pulls(
        &db,
        "[{[:ship/captain :default :none] [:person/age]}]",
        tern,
        "{:ship/captain :none}",
    );
    pulls(
        &db,
        "[(limit (default :ship/cargo []) 2)]",
        tern,
        r#"{:ship/cargo ["salt" "tin"]}"#,
    );
    pulls(&db, "[[:ship/name :xform app/shout]]", tern, r#"{:ship/name "TERN"}"#);
    pulls(&db, "[[:ship/flag :xform app/shout]]", skua, "nil");
    let failed = db
        .pull("[[:ship/tons :xform app/shout]]", entity(tern))
        .expect_err("a number");
    assert_eq!(failed.code(), Code::FunctionFailed);
}

#[test]
fn limits() {
    let conn = harbor();
    let cargo: String = (0..1001).map(|i| format!("\"c{i:04}\" ")).collect();
    conn.transact(&*format!("[{{:ship/name \"Ark\" :ship/cargo [{cargo}]}}]"))
        .expect("an ark");
    let db = conn.db();
    let count = |pattern: &str| {
        let got = db
            .pull(pattern, entity(r#"[:ship/name "Ark"]"#))
            .expect("a pull")
            .expect("an ark");
        let cargo = got.get(&Keyword::new("ship/cargo")).expect("cargo").clone();
        cargo.as_vector().expect("a vector").len()
    };
    assert_eq!(count("[:ship/cargo]"), 1000);
    assert_eq!(count("[*]"), 1000);
    assert_eq!(count("[(limit :ship/cargo nil)]"), 1001);
    assert_eq!(
        count("[:ship/name :ship/tons :ship/flag (limit :ship/cargo 1001)]"),
        1001
    );
    pulls(
        &db,
        "[(limit :ship/cargo 1)]",
        r#"[:ship/name "Ark"]"#,
        r#"{:ship/cargo ["c0000"]}"#,
    );
}

#[test]
fn many_and_views() {
    let conn = harbor();
    let before = conn.db();
    conn.transact(
        r#"[[:db/add [:person/name "Ida"] :person/age 53] [:db/retract [:person/name "Dov"] :person/retired false]]"#,
    )
    .expect("a change");
    let now = conn.db();
    pulls(&now, "[:person/age]", r#"[:person/name "Ida"]"#, "{:person/age 53}");
    let then = now.as_of(before.basis_t()).expect("a view");
    pulls(&then, "[:person/age]", r#"[:person/name "Ida"]"#, "{:person/age 52}");
    pulls(
        &then,
        "[*]",
        r#"[:person/name "Dov"]"#,
        "{:db/id _ :person/name _ :person/boss {:db/id _} :person/retired false}",
    );
    let few = now.filter(|db, d| db.ident(d.a) != Some(&Keyword::new("person/age")));
    pulls(
        &few,
        "[:person/name :person/age]",
        r#"[:person/name "Ida"]"#,
        r#"{:person/name "Ida"}"#,
    );
    let error = now
        .history()
        .pull("[*]", entity(":status/moored"))
        .expect_err("no pull");
    assert_eq!(error.code(), Code::NotSupportedOnHistory);

    let names = [
        r#"[:person/name "Ida"]"#,
        r#"[:person/name "Nobody"]"#,
        r#"[:person/name "Ida"]"#,
    ]
    .map(entity);
    let got = now.pull_many("[:person/age]", &names).expect("three");
    assert_eq!(got[0], got[2]);
    assert!(got[0].is_some() && got[1].is_none());
}

#[test]
fn the_shape_is_that_of_the_views_schema() {
    let conn = harbor();
    let t = conn.db().basis_t();
    conn.transact("[[:db/add :ship/flag :db/cardinality :db.cardinality/many]]")
        .expect("many flags");
    let db = conn.db();
    pulls(&db, "[:ship/flag]", r#"[:ship/name "Tern"]"#, "{:ship/flag [:flag/no]}");
    pulls(
        &db.as_of(t).expect("a view"),
        "[:ship/flag]",
        r#"[:ship/name "Tern"]"#,
        "{:ship/flag :flag/no}",
    );
}

#[test]
fn cycles_of_components_end() {
    let conn = harbor();
    conn.transact(
        r#"[{:db/id "a" :hold/label "a" :hold/inner "b"} {:db/id "b" :hold/label "b" :hold/inner "a"}
            {:ship/name "Loop" :ship/hold "a"}]"#,
    )
    .expect("a cycle");
    pulls(
        &conn.db(),
        "[:ship/hold]",
        r#"[:ship/name "Loop"]"#,
        r#"{:ship/hold [{:db/id _ :hold/label "a" :hold/inner {:db/id _ :hold/label "b" :hold/inner {:db/id _}}}]}"#,
    );
}

#[test]
fn a_long_chain_is_pulled_whole_without_the_native_stack() {
    let body = || {
        let conn = harbor();
        let n = 20_000;
        let link = |i: usize| {
            format!(
                "{{:db/id \"p{i}\" :person/name \"p{i:05}\" :person/boss \"p{}\"}}",
                i + 1
            )
        };
        let chain: String = (0..n)
            .map(link)
            .chain([format!("{{:db/id \"p{n}\" :person/name \"p{n:05}\"}}")])
            .collect();
        conn.transact(&*format!("[{chain}]")).expect("a chain");
        let db = conn.db();
        let first = || entity(r#"[:person/name "p00000"]"#);
        let pull = |pattern: &str| db.pull(pattern, first()).expect("a pull").expect("a person");
        let whole = pull("[:person/name {:person/boss ...}]");
        assert!(whole.is_deeper_than(n) && !whole.is_deeper_than(n + 1));
        assert!(
            whole
                .to_string()
                .ends_with(&format!("\"p{n:05}\"{}", "}".repeat(n + 1)))
        );
        assert_eq!(whole.clone(), whole);
        let part = pull("[:person/name {:person/boss 700}]");
        assert!(part.is_deeper_than(700) && !part.is_deeper_than(701) && part != whole);
        // What other formats and Rust types make of it would call itself for each level.
        assert!(crate::edn::from_edn::<serde::de::IgnoredAny>(&whole).is_err());
        let query = "[:find (pull ?e [:person/name {:person/boss ...}]) . :where [?e :person/name \"p00000\"]]";
        let answer = db.q(query, &[]).expect("an answer");
        assert_eq!(answer.to_edn().expect("a map"), whole);
    };
    let small = std::thread::Builder::new().stack_size(512 << 10);
    small.spawn(body).expect("a thread").join().expect("no overflow");
}

#[test]
fn a_pull_keeps_to_the_memory_of_its_query() {
    let db = harbor().db();
    let query = crate::query::Query::parse("[:find (pull ?e [*]) :where [?e :person/name]]").expect("a query");
    let run = |bytes: usize| {
        let options = crate::query::QueryOptions {
            budget: crate::query::Budget::memory(bytes),
            ..Default::default()
        };
        query.run_with(&[(&db).into()], &options)
    };
    assert_eq!(run(500).expect_err("too little").code(), Code::QueryLimit);
    let answer = run(1 << 20).expect("enough");
    assert!(answer.stats().rows_read > answer.len() as u64);
}

#[test]
fn a_text_means_what_the_schema_says_that_it_is_asked_of() {
    let attr = |ident: &str, many: bool| {
        let many = if many { "many" } else { "one" };
        format!("{{:db/ident {ident} :db/valueType :db.type/long :db/cardinality :db.cardinality/{many}}}")
    };
    let of = |first: &str, many: bool| {
        let text = format!(
            "[{} {}] [{{:db/ident :it {first} 1 :n 2}}]",
            attr(first, false),
            attr(":n", many)
        );
        crate::testing::fixture(&text).expect("made")
    };
    let shown = |conn: &crate::conn::Connection| {
        let found = conn.db().pull("[:n]", ":it").expect("pulled");
        found.expect("it is there").to_string()
    };
    let (one, many) = (of(":a", false), of(":b", true));
    for _ in 0..2 {
        assert_eq!((shown(&one), shown(&many)), ("{:n 2}".into(), "{:n [2]}".into()));
    }
    one.transact("[{:db/id :n :db/cardinality :db.cardinality/many}]")
        .expect("changed");
    assert_eq!(shown(&one), "{:n [2]}");
}

#[test]
fn a_check_ends_a_pull() {
    let db = harbor().db();
    let pattern = "[{:person/boss ...}]".into_pattern(&db).expect("a pattern");
    let seen = std::cell::Cell::new(0);
    let check = |_| match seen.replace(seen.get() + 1) {
        0 => Ok(()),
        _ => Err(Error::new(Code::QueryCancelled, "enough")),
    };
    let e = db
        .entid(entity(r#"[:person/name "Caro"]"#))
        .expect("Caro")
        .expect("Caro");
    let error = Puller::new(&db, &pattern)
        .expect("a puller")
        .checked(&check)
        .pull(e)
        .expect_err("stopped");
    assert_eq!(error.code(), Code::QueryCancelled);
}

#[test]
fn mistakes() {
    let db = harbor().db();
    let patterns = [
        ":person/name",
        "[]",
        "[:person/nmae]",
        "[{:person/_bos [:person/name]}]",
        "[:person/_name]",
        "[person/name]",
        "[12]",
        "[{:person/name [:db/id]}]",
        "[{:person/boss 0}]",
        "[{:person/boss :person/name}]",
        "[{:person/boss []}]",
        "[{}]",
        "[[:person/name]]",
        "[[:ship/cargo :limit 0]]",
        "[[:ship/cargo :limt 2]]",
        "[[:ship/cargo :limit]]",
        "[[:ship/cargo :limit 1 :limit 2]]",
        "[(limit :ship/cargo)]",
        "[[:ship/name :xform app/shuot]]",
        "[[:ship/name :xform 3]]",
        "[:ship/name [:ship/tons :as :ship/name]]",
        "[{:db/id [:ship/name]}]",
        "[{* [:ship/name]}]",
        "[:ship/name",
    ];
    let shown: String = patterns
        .iter()
        .map(|p| testing::error(&db, &db.pull(*p, entity(":status/moored")).expect_err(p)) + "\n")
        .collect();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/pull");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("mistakes", shown));
    let lenient = parse_lenient(&entity("[:person/nmae :person/name]"), &db).expect("a pattern");
    let ida = db.entid(entity(r#"[:person/name "Ida"]"#)).expect("Ida").expect("Ida");
    let got = pull(&db, &lenient, ida).expect("a pull").expect("Ida");
    assert_eq!(got.to_string(), r#"{:person/name "Ida"}"#);
}

#[test]
fn entities() {
    let conn = harbor();
    let db = conn.db();
    let kw = Keyword::new;
    let at = |name: &str| {
        db.entity(entity(&format!("[:person/name {name:?}]")))
            .expect("a read")
            .expect("a person")
    };
    let bram = at("Bram");
    assert_eq!(
        bram.get(&kw("person/age")).expect("a read"),
        Some(EntityValue::Value(crate::datom::Value::Long(34)))
    );
    assert_eq!(bram.get(&kw("person/retired")).expect("a read"), None);
    assert_eq!(
        bram.get(&kw("person/boss")).expect("a read"),
        Some(EntityValue::Entity(at("Ida")))
    );
    let friends = bram.get(&kw("person/friend")).expect("a read").expect("friends");
    assert_eq!(friends.all().len(), 2);
    let led = at("Ida").get(&kw("person/_boss")).expect("a read").expect("two");
    assert_eq!(
        led,
        EntityValue::Set(vec![EntityValue::Entity(bram.clone()), EntityValue::Entity(at("Dov"))])
    );
    assert_eq!(
        bram.get(&kw("person/nmae")).expect_err("a typo").code(),
        Code::UnknownAttribute
    );
    let tern = db
        .entity(entity(r#"[:ship/name "Tern"]"#))
        .expect("a read")
        .expect("a ship");
    assert_eq!(
        tern.get(&kw("ship/status")).expect("a read"),
        Some(EntityValue::Ident(kw("status/moored")))
    );
    let keys: Vec<String> = bram.keys().expect("a read").iter().map(|k| k.to_string()).collect();
    assert_eq!(keys, [":person/age", ":person/boss", ":person/friend", ":person/name"]);
    assert_eq!(bram.touch().expect("a read").len(), 4);

    assert_eq!(db.entity(crate::datom::EntityId(12345)).expect("a read"), None);
    assert_eq!(db.entity(entity(r#"[:person/name "Nobody"]"#)).expect("a read"), None);
    conn.transact("[]").expect("nothing");
    let later = conn.db().entity(bram.id()).expect("a read").expect("Bram");
    assert_ne!(later, bram, "an entity belongs to its basis");
    let error = db.history().entity(bram.id()).expect_err("no entity");
    assert_eq!(error.code(), Code::NotSupportedOnHistory);
}

#[test]
fn pulls_and_entities_as_rust_types() {
    #[derive(serde::Deserialize, Debug, PartialEq)]
    struct Person {
        name: String,
        age: Option<i64>,
        #[serde(default)]
        boss: Option<Box<Person>>,
    }
    #[derive(serde::Deserialize, Debug)]
    struct Narrow {
        #[expect(dead_code, reason = "only its type matters")]
        age: Option<bool>,
    }
    let db = harbor().db();
    let name = |n: &str| entity(&format!("[:person/name \"{n}\"]"));
    let pattern = "[:person/name :person/age {:person/boss [:person/name :person/age]}]";
    let bram: Person = db.pull_as(pattern, name("Bram")).expect("a pull").expect("Bram");
    assert_eq!((bram.name.as_str(), bram.age), ("Bram", Some(34)));
    assert_eq!(bram.boss.expect("a boss").name, "Ida");
    let some = db.pull_many_as::<Person, _>(pattern, [name("Ida"), name("Nobody"), name("Dov")]);
    let names = some.expect("pulls").into_iter().map(|p| p.map(|p| p.name));
    assert_eq!(
        names.collect::<Vec<_>>(),
        [Some("Ida".to_string()), None, Some("Dov".to_string())]
    );
    let wrong = db
        .pull_as::<Narrow>("[:person/age]", name("Bram"))
        .expect_err("34 is no boolean");
    assert_eq!(
        wrong.message(),
        ":person/age: invalid type: integer `34`, expected a boolean"
    );
    let missing = db
        .pull_as::<Person>("[:person/age]", name("Bram"))
        .expect_err("no name");
    assert_eq!(missing.message(), "missing field `name`");
    #[derive(serde::Deserialize)]
    struct Linked {
        #[serde(rename = "db/id")]
        id: i64,
        boss: Id,
    }
    #[derive(serde::Deserialize)]
    struct Id {
        id: i64,
    }
    let bram = db.entity(name("Bram")).expect("a read").expect("Bram");
    let linked: Linked = bram.typed().expect("fits");
    let ida = db.entid(name("Ida")).expect("a read").expect("Ida");
    assert_eq!((linked.id as u64, linked.boss.id as u64), (bram.id().0, ida.0));
}

/// Many entities are joined to the index, in leaves and tail, now and then; few, and those of filtered views, are read one by one.
#[test]
fn many_at_once_are_as_one_by_one() {
    let conn = harbor();
    let mut state = 7u64;
    let mut below = move |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let n = 150;
    let mut people = |part: &str| {
        let one = |i: u64| {
            let name = |i: u64| format!("[:person/name \"{i}\"]");
            let mut facts = format!("{{:person/name \"{i}\" :person/age {}", below(90));
            if below(3) > 0 {
                facts += &format!(" :person/boss {}", name(below(n)));
            }
            // Some have so many friends that these fill leaves.
            let friends: Vec<String> = (0..if i % 40 == 3 { 60 } else { below(4) })
                .map(|_| name(below(n)))
                .collect();
            facts
                + &format!(
                    " :person/friend [{}] :person/retired {}}}",
                    friends.join(" "),
                    below(2) == 0
                )
        };
        let all: Vec<String> = match part {
            "names" => (0..n).map(|i| format!("{{:person/name \"{i}\"}}")).collect(),
            _ => (0..n).map(one).collect(),
        };
        conn.transact(&*format!("[{}]", all.join(" "))).expect("people");
    };
    people("names");
    let mut views = Vec::new();
    for folded in [true, false] {
        people("facts");
        let db = conn.db();
        conn.transact(r#"[[:db/retractEntity [:person/name "9"]]]"#)
            .expect("one less");
        people("names");
        people("facts");
        if folded {
            conn.sync_index().expect("folded");
        }
        views.extend([
            conn.db(),
            conn.db().as_of(db.basis_t()).expect("then"),
            conn.db().since(db.basis_t()).expect("since"),
        ]);
    }
    for db in views {
        let ids: Vec<EntityId> = db
            .unbounded()
            .q("[:find [?e ...] :where [?e :person/name]]", &[])
            .expect("people")
            .entities(0)
            .expect("entities")
            .collect();
        assert!(ids.len() >= n as usize - 1);
        let one_by_one = db.filter(|_, _| true);
        for pattern in [
            "[:person/name]",
            "[:db/id :person/friend]",
            "[(limit :person/friend 2) :person/age]",
            "[*]",
            "[* {:person/friend [:person/name]}]",
            "[:person/name :person/age :person/retired {:person/boss [:person/name {:person/boss [:db/id]}]}]",
            "[:person/name {:person/boss ...}]",
            "[:person/name {:person/boss 2} {(:person/friend :limit 2) 1}]",
            "[:person/_boss]",
            "[:person/name {:person/_boss [:person/name]} {(:person/_friend :limit 3 :as :fans) [:person/age]}]",
            "[:person/name {:person/_boss 2}]",
            "[(default :person/boss :nobody) {(:person/friend :default [] :xform app/count) [:ship/name]}]",
        ] {
            let pattern = pattern.into_pattern(&db).expect("a pattern");
            let many = db.pull_many(&pattern, ids.iter().copied()).expect("many");
            for (e, found) in ids.iter().zip(&many) {
                let alone = one_by_one.pull(&pattern, *e).expect("one");
                assert_eq!(
                    found,
                    &alone,
                    "{pattern:?} of {e} with {:?} {:?}",
                    db.as_of_t(),
                    db.since_t()
                );
                assert_eq!(found.as_ref().map(Edn::to_string), alone.map(|form| form.to_string()));
            }
        }
    }
}
