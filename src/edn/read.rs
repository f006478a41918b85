//! Text becomes forms through `grammar/edn.pest`.

use pest::error::{ErrorVariant, InputLocation};
use pest::iterators::Pairs;
use pest::{Parser, Token};

use super::bulk::Values;
use super::lex::beginning;
use super::walk::{Check, Walker};
use super::{Edn, Node, atoms, collect};
use crate::error::{Code, Error, Result, Span, UNNAMED};

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
    let start = beginning(text);
    parse(&text[start..], start as u32)
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
    /// The end of the form before.
    done: usize,
}

impl<'a> Forms<'a> {
    /// The forms of `text`; spans count from its beginning.
    pub fn new(text: &'a str) -> Forms<'a> {
        Forms {
            text,
            walker: Some(Walker::new(text, Check)),
            done: beginning(text),
        }
    }

    /// The forms up to the end of the next one: that one, or none at the end. What is discarded before it is read too.
    fn step(&mut self) -> Result<Vec<Edn>> {
        let Some(walker) = &mut self.walker else {
            return Ok(Vec::new());
        };
        let end = match walker.next_form().map_err(|fault| fault.error)? {
            Some(((), span)) => span.end as usize,
            None => self.text.len(),
        };
        let start = std::mem::replace(&mut self.done, end);
        parse(&self.text[start..end], start as u32)
    }
}

impl Iterator for Forms<'_> {
    type Item = Result<Edn>;

    fn next(&mut self) -> Option<Result<Edn>> {
        let next = self.step().map(|mut forms| forms.pop()).transpose();
        if !matches!(next, Some(Ok(_))) {
            self.walker = None;
        }
        next.map(|form| form.map_err(|e| e.in_source(UNNAMED, self.text)))
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
    build(pairs, text, base)
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

/// A rule that has begun and not ended.
struct Open<'a> {
    rule: Rule,
    start: usize,
    /// The forms inside so far.
    items: Vec<Edn>,
    /// The tag or namespace before them.
    prefix: &'a str,
}

/// Makes forms of pest's pairs: with a stack of its own, since the thread's may be small and nesting is up to the text.
fn build(pairs: Pairs<Rule>, text: &str, base: u32) -> Result<Vec<Edn>> {
    let mut open: Vec<Open> = Vec::new();
    for token in pairs.tokens() {
        let (rule, end) = match token {
            Token::Start { rule, pos } => {
                open.push(Open {
                    rule,
                    start: pos.pos(),
                    items: Vec::new(),
                    prefix: "",
                });
                continue;
            }
            Token::End { rule, pos } => (rule, pos.pos()),
        };
        let Some(done) = open.pop() else { break };
        let word = &text[done.start..end];
        let span = Span::new(done.start + base as usize, end + base as usize);
        let Some(parent) = open.last_mut() else {
            return Ok(done.items);
        };
        let node = match rule {
            Rule::tag => {
                parent.prefix = &word[1..];
                continue;
            }
            Rule::ns => {
                parent.prefix = &word[2..];
                continue;
            }
            // What is discarded has to be readable all the same.
            Rule::EOI | Rule::discard => continue,
            Rule::map => {
                let ns = (parent.rule == Rule::ns_map).then_some(parent.prefix);
                collect::map(done.items, ns)?
            }
            Rule::ns_map | Rule::tagged => {
                let Some(form) = done.items.into_iter().next() else {
                    return Err(disagreement(span));
                };
                match rule {
                    Rule::tagged => collect::tagged(done.prefix, form)?,
                    _ => form.node,
                }
            }
            Rule::list => Node::List(done.items),
            Rule::vector => Node::Vector(done.items),
            Rule::set => collect::set(done.items)?,
            _ => leaf(rule, word, span)?,
        };
        parent.items.push(Edn { node, span });
    }
    Ok(Vec::new())
}

fn leaf(rule: Rule, word: &str, span: Span) -> Result<Node> {
    match rule {
        Rule::nil => Ok(Node::Nil),
        Rule::boolean => Ok(Node::Bool(word == "true")),
        Rule::long | Rule::bigint | Rule::double | Rule::bigdec => atoms::number(word, span),
        Rule::symbolic => atoms::symbolic(word, span),
        Rule::string => atoms::string(word, span),
        Rule::character => atoms::character(word, span),
        Rule::keyword => Ok(atoms::keyword(word)),
        Rule::symbol => Ok(atoms::symbol(word)),
        // `bad`, which has no value; the error says why.
        _ => Err(atoms::leaf(word, span).err().unwrap_or_else(|| disagreement(span))),
    }
}

/// For words on which the grammar and the code beside it would not agree; a property test looks for them.
fn disagreement(span: Span) -> Error {
    atoms::invalid(span, "this is not EDN: expected a form")
}
