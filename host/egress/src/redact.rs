// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Takes known secrets out of what is about to be seen.
//!
//! A service may echo the credential in an error message. What a plugin, a recording and a log
//! get of an answer has gone through here first. A secret is found as it is, and as JSON, a URL
//! and basic authentication spell it; not where a service has cut it up, encoded it in another
//! way or changed its case, and not where it is shorter than six characters.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use memchr::memmem;

use crate::{Credential, Secret};

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// Shorter secrets are left alone: `test` or `12345` as a secret would tear up every text
/// that contains it by chance, and protects nothing.
const SHORTEST: usize = 6;

/// Knows secrets and replaces them.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret within another does not leave a part of it.
    secrets: Vec<Secret>,
}

impl Redactor {
    /// Learns the secret of a credential, also in the form in which basic authentication
    /// sends it.
    pub fn add_credential(&mut self, credential: &Credential) {
        for secret in credential.secrets() {
            self.add(secret);
        }
    }

    /// Learns a secret, and how JSON and a URL would spell it. One of fewer than six
    /// characters is not remembered.
    pub fn add(&mut self, secret: &Secret) {
        if secret.expose().len() < SHORTEST {
            return;
        }
        for spelling in spellings(secret.expose()) {
            let secret = Secret::new(spelling);
            if !self.secrets.contains(&secret) {
                self.secrets.push(secret);
            }
        }
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// `text` with every known secret replaced.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                text = Cow::Owned(text.replace(secret.expose(), REDACTED));
            }
        }
        text
    }

    /// The same for a body, whatever its encoding; `None` when nothing was found.
    fn redact_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        for secret in &self.secrets {
            let current = changed.as_deref().unwrap_or(bytes);
            if let Some(replaced) = replace(current, secret.expose().as_bytes()) {
                changed = Some(replaced);
            }
        }
        changed
    }

    /// An answer with every known secret replaced in headers and body.
    pub(crate) fn redact_response(&self, response: Response<Bytes>) -> Response<Bytes> {
        if self.secrets.is_empty() {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        self.redact_headers(&mut parts.headers);
        let body = match self.redact_bytes(&body) {
            None => body,
            Some(redacted) => {
                if parts.headers.contains_key(header::CONTENT_LENGTH) {
                    parts.headers.insert(header::CONTENT_LENGTH, redacted.len().into());
                }
                redacted.into()
            }
        };
        Response::from_parts(parts, body)
    }

    fn redact_headers(&self, headers: &mut HeaderMap) {
        for value in headers.values_mut() {
            if let Some(redacted) = self.redact_bytes(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&redacted)
                    .unwrap_or_else(|_| HeaderValue::from_static(REDACTED));
            }
        }
    }
}

/// The secret itself, and as it stands in a JSON string (with and without the `\/` that PHP
/// writes, and where every character beyond ASCII is escaped) and in a URL (in a query and in a
/// path).
pub(crate) fn spellings(secret: &str) -> [String; 7] {
    let json = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let php = json.replace('/', "\\/");
    let ascii = escaped(&json);
    let php_ascii = escaped(&php);
    let query: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let path = query.replace('+', "%20");
    [secret.to_owned(), json, php, ascii, php_ascii, query, path]
}

/// A JSON string in which every character beyond ASCII is escaped, as Python and PHP write it.
fn escaped(json: &str) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

fn replace(haystack: &[u8], needle: &[u8]) -> Option<Vec<u8>> {
    let mut found = memmem::find_iter(haystack, needle).peekable();
    found.peek()?;
    let mut result = Vec::with_capacity(haystack.len());
    let mut end = 0;
    for start in found {
        result.extend_from_slice(&haystack[end..start]);
        result.extend_from_slice(REDACTED.as_bytes());
        end = start + needle.len();
    }
    result.extend_from_slice(&haystack[end..]);
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CredentialKind;

    fn redactor(secrets: &[&str]) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in secrets {
            redactor.add(&Secret::new((*secret).to_owned()));
        }
        redactor
    }

    #[test]
    fn every_occurrence_of_every_secret_is_replaced() {
        let redactor = redactor(&["hush-hush", "hush-hush-longer"]);
        assert_eq!(
            redactor.redact("a hush-hush b hush-hush-longer c hush-hush"),
            "a [redacted] b [redacted] c [redacted]"
        );
        assert!(matches!(redactor.redact("nothing here"), Cow::Borrowed("nothing here")));
    }

    #[test]
    fn a_secret_is_known_by_its_spelling_in_json_and_in_a_url() {
        let redactor = redactor(&["hush/\"h\\sh+="]);
        for text in
            ["hush/\"h\\sh+=", r#"hush/\"h\\sh+="#, r#"hush\/\"h\\sh+="#, "hush%2F%22h%5Csh%2B%3D"]
        {
            assert_eq!(redactor.redact(text), REDACTED);
        }
    }

    #[test]
    fn a_secret_beyond_ascii_is_known_by_its_escapes() {
        let redactor = redactor(&["häsh 🐞 hush"]);
        for text in [
            "häsh 🐞 hush",
            r"h\u00e4sh \ud83d\udc1e hush",
            "h%C3%A4sh+%F0%9F%90%9E+hush",
            "h%C3%A4sh%20%F0%9F%90%9E%20hush",
        ] {
            assert_eq!(redactor.redact(text), REDACTED, "{text}");
        }
    }

    #[test]
    fn a_short_secret_does_not_tear_up_texts() {
        assert_eq!(redactor(&["test"]).redact("latest results"), "latest results");
    }

    #[test]
    fn the_pair_of_basic_authentication_is_a_secret_too() {
        let credential = Credential::new(
            CredentialKind::Basic { user: "u".into() },
            Secret::new("hush-hush".into()),
            "https://api.example.org",
        )
        .unwrap();
        let mut redactor = Redactor::default();
        redactor.add_credential(&credential);
        assert_eq!(
            redactor.redact("Basic dTpodXNoLWh1c2g= / hush-hush"),
            "Basic [redacted] / [redacted]"
        );
    }

    #[test]
    fn an_answer_that_echoes_the_secret_is_cleaned_and_keeps_a_true_length() {
        let response = Response::builder()
            .header("x-echo", "Bearer hush-hush")
            .header("content-length", "17")
            .body(Bytes::from_static(b"\xff hush-hush \x00 hi"))
            .unwrap();
        let cleaned = redactor(&["hush-hush"]).redact_response(response);
        assert_eq!(cleaned.headers()["x-echo"], "Bearer [redacted]");
        assert_eq!(cleaned.body().as_ref(), b"\xff [redacted] \x00 hi");
        assert_eq!(cleaned.headers()["content-length"], cleaned.body().len().to_string());
        assert!(!format!("{:?}", redactor(&["hush-hush"])).contains("hush"));
    }
}
