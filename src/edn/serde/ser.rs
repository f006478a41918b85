//! A user's type becomes EDN.

use serde::Serialize;
use serde::ser::{self, Error as _, SerializeMap};

use super::super::{BigInt, Edn, Instant, Keyword, Node, Symbol, Uuid, atoms, read_one};
use super::marker;
use crate::error::{Error, Result, Span};

/// Any value that serde can serialize, as EDN: structs become maps with keywords for field names, enum variants without
/// data keywords, variants with data maps of one pair, `None` and `()` nil.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct Person {
///     #[serde(rename = "person/name")]
///     name: String,
///     #[serde(rename = "person/age")]
///     age: Option<u32>,
/// }
/// let ada = Person { name: "Ada".into(), age: Some(36) };
/// assert_eq!(asof::edn::to_edn(&ada).unwrap().to_string(), r#"{:person/name "Ada", :person/age 36}"#);
/// ```
pub fn to_edn<T: Serialize + ?Sized>(value: &T) -> Result<Edn> {
    value.serialize(ToEdn)
}

struct ToEdn;

/// A collection that is being filled; `variant` is the enum variant around it.
struct Filling {
    items: Vec<Edn>,
    variant: Option<&'static str>,
}

impl Filling {
    fn new(size: Option<usize>, variant: Option<&'static str>) -> Filling {
        Filling {
            // The size is a hint of a stranger's code; trust it for small ones.
            items: Vec::with_capacity(size.unwrap_or(0).min(1024)),
            variant,
        }
    }
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.items.push(value.serialize(ToEdn)?);
        Ok(())
    }
    fn around(variant: Option<&'static str>, form: Edn) -> Edn {
        match variant {
            Some(variant) => Edn::map([(Edn::kw(variant), form)]),
            None => form,
        }
    }
    fn into_vector(self) -> Edn {
        Filling::around(self.variant, Edn::from(self.items))
    }
    fn into_map(self) -> Result<Edn> {
        let node = super::super::collect::map(self.items, None)?;
        Ok(Filling::around(self.variant, Edn::new(node)))
    }
}

fn whole(value: impl Copy + TryInto<i64> + Into<BigInt>) -> Result<Edn> {
    Ok(value.try_into().map_or_else(|_| Edn::from(value.into()), Edn::from))
}

impl ser::Serializer for ToEdn {
    type Ok = Edn;
    type Error = Error;
    type SerializeSeq = Filling;
    type SerializeTuple = Filling;
    type SerializeTupleStruct = Filling;
    type SerializeTupleVariant = Filling;
    type SerializeMap = Filling;
    type SerializeStruct = Filling;
    type SerializeStructVariant = Filling;

