// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Days and moments, in UTC and without a clock: now is [`Context::now`](crate::Context).
//!
//! A row holds days and moments of the years 1000 to 9999. A [`Timestamp`] ends 26 hours before
//! the year 9999 does, so a later moment of that year is read as [`MAX`]. Services that have no
//! word for "no time" write one of the year 1 or 9999 instead: what may be null reads these as
//! null here ([`optional`], [`epoch_seconds::option`]). The host does the same with the years 0
//! and 1, and keeps the year 9999, which a column may hold.

use jiff::civil::date;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

use crate::{Date, Timestamp};

const EPOCH: Date = date(1970, 1, 1);
const SECONDS_PER_DAY: i64 = 86_400;

/// The last moment that there is.
pub const MAX: Timestamp = Timestamp::MAX;

/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// Reads an RFC 3339 time such as `2026-03-01T06:00:00Z`; for serde fields `Timestamp` itself
/// does, or [`optional`] for one that may be null.
///
/// # Errors
///
/// What is wrong with the text.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse().or_else(|error| {
        let is_last_day = Pieces::parse(text).is_ok_and(|pieces| {
            pieces.offset().is_some() && pieces.time().is_some() && pieces.date() >= LAST_DAY
        });
        if is_last_day { Ok(MAX) } else { Err(error) }
    })
}

/// The day on which [`MAX`] is.
const LAST_DAY: Date = date(9999, 12, 30);

/// A moment from seconds since the epoch, if the calendar holds it.
pub fn from_epoch_seconds(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok().or((0..=LAST_SECOND).contains(&seconds).then_some(MAX))
}

/// Whether a moment stands for "no time": one of the year 1 or before, or of the year 9999.
pub fn is_placeholder(moment: Timestamp) -> bool {
    !(2..9999).contains(&day_of(moment).year())
}

/// For serde: an RFC 3339 time that may be null, `#[serde(default, with = "time::optional")]`.
/// A placeholder for "no time" is null, too.
pub mod optional {
    use serde::{Deserialize, Deserializer, de::Error};

    use crate::Timestamp;

    /// Reads a time, or null.
    ///
    /// # Errors
    ///
    /// When it is no time.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let moment = super::parse_rfc3339(&text).map_err(D::Error::custom)?;
        Ok(Some(moment).filter(|moment| !super::is_placeholder(*moment)))
    }
}

/// For serde: seconds since the epoch as a moment, `#[serde(with = "epoch_seconds")]`.
pub mod epoch_seconds {
    use serde::{Deserialize, Deserializer, de::Error};

    use crate::Timestamp;

    /// Reads a number of seconds.
    ///
    /// # Errors
    ///
    /// When it is no number, or no moment that the calendar holds.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        moment(i64::deserialize(deserializer)?)
    }

    fn moment<E: Error>(seconds: i64) -> Result<Timestamp, E> {
        super::from_epoch_seconds(seconds)
            .ok_or_else(|| E::custom(format!("{seconds} seconds since 1970 is not a valid time")))
    }

    /// The same for what may be null; with `#[serde(default)]` it may be absent too.
    pub mod option {
        use super::{Deserialize, Deserializer, Timestamp, moment};

        /// Reads a number of seconds, or null. A placeholder for "no time" is null, too.
        ///
        /// # Errors
        ///
        /// When it is no number, or no moment that the calendar holds.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let moment = Option::<i64>::deserialize(deserializer)?.map(moment).transpose()?;
            Ok(moment.filter(|moment| !crate::time::is_placeholder(*moment)))
        }
    }
}

/// The day, in UTC, that a moment falls on.
pub fn day_of(moment: Timestamp) -> Date {
    Offset::UTC.to_datetime(moment).date()
}

/// The first moment of a day, in UTC. Days before or after what a moment can express give the
/// nearest moment that can be.
pub fn start_of(day: Date) -> Timestamp {
    Timestamp::from_second(i64::from(days_since_epoch(day)) * SECONDS_PER_DAY)
        .unwrap_or(if day < EPOCH { Timestamp::MIN } else { Timestamp::MAX })
}

/// Days since 1970-01-01.
pub fn days_since_epoch(day: Date) -> i32 {
    // The calendar goes from the year -9999 to 9999, which is less than 2^23 days.
    i32::try_from(day.duration_since(EPOCH).as_secs() / SECONDS_PER_DAY).unwrap_or(i32::MAX)
}

/// Seconds from one moment to another. None where one is not known, and where the end is before
/// the begin: services fill in times of what never ran, and their machines' clocks differ. A
/// negative duration would be added to every sum and average over it.
pub fn seconds_between(begin: Option<Timestamp>, end: Option<Timestamp>) -> Option<f64> {
    // Divided once, so that 1.398 seconds are the number nearest to 1.398.
    let seconds = (end?.as_microsecond() - begin?.as_microsecond()) as f64 / 1_000_000.0;
    (seconds >= 0.0).then_some(seconds)
}

