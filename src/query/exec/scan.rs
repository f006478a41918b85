//! Patterns: whole reads of an index range joined with the rows, or one small read for each value that is bound already.

use std::rc::Rc;

use super::super::ast::Var;
use super::super::plan::access::{self, Access};
use super::super::plan::{Pos, RowScan, Scan};
use super::super::relation::{Column, Growing, KeyTable, Relation, Tag, Types};
use super::super::source::{DbSource, Source, Translator};
use super::Exec;
use super::join::{gallop, gathered, pair_bytes};
use crate::datom::{EntityId, T, TxId, Val, Value, ValueType, Word};
use crate::db::Db;
use crate::error::Result;
use crate::index::{Batch, Columns, Order, Probe, Range};

/// A probe of the index costs about as much as reading this many rows.
const PROBE_ROWS: u64 = 100;
/// Of two runs that are merged, this many rows of the longer are passed in the time one is read.
const MERGE_ROWS: u64 = 8;

/// The columns of some rows of an index.
struct Slices<'a> {
    e: &'a [u64],
    a: &'a [u32],
    v: &'a [Word],
    t: &'a [T],
    added: Option<&'a [bool]>,
}

impl<'a> Slices<'a> {
    fn batch(b: &'a Batch) -> Slices<'a> {
        Slices {
            e: b.e(),
            a: b.a(),
            v: b.v(),
            t: b.t(),
            added: b.added(),
        }
    }
    fn columns(c: &'a Columns) -> Slices<'a> {
        Slices {
            e: &c.e,
            a: &c.a,
            v: &c.v,
            t: &c.t,
            added: (!c.added.is_empty()).then_some(&c.added[..]),
        }
    }
    fn len(&self) -> usize {
        self.e.len()
    }
}

/// What of a pattern an index read leaves to check, in words.
#[derive(Default)]
struct Check {
    e: Option<u64>,
    a: Option<u32>,
    v: Option<Word>,
    /// The type a constant value has, when attributes of several types are read.
    ty: Option<ValueType>,
    low: Option<(Word, bool)>,
    high: Option<(Word, bool)>,
    t: Option<T>,
    op: Option<bool>,
    /// Nothing can pass.
    never: bool,
}

impl Check {
    fn new(s: &Scan, a: &Access, db: &Db) -> Result<Check> {
        let mut check = Check::default();
        if let (true, Pos::Is(e)) = (a.check_entity, &s.e) {
            check.e = Some(*e);
        }
        if let (true, Pos::Is(x)) = (a.check_attr, &s.a) {
            check.a = Some(*x);
        }
        if a.check_value {
            if let Pos::Is(v) = &s.v {
                match db.words().find(v)? {
                    Some(w) => check.v = Some(w),
                    None => check.never = true,
                }
                if s.attr.is_none() {
                    check.ty = Some(v.value_type());
                }
            }
            // Bounds on texts and the like stay predicates: their words have no order.
            let inline = |b: &Option<(Value, bool)>| match b {
                Some((v, inclusive)) => crate::datom::word::inline(v).map(|w| (w, *inclusive)),
                None => None,
            };
            check.low = inline(&s.bounds.low);
            check.high = inline(&s.bounds.high);
        }
        if let Pos::Is(t) = s.tx {
            check.t = Some(t);
        }
        if let Pos::Is(op) = s.op {
            check.op = Some(op);
        }
        Ok(check)
    }
    fn is_free(&self) -> bool {
        self.e.is_none()
            && self.a.is_none()
            && self.v.is_none()
            && self.low.is_none()
            && self.high.is_none()
            && self.t.is_none()
            && self.op.is_none()
            && !self.never
    }
    fn passes(&self, rows: &Slices<'_>, i: usize, db: &Db) -> bool {
        let w = rows.v[i];
        !self.never
            && self.e.is_none_or(|e| rows.e[i] == e)
            && self.a.is_none_or(|a| rows.a[i] == a)
            && self.v.is_none_or(|v| w == v)
            && self.ty.is_none_or(|ty| db.schema().value_type(rows.a[i]) == Some(ty))
            && self.low.is_none_or(|(low, inclusive)| w > low || inclusive && w == low)
            && self
                .high
                .is_none_or(|(high, inclusive)| w < high || inclusive && w == high)
            && self.t.is_none_or(|t| rows.t[i] == t)
            && self.op.is_none_or(|op| rows.added.is_none_or(|a| a[i]) == op)
    }
}

impl Check {
    /// The rows that pass, into `at`.
    fn select(&self, rows: &Slices<'_>, db: &Db, at: &mut Vec<u32>) {
        at.clear();
        let value_only =
            self.e.is_none() && self.a.is_none() && self.t.is_none() && self.op.is_none() && self.ty.is_none();
        if !value_only || self.never {
            at.extend((0..rows.len() as u32).filter(|&i| self.passes(rows, i as usize, db)));
            return;
        }
        let mut low = match self.low {
            Some((w, true)) => Some(w),
            Some((w, false)) => w.checked_add(1),
            None => Some(0),
        };
        let mut high = match self.high {
            Some((w, true)) => Some(w),
            Some((w, false)) => w.checked_sub(1),
            None => Some(u64::MAX),
        };
        if let Some(v) = self.v {
            low = low.map(|low| low.max(v));
            high = high.map(|high| high.min(v));
        }
        let (Some(low), Some(high)) = (low, high) else { return };
        if low > high {
            return;
        }
        // Without a branch that would be guessed wrong half of the time.
        let span = high - low;
        at.resize(rows.len(), 0);
        let mut n = 0;
        for (i, w) in rows.v.iter().enumerate() {
            at[n] = i as u32;
            n += usize::from(w.wrapping_sub(low) <= span);
        }
        at.truncate(n);
    }
}

/// The columns of a pattern's variables, growing.
struct Output<'a> {
    scan: &'a Scan,
    source: &'a DbSource,
    vars: Vec<Var>,
    slots: Vec<Slot>,
    cols: Vec<Column>,
    len: usize,
    translator: Translator,
    v_type: Option<ValueType>,
}

#[derive(Clone, Copy, PartialEq)]
enum Slot {
    E,
    A,
    V,
    Tx,
    Op,
}

impl<'a> Output<'a> {
    fn new(scan: &'a Scan, source: &'a DbSource, wanted: impl Fn(Var) -> bool) -> Output<'a> {
        let v_type = scan.attr.as_ref().map(|a| a.value_type);
        let mut out = Output {
            scan,
            source,
            vars: Vec::new(),
            slots: Vec::new(),
            cols: Vec::new(),
            len: 0,
            translator: Translator::default(),
            v_type,
        };
        for (v, slot, tag) in [
            (scan.e.var(), Slot::E, Tag::REF),
            (scan.a.var(), Slot::A, Tag::REF),
            (scan.v.var(), Slot::V, v_type.map_or(Tag::REF, Tag::of)),
            (scan.tx.var(), Slot::Tx, Tag::REF),
            (scan.op.var(), Slot::Op, Tag::BOOLEAN),
        ] {
            if let Some(v) = v.filter(|v| wanted(*v)) {
                out.vars.push(v);
                out.slots.push(slot);
                out.cols.push(Column::new(tag));
            }
        }
        out
    }

