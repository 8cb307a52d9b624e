// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Records live runs: before anything is written, the recording is replayed to prove that it works.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_egress::{Cassette, Masks, Recorder, Window, Written, cassette};

use crate::conformance::{self, Gaps, Rehearsal, Rule, Stage};
use crate::fixtures;
use crate::pump::{DryRows, PartitionReport, Sink};
use crate::run::{self, Options, RunReport};
use crate::source::{Datasource, Job, JobTape, ReadOptions};
use crate::usage_error::UsageError;

/// What is recorded.
pub struct Recording<'a> {
    /// The datasource.
    pub source: &'a Datasource<'a>,
    /// The project.
    pub project: &'a str,
    /// The report.
    pub report: &'a str,
    /// What the plugin takes for the present.
    pub now: Timestamp,
    /// The time to look at.
    pub window: Window,
    /// What is masked.
    pub masks: Masks,
    /// The file it goes to.
    pub path: PathBuf,
    /// Whether what `plugin check` asks for besides is recorded, too.
    pub for_check: bool,
}

/// What came of it.
pub enum Taken {
    /// It is written.
    Written(Box<Fixture>),
    /// The run failed, and no file was touched.
    Failed(RunReport),
}

/// A recording that was written.
pub struct Fixture {
    /// The run.
    pub run: RunReport,
    /// How many rows each table got.
    pub rows: Rows,
    /// The recording.
    pub written: Written,
    /// Recordings of what is asked for besides.
    pub further: Vec<Written>,
    /// What went wrong meanwhile. They may lack something for it.
    pub troubles: Vec<String>,
    /// Recordings that belonged to the former one, and are gone with it.
    pub removed: Vec<PathBuf>,
}

/// How many rows came of a run, by table.
pub type Rows = BTreeMap<String, usize>;

/// Why a recording is not kept. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// Another run on the recording went wrong.
    #[error(
        "the recording cannot be replayed, so it was not written: {reason}. {}", advice(*.masked)
    )]
    NotPlayed {
        /// What went wrong.
        reason: String,
        /// Whether anything is masked in it.
        masked: bool,
    },
    /// Another run on the recording came to other rows.
    #[error(
        "replaying the recording gives different rows than the run that it was recorded from, so it was not written: {reason}. {}", advice(*.masked)
    )]
    OtherRows {
        /// The tables, with both numbers of rows.
        reason: String,
        /// Whether anything is masked in it.
        masked: bool,
    },
}

fn advice(masked: bool) -> &'static str {
    match masked {
        true => {
            "A mask may have changed a value that later requests or keys are made of, such as a name: remove the mask, or make it more specific"
        }
        false => {
            "The plugin does not behave the same twice when given the same answers; `test-dashboard plugin check` shows where"
        }
    }
}

