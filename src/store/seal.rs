//! Checksums of stored values.
//!
//! A value is stored as `xxh3-64 of it, seeded by its place | its bytes`: the seed makes a value that turns up under
//! another key as wrong as a damaged one.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::{Code, Error, Result};

/// Length of the checksum in front.
pub(super) const SEAL: usize = 8;

/// A keyspace as errors name it, with the number that its checksums are seeded with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub name: &'static str,
    pub tag: u64,
}

pub(super) const LOG: Space = Space { name: "log", tag: 1 };
pub(super) const LEAF: Space = Space { name: "leaf", tag: 2 };
pub(super) const DICT: Space = Space { name: "dict", tag: 5 };
pub(super) const HASH: Space = Space {
    name: "dict-hash",
    tag: 3,
};
pub(super) const ROOT: Space = Space { name: "root", tag: 4 };

/// The checksum of `bytes` stored under `key`.
pub(super) fn checksum(space: Space, key: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, key ^ space.tag << 56)
}

/// The bytes to store.
pub(super) fn seal(space: Space, key: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SEAL + bytes.len());
    out.extend_from_slice(&checksum(space, key, bytes).to_le_bytes());
    out.extend_from_slice(bytes);
    out
}

/// The value in stored bytes, or an error that names the keyspace and the key.
pub(super) fn unseal(space: Space, key: u64, stored: &[u8]) -> Result<&[u8]> {
    match stored.split_first_chunk::<SEAL>() {
        Some((sum, bytes)) if u64::from_le_bytes(*sum) == checksum(space, key, bytes) => Ok(bytes),
        _ => Err(corrupt(space, key, "its checksum does not match its bytes")),
    }
}

/// The error for a damaged value.
pub(super) fn corrupt(space: Space, key: u64, why: &str) -> Error {
    Error::new(
        Code::CorruptStore,
        format!("key {key} of keyspace {} is damaged: {why}", space.name),
    )
    .with("keyspace", space.name)
    .with("key", key)
    .hint(super::DAMAGE_HINT)
}
