//! Imports repositories through the program, and compares the files as of every commit with what git says.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use asof::edn::{self, Edn, Node};

/// The tree of a commit: path -> (mode, blob, size).
type Tree = BTreeMap<String, (String, String, Option<i64>)>;

const FILES: &str = "[:find ?p ?m ?b :where [?f :file/path ?p] [?f :file/mode ?m] [?f :file/blob ?b]]";
const SIZES: &str = "[:find ?p ?s :where [?f :file/path ?p] [?f :file/size ?s]]";

fn git_bytes(repo: &Path, args: &[&OsStr], env: &[(&str, String)]) -> Vec<u8> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repo)
        .args([
            "-c",
            "user.name=Test",
            "-c",
            "user.email=test@example.com",
            "-c",
            "commit.gpgsign=false",
        ])
        .args([
            "-c",
            "core.quotePath=false",
            "-c",
            "protocol.file.allow=always",
            "-c",
            "core.autocrlf=false",
        ])
        .args(args)
        .envs(env.iter().map(|(k, v)| (k, v)))
        .output()
        .expect("git starts");
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn git(repo: &Path, args: &[&str]) -> String {
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    String::from_utf8(git_bytes(repo, &args, &[]))
        .expect("git prints text")
        .trim()
        .to_string()
}

/// A repository that is written to.
struct Repo {
    dir: PathBuf,
}

impl Repo {
    fn write(&self, path: impl AsRef<Path>, content: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().expect("inside the repository")).expect("writable");
        fs::write(path, content).expect("writable");
    }
    fn run(&self, args: &[&str]) -> String {
        git(&self.dir, args)
    }
    /// Commits everything at `time`, seconds since 1970.
    fn commit(&self, message: &str, time: i64) {
        self.run(&["add", "--all"]);
        self.at(
            time,
            &[
                "commit",
                "--quiet",
                "--allow-empty",
                "--allow-empty-message",
                "-m",
                message,
            ],
        );
    }
    fn at(&self, time: i64, args: &[&str]) {
        let date = format!("{time} +0200");
        let env = [
            ("GIT_AUTHOR_DATE", format!("{} -0300", time - 60)),
            ("GIT_COMMITTER_DATE", date),
        ];
        let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
        git_bytes(&self.dir, &args, &env);
    }
}

fn asof(args: &[&OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_asof"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("asof starts")
}

fn import(repo: &Path, db: &Path) -> Output {
    asof(&[
        "import".as_ref(),
        "git".as_ref(),
        repo.as_ref(),
        "--db".as_ref(),
        db.as_ref(),
    ])
}

/// Runs a script of forms: an answer for each.
fn eval(db: &Path, script: &str) -> Vec<Edn> {
    let file = db.with_extension("script.edn");
    fs::write(&file, script).expect("writable");
    let output = asof(&["eval".as_ref(), "--db".as_ref(), db.as_ref(), file.as_ref()]);
    let printed = String::from_utf8(output.stdout).expect("asof prints text");
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    printed
        .lines()
        .map(|line| edn::read_one(line).expect("every line is EDN"))
        .collect()
}

fn rows(answer: &Edn) -> Vec<Vec<Edn>> {
    let Node::Set(rows) = &answer.node else {
        panic!("not a relation: {answer}")
    };
    let cells = |row: &Edn| match &row.node {
        Node::Vector(cells) => cells.clone(),
        _ => panic!("not a row: {row}"),
    };
    rows.iter().map(cells).collect()
}

fn text(form: &Edn) -> String {
    match &form.node {
        Node::Str(s) => s.to_string(),
        _ => panic!("not a text: {form}"),
    }
}

fn long(form: &Edn) -> i64 {
    match &form.node {
        Node::Long(n) => *n,
        _ => panic!("not a number: {form}"),
    }
}

/// The path as `:file/path` has it.
fn path_text(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) => text.to_string(),
        Err(_) => {
            let escaped = path.iter().map(|b| match b {
                b'"' | b'\\' => format!("\\{}", *b as char),
                b' '..=b'~' => (*b as char).to_string(),
                b => format!("\\{b:03o}"),
            });
            format!("\"{}\"", escaped.collect::<String>())
        }
    }
}

