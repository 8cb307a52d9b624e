// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Why there is no connection.

use std::fmt;
use std::io;

use rustls::{CertificateError, Error as TlsError};

use super::trouble::{self, Trouble};

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// The password is not to be had.
    Password(String),
    /// There is no Unix socket.
    Socket(String),
    /// TLS is not possible as it is asked for: what happened, and what to do.
    Tls { reason: String, advice: String },
    /// What the driver says.
    Driver(sqlx::Error),
}

impl From<sqlx::Error> for ConnectError {
    fn from(error: sqlx::Error) -> ConnectError {
        match &error {
            sqlx::Error::Io(io) => match rustls_error(io) {
                Some(error) => ConnectError::of_tls(Some(error)),
                None => ConnectError::Driver(error),
            },
            // The driver has no other case for this one.
            sqlx::Error::Tls(said) if said.to_string().contains("does not support TLS") => {
                ConnectError::of_tls(None)
            }
            sqlx::Error::Tls(said) => ConnectError::Tls {
                reason: said.to_string(),
                advice: String::from("check tls-cert and tls-key, or what the address says of TLS"),
            },
            _ => ConnectError::Driver(error),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::Password(reason) | ConnectError::Socket(reason) => f.write_str(reason),
            ConnectError::Tls { reason, advice } => write!(f, "{reason}; {advice}"),
            ConnectError::Driver(error) => f.write_str(&trouble::reason(error)),
        }
    }
}

impl ConnectError {
    /// Whether a server that is starting, gone for a moment or full would look like this. `trouble`
    /// is what the engine makes of an error.
    pub(crate) fn may_pass(&self, trouble: impl Fn(&sqlx::Error) -> Trouble) -> bool {
        match self {
            ConnectError::Socket(_) => true,
            // The pool has waited itself.
            ConnectError::Driver(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => false,
            ConnectError::Driver(error) => {
                matches!(trouble(error), Trouble::Lost | Trouble::AtLimit)
            }
            ConnectError::Password(_) | ConnectError::Tls { .. } => false,
        }
    }

    /// What failed, and what to do; none: the server offers no TLS.
    pub(crate) fn of_tls(error: Option<&TlsError>) -> ConnectError {
        let (reason, advice) = match error {
            None => (
                String::from("the server offers no TLS"),
                "where the way to it is protected otherwise, as by the Cloud SQL auth proxy, set tls = \"off\"",
            ),
            Some(error @ TlsError::InvalidCertificate(problem)) => (
                format!("the server's certificate was refused: {error}"),
                match problem {
                    CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                        "tls-ca has to be the CA of this very server (for Cloud SQL the instance's server-ca.pem, a new one after each rotation)"
                    }
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. } => {
                        "Cloud SQL's certificate does not name its address: tls = \"verify-ca\" with tls-ca is for that"
                    }
                    _ => "renew the server's certificate; is this machine's clock right?",
                },
            ),
            Some(error @ TlsError::AlertReceived(_)) => (
                format!("the server refused: {error}"),
                "check tls-cert and tls-key: are they of this server's CA and still valid?",
            ),
            Some(error) => (error.to_string(), "does something that speaks TLS listen there?"),
        };
        ConnectError::Tls { reason, advice: advice.into() }
    }
}

/// What rustls said, where an error of reading or writing comes from it.
pub(crate) fn rustls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

/// A part of `[database]` that is empty, or does not fit the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct SettingError {
    /// Which part.
    pub setting: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl SettingError {
    pub(crate) fn new(setting: &'static str, reason: impl Into<String>) -> SettingError {
        SettingError { setting, reason: reason.into() }
    }
}
