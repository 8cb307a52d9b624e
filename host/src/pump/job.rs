// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What is read: one report of one project, through one plugin.

use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use test_dashboard_egress::{Gate, Session, Tape, Window};
use test_dashboard_model::Table;
use test_dashboard_store::{PartitionKey, ReportKey, RunWindow};

use super::output::Output;
use super::{JobTape, Progress};
use crate::plugin::{Instance, InstanceOptions, Plugin, PluginError, ProjectContext, Request};

/// One report of one project.
pub struct Job {
    /// The datasource's name.
    pub datasource: String,
    /// Its plugin.
    pub plugin: Arc<Plugin>,
    /// Its gate.
    pub gate: Gate,
    /// What is asked of the plugin.
    pub request: Request,
    /// The tables that the report fills.
    pub tables: Vec<Arc<Table>>,
    /// What its requests are recorded to or replayed from.
    pub tape: Option<Arc<dyn JobTape>>,
    /// How far it has come.
    pub progress: Progress,
    /// What its partitions have returned.
    pub output: Output,
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
    /// full one, and says nothing of the report as a whole.
    pub fn window(&self) -> Option<RunWindow> {
        let Request { since, until, .. } = self.request;
        run_window(Window { since, until }, self.context().now)
    }

    /// A session for the requests of one instance, with a budget of its own.
    pub fn session(&self, label: String) -> Session {
        let budget = self.plugin.limits().requests();
        let tape = self.tape.clone().map(|tape| tape as Arc<dyn Tape>);
        Session::metered(label, tape, budget, self.progress.requests())
    }

    /// A fresh instance whose requests go through the gate in `session`.
    ///
    /// # Errors
    ///
    /// As [`Plugin::instantiate`].
    pub async fn instantiate(
        &self,
        label: String,
        session: Session,
    ) -> Result<Instance, PluginError> {
        let gate = Some((self.gate.clone(), session));
        self.plugin.instantiate(InstanceOptions { label, gate, now: self.context().now }).await
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
