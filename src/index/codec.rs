//! Columns as bytes: the smallest of four packings for each column.
//!
//! ```text
//! 0 constant   value
//! 1 frame      least value, bits, residuals packed
//! 2 delta      first value, least step, bits, steps packed        (for columns that never descend)
//! 3 choice     distinct values as a column, bits, their numbers packed
//! ```
//! Numbers are LEB128 varints; packed words are little-endian in units of 64 bits. Checksums are the store's work.

/// Appends a varint.
pub(super) fn put(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

/// Appends bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what `put` and its friends wrote; `None` when the bytes are damaged.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&b, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(b)
    }
    pub(super) fn get(&mut self) -> Option<u64> {
        let mut x = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            x |= u64::from(b & 0x7F) << shift;
            if b & 0x80 == 0 {
                return Some(x);
            }
        }
        None
    }
    /// A count of things that take at least `least_bits` bits each, so that damaged bytes cannot ask for much memory.
    pub(super) fn count(&mut self, limit: u64) -> Option<usize> {
        self.get().filter(|&n| n <= limit).map(|n| n as usize)
    }
    pub(super) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = usize::try_from(self.get()?).ok()?;
        self.take(n)
    }
}

fn width(x: u64) -> u32 {
    64 - x.leading_zeros()
}

fn pack(values: impl Iterator<Item = u64>, bits: u32, out: &mut Vec<u8>) {
    if bits == 0 {
        return;
    }
    let (mut word, mut used) = (0u64, 0u32);
    for x in values {
        word |= x << used;
        used += bits;
        if used >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            used -= 64;
            word = if used == 0 { 0 } else { x >> (bits - used) };
        }
    }
    if used > 0 {
        out.extend_from_slice(&word.to_le_bytes());
    }
}

fn packed_len(n: usize, bits: u32) -> usize {
    (n * bits as usize).div_ceil(64) * 8
}

fn unpack(bytes: &[u8], bits: u32, n: usize, mut each: impl FnMut(u64)) {
    if bits == 0 {
        (0..n).for_each(|_| each(0));
        return;
    }
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    let word = |i: usize| u64::from_le_bytes(bytes[i * 8..i * 8 + 8].try_into().expect("eight bytes"));
    let mut at = 0usize;
    for _ in 0..n {
        let (i, shift) = (at / 64, (at % 64) as u32);
        let mut x = word(i) >> shift;
        if shift + bits > 64 {
            x |= word(i + 1) << (64 - shift);
        }
        each(x & mask);
        at += bits as usize;
    }
}

/// Appends a column.
pub(super) fn put_column(out: &mut Vec<u8>, values: &[u64]) {
    let Some((&first, rest)) = values.split_first() else {
        return;
    };
    let (least, most) = rest.iter().fold((first, first), |(l, m), &x| (l.min(x), m.max(x)));
    if least == most {
        out.push(0);
        put(out, first);
        return;
    }
    let frame = width(most - least);
    let mut best = (packed_len(values.len(), frame), 1u8);
    let mut steps = None;
    if values.is_sorted() {
        let step = |w: &[u64]| w[1] - w[0];
        let (low, high) = values
            .windows(2)
            .map(step)
            .fold((u64::MAX, 0), |(l, h), s| (l.min(s), h.max(s)));
        let size = packed_len(values.len() - 1, width(high - low));
        if size < best.0 {
            best = (size, 2);
            steps = Some((low, width(high - low)));
        }
    }
    let mut distinct = Vec::new();
    if frame > 6 && few_distinct(values) {
        distinct = values.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let size = packed_len(values.len(), width(distinct.len() as u64 - 1)) + packed_len(distinct.len(), frame);
        if size < best.0 {
            best = (size, 3);
        }
    }
    out.push(best.1);
    match (best.1, steps) {
        (2, Some((low, bits))) => {
            put(out, first);
            put(out, low);
            out.push(bits as u8);
            pack(values.windows(2).map(|w| w[1] - w[0] - low), bits, out);
        }
        (3, _) => {
            put(out, distinct.len() as u64);
            put_column(out, &distinct);
            let bits = width(distinct.len() as u64 - 1);
            out.push(bits as u8);
            let number = |x: &u64| {
                distinct
                    .binary_search(x)
                    .expect("every value is among the distinct ones") as u64
            };
            pack(values.iter().map(number), bits, out);
        }
        _ => {
            put(out, least);
            out.push(frame as u8);
            pack(values.iter().map(|x| x - least), frame, out);
        }
    }
}

/// Whether a sample promises that numbering the distinct values pays.
fn few_distinct(values: &[u64]) -> bool {
    let mut sample: Vec<u64> = values.iter().copied().step_by(values.len() / 128 + 1).collect();
    let n = sample.len();
    sample.sort_unstable();
    sample.dedup();
    n >= 16 && sample.len() * 3 < n * 2
}

/// Reads a column of `n` values.
pub(super) fn column(r: &mut Reader, n: usize) -> Option<Vec<u64>> {
    let mut out = Vec::with_capacity(n);
    if n == 0 {
        return Some(out);
    }
    match r.byte()? {
        0 => out.resize(n, r.get()?),
        1 => {
            let (least, bits) = (r.get()?, bits(r)?);
            unpack(r.take(packed_len(n, bits))?, bits, n, |x| {
                out.push(least.wrapping_add(x))
            });
        }
        2 => {
            let (mut at, low, bits) = (r.get()?, r.get()?, bits(r)?);
            out.push(at);
            unpack(r.take(packed_len(n - 1, bits))?, bits, n - 1, |x| {
                at = at.wrapping_add(low).wrapping_add(x);
                out.push(at);
            });
        }
        3 => {
            let count = r.count(n as u64)?;
            let distinct = column(r, count)?;
            let bits = bits(r)?;
            let mut whole = true;
            unpack(r.take(packed_len(n, bits))?, bits, n, |x| {
                match distinct.get(x as usize) {
                    Some(&v) => out.push(v),
                    None => whole = false,
                }
            });
            if !whole {
                return None;
            }
        }
        _ => return None,
    }
    Some(out)
}

fn bits(r: &mut Reader) -> Option<u32> {
    r.byte().map(u32::from).filter(|&b| b <= 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[u64]) {
        let mut bytes = Vec::new();
        put_column(&mut bytes, values);
        let mut r = Reader(&bytes);
        assert_eq!(column(&mut r, values.len()).as_deref(), Some(values));
        assert!(r.0.is_empty());
    }

    proptest! {
        #[test]
        fn any_column(values in proptest::collection::vec(any::<u64>(), 0..300)) {
            round_trip(&values);
        }
        #[test]
        fn narrow_column(base in any::<u64>(), values in proptest::collection::vec(0u64..50, 0..300)) {
            round_trip(&values.iter().map(|v| v.wrapping_mul(1 << 40).wrapping_add(base)).collect::<Vec<_>>());
            let mut sorted = values;
            sorted.sort_unstable();
            round_trip(&sorted);
        }
        #[test]
        fn damaged_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), n in 0usize..200) {
            let _ = column(&mut Reader(&bytes), n);
        }
    }
}
