//! The facts that a pull needs, read for many entities at once and kept until the maps are made.
//!
//! A load reads one plan's part of the facts of some entities. Many are joined to the index in one pass, in ascending order; few, and
//! those whose facts fill leaves, are read one by one, and then no more of an attribute than its limit.

use std::ops::Range as Span;

use rustc_hash::FxHashMap;

use super::plan::{Plan, Wanted};
use crate::datom::Word;
use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Probe, Prober, Range};

/// From so many entities on they are joined to the index.
const MANY: usize = 6;
/// A join sorts and copies the tail's facts between its keys, so there may be so many for each of them.
const TAIL_FOR_EACH: usize = 16;

/// See the module.
pub(super) struct Facts {
    db: Db,
    /// Not for filtered views, which only `scan` filters.
    prober: Option<Prober>,
    columns: Columns,
    /// Facts by entity and attribute: the attribute, and the value; of reverse ones the entity that refers.
    attrs: Vec<u32>,
    words: Vec<Word>,
    /// By plan: the rows of each entity loaded.
    forward: Vec<Places>,
    reverse: Vec<Places>,
    /// The rows of each entity of the last load.
    spans: Vec<(u32, u32)>,
    /// Rows and leaves read, apart from those of the prober.
    rows: u64,
    leaves: u64,
}

type Places = FxHashMap<u64, (u32, u32)>;

impl Facts {
    /// For so many plans.
    pub fn new(db: &Db, plans: usize) -> Facts {
        Facts {
            prober: (!db.is_filtered()).then(|| db.prober(Order::Eavt)),
            db: db.clone(),
            columns: Columns::default(),
            attrs: Vec::new(),
            words: Vec::new(),
            forward: vec![Places::default(); plans],
            reverse: vec![Places::default(); plans],
            spans: Vec::new(),
            rows: 0,
            leaves: 0,
        }
    }

    /// Forgets all facts and keeps the memory.
    pub fn clear(&mut self) {
        self.attrs.clear();
        self.words.clear();
        self.forward.iter_mut().chain(&mut self.reverse).for_each(Places::clear);
    }

    /// How many rows and leaves it has read so far.
    pub fn read(&self) -> (u64, u64) {
        let leaves = self.prober.as_ref().map_or(0, Prober::leaves);
        (self.rows, leaves + self.leaves)
    }

    /// About how many bytes the facts take.
    pub fn bytes(&self) -> usize {
        let places: usize = self.forward.iter().chain(&self.reverse).map(Places::capacity).sum();
        self.attrs.capacity() * 4 + self.words.capacity() * 8 + places * 17
    }

    /// Whether the facts of an entity are here.
    pub fn has(&self, plan: &Plan, e: u64) -> bool {
        match (plan.reads_forward(), plan.reverse.is_empty()) {
            (true, _) => self.forward[plan.at].contains_key(&e),
            (false, false) => self.reverse[plan.at].contains_key(&e),
            (false, true) => true,
        }
    }

    /// The rows of an entity, if they were loaded for a plan.
    pub fn of(&self, plan: &Plan, e: u64) -> Option<Span<usize>> {
        match plan.reads_forward() {
            true => found(&self.forward[plan.at], e),
            false => self.has(plan, e).then_some(0..0),
        }
    }
    /// The rows of the k-th entity of the last load.
    pub fn loaded(&self, k: usize) -> Span<usize> {
        self.spans
            .get(k)
            .map_or(0..0, |(from, to)| *from as usize..*to as usize)
    }
    /// The same, of what refers to it.
    pub fn referring(&self, plan: &Plan, e: u64) -> Span<usize> {
        found(&self.reverse[plan.at], e).unwrap_or_default()
    }
    /// The attributes of rows.
    pub fn attrs(&self, rows: Span<usize>) -> &[u32] {
        &self.attrs[rows]
    }
    /// The values of rows.
    pub fn words(&self, rows: Span<usize>) -> &[Word] {
        &self.words[rows]
    }
    /// The rows of one attribute among rows.
    pub fn run(&self, rows: Span<usize>, attr: u32) -> Span<usize> {
        let attrs = &self.attrs[rows.clone()];
        let from = before(attrs, |a| a < attr);
        let len = before(&attrs[from..], |a| a == attr);
        rows.start + from..rows.start + from + len
    }

