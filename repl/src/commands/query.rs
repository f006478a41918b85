//! `asof q`, `asof pull` and `asof schema`: questions from the command line.

use asof::edn::{self, Edn, Node};
use asof::error::{Code, Error, Result, Span};
use clap::Args;

use super::reading::Reading;
use super::{form, text_or_file};
use crate::eval::{Rules, ask, explain, pull_many, schema_rows};
use crate::print::Reply;

#[derive(Args)]
#[command(after_help = QUERY_HELP)]
pub struct Query {
    /// The query, or @FILE for the text of a file (- for standard input)
    query: String,
    /// Inputs for :in after the database, as EDN; among them db, (as-of db T), (since db T) and (history db)
    /// name databases, and then the first input is no longer implied
    #[arg(allow_negative_numbers = true)]
    inputs: Vec<String>,
    /// Rules that the query may call, [[(name ?x) clause ...] ...], or @FILE
    #[arg(long, value_name = "RULES")]
    rules: Option<String>,
    /// Show the plan and what each step did instead of the result
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    reading: Reading,
}

const QUERY_HELP: &str = r#"Examples:
  asof q '[:find ?n :where [_ :person/name ?n]]'
  asof q '[:find ?e :in $ ?n :where [?e :person/name ?n]]' '"Ada"'
  asof q '[:find ?p :in $ $then :where [?f :file/path ?p] (not [$then ?f :file/path])]' db '(as-of db 10)'
  asof q @query.edn --rules @rules.edn --as-of 2024-05-01 --format csv
  asof q '[:find ?e ?n :where [?e :person/name ?n]]' --explain"#;

impl Query {
    pub fn run(self) -> Result<()> {
        let mut texts = Texts::default();
        let (name, text) = text_or_file("query", self.query)?;
        let mut query = texts.read(&name, &text)?;
        let mut inputs = Vec::new();
        for given in &self.inputs {
            let input = texts.read("inputs", given)?;
            if matches!(&input.node, Node::Symbol(s) if s.to_string() != "db") {
                let e = Error::new(
                    Code::InvalidArgument,
                    format!("{given} is a symbol, which no query takes as an input"),
                );
                return Err(e.hint(format!("a text has quotes of its own: '\"{given}\"'")));
            }
            inputs.push(input);
        }
        if let Some(rules) = self.rules {
            let rules = read_rules(rules, &mut texts)?;
            match rules.apply(&query) {
                Some((asking, with)) if inputs.is_empty() => (query, inputs) = (asking, with.to_vec()),
                // A query that calls none of the rules does without them.
                None if Rules::has_no_inputs(&query) => {}
                _ => {
                    let e = Error::new(Code::InvalidArgument, "this query asks for inputs of its own");
                    return Err(e.hint("give the rules as the input for %, in the order of :in"));
                }
            }
        }
        if !inputs.iter().any(is_database) {
            inputs.insert(0, Edn::sym("db"));
        }
        let open = self.reading.open()?;
        let budget = self.reading.asking.limits.budget();
        let answer = match self.explain {
            true => explain(&open.db, &query, &inputs, &budget),
            false => ask(&open.db, &query, &inputs, &budget),
        };
        open.print(answer.map_err(|e| texts.located(e))?)
    }
}

/// The texts that a question is made of, laid one behind the other: each form knows its place among all, so that messages point into
/// the text that they are about.
#[derive(Default)]
struct Texts {
    all: Vec<Text>,
    end: usize,
}

struct Text {
    name: String,
    text: String,
    start: usize,
}

impl Texts {
    /// The form that a text is. Those of one name are a line.
    fn read(&mut self, name: &str, text: &str) -> Result<Edn> {
        // What cannot be read is told of the text alone.
        form(name, text)?;
        let placed = edn::read_one(&format!("{}{text}", " ".repeat(self.end)))?;
        match self.all.last_mut() {
            Some(last) if last.name == name => {
                last.text.push(' ');
                last.text.push_str(text);
            }
            _ => self.all.push(Text {
                name: name.to_string(),
                text: text.to_string(),
                start: self.end,
            }),
        }
        self.end += text.len() + 1;
        Ok(placed)
    }

    /// An error in the text that it points into.
    fn located(&self, e: Error) -> Error {
        let (start, end) = (e.span().start as usize, e.span().end as usize);
        let within = |text: &&Text| e.span().is_some() && text.start <= start;
        match self.all.iter().rev().find(within).or(self.all.first()) {
            Some(text) if e.span().is_some() => {
                let span = Span::new(start - text.start, end - text.start);
                e.moved(span).in_source(&text.name, &text.text)
            }
            Some(text) => e.in_source(&text.name, &text.text),
            None => e,
        }
    }
}

fn read_rules(given: String, texts: &mut Texts) -> Result<Rules> {
    let (name, text) = text_or_file("rules", given)?;
    let form = texts.read(&name, &text)?;
    if !Rules::are(&form) {
        let e = Error::new(Code::InvalidRule, "these are no rules").at(form.span);
        let e = e.hint("write [[(name ?x) clause ...] ...]");
        return Err(texts.located(e));
    }
    let mut rules = Rules::default();
    rules.learn(&form).map_err(|e| texts.located(e))?;
    Ok(rules)
}

/// Whether an input names a database.
fn is_database(input: &Edn) -> bool {
    match &input.node {
        Node::Symbol(s) => s.to_string() == "db",
        Node::List(call) => call.get(1).is_some_and(is_database),
        _ => false,
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  asof pull '[*]' '[:person/email \"ada@x\"]'
  asof pull '[:person/name {:person/friend [:person/name]}]' 17592186045416 --as-of yesterday --format json
  asof pull '[:db/ident :db/doc]' :person/name :person/email")]
pub struct Pull {
    /// What to show, as '[:person/name {:person/friend [:person/name]}]' or '[*]'
    pattern: String,
    /// Of whom: entity ids, idents or lookup refs such as '[:person/email "ada@x"]'; of several, a vector
    #[arg(required = true, value_name = "ENTITY")]
    entities: Vec<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Pull {
    pub fn run(self) -> Result<()> {
        let pattern = form("pattern", &self.pattern)?;
        let entities = self
            .entities
            .iter()
            .map(|e| form("entity", e))
            .collect::<Result<Vec<_>>>()?;
        let open = self.reading.open()?;
        let pattern = asof::pull::parse(&pattern, &open.db).map_err(|e| e.in_source("pattern", &self.pattern))?;
        for (entity, text) in entities.iter().zip(&self.entities) {
            open.db.entid_of(entity).map_err(|e| e.in_source("entity", text))?;
        }
        let mut found = pull_many(&open.db, &pattern, &entities, &open.patience)?;
        open.print(match found.len() {
            1 => found.remove(0).into(),
            _ => Reply::from(Edn::vector(found)),
        })
    }
}

#[derive(Args)]
#[command(after_help = "Examples:
  asof schema
  asof schema :person/ --format markdown
  asof schema --as-of 2024-05-01 --format edn")]
pub struct ShowSchema {
    /// Only attributes with this text in their names
    text: Option<String>,
    /// Also the attributes that every database has
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reading: Reading,
}

impl ShowSchema {
    pub fn run(self) -> Result<()> {
        let open = self.reading.open()?;
        open.print(schema_rows(&open.db, self.all, self.text.as_deref().unwrap_or(""))?)
    }
}
