//! Patterns: which facts are read, and how they are joined with the rows.

use super::super::ast::Var;
use super::super::column::{Column, Tag};
use super::super::plan::access::{self, Access};
use super::super::plan::{Bounds, Pos, Scan};
use super::super::relation::Relation;
use super::super::source::DbSource;
use super::Exec;
use super::check::{Check, Slices};
use super::output::{Key, Output};
use crate::datom::{EntityId, Val, Value, ValueType, Word};
use crate::db::Db;
use crate::error::Result;
use crate::index::{Order, Range};

/// A probe of the index costs about as much as reading this many rows.
const PROBE_ROWS: u64 = 100;
/// Passing two runs side by side costs about so much a row of the shorter one, and a part of a row of the longer one.
const MERGE_ROW: u64 = 8;
/// The same where places in leaves are mostly known without a search.
const MEET_ROW: u64 = 4;
const MERGE_PASSED: u64 = 16;
/// Looking up a row in a table costs so much, and making the table so much a row.
const TABLE_ROW: u64 = 4;
const TABLE_MADE: u64 = 6;
/// Putting rows in order costs so much a row.
const SORT_ROW: u64 = 16;
/// Going to a leaf costs about as much as reading this many rows.
const LEAF_READ: u64 = 60;
/// Rows in a leaf, about.
const LEAF_ROWS: u64 = 1500;
/// After so many leaves it pays to ask how many rows there are in all.
const SEVERAL: usize = 4;
/// So few rows are looked up by their values without asking what else it would cost.
const FEW: usize = 24;

/// How rows are joined with a pattern.
enum Method {
    /// One small read for each value.
    Probe(Key),
    /// All facts of the pattern are read, and those that join are kept.
    Stream(Key, Access),
    /// The values in order, side by side with the index.
    Meet(Key),
}

