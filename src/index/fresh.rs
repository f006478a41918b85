//! Who was given which unique value since the leaves were made: what the writer asks most, and answered by a hash table.
//!
//! Every new entity with an identity asks whether somebody has it already. The tail would have to be sorted by value for
//! that, a few facts at a time, which costs more than all else that preparing a small transaction does. The writer knows better:
//! it makes one database value after the other, so it can keep a table that is true of the newest, and of no other.

use std::cell::RefCell;
use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::key::{Keys, Order, Probe, Range};
use super::leaf::Leaf;
use super::page::Separator;
use super::{Snapshot, Words};
use crate::datom::{RawDatom, Word};
use crate::error::Result;

/// A tail of at most so many facts is read again when another attribute becomes unique; a longer one is left to the indexer.
const READ_AGAIN: usize = 20_000;
/// No entity: the value was taken away from whoever had it.
const NOBODY: u64 = u64::MAX;
/// No entity: what the tail says is not enough.
const UNSURE: u64 = u64::MAX - 1;

/// The owner of each unique value that the tail says anything of.
type Given = HashMap<(u32, Word), u64, FxBuildHasher>;

/// Owners of unique values in one snapshot, the newest. See the module.
#[derive(Default)]
pub struct Fresh {
    /// The attributes it follows, ascending.
    unique: Vec<u32>,
    /// From the part of the tail that is being folded; `None` when that is not known.
    frozen: Option<Given>,
    /// From the rest.
    recent: Option<Given>,
    /// The leaf that was looked into last: values are often given in ascending order.
    near: RefCell<Option<Near>>,
}

/// A leaf of AVET with the bounds of its keys.
struct Near {
    from: Separator,
    to: Option<Separator>,
    leaf: Arc<Leaf>,
}

impl Near {
    fn covers(&self, key: &[u8]) -> bool {
        *self.from <= *key && self.to.as_ref().is_none_or(|to| *key < **to)
    }
}

impl Fresh {
    /// What `snapshot` says of the attributes `unique`.
    pub fn of(snapshot: &Snapshot, unique: Vec<u32>) -> Fresh {
        let mut fresh = Fresh::default();
        fresh.follow(snapshot, unique);
        fresh
    }

    /// From now on about these attributes. Reads the tail again when that is little, otherwise knows nothing until it is folded.
    pub fn follow(&mut self, snapshot: &Snapshot, mut unique: Vec<u32>) {
        unique.sort_unstable();
        if unique == self.unique && self.recent.is_some() {
            return;
        }
        self.forget(unique);
        if snapshot.unindexed() > READ_AGAIN {
            return;
        }
        // The attribute may not have been unique when these were asserted: several entities could have one value, some of them
        // in leaves. Now at most one has it, so whoever the tail leaves it with is the owner.
        let mut datoms = Vec::with_capacity(snapshot.core.frozen.len() + snapshot.core.recent.len());
        for tail in [&*snapshot.core.frozen, &snapshot.core.recent] {
            tail.each(|d| datoms.extend(self.unique.binary_search(&d.a).is_ok().then_some(*d)));
        }
        datoms.sort_by_key(|d| d.t);
        let mut holders: HashMap<(u32, Word), Vec<u64>, FxBuildHasher> = HashMap::default();
        for d in &datoms {
            let all = holders.entry((d.a, d.v)).or_default();
            match d.added {
                true => all.push(d.e),
                false => all.retain(|e| *e != d.e),
            }
        }
        let sure = |all: Vec<u64>| if let [owner] = all[..] { owner } else { UNSURE };
        self.recent = Some(holders.into_iter().map(|(value, all)| (value, sure(all))).collect());
        self.frozen = Some(Given::default());
    }

    /// Knows nothing until all that is in the tail now is folded; then it is about these attributes.
    pub fn forget(&mut self, mut unique: Vec<u32>) {
        unique.sort_unstable();
        self.unique = unique;
        (self.frozen, self.recent) = (None, None);
    }

    /// A transaction was added to the snapshot.
    pub fn note(&mut self, datoms: &[RawDatom]) {
        if let Some(recent) = &mut self.recent {
            datoms.iter().for_each(|d| note(&self.unique, recent, d));
        }
    }

    /// The snapshot was frozen.
    pub fn freeze(&mut self) {
        let recent = self.recent.replace(Given::default());
        self.frozen = match (self.frozen.take(), recent) {
            (Some(mut frozen), Some(recent)) if !frozen.is_empty() => {
                frozen.extend(recent);
                Some(frozen)
            }
            (Some(_), recent) => recent,
            (None, _) => None,
        };
    }

    /// What was frozen is in leaves now.
    pub fn install(&mut self) {
        self.frozen = Some(Given::default());
        *self.near.get_mut() = None;
    }

    /// Who has a value in `snapshot`, the one that this follows: `Some(None)` means nobody, `None` that an index must be asked.
    pub fn owner(
        &self,
        snapshot: &Snapshot,
        words: &Words,
        a: u32,
        v: Word,
        probe: impl FnOnce() -> Result<Probe>,
    ) -> Result<Option<Option<u64>>> {
        let (Some(frozen), Some(recent)) = (&self.frozen, &self.recent) else {
            return Ok(None);
        };
        if self.unique.binary_search(&a).is_err() {
            return Ok(None);
        }
        if let Some(&owner) = recent.get(&(a, v)).or_else(|| frozen.get(&(a, v))) {
            return Ok((owner != UNSURE).then(|| (owner != NOBODY).then_some(owner)));
        }
        // Values whose code is not stored yet are in no leaf.
        if snapshot.core.folded.is_none() || !snapshot.core.kinds.inline(a) && words.is_unstored(v) {
            return Ok(Some(None));
        }
        self.in_leaves(snapshot, words, a, v, probe()?)
    }

