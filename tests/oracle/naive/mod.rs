//! The evaluator that is obviously right: facts in a list, rows in maps, clauses one by one, rules until nothing is new.

mod clause;
mod entities;
mod find;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use asof::datom::{EntityId, Val};
use asof::edn::Edn;
use asof::schema::bootstrap;

use super::ast::*;
use super::world::{Attr, Fact, World};
pub use find::named;

pub type Row = BTreeMap<Var, Val>;
type Rows = Vec<Row>;

/// Why there is no answer.
#[derive(Debug)]
pub enum Stop {
    /// A clause needs variables that are not bound.
    Unbound,
    /// A function refused its arguments.
    Failed,
    /// More work than a test should do.
    TooMuch,
}
type Result<X> = std::result::Result<X, Stop>;

const ROWS_MAX: usize = 3000;
const STEPS_MAX: usize = 3_000_000;

/// A call of a rule: its name, the source it reads, the arguments that are bound.
type Call = (usize, usize, Vec<Option<Val>>);
type Table = BTreeSet<Vec<Val>>;

pub struct Naive<'a> {
    world: &'a World,
    query: &'a Query,
    views: Vec<Arc<Vec<Fact>>>,
    /// The attributes as they are in the views.
    attrs: Vec<Arc<Vec<Attr>>>,
    entities: Arc<Entities>,
    /// Tables of the fixpoint that is on its way.
    tables: Option<BTreeMap<Call, Table>>,
    done: HashMap<Call, Table>,
    steps: usize,
}

/// The rows of an answer, in order where the query fixes one.
pub struct Found {
    pub rows: Vec<Vec<Edn>>,
    pub ordered: bool,
}

/// The facts that a view shows.
pub fn view(facts: &[Fact], view: &View) -> Vec<Fact> {
    let kept = |f: &Fact| {
        let schema = bootstrap::SCHEMA_ATTRS.iter().any(|a| u64::from(*a) == f.a);
        schema || view.filter.is_none_or(|filter| filter.keeps(f.e, f.a, f.t))
    };
    let until = view.as_of.unwrap_or(u64::MAX);
    let after = |t: u64| view.since.is_none_or(|s| t > s);
    let seen = facts.iter().filter(|f| f.t <= until);
    if view.history {
        return seen.filter(|f| after(f.t) && kept(f)).cloned().collect();
    }
    let mut last: BTreeMap<(u64, u64, &Val), &Fact> = BTreeMap::new();
    for f in seen {
        last.insert((f.e, f.a, &f.v), f);
    }
    let held = last.into_values().filter(|f| f.added && after(f.t) && kept(f));
    held.cloned().collect()
}

/// Whether two values are one for joins: of different types, only an entity and its number are.
fn joins(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::Ref(e), Val::Long(n)) | (Val::Long(n), Val::Ref(e)) => *n >= 0 && e.0 == *n as u64,
        _ => a == b,
    }
}

/// Variables that a clause uses as entities: their numbers are entities.
type Entities = BTreeSet<Var>;

fn bind(row: &mut Row, var: Var, value: &Val, entities: &Entities) -> bool {
    let value = match value {
        Val::Long(n) if *n >= 0 && entities.contains(&var) => Val::Ref(EntityId(*n as u64)),
        v => v.clone(),
    };
    let known = row.entry(var).or_insert_with(|| value.clone());
    let same = joins(known, &value);
    // Of an entity and its number, the entity is kept.
    if same && matches!(value, Val::Ref(_)) {
        *known = value;
    }
    same
}

fn home<'w>(world: &'w World, query: &Query, source: usize) -> &'w World {
    match &query.sources[source] {
        Source::Db(v) => world.of(v.base),
        Source::Rows(_) => world,
    }
}

fn only(row: &Row, vars: &BTreeSet<Var>) -> Row {
    row.iter()
        .filter(|(v, _)| vars.contains(v))
        .map(|(v, x)| (*v, x.clone()))
        .collect()
}

/// All rows that a value gives when a binding form takes it apart.
fn take_apart(binding: &Binding, value: &Val, row: &Row, entities: &Entities) -> Rows {
    let tuple = |forms: &[Binding], value: &Val, row: &Row| -> Rows {
        match value.as_seq() {
            Some(items) if items.len() >= forms.len() => {
                forms.iter().zip(items).fold(vec![row.clone()], |rows, (f, x)| {
                    rows.iter().flat_map(|row| take_apart(f, x, row, entities)).collect()
                })
            }
            _ => Vec::new(),
        }
    };
    match binding {
        Binding::Blank => vec![row.clone()],
        Binding::Var(_) if *value == Val::Nil => Vec::new(),
        Binding::Var(v) => {
            let mut row = row.clone();
            if bind(&mut row, *v, value, entities) {
                vec![row]
            } else {
                Vec::new()
            }
        }
        Binding::Tuple(forms) => tuple(forms, value, row),
        Binding::Coll(form) => value
            .items()
            .iter()
            .flat_map(|i| i.iter())
            .flat_map(|x| take_apart(form, x, row, entities))
            .collect(),
        Binding::Rel(forms) => value
            .items()
            .iter()
            .flat_map(|i| i.iter())
            .flat_map(|x| tuple(forms, x, row))
            .collect(),
    }
}

