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

use std::ops::Range as Span;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::datom::T;

/// About so many rows of a segment hold at a time; and at least so many may begin in a stretch, whatever it began with.
pub(super) const HOLD: usize = if cfg!(test) { 3 } else { 32 };
/// The lists are made when a leaf's rows were filtered so many times, which takes as long as making them.
const TIMES: u64 = if cfg!(test) { 2 } else { 24 };
/// The bit of a row number that says: of a live row.
pub(super) const LIVE: u32 = 1 << 31;

/// What was asked of a leaf.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// How many rows were filtered, while there were no lists.
    filtered: AtomicU64,
    /// The moment asked about last, mixed with the bound before it.
    last: AtomicU64,
}

impl Asked {
    /// Whether this moment is the one that was asked about last.
    pub(super) fn again(&self, since: Option<T>, until: T) -> bool {
        let moment = until ^ since.map_or(0, |s| (s + 1).rotate_left(32));
        let again = self.last.load(Ordering::Relaxed) == moment;
        if !again {
            self.last.store(moment, Ordering::Relaxed);
        }
        again
    }

    /// Notes that `n` of `all` rows were filtered; true once: when that was enough to make the lists.
    pub(super) fn enough(&self, n: usize, all: usize) -> bool {
        let enough = TIMES * all as u64;
        let before = self.filtered.fetch_add(n as u64, Ordering::Relaxed);
        all > 2 * HOLD && before < enough && before + n as u64 >= enough
    }
}

/// When the rows of a leaf began and ended.
pub(super) struct Times<'a> {
    /// The first t whose events the leaf covers, and the last at which something happened.
    pub(super) from: T,
    pub(super) last: T,
    /// When live rows began, when closed ones began, and when these ended.
    pub(super) live: &'a [T],
    pub(super) closed: &'a [T],
    pub(super) end: &'a [T],
}

impl Times<'_> {
    /// When a row began and ended.
    #[inline]
    pub(super) fn of(&self, row: u32) -> (T, T) {
        let i = (row & !LIVE) as usize;
        match row & LIVE != 0 {
            true => (self.live[i], T::MAX),
            false => (self.closed[i], self.end[i]),
        }
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
    /// The lists for rows whose numbers are given in the order of their keys.
    pub(super) fn of(in_key_order: &[u32], times: &Times) -> Moments {
        let mut moments = Moments::default();
        let mut rest = in_key_order;
        while !rest.is_empty() {
            let (segment, after) = rest.split_at(segment_len(times, rest));
            moments.add(times, segment);
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
    fn add(&mut self, times: &Times, segment: &[u32]) {
        let begins = begins(times, segment);
        self.segments.push(Segment {
            first: segment[0],
            stretch: self.begins.len() as u32,
        });
        // From the stretch in which a row begins to the last that begins before its end.
        let stretches = |row: u32| {
            let (t, end) = times.of(row);
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

    /// How many segments.
    pub(super) fn len(&self) -> usize {
        self.segments.len()
    }

    /// The first row of segment `i`, in the order of keys.
    pub(super) fn first(&self, i: usize) -> u32 {
        self.segments[i].first
    }

    /// The first segment whose first row is not `before`.
    pub(super) fn partition_point(&self, before: impl Fn(u32) -> bool) -> usize {
        self.segments.partition_point(|s| before(s.first))
    }

    /// The stretches of segment `i`.
    fn stretches(&self, i: usize) -> Span<usize> {
        let upto = self
            .segments
            .get(i + 1)
            .map_or(self.begins.len(), |s| s.stretch as usize);
        self.segments[i].stretch as usize..upto
    }

    /// Rows of segment `i` in the order of keys: all that hold at `t`, and perhaps as many others.
    pub(super) fn at(&self, i: usize, t: T) -> &[u32] {
        let Span { start, end } = self.stretches(i);
        self.rows_of(start + self.begins[start + 1..end].partition_point(|b| *b <= t))
    }

    fn rows_of(&self, stretch: usize) -> &[u32] {
        &self.rows[self.starts[stretch] as usize..self.starts[stretch + 1] as usize]
    }
}

/// With how many of `rows`, which follow each other in key order, so many hold at a time as a segment should have.
fn segment_len(times: &Times, rows: &[u32]) -> usize {
    let span = times.last.saturating_sub(times.from).max(1);
    let enough = HOLD as u64 * span;
    let mut held = 0;
    let full = rows.iter().position(|&row| {
        let (t, end) = times.of(row);
        held += end.min(times.from + span).saturating_sub(t.max(times.from));
        held >= enough
    });
    full.map_or(rows.len(), |i| i + 1)
}

/// Where the stretches of a segment begin.
fn begins(times: &Times, segment: &[u32]) -> Vec<T> {
    let (mut starts, mut ends): (Vec<T>, Vec<T>) = segment.iter().map(|&row| times.of(row)).unzip();
    ends.retain(|end| *end != T::MAX);
    starts.sort_unstable();
    ends.sort_unstable();
    let mut out = vec![0];
    // How many rows began and ended so far; how many held when the stretch began, and had begun by then.
    let mut i = starts.partition_point(|t| *t < times.from);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// However often values change: a moment is read from lists that are not much longer than the answer, and the lists are together
    /// not much longer than the rows.
    #[test]
    fn as_short_as_what_holds() {
        for versions in [10, 100, 1000] {
            // Twenty values change by turns or all at once, and thirty never do.
            for step in [0, 1] {
                let changing = (0..20).flat_map(|e| (0..versions).map(move |n| 20 * n + step * e));
                let closed: Vec<T> = changing.collect();
                let end: Vec<T> = closed.iter().map(|t| t + 20).collect();
                let live = [0; 30];
                let times = Times {
                    from: 0,
                    last: 20 * versions,
                    live: &live,
                    closed: &closed,
                    end: &end,
                };
                let rows: Vec<u32> = (0..closed.len() as u32).chain((0..30).map(|i| i | LIVE)).collect();
                let moments = Moments::of(&rows, &times);
                assert!(
                    moments.rows.len() <= 2 * rows.len() + 100,
                    "{} of {}",
                    moments.rows.len(),
                    rows.len()
                );
                for s in (0..moments.len()).flat_map(|i| moments.stretches(i)) {
                    let rows = moments.rows_of(s);
                    let hold = rows.iter().filter(|row| times.of(**row).0 <= moments.begins[s]).count();
                    assert!(rows.len() <= 2 * hold.max(HOLD) + 20, "{hold} hold of {}", rows.len());
                }
            }
        }
    }
}
