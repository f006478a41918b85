//! Names: symbols and keywords.

use std::sync::Arc;

use super::atoms;

/// A symbol or keyword name: optional namespace, and name. A namespace ends with its first NUL, which text never has.
///
/// It is one text, `ns NUL name`, as in the key bytes of facts: copies share it, and its order is that of names.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// A symbol such as `foo` or `clojure.string/upper-case`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(pub Name);

/// A keyword such as `:person/name`. Ordered by namespace, then name; none sorts first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keyword(pub Name);

impl Name {
    /// A name from its parts; an empty namespace is none.
    pub fn from_parts(ns: &str, name: &str) -> Name {
        Name([ns, "\0", name].concat().into())
    }
    /// From the text that it is, if there is a NUL in it.
    pub(crate) fn from_joined(text: &str) -> Option<Name> {
        text.contains('\0').then(|| Name(text.into()))
    }
    /// `ns NUL name`, without a namespace `NUL name`.
    pub(crate) fn joined(&self) -> &str {
        &self.0
    }
    fn parts(&self) -> (&str, &str) {
        self.0.split_once('\0').expect("a name is made with a NUL in it")
    }
    /// The namespace.
    pub fn ns(&self) -> Option<&str> {
        Some(self.parts().0).filter(|ns| !ns.is_empty())
    }
    /// The name without the namespace.
    pub fn name(&self) -> &str {
        self.parts().1
    }
    /// Whether this is how it is printed: `ns/name` or `name`.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self.parts() {
            ("", name) => name == text,
            (ns, name) => text.strip_prefix(ns).and_then(|rest| rest.strip_prefix('/')) == Some(name),
        }
    }
    /// `ns/name` or `name`; a lone `/` is a name.
    pub fn parse(text: &str) -> Name {
        match text.split_once('/') {
            Some((ns, name)) if !ns.is_empty() && !name.is_empty() => Name::from_parts(ns, name),
            _ => Name::from_parts("", text),
        }
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ns, name) = (self.ns(), self.name());
        f.debug_struct("Name").field("ns", &ns).field("name", &name).finish()
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ns, name) = self.parts();
        if !ns.is_empty() {
            f.write_str(ns)?;
            f.write_str("/")?;
        }
        f.write_str(name)
    }
}

macro_rules! named {
    ($type:ident, $prefix:literal, $readable:path) => {
        impl $type {
            /// From its parts; an empty namespace is none.
            pub fn from_parts(ns: &str, name: &str) -> $type {
                $type(Name::from_parts(ns, name))
            }
            /// From `ns/name` or `name`, without a leading colon.
            pub fn new(text: &str) -> $type {
                $type(Name::parse(text))
            }
            /// Whether its text reads back as itself; names made in Rust may hold anything.
            pub fn is_readable(&self) -> bool {
                $readable(&self.0.to_string())
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
named!(Keyword, ":", atoms::is_keyword);
named!(Symbol, "", atoms::is_symbol);

impl From<&str> for Keyword {
    /// From a name with or without its colon.
    fn from(text: &str) -> Keyword {
        Keyword::new(text.strip_prefix(':').unwrap_or(text))
    }
}
