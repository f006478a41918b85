//! Inputs matched with `:in`, bound, and turned into sources, rules and first rows.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::{Ast, Binding, InSpec, Var};
use super::bind::Binder;
use super::budget::Meter;
use super::column::Column;
use super::input::Input;
use super::join::join;
use super::page::{State, pinned};
use super::places::{Place, RuleText};
use super::plan::Consts;
use super::plan::kinds::{Kind, Kinds};
use super::relation::Relation;
use super::source::{DbSource, RowSource, Source, Sources};
use super::values::Values;
use crate::datom::Val;
use crate::db::{Db, TimePoint};
use crate::edn::{Edn, Node, Symbol};
use crate::error::{Code, Error, Result, Span};
use crate::log::Log;

/// Inputs, ready for planning.
pub(crate) struct Bound {
    pub sources: Sources,
    pub values: Values,
    pub patterns: FxHashMap<Symbol, Edn>,
    /// Logs by the names they have in `:in`.
    pub logs: Vec<(Symbol, Log)>,
    /// The rows that the inputs bind.
    pub rows: Relation,
    pub consts: Consts,
}

/// Matches inputs with what the query declares, and opens the sources; gives the rules apart. Data waits for [`Bound::bind`], since
/// what it stands for follows from rules and sources.
///
/// With `elsewhere`, data was read from another text than the query. With `states`, each database is read as it was then.
pub(crate) fn open(
    ast: &Ast,
    inputs: &[Input],
    elsewhere: bool,
    states: Option<&[State]>,
) -> Result<(Bound, Option<RuleText>)> {
    check_count(ast, inputs)?;
    let dbs = || {
        inputs.iter().filter_map(|i| match i {
            Input::Db(db) => Some(db),
            Input::Edn(_) | Input::Text(..) | Input::Val(_) | Input::Log(_) => None,
        })
    };
    // The words of most sources are those of the query: a database proper is preferred to a speculation.
    let home = dbs().find(|db| !db.words().has_scratch()).or_else(|| dbs().next());
    let words = match home {
        Some(db) => db.words().clone(),
        None => crate::index::Words::new(Arc::default()),
    };
    let mut bound = Bound {
        sources: Sources { list: Vec::new() },
        values: Values::new(&words),
        patterns: FxHashMap::default(),
        logs: Vec::new(),
        rows: Relation::unit(),
        consts: Consts::default(),
    };
    let mut rules = None;
    let mut databases = 0;
    for (n, ((spec, span), input)) in ast.inputs.iter().zip(inputs).enumerate() {
        let place = Place { input: n, elsewhere };
        if let Input::Edn(form) | Input::Text(form, _) = input {
            form.check_depth().map_err(|e| e.moved(*span))?;
        }
        match (spec, input) {
            (InSpec::Source(name), Input::Db(db)) => {
                let db = match states {
                    Some(states) => &pinned(db, states.get(databases))?,
                    None => db,
                };
                databases += 1;
                let db = timed(ast, name, db)?;
                let foreign = !db.words().same(&words);
                let source = Source::Db(DbSource { db, foreign });
                bound.sources.list.push((name.clone(), source));
            }
            (InSpec::Source(name), Input::Log(log)) => bound.logs.push((name.clone(), log.clone())),
            (InSpec::Source(name), Input::Edn(_) | Input::Text(..) | Input::Val(_)) => {
                let rows = match input.val() {
                    Ok(v) => RowSource::new(&v, &bound.values),
                    Err(e) => Err(e),
                };
                let source = Source::Rows(rows.map_err(|e| e.at(*span))?);
                bound.sources.list.push((name.clone(), source));
            }
            (InSpec::Rules, Input::Edn(_) | Input::Text(..) | Input::Val(_)) => {
                rules = Some(RuleText {
                    form: input.form(),
                    text: input.source_text(),
                    place,
                    span: *span,
                });
            }
            (InSpec::Pattern(name), Input::Edn(_) | Input::Text(..) | Input::Val(_)) => {
                let text = match input {
                    Input::Text(_, text) => Some(text),
                    _ => None,
                };
                bound.patterns.insert(name.clone(), place.of(&input.form(), text));
            }
            (InSpec::Bind(_), Input::Edn(_) | Input::Text(..) | Input::Val(_)) => {}
            (InSpec::Bind(Binding::Scalar(v)), Input::Log(log)) => {
                bound.logs.push((ast.vars.name(*v).clone(), log.clone()));
            }
            (_, Input::Log(_)) => {
                return Err(
                    Error::new(Code::NotABindingForm, "a log is given where :in has no name for one")
                        .at(*span)
                        .hint("name it ?log, and read it with [(tx-ids ?log ?from ?to) [?tx ...]]"),
                );
            }
            (_, Input::Db(_)) => {
                return Err(
                    Error::new(Code::NotABindingForm, "a database is given where :in has no source")
                        .at(*span)
                        .hint("databases go with names that begin with $"),
                );
            }
        }
    }
    if ast.time.is_some() && bound.sources.at(&Symbol::new("$")).is_none() {
        return Err(Error::new(
            Code::InvalidQuery,
            "the query has a time clause, but no source $ that it could apply to",
        )
        .at(ast.span));
    }
    Ok((bound, rules))
}

