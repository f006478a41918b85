//! The value of one word: numbers, strings, characters, symbols and keywords; and what is wrong with a word that has none.

use std::str::FromStr;

use super::{BigDecimal, BigInt, Keyword, Node, Symbol};
use crate::error::{Code, Error, Span, nearest};

/// The most digits of a number; reading and printing take time that grows with their square.
pub(super) const MAX_DIGITS: usize = 10_000;
/// The largest power of ten of a decimal, either way; `1e999999999M` would be gigabytes when written out.
const MAX_DECIMAL_EXPONENT: i64 = 9_999;

/// An error of code `invalid-edn`.
pub(super) fn invalid(span: Span, message: impl Into<String>) -> Error {
    Error::new(Code::InvalidEdn, message).at(span)
}

/// A word in backticks, shortened, for messages.
pub(super) fn shown(word: &str) -> String {
    const MOST: usize = 40;
    let mut out = String::from("`");
    for (n, c) in word.chars().enumerate() {
        if n == MOST {
            out.push('…');
            break;
        }
        out.push_str(&seen(c));
    }
    out.push('`');
    out
}

/// A character, or its code when it would not be seen.
fn seen(c: char) -> String {
    match c.is_control() {
        true => c.escape_debug().to_string(),
        false => c.to_string(),
    }
}

/// The value of any leaf of the text.
pub(super) fn leaf(text: &str, span: Span) -> Result<Node, Error> {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'"') => string(text, span),
        Some(b'\\') => character(text, span),
        Some(b'#') => symbolic(text, span),
        Some(b':') => match is_name(&text[1..], is_keyword_part) {
            true => Ok(keyword(text)),
            false => Err(bad_keyword(text, span)),
        },
        Some(b'0'..=b'9') => number(text, span),
        Some(b'+' | b'-') if bytes.get(1).is_some_and(u8::is_ascii_digit) => number(text, span),
        _ => match text {
            "nil" => Ok(Node::Nil),
            "true" => Ok(Node::Bool(true)),
            "false" => Ok(Node::Bool(false)),
            _ => check_symbol(text, span).map(|()| symbol(text)),
        },
    }
}

/// A keyword whose text is known to be one, colon included.
pub(super) fn keyword(text: &str) -> Node {
    Node::Keyword(Keyword::new(&text[1..]))
}

/// A symbol whose text is known to be one.
pub(super) fn symbol(text: &str) -> Node {
    Node::Symbol(Symbol::new(text))
}

/// `##Inf`, `##-Inf`, `##NaN`.
pub(super) fn symbolic(text: &str, span: Span) -> Result<Node, Error> {
    match text {
        "##Inf" => Ok(Node::Double(f64::INFINITY)),
        "##-Inf" => Ok(Node::Double(f64::NEG_INFINITY)),
        "##NaN" => Ok(Node::Double(f64::NAN)),
        _ => Err(invalid(
            span,
            format!("{} is unknown: after `##` stands Inf, -Inf or NaN", shown(text)),
        )
        .suggest(text, ["##Inf", "##-Inf", "##NaN"])),
    }
}

/// A number: `42`, `42N`, `1.5e3`, `1.5M`.
pub(super) fn number(text: &str, span: Span) -> Result<Node, Error> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let Some(kind) = number_kind(unsigned).filter(|_| text.len() - unsigned.len() <= 1) else {
        return Err(bad_number(text, unsigned, span));
    };
    if text.len() > MAX_DIGITS {
        return Err(invalid(
            span,
            format!("a number of {} characters: at most {MAX_DIGITS} are read", text.len()),
        ));
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    let wrong = || bad_number(text, unsigned, span);
    let whole = |n: BigInt| Node::BigInt(n.into());
    match kind {
        NumberKind::Whole => match i64::from_str(plain) {
            Ok(long) => Ok(Node::Long(long)),
            Err(_) => BigInt::from_str(plain).map(whole).map_err(|_| wrong()),
        },
        NumberKind::BigInt => BigInt::from_str(plain.trim_end_matches('N'))
            .map(whole)
            .map_err(|_| wrong()),
        NumberKind::Double => match f64::from_str(plain) {
            Ok(double) if double.is_finite() => Ok(Node::Double(double)),
            Ok(_) => Err(invalid(
                span,
                format!("{} is beyond the largest double, about 1.8e308", shown(text)),
            )
            .hint("write `##Inf` for infinity, or add `M` for an exact decimal")),
            Err(_) => Err(wrong()),
        },
        NumberKind::BigDec => {
            let decimal = BigDecimal::from_str(plain.trim_end_matches('M'));
            match decimal {
                Ok(d) if d.fractional_digit_count().abs() <= MAX_DECIMAL_EXPONENT => Ok(Node::BigDec(d.into())),
                _ => Err(invalid(
                    span,
                    format!(
                        "the exponent of {} is too large: at most {MAX_DECIMAL_EXPONENT} either way",
                        shown(text)
                    ),
                )),
            }
        }
    }
}

