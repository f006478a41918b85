//! What people type who come from other databases: recognised by its first words, and answered with how the same is said here.

use asof::error::{Code, Error, Span};

/// What a text wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Ask,
    Write,
    Define,
    See,
    Group,
    Leave,
}

/// First words of other languages. What may follow tells a word from a form that happens to begin so.
const WORDS: [(&str, &str, Wish); 29] = [
    ("select", "SQL", Wish::Ask),
    ("with", "SQL", Wish::Ask),
    ("from", "SQL", Wish::Ask),
    ("explain", "SQL", Wish::Ask),
    ("insert", "SQL", Wish::Write),
    ("update", "SQL", Wish::Write),
    ("delete", "SQL", Wish::Write),
    ("upsert", "SQL", Wish::Write),
    ("truncate", "SQL", Wish::Write),
    ("begin", "SQL", Wish::Group),
    ("commit", "SQL", Wish::Group),
    ("rollback", "SQL", Wish::Group),
    ("create", "SQL", Wish::Define),
    ("alter", "SQL", Wish::Define),
    ("drop", "SQL", Wish::Define),
    ("describe", "SQL", Wish::See),
    ("desc", "SQL", Wish::See),
    ("show", "SQL", Wish::See),
    ("pragma", "SQL", Wish::See),
    ("match", "Cypher", Wish::Ask),
    ("optional", "Cypher", Wish::Ask),
    ("unwind", "Cypher", Wish::Ask),
    ("merge", "Cypher", Wish::Write),
    ("prefix", "SPARQL", Wish::Ask),
    ("base", "SPARQL", Wish::Ask),
    ("construct", "SPARQL", Wish::Ask),
    ("ask", "SPARQL", Wish::Ask),
    ("quit", "", Wish::Leave),
    ("exit", "", Wish::Leave),
];

/// What shells of other databases call things, and what they are called here.
const COMMANDS: [(&str, &str); 28] = [
    (".tables", ".schema"),
    (".indexes", ".schema"),
    (".indices", ".schema"),
    (".fullschema", ".schema"),
    (".mode", ".format"),
    (".headers", ".format"),
    (".timer", ".timing"),
    (".once", ".write"),
    (".save", ".export --history"),
    (".backup", ".export --history"),
    (".dump", ".export --history"),
    (".restore", ".import dump"),
    (".databases", ".show"),
    (".dbinfo", ".stats"),
    (".tour", ".help tour"),
    ("\\d", ".schema"),
    ("\\dt", ".schema"),
    ("\\l", ".show"),
    ("\\c", ".open"),
    ("\\i", ".read"),
    ("\\o", ".output"),
    ("\\x", ".format"),
    ("\\pset", ".format"),
    ("\\copy", ".import"),
    ("\\timing", ".timing"),
    ("\\watch", ".watch"),
    ("\\q", ".quit"),
    ("\\?", ".help"),
];

/// What a command of another shell is called here.
pub fn command(name: &str) -> Option<&'static str> {
    let found = COMMANDS.iter().find(|(theirs, _)| *theirs == name);
    found.map(|(_, ours)| *ours)
}

/// The error that a text of another language deserves, at its first word. `prompt` when it was typed there.
pub fn foreign(text: &str, prompt: bool) -> Option<Error> {
    let start = text.len() - text.trim_start().len();
    let text = text.trim();
    let length = text
        .find(|c: char| c.is_whitespace() || "([{;,".contains(c))
        .unwrap_or(text.len());
    let (first, rest) = text.split_at(length);
    let refused = |what: String| Error::new(Code::InvalidArgument, what).at(Span::new(start, start + length));
    // A rule or a question of Prolog.
    let form = text.starts_with(|c: char| "[{(\";#:".contains(c));
    if text.starts_with("?-") || !form && text.ends_with('.') && text.contains(":-") {
        let e = refused("this is Prolog, and asof speaks Datalog as EDN".to_string());
        return Some(
            e.hint("a rule is [[(ancestor ?a ?d) [?a :person/child ?d]]], a query [:find ?d :where (ancestor ?a ?d)]"),
        );
    }
    if let (false, Some(ours)) = (
        prompt,
        command(first).or_else(|| first.starts_with('.').then_some(first)),
    ) {
        let e = refused(format!("{first} is a command of a prompt, and no form"));
        return Some(match ours {
            ".schema" => e.hint("asof schema shows the attributes"),
            ours if ours == first => e.hint(format!(
                "asof repl DIR -e '{first}' does what the prompt does; asof --help lists the commands"
            )),
            ours => e.hint(format!(
                "asof repl DIR -e '{ours}' is how it is called here; asof --help lists the commands"
            )),
        });
    }
    if let (true, Some(ours)) = (first.starts_with('\\'), command(first)) {
        return Some(refused(format!("there is no command {first}")).hint(format!("it is called {ours} here")));
    }
    let word = first.to_ascii_lowercase();
    // Commands of the prompt, whose dot is missing.
    if matches!(&*word, "explain" | "show") && !rest.trim_start().starts_with(char::is_alphabetic) {
        return None;
    }
    let (_, language, wish) = *WORDS.iter().find(|(known, ..)| *known == word)?;
    // A graph pattern has braces and variables, which SQL has not.
    let language = match language {
        "SQL" if rest.contains('?') && rest.contains('{') => "SPARQL",
        language => language,
    };
    Some(match wish {
        Wish::Leave if prompt => return None,
        Wish::Leave => refused(format!("{first} is no form")).hint("asof --help lists the commands"),
        _ => refused(format!("this is {language}, and asof speaks Datalog")).hint(way(wish, text, prompt)),
    })
}

