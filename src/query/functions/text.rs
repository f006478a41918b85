//! Strings, names and regular expressions.
//!
//! Positions count characters (code points), not bytes. Regular expressions are those of the `regex` crate: no backtracking,
//! so their time is linear in the text whatever the pattern; no back references and no look-around.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::fmt::{self, Write};

use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use regex::Regex;

use super::{Function, functions, wrong};
use crate::datom::Val;
use crate::datom::convert::TEXT_BYTES_MAX;
use crate::edn::{Keyword, Symbol};
use crate::error::{Code, Error, Result};

pub(super) const CORE: &[Function] = functions! { "clojure.core":
    "str" (0 ..) function str, "The arguments as one text; nil adds nothing.";
    "subs" (2 .. 3) function subs, "The text from a position, up to another.";
    "name" (1) function name, "The name of a keyword or symbol, without its namespace.";
    "namespace" (1) function namespace, "The namespace of a keyword or symbol; nil when it has none.";
    "keyword" (1 .. 2) function keyword, "The keyword of a text, or of a namespace and a name.";
    "symbol" (1 .. 2) function symbol, "The symbol of a text, or of a namespace and a name.";
    "re-pattern" (1) function re_pattern, "The regular expression that a text is.";
    "re-find" (2) function re_find, "The first match: a text, or with groups a vector of the match and its groups.";
    "re-matches" (2) function re_matches, "As re-find, when the pattern matches the whole text.";
    "re-seq" (2) function re_seq, "All matches.";
    "parse-long" (1) function parse_long, "The long that a text is; nil when it is none.";
    "parse-double" (1) function parse_double, "The double that a text is; nil when it is none.";
    "parse-uuid" (1) function parse_uuid, "The UUID that a text is; nil when it is none.";
    "parse-boolean" (1) function parse_boolean, "The boolean that a text is; nil when it is none.";
};

pub(super) const STRING: &[Function] = functions! { "clojure.string":
    "upper-case" (1) function upper_case, "In capitals.";
    "lower-case" (1) function lower_case, "In small letters.";
    "capitalize" (1) function capitalize, "The first letter large, the rest small.";
    "starts-with?" (2) predicate starts_with, "Whether the first text begins with the second.";
    "ends-with?" (2) predicate ends_with, "Whether the first text ends with the second.";
    "includes?" (2) predicate includes, "Whether the first text contains the second.";
    "blank?" (1) predicate blank, "Whether a text is nil, empty or white space.";
    "trim" (1) function trim, "Without white space at both ends.";
    "triml" (1) function triml, "Without white space at the left end.";
    "trimr" (1) function trimr, "Without white space at the right end.";
    "split" (2 .. 3) function split, "The parts between matches of a pattern or text; at most so many.";
    "split-lines" (1) function split_lines, "The lines.";
    "join" (1 .. 2) function join, "The elements of a collection as one text, with a text between.";
    "replace" (3) function replace, "Every match of a text, character or pattern replaced; $1 means a group.";
    "replace-first" (3) function replace_first, "As replace, the first match only.";
    "index-of" (2 .. 3) function index_of, "Where the second text first occurs, from a position; nil when nowhere.";
    "last-index-of" (2) function last_index_of, "Where the second text last occurs; nil when nowhere.";
};

fn text<'a>(function: &str, args: &'a [Val], index: usize) -> Result<&'a str> {
    args[index]
        .as_str()
        .ok_or_else(|| wrong(function, args, index, "a string"))
}

fn position(function: &str, args: &[Val], index: usize) -> Result<usize> {
    match &args[index] {
        Val::Long(n) if *n >= 0 => Ok(usize::try_from(*n).unwrap_or(usize::MAX)),
        _ => Err(wrong(function, args, index, "a position, a whole number from 0,")),
    }
}

