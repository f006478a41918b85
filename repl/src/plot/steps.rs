//! A value over time.

use asof::datom::{Datom, Value};
use asof::db::Db;
use asof::edn::{Edn, Instant, Node};
use asof::error::{Code, Error, Result};
use asof::index::Order;

use super::{Chart, Lanes, Steps};
use crate::patience::Patience;
use crate::time::{Style, entity, entity_name, value_text};

/// The values that an entity had for an attribute: a line for numbers, else a lane for each.
pub fn value(db: &Db, form: &Edn, attribute: &Edn, style: &mut Style, patience: &Patience) -> Result<Chart> {
    let e = entity(db, form)?;
    let id = Edn::from(Node::Long(e.0 as i64));
    let mut events: Vec<Datom> = Vec::new();
    let found = db.history().datoms(Order::Eavt, &[id, attribute.clone()])?;
    for datom in patience.over(found) {
        events.push(datom?);
    }
    if events.is_empty() {
        let what = format!("{form} never had a value for {attribute}");
        return Err(Error::new(Code::NotAnEntity, what)
            .at(attribute.span)
            .hint("(pull [*] ENTITY) shows what it has"));
    }
    // Of one transaction the retractions first, as it replaces a value.
    events.sort_by_key(|d| (d.tx.t(), d.added));
    let title = format!("{attribute} of {}", entity_name(db, e, style)?);
    let at = |datom: &Datom| -> Result<Instant> { Ok(db.instant_of(datom.tx.t())?.unwrap_or(Instant(0))) };
    let end = db
        .instant_of(db.as_of_t().unwrap_or(db.basis_t()))?
        .unwrap_or(Instant(0));
    let one = db.schema().attr_of(events[0].a).is_some_and(|a| a.is_one());
    let numbers: Option<Vec<f64>> = events.iter().map(|d| number(&d.v)).collect();
    if let (true, Some(numbers)) = (one, numbers) {
        let mut points: Vec<(Instant, Option<f64>)> = Vec::new();
        for (datom, x) in events.iter().zip(numbers) {
            let (at, now) = (at(datom)?, datom.added.then_some(x));
            match points.last_mut() {
                Some(last) if last.0 == at => last.1 = now,
                _ => points.push((at, now)),
            }
        }
        return Ok(Chart::Steps(Steps { title, points, end }));
    }
    let mut names: Vec<String> = Vec::new();
    let mut bars: Vec<(usize, Instant, Option<Instant>)> = Vec::new();
    for datom in &events {
        patience.step()?;
        let name = value_text(db, &datom.v, style)?;
        let lane = names.iter().position(|n| *n == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        let open = bars.iter_mut().rfind(|(l, _, until)| *l == lane && until.is_none());
        match (datom.added, open) {
            (true, _) => bars.push((lane, at(datom)?, None)),
            (false, Some(bar)) => bar.2 = Some(at(datom)?),
            // It began before what is looked at.
            (false, None) => {
                let begin = db.since_t().map(|t| db.instant_of(t)).transpose()?.flatten();
                bars.push((lane, begin.unwrap_or(Instant(0)), Some(at(datom)?)));
            }
        }
    }
    Ok(Chart::Lanes(Lanes {
        title,
        names,
        bars,
        end,
    }))
}

/// A value as a number on an axis; references and times are none.
fn number(value: &Value) -> Option<f64> {
    let x = match value {
        Value::Long(n) => *n as f64,
        Value::Double(_) | Value::Float(_) | Value::BigInt(_) | Value::BigDec(_) => {
            let text = value.to_edn().to_string();
            text.trim_end_matches(['N', 'M']).parse().ok()?
        }
        _ => return None,
    };
    x.is_finite().then_some(x)
}
