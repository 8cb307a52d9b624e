// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A datasource of the configuration, ready to be read: its plugin, and the gate that all of
//! its jobs go through.
//!
//! ```text
//! configuration → plugin (installed) → policy → gate (Source) → job
//! ```
//!
//! [`Installed`] has the plugins, a [`Source`] one of them behind its gate, and a [`Job`] is one
//! report of one project.

mod installed;
mod job;
mod memory;
mod policy;
mod progress;

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;
use test_dashboard_egress::{Gate, Masks, Tape, Window};

use crate::config::{Config, Environment};
use crate::misuse::{Misuse, did_you_mean};
use crate::plugin::{Plugin, ProjectContext, Request};
pub use installed::{Installed, load_one, owner};
pub use job::{Job, Tapes, recording_file, run_window};
pub use memory::Memory;
pub use policy::{base_url_of, gate_options, settings_of};
pub use progress::{Progress, Seen};

/// One datasource, its plugin loaded.
pub struct Source<'a> {
    config: &'a Config,
    environment: &'a Environment,
    name: String,
    plugin: Arc<Plugin>,
    gate: Gate,
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
    /// Where answers come from.
    pub tape: Tape,
}

impl<'a> Source<'a> {
    /// The datasource `name` of the configuration. Without `credentials` (a replay) no
    /// credential is looked up.
    ///
    /// # Errors
    ///
    /// [`Misuse`] names the setting that is missing or makes no sense; else why there can be
    /// no gate.
    pub fn new(
        config: &'a Config,
        environment: &'a Environment,
        name: &str,
        plugin: &Arc<Plugin>,
        credentials: bool,
    ) -> anyhow::Result<Self> {
        Self::in_shard(config, environment, name, plugin, credentials, 1)
    }

    /// The same in one of so many shards, which keep together to the pace that the service bears:
    /// each to its part of `requests-per-minute`.
    ///
    /// # Errors
    ///
    /// As [`Source::new`].
    pub fn in_shard(
        config: &'a Config,
        environment: &'a Environment,
        name: &str,
        plugin: &Arc<Plugin>,
        credentials: bool,
        shards: u16,
    ) -> anyhow::Result<Self> {
        let (mut gate, base_url) = gate_options(config, name, plugin, environment, credentials)?;
        gate.requests_per_minute = gate.requests_per_minute.map(|all| share(all, shards));
        Ok(Source {
            config,
            environment,
            name: name.to_string(),
            plugin: Arc::clone(plugin),
            // Each of its reasons is a setting of the datasource.
            gate: Gate::new(gate).map_err(|error| Misuse::new(error.to_string()))?,
            base_url,
        })
    }

    /// What is masked in recordings: the datasource's `record-mask`, and `further`.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when one of these is no JSON path.
    pub fn masks(&self, further: &[String]) -> Result<Masks, Misuse> {
        let Some(datasource) = self.config.datasources.get(&self.name) else {
            return Ok(Masks::default());
        };
        datasource.masks(further).map_err(|error| Misuse::new(format!("--mask: {error}")))
    }

    /// The job that reads one report of one project.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the plugin has no such report, or the project's settings are not what
    /// the plugin takes.
    pub fn job(&self, project: &str, report: &str, reading: ReadOptions) -> Result<Job, Misuse> {
        let Some(declared) = self.plugin.report(report) else {
            let known = self.plugin.description.reports.iter().map(|report| &report.name);
            return Err(Misuse::new(format!(
                "{} has no report {report:?}{}",
                self.name,
                did_you_mean(report, known)
            )));
        };
        let settings =
            settings_of(self.config, self.environment, &self.name, &self.plugin, project)?;
        Ok(Job {
            datasource: self.name.clone(),
            plugin: Arc::clone(&self.plugin),
            gate: self.gate.clone(),
            request: Request {
                report: report.to_string(),
                context: ProjectContext {
                    project: project.to_string(),
                    base_url: self.base_url.clone(),
                    settings,
                    now: reading.now,
                },
                since: reading.window.since,
                until: reading.window.until,
                full: reading.full,
            },
            tables: self.plugin.tables_of(declared),
            tape: reading.tape,
            progress: Progress::default(),
        })
    }
}

/// One of so many parts of a pace, rounded down, and never nothing.
fn share(all: NonZeroU32, shards: u16) -> NonZeroU32 {
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
            assert_eq!(share(all, shards).get(), each, "{all} of {shards}");
        }
    }
}