fn check_count(ast: &Ast, inputs: &[Input]) -> Result<()> {
    let (wanted, given) = (ast.inputs.len(), inputs.len());
    if wanted == given {
        return Ok(());
    }
    let names: Vec<String> = ast
        .inputs
        .iter()
        .map(|(spec, _)| match spec {
            InSpec::Source(s) | InSpec::Pattern(s) => s.to_string(),
            InSpec::Rules => "%".to_string(),
            InSpec::Bind(b) => show(b, ast),
        })
        .collect();
    let names = names.join(" ");
    let plural = if wanted == 1 { "" } else { "s" };
    if given < wanted {
        let span = ast.inputs[given].1;
        return Err(Error::new(
            Code::TooFewInputs,
            format!("the query takes {wanted} input{plural} ({names}) and is given {given}"),
        )
        .at(span));
    }
    Err(Error::new(
        Code::TooManyInputs,
        format!("the query takes {wanted} input{plural} ({names}) and is given {given}"),
    )
    .at(ast.inputs.last().map_or(ast.span, |(_, s)| *s))
    .with("inputs", wanted)
    .hint("name all inputs in :in"))
}

fn show(b: &Binding, ast: &Ast) -> String {
    let all = |bs: &[Binding]| bs.iter().map(|b| show(b, ast)).collect::<Vec<_>>().join(" ");
    match b {
        Binding::Blank => "_".to_string(),
        Binding::Scalar(v) => ast.vars.name(*v).to_string(),
        Binding::Tuple(bs) => format!("[{}]", all(bs)),
        Binding::Collection(b) => format!("[{} ...]", show(b, ast)),
        Binding::Relation(bs) => format!("[[{}]]", all(bs)),
    }
}

/// The view that the query's time clause asks for.
fn timed(ast: &Ast, name: &Symbol, db: &Db) -> Result<Db> {
    let mut db = db.clone();
    if !ast.time.is_some() || name.name() != "$" {
        return Ok(db);
    }
    let point = |form: &Edn| -> Result<TimePoint> {
        let point = TimePoint::from_edn(form)?;
        let t = match point {
            TimePoint::T(t) => t,
            TimePoint::Tx(tx) => tx.t(),
            TimePoint::Instant(_) => return Ok(point),
        };
        if t > db.basis_t() {
            return Err(Error::new(
                Code::InvalidTimePoint,
                format!(
                    "{form} lies in the future: the newest transaction has t {}",
                    db.basis_t()
                ),
            )
            .at(form.span));
        }
        Ok(point)
    };
    let as_of = ast.time.as_of.as_ref().map(&point).transpose()?;
    let since = ast.time.since.as_ref().map(&point).transpose()?;
    if let Some(p) = as_of {
        db = db.as_of(p)?;
    }
    if let Some(p) = since {
        db = db.since(p)?;
    }
    if ast.time.history {
        db = db.history();
    }
    Ok(db)
}

