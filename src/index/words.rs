//! Values <-> words, by way of the dictionary and of layers over it for what must not enter it.

use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use parking_lot::RwLock;

use super::dict::{Dict, Held};
use super::key::Probe;
use crate::datom::word::{self, EPHEMERAL, Text};
use crate::datom::{Value, ValueType, Word};
use crate::error::{Code, Error, Result};

/// What a scratch layer holds.
#[derive(Default)]
struct Notes {
    codes: HashMap<Arc<[u8]>, u64, rustc_hash::FxBuildHasher>,
    entries: Vec<Arc<[u8]>>,
    /// There is a layer over it, whose codes go on from here.
    sealed: bool,
}

/// Values <-> words: the dictionary, and perhaps a scratch layer for values that must not enter it
/// (a speculation's, a query's own). Cheap to clone.
#[derive(Clone)]
pub struct Words {
    dict: Arc<Dict>,
    scratch: Option<Arc<Scratch>>,
}

/// Values of one speculation or query, over those of what it was made from. It takes in nothing more once there is a layer over it: a
/// transaction is prepared before its database value is handed out.
struct Scratch {
    below: Option<Arc<Scratch>>,
    /// Its codes begin here; those of the layers below are smaller.
    first: u64,
    state: RwLock<Notes>,
    /// This layer and those below that are no larger as one, made when a layer came over it; `None` when it is this one itself.
    merged: OnceLock<Option<Arc<Scratch>>>,
}

impl Scratch {
    /// What a layer over this one stands on: this one takes in nothing more. Layers that are no larger than what lies on them become one
    /// with it, so that speculations on speculations are looked through in logarithmic time.
    fn sealed(self: &Arc<Scratch>) -> Arc<Scratch> {
        self.state.write().sealed = true;
        let merged = self.merged.get_or_init(|| {
            let len = |layer: &Scratch| layer.state.read().entries.len();
            let (mut parts, mut size) = (vec![self], len(self));
            while let Some(below) = parts[parts.len() - 1].below.as_ref().filter(|below| len(below) <= size) {
                size += len(below);
                parts.push(below);
            }
            let lowest = parts[parts.len() - 1];
            if Arc::ptr_eq(lowest, self) {
                return None;
            }
            let mut notes = Notes {
                sealed: true,
                ..Notes::default()
            };
            for part in parts.iter().rev() {
                let state = part.state.read();
                notes.entries.extend(state.entries.iter().cloned());
                notes
                    .codes
                    .extend(state.codes.iter().map(|(bytes, code)| (bytes.clone(), *code)));
            }
            Some(Arc::new(Scratch {
                below: lowest.below.clone(),
                first: lowest.first,
                state: RwLock::new(notes),
                merged: OnceLock::new(),
            }))
        });
        merged.as_ref().unwrap_or(self).clone()
    }
}

