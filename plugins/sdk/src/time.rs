// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Days and moments, in UTC and without a clock: now is [`Context::now`](crate::Context).

use jiff::civil::date;
use jiff::tz::Offset;

use crate::{Date, Timestamp};

const EPOCH: Date = date(1970, 1, 1);
const SECONDS_PER_DAY: i64 = 86_400;

/// Reads an RFC 3339 time such as `2026-03-01T06:00:00Z`; for serde fields `Timestamp` itself
/// does.
///
/// # Errors
///
/// What is wrong with the text.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse()
}

/// A moment from seconds since the epoch, if the calendar holds it.
pub fn from_epoch_seconds(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
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
            .ok_or_else(|| E::custom(format!("{seconds} seconds since 1970 is no moment")))
    }

    /// The same for what may be null; with `#[serde(default)]` it may be absent too.
    pub mod option {
        use super::{Deserialize, Deserializer, Timestamp, moment};

        /// Reads a number of seconds, or null.
        ///
        /// # Errors
        ///
        /// When it is no number, or no moment that the calendar holds.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            Option::<i64>::deserialize(deserializer)?.map(moment).transpose()
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
}
