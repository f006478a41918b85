//! The line under the cursor: colours, brackets, completion, hints, and whether it is whole. What rustyline asks, answered
//! from the words of the line and the names of the database.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use asof::db::Db;
use asof::edn::{self, Completeness};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use super::colours::colours;
use super::command::{self, COMMANDS, Takes};
use super::names::Names;
use super::tokens::{Kind, brackets, is_delimiter, tokens};

/// A longer text is no longer looked through for each key: what comes so fast and long is pasted, and looking at all of it for each
/// of its letters takes a time that nobody wants to wait. It gets its colours where a line of it ends, and when the cursor moves.
const LOOKED_THROUGH: usize = 1000;

/// The most candidates that are offered: rustyline counts them in 16 bits.
const CANDIDATES_MAX: usize = 50_000;

/// What rustyline asks.
pub struct Line {
    /// The database whose names are offered.
    db: Db,
    /// The rules that were typed, each with the way in which it is called.
    rules: Vec<(String, String)>,
    names: RefCell<Names>,
    files: FilenameCompleter,
    history: HistoryHinter,
    /// Whether the line is being left, so that no bracket is to stand out any more.
    left: Cell<bool>,
}

impl Line {
    pub fn new(db: Db) -> Line {
        Line {
            db,
            rules: Vec::new(),
            names: RefCell::default(),
            files: FilenameCompleter::new(),
            history: HistoryHinter::new(),
            left: Cell::new(false),
        }
    }

    /// Takes the newest names.
    pub fn know(&mut self, db: Db, rules: Vec<(String, String)>) {
        self.db = db;
        self.rules = rules;
    }

