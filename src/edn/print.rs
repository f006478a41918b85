//! Forms as text, on one line, that reads back equal.

use std::fmt::{Debug, Display, Formatter, Result, Write};

use super::{BigDecimal, Edn, Node, atoms};

impl Display for Edn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_node(f, &self.node)
    }
}

impl Debug for Edn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_node(f, &self.node)
    }
}

impl Debug for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_node(f, self)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write_node(f, self)
    }
}

/// A collection whose contents are being written.
enum Open<'a> {
    /// What is left of it, whether something stands before that, and how it ends.
    Items(std::slice::Iter<'a, Edn>, bool, &'static str),
    /// The same of a map, with the value of the key that was written last.
    Pairs(std::slice::Iter<'a, (Edn, Edn)>, bool, Option<&'a Edn>),
}

/// Writes a node on one line to anything that takes text. However deep it is, the native stack is not used.
pub(super) fn write_node(out: &mut dyn Write, node: &Node) -> Result {
    let mut open: Vec<Open> = Vec::new();
    let mut next = Some(node);
    loop {
        match next.take() {
            Some(Node::List(items)) => {
                out.write_char('(')?;
                open.push(Open::Items(items.iter(), false, ")"));
            }
            Some(Node::Vector(items)) => {
                out.write_char('[')?;
                open.push(Open::Items(items.iter(), false, "]"));
            }
            Some(Node::Set(items)) => {
                out.write_str("#{")?;
                open.push(Open::Items(items.iter(), false, "}"));
            }
            Some(Node::Map(pairs)) => {
                out.write_char('{')?;
                open.push(Open::Pairs(pairs.iter(), false, None));
            }
            Some(Node::Tagged(tag, form)) => {
                write!(out, "#{tag} ")?;
                next = Some(&form.node);
                continue;
            }
            Some(leaf) => write_leaf(out, leaf)?,
            None => {}
        }
        match open.last_mut() {
            None => return Ok(()),
            Some(Open::Items(items, some, close)) => match items.next() {
                Some(item) => {
                    if std::mem::replace(some, true) {
                        out.write_char(' ')?;
                    }
                    next = Some(&item.node);
                }
                None => {
                    out.write_str(close)?;
                    open.pop();
                }
            },
            Some(Open::Pairs(pairs, some, value)) => {
                if let Some(then) = value.take() {
                    out.write_char(' ')?;
                    next = Some(&then.node);
                } else if let Some((key, then)) = pairs.next() {
                    // Commas are white space; they part the pairs for the eye.
                    if std::mem::replace(some, true) {
                        out.write_str(", ")?;
                    }
                    *value = Some(then);
                    next = Some(&key.node);
                } else {
                    out.write_char('}')?;
                    open.pop();
                }
            }
        }
    }
}

fn write_leaf(out: &mut dyn Write, node: &Node) -> Result {
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
        Node::List(_) | Node::Vector(_) | Node::Set(_) | Node::Map(_) | Node::Tagged(..) => Ok(()),
    }
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
        _ => write!(out, "{digits}e{}M", -i128::from(scale)),
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
