//! The order of values, their bytes and their words.

use std::cmp::Ordering;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use proptest::prelude::*;

use super::{EntityId, Val, Value, ValueType, word};
use crate::edn::{Edn, Instant, Keyword, Node, Symbol, Uuid};
use crate::error::Code;
use crate::index::{Dict, Words};

fn text() -> impl Strategy<Value = String> {
    // Near each other on purpose: shared prefixes, NULs, and lengths around what a word holds.
    prop_oneof!["[a-b\u{0}]{0,9}", "abc[a-c]{0,12}", ".{0,6}"]
}

fn name() -> impl Strategy<Value = (String, String)> {
    ("[a-b!.]{0,3}", "[a-b*]{1,8}")
}

/// One strategy a type, so that pairs of one type are made rather than waited for.
fn scalars() -> Vec<BoxedStrategy<Value>> {
    let long = || prop_oneof![any::<i64>(), -3..3i64];
    let bigint = prop_oneof![
        (any::<i128>(), 0..3u32).prop_map(|(x, n)| BigInt::from(x).pow(n)),
        (-300..300i64).prop_map(BigInt::from)
    ];
    let float = prop_oneof![
        any::<f32>(),
        prop::sample::select(vec![0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY])
    ];
    let edge = prop::sample::select(vec![0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE]);
    let double = prop_oneof![any::<f64>(), edge];
    let decimal = prop_oneof![(any::<i64>(), -20..20i64), (-12..12i64, -2..3i64)];
    vec![
        any::<bool>().prop_map(Value::Boolean).boxed(),
        long().prop_map(Value::Long).boxed(),
        bigint.prop_map(Value::BigInt).boxed(),
        float.prop_filter_map("NaN", Value::float).boxed(),
        double.prop_filter_map("NaN", Value::double).boxed(),
        decimal
            .prop_map(|(x, scale)| Value::bigdec(BigDecimal::new(x.into(), scale)))
            .boxed(),
        (-62_167_219_200_000_000..253_402_300_799_999_999i64)
            .prop_map(|i| Value::Instant(Instant(i)))
            .boxed(),
        name()
            .prop_map(|(ns, n)| Value::Keyword(Keyword::from_parts(&ns, &n)))
            .boxed(),
        name()
            .prop_map(|(ns, n)| Value::Symbol(Symbol::from_parts(&ns, &n)))
            .boxed(),
        text().prop_map(Value::string).boxed(),
        text().prop_map(|s| Value::Uri(s.into())).boxed(),
        prop_oneof![any::<u128>(), 0..3u128]
            .prop_map(|u| Value::Uuid(Uuid::from_u128(u)))
            .boxed(),
        prop::collection::vec(0..3u8, 0..10)
            .prop_map(|b| Value::Bytes(b.into()))
            .boxed(),
        (0..1u64 << 62).prop_map(|e| Value::Ref(EntityId(e))).boxed(),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop::strategy::Union::new(scalars())
}

fn tuple() -> impl Strategy<Value = Value> {
    // Slots of one type at one place, as in an attribute; few enough that prefixes are shared.
    let slot = |i: usize| prop::option::weighted(0.8, scalars().swap_remove(i));
    (slot(1), slot(9), slot(13), 2..4usize)
        .prop_map(|(a, b, c, n)| Value::Tuple([a, b, c].into_iter().take(n).collect()))
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![6 => scalar(), 1 => tuple()]
}

/// Two values of one type.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    let of_one = (0..scalars().len()).prop_flat_map(|i| (scalars().swap_remove(i), scalars().swap_remove(i)));
    prop_oneof![6 => of_one, 1 => (tuple(), tuple())]
}

