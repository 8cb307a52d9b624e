// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Failures, which a plugin returns instead of rows.

use std::fmt;

/// What went wrong. The host decides from `kind` what is tried again, and prints `message` to
/// a person: say what was asked of what, what came back, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What sort of trouble it is.
    pub kind: FailureKind,
    /// For a person.
    pub message: String,
    /// Seconds after which another try makes sense, where the service said so.
    pub retry_after: Option<u32>,
    /// The status of the answer that failed, when there was one. For the plugin's own
    /// decisions; the host does not see it.
    pub status: Option<u16>,
}

/// What sort of trouble a [`Failure`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A setting is missing or makes no sense.
    Config,
    /// The service refused the credential, or wants one.
    Auth,
    /// What the settings name does not exist, or cannot be seen with this credential.
    NotFound,
    /// The service asks for more patience than the host had.
    RateLimited,
    /// Likely to pass by itself: a broken connection, a 5xx, maintenance.
    Transient,
    /// The service answered with something its documentation does not allow.
    UnexpectedResponse,
    /// A fault of the plugin itself.
    Internal,
}

macro_rules! constructors {
    ($($(#[$documentation:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$documentation])*
        pub fn $name(message: impl Into<String>) -> Self {
            Failure::new(FailureKind::$kind, message)
        }
    )*};
}

impl Failure {
    /// A failure of a kind, without a time after which to try again.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into(), retry_after: None, status: None }
    }

    constructors! {
        /// A setting is missing or makes no sense.
        config => Config;
        /// The service refused the credential, or wants one.
        auth => Auth;
        /// What the settings name does not exist, or cannot be seen with this credential.
        not_found => NotFound;
        /// The service asks for more patience than the host had.
        rate_limited => RateLimited;
        /// Likely to pass by itself.
        transient => Transient;
        /// The service answered with something its documentation does not allow.
        unexpected_response => UnexpectedResponse;
        /// A fault of the plugin itself.
        internal => Internal;
    }

    /// The same failure with another kind and message; the status and the time to wait stay.
    #[must_use]
    pub fn retold(self, kind: FailureKind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into(), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
