//! Keyset paging: a token that says where a page ended.
//!
//! A token names the state that was read (t and instant of each database), the question (a fingerprint of query and inputs without
//! `:limit` and `:after`) and the last row, in the order of the answer. The next page reads the same state, whatever has been
//! written since, and begins behind that row. The text is base64url of a checksum and of EDN; it is no secret and no proof, the
//! checksum finds what was damaged or cut off.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::input::Input;
use crate::datom::{EntityId, T, Val, Value, ValueType};
use crate::db::Db;
use crate::edn::{self, Edn, Instant, Node};
use crate::error::{Code, Error, Result};

/// A database's newest transaction, as a token of a page has it: its t and its instant.
pub(crate) type State = (T, Instant);

/// Where a page ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// The databases read, in the order of `:in`.
    pub states: Vec<State>,
    /// Of the query and its other inputs.
    pub question: u64,
    /// The values of the last row, in the order of the columns.
    pub row: Vec<Val>,
}

const VERSION: i64 = 1;
const CHECK: usize = 8;
/// The kinds of what no fact holds, where others have the number of their type.
const VECTOR: i64 = 100;
const LIST: i64 = 101;
const OTHER: i64 = 102;
const SET: i64 = 103;
const MAP: i64 = 104;

impl Page {
    pub fn token(&self) -> String {
        let states = self.states.iter();
        let form = Edn::vector([
            Edn::from(VERSION),
            Edn::from(self.question as i64),
            Edn::vector(states.map(|(t, i)| Edn::vector([*t as i64, i.0]))),
            Edn::vector(self.row.iter().map(pack)),
        ]);
        let text = form.to_string();
        let mut bytes = Sha256::digest(&text)[..CHECK].to_vec();
        bytes.extend_from_slice(text.as_bytes());
        base64(&bytes)
    }

    pub fn read(token: &str) -> Result<Page> {
        let wrong = || {
            Error::new(Code::InvalidArgument, "this is no page token, or not all of one")
                .hint("pass on what next_token() gave, unchanged; without :after the first page comes")
        };
        let bytes = unbase64(token).filter(|b| b.len() > CHECK).ok_or_else(wrong)?;
        let (check, text) = bytes.split_at(CHECK);
        if Sha256::digest(text)[..CHECK] != *check {
            return Err(wrong());
        }
        let form = std::str::from_utf8(text).ok().and_then(|text| edn::read_one(text).ok());
        form.as_ref().and_then(Page::unpack).ok_or_else(wrong)
    }

    fn unpack(form: &Edn) -> Option<Page> {
        let [version, question, states, row] = form.as_vector()? else {
            return None;
        };
        if version.as_long()? != VERSION {
            return None;
        }
        let state = |form: &Edn| {
            let [t, i] = form.as_vector()? else { return None };
            Some((t.as_long()? as T, Instant(i.as_long()?)))
        };
        Some(Page {
            question: question.as_long()? as u64,
            states: states.as_vector()?.iter().map(state).collect::<Option<_>>()?,
            row: row.as_vector()?.iter().map(unpack).collect::<Option<_>>()?,
        })
    }
}

/// The database value as it was in a state.
pub(crate) fn pinned(db: &Db, state: Option<&State>) -> Result<Db> {
    let wrong = |message: &str| Error::new(Code::InvalidArgument, message);
    let Some((t, instant)) = state else {
        return Err(wrong("the page token belongs to a question of fewer databases"));
    };
    if *t > db.basis_t() {
        return Err(wrong("the page token is of a later moment than this database value")
            .hint(format!("the page before was read at t {t}, this is t {}", db.basis_t())));
    }
    if db.instant_of(*t)? != Some(*instant) {
        return Err(wrong("the page token belongs to another database"));
    }
    match *t == db.basis_t() {
        true => Ok(db.clone()),
        false => db.as_of(*t),
    }
}

