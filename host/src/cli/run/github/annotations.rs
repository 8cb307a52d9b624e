// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Errors and rejected rows as annotations, which GitHub shows above the log of a job.

use crate::cli::run::summary::Summary;

/// How many errors, and how many warnings, GitHub shows of one step.
const SHOWN: usize = 10;
/// Where a message is cut, in characters.
const LONGEST: usize = 2_000;

/// The commands that make the annotations of a run: an error for what failed, a warning for
/// each table of which rows were rejected.
pub fn of(summary: &Summary) -> Vec<String> {
    let mut errors = Vec::new();
    if let Some(error) = &summary.error {
        errors.push(command("error", &summary.title(), error));
    }
    let mut warnings = Vec::new();
    for report in &summary.reports {
        let title = format!("{} {}", report.project, report.report);
        for failure in &report.failures {
            let title = format!("{title} {}: {}", failure.partition, failure.kind);
            errors.push(command("error", &title, &failure.message));
        }
        for rejected in &report.rejected {
            let message =
                format!("{} rows were rejected; the first: {}", rejected.count, rejected.reason);
            let title = format!("{title}: rejected rows of {}", rejected.table);
            warnings.push(command("warning", &title, &message));
        }
    }
    let mut shown = at_most("error", "failures", errors);
    shown.extend(at_most("warning", "tables with rejected rows", warnings));
    shown
}

/// As many as are shown; of more the last one says how many.
fn at_most(level: &str, what: &str, mut commands: Vec<String>) -> Vec<String> {
    if commands.len() > SHOWN {
        let more = commands.len() - (SHOWN - 1);
        commands.truncate(SHOWN - 1);
        let message = format!("{more} more {what}: the log and the summary of the job have them");
        commands.push(command(level, &format!("{more} more"), &message));
    }
    commands
}

/// A command of the runner, in one line whatever the texts are.
fn command(level: &str, title: &str, message: &str) -> String {
    format!("::{level} title={}::{}", property(title), data(&cut(message, LONGEST)))
}

/// Cut where it is long; its lines stay lines.
fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// As `ActionCommand.cs` of the repository actions/runner reads it back.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_line_and_ends_where_it_is_meant_to() {
        let hostile = "100%\r\n::error::x,y=z%0A";
        assert_eq!(
            command("warning", hostile, hostile),
            "::warning title=100%25%0D%0A%3A%3Aerror%3A%3Ax%2Cy=z%250A::100%25%0D%0A::error::x,y=z%250A"
        );
        let long = command("error", "", &"é".repeat(3 * LONGEST));
        assert_eq!(long.chars().count(), "::error title=::…".chars().count() + LONGEST);
    }

    #[test]
    fn of_more_than_are_shown_the_last_one_says_how_many() {
        let some = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(at_most("error", "failures", some(SHOWN)), some(SHOWN));
        let shown = at_most("error", "failures", some(SHOWN + 3));
        assert_eq!(shown.len(), SHOWN);
        assert!(shown[SHOWN - 1].starts_with("::error title=4 more::4 more failures"), "{shown:?}");
    }
}