/// The regular expression that an argument is, or that its text means.
fn pattern<'a>(function: &str, args: &'a [Val], index: usize) -> Result<Cow<'a, Regex>> {
    match &args[index] {
        Val::Regex(re) => Ok(Cow::Borrowed(re)),
        Val::String(s) => compile(s).map(Cow::Owned),
        _ => Err(wrong(function, args, index, "a regular expression")),
    }
}

/// A value as `str` shows it: strings and characters bare, instants, UUIDs and numbers without their EDN marks, nil as nothing.
pub(super) fn plain(v: &Val) -> String {
    match v {
        Val::Nil => String::new(),
        Val::String(s) | Val::Uri(s) => s.to_string(),
        Val::Char(c) => c.to_string(),
        Val::Uuid(u) => u.to_string(),
        Val::BigInt(x) => x.to_string(),
        Val::BigDec(x) => x.to_plain_string(),
        Val::Instant(i) => i.to_string(),
        Val::Regex(r) => r.as_str().to_string(),
        v => v.to_string(),
    }
}

/// A text that a function makes, as long as a fact could hold it.
struct Made<'a> {
    function: &'a str,
    text: String,
}

impl Made<'_> {
    fn new(function: &str) -> Made<'_> {
        let text = String::new();
        Made { function, text }
    }
    fn push(&mut self, more: &str) -> Result<()> {
        self.write_str(more).map_err(|_| self.too_long())
    }
    /// Adds a value as [`plain`] shows it.
    fn push_plain(&mut self, v: &Val) -> Result<()> {
        match v {
            Val::String(s) => self.push(s),
            // Few parts can make a long text, which is never there as a whole.
            Val::Vector(_) | Val::List(_) | Val::Set(_) | Val::Map(_) => {
                write!(self, "{v}").map_err(|_| self.too_long())
            }
            v => self.push(&plain(v)),
        }
    }
    fn too_long(&self) -> Error {
        Error::new(
            Code::QueryLimit,
            format!(
                "{} would make a text of more than {TEXT_BYTES_MAX} bytes",
                self.function
            ),
        )
    }
}

impl fmt::Write for Made<'_> {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if self.text.len() + more.len() > TEXT_BYTES_MAX {
            return Err(fmt::Error);
        }
        self.text.push_str(more);
        Ok(())
    }
}

fn str(args: &[Val]) -> Result<Val> {
    Ok(match args {
        [Val::String(s)] => Val::String(s.clone()),
        _ => {
            let mut out = Made::new("str");
            for v in args {
                out.push_plain(v)?;
            }
            out.text.into()
        }
    })
}

fn subs(args: &[Val]) -> Result<Val> {
    let s = text("subs", args, 0)?;
    let start = position("subs", args, 1)?;
    let end = args.get(2).map(|_| position("subs", args, 2)).transpose()?;
    let byte = |n: usize| {
        let mut ends = s.char_indices().map(|(i, _)| i).chain([s.len()]);
        ends.nth(n)
    };
    let outside = |n: usize| {
        Error::new(
            Code::FunctionFailed,
            format!(
                "subs: position {n} is outside {}, which has {} characters",
                args[0],
                s.chars().count()
            ),
        )
    };
    let from = byte(start).ok_or_else(|| outside(start))?;
    let to = match end {
        Some(end) => byte(end).ok_or_else(|| outside(end))?,
        None => s.len(),
    };
    match s.get(from..to) {
        Some(part) => Ok(part.into()),
        None => Err(Error::new(
            Code::FunctionFailed,
            format!("subs: the end {} lies before the start {}", args[2], args[1]),
        )),
    }
}

fn name(args: &[Val]) -> Result<Val> {
    Ok(match &args[0] {
        Val::Keyword(k) => k.name().into(),
        Val::Symbol(s) => s.name().into(),
        Val::String(s) => Val::String(s.clone()),
        _ => return Err(wrong("name", args, 0, "a keyword, symbol or string")),
    })
}

