//! What each command does.

use std::fs::File;

use asof::db::TimePoint;
use asof::edn::{self, Edn};
use asof::error::{Code, Error, Result};
use clap::ValueEnum;

use super::command::{self, Command};
use super::labels::Labels;
use super::{Flow, NESTING_MAX, Shell, help, missing};
use crate::eval::{schema_rows, stats_form};
use crate::print::Format;
use crate::time::{Picture, Window, blame, diff, moment, timeline, when};

impl Shell {
    /// Does what a command says.
    pub(super) fn command(&mut self, line: &str, at: usize) -> Result<Flow> {
        let (command, rest) = command::parse(line)?;
        // Arguments are read at the place where they stand, so that messages can point at them.
        let place = at + line.trim_end().len() - rest.len();
        let forms = || format!("{}{rest}", " ".repeat(place));
        if rest.is_empty() && !command.usage.is_empty() && !command.usage.starts_with('[') && command.name != ".watch" {
            return Err(command.misused("needs more"));
        }
        if command.usage.is_empty() && !rest.is_empty() {
            return Err(command.misused("stands alone"));
        }
        match command.name {
            ".quit" if self.is_touring() => self.leave_tour(),
            ".quit" => return Ok(Flow::Quit),
            ".help" if rest == "tour" => self.start_tour()?,
            ".help" => self.say(&help::topic(rest, self.paint)?)?,
            ".next" => self.next_step()?,
            ".schema" => self.schema(rest, &forms())?,
            ".attrs" => self.attributes(rest)?,
            ".rules" => self.known_rules(command, rest)?,
            ".as-of" | ".since" | ".history" | ".now" | ".back" | ".forward" => self.travel(command, rest)?,
            ".log" => self.transactions(command.number(rest, 10)?)?,
            ".timeline" | ".blame" | ".diff" => self.look_back(command, rest, &forms())?,
            ".explain" => {
                let query = edn::read_one(&forms())?;
                self.form(Edn::list([Edn::sym("explain"), query]))?;
            }
            ".watch" => self.set_watch(rest, &forms())?,
            ".format" => {
                self.format = Format::from_str(rest, true).map_err(|_| {
                    Error::new(Code::InvalidArgument, format!("there is no format {rest}"))
                        .hint("the formats are table, edn, json, csv and markdown")
                        .suggest(rest, ["table", "edn", "json", "csv", "markdown"])
                })?;
            }
            ".rows" => {
                self.rows_said = true;
                self.rows = match rest {
                    "all" => None,
                    _ => Some(command.number(rest, 0)? as usize),
                };
            }
            ".labels" => self.labels = command.switch(rest)?.then(Labels::default),
            ".timing" => self.timing = command.switch(rest)?,
            ".read" => return self.read(rest),
            ".output" => self.redirect(rest)?,
            ".stats" => {
                let stats = stats_form(self.session.conn())?;
                self.show(stats.into())?;
            }
            ".verify" => {
                let log = self.session.conn().verify()?;
                let indexes = self.session.conn().verify_indexes()?;
                self.say(&format!(
                    "log      {} transactions, {} facts: whole and unbroken\nindexes  {} facts, {} of them hold now: as the log says",
                    log.records, log.facts, indexes.events, indexes.live
                ))?;
            }
            // Every command of the list is above; a test runs them all.
            name => return Err(Error::new(Code::InvalidArgument, format!("{name} does nothing"))),
        }
        Ok(Flow::GoOn)
    }

    fn schema(&mut self, rest: &str, forms: &str) -> Result<()> {
        let all = schema_rows(&self.session.view()?, !rest.is_empty())?;
        if rest.is_empty() {
            return self.show(all).map(|_| ());
        }
        let wanted = edn::read_one(forms)?;
        // An unknown name gets the library's own message with the nearest one.
        if let Some(keyword) = wanted.as_keyword() {
            self.session.view()?.attribute(keyword).map_err(|e| e.at(wanted.span))?;
        }
        let rows = all.value.as_vector().unwrap_or_default();
        let name = asof::Keyword::new("db/ident");
        let row = rows.iter().find(|row| row.get(&name) == Some(&wanted)).cloned();
        let row = row.ok_or_else(|| Error::new(Code::UnknownAttribute, format!("{wanted} is no attribute")))?;
        self.show(row.into()).map(|_| ())
    }

    fn attributes(&mut self, part: &str) -> Result<()> {
        let all = schema_rows(&self.session.view()?, false)?;
        let name = asof::Keyword::new("db/ident");
        let names = all.value.as_vector().unwrap_or_default().iter();
        let names: Vec<String> = names
            .filter_map(|row| Some(row.get(&name)?.to_string()))
            .filter(|name| name.contains(part))
            .collect();
        match names.is_empty() {
            true => self.remark("there are none"),
            false => self.say(&names.join("\n")),
        }
    }

