//! Four orders of all facts, in columns: EAVT, AEVT, AVET and VAET.

mod dict;
mod key;

pub use dict::{Dict, Words};
pub use key::{Order, Position, Probe, Range};

use std::sync::Arc;

use crate::datom::{RawDatom, T, Word};
use crate::error::Result;

/// Which facts of a snapshot are seen: those after `since`, up to `until`; with `history` every assertion and
/// retraction between, otherwise what was asserted there and still holds at `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Exclusive lower bound; `None` = from the beginning (t 0 included).
    pub since: Option<T>,
    /// Inclusive upper bound.
    pub until: T,
    /// Every change instead of what holds.
    pub history: bool,
}

/// Rows in columns, in the order of their index. Shared, never changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// Entity ids.
    pub e: Vec<u64>,
    /// Attribute ids.
    pub a: Vec<u32>,
    /// Value words.
    pub v: Vec<Word>,
    /// Transaction numbers.
    pub t: Vec<T>,
    /// Asserted or retracted; empty when every row is an assertion.
    pub added: Vec<bool>,
}

impl Columns {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.e.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.e.is_empty()
    }
    /// Appends a row that is an assertion.
    pub fn push(&mut self, e: u64, a: u32, v: Word, t: T) {
        self.e.push(e);
        self.a.push(a);
        self.v.push(v);
        self.t.push(t);
    }
    /// Row `i`.
    pub fn row(&self, i: usize) -> RawDatom {
        RawDatom {
            e: self.e[i],
            a: self.a[i],
            v: self.v[i],
            t: self.t[i],
            added: self.added.get(i).copied().unwrap_or(true),
        }
    }
    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.e.clear();
        self.a.clear();
        self.v.clear();
        self.t.clear();
        self.added.clear();
    }
}

/// Some consecutive rows of shared columns: what a scan yields. Batches of one scan are in index order, and so are their rows.
#[derive(Clone, Debug)]
pub struct Batch {
    columns: Arc<Columns>,
    start: usize,
    end: usize,
}

impl Batch {
    /// Rows `start..end` of `columns`.
    pub fn new(columns: Arc<Columns>, start: usize, end: usize) -> Batch {
        debug_assert!(start <= end && end <= columns.len());
        Batch { columns, start, end }
    }
    /// How many rows.
    pub fn len(&self) -> usize {
        self.end - self.start
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
    /// Entity ids.
    pub fn e(&self) -> &[u64] {
        &self.columns.e[self.start..self.end]
    }
    /// Attribute ids.
    pub fn a(&self) -> &[u32] {
        &self.columns.a[self.start..self.end]
    }
    /// Value words.
    pub fn v(&self) -> &[Word] {
        &self.columns.v[self.start..self.end]
    }
    /// Transaction numbers.
    pub fn t(&self) -> &[T] {
        &self.columns.t[self.start..self.end]
    }
    /// Whether each row is an assertion; `None` when all are.
    pub fn added(&self) -> Option<&[bool]> {
        (!self.columns.added.is_empty()).then(|| &self.columns.added[self.start..self.end])
    }
    /// Row `i` of the batch.
    pub fn row(&self, i: usize) -> RawDatom {
        self.columns.row(self.start + i)
    }
}

/// All facts up to some t, in four orders. Immutable; cheap to clone; later commits leave it as it is.
#[derive(Clone)]
pub struct Snapshot {
    // Stand-in: the list of datoms itself.
    rows: Arc<Vec<RawDatom>>,
    types: Arc<Vec<u8>>,
}

impl Snapshot {
    /// Nothing.
    pub fn empty() -> Snapshot {
        Snapshot {
            rows: Arc::default(),
            types: Arc::default(),
        }
    }

    /// The snapshot after one transaction's datoms. `vaet`: whether the attribute is a ref; `avet`: whether it is indexed by value.
    pub fn apply(&self, words: &Words, datoms: &[RawDatom], kinds: &dyn Fn(u32) -> Kind) -> Result<Snapshot> {
        let mut rows = (*self.rows).clone();
        let mut types = (*self.types).clone();
        for d in datoms {
            if types.len() <= d.a as usize {
                types.resize(d.a as usize + 1, 0);
            }
            let kind = kinds(d.a);
            types[d.a as usize] =
                1 | (kind.inline as u8) << 1 | (kind.reference as u8) << 2 | (kind.by_value as u8) << 3;
        }
        rows.extend_from_slice(datoms);
        let _ = words;
        Ok(Snapshot {
            rows: Arc::new(rows),
            types: Arc::new(types),
        })
    }

