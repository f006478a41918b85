//! Hashes of words, and a set of numbers.

/// Mixes a word into a hash (the multiplication of fxhash, then a fold, so that the high bits count too).
pub(crate) fn mix(h: u64, w: u64) -> u64 {
    let x = (h.rotate_left(26) ^ w).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^ (x >> 32)
}

/// A set of numbers: open addressing, at most half full.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    slots: Vec<u64>,
    len: usize,
}

/// No number of the set: packed rows take at most 63 bits.
const EMPTY: u64 = u64::MAX;

impl KeySet {
    pub fn with_capacity(n: usize) -> KeySet {
        KeySet {
            slots: vec![EMPTY; (n * 2).next_power_of_two().max(16)],
            len: 0,
        }
    }
    /// Adds a number other than `EMPTY`; whether it is new.
    #[inline]
    pub fn insert(&mut self, key: u64) -> bool {
        debug_assert!(key != EMPTY);
        if (self.len + 1) * 2 > self.slots.len() {
            let old = std::mem::take(self);
            *self = KeySet::with_capacity(old.slots.len());
            old.slots.into_iter().filter(|k| *k != EMPTY).for_each(|k| {
                self.insert(k);
            });
        }
        let mask = self.slots.len() - 1;
        let mut at = mix(0, key) as usize & mask;
        loop {
            match self.slots[at] {
                k if k == key => return false,
                EMPTY => {
                    self.slots[at] = key;
                    self.len += 1;
                    return true;
                }
                _ => at = (at + 1) & mask,
            }
        }
    }
}