/// What tells a question from others: the query's fingerprint and the data given.
pub(crate) fn question(fingerprint: u64, inputs: &[Input]) -> u64 {
    let mut text = fingerprint.to_string();
    for input in inputs {
        text.push(' ');
        match input {
            Input::Db(_) | Input::Log(_) => {}
            Input::Edn(form) | Input::Text(form, _) => text.push_str(&form.to_string()),
            Input::Val(v) => text.push_str(&v.to_edn().to_string()),
        }
    }
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// A value with its type, which EDN alone would not keep.
fn pack(v: &Val) -> Edn {
    let (kind, form) = match v {
        Val::Vector(items) => (VECTOR, Edn::vector(items.iter().map(pack))),
        Val::List(items) => (LIST, Edn::vector(items.iter().map(pack))),
        Val::Set(items) => (SET, Edn::vector(items.iter().map(pack))),
        Val::Map(pairs) => (MAP, Edn::vector(pairs.iter().flat_map(|(k, v)| [pack(k), pack(v)]))),
        Val::Uri(text) => (ValueType::Uri as i64, text.clone().into()),
        v => (v.scalar_type().map_or(OTHER, |ty| ty as i64), v.to_edn()),
    };
    Edn::vector([Edn::from(kind), form])
}

fn unpack(form: &Edn) -> Option<Val> {
    let [kind, form] = form.as_vector()? else { return None };
    let kind = kind.as_long()?;
    let all = |form: &Edn| form.as_vector()?.iter().map(unpack).collect::<Option<Vec<_>>>();
    let ty = u8::try_from(kind).ok().and_then(ValueType::from_tag);
    Some(match (kind, ty, &form.node) {
        (VECTOR, ..) => Val::vector(all(form)?),
        (LIST, ..) => Val::List(all(form)?.into()),
        (SET, ..) => Val::set(all(form)?),
        (MAP, ..) => {
            let items = all(form)?;
            let pairs = items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
            Val::Map(Arc::new(pairs.collect()))
        }
        (_, Some(ValueType::Ref), Node::Long(n)) => Val::Ref(EntityId(*n as u64)),
        (_, Some(ValueType::Float), Node::Double(x)) => Val::Float(*x as f32),
        (_, Some(ValueType::Uri), Node::Str(text)) => Value::Uri(text.clone()).into(),
        _ => Val::from_edn(form).ok()?,
    })
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for part in bytes.chunks(3) {
        let n = part.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - part.len()));
        for k in 0..=part.len() {
            out.push(LETTERS[(n >> (18 - 6 * k)) as usize & 63] as char);
        }
    }
    out
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for part in text.as_bytes().chunks(4) {
        let mut n = 0u32;
        for c in part {
            n = n << 6 | LETTERS.iter().position(|l| l == c)? as u32;
        }
        n <<= 6 * (4 - part.len());
        out.extend_from_slice(&n.to_be_bytes()[1..part.len()]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_read_back_and_damage_is_found() {
        let page = Page {
            states: vec![(7, Instant(1_000_001)), (0, Instant(-5))],
            question: u64::MAX - 3,
            row: vec![
                Val::Long(i64::MIN),
                Val::Ref(EntityId(17)),
                Val::Float(1.1),
                Val::str("tab\t\u{1F600}"),
                Val::vector([Val::Nil, Val::Ref(EntityId(3)), Val::Double(0.1)]),
                Val::set([
                    Val::Ref(EntityId(3)),
                    Val::Float(0.5),
                    Val::vector([Val::Ref(EntityId(4))]),
                ]),
                Val::Map(Arc::new([(Val::str("k"), Val::Ref(EntityId(5)))].into())),
                Val::Uri("a:b".into()),
                Val::Char('x'),
            ],
        };
        let token = page.token();
        assert!(token.bytes().all(|c| LETTERS.contains(&c)));
        assert_eq!(Page::read(&token).expect("reads back"), page);
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).expect("letters");
            // The last letter may have bits that no byte needs.
            assert!(
                Page::read(&damaged).map_or(true, |p| p == page && at + 1 == token.len()),
                "{at}"
            );
            assert!(Page::read(&token[..at]).is_err());
        }
        for text in ["", "x", "%%%", "nil", "AAAAAAAAAAAAAAAA"] {
            assert_eq!(Page::read(text).expect_err(text).code(), Code::InvalidArgument);
        }
    }
}
