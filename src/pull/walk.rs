//! A pattern walked over a database value, for any number of entities.
//!
//! First the facts are read, a level at a time: those of the entities asked for, then those of the entities that these lead to, and so on.
//! Then the maps are made, by going down entity by entity. The way down is an explicit stack of [`Frame`]s, so the depth of the data
//! never uses up the native one. A frame is made with all that its entity's own facts give; where something is to be pulled below,
//! its map has a gap, and the entities that belong there are pulled one by one, each by a frame on top.

use std::ops::Range as Span;
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashSet;

use super::facts::Facts;
use super::parse::{LIMIT_DEFAULT, Pattern, Spec};
use super::plan::{self, Depths, Enter, Plan};
use super::texts::{Texts, id_map, nils, set};
use crate::datom::{EntityId, ValueType};
use crate::db::Db;
use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result};
use crate::schema::Schema;

/// The most entities in the result of one pull: recursion over a dense graph has more ways than memory.
pub const ENTITIES_MAX: u64 = 2_000_000;
/// So many entities are pulled together, and so many are read between two looks at the budget.
const TOGETHER: usize = 1024;

static EVERYTHING: LazyLock<Pattern> = LazyLock::new(Pattern::everything);

/// Pulls one pattern for any number of entities: best for many at once.
pub struct Puller<'p> {
    db: Db,
    then: Arc<Schema>,
    plans: Vec<Plan<'p>>,
    facts: Facts,
    texts: Texts,
    /// What a wildcard shows of attributes, as far as they were met; by attribute.
    shown: Vec<(u32, Option<Shown>)>,
    /// Asked at every entity, with about the bytes that the results take so far; an error ends the pull.
    check: Option<&'p dyn Fn(usize) -> Result<()>>,
    /// Entities in the result under way.
    entities: u64,
    bytes: usize,
    /// What is to be pulled below the entities on the way: of each those of its parts, last first.
    below: Vec<Below<'p>>,
    /// The rows of each step of an entity; kept for its memory.
    runs: Vec<Span<usize>>,
}

/// What a wildcard shows of an attribute.
struct Shown {
    key: Edn,
    value_type: ValueType,
    one: bool,
    /// A component: everything of it is shown.
    below: bool,
}

/// An entity on its way to be a map.
struct Frame {
    plan: usize,
    e: u64,
    left: Depths,
    out: Vec<(Edn, Edn)>,
    /// Places for which nothing was found, ascending.
    gaps: Vec<usize>,
    /// How many of [`Puller::below`] belong to the entities above.
    base: usize,
    /// Whether this frame put itself into the ways (recursion, wildcard).
    marks: (bool, bool),
}

/// Entities to be pulled for one key.
struct Below<'p> {
    /// Its place in the map.
    at: usize,
    spec: Option<&'p Spec>,
    /// Their places among the facts.
    ids: Span<usize>,
    found: Vec<Edn>,
    /// One map instead of a vector.
    one: bool,
    /// How many were found.
    filled: usize,
    enter: Enter,
}

/// Entities on the way from the root, under which plan; `usize::MAX` stands for every plan with a wildcard.
type Ways = FxHashSet<(usize, u64)>;

const WILDCARD: usize = usize::MAX;

/// An entity to be read: its plan, and how far recursions go on from it.
type Ahead = (usize, u64, Depths);

