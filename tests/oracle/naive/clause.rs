//! One clause after another: what it makes of the rows so far.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use asof::datom::{EntityId, TxId, Val};
use asof::edn::Symbol;
use asof::query::functions;

use super::super::ast::*;
use super::super::world::{ANOTHER, Fact, REGISTERED};
use super::{Naive, ROWS_MAX, Result, Row, Rows, Stop, bind, entities, joins, only, take_apart};

/// The t of a number or a transaction; `None` is open.
fn moment(arg: &Arg, row: &Row) -> Option<u64> {
    let value = match arg {
        Arg::Var(v) => &row[v],
        Arg::Val(v) => v,
    };
    match value {
        Val::Long(t) => u64::try_from(*t).ok(),
        Val::Ref(e) => Some(TxId(e.0).t()),
        _ => None,
    }
}

impl<'a> Naive<'a> {
    pub(super) fn one(&mut self, c: &Clause, rows: &[Row], visible: &BTreeSet<Var>, default: usize) -> Result<Rows> {
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
                let home = self.home(source.unwrap_or(default));
                for row in rows {
                    let found = attrs.iter().find_map(|a| {
                        let v = self
                            .values(source.unwrap_or(default), &row[e], a, false)
                            .first()
                            .cloned()?;
                        Some(Val::vector([Val::Ref(EntityId(home.attr(a).id)), v]))
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
            Clause::TxIds {
                source,
                from,
                to,
                out: form,
            } => {
                need(&mut [from, to].into_iter().filter_map(|a| a.var()))?;
                for row in rows {
                    let (from, to) = (moment(from, row), moment(to, row));
                    let txs = self
                        .log(*source)
                        .filter(|f| from.is_none_or(|t| f.t >= t) && to.is_none_or(|t| f.t < t));
                    let txs: BTreeSet<Val> = txs.map(|f| f.positions()[3].clone()).collect();
                    for tx in txs {
                        out.extend(take_apart(form, &tx, row, &entities));
                    }
                }
            }
            Clause::TxData { source, tx, out: forms } => {
                need(&mut tx.var().into_iter())?;
                for row in rows {
                    let t = moment(tx, row);
                    let said = self.log(*source).filter(|f| Some(f.t) == t);
                    let said = said.map(|f| Val::vector(f.positions().iter().cloned()));
                    let said = Val::vector(said.collect::<Vec<_>>());
                    out.extend(take_apart(&Binding::Rel(forms.clone()), &said, row, &entities));
                }
            }
            Clause::Nested {
                source,
                query,
                args,
                out: binding,
            } => {
                need(&mut args.iter().copied())?;
                let uses = Arc::new(entities::of(query, self.world));
                for row in rows {
                    let inputs = query.inputs.iter().zip(args);
                    let given = inputs.fold(Row::new(), |mut given, ((b, _), v)| {
                        if let Binding::Var(inner) = b {
                            bind(&mut given, *inner, &row[v], &uses);
                        }
                        given
                    });
                    let mut inside = Naive {
                        world: self.world,
                        query,
                        views: vec![self.views[*source].clone()],
                        attrs: vec![self.attrs[*source].clone()],
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

    /// The facts of a source's log, those of every moment that its view shows.
    fn log(&self, source: usize) -> impl Iterator<Item = &'a Fact> + use<'a> {
        let Source::Db(view) = &self.query.sources[source] else {
            unreachable!("a collection has no log")
        };
        let (since, until) = (view.since, view.as_of);
        let world = match view.base {
            ANOTHER => self.world.another.as_deref().expect("there is another"),
            base => self.world.of(base),
        };
        let from = world.first_t;
        let seen = world
            .facts
            .iter()
            .filter(move |f| f.t >= from && since.is_none_or(|t| f.t > t));
        seen.filter(move |f| until.is_none_or(|t| f.t <= t))
    }

    /// Every fact, or row of a collection, against every row.
    fn pattern(&mut self, source: usize, terms: &[Term], rows: &[Row]) -> Result<Rows> {
        let ref_value = match terms.get(1) {
            Some(Term::Entity(Entity::Ident(a))) => self.home(source).attr(a).is_ref(),
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
        let a = self.home(source).attr(attr).id;
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
}
