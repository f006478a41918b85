//! Forms as text, on one line, that reads back equal.

use std::fmt::{Display, Formatter, Result, Write};

use super::{BigDecimal, Edn, Node, atoms};

impl Display for Edn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_node(f, &self.node)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_node(f, self)
    }
}

/// Writes a node on one line to anything that takes text.
pub(super) fn write_node(out: &mut dyn Write, node: &Node) -> Result {
    match node {
        Node::Nil => out.write_str("nil"),
        Node::Bool(b) => write!(out, "{b}"),
        Node::Char(c) => write_char(out, *c),
        Node::Long(n) => write!(out, "{n}"),
        Node::BigInt(n) => write!(out, "{n}N"),
        Node::Double(d) => write_double(out, *d),
        Node::BigDec(d) => write_decimal(out, d),
        Node::Str(s) => write_string(out, s),
        Node::Symbol(s) => write!(out, "{s}"),
        Node::Keyword(k) => write!(out, "{k}"),
        Node::Inst(i) => write!(out, "#inst \"{i}\""),
        Node::Uuid(u) => write!(out, "#uuid \"{u}\""),
        Node::Bytes(bytes) => {
            out.write_str("#bytes \"")?;
            bytes.iter().try_for_each(|b| write!(out, "{b:02x}"))?;
            out.write_char('"')
        }
        Node::List(items) => write_items(out, "(", items, ")"),
        Node::Vector(items) => write_items(out, "[", items, "]"),
        Node::Set(items) => write_items(out, "#{", items, "}"),
        Node::Map(pairs) => {
            out.write_char('{')?;
            for (n, (key, value)) in pairs.iter().enumerate() {
                // Commas are white space; they part the pairs for the eye.
                if n > 0 {
                    out.write_str(", ")?;
                }
                write_node(out, &key.node)?;
                out.write_char(' ')?;
                write_node(out, &value.node)?;
            }
            out.write_char('}')
        }
        Node::Tagged(tag, form) => {
            write!(out, "#{tag} ")?;
            write_node(out, &form.node)
        }
    }
}

fn write_items(out: &mut dyn Write, open: &str, items: &[Edn], close: &str) -> Result {
    out.write_str(open)?;
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            out.write_char(' ')?;
        }
        write_node(out, &item.node)?;
    }
    out.write_str(close)
}

/// Characters that would break the line or cannot be seen are written by their code.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

fn write_char(out: &mut dyn Write, c: char) -> Result {
    match atoms::character_name(c) {
        Some(name) => write!(out, "\\{name}"),
        None if is_unseen(c) || c.is_whitespace() || c == ',' => write!(out, "\\u{:04x}", c as u32),
        None => write!(out, "\\{c}"),
    }
}

fn write_double(out: &mut dyn Write, d: f64) -> Result {
    match d {
        _ if d.is_nan() => out.write_str("##NaN"),
        _ if d.is_infinite() => out.write_str(if d > 0.0 { "##Inf" } else { "##-Inf" }),
        // The shortest digits that read back, with a point or an exponent always.
        _ => write!(out, "{d:?}"),
    }
}

/// Digits and scale as they are; `1.50M` keeps its zero. Far from 1 the exponent is written, so that it stays short.
fn write_decimal(out: &mut dyn Write, d: &BigDecimal) -> Result {
    let (digits, scale) = d.as_bigint_and_exponent();
    match scale {
        0 => write!(out, "{digits}M"),
        1..=40 => {
            let sign = if digits.sign() == num_bigint::Sign::Minus {
                "-"
            } else {
                ""
            };
            let digits = digits.magnitude().to_string();
            let scale = scale as usize;
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            write!(out, "{sign}{whole}.{fraction}M")
        }
        _ => write!(out, "{digits}e{}M", i128::from(scale).wrapping_neg()),
    }
}

/// A string with quotes and escapes.
pub(super) fn write_string(out: &mut dyn Write, text: &str) -> Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            _ if is_unseen(c) => "",
            _ => continue,
        };
        out.write_str(&text[plain..at])?;
        plain = at + c.len_utf8();
        match escaped {
            "" => write!(out, "\\u{:04x}", c as u32)?,
            _ => out.write_str(escaped)?,
        }
    }
    out.write_str(&text[plain..])?;
    out.write_char('"')
}
