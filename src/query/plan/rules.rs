//! Rules: who calls whom, which recurse, and that no rule depends on its own negation.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::ast::{Clause, JoinVars, Rule, Rules, Term, Var};
use super::super::components::{NEW, components};
use super::super::functions;
use super::Pipeline;
use crate::edn::Symbol;
use crate::error::{Code, Error, Result, Span};

/// The rules of a query with their strongly connected components.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleSet {
    pub rules: Rules,
    component: FxHashMap<Symbol, usize>,
    cyclic: Vec<bool>,
    /// How many rules each component has.
    sizes: Vec<usize>,
}

/// A rule called on a source with some arguments bound: what is computed together.
#[derive(Clone, Debug)]
pub(crate) struct Pred {
    pub name: Symbol,
    pub source: Option<usize>,
    pub bound: Vec<bool>,
    pub component: usize,
    /// Names for the columns of its results.
    pub vars: Vec<Var>,
    pub bodies: Vec<Body>,
    /// Rows for one row of bound arguments, estimated.
    pub rows: f64,
    /// It is the transitive closure of its one body.
    pub closure: bool,
    /// Of a closure with an argument bound: how to read all edges at once, where that is possible.
    pub every_edge: Option<Pipeline>,
}

/// One body, planned: from the bound arguments to all of them.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub args: Vec<Var>,
    pub plan: Pipeline,
}

/// A rule, its source, the arguments that are bound, and the outermost rule of its recursion that is planned with none bound.
pub(crate) type PredKey = (Symbol, Option<usize>, Vec<bool>, Option<usize>);

/// A call inside a rule: whom, whether under a not, and where.
type Edge = (Symbol, bool, Span);

impl RuleSet {
    pub fn new(rules: Rules) -> Result<RuleSet> {
        let mut set = RuleSet {
            rules,
            ..RuleSet::default()
        };
        set.components();
        set.check()?;
        set.lift_disjunctions();
        Ok(set)
    }

    pub fn is_recursive(&self, name: &Symbol) -> bool {
        self.component.get(name).is_some_and(|c| self.cyclic[*c])
    }
    /// Whether its recursion goes through no other rule.
    pub fn recurs_alone(&self, name: &Symbol) -> bool {
        self.is_recursive(name) && self.sizes[self.component(name)] == 1
    }
    pub fn component(&self, name: &Symbol) -> usize {
        self.component.get(name).copied().unwrap_or(usize::MAX)
    }