fn namespace(args: &[Val]) -> Result<Val> {
    let ns = match &args[0] {
        Val::Keyword(k) => k.ns(),
        Val::Symbol(s) => s.ns(),
        _ => return Err(wrong("namespace", args, 0, "a keyword or symbol")),
    };
    Ok(ns.map_or(Val::Nil, Val::from))
}

fn keyword(args: &[Val]) -> Result<Val> {
    Ok(Val::Keyword(match args {
        [Val::Keyword(k)] => k.clone(),
        [Val::Symbol(s)] => Keyword(s.0.clone()),
        [_] => Keyword::new(text("keyword", args, 0)?),
        [Val::Nil, _] => Keyword::from_parts("", text("keyword", args, 1)?),
        _ => Keyword::from_parts(text("keyword", args, 0)?, text("keyword", args, 1)?),
    }))
}

fn symbol(args: &[Val]) -> Result<Val> {
    Ok(Val::Symbol(match args {
        [Val::Symbol(s)] => s.clone(),
        [Val::Keyword(k)] => Symbol(k.0.clone()),
        [_] => Symbol::new(text("symbol", args, 0)?),
        [Val::Nil, _] => Symbol::from_parts("", text("symbol", args, 1)?),
        _ => Symbol::from_parts(text("symbol", args, 0)?, text("symbol", args, 1)?),
    }))
}

/// Compiled patterns are kept, since a query compiles the same few for every row. So many, where none is large.
const PATTERNS_KEPT: u64 = 1024;
/// The most memory one pattern may compile to.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Patterns that compile to less are small; a large one counts as so many.
const SMALL_BYTES_MAX: usize = 1 << 16;
const LARGE: u64 = (PATTERN_BYTES_MAX / SMALL_BYTES_MAX) as u64;

/// A pattern, compiled.
#[derive(Clone)]
struct Compiled {
    regex: Regex,
    /// The same, for whole texts alone.
    whole: OnceCell<Regex>,
    weight: u64,
}

#[derive(Clone)]
struct BySize;

impl Weighter<String, Compiled> for BySize {
    fn weight(&self, source: &String, compiled: &Compiled) -> u64 {
        // Long sources take memory, too.
        compiled.weight + (source.len() / SMALL_BYTES_MAX) as u64
    }
}

thread_local! {
    static PATTERNS: RefCell<Cache<String, Compiled, BySize>> =
        RefCell::new(Cache::with_weighter(PATTERNS_KEPT as usize, PATTERNS_KEPT, BySize));
}

fn compile(source: &str) -> Result<Regex> {
    if let Some(re) = PATTERNS.with_borrow(|kept| kept.get(source).map(|known| known.regex.clone())) {
        return Ok(re);
    }
    let (regex, weight) = match build(source, SMALL_BYTES_MAX) {
        Err(regex::Error::CompiledTooBig(_)) => (build(source, PATTERN_BYTES_MAX), LARGE),
        built => (built, 1),
    };
    let regex = regex.map_err(|e| not_a_pattern(source, &e))?;
    let compiled = Compiled {
        regex: regex.clone(),
        whole: OnceCell::new(),
        weight,
    };
    PATTERNS.with_borrow_mut(|kept| kept.insert(source.to_string(), compiled));
    Ok(regex)
}

fn build(source: &str, bytes_max: usize) -> std::result::Result<Regex, regex::Error> {
    regex::RegexBuilder::new(source).size_limit(bytes_max).build()
}

fn not_a_pattern(source: &str, e: &regex::Error) -> Error {
    let why = match e {
        regex::Error::CompiledTooBig(_) => "it is too large".to_string(),
        // The last line says what is wrong; those before draw the pattern with a caret.
        e => e.to_string().lines().last().unwrap_or_default().replace("error: ", ""),
    };
    Error::new(
        Code::FunctionFailed,
        format!("{} is not a regular expression: {why}", Val::from(source)),
    )
}

