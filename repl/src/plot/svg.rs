//! Pictures as SVG.

use std::cmp::Ordering;

use asof::edn::Instant;
use asof::error::{Code, Error, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Days, Graph, Lanes, Steps, day_name, number_name, time_name};
use crate::print::columns::cut;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 420;
const LINE: RGBColor = RGBColor(31, 111, 139);
const FILL: RGBColor = RGBColor(127, 183, 201);
const QUIET: RGBColor = RGBColor(120, 120, 120);
const FAINT: RGBColor = RGBColor(228, 228, 228);
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws into a text.
fn drawn(width: u32, height: u32, draw: impl FnOnce(&Area) -> Result<(), Failed>) -> Result<String> {
    let mut text = String::new();
    let done = (|| {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
        Ok(())
    })();
    done.map_err(|Failed(why)| Error::new(Code::Io, format!("the picture failed: {why}")))?;
    Ok(text)
}

/// Why plotters gave up.
struct Failed(String);

impl<E: std::error::Error + Send + Sync> From<DrawingAreaErrorKind<E>> for Failed {
    fn from(e: DrawingAreaErrorKind<E>) -> Failed {
        Failed(e.to_string())
    }
}

/// A number over time as a line with steps.
pub fn steps(chart: &Steps) -> Result<String> {
    let known = || chart.points.iter().filter_map(|p| p.1);
    let (mut low, mut high) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    let margin = if low == high {
        low.abs().max(1.0) * 0.1
    } else {
        (high - low) * 0.06
    };
    let (from, to) = span(chart.points.first().map_or(chart.end, |p| p.0), chart.end);
    drawn(WIDTH, HEIGHT, |area| {
        let mut context = ChartBuilder::on(area)
            .caption(&chart.title, (FONT, 18))
            .margin(16)
            .margin_right(48)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(from..to, low - margin..high + margin)?;
        context
            .configure_mesh()
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .axis_style(QUIET)
            .label_style((FONT, 13))
            .x_labels(7)
            .x_label_formatter(&|x| time_name(Instant(*x), to - from))
            .y_label_formatter(&|y| number_name(*y))
            .draw()?;
        let ends = chart.points.iter().skip(1).map(|p| p.0.0).chain([to]);
        let mut line: Vec<(i64, f64)> = Vec::new();
        let mut lines = Vec::new();
        for (&(at, x), end) in chart.points.iter().zip(ends) {
            match x {
                Some(x) => line.extend([(at.0, x), (end, x)]),
                None => lines.push(std::mem::take(&mut line)),
            }
        }
        lines.push(line);
        for line in lines {
            context.draw_series(LineSeries::new(line, LINE.stroke_width(2)))?;
        }
        let dots = chart.points.iter().filter_map(|&(at, x)| Some((at.0, x?)));
        if chart.points.len() <= 60 {
            context.draw_series(dots.map(|at| Circle::new(at, 3, LINE.filled())))?;
        }
        Ok(())
    })
}

/// A span that is not empty.
fn span(from: Instant, to: Instant) -> (i64, i64) {
    match to.0 - from.0 {
        0 => (from.0, from.0 + 1_000_000),
        _ => (from.0, to.0),
    }
}

/// Values over time, a lane each.
pub fn lanes(chart: &Lanes) -> Result<String> {
    let first = chart.bars.iter().map(|b| b.1).min_by_key(|i| i.0);
    let (from, to) = span(first.unwrap_or(chart.end), chart.end);
    let (left, right, top, lane) = (220, 52, 52, 30);
    let height = top + lane * chart.names.len() as i32 + 48;
    drawn(WIDTH, height as u32, |area| {
        let room = f64::from(WIDTH as i32 - left - right);
        let x = |at: i64| left + ((at - from) as f64 / (to - from) as f64 * room).round() as i32;
        text(area, &chart.title, (WIDTH as i32 / 2, 16), 18, HPos::Center, BLACK)?;
        let bottom = height - 40;
        for i in 0..=4 {
            let at = from + (to - from) * i / 4;
            let line = PathElement::new([(x(at), top - 8), (x(at), bottom)], FAINT);
            area.draw(&line)?;
            text(
                area,
                &time_name(Instant(at), to - from),
                (x(at), bottom + 8),
                13,
                HPos::Center,
                QUIET,
            )?;
        }
        for (i, name) in chart.names.iter().enumerate() {
            let y = top + lane * i as i32 + 4;
            text(area, &cut(name, 28), (left - 12, y), 14, HPos::Right, BLACK)?;
        }
        for &(i, begin, end) in &chart.bars {
            let y = top + lane * i as i32;
            let end = end.map_or(to, |end| end.0);
            let corners = [(x(begin.0), y + 2), (x(end).max(x(begin.0) + 2), y + lane - 10)];
            area.draw(&Rectangle::new(corners, FILL.filled()))?;
            area.draw(&Rectangle::new(corners, LINE))?;
        }
        Ok(())
    })
}