enum NumberKind {
    Whole,
    BigInt,
    Double,
    BigDec,
}

/// What kind of number an unsigned text is: the grammar's `long`, `bigint`, `double`, `bigdec`.
fn number_kind(text: &str) -> Option<NumberKind> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(text);
    if whole == 0 || whole > 1 && text.starts_with('0') {
        return None;
    }
    let mut rest = &text[whole..];
    match rest {
        "" => return Some(NumberKind::Whole),
        "N" => return Some(NumberKind::BigInt),
        _ => {}
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        let n = digits(fraction);
        if n == 0 {
            return None;
        }
        rest = &fraction[n..];
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let n = digits(exponent);
        if n == 0 {
            return None;
        }
        rest = &exponent[n..];
    }
    match rest {
        "" => Some(NumberKind::Double),
        "M" => Some(NumberKind::BigDec),
        _ => None,
    }
}

fn bad_number(text: &str, unsigned: &str, span: Span) -> Error {
    let word = shown(text);
    let not = |why: &str| invalid(span, format!("{word} is not a number: {why}"));
    let lower = unsigned.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        let value = i64::from_str_radix(digits, 16).ok();
        let error = not("EDN has no hexadecimal numbers");
        return match value {
            Some(value) => error.hint(format!("write it in decimal: {value}")),
            None => error.hint("write it in decimal"),
        };
    }
    if let Some((radix, digits)) = lower.split_once('r')
        && !radix.is_empty()
        && radix.bytes().all(|b| b.is_ascii_digit())
    {
        let radix = radix.parse().ok().filter(|r| (2..=36).contains(r));
        let error = not("EDN has no numbers with a radix");
        return match radix.and_then(|r| i64::from_str_radix(digits, r).ok()) {
            Some(value) => error.hint(format!("write it in decimal: {value}")),
            None => error.hint("write it in decimal"),
        };
    }
    if unsigned.contains('/') {
        return not("EDN has no ratios").hint("write a decimal such as `0.5` or `0.5M`, or a string");
    }
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &unsigned[digits..];
    if digits > 1 && unsigned.starts_with('0') {
        return not("it begins with 0, and EDN has no octal numbers")
            .hint(format!("leave the zero out: {}", unsigned.trim_start_matches('0')));
    }
    if rest == "." || rest == ".M" {
        return not("expected a digit after the point").hint(format!("write `{}`", unsigned.replacen('.', ".0", 1)));
    }
    if unsigned.bytes().filter(|&b| b == b'-' || b == b':').count() >= 1 && digits >= 2 && !lower.contains('e') {
        return not("it looks like a date or a name that begins with a digit")
            .hint("a date is `#inst \"2024-01-31\"`; symbols never begin with a digit");
    }
    if unsigned.contains('_') && number_kind(&unsigned.replace('_', "")).is_some() {
        return not("`_` cannot group digits").hint(format!("write `{}`", text.replace('_', "")));
    }
    match rest.chars().next() {
        Some('e' | 'E') => not("expected digits after the exponent's `e`").hint("write `1e3` for 1000.0"),
        Some('.') if rest.ends_with('N') => {
            not("`N` ends a whole number").hint(format!("write {}", shown(&text.replace('N', "M"))))
        }
        Some(c) => not(&format!("`{}` cannot follow its digits", seen(c)))
            .hint("numbers are `42`, `42N`, `1.5`, `1.5e3`, `1.5M`; symbols never begin with a digit; put a blank between two forms"),
        None => not("expected digits"),
    }
}

