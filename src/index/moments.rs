//! Which rows of a leaf hold at a moment, found without a look at all others.
//!
//! The rows, in key order, are cut into *segments* in which about [`HOLD`] rows hold at a time. A segment's time is cut into *stretches*,
//! each with the rows that hold at some moment of it. A stretch ends when as many rows have begun as held at its begin, or when only
//! a quarter of these are left: the weak version condition of multiversion B-trees (Becker et al., VLDB Journal 1996), here within a
//! leaf and with row numbers instead of copies. So a moment is read from lists at most a few times as long as the answer, however
//! deep the history is, and of however many other things it is; and all lists together have about two numbers a row.
//!
//! The lists are made from the columns, when a leaf has been filtered so often that making them takes no longer than what was
//! filtered ([`Asked`]). They live and die with the leaf in the cache, and nothing of them is stored.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Columns;
use super::key::{Key, Keys, Position, Range};
use super::leaf::Leaf;
use crate::datom::T;

/// About so many rows of a segment hold at a time; and at least so many may begin in a stretch, whatever it began with.
const HOLD: usize = if cfg!(test) { 3 } else { 32 };
/// The lists are made when a leaf's rows were filtered so many times, which takes as long as making them.
const TIMES: u64 = if cfg!(test) { 2 } else { 24 };
/// The bit of a row number that says: of a live row.
const LIVE: u32 = 1 << 31;

/// How many rows were filtered in a leaf that has no lists.
#[derive(Debug, Default)]
pub(super) struct Asked(AtomicU64);