/// Transactions per day as bars.
pub fn days(chart: &Days) -> Result<String> {
    let (first, last) = match chart.counts.as_slice() {
        [first, .., last] => (first.0, last.0),
        [only] => (only.0, only.0),
        [] => (0, 0),
    };
    let most = chart.counts.iter().map(|c| c.1).max().unwrap_or(0);
    drawn(WIDTH, HEIGHT, |area| {
        // A bar is as wide as its day, with a gap where there is room for one.
        let mut context = ChartBuilder::on(area)
            .caption("transactions per day", (FONT, 18))
            .margin(16)
            .margin_right(40)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(first as f64 - 0.5..last as f64 + 0.5, 0..most + most / 20 + 1)?;
        context
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(WHITE)
            .bold_line_style(FAINT)
            .axis_style(QUIET)
            .label_style((FONT, 13))
            .x_labels(7.min(chart.counts.len()))
            .x_label_formatter(&|x| day_name(x.round() as i64))
            .y_label_formatter(&|y| number_name(*y as f64))
            .draw()?;
        let half = if chart.counts.len() > 200 { 0.5 } else { 0.4 };
        let bars = chart.counts.iter().filter(|c| c.1 > 0).map(|&(day, n)| {
            let day = day as f64;
            Rectangle::new([(day - half, 0), (day + half, n)], LINE.filled())
        });
        context.draw_series(bars)?;
        Ok(())
    })
}

/// The columns of a graph: entities that refer to the middle are on its left, those it refers to on its right, and what is
/// further away further out. Each leaf of the tree by which they were found has a row of its own.
struct Layout {
    /// Column (negative on the left) and row, in halves.
    at: Vec<(i32, i32)>,
    rows: i32,
}

fn layout(graph: &Graph) -> Layout {
    let count = graph.nodes.len();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut side = vec![0; count];
    for (i, node) in graph.nodes.iter().enumerate() {
        if let Some(edge) = node.by {
            let (from, _, to) = &graph.edges[edge];
            let (parent, out) = if *to == i { (*from, 1) } else { (*to, -1) };
            side[i] = if parent == 0 { out } else { side[parent] };
            children[parent].push(i);
        }
    }
    let mut at = vec![(0, 0); count];
    let mut rows = 0;
    for direction in [-1, 1] {
        let mut row = 0;
        for &child in children[0].iter().filter(|c| side[**c] == direction) {
            place(child, direction, direction, &children, &mut row, &mut at);
        }
        rows = rows.max(row);
    }
    // The shorter side stands in the middle of the longer.
    for direction in [-1, 1] {
        let used = (0..count).filter(|&i| side[i] == direction).map(|i| at[i].1).max();
        let shift = used.map_or(0, |used| (rows - 2 - used) / 2);
        for i in (0..count).filter(|&i| side[i] == direction) {
            at[i].1 += shift;
        }
    }
    at[0].1 = (rows - 2).max(0) / 2;
    Layout { at, rows: rows.max(2) }
}

/// Places a node beside the middle of its children; rows are counted in halves.
fn place(node: usize, column: i32, step: i32, children: &[Vec<usize>], row: &mut i32, at: &mut [(i32, i32)]) {
    let first = *row;
    for &child in &children[node] {
        place(child, column + step, step, children, row, at);
    }
    if children[node].is_empty() {
        *row += 2;
    }
    at[node] = (column, (first + *row - 2) / 2);
}

