// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A job: one report of one project, read through one plugin.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use test_dashboard_egress::{Cassette, GateError, Masks, Session, Tape, Window};
use test_dashboard_model::Table;
use test_dashboard_store::{PartitionKey, ReportKey, RunWindow};

use super::{Access, JobRecording, JobTape, Progress, recording_file};
use crate::plugin::{Instance, PluginError, ProjectContext, Request};

/// Where a run's requests are recorded to or replayed from.
#[derive(Debug, Clone, Default)]
pub enum Tapes {
    /// They are sent, and that is all.
    #[default]
    Live,
    /// They are sent and written to `FOLDER/PROJECT/REPORT.har`.
    Record(PathBuf),
    /// They are answered from `FOLDER/PROJECT/REPORT.har`.
    Replay(PathBuf),
}

impl Tapes {
    /// Whether answers come from recordings.
    pub fn is_replay(&self) -> bool {
        matches!(self, Tapes::Replay(_))
    }

    /// The recording that answers for one report and project; none for a run that asks the
    /// network.
    ///
    /// # Errors
    ///
    /// When the recording cannot be read.
    pub fn cassette(&self, project: &str, report: &str) -> Result<Option<Cassette>, GateError> {
        match self {
            Tapes::Live | Tapes::Record(_) => Ok(None),
            Tapes::Replay(folder) => {
                Cassette::load(&recording_file(folder, project, report)).map(Some)
            }
        }
    }

    /// The tape of a run that asks the network. A recording of it holds nothing that `masks`
    /// find.
    pub fn live(
        &self,
        project: &str,
        report: &str,
        now: Timestamp,
        window: Window,
        masks: &Masks,
    ) -> Option<Arc<dyn JobTape>> {
        let Tapes::Record(folder) = self else { return None };
        let recording = JobRecording::new(folder, project, report, now, window, masks.clone());
        Some(Arc::new(recording))
    }
}

/// One report of one project.
pub struct Job {
    /// The datasource's name.
    pub datasource: String,
    /// Its plugin, behind its gate.
    pub access: Access,
    /// What is asked of the plugin.
    pub request: Request,
    /// The tables that the report fills.
    pub tables: Vec<Arc<Table>>,
    /// What its requests are recorded to or replayed from.
    pub tape: Option<Arc<dyn JobTape>>,
    /// How far it has come.
    pub progress: Progress,
}

impl Job {
    /// What is asked about, as log lines and messages begin.
    pub fn label(&self) -> String {
        format!("{} {}", self.context().project, self.request.report)
    }

    /// Under which key the database knows the report.
    pub fn key(&self) -> ReportKey {
        ReportKey {
            project: self.context().project.clone(),
            datasource: self.datasource.clone(),
            report: self.request.report.clone(),
        }
    }

    /// Under which key the database knows one of the report's partitions.
    pub fn partition_key(&self, partition: &str) -> PartitionKey {
        PartitionKey {
            project: self.context().project.clone(),
            datasource: self.datasource.clone(),
            report: self.request.report.clone(),
            partition: partition.into(),
        }
    }

    /// The project's side of the request.
    pub fn context(&self) -> &ProjectContext {
        &self.request.context
    }

    /// The days that were asked for, where they leave something out. A run over a window is no
    /// full refresh, and says nothing of the report as a whole.
    pub fn window(&self) -> Option<RunWindow> {
        let Request { since, until, .. } = self.request;
        run_window(Window { since, until }, self.context().now)
    }

    /// A session for the requests of one instance, with a budget of its own.
    pub fn session(&self, label: String) -> Session {
        let tape = self.tape.clone().map(|tape| tape as Arc<dyn Tape>);
        self.access.session(label, tape, self.progress.requests())
    }

    /// A fresh instance whose requests go through the gate in `session`.
    ///
    /// # Errors
    ///
    /// As [`Access::instantiate`].
    pub async fn instantiate(
        &self,
        label: String,
        session: Session,
    ) -> Result<Instance, PluginError> {
        self.access.instantiate(label, session, self.context().now).await
    }
}

/// The days of a window that leaves something out: without a begin, and with an end that is still
/// to come, it leaves out nothing.
pub fn run_window(window: Window, now: Timestamp) -> Option<RunWindow> {
    let Window { since, until } = window;
    if since.is_none() && until.is_none_or(|until| until > now) {
        return None;
    }
    let day = |moment: Timestamp| moment.to_zoned(TimeZone::UTC).date();
    // The end is exclusive.
    let last = until.and_then(|end| end.checked_sub(SignedDuration::from_micros(1)).ok());
    Some(RunWindow { since: since.map(day), until: last.map(day) })
}
