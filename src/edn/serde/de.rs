//! EDN becomes a user's type.

use std::slice;

use num_traits::ToPrimitive;
use serde::Deserialize;
use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::super::{Edn, MAX_DEPTH, Node};
use super::marker;
use crate::error::{Code, Error, Result};

/// A user's type from EDN. Keywords of a map match the fields of a struct by their whole text (`:person/name` the field
/// renamed "person/name"), or by the name alone when one key only has it; nil is `None`; a keyword, symbol or string is
/// an enum variant without data, and a map of one pair one with data. Errors point at the form that does not fit.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Person { name: String, age: Option<u32> }
/// let form = asof::edn::read_one(r#"{:person/name "Ada", :person/age 36}"#).unwrap();
/// let ada: Person = asof::edn::from_edn(&form).unwrap();
/// assert_eq!((ada.name.as_str(), ada.age), ("Ada", Some(36)));
/// ```
pub fn from_edn<'de, T: Deserialize<'de>>(form: &'de Edn) -> Result<T> {
    // serde calls itself for each level.
    if form.is_deeper_than(MAX_DEPTH) {
        let message = format!("a form nested more than {MAX_DEPTH} deep cannot become a Rust type");
        return Err(Error::new(Code::TypeMismatch, message)
            .at(form.span)
            .hint("walk it step by step: as_map, as_vector, get"));
    }
    T::deserialize(Source(form))
}

#[derive(Clone, Copy)]
struct Source<'de>(&'de Edn);

impl<'de> Source<'de> {
    /// The text of a form that names something.
    fn name(self) -> Option<String> {
        match &self.0.node {
            Node::Keyword(k) => Some(k.0.to_string()),
            Node::Symbol(s) => Some(s.to_string()),
            Node::Str(s) => Some(s.to_string()),
            _ => None,
        }
    }

    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.0.node {
            Node::Nil => visitor.visit_unit(),
            Node::Bool(b) => visitor.visit_bool(*b),
            Node::Char(c) => visitor.visit_char(*c),
            Node::Long(n) => visitor.visit_i64(*n),
            Node::BigInt(n) => match (n.to_i64(), n.to_u64(), n.to_i128()) {
                (Some(n), ..) => visitor.visit_i64(n),
                (_, Some(n), _) => visitor.visit_u64(n),
                (.., Some(n)) => visitor.visit_i128(n),
                _ => visitor.visit_string(n.to_string()),
            },
            Node::Double(d) => visitor.visit_f64(*d),
            Node::BigDec(_) => visitor.visit_string(self.0.to_string().trim_end_matches('M').to_string()),
            Node::Str(s) => visitor.visit_borrowed_str(s),
            Node::Symbol(s) => visitor.visit_string(s.to_string()),
            Node::Keyword(k) => visitor.visit_string(k.0.to_string()),
            Node::Inst(i) => visitor.visit_string(i.to_string()),
            Node::Uuid(u) => visitor.visit_string(u.to_string()),
            Node::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Node::List(items) | Node::Vector(items) | Node::Set(items) => visit_items(items, visitor),
            Node::Map(pairs) => visit_pairs(pairs, Vec::new(), visitor),
            Node::Tagged(tag, form) => {
                visitor.visit_map(MapDeserializer::new([(format!("#{tag}"), Source(form))].into_iter()))
            }
        }
    }
}

/// All of a visit's errors get the place of the innermost form that they are about.
macro_rules! placed {
    ($self:ident, $result:expr) => {
        $result.map_err(|e: Error| e.at($self.0.span))
    };
}

impl<'de> Deserializer<'de> for Source<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        placed!(self, self.any(visitor))
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.0.node {
            Node::BigDec(d) => placed!(self, visitor.visit_f64(d.to_f64().unwrap_or(f64::NAN))),
            Node::BigInt(n) => placed!(self, visitor.visit_f64(n.to_f64().unwrap_or(f64::NAN))),
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.0.is_nil() {
            true => visitor.visit_none(),
            false => placed!(self, visitor.visit_some(self)),
        }
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match &self.0.node {
            // `Vec<u8>` asks serde for a sequence.
            Node::Bytes(bytes) => placed!(self, visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied()))),
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value> {
        let text = match (name, &self.0.node) {
            (marker::KEYWORD, Node::Keyword(k)) => Some(k.0.to_string()),
            (marker::SYMBOL, Node::Symbol(s)) => Some(s.to_string()),
            (marker::INSTANT, Node::Inst(i)) => Some(i.to_string()),
            (marker::KEYWORD | marker::SYMBOL | marker::INSTANT, _) => {
                let wrong = de::Unexpected::Other(self.0.type_name());
                return placed!(self, Err(Error::invalid_type(wrong, &visitor)));
            }
            (marker::FORM, _) => {
                let handed_over = [(marker::FORM, self.0.to_string())];
                return placed!(self, visitor.visit_map(MapDeserializer::new(handed_over.into_iter())));
            }
            _ => None,
        };
        match text {
            Some(text) => placed!(self, visitor.visit_string(text)),
            None => placed!(self, visitor.visit_newtype_struct(self)),
        }
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match &self.0.node {
            Node::Map(pairs) => placed!(
                self,
                field_names(pairs, fields).and_then(|names| visit_pairs(pairs, names, visitor))
            ),
            _ => self.deserialize_any(visitor),
        }
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        let (name, content) = match &self.0.node {
            Node::Map(pairs) if pairs.len() == 1 => (&pairs[0].0, Some(&pairs[0].1)),
            _ => (self.0, None),
        };
        let Some(text) = Source(name).name() else {
            let wrong = de::Unexpected::Other(self.0.type_name());
            let error = Error::invalid_type(wrong, &"a keyword, or a map of one keyword and its data");
            return placed!(self, Err(error));
        };
        let bare = text.rsplit('/').next().unwrap_or(&text);
        let variant = match variants.contains(&text.as_str()) {
            true => text,
            false => bare.to_string(),
        };
        placed!(self, visitor.visit_enum(Variant { variant, content }))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Source<'de> {
    type Deserializer = Source<'de>;
    fn into_deserializer(self) -> Source<'de> {
        self
    }
}

