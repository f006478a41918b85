//! User types to and from EDN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::{Edn, Instant, Keyword, Node, Symbol, read_one};
use super::{from_edn, to_edn};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    #[serde(rename = "person/name")]
    name: String,
    #[serde(rename = "person/age")]
    age: Option<u8>,
    kind: Kind,
    tags: Vec<Keyword>,
    since: Instant,
    extra: Edn,
    more: BTreeMap<String, f64>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Human,
    RobotArm { arms: u32 },
    Pair(i64, Symbol),
    Other(Box<Kind>),
}

fn ada() -> Person {
    Person {
        name: "Ada".into(),
        age: None,
        kind: Kind::Other(Box::new(Kind::Pair(-1, Symbol::new("?x")))),
        tags: vec![Keyword::new("a/b")],
        since: Instant::parse("1815-12-10").unwrap(),
        extra: read_one("#my/tag (1 2N 3M \\c {[1 nil] #{:a} nil sym} #uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\" #bytes \"00\")")
            .unwrap(),
        more: BTreeMap::from([("x y".to_string(), 1.5)]),
    }
}

#[test]
fn a_type_survives_the_way_there_and_back() {
    let form = to_edn(&ada()).unwrap();
    let text = "{:person/name \"Ada\", :person/age nil, :kind {:other {:pair [-1 ?x]}}, :tags [:a/b], \
                :since #inst \"1815-12-10T00:00:00.000Z\", :extra #my/tag (1 2N 3M \\c {[1 nil] #{:a}, nil sym} \
                #uuid \"f81d4fae-7dec-11d0-a765-00a0c91e6bf6\" #bytes \"00\"), :more {\"x y\" 1.5}}";
    assert_eq!(form.to_string(), text);
    assert_eq!(from_edn::<Person>(&form).unwrap(), ada());
    assert_eq!(from_edn::<Person>(&read_one(text).unwrap()).unwrap(), ada());
}

#[test]
fn every_form_survives_as_itself() {
    let form = ada().extra;
    assert_eq!(to_edn(&form).unwrap(), form);
    assert_eq!(from_edn::<Edn>(&form).unwrap(), form);
}

#[derive(Debug, PartialEq, Deserialize)]
struct Named {
    name: String,
}

#[test]
fn bare_names_match_when_they_are_unambiguous() {
    let named = |text: &str| from_edn::<Named>(&read_one(text).unwrap()).map(|n| n.name);
    assert_eq!(named("{:person/name \"a\" :person/age 1}").unwrap(), "a");
    assert_eq!(named("{:name \"a\" :pet/name \"b\"}").unwrap(), "a");
    assert_eq!(named("{:pet/name \"b\" :name \"a\"}").unwrap(), "a");
    assert_eq!(named("{\"name\" \"a\"}").unwrap(), "a");
    let error = named("{:a/name \"a\" :b/name \"b\"}").unwrap_err();
    assert_eq!(error.message(), ":a/name and :b/name could both be the field name");
    assert_eq!(error.span().start, 13);
}

#[test]
fn enums_are_keywords() {
    let kind = |text: &str| from_edn::<Kind>(&read_one(text).unwrap());
    for text in [":human", ":kind/human", "human", "\"human\"", "{:human nil}"] {
        assert_eq!(kind(text).unwrap(), Kind::Human, "{text}");
    }
    assert_eq!(kind("{:robot-arm {:arms 2}}").unwrap(), Kind::RobotArm { arms: 2 });
    assert_eq!(
        kind("{:kind/robot-arm {:robot/arms 2}}").unwrap(),
        Kind::RobotArm { arms: 2 }
    );
    for text in [":humn", ":pair", "{:human 1}", "1", "{:pair [1]}", "{:pair [1 a 3]}"] {
        assert!(kind(text).is_err(), "{text}");
    }
}

#[test]
fn errors_point_at_the_form() {
    let text = "{:numbers [1 2 \"three\"]}";
    let form = read_one(text).unwrap();
    let error = from_edn::<BTreeMap<String, Vec<i32>>>(&form).unwrap_err();
    assert_eq!(error.message(), "invalid type: string \"three\", expected i32");
    assert_eq!(
        &text[error.span().start as usize..error.span().end as usize],
        "\"three\""
    );
    let error = from_edn::<Keyword>(&read_one("\"a\"").unwrap()).unwrap_err();
    assert_eq!(error.message(), "invalid type: a string, expected a keyword");
}

#[test]
fn numbers_fit_or_are_refused() {
    let form = read_one("[255 18446744073709551615 1.5M 2N 1]").unwrap();
    let numbers: (u8, u64, f64, i8, f32) = from_edn(&form).unwrap();
    assert_eq!(numbers, (255, u64::MAX, 1.5, 2, 1.0));
    assert_eq!(to_edn(&u64::MAX).unwrap().to_string(), "18446744073709551615N");
    assert!(from_edn::<u8>(&Edn::from(256i64)).is_err());
    assert_eq!(
        from_edn::<Vec<u8>>(&read_one("#bytes \"00ff\"").unwrap()).unwrap(),
        [0, 255]
    );
}

#[test]
fn duplicate_keys_of_a_foreign_map_are_refused() {
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.collect_map([("a", 1), ("a", 2)])
        }
    }
    assert!(to_edn(&Twice).is_err());
    assert!(matches!(to_edn(&()).unwrap().node, Node::Nil));
}
