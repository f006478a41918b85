//! Moving through time, and looking back.

use asof::db::TimePoint;
use asof::edn;
use asof::error::Result;

use super::Shell;
use super::command::Command;
use crate::print::plural;
use crate::time::{Window, blame, diff, facts, first_moment, is_moment, moment, reached, timeline, when};

impl Shell {
    fn point(&self, text: &str) -> Result<TimePoint> {
        moment(text, self.session.now())
    }

    pub(super) fn travel(&mut self, command: &Command, rest: &str) -> Result<()> {
        let db = self.session.db();
        let newest = db.basis_t();
        let window = &mut self.session.window;
        match command.name {
            ".now" => *window = Window::default(),
            ".history" => {
                let on = command.switch(rest, window.history)?;
                self.session.window.history = on;
                self.switched(command, rest, on)?;
            }
            ".back" | ".forward" => {
                let n = command.number(rest, 1)?;
                let here = window.as_of.unwrap_or(newest).min(newest);
                let there = match command.name {
                    ".back" => here.saturating_sub(n),
                    _ => here.saturating_add(n).min(newest),
                };
                window.as_of = (there < newest).then_some(there);
                if there == here {
                    let end = match command.name {
                        ".back" => "beginning",
                        _ => "newest transaction",
                    };
                    return self.remark(&format!("this is the {end}"));
                }
                // What one steps onto is what one wants to see.
                return self.transactions(1);
            }
            name => {
                let point = self.point(rest)?;
                let t = reached(&db, point)?;
                let now = self.session.now();
                if name == ".as-of" && matches!(point, TimePoint::Instant(then) if then > now) {
                    // What is written from here on happens before that moment.
                    self.session.window.as_of = None;
                    self.remark("that moment is still to come: until then this is now")?;
                } else if name == ".as-of" {
                    self.session.window.as_of = Some(t);
                    self.remark(&format!("as of t {t}{}", self.day(t)?))?;
                } else {
                    self.session.window.since = Some(t);
                    self.remark(&format!("only what was asserted after t {t}{}", self.day(t)?))?;
                }
            }
        }
        Ok(())
    }

    fn day(&self, t: u64) -> Result<String> {
        let instant = self.session.db().instant_of(t)?;
        Ok(instant.map_or(String::new(), |i| format!(" ({})", when(i))))
    }

    /// The last `n` transactions before the moment that is looked at, in a line each; a single one with its facts.
    pub(super) fn transactions(&mut self, n: u64) -> Result<()> {
        let db = self.session.db();
        let last = self.session.window.as_of.unwrap_or(db.basis_t()).min(db.basis_t());
        let first = (last + 1).saturating_sub(n).max(u64::from(last > 0));
        let text = self.patiently(|session, style, patience| {
            let mut text = String::new();
            for transaction in session.conn().log().range(Some(first), Some(last + 1)) {
                patience.check()?;
                let transaction = transaction?;
                let head = format!("t {}  {}", transaction.t, when(transaction.instant));
                let head = style.paint.bold(&head);
                text.push_str(&format!("{head}  {}\n", plural(transaction.datoms.len(), "fact")));
                if n == 1 && transaction.t > 0 {
                    text.push_str(&facts(&db, &transaction.datoms, style)?);
                }
            }
            Ok(text)
        })?;
        self.say(&text)
    }

    pub(super) fn look_back(&mut self, command: &Command, rest: &str, forms: &str) -> Result<()> {
        let view = self.session.view()?;
        if command.name == ".diff" {
            let (from, rest) = first_moment(rest);
            // Without a second moment the entity comes at once.
            let (to, entity) = match first_moment(rest) {
                _ if rest.is_empty() => ("now", None),
                _ if !is_moment(rest) => ("now", Some(rest)),
                (to, "") => (to, None),
                (to, entity) => (to, Some(entity)),
            };
            // The moments are blank where the entity is read, which keeps its place.
            let entity = entity.map(|entity| {
                let before = forms.len() - entity.len();
                edn::read_one(&format!("{}{entity}", " ".repeat(before)))
            });
            let entity = entity.transpose()?;
            let (from, to) = (self.point(from)?, self.point(to)?);
            let picture = self.patiently(|session, style, patience| {
                diff(session.conn(), from, to, entity.as_ref(), style, patience)
            })?;
            return self.picture(picture);
        }
        let forms = edn::read(forms)?;
        let picture = self.patiently(|_, style, patience| match (command.name, forms.as_slice()) {
            (".timeline", [entity, attribute @ ..]) if attribute.len() < 2 => {
                timeline(&view, entity, attribute.first(), style, patience)
            }
            (".blame", [entity, rest @ ..]) if rest.len() < 3 => {
                blame(&view, entity, rest.first(), rest.get(1), style, patience)
            }
            _ => Err(command.misused(format!("does not understand {rest}"))),
        })?;
        self.picture(picture)
    }
}
