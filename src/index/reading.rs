//! What a view sees of a leaf.

use std::ops::Range as Span;
use std::sync::Arc;

use super::blobs::{Blob, Blobs};
use super::key::{Key, Keys, Position, Range, time};
use super::leaf::Leaf;
use super::moments::{HOLD, LIVE, Moments};
use super::{Batch, Columns, View};
use crate::datom::T;
use crate::error::Result;
use crate::store::BlobId;

impl Blobs {
    /// The rows of `range` that `view` sees in leaf `id`, whose span holds the view's `until`. When a good part of the leaf is asked for,
    /// what it shows at that moment is kept, and the leaf need not be read again for it. A leaf that is asked for moments often gets lists
    /// of them, and a new weight with these, by taking its own place in the cache.
    pub(super) fn state(&self, id: BlobId, keys: &Keys, range: &Range, view: View) -> Result<Batch> {
        let part = |rows: Arc<Columns>| {
            let span = keys.within(&rows, 0..rows.len(), range);
            Batch::new(rows, span.start, span.end)
        };
        if let Some(rows) = self.seen(id, view.since, view.until) {
            return Ok(part(rows));
        }
        let leaf = self.leaf(id)?;
        if leaf.shows_live(view) {
            return Ok(part(leaf.live.clone()));
        }
        if leaf.moments.is_some() {
            let rows = leaf.state(keys, range, view, || ());
            // Lists tell every moment at once, so that with them only one that is asked about again, and of much, is worth keeping.
            let again = leaf.asked.again(view.since, view.until);
            if again && rows.len() >= HOLD && leaf.is_large(keys, range, view) {
                let whole = leaf.state(keys, &Range::all(), view, || ());
                self.keep_seen(id, view.since, view.until, whole.shared());
                keys.take_error()?;
            }
            return Ok(rows);
        }
        let mut often = false;
        let rows = match leaf.is_large(keys, range, view) {
            false => leaf.state(keys, range, view, || often = true),
            true => {
                let rows = leaf.state(keys, &Range::all(), view, || often = true).shared();
                keys.take_error()?;
                if !Arc::ptr_eq(&rows, &leaf.live) {
                    self.keep_seen(id, view.since, view.until, rows.clone());
                }
                part(rows)
            }
        };
        if often {
            self.put(id, Blob::Leaf(Arc::new(leaf.with_moments(&in_key_order(&leaf, keys)?))));
        }
        Ok(rows)
    }
}

impl Leaf {
    /// Whether `view` sees all that is live here, and nothing else.
    pub(super) fn shows_live(&self, view: View) -> bool {
        view.until >= self.last_end && self.newest <= view.until && view.since.is_none()
    }

    /// The rows of `range` that hold at the end of the span, which no view of now reaches beyond.
    pub(super) fn newest(&self, keys: &Keys, range: &Range) -> Batch {
        let live = keys.within(&self.live, 0..self.live.len(), range);
        Batch::new(self.live.clone(), live.start, live.end)
    }

    /// The rows of `range` that `view` sees, given that the leaf's span holds the view's `until`. `often` is called when so many rows were
    /// filtered that the leaf should get lists of moments.
    pub(super) fn state(&self, keys: &Keys, range: &Range, view: View, often: impl FnOnce()) -> Batch {
        // At or after the last end no closed row holds; that is every read of now.
        let closed = || match view.until >= self.last_end {
            true => 0..0,
            false => keys.within(&self.closed, 0..self.closed.len(), range),
        };
        let all_live = self.newest <= view.until && view.since.is_none();
        let shared = || {
            let live = keys.within(&self.live, 0..self.live.len(), range);
            Batch::new(self.live.clone(), live.start, live.end)
        };
        if all_live && closed().is_empty() {
            return shared();
        }
        if let Some(moments) = &self.moments {
            return Batch::whole(self.moment(moments, keys, range, view));
        }
        let closed = closed();
        if self.asked.enough(closed.len(), self.closed.len()) {
            often();
        }
        let since = view.since.map_or(0, |s| s + 1);
        let begun = |t: T| t >= since && t <= view.until;
        let times = self.closed.t[closed.clone()].iter().zip(&self.end[closed.clone()]);
        let of_closed = chosen(closed, times.map(|(t, end)| begun(*t) & (view.until < *end)));
        if all_live && of_closed.is_empty() {
            return shared();
        }
        let live = keys.within(&self.live, 0..self.live.len(), range);
        let times = self.live.t[live.clone()].iter();
        let of_live = chosen(live, times.map(|t| begun(*t)));
        Batch::whole(self.merged(keys, &of_live, &of_closed))
    }

