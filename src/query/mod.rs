//! A question becomes an answer: `parse` -> `plan` -> `exec` -> `find`.
//!
//! `parse` makes an `Ast` from EDN and reports what can be wrong without a database. `plan` resolves it against
//! the sources (attributes, constants, functions, rules) and arranges the clauses by estimated cost; what is left to be wrong
//! is found there, before anything runs. `exec` works on columns of words, `find` makes the [`Answer`] from the last rows.
//! Values are words throughout: text is fetched at the end, for what is shown.

pub mod functions;

mod answer;
mod ast;
mod bind;
mod budget;
mod cache;
mod column;
mod components;
mod exec;
mod explain;
mod find;
mod growing;
mod hash;
mod input;
mod inputs;
mod join;
mod keys;
mod out;
mod page;
mod parse;
mod places;
mod plan;
mod relation;
mod seen;
mod source;
mod stats;
mod texts;
mod values;

use std::sync::Arc;

pub use answer::Answer;
pub use ast::Shape;
pub use budget::{Budget, CancelToken};
pub use input::Input;
pub use stats::QueryStats;
pub use texts::Texts;

use crate::datom::Val;
use crate::db::Db;
use crate::edn::{self, Edn, Node, Symbol};
use crate::error::{Code, Error, Result};
use ast::{Ast, InSpec};
use budget::Meter;
use cache::{Cache, Setup};
use exec::Exec;
use find::{Finder, Paging};
use inputs::Bound;
use page::{Page, State};
use plan::Pipeline;
use plan::planner::Planner;
use plan::rules::Pred;

/// A query, parsed: made once, run as often as one likes.
/// ```
/// # fn main() -> asof::Result<()> {
/// use asof::{Input, Query, testing};
/// let conn = testing::fixture(
///     r#"[{:db/ident :ship/tons :db/valueType :db.type/long :db/cardinality :db.cardinality/one}]
///        [{:ship/tons 150} {:ship/tons 900}]"#,
/// )?;
/// let heavier = Query::parse("[:find (count ?s) . :in $ ?min :where [?s :ship/tons ?t] [(< ?min ?t)]]")?;
/// for (min, found) in [(100, "2"), (500, "1")] {
///     let answer = heavier.run(&[Input::from(conn.db()), Input::from(min)])?;
///     assert_eq!(answer.to_edn()?.to_string(), found);
/// }
/// let plan = heavier.explain(&[Input::from(conn.db()), Input::from(100)])?;
/// assert!(plan.contains(":ship/tons"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Query {
    pub(crate) ast: Arc<Ast>,
    /// The text it was read from, for the places of errors.
    text: Option<Arc<str>>,
    cache: Arc<Cache>,
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("ast", &self.ast).finish_non_exhaustive()
    }
}

/// How a query is run.
#[derive(Clone, Debug, Default)]
pub struct QueryOptions {
    /// What it may use.
    pub budget: Budget,
    /// Which passes of the planner work.
    pub passes: Passes,
    /// The token of the page before, instead of `:after` in the text: see [`Answer::next_token`].
    pub after: Option<String>,
}

/// The passes of the planner, each with its switch. All switches give the same answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passes {
    /// `push-bounds`: comparisons become ranges of the index.
    pub push_bounds: bool,
    /// `order-clauses`: clauses run in the order of their cost instead of that of the text.
    pub order_clauses: bool,
    /// `find-closures`: rules of the shape of a transitive closure are searched as a graph.
    pub find_closures: bool,
}

impl Default for Passes {
    fn default() -> Passes {
        Passes {
            push_bounds: true,
            order_clauses: true,
            find_closures: true,
        }
    }
}

/// What a query is read from: text, or a form. A text that was met lately, by any database of the process, is not parsed again, and
/// has its plans still.
pub trait IntoQuery {
    /// Reads it.
    fn into_query(self) -> Result<Query>;
}
impl IntoQuery for &str {
    fn into_query(self) -> Result<Query> {
        cache::by_text(self)
    }
}
impl IntoQuery for &Edn {
    fn into_query(self) -> Result<Query> {
        Query::from_edn(self)
    }
}
impl IntoQuery for &Query {
    fn into_query(self) -> Result<Query> {
        Ok(self.clone())
    }
}

