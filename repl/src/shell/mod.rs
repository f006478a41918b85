//! What the prompt does with what is typed. [`Shell`] knows nothing of terminals: text goes in, results and remarks come out, so
//! that scripts, the tour and the tests use it as people do. `editor` is the line under the cursor.

mod colours;
mod command;
mod editor;
mod files;
mod help;
mod labels;
mod names;
mod output;
mod pager;
mod run;
mod script;
mod tokens;
mod topics;
mod tour;
mod travel;

#[cfg(test)]
mod tests;

pub use editor::{Line, is_whole};
pub use files::is_database;

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use asof::db::{Db, TimePoint};
use asof::edn::{Edn, Node};
use asof::error::{Code, Error, Result};

use crate::cancel::{self, Run};
use crate::eval::{Rules, Session, foreign, refuse, spelled_out};
use crate::patience::Patience;
use crate::print::{Format, Reply, span};
use crate::time::{Paint, Style, Watch, reached, when};
use script::Entry;
use tour::Tour;

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    GoOn,
    Quit,
}

/// Files that read files that read files end here.
const NESTING_MAX: usize = 16;

/// The terminal that results are shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    pub columns: usize,
    pub rows: usize,
}

/// A session at the prompt.
pub struct Shell {
    session: Session,
    /// Results.
    out: Box<dyn Write>,
    /// Everything else.
    notes: Box<dyn Write>,
    /// Where results go instead, with its name.
    file: Option<(File, String)>,
    /// The newest result, for `.write`.
    last: Option<Reply>,
    format: Format,
    /// How many rows of a result are shown; as many as fit when nobody said.
    rows: Rows,
    /// The terminal, when somebody sits there.
    screen: Option<Screen>,
    /// Whether what does not fit on the screen is paged.
    paging: bool,
    pub style: Style,
    timing: bool,
    rules: Rules,
    watch: Option<Watch>,
    tour: Option<Tour>,
    nesting: usize,
}

/// How many rows of a result are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rows {
    /// Those that fit on the screen, where there is no pager.
    Fitting,
    All,
    Most(usize),
}

impl Shell {
    pub fn new(session: Session, format: Format, out: Box<dyn Write>, notes: Box<dyn Write>) -> Shell {
        Shell {
            session,
            out,
            notes,
            file: None,
            last: None,
            format,
            rows: Rows::Fitting,
            screen: None,
            paging: true,
            style: Style {
                paint: Paint(false),
                labels: None,
                width: 100,
            },
            timing: false,
            rules: Rules::default(),
            watch: None,
            tour: None,
            nesting: 0,
        }
    }

    /// The newest value of the database, for its names.
    pub fn db(&self) -> Db {
        self.session.db()
    }

    /// The session, to set it up.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The rules that were typed, each with the way in which it is called.
    pub fn rule_calls(&self) -> Vec<(String, String)> {
        self.rules.calls()
    }

    /// Fits drawings and long results to a terminal of this size.
    pub fn fit(&mut self, screen: Screen) {
        self.style.width = screen.columns.min(160);
        self.screen = Some(screen);
    }