    /// Appends all rows, or those at `at`.
    fn extend(&mut self, rows: &Slices<'_>, at: Option<&[u32]>, exec: &Exec<'_>) -> Result<()> {
        let n = at.map_or(rows.len(), <[u32]>::len);
        for (slot, col) in self.slots.iter().zip(&mut self.cols) {
            match slot {
                Slot::E => pick(&mut col.words, rows.e, at, |e| e),
                Slot::A => pick(&mut col.words, rows.a, at, u64::from),
                Slot::Tx => pick(&mut col.words, rows.t, at, |t| TxId::from_t(t).0),
                Slot::Op => match rows.added {
                    Some(added) => pick(&mut col.words, added, at, u64::from),
                    None => col.words.resize(col.words.len() + n, 1),
                },
                Slot::V => match self.v_type {
                    Some(ty) if !self.source.foreign || ty.is_inline() => pick(&mut col.words, rows.v, at, |w| w),
                    _ => {
                        for k in 0..n {
                            let i = at.map_or(k, |at| at[k] as usize);
                            let ty = match self.v_type {
                                Some(ty) => ty,
                                None => match self.source.db.schema().value_type(rows.a[i]) {
                                    Some(ty) => ty,
                                    None => ValueType::Ref,
                                },
                            };
                            let w = match self.source.foreign {
                                true => self.translator.word(&self.source.db, exec.values, ty, rows.v[i])?,
                                false => rows.v[i],
                            };
                            col.push(Tag::of(ty), w);
                        }
                    }
                },
            }
        }
        self.len += n;
        Ok(())
    }

