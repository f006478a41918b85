//! Text <-> EDN, each value with its span. This room knows no database.
//!
//! Reading goes `walk` -> `read` -> `atoms` and `collect`:
//!
//! - `walk` passes over the text once, without recursion: brackets pair up, strings end, nesting stays
//!   within [`MAX_DEPTH`]. `lex` cuts the text into words for it.
//! - `read` runs the pest grammar `grammar/edn.pest` and turns its pairs into [`Edn`].
//! - `atoms` gives a word its value, or says what is wrong with it; `collect` makes maps, sets and tagged values.
//!
//! [`bulk`] reads the same language by hand for big files. `Display` prints a form on one line so that it reads back
//! equal; [`pretty`] prints for people.

mod atoms;
mod build;
pub mod bulk;
mod collect;
mod deep;
mod instant;
mod lately;
mod lex;
mod name;
mod order;
mod pretty;
mod print;
mod read;
mod report;
mod serde;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;

pub use bigdecimal::BigDecimal;
pub use num_bigint::BigInt;
pub use uuid::Uuid;

pub use self::serde::{from_edn, to_edn};
pub use instant::Instant;
pub(crate) use lately::Lately;
pub use name::{Keyword, Name, Symbol};
pub use pretty::pretty;
pub use read::{Completeness, Forms, is_complete, read, read_one};
pub use walk::MAX_DEPTH;

use crate::error::Span;

/// An EDN value with the place it was read from. Equality, order and hash ignore the place.
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::edn::{Edn, Node, pretty, read_one};
/// let form = read_one("{:ship/name \"Petrel\", :ship/cargo [\"salt\" \"rope\"]} ; a comment")?;
/// assert_eq!(form.get(&"ship/name".into()).and_then(Edn::as_str), Some("Petrel"));
/// assert_eq!(form.to_string(), "{:ship/name \"Petrel\", :ship/cargo [\"salt\" \"rope\"]}"); // reads back equal
/// assert!(pretty(&form, 30).contains('\n'));
/// assert_eq!(read_one("[1 2]")?, Edn::vector([Node::Long(1), Node::Long(2)].map(Edn::new)));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Edn {
    /// What it is.
    pub node: Node,
    /// Where it was read, or [`Span::NONE`].
    pub span: Span,
}

/// What an EDN value is: results are made of many, so those that take more room than text are boxed. It drops what is inside without the native stack, however deep, and so it is taken apart by reference, or with
/// [`std::mem::take`] of its contents.
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
    BigInt(Box<BigInt>),
    /// `1.5`, `##Inf`, `##NaN`
    Double(f64),
    /// `1.5M`
    BigDec(Box<BigDecimal>),
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
