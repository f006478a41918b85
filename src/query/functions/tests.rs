//! Functions by what they give: `call("(+ 1 2)")` with arguments written as values.

use std::cmp::Ordering;

use super::aggregate::{self, WordAcc};
use super::*;
use crate::datom::ValueType;
use crate::edn::{BigDecimal, Instant, Keyword};

fn long(x: i64) -> Val {
    Val::Long(x)
}
fn double(x: f64) -> Val {
    Val::Double(x)
}
fn dec(s: &str) -> Val {
    Val::BigDec(s.parse::<BigDecimal>().expect("a decimal"))
}
fn big(s: &str) -> Val {
    Val::BigInt(s.parse().expect("a whole number"))
}
fn kw(s: &str) -> Val {
    Val::Keyword(Keyword::new(s))
}
fn texts(items: &[&str]) -> Val {
    Val::vector(items.iter().map(|s| Val::from(*s)))
}
fn call(name: &str, args: &[Val]) -> Result<Val> {
    let function = lookup(&Symbol::new(name)).unwrap_or_else(|| panic!("{name} is known"));
    function.check_arity(args.len())?;
    (function.call)(args)
}
fn given(name: &str, args: &[Val], expected: Val) {
    let got = call(name, args).unwrap_or_else(|e| panic!("({name} {args:?}): {e}"));
    assert_eq!(got, expected, "({name} {args:?})");
}
fn refused(name: &str, args: &[Val], code: Code) -> String {
    let e = call(name, args).expect_err("an error");
    assert_eq!(e.code(), code, "({name} {args:?}): {e}");
    e.to_string()
}

#[test]
fn names_bare_and_qualified() {
    for name in [
        "upper-case",
        "clojure.string/upper-case",
        "clojure.core/+",
        "+",
        "/",
        "reverse",
    ] {
        assert!(lookup(&Symbol::new(name)).is_some(), "{name}");
    }
    for name in ["clojure.string/+", "upper", "my.app/str"] {
        assert!(lookup(&Symbol::new(name)).is_none(), "{name}");
    }
    let names = names();
    assert!(names.windows(2).all(|w| w[0] < w[1]), "no name is given twice");
    assert_eq!(names.len(), all().count());
    assert_eq!(
        crate::error::nearest("uper-case", names.iter().copied()),
        Some("upper-case")
    );
}

#[test]
fn arithmetic() {
    given("+", &[long(17), long(5)], long(22));
    given("+", &[], long(0));
    given("+", &[long(1), double(0.5)], double(1.5));
    given("+", &[long(1), big("2")], big("3"));
    given("+", &[long(1), dec("0.5")], dec("1.5"));
    given("+", &[dec("0.5"), double(0.5)], double(1.0));
    given("-", &[long(5)], long(-5));
    given("-", &[long(5), long(2), long(1)], long(2));
    given("*", &[long(6), long(7)], long(42));
    given("/", &[long(20), long(4)], long(5));
    given("/", &[long(10), long(4)], double(2.5));
    given("/", &[long(10), double(4.0)], double(2.5));
    given("/", &[dec("1"), dec("8")], dec("0.125"));
    given("/", &[dec("1"), dec("3")], dec("0.3333333333333333333333333333333333"));
    given("/", &[big("10"), big("5")], big("2"));
    given("/", &[double(1.0), double(0.0)], double(f64::INFINITY));
    given("quot", &[long(-7), long(3)], long(-2));
    // Beyond the hundred digits that a quotient is computed to.
    let long_one = format!("1{}", "0".repeat(150));
    let seventh = "142857".repeat(25);
    given("quot", &[dec(&long_one), dec("7")], dec(&seventh));
    given("quot", &[dec("-7.5"), dec("0.2")], dec("-37"));
    let digits = "1234567890123456789012345678901234567890";
    given("/", &[dec(digits), dec("1")], dec(digits));
    given(
        "/",
        &[dec(digits), dec("10")],
        dec("123456789012345678901234567890123456789"),
    );
    given("rem", &[long(-7), long(3)], long(-1));
    given("mod", &[long(-7), long(3)], long(2));
    given("mod", &[double(-7.0), double(3.0)], double(2.0));
    given("mod", &[long(i64::MIN), long(-1)], long(0));
    given("rem", &[long(i64::MIN), long(-1)], long(0));
    given("inc", &[long(0)], long(1));
    given("dec", &[double(1.5)], double(0.5));
    given("max", &[long(3), double(9.5), long(-2)], double(9.5));
    given("min", &["b".into(), "a".into()], "a".into());
    given("long", &[double(-2.7)], long(-2));
    given("round", &[double(2.5)], double(3.0));
    given("floor", &[dec("-2.5")], dec("-3"));
    given("bigdec", &[double(1.1)], dec("1.1"));
    given("bigdec", &[double(1e23)], dec("99999999999999991611392"));
    given("even?", &[long(-4)], true.into());
    given("zero?", &[double(0.0)], true.into());
    given("neg?", &[dec("-0.1")], true.into());
}

