//! Rows -> answer: aggregates by group, pulls, order, limit.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::answer::Answer;
use super::ast::{Ast, Find, FindElem, Having, HavingArg, PullPattern, Shape, Var};
use super::budget::Meter;
use super::cache::Setup;
use super::column::{Column, Tag};
use super::functions::Callable;
use super::functions::aggregate::{self, Aggregate, WordAcc};
use super::inputs::Bound;
use super::out::{Out, RowOrder, rows_before};
use super::page::Page;
use super::relation::Relation;
use super::values::Values;
use crate::datom::{EntityId, T, Val};
use crate::db::{AggregateFn, Db, meant};
use crate::edn::{Edn, Instant, Symbol};
use crate::error::{Code, Error, ErrorKind, Result, Span};
use crate::pull::{self, Puller};

/// `:find` with its names resolved.
pub(crate) struct Finder<'a> {
    find: &'a Find,
    /// Those shown, then those that `:having` alone asks for.
    elems: Vec<Elem>,
    having: Vec<Test>,
}

/// What paging adds to a query.
pub(crate) struct Paging {
    /// See [`Page`].
    pub question: u64,
    pub states: Vec<(T, Instant)>,
    /// The last row of the page before.
    pub after: Option<Vec<Val>>,
}

/// A predicate of `:having`, resolved.
struct Test {
    function: Callable,
    args: Vec<Tested>,
    span: Span,
}

enum Tested {
    /// What an element gives, counted over those shown and then those hidden.
    Elem(usize),
    Const(Val),
}

impl Test {
    fn new(having: &Having, bound: &Bound) -> Result<Test> {
        let (name, given) = ((&having.name, having.name_span), (having.args.len(), having.span));
        let function = Callable::named(name, bound.sources.any_db(), given, &[])?;
        let args = having.args.iter().map(|arg| match arg {
            HavingArg::Elem(i, _) => Ok(Tested::Elem(*i)),
            HavingArg::Const(form) => Val::from_edn(form).map(Tested::Const),
        });
        Ok(Test {
            function,
            args: args.collect::<Result<_>>()?,
            span: having.span,
        })
    }
}

enum Elem {
    Var(Var),
    Aggregate(Reducer, Vec<Val>, Var, Span),
    Pull(Db, Arc<pull::Pattern>, Var, Span),
}

