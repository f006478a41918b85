//! Aggregates: the values of one group in, one value out.
//!
//! The engine hands in the values of a group that are left after duplicates vanished; a group is never empty. What a group's result is
//! does not depend on the order of its values: `rand` and `sample` draw from the sorted values with a fixed seed, `collect` sorts,
//! and sums of doubles carry their rounding error along.
//!
//! Each aggregate can be fed values ([`Aggregate::over`]); the common ones can be fed words of a column as well ([`WordAcc`]).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use rustc_hash::FxHashSet;

use super::math::{finite, to_double};
use super::types::{Types, with_article};
use crate::datom::val::widen;
use crate::datom::{Val, ValueType, Word, word};
use crate::edn::Symbol;
use crate::error::{Code, Error, Result};

/// Which aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// how many
    Count,
    /// how many different
    CountDistinct,
    /// the sum
    Sum,
    /// the mean, a double
    Avg,
    /// the least; with n the n least
    Min,
    /// the greatest; with n the n greatest
    Max,
    /// the middle
    Median,
    /// the population variance
    Variance,
    /// the population standard deviation
    Stddev,
    /// the set of values
    Distinct,
    /// a value; with n that many, perhaps repeated
    Rand,
    /// n different values
    Sample,
    /// the value that a share of all lies below
    Quantile,
    /// all values in order
    Collect,
}

/// What stands before the variable: `(max 3 ?x)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// Nothing.
    None,
    /// Perhaps a number of values.
    Amount,
    /// A number of values.
    AmountRequired,
    /// A share, 0 to 1.
    Share,
}

/// A built-in aggregate.
#[derive(Debug)]
pub struct Aggregate {
    /// Its name.
    pub name: &'static str,
    /// Which it is.
    pub kind: Kind,
    /// What may stand before the variable.
    pub parameter: Parameter,
    /// One line: what it gives.
    pub doc: &'static str,
}

const fn aggregate(name: &'static str, kind: Kind, parameter: Parameter, doc: &'static str) -> Aggregate {
    Aggregate {
        name,
        kind,
        parameter,
        doc,
    }
}

const AGGREGATES: &[Aggregate] = &[
    aggregate(
        "count",
        Kind::Count,
        Parameter::None,
        "How many values. No rows, no group: never 0.",
    ),
    aggregate(
        "count-distinct",
        Kind::CountDistinct,
        Parameter::None,
        "How many different values.",
    ),
    aggregate(
        "sum",
        Kind::Sum,
        Parameter::None,
        "The sum; of longs a long, with doubles a double.",
    ),
    aggregate("avg", Kind::Avg, Parameter::None, "The mean, always a double."),
    aggregate(
        "min",
        Kind::Min,
        Parameter::Amount,
        "The least value; (min n ?x) the n least, least first.",
    ),
    aggregate(
        "max",
        Kind::Max,
        Parameter::Amount,
        "The greatest value; (max n ?x) the n greatest, greatest first.",
    ),
    aggregate(
        "median",
        Kind::Median,
        Parameter::None,
        "The middle: of numbers a double, of others the lower middle value.",
    ),
    aggregate(
        "variance",
        Kind::Variance,
        Parameter::None,
        "The variance of the population.",
    ),
    aggregate(
        "stddev",
        Kind::Stddev,
        Parameter::None,
        "The standard deviation of the population.",
    ),
    aggregate("distinct", Kind::Distinct, Parameter::None, "The set of values."),
    aggregate(
        "rand",
        Kind::Rand,
        Parameter::Amount,
        "A value by chance; (rand n ?x) n values, which may repeat.",
    ),
    aggregate(
        "sample",
        Kind::Sample,
        Parameter::AmountRequired,
        "(sample n ?x): n different values by chance.",
    ),
    aggregate(
        "quantile",
        Kind::Quantile,
        Parameter::Share,
        "(quantile 0.9 ?x): what 90 % of the values lie below.",
    ),
    aggregate(
        "collect",
        Kind::Collect,
        Parameter::None,
        "All values, in order, as a vector.",
    ),
    aggregate(
        "vec",
        Kind::Collect,
        Parameter::None,
        "All values, in order, as a vector.",
    ),
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Aggregate>> =
    LazyLock::new(|| AGGREGATES.iter().map(|a| (a.name, a)).collect());

/// The built-in aggregate of a name, bare or in `clojure.core`.
pub fn lookup(name: &Symbol) -> Option<&'static Aggregate> {
    name.ns()
        .is_none_or(|ns| ns == "clojure.core")
        .then(|| BY_NAME.get(name.name()).copied())
        .flatten()
}

