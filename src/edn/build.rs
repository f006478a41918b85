//! Making forms in Rust and looking into them.

use std::sync::Arc;

use super::{BigDecimal, BigInt, Edn, Instant, Keyword, Node, Symbol, Uuid};
use crate::error::Span;

impl Edn {
    /// A value that was read from no text.
    pub fn new(node: Node) -> Edn {
        Edn { node, span: Span::NONE }
    }
    /// What it is, without its place.
    pub fn into_node(mut self) -> Node {
        std::mem::replace(&mut self.node, Node::Nil)
    }
    /// The same value without any places, for one that goes into another text: there they would point at something else.
    pub fn unplaced(&self) -> Edn {
        let all = |items: &[Edn]| items.iter().map(Edn::unplaced).collect();
        Edn::new(match &self.node {
            Node::List(items) => Node::List(all(items)),
            Node::Vector(items) => Node::Vector(all(items)),
            Node::Set(items) => Node::Set(all(items)),
            Node::Map(pairs) => Node::Map(pairs.iter().map(|(k, v)| (k.unplaced(), v.unplaced())).collect()),
            Node::Tagged(tag, inner) => Node::Tagged(tag.clone(), Box::new(inner.unplaced())),
            node => node.clone(),
        })
    }
    /// The same value with a place.
    pub fn with_span(mut self, span: Span) -> Edn {
        self.span = span;
        self
    }
    /// `nil`
    pub fn nil() -> Edn {
        Edn::new(Node::Nil)
    }
    /// `[...]`
    pub fn vector<T: Into<Edn>>(items: impl IntoIterator<Item = T>) -> Edn {
        Edn::new(Node::Vector(items.into_iter().map(Into::into).collect()))
    }
    /// `(...)`
    pub fn list<T: Into<Edn>>(items: impl IntoIterator<Item = T>) -> Edn {
        Edn::new(Node::List(items.into_iter().map(Into::into).collect()))
    }
    /// `#{...}`; of equal elements the first is kept.
    pub fn set<T: Into<Edn>>(items: impl IntoIterator<Item = T>) -> Edn {
        let mut items: Vec<Edn> = items.into_iter().map(Into::into).collect();
        keep_first(&mut items, |item| item);
        Edn::new(Node::Set(items))
    }
    /// `{...}`; of equal keys the first is kept.
    pub fn map<K: Into<Edn>, V: Into<Edn>>(pairs: impl IntoIterator<Item = (K, V)>) -> Edn {
        let mut pairs: Vec<(Edn, Edn)> = pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        keep_first(&mut pairs, |pair| &pair.0);
        Edn::new(Node::Map(pairs))
    }
    /// The keyword `:text`: `Edn::kw("person/name")`.
    pub fn kw(text: &str) -> Edn {
        Keyword::new(text).into()
    }
    /// The symbol `text`: `Edn::sym("?x")`.
    pub fn sym(text: &str) -> Edn {
        Symbol::new(text).into()
    }

