//! The prompt in a real terminal: keys, completion, forms of several lines, history, Ctrl-C, size, pager, colours.
#![cfg(unix)]

use std::io::Write;
use std::path::Path;
use std::process::Command;

use rexpect::session::{PtySession, spawn_command};

const UP: &str = "\x1b[A";

/// A terminal in which `arguments` of asof run; without a pager.
fn terminal(dir: &Path, arguments: &[&str], more: &[(&str, &str)]) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asof"));
    command
        .args(arguments)
        .current_dir(dir)
        .env_remove("ASOF_DB")
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .env_remove("LINES")
        .env("TERM", "xterm-256color")
        .env("PAGER", "")
        .env("ASOF_HISTORY", dir.join("history"))
        .envs(more.iter().copied());
    spawn_command(command, Some(20_000)).expect("a terminal")
}

fn asof(dir: &Path, colour: bool) -> PtySession {
    let plain = [("NO_COLOR", "1")];
    let mut terminal = terminal(dir, &["repl", "data"], if colour { &[] } else { &plain });
    terminal.exp_string("asof> ").expect("a prompt");
    terminal
}

/// Types a line, and reads on until `expected` and the next prompt stand there.
fn line(terminal: &mut PtySession, typed: &str, expected: &str) -> String {
    let before = keys(terminal, typed, expected);
    keys(terminal, "", "\x1b[?2004h");
    keys(terminal, "", "> ");
    before
}

/// Types keys and reads on until `expected`, which is ASCII, stands there; gives what stood before it.
fn keys(terminal: &mut PtySession, typed: &str, expected: &str) -> String {
    terminal.send(typed).expect("it takes keys");
    terminal.flush().expect("it takes keys");
    terminal
        .exp_string(expected)
        .unwrap_or_else(|e| panic!("{typed:?}: {e}"))
}

/// A query that takes longer than anybody waits.
fn forever() -> String {
    let names: Vec<String> = (0..8).map(|i| format!("[?v{i} :db/ident]")).collect();
    format!(
        "[:find (count ?v0) . :where {} [(= ?v0 ?v7)] [(str ?v0 ?v1 ?v2 ?v3 ?v4 ?v5 ?v6) ?x] [(= ?x \"\")]]\r",
        names.join(" ")
    )
}

#[test]
fn a_session() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut terminal = asof(dir.path(), false);
    let t = &mut terminal;
    line(t, ".format edn\r", "");
    // A form of several lines is done when its brackets are closed.
    keys(t, "[{:db/ident :ship/name :db/valueType :db.type/string\r", "string");
    keys(t, "", "}] ends the form");
    line(t, "  :db/cardinality :db.cardinality/one}]\r", ":datoms 4");
    line(t, "[{:ship/name \"Petrel\"}]\r", ":datoms 2");
    // Tab types what there is one of, and knows the schema as it is now.
    keys(t, "[:find ?n :where [_ :ship/\t", ":ship/name");
    line(t, " ?n]]\r", "#{[\"Petrel\"]}");
    keys(t, ".tim\t\t", ".timing");
    keys(t, "\x15", "asof> ");
    // Rules, variables and files, too.
    line(t, "[[(called ?s ?n) [?s :ship/name ?n]]]\r", "queries can use called");
    keys(t, "[:find ?name :where (cal\t", "called");
    keys(t, " ?s ?na\t)]", "?name");
    line(t, "\r", "#{[\"Petrel\"]}");
    std::fs::write(dir.path().join("script.asof"), "(basis-t db)").expect("writable");
    keys(t, ".read scr\t", "script.asof");
    line(t, "\r", "2");
    // Ctrl-C at the prompt drops the line; in a query it ends the query. The session goes on.
    line(t, "[:find half\x03", "");
    keys(t, &forever(), "Ctrl-C cancels");
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
    keys(t, &UP.repeat(8), ":ship/name");
    keys(t, "\x15", "asof> ");
    // Colours: a keyword's, and the pair of brackets.
    keys(t, ":db/", "\x1b[36m:db/");
    keys(t, "\x15[1]", "\x1b[1;4m[");
    keys(t, "\x15\x04", "");
    t.exp_eof().expect("the end");
}

#[test]
fn imports_and_checks_end_before_the_session() {
    let dir = tempfile::tempdir().expect("a folder");
    let pipe = dir.path().join("row.csv");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .expect("mkfifo runs")
            .success()
    );
    let mut terminal = asof(dir.path(), false);
    let t = &mut terminal;
    t.send(".import csv row.csv --id id --batch 100 --sample 10\r")
        .expect("it takes keys");
    t.flush().expect("it takes keys");
    // More rows than wait anywhere on their way; and nobody ends them.
    let mut rows = std::fs::OpenOptions::new().write(true).open(&pipe).expect("a reader");
    let text: String = (0..30_000).map(|i| format!("row-{i:06},{i:-^60}\n")).collect();
    rows.write_all(format!("id,text\n{text}").as_bytes())
        .expect("all of it is read");
    keys(t, "\x03", "cancelled after");
    let told = keys(t, "", "importing again adds the rest");
    let count = told.split(" rows are imported").next().unwrap_or_default();
    let count = count.rsplit(' ').next().unwrap_or_default().replace(',', "");
    assert!(count.parse::<usize>().is_ok_and(|n| n > 0), "{told}");
    keys(t, "", "asof> ");
    line(
        t,
        "[:find (count ?e) . :where [?e :row/id]]\r",
        &format!("\r\n{count}\r\n"),
    );
    line(t, ".verify\r", "as the log says");
    // The session's own limits hold, too.
    line(t, ".limit time 0s\r", "");
    line(t, ".verify\r", "not done within the timeout");
    line(t, ".reindex\r", "the database is as it was");
    line(t, ".limit off\r", "");
    line(t, ".reindex\r", "built anew");
    line(
        t,
        "[:find (count ?e) . :where [?e :row/id]]\r",
        &format!("\r\n{count}\r\n"),
    );
    keys(t, "\x04", "");
    t.exp_eof().expect("the end");
}