/// The names of all built-in aggregates, in the order of the reference.
pub fn names() -> impl Iterator<Item = &'static str> {
    AGGREGATES.iter().map(|a| a.name)
}

impl Aggregate {
    /// Refuses wrong constants before the variable; to be asked when the query is read.
    pub fn check(&self, params: &[Val]) -> Result<()> {
        let name = self.name;
        let usage = match self.parameter {
            Parameter::None => format!("({name} ?x)"),
            Parameter::Amount => format!("({name} ?x) or ({name} 3 ?x)"),
            Parameter::AmountRequired => format!("({name} 3 ?x)"),
            Parameter::Share => format!("({name} 0.9 ?x)"),
        };
        let arity = |message: String| Error::new(Code::Arity, message).hint(format!("write {usage}"));
        match (self.parameter, params) {
            (Parameter::None | Parameter::Amount, []) => Ok(()),
            (Parameter::None, _) => Err(arity(format!("{name} takes a variable and nothing else"))),
            (_, []) => Err(arity(format!("{name} needs a number before the variable"))),
            (_, [_, _, ..]) => Err(arity(format!("{name} takes one number before the variable"))),
            (Parameter::Share, [share]) => match to_double(share) {
                Some(x) if (0.0..=1.0).contains(&x) => Ok(()),
                _ => Err(mismatch(format!("{name} takes a share from 0 to 1, not {share}"))),
            },
            (_, [Val::Long(n)]) if *n > 0 => Ok(()),
            (_, [n]) => Err(mismatch(format!("{name} takes a whole number from 1, not {n}"))),
        }
    }

    /// The types that its values must have some of; `None`: it takes all.
    pub(crate) fn takes(&self) -> Option<Types> {
        let numbers = matches!(self.kind, Kind::Sum | Kind::Avg | Kind::Variance | Kind::Stddev);
        numbers.then_some(Types::NUMBER)
    }

    /// The types of its result, over values of these types.
    pub(crate) fn gives(&self, params: &[Val], of: Types) -> Types {
        match self.kind {
            Kind::Count | Kind::CountDistinct => Types::LONG,
            Kind::Sum => Types::NUMBER,
            Kind::Avg | Kind::Variance | Kind::Stddev => Types::of(ValueType::Double),
            Kind::Distinct => Types::SET,
            Kind::Collect | Kind::Sample => Types::VECTOR,
            Kind::Min | Kind::Max | Kind::Rand if params.is_empty() => of,
            Kind::Min | Kind::Max | Kind::Rand => Types::VECTOR,
            Kind::Median | Kind::Quantile => Types::ANY,
        }
    }

