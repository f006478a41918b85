//! Sorting many events by numbers instead of comparisons.
//!
//! A key is read as a few numbers, the most significant first. Events are sorted by the first of them, what ties by the next, and so
//! on; each step is a radix sort over the bytes that differ at all. So what is sorted is 16 bytes an event, whatever the key, and text
//! is compared only where eleven bytes of it agree. Loading in bulk spends most of its time here and in [`super::fold`].

use super::Columns;
use super::key::{Key, Keys, Order, time};
use crate::datom::RawDatom;

/// Fewer events than this are compared.
const FEW: usize = 12;
/// Fewer rows than this are sorted by a sort that compares numbers.
const RADIX_MIN: usize = 256;

/// More events than this are sorted digit by digit.
const MANY: usize = 2048;

/// Events in the order of their keys, then by t: places in a list that all orders share.
pub(super) struct Events<'a> {
    datoms: &'a [RawDatom],
    places: Vec<u32>,
}

impl Keys<'_> {
    /// Events in key order, then by t.
    pub(super) fn sorted(&self, events: &[RawDatom]) -> Columns {
        if events.len() > MANY || !events.iter().all(|d| self.inline(d.a)) {
            return Events::sorted(self, events).columns();
        }
        // All words are values: sort plain numbers, which then hold the rows themselves.
        let mut out = Columns::with_capacity(events.len());
        out.added.reserve(events.len());
        let row = |d: &RawDatom| (self.numbers(Key::from(d)), time(d.t, d.added));
        let mut rows: Vec<([u64; 3], u64)> = events.iter().map(row).collect();
        // A stable sort, since events come in a few sorted runs, and it finds such runs.
        rows.sort();
        for (numbers, time) in rows {
            out.push_event(self.key_of(numbers).event(time));
        }
        out
    }
}

impl<'a> Events<'a> {
    /// Sorts those of `datoms` that belong into the order of `keys`.
    pub(super) fn sorted(keys: &Keys, datoms: &'a [RawDatom]) -> Events<'a> {
        let seen = |d: &RawDatom| keys.order != Order::Vaet || keys.is_ref(d.a);
        let mut rows: Vec<Row> = datoms
            .iter()
            .enumerate()
            .filter(|(_, d)| seen(d))
            .map(|(i, _)| (0, i as u32))
            .collect();
        let mut spare = vec![(0, 0); rows.len()];
        Sorter { keys, datoms }.refine(&mut rows, &mut spare, parts(keys.order));
        drop(spare);
        // Not collected from the rows themselves, which would keep their memory.
        let places = rows.iter().map(|(_, place)| *place).collect();
        Events { datoms, places }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
    #[inline]
    pub(super) fn row(&self, i: usize) -> &RawDatom {
        &self.datoms[self.places[i] as usize]
    }
    #[inline]
    pub(super) fn key(&self, i: usize) -> Key {
        self.row(i).into()
    }

    /// The same in columns.
    pub(super) fn columns(&self) -> Columns {
        let mut out = Columns::with_capacity(self.len());
        out.added.reserve_exact(self.len());
        (0..self.len()).for_each(|i| out.push_event(*self.row(i)));
        out
    }
}

/// A number, and the place of the event that it belongs to.
type Row = (u64, u32);

/// The numbers that a key is read as.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    E,
    A,
    /// All of an inline value, or the first eight bytes of a long one.
    Value,
    /// The next three bytes.
    Middle,
    /// The rest of the value.
    Rest,
    Time,
}

fn parts(order: Order) -> &'static [Part] {
    use Part::*;
    match order {
        Order::Eavt => &[E, A, Value, Middle, Rest, Time],
        Order::Aevt => &[A, E, Value, Middle, Rest, Time],
        Order::Avet => &[A, Value, Middle, Rest, E, Time],
        Order::Vaet => &[Value, A, E, Time],
    }
}

struct Sorter<'a> {
    keys: &'a Keys<'a>,
    datoms: &'a [RawDatom],
}

impl Sorter<'_> {
    fn datom(&self, row: &Row) -> &RawDatom {
        &self.datoms[row.1 as usize]
    }

    /// Sorts rows that tie in all parts before `parts`. It calls itself at most once a part deep.
    fn refine(&self, rows: &mut [Row], spare: &mut [Row], parts: &[Part]) {
        let Some((part, parts)) = parts.split_first() else {
            return;
        };
        if rows.len() <= FEW || !self.number(rows, *part) {
            rows.sort_by(|x, y| self.keys.compare_events(self.datom(x), self.datom(y)));
            return;
        }
        sort(rows, spare);
        let mut start = 0;
        while start < rows.len() {
            let number = rows[start].0;
            let tied = rows[start..].iter().take_while(|row| row.0 == number).count();
            if tied > 1 {
                self.refine(&mut rows[start..start + tied], &mut spare[..tied], parts);
            }
            start += tied;
        }
    }

    /// Gives each row its number; false when only comparing can tell.
    fn number(&self, rows: &mut [Row], part: Part) -> bool {
        let by_value = |d: &RawDatom| self.keys.order == Order::Vaet || self.keys.inline(d.a);
        for row in rows.iter_mut() {
            let d = &self.datoms[row.1 as usize];
            row.0 = match part {
                Part::E => d.e,
                Part::A => u64::from(d.a),
                Part::Time => time(d.t, d.added),
                Part::Value if by_value(d) => d.v,
                Part::Middle | Part::Rest if by_value(d) => 0,
                // Equal words are equal values.
                Part::Rest => d.v,
                Part::Value | Part::Middle => match self.keys.front(d.v) {
                    Some((first, middle)) if part == Part::Value => first << 40 | middle >> 24,
                    Some((_, middle)) => middle & 0xFF_FFFF,
                    None => return false,
                },
            };
        }
        part != Part::Rest || rows.iter().all(|row| row.0 == rows[0].0)
    }
}

