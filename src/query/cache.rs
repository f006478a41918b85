//! What a query keeps between its runs: what it is over a schema ([`Setup`]), and plans. And the queries given as text.
//!
//! A plan belongs to the schema, the functions and the kind of view of its sources, to its rules, and to the types of the values
//! given. Where such a value stands as entity or value of a pattern, it is put in anew for each run; where the plan depends on it
//! otherwise (a bound, an attribute, a moment), the plan is for that value alone. A plan is taken out while it runs, so that its
//! values can be changed in place: two runs at the same time have two plans.
//!
//! Plans age. When the newest transaction is another than the one a plan was looked at last, its attributes are counted again; when one
//! has become four times what it was, or a quarter, the order of the clauses is sought anew.
//!
//! What a text means before it meets a schema depends on the text alone, so one cache serves all databases of the process
//! ([`by_text`]), and a query in it keeps plans for several schemas like any other. It holds on to no database: schemas and functions are
//! recognised, not kept.

use std::sync::{Arc, LazyLock, OnceLock, Weak};

use parking_lot::Mutex;

use super::ast::{Ast, Var};
use super::column::Tag;
use super::inputs::Bound;
use super::places::RuleText;
use super::plan::kinds::{self, Kinds, RuleKinds};
use super::plan::rules::RuleSet;
use super::plan::{Op, Pipeline, Scan, access};
use super::source::{Source, Sources};
use super::{Passes, Prepared, Query};
use crate::datom::Word;
use crate::db::{Db, Registry};
use crate::edn::Lately;
use crate::error::Result;
use crate::index::{Order, Range};
use crate::pull::Pattern;
use crate::schema::Schema;

/// So many schemas (or sets of rules) are remembered for a query, and so many plans for each.
const SETUPS_MAX: usize = 4;
const PLANS_MAX: usize = 8;
/// Changes of fewer rows than this are none.
const FEW_ROWS: f64 = 1000.0;
/// An attribute that has become so many times what it was changes the plan.
const GROWN: f64 = 4.0;
/// A value with so many times the rows of the one planned for has a plan of its own.
const MORE_COMMON: f64 = 8.0;

static TEXTS: LazyLock<Lately<Query>> = LazyLock::new(Lately::new);

/// The query that a text is, parsed when it was not met lately. Mistakes are not remembered.
pub(crate) fn by_text(text: &str) -> Result<Query> {
    TEXTS.get(text, |_| true, || Query::parse(text))
}

/// A query's memory; clones of the query share it.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Vec<Arc<Setup>>>);

/// A query over some schema: its rules, and what its variables stand for.
pub(crate) struct Setup {
    over: Vec<Over>,
    text: Option<RuleText>,
    pub rules: RuleSet,
    pub rule_kinds: RuleKinds,
    pub kinds: Kinds,
    /// What is pulled by each element of `:find`, once it was asked for.
    patterns: Vec<OnceLock<Arc<Pattern>>>,
    plans: Mutex<Vec<Loan>>,
}

/// What of a source a plan depends on. While it is remembered, nothing else can take its place in memory.
struct Over {
    schema: Option<Weak<Schema>>,
    registry: Option<Weak<Registry>>,
    /// History, as-of, since, filtered.
    view: [bool; 4],
}

/// A plan that waits for its next run.
struct Kept {
    passes: Passes,
    /// The variables with one value each, their types, and that value where the plan depends on it.
    values: Vec<(Var, Tag, Option<Word>)>,
    /// How many rows the inputs had, by powers of eight.
    size: u32,
    facts: Facts,
    prepared: Prepared,
}

/// The size of what a plan reads, when it was made.
struct Facts {
    /// By source: the newest t and the number of all facts, when last looked at.
    seen: Vec<(u64, u64)>,
    attrs: Vec<(usize, u32, f64)>,
}

/// A plan out of the cache, or one to be put into it. Boxed, since it is handed on a few times for each run.
pub(crate) struct Loan {
    kept: Box<Kept>,
}

impl Loan {
    pub fn plan(&self) -> &Prepared {
        &self.kept.prepared
    }
}

impl Over {
    fn new(source: &Source) -> Over {
        match source {
            Source::Db(s) => Over {
                schema: Some(Arc::downgrade(s.db.schema())),
                registry: Some(Arc::downgrade(s.db.registry_shared())),
                view: view(&s.db),
            },
            Source::Rows(_) => Over {
                schema: None,
                registry: None,
                view: [false; 4],
            },
        }
    }
    fn is(&self, source: &Source) -> bool {
        match (source, &self.schema, &self.registry) {
            (Source::Db(s), Some(schema), Some(registry)) => {
                std::ptr::eq(schema.as_ptr(), &**s.db.schema())
                    && std::ptr::eq(registry.as_ptr(), &**s.db.registry_shared())
                    && self.view == view(&s.db)
            }
            (Source::Rows(_), None, _) => true,
            _ => false,
        }
    }
}

