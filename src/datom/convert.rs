//! EDN <-> values: what may be written to an attribute of which type.
//!
//! | type | takes |
//! |---|---|
//! | boolean, string, keyword, symbol, uuid, bytes, instant | that literal and nothing else |
//! | long | a whole number within 64 bits, with or without `N` |
//! | bigint | any whole number |
//! | double | a number with a point; a whole number when a double holds it exactly |
//! | float | as double, rounded to the nearest float: EDN has no float literal |
//! | bigdec | a decimal (`1.50M`, stored as `1.5M`) or any whole number |
//! | uri | `#uri "..."` or a string |
//! | ref | an entity id; idents, lookup refs and tempids are names that a database has to resolve first |
//! | tuple | a vector of 2 to 8 slots, each a value or nil |
//!
//! Nothing is ever rounded, cut or parsed from a string in silence.

use std::fmt;
use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use super::id::EntityId;
use super::val::{Val, widen};
use super::value::{TUPLE_SLOTS_MAX, Value, ValueType};
use crate::edn::{Edn, Instant, Name, Node, Symbol};
use crate::error::{Code, Error, Result};

/// The longest string, URI or byte string, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
/// The longest keyword or symbol, in bytes.
pub const NAME_BYTES_MAX: usize = 4096;
/// The largest whole number, in bits, and the most digits of a decimal.
pub const NUMBER_BITS_MAX: u64 = 1 << 20;
/// How far a decimal's point may lie from its last digit.
pub const DECIMAL_SCALE_MAX: i64 = 100_000;

impl Value {
    /// The value of type `ty` that a form means, or why there is none. See the module for what each type takes.
    pub fn from_edn(form: &Edn, ty: ValueType) -> Result<Value> {
        convert(form, ty, None)
    }

    /// As [`Value::from_edn`]; the error says for whom (an attribute's name).
    pub(crate) fn from_edn_for(form: &Edn, ty: ValueType, owner: &dyn fmt::Display) -> Result<Value> {
        convert(form, ty, Some(owner))
    }

