//! The columns of an answer, and the order of its rows.

use std::cmp::Ordering;
use std::sync::Arc;

use super::ast::Var;
use super::column::{Column, Tag};
use super::keys::KeyTable;
use super::relation::Relation;
use super::values::Values;
use crate::datom::Val;
use crate::edn::Edn;
use crate::error::{Code, Error, Result};

/// One column of an answer.
pub(crate) enum Out {
    /// Words, made into values when they are looked at.
    Words(Arc<Column>),
    /// What aggregates gave.
    Vals(Vec<Val>),
    /// What pulls gave; nil where there is nothing.
    Forms(Vec<Edn>),
}

impl Out {
    /// The value in a row.
    pub fn val(&self, row: usize, values: &Values) -> Result<Val> {
        match self {
            Out::Words(c) => {
                let (tag, w) = c.get(row);
                values.val(tag, w)
            }
            Out::Vals(vs) => Ok(vs[row].clone()),
            Out::Forms(fs) => Val::from_edn(&fs[row]),
        }
    }

    /// Keeps the rows at `at`, in that order.
    pub fn take_rows(&mut self, at: &[u32]) {
        *self = match self {
            Out::Words(c) => Out::Words(Arc::new(c.gather(at))),
            Out::Vals(vs) => Out::Vals(at.iter().map(|&i| vs[i as usize].clone()).collect()),
            Out::Forms(fs) => Out::Forms(at.iter().map(|&i| fs[i as usize].clone()).collect()),
        };
    }
}

/// How many of the sorted rows are not behind `last`.
pub(crate) fn rows_before(
    rows: &[u32],
    columns: &[Out],
    by: &[(usize, bool)],
    values: &Values,
    last: &[Val],
) -> Result<usize> {
    if last.len() != columns.len() {
        return Err(Error::new(
            Code::InvalidArgument,
            "the page token belongs to another question",
        ));
    }
    let words = last.iter().map(|v| values.intern(v)).collect::<Result<Vec<_>>>()?;
    let compare = |row: usize| -> Result<Ordering> {
        for (i, descending) in by {
            let order = match (&columns[*i], words[*i]) {
                (Out::Words(c), Some(word)) => values.compare(c.get(row), word)?,
                (column, _) => column.val(row, values)?.cmp(&last[*i]),
            };
            if order.is_ne() {
                return Ok(if *descending { order.reverse() } else { order });
            }
        }
        Ok(Ordering::Equal)
    };
    let (mut low, mut high) = (0, rows.len());
    while low < high {
        let mid = low + (high - low) / 2;
        match compare(rows[mid] as usize)? {
            Ordering::Greater => high = mid,
            _ => low = mid + 1,
        }
    }
    Ok(low)
}

/// The rows of an answer in the order of their values.
pub(crate) fn value_order(columns: &[Out], len: usize, values: &Values) -> Result<Vec<u32>> {
    let by: Vec<(usize, bool)> = (0..columns.len()).map(|i| (i, false)).collect();
    let order = RowOrder::new(columns, &by, values)?;
    let mut rows: Vec<u32> = (0..len as u32).collect();
    rows.sort_unstable_by(|a, b| order.compare(*a, *b));
    Ok(rows)
}

/// What rows are sorted by. Rows that are equal in all of it stay as they were found.
pub(crate) struct RowOrder {
    keys: Vec<Keys>,
}

impl RowOrder {
    /// By these columns, the first counting most; descending where it says true.
    pub fn new(columns: &[Out], by: &[(usize, bool)], values: &Values) -> Result<RowOrder> {
        let keys = by
            .iter()
            .map(|(i, descending)| Keys::new(&columns[*i], *descending, values))
            .collect::<Result<_>>()?;
        Ok(RowOrder { keys })
    }

    pub fn compare(&self, a: u32, b: u32) -> Ordering {
        self.keys
            .iter()
            .map(|k| k.compare(a as usize, b as usize))
            .find(|o| o.is_ne())
            .unwrap_or(a.cmp(&b))
    }
}

/// What a column is sorted by: numbers whose order is the values' order.
struct Keys {
    ranks: Vec<u64>,
    descending: bool,
}

impl Keys {
    fn new(column: &Out, descending: bool, values: &Values) -> Result<Keys> {
        let ranks = match column {
            Out::Words(c) => match c.one_type().and_then(Tag::value_type) {
                Some(ty) if ty.is_inline() => c.words.clone(),
                _ => ranks_of(c, values)?,
            },
            Out::Vals(vs) => {
                let mut order: Vec<u32> = (0..vs.len() as u32).collect();
                order.sort_unstable_by(|a, b| vs[*a as usize].cmp(&vs[*b as usize]));
                let mut ranks = vec![0; vs.len()];
                for (k, pair) in order.windows(2).enumerate() {
                    let (a, b) = (pair[0] as usize, pair[1] as usize);
                    ranks[b] = if vs[a] == vs[b] { ranks[a] } else { k as u64 + 1 };
                }
                ranks
            }
            Out::Forms(fs) => vec![0; fs.len()],
        };
        Ok(Keys { ranks, descending })
    }
    fn compare(&self, a: usize, b: usize) -> Ordering {
        let order = self.ranks[a].cmp(&self.ranks[b]);
        if self.descending { order.reverse() } else { order }
    }
}

/// Each different word is compared with the others once, whatever the number of rows.
fn ranks_of(c: &Column, values: &Values) -> Result<Vec<u64>> {
    let one = Relation::new(vec![Var(0)], vec![c.clone()], c.len());
    let distinct = one.dedup();
    let mut order: Vec<u32> = (0..distinct.len as u32).collect();
    let mut failed = None;
    let words = &distinct.cols[0];
    order.sort_by(|a, b| {
        values
            .compare(words.get(*a as usize), words.get(*b as usize))
            .unwrap_or_else(|e| {
                failed.get_or_insert(e);
                Ordering::Equal
            })
    });
    if let Some(e) = failed {
        return Err(e);
    }
    let mut rank = vec![0u64; distinct.len];
    for (r, i) in order.iter().enumerate() {
        rank[*i as usize] = r as u64;
    }
    let all = c.canonical_words().map(Arc::new);
    let theirs = words.canonical_words().map(Arc::new);
    let table = KeyTable::new(&theirs, distinct.len);
    Ok((0..c.len())
        .map(|i| {
            let at = table
                .rows(&all, i)
                .next()
                .expect("every word is among the distinct ones");
            rank[at as usize]
        })
        .collect())
}