/// Sorts rows by their numbers; equal ones stay as they are.
fn sort(rows: &mut [Row], spare: &mut [Row]) {
    if rows.is_sorted_by_key(|row| row.0) {
        return;
    }
    if rows.len() < RADIX_MIN {
        rows.sort_by_key(|row| row.0);
        return;
    }
    let (some, every) = rows.iter().fold((0, u64::MAX), |(s, e), row| (s | row.0, e & row.0));
    let differs = some & !every;
    let (mut from, mut to) = (rows, spare);
    let mut swapped = false;
    for shift in (0..64).step_by(8).filter(|shift| differs >> shift & 0xFF != 0) {
        let byte = |row: &Row| (row.0 >> shift & 0xFF) as usize;
        let mut starts = [0u32; 256];
        from.iter().for_each(|row| starts[byte(row)] += 1);
        let mut sum = 0;
        for start in &mut starts {
            (*start, sum) = (sum, sum + *start);
        }
        for row in from.iter() {
            let place = &mut starts[byte(row)];
            to[*place as usize] = *row;
            *place += 1;
        }
        std::mem::swap(&mut from, &mut to);
        swapped = !swapped;
    }
    if swapped {
        to.copy_from_slice(from);
    }
}

/// Sorts pairs of numbers; as one number each when they are close together, which is twice as fast.
pub(super) fn sort_pairs(pairs: &mut [(u64, u64)]) {
    let bounds = |part: fn(&(u64, u64)) -> u64| {
        let numbers = pairs.iter().map(part);
        numbers.fold((u64::MAX, 0), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ((x, x_most), (y, y_most)) = (bounds(|pair| pair.0), bounds(|pair| pair.1));
    let bits = |range: u64| 64 - range.leading_zeros();
    if pairs.is_empty() || bits(x_most - x) + bits(y_most - y) > 63 {
        pairs.sort_unstable();
        return;
    }
    let shift = bits(y_most - y);
    let mut numbers: Vec<u64> = pairs.iter().map(|pair| (pair.0 - x) << shift | (pair.1 - y)).collect();
    numbers.sort_unstable();
    for (pair, number) in pairs.iter_mut().zip(numbers) {
        *pair = ((number >> shift) + x, (number & ((1 << shift) - 1)) + y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datom::Value;
    use crate::index::Words;
    use crate::index::key::Kinds;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// A value of attribute 1 (long), 2 (ref), or 3 (string): short, long, and alike in the first eleven bytes or more.
    fn value(a: u32, n: u64) -> Value {
        match a {
            1 => Value::Long(n as i64 * 1_000_003 - 20_000_000),
            2 => Value::Long(n as i64),
            _ if n.is_multiple_of(3) => Value::string(format!("{n}")),
            _ if n.is_multiple_of(2) => Value::string(format!("a common prefix {n}")),
            _ => Value::string(format!("common {n}")),
        }
    }

    proptest! {
        #[test]
        fn orders_as_comparing_does(seeds in proptest::collection::vec((0u64..30, 1u32..4, 0u64..40, 0u64..9), 0..900)) {
            let words = Words::new(Arc::default());
            let mut kinds = Kinds::default();
            (1..4).for_each(|a| kinds.learn(a, a < 3, a == 2));
            let datom = |&(e, a, n, t): &(u64, u32, u64, u64)| {
                let v = words.intern(&value(a, n)).unwrap();
                RawDatom { e: (e << 42) | (n % 7), a, v, t, added: t % 2 == 0 }
            };
            let datoms: Vec<RawDatom> = seeds.iter().map(datom).collect();
            for order in Order::ALL {
                let keys = Keys::new(order, &words, &kinds);
                let events = Events::sorted(&keys, &datoms);
                let mut expected: Vec<RawDatom> =
                    datoms.iter().copied().filter(|d| order != Order::Vaet || d.a == 2).collect();
                expected.sort_by(|x, y| keys.compare_events(x, y));
                let sorted: Vec<RawDatom> = (0..events.len()).map(|i| *events.row(i)).collect();
                prop_assert_eq!(sorted, expected);
            }
        }

        #[test]
        fn sorts_like_the_standard_library(bits in 1u32..64, seeds in proptest::collection::vec(any::<u64>(), 0..1500)) {
            let mut rows: Vec<Row> = seeds.iter().enumerate().map(|(i, x)| (x >> (64 - bits), i as u32)).collect();
            let mut expected = rows.clone();
            expected.sort();
            let mut spare = vec![(0, 0); rows.len()];
            sort(&mut rows, &mut spare);
            prop_assert_eq!(rows, expected);
        }
        #[test]
        fn sorts_pairs(bits in 1u32..64, seeds in proptest::collection::vec(any::<(u64, u64)>(), 0..100)) {
            let mut pairs: Vec<(u64, u64)> = seeds.iter().map(|(x, y)| (x >> bits, !(y >> (64 - bits)))).collect();
            let mut expected = pairs.clone();
            expected.sort();
            sort_pairs(&mut pairs);
            prop_assert_eq!(pairs, expected);
        }
    }
}
