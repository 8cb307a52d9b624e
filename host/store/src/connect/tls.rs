// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which protection a connection has, in one set of words for both engines.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::error::SettingError;

/// How much a connection is protected. The words are PostgreSQL's but for `off`, which it
/// calls `disable`; in MySQL's words they are `DISABLED`, `PREFERRED`, `REQUIRED`,
/// `VERIFY_CA` and `VERIFY_IDENTITY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// No TLS.
    Off,
    /// TLS when the server offers it; nothing is verified.
    Prefer,
    /// TLS or nothing; whose certificate it is, is not verified.
    Require,
    /// The server's certificate has to be issued by [`Tls::ca`]. Its names are not looked at:
    /// Cloud SQL's names the instance, not its address.
    VerifyCa,
    /// As [`TlsMode::VerifyCa`], and the certificate has to be for the host; without
    /// [`Tls::ca`] by an authority that this machine trusts.
    VerifyFull,
}

impl TlsMode {
    const ALL: [TlsMode; 5] =
        [TlsMode::Off, TlsMode::Prefer, TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull];

    fn as_str(self) -> &'static str {
        match self {
            TlsMode::Off => "off",
            TlsMode::Prefer => "prefer",
            TlsMode::Require => "require",
            TlsMode::VerifyCa => "verify-ca",
            TlsMode::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TlsMode {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<TlsMode, SettingError> {
        TlsMode::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            let all = TlsMode::ALL.map(TlsMode::as_str).join(", ");
            SettingError::new("tls", format!("{text:?} is none of {all}"))
        })
    }
}

/// What is said about TLS. The files are PEM, and are read for each connection.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// How much is asked for; by default what suits the host and the files.
    pub mode: Option<TlsMode>,
    /// Certificates of the authorities that may have issued the server's.
    pub ca: Option<PathBuf>,
    /// The certificate that the client presents, and those between it and its authority.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// The mode, when all that is said fits together.
    ///
    /// A Unix socket needs none. An address of this machine takes TLS by default when it is
    /// offered: the Cloud SQL auth proxy, which listens there, encrypts by itself and offers
    /// none. Any other host has to offer it, and with a CA it has to prove itself.
    pub(crate) fn settle(&self, host: &str) -> Result<TlsMode, SettingError> {
        let wrong = |setting, reason: &str| Err(SettingError::new(setting, reason));
        let is_socket = host.starts_with('/');
        let mode = match (self.mode, &self.ca, &self.certificate) {
            (Some(mode), _, _) => mode,
            (None, Some(_), _) => TlsMode::VerifyCa,
            (None, None, Some(_)) => TlsMode::Require,
            (None, None, None) if is_socket => TlsMode::Off,
            (None, None, None) if is_loopback(host) => TlsMode::Prefer,
            (None, None, None) => TlsMode::Require,
        };
        if is_socket && mode > TlsMode::Prefer {
            let setting = match (self.mode, &self.ca) {
                (Some(_), _) => "tls",
                (None, Some(_)) => "tls-ca",
                (None, None) => "tls-cert",
            };
            return wrong(
                setting,
                "a Unix socket needs no TLS: leave tls, tls-ca, tls-cert and tls-key out, or give a host name",
            );
        }
        let mode = if is_socket { TlsMode::Off } else { mode };
        match (&self.certificate, &self.key) {
            (Some(_), None) => {
                return wrong("tls-key", "is missing: tls-cert is of no use without its key");
            }
            (None, Some(_)) => {
                return wrong(
                    "tls-cert",
                    "is missing: tls-key is of no use without its certificate",
                );
            }
            (Some(_), Some(_)) if mode < TlsMode::Require => {
                return wrong(
                    "tls-cert",
                    &format!(
                        "is not presented with tls = \"{mode}\": require, verify-ca or verify-full is wanted"
                    ),
                );
            }
            _ => {}
        }
        match (&self.ca, mode) {
            (Some(_), TlsMode::Off | TlsMode::Prefer | TlsMode::Require) => wrong(
                "tls-ca",
                &format!(
                    "is not looked at with tls = \"{mode}\": verify-ca or verify-full is wanted"
                ),
            ),
            (None, TlsMode::VerifyCa) => wrong(
                "tls-ca",
                "is missing: tls = \"verify-ca\" takes a certificate of any name, so it has to say whose (for Cloud SQL the instance's server-ca.pem)",
            ),
            _ => Ok(mode),
        }
    }
}

/// Whether the host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(mode: &str, files: &[&str]) -> Tls {
        let file = |name: &str| files.contains(&name).then(|| PathBuf::from(name));
        let mode = (!mode.is_empty()).then(|| mode.parse().unwrap());
        Tls { mode, ca: file("ca"), certificate: file("cert"), key: file("key") }
    }

    #[test]
    fn the_default_suits_the_host_and_the_files() {
        for (host, files, expected) in [
            ("127.0.0.1", &[] as &[&str], TlsMode::Prefer),
            ("localhost", &[], TlsMode::Prefer),
            ("::1", &[], TlsMode::Prefer),
            ("/cloudsql/p:r:i", &[], TlsMode::Off),
            ("10.1.2.3", &[], TlsMode::Require),
            ("db.example", &["ca"], TlsMode::VerifyCa),
            ("127.0.0.1", &["ca"], TlsMode::VerifyCa),
            ("10.1.2.3", &["cert", "key"], TlsMode::Require),
        ] {
            assert_eq!(tls("", files).settle(host).unwrap(), expected, "{host} {files:?}");
        }
    }

    #[test]
    fn what_does_not_fit_together_names_the_setting() {
        for (host, mode, files, setting) in [
            ("db", "verify-ca", &[] as &[&str], "tls-ca: is missing"),
            ("db", "require", &["ca"], "tls-ca: is not looked at"),
            ("db", "", &["cert"], "tls-key: is missing"),
            ("db", "verify-ca", &["ca", "key"], "tls-cert: is missing"),
            ("db", "prefer", &["cert", "key"], "tls-cert: is not presented"),
            ("db", "off", &["ca"], "tls-ca: is not looked at"),
            ("/run/pg", "require", &[], "tls: a Unix socket"),
            ("/run/pg", "", &["ca"], "tls-ca: a Unix socket"),
            ("/run/pg", "", &["cert", "key"], "tls-cert: a Unix socket"),
        ] {
            let error = tls(mode, files).settle(host).unwrap_err().to_string();
            assert!(error.starts_with(setting), "{host} {mode} {files:?}: {error}");
        }
        assert_eq!(tls("verify-full", &[]).settle("db").unwrap(), TlsMode::VerifyFull);
        let error = "verify_ca".parse::<TlsMode>().unwrap_err().to_string();
        assert!(error.contains("verify-ca, verify-full"), "{error}");
    }
}
