// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A run under GitHub Actions: annotations on the job, and a page in its summary.

mod annotations;
mod page;

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::summary::Summary;
use crate::cli::terminal;

/// What GitHub takes of a step's summaries, in bytes; of larger ones it shows nothing. The
/// runs of one step share it.
const PAGE_LIMIT: usize = 1024 * 1024;

/// A runner of GitHub's that listens.
pub struct Runner {
    /// The file to which a step appends its summary.
    page: Option<PathBuf>,
}

impl Runner {
    /// The runner that this program is a step of; none elsewhere.
    pub fn of_process() -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Runner::of(variable("GITHUB_ACTIONS"), variable("GITHUB_STEP_SUMMARY"))
    }

    fn of(actions: Option<OsString>, page: Option<OsString>) -> Option<Self> {
        (actions? == "true").then(|| Runner { page: page.map(PathBuf::from) })
    }

    /// Reports the result of a run. A page that cannot be written is logged, and is
    /// no failure of the run: its rows are written, and the log says what the page would.
    pub fn tell(&self, summary: &Summary) {
        // Commands between lines of JSON would be neither.
        if !terminal::logs_json() {
            annotations::of(summary).iter().for_each(|command| terminal::command(command));
        }
        if let Some(path) = &self.page
            && let Err(error) = append(path, summary)
        {
            tracing::warn!("cannot add to the summary of the step, {}: {error}", path.display());
        }
    }
}

fn append(path: &Path, summary: &Summary) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.write_all(page::of(summary, PAGE_LIMIT.saturating_sub(used)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_githubs_runner_is_told() {
        let of = |actions: Option<&str>| Runner::of(actions.map(OsString::from), None).is_some();
        assert!(of(Some("true")));
        assert!(!of(Some("false")) && !of(None));
    }
}