/// For each key the struct field that it means, if any.
fn field_names(pairs: &[(Edn, Edn)], fields: &'static [&'static str]) -> Result<Vec<Option<&'static str>>> {
    let field = |text: &str| fields.iter().copied().find(|&field| field == text);
    // Without making a text of each key: there are as many as rows times fields.
    let whole = |key: &Edn, field: &str| match &key.node {
        Node::Keyword(k) => k.0.is(field),
        Node::Symbol(s) => s.0.is(field),
        Node::Str(s) => **s == *field,
        _ => false,
    };
    let mut names: Vec<Option<&'static str>> = pairs
        .iter()
        .map(|(key, _)| fields.iter().copied().find(|field| whole(key, field)))
        .collect();
    for at in 0..pairs.len() {
        let Some(bare) = pairs[at].0.as_keyword().filter(|_| names[at].is_none()) else {
            continue;
        };
        // A key that is the field's whole name is meant; other keys of the same bare name are then none of its business.
        let Some(field) = field(bare.name()).filter(|field| !names[..].contains(&Some(*field))) else {
            continue;
        };
        let same = |key: &Edn| key.as_keyword().is_some_and(|k| k.name() == field);
        if let Some((other, _)) = pairs[at + 1..].iter().find(|(key, _)| same(key)) {
            let message = format!("{} and {other} could both be the field {field}", pairs[at].0);
            return Err(Error::custom(message).at(other.span).hint(format!(
                "rename the field to the whole key: #[serde(rename = \"{}\")]",
                bare.0
            )));
        }
        names[at] = Some(field);
    }
    Ok(names)
}

fn visit_items<'de, V: Visitor<'de>>(items: &'de [Edn], visitor: V) -> Result<V::Value> {
    let mut items = Items(items.iter());
    let value = visitor.visit_seq(&mut items)?;
    match items.0.len() {
        0 => Ok(value),
        more => Err(Error::custom(format!("{more} more elements than expected"))),
    }
}

struct Items<'de>(slice::Iter<'de, Edn>);

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Error;
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        self.0.next().map(|item| seed.deserialize(Source(item))).transpose()
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

fn visit_pairs<'de, V: Visitor<'de>>(
    pairs: &'de [(Edn, Edn)],
    names: Vec<Option<&'static str>>,
    visitor: V,
) -> Result<V::Value> {
    visitor.visit_map(Pairs {
        pairs: pairs.iter(),
        names: names.into_iter(),
        key: None,
        value: None,
    })
}

struct Pairs<'de> {
    pairs: slice::Iter<'de, (Edn, Edn)>,
    /// Field names that stand for the keys, in step with `pairs`; empty when keys stand for themselves.
    names: std::vec::IntoIter<Option<&'static str>>,
    key: Option<&'de Edn>,
    value: Option<&'de Edn>,
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Error;
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        (self.key, self.value) = (Some(key), Some(value));
        let result = match self.names.next().flatten() {
            Some(name) => seed.deserialize(BorrowedStrDeserializer::new(name)),
            None => seed.deserialize(Source(key)),
        };
        result.map(Some).map_err(|e: Error| e.at(key.span))
    }
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        match self.value.take() {
            Some(value) => seed.deserialize(Source(value)).map_err(|e: Error| match self.key {
                // Without a text to point into, the keys on the way say where it is.
                Some(key) if !e.span().is_some() => {
                    let named = Error::new(e.code(), format!("{key}: {}", e.message()));
                    match e.hint_text() {
                        Some(hint) => named.hint(hint),
                        None => named,
                    }
                }
                _ => e,
            }),
            None => Err(Error::custom("the value of a map was asked for before its key")),
        }
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.pairs.len())
    }
}

struct Variant<'de> {
    variant: String,
    content: Option<&'de Edn>,
}

impl<'de> de::EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Content<'de>;
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Content<'de>)> {
        let name: StringDeserializer<Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.content)))
    }
}

struct Content<'de>(Option<&'de Edn>);

impl<'de> Content<'de> {
    fn some(self) -> Result<Source<'de>> {
        self.0
            .map(Source)
            .ok_or_else(|| Error::custom("this variant has data: expected a map of one keyword and its data"))
    }
}

impl<'de> de::VariantAccess<'de> for Content<'de> {
    type Error = Error;
    fn unit_variant(self) -> Result<()> {
        match self.0 {
            None => Ok(()),
            Some(form) if form.is_nil() => Ok(()),
            Some(form) => Err(Error::custom("this variant has no data: expected the keyword alone").at(form.span)),
        }
    }
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.some()?)
    }
    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.some()?.deserialize_seq(visitor)
    }
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        self.some()?.deserialize_struct("", fields, visitor)
    }
}
