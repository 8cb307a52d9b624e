// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The reasons for which a request gets no response.
//!
//! Every message names the datasource, the URL (shortened, and never with a user name in it), the
//! setting that decides, and the remedy. None contains a secret.

use std::time::Duration;

use url::Url;

use crate::{CredentialError, address::AddressRefused};

/// Why a request did not get an answer, or a gate could not be made.
///
/// Some of these are the plugin's doing and end its partition whatever it says afterwards:
/// see [`GateError::is_violation`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateError {
    /// A setting of the gate makes no sense.
    #[error(
        "datasource {datasource}: {setting}: {reason} (datasources.{datasource} in test-dashboard.toml)"
    )]
    Setting {
        /// The datasource.
        datasource: String,
        /// The setting's name.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The credential cannot be used.
    #[error(
        "datasource {datasource}: {reason} (datasources.{datasource}.credential in test-dashboard.toml)"
    )]
    Credential {
        /// The datasource.
        datasource: String,
        /// What is wrong with it.
        reason: CredentialError,
    },
    /// The request itself is one that no plugin may make.
    #[error("datasource {datasource}: the plugin asked for {url}, {reason}")]
    BadRequest {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The request may change something at the service.
    #[error(
        "datasource {datasource}: the plugin asked for {url} {asked}; plugins only read: GET and \
         HEAD are permitted, and no setting allows more"
    )]
    NotReading {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// With which method, or what stands for one.
        asked: String,
    },
    /// The plugin set a header that is the host's to set.
    #[error(
        "datasource {datasource}: the plugin set the header {header:?} on a request to {url}; \
         credentials and connection headers are added by the host, so the plugin has to leave it out"
    )]
    ForbiddenHeader {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// The header's name.
        header: String,
    },
    /// The allowlist does not contain the origin.
    #[error(
        "datasource {datasource}: the plugin asked for {url}, which is not allowed; \
         datasources.{datasource}.allow in test-dashboard.toml allows {allowed}. If the plugin is \
         meant to reach it, add {origin:?} there"
    )]
    NotAllowed {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// The origin that would have to be added.
        origin: String,
        /// What the list allows.
        allowed: String,
    },
    /// The host has no address that may be connected to.
    #[error(
        "datasource {datasource}: {host} is at {addresses}, where requests may not go. If this is \
         intended, add {host:?} to datasources.{datasource}.allow-addresses in test-dashboard.toml"
    )]
    AddressRefused {
        /// The datasource.
        datasource: String,
        /// The host as the URL names it.
        host: String,
        /// Its addresses, each with what it is.
        addresses: String,
    },
    /// A budget of the partition or of one answer is used up.
    #[error(
        "datasource {datasource}: {session} used up its budget of {limit} {budget} at {url}; raise \
         `{setting}` ([limits] or [datasources.{datasource}.limits] in test-dashboard.toml) if the \
         plugin needs more"
    )]
    Budget {
        /// The datasource.
        datasource: String,
        /// Whose budget: the session's label.
        session: String,
        /// What was counted.
        budget: &'static str,
        /// How much there was.
        limit: u64,
        /// The setting that says so.
        setting: &'static str,
        /// The URL, shortened.
        url: String,
    },
    /// A replay was asked for something that its recording does not hold.
    #[error("datasource {datasource}: the recording holds no answer to {request}; {hint}")]
    NotRecorded {
        /// The datasource.
        datasource: String,
        /// Method and URL, shortened.
        request: String,
        /// What comes nearest, or that every answer was used.
        hint: String,
    },
    /// The service asks for a longer pause than the host was willing to wait.
    #[error(
        "datasource {datasource}: {url} {answer} and wants to be left alone for {wait} more; one request \
         waits {max_wait:?} at most (`max-wait`, datasources.{datasource} in test-dashboard.toml). Run \
         again later, or lower `requests-per-minute` there", wait = seconds(*.retry_after)
    )]
    RateLimited {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// What the service answered.
        answer: String,
        /// How long the service wants to be left alone from now on.
        retry_after: Duration,
        /// The ceiling of waiting.
        max_wait: Duration,
    },
    /// No whole answer came in time.
    #[error(
        "datasource {datasource}: {url} gave no whole answer within {timeout:?} (`request-timeout`, \
         datasources.{datasource} in test-dashboard.toml), in {attempts} attempt(s)"
    )]
    Timeout {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// The ceiling of one attempt.
        timeout: Duration,
        /// How often it was tried.
        attempts: u32,
    },
    /// No connection could be made, or it broke.
    #[error("datasource {datasource}: no answer from {url} in {attempts} attempt(s): {reason}")]
    Connection {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// What the last attempt failed with.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The server could not prove who it is, or no common encryption was found.
    #[error(
        "datasource {datasource}: no secure connection to {url}: {reason}. If the server's certificate \
         is issued by your own authority, add its PEM file to `extra-root-certificates` \
         (datasources.{datasource} in test-dashboard.toml)"
    )]
    Tls {
        /// The datasource.
        datasource: String,
        /// The URL, shortened.
        url: String,
        /// What the encryption layer said.
        reason: String,
    },
    /// A recording could not be read, written or removed.
    #[error("cannot {action} the recording {path}: {reason}")]
    Recording {
        /// Read, write, play or remove.
        action: &'static str,
        /// The file.
        path: String,
        /// What went wrong.
        reason: String,
    },
}

