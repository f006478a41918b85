//! The bytes of one record, there and back.
//!
//! ```text
//! 1   format version
//! 8   t, big-endian
//! 32  SHA-256 of the record before; zeros in record 0
//! 8   instant: microseconds since 1970, two's complement, big-endian
//! n   number of facts, LEB128
//!     per fact:
//!       1   the value type's tag, + 0x80 when the fact is asserted
//!       n   entity: difference to the fact before (to the transaction's entity in the first), zigzag LEB128
//!       n   attribute, LEB128
//!       n   length of the key bytes, LEB128; absent for types of fixed length
//!       n   the value's key bytes
//! 32  SHA-256 of all bytes above
//! ```

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::datom::word::{self, Text};
use crate::datom::{Datom, RawDatom, T, TxId, Value, ValueType, Word};
use crate::edn::Instant;
use crate::error::{Code, Error, Result};
use crate::schema::Schema;

/// A SHA-256.
pub type Hash = [u8; 32];
/// What record 0 holds in the place of the hash before.
pub const NO_HASH: Hash = [0; 32];
/// The version of the record format that this code writes.
pub const FORMAT: u8 = 1;

const ASSERTED: u8 = 0x80;
const HASH_LEN: usize = 32;
const HEADER_LEN: usize = 1 + 8 + HASH_LEN + 8;

/// A record, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// The transaction's number.
    pub t: T,
    /// The hash of the record before.
    pub prev: Hash,
    /// When it happened.
    pub instant: Instant,
    /// What it says, in the order of the transaction.
    pub facts: Vec<Fact<'a>>,
    /// The record's own hash, which the next record repeats.
    pub hash: Hash,
}

/// A fact as the log holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fact<'a> {
    /// Entity id.
    pub e: u64,
    /// Attribute id.
    pub a: u32,
    /// The value's type.
    pub value_type: ValueType,
    /// The value's key bytes.
    pub key: &'a [u8],
    /// Asserted (true) or retracted.
    pub added: bool,
}

impl Fact<'_> {
    /// The value.
    pub fn value(&self) -> Result<Value> {
        Value::from_key_bytes(self.value_type, self.key).ok_or_else(|| {
            Error::new(
                Code::CorruptStore,
                format!("a {} in the log does not decode", self.value_type),
            )
        })
    }

    /// The value's word; `intern` gives the word of key bytes that are no word by themselves.
    pub fn word(&self, intern: impl FnOnce(&[u8]) -> Result<Word>) -> Result<Word> {
        let short = || {
            Error::new(
                Code::CorruptStore,
                format!("a {} in the log is cut short", self.value_type),
            )
        };
        Ok(match self.value_type {
            ValueType::Boolean => *self.key.first().ok_or_else(short)? as u64,
            ValueType::Float => u32::from_be_bytes(self.key.try_into().map_err(|_| short())?) as u64,
            ValueType::Long | ValueType::Double | ValueType::Instant | ValueType::Ref => {
                u64::from_be_bytes(self.key.try_into().map_err(|_| short())?)
            }
            _ => intern(self.key)?,
        })
    }
}

/// The length of a type's key bytes, where all values have the same.
const fn fixed_len(ty: ValueType) -> Option<usize> {
    match ty {
        ValueType::Boolean => Some(1),
        ValueType::Float => Some(4),
        ValueType::Long | ValueType::Double | ValueType::Instant | ValueType::Ref => Some(8),
        ValueType::Uuid => Some(16),
        _ => None,
    }
}

struct Encoder {
    out: Vec<u8>,
    last_e: u64,
}

impl Encoder {
    fn new(t: T, prev: &Hash, instant: Instant, facts: usize) -> Encoder {
        let mut out = Vec::with_capacity(HEADER_LEN + HASH_LEN + 4 + facts * 24);
        out.push(FORMAT);
        out.extend_from_slice(&t.to_be_bytes());
        out.extend_from_slice(prev);
        out.extend_from_slice(&instant.0.to_be_bytes());
        write_varint(facts as u64, &mut out);
        Encoder {
            out,
            last_e: TxId::from_t(t).0,
        }
    }

    fn head(&mut self, e: u64, a: u32, ty: ValueType, added: bool) {
        self.out.push(ty as u8 | if added { ASSERTED } else { 0 });
        let delta = e.wrapping_sub(self.last_e) as i64;
        write_varint(((delta << 1) ^ (delta >> 63)) as u64, &mut self.out);
        self.last_e = e;
        write_varint(a as u64, &mut self.out);
    }

    fn key(&mut self, ty: ValueType, key: &[u8]) {
        match fixed_len(ty) {
            Some(len) => debug_assert_eq!(key.len(), len, "key bytes of {ty} have a fixed length"),
            None => write_varint(key.len() as u64, &mut self.out),
        }
        self.out.extend_from_slice(key);
    }

    fn finish(mut self) -> (Vec<u8>, Hash) {
        let hash: Hash = Sha256::digest(&self.out).into();
        self.out.extend_from_slice(&hash);
        (self.out, hash)
    }
}