impl Drop for Scratch {
    /// Lets go of the layers below one by one: speculations on speculations make a long chain of them.
    fn drop(&mut self) {
        let mut next = self.below.take();
        while let Some(mut layer) = next.and_then(Arc::into_inner) {
            next = layer.below.take();
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
        let (below, first) = match &self.scratch {
            Some(top) => {
                let below = top.sealed();
                let first = below.first + below.state.read().entries.len() as u64;
                (Some(below), first)
            }
            None => (None, EPHEMERAL),
        };
        let scratch = Scratch {
            below,
            first,
            state: RwLock::default(),
            merged: OnceLock::new(),
        };
        Words {
            dict: self.dict.clone(),
            scratch: Some(Arc::new(scratch)),
        }
    }

    /// Whether a word means the same to both: one dictionary, and one layer above it or none.
    pub fn same(&self, other: &Words) -> bool {
        let layers = match (&self.scratch, &other.scratch) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        layers && Arc::ptr_eq(&self.dict, &other.dict)
    }
    /// Whether it has a layer of its own.
    pub fn has_scratch(&self) -> bool {
        self.scratch.is_some()
    }

    /// The layers over the dictionary, the newest first.
    fn layers(&self) -> impl Iterator<Item = &Scratch> {
        std::iter::successors(self.scratch.as_deref(), |layer| layer.below.as_deref())
    }

    #[cfg(test)]
    pub(super) fn depth(&self) -> usize {
        self.layers().count()
    }

    fn find_code(&self, bytes: &[u8]) -> Result<Option<u64>> {
        let mut noted = self.layers().map(|layer| layer.state.read().codes.get(bytes).copied());
        match noted.find_map(|code| code) {
            Some(code) => Ok(Some(code)),
            None => self.dict.find(bytes),
        }
    }

    /// The word of a value, if its bytes are known; a value without one equals nothing stored.
    pub fn find(&self, value: &Value) -> Result<Option<Word>> {
        match word::inline(value) {
            Some(w) => Ok(Some(w)),
            None => self.find_key(&value.key()),
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
            None => self.intern_key(&value.key()),
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
                debug_assert!(!state.sealed, "a layer below others takes in nothing");
                // The last code is never given: probes use it.
                if code >= word::CODE_LIMIT - 1 {
                    return Err(Error::new(
                        Code::QueryLimit,
                        "more new values are made in memory than there are codes for",
                    ));
                }
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
        let bytes = value.key();
        let word = match self.find_key(&bytes)? {
            Some(word) => word,
            // No stored word equals this one: the last code is never given.
            None => word::coded(&bytes, word::CODE_LIMIT - 1),
        };
        Ok(Probe {
            word,
            bytes: Some((&*bytes).into()),
        })
    }

    /// The same for a value whose word is known.
    pub(crate) fn probe_of(value: &Value, word: Word) -> Probe {
        let bytes = word::inline(value).is_none().then(|| (&*value.key()).into());
        Probe { word, bytes }
    }

    fn held(&self, w: Word) -> Result<Held> {
        match word::text(w) {
            Text::Short(b, len) => Ok(Held::Short(b, len)),
            Text::Coded(code) if code >= EPHEMERAL => {
                let mut layers = self.layers().filter(|layer| layer.first <= code);
                let bytes = layers
                    .next()
                    .and_then(|layer| layer.state.read().entries.get((code - layer.first) as usize).cloned());
                let foreign = || {
                    Error::new(
                        Code::InvalidArgument,
                        format!("a value of another query or speculation (code {code}) was used here"),
                    )
                };
                bytes.map(Held::Shared).ok_or_else(foreign)
            }
            Text::Coded(code) => self.dict.held(code),
        }
    }

    /// The key bytes of a word of a dictionary type.
    pub fn bytes(&self, w: Word) -> Result<Arc<[u8]>> {
        match self.held(w)? {
            Held::Shared(bytes) => Ok(bytes),
            held => Ok((*held).into()),
        }
    }

    /// What `f` makes of the key bytes of a word of a dictionary type, without copying them.
    pub fn with_bytes<R>(&self, w: Word, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
        Ok(f(&self.held(w)?))
    }

    /// The first eleven key bytes of a word of a dictionary type, as two numbers that sort as they do; `None` when that needs a page.
    pub(super) fn front(&self, w: Word) -> Option<(u64, u64)> {
        let middle = match word::text(w) {
            Text::Short(..) => (w << 24) & !0xFFFF_FFFF,
            Text::Coded(code) => self.dict.middle(code)?,
        };
        Some((w >> 40, middle))
    }

    /// The order of the key bytes of two words.
    pub(super) fn compare_bytes(&self, x: Word, y: Word) -> Result<std::cmp::Ordering> {
        if let (Text::Coded(x), Text::Coded(y)) = (word::text(x), word::text(y))
            && let Some(decided) = self.dict.compare(x, y)
        {
            return Ok(decided);
        }
        Ok((*self.held(x)?).cmp(&*self.held(y)?))
    }

    /// Whether a word of a dictionary type has a code that no page holds yet, so that no leaf has the word.
    pub(super) fn is_unstored(&self, w: Word) -> bool {
        matches!(word::text(w), Text::Coded(code) if code >= self.dict.stored())
    }

    /// The dictionary below all scratch layers: words of two databases agree when this is one and the same.
    pub fn dict(&self) -> &Arc<Dict> {
        &self.dict
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
            Text::Coded(_) => Value::from_key_bytes(ty, &self.held(w)?).ok_or_else(damaged),
        }
    }

    /// The order of two words of one type.
    pub fn compare(&self, ty: ValueType, a: Word, b: Word) -> Result<std::cmp::Ordering> {
        if a == b || ty.is_inline() {
            return Ok(a.cmp(&b));
        }
        match word::compare(a, b) {
            Some(order) => Ok(order),
            None => self.compare_bytes(a, b),
        }
    }
}
