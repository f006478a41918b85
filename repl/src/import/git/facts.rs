//! A commit as transaction data.
//!
//! A file is an entity that its path names while it exists. A deleted file is retracted whole, its path too; a file that
//! comes back under the same path is a new entity, since nothing names the old one any more.

use asof::edn::{Edn, Instant, Keyword, Node};

use super::repository::{Change, Commit, SUBMODULE, Sizes};

/// The attributes of an import: name, type, what else is to be said of it, and what it means.
const ATTRIBUTES: [(&str, &str, &str, &str); 12] = [
    (
        "git/sha",
        "string",
        IDENTITY,
        "The name of the commit that a transaction stands for.",
    ),
    ("git/author-name", "string", "", "Who wrote the commit."),
    ("git/author-email", "string", "", "The author's address."),
    (
        "git/message",
        "string",
        "",
        "The commit message, without empty lines at its end.",
    ),
    (
        "git/authored",
        "instant",
        "",
        "When the commit was written, by the author's clock.",
    ),
    (
        "git/committed",
        "instant",
        "",
        "When the commit was made, by the committer's clock: :db/txInstant is this, nudged where it did not increase.",
    ),
    (
        "git/parent",
        "ref",
        "",
        "The transaction of the commit before, on the first-parent line.",
    ),
    (
        "file/path",
        "string",
        IDENTITY,
        "The path from the root of the tree. One that is not UTF-8 stands here as git quotes it.",
    ),
    (
        "file/path-bytes",
        "bytes",
        "",
        "The path itself, where it is not UTF-8.",
    ),
    (
        "file/blob",
        "string",
        "",
        "The name of the content; of a submodule, its commit.",
    ),
    (
        "file/mode",
        "string",
        "",
        "100644 file, 100755 executable, 120000 symbolic link, 160000 submodule.",
    ),
    ("file/size", "long", "", "Bytes of content; a submodule has none."),
];
const IDENTITY: &str = ":db/unique :db.unique/identity";

/// The attributes, as the text of one transaction.
pub fn schema() -> String {
    let attribute = |(name, ty, more, doc): (&str, &str, &str, &str)| {
        format!(
            "{{:db/ident :{name} :db/valueType :db.type/{ty} :db/cardinality :db.cardinality/one {more} :db/doc {}}}",
            string(doc)
        )
    };
    format!("[{}]", ATTRIBUTES.map(attribute).join("\n "))
}

/// An attribute or other name.
pub fn keyword(name: &str) -> Edn {
    Node::Keyword(Keyword::new(name)).into()
}

fn string(text: &str) -> Edn {
    Node::Str(text.into()).into()
}

/// Seconds as an instant; beyond the years asof knows, the nearest one it does.
pub fn instant(seconds: i64) -> Instant {
    const SECOND: i64 = 1_000_000;
    Instant(seconds.clamp(Instant::MIN.0 / SECOND, Instant::MAX.0 / SECOND) * SECOND)
}

/// A path as the value of `:file/path`: itself where it is UTF-8, otherwise as git quotes it, which reads back to the
/// same bytes.
pub fn path_text(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) => text.to_string(),
        Err(_) => {
            let quoted = path.iter().map(|&b| match b {
                b'"' | b'\\' => format!("\\{}", b as char),
                0x20..=0x7e => (b as char).to_string(),
                _ => format!("\\{b:03o}"),
            });
            format!("\"{}\"", quoted.collect::<String>())
        }
    }
}

/// The transaction of `commit`: facts about it, and what it changed. `at`: its instant; `before`: the commit before.
pub fn transaction(commit: &Commit, at: Instant, before: Option<&str>, changes: &[Change], sizes: &Sizes) -> Vec<Edn> {
    let fact = |name: &str, value: Edn| (keyword(name), value);
    let inst = |at: Instant| Edn::from(Node::Inst(at));
    let mut about = vec![
        fact("db/id", string("datomic.tx")),
        fact("db/txInstant", inst(at)),
        fact("git/sha", string(&commit.sha)),
        fact("git/author-name", string(&commit.author_name)),
        fact("git/author-email", string(&commit.author_email)),
        fact("git/message", string(&commit.message)),
        fact("git/authored", inst(instant(commit.authored))),
        fact("git/committed", inst(instant(commit.committed))),
    ];
    about.retain(|(_, value)| !matches!(&value.node, Node::Str(s) if s.is_empty()));
    about.extend(before.map(|sha| fact("git/parent", Edn::vector([keyword("git/sha"), string(sha)]))));
    let mut data: Vec<Edn> = vec![Node::Map(about).into()];
    for change in changes {
        let (Change::Put { path, .. } | Change::Gone { path }) = change;
        let name = string(&path_text(path));
        let file = || Edn::from(Node::Vector(vec![keyword("file/path"), name.clone()]));
        match change {
            Change::Gone { .. } => data.push(Node::Vector(vec![keyword("db/retractEntity"), file()]).into()),
            Change::Put {
                blob,
                mode,
                mode_before,
                ..
            } => {
                let mut facts = vec![
                    fact("file/path", name.clone()),
                    fact("file/blob", string(blob)),
                    fact("file/mode", string(mode)),
                ];
                if std::str::from_utf8(path).is_err() {
                    facts.push(fact("file/path-bytes", Node::Bytes(path.as_slice().into()).into()));
                }
                if let Some(size) = sizes.of(blob).filter(|_| mode != SUBMODULE) {
                    facts.push(fact("file/size", Node::Long(size as i64).into()));
                }
                data.push(Node::Map(facts).into());
                if mode == SUBMODULE && mode_before != SUBMODULE && mode_before != "000000" {
                    data.push(Node::Vector(vec![keyword("db/retract"), file(), keyword("file/size")]).into());
                }
            }
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_text_are_quoted() {
        assert_eq!(path_text("å b\"c".as_bytes()), "å b\"c");
        assert_eq!(path_text(b"caf\xe9 \"x\"\\\n"), r#""caf\351 \"x\"\\\012""#);
    }

    #[test]
    fn instants_stay_in_range() {
        assert_eq!(instant(1).0, 1_000_000);
        assert_eq!(instant(i64::MAX).0, 253_402_300_799_000_000);
    }
}
