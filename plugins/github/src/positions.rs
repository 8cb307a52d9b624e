// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How many rows of labels each issue has in the database: what a checkpoint has to know so
//! that rows of labels that went away can be overwritten, and no others are made.

use serde::{Deserialize, Serialize};

/// The most labels that GitHub lets an issue have.
const MOST: usize = 100;
/// Up to which issue number it is remembered: a checkpoint may have 256 KiB.
const LARGEST: usize = 200_000;

/// An issue that is not known.
const UNKNOWN: u8 = b'-';
const NONE: u8 = b'0';
/// From as many rows on as do not have a character of their own.
const MANY: u8 = b'~';

/// The rows of labels that issues have, by the issues' numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Positions {
    /// A character for each number from 1 on.
    #[serde(with = "ascii")]
    rows: Vec<u8>,
    /// The most that an issue may have that is not known.
    others: usize,
}

impl Positions {
    /// Nothing is known but the most that any issue has.
    pub fn at_most(others: usize) -> Self {
        Positions { rows: Vec::new(), others }
    }

    /// The rows of an issue, if they are known.
    pub fn of(&self, number: i64) -> Option<usize> {
        match *self.rows.get(index(number)?)? {
            UNKNOWN => None,
            MANY => Some(MOST),
            digit => Some(digit.saturating_sub(NONE).into()),
        }
    }

    /// The most rows of an issue that is not known.
    pub fn of_others(&self) -> usize {
        self.others
    }

    /// An issue now has this many.
    pub fn set(&mut self, number: i64, rows: usize) {
        let Some(index) = index(number).filter(|index| *index < LARGEST) else {
            self.others = self.others.max(rows);
            return;
        };
        if self.rows.len() <= index {
            self.rows.resize(index + 1, UNKNOWN);
        }
        let digit = u8::try_from(rows).ok().and_then(|rows| NONE.checked_add(rows));
        self.rows[index] = digit.map_or(MANY, |digit| digit.min(MANY));
    }
}

fn index(number: i64) -> Option<usize> {
    usize::try_from(number).ok()?.checked_sub(1)
}

mod ascii {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(rows: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&String::from_utf8_lossy(rows))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_ascii() { Ok(text.into()) } else { Err(D::Error::custom("no ASCII")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(positions: &Positions) -> Positions {
        serde_json::from_str(&serde_json::to_string(positions).unwrap()).unwrap()
    }

    #[test]
    fn what_was_set_is_known_after_a_checkpoint_and_nothing_else_is() {
        let mut positions = Positions::default();
        positions.set(7, 3);
        positions.set(2, 0);
        positions.set(4, 44);
        let positions = again(&positions);
        let known: Vec<Option<usize>> = (0..9).map(|number| positions.of(number)).collect();
        assert_eq!(known, [None, None, Some(0), None, Some(44), None, None, Some(3), None]);
        assert_eq!(positions.of_others(), 0);
    }

    #[test]
    fn more_rows_than_can_be_told_are_taken_for_the_most() {
        for rows in [78, 79, 100, 300] {
            let mut positions = Positions::default();
            positions.set(1, rows);
            assert_eq!(again(&positions).of(1), Some(MOST), "{rows}");
        }
        let mut positions = Positions::default();
        positions.set(1, 77);
        assert_eq!(again(&positions).of(1), Some(77));
    }

    #[test]
    fn a_checkpoint_stays_within_its_limit_whatever_the_number() {
        let mut positions = Positions::at_most(1);
        positions.set(LARGEST as i64, 2);
        positions.set(i64::MAX, 5);
        positions.set(-1, 3);
        assert_eq!((positions.of(i64::MAX), positions.of_others()), (None, 5));
        assert!(serde_json::to_string(&positions).unwrap().len() < 256 * 1024);
    }
}