    /// The result for the values of one group. `params` have passed [`Aggregate::check`].
    pub fn over(&self, params: &[Val], values: &mut dyn Iterator<Item = &Val>) -> Result<Val> {
        let amount = match params {
            [Val::Long(n)] => Some(usize::try_from(*n).unwrap_or(usize::MAX)),
            _ => None,
        };
        match self.kind {
            Kind::Count => Ok(Val::Long(values.count() as i64)),
            Kind::CountDistinct => Ok(Val::Long(values.collect::<FxHashSet<_>>().len() as i64)),
            Kind::Distinct => Ok(Val::set(values.cloned())),
            Kind::Sum => Sum::of(self.name, values).and_then(|s| s.total()),
            Kind::Avg => Sum::of(self.name, values).and_then(|s| s.mean()),
            Kind::Min => extreme(values, amount, Ordering::Less),
            Kind::Max => extreme(values, amount, Ordering::Greater),
            Kind::Variance => spread(self.name, values),
            Kind::Stddev => match spread(self.name, values)? {
                Val::Double(x) => Ok(Val::Double(x.sqrt())),
                other => Ok(other),
            },
            Kind::Median => quantile(self.name, values, 0.5),
            Kind::Quantile => quantile(self.name, values, params.first().and_then(to_double).unwrap_or(0.5)),
            Kind::Collect => {
                let mut all: Vec<&Val> = values.collect();
                all.sort();
                Ok(Val::vector(all.into_iter().cloned()))
            }
            Kind::Rand => Ok(draw(values, amount)),
            Kind::Sample => Ok(sample(values, amount.unwrap_or(1))),
        }
    }
}

fn mismatch(message: String) -> Error {
    Error::new(Code::TypeMismatch, message)
}

fn not_a_number(name: &str, v: &Val) -> Error {
    mismatch(format!(
        "{name} takes numbers, and was given {v}, {}",
        with_article(v.type_name())
    ))
}

/// A sum in every number type at once; the widest that occurred decides.
#[derive(Default)]
struct Sum {
    n: u64,
    longs: i128,
    big: Option<BigInt>,
    dec: Option<BigDecimal>,
    doubles: Option<Doubles>,
}

impl Sum {
    fn of(name: &str, values: &mut dyn Iterator<Item = &Val>) -> Result<Sum> {
        let mut sum = Sum::default();
        for v in values {
            sum.n += 1;
            match v {
                // Fewer than 2^64 longs cannot leave 128 bits.
                Val::Long(x) => sum.longs += i128::from(*x),
                Val::Double(x) => sum.doubles.get_or_insert_default().add(*x),
                Val::Float(x) => sum.doubles.get_or_insert_default().add(widen(*x)),
                Val::BigInt(x) => *sum.big.get_or_insert_default() += x,
                Val::BigDec(x) => {
                    let dec = sum.dec.take().unwrap_or_default();
                    sum.dec = Some(dec + x);
                }
                v => return Err(not_a_number(name, v)),
            }
        }
        Ok(sum)
    }

    fn total(self) -> Result<Val> {
        if self.doubles.is_some() {
            return finite("sum", self.as_double());
        }
        if let Some(dec) = self.dec {
            return Ok(Val::BigDec(
                dec + BigInt::from(self.longs) + self.big.unwrap_or_default(),
            ));
        }
        if let Some(big) = self.big {
            return Ok(Val::BigInt(big + self.longs));
        }
        long_sum(self.longs)
    }

    fn mean(self) -> Result<Val> {
        match self.n {
            0 => Ok(Val::Nil),
            n => finite("avg", self.as_double() / n as f64),
        }
    }

    fn as_double(&self) -> f64 {
        self.longs as f64
            + self.big.as_ref().and_then(|x| x.to_f64()).unwrap_or(0.0)
            + self.dec.as_ref().and_then(|x| x.to_f64()).unwrap_or(0.0)
            + self.doubles.as_ref().map_or(0.0, Doubles::total)
    }
}

fn long_sum(total: i128) -> Result<Val> {
    i64::try_from(total).map(Val::Long).map_err(|_| {
        Error::new(Code::Overflow, format!("the sum {total} is beyond a 64-bit long"))
            .hint("sum doubles or bigints: [(double ?x) ?d] or [(bigint ?x) ?b] before the sum")
    })
}

/// A sum of doubles with its rounding error carried along (Neumaier), so that the order of the values hardly matters.
#[derive(Clone, Copy, Debug, Default)]
struct Doubles {
    sum: f64,
    lost: f64,
}

impl Doubles {
    fn add(&mut self, x: f64) {
        let sum = self.sum + x;
        self.lost += if self.sum.abs() >= x.abs() {
            (self.sum - sum) + x
        } else {
            (x - sum) + self.sum
        };
        self.sum = sum;
    }
    fn total(&self) -> f64 {
        // Once the sum is infinite, what was lost is not a number.
        if self.sum.is_finite() {
            self.sum + self.lost
        } else {
            self.sum
        }
    }
}