fn words() -> Words {
    Words::new(Arc::new(Dict::default()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn byte_order_is_value_order((a, b) in pair()) {
        prop_assert_eq!(a.cmp(&b), a.key_bytes().cmp(&b.key_bytes()));
    }

    #[test]
    fn delimited_byte_order_is_value_order((a, b) in pair(), after_a in any::<u8>(), after_b in any::<u8>()) {
        let bytes = |v: &Value, after: u8| {
            let mut out = Vec::new();
            v.write_delimited(&mut out);
            out.push(after);
            out
        };
        let by_bytes = bytes(&a, after_a).cmp(&bytes(&b, after_b));
        prop_assert_eq!(a.cmp(&b).then(after_a.cmp(&after_b)), by_bytes);
    }

    #[test]
    fn the_order_is_total(a in value(), b in value(), c in value()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&a), Ordering::Equal);
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        if a == b {
            prop_assert_eq!(a.cmp(&c), b.cmp(&c));
        }
    }

    #[test]
    fn bytes_decode_to_the_value(v in value()) {
        let back = Value::from_key_bytes(v.value_type(), &v.key_bytes());
        prop_assert_eq!(back.as_ref(), Some(&v));
        let mut bytes = Vec::new();
        v.write_delimited(&mut bytes);
        bytes.push(7);
        let (back, rest) = Value::read_delimited(v.value_type(), &bytes).expect("what was written reads");
        prop_assert_eq!(back, v);
        prop_assert_eq!(rest, &[7][..]);
    }

    #[test]
    fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..24), ty in prop::sample::select(ValueType::ALL.to_vec())) {
        if let Some(v) = Value::from_key_bytes(ty, &bytes) {
            prop_assert_eq!(v.value_type(), ty);
        }
    }

    #[test]
    fn words_are_equal_and_ordered_as_values((a, b) in pair()) {
        let words = words();
        let (x, y) = (words.intern(&a).unwrap(), words.intern(&b).unwrap());
        prop_assert_eq!(x == y, a == b);
        prop_assert_eq!(words.compare(a.value_type(), x, y).unwrap(), a.cmp(&b));
        if a.value_type().is_inline() {
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        } else if let Some(order) = word::compare(x, y) {
            prop_assert_eq!(order, a.cmp(&b));
        }
        prop_assert_eq!(words.value(a.value_type(), x).unwrap(), a);
    }

    #[test]
    fn edn_and_back(v in scalar()) {
        let form = v.to_edn();
        prop_assert_eq!(Value::from_edn(&form, v.value_type()).unwrap(), v.clone());
        // Names are printed as they are; odd ones need not read back.
        if !matches!(v, Value::Keyword(_) | Value::Symbol(_)) {
            let read = crate::edn::read_one(&v.to_string()).unwrap();
            prop_assert_eq!(Value::from_edn(&read, v.value_type()).unwrap(), v);
        }
    }
}

fn convert(node: Node, ty: ValueType) -> Result<String, Code> {
    Value::from_edn(&Edn::new(node), ty)
        .map(|v| v.to_string())
        .map_err(|e| e.code())
}

#[test]
fn coercions() {
    use ValueType::*;
    let big = |s: &str| Node::BigInt(Box::new(s.parse().unwrap()));
    let dec = |s: &str| Node::BigDec(Box::new(s.parse().unwrap()));
    for (node, ty, expected) in [
        (Node::Long(5), BigInt, Ok("5N")),
        (Node::Long(5), BigDec, Ok("5M")),
        (big("5"), Long, Ok("5")),
        (big("9223372036854775808"), Long, Err(Code::WrongType)),
        (Node::Long(5), Double, Ok("5.0")),
        (Node::Long((1 << 53) + 1), Double, Err(Code::WrongType)),
        (Node::Long(i64::MAX), Double, Err(Code::WrongType)),
        (Node::Long(i64::MIN), Double, Ok("-9.223372036854776e18")),
        (Node::Long((1 << 24) + 1), Float, Err(Code::WrongType)),
        (Node::Double(0.1), Float, Ok("0.1")),
        (Node::Double(1e300), Float, Err(Code::WrongType)),
        (Node::Double(5.0), Long, Err(Code::WrongType)),
        (Node::Double(1.5), BigDec, Err(Code::WrongType)),
        (dec("1.50"), BigDec, Ok("1.5M")),
        (dec("1.5"), Double, Err(Code::WrongType)),
        (Node::Double(-0.0), Double, Ok("0.0")),
        (Node::Double(f64::NAN), Double, Err(Code::NanValue)),
        (Node::Double(f64::NAN), Float, Err(Code::NanValue)),
        (Node::Double(f64::INFINITY), Double, Ok("##Inf")),
        (Node::Str("x".into()), Keyword, Err(Code::WrongType)),
        (Node::Str("x".into()), Uuid, Err(Code::WrongType)),
        (Node::Str("2024-01-01".into()), Instant, Err(Code::WrongType)),
        (Node::Str("urn:x".into()), Uri, Ok("#uri \"urn:x\"")),
        (Node::Long(-1), Ref, Err(Code::WrongType)),
        (Node::Nil, String, Err(Code::NilValue)),
        (
            Node::Inst(crate::edn::Instant::MAX),
            Instant,
            Ok("#inst \"9999-12-31T23:59:59.999999Z\""),
        ),
        (
            Node::Inst(crate::edn::Instant(crate::edn::Instant::MAX.0 + 1)),
            Instant,
            Err(Code::InvalidInstant),
        ),
        (
            Node::Inst(crate::edn::Instant(crate::edn::Instant::MIN.0 - 1)),
            Instant,
            Err(Code::InvalidInstant),
        ),
    ] {
        let shown = format!("{node:?} as {ty}");
        assert_eq!(convert(node, ty), expected.map(str::to_string), "{shown}");
    }
}

