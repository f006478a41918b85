//! Cuts EDN text into words: brackets, prefixes, and leaves whose inside is the work of `atoms`.

use super::atoms;
use crate::error::{Code, Error, Span};

/// A syntax error, and whether more text could mend it.
#[derive(Debug)]
pub(super) struct Fault {
    pub error: Error,
    /// The text ended too early; a prompt may ask for another line.
    pub unfinished: bool,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault {
            error,
            unfinished: false,
        }
    }
}

/// The four collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    List,
    Vector,
    Map,
    Set,
}

impl Shape {
    pub fn closer(self) -> char {
        match self {
            Shape::List => ')',
            Shape::Vector => ']',
            Shape::Map | Shape::Set => '}',
        }
    }
}

/// One word of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// An opening bracket; `ns` for `#:ns{`.
    Open {
        shape: Shape,
        ns: Option<&'a str>,
    },
    Close(char),
    /// `#name`, without the `#`.
    Tag(&'a str),
    /// `#_`
    Discard,
    /// A string with its quotes, a character with its backslash, `##Inf`, a number, symbol or keyword.
    Leaf,
}

const WORD: u8 = 0;
const SPACE: u8 = 1;
const DELIMITER: u8 = 2;
const WIDE: u8 = 3;

/// What a byte is: part of a word, space, another delimiter, or the beginning of a character beyond ASCII.
const CLASS: [u8; 256] = {
    let mut class = [WORD; 256];
    let mut i = 0;
    while i < 256 {
        class[i] = match i as u8 {
            b' ' | b',' | 9..=13 => SPACE,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b';' => DELIMITER,
            128.. => WIDE,
            _ => WORD,
        };
        i += 1;
    }
    class
};

/// Where the content of a text begins: after a byte order mark, if there is one.
pub(super) fn beginning(text: &str) -> usize {
    if text.starts_with('\u{FEFF}') { 3 } else { 0 }
}

/// Reads words from the left.
pub(super) struct Lexer<'a> {
    pub text: &'a str,
    pub at: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Lexer<'a> {
        Lexer {
            text,
            at: beginning(text),
        }
    }

    /// The next word, or `None` at the end of the text.
    pub fn next(&mut self) -> Result<Option<(Token<'a>, Span)>, Fault> {
        self.skip_space();
        let bytes = self.text.as_bytes();
        let start = self.at;
        let Some(&first) = bytes.get(start) else {
            return Ok(None);
        };
        let open = |shape| Token::Open { shape, ns: None };
        let (token, end) = match first {
            b'(' => (open(Shape::List), start + 1),
            b'[' => (open(Shape::Vector), start + 1),
            b'{' => (open(Shape::Map), start + 1),
            b')' | b']' | b'}' => (Token::Close(first as char), start + 1),
            b'"' => (Token::Leaf, self.string_end(start)?),
            b'\\' => (Token::Leaf, self.character_end(start)?),
            b'#' => self.dispatch(start)?,
            _ => (Token::Leaf, self.word_end(start)),
        };
        self.at = end;
        Ok(Some((token, Span::new(start, end))))
    }

    fn skip_space(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match CLASS[byte as usize] {
                SPACE => self.at += 1,
                WIDE => match self.char_at(self.at) {
                    Some(c) if c.is_whitespace() => self.at += c.len_utf8(),
                    _ => return,
                },
                _ if byte == b';' => {
                    self.at = bytes[self.at..]
                        .iter()
                        .position(|&b| b == b'\n')
                        .map_or(bytes.len(), |n| self.at + n);
                }
                _ => return,
            }
        }
    }

    fn char_at(&self, at: usize) -> Option<char> {
        self.text[at..].chars().next()
    }

    fn word_end(&self, mut at: usize) -> usize {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(at) {
            match CLASS[byte as usize] {
                WORD => at += 1,
                WIDE => match self.char_at(at) {
                    Some(c) if !c.is_whitespace() => at += c.len_utf8(),
                    _ => return at,
                },
                _ => return at,
            }
        }
        at
    }

    fn string_end(&self, start: usize) -> Result<usize, Fault> {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                Some(b'"') => return Ok(at + 1),
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
                None => {
                    return Err(Fault {
                        error: Error::new(
                            Code::InvalidEdn,
                            "this string is never closed: expected `\"` before the end of the text",
                        )
                        .at(Span::new(start, start + 1))
                        .hint("end the string with `\"` and write a quote inside it `\\\"`; if this quote should end a string, an earlier one has no end"),
                        unfinished: true,
                    });
                }
            }
        }
    }

    /// Past a backslash, one character of any kind (`\[` is a bracket as data), and the rest of the word.
    fn character_end(&self, start: usize) -> Result<usize, Fault> {
        match self.char_at(start + 1) {
            Some(c) if !c.is_whitespace() => Ok(self.word_end(start + 1 + c.len_utf8())),
            _ => Err(atoms::invalid(
                Span::new(start, start + 1),
                "`\\` stands alone: expected a character right after it",
            )
            .hint("a blank is `\\space`, a line end `\\newline`, the backslash itself `\\\\`")
            .into()),
        }
    }

    fn dispatch(&self, start: usize) -> Result<(Token<'a>, usize), Fault> {
        let text = self.text;
        match self.char_at(start + 1) {
            Some('{') => Ok((
                Token::Open {
                    shape: Shape::Set,
                    ns: None,
                },
                start + 2,
            )),
            Some('_') => Ok((Token::Discard, start + 2)),
            Some('#') => Ok((Token::Leaf, self.word_end(start))),
            Some(':') => self.ns_map(start),
            Some(c) if c.is_alphabetic() => {
                let end = self.word_end(start);
                let name = &text[start + 1..end];
                atoms::check_tag(name, Span::new(start, end))?;
                Ok((Token::Tag(name), end))
            }
            _ => Err(atoms::bad_dispatch(text, start).into()),
        }
    }

    fn ns_map(&self, start: usize) -> Result<(Token<'a>, usize), Fault> {
        let end = self.word_end(start);
        let ns = &self.text[start + 2..end];
        let span = Span::new(start, end);
        if !atoms::is_keyword_part(ns) {
            return Err(atoms::invalid(
                span,
                format!(
                    "{} does not name a namespace: expected one name without `/` after `#:`",
                    atoms::shown(&self.text[start..end])
                ),
            )
            .hint("write `#:person{:name \"Ada\"}` for `{:person/name \"Ada\"}`")
            .into());
        }
        let mut ahead = Lexer {
            text: self.text,
            at: end,
        };
        while let Some(c) = ahead.char_at(ahead.at).filter(|&c| c == ',' || c.is_whitespace()) {
            ahead.at += c.len_utf8();
        }
        match ahead.char_at(ahead.at) {
            Some('{') => Ok((
                Token::Open {
                    shape: Shape::Map,
                    ns: Some(ns),
                },
                ahead.at + 1,
            )),
            found => Err(Fault {
                error: atoms::invalid(span, format!("`#:{ns}` is followed by no map: expected `{{`"))
                    .hint(format!("write `#:{ns}{{:name \"Ada\"}}`")),
                unfinished: found.is_none(),
            }),
        }
    }
}
