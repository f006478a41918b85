//! Pictures for the terminal.

use std::fmt::Write;

use asof::edn::Instant;

use super::{Days, Graph, Lanes, Steps, day_name, mark_name, number_name, time_name};
use crate::print::{columns, plural};
use crate::time::Style;

/// How many lines a chart has.
const HEIGHT: usize = 12;
/// So many lines lie between two that are named.
const MARKED: usize = 3;
/// So many days are listed, a line each; more become columns.
const LIST_MAX: usize = 24;
/// Eighths of a character.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A number over time: a line with steps.
pub fn steps(chart: &Steps, style: &Style) -> String {
    let known: Vec<f64> = chart.points.iter().filter_map(|p| p.1).collect();
    let (low, high) = known
        .iter()
        .fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(*x), h.max(*x)));
    let mut out = format!("{}\n", style.paint.bold(&chart.title));
    let (Some(first), Some(newest)) = (chart.points.first(), known.last()) else {
        return out + "no numbers here\n";
    };
    let whole = known.iter().all(|x| x.fract() == 0.0);
    let (height, marked) = match high - low {
        0.0 => (1, 1),
        // Few whole numbers have lines of their own, and no others are named.
        span if whole && span < HEIGHT as f64 => {
            let (span, each) = (span as usize, (HEIGHT - 1) / span as usize);
            (span * each + 1, each * MARKED.div_ceil(each))
        }
        _ => (HEIGHT, MARKED),
    };
    let names: Vec<String> = (0..height)
        .map(|row| match (height, row % marked == 0 || row + 1 == height) {
            (1, _) => number_name(low),
            (_, true) => mark_name(high - (high - low) * row as f64 / (height - 1) as f64, high - low),
            _ => String::new(),
        })
        .collect();
    let left = names.iter().map(|n| n.chars().count()).max().unwrap_or(0);
    let room = style.width.saturating_sub(left + 4).max(16);
    let row_of = |x: f64| match height {
        1 => 0,
        _ => ((high - x) / (high - low) * (height - 1) as f64).round() as usize,
    };
    let mut grid = vec![vec![' '; room]; height];
    let (from, to) = (first.0.0, chart.end.0.max(first.0.0 + 1));
    let column_of = |at: Instant| ((at.0 - from) as f64 / (to - from) as f64 * (room - 1) as f64).round() as usize;
    let mut points = chart.points.iter().peekable();
    let mut now: Option<usize> = None;
    for column in 0..room {
        let before = now;
        let mut touched: Vec<usize> = before.into_iter().collect();
        let mut changed = false;
        while let Some((_, x)) = points.next_if(|(at, _)| column_of(*at) <= column) {
            now = x.map(row_of);
            touched.extend(now);
            changed = true;
        }
        let (Some(top), Some(bottom)) = (touched.iter().min(), touched.iter().max()) else {
            continue;
        };
        if !changed || (top == bottom && now.is_some()) {
            grid[*top][column] = '─';
            continue;
        }
        for row in &mut grid[*top..=*bottom] {
            row[column] = '│';
        }
        if let Some(before) = before {
            grid[before][column] = match before {
                row if row == *bottom && row == *top => '╴',
                row if row == *bottom => '╯',
                row if row == *top => '╮',
                _ => '┤',
            };
        }
        if let Some(now) = now {
            grid[now][column] = match now {
                row if before == Some(row) => '┼',
                row if row == *bottom => '╰',
                row if row == *top => '╭',
                _ => '├',
            };
        }
    }
    for (name, row) in names.iter().zip(&grid) {
        let line: String = row.iter().collect();
        let axis = if name.is_empty() { '│' } else { '┤' };
        let _ = writeln!(out, "{name:>left$} {axis}{}", style.paint.green(line.trim_end()));
    }
    out.push_str(&axis(from, to, left, room));
    let now = match chart.points.last() {
        Some((_, None)) => "nothing".to_string(),
        _ => number_name(*newest),
    };
    let _ = writeln!(
        out,
        "{}",
        style
            .paint
            .dim(&format!("{}, now {now}", plural(chart.points.len(), "change")))
    );
    out
}

