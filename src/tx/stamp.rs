//! The instant of a transaction: strictly after the one before, whatever the clock does.

use super::cx::Cx;
use crate::edn::{Edn, Instant, Node};
use crate::error::{Code, Error, Result, Span};

/// The instant of this transaction, and the one that was asked for when it had to be nudged.
pub(super) fn instant(cx: &Cx<'_>, asked: &[(Instant, Span)]) -> Result<(Instant, Option<Instant>)> {
    let newest = cx.db.basis_instant();
    let next = Instant(newest.0 + 1);
    let Some(&(first, span)) = asked.first() else {
        return Ok((cx.options.now.map_or(next, |now| now.max(next)), None));
    };
    if let Some((other, span)) = asked.iter().find(|(i, _)| *i != first) {
        return Err(Error::new(
            Code::DatomsConflict,
            format!(
                "one transaction cannot have two instants: {} and {}",
                show(first),
                show(*other)
            ),
        )
        .at(*span)
        .hint("keep one :db/txInstant"));
    }
    if first <= newest {
        if cx.options.nudge {
            return Ok((next, Some(first)));
        }
        let rule = if first == newest { "is that of" } else { "is before" };
        return Err(Error::new(
            Code::PastTxInstant,
            format!("{} {rule} the newest transaction ({})", show(first), show(newest)),
        )
        .at(span)
        .with("newest", show(newest))
        .hint("instants increase strictly; with the nudge option the transaction gets the next microsecond and keeps the asked instant as :db.tx/nudged"));
    }
    if let Some(now) = cx.options.now.filter(|now| first > *now) {
        return Err(Error::new(
            Code::FutureTxInstant,
            format!("{} is after now ({})", show(first), show(now)),
        )
        .at(span)
        .hint("a transaction cannot happen in the future; keep planned dates in an attribute of your own"));
    }
    Ok((first, None))
}

fn show(i: Instant) -> String {
    Edn::new(Node::Inst(i)).to_string()
}
