//! `tx-ids` and `tx-data`: the log as a source of rows.
//!
//! They are functions of their arguments, so they wait until these are bound, and are asked once for each row.

use std::sync::Arc;

use super::super::ast::{Arg, Binding, Call};
use super::super::functions::{self, Callable, Types};
use super::calls::operands;
use super::planner::Planner;
use super::{Apply, Callee, Goal, Operand};
use crate::datom::{EntityId, Partition, T, TxId, Val};
use crate::db::TimePoint;
use crate::error::{Code, Error, Result, Span};
use crate::log::Log;

const A_MOMENT: &str = "a transaction is its t, its entity, or an instant";

impl Planner<'_> {
    /// `(tx-ids log start end)`: the transactions with `start <= t < end`, nil is open. `(tx-data log tx)`: its datoms.
    pub(super) fn log_call(
        &mut self,
        call: &Call,
        binding: Binding,
        span: Span,
        default: Option<usize>,
    ) -> Result<Goal> {
        let ids = call.name.name() == "tx-ids";
        let arity = if ids { 3 } else { 2 };
        functions::check_arity(&call.name, arity, Some(arity), call.args.len()).map_err(|e| e.at(call.span))?;
        let log = self.log(&call.args[0], call, default)?;
        // The plan has the log in it.
        self.lasting = false;
        let args = operands(&call.args[1..])?;
        // What is no moment is a mistake whatever the data.
        for (arg, at) in args.iter().zip(&call.args[1..]) {
            if let (Operand::Const(v), Arg::Const(form)) = (arg, at) {
                t_of(&log, v).map_err(|e| e.at(form.span))?;
            }
        }
        let moments = Types::LONG | Types::INSTANT | Types::NIL;
        for at in &call.args[1..] {
            let message = |given: &str| format!("{given}, and that is no transaction");
            self.check_argument(at, moments, Code::InvalidTimePoint, Some(A_MOMENT), message)?;
        }
        let read: crate::db::QueryFn = match ids {
            true => Arc::new(move |args: &[Val]| tx_ids(&log, &args[0], &args[1])),
            false => Arc::new(move |args: &[Val]| tx_data(&log, &args[0])),
        };
        let callee = Callee::Named(Callable::Registered(read));
        let name = call.name.clone();
        let apply = Apply {
            callee,
            name,
            args,
            span,
        };
        Ok(Goal::Apply(apply, binding))
    }

    fn log(&self, arg: &Arg, call: &Call, default: Option<usize>) -> Result<Log> {
        let (name, span) = match arg {
            Arg::Var(v, span) => (self.vars.name(*v), *span),
            Arg::Source(s, span) => (s, *span),
            Arg::Const(c) => {
                return Err(Error::new(
                    Code::InvalidQuery,
                    format!("{} reads a log, and {c} is none", call.name),
                )
                .at(c.span)
                .hint("name the log in :in: [:find ... :in $ ?log :where ...]; $ means the log of that database"));
            }
        };
        if let Some((_, log)) = self.logs.iter().find(|(n, _)| n == name) {
            return Ok(log.clone());
        }
        if let Arg::Source(s, span) = arg {
            let source = self.source(&Some(s.clone()), default, *span)?;
            if let Some(db) = source.and_then(|i| self.sources.db(i)) {
                return db.db.log().map_err(|e| e.at(*span));
            }
        }
        Err(Error::new(
            Code::InvalidQuery,
            format!("{} reads a log, and {name} is none", call.name),
        )
        .at(span)
        .hint("give a log for it as input (db.log()), or write $ for the log of that database"))
    }
}

/// The t that a value names; `None` for nil, which is open.
fn t_of(log: &Log, v: &Val) -> Result<Option<T>> {
    let point = match v {
        Val::Nil => return Ok(None),
        Val::Instant(i) => return log.t_at(*i).map(Some),
        Val::Ref(e) if e.partition() == Partition::TX => TimePoint::Tx(TxId(e.0)),
        Val::Long(n) => TimePoint::from_number(*n)?,
        _ => {
            let message = format!("{v} is no transaction");
            return Err(Error::new(Code::InvalidTimePoint, message).hint(A_MOMENT));
        }
    };
    Ok(match point {
        TimePoint::T(t) => Some(t),
        TimePoint::Tx(tx) => Some(tx.t()),
        TimePoint::Instant(_) => None,
    })
}

fn tx_ids(log: &Log, start: &Val, end: &Val) -> Result<Val> {
    let start = t_of(log, start)?.unwrap_or(0).max(log.first_t());
    let end = t_of(log, end)?.unwrap_or(T::MAX).min(log.last_t() + 1);
    Ok(Val::vector((start..end).map(|t| Val::Ref(TxId::from_t(t).entity()))))
}

fn tx_data(log: &Log, tx: &Val) -> Result<Val> {
    let found = match t_of(log, tx)? {
        Some(t) => log.transaction(t)?,
        None => None,
    };
    let rows = found.into_iter().flat_map(|tx| tx.datoms).map(|d| {
        Val::vector([
            Val::Ref(d.e),
            Val::Ref(EntityId(d.a.0)),
            d.v.into(),
            Val::Ref(d.tx.entity()),
            Val::Boolean(d.added),
        ])
    });
    Ok(Val::vector(rows))
}