    /// A tuple whose slot `i` has type `slot(i)`; `slots` is the exact length, when there is one.
    pub(crate) fn tuple_from_edn(
        form: &Edn,
        slots: Option<usize>,
        slot: &dyn Fn(usize) -> ValueType,
        owner: &dyn fmt::Display,
    ) -> Result<Value> {
        let (Node::Vector(items) | Node::List(items)) = &form.node else {
            return Err(mismatch(form, ValueType::Tuple, Some(owner)).hint("write the slots as a vector: [a b]"));
        };
        let fits = match slots {
            Some(n) => items.len() == n,
            None => (2..=TUPLE_SLOTS_MAX).contains(&items.len()),
        };
        if !fits {
            let rule = match slots {
                Some(n) => format!("exactly {n} slots"),
                None => format!("2 to {TUPLE_SLOTS_MAX} slots"),
            };
            return Err(Error::new(
                Code::InvalidTupleValue,
                format!(
                    "{} has {} {}, but a tuple of {owner} has {rule}",
                    show(form),
                    items.len(),
                    if items.len() == 1 { "slot" } else { "slots" }
                ),
            )
            .at(form.span)
            .form(show(form))
            .hint("nil stands for a slot without a value"));
        }
        let mut out = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            out.push(match &item.node {
                Node::Nil => None,
                // A tuple in a tuple would be one without end, made by a program.
                Node::Vector(_) if slot(i) == ValueType::Tuple => {
                    return Err(Error::new(
                        Code::InvalidTupleValue,
                        format!("slot {} of {owner} is a tuple itself", i + 1),
                    )
                    .at(item.span)
                    .hint("slots are scalar values, references or nil"));
                }
                _ => {
                    let ty = slot(i);
                    let what = format!("slot {} of {owner}", i + 1);
                    Some(convert(item, ty, Some(&what))?)
                }
            });
        }
        Ok(Value::Tuple(out.into()))
    }

    /// This value as one of type `ty`, by the rules of the module.
    pub fn coerce(self, ty: ValueType) -> Result<Value> {
        if self.value_type() == ty {
            self.checked()
        } else {
            Value::from_edn(&self.to_edn(), ty)
        }
    }

    /// The form that prints this value; `from_edn` of it with the value's type gives the value back.
    pub fn to_edn(&self) -> Edn {
        Edn::new(match self {
            Value::Boolean(b) => Node::Bool(*b),
            Value::Long(x) => Node::Long(*x),
            Value::BigInt(x) => Node::BigInt(x.clone().into()),
            Value::Float(x) => Node::Double(widen(*x)),
            Value::Double(x) => Node::Double(*x),
            Value::BigDec(x) => Node::BigDec(x.clone().into()),
            Value::Instant(i) => Node::Inst(*i),
            Value::Keyword(k) => Node::Keyword(k.clone()),
            Value::Symbol(s) => Node::Symbol(s.clone()),
            Value::String(s) => Node::Str(s.clone()),
            Value::Uri(s) => Node::Tagged(Symbol::from_parts("", "uri"), Box::new(Edn::new(Node::Str(s.clone())))),
            Value::Uuid(u) => Node::Uuid(*u),
            Value::Bytes(b) => Node::Bytes(b.clone()),
            Value::Ref(e) => Node::Long(e.0 as i64),
            Value::Tuple(slots) => Node::Vector(
                slots
                    .iter()
                    .map(|s| s.as_ref().map_or(Edn::new(Node::Nil), Value::to_edn))
                    .collect(),
            ),
        })
    }

    /// Refuses what may not be stored although the type can hold it.
    fn checked(self) -> Result<Value> {
        match self {
            Value::Double(x) => Value::double(x).ok_or_else(|| nan(None)),
            Value::Float(x) => Value::float(x).ok_or_else(|| nan(None)),
            Value::BigDec(x) => decimal(x, || too_large("a decimal", Limit::Decimal)),
            Value::Instant(i) if !(Instant::MIN..=Instant::MAX).contains(&i) => Err(instant_range(i)),
            Value::String(s) => text(s, Value::String, || too_large("a string", Limit::Text)),
            Value::Uri(s) => text(s, Value::Uri, || too_large("a URI", Limit::Text)),
            Value::Bytes(b) if b.len() > TEXT_BYTES_MAX => Err(too_large("a byte string", Limit::Text)),
            Value::Keyword(k) => check_name(&k.0).map(|()| Value::Keyword(k)),
            Value::Symbol(s) => check_name(&s.0).map(|()| Value::Symbol(s)),
            Value::BigInt(x) if x.bits() > NUMBER_BITS_MAX => Err(too_large("a whole number", Limit::Whole)),
            Value::Tuple(slots) => {
                if !(2..=TUPLE_SLOTS_MAX).contains(&slots.len()) {
                    return Err(Error::new(
                        Code::InvalidTupleValue,
                        format!("a tuple has 2 to {TUPLE_SLOTS_MAX} slots, not {}", slots.len()),
                    ));
                }
                let mut out = Vec::with_capacity(slots.len());
                for slot in slots.iter() {
                    out.push(slot.clone().map(Value::checked).transpose()?);
                }
                Ok(Value::Tuple(out.into()))
            }
            other => Ok(other),
        }
    }
}

