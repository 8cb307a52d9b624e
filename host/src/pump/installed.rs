// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The plugins of a configuration, loaded, and the gate of each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytesize::ByteSize;
use test_dashboard_egress::{
    AddressPolicy, AllowList, Credential, CredentialKind as EgressKind, GateOptions, Secret,
};
use test_dashboard_model::{CredentialKind, Description, Report};
use test_dashboard_store::Owner;

use crate::config::{Config, DatasourceConfig, Environment, Limits, LimitsConfig};
use crate::lock::Lock;
use crate::misuse::{Misuse, did_you_mean};
use crate::plugin::{Plugin, PluginError, Runtime};

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
    /// [`Misuse`] for limits that make no sense, and for a lock file that cannot be understood.
    pub async fn load(config: &Config, runtime: &Runtime) -> Result<Self, Misuse> {
        let lock = &Lock::of(config)?;
        // Each describes itself, which takes an instance.
        let memory = &Memory::new(config.memory());
        let loading = config.datasources.iter().map(|(name, datasource)| async move {
            let limits = limits_of(config, name, datasource)?;
            let path = config.resolve_path(&datasource.plugin);
            let _reserved = memory.reserve(limits.memory).await;
            let loaded = match lock.expects(config, name, &path) {
                Ok(pinned) => runtime.load_pinned(&path, Arc::new(limits), pinned.as_ref()).await,
                Err(error) => Err(error),
            };
            if let Ok(plugin) = &loaded
                && plugin.description.name != *name
            {
                return Err(Misuse::new(format!(
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
    /// [`Misuse`] when no plugin or more than one has it, with the nearest names, and with
    /// the plugins that could not be loaded, one of which may be the one that was meant.
    pub fn owner_of(&self, report: &str) -> Result<(&str, &Arc<Plugin>, &Report), Misuse> {
        let mut owners = self.loaded().filter_map(|(name, plugin)| {
            plugin.report(report).map(|declared| (name, plugin, declared))
        });
        if let Some(owner) = owners.next() {
            if let Some((other, ..)) = owners.next() {
                return Err(Misuse::new(format!(
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
        Err(Misuse::new(match (self.plugins.is_empty(), missing.is_empty(), known.is_empty()) {
            (true, ..) => format!(
                "there is no report {report:?}: the configuration names no plugin. `test-dashboard plugin add` installs one"
            ),
            (_, true, _) => format!("there is no report {report:?}{}", near()),
            // One that could not be loaded may have it.
            (_, false, true) => {
                format!("no plugin could be loaded to read {report:?} with:{}", missing.concat())
            }
            (_, false, false) => format!(
                "no plugin that could be loaded has a report {report:?}{}{}",
                near(),
                missing.concat()
            ),
        }))
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
/// [`PluginError`] when it cannot be loaded or is not the file that was added; [`Misuse`] when the configuration has no such
/// datasource.
pub async fn load_one(
    config: &Config,
    runtime: &Runtime,
    file: &Path,
) -> anyhow::Result<Arc<Plugin>> {
    let general = LimitsConfig::default()
        .resolve(&config.limits)
        .map_err(|problem| Misuse::new(problem.to_string()))?;
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let pinned = Lock::of(config)?.of_file(config, &stem, file)?;
    let plugin = runtime.load_pinned(file, Arc::new(general), pinned.as_ref()).await?;
    let name = plugin.description.name.clone();
    let Some(datasource) = config.datasources.get(&name) else {
        return Err(Misuse::new(format!(
            "{} is for {name}, and the configuration has no [datasources.{name}]",
            file.display()
        ))
        .into());
    };
    let limits = limits_of(config, &name, datasource)?;
    Ok(Arc::new(plugin.with_limits(Arc::new(limits))))
}

fn limits_of(config: &Config, name: &str, datasource: &DatasourceConfig) -> Result<Limits, Misuse> {
    let limits = datasource.limits.resolve(&config.limits);
    let limits = limits.map_err(|problem| Misuse::new(format!("datasources.{name}: {problem}")))?;
    // What all may have is the most that one may have.
    let memory = limits.memory.min(config.memory());
    if memory < limits.memory {
        tracing::warn!(
            "datasources.{name}: limits.memory is {}, and `memory` lets all plugins together have {}: it gets no more than that",
            ByteSize(limits.memory).display().iec(),
            ByteSize(memory).display().iec()
        );
    }
    Ok(Limits { memory, ..limits })
}

/// The base URL that a datasource's plugin is given.
///
/// # Errors
///
/// [`Misuse`] when there is none, or it is no address.
pub fn base_url_of(
    config: &Config,
    name: &str,
    plugin: &Plugin,
    environment: &Environment,
) -> Result<String, Misuse> {
    let Some(datasource) = config.datasources.get(name) else {
        return Err(Misuse::new(format!("there is no datasource {name}")));
    };
    base_url(datasource, plugin, environment, &|setting| format!("datasources.{name}.{setting}"))
}

/// What the gate of a datasource lets through and adds, and the base URL for its plugin.
///
/// Without `credentials` (a replay) no credential is looked up.
///
/// # Errors
///
/// [`Misuse`] names the setting that is missing or makes no sense, or the variable that is
/// not set.
pub fn gate_options(
    config: &Config,
    name: &str,
    plugin: &Plugin,
    environment: &Environment,
    credentials: bool,
) -> Result<(GateOptions, String), Misuse> {
    let Some(datasource) = config.datasources.get(name) else {
        return Err(Misuse::new(format!("there is no datasource {name}")));
    };
    let at = |setting: &str| format!("datasources.{name}.{setting}");
    let base_url = base_url(datasource, plugin, environment, &at)?;
    let allow = match (&datasource.allow, &datasource.base_url) {
        (Some(entries), _) => entries
            .iter()
            .map(|entry| {
                let entry = entry
                    .resolve(environment)
                    .map_err(|error| Misuse::new(format!("{}: {error}", at("allow"))))?;
                Ok(with_scheme(&entry))
            })
            .collect::<Result<Vec<_>, Misuse>>()?,
        (None, Some(_)) => vec![origin(&base_url)],
        (None, None) => {
            return Err(Misuse::new(format!(
                "{} is missing: the plugin would like to reach {base_url}; grant it with {} = [\"{}\"]",
                at("allow"),
                at("allow"),
                origin(&base_url)
            )));
        }
    };
    let limits = plugin.limits();
    let options = GateOptions {
        datasource: name.to_string(),
        allow: AllowList::new(&allow)
            .map_err(|error| Misuse::new(format!("{}: {error}", at("allow"))))?,
        addresses: AddressPolicy::new(&datasource.allow_addresses)
            .map_err(|error| Misuse::new(format!("{}: {error}", at("allow-addresses"))))?,
        credential: match credentials {
            true => credential(datasource, &base_url, environment, &at)?,
            false => None,
        },
        requests_per_minute: datasource
            .requests_per_minute
            .or(plugin.description.requests_per_minute.and_then(std::num::NonZeroU32::new)),
        max_concurrent: datasource.max_concurrent(),
        max_attempts: limits.max_attempts,
        max_wait: limits.max_wait,
        request_timeout: limits.request_timeout,
        max_response_bytes: limits.max_body_bytes,
        user_agent: concat!("test-dashboard/", env!("CARGO_PKG_VERSION")).to_string(),
        extra_root_certificates: datasource
            .extra_root_certificates
            .iter()
            .map(|path| config.resolve_path(path))
            .collect(),
    };
    Ok((options, base_url))
}

fn base_url(
    datasource: &DatasourceConfig,
    plugin: &Plugin,
    environment: &Environment,
    at: &impl Fn(&str) -> String,
) -> Result<String, Misuse> {
    let given = match &datasource.base_url {
        Some(template) => template
            .resolve(environment)
            .map_err(|error| Misuse::new(format!("{}: {error}", at("base-url"))))?,
        None => plugin.description.default_base_url.clone().ok_or_else(|| {
            Misuse::new(format!("{} is missing: the service has no public address", at("base-url")))
        })?,
    };
    let full = with_scheme(given.trim().trim_end_matches('/'));
    match url::Url::parse(&full) {
        Ok(url) if url.has_host() && url.username().is_empty() && url.password().is_none() => {
            Ok(full)
        }
        _ => Err(Misuse::new(format!(
            "{} is no address such as https://example.testrail.io",
            at("base-url")
        ))),
    }
}

/// `TESTRAIL_HOST` has always been a bare host name.
fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.to_string() } else { format!("https://{address}") }
}

fn origin(base_url: &str) -> String {
    url::Url::parse(base_url)
        .map_or_else(|_| base_url.to_string(), |url| url.origin().ascii_serialization())
}

fn credential(
    datasource: &DatasourceConfig,
    base_url: &str,
    environment: &Environment,
    at: &impl Fn(&str) -> String,
) -> Result<Option<Credential>, Misuse> {
    let Some(configured) = &datasource.credential else { return Ok(None) };
    let wrong = |setting: &str, error: &dyn std::fmt::Display| {
        Misuse::new(format!("{}: {error}", at(&format!("credential.{setting}"))))
    };
    let secret = match configured.secret.resolve(environment) {
        Ok(secret) => Secret::new(secret),
        Err(_) if configured.optional => return Ok(None),
        Err(error) => return Err(wrong("secret", &error)),
    };
    let kind = match configured.kind {
        CredentialKind::Bearer => EgressKind::Bearer,
        CredentialKind::RawToken => EgressKind::RawToken,
        CredentialKind::Basic => {
            let user = match &configured.user {
                Some(user) => user.resolve(environment).map_err(|error| wrong("user", &error))?,
                None => String::new(),
            };
            EgressKind::Basic { user }
        }
        CredentialKind::Header => {
            EgressKind::Header { name: configured.header.clone().unwrap_or_default() }
        }
    };
    let credential = Credential::new(kind, secret, base_url);
    credential.map(Some).map_err(|error| wrong("secret", &error))
}

/// A project's settings for a datasource as its plugin is given them: a JSON object as text,
/// variables replaced.
///
/// # Errors
///
/// [`Misuse`] names the variable that is not set, the setting that the plugin does not take,
/// or the one that it cannot do without.
pub fn settings_of(
    config: &Config,
    environment: &Environment,
    datasource: &str,
    plugin: &Plugin,
    project: &str,
) -> Result<String, Misuse> {
    let settings = config.settings(project, datasource, environment)?;
    check_settings(project, datasource, &plugin.description, &settings)?;
    Ok(serde_json::Value::Object(settings).to_string())
}

/// A setting that the plugin does not take is a spelling mistake; one that it cannot do
/// without is asked for before anything is tried.
fn check_settings(
    project: &str,
    datasource: &str,
    description: &Description,
    settings: &serde_json::Map<String, serde_json::Value>,
) -> Result<(), Misuse> {
    let known = description.settings.iter().map(|setting| &setting.name);
    for name in settings.keys() {
        if !known.clone().any(|known| known == name) {
            return Err(Misuse::new(format!(
                "projects.{project}.{datasource}.{name}: the plugin takes no such setting{}",
                did_you_mean(name, known)
            )));
        }
    }
    for setting in &description.settings {
        if setting.required && !settings.contains_key(&setting.name) {
            return Err(Misuse::new(format!(
                "projects.{project}.{datasource}.{} is missing: {}",
                setting.name, setting.description
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_that_the_plugin_takes() {
        let description = Description {
            name: "github".into(),
            version: "0.1.0".into(),
            summary: String::new(),
            default_base_url: None,
            hosts: vec![],
            credentials: vec![],
            requests_per_minute: None,
            settings: vec![test_dashboard_model::Setting {
                name: "repository".into(),
                description: "owner/name".into(),
                required: true,
            }],
            tables: vec![],
            reports: vec![],
        };
        let problem = |settings: serde_json::Value| {
            let serde_json::Value::Object(map) = settings else { panic!("no object") };
            check_settings("fenix", "github", &description, &map)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default()
        };
        assert_eq!(problem(serde_json::json!({"repository": "a/b"})), "");
        assert!(problem(serde_json::json!({})).contains("repository is missing: owner/name"));
        let misspelt = problem(serde_json::json!({"repositry": "a/b"}));
        assert!(misspelt.contains("did you mean repository?"), "{misspelt}");
    }
}