    fn in_leaves(
        &self,
        snapshot: &Snapshot,
        words: &Words,
        a: u32,
        v: Word,
        probe: Probe,
    ) -> Result<Option<Option<u64>>> {
        let core = &snapshot.core;
        let range = Range::av(a, probe);
        let Some(key) = range.from.bytes(Order::Avet) else {
            return Ok(None);
        };
        let mut near = self.near.borrow_mut();
        let near = match &mut *near {
            Some(near) if near.covers(&key) => near,
            near => {
                let Some(cursor) = core.directories[Order::Avet as usize].seek(&core.blobs, &key)? else {
                    return Ok(Some(None));
                };
                near.insert(Near {
                    from: cursor.entry().separator.clone(),
                    to: cursor.next_separator().cloned(),
                    leaf: core.blobs.leaf(cursor.entry().id)?,
                })
            }
        };
        let keys = Keys::new(Order::Avet, words, &core.kinds);
        let live = &near.leaf.live;
        let at = keys.lower_bound(live, 0..live.len(), &range.from);
        keys.take_error()?;
        if at < live.len() {
            return Ok(Some((live.a[at] == a && live.v[at] == v).then(|| live.e[at])));
        }
        // The next leaf could begin between the value and its owner.
        let goes_on = near.to.as_ref().is_some_and(|to| to.starts_with(&key));
        Ok((!goes_on).then_some(None))
    }
}

/// In one transaction a value may go to another entity, in any order of the two facts.
fn note(unique: &[u32], given: &mut Given, d: &RawDatom) {
    if unique.binary_search(&d.a).is_err() {
        return;
    }
    if d.added {
        given.insert((d.a, d.v), d.e);
    } else {
        let owner = given.entry((d.a, d.v)).or_insert(NOBODY);
        if *owner == d.e {
            *owner = NOBODY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Columns, Dict, Kind, View};

    const KIND: Kind = Kind {
        inline: true,
        reference: false,
    };

    fn fact(t: u64, e: u64, a: u32, v: u64, added: bool) -> RawDatom {
        RawDatom { e, a, v, t, added }
    }

    #[test]
    fn what_several_had_before_it_was_unique_is_asked_of_the_index() {
        let words = Words::new(Arc::new(Dict::default()));
        let mut snapshot = Snapshot::empty();
        for facts in [
            vec![
                fact(1, 100, 1, 7, true),
                fact(1, 101, 1, 7, true),
                fact(1, 102, 1, 8, true),
                fact(1, 103, 1, 8, true),
            ],
            vec![
                fact(2, 101, 1, 7, false),
                fact(2, 102, 1, 8, false),
                fact(2, 103, 1, 8, false),
            ],
        ] {
            snapshot = snapshot.apply(&facts[..], &|_| KIND);
        }
        let fresh = Fresh::of(&snapshot, vec![1]);
        let told = |v| fresh.owner(&snapshot, &words, 1, v, || Ok(Probe::inline(v))).unwrap();
        assert_eq!(told(7), Some(Some(100)));
        assert_eq!(told(8), None);
        assert_eq!(told(9), Some(None));
    }

    #[test]
    fn the_account_agrees_with_the_index() {
        let words = Words::new(Arc::new(Dict::default()));
        let mut snapshot = Snapshot::empty();
        let mut fresh = Fresh::of(&snapshot, vec![1, 2]);
        let mut owners: HashMap<(u32, u64), u64> = HashMap::new();
        let mut state = 7u64;
        let mut random = |n: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut folded = None;
        for t in 1..600u64 {
            // A value is given, taken, or moved, which is two facts in the order of their entities.
            let (a, v, e) = (1 + random(3) as u32, random(40), 100 + random(20));
            let mut datoms: Vec<RawDatom> = Vec::new();
            let before = owners.remove(&(a, v));
            datoms.extend(before.map(|owner| fact(t, owner, a, v, false)));
            if before != Some(e) {
                datoms.push(fact(t, e, a, v, true));
                owners.insert((a, v), e);
            }
            datoms.sort_by_key(|d| d.e);
            snapshot = snapshot.apply(&datoms[..], &|_| KIND);
            fresh.note(&datoms);
            match random(30) {
                0 => {
                    snapshot = snapshot.freeze();
                    fresh.freeze();
                    folded = Some(snapshot.fold(&words, 1, true).unwrap());
                }
                1 if folded.as_ref().is_some_and(|f| snapshot.awaits(f)) => {
                    snapshot = snapshot.install(&folded.take().unwrap());
                    fresh.install();
                }
                2 => fresh.forget(vec![1, 2]),
                3 => fresh.follow(&snapshot, vec![2, 1]),
                _ => {}
            }
            let mut known = 0;
            for (a, v) in (1..4).flat_map(|a| (0..45).map(move |v| (a, v))) {
                let told = fresh.owner(&snapshot, &words, a, v, || Ok(Probe::inline(v))).unwrap();
                let Some(owner) = told else { continue };
                known += 1;
                assert_eq!(owner, owners.get(&(a, v)).copied(), "t {t}, attribute {a}, value {v}");
                let mut rows = Columns::default();
                let view = View {
                    since: None,
                    until: t,
                    history: false,
                };
                let mut prober = snapshot.prober(&words, Order::Avet, view);
                prober.get(&Range::av(a, Probe::inline(v)), &mut rows).unwrap();
                assert_eq!(owner, rows.e.first().copied());
            }
            assert!(known <= 90, "attribute 3 is not followed");
        }
        fresh.follow(&snapshot, vec![1]);
        let told = fresh.owner(&snapshot, &words, 1, 999, || Ok(Probe::inline(999)));
        assert_eq!(told.unwrap(), Some(None));
    }
}
