//! Instants: their parts, the time between two, moving and cutting off. All in UTC; the namespace is `asof.time`.
//!
//! ```text
//! (year ?i) (month ?i) (day ?i) (hour ?i) (minute ?i) (second ?i) (millisecond ?i) (microsecond ?i)
//! (day-of-week ?i)  1 = Monday ... 7 = Sunday      (day-of-year ?i)      (week ?i)  ISO week
//! (days-between ?from ?to)  whole days, cut off toward zero; also weeks hours minutes seconds millis micros
//! (plus-days ?i 3)          also years months weeks hours minutes seconds millis micros; negative goes back
//! (truncate ?i :day)        the beginning of its day; also :year :month :week :hour :minute :second :millisecond
//! (inst-ms ?i) (inst-us ?i) since 1970             (instant-ms 0) (instant-us 0) and back
//! (parse-instant "2024-05-01") (instant 2024 5 1)  from a text (nil when it is none), from parts
//! ```

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Timelike, Utc};

use super::{Function, functions, wrong};
use crate::datom::Val;
use crate::edn::Instant;
use crate::error::{Code, Error, Result};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

macro_rules! part {
    ($name:literal, $f:expr) => {
        |args: &[Val]| {
            let get: fn(DateTime<Utc>) -> u32 = $f;
            Ok(Val::Long(i64::from(get(moment($name, args)?))))
        }
    };
}
macro_rules! between {
    ($name:literal, $unit:expr) => {
        |args: &[Val]| {
            let (from, to) = (micros($name, args, 0)?, micros($name, args, 1)?);
            // Instants lie within the years 0 to 9999, far from the ends of 64 bits; other numbers saturate.
            Ok(Val::Long(to.saturating_sub(from) / $unit))
        }
    };
}
macro_rules! plus {
    ($name:literal, $unit:expr) => {
        |args: &[Val]| {
            let (i, n) = (micros($name, args, 0)?, amount($name, args)?);
            let moved = n.checked_mul($unit).and_then(|d| i.checked_add(d));
            made($name, args, moved)
        }
    };
}

pub(super) const CORE: &[Function] = functions! { "clojure.core":
    "inst-ms" (1) function |args| Ok(Val::Long(micros("inst-ms", args, 0)?.div_euclid(1000))), "Milliseconds since 1970.";
};

pub(super) const FUNCTIONS: &[Function] = functions! { "asof.time":
    "inst-us" (1) function |args| Ok(Val::Long(micros("inst-us", args, 0)?)), "Microseconds since 1970.";
    "instant-ms" (1) function |args| of_number("instant-ms", args, 1000), "The instant so many milliseconds after 1970.";
    "instant-us" (1) function |args| of_number("instant-us", args, 1), "The instant so many microseconds after 1970.";
    "instant" (1 .. 6) function instant, "The instant of a year, month, day, hour, minute and second.";
    "parse-instant" (1) function parse_instant, "The instant that a text is, as #inst reads it; nil when it is none.";
    "year" (1) function |args| Ok(Val::Long(i64::from(moment("year", args)?.year()))), "The year of an instant.";
    "month" (1) function part!("month", |d| d.month()), "The month of an instant, 1 to 12.";
    "day" (1) function part!("day", |d| d.day()), "The day of the month, from 1.";
    "hour" (1) function part!("hour", |d| d.hour()), "The hour of the day, 0 to 23.";
    "minute" (1) function part!("minute", |d| d.minute()), "The minute of the hour.";
    "second" (1) function second, "The second of the minute; of a collection the second element.";
    "millisecond" (1) function part!("millisecond", |d| d.timestamp_subsec_millis()), "The millisecond of the second.";
    "microsecond" (1) function part!("microsecond", |d| d.timestamp_subsec_micros()), "The microsecond of the second.";
    "day-of-week" (1) function part!("day-of-week", |d| d.weekday().number_from_monday()), "1 for Monday to 7 for Sunday.";
    "day-of-year" (1) function part!("day-of-year", |d| d.ordinal()), "The day of the year, from 1.";
    "week" (1) function part!("week", |d| d.iso_week().week()), "The ISO week of the year, from 1.";
    "weeks-between" (2) function between!("weeks-between", WEEK), "Whole weeks from the first instant to the second.";
    "days-between" (2) function between!("days-between", DAY), "Whole days from the first instant to the second.";
    "hours-between" (2) function between!("hours-between", HOUR), "Whole hours from the first instant to the second.";
    "minutes-between" (2) function between!("minutes-between", MINUTE), "Whole minutes from the first instant to the second.";
    "seconds-between" (2) function between!("seconds-between", SECOND), "Whole seconds from the first instant to the second.";
    "millis-between" (2) function between!("millis-between", 1000), "Milliseconds from the first instant to the second.";
    "micros-between" (2) function between!("micros-between", 1), "Microseconds from the first instant to the second.";
    "plus-years" (2) function plus_years, "An instant some years later; February 29 may become 28.";
    "plus-months" (2) function plus_months, "An instant some months later, at most the last day of its month.";
    "plus-weeks" (2) function plus!("plus-weeks", WEEK), "An instant some weeks later.";
    "plus-days" (2) function plus!("plus-days", DAY), "An instant some days later.";
    "plus-hours" (2) function plus!("plus-hours", HOUR), "An instant some hours later.";
    "plus-minutes" (2) function plus!("plus-minutes", MINUTE), "An instant some minutes later.";
    "plus-seconds" (2) function plus!("plus-seconds", SECOND), "An instant some seconds later.";
    "plus-millis" (2) function plus!("plus-millis", 1000), "An instant some milliseconds later.";
    "plus-micros" (2) function plus!("plus-micros", 1), "An instant some microseconds later.";
    "truncate" (2) function truncate, "The beginning of the unit an instant lies in, such as :day.";
};

