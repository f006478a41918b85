//! Arithmetic over longs, bigints, decimals and doubles.
//!
//! The result has the widest type of the arguments: long, then bigint, then bigdec, then double (a float counts as a
//! double). Longs overflow into an error, never silently. `/` of two whole numbers is whole when it divides evenly and a double otherwise.

use std::cmp::Ordering;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};

use super::{Function, functions, wrong};
use crate::datom::Val;
use crate::datom::convert::NUMBER_BITS_MAX;
use crate::datom::val::widen;
use crate::error::{Code, Error, Result};

pub(super) const FUNCTIONS: &[Function] = functions! { "clojure.core":
    "+" (0 ..) function add, "The sum.";
    "-" (1 ..) function subtract, "The difference; of one argument its negation.";
    "*" (0 ..) function multiply, "The product.";
    "/" (1 ..) function divide, "The quotient: whole when whole numbers divide evenly, otherwise a double.";
    "quot" (2) function quot, "The whole quotient, cut off toward zero.";
    "rem" (2) function rem, "The remainder of quot; it has the sign of the first.";
    "mod" (2) function modulo, "The remainder with the sign of the second.";
    "inc" (1) function inc, "One more.";
    "dec" (1) function dec, "One less.";
    "abs" (1) function abs, "Without its sign.";
    "max" (1 ..) function max, "The greatest.";
    "min" (1 ..) function min, "The least.";
    "even?" (1) predicate even, "Whether a whole number is even.";
    "odd?" (1) predicate odd, "Whether a whole number is odd.";
    "pos?" (1) predicate pos, "Whether a number is above zero.";
    "neg?" (1) predicate neg, "Whether a number is below zero.";
    "zero?" (1) predicate zero, "Whether a number is zero.";
    "double" (1) function double, "A number as a double.";
    "long" (1) function long, "A number as a long, cut off toward zero.";
    "bigint" (1) function bigint, "A number as a bigint, cut off toward zero.";
    "bigdec" (1) function bigdec, "A number as a decimal.";
    "round" (1) function round, "The nearest whole number; halves away from zero.";
    "floor" (1) function floor, "The greatest whole number not above.";
    "ceil" (1) function ceil, "The least whole number not below.";
    "sqrt" (1) function sqrt, "The square root, as a double.";
    "pow" (2) function pow, "The first to the power of the second, as a double.";
    "bit-and" (2 ..) function bit_and, "The bits that all longs have.";
    "bit-or" (2 ..) function bit_or, "The bits that any of the longs has.";
    "bit-xor" (2 ..) function bit_xor, "The bits that an odd number of the longs have.";
};

/// Two numbers brought to the wider of their types.
enum Pair {
    Long(i64, i64),
    Big(BigInt, BigInt),
    Dec(BigDecimal, BigDecimal),
    Double(f64, f64),
    /// Decimals of exponents that arithmetic does not take.
    Apart,
}

/// How far a decimal's point may lie from its last digit in arithmetic.
const SCALE_MAX: i64 = 10_000;

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Width {
    Long,
    Big,
    Dec,
    Double,
}

fn width(v: &Val) -> Option<Width> {
    Some(match v {
        Val::Long(_) => Width::Long,
        Val::BigInt(_) => Width::Big,
        Val::BigDec(_) => Width::Dec,
        Val::Double(_) | Val::Float(_) => Width::Double,
        _ => return None,
    })
}

pub(super) fn to_double(v: &Val) -> Option<f64> {
    match v {
        Val::Long(x) => Some(*x as f64),
        Val::BigInt(x) => x.to_f64(),
        Val::BigDec(x) => x.to_f64(),
        Val::Double(x) => Some(*x),
        Val::Float(x) => Some(widen(*x)),
        _ => None,
    }
}

fn to_big(v: &Val) -> Option<BigInt> {
    match v {
        Val::Long(x) => Some(BigInt::from(*x)),
        Val::BigInt(x) => Some(x.clone()),
        _ => None,
    }
}

fn to_dec(v: &Val) -> Option<BigDecimal> {
    match v {
        Val::BigDec(x) => Some(x.clone()),
        v => to_big(v).map(BigDecimal::from),
    }
}

