//! The layers of the library, held by reading the `crate::` paths in `src/`: an import may only go down. And the map of the sources in
//! `docs/design.md`, held by looking for what it names.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the step it stands on. A room uses rooms of lower steps; rooms of one step are strangers.
const STEPS: [(&str, u8); 14] = [
    ("testing", 9),
    ("conn", 8),
    ("tx", 7),
    ("query", 7),
    ("pull", 6),
    ("db", 5),
    ("index", 4),
    ("log", 4),
    ("schema", 3),
    ("datom", 2),
    ("edn", 1),
    ("store", 1),
    ("error", 0),
    ("macros", 0),
];

fn step(room: &str) -> Option<u8> {
    STEPS.iter().find(|(name, _)| *name == room).map(|(_, step)| *step)
}

/// The rooms that `text` names after `crate::`, each with its line; `crate::{a, b::c}` names two. What stands behind
/// `#[cfg(test)]`, last in a file, may look anywhere.
fn imports(text: &str) -> Vec<(usize, String)> {
    let text = &text[..text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len())];
    let name = |s: &str| -> String { s.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut found = Vec::new();
    for (at, path) in text.match_indices("crate::") {
        let rest = &text[at + path.len()..];
        let line = text[..at].matches('\n').count() + 1;
        match rest.strip_prefix('{') {
            None => found.push((line, name(rest))),
            Some(group) => {
                let mut depth = 0;
                for part in group.split_inclusive([',', '{', '}']) {
                    if depth == 0 {
                        found.push((line, name(part.trim())));
                    }
                    depth += part.matches('{').count() as i32 - part.matches('}').count() as i32;
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    found
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            // A room's tests may stand on anything.
            if path.file_name().is_some_and(|n| n == "tests") {
                continue;
            }
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") && path.file_name().is_some_and(|n| n != "tests.rs") {
            out.push(path);
        }
    }
}

#[test]
fn no_import_climbs() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&src, &mut all);
    let mut climbing = Vec::new();
    for file in all {
        let inside = file.strip_prefix(&src).expect("found under src");
        let room = inside
            .iter()
            .next()
            .map(|n| n.to_string_lossy().trim_end_matches(".rs").to_string());
        let room = room.expect("a file has a name");
        if room == "lib" {
            continue;
        }
        let own = step(&room).unwrap_or_else(|| panic!("src/{} is in no room of the table", inside.display()));
        let text = fs::read_to_string(&file).expect("sources are text");
        for (line, other) in imports(&text) {
            // Names that are no room (`crate::Result`) come from lib.rs, which stands above all rooms.
            let lower = other == room || step(&other).is_some_and(|s| s < own);
            if !lower && !other.is_empty() {
                climbing.push(format!("src/{}:{line}: {room} uses {other}", inside.display()));
            }
        }
    }
    assert!(climbing.is_empty(), "imports that climb:\n{}", climbing.join("\n"));
}

/// The folders below `dir` that hold code, as the design page names them.
fn folders(dir: &Path, name: &str, out: &mut Vec<String>) {
    let paths: Vec<PathBuf> = fs::read_dir(dir)
        .expect("sources are readable")
        .map(|entry| entry.expect("sources are readable").path())
        .collect();
    if paths.iter().any(|p| p.extension().is_some_and(|e| e == "rs")) {
        out.push(name.to_string());
    }
    for path in paths.iter().filter(|p| p.is_dir() && !p.ends_with("tests")) {
        let inner = path.file_name().expect("listed above").to_string_lossy();
        folders(path, &format!("{name}/{inner}"), out);
    }
}

#[test]
fn the_design_page_names_what_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/design.md")).expect("the page is there");
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let mut explained = Vec::new();
    for (folder, text) in rows.filter(|(folder, _)| root.join(folder).is_dir()) {
        for file in text.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs")) {
            assert!(root.join(folder).join(file).is_file(), "{folder} has no {file}");
        }
        explained.push(folder.to_string());
    }
    let mut there = Vec::new();
    folders(&root.join("src"), "src", &mut there);
    folders(&root.join("repl/src"), "repl/src", &mut there);
    there.sort();
    explained.sort();
    assert_eq!(explained, there, "the folders of the page, and those of the sources");
    for path in page
        .split('`')
        .filter(|p| p.starts_with("tests/") || p.starts_with("benches/"))
    {
        assert!(root.join(path).exists(), "there is no {path}");
    }
}

#[test]
fn groups_are_read() {
    let text = "use crate::edn::{Edn, Node};\nuse crate::{datom::{EntityId, T}, db::Db};\n\n#[cfg(test)]\nmod tests { use crate::conn; }";
    let names: Vec<String> = imports(text)
        .into_iter()
        .map(|(_, n)| n)
        .filter(|n| !n.is_empty())
        .collect();
    assert_eq!(names, ["edn", "datom", "db"]);
}
