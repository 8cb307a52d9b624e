// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Tries a project's settings against their plugin, without a network.
//!
//! A plugin reads its settings before it asks its service. An instance that cannot make requests
//! therefore answers `check` with what is wrong with them, or fails with its first request.

use jiff::Timestamp;
use test_dashboard_model::FailureKind;

use crate::config::{Config, Environment};
use crate::plugin::{InstanceOptions, Plugin, PluginError, ProjectContext};
use crate::source::settings_of;
use crate::usage_error::UsageError;

/// Where the service is, for a plugin that is told by a variable. Nothing is sent there.
const NOWHERE: &str = "https://service.invalid";

/// Tries the settings that `config` has for a project and this plugin.
///
/// # Errors
///
/// [`UsageError`] for a setting that is missing, that the plugin does not take, or whose value it
/// cannot use.
pub async fn settings(config: &Config, plugin: &Plugin, project: &str) -> Result<(), UsageError> {
    let description = &plugin.description;
    let environment = Environment::of_process();
    let settings = settings_of(config, &environment, &description.name, plugin, project)?;
    let context = ProjectContext {
        project: project.to_string(),
        base_url: description.default_base_url.clone().unwrap_or_else(|| NOWHERE.into()),
        settings,
        now: Timestamp::now(),
    };
    let options =
        InstanceOptions { label: format!("{project} settings"), gate: None, now: context.now };
    // Whatever else goes wrong has nothing to do with the settings; `check` and `run` tell it.
    let Ok(mut instance) = plugin.instantiate(options).await else { return Ok(()) };
    match instance.check(&context).await {
        // It had read them all when it made a request.
        _ if instance.was_refused_offline() => Ok(()),
        Err(PluginError::Failure(failure)) if failure.kind == FailureKind::Config => {
            Err(UsageError::new(format!("{}: {}", description.name, failure.message)))
        }
        _ => Ok(()),
    }
}
