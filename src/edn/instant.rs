//! Moments in time, to the microsecond, in UTC.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

use crate::error::{Code, Error, Result};

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// The first moment of year 0000, the earliest that text can give.
    pub const MIN: Instant = Instant(-62_167_219_200_000_000);
    /// The last microsecond of year 9999.
    pub const MAX: Instant = Instant(253_402_300_799_999_999);

    /// Reads an RFC 3339 date and time; parts may be left out from the right as in Clojure (`2024`, `2024-01`,
    /// `2024-01-31T12`), an absent offset is UTC, and any offset is taken into account and forgotten.
    ///
    /// ```
    /// use asof::edn::Instant;
    /// let noon = Instant::parse("2024-01-31T13:00+01:00").unwrap();
    /// assert_eq!(noon.to_string(), "2024-01-31T12:00:00.000Z");
    /// ```
    pub fn parse(text: &str) -> Result<Instant> {
        let shown = super::atoms::shown(text);
        let micros = Parts::of(text)
            .and_then(|parts| parts.micros())
            .map_err(|why| {
                Error::new(Code::InvalidInstant, format!("{shown} is not an instant: {why}"))
                    .hint("write RFC 3339, from the left as far as needed: \"2024\", \"2024-01-31\", \"2024-01-31T12:30:00.000Z\", \"2024-01-31T12:30+02:00\"")
            })?;
        let instant = Instant(micros);
        match (Instant::MIN..=Instant::MAX).contains(&instant) {
            true => Ok(instant),
            false => Err(Error::new(
                Code::InvalidInstant,
                format!("{shown} lies outside the years 0000 to 9999 once its offset is taken into account"),
            )),
        }
    }

    /// From milliseconds since 1970-01-01T00:00:00Z.
    pub fn from_millis(millis: i64) -> Instant {
        Instant(millis.saturating_mul(1000))
    }
    /// Milliseconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn to_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub fn from_micros(micros: i64) -> Instant {
        Instant(micros)
    }
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub fn to_micros(self) -> i64 {
        self.0
    }
    /// As a chrono time. Moments that chrono cannot hold, some 260,000 years away, become its nearest.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(match self.0 < 0 {
            true => DateTime::<Utc>::MIN_UTC,
            false => DateTime::<Utc>::MAX_UTC,
        })
    }
    /// From a chrono time, which must be in the years 0000 to 9999 and whole microseconds.
    pub fn from_chrono(time: DateTime<Utc>) -> Result<Instant> {
        let refused = |why: &str| {
            Err(Error::new(
                Code::InvalidInstant,
                format!("{time} is not an instant: {why}"),
            ))
        };
        if !time.timestamp_subsec_nanos().is_multiple_of(1000) {
            return refused("it is finer than a microsecond");
        }
        match Instant(time.timestamp_micros()) {
            instant if (Instant::MIN..=Instant::MAX).contains(&instant) => Ok(instant),
            _ => refused("its year is outside 0000 to 9999"),
        }
    }
}

impl std::str::FromStr for Instant {
    type Err = Error;
    fn from_str(text: &str) -> Result<Instant> {
        Instant::parse(text)
    }
}

/// RFC 3339 in UTC with milliseconds, or microseconds when there are any.
impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.to_chrono();
        let (year, month, day) = (time.year(), time.month(), time.day());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        let micros = self.0.rem_euclid(1_000_000);
        match micros % 1000 {
            0 => write!(f, "{:03}Z", micros / 1000),
            _ => write!(f, "{micros:06}Z"),
        }
    }
}

/// The fields as written.
struct Parts {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
    /// Minutes east of UTC.
    offset: i32,
}

/// What is wrong, as the end of a sentence.
type Why = String;

