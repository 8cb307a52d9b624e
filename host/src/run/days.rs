// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The days that a run is asked to read.

use jiff::civil::Date;
use test_dashboard_egress::Window;

use crate::usage_error::UsageError;

/// The days that a run looks at; by default all of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Days {
    /// How many days to look back.
    pub num_days: Option<u32>,
    /// The first day to look at (UTC).
    pub since: Option<Date>,
    /// The last day to look at (UTC), included.
    pub until: Option<Date>,
}

impl Days {
    /// The flags that name them.
    pub fn flags(&self) -> String {
        let mut flags = String::new();
        if let Some(days) = self.num_days {
            flags += &format!(" --num-days {days}");
        }
        for (name, day) in [("since", self.since), ("until", self.until)] {
            if let Some(day) = day {
                flags += &format!(" --{name} {day}");
            }
        }
        flags
    }

    /// Whether any were named.
    pub fn are_named(&self) -> bool {
        self.num_days.is_some() || self.since.is_some() || self.until.is_some()
    }

    /// The window that they mean, in whole days, UTC.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no day in it, or none that can be looked at.
    pub fn window(&self, now: jiff::Timestamp) -> Result<Window, UsageError> {
        let midnight = |day: jiff::civil::Date| {
            day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|error| {
                UsageError::new(format!("{day} is not a day that can be read: {error}"))
            })
        };
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let since =
            match (self.since, self.num_days) {
                (Some(day), _) if day > today => {
                    return Err(UsageError::new(format!(
                        "--since {day} is after today, {today} (UTC): there is nothing to read yet"
                    )));
                }
                (Some(day), _) => Some(day),
                (None, Some(days)) => {
                    let span = jiff::Span::new().try_days(i64::from(days));
                    let day = span.and_then(|span| today.checked_sub(span));
                    Some(day.map_err(|_| {
                        UsageError::new(format!("--num-days {days} goes back too far"))
                    })?)
                }
                (None, None) => None,
            };
        let after = match self.until {
            Some(day) => Some(day.tomorrow().map_err(|error| UsageError::new(error.to_string()))?),
            None => None,
        };
        if let (Some(since), Some(after)) = (since, after)
            && since >= after
        {
            let begins = match (self.since, self.num_days) {
                (None, Some(days)) => format!("{since}, where --num-days {days} begins"),
                _ => format!("--since {since}"),
            };
            let until = self.until.map(|day| day.to_string()).unwrap_or_default();
            return Err(UsageError::new(format!(
                "--until {until} is before {begins}: there is no day to read"
            )));
        }
        Ok(Window {
            since: since.map(midnight).transpose()?,
            until: after.map(midnight).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Result<(Option<String>, Option<String>), String>;

    fn window_of(since: &str, until: &str, num_days: Option<u32>) -> Told {
        let days = Days { num_days, since: since.parse().ok(), until: until.parse().ok() };
        let now = "2026-03-10T06:00:00Z".parse().unwrap();
        let window = days.window(now).map_err(|error| error.to_string())?;
        let text = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
        Ok((text(window.since), text(window.until)))
    }

    fn moment(text: &str) -> Option<String> {
        Some(text.to_string())
    }

    #[test]
    fn days_are_whole_days_in_utc() {
        assert_eq!(window_of("", "", None).unwrap(), (None, None));
        let month = window_of("", "", Some(30)).unwrap();
        assert_eq!(month, (moment("2026-02-08T00:00:00Z"), None));
        let day = window_of("2026-03-01", "2026-03-01", None).unwrap();
        assert_eq!(day, (moment("2026-03-01T00:00:00Z"), moment("2026-03-02T00:00:00Z")));
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        let told = window_of("2026-03-02", "2026-03-01", None).unwrap_err();
        assert!(told.starts_with("--until 2026-03-01 is before --since 2026-03-02: "), "{told}");
        let told = window_of("", "2026-03-01", Some(3)).unwrap_err();
        assert!(
            told.starts_with("--until 2026-03-01 is before 2026-03-07, where --num-days 3 begins"),
            "{told}"
        );
        assert!(window_of("", "", Some(4_000_000_000)).is_err());
        let told = window_of("2026-03-11", "", None).unwrap_err();
        assert!(told.starts_with("--since 2026-03-11 is after today, 2026-03-10 (UTC)"), "{told}");
        assert!(window_of("2026-03-10", "2026-04-01", None).is_ok());
    }
}
