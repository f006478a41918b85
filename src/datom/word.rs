//! A value in eight bytes, so that scans, joins and equality compare machine words.
//!
//! The word of an inline type (boolean, long, float, double, instant, ref) is an unsigned number whose order
//! is the value's order. The word of any other type is made from the value's key bytes:
//!
//! ```text
//! at most 7 bytes   b0 b1 b2 b3 b4 b5 b6 | 0000 len      the value itself
//! longer            b0 b1 b2 | code (36 bits)  | 1111    three bytes of order, and a dictionary code
//! ```
//!
//! Equal values have equal words and different values different ones: the dictionary holds each byte string once. Order is
//! decided by the words alone unless one is coded and the first three bytes agree; then the bytes
//! decide, and only the dictionary has them ([`compare`]).

use std::cmp::Ordering;

use super::id::EntityId;
use super::value::{Value, ValueType, flip_f32, flip_f64, flip_i64, unflip_f32, unflip_f64, unflip_i64};
use crate::edn::Instant;

/// A value's word; see the module. Meaningful together with a [`ValueType`].
pub type Word = u64;

/// The longest key bytes that a word holds by itself.
pub const INLINE_MAX: usize = 7;
/// Codes are below this; the upper half is for values of one query or speculation that no store keeps.
pub const CODE_LIMIT: u64 = 1 << 36;
/// The first code of the upper half.
pub const EPHEMERAL: u64 = CODE_LIMIT / 2;

const CODED: u64 = 0xF;

/// The word of a value of an inline type; `None` for the other types.
pub fn inline(value: &Value) -> Option<Word> {
    Some(match value {
        Value::Boolean(b) => *b as u64,
        Value::Long(x) => long(*x),
        Value::Instant(Instant(x)) => long(*x),
        Value::Float(x) => flip_f32(*x) as u64,
        Value::Double(x) => double(*x),
        Value::Ref(e) => e.0,
        _ => return None,
    })
}

/// The word of a long.
pub const fn long(x: i64) -> Word {
    flip_i64(x)
}
/// The long of a word.
pub const fn to_long(w: Word) -> i64 {
    unflip_i64(w)
}
/// The word of a double (not NaN; `-0.0` already `0.0`).
pub fn double(x: f64) -> Word {
    flip_f64(x)
}
/// The double of a word.
pub fn to_double(w: Word) -> f64 {
    unflip_f64(w)
}

/// The value of an inline type's word; `None` for the other types.
pub fn inline_value(ty: ValueType, w: Word) -> Option<Value> {
    Some(match ty {
        ValueType::Boolean => Value::Boolean(w != 0),
        ValueType::Long => Value::Long(unflip_i64(w)),
        ValueType::Instant => Value::Instant(Instant(unflip_i64(w))),
        ValueType::Float => Value::Float(unflip_f32(w as u32)),
        ValueType::Double => Value::Double(unflip_f64(w)),
        ValueType::Ref => Value::Ref(EntityId(w)),
        _ => return None,
    })
}

/// The word of short key bytes; `None` when they need a code.
pub fn short(bytes: &[u8]) -> Option<Word> {
    if bytes.len() > INLINE_MAX {
        return None;
    }
    let mut b = [0u8; 8];
    b[..bytes.len()].copy_from_slice(bytes);
    b[7] = bytes.len() as u8;
    Some(u64::from_be_bytes(b))
}

/// The word of long key bytes whose dictionary code is `code`.
pub fn coded(bytes: &[u8], code: u64) -> Word {
    debug_assert!(bytes.len() > INLINE_MAX && code < CODE_LIMIT);
    let prefix = u64::from(bytes[0]) << 16 | u64::from(bytes[1]) << 8 | u64::from(bytes[2]);
    prefix << 40 | code << 4 | CODED
}

/// Whether a word of a dictionary type has a code of the dictionary itself, which the words of a query and of the facts share.
pub(crate) fn is_stored(w: Word) -> bool {
    matches!(text(w), Text::Coded(code) if code < EPHEMERAL)
}

/// What a word of a dictionary type holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// The key bytes themselves: the first `len` of the array.
    Short([u8; 8], usize),
    /// The dictionary has them under this code.
    Coded(u64),
}

/// Takes a word of a dictionary type apart.
pub fn text(w: Word) -> Text {
    if w & 0xF == CODED {
        Text::Coded((w >> 4) & (CODE_LIMIT - 1))
    } else {
        let b = w.to_be_bytes();
        Text::Short(b, (b[7] & 0xF).min(INLINE_MAX as u8) as usize)
    }
}

/// The order of two words of a dictionary type as far as the words alone tell; `None` when only the bytes can.
pub fn compare(a: Word, b: Word) -> Option<Ordering> {
    if a == b {
        Some(Ordering::Equal)
    } else if a & 0xF == CODED || b & 0xF == CODED {
        match (a >> 40).cmp(&(b >> 40)) {
            Ordering::Equal => None,
            decided => Some(decided),
        }
    } else {
        Some(a.cmp(&b))
    }
}
