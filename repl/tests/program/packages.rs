//! `asof import debian`: packages, checked against what apt says of them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::place::Place;

const RULES: &str = "[[(step ?p ?q) [?p :package/depends ?q]] [(step ?p ?q) [?p :package/pre-depends ?q]]
    [(step ?p ?q) [?p :package/unversioned ?n] [?q :package/provides ?n]]
    [(step ?p ?q) [?p :package/needs-version ?need] [(untuple ?need) [?name ?operator ?asked]]
                  [?n :package/name ?name] [?q :package/provides ?n]
                  [?q :package/provides-version ?provided] [(untuple ?provided) [?name ?has]]
                  (or (and [(= ?operator \"=\")] [(= ?has ?asked)])
                      (and [(= ?operator \">=\")] [(>= ?has ?asked)]) (and [(= ?operator \">>\")] [(> ?has ?asked)])
                      (and [(= ?operator \"<=\")] [(<= ?has ?asked)]) (and [(= ?operator \"<<\")] [(< ?has ?asked)]))]
    [(needs ?p ?q) (step ?p ?q)] [(needs ?p ?q) (step ?p ?x) (needs ?x ?q)]]";

/// The packages that a question finds.
fn packages(place: &Place, clause: &str, of: &str) -> BTreeSet<String> {
    let query = format!("[:find ?n :in $ % ?p :where [?x :package/name ?p] {clause} [?y :package/name ?n]]");
    let found = place.out(&["q", &query, RULES, &format!("{of:?}"), "--format", "csv"]);
    found.lines().skip(1).map(str::to_string).collect()
}

/// What each package of `text` needs at once, read as naively as can be.
fn steps(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let field = |stanza: &str, name: &str| {
        let unfolded = stanza.replace("\n ", " ");
        let line = unfolded
            .lines()
            .find_map(|l| l.strip_prefix(&format!("{name}: ")).map(str::to_string));
        line.unwrap_or_default()
    };
    let parts = |text: &str| -> Vec<(String, bool)> {
        let parts = text.split([',', '|']).map(str::trim).filter(|p| !p.is_empty());
        let name = |p: &str| p.split([' ', '(', ':', '[']).next().unwrap_or_default().to_string();
        parts.map(|p| (name(p), p.contains('('))).collect()
    };
    let stanzas: Vec<&str> = text.split("\n\n").filter(|s| !s.trim().is_empty()).collect();
    let mut provided: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for stanza in &stanzas {
        for (name, versioned) in parts(&field(stanza, "Provides")) {
            let by = (field(stanza, "Package"), versioned);
            provided.entry(name).or_default().push(by);
        }
    }
    let mut steps: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for stanza in &stanzas {
        let to = steps.entry(field(stanza, "Package")).or_default();
        for (name, versioned) in parts(&field(stanza, "Depends"))
            .into_iter()
            .chain(parts(&field(stanza, "Pre-Depends")))
        {
            let by = provided.get(&name).into_iter().flatten();
            to.extend(by.filter(|(_, serves)| *serves || !versioned).map(|(by, _)| by.clone()));
            to.insert(name);
        }
    }
    steps
}

fn reach(steps: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_string()]);
    while let Some(name) = next.pop() {
        for to in steps.get(&name).into_iter().flatten() {
            if seen.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    seen
}

#[test]
fn what_packages_need_and_what_needs_them() {
    let sample = include_str!("../data/packages.txt");
    let place = Place::new(&[("packages", sample)]);
    place.out(&["import", "debian", "packages"]);
    let steps = steps(sample);
    for from in steps.keys() {
        assert_eq!(
            packages(&place, "(needs ?x ?y)", from),
            reach(&steps, from),
            "what {from} needs"
        );
        let needing = steps
            .keys()
            .filter(|p| reach(&steps, p).contains(from))
            .cloned()
            .collect();
        assert_eq!(packages(&place, "(needs ?y ?x)", from), needing, "what needs {from}");
    }
    assert!(
        reach(&steps, "kettle").contains("pipe"),
        "through tap, which provides water"
    );
    assert!(
        !reach(&steps, "kettle").contains("never-reached"),
        "an unversioned name is no version"
    );
    let kettle = "[:find (pull ?p [:package/version :package/size :package/real :package/tag :package/depends-text]) . \
                  :where [?p :package/name \"kettle\"]]";
    assert_eq!(
        place.q(kettle),
        "{:package/version \"2.1-3\", :package/size 4096, :package/real true, \
         :package/tag [\"role::program\" \"use::drinking\" \"works-with::water\"], \
         :package/depends-text \"libheat1 (>= 1.2), water | mineral-water, socket (= 3) [amd64], libmetal-any:any\"}\n"
    );
    // The same once more changes nothing; newer metadata takes its place, and the old is history.
    let before = place.transactions();
    place.out(&["import", "debian", "packages"]);
    assert_eq!(place.transactions(), before);
    place.write("packages", sample.replace("Depends: pipe\n", ""));
    place.out(&["import", "debian", "packages"]);
    assert!(!packages(&place, "(needs ?x ?y)", "kettle").contains("pipe"));
    let then = "[:find [?n ...] :where [?x :package/name \"tap\"] [?x :package/depends ?y] [?y :package/name ?n]]";
    assert_eq!(
        place.out(&["q", then, "--as-of", "2", "--format", "edn"]),
        "[\"pipe\"]\n"
    );
}

/// What apt says, where it is there and knows packages; what it makes of its lists is kept in `cache`.
fn apt(cache: &Place, args: &[&str]) -> Option<String> {
    let folder = format!("Dir::Cache={}", cache.path().display());
    let options = [
        "-o",
        &folder,
        "-o",
        "Dir::Cache::pkgcache=all.bin",
        "-o",
        "Dir::Cache::srcpkgcache=sources.bin",
    ];
    let output = Command::new("apt-cache").args(options).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// All that `package` needs, as apt says it.
fn apt_needs(cache: &Place, package: &str) -> Option<BTreeSet<String>> {
    let text = apt(cache, &["depends", "--recurse", "--important", package])?;
    // Packages stand at the beginning of a line, names that are only provided in angles, other architectures behind a colon.
    let plain = |name: &str| {
        let name = name.trim().trim_matches(['<', '>']);
        name.split(':').next().unwrap_or_default().to_string()
    };
    let mut found: BTreeSet<String> = text.lines().filter(|l| !l.starts_with([' ', '|'])).map(plain).collect();
    let named = text.lines().filter_map(|l| l.split_once("Depends: "));
    found.extend(named.map(|(_, name)| plain(name)));
    Some(found)
}

#[test]
fn the_same_as_apt_says() {
    // Some that much stands on, and some from all over the archive; apt takes a fifth of a second for each.
    const OTHERS: usize = 40;
    const NEEDED_MAX: usize = 250;
    let cache = Place::new(&[]);
    let Some(all) = apt(&cache, &["dumpavail"]) else {
        eprintln!("apt-cache has nothing to compare with");
        return;
    };
    let name = |stanza: &str| {
        stanza
            .lines()
            .find_map(|l| l.strip_prefix("Package: ").map(str::to_string))
            .unwrap_or_default()
    };
    let stanzas: BTreeMap<String, &str> = all.split("\n\n").map(|s| (name(s), s)).collect();
    let known = ["apt", "bash", "debianutils", "git", "vim", "python3"].map(String::from);
    let others = stanzas.keys().step_by((stanzas.len() / OTHERS).max(1)).cloned();
    let asked: BTreeSet<String> = known.into_iter().chain(others).collect();
    let asked = asked.into_iter().filter(|package| stanzas.contains_key(package));
    let answers = asked.filter_map(|package| Some((apt_needs(&cache, &package)?, package)));
    let expected: Vec<(BTreeSet<String>, String)> = answers.filter(|(all, _)| all.len() <= NEEDED_MAX).collect();
    // All that they need, and some besides: a build for tests takes its time with all of them.
    let wanted: BTreeSet<&String> = expected
        .iter()
        .flat_map(|(all, _)| all)
        .chain(stanzas.keys().take(300))
        .collect();
    let file: Vec<&str> = stanzas
        .iter()
        .filter(|(name, _)| wanted.contains(name))
        .map(|(_, s)| *s)
        .collect();
    let place = Place::new(&[("packages", &file.join("\n\n"))]);
    place.out(&["import", "debian", "packages"]);
    for (mut needed, package) in expected {
        let mut found = packages(&place, "(needs ?x ?y)", &package);
        // Whether a package needs itself in the end is not told apart by apt.
        found.insert(package.clone());
        needed.insert(package.clone());
        let [missing, wrong] =
            [needed.difference(&found), found.difference(&needed)].map(|names| names.collect::<Vec<_>>());
        assert!(
            missing.is_empty() && wrong.is_empty(),
            "{package} needs {missing:?}, says apt, and not {wrong:?}"
        );
    }
}