enum Reducer {
    Builtin(&'static Aggregate),
    Registered(AggregateFn),
}

impl<'a> Finder<'a> {
    /// Looks up aggregates and reads pull patterns: their mistakes are known before anything runs.
    pub fn new(find: &'a Find, bound: &Bound, setup: &Setup) -> Result<Finder<'a>> {
        let elems = find
            .elems
            .iter()
            .chain(&find.hidden)
            .enumerate()
            .map(|(i, e)| match e {
                FindElem::Var(v) => Ok(Elem::Var(*v)),
                FindElem::Aggregate {
                    name,
                    name_span,
                    args,
                    var,
                    span,
                    ..
                } => {
                    let params = args.iter().map(Val::from_edn).collect::<Result<Vec<_>>>()?;
                    let known = bound.sources.any_db().map(|db| &db.registry().aggregates);
                    let registered = known.and_then(|fns| fns.get(name).cloned());
                    if let Some(f) = registered {
                        return Ok(Elem::Aggregate(Reducer::Registered(f), params, *var, *span));
                    }
                    let Some(a) = aggregate::lookup(name) else {
                        let error = Error::new(Code::UnresolvedSymbol, format!("there is no aggregate {name}")).hint(
                            format!("the aggregates are {}", Vec::from_iter(aggregate::names()).join(" ")),
                        );
                        return Err(meant(error.at(*name_span), name, known, aggregate::names()));
                    };
                    a.check(&params).map_err(|e| e.at(*span))?;
                    Ok(Elem::Aggregate(Reducer::Builtin(a), params, *var, *span))
                }
                FindElem::Pull {
                    source,
                    var,
                    pattern,
                    span,
                    ..
                } => {
                    let name = source.clone().unwrap_or_else(|| Symbol::new("$"));
                    let Some(db) = bound.sources.at(&name).and_then(|i| bound.sources.db(i)) else {
                        return Err(Error::new(
                            Code::InvalidQuery,
                            format!("pull reads the source {name}, which is no database of this query"),
                        )
                        .at(*span));
                    };
                    let parse = |form: &Edn| pull::parse(form, &db.db).map_err(|e| e.at(*span));
                    let pattern = match pattern {
                        PullPattern::Inline(form) => setup.pattern(i, || parse(form))?,
                        PullPattern::Input(name, span) => {
                            let form = bound.patterns.get(name).ok_or_else(|| {
                                let message = format!("no input gives the pull pattern {name}");
                                Error::new(Code::InvalidQuery, message).at(*span)
                            })?;
                            Arc::new(parse(form)?)
                        }
                    };
                    Ok(Elem::Pull(db.db.clone(), pattern, *var, *span))
                }
            })
            .collect::<Result<_>>()?;
        let having = find.having.iter().map(|h| Test::new(h, bound)).collect::<Result<_>>()?;
        Ok(Finder { find, elems, having })
    }

    /// The variables the rows must have.
    pub fn vars(&self) -> Vec<Var> {
        let mut out: Vec<Var> = Vec::new();
        let elems = self.find.elems.iter().chain(&self.find.hidden).map(FindElem::var);
        for v in elems.chain(self.find.with.iter().copied()) {
            if !out.contains(&v) {
                out.push(v);
            }
        }
        out
    }

    /// Makes the answer. `rows` are over [`Finder::vars`].
    pub fn answer(
        &self,
        mut rows: Relation,
        values: Values,
        ast: &Arc<Ast>,
        meter: &Meter,
        paging: Paging,
    ) -> Result<Answer> {
        for col in &mut rows.cols {
            if let Some(numbers) = col.with_numbers() {
                *col = Arc::new(numbers);
                rows.distinct = false;
            }
        }
        let rows = rows.dedup();
        meter.check()?;
        let grouped = self.elems.iter().any(|e| matches!(e, Elem::Aggregate(..)));
        let (mut columns, len) = if grouped {
            self.groups(&rows, &values, meter)?
        } else {
            let cols = self.elems.iter().map(|e| {
                let (Elem::Var(v) | Elem::Pull(_, _, v, _) | Elem::Aggregate(_, _, v, _)) = e;
                Out::Words(rows.col(*v).expect("the plan ends with these variables").clone())
            });
            (cols.collect(), rows.len)
        };
        let find = self.find;
        let mut len = len;
        if !self.having.is_empty() {
            let keep = self.passing(&columns, len, &values, meter)?;
            columns.truncate(find.elems.len());
            columns.iter_mut().for_each(|column| column.take_rows(&keep));
            len = keep.len();
        }
        let mut next = None;
        // Sorting costs more than most queries: without need, it waits until the answer is shown.
        let arranged = self.must_arrange(len, paging.after.is_some());
        meter.check()?;
        if arranged {
            let (chosen, more) = self.arrange(&columns, len, &values, paging.after.as_deref())?;
            meter.check()?;
            if let (true, Some(last)) = (more, chosen.last()) {
                let row = columns
                    .iter()
                    .map(|c| c.val(*last as usize, &values))
                    .collect::<Result<_>>()?;
                let (states, question) = (paging.states, paging.question);
                next = Some(Page { states, question, row }.token());
            }
            len = chosen.len();
            for (column, e) in columns.iter_mut().zip(&self.elems) {
                column.take_rows(&chosen);
                if let (Elem::Pull(db, pattern, v, span), Out::Words(entities)) = (e, &*column) {
                    let name = ast.vars.name(*v);
                    all_entities(name, entities, &values).map_err(|e| e.at(*span))?;
                    *column = Out::Forms(pulled(db, pattern, entities, meter).map_err(|e| e.at(*span))?);
                }
            }
        }
        let list = !find.order.is_empty() || !find.with.is_empty() && !grouped;
        Ok(Answer {
            shape: find.shape,
            ast: ast.clone(),
            columns,
            len,
            keys: find.keys.clone(),
            list,
            arranged,
            values,
            stats: meter.stats(len),
            next,
        })
    }

    /// The rows that pass `:having`.
    fn passing(&self, columns: &[Out], len: usize, values: &Values, meter: &Meter) -> Result<Vec<u32>> {
        let mut keep = Vec::new();
        let mut args = Vec::new();
        'rows: for row in 0..len {
            meter.tick()?;
            for test in &self.having {
                args.clear();
                for arg in &test.args {
                    args.push(match arg {
                        Tested::Elem(i) => columns[*i].val(row, values)?,
                        Tested::Const(v) => v.clone(),
                    });
                }
                if !test.function.call(&args).map_err(|e| e.at(test.span))?.truthy() {
                    continue 'rows;
                }
            }
            keep.push(row as u32);
        }
        Ok(keep)
    }