/// Says what is wrong with rules by themselves, before a query uses them.
/// ```
/// let rules = asof::edn::read_one("[[(heavy ?s) [?t :ship/tons 900]]]").expect("a form");
/// assert_eq!(asof::query::check_rules(&rules).unwrap_err().code(), asof::Code::UnboundVariable);
/// ```
pub fn check_rules(rules: &Edn) -> Result<()> {
    parse::rules(rules).map(drop)
}

impl Query {
    /// Reads a query from text: `[:find ?n :where [?e :person/name ?n]]`.
    pub fn parse(text: &str) -> Result<Query> {
        let form = edn::read_one(text).map_err(|e| e.in_source("query", text))?;
        let mut query = Query::from_edn(&form).map_err(|e| e.in_source("query", text))?;
        query.text = Some(text.into());
        Ok(query)
    }

    /// A query as a form: a vector, a list, a map, or a string with the text of one.
    pub fn from_edn(form: &Edn) -> Result<Query> {
        if let Node::Str(text) = &form.node {
            return Query::parse(text);
        }
        form.check_depth()?;
        Ok(Query {
            ast: Arc::new(parse::query(form)?),
            text: None,
            cache: Arc::default(),
        })
    }

    /// Runs it.
    pub fn run(&self, inputs: &[Input]) -> Result<Answer> {
        self.run_with(inputs, &QueryOptions::default())
    }

    /// Runs it within a budget.
    pub fn run_with(&self, inputs: &[Input], options: &QueryOptions) -> Result<Answer> {
        self.placed(inputs, self.perform(inputs, options, None))
    }

    /// The plan for these inputs, as text. Nothing runs.
    pub fn explain(&self, inputs: &[Input]) -> Result<String> {
        let explained = || {
            let meter = Meter::new(&Budget::default());
            let (bound, setup) = self.bind(inputs, None, &meter)?;
            let finder = Finder::new(&self.ast.find, &bound, &setup)?;
            let prepared = self.prepare(&bound, &setup, &finder, (Passes::default(), &meter), false, 0)?;
            Ok(explain::plan(&prepared, &bound.sources, None))
        };
        self.placed(inputs, explained())
    }

    /// Runs it, and shows the plan with what each step did, then what the whole did.
    pub fn explain_analyze(&self, inputs: &[Input]) -> Result<String> {
        self.explain_analyze_with(inputs, &QueryOptions::default())
    }

    /// As [`Query::explain_analyze`], within a budget.
    pub fn explain_analyze_with(&self, inputs: &[Input], options: &QueryOptions) -> Result<String> {
        let mut text = String::new();
        let answer = self.placed(inputs, self.perform(inputs, options, Some(&mut text)))?;
        Ok(format!("{text}{}\n", answer.stats()))
    }

    /// The mistakes that are mistakes whatever the inputs that are not known yet will be; `depth` says how deep the query lies in
    /// others.
    pub(crate) fn check(
        &self,
        inputs: &[Option<Input>],
        (passes, meter): (Passes, &Meter),
        depth: usize,
    ) -> Result<()> {
        let open = self.ast.inputs.iter().zip(inputs).filter(|(_, known)| known.is_none());
        if open
            .into_iter()
            .any(|((spec, _), _)| matches!(spec, InSpec::Rules | InSpec::Pattern(_)))
        {
            return Ok(());
        }
        let nothing = Input::Val(Val::vector([]));
        let given: Vec<Input> = inputs
            .iter()
            .map(|i| i.clone().unwrap_or_else(|| nothing.clone()))
            .collect();
        let (mut bound, rules) = inputs::open(&self.ast, &given, false, None)?;
        let setup = self.cache.setup(&self.ast, &bound.sources, rules)?;
        bound.bind_known(&self.ast, inputs, &setup.kinds, meter)?;
        let finder = Finder::new(&self.ast.find, &bound, &setup)?;
        self.prepare(&bound, &setup, &finder, (passes, meter), false, depth)
            .map(drop)
    }

