//! Values and their one total order.
//!
//! Values of different types are different values and sort by type, in the order of [`ValueType`].
//! Inside a type the order is the natural one: numbers by size (a decimal's scale does not count:
//! `1.0M` is `1.00M`), `-0.0` is `0.0` and NaN does not occur, strings and URIs by code point,
//! keywords and symbols by namespace (none first) and then name, instants by time, UUIDs and bytes as
//! unsigned bytes, refs by entity id, tuples slot by slot with nil before any value and a prefix
//! before what extends it.
//!
//! [`Value::key_bytes`] encodes a value so that the bytes of two values of one type sort as the
//! values do; equal values have equal bytes.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::{BigInt, Sign};
use uuid::Uuid;

use super::id::EntityId;
use crate::edn::{Instant, Keyword, Name, Symbol};

/// The type of an attribute's values (`:db.type/...`), in the order in which types sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ValueType {
    /// `:db.type/boolean`
    Boolean = 2,
    /// `:db.type/long`: 64-bit signed
    Long,
    /// `:db.type/bigint`
    BigInt,
    /// `:db.type/float`: 32-bit
    Float,
    /// `:db.type/double`: 64-bit
    Double,
    /// `:db.type/bigdec`
    BigDec,
    /// `:db.type/instant`: microseconds, UTC
    Instant,
    /// `:db.type/keyword`
    Keyword,
    /// `:db.type/symbol`
    Symbol,
    /// `:db.type/string`
    String,
    /// `:db.type/uri`
    Uri,
    /// `:db.type/uuid`
    Uuid,
    /// `:db.type/bytes`
    Bytes,
    /// `:db.type/ref`
    Ref,
    /// `:db.type/tuple`
    Tuple,
}

impl ValueType {
    /// Every type, in order.
    pub const ALL: [ValueType; 15] = [
        ValueType::Boolean,
        ValueType::Long,
        ValueType::BigInt,
        ValueType::Float,
        ValueType::Double,
        ValueType::BigDec,
        ValueType::Instant,
        ValueType::Keyword,
        ValueType::Symbol,
        ValueType::String,
        ValueType::Uri,
        ValueType::Uuid,
        ValueType::Bytes,
        ValueType::Ref,
        ValueType::Tuple,
    ];

    /// The name after `:db.type/`.
    pub const fn name(self) -> &'static str {
        match self {
            ValueType::Boolean => "boolean",
            ValueType::Long => "long",
            ValueType::BigInt => "bigint",
            ValueType::Float => "float",
            ValueType::Double => "double",
            ValueType::BigDec => "bigdec",
            ValueType::Instant => "instant",
            ValueType::Keyword => "keyword",
            ValueType::Symbol => "symbol",
            ValueType::String => "string",
            ValueType::Uri => "uri",
            ValueType::Uuid => "uuid",
            ValueType::Bytes => "bytes",
            ValueType::Ref => "ref",
            ValueType::Tuple => "tuple",
        }
    }
    /// The type of a name after `:db.type/`.
    pub fn from_name(name: &str) -> Option<ValueType> {
        ValueType::ALL.into_iter().find(|t| t.name() == name)
    }
    /// The type of a tag byte, as stored.
    pub fn from_tag(tag: u8) -> Option<ValueType> {
        ValueType::ALL.into_iter().find(|t| *t as u8 == tag)
    }
    /// Whether a value fits a word by itself, in order; the others go through the dictionary.
    pub const fn is_inline(self) -> bool {
        matches!(
            self,
            ValueType::Boolean
                | ValueType::Long
                | ValueType::Float
                | ValueType::Double
                | ValueType::Instant
                | ValueType::Ref
        )
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":db.type/{}", self.name())
    }
}