impl Parts {
    fn of(text: &str) -> Result<Parts, Why> {
        let mut rest = text;
        let year = digits(&mut rest, 4, "year")?;
        let mut parts = Parts {
            year,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            offset: 0,
        };
        // An offset begins with `-` as a month does, but has a colon: `2024-05:00`.
        if !is_offset(rest) && skip(&mut rest, "-") {
            parts.month = digits(&mut rest, 2, "month")?;
            if !is_offset(rest) && skip(&mut rest, "-") {
                parts.day = digits(&mut rest, 2, "day")?;
                if skip(&mut rest, "T") {
                    parts.clock(&mut rest)?;
                }
            }
        }
        parts.zone(&mut rest)?;
        match rest {
            "" => Ok(parts),
            _ if rest.starts_with([' ', 't']) => Err("date and time are joined by a capital `T`".into()),
            _ => Err(format!("{} cannot stand at its end", super::atoms::shown(rest))),
        }
    }

    fn clock(&mut self, rest: &mut &str) -> Result<(), Why> {
        self.hour = digits(rest, 2, "hour")?;
        if !skip(rest, ":") {
            return Ok(());
        }
        self.minute = digits(rest, 2, "minute")?;
        if !skip(rest, ":") {
            return Ok(());
        }
        self.second = digits(rest, 2, "second")?;
        if !skip(rest, ".") {
            return Ok(());
        }
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return Err("expected digits after the point of the seconds".into());
        }
        let (fraction, after) = rest.split_at(length);
        *rest = after;
        if fraction.bytes().skip(6).any(|b| b != b'0') {
            return Err("it is finer than a microsecond, the finest that asof stores".into());
        }
        self.micros = fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(6)
            .fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        Ok(())
    }

    fn zone(&mut self, rest: &mut &str) -> Result<(), Why> {
        if skip(rest, "Z") || !is_offset(rest) {
            return Ok(());
        }
        let sign = if rest.starts_with('-') { -1 } else { 1 };
        *rest = &rest[1..];
        let hours = digits(rest, 2, "offset's hour")?;
        skip(rest, ":");
        let minutes = digits(rest, 2, "offset's minute")?;
        if hours > 23 || minutes > 59 {
            return Err("an offset is at most 23:59".into());
        }
        self.offset = sign * (hours * 60 + minutes) as i32;
        Ok(())
    }

    fn micros(&self) -> Result<i64, Why> {
        let limits = [
            ("month", self.month, 1, 12),
            ("hour", self.hour, 0, 23),
            ("minute", self.minute, 0, 59),
            // A leap second is the last of its minute; it is counted as the first of the next.
            ("second", self.second, 0, if self.minute == 59 { 60 } else { 59 }),
        ];
        for (what, value, from, to) in limits {
            if !(from..=to).contains(&value) {
                return Err(format!("the {what} is {from:02} to {to:02}, not {value:02}"));
            }
        }
        let date = NaiveDate::from_ymd_opt(self.year as i32, self.month, self.day)
            .ok_or_else(|| format!("{:04}-{:02} has no day {:02}", self.year, self.month, self.day))?;
        let days = i64::from(date.num_days_from_ce()) - 719_163;
        let minutes = days * 1440 + i64::from(self.hour) * 60 + i64::from(self.minute) - i64::from(self.offset);
        Ok((minutes * 60 + i64::from(self.second)) * 1_000_000 + i64::from(self.micros))
    }
}

fn digits(rest: &mut &str, count: usize, what: &str) -> Result<u32, Why> {
    let found = rest.bytes().take_while(u8::is_ascii_digit).count();
    if found != count {
        return Err(format!("the {what} has {count} digits"));
    }
    let (digits, after) = rest.split_at(count);
    *rest = after;
    Ok(digits.bytes().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
}

fn skip(rest: &mut &str, prefix: &str) -> bool {
    match rest.strip_prefix(prefix) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

/// Whether `rest` begins with `+hh:mm` or `-hh:mm`.
fn is_offset(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    matches!(bytes.first(), Some(b'+')) || matches!(bytes, [b'-', _, _, b':', ..])
}