    /// Whether it is `nil`.
    pub fn is_nil(&self) -> bool {
        matches!(self.node, Node::Nil)
    }
    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.node {
            Node::Bool(b) => Some(b),
            _ => None,
        }
    }
    /// The keyword, if it is one.
    pub fn as_keyword(&self) -> Option<&Keyword> {
        match &self.node {
            Node::Keyword(k) => Some(k),
            _ => None,
        }
    }
    /// The symbol, if it is one.
    pub fn as_symbol(&self) -> Option<&Symbol> {
        match &self.node {
            Node::Symbol(s) => Some(s),
            _ => None,
        }
    }
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.node {
            Node::Str(s) => Some(s),
            _ => None,
        }
    }
    /// The 64-bit whole number, if it is one.
    pub fn as_long(&self) -> Option<i64> {
        match self.node {
            Node::Long(n) => Some(n),
            _ => None,
        }
    }
    /// The double, if it is one.
    pub fn as_double(&self) -> Option<f64> {
        match self.node {
            Node::Double(d) => Some(d),
            _ => None,
        }
    }
    /// The instant, if it is one.
    pub fn as_instant(&self) -> Option<Instant> {
        match self.node {
            Node::Inst(i) => Some(i),
            _ => None,
        }
    }
    /// The elements of a vector.
    pub fn as_vector(&self) -> Option<&[Edn]> {
        match &self.node {
            Node::Vector(items) => Some(items),
            _ => None,
        }
    }
    /// The elements of a list.
    pub fn as_list(&self) -> Option<&[Edn]> {
        match &self.node {
            Node::List(items) => Some(items),
            _ => None,
        }
    }
    /// The elements of a list or vector.
    pub fn as_seq(&self) -> Option<&[Edn]> {
        match &self.node {
            Node::List(items) | Node::Vector(items) => Some(items),
            _ => None,
        }
    }
    /// The elements of a list or vector, taken out; anything else comes back as it is.
    pub fn into_seq(mut self) -> Result<Vec<Edn>, Edn> {
        match &mut self.node {
            Node::List(items) | Node::Vector(items) => Ok(std::mem::take(items)),
            _ => Err(self),
        }
    }
    /// The pairs of a map, taken out; anything else comes back as it is.
    pub fn into_map(mut self) -> Result<Vec<(Edn, Edn)>, Edn> {
        match &mut self.node {
            Node::Map(pairs) => Ok(std::mem::take(pairs)),
            _ => Err(self),
        }
    }
    /// The elements of a set, in the order of the text.
    pub fn as_set(&self) -> Option<&[Edn]> {
        match &self.node {
            Node::Set(items) => Some(items),
            _ => None,
        }
    }
    /// The pairs of a map, in the order of the text.
    pub fn as_map(&self) -> Option<&[(Edn, Edn)]> {
        match &self.node {
            Node::Map(pairs) => Some(pairs),
            _ => None,
        }
    }
    /// The value of a keyword in a map.
    pub fn get(&self, key: &Keyword) -> Option<&Edn> {
        self.as_map()?
            .iter()
            .find(|(k, _)| k.as_keyword() == Some(key))
            .map(|(_, v)| v)
    }
    /// What it is, for messages: "a vector", "a string".
    pub fn type_name(&self) -> &'static str {
        match &self.node {
            Node::Nil => "nil",
            Node::Bool(_) => "a boolean",
            Node::Char(_) => "a character",
            Node::Long(_) => "a whole number",
            Node::BigInt(_) => "a big integer",
            Node::Double(_) => "a double",
            Node::BigDec(_) => "a decimal",
            Node::Str(_) => "a string",
            Node::Symbol(_) => "a symbol",
            Node::Keyword(_) => "a keyword",
            Node::Inst(_) => "an instant",
            Node::Uuid(_) => "a UUID",
            Node::Bytes(_) => "a byte string",
            Node::List(_) => "a list",
            Node::Vector(_) => "a vector",
            Node::Map(_) => "a map",
            Node::Set(_) => "a set",
            Node::Tagged(..) => "a tagged value",
        }
    }

    /// Moves all places by `by` bytes: the form was cut out of a longer text. What has no place stays without.
    pub(crate) fn shift(&mut self, by: u32) {
        if self.span.is_some() {
            self.span.start = self.span.start.saturating_add(by);
            self.span.end = self.span.end.saturating_add(by);
        }
        match &mut self.node {
            Node::List(items) | Node::Vector(items) | Node::Set(items) => items.iter_mut().for_each(|i| i.shift(by)),
            Node::Map(pairs) => pairs.iter_mut().for_each(|(k, v)| {
                k.shift(by);
                v.shift(by);
            }),
            Node::Tagged(_, form) => form.shift(by),
            _ => {}
        }
    }
}

fn keep_first<T>(items: &mut Vec<T>, key: impl Fn(&T) -> &Edn) {
    let mut seen = std::collections::HashSet::new();
    let keep: Vec<bool> = items.iter().map(|item| seen.insert(key(item))).collect();
    let mut keep = keep.into_iter();
    items.retain(|_| keep.next().unwrap_or(true));
}

impl From<Node> for Edn {
    fn from(node: Node) -> Edn {
        Edn::new(node)
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $node:expr;)*) => {
        $(impl From<$type> for Edn {
            fn from($value: $type) -> Edn {
                Edn::new($node)
            }
        })*
    };
}

from! {
    bool, v => Node::Bool(v);
    char, v => Node::Char(v);
    i64, v => Node::Long(v);
    i32, v => Node::Long(v.into());
    u32, v => Node::Long(v.into());
    f64, v => Node::Double(v);
    f32, v => Node::Double(v.into());
    &str, v => Node::Str(v.into());
    String, v => Node::Str(v.into());
    Arc<str>, v => Node::Str(v);
    BigInt, v => Node::BigInt(v.into());
    BigDecimal, v => Node::BigDec(v.into());
    Keyword, v => Node::Keyword(v);
    &Keyword, v => Node::Keyword(v.clone());
    Symbol, v => Node::Symbol(v);
    &Symbol, v => Node::Symbol(v.clone());
    Instant, v => Node::Inst(v);
    Uuid, v => Node::Uuid(v);
    Arc<[u8]>, v => Node::Bytes(v);
    Vec<Edn>, v => Node::Vector(v);
}

impl From<&Edn> for Edn {
    fn from(form: &Edn) -> Edn {
        form.clone()
    }
}

impl<T: Into<Edn>> From<Option<T>> for Edn {
    fn from(value: Option<T>) -> Edn {
        value.map_or_else(Edn::nil, Into::into)
    }
}
