//! A text in colours: what each word is, and which brackets belong together.

use super::tokens::{Brackets, Kind, brackets, tokens};

const fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "32",
        Kind::Keyword => "36",
        Kind::Number => "35",
        Kind::Variable => "33",
        Kind::Tag => "35",
        Kind::Comment => "2",
        Kind::Command => "1;34",
        Kind::Symbol | Kind::Open | Kind::Close => "",
    }
}

/// A text in its colours; `at` is the cursor, whose bracket stands out with its partner.
pub fn colours(text: &str, at: Option<usize>) -> String {
    let words = tokens(text);
    let Brackets { pairs, stray, .. } = brackets(text, &words);
    // The bracket under the cursor, else the one before it.
    let with = |place: usize| pairs.iter().find(|(open, close)| place == *open || place == *close);
    let pair = at.and_then(|at| with(at).or_else(|| with(at.checked_sub(1)?)));
    let mut out = String::with_capacity(text.len() * 2);
    let mut from = 0;
    for token in &words {
        out.push_str(&text[from..token.start]);
        let place = token.end - 1;
        let code = match token.kind {
            Kind::Close if stray.contains(&token.start) => "1;31",
            Kind::Open | Kind::Close if pair.is_some_and(|(open, close)| place == *open || place == *close) => "1;4",
            kind => colour(kind),
        };
        let word = &text[token.start..token.end];
        match code {
            "" => out.push_str(word),
            code => out.push_str(&format!("\x1b[{code}m{word}\x1b[0m")),
        }
        from = token.end;
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_nothing_but_colour() {
        let strip = |text: &str| {
            let mut out = String::new();
            let mut rest = text;
            while let Some((before, after)) = rest.split_once("\x1b[") {
                out.push_str(before);
                rest = after.split_once('m').map_or("", |(_, rest)| rest);
            }
            out + rest
        };
        for text in ["[:find ?x \"é\" -5", ".as-of 3", "(a ] #{1} ; c", "\\", ""] {
            for at in 0..=text.len() {
                assert_eq!(strip(&colours(text, Some(at))), text);
            }
        }
        assert_eq!(
            colours("[1]", Some(3)),
            "\x1b[1;4m[\x1b[0m\x1b[35m1\x1b[0m\x1b[1;4m]\x1b[0m"
        );
        assert_eq!(colours("]", None), "\x1b[1;31m]\x1b[0m");
    }
}
