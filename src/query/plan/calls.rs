//! Predicates and functions: built-in, registered, and the engine's own, which read a database or bind constants.

use super::super::Input;
use super::super::ast::{Arg, Binding, Call, InSpec};
use super::super::functions::{self, Callable, Types};
use super::super::parse;
use super::planner::Planner;
use super::{Apply, Callee, Goal, Nested, NestedArg, Operand};
use crate::datom::Val;
use crate::edn::{Edn, Node};
use crate::error::{Code, Error, Result, Span};

/// A query inside another takes the native stack of so many clauses inside each other, in planning and in running.
const QUERY_DEPTH: usize = 6;
/// How deep a query may lie in others, in clauses.
const DEPTH_MAX: usize = 120;

/// Whether it is written as a call with a variable, which means nothing where a value stands.
fn is_call(c: &Edn) -> bool {
    let Node::List(items) = &c.node else { return false };
    let symbol = |c: &Edn| matches!(c.node, Node::Symbol(_));
    let variable = |c: &Edn| matches!(&c.node, Node::Symbol(s) if s.name().starts_with('?'));
    items.first().is_some_and(symbol) && items[1..].iter().any(variable)
}

/// Arguments that are values: variables and constants.
pub(super) fn operands(args: &[Arg]) -> Result<Vec<Operand>> {
    args.iter()
        .map(|a| match a {
            Arg::Var(v, _) => Ok(Operand::Var(*v)),
            Arg::Const(c) if is_call(c) => Err(Error::new(
                Code::InvalidQuery,
                format!("{c} stands as an argument, and calls do not nest"),
            )
            .at(c.span)
            .hint(format!("give it a clause of its own: [{c} ?result]"))),
            Arg::Const(c) => Ok(Operand::Const(Val::from_edn(c)?)),
            Arg::Source(s, span) => Err(Error::new(
                Code::InvalidQuery,
                format!("{s} is a source, and this function takes values"),
            )
            .at(*span)),
        })
        .collect()
}

