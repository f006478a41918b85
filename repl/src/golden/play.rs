//! Playing a transcript: its blocks in order, on a fresh database with a fixed clock.

use std::path::Path;

use asof::edn::{self, Edn, Node};
use asof::error::{Code, Error, Result};
use asof::query::Budget;
use asof::testing::{self, Labels};
use clap::ValueEnum;

use super::page::{self, Block, Part};
use crate::eval::{Rules, Session, spelled_out};
use crate::print::{Format, plural};

/// What a transcript's file holds, and what it should.
pub struct Played {
    /// As it is.
    pub before: String,
    /// As playing it says; line ends as before.
    pub after: String,
    /// How many blocks it has.
    pub blocks: usize,
    /// How many of them answer something else than the file says.
    pub changed: usize,
}

/// Plays the transcript in `file`, within a budget for each of its questions.
pub fn play(file: &Path, budget: &Budget) -> Result<Played> {
    let before = read(file)?;
    // A checkout with Windows' line ends holds the same transcript.
    let windows = before.contains("\r\n");
    let text = before.replace("\r\n", "\n");
    let mut session = Session::open(None, true)?;
    session.budget = budget.clone();
    let mut player = Player {
        session,
        rules: Rules::default(),
        labels: Labels::new(),
        folder: file.parent().unwrap_or(Path::new("")),
        including: file
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .into_iter()
            .collect(),
    };
    let (mut after, mut blocks, mut changed) = (String::new(), 0, 0);
    let name = file.display().to_string();
    for part in page::parts(&text).map_err(|e| e.in_source(&name, &text))? {
        match part {
            Part::Prose(text) => after += &text,
            Part::Block(block) => {
                let output = player.block(&block).map_err(|e| e.in_source(&name, &text))?;
                blocks += 1;
                changed += usize::from(output != block.output.clone().unwrap_or_default());
                after += &block.with_output(&output);
            }
        }
    }
    // A page whose blocks are marked otherwise must not pass for one that fits.
    if blocks == 0 {
        let e = Error::new(
            Code::InvalidArgument,
            format!("{name} is no transcript: it has no asof block"),
        );
        return Err(e.hint("a block of forms begins with ```asof; asof golden --help shows one"));
    }
    let after = if windows { after.replace('\n', "\r\n") } else { after };
    Ok(Played {
        before,
        after,
        blocks,
        changed,
    })
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|e| crate::unreadable(&file.display().to_string(), e))
}

/// Why a form has no answer.
enum Failure {
    /// Which is its answer.
    Answer(Error),
    /// The transcript cannot be played: what it stands on is not there, so nothing that it prints may be accepted.
    Broken(Error),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Failure {
        Failure::Answer(e)
    }
}

impl Failure {
    /// The same with another error for an answer.
    fn map(self, f: impl FnOnce(Error) -> Error) -> Failure {
        match self {
            Failure::Answer(e) => Failure::Answer(f(e)),
            broken => broken,
        }
    }
}

struct Player<'a> {
    session: Session,
    rules: Rules,
    labels: Labels,
    /// Where included files are looked for.
    folder: &'a Path,
    /// The transcript, and the files that are being included, so that none includes itself.
    including: Vec<String>,
}