impl<'p> Puller<'p> {
    /// A puller of `pattern` in the view of `db`; a history view has no current values to show.
    pub fn new(db: &Db, pattern: &'p Pattern) -> Result<Puller<'p>> {
        refuse_history(db, "pull")?;
        let then = db.schema_then()?;
        let plans = Plan::all(pattern, &EVERYTHING, &then, db.schema());
        Ok(Puller {
            facts: Facts::new(db, plans.len()),
            db: db.clone(),
            then,
            plans,
            texts: Texts::default(),
            shown: Vec::new(),
            check: None,
            entities: 0,
            bytes: 0,
            below: Vec::new(),
            runs: Vec::new(),
        })
    }

    /// Asks `check` at every entity, also inside a long pull, with about the bytes that the results take so far; its error
    /// ends the pull.
    pub fn checked(self, check: &'p dyn Fn(usize) -> Result<()>) -> Puller<'p> {
        Puller {
            check: Some(check),
            ..self
        }
    }

    /// How many rows and leaves it has read so far.
    pub fn read(&self) -> (u64, u64) {
        self.facts.read()
    }

    /// What the pattern finds at an entity; `None` when there is nothing.
    pub fn pull(&mut self, entity: EntityId) -> Result<Option<Edn>> {
        let mut found = None;
        self.pull_all([Ok(Some(entity))], |form| found = form)?;
        Ok(found)
    }

    /// Calls `found` with what the pattern finds at each of `entities`, in their order.
    pub fn pull_all(
        &mut self,
        entities: impl IntoIterator<Item = Result<Option<EntityId>>>,
        mut found: impl FnMut(Option<Edn>),
    ) -> Result<()> {
        let mut entities = entities.into_iter();
        let mut some: Vec<Option<EntityId>> = Vec::new();
        loop {
            some.clear();
            for e in entities.by_ref().take(TOGETHER) {
                some.push(e?);
            }
            if some.is_empty() {
                return Ok(());
            }
            self.facts.clear();
            self.read_ahead(some.iter().flatten().map(|e| e.0))?;
            for e in &some {
                let form = match e {
                    Some(e) => self.build(e.0)?,
                    None => None,
                };
                found(form);
            }
        }
    }

    fn ask(&self) -> Result<()> {
        match self.check {
            Some(check) => check(self.bytes + self.facts.bytes()),
            None => Ok(()),
        }
    }

    /// Reads the facts of entities and of those that they lead to, level by level. What is missed (where several bounded recursions
    /// cross, and beyond what one pull may hold) is read when it is met.
    fn read_ahead(&mut self, roots: impl Iterator<Item = u64>) -> Result<()> {
        let root = self.plans[0].depths.clone();
        let mut level: Vec<Ahead> = roots.map(|e| (0, e, root.clone())).collect();
        let mut keys: Vec<u64> = Vec::new();
        let mut read = 0;
        while !level.is_empty() && read < ENTITIES_MAX {
            level.sort_unstable_by_key(|(plan, e, _)| (*plan, *e));
            level.dedup_by_key(|(plan, e, _)| (*plan, *e));
            level.retain(|(plan, e, _)| !self.facts.has(&self.plans[*plan], *e));
            let mut next = Vec::new();
            for part in level.chunk_by(|x, y| x.0 == y.0) {
                for part in part.chunks(TOGETHER) {
                    self.ask()?;
                    keys.clear();
                    keys.extend(part.iter().map(|(_, e, _)| *e));
                    self.facts.load(&self.plans[part[0].0], &keys)?;
                    read += keys.len() as u64;
                    if self.plans[part[0].0].leads {
                        for (k, ahead) in part.iter().enumerate() {
                            self.look_below(ahead, self.facts.loaded(k), &mut next);
                        }
                    }
                }
            }
            level = next;
        }
        Ok(())
    }

    /// Adds the entities that the facts of one lead to; `rows` are those facts.
    fn look_below(&mut self, (at, e, left): &Ahead, rows: Span<usize>, next: &mut Vec<Ahead>) {
        let plan = &self.plans[*at];
        for step in &plan.steps {
            let Some(enter) = step.enter else { continue };
            let Some(below) = enter.below(&self.plans, left) else {
                continue;
            };
            let rows = match step.spec.reverse {
                true => self.facts.referring(plan, *e),
                false => rows.clone(),
            };
            let ids = self.facts.run(rows, step.spec.attr);
            let ids = self.facts.words(ids).iter().take(step.limit);
            next.extend(ids.map(|id| (enter.plan, *id, below.clone())));
        }
        if plan.pattern.wildcard {
            let everything = self.plans.len() - 1;
            let (mut at, end, mut hint) = (rows.start, rows.end, 0);
            while at < end {
                let attr = self.facts.attrs(at..end)[0];
                let run = self.facts.run(at..end, attr);
                at = run.end;
                let shown = wildcard_shows(&mut self.shown, &mut hint, &self.then, &self.db, attr);
                if let Some(shown) = shown.filter(|shown| shown.below)
                    && !plan.covers(attr)
                {
                    let limit = if shown.one { 1 } else { LIMIT_DEFAULT };
                    let ids = self.facts.words(run).iter().take(limit);
                    next.extend(ids.map(|id| (everything, *id, None)));
                }
            }
        }
    }

    /// Makes the map of an entity.
    fn build(&mut self, e: u64) -> Result<Option<Edn>> {
        let mut ways = Ways::default();
        self.entities = 0;
        self.below.clear();
        let mut stack: Vec<Frame> = Vec::new();
        let left = self.plans[0].depths.clone();
        let mut entering = Some((0, e, left));
        loop {
            if let Some((plan, e, left)) = entering.take() {
                let base = self.below.len();
                let out = self.enter(plan, e, &left)?;
                if self.below.len() > base {
                    let pattern = self.plans[plan].pattern;
                    stack.push(Frame {
                        plan,
                        e,
                        left,
                        out,
                        gaps: Vec::new(),
                        base,
                        marks: (
                            pattern.recursions > 0 && ways.insert((plan, e)),
                            pattern.wildcard && ways.insert((WILDCARD, e)),
                        ),
                    });
                } else {
                    match stack.last_mut() {
                        Some(above) if !out.is_empty() => fill(above, &mut self.below, Node::Map(out)),
                        Some(_) => {}
                        None => return Ok(finished(out)),
                    }
                }
            }
            let top = stack.last_mut().expect("the loop ends when the root is popped");
            if self.below.len() == top.base {
                let done = stack.pop().expect("it was there a line above");
                let out = done.leave(&mut ways);
                match stack.last_mut() {
                    Some(above) if !out.is_empty() => fill(above, &mut self.below, Node::Map(out)),
                    Some(_) => {}
                    None => return Ok(finished(out)),
                }
                continue;
            }
            let below = self.below.last_mut().expect("there are more than the base");
            let Some(place) = below.ids.next() else {
                let below = self.below.pop().expect("it was there a line above");
                below.finish(top)?;
                continue;
            };
            let e = self.facts.words(place..place + 1)[0];
            let enter = below.enter;
            let way = match enter.slot {
                Some(_) => Some(enter.plan),
                None => (below.enter.plan + 1 == self.plans.len()).then_some(WILDCARD),
            };
            if way.is_some_and(|way| ways.contains(&(way, e))) {
                fill(top, &mut self.below, id_map(e));
                continue;
            }
            let left = enter.below(&self.plans, &top.left).unwrap_or_default();
            entering = Some((enter.plan, e, left));
        }
    }

    /// The map of an entity: all that its own facts give is in it, and what is below it among those to be pulled.
    fn enter(&mut self, at: usize, e: u64, left: &Depths) -> Result<Vec<(Edn, Edn)>> {
        self.entities += 1;
        if self.entities > ENTITIES_MAX {
            let message = format!("the pull reached its limit of {ENTITIES_MAX} entities");
            return Err(Error::new(Code::QueryLimit, message)
                .hint("bound the recursion ({:a/ref 3}) or the number of values ([:a/ref :limit 100])"));
        }
        self.ask()?;
        let rows = match self.facts.of(&self.plans[at], e) {
            Some(rows) => rows,
            None => {
                self.facts.load(&self.plans[at], &[e])?;
                self.facts.loaded(0)
            }
        };
        let plan = &self.plans[at];
        let base = self.below.len();
        let mut room = plan.steps.len() + usize::from(plan.pattern.id_key.is_some());
        if plan.pattern.wildcard {
            room += self.facts.attrs(rows.clone()).chunk_by(|x, y| x == y).count();
        }
        let mut out = Entries::with_room(room);
        if let Some(key) = &plan.pattern.id_key {
            set(out.add(key), Node::Long(e as i64));
        }
        if plan.pattern.wildcard {
            // Every attribute that no part asks for by itself, in the order in which attributes were made.
            let (mut next, mut hint) = (rows.start, 0);
            while next < rows.end {
                let attr = self.facts.attrs(next..rows.end)[0];
                let run = self.facts.run(next..rows.end, attr);
                next = run.end;
                if plan.covers(attr) {
                    continue;
                }
                let Some(shown) = wildcard_shows(&mut self.shown, &mut hint, &self.then, &self.db, attr) else {
                    continue;
                };
                let run = run.start..run.end.min(run.start + if shown.one { 1 } else { LIMIT_DEFAULT });
                let place = out.len;
                let slot = out.add(&shown.key);
                if shown.below {
                    let (plan, slot) = (self.plans.len() - 1, None);
                    let enter = Enter { plan, slot };
                    self.below.push(Below::new(place, None, run, shown.one, enter));
                } else {
                    let values = self.facts.words(run);
                    self.texts
                        .show(self.db.words(), shown.value_type, values, shown.one, slot)?;
                }
            }
        }
        self.facts.runs(plan, rows, &mut self.runs);
        for (step, run) in plan.steps.iter().zip(&self.runs) {
            let spec = step.spec;
            let run = match spec.reverse {
                false => run.clone(),
                true => self.facts.run(self.facts.referring(plan, e), spec.attr),
            };
            if run.is_empty() {
                if let Some(default) = &spec.default {
                    *out.add(&spec.key) = default.node.clone();
                }
                continue;
            }
            let run = run.start..run.end.min(run.start.saturating_add(step.limit));
            match step.enter {
                Some(enter) if enter.ends(left) => {}
                Some(enter) => {
                    self.below.push(Below::new(out.len, Some(spec), run, step.one, enter));
                    out.add(&spec.key);
                }
                None => {
                    let slot = out.add(&spec.key);
                    let ty = if spec.reverse { ValueType::Ref } else { spec.value_type };
                    self.texts
                        .show(self.db.words(), ty, self.facts.words(run), step.one, slot)?;
                    if spec.xform.is_some() {
                        *slot = changed(spec, std::mem::replace(slot, Node::Nil).into())?.into_node();
                    }
                }
            }
        }
        let out = out.finish();
        // They are taken from the end; the order of the pattern is the order of the work.
        self.below[base..].reverse();
        let ids: usize = self.below[base..].iter().map(|b| b.ids.len()).sum();
        self.bytes += out.capacity() * size_of::<(Edn, Edn)>() + ids * size_of::<Edn>();
        if self.below.len() > base {
            self.bytes += size_of::<Frame>() + (self.below.len() - base) * size_of::<Below>();
        }
        Ok(out)
    }
}

/// A map being made. Forms are large to move, so there is one for each entry from the beginning, and all are filled in where they are.
struct Entries {
    pairs: Vec<(Edn, Edn)>,
    len: usize,
}

impl Entries {
    fn with_room(room: usize) -> Entries {
        Entries {
            pairs: std::iter::repeat_with(|| (Edn::nil(), Edn::nil())).take(room).collect(),
            len: 0,
        }
    }

    /// The place of the next value, which is nil.
    #[inline(always)]
    fn add(&mut self, key: &Edn) -> &mut Node {
        let (place, value) = &mut self.pairs[self.len];
        self.len += 1;
        match &key.node {
            Node::Keyword(name) => set(&mut place.node, Node::Keyword(name.clone())),
            _ => *place = key.clone(),
        }
        &mut value.node
    }

    fn finish(mut self) -> Vec<(Edn, Edn)> {
        self.pairs.truncate(self.len);
        self.pairs
    }
}

/// What a wildcard shows of an attribute; `None` of one that the schema does not have. Attributes are asked for in ascending order; `hint`
/// is where the one before stands.
fn wildcard_shows<'s>(
    met: &'s mut Vec<(u32, Option<Shown>)>,
    hint: &mut usize,
    then: &Schema,
    db: &Db,
    attr: u32,
) -> Option<&'s Shown> {
    if met.get(*hint).is_none_or(|(a, _)| *a != attr) {
        *hint += met[*hint..].partition_point(|(a, _)| *a < attr);
    }
    if met.get(*hint).is_none_or(|(a, _)| *a != attr) {
        let now = db.schema();
        let known = plan::known(then, now, attr).zip(now.attr(attr));
        let shown = known.map(|(as_then, as_now)| Shown {
            key: Node::Keyword(as_now.ident.clone()).into(),
            value_type: as_now.value_type,
            one: as_then.is_one(),
            below: as_now.is_ref() && as_then.is_component,
        });
        met.insert(*hint, (attr, shown));
    }
    *hint += 1;
    met[*hint - 1].1.as_ref()
}