    /// The rows of each step's attribute among rows: [`Facts::run`] for all of a plan's forward steps at once.
    pub fn runs(&self, plan: &Plan, rows: Span<usize>, runs: &mut Vec<Span<usize>>) {
        runs.clear();
        runs.resize(plan.steps.len(), 0..0);
        let attrs = &self.attrs[..rows.end];
        let (mut from, mut to) = (rows.start, rows.start);
        let mut last = None;
        for (attr, step) in &plan.by_attr {
            if last != Some(attr) {
                from = to + before(&attrs[to..], |a| a < *attr);
                to = from + before(&attrs[from..], |a| a == *attr);
                last = Some(attr);
            }
            runs[*step] = from..to;
        }
    }

    /// Reads what a plan needs of entities, which ascend, differ and are not here yet.
    pub fn load(&mut self, plan: &Plan, entities: &[u64]) -> Result<()> {
        let many =
            entities.len() >= MANY && self.prober.is_some() && self.db.unindexed() <= entities.len() * TAIL_FOR_EACH;
        // What refers comes first: `spans` are to be the entities' own facts in the end.
        if !plan.reverse.is_empty() {
            self.spans.clear();
            self.spans.resize(entities.len(), (0, 0));
            match many {
                true => self.join_reverse(plan, entities)?,
                false => {
                    for (k, e) in entities.iter().enumerate() {
                        self.spans[k] = self.one_reverse(plan, *e)?;
                    }
                }
            }
            let rows = self.spans.iter().copied();
            self.reverse[plan.at].extend(entities.iter().copied().zip(rows));
        }
        self.spans.clear();
        if plan.reads_forward() {
            self.spans.resize(entities.len(), (0, 0));
            match many {
                true => self.join_forward(plan, entities)?,
                false => {
                    for (k, e) in entities.iter().enumerate() {
                        self.spans[k] = self.one_forward(plan, *e)?;
                    }
                }
            }
            let rows = self.spans.iter().copied();
            self.forward[plan.at].extend(entities.iter().copied().zip(rows));
        }
        Ok(())
    }

    fn join_forward(&mut self, plan: &Plan, entities: &[u64]) -> Result<()> {
        let mut matcher = match &plan.forward[..] {
            // Its facts alone lie closer together.
            [one] if !plan.whole => self.db.matcher(Order::Aevt, one.attr, false),
            _ => self.db.matcher(Order::Eavt, 0, false),
        };
        let mut split = Vec::new();
        let (attrs, words, spans, read) = (&mut self.attrs, &mut self.words, &mut self.spans, &mut self.rows);
        matcher.spans(entities, |k, rows| {
            let Some((columns, rows)) = rows else {
                split.push(k);
                return Ok(());
            };
            let from = attrs.len();
            match plan.whole {
                true => {
                    attrs.extend_from_slice(&columns.a[rows.clone()]);
                    words.extend_from_slice(&columns.v[rows]);
                }
                false => wanted_rows(&plan.forward, &columns.a, rows, |run| {
                    attrs.extend_from_slice(&columns.a[run.clone()]);
                    words.extend_from_slice(&columns.v[run]);
                }),
            }
            *read += (attrs.len() - from) as u64;
            spans[k] = span(from, attrs.len())?;
            Ok(())
        })?;
        self.leaves += matcher.leaves();
        for k in split {
            self.spans[k] = self.one_forward(plan, entities[k])?;
        }
        Ok(())
    }

    fn join_reverse(&mut self, plan: &Plan, entities: &[u64]) -> Result<()> {
        let mut matcher = self.db.matcher(Order::Vaet, 0, false);
        let mut split = Vec::new();
        let (attrs, words, spans, read) = (&mut self.attrs, &mut self.words, &mut self.spans, &mut self.rows);
        matcher.spans(entities, |k, rows| {
            let Some((columns, rows)) = rows else {
                split.push(k);
                return Ok(());
            };
            let from = attrs.len();
            wanted_rows(&plan.reverse, &columns.a, rows, |run| {
                attrs.extend_from_slice(&columns.a[run.clone()]);
                words.extend_from_slice(&columns.e[run]);
            });
            *read += (attrs.len() - from) as u64;
            spans[k] = span(from, attrs.len())?;
            Ok(())
        })?;
        self.leaves += matcher.leaves();
        for k in split {
            self.spans[k] = self.one_reverse(plan, entities[k])?;
        }
        Ok(())
    }

