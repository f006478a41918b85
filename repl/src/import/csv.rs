//! Delimited text as RFC 4180 has it, a record at a time, with lines and the bytes as they were.
//!
//! A field in quotes may hold delimiters, line ends and doubled quotes. A quote inside a field without quotes is a character like
//! any other. What follows a closing quote must be a delimiter or the end of the line.

use std::io::BufRead;

use asof::error::{Code, Error, Result};

/// The longest record, in bytes: a quote that is never closed must not fill the memory.
const RECORD_BYTES_MAX: usize = 64 << 20;

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub text: String,
    /// It stood in quotes, so that an empty text is meant.
    pub quoted: bool,
}

/// A record and where it began.
#[derive(Debug)]
pub struct Record {
    pub line: u64,
    /// As it stands in the file, without the line end.
    pub raw: Vec<u8>,
    /// Its fields, or why it has none.
    pub fields: Result<Vec<Field>>,
}

/// Reads records.
pub struct Reader<R> {
    input: R,
    delimiter: u8,
    /// Lines read so far.
    lines: u64,
}

impl<R: BufRead> Reader<R> {
    pub fn new(input: R, delimiter: u8) -> Reader<R> {
        Reader {
            input,
            delimiter,
            lines: 0,
        }
    }

    /// Appends the next line; `false` at the end.
    fn line(&mut self, raw: &mut Vec<u8>) -> std::io::Result<bool> {
        let more = self.input.read_until(b'\n', raw)? > 0;
        self.lines += u64::from(more);
        Ok(more)
    }

    /// The next record that is not an empty line.
    pub fn read(&mut self) -> Result<Option<Record>> {
        let mut raw = Vec::with_capacity(128);
        loop {
            raw.clear();
            if !self.line(&mut raw)? {
                return Ok(None);
            }
            if end_of_line(&raw) > 0 {
                break;
            }
        }
        let line = self.lines;
        let fields = self.fields(&mut raw)?;
        raw.truncate(end_of_line(&raw));
        Ok(Some(Record { line, raw, fields }))
    }

    /// The fields of the record that begins `raw`; reads on while a quote is open.
    fn fields(&mut self, raw: &mut Vec<u8>) -> Result<Result<Vec<Field>>> {
        let mut fields = Vec::new();
        let mut at = 0;
        loop {
            let quoted = raw.get(at) == Some(&b'"');
            let text = if quoted {
                let mut text = Vec::new();
                at += 1;
                loop {
                    match raw[at..].iter().position(|&b| b == b'"') {
                        Some(length) => {
                            text.extend_from_slice(&raw[at..at + length]);
                            at += length + 1;
                            if raw.get(at) != Some(&b'"') {
                                break;
                            }
                            text.push(b'"');
                            at += 1;
                        }
                        None => {
                            text.extend_from_slice(&raw[at..]);
                            at = raw.len();
                            if at > RECORD_BYTES_MAX || !self.line(raw)? {
                                return Ok(Err(failed("a quote is opened and never closed")
                                    .hint("a quote inside of a quoted field is written twice")));
                            }
                        }
                    }
                }
                let end = end_of_line(raw);
                if at < end && raw[at] != self.delimiter {
                    let message = format!("field {} goes on after its closing quote", fields.len() + 1);
                    return Ok(Err(
                        failed(&message).hint("a quote inside of a quoted field is written twice")
                    ));
                }
                text
            } else {
                let end = end_of_line(raw);
                let rest = &raw[at..end];
                let length = rest.iter().position(|&b| b == self.delimiter).unwrap_or(rest.len());
                at += length;
                rest[..length].to_vec()
            };
            match String::from_utf8(text) {
                Ok(text) => fields.push(Field { text, quoted }),
                Err(_) => {
                    let message = format!("field {} is not UTF-8", fields.len() + 1);
                    return Ok(Err(
                        failed(&message).hint("convert the file first, as with iconv -t utf-8")
                    ));
                }
            }
            if at >= end_of_line(raw) {
                return Ok(Ok(fields));
            }
            at += 1;
        }
    }
}