/// The record of a prepared transaction, and its hash. `schema` says the attributes' types, `long` gives the key bytes of words
/// that the dictionary holds.
pub fn encode(
    t: T,
    prev: &Hash,
    instant: Instant,
    datoms: &[RawDatom],
    schema: &Schema,
    long: impl Fn(Word) -> Result<Arc<[u8]>>,
) -> Result<(Vec<u8>, Hash)> {
    let mut encoder = Encoder::new(t, prev, instant, datoms.len());
    // Runs of one attribute are common, and the schema is a hash map.
    let mut last: Option<(u32, ValueType)> = None;
    for d in datoms {
        let ty = match last {
            Some((a, ty)) if a == d.a => ty,
            _ => schema.value_type(d.a).ok_or_else(|| {
                Error::new(
                    Code::CorruptStore,
                    format!("a fact to be written has the unknown attribute {}", d.a),
                )
            })?,
        };
        last = Some((d.a, ty));
        encoder.head(d.e, d.a, ty, d.added);
        match ty {
            ValueType::Boolean => encoder.key(ty, &[d.v as u8]),
            ValueType::Float => encoder.key(ty, &(d.v as u32).to_be_bytes()),
            ValueType::Long | ValueType::Double | ValueType::Instant | ValueType::Ref => {
                encoder.key(ty, &d.v.to_be_bytes())
            }
            _ => match word::text(d.v) {
                Text::Short(bytes, len) => encoder.key(ty, &bytes[..len]),
                Text::Coded(_) => encoder.key(ty, &long(d.v)?),
            },
        }
    }
    Ok(encoder.finish())
}

/// As [`encode`], from values that say their types themselves.
pub(super) fn encode_values(t: T, prev: &Hash, instant: Instant, datoms: &[Datom]) -> Result<(Vec<u8>, Hash)> {
    let mut encoder = Encoder::new(t, prev, instant, datoms.len());
    let mut key = Vec::new();
    for d in datoms {
        let a = u32::try_from(d.a.0).map_err(|_| {
            Error::new(
                Code::InvalidArgument,
                format!(
                    "{} cannot be an attribute: attributes live in the partition :db.part/db",
                    d.a
                ),
            )
        })?;
        let ty = d.v.value_type();
        encoder.head(d.e.0, a, ty, d.added);
        key.clear();
        d.v.write_key(&mut key);
        encoder.key(ty, &key);
    }
    Ok(encoder.finish())
}

impl<'a> Record<'a> {
    /// The hash that a record says it has, without reading the rest: for bytes that the store has checked.
    pub fn claimed_hash(bytes: &[u8]) -> Option<Hash> {
        bytes.last_chunk().copied()
    }

    /// Takes the record that the store holds for `t` apart and checks its hash.
    pub fn parse(t: T, bytes: &'a [u8]) -> Result<Record<'a>> {
        let damaged = |what: &str| {
            Error::new(Code::CorruptStore, format!("log record {t} {what}"))
                .with("keyspace", "log")
                .with("t", t)
        };
        match bytes.first() {
            Some(&FORMAT) => {}
            Some(version) => {
                return Err(Error::new(
                    Code::UnsupportedFormat,
                    format!("log record {t} has format {version}; this version of asof knows {FORMAT}"),
                )
                .with("t", t)
                .hint("open it with the version of asof that wrote it, or a newer one"));
            }
            None => return Err(damaged("is empty")),
        }
        if bytes.len() < HEADER_LEN + 1 + HASH_LEN {
            return Err(damaged("is cut short"));
        }
        let (body, hash) = bytes.split_at(bytes.len() - HASH_LEN);
        let hash: Hash = hash.try_into().expect("split at the length of a hash");
        let found: Hash = Sha256::digest(body).into();
        if found != hash {
            return Err(damaged("does not have the hash it says"));
        }
        let mut input = Input(&body[1..]);
        // A right hash over a wrong form means a writer that does not keep to the format: said as such, not trusted.
        let record = input.record(hash).ok_or_else(|| damaged("is malformed"))?;
        if record.t != t {
            return Err(damaged(&format!("says that it is record {}", record.t)));
        }
        Ok(record)
    }

    /// The datoms for the indexes; `intern` gives the word of key bytes that are no word by themselves.
    pub fn datoms(&self, intern: impl Fn(&[u8]) -> Result<Word>) -> Result<Vec<RawDatom>> {
        self.facts
            .iter()
            .map(|f| {
                Ok(RawDatom {
                    e: f.e,
                    a: f.a,
                    v: f.word(&intern)?,
                    t: self.t,
                    added: f.added,
                })
            })
            .collect()
    }
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn varint(&mut self) -> Option<u64> {
        let mut x = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = (byte & 0x7F) as u64;
            if shift == 63 && bits > 1 {
                return None;
            }
            x |= bits << shift;
            if byte < 0x80 {
                return Some(x);
            }
        }
        None
    }

    /// All after the version, up to the own hash.
    fn record(&mut self, hash: Hash) -> Option<Record<'a>> {
        let t = u64::from_be_bytes(self.array()?);
        let prev = self.array()?;
        let instant = Instant(i64::from_be_bytes(self.array()?));
        let count = self.varint()?;
        // A fact takes at least four bytes, so a count that does not fit is no reason to reserve memory.
        let mut facts = Vec::with_capacity((count as usize).min(self.0.len() / 4 + 1));
        let mut e = TxId::from_t(t).0;
        for _ in 0..count {
            let [head] = self.array()?;
            let value_type = ValueType::from_tag(head & !ASSERTED)?;
            let zigzag = self.varint()?;
            e = e.wrapping_add((zigzag >> 1) ^ (zigzag & 1).wrapping_neg());
            let a = u32::try_from(self.varint()?).ok()?;
            let len = match fixed_len(value_type) {
                Some(len) => len,
                None => usize::try_from(self.varint()?).ok()?,
            };
            facts.push(Fact {
                e,
                a,
                value_type,
                key: self.take(len)?,
                added: head & ASSERTED != 0,
            });
        }
        self.0.is_empty().then_some(Record {
            t,
            prev,
            instant,
            facts,
            hash,
        })
    }
}

fn write_varint(mut x: u64, out: &mut Vec<u8>) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}
