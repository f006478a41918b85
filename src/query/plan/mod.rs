//! What is asked -> how it is computed: `lower` resolves names, attributes and constants, `order` arranges the clauses by cost.
//!
//! A plan names variables, sources and index reads and holds no rows. Everything that can be wrong with a query without
//! looking at facts is found out here.

pub(crate) mod access;
mod bounds;
mod calls;
mod closure;
pub(crate) mod kinds;
mod log;
mod lookups;
mod lower;
mod order;
mod pattern;
pub(crate) mod planner;
mod preds;
pub(crate) mod rules;
mod types;
mod typing;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::ast::{Binding, Var};
use super::column::{Column, Tag, canonical};
use super::functions::Callable;
use crate::datom::{T, Val, Value, Word, word};
use crate::edn::Symbol;
use crate::error::{Result, Span};
use crate::schema::Attribute;

/// Variables whose one value is known before the query runs.
pub(crate) type Consts = FxHashMap<Var, (Tag, Word)>;

/// A position of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pos<C> {
    Any,
    Var(Var),
    Is(C),
}

impl<C> Pos<C> {
    pub fn var(&self) -> Option<Var> {
        match self {
            Pos::Var(v) => Some(*v),
            _ => None,
        }
    }
    pub fn is_const(&self) -> bool {
        matches!(self, Pos::Is(_))
    }
}

/// Bounds that comparison predicates put on a pattern's value; `(value, inclusive)`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bounds {
    pub low: Option<(Value, bool)>,
    pub high: Option<(Value, bool)>,
}

impl Bounds {
    pub fn is_some(&self) -> bool {
        self.low.is_some() || self.high.is_some()
    }
}

/// A pattern over a database.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub source: usize,
    pub e: Pos<u64>,
    pub a: Pos<u32>,
    pub v: Pos<Value>,
    pub tx: Pos<T>,
    pub op: Pos<bool>,
    /// The attribute, when it is a constant.
    pub attr: Option<Arc<Attribute>>,
    pub bounds: Bounds,
    /// It can match nothing: a constant names nothing in this view.
    pub nothing: bool,
    /// Reading everything is allowed.
    pub allow_scan: bool,
    pub params: Params,
    pub span: Span,
}

/// What of a pattern is the value of an input: another run of the same plan puts its own there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    pub e: Option<Var>,
    pub v: Option<Var>,
    /// The word that the value has in the source's dictionary, where that is known.
    pub word: Option<Word>,
    /// It matches nothing, whatever the values.
    pub nothing: bool,
    /// How many rows it has with the values planned for.
    pub rows: Option<f64>,
}

impl Params {
    pub fn is_none(&self) -> bool {
        self.e.is_none() && self.v.is_none()
    }
}

impl Scan {
    /// Puts the values of a run where those of another were; `foreign` says whether the source has words of its own.
    pub fn put_in(&mut self, consts: &Consts, values: &super::values::Values, foreign: bool) -> Result<()> {
        self.nothing = self.params.nothing;
        if let Some(word) = self.params.e.and_then(|v| consts.get(&v)) {
            match pattern::entity_of(*word) {
                Some(e) => self.e = Pos::Is(e),
                None => self.nothing = true,
            }
        }
        if let Some(given) = self.params.v.and_then(|v| consts.get(&v)) {
            match pattern::value_of(self.attr.as_deref(), *given, values)? {
                Some(v) => {
                    let text = !v.value_type().is_inline();
                    self.params.word = Some(given.1).filter(|w| text && !foreign && word::is_stored(*w));
                    self.v = Pos::Is(v);
                }
                None => self.nothing = true,
            }
        }
        Ok(())
    }
}

impl Scan {
    pub fn vars(&self) -> impl Iterator<Item = Var> {
        [self.e.var(), self.a.var(), self.v.var(), self.tx.var(), self.op.var()]
            .into_iter()
            .flatten()
    }
}

/// A pattern over a collection of tuples.
#[derive(Clone, Debug)]
pub(crate) struct RowScan {
    pub source: usize,
    pub terms: Vec<Pos<(Tag, Word)>>,
    pub span: Span,
}

