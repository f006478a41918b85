//! Where an error points when it is in the text of an input, and not in that of the query.

use std::sync::Arc;

use super::ast::{Ast, InSpec, Rules};
use super::input::Input;
use super::parse;
use crate::edn::{self, Edn, Node};
use crate::error::{Error, Result, Span};

/// Rules as they were given.
pub(crate) struct RuleText {
    pub form: Edn,
    pub text: Option<Arc<str>>,
    pub place: Place,
    /// Where the query takes them.
    pub span: Span,
}

impl PartialEq for RuleText {
    /// Texts are compared as such: the same forms in other places are other rules when an error points at them.
    fn eq(&self, other: &RuleText) -> bool {
        match (&self.text, &other.text) {
            (None, None) => self.place.elsewhere && self.form == other.form,
            (mine, theirs) => mine == theirs,
        }
    }
}

impl RuleText {
    pub fn parse(&self) -> Result<Rules> {
        let form = match &self.form.node {
            Node::Str(text) => edn::read_one(text).map_err(|e| e.in_source("rules", text))?,
            _ => self.form.clone(),
        };
        parse::rules(&self.place.of(&form, self.text.as_ref())).map_err(|e| e.at(self.span))
    }
}

/// Which input something is from. Places in the texts of inputs go beyond those of the query's own text, so that an error
/// knows which of the texts it points into: see [`located`].
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub input: usize,
    /// The query has a text of its own.
    pub elsewhere: bool,
}

/// Texts of inputs have room for so many bytes each.
const ROOM: u32 = 1 << 27;
/// So many inputs have places; those of the others are left out.
const PLACES: usize = 30;

impl Place {
    /// The form with its places moved into the room of this input; without a text they point nowhere, or into the script around.
    pub fn of(self, form: &Edn, text: Option<&Arc<str>>) -> Edn {
        let base = |text: &Arc<str>| {
            let fits = self.input < PLACES && text.len() < ROOM as usize;
            fits.then_some((self.input as u32 + 1) * ROOM)
        };
        match text.map(base) {
            Some(Some(base)) => {
                let mut form = form.clone();
                form.shift(base);
                form
            }
            Some(None) => form.unplaced(),
            None if self.elsewhere => form.unplaced(),
            None => form.clone(),
        }
    }
}

/// The error in the text of the query, or in that of the input which it points into.
pub(crate) fn located(e: Error, query: Option<&Arc<str>>, ast: &Ast, inputs: &[Input]) -> Error {
    let at = e.span();
    let n = (at.start / ROOM) as usize;
    if at.is_some() && e.source_text().is_none() && n > 0 {
        let text = inputs.get(n - 1).and_then(Input::source_text);
        if let Some(text) = text {
            let base = n as u32 * ROOM;
            let back = Span {
                start: at.start - base,
                end: at.end - base,
            };
            let name = match ast.inputs.get(n - 1) {
                Some((InSpec::Rules, _)) => "rules",
                Some((InSpec::Pattern(_), _)) => "pattern",
                _ => "input",
            };
            return e.moved(back).in_source(name, &text);
        }
    }
    match query {
        Some(text) => e.in_source("query", text),
        None => e,
    }
}
