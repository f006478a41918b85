//! Plans of the rules that are called, one for each way in which their arguments are bound.

use super::super::ast::{Rule, Var};
use super::kinds::Kind;
use super::planner::Planner;
use super::rules::{Body, Pred};
use super::{RuleCall, closure};
use crate::error::{Code, Error, Result};

/// Rules nested deeper than this are refused: planning and running them takes the native stack.
const NESTING_MAX: usize = 60;

impl Planner<'_> {
    /// The rule of a call with these arguments bound, planned once.
    pub fn pred(&mut self, call: &RuleCall, bound: &[bool]) -> Result<usize> {
        let rules = self.rules;
        let bodies: Vec<Rule> = rules.rules.of(&call.name).cloned().collect();
        let alone = rules.recurs_alone(&call.name) && self.passes.find_closures;
        let edge = closure::edge_of(&bodies).filter(|_| alone).cloned();
        // A search goes from one end; where it arrives is compared with the other afterwards.
        let bound: &[bool] = match (&edge, bound) {
            (Some(_), [true, true]) => &[true, false],
            _ => bound,
        };
        // All of a rule that is being derived anyway is not derived a second time for some arguments.
        let component = rules.component(&call.name);
        let mut free = self.free.iter().filter(|p| self.preds[**p].component == component);
        let outermost = free.clone().next().copied();
        let whole = free.find(|p| self.preds[**p].name == call.name && self.preds[**p].source == call.source);
        if let Some(whole) = whole.filter(|_| edge.is_none()) {
            return Ok(*whole);
        }
        let key = (call.name.clone(), call.source, bound.to_vec(), outermost);
        if let Some(&i) = self.pred_index.get(&key) {
            return Ok(i);
        }
        if self.nesting >= NESTING_MAX {
            return Err(Error::new(
                Code::QueryLimit,
                format!("rules call rules more than {NESTING_MAX} deep at {}", call.name),
            )
            .at(call.span));
        }
        let vars = self.head_vars(&bodies[0], call);
        let id = self.preds.len();
        self.preds.push(Pred {
            name: call.name.clone(),
            bound: bound.to_vec(),
            source: call.source,
            component,
            vars,
            bodies: Vec::new(),
            rows: 16.0,
            closure: false,
            every_edge: None,
        });
        self.pred_index.insert(key, id);
        let outer = self.component.replace(component);
        let free = !bound.contains(&true) && rules.is_recursive(&call.name) && edge.is_none();
        if free {
            self.free.push(id);
        }
        self.nesting += 1;
        self.preds[id].closure = edge.is_some();
        let bodies = edge.map_or(bodies, |e| vec![e]);
        let planned = self.pred_bodies(&bodies, call, bound);
        if self.preds[id].closure && bound.contains(&true) && planned.is_ok() {
            // An edge that must be told one end has no such plan; it is searched bit by bit.
            let whole = self.pred_bodies(&bodies, call, &[false, false]);
            self.preds[id].every_edge = whole.ok().and_then(|mut bodies| bodies.pop()).map(|b| b.plan);
        }
        self.nesting -= 1;
        self.component = outer;
        if free {
            self.free.pop();
        }
        match planned {
            Ok(bodies) => {
                let rows: f64 = bodies.iter().map(|b| b.plan.rows).sum();
                let recursive = rules.is_recursive(&call.name);
                self.preds[id].rows = if recursive { rows * 4.0 } else { rows };
                self.preds[id].bodies = bodies;
                Ok(id)
            }
            Err(e) => {
                // The rules of this recursion that were planned inside may call this one, which has no bodies now.
                let preds = &self.preds;
                self.pred_index
                    .retain(|_, i| *i < id || preds[*i].component != component);
                Err(e)
            }
        }
    }

    /// Variables of its own for the head of a rule's body.
    fn head_vars(&mut self, rule: &Rule, call: &RuleCall) -> Vec<Var> {
        let names = rule.head.iter().map(|v| rule.vars.name(*v).clone());
        let vars: Vec<Var> = names.map(|name| self.vars.fresh(name)).collect();
        for (v, kind) in vars.iter().zip(self.rule_kinds.of(&call.name, call.source)) {
            if let Some(Kind::Entity(_)) = kind {
                self.entities.insert(*v);
            }
        }
        vars
    }

    fn pred_bodies(&mut self, bodies: &[Rule], call: &RuleCall, bound: &[bool]) -> Result<Vec<Body>> {
        bodies
            .iter()
            .map(|rule| {
                let args = self.head_vars(rule, call);
                let clauses = self.instance(rule, &args);
                let goals = self.rule_body(&clauses, &args, call.source)?;
                let input: Vec<Var> = args.iter().zip(bound).filter(|(_, b)| **b).map(|(v, _)| *v).collect();
                let plan = self.order(goals, &input, 1.0, &args)?;
                Ok(Body { args, plan })
            })
            .collect()
    }
}