    fn serialize_bool(self, v: bool) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_i8(self, v: i8) -> Result<Edn> {
        Ok(i64::from(v).into())
    }
    fn serialize_i16(self, v: i16) -> Result<Edn> {
        Ok(i64::from(v).into())
    }
    fn serialize_i32(self, v: i32) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_i128(self, v: i128) -> Result<Edn> {
        whole(v)
    }
    fn serialize_u8(self, v: u8) -> Result<Edn> {
        Ok(i64::from(v).into())
    }
    fn serialize_u16(self, v: u16) -> Result<Edn> {
        Ok(i64::from(v).into())
    }
    fn serialize_u32(self, v: u32) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<Edn> {
        whole(v)
    }
    fn serialize_u128(self, v: u128) -> Result<Edn> {
        whole(v)
    }
    fn serialize_f32(self, v: f32) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_f64(self, v: f64) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_char(self, v: char) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_str(self, v: &str) -> Result<Edn> {
        Ok(v.into())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<Edn> {
        Ok(Edn::new(Node::Bytes(v.into())))
    }
    fn serialize_none(self) -> Result<Edn> {
        Ok(Edn::nil())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Edn> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<Edn> {
        Ok(Edn::nil())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<Edn> {
        Ok(Edn::nil())
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Edn> {
        Ok(Edn::kw(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<Edn> {
        let inside = value.serialize(ToEdn)?;
        match name.starts_with("$asof/") {
            true => marked(name, inside),
            false => Ok(inside),
        }
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Edn> {
        Ok(Filling::around(Some(variant), value.serialize(ToEdn)?))
    }
    fn serialize_seq(self, size: Option<usize>) -> Result<Filling> {
        Ok(Filling::new(size, None))
    }
    fn serialize_tuple(self, size: usize) -> Result<Filling> {
        Ok(Filling::new(Some(size), None))
    }
    fn serialize_tuple_struct(self, _: &'static str, size: usize) -> Result<Filling> {
        Ok(Filling::new(Some(size), None))
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, variant: &'static str, size: usize) -> Result<Filling> {
        Ok(Filling::new(Some(size), Some(variant)))
    }
    fn serialize_map(self, size: Option<usize>) -> Result<Filling> {
        Ok(Filling::new(size.map(|n| n.saturating_mul(2)), None))
    }
    fn serialize_struct(self, _: &'static str, size: usize) -> Result<Filling> {
        Ok(Filling::new(Some(size * 2), None))
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, variant: &'static str, size: usize) -> Result<Filling> {
        Ok(Filling::new(Some(size * 2), Some(variant)))
    }
}

/// A kind that serde does not know, from what it looked like to serde.
fn marked(name: &str, inside: Edn) -> Result<Edn> {
    let wrong = || {
        Error::custom(format!(
            "a newtype named {name} holds {}, not what asof put there",
            inside.type_name()
        ))
    };
    let node = match (name, &inside.node) {
        (marker::KEYWORD, Node::Str(text)) => Node::Keyword(Keyword::new(text)),
        (marker::SYMBOL, Node::Str(text)) => Node::Symbol(Symbol::new(text)),
        (marker::INSTANT, Node::Str(text)) => Node::Inst(Instant::parse(text)?),
        (marker::UUID, Node::Str(text)) => Node::Uuid(Uuid::try_parse(text).map_err(Error::custom)?),
        (marker::BIG_INT, Node::Str(text)) => atoms::number(&format!("{text}N"), Span::NONE)?,
        (marker::BIG_DEC, Node::Str(text)) => atoms::number(&format!("{text}M"), Span::NONE)?,
        (marker::FORM, Node::Str(text)) => read_one(text)?.node,
        (marker::LIST, Node::Vector(items)) => Node::List(items.clone()),
        (marker::SET, Node::Vector(items)) => Node::Set(items.clone()),
        (marker::TAGGED, Node::Map(pairs)) => match pairs.as_slice() {
            [(tag, form)] => {
                let tag = tag.as_str().and_then(|text| text.strip_prefix('#')).ok_or_else(wrong)?;
                Node::Tagged(Symbol::new(tag), Box::new(form.clone()))
            }
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    Ok(Edn::new(node))
}

macro_rules! vector_like {
    ($($trait:ident $method:ident)*) => {
        $(impl ser::$trait for Filling {
            type Ok = Edn;
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }
            fn end(self) -> Result<Edn> {
                Ok(self.into_vector())
            }
        })*
    };
}
vector_like! {
SerializeSeq serialize_element
SerializeTuple serialize_element SerializeTupleStruct serialize_field SerializeTupleVariant serialize_field }

impl SerializeMap for Filling {
    type Ok = Edn;
    type Error = Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.push(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        self.push(value)
    }
    fn end(self) -> Result<Edn> {
        self.into_map()
    }
}

macro_rules! struct_like {
    ($($trait:ident)*) => {
        $(impl ser::$trait for Filling {
            type Ok = Edn;
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &'static str, value: &T) -> Result<()> {
                self.items.push(Edn::kw(field));
                self.push(value)
            }
            fn end(self) -> Result<Edn> {
                self.into_map()
            }
        })*
    };
}
struct_like! { SerializeStruct SerializeStructVariant }
