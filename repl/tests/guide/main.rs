//! What the README and the guide show is played: `asof` blocks as `asof golden` plays them, `console` blocks in a shell,
//! `prompt` blocks at the prompt; `edn` blocks are read, and links lead somewhere. `rust` blocks are doc tests of the library
//! (`src/lib.rs`). `INSTA_UPDATE=always` writes what is answered into the pages.

mod page;
mod typed;

use std::process::Command;
use std::sync::{Mutex, MutexGuard};

use page::{Block, Page, pages, root};
use typed::Step;

/// What may stand behind a fence. The last few are only shown: what other systems understand, files of other kinds, and command
/// lines that need more than this test has.
const LANGUAGES: [&str; 13] = [
    "rust", "asof", "output", "console", "prompt", "edn", "text", "clojure", "sql", "toml", "sh", "csv", "markdown",
];

fn updating() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always")
}

/// Held while pages are played: two tests may write into one page.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[test]
fn every_block_says_what_it_is() {
    for page in pages() {
        for block in page.blocks() {
            let language = block.language.split(',').next().unwrap_or_default();
            let known = LANGUAGES.contains(&language);
            let (page, line) = (&page.name, block.line);
            assert!(known, "{page}:{line}: {language:?} is none of {LANGUAGES:?}");
        }
    }
}

#[test]
fn transcripts_fit() {
    let _alone = alone();
    let pages = pages();
    let played: Vec<&Page> = pages.iter().filter(|page| !page.blocks_of("asof").is_empty()).collect();
    assert!(!played.is_empty(), "no page has asof blocks");
    let output = Command::new(env!("CARGO_BIN_EXE_asof"))
        .arg("golden")
        .args(updating().then_some("--update"))
        .args(played.iter().map(|page| &page.path))
        .arg(root().join("examples"))
        .output()
        .expect("asof starts");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    assert!(output.status.success(), "{}{}", text[0], text[1]);
}

/// What a step answers, and what the page should hold for it: what it has where that fits.
fn play(
    page: &Page,
    block: &Block,
    steps: Vec<Step>,
    mut actual: impl FnMut(&Step) -> String,
    wrong: &mut Vec<String>,
) -> String {
    let mut text = String::new();
    for step in steps {
        let actual = actual(&step);
        text += &step.shown;
        if typed::fits(&step.expected, &actual) {
            text += &step.expected;
            continue;
        }
        text += &typed::kept(&step.expected, &actual);
        let (name, line, typed) = (&page.name, block.line, &step.shown);
        wrong.push(format!(
            "{name}:{line}: {typed}--- expected\n{}--- answered\n{actual}",
            step.expected
        ));
    }
    text
}

#[test]
fn what_is_typed_answers_what_the_pages_say() {
    let _alone = alone();
    let mut wrong = Vec::new();
    for page in pages() {
        let folder = page::folder();
        let mut text = page.text.clone();
        // Changes are made from the back, so that the places of the other blocks stay what they are.
        let mut changes = Vec::new();
        for block in page.blocks() {
            let body = page.body(&block);
            let played = match block.language.as_str() {
                "console" => {
                    let actual = |step: &Step| typed::run(&step.run, folder.path(), "");
                    play(&page, &block, typed::commands(body), actual, &mut wrong)
                }
                "prompt" => {
                    let steps = typed::entries(body);
                    let mut answers = typed::session(&block.words.join(" "), &steps, folder.path()).into_iter();
                    play(&page, &block, steps, |_| answers.next().unwrap_or_default(), &mut wrong)
                }
                _ => continue,
            };
            changes.push((block.body.clone(), played));
        }
        for (at, played) in changes.into_iter().rev() {
            text.replace_range(at, &played);
        }
        if updating() && text != page.text {
            std::fs::write(&page.path, text).expect("the page is writable");
        }
    }
    assert!(updating() || wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn edn_is_edn() {
    for page in pages() {
        for block in page.blocks_of("edn") {
            if let Err(e) = asof::edn::read(page.body(&block)) {
                panic!("{}:{}: {e}", page.name, block.line);
            }
        }
    }
}

#[test]
fn rust_is_tested_with_the_library() {
    let library = std::fs::read_to_string(root().join("src/lib.rs")).expect("the library is there");
    for page in pages().iter().filter(|page| !page.blocks_of("rust").is_empty()) {
        let included = format!("include_str!(\"../{}\")", page.name);
        assert!(
            library.contains(&included),
            "src/lib.rs does not test the Rust of {}",
            page.name
        );
    }
}

/// The places that links of `text` lead to: `](place)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(place, _)| place)
}

/// The name by which a link finds a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        // What blocks show is no link.
        let mut prose = page.text.clone();
        for block in page.blocks().into_iter().rev() {
            prose.replace_range(block.body, "");
        }
        for link in links(&prose).filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = match file {
                "" => page.path.clone(),
                file => page.path.parent().expect("a page lies in a folder").join(file),
            };
            assert!(path.exists(), "{}: {link} leads nowhere", page.name);
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&path).expect("text");
                let found = text
                    .lines()
                    .filter(|l| l.starts_with('#'))
                    .any(|l| anchor(l) == heading);
                assert!(found, "{}: {link}: there is no such heading", page.name);
            }
        }
    }
}

#[test]
fn every_page_is_reached_from_the_index() {
    let pages = pages();
    let index = pages
        .iter()
        .find(|page| page.name == "docs/guide/index.md")
        .expect("the guide has an index");
    for page in pages
        .iter()
        .filter(|page| page.name.starts_with("docs/guide/") && page.name != index.name)
    {
        let file = page.name.trim_start_matches("docs/guide/");
        assert!(
            links(&index.text).any(|link| link == file),
            "the index does not name {file}"
        );
    }
}
