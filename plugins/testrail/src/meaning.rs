// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the ids of this dashboard's custom fields are called.
//!
//! An instance may have more of them than these: an id without a name here is kept, with its
//! name null.

/// Stands for a status or coverage that a case has not (absent or null): parts of a key
/// cannot be null, and TestRail counts its own ids from 1.
pub const NOT_SET: i64 = 0;

/// The sub-suite of a case that names none.
pub const OTHER_SUB_SUITE: i64 = 7;

const NOT_SET_NAME: &str = "Not set";

/// `custom_automation_status`.
pub fn automation_status(id: i64) -> Option<&'static str> {
    Some(match id {
        NOT_SET => NOT_SET_NAME,
        1 => "Untriaged",
        2 => "Suitable",
        3 => "Unsuitable",
        4 => "Completed",
        5 => "Disabled",
        _ => return None,
    })
}

/// `custom_automation_coverage`.
pub fn automation_coverage(id: i64) -> Option<&'static str> {
    Some(match id {
        NOT_SET => NOT_SET_NAME,
        1 => "None",
        2 => "Partial",
        3 => "Full",
        _ => return None,
    })
}

/// `custom_sub_test_suites`.
pub fn sub_suite(id: i64) -> Option<&'static str> {
    Some(match id {
        1 => "functional",
        2 => "smoke",
        3 => "accessibility",
        4 => "l10n",
        5 => "security",
        6 => "fxa",
        OTHER_SUB_SUITE => "other",
        _ => return None,
    })
}