impl RowScan {
    /// What the tuples must have where, as equality sees it.
    pub fn constants(&self) -> Vec<(usize, (Tag, Word))> {
        let terms = self.terms.iter().enumerate();
        terms
            .filter_map(|(i, t)| match t {
                Pos::Is((tag, w)) => Some((i, canonical(*tag, *w))),
                _ => None,
            })
            .collect()
    }
}

/// Whether a tuple has these constants.
pub(crate) fn fits(cols: &[Column], constants: &[(usize, (Tag, Word))], row: usize) -> bool {
    constants.iter().all(|(c, word)| cols[*c].canonical(row) == *word)
}

/// A function's argument.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Var(Var),
    Const(Val),
}

impl Operand {
    pub fn var(&self) -> Option<Var> {
        match self {
            Operand::Var(v) => Some(*v),
            Operand::Const(_) => None,
        }
    }
}

/// What is called: a function by its name, or one of the engine's own.
#[derive(Clone)]
pub(crate) enum Callee {
    Named(Callable),
    /// `ground`, and the value of a function that gives its argument.
    Identity,
    /// `tuple`
    Tuple,
}

impl std::fmt::Debug for Callee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Callee::Named(Callable::BuiltIn(function)) => function.name,
            Callee::Named(Callable::Registered(_)) => "registered",
            Callee::Identity => "identity",
            Callee::Tuple => "tuple",
        })
    }
}

/// A call over values.
#[derive(Clone, Debug)]
pub(crate) struct Apply {
    pub callee: Callee,
    pub name: Symbol,
    pub args: Vec<Operand>,
    pub span: Span,
}

impl Apply {
    pub fn inputs(&self) -> impl Iterator<Item = Var> + '_ {
        self.args.iter().filter_map(Operand::var)
    }
}

/// `get-else`, `get-some` and `missing?`.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub source: usize,
    pub kind: LookupKind,
    pub e: Operand,
    pub attrs: Vec<Attr>,
    pub span: Span,
}

/// An attribute of a lookup, perhaps backwards.
#[derive(Clone, Debug)]
pub(crate) struct Attr {
    pub attr: Arc<Attribute>,
    pub reverse: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum LookupKind {
    Else(Val),
    Some,
    Missing,
}

/// A nested query: prepared, with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Nested {
    pub query: super::Query,
    pub args: Vec<NestedArg>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(crate) enum NestedArg {
    Source(usize),
    Value(Operand),
    /// Data as it stands: rules, patterns.
    Form(crate::edn::Edn),
}

/// One thing that must hold. Constants and names are resolved, rules that do not recurse are inlined.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    Scan(Scan),
    Rows(RowScan),
    /// Two variables are equal.
    Equal(Var, Var),
    /// A variable is a constant.
    Const(Var, Tag, Word),
    Filter(Apply),
    Apply(Apply, Binding),
    Lookup(Lookup, Binding),
    Nested(Nested, Binding),
    Not {
        /// What it shares with the outside.
        vars: Vec<Var>,
        body: Vec<Goal>,
        span: Span,
    },
    Or {
        /// The rule whose bodies these are.
        rule: Option<Symbol>,
        required: Vec<Var>,
        vars: Vec<Var>,
        branches: Vec<Vec<Goal>>,
        span: Span,
    },
    Call(RuleCall),
}

/// A call of a rule that is not inlined. All arguments are variables, no two the same.
#[derive(Clone, Debug)]
pub(crate) struct RuleCall {
    pub name: Symbol,
    pub source: Option<usize>,
    pub args: Vec<Var>,
    pub required: usize,
    pub span: Span,
}

