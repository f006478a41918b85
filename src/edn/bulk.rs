//! The same language as the grammar's, read by hand: for files of many megabytes, where pest would be the slow part.
//!
//! A property test holds it equal to `read`, also in what it refuses (of several errors it may name another). Queries and
//! transactions typed by people go through the grammar.

use super::lex::Shape;
use super::walk::{Build, Walker};
use super::{Edn, Node, atoms, collect};
use crate::error::{Error, Result, Span, UNNAMED};

/// The forms of a text, one after another; only one is in memory at a time. Ends after the first error.
///
/// ```
/// let forms: Result<Vec<_>, _> = asof::edn::bulk::read_forms("[1 2] {:a 1}").collect();
/// assert_eq!(forms.unwrap().len(), 2);
/// ```
pub fn read_forms(text: &str) -> ReadForms<'_> {
    ReadForms {
        text,
        walker: Some(Walker::new(text, Values)),
    }
}

/// The iterator of [`read_forms`].
pub struct ReadForms<'a> {
    text: &'a str,
    walker: Option<Walker<'a, Values>>,
}

impl Iterator for ReadForms<'_> {
    type Item = Result<Edn>;

    fn next(&mut self) -> Option<Result<Edn>> {
        match self.walker.as_mut()?.next_form() {
            Ok(Some((form, _))) => Some(Ok(form)),
            Ok(None) => {
                self.walker = None;
                None
            }
            Err(fault) => {
                self.walker = None;
                Some(Err(fault.error.in_source(UNNAMED, self.text)))
            }
        }
    }
}

/// Builds the forms themselves.
pub(super) struct Values;

impl Build for Values {
    type Form = Edn;

    fn leaf(&mut self, text: &str, span: Span) -> Result<Edn, Error> {
        let node = atoms::leaf(text, span)?;
        Ok(Edn { node, span })
    }

    fn collection(&mut self, shape: Shape, ns: Option<&str>, items: Vec<Edn>, span: Span) -> Result<Edn, Error> {
        let node = match shape {
            Shape::List => Node::List(items),
            Shape::Vector => Node::Vector(items),
            Shape::Map => collect::map(items, ns)?,
            Shape::Set => collect::set(items)?,
        };
        Ok(Edn { node, span })
    }

    fn tagged(&mut self, tag: &str, form: Edn, span: Span) -> Result<Edn, Error> {
        let node = collect::tagged(tag, form)?;
        Ok(Edn { node, span })
    }
}
