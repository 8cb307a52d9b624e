// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Windows of creation, and splitting one that holds more runs than can be reached.

use test_dashboard_sdk::{Date, Failure, Timestamp, time};

/// How many runs a part of a window that was split should hold: runs are not spread evenly,
/// and a part that holds too many is split again.
const RUNS_PER_PART: i64 = 700;
const SECONDS_PER_WEEK: i64 = 7 * 86_400;

/// Whole seconds, the first and the last included, as the filter takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    first: i64,
    last: i64,
}

impl Window {
    /// The week that begins on a Monday.
    pub fn week(monday: Date) -> Self {
        let first = time::start_of(monday).as_second();
        Window { first, last: first + SECONDS_PER_WEEK - 1 }
    }

    /// What of it is not before a moment.
    pub fn from(self, moment: Timestamp) -> Option<Self> {
        let first = self.first.max(moment.as_second());
        (first <= self.last).then_some(Window { first, ..self })
    }

    /// What of it is before a moment.
    pub fn before(self, moment: Timestamp) -> Option<Self> {
        let last = self.last.min(moment.as_second() - 1);
        (self.first <= last).then_some(Window { last, ..self })
    }

    /// The filter `created`: `2026-02-23T00:00:00Z..2026-03-01T23:59:59Z`.
    ///
    /// # Errors
    ///
    /// When the calendar does not hold it.
    pub fn filter(self) -> Result<String, Failure> {
        let moment = |second| {
            Timestamp::from_second(second).map_err(|error| {
                Failure::internal(format!(
                    "{second} seconds since 1970 is not a valid time: {error}"
                ))
            })
        };
        Ok(format!("{}..{}", moment(self.first)?, moment(self.last)?))
    }

    /// Parts of it, in order, that hold fewer runs than it does.
    ///
    /// # Errors
    ///
    /// When it is a single second.
    pub fn split(self, runs: usize) -> Result<Vec<Self>, Failure> {
        let seconds = self.last - self.first + 1;
        let runs = i64::try_from(runs).unwrap_or(i64::MAX);
        let parts = (runs / RUNS_PER_PART + 1).max(2).min(seconds);
        if parts < 2 {
            return Err(Failure::unexpected_response(format!(
                "at least {runs} workflow runs were created within the second {}, of which GitHub lists at most 1,000",
                self.filter()?
            )));
        }
        let bound = |part: i64| self.first + seconds * part / parts;
        Ok((0..parts)
            .map(|part| Window { first: bound(part), last: bound(part + 1) - 1 })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use test_dashboard_sdk::FailureKind;
    use test_dashboard_sdk::jiff::civil::date;

    use super::*;

    #[test]
    fn a_week_goes_from_monday_to_the_last_second_of_sunday() {
        let week = Window::week(date(2026, 2, 23));
        assert_eq!(week.filter(), Ok("2026-02-23T00:00:00Z..2026-03-01T23:59:59Z".into()));
        let rest = week.from("2026-03-01T12:00:00.5Z".parse().unwrap()).unwrap();
        assert_eq!(rest.filter(), Ok("2026-03-01T12:00:00Z..2026-03-01T23:59:59Z".into()));
        assert_eq!(week.from("2026-02-01T00:00:00Z".parse().unwrap()), Some(week));
        assert_eq!(week.from("2026-03-02T00:00:00Z".parse().unwrap()), None);
    }

    #[test]
    fn what_is_before_a_moment_and_what_is_from_it_on_are_the_whole() {
        let week = Window::week(date(2026, 2, 23));
        let moment: Timestamp = "2026-03-01T12:00:00.5Z".parse().unwrap();
        let (before, from) = (week.before(moment).unwrap(), week.from(moment).unwrap());
        assert_eq!((before.first, before.last + 1, from.last), (week.first, from.first, week.last));
        assert_eq!(week.before("2026-02-23T00:00:00Z".parse().unwrap()), None);
        assert_eq!(week.before("2026-04-01T00:00:00Z".parse().unwrap()), Some(week));
    }

    #[test]
    fn parts_leave_no_second_out_and_have_none_twice() {
        for (seconds, runs) in [(604_800, 1_001), (604_800, 50_000), (3, 5_000), (2, 1_001)] {
            let whole = Window { first: 100, last: 100 + seconds - 1 };
            let parts = whole.split(runs).unwrap();
            assert!(parts.len() >= 2);
            assert_eq!((parts[0].first, parts[parts.len() - 1].last), (whole.first, whole.last));
            assert!(parts.iter().all(|part| part.first <= part.last));
            assert!(parts.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
        }
    }

    #[test]
    fn a_second_that_holds_too_many_is_a_failure_and_not_cut() {
        let failure = Window { first: 7, last: 7 }.split(1_001).unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
        assert!(failure.message.contains("1970-01-01T00:00:07Z"), "{failure}");
    }
}
