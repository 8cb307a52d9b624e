// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A plugin's file: what every command does with it before it is trusted, and then its calls.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use test_dashboard::config::Limits;
use test_dashboard::plugin::{
    Instance, InstanceOptions, Plugin, PluginError, ProjectContext, Request, Runtime,
};
use test_dashboard_model::validate::Validator;

use super::shipped;

/// How many batches of a partition are read.
const BATCHES: usize = 8;

/// See [`Target::Component`](super::Target::Component).
pub struct Component {
    runtime: Runtime,
    limits: Arc<Limits>,
    path: PathBuf,
}

impl Component {
    /// Compiles within less time than what counts as a hang.
    pub fn new() -> anyhow::Result<Component> {
        let limits = Limits { compile_time: Duration::from_secs(10), ..shipped::limits() };
        let (runtime, limits) = (Runtime::new()?, Arc::new(limits));
        Ok(Component { runtime, limits, path: PathBuf::from("fuzzed.wasm") })
    }

    /// Loads the file, and where it is a plugin reads its first report.
    pub async fn attempt(&self, input: &[u8]) -> anyhow::Result<String> {
        let limits = Arc::clone(&self.limits);
        let loaded = self.runtime.load_bytes(&self.path, input.to_vec(), limits).await;
        Ok(match loaded {
            // In a process of its own, so nothing but this file suffers; it is a fault all the same.
            Err(error @ PluginError::Compiler { .. }) => anyhow::bail!(error),
            Err(error) => error.to_string(),
            Ok(plugin) => match read(&plugin).await {
                Ok(how) => how,
                Err(error) => error.to_string(),
            },
        })
    }
}

async fn read(plugin: &Plugin) -> Result<String, PluginError> {
    let Some(report) = plugin.description.reports.first() else {
        return Ok("a plugin without reports".to_owned());
    };
    let mut instance = instantiate(plugin).await?;
    let request = Request {
        report: report.name.clone(),
        context: ProjectContext {
            project: "fuzzed".to_owned(),
            base_url: "https://api.example.com".to_owned(),
            settings: "{}".to_owned(),
            now: jiff::Timestamp::UNIX_EPOCH,
        },
        since: None,
        until: None,
        full: false,
    };
    let mut validators: Vec<Validator> =
        plugin.tables_of(report).into_iter().map(Validator::new).collect();
    let (mut rows, mut rejected) = (false, None);
    for partition in instance.plan(&request).await?.iter().take(2) {
        let mut instance = instantiate(plugin).await?;
        let mut reader = instance.open(&request, partition, None).await?;
        for _ in 0..BATCHES {
            let Some(batch) = instance.next_batch(&mut reader).await? else { break };
            let validator = validators.iter_mut().find(|one| one.table().name == batch.table);
            let Some(validator) = validator else { return Ok("a table of its own".to_owned()) };
            for row in batch.rows {
                match validator.check(row) {
                    Ok(_) => rows = true,
                    Err(row) => rejected = Some(row.reason),
                }
            }
        }
    }
    Ok(format!("read, with rows: {rows}, rejected: {rejected:?}"))
}

async fn instantiate(plugin: &Plugin) -> Result<Instance, PluginError> {
    plugin.instantiate(InstanceOptions::offline(&plugin.path)).await
}