/// A value of a fact. Never nil and never NaN; see the module for the order.
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Value, datom::ValueType, edn::read_one};
/// assert_eq!(Value::from("Petrel"), Value::from_edn(&read_one("\"Petrel\"")?, ValueType::String)?);
/// assert!(Value::from(2) < Value::from(10));
/// assert!(Value::from_edn(&read_one("\"2\"")?, ValueType::Long).is_err()); // a text is no number
/// assert_eq!(Value::from_edn(&read_one("1.50M")?, ValueType::BigDec)?.to_edn().to_string(), "1.5M");
/// assert_eq!(Value::double(f64::NAN), None);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub enum Value {
    /// true or false
    Boolean(bool),
    /// a 64-bit whole number
    Long(i64),
    /// a whole number of any size
    BigInt(BigInt),
    /// a 32-bit float, not NaN
    Float(f32),
    /// a 64-bit float, not NaN
    Double(f64),
    /// a decimal, normalised: no trailing zeros
    BigDec(BigDecimal),
    /// a moment
    Instant(Instant),
    /// a keyword
    Keyword(Keyword),
    /// a symbol
    Symbol(Symbol),
    /// a text
    String(Arc<str>),
    /// a URI, as text
    Uri(Arc<str>),
    /// a UUID
    Uuid(Uuid),
    /// bytes
    Bytes(Arc<[u8]>),
    /// a reference to an entity
    Ref(EntityId),
    /// a tuple of 2 to 8 slots, each a scalar value or nil
    Tuple(Arc<[Option<Value>]>),
}

macro_rules! made_of {
    ($($type:ty, $variant:ident;)*) => {
        $(impl From<$type> for Value {
            fn from(x: $type) -> Value {
                Value::$variant(x.into())
            }
        })*
    };
}
// Doubles and floats are missing on purpose: Value::double says what becomes of NaN.
made_of! {
    bool, Boolean;
    i64, Long;
    Instant, Instant;
    Keyword, Keyword;
    Symbol, Symbol;
    &str, String;
    String, String;
    Uuid, Uuid;
    EntityId, Ref;
}