/// What git says the tree of `commit` is.
fn tree_of(repo: &Path, commit: &str) -> Tree {
    let listed = git_bytes(repo, &["ls-tree", "-r", "-l", "-z", commit].map(OsStr::new), &[]);
    let entries = listed.split(|&b| b == 0).filter(|entry| !entry.is_empty());
    let parse = |entry: &[u8]| {
        let tab = entry.iter().position(|&b| b == b'\t').expect("a tab before the path");
        let about = String::from_utf8_lossy(&entry[..tab]).into_owned();
        let parts: Vec<&str> = about.split_whitespace().collect();
        (
            path_text(&entry[tab + 1..]),
            (parts[0].into(), parts[2].into(), parts[3].parse().ok()),
        )
    };
    entries.map(parse).collect()
}

/// Compares the database with git at every commit of the first-parent line; gives the number of commits.
fn compare_all(repo: &Path, db: &Path) -> usize {
    let line = git(repo, &["rev-list", "--first-parent", "--reverse", "HEAD"]);
    let line: Vec<&str> = line.lines().collect();
    let known = &eval(db, "(q [:find ?sha ?tx :where [?tx :git/sha ?sha]])")[0];
    let txs: BTreeMap<String, i64> = rows(known).iter().map(|row| (text(&row[0]), long(&row[1]))).collect();
    assert_eq!(txs.len(), line.len(), "one transaction for each commit");
    let moments: Vec<i64> = line
        .iter()
        .map(|sha| *txs.get(*sha).unwrap_or_else(|| panic!("no {sha}")))
        .collect();
    assert!(moments.is_sorted(), "commits are in the order of the line");
    let script: Vec<String> = moments
        .iter()
        .flat_map(|tx| {
            [
                format!("(q {FILES} (as-of db {tx}))"),
                format!("(q {SIZES} (as-of db {tx}))"),
            ]
        })
        .collect();
    let answers = eval(db, &script.join("\n"));
    for (sha, answer) in line.iter().zip(answers.chunks(2)) {
        let sizes: BTreeMap<String, i64> = rows(&answer[1]).iter().map(|r| (text(&r[0]), long(&r[1]))).collect();
        let file = |r: &Vec<Edn>| {
            let path = text(&r[0]);
            let size = sizes.get(&path).copied();
            (path, (text(&r[1]), text(&r[2]), size))
        };
        let tree: Tree = rows(&answer[0]).iter().map(file).collect();
        assert_eq!(tree, tree_of(repo, sha), "as of commit {sha}");
        assert!(sizes.len() <= tree.len(), "sizes of files that are gone, as of {sha}");
    }
    line.len()
}