impl Player<'_> {
    /// What a block shows; an error when its first line is not understood.
    fn block(&mut self, block: &Block) -> Result<String> {
        let (mut quiet, mut format) = (false, Format::Table);
        for word in &block.words {
            match (word.as_str(), Format::from_str(word, false)) {
                ("quiet", _) => quiet = true,
                (_, Ok(known)) => format = known,
                (other, Err(_)) => {
                    let known = Format::NAMES;
                    let message = format!(
                        "{other} means nothing behind asof; known are quiet, {}",
                        known.join(", ")
                    );
                    return Err(Error::new(Code::InvalidArgument, message)
                        .at(block.span)
                        .suggest(other, known.into_iter().chain(["quiet"])));
                }
            }
        }
        let mut out = String::new();
        for form in edn::Forms::new(&block.text) {
            let place = form.as_ref().map_or(block.span, |form| block.place(form.span));
            match form.map_err(Failure::from).and_then(|form| self.form(&form, format)) {
                Ok(text) if quiet => drop(text),
                Ok(text) => out += &text,
                // Places count from the block's first line, so that text above it may change.
                Err(Failure::Broken(e)) => return Err(e.at(place)),
                Err(Failure::Answer(e)) => {
                    let db = self.session.db();
                    out += &self.labels.error(&db, &e.in_source("block", &block.text));
                }
            }
        }
        Ok(out)
    }

    /// What a form answers, as text.
    fn form(&mut self, form: &Edn, format: Format) -> Result<String, Failure> {
        if Rules::are(form) {
            self.rules.learn(form).map_err(|e| e.at(form.span))?;
            // Later blocks are texts of their own.
            self.rules.unplace();
            return Ok(String::new());
        }
        let form = &spelled_out(form.clone(), &self.rules);
        let call = form.as_list().unwrap_or_default();
        let name = call.first().and_then(Edn::as_symbol).map(|name| name.to_string());
        let at = |e: Error| e.at(form.span);
        match (name.as_deref(), &call[call.len().min(1)..]) {
            (Some("include"), [file]) => self.include(file).map_err(|e| e.map(at)),
            (Some("dump"), args @ ([] | [_])) => {
                let db = match args.first() {
                    None => self.session.view()?,
                    Some(form) => self.session.database(form)?,
                };
                Ok(self.labels.dump(&db).map_err(at)?)
            }
            (Some("transact"), [data]) if data.as_vector().is_some() && format == Format::Table => {
                let report = self.session.conn().transact(data.as_vector().unwrap_or_default());
                Ok(self.labels.report(&report.map_err(at)?)?)
            }
            (Some("with"), [db, data]) if data.as_vector().is_some() && format == Format::Table => {
                let db = self.session.database(db)?;
                let report = db.with(data.as_vector().unwrap_or_default()).map_err(at)?;
                Ok(self.labels.report(&report)?)
            }
            // What each step did takes another time in each run; the plan is the same.
            (Some("explain"), [query, inputs @ ..]) => {
                let plan = self.session.plan(query, inputs).map_err(at)?;
                Ok(self.labels.text(&self.session.db(), &plan))
            }
            _ => {
                let mut reply = self.session.eval(form)?;
                reply.value = self.labels.relabel(&self.session.db(), &reply.value);
                let mut out = Vec::new();
                reply.write(&mut out, format)?;
                Ok(String::from_utf8_lossy(&out).into_owned())
            }
        }
    }

    /// Adds the transactions of an EDN file, or plays the blocks of another transcript without showing what they answer.
    fn include(&mut self, file: &Edn) -> Result<String, Failure> {
        let Node::Str(name) = &file.node else {
            let e = Error::new(Code::InvalidArgument, format!("{file} is no file name")).at(file.span);
            return Err(e
                .hint("write (include \"people.edn\"), a path beside the transcript")
                .into());
        };
        let broken = |what: String| Failure::Broken(Error::new(Code::InvalidArgument, what));
        let text = read(&self.folder.join(&**name)).map_err(|e| {
            // The folder differs from machine to machine, the transcript must not.
            let io = std::error::Error::source(&e).and_then(|e| e.downcast_ref::<std::io::Error>());
            let why = io.map_or(String::new(), |io| format!(": {}", io.kind()));
            broken(format!("cannot include {name}{why}"))
        })?;
        let text = text.replace("\r\n", "\n");
        if !name.ends_with(".asof") {
            let count = testing::load(self.session.conn(), name, &text)?;
            return Ok(format!("{} from {name}\n", plural(count, "transaction")));
        }
        if self.including.iter().any(|other| **other == **name) {
            let ways = self.including.iter().map(|other| format!("{other}, which includes "));
            return Err(broken(format!("{}{name} again, without end", ways.collect::<String>())));
        }
        self.including.push(name.to_string());
        let played = self.played(name, &text);
        self.including.pop();
        played
    }

    fn played(&mut self, name: &str, text: &str) -> Result<String, Failure> {
        let place = |e: Error| e.in_source(name, text);
        let mut count = 0u64;
        for part in page::parts(text).map_err(place)? {
            let Part::Block(block) = part else { continue };
            for form in edn::Forms::new(&block.text) {
                let form = form.map_err(|e| e.in_source(name, &block.text))?;
                let played = self.form(&form, Format::Table);
                played.map_err(|e| e.map(|e| e.in_source(name, &block.text)))?;
            }
            count += 1;
        }
        Ok(format!("{} from {name}\n", plural(count, "block")))
    }
}
