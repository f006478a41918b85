//! Reading a git repository through the `git` program: its first-parent line, what each commit changed, and sizes.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use asof::error::{Code, Error, Result};

/// The mode of a submodule: its blob is a commit of another repository, and it has no size.
pub const SUBMODULE: &str = "160000";

/// A repository on disk.
pub struct Repository {
    dir: PathBuf,
}

/// A commit of the first-parent line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub sha: String,
    /// The first parent; none for a root commit, and for the oldest one of a shallow clone.
    pub parent: Option<String>,
    pub author_name: String,
    pub author_email: String,
    /// Seconds since 1970, as the author's clock had it.
    pub authored: i64,
    /// Seconds since 1970, as the committer's clock had it.
    pub committed: i64,
    pub message: String,
}

/// What a commit did to one path, compared with its first parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The path is there with this content and mode, whether it was before or not.
    Put {
        path: Vec<u8>,
        blob: String,
        mode: String,
        mode_before: String,
    },
    /// The path is gone.
    Gone { path: Vec<u8> },
}

fn failed(what: impl std::fmt::Display) -> Error {
    Error::new(Code::ImportFailed, format!("git: {what}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Repository {
    /// The repository that `dir` lies in.
    pub fn open(dir: &Path) -> Result<Repository> {
        let repository = Repository { dir: dir.to_path_buf() };
        repository.output(&["rev-parse", "--git-dir"]).map_err(|e| {
            e.hint("give the folder of a git repository, or of a clone of it; the git program must be installed")
        })?;
        Ok(repository)
    }

    fn git(&self, args: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(&self.dir)
            .args(args)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C");
        git
    }

    fn start(mut git: Command) -> Result<Child> {
        git.spawn()
            .map_err(|e| failed(format!("cannot be started: {e}")).caused_by(e))
    }

    fn output(&self, args: &[&str]) -> Result<Vec<u8>> {
        let mut git = self.git(args);
        git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = Repository::start(git)?.wait_with_output()?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(failed(text(&output.stderr).trim())),
        }
    }

    /// The commits of the first-parent line that ends at `revision`, oldest first.
    pub fn commits(&self, revision: &str) -> Result<Vec<Commit>> {
        let tip = self
            .output(&[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &format!("{revision}^{{commit}}"),
            ])
            .map_err(|_| failed(format!("{revision} names no commit in {}", self.dir.display())))?;
        let format = "--format=%H%n%P%n%an%n%ae%n%at%n%ct%n%B";
        let tip = text(&tip);
        let log = self.output(&[
            "log",
            "-z",
            "--first-parent",
            "--reverse",
            "--encoding=UTF-8",
            format,
            tip.trim(),
        ])?;
        let records = log.split(|&b| b == 0).filter(|record| !record.is_empty());
        records
            .map(|record| Commit::parse(&text(record)).ok_or_else(|| failed("an unreadable log")))
            .collect()
    }

    /// What each of `commits` changed, in their order: one answer for each commit.
    pub fn changes(&self, commits: &[Commit]) -> Result<Changes> {
        let mut git = self.git(&[
            "diff-tree",
            "--stdin",
            "--always",
            "-z",
            "-r",
            "--root",
            "--raw",
            "--no-renames",
        ]);
        git.args(["--no-abbrev", "--ignore-submodules=none"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = Repository::start(git)?;
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let lines: String = commits
            .iter()
            .map(|c| format!("{} {}\n", c.sha, c.parent.as_deref().unwrap_or("")))
            .collect();
        // git stops reading while nobody reads what it writes, so the questions are asked from a thread of their own.
        std::thread::spawn(move || stdin.write_all(lines.replace(" \n", "\n").as_bytes()));
        Ok(Changes {
            child,
            stdout,
            ahead: None,
        })
    }

    /// Sizes of blobs by their names.
    pub fn sizes(&self) -> Result<Sizes> {
        let mut git = self.git(&["cat-file", "--batch-check=%(objectname) %(objectsize)"]);
        git.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = Repository::start(git)?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Ok(Sizes {
            child,
            stdin: Some(stdin),
            stdout,
            known: HashMap::new(),
        })
    }
}

impl Commit {
    fn parse(record: &str) -> Option<Commit> {
        let mut lines = record.splitn(7, '\n');
        let mut next = || lines.next();
        Some(Commit {
            sha: next()?.to_string(),
            parent: next()?.split(' ').next().filter(|p| !p.is_empty()).map(str::to_string),
            author_name: next()?.to_string(),
            author_email: next()?.to_string(),
            authored: next()?.parse().ok()?,
            committed: next()?.parse().ok()?,
            message: next()?.trim_end_matches('\n').to_string(),
        })
    }
}

/// The changes of one commit after another.
pub struct Changes {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The field that ended the commit before: the name of the next one.
    ahead: Option<Vec<u8>>,
}

impl Changes {
    fn field(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(field) = self.ahead.take() {
            return Ok(Some(field));
        }
        let mut field = Vec::new();
        self.stdout.read_until(0, &mut field)?;
        Ok(field.pop().map(|_| field))
    }

    /// The changes of `commit`, which must be the next one asked about.
    pub fn of(&mut self, commit: &Commit) -> Result<Vec<Change>> {
        match self.field()? {
            Some(name) if name == commit.sha.as_bytes() => {}
            _ => return Err(failed(format!("diff-tree ended before commit {}", commit.sha))),
        }
        let mut changes = Vec::new();
        while let Some(field) = self.field()? {
            let Some(raw) = field.strip_prefix(b":") else {
                self.ahead = Some(field);
                break;
            };
            let raw = text(raw);
            let unreadable = || failed(format!("an unreadable change: {raw}"));
            let parts: Vec<&str> = raw.split(' ').collect();
            let [mode_before, mode, _, blob, status] = parts[..] else {
                return Err(unreadable());
            };
            let path = self.field()?.ok_or_else(unreadable)?;
            changes.push(match status {
                "D" => Change::Gone { path },
                _ => Change::Put {
                    path,
                    blob: blob.into(),
                    mode: mode.into(),
                    mode_before: mode_before.into(),
                },
            });
        }
        Ok(changes)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        // Ended early, git may still be writing; nobody wants the rest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the sizes of blobs, each once.
pub struct Sizes {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    known: HashMap<String, u64>,
}

/// Questions asked before the answers are read: few enough that neither pipe fills up.
const ASKED_AT_ONCE: usize = 256;

impl Sizes {
    /// Makes sure that the sizes of `blobs` are known.
    pub fn learn(&mut self, blobs: &[&str]) -> Result<()> {
        let unknown: Vec<&str> = blobs.iter().copied().filter(|b| !self.known.contains_key(*b)).collect();
        for part in unknown.chunks(ASKED_AT_ONCE) {
            let questions = part.join("\n") + "\n";
            self.stdin
                .as_mut()
                .expect("open until dropped")
                .write_all(questions.as_bytes())?;
            for blob in part {
                let mut line = String::new();
                self.stdout.read_line(&mut line)?;
                let size = line
                    .trim_end()
                    .strip_prefix(blob)
                    .and_then(|rest| rest.trim().parse().ok());
                let size = size.ok_or_else(|| {
                    failed(format!("the object {blob} is missing"))
                        .hint("import from a full clone: a shallow or partial one lacks the objects of older commits")
                })?;
                self.known.insert(blob.to_string(), size);
            }
        }
        Ok(())
    }

    /// The size of a blob that was learnt.
    pub fn of(&self, blob: &str) -> Option<u64> {
        self.known.get(blob).copied()
    }
}

impl Drop for Sizes {
    fn drop(&mut self) {
        // Without more questions git ends by itself.
        drop(self.stdin.take());
        let _ = self.stdout.read_to_end(&mut Vec::new());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_the_log() {
        let commit = Commit::parse("ab\ncd ef\nAda L\na@x\n12\n13\nSubject\n\nBody\n\n").expect("a whole record");
        assert_eq!(commit.parent.as_deref(), Some("cd"));
        assert_eq!((commit.authored, commit.committed), (12, 13));
        assert_eq!(commit.message, "Subject\n\nBody");
        assert_eq!(Commit::parse("ab\n\nA\n\n1\n2\n").expect("no message").parent, None);
        assert!(Commit::parse("ab\ncd").is_none());
    }
}
