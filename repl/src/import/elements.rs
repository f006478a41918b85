//! Cuts a stream of text into pieces that can be read by themselves: the elements of a JSON array or of a sequence of JSON
//! values, the lines of NDJSON, the forms of EDN. Only one piece is in memory at a time.

use std::io::BufRead;

use asof::error::{Code, Error, Result};

/// The longest piece, in bytes: a bracket that is never closed must not fill the memory.
const PIECE_BYTES_MAX: usize = 256 << 20;

/// A piece and the line it begins on.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub line: u64,
    pub text: Vec<u8>,
}

impl Piece {
    /// Its text, which must be UTF-8.
    pub fn str(&self) -> Result<&str> {
        std::str::from_utf8(&self.text).map_err(|_| {
            Error::new(Code::ImportFailed, "the text is not UTF-8")
                .hint("convert the file first, as with iconv -t utf-8")
        })
    }
}

/// The bytes of a stream one by one, with their line.
struct Bytes<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Bytes<R> {
    fn peek(&mut self) -> Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }
    fn skip(&mut self, byte: u8) {
        self.input.consume(1);
        self.line += u64::from(byte == b'\n');
    }
    /// Passes over space, and over what else `also` names.
    fn space(&mut self, also: &[u8]) -> Result<Option<u8>> {
        while let Some(b) = self.peek()? {
            if !b.is_ascii_whitespace() && !also.contains(&b) {
                return Ok(Some(b));
            }
            self.skip(b);
        }
        Ok(None)
    }
}

fn failed(line: u64, message: &str) -> Error {
    Error::new(Code::ImportFailed, format!("line {line}: {message}"))
}

fn take(text: &mut Vec<u8>, byte: u8, line: u64) -> Result<()> {
    if text.len() >= PIECE_BYTES_MAX {
        return Err(failed(
            line,
            "what begins here is longer than 256 MiB: is a bracket or quote never closed?",
        ));
    }
    text.push(byte);
    Ok(())
}

/// Lines, without their ends; empty ones are left out.
pub struct Lines<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Lines<R> {
        Lines { input, line: 0 }
    }
    pub fn read(&mut self) -> Result<Option<Piece>> {
        loop {
            let mut text = Vec::with_capacity(128);
            if self.input.read_until(b'\n', &mut text)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let trimmed = text.trim_ascii();
            if !trimmed.is_empty() {
                let text = trimmed.to_vec();
                return Ok(Some(Piece { line: self.line, text }));
            }
        }
    }
}

/// The elements of the array that a JSON text is, or the values that stand in it one after another.
pub struct Elements<R> {
    bytes: Bytes<R>,
    /// Inside of an array; `None` before the first byte.
    array: Option<bool>,
    first: bool,
}

impl<R: BufRead> Elements<R> {
    pub fn new(input: R) -> Elements<R> {
        Elements {
            bytes: Bytes { input, line: 1 },
            array: None,
            first: true,
        }
    }

    /// The next one. An error here is about the text as a whole: nothing behind it can be read.
    pub fn read(&mut self) -> Result<Option<Piece>> {
        let mut next = self.bytes.space(&[])?;
        if self.array.is_none() {
            self.array = Some(next == Some(b'['));
            if next == Some(b'[') {
                self.bytes.skip(b'[');
                next = self.bytes.space(&[])?;
            }
        }
        if self.array == Some(true) {
            match next {
                Some(b']') => {
                    self.bytes.skip(b']');
                    return match self.bytes.space(&[])? {
                        None => {
                            self.array = Some(false);
                            Ok(None)
                        }
                        Some(_) => Err(failed(self.bytes.line, "something follows the array")),
                    };
                }
                Some(b',') if !self.first => {
                    self.bytes.skip(b',');
                    self.bytes.space(&[])?;
                }
                Some(_) if self.first => {}
                Some(_) => return Err(failed(self.bytes.line, "no comma stands between two elements")),
                None => return Err(failed(self.bytes.line, "the array is never closed")),
            }
        }
        self.first = false;
        let line = self.bytes.line;
        let mut text = Vec::with_capacity(128);
        let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
        while let Some(b) = self.bytes.peek()? {
            if quoted {
                quoted = escaped || b != b'"';
                escaped = !escaped && b == b'\\';
            } else {
                match b {
                    b'"' => quoted = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth == 0 => break,
                    b'}' | b']' => depth -= 1,
                    b',' if depth == 0 => break,
                    _ if depth == 0 && b.is_ascii_whitespace() => break,
                    _ => {}
                }
                if depth == 0 && matches!(b, b'}' | b']') {
                    take(&mut text, b, line)?;
                    self.bytes.skip(b);
                    break;
                }
            }
            take(&mut text, b, line)?;
            self.bytes.skip(b);
        }
        match text.is_empty() {
            false => Ok(Some(Piece { line, text })),
            true if self.array == Some(false) && self.bytes.peek()?.is_none() => Ok(None),
            true => Err(failed(line, "a value is missing here")),
        }
    }
}

/// The forms of EDN, whole brackets at a time; those of the vector that the text is, when that is a vector of vectors or the like.
pub struct Forms<R> {
    bytes: Bytes<R>,
    started: bool,
    /// The text is one vector, whose elements are the pieces.
    inner: bool,
    /// What was read to find that out.
    ahead: Vec<u8>,
}

impl<R: BufRead> Forms<R> {
    pub fn new(input: R) -> Forms<R> {
        Forms {
            bytes: Bytes { input, line: 1 },
            started: false,
            inner: false,
            ahead: Vec::new(),
        }
    }

