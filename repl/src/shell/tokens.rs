//! The words of a text that may be half typed: for colours, brackets, completion and labels.
//!
//! The reader of the library stops at the first mistake; this one never does.

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Open,
    Close,
    Text,
    Keyword,
    Number,
    /// `?x`, `$db`, `%`
    Variable,
    Symbol,
    /// `#inst`, `#e1`, `#_`
    Tag,
    Comment,
    /// A line that begins with a dot, outside of all brackets.
    Command,
}

/// A word and its place, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

/// Whether `c` ends a word.
pub fn is_delimiter(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | '(' | ')' | '[' | ']' | '{' | '}' | '"' | ';')
}

/// The words of `text`, from the left.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let (mut at, mut depth, mut fresh) = (0, 0usize, true);
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let line = || rest.find('\n').unwrap_or(rest.len());
        let (kind, length) = match c {
            '\n' => {
                fresh = true;
                at += 1;
                continue;
            }
            c if c.is_whitespace() || c == ',' => {
                at += c.len_utf8();
                continue;
            }
            '.' if fresh && depth == 0 => (Kind::Command, line()),
            '(' | '[' | '{' => (Kind::Open, 1),
            ')' | ']' | '}' => (Kind::Close, 1),
            ';' => (Kind::Comment, line()),
            '"' => (Kind::Text, string(rest)),
            '#' if rest.starts_with("#{") => (Kind::Open, 2),
            // A character is a backslash and whatever follows it, a bracket too.
            '\\' => {
                let next = rest[1..].chars().next().map_or(0, char::len_utf8);
                (Kind::Text, 1 + next + word(&rest[1 + next..]))
            }
            '#' if rest.starts_with("#_") => (Kind::Tag, 2),
            '#' => (Kind::Tag, word(rest)),
            ':' => (Kind::Keyword, word(rest)),
            '?' | '$' | '%' => (Kind::Variable, word(rest)),
            '0'..='9' => (Kind::Number, word(rest)),
            '-' | '+' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => (Kind::Number, word(rest)),
            _ => (Kind::Symbol, word(rest)),
        };
        match kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        fresh = false;
        let end = at + length.max(c.len_utf8());
        found.push(Token { kind, start: at, end });
        at = end;
    }
    found
}

fn word(text: &str) -> usize {
    text.find(is_delimiter).unwrap_or(text.len())
}

/// The length of the string that `text` begins with; to its end when it is not closed.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// The brackets of a text, by their places.
#[derive(Debug, PartialEq, Eq)]
pub struct Brackets {
    /// Those that belong together.
    pub pairs: Vec<(usize, usize)>,
    /// Closing ones that close nothing.
    pub stray: Vec<usize>,
    /// Opening ones that nothing closes.
    pub open: Vec<usize>,
}

/// Finds the brackets of a text.
pub fn brackets(text: &str, tokens: &[Token]) -> Brackets {
    let (mut open, mut pairs, mut stray) = (Vec::new(), Vec::new(), Vec::new());
    for token in tokens {
        match token.kind {
            Kind::Open => open.push(token.end - 1),
            Kind::Close => match open.last().copied() {
                Some(at) if fits(&text[at..=at], &text[token.start..token.end]) => {
                    open.pop();
                    pairs.push((at, token.start));
                }
                _ => stray.push(token.start),
            },
            _ => {}
        }
    }
    Brackets { pairs, stray, open }
}

fn fits(open: &str, close: &str) -> bool {
    matches!((open, close), ("(", ")") | ("[", "]") | ("{", "}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let text = "[:find ?x \"a)\\\"b\" -5 #inst \\( ; end)\n.now x\n(.x";
        let kinds: Vec<_> = tokens(text).iter().map(|t| (t.kind, &text[t.start..t.end])).collect();
        assert_eq!(
            kinds,
            [
                (Kind::Open, "["),
                (Kind::Keyword, ":find"),
                (Kind::Variable, "?x"),
                (Kind::Text, "\"a)\\\"b\""),
                (Kind::Number, "-5"),
                (Kind::Tag, "#inst"),
                (Kind::Text, "\\("),
                (Kind::Comment, "; end)"),
                // Inside of a bracket a dot begins no command.
                (Kind::Symbol, ".now"),
                (Kind::Symbol, "x"),
                (Kind::Open, "("),
                (Kind::Symbol, ".x"),
            ]
        );
        let text = "1\n  .as-of [3\n#{2}";
        let kinds: Vec<_> = tokens(text).iter().map(|t| (t.kind, &text[t.start..t.end])).collect();
        assert_eq!(kinds[1], (Kind::Command, ".as-of [3"));
        assert_eq!(kinds[2], (Kind::Open, "#{"));
        for text in ["\"open", "\\", "é\\é", "#", "))", "\u{3000}x"] {
            assert!(
                tokens(text).iter().all(|t| text.get(t.start..t.end).is_some()),
                "{text}"
            );
        }
    }

    #[test]
    fn pairs() {
        let text = "(a [b} \"]\" ]) )";
        let found = brackets(text, &tokens(text));
        assert_eq!((found.pairs, found.stray), (vec![(3, 11), (0, 12)], vec![5, 14]));
        assert_eq!(brackets("(a #{[b] {", &tokens("(a #{[b] {")).open, [0, 4, 9]);
    }
}
