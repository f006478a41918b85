//! EDN as JSON. Keywords and symbols become their names without a colon, instants and UUIDs strings, sets arrays; numbers
//! beyond 64 bits and decimals become strings, since most readers of JSON would round them.

use std::io::Write;

use asof::edn::{Edn, MAX_DEPTH, Node};
use asof::error::{Code, Error, Result};

use super::{Rows, untagged};

/// Writes `value` on a line; a relation as an array of objects.
pub fn write(out: &mut dyn Write, value: &Edn, rows: Option<&Rows>) -> Result<()> {
    if value.is_deeper_than(MAX_DEPTH) {
        let message = format!("a result nested more than {MAX_DEPTH} deep is no JSON that others would read");
        return Err(Error::new(Code::InvalidArgument, message).hint("print it as EDN"));
    }
    let mut text = String::new();
    match rows {
        None => put(&mut text, value),
        Some(rows) => list(&mut text, '[', ']', &rows.rows, |text, row| {
            let cells: Vec<_> = rows.columns.iter().zip(row).collect();
            list(text, '{', '}', &cells, |text, (column, value)| {
                string(text, column);
                text.push(':');
                put(text, value);
            });
        }),
    }
    writeln!(out, "{text}")?;
    Ok(())
}

fn list<X>(out: &mut String, open: char, close: char, items: &[X], mut each: impl FnMut(&mut String, &X)) {
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(close);
}

/// Appends a value.
pub fn put(out: &mut String, value: &Edn) {
    match &value.node {
        Node::Nil => out.push_str("null"),
        Node::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Node::Long(n) => out.push_str(&n.to_string()),
        Node::Double(x) if x.is_finite() => out.push_str(&format!("{x:?}")),
        Node::Str(s) => string(out, s),
        Node::List(items) | Node::Vector(items) | Node::Set(items) => list(out, '[', ']', items, put),
        Node::Map(entries) => list(out, '{', '}', entries, |out, (key, value)| {
            string(out, &name(key));
            out.push(':');
            put(out, value);
        }),
        Node::Tagged(_, inner) => put(out, inner),
        _ => string(out, &name(value)),
    }
}

/// A value as a text.
fn name(value: &Edn) -> String {
    match &value.node {
        Node::Str(s) => s.to_string(),
        Node::Keyword(k) => k.0.to_string(),
        Node::Symbol(s) => s.to_string(),
        Node::Char(c) => c.to_string(),
        Node::BigInt(n) => n.to_string(),
        Node::BigDec(n) => n.to_string(),
        _ => untagged(value),
    }
}

/// Appends a text.
pub fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use asof::edn::{Edn, Keyword, Node};

    #[test]
    fn values() {
        let entry = (
            Node::Keyword(Keyword::new("a/b")).into(),
            Node::Str("x\"\n\u{1}".into()).into(),
        );
        let map = Edn::from(Node::Map(vec![entry, (Node::Long(1).into(), Node::Nil.into())]));
        let mut out = Vec::new();
        super::write(&mut out, &map, None).expect("memory takes it");
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "{\"a/b\":\"x\\\"\\n\\u0001\",\"1\":null}\n"
        );
    }
}
