// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Exit codes.

use std::process::ExitCode;

use test_dashboard_store::Outcome;

use crate::plugin::PluginError;
use crate::run::Ending;
use crate::usage_error::UsageError;

/// The exit codes; `--help` and the README list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done.
    Done,
    /// It failed.
    Failed,
    /// Usage error: the command line or the configuration is wrong.
    UsageError,
    /// Some partitions failed, and the others are written.
    PartlyFailed,
    /// The report is not due (`--every`).
    NotDue,
    /// Ctrl-C or a request to terminate.
    Interrupted,
}

impl Exit {
    /// The exit code for this error.
    pub fn of(error: &anyhow::Error) -> Self {
        // Only a file that the command line names is loaded by itself.
        let is_no_plugin = matches!(error.downcast_ref(), Some(PluginError::Unreadable { .. }));
        if error.is::<UsageError>() || is_no_plugin { Exit::UsageError } else { Exit::Failed }
    }

    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::UsageError => 2,
            Exit::PartlyFailed => 3,
            Exit::NotDue => 4,
            Exit::Interrupted => 130,
        }
    }

    /// The `outcome` in a summary for this exit code.
    pub fn outcome(self) -> &'static str {
        match self {
            Exit::Done => "succeeded",
            Exit::Failed => "failed",
            Exit::UsageError => "misused",
            Exit::PartlyFailed => "partly-failed",
            Exit::NotDue => "not-due",
            Exit::Interrupted => "interrupted",
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Exit::Done,
            Outcome::PartlyFailed => Exit::PartlyFailed,
            Outcome::Failed => Exit::Failed,
            Outcome::Interrupted => Exit::Interrupted,
        }
    }
}

impl From<Ending> for Exit {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::NotDue => Exit::NotDue,
            Ending::Ended(outcome) => outcome.into(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Exit; 6] = [
        Exit::Done,
        Exit::Failed,
        Exit::UsageError,
        Exit::PartlyFailed,
        Exit::NotDue,
        Exit::Interrupted,
    ];

    /// The numbers in a text that stand by themselves.
    fn numbers(text: &str) -> Vec<u8> {
        text.split(|c: char| !c.is_alphanumeric()).filter_map(|word| word.parse().ok()).collect()
    }

    #[test]
    fn the_pages_and_the_help_list_every_code_and_no_other() {
        let codes = ALL.map(Exit::code);
        let operating = include_str!("../../../docs/operating.md");
        let (_, table) = operating.split_once("| Exit code | Meaning |").unwrap();
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let first: Vec<u8> = rows.flat_map(|row| numbers(row.split('|').nth(1).unwrap())).collect();
        assert_eq!(first, codes);
        let readme = include_str!("../../../README.md");
        let program = crate::cli::line::declared();
        let of_run = program.find_subcommand("run").and_then(clap::Command::get_after_help);
        let help = [program.get_after_help(), of_run].map(|help| help.unwrap().to_string());
        for text in [readme, &help[0], &help[1]] {
            let (_, sentence) = text.split_once("Exit codes: ").unwrap();
            assert_eq!(numbers(sentence.split('.').next().unwrap()), codes, "{sentence}");
        }
        for exit in ALL {
            let told = format!("`{}` {}", exit.outcome(), exit.code());
            assert!(operating.contains(&told), "{told} is not among the fields of a summary");
        }
    }
}