impl Recording<'_> {
    /// Runs the report from nothing and without a database, proves that what was recorded can
    /// be played, and writes it. Dropping the future leaves the files as they were.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the plugin has no such report or the project lacks settings;
    /// [`NotKept`]; or why a file cannot be written.
    pub async fn take(
        &self,
        ended: impl AsyncFnMut(&Arc<PartitionReport>),
    ) -> anyhow::Result<Taken> {
        let title = format!("{} {}", self.project, self.report);
        let recorder = Recorder::new(title, self.now, self.window, self.masks.clone());
        let (run, rows) = self.run(Arc::new(recorder.clone()), ended).await?;
        if run.failures().next().is_some() {
            return Ok(Taken::Failed(run));
        }
        // Not beside its destination: what is not yet proved is nobody's to find.
        let staging = tempfile::tempdir()?;
        let staged = staging.path().join("recording.har");
        let written = recorder.write(&staged)?;
        self.prove(&staged, &written, &rows).await?;

        let (recorders, troubles) = match self.for_check {
            true => self.explore(&recorder, &written).await?,
            false => (Vec::new(), Vec::new()),
        };

        let mut removed = fixtures::further_of(&self.path)?;
        for former in &removed {
            cassette::discard(former)?;
        }
        let written = recorder.write(&self.path)?;
        let mut further = Vec::new();
        for (name, recorder) in recorders {
            let path = self.path.with_file_name(format!("{}.{name}.har", self.report));
            removed.retain(|former| *former != path);
            further.push(recorder.write(&path)?);
        }
        let fixture = Fixture { run, rows, written, further, troubles, removed };
        Ok(Taken::Written(Box::new(fixture)))
    }

    /// Does what `plugin check` does besides a run from scratch, and records what is asked for
    /// that `recorder` has not got. All of it sees the true values: what is masked only in a
    /// part of the answers would look like a change. Gives the recorders that hold something,
    /// by name, and what went wrong.
    async fn explore(
        &self,
        recorder: &Recorder,
        written: &Written,
    ) -> anyhow::Result<(Vec<(&'static str, Recorder)>, Vec<String>)> {
        let service = Rehearsal::new(&recorder.unmasked()?, &[]);
        let named =
            |name: &str| recorder.beside(format!("{} {} {name}", self.project, self.report));
        let (resumed, full) = (named("resumed"), named("full"));
        let gaps = Gaps::new(resumed.clone());
        let fixture = format!("{}/{}", self.project, self.report);

        let stage = Arc::new(self.stage(&service, gaps.clone())?);
        let mut findings = conformance::go_on_from_checkpoints(&stage, &fixture).await?;
        let stage = self.stage(&service, gaps.recorded_by(full.clone()))?;
        findings.add(conformance::go_through_in_full(&stage, &fixture).await);

        let broken = Rule::all().into_iter().flat_map(|rule| findings.of(rule).evidence);
        let troubles = broken
            .map(|trouble| written.masked(&format!("{}: {}", trouble.scenario, trouble.found)));
        let troubles = troubles.collect();
        let mut recorders = vec![("resumed", resumed), ("full", full)];
        recorders.retain(|(_, recorder)| recorder.requests() > 0);
        Ok((recorders, troubles))
    }

    fn stage(&self, service: &Rehearsal, gaps: Gaps) -> Result<Stage, UsageError> {
        Ok(Stage { job: self.job(None)?, service: service.clone(), gaps: Some(gaps) })
    }

    fn job(&self, tape: Option<Arc<dyn JobTape>>) -> Result<Job, UsageError> {
        let reading = ReadOptions { now: self.now, window: self.window, full: false, tape };
        self.source.job(self.project, self.report, reading)
    }

    /// Plays a recording, which has to succeed, to use every answer and to give as many rows.
    async fn prove(&self, path: &Path, written: &Written, rows: &Rows) -> anyhow::Result<()> {
        let cassette = Arc::new(Cassette::load(path)?);
        let (run, played) = self.run(cassette, async |_| {}).await?;
        let masked = !self.masks.is_empty();
        if run.failures().next().is_some() {
            let messages = run.failures().filter_map(|failure| failure.error.as_ref());
            let messages: Vec<&str> =
                messages.map(|failure| failure.message.as_str()).take(3).collect();
            let reason = written.masked(&messages.join("; "));
            return Err(NotKept::NotPlayed { reason, masked }.into());
        }
        if played != *rows {
            let reason = differences(rows, &played);
            return Err(NotKept::OtherRows { reason, masked }.into());
        }
        Ok(())
    }

    /// One run: a partition after the other, so that recording the same twice gives the same
    /// order of entries.
    async fn run(
        &self,
        tape: Arc<dyn JobTape>,
        ended: impl AsyncFnMut(&Arc<PartitionReport>),
    ) -> Result<(RunReport, Rows), UsageError> {
        let job = self.job(Some(tape))?;
        let rows = DryRows::default();
        let options = Options { jobs: 1, ..Options::default() };
        let run = run::read(vec![Arc::new(job)], Sink::Dry(rows.clone()), &options, ended).await;
        let rows = rows.take().into_iter().map(|(table, dry)| (table, dry.rows.len())).collect();
        Ok((run, rows))
    }
}

fn differences(recorded: &Rows, played: &Rows) -> String {
    let tables: BTreeSet<&String> = recorded.keys().chain(played.keys()).collect();
    let of = |rows: &Rows, table: &String| rows.get(table).copied().unwrap_or(0);
    let told = tables
        .into_iter()
        .filter(|table| of(recorded, table) != of(played, table))
        .map(|table| format!("{table} {} instead of {}", of(played, table), of(recorded, table)));
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_with_other_numbers_are_told() {
        let rows = |rows: &[(&str, usize)]| -> Rows {
            rows.iter().map(|(table, count)| ((*table).to_string(), *count)).collect()
        };
        assert_eq!(
            differences(&rows(&[("a", 1), ("b", 2), ("c", 3)]), &rows(&[("b", 2), ("c", 4)])),
            "a 0 instead of 1, c 4 instead of 3"
        );
    }
}