fn imported(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

const START: i64 = 1_600_000_000;

/// A history with what histories have.
fn busy_repository(dir: &Path) -> Repo {
    fs::create_dir_all(dir).expect("writable");
    let repo = Repo { dir: dir.to_path_buf() };
    repo.run(&["init", "--quiet", "--initial-branch=main"]);
    repo.write("readme", "one");
    repo.write("src/lib", "a");
    repo.write("src/deep/er/x", "x");
    repo.commit("first", START);
    repo.write("src/lib", "b");
    repo.write("with space", "s");
    repo.write("quo\"te", "q");
    repo.write("tab\there", "t");
    repo.write("new\nline", "n");
    repo.write("grüße/日本", "u");
    repo.write("-dash", "");
    repo.commit("names\n\nof many kinds\n", START + 10);
    repo.commit("nothing changes", START + 20);
    repo.run(&["mv", "src/lib", "src/renamed"]);
    repo.commit("rename, at the same second", START + 20);
    repo.run(&["rm", "--quiet", "with space", "src/deep/er/x"]);
    repo.commit("delete, an hour earlier", START - 3600);
    repo.write("with space", "again");
    repo.write("src/deep", "a file where a folder was");
    repo.commit("add again", START + 30);
    // Modes and links, through the index alone, so that the test means the same on every file system.
    let blob = repo.run(&["rev-parse", "HEAD:readme"]);
    repo.run(&["update-index", "--add", "--cacheinfo", &format!("100755,{blob},readme")]);
    repo.run(&["update-index", "--add", "--cacheinfo", &format!("120000,{blob},link")]);
    repo.at(
        START + 40,
        &["commit", "--quiet", "-m", "executable, and a symbolic link"],
    );
    repo.run(&["reset", "--quiet", "--hard"]);
    // Two branches; each merge is one transaction.
    repo.run(&["checkout", "--quiet", "-b", "side"]);
    repo.write("side/one", "1");
    repo.commit("side 1", START + 50);
    repo.write("side/two", "2");
    repo.run(&["rm", "--quiet", "quo\"te"]);
    repo.commit("side 2", START + 60);
    repo.run(&["checkout", "--quiet", "main"]);
    repo.write("readme", "main moves on");
    repo.commit("main", START + 55);
    repo.at(START + 70, &["merge", "--quiet", "--no-ff", "-m", "merge side", "side"]);
    repo.run(&["checkout", "--quiet", "-b", "ours"]);
    repo.write("ours", "o");
    repo.commit("ours", START + 75);
    repo.run(&["checkout", "--quiet", "main"]);
    repo.at(
        START + 80,
        &[
            "merge",
            "--quiet",
            "--no-ff",
            "-s",
            "ours",
            "-m",
            "merge that keeps its side",
            "ours",
        ],
    );
    // A path becomes a submodule and comes back as a file.
    let head = repo.run(&["rev-parse", "HEAD"]);
    repo.run(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},module")]);
    repo.run(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},-dash")]);
    repo.at(
        START + 90,
        &["commit", "--quiet", "-m", "submodules, one where a file was"],
    );
    repo.run(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},-dash")]);
    repo.at(START + 100, &["commit", "--quiet", "-m", "and back"]);
    repo.run(&["reset", "--quiet", "--hard"]);
    repo
}

#[cfg(unix)]
fn write_odd_bytes(repo: &Repo) {
    use std::os::unix::ffi::OsStrExt;
    // Not every file system takes such a name; the index does.
    let blob = repo.run(&["rev-parse", "HEAD:readme"]);
    let mut line = format!("100644,{blob},").into_bytes();
    line.extend_from_slice(b"caf\xe9 \"menu\".txt");
    let args = [
        "update-index".as_ref(),
        "--add".as_ref(),
        "--cacheinfo".as_ref(),
        OsStr::from_bytes(&line),
    ];
    git_bytes(&repo.dir, &args, &[]);
    repo.at(START + 110, &["commit", "--quiet", "-m", "a name that is not UTF-8"]);
}

#[test]
fn as_of_every_commit_is_what_git_says() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let (dir, db) = (temp.path().join("repo"), temp.path().join("db"));
    let repo = busy_repository(&dir);
    #[cfg(unix)]
    write_odd_bytes(&repo);
    imported(&import(&dir, &db));
    let before = compare_all(&dir, &db);

    // Nothing new: nothing happens.
    let said = imported(&import(&dir, &db));
    assert!(said.contains("nothing new"), "{said}");

    // New commits: only they are added.
    repo.run(&["reset", "--quiet", "--hard"]);
    repo.write("later", "l");
    repo.run(&["rm", "--quiet", "readme"]);
    repo.commit("later", START + 200);
    repo.write("readme", "returns");
    repo.commit("", START + 190);
    let said = imported(&import(&dir, &db));
    assert!(said.contains("2 commits in"), "{said}");
    assert_eq!(compare_all(&dir, &db), before + 2);

    // What the commits said about themselves.
    let facts = "(q [:find ?sha ?who ?mail ?at ?as :where [?t :git/sha ?sha] [?t :git/author-name ?who]
                     [?t :git/author-email ?mail] [?t :git/committed ?at] [?t :git/authored ?as]])
                 (q [:find ?sha ?m :where [?t :git/sha ?sha] [?t :git/message ?m]])
                 (q [:find ?i ?c :where [?t :db/txInstant ?i] [?t :git/committed ?c] [(< ?i ?c)]])";
    let answers = eval(&db, facts);
    let commits = rows(&answers[0]);
    assert_eq!(commits.len(), before + 2);
    for row in &commits {
        let said = git(
            &dir,
            &["show", "--no-patch", "--format=%an|%ae|%ct|%at", &text(&row[0])],
        );
        let seconds = |form: &Edn| match &form.node {
            Node::Inst(i) => i.0 / 1_000_000,
            _ => panic!("not an instant: {form}"),
        };
        let known = format!(
            "{}|{}|{}|{}",
            text(&row[1]),
            text(&row[2]),
            seconds(&row[3]),
            seconds(&row[4])
        );
        assert_eq!(known, said);
    }
    let messages: Vec<String> = rows(&answers[1]).iter().map(|row| text(&row[1])).collect();
    assert_eq!(messages.len(), before + 1, "an empty message is no fact");
    assert!(messages.contains(&"names\n\nof many kinds".to_string()));
    assert!(rows(&answers[2]).is_empty(), "an instant is nudged forward, never back");

    // A history that was rewritten is refused, and the database stays as it was.
    repo.at(START + 300, &["commit", "--quiet", "--amend", "-m", "another past"]);
    let refused = import(&dir, &db);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("rewritten"), "{said}");
    assert_eq!(
        rows(&eval(&db, "(q [:find ?t :where [?t :git/sha]])")[0]).len(),
        before + 2
    );
}