const CHARACTERS: [(&str, char); 6] = [
    ("newline", '\n'),
    ("space", ' '),
    ("tab", '\t'),
    ("return", '\r'),
    ("backspace", '\u{8}'),
    ("formfeed", '\u{c}'),
];

/// The name of a character that has one: `newline`.
pub(super) fn character_name(c: char) -> Option<&'static str> {
    CHARACTERS.iter().find(|(_, named)| *named == c).map(|(name, _)| *name)
}

/// `\a`, `\newline`, `\u00e9`, backslash included.
pub(super) fn character(text: &str, span: Span) -> Result<Node, Error> {
    let name = &text[1..];
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return Ok(Node::Char(c));
    }
    if let Some((_, c)) = CHARACTERS.iter().find(|(known, _)| *known == name) {
        return Ok(Node::Char(*c));
    }
    if let Some(code) = name.strip_prefix('u').and_then(hex4).filter(|_| name.len() == 5) {
        return match char::from_u32(code) {
            Some(c) => Ok(Node::Char(c)),
            None => Err(invalid(
                span,
                format!("{} is half of a surrogate pair, not a character", shown(text)),
            )
            .hint("write the character itself after the backslash")),
        };
    }
    let error = invalid(
        span,
        format!(
            "{} is not a character: expected one character or a name after `\\`",
            shown(text)
        ),
    );
    Err(match nearest(name, CHARACTERS.iter().map(|(name, _)| *name)) {
        Some(near) => error.hint(format!("did you mean `\\{near}`?")),
        None => error.hint(
            "the names are newline, space, tab, return, backspace, formfeed, and u with four hexadecimal digits; \
             text of several characters is a string \"...\"",
        ),
    })
}

