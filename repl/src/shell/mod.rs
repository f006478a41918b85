//! What the prompt does with what is typed. [`Shell`] knows nothing of terminals: text goes in, results and remarks come out, so
//! that scripts, the tour and the tests use it as people do. `editor` is the line under the cursor.

mod cancel;
mod command;
mod editor;
mod help;
mod labels;
mod names;
mod run;
mod script;
mod tokens;
mod tour;
mod watch;

#[cfg(test)]
mod tests;

pub use cancel::listen;
pub use editor::Line;

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use asof::db::Db;
use asof::edn::{Edn, Node};
use asof::error::{Code, Error, Result};

use crate::eval::Session;
use crate::print::{Format, Reply};
use crate::time::{Paint, when};
use cancel::Run;
use labels::Labels;
use script::Entry;
use tour::Tour;
use watch::Watch;

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    GoOn,
    Quit,
}

/// Files that read files that read files end here.
const NESTING_MAX: usize = 16;

/// A session at the prompt.
pub struct Shell {
    session: Session,
    /// Results.
    out: Box<dyn Write>,
    /// Everything else.
    notes: Box<dyn Write>,
    /// Where results go instead, with its name.
    file: Option<File>,
    format: Format,
    /// How many rows of a result are shown.
    rows: Option<usize>,
    /// Whether that was said, so that it does not follow the terminal.
    rows_said: bool,
    /// How wide drawings may be.
    width: usize,
    pub paint: Paint,
    /// Whether somebody sits there who wants to see that something runs.
    pub attended: bool,
    timing: bool,
    labels: Option<Labels>,
    /// The rules that were typed.
    rules: Vec<Edn>,
    watch: Option<Watch>,
    tour: Option<Tour>,
    nesting: usize,
}

impl Shell {
    pub fn new(session: Session, format: Format, out: Box<dyn Write>, notes: Box<dyn Write>) -> Shell {
        Shell {
            session,
            out,
            notes,
            file: None,
            format,
            rows: None,
            rows_said: false,
            width: 100,
            paint: Paint(false),
            attended: false,
            timing: false,
            labels: None,
            rules: Vec::new(),
            watch: None,
            tour: None,
            nesting: 0,
        }
    }

    /// The newest value of the database, for its names.
    pub fn db(&self) -> Db {
        self.session.db()
    }

