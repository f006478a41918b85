//! Help by topic. The examples are indented by four, and a test types them all into the harbour of the tour.

use asof::error::{Code, Error, Result};

use super::command::COMMANDS;
use super::editor;
use crate::time::Paint;

/// The topics, and the tour.
pub const NAMES: &[&str] = &[
    "facts",
    "time",
    "queries",
    "transactions",
    "pull",
    "rules",
    "schema",
    "commands",
    "tour",
];

/// The topics with their texts.
pub const TOPICS: &[(&str, &str)] = &[
    ("facts", include_str!("help/facts.txt")),
    ("time", include_str!("help/time.txt")),
    ("queries", include_str!("help/queries.txt")),
    ("transactions", include_str!("help/transactions.txt")),
    ("pull", include_str!("help/pull.txt")),
    ("rules", include_str!("help/rules.txt")),
    ("schema", include_str!("help/schema.txt")),
];

/// The text of a topic; without one, the beginning.
pub fn topic(name: &str, paint: Paint) -> Result<String> {
    match name {
        "" => Ok(format!("{}\n{}", include_str!("help/start.txt"), commands())),
        "commands" => Ok(commands()),
        _ => {
            let found = TOPICS.iter().find(|(topic, _)| *topic == name);
            let (_, text) = found.ok_or_else(|| {
                Error::new(Code::InvalidArgument, format!("there is no help about {name}"))
                    .hint(format!("the topics are {}", NAMES.join(", ")))
                    .suggest(name, NAMES.iter().copied())
            })?;
            Ok(coloured(text, paint))
        }
    }
}

fn commands() -> String {
    let left = |c: &super::command::Command| format!("{} {}", c.name, c.usage);
    let width = COMMANDS.iter().map(|c| left(c).len()).max().unwrap_or(0);
    let line = |c: &super::command::Command| format!("{:width$}  {}\n", left(c), c.about);
    COMMANDS.iter().map(line).collect()
}

fn coloured(text: &str, paint: Paint) -> String {
    let line = |line: &str| match paint.0 && line.starts_with("    ") {
        true => editor::colours(line, None) + "\n",
        false => line.to_string() + "\n",
    };
    text.lines().map(line).collect()
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
