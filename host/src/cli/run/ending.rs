// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Reports the end of a run to those who did not watch it: the summary file, and GitHub.

use super::account::Account;
use super::github::Runner;
use super::summary::{Summary, SummaryFile};
use crate::cli::exit::Exit;
use crate::cli::output;

/// Tells what became of a run, and gives how the program ends.
///
/// # Errors
///
/// That of the run. Where the run was fine, and its summary cannot be written, that: who waits
/// for the summary would otherwise take silence for a success.
pub fn tell(
    account: &Account,
    file: Option<&SummaryFile>,
    outcome: anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let exit = outcome.as_ref().copied().unwrap_or_else(Exit::of);
    let error = outcome.as_ref().err().map(|error| format!("{error:#}"));
    let summary = Summary::new(account, exit, error);
    if let Some(runner) = Runner::of_process() {
        runner.tell(&summary);
    }
    match (file.map_or(Ok(()), |file| file.write(&summary)), &outcome) {
        (Err(error), Ok(Exit::Done | Exit::NotDue)) => Err(error.context("--summary")),
        (Err(error), _) => {
            output::error(format_args!("--summary: {error:#}"));
            outcome
        }
        (Ok(()), _) => outcome,
    }
}
