//! Text <-> EDN, each value with its span. This room knows no database.
//!
//! `read` makes forms from text through `grammar/edn.pest`; `Display` prints a form so that it
//! reads back equal; `pretty` prints for people.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

pub use bigdecimal::BigDecimal;
pub use num_bigint::BigInt;
pub use uuid::Uuid;

use crate::error::Span;

/// A symbol or keyword name: optional namespace, and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    ns: Option<Arc<str>>,
    name: Arc<str>,
}

/// A symbol such as `foo` or `clojure.string/upper-case`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub Name);

/// A keyword such as `:person/name`. Ordered by namespace, then name; none sorts first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyword(pub Name);

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub i64);

/// An EDN value with the place it was read from. Equality, order and hash ignore the place.
#[derive(Clone, Debug)]
pub struct Edn {
    /// What it is.
    pub node: Node,
    /// Where it was read, or [`Span::NONE`].
    pub span: Span,
}

/// What an EDN value is.
#[derive(Clone, Debug)]
pub enum Node {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// `\a`
    Char(char),
    /// `42`
    Long(i64),
    /// `42N`, or a whole number beyond 64 bits
    BigInt(BigInt),
    /// `1.5`, `##Inf`, `##NaN`
    Double(f64),
    /// `1.5M`
    BigDec(BigDecimal),
    /// `"text"`
    Str(Arc<str>),
    /// `name`, `ns/name`
    Symbol(Symbol),
    /// `:name`, `:ns/name`
    Keyword(Keyword),
    /// `#inst "..."`
    Inst(Instant),
    /// `#uuid "..."`
    Uuid(Uuid),
    /// `#bytes "hex"`: asof's own tag for byte strings
    Bytes(Arc<[u8]>),
    /// `(a b)`
    List(Vec<Edn>),
    /// `[a b]`
    Vector(Vec<Edn>),
    /// `{k v}` in the order of the text
    Map(Vec<(Edn, Edn)>),
    /// `#{a b}` in the order of the text
    Set(Vec<Edn>),
    /// `#tag value` of a tag that asof does not know
    Tagged(Symbol, Box<Edn>),
}

impl Name {
    /// A name from its parts; an empty namespace is none.
    pub fn from_parts(ns: &str, name: &str) -> Name {
        Name {
            ns: (!ns.is_empty()).then(|| ns.into()),
            name: name.into(),
        }
    }
    /// The namespace.
    pub fn ns(&self) -> Option<&str> {
        self.ns.as_deref()
    }
    /// The name without the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// `ns/name` or `name`; a lone `/` is a name.
    pub fn parse(text: &str) -> Name {
        match text.split_once('/') {
            Some((ns, name)) if !ns.is_empty() && !name.is_empty() => Name::from_parts(ns, name),
            _ => Name::from_parts("", text),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.ns {
            Some(ns) => write!(f, "{ns}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

macro_rules! named {
    ($type:ident, $prefix:literal) => {
        impl $type {
            /// From its parts; an empty namespace is none.
            pub fn from_parts(ns: &str, name: &str) -> $type {
                $type(Name::from_parts(ns, name))
            }
            /// From `ns/name` or `name`, without a leading colon.
            pub fn new(text: &str) -> $type {
                $type(Name::parse(text))
            }
            /// The namespace.
            pub fn ns(&self) -> Option<&str> {
                self.0.ns()
            }
            /// The name without the namespace.
            pub fn name(&self) -> &str {
                self.0.name()
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}
named!(Keyword, ":");
named!(Symbol, "");

impl Edn {
    /// A value that was read from no text.
    pub fn new(node: Node) -> Edn {
        Edn { node, span: Span::NONE }
    }
}

impl From<Node> for Edn {
    fn from(node: Node) -> Edn {
        Edn::new(node)
    }
}

// Stand-ins until the room is furnished.
impl std::fmt::Display for Edn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.node)
    }
}
impl PartialEq for Edn {
    fn eq(&self, other: &Edn) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Edn {}
impl PartialOrd for Edn {
    fn partial_cmp(&self, other: &Edn) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Edn {
    fn cmp(&self, other: &Edn) -> Ordering {
        self.to_string().cmp(&other.to_string())
    }
}
impl Hash for Edn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}
