//! `.import` and `.export` at the prompt: the arguments of `asof import` and `asof export` on a line, where the database is open
//! already.

use std::ffi::OsString;
use std::path::Path;

use asof::error::{Code, Error, Result};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser};

use super::Cli;
use super::export::Export;
use super::import::Import;
use crate::export::Format;

/// Files that say by their ending what is in them, and what `asof import` calls that.
const ENDINGS: [(&str, &str); 8] = [
    ("csv", "csv"),
    ("tsv", "tsv"),
    ("json", "json"),
    ("ndjson", "ndjson"),
    ("jsonl", "ndjson"),
    ("edn", "edn"),
    ("dump", "dump"),
    ("asof-dump", "dump"),
];

impl Import {
    /// Reads what stands behind `.import`; a file by itself is what its ending says.
    pub fn parse(line: &str) -> Result<Import> {
        let mut words = words(line);
        if let Some(source) = words.first().and_then(|first| source(first)) {
            words.insert(0, source.to_string());
        }
        parsed(".import", words)
    }
}

impl Export {
    /// Whether a line asks for a table, and not for a dump.
    pub fn is_table(line: &str) -> bool {
        let first = words(line).into_iter().next().unwrap_or_default();
        format_named(&first) || Format::of_file(Path::new(&first)).is_some()
    }

    /// Reads what stands behind `.export`; `more` are options that the prompt adds.
    pub fn parse(line: &str, more: &[String]) -> Result<Export> {
        let mut words = words(line);
        words.extend_from_slice(more);
        if let Some(format) = words.first().and_then(|first| untold(first)) {
            words.insert(0, format.name().to_string());
        }
        parsed::<Export>(".export", words)?.told()
    }
}

fn format_named(word: &str) -> bool {
    Format::ALL.iter().any(|format| format.name() == word)
}

/// The format of a file that stands where a format may stand.
fn untold(word: &str) -> Option<Format> {
    Format::of_file(Path::new(word)).filter(|_| !word.starts_with('-'))
}

/// What is in a file, by its ending.
fn source(file: &str) -> Option<&'static str> {
    let ending = Path::new(file).extension()?.to_str()?.to_ascii_lowercase();
    let found = ENDINGS.iter().find(|(known, _)| **known == *ending);
    found.map(|(_, source)| *source)
}

/// The words of a command line, with the format of `asof export FILE` and `asof import FILE` where the file's ending tells it: a
/// table has options that a dump lacks. A database's folder alone means the prompt, as a file does with other shells.
pub fn with_format(mut words: Vec<OsString>) -> Vec<OsString> {
    let holds_one = |dir: &OsString| crate::shell::is_database(Path::new(dir));
    if let Some(first) = words.get(1)
        && holds_one(first)
        && !Cli::command()
            .get_subcommands()
            .any(|command| command.get_name() == first)
    {
        words.insert(1, "repl".into());
    }
    if let [_, option, dir] = &words[..]
        && option == "--db"
        && holds_one(dir)
    {
        words.insert(1, "repl".into());
    }
    if let [_, command, file, ..] = &words[..]
        && command == "import"
        && let Some(source) = file.to_str().and_then(source)
    {
        words.insert(2, source.into());
    }
    if let [_, command, file, ..] = &words[..]
        && command == "export"
        && let Some(format) = file.to_str().and_then(untold)
    {
        words.insert(2, format.name().into());
    }
    words
}

fn parsed<A: Args>(name: &'static str, words: Vec<String>) -> Result<A> {
    if words.iter().any(|word| word == "--db" || word.starts_with("--db=")) {
        let e = Error::new(
            Code::InvalidArgument,
            format!("{name} is about the database that is open here, and takes no --db"),
        );
        return Err(e.hint(format!(
            ".open DIR goes on with another one; on the command line, asof {} --db DIR is about any",
            name.trim_start_matches('.')
        )));
    }
    #[derive(Parser)]
    #[command(no_binary_name = true, disable_help_flag = true)]
    struct Typed<A: Args> {
        #[command(flatten)]
        arguments: A,
    }
    let command = <Typed<A> as clap::CommandFactory>::command().name(name);
    let first = words.first().cloned().unwrap_or_default();
    let matches = command.try_get_matches_from(words);
    let typed = matches.and_then(|matches| <Typed<A> as clap::FromArgMatches>::from_arg_matches(&matches));
    typed.map(|typed| typed.arguments).map_err(|e| {
        if e.kind() == ErrorKind::InvalidSubcommand {
            let e = Error::new(Code::InvalidArgument, format!("{first} does not say what is in it"));
            return e.hint(format!(
                "write what it is before it: {name} csv FILE, or tsv, json, ndjson, edn, debian, git, dump"
            ));
        }
        let text = e.render().to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let usage = lines.iter().find(|line| line.starts_with("Usage:"));
        let what = lines.iter().take_while(|line| !line.starts_with("Usage:"));
        let what: Vec<&str> = what.filter(|line| !line.is_empty()).copied().collect();
        let e = Error::new(Code::InvalidArgument, what.join(" ").trim_start_matches("error: "));
        match usage {
            Some(usage) => e.hint(*usage),
            None => e,
        }
    })
}

/// The words of a line, apart by blanks outside of double quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(words("csv \"a b\" --id  x"), ["csv", "a b", "--id", "x"]);
        assert!(Import::parse("people.csv").is_ok());
        assert!(Import::parse("git .").is_ok());
        let e = Import::parse("notes.doc").err().expect("of no kind").to_string();
        assert!(
            e.contains("notes.doc does not say") && e.contains(".import csv FILE"),
            "{e}"
        );
        let e = Import::parse("csv").err().expect("no file").to_string();
        assert!(e.contains("<FILE>") && e.contains("Usage:"), "{e}");
        assert!(Export::parse("csv people.csv", &["--as-of".into(), "3".into()]).is_ok());
        assert!(Export::parse("./xls", &[]).is_ok(), "a file by that name");
        assert!(Export::parse("people.CSV --entity person", &[]).is_ok());
        for (line, why) in [
            ("people.xls", "no format for people.xls"),
            ("cvs", "did you mean csv?"),
            ("xml", "the formats are csv, tsv"),
            ("backup.dump", "--history"),
        ] {
            let e = Export::parse(line, &[]).err().expect(line).to_string();
            assert!(e.contains(why), "{line}: {e}");
        }
        assert!(Export::parse("--history backup.2024", &[]).is_ok());
        assert!(Export::is_table("\"my people.csv\"") && !Export::is_table("people.edn") && Export::is_table("edn x"));
        assert!(Export::parse("--nope", &[]).is_err());
        for e in [
            Import::parse("csv people.csv --db other").err(),
            Export::parse("csv people.csv --db=other", &[]).err(),
        ] {
            let e = e.expect("it would be another database").to_string();
            assert!(e.contains("takes no --db") && e.contains(".open DIR"), "{e}");
        }
        let told = |line: &str| with_format(words(line).into_iter().map(OsString::from).collect());
        assert_eq!(told("asof import books.csv --id isbn")[2], "csv");
        assert_eq!(told("asof import git .")[2], "git");
    }
}