    /// Says what went wrong.
    pub fn complain(&mut self, e: &Error) {
        match &mut self.style.labels {
            Some(labels) => crate::complain_of(e.kind(), &labels.text(&self.session.db(), &e.to_string())),
            None => crate::complain(e),
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
        let text = labels::take(self.style.labels.as_ref(), text).map_err(|e| e.in_source(name, text))?;
        // What people type who come from other shells.
        let text = match text.trim() {
            "help" | "?" | ":help" | "\\?" | "\\h" => ".help".to_string(),
            "quit" | "exit" | "quit;" | "exit;" | "quit()" | "exit()" | ":quit" | ":q" | "\\q" => ".quit".to_string(),
            ".tables" | "\\d" | "\\dt" | "show tables" | "show tables;" => ".schema".to_string(),
            _ => text,
        };
        if let Some(e) = foreign(&text, true) {
            return Err(e.in_source(name, &text));
        }
        // Everything is read before anything is done.
        let entries: Result<Vec<Entry<'_>>> = script::entries(&text).into_iter().collect();
        for entry in entries.map_err(|e| e.in_source(name, &text))? {
            cancel::begin();
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
        if Rules::are(&form) {
            let (names, replaced) = self.rules.learn(&form)?;
            self.rules.unplace();
            let instead = match replaced.as_slice() {
                [] => String::new(),
                [one] => format!("; {one} from before is replaced"),
                more => format!("; {} from before are replaced", more.join(", ")),
            };
            return self.remark(&format!("queries can use {}{instead}", names.join(", ")));
        }
        let short = spelled_out(form, &self.rules);
        refuse(&short, command::COMMANDS.iter().map(|c| c.name))?;
        self.all_reached(&short)?;
        let writes =
            matches!(&short.node, Node::List(call) if call.first().is_some_and(|f| f.to_string() == "transact"));
        let started = Instant::now();
        let reply = self.running(|session, _| session.eval(&short))?;
        let took = started.elapsed();
        let cost = if writes { span(took) } else { reply.cost(took) };
        self.show(reply)?;
        if self.timing {
            self.remark(&cost)?;
        }
        if writes {
            if self.session.window != Default::default() {
                let t = self.session.db().basis_t();
                let branch = match self.session.window.as_of {
                    Some(then) => format!("; what it would have changed then: (with (branch-at db {then}) [...])"),
                    None => String::new(),
                };
                self.remark(&format!(
                    "stored at t {t}, which this moment does not see; .now does{branch}"
                ))?;
            }
            self.look()?;
        }
        Ok(())
    }

    /// Refuses `(as-of db 99)` where there is no t 99 yet, as `.as-of 99` is: in a script it is now, and here it is a slip.
    fn all_reached(&self, form: &Edn) -> Result<()> {
        let (Node::List(items) | Node::Vector(items)) = &form.node else {
            return Ok(());
        };
        if let (Node::List(_), [call, of, t]) = (&form.node, &items[..])
            && ["as-of", "since", "branch-at"].contains(&&*call.to_string())
            && of.to_string() == "db"
            && let Some(Ok(point)) = t.as_long().map(TimePoint::from_number)
        {
            reached(&self.session.db(), point).map_err(|e| e.at(t.span))?;
        }
        items.iter().try_for_each(|item| self.all_reached(item))
    }

    /// Does something that Ctrl-C cancels and `.limit` bounds.
    fn running<X>(&mut self, work: impl FnOnce(&mut Session, &mut Style) -> Result<X>) -> Result<X> {
        self.cancellable(self.screen.is_some(), work)
    }

    /// The same; `clock` when nothing else shows that it goes on.
    fn cancellable<X>(&mut self, clock: bool, work: impl FnOnce(&mut Session, &mut Style) -> Result<X>) -> Result<X> {
        let (run, token) = Run::begin(clock);
        self.session.budget.cancel = Some(token);
        let started = Instant::now();
        let done = work(&mut self.session, &mut self.style);
        drop(run);
        // Who cancels knows which query it was.
        done.map_err(|e| match e.code() {
            Code::QueryCancelled => {
                let took = span(started.elapsed());
                let cancelled = Error::new(Code::QueryCancelled, format!("cancelled after {took}"));
                match e.hint_text() {
                    Some(kept) => cancelled.hint(kept),
                    None => cancelled,
                }
            }
            _ => e,
        })
    }

    /// The same for work that reads facts one after the other.
    fn patiently<X>(&mut self, work: impl FnOnce(&mut Session, &mut Style, &Patience) -> Result<X>) -> Result<X> {
        self.running(|session, style| {
            let patience = Patience::of(&session.budget);
            work(session, style, &patience)
        })
    }

    /// Shows what is new for the watch.
    fn look(&mut self) -> Result<()> {
        let Some(mut watch) = self.watch.take() else {
            return Ok(());
        };
        let seen = self.running(|session, style| watch.look(session, style));
        self.watch = Some(watch);
        let seen = seen?;
        if seen.is_empty() { Ok(()) } else { self.say(&seen) }
    }
}