impl Goal {
    /// The variables it shares with its neighbours, in order.
    pub fn vars(&self) -> Vec<Var> {
        let mut out = Vec::new();
        self.collect(&mut out);
        out
    }
    fn collect(&self, out: &mut Vec<Var>) {
        let mut add = |v: Var| {
            if !out.contains(&v) {
                out.push(v)
            }
        };
        match self {
            Goal::Scan(s) => s.vars().for_each(add),
            Goal::Rows(r) => r.terms.iter().filter_map(Pos::var).for_each(add),
            Goal::Equal(a, b) => [*a, *b].into_iter().for_each(add),
            Goal::Const(v, _, _) => add(*v),
            Goal::Filter(a) => a.inputs().for_each(add),
            Goal::Apply(a, b) => {
                a.inputs().for_each(add);
                b.collect(out);
            }
            Goal::Lookup(l, b) => {
                l.e.var().into_iter().for_each(add);
                b.collect(out);
            }
            Goal::Nested(n, b) => {
                n.inputs().for_each(add);
                b.collect(out);
            }
            Goal::Not { vars, .. } | Goal::Or { vars, .. } => vars.iter().copied().for_each(add),
            Goal::Call(c) => c.args.iter().copied().for_each(add),
        }
    }
    /// Where it was written.
    pub fn span(&self) -> Span {
        match self {
            Goal::Scan(s) => s.span,
            Goal::Rows(r) => r.span,
            Goal::Equal(..) | Goal::Const(..) => Span::NONE,
            Goal::Filter(a) | Goal::Apply(a, _) => a.span,
            Goal::Lookup(l, _) => l.span,
            Goal::Nested(n, _) => n.span,
            Goal::Not { span, .. } | Goal::Or { span, .. } => *span,
            Goal::Call(c) => c.span,
        }
    }
}

impl Nested {
    pub fn inputs(&self) -> impl Iterator<Item = Var> + '_ {
        self.args.iter().filter_map(|a| match a {
            NestedArg::Value(o) => o.var(),
            _ => None,
        })
    }
}

impl Op {
    /// The place of the clause that it does, where it is one clause.
    pub fn span(&self) -> Span {
        match self {
            Op::Scan(s) => s.span,
            Op::Rows(r) => r.span,
            Op::Filter(a) | Op::Apply(a, _) => a.span,
            Op::Lookup(l, _) => l.span,
            Op::Nested(n, _) => n.span,
            Op::Call(c) => c.span,
            Op::Equal(..) | Op::Const(..) | Op::Not(..) | Op::Or { .. } => Span::NONE,
        }
    }
}

/// A step of a plan: what it does, and which variables are still needed after it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub op: Op,
    pub keep: Vec<Var>,
    /// Rows after it, estimated.
    pub rows: f64,
    /// The number of the step in the whole plan, for what is measured.
    pub id: usize,
}

/// What a step does to the rows so far.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Scan(Scan),
    Rows(RowScan),
    Equal(Var, Var),
    Const(Var, Tag, Word),
    Filter(Apply),
    Apply(Apply, Binding),
    Lookup(Lookup, Binding),
    Nested(Nested, Binding),
    /// Drops the rows for which the body holds, compared on the variables.
    Not(Vec<Var>, Pipeline),
    /// Joins with the union of the branches, which begin with the values of `input`.
    Or {
        input: Vec<Var>,
        vars: Vec<Var>,
        branches: Vec<Pipeline>,
    },
    Call(RuleStep),
}

impl Op {
    /// The plans inside of it.
    pub fn inside(&self) -> &[Pipeline] {
        match self {
            Op::Not(_, body) => std::slice::from_ref(body),
            Op::Or { branches, .. } => branches,
            _ => &[],
        }
    }
    /// The same, to be changed.
    pub fn inside_mut(&mut self) -> &mut [Pipeline] {
        match self {
            Op::Not(_, body) => std::slice::from_mut(body),
            Op::Or { branches, .. } => branches,
            _ => &mut [],
        }
    }
}

/// The call of a rule under an adornment.
#[derive(Clone, Debug)]
pub(crate) struct RuleStep {
    pub span: Span,
    /// The number of the [`rules::Pred`].
    pub pred: usize,
    pub args: Vec<Var>,
    /// Which arguments it is asked about.
    pub bound: Vec<bool>,
    /// Which arguments the rows before have. Of a closure these are the bound ones: the search compares the other end itself.
    pub joined: Vec<bool>,
    /// The called rule is still being computed when this step runs: both are of one recursion.
    pub recursive: bool,
}

/// Steps one after another: rows over `input` go in, rows over `output` come out.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub input: Vec<Var>,
    pub nodes: Vec<Node>,
    pub output: Vec<Var>,
    /// Rows at the end, estimated.
    pub rows: f64,
    /// Rows touched on the way, estimated.
    pub cost: f64,
}