impl Exec<'_> {
    /// Joins the rows with the facts that match a pattern.
    pub fn scan(&self, s: &Scan, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let nothing = |rel: &Relation| {
            let all: Vec<Var> = rel.vars.iter().copied().chain(s.vars()).collect();
            Ok(Relation::empty(&all))
        };
        let source = match self.sources.db(s.source) {
            Some(db) if !s.nothing => db,
            _ => return nothing(&rel),
        };
        let shared: Vec<Var> = s.vars().filter(|v| rel.at(*v).is_some()).collect();
        let wanted = |v: Var| keep.contains(&v) || shared.contains(&v);
        if shared.is_empty() {
            let rows = self.collect(s, source, wanted)?;
            // What is one row, and not needed any more, is not put beside the others first.
            if rel.len == 1 && !rel.vars.iter().any(|v| keep.contains(v)) {
                return Ok(rows.into_projected(keep));
            }
            return self.join(&rel, &rows, keep);
        }
        // One value in all rows: the facts that have it lie together, those of each entity in turn.
        if let Some(v) = s.v.var().filter(|v| shared.contains(v))
            && s.attr.as_ref().is_some_and(|a| a.indexed || a.is_ref())
            && s.e.var() != Some(v)
            && !s.bounds.is_some()
            && let Some(col) = rel.col(v)
            && let Some(tag) = col.one_type()
            && rel.len > 0
            && col.words.iter().all(|w| *w == col.words[0])
            && s.attr.as_ref().is_some_and(|a| Tag::of(a.value_type) == tag)
            && let Some(one) = self.narrowed(s, v, tag, col.words[0], source)?.pop()
        {
            return self.scan(&one, rel, keep);
        }
        match self.method(s, source, &rel)? {
            Some(Method::Probe(key)) => {
                let mut found = self.probe(s, source, key, &rel, keep)?;
                if key == Key::Value && s.attr.is_none() {
                    for more in self.numbers(s, source, &rel, keep)?.iter().filter(|more| more.len > 0) {
                        found.append(more);
                    }
                }
                return Ok(found);
            }
            Some(Method::Meet(key)) => return self.meet(s, source, key, &rel, keep),
            Some(Method::Stream(key, access)) => return self.stream(s, source, key, &access, &rel, keep),
            None => {}
        }
        let anchored = s.e.is_const() || s.a.is_const() || s.v.is_const() || s.allow_scan;
        if anchored {
            let rows = self.collect(s, source, wanted)?;
            return self.join(&rel, &rows, keep);
        }
        // Entity or attribute come from the rows: one read for each value they have.
        let by = if s.e.var().is_some_and(|v| shared.contains(&v)) {
            s.e.var()
        } else if s.a.var().is_some_and(|v| shared.contains(&v)) {
            s.a.var()
        } else {
            s.v.var()
        };
        let Some(by) = by else {
            let rows = self.collect(s, source, wanted)?;
            return self.join(&rel, &rows, keep);
        };
        let keys = rel.project(&[by]).dedup();
        let mut union: Option<Relation> = None;
        for i in 0..keys.len {
            let (tag, w) = keys.cols[0].get(i);
            for one in self.narrowed(s, by, tag, w, source)? {
                let mut rows = self.collect(&one, source, wanted)?;
                let words = vec![w; rows.len];
                rows = rows.with(by, Column::of(tag, words));
                match &mut union {
                    Some(u) => u.append(&rows),
                    None => union = Some(rows),
                }
            }
        }
        match union {
            Some(u) => self.join(&rel, &u, keep),
            None => nothing(&rel),
        }
    }

    /// What [`Key::Value`] leaves out where any attribute may match: an entity's number as a long is the same value.
    fn numbers(&self, s: &Scan, source: &DbSource, rel: &Relation, keep: &[Var]) -> Result<Vec<Relation>> {
        let col = s.v.var().and_then(|v| rel.col(v)).expect("the key is bound");
        let number = |w: Option<&Word>| w.and_then(|w| i64::try_from(*w).ok()).map(Value::Long);
        let (Some(low), Some(high)) = (number(col.words.iter().min()), number(col.words.iter().max())) else {
            return Ok(Vec::new());
        };
        let longs = source.db.schema().attrs().filter(|a| a.value_type == ValueType::Long);
        let mut out = Vec::new();
        for attr in longs {
            let one = Scan {
                a: Pos::Is(attr.id),
                attr: Some(attr.clone()),
                bounds: Bounds {
                    low: Some((low.clone(), true)),
                    high: Some((high.clone(), true)),
                },
                ..s.clone()
            };
            let mut rows = self.collect(&one, source, |_| true)?;
            if let Some(a) = s.a.var() {
                let words = vec![u64::from(attr.id); rows.len];
                rows = rows.with(a, Column::of(Tag::REF, words));
            }
            if rows.len > 0 {
                out.push(self.join(rel, &rows, keep)?);
            }
        }
        Ok(out)
    }

    /// The pattern with one variable replaced by a value; twice for an entity's number as the value of any attribute, where it may
    /// be a reference or a long.
    fn narrowed(&self, s: &Scan, by: Var, tag: Tag, w: Word, source: &DbSource) -> Result<Vec<Scan>> {
        let mut one = s.clone();
        let entity = match self.values.val(tag, w)? {
            Val::Ref(e) => Some(e.0),
            Val::Long(n) => u64::try_from(n).ok(),
            _ => None,
        };
        if s.e == Pos::Var(by) {
            let Some(e) = entity else { return Ok(Vec::new()) };
            one.e = Pos::Is(e);
        } else if s.a == Pos::Var(by) {
            let attr = entity
                .and_then(|e| u32::try_from(e).ok())
                .and_then(|a| source.db.schema().attr(a).cloned());
            let Some(attr) = attr else { return Ok(Vec::new()) };
            one.a = Pos::Is(attr.id);
            one.attr = Some(attr);
        } else {
            let number = entity.and_then(|e| i64::try_from(e).ok());
            let meant: Vec<Value> = match (entity, number) {
                (Some(e), Some(n)) if s.attr.is_none() => vec![Value::Ref(EntityId(e)), Value::Long(n)],
                _ => self.values.val(tag, w)?.to_value().into_iter().collect(),
            };
            let with = |v| Scan {
                v: Pos::Is(v),
                ..one.clone()
            };
            return Ok(meant.into_iter().map(with).collect());
        }
        Ok(vec![one])
    }

    /// All facts that match the constants of a pattern.
    fn collect(&self, s: &Scan, source: &DbSource, wanted: impl Fn(Var) -> bool) -> Result<Relation> {
        let accesses = access::accesses(s, &source.db)?;
        let mut out = Output::new(s, source, wanted);
        let sorted = matches!(accesses.as_slice(), [one] if one.sorted_by_entity(s));
        let mut at = Vec::new();
        let width = 8 * out.cols.len();
        for a in &accesses {
            let check = Check::new(s, a, &source.db)?;
            let mut reading = source.db.scan(a.order, &a.range);
            let mut batches = 0;
            for batch in &mut reading {
                let batch = batch?;
                let rows = Slices::batch(&batch);
                self.meter.read(rows.len());
                self.meter.check()?;
                batches += 1;
                if batches == SEVERAL && check.is_free() {
                    let all = source.db.estimate(a.order, &a.range)? as usize;
                    out.reserve(all.min(self.budget.rows_max).saturating_sub(out.len));
                }
                if check.is_free() {
                    out.extend(&rows, None, self)?;
                } else {
                    check.select(&rows, &source.db, &mut at);
                    out.extend(&rows, Some(&at), self)?;
                }
                self.meter.rows(out.len, width)?;
            }
            self.meter.leaves(reading.leaves());
        }
        Ok(out.relation(sorted))
    }

    /// How to join the rows with a pattern they share variables with; `None`: by reading all of it first.
    fn method(&self, s: &Scan, source: &DbSource, rel: &Relation) -> Result<Option<Method>> {
        let db = &source.db;
        let has = |v: Option<Var>| v.filter(|v| rel.at(*v).is_some());
        let typed = |v: Option<Var>, tag: Tag| v.and_then(|v| rel.col(v)).is_some_and(|c| c.one_type() == Some(tag));
        let (e, v) = (has(s.e.var()), has(s.v.var()));
        let probe = match (&s.attr, e, v) {
            _ if db.is_filtered() => None,
            (_, Some(_), _) => Some(Key::Entity),
            (Some(a), None, Some(_)) if a.indexed || a.is_ref() => Some(Key::Value),
            (None, None, Some(_)) if typed(s.v.var(), Tag::REF) && !s.a.is_const() => Some(Key::Value),
            _ => None,
        };
        let anchored = s.e.is_const() || s.a.is_const() || s.v.is_const();
        if !anchored {
            return Ok(probe.map(Method::Probe));
        }
        let meet = match (&s.attr, e, v) {
            _ if db.is_filtered() || db.is_history() => None,
            (Some(_), Some(_), _) => Some(Key::Entity),
            (Some(a), None, Some(_)) if a.indexed && a.value_type.is_inline() => Some(Key::Value),
            _ => None,
        };
        if let Some(key) = meet.filter(|_| rel.len <= FEW) {
            return Ok(Some(Method::Meet(key)));
        }
        let accesses = access::accesses(s, db)?;
        let mut rows = 0;
        for a in &accesses {
            rows += db.estimate(a.order, &a.range)?;
        }
        let words = s
            .attr
            .as_ref()
            .is_some_and(|a| !source.foreign || a.value_type.is_inline());
        let stream = match (&s.attr, accesses.as_slice()) {
            (_, [one]) if e.is_some() && typed(s.e.var(), Tag::REF) => Some((Key::Entity, one)),
            (Some(a), [one]) if words && typed(s.v.var(), Tag::of(a.value_type)) => Some((Key::Value, one)),
            _ => None,
        };
        let n = rel.len as u64;
        let in_order = |v: Option<Var>| {
            let sorted = rel.sorted.is_some() && rel.sorted == v;
            sorted || v.and_then(|v| rel.col(v)).is_some_and(|c| c.words.is_sorted())
        };
        let read = match &stream {
            None => u64::MAX,
            Some((Key::Entity, a)) if rel.sorted == e && a.sorted_by_entity(s) => {
                n.min(rows) * MERGE_ROW + n.max(rows) / MERGE_PASSED
            }
            _ => rows * TABLE_ROW + n * TABLE_MADE,
        };
        let each = match (probe, &s.attr) {
            // What is found is taken out of order then: it costs more than to read it in a row.
            (Some(Key::Value), Some(a)) => 2 * (rows as f64 / self.distinct_values(s.source, a, db)?) as u64,
            _ => 0,
        };
        let met = match (meet, &s.attr) {
            (Some(key), Some(a)) => {
                let whole = match accesses.as_slice() {
                    [one] if one.order == Order::Aevt => rows,
                    _ => db.estimate(Order::Aevt, &Range::a(a.id))?,
                };
                let by = if key == Key::Entity { e } else { v };
                let order = if in_order(by) { 0 } else { SORT_ROW };
                n * (MEET_ROW + order + each) + n.min(whole / LEAF_ROWS + 1) * LEAF_READ
            }
            _ => u64::MAX,
        };
        let probes = match probe {
            None => u64::MAX,
            _ => n.saturating_mul(PROBE_ROWS + each),
        };
        Ok(match (meet, probe, stream) {
            (Some(key), _, _) if met <= read => Some(Method::Meet(key)),
            (_, Some(key), _) if probes < read => Some(Method::Probe(key)),
            (_, _, Some((key, access))) => Some(Method::Stream(key, access.clone())),
            _ => None,
        })
    }

    fn distinct_values(&self, source: usize, a: &crate::schema::Attribute, db: &Db) -> Result<f64> {
        if let Some(d) = self.distinct.borrow().get(&(source, a.id)) {
            return Ok(*d);
        }
        let d = access::distinct_values(a, db)?;
        self.distinct.borrow_mut().insert((source, a.id), d);
        Ok(d)
    }
}
