//! What a query is given: matched with `:in`, bound, and turned into sources, rules and first rows.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::{Ast, Binding, InSpec, Rules, Var};
use super::bind::Binder;
use super::cache::{Cache, Setup};
use super::column::{Column, Tag};
use super::parse;
use super::plan::kinds::Kind;
use super::plan::lower::Consts;
use super::relation::Relation;
use super::source::{DbSource, RowSource, Source, Sources, coerce};
use super::values::Values;
use crate::datom::{T, Val};
use crate::db::{Db, TimePoint};
use crate::edn::{self, Edn, Instant, Keyword, Node, Symbol};
use crate::error::{Code, Error, Result, Span};
use crate::log::Log;

/// An input of a query: a database value, or data (a value, a collection, rules, a pull pattern).
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Connection, Input};
/// let db = Connection::in_memory()?.db();
/// let inputs = [
///     Input::from("a text"),
///     Input::from(42),
///     Input::from(true),
///     Input::text("[1 2 3]")?,  // a collection, for [?x ...]
///     Input::from(db.history()), // another source, for $name
/// ];
/// let query = "[:find ?text ?n ?b (sum ?x) :in $ ?text ?n ?b [?x ...] $history]";
/// assert_eq!(db.q(query, &inputs)?.to_edn()?.to_string(), r#"#{["a text" 42 true 6]}"#);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub enum Input {
    /// A database value, for `$` and other sources.
    Db(Db),
    /// The log of a database, for `tx-ids` and `tx-data`: see [`Db::log`].
    Log(Log),
    /// Anything else, as text would say it: an ident or lookup ref stands for its entity where one is meant.
    Edn(Edn),
    /// The same with the text it was read from, for the places of errors in rules and patterns: see [`Input::text`].
    Text(Edn, Arc<str>),
    /// A value that is what it is: a keyword stays a keyword, a float a float, and a vector is no lookup ref.
    Val(Val),
}

impl Input {
    /// Data read from EDN text: `Input::text("[[(rule ?x) ...]]")`.
    pub fn text(text: &str) -> Result<Input> {
        edn::read_one(text)
            .map(|form| Input::Text(form, text.into()))
            .map_err(|e| e.in_source("input", text))
    }
}

impl From<Db> for Input {
    fn from(db: Db) -> Input {
        Input::Db(db)
    }
}
impl From<&Db> for Input {
    fn from(db: &Db) -> Input {
        Input::Db(db.clone())
    }
}
impl From<Log> for Input {
    fn from(log: Log) -> Input {
        Input::Log(log)
    }
}
impl From<Edn> for Input {
    fn from(form: Edn) -> Input {
        Input::Edn(form)
    }
}
impl From<Val> for Input {
    fn from(value: Val) -> Input {
        Input::Val(value)
    }
}
impl From<&Edn> for Input {
    fn from(form: &Edn) -> Input {
        Input::Edn(form.clone())
    }
}
macro_rules! scalars {
    ($($type:ty, $x:ident => $node:expr;)*) => {
        $(impl From<$type> for Input {
            fn from($x: $type) -> Input {
                Input::Edn(Edn::new($node))
            }
        })*
    };
}
scalars! {
    bool, x => Node::Bool(x);
    i64, x => Node::Long(x);
    f64, x => Node::Double(x);
    &str, x => Node::Str(x.into());
    String, x => Node::Str(x.into());
    Keyword, x => Node::Keyword(x);
    Instant, x => Node::Inst(x);
    crate::datom::EntityId, x => Node::Long(x.0 as i64);
}

/// The same form without places: those of another text would point into the query's.
pub(crate) fn unplaced(form: &Edn) -> Edn {
    let all = |items: &[Edn]| items.iter().map(unplaced).collect();
    Edn::new(match &form.node {
        Node::List(items) => Node::List(all(items)),
        Node::Vector(items) => Node::Vector(all(items)),
        Node::Set(items) => Node::Set(all(items)),
        Node::Map(pairs) => Node::Map(pairs.iter().map(|(k, v)| (unplaced(k), unplaced(v))).collect()),
        Node::Tagged(tag, inner) => Node::Tagged(tag.clone(), Box::new(unplaced(inner))),
        node => node.clone(),
    })
}

/// Inputs, ready for planning.
pub(crate) struct Bound {
    pub sources: Sources,
    pub values: Values,
    pub setup: Arc<Setup>,
    pub patterns: FxHashMap<Symbol, Edn>,
    /// Logs by the names they have in `:in`.
    pub logs: Vec<(Symbol, Log)>,
    /// The rows that the inputs bind.
    pub rows: Relation,
    pub consts: Consts,
}