    /// One row for each combination of what is not aggregated.
    fn groups(&self, rows: &Relation, values: &Values, meter: &Meter) -> Result<(Vec<Out>, usize)> {
        let by: Vec<Var> = self
            .elems
            .iter()
            .filter_map(|e| match e {
                Elem::Var(v) | Elem::Pull(_, _, v, _) => Some(*v),
                Elem::Aggregate(..) => None,
            })
            .fold(Vec::new(), |mut out, v| {
                if !out.contains(&v) {
                    out.push(v);
                }
                out
            });
        let (group, firsts) = group_rows(rows, &by, meter)?;
        let mut out = Vec::new();
        for e in &self.elems {
            meter.check()?;
            out.push(match e {
                Elem::Var(v) | Elem::Pull(_, _, v, _) => {
                    let col = rows.col(*v).expect("the plan ends with these variables");
                    Out::Words(Arc::new(col.gather(&firsts)))
                }
                Elem::Aggregate(reducer, params, v, span) => {
                    let col = rows.col(*v).expect("the plan ends with these variables");
                    let reduced = reduce(reducer, params, col, &group, firsts.len(), values, meter);
                    Out::Vals(reduced.map_err(|e| match e.kind() {
                        ErrorKind::Invalid => e.at(*span),
                        _ => e,
                    })?)
                }
            });
        }
        Ok((out, firsts.len()))
    }

    /// Whether the order of the rows decides what the answer is, or is asked for.
    fn must_arrange(&self, len: usize, after: bool) -> bool {
        let find = self.find;
        let first_only = matches!(find.shape, Shape::Tuple | Shape::Scalar) && len > 1;
        let pulls = self.elems.iter().any(|e| matches!(e, Elem::Pull(..)));
        let cut = find.limit.is_some() || find.offset > 0 || find.after.is_some();
        pulls || cut || after || !find.order.is_empty() || first_only
    }

