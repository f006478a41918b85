//! What planning one query knows and collects. The stages of planning are its methods, in the files that are named after them.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::Passes;
use super::super::ast::{Var, Vars};
use super::super::budget::Meter;
use super::super::source::Sources;
use super::super::values::Values;
use super::Consts;
use super::kinds::RuleKinds;
use super::rules::{Pred, PredKey, RuleSet};
use super::typing::Typing;
use crate::edn::Symbol;
use crate::log::Log;

/// See the module.
pub(crate) struct Planner<'a> {
    pub sources: &'a Sources,
    pub values: &'a Values,
    pub logs: &'a [(Symbol, Log)],
    /// Planning takes time, too.
    pub meter: &'a Meter,
    pub vars: Vars,
    pub rules: &'a RuleSet,
    pub rule_kinds: &'a RuleKinds,
    pub consts: Consts,
    pub allow_scan: bool,
    /// How deep the clause that is being planned lies, in queries around this one, too.
    pub depth: usize,
    /// What types the variables have around the clause that is being planned.
    pub typing: Typing,
    /// In the body of a rule: what `$` names there, the source that the rule was called on.
    pub dollar: Option<Option<usize>>,
    pub inlined: usize,
    /// How many rules are being planned inside each other.
    pub nesting: usize,
    /// How many disjunctions are being planned inside each other.
    pub branching: usize,
    /// The recursion whose bodies are being planned.
    pub component: Option<usize>,
    pub preds: Vec<Pred>,
    pub pred_index: FxHashMap<PredKey, usize>,
    /// Rules that are being planned with no argument bound, outermost first.
    pub free: Vec<usize>,
    pub distinct: FxHashMap<(usize, u32), f64>,
    /// How many facts attributes have, by source.
    pub facts: FxHashMap<(usize, u32), f64>,
    pub passes: Passes,
    /// Variables that a clause uses as entities.
    pub entities: FxHashSet<Var>,
    /// Variables that are equal to others, having been written twice in one clause.
    pub twins: Vec<(Var, Var)>,
    /// What can fail waits until nothing else can be done.
    pub careful: bool,
    /// The variables that inputs give one value.
    pub inputs: Vec<Var>,
    /// Those on whose very value the plan depends.
    pub exact: Vec<Var>,
    /// The plan holds for later runs, with other values and on later database values.
    pub lasting: bool,
}

impl Planner<'_> {
    pub(super) fn fresh(&mut self, like: &str) -> Var {
        self.vars.fresh(Symbol::new(like))
    }

    /// The variables whose numbers are entities: a number is one where a clause uses it as one, wherever that clause stands.
    pub fn entities(&mut self) -> FxHashSet<Var> {
        let mut entities = std::mem::take(&mut self.entities);
        loop {
            let before = entities.len();
            for (a, b) in &self.twins {
                if entities.contains(a) || entities.contains(b) {
                    entities.extend([*a, *b]);
                }
            }
            if entities.len() == before {
                return entities;
            }
        }
    }
}
