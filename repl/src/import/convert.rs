//! Text and JSON to values of a given type. What does not fit is refused; nothing is rounded or cut.

use std::borrow::Cow;

use asof::datom::{EntityId, Value, ValueType};
use asof::edn::{self, BigDecimal, BigInt, Edn, Instant, Keyword, Node, Symbol, Uuid};
use asof::error::{Code, Error, Result};
use asof::schema::{Attribute, Schema, TupleKind};

use super::json::Json;

/// `2024-01-31 12:30` as `2024-01-31T12:30`.
pub fn with_t(text: &str) -> Cow<'_, str> {
    match text.as_bytes().get(10) {
        Some(b' ') => Cow::Owned(format!("{}T{}", &text[..10], &text[11..])),
        _ => Cow::Borrowed(text),
    }
}

fn wrong(what: &str, ty: ValueType) -> Error {
    let short: String = what.chars().take(60).collect();
    let dots = if short.len() < what.len() { "..." } else { "" };
    Error::new(Code::WrongType, format!("{short:?}{dots} is not a {ty}"))
}

/// The value of type `ty` that a text says.
pub fn text(text: &str, ty: ValueType) -> Result<Value> {
    let refused = || wrong(text, ty);
    let value = match ty {
        ValueType::String => Value::string(text),
        ValueType::Uri => Value::Uri(text.into()),
        ValueType::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
        ValueType::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
        ValueType::Boolean => return Err(refused().hint("it is true or false")),
        ValueType::Long => Value::Long(text.parse().map_err(|_| refused())?),
        ValueType::BigInt => {
            let digits = text.strip_suffix('N').unwrap_or(text);
            Value::BigInt(digits.parse::<BigInt>().map_err(|_| refused())?)
        }
        ValueType::BigDec => {
            let digits = text.strip_suffix('M').unwrap_or(text);
            let number = digits.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
            let parsed = digits.parse::<BigDecimal>().ok().filter(|_| number);
            Value::bigdec(parsed.ok_or_else(refused)?)
        }
        ValueType::Double | ValueType::Float => float(text, ty)?,
        ValueType::Instant => Value::Instant(Instant::parse(&with_t(text)).map_err(|e| {
            let refused = refused();
            match e.hint_text() {
                Some(hint) => refused.hint(hint),
                None => refused,
            }
        })?),
        ValueType::Keyword => {
            let name = Keyword::new(text.strip_prefix(':').unwrap_or(text));
            if !name.is_readable() {
                return Err(refused());
            }
            Value::Keyword(name)
        }
        ValueType::Symbol => {
            let name = Symbol::new(text);
            if !name.is_readable() {
                return Err(refused());
            }
            Value::Symbol(name)
        }
        ValueType::Uuid => Value::Uuid(Uuid::try_parse(text).map_err(|_| refused())?),
        ValueType::Bytes => {
            Value::Bytes(bytes(text).ok_or_else(|| refused().hint("write bytes as hexadecimal digits"))?)
        }
        ValueType::Ref => {
            let id = text.parse::<i64>().ok().filter(|id| *id >= 0);
            let id = id.ok_or_else(|| {
                refused().hint("it is an entity id here; --ref COLUMN=:person/email takes a unique value")
            })?;
            Value::Ref(EntityId(id as u64))
        }
        ValueType::Tuple => return Err(refused()),
    };
    // Sizes and ranges.
    value.coerce(ty)
}