impl<'a> Naive<'a> {
    pub fn new(world: &'a World, query: &'a Query) -> Naive<'a> {
        let views = query.sources.iter().map(|s| match s {
            Source::Db(v) => Arc::new(view(world.base(v.base).1, v)),
            Source::Rows(_) => Arc::default(),
        });
        let attrs = query.sources.iter().map(|s| match s {
            Source::Db(v) => Arc::new(world.of(v.base).attrs_in(&super::seen(world.base(v.base).0, v))),
            Source::Rows(_) => Arc::default(),
        });
        Naive {
            world,
            query,
            attrs: attrs.collect(),
            views: views.collect(),
            entities: Arc::new(entities::of(query, world)),
            tables: None,
            done: HashMap::new(),
            steps: 0,
        }
    }

    pub fn answer(&mut self) -> Result<Found> {
        let entities = self.entities.clone();
        let mut rows = vec![Row::new()];
        for (binding, data) in &self.query.inputs {
            let mut next = Vec::new();
            if let Some(value) = self.meant(binding, data) {
                for row in &rows {
                    next.extend(take_apart(binding, &value, row, &entities));
                }
            }
            rows = next;
        }
        self.answer_from(rows)
    }

    fn answer_from(&mut self, rows: Rows) -> Result<Found> {
        let mut scope = BTreeSet::new();
        self.query.inputs.iter().for_each(|(b, _)| b.vars(&mut scope));
        let clauses = &self.query.clauses;
        let rows = self.all(clauses, rows, &scope, 0)?;
        self.find(&rows)
    }

    /// What an input stands for; `None`: it names nothing. In a collection, what names nothing is left out; a tuple with it is
    /// no tuple.
    fn meant(&self, binding: &Binding, data: &Data) -> Option<Val> {
        let blank = &Binding::Blank;
        let tuple = |forms: &[Binding], items: &[Data]| {
            let forms = forms.iter().chain(std::iter::repeat(blank));
            let found: Option<Vec<Val>> = forms.zip(items).map(|(form, item)| self.meant(form, item)).collect();
            found.map(Val::vector)
        };
        match (binding, data) {
            (_, Data::Val(v)) => Some(v.clone()),
            (_, Data::Entity(e)) => self.entity(0, e).map(|e| Val::Ref(EntityId(e))),
            (Binding::Coll(form), Data::All(items)) => Some(Val::vector(
                items.iter().filter_map(|i| self.meant(form, i)).collect::<Vec<_>>(),
            )),
            (Binding::Rel(forms), Data::All(rows)) => {
                let rows = rows.iter().filter_map(|row| match row {
                    Data::All(items) => tuple(forms, items),
                    other => self.meant(blank, other),
                });
                Some(Val::vector(rows.collect::<Vec<_>>()))
            }
            (Binding::Tuple(forms), Data::All(items)) => tuple(forms, items),
            (_, Data::All(items)) => tuple(&[], items),
            (form, Data::Pairs(pairs)) => {
                let rows = pairs.iter().map(|(k, v)| Data::All(vec![k.clone(), v.clone()]));
                self.meant(form, &Data::All(rows.collect()))
            }
        }
    }

    /// Whose schema a source has.
    fn home(&self, source: usize) -> &'a World {
        home(self.world, self.query, source)
    }

    /// The entity that a form names in a source.
    fn entity(&self, source: usize, e: &Entity) -> Option<u64> {
        match e {
            Entity::Id(e) => Some(*e),
            Entity::Ident(k) => self.home(source).idents.get(k).copied(),
            Entity::Lookup(attr, v) => {
                let a = self.home(source).attr(attr).id;
                let mut owners = self.views[source].iter().filter(|f| f.a == a && f.v == *v);
                owners.next().map(|f| f.e)
            }
        }
    }

    fn step(&mut self, n: usize) -> Result<()> {
        self.steps += n;
        if self.steps > STEPS_MAX {
            Err(Stop::TooMuch)
        } else {
            Ok(())
        }
    }

    /// The rows that satisfy all clauses.
    fn all(&mut self, clauses: &[Clause], rows: Rows, scope: &BTreeSet<Var>, source: usize) -> Result<Rows> {
        let mut visible = scope.clone();
        clauses.iter().for_each(|c| c.binds(&mut visible));
        let (rows, left) = self.those(clauses.iter().collect(), rows, &visible, source)?;
        match left.is_empty() || rows.is_empty() {
            true => Ok(rows),
            false => Err(Stop::Unbound),
        }
    }

    /// The rows that satisfy the clauses, each taken as soon as what it needs is bound, and the clauses that wait for ever.
    ///
    /// Where a function fails on a row, all other clauses are asked: if one excludes the row, the failure does not count.
    fn those<'c>(
        &mut self,
        mut todo: Vec<&'c Clause>,
        mut rows: Rows,
        visible: &BTreeSet<Var>,
        source: usize,
    ) -> Result<(Rows, Vec<&'c Clause>)> {
        let mut done = Rows::new();
        while !todo.is_empty() {
            let Some(first) = rows.first() else { break };
            todo.sort_by_key(|c| expense(c, first));
            let mut taken = None;
            for (i, c) in todo.iter().enumerate() {
                match self.one(c, &rows, visible, source) {
                    Err(Stop::Unbound) => {}
                    Err(Stop::Failed) => {
                        taken = Some((i, None));
                        break;
                    }
                    other => {
                        taken = Some((i, Some(other?)));
                        break;
                    }
                }
            }
            let Some((i, next)) = taken else { break };
            let c = todo.remove(i);
            rows = match next {
                Some(next) => next,
                None => {
                    let mut next = Rows::new();
                    for row in rows {
                        match self.one(c, std::slice::from_ref(&row), visible, source) {
                            Ok(found) => next.extend(found),
                            Err(Stop::Failed) => {
                                let (held, left) = self.those(todo.clone(), vec![row], visible, source)?;
                                if held.is_empty() {
                                    continue;
                                }
                                // A clause with others inside may do with what is bound by now.
                                if !matches!(c, Clause::Not { .. } | Clause::Or { .. } | Clause::Rule { .. }) {
                                    return Err(Stop::Failed);
                                }
                                let found = self.one(c, &held, visible, source)?;
                                let (found, left) = self.those(left, found, visible, source)?;
                                if !left.is_empty() && !found.is_empty() {
                                    return Err(Stop::Failed);
                                }
                                done.extend(found);
                            }
                            Err(other) => return Err(other),
                        }
                    }
                    next
                }
            };
            rows.sort();
            rows.dedup();
            if rows.len() > ROWS_MAX {
                return Err(Stop::TooMuch);
            }
        }
        if rows.is_empty() {
            todo.clear();
        }
        rows.extend(done);
        Ok((rows, todo))
    }

    /// The tuples of a rule. Inside a fixpoint, what is known so far; otherwise the fixpoint is run: all tables are made again
    /// from each other until nothing is new. A `not` runs its own to the end, since what it asks is of a lower stratum.
    fn call(&mut self, call: Call) -> Result<Table> {
        if let Some(table) = self.done.get(&call) {
            return Ok(table.clone());
        }
        if let Some(tables) = &mut self.tables {
            return Ok(tables.entry(call).or_default().clone());
        }
        self.tables = Some(BTreeMap::from([(call.clone(), Table::new())]));
        let result = self.fixpoint();
        let tables = self.tables.take().expect("set above");
        result?;
        let table = tables[&call].clone();
        self.done.extend(tables);
        Ok(table)
    }

    fn fixpoint(&mut self) -> Result<()> {
        loop {
            let known = self.tables.clone().expect("a fixpoint is on its way");
            for (call, table) in &known {
                let mut table = table.clone();
                for rule in self.query.rules.iter().filter(|r| r.name == call.0) {
                    let bound = rule.head.iter().zip(&call.2);
                    let row = bound.filter_map(|(v, x)| x.clone().map(|x| (*v, x))).collect();
                    let scope = rule.head.iter().copied().collect();
                    for row in self.all(&rule.body, vec![row], &scope, call.1)? {
                        table.insert(rule.head.iter().map(|v| row[v].clone()).collect());
                    }
                }
                self.tables
                    .as_mut()
                    .expect("put back by `all`")
                    .insert(call.clone(), table);
            }
            if *self.tables.as_ref().expect("put back by `all`") == known {
                return Ok(());
            }
        }
    }
}

/// Tests first, then what is bound most, then what has parts.
fn expense(c: &Clause, row: &Row) -> usize {
    match c {
        Clause::Pred(..)
        | Clause::Func(..)
        | Clause::Missing { .. }
        | Clause::GetElse { .. }
        | Clause::GetSome { .. } => 0,
        Clause::TxIds { .. } | Clause::TxData { .. } => 2,
        Clause::Pattern { terms, .. } => {
            let open = |t: &&Term| match t {
                Term::Blank => true,
                Term::Var(v) => !row.contains_key(v),
                _ => false,
            };
            1 + terms.iter().take(3).filter(open).count()
        }
        Clause::Not { .. } => 5,
        Clause::Rule { .. } => 6,
        Clause::Or { .. } => 7,
        Clause::Nested { .. } => 8,
    }
}
