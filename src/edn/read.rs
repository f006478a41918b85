//! Text becomes forms through `grammar/edn.pest`.

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pair;

use super::bulk::Values;
use super::walk::{Check, Walker};
use super::{Edn, Node, atoms, collect};
use crate::error::{Code, Error, Result, Span};

/// What a text is called in errors until a caller with a better name says so (`Error::in_source`).
pub(super) use crate::error::UNNAMED;

#[derive(pest_derive::Parser)]
#[grammar = "../grammar/edn.pest"]
struct Grammar;

/// All forms of a text.
///
/// ```
/// let forms = asof::edn::read("[:find ?e] ; a comment\n{:a 1}").unwrap();
/// assert_eq!(forms[1].to_string(), "{:a 1}");
/// ```
pub fn read(text: &str) -> Result<Vec<Edn>> {
    all(text).map_err(|e| e.in_source(UNNAMED, text))
}

fn all(text: &str) -> Result<Vec<Edn>> {
    let mut walker = Walker::new(text, Check);
    while walker.next_form().map_err(|fault| fault.error)?.is_some() {}
    parse(text, 0)
}

/// The one form of a text; none or several are an error.
pub fn read_one(text: &str) -> Result<Edn> {
    let one = || {
        let mut forms = all(text)?.into_iter();
        match (forms.next(), forms.next()) {
            (Some(form), None) => Ok(form),
            (Some(_), Some(second)) => Err(atoms::invalid(
                second.span,
                format!(
                    "{} is a second form: expected one only",
                    atoms::shown(&second.to_string())
                ),
            )
            .hint("put several forms into a vector `[...]`, or remove this one")),
            (None, _) => Err(atoms::invalid(
                Span::new(text.len(), text.len()),
                "the text holds no form: expected one",
            )),
        }
    };
    one().map_err(|e: Error| e.in_source(UNNAMED, text))
}

/// The forms of a text one after another, each read when it is asked for.
///
/// A script runs up to its first syntax error this way. The iterator ends after an error.
pub struct Forms<'a> {
    text: &'a str,
    walker: Option<Walker<'a, Check>>,
}

impl<'a> Forms<'a> {
    /// The forms of `text`; spans count from its beginning.
    pub fn new(text: &'a str) -> Forms<'a> {
        Forms {
            text,
            walker: Some(Walker::new(text, Check)),
        }
    }
}

impl Iterator for Forms<'_> {
    type Item = Result<Edn>;

    fn next(&mut self) -> Option<Result<Edn>> {
        let form = match self.walker.as_mut()?.next_form() {
            Ok(Some(((), span))) => parse(&self.text[span.start as usize..span.end as usize], span.start)
                // The walker saw one form here; the grammar sees the same one.
                .map(|mut forms| forms.pop()),
            Ok(None) => Ok(None),
            Err(fault) => Err(fault.error),
        };
        match form {
            Ok(Some(form)) => Some(Ok(form)),
            Ok(None) => {
                self.walker = None;
                None
            }
            Err(error) => {
                self.walker = None;
                Some(Err(error.in_source(UNNAMED, self.text)))
            }
        }
    }
}

/// Whether a text can be read as it is, for a prompt that must know if another line follows.
#[derive(Clone, Debug)]
pub enum Completeness {
    /// All forms are whole (or there are none).
    Complete,
    /// A bracket, a string or a prefix waits for more text.
    Incomplete,
    /// No further text can mend it.
    Invalid(Error),
}

/// Whether `text` can be read as it is; see [`Completeness`].
pub fn is_complete(text: &str) -> Completeness {
    let mut walker = Walker::new(text, Check);
    loop {
        match walker.next_form() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(fault) if fault.unfinished => return Completeness::Incomplete,
            Err(fault) => return Completeness::Invalid(fault.error.in_source(UNNAMED, text)),
        }
    }
    match read(text) {
        Ok(_) => Completeness::Complete,
        Err(error) => Completeness::Invalid(error),
    }
}

