//! The evaluator that is obviously right: facts in a list, rows in maps, clauses one by one, rules until nothing is new.

mod entities;
mod find;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use asof::datom::{EntityId, Val};
use asof::edn::{Edn, Symbol};
use asof::query::functions;
use asof::schema::bootstrap;

use super::ast::*;
use super::world::{Attr, Fact, REGISTERED, World};
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
            Source::Db(v) => Arc::new(world.attrs_in(&super::seen(world.base(v.base).0, v))),
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

    /// The entity that a form names in a source.
    fn entity(&self, source: usize, e: &Entity) -> Option<u64> {
        match e {
            Entity::Id(e) => Some(*e),
            Entity::Ident(k) => self.world.idents.get(k).copied(),
            Entity::Lookup(attr, v) => {
                let a = self.world.attr(attr).id;
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

    fn one(&mut self, c: &Clause, rows: &[Row], visible: &BTreeSet<Var>, default: usize) -> Result<Rows> {
        let first = rows.first().cloned().unwrap_or_default();
        let need = |mut vars: &mut dyn Iterator<Item = Var>| match Iterator::find(&mut vars, |v| !first.contains_key(v))
        {
            Some(_) => Err(Stop::Unbound),
            None => Ok(()),
        };
        let mut out = Vec::new();
        let entities = self.entities.clone();
        match c {
            Clause::Pattern { source, terms } => return self.pattern(source.unwrap_or(default), terms, rows),
            Clause::Pred(name, args) | Clause::Func(name, args, _) => {
                need(&mut args.iter().filter_map(Arg::var))?;
                for row in rows {
                    let args: Vec<Val> = args
                        .iter()
                        .map(|a| match a {
                            Arg::Var(v) => row[v].clone(),
                            Arg::Val(v) => v.clone(),
                        })
                        .collect();
                    let registered = REGISTERED.iter().find(|(known, _)| known == name);
                    let result = match (registered, functions::lookup(&Symbol::new(name))) {
                        (Some((_, f)), _) => f(&args),
                        (None, f) => functions::call(f.expect("the generator knows the functions"), &args),
                    };
                    let result = result.map_err(|_| Stop::Failed)?;
                    match c {
                        Clause::Func(_, _, binding) if result != Val::Nil => {
                            out.extend(take_apart(binding, &result, row, &entities))
                        }
                        Clause::Pred(..) if result.truthy() => out.push(row.clone()),
                        _ => {}
                    }
                }
            }
            Clause::Missing {
                source,
                e,
                attr,
                reverse,
            } => {
                need(&mut [*e].into_iter())?;
                let source = source.unwrap_or(default);
                for row in rows {
                    if self.values(source, &row[e], attr, *reverse).is_empty() {
                        out.push(row.clone());
                    }
                }
            }
            Clause::GetElse {
                source,
                e,
                attr,
                default: other,
                out: to,
            } => {
                need(&mut [*e].into_iter())?;
                for row in rows {
                    let found = self.values(source.unwrap_or(default), &row[e], attr, false);
                    out.extend(take_apart(
                        &Binding::Var(*to),
                        found.first().unwrap_or(other),
                        row,
                        &entities,
                    ));
                }
            }
            Clause::GetSome {
                source,
                e,
                attrs,
                out: to,
            } => {
                need(&mut [*e].into_iter())?;
                for row in rows {
                    let found = attrs.iter().find_map(|a| {
                        let v = self
                            .values(source.unwrap_or(default), &row[e], a, false)
                            .first()
                            .cloned()?;
                        Some(Val::vector([Val::Ref(EntityId(self.world.attr(a).id)), v]))
                    });
                    if let Some(pair) = found {
                        out.extend(take_apart(&Binding::Tuple(to.to_vec()), &pair, row, &entities));
                    }
                }
            }
            Clause::Not { source, join, body } => {
                let mut shared = BTreeSet::new();
                match join {
                    Some(vars) => shared.extend(vars),
                    None => body.iter().for_each(|c| c.vars(&mut shared)),
                }
                shared.retain(|v| join.is_some() || visible.contains(v));
                need(&mut shared.iter().copied())?;
                for row in rows {
                    let inner = vec![only(row, &shared)];
                    let tables = self.tables.take();
                    let found = self.all(body, inner, &shared, source.unwrap_or(default));
                    self.tables = tables;
                    if found?.is_empty() {
                        out.push(row.clone());
                    }
                }
            }
            Clause::Or { source, join, branches } => {
                let mut shared = BTreeSet::new();
                match join {
                    Some((required, free)) => {
                        need(&mut required.iter().copied())?;
                        shared.extend(required.iter().chain(free));
                    }
                    None => branches.iter().flatten().for_each(|c| c.vars(&mut shared)),
                }
                for row in rows {
                    for b in branches {
                        for found in self.all(b, vec![only(row, &shared)], &shared, source.unwrap_or(default))? {
                            let mut row = row.clone();
                            if only(&found, &shared)
                                .iter()
                                .all(|(v, x)| bind(&mut row, *v, x, &entities))
                            {
                                out.push(row);
                            }
                        }
                    }
                }
            }
            Clause::Rule { source, name, args } => {
                let source = source.unwrap_or(default);
                let required = self
                    .query
                    .rules
                    .iter()
                    .find(|r| r.name == *name)
                    .expect("a rule of the query")
                    .required;
                need(&mut args[..required].iter().filter_map(|t| match t {
                    Term::Var(v) => Some(*v),
                    _ => None,
                }))?;
                for row in rows {
                    let mut bound = Vec::new();
                    let mut nothing = false;
                    for t in args {
                        bound.push(match t {
                            Term::Blank => None,
                            Term::Var(v) => row.get(v).cloned(),
                            Term::Val(v) => Some(v.clone()),
                            Term::Entity(e) => match self.entity(source, e) {
                                Some(e) => Some(Val::Ref(EntityId(e))),
                                None => {
                                    nothing = true;
                                    None
                                }
                            },
                        });
                    }
                    if nothing {
                        continue;
                    }
                    for tuple in self.call((*name, source, bound))? {
                        let mut row = row.clone();
                        let fits = args.iter().zip(&tuple).all(|(t, x)| match t {
                            Term::Var(v) => bind(&mut row, *v, x, &entities),
                            _ => true,
                        });
                        if fits {
                            out.push(row);
                        }
                    }
                }
            }
            Clause::Nested {
                query,
                args,
                out: binding,
            } => {
                need(&mut args.iter().copied())?;
                let uses = Arc::new(entities::of(query, self.world));
                for row in rows {
                    let given: Row = query.inputs[0..]
                        .iter()
                        .zip(args)
                        .fold(Row::new(), |mut given, ((b, _), v)| {
                            if let Binding::Var(inner) = b {
                                bind(&mut given, *inner, &row[v], &uses);
                            }
                            given
                        });
                    let mut inside = Naive {
                        world: self.world,
                        query,
                        views: vec![self.views[0].clone()],
                        attrs: vec![self.attrs[0].clone()],
                        entities: uses.clone(),
                        tables: None,
                        done: HashMap::new(),
                        steps: self.steps,
                    };
                    let found = inside.answer_vals(vec![given])?;
                    self.steps = inside.steps;
                    if found != Val::Nil {
                        out.extend(take_apart(binding, &found, row, &entities));
                    }
                }
            }
        }
        self.step(rows.len() + out.len())?;
        Ok(out)
    }

    /// Every fact, or row of a collection, against every row.
    fn pattern(&mut self, source: usize, terms: &[Term], rows: &[Row]) -> Result<Rows> {
        let ref_value = match terms.get(1) {
            Some(Term::Entity(Entity::Ident(a))) => self.world.attr(a).is_ref(),
            _ => false,
        };
        let mut wanted: Vec<Option<Val>> = Vec::new();
        for (i, t) in terms.iter().enumerate() {
            wanted.push(match t {
                Term::Blank | Term::Var(_) => None,
                Term::Val(v) => Some(v.clone()),
                Term::Entity(e) => match self.entity(source, e) {
                    Some(e) => Some(Val::Ref(EntityId(e))),
                    None => return Ok(Vec::new()),
                },
            });
            debug_assert!(i != 2 || ref_value || !matches!(t, Term::Entity(_)));
        }
        let fits = |f: &&[Val]| f.iter().zip(&wanted).all(|(x, w)| w.as_ref().is_none_or(|w| w == x));
        let query = self.query;
        let facts = self.views[source].clone();
        let fitting: Vec<&[Val]> = match &query.sources[source] {
            Source::Rows(rows) => rows.iter().map(|r| &r[..]).filter(fits).collect(),
            Source::Db(_) => facts.iter().map(Fact::positions).filter(fits).collect(),
        };
        self.step(fitting.len() * rows.len() + facts.len() / 8)?;
        let mut out = Vec::new();
        let entities = self.entities.clone();
        for row in rows {
            for fact in &fitting {
                // Most do not fit: look before the row is copied.
                let differs = terms.iter().zip(fact.iter()).any(|(t, x)| match t {
                    Term::Var(v) => row.get(v).is_some_and(|bound| !joins(bound, x)),
                    _ => false,
                });
                if differs {
                    continue;
                }
                let mut row = row.clone();
                let fits = terms.iter().zip(fact.iter()).all(|(t, x)| match t {
                    Term::Var(v) => bind(&mut row, *v, x, &entities),
                    _ => true,
                });
                if fits {
                    out.push(row);
                }
            }
            if out.len() > 10 * ROWS_MAX {
                return Err(Stop::TooMuch);
            }
        }
        Ok(out)
    }

    /// The values of an attribute of an entity, or with `reverse` what refers to it, in order.
    fn values(&self, source: usize, e: &Val, attr: &str, reverse: bool) -> Vec<Val> {
        let a = self.world.attr(attr).id;
        // A history has several; the one asserted last is the value.
        if let (Source::Db(View { history: true, .. }), false) = (&self.query.sources[source], reverse) {
            let facts = self.views[source].iter().filter(|f| f.a == a && f.added);
            let mine = facts.filter(|f| joins(e, &Val::Ref(EntityId(f.e))));
            return mine.max_by_key(|f| f.t).map(|f| f.v.clone()).into_iter().collect();
        }
        let facts = self.views[source].iter().filter(|f| f.a == a && f.added);
        let mut found: Vec<Val> = match reverse {
            false => facts
                .filter(|f| joins(e, &Val::Ref(EntityId(f.e))))
                .map(|f| f.v.clone())
                .collect(),
            true => facts
                .filter(|f| joins(e, &f.v))
                .map(|f| Val::Ref(EntityId(f.e)))
                .collect(),
        };
        found.sort();
        found
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