fn pair(a: &Val, b: &Val) -> Option<Pair> {
    if let (Val::Long(a), Val::Long(b)) = (a, b) {
        return Some(Pair::Long(*a, *b));
    }
    let (wa, wb) = (width(a)?, width(b)?);
    Some(match if wa > wb { wa } else { wb } {
        Width::Double => Pair::Double(to_double(a)?, to_double(b)?),
        Width::Dec => {
            let (a, b) = (to_dec(a)?, to_dec(b)?);
            // Aligning two far exponents would write all the digits between them out.
            if [&a, &b].iter().any(|x| x.fractional_digit_count().abs() > SCALE_MAX) {
                return Some(Pair::Apart);
            }
            Pair::Dec(a, b)
        }
        Width::Big | Width::Long => Pair::Big(to_big(a)?, to_big(b)?),
    })
}

fn check_number(function: &str, args: &[Val], index: usize) -> Result<()> {
    if args[index].is_number() {
        return Ok(());
    }
    Err(wrong(function, args, index, "a number"))
}

fn overflow(function: &str, a: i64, b: i64) -> Error {
    let message = match function {
        "inc" | "dec" | "abs" => format!("({function} {a}) is beyond a 64-bit long"),
        _ => format!("({function} {a} {b}) is beyond a 64-bit long"),
    };
    Error::new(Code::Overflow, message).hint("begin with a bigint, such as 1N, or with a double")
}

pub(super) fn finite(function: &str, x: f64) -> Result<Val> {
    Val::double(x).ok_or_else(|| {
        Error::new(
            Code::FunctionFailed,
            format!("{function} has no result for these numbers: it is not a number (NaN)"),
        )
    })
}

fn by_zero(function: &str, a: &dyn std::fmt::Display) -> Error {
    Error::new(Code::DivideByZero, format!("({function} {a} 0) divides by zero"))
}

fn apart(function: &str) -> Error {
    Error::new(
        Code::Overflow,
        format!("{function} takes and gives decimals of at most {SCALE_MAX} places before or after the point"),
    )
}

fn big(function: &str, x: BigInt) -> Result<Val> {
    if x.bits() > NUMBER_BITS_MAX {
        return Err(Error::new(
            Code::Overflow,
            format!("{function} gives a whole number of more than {NUMBER_BITS_MAX} bits"),
        ));
    }
    Ok(Val::BigInt(x))
}

fn decimal(function: &str, x: BigDecimal) -> Result<Val> {
    let too_long = x.as_bigint_and_scale().0.bits() > NUMBER_BITS_MAX;
    if too_long || x.fractional_digit_count().abs() > SCALE_MAX {
        return Err(apart(function));
    }
    Ok(Val::BigDec(x))
}

type Op = fn(&str, Pair) -> Result<Val>;

fn binary(function: &str, args: &[Val], a: usize, b: usize, op: Op) -> Result<Val> {
    match pair(&args[a], &args[b]) {
        Some(pair) => op(function, pair),
        None => {
            check_number(function, args, a)?;
            Err(wrong(function, args, b, "a number"))
        }
    }
}

fn fold(function: &str, args: &[Val], unit: i64, op: Op) -> Result<Val> {
    for i in 0..args.len() {
        check_number(function, args, i)?;
    }
    let Some((first, rest)) = args.split_first() else {
        return Ok(Val::Long(unit));
    };
    rest.iter().try_fold(first.clone(), |acc, v| {
        let pair = pair(&acc, v).ok_or_else(|| wrong(function, args, 0, "a number"))?;
        op(function, pair)
    })
}

fn add_op(function: &str, pair: Pair) -> Result<Val> {
    Ok(match pair {
        Pair::Long(a, b) => Val::Long(a.checked_add(b).ok_or_else(|| overflow(function, a, b))?),
        Pair::Big(a, b) => big(function, a + b)?,
        Pair::Dec(a, b) => decimal(function, a + b)?,
        Pair::Double(a, b) => finite(function, a + b)?,
        Pair::Apart => return Err(apart(function)),
    })
}

fn sub_op(function: &str, pair: Pair) -> Result<Val> {
    Ok(match pair {
        Pair::Long(a, b) => Val::Long(a.checked_sub(b).ok_or_else(|| overflow(function, a, b))?),
        Pair::Big(a, b) => big(function, a - b)?,
        Pair::Dec(a, b) => decimal(function, a - b)?,
        Pair::Double(a, b) => finite(function, a - b)?,
        Pair::Apart => return Err(apart(function)),
    })
}

