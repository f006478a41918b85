//! Which values an entity had, or all entities had for an attribute, from when until when.

use std::collections::BTreeMap;
use std::fmt::Write;

use asof::datom::T;
use asof::db::Db;
use asof::edn::{Edn, Node};
use asof::error::Result;
use asof::index::Order;

use super::{Picture, Style, entity, entity_name, value_text, when};
use crate::eval::{name_or_id, named_form};
use crate::patience::Patience;
use crate::print::{Reply, columns};

/// The most lines of a drawing.
const LINES_MAX: usize = 500;
/// The shortest that a bar is.
const BAR_MIN: usize = 12;

/// A value that held for a while.
struct Period {
    /// The attribute, or of an attribute's timeline the entity.
    of: Edn,
    name: String,
    value: Edn,
    shown: String,
    /// `None` when it began before the window that is looked at.
    from: Option<T>,
    until: Option<T>,
}

/// The values of the entity that `form` names, perhaps of one attribute only. An attribute by itself means the values that all
/// entities had for it.
pub fn timeline(
    db: &Db,
    form: &Edn,
    attribute: Option<&Edn>,
    style: &mut Style,
    patience: &Patience,
) -> Result<Picture> {
    let whole = match (attribute, form.as_keyword()) {
        (None, Some(name)) => db.schema().attr_by_ident(name).is_some(),
        _ => false,
    };
    let (order, components, title) = match whole {
        true => (Order::Aevt, vec![form.clone()], form.to_string()),
        false => {
            let found = entity(db, form).map_err(|e| match (attribute, form.as_keyword()) {
                // An attribute may stand here as well.
                (None, Some(_)) => {
                    let names: Vec<String> = db.schema().attrs().map(|a| a.ident.to_string()).collect();
                    e.suggest(&form.to_string(), names.iter().map(|name| &**name))
                }
                _ => e,
            })?;
            let id = Edn::from(Node::Long(found.0 as i64));
            let components = std::iter::once(id).chain(attribute.cloned()).collect();
            (Order::Eavt, components, entity_name(db, found, style)?)
        }
    };
    let mut events = Vec::new();
    for datom in patience.over(db.history().datoms(order, &components)?) {
        events.push(datom?);
    }
    // As it happened; of one transaction the retractions first, as it replaces a value.
    events.sort_by_key(|d| (d.a.0, d.e.0, d.tx.t(), d.added));
    let mut periods: Vec<Period> = Vec::new();
    let mut open: BTreeMap<(u64, u64, String), usize> = BTreeMap::new();
    for datom in &events {
        patience.step()?;
        let key = (datom.e.0, datom.a.0, datom.v.to_edn().to_string());
        let t = datom.tx.t();
        if !datom.added
            && let Some(i) = open.remove(&key)
        {
            periods[i].until = Some(t);
            continue;
        }
        if datom.added {
            open.insert(key, periods.len());
        }
        let (of, name) = match whole {
            true => (Node::Long(datom.e.0 as i64).into(), entity_name(db, datom.e, style)?),
            false => (named_form(db, datom.a), name_or_id(db, datom.a)),
        };
        periods.push(Period {
            of,
            name,
            value: datom.v.to_edn(),
            shown: value_text(db, &datom.v, style)?,
            from: datom.added.then_some(t),
            until: (!datom.added).then_some(t),
        });
    }
    let mut moments = BTreeMap::new();
    for t in periods.iter().flat_map(|p| [p.from, p.until]).flatten() {
        if let (false, Some(instant)) = (moments.contains_key(&t), db.instant_of(t)?) {
            moments.insert(t, when(instant));
        }
    }
    Ok(Picture {
        reply: relation(&periods, if whole { "entity" } else { "attribute" }),
        drawing: draw(&title, &periods, &moments, style),
    })
}

fn relation(periods: &[Period], of: &str) -> Reply {
    let t = |t: Option<T>| t.map_or(Edn::nil(), |t| Node::Long(t as i64).into());
    let row = |p: &Period| Edn::vector([p.of.clone(), p.value.clone(), t(p.from), t(p.until)]);
    Reply::relation(periods.iter().map(row), &[of, "value", "from", "until"])
}