    /// These live and closed rows in the order of their keys.
    fn merged(&self, keys: &Keys, of_live: &[u32], of_closed: &[u32]) -> Columns {
        let mut out = Columns::with_capacity(of_live.len() + of_closed.len());
        let (mut i, mut j) = (0, 0);
        // Runs of either kind are copied at once.
        while i < of_live.len() && j < of_closed.len() {
            let at = self.closed.key(of_closed[j] as usize);
            let from = i;
            while i < of_live.len() && keys.compare(self.live.key(of_live[i] as usize), at).is_lt() {
                i += 1;
            }
            out.pick(&self.live, &of_live[from..i]);
            let Some(live) = of_live.get(i) else { break };
            let at = self.live.key(*live as usize);
            let from = j;
            j += 1;
            while j < of_closed.len() && keys.compare(self.closed.key(of_closed[j] as usize), at).is_le() {
                j += 1;
            }
            out.pick(&self.closed, &of_closed[from..j]);
        }
        out.pick(&self.live, &of_live[i..]);
        out.pick(&self.closed, &of_closed[j..]);
        out
    }

    /// Whether `range` has a good part of the rows that `view` may see.
    pub(super) fn is_large(&self, keys: &Keys, range: &Range, view: View) -> bool {
        let part = |rows: &Columns| keys.within(rows, 0..rows.len(), range).len();
        let (mut rows, mut all) = (part(&self.live), self.live.len());
        if view.until < self.last_end {
            rows += part(&self.closed);
            all += self.closed.len();
        }
        8 * rows >= all
    }

    /// Calls `each` with the events of `range` at `first..=last` that this leaf covers, in no order; of the keys in `clip` alone. An event is
    /// a row and its [`time`].
    pub(super) fn events(
        &self,
        keys: &Keys,
        range: &Range,
        clip: Option<Clip>,
        first: T,
        last: T,
        mut each: impl FnMut(&Columns, usize, u64),
    ) -> Result<()> {
        let within = |rows: &Columns| -> Result<Span<usize>> {
            let mut span = keys.within(rows, 0..rows.len(), range);
            if let Some((from, to)) = clip.filter(|_| !span.is_empty()) {
                span.start = keys.bytes_bound(rows, span.clone(), from)?;
                if let Some(to) = to {
                    span.end = keys.bytes_bound(rows, span.clone(), to)?;
                }
            }
            Ok(span)
        };
        let begins = first.max(self.from);
        let closed = within(&self.closed)?;
        for (rows, span) in [(&*self.live, within(&self.live)?), (&self.closed, closed.clone())] {
            for i in span {
                if rows.t[i] >= begins && rows.t[i] <= last {
                    each(rows, i, time(rows.t[i], true));
                }
            }
        }
        for j in closed {
            if self.end[j] >= first && self.end[j] <= last {
                each(&self.closed, j, time(self.end[j], false));
            }
        }
        Ok(())
    }

    /// As [`Leaf::state`], by way of the lists.
    fn moment(&self, moments: &Moments, keys: &Keys, range: &Range, view: View) -> Columns {
        // What still holds ends at the greatest t, which no view reaches then.
        let (first, until) = (view.since.map_or(0, |s| s + 1), view.until.min(T::MAX - 1));
        let times = self.times();
        let before = |p: &Position, row: u32| keys.position(self.key(row), p).is_lt();
        let start = moments
            .partition_point(|row| before(&range.from, row))
            .saturating_sub(1);
        let mut chosen = Vec::new();
        for i in start..moments.len() {
            if i > 0 && !before(&range.to, moments.first(i)) {
                break;
            }
            let rows = within(self, keys, range, moments.at(i, until));
            let mut n = chosen.len();
            chosen.resize(n + rows.len(), 0);
            for &row in rows {
                let (t, end) = times.of(row);
                chosen[n] = row;
                n += usize::from(t >= first && t <= until && until < end);
            }
            chosen.truncate(n);
        }
        self.gather(&chosen)
    }

    #[inline]
    fn rows_of(&self, row: u32) -> (&Columns, usize) {
        let rows = if row & LIVE != 0 { &self.live } else { &self.closed };
        (rows, (row & !LIVE) as usize)
    }

    #[inline]
    fn key(&self, row: u32) -> Key {
        let (rows, i) = self.rows_of(row);
        rows.key(i)
    }

    fn gather(&self, rows: &[u32]) -> Columns {
        fn column<X: Copy>(rows: &[u32], live: &[X], closed: &[X]) -> Vec<X> {
            let pick = |&row: &u32| {
                let from = if row & LIVE != 0 { live } else { closed };
                from[(row & !LIVE) as usize]
            };
            rows.iter().map(pick).collect()
        }
        let (live, closed) = (&self.live, &self.closed);
        Columns {
            e: column(rows, &live.e, &closed.e),
            a: column(rows, &live.a, &closed.a),
            v: column(rows, &live.v, &closed.v),
            t: column(rows, &live.t, &closed.t),
            added: Vec::new(),
        }
    }
}