    /// The names of the rules that were typed.
    pub fn rule_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.rules.iter().filter_map(rule_name).collect();
        names.dedup();
        names
    }

    /// Fits drawings and long results to a terminal of this size.
    pub fn fit(&mut self, columns: usize, rows: usize) {
        self.width = columns.min(160);
        if !self.rows_said {
            // What is left is for the frame and the prompt.
            self.rows = Some(rows.saturating_sub(6).max(10));
        }
    }

    /// Whether Enter on an empty line goes on with the tour.
    pub fn is_touring(&self) -> bool {
        self.tour.is_some()
    }

    /// Makes everything durable and lets the database go.
    pub fn close(mut self) -> Result<()> {
        self.leave_tour();
        self.session.close()
    }

    /// What stands before the cursor: where in time one is.
    pub fn prompt(&self) -> String {
        let mut prompt = String::from("asof");
        if let Some(tour) = &self.tour {
            prompt.push_str(&tour.progress());
        }
        let window = self.session.window;
        let day = |t| match self.session.db().instant_of(t) {
            Ok(Some(instant)) => format!("t={t} {}", when(instant)),
            _ => format!("t={t}"),
        };
        if let Some(t) = window.as_of {
            prompt.push_str(&format!(" {}", day(t)));
        }
        if let Some(t) = window.since {
            prompt.push_str(&format!(" since {}", day(t)));
        }
        if window.history {
            prompt.push_str(" history");
        }
        prompt + "> "
    }

    /// Does what a text says, up to its first mistake. `name` is what messages call it.
    pub fn feed(&mut self, name: &str, text: &str) -> Result<Flow> {
        let text = match &self.labels {
            Some(labels) => labels.take(text),
            None => text.to_string(),
        };
        // What people type who come from other shells.
        let text = match text.trim() {
            "help" | "?" | ":help" | "\\?" | "\\h" => ".help".to_string(),
            "quit" | "exit" | ":quit" | ":q" | "\\q" => ".quit".to_string(),
            _ => text,
        };
        // Everything is read before anything is done.
        let entries: Result<Vec<Entry<'_>>> = script::entries(&text).into_iter().collect();
        for entry in entries.map_err(|e| e.in_source(name, &text))? {
            let done = match entry {
                Entry::Command(line, at) => self.command(line, at),
                Entry::Form(form) => self.form(form).map(|()| Flow::GoOn),
            };
            if done.map_err(|e| e.in_source(name, &text))? == Flow::Quit {
                return Ok(Flow::Quit);
            }
        }
        Ok(Flow::GoOn)
    }

    /// Answers a form.
    fn form(&mut self, form: Edn) -> Result<()> {
        if is_rules(&form) {
            return self.learn(&form);
        }
        let short = self.spelled_out(form);
        refuse(&short)?;
        let writes =
            matches!(&short.node, Node::List(call) if call.first().is_some_and(|f| f.to_string() == "transact"));
        let (run, token) = Run::begin(self.attended);
        self.session.budget.cancel = Some(token);
        let started = Instant::now();
        let replied = self.session.eval(&short);
        let took = started.elapsed();
        drop(run);
        // Who cancels knows which query it was.
        let reply = replied.map_err(|e| match e.code() {
            Code::QueryCancelled => Error::new(Code::QueryCancelled, format!("cancelled after {}", span(took))),
            _ => e,
        })?;
        let rows = self.show(reply)?;
        if self.timing {
            self.remark(&format!("{rows} in {}", span(took)))?;
        }
        if writes {
            if self.session.window != Default::default() {
                let t = self.session.db().basis_t();
                self.remark(&format!("stored at t {t}, which this moment does not see; .now does"))?;
            }
            self.look()?;
        }
        Ok(())
    }

    /// A form as `asof eval` knows it: a query by itself means `(q query)`, a vector of maps and vectors `(transact ...)`,
    /// and `(pull pattern entity)` pulls from what is looked at.
    fn spelled_out(&self, form: Edn) -> Edn {
        let span = form.span;
        let node = match &form.node {
            _ if is_query(&form) => self.with_rules("q", &form),
            Node::Vector(items) if !items.is_empty() && items.iter().all(is_operation) => {
                Node::List(vec![Edn::sym("transact"), form])
            }
            Node::List(call) => match (call.first().map(ToString::to_string).as_deref(), call.len()) {
                (Some("pull" | "pull-many"), 3) => {
                    let mut call = call.clone();
                    call.insert(1, Edn::sym("db"));
                    Node::List(call)
                }
                (Some("q" | "explain"), 2) => self.with_rules(&call[0].to_string(), &call[1]),
                _ => return form,
            },
            _ => return form,
        };
        Edn { span, node }
    }

    /// `(name query)`, with the rules that were typed as its input when it uses them.
    fn with_rules(&self, name: &str, query: &Edn) -> Node {
        let plain = || Node::List(vec![Edn::sym(name), query.clone()]);
        let names = self.rule_names();
        let Some(inputs) = rule_inputs(query) else {
            return plain();
        };
        if names.is_empty() || !(inputs == RuleInputs::Asked || uses(query, &names)) {
            return plain();
        }
        let query = match inputs {
            RuleInputs::Asked => query.clone(),
            RuleInputs::Unsaid => ask_for_rules(query),
        };
        let rules = Edn::vector(self.rules.clone());
        Node::List(vec![Edn::sym(name), query, Edn::sym("db"), rules])
    }

    /// Keeps rules, those of the same names replaced.
    fn learn(&mut self, form: &Edn) -> Result<()> {
        let new = form.as_vector().unwrap_or_default();
        let names: Vec<String> = new.iter().filter_map(rule_name).collect();
        self.rules
            .retain(|old| rule_name(old).is_none_or(|name| !names.contains(&name)));
        self.rules.extend_from_slice(new);
        let mut unique = names;
        unique.dedup();
        self.remark(&format!("queries can use {}", unique.join(", ")))
    }

    /// Prints a reply, and says how many rows it has.
    fn show(&mut self, mut reply: Reply) -> Result<String> {
        if let Some(labels) = &mut self.labels {
            reply.value = labels.put(&reply.value);
        }
        let count = match &reply.value.node {
            Node::Set(items) | Node::Vector(items) | Node::List(items) => items.len(),
            Node::Nil => 0,
            _ => 1,
        };
        let mut hidden = 0;
        if let (Some(most), None, Format::Table) = (self.rows, &self.file, self.format)
            && let Node::Set(items) | Node::Vector(items) | Node::List(items) = &mut reply.value.node
        {
            hidden = items.len().saturating_sub(most);
            items.truncate(most);
        }
        let format = self.format;
        reply.write(self.results(), format)?;
        self.results().flush()?;
        if hidden > 0 {
            self.remark(&format!("{hidden} of {count} rows are not shown; .rows all shows them"))?;
        }
        Ok(match count {
            1 => "1 row".to_string(),
            n => format!("{n} rows"),
        })
    }

    fn results(&mut self) -> &mut dyn Write {
        match &mut self.file {
            Some(file) => file,
            None => &mut *self.out,
        }
    }

    /// Says something that is no result.
    fn remark(&mut self, text: &str) -> Result<()> {
        let text = self.paint.dim(text);
        writeln!(self.notes, "{text}")?;
        Ok(())
    }

    /// Prints text for people.
    fn say(&mut self, text: &str) -> Result<()> {
        let out = self.results();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            writeln!(out)?;
        }
        out.flush()?;
        Ok(())
    }
}