/// The pattern that matches whole texts alone.
fn whole(re: &Regex) -> Result<Regex> {
    let source = re.as_str();
    let known = PATTERNS.with_borrow(|kept| kept.get(source).and_then(|known| known.whole.get().cloned()));
    if let Some(whole) = known {
        return Ok(whole);
    }
    let text = format!(r"\A(?:{source})\z");
    let whole = build(&text, PATTERN_BYTES_MAX).map_err(|e| not_a_pattern(&text, &e))?;
    PATTERNS.with_borrow(|kept| {
        if let Some(known) = kept.get(source) {
            known.whole.get_or_init(|| whole.clone());
        }
    });
    Ok(whole)
}

/// Refuses a text that is no regular expression.
pub(super) fn check_pattern(source: &str) -> Result<()> {
    compile(source).map(drop)
}

fn re_pattern(args: &[Val]) -> Result<Val> {
    match &args[0] {
        Val::Regex(re) => Ok(Val::Regex(re.clone())),
        _ => Ok(Val::Regex(compile(text("re-pattern", args, 0)?)?)),
    }
}

fn groups(found: &regex::Captures<'_>) -> Val {
    let group = |i: usize| found.get(i).map_or(Val::Nil, |m| m.as_str().into());
    match found.len() {
        1 => group(0),
        n => Val::vector((0..n).map(group)),
    }
}

fn find(re: &Regex, s: &str) -> Val {
    // Finding is much faster than finding groups.
    if re.captures_len() == 1 {
        re.find(s).map_or(Val::Nil, |m| m.as_str().into())
    } else {
        re.captures(s).as_ref().map_or(Val::Nil, groups)
    }
}

fn re_find(args: &[Val]) -> Result<Val> {
    Ok(find(pattern("re-find", args, 0)?.as_ref(), text("re-find", args, 1)?))
}

fn re_matches(args: &[Val]) -> Result<Val> {
    let re = pattern("re-matches", args, 0)?;
    Ok(find(&whole(&re)?, text("re-matches", args, 1)?))
}

fn re_seq(args: &[Val]) -> Result<Val> {
    let re = pattern("re-seq", args, 0)?;
    let found: Vec<Val> = re.captures_iter(text("re-seq", args, 1)?).map(|c| groups(&c)).collect();
    Ok(if found.is_empty() {
        Val::Nil
    } else {
        Val::List(found.into())
    })
}

fn parse_long(args: &[Val]) -> Result<Val> {
    Ok(text("parse-long", args, 0)?.parse().map_or(Val::Nil, Val::Long))
}
fn parse_double(args: &[Val]) -> Result<Val> {
    let s = text("parse-double", args, 0)?.trim();
    // Rust also reads "nan" and "inf", which no one who writes data means as numbers.
    let numeric = s.bytes().any(|b| b.is_ascii_digit());
    Ok(s.parse()
        .ok()
        .filter(|_| numeric)
        .and_then(Val::double)
        .unwrap_or(Val::Nil))
}
fn parse_uuid(args: &[Val]) -> Result<Val> {
    Ok(text("parse-uuid", args, 0)?.parse().map_or(Val::Nil, Val::Uuid))
}
fn parse_boolean(args: &[Val]) -> Result<Val> {
    Ok(text("parse-boolean", args, 0)?.parse().map_or(Val::Nil, Val::Boolean))
}

