// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks the setting `url`, which answers with a redirect, and goes where it leads.

use test_dashboard_guests::http::{ask, get};
use test_dashboard_guests::{
    Batch, Behaviour, Failure, FailureKind, Reading, failure, guest, seen,
};

struct FollowsRedirectOffTheList;

impl Behaviour for FollowsRedirectOffTheList {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        reading.once(|| {
            let first = get(&reading.url("https://api.example.com/moved"), &[])
                .map_err(|message| failure(FailureKind::UnexpectedResponse, message))?;
            match first.location {
                Some(elsewhere) => ask(reading, &elsewhere, &[]),
                None => Ok(seen([format!("no redirect but {}", first.status)])),
            }
        })
    }
}

guest!(FollowsRedirectOffTheList);
