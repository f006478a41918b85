//! Labels in what is typed: `#e1` and `#t3` become the entities that they stand for.

use asof::error::{Code, Error, Result, Span};
use asof::testing::Labels;

use super::tokens::{Kind, Token, tokens};

/// `text` with entity ids in the place of labels. `known`: those that were shown, when they are shown at all.
pub fn take(known: Option<&Labels>, text: &str) -> Result<String> {
    let mut out = String::new();
    let mut from = 0;
    for (start, end) in tokens(text).into_iter().flat_map(|token| tags(text, token)) {
        let label = &text[start..end];
        match known.and_then(|known| known.find(label)) {
            Some(e) => {
                out.push_str(&text[from..start]);
                out.push_str(&e.to_string());
                from = end;
            }
            None if is_label(label) => {
                let error = Error::new(Code::NotAnEntity, format!("no entity was shown as {label}"));
                return Err(error.at(Span::new(start, end)).hint(match known {
                    Some(_) => "labels count from #e1 in the order in which entities are shown, transactions are #t and their t",
                    None => ".labels on shows entities as #e1, #e2; until then they go by their ids",
                }));
            }
            None => {}
        }
    }
    Ok(out + &text[from..])
}

/// Whether a tag can only be a label: `#e7`, `#t3`.
fn is_label(tag: &str) -> bool {
    let number = tag.strip_prefix("#e").or_else(|| tag.strip_prefix("#t"));
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Where tags stand: a word itself, or the words of a command.
fn tags(text: &str, token: Token) -> Vec<(usize, usize)> {
    match token.kind {
        Kind::Tag => vec![(token.start, token.end)],
        Kind::Command => {
            let command = &text[token.start..token.end];
            let arguments = command.find(char::is_whitespace).unwrap_or(command.len());
            let offset = token.start + arguments;
            let inside = tokens(&command[arguments..]);
            let tags = inside.iter().filter(|t| t.kind == Kind::Tag);
            tags.map(|t| (offset + t.start, offset + t.end)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use asof::EntityId;

    #[test]
    fn labels_in_texts() {
        let db = asof::testing::database().expect("memory").db();
        let mut labels = Labels::new();
        for e in [17592186045418, 17592186045416] {
            labels.entity(&db, EntityId(e));
        }
        let taken = |text: &str| take(Some(&labels), text).map_err(|e| e.message().to_string());
        assert_eq!(
            taken("(x #e2 \"#e2\" #inst \"a\")"),
            Ok("(x 17592186045416 \"#e2\" #inst \"a\")".into())
        );
        assert_eq!(taken(".blame #e1 :a"), Ok(".blame 17592186045418 :a".into()));
        assert_eq!(taken("#t3"), Ok("13194139533315".into()));
        assert_eq!(taken("(x #e9)"), Err("no entity was shown as #e9".into()));
        assert!(take(None, "(x #e1)").is_err() && take(None, "#inst \"2024\" \"#e1\"").is_ok());
    }
}