#[test]
fn keys_typed_ahead_arrive() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut terminal = asof(dir.path(), false);
    let t = &mut terminal;
    // Three lines at once, as from a clipboard without brackets, and the beginning of a fourth.
    line(
        t,
        "(basis-t db)\r[:find ?a . :where [(+ 40 2) ?a]]\r(entid db :db/ident)\r.sta",
        "42",
    );
    keys(t, "", "\r\n10\r\n");
    keys(t, "ts\r", "leaves");
    // And while a query runs.
    line(t, ".limit time 2s\r", "");
    keys(t, &forever(), "Ctrl-C cancels");
    t.send("[:find ?b . :where [(+ 70 7) ?b]]\r").expect("it takes keys");
    t.flush().expect("it takes keys");
    keys(t, "", "timeout");
    keys(t, "", "\r\n77\r\n");
    keys(t, "\x04", "");
    t.exp_eof().expect("the end");
}

#[test]
fn long_texts_are_pasted() {
    let dir = tempfile::tempdir().expect("a folder");
    // In colour: that is what was slow. A terminal without bracketed paste sends a clipboard like keys that are typed very fast.
    let mut terminal = asof(dir.path(), true);
    let t = &mut terminal;
    let words = "[x] ".repeat(2500);
    let query = format!("[:find ?a . :where [(count \"{words}\") ?a]]\r");
    line(t, &query, "\r\n10000\r\n");
    let lines = "  [(+ 1 2) ?three]\r".repeat(200);
    line(t, &format!("[:find ?three .\r :where\r{lines}]\r"), "\r\n3\r\n");
    // What is typed then is as colourful and helpful as ever.
    keys(t, ":db/", "\x1b[36m:db/");
    keys(t, "\x15\x04", "");
    t.exp_eof().expect("the end");
}

/// Makes the terminal another size, as a window does that is drawn larger.
#[cfg(target_os = "linux")]
fn resize(terminal: &PtySession, rows: u16, columns: u16) {
    let end = terminal.process().get_file_handle().expect("an open terminal");
    let done = Command::new("stty")
        .args(["rows", &rows.to_string(), "cols", &columns.to_string()])
        .stdin(end)
        .status();
    assert!(done.expect("stty runs").success());
}

#[test]
#[cfg(target_os = "linux")]
fn drawings_and_tables_follow_the_size() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut terminal = asof(dir.path(), false);
    let t = &mut terminal;
    resize(t, 24, 80);
    // The size is asked for when a line begins, so one passes by.
    line(t, "(basis-t db)\r", "0");
    let idents = "[:find ?i :where [_ :db/ident ?i]]\r";
    line(t, idents, "rows are not shown");
    resize(t, 50, 120);
    line(t, "(basis-t db)\r", "0");
    let wide = line(t, ".timeline :db/doc\r", "to t");
    assert!(!wide.contains("error"), "{wide}");
    // A line longer than the terminal is wrapped by the editor, and is still whole.
    resize(t, 24, 30);
    line(t, "(basis-t db)\r", "0");
    line(
        t,
        "[:find ?a . :where [(str \"one \" \"two \" \"three\") ?a]]\r",
        "one two three",
    );
    resize(t, 24, 100);
    keys(t, "(basis-t", "basis-t");
    resize(t, 30, 90);
    line(t, " db)\r", "0");
    keys(t, "\x04", "");
    t.exp_eof().expect("the end");
}

#[test]
#[cfg(target_os = "linux")]
fn long_results_are_paged() {
    let dir = tempfile::tempdir().expect("a folder");
    let pager = [("NO_COLOR", "1"), ("PAGER", "sed s/^/paged:/ | tail -3")];
    let mut terminal = terminal(dir.path(), &["repl", "--mem"], &pager);
    let t = &mut terminal;
    keys(t, "", "asof> ");
    resize(t, 24, 80);
    line(t, "(basis-t db)\r", "0");
    let idents = "[:find ?i :where [_ :db/ident ?i]]\r";
    line(t, idents, "paged:");
    line(t, "[:find ?i . :where [0 :db/ident ?i]]\r", "\r\n:db.part/db\r\n");
    // Without the pager, or with a number of rows, as many as fit.
    line(t, ".pager off\r", "");
    line(t, idents, "rows are not shown");
    line(t, ".pager on\r", "");
    line(t, ".rows 3\r", "");
    let shown = line(t, idents, "rows are not shown");
    assert!(!shown.contains("paged:"), "{shown}");
    keys(t, "\x04", "");
    t.exp_eof().expect("the end");
}

#[test]
fn the_banner_says_which_database() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut memory = terminal(dir.path(), &[], &[("NO_COLOR", "1")]);
    keys(&mut memory, "", "in memory");
    keys(&mut memory, ".open data\r", "data, a new database, t 0");
    keys(&mut memory, "\x04", "");
    memory.exp_eof().expect("the end");
    let mut disk = terminal(dir.path(), &["repl", "data"], &[("NO_COLOR", "1")]);
    keys(&mut disk, "", ", data, t 0");
    keys(&mut disk, "\x04", "");
    disk.exp_eof().expect("the end");
}
