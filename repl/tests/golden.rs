//! The project's own transcripts, and what `asof golden` does about those that do not fit.

use std::path::{Path, PathBuf};
use std::process::Command;

fn golden(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_asof"))
        .arg("golden")
        .args(args)
        .output()
        .expect("asof starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let code = output.status.code().expect("asof is not killed");
    (code, text(output.stdout), text(output.stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

#[test]
fn the_project_s_transcripts_fit() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/golden");
    let (code, out, err) = golden(&[text(&folder)]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains(": 7 fit"), "{out}");
}

#[test]
fn the_guide_s_example_fits() {
    let folder = tempfile::tempdir().expect("a folder");
    let guide =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guide/golden.md")).expect("text");
    let example = guide
        .split("````markdown\n")
        .nth(1)
        .and_then(|t| t.split("````\n").next());
    let file = folder.path().join("guide.asof");
    std::fs::write(&file, example.expect("an example")).expect("written");
    let (code, out, err) = golden(&[text(&file)]);
    assert_eq!(code, 0, "{out}{err}");
}

#[test]
fn what_does_not_fit_is_shown_and_updated() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let prose = write("prose.md", "No blocks.\n\n```edn\n(basis-t db)\n```\n");
    let (code, _, err) = golden(&[text(&prose)]);
    assert!(code == 2 && err.contains("is no transcript"), "{code} {err}");
    std::fs::remove_file(&prose).expect("removed");
    let wrong = "Before\n\n```asof\n(basis-t db)\n```\n```output\n1\n```\nAfter\n";
    let one = write("one.asof", wrong);
    let two = write("two.asof", "```asof\r\n(include \"_p.edn\")\r\n(basis-t db)\r\n```\r\n");
    write("_p.edn", "[] []");
    let path = text(folder.path());
    let (code, out, _) = golden(&[path, "--jobs", "2"]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("@@ -4,6 +4,6 @@") && out.contains("\n-1\n+0\n"), "{out}");
    assert!(!out.contains('\u{1b}'), "no colours in a pipe: {out}");
    assert!(out.contains("2 files, 2 blocks: 0 fit, 2 differ"), "{out}");
    assert_eq!(
        std::fs::read_to_string(&one).expect("text"),
        wrong,
        "only --update writes"
    );

    let (code, out, _) = golden(&[path, "--update", "--filter", "one"]);
    assert_eq!((code, out.contains("1 updated")), (0, true), "{out}");
    assert_eq!(
        std::fs::read_to_string(&one).expect("text"),
        wrong.replace("\n1\n", "\n0\n")
    );
    assert_eq!(golden(&[path, "--filter", "one"]).0, 0);

    assert_eq!(golden(&[path, "--update"]).0, 0);
    let after = std::fs::read_to_string(&two).expect("text");
    assert!(
        after.ends_with("```output\r\n2 transactions from _p.edn\r\n2\r\n```\r\n"),
        "{after:?}"
    );
    assert_eq!(golden(&[path]).0, 0);
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        3,
        "nothing is left behind"
    );
}

#[test]
fn what_is_no_transcript() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.asof");
    let path = text(folder.path());
    assert_eq!(golden(&[path]).0, 2, "nothing to play is an error");
    assert_eq!(golden(&["no/such/file.asof"]).0, 2);
    assert_eq!(golden(&[]).0, 2);
    for wrong in ["```asof\n(q", "```output\n1\n```\n", "```asof loud\n```\n"] {
        std::fs::write(&file, wrong).expect("written");
        let (code, _, err) = golden(&[path]);
        assert!(code == 2 && err.contains("a.asof:1:1"), "{err}");
        assert_eq!(golden(&[path, "--update"]).0, 2);
        assert_eq!(std::fs::read_to_string(&file).expect("text"), wrong);
    }
}

#[test]
fn differences_are_coloured() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.asof");
    std::fs::write(&file, "```asof\n(basis-t db)\n```\n```output\n1\n```\n").expect("written");
    let coloured = |variable: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_asof"))
            .args(["golden", text(&file)])
            .env_remove("NO_COLOR")
            .env(variable, "1")
            .output()
            .expect("asof starts");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).expect("text")
    };
    let out = coloured("CLICOLOR_FORCE");
    assert!(out.contains("\u{1b}[31m-1\u{1b}[0m\n\u{1b}[32m+0\u{1b}[0m"), "{out:?}");
    assert!(out.contains("\u{1b}[36m@@ -2,5 +2,5 @@"), "{out:?}");
    assert!(!coloured("NO_COLOR").contains('\u{1b}'));
}

#[test]
fn what_a_transcript_stands_on_must_be_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    let including = |file: &str| format!("Text\n\n```asof\n(basis-t db)\n(include \"{file}\")\n```\n");
    write("missing.asof", &including("_nobody.edn"));
    write("nested.asof", &including("missing.asof"));
    write("one.asof", &including("two.asof"));
    write("two.asof", &including("one.asof"));
    write("whole.asof", "```asof\n(basis-t db)\n```\n```output\n0\n```\n");
    let path = text(folder.path());
    for more in [&[][..], &["--update"]] {
        let (code, out, err) = golden(&[&[path], more].concat());
        assert_eq!(code, 2, "{out}{err}");
        assert!(out.contains("5 files, 1 block: 1 fit, 4 unreadable"), "{out}");
        let missing = "cannot include _nobody.edn: entity not found";
        assert_eq!(err.matches(missing).count(), 2, "{err}");
        assert!(
            err.contains("missing.asof:5:1") && err.contains("nested.asof:5:1"),
            "{err}"
        );
        assert!(
            err.contains("one.asof, which includes two.asof, which includes one.asof again, without end"),
            "{err}"
        );
    }
    let kept = std::fs::read_to_string(folder.path().join("one.asof")).expect("text");
    assert_eq!(kept, including("two.asof"), "what failed is never accepted");
    let (code, _, err) = golden(&[path, "--filter", "nothing-like-it"]);
    assert!(
        code == 2 && err.contains("no path of a transcript contains nothing-like-it"),
        "{err}"
    );
}