    fn one_forward(&mut self, plan: &Plan, e: u64) -> Result<(u32, u32)> {
        let from = self.attrs.len();
        if plan.whole {
            self.fill(&Range::e(e))?;
            self.attrs.extend_from_slice(&self.columns.a);
            self.words.extend_from_slice(&self.columns.v);
            return span(from, self.attrs.len());
        }
        for wanted in &plan.forward {
            let range = Range::ea(e, wanted.attr);
            match wanted.limit {
                Some(limit) => self.some(Order::Eavt, &range, limit, wanted.attr)?,
                None => {
                    self.fill(&range)?;
                    self.attrs.extend_from_slice(&self.columns.a);
                    self.words.extend_from_slice(&self.columns.v);
                }
            }
        }
        span(from, self.attrs.len())
    }

    fn one_reverse(&mut self, plan: &Plan, e: u64) -> Result<(u32, u32)> {
        let from = self.attrs.len();
        for wanted in &plan.reverse {
            let range = Range::av(wanted.attr, Probe::inline(e));
            self.some(Order::Vaet, &range, wanted.limit.unwrap_or(usize::MAX), wanted.attr)?;
        }
        span(from, self.attrs.len())
    }

    /// Appends the values of a range, no more than so many.
    fn some(&mut self, order: Order, range: &Range, limit: usize, attr: u32) -> Result<()> {
        let from = self.words.len();
        let mut reading = self.db.scan(order, range);
        for batch in &mut reading {
            let batch = batch?;
            let words = match order {
                Order::Vaet => batch.e(),
                _ => batch.v(),
            };
            let room = limit - (self.words.len() - from);
            self.words.extend_from_slice(&words[..words.len().min(room)]);
            if words.len() >= room {
                break;
            }
        }
        self.attrs.resize(self.words.len(), attr);
        self.rows += (self.words.len() - from) as u64;
        self.leaves += reading.leaves();
        Ok(())
    }

    /// Reads a range into `columns`.
    fn fill(&mut self, range: &Range) -> Result<()> {
        match &mut self.prober {
            Some(prober) => prober.get(range, &mut self.columns)?,
            None => {
                self.columns.clear();
                let mut reading = self.db.scan(Order::Eavt, range);
                for batch in &mut reading {
                    let batch = batch?;
                    for i in 0..batch.len() {
                        let row = batch.row(i);
                        self.columns.push(row.e, row.a, row.v, row.t);
                    }
                }
                self.leaves += reading.leaves();
            }
        }
        self.rows += self.columns.len() as u64;
        Ok(())
    }
}

fn found(places: &Places, e: u64) -> Option<Span<usize>> {
    let (from, to) = *places.get(&e)?;
    Some(from as usize..to as usize)
}

fn span(from: usize, to: usize) -> Result<(u32, u32)> {
    match (u32::try_from(from), u32::try_from(to)) {
        (Ok(from), Ok(to)) => Ok((from, to)),
        _ => Err(
            Error::new(Code::QueryLimit, "the pull needs more than 4,294,967,295 facts")
                .hint("bound the recursion ({:a/ref 3}) or the number of values ([:a/ref :limit 100])"),
        ),
    }
}

/// How many of the attributes at the beginning are so; those that are come first.
#[inline]
fn before(attrs: &[u32], so: impl Fn(u32) -> bool) -> usize {
    const NEAR: usize = 16;
    match attrs.get(NEAR) {
        Some(a) if so(*a) => attrs.partition_point(|a| so(*a)),
        _ => attrs.iter().take_while(|a| so(**a)).count(),
    }
}

/// Calls `take` with the rows of each attribute wanted, among the rows `rows` of an entity.
fn wanted_rows(wanted: &[Wanted], attrs: &[u32], rows: Span<usize>, mut take: impl FnMut(Span<usize>)) {
    let attrs = &attrs[..rows.end];
    let mut at = rows.start;
    for w in wanted {
        at += before(&attrs[at..], |a| a < w.attr);
        let len = before(&attrs[at..], |a| a == w.attr);
        if len > 0 {
            take(at..at + len.min(w.limit.unwrap_or(usize::MAX)));
            at += len;
        }
    }
}
