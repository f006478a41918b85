//! Joining rows with the facts of one attribute by all values of a variable at once: these are put in order, and passed side by
//! side with the index.

use super::super::ast::Var;
use super::super::column::{Column, Tag};
use super::super::join::{agree, pair_bytes};
use super::super::plan::Scan;
use super::super::plan::access::Access;
use super::super::relation::Relation;
use super::super::source::DbSource;
use super::Exec;
use super::check::{Check, Slices};
use super::output::{Key, Output, is_one, is_unique};
use super::probe::words_of;
use crate::datom::{ValueType, Word};
use crate::error::Result;
use crate::index::{Order, Range};

impl Exec<'_> {
    /// Joins the rows with a pattern whose attribute is known. By value only for types whose words are their values.
    pub(super) fn meet(&self, s: &Scan, source: &DbSource, key: Key, rel: &Relation, keep: &[Var]) -> Result<Relation> {
        let db = &source.db;
        let attr = s.attr.as_ref().expect("the attribute is known");
        let (order, want) = match key {
            Key::Value => (Order::Avet, attr.value_type),
            Key::Entity => (Order::Aevt, ValueType::Ref),
        };
        let var = key.var(s);
        let access = Access {
            order,
            range: Range::a(attr.id),
            check_value: s.v.is_const() || s.bounds.is_some(),
            check_attr: false,
            check_entity: key == Key::Value,
        };
        let check = Check::new(s, &access, db)?;
        let free = check.is_free();
        let (keys, places) = self.ascending(rel.col(var).expect("the key is bound"), want, rel.sorted == Some(var));
        let keys = match &keys {
            Some(sorted) => sorted.as_slice(),
            None => rel.col(var).expect("the key is bound").words.as_slice(),
        };
        let mut others: Vec<Var> = s.vars().filter(|v| *v != var && rel.at(*v).is_some()).collect();
        // A value that the rows have already, of the attribute's own type: compared before anything is copied.
        let mut expected: Option<&[Word]> = None;
        if let (Some(v), Key::Entity) = (s.v.var(), key)
            && others.contains(&v)
            && (!source.foreign || attr.value_type.is_inline())
            && let Some(col) = rel.col(v)
            && col.one_type() == Some(Tag::of(attr.value_type))
        {
            expected = Some(&col.words);
            others.retain(|o| *o != v);
        }
        let value = s.v.var();
        let mut out = Output::new(s, source, |v| {
            let checked = expected.is_some() && value == Some(v);
            v != var && !checked && (keep.contains(&v) || others.contains(&v))
        });
        let width = pair_bytes(out.cols.len() + keep.len());
        let mut left: Vec<u32> = Vec::new();
        let (mut some_left, mut some_at) = (Vec::new(), Vec::new());
        let single = match key {
            Key::Entity => is_one(attr, source, rel.len),
            Key::Value => is_unique(attr, source, rel.len),
        };
        let mut matcher = db.matcher(order, attr.id, single);
        matcher.each(keys, |columns, found, at| {
            let rows = Slices::columns(columns);
            self.meter.read(at.len());
            let row = |k: u32| places.as_ref().map_or(k, |p| p[k as usize]);
            let (found, at) = if free && expected.is_none() {
                (found, at)
            } else {
                some_left.clear();
                some_at.clear();
                for (k, j) in found.iter().zip(at) {
                    let same = expected.is_none_or(|words| words[row(*k) as usize] == rows.v[*j as usize]);
                    if same && (free || check.passes(&rows, *j as usize, db)) {
                        some_left.push(*k);
                        some_at.push(*j);
                    }
                }
                (&some_left[..], &some_at[..])
            };
            left.extend(found.iter().map(|k| row(*k)));
            out.extend(&rows, Some(at), self)?;
            self.meter.check()?;
            self.meter.rows(left.len(), width)
        })?;
        self.meter.leaves(matcher.leaves());
        let distinct = rel.distinct && out.is_distinct_beside_key(key);
        let right = out.relation(false);
        // Who refers to entities in their order is often in order, too: what was made together lies together.
        let sorted = match (key, s.e.var().and_then(|e| right.col(e))) {
            (Key::Value, Some(entities)) if entities.words.is_sorted() => s.e.var(),
            _ => rel
                .col(var)
                .filter(|c| c.one_type() == Some(Tag::of(want)))
                .map(|_| var),
        };
        let made = agree(rel, &left, right, &others, keep, sorted);
        Ok(Relation {
            distinct: distinct && rel.vars.iter().all(|v| made.at(*v).is_some()),
            ..made
        })
    }

    /// The words of a column as type `want`, ascending, and the row of each; `None` for both when the column is that already.
    fn ascending(&self, col: &Column, want: ValueType, sorted: bool) -> (Option<Vec<Word>>, Option<Vec<u32>>) {
        let plain = col.one_type() == Some(Tag::of(want));
        if plain && (sorted || col.words.is_sorted()) {
            return (None, None);
        }
        let mut pairs = words_of(col, want);
        if !pairs.is_sorted_by_key(|(w, _)| *w) {
            sort(&mut pairs);
        }
        let (words, rows) = pairs.into_iter().unzip();
        (Some(words), Some(rows))
    }
}

/// Puts pairs in the order of their words: byte by byte, where the words differ in few bytes and the pairs are many.
fn sort(pairs: &mut Vec<(Word, u32)>) {
    const MANY: usize = 256;
    let low = pairs.iter().map(|(w, _)| *w).min().unwrap_or(0);
    let high = pairs.iter().map(|(w, _)| *w).max().unwrap_or(0);
    let bits = 64 - (high - low).leading_zeros();
    if pairs.len() < MANY || bits > 32 {
        pairs.sort_unstable();
        return;
    }
    let mut other = vec![(0, 0); pairs.len()];
    for shift in (0..bits).step_by(11) {
        let digit = |w: Word| ((w - low) >> shift) as usize & 0x7FF;
        let mut starts = [0u32; 2049];
        pairs.iter().for_each(|(w, _)| starts[digit(*w) + 1] += 1);
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        for pair in pairs.iter() {
            let start = &mut starts[digit(pair.0)];
            other[*start as usize] = *pair;
            *start += 1;
        }
        std::mem::swap(pairs, &mut other);
    }
}