/// By value where two have a common order, and then strictly, so that of 1 and 1.0 always the same one comes first.
fn order(a: &Val, b: &Val) -> Result<Ordering> {
    match a.compare(b) {
        Some(order) => Ok(order.then_with(|| a.cmp(b))),
        None => Err(Error::new(
            Code::CannotCompare,
            format!(
                "{a} and {b} have no common order: a {} and a {}",
                a.type_name(),
                b.type_name()
            ),
        )),
    }
}

/// Sorts by [`order`]. Merging by hand ends at the first two that have no order; a sort of the library would have to go on.
fn sorted<'a>(values: &mut dyn Iterator<Item = &'a Val>) -> Result<Vec<&'a Val>> {
    let mut all: Vec<&Val> = values.collect();
    let ty = all.first().and_then(|v| v.scalar_type());
    if ty.is_some() && all.iter().all(|v| v.scalar_type() == ty) {
        // Within a type the two orders are one.
        all.sort();
        return Ok(all);
    }
    let mut merged = Vec::with_capacity(all.len());
    let mut width = 1;
    while width < all.len() {
        for both in all.chunks(2 * width) {
            let (mut left, mut right) = both.split_at(width.min(both.len()));
            while let ([a, a_rest @ ..], [b, b_rest @ ..]) = (left, right) {
                if order(a, b)?.is_le() {
                    merged.push(*a);
                    left = a_rest;
                } else {
                    merged.push(*b);
                    right = b_rest;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut all, &mut merged);
        merged.clear();
        width *= 2;
    }
    Ok(all)
}

fn extreme(values: &mut dyn Iterator<Item = &Val>, amount: Option<usize>, wins: Ordering) -> Result<Val> {
    let Some(n) = amount else {
        let mut best: Option<&Val> = None;
        for v in values {
            match best {
                Some(b) if order(v, b)? != wins => {}
                _ => best = Some(v),
            }
        }
        return Ok(best.cloned().unwrap_or(Val::Nil));
    };
    let mut all = sorted(values)?;
    if wins == Ordering::Greater {
        all.reverse();
    }
    all.truncate(n);
    Ok(Val::vector(all.into_iter().cloned()))
}

fn spread(name: &str, values: &mut dyn Iterator<Item = &Val>) -> Result<Val> {
    let numbers: Vec<f64> = values
        .map(|v| to_double(v).ok_or_else(|| not_a_number(name, v)))
        .collect::<Result<_>>()?;
    if numbers.is_empty() {
        return Ok(Val::Nil);
    }
    let total = |xs: &mut dyn Iterator<Item = f64>| {
        let mut sum = Doubles::default();
        xs.for_each(|x| sum.add(x));
        sum.total()
    };
    let n = numbers.len() as f64;
    let mean = total(&mut numbers.iter().copied()) / n;
    finite(name, total(&mut numbers.iter().map(|x| (x - mean) * (x - mean))) / n)
}

/// Numbers are interpolated between their neighbours and give a double; of other values the lower neighbour is taken.
fn quantile(name: &str, values: &mut dyn Iterator<Item = &Val>, share: f64) -> Result<Val> {
    let all = sorted(values)?;
    let Some(last) = all.len().checked_sub(1) else {
        return Ok(Val::Nil);
    };
    let place = share * last as f64;
    let low = place.floor() as usize;
    match (to_double(all[low]), to_double(all[(low + 1).min(last)])) {
        (Some(a), Some(b)) => {
            let part = place - low as f64;
            // Not a + (b - a) * part alone: between two infinities of one sign that is no number.
            finite(
                name,
                if part == 0.0 || a == b {
                    a
                } else {
                    a * (1.0 - part) + b * part
                },
            )
        }
        _ => Ok(all[low].clone()),
    }
}

/// SplitMix64: enough for drawing, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(z ^ (z >> 31)) * n as u128) >> 64) as usize
    }
}