/// The axis of time below a picture.
fn axis(from: i64, to: i64, left: usize, room: usize) -> String {
    let name = |at: i64| time_name(Instant(at), to - from);
    let (first, middle, last) = (name(from), name(from + (to - from) / 2), name(to));
    let mut line = vec![' '; room + 1];
    let mut put = |at: usize, text: &str| {
        for (place, c) in line[at.min(room + 1)..].iter_mut().zip(text.chars()) {
            *place = c;
        }
    };
    put(0, &first);
    let width = last.chars().count();
    if room > 3 * width + 6 {
        put((room - width) / 2, &middle);
    }
    if room > 2 * width + 2 {
        put(room + 1 - width, &last);
    }
    let line: String = line.iter().collect();
    let pad = " ".repeat(left + 1);
    format!("{pad}└{}\n{pad}{}\n", "─".repeat(room), line.trim_end())
}

/// Values over time, a lane each.
pub fn lanes(chart: &Lanes, style: &Style) -> String {
    let mut out = format!("{}\n", style.paint.bold(&chart.title));
    let left = chart.names.iter().map(|n| columns::width(n)).max().unwrap_or(0).min(30);
    let room = style.width.saturating_sub(left + 4).max(16);
    let from = chart.bars.iter().map(|b| b.1.0).min().unwrap_or(chart.end.0);
    let to = chart.end.0.max(from + 1);
    let column = |at: i64| ((at - from) as f64 / (to - from) as f64 * (room - 1) as f64).round() as usize;
    for (i, name) in chart.names.iter().enumerate() {
        let mut line = vec![' '; room];
        for &(_, begin, end) in chart.bars.iter().filter(|b| b.0 == i) {
            let (start, stop) = (column(begin.0), end.map_or(room - 1, |end| column(end.0)));
            for place in &mut line[start..=stop.max(start)] {
                *place = '█';
            }
            // A value that ends leaves its last place to the one that begins.
            if end.is_some() && stop > start {
                line[stop] = ' ';
            }
        }
        let line: String = line.iter().collect();
        let name = columns::right(&columns::cut(name, 30), left);
        let _ = writeln!(out, "{name} │{}", style.paint.green(line.trim_end()));
    }
    out + &axis(from, to, left, room)
}

