//! What each command does.

use std::path::Path;

use asof::edn::{self, Edn};
use asof::error::{Code, Error, Result};
use asof::query::Budget;
use asof::testing::Labels;
use clap::ValueEnum;

use super::command::{self, Command};
use super::names::Names;
use super::{Flow, Rows, Shell, help, pager};
use crate::commands::{OLD_INDEXES, duration, size};
use crate::eval::{is_query, schema_rows, spelled_out, stats_form, verified_indexes, verified_log};
use crate::export::write_bytes;
use crate::patience::Patience;
use crate::plot;
use crate::print::{Format, plural, span};
use crate::time::{Picture, Watch};

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
            ".help" => {
                let text = self.help(rest)?;
                self.say(&text)?;
            }
            ".next" => self.next_step()?,
            ".schema" => self.schema(rest, &forms())?,
            ".attrs" => self.attributes(rest)?,
            ".rules" => self.known_rules(command, rest)?,
            ".as-of" | ".since" | ".history" | ".now" | ".back" | ".forward" => self.travel(command, rest)?,
            ".log" => match command.number(rest, 10)? {
                0 => return Err(command.misused("shows one at least")),
                n => self.transactions(n)?,
            },
            ".timeline" | ".blame" | ".diff" => self.look_back(command, rest, &forms())?,
            ".plot" => self.plot(command, rest, place)?,
            ".explain" => {
                let query = edn::read_one(&forms())?;
                self.form(Edn::list([Edn::sym("explain"), query]))?;
            }
            ".watch" => self.set_watch(rest, &forms())?,
            ".format" => {
                self.format = Format::from_str(rest, true).map_err(|_| {
                    Error::new(Code::InvalidArgument, format!("there is no format {rest}"))
                        .hint(format!("the formats are {}", Format::NAMES.join(", ")))
                        .suggest(rest, Format::NAMES)
                })?;
            }
            ".rows" => {
                self.rows = match rest {
                    "all" => Rows::All,
                    _ => Rows::Most(command.number(rest, 0)? as usize),
                };
            }
            ".pager" => self.set_pager(command, rest)?,
            ".limit" => self.limit(command, rest)?,
            ".labels" => {
                let on = command.switch(rest, self.style.labels.is_some())?;
                self.style.labels = on.then(Labels::new);
                self.switched(command, rest, on)?;
            }
            ".timing" => {
                self.timing = command.switch(rest, self.timing)?;
                self.switched(command, rest, self.timing)?;
            }
            ".read" => return self.read(rest),
            ".output" => self.redirect(rest)?,
            ".write" => self.write_last(rest)?,
            ".import" => self.import(rest)?,
            ".export" => self.export(rest)?,
            ".open" => self.open(rest)?,
            ".show" => self.settings()?,
            ".stats" => {
                let stats = stats_form(self.session.conn())?;
                self.show(stats.into())?;
            }
            ".verify" => {
                let (damage, verified) = self.patiently(|session, _, patience| {
                    let (mut damage, check) = (Vec::new(), || patience.step());
                    session.conn().store().scrub(&mut |e| damage.push(e), &check)?;
                    let verified = match damage.is_empty() {
                        true => {
                            let log = session.conn().verify_while(&check)?;
                            Some((log, session.conn().verify_indexes_while(&check)?))
                        }
                        false => None,
                    };
                    Ok((damage, verified))
                })?;
                for damaged in &damage {
                    self.say(&format!("damage   {}", damaged.message()))?;
                }
                match (verified, damage.into_iter().next()) {
                    (Some((log, indexes)), _) => {
                        self.say(&format!("{}\n{}", verified_log(&log), verified_indexes(&indexes)))?;
                    }
                    (None, damaged) => return damaged.map_or(Ok(Flow::GoOn), Err),
                }
            }
            ".reindex" => {
                let dir = self.session.dir().map(|dir| dir.to_path_buf());
                let dir =
                    dir.ok_or_else(|| command.misused("is for databases on disk; in memory the indexes are new"))?;
                self.running(|session, _| {
                    let patience = Patience::of(&session.budget);
                    let done = session.reopen(Some(dir), Some(patience));
                    // The session's own limits are asked again: those above went with the opening.
                    done.map_err(|e| Patience::of(&session.budget).explain(e, || OLD_INDEXES.to_string()))
                })?;
                let t = self.session.db().basis_t();
                self.remark(&format!("the indexes are built anew from the log, up to t {t}"))?;
            }
            // Every command of the list is above; a test runs them all.
            name => return Err(Error::new(Code::InvalidArgument, format!("{name} does nothing"))),
        }
        Ok(Flow::GoOn)
    }

    fn schema(&mut self, rest: &str, forms: &str) -> Result<()> {
        let text = if rest.starts_with(':') { "" } else { rest };
        let all = schema_rows(&self.session.view()?, !rest.is_empty() && text.is_empty(), text)?;
        if rest.is_empty() || !text.is_empty() {
            return match all.count() {
                0 if text.is_empty() => self.remark("there are no attributes yet; .help schema shows how to make some"),
                0 => self.remark(&format!("no attribute has {text} in its name")),
                _ => self.show(all),
            };
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
        self.show(row.into())
    }

    fn attributes(&mut self, part: &str) -> Result<()> {
        let all = schema_rows(&self.session.view()?, false, part)?;
        let name = asof::Keyword::new("db/ident");
        let names = all.value.as_vector().unwrap_or_default().iter();
        let names: Vec<String> = names.filter_map(|row| Some(row.get(&name)?.to_string())).collect();
        match names.is_empty() {
            true => self.remark("there are none"),
            false => self.say(&names.join("\n")),
        }
    }

    fn known_rules(&mut self, command: &Command, rest: &str) -> Result<()> {
        match rest {
            "" if self.rules.all().is_empty() => self.remark("there are none; type some: [[(name ?x) [?x :attr _]]]"),
            "" => {
                let rules: Vec<String> = self.rules.all().iter().map(|rule| edn::pretty(rule, 100)).collect();
                self.say(&rules.join("\n"))
            }
            "clear" => {
                self.rules.clear();
                Ok(())
            }
            _ => Err(command.misused("takes nothing but clear")),
        }
    }

    /// `.watch on`, `.watch off`, `.watch QUERY`.
    fn set_watch(&mut self, rest: &str, forms: &str) -> Result<()> {
        self.watch = match rest {
            "off" => None,
            "" | "on" => {
                self.remark("after each transaction of this session its facts are shown; .watch off ends that")?;
                Some(Watch::facts(&self.session))
            }
            _ => {
                let query = edn::read_one(forms)?;
                if !is_query(&query) {
                    let e = Error::new(Code::InvalidArgument, format!("{query} is no query"));
                    return Err(e
                        .at(query.span)
                        .hint("write .watch on, .watch off or .watch [:find ...]"));
                }
                let query = spelled_out(query, &self.rules);
                let (watch, rows) = self.running(|session, _| Watch::answer(query, session))?;
                self.remark(&format!(
                    "{}; what changes is shown after each transaction of this session",
                    plural(rows, "row")
                ))?;
                Some(watch)
            }
        };
        Ok(())
    }

    fn plot(&mut self, command: &Command, rest: &str, place: usize) -> Result<()> {
        // A file may be named in ways that are no EDN.
        let (rest, file) = match rest.rsplit_once(char::is_whitespace) {
            Some((forms, file)) if plot::is_picture(Path::new(file)) => (forms, Some(file)),
            _ => (rest, None),
        };
        let file = file.map(super::files::named);
        if let Some(file) = &file {
            plot::must_be_svg(file)?;
        }
        let (kind, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let place = place + rest.len() - arguments.len();
        let forms = edn::read(&format!("{}{arguments}", " ".repeat(place)))?;
        let view = self.session.view()?;
        let chart = match (kind, forms.as_slice()) {
            ("value", [entity, attribute]) => {
                self.patiently(|_, style, patience| plot::value(&view, entity, attribute, style, patience))?
            }
            ("days", []) => self.patiently(|_, _, patience| plot::days(&view, patience))?,
            ("around", [entity]) => {
                self.patiently(|_, style, patience| plot::around(&view, entity, 1, style, patience))?
            }
            ("around", [entity, depth]) => {
                let depth = depth.as_long().and_then(|n| u8::try_from(n).ok());
                let depth =
                    depth.ok_or_else(|| command.misused("around takes an entity and perhaps a number of steps"))?;
                self.patiently(|_, style, patience| plot::around(&view, entity, depth, style, patience))?
            }
            _ => {
                return Err(command.misused(
                    "draws value ENTITY ATTR, days, or around ENTITY [STEPS], and takes a FILE.svg to draw into",
                ));
            }
        };
        match file {
            None => {
                let text = chart.text(&self.style);
                self.say(&text)
            }
            Some(file) => {
                write_bytes(&file, chart.svg()?.as_bytes())?;
                self.remark(&format!("drawn to {}", file.display()))
            }
        }
    }

    pub(super) fn picture(&mut self, picture: Picture) -> Result<()> {
        match self.format {
            Format::Table => self.say(&picture.drawing),
            _ => self.show(picture.reply),
        }
    }

    fn set_pager(&mut self, command: &Command, rest: &str) -> Result<()> {
        self.paging = command.switch(rest, self.paging)?;
        match (self.paging, pager::program()) {
            (true, None) => self.remark("there is no pager: PAGER names none, and less is not installed"),
            _ => self.switched(command, rest, self.paging),
        }
    }

    /// Says how a switch stands now, when nobody said how it should.
    pub(super) fn switched(&mut self, command: &Command, rest: &str, on: bool) -> Result<()> {
        match rest {
            "" => self.remark(&format!("{} is {}", command.name, if on { "on" } else { "off" })),
            _ => Ok(()),
        }
    }

    /// The text about a topic, a command or a function.
    fn help(&self, name: &str) -> Result<String> {
        if name.starts_with('.') {
            return Ok(help::about(command::parse(name)?.0, self.style.width));
        }
        help::topic(name, &self.style).or_else(|e| match Names::default().of(&self.db()).about(name) {
            Some(about) => Ok(format!("{name}  {about}")),
            None => Err(e),
        })
    }

    fn limit(&mut self, command: &Command, rest: &str) -> Result<()> {
        let budget = &mut self.session.budget;
        let (what, how) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match what {
            "off" if how.is_empty() => *budget = Budget::default(),
            "time" => budget.timeout = Some(duration(how.trim()).map_err(|e| command.misused(format!("time: {e}")))?),
            "memory" => {
                budget.memory_max = Some(size(how.trim()).map_err(|e| command.misused(format!("memory: {e}")))?);
            }
            "rows" if !how.is_empty() => match command.number(how.trim(), 0)? {
                0 => return Err(command.misused("rows: no query holds none")),
                n => budget.rows_max = usize::try_from(n).unwrap_or(usize::MAX),
            },
            _ => return Err(command.misused(format!("does not understand {rest}"))),
        }
        Ok(())
    }

    fn settings(&mut self) -> Result<()> {
        let switch = |on: bool| if on { "on" } else { "off" }.to_string();
        let budget = &self.session.budget;
        let dir = self
            .session
            .dir()
            .map_or("in memory".to_string(), |dir| dir.display().to_string());
        let pager = match (self.paging, pager::program()) {
            (true, Some(program)) => program.to_string(),
            _ => "off".to_string(),
        };
        let rows = [
            ("database", dir),
            ("format", self.format.name().to_string()),
            (
                "rows",
                match self.rows {
                    Rows::Fitting => "what fits, or the pager".to_string(),
                    Rows::All => "all".to_string(),
                    Rows::Most(n) => n.to_string(),
                },
            ),
            ("pager", pager),
            (
                "output",
                self.file.as_ref().map_or("here".to_string(), |(_, name)| name.clone()),
            ),
            ("limit time", budget.timeout.map_or("off".to_string(), span)),
            ("limit rows", budget.rows_max.to_string()),
            (
                "limit memory",
                budget.memory_max.map_or("off".to_string(), |n| format!("{n} bytes")),
            ),
            ("timing", switch(self.timing)),
            ("labels", switch(self.style.labels.is_some())),
            (
                "watch",
                match &self.watch {
                    None => "off".to_string(),
                    Some(Watch::Facts(_)) => "on".to_string(),
                    Some(Watch::Answer(form, _)) => form.to_string(),
                },
            ),
            (
                "rules",
                match self.rules.names() {
                    names if names.is_empty() => "none".to_string(),
                    names => names.join(", "),
                },
            ),
        ];
        let text: Vec<String> = rows.iter().map(|(name, value)| format!("{name:<14}{value}")).collect();
        self.say(&text.join("\n"))
    }
}
