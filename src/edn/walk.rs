//! One pass over the text that pairs brackets, without recursion: nesting is bounded here, for every reader.
//!
//! What becomes of the words is up to a [`Build`]: [`Check`] keeps nothing (the pass before pest), `bulk::Values` makes
//! the forms themselves.

use super::atoms;
use super::lex::{Fault, Lexer, Shape, Token};
use crate::error::{Error, Span, place_of};

/// The deepest nesting of collections, tags and discards that is read.
pub const MAX_DEPTH: usize = 512;

/// Texts of 4 GiB and more do not fit the spans.
const MAX_BYTES: usize = u32::MAX as usize - 1;

/// Makes something of the words that a [`Walker`] finds.
pub(super) trait Build {
    type Form;
    fn leaf(&mut self, text: &str, span: Span) -> Result<Self::Form, Error>;
    fn collection(
        &mut self,
        shape: Shape,
        ns: Option<&str>,
        items: Vec<Self::Form>,
        span: Span,
    ) -> Result<Self::Form, Error>;
    fn tagged(&mut self, tag: &str, form: Self::Form, span: Span) -> Result<Self::Form, Error>;
}

/// Builds nothing. A `Vec<()>` of items counts them and takes no memory.
pub(super) struct Check;

impl Build for Check {
    type Form = ();
    fn leaf(&mut self, _: &str, _: Span) -> Result<(), Error> {
        Ok(())
    }
    fn collection(&mut self, _: Shape, _: Option<&str>, _: Vec<()>, _: Span) -> Result<(), Error> {
        Ok(())
    }
    fn tagged(&mut self, _: &str, _: (), _: Span) -> Result<(), Error> {
        Ok(())
    }
}

enum Kind<'a> {
    Collection { shape: Shape, ns: Option<&'a str> },
    Tag(&'a str),
    Discard,
}

struct Frame<'a, F> {
    kind: Kind<'a>,
    /// The opening word.
    opener: Span,
    items: Vec<F>,
    /// The last item, to point at a key without a value.
    last: Span,
}

/// Goes through a text, form by form.
pub(super) struct Walker<'a, B: Build> {
    lexer: Lexer<'a>,
    build: B,
    stack: Vec<Frame<'a, B::Form>>,
}