    /// The rows of the answer, in order, and whether there are more behind them.
    fn arrange(&self, columns: &[Out], len: usize, values: &Values, after: Option<&[Val]>) -> Result<(Vec<u32>, bool)> {
        let find = self.find;
        let mut by: Vec<(usize, bool)> = find.order.clone();
        // What :order-by leaves open, the order of the values decides, so that answers never vary.
        for i in 0..columns.len() {
            if !by.iter().any(|(c, _)| *c == i) {
                by.push((i, false));
            }
        }
        let order = RowOrder::new(columns, &by, values)?;
        let mut rows: Vec<u32> = (0..len as u32).collect();
        let compare = |a: &u32, b: &u32| order.compare(*a, *b);
        let one = matches!(find.shape, Shape::Tuple | Shape::Scalar);
        if one && find.offset == 0 {
            let least = rows.iter().copied().min_by(compare);
            return Ok((least.into_iter().filter(|_| find.limit != Some(0)).collect(), false));
        }
        rows.sort_unstable_by(compare);
        let limit = if one {
            find.limit.unwrap_or(1).min(1)
        } else {
            find.limit.unwrap_or(usize::MAX)
        };
        let from = match after {
            Some(last) => rows_before(&rows, columns, &by, values, last)?,
            None => find.offset,
        };
        let more = !one && rows.len().saturating_sub(from) > limit;
        Ok((rows.into_iter().skip(from).take(limit).collect(), more))
    }
}

/// The group of each row, numbered in order of appearance, and the first row of each group.
fn group_rows(rows: &Relation, by: &[Var], meter: &Meter) -> Result<(Vec<u32>, Vec<u32>)> {
    const PART: usize = 1 << 16;
    if by.is_empty() {
        let firsts = if rows.len > 0 { vec![0] } else { Vec::new() };
        return Ok((vec![0; rows.len], firsts));
    }
    let keys = rows.project(by);
    let (mut group, mut firsts) = (Vec::with_capacity(rows.len), Vec::new());
    if let ([col], Some(_)) = (keys.cols.as_slice(), keys.cols[0].one_type()) {
        let mut seen: FxHashMap<u64, u32> = FxHashMap::default();
        for words in col.words.chunks(PART) {
            meter.check()?;
            let from = group.len();
            for (i, w) in words.iter().enumerate() {
                let g = *seen.entry(*w).or_insert_with(|| {
                    firsts.push((from + i) as u32);
                    firsts.len() as u32 - 1
                });
                group.push(g);
            }
        }
        return Ok((group, firsts));
    }
    let mut seen: FxHashMap<Vec<(Tag, u64)>, u32> = FxHashMap::default();
    for i in 0..rows.len {
        meter.tick()?;
        let key = keys.cols.iter().map(|c| c.get(i)).collect();
        let g = *seen.entry(key).or_insert_with(|| {
            firsts.push(i as u32);
            firsts.len() as u32 - 1
        });
        group.push(g);
    }
    Ok((group, firsts))
}

fn reduce(
    reducer: &Reducer,
    params: &[Val],
    col: &Column,
    group: &[u32],
    groups: usize,
    values: &Values,
    meter: &Meter,
) -> Result<Vec<Val>> {
    if let (Reducer::Builtin(a), [], Some(ty)) = (reducer, params, col.one_type().and_then(Tag::value_type))
        && let Some(acc) = WordAcc::new(a.kind, ty)
    {
        let mut accs = vec![acc; groups];
        for (w, g) in col.words.iter().zip(group) {
            accs[*g as usize].push(*w);
        }
        return accs.iter().map(WordAcc::finish).collect();
    }
    let mut members: Vec<Vec<Val>> = vec![Vec::new(); groups];
    let (width, mut seen) = (size_of::<Val>(), 0);
    for (i, g) in group.iter().enumerate() {
        meter.grown(i, &mut seen, width)?;
        let (tag, w) = col.get(i);
        members[*g as usize].push(values.val(tag, w)?);
    }
    let mut parts = 0;
    members
        .iter()
        .map(|vs| {
            meter.check()?;
            let reduced = match reducer {
                Reducer::Builtin(a) => a.over(params, &mut vs.iter()),
                Reducer::Registered(f) => f(&mut params.iter().chain(vs)),
            }?;
            // `rand` gives as many as it is asked for.
            parts += reduced.items().map_or(1, |items| items.len());
            meter.rows(parts, width)?;
            Ok(reduced)
        })
        .collect()
}

/// Refuses to pull what is no entity: rows without anything in them would say nothing about why.
fn all_entities(name: &Symbol, entities: &Column, values: &Values) -> Result<()> {
    for i in 0..entities.len() {
        let (tag, w) = entities.get(i);
        if tag != Tag::REF && tag != Tag::LONG {
            let found = values.val(tag, w)?;
            let message = format!(
                "{name} is {found} here, a {}, and only entities can be pulled",
                found.type_name()
            );
            return Err(Error::new(Code::TypeMismatch, message)
                .hint("pull the variable that stands first in the clauses: [?entity :attribute ?value]"));
        }
    }
    Ok(())
}

fn pulled(db: &Db, pattern: &pull::Pattern, entities: &Column, meter: &Meter) -> Result<Vec<Edn>> {
    let check = |bytes: usize| {
        meter.rows(1, bytes)?;
        meter.check()
    };
    let mut puller = Puller::new(db, pattern)?.checked(&check);
    let mut forms = Vec::with_capacity(entities.len());
    let ids = (0..entities.len()).map(|i| {
        let (tag, w) = entities.get(i);
        Ok(match tag {
            Tag::REF => Some(EntityId(w)),
            Tag::LONG => u64::try_from(crate::datom::word::to_long(w)).ok().map(EntityId),
            _ => None,
        })
    });
    let pulled = puller.pull_all(ids, |found| forms.push(found.unwrap_or_else(Edn::nil)));
    let (rows, leaves) = puller.read();
    meter.read(rows as usize);
    meter.leaves(leaves);
    pulled.map(|()| forms)
}
