//! How an error looks to people: message, place, the line with a caret, hint.
//!
//! The line is cut to a window around the place, so that an error in a megabyte on one line stays short.

use std::fmt::{self, Display, Formatter};

use super::{Error, Source, Span};

/// The columns of a text line that are shown when it is cut.
const COLUMNS: usize = 100;
/// Lines up to this width are not cut.
const COLUMNS_WHOLE: usize = 120;
/// The columns before the place that are shown even when much follows it.
const COLUMNS_BEFORE: usize = 40;
/// The characters of a printed form that are shown.
const FORM: usize = 200;

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, ":{}: {}", inner.code.as_str(), inner.message)?;
        if let (Some(source), Some(place)) = (&inner.source, self.place()) {
            let number = place.line.to_string();
            let pad = " ".repeat(number.len());
            let Excerpt { line, marks } = excerpt(source, inner.span);
            write!(f, "\n{pad}--> {}:{}:{}", source.name, place.line, place.column)?;
            write!(f, "\n{pad} |\n{number} | {line}\n{pad} | {marks}")?;
        } else if let Some(form) = &inner.form {
            match form.char_indices().nth(FORM) {
                Some((cut, _)) => write!(f, "\n  in {}…", &form[..cut])?,
                None => write!(f, "\n  in {form}")?,
            }
        }
        if let Some(hint) = &inner.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

struct Excerpt {
    line: String,
    marks: String,
}

/// The line that a place begins on, and carets under the part of the place that lies on it.
fn excerpt(source: &Source, span: Span) -> Excerpt {
    let text = &*source.text;
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.floor_char_boundary(span.end as usize).max(start);
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    let before = &text[line_start..start];
    let after = text[start..line_end].trim_end_matches('\r');
    let marked = (end - start).min(after.len());

    // What the line does not need after the place goes to the part before it.
    let wanted_before = cut(before.chars().rev(), COLUMNS_WHOLE + 1).1;
    let wanted_after = cut(after.chars(), COLUMNS_WHOLE + 1).1;
    let columns = match wanted_before + wanted_after <= COLUMNS_WHOLE {
        true => COLUMNS_WHOLE,
        false => COLUMNS,
    };
    let room_before = COLUMNS_BEFORE.max(columns.saturating_sub(wanted_after));
    let (bytes_before, columns_before) = cut(before.chars().rev(), room_before);
    let (bytes_after, _) = cut(after.chars(), columns - columns_before);
    let before_shown = &before[before.len() - bytes_before..];
    let after_shown = &after[..bytes_after];

    let mut line = String::new();
    let mut marks = String::new();
    if before_shown.len() < before.len() {
        line.push('…');
        marks.push(' ');
    }
    for c in before_shown.chars() {
        line.push(visible(c));
        // Tabs are kept, so that the caret stands under the same column whatever a tab's width is.
        match c {
            '\t' => marks.push('\t'),
            _ => marks.extend(std::iter::repeat_n(' ', width(c))),
        }
    }
    line.extend(after_shown.chars().map(visible));
    let carets: usize = after_shown[..marked.min(bytes_after)].chars().map(width).sum();
    marks.extend(std::iter::repeat_n('^', carets.max(1)));
    if after_shown.len() < after.len() {
        line.push('…');
    }
    // The place goes on: on the part of the line that is cut off, or on the next lines.
    if marked > bytes_after || end > line_end {
        marks.push('…');
    }
    Excerpt { line, marks }
}

/// The bytes and columns of as many characters as fit.
fn cut(chars: impl Iterator<Item = char>, columns: usize) -> (usize, usize) {
    let mut bytes = 0;
    let mut used = 0;
    for c in chars {
        if used + width(c) > columns {
            break;
        }
        used += width(c);
        bytes += c.len_utf8();
    }
    (bytes, used)
}

/// Escape sequences in a text must not reach the terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => c,
        _ if c.is_control() => '\u{FFFD}',
        _ => c,
    }
}

/// The columns that a character takes on a terminal, near enough to place a caret.
fn width(c: char) -> usize {
    match c as u32 {
        0x0300..=0x036F | 0x200B..=0x200F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0x303E
        | 0x3041..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1F64F
        | 0x1F680..=0x1F6FF
        | 0x1F900..=0x1F9FF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Code, Error, Span};

    fn shown(text: &str, start: usize, end: usize) -> String {
        let error = Error::new(Code::InvalidEdn, "wrong").at(Span::new(start, end));
        error.in_source("query", text).to_string()
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        assert_eq!(
            shown("a\nbc def\r\ng", 5, 8),
            ":db.error/invalid-edn: wrong\n --> query:2:4\n  |\n2 | bc def\n  |    ^^^"
        );
        assert!(shown("\t\tx", 2, 3).ends_with("1 | \t\tx\n  | \t\t^"));
        // Wide characters take two columns; the place counts characters.
        let wide = shown("\"日本\" x", 9, 10);
        assert!(wide.contains(":1:6\n") && wide.ends_with("\n  |        ^"), "{wide}");
        assert!(shown("", 0, 0).ends_with("1 | \n  | ^"));
        assert!(shown("ab\n", 3, 3).ends_with("2 | \n  | ^"));
    }

    #[test]
    fn a_place_over_several_lines_is_marked_on_the_first() {
        assert!(shown("x [a\nb]", 2, 7).ends_with("1 | x [a\n  |   ^^…"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = "ab ".repeat(400_000);
        for at in [0, 600_000, 1_199_999] {
            let shown = shown(&text, at, at + 5);
            assert!(shown.lines().all(|line| line.chars().count() < 110), "{shown}");
            let lines: Vec<Vec<char>> = shown.lines().map(|line| line.chars().collect()).collect();
            let caret = lines[4].iter().position(|&c| c == '^').unwrap();
            assert_eq!(lines[3][caret], text.as_bytes()[at] as char);
        }
        assert!(shown(&text, 0, text.len()).ends_with("^…"));
    }

    #[test]
    fn control_characters_stay_off_the_terminal() {
        assert!(!shown("a \u{1b}[31m b", 2, 3).contains('\u{1b}'));
    }

    #[test]
    fn a_long_form_is_cut() {
        let error = Error::new(Code::InvalidTxForm, "wrong").form("x".repeat(1000));
        assert!(error.to_string().len() < 300);
    }
}
