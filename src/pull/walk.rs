//! A pattern walked over a database value, for one entity after the other.
//!
//! The way down is an explicit stack of [`Frame`]s, so the depth of the data never uses up the native one. A frame is made
//! with all that its entity's own facts give, plus a list of entities to be pulled below; these are pulled one by one, each by a
//! frame on top, and handed back as maps.

use std::sync::LazyLock;

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::parse::{Inside, LIMIT_DEFAULT, Pattern, Spec, id_key};
use crate::datom::{EntityId, Value, ValueType, Word};
use crate::db::Db;
use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result};
use crate::index::{Columns, Order, Probe, Prober, Range};
use crate::schema::Schema;

/// The most entities in the result of one pull: recursion over a dense graph has more ways than memory.
pub const ENTITIES_MAX: u64 = 2_000_000;

/// From so many forward attributes on, all facts of an entity are read at once rather than attribute by attribute.
const READ_ALL_FROM: usize = 3;

static EVERYTHING: LazyLock<Pattern> = LazyLock::new(Pattern::everything);

/// Pulls one pattern for any number of entities; keeps its place in the index between them, so ascending ids are fastest.
pub struct Puller<'p> {
    db: Db,
    schema: std::sync::Arc<Schema>,
    pattern: &'p Pattern,
    facts: Facts,
    /// Asked at every entity, with about the bytes that the result takes so far; an error ends the pull.
    check: Option<&'p dyn Fn(usize) -> Result<()>>,
    /// Of the pull under way: entities, and bytes.
    entities: u64,
    bytes: usize,
}

/// An entity on its way to be a map.
struct Frame<'p> {
    pattern: &'p Pattern,
    e: u64,
    /// How far each recursion of the pattern may still go.
    left: SmallVec<[u32; 2]>,
    out: Vec<(Edn, Edn)>,
    /// How many entries came into `out` from below so far; each moves those after it.
    inserted: usize,
    /// What is still to be pulled, last first.
    below: Vec<Below<'p>>,
    /// Whether this frame put itself into the ways (recursion, wildcard).
    marks: (bool, bool),
}

/// Entities to be pulled for one key.
struct Below<'p> {
    key: Edn,
    /// How many entries stood in `out` before it.
    at: usize,
    spec: Option<&'p Spec>,
    ids: std::vec::IntoIter<u64>,
    found: Vec<Edn>,
    /// One map instead of a vector.
    one: bool,
    enter: Enter<'p>,
}

#[derive(Clone, Copy)]
enum Enter<'p> {
    Nested(&'p Pattern),
    Again { slot: usize },
    Everything,
}

/// Entities on the way from the root, under which pattern; `u32::MAX` stands for every pattern with a wildcard.
type Ways = FxHashSet<(u32, u64)>;

