//! The dictionary: long key bytes <-> codes, each byte string once.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLock;

use super::key::Probe;
use crate::datom::word::{self, EPHEMERAL, Text};
use crate::datom::{Value, ValueType, Word};
use crate::error::{Code, Error, Result};

/// The dictionary of one database. Codes are given once and never change.
#[derive(Default)]
pub struct Dict {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    codes: HashMap<Arc<[u8]>, u64, rustc_hash::FxBuildHasher>,
    entries: Vec<Arc<[u8]>>,
}

impl Dict {
    /// The code of `bytes`, if they have one.
    pub fn find(&self, bytes: &[u8]) -> Result<Option<u64>> {
        Ok(self.state.read().codes.get(bytes).copied())
    }
    /// The code of `bytes`, given now if they have none.
    pub fn intern(&self, bytes: &[u8]) -> Result<u64> {
        if let Some(code) = self.find(bytes)? {
            return Ok(code);
        }
        let mut state = self.state.write();
        let code = state.entries.len() as u64;
        let bytes: Arc<[u8]> = bytes.into();
        state.entries.push(bytes.clone());
        state.codes.insert(bytes, code);
        Ok(code)
    }
    /// The bytes of a code.
    pub fn bytes(&self, code: u64) -> Result<Arc<[u8]>> {
        self.state
            .read()
            .entries
            .get(code as usize)
            .cloned()
            .ok_or_else(|| Error::new(Code::CorruptStore, format!("dictionary code {code} is missing")))
    }
}

/// Values <-> words: the dictionary, and perhaps a scratch layer for values that must not enter it
/// (a speculation's, a query's own). Cheap to clone.
#[derive(Clone)]
pub struct Words {
    dict: Arc<Dict>,
    scratch: Option<Arc<Scratch>>,
}

struct Scratch {
    below: Option<Arc<Scratch>>,
    first: u64,
    state: RwLock<State>,
}

impl Scratch {
    fn find(&self, bytes: &[u8]) -> Option<u64> {
        let mine = self.state.read().codes.get(bytes).copied();
        mine.or_else(|| self.below.as_ref().and_then(|b| b.find(bytes)))
    }
    fn bytes(&self, code: u64) -> Option<Arc<[u8]>> {
        match code.checked_sub(self.first) {
            Some(i) => self.state.read().entries.get(i as usize).cloned(),
            None => self.below.as_ref().and_then(|b| b.bytes(code)),
        }
    }
}

impl Words {
    /// Values through `dict` alone: new ones enter it.
    pub fn new(dict: Arc<Dict>) -> Words {
        Words { dict, scratch: None }
    }

    /// The same values, with a layer of its own that catches new ones and is forgotten with it.
    pub fn with_scratch(&self) -> Words {
        let first = match &self.scratch {
            // Room for what the layer below may still take; codes only need to differ.
            Some(below) => below.first + (1 << 28),
            None => EPHEMERAL,
        };
        let scratch = Scratch {
            below: self.scratch.clone(),
            first,
            state: RwLock::default(),
        };
        Words {
            dict: self.dict.clone(),
            scratch: Some(Arc::new(scratch)),
        }
    }

    fn find_code(&self, bytes: &[u8]) -> Result<Option<u64>> {
        match self.scratch.as_ref().and_then(|s| s.find(bytes)) {
            Some(code) => Ok(Some(code)),
            None => self.dict.find(bytes),
        }
    }

    /// The word of a value, if its bytes are known; a value without one equals nothing stored.
    pub fn find(&self, value: &Value) -> Result<Option<Word>> {
        match word::inline(value) {
            Some(w) => Ok(Some(w)),
            None => self.find_key(&value.key_bytes()),
        }
    }

    /// As [`Words::find`], for the key bytes of a value of a dictionary type.
    pub fn find_key(&self, bytes: &[u8]) -> Result<Option<Word>> {
        match word::short(bytes) {
            Some(w) => Ok(Some(w)),
            None => Ok(self.find_code(bytes)?.map(|code| word::coded(bytes, code))),
        }
    }

    /// The word of a value; new long values get a code in the scratch layer, or in the dictionary when there is none.
    pub fn intern(&self, value: &Value) -> Result<Word> {
        match word::inline(value) {
            Some(w) => Ok(w),
            None => self.intern_key(&value.key_bytes()),
        }
    }

    /// As [`Words::intern`], for the key bytes of a value of a dictionary type.
    pub fn intern_key(&self, bytes: &[u8]) -> Result<Word> {
        if let Some(w) = word::short(bytes) {
            return Ok(w);
        }
        let Some(scratch) = &self.scratch else {
            return Ok(word::coded(bytes, self.dict.intern(bytes)?));
        };
        if let Some(code) = self.find_code(bytes)? {
            return Ok(word::coded(bytes, code));
        }
        let mut state = scratch.state.write();
        let code = match state.codes.get(bytes) {
            Some(code) => *code,
            None => {
                let code = scratch.first + state.entries.len() as u64;
                let bytes: Arc<[u8]> = bytes.into();
                state.entries.push(bytes.clone());
                state.codes.insert(bytes, code);
                code
            }
        };
        Ok(word::coded(bytes, code))
    }

    /// What to look for in an index: works for values that have no word, too.
    pub fn probe(&self, value: &Value) -> Result<Probe> {
        if let Some(word) = word::inline(value) {
            return Ok(Probe::inline(word));
        }
        let bytes = value.key_bytes();
        let word = match self.find_key(&bytes)? {
            Some(word) => word,
            // No stored word equals this one: the last code is never given.
            None => word::coded(&bytes, word::CODE_LIMIT - 1),
        };
        Ok(Probe {
            word,
            bytes: Some(bytes.into()),
        })
    }

    /// The key bytes of a word of a dictionary type.
    pub fn bytes(&self, w: Word) -> Result<Arc<[u8]>> {
        match word::text(w) {
            Text::Short(b, len) => Ok(b[..len].into()),
            Text::Coded(code) if code >= EPHEMERAL => {
                self.scratch.as_ref().and_then(|s| s.bytes(code)).ok_or_else(|| {
                    Error::new(
                        Code::CorruptStore,
                        format!("a value of another query or speculation (code {code}) was used here"),
                    )
                })
            }
            Text::Coded(code) => self.dict.bytes(code),
        }
    }

    /// The value of a word.
    pub fn value(&self, ty: ValueType, w: Word) -> Result<Value> {
        if let Some(v) = word::inline_value(ty, w) {
            return Ok(v);
        }
        let damaged = || {
            Error::new(
                Code::CorruptStore,
                format!("a stored {ty} does not decode (word {w:#x})"),
            )
        };
        match word::text(w) {
            Text::Short(b, len) => Value::from_key_bytes(ty, &b[..len]).ok_or_else(damaged),
            Text::Coded(_) => Value::from_key_bytes(ty, &self.bytes(w)?).ok_or_else(damaged),
        }
    }

    /// The order of two words of one type.
    pub fn compare(&self, ty: ValueType, a: Word, b: Word) -> Result<std::cmp::Ordering> {
        if a == b || ty.is_inline() {
            return Ok(a.cmp(&b));
        }
        match word::compare(a, b) {
            Some(order) => Ok(order),
            None => Ok(self.bytes(a)?.cmp(&self.bytes(b)?)),
        }
    }
}