#[test]
fn arithmetic_that_fails() {
    refused("+", &[long(i64::MAX), long(1)], Code::Overflow);
    refused("*", &[long(i64::MAX), long(2)], Code::Overflow);
    refused("-", &[long(i64::MIN)], Code::Overflow);
    refused("quot", &[long(i64::MIN), long(-1)], Code::Overflow);
    refused("/", &[long(i64::MIN), long(-1)], Code::Overflow);
    refused("inc", &[long(i64::MAX)], Code::Overflow);
    refused("abs", &[long(i64::MIN)], Code::Overflow);
    refused("long", &[double(1e19)], Code::Overflow);
    for name in ["/", "quot", "rem", "mod"] {
        refused(name, &[long(10), long(0)], Code::DivideByZero);
        refused(name, &[dec("1"), dec("0")], Code::DivideByZero);
    }
    refused("/", &[double(0.0), double(0.0)], Code::FunctionFailed);
    refused("+", &[dec("1e999999999"), long(1)], Code::Overflow);
    refused("inc", &[], Code::Arity);
    let message = refused("+", &[long(1), "2".into()], Code::TypeMismatch);
    assert!(
        message.contains("+ expects a number as argument 2, and was given"),
        "{message}"
    );
}

#[test]
fn comparison() {
    given("<", &[long(29), long(34), long(52)], true.into());
    given("<", &[long(29), long(29)], false.into());
    given("<=", &[long(29), double(29.0)], true.into());
    given("=", &[long(1), double(1.0), dec("1.0")], true.into());
    given("!=", &[long(1), "1".into()], true.into());
    given("not=", &[kw("a"), kw("b")], true.into());
    for name in ["<", ">", "<=", ">=", "="] {
        given(name, &[long(1), "1".into()], false.into());
    }
    given("compare", &[long(1), double(2.0)], long(-1));
    refused("compare", &[long(1), "1".into()], Code::CannotCompare);
}

#[test]
fn text() {
    given(
        "str",
        &["Skua/".into(), long(150), Val::Nil, kw("a/b")],
        "Skua/150:a/b".into(),
    );
    let instant = call("parse-instant", &["2024-05-01".into()]).expect("an instant");
    given(
        "str",
        &[instant, " ".into(), big("7"), dec("1.50")],
        "2024-05-01T00:00:00.000Z 71.50".into(),
    );
    given("subs", &["harbor".into(), long(2)], "rbor".into());
    given("subs", &["hårbor".into(), long(0), long(2)], "hå".into());
    refused("subs", &["ab".into(), long(3)], Code::FunctionFailed);
    refused("subs", &["abc".into(), long(2), long(1)], Code::FunctionFailed);
    given("name", &[kw("flag/no")], "no".into());
    given("namespace", &[kw("flag/no")], "flag".into());
    given("namespace", &[kw("no")], Val::Nil);
    given("keyword", &["flag".into()], kw("flag"));
    given("keyword", &["flag".into(), "no".into()], kw("flag/no"));
    given("upper-case", &["straße".into()], "STRASSE".into());
    given("capitalize", &["hELLO".into()], "Hello".into());
    given("starts-with?", &["salt".into(), "s".into()], true.into());
    given("blank?", &[" \n".into()], true.into());
    given("split", &["a,b,,".into(), ",".into()], texts(&["a", "b"]));
    given("split", &["a,b,c".into(), ",".into(), long(2)], texts(&["a", "b,c"]));
    given("join", &[", ".into(), texts(&["a", "b"])], "a, b".into());
    given("replace", &["a.b.c".into(), ".".into(), "-".into()], "a-b-c".into());
    given("index-of", &["håhå".into(), "å".into(), long(2)], long(3));
    given("index-of", &["abc".into(), "x".into()], Val::Nil);
    given("last-index-of", &["abab".into(), "b".into()], long(3));
    given("reverse", &["åb".into()], "bå".into());
    given("parse-long", &["42".into()], long(42));
    given("parse-long", &["4x".into()], Val::Nil);
    given("parse-double", &["NaN".into()], Val::Nil);
}

