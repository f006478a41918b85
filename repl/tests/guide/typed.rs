//! What is typed in a page and what it answers, in a terminal (`console` blocks) and at the prompt (`prompt` blocks).
//!
//! A page has a folder of its own, in which its blocks run from top to bottom. In what is expected, `[..]` stands for any text
//! within a line and a line `...` for any number of lines.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Something typed, as the page has it and as it is run, and the lines that follow it.
#[derive(Debug, PartialEq)]
pub struct Step {
    pub shown: String,
    pub run: String,
    pub expected: String,
}

/// The steps of a `console` block: lines that begin with `$ `, gone on with by `> `.
pub fn commands(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), steps.last_mut()) {
            (Some(command), ..) => steps.push(Step {
                shown: line.to_string(),
                run: command.to_string(),
                expected: String::new(),
            }),
            (None, Some(more), Some(step)) if step.expected.is_empty() => {
                step.shown += line;
                step.run += more;
            }
            (None, _, Some(step)) => step.expected += line,
            (None, _, None) => panic!("a console block begins with a line like `$ asof ...`, not with {line:?}"),
        }
    }
    steps
}

/// The steps of a `prompt` block: lines that begin with `asof> ` (or with the moment in it, `asof t 3> `), gone on with by
/// lines that are indented as far.
pub fn entries(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut indent = String::new();
    for line in text.split_inclusive('\n') {
        let prompt = line
            .starts_with("asof")
            .then(|| line.find("> "))
            .flatten()
            .filter(|at| !line[..*at].contains('('));
        match (prompt, steps.last_mut()) {
            (Some(at), _) => {
                indent = " ".repeat(line[..at + 2].chars().count());
                steps.push(Step {
                    shown: line.to_string(),
                    run: line[at + 2..].to_string(),
                    expected: String::new(),
                });
            }
            (None, Some(step)) if step.expected.is_empty() && line.starts_with(&indent) => {
                step.shown += line;
                step.run.pop();
                step.run = format!("{} {}", step.run, line.trim_start());
            }
            (None, Some(step)) => step.expected += line,
            (None, None) => panic!("a prompt block begins with a line like `asof> (q ...)`, not with {line:?}"),
        }
    }
    steps
}

/// What a command line prints, standard error among it; `folder` is where it runs.
pub fn run(command: &str, folder: &Path, input: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_asof"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = program.parent().map(Path::to_path_buf).into_iter();
    let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).expect("a search path");
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("HOME", folder)
        .env("TZ", "UTC")
        .env("ASOF_HISTORY", "")
        .env_remove("ASOF_DB")
        .env_remove("XDG_DATA_HOME")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell starts");
    // A command that reads nothing may have ended before it is written to.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the command ends");
    String::from_utf8(output.stdout).expect("text")
}

/// What each step answers at one prompt, `asof repl` with `arguments`.
pub fn session(arguments: &str, steps: &[Step], folder: &Path) -> Vec<String> {
    // A keyword is a form and answers itself: it marks where a step's answer ends.
    const END: &str = ":end-of-a-step";
    let input: String = steps.iter().map(|step| format!("{}{END}\n", step.run)).collect();
    let answers = run(&format!("asof repl --format table {arguments}"), folder, &input);
    // The pages show what a person sees who types it.
    let answers = answers.replace(" --> standard input:", " --> prompt:");
    let mut parts = vec![String::new()];
    for line in answers.split_inclusive('\n') {
        match parts.last_mut() {
            Some(part) if !line.contains(END) => *part += line,
            _ => parts.push(String::new()),
        }
    }
    parts
}

/// Whether `actual` is what the page expects.
pub fn fits(expected: &str, actual: &str) -> bool {
    let expected: Vec<&str> = expected.trim_end().lines().collect();
    let actual: Vec<&str> = actual.trim_end().lines().collect();
    lines_fit(&expected, &actual)
}

/// `actual`, with the lines of `expected` where they still fit, so that what stands for any text goes on doing so.
pub fn kept(expected: &str, actual: &str) -> String {
    let mut before = expected.lines();
    let line = |line: &str| match before.next() {
        Some(old) if line_fits(old, line) => format!("{old}\n"),
        _ => format!("{line}\n"),
    };
    actual.lines().map(line).collect()
}

fn lines_fit(expected: &[&str], actual: &[&str]) -> bool {
    match (expected, actual) {
        ([], []) => true,
        (["...", rest @ ..], _) => (0..=actual.len()).any(|skip| lines_fit(rest, &actual[skip..])),
        ([line, rest @ ..], [first, others @ ..]) => {
            line_fits(line.trim_end(), first.trim_end()) && lines_fit(rest, others)
        }
        _ => false,
    }
}

fn line_fits(expected: &str, actual: &str) -> bool {
    let Some((start, rest)) = expected.split_once("[..]") else {
        return expected == actual;
    };
    let Some(behind) = actual.strip_prefix(start) else {
        return false;
    };
    let mut places = behind.char_indices().map(|(i, _)| i).chain([behind.len()]);
    places.any(|i| line_fits(rest, &behind[i..]))
}

#[test]
fn what_fits() {
    assert!(fits("a [..] c\n...\nz\n", "a b c\nx\ny\nz\n"));
    assert!(fits("...\n", ""));
    assert!(fits("at [..]Z, [..]\n", "at 1Z2Z, x\n"));
    assert!(!fits("a [..] c\n", "a b d\n"));
    assert!(!fits("a\n", "a\nb\n"));
    assert!(!fits("a\nb\n", "a\n"));
    assert_eq!(kept("at [..]\na\n", "at 1\nb\nc\n"), "at [..]\nb\nc\n");
}

#[test]
fn blocks_are_cut_into_steps() {
    let step = |shown: &str, run: &str, expected: &str| Step {
        shown: shown.to_string(),
        run: run.to_string(),
        expected: expected.to_string(),
    };
    assert_eq!(
        commands("$ cat <<E\n> a\n> E\na\n$ true\n"),
        [
            step("$ cat <<E\n> a\n> E\n", "cat <<E\na\nE\n", "a\n"),
            step("$ true\n", "true\n", "")
        ]
    );
    assert_eq!(
        entries("asof> (q [:find ?e\n          :where])\n1\nasof t 3> .now\n"),
        [
            step(
                "asof> (q [:find ?e\n          :where])\n",
                "(q [:find ?e :where])\n",
                "1\n"
            ),
            step("asof t 3> .now\n", ".now\n", "")
        ]
    );
}
