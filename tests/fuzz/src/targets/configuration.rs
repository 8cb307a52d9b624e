// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A configuration and the lock file beside it, and what commands ask of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use test_dashboard::config::{Config, Environment};
use test_dashboard::lock::{Addition, LOCK_FILE, Lock, add_datasource, remove_datasource, survey};
use test_dashboard::plugin::Plugin;
use test_dashboard::source::gate_options;
use test_dashboard_egress::Gate;

use super::har::without;
use super::shipped;

/// The line of an input behind which the lock file begins.
const LOCK: &str = "# --- test-dashboard.lock\n";

/// See [`Target::Configuration`](super::Target::Configuration).
pub struct Configuration {
    folder: PathBuf,
    plugin: Arc<Plugin>,
    environment: Environment,
}

impl Configuration {
    /// Beside a plugin, so that a configuration has something to grant.
    pub async fn new(scratch: &Path) -> anyhow::Result<Configuration> {
        let plugins = shipped::load(&["github"], shipped::limits()).await?;
        let plugin = plugins.into_values().next();
        let plugin = plugin.ok_or_else(|| anyhow::anyhow!("no plugin is loaded"))?;
        let environment =
            Environment::of([("NUMBER", "7"), ("GITHUB_TOKEN", "token"), ("EMPTY", "")]);
        Ok(Configuration { folder: scratch.to_path_buf(), plugin, environment })
    }

    /// Reads both files, resolves all that is in them, and adds and removes a datasource.
    pub fn attempt(&self, input: &[u8]) -> anyhow::Result<String> {
        let (text, lock) = split(input);
        let file = self.folder.join("test-dashboard.toml");
        std::fs::write(&file, text)?;
        let lock_file = self.folder.join(LOCK_FILE);
        std::fs::write(&lock_file, lock)?;
        let mut told = Vec::new();
        match Config::load(Some(&file)) {
            Err(error) => told.push(error.to_string()),
            Ok(config) => {
                told.push(self.resolve(&config));
                self.edit(str::from_utf8(text)?.trim_start_matches('\u{feff}'))?;
                match Lock::of(&config) {
                    Err(error) => told.push(error.to_string()),
                    Ok(lock) => {
                        told.push(format!("{} pinned", lock.plugins.len().min(3)));
                        self.check_lock(&config, &lock)?;
                    }
                }
            }
        }
        Ok(without(&told.join("; "), &self.folder))
    }

    /// Everything that is looked up when it is used. The first thing that makes no sense.
    fn resolve(&self, config: &Config) -> String {
        let mut problems: Vec<String> = Vec::new();
        let _ = (config.jobs(), config.history_days(), config.plugin_folder());
        if let Some(database) = &config.database {
            let target = database.target(&config.folder, &self.environment);
            problems.extend(target.err().map(|error| error.to_string()));
        }
        for (name, datasource) in &config.datasources {
            let _ = datasource.limits.resolve(&config.limits);
            problems.extend(datasource.masks(&[]).err().map(|error| error.to_string()));
            let gate = gate_options(config, name, &self.plugin, &self.environment, true);
            problems.extend(match gate.map(|(options, _)| Gate::new(options)) {
                Err(error) => Some(error.to_string()),
                Ok(Err(error)) => Some(error.to_string()),
                Ok(Ok(_)) => None,
            });
            let projects = config.select_projects("ALL", name).unwrap_or_default();
            for project in projects {
                let settings = config.settings(&project, name, &self.environment);
                problems.extend(settings.err().map(|error| error.to_string()));
            }
        }
        problems.into_iter().next().unwrap_or_else(|| "resolved".to_owned())
    }

    /// What is added can be read, and is gone again when it is removed.
    fn edit(&self, text: &str) -> anyhow::Result<()> {
        let addition = Addition::of(&self.plugin.description, "plugins/github.wasm".into());
        let mut addition = addition.map_err(anyhow::Error::msg)?;
        addition.name = "added".to_owned();
        if let Ok(added) = add_datasource(text, &addition) {
            let (removed, _) = remove_datasource(&added, "added").map_err(anyhow::Error::msg)?;
            anyhow::ensure!(!removed.contains("[datasources.added]"), "it stays: {removed:?}");
        }
        Ok(())
    }

    /// What is written of a lock file is read as the same.
    fn check_lock(&self, config: &Config, lock: &Lock) -> anyhow::Result<()> {
        for (name, datasource) in &config.datasources {
            let _ = lock.expects(config, name, &config.resolve_path(&datasource.plugin));
        }
        let _ = survey(config, lock);
        let file = self.folder.join("written.lock");
        std::fs::write(&file, lock.render()?)?;
        let again = Lock::read(&file)?;
        anyhow::ensure!(again == *lock, "written and read, {lock:?} is {again:?}");
        Ok(())
    }
}

fn split(input: &[u8]) -> (&[u8], &[u8]) {
    let found = input.windows(LOCK.len()).position(|window| window == LOCK.as_bytes());
    match found {
        Some(at) => {
            (input.get(..at).unwrap_or_default(), input.get(at + LOCK.len()..).unwrap_or_default())
        }
        None => (input, b"version = 1\n"),
    }
}
