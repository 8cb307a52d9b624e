// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The location that `plugin add` reads a plugin's file from: a path or a URL.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use test_dashboard_egress::download::{download, shown};
use url::Url;

use crate::lock::Digest;
use crate::plugin::{printable, read};
use crate::usage_error::UsageError;

/// How long a download may take.
const DOWNLOAD_TIME: Duration = Duration::from_secs(5 * 60);

/// A file, or the address of one, and what it has to be.
#[derive(Debug)]
pub struct PluginLocation {
    from: From,
    digest: Option<Digest>,
}

#[derive(Debug)]
enum From {
    File(PathBuf),
    Address(Url),
}

impl PluginLocation {
    /// What the command line means.
    ///
    /// # Errors
    ///
    /// [`UsageError`] for a digest that is none, for an address that is neither https nor, with a
    /// digest, http, and for one that nobody is asked about although nothing says what is
    /// behind it.
    pub fn of(source: &str, sha256: Option<&str>, yes: bool) -> Result<PluginLocation, UsageError> {
        let digest = sha256.map(str::parse).transpose();
        let digest = digest.map_err(|error| UsageError::new(format!("--sha256: {error}")))?;
        if !source.contains("://") {
            return Ok(PluginLocation { from: From::File(source.into()), digest });
        }
        let url = Url::parse(source)
            .map_err(|error| UsageError::new(format!("this is not a URL: {error}")))?;
        match url.scheme() {
            "https" => {}
            "http" if digest.is_some() => {}
            "http" => {
                return Err(UsageError::new(
                    "over http the file can be replaced in transit: use https, or give its digest with --sha256",
                ));
            }
            other => {
                return Err(UsageError::new(format!(
                    "a plugin is installed from a file or over https, not from {other}"
                )));
            }
        }
        if yes && digest.is_none() {
            return Err(UsageError::new(
                "--yes with a URL requires --sha256: nobody reviews the file",
            ));
        }
        Ok(PluginLocation { from: From::Address(url), digest })
    }

    /// What it is called: a path, or an address without what may be secret in it.
    pub fn path(&self) -> PathBuf {
        match &self.from {
            From::File(path) => path.clone(),
            From::Address(url) => shown(url).into(),
        }
    }

    /// What the lock file says of it: nothing that is only so on this machine.
    pub fn name(&self) -> String {
        match &self.from {
            From::File(path) => {
                let name = path.file_name().map_or(Path::new(""), Path::new);
                printable(&name.display().to_string())
            }
            From::Address(url) => shown(url),
        }
    }

    /// The whole file, which has the digest that was asked for.
    ///
    /// # Errors
    ///
    /// When it cannot be had, is larger than `max_bytes`, or has another digest.
    pub async fn fetch(&self, max_bytes: u64) -> anyhow::Result<Vec<u8>> {
        let agent = concat!("test-dashboard/", env!("CARGO_PKG_VERSION"));
        let bytes = match &self.from {
            From::File(path) => read(path, max_bytes)?,
            From::Address(url) => download(url, max_bytes, DOWNLOAD_TIME, agent).await?,
        };
        let found = Digest::of(&bytes);
        if let Some(wanted) = self.digest
            && wanted != found
        {
            bail!(
                "{} is not the file that --sha256 names, and none of it was run: its SHA-256 is {found}, expected {wanted}",
                self.path().display()
            );
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str, sha256: bool, yes: bool) -> Result<PluginLocation, UsageError> {
        let sha256 = sha256.then(|| Digest::of(b"").to_string());
        PluginLocation::of(source, sha256.as_deref(), yes)
    }

    #[test]
    fn an_address_is_https_or_known_by_its_digest() {
        for (source, sha256, yes, says) in [
            (
                "http://example.com/a.wasm",
                false,
                false,
                "use https, or give its digest with --sha256",
            ),
            ("ftp://example.com/a.wasm", true, true, "not from ftp"),
            ("file:///a.wasm", true, true, "not from file"),
            ("https://", true, true, "not a URL"),
            ("https://example.com/a.wasm", false, true, "requires --sha256"),
        ] {
            let error = of(source, sha256, yes).unwrap_err().to_string();
            assert!(error.contains(says), "{source}: {error}");
        }
        assert!(of("https://example.com/a.wasm", false, false).is_ok());
        assert!(of("http://example.com/a.wasm", true, true).is_ok());
    }

    #[test]
    fn what_is_written_down_has_no_path_and_no_secret() {
        let name = |source| of(source, true, true).unwrap().name();
        assert_eq!(name("/home/somebody/guest.wasm"), "guest.wasm");
        assert_eq!(name("../guest.wasm"), "guest.wasm");
        let address = "https://user:hunter2@example.com/guest.wasm?token=hunter2";
        assert_eq!(name(address), "https://example.com/guest.wasm");
    }
}