fn view(db: &Db) -> [bool; 4] {
    [
        db.is_history(),
        db.as_of_t().is_some(),
        db.since_t().is_some(),
        db.is_filtered(),
    ]
}

impl Cache {
    /// The query over the schemas of these inputs: remembered, or made now.
    pub fn setup(&self, ast: &Ast, sources: &Sources, text: Option<RuleText>) -> Result<Arc<Setup>> {
        let mut setups = self.0.lock();
        let list = &sources.list;
        let at = setups.iter().position(|s| {
            s.over.len() == list.len()
                && s.over.iter().zip(list).all(|(over, (_, source))| over.is(source))
                && s.text == text
        });
        if let Some(at) = at {
            if at > 0 {
                setups[..=at].rotate_right(1);
            }
            return Ok(setups[0].clone());
        }
        drop(setups);
        let setup = Arc::new(Setup::new(ast, sources, text)?);
        let mut setups = self.0.lock();
        setups.insert(0, setup.clone());
        setups.truncate(SETUPS_MAX);
        Ok(setup)
    }
}

impl Setup {
    fn new(ast: &Ast, sources: &Sources, text: Option<RuleText>) -> Result<Setup> {
        let rules = match &text {
            Some(text) => RuleSet::new(text.parse()?).map_err(|e| e.at(text.span))?,
            None => RuleSet::default(),
        };
        let rule_kinds = kinds::of_rules(&rules.rules, sources);
        let query_kinds = kinds::of_query(&ast.clauses, sources, &rule_kinds);
        Ok(Setup {
            over: sources.list.iter().map(|(_, s)| Over::new(s)).collect(),
            text,
            rules,
            rule_kinds,
            kinds: query_kinds,
            patterns: (0..ast.find.elems.len()).map(|_| OnceLock::new()).collect(),
            plans: Mutex::default(),
        })
    }

    /// The pattern of an element of `:find`, parsed by `parse` when it is not known. One that calls functions is not kept, since these belong
    /// to a database.
    pub fn pattern(&self, elem: usize, parse: impl FnOnce() -> Result<Pattern>) -> Result<Arc<Pattern>> {
        let place = self.patterns.get(elem);
        if let Some(known) = place.and_then(OnceLock::get) {
            return Ok(known.clone());
        }
        let made = Arc::new(parse()?);
        match place.filter(|_| !made.calls()) {
            Some(place) => Ok(place.get_or_init(|| made).clone()),
            None => Ok(made),
        }
    }

    /// A plan that fits these values, with them in it.
    pub fn take(&self, bound: &Bound, passes: Passes) -> Result<Option<Loan>> {
        let mut plans = self.plans.lock();
        let mut at = 0;
        while at < plans.len() {
            if !plans[at].kept.fits(bound, passes) {
                at += 1;
                continue;
            }
            let mut loan = plans.remove(at);
            drop(plans);
            // One that is too old is forgotten.
            let young = loan.kept.facts.hold(&bound.sources)?;
            if young && loan.kept.put_in(bound)? {
                return Ok(Some(loan));
            }
            plans = self.plans.lock();
            if young {
                at = at.min(plans.len());
                plans.insert(at, loan);
                at += 1;
            }
        }
        Ok(None)
    }

    /// Keeps a plan for the next run, if it may have one.
    pub fn give(&self, loan: Loan) {
        let rows = self.over.iter().any(|over| over.schema.is_none());
        if rows || !loan.kept.prepared.lasting {
            return;
        }
        let mut plans = self.plans.lock();
        plans.insert(0, loan);
        plans.truncate(PLANS_MAX);
    }

    /// A new plan, with what it depends on.
    pub fn keep(&self, prepared: Prepared, bound: &Bound, passes: Passes) -> Result<Loan> {
        let exact = &prepared.exact;
        let mut values: Vec<(Var, Tag, Option<Word>)> = Vec::with_capacity(bound.consts.len());
        for (v, (tag, w)) in &bound.consts {
            values.push((*v, *tag, exact.contains(v).then_some(*w)));
        }
        let facts = Facts::new(&prepared, &bound.sources)?;
        Ok(Loan {
            kept: Box::new(Kept {
                passes,
                values,
                size: size_class(bound.rows.len),
                facts,
                prepared,
            }),
        })
    }
}

fn size_class(rows: usize) -> u32 {
    (rows as u64 + 1).ilog2() / 3
}