/// Matches inputs with what the query declares.
/// With `elsewhere`, data was read from another text than the query.
pub(crate) fn bind(ast: &Ast, inputs: &[Input], elsewhere: bool, cache: &Cache) -> Result<Bound> {
    bind_at(ast, inputs, elsewhere, cache, None)
}

/// The same with each database as it was when the page before was read.
pub(crate) fn bind_at(
    ast: &Ast,
    inputs: &[Input],
    elsewhere: bool,
    cache: &Cache,
    states: Option<&[State]>,
) -> Result<Bound> {
    check_count(ast, inputs)?;
    let dbs: Vec<&Db> = inputs
        .iter()
        .filter_map(|i| match i {
            Input::Db(db) => Some(db),
            Input::Edn(_) | Input::Text(..) | Input::Val(_) | Input::Log(_) => None,
        })
        .collect();
    // The words of most sources are those of the query: a database proper is preferred to a speculation.
    let home = dbs.iter().find(|db| !db.words().has_scratch()).or(dbs.first());
    let words = match home {
        Some(db) => db.words().clone(),
        None => crate::index::Words::new(Arc::default()),
    };
    let values = Values::new(&words);
    let mut sources = Sources { list: Vec::new() };
    let (mut rules, mut logs) = (None, Vec::new());
    let mut patterns = FxHashMap::default();
    for (n, ((spec, span), input)) in ast.inputs.iter().zip(inputs).enumerate() {
        match (spec, input) {
            (InSpec::Source(name), Input::Db(db)) => {
                let n = sources.list.iter().filter(|(_, s)| matches!(s, Source::Db(_))).count();
                let db = match states {
                    Some(states) => &pinned(db, states.get(n))?,
                    None => db,
                };
                let db = timed(ast, name, db)?;
                let foreign = !db.words().same(&words);
                sources.list.push((name.clone(), Source::Db(DbSource { db, foreign })));
            }
            (InSpec::Source(name), Input::Edn(form) | Input::Text(form, _)) => {
                let rows = Val::from_edn(form).and_then(|v| RowSource::new(&v, &values));
                sources
                    .list
                    .push((name.clone(), Source::Rows(rows.map_err(|e| e.at(*span))?)));
            }
            (InSpec::Source(name), Input::Val(v)) => {
                let rows = RowSource::new(v, &values).map_err(|e| e.at(*span))?;
                sources.list.push((name.clone(), Source::Rows(rows)));
            }
            (InSpec::Rules, Input::Edn(_) | Input::Text(..) | Input::Val(_)) => {
                let form = match input {
                    Input::Edn(form) | Input::Text(form, _) => form.clone(),
                    Input::Val(v) => v.to_edn(),
                    Input::Db(_) | Input::Log(_) => unreachable!("the arm is for data"),
                };
                let text = text_of(input);
                rules = Some(RuleText {
                    form,
                    text,
                    place: Place { input: n, elsewhere },
                    span: *span,
                });
            }
            (InSpec::Pattern(name), Input::Edn(_) | Input::Text(..) | Input::Val(_)) => {
                let place = Place { input: n, elsewhere };
                let form = match input {
                    Input::Edn(form) => place.of(form, None),
                    Input::Text(form, text) => place.of(form, Some(text)),
                    Input::Val(v) => v.to_edn(),
                    Input::Db(_) | Input::Log(_) => unreachable!("the arm is for data"),
                };
                patterns.insert(name.clone(), form);
            }
            (InSpec::Bind(_), Input::Edn(_) | Input::Text(..) | Input::Val(_)) => {}
            (InSpec::Source(name), Input::Log(log)) => logs.push((name.clone(), log.clone())),
            (InSpec::Bind(Binding::Scalar(v)), Input::Log(log)) => {
                logs.push((ast.vars.name(*v).clone(), log.clone()));
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
    if ast.time.is_some() && sources.at(&Symbol::new("$")).is_none() {
        return Err(Error::new(
            Code::InvalidQuery,
            "the query has a time clause, but no source $ that it could apply to",
        )
        .at(ast.span));
    }
    let setup = cache.setup(ast, &sources, rules)?;
    let mut bound = Bound {
        sources,
        values,
        setup,
        patterns,
        logs,
        rows: Relation::unit(),
        consts: Consts::default(),
    };
    for ((spec, span), input) in ast.inputs.iter().zip(inputs) {
        let InSpec::Bind(form) = spec else { continue };
        if matches!(input, Input::Log(_)) {
            continue;
        }
        bound.add(ast, form, input, *span).map_err(|e| match elsewhere {
            true => placed(e, *span),
            false => e,
        })?;
    }
    Ok(bound)
}

/// The error with another place.
fn placed(e: Error, span: Span) -> Error {
    let moved = Error::new(e.code(), e.message()).at(span);
    match e.hint_text() {
        Some(hint) => moved.hint(hint),
        None => moved,
    }
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

/// A database's newest transaction, as a token of a page has it: its t and its instant.
pub(crate) type State = (T, Instant);

/// The database value as it was in a state.
fn pinned(db: &Db, state: Option<&State>) -> Result<Db> {
    let wrong = |message: &str| Error::new(Code::InvalidArgument, message);
    let Some((t, instant)) = state else {
        return Err(wrong("the page token belongs to a question of fewer databases"));
    };
    if *t > db.basis_t() {
        return Err(wrong("the page token is of a later moment than this database value")
            .hint(format!("the page before was read at t {t}, this is t {}", db.basis_t())));
    }
    if db.instant_of(*t)? != Some(*instant) {
        return Err(wrong("the page token belongs to another database"));
    }
    match *t == db.basis_t() {
        true => Ok(db.clone()),
        false => db.as_of(*t),
    }
}

/// What tells a question from others: the query's fingerprint and the data given.
pub(crate) fn question(fingerprint: u64, inputs: &[Input]) -> u64 {
    let mut text = fingerprint.to_string();
    for input in inputs {
        text.push(' ');
        match input {
            Input::Db(_) | Input::Log(_) => {}
            Input::Edn(form) | Input::Text(form, _) => text.push_str(&form.to_string()),
            Input::Val(v) => text.push_str(&v.to_edn().to_string()),
        }
    }
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// Rules as they were given.
pub(crate) struct RuleText {
    form: Edn,
    text: Option<Arc<str>>,
    place: Place,
    /// Where the query takes them.
    pub span: Span,
}

impl PartialEq for RuleText {
    /// Texts are compared as such: the same forms in other places are other rules when an error points at them.
    fn eq(&self, other: &RuleText) -> bool {
        match (&self.text, &other.text) {
            (None, None) => self.place.elsewhere && self.form == other.form,
            (mine, theirs) => mine == theirs,
        }
    }
}

impl RuleText {
    pub fn parse(&self) -> Result<Rules> {
        let form = match &self.form.node {
            Node::Str(text) => edn::read_one(text).map_err(|e| e.in_source("rules", text))?,
            _ => self.form.clone(),
        };
        parse::rules(&self.place.of(&form, self.text.as_ref())).map_err(|e| e.at(self.span))
    }
}

/// Which input something is from. Places in the texts of inputs go beyond those of the query's own text, so that an error
/// knows which of the texts it points into: see [`located`].
#[derive(Clone, Copy)]
struct Place {
    input: usize,
    /// The query has a text of its own.
    elsewhere: bool,
}

/// Texts of inputs have room for so many bytes each.
const ROOM: u32 = 1 << 27;
/// So many inputs have places; those of the others are left out.
const PLACES: usize = 30;

impl Place {
    /// The form with its places moved into the room of this input; without a text they point nowhere, or into the script around.
    fn of(self, form: &Edn, text: Option<&Arc<str>>) -> Edn {
        let base = |text: &Arc<str>| {
            let fits = self.input < PLACES && text.len() < ROOM as usize && !form.is_deeper_than(edn::MAX_DEPTH);
            fits.then_some((self.input as u32 + 1) * ROOM)
        };
        match text.map(base) {
            Some(Some(base)) => {
                let mut form = form.clone();
                form.shift(base);
                form
            }
            Some(None) => unplaced(form),
            None if self.elsewhere => unplaced(form),
            None => form.clone(),
        }
    }
}

/// The text that rules or a pattern were read from; they may come as a string inside of data.
fn text_of(input: &Input) -> Option<Arc<str>> {
    match input {
        Input::Edn(form) | Input::Text(form, _) if let Node::Str(text) = &form.node => Some(text.clone()),
        Input::Val(Val::String(text)) => Some(text.clone()),
        Input::Text(_, text) => Some(text.clone()),
        Input::Edn(_) | Input::Val(_) | Input::Db(_) | Input::Log(_) => None,
    }
}

/// The error in the text of the query, or in that of the input which it points into.
pub(crate) fn located(e: Error, query: Option<&Arc<str>>, ast: &Ast, inputs: &[Input]) -> Error {
    let at = e.span();
    let n = (at.start / ROOM) as usize;
    if at.is_some() && e.source_text().is_none() && n > 0 {
        let text = inputs.get(n - 1).and_then(text_of);
        if let Some(text) = text {
            let base = n as u32 * ROOM;
            let back = Span {
                start: at.start - base,
                end: at.end - base,
            };
            let name = match ast.inputs.get(n - 1) {
                Some((InSpec::Rules, _)) => "rules",
                Some((InSpec::Pattern(_), _)) => "pattern",
                _ => "input",
            };
            return e.moved(back).in_source(name, &text);
        }
    }
    match query {
        Some(text) => e.in_source("query", text),
        None => e,
    }
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

    fn add(&mut self, ast: &Ast, form: &Binding, input: &Input, span: Span) -> Result<()> {
        if matches!(
            input,
            Input::Edn(Edn { node: Node::Nil, .. })
                | Input::Text(Edn { node: Node::Nil, .. }, _)
                | Input::Val(Val::Nil)
        ) {
            let name = show(form, ast);
            return Err(
                Error::new(Code::NilInput, format!("the input {name} is nil, which is no value"))
                    .at(span)
                    .hint("leave the clause out, or give a value"),
            );
        }
        let vars = form.vars();
        // Idents, lookup refs and other stand-ins become what they mean before the form takes the data apart, so that
        // a lookup ref is not mistaken for a tuple of two.
        let data = match input {
            Input::Edn(data) | Input::Text(data, _) => self.meant(form, data)?,
            Input::Val(v) => Some(v.clone()),
            Input::Db(_) | Input::Log(_) => None,
        };
        let mut binder = Binder::new(form, &self.values, true);
        if let Some(v) = data {
            binder.add(&v).map_err(|e| e.at(span))?;
        }
        let rows = Relation::new(binder.vars, binder.cols, binder.len).dedup();
        if let (Binding::Scalar(v), 1) = (form, rows.len) {
            self.consts.entry(*v).or_insert(rows.cols[0].get(0));
        }
        self.rows = join(&self.rows, &rows);
        debug_assert!(vars.iter().all(|v| self.rows.at(*v).is_some()));
        Ok(())
    }

    /// The data with what variables of a known kind stand for. `None`: it names nothing.
    fn meant(&self, form: &Binding, data: &Edn) -> Result<Option<Val>> {
        match form {
            Binding::Blank => Val::from_edn(data).map(Some),
            Binding::Scalar(v) => self.scalar(*v, data),
            Binding::Tuple(forms) => match &data.node {
                Node::Vector(items) | Node::List(items) => self.tuple(forms, items),
                _ => Val::from_edn(data).map(Some),
            },
            Binding::Collection(form) => match elements(data) {
                Some(items) => self.each(&items, |s, i| s.meant(form, i)),
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

    fn each(&self, items: &[Edn], f: impl Fn(&Bound, &Edn) -> Result<Option<Val>>) -> Result<Option<Val>> {
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
                Some(form) => self.meant(form, item)?,
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
        match self.setup.kinds.get(&v) {
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
                let stand_in = matches!(
                    (Tag::of(*ty), &val),
                    (_, Val::String(_) | Val::Vector(_) | Val::List(_) | Val::Double(_))
                );
                match coerce(*ty, &val).filter(|_| stand_in) {
                    Some(v) => Ok(Some(v.into())),
                    None => Ok(Some(val)),
                }
            }
            None => Val::from_edn(data).map(Some),
        }
    }
}

fn elements(data: &Edn) -> Option<Vec<Edn>> {
    match &data.node {
        Node::Vector(items) | Node::List(items) | Node::Set(items) => Some(items.clone()),
        Node::Map(pairs) => Some(
            pairs
                .iter()
                .map(|(k, v)| Node::Vector(vec![k.clone(), v.clone()]).into())
                .collect(),
        ),
        _ => None,
    }
}

/// The join of two small relations; inputs that bind one variable twice must agree.
fn join(l: &Relation, r: &Relation) -> Relation {
    let shared: Vec<Var> = l.vars.iter().filter(|v| r.at(**v).is_some()).copied().collect();
    let (mut li, mut ri) = (Vec::new(), Vec::new());
    if shared.is_empty() {
        for i in 0..l.len as u32 {
            for j in 0..r.len as u32 {
                li.push(i);
                ri.push(j);
            }
        }
    } else if let Some((lk, rk)) = super::keys::keys(l, r, &shared) {
        let table = super::keys::KeyTable::new(&rk, r.len);
        for i in 0..l.len {
            for j in table.rows(&lk, i) {
                li.push(i as u32);
                ri.push(j);
            }
        }
    }
    let mut out = Relation {
        vars: l.vars.clone(),
        cols: l.cols.iter().map(|c| Arc::new(c.gather(&li))).collect(),
        len: li.len(),
        sorted: None,
        distinct: true,
    };
    for (v, c) in r.vars.iter().zip(&r.cols) {
        if l.at(*v).is_none() {
            let col: Column = c.gather(&ri);
            out = out.with(*v, col);
        }
    }
    out
}
