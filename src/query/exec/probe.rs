//! The two ways to join rows with the facts of a pattern: reading all of these in a row, or a few for each value.

use super::super::ast::Var;
use super::super::column::{Column, Tag, Types};
use super::super::join::{agree, gallop, pair_bytes};
use super::super::keys::KeyTable;
use super::super::plan::access::Access;
use super::super::plan::{Pos, Scan};
use super::super::relation::Relation;
use super::super::source::DbSource;
use super::Exec;
use super::check::{Check, Slices};
use super::output::{Key, Output};
use crate::datom::{ValueType, Word};
use crate::error::Result;
use crate::index::{Columns, Order, Probe, Range};

/// So many pairs of rows are made before the limits are looked at.
const PAIRS: usize = 1 << 16;

impl Exec<'_> {
    /// Reads a pattern's facts in a row, and of these takes only what joins.
    pub(super) fn stream(
        &self,
        s: &Scan,
        source: &DbSource,
        key: Key,
        access: &Access,
        rel: &Relation,
        keep: &[Var],
    ) -> Result<Relation> {
        let db = &source.db;
        let var = key.var(s);
        let col = rel.col(var).expect("the key is bound");
        let words = col.words.as_slice();
        let others: Vec<Var> = s.vars().filter(|v| *v != var && rel.at(*v).is_some()).collect();
        let mut out = Output::new(s, source, |v| v != var && (keep.contains(&v) || others.contains(&v)));
        let check = Check::new(s, access, db)?;
        let free = check.is_free();
        let by_entity = access.sorted_by_entity(s);
        let merge = key == Key::Entity && rel.sorted == Some(var) && by_entity;
        let keys = [col.clone()];
        let table = (!merge).then(|| KeyTable::new(&keys, rel.len));
        let range = match (key, access.order, &s.a) {
            (Key::Entity, Order::Aevt, Pos::Is(a)) => {
                let (low, high) = match merge {
                    true => (words.first().copied(), words.last().copied()),
                    false => (words.iter().min().copied(), words.iter().max().copied()),
                };
                match (low, high) {
                    (Some(low), Some(high)) => Range::entities(*a, low, high.saturating_add(1)),
                    _ => access.range.clone(),
                }
            }
            _ => access.range.clone(),
        };
        let (mut left, mut at, mut chosen): (Vec<u32>, Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new(), Vec::new());
        let mut i = 0;
        let width = pair_bytes(out.cols.len() + keep.len());
        let mut reading = db.scan(access.order, &range);
        for batch in &mut reading {
            let batch = batch?;
            let rows = Slices::batch(&batch);
            self.meter.read(rows.len());
            self.meter.check()?;
            at.clear();
            match &table {
                None => {
                    let mut j = 0;
                    while i < words.len() && j < rows.len() {
                        let (mine, theirs) = (words[i], rows.e[j]);
                        if mine < theirs {
                            i = gallop(words, i, theirs);
                        } else if theirs < mine {
                            j = gallop(rows.e, j, mine);
                        } else {
                            // Each of the rows with this entity meets each of the facts.
                            if free || check.passes(&rows, j, db) {
                                let mut k = i;
                                while k < words.len() && words[k] == mine {
                                    left.push(k as u32);
                                    at.push(j as u32);
                                    k += 1;
                                }
                                if at.len() >= PAIRS {
                                    out.extend(&rows, Some(&at), self)?;
                                    at.clear();
                                    self.meter.check()?;
                                    self.meter.rows(left.len(), width)?;
                                }
                            }
                            j += 1;
                        }
                    }
                    if i >= words.len() {
                        out.extend(&rows, Some(&at), self)?;
                        break;
                    }
                }
                Some(table) => {
                    let theirs = match key {
                        Key::Entity => rows.e,
                        Key::Value => rows.v,
                    };
                    let mut meet = |j: u32| {
                        for i in table.matching(theirs[j as usize]) {
                            left.push(i);
                            at.push(j);
                        }
                        if at.len() < PAIRS {
                            return Ok(());
                        }
                        out.extend(&rows, Some(&at), self)?;
                        at.clear();
                        self.meter.check()?;
                        self.meter.rows(left.len(), width)
                    };
                    if free {
                        (0..rows.len() as u32).try_for_each(&mut meet)?;
                    } else {
                        check.select(&rows, db, &mut chosen);
                        chosen.iter().copied().try_for_each(&mut meet)?;
                    }
                }
            }
            out.extend(&rows, Some(&at), self)?;
            self.meter.rows(left.len(), width)?;
        }
        self.meter.leaves(reading.leaves());
        let distinct = rel.distinct && out.is_distinct_beside_key(key);
        let right = out.relation(by_entity);
        let sorted = match (merge, by_entity, key) {
            (true, _, _) | (_, true, Key::Entity) => Some(var),
            (_, true, Key::Value) => right.sorted,
            _ => None,
        };
        let made = agree(rel, &left, right, &others, keep, sorted);
        Ok(Relation {
            distinct: distinct && rel.vars.iter().all(|v| made.at(*v).is_some()),
            ..made
        })
    }

    /// One small read for each value of the rows.
    pub(super) fn probe(
        &self,
        s: &Scan,
        source: &DbSource,
        key: Key,
        rel: &Relation,
        keep: &[Var],
    ) -> Result<Relation> {
        let db = &source.db;
        let var = key.var(s);
        let col = rel.col(var).expect("the key is bound");
        let want = match (key, &s.attr) {
            (Key::Entity, _) | (_, None) => ValueType::Ref,
            (Key::Value, Some(a)) => a.value_type,
        };
        let mut keys = words_of(col, want);
        let in_order = want == ValueType::Ref && rel.sorted == Some(var) && matches!(col.types, Types::One(Tag::REF));
        if !in_order {
            keys.sort_unstable();
        }
        let order = match (key, &s.attr) {
            (Key::Entity, Some(_)) => Order::Aevt,
            (Key::Entity, None) => Order::Eavt,
            (Key::Value, Some(a)) if a.indexed => Order::Avet,
            (Key::Value, _) => Order::Vaet,
        };
        let access = Access {
            order,
            range: Range::all(),
            check_value: s.v.is_const() || s.bounds.is_some(),
            check_attr: s.attr.is_none(),
            check_entity: key == Key::Value,
        };
        let check = Check::new(s, &access, db)?;
        let free = check.is_free();
        let mut prober = db.prober(order);
        let mut found = Columns::default();
        let others: Vec<Var> = s.vars().filter(|v| *v != var && rel.at(*v).is_some()).collect();
        let mut out = Output::new(s, source, |v| v != var && (keep.contains(&v) || others.contains(&v)));
        let (mut left, mut at) = (Vec::with_capacity(keys.len()), Vec::new());
        let attr = s.attr.as_ref().map(|a| a.id);
        let width = pair_bytes(out.cols.len() + keep.len());
        let (mut i, mut seen) = (0, 0);
        while i < keys.len() {
            let word = keys[i].0;
            let mut end = i + 1;
            while end < keys.len() && keys[end].0 == word {
                end += 1;
            }
            let range = match (key, attr) {
                (Key::Entity, Some(a)) => Range::ea(word, a),
                (Key::Entity, None) => Range::e(word),
                (Key::Value, Some(a)) => Range::av(a, self.probe_of(source, want, word)?),
                (Key::Value, None) => Range::v(word),
            };
            prober.get(&range, &mut found)?;
            self.meter.tick()?;
            let rows = Slices::columns(&found);
            self.meter.read(rows.len());
            at.clear();
            at.extend((0..rows.len() as u32).filter(|&k| free || check.passes(&rows, k as usize, db)));
            if !at.is_empty() {
                for (_, row) in &keys[i..end] {
                    out.extend(&rows, Some(&at), self)?;
                    left.resize(left.len() + at.len(), *row);
                    self.meter.grown(left.len(), &mut seen, width)?;
                }
            }
            i = end;
        }
        self.meter.rows(left.len(), width)?;
        self.meter.leaves(prober.leaves());
        let distinct = rel.distinct && out.is_distinct_beside_key(key);
        let right = out.relation(false);
        let by_key = rel.sorted.filter(|v| in_order && *v == var);
        let sorted = by_key
            .or((key == Key::Entity && rel.col(var).is_some_and(|c| c.one_type() == Some(Tag::REF))).then_some(var));
        let made = agree(rel, &left, right, &others, keep, sorted);
        Ok(Relation {
            distinct: distinct && rel.vars.iter().all(|v| made.at(*v).is_some()),
            ..made
        })
    }

    /// What to look for in a source's index for a word of the query.
    fn probe_of(&self, source: &DbSource, ty: ValueType, w: Word) -> Result<Probe> {
        if ty.is_inline() {
            return Ok(Probe::inline(w));
        }
        if source.foreign {
            return source.db.words().probe(&self.values.words().value(ty, w)?);
        }
        Ok(Probe {
            word: w,
            bytes: Some(self.values.words().bytes(w)?),
        })
    }
}

/// The rows whose word can be one of type `want`, with that word.
pub(super) fn words_of(col: &Column, want: ValueType) -> Vec<(Word, u32)> {
    let want = Tag::of(want);
    let rows = 0..col.len() as u32;
    match col.one_type() {
        Some(t) if t == want => rows.map(|i| (col.words[i as usize], i)).collect(),
        _ => rows
            .filter_map(|i| {
                let (tag, w) = col.get(i as usize);
                if tag == want {
                    return Some((w, i));
                }
                // An entity's number stands for the entity, and the other way round.
                if tag == Tag::LONG && want == Tag::REF {
                    let n = u64::try_from(crate::datom::word::to_long(w)).ok()?;
                    return Some((n, i));
                }
                if tag == Tag::REF && want == Tag::LONG {
                    return Some((crate::datom::word::long(w as i64), i));
                }
                None
            })
            .collect(),
    }
}