fn draw(title: &str, periods: &[Period], moments: &BTreeMap<T, String>, style: &Style) -> String {
    let paint = style.paint;
    let mut out = String::new();
    let ts: Vec<T> = moments.keys().copied().collect();
    let (Some(first), Some(last)) = (ts.first(), ts.last()) else {
        return format!("{title} has no facts here\n");
    };
    let _ = writeln!(
        out,
        "{}  t {first} ({}) to t {last} ({})",
        paint.bold(title),
        moments[first],
        moments[last]
    );
    let widest = |texts: &mut dyn Iterator<Item = &String>| texts.map(|t| columns::width(t)).max().unwrap_or(0);
    let names = widest(&mut periods.iter().map(|p| &p.name)).min(28);
    let values = widest(&mut periods.iter().map(|p| &p.shown)).min(26);
    // The days stand in the title; where all is of one day, or the line would be too long, less is enough behind the bars.
    let same_day = moments.values().all(|when| when.get(..10) == moments[first].get(..10));
    let brief = |t: T| match moments[&t].get(11..) {
        Some(time) if same_day && !time.is_empty() => time.to_string(),
        _ => moments[&t].clone(),
    };
    let mut told: BTreeMap<T, String> = ts.iter().map(|t| (*t, brief(*t))).collect();
    let room = |told: &BTreeMap<T, String>, values: usize| {
        let dates = told.values().map(|t| columns::width(t)).max().unwrap_or(0);
        style.width.saturating_sub(names + values + 4 + 2 * dates + 8)
    };
    if room(&told, values) < BAR_MIN {
        told = ts.iter().map(|t| (*t, format!("t {t}"))).collect();
    }
    let values = values
        .saturating_sub(BAR_MIN.saturating_sub(room(&told, values)))
        .max(values.min(8));
    let left = names + values + 4;
    let bar = room(&told, values).clamp(BAR_MIN, 64);
    // A transaction a place, evenly; the last leaves room for what still holds.
    let x = |t: T| ts.partition_point(|other| *other < t) * (bar - 1) / ts.len();
    let mut ticks = String::new();
    for t in &ts {
        let place = x(*t);
        if ticks.is_empty() || ticks.chars().count() < place {
            let _ = write!(ticks, "{}{t}", " ".repeat(place - ticks.chars().count()));
        }
    }
    let _ = writeln!(out, "{}{}", " ".repeat(left), paint.dim(&ticks));
    let mut before = "";
    for p in periods.iter().take(LINES_MAX) {
        let name = if p.name == before { "" } else { &p.name };
        before = &p.name;
        let start = p.from.map_or(0, x);
        let end = p.until.map_or(bar - 1, x);
        let mut line = " ".repeat(start);
        line.push(if p.from.is_some() { '├' } else { '◀' });
        line.push_str(&"─".repeat(end.saturating_sub(start + 1)));
        if end > start {
            line.push(if p.until.is_some() { '┤' } else { '▶' });
        }
        let pad = " ".repeat(bar - line.chars().count());
        let line = if p.until.is_some() {
            paint.dim(&line)
        } else {
            paint.green(&line)
        };
        let day = |t: Option<T>| t.and_then(|t| told.get(&t)).map_or("", String::as_str);
        let when = match (p.from, p.until) {
            (_, None) => format!("since {}", day(p.from)),
            (None, _) => format!("until {}", day(p.until)),
            _ => format!("{} to {}", day(p.from), day(p.until)),
        };
        let name = columns::left(&columns::cut(name, 28), names);
        let value = columns::left(&columns::cut(&p.shown, values), values);
        let _ = writeln!(out, "{name}  {value}  {line}{pad}  {when}");
    }
    if periods.len() > LINES_MAX {
        let _ = writeln!(out, "{} more", periods.len() - LINES_MAX);
    }
    out
}