    fn known_rules(&mut self, command: &Command, rest: &str) -> Result<()> {
        match rest {
            "" if self.rules.is_empty() => self.remark("there are none; type some: [[(name ?x) [?x :attr _]]]"),
            "" => {
                let rules: Vec<String> = self.rules.iter().map(|rule| edn::pretty(rule, 100)).collect();
                self.say(&rules.join("\n"))
            }
            "clear" => {
                self.rules.clear();
                Ok(())
            }
            _ => Err(command.misused("takes nothing but clear")),
        }
    }

    fn point(&self, text: &str) -> Result<TimePoint> {
        moment(text, self.session.now())
    }

    fn travel(&mut self, command: &Command, rest: &str) -> Result<()> {
        let db = self.session.db();
        let newest = db.basis_t();
        let window = &mut self.session.window;
        match command.name {
            ".now" => *window = Window::default(),
            ".history" => window.history = command.switch(rest)?,
            ".back" | ".forward" => {
                let n = command.number(rest, 1)?;
                let here = window.as_of.unwrap_or(newest).min(newest);
                let there = match command.name {
                    ".back" => here.saturating_sub(n),
                    _ => here.saturating_add(n).min(newest),
                };
                window.as_of = (there < newest).then_some(there);
                if there == here {
                    let end = if there == 0 { "beginning" } else { "newest transaction" };
                    return self.remark(&format!("this is the {end}"));
                }
                // What one steps onto is what one wants to see.
                return self.transactions(1);
            }
            name => {
                let point = self.point(rest)?;
                let t = db.t_of(point)?;
                if t > newest {
                    let e = Error::new(Code::InvalidTimePoint, format!("t {t} is not there yet"));
                    return Err(e.hint(format!("the newest transaction is t {newest}")));
                }
                if name == ".as-of" {
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
    fn transactions(&mut self, n: u64) -> Result<()> {
        let db = self.session.db();
        let last = self.session.window.as_of.unwrap_or(db.basis_t()).min(db.basis_t());
        let first = (last + 1).saturating_sub(n).max(u64::from(last > 0));
        let mut text = String::new();
        for transaction in self.session.conn().log().range(Some(first), Some(last + 1)) {
            let transaction = transaction?;
            let head = format!("t {}  {}", transaction.t, when(transaction.instant));
            text.push_str(&format!(
                "{}  {} facts\n",
                self.paint.bold(&head),
                transaction.datoms.len()
            ));
            if n == 1 && transaction.t > 0 {
                text.push_str(&self.facts(&db, &transaction.datoms)?);
            }
        }
        self.say(&text)
    }

    fn look_back(&mut self, command: &Command, rest: &str, forms: &str) -> Result<()> {
        let view = self.session.view()?;
        if command.name == ".diff" {
            let mut words = rest.splitn(3, char::is_whitespace);
            let (Some(from), Some(to)) = (words.next(), words.next()) else {
                return Err(command.misused("needs two moments"));
            };
            // The moments are blank where the entity is read, which keeps its place.
            let entity = words.next().map(|entity| {
                let before = forms.len() - entity.len();
                edn::read_one(&format!("{}{entity}", " ".repeat(before)))
            });
            let entity = entity.transpose()?;
            let (from, to) = (self.point(from)?, self.point(to)?);
            let picture = diff(self.session.conn(), from, to, entity.as_ref(), self.paint)?;
            return self.picture(picture);
        }
        let forms = edn::read(forms)?;
        let (entity, attribute) = match forms.as_slice() {
            [entity] => (entity, None),
            [entity, attribute] => (entity, Some(attribute)),
            [] => return Err(missing("the entity")),
            _ => return Err(command.misused("takes an entity and perhaps an attribute")),
        };
        match command.name {
            ".timeline" => {
                let picture = timeline(&view, entity, attribute, self.width, self.paint)?;
                self.picture(picture)
            }
            _ => {
                let picture = blame(&view, entity, attribute)?;
                self.picture(picture)
            }
        }
    }

    fn picture(&mut self, picture: Picture) -> Result<()> {
        match self.format {
            Format::Table => self.say(&picture.drawing),
            _ => self.show(picture.reply).map(|_| ()),
        }
    }

    fn read(&mut self, file: &str) -> Result<Flow> {
        let file = file.trim_matches('"');
        if self.nesting >= NESTING_MAX {
            let e = Error::new(
                Code::InvalidArgument,
                format!("{file} is read by files that read files, {NESTING_MAX} deep"),
            );
            return Err(e.hint("a file that reads itself never ends"));
        }
        let text = std::fs::read_to_string(file)
            .map_err(|e| Error::new(Code::InvalidArgument, format!("cannot read {file}: {e}")).caused_by(e))?;
        self.nesting += 1;
        let done = self.feed(file, &text);
        self.nesting -= 1;
        done
    }

    fn redirect(&mut self, file: &str) -> Result<()> {
        self.file = None;
        let file = file.trim_matches('"');
        if !file.is_empty() {
            let made = File::create(file)
                .map_err(|e| Error::new(Code::InvalidArgument, format!("cannot write {file}: {e}")).caused_by(e))?;
            self.file = Some(made);
            self.remark(&format!("results go to {file}; .output ends that"))?;
        }
        Ok(())
    }
}