impl Bound {
    /// The states of the databases that are read.
    pub fn states(&self) -> Result<Vec<State>> {
        let mut out = Vec::new();
        for (_, source) in &self.sources.list {
            let Source::Db(s) = source else { continue };
            let t = s.db.as_of_t().unwrap_or(s.db.basis_t());
            out.push((t, s.db.instant_of(t)?.unwrap_or(s.db.basis_instant())));
        }
        Ok(out)
    }

    /// Binds what `:in` names of the data; `kinds` says what the variables stand for.
    pub fn bind(&mut self, ast: &Ast, inputs: &[Input], elsewhere: bool, kinds: &Kinds, meter: &Meter) -> Result<()> {
        for ((spec, span), input) in ast.inputs.iter().zip(inputs) {
            let (InSpec::Bind(form), Input::Edn(_) | Input::Text(..) | Input::Val(_)) = (spec, input) else {
                continue;
            };
            self.add(ast, form, input, *span, kinds, meter)
                .map_err(|e| match elsewhere {
                    true => e.moved(*span),
                    false => e,
                })?;
        }
        Ok(())
    }

    /// The same where some inputs are not known before the query runs: their variables have no rows yet.
    pub fn bind_known(&mut self, ast: &Ast, inputs: &[Option<Input>], kinds: &Kinds, meter: &Meter) -> Result<()> {
        for ((spec, span), input) in ast.inputs.iter().zip(inputs) {
            match (spec, input) {
                (InSpec::Bind(form), None) => self.join(Relation::empty(&form.vars()), meter)?,
                (InSpec::Bind(form), Some(input @ (Input::Edn(_) | Input::Val(_)))) => {
                    self.add(ast, form, input, *span, kinds, meter)?
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        ast: &Ast,
        form: &Binding,
        input: &Input,
        span: Span,
        kinds: &Kinds,
        meter: &Meter,
    ) -> Result<()> {
        if input.is_nil() {
            let name = show(form, ast);
            return Err(
                Error::new(Code::NilInput, format!("the input {name} is nil, which is no value"))
                    .at(span)
                    .hint("leave the clause out, or give a value"),
            );
        }
        // Idents, lookup refs and other stand-ins become what they mean before the form takes the data apart, so that
        // a lookup ref is not mistaken for a tuple of two.
        let meaning = Meaning {
            sources: &self.sources,
            kinds,
        };
        let data = match input {
            Input::Edn(data) | Input::Text(data, _) => meaning.of(form, data)?,
            data => Some(data.val()?),
        };
        let scalar = match (form, &data) {
            (Binding::Scalar(v), Some(data)) => {
                let word = self.values.intern(data).map_err(|e| e.at(span))?;
                word.map(|word| (*v, word))
            }
            _ => None,
        };
        let rows = match scalar {
            // The common case, without a detour.
            Some((v, (tag, w))) => {
                self.consts.entry(v).or_insert((tag, w));
                Relation::new(vec![v], vec![Column::of(tag, vec![w])], 1).dedup()
            }
            None => {
                let mut binder = Binder::new(form, &self.values, meter, true);
                if let Some(v) = data {
                    binder.add(&v).map_err(|e| e.at(span))?;
                }
                Relation::new(binder.vars, binder.cols, binder.len).dedup()
            }
        };
        self.join(rows, meter)
    }

    fn join(&mut self, rows: Relation, meter: &Meter) -> Result<()> {
        if self.rows.vars.is_empty() && self.rows.len == 1 {
            self.rows = rows;
            return Ok(());
        }
        let mut both = self.rows.vars.clone();
        both.extend(rows.vars.iter().filter(|v| self.rows.at(**v).is_none()));
        self.rows = join(&self.rows, &rows, &both, meter)?;
        Ok(())
    }
}

/// What data stands for, by the kinds of the variables that it is bound to.
struct Meaning<'a> {
    sources: &'a Sources,
    kinds: &'a Kinds,
}

impl Meaning<'_> {
    /// The data with what variables of a known kind stand for. `None`: it names nothing.
    fn of(&self, form: &Binding, data: &Edn) -> Result<Option<Val>> {
        match form {
            Binding::Blank => Val::from_edn(data).map(Some),
            Binding::Scalar(v) => self.scalar(*v, data),
            Binding::Tuple(forms) => match &data.node {
                Node::Vector(items) | Node::List(items) => self.tuple(forms, items),
                _ => Val::from_edn(data).map(Some),
            },
            Binding::Collection(form) => match elements(data) {
                Some(items) => self.each(&items, |s, i| s.of(form, i)),
                None => Val::from_edn(data).map(Some),
            },
            Binding::Relation(forms) => match elements(data) {
                Some(rows) => self.each(&rows, |s, row| match &row.node {
                    Node::Vector(items) | Node::List(items) => s.tuple(forms, items),
                    _ => Val::from_edn(row).map(Some),
                }),
                None => Val::from_edn(data).map(Some),
            },
        }
    }

    fn each(&self, items: &[Edn], f: impl Fn(&Meaning<'_>, &Edn) -> Result<Option<Val>>) -> Result<Option<Val>> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            if let Some(v) = f(self, item)? {
                if v == Val::Nil {
                    return Err(Error::new(Code::NilInput, "a collection given as input holds nil").at(item.span));
                }
                out.push(v);
            }
        }
        Ok(Some(Val::vector(out)))
    }

