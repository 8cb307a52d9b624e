// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The shipped plugins, as they are built, and what may come of a run of one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use test_dashboard::config::Limits;
use test_dashboard::plugin::{Plugin, Runtime};
use test_dashboard::pump::{DryRows, Sink};
use test_dashboard::run::{self, Options};
use test_dashboard::source::Job;

use crate::corpus::repository;

/// Budgets that end whatever is going on long before it counts as a hang.
pub fn limits() -> Limits {
    const MIB: u64 = 1 << 20;
    Limits {
        memory: 64 * MIB,
        cpu_time: Duration::from_secs(3),
        wall_time: Duration::from_secs(6),
        max_requests: 50,
        max_response_bytes: 16 * MIB,
        max_body_bytes: 4 * MIB,
        request_timeout: Duration::from_secs(2),
        max_attempts: 2,
        max_wait: Duration::from_millis(600),
        max_batch_bytes: 16 * MIB,
        max_partitions: 100,
        ..Limits::default()
    }
}

/// Loads these plugins from `target/plugins`; what was compiled of them is kept where the program
/// keeps it.
///
/// # Errors
///
/// When one is not built.
pub async fn load(names: &[&str], limits: Limits) -> anyhow::Result<BTreeMap<String, Arc<Plugin>>> {
    let runtime = Runtime::new()?;
    let limits = Arc::new(limits);
    let mut plugins = BTreeMap::new();
    for name in names {
        let file = repository().join(format!("target/plugins/{name}.wasm"));
        let plugin = runtime.load(&file, Arc::clone(&limits)).await;
        let plugin = plugin.context("`make plugins guests` builds what is tried")?;
        plugins.insert((*name).to_owned(), Arc::new(plugin));
    }
    Ok(plugins)
}

/// Runs a job of a shipped plugin and tells what came of it: rows, rejected rows, or a failure.
///
/// # Errors
///
/// The plugin crashed or broke the contract, whatever it was answered.
pub async fn run(job: Job) -> anyhow::Result<String> {
    let rows = DryRows::default();
    let options = Options { jobs: 1, ..Options::default() };
    let report = run::read(vec![Arc::new(job)], Sink::Dry(rows.clone()), &options, async |_| {});
    let report = report.await;
    let mut told = Vec::new();
    for failure in report.failures().filter_map(|partition| partition.error.as_ref()) {
        let is_its_own = !["trap", "contract"].contains(&failure.kind.as_str());
        anyhow::ensure!(is_its_own, "a shipped plugin misbehaves: {}", failure.message);
        told.push(format!("{}: {}", failure.kind, failure.message));
    }
    told.truncate(1);
    for (name, table) in rows.take() {
        if let Some(rejected) = table.rejected.first() {
            told.push(format!("{name} rejects: {}", rejected.reason));
        }
        if !table.rows.is_empty() {
            told.push(format!("rows of {name}"));
        }
    }
    Ok(told.join("; "))
}
