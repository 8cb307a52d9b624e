// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Intervals, such as `14d`.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Deserialize;

/// The most that a run may come early or late without being told: a scheduler starts jobs when
/// it has room for them, GitHub's by up to an hour.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(12);

/// The shortest and the longest interval: ten years.
const RANGE: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(1), SignedDuration::from_hours(24 * 3_660));

/// An interval between runs: `12h`, `1d`, `2w`. A day has 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Every(SignedDuration);

impl Every {
    /// What an interval has to be.
    pub const WANTED: &str =
        "expected an interval such as \"12h\", \"1d\" or \"2w\", from 1m to 3660d";

    /// A tenth of the interval, at most twelve hours.
    fn tolerance(self) -> SignedDuration {
        (self.0 / 10).min(TOLERANCE)
    }

    /// Whether it is time again. A run that starts somewhat earlier than the last one did is
    /// on time: otherwise a daily job that was once delayed by minutes would be skipped the
    /// next day.
    pub fn is_due(self, last: Option<Timestamp>, now: Timestamp) -> bool {
        last.is_none_or(|last| now.duration_since(last) >= self.0 - self.tolerance())
    }

    /// The moment after which it should have been done again; none beyond the end of time.
    pub fn late_after(self, last: Timestamp) -> Option<Timestamp> {
        last.checked_add(self.0.checked_add(self.tolerance())?).ok()
    }
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?}: {}", Every::WANTED);
        let span: Span = text.parse().map_err(|_| wanted())?;
        let duration =
            span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wanted())?;
        if !(RANGE.0..=RANGE.1).contains(&duration) {
            return Err(wanted());
        }
        Ok(Every(duration))
    }
}

impl TryFrom<String> for Every {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&approximate(self.0))
    }
}

/// A duration as people say it: `3d 4h`, `25min`.
pub fn approximate(duration: SignedDuration) -> String {
    let minutes = duration.as_mins().max(0);
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}min"),
        (0, _) if minutes == 0 => format!("{hours}h"),
        (0, _) => format!("{hours}h {minutes}min"),
        (_, 0) => format!("{days}d"),
        _ => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_job_that_starts_a_little_earlier_than_the_last_is_on_time() {
        let fortnightly: Every = "14d".parse().unwrap();
        let last = at("2026-03-01T03:40:00Z");
        assert!(fortnightly.is_due(None, last));
        assert!(!fortnightly.is_due(Some(last), at("2026-03-14T03:00:00Z")));
        assert!(fortnightly.is_due(Some(last), at("2026-03-15T03:00:00Z")));
        let daily: Every = "1d".parse().unwrap();
        assert!(!daily.is_due(Some(last), at("2026-03-01T09:00:00Z")));
        assert!(daily.is_due(Some(last), at("2026-03-02T02:00:00Z")));
    }

    #[test]
    fn a_job_is_late_when_its_time_is_well_past() {
        let daily: Every = "24h".parse().unwrap();
        let last = at("2026-03-01T03:00:00Z");
        assert_eq!(daily.late_after(last), Some(at("2026-03-02T05:24:00Z")));
    }

    #[test]
    fn intervals_are_said_and_read() {
        for (text, told) in [("2w", "14d"), ("36h", "1d 12h"), ("90m", "1h 30min"), ("1d", "1d")] {
            assert_eq!(text.parse::<Every>().unwrap().to_string(), told);
        }
        for wrong in ["", "14", "-1d", "0d", "1 month", "soon", "5s", "3661d"] {
            let error = wrong.parse::<Every>().unwrap_err();
            assert!(error.contains("\"12h\", \"1d\" or \"2w\""), "{error}");
        }
    }
}