/// How it is said here.
fn way(wish: Wish, text: &str, prompt: bool) -> String {
    let more = |topic: &str| match prompt {
        true => format!("; .help {topic} shows more"),
        false => format!("; more: asof repl --mem -e '.help {topic}'"),
    };
    match wish {
        Wish::Ask => {
            let query = selected(text).unwrap_or("[:find ?name :where [?e :ship/name ?name]]".to_string());
            format!("a query is {query}{}", more("queries"))
        }
        Wish::Write => format!(
            "a transaction is [{{:ship/name \"Petrel\"}}] or [[:db/retract ENTITY ATTR VALUE]]{}",
            more("transactions")
        ),
        Wish::Define => format!(
            "an attribute is a fact like others: [{{:db/ident :ship/name :db/valueType :db.type/string :db/cardinality \
             :db.cardinality/one}}]{}",
            more("schema")
        ),
        Wish::Group => format!(
            "a vector is a transaction, whole or not at all: [{{...}} {{...}}]{}",
            more("transactions")
        ),
        Wish::See if prompt => ".schema shows the attributes".to_string(),
        Wish::See => "asof schema shows the attributes".to_string(),
        Wish::Leave => String::new(),
    }
}

/// `SELECT a, b FROM t` as a query, where it is as plain as that.
fn selected(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("select") {
        return None;
    }
    let from = lower.find(" from ")?;
    let plain = |name: &str| {
        let name = name.trim();
        let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        fits.then(|| name.to_string())
    };
    let columns = &text["select".len()..from];
    let table = text[from + " from ".len()..].trim_end_matches(';');
    let table = plain(table.split_whitespace().next()?)?;
    if columns.trim() == "*" {
        return Some(format!("[:find (pull ?e [*]) :where [?e :{table}/ATTRIBUTE]]"));
    }
    let columns: Vec<String> = columns.split(',').map(plain).collect::<Option<_>>()?;
    let found: String = columns.iter().map(|c| format!(" ?{c}")).collect();
    let clauses: String = columns.iter().map(|c| format!(" [?e :{table}/{c} ?{c}]")).collect();
    Some(format!("[:find{found} :where{clauses}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_languages() {
        let told = |text: &str| foreign(text, false).map(|e| e.to_string()).unwrap_or_default();
        for (text, expected) in [
            (
                "SELECT * FROM people",
                "[:find (pull ?e [*]) :where [?e :people/ATTRIBUTE]]",
            ),
            (
                "  select name, tons from ship where tons > 3;",
                "[:find ?name ?tons :where [?e :ship/name ?name] [?e :ship/tons ?tons]]",
            ),
            ("select count(*) from ship", "this is SQL"),
            ("SELECT", "this is SQL"),
            ("ask from x", "this is SPARQL"),
            ("with é from t", "this is SQL"),
            ("SELECT ?s WHERE { ?s ?p ?o }", "this is SPARQL"),
            ("MATCH (n)-[:KNOWS]->(m) RETURN m", "this is Cypher"),
            ("?- parent(X, Y).", "Prolog"),
            ("ancestor(X, Y) :- parent(X, Y).", "Prolog"),
            ("INSERT INTO ship VALUES (1)", "a transaction is"),
            ("BEGIN;", "whole or not at all"),
            ("create table x(y int)", "an attribute is"),
            ("DESCRIBE ship", "asof schema shows"),
            ("\\dt", "asof schema shows"),
            (".tables", "asof schema shows"),
            (".log 3", "asof repl DIR -e '.log'"),
            (".mode csv", "asof repl DIR -e '.format'"),
            ("quit", "asof --help"),
        ] {
            assert!(told(text).contains(expected), "{text}: {}", told(text));
        }
        for text in [
            "[:find ?x]",
            "db",
            "(explain [:find ?x])",
            "\\a",
            "nil",
            "selection",
            "\"select\"",
            "",
            "?x",
            "explain [:find ?x]",
            "show",
        ] {
            assert_eq!(told(text), "");
            assert!(foreign(text, true).is_none(), "{text}");
        }
    }
}