impl Kept {
    fn fits(&self, bound: &Bound, passes: Passes) -> bool {
        self.passes == passes
            && self.size == size_class(bound.rows.len)
            && self.values.len() == bound.consts.len()
            && self.values.iter().all(|(v, tag, word)| {
                bound
                    .consts
                    .get(v)
                    .is_some_and(|(t, w)| t == tag && word.is_none_or(|word| word == *w))
            })
    }

    /// Puts the values of this run in; false when the plan was made for much rarer or more common ones.
    fn put_in(&mut self, bound: &Bound) -> Result<bool> {
        if self.values.is_empty() {
            return Ok(true);
        }
        let lone = self.prepared.main.nodes.len() < 2;
        let mut fit = true;
        each_scan(&mut self.prepared, &mut |scan| {
            if scan.params.is_none() {
                return Ok(());
            }
            let db = bound.sources.db(scan.source);
            scan.put_in(&bound.consts, &bound.values, db.is_none_or(|db| db.foreign))?;
            let unique = scan.attr.as_ref().is_some_and(|a| a.unique.is_some());
            if let (true, Some(planned), Some(db)) = (fit && !lone && !unique, scan.params.rows, db) {
                let rows = access::estimate(scan, &db.db)?;
                fit = rows <= planned * MORE_COMMON + FEW_ROWS && planned <= rows * MORE_COMMON + FEW_ROWS;
            }
            Ok(())
        })?;
        Ok(fit)
    }
}

impl Facts {
    fn new(prepared: &Prepared, sources: &Sources) -> Result<Facts> {
        let mut attrs: Vec<(usize, u32, f64)> = Vec::new();
        let mut failed = None;
        visit(prepared, &mut |scan: &Scan| {
            let (Some(a), Some(db)) = (&scan.attr, sources.db(scan.source)) else {
                return;
            };
            if !attrs.iter().any(|(s, id, _)| (*s, *id) == (scan.source, a.id)) {
                match db.db.estimate(Order::Aevt, &Range::a(a.id)) {
                    Ok(rows) => attrs.push((scan.source, a.id, rows as f64)),
                    Err(e) => failed = Some(e),
                }
            }
        });
        match failed {
            Some(e) => Err(e),
            None => Ok(Facts {
                seen: sources.list.iter().map(|(_, s)| seen(s)).collect(),
                attrs,
            }),
        }
    }

    /// Whether what was counted is still about right.
    fn hold(&mut self, sources: &Sources) -> Result<bool> {
        let mut changed = false;
        for ((t, facts), (_, source)) in self.seen.iter_mut().zip(&sources.list) {
            let Source::Db(s) = source else { continue };
            if s.db.basis_t() == *t {
                continue;
            }
            *t = s.db.basis_t();
            let now = s.db.facts_about();
            if now.abs_diff(*facts) as f64 > FEW_ROWS {
                *facts = now;
                changed = true;
            }
        }
        if !changed {
            return Ok(true);
        }
        for (source, attr, rows) in &self.attrs {
            let Some(db) = sources.db(*source) else { continue };
            let now = db.db.estimate(Order::Aevt, &Range::a(*attr))? as f64;
            if now > rows * GROWN + FEW_ROWS || *rows > now * GROWN + FEW_ROWS {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn seen(source: &Source) -> (u64, u64) {
    match source {
        Source::Db(s) => (s.db.basis_t(), s.db.facts_about()),
        Source::Rows(_) => (0, 0),
    }
}

/// Calls `f` with every pattern of a plan.
fn each_scan(prepared: &mut Prepared, f: &mut dyn FnMut(&mut Scan) -> Result<()>) -> Result<()> {
    prepared.plans_mut().try_for_each(|plan| scans(plan, f))
}

fn scans(plan: &mut Pipeline, f: &mut dyn FnMut(&mut Scan) -> Result<()>) -> Result<()> {
    for node in &mut plan.nodes {
        match &mut node.op {
            Op::Scan(scan) => f(scan)?,
            op => op.inside_mut().iter_mut().try_for_each(|plan| scans(plan, f))?,
        }
    }
    Ok(())
}

/// The same without changing it.
fn visit(prepared: &Prepared, f: &mut dyn FnMut(&Scan)) {
    fn within(plan: &Pipeline, f: &mut dyn FnMut(&Scan)) {
        for node in &plan.nodes {
            match &node.op {
                Op::Scan(scan) => f(scan),
                op => op.inside().iter().for_each(|plan| within(plan, f)),
            }
        }
    }
    within(&prepared.main, f);
    for body in prepared.preds.iter().flat_map(|p| &p.bodies) {
        within(&body.plan, f);
    }
}
