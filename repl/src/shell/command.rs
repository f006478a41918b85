//! The commands of the prompt and what they are called.
//!
//! They begin with a dot because everything else that could begin them begins EDN: a colon a keyword, a backslash a character,
//! a slash a symbol. No form begins with a dot, so a line says at its first character which of the two it is.

use asof::error::{Code, Error, Result};

use super::tokens::is_delimiter;
use crate::eval::called_here;

/// What may follow a command's name, for completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    Nothing,
    Words(&'static [&'static str]),
    File,
    Form,
}

/// A command.
pub struct Command {
    pub name: &'static str,
    pub usage: &'static str,
    pub about: &'static str,
    pub takes: Takes,
}

const fn command(name: &'static str, usage: &'static str, takes: Takes, about: &'static str) -> Command {
    Command {
        name,
        usage,
        about,
        takes,
    }
}

const SWITCH: Takes = Takes::Words(&["on", "off"]);

/// All commands, as `.help` lists them.
pub const COMMANDS: &[Command] = &[
    command(
        ".help",
        "[TOPIC|NAME]",
        Takes::Words(super::topics::NAMES),
        "what can be typed; a topic with examples; a command or function; the tour",
    ),
    command(
        ".schema",
        "[ATTR|TEXT]",
        Takes::Form,
        "the attributes with their types, one of them, or those with TEXT in their names",
    ),
    command(
        ".attrs",
        "[TEXT]",
        Takes::Form,
        "the names of the attributes, those with TEXT in them",
    ),
    command(
        ".rules",
        "[clear]",
        Takes::Words(&["clear"]),
        "the rules that were typed, and forget them",
    ),
    command(
        ".as-of",
        "T",
        Takes::Words(&["yesterday", "today"]),
        "look at the database as it was at a moment",
    ),
    command(
        ".since",
        "T",
        Takes::Words(&["yesterday", "today"]),
        "look only at what was asserted after a moment",
    ),
    command(".history", "[on|off]", SWITCH, "look at every assertion and retraction"),
    command(".now", "", Takes::Nothing, "look at everything that holds now again"),
    command(".back", "[N]", Takes::Nothing, "one transaction back, or N"),
    command(".forward", "[N]", Takes::Nothing, "one transaction forward, or N"),
    command(
        ".log",
        "[N]",
        Takes::Nothing,
        "the last 10 transactions before this moment, or N",
    ),
    command(
        ".timeline",
        "ENTITY [ATTR]|ATTR",
        Takes::Form,
        "which values an entity had, or all had for an attribute, and when",
    ),
    command(
        ".diff",
        "T1 [T2 [ENTITY]]",
        Takes::Form,
        "what is different between two moments, or a moment and now",
    ),
    command(
        ".blame",
        "ENTITY [ATTR [VALUE]]",
        Takes::Form,
        "which transaction made each fact true",
    ),
    command(
        ".plot",
        "value|days|around ... [FILE.svg]",
        Takes::Words(&["value", "days", "around"]),
        "draw a value over time, transactions per day, or what is connected",
    ),
    command(
        ".explain",
        "QUERY",
        Takes::Form,
        "the plan of a query and what each step did",
    ),
    command(
        ".watch",
        "on|off|QUERY",
        Takes::Form,
        "after each transaction of this session its facts, or what changed in an answer",
    ),
    command(
        ".format",
        "NAME",
        Takes::Words(&["table", "edn", "json", "csv", "markdown"]),
        "how results are printed",
    ),
    command(
        ".rows",
        "N|all",
        Takes::Words(&["all"]),
        "how many rows of a result are shown",
    ),
    command(
        ".pager",
        "[on|off]",
        SWITCH,
        "show what does not fit on the screen through $PAGER or less",
    ),
    command(
        ".limit",
        "time T|rows N|memory SIZE|off",
        Takes::Words(&["time", "rows", "memory", "off"]),
        "what an answer may cost: time, rows of a step, memory of all",
    ),
    command(
        ".labels",
        "[on|off]",
        SWITCH,
        "print entities as #e1, transactions as #t3; type them too",
    ),
    command(
        ".timing",
        "[on|off]",
        SWITCH,
        "how many rows came back, how many were read, and how long it took",
    ),
    command(".read", "FILE", Takes::File, "do what a file says, as if typed"),
    command(
        ".output",
        "[FILE]",
        Takes::File,
        "write results to a file; without one, here again",
    ),
    command(
        ".write",
        "FILE",
        Takes::File,
        "write the last result to a file, in the format of its ending",
    ),
    command(
        ".import",
        "FILE|SOURCE ...",
        Takes::File,
        "bring in data and history, with the arguments of asof import",
    ),
    command(
        ".export",
        "[FORMAT] FILE ...",
        Takes::File,
        "write data and history, with the arguments of asof export",
    ),
    command(
        ".open",
        "[DIR]",
        Takes::File,
        "go on with another database; without DIR, a fresh one in memory",
    ),
    command(".show", "", Takes::Nothing, "what is set, and which database this is"),
    command(".stats", "", Takes::Nothing, "what the database holds"),
    command(
        ".verify",
        "",
        Takes::Nothing,
        "prove that log, checksums and indexes agree",
    ),
    command(".reindex", "", Takes::Nothing, "build the indexes anew from the log"),
    command(".next", "", Takes::Nothing, "the next step of the tour"),
    command(".quit", "", Takes::Nothing, "the end (also Ctrl-D)"),
];

