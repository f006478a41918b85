//! Values as pulls show them.

use std::sync::Arc;

use super::parse::id_key;
use crate::datom::{Value, ValueType, Word, word};
use crate::edn::{Edn, Keyword, Node};
use crate::error::Result;
use crate::index::Words;

/// How many texts are kept at hand.
const RECENT: usize = 256;
/// So many are fetched before any are kept.
const FEW: usize = 32;

/// Makes forms of words. Entities have the same texts again and again (names of states, tags): those made lately are shared.
#[derive(Default)]
pub(super) struct Texts {
    strings: Recent<Arc<str>>,
    keywords: Recent<Keyword>,
}

/// What words stood for lately, each in the one place that its word has.
struct Recent<T> {
    places: Vec<Option<(Word, T)>>,
    fetched: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Recent<T> {
        Recent {
            places: Vec::new(),
            fetched: 0,
        }
    }
}

impl Texts {
    /// Shows the values of an attribute in a place that is nil: one, or all of them as a vector.
    pub fn show(&mut self, words: &Words, ty: ValueType, values: &[Word], one: bool, to: &mut Node) -> Result<()> {
        match (one, values) {
            (true, [value, ..]) => self.form(words, ty, *value, to),
            _ => {
                let mut all = nils(values.len());
                for (value, place) in values.iter().zip(&mut all) {
                    self.form(words, ty, *value, &mut place.node)?;
                }
                set(to, Node::Vector(all));
                Ok(())
            }
        }
    }

    #[inline]
    fn form(&mut self, words: &Words, ty: ValueType, w: Word, to: &mut Node) -> Result<()> {
        match ty {
            ValueType::Long => set(to, Node::Long(word::to_long(w))),
            ValueType::String => {
                let text = self.strings.get(w, || match words.value(ty, w)? {
                    Value::String(text) => Ok(text),
                    _ => unreachable!("a word is decoded as a value of the type that was asked for"),
                })?;
                set(to, Node::Str(text));
            }
            ValueType::Keyword => {
                let name = self.keywords.get(w, || match words.value(ty, w)? {
                    Value::Keyword(name) => Ok(name),
                    _ => unreachable!("a word is decoded as a value of the type that was asked for"),
                })?;
                set(to, Node::Keyword(name));
            }
            ValueType::Ref => set(to, id_map(w)),
            _ => *to = words.value(ty, w)?.to_edn().into_node(),
        }
        Ok(())
    }
}

impl<T: Clone> Recent<T> {
    #[inline]
    fn get(&mut self, w: Word, make: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.places.is_empty() {
            self.fetched += 1;
            if self.fetched <= FEW {
                return make();
            }
            self.places.resize(RECENT, None);
        }
        // The lowest bits say how long a text is, the highest how it begins.
        let place = &mut self.places[(w.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize % RECENT];
        if let Some((x, known)) = place
            && *x == w
        {
            return Ok(known.clone());
        }
        let made = make()?;
        *place = Some((w, made.clone()));
        Ok(made)
    }
}

/// So many places for forms.
pub(super) fn nils(n: usize) -> Vec<Edn> {
    std::iter::repeat_with(Edn::nil).take(n).collect()
}

/// Puts a form where nil is. Unlike an assignment, which would look for something to drop, this is no more than writing what a form consists
/// of.
#[inline(always)]
pub(super) fn set(place: &mut Node, node: Node) {
    debug_assert!(matches!(place, Node::Nil));
    std::mem::forget(std::mem::replace(place, node));
}

/// A reference to what is not shown further.
pub(super) fn id_map(e: u64) -> Node {
    Node::Map(vec![(id_key(), Node::Long(e as i64).into())])
}
