// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A datasource of the configuration, ready to be read: its plugin, and the gate that all of
//! its jobs go through.
//!
//! ```text
//! configuration → plugin (installed) → policy → gate (Datasource) → job
//! ```
//!
//! [`Installed`] has the plugins, a [`Datasource`] one of them behind its gate, and a [`Job`] is one
//! report of one project.

mod access;
mod installed;
mod job;
mod memory;
mod policy;
mod progress;
mod tape;

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_egress::{Gate, GateOptions, Masks, Window};

use crate::config::{Config, Environment};
use crate::plugin::{Plugin, ProjectContext, Request};
use crate::usage_error::{UsageError, did_you_mean};
pub use access::Access;
pub use installed::{Installed, load_one, owner};
pub use job::{Job, Tapes, run_window};
pub use memory::Memory;
pub use policy::{base_url_of, gate_options, settings_of};
pub use progress::{Progress, Seen};
pub use tape::{JobRecording, JobTape, recording_file};

/// One datasource, its plugin loaded.
pub struct Datasource<'a> {
    config: &'a Config,
    environment: &'a Environment,
    name: String,
    access: Access,
    base_url: String,
}

/// How a report is read.
pub struct ReadOptions {
    /// What the plugin takes for the present.
    pub now: Timestamp,
    /// The time to look at.
    pub window: Window,
    /// Whether everything is read again.
    pub full: bool,
    /// Where answers come from, or go to, but for the network.
    pub tape: Option<Arc<dyn JobTape>>,
}

impl<'a> Datasource<'a> {
    /// The datasource `name` of the configuration. Without `credentials` (a replay) no
    /// credential is looked up.
    ///
    /// # Errors
    ///
    /// [`UsageError`] names the setting that is missing or makes no sense.
    pub fn new(
        config: &'a Config,
        environment: &'a Environment,
        name: &str,
        plugin: &Arc<Plugin>,
        credentials: bool,
    ) -> Result<Self, UsageError> {
        Self::with_gate(config, environment, name, plugin, credentials, |gate| gate)
    }

    /// The same with a gate that differs from what is configured.
    ///
    /// # Errors
    ///
    /// As [`Datasource::new`].
    pub fn with_gate(
        config: &'a Config,
        environment: &'a Environment,
        name: &str,
        plugin: &Arc<Plugin>,
        credentials: bool,
        change: impl FnOnce(GateOptions) -> GateOptions,
    ) -> Result<Self, UsageError> {
        let (gate, base_url) = gate_options(config, name, plugin, environment, credentials)?;
        // Each of its reasons is a setting of the datasource.
        let gate = Gate::new(change(gate)).map_err(|error| UsageError::new(error.to_string()))?;
        Ok(Self::behind(config, environment, Access::new(plugin, gate), base_url))
    }

    /// The datasource of a plugin behind a gate that is not configured, at this base URL.
    pub fn behind(
        config: &'a Config,
        environment: &'a Environment,
        access: Access,
        base_url: String,
    ) -> Self {
        let name = access.plugin.description.name.clone();
        Datasource { config, environment, name, access, base_url }
    }

    /// Its plugin, behind its gate.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// What is masked in recordings: the datasource's `record-mask`, and `further`.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when one of these is no JSON path.
    pub fn masks(&self, further: &[String]) -> Result<Masks, UsageError> {
        let Some(datasource) = self.config.datasources.get(&self.name) else {
            return Ok(Masks::default());
        };
        datasource.masks(further).map_err(|error| UsageError::new(format!("--mask: {error}")))
    }

    /// The job that reads one report of one project.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the plugin has no such report, or the project's settings are not what
    /// the plugin takes.
    pub fn job(
        &self,
        project: &str,
        report: &str,
        reading: ReadOptions,
    ) -> Result<Job, UsageError> {
        let plugin = &self.access.plugin;
        let Some(declared) = plugin.report(report) else {
            let known = plugin.description.reports.iter().map(|report| &report.name);
            return Err(UsageError::new(format!(
                "{} has no report {report:?}{}",
                self.name,
                did_you_mean(report, known)
            )));
        };
        Ok(Job {
            datasource: self.name.clone(),
            request: Request {
                report: report.to_string(),
                context: self.context(project, reading.now)?,
                since: reading.window.since,
                until: reading.window.until,
                full: reading.full,
            },
            tables: plugin.tables_of(declared),
            access: self.access.clone(),
            tape: reading.tape,
            progress: Progress::default(),
        })
    }

    /// What the plugin is given of a project with every call.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when the project's settings are not what the plugin takes.
    pub fn context(&self, project: &str, now: Timestamp) -> Result<ProjectContext, UsageError> {
        let Datasource { config, environment, name, access, base_url } = self;
        let settings = settings_of(config, environment, name, &access.plugin, project)?;
        Ok(ProjectContext {
            project: project.to_string(),
            base_url: base_url.clone(),
            settings,
            now,
        })
    }
}

/// The gate of one of so many shards, which keep together to the pace that the service bears: each to
/// its part of `requests-per-minute`, rounded down and never nothing.
pub fn share(shards: u16) -> impl FnOnce(GateOptions) -> GateOptions {
    move |gate| GateOptions {
        requests_per_minute: gate.requests_per_minute.map(|all| part_of(all, shards)),
        ..gate
    }
}

fn part_of(all: NonZeroU32, shards: u16) -> NonZeroU32 {
    let part = all.get().checked_div(u32::from(shards)).and_then(NonZeroU32::new);
    part.unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_together_are_no_faster_than_one_process() {
        for (all, shards, each) in [(180, 1, 180), (180, 4, 45), (7, 2, 3), (3, 4, 1)] {
            let all = NonZeroU32::new(all).unwrap();
            assert_eq!(part_of(all, shards).get(), each, "{all} of {shards}");
        }
    }
}
