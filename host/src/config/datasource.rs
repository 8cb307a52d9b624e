// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The configuration of a datasource: its plugin, and what that plugin may do.

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Deserialize;
use test_dashboard_egress::{MaskError, Masks};
use test_dashboard_model::CredentialKind;

use super::settings::default_of;
use super::{LimitsConfig, Template};

/// `[datasources.NAME]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatasourceConfig {
    /// The plugin's file.
    pub plugin: PathBuf,
    /// The service's address. Without it, the one that the plugin names.
    pub base_url: Option<Template>,
    /// Origins that the plugin may reach (`https://api.github.com`). Without it, the origin
    /// of `base-url`; an empty list denies everything.
    pub allow: Option<Vec<Template>>,
    /// Hosts, addresses or networks (CIDR) that may be reached although they are private.
    #[serde(default)]
    pub allow_addresses: Vec<String>,
    /// What the host puts on requests to the base URL's origin.
    pub credential: Option<CredentialConfig>,
    /// Requests a minute; without it, what the plugin asks for.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Requests at the same time, where that is said.
    pub max_concurrent: Option<usize>,
    /// After how many days everything is read again, so that what is deleted upstream goes here
    /// too; 0 for never.
    pub full_every_days: Option<u32>,
    /// What recordings of this datasource never hold: JSON paths (RFC 9535) such as
    /// `$..email`, whose values are masked in every answer that is recorded.
    #[serde(default)]
    pub record_mask: Vec<String>,
    /// Files with further root certificates (PEM), for a service inside a company.
    #[serde(default)]
    pub extra_root_certificates: Vec<PathBuf>,
    /// Budgets of this plugin.
    #[serde(default)]
    pub limits: LimitsConfig,
}

/// `credential = { … }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CredentialConfig {
    /// How it is put on a request.
    pub kind: CredentialKind,
    /// The secret, as a variable: `${GITHUB_TOKEN}`.
    pub secret: Template,
    /// For `basic`: the user.
    pub user: Option<Template>,
    /// For `header`: the header's name.
    pub header: Option<String>,
    /// When true, a secret that is not set means: ask without a credential.
    #[serde(default)]
    pub optional: bool,
}

impl DatasourceConfig {
    /// What is masked in recordings: `record-mask`, and what was asked for besides.
    ///
    /// # Errors
    ///
    /// The first that is no JSON path.
    pub fn masks(&self, further: &[String]) -> Result<Masks, MaskError> {
        Masks::new(self.record_mask.iter().chain(further))
    }

    /// Requests at the same time.
    pub fn max_concurrent(&self) -> usize {
        self.max_concurrent.unwrap_or_else(|| default_of("datasources.*.max-concurrent"))
    }

    /// After how many days everything is read again; 0 for never.
    pub fn full_every_days(&self) -> u32 {
        self.full_every_days.unwrap_or_else(|| default_of("datasources.*.full-every-days"))
    }

    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        self.masks(&[]).map_err(|error| format!("datasources.{name}.record-mask: {error}"))?;
        let Some(credential) = &self.credential else { return Ok(()) };
        let at = format!("datasources.{name}.credential");
        match (credential.kind, &credential.user, &credential.header) {
            (CredentialKind::Basic, None, _) => Err(format!("{at} is basic and needs a user")),
            (CredentialKind::Header, _, None) => {
                Err(format!("{at} is header and needs the header's name"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(credential: &str) -> String {
        let text = format!("plugin = \"x.wasm\"\ncredential = {{ {credential} }}");
        let config: DatasourceConfig = toml::from_str(&text).unwrap();
        config.check("bitrise").err().unwrap_or_default()
    }

    #[test]
    fn a_mask_is_a_json_path() {
        let config = |mask: &str| -> DatasourceConfig {
            toml::from_str(&format!("plugin = \"x.wasm\"\nrecord-mask = ['{mask}']")).unwrap()
        };
        assert_eq!(config("$..email").check("github"), Ok(()));
        let error = config("email").check("github").unwrap_err();
        assert!(error.starts_with("datasources.github.record-mask: \"email\" is no"), "{error}");
    }

    #[test]
    fn a_credential_has_what_its_kind_needs() {
        assert!(problem(r#"kind = "basic", secret = "${T}""#).contains("needs a user"));
        assert!(problem(r#"kind = "header", secret = "${T}""#).contains("header's name"));
    }
}
