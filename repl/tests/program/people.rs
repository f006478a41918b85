//! People as records, and how imports of them are shown.

use crate::place::{Place, Run};

pub fn snapshot(name: &str, shown: &str) {
    insta::with_settings!({snapshot_path => "../../../snapshots/import", prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(name, shown);
    });
}

/// Without what differs from run to run: how long it took.
pub fn steady(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        match (line.find(" in "), line.ends_with("/s") || line.contains("facts/s;")) {
            (Some(end), true) => {
                let counts = line[..end].split(" (").collect::<Vec<_>>();
                let rest = counts
                    .get(1)
                    .and_then(|c| c.split_once(')'))
                    .map_or("", |(_, rest)| rest);
                out.push_str(&format!("{}{rest}", counts[0]));
                out.push_str(line.split_once("facts/s").map_or("", |(_, rest)| rest));
            }
            _ => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// A run as a person sees it, with the file of rejects that it wrote.
pub fn as_seen(place: &Place, args: &str) -> String {
    let rejects = place.path().join("rejects");
    let _ = std::fs::remove_file(&rejects);
    let run = place.run(&args.split(' ').collect::<Vec<_>>());
    let mut shown = format!("$ asof {args}\n{}{}exit code {}\n", run.out, steady(&run.err), run.code);
    if rejects.exists() {
        shown.push_str(&format!("--- rejects\n{}---\n", place.read("rejects")));
    }
    shown + "\n"
}

pub const PEOPLE: &str = "email,name,age,tags,boss,joined,score\n\
    ada@x,\"Ada \"\"Countess\"\" L\",36,math|poetry,bob@x,2024-01-02,1.5\n\
    bob@x,Bob,41,,,2023-05-01 12:00,2\n\
    cy@x,\"\",,,ada@x,,\n";

const MAPPED: [&str; 6] = ["--id", "email", "--many", "tags", "--ref", "boss=:person/email"];

pub const ALL: &str = "[:find (pull ?p [:person/email :person/name :person/age :person/tags {:person/boss [:person/email]} \
    :person/joined :person/score]) :where [?p :person/email]]";

pub fn csv(place: &Place, file: &str, more: &[&str]) -> Run {
    let mut args = vec!["import", "csv", file, "--entity", "person"];
    args.extend(MAPPED);
    args.extend(more);
    place.run(&args)
}
