//! Which index answers a pattern, by what of it is constant.

use super::{Pos, Scan};
use crate::datom::{Value, ValueType};
use crate::db::Db;
use crate::error::Result;
use crate::index::{Order, Range, Words};

/// An index read, and what of the pattern it leaves to check.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub order: Order,
    pub range: Range,
    /// The value (or its bounds) is yet to be checked, row by row.
    pub check_value: bool,
    /// The attribute is yet to be checked.
    pub check_attr: bool,
    /// The entity is yet to be checked.
    pub check_entity: bool,
}

impl Access {
    fn new(order: Order, range: Range) -> Access {
        Access {
            order,
            range,
            check_value: false,
            check_attr: false,
            check_entity: false,
        }
    }
    /// Whether the rows ascend by entity.
    pub fn sorted_by_entity(&self, scan: &Scan) -> bool {
        match self.order {
            Order::Eavt => true,
            Order::Aevt => scan.a.is_const(),
            // Equal values lie together, and among them the entities ascend.
            Order::Avet | Order::Vaet => scan.a.is_const() && matches!(scan.v, Pos::Is(_)) && !self.check_value,
        }
    }
}

/// The index reads for the constants of a pattern; several only when its value is given and its attribute is not.
pub(crate) fn accesses(scan: &Scan, db: &Db) -> Result<Vec<Access>> {
    let probe = |v: &Value| db.words().probe(v);
    let attr = scan.attr.as_ref();
    let by_value = attr.is_some_and(|a| a.indexed);
    let one = match (&scan.e, &scan.a, &scan.v) {
        (Pos::Is(e), Pos::Is(a), Pos::Is(v)) => Access::new(Order::Eavt, Range::eav(*e, *a, probe(v)?)),
        (Pos::Is(e), Pos::Is(a), _) => Access {
            check_value: scan.bounds.is_some(),
            ..Access::new(Order::Eavt, Range::ea(*e, *a))
        },
        (Pos::Is(e), _, v) => Access {
            check_value: v.is_const(),
            check_attr: false,
            ..Access::new(Order::Eavt, Range::e(*e))
        },
        (_, Pos::Is(a), Pos::Is(v)) if by_value => {
            let probe = match scan.params.word {
                Some(word) => Words::probe_of(v, word),
                None => probe(v)?,
            };
            Access::new(Order::Avet, Range::av(*a, probe))
        }
        (_, Pos::Is(a), Pos::Is(v @ Value::Ref(_))) => Access::new(Order::Vaet, Range::av(*a, probe(v)?)),
        (_, Pos::Is(a), v) => {
            let whole = Access {
                check_value: v.is_const() || scan.bounds.is_some(),
                ..Access::new(Order::Aevt, Range::a(*a))
            };
            if !scan.bounds.is_some() || !by_value {
                return Ok(vec![whole]);
            }
            let low = match &scan.bounds.low {
                Some((v, inclusive)) => Some((probe(v)?, *inclusive)),
                None => None,
            };
            let high = match &scan.bounds.high {
                Some((v, inclusive)) => Some((probe(v)?, *inclusive)),
                None => None,
            };
            let part = Access::new(Order::Avet, Range::values(*a, low, high));
            // The range comes in the order of values; for most of an attribute, the order of entities joins faster.
            let few = db.estimate(part.order, &part.range)? * 3 < db.estimate(whole.order, &whole.range)?;
            if few { part } else { whole }
        }
        (_, _, Pos::Is(Value::Ref(e))) => Access::new(Order::Vaet, Range::v(e.0)),
        (_, _, Pos::Is(v)) => {
            let ty = v.value_type();
            let attrs = db.schema().attrs().filter(|a| a.value_type == ty);
            let mut ids: Vec<(u32, bool)> = attrs.map(|a| (a.id, a.indexed)).collect();
            ids.sort_unstable();
            return ids
                .into_iter()
                .map(|(a, indexed)| {
                    Ok(match indexed {
                        true => Access::new(Order::Avet, Range::av(a, probe(v)?)),
                        false => Access {
                            check_value: true,
                            ..Access::new(Order::Aevt, Range::a(a))
                        },
                    })
                })
                .collect();
        }
        _ => Access::new(Order::Eavt, Range::all()),
    };
    Ok(vec![one])
}

/// About how many rows the constants of a pattern leave.
pub(crate) fn estimate(scan: &Scan, db: &Db) -> Result<f64> {
    if scan.nothing {
        return Ok(0.0);
    }
    let mut rows = 0.0;
    for a in accesses(scan, db)? {
        let n = db.estimate(a.order, &a.range)? as f64;
        let checked = match (a.check_value, &scan.v) {
            (false, _) => 1.0,
            (true, Pos::Is(_)) => 0.1,
            (true, _) => 0.5,
        };
        rows += n * checked;
    }
    Ok(rows)
}

/// About how many different values `a` has: those of the first batch by value, extended to all.
pub(crate) fn distinct_values(a: &crate::schema::Attribute, db: &Db) -> Result<f64> {
    let n = db.estimate(Order::Aevt, &Range::a(a.id))? as f64;
    if a.unique.is_some() {
        return Ok(n.max(1.0));
    }
    if a.value_type == ValueType::Boolean {
        return Ok(n.clamp(1.0, 2.0));
    }
    if !a.indexed {
        return Ok((n / 4.0).max(1.0));
    }
    match db.scan(Order::Avet, &Range::a(a.id)).next() {
        Some(batch) => {
            let batch = batch?;
            let v = batch.v();
            let different = 1 + v.windows(2).filter(|w| w[0] != w[1]).count();
            Ok((different as f64 / v.len().max(1) as f64 * n).clamp(1.0, n.max(1.0)))
        }
        None => Ok(1.0),
    }
}