impl<'p> Puller<'p> {
    /// A puller of `pattern` in the view of `db`; a history view has no current values to show.
    pub fn new(db: &Db, pattern: &'p Pattern) -> Result<Puller<'p>> {
        refuse_history(db, "pull")?;
        Ok(Puller {
            schema: db.schema_then()?,
            facts: Facts::new(db),
            db: db.clone(),
            pattern,
            check: None,
            entities: 0,
            bytes: 0,
        })
    }

    /// Asks `check` at every entity, also inside a long pull, with about the bytes that this pull's result takes so far; its error
    /// ends the pull.
    pub fn checked(self, check: &'p dyn Fn(usize) -> Result<()>) -> Puller<'p> {
        Puller {
            check: Some(check),
            ..self
        }
    }

    /// About how many bytes the last pull's result takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows and leaves it has read so far.
    pub fn read(&self) -> (u64, u64) {
        let leaves = self.facts.prober.as_ref().map_or(0, Prober::leaves);
        (self.facts.rows, leaves + self.facts.leaves)
    }

    /// What the pattern finds at an entity; `None` when there is nothing.
    pub fn pull(&mut self, entity: EntityId) -> Result<Option<Edn>> {
        let mut ways = Ways::default();
        (self.entities, self.bytes) = (0, 0);
        let root = self.enter(self.pattern, entity.0, None, &mut ways)?;
        let mut stack = vec![root];
        loop {
            let top = stack.last_mut().expect("the loop ends when the root is popped");
            let Some(below) = top.below.last_mut() else {
                let done = stack.pop().expect("it was there a line above");
                let map = done.leave(&mut ways);
                match stack.last_mut().and_then(|parent| parent.below.last_mut()) {
                    Some(waiting) => waiting.found.extend(map),
                    None => return Ok(map),
                }
                continue;
            };
            let Some(e) = below.ids.next() else {
                let below = top.below.pop().expect("it was there a line above");
                if let Some((at, entry)) = below.finish()? {
                    top.out.insert(at + top.inserted, entry);
                    top.inserted += 1;
                }
                continue;
            };
            let (pattern, left, seen) = match below.enter {
                Enter::Nested(pattern) => (pattern, None, false),
                Enter::Again { slot } => {
                    let mut left = top.left.clone();
                    if left[slot] != u32::MAX {
                        left[slot] -= 1;
                    }
                    (top.pattern, Some(left), ways.contains(&(top.pattern.id, e)))
                }
                Enter::Everything => (&*EVERYTHING, None, ways.contains(&(u32::MAX, e))),
            };
            if seen {
                below.found.push(id_map(e));
                continue;
            }
            let frame = self.enter(pattern, e, left, &mut ways)?;
            stack.push(frame);
        }
    }

    /// The frame of an entity: all that its own facts give is in it.
    fn enter(
        &mut self,
        pattern: &'p Pattern,
        e: u64,
        left: Option<SmallVec<[u32; 2]>>,
        ways: &mut Ways,
    ) -> Result<Frame<'p>> {
        self.entities += 1;
        if self.entities > ENTITIES_MAX {
            let message = format!("the pull reached its limit of {ENTITIES_MAX} entities");
            return Err(Error::new(Code::QueryLimit, message)
                .hint("bound the recursion ({:a/ref 3}) or the number of values ([:a/ref :limit 100])"));
        }
        if let Some(check) = self.check {
            check(self.bytes)?;
        }
        let left = left.unwrap_or_else(|| {
            let depths = pattern.specs.iter().filter_map(|s| match s.inside {
                Inside::Again { depth, .. } => Some(depth),
                _ => None,
            });
            depths.collect()
        });
        let marks = (
            pattern.recursions > 0 && ways.insert((pattern.id, e)),
            pattern.wildcard && ways.insert((u32::MAX, e)),
        );
        let mut frame = Frame {
            pattern,
            e,
            left,
            out: Vec::with_capacity(pattern.specs.len() + usize::from(pattern.id_key.is_some())),
            inserted: 0,
            below: Vec::new(),
            marks,
        };
        if let Some(key) = &pattern.id_key {
            frame.out.push((key.clone(), Node::Long(e as i64).into()));
        }
        let forward = pattern.specs.iter().filter(|s| !s.reverse).count();
        if pattern.wildcard || forward >= READ_ALL_FROM {
            self.facts.read_all(e)?;
            if pattern.wildcard {
                self.wildcard(&mut frame)?;
            }
            for spec in &pattern.specs {
                if spec.reverse {
                    self.reverse(&mut frame, spec)?;
                } else {
                    let words = self.facts.of(spec.attr);
                    self.forward(&mut frame, spec, words)?;
                }
            }
        } else {
            for spec in &pattern.specs {
                if spec.reverse {
                    self.reverse(&mut frame, spec)?;
                } else {
                    let one = self.is_one(spec.attr);
                    let words = self.facts.read(e, spec.attr, if one { None } else { spec.limit })?;
                    self.forward(&mut frame, spec, words)?;
                }
            }
        }
        // They are taken from the end; the order of the pattern is the order of the work.
        frame.below.reverse();
        let below: usize = frame.below.iter().map(|b| size_of::<Below>() + b.ids.len() * 8).sum();
        self.bytes += size_of::<Frame>() + below + frame.out.capacity() * size_of::<(Edn, Edn)>();
        Ok(frame)
    }

    fn is_one(&self, attr: u32) -> bool {
        let then = self.schema.attr(attr).or_else(|| self.db.schema().attr(attr));
        then.is_some_and(|a| a.is_one())
    }
    fn is_component(&self, attr: u32) -> bool {
        let then = self.schema.attr(attr).or_else(|| self.db.schema().attr(attr));
        then.is_some_and(|a| a.is_component)
    }

    /// Every attribute of the entity that no spec asks for by itself, in the order in which attributes were made.
    fn wildcard(&mut self, frame: &mut Frame<'p>) -> Result<()> {
        let mut from = 0;
        while let Some(attr) = self.facts.attr_at(from) {
            let words = self.facts.run(from);
            from += words.len();
            if frame.pattern.specs.iter().any(|s| s.attr == attr && !s.reverse) {
                continue;
            }
            let Some(known) = self.db.schema().attr(attr).cloned() else {
                continue;
            };
            let one = self.is_one(attr);
            let shown = words.len().min(if one { 1 } else { LIMIT_DEFAULT });
            let key = Edn::new(Node::Keyword(known.ident.clone()));
            if known.is_ref() && self.is_component(attr) {
                frame.push_below(key, None, words[..shown].to_vec(), one, Enter::Everything);
            } else {
                let value = self.shown(known.value_type, &words[..shown], one)?;
                frame.out.push((key, value));
            }
        }
        Ok(())
    }

    fn forward(&self, frame: &mut Frame<'p>, spec: &'p Spec, words: SmallVec<[Word; 4]>) -> Result<()> {
        let one = self.is_one(spec.attr);
        let limit = if one { 1 } else { spec.limit.unwrap_or(usize::MAX) };
        let words = &words[..words.len().min(limit)];
        if words.is_empty() {
            return frame.absent(spec);
        }
        let enter = match &spec.inside {
            Inside::Nested(pattern) => Enter::Nested(pattern),
            Inside::Again { slot, .. } if frame.left[*slot] == 0 => return Ok(()),
            Inside::Again { slot, .. } => Enter::Again { slot: *slot },
            Inside::Plain if spec.value_type == ValueType::Ref && self.is_component(spec.attr) => Enter::Everything,
            Inside::Plain => {
                let value = self.shown(spec.value_type, words, one)?;
                return frame.show(spec, value);
            }
        };
        frame.push_below(spec.key.clone(), Some(spec), words.to_vec(), one, enter);
        Ok(())
    }

    /// Who refers to the entity; of a component there is one owner.
    fn reverse(&mut self, frame: &mut Frame<'p>, spec: &'p Spec) -> Result<()> {
        let one = self.is_component(spec.attr);
        let limit = if one { Some(1) } else { spec.limit };
        let owners = self.facts.referring(spec.attr, frame.e, limit)?;
        if owners.is_empty() {
            return frame.absent(spec);
        }
        let enter = match &spec.inside {
            Inside::Nested(pattern) => Enter::Nested(pattern),
            Inside::Again { slot, .. } if frame.left[*slot] == 0 => return Ok(()),
            Inside::Again { slot, .. } => Enter::Again { slot: *slot },
            Inside::Plain => {
                let value = listed(owners.into_iter().map(id_map).collect(), one);
                return frame.show(spec, value);
            }
        };
        frame.push_below(spec.key.clone(), Some(spec), owners, one, enter);
        Ok(())
    }

    /// Values as a pull shows them.
    fn shown(&self, ty: ValueType, words: &[Word], one: bool) -> Result<Edn> {
        let value = |w: &Word| match self.db.words().value(ty, *w)? {
            Value::Ref(e) => Ok(id_map(e.0)),
            value => Ok(value.to_edn()),
        };
        Ok(listed(words.iter().map(value).collect::<Result<_>>()?, one))
    }
}

impl<'p> Frame<'p> {
    fn push_below(&mut self, key: Edn, spec: Option<&'p Spec>, ids: Vec<u64>, one: bool, enter: Enter<'p>) {
        self.below.push(Below {
            key,
            at: self.out.len(),
            spec,
            ids: ids.into_iter(),
            found: Vec::new(),
            one,
            enter,
        });
    }