impl Planner<'_> {
    /// A clause that calls a function, as a test without a `binding`.
    pub(super) fn call(
        &mut self,
        call: &Call,
        binding: Option<&Binding>,
        span: Span,
        default: Option<usize>,
        out: &mut Vec<Goal>,
    ) -> Result<()> {
        if call.name.ns().is_none() && functions::OWN.contains(&call.name.name()) {
            out.push(self.special(call, binding, span, default)?);
            return Ok(());
        }
        let (name, given) = ((&call.name, call.name_span), (call.args.len(), call.span));
        let function = Callable::named(name, self.sources.any_db(), given, &functions::OWN)?;
        let args = operands(&call.args)?;
        if let Callable::BuiltIn(function) = &function {
            self.check_types(function, call)?;
        }
        let apply = Apply {
            callee: Callee::Named(function),
            name: call.name.clone(),
            args,
            span,
        };
        out.push(match binding {
            None => Goal::Filter(apply),
            Some(b) => Goal::Apply(apply, b.clone()),
        });
        Ok(())
    }

    /// One of the engine's own functions, [`functions::OWN`].
    fn special(&mut self, call: &Call, binding: Option<&Binding>, span: Span, default: Option<usize>) -> Result<Goal> {
        let name = call.name.name();
        let bound = || {
            binding.cloned().ok_or_else(|| {
                Error::new(
                    Code::InvalidQuery,
                    format!("{name} gives a value, which this clause does not bind"),
                )
                .at(span)
                .hint(format!("[({name} ...) ?out]"))
            })
        };
        match name {
            "ground" | "untuple" | "tuple" => {
                let max = (name != "tuple").then_some(1);
                functions::check_arity(name, 1, max, call.args.len()).map_err(|e| e.at(call.span))?;
                let args = operands(&call.args)?;
                if name == "untuple" && !matches!(binding, Some(Binding::Tuple(_) | Binding::Blank)) {
                    return Err(
                        Error::new(Code::NotABindingForm, "untuple binds a tuple: [(untuple ?t) [?a ?b]]").at(span),
                    );
                }
                let callee = if name == "tuple" {
                    Callee::Tuple
                } else {
                    Callee::Identity
                };
                let apply = Apply {
                    callee,
                    name: call.name.clone(),
                    args,
                    span,
                };
                Ok(Goal::Apply(apply, bound()?))
            }
            "tx-ids" | "tx-data" => self.log_call(call, bound()?, span, default),
            "q" => Ok(Goal::Nested(self.nested(call, span)?, bound()?)),
            _ => self.lookup(call, bound(), span, default),
        }
    }

    /// What a nested query is given, as far as it is known before the query runs.
    fn known_input(&self, arg: &NestedArg) -> Option<Input> {
        match arg {
            NestedArg::Form(form) => Some(Input::Edn(form.clone())),
            NestedArg::Source(i) => self.sources.db(*i).map(|db| Input::Db(db.db.clone())),
            NestedArg::Value(Operand::Const(v)) => Some(Input::Val(v.clone())),
            NestedArg::Value(Operand::Var(_)) => None,
        }
    }

    /// Refuses a variable whose values a nested query can never be given where they stand.
    fn check_input(&self, spec: &InSpec, arg: &Arg) -> Result<()> {
        let mut hint = None;
        let (takes, code, what) = match spec {
            // Rules and patterns may be texts.
            InSpec::Rules => {
                hint = Some(parse::RULES_SHAPE);
                (Types::COLLECTION | Types::STRING, Code::InvalidRule, "no set of rules")
            }
            InSpec::Pattern(_) => (
                Types::COLLECTION | Types::STRING,
                Code::InvalidPattern,
                "no pull pattern",
            ),
            InSpec::Source(_) => (Types::COLLECTION, Code::NotABindingForm, "no source"),
            InSpec::Bind(Binding::Blank | Binding::Scalar(_)) => return Ok(()),
            InSpec::Bind(Binding::Tuple(_)) => (Types::VECTOR, Code::NotABindingForm, "no tuple"),
            InSpec::Bind(Binding::Collection(_) | Binding::Relation(_)) => {
                (Types::COLLECTION, Code::NotABindingForm, "no collection")
            }
        };
        self.check_argument(arg, takes, code, hint, |given| format!("{given}, and that is {what}"))
    }

    /// The query inside this one that `q` runs.
    fn nested(&mut self, call: &Call, span: Span) -> Result<Nested> {
        let Some((Arg::Const(query), args)) = call.args.split_first() else {
            return Err(Error::new(Code::InvalidQuery, "q takes a query first: [(q [:find ...] $ ?x) ...]").at(span));
        };
        // A quote in front, as Clojure users write it, is no part of the query.
        let query = super::super::Query::from_edn(query)?;
        let specs = &query.ast.inputs;
        if specs.len() != args.len() {
            let code = if specs.len() > args.len() {
                Code::TooFewInputs
            } else {
                Code::TooManyInputs
            };
            return Err(Error::new(
                code,
                format!(
                    "the nested query has {} inputs and is given {}",
                    specs.len(),
                    args.len()
                ),
            )
            .at(span));
        }
        let args = args
            .iter()
            .zip(specs)
            .map(|(a, (spec, _))| match a {
                Arg::Source(s, span) => Ok(NestedArg::Source(self.required_source(
                    &Some(s.clone()),
                    None,
                    *span,
                )?)),
                Arg::Var(v, _) => {
                    self.check_input(spec, a)?;
                    Ok(NestedArg::Value(Operand::Var(*v)))
                }
                Arg::Const(c) => Ok(NestedArg::Form(c.clone())),
            })
            .collect::<Result<Vec<_>>>()?;
        // Its mistakes are told before anything runs, as those around it are.
        let known: Vec<Option<Input>> = args.iter().map(|arg| self.known_input(arg)).collect();
        let depth = self.depth + QUERY_DEPTH;
        if depth > DEPTH_MAX {
            return Err(Error::new(Code::InvalidQuery, "queries are nested too deep inside each other").at(span));
        }
        query
            .check(&known, (self.passes, self.meter), depth)
            .map_err(|e| e.at(span))?;
        Ok(Nested { query, args, span })
    }
}