#[test]
fn the_projects_own_history() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let probe = Command::new("git")
        .arg("-C")
        .arg(&own)
        .args(["rev-parse", "--verify", "HEAD"])
        .output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("the sources stand in no git repository: nothing was imported");
        return;
    }
    let temp = tempfile::tempdir().expect("a temporary folder");
    let db = temp.path().join("db");
    imported(&import(&own, &db));
    let commits = compare_all(&own, &db);
    eprintln!("{commits} commits compared");
}

#[test]
fn what_is_no_repository_is_refused() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let refused = import(&temp.path().join("nothing"), &temp.path().join("db"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        !temp.path().join("db").exists(),
        "nothing is made for an import that cannot start"
    );
    let empty = temp.path().join("empty");
    fs::create_dir(&empty).expect("writable");
    git(&empty, &["init", "--quiet"]);
    let refused = import(&empty, &temp.path().join("db2"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("names no commit"));
    assert!(!temp.path().join("db2").exists());
}

#[test]
fn an_import_that_is_killed_continues_where_it_stopped() {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let (dir, db) = (temp.path().join("repo"), temp.path().join("db"));
    fs::create_dir(&dir).expect("writable");
    git(&dir, &["init", "--quiet", "--initial-branch=main"]);
    let commits = 800;
    let mut stream = String::new();
    for i in 0..commits {
        let who = format!("Test <test@example.com> {} +0000", START + i / 3);
        stream += &format!("commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata 1\nm\n");
        stream += &format!("M 100644 inline f{}\ndata <<END\n{i}\nEND\n", i % 40);
        if i % 7 == 6 {
            stream += &format!("D f{}\n", (i + 20) % 40);
        }
        stream += "\n";
    }
    let file = temp.path().join("stream");
    fs::write(&file, stream).expect("writable");
    let input = fs::File::open(&file).expect("written above");
    let mut load = Command::new("git");
    load.arg("-C").arg(&dir).args(["fast-import", "--quiet"]).stdin(input);
    assert!(load.status().expect("git starts").success());
    for millis in [5, 60, 120, 200] {
        let mut import = Command::new(env!("CARGO_BIN_EXE_asof"));
        import
            .args(["import", "git"])
            .arg(&dir)
            .arg("--db")
            .arg(&db)
            .stderr(Stdio::null());
        let mut running = import.spawn().expect("asof starts");
        std::thread::sleep(std::time::Duration::from_millis(millis));
        // It may be done already, on a quick machine.
        let _ = running.kill();
        running.wait().expect("it was started");
    }
    imported(&import(&dir, &db));
    let answers = eval(
        &db,
        &format!(
            "(q [:find (count ?t) . :where [?t :git/sha]])
             (q [:find (count ?t) . :where [?t :git/parent ?p] [?p :git/sha]])
             (q {FILES})"
        ),
    );
    assert_eq!((long(&answers[0]), long(&answers[1])), (commits, commits - 1));
    let files: Vec<(String, String)> = rows(&answers[2]).iter().map(|r| (text(&r[0]), text(&r[2]))).collect();
    let tree: Vec<(String, String)> = tree_of(&dir, "HEAD")
        .into_iter()
        .map(|(path, (_, blob, _))| (path, blob))
        .collect();
    assert_eq!(files, tree);
}
