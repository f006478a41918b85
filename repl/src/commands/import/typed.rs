//! `.import` at the prompt: the same arguments on a line.

use asof::error::{Code, Error, Result};

use super::Import;

impl Import {
    /// Reads the arguments as they are typed at the prompt, where the database is open already.
    pub fn parse(line: &str) -> Result<Import> {
        #[derive(clap::Parser)]
        #[command(name = ".import", no_binary_name = true, disable_help_flag = true)]
        struct Typed {
            #[command(flatten)]
            import: Import,
        }
        let typed = <Typed as clap::Parser>::try_parse_from(words(line));
        typed.map(|typed| typed.import).map_err(|e| {
            let text = e.render().to_string();
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let first = lines
                .next()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_string();
            let usage = lines.find(|line| line.starts_with("Usage:")).map(str::to_string);
            let e = Error::new(Code::InvalidArgument, first);
            match usage {
                Some(usage) => e.hint(usage),
                None => e,
            }
        })
    }
}

/// The words of a line, apart by blanks outside of double quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
