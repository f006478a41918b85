//! What a sample of records holds: which fields there are, and of which types their values could be.

use std::collections::HashMap;

use asof::datom::ValueType;
use asof::edn::{Instant, Keyword};

use super::convert;
use super::csv::Field;
use super::json::Json;

/// The types that are recognised by their text, the first that fits all values counts; else it is text.
const GUESSES: [ValueType; 8] = [
    ValueType::Boolean,
    ValueType::Long,
    ValueType::BigInt,
    ValueType::Double,
    ValueType::BigDec,
    ValueType::Instant,
    ValueType::Uuid,
    ValueType::Keyword,
];

/// A set of [`GUESSES`], a bit each.
type Types = u8;

const fn bit(ty: ValueType) -> Types {
    let mut i = 0;
    while i < GUESSES.len() {
        if GUESSES[i] as u8 == ty as u8 {
            return 1 << i;
        }
        i += 1;
    }
    0
}

/// What was seen of a field.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The types that every scalar could be; `None` when there was none.
    types: Option<Types>,
    /// There were arrays.
    pub array: bool,
    /// What was seen of its objects.
    pub object: Option<Fields>,
    /// A value that is neither null nor empty was there.
    pub any: bool,
    /// The value that made a column text that was of another type until then.
    pub turned: Option<Turn>,
    /// The kinds of its scalars in JSON, a bit each.
    kinds: u8,
}

/// The kinds of scalars that JSON tells apart.
const BOOLEAN: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 4;

/// Where a column of a type becomes one of text.
#[derive(Clone, Debug)]
pub struct Turn {
    pub line: u64,
    /// As it stands there.
    pub text: String,
    pub before: ValueType,
}

/// Fields by name, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    pub names: Vec<String>,
    seen: Vec<Seen>,
    places: HashMap<String, usize>,
}

impl Fields {
    /// The field of a name, new or not.
    pub fn entry(&mut self, name: &str) -> &mut Seen {
        let place = match self.places.get(name) {
            Some(&place) => place,
            None => {
                self.names.push(name.to_string());
                self.seen.push(Seen::default());
                self.places.insert(name.to_string(), self.seen.len() - 1);
                self.seen.len() - 1
            }
        };
        &mut self.seen[place]
    }
    /// The fields with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Seen)> {
        self.names.iter().map(|n| n.as_str()).zip(&self.seen)
    }
    /// Looks at the entries of an object.
    pub fn see(&mut self, entries: &[(String, Json)], line: u64) {
        for (key, value) in entries {
            self.entry(key).see(value, line);
        }
    }
}

impl Seen {
    /// The type of its scalars.
    pub fn ty(&self) -> ValueType {
        let fits = |ty: &ValueType| self.types.is_some_and(|types| types & bit(*ty) != 0);
        GUESSES.into_iter().find(fits).unwrap_or(ValueType::String)
    }
    /// Whether there were scalars.
    pub fn scalar(&self) -> bool {
        self.types.is_some()
    }
    /// Whether JSON has scalars of several kinds in it: then all are text.
    pub fn is_mixed(&self) -> bool {
        self.kinds.count_ones() > 1
    }
    fn types(&mut self, types: Types, shown: impl FnOnce() -> String, line: u64) {
        self.any = true;
        let before = self.types.unwrap_or(Types::MAX);
        if before & types == 0 && before != 0 && before != Types::MAX {
            self.turn(shown, line);
        }
        self.types = Some(before & types);
    }
    fn turn(&mut self, shown: impl FnOnce() -> String, line: u64) {
        self.turned = Some(Turn {
            line,
            text: shown(),
            before: self.ty(),
        });
    }
    /// Looks at a scalar of JSON of one kind.
    fn kind(&mut self, kind: u8, types: Types, shown: impl Fn() -> String, line: u64) {
        // Texts that are no instants and the like were text before.
        if self.turned.is_none() && self.kinds != 0 && self.kinds & kind == 0 {
            self.turn(&shown, line);
        }
        let turned = self.turned.clone();
        self.kinds |= kind;
        self.types(types, shown, line);
        self.turned = turned.or(self.turned.take());
    }
    /// Looks at a field of delimited text in this line.
    pub fn see_text(&mut self, field: &Field, line: u64) {
        self.types(of_text(&field.text), || quoted(&field.text), line);
    }
    /// Looks at a value of JSON in this line.
    pub fn see(&mut self, value: &Json, line: u64) {
        match value {
            Json::Null => {}
            Json::Bool(b) => self.kind(BOOLEAN, bit(ValueType::Boolean), || b.to_string(), line),
            Json::Number(text) => self.kind(NUMBER, of_text(text), || text.clone(), line),
            // Text is no number, however it looks.
            Json::Text(text) => {
                let text_like = bit(ValueType::Instant) | bit(ValueType::Uuid) | bit(ValueType::Keyword);
                self.kind(TEXT, of_text(text) & text_like, || quoted(text), line);
            }
            Json::Array(items) => {
                self.array = true;
                items.iter().for_each(|item| self.see(item, line));
            }
            Json::Object(entries) => {
                self.any = true;
                self.object.get_or_insert_with(Fields::default).see(entries, line);
            }
        }
    }
}

