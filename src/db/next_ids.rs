//! The counters that the next transaction allocates from.

use smallvec::SmallVec;

use crate::datom::Partition;
use crate::schema::bootstrap;

/// The next counter of each partition that has entities. Copied with every transaction, and most databases have two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NextIds(SmallVec<[(u32, u64); 3]>);

impl NextIds {
    /// None was ever given.
    pub fn new() -> NextIds {
        NextIds::default()
    }

    fn place(&self, partition: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&partition, |(p, _)| *p)
    }

    /// The counter that the next entity of a partition gets; `None` when it has no entities.
    pub fn get(&self, partition: u32) -> Option<u64> {
        self.place(partition).ok().map(|i| self.0[i].1)
    }

    /// Sets it.
    pub fn insert(&mut self, partition: u32, counter: u64) {
        match self.place(partition) {
            Ok(i) => self.0[i].1 = counter,
            Err(i) => self.0.insert(i, (partition, counter)),
        }
    }

    /// All of them, by partition.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().copied()
    }
}

impl FromIterator<(u32, u64)> for NextIds {
    fn from_iter<I: IntoIterator<Item = (u32, u64)>>(pairs: I) -> NextIds {
        let mut ids = NextIds::new();
        pairs.into_iter().for_each(|(p, counter)| ids.insert(p, counter));
        ids
    }
}

/// The first counter that entities of a partition get.
pub(crate) fn first_counter(partition: Partition) -> u64 {
    match partition {
        Partition::DB => bootstrap::FIRST_DB,
        Partition::TX => 0,
        _ => bootstrap::FIRST_USER,
    }
}

#[cfg(test)]
mod tests {
    use super::NextIds;

    #[test]
    fn partitions_are_kept_in_order() {
        let mut ids: NextIds = [(7, 1), (4, 9)].into_iter().collect();
        ids.insert(5, 3);
        ids.insert(4, 10);
        assert_eq!(ids.iter().collect::<Vec<_>>(), [(4, 10), (5, 3), (7, 1)]);
        assert_eq!((ids.get(5), ids.get(6)), (Some(3), None));
    }
}
