// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The request for a run.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_egress::Cassette;
use test_dashboard_store::{NewRun, PartitionKey, REPLAY, RunWindow};

use super::{Days, Options, Part, Selection};
use crate::config::{Config, Environment, Every};
use crate::source::{
    Datasource, Installed, Job, JobTape, Memory, ReadOptions, Tapes, run_window, share,
};
use crate::usage_error::UsageError;

/// What is to be read, and how.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// A configured project, or ALL.
    pub project: String,
    /// A report of a configured plugin.
    pub report: String,
    /// The days to look at.
    pub days: Days,
    /// Whether everything is read again, and what is deleted upstream is removed.
    pub full: bool,
    /// Only what was last read this long ago.
    pub every: Option<Every>,
    /// How many partitions are read at the same time, where that differs from what is configured.
    pub at_once: Option<usize>,
    /// The part that this process reads.
    pub part: Part,
    /// Only these partitions, for `rejects retry`. It says nothing of the report as a whole.
    pub only: Option<HashSet<PartitionKey>>,
    /// Where requests are recorded to or replayed from.
    pub tapes: Tapes,
}

impl RunRequest {
    /// A report of a project, as it is read without any flag.
    pub fn new(project: impl Into<String>, report: impl Into<String>) -> Self {
        RunRequest {
            project: project.into(),
            report: report.into(),
            days: Days::default(),
            full: false,
            every: None,
            at_once: None,
            part: Part::default(),
            only: None,
            tapes: Tapes::Live,
        }
    }

    /// The command line that asks for it, with the flags that decide what is read: what the
    /// history calls it. From `--replay` at its end `status` tells what was replayed.
    pub fn command(&self) -> String {
        if self.only.is_some() {
            return "rejects retry".into();
        }
        let RunRequest { project, report, .. } = self;
        let days = self.days.flags();
        let full = if self.full { " --full" } else { "" };
        let replay = match &self.tapes {
            Tapes::Replay(folder) => format!("{REPLAY}{}", folder.display()),
            Tapes::Live | Tapes::Record(_) => String::new(),
        };
        format!("run --project {project} --report-type {report}{days}{full}{replay}")
    }

    /// The days that it is for, where they leave something out. A replay is for none.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no day in it, or none that can be looked at.
    pub fn window(&self, now: Timestamp) -> Result<Option<RunWindow>, UsageError> {
        match self.tapes.is_replay() {
            true => Ok(None),
            false => Ok(run_window(self.days.window(now)?, now)),
        }
    }

    /// What the history calls it.
    pub(super) fn new_run(&self) -> NewRun {
        NewRun {
            project: self.project.clone(),
            report: self.report.clone(),
            command: self.command(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        }
    }

    /// How many partitions are read at the same time.
    pub(super) fn at_once(&self, config: &Config) -> usize {
        self.at_once.unwrap_or_else(|| config.jobs())
    }

    pub(super) fn options(&self, config: &Config, selection: Selection) -> Options {
        let memory = Memory::new(config.memory());
        Options { jobs: self.at_once(config), memory, selection }
    }

    /// What is asked for as jobs: one per project.
    ///
    /// # Errors
    ///
    /// [`UsageError`] names what the plugins or the configuration do not have.
    pub fn jobs(
        &self,
        config: &Config,
        environment: &Environment,
        installed: &Installed,
    ) -> Result<Vec<Job>, UsageError> {
        let RunRequest { report, tapes, .. } = self;
        let (datasource, plugin, _) = installed.owner_of(report)?;
        let projects = config.select_projects(&self.project, datasource)?;
        let (is_live, pace) = (!tapes.is_replay(), share(self.part.shard.count()));
        let source = Datasource::with_gate(config, environment, datasource, plugin, is_live, pace)?;
        let masks = source.masks(&[])?;
        let present = Timestamp::now();
        let mut jobs = Vec::new();
        for project in projects {
            let cassette = tapes.cassette(&project, report);
            let cassette = cassette.map_err(|error| UsageError::new(error.to_string()))?;
            let now = cassette.as_ref().and_then(Cassette::now).unwrap_or(present);
            let window = match &cassette {
                Some(cassette) if !self.days.are_named() && !self.full => cassette.window(),
                _ => self.days.window(now)?,
            };
            let tape: Option<Arc<dyn JobTape>> = match cassette {
                Some(cassette) => Some(Arc::new(cassette)),
                None => tapes.live(&project, report, now, window, &masks),
            };
            let reading = ReadOptions { now, window, full: self.full, tape };
            jobs.push(source.job(&project, report, reading)?);
        }
        Ok(jobs)
    }
}
