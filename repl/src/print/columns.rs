//! Text in the columns of a terminal, where some characters take two of them and some none.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text`, cut to `most` columns.
pub fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_string();
    }
    let (mut out, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > most {
            break;
        }
        out.push(c);
    }
    out + "…"
}

/// `text` with blanks behind it, as wide as `to`.
pub fn left(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

/// `text` with blanks before it, as wide as `to`.
pub fn right(text: &str, to: usize) -> String {
    format!("{}{text}", " ".repeat(to.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        assert_eq!((width("abc"), width("名前"), width("é")), (3, 4, 1));
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("名前の長", 5), "名前…");
        assert_eq!(cut("名前の長", 8), "名前の長");
        assert_eq!((left("名", 4).as_str(), right("名", 4).as_str()), ("名  ", "  名"));
    }
}
