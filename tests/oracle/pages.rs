//! Pages: all of them together are the whole answer, in its order.

use asof::query::{Query, QueryOptions};

use super::ast::{Query as Form, Shape};
use super::naive::{Found, Stop};
use super::world::World;
use super::{inputs, same_rows, show};

/// Rows of more answers than this are not asked for page by page.
const ROWS_MAX: usize = 40;

/// Asks for the answer page by page; `Err` describes a difference.
pub fn check(world: &World, q: &Form, expected: &Result<Found, Stop>) -> Result<(), String> {
    let text = q.to_string();
    let Ok(found) = expected else { return Ok(()) };
    // What rounding may decide has no order that one could hold on to.
    let rounded = ["(variance", "(stddev", "(avg", "(sum"]
        .iter()
        .any(|f| text.contains(f));
    let asked = matches!(q.shape, Shape::Relation | Shape::Collection) && q.limit.is_none() && q.offset == 0;
    if !asked || rounded || !(2..=ROWS_MAX).contains(&found.rows.len()) || !text.len().is_multiple_of(3) {
        return Ok(());
    }
    let run = |limit: usize, after: Option<String>| {
        let q = Form {
            limit: Some(limit),
            ..q.clone()
        };
        let options = QueryOptions {
            after,
            ..QueryOptions::default()
        };
        let answer = Query::parse(&q.to_string())?.run_with(&inputs(&q, world, &world.db), &options)?;
        let rows = answer.rows().collect::<Result<Vec<_>, _>>()?;
        Ok((rows, answer.next_token().map(str::to_string)))
    };
    let told = |e: asof::error::Error| format!("by pages: an error\n{e}");
    let (mut whole, _) = run(1_000_000, None).map_err(told)?;
    let limit = 1 + text.len() / 3 % 4;
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let (rows, next) = run(limit, after).map_err(told)?;
        if rows.len() > limit || rows.len() < limit && next.is_some() {
            return Err(format!("a page of {limit} has {} rows, and then {next:?}", rows.len()));
        }
        read.extend(rows);
        after = next;
        if after.is_none() || read.len() > 2 * ROWS_MAX {
            break;
        }
    }
    if !q.with.is_empty() {
        // Rows that are alike come once: a page cannot end between them.
        whole.dedup();
        read.dedup();
    } else if !same_rows(&found.rows, &whole, found.ordered) {
        return Err(format!("with a limit of many\n    {}", show(&whole)));
    }
    match read == whole {
        true => Ok(()),
        false => Err(format!(
            "by pages of {limit}\n    {}\n  and the whole\n    {}",
            show(&read),
            show(&whole)
        )),
    }
}