    /// The rows of `range` that `view` sees, in the order of `order`.
    pub fn scan(&self, words: &Words, order: Order, range: &Range, view: View) -> Scan {
        Scan(self.collect(words, order, range, view).map(Some))
    }

    /// About how many rows `range` holds now; exact enough to order joins by. Reads at most the two leaves at its ends.
    pub fn estimate(&self, words: &Words, order: Order, range: &Range) -> Result<u64> {
        let view = View {
            since: None,
            until: T::MAX,
            history: false,
        };
        Ok(self.collect(words, order, range, view)?.len() as u64)
    }

    /// A reader of many small ranges; fastest when they ascend.
    pub fn prober(&self, words: &Words, order: Order, view: View) -> Prober {
        Prober {
            snapshot: self.clone(),
            words: words.clone(),
            order,
            view,
        }
    }

    fn collect(&self, words: &Words, order: Order, range: &Range, view: View) -> Result<Batch> {
        use std::collections::BTreeMap;
        let keys = key::Keys::new(order, words, &self.types);
        let mut seen: Vec<RawDatom> = self
            .rows
            .iter()
            .copied()
            .filter(|d| self.in_order(order, d.a))
            .filter(|d| d.t <= view.until)
            .filter(|d| keys.contains(range, d))
            .collect();
        keys.take_error()?;
        if !view.history {
            let mut last: BTreeMap<(u64, u32, u64), RawDatom> = BTreeMap::new();
            for d in &seen {
                let slot = last.entry((d.e, d.a, d.v)).or_insert(*d);
                if (d.t, d.added) >= (slot.t, slot.added) {
                    *slot = *d;
                }
            }
            seen = last.into_values().filter(|d| d.added).collect();
        }
        seen.retain(|d| view.since.is_none_or(|s| d.t > s));
        seen.sort_by(|x, y| keys.compare(x, y));
        keys.take_error()?;
        let mut columns = Columns::default();
        for d in &seen {
            columns.push(d.e, d.a, d.v, d.t);
            if view.history {
                columns.added.push(d.added);
            }
        }
        let n = columns.len();
        Ok(Batch::new(Arc::new(columns), 0, n))
    }

    fn in_order(&self, order: Order, a: u32) -> bool {
        let flags = self.types.get(a as usize).copied().unwrap_or(0);
        match order {
            Order::Eavt | Order::Aevt => true,
            Order::Avet => flags & 8 != 0,
            Order::Vaet => flags & 4 != 0,
        }
    }
}

/// What the indexes need to know of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its words are values by themselves, not dictionary codes.
    pub inline: bool,
    /// It refers to entities: in VAET.
    pub reference: bool,
    /// It is looked up by value: in AVET.
    pub by_value: bool,
}

/// The batches of a scan, in order.
pub struct Scan(Result<Option<Batch>>);

impl Iterator for Scan {
    type Item = Result<Batch>;
    fn next(&mut self) -> Option<Result<Batch>> {
        match std::mem::replace(&mut self.0, Ok(None)) {
            Ok(batch) => batch.map(Ok),
            Err(e) => Some(Err(e)),
        }
    }
}

/// See [`Snapshot::prober`].
pub struct Prober {
    snapshot: Snapshot,
    words: Words,
    order: Order,
    view: View,
}

impl Prober {
    /// Replaces `out` by the rows of `range`.
    pub fn get(&mut self, range: &Range, out: &mut Columns) -> Result<()> {
        out.clear();
        let batch = self.snapshot.collect(&self.words, self.order, range, self.view)?;
        for i in 0..batch.len() {
            let d = batch.row(i);
            out.push(d.e, d.a, d.v, d.t);
            if self.view.history {
                out.added.push(d.added);
            }
        }
        Ok(())
    }
}