#[test]
fn sizes_are_limited() {
    use super::convert::{NAME_BYTES_MAX, TEXT_BYTES_MAX};
    let long = |n: usize| "x".repeat(n);
    assert!(convert(Node::Str(long(TEXT_BYTES_MAX).into()), ValueType::String).is_ok());
    assert_eq!(
        convert(Node::Str(long(TEXT_BYTES_MAX + 1).into()), ValueType::String),
        Err(Code::ValueTooLarge)
    );
    let keyword = |n| Node::Keyword(Keyword::from_parts("", &long(n)));
    assert!(convert(keyword(NAME_BYTES_MAX), ValueType::Keyword).is_ok());
    assert_eq!(
        convert(keyword(NAME_BYTES_MAX + 1), ValueType::Keyword),
        Err(Code::ValueTooLarge)
    );
    let far = BigDecimal::new(1.into(), -200_000);
    assert_eq!(
        convert(Node::BigDec(far.into()), ValueType::BigDec),
        Err(Code::ValueTooLarge)
    );
    let huge = BigInt::from(1) << (super::convert::NUMBER_BITS_MAX + 1);
    assert_eq!(
        convert(Node::BigInt(huge.into()), ValueType::BigInt),
        Err(Code::ValueTooLarge)
    );
}

#[test]
fn tuples_do_not_nest() {
    let form = crate::edn::read_one("[1 [2 3]]").expect("a form");
    let error = Value::from_edn(&form, ValueType::Tuple).expect_err("a tuple in a tuple");
    assert_eq!(error.code(), Code::InvalidTupleValue);
    let deep = (0..100_000).fold(Edn::from(1), |form, _| Edn::vector([Edn::from(1), form]));
    assert!(Value::from_edn(&deep, ValueType::Tuple).is_err() && Val::from_edn(&deep).is_err());
}

#[test]
fn what_a_literal_of_a_type_means() {
    let five = || Val::BigInt(5.into());
    assert_eq!(Val::Long(5).coerce(ValueType::Double), Value::double(5.0));
    assert_eq!(five().coerce(ValueType::Double), Value::double(5.0));
    assert_eq!(five().coerce(ValueType::Long), Some(Value::Long(5)));
    assert_eq!(Val::Double(0.5).coerce(ValueType::Float), Value::float(0.5));
    assert_eq!(Val::Double(1e300).coerce(ValueType::Float), None);
    assert_eq!(Val::Double(5.0).coerce(ValueType::Long), None);
    assert_eq!(Val::Float(0.1).coerce(ValueType::Double), None);
    assert_eq!(Val::Ref(EntityId(5)).coerce(ValueType::Long), None);
    assert_eq!(Val::Long(-5).coerce(ValueType::Ref), None);
    assert_eq!(Val::Nil.coerce(ValueType::String), None);
}
