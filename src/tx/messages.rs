//! What several stages say: errors, and how people call entities, facts and tempids.

use super::cx::Cx;
use super::ops::{Op, Ops, TempName, Term};
use crate::datom::Word;
use crate::error::{Code, Error};
use crate::schema::Attribute;

/// The error for touching another transaction's instant, or retracting one.
pub(super) fn reset_instant(cx: &Cx<'_>, e: u64) -> Error {
    Error::new(
        Code::ResetTxInstant,
        format!(
            "the :db/txInstant of {} cannot be changed or retracted",
            cx.entity_name(e)
        ),
    )
    .hint("a transaction gives its own instant only: {:db/id \"datomic.tx\" :db/txInstant #inst \"...\"}")
}

/// The error for comparing an attribute that can have several values.
pub(super) fn cas_needs_one(attr: &Attribute) -> Error {
    Error::new(
        Code::CasNotCardinalityOne,
        format!(
            "{} has cardinality many, so there is no one value to compare",
            attr.ident
        ),
    )
    .hint("use [:db/retract e a old] and [:db/add e a new]")
}

/// The error for writing what the database keeps by itself.
pub(super) fn direct_write(cx: &Cx<'_>, a: u32) -> Error {
    let name = cx.attr_name(a);
    let members = cx.schema.attr(a).map_or_else(String::new, |def| members(cx, def));
    Error::new(
        Code::InvalidTxForm,
        format!("{name} is kept by the database from {members} and cannot be written"),
    )
    .hint(format!("write {members}; {name} follows"))
}

/// The members of a composite, for people.
pub(super) fn members(cx: &Cx<'_>, def: &Attribute) -> String {
    let names: Vec<String> = def
        .composite_members()
        .unwrap_or(&[])
        .iter()
        .map(|m| cx.attr_name(*m))
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.join(", "),
    }
}

pub(super) fn temp_name(ops: &Ops, i: u32) -> String {
    match &ops.temps[i as usize].name {
        Some(TempName::Text(s)) => format!("the tempid \"{s}\""),
        Some(TempName::Number(n)) => format!("the tempid {n}"),
        None => "the entity of this map".into(),
    }
}

/// For messages: how the entity of an operation was found, when that was not by id.
pub(super) fn how_resolved(cx: &Cx<'_>, ops: &Ops, op: &Op) -> Option<String> {
    let Term::Temp(mut i) = op.e else { return None };
    let name = temp_name(ops, i);
    while ops.temps[i as usize].parent != i {
        i = ops.temps[i as usize].parent;
    }
    let temp = &ops.temps[i as usize];
    let via = &ops.ops[temp.via? as usize];
    Some(format!(
        "{name} resolved to {} through {}; give an explicit id",
        cx.entity_name(temp.id?),
        cx.attr_name(via.a)
    ))
}

/// A fact of an operation, for messages; a new entity goes by its tempid.
pub(super) fn shown(cx: &Cx<'_>, ops: &Ops, op: u32, e: u64, a: u32, v: Word) -> String {
    let temp = match ops.ops[op as usize].e {
        Term::Temp(i) if cx.is_new(e) => ops.temps[i as usize].name.as_ref(),
        _ => None,
    };
    match temp {
        Some(TempName::Text(s)) => format!("[\"{s}\" {} {}]", cx.attr_name(a), cx.value_name(a, v)),
        Some(name) => format!("[{name} {} {}]", cx.attr_name(a), cx.value_name(a, v)),
        None => cx.fact(e, a, v),
    }
}