/// The beginning of a text, in quotes.
fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// The types that a text could be.
fn of_text(text: &str) -> Types {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b't' | b'f' | b'T' | b'F') if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => {
            bit(ValueType::Boolean)
        }
        Some(b':') if Keyword::new(&text[1..]).is_readable() => bit(ValueType::Keyword),
        Some(b'-' | b'0'..=b'9') => number(text) | instant(text) | uuid(text),
        Some(_) => uuid(text),
        None => 0,
    }
}

/// Numbers without a sign + and without zeros before them: what begins so is a code or a telephone number.
fn number(text: &str) -> Types {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.bytes().take_while(|b| b.is_ascii_digit()).count();
    if whole == 0 || whole > 1 && digits.starts_with('0') {
        return 0;
    }
    if whole == digits.len() {
        let large = bit(ValueType::BigInt) | bit(ValueType::BigDec);
        return match text.parse::<i64>() {
            // A double holds it exactly.
            Ok(n) if n.unsigned_abs() <= 1 << 53 => large | bit(ValueType::Long) | bit(ValueType::Double),
            Ok(_) => large | bit(ValueType::Long),
            Err(_) => large,
        };
    }
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() => match convert::keeps_digits(text, ValueType::Double) {
            true => bit(ValueType::Double) | bit(ValueType::BigDec),
            false => bit(ValueType::BigDec),
        },
        _ => 0,
    }
}

fn instant(text: &str) -> Types {
    // A year alone is a number.
    let day = text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    match day && Instant::parse(&convert::with_t(text)).is_ok() {
        true => bit(ValueType::Instant),
        false => 0,
    }
}

fn uuid(text: &str) -> Types {
    match text.len() == 36 && asof::edn::Uuid::try_parse(text).is_ok() {
        true => bit(ValueType::Uuid),
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(texts: &[&str]) -> &'static str {
        let mut seen = Seen::default();
        for text in texts {
            let field = Field {
                text: text.to_string(),
                quoted: false,
            };
            seen.see_text(&field, 1);
        }
        seen.ty().name()
    }

    #[test]
    fn types_of_texts() {
        assert_eq!(guess(&["1", "-20", "0"]), "long");
        assert_eq!(guess(&["1", "2.5", "1e3", "-0.5"]), "double");
        assert_eq!(guess(&["1", "123456789012345678901234567890"]), "bigint");
        assert_eq!(guess(&["9007199254740993", "0.5"]), "bigdec");
        assert_eq!(guess(&["1.5", "12345678901234567890.5"]), "bigdec");
        assert_eq!(guess(&["123456789012345678901234567890", "0.5"]), "bigdec");
        assert_eq!(guess(&["0.1234567890123456789"]), "bigdec");
        assert_eq!(
            guess(&["0.30000000000000004", "1.7976931348623157e308", "5e-324"]),
            "double"
        );
        assert_eq!(guess(&["0.10000000000000000000", "0.0", "-0.0", "1e-310"]), "double");
        assert_eq!(guess(&["1e400"]), "string");
        assert_eq!(guess(&["1e-999999999"]), "double");
        assert_eq!(guess(&["007", "1"]), "string");
        assert_eq!(guess(&["+49", "1"]), "string");
        assert_eq!(guess(&["true", "FALSE"]), "boolean");
        assert_eq!(
            guess(&["2024-01-31", "2024-01-31 12:30:00", "2024-01-31T12:30Z"]),
            "instant"
        );
        assert_eq!(guess(&["2024-13-01"]), "string");
        assert_eq!(guess(&["2024", "1999"]), "long");
        assert_eq!(guess(&["f81d4fae-7dec-11d0-a765-00a0c91e6bf6"]), "uuid");
        assert_eq!(guess(&[":a", ":b/c"]), "keyword");
        assert_eq!(guess(&[":a", "b"]), "string");
        assert_eq!(guess(&["inf"]), "string");
        assert_eq!(guess(&["häßlich"]), "string");
        assert_eq!(guess(&[]), "string");
    }

    #[test]
    fn types_of_json() {
        let mut fields = Fields::default();
        for text in [
            r#"{"n": 1, "s": "1", "a": [1, 2.5], "o": {"x": true}, "e": null}"#,
            r#"{"o": {"y": "2024-01-01"}}"#,
        ] {
            let Json::Object(entries) = super::super::json::parse(text).expect("JSON") else {
                panic!("an object");
            };
            fields.see(&entries, 1);
        }
        let ty = |name: &str| {
            fields
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, s)| (s.ty().name(), s.array, s.any))
        };
        assert_eq!(ty("n"), Some(("long", false, true)));
        assert_eq!(ty("s"), Some(("string", false, true)));
        assert_eq!(ty("a"), Some(("double", true, true)));
        assert_eq!(ty("e"), Some(("string", false, false)));
        let object = fields
            .iter()
            .find(|(n, _)| *n == "o")
            .and_then(|(_, s)| s.object.as_ref())
            .expect("seen");
        assert_eq!(object.names, ["x", "y"]);
    }
}