/// Where the line end begins.
fn end_of_line(raw: &[u8]) -> usize {
    match raw {
        [rest @ .., b'\r', b'\n'] => rest.len(),
        [rest @ .., b'\n'] => rest.len(),
        _ => raw.len(),
    }
}

fn failed(message: &str) -> Error {
    Error::new(Code::ImportFailed, message)
}

/// The elements of a field with several: parted by `separator`, in quotes where an element holds it.
pub fn elements(text: &str, separator: char) -> Vec<Field> {
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let quoted = rest.strip_prefix('"').and_then(|inner| {
            let mut from = 0;
            loop {
                let quote = from + inner[from..].find('"')?;
                match inner[quote + 1..].chars().next() {
                    Some('"') => from = quote + 2,
                    Some(c) if c == separator => {
                        return Some((&inner[..quote], Some(&inner[quote + 1 + c.len_utf8()..])));
                    }
                    None => return Some((&inner[..quote], None)),
                    // Not quoted after all: text that begins with a quote.
                    Some(_) => return None,
                }
            }
        });
        let next = match quoted {
            Some((inner, next)) => {
                out.push(Field {
                    text: inner.replace("\"\"", "\""),
                    quoted: true,
                });
                next
            }
            None => {
                let (text, next) = match rest.split_once(separator) {
                    Some((text, next)) => (text, Some(next)),
                    None => (rest, None),
                };
                out.push(Field {
                    text: text.to_string(),
                    quoted: false,
                });
                next
            }
        };
        match next {
            Some(next) => rest = next,
            None => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, Result<Vec<String>>)> {
        let mut reader = Reader::new(text.as_bytes(), b',');
        let mut all = Vec::new();
        while let Some(record) = reader.read().expect("memory can be read") {
            let fields = record.fields.map(|fields| {
                let show = |f: Field| if f.quoted { format!("<{}>", f.text) } else { f.text };
                fields.into_iter().map(show).collect()
            });
            all.push((record.line, fields));
        }
        all
    }

    #[test]
    fn records() {
        let text = "a,b\r\n\n1,\"x, \"\"y\"\"\nz\"\n,\n5\" disk,\"\"\nlast";
        let all: Vec<_> = read(text)
            .into_iter()
            .map(|(line, fields)| (line, fields.expect("sound").join("|")))
            .collect();
        let expected = [
            (1, "a|b"),
            (3, "1|<x, \"y\"\nz>"),
            (5, "|"),
            (6, "5\" disk|<>"),
            (7, "last"),
        ];
        assert_eq!(all, expected.map(|(line, text)| (line, text.to_string())));
    }

    #[test]
    fn broken_records() {
        let all = read("\"a\"b,c\nok,1\n\"open\nto the end");
        assert!(
            all[0]
                .1
                .as_ref()
                .expect_err("text after the quote")
                .message()
                .contains("field 1 goes on")
        );
        assert!(all[1].1.is_ok());
        assert_eq!((all.len(), all[2].0), (3, 3));
        assert!(all[2].1.as_ref().expect_err("open").message().contains("never closed"));
        let mut reader = Reader::new(&b"a,\xff\n"[..], b',');
        let record = reader.read().expect("readable").expect("a record");
        assert!(
            record
                .fields
                .expect_err("no text")
                .message()
                .contains("field 2 is not UTF-8")
        );
    }

    #[test]
    fn elements_of_a_field() {
        let list = |text| elements(text, '|').into_iter().map(|f| f.text).collect::<Vec<_>>();
        assert_eq!(list("a|b"), ["a", "b"]);
        assert_eq!(list("\"a|b\"|\"say \"\"x\"\"\"|\"\""), ["a|b", "say \"x\"", ""]);
        assert_eq!(list("\"a\" b|c"), ["\"a\" b", "c"]);
        assert_eq!(list("a||\"b"), ["a", "", "\"b"]);
    }
}
