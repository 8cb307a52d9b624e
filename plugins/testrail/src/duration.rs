// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Durations as TestRail writes them: `5m`, `1m 45s`, `1min 5sec`, `1w 2d`.

/// The unit's length in seconds. A day has 24 hours and a week 7 days here, not the working
/// hours that an instance may have been given.
fn unit(name: &str) -> Option<i64> {
    Some(match name {
        "w" => 604_800,
        "d" => 86_400,
        "h" => 3_600,
        "m" | "min" => 60,
        "s" | "sec" => 1,
        _ => return None,
    })
}

/// The seconds of a duration: whole numbers with units, from the coarsest to the finest, each
/// at most once. None for any other form, such as an empty or a negative one.
pub fn seconds(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total = None;
    let mut finest = i64::MAX;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let unit = unit(name).filter(|unit| *unit < finest)?;
        let part = number.parse::<i64>().ok()?.checked_mul(unit)?;
        total = Some(total.unwrap_or(0_i64).checked_add(part)?);
        finest = unit;
        rest = after.trim_start();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_testrail_is_understood() {
        for (text, expected) in [
            ("30s", 30),
            ("5m", 300),
            ("1m 45s", 105),
            ("1min 5sec", 65),
            ("1h 2min", 3_720),
            ("2h", 7_200),
            ("1d", 86_400),
            ("1d 1s", 86_401),
            ("1w", 604_800),
            ("1w 2d 3h 4m 5s", 604_800 + 2 * 86_400 + 3 * 3_600 + 4 * 60 + 5),
            ("1w 2d 3h 4min 5sec", 604_800 + 2 * 86_400 + 3 * 3_600 + 4 * 60 + 5),
            (" 1h  2m ", 3_720),
            ("90m", 5_400),
            ("0s", 0),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn any_other_form_is_none_and_never_a_part_of_it() {
        for text in [
            "",
            " ",
            "-5m",
            "5m -3s",
            "- 5m",
            "5",
            "1m 45",
            "m",
            "1.5h",
            "1,5h",
            "1:45",
            "5 m",
            "5m 1m",
            "5s 1m",
            "1m, 5s",
            "1h and 2m",
            "1 hour",
            "1M",
            "1y",
            "about 5m",
            "5m?",
            "PT5M",
            "٣m",
            "1m\u{a0}🦊",
            "99999999999999999999s",
            "9223372036854775807w",
            "15250284452471w 1d 9223372036854775807s",
        ] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }
}
