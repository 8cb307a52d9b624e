// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks the setting `url` over and over and reads none of the answers.

use test_dashboard_guests::http::send;
use test_dashboard_guests::{Batch, Behaviour, Failure, FailureKind, Reading, failure, guest};

struct HoardsAnswers;

impl Behaviour for HoardsAnswers {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let url = reading.url("https://api.example.com/");
        let mut answers = Vec::new();
        loop {
            let answer = send(&url, &[]);
            answers.push(answer.map_err(|error| failure(FailureKind::Transient, error))?);
        }
    }
}

guest!(HoardsAnswers);
