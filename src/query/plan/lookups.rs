//! `get-else`, `get-some` and `missing?`: functions that read what one entity has for attributes named in the query.

use super::super::ast::{Arg, Binding, Call};
use super::super::functions;
use super::super::source::DbSource;
use super::planner::Planner;
use super::{Attr, Goal, Lookup, LookupKind, Operand};
use crate::datom::{Val, ValueType};
use crate::edn::{Edn, Keyword, Node};
use crate::error::{Code, Error, Result, Span};
use crate::schema::bootstrap;

impl Planner<'_> {
    /// The goal of one of the three; `bound` is what the clause binds, or why that it binds nothing is a mistake.
    pub(super) fn lookup(
        &mut self,
        call: &Call,
        bound: Result<Binding>,
        span: Span,
        default: Option<usize>,
    ) -> Result<Goal> {
        let name = call.name.name();
        let (source, args) = match call.args.split_first() {
            Some((Arg::Source(s, span), rest)) => (self.source(&Some(s.clone()), default, *span)?, rest),
            _ => (default, call.args.as_slice()),
        };
        let sources = self.sources;
        let Some((source, db)) = source.and_then(|i| Some((i, sources.db(i)?))) else {
            return Err(Error::new(
                Code::InvalidQuery,
                format!("{name} reads a database: ({name} $ ?e :attr ...)"),
            )
            .at(call.span));
        };
        let (min, max) = match name {
            "get-else" => (4, Some(4)),
            "missing?" => (3, Some(3)),
            _ => (3, None),
        };
        // The source counts, whether it is written or not.
        functions::check_arity(name, min, max, args.len() + 1).map_err(|e| e.at(call.span))?;
        let e = match &args[0] {
            Arg::Var(v, _) => {
                self.entities.insert(*v);
                Operand::Var(*v)
            }
            Arg::Const(c) => match self.looked_up(c).entity(db, c)? {
                Some(e) => Operand::Const(Val::Ref(e)),
                None => Operand::Const(Val::Nil),
            },
            Arg::Source(s, span) => {
                return Err(Error::new(Code::InvalidQuery, format!("{s} is no entity")).at(*span));
            }
        };
        let attr_args = if name == "get-else" { &args[1..2] } else { &args[1..] };
        let attrs = attr_args
            .iter()
            .map(|a| attribute(db, a, name == "missing?", call.span))
            .collect::<Result<Vec<_>>>()?;
        let kind = match name {
            "missing?" => LookupKind::Missing,
            "get-some" => LookupKind::Some,
            _ => {
                // A plan is kept for all moments: how many values there may be was then never said otherwise.
                self.lasting &= db.db.was_already(attrs[0].attr.id, bootstrap::CARDINALITY)?;
                LookupKind::Else(default_value(db, &attrs[0], &args[2], call.span)?)
            }
        };
        let binding = match bound {
            Err(_) if name == "missing?" => Binding::Blank,
            bound => bound?,
        };
        let lookup = Lookup {
            source,
            kind,
            e,
            attrs,
            span,
        };
        Ok(Goal::Lookup(lookup, binding))
    }
}

/// The attribute that is named; backwards as well where `reverse_too`.
fn attribute(db: &DbSource, a: &Arg, reverse_too: bool, span: Span) -> Result<Attr> {
    let Arg::Const(Edn {
        node: Node::Keyword(k),
        span,
    }) = a
    else {
        return Err(Error::new(Code::InvalidQuery, "an attribute is named by its keyword here").at(span));
    };
    let plain = k.name().strip_prefix('_').filter(|_| reverse_too);
    let forward = plain.map(|plain| Keyword::from_parts(k.ns().unwrap_or(""), plain));
    let named = forward.as_ref().unwrap_or(k);
    let attr = db.db.attribute(named).map_err(|e| e.at(*span))?.clone();
    Ok(Attr {
        attr,
        reverse: forward.is_some(),
    })
}

/// What `get-else` gives where there is no fact.
fn default_value(db: &DbSource, attr: &Attr, arg: &Arg, span: Span) -> Result<Val> {
    // As pulls do: what counts is what the attribute is at the moment of the view.
    let then = db.db.schema_then()?.attr(attr.attr.id).cloned();
    if !then.as_ref().unwrap_or(&attr.attr).is_one() {
        return Err(Error::new(
            Code::InvalidQuery,
            format!("get-else needs one value, and {} has many", attr.attr.ident),
        )
        .at(span)
        .hint("join the attribute, or use missing?"));
    }
    let Arg::Const(c) = arg else {
        return Err(Error::new(Code::InvalidQuery, "the default of get-else is a constant").at(span));
    };
    let v = Val::from_edn(c)?;
    if v == Val::Nil {
        return Err(Error::new(Code::NilInput, "nil cannot be the default of get-else")
            .at(c.span)
            .hint("use missing? to find entities without a value"));
    }
    // Where the attribute refers to entities, an ident means its entity; any other default stands as it is.
    match (attr.attr.value_type, &v) {
        (ValueType::Ref, Val::Keyword(k)) => Ok(db.db.schema().entid(k).map_or(v, Val::Ref)),
        _ => Ok(v),
    }
}
