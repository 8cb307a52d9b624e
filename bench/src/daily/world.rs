// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! How large the mock's world is, when it is, and what has to be in the tables.

use serde::{Deserialize, Serialize};

/// Seconds.
pub const HOUR: i64 = 3_600;
/// Seconds.
pub const DAY: i64 = 24 * HOUR;

/// How many of what there are, and when it is: times in seconds since the epoch.
#[derive(Debug, Clone)]
pub struct Size {
    /// The part of all these numbers that there really is, 1 for all.
    pub scale: f64,
    /// When the second load is done. Nothing is newer.
    pub today: i64,
    /// When the first load is done, as far as the API shows.
    pub yesterday: i64,
    /// Test cases.
    pub cases: usize,
    /// Plans, of 60 runs each.
    pub plans: usize,
    /// Runs outside of plans.
    pub loose_runs: usize,
    /// Of these, how many were forgotten: they stay open for ever.
    pub forgotten_runs: usize,
    /// Builds.
    pub builds: usize,
}

/// How long ago yesterday's load is. Both loads are really done now, and a plugin may ask how
/// long ago something was: with a whole day, what was just running when the first load was
/// done would look to it as if it had been running since the day before.
const BETWEEN: i64 = 22 * HOUR;

impl Size {
    /// The size to plan for, and a day that ends now.
    pub fn until(today: i64, forgotten_runs: usize) -> Self {
        Size {
            scale: 1.0,
            today,
            yesterday: today - BETWEEN,
            cases: 20_000,
            plans: 135,
            loose_runs: 900,
            forgotten_runs,
            builds: 20_000,
        }
    }

    /// A number at this scale, at least 1.
    pub fn scaled(&self, number: usize) -> usize {
        ((number as f64 * self.scale).round() as usize).max(1)
    }
}

/// A question to the database after a load, and its answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct Check {
    /// After which report it is asked.
    pub report: String,
    /// A query for one whole number.
    pub sql: String,
    /// Which it has to be.
    pub expected: i64,
}

impl Check {
    /// A check of how many rows there are.
    pub fn new(report: &str, sql: String, expected: usize) -> Self {
        Check { report: report.into(), sql, expected: i64::try_from(expected).unwrap_or(i64::MAX) }
    }
}

/// A number that looks random and is always the same for the same one (SplitMix64).
pub fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    // Half of the range, so that it is positive as an i64, too.
    (mixed ^ (mixed >> 31)) >> 1
}

/// A moment as Bitrise writes it.
pub fn iso(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string()
}