impl Value {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::Boolean(_) => ValueType::Boolean,
            Value::Long(_) => ValueType::Long,
            Value::BigInt(_) => ValueType::BigInt,
            Value::Float(_) => ValueType::Float,
            Value::Double(_) => ValueType::Double,
            Value::BigDec(_) => ValueType::BigDec,
            Value::Instant(_) => ValueType::Instant,
            Value::Keyword(_) => ValueType::Keyword,
            Value::Symbol(_) => ValueType::Symbol,
            Value::String(_) => ValueType::String,
            Value::Uri(_) => ValueType::Uri,
            Value::Uuid(_) => ValueType::Uuid,
            Value::Bytes(_) => ValueType::Bytes,
            Value::Ref(_) => ValueType::Ref,
            Value::Tuple(_) => ValueType::Tuple,
        }
    }

    /// A double; `None` for NaN, and `-0.0` becomes `0.0`.
    pub fn double(x: f64) -> Option<Value> {
        (!x.is_nan()).then_some(Value::Double(x + 0.0))
    }
    /// A float; `None` for NaN, and `-0.0` becomes `0.0`.
    pub fn float(x: f32) -> Option<Value> {
        (!x.is_nan()).then_some(Value::Float(x + 0.0))
    }
    /// A decimal, normalised.
    pub fn bigdec(x: BigDecimal) -> Value {
        Value::BigDec(x.normalized())
    }
    /// A string.
    pub fn string(s: impl Into<Arc<str>>) -> Value {
        Value::String(s.into())
    }

    /// The bytes that sort, within the type, as the values do.
    pub fn key_bytes(&self) -> Vec<u8> {
        self.key().into_owned()
    }

    /// The same, without a copy of a text.
    pub(crate) fn key(&self) -> Cow<'_, [u8]> {
        match self {
            Value::String(s) | Value::Uri(s) => s.as_bytes().into(),
            Value::Bytes(b) => b[..].into(),
            Value::Keyword(Keyword(n)) | Value::Symbol(Symbol(n)) => n.joined().as_bytes().into(),
            _ => {
                let mut out = Vec::with_capacity(16);
                self.write_key(&mut out);
                out.into()
            }
        }
    }

    /// Appends [`Value::key_bytes`] to `out`.
    pub fn write_key(&self, out: &mut Vec<u8>) {
        match self {
            Value::String(s) | Value::Uri(s) => out.extend_from_slice(s.as_bytes()),
            Value::Bytes(b) => out.extend_from_slice(b),
            Value::Keyword(Keyword(n)) | Value::Symbol(Symbol(n)) => {
                out.extend_from_slice(n.joined().as_bytes());
            }
            Value::Tuple(slots) => {
                for slot in slots.iter() {
                    match slot {
                        None => out.push(TUPLE_NIL),
                        Some(v) => {
                            out.push(v.value_type() as u8);
                            v.write_delimited(out);
                        }
                    }
                }
                out.push(TUPLE_END);
            }
            _ => self.write_delimited(out),
        }
    }

    /// Key bytes that also say where they end, for tuple slots and index separators.
    pub fn write_delimited(&self, out: &mut Vec<u8>) {
        match self {
            Value::Boolean(b) => out.push(*b as u8),
            Value::Long(x) => out.extend_from_slice(&flip_i64(*x).to_be_bytes()),
            Value::Instant(Instant(x)) => out.extend_from_slice(&flip_i64(*x).to_be_bytes()),
            Value::Float(x) => out.extend_from_slice(&flip_f32(*x).to_be_bytes()),
            Value::Double(x) => out.extend_from_slice(&flip_f64(*x).to_be_bytes()),
            Value::Ref(e) => out.extend_from_slice(&e.0.to_be_bytes()),
            Value::Uuid(u) => out.extend_from_slice(u.as_bytes()),
            Value::BigInt(x) => write_bigint(x, out),
            Value::BigDec(x) => write_bigdec(x, out),
            Value::String(_)
            | Value::Uri(_)
            | Value::Bytes(_)
            | Value::Keyword(_)
            | Value::Symbol(_)
            | Value::Tuple(_) => {
                let mut raw = Vec::new();
                self.write_key(&mut raw);
                write_escaped(&raw, out);
            }
        }
    }

    /// The value of `ty` whose [`Value::key_bytes`] are `bytes`; `None` when they are not such bytes.
    pub fn from_key_bytes(ty: ValueType, bytes: &[u8]) -> Option<Value> {
        let text = || std::str::from_utf8(bytes).ok();
        Some(match ty {
            ValueType::String => Value::String(text()?.into()),
            ValueType::Uri => Value::Uri(text()?.into()),
            ValueType::Bytes => Value::Bytes(bytes.into()),
            ValueType::Keyword => Value::Keyword(Keyword(Name::from_joined(text()?)?)),
            ValueType::Symbol => Value::Symbol(Symbol(Name::from_joined(text()?)?)),
            ValueType::Tuple => {
                let mut rest = bytes;
                let mut slots = Vec::new();
                loop {
                    let (&tag, after) = rest.split_first()?;
                    rest = after;
                    match tag {
                        TUPLE_END => break,
                        TUPLE_NIL => slots.push(None),
                        tag => {
                            let (v, after) = Value::read_delimited(ValueType::from_tag(tag)?, rest)?;
                            slots.push(Some(v));
                            rest = after;
                        }
                    }
                }
                if !rest.is_empty() {
                    return None;
                }
                Value::Tuple(slots.into())
            }
            _ => {
                let (v, rest) = Value::read_delimited(ty, bytes)?;
                if !rest.is_empty() {
                    return None;
                }
                v
            }
        })
    }

    /// Reads what [`Value::write_delimited`] wrote; gives the value and the bytes after it.
    pub fn read_delimited(ty: ValueType, bytes: &[u8]) -> Option<(Value, &[u8])> {
        fn word<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
            bytes.split_first_chunk::<N>().map(|(a, b)| (*a, b))
        }
        Some(match ty {
            ValueType::Boolean => {
                let (b, rest) = word::<1>(bytes)?;
                (Value::Boolean(b[0] != 0), rest)
            }
            ValueType::Long => {
                let (b, rest) = word::<8>(bytes)?;
                (Value::Long(unflip_i64(u64::from_be_bytes(b))), rest)
            }
            ValueType::Instant => {
                let (b, rest) = word::<8>(bytes)?;
                (Value::Instant(Instant(unflip_i64(u64::from_be_bytes(b)))), rest)
            }
            ValueType::Float => {
                let (b, rest) = word::<4>(bytes)?;
                (Value::Float(unflip_f32(u32::from_be_bytes(b))), rest)
            }
            ValueType::Double => {
                let (b, rest) = word::<8>(bytes)?;
                (Value::Double(unflip_f64(u64::from_be_bytes(b))), rest)
            }
            ValueType::Ref => {
                let (b, rest) = word::<8>(bytes)?;
                (Value::Ref(EntityId(u64::from_be_bytes(b))), rest)
            }
            ValueType::Uuid => {
                let (b, rest) = word::<16>(bytes)?;
                (Value::Uuid(Uuid::from_bytes(b)), rest)
            }
            ValueType::BigInt => {
                let (x, rest) = read_bigint(bytes)?;
                (Value::BigInt(x), rest)
            }
            ValueType::BigDec => {
                let (x, rest) = read_bigdec(bytes)?;
                (Value::BigDec(x), rest)
            }
            ValueType::String
            | ValueType::Uri
            | ValueType::Bytes
            | ValueType::Keyword
            | ValueType::Symbol
            | ValueType::Tuple => {
                let (raw, rest) = read_escaped(bytes)?;
                (Value::from_key_bytes(ty, &raw)?, rest)
            }
        })
    }
}