fn float(text: &str, ty: ValueType) -> Result<Value> {
    let refused = || wrong(text, ty);
    let infinite = match text {
        "Infinity" | "inf" | "##Inf" => Some(f64::INFINITY),
        "-Infinity" | "-inf" | "##-Inf" => Some(f64::NEG_INFINITY),
        _ => None,
    };
    let x = match infinite {
        Some(x) => x,
        None => {
            let number = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.'));
            let parsed = text.parse::<f64>().ok().filter(|x| number && x.is_finite());
            parsed.ok_or_else(refused)?
        }
    };
    let whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let inexact = |ty: &str| {
        refused().hint(format!(
            "no {ty} is exactly this number; write it with a point to accept the nearest"
        ))
    };
    match ty {
        ValueType::Float => {
            // From the text, so that it is rounded once.
            let f = match infinite {
                Some(x) => x as f32,
                None => text.parse::<f32>().ok().filter(|f| f.is_finite()).ok_or_else(refused)?,
            };
            if whole && infinite.is_none() && text.parse::<i128>().ok() != Some(f as i128) {
                return Err(inexact("float"));
            }
            Value::float(f).ok_or_else(refused)
        }
        _ => {
            if whole && infinite.is_none() && text.parse::<i128>().ok() != Some(x as i128) {
                return Err(inexact("double"));
            }
            Value::double(x).ok_or_else(refused)
        }
    }
}

/// Whether a number of the type `ty` is shown as the decimal that it was made of: no digit is lost in it.
pub fn keeps_digits(given: &str, ty: ValueType) -> bool {
    let digits = given
        .bytes()
        .take_while(|b| !matches!(b, b'e' | b'E'))
        .filter(u8::is_ascii_digit)
        .count();
    // So many digits each number of the type has, but for the smallest.
    let (always, shown) = match (ty, given.parse::<f64>()) {
        (ValueType::Double, Ok(x)) if x.is_finite() => (digits <= 15 && x.abs() > 1e-300, format!("{x:e}")),
        // A float as a double shows it.
        (ValueType::Float, Ok(x)) if f64::from(x as f32) == x => return keeps_digits(given, ValueType::Double),
        (ValueType::Float, Ok(x)) if x.is_finite() => (digits <= 6 && x.abs() > 1e-30, format!("{:e}", x as f32)),
        _ => return true,
    };
    if always {
        return true;
    }
    let decimal = |given: &str| text(given, ValueType::BigDec);
    match (decimal(given), decimal(&shown)) {
        (Ok(said), Ok(shown)) => said == shown,
        // What no decimal holds is a double or nothing.
        _ => true,
    }
}

/// Refuses a number that would lose digits in an attribute of the type `ty`; `column` is what options call its column.
pub fn whole(given: &str, ty: ValueType, column: &str) -> Result<()> {
    if keeps_digits(given, ty) {
        return Ok(());
    }
    let name = ty.name();
    Err(Error::new(Code::WrongType, format!("{given} has more digits than a {name} keeps")).hint(format!(
        "--type {column}=bigdec makes a new attribute that keeps all, --type {column}={name} takes the nearest {name}"
    )))
}

fn bytes(text: &str) -> Option<std::sync::Arc<[u8]>> {
    crate::dump::unhex(text).map(Into::into)
}

/// The value of an attribute that a text says; tuples are written as EDN.
pub fn attribute_text(schema: &Schema, attr: &Attribute, given: &str) -> Result<Value> {
    match attr.value_type {
        ValueType::Tuple => {
            let form = edn::read_one(given)
                .map_err(|_| wrong(given, ValueType::Tuple).hint("write a tuple as EDN: [1 nil \"x\"]"))?;
            schema.value_from_edn(attr, &form)
        }
        ty => text(given, ty),
    }
}

/// The value of type `ty` that a value of JSON says. Text is no number, but for what JSON's numbers cannot say or what most
/// readers of JSON would round.
pub fn json(value: &Json, ty: ValueType) -> Result<Value> {
    let numeric = matches!(
        ty,
        ValueType::Long | ValueType::BigInt | ValueType::Double | ValueType::Float | ValueType::BigDec | ValueType::Ref
    );
    match value {
        Json::Bool(b) if ty == ValueType::Boolean => Ok(Value::Boolean(*b)),
        Json::Number(digits) if numeric => text(digits, ty),
        Json::Text(t) if ty == ValueType::Boolean || numeric && !in_text(t, ty) => {
            Err(wrong_json("the string", &format!("{t:?}"), ty))
        }
        Json::Text(t) => text(t, ty),
        Json::Number(shown) => Err(wrong_json("the number", shown, ty).hint("--type COLUMN=string takes it as text")),
        Json::Bool(b) => {
            Err(wrong_json("the boolean", &b.to_string(), ty).hint("--type COLUMN=string takes it as text"))
        }
        _ => Err(wrong_json(value.kind(), "", ty)),
    }
}

