// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The operator's credential, and the one origin it is for.
//!
//! A plugin never holds a secret: the gate adds the credential to a request once the request
//! has passed the policy, and only when the request goes to the origin that the credential
//! is bound to. That origin is https, or this machine.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::{Host, Origin, Url};

/// A secret. Nothing prints it: `Debug` and `Display` show `[secret]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a secret into custody.
    pub fn new(secret: String) -> Secret {
        Secret(secret.into())
    }

    /// The secret itself, for a header or a redactor and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// How a secret is put on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialKind {
    /// `Authorization: Bearer SECRET`
    Bearer,
    /// `Authorization: SECRET`
    RawToken,
    /// `Authorization: Basic base64(USER:SECRET)`
    Basic {
        /// The user's name; without a colon, which would end it.
        user: String,
    },
    /// A header of its own.
    Header {
        /// Its name, such as `x-api-key`.
        name: String,
    },
}

/// A secret, how it is sent, and the one origin it is sent to.
#[derive(Debug, Clone)]
pub struct Credential {
    name: HeaderName,
    value: HeaderValue,
    secret: Secret,
    /// The base64 text of basic authentication, which gives the secret away as well.
    encoded: Option<Secret>,
    /// The user's name where it is an e-mail address.
    address: Option<Secret>,
    origin: Url,
}

/// Why a credential cannot be used. Never quotes the secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// There is nothing in it; a header without a value would be sent.
    #[error("the credential's secret is empty; is the environment variable it comes from set?")]
    Empty,
    /// It cannot stand in a header.
    #[error(
        "the credential's secret contains a character that a header cannot hold, such as a line \
         break at its end"
    )]
    NotAHeaderValue,
    /// The user name cannot be told from the secret.
    #[error(
        "the credential's user name {0:?} contains a colon, which basic authentication cannot carry"
    )]
    ColonInUser(String),
    /// The header's name is not one, or one that the client writes itself.
    #[error("{0:?} cannot be the name of the credential's header")]
    HeaderName(String),
    /// The origin is not a URL, or has another scheme than https and http.
    #[error("the credential's origin {0:?} is not a URL such as \"https://api.example.org\"")]
    Origin(String),
    /// The secret would travel unencrypted.
    #[error(
        "the credential would be sent unencrypted to {0}; use https, or, for a server on this \
         machine, a loopback address that `allow-addresses` grants"
    )]
    Unencrypted(String),
}

impl Credential {
    /// A credential for the origin of `origin`: its scheme, host and port; the rest of the
    /// URL does not matter, so a service's base URL will do.
    ///
    /// # Errors
    ///
    /// The secret is empty or cannot stand in a header, or the origin is not http(s).
    pub fn new(
        kind: CredentialKind,
        secret: Secret,
        origin: &str,
    ) -> Result<Self, CredentialError> {
        if secret.expose().trim().is_empty() {
            return Err(CredentialError::Empty);
        }
        let url = Url::parse(origin)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http"))
            .ok_or_else(|| CredentialError::Origin(without_userinfo(origin)))?;
        let (mut encoded, mut address) = (None, None);
        let (name, text) = match &kind {
            CredentialKind::Bearer => (AUTHORIZATION, format!("Bearer {}", secret.expose())),
            CredentialKind::RawToken => (AUTHORIZATION, secret.expose().to_owned()),
            CredentialKind::Basic { user } => {
                if user.contains(':') {
                    return Err(CredentialError::ColonInUser(user.clone()));
                }
                let pair = BASE64.encode(format!("{user}:{}", secret.expose()));
                encoded = Some(Secret::new(pair.clone()));
                address = user.contains('@').then(|| Secret::new(user.clone()));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
            CredentialKind::Header { name } => (header_name(name)?, secret.expose().to_owned()),
        };
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| CredentialError::NotAHeaderValue)?;
        value.set_sensitive(true);
        Ok(Credential { name, value, secret, encoded, address, origin: url })
    }

    /// The header that carries it.
    pub fn header(&self) -> &HeaderName {
        &self.name
    }

    /// Puts it on the headers of a request to `url`, if that is where it belongs.
    pub(crate) fn apply(&self, url: &Url, headers: &mut HeaderMap) {
        if self.is_for(url) {
            headers.insert(self.name.clone(), self.value.clone());
        }
    }

    fn is_for(&self, url: &Url) -> bool {
        matches!(url.origin(), Origin::Tuple(..)) && url.origin() == self.origin.origin()
    }

    /// Whether it would travel unencrypted beyond what `granted` says is this machine.
    pub(crate) fn check_transport(
        &self,
        granted: impl Fn(&Host<&str>) -> bool,
    ) -> Result<(), CredentialError> {
        let is_safe = self.origin.scheme() == "https"
            || self.origin.host().is_some_and(|host| granted(&host));
        if is_safe {
            Ok(())
        } else {
            Err(CredentialError::Unencrypted(self.origin.origin().ascii_serialization()))
        }
    }

