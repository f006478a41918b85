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

use std::sync::Arc;

use super::codec::{self, Reader};
use super::columns::Columns;
use super::moments::{Asked, Moments, Times};
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
    pub(super) newest: T,
    /// The greatest end among `closed`.
    pub(super) last_end: T,
    /// For reading moments, once many were asked for.
    pub(super) moments: Option<Moments>,
    pub(super) asked: Asked,
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

    pub(super) fn weight(&self) -> usize {
        let moments = self.moments.as_ref().map_or(0, Moments::weight);
        self.live.weight() + self.closed.weight() + self.end.capacity() * 8 + moments + 256
    }

    /// When its rows began and ended.
    pub(super) fn times(&self) -> Times<'_> {
        Times {
            from: self.from,
            last: self.newest.max(self.last_end),
            live: &self.live.t,
            closed: &self.closed.t,
            end: &self.end,
        }
    }

    /// The same rows, with lists to read moments from, made of the numbers of all rows in the order of their keys.
    pub(super) fn with_moments(&self, in_key_order: &[u32]) -> Leaf {
        Leaf {
            live: self.live.clone(),
            closed: self.closed.clone(),
            end: self.end.clone(),
            moments: Some(Moments::of(in_key_order, &self.times())),
            asked: Asked::default(),
            ..*self
        }
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
