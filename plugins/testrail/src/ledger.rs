// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How many rows of choices each case has in the database: what a checkpoint has to know so
//! that rows of choices that went away can be emptied, and no others are made.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The most characters that it takes in a checkpoint, which may have 256 KiB: some 30,000
/// cases with one field of several choices.
const LONGEST: usize = 128 * 1024;

/// The rows of choices that cases have, by the cases' numbers. A field in which one item can
/// be chosen has one row, always, and is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The fields, each with its place among a case's counts.
    fields: Vec<String>,
    /// The rows of each field; one for what is missing at the end.
    cases: BTreeMap<i64, Vec<usize>>,
}

impl Ledger {
    /// Whether it is known how many rows a case has.
    pub fn knows(&self, case: i64) -> bool {
        self.cases.contains_key(&case)
    }

    /// A case is known from now on, with one row for each field that is not told otherwise.
    pub fn know(&mut self, case: i64) {
        self.cases.entry(case).or_default();
    }

    /// The rows that a known case has of a field.
    pub fn of(&self, case: i64, field: &str) -> usize {
        let place = self.fields.iter().position(|known| known == field);
        let count = place.and_then(|place| self.cases.get(&case)?.get(place));
        count.copied().unwrap_or(1)
    }

    /// A case now has this many rows of a field.
    pub fn set(&mut self, case: i64, field: &str, rows: usize) {
        let counts = self.cases.entry(case).or_default();
        let place = match self.fields.iter().position(|known| known == field) {
            Some(place) => place,
            None if rows == 1 => return,
            None => {
                self.fields.push(field.to_owned());
                self.fields.len() - 1
            }
        };
        if counts.len() <= place {
            counts.resize(place + 1, 1);
        }
        counts[place] = rows;
    }

    /// `9000 2,1 1 1.3`: for each case how much its number is above the one before, and the
    /// rows of the fields, those of one left out at the end.
    fn text(&self) -> String {
        let mut before = 0;
        let case = |(number, counts): (&i64, &Vec<usize>)| {
            let above = number.wrapping_sub(before);
            before = *number;
            let last = counts.iter().rposition(|rows| *rows != 1).map_or(0, |last| last + 1);
            let counts: Vec<String> = counts.iter().take(last).map(ToString::to_string).collect();
            match counts.as_slice() {
                [] => above.to_string(),
                counts => format!("{above} {}", counts.join(".")),
            }
        };
        self.cases.iter().map(case).collect::<Vec<_>>().join(",")
    }

    fn of_text(fields: Vec<String>, text: &str) -> Option<Self> {
        let mut cases = BTreeMap::new();
        let mut number = 0_i64;
        for case in text.split(',').filter(|case| !case.is_empty()) {
            let (above, counts) = case.split_once(' ').unwrap_or((case, ""));
            number = number.wrapping_add(above.parse().ok()?);
            let counts = counts.split('.').filter(|rows| !rows.is_empty());
            cases.insert(number, counts.map(|rows| rows.parse().ok()).collect::<Option<_>>()?);
        }
        Some(Ledger { fields, cases })
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    fields: Vec<String>,
    cases: String,
}

/// A ledger that would take too much of the checkpoint is left out of it: then nothing is
/// known of any case.
impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cases = self.text();
        let written = match cases.len() > LONGEST {
            true => Written { fields: Vec::new(), cases: String::new() },
            false => Written { fields: self.fields.clone(), cases },
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { fields, cases } = Written::deserialize(deserializer)?;
        Ledger::of_text(fields, &cases).ok_or_else(|| de::Error::custom("no ledger of cases"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(ledger: &Ledger) -> Ledger {
        serde_json::from_str(&serde_json::to_string(ledger).unwrap()).unwrap()
    }

    #[test]
    fn what_was_set_is_known_after_a_checkpoint_and_nothing_else_is() {
        let mut ledger = Ledger::default();
        ledger.know(9001);
        ledger.set(9000, "custom_a", 1);
        ledger.set(9000, "custom_b", 12);
        ledger.set(9004, "custom_c", 3);
        ledger.set(9004, "custom_b", 1);
        let text = serde_json::to_string(&ledger).unwrap();
        assert_eq!(text, r#"{"fields":["custom_b","custom_c"],"cases":"9000 12,1,3 1.3"}"#);
        let ledger = again(&ledger);
        let rows = |case| ["custom_a", "custom_b", "custom_c"].map(|f| ledger.of(case, f));
        assert_eq!([rows(9000), rows(9001), rows(9004)], [[1, 12, 1], [1, 1, 1], [1, 1, 3]]);
        assert_eq!([9000, 9001, 9002].map(|case| ledger.knows(case)), [true, true, false]);
        assert_eq!(again(&Ledger::default()), Ledger::default());
    }

    #[test]
    fn fewer_rows_than_before_are_known_too() {
        let mut ledger = Ledger::default();
        ledger.set(7, "custom_a", 3);
        ledger.set(7, "custom_a", 1);
        assert_eq!(again(&ledger).of(7, "custom_a"), 1);
    }

    #[test]
    fn a_checkpoint_stays_within_its_limit_and_broken_text_is_none() {
        let mut ledger = Ledger::default();
        for case in 0..50_000 {
            ledger.set(case * 1_000_003, "custom_a", 2);
        }
        assert!(!again(&ledger).knows(0));
        for number in [i64::MIN, -1, 0, i64::MAX] {
            let mut ledger = Ledger::default();
            ledger.set(1, "custom_a", 2);
            ledger.set(number, "custom_a", 5);
            assert_eq!(again(&ledger), ledger);
        }
        for cases in ["x", "1 x", "1 2.x", "9223372036854775808"] {
            let text = format!(r#"{{"fields":["custom_a"],"cases":{cases:?}}}"#);
            assert!(serde_json::from_str::<Ledger>(&text).is_err(), "{cases}");
        }
    }
}