    /// Whether no two rows of the pattern can agree in the columns taken.
    fn is_distinct(&self) -> bool {
        let has = |slot: Slot| self.slots.contains(&slot);
        let s = self.scan;
        let now = self.source.db.as_of_t().is_none();
        let one = now && s.attr.as_ref().is_some_and(|a| a.is_one());
        let unique = now && s.attr.as_ref().is_some_and(|a| a.unique.is_some());
        if self.source.db.is_history() {
            return (has(Slot::E) || s.e.is_const())
                && (has(Slot::A) || s.a.is_const())
                && (has(Slot::V) || s.v.is_const())
                && (has(Slot::Tx) || s.tx.is_const())
                && (has(Slot::Op) || s.op.is_const());
        }
        if s.attr.is_none() {
            return (has(Slot::E) || s.e.is_const()) && has(Slot::A) && (has(Slot::V) || s.v.is_const());
        }
        match (has(Slot::E) || s.e.is_const(), has(Slot::V) || s.v.is_const()) {
            (true, true) => true,
            (true, false) => one,
            (false, true) => unique,
            (false, false) => false,
        }
    }

    fn relation(self, sorted: bool) -> Relation {
        let distinct = self.is_distinct();
        let sorted = self.scan.e.var().filter(|_| sorted);
        let sorted = sorted.filter(|v| self.vars.contains(v));
        Relation {
            sorted,
            distinct,
            ..Relation::new(self.vars, self.cols, self.len)
        }
    }
}

fn pick<X: Copy>(out: &mut Vec<Word>, from: &[X], at: Option<&[u32]>, f: impl Fn(X) -> Word) {
    match at {
        None => out.extend(from.iter().map(|x| f(*x))),
        Some(at) => out.extend(at.iter().map(|&i| f(from[i as usize]))),
    }
}

/// What a pattern is looked up by, one value at a time.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Entity,
    Value,
}

/// How rows are joined with a pattern.
enum Method {
    /// One small read for each value.
    Probe(Key),
    /// All facts of the pattern are read, and those that join are kept.
    Stream(Key, Access),
}