fn hex4(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    digits
        .bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

/// A string, quotes included.
pub(super) fn string(text: &str, span: Span) -> Result<Node, Error> {
    let inner = &text[1..text.len() - 1];
    if !inner.contains('\\') {
        return Ok(Node::Str(inner.into()));
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(slash) = rest.find('\\') {
        out.push_str(&rest[..slash]);
        rest = &rest[slash..];
        let (c, length) = escape(rest).map_err(|(length, why)| {
            let start = span.end as usize - 1 - rest.len();
            let error = invalid(
                Span::new(start, start + length),
                format!("{} in a string: {why}", shown(&rest[..length])),
            );
            error.hint("the escapes are \\n \\t \\r \\b \\f \\\\ \\\" and \\uXXXX; a backslash itself is \\\\")
        })?;
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Ok(Node::Str(out.into()))
}

/// The character of the escape at the beginning of `text`, and its length; or the length at fault and why.
fn escape(text: &str) -> Result<(char, usize), (usize, &'static str)> {
    let c = text[1..].chars().next().unwrap_or('\\');
    let simple = match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        '\\' | '"' => c,
        'u' => return unicode_escape(text),
        '0'..='7' => {
            let most = if c <= '3' { 3 } else { 2 };
            let digits = text[1..].bytes().take(most).take_while(|b| (b'0'..=b'7').contains(b));
            let (code, length) = digits.fold((0u32, 1), |(code, n), b| (code * 8 + u32::from(b - b'0'), n + 1));
            return char::from_u32(code)
                .map(|c| (c, length))
                .ok_or((length, "no such character"));
        }
        _ => return Err((1 + c.len_utf8(), "there is no such escape")),
    };
    Ok((simple, 2))
}

fn unicode_escape(text: &str) -> Result<(char, usize), (usize, &'static str)> {
    let Some(high) = text.get(2..).and_then(hex4) else {
        let digits = text[2..].bytes().take(4).take_while(u8::is_ascii_hexdigit).count();
        return Err((2 + digits, "expected four hexadecimal digits after `\\u`"));
    };
    match high {
        0xD800..=0xDBFF => {
            let low = text[6..].strip_prefix("\\u").and_then(hex4);
            match low.filter(|low| (0xDC00..=0xDFFF).contains(low)) {
                Some(low) => {
                    let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                    char::from_u32(code).map(|c| (c, 12)).ok_or((12, "no such character"))
                }
                None => Err((
                    6,
                    "it is the first half of a surrogate pair, and the second half does not follow",
                )),
            }
        }
        _ => char::from_u32(high)
            .map(|c| (c, 6))
            .ok_or((6, "it is the second half of a surrogate pair without the first")),
    }
}

/// Whether a character may stand in a symbol or keyword.
fn is_name_char(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '-' | '?' | '.' | '_' | '!' | '*' | '+' | '=' | '<' | '>' | '$' | '%' | '&' | ':' | '#' | '\'' => true,
        // Quotes of word processors are nearly always meant as string quotes.
        '\u{201C}' | '\u{201D}' | '\u{FEFF}' => false,
        _ => c as u32 >= 0xA0 && !c.is_whitespace(),
    }
}

/// The grammar's `keyword_part`.
pub(super) fn is_keyword_part(part: &str) -> bool {
    !part.is_empty() && !part.starts_with([':', '#', '\'']) && part.chars().all(is_name_char)
}

/// The grammar's `symbol_part`.
fn is_symbol_part(part: &str) -> bool {
    is_keyword_part(part) && !looks_numeric(part)
}

/// Whether a name begins as a number does: `1`, `-1`, `.5`, `-.5`.
fn looks_numeric(part: &str) -> bool {
    let part = part.strip_prefix(['+', '-']).unwrap_or(part);
    part.strip_prefix('.')
        .unwrap_or(part)
        .starts_with(|c: char| c.is_ascii_digit())
}

/// `name`, `ns/name`, `/` or `ns//`.
fn is_name(text: &str, part: impl Fn(&str) -> bool) -> bool {
    match text.split_once('/') {
        None => part(text),
        Some(("", "")) => true,
        Some((ns, name)) => part(ns) && (name == "/" || part(name)),
    }
}

/// Whether a text is a symbol that reads back as itself.
pub(super) fn is_symbol(text: &str) -> bool {
    is_name(text, is_symbol_part) && !matches!(text, "nil" | "true" | "false")
}

/// Whether a text is the rest of a keyword after its colon.
pub(super) fn is_keyword(text: &str) -> bool {
    is_name(text, is_keyword_part)
}

/// Refuses a tag (without its `#`) that is not a symbol.
pub(super) fn check_tag(text: &str, span: Span) -> Result<(), Error> {
    match is_name(text, is_symbol_part) {
        true => Ok(()),
        false => Err(bad_name(text, span, &shown(&format!("#{text}")), "tag")),
    }
}

/// Refuses a word that is not a symbol.
fn check_symbol(text: &str, span: Span) -> Result<(), Error> {
    match is_name(text, is_symbol_part) {
        true => Ok(()),
        false => Err(bad_symbol(text, span)),
    }
}

fn bad_keyword(text: &str, span: Span) -> Error {
    let word = shown(text);
    let rest = &text[1..];
    if rest.is_empty() {
        return invalid(span, "`:` stands alone: expected the name of a keyword right after it")
            .hint("write `:name` or `:person/name`, without a blank");
    }
    if let Some(name) = rest.strip_prefix(':') {
        return invalid(
            span,
            format!("{word} is not a keyword: `::` is Clojure code and needs a namespace to be in"),
        )
        .hint(format!(
            "write the namespace out: `:my-namespace/{}`",
            shown(name).trim_matches('`')
        ));
    }
    bad_name(rest, span, &word, "keyword")
}

fn bad_symbol(text: &str, span: Span) -> Error {
    let word = shown(text);
    let code = |what: &str, hint: &str| {
        invalid(
            span,
            format!("{what} belongs to Clojure code, and EDN has no such thing"),
        )
        .hint(hint)
    };
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some('\''), Some(_)) if text.ends_with('\'') => {
            return invalid(span, format!("{word} stands between single quotes: expected `\"`")).hint(format!(
                "text is written `\"{}\"`",
                shown(text.trim_matches('\'')).trim_matches('`')
            ));
        }
        (Some('\''), _) => {
            return code(
                "a quote mark `'`",
                "remove the `'`: forms are data here and need no quote",
            );
        }
        (Some('`'), _) => return code("a backquote", "remove the backquote and write the form out"),
        (Some('~'), _) => return code("the unquote `~`", "write the value itself, or pass it as an input"),
        (Some('@'), _) => return code("the dereference `@`", "write the value itself, or pass it as an input"),
        (Some('^'), _) => return code("the metadata mark `^`", "remove the `^` and the form after it"),
        (Some('\u{201C}' | '\u{201D}'), _) => {
            return invalid(span, format!("{word} begins with a typographic quote: expected `\"`"))
                .hint("strings stand between two straight quotes `\"`");
        }
        (Some('.' | '+' | '-'), _) if looks_numeric(text) => {
            return invalid(
                span,
                format!("{word} is not a number: expected a digit before the point"),
            )
            .hint(format!("write {}", shown(&text.replacen('.', "0.", 1))));
        }
        _ => {}
    }
    bad_name(text, span, &word, "symbol")
}

