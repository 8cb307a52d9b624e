// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `--summary FILE`: the result of a run, as JSON for a notifier.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use test_dashboard_files::Prepared;
use test_dashboard_model::Counts;

use super::account::{Account, JobAccount};
use crate::cli::exit::Exit;
use crate::run::RunReport;
use crate::usage_error::UsageError;

/// What became of a run.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Its number in the history; none when it never got there.
    pub run: Option<i64>,
    /// Which part of the run this is, such as `2/4`; none for a whole one.
    pub shard: Option<String>,
    /// The project asked for, as the person wrote it.
    pub project: Option<String>,
    /// The report asked for.
    pub report: Option<String>,
    /// `succeeded`, `partly-failed`, `failed`, `interrupted`, `not-due` or `misused`.
    pub outcome: &'static str,
    /// What the program ends with.
    pub exit_code: u8,
    /// What made the whole run impossible.
    pub error: Option<String>,
    /// The program's version.
    pub version: &'static str,
    /// The database that was reached.
    pub database: Option<String>,
    /// When the program was asked.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Every report of every project that it was to read.
    pub reports: Vec<ReportSummary>,
}

/// What became of one report of one project.
#[derive(Debug, Serialize)]
pub struct ReportSummary {
    /// The project.
    pub project: String,
    /// The datasource.
    pub datasource: String,
    /// The report.
    pub report: String,
    /// As that of the run.
    pub outcome: &'static str,
    /// Partitions read to their end.
    pub partitions_done: usize,
    /// Partitions that failed, and planning or the end of the report when that did.
    pub partitions_failed: usize,
    /// What they did together.
    #[serde(flatten)]
    pub counts: Counts,
    /// The time spent on its partitions, one after the other.
    pub seconds: f64,
    /// When `status` will call it late; none without a schedule, or without a good run.
    pub fresh_until: Option<Timestamp>,
    /// What failed.
    pub failures: Vec<FailureSummary>,
    /// What was rejected, by table.
    pub rejected: Vec<RejectedSummary>,
}

/// Why one partition failed.
#[derive(Debug, Serialize)]
pub struct FailureSummary {
    /// Its id; in parentheses what is no partition of the plugin's.
    pub partition: String,
    /// The kind, such as `auth`, `budget`, `policy`, `database`.
    pub kind: String,
    /// What happened, to what, and what to do.
    pub message: String,
}

/// Rows of one table that were rejected.
#[derive(Debug, Serialize)]
pub struct RejectedSummary {
    /// The table.
    pub table: String,
    /// Why the first of them was.
    pub reason: String,
    /// How many.
    pub count: u64,
}

impl Summary {
    /// What became of a run that ends like this, with this error.
    pub fn new(account: &Account, exit: Exit, error: Option<String>) -> Self {
        let report = |job: &JobAccount| {
            let pumped = account.pumped.of(&job.key.project, &job.key.report);
            let outcome = match job.is_due {
                false => Exit::NotDue,
                true if exit == Exit::Interrupted || pumped.partitions.is_empty() => exit,
                true => pumped.outcome().into(),
            };
            ReportSummary::new(job, &pumped, outcome.outcome())
        };
        Summary {
            run: account.pumped.run,
            shard: account.pumped.shard.map(|shard| shard.to_string()),
            project: account.project.clone(),
            report: account.report.clone(),
            outcome: exit.outcome(),
            exit_code: exit.code(),
            error,
            version: env!("CARGO_PKG_VERSION"),
            database: account.database.clone(),
            started: account.started,
            finished: Timestamp::now(),
            reports: account.jobs.iter().map(report).collect(),
        }
    }

    /// What was asked for, in words.
    pub fn title(&self) -> String {
        match (&self.report, &self.project) {
            (Some(report), Some(project)) => format!("{report} of {project}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "test-dashboard".into(),
        }
    }
}

impl ReportSummary {
    fn new(job: &JobAccount, pumped: &RunReport, outcome: &'static str) -> Self {
        let failures = pumped.failures().filter_map(|partition| {
            let error = partition.error.clone()?;
            let partition = partition.partition.clone();
            Some(FailureSummary { partition, kind: error.kind, message: error.message })
        });
        ReportSummary {
            project: job.key.project.clone(),
            datasource: job.key.datasource.clone(),
            report: job.key.report.clone(),
            outcome,
            partitions_done: pumped.done().count(),
            partitions_failed: pumped.failures().count(),
            counts: pumped.total(),
            seconds: (pumped.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            fresh_until: job.fresh_until,
            failures: failures.collect(),
            rejected: rejected(pumped),
        }
    }
}

/// The rejected rows of all partitions, by table.
fn rejected(pumped: &RunReport) -> Vec<RejectedSummary> {
    let mut tables: BTreeMap<&str, RejectedSummary> = BTreeMap::new();
    for rejected in pumped.partitions.iter().flat_map(|partition| &partition.rejected) {
        let summary = tables.entry(&rejected.table).or_insert_with(|| RejectedSummary {
            table: rejected.table.clone(),
            reason: rejected.reason.clone(),
            count: 0,
        });
        summary.count += rejected.count;
    }
    tables.into_values().collect()
}

/// Where a summary goes.
#[derive(Debug)]
pub struct SummaryFile(PathBuf);

impl SummaryFile {
    /// Makes sure, before the run, that the summary can be written after it, and takes an
    /// older one away: that must not be taken for this run's when the program is killed.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there can be no such file.
    pub fn claim(path: &Path) -> Result<Self, UsageError> {
        let usage_error = |reason: String| UsageError::new(format!("--summary: {reason}"));
        // A device or a pipe would be replaced by the file.
        if path.exists() && !path.is_file() {
            return Err(usage_error(format!("{} exists and is not a file", path.display())));
        }
        drop(Prepared::new(path, b"").map_err(|error| usage_error(format!("{error:#}")))?);
        match path.canonicalize().and_then(std::fs::remove_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(usage_error(format!("cannot remove the older {}: {error}", path.display())))
            }
            _ => Ok(SummaryFile(path.to_path_buf())),
        }
    }

    /// Writes the summary.
    ///
    /// # Errors
    ///
    /// What the system says, with the file; there is none then.
    pub fn write(&self, summary: &Summary) -> anyhow::Result<()> {
        let mut bytes = serde_json::to_vec_pretty(summary)?;
        bytes.push(b'\n');
        Ok(Prepared::new(&self.0, &bytes)?.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_summary_is_gone_before_the_run_and_a_device_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/summary.json");
        SummaryFile::claim(&path).unwrap();
        std::fs::write(&path, "{}").unwrap();
        SummaryFile::claim(&path).unwrap();
        assert!(!path.exists());
        let error = SummaryFile::claim(Path::new("/dev/null")).unwrap_err().to_string();
        assert!(error.contains("/dev/null exists and is not a file"), "{error}");
        let error = SummaryFile::claim(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is not a file"), "{error}");
    }
}