/// The most values that `rand` gives; it may ask for more than there are.
const RAND_MAX: usize = 1_000_000;

fn draw(values: &mut dyn Iterator<Item = &Val>, amount: Option<usize>) -> Val {
    let mut all: Vec<&Val> = values.collect();
    all.sort();
    if all.is_empty() {
        return Val::Nil;
    }
    let mut chance = Chance(all.len() as u64);
    match amount {
        None => all[chance.below(all.len())].clone(),
        Some(n) => Val::vector((0..n.min(RAND_MAX)).map(|_| all[chance.below(all.len())].clone())),
    }
}

fn sample(values: &mut dyn Iterator<Item = &Val>, n: usize) -> Val {
    let mut all: Vec<&Val> = values.collect();
    all.sort();
    all.dedup();
    let mut chance = Chance(all.len() as u64);
    let n = n.min(all.len());
    for i in 0..n {
        let j = i + chance.below(all.len() - i);
        all.swap(i, j);
    }
    Val::vector(all[..n].iter().map(|v| (*v).clone()))
}

/// An aggregate over words of a column, without making values: count of any type, sum and avg of longs and
/// doubles, min and max of inline types. Gives exactly what [`Aggregate::over`] gives for the values of the words.
#[derive(Clone, Copy, Debug)]
pub struct WordAcc {
    state: State,
    n: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Count,
    SumLong(i128),
    SumDouble(Doubles),
    AvgLong(i128),
    AvgDouble(Doubles),
    Min(ValueType, Word),
    Max(ValueType, Word),
}

impl WordAcc {
    /// The accumulator of an aggregate without parameters over a column of type `ty`; `None` when it needs values.
    pub fn new(kind: Kind, ty: ValueType) -> Option<WordAcc> {
        let state = match (kind, ty) {
            (Kind::Count, _) => State::Count,
            (Kind::Sum, ValueType::Long) => State::SumLong(0),
            (Kind::Sum, ValueType::Double) => State::SumDouble(Doubles::default()),
            (Kind::Avg, ValueType::Long) => State::AvgLong(0),
            (Kind::Avg, ValueType::Double) => State::AvgDouble(Doubles::default()),
            (Kind::Min, ty) if ty.is_inline() => State::Min(ty, Word::MAX),
            (Kind::Max, ty) if ty.is_inline() => State::Max(ty, Word::MIN),
            _ => return None,
        };
        Some(WordAcc { state, n: 0 })
    }

    /// Takes a word in.
    pub fn push(&mut self, w: Word) {
        self.extend(&[w]);
    }

    /// Takes words in.
    pub fn extend(&mut self, words: &[Word]) {
        self.n += words.len() as u64;
        match &mut self.state {
            State::Count => {}
            State::SumLong(sum) | State::AvgLong(sum) => {
                *sum += words.iter().map(|w| i128::from(word::to_long(*w))).sum::<i128>();
            }
            State::SumDouble(sum) | State::AvgDouble(sum) => words.iter().for_each(|w| sum.add(word::to_double(*w))),
            State::Min(_, least) => *least = words.iter().copied().fold(*least, Word::min),
            State::Max(_, greatest) => *greatest = words.iter().copied().fold(*greatest, Word::max),
        }
    }

    /// The result.
    pub fn finish(&self) -> Result<Val> {
        let n = self.n as f64;
        match self.state {
            State::Count => Ok(Val::Long(self.n as i64)),
            State::SumLong(sum) => long_sum(sum),
            State::SumDouble(sum) => finite("sum", sum.total()),
            _ if self.n == 0 => Ok(Val::Nil),
            State::AvgLong(sum) => finite("avg", sum as f64 / n),
            State::AvgDouble(sum) => finite("avg", sum.total() / n),
            State::Min(ty, w) | State::Max(ty, w) => Ok(Val::from_word(ty, w).unwrap_or(Val::Nil)),
        }
    }
}