/// What is wrong with the name of a symbol or keyword.
fn bad_name(name: &str, span: Span, word: &str, what: &str) -> Error {
    let not = |why: String| invalid(span, format!("{word} is not a {what}: {why}"));
    if let Some(c) = name.chars().find(|&c| c != '/' && !is_name_char(c)) {
        let hint = match c {
            '\\' => "put a blank before a character such as `\\a`".to_string(),
            _ => format!("{what}s are letters, digits and - ? . _ ! * + = < > $ % & '; other text is a string \"...\""),
        };
        return not(format!("`{}` cannot stand in a name", seen(c))).hint(hint);
    }
    match name.matches('/').count() {
        0 => not("a name cannot begin so".to_string())
            .hint("names begin with a letter or one of - ? . _ ! * + = < > $ % &"),
        1 if name.starts_with('/') => not("expected a namespace before the `/`".to_string())
            .hint("write `namespace/name`, or the name without `/`"),
        1 if name.ends_with('/') => {
            not("expected a name after the `/`".to_string()).hint("write `namespace/name`, or the name without `/`")
        }
        1 => not("one of the parts around the `/` cannot begin so".to_string())
            .hint("both parts begin with a letter or one of - ? . _ ! * + = < > $ % &"),
        _ => not("`/` stands between namespace and name, once".to_string()).hint("use `.` inside a namespace: `a.b/c`"),
    }
}

/// What is wrong with a `#` at `start` that opens nothing of EDN.
pub(super) fn bad_dispatch(text: &str, start: usize) -> Error {
    let next = text[start + 1..].chars().next();
    let span = Span::new(
        start,
        start + 1 + next.filter(|c| !c.is_whitespace()).map_or(0, char::len_utf8),
    );
    let code = |what: &str| {
        invalid(
            span,
            format!("{what} belongs to Clojure code, and EDN has no such thing"),
        )
    };
    match next {
        None => invalid(span, "`#` stands alone: expected `{`, `_` or a tag right after it"),
        Some(c) if c.is_whitespace() => invalid(span, "`#` stands alone: expected `{`, `_` or a tag right after it")
            .hint("a set is `#{1 2}`, a discarded form `#_ form`, an instant `#inst \"2024-01-31\"`, without a blank after `#`"),
        Some('"') => code("a regular expression `#\"...\"`").hint("write it as a string: `\"...\"`; functions such as re-find take one"),
        Some('(') => code("an anonymous function `#(...)`").hint("name a function that asof knows, or register one"),
        Some('\'') => code("a var `#'name`").hint("write the name alone"),
        Some('?') => code("a reader conditional `#?`").hint("write the form itself"),
        Some('^') => code("metadata `#^`").hint("remove it"),
        Some('[') | Some(')') | Some(']') | Some('}') => {
            invalid(span, format!("{} opens nothing: expected `{{`, `_` or a tag after `#`", shown(&text[start..span.end as usize])))
                .hint("a set is `#{1 2}`")
        }
        Some('!') => invalid(span, "`#!` opens nothing: EDN comments begin with `;`").hint("write `;` in place of `#!`"),
        Some(_) => invalid(
            span,
            format!("{} is not a tag: a tag begins with a letter", shown(&text[start..span.end as usize])),
        )
        .hint("tags are names such as `#inst`, `#uuid`, `#bytes` or `#my.app/point`"),
    }
}