#[test]
fn patterns() {
    let re = |s: &str| call("re-pattern", &[s.into()]).expect("a pattern");
    given("re-find", &[re("^[P-S].*"), "Petrel".into()], "Petrel".into());
    given("re-find", &[re("^[P-S].*"), "Gannet".into()], Val::Nil);
    given(
        "re-find",
        &[re("(a)(x)?"), "ba".into()],
        Val::vector(["a".into(), "a".into(), Val::Nil]),
    );
    given("re-matches", &[re("a|ab"), "ab".into()], "ab".into());
    given("re-matches", &[re("a"), "ab".into()], Val::Nil);
    given("re-seq", &[re("[0-9]+"), "1 and 22".into()], texts(&["1", "22"]));
    given(
        "replace",
        &["John Smith".into(), re("(\\w+) (\\w+)"), "$2, $1".into()],
        "Smith, John".into(),
    );
    for (with, expected) in [
        ("$1x", "jxohn"),
        ("$12", "j2ohn"),
        ("${1}2", "j2ohn"),
        ("<${first}>$$", "<j>$ohn"),
        ("$0$7$", "j$ohn"),
        ("${none}", "ohn"),
    ] {
        given(
            "replace",
            &["john".into(), re("(?<first>j)"), with.into()],
            expected.into(),
        );
    }
    let (text, many) = ("a".repeat(1 << 20), "$0".repeat(1 << 16));
    refused(
        "replace",
        &[text.as_str().into(), re("(?s).+"), many.into()],
        Code::QueryLimit,
    );
    let many = Val::vector(vec![Val::from(text); 1 << 15]);
    refused("str", std::slice::from_ref(&many), Code::QueryLimit);
    refused("join", &[many.clone(), texts(&["a", "b"])], Code::QueryLimit);
    given("str", &[texts(&["a", "b"])], "[\"a\" \"b\"]".into());
    given("split", &["a1b22c".into(), re("[0-9]+")], texts(&["a", "b", "c"]));
    for nothing in ["".into(), re("")] {
        given("split", &["abc".into(), nothing.clone()], texts(&["a", "b", "c"]));
        given("split", &["abc".into(), nothing.clone(), long(2)], texts(&["a", "bc"]));
        given("split", &["abc".into(), nothing.clone(), long(1)], texts(&["abc"]));
        given("split", &["".into(), nothing], texts(&[""]));
    }
    given("split", &[",a".into(), re(",")], texts(&["", "a"]));
    let message = refused("re-pattern", &["(".into()], Code::FunctionFailed);
    assert!(message.contains("unclosed group"), "{message}");
    given("re-find", &["[0-9]+".into(), "berth 12".into()], "12".into());
    given("re-matches", &["a|ab".into(), "ab".into()], "ab".into());
    given("re-seq", &["[0-9]".into(), "12".into()], texts(&["1", "2"]));
    given("replace", &["a.b".into(), ".".into(), "-".into()], "a-b".into());
    let message = refused("re-find", &[long(1), "a".into()], Code::TypeMismatch);
    assert!(message.contains("a regular expression as argument 1"), "{message}");
    refused("re-find", &["(".into(), "a".into()], Code::FunctionFailed);
}

