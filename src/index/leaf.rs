//! A leaf: a range of keys during a span of time.
//!
//! It holds the *versions* of its keys: `live` ones, which still hold at the end of the span, and `closed` ones with the t
//! that ended them. A version `(key, t, end)` holds at T when `t <= T < end`, so every view is a filter over columns: no
//! event is replayed and no row resolved. The newest leaf of a key range has now as its `live` columns, packed.
//!
//! This is the time-split B-tree (Lomet & Salzberg, SIGMOD 1989) with intervals in its leaves.
//!
//! Times: a leaf from `from` on covers the events at `from..=to` and the states at `from-1..=to`. `live` holds versions
//! that began at or before `to` and did not end by then; those that began before `from` were copied from the leaf before. `closed`
//! holds versions that ended in `from..=to`. So each event has one leaf: an assertion where `t >= from`, a retraction
//! where it closed.

use std::ops::Range as Span;
use std::sync::Arc;

use super::codec::{self, Reader};
use super::key::{Keys, Range, time};
use super::moments::{Asked, Moments};
use super::{Batch, Columns, View};
use crate::datom::T;
use crate::error::{Code, Error, Result};

const FORMAT: u8 = 1;
/// No leaf has more rows than this, by far; more in the bytes means damage.
const ROWS_MAX: u64 = 1 << 24;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    /// The first t whose events it covers.
    pub(super) from: T,
    /// What holds at the end of the span.
    pub(super) live: Arc<Columns>,
    /// What ended during the span, in key order, then by t.
    pub(super) closed: Arc<Columns>,
    /// When each closed row ended.
    pub(super) end: Arc<Vec<T>>,
    /// The greatest t among `live`.
    newest: T,
    /// The greatest end among `closed`.
    last_end: T,
    /// For reading moments, once many were asked for.
    moments: Option<Moments>,
    asked: Asked,
}

impl Leaf {
    pub(super) fn new(from: T, live: Columns, closed: Columns, end: Vec<T>) -> Leaf {
        debug_assert_eq!(closed.len(), end.len(), "each closed row has its end");
        let newest = live.t.iter().copied().max().unwrap_or(0);
        let last_end = end.iter().copied().max().unwrap_or(0);
        Leaf {
            from,
            live: Arc::new(live),
            closed: Arc::new(closed),
            end: Arc::new(end),
            newest,
            last_end,
            moments: None,
            asked: Asked::default(),
        }
    }

    /// The same rows, with lists to read moments from.
    pub(super) fn with_moments(&self, keys: &Keys) -> Result<Leaf> {
        let moments = Moments::of(self, keys);
        keys.take_error()?;
        Ok(Leaf {
            live: self.live.clone(),
            closed: self.closed.clone(),
            end: self.end.clone(),
            moments: Some(moments),
            asked: Asked::default(),
            ..*self
        })
    }

    pub(super) fn weight(&self) -> usize {
        let moments = self.moments.as_ref().map_or(0, Moments::weight);
        self.live.weight() + self.closed.weight() + self.end.capacity() * 8 + moments + 256
    }

    /// The last moment at which something changed here.
    pub(super) fn last_change(&self) -> T {
        self.newest.max(self.last_end)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        encode(self.from, &self.live, &self.closed, &self.end)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Leaf> {
        let damaged = || Error::new(Code::CorruptStore, "a leaf of an index does not decode");
        if bytes.first() != Some(&FORMAT) {
            return Err(Error::new(
                Code::UnsupportedFormat,
                format!("a leaf has format {:?}, not {FORMAT}", bytes.first()),
            ));
        }
        let mut r = Reader(&bytes[1..]);
        let read = |r: &mut Reader| -> Option<Leaf> {
            let from = r.get()?;
            let (live, closed) = (r.count(ROWS_MAX)?, r.count(ROWS_MAX)?);
            let rows = |r: &mut Reader, n: usize| -> Option<Columns> {
                let e = codec::column(r, n)?;
                let a = codec::column(r, n)?
                    .into_iter()
                    .map(u32::try_from)
                    .collect::<Result<Vec<u32>, _>>()
                    .ok()?;
                Some(Columns {
                    e,
                    a,
                    v: codec::column(r, n)?,
                    t: codec::column(r, n)?,
                    added: Vec::new(),
                })
            };
            let live = rows(r, live)?;
            let closed = rows(r, closed)?;
            let lasted = codec::column(r, closed.len())?;
            let end = lasted
                .iter()
                .zip(&closed.t)
                .map(|(l, t)| t.checked_add(*l))
                .collect::<Option<Vec<T>>>()?;
            Some(Leaf::new(from, live, closed, end))
        };
        read(&mut r).filter(|_| r.0.is_empty()).ok_or_else(damaged)
    }

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
            return Batch::whole(moments.state(self, keys, range, view.since, view.until));
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
}

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

/// The bytes of a leaf that holds these rows.
pub(super) fn encode(from: T, live: &Columns, closed: &Columns, end: &[T]) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + 8 * live.len() + 10 * closed.len());
    out.push(FORMAT);
    codec::put(&mut out, from);
    codec::put(&mut out, live.len() as u64);
    codec::put(&mut out, closed.len() as u64);
    for rows in [live, closed] {
        codec::put_column(&mut out, &rows.e);
        codec::put_column(&mut out, &rows.a.iter().map(|&a| u64::from(a)).collect::<Vec<_>>());
        codec::put_column(&mut out, &rows.v);
        codec::put_column(&mut out, &rows.t);
    }
    let lasted: Vec<u64> = end.iter().zip(&closed.t).map(|(end, t)| end - t).collect();
    codec::put_column(&mut out, &lasted);
    out.shrink_to_fit();
    out
}

/// A range of key bytes, the second bound exclusive and perhaps open.
pub(super) type Clip<'a> = (&'a [u8], Option<&'a [u8]>);