impl Asked {
    /// Notes that `n` of `all` rows were filtered; true once: when that was enough to make the lists.
    pub(super) fn enough(&self, n: usize, all: usize) -> bool {
        let enough = TIMES * all as u64;
        let before = self.0.fetch_add(n as u64, Ordering::Relaxed);
        all > 2 * HOLD && before < enough && before + n as u64 >= enough
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Moments {
    segments: Vec<Segment>,
    /// Where each stretch begins; the first of a segment has no bound, and 0 here.
    begins: Vec<T>,
    /// Where the rows of each stretch begin in `rows`, and at last where they end.
    starts: Vec<u32>,
    /// Row numbers, of closed rows or, with [`LIVE`], of live ones.
    rows: Vec<u32>,
}

#[derive(Debug)]
struct Segment {
    /// Its first row in key order.
    first: u32,
    /// Its first stretch.
    stretch: u32,
}

impl Moments {
    /// The lists for a leaf, of whose keys `keys` knows the order. An error it meets is kept there, and the lists are then worthless.
    pub(super) fn of(leaf: &Leaf, keys: &Keys) -> Moments {
        let mut moments = Moments::default();
        let order = in_key_order(leaf, keys);
        let mut rest = &order[..];
        while !rest.is_empty() {
            let (segment, after) = rest.split_at(segment_len(leaf, rest));
            moments.add(leaf, segment);
            rest = after;
        }
        moments.starts.push(moments.rows.len() as u32);
        moments.segments.shrink_to_fit();
        moments.begins.shrink_to_fit();
        moments.starts.shrink_to_fit();
        moments.rows.shrink_to_fit();
        moments
    }

    /// Adds the lists of a segment.
    fn add(&mut self, leaf: &Leaf, segment: &[u32]) {
        let begins = begins(leaf, segment);
        self.segments.push(Segment {
            first: segment[0],
            stretch: self.begins.len() as u32,
        });
        // From the stretch in which a row begins to the last that begins before its end.
        let stretches = |row: u32| {
            let (t, end) = leaf.times(row);
            let first = begins.partition_point(|b| *b <= t) - 1;
            first..begins.partition_point(|b| *b < end)
        };
        let spans: Vec<_> = segment.iter().map(|&row| stretches(row)).collect();
        // Where each stretch's next row goes: first counted, then summed up.
        let mut next = vec![0u32; begins.len()];
        for span in &spans {
            span.clone().for_each(|s| next[s] += 1);
        }
        let mut start = self.rows.len() as u32;
        for next in &mut next {
            self.starts.push(start);
            start += std::mem::replace(next, start);
        }
        self.rows.resize(start as usize, 0);
        for (&row, span) in segment.iter().zip(spans) {
            for s in span {
                self.rows[next[s] as usize] = row;
                next[s] += 1;
            }
        }
        self.begins.extend(begins);
    }

    /// Bytes held.
    pub(super) fn weight(&self) -> usize {
        self.segments.capacity() * size_of::<Segment>()
            + self.begins.capacity() * 8
            + (self.starts.capacity() + self.rows.capacity()) * 4
    }

    /// The rows of `range` that began after `since` and hold at `until`; `leaf` is the one that the lists are of.
    pub(super) fn state(&self, leaf: &Leaf, keys: &Keys, range: &Range, since: Option<T>, until: T) -> Columns {
        // What still holds ends at the greatest t, which no view reaches then.
        let (first, until) = (since.map_or(0, |s| s + 1), until.min(T::MAX - 1));
        let begins_before = |p: &Position| {
            self.segments
                .partition_point(|s| keys.position(leaf.key(s.first), p).is_lt())
        };
        let mut chosen = Vec::new();
        for i in begins_before(&range.from).saturating_sub(1)..self.segments.len() {
            let from = self.segments[i].stretch as usize;
            if i > 0 && keys.position(leaf.key(self.segments[i].first), &range.to).is_ge() {
                break;
            }
            let upto = self
                .segments
                .get(i + 1)
                .map_or(self.begins.len(), |s| s.stretch as usize);
            let stretch = from + self.begins[from + 1..upto].partition_point(|b| *b <= until);
            let rows = &self.rows[self.starts[stretch] as usize..self.starts[stretch + 1] as usize];
            let mut n = chosen.len();
            chosen.resize(n + rows.len(), 0);
            for &row in within(leaf, keys, range, rows) {
                let (t, end) = leaf.times(row);
                chosen[n] = row;
                n += usize::from(t >= first && t <= until && until < end);
            }
            chosen.truncate(n);
        }
        leaf.gather(&chosen)
    }
}

/// With how many of `rows`, which follow each other in key order, so many hold at a time as a segment should have.
fn segment_len(leaf: &Leaf, rows: &[u32]) -> usize {
    let span = leaf.last_change().saturating_sub(leaf.from).max(1);
    let enough = HOLD as u64 * span;
    let mut held = 0;
    let full = rows.iter().position(|&row| {
        let (t, end) = leaf.times(row);
        held += end.min(leaf.from + span).saturating_sub(t.max(leaf.from));
        held >= enough
    });
    full.map_or(rows.len(), |i| i + 1)
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

/// Where the stretches of a segment begin.
fn begins(leaf: &Leaf, segment: &[u32]) -> Vec<T> {
    let (mut starts, mut ends): (Vec<T>, Vec<T>) = segment.iter().map(|&row| leaf.times(row)).unzip();
    ends.retain(|end| *end != T::MAX);
    starts.sort_unstable();
    ends.sort_unstable();
    let mut out = vec![0];
    // How many rows began and ended so far; how many held when the stretch began, and had begun by then.
    let mut i = starts.partition_point(|t| *t < leaf.from);
    let mut j = 0;
    let (mut held, mut begun) = (i, i);
    while i < starts.len() || j < ends.len() {
        let t = match (starts.get(i), ends.get(j)) {
            (Some(start), Some(end)) => *start.min(end),
            (Some(one), None) | (None, Some(one)) => *one,
            (None, None) => break,
        };
        i += starts[i..].iter().take_while(|s| **s == t).count();
        j += ends[j..].iter().take_while(|e| **e == t).count();
        let hold = i - j;
        if t > 0 && (i - begun >= held.max(HOLD) || held > HOLD && hold < held / 4) {
            out.push(t);
            (held, begun) = (hold, i);
        }
    }
    out
}

/// The numbers of all rows in the order of their keys.
fn in_key_order(leaf: &Leaf, keys: &Keys) -> Vec<u32> {
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
    out
}

impl Leaf {
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

    /// When a row began and ended.
    #[inline]
    fn times(&self, row: u32) -> (T, T) {
        let i = (row & !LIVE) as usize;
        match row & LIVE != 0 {
            true => (self.live.t[i], T::MAX),
            false => (self.closed.t[i], self.end[i]),
        }
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
            let listed = plain.with_moments(&keys).unwrap();
            for range in [Range::all(), Range::a(1), Range::a(2), Range::ea(3, 1), Range::entities(1, 2, 5)] {
                let (one, other) = (read(&plain, &keys, &range, since), read(&listed, &keys, &range, since));
                for t in (from..=80).chain([T::MAX]) {
                    prop_assert_eq!(one(t), other(t), "at {}", t);
                }
            }
        }
    }

    /// However often values change: a moment is read from lists that are not much longer than the answer, and the lists are together
    /// not much longer than the rows.
    #[test]
    fn as_short_as_what_holds() {
        for versions in [10, 100, 1000] {
            // Twenty entities change by turns or all at once, and thirty never do.
            for step in [0, 1] {
                let changing = (0..20).flat_map(|e| (0..versions).map(move |n| (e, 7 * n, 20 * n + step * e, 19)));
                let rows: Vec<_> = changing.chain((0..30).map(|e| (100 + e, 0, 0, T::MAX / 2))).collect();
                let leaf = leaf(&rows, 0, 20 * versions);
                let (words, mut kinds) = (Words::new(Arc::new(Dict::default())), Kinds::default());
                kinds.learn(1, true, false);
                let moments = Moments::of(&leaf, &Keys::new(Order::Aevt, &words, &kinds));
                assert!(
                    moments.rows.len() <= 2 * rows.len() + 100,
                    "{} of {}",
                    moments.rows.len(),
                    rows.len()
                );
                for (i, segment) in moments.segments.iter().enumerate() {
                    let upto = moments
                        .segments
                        .get(i + 1)
                        .map_or(moments.begins.len(), |s| s.stretch as usize);
                    for s in segment.stretch as usize..upto {
                        let rows = &moments.rows[moments.starts[s] as usize..moments.starts[s + 1] as usize];
                        let hold = rows
                            .iter()
                            .filter(|row| leaf.times(**row).0 <= moments.begins[s])
                            .count();
                        assert!(rows.len() <= 2 * hold.max(HOLD) + 20, "{hold} hold of {}", rows.len());
                    }
                }
            }
        }
    }
}
