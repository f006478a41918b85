//! Plays the conformance cases that ask something, where the folder with them is found.

use std::path::PathBuf;

use crate::conn::Connection;
use crate::db::{Db, TimePoint};
use crate::edn::{self, Edn, Keyword, Node, Symbol};
use crate::query::{Input, Query};

fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance"));
    let near = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/conformance"));
    let named = std::env::var_os("ASOF_CONFORMANCE").map(PathBuf::from);
    named.into_iter().chain([near, beside]).find(|p| p.is_dir())
}

fn get<'a>(map: &'a Edn, key: &str) -> Option<&'a Edn> {
    let Node::Map(pairs) = &map.node else { return None };
    let wanted = Node::Keyword(Keyword::new(key));
    pairs
        .iter()
        .find(|(k, _)| *k == Edn::new(wanted.clone()))
        .map(|(_, v)| v)
}

fn items(form: Option<&Edn>) -> Vec<Edn> {
    match form.map(|f| &f.node) {
        Some(Node::Vector(items) | Node::Set(items) | Node::List(items)) => items.clone(),
        _ => Vec::new(),
    }
}

/// `_` stands for anything, vectors compare without order (as bags), doubles with tolerance.
fn same(expected: &Edn, found: &Edn, ordered: bool) -> bool {
    match (&expected.node, &found.node) {
        (Node::Symbol(s), _) if s.name() == "_" => true,
        (Node::Double(a), Node::Double(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (Node::Set(a), Node::Set(b)) => bag(a, b, true),
        (Node::Vector(a) | Node::List(a), Node::Vector(b) | Node::List(b)) => {
            a.len() == b.len()
                && if ordered {
                    a.iter().zip(b).all(|(a, b)| same(a, b, true))
                } else {
                    bag(a, b, false)
                }
        }
        (Node::Map(a), Node::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(k, v)| b.iter().any(|(k2, v2)| same(k, k2, true) && same(v, v2, false)))
        }
        _ => expected == found,
    }
}

fn bag(a: &[Edn], b: &[Edn], ordered: bool) -> bool {
    let mut left: Vec<&Edn> = b.iter().collect();
    a.len() == b.len()
        && a.iter().all(|x| match left.iter().position(|y| same(x, y, ordered)) {
            Some(i) => {
                left.swap_remove(i);
                true
            }
            None => false,
        })
}

struct Case {
    conn: Connection,
    /// The t of the schema, then of each transaction.
    ts: Vec<u64>,
}

impl Case {
    fn point(&self, form: &Edn) -> TimePoint {
        match get(form, "tx-index").map(|n| &n.node) {
            Some(Node::Long(n)) => TimePoint::T(self.ts[(n + 1) as usize]),
            _ => TimePoint::from_edn(form).expect("a time point"),
        }
    }
    fn view(&self, spec: Option<&Edn>) -> Option<Db> {
        let mut db = self.conn.db();
        let Some(spec) = spec else { return Some(db) };
        if matches!(spec.node, Node::Keyword(_)) {
            return None;
        }
        if let Some(t) = get(spec, "as-of") {
            db = db.as_of(self.point(t)).expect("as-of");
        }
        if let Some(t) = get(spec, "since") {
            db = db.since(self.point(t)).expect("since");
        }
        if let Some(data) = get(spec, "with") {
            db = db.with(items(Some(data))).expect("with").db_after;
        }
        if get(spec, "history").is_some() {
            db = db.history();
        }
        Some(db)
    }
    fn arg(&self, form: &Edn) -> Input {
        self.database(form).map_or_else(|| Input::Edn(form.clone()), Input::Db)
    }
    fn database(&self, form: &Edn) -> Option<Db> {
        match &form.node {
            Node::Symbol(s) if s.name() == "db" => Some(self.conn.db()),
            Node::List(items) => {
                let (Node::Symbol(f), Some(db)) = (&items.first()?.node, items.get(1)) else {
                    return None;
                };
                let f: &Symbol = f;
                let db = self.database(db)?;
                Some(match f.name() {
                    "as-of" => db.as_of(self.point(&items[2])).expect("as-of"),
                    "since" => db.since(self.point(&items[2])).expect("since"),
                    "history" => db.history(),
                    "with" => db.with(self::items(Some(&items[2]))).expect("with").db_after,
                    _ => return None,
                })
            }
            _ => None,
        }
    }
}

fn setup(case: &Edn, fixtures: &[Edn]) -> Case {
    let base = get(case, "base").and_then(|b| fixtures.iter().find(|f| get(f, "fixture") == Some(b)));
    let conn = Connection::in_memory().expect("a connection");
    let mut schema = items(base.and_then(|b| get(b, "schema")));
    schema.extend(items(get(case, "schema")));
    schema.extend(
        edn::read(r#"{:db/id "datomic.tx" :db/txInstant #inst "2000-01-01"}"#).expect("an instant to begin with"),
    );
    let report = conn.transact(schema).expect("the schema");
    let mut ts = vec![report.t];
    let txs = items(base.and_then(|b| get(b, "txs")));
    for tx in txs.iter().chain(&items(get(case, "txs"))) {
        match conn.transact(items(Some(tx))) {
            Ok(report) => ts.push(report.t),
            Err(_) => ts.push(*ts.last().expect("the schema's t is first")),
        }
    }
    Case { conn, ts }
}

/// Whether the code stands for the category; the README's table, as far as queries reach.
fn stands_for(code: &str, category: &str) -> bool {
    let codes: &[&str] = match category {
        "parse" => &[
            "invalid-edn",
            "invalid-pattern",
            "invalid-query",
            "invalid-rule",
            "not-a-binding-form",
        ],
        "unbound-variable" => &["unbound-variable", "insufficient-binding", "invalid-query"],
        "insufficient-binding" => &["insufficient-binding", "unbound-variable"],
        "unknown-attribute" => &["unknown-attribute", "not-an-entity"],
        "unknown-rule" => &["unknown-rule", "invalid-query", "invalid-rule"],
        "unknown-function" => &["unresolved-symbol", "invalid-query"],
        "arity" => &[
            "arity",
            "invalid-query",
            "not-a-binding-form",
            "too-few-inputs",
            "too-many-inputs",
        ],
        "type-mismatch" => &[
            "type-mismatch",
            "cannot-compare",
            "function-failed",
            "wrong-type-for-attribute",
            "nil-input",
        ],
        "function-failed" => &["function-failed", "divide-by-zero", "overflow", "type-mismatch"],
        "unstratified" => &["unstratified", "invalid-query", "invalid-rule"],
        "unsupported" => &["invalid-query", "not-supported-on-history", "with-on-view"],
        other => return code == other,
    };
    codes.contains(&code)
}

fn play(case: &Edn, fixtures: &[Edn]) -> Result<(), String> {
    let Some(query) = get(case, "query") else { return Ok(()) };
    let setting = setup(case, fixtures);
    let mut inputs = Vec::new();
    if let Some(db) = setting.view(get(case, "db")) {
        inputs.push(Input::Db(db));
    }
    inputs.extend(items(get(case, "args")).iter().map(|a| setting.arg(a)));
    let answer = Query::from_edn(query).and_then(|q| q.run(&inputs)).and_then(|a| {
        let form = a.to_edn()?;
        Ok((form, a.shape()))
    });
    match (get(case, "expect"), get(case, "error"), answer) {
        (Some(expected), _, Ok((found, shape))) => {
            let ordered = matches!(shape, crate::query::Shape::Tuple | crate::query::Shape::Scalar);
            match same(expected, &found, ordered) {
                true => Ok(()),
                false => Err(format!("expected {expected}\n    found    {found}")),
            }
        }
        (_, Some(category), Err(e)) => {
            let categories = match &category.node {
                Node::Set(_) => items(Some(category)),
                _ => vec![category.clone()],
            };
            let code = e.code().as_str().trim_start_matches("db.error/");
            let fits = |c: &Edn| stands_for(code, c.to_string().trim_start_matches(':'));
            match categories.iter().any(fits) {
                true => Ok(()),
                false => Err(format!("expected the error {category}, found {e}")),
            }
        }
        (_, Some(category), Ok((found, _))) => Err(format!("expected the error {category}, found {found}")),
        (_, None, Err(e)) => Err(format!("failed: {e}")),
        (None, None, Ok(_)) => Ok(()),
    }
}

#[test]
fn conformance_cases_that_ask() {
    let Some(folder) = folder() else {
        eprintln!("the folder shared/conformance is not there; ASOF_CONFORMANCE names another place");
        return;
    };
    let read = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name)).expect("a file of cases");
        edn::read(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let fixtures = read("fixtures.edn");
    let mut failed = Vec::new();
    let mut played = 0;
    let only = std::env::var("ASOF_CASE").ok();
    for file in [
        "aggregates",
        "bindings",
        "disjunction",
        "errors",
        "find-specs",
        "functions",
        "negation",
        "predicates",
        "pull",
        "rules",
        "time-as-of",
        "time-history",
        "time-since",
        "tuples",
        "upsert",
        "components",
        "transactions",
        "schema",
        "cas",
        "tempids",
    ] {
        for case in read(&format!("{file}.edn")) {
            let Some(name) = get(&case, "name").and_then(Edn::as_str) else {
                continue;
            };
            if only.as_ref().is_some_and(|o| !name.contains(o.as_str())) {
                continue;
            }
            played += 1;
            if let Err(why) = play(&case, &fixtures) {
                failed.push(format!("{name}\n    {why}"));
            }
        }
    }
    eprintln!("played {played} cases");
    assert!(
        failed.is_empty(),
        "{} of {played} cases failed:\n{}",
        failed.len(),
        failed.join("\n")
    );
}
