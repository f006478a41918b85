//! Pass `push-bounds`: a comparison of a pattern's value with a constant becomes a range of the index.

use super::super::ast::Var;
use super::super::column::Tag;
use super::super::functions::Callable;
use super::super::values::Values;
use super::{Apply, Bounds, Callee, Consts, Goal, Operand, Pos};
use crate::datom::{Val, Value, ValueType};
use crate::error::Result;

/// Moves comparisons into the patterns of the same conjunction. Gives the variables whose values are in the bounds now.
pub(crate) fn push(goals: &mut Vec<Goal>, consts: &Consts, values: &Values) -> Result<Vec<Var>> {
    let (mut done, mut used) = (Vec::new(), Vec::new());
    for i in 0..goals.len() {
        let Goal::Filter(call) = &goals[i] else { continue };
        let Some(bounds) = comparison(call, consts, values)? else {
            continue;
        };
        used.extend(call.inputs().filter(|v| consts.contains_key(v)));
        // Every part must have found a pattern that checks it, or the comparison stays.
        let mut covered = true;
        for (var, op, constant) in bounds {
            let mut found = false;
            for goal in goals.iter_mut() {
                let Goal::Scan(scan) = goal else { continue };
                let Some(attr) = scan.attr.clone().filter(|_| scan.v == Pos::Var(var)) else {
                    continue;
                };
                let Some(value) = bound(attr.value_type, &constant) else {
                    continue;
                };
                narrow(&mut scan.bounds, op, value);
                // Words of the other types have no order by themselves: the comparison is still needed.
                found |= attr.value_type.is_inline();
            }
            covered &= found;
        }
        if covered {
            done.push(i);
        }
    }
    for i in done.into_iter().rev() {
        goals.remove(i);
    }
    Ok(used)
}

#[derive(Clone, Copy, PartialEq)]
enum Op {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
}

/// `(< 1 ?x 5)` as `?x > 1` and `?x < 5`; `None` when it is anything but one variable among constants beside it.
fn comparison(call: &Apply, consts: &Consts, values: &Values) -> Result<Option<Vec<(Var, Op, Val)>>> {
    if !matches!(call.callee, Callee::Named(Callable::BuiltIn(_))) {
        return Ok(None);
    }
    let op = match call.name.name() {
        "<" => Op::Less,
        "<=" => Op::LessEqual,
        ">" => Op::Greater,
        ">=" => Op::GreaterEqual,
        "=" => Op::Equal,
        _ => return Ok(None),
    };
    let mut args = Vec::new();
    for a in &call.args {
        args.push(match a {
            Operand::Const(v) => Err(v.clone()),
            Operand::Var(v) => match consts.get(v) {
                Some((tag, w)) => Err(values.val(*tag, *w)?),
                None => Ok(*v),
            },
        });
    }
    if args.len() < 2 || args.iter().filter(|a| a.is_ok()).count() != 1 {
        return Ok(None);
    }
    let at = args.iter().position(|a| a.is_ok()).expect("counted one variable above");
    let Ok(var) = args[at] else { return Ok(None) };
    if args.len() > 3 || (args.len() == 3 && at != 1) {
        return Ok(None);
    }
    let mut out = Vec::new();
    if let Some(Err(left)) = at.checked_sub(1).and_then(|i| args.get(i)) {
        out.push((var, flip(op), left.clone()));
    }
    if let Some(Err(right)) = args.get(at + 1) {
        out.push((var, op, right.clone()));
    }
    Ok(Some(out))
}

fn flip(op: Op) -> Op {
    match op {
        Op::Less => Op::Greater,
        Op::LessEqual => Op::GreaterEqual,
        Op::Greater => Op::Less,
        Op::GreaterEqual => Op::LessEqual,
        Op::Equal => Op::Equal,
    }
}

/// The constant as a bound of a column of type `ty`, when the two compare as values of that type do.
fn bound(ty: ValueType, v: &Val) -> Option<Value> {
    let own = v.scalar_type()? == ty;
    let numbers = Tag::of(ty) == Tag::REF || v.is_number();
    (own || numbers && ty != ValueType::Float)
        .then(|| v.coerce(ty))
        .flatten()
}

fn narrow(bounds: &mut Bounds, op: Op, v: Value) {
    let low = |b: &mut Bounds, v: Value, inclusive: bool| {
        let tighter = b
            .low
            .as_ref()
            .is_none_or(|(old, was)| v > *old || v == *old && *was && !inclusive);
        if tighter {
            b.low = Some((v, inclusive));
        }
    };
    let high = |b: &mut Bounds, v: Value, inclusive: bool| {
        let tighter = b
            .high
            .as_ref()
            .is_none_or(|(old, was)| v < *old || v == *old && *was && !inclusive);
        if tighter {
            b.high = Some((v, inclusive));
        }
    };
    match op {
        Op::Less => high(bounds, v, false),
        Op::LessEqual => high(bounds, v, true),
        Op::Greater => low(bounds, v, false),
        Op::GreaterEqual => low(bounds, v, true),
        Op::Equal => {
            low(bounds, v.clone(), true);
            high(bounds, v, true);
        }
    }
}