impl Frame {
    /// The finished map.
    fn leave(mut self, ways: &mut Ways) -> Vec<(Edn, Edn)> {
        if self.marks.0 {
            ways.remove(&(self.plan, self.e));
        }
        if self.marks.1 {
            ways.remove(&(WILDCARD, self.e));
        }
        while let Some(at) = self.gaps.pop() {
            self.out.remove(at);
        }
        self.out
    }
}

fn finished(out: Vec<(Edn, Edn)>) -> Option<Edn> {
    (!out.is_empty()).then(|| Node::Map(out).into())
}

/// Gives a map to the one that waits for it: the last of `below` is what `above` is at.
fn fill(above: &mut Frame, below: &mut [Below], map: Node) {
    if let Some(waiting) = below.last_mut() {
        match waiting.one {
            true => set(&mut above.out[waiting.at].1.node, map),
            false => set(&mut waiting.found[waiting.filled].node, map),
        }
        waiting.filled += 1;
    }
}

impl<'p> Below<'p> {
    fn new(at: usize, spec: Option<&'p Spec>, ids: Span<usize>, one: bool, enter: Enter) -> Below<'p> {
        Below {
            at,
            spec,
            found: nils(if one { 0 } else { ids.len() }),
            ids,
            one,
            filled: 0,
            enter,
        }
    }

    /// Everything below is there: it fills its place in the map.
    fn finish(mut self, map: &mut Frame) -> Result<()> {
        let slot = &mut map.out[self.at].1;
        if self.filled > 0 {
            self.found.truncate(self.filled);
            let value = match self.one {
                true => std::mem::replace(slot, Edn::nil()),
                false => Node::Vector(self.found).into(),
            };
            *slot = match self.spec {
                Some(spec) => changed(spec, value)?,
                None => value,
            };
        } else if let Some(default) = self.spec.and_then(|spec| spec.default.as_ref()) {
            *slot = default.clone();
        } else {
            map.gaps.push(self.at);
        }
        Ok(())
    }
}

fn changed(spec: &Spec, value: Edn) -> Result<Edn> {
    match &spec.xform {
        Some((_, f)) => f(value).map_err(|e| e.at(spec.span)),
        None => Ok(value),
    }
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
