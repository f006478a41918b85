//! A snapshot as it was at some t, to go on from.
//!
//! Nothing is copied. A tail is a list of transactions, and loses those that came later. Leaves stay as they are: whatever reads them
//! reads them as of the [`Cut`], so a version that ended later holds, and one that began later is not there. What is added to such a
//! snapshot is its tail, with numbers that the leaves have given to other transactions, entities and attributes; none of these
//! are seen, so only how their values compare must be kept apart.

use std::borrow::Cow;
use std::sync::Arc;

use super::key::{Keys, Kinds, Order, Position, Range};
use super::tail::Recent;
use super::{Core, Kind, Snapshot, View, Words};
use crate::datom::T;

/// Where a snapshot stops to look into its leaves.
pub(super) struct Cut {
    t: T,
    /// The attributes of the rows in the leaves, those that came later among them.
    kinds: Kinds,
    /// The attributes at `t`. Any other that a reader asks for was made since, and the leaves have no fact of it to show.
    known: Kinds,
}

impl Snapshot {
    /// The snapshot as it was at `t`, given the attributes that there were.
    /// Complexity: a step for each transaction of the tail that came later.
    pub fn at(&self, t: T, attrs: impl Iterator<Item = (u32, Kind)>) -> Snapshot {
        if t >= self.core.newest {
            return self.clone();
        }
        let mut known = Kinds::default();
        attrs.for_each(|(a, kind)| known.learn(a, kind.inline, kind.reference));
        let mut core = Core::of((*self.core.leaves).clone(), t);
        let held = self.core.cut.as_ref();
        core.cut = match self.core.leaves_reach() {
            Some(reach) if t < reach => Some(Arc::new(Cut {
                t,
                kinds: held.map_or(&self.core.kinds, |cut| &cut.kinds).clone(),
                known: known.clone(),
            })),
            _ => held.cloned(),
        };
        Arc::make_mut(&mut core.leaves).kinds = known;
        core.frozen = match self.core.frozen.until(t) {
            None => self.core.frozen.clone(),
            Some(before) => Arc::new(before),
        };
        core.recent = self.core.recent.until(t).unwrap_or_else(|| self.core.recent.clone());
        Snapshot { core: Arc::new(core) }
    }
}

impl Core {
    /// The t up to which everything is read from leaves; `None` when there are none.
    pub(super) fn leaves_reach(&self) -> Option<T> {
        let folded = self.folded?;
        Some(self.cut.as_ref().map_or(folded, |cut| cut.t.min(folded)))
    }

    /// Whether `view` sees what is live in the newest leaves, with all of the tail.
    pub(super) fn is_newest(&self, view: View) -> bool {
        self.cut.is_none() && !view.history && view.since.is_none() && view.until >= self.newest
    }

    /// What of the leaves `view` sees.
    pub(super) fn leaf_view(&self, view: View) -> View {
        View {
            until: self.cut.as_ref().map_or(view.until, |cut| cut.t.min(view.until)),
            ..view
        }
    }

    /// The keys of the rows in leaves.
    pub(super) fn leaf_keys<'a>(&'a self, order: Order, words: &'a Words) -> Keys<'a> {
        Keys::new(order, words, self.cut.as_ref().map_or(&self.kinds, |cut| &cut.kinds))
    }

    /// A range that has the same facts in leaves, and whose bounds compare with what is there: a value of an attribute that was made
    /// since the cut does not, and no fact of the attribute is seen.
    pub(super) fn leaf_range<'r>(&self, order: Order, range: &'r Range) -> Cow<'r, Range> {
        let Some(cut) = &self.cut else {
            return Cow::Borrowed(range);
        };
        // How many components come before the value, once there is an attribute.
        let before_value = match order {
            Order::Eavt | Order::Aevt => 2,
            Order::Avet => 1,
            Order::Vaet => 3,
        };
        let made_since = |p: &Position| p.len > before_value && !cut.known.knows(p.a);
        if !made_since(&range.from) && !made_since(&range.to) {
            return Cow::Borrowed(range);
        }
        let bound = |p: &Position| Position {
            len: if made_since(p) { before_value } else { p.len },
            ..p.clone()
        };
        Cow::Owned(Range {
            from: bound(&range.from),
            to: bound(&range.to),
        })
    }
}

impl Recent {
    /// What was there at `t`; `None` when that is all of it.
    fn until(&self, t: T) -> Option<Recent> {
        self.without(|datoms| datoms.iter().all(|d| d.t > t))
    }
}
