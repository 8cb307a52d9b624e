// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin declares, and how it fails.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Table;

/// What a plugin says of itself. Every part of it is a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The datasource's name.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// What it reads, in a sentence.
    pub summary: String,
    /// The base URL of the public service.
    pub default_base_url: Option<String>,
    /// Further origins it says it will make requests to.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// Its name in the configuration file.
    pub name: String,
    /// What it is for, with an example.
    pub description: String,
    /// Whether the plugin can do without it.
    pub required: bool,
}

/// What a person can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// What it answers.
    pub description: String,
    /// The names of the tables it fills.
    pub tables: Vec<String>,
    /// Whether a full refresh plans every partition there is, so that the rows of others are gone.
    pub exhaustive: bool,
}

/// How a credential is put on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CredentialKind::Bearer => "bearer",
            CredentialKind::RawToken => "raw-token",
            CredentialKind::Basic => "basic",
            CredentialKind::Header => "header",
        })
    }
}

/// An independent slice of a report for one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name within the report and project, the same in every run.
    pub id: String,
    /// What the plugin is handed when the partition is opened.
    pub data: String,
}

/// What a plugin wants to be given back when a partition is opened again; opaque here.
///
/// A type of its own, so that a checkpoint cannot be taken for any other text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CheckpointText(pub String);

/// What went wrong, in the plugin's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What sort of trouble it is.
    pub kind: FailureKind,
    /// What was asked of what, what came back, and what to do.
    pub message: String,
    /// Seconds after which another try makes sense.
    pub retry_after: Option<u32>,
}

/// What sort of trouble a [`Failure`] is; the host decides from it what is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A setting is missing or makes no sense.
    Config,
    /// The service refused the credential.
    Auth,
    /// What the settings name does not exist or cannot be seen.
    NotFound,
    /// The service asks for more patience than was granted.
    RateLimited,
    /// Likely to pass by itself.
    Transient,
    /// The service answered with something its documentation does not allow.
    UnexpectedResponse,
    /// A fault of the plugin itself.
    Internal,
}

impl FailureKind {
    /// Whether the same partition may do better when it is tried again at once.
    pub fn is_worth_another_try(self) -> bool {
        matches!(self, FailureKind::Transient)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Config => "config",
            FailureKind::Auth => "auth",
            FailureKind::NotFound => "not-found",
            FailureKind::RateLimited => "rate-limited",
            FailureKind::Transient => "transient",
            FailureKind::UnexpectedResponse => "unexpected-response",
            FailureKind::Internal => "internal",
        })
    }
}
