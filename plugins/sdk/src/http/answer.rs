// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A response, and what can be read from it.

use serde::de::DeserializeOwned;

use super::{RawResponse, json, reference, status};
use crate::{Failure, log};

/// An answer: its status, headers and whole body.
#[derive(Debug, Clone)]
pub struct Response {
    pub(super) url: String,
    pub(super) raw: RawResponse,
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.raw.status
    }

    /// Where the answer came from: after redirects, the last address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first header of a name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.raw.headers.iter();
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.raw.body
    }

    /// The body as JSON. An array of rows is best read into a `Vec` of structs that name only
    /// what is wanted, each as [`Lenient`](crate::Lenient).
    ///
    /// A byte order mark is skipped; half of a surrogate pair and bytes that are not UTF-8
    /// become U+FFFD, and the log says how many.
    ///
    /// # Errors
    ///
    /// An `unexpected-response` failure that says where the body stops making sense, and how
    /// it begins when it is no JSON at all. Never take it for an empty list.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.json_after("")
    }

    /// The same for a service that may print something before the JSON.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn json_after<T: DeserializeOwned>(&self, banner: &str) -> Result<T, Failure> {
        let (text, replaced) = json::text_of(self.body());
        let text = text.trim_start().strip_prefix(banner).unwrap_or(&text);
        let read =
            serde_json::from_str(text).map_err(|error| json::failure::<T>(self, text, &error));
        if replaced > 0 && read.is_ok() {
            log::warn(format!(
                "GET {}: {replaced} characters that no text can hold were replaced by U+FFFD",
                self.shown_url()
            ));
        }
        read
    }

    /// This answer, if its status is of the 200s.
    ///
    /// # Errors
    ///
    /// Otherwise: 401 and 403 are `auth`, unless the headers say that a rate limit is reached;
    /// 404 and 410 `not-found`; 429 `rate-limited`; 408, 409, 425 and 5xx `transient`; all
    /// else `unexpected-response`. The message carries the service's own, and
    /// [`Failure::status`] the status.
    pub fn success(self) -> Result<Self, Failure> {
        if (200..300).contains(&self.status()) { Ok(self) } else { Err(status::failure(&self)) }
    }

    /// The URL for a message: without what may be secret in it.
    pub fn shown_url(&self) -> String {
        reference::shown(&self.url)
    }
}