fn micros(function: &str, args: &[Val], index: usize) -> Result<i64> {
    match &args[index] {
        Val::Instant(Instant(us)) => Ok(*us),
        _ => Err(wrong(function, args, index, "an instant")),
    }
}
fn amount(function: &str, args: &[Val]) -> Result<i64> {
    match &args[1] {
        Val::Long(n) => Ok(*n),
        _ => Err(wrong(function, args, 1, "a whole number")),
    }
}

fn outside(function: &str, args: &[Val]) -> Error {
    let shown: String = args.iter().map(|v| format!(" {v}")).collect();
    Error::new(
        Code::FunctionFailed,
        format!("({function}{shown}) is outside the years 0000 to 9999"),
    )
}
fn made(function: &str, args: &[Val], us: Option<i64>) -> Result<Val> {
    us.map(Instant)
        .filter(|i| (Instant::MIN..=Instant::MAX).contains(i))
        .map(Val::Instant)
        .ok_or_else(|| outside(function, args))
}
fn moment(function: &str, args: &[Val]) -> Result<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros(function, args, 0)?).ok_or_else(|| outside(function, args))
}

fn of_number(function: &str, args: &[Val], unit: i64) -> Result<Val> {
    match &args[0] {
        Val::Long(n) => made(function, args, n.checked_mul(unit)),
        _ => Err(wrong(function, args, 0, "a whole number")),
    }
}

/// Bare `second` has two meanings in the languages this one comes from.
fn second(args: &[Val]) -> Result<Val> {
    match &args[0] {
        Val::Instant(_) => Ok(Val::Long(i64::from(moment("second", args)?.second()))),
        v => match v.items() {
            Some(items) => Ok(items.get(1).cloned().unwrap_or(Val::Nil)),
            None => Err(wrong("second", args, 0, "an instant or a collection")),
        },
    }
}

fn instant(args: &[Val]) -> Result<Val> {
    let mut parts = [1970, 1, 1, 0, 0, 0];
    for (i, v) in args.iter().enumerate() {
        match v {
            Val::Long(n) => parts[i] = *n,
            _ => return Err(wrong("instant", args, i, "a whole number")),
        }
    }
    let part = |i: usize| u32::try_from(parts[i]).unwrap_or(u32::MAX);
    let date = i32::try_from(parts[0])
        .ok()
        .and_then(|year| NaiveDate::from_ymd_opt(year, part(1), part(2)));
    let us = date
        .and_then(|d| d.and_hms_opt(part(3), part(4), part(5)))
        .map(|d| d.and_utc().timestamp_micros());
    made("instant", args, us).map_err(|_| {
        let shown: String = args.iter().map(|v| format!(" {v}")).collect();
        Error::new(
            Code::FunctionFailed,
            format!("(instant{shown}) is no date of the years 0000 to 9999"),
        )
    })
}

fn parse_instant(args: &[Val]) -> Result<Val> {
    let Val::String(s) = &args[0] else {
        return Err(wrong("parse-instant", args, 0, "a string"));
    };
    Ok(Instant::parse(s.trim()).map_or(Val::Nil, Val::Instant))
}

fn plus_calendar(function: &str, args: &[Val], months: i64) -> Result<Val> {
    let d = moment(function, args)?;
    let n = amount(function, args)?
        .checked_mul(months)
        .filter(|n| n.unsigned_abs() <= u64::from(u32::MAX))
        .ok_or_else(|| outside(function, args))?;
    let by = Months::new(n.unsigned_abs() as u32);
    let moved = if n < 0 {
        d.checked_sub_months(by)
    } else {
        d.checked_add_months(by)
    };
    made(function, args, moved.map(|d| d.timestamp_micros()))
}
fn plus_years(args: &[Val]) -> Result<Val> {
    plus_calendar("plus-years", args, 12)
}
fn plus_months(args: &[Val]) -> Result<Val> {
    plus_calendar("plus-months", args, 1)
}

fn truncate(args: &[Val]) -> Result<Val> {
    let us = micros("truncate", args, 0)?;
    let Val::Keyword(unit) = &args[1] else {
        return Err(wrong("truncate", args, 1, "a unit such as :day"));
    };
    let to = |unit: i64| Some(us - us.rem_euclid(unit));
    let date = moment("truncate", args)?.date_naive();
    let start = |d: Option<NaiveDate>| d.map(|d| d.and_time(NaiveTime::MIN).and_utc().timestamp_micros());
    let cut = match (unit.ns(), unit.name()) {
        (None, "millisecond") => to(1000),
        (None, "second") => to(SECOND),
        (None, "minute") => to(MINUTE),
        (None, "hour") => to(HOUR),
        (None, "day") => to(DAY),
        (None, "week") => start(date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday())))),
        (None, "month") => start(date.with_day(1)),
        (None, "year") => start(date.with_ordinal(1)),
        _ => {
            return Err(wrong("truncate", args, 1, "a unit")
                .hint("units are :year :month :week :day :hour :minute :second :millisecond"));
        }
    };
    made("truncate", args, cut)
}
