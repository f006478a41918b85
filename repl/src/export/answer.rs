//! The answer of a query as rows.

use asof::datom::convert::natural_type;
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::query::Answer;

use super::{Cell, Column};

/// The columns and rows of an answer. A column has a type when all of its values do.
pub fn answer(answer: &Answer) -> Result<(Vec<Column>, Vec<Vec<Cell>>)> {
    let names: Vec<String> = answer
        .columns()
        .iter()
        .map(|c| c.trim_start_matches('?').to_string())
        .collect();
    let rows: Vec<Vec<Edn>> = answer.rows().collect::<Result<_>>()?;
    let columns = names.into_iter().enumerate().map(|(i, name)| {
        let mut values = rows.iter().map(|row| &row[i]).filter(|value| !value.is_nil());
        let first = values.next().and_then(natural_type);
        let same = first.filter(|first| values.all(|value| natural_type(value) == Some(*first)));
        Column {
            name,
            ty: same,
            many: false,
        }
    });
    let cell = |value: Edn| match value.node {
        Node::Nil => Cell::Nothing,
        _ => Cell::One(value),
    };
    let columns = columns.collect();
    Ok((
        columns,
        rows.into_iter()
            .map(|row| row.into_iter().map(cell).collect())
            .collect(),
    ))
}
