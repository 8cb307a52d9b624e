// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reads variables, arguments and the working directory, and tells what it found.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest, seen};
use wasip2::cli::environment::{get_arguments, get_environment, initial_cwd};

struct ReadsEnvironment;

impl Behaviour for ReadsEnvironment {
    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let mut found: Vec<String> =
            get_environment().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        found.extend(get_arguments().into_iter().map(|argument| format!("argument {argument}")));
        found.extend(initial_cwd().map(|folder| format!("working directory {folder}")));
        found.push(format!("found {} things", found.len()));
        reading.once(|| Ok(seen(found)))
    }
}

guest!(ReadsEnvironment);