    /// Shows a value that is there.
    fn show(&mut self, spec: &Spec, value: Edn) -> Result<()> {
        self.out.push((spec.key.clone(), changed(spec, value)?));
        Ok(())
    }

    /// Shows what stands for a value that is not there.
    fn absent(&mut self, spec: &Spec) -> Result<()> {
        if let Some(default) = &spec.default {
            self.out.push((spec.key.clone(), default.clone()));
        }
        Ok(())
    }

    /// The finished map, if there is anything in it.
    fn leave(self, ways: &mut Ways) -> Option<Edn> {
        if self.marks.0 {
            ways.remove(&(self.pattern.id, self.e));
        }
        if self.marks.1 {
            ways.remove(&(u32::MAX, self.e));
        }
        (!self.out.is_empty()).then(|| Node::Map(self.out).into())
    }
}

impl Below<'_> {
    /// The entry, if there is one, and its place.
    fn finish(self) -> Result<Option<(usize, (Edn, Edn))>> {
        let value = match (self.spec, self.found.is_empty()) {
            (Some(spec), false) => changed(spec, listed(self.found, self.one))?,
            (None, false) => listed(self.found, self.one),
            (Some(spec), true) => match &spec.default {
                Some(default) => default.clone(),
                None => return Ok(None),
            },
            (None, true) => return Ok(None),
        };
        Ok(Some((self.at, (self.key, value))))
    }
}

