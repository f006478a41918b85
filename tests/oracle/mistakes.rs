//! Wrong queries: a mistake is told with a code and a place, whatever the data, and never by a panic.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use asof::db::Db;
use asof::error::{Code, Error};
use asof::query::{Input, Query};

use super::ast;
use super::tape::Tape;
use super::world::World;
use super::{inputs, inputs_of};

/// Makes mistakes in the text of a query; `Err` describes what is wrong with how it is told. `bare`: the databases without data.
pub fn check(
    tape: &mut Tape,
    world: &World,
    bare: &[Db],
    q: &ast::Query,
    told: &mut BTreeMap<String, u64>,
) -> Result<(), String> {
    let Some(text) = broken(tape, &q.to_string()) else {
        return Ok(());
    };
    let full = inputs(q, world, &world.db);
    let empty = inputs_of(q, &|base| &bare[base]);
    let ask = |inputs: &[Input]| catch_unwind(AssertUnwindSafe(|| ask(&text, inputs)));
    let (Ok(with_data), Ok(without)) = (ask(&full), ask(&empty)) else {
        return Err(format!("a panic at the broken query {text}"));
    };
    for e in [&with_data, &without].into_iter().filter_map(|r| r.as_ref().err()) {
        *told.entry(e.code().as_str().to_string()).or_default() += 1;
        let whole = e.source_text().is_none_or(|s| e.span().end as usize <= s.text.len());
        let placed = e.place().is_some() && whole && e.span().start <= e.span().end;
        if !placed && !matches!(e.code(), Code::TooFewInputs | Code::TooManyInputs) {
            return Err(format!("an error without a place at the broken query {text}\n{e}"));
        }
    }
    match (with_data, without) {
        (Err(a), Err(b)) if a.to_string() == b.to_string() => Ok(()),
        // A function may fail on data, and on constants that nothing asks for when there is no data.
        (Err(a), _) if runs(&a) => Ok(()),
        (_, Err(b)) if runs(&b) => Ok(()),
        (Ok(()), Ok(())) => Ok(()),
        (a, b) => {
            let of = |r: Result<(), Error>| r.err().map_or("an answer".to_string(), |e| e.to_string());
            let (a, b) = (of(a), of(b));
            Err(format!("the broken query {text}\n  with data: {a}\n  without: {b}"))
        }
    }
}

/// Whether it comes of running a query, and so of its data.
fn runs(e: &Error) -> bool {
    matches!(
        e.code(),
        Code::FunctionFailed
            | Code::DivideByZero
            | Code::Overflow
            | Code::CannotCompare
            | Code::TypeMismatch
            | Code::QueryLimit
            | Code::QueryTimeout
    )
}

fn ask(text: &str, inputs: &[Input]) -> Result<(), Error> {
    let answer = Query::parse(text)?.run(inputs)?;
    answer.to_edn()?.to_string();
    Ok(())
}

/// The text with a mistake or two.
fn broken(tape: &mut Tape, text: &str) -> Option<String> {
    let mut words: Vec<String> = text.split(' ').map(str::to_string).collect();
    for _ in 0..1 + tape.below(2) {
        if words.is_empty() {
            return None;
        }
        let (i, j) = (tape.below(words.len()), tape.below(words.len()));
        match tape.below(10) {
            0 => drop(words.remove(i)),
            1 => words[i] = words[j].clone(),
            2 => words.swap(i, j),
            3 => words.insert(i, words[j].clone()),
            4 => {
                words[i] = tape
                    .pick(&[
                        "nil",
                        "?zz",
                        "[",
                        ")",
                        "\"x\"",
                        "7",
                        "[:a/x0 1]",
                        ":a/none",
                        "_",
                        "$q",
                        "é",
                        "{",
                    ])
                    .to_string()
            }
            5 => drop(words.drain(i..(i + 1 + tape.below(6)).min(words.len()))),
            _ => {
                // From here on, the first word that has a name in it that may be misspelt, or a constant of another type.
                let at = (i..words.len()).chain(0..i).find(|at| has_name(&words[*at]))?;
                words[at] = misspelt(tape, &words[at]);
            }
        }
    }
    Some(words.join(" "))
}

fn bare(word: &str) -> &str {
    word.trim_matches(|c| "[](){},".contains(c))
}
fn has_name(word: &str) -> bool {
    let inner = bare(word);
    !inner.is_empty() && !matches!(inner, "_" | "." | "...")
}

fn misspelt(tape: &mut Tape, word: &str) -> String {
    let inner = bare(word);
    let start = word.find(inner).unwrap_or(0);
    let (before, after) = (&word[..start], &word[start + inner.len()..]);
    let middle = inner
        .char_indices()
        .nth(inner.chars().count() / 2)
        .map_or(0, |(i, _)| i);
    let inner = match (inner.chars().next(), tape.below(4)) {
        (Some(c), 0 | 1) if c.is_ascii_digit() || c == '"' || c == '#' => {
            tape.pick(&["\"w\"", "3", "1.5", ":k", "true"]).to_string()
        }
        (_, 0) => format!("{inner}x"),
        (_, 1) => format!(
            "{}{}",
            &inner[..middle],
            inner[middle..].chars().skip(1).collect::<String>()
        ),
        (_, 2) => format!("{}q{}", &inner[..middle], &inner[middle..]),
        _ => tape
            .pick(&[
                "?v0", "?v1", "?nobody", "\"w\"", "3", "1.5", ":a/x0", ":a/x1", ":c/red", "count",
            ])
            .to_string(),
    };
    format!("{before}{inner}{after}")
}
