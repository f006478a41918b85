//! The dynamic value of query functions: what an argument or result may be, beyond what a fact may hold.
//!
//! A [`Val`] is nil, a scalar of any [`ValueType`], a character, a compiled regular expression or a collection. A fact's tuple
//! is a vector here. The order is total and type-strict, as the order of [`Value`] is: `1` and `1.0` are different values,
//! nil sorts first, and a list equals the vector with the same elements. What `=` and `<` of queries mean, where numbers
//! compare by value, is [`Val::same`] and [`Val::compare`].

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use num_traits::FromPrimitive;
use uuid::Uuid;

use super::id::EntityId;
use super::value::{TUPLE_SLOTS_MAX, Value, ValueType, flip_f32, flip_f64};
use super::word::{self, Word};
use crate::edn::{Edn, Instant, Keyword, Node, Symbol};
use crate::error::{Code, Error, Result};

/// A value that a query function takes or gives. Numbers and other scalars cost no allocation; the rest is shared.
#[derive(Clone, Debug)]
pub enum Val {
    /// nothing; as a function's result it drops the row
    Nil,
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
    /// a decimal
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
    /// an entity
    Ref(EntityId),
    /// a character
    Char(char),
    /// `[a b]`; also a fact's tuple
    Vector(Arc<[Val]>),
    /// `(a b)`: equal to the vector of the same elements
    List(Arc<[Val]>),
    /// `#{a b}`
    Set(Arc<BTreeSet<Val>>),
    /// `{k v}`
    Map(Arc<BTreeMap<Val, Val>>),
    /// a compiled regular expression; equal when written alike
    Regex(regex::Regex),
}

impl Val {
    /// A text.
    pub fn str(text: impl Into<Arc<str>>) -> Val {
        Val::String(text.into())
    }
    /// A double: `-0.0` becomes `0.0`; `None` for NaN, which is no value.
    pub fn double(x: f64) -> Option<Val> {
        // Adding 0.0 turns -0.0 into 0.0 and leaves every other number as it is.
        (!x.is_nan()).then_some(Val::Double(x + 0.0))
    }
    /// A vector.
    pub fn vector(items: impl IntoIterator<Item = Val>) -> Val {
        Val::Vector(items.into_iter().collect())
    }
    /// A set.
    pub fn set(items: impl IntoIterator<Item = Val>) -> Val {
        Val::Set(Arc::new(items.into_iter().collect()))
    }
    /// The value of a word of an inline type; `None` for the other types, which need the dictionary.
    pub fn from_word(ty: ValueType, w: Word) -> Option<Val> {
        word::inline_value(ty, w).map(Val::from)
    }