fn mul_op(function: &str, pair: Pair) -> Result<Val> {
    Ok(match pair {
        Pair::Long(a, b) => Val::Long(a.checked_mul(b).ok_or_else(|| overflow(function, a, b))?),
        Pair::Big(a, b) => big(function, a * b)?,
        Pair::Dec(a, b) => decimal(function, a * b)?,
        Pair::Double(a, b) => finite(function, a * b)?,
        Pair::Apart => return Err(apart(function)),
    })
}

/// Digits that a decimal quotient without an end keeps, as IEEE decimal128 does.
const DECIMAL_DIGITS: u64 = 34;

fn div_op(function: &str, pair: Pair) -> Result<Val> {
    Ok(match pair {
        Pair::Long(a, 0) => return Err(by_zero(function, &a)),
        Pair::Long(a, b) => match a.checked_rem(b) {
            Some(0) => Val::Long(a / b),
            Some(_) => finite(function, a as f64 / b as f64)?,
            None => return Err(overflow(function, a, b)),
        },
        Pair::Big(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Big(a, b) => {
            let (quotient, remainder) = a.div_rem(&b);
            if remainder.is_zero() {
                Val::BigInt(quotient)
            } else {
                let (a, b) = (a.to_f64().unwrap_or(f64::NAN), b.to_f64().unwrap_or(f64::NAN));
                finite(function, a / b)?
            }
        }
        Pair::Dec(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Dec(a, b) => {
            let quotient = (&a / &b).normalized();
            match quotient.digits() > DECIMAL_DIGITS && &quotient * &b != a {
                true => Val::BigDec(quotient.with_prec(DECIMAL_DIGITS).normalized()),
                false => Val::BigDec(quotient),
            }
        }
        Pair::Double(a, b) => finite(function, a / b)?,
        Pair::Apart => return Err(apart(function)),
    })
}

fn quot_op(function: &str, pair: Pair) -> Result<Val> {
    Ok(match pair {
        Pair::Long(a, 0) => return Err(by_zero(function, &a)),
        Pair::Long(a, b) => Val::Long(a.checked_div(b).ok_or_else(|| overflow(function, a, b))?),
        Pair::Big(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Big(a, b) => Val::BigInt(a / b),
        Pair::Dec(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Dec(a, b) => {
            // As whole numbers of the finer unit: a quotient of decimals is computed to a hundred digits only.
            let scale = a.fractional_digit_count().max(b.fractional_digit_count());
            let units = |x: BigDecimal| x.with_scale(scale).into_bigint_and_exponent().0;
            decimal(function, BigDecimal::from(units(a) / units(b)))?
        }
        Pair::Double(a, 0.0) => return Err(by_zero(function, &a)),
        Pair::Double(a, b) => finite(function, (a / b).trunc())?,
        Pair::Apart => return Err(apart(function)),
    })
}

fn rem_op(function: &str, pair: Pair) -> Result<Val> {
    Ok(match pair {
        Pair::Long(a, 0) => return Err(by_zero(function, &a)),
        // The smallest long over -1 overflows as a quotient; its remainder is 0 all the same.
        Pair::Long(a, b) => Val::Long(a.wrapping_rem(b)),
        Pair::Big(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Big(a, b) => Val::BigInt(a % b),
        Pair::Dec(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Dec(a, b) => Val::BigDec(a % b),
        Pair::Double(a, 0.0) => return Err(by_zero(function, &a)),
        Pair::Double(a, b) => finite(function, a % b)?,
        Pair::Apart => return Err(apart(function)),
    })
}

fn mod_op(function: &str, pair: Pair) -> Result<Val> {
    Ok(match pair {
        Pair::Long(a, 0) => return Err(by_zero(function, &a)),
        Pair::Long(_, -1) => Val::Long(0),
        Pair::Long(a, b) => Val::Long(a.mod_floor(&b)),
        Pair::Big(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Big(a, b) => Val::BigInt(a.mod_floor(&b)),
        Pair::Dec(a, b) if b.is_zero() => return Err(by_zero(function, &a)),
        Pair::Dec(a, b) => {
            let r = a % &b;
            let differ = !r.is_zero() && r.is_negative() != b.is_negative();
            Val::BigDec(if differ { r + b } else { r })
        }
        Pair::Double(a, 0.0) => return Err(by_zero(function, &a)),
        Pair::Double(a, b) => {
            let r = a % b;
            let differ = r != 0.0 && (r < 0.0) != (b < 0.0);
            finite(function, if differ { r + b } else { r })?
        }
        Pair::Apart => return Err(apart(function)),
    })
}

fn add(args: &[Val]) -> Result<Val> {
    fold("+", args, 0, add_op)
}
fn multiply(args: &[Val]) -> Result<Val> {
    fold("*", args, 1, mul_op)
}
fn subtract(args: &[Val]) -> Result<Val> {
    match args {
        [one] => binary("-", &[Val::Long(0), one.clone()], 0, 1, sub_op).map_err(|e| match one.is_number() {
            true => e,
            false => wrong("-", args, 0, "a number"),
        }),
        _ => fold("-", args, 0, sub_op),
    }
}
fn divide(args: &[Val]) -> Result<Val> {
    match args {
        [one] => {
            check_number("/", args, 0)?;
            binary("/", &[Val::Long(1), one.clone()], 0, 1, div_op)
        }
        _ => fold("/", args, 1, div_op),
    }
}
fn quot(args: &[Val]) -> Result<Val> {
    binary("quot", args, 0, 1, quot_op)
}
fn rem(args: &[Val]) -> Result<Val> {
    binary("rem", args, 0, 1, rem_op)
}
fn modulo(args: &[Val]) -> Result<Val> {
    binary("mod", args, 0, 1, mod_op)
}
fn inc(args: &[Val]) -> Result<Val> {
    check_number("inc", args, 0)?;
    binary("inc", &[args[0].clone(), Val::Long(1)], 0, 1, add_op)
}
fn dec(args: &[Val]) -> Result<Val> {
    check_number("dec", args, 0)?;
    binary("dec", &[args[0].clone(), Val::Long(1)], 0, 1, sub_op)
}

fn abs(args: &[Val]) -> Result<Val> {
    Ok(match &args[0] {
        Val::Long(x) => Val::Long(x.checked_abs().ok_or_else(|| overflow("abs", *x, 0))?),
        Val::BigInt(x) => Val::BigInt(x.abs()),
        Val::BigDec(x) => Val::BigDec(x.abs()),
        Val::Double(x) => Val::Double(x.abs()),
        Val::Float(x) => Val::Float(x.abs()),
        _ => return Err(wrong("abs", args, 0, "a number")),
    })
}

/// The argument that `wins` over all others; for numbers by value, and for any values of one kind.
fn extreme(function: &str, args: &[Val], wins: Ordering) -> Result<Val> {
    let mut best = 0;
    for i in 1..args.len() {
        match args[i].compare(&args[best]) {
            Some(order) if order == wins => best = i,
            Some(_) => {}
            None => return Err(wrong(function, args, i, &format!("a {}", args[best].type_name()))),
        }
    }
    Ok(args[best].clone())
}
fn max(args: &[Val]) -> Result<Val> {
    extreme("max", args, Ordering::Greater)
}
fn min(args: &[Val]) -> Result<Val> {
    extreme("min", args, Ordering::Less)
}

fn is_even(function: &str, args: &[Val]) -> Result<bool> {
    match &args[0] {
        Val::Long(x) => Ok(x % 2 == 0),
        Val::BigInt(x) => Ok(x.is_even()),
        _ => Err(wrong(function, args, 0, "a whole number")),
    }
}
fn even(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(is_even("even?", args)?))
}
fn odd(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(!is_even("odd?", args)?))
}

fn sign(function: &str, args: &[Val]) -> Result<Ordering> {
    check_number(function, args, 0)?;
    args[0]
        .compare(&Val::Long(0))
        .ok_or_else(|| wrong(function, args, 0, "a number"))
}
fn pos(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(sign("pos?", args)?.is_gt()))
}
fn neg(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(sign("neg?", args)?.is_lt()))
}
fn zero(args: &[Val]) -> Result<Val> {
    Ok(Val::Boolean(sign("zero?", args)?.is_eq()))
}

fn number(function: &str, args: &[Val], index: usize) -> Result<f64> {
    to_double(&args[index]).ok_or_else(|| wrong(function, args, index, "a number"))
}
fn double(args: &[Val]) -> Result<Val> {
    finite("double", number("double", args, 0)?)
}
fn sqrt(args: &[Val]) -> Result<Val> {
    finite("sqrt", number("sqrt", args, 0)?.sqrt())
}
fn pow(args: &[Val]) -> Result<Val> {
    finite("pow", number("pow", args, 0)?.powf(number("pow", args, 1)?))
}

/// How a number becomes whole.
#[derive(Clone, Copy)]
enum Whole {
    Cut,
    Nearest,
    Down,
    Up,
}

/// A number as a decimal without a fraction. Infinities have none.
fn whole(function: &str, args: &[Val], how: Whole) -> Result<Val> {
    use bigdecimal::RoundingMode;
    let mode = match how {
        Whole::Cut => RoundingMode::Down,
        Whole::Nearest => RoundingMode::HalfUp,
        Whole::Down => RoundingMode::Floor,
        Whole::Up => RoundingMode::Ceiling,
    };
    let of_double = |x: f64| match how {
        Whole::Cut => x.trunc(),
        Whole::Nearest => x.round(),
        Whole::Down => x.floor(),
        Whole::Up => x.ceil(),
    };
    Ok(match &args[0] {
        Val::Long(_) | Val::BigInt(_) => args[0].clone(),
        Val::BigDec(x) => Val::BigDec(x.with_scale_round(0, mode)),
        Val::Double(x) => finite(function, of_double(*x))?,
        Val::Float(x) => finite(function, of_double(widen(*x)))?,
        _ => return Err(wrong(function, args, 0, "a number")),
    })
}

fn whole_big(function: &str, args: &[Val]) -> Result<BigInt> {
    match whole(function, args, Whole::Cut)? {
        Val::Long(x) => Ok(x.into()),
        Val::BigInt(x) => Ok(x),
        Val::BigDec(x) => Ok(x.with_scale(0).into_bigint_and_exponent().0),
        Val::Double(x) => num_traits::FromPrimitive::from_f64(x)
            .ok_or_else(|| Error::new(Code::Overflow, format!("({function} {}) is not finite", args[0]))),
        _ => Err(wrong(function, args, 0, "a number")),
    }
}
fn long(args: &[Val]) -> Result<Val> {
    let x = whole_big("long", args)?;
    x.to_i64().map(Val::Long).ok_or_else(|| {
        Error::new(Code::Overflow, format!("{x} is beyond a 64-bit long"))
            .hint("bigint holds whole numbers of any size")
    })
}
fn bigint(args: &[Val]) -> Result<Val> {
    whole_big("bigint", args).map(Val::BigInt)
}
fn bigdec(args: &[Val]) -> Result<Val> {
    check_number("bigdec", args, 0)?;
    match to_dec(&args[0]) {
        Some(x) => Ok(Val::BigDec(x)),
        None => {
            let x = number("bigdec", args, 0)?;
            // The one that `=` says is equal: 1.1 becomes 1.1M and not its 52 binary digits.
            Val::Double(x)
                .decimal()
                .map(Val::BigDec)
                .ok_or_else(|| Error::new(Code::Overflow, format!("(bigdec {}) is not finite", args[0])))
        }
    }
}
fn round(args: &[Val]) -> Result<Val> {
    whole("round", args, Whole::Nearest)
}
fn floor(args: &[Val]) -> Result<Val> {
    whole("floor", args, Whole::Down)
}
fn ceil(args: &[Val]) -> Result<Val> {
    whole("ceil", args, Whole::Up)
}

fn bits(function: &str, args: &[Val], op: fn(i64, i64) -> i64) -> Result<Val> {
    let mut out = None;
    for (i, v) in args.iter().enumerate() {
        let Val::Long(x) = v else {
            return Err(wrong(function, args, i, "a long"));
        };
        out = Some(out.map_or(*x, |acc| op(acc, *x)));
    }
    Ok(Val::Long(out.unwrap_or(0)))
}
fn bit_and(args: &[Val]) -> Result<Val> {
    bits("bit-and", args, |a, b| a & b)
}
fn bit_or(args: &[Val]) -> Result<Val> {
    bits("bit-or", args, |a, b| a | b)
}
fn bit_xor(args: &[Val]) -> Result<Val> {
    bits("bit-xor", args, |a, b| a ^ b)
}
