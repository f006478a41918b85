//! The texts of a column, read in one go.

use super::column::Column;
use super::hash::mix;
use crate::datom::Word;
use crate::error::{Code, Error, Result};
use crate::index::Words;

/// The texts of a column of an answer, see [`Answer::texts`](super::Answer::texts). They lie in one piece of memory, those that come again
/// mostly once.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: String,
    /// Where each different one ends.
    ends: Vec<usize>,
    /// Which of them each row has.
    rows: Vec<u32>,
}

/// How many texts are remembered for the case that they come again.
const RECENT: usize = 1024;

impl Texts {
    /// Of a column of texts.
    pub(super) fn new(column: &Column, words: &Words) -> Result<Texts> {
        let mut texts = Texts {
            rows: Vec::with_capacity(column.len()),
            ..Texts::default()
        };
        let mut recent: Vec<Option<(Word, u32)>> = vec![None; RECENT.min(column.len())];
        for w in &column.words {
            let slot = mix(0, *w) as usize % recent.len();
            let text = match recent[slot] {
                Some((known, text)) if known == *w => text,
                _ => {
                    let text = texts.fetch(*w, words)?;
                    recent[slot] = Some((*w, text));
                    text
                }
            };
            texts.rows.push(text);
        }
        Ok(texts)
    }

    fn fetch(&mut self, w: Word, words: &Words) -> Result<u32> {
        let whole = words.with_bytes(w, |bytes| {
            let text = std::str::from_utf8(bytes).ok();
            text.map(|text| self.bytes.push_str(text)).is_some()
        })?;
        if !whole {
            let message = format!("a stored text does not decode (word {w:#x})");
            return Err(Error::new(Code::CorruptStore, message));
        }
        self.ends.push(self.bytes.len());
        Ok(self.ends.len() as u32 - 1)
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// The text in a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        let text = *self.rows.get(row)? as usize;
        Some(self.text(text))
    }
    /// The text of each row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.rows.iter().map(|text| self.text(*text as usize))
    }

    #[inline]
    fn text(&self, n: usize) -> &str {
        let start = if n == 0 { 0 } else { self.ends[n - 1] };
        &self.bytes[start..self.ends[n]]
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[test]
    fn texts_are_those_of_the_rows_whether_they_come_again_or_not() {
        let db = testing::fixture("[{:db/ident :s :db/valueType :db.type/string :db/cardinality :db.cardinality/one}]")
            .expect("made");
        let mut tx = String::from("[");
        for i in 0..3000 {
            // Short ones, long ones, empty ones; some of them often.
            let text = match i % 3 {
                0 => format!("{}", i % 9),
                1 => format!("a text of some length {i}"),
                _ => String::new(),
            };
            tx.push_str(&format!("{{:s {text:?}}}"));
        }
        db.transact(tx + "]").expect("added");
        let answer = db.db().q("[:find ?e ?s :where [?e :s ?s]]", &[]).expect("answered");
        let texts = answer.texts(1).expect("read").expect("a column of texts");
        assert_eq!((texts.len(), texts.is_empty(), texts.get(3000)), (3000, false, None));
        for (row, text) in texts.iter().enumerate() {
            assert_eq!(answer.value(row, 1).expect("read").as_str(), Some(text));
            assert_eq!(texts.get(row), Some(text));
        }
        assert!(answer.texts(0).expect("read").is_none());
        assert!(answer.texts(2).expect("read").is_none());
    }
}