    fn tuple(&self, forms: &[Binding], items: &[Edn]) -> Result<Option<Val>> {
        let mut out = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let meant = match forms.get(i) {
                Some(form) => self.of(form, item)?,
                None => Some(Val::Nil),
            };
            match meant {
                Some(v) if v == Val::Nil && matches!(forms.get(i), Some(Binding::Scalar(_))) => {
                    return Err(Error::new(Code::NilInput, "a tuple given as input holds nil").at(item.span));
                }
                Some(v) => out.push(v),
                None => return Ok(None),
            }
        }
        Ok(Some(Val::vector(out)))
    }

    fn scalar(&self, v: Var, data: &Edn) -> Result<Option<Val>> {
        match self.kinds.get(&v) {
            Some(Kind::Entity(source)) => {
                let named = matches!(&data.node, Node::Keyword(_) | Node::Vector(_) | Node::Long(_));
                match self.sources.db(*source).filter(|_| named) {
                    Some(db) => Ok(db.entity(data)?.map(Val::Ref)),
                    None => Val::from_edn(data).map(Some),
                }
            }
            Some(Kind::Value(ty)) => {
                let val = Val::from_edn(data)?;
                // Only what has no literal of its own is made into the attribute's type; a long stays a long.
                let stand_in = matches!(val, Val::String(_) | Val::Vector(_) | Val::List(_) | Val::Double(_));
                let meant = stand_in.then(|| val.coerce(*ty)).flatten();
                Ok(Some(meant.map_or(val, Val::from)))
            }
            None => Val::from_edn(data).map(Some),
        }
    }
}

/// The elements of a collection; those of a map are pairs.
fn elements(data: &Edn) -> Option<Cow<'_, [Edn]>> {
    match &data.node {
        Node::Vector(items) | Node::List(items) | Node::Set(items) => Some(items.into()),
        Node::Map(pairs) => {
            let pair = |(k, v): &(Edn, Edn)| Edn::vector([k.clone(), v.clone()]);
            Some(pairs.iter().map(pair).collect())
        }
        _ => None,
    }
}
