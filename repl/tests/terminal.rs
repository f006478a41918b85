//! The prompt in a real terminal: keys, completion, forms of several lines, history, Ctrl-C, colours.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

const UP: &str = "\x1b[A";

fn asof(dir: &Path, colour: bool) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asof"));
    command
        .args(["repl", "data"])
        .current_dir(dir)
        .env_remove("ASOF_DB")
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .env("ASOF_HISTORY", dir.join("history"));
    if !colour {
        command.env("NO_COLOR", "1");
    }
    let mut terminal = spawn_command(command, Some(20_000)).expect("a terminal");
    terminal.exp_string("asof> ").expect("a prompt");
    terminal
}

/// Types a line, and reads on until `expected` and the next prompt stand there. What is typed before the prompt may be lost.
fn line(terminal: &mut PtySession, typed: &str, expected: &str) {
    keys(terminal, typed, expected);
    keys(terminal, "", "\x1b[?2004h");
    keys(terminal, "", "> ");
}

/// Types keys and reads on until `expected` stands there.
fn keys(terminal: &mut PtySession, typed: &str, expected: &str) -> String {
    terminal.send(typed).expect("it takes keys");
    terminal.flush().expect("it takes keys");
    terminal
        .exp_string(expected)
        .unwrap_or_else(|e| panic!("{typed:?}: {e}"))
}

#[test]
fn a_session() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut terminal = asof(dir.path(), false);
    let t = &mut terminal;
    line(t, ".format edn\r", "");
    // A form of several lines is done when its brackets are closed.
    keys(t, "[{:db/ident :ship/name :db/valueType :db.type/string\r", "string");
    line(t, "  :db/cardinality :db.cardinality/one}]\r", ":datoms 4");
    line(t, "[{:ship/name \"Petrel\"}]\r", ":datoms 2");
    // Tab types what there is one of, and knows the schema as it is now.
    keys(t, "[:find ?n :where [_ :ship/\t", ":ship/name");
    line(t, " ?n]]\r", "#{[\"Petrel\"]}");
    keys(t, ".tim\t\t", ".timing");
    keys(t, "\x15", "asof> ");
    // Ctrl-C at the prompt drops the line; in a query it ends the query. The session goes on.
    line(t, "[:find half\x03", "");
    let names: Vec<String> = (0..8).map(|i| format!("[?v{i} :db/ident]")).collect();
    let forever = format!(
        "[:find (count ?v0) . :where {} [(= ?v0 ?v7)] [(str ?v0 ?v1 ?v2 ?v3 ?v4 ?v5 ?v6) ?x] [(= ?x \"\")]]\r",
        names.join(" ")
    );
    t.send(&forever).expect("it takes keys");
    t.flush().expect("it takes keys");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    line(t, "\x03", "cancelled");
    line(t, "(basis-t db)\r", "\r\n2\r\n");
    // Mistakes and commands.
    line(t, ".bakc\r", "did you mean .back?");
    line(t, ".back\r", "t 1");
    keys(t, ".quit\r", "");
    t.exp_eof().expect("the end");

    // The next session remembers.
    let mut terminal = asof(dir.path(), true);
    let t = &mut terminal;
    keys(t, UP, "quit");
    keys(t, UP, "back");
    keys(t, &UP.repeat(4), ":ship/name");
    keys(t, "\x15", "asof> ");
    // Colours: a keyword's, and the pair of brackets.
    keys(t, ":db/", "\x1b[36m:db/");
    keys(t, "\x15[1]", "\x1b[1;4m[");
    keys(t, "\x15\x04", "");
    t.exp_eof().expect("the end");
}
