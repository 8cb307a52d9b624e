// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A recording: read, and played to the shipped plugin whose service it is of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use test_dashboard::config::{Config, Environment};
use test_dashboard::conformance::Rehearsal;
use test_dashboard::plugin::Plugin;
use test_dashboard::source::{Datasource, JobTape, ReadOptions};
use test_dashboard_egress::Cassette;

use super::shipped;
use crate::corpus::repository;

/// What an address of each datasource has, with the configuration of the demo.
const SERVICES: [(&str, &str); 4] = [
    ("github", "api.github.com"),
    ("testrail", "testrail.example.com"),
    ("bitrise", "api.bitrise.io"),
    ("taskcluster", "firefox-ci-tc"),
];

/// See [`Target::Har`](super::Target::Har).
pub struct Har {
    config: Config,
    plugins: BTreeMap<String, Arc<Plugin>>,
    file: PathBuf,
}

impl Har {
    /// With the shipped plugins.
    pub async fn new(scratch: &Path) -> anyhow::Result<Har> {
        let config = Config::load(Some(&repository().join("demo/test-dashboard.toml")))?;
        let plugins = shipped::load(&SERVICES.map(|(name, _)| name), shipped::limits()).await?;
        Ok(Har { config, plugins, file: scratch.join("fuzzed.har") })
    }

    /// Reads the recording and plays it twice: as strictly as `plugin test` does, and as often as
    /// one likes, as `plugin check` does.
    pub async fn attempt(&self, input: &[u8]) -> anyhow::Result<String> {
        std::fs::write(&self.file, input)?;
        let cassette = match Cassette::load(&self.file) {
            Ok(cassette) => cassette,
            Err(error) => return Ok(without(&error.to_string(), &self.file)),
        };
        let text = String::from_utf8_lossy(input);
        let service = SERVICES.iter().find(|(_, address)| text.contains(address));
        let (datasource, _) = service.unwrap_or(&SERVICES[0]);
        let environment = Environment::default();
        let Some(plugin) = self.plugins.get(*datasource) else {
            anyhow::bail!("{datasource} is not loaded");
        };
        let source = Datasource::new(&self.config, &environment, datasource, plugin, false)?;
        let (project, report) = self.title_of(input, plugin);
        let (now, window) = (cassette.now().unwrap_or_default(), cassette.window());
        let scene = Rehearsal::new(&cassette, &[]).scene(None);
        let mut told = Vec::new();
        let tapes: [Arc<dyn JobTape>; 2] = [Arc::new(cassette), Arc::new(scene)];
        for tape in tapes {
            let reading = ReadOptions { now, window, full: false, tape: Some(tape) };
            told.push(match source.job(&project, &report, reading) {
                Ok(job) => shipped::run(job).await?,
                Err(error) => error.to_string(),
            });
        }
        told.dedup();
        Ok(told.join(" | "))
    }

    /// The project and the report that the recording says it is of; else some.
    fn title_of(&self, input: &[u8], plugin: &Plugin) -> (String, String) {
        let document: Option<serde_json::Value> = serde_json::from_slice(input).ok();
        let title = document.as_ref().and_then(|har| har.pointer("/log/pages/0/title")?.as_str());
        let (project, report) = title.and_then(|title| title.split_once(' ')).unwrap_or_default();
        let project = if self.config.projects.contains_key(project) { project } else { "fenix" };
        let some = plugin.description.reports.first().map_or("", |report| &report.name);
        let report = plugin.report(report).map_or(some, |report| &report.name);
        (project.to_owned(), report.to_owned())
    }
}

/// A message without the name of a file that is another in each worker.
pub fn without(message: &str, file: &Path) -> String {
    message.replace(&file.display().to_string(), "FILE")
}