/// The command that a line names, with the rest of the line.
pub fn parse(line: &str) -> Result<(&'static Command, &str)> {
    let line = line.trim();
    let (name, rest) = line.split_at(line.find(is_delimiter).unwrap_or(line.len()));
    let name = if name == ".exit" { ".quit" } else { name };
    let same: Vec<&Command> = COMMANDS.iter().filter(|c| c.name.starts_with(name)).collect();
    match (COMMANDS.iter().find(|c| c.name == name), same.as_slice()) {
        (Some(command), _) => Ok((command, rest.trim())),
        // A beginning that only one command has is that command.
        (None, [one]) if name.len() > 1 => Ok((one, rest.trim())),
        (None, several) => {
            let e = Error::new(Code::InvalidArgument, format!("there is no command {name}"));
            Err(match called_here(name) {
                Some(ours) => e.hint(format!("it is called {ours} here")),
                None if [".undo", ".revert", ".rollback"].contains(&name) => {
                    e.hint("what was stored stays in the past: say what holds instead, or retract it; .diff shows what came and went")
                }
                None if name.len() > 1 && (2..6).contains(&several.len()) => {
                    let names: Vec<&str> = several.iter().map(|c| c.name).collect();
                    let (last, others) = names.split_last().expect("two at least");
                    e.hint(format!("{} or {last}?", others.join(", ")))
                }
                None => e
                    .hint(".help lists the commands")
                    .suggest(name, COMMANDS.iter().map(|c| c.name)),
            })
        }
    }
}

impl Command {
    /// The error for arguments that cannot be meant.
    pub fn misused(&self, why: impl std::fmt::Display) -> Error {
        let usage = format!("{} {}", self.name, self.usage);
        Error::new(Code::InvalidArgument, format!("{} {why}", self.name)).hint(format!(
            "write {}: {}",
            usage.trim(),
            self.about
        ))
    }

    /// `on` or `off`; alone the other of the two.
    pub fn switch(&self, rest: &str, now: bool) -> Result<bool> {
        match rest {
            "" => Ok(!now),
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(self.misused("is on or off")),
        }
    }

    /// A count; `otherwise` when none is given.
    pub fn number(&self, rest: &str, otherwise: u64) -> Result<u64> {
        match rest {
            "" => Ok(otherwise),
            _ => rest
                .parse()
                .map_err(|_| self.misused(format!("takes a number, not {rest}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(
            parse(" .as-of  -1h ").map(|(c, rest)| (c.name, rest)).ok(),
            Some((".as-of", "-1h"))
        );
        assert_eq!(parse(".tim").map(|(c, _)| c.name).ok(), None, "two commands begin so");
        assert_eq!(parse(".timel").map(|(c, _)| c.name).ok(), Some(".timeline"));
        assert_eq!(parse(".exit").map(|(c, _)| c.name).ok(), Some(".quit"));
        let e = parse(".shcema").err().expect("no such command").to_string();
        assert!(e.contains(".schema"), "{e}");
        assert_eq!(
            parse(".blame[5]").map(|(c, rest)| (c.name, rest)).ok(),
            Some((".blame", "[5]"))
        );
        let e = parse(".e").err().expect("two begin so").to_string();
        assert!(e.contains(".explain or .export?"), "{e}");
        assert!(parse(".").is_err());
    }
}