    fn placed<X>(&self, inputs: &[Input], result: Result<X>) -> Result<X> {
        result.map_err(|e| places::located(e, self.text.as_ref(), &self.ast, inputs))
    }

    /// What the inputs are to the query; the databases as they were in these states.
    fn bind(&self, inputs: &[Input], states: Option<&[State]>, meter: &Meter) -> Result<(Bound, Arc<Setup>)> {
        let elsewhere = self.text.is_some();
        let (mut bound, rules) = inputs::open(&self.ast, inputs, elsewhere, states)?;
        let setup = self.cache.setup(&self.ast, &bound.sources, rules)?;
        bound.bind(&self.ast, inputs, elsewhere, &setup.kinds, meter)?;
        Ok((bound, setup))
    }

    fn prepare(
        &self,
        bound: &Bound,
        setup: &Setup,
        finder: &Finder<'_>,
        (passes, meter): (Passes, &Meter),
        careful: bool,
        depth: usize,
    ) -> Result<Prepared> {
        let mut planner = Planner {
            sources: &bound.sources,
            values: &bound.values,
            logs: &bound.logs,
            meter,
            vars: self.ast.vars.clone(),
            rules: &setup.rules,
            rule_kinds: &setup.rule_kinds,
            consts: bound.consts.clone(),
            allow_scan: self.ast.allow_scan,
            depth,
            typing: Default::default(),
            dollar: None,
            inlined: 0,
            nesting: 0,
            branching: 0,
            component: None,
            preds: Vec::new(),
            pred_index: Default::default(),
            free: Vec::new(),
            distinct: Default::default(),
            facts: Default::default(),
            passes,
            entities: Default::default(),
            twins: Vec::new(),
            careful,
            inputs: bound.consts.keys().copied().collect(),
            exact: Vec::new(),
            lasting: true,
        };
        let default = bound.sources.at(&Symbol::new("$"));
        let outer = bound.rows.vars.clone();
        let goals = planner.conjunction(&self.ast.clauses, &outer, default)?;
        planner.check_find(&self.ast, default)?;
        let main = planner.order(goals, &outer, bound.rows.len as f64, &finder.vars())?;
        let mut prepared = Prepared {
            main,
            entities: planner.entities(),
            careful,
            exact: planner.exact,
            lasting: planner.lasting,
            preds: planner.preds,
            vars: planner.vars,
            nodes: 0,
        };
        prepared.number();
        Ok(prepared)
    }