#[test]
fn collections() {
    let v = Val::vector([long(1), long(2), long(3)]);
    given("count", &["Tern".into()], long(4));
    given("first", std::slice::from_ref(&v), long(1));
    given("second", std::slice::from_ref(&v), long(2));
    given("last", std::slice::from_ref(&v), long(3));
    given("rest", std::slice::from_ref(&v), Val::vector([long(2), long(3)]));
    given("nth", &[v.clone(), long(9), Val::Nil], Val::Nil);
    refused("nth", &[v.clone(), long(9)], Code::FunctionFailed);
    given(
        "conj",
        &[v.clone(), long(4)],
        Val::vector([long(1), long(2), long(3), long(4)]),
    );
    given("contains?", &[Val::set([long(1)]), long(1)], true.into());
    let map = call("hash-map", &[kw("a"), long(1)]).expect("a map");
    given("get", &[map.clone(), kw("a")], long(1));
    given("get", &[map.clone(), kw("b"), long(9)], long(9));
    given("keys", &[map], Val::vector([kw("a")]));
    given("empty?", &[Val::Nil], true.into());
    given(
        "range",
        &[long(5), long(0), long(-2)],
        Val::vector([long(5), long(3), long(1)]),
    );
    given("range", &[long(5), long(0)], Val::vector([]));
    refused("range", &[long(i64::MAX)], Code::QueryLimit);
    given(
        "sort",
        &[Val::vector([double(1.5), long(2), long(1)])],
        Val::vector([long(1), double(1.5), long(2)]),
    );
    given("untuple", &[long(1)], Val::Nil);
    given("or", &[Val::Nil, false.into(), long(3)], long(3));
    given("and", &[long(1), Val::Nil], Val::Nil);
}

#[test]
fn what_grows_without_end_is_refused() {
    let grow = |name: &str, args: &dyn Fn(&Val) -> Vec<Val>, seed: Val| {
        let mut value = seed;
        for _ in 0..10_000 {
            match call(name, &args(&value)) {
                Ok(next) => value = next,
                Err(e) => return e.code(),
            }
        }
        panic!("{name} grew without end")
    };
    let twice = |v: &Val| vec![v.clone(), v.clone()];
    assert_eq!(grow("vector", &|v| vec![v.clone()], long(1)), Code::QueryLimit);
    assert_eq!(grow("vector", &twice, long(1)), Code::QueryLimit);
    assert_eq!(grow("tuple", &twice, long(1)), Code::QueryLimit);
    assert_eq!(grow("concat", &twice, Val::vector([long(1)])), Code::QueryLimit);
    assert_eq!(grow("str", &twice, "a".into()), Code::QueryLimit);
    assert_eq!(
        grow("replace", &|v| vec![v.clone(), "a".into(), v.clone()], "aa".into()),
        Code::QueryLimit
    );
    assert_eq!(grow("*", &twice, big("3")), Code::Overflow);
    assert_eq!(grow("*", &twice, dec("1.1")), Code::Overflow);
    assert_eq!(grow("*", &twice, long(3)), Code::Overflow);
}

#[test]
fn instants() {
    let at = |s: &str| match call("parse-instant", &[s.into()]).expect("a text") {
        Val::Nil => panic!("{s} is an instant"),
        v => v,
    };
    let i = at("2024-02-29T13:14:15.678901Z");
    let parts = [
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
    ];
    for (part, n) in parts.iter().zip([2024, 2, 29, 13, 14, 15, 678, 678901]) {
        given(part, std::slice::from_ref(&i), long(n));
    }
    given("day-of-week", std::slice::from_ref(&i), long(4));
    given("week", std::slice::from_ref(&i), long(9));
    given("day-of-year", std::slice::from_ref(&i), long(60));
    given("truncate", &[i.clone(), kw("day")], at("2024-02-29"));
    given("truncate", &[i.clone(), kw("week")], at("2024-02-26"));
    given(
        "truncate",
        &[at("1969-12-31T23:59:59.5Z"), kw("second")],
        at("1969-12-31T23:59:59Z"),
    );
    refused("truncate", &[i.clone(), kw("days")], Code::TypeMismatch);
    given("plus-years", &[i.clone(), long(1)], at("2025-02-28T13:14:15.678901Z"));
    given("plus-months", &[at("2024-01-31"), long(1)], at("2024-02-29"));
    given("plus-days", &[at("2024-03-01"), long(-1)], at("2024-02-29"));
    refused("plus-days", &[i.clone(), long(i64::MAX)], Code::FunctionFailed);
    given("days-between", &[at("2024-02-28"), at("2024-03-01")], long(2));
    given(
        "hours-between",
        &[at("2024-03-01"), at("2024-02-29T23:30:00Z")],
        long(0),
    );
    given("inst-ms", &[at("1969-12-31T23:59:59.9995Z")], long(-1));
    given("instant", &[long(2024), long(2), long(29)], at("2024-02-29"));
    refused("instant", &[long(2023), long(2), long(29)], Code::FunctionFailed);
    given("parse-instant", &["2024-13-01".into()], Val::Nil);
    given("parse-instant", &["2024-05-01T02:00:00+02:00".into()], at("2024-05-01"));
    given("parse-instant", &[" 2024 ".into()], at("2024-01-01T00:00"));
    for none in [
        "soon",
        "",
        "2024-5-1",
        "2024-05-01 12:00",
        "2024-05-01T00:00:00.0000001Z",
    ] {
        given("parse-instant", &[none.into()], Val::Nil);
    }
    assert_eq!(at("1970-01-01"), Val::Instant(Instant(0)));
}