impl Val {
    /// The value of type `ty` that this means where a literal of it would, by the rules of the module.
    pub(crate) fn coerce(&self, ty: ValueType) -> Option<Value> {
        match self.to_value()? {
            // No literal is a float or an entity: these are what they are.
            value @ (Value::Float(_) | Value::Ref(_)) if value.value_type() != ty => None,
            value => value.coerce(ty).ok(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_edn().fmt(f)
    }
}

/// The type that a literal has by itself; `None` for nil, collections other than vectors, characters and unknown tags.
pub fn natural_type(form: &Edn) -> Option<ValueType> {
    Some(match &form.node {
        Node::Bool(_) => ValueType::Boolean,
        Node::Long(_) => ValueType::Long,
        Node::BigInt(_) => ValueType::BigInt,
        Node::Double(_) => ValueType::Double,
        Node::BigDec(_) => ValueType::BigDec,
        Node::Inst(_) => ValueType::Instant,
        Node::Keyword(_) => ValueType::Keyword,
        Node::Symbol(_) => ValueType::Symbol,
        Node::Str(_) => ValueType::String,
        Node::Uuid(_) => ValueType::Uuid,
        Node::Bytes(_) => ValueType::Bytes,
        Node::Vector(_) => ValueType::Tuple,
        Node::Tagged(tag, _) if tag.ns().is_none() && tag.name() == "uri" => ValueType::Uri,
        _ => return None,
    })
}

fn convert(form: &Edn, ty: ValueType, owner: Option<&dyn fmt::Display>) -> Result<Value> {
    let wrong = || mismatch(form, ty, owner);
    let large = |what, limit| too_large(what, limit).at(form.span);
    Ok(match (ty, &form.node) {
        (_, Node::Nil) => {
            let to = owner.map(|o| format!(" for {o}")).unwrap_or_default();
            return Err(Error::new(Code::NilValue, format!("nil{to} is no value"))
                .at(form.span)
                .hint("leave the attribute out, or retract what is there with [:db/retract e a]"));
        }
        (ValueType::Boolean, Node::Bool(b)) => Value::Boolean(*b),
        (ValueType::Long, Node::Long(x)) => Value::Long(*x),
        (ValueType::Long, Node::BigInt(x)) => Value::Long(
            x.to_i64()
                .ok_or_else(|| wrong().hint("it does not fit 64 bits; an attribute of :db.type/bigint takes it"))?,
        ),
        (ValueType::BigInt, Node::Long(x)) => Value::BigInt(BigInt::from(*x)),
        (ValueType::BigInt, Node::BigInt(x)) if x.bits() > NUMBER_BITS_MAX => {
            return Err(large("a whole number", Limit::Whole));
        }
        (ValueType::BigInt, Node::BigInt(x)) => Value::BigInt((**x).clone()),
        (ValueType::Double, Node::Double(x)) => Value::double(*x).ok_or_else(|| nan(Some(form)))?,
        (ValueType::Double, Node::Long(_) | Node::BigInt(_)) => exact(form).map(Value::Double).ok_or_else(|| {
            wrong().hint("no double is exactly this number; write it with a point to accept the nearest")
        })?,
        (ValueType::Float, Node::Double(x)) if x.is_nan() => return Err(nan(Some(form))),
        (ValueType::Float, Node::Double(x)) if x.is_finite() && !(*x as f32).is_finite() => {
            return Err(wrong().hint("it is beyond the largest float; an attribute of :db.type/double takes it"));
        }
        (ValueType::Float, Node::Double(x)) => Value::float(*x as f32).ok_or_else(|| nan(Some(form)))?,
        (ValueType::Float, Node::Long(_) | Node::BigInt(_)) => exact(form)
            .filter(|x| f64::from(*x as f32) == *x)
            .map(|x| Value::Float(x as f32))
            .ok_or_else(|| {
                wrong().hint("no float is exactly this number; write it with a point to accept the nearest")
            })?,
        (ValueType::BigDec, Node::BigDec(x)) => decimal((**x).clone(), || large("a decimal", Limit::Decimal))?,
        (ValueType::BigDec, Node::Long(x)) => Value::bigdec((*x).into()),
        (ValueType::BigDec, Node::BigInt(x)) => decimal((**x).clone().into(), || large("a decimal", Limit::Decimal))?,
        (ValueType::Instant, Node::Inst(i)) if (Instant::MIN..=Instant::MAX).contains(i) => Value::Instant(*i),
        (ValueType::Instant, Node::Inst(i)) => return Err(instant_range(*i).at(form.span)),
        (ValueType::Keyword, Node::Keyword(k)) => {
            check_name(&k.0).map_err(|e| e.at(form.span))?;
            Value::Keyword(k.clone())
        }
        (ValueType::Symbol, Node::Symbol(s)) => {
            check_name(&s.0).map_err(|e| e.at(form.span))?;
            Value::Symbol(s.clone())
        }
        (ValueType::String, Node::Str(s)) => text(s.clone(), Value::String, || large("a string", Limit::Text))?,
        (ValueType::Uri, Node::Str(s)) => text(s.clone(), Value::Uri, || large("a URI", Limit::Text))?,
        (ValueType::Uri, Node::Tagged(tag, inner)) if tag.ns().is_none() && tag.name() == "uri" => match &inner.node {
            Node::Str(s) => text(s.clone(), Value::Uri, || large("a URI", Limit::Text))?,
            _ => return Err(wrong()),
        },
        (ValueType::Uuid, Node::Uuid(u)) => Value::Uuid(*u),
        (ValueType::Bytes, Node::Bytes(b)) if b.len() > TEXT_BYTES_MAX => {
            return Err(large("a byte string", Limit::Text));
        }
        (ValueType::Bytes, Node::Bytes(b)) => Value::Bytes(b.clone()),
        (ValueType::Ref, Node::Long(x)) if *x >= 0 => Value::Ref(EntityId(*x as u64)),
        (ValueType::Tuple, Node::Vector(items)) => {
            let slot = |i: usize| natural_type(&items[i]).unwrap_or(ValueType::String);
            let owner: &dyn fmt::Display = owner.unwrap_or(&"a tuple attribute");
            Value::tuple_from_edn(form, None, &slot, owner)?
        }
        _ => return Err(wrong()),
    })
}

/// The double that a whole number is, when one is exactly that.
fn exact(form: &Edn) -> Option<f64> {
    match &form.node {
        // i128 holds both, so that the comparison itself rounds nothing.
        Node::Long(x) => Some(*x as f64).filter(|d| *d as i128 == i128::from(*x)),
        Node::BigInt(x) => x.to_f64().filter(|d| {
            d.is_finite() && num_traits::FromPrimitive::from_f64(*d).is_some_and(|back: BigInt| back == **x)
        }),
        _ => None,
    }
}

fn decimal(x: bigdecimal::BigDecimal, error: impl Fn() -> Error) -> Result<Value> {
    let (digits, scale) = x.as_bigint_and_exponent();
    if digits.bits() > NUMBER_BITS_MAX || !(-DECIMAL_SCALE_MAX..=DECIMAL_SCALE_MAX).contains(&scale) {
        return Err(error());
    }
    Ok(Value::bigdec(x))
}

fn text(s: Arc<str>, make: fn(Arc<str>) -> Value, error: impl Fn() -> Error) -> Result<Value> {
    if s.len() > TEXT_BYTES_MAX {
        Err(error())
    } else {
        Ok(make(s))
    }
}

/// Refuses the name of a keyword or symbol that may not be stored.
fn check_name(name: &Name) -> Result<()> {
    let ns = name.ns().unwrap_or("");
    if ns.len() + name.name().len() > NAME_BYTES_MAX {
        return Err(too_large("a name", Limit::Name));
    }
    // The key bytes part namespace and name by a zero.
    if name.name().contains('\0') || ns.contains('\0') {
        return Err(Error::new(Code::WrongType, "a name cannot contain the character NUL"));
    }
    Ok(())
}

fn nan(form: Option<&Edn>) -> Error {
    let error = Error::new(Code::NanValue, "NaN is not stored: it equals nothing, not even itself")
        .hint("leave the attribute out where there is no number");
    form.map_or(error.clone(), |f| error.at(f.span))
}

fn instant_range(i: Instant) -> Error {
    Error::new(
        Code::InvalidInstant,
        format!("the instant {} µs from 1970 is outside the years 0000 to 9999", i.0),
    )
    .hint("instants are microseconds since 1970-01-01T00:00:00Z")
}

/// How large a value may be, for messages.
enum Limit {
    Text,
    Name,
    Whole,
    Decimal,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Text => write!(f, "{TEXT_BYTES_MAX} bytes"),
            Limit::Name => write!(f, "{NAME_BYTES_MAX} bytes"),
            Limit::Whole => write!(f, "{NUMBER_BITS_MAX} bits"),
            Limit::Decimal => write!(f, "{DECIMAL_SCALE_MAX} decimal places or {NUMBER_BITS_MAX} bits"),
        }
    }
}

