//! The tables of the guide that list what the code has: functions, aggregates and error codes. `INSTA_UPDATE=always` writes them.

use std::collections::BTreeMap;
use std::path::Path;

use asof::error::{Code, ErrorKind};
use asof::query::functions::{self, Function, aggregate};

/// Holds the text between `<!-- NAME -->` and `<!-- end -->` of a page against `table`.
fn holds(page: &str, name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guide").join(page);
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let begin = format!("<!-- {name} -->\n");
    let start = text.find(&begin).expect("the page has a place for the table") + begin.len();
    let end = start + text[start..].find("\n<!-- end -->").expect("the place has an end");
    if text[start..end] == *table.trim_end() {
        return;
    }
    let write = std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always");
    assert!(
        write,
        "{page} does not list the {name} that there are; INSTA_UPDATE=always writes the list\n{table}"
    );
    std::fs::write(&path, format!("{}{}{}", &text[..start], table.trim_end(), &text[end..])).expect("writable");
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn arguments(f: &Function) -> String {
    match f.max_args {
        Some(max) if max == f.min_args => max.to_string(),
        Some(max) => format!("{} to {max}", f.min_args),
        None => format!("{} or more", f.min_args),
    }
}

#[test]
fn functions_and_aggregates() {
    let mut by_ns: BTreeMap<&str, Vec<&Function>> = BTreeMap::new();
    for f in functions::all() {
        by_ns.entry(f.ns).or_default().push(f);
    }
    let mut text = String::new();
    for (ns, mut fs) in by_ns {
        fs.sort_by_key(|f| f.name);
        text += &format!("### {ns}\n\n| function | arguments | gives |\n|---|---|---|\n");
        for f in fs {
            text += &format!("| `{}` | {} | {} |\n", f.name, arguments(f), cell(f.doc));
        }
        text.push('\n');
    }
    holds("functions.md", "functions", &text);

    let mut text = "| aggregate | gives |\n|---|---|\n".to_string();
    for name in aggregate::names() {
        let found = aggregate::lookup(&asof::Symbol::new(name)).expect("what is named is there");
        text += &format!("| `{name}` | {} |\n", cell(found.doc));
    }
    holds("functions.md", "aggregates", &text);
}

#[test]
fn error_codes() {
    let kinds = [
        (ErrorKind::Invalid, "Invalid"),
        (ErrorKind::Conflict, "Conflict"),
        (ErrorKind::NotFound, "NotFound"),
        (ErrorKind::Limit, "Limit"),
        (ErrorKind::Unsupported, "Unsupported"),
        (ErrorKind::Unavailable, "Unavailable"),
        (ErrorKind::Corrupt, "Corrupt"),
        (ErrorKind::Io, "Io"),
    ];
    let mut text = "| code | kind | when |\n|---|---|---|\n".to_string();
    for code in Code::ALL {
        let kind = kinds
            .iter()
            .find(|(kind, _)| *kind == code.kind())
            .expect("every kind has a name")
            .1;
        text += &format!("| `:{}` | {kind} | {} |\n", code.as_str(), cell(code.explain()));
    }
    holds("errors.md", "codes", &text);
}