    /// Whether it counts as true: everything but nil and false.
    pub fn truthy(&self) -> bool {
        !matches!(self, Val::Nil | Val::Boolean(false))
    }
    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(
            self,
            Val::Long(_) | Val::BigInt(_) | Val::Float(_) | Val::Double(_) | Val::BigDec(_)
        )
    }
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Val::String(s) => Some(s),
            _ => None,
        }
    }
    /// The elements of a vector or list.
    pub fn as_seq(&self) -> Option<&[Val]> {
        match self {
            Val::Vector(items) | Val::List(items) => Some(items),
            _ => None,
        }
    }
    /// The elements of a vector, list, set or map (as `[key value]`), in order; `None` for anything else.
    pub fn items(&self) -> Option<Cow<'_, [Val]>> {
        match self {
            Val::Vector(items) | Val::List(items) => Some(Cow::Borrowed(items)),
            Val::Set(items) => Some(Cow::Owned(items.iter().cloned().collect())),
            Val::Map(pairs) => Some(Cow::Owned(
                pairs.iter().map(|(k, v)| Val::vector([k.clone(), v.clone()])).collect(),
            )),
            _ => None,
        }
    }

    /// What it is, for messages: `long`, `string`, `vector`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Val::Nil => "nil",
            Val::Char(_) => "character",
            Val::Vector(_) => "vector",
            Val::List(_) => "list",
            Val::Set(_) => "set",
            Val::Map(_) => "map",
            Val::Regex(_) => "regex",
            _ => self.scalar_type().map_or("value", ValueType::name),
        }
    }

    /// The type of a scalar that a fact can hold.
    pub fn scalar_type(&self) -> Option<ValueType> {
        Some(match self {
            Val::Boolean(_) => ValueType::Boolean,
            Val::Long(_) => ValueType::Long,
            Val::BigInt(_) => ValueType::BigInt,
            Val::Float(_) => ValueType::Float,
            Val::Double(_) => ValueType::Double,
            Val::BigDec(_) => ValueType::BigDec,
            Val::Instant(_) => ValueType::Instant,
            Val::Keyword(_) => ValueType::Keyword,
            Val::Symbol(_) => ValueType::Symbol,
            Val::String(_) => ValueType::String,
            Val::Uri(_) => ValueType::Uri,
            Val::Uuid(_) => ValueType::Uuid,
            Val::Bytes(_) => ValueType::Bytes,
            Val::Ref(_) => ValueType::Ref,
            _ => return None,
        })
    }

    /// The value of a fact that this is, if a fact could hold it: a scalar, or a vector of 2 to 8 scalars and nils as a tuple.
    pub fn to_value(&self) -> Option<Value> {
        Some(match self {
            Val::Boolean(b) => Value::Boolean(*b),
            Val::Long(x) => Value::Long(*x),
            Val::BigInt(x) => Value::BigInt(x.clone()),
            Val::Float(x) => Value::Float(*x),
            Val::Double(x) => Value::Double(*x),
            Val::BigDec(x) => Value::BigDec(x.normalized()),
            Val::Instant(x) => Value::Instant(*x),
            Val::Keyword(x) => Value::Keyword(x.clone()),
            Val::Symbol(x) => Value::Symbol(x.clone()),
            Val::String(x) => Value::String(x.clone()),
            Val::Uri(x) => Value::Uri(x.clone()),
            Val::Uuid(x) => Value::Uuid(*x),
            Val::Bytes(x) => Value::Bytes(x.clone()),
            Val::Ref(x) => Value::Ref(*x),
            Val::Vector(items) | Val::List(items) if (2..=TUPLE_SLOTS_MAX).contains(&items.len()) => {
                let slots: Option<Vec<Option<Value>>> = items
                    .iter()
                    .map(|v| match v {
                        Val::Nil => Some(None),
                        v => v.scalar_type().and_then(|_| v.to_value()).map(Some),
                    })
                    .collect();
                Value::Tuple(slots?.into())
            }
            _ => return None,
        })
    }

    /// The value of an EDN form. NaN, tags that asof does not know, and forms nested deeper than text can be are refused.
    pub fn from_edn(form: &Edn) -> Result<Val> {
        form.check_depth()?;
        Val::of_form(form)
    }
    fn of_form(form: &Edn) -> Result<Val> {
        let all = |forms: &[Edn]| forms.iter().map(Val::of_form).collect::<Result<Vec<Val>>>();
        Ok(match &form.node {
            Node::Nil => Val::Nil,
            Node::Bool(b) => Val::Boolean(*b),
            Node::Char(c) => Val::Char(*c),
            Node::Long(x) => Val::Long(*x),
            Node::BigInt(x) => Val::BigInt((**x).clone()),
            Node::Double(x) => Val::double(*x)
                .ok_or_else(|| Error::new(Code::NanValue, "##NaN is not a value: it equals nothing").at(form.span))?,
            Node::BigDec(x) => Val::BigDec((**x).clone()),
            Node::Str(s) => Val::String(s.clone()),
            Node::Symbol(s) => Val::Symbol(s.clone()),
            Node::Keyword(k) => Val::Keyword(k.clone()),
            Node::Inst(i) => Val::Instant(*i),
            Node::Uuid(u) => Val::Uuid(*u),
            Node::Bytes(b) => Val::Bytes(b.clone()),
            Node::List(forms) => Val::List(all(forms)?.into()),
            Node::Vector(forms) => Val::Vector(all(forms)?.into()),
            Node::Set(forms) => Val::set(all(forms)?),
            Node::Map(pairs) => {
                let pairs: Result<BTreeMap<Val, Val>> = pairs
                    .iter()
                    .map(|(k, v)| Ok((Val::of_form(k)?, Val::of_form(v)?)))
                    .collect();
                Val::Map(Arc::new(pairs?))
            }
            Node::Tagged(tag, inner) => match (tag.ns(), tag.name(), &inner.node) {
                (None, "uri", Node::Str(s)) => Val::Uri(s.clone()),
                _ => {
                    let message = format!("#{tag} is a tag that asof does not know");
                    return Err(Error::new(Code::InvalidEdn, message)
                        .at(form.span)
                        .hint("known tags are #inst, #uuid, #bytes and #uri"));
                }
            },
        })
    }

    /// As EDN: entities as their numbers, URIs as `#uri "..."`, a regular expression as its source text.
    pub fn to_edn(&self) -> Edn {
        let all = |items: &[Val]| items.iter().map(Val::to_edn).collect();
        Edn::new(match self {
            Val::Nil => Node::Nil,
            Val::Boolean(b) => Node::Bool(*b),
            Val::Long(x) => Node::Long(*x),
            Val::BigInt(x) => Node::BigInt(x.clone().into()),
            Val::Float(x) => Node::Double(widen(*x)),
            Val::Double(x) => Node::Double(*x),
            Val::BigDec(x) => Node::BigDec(x.clone().into()),
            Val::Instant(x) => Node::Inst(*x),
            Val::Keyword(x) => Node::Keyword(x.clone()),
            Val::Symbol(x) => Node::Symbol(x.clone()),
            Val::String(x) => Node::Str(x.clone()),
            Val::Uri(x) => Node::Tagged(Symbol::new("uri"), Box::new(Node::Str(x.clone()).into())),
            Val::Uuid(x) => Node::Uuid(*x),
            Val::Bytes(x) => Node::Bytes(x.clone()),
            Val::Ref(e) => Node::Long(e.0 as i64),
            Val::Char(c) => Node::Char(*c),
            Val::Vector(items) => Node::Vector(all(items)),
            Val::List(items) => Node::List(all(items)),
            Val::Set(items) => Node::Set(items.iter().map(Val::to_edn).collect()),
            Val::Map(pairs) => Node::Map(pairs.iter().map(|(k, v)| (k.to_edn(), v.to_edn())).collect()),
            Val::Regex(r) => Node::Str(r.as_str().into()),
        })
    }

    /// Whether `=` holds: numbers by value across types, an entity and its number alike, collections element by element,
    /// everything else by the type-strict equality.
    pub fn same(&self, other: &Val) -> bool {
        match (self, other) {
            (Val::Long(a), Val::Long(b)) => a == b,
            (Val::String(a), Val::String(b)) => a == b,
            (Val::Vector(a) | Val::List(a), Val::Vector(b) | Val::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.same(b))
            }
            (Val::Nil, Val::Nil) => true,
            _ => match self.compare_scalars(other) {
                Some(order) => order == Ordering::Equal,
                None => self == other,
            },
        }
    }

    /// The order that `<` sees: numbers by value across types, an entity like its number, other values within their type;
    /// `None` when the two have no common order.
    pub fn compare(&self, other: &Val) -> Option<Ordering> {
        match (self, other) {
            (Val::Vector(a) | Val::List(a), Val::Vector(b) | Val::List(b)) => {
                for (a, b) in a.iter().zip(b.iter()) {
                    let order = match (a, b) {
                        // Slots of tuples may be empty; that comes first, as in the index.
                        (Val::Nil, Val::Nil) => Ordering::Equal,
                        (Val::Nil, _) => Ordering::Less,
                        (_, Val::Nil) => Ordering::Greater,
                        (a, b) => a.compare(b)?,
                    };
                    if order != Ordering::Equal {
                        return Some(order);
                    }
                }
                Some(a.len().cmp(&b.len()))
            }
            (Val::Nil, Val::Nil) => Some(Ordering::Equal),
            _ => self.compare_scalars(other),
        }
    }

    fn compare_scalars(&self, other: &Val) -> Option<Ordering> {
        use Val::*;
        Some(match (self, other) {
            (Long(a), Long(b)) => a.cmp(b),
            (Double(a), Double(b)) => flip_f64(*a).cmp(&flip_f64(*b)),
            (Ref(a), Long(b)) => i128::from(a.0).cmp(&i128::from(*b)),
            (Long(a), Ref(b)) => i128::from(*a).cmp(&i128::from(b.0)),
            (Long(a), Double(b)) => long_double(*a, *b),
            (Double(a), Long(b)) => long_double(*b, *a).reverse(),
            (Float(a), Float(b)) => flip_f32(*a).cmp(&flip_f32(*b)),
            (Float(a), b) if b.is_number() => return Double(widen(*a)).compare_scalars(b),
            (a, Float(b)) if a.is_number() => return a.compare_scalars(&Double(widen(*b))),
            (a, b) if a.is_number() && b.is_number() => match (a.sign_if_infinite(), b.sign_if_infinite()) {
                (0, 0) => a.decimal()?.cmp(&b.decimal()?),
                (a, b) => a.cmp(&b),
            },
            (a, b) if a.scalar_type().is_some() && a.scalar_type() == b.scalar_type() => a.cmp(b),
            (Char(a), Char(b)) => a.cmp(b),
            _ => return None,
        })
    }

    fn sign_if_infinite(&self) -> i8 {
        match self {
            Val::Double(x) if x.is_infinite() => x.signum() as i8,
            _ => 0,
        }
    }

    /// A finite number as a decimal. A double with a fraction is what it prints as, so that `1.1` equals `1.1M`; one without is exactly
    /// what it is, as longs see it. Both lie where no other double comes between, so that all numbers have one order.
    pub(crate) fn decimal(&self) -> Option<BigDecimal> {
        match self {
            Val::Long(x) => Some(BigDecimal::from(*x)),
            Val::BigInt(x) => Some(BigDecimal::from(x.clone())),
            Val::BigDec(x) => Some(x.clone()),
            Val::Double(x) if x.fract() == 0.0 => BigInt::from_f64(*x).map(BigDecimal::from),
            Val::Double(x) => format!("{x:e}").parse().ok(),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Val::Nil => 0,
            Val::Vector(_) | Val::List(_) => ValueType::Tuple as u8,
            Val::Char(_) => ValueType::Tuple as u8 + 1,
            Val::Set(_) => ValueType::Tuple as u8 + 2,
            Val::Map(_) => ValueType::Tuple as u8 + 3,
            Val::Regex(_) => ValueType::Tuple as u8 + 4,
            _ => self.scalar_type().map_or(0, |t| t as u8),
        }
    }
}

