//! A text of several entries: commands, a line each, and forms.

use asof::edn::{Edn, Forms};
use asof::error::Result;

use super::tokens::{Kind, tokens};

/// What can be typed.
pub enum Entry<'a> {
    /// A line, and where it stands.
    Command(&'a str, usize),
    Form(Edn),
}

/// The entries of a text, in order; the first that cannot be read is the last.
pub fn entries(text: &str) -> Vec<Result<Entry<'_>>> {
    let mut commands = Vec::new();
    let mut forms = text.to_string();
    for token in tokens(text) {
        if token.kind == Kind::Command {
            commands.push((token.start, &text[token.start..token.end]));
            // Blank, so that the forms keep their places.
            forms.replace_range(token.start..token.end, &" ".repeat(token.end - token.start));
        }
    }
    let mut commands = commands.into_iter().peekable();
    let mut found = Vec::new();
    for form in Forms::new(&forms) {
        if let Ok(form) = &form {
            while let Some((at, command)) = commands.next_if(|(at, _)| *at < form.span.start as usize) {
                found.push(Ok(Entry::Command(command, at)));
            }
        }
        let failed = form.is_err();
        found.push(form.map(Entry::Form));
        if failed {
            return found;
        }
    }
    found.extend(commands.map(|(at, command)| Ok(Entry::Command(command, at))));
    found
}

/// The texts of the entries of a text that can be read.
pub fn texts(text: &str) -> Result<Vec<&str>> {
    let one = |entry| match entry {
        Ok(Entry::Command(command, _)) => Ok(command),
        Ok(Entry::Form(form)) => Ok(&text[form.span.start as usize..form.span.end as usize]),
        Err(e) => Err(e),
    };
    entries(text).into_iter().map(one).collect()
}