    /// Space and comments.
    fn gap(&mut self) -> Result<Option<u8>> {
        loop {
            match self.bytes.space(b",")? {
                Some(b';') => {
                    while let Some(b) = self.bytes.peek()? {
                        self.bytes.skip(b);
                        if b == b'\n' {
                            break;
                        }
                    }
                }
                other => return Ok(other),
            }
        }
    }

    /// `[[[`, `[[{` and `[[(` begin a vector of transactions; `[[:db/add` and `[{` begin one transaction.
    fn start(&mut self) -> Result<()> {
        self.started = true;
        for _ in 0..2 {
            if self.gap()? != Some(b'[') {
                return Ok(());
            }
            self.bytes.skip(b'[');
            self.ahead.push(b'[');
        }
        if let Some(b'[' | b'{' | b'(' | b']') = self.gap()? {
            self.inner = true;
            self.ahead.remove(0);
        }
        Ok(())
    }

    /// The text of the next form or forms, which may be comments and discarded forms only.
    pub fn read(&mut self) -> Result<Option<Piece>> {
        if !self.started {
            self.start()?;
        }
        let mut text = std::mem::take(&mut self.ahead);
        let mut depth = text.len();
        if text.is_empty() {
            match self.gap()? {
                None if self.inner => {
                    return Err(failed(self.bytes.line, "the vector of transactions is never closed"));
                }
                None => return Ok(None),
                Some(b']') if self.inner => {
                    self.bytes.skip(b']');
                    self.inner = false;
                    return match self.gap()? {
                        None => Ok(None),
                        Some(_) => Err(failed(self.bytes.line, "something follows the vector of transactions")),
                    };
                }
                Some(_) => {}
            }
        }
        let line = self.bytes.line;
        let (mut quoted, mut escaped, mut comment) = (false, false, false);
        while let Some(b) = self.bytes.peek()? {
            if comment {
                comment = b != b'\n';
            } else if quoted {
                quoted = escaped || b != b'"';
                escaped = !escaped && b == b'\\';
            } else if escaped {
                // The character after a backslash: \[ is no bracket.
                escaped = false;
            } else {
                match b {
                    b'"' => quoted = true,
                    b'\\' => escaped = true,
                    b';' => comment = true,
                    b'[' | b'{' | b'(' => depth += 1,
                    b']' if self.inner && depth == 0 => break,
                    b']' | b'}' | b')' => {
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            take(&mut text, b, line)?;
                            self.bytes.skip(b);
                            break;
                        }
                    }
                    _ => {}
                }
            }
            take(&mut text, b, line)?;
            self.bytes.skip(b);
        }
        Ok(Some(Piece { line, text }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut read: impl FnMut() -> Result<Option<Piece>>) -> Vec<String> {
        let mut out = Vec::new();
        loop {
            match read() {
                Ok(Some(piece)) => out.push(format!("{}:{}", piece.line, piece.str().expect("text"))),
                Ok(None) => return out,
                Err(e) => {
                    out.push(e.message().to_string());
                    return out;
                }
            }
        }
    }

    #[test]
    fn elements_of_json() {
        let elements = |text: &'static str| {
            let mut elements = Elements::new(text.as_bytes());
            all(move || elements.read())
        };
        assert_eq!(
            elements("[ {\"a\": \"]}\\\"\"},\n [1, 2] , 3, \"x\" ]\n"),
            ["1:{\"a\": \"]}\\\"\"}", "2:[1, 2]", "2:3", "2:\"x\""]
        );
        assert_eq!(elements("{}\n{} 1\n"), ["1:{}", "2:{}", "2:1"]);
        assert_eq!(elements("[]"), Vec::<String>::new());
        assert_eq!(elements(""), Vec::<String>::new());
        assert_eq!(
            elements("[{} {}]"),
            ["1:{}", "line 1: no comma stands between two elements"]
        );
        assert_eq!(elements("[{},\n"), ["1:{}", "line 2: a value is missing here"]);
        assert_eq!(elements("[{}\n"), ["1:{}", "line 2: the array is never closed"]);
        assert_eq!(elements("[{}] 1"), ["1:{}", "line 1: something follows the array"]);
    }

    #[test]
    fn forms_of_edn() {
        let forms = |text: &'static str| {
            let mut forms = Forms::new(text.as_bytes());
            all(move || forms.read())
        };
        assert_eq!(
            forms("; first\n[{:a \"]\" :c \\] } ; ]\n]\n\n[[:db/add 1 :a 2]]"),
            ["2:[{:a \"]\" :c \\] } ; ]\n]", "5:[[:db/add 1 :a 2]]"]
        );
        assert_eq!(forms("[[:db/add 1 :a 2] {:a 1}]"), ["1:[[:db/add 1 :a 2] {:a 1}]"]);
        assert_eq!(
            forms("[ ; all\n[{:a 1}]\n [[:db/add 1 :a 2]]\n [] ]"),
            ["2:[{:a 1}]", "3:[[:db/add 1 :a 2]]", "4:[]"]
        );
        assert_eq!(
            forms("[[] [{}]"),
            ["1:[]", "1:[{}]", "line 1: the vector of transactions is never closed"]
        );
        assert_eq!(forms("{:a 1}{:b 2}"), ["1:{:a 1}", "1:{:b 2}"]);
        assert_eq!(forms("[{:a 1"), ["1:[{:a 1"]);
    }

    #[test]
    fn lines() {
        let mut lines = Lines::new(&b"a\r\n\n b \nc"[..]);
        assert_eq!(all(move || lines.read()), ["1:a", "3:b", "4:c"]);
    }
}
