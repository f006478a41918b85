//! JSON text to values, with numbers as they are written: nothing is rounded before the attribute's type is known.

use asof::error::{Code, Error, Result, Span};

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 100;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    /// Its digits.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// Keys in the order of the text, each once.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::Text(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
    /// The value of a key.
    #[cfg(test)]
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }
}

/// Reads one value.
pub fn parse(text: &str) -> Result<Json> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.space();
    let value = reader.value()?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.wrong("something follows the value")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn wrong(&self, what: &str) -> Error {
        let place = match self.text[self.at..].chars().next() {
            Some(c) => format!("at character {} ({c:?})", self.text[..self.at].chars().count() + 1),
            None => "where it ends".to_string(),
        };
        let end = (self.at + 1).min(self.text.len());
        Error::new(Code::ImportFailed, format!("no JSON {place}: {what}")).at(Span::new(self.at, end))
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong("a value begins with {, [, \", a digit, -, true, false or null"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn value(&mut self) -> Result<Json> {
        match self.peek() {
            Some(b'{') => self.nested(Reader::object),
            Some(b'[') => self.nested(Reader::array),
            Some(b'"') => self.string().map(Json::Text),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word("null", Json::Null),
        }
    }

    fn nested(&mut self, read: fn(&mut Reader<'a>) -> Result<Json>) -> Result<Json> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("it nests too deeply"));
        }
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    /// After an element: whether another follows.
    fn more(&mut self, close: u8) -> Result<bool> {
        self.space();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.space();
                Ok(true)
            }
            Some(c) if c == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.wrong(match close {
                b']' => "an element is followed by , or ]",
                _ => "an entry is followed by , or }",
            })),
        }
    }

    fn array(&mut self) -> Result<Json> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if !self.more(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    fn object(&mut self) -> Result<Json> {
        let mut entries: Vec<(String, Json)> = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(entries));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a key is a string"));
            }
            let key = self.string()?;
            if entries.iter().any(|(k, _)| *k == key) {
                return Err(self.wrong(&format!("the key {key:?} stands there twice")));
            }
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.wrong("a key is followed by :"));
            }
            self.at += 1;
            self.space();
            let value = self.value()?;
            entries.push((key, value));
            if !self.more(b'}')? {
                return Ok(Json::Object(entries));
            }
        }
    }

    fn number(&mut self) -> Result<Json> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = |from: usize| rest[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut end = usize::from(rest[0] == b'-');
        let whole = digits(end);
        if whole == 0 || whole > 1 && rest[end] == b'0' {
            return Err(self.wrong("a number has digits, and no 0 before others"));
        }
        end += whole;
        if rest.get(end) == Some(&b'.') {
            let n = digits(end + 1);
            if n == 0 {
                return Err(self.wrong("digits follow the point of a number"));
            }
            end += 1 + n;
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let n = digits((end + 1 + sign).min(rest.len()));
            if n == 0 {
                return Err(self.wrong("digits follow the e of a number"));
            }
            end += 1 + sign + n;
        }
        let text = self.text[self.at..self.at + end].to_string();
        self.at += end;
        Ok(Json::Number(text))
    }

    fn string(&mut self) -> Result<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20);
            let plain = plain.unwrap_or(rest.len());
            out.push_str(&rest[..plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.wrong("control characters in strings are escaped")),
                None => return Err(self.wrong("a string is opened and never closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let c = match self.text.as_bytes().get(self.at + 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(&c @ (b'"' | b'\\' | b'/')) => c as char,
            Some(b'u') => return self.unicode(),
            _ => return Err(self.wrong("an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000")),
        };
        self.at += 2;
        Ok(c)
    }

    /// `\u` and four digits; beyond the first plane two of them.
    fn unicode(&mut self) -> Result<char> {
        let unit = |at: usize| {
            let text = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
            let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
            digits.then(|| u16::from_str_radix(text, 16).ok())?
        };
        let Some(first) = unit(self.at) else {
            return Err(self.wrong("four hexadecimal digits follow \\u"));
        };
        let units = [first, unit(self.at + 6).unwrap_or(0)];
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => {
                self.at += 6 * c.len_utf16();
                Ok(c)
            }
            _ => Err(self.wrong("this is half of a character")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let text = r#" {"a": [1, -2.50e+3, 12345678901234567890, true, null], "b": {"c": "x\n\"\u00e9\ud83d\ude00/"}, "d": [], "e": {}} "#;
        let json = parse(text).expect("sound");
        let number = |n: &str| Json::Number(n.to_string());
        let list = vec![
            number("1"),
            number("-2.50e+3"),
            number("12345678901234567890"),
            Json::Bool(true),
            Json::Null,
        ];
        assert_eq!(json.get("a"), Some(&Json::Array(list)));
        let inner = json.get("b").and_then(|b| b.get("c"));
        assert_eq!(inner, Some(&Json::Text("x\n\"é😀/".to_string())));
        assert_eq!(json.get("e"), Some(&Json::Object(Vec::new())));
    }

    #[test]
    fn mistakes() {
        for (text, why) in [
            ("", "where it ends: a value begins"),
            ("[1,]", "at character 4 (']'): a value begins"),
            ("[1 2]", "followed by , or ]"),
            ("{a: 1}", "a key is a string"),
            ("{\"a\" 1}", "followed by :"),
            ("{\"a\": 1, \"a\": 2}", "twice"),
            ("01", "no 0 before others"),
            ("1.", "digits follow the point"),
            ("1e", "digits follow the e"),
            ("\"\u{1}\"", "control"),
            ("\"x", "never closed"),
            ("\"\\x\"", "an escape is"),
            ("\"\\ud83d\"", "half of a character"),
            ("\"\\u12g4\"", "four hexadecimal"),
            ("nul", "a value begins"),
            ("1 2", "follows the value"),
        ] {
            let e = parse(text).expect_err(text);
            assert!(e.message().contains(why), "{text}: {e}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(&deep).expect_err("deep").message().contains("deeply"));
    }
}