/// A 32-bit float as the double that prints alike: `0.1`, not `0.10000000149011612`.
pub fn widen(x: f32) -> f64 {
    let exact = f64::from(x);
    if x.is_finite() && x.fract() != 0.0 {
        x.to_string().parse().unwrap_or(exact)
    } else {
        exact
    }
}

/// A long against a double, exactly.
fn long_double(a: i64, b: f64) -> Ordering {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if b >= LIMIT {
        Ordering::Less
    } else if b < -LIMIT {
        Ordering::Greater
    } else {
        let whole = b.trunc();
        a.cmp(&(whole as i64))
            .then_with(|| 0.0f64.total_cmp(&(b - whole + 0.0)))
    }
}

impl From<Value> for Val {
    fn from(value: Value) -> Val {
        match value {
            Value::Boolean(x) => Val::Boolean(x),
            Value::Long(x) => Val::Long(x),
            Value::BigInt(x) => Val::BigInt(x),
            Value::Float(x) => Val::Float(x),
            Value::Double(x) => Val::Double(x),
            Value::BigDec(x) => Val::BigDec(x),
            Value::Instant(x) => Val::Instant(x),
            Value::Keyword(x) => Val::Keyword(x),
            Value::Symbol(x) => Val::Symbol(x),
            Value::String(x) => Val::String(x),
            Value::Uri(x) => Val::Uri(x),
            Value::Uuid(x) => Val::Uuid(x),
            Value::Bytes(x) => Val::Bytes(x),
            Value::Ref(x) => Val::Ref(x),
            Value::Tuple(slots) => Val::vector(slots.iter().map(|s| s.clone().map_or(Val::Nil, Val::from))),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident)*) => {
        $(impl From<$type> for Val {
            fn from(x: $type) -> Val {
                Val::$variant(x.into())
            }
        })*
    };
}
from!(bool => Boolean i64 => Long &str => String String => String Keyword => Keyword Symbol => Symbol Instant => Instant
      Uuid => Uuid EntityId => Ref BigInt => BigInt BigDecimal => BigDec);

impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_edn().fmt(f)
    }
}

impl PartialEq for Val {
    fn eq(&self, other: &Val) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Val {}
impl PartialOrd for Val {
    fn partial_cmp(&self, other: &Val) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Val {
    fn cmp(&self, other: &Val) -> Ordering {
        use Val::*;
        match (self, other) {
            (Boolean(a), Boolean(b)) => a.cmp(b),
            (Long(a), Long(b)) => a.cmp(b),
            (BigInt(a), BigInt(b)) => a.cmp(b),
            (Float(a), Float(b)) => flip_f32(*a).cmp(&flip_f32(*b)),
            (Double(a), Double(b)) => flip_f64(*a).cmp(&flip_f64(*b)),
            (BigDec(a), BigDec(b)) => a.cmp(b),
            (Instant(a), Instant(b)) => a.cmp(b),
            (Keyword(a), Keyword(b)) => a.cmp(b),
            (Symbol(a), Symbol(b)) => a.cmp(b),
            (String(a), String(b)) | (Uri(a), Uri(b)) => a.cmp(b),
            (Uuid(a), Uuid(b)) => a.cmp(b),
            (Bytes(a), Bytes(b)) => a.cmp(b),
            (Ref(a), Ref(b)) => a.cmp(b),
            (Char(a), Char(b)) => a.cmp(b),
            (Vector(a) | List(a), Vector(b) | List(b)) => a.cmp(b),
            (Set(a), Set(b)) => a.cmp(b),
            (Map(a), Map(b)) => a.cmp(b),
            (Regex(a), Regex(b)) => a.as_str().cmp(b.as_str()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}
impl Hash for Val {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u8(self.rank());
        match self {
            Val::Nil => {}
            Val::Boolean(x) => x.hash(state),
            Val::Long(x) => x.hash(state),
            Val::BigInt(x) => x.hash(state),
            Val::Float(x) => flip_f32(*x).hash(state),
            Val::Double(x) => flip_f64(*x).hash(state),
            Val::BigDec(x) => x.normalized().hash(state),
            Val::Instant(x) => x.hash(state),
            Val::Keyword(x) => x.hash(state),
            Val::Symbol(x) => x.hash(state),
            Val::String(x) | Val::Uri(x) => x.hash(state),
            Val::Uuid(x) => x.hash(state),
            Val::Bytes(x) => x.hash(state),
            Val::Ref(x) => x.hash(state),
            Val::Char(x) => x.hash(state),
            Val::Vector(x) | Val::List(x) => x.hash(state),
            Val::Set(x) => x.hash(state),
            Val::Map(x) => x.hash(state),
            Val::Regex(x) => x.as_str().hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(s: &str) -> Val {
        Val::BigDec(s.parse().expect("a decimal"))
    }

    #[test]
    fn strict_order_and_equality() {
        assert_ne!(Val::Long(1), Val::Double(1.0));
        assert_eq!(dec("1.50"), dec("1.5"));
        assert_eq!(Val::vector([Val::Long(1)]), Val::List([Val::Long(1)].into()));
        assert!(Val::Nil < Val::Boolean(false) && Val::Long(9) < Val::Double(1.0));
        let re = |s| Val::Regex(regex::Regex::new(s).expect("a pattern"));
        assert_eq!(re("a+"), re("a+"));
        assert_ne!(re("a+"), re("a*"));
    }

    #[test]
    fn equal_values_hash_alike() {
        let hash = |v: &Val| {
            let mut h = rustc_hash::FxHasher::default();
            v.hash(&mut h);
            h.finish()
        };
        assert_eq!(hash(&dec("1.50")), hash(&dec("1.5")));
        assert_eq!(hash(&Val::vector([Val::Nil])), hash(&Val::List([Val::Nil].into())));
    }

    #[test]
    fn numbers_compare_by_value() {
        let less = [
            (Val::Long(1), Val::Double(1.5)),
            (Val::Double(-0.5), Val::Long(0)),
            (Val::Long(i64::MAX), Val::Double(9.3e18)),
            (Val::Long(9007199254740993), Val::Double(9007199254740994.0)),
            (Val::BigInt(5.into()), dec("5.1")),
            (dec("1e300"), Val::Double(f64::INFINITY)),
            (Val::Double(f64::NEG_INFINITY), Val::BigInt(5.into())),
            (Val::Float(0.1), Val::Double(0.11)),
        ];
        for (a, b) in &less {
            assert_eq!(a.compare(b), Some(Ordering::Less), "{a:?} < {b:?}");
            assert_eq!(b.compare(a), Some(Ordering::Greater), "{b:?} > {a:?}");
        }
        for (a, b) in [
            (Val::Long(1), Val::Double(1.0)),
            (Val::Long(1), Val::BigInt(1.into())),
            (Val::Double(1.1), dec("1.10")),
            (Val::Float(0.1), Val::Double(0.1)),
            (Val::Ref(EntityId(7)), Val::Long(7)),
            (Val::vector([Val::Long(1)]), Val::vector([Val::Double(1.0)])),
        ] {
            assert!(a.same(&b) && b.same(&a), "{a:?} = {b:?}");
        }
        assert_eq!(Val::Long(1).compare(&Val::str("1")), None);
        let (empty, full) = (
            Val::vector([Val::Long(1), Val::Nil]),
            Val::vector([Val::Long(1), Val::str("a")]),
        );
        assert_eq!(empty.compare(&full), Some(Ordering::Less), "an empty slot comes first");
        assert_eq!(full.compare(&empty), Some(Ordering::Greater));
        assert!(!Val::Long(1).same(&Val::str("1")));
    }

    #[test]
    fn facts_and_back() {
        let tuple = Value::Tuple([Some(Value::Long(1)), None].into());
        let val = Val::from(tuple.clone());
        assert_eq!(val, Val::vector([Val::Long(1), Val::Nil]));
        assert_eq!(val.to_value(), Some(tuple));
        assert_eq!(Val::vector([Val::Long(1)]).to_value(), None);
        assert_eq!(Val::Char('a').to_value(), None);
    }

    #[test]
    fn edn_and_back() {
        let form = Edn::new(Node::Vector(vec![
            Node::Long(1).into(),
            Node::Keyword(Keyword::new("a/b")).into(),
            Node::Tagged(Symbol::new("uri"), Box::new(Node::Str("x:y".into()).into())).into(),
        ]));
        let val = Val::from_edn(&form).expect("a value");
        assert_eq!(Val::from_edn(&val.to_edn()).expect("a value"), val);
        let nan = Val::from_edn(&Node::Double(f64::NAN).into()).expect_err("no value");
        assert_eq!(nan.code(), Code::NanValue);
        assert!(Val::from_edn(&Node::Tagged(Symbol::new("x/y"), Box::new(Node::Nil.into())).into()).is_err());
    }
}