/// One value, or all of them as a vector.
fn listed(mut values: Vec<Edn>, one: bool) -> Edn {
    match values.pop() {
        Some(value) if one => value,
        last => {
            values.extend(last);
            Node::Vector(values).into()
        }
    }
}

fn changed(spec: &Spec, value: Edn) -> Result<Edn> {
    match &spec.xform {
        Some((_, f)) => f(value).map_err(|e| e.at(spec.span)),
        None => Ok(value),
    }
}

fn id_map(e: u64) -> Edn {
    Node::Map(vec![(id_key(), Node::Long(e as i64).into())]).into()
}

/// History shows several values side by side as if each were current; maps cannot say so.
pub(super) fn refuse_history(db: &Db, call: &str) -> Result<()> {
    if !db.is_history() {
        return Ok(());
    }
    Err(Error::new(
        Code::NotSupportedOnHistory,
        format!("{call} has no meaning on a history view"),
    )
    .hint("take an as-of view for a moment, or ask a query for the changes"))
}

/// Reads the facts of entities in the view.
struct Facts {
    db: Db,
    /// Not for filtered views, which only `scan` filters.
    prober: Option<Prober>,
    columns: Columns,
    /// Rows and leaves read, apart from those of the prober.
    rows: u64,
    leaves: u64,
}

impl Facts {
    fn new(db: &Db) -> Facts {
        Facts {
            prober: (!db.is_filtered()).then(|| db.prober(Order::Eavt)),
            db: db.clone(),
            columns: Columns::default(),
            rows: 0,
            leaves: 0,
        }
    }

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

    /// Reads all facts of an entity; [`Facts::of`] and [`Facts::run`] look into them.
    fn read_all(&mut self, e: u64) -> Result<()> {
        self.fill(&Range::e(e))
    }

    /// The values of an attribute among the facts read.
    fn of(&self, attr: u32) -> SmallVec<[Word; 4]> {
        let from = self.columns.a.partition_point(|a| *a < attr);
        match self.attr_at(from) {
            Some(a) if a == attr => self.run(from),
            _ => SmallVec::new(),
        }
    }
    /// The attribute of row `i` of the facts read.
    fn attr_at(&self, i: usize) -> Option<u32> {
        self.columns.a.get(i).copied()
    }
    /// The values of the attribute whose first row is `from`.
    fn run(&self, from: usize) -> SmallVec<[Word; 4]> {
        let attr = self.columns.a[from];
        let len = self.columns.a[from..].partition_point(|a| *a == attr);
        SmallVec::from_slice(&self.columns.v[from..from + len])
    }

    /// The values of one attribute; with a limit, no more are read than about so many.
    fn read(&mut self, e: u64, attr: u32, limit: Option<usize>) -> Result<SmallVec<[Word; 4]>> {
        let range = Range::ea(e, attr);
        let Some(limit) = limit else {
            self.fill(&range)?;
            return Ok(SmallVec::from_slice(&self.columns.v));
        };
        let mut out = SmallVec::new();
        let mut reading = self.db.scan(Order::Eavt, &range);
        for batch in &mut reading {
            out.extend_from_slice(batch?.v());
            if out.len() >= limit {
                break;
            }
        }
        self.rows += out.len() as u64;
        self.leaves += reading.leaves();
        Ok(out)
    }

    /// The entities that refer to `e` through `attr`.
    fn referring(&mut self, attr: u32, e: u64, limit: Option<usize>) -> Result<Vec<u64>> {
        let limit = limit.unwrap_or(usize::MAX);
        let mut out = Vec::new();
        let mut reading = self.db.scan(Order::Vaet, &Range::av(attr, Probe::inline(e)));
        for batch in &mut reading {
            let batch = batch?;
            out.extend(batch.e().iter().take(limit - out.len()));
            if out.len() >= limit {
                break;
            }
        }
        self.rows += out.len() as u64;
        self.leaves += reading.leaves();
        Ok(out)
    }
}