    /// The completions of the word that ends at `pos`, and where it begins.
    pub fn candidates(&self, line: &str, pos: usize) -> (usize, Vec<String>) {
        let before = &line[..pos];
        let start = before
            .rfind(is_delimiter)
            .map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8));
        let word = &before[start..];
        let words = tokens(before);
        let last = words.last();
        if last.is_some_and(|t| matches!(t.kind, Kind::Text | Kind::Comment) && t.end == pos && !closed(before)) {
            return (start, Vec::new());
        }
        if last.is_some_and(|t| t.kind == Kind::Command && t.end == pos) {
            let from = last.map_or(0, |t| t.start);
            if start == from {
                // After a name that wants more stands a space.
                let full = |c: &command::Command| format!("{}{}", c.name, if c.usage.is_empty() { "" } else { " " });
                let named = COMMANDS.iter().filter(|c| c.name.starts_with(word));
                return (start, named.map(full).collect());
            }
            if let Ok((command, _)) = command::parse(&before[from..start])
                && let Takes::Words(words) = command.takes
            {
                let fitting = words.iter().filter(|w| w.starts_with(word));
                return (start, fitting.map(|w| w.to_string()).collect());
            }
        }
        if word.starts_with(['?', '$', '%']) {
            let mut found: Vec<String> = tokens(line)
                .iter()
                .filter(|t| t.kind == Kind::Variable && t.start != start)
                .map(|t| line[t.start..t.end].to_string())
                .filter(|name| name.starts_with(word) && name != word)
                .collect();
            found.sort();
            found.dedup();
            return (start, found);
        }
        if word.is_empty() {
            return (start, Vec::new());
        }
        let mut names = self.names.borrow_mut();
        let names = names.of(&self.db);
        let mut found: Vec<String> = names.beginning(word).map(str::to_string).collect();
        match word.strip_prefix(':') {
            // :name finds :person/name when no keyword begins so.
            Some(part) if found.is_empty() && !part.is_empty() && !part.contains('/') => {
                found.extend(names.by_last_part(part).map(str::to_string));
            }
            Some(_) => {}
            None => found.extend(self.rules.iter().map(|r| &r.0).filter(|r| r.starts_with(word)).cloned()),
        }
        found.truncate(CANDIDATES_MAX);
        (start, found)
    }

    fn advice(&self, line: &str, pos: usize) -> Option<Advice> {
        let words = tokens(line);
        let last = words.last().filter(|t| t.end == pos)?;
        let text = &line[last.start..last.end];
        match last.kind {
            Kind::Command => {
                let (command, rest) = command::parse(text).ok()?;
                let whole = text.trim_end() == command.name && rest.is_empty();
                let gap = if text.ends_with(' ') { "" } else { " " };
                whole.then(|| Advice::shown(format!("{gap}{}  {}", command.usage, command.about)))
            }
            Kind::Keyword | Kind::Symbol => {
                let mut names = self.names.borrow_mut();
                let names = names.of(&self.db);
                if let Some((_, call)) = self.rules.iter().find(|rule| rule.0 == text) {
                    return Some(Advice::shown(format!("  {call}")));
                }
                if let Some(about) = names.about(text) {
                    return Some(Advice::shown(format!("  {about}")));
                }
                let rules = self.rules.iter().map(|r| r.0.as_str()).filter(|r| r.starts_with(text));
                let mut fitting = names.beginning(text).chain(rules);
                match (fitting.next(), fitting.next()) {
                    (Some(one), None) if text.len() > 1 => Some(Advice::typed(one[text.len()..].to_string())),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// Whether the last quote of a text closes a string.
fn closed(text: &str) -> bool {
    text.ends_with('"')
        && matches!(
            edn::is_complete(&text[tokens(text).last().map_or(0, |t| t.start)..]),
            Completeness::Complete
        )
}

/// What a form of several lines waits for, when the cursor stands on an empty one.
fn still_open(line: &str) -> Option<String> {
    if !line.rsplit('\n').next()?.trim().is_empty() || is_whole(line) {
        return None;
    }
    let words = tokens(line);
    if words
        .last()
        .is_some_and(|t| t.kind == Kind::Text && t.end == line.len())
    {
        return Some("\" ends the text; Ctrl-C drops all".to_string());
    }
    let open = brackets(line, &words).open;
    let closing = open.iter().rev().map(|at| match line.as_bytes()[*at] {
        b'(' => ')',
        b'[' => ']',
        _ => '}',
    });
    let closing: String = closing.collect();
    (!closing.is_empty()).then(|| format!("{closing} ends the form; Ctrl-C drops it"))
}

/// What stands dim behind the cursor.
#[derive(Debug, PartialEq, Eq)]
pub struct Advice {
    shown: String,
    /// Whether the right arrow types it.
    typed: bool,
}

impl Advice {
    fn shown(shown: String) -> Advice {
        Advice { shown, typed: false }
    }
    fn typed(shown: String) -> Advice {
        Advice { shown, typed: true }
    }
}

impl Hint for Advice {
    fn display(&self) -> &str {
        &self.shown
    }
    fn completion(&self) -> Option<&str> {
        self.typed.then_some(&self.shown)
    }
}

impl Hinter for Line {
    type Hint = Advice;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Advice> {
        if pos < line.len() || line.is_empty() || line.len() > LOOKED_THROUGH {
            return None;
        }
        // Advice wraps badly, so it stands behind single lines and on empty ones.
        if line.contains('\n') {
            return still_open(line).map(Advice::shown);
        }
        self.advice(line, pos).or_else(|| {
            self.history
                .hint(line, pos, context)
                .filter(|h| !h.contains('\n'))
                .map(Advice::typed)
        })
    }
}

impl Completer for Line {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if let Ok((command, _)) = command::parse(line)
            && command.takes == Takes::File
            && line.trim_start().starts_with('.')
            && line[..pos].contains(' ')
        {
            return self.files.complete(line, pos, context);
        }
        let (start, found) = self.candidates(line, pos);
        let pair = |text: String| Pair {
            display: text.trim_end().to_string(),
            replacement: text,
        };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Validator for Line {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(match is_whole(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

/// Whether what was typed can be done: a command, or forms whose brackets are closed.
pub fn is_whole(text: &str) -> bool {
    // A label alone is a tag that waits for a form, and names an entity that nobody can do anything with.
    let label = |text: &str| {
        text.strip_prefix("#e")
            .or(text.strip_prefix("#t"))
            .is_some_and(|n| n.parse::<u64>().is_ok())
    };
    text.trim_start().starts_with('.')
        || label(text.trim())
        || !matches!(edn::is_complete(text), Completeness::Incomplete)
}

impl Highlighter for Line {
    fn highlight<'l>(&self, line: &'l str, pos: usize) -> Cow<'l, str> {
        Cow::Owned(colours(line, (!self.left.get()).then_some(pos)))
    }
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }
    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        self.left.set(kind == CmdKind::ForcedRefresh);
        kind != CmdKind::Other || line.len() <= LOOKED_THROUGH
    }
}

impl Helper for Line {}

#[cfg(test)]
mod tests {
    use super::*;
    use asof::Connection;

    fn line() -> Line {
        let conn = Connection::in_memory().expect("memory");
        let schema = "[{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality :db.cardinality/one :db/doc \"Painted on.\"}
            {:db/ident :ship/tons :db/valueType :db.type/long :db/cardinality :db.cardinality/one}
            {:db/ident :colour/red}]";
        conn.transact(schema).expect("a schema");
        let mut line = Line::new(conn.db());
        line.rules = vec![("reachable".to_string(), "(reachable ?from ?to)".to_string())];
        line
    }

    fn complete(typed: &str) -> Vec<String> {
        line().candidates(typed, typed.len()).1
    }

    #[test]
    fn completions() {
        assert_eq!(complete("[:find ?e :where [?e :ship/"), [":ship/name", ":ship/tons"]);
        assert_eq!(
            complete("[:find ?e :where [?e :tons"),
            [":ship/tons"],
            "by the part after the slash"
        );
        assert_eq!(complete(":colour/"), [":colour/red"], "idents");
        assert_eq!(complete("[:fin"), [":find"]);
        assert_eq!(complete("[:find ?e :order"), [":order-by"]);
        assert_eq!(complete("[(untup"), ["untuple"]);
        assert_eq!(complete("[:find ?ship ?shape :where [?sh"), ["?shape", "?ship"]);
        assert_eq!(complete("[:find (count-d"), ["count-distinct"]);
        assert_eq!(complete("[(upper"), ["upper-case"]);
        assert_eq!(complete("(reach"), ["reachable"], "rules of the session");
        assert_eq!(complete("(transa"), ["transact"]);
        assert_eq!(complete(".tim"), [".timeline ", ".timing "]);
        assert_eq!(complete(".format m"), ["markdown"]);
        assert_eq!(complete(".timeline 5 :ship/n"), [":ship/name"]);
        assert_eq!(
            complete("[:find \"co"),
            Vec::<String>::new(),
            "nothing inside of strings"
        );
        assert_eq!(line().candidates("[:find ?e :where [?é :ship/n", 29).0, 22);
    }

    #[test]
    fn hints() {
        let line = line();
        let hint = |typed: &str| line.advice(typed, typed.len()).map(|a| a.shown);
        assert_eq!(hint("[?e :ship/name").as_deref(), Some("  string, one  Painted on."));
        assert_eq!(hint("[?e :ship/to").as_deref(), Some("ns"));
        assert!(hint(".as-of").is_some_and(|h| h.starts_with(" T  look at")));
        assert_eq!(hint("(reachable").as_deref(), Some("  (reachable ?from ?to)"));
        assert_eq!(hint("(reach").as_deref(), Some("able"));
        assert!(hint("[(upper-case").is_some_and(|h| h.starts_with("  1 argument  ")));
        assert_eq!(hint(".as-of 3"), None);
        assert_eq!(hint("[?e "), None);
    }

    #[test]
    fn a_form_says_what_it_waits_for() {
        let open = |text| still_open(text).unwrap_or_default();
        assert_eq!(
            open("[:find ?e\n :where [?e :a \"]\"\n"),
            "]] ends the form; Ctrl-C drops it"
        );
        assert_eq!(open("(q {:a #{1}\n  "), "}) ends the form; Ctrl-C drops it");
        assert_eq!(open("[\"one\n"), "\" ends the text; Ctrl-C drops all");
        assert_eq!(open("[1\n 2"), "");
        assert_eq!(open("[1]\n"), "");
    }

    #[test]
    fn ten_thousand_attributes() {
        let conn = Connection::in_memory().expect("memory");
        let mut schema = String::from("[");
        for i in 0..10_000 {
            schema.push_str(&format!(
                "{{:db/ident :n{}/a{i} :db/valueType :db.type/long :db/cardinality :db.cardinality/one}}",
                i % 100
            ));
        }
        schema.push(']');
        conn.transact(schema.as_str()).expect("a schema");
        let line = Line::new(conn.db());
        assert_eq!(line.candidates("[:find ?e :where [?e :n7/", 25).1.len(), 100);
        assert_eq!(line.candidates("[:find ?e :where [?e :a999", 26).1.len(), 11);
    }

    #[test]
    fn whole_or_not() {
        assert!(is_whole(".help ("));
        assert!(is_whole("[:find ?x]"));
        assert!(is_whole("]"), "no more text mends it");
        assert!(is_whole("#e12\n") && is_whole("#t3") && !is_whole("#inst"));
        assert!(!is_whole("[:find ?x\n :where"));
        assert!(!is_whole("\"open"));
    }
}