fn over(name: &str, params: &[Val], values: &[Val]) -> Result<Val> {
    let aggregate = aggregate::lookup(&Symbol::new(name)).unwrap_or_else(|| panic!("{name} is known"));
    aggregate.check(params)?;
    aggregate.over(params, &mut values.iter())
}
fn folded(name: &str, params: &[Val], values: &[Val], expected: Val) {
    let got = over(name, params, values).unwrap_or_else(|e| panic!("{name} of {values:?}: {e}"));
    assert_eq!(got, expected, "{name} {params:?} of {values:?}");
    let mut reversed = values.to_vec();
    reversed.reverse();
    assert_eq!(
        over(name, params, &reversed).expect("a result"),
        got,
        "{name} minds the order"
    );
}

#[test]
fn aggregates() {
    let longs = |xs: &[i64]| xs.iter().copied().map(long).collect::<Vec<_>>();
    let doubles = |xs: &[f64]| xs.iter().copied().map(double).collect::<Vec<_>>();
    folded("count", &[], &longs(&[1, 1, 2]), long(3));
    folded("count-distinct", &[], &longs(&[1, 1, 2]), long(2));
    folded("sum", &[], &longs(&[900, 2400, 150]), long(3450));
    folded("sum", &[], &[long(1), double(2.5)], double(3.5));
    folded("sum", &[], &[long(1), dec("2.5")], dec("3.5"));
    folded("sum", &[], &[long(i64::MAX), long(1), long(-1)], long(i64::MAX));
    folded("sum", &[], &doubles(&[1e16, 1.0, -1e16]), double(1.0));
    folded("avg", &[], &longs(&[1, 2, 3]), double(2.0));
    folded("avg", &[], &longs(&[34, 29, 34, 52]), double(37.25));
    folded("median", &[], &doubles(&[1.5, 9.0, 2.5]), double(2.5));
    folded("median", &[], &longs(&[1, 2, 3, 4]), double(2.5));
    folded("median", &[], &longs(&[1, 2, 3]), double(2.0));
    folded(
        "median",
        &[],
        &["d".into(), "a".into(), "c".into(), "b".into()],
        "b".into(),
    );
    folded(
        "variance",
        &[],
        &[long(2), long(4), double(4.5), long(8)],
        double(4.671875),
    );
    folded("stddev", &[], &longs(&[42]), double(0.0));
    folded("stddev", &[], &longs(&[1, 3, 5, 7]), double(5f64.sqrt()));
    folded("min", &[], &["Tern".into(), "Gannet".into()], "Gannet".into());
    folded("min", &[], &[double(1.0), long(1)], long(1));
    folded(
        "min",
        &[long(2)],
        &longs(&[900, 2400, 150]),
        Val::vector(longs(&[150, 900])),
    );
    folded(
        "max",
        &[long(9)],
        &longs(&[900, 2400, 150]),
        Val::vector(longs(&[2400, 900, 150])),
    );
    folded("distinct", &[], &longs(&[2, 1, 2]), Val::set(longs(&[1, 2])));
    folded("rand", &[long(3)], &longs(&[7]), Val::vector(longs(&[7, 7, 7])));
    folded("sample", &[long(3)], &longs(&[7, 7]), Val::vector(longs(&[7])));
    folded("collect", &[], &longs(&[3, 1, 3]), Val::vector(longs(&[1, 3, 3])));
    folded(
        "quantile",
        &[double(0.9)],
        &longs(&(0..=10).collect::<Vec<_>>()),
        double(9.0),
    );
    folded("quantile", &[long(1)], &longs(&[1, 5]), double(5.0));
    let all = longs(&(0..100).collect::<Vec<_>>());
    let Val::Vector(drawn) = over("sample", &[long(10)], &all).expect("a sample") else {
        panic!("a vector")
    };
    assert_eq!(drawn.iter().collect::<std::collections::BTreeSet<_>>().len(), 10);

    for (name, values, code) in [
        ("sum", vec!["a".into()], Code::TypeMismatch),
        ("avg", vec!["a".into()], Code::TypeMismatch),
        ("sum", longs(&[i64::MAX, 1]), Code::Overflow),
        ("min", vec![long(1), "a".into()], Code::CannotCompare),
        ("median", vec![long(1), "a".into()], Code::CannotCompare),
        (
            "sum",
            doubles(&[f64::INFINITY, f64::NEG_INFINITY]),
            Code::FunctionFailed,
        ),
    ] {
        assert_eq!(over(name, &[], &values).expect_err("an error").code(), code, "{name}");
    }
    for (name, params) in [
        ("max", vec![long(0)]),
        ("max", vec![double(1.5)]),
        ("quantile", vec![long(2)]),
    ] {
        assert_eq!(
            over(name, &params, &[]).expect_err("an error").code(),
            Code::TypeMismatch
        );
    }
    for (name, params) in [("sample", vec![]), ("sum", vec![long(1)]), ("quantile", vec![])] {
        assert_eq!(over(name, &params, &[]).expect_err("an error").code(), Code::Arity);
    }
}

