//! Wrong queries: a mistake is told with a code and a place, whatever the data, and never by a panic.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use asof::db::Db;
use asof::edn::{Edn, Keyword, Node, Symbol, read_one};
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
    let text = q.to_string();
    let text = match tape.chance(80) {
        true => wrong(tape, &text),
        false => broken(tape, &text),
    };
    let Some(text) = text else {
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
            | Code::NotABindingForm
            | Code::DivideByZero
            | Code::Overflow
            | Code::CannotCompare
            | Code::TypeMismatch
            | Code::QueryLimit
            | Code::QueryTimeout
    ) || of_a_value(e)
}

/// Whether it is about a value that a row has where a moment or a set of rules is meant: any entity may be a transaction, and any
/// text a set of rules, so only the value itself can tell. A constant is told of at its own place, and no row excuses it.
fn of_a_value(e: &Error) -> bool {
    let (span, text) = (e.span(), e.source_text().map_or("", |source| &source.text));
    let place = text.get(span.start as usize..span.end as usize).unwrap_or("");
    match e.code() {
        Code::InvalidTimePoint => place.starts_with("[(tx-") && place.contains('?'),
        Code::InvalidRule => place == "%" && text.contains("[(q "),
        _ => false,
    }
}

fn ask(text: &str, inputs: &[Input]) -> Result<(), Error> {
    let answer = Query::parse(text)?.run(inputs)?;
    answer.to_edn()?.to_string();
    Ok(())
}

/// The query with a mistake or two in its forms.
fn wrong(tape: &mut Tape, text: &str) -> Option<String> {
    let mut form = read_one(text).ok()?;
    for _ in 0..1 + tape.below(2) {
        let all = forms(&form);
        let mut at = tape.below(all.len());
        // Names and constants are worth more than the brackets around them.
        while tape.chance(60) && at + 1 < all.len() && parts(&all[at]).is_some() {
            at += 1;
        }
        let other = tape.pick(&all).clone();
        let chosen = all[at].clone();
        let made = match tape.below(9) {
            0 => Vec::new(),
            1 => vec![chosen.clone(), chosen],
            2 => vec![other],
            3 => vec![chosen, other],
            4 => vec![Edn::vector([chosen])],
            5 => match parts(&chosen) {
                Some(items) => items.iter().rev().cloned().collect(),
                None => vec![constant(tape)],
            },
            _ => vec![renamed(tape, &chosen)],
        };
        form = replaced(&form, at, &made)?;
    }
    Some(form.to_string())
}

/// A form and all within it, in order.
fn forms(form: &Edn) -> Vec<Edn> {
    let mut out = vec![form.clone()];
    for part in parts(form).into_iter().flatten() {
        out.extend(forms(&part));
    }
    out
}

fn parts(form: &Edn) -> Option<Vec<Edn>> {
    match &form.node {
        Node::List(items) | Node::Vector(items) | Node::Set(items) => Some(items.clone()),
        Node::Map(pairs) => Some(pairs.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect()),
        _ => None,
    }
}

/// The form with its part number `at` replaced; `None`: nothing is left of it.
fn replaced(form: &Edn, at: usize, by: &[Edn]) -> Option<Edn> {
    fn within(form: &Edn, left: &mut Option<usize>, by: &[Edn]) -> Vec<Edn> {
        match left {
            Some(0) => {
                *left = None;
                return by.to_vec();
            }
            Some(n) => *n -= 1,
            None => return vec![form.clone()],
        }
        let Some(items) = parts(form) else {
            return vec![form.clone()];
        };
        let items: Vec<Edn> = items.iter().flat_map(|i| within(i, left, by)).collect();
        let node = match &form.node {
            Node::List(_) => Node::List(items),
            Node::Set(_) => Node::Set(items),
            Node::Map(_) => {
                let pairs = items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                Node::Map(pairs.collect())
            }
            _ => Node::Vector(items),
        };
        vec![node.into()]
    }
    within(form, &mut Some(at), by).into_iter().next()
}

/// Another name like this one, or another constant.
fn renamed(tape: &mut Tape, form: &Edn) -> Edn {
    let node = match &form.node {
        Node::Keyword(k) => Node::Keyword(Keyword::new(&misspelt(tape, k.to_string().trim_start_matches(':')))),
        Node::Symbol(s) => Node::Symbol(Symbol::new(&misspelt(tape, &s.to_string()))),
        _ => return constant(tape),
    };
    node.into()
}

fn constant(tape: &mut Tape) -> Edn {
    let text = tape.pick(&[
        "\"w\"",
        "3",
        "1.5",
        ":k",
        "true",
        "nil",
        "?v0",
        "?nobody",
        ":a/x0",
        ":a/x1",
        "[1 2]",
        "_",
        "$",
        "#inst \"2020\"",
        "-1",
        "[:a/x0 1]",
        "#{}",
        "{}",
        "7N",
        "...",
        "%",
    ]);
    read_one(text).expect("a form")
}

fn misspelt(tape: &mut Tape, name: &str) -> String {
    let middle = name.char_indices().nth(name.chars().count() / 2).map_or(0, |(i, _)| i);
    let (start, end) = name.split_at(middle);
    match tape.below(4) {
        0 => format!("{name}x"),
        1 if name.len() > 3 => format!("{start}{}", end.chars().skip(1).collect::<String>()),
        2 => format!("{start}q{end}"),
        _ => tape
            .word(&[
                "?v0", "?v1", "?nobody", "count", "inc", "find", "a/x0", "a/x1", "missing?",
            ])
            .to_string(),
    }
}

/// The text with a mistake or two.
fn broken(tape: &mut Tape, text: &str) -> Option<String> {
    let mut words: Vec<String> = text.split(' ').map(str::to_string).collect();
    for _ in 0..1 + tape.below(2) {
        if words.is_empty() {
            return None;
        }
        let (i, j) = (tape.below(words.len()), tape.below(words.len()));
        match tape.below(6) {
            0 => drop(words.remove(i)),
            1 => words[i] = words[j].clone(),
            2 => words.swap(i, j),
            3 => words.insert(i, words[j].clone()),
            4 => {
                let some = [
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
                ];
                words[i] = tape.word(&some).to_string();
            }
            _ => drop(words.drain(i..(i + 1 + tape.below(6)).min(words.len()))),
        }
    }
    Some(words.join(" "))
}
