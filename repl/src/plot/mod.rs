//! Pictures where people would rather look: a value over time, transactions per day, and what an entity is connected with.
//!
//! ```text
//! a database value -value, days, around-> Chart -text-> the terminal
//!                                               -svg-> a file
//! ```

mod days;
mod graph;
mod steps;
mod svg;
mod text;

use std::path::Path;

use asof::edn::{Edn, Instant, Node};
use asof::error::{Code, Error, Result};

use crate::print::Reply;
use crate::time::Style;

pub use days::days;
pub use graph::around;
pub use steps::value;

/// Whether a name is that of a file for pictures, of any kind.
pub fn is_picture(file: &Path) -> bool {
    let ending = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ["svg", "png", "jpg", "jpeg", "gif", "pdf", "webp"].contains(&ending.to_ascii_lowercase().as_str())
}

/// Refuses names of files that would hold another kind of picture than is drawn.
pub fn must_be_svg(file: &Path) -> Result<()> {
    if file
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("svg"))
    {
        return Ok(());
    }
    let e = Error::new(
        Code::InvalidArgument,
        format!("{} is no name for an SVG file", file.display()),
    );
    let svg = file.with_extension("svg");
    Err(e.hint(format!(
        "pictures are drawn as SVG: {}; browsers show it, and rsvg-convert or ImageMagick make PNG of it",
        svg.display()
    )))
}

/// Something to be drawn.
pub enum Chart {
    /// Numbers that hold until the next.
    Steps(Steps),
    /// Values that are no numbers, a lane each.
    Lanes(Lanes),
    /// A count for each day.
    Days(Days),
    /// Entities and the references between them.
    Graph(Graph),
}

/// A number over time.
pub struct Steps {
    pub title: String,
    /// What held from when on, in order of time; nothing where it was retracted.
    pub points: Vec<(Instant, Option<f64>)>,
    /// The end of what is known.
    pub end: Instant,
}

/// Values over time.
pub struct Lanes {
    pub title: String,
    /// What the values are called, in the order in which they appeared.
    pub names: Vec<String>,
    /// Lane, from, until; `None` when it still holds.
    pub bars: Vec<(usize, Instant, Option<Instant>)>,
    pub end: Instant,
}

/// Transactions per day.
pub struct Days {
    /// Days since 1970 with their counts, every day from the first to the last.
    pub counts: Vec<(i64, u64)>,
}

/// A neighbourhood.
pub struct Graph {
    /// The first is the one in the middle.
    pub nodes: Vec<Place>,
    /// From, attribute, to.
    pub edges: Vec<(usize, String, usize)>,
    /// How many entities were left out.
    pub more: usize,
}

/// An entity of a [`Graph`].
pub struct Place {
    pub entity: u64,
    pub name: String,
    /// How many steps from the middle.
    pub depth: u8,
    /// The edge that it was found by; `None` in the middle.
    pub by: Option<usize>,
}

impl Chart {
    /// The picture for a terminal.
    pub fn text(&self, style: &Style) -> String {
        match self {
            Chart::Steps(chart) => text::steps(chart, style),
            Chart::Lanes(chart) => text::lanes(chart, style),
            Chart::Days(chart) => text::days(chart, style),
            Chart::Graph(chart) => text::graph(chart, style),
        }
    }

    /// The picture as SVG.
    pub fn svg(&self) -> Result<String> {
        match self {
            Chart::Steps(chart) => svg::steps(chart),
            Chart::Lanes(chart) => svg::lanes(chart),
            Chart::Days(chart) => svg::days(chart),
            Chart::Graph(chart) => svg::graph(chart),
        }
    }

    /// What is drawn, as a relation.
    pub fn reply(&self) -> Reply {
        let text = |text: &str| Edn::from(Node::Str(text.into()));
        let long = |n: u64| Edn::from(Node::Long(n as i64));
        let instant = |i: Instant| Edn::from(Node::Inst(i));
        let (columns, rows): (&[&str], Vec<Edn>) = match self {
            Chart::Steps(chart) => {
                let number = |x: Option<f64>| x.map_or(Edn::nil(), |x| Node::Double(x).into());
                let row = |&(at, x): &(Instant, Option<f64>)| Edn::vector([instant(at), number(x)]);
                (&["when", "value"], chart.points.iter().map(row).collect())
            }
            Chart::Lanes(chart) => {
                let row = |&(lane, from, until): &(usize, Instant, Option<Instant>)| {
                    let until = until.map_or(Edn::nil(), instant);
                    Edn::vector([text(&chart.names[lane]), instant(from), until])
                };
                (&["value", "from", "until"], chart.bars.iter().map(row).collect())
            }
            Chart::Days(chart) => {
                let row = |&(day, n): &(i64, u64)| Edn::vector([text(&day_name(day)), long(n)]);
                (
                    &["day", "transactions"],
                    chart.counts.iter().filter(|c| c.1 > 0).map(row).collect(),
                )
            }
            Chart::Graph(chart) => {
                let row = |(from, name, to): &(usize, String, usize)| {
                    let (from, to) = (chart.nodes[*from].entity, chart.nodes[*to].entity);
                    Edn::vector([long(from), Edn::kw(&name[1..]), long(to)])
                };
                (&["from", "attribute", "to"], chart.edges.iter().map(row).collect())
            }
        };
        Reply::relation(rows, columns)
    }
}

const DAY: i64 = 86_400_000_000;

fn day_of(at: Instant) -> i64 {
    at.0.div_euclid(DAY)
}

fn day_name(day: i64) -> String {
    Instant(day * DAY).to_string().chars().take(10).collect()
}

/// A time, as exact as a span of `of` microseconds needs.
fn time_name(at: Instant, of: i64) -> String {
    let text = at.to_string();
    match of {
        of if of > 3 * DAY => text.chars().take(10).collect(),
        of if of > 180_000_000 => text.chars().take(16).collect::<String>().replace('T', " "),
        _ => text.chars().skip(11).take(12).collect(),
    }
}

/// A number for an axis that spans `range`: no more digits than tell its marks apart.
fn mark_name(x: f64, range: f64) -> String {
    if range <= 0.0 {
        return number_name(x);
    }
    let unit = 10f64.powf((range / 100.0).log10().floor());
    number_name((x / unit).round() * unit)
}

/// A number, short.
fn number_name(x: f64) -> String {
    let magnitude = x.abs();
    let short = |x: f64, unit: &str| {
        let text = format!("{x:.2}");
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match magnitude {
        m if m >= 1e15 || (m != 0.0 && m < 1e-3) => format!("{x:.2e}"),
        m if m >= 1e9 => short(x / 1e9, "G"),
        m if m >= 1e6 => short(x / 1e6, "M"),
        m if m >= 1e4 => short(x / 1e3, "k"),
        _ => short(x, ""),
    }
}

#[cfg(test)]
mod tests;
