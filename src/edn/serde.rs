//! EDN values and serde: user types to and from EDN, and EDN values to and from other formats.
//!
//! In other formats a keyword or symbol is its text without a colon, instants and UUIDs are their text, big numbers their
//! digits, lists and sets are sequences, `#tag form` is a map `{"#tag" form}`. Between a user's type and EDN
//! ([`to_edn`], [`from_edn`]) nothing is lost: [`Edn`], [`Keyword`], [`Symbol`] and [`Instant`] keep their kind.
//!
//! [`Edn`]: super::Edn
//! [`Keyword`]: super::Keyword
//! [`Symbol`]: super::Symbol
//! [`Instant`]: super::Instant

mod de;
mod ser;
#[cfg(test)]
mod tests;
mod value;

pub use de::from_edn;
pub use ser::to_edn;

use crate::error::{Code, Error};

/// Names of newtypes by which the kinds that serde does not know pass through it. Other formats see the inside only.
mod marker {
    pub const KEYWORD: &str = "$asof/keyword";
    pub const SYMBOL: &str = "$asof/symbol";
    pub const INSTANT: &str = "$asof/instant";
    pub const UUID: &str = "$asof/uuid";
    pub const BIG_INT: &str = "$asof/bigint";
    pub const BIG_DEC: &str = "$asof/bigdec";
    pub const LIST: &str = "$asof/list";
    pub const SET: &str = "$asof/set";
    pub const TAGGED: &str = "$asof/tagged";
    /// Any form: as a newtype when it is asked for, as the one key of a map when it is handed over as text.
    pub const FORM: &str = "$asof/form";
}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Error {
        Error::new(Code::TypeMismatch, message.to_string())
    }
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Error {
        Error::new(Code::InvalidArgument, message.to_string())
    }
}
