//! Rows in columns: what leaves, runs and batches are made of.

use std::ops::Range as Span;
use std::sync::Arc;

use crate::datom::{RawDatom, T, Word, word};

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
    /// Room for `n` rows.
    pub fn with_capacity(n: usize) -> Columns {
        Columns {
            e: Vec::with_capacity(n),
            a: Vec::with_capacity(n),
            v: Vec::with_capacity(n),
            t: Vec::with_capacity(n),
            added: Vec::new(),
        }
    }
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
    /// Appends an event.
    pub fn push_event(&mut self, d: RawDatom) {
        self.push(d.e, d.a, d.v, d.t);
        self.added.push(d.added);
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
    /// Appends rows `span` of `from`, which has an op column when this has one.
    pub(super) fn extend(&mut self, from: &Columns, span: Span<usize>) {
        self.e.extend_from_slice(&from.e[span.clone()]);
        self.a.extend_from_slice(&from.a[span.clone()]);
        self.v.extend_from_slice(&from.v[span.clone()]);
        self.t.extend_from_slice(&from.t[span.clone()]);
        if !from.added.is_empty() {
            self.added.extend_from_slice(&from.added[span]);
        }
    }
    /// Appends the rows of `batch`, which has an op column when this has one.
    pub fn append(&mut self, batch: &Batch) {
        self.extend(&batch.columns, batch.span());
    }
    /// Appends row `i` of `batch`, which has an op column when this has one.
    pub fn append_row(&mut self, batch: &Batch, i: usize) {
        let row = batch.row(i);
        self.push(row.e, row.a, row.v, row.t);
        if batch.added().is_some() {
            self.added.push(row.added);
        }
    }
    /// Appends the rows of `from` at `at`; both are assertions alone.
    pub(super) fn pick(&mut self, from: &Columns, at: &[u32]) {
        match at {
            [] => {}
            [one] => {
                let i = *one as usize;
                self.push(from.e[i], from.a[i], from.v[i], from.t[i]);
            }
            many => {
                self.e.extend(many.iter().map(|&i| from.e[i as usize]));
                self.a.extend(many.iter().map(|&i| from.a[i as usize]));
                self.v.extend(many.iter().map(|&i| from.v[i as usize]));
                self.t.extend(many.iter().map(|&i| from.t[i as usize]));
            }
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
    /// Bytes held.
    pub(super) fn weight(&self) -> usize {
        self.e.capacity() * 8
            + self.a.capacity() * 4
            + self.v.capacity() * 8
            + self.t.capacity() * 8
            + self.added.capacity()
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
        debug_assert!(start <= end && end <= columns.len(), "a batch lies within its columns");
        Batch { columns, start, end }
    }
    /// All rows of `columns`.
    pub fn whole(columns: Columns) -> Batch {
        let end = columns.len();
        Batch {
            columns: Arc::new(columns),
            start: 0,
            end,
        }
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
    /// The values, of an attribute of longs or instants (microseconds).
    pub fn longs(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        self.v().iter().map(|&w| word::to_long(w))
    }
    /// The rows that `keep` accepts.
    pub fn filter(&self, keep: impl Fn(&RawDatom) -> bool) -> Batch {
        let mut out = Columns::default();
        for i in (0..self.len()).filter(|&i| keep(&self.row(i))) {
            out.append_row(self, i);
        }
        Batch::whole(out)
    }
    /// Row `i` of the batch.
    pub fn row(&self, i: usize) -> RawDatom {
        self.columns.row(self.start + i)
    }
    /// The columns it is a part of.
    pub(super) fn shared(self) -> Arc<Columns> {
        self.columns
    }
    pub(super) fn columns(&self) -> &Columns {
        &self.columns
    }
    pub(super) fn span(&self) -> Span<usize> {
        self.start..self.end
    }
}