/// A neighbourhood: boxes and arrows.
pub fn graph(graph: &Graph) -> Result<String> {
    let layout = layout(graph);
    let (least, most) = (
        layout.at.iter().map(|a| a.0).min().unwrap_or(0),
        layout.at.iter().map(|a| a.0).max().unwrap_or(0),
    );
    let (boxed, gap, half, margin) = (210, 170, 22, 24);
    let width = (boxed + gap) * (most - least) + boxed + 2 * margin;
    // What leads further than to the next column goes around, in a lane of its own below all boxes.
    let far = |from: usize, to: usize| (layout.at[from].0 - layout.at[to].0).abs() > 1;
    let lanes = graph.edges.iter().filter(|(from, _, to)| far(*from, *to)).count() as i32;
    let floor = layout.rows * half + margin + 12;
    let height = floor + lanes * 18 + margin + 12;
    let corner = |i: usize| {
        let (column, row) = layout.at[i];
        (
            margin + (column - least) * (boxed + gap),
            margin + row * half + half / 2,
        )
    };
    drawn(width as u32, height as u32, |area| {
        let (mut labels, mut lane) = (Vec::new(), floor);
        for (from, name, to) in &graph.edges {
            let ((ax, ay), (bx, by)) = (corner(*from), corner(*to));
            // From the side that faces the other end; within a column around the right side.
            let (start, end) = match ax.cmp(&bx) {
                Ordering::Less => ((ax + boxed, ay + 14), (bx, by + 14)),
                Ordering::Greater => ((ax, ay + 14), (bx + boxed, by + 14)),
                Ordering::Equal => ((ax + boxed, ay + 14), (bx + boxed, by + 14)),
            };
            let mut path = vec![start, end];
            if far(*from, *to) {
                let side = (end.0 - start.0).signum() * 18;
                let (out, back) = (start.0 + side, end.0 - side);
                path = vec![start, (out, start.1), (out, lane), (back, lane), (back, end.1), end];
                labels.push((name, ((out + back) / 2, lane - 7), false));
                lane += 18;
            } else if ax == bx {
                path = vec![start, (start.0 + 30, start.1), (end.0 + 30, end.1), end];
                labels.push((name, (start.0 + 34, (start.1 + end.1) / 2 - 6), true));
            } else {
                // Nearer to the end that has the fewer arrows, so that labels lie apart.
                let many = |node: usize| graph.edges.iter().filter(|(f, _, t)| *f == node || *t == node).count();
                let part = if many(*from) > many(*to) { 0.62 } else { 0.38 };
                let between = |a: i32, b: i32| a + (f64::from(b - a) * part) as i32;
                labels.push((name, (between(start.0, end.0), between(start.1, end.1) - 7), false));
            }
            let last = path[path.len() - 2];
            area.draw(&PathElement::new(path, QUIET.stroke_width(1)))?;
            area.draw(&Polygon::new(arrow(last, end), QUIET.filled()))?;
        }
        for (name, at, beside) in labels {
            let name = cut(name, 24);
            let wide = name.chars().count() as i32 * 6 + 6;
            let left = if beside { at.0 } else { at.0 - wide / 2 };
            let corners = [(left, at.1 - 1), (left + wide, at.1 + 14)];
            area.draw(&Rectangle::new(corners, WHITE.filled()))?;
            let anchor = if beside { HPos::Left } else { HPos::Center };
            text(area, &name, at, 12, anchor, QUIET)?;
        }
        for (i, node) in graph.nodes.iter().enumerate() {
            let (x, y) = corner(i);
            let corners = [(x, y), (x + boxed, y + 28)];
            let fill = if i == 0 { FILL } else { RGBColor(240, 246, 248) };
            area.draw(&Rectangle::new(corners, fill.filled()))?;
            area.draw(&Rectangle::new(corners, LINE))?;
            text(
                area,
                &cut(&node.name, 27),
                (x + boxed / 2, y + 8),
                13,
                HPos::Center,
                BLACK,
            )?;
        }
        if graph.more > 0 {
            let more = format!("{} more are not shown", graph.more);
            text(area, &more, (width - margin, height - 24), 12, HPos::Right, QUIET)?;
        }
        Ok(())
    })
}

/// The head of an arrow that comes from `from` and ends at `to`.
fn arrow(from: (i32, i32), to: (i32, i32)) -> Vec<(i32, i32)> {
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let back = |along: f64, aside: f64| {
        let x = f64::from(to.0) - along * ux - aside * uy;
        let y = f64::from(to.1) - along * uy + aside * ux;
        (x.round() as i32, y.round() as i32)
    };
    vec![to, back(9.0, 4.0), back(9.0, -4.0)]
}

fn text(area: &Area, text: &str, at: (i32, i32), size: u32, anchor: HPos, colour: RGBColor) -> Result<(), Failed> {
    let style = TextStyle::from((FONT, size).into_font())
        .color(&colour)
        .pos(Pos::new(anchor, VPos::Top));
    area.draw(&Text::new(text.to_string(), at, style))?;
    Ok(())
}
