//! Natural joins of two relations: merge when both ascend by the one shared variable, hash otherwise.

use std::sync::Arc;

use super::ast::Var;
use super::budget::Meter;
use super::column::{Column, Tag};
use super::keys::{KeyTable, equal_rows, keys};
use super::relation::Relation;
use crate::error::Result;

/// The rows of both that agree in all shared variables; of the columns, those of `keep`.
pub(crate) fn join(l: &Relation, r: &Relation, keep: &[Var], meter: &Meter) -> Result<Relation> {
    let shared: Vec<Var> = l.vars.iter().filter(|v| r.at(**v).is_some()).copied().collect();
    if shared.is_empty() {
        return cross(l, r, keep, meter);
    }
    let Some((lk, rk)) = keys(l, r, &shared) else {
        return Ok(Relation::empty(&columns(l, r, keep)));
    };
    let (mut li, mut ri) = (Vec::new(), Vec::new());
    let width = pair_bytes(columns(l, r, keep).len());
    let mut seen = 0;
    let sorted = if let [v] = shared[..]
        && l.sorted == Some(v)
        && r.sorted == Some(v)
        && lk.len() == 1
    {
        merge(&lk[0].words, &rk[0].words, (&mut li, &mut ri), width, meter)?;
        Some(v)
    } else if r.len <= l.len {
        let table = KeyTable::new(&rk, r.len);
        for i in 0..l.len {
            for j in table.rows(&lk, i) {
                li.push(i as u32);
                ri.push(j);
            }
            meter.grown(li.len(), &mut seen, width)?;
        }
        l.sorted
    } else {
        let table = KeyTable::new(&lk, l.len);
        for j in 0..r.len {
            for i in table.rows(&rk, j) {
                li.push(i);
                ri.push(j as u32);
            }
            meter.grown(li.len(), &mut seen, width)?;
        }
        r.sorted
    };
    meter.rows(li.len(), width)?;
    Ok(gathered(l, r, &li, &ri, keep, sorted))
}

/// The pairs of rows with the same word, of two lists that ascend.
fn merge(l: &[u64], r: &[u64], (li, ri): (&mut Vec<u32>, &mut Vec<u32>), width: usize, meter: &Meter) -> Result<()> {
    let (mut i, mut j, mut seen) = (0, 0, 0);
    while i < l.len() && j < r.len() {
        if l[i] < r[j] {
            i = gallop(l, i, r[j]);
        } else if r[j] < l[i] {
            j = gallop(r, j, l[i]);
        } else {
            let key = l[i];
            let (from, mut end) = (j, j);
            while end < r.len() && r[end] == key {
                end += 1;
            }
            while i < l.len() && l[i] == key {
                for k in from..end {
                    li.push(i as u32);
                    ri.push(k as u32);
                }
                i += 1;
                meter.grown(li.len(), &mut seen, width)?;
            }
            j = end;
        }
    }
    Ok(())
}

/// Every row of one beside every row of the other.
fn cross(l: &Relation, r: &Relation, keep: &[Var], meter: &Meter) -> Result<Relation> {
    let width = pair_bytes(columns(l, r, keep).len());
    meter.rows(l.len.saturating_mul(r.len), width)?;
    if l.len == 1 && l.cols.is_empty() {
        return Ok(r.project(keep));
    }
    if r.len == 1 && r.cols.is_empty() {
        return Ok(l.project(keep));
    }
    // One row beside all of the other's: those stay as they are.
    let one = match (l.len, r.len) {
        (1, _) => Some((l, r)),
        (_, 1) => Some((r, l)),
        _ => None,
    };
    if let Some((one, many)) = one {
        let mut out = many.project(keep);
        for (v, c) in one.vars.iter().zip(&one.cols).filter(|(v, _)| keep.contains(v)) {
            let (tag, w) = c.get(0);
            let distinct = out.distinct;
            out = out.with(*v, Column::of(tag, vec![w; many.len]));
            out.distinct = distinct;
        }
        return Ok(out);
    }
    let n = l.len * r.len;
    let (mut li, mut ri) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for i in 0..l.len as u32 {
        for j in 0..r.len as u32 {
            li.push(i);
            ri.push(j);
        }
        meter.tick()?;
    }
    Ok(gathered(l, r, &li, &ri, keep, l.sorted))
}

/// The first index from `i` on whose word is at least `key`: doubling steps, then halving.
pub(crate) fn gallop(words: &[u64], i: usize, key: u64) -> usize {
    let mut step = 1;
    let mut low = i;
    while low + step < words.len() && words[low + step] < key {
        low += step;
        step *= 2;
    }
    let high = (low + step + 1).min(words.len());
    low + words[low..high].partition_point(|w| *w < key)
}

/// A pair of row numbers, and the row of so many columns that is made of it.
pub(crate) fn pair_bytes(columns: usize) -> usize {
    8 + 8 * columns
}

fn columns(l: &Relation, r: &Relation, keep: &[Var]) -> Vec<Var> {
    keep.iter()
        .filter(|v| l.at(**v).is_some() || r.at(**v).is_some())
        .copied()
        .collect()
}

/// The pairs of rows as one relation.
pub(crate) fn gathered(
    l: &Relation,
    r: &Relation,
    li: &[u32],
    ri: &[u32],
    keep: &[Var],
    sorted: Option<Var>,
) -> Relation {
    let vars = columns(l, r, keep);
    let every = |at: &[u32], len: usize| at.len() == len && at.iter().enumerate().all(|(i, &x)| i as u32 == x);
    let (whole, right_whole) = (every(li, l.len), every(ri, r.len));
    let cols: Vec<Arc<Column>> = vars
        .iter()
        .map(|v| {
            let (left, right) = (l.col(*v), r.col(*v));
            match (left, right) {
                (Some(a), Some(b)) if a.types != b.types => Arc::new(a.gather_beside(li, b, ri)),
                (Some(a), _) if whole => a.clone(),
                (Some(a), _) => Arc::new(a.gather(li)),
                (None, Some(b)) if right_whole => b.clone(),
                (None, Some(b)) => Arc::new(b.gather(ri)),
                (None, None) => Arc::new(Column::new(Tag::REF)),
            }
        })
        .collect();
    let all = l.vars.iter().chain(&r.vars).all(|v| vars.contains(v));
    Relation {
        sorted: sorted.filter(|v| vars.contains(v)),
        len: li.len(),
        distinct: l.distinct && r.distinct && all,
        vars,
        cols,
    }
}

/// Row `left[k]` of `rel` beside row `k` of `right`, where the variables `others`, which both have, agree.
pub(crate) fn agree(
    rel: &Relation,
    left: &[u32],
    right: Relation,
    others: &[Var],
    keep: &[Var],
    sorted: Option<Var>,
) -> Relation {
    if others.is_empty() {
        let all: Vec<u32> = (0..left.len() as u32).collect();
        return gathered(rel, &right, left, &all, keep, sorted);
    }
    let theirs = rel.project(others).gather(left, false);
    let Some(same) = equal_rows(&theirs, &right, others) else {
        let vars: Vec<Var> = rel.vars.iter().chain(&right.vars).copied().collect();
        return Relation::empty(&vars).project(keep);
    };
    let kept: Vec<u32> = same.iter().map(|&k| left[k as usize]).collect();
    gathered(rel, &right, &kept, &same, keep, sorted)
}
