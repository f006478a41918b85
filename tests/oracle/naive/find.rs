//! Rows become answers: aggregates by definition, order and paging, pulls.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use asof::datom::Val;
use asof::edn::{Edn, Keyword, Node, Symbol};
use asof::query::functions;

use super::super::ast::*;
use super::super::pulls;
use super::super::world::last;
use super::{Found, Naive, Result, Row, Rows, Stop};

impl Naive<'_> {
    /// The rows of `:find`, as values and, for pulls, entities: grouped, tested and in order.
    pub(super) fn cells(&mut self, rows: &Rows) -> Result<Vec<Vec<Val>>> {
        let q = self.query;
        let elements = q.elements();
        let vars: Vec<Var> = elements.iter().map(|e| e.var()).chain(q.with.iter().copied()).collect();
        // Among values of other types, an entity is its number.
        let mixed: Vec<bool> = vars
            .iter()
            .map(|v| rows.iter().any(|r| !matches!(r[v], Val::Ref(_))))
            .collect();
        let shown = |row: &Row| {
            let cells = vars.iter().zip(&mixed).map(|(v, mixed)| match &row[v] {
                Val::Ref(e) if *mixed => (*v, Val::Long(e.0 as i64)),
                x => (*v, x.clone()),
            });
            cells.collect::<Row>()
        };
        let rows: BTreeSet<Row> = rows.iter().map(shown).collect();
        let rows: Vec<Row> = rows.into_iter().collect();
        let grouped = elements.iter().any(|e| matches!(e, Elem::Aggregate(..)));
        let mut groups: BTreeMap<Vec<Val>, Vec<&Row>> = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            let key = elements.iter().filter(|e| !matches!(e, Elem::Aggregate(..)));
            let mut key: Vec<Val> = key.map(|e| row[&e.var()].clone()).collect();
            if !grouped {
                key.push(Val::Long(i as i64));
            }
            groups.entry(key).or_default().push(row);
        }
        let cell = |e: &Elem, group: &[&Row]| match e {
            Elem::Aggregate(name, n, v) => aggregate(name, *n, group.iter().map(|r| r[v].clone()).collect()),
            e => Ok(group[0][&e.var()].clone()),
        };
        let mut cells = Vec::new();
        for group in groups.values() {
            let row: Vec<Val> = elements.iter().map(|e| cell(e, group)).collect::<Result<_>>()?;
            if q.having
                .iter()
                .try_fold(true, |all, test| Ok(all && self.holds(test, &row)?))?
            {
                cells.push(row[..q.find.len()].to_vec());
            }
        }
        let mut order = q.order.clone();
        order.extend((0..q.find.len()).map(|i| (i, false)));
        cells.sort_by(|a, b| {
            let keys = order.iter().map(|(i, descending)| {
                let o = a[*i].cmp(&b[*i]);
                if *descending { o.reverse() } else { o }
            });
            keys.fold(Ordering::Equal, Ordering::then)
        });
        Ok(cells)
    }

    /// Whether a group passes a test of `:having`.
    fn holds(&self, (name, args): &(&str, [Tested; 2]), row: &[Val]) -> Result<bool> {
        let elements = self.query.elements();
        let args = args.each_ref().map(|arg| match arg {
            Tested::Val(v) => v.clone(),
            Tested::Elem(e) => {
                let at = elements.iter().position(|known| known.to_string() == e.to_string());
                row[at.expect("an element")].clone()
            }
        });
        let f = functions::lookup(&Symbol::new(name)).expect("a predicate");
        functions::call(f, &args).map(|v| v.truthy()).map_err(|_| Stop::Failed)
    }

    pub(super) fn find(&mut self, rows: &Rows) -> Result<Found> {
        let q = self.query;
        let cells = self.cells(rows)?;
        let one = matches!(q.shape, Shape::Tuple | Shape::Scalar);
        let limit = q.limit.unwrap_or(usize::MAX).min(if one { 1 } else { usize::MAX });
        let shown = cells.into_iter().skip(q.offset).take(limit);
        let mut rows = Vec::new();
        for row in shown {
            let cell = |(e, v): (&Elem, &Val)| match e {
                Elem::Pull(source, _, specs) => {
                    let e = match v {
                        Val::Ref(e) => Some(e.0),
                        Val::Long(n) => u64::try_from(*n).ok(),
                        _ => None,
                    };
                    let (attrs, facts) = (&self.attrs[*source], &self.views[*source]);
                    e.and_then(|e| pulls::pull(attrs, facts, specs, e))
                        .unwrap_or_else(Edn::nil)
                }
                _ => v.to_edn(),
            };
            rows.push(q.find.iter().zip(&row).map(cell).collect());
        }
        Ok(Found {
            rows,
            ordered: one || !q.order.is_empty() || q.limit.is_some() || q.offset > 0,
        })
    }

    /// The answer of a nested query as a value.
    pub(super) fn answer_vals(&mut self, given: Rows) -> Result<Val> {
        let mut scope = BTreeSet::new();
        self.query.inputs.iter().for_each(|(b, _)| b.vars(&mut scope));
        let rows = self.all(&self.query.clauses, given, &scope, 0)?;
        let limit = self.query.limit.unwrap_or(usize::MAX);
        let cells = self.cells(&rows)?.into_iter().skip(self.query.offset).take(limit);
        let mut cells = cells.collect::<Vec<_>>().into_iter();
        let first = |row: Vec<Val>| row.into_iter().next().expect("find has an element");
        Ok(match self.query.shape {
            Shape::Relation => Val::vector(cells.map(Val::vector)),
            Shape::Collection => Val::vector(cells.map(first)),
            Shape::Tuple => cells.next().map_or(Val::Nil, Val::vector),
            Shape::Scalar => cells.next().map_or(Val::Nil, first),
        })
    }
}

