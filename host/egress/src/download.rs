// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Downloads one file that an operator names: a plugin to be installed.
//!
//! This is not a plugin's request, so no policy of a datasource is asked. Over https the
//! server's certificate says whom it comes from, and a redirect may lead to another https
//! address; over http nothing does, so the caller has to know the file's digest, and no redirect
//! is followed.

use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use url::Url;

use crate::client::chain;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a file could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[error("cannot download {url}: {reason}")]
pub struct DownloadError {
    url: String,
    reason: String,
}

/// An address as it may be shown and written down: without user name, password, query and
/// fragment, any of which may hold a secret.
pub fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// The whole file, at most `max_bytes` of it, within `time`.
///
/// # Errors
///
/// [`DownloadError`] when it cannot be had, is larger, or takes longer.
pub async fn download(
    url: &Url,
    max_bytes: u64,
    time: Duration,
    user_agent: &str,
) -> Result<Vec<u8>, DownloadError> {
    let failed = |reason| DownloadError { url: shown(url), reason };
    let fetched = tokio::time::timeout(time, fetch(url, max_bytes, user_agent)).await;
    fetched.unwrap_or_else(|_| Err(format!("it took longer than {time:?}"))).map_err(failed)
}

async fn fetch(url: &Url, max_bytes: u64, user_agent: &str) -> Result<Vec<u8>, String> {
    // As for the gate's client: whoever embeds this crate may have chosen another one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .user_agent(user_agent)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::custom(redirected))
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        // The digest is that of the file, not of what a server makes of it on the way.
        .no_gzip()
        .build()
        .map_err(|error| chain(&error))?;
    let words = |error: reqwest::Error| chain(&error.without_url());
    let mut answer = client.get(url.clone()).send().await.map_err(words)?;
    if !answer.status().is_success() {
        let leads = match answer.status().is_redirection() {
            true => ", which is not followed from http",
            false => "",
        };
        return Err(format!("the answer was {}{leads}", answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(words)? {
        if bytes.len() as u64 + piece.len() as u64 > max_bytes {
            return Err(format!("it is larger than {max_bytes} bytes (limits.max-plugin-bytes)"));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// From https to https, a few times.
fn redirected(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from_https = attempt.previous().iter().all(|url| url.scheme() == "https");
    if !from_https {
        return attempt.stop();
    }
    if attempt.url().scheme() != "https" {
        return attempt.error("it is redirected to an address that is not https");
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error(format!("it is redirected more than {MAX_REDIRECTS} times"));
    }
    attempt.follow()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hold_a_secret_is_not_shown() {
        let url = "https://user:hunter2@example.com:8443/a/b.wasm?token=hunter2#hunter2";
        assert_eq!(shown(&url.parse().unwrap()), "https://example.com:8443/a/b.wasm");
    }
}