/// Transactions per day: a line each, or columns when they are many.
pub fn days(chart: &Days, style: &Style) -> String {
    let total: u64 = chart.counts.iter().map(|c| c.1).sum();
    let busy = chart.counts.iter().filter(|c| c.1 > 0).count();
    let title = format!("{} on {}", plural(total, "transaction"), plural(busy, "day"));
    let mut out = format!("{}\n", style.paint.bold(&title));
    let most = chart.counts.iter().map(|c| c.1).max().unwrap_or(1).max(1);
    if busy <= LIST_MAX {
        let room = style.width.saturating_sub(22).clamp(10, 80) as u64;
        let mut before: Option<i64> = None;
        for &(day, n) in chart.counts.iter().filter(|c| c.1 > 0) {
            if before.is_some_and(|before| day - before > 1) {
                let _ = writeln!(out, "{}", style.paint.dim("         …"));
            }
            before = Some(day);
            let eighths = (n * room * 8).div_ceil(most);
            let mut bar = "█".repeat((eighths / 8) as usize);
            if eighths % 8 > 0 {
                bar.push(['▏', '▎', '▍', '▌', '▋', '▊', '▉'][(eighths % 8 - 1) as usize]);
            }
            let _ = writeln!(out, "{}  {} {n}", day_name(day), style.paint.green(&bar));
        }
        return out;
    }
    let left = number_name(most as f64).chars().count().max(4);
    let room = style.width.saturating_sub(left + 3).max(16);
    // Every column has as many days as the others.
    let each = chart.counts.len().div_ceil(room);
    let columns: Vec<u64> = chart
        .counts
        .chunks(each)
        .map(|days| days.iter().map(|d| d.1).sum())
        .collect();
    let most = columns.iter().copied().max().unwrap_or(1).max(1);
    let height = 8;
    for row in (0..height).rev() {
        let name = match row {
            _ if row == height - 1 => number_name(most as f64),
            0 => "0".to_string(),
            _ => String::new(),
        };
        let cell = |n: &u64| {
            // What is not nothing is seen.
            let eighths = (n * height * 8).div_ceil(most);
            match eighths.saturating_sub(row * 8) {
                0 => ' ',
                n => BLOCKS[(n.min(8) - 1) as usize],
            }
        };
        let line: String = columns.iter().map(cell).collect();
        let axis = if name.is_empty() { '│' } else { '┤' };
        let _ = writeln!(out, "{name:>left$} {axis}{}", style.paint.green(line.trim_end()));
    }
    let (first, last) = (chart.counts[0].0, chart.counts[chart.counts.len() - 1].0);
    let pad = " ".repeat(left + 1);
    let gap = columns.len().saturating_sub(20);
    let _ = writeln!(out, "{pad}└{}", "─".repeat(columns.len()));
    let _ = writeln!(out, "{pad} {}{}{}", day_name(first), " ".repeat(gap), day_name(last));
    if each > 1 {
        let _ = writeln!(out, "{}", style.paint.dim(&format!("a column is {each} days")));
    }
    out
}

/// A neighbourhood as a tree of the ways by which it was found; what stands above already is marked and not followed.
pub fn graph(graph: &Graph, style: &Style) -> String {
    let mut out = format!("{}\n", style.paint.bold(&graph.nodes[0].name));
    let mut tree = Tree {
        graph,
        style,
        told: vec![false; graph.edges.len()],
        shown: vec![false; graph.nodes.len()],
        out: &mut out,
    };
    tree.branch(0, "");
    if graph.edges.is_empty() {
        out.push_str("refers to nothing, and nothing refers to it\n");
    }
    if graph.more > 0 {
        let _ = writeln!(
            out,
            "{}",
            style.paint.dim(&format!("{} more are not shown", graph.more))
        );
    }
    out
}

struct Tree<'a> {
    graph: &'a Graph,
    style: &'a Style,
    /// Edges that have been told.
    told: Vec<bool>,
    /// Nodes that stand above.
    shown: Vec<bool>,
    out: &'a mut String,
}

impl Tree<'_> {
    fn branch(&mut self, node: usize, indent: &str) {
        self.shown[node] = true;
        let graph = self.graph;
        // Its own ways outward, and what leads to nodes above. The rest is told further below.
        let told: Vec<usize> = (0..graph.edges.len())
            .filter(|&i| {
                let (from, _, to) = &graph.edges[i];
                let other = if *from == node { *to } else { *from };
                let touches = *from == node || *to == node;
                touches && !self.told[i] && (graph.nodes[other].by == Some(i) || self.shown[other])
            })
            .collect();
        for (n, &i) in told.iter().enumerate() {
            self.told[i] = true;
            let (from, name, to) = &graph.edges[i];
            let (out_of, other) = if *from == node { (true, *to) } else { (false, *from) };
            let arrow = match out_of {
                true => format!("── {} ─▶ ", self.style.paint.dim(name)),
                false => format!("◀─ {} ── ", self.style.paint.dim(name)),
            };
            let last = n + 1 == told.len();
            let (knot, below) = if last { ("└", "   ") } else { ("├", "│  ") };
            let again = if self.shown[other] { " ↑" } else { "" };
            let _ = writeln!(self.out, "{indent}{knot}{arrow}{}{again}", graph.nodes[other].name);
            if !self.shown[other] {
                self.branch(other, &format!("{indent}{below}"));
            }
        }
    }
}