#[test]
fn aggregates_over_words_agree() {
    let columns = [
        (ValueType::Long, vec![long(3), long(-7), long(i64::MAX / 2), long(0)]),
        (
            ValueType::Double,
            vec![double(1e16), double(1.0), double(-1e16), double(0.1)],
        ),
        (
            ValueType::Instant,
            vec![Val::Instant(Instant(5)), Val::Instant(Instant(-5))],
        ),
        (ValueType::Boolean, vec![true.into(), false.into()]),
    ];
    for (ty, values) in columns {
        for name in aggregate::names() {
            let aggregate = aggregate::lookup(&Symbol::new(name)).expect("a known name");
            let Some(mut acc) = WordAcc::new(aggregate.kind, ty) else {
                continue;
            };
            for v in &values {
                let value = v.to_value().expect("a fact's value");
                acc.push(crate::datom::word::inline(&value).expect("an inline type"));
            }
            let slow = aggregate.over(&[], &mut values.iter()).expect("a result");
            assert_eq!(acc.finish().expect("a result"), slow, "{name} of {ty}");
        }
    }
}

#[test]
fn ranges_reach_across_all_longs() {
    let expected = Val::List([i64::MIN, -1, i64::MAX - 1].map(long).into());
    given("range", &[long(i64::MIN), long(i64::MAX), long(i64::MAX)], expected);
}

#[test]
fn numbers_of_all_types_are_in_one_order() {
    let mut all = vec![
        double(f64::INFINITY),
        double(f64::NEG_INFINITY),
        double(1e23),
        dec("1e23"),
    ];
    for near in [0i64, 1 << 24, 1 << 53, i64::MAX - 5000] {
        for i in -3..=3i64 {
            let x = near + i * (1 + near / 9_000_000_000_000_000);
            all.extend([
                long(x),
                big(&x.to_string()),
                dec(&format!("{x}.1")),
                dec(&x.to_string()),
            ]);
            all.extend([
                double(x as f64),
                double(x as f64 + 0.1),
                Val::Float(x as f32),
                Val::Float(x as f32 + 0.1),
            ]);
        }
    }
    let less = |a: &Val| all.iter().filter(|b| b.compare(a) == Some(Ordering::Less)).count();
    let ranks: Vec<usize> = all.iter().map(less).collect();
    for (a, mine) in all.iter().zip(&ranks) {
        for (b, theirs) in all.iter().zip(&ranks) {
            assert_eq!(a.compare(b), Some(mine.cmp(theirs)), "{a:?} {b:?}");
            assert_eq!(a.same(b), mine == theirs, "{a:?} {b:?}");
        }
    }
    let many: Vec<Val> = all.iter().cycle().take(2000).cloned().collect();
    assert!(over("min", &[long(5)], &many).is_ok());
    // What cannot be compared ends a sort, however much of it was done.
    let mixed: Vec<Val> = (0..2000)
        .map(|i| {
            if i % 7 == 3 {
                Val::from(i.to_string().as_str())
            } else {
                long(i * 7919 % 2003)
            }
        })
        .collect();
    assert_eq!(
        over("max", &[long(5)], &mixed).expect_err("texts").code(),
        Code::CannotCompare
    );
}
