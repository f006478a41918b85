//! `Serialize` and `Deserialize` for EDN's own types, to and from any format.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::{BigInt, Edn, Instant, Keyword, MAX_DEPTH, Node, Symbol, collect, read_one};
use super::marker;

impl Serialize for Edn {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.node.serialize(s)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        At(self, 0).serialize(s)
    }
}

/// A node so many levels down: serializers call themselves for each, so there must be an end.
struct At<'a>(&'a Node, usize);

/// Forms at some level.
struct Items<'a>(&'a [Edn], usize);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.0.iter().map(|item| At(&item.node, self.1)))
    }
}

impl Serialize for At<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let At(node, depth) = *self;
        if depth > MAX_DEPTH {
            let message = format!("a form nested more than {MAX_DEPTH} deep cannot be serialized");
            return Err(serde::ser::Error::custom(message));
        }
        let below = depth + 1;
        match node {
            Node::Nil => s.serialize_unit(),
            Node::Bool(b) => s.serialize_bool(*b),
            Node::Char(c) => s.serialize_char(*c),
            Node::Long(n) => s.serialize_i64(*n),
            Node::BigInt(n) => s.serialize_newtype_struct(marker::BIG_INT, &n.to_string()),
            Node::Double(d) => s.serialize_f64(*d),
            Node::BigDec(_) => s.serialize_newtype_struct(marker::BIG_DEC, node.to_string().trim_end_matches('M')),
            Node::Str(text) => s.serialize_str(text),
            Node::Symbol(symbol) => symbol.serialize(s),
            Node::Keyword(keyword) => keyword.serialize(s),
            Node::Inst(instant) => instant.serialize(s),
            Node::Uuid(uuid) => s.serialize_newtype_struct(marker::UUID, &uuid.to_string()),
            Node::Bytes(bytes) => s.serialize_bytes(bytes),
            Node::List(items) => s.serialize_newtype_struct(marker::LIST, &Items(items, below)),
            Node::Vector(items) => Items(items, below).serialize(s),
            Node::Set(items) => s.serialize_newtype_struct(marker::SET, &Items(items, below)),
            Node::Map(pairs) => s.collect_map(pairs.iter().map(|(key, value)| (Key(key), At(&value.node, below)))),
            Node::Tagged(tag, form) => s.serialize_newtype_struct(marker::TAGGED, &Tagged(tag, At(&form.node, below))),
        }
    }
}

/// Formats such as JSON have words for keys only; other keys become their EDN text.
struct Key<'a>(&'a Edn);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match &self.0.node {
            Node::Nil
            | Node::Bytes(_)
            | Node::List(_)
            | Node::Vector(_)
            | Node::Map(_)
            | Node::Set(_)
            | Node::Tagged(..) => s.serialize_newtype_struct(marker::FORM, &self.0.to_string()),
            _ => self.0.serialize(s),
        }
    }
}

struct Tagged<'a>(&'a Symbol, At<'a>);

impl Serialize for Tagged<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(1))?;
        map.serialize_entry(&format!("#{}", self.0), &self.1)?;
        map.end()
    }
}

/// Types that other formats see as text.
macro_rules! as_text {
    ($($type:ident $marker:ident $what:literal, $text:expr, $parse:expr;)*) => {
        $(
            impl Serialize for $type {
                fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    let text: fn(&$type) -> String = $text;
                    s.serialize_newtype_struct(marker::$marker, &text(self))
                }
            }

            impl<'de> Deserialize<'de> for $type {
                fn deserialize<D: Deserializer<'de>>(d: D) -> Result<$type, D::Error> {
                    struct Text;
                    impl<'de> Visitor<'de> for Text {
                        type Value = $type;
                        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                            f.write_str($what)
                        }
                        fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<$type, D::Error> {
                            d.deserialize_str(self)
                        }
                        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                            let parse: fn(&str) -> Option<$type> = $parse;
                            parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
                        }
                    }
                    d.deserialize_newtype_struct(marker::$marker, Text)
                }
            }
        )*
    };
}

as_text! {
    Keyword KEYWORD "a keyword", |k| k.0.to_string(), |text| Some(Keyword::new(text.strip_prefix(':').unwrap_or(text)));
    Symbol SYMBOL "a symbol", |s| s.to_string(), |text| Some(Symbol::new(text));
    Instant INSTANT "an instant", |i| i.to_string(), |text| Instant::parse(text).ok();
}

impl<'de> Deserialize<'de> for Edn {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Edn, D::Error> {
        d.deserialize_newtype_struct(marker::FORM, Form)
    }
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = Edn;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, d: D) -> Result<Edn, D::Error> {
        d.deserialize_any(self)
    }
    fn visit_unit<E>(self) -> Result<Edn, E> {
        Ok(Edn::nil())
    }
    fn visit_none<E>(self) -> Result<Edn, E> {
        Ok(Edn::nil())
    }
    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Edn, D::Error> {
        d.deserialize_any(self)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Edn, E> {
        Ok(v.into())
    }
    fn visit_i64<E>(self, v: i64) -> Result<Edn, E> {
        Ok(v.into())
    }
    fn visit_u64<E>(self, v: u64) -> Result<Edn, E> {
        Ok(i64::try_from(v).map_or_else(|_| BigInt::from(v).into(), Edn::from))
    }
    fn visit_i128<E>(self, v: i128) -> Result<Edn, E> {
        Ok(i64::try_from(v).map_or_else(|_| BigInt::from(v).into(), Edn::from))
    }
    fn visit_u128<E>(self, v: u128) -> Result<Edn, E> {
        Ok(i64::try_from(v).map_or_else(|_| BigInt::from(v).into(), Edn::from))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Edn, E> {
        Ok(v.into())
    }
    fn visit_char<E>(self, v: char) -> Result<Edn, E> {
        Ok(v.into())
    }
    fn visit_str<E>(self, v: &str) -> Result<Edn, E> {
        Ok(v.into())
    }
    fn visit_bytes<E>(self, v: &[u8]) -> Result<Edn, E> {
        Ok(Edn::new(Node::Bytes(v.into())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Edn, A::Error> {
        let mut items: Vec<Edn> = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Edn, A::Error> {
        let mut items: Vec<Edn> = Vec::new();
        while let Some(key) = map.next_key::<Edn>()? {
            if items.is_empty() && key.as_str() == Some(marker::FORM) {
                let text: String = map.next_value()?;
                return read_one(&text).map_err(A::Error::custom);
            }
            items.push(key);
            items.push(map.next_value()?);
        }
        collect::map(items, None)
            .map(Edn::new)
            .map_err(|e| A::Error::custom(e.message()))
    }
}
