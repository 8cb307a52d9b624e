// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The plugins of a configuration, loaded.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytesize::ByteSize;
use test_dashboard_model::{Description, Report};
use test_dashboard_store::Owner;

use crate::config::{Config, DatasourceConfig, Limits, LimitsConfig};
use crate::lock::Lock;
use crate::plugin::{Plugin, PluginError, Runtime};
use crate::usage_error::{UsageError, did_you_mean};

use super::Memory;

/// Every configured datasource's plugin, or why it is not there.
pub struct Installed {
    plugins: BTreeMap<String, Result<Arc<Plugin>, Arc<PluginError>>>,
}

impl Installed {
    /// Loads all plugins of the configuration, side by side. A plugin that cannot be loaded
    /// is kept with its error: a run that needs only the others goes on.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for limits that make no sense, and for a lock file that cannot be understood.
    pub async fn load(config: &Config, runtime: &Runtime) -> Result<Self, UsageError> {
        let lock = &Lock::of(config)?;
        // Each describes itself, which takes an instance.
        let memory = &Memory::new(config.memory());
        let loading = config.datasources.iter().map(|(name, datasource)| async move {
            let limits = limits_of(config, name, datasource);
            let path = config.resolve_path(&datasource.plugin);
            let _reserved = memory.reserve(limits.memory).await;
            let loaded = match lock.expects(config, name, &path) {
                Ok(pinned) => runtime.load_pinned(&path, Arc::new(limits), pinned.as_ref()).await,
                Err(error) => Err(error),
            };
            if let Ok(plugin) = &loaded
                && plugin.description.name != *name
            {
                return Err(UsageError::new(format!(
                    "datasources.{name} names the plugin {}, which is for {}: it writes to tables named {}_…, so call the section [datasources.{}]",
                    path.display(),
                    plugin.description.name,
                    plugin.description.name,
                    plugin.description.name
                )));
            }
            Ok((name.clone(), loaded.map(Arc::new).map_err(Arc::new)))
        });
        let plugins = futures::future::try_join_all(loading).await?;
        Ok(Installed { plugins: plugins.into_iter().collect() })
    }

    /// Every datasource with its plugin or error, by name.
    pub fn all(&self) -> impl Iterator<Item = (&str, Result<&Arc<Plugin>, &PluginError>)> {
        self.plugins
            .iter()
            .map(|(name, plugin)| (name.as_str(), plugin.as_ref().map_err(|error| &**error)))
    }

    /// The datasource that owns a report, its plugin, and the report.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when no plugin or more than one has it, with the nearest names, and with
    /// the plugins that could not be loaded, one of which may be the one that was meant.
    pub fn owner_of(&self, report: &str) -> Result<(&str, &Arc<Plugin>, &Report), UsageError> {
        let mut owners = self.loaded().filter_map(|(name, plugin)| {
            plugin.report(report).map(|declared| (name, plugin, declared))
        });
        if let Some(owner) = owners.next() {
            if let Some((other, ..)) = owners.next() {
                return Err(UsageError::new(format!(
                    "the report {report} is in two plugins, {} and {other}: remove one of them",
                    owner.0
                )));
            }
            return Ok(owner);
        }
        let known: Vec<&String> = self
            .loaded()
            .flat_map(|(_, plugin)| plugin.description.reports.iter().map(|report| &report.name))
            .collect();
        let missing: Vec<String> = self
            .all()
            .filter_map(|(name, plugin)| Some((name, plugin.err()?)))
            .map(|(name, error)| format!("\nthe plugin of {name} could not be loaded: {error}"))
            .collect();
        let near = || did_you_mean(report, known.iter());
        Err(UsageError::new(
            match (self.plugins.is_empty(), missing.is_empty(), known.is_empty()) {
                (true, ..) => format!(
                    "there is no report {report:?}: the configuration names no plugin. `test-dashboard plugin add` installs one"
                ),
                (_, true, _) => format!("there is no report {report:?}{}", near()),
                // One that could not be loaded may have it.
                (_, false, true) => {
                    format!(
                        "no plugin could be loaded to read {report:?} with:{}",
                        missing.concat()
                    )
                }
                (_, false, false) => format!(
                    "no plugin that could be loaded has a report {report:?}{}{}",
                    near(),
                    missing.concat()
                ),
            },
        ))
    }

    fn loaded(&self) -> impl Iterator<Item = (&str, &Arc<Plugin>)> {
        self.plugins
            .iter()
            .filter_map(|(name, plugin)| Some((name.as_str(), plugin.as_ref().ok()?)))
    }
}

/// For whom the tables of a plugin are prepared.
pub fn owner(plugin: &Plugin) -> Owner {
    let Description { name, version, reports, .. } = &plugin.description;
    Owner {
        datasource: name.clone(),
        plugin_version: version.clone(),
        reports: reports.iter().map(|one| (one.name.clone(), one.tables.clone())).collect(),
    }
}

/// Loads one file as the plugin of the datasource that it says it is for, whichever file the
/// configuration names. One that was added must be what was added.
///
/// # Errors
///
/// [`PluginError`] when it cannot be loaded or is not the file that was added; [`UsageError`] when the configuration has no such
/// datasource.
pub async fn load_one(
    config: &Config,
    runtime: &Runtime,
    file: &Path,
) -> anyhow::Result<Arc<Plugin>> {
    let general = LimitsConfig::default().resolve(&config.limits);
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let pinned = Lock::of(config)?.of_file(config, &stem, file)?;
    let plugin = runtime.load_pinned(file, Arc::new(general), pinned.as_ref()).await?;
    let name = plugin.description.name.clone();
    let Some(datasource) = config.datasources.get(&name) else {
        return Err(UsageError::new(format!(
            "{} is for {name}, and the configuration has no [datasources.{name}]",
            file.display()
        ))
        .into());
    };
    let limits = limits_of(config, &name, datasource);
    Ok(Arc::new(plugin.with_limits(Arc::new(limits))))
}

fn limits_of(config: &Config, name: &str, datasource: &DatasourceConfig) -> Limits {
    let limits = datasource.limits.resolve(&config.limits);
    // What all may have is the most that one may have.
    let memory = limits.memory.min(config.memory());
    if memory < limits.memory {
        tracing::warn!(
            "datasources.{name}: limits.memory is {}, and `memory` lets all plugins together have {}: it gets no more than that",
            ByteSize(limits.memory).display().iec(),
            ByteSize(memory).display().iec()
        );
    }
    Limits { memory, ..limits }
}
