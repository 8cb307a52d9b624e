// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A plugin's description of itself.

use serde::Serialize;

use crate::{Row, Table};

/// What a plugin says of itself. Built up call by call:
///
/// ```
/// use test_dashboard_sdk::{CredentialKind, Description};
///
/// let description = Description::new("weather", "0.1.0", "Measurements of weather stations")
///     .base_url("https://weather.example.org")
///     .credential(CredentialKind::Bearer)
///     .required_setting("station", "The station's number, such as 10384");
/// assert_eq!(description.settings.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The datasource's name: lower-case letters and digits.
    pub name: String,
    /// The plugin's own version, semver.
    pub version: String,
    /// What it reads, in a sentence.
    pub summary: String,
    /// The base URL of the public service.
    pub default_base_url: Option<String>,
    /// Origins it will make requests to, beside the base URL's.
    pub hosts: Vec<String>,
    /// The credential kinds that the service understands.
    pub credentials: Vec<CredentialKind>,
    /// Requests a minute that the service bears.
    pub requests_per_minute: Option<u32>,
    /// The settings it takes per project.
    pub settings: Vec<Setting>,
    /// Every table that some report fills.
    pub tables: Vec<Table>,
    /// What can be asked for.
    pub reports: Vec<Report>,
}

/// A setting that a plugin takes per project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name in the configuration file (`project-id`).
    pub name: String,
    /// What it is for, with an example.
    pub description: String,
    /// Whether the plugin can do without it.
    pub required: bool,
}

/// What a person can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its name (`test-case-coverage`).
    pub name: String,
    /// What it answers, in a sentence.
    pub description: String,
    /// The names of the tables it fills.
    pub tables: Vec<String>,
    /// See [`Description::exhaustive_report`].
    pub exhaustive: bool,
}

/// How the operator's credential is put on a request. The plugin never sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// `Authorization: Bearer SECRET`
    Bearer,
    /// `Authorization: SECRET`
    RawToken,
    /// `Authorization: Basic …`
    Basic,
    /// A header that the operator names.
    Header,
}

impl Description {
    /// A datasource with a name (lower-case letters and digits), the plugin's version (write
    /// `env!("CARGO_PKG_VERSION")`) and a sentence on what it reads.
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Description {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
            default_base_url: None,
            hosts: Vec::new(),
            credentials: Vec::new(),
            requests_per_minute: None,
            settings: Vec::new(),
            tables: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// The base URL of the public service, without a trailing slash.
    #[must_use]
    pub fn base_url(mut self, url: &str) -> Self {
        self.default_base_url = Some(url.into());
        self
    }

    /// An origin it will make requests to, beside the base URL's.
    #[must_use]
    pub fn host(mut self, origin: &str) -> Self {
        self.hosts.push(origin.into());
        self
    }

    /// A credential kind that the service understands.
    #[must_use]
    pub fn credential(mut self, kind: CredentialKind) -> Self {
        self.credentials.push(kind);
        self
    }

    /// Requests a minute that the service bears.
    #[must_use]
    pub fn requests_per_minute(mut self, requests: u32) -> Self {
        self.requests_per_minute = Some(requests);
        self
    }

    /// A setting that every project needs. Say what it is for, with an example.
    #[must_use]
    pub fn required_setting(mut self, name: &str, description: &str) -> Self {
        self.settings.push(Setting {
            name: name.into(),
            description: description.into(),
            required: true,
        });
        self
    }

    /// A setting that a project may leave out. Say what it is for, with an example and with
    /// what happens without it.
    #[must_use]
    pub fn optional_setting(mut self, name: &str, description: &str) -> Self {
        self.settings.push(Setting {
            name: name.into(),
            description: description.into(),
            required: false,
        });
        self
    }

    /// A table that some report fills.
    #[must_use]
    pub fn table<R: Row>(mut self) -> Self {
        self.tables.push(R::table());
        self
    }

    /// A report: its name, what it answers, and the names of the tables it fills
    /// (`Issue::TABLE`).
    #[must_use]
    pub fn report(self, name: &str, description: &str, tables: &[&str]) -> Self {
        self.push_report(name, description, tables, false)
    }

    /// A report whose plan lists, in a full refresh, every partition there is: the rows of
    /// partitions that are not listed any more are deleted upstream, and are removed from its
    /// merge tables.
    #[must_use]
    pub fn exhaustive_report(self, name: &str, description: &str, tables: &[&str]) -> Self {
        self.push_report(name, description, tables, true)
    }

    fn push_report(
        mut self,
        name: &str,
        description: &str,
        tables: &[&str],
        exhaustive: bool,
    ) -> Self {
        self.reports.push(Report {
            name: name.into(),
            description: description.into(),
            tables: tables.iter().map(|&table| table.into()).collect(),
            exhaustive,
        });
        self
    }
}