/// Every day from `first` to `last`, both included; none when `last` is before `first`.
pub fn days(first: Date, last: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(first), |day| day.tomorrow().ok())
        .take_while(move |day| *day <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_moment_falls_on_its_day_in_utc() {
        assert_eq!(day_of(moment("2026-02-28T23:59:59.999999Z")), date(2026, 2, 28));
        assert_eq!(day_of(moment("2026-03-01T00:30:00+01:00")), date(2026, 2, 28));
        assert_eq!(day_of(moment("1969-12-31T23:59:59Z")), date(1969, 12, 31));
    }

    #[test]
    fn a_day_begins_at_its_midnight() {
        assert_eq!(start_of(date(2026, 3, 1)), moment("2026-03-01T00:00:00Z"));
        assert_eq!(start_of(date(1969, 12, 31)).as_second(), -86_400);
        assert_eq!(days_since_epoch(date(1970, 1, 2)), 1);
        assert_eq!(days_since_epoch(date(9999, 12, 31)), 2_932_896);
        assert_eq!(start_of(Date::MIN), Timestamp::MIN);
    }

    #[test]
    fn a_duration_is_never_negative() {
        let [early, late] = ["2026-03-01T06:00:00Z", "2026-03-01T06:00:01.398Z"].map(moment);
        assert_eq!(seconds_between(Some(early), Some(late)), Some(1.398));
        assert_eq!(seconds_between(Some(early), Some(early)), Some(0.0));
        assert_eq!(seconds_between(Some(late), Some(early)), None);
        assert_eq!(seconds_between(None, Some(late)), None);
        assert_eq!(seconds_between(Some(early), None), None);
    }

    #[test]
    fn days_go_over_the_end_of_a_month_and_of_the_calendar() {
        let days_of =
            |first, last| days(first, last).map(|day| day.to_string()).collect::<Vec<_>>();
        assert_eq!(
            days_of(date(2024, 2, 28), date(2024, 3, 1)),
            ["2024-02-28", "2024-02-29", "2024-03-01"]
        );
        assert!(days_of(date(2024, 2, 2), date(2024, 2, 1)).is_empty());
        assert_eq!(days_of(Date::MAX, Date::MAX), ["9999-12-31"]);
    }

    #[test]
    fn epoch_seconds_are_read_by_serde() {
        #[derive(serde::Deserialize)]
        struct Run {
            #[serde(with = "epoch_seconds")]
            created_on: Timestamp,
            #[serde(default, with = "epoch_seconds::option")]
            completed_on: Option<Timestamp>,
        }
        let run: Run = serde_json::from_str(r#"{"created_on":0}"#).unwrap();
        assert_eq!((run.created_on, run.completed_on), (Timestamp::UNIX_EPOCH, None));
        let run: Run = serde_json::from_str(r#"{"created_on":1,"completed_on":2}"#).unwrap();
        assert_eq!(run.completed_on.map(|moment| moment.as_second()), Some(2));
        assert!(serde_json::from_str::<Run>(r#"{"created_on":99999999999999}"#).is_err());
    }

    #[test]
    fn the_calendar_ends_with_the_year_9999() {
        for text in
            ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999+00:00", "9999-12-30T23:00:00Z"]
        {
            assert_eq!(moment(text), MAX, "{text}");
        }
        for text in ["9999-12-31", "9999-12-31T23:59:59", "9999-12-32T00:00:00Z", "soon"] {
            assert!(parse_rfc3339(text).is_err(), "{text}");
        }
        assert_eq!(from_epoch_seconds(LAST_SECOND), Some(MAX));
        assert_eq!(from_epoch_seconds(LAST_SECOND + 1), None);
        assert_eq!(from_epoch_seconds(i64::MIN), None);
    }

    #[test]
    fn a_placeholder_for_no_time_is_null() {
        #[derive(serde::Deserialize)]
        struct Step {
            #[serde(default, with = "optional")]
            ended_at: Option<Timestamp>,
            #[serde(default, with = "epoch_seconds::option")]
            ended_on: Option<Timestamp>,
        }
        let step = |text: &str| serde_json::from_str::<Step>(text);
        for none in [
            "{}",
            r#"{"ended_at": null, "ended_on": null}"#,
            r#"{"ended_at": "0001-01-01T00:00:00Z", "ended_on": -62135596800}"#,
            r#"{"ended_at": "9999-12-31T23:59:59Z", "ended_on": 253402300799}"#,
        ] {
            let Step { ended_at, ended_on } = step(none).unwrap();
            assert_eq!((ended_at, ended_on), (None, None), "{none}");
        }
        let real = step(r#"{"ended_at": "2026-03-01T00:00:00Z", "ended_on": 0}"#).unwrap();
        assert_eq!(real.ended_at, Some(moment("2026-03-01T00:00:00Z")));
        assert_eq!(real.ended_on, Some(Timestamp::UNIX_EPOCH));
        assert!(step(r#"{"ended_at": "soon"}"#).is_err());
    }
}