    /// What must not be seen anywhere.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.secret).chain(&self.encoded)
    }

    /// The e-mail address that logs in. It may be data, but has no place in a message.
    pub(crate) fn address(&self) -> Option<&Secret> {
        self.address.as_ref()
    }
}

fn header_name(name: &str) -> Result<HeaderName, CredentialError> {
    const WRITTEN_BY_THE_CLIENT: &[&str] = &[
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "upgrade",
        "accept-encoding",
    ];
    let refuse = || CredentialError::HeaderName(name.to_owned());
    let parsed = HeaderName::try_from(name).map_err(|_| refuse())?;
    if WRITTEN_BY_THE_CLIENT.contains(&parsed.as_str()) { Err(refuse()) } else { Ok(parsed) }
}

/// An origin that is not a URL may be a mistyped one with a password in it.
fn without_userinfo(origin: &str) -> String {
    origin.rsplit_once('@').map_or(origin, |(_, rest)| rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(credential: &Credential, url: &str) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        credential.apply(&Url::parse(url).unwrap(), &mut headers);
        headers.iter().next().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned()))
    }

    fn credential(kind: CredentialKind) -> Credential {
        Credential::new(kind, Secret::new("s3cret-token".into()), "https://api.example.org/v2/")
            .unwrap()
    }

    #[test]
    fn each_kind_makes_its_header() {
        let url = "https://api.example.org/anything";
        for (kind, name, value) in [
            (CredentialKind::Bearer, "authorization", "Bearer s3cret-token"),
            (CredentialKind::RawToken, "authorization", "s3cret-token"),
            (
                CredentialKind::Basic { user: "qa@example.org".into() },
                "authorization",
                "Basic cWFAZXhhbXBsZS5vcmc6czNjcmV0LXRva2Vu",
            ),
            (CredentialKind::Header { name: "X-Api-Key".into() }, "x-api-key", "s3cret-token"),
        ] {
            assert_eq!(sent(&credential(kind), url), Some((name.to_owned(), value.to_owned())));
        }
    }

    #[test]
    fn it_is_sent_to_its_own_origin_only() {
        let credential = credential(CredentialKind::Bearer);
        assert!(sent(&credential, "https://api.example.org:443/x").is_some());
        assert!(sent(&credential, "https://API.example.org/x").is_some());
        for url in [
            "http://api.example.org/x",
            "https://api.example.org:8443/x",
            "https://example.org/x",
            "https://api.example.org.evil.net/x",
            "https://sub.api.example.org/x",
        ] {
            assert_eq!(sent(&credential, url), None, "{url}");
        }
    }

    #[test]
    fn nothing_prints_the_secret() {
        for kind in [
            CredentialKind::Bearer,
            CredentialKind::RawToken,
            CredentialKind::Basic { user: "u".into() },
            CredentialKind::Header { name: "x-key".into() },
        ] {
            let credential = credential(kind);
            let secret = Secret::new("s3cret-token".into());
            let printed = format!("{credential:?} {credential:#?} {secret:?} {secret}");
            assert!(!printed.contains("s3cret"), "{printed}");
            assert!(!printed.contains("dTpzM2NyZXQ"), "{printed}");
        }
    }

    #[test]
    fn a_credential_that_cannot_be_sent_is_refused_without_showing_it() {
        let new = |kind, secret: &str, origin| {
            Credential::new(kind, Secret::new(secret.into()), origin).unwrap_err()
        };
        let origin = "https://api.example.org";
        assert_eq!(new(CredentialKind::Bearer, "", origin), CredentialError::Empty);
        assert_eq!(new(CredentialKind::RawToken, " \n", origin), CredentialError::Empty);
        assert_eq!(
            new(CredentialKind::Bearer, "hush-hush\n", origin),
            CredentialError::NotAHeaderValue
        );
        assert_eq!(
            new(CredentialKind::Basic { user: "a:b".into() }, "hush-hush", origin),
            CredentialError::ColonInUser("a:b".into())
        );
        assert_eq!(
            new(CredentialKind::Header { name: "host".into() }, "hush-hush", origin),
            CredentialError::HeaderName("host".into())
        );
        for origin in
            ["api.example.org", "ftp://api.example.org", "", "u:hush-hush@api.example.org"]
        {
            let error = new(CredentialKind::Bearer, "hush-hush", origin).to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn it_travels_encrypted_or_not_beyond_this_machine() {
        let on = |origin| {
            Credential::new(CredentialKind::Bearer, Secret::new("hush-hush".into()), origin)
                .unwrap()
        };
        let granted = crate::AddressPolicy::new(&["127.0.0.1"]).unwrap();
        let denied = crate::AddressPolicy::default();
        let check = |origin, policy: &crate::AddressPolicy| {
            on(origin).check_transport(|host| policy.grants_loopback(host)).is_ok()
        };
        assert!(check("https://api.example.org", &denied));
        assert!(!check("http://api.example.org", &granted));
        assert!(check("http://127.0.0.1:8080", &granted));
        assert!(check("http://localhost:8080", &granted));
        assert!(!check("http://127.0.0.1:8080", &denied));
        assert!(!check("http://localhost.example.org", &granted));
    }
}