impl<'a, B: Build> Walker<'a, B> {
    pub fn new(text: &'a str, build: B) -> Walker<'a, B> {
        Walker {
            lexer: Lexer::new(text),
            build,
            stack: Vec::new(),
        }
    }

    /// The next form at the top of the text.
    pub fn next_form(&mut self) -> Result<Option<(B::Form, Span)>, Fault> {
        if self.lexer.text.len() > MAX_BYTES {
            let error = atoms::invalid(
                Span::new(0, 0),
                "the text is larger than 4 GiB, more than one text may hold",
            )
            .hint("cut it into smaller texts");
            return Err(error.into());
        }
        loop {
            let Some((token, span)) = self.lexer.next()? else {
                return match self.stack.is_empty() {
                    true => Ok(None),
                    false => Err(self.ended_early()),
                };
            };
            let (form, span) = match token {
                Token::Open { shape, ns } => {
                    self.push(Kind::Collection { shape, ns }, span)?;
                    continue;
                }
                Token::Tag(tag) => {
                    self.push(Kind::Tag(tag), span)?;
                    continue;
                }
                Token::Discard => {
                    self.push(Kind::Discard, span)?;
                    continue;
                }
                Token::Close(bracket) => self.close(bracket, span)?,
                Token::Leaf => {
                    let text = &self.lexer.text[span.start as usize..span.end as usize];
                    (self.build.leaf(text, span)?, span)
                }
            };
            if let Some(done) = self.finished(form, span)? {
                return Ok(Some(done));
            }
        }
    }

    fn push(&mut self, kind: Kind<'a>, opener: Span) -> Result<(), Fault> {
        if self.stack.len() == MAX_DEPTH {
            let error = atoms::invalid(opener, format!("forms are nested deeper than {MAX_DEPTH} levels here"))
                .hint("check for a bracket that is opened over and over, or make the data flatter");
            return Err(error.into());
        }
        self.stack.push(Frame {
            kind,
            opener,
            items: Vec::new(),
            last: opener,
        });
        Ok(())
    }

    /// Puts a finished form where it belongs; gives it back when that is the top of the text.
    fn finished(&mut self, mut form: B::Form, mut span: Span) -> Result<Option<(B::Form, Span)>, Fault> {
        loop {
            match self.stack.last_mut() {
                None => return Ok(Some((form, span))),
                Some(frame) => match frame.kind {
                    Kind::Collection { .. } => {
                        frame.items.push(form);
                        frame.last = span;
                        return Ok(None);
                    }
                    Kind::Discard => {
                        self.stack.pop();
                        return Ok(None);
                    }
                    Kind::Tag(tag) => {
                        span.start = frame.opener.start;
                        form = self.build.tagged(tag, form, span)?;
                        self.stack.pop();
                    }
                },
            }
        }
    }

    fn close(&mut self, bracket: char, span: Span) -> Result<(B::Form, Span), Fault> {
        let Some(frame) = self.stack.last() else {
            return Err(
                atoms::invalid(span, format!("`{bracket}` closes nothing: no bracket is open here"))
                    .hint(format!(
                        "remove it, or write the `{}` that it should close",
                        match bracket {
                            ')' => "(",
                            ']' => "[",
                            _ => "{",
                        }
                    ))
                    .into(),
            );
        };
        let Kind::Collection { shape, ns } = frame.kind else {
            let what = self.word(frame.opener);
            return Err(atoms::invalid(
                frame.opener,
                format!("{what} stands before `{bracket}`: expected a form after it"),
            )
            .hint(prefix_hint(&frame.kind))
            .into());
        };
        if shape.closer() != bracket {
            let place = place_of(self.lexer.text, frame.opener.start as usize);
            let open = self.word(frame.opener);
            return Err(atoms::invalid(
                span,
                format!(
                    "`{bracket}` cannot close the {open} of line {}, column {}: expected `{}`",
                    place.line,
                    place.column,
                    shape.closer()
                ),
            )
            .hint(format!(
                "every {open} ends with its own `{}`; one is missing before this place, or `{bracket}` is one too many",
                shape.closer()
            ))
            .into());
        }
        if shape == Shape::Map && frame.items.len() % 2 == 1 {
            let key = self.word(frame.last);
            return Err(atoms::invalid(
                frame.last,
                format!("the key {key} has no value: a map holds pairs, and this one has an odd number of forms"),
            )
            .hint("write a value after each key, as in `{:name \"Ada\" :age 36}`")
            .into());
        }
        let span = Span {
            start: frame.opener.start,
            end: span.end,
        };
        let items = self.stack.pop().map(|f| f.items).unwrap_or_default();
        Ok((self.build.collection(shape, ns, items, span)?, span))
    }

    /// The text is over and something is still open: the innermost is at fault.
    fn ended_early(&self) -> Fault {
        let Some(frame) = self.stack.last() else {
            unreachable!("called only while a frame is open")
        };
        let what = self.word(frame.opener);
        let error = match frame.kind {
            Kind::Collection { shape, .. } => {
                let around = self
                    .stack
                    .iter()
                    .filter(|f| matches!(f.kind, Kind::Collection { .. }))
                    .count()
                    - 1;
                let closer = shape.closer();
                let message = format!("this {what} is never closed: expected `{closer}` before the end of the text");
                let hint = match around {
                    0 => format!("add `{closer}` where it should end"),
                    1 => format!("add `{closer}` where it should end; one more bracket around it is open too"),
                    n => format!("add `{closer}` where it should end; {n} more brackets around it are open too"),
                };
                atoms::invalid(frame.opener, message).hint(hint)
            }
            _ => atoms::invalid(
                frame.opener,
                format!("the text ends after {what}: expected a form after it"),
            )
            .hint(prefix_hint(&frame.kind)),
        };
        Fault {
            error,
            unfinished: true,
        }
    }

    fn word(&self, span: Span) -> String {
        atoms::shown(&self.lexer.text[span.start as usize..span.end as usize])
    }
}

fn prefix_hint(kind: &Kind) -> &'static str {
    match kind {
        Kind::Discard => "`#_` hides the form after it; remove the `#_` or write that form",
        _ => "a tag belongs to the value after it, as in `#inst \"2024-01-31\"`",
    }
}