/// The most slots of a tuple.
pub const TUPLE_SLOTS_MAX: usize = 8;
const TUPLE_END: u8 = 0;
const TUPLE_NIL: u8 = 1;

pub(crate) const fn flip_i64(x: i64) -> u64 {
    (x as u64) ^ (1 << 63)
}
pub(crate) const fn unflip_i64(x: u64) -> i64 {
    (x ^ (1 << 63)) as i64
}
pub(crate) fn flip_f64(x: f64) -> u64 {
    let bits = x.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}
pub(crate) fn unflip_f64(x: u64) -> f64 {
    f64::from_bits(if x >> 63 == 1 { x & !(1 << 63) } else { !x })
}
pub(crate) fn flip_f32(x: f32) -> u32 {
    let bits = x.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | (1 << 31) }
}
pub(crate) fn unflip_f32(x: u32) -> f32 {
    f32::from_bits(if x >> 31 == 1 { x & !(1 << 31) } else { !x })
}

/// 00 becomes 00 FF; the end is 00 00, which sorts before any continuation.
fn write_escaped(raw: &[u8], out: &mut Vec<u8>) {
    for &b in raw {
        out.push(b);
        if b == 0 {
            out.push(0xFF);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn read_escaped(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut raw = Vec::new();
    let mut i = 0;
    loop {
        match *bytes.get(i)? {
            0 => match *bytes.get(i + 1)? {
                0 => return Some((raw, &bytes[i + 2..])),
                0xFF => {
                    raw.push(0);
                    i += 2;
                }
                _ => return None,
            },
            b => {
                raw.push(b);
                i += 1;
            }
        }
    }
}

/// Sign (0, 1, 2), then length and magnitude, both complemented when negative.
fn write_bigint(x: &BigInt, out: &mut Vec<u8>) {
    let (sign, magnitude) = x.to_bytes_be();
    match sign {
        Sign::NoSign => out.push(1),
        Sign::Plus => {
            out.push(2);
            out.extend_from_slice(&(magnitude.len() as u32).to_be_bytes());
            out.extend_from_slice(&magnitude);
        }
        Sign::Minus => {
            out.push(0);
            out.extend_from_slice(&(!(magnitude.len() as u32)).to_be_bytes());
            out.extend(magnitude.iter().map(|b| !b));
        }
    }
}

fn read_bigint(bytes: &[u8]) -> Option<(BigInt, &[u8])> {
    let (&sign, rest) = bytes.split_first()?;
    if sign == 1 {
        return Some((BigInt::ZERO, rest));
    }
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let len = u32::from_be_bytes(*len);
    let len = if sign == 0 { !len } else { len } as usize;
    let magnitude = rest.get(..len)?;
    let x = match sign {
        0 => BigInt::from_bytes_be(Sign::Minus, &magnitude.iter().map(|b| !b).collect::<Vec<_>>()),
        2 => BigInt::from_bytes_be(Sign::Plus, magnitude),
        _ => return None,
    };
    Some((x, &rest[len..]))
}

/// Sign (0, 1, 2), then the exponent of 0.ddd x 10^n and the digits (each + 1, ended by 0), complemented when negative.
fn write_bigdec(x: &BigDecimal, out: &mut Vec<u8>) {
    let (int, scale) = x.normalized().into_bigint_and_exponent();
    let (sign, digits) = (int.sign(), int.magnitude().to_string());
    if sign == Sign::NoSign {
        out.push(1);
        return;
    }
    let from = out.len() + 1;
    out.push(if sign == Sign::Minus { 0 } else { 2 });
    out.extend_from_slice(&flip_i64(digits.len() as i64 - scale).to_be_bytes());
    out.extend(digits.bytes().map(|d| d - b'0' + 1));
    out.push(0);
    if sign == Sign::Minus {
        out[from..].iter_mut().for_each(|b| *b = !*b);
    }
}

fn read_bigdec(bytes: &[u8]) -> Option<(BigDecimal, &[u8])> {
    let (&sign, rest) = bytes.split_first()?;
    if sign == 1 {
        return Some((BigDecimal::from(0), rest));
    }
    let flip = if sign == 0 { 0xFF } else { 0 };
    let (exponent, rest) = rest.split_first_chunk::<8>()?;
    let exponent = unflip_i64(u64::from_be_bytes(exponent.map(|b| b ^ flip)));
    let end = rest.iter().position(|&b| b ^ flip == 0)?;
    let digits: Vec<u8> = rest[..end].iter().map(|&b| (b ^ flip).wrapping_sub(1)).collect();
    if digits.iter().any(|&d| d > 9) {
        return None;
    }
    let sign = if sign == 0 { Sign::Minus } else { Sign::Plus };
    let int = BigInt::from_radix_be(sign, &digits, 10)?;
    Some((BigDecimal::new(int, digits.len() as i64 - exponent), &rest[end + 1..]))
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Value {}
impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            (Value::Long(a), Value::Long(b)) => a.cmp(b),
            (Value::BigInt(a), Value::BigInt(b)) => a.cmp(b),
            (Value::Float(a), Value::Float(b)) => flip_f32(*a).cmp(&flip_f32(*b)),
            (Value::Double(a), Value::Double(b)) => flip_f64(*a).cmp(&flip_f64(*b)),
            (Value::BigDec(a), Value::BigDec(b)) => a.cmp(b),
            (Value::Instant(a), Value::Instant(b)) => a.cmp(b),
            (Value::Keyword(a), Value::Keyword(b)) => a.cmp(b),
            (Value::Symbol(a), Value::Symbol(b)) => a.cmp(b),
            (Value::String(a), Value::String(b)) | (Value::Uri(a), Value::Uri(b)) => a.cmp(b),
            (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Ref(a), Value::Ref(b)) => a.cmp(b),
            (Value::Tuple(a), Value::Tuple(b)) => a.cmp(b),
            _ => self.value_type().cmp(&other.value_type()),
        }
    }
}
impl std::hash::Hash for Value {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u8(self.value_type() as u8);
        state.write(&self.key_bytes());
    }
}
