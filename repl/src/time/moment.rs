//! Moments as people write them, and the part of time that a session looks at.

use asof::datom::T;
use asof::db::{Db, TimePoint};
use asof::edn::Instant;
use asof::error::{Code, Error, Result};

/// The part of time that is looked at; all of it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// As it was then.
    pub as_of: Option<T>,
    /// Only what was asserted later.
    pub since: Option<T>,
    /// Every assertion and retraction.
    pub history: bool,
}

impl Window {
    /// That part of `db`.
    pub fn of(&self, db: Db) -> Result<Db> {
        let mut db = db;
        if let Some(t) = self.as_of {
            db = db.as_of(t)?;
        }
        if let Some(t) = self.since {
            db = db.since(t)?;
        }
        Ok(if self.history { db.history() } else { db })
    }
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A moment: a t, a transaction's entity id, a time, or a time before `now`.
pub fn moment(text: &str, now: Instant) -> Result<TimePoint> {
    let text = text.trim();
    let inner = text
        .strip_prefix("#inst")
        .map_or(text, |rest| rest.trim().trim_matches('"'));
    let number = inner.strip_prefix("t=").unwrap_or(inner);
    let point = match (relative(inner, now), number.parse::<i64>()) {
        (Some(instant), _) => Ok(TimePoint::Instant(instant)),
        (None, Ok(number)) => TimePoint::from_number(number),
        (None, Err(_)) if !inner.starts_with(|c: char| c.is_ascii_digit()) => {
            Err(Error::new(Code::InvalidTimePoint, format!("`{text}` is no moment")))
        }
        (None, Err(_)) => match apart(inner) {
            Some((day, "")) => Instant::parse(day),
            Some((day, time)) => Instant::parse(&format!("{day}T{time}")),
            None => Err(Error::new(Code::InvalidTimePoint, format!("`{text}` is no moment"))),
        }
        .map(|time| match text == inner && ends_in_seconds(inner) {
            true => TimePoint::Instant(end_of_second(time, now)),
            false => TimePoint::Instant(time),
        }),
    };
    point.map_err(|e| {
        Error::new(Code::InvalidTimePoint, e.message().to_string()).hint(
            "give a t (12), a transaction's entity id, a time (2024-05-01, 2024-05-01T12:00Z), or one before now (-1h, -2d, yesterday)",
        )
    })
}

/// A day and the time of day that may stand behind it; `None` where something else does.
fn apart(text: &str) -> Option<(&str, &str)> {
    let (day, time) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let time = time.trim_start();
    (time.is_empty() || is_time_of_day(time)).then_some((day, time))
}

/// `20:03` and the like.
fn is_time_of_day(text: &str) -> bool {
    matches!(text.as_bytes(), [h, m, b':', rest @ ..] if h.is_ascii_digit() && m.is_ascii_digit() && !rest.is_empty())
}

/// The moment that a line begins with, which may be a day and a time, and what stands behind it.
pub fn first_moment(line: &str) -> (&str, &str) {
    let word = |from: usize| {
        let rest = &line[from..];
        let start = from + rest.len() - rest.trim_start().len();
        (
            start,
            line[start..]
                .find(char::is_whitespace)
                .map_or(line.len(), |end| start + end),
        )
    };
    let (_, first) = word(0);
    let (start, second) = word(first);
    let is_day = line.trim_start().starts_with(|c: char| c.is_ascii_digit()) && line[..first].contains('-');
    let end = match is_day && is_time_of_day(&line[start..second]) {
        true => second,
        false => first,
    };
    (line[..end].trim(), line[end..].trim_start())
}

/// Whether a time is written to the second, and no further.
fn ends_in_seconds(text: &str) -> bool {
    let time = text.get(10..).unwrap_or_default();
    let time = time.split(['Z', '+', '-']).next().unwrap_or_default();
    time.matches(':').count() == 2 && !time.contains('.')
}

/// Where the second ends that begins at `time`, but not after `now`: times are shown cut to seconds, and what happened in that
/// second is meant to be seen.
fn end_of_second(time: Instant, now: Instant) -> Instant {
    match time.0 <= now.0 {
        true => Instant((time.0 + SECOND - 1).min(now.0)),
        false => time,
    }
}

/// Whether what stands where a moment or an entity may stand is to be a moment: no ident, lookup ref or entity id.
pub fn is_moment(text: &str) -> bool {
    let is_entity_id = |text: &str| {
        text.parse()
            .is_ok_and(|n: i64| n > 0 && TimePoint::from_number(n).is_err())
    };
    !text.starts_with([':', '[']) && !is_entity_id(text)
}

/// The t that `point` means in `db`. One that is not there yet is nearly always a year or a typo.
pub fn reached(db: &Db, point: TimePoint) -> Result<T> {
    let (t, newest) = (db.t_of(point)?, db.basis_t());
    if t <= newest {
        return Ok(t);
    }
    let mut hint = format!("the newest transaction is t {newest}");
    if (1900..2200).contains(&t) {
        hint.push_str(&format!("; the beginning of the year {t} is written {t}-01-01"));
    }
    Err(Error::new(Code::InvalidTimePoint, format!("t {t} is not there yet")).hint(hint))
}

/// `-90s`, `-30m`, `-1h`, `-2d`, `-1w`, `yesterday`, `today` (as the day began, in UTC) and `now`.
fn relative(text: &str, now: Instant) -> Option<Instant> {
    match text {
        "now" => return Some(now),
        "today" => return Some(Instant(now.0 - now.0.rem_euclid(DAY))),
        "yesterday" => return Some(Instant(now.0 - DAY)),
        _ => {}
    }
    let rest = text.strip_prefix('-')?;
    let unit = match rest.chars().last()? {
        's' => SECOND,
        'm' => 60 * SECOND,
        'h' => 3600 * SECOND,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return None,
    };
    let count: i64 = rest[..rest.len() - 1].parse().ok()?;
    Some(Instant(
        now.0.saturating_sub(count.checked_mul(unit)?).max(Instant::MIN.0),
    ))
}

/// A time for people: the day, and the time of day when it is not midnight. What is within a second has that second, so that
/// [`moment`] reads it as the end of it.
pub fn when(instant: Instant) -> String {
    let text = instant.to_string();
    if instant.0.rem_euclid(SECOND) != 0
        && let (Some(day), Some(time)) = (text.get(..10), text.get(11..19))
    {
        return format!("{day} {time}");
    }
    match (text.get(..10), text.get(11..16), text.get(17..19)) {
        (Some(day), Some("00:00"), Some("00")) => day.to_string(),
        (Some(day), Some(time), Some("00")) => format!("{day} {time}"),
        (Some(day), Some(time), Some(seconds)) => format!("{day} {time}:{seconds}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let now = Instant::parse("2024-05-02T12:00").expect("a time");
        let at = |text: &str| match moment(text, now) {
            Ok(TimePoint::Instant(i)) => when(i),
            Ok(other) => format!("{other:?}"),
            Err(e) => panic!("{text}: {e}"),
        };
        assert_eq!(at("12"), "T(12)");
        assert_eq!(at("t=12"), "T(12)");
        assert_eq!(at("2024-05-01"), "2024-05-01");
        assert_eq!(at("#inst \"2024-05-01T10:30\""), "2024-05-01 10:30");
        assert_eq!(at("-1h"), "2024-05-02 11:00");
        assert_eq!(at("-90s"), "2024-05-02 11:58:30");
        assert_eq!(at("-1w"), "2024-04-25 12:00");
        assert_eq!(at("yesterday"), "2024-05-01 12:00");
        assert_eq!(at("today"), "2024-05-02");
        for (text, moment) in [
            ("2024", true),
            ("-1d", true),
            ("x", true),
            ("[:a 1]", false),
            (":a", false),
            ("17592186045416", false),
        ] {
            assert_eq!(is_moment(text), moment, "{text}");
        }
        // What is shown is read as that moment.
        let exactly = |text: &str| match moment(text, now) {
            Ok(TimePoint::Instant(i)) => i.to_string(),
            other => panic!("{text}: {other:?}"),
        };
        let shown = when(Instant::parse("2024-05-01T00:00:00.25").expect("a time"));
        assert_eq!(shown, "2024-05-01 00:00:00");
        assert_eq!(exactly(&shown), "2024-05-01T00:00:00.999999Z");
        assert_eq!(exactly("2024-05-01T02:00:00+02:00"), "2024-05-01T00:00:00.999999Z");
        assert_eq!(exactly("2024-05-01 00:00:00.25"), "2024-05-01T00:00:00.250Z");
        assert_eq!(exactly("2024-05-01 10:30"), "2024-05-01T10:30:00.000Z");
        assert_eq!(exactly("#inst \"2024-05-01T00:00:00\""), "2024-05-01T00:00:00.000Z");
        assert_eq!(
            exactly("2024-05-02T12:00:00"),
            "2024-05-02T12:00:00.000Z",
            "never after now"
        );
        for (line, first, rest) in [
            ("2024-05-01 20:03:59 now", "2024-05-01 20:03:59", "now"),
            ("3 2024-05-01  [:a 1]", "3", "2024-05-01  [:a 1]"),
            ("2024-05-01", "2024-05-01", ""),
            ("", "", ""),
        ] {
            assert_eq!(first_moment(line), (first, rest));
        }
        let e = moment("3 extra", now).expect_err("more than a moment").to_string();
        assert!(e.contains("`3 extra` is no moment"), "{e}");
        for text in ["", "-1", "-h", "-é", "-99999999999999999w", "tomorrow", "2024-05-01 x"] {
            assert!(moment(text, now).is_err(), "{text}");
        }
    }
}
