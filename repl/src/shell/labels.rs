//! Labels in what is typed: `#e1` and `#t3` become the entities that they stand for.

use asof::testing::Labels;

use super::tokens::{Kind, Token, tokens};

/// `text` with entity ids in the place of labels; labels that were never shown stay as they are.
pub fn take(labels: &Labels, text: &str) -> String {
    let mut out = String::new();
    let mut from = 0;
    for (start, end) in tokens(text).into_iter().flat_map(|token| tags(text, token)) {
        if let Some(e) = labels.find(&text[start..end]) {
            out.push_str(&text[from..start]);
            out.push_str(&e.to_string());
            from = end;
        }
    }
    out + &text[from..]
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
        assert_eq!(
            take(&labels, "(x #e2 \"#e2\" #e9 #inst \"a\")"),
            "(x 17592186045416 \"#e2\" #e9 #inst \"a\")"
        );
        assert_eq!(take(&labels, ".blame #e1 :a"), ".blame 17592186045418 :a");
        assert_eq!(take(&labels, "#t3"), "13194139533315");
    }
}
