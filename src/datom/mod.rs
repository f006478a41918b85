//! Facts: entity ids, values, datoms, and the words and bytes that sort as the values do.
pub mod convert;
pub mod id;
pub mod val;
pub mod value;
pub mod word;

#[cfg(test)]
mod tests;

pub use id::{EntityId, Partition, T, TxId};
pub use val::Val;
pub use value::{Value, ValueType};
pub use word::Word;

/// A fact as the indexes hold it: the value as a [`Word`], meaningful together with the attribute's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RawDatom {
    /// Entity id.
    pub e: u64,
    /// Attribute id (attributes live in partition 0, so 32 bits hold them).
    pub a: u32,
    /// The value's word.
    pub v: Word,
    /// The transaction's number.
    pub t: T,
    /// Asserted (true) or retracted.
    pub added: bool,
}

/// A fact as users see it: `[e a v tx added?]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Datom {
    /// The entity.
    pub e: EntityId,
    /// The attribute's entity.
    pub a: EntityId,
    /// The value.
    pub v: Value,
    /// The transaction's entity.
    pub tx: TxId,
    /// Asserted (true) or retracted.
    pub added: bool,
}