fn upper_case(args: &[Val]) -> Result<Val> {
    Ok(text("upper-case", args, 0)?.to_uppercase().into())
}
fn lower_case(args: &[Val]) -> Result<Val> {
    Ok(text("lower-case", args, 0)?.to_lowercase().into())
}
fn capitalize(args: &[Val]) -> Result<Val> {
    let mut chars = text("capitalize", args, 0)?.chars();
    Ok(match chars.next() {
        None => "".into(),
        Some(first) => (first.to_uppercase().collect::<String>() + &chars.as_str().to_lowercase()).into(),
    })
}
fn starts_with(args: &[Val]) -> Result<Val> {
    Ok(text("starts-with?", args, 0)?
        .starts_with(text("starts-with?", args, 1)?)
        .into())
}
fn ends_with(args: &[Val]) -> Result<Val> {
    Ok(text("ends-with?", args, 0)?
        .ends_with(text("ends-with?", args, 1)?)
        .into())
}
fn includes(args: &[Val]) -> Result<Val> {
    Ok(text("includes?", args, 0)?.contains(text("includes?", args, 1)?).into())
}
fn blank(args: &[Val]) -> Result<Val> {
    Ok(match &args[0] {
        Val::Nil => true,
        _ => text("blank?", args, 0)?.trim().is_empty(),
    }
    .into())
}
fn trim(args: &[Val]) -> Result<Val> {
    Ok(text("trim", args, 0)?.trim().into())
}
fn triml(args: &[Val]) -> Result<Val> {
    Ok(text("triml", args, 0)?.trim_start().into())
}
fn trimr(args: &[Val]) -> Result<Val> {
    Ok(text("trimr", args, 0)?.trim_end().into())
}

fn split(args: &[Val]) -> Result<Val> {
    let s = text("split", args, 0)?;
    let limit = match args.get(2) {
        None => 0,
        Some(_) => position("split", args, 2)?,
    };
    // As in Clojure, where this comes from: a match of nothing at the beginning splits nothing off.
    let nothing_first = match &args[1] {
        Val::Regex(re) => re.find(s).is_some_and(|m| m.end() == 0),
        _ => text("split", args, 1)?.is_empty(),
    };
    let first = usize::from(nothing_first);
    let mut parts: Vec<&str> = match (&args[1], limit.saturating_add(first)) {
        (Val::Regex(re), _) if limit == 0 => re.split(s).skip(first).collect(),
        (Val::Regex(re), n) => re.splitn(s, n).skip(first).collect(),
        (_, _) if limit == 0 => s.split(text("split", args, 1)?).skip(first).collect(),
        (_, n) => s.splitn(n, text("split", args, 1)?).skip(first).collect(),
    };
    // Empty parts at the end go, unless a limit asks for all.
    if limit == 0 {
        while parts.len() > 1 && parts.last().is_some_and(|p| p.is_empty()) {
            parts.pop();
        }
    }
    Ok(Val::vector(parts.into_iter().map(Val::from)))
}
fn split_lines(args: &[Val]) -> Result<Val> {
    Ok(Val::vector(text("split-lines", args, 0)?.lines().map(Val::from)))
}
fn join(args: &[Val]) -> Result<Val> {
    let index = args.len() - 1;
    let items = args[index]
        .items()
        .ok_or_else(|| wrong("join", args, index, "a collection"))?;
    let mut between = Made::new("join");
    if index > 0 {
        between.push_plain(&args[0])?;
    }
    let mut out = Made::new("join");
    for (i, v) in items.iter().enumerate() {
        if i > 0 {
            out.push(&between.text)?;
        }
        out.push_plain(v)?;
    }
    Ok(out.text.into())
}

/// A piece of what is put in place of a match.
enum Piece<'a> {
    Text(&'a str),
    Group(usize),
}

/// `$1` is a group by its number, which takes as many digits as there are groups for; `${name}` one by its name; `$$` a dollar.
fn pieces<'a>(with: &'a str, re: &Regex) -> Vec<Piece<'a>> {
    let mut out = Vec::new();
    let mut rest = with;
    while let Some(at) = rest.find('$') {
        out.push(Piece::Text(&rest[..at]));
        let (dollar, after) = rest[at..].split_at(1);
        let named = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        if let Some(after) = after.strip_prefix('$') {
            out.push(Piece::Text(dollar));
            rest = after;
        } else if let Some((name, after)) = named {
            let named = re.capture_names().position(|n| n == Some(name));
            out.extend(named.or_else(|| name.parse().ok()).map(Piece::Group));
            rest = after;
        } else {
            let digits = after.bytes().map_while(|b| char::from(b).to_digit(10));
            let (mut group, mut taken) = (0, 0);
            for digit in digits {
                let next = group * 10 + digit as usize;
                if taken > 0 && next >= re.captures_len() {
                    break;
                }
                (group, taken) = (next, taken + 1);
            }
            out.push(if taken > 0 {
                Piece::Group(group)
            } else {
                Piece::Text(dollar)
            });
            rest = &after[taken..];
        }
    }
    out.push(Piece::Text(rest));
    out
}