fn number(v: &Val) -> Result<f64> {
    match v {
        Val::Long(x) => Ok(*x as f64),
        Val::Double(x) => Ok(*x),
        _ => Err(Stop::Failed),
    }
}

fn aggregate(name: &str, n: Option<i64>, mut values: Vec<Val>) -> Result<Val> {
    values.sort();
    let count = values.len();
    let numbers = || values.iter().map(number).collect::<Result<Vec<f64>>>();
    let variance = || -> Result<f64> {
        let xs = numbers()?;
        let mean = xs.iter().sum::<f64>() / count as f64;
        Ok(xs.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count as f64)
    };
    Ok(match (name, n) {
        ("count", _) => Val::Long(count as i64),
        ("count-distinct", _) => Val::Long(values.iter().collect::<BTreeSet<_>>().len() as i64),
        ("sum", _) => match values.iter().all(|v| matches!(v, Val::Long(_))) {
            true => Val::Long(values.iter().filter_map(|v| v.to_edn().as_long()).sum()),
            false => Val::Double(numbers()?.iter().sum()),
        },
        ("avg", _) => Val::Double(numbers()?.iter().sum::<f64>() / count as f64),
        ("min", None) => values[0].clone(),
        ("max", None) => values[count - 1].clone(),
        ("min", Some(n)) => Val::vector(values.into_iter().take(n as usize)),
        ("max", Some(n)) => Val::vector(values.into_iter().rev().take(n as usize)),
        ("median", _) => match numbers() {
            Ok(xs) => {
                let mut xs = xs;
                xs.sort_by(f64::total_cmp);
                Val::Double((xs[(count - 1) / 2] + xs[count / 2]) / 2.0)
            }
            Err(_) => values[(count - 1) / 2].clone(),
        },
        ("variance", _) => Val::Double(variance()?),
        ("stddev", _) => Val::Double(variance()?.sqrt()),
        ("distinct", _) => Val::set(values),
        ("collect", _) => Val::vector(values),
        ("my/last", _) => last(&mut values.into_iter()),
        _ => return Err(Stop::Failed),
    })
}

/// A row of an answer with names.
pub fn named(kind: &str, row: &[Edn]) -> Edn {
    let key = |i: usize| {
        let name = format!("k{i}");
        match kind {
            "keys" => Node::Keyword(Keyword::new(&name)),
            "syms" => Node::Symbol(Symbol::new(&name)),
            _ => Node::Str(name.into()),
        }
    };
    let entries = row.iter().enumerate().map(|(i, x)| (key(i).into(), x.clone()));
    Node::Map(entries.collect()).into()
}