fn too_large(what: &str, limit: Limit) -> Error {
    Error::new(Code::ValueTooLarge, format!("{what} has at most {limit}"))
        .hint("keep large contents outside and store their hash or address")
}

fn mismatch(form: &Edn, ty: ValueType, owner: Option<&dyn fmt::Display>) -> Error {
    let message = match owner {
        Some(owner) => format!("{} is not a {ty}, the type of {owner}", describe(form)),
        None => format!("{} is not a {ty}", describe(form)),
    };
    let error = Error::new(Code::WrongType, message).at(form.span).form(show(form));
    let hint = match (ty, &form.node) {
        (ValueType::Long, Node::Double(_) | Node::BigDec(_)) => "write a whole number without a point",
        (ValueType::Long | ValueType::BigInt, Node::Str(_)) => "write the number without quotes",
        (ValueType::Double | ValueType::Float, Node::BigDec(_)) => "drop the M: 1.5",
        (ValueType::Double | ValueType::Float, Node::Str(_)) => "write the number without quotes",
        (ValueType::BigDec, Node::Double(_)) => "a decimal ends in M: 1.5M",
        (ValueType::BigDec, Node::Str(_)) => "write the number without quotes, with M at its end: 1.5M",
        (ValueType::Keyword, Node::Str(_)) => "a keyword begins with a colon and has no quotes",
        (ValueType::Symbol, Node::Str(_)) => "a symbol has no quotes",
        (ValueType::String, Node::Keyword(_) | Node::Symbol(_) | Node::Char(_) | Node::Long(_)) => {
            "put the text in double quotes"
        }
        (ValueType::Instant, _) => "write #inst \"2024-05-01T12:00:00Z\"",
        (ValueType::Uuid, _) => "write #uuid \"6f1c2a34-0b5d-4e6f-8a90-123456789abc\"",
        (ValueType::Bytes, _) => "write #bytes \"00ff\"",
        (ValueType::Boolean, _) => "write true or false",
        (ValueType::Ref, _) => "an entity is an id, an ident, a lookup ref [attribute value] or a tempid",
        (_, Node::Vector(_) | Node::Set(_) | Node::List(_)) => {
            "a collection gives several values only where the attribute has cardinality many"
        }
        _ => return error,
    };
    error.hint(hint)
}

/// What a form is, for a message: `the string "five"`.
pub(crate) fn describe(form: &Edn) -> String {
    let kind = match &form.node {
        Node::Nil => return "nil".into(),
        Node::Bool(_) => "the boolean",
        Node::Char(_) => "the character",
        Node::Long(_) | Node::BigInt(_) | Node::Double(_) => "the number",
        Node::BigDec(_) => "the decimal",
        Node::Str(_) => "the string",
        Node::Symbol(_) => "the symbol",
        Node::Keyword(_) => "the keyword",
        Node::Inst(_) => "the instant",
        Node::Uuid(_) => "the uuid",
        Node::Bytes(_) => "the bytes",
        Node::List(_) => "the list",
        Node::Vector(_) => "the vector",
        Node::Map(_) => "the map",
        Node::Set(_) => "the set",
        Node::Tagged(..) => "the tagged value",
    };
    format!("{kind} {}", show(form))
}

/// A form in one short line.
pub(crate) fn show(form: &Edn) -> String {
    let text = form.to_string();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}