/// Whether text may stand for a number.
fn in_text(text: &str, ty: ValueType) -> bool {
    match ty {
        ValueType::BigInt | ValueType::BigDec => true,
        ValueType::Double | ValueType::Float => text.trim_start_matches(['-', '#']).starts_with(['I', '-']),
        _ => false,
    }
}

fn wrong_json(kind: &str, shown: &str, ty: ValueType) -> Error {
    Error::new(
        Code::WrongType,
        format!("{kind} {shown}").trim_end().to_string() + &format!(" is not a {ty}"),
    )
}

/// The value of an attribute that a value of JSON says; a tuple is an array.
pub fn attribute_json(schema: &Schema, attr: &Attribute, value: &Json) -> Result<Value> {
    match (attr.value_type, value) {
        (ValueType::Tuple, Json::Array(items)) => {
            let slot = |i: usize| match &attr.tuple {
                Some(TupleKind::Heterogeneous(types)) => types.get(i).copied(),
                Some(TupleKind::Homogeneous(ty)) => Some(*ty),
                _ => None,
            };
            let mut forms = Vec::new();
            for (i, item) in items.iter().enumerate() {
                forms.push(match (item, slot(i)) {
                    (Json::Null, _) => Edn::nil(),
                    (item, Some(ty)) => json(item, ty)?.to_edn(),
                    // Too many slots, which is refused below.
                    (_, None) => Edn::nil(),
                });
            }
            schema.value_from_edn(attr, &Node::Vector(forms).into())
        }
        (ValueType::Tuple, _) => Err(wrong_json(value.kind(), "", ValueType::Tuple)),
        (ty, value) => json(value, ty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (given, ty, printed) in [
            ("12", ValueType::Long, "12"),
            ("true", ValueType::Boolean, "true"),
            ("1.50", ValueType::BigDec, "1.5M"),
            ("42", ValueType::BigInt, "42N"),
            ("0.1", ValueType::Float, "0.1"),
            ("Infinity", ValueType::Double, "##Inf"),
            ("5", ValueType::Double, "5.0"),
            (
                "2024-01-31 12:30:00.5",
                ValueType::Instant,
                "#inst \"2024-01-31T12:30:00.500Z\"",
            ),
            ("a/b", ValueType::Keyword, ":a/b"),
            (":a", ValueType::Keyword, ":a"),
            ("00ff", ValueType::Bytes, "#bytes \"00ff\""),
            ("7", ValueType::Ref, "7"),
        ] {
            let value = text(given, ty).unwrap_or_else(|e| panic!("{given}: {e}"));
            assert_eq!(value.to_string(), printed);
        }
        for (given, ty) in [
            ("", ValueType::Long),
            ("1.5", ValueType::Long),
            ("9223372036854775808", ValueType::Long),
            ("9007199254740993", ValueType::Double),
            ("16777217", ValueType::Float),
            ("1e400", ValueType::Double),
            ("nan", ValueType::Double),
            ("x", ValueType::BigDec),
            ("yes", ValueType::Boolean),
            ("a b", ValueType::Keyword),
            ("0", ValueType::Bytes),
            ("-1", ValueType::Ref),
            ("31.01.2024", ValueType::Instant),
        ] {
            assert_eq!(text(given, ty).expect_err(given).code(), Code::WrongType, "{given}");
        }
    }
}
