//! Entity ids: a partition in the high bits above a 42-bit counter (Datomic's layout).

use std::fmt;

/// The number of a transaction: 0 is the bootstrap, then 1, 2, 3, ... without gaps.
pub type T = u64;

/// Bits of the counter below the partition.
pub const COUNTER_BITS: u32 = 42;
const COUNTER_MASK: u64 = (1 << COUNTER_BITS) - 1;

/// A partition: entities of one partition lie together in the indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u32);

impl Partition {
    /// `:db.part/db`: schema and idents.
    pub const DB: Partition = Partition(0);
    /// `:db.part/tx`: transactions.
    pub const TX: Partition = Partition(3);
    /// `:db.part/user`: data.
    pub const USER: Partition = Partition(4);
    /// The largest partition that leaves an id positive as a signed 64-bit number.
    pub const MAX: Partition = Partition((1 << 21) - 1);
}

/// An entity id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(pub u64);

impl EntityId {
    /// The id with counter `n` in `partition`.
    pub const fn new(partition: Partition, n: u64) -> EntityId {
        EntityId(((partition.0 as u64) << COUNTER_BITS) | n)
    }
    /// The partition above the counter.
    pub const fn partition(self) -> Partition {
        Partition((self.0 >> COUNTER_BITS) as u32)
    }
    /// The counter below the partition.
    pub const fn counter(self) -> u64 {
        self.0 & COUNTER_MASK
    }
}

/// The entity id of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TxId(pub u64);

impl TxId {
    /// The transaction entity of `t`.
    pub const fn from_t(t: T) -> TxId {
        TxId(EntityId::new(Partition::TX, t).0)
    }
    /// Its number.
    pub const fn t(self) -> T {
        self.0 & COUNTER_MASK
    }
    /// As an entity.
    pub const fn entity(self) -> EntityId {
        EntityId(self.0)
    }
}

impl From<TxId> for EntityId {
    fn from(tx: TxId) -> EntityId {
        tx.entity()
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl fmt::Debug for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl fmt::Display for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datomics_layout() {
        assert_eq!(EntityId::new(Partition::USER, 1000).0, 17592186045416);
        assert_eq!(TxId::from_t(1000).0, 13194139534312);
        assert_eq!(TxId(13194139534312).t(), 1000);
        assert_eq!(EntityId(17592186045416).partition(), Partition::USER);
        assert!(EntityId::new(Partition::MAX, COUNTER_MASK).0 <= i64::MAX as u64);
    }
}
