//! What types variables have, as far as the clauses fix them; and calls that no value of these types can pass.
//!
//! In a conjunction every row must fit all clauses, so a variable's types are those that all clauses leave it. A function that takes
//! none of them fails on every row that reaches it: that is told here, before anything runs. Where the clauses leave a variable no type
//! at all, no row can come, and nothing is told.
//!
//! What surrounds a branch of an `or`, a `not` or the body of a rule is not counted inside, since another clause there may keep the
//! rows away from a call, unless the call is all that is inside.

use super::super::ast::{Arg, Ast, Binding, Call, Clause, FindElem, HavingArg, Pattern, Term, Var};
use super::super::functions::{self, Function, Types, aggregate};
use super::planner::Planner;
use super::typing::{Known, Typing, Why, narrow};
use crate::datom::{EntityId, Val};
use crate::edn::{Edn, Node, Symbol};
use crate::error::{Code, Error, Result, Span};

/// What stands as an argument.
enum Given<'a> {
    Var(Var, Types, &'a Why),
    Const(&'a Edn, Types),
}

impl Given<'_> {
    fn types(&self) -> Types {
        match self {
            Given::Var(_, types, _) | Given::Const(_, types) => *types,
        }
    }
}

impl Planner<'_> {
    /// Takes up what is known inside a conjunction; gives what was known outside of it.
    pub(super) fn enter(&mut self, clauses: &[Clause], default: Option<usize>) -> Typing {
        let inside = match clauses {
            [Clause::Predicate(_) | Clause::Function(..)] => Typing {
                known: self.typing.known.clone(),
                surrounds: !self.typing.known.is_empty(),
            },
            _ => {
                let calls = |c: &Clause| !matches!(c, Clause::Pattern(_) | Clause::Rule { .. });
                let known = match clauses.iter().any(calls) {
                    true => self.known(clauses, default),
                    false => Known::default(),
                };
                Typing {
                    known,
                    surrounds: false,
                }
            }
        };
        std::mem::replace(&mut self.typing, inside)
    }

    fn known(&self, clauses: &[Clause], default: Option<usize>) -> Known {
        let mut known = Known::default();
        for c in clauses {
            self.learn(c, default, &mut |v, types, why| {
                narrow(&mut known, v, types, why);
            });
        }
        let mut calls = Vec::new();
        results(clauses, &mut calls);
        // Results of functions may be arguments of others, wherever these stand.
        let mut changed = true;
        while changed {
            changed = false;
            for (call, v) in &calls {
                if let Some((types, why)) = self.result_types(call, default, &known) {
                    changed |= narrow(&mut known, *v, types, why);
                }
            }
        }
        known
    }

    /// What one clause says of its variables.
    fn learn(&self, c: &Clause, default: Option<usize>, say: &mut dyn FnMut(Var, Types, Why)) {
        match c {
            Clause::Pattern(p) => self.learn_pattern(p, default, say),
            Clause::And(body) => body.iter().for_each(|c| self.learn(c, default, say)),
            Clause::Predicate(call) => {
                if let (Some(Arg::Var(v, _)), Some(types)) = (
                    call.args.first(),
                    self.built_in(&call.name).and_then(Function::tests_for),
                ) {
                    say(*v, types, Why::Test(call.name.clone()));
                }
            }
            Clause::Or {
                source, vars, branches, ..
            } => {
                let Ok(inner) = self.source(source, default, Span::NONE) else {
                    return;
                };
                let mut all = branches.iter().map(|b| self.known(b, inner));
                let Some(mut union) = all.next() else { return };
                for branch in all {
                    union.retain(|v, _| branch.contains_key(v));
                    for (v, (types, why)) in &mut union {
                        let (other, because) = &branch[v];
                        if *why != *because {
                            *why = Why::Several;
                        }
                        *types = *types | *other;
                    }
                }
                for (v, (types, why)) in union {
                    if vars.as_ref().is_none_or(|vars| vars.all().any(|x| x == v)) {
                        say(v, types, why);
                    }
                }
            }
            Clause::Function(..) | Clause::Not { .. } | Clause::Rule { .. } => {}
        }
    }

    fn learn_pattern(&self, p: &Pattern, default: Option<usize>, say: &mut dyn FnMut(Var, Types, Why)) {
        let source = self.source(&p.source, default, p.span).ok().flatten();
        let Some(db) = source.and_then(|i| self.sources.db(i)) else {
            return;
        };
        for at in [0, 1, 3] {
            if let Some(v) = p.terms.get(at).and_then(Term::var) {
                say(v, Types::ENTITY, Why::Entity);
            }
        }
        if let Some(v) = p.terms.get(4).and_then(Term::var) {
            say(v, Types::BOOLEAN, Why::Several);
        }
        let (Some(Term::Const(a)), Some(v)) = (p.terms.get(1), p.terms.get(2).and_then(Term::var)) else {
            return;
        };
        let attr = match &a.node {
            Node::Keyword(k) => self.attribute(db, k, a.span).ok().flatten(),
            Node::Long(n) => u64::try_from(*n)
                .ok()
                .and_then(|e| db.db.schema().attr_of(EntityId(e)).cloned()),
            _ => None,
        };
        match attr {
            Some(attr) if attr.is_ref() => say(v, Types::ENTITY, Why::Entity),
            Some(attr) => say(v, Types::of(attr.value_type), Why::Value(attr.ident.clone())),
            None => {}
        }
    }

    /// What a function gives, given what is known so far.
    fn result_types(&self, call: &Call, default: Option<usize>, known: &Known) -> Option<(Types, Why)> {
        let why = Why::Result(call.name.clone());
        if call.name.ns().is_none() {
            match call.name.name() {
                name @ ("ground" | "identity") if name == "ground" || self.built_in(&call.name).is_some() => {
                    return match call.args.first()? {
                        Arg::Const(c) => Some((Types::of_val(&Val::from_edn(c).ok()?), why)),
                        Arg::Var(v, _) => known.get(v).cloned(),
                        Arg::Source(..) => None,
                    };
                }
                "get-else" => {
                    let (source, args) = match call.args.split_first()? {
                        (Arg::Source(s, span), rest) => {
                            (self.source(&Some(s.clone()), default, *span).ok().flatten(), rest)
                        }
                        _ => (default, call.args.as_slice()),
                    };
                    let [_, Arg::Const(attr), Arg::Const(otherwise)] = args else {
                        return None;
                    };
                    let (Node::Keyword(k), db) = (&attr.node, self.sources.db(source?)?) else {
                        return None;
                    };
                    let ty = db.db.attribute(k).ok()?.value_type;
                    let default = Types::of_val(&Val::from_edn(otherwise).ok()?);
                    return Some((Types::of(ty) | default, why));
                }
                _ => {}
            }
        }
        let gives = self.built_in(&call.name)?.signature()?.gives;
        (gives != Types::ANY).then_some((gives, why))
    }

    /// The built-in function of a name, unless the program has registered one of its own.
    fn built_in(&self, name: &Symbol) -> Option<&'static Function> {
        let registered = self.sources.any_db().map(|db| &db.registry().query_fns);
        match registered.is_some_and(|fns| fns.get(name).is_some()) {
            true => None,
            false => functions::lookup(name),
        }
    }

    fn given<'a>(&'a self, arg: &'a Arg) -> Option<Given<'a>> {
        match arg {
            Arg::Const(c) => Some(Given::Const(c, Types::of_val(&Val::from_edn(c).ok()?))),
            Arg::Var(v, _) => {
                let (types, why) = self.typing.known.get(v)?;
                // No row can come where no type is left.
                (*types != Types::NONE).then_some(Given::Var(*v, *types, why))
            }
            Arg::Source(..) => None,
        }
    }

    /// Refuses a call of a built-in function that fails whatever the rows, or a comparison that never holds.
    pub(super) fn check_types(&self, function: &Function, call: &Call) -> Result<()> {
        let signature = function.signature();
        for (i, arg) in call.args.iter().enumerate() {
            let Some((takes, given)) = signature.as_ref().and_then(|s| Some((s.takes(i)?, self.given(arg)?))) else {
                continue;
            };
            if !given.types().meets(takes.0) {
                let message = functions::expected(function.name, takes.1, (i, call.args.len()), &self.show(&given));
                let error = Error::new(Code::TypeMismatch, message).at(span(arg));
                return Err(hinted(error, self.way_out(&given, takes.0)));
            }
            if let Arg::Const(c) = arg {
                function
                    .check_constant(i, &Val::from_edn(c)?)
                    .map_err(|e| e.at(c.span))?;
            }
        }
        self.check_comparison(function, call)
    }

    /// What has no common order: an error of `max` and the like, and of `<` and `=` with a constant.
    fn check_comparison(&self, function: &Function, call: &Call) -> Result<()> {
        let fails = matches!(function.name, "compare" | "max" | "min");
        let orders = matches!(function.name, "<" | ">" | "<=" | ">=");
        if !fails && !orders && !matches!(function.name, "=" | "==") {
            return Ok(());
        }
        for pair in call.args.windows(2) {
            let (Some(a), Some(b)) = (self.given(&pair[0]), self.given(&pair[1])) else {
                continue;
            };
            let told = match (&a, &b) {
                (Given::Const(..), Given::Const(..)) => fails || orders,
                // That two kinds of values never compare, data may be meant to decide, and so may a test of what they are.
                (Given::Var(..), Given::Var(..)) => fails,
                (Given::Var(_, _, Why::Test(_)), _) | (_, Given::Var(_, _, Why::Test(_))) => fails,
                _ => fails || !self.typing.surrounds,
            };
            if !told || a.types().comparable().meets(b.types().comparable()) {
                continue;
            }
            let (wrong, right, arg) = match (&a, &b) {
                (Given::Const(..), Given::Var(..)) => (&a, &b, &pair[0]),
                _ => (&b, &a, &pair[1]),
            };
            let message = format!(
                "({} {} {}) {}: {}, and {}",
                function.name,
                self.name_of(&a),
                self.name_of(&b),
                if fails { "always fails" } else { "can never hold" },
                self.show(&a),
                self.show(&b),
            );
            let error = Error::new(Code::CannotCompare, message).at(span(arg));
            let hint = match (wrong, right) {
                (Given::Const(c, Types::KEYWORD), Given::Var(v, _, Why::Entity)) => {
                    let name = self.vars.name(*v);
                    Some(format!(
                        "an entity is not its name; ask for that: [{name} :db/ident {c}]"
                    ))
                }
                _ => self.way_out(wrong, right.types()),
            };
            return Err(hinted(error, hint));
        }
        Ok(())
    }

    /// Refuses an argument that is none of the types that something takes; `message` is told what it is.
    pub(super) fn check_argument(
        &self,
        arg: &Arg,
        takes: Types,
        code: Code,
        hint: Option<&str>,
        message: impl Fn(&str) -> String,
    ) -> Result<()> {
        match self.given(arg) {
            Some(given) if !given.types().meets(takes) => {
                let error = Error::new(code, message(&self.show(&given))).at(span(arg));
                let hint = hint.map(str::to_string).or_else(|| self.way_out(&given, takes));
                Err(hinted(error, hint))
            }
            _ => Ok(()),
        }
    }

    /// Refuses aggregates of what they never take, and pulls of what is never an entity.
    pub fn check_find(&mut self, ast: &Ast, default: Option<usize>) -> Result<()> {
        let elems = || ast.find.elems.iter().chain(&ast.find.hidden);
        if ast.find.having.is_empty() && elems().all(|e| matches!(e, FindElem::Var(_))) {
            return Ok(());
        }
        self.typing.known = self.known(&ast.clauses, default);
        let registered = self.sources.any_db().map(|db| &db.registry().aggregates);
        for e in elems() {
            match e {
                FindElem::Aggregate {
                    name, var, var_span, ..
                } => {
                    if registered.is_some_and(|fns| fns.get(name).is_some()) {
                        continue;
                    }
                    let Some(takes) = aggregate::lookup(name).and_then(|a| a.takes()) else {
                        continue;
                    };
                    let message = |given: &str| format!("{name} takes numbers, and {given}");
                    self.check_argument(&Arg::Var(*var, *var_span), takes, Code::TypeMismatch, None, message)?;
                }
                FindElem::Pull { var, var_span, .. } => {
                    let arg = Arg::Var(*var, *var_span);
                    let message = |given: &str| format!("{given}, and only entities can be pulled");
                    let hint = "pull the variable that stands first in the clauses: [?entity :attribute ?value]";
                    self.check_argument(&arg, Types::ENTITY, Code::TypeMismatch, Some(hint), message)?;
                }
                FindElem::Var(_) => {}
            }
        }
        for having in &ast.find.having {
            let arg = |planner: &mut Self, arg: &HavingArg| match arg {
                HavingArg::Const(c) => Arg::Const(c.clone()),
                HavingArg::Elem(i, span) => {
                    let e = elems().nth(*i).expect("the parser numbered the elements");
                    Arg::Var(planner.result_of(e, ast), *span)
                }
            };
            let args = having.args.iter().map(|a| arg(self, a)).collect();
            if let Some(function) = self.built_in(&having.name) {
                let (name, name_span, span) = (having.name.clone(), having.name_span, having.span);
                self.check_types(
                    function,
                    &Call {
                        name,
                        name_span,
                        args,
                        span,
                    },
                )?;
            }
        }
        Ok(())
    }

    /// What stands for the result of an element of `:find`.
    fn result_of(&mut self, e: &FindElem, ast: &Ast) -> Var {
        let FindElem::Aggregate { name, args, var, .. } = e else {
            return e.var();
        };
        let result = self.vars.fresh(Symbol::new(&e.shown(&ast.vars)));
        let registered = self.sources.any_db().map(|db| &db.registry().aggregates);
        if registered.is_none_or(|fns| fns.get(name).is_none())
            && let Some(a) = aggregate::lookup(name)
            && let Ok(params) = args.iter().map(Val::from_edn).collect::<Result<Vec<_>>>()
        {
            let of = self.typing.known.get(var).map_or(Types::ANY, |(types, _)| *types);
            let why = Why::Result(name.clone());
            narrow(&mut self.typing.known, result, a.gives(&params, of), why);
        }
        result
    }

    fn name_of(&self, given: &Given<'_>) -> String {
        match given {
            Given::Var(v, ..) => self.vars.name(*v).to_string(),
            Given::Const(c, _) => crate::datom::convert::show(c),
        }
    }

    /// `?n is a string, a value of :person/name`; `5 is a long`.
    fn show(&self, given: &Given<'_>) -> String {
        let name = self.name_of(given);
        let noun = given.types().noun();
        match given {
            Given::Const(_, types) if *types == Types::NIL => "nil is no value".to_string(),
            Given::Const(..) => format!("{name} is {noun}"),
            Given::Var(_, _, Why::Entity) => format!("{name} is an entity"),
            Given::Var(_, _, Why::Value(attr)) => format!("{name} is {noun}, a value of {attr}"),
            Given::Var(_, _, Why::Result(f)) => format!("{name} is {noun}, which {f} gives"),
            Given::Var(_, _, Why::Test(f)) => format!("{name} is {noun}, since {f} holds"),
            Given::Var(_, _, Why::Several) => format!("{name} is {noun}"),
        }
    }

    /// How what is given becomes what is taken.
    fn way_out(&self, given: &Given<'_>, takes: Types) -> Option<String> {
        let text = Types::STRING;
        match given {
            Given::Const(c, types) if *types == text => match c.as_str() {
                Some(s) if takes.meets(Types::NUMBER) && s.trim().parse::<f64>().is_ok() => {
                    Some("write the number without quotes".to_string())
                }
                _ if takes == Types::INSTANT => Some(AN_INSTANT.to_string()),
                _ if takes == Types::KEYWORD => Some("a keyword is written with a colon: :name".to_string()),
                _ => None,
            },
            Given::Const(_, types) if takes.meets(text) && *types != Types::NIL => {
                Some("a text is written in quotes".to_string())
            }
            Given::Const(..) if takes == Types::INSTANT => Some(AN_INSTANT.to_string()),
            Given::Const(..) => None,
            Given::Var(v, types, why) => {
                let name = self.vars.name(*v);
                match why {
                    Why::Entity if takes.meets(text) => Some(format!("join what is meant: [{name} :attribute ?value]")),
                    _ if *types == text && takes.meets(Types::NUMBER) => {
                        Some(format!("[(parse-long {name}) ?number] reads a number from a text"))
                    }
                    _ if *types == text && takes == Types::INSTANT => {
                        Some(format!("[(parse-instant {name}) ?when] reads an instant from a text"))
                    }
                    _ if *types == Types::KEYWORD && takes.meets(text) => {
                        Some(format!("[(name {name}) ?text] gives the name of a keyword"))
                    }
                    _ if takes.meets(text) => Some(format!("[(str {name}) ?text] makes a text of any value")),
                    _ => None,
                }
            }
        }
    }
}

const AN_INSTANT: &str = "an instant is written #inst \"2024-05-01\"";

fn hinted(error: Error, hint: Option<String>) -> Error {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn span(arg: &Arg) -> Span {
    match arg {
        Arg::Var(_, span) | Arg::Source(_, span) => *span,
        Arg::Const(c) => c.span,
    }
}

/// The calls whose result is one variable, and no argument as well: of what they must give, nothing follows for what they are given.
fn results<'a>(clauses: &'a [Clause], out: &mut Vec<(&'a Call, Var)>) {
    for c in clauses {
        match c {
            Clause::Function(call, Binding::Scalar(v), _) if call.vars().all(|x| x != *v) => out.push((call, *v)),
            Clause::And(body) => results(body, out),
            _ => {}
        }
    }
}