    /// Whether a function that can fail may be called on the way.
    pub fn may_fail(&self, name: &Symbol) -> bool {
        let (mut seen, mut todo) = (FxHashSet::default(), vec![name.clone()]);
        while let Some(name) = todo.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            for rule in self.rules.of(&name) {
                let mut calls = Vec::new();
                rule.body.iter().for_each(|c| calls_of(c, false, &mut calls));
                todo.extend(calls.into_iter().map(|(name, _, _)| name));
                if rule.body.iter().any(fails) {
                    return true;
                }
            }
        }
        false
    }

    /// Which rules call each other in a circle.
    fn components(&mut self) {
        let mut names: Vec<Symbol> = Vec::new();
        let mut index: FxHashMap<Symbol, u32> = FxHashMap::default();
        for r in &self.rules.bodies {
            index.entry(r.name.clone()).or_insert_with(|| {
                names.push(r.name.clone());
                names.len() as u32 - 1
            });
        }
        let (mut spans, mut targets) = (Vec::new(), Vec::new());
        for name in &names {
            let mut calls = Vec::new();
            let bodies = self.rules.of(name).flat_map(|rule| &rule.body);
            bodies.for_each(|c| calls_of(c, false, &mut calls));
            let start = targets.len() as u32;
            targets.extend(calls.iter().filter_map(|(n, _, _)| index.get(n).copied()));
            spans.push((start, targets.len() as u32));
        }
        let found = components(&spans, &targets);
        self.cyclic = found.list.iter().map(|(low, high)| high - low > 1).collect();
        for ((name, i), (low, high)) in names.into_iter().zip(0..).zip(spans) {
            let mut component = found.of[i as usize] as usize;
            if found.of[i as usize] == NEW {
                component = self.cyclic.len();
                self.cyclic.push(false);
            }
            self.cyclic[component] |= targets[low as usize..high as usize].contains(&i);
            self.component.insert(name, component);
        }
        self.sizes = vec![0; self.cyclic.len()];
        for component in self.component.values() {
            self.sizes[*component] += 1;
        }
    }

    fn check(&self) -> Result<()> {
        for r in &self.rules.bodies {
            let mut calls = Vec::new();
            r.body.iter().for_each(|c| calls_of(c, false, &mut calls));
            for (name, negated, span) in calls {
                if self.rules.head(&name).is_none() {
                    let names: Vec<String> = self.rules.bodies.iter().map(|r| r.name.to_string()).collect();
                    let given = name.to_string();
                    return Err(Error::new(
                        Code::UnknownRule,
                        format!("the rule {} calls {given}, which is no rule", r.name),
                    )
                    .at(span)
                    .suggest(&given, names.iter().map(|s| &**s)));
                }
                if negated && self.is_recursive(&name) && self.component(&name) == self.component(&r.name) {
                    return Err(Error::new(
                        Code::Unstratified,
                        format!(
                            "the rule {} depends on the negation of {name}, which depends on {}",
                            r.name, r.name
                        ),
                    )
                    .at(span)
                    .hint("a rule may negate only what is complete without the rule itself"));
                }
            }
        }
        Ok(())
    }

    /// In a recursion, a disjunction that holds a recursive call becomes a rule of its own: then every recursive call stands
    /// directly in a body, where semi-naive evaluation wants it.
    fn lift_disjunctions(&mut self) {
        let mut at = 0;
        while at < self.rules.bodies.len() {
            let rule = self.rules.bodies[at].clone();
            if self.is_recursive(&rule.name) {
                let component = self.component(&rule.name);
                let mut body = Vec::new();
                for c in &rule.body {
                    body.push(self.lift(c, &rule, component));
                }
                self.rules.bodies[at].body = body;
            }
            at += 1;
        }
    }

    fn lift(&mut self, c: &Clause, rule: &Rule, component: usize) -> Clause {
        let Clause::Or {
            source,
            vars,
            branches,
            span,
        } = c
        else {
            return c.clone();
        };
        let mut calls = Vec::new();
        calls_of(c, false, &mut calls);
        if !calls.iter().any(|(name, _, _)| self.component(name) == component) {
            return c.clone();
        }
        let vars = vars.clone().unwrap_or_else(|| JoinVars {
            required: Vec::new(),
            free: branches[0].iter().fold(Vec::new(), |mut out, c| {
                c.collect(&mut out);
                out
            }),
        });
        let name = Symbol::new(&format!("{} (or {})", rule.name, self.rules.bodies.len()));
        self.component.insert(name.clone(), component);
        self.sizes[component] += 1;
        for b in branches {
            self.rules.push(Rule {
                name: name.clone(),
                head: vars.all().collect(),
                required: vars.required.len(),
                body: b.clone(),
                vars: rule.vars.clone(),
                span: *span,
            });
        }
        Clause::Rule {
            source: source.clone(),
            name,
            args: vars.all().map(|v| Term::Var(v, *span)).collect(),
            span: *span,
        }
    }
}

/// The calls in a clause.
fn calls_of(c: &Clause, negated: bool, out: &mut Vec<Edge>) {
    match c {
        Clause::Rule { name, span, .. } => out.push((name.clone(), negated, *span)),
        Clause::Not { body, .. } => body.iter().for_each(|c| calls_of(c, true, out)),
        Clause::And(body) => body.iter().for_each(|c| calls_of(c, negated, out)),
        Clause::Or { branches, .. } => branches.iter().flatten().for_each(|c| calls_of(c, negated, out)),
        Clause::Pattern(_) | Clause::Predicate(_) | Clause::Function(..) => {}
    }
}

/// Whether a clause calls a function that can fail, itself.
fn fails(c: &Clause) -> bool {
    match c {
        Clause::Predicate(call) | Clause::Function(call, ..) => !functions::never_fails(&call.name),
        Clause::Not { body, .. } | Clause::And(body) => body.iter().any(fails),
        Clause::Or { branches, .. } => branches.iter().flatten().any(fails),
        Clause::Pattern(_) | Clause::Rule { .. } => false,
    }
}
