// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Days and moments as the databases read and write them.

use std::fmt::Write;

/// Appends `2026-01-31`, for days since 1970-01-01 that were checked to be in the calendar.
pub(crate) fn push_date(out: &mut String, days: i32) {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    let date = epoch.saturating_add(jiff::Span::new().days(days));
    // Writing to a String does not fail.
    let _ = write!(out, "{date}");
}

/// Appends `2026-01-31T12:00:00.000000Z`, for microseconds since 1970-01-01T00:00:00Z that
/// were checked to be in the calendar.
///
/// Not through a timestamp of jiff's: those end a day before the year 9999 does.
pub(crate) fn push_time(out: &mut String, micros: i64) {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    push_date(out, i32::try_from(micros.div_euclid(DAY)).unwrap_or(0));
    let of_day = micros.rem_euclid(DAY);
    let (seconds, fraction) = (of_day / SECOND, of_day % SECOND);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z");
}

/// `2026-01-31`.
pub(crate) fn date(days: i32) -> String {
    let mut out = String::with_capacity(10);
    push_date(&mut out, days);
    out
}

/// `2026-01-31T12:00:00.000000Z`.
pub(crate) fn time(micros: i64) -> String {
    let mut out = String::with_capacity(27);
    push_time(&mut out, micros);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_calendar_are_written_whole() {
        assert_eq!(date(-354_285), "1000-01-01");
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(2_932_896), "9999-12-31");
        assert_eq!(time(-354_285 * 86_400_000_000), "1000-01-01T00:00:00.000000Z");
        assert_eq!(time(2_932_897 * 86_400_000_000 - 1), "9999-12-31T23:59:59.999999Z");
        assert_eq!(time(-1), "1969-12-31T23:59:59.999999Z");
    }
}