/// Those of `rows` that lie in `range`.
fn within<'r>(leaf: &Leaf, keys: &Keys, range: &Range, rows: &'r [u32]) -> &'r [u32] {
    let before_from = |row: &u32| keys.position(leaf.key(*row), &range.from).is_lt();
    let before_to = |row: &u32| keys.position(leaf.key(*row), &range.to).is_lt();
    let rows = match rows.first() {
        Some(first) if before_from(first) => &rows[rows.partition_point(before_from)..],
        _ => rows,
    };
    if rows.last().is_none_or(before_to) {
        return rows;
    }
    // Most ranges are all of the rows or a few.
    let mut step = 1;
    while step < rows.len() && before_to(&rows[step - 1]) {
        step *= 2;
    }
    let low = step / 2;
    let high = step.min(rows.len());
    &rows[..low + rows[low..high].partition_point(before_to)]
}

/// The numbers of all rows in the order of their keys.
fn in_key_order(leaf: &Leaf, keys: &Keys) -> Result<Vec<u32>> {
    let n = leaf.closed.len();
    let mut out = Vec::with_capacity(n + leaf.live.len());
    let mut j = 0;
    for i in 0..leaf.live.len() {
        let upto = keys.key_gallop(&leaf.closed, j..n, leaf.live.key(i));
        out.extend(j as u32..upto as u32);
        out.push(i as u32 | LIVE);
        j = upto;
    }
    out.extend(j as u32..n as u32);
    keys.take_error()?;
    Ok(out)
}

/// A range of key bytes, the second bound exclusive and perhaps open.
pub(super) type Clip<'a> = (&'a [u8], Option<&'a [u8]>);

/// The numbers of the rows, from `rows.start` on, that are wanted. Without a branch, which would be guessed wrong half of the time.
fn chosen(rows: Span<usize>, wanted: impl Iterator<Item = bool>) -> Vec<u32> {
    let mut out = vec![0; rows.len()];
    let mut n = 0;
    for (row, wanted) in rows.zip(wanted) {
        out[n] = row as u32;
        n += usize::from(wanted);
    }
    out.truncate(n);
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::index::key::{Kinds, Order};
    use crate::index::{Dict, View, Words};
    use proptest::prelude::*;

    /// Versions of some entities' values: a row begins, and ends some time later or not at all.
    fn leaf(rows: &[(u64, u64, T, T)], from: T, to: T) -> Leaf {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        // The next version of a key begins after the one before.
        rows.dedup_by(|(e, v, t, _), (e0, v0, t0, lasted)| (e, v) == (e0, v0) && *t <= *t0 + *lasted + 1);
        let (mut live, mut closed, mut ends) = (Columns::default(), Columns::default(), Vec::new());
        for (e, v, t, lasted) in rows {
            let end = t + lasted + 1;
            if end <= from || t > to {
                continue;
            }
            if end > to {
                live.push(e, 1, v, t);
            } else {
                closed.push(e, 1, v, t);
                ends.push(end);
            }
        }
        Leaf::new(from, live, closed, ends)
    }

    fn read<'l>(
        leaf: &'l Leaf,
        keys: &'l Keys,
        range: &'l Range,
        since: Option<T>,
    ) -> impl Fn(T) -> Vec<(u64, u64, T)> {
        move |until| {
            let view = View {
                since,
                until,
                history: false,
            };
            let batch = leaf.state(keys, range, view, || ());
            (0..batch.len())
                .map(|i| batch.row(i))
                .map(|d| (d.e, d.v, d.t))
                .collect()
        }
    }

    proptest! {
        #[test]
        fn what_filtering_finds(
            rows in proptest::collection::vec((0u64..6, 0u64..30, 0u64..90, 0u64..60), 0..200),
            from in 0u64..30,
            since in proptest::option::of(0u64..90),
        ) {
            let plain = leaf(&rows, from, 80);
            let (words, mut kinds) = (Words::new(Arc::new(Dict::default())), Kinds::default());
            kinds.learn(1, true, false);
            let keys = Keys::new(Order::Aevt, &words, &kinds);
            let listed = plain.with_moments(&in_key_order(&plain, &keys).unwrap());
            for range in [Range::all(), Range::a(1), Range::a(2), Range::ea(3, 1), Range::entities(1, 2, 5)] {
                let (one, other) = (read(&plain, &keys, &range, since), read(&listed, &keys, &range, since));
                for t in (from..=80).chain([T::MAX]) {
                    prop_assert_eq!(one(t), other(t), "at {}", t);
                }
            }
        }
    }
}