impl Exec<'_> {
    /// Joins the rows with the facts that match a pattern.
    pub fn scan(&self, s: &Scan, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let all: Vec<Var> = rel.vars.iter().copied().chain(s.vars()).collect();
        let source = match self.sources.db(s.source) {
            Some(db) if !s.nothing => db,
            _ => return Ok(Relation::empty(&all)),
        };
        let shared: Vec<Var> = s.vars().filter(|v| rel.at(*v).is_some()).collect();
        let wanted = |v: Var| keep.contains(&v) || shared.contains(&v);
        if shared.is_empty() {
            let rows = self.collect(s, source, wanted)?;
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
            Some(Method::Probe(key)) => return self.probe(s, source, key, &rel, keep),
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
            None => Ok(Relation::empty(&all)),
        }
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
            for batch in &mut reading {
                let batch = batch?;
                let rows = Slices::batch(&batch);
                self.meter.read(rows.len());
                self.meter.check()?;
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
        let read = match &stream {
            // Two runs in the order of entities: most rows of the longer one are leapt over.
            Some((Key::Entity, a)) if rel.sorted == e && a.sorted_by_entity(s) => rows / MERGE_ROWS,
            _ => rows,
        };
        let probes = match (probe, &s.attr) {
            (None, _) => u64::MAX,
            // What is found is taken out of order then: it costs more than to read it in a row.
            (Some(Key::Value), Some(a)) => {
                let each = rows as f64 / self.distinct_values(s.source, a, db)?;
                n.saturating_mul(PROBE_ROWS + 2 * each as u64)
            }
            _ => n.saturating_mul(PROBE_ROWS),
        };
        Ok(match (probe, stream) {
            (Some(key), _) if probes < read => Some(Method::Probe(key)),
            (_, Some((key, access))) => Some(Method::Stream(key, access.clone())),
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

    /// Reads a pattern's facts in a row, and of these takes only what joins.
    fn stream(
        &self,
        s: &Scan,
        source: &DbSource,
        key: Key,
        access: &Access,
        rel: &Relation,
        keep: &[Var],
    ) -> Result<Relation> {
        let db = &source.db;
        let var = match key {
            Key::Entity => s.e.var(),
            Key::Value => s.v.var(),
        };
        let var = var.expect("the key is a variable of the pattern");
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
        let (mut left, mut at, mut chosen) = (Vec::new(), Vec::new(), Vec::new());
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
                    };
                    if free {
                        (0..rows.len() as u32).for_each(&mut meet);
                    } else {
                        check.select(&rows, db, &mut chosen);
                        chosen.iter().copied().for_each(&mut meet);
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
        let made = self.agree(rel, &left, right, &others, keep, sorted);
        Ok(Relation {
            distinct: distinct && rel.vars.iter().all(|v| made.at(*v).is_some()),
            ..made
        })
    }

    /// One small read for each value of the rows.
    fn probe(&self, s: &Scan, source: &DbSource, key: Key, rel: &Relation, keep: &[Var]) -> Result<Relation> {
        let db = &source.db;
        let var = match key {
            Key::Entity => s.e.var(),
            Key::Value => s.v.var(),
        };
        let var = var.expect("the key is a variable of the pattern");
        let col = rel.col(var).expect("the key is bound");
        let want = match (key, &s.attr) {
            (Key::Entity, _) | (_, None) => ValueType::Ref,
            (Key::Value, Some(a)) => a.value_type,
        };
        let mut keys = self.words_of(col, want);
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
        let mut i = 0;
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
                }
                self.meter.rows(left.len(), width)?;
            }
            i = end;
        }
        self.meter.leaves(prober.leaves());
        let distinct = rel.distinct && out.is_distinct_beside_key(key);
        let right = out.relation(false);
        let by_key = rel.sorted.filter(|v| in_order && *v == var);
        let sorted = by_key
            .or((key == Key::Entity && rel.col(var).is_some_and(|c| c.one_type() == Some(Tag::REF))).then_some(var));
        let made = self.agree(rel, &left, right, &others, keep, sorted);
        Ok(Relation {
            distinct: distinct && rel.vars.iter().all(|v| made.at(*v).is_some()),
            ..made
        })
    }

    /// Rows of `rel` beside rows of `right`, where the variables `others` of both agree.
    pub(super) fn agree(
        &self,
        rel: &Relation,
        left: &[u32],
        right: Relation,
        others: &[Var],
        keep: &[Var],
        sorted: Option<Var>,
    ) -> Relation {
        let all: Vec<u32> = (0..left.len() as u32).collect();
        if others.is_empty() {
            return gathered(rel, &right, left, &all, keep, sorted);
        }
        let theirs = rel.project(others).gather(left, false);
        let Some((l, r)) = super::super::relation::keys(&theirs, &right, others) else {
            let vars: Vec<Var> = rel.vars.iter().chain(&right.vars).copied().collect();
            return Relation::empty(&vars).project(keep);
        };
        let same: Vec<u32> = all
            .into_iter()
            .filter(|&k| {
                l.iter()
                    .zip(&r)
                    .all(|(x, y)| x.words[k as usize] == y.words[k as usize])
            })
            .collect();
        let kept: Vec<u32> = same.iter().map(|&k| left[k as usize]).collect();
        gathered(rel, &right, &kept, &same, keep, sorted)
    }

    /// The rows whose word can be one of type `want`, with that word.
    fn words_of(&self, col: &Column, want: ValueType) -> Vec<(Word, u32)> {
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

    /// Joins the rows with those of a collection.
    pub fn rows(&self, r: &RowScan, rel: Relation, keep: &[Var]) -> Result<Relation> {
        let Some((_, Source::Rows(rows))) = self.sources.list.get(r.source) else {
            return Ok(Relation::empty(keep));
        };
        if rows.len == 0 {
            let vars: Vec<Var> = rel
                .vars
                .iter()
                .copied()
                .chain(r.terms.iter().filter_map(Pos::var))
                .collect();
            return Ok(Relation::empty(&vars));
        }
        let (mut shared, mut at) = (Vec::new(), Vec::new());
        for (i, v) in r.terms.iter().enumerate().filter_map(|(i, t)| Some((i, t.var()?))) {
            if rel.at(v).is_some() {
                shared.push(v);
                at.push(i);
            }
        }
        // Kept for the whole query, each by the columns it is found by: recursions ask again and again.
        let table = self.row_tables.borrow().get(&(r.source, at.clone())).cloned();
        let table = match table {
            Some(table) => table,
            None => {
                let names: Vec<Var> = (0..rows.cols.len() as u32).map(Var).collect();
                let key: Vec<Var> = at.iter().map(|&i| Var(i as u32)).collect();
                let mut table = Growing::new(&names, &key);
                table.add(&Relation::new(names.clone(), rows.cols.clone(), rows.len), &names);
                let table = Rc::new(table);
                self.row_tables.borrow_mut().insert((r.source, at), table.clone());
                table
            }
        };
        let (mut li, mut ri) = (Vec::new(), Vec::new());
        let constants: Vec<(usize, (Tag, Word))> = r
            .terms
            .iter()
            .enumerate()
            .filter_map(|(i, t)| match t {
                Pos::Is(word) => Some((i, *word)),
                _ => None,
            })
            .collect();
        table.matches(&rel, &shared, |i, j| {
            if constants
                .iter()
                .all(|(c, word)| table.rows.cols[*c].get(j as usize) == *word)
            {
                li.push(i);
                ri.push(j);
            }
        });
        self.meter.rows(li.len(), pair_bytes(keep.len()))?;
        let (mut vars, mut cols) = (Vec::new(), Vec::new());
        for (t, col) in r.terms.iter().zip(&table.rows.cols) {
            if let Some(v) = t.var() {
                vars.push(v);
                cols.push(col.clone());
            }
        }
        let right = Relation {
            vars,
            cols,
            len: table.rows.len,
            sorted: None,
            // Positions that are left out may be all that rows differ in.
            distinct: false,
        };
        Ok(gathered(&rel, &right, &li, &ri, keep, rel.sorted))
    }
}

impl Output<'_> {
    /// Whether, beside the value it was looked up by, no two rows agree.
    fn is_distinct_beside_key(&self, key: Key) -> bool {
        let has = |slot: Slot| self.slots.contains(&slot);
        let s = self.scan;
        let Some(attr) = &s.attr else { return false };
        // What an attribute is now, it may not have been at an earlier time.
        if self.source.db.is_history() || self.source.db.as_of_t().is_some() {
            return false;
        }
        match key {
            Key::Entity => attr.is_one() || has(Slot::V) || s.v.is_const(),
            Key::Value => attr.unique.is_some() || has(Slot::E) || s.e.is_const(),
        }
    }
}