/// Runs the grammar over a text that a [`Walker`] has checked; `base` is where it begins in the whole.
fn parse(text: &str, base: u32) -> Result<Vec<Edn>> {
    let pairs = match Grammar::parse(Rule::forms, text) {
        Ok(pairs) => pairs,
        Err(e) => return without_grammar(text, base, e),
    };
    pairs
        .flat_map(Pair::into_inner)
        .map(|pair| form(pair, base))
        .filter_map(Result::transpose)
        .collect()
}

/// The walker let a text pass that pest did not read. On a thread with little stack pest gives up early, and the reader
/// without recursion goes on; otherwise the place where pest stopped is the best that can be said.
fn without_grammar(text: &str, base: u32, e: pest::error::Error<Rule>) -> Result<Vec<Edn>> {
    if let ErrorVariant::CustomError { .. } = e.variant {
        let mut walker = Walker::new(text, Values);
        let mut forms = Vec::new();
        while let Some((form, _)) = walker.next_form().map_err(|fault| fault.error)? {
            forms.push(shifted(form, base));
        }
        return Ok(forms);
    }
    let start = match e.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at + base as usize,
    };
    Err(
        Error::new(Code::InvalidEdn, "the text is not EDN from here on: expected a form")
            .at(Span::new(start, start + 1)),
    )
}

fn shifted(mut form: Edn, base: u32) -> Edn {
    if base != 0 {
        form.shift(base);
    }
    form
}

/// The value of a pair; `None` for what stands between forms.
fn form(pair: Pair<Rule>, base: u32) -> Result<Option<Edn>> {
    let place = pair.as_span();
    let span = Span {
        start: place.start() as u32 + base,
        end: place.end() as u32 + base,
    };
    let text = pair.as_str();
    let node = match pair.as_rule() {
        Rule::EOI => return Ok(None),
        // What is discarded has to be readable all the same.
        Rule::discard => return items(pair, base).map(|_| None),
        Rule::nil => Node::Nil,
        Rule::boolean => Node::Bool(text == "true"),
        Rule::long | Rule::bigint | Rule::double | Rule::bigdec => atoms::number(text, span)?,
        Rule::symbolic => atoms::symbolic(text, span)?,
        Rule::string => atoms::string(text, span)?,
        Rule::character => atoms::character(text, span)?,
        Rule::keyword => atoms::keyword(text),
        Rule::symbol => atoms::symbol(text),
        Rule::list => Node::List(items(pair, base)?),
        Rule::vector => Node::Vector(items(pair, base)?),
        Rule::map => collect::map(items(pair, base)?, None)?,
        Rule::set => collect::set(items(pair, base)?)?,
        Rule::ns_map => {
            let mut inner = pair.into_inner();
            match (inner.next(), inner.next()) {
                (Some(ns), Some(map)) => collect::map(items(map, base)?, Some(&ns.as_str()[2..]))?,
                _ => return Err(disagreement(span)),
            }
        }
        Rule::tagged => {
            let mut inner = pair.into_inner();
            let tag = inner.next().map_or("", |tag| &tag.as_str()[1..]);
            let mut value = None;
            for pair in inner {
                value = form(pair, base)?.or(value);
            }
            match value {
                Some(value) => collect::tagged(tag, value)?,
                None => return Err(disagreement(span)),
            }
        }
        _ => match atoms::leaf(text, span) {
            Err(error) => return Err(error),
            Ok(_) => return Err(disagreement(span)),
        },
    };
    Ok(Some(Edn { node, span }))
}

fn items(pair: Pair<Rule>, base: u32) -> Result<Vec<Edn>> {
    pair.into_inner()
        .map(|pair| form(pair, base))
        .filter_map(Result::transpose)
        .collect()
}

/// For words on which the grammar and the code beside it would not agree; a property test looks for them.
fn disagreement(span: Span) -> Error {
    atoms::invalid(span, "this is not EDN: expected a form")
}