fn span(took: Duration) -> String {
    match took.as_micros() {
        us @ 0..1000 => format!("{us} µs"),
        us @ 1000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        us => format!("{:.2} s", us as f64 / 1e6),
    }
}

fn is_query(form: &Edn) -> bool {
    match &form.node {
        Node::Vector(parts) => parts.first().is_some_and(|first| first.to_string() == ":find"),
        Node::Map(entries) => entries.iter().any(|(key, _)| key.to_string() == ":find"),
        _ => false,
    }
}

/// Whether a form can stand in a transaction.
fn is_operation(form: &Edn) -> bool {
    match &form.node {
        Node::Map(_) => true,
        Node::Vector(parts) | Node::List(parts) => parts
            .first()
            .is_some_and(|first| matches!(first.node, Node::Keyword(_) | Node::Symbol(_))),
        _ => false,
    }
}

/// Refuses what nobody can mean, and says what to type instead.
fn refuse(form: &Edn) -> Result<()> {
    let e = Error::new(Code::InvalidArgument, format!("{form} is nothing that can be done")).at(form.span);
    match &form.node {
        Node::Symbol(name) if name.to_string() == "db" => Ok(()),
        Node::Symbol(name) => {
            let bare = command::COMMANDS.iter().map(|c| &c.name[1..]);
            let commands: Vec<&str> = bare
                .filter(|c| asof::error::nearest(&name.to_string(), [*c]).is_some())
                .collect();
            Err(e.hint(match commands.first() {
                Some(command) => format!("did you mean .{command}?"),
                None => "type a query [:find ...], a transaction [{...}], (pull [*] ENTITY), or .help".to_string(),
            }))
        }
        Node::Map(_) => Err(e.hint("to add it, put it in brackets: [{...}]; a query has :find")),
        Node::Vector(_) => {
            Err(e.hint("a query is [:find ...], a transaction [{...}] or [[:db/add ...]], rules [[(name ?x) ...]]"))
        }
        _ => Ok(()),
    }
}

/// Whether a form is rules: `[[(name ?x) clause ...] ...]`.
fn is_rules(form: &Edn) -> bool {
    form.as_vector()
        .is_some_and(|rules| !rules.is_empty() && rules.iter().all(|rule| rule_name(rule).is_some()))
}

fn rule_name(rule: &Edn) -> Option<String> {
    let head = rule.as_vector()?.first()?.as_list()?;
    Some(head.first()?.as_symbol()?.to_string())
}

/// What a query says about its rules.
#[derive(PartialEq, Eq)]
enum RuleInputs {
    /// `:in $ %`
    Asked,
    /// No `:in`.
    Unsaid,
}

/// `None` when a query asks for inputs that only its user has.
fn rule_inputs(query: &Edn) -> Option<RuleInputs> {
    let inputs: Vec<String> = match &query.node {
        Node::Vector(parts) => match parts.iter().position(|p| p.to_string() == ":in") {
            None => return Some(RuleInputs::Unsaid),
            Some(at) => parts[at + 1..]
                .iter()
                .map(ToString::to_string)
                .take_while(|p| !p.starts_with(':'))
                .collect(),
        },
        Node::Map(entries) => match entries.iter().find(|(key, _)| key.to_string() == ":in") {
            None => return Some(RuleInputs::Unsaid),
            Some((_, inputs)) => inputs
                .as_seq()
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect(),
        },
        _ => return None,
    };
    (inputs == ["$", "%"]).then_some(RuleInputs::Asked)
}

/// Whether a rule of `names` is called anywhere in a form.
fn uses(form: &Edn, names: &[String]) -> bool {
    match &form.node {
        Node::List(items) => {
            items.first().is_some_and(|first| names.contains(&first.to_string()))
                || items.iter().any(|i| uses(i, names))
        }
        Node::Vector(items) => items.iter().any(|i| uses(i, names)),
        Node::Map(entries) => entries.iter().any(|(_, value)| uses(value, names)),
        _ => false,
    }
}

/// A query with `:in $ %`.
fn ask_for_rules(query: &Edn) -> Edn {
    let inputs = [Edn::sym("$"), Edn::sym("%")];
    let node = match &query.node {
        Node::Vector(parts) => {
            let at = parts
                .iter()
                .position(|p| p.to_string() == ":where")
                .unwrap_or(parts.len());
            let mut parts = parts.clone();
            parts.splice(at..at, [Edn::kw("in")].into_iter().chain(inputs));
            Node::Vector(parts)
        }
        Node::Map(entries) => {
            let mut entries = entries.clone();
            entries.push((Edn::kw("in"), Edn::vector(inputs)));
            Node::Map(entries)
        }
        _ => return query.clone(),
    };
    Edn { span: query.span, node }
}

/// A text that cannot be read as what a command needs.
fn missing(what: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("{what} is missing"))
}
