// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Turns the configuration of a datasource into the policy of its gate and the settings of its
//! plugin.

use test_dashboard_egress::{
    AddressPolicy, AllowList, Credential, CredentialKind as EgressKind, GateOptions, Secret,
};
use test_dashboard_model::{CredentialKind, Description};

use crate::config::{Config, DatasourceConfig, Environment};
use crate::plugin::Plugin;
use crate::usage_error::{UsageError, did_you_mean};

/// The base URL that a datasource's plugin is given.
///
/// # Errors
///
/// [`UsageError`] when there is none, or it is no address.
pub fn base_url_of(
    config: &Config,
    name: &str,
    plugin: &Plugin,
    environment: &Environment,
) -> Result<String, UsageError> {
    let Some(datasource) = config.datasources.get(name) else {
        return Err(UsageError::new(format!("there is no datasource {name}")));
    };
    let at = format!("datasources.{name}.base-url");
    let given = match &datasource.base_url {
        Some(template) => template
            .resolve(environment)
            .map_err(|error| UsageError::new(format!("{at}: {error}")))?,
        None => plugin.description.default_base_url.clone().ok_or_else(|| {
            UsageError::new(format!("{at} is missing: the service has no public address"))
        })?,
    };
    let full = with_scheme(given.trim().trim_end_matches('/'));
    match url::Url::parse(&full) {
        Ok(url) if url.has_host() && url.username().is_empty() && url.password().is_none() => {
            Ok(full)
        }
        _ => Err(UsageError::new(format!("{at} is not a URL such as https://example.testrail.io"))),
    }
}

/// What the gate of a datasource lets through and adds, and the base URL for its plugin.
///
/// Without `credentials` (a replay) no credential is looked up.
///
/// # Errors
///
/// [`UsageError`] names the setting that is missing or makes no sense, or the variable that is
/// not set.
pub fn gate_options(
    config: &Config,
    name: &str,
    plugin: &Plugin,
    environment: &Environment,
    credentials: bool,
) -> Result<(GateOptions, String), UsageError> {
    let Some(datasource) = config.datasources.get(name) else {
        return Err(UsageError::new(format!("there is no datasource {name}")));
    };
    let at = |setting: &str| format!("datasources.{name}.{setting}");
    let base_url = base_url_of(config, name, plugin, environment)?;
    let allow = match (&datasource.allow, &datasource.base_url) {
        (Some(entries), _) => entries
            .iter()
            .map(|entry| {
                let entry = entry
                    .resolve(environment)
                    .map_err(|error| UsageError::new(format!("{}: {error}", at("allow"))))?;
                Ok(with_scheme(&entry))
            })
            .collect::<Result<Vec<_>, UsageError>>()?,
        (None, Some(_)) => vec![origin(&base_url)],
        (None, None) => {
            return Err(UsageError::new(format!(
                "{} is missing: the plugin requests {base_url}; grant it with {} = [\"{}\"]",
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
            .map_err(|error| UsageError::new(format!("{}: {error}", at("allow"))))?,
        addresses: AddressPolicy::new(&datasource.allow_addresses)
            .map_err(|error| UsageError::new(format!("{}: {error}", at("allow-addresses"))))?,
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
) -> Result<Option<Credential>, UsageError> {
    let Some(configured) = &datasource.credential else { return Ok(None) };
    let wrong = |setting: &str, error: &dyn std::fmt::Display| {
        UsageError::new(format!("{}: {error}", at(&format!("credential.{setting}"))))
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
/// [`UsageError`] names the variable that is not set, the setting that the plugin does not take,
/// or the one that it cannot do without.
pub fn settings_of(
    config: &Config,
    environment: &Environment,
    datasource: &str,
    plugin: &Plugin,
    project: &str,
) -> Result<String, UsageError> {
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
) -> Result<(), UsageError> {
    let known = description.settings.iter().map(|setting| &setting.name);
    for name in settings.keys() {
        if !known.clone().any(|known| known == name) {
            return Err(UsageError::new(format!(
                "projects.{project}.{datasource}.{name}: the plugin takes no such setting{}",
                did_you_mean(name, known)
            )));
        }
    }
    for setting in &description.settings {
        if setting.required && !settings.contains_key(&setting.name) {
            return Err(UsageError::new(format!(
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
