//! A transcript's text, cut into what is played and what is not.

use asof::error::{Code, Error, Result, Span};

/// Something that stands in a transcript.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// What is kept as it is, whole lines.
    Prose(String),
    /// Forms, from the line that opens the block to the one that closes it.
    Block(Block),
}

/// An `asof` block and the output that follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its fences and the forms between them, as they stand.
    pub whole: String,
    /// The words behind `asof`.
    pub words: Vec<String>,
    /// Where `words` stand in the text.
    pub span: Span,
    /// The forms.
    pub text: String,
    /// The blank lines between the block and its output.
    pub gap: String,
    /// What is expected; `None` when no output block follows.
    pub output: Option<String>,
}

/// A fence: its length, and what is written behind it.
fn fence(line: &str) -> Option<(usize, &str)> {
    let rest = line.trim_start_matches('`');
    let len = line.len() - rest.len();
    (len >= 3 && !rest.contains('`')).then(|| (len, rest.trim()))
}

/// The lines of a fenced block, taken from `lines`: all of it, and what is inside.
fn fenced<'a>(open: &'a str, len: usize, lines: &mut impl Iterator<Item = &'a str>) -> Option<(String, String)> {
    let (mut whole, mut inside) = (open.to_string(), String::new());
    for line in lines {
        whole += line;
        if matches!(fence(line.trim_end()), Some((n, "")) if n >= len) {
            return Some((whole, inside));
        }
        inside += line;
    }
    None
}

/// The parts of a transcript. `text` has lines that end with `\n` alone.
pub fn parts(text: &str) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut prose = String::new();
    let mut at = 0;
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let start = at;
        at += line.len();
        let Some((len, info)) = fence(line.trim_end()) else {
            prose += line;
            continue;
        };
        let open = Span::new(start, start + line.trim_end().len());
        let (whole, inside) = fenced(line, len, &mut lines).ok_or_else(|| {
            Error::new(Code::InvalidArgument, "the block that begins here has no end")
                .at(open)
                .hint(format!("end it with a line of {len} backticks"))
        })?;
        at = start + whole.len();
        let mut words = info.split_whitespace().map(str::to_string);
        match words.next().as_deref() {
            Some("asof") => {
                parts.push(Part::Prose(std::mem::take(&mut prose)));
                parts.push(Part::Block(Block {
                    whole,
                    words: words.collect(),
                    span: open,
                    text: inside,
                    gap: String::new(),
                    output: None,
                }));
            }
            Some("output") => match parts.last_mut() {
                Some(Part::Block(block)) if block.output.is_none() && prose.trim().is_empty() => {
                    block.gap = std::mem::take(&mut prose);
                    block.output = Some(inside);
                }
                _ => {
                    return Err(Error::new(Code::InvalidArgument, "this output follows no asof block")
                        .at(open)
                        .hint("put it right behind the block whose output it is"));
                }
            },
            _ => prose += &whole,
        }
    }
    parts.push(Part::Prose(prose));
    Ok(parts)
}

impl Block {
    /// Where something in its forms stands in the whole text.
    pub fn place(&self, span: Span) -> Span {
        let forms = self.span.start as usize + self.whole.find('\n').map_or(0, |end| end + 1);
        Span::new(forms + span.start as usize, forms + span.end as usize)
    }

    /// The block with `output` behind it, as text; none when there is nothing to show.
    pub fn with_output(&self, output: &str) -> String {
        let mut whole = self.whole.clone();
        if !whole.ends_with('\n') {
            whole.push('\n');
        }
        if output.is_empty() {
            return whole;
        }
        // Output that has fences itself stands between longer ones.
        let longest = output.lines().filter_map(|line| fence(line).map(|(n, _)| n)).max();
        let ticks = "`".repeat(longest.map_or(3, |n| n + 1));
        let end = if output.ends_with('\n') { "" } else { "\n" };
        format!("{whole}{}{ticks}output\n{output}{end}{ticks}\n", self.gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "# Title\n\n```rust\nfn main() {}\n```\n```asof edn\n(q 1)\n```\n\n```output\n1\n```\nend\n```asof\ndb\n```\n";

    #[test]
    fn a_page_is_put_together_as_it_was() {
        let parts = parts(PAGE).expect("a page");
        let text: String = parts
            .iter()
            .map(|part| match part {
                Part::Prose(text) => text.clone(),
                Part::Block(block) => block.with_output(block.output.as_deref().unwrap_or_default()),
            })
            .collect();
        assert_eq!(text, PAGE);
        let blocks: Vec<&Block> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Block(block) => Some(block),
                Part::Prose(_) => None,
            })
            .collect();
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (&*blocks[0].text, &blocks[0].words[..], blocks[0].output.as_deref()),
            ("(q 1)\n", &["edn".to_string()][..], Some("1\n"))
        );
        assert_eq!(
            blocks[1].with_output("```\n"),
            "```asof\ndb\n```\n````output\n```\n````\n"
        );
    }

    #[test]
    fn what_is_no_page() {
        for (text, line) in [("a\n```asof\n(q)\n", 2), ("```output\n1\n```\n", 1)] {
            let wrong = parts(text).expect_err("no page").in_source("page", text);
            assert_eq!(wrong.place().expect("a place").line, line);
        }
    }
}