    fn perform(&self, inputs: &[Input], options: &QueryOptions, analyze: Option<&mut String>) -> Result<Answer> {
        let meter = Meter::new(&options.budget);
        let find = &self.ast.find;
        let page = match (&options.after, &find.after) {
            (Some(token), _) => Some(Page::read(token)?),
            (None, Some(form)) => Some(Page::read(form.as_str().unwrap_or("")).map_err(|e| e.at(form.span))?),
            (None, None) => None,
        };
        let paged = page.is_some() || find.limit.is_some();
        let question = if paged {
            page::question(find.fingerprint, inputs)
        } else {
            0
        };
        let place = find.after.as_ref().map_or(crate::error::Span::NONE, |form| form.span);
        if page.as_ref().is_some_and(|p| p.question != question) {
            return Err(
                Error::new(Code::InvalidArgument, "the page token belongs to another question")
                    .at(place)
                    .hint("a token goes with the query and the inputs that it came from; only :limit may differ"),
            );
        }
        let states = page.as_ref().map(|p| &p.states[..]);
        let (bound, setup) = self.bind(inputs, states, &meter).map_err(|e| e.at(place))?;
        let finder = Finder::new(&self.ast.find, &bound, &setup)?;
        let mut analyze = analyze;
        let mut attempt = |prepared: &Prepared| {
            let steps = analyze.is_some().then_some(prepared.nodes);
            let exec = Exec::new(&bound, prepared, &meter, options, steps);
            let rows = exec.run(&prepared.main, bound.rows.clone())?;
            if let (Some(text), Some(actual)) = (&mut analyze, &exec.actual) {
                **text = explain::plan(prepared, &bound.sources, Some(&actual.borrow()));
            }
            Ok(rows)
        };
        let loan = match setup.take(&bound, options.passes)? {
            Some(loan) => loan,
            None => {
                let prepared = self.prepare(&bound, &setup, &finder, (options.passes, &meter), false, 0)?;
                setup.keep(prepared, &bound, options.passes)?
            }
        };
        meter.planned();
        let outcome = attempt(loan.plan());
        setup.give(loan);
        let rows = match outcome {
            // A function failed: whether that counts is found out with care.
            Err(failure) if exec::careful::is_failure(&failure) => {
                meter.back_to(0);
                match attempt(&self.prepare(&bound, &setup, &finder, (options.passes, &meter), true, 0)?) {
                    Err(e) if e.code() == Code::QueryLimit => Err(failure),
                    outcome => outcome,
                }
            }
            outcome => outcome,
        }?;
        let states = if paged { bound.states()? } else { Vec::new() };
        let Bound { values, .. } = bound;
        let paging = Paging {
            question,
            states,
            after: page.map(|p| p.row),
        };
        let answer = finder.answer(rows, values, &self.ast, &meter, paging)?;
        Ok(answer)
    }
}

/// A plan with everything that it calls.
pub(crate) struct Prepared {
    pub main: Pipeline,
    pub preds: Vec<Pred>,
    pub vars: ast::Vars,
    pub nodes: usize,
    /// Variables that a clause uses as entities.
    pub entities: rustc_hash::FxHashSet<ast::Var>,
    /// Functions that can fail come last, and their failures count only where they must.
    pub careful: bool,
    /// Variables of inputs on whose very value it depends.
    pub exact: Vec<ast::Var>,
    /// It may be run again, see [`cache`].
    pub lasting: bool,
}

impl Prepared {
    /// Gives every step a number of its own.
    fn number(&mut self) {
        let mut next = 0;
        self.plans_mut().for_each(|plan| number(plan, &mut next));
        self.nodes = next;
    }

    /// Its own plan, and those of all that it calls.
    fn plans_mut(&mut self) -> impl Iterator<Item = &mut Pipeline> {
        let called = self.preds.iter_mut().flat_map(|pred| {
            let bodies = pred.bodies.iter_mut().map(|body| &mut body.plan);
            bodies.chain(pred.every_edge.as_mut())
        });
        std::iter::once(&mut self.main).chain(called)
    }
}

fn number(plan: &mut Pipeline, next: &mut usize) {
    for node in &mut plan.nodes {
        node.id = *next;
        *next += 1;
        node.op.inside_mut().iter_mut().for_each(|plan| number(plan, next));
    }
}

/// Asks a query of inputs.
pub fn q(query: impl IntoQuery, inputs: &[Input]) -> Result<Answer> {
    query.into_query()?.run(inputs)
}

/// The plan of a query for these inputs.
pub fn explain(query: impl IntoQuery, inputs: &[Input]) -> Result<String> {
    query.into_query()?.explain(inputs)
}

impl Db {
    /// Asks a query of this database value, which is `$`; `inputs` are the rest of `:in`.
    pub fn q(&self, query: impl IntoQuery, inputs: &[Input]) -> Result<Answer> {
        let mut all = vec![Input::from(self)];
        all.extend_from_slice(inputs);
        q(query, &all)
    }

    /// As [`Db::q`], with the rows as Rust values: `db.q_as::<(String, i64)>("[:find ?name ?age ...]", &[])`.
    pub fn q_as<T: serde::de::DeserializeOwned>(&self, query: impl IntoQuery, inputs: &[Input]) -> Result<Vec<T>> {
        self.q(query, inputs)?.typed()
    }
}

#[cfg(test)]
mod tests;
