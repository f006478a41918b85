//! The pages, cut into their fenced blocks.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A page of the documentation.
pub struct Page {
    /// Where it lies, seen from the project's folder.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block.
#[derive(Debug)]
pub struct Block {
    /// The first word behind the fence.
    pub language: String,
    /// The other words.
    pub words: Vec<String>,
    /// The line of its first fence, counted from 1.
    pub line: usize,
    /// Where the text between the fences stands in the page.
    pub body: Range<usize>,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The README and the guide's pages, by name.
pub fn pages() -> Vec<Page> {
    let guide = std::fs::read_dir(root().join("docs/guide")).expect("the guide is there");
    let mut names: Vec<String> = guide
        .map(|entry| entry.expect("the guide is readable").file_name())
        .map(|name| format!("docs/guide/{}", name.to_str().expect("a name that is text")))
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.push("README.md".to_string());
    names.sort();
    let page = |name: String| {
        let path = root().join(&name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        Page { name, path, text }
    };
    names.into_iter().map(page).collect()
}

/// A folder to type in, with the files that the pages use.
pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(root().join("docs/guide")).expect("the guide is there") {
        let path = entry.expect("the guide is readable").path();
        if path.extension().is_some_and(|e| e != "md") {
            let name = path.file_name().expect("a file has a name");
            std::fs::copy(&path, folder.path().join(name)).expect("copied");
        }
    }
    folder
}

impl Page {
    /// Its blocks, in order. What stands inside of a block with a longer fence is that block's text.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, Block)> = None;
        let mut at = 0;
        for (i, line) in self.text.split_inclusive('\n').enumerate() {
            let start = at;
            at += line.len();
            let rest = line.trim_end().trim_start_matches('`');
            let ticks = line.trim_end().len() - rest.len();
            match open.take() {
                Some((n, mut block)) if ticks >= n && rest.is_empty() => {
                    block.body.end = start;
                    blocks.push(block);
                }
                Some(still) => open = Some(still),
                None if ticks >= 3 && !rest.contains('`') => {
                    let mut words = rest.split_whitespace().map(str::to_string);
                    let block = Block {
                        language: words.next().unwrap_or_default(),
                        words: words.collect(),
                        line: i + 1,
                        body: at..at,
                    };
                    open = Some((ticks, block));
                }
                None => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end: {open:?}", self.name);
        blocks
    }

    pub fn body(&self, block: &Block) -> &str {
        &self.text[block.body.clone()]
    }

    /// The blocks of a language.
    pub fn blocks_of(&self, language: &str) -> Vec<Block> {
        let mut blocks = self.blocks();
        blocks.retain(|block| block.language == language);
        blocks
    }
}