impl GateError {
    /// Whether the plugin broke a rule: its partition fails with this error whatever the
    /// plugin says afterwards. All others are told to the plugin, which may report them.
    pub fn is_violation(&self) -> bool {
        matches!(
            self,
            GateError::BadRequest { .. }
                | GateError::NotReading { .. }
                | GateError::ForbiddenHeader { .. }
                | GateError::NotAllowed { .. }
                | GateError::AddressRefused { .. }
                | GateError::Budget { .. }
                | GateError::NotRecorded { .. }
        )
    }

    /// How long the service wants to be left alone, where that is what went wrong.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            GateError::RateLimited { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    pub(crate) fn address(datasource: &str, refused: &AddressRefused) -> GateError {
        GateError::AddressRefused {
            datasource: datasource.to_owned(),
            host: refused.host.clone(),
            addresses: refused.to_string(),
        }
    }
}

/// A duration as a person says it: whole seconds, never fewer than it takes.
fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_millis().div_ceil(1000))
}

/// The longest value of a query parameter that messages show whole.
const LONGEST_VALUE: usize = 40;
/// The longest URL that messages show.
const LONGEST_URL: usize = 300;

/// A URL for a message: without user name, password and fragment, long query values cut.
pub fn shown(url: &Url) -> String {
    let mut text = format!("{}://", url.scheme());
    text.push_str(url.host_str().unwrap_or(""));
    if let Some(port) = url.port() {
        text.push_str(&format!(":{port}"));
    }
    text.push_str(url.path());
    for (index, pair) in url.query().unwrap_or("").split('&').filter(|p| !p.is_empty()).enumerate()
    {
        text.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, value)) if value.len() > LONGEST_VALUE => {
                text.push_str(&format!("{name}={}…", cut(value, LONGEST_VALUE / 2)));
            }
            _ => text.push_str(pair),
        }
    }
    if text.len() > LONGEST_URL { format!("{}…", cut(&text, LONGEST_URL)) } else { text }
}

fn cut(text: &str, length: usize) -> &str {
    &text[..text.floor_char_boundary(length)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_in_a_message_shows_no_user_and_no_long_values() {
        let long = "x".repeat(100);
        let show = |url: &str| shown(&Url::parse(url).unwrap());
        assert_eq!(
            show(&format!("https://me:hush@a.example.org:8443/p?cursor={long}&page=2#f")),
            format!("https://a.example.org:8443/p?cursor={}…&page=2", "x".repeat(20))
        );
        assert_eq!(
            show("https://t.example.org/index.php?/api/v2/get_runs/1&limit=250"),
            "https://t.example.org/index.php?/api/v2/get_runs/1&limit=250"
        );
        assert!(show(&format!("https://a.example.org/{long}{long}{long}{long}")).len() < 310);
    }

    #[test]
    fn only_what_the_plugin_did_is_a_violation() {
        let limited = GateError::RateLimited {
            datasource: "github".into(),
            url: "https://api.github.com/".into(),
            answer: "answered 429".into(),
            retry_after: Duration::from_millis(90_500),
            max_wait: Duration::from_secs(60),
        };
        assert!(!limited.is_violation());
        assert_eq!(limited.retry_after(), Some(Duration::from_millis(90_500)));
        let message = limited.to_string();
        assert!(message.contains("for 91 s more") && message.contains("`max-wait`"), "{message}");
        let budget = GateError::Budget {
            datasource: "github".into(),
            session: "fenix/issues".into(),
            budget: "requests",
            limit: 10,
            setting: "limits.max-requests",
            url: "https://api.github.com/".into(),
        };
        assert!(budget.is_violation());
        assert_eq!(budget.retry_after(), None);
    }
}