fn replaced(function: &str, args: &[Val], limit: usize) -> Result<Val> {
    let s = text(function, args, 0)?;
    let with = match &args[2] {
        Val::Char(c) => c.to_string(),
        _ => text(function, args, 2)?.to_string(),
    };
    let mut out = Made::new(function);
    let mut from = 0;
    match &args[1] {
        Val::Regex(re) => {
            let pieces = pieces(&with, re);
            for found in re.captures_iter(s).take(limit) {
                let whole = found.get_match();
                out.push(&s[from..whole.start()])?;
                for piece in &pieces {
                    match piece {
                        Piece::Text(text) => out.push(text)?,
                        Piece::Group(i) => out.push(found.get(*i).map_or("", |m| m.as_str()))?,
                    }
                }
                from = whole.end();
            }
        }
        Val::String(_) | Val::Char(_) => {
            let what = plain(&args[1]);
            for (at, _) in s.match_indices(what.as_str()).take(limit) {
                out.push(&s[from..at])?;
                out.push(&with)?;
                from = at + what.len();
            }
        }
        _ => return Err(wrong(function, args, 1, "a string, character or regular expression")),
    }
    out.push(&s[from..])?;
    Ok(out.text.into())
}
fn replace(args: &[Val]) -> Result<Val> {
    replaced("replace", args, usize::MAX)
}
fn replace_first(args: &[Val]) -> Result<Val> {
    replaced("replace-first", args, 1)
}

fn characters_before(s: &str, byte: usize) -> Val {
    Val::Long(s[..byte].chars().count() as i64)
}
fn index_of(args: &[Val]) -> Result<Val> {
    let (s, what) = (text("index-of", args, 0)?, text("index-of", args, 1)?);
    let skip = match args.get(2) {
        None => 0,
        Some(_) => position("index-of", args, 2)?,
    };
    let from = s.char_indices().nth(skip).map_or(s.len(), |(i, _)| i);
    Ok(s[from..]
        .find(what)
        .map_or(Val::Nil, |i| characters_before(s, from + i)))
}
fn last_index_of(args: &[Val]) -> Result<Val> {
    let (s, what) = (text("last-index-of", args, 0)?, text("last-index-of", args, 1)?);
    Ok(s.rfind(what).map_or(Val::Nil, |i| characters_before(s, i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern more than are kept costs about one, not all of them.
    #[test]
    fn patterns_make_room_one_by_one() {
        let known = |from: u64, to: u64| {
            let kept = |i: &u64| PATTERNS.with_borrow(|kept| kept.peek(format!("row {i}$").as_str()).is_some());
            (from..to).filter(kept).count()
        };
        let many = PATTERNS_KEPT + 10;
        for i in 0..many {
            compile(&format!("row {i}$")).expect("a pattern");
        }
        assert!(known(0, many) > 900, "{}", known(0, many));
        // Large ones take the room of several.
        for i in 0..PATTERNS_KEPT / LARGE + 1 {
            compile(&format!("\\w{{20}}{i}")).expect("a pattern");
        }
        assert!(PATTERNS.with_borrow(Cache::weight) <= PATTERNS_KEPT);
        let re = compile("a|ab").expect("a pattern");
        assert!(whole(&re).expect("a pattern").is_match("ab"));
        assert!(!whole(&re).expect("a pattern").is_match("abc"));
    }
}
