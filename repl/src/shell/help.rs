//! Help by topic. The examples are indented by four, and a test types them all into the harbour of the tour.

use asof::error::{Code, Error, Result};

use super::colours::colours;
use super::command::{COMMANDS, Command};
use super::topics::{NAMES, TOPICS};
use crate::time::Style;

/// Where the lines of the texts are broken: one that comes near to this goes on with the next.
const FULL: usize = 92;
/// The narrowest that texts are made.
const NARROWEST: usize = 40;

/// The text of a topic; without one, the beginning.
pub fn topic(name: &str, style: &Style) -> Result<String> {
    let start = || shown(include_str!("help/start.txt"), style);
    match name {
        "" => Ok(format!("{}\n{}", start(), names(style.width))),
        "commands" => Ok(commands(style.width)),
        _ => {
            if let Some(command) = COMMANDS.iter().find(|c| c.name.strip_prefix('.') == Some(name))
                && !NAMES.contains(&name)
            {
                return Ok(about(command, style.width));
            }
            let found = TOPICS.iter().find(|(topic, _)| *topic == name);
            let (_, text) = found.ok_or_else(|| {
                Error::new(Code::InvalidArgument, format!("there is no help about {name}"))
                    .hint(format!("the topics are {}", NAMES.join(", ")))
                    .suggest(name, NAMES.iter().copied())
            })?;
            Ok(shown(text, style))
        }
    }
}

/// The names of the commands.
fn names(width: usize) -> String {
    let names: Vec<&str> = COMMANDS.iter().map(|c| c.name).collect();
    let text = format!(
        "The commands: {}. .help commands says what each of them does.",
        names.join(" ")
    );
    wrapped(&text, width) + "\n"
}

/// How a command is written and what it does.
pub fn about(command: &Command, width: usize) -> String {
    let text = format!("{} {}", command.name, command.usage);
    wrapped(&format!("{}  {}", text.trim_end(), command.about), width)
}

/// The commands, a line each, and more where what they do does not fit beside them.
fn commands(width: usize) -> String {
    let left = |c: &Command| format!("{} {}", c.name, c.usage);
    let widest = COMMANDS.iter().map(|c| left(c).len()).max().unwrap_or(0);
    let mut text = String::new();
    for command in COMMANDS {
        let mut name = left(command);
        let about = wrapped(command.about, width.max(NARROWEST + widest) - widest - 2);
        for line in about.lines() {
            text.push_str(format!("{name:widest$}  {line}").trim_end());
            text.push('\n');
            name.clear();
        }
    }
    text
}

/// A text with its prose broken at the width of the screen, and its examples in colours.
fn shown(text: &str, style: &Style) -> String {
    let mut out = String::new();
    for (typed, part) in parts(text) {
        if !typed {
            out.push_str(&prose(&part, style.width));
            continue;
        }
        for line in part.lines() {
            let coloured = if style.paint.0 {
                colours(line, None)
            } else {
                line.to_string()
            };
            out.push_str(format!("    {coloured}").trim_end());
            out.push('\n');
        }
    }
    out
}

/// Prose, broken at a width. A line that is full goes on with the next; the others are ends of paragraphs.
pub fn prose(text: &str, width: usize) -> String {
    let mut paragraphs: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        match paragraphs.last_mut() {
            Some(paragraph) if open => {
                paragraph.push(' ');
                paragraph.push_str(line);
            }
            _ => paragraphs.push(line.to_string()),
        }
        open = line.chars().count() >= FULL;
    }
    paragraphs.iter().map(|p| wrapped(p, width) + "\n").collect()
}

/// A paragraph in lines of at most `width`.
fn wrapped(text: &str, width: usize) -> String {
    let width = width.max(NARROWEST);
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        match used {
            0 => {}
            _ if used + 1 + length > width => {
                out.push('\n');
                used = 0;
            }
            _ => {
                out.push(' ');
                used += 1;
            }
        }
        out.push_str(word);
        used += length;
    }
    out
}

/// The parts of a text: what is read, and what is typed, without its indentation.
pub fn parts(text: &str) -> Vec<(bool, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for line in text.lines() {
        let typed = line.starts_with("    ");
        let line = line.strip_prefix("    ").unwrap_or(line);
        match parts.last_mut() {
            Some((before, part)) if *before == typed => {
                part.push('\n');
                part.push_str(line);
            }
            _ => parts.push((typed, line.to_string())),
        }
    }
    parts.retain(|(typed, part)| !typed || !part.trim().is_empty());
    parts
}
