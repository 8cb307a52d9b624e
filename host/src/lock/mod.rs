// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which plugin files may run.
//!
//! `plugin add` copies a file into the plugin folder and pins it by its digest in a lock file
//! that stands beside the configuration and is committed with it. From then on nothing of that
//! file is compiled or run unless its bytes have that digest.
//!
//! | The configuration's plugin is | and the lock file | |
//! |---|---|---|
//! | any file | has its digest | runs |
//! | any file | has another digest for it | refused: the file was changed |
//! | any file | names another file for the datasource | refused: one of the two is wrong |
//! | in the plugin folder | does not know it | refused: it was not added |
//! | elsewhere, as one built from source | does not know it | runs |
//!
//! The lock file is read whenever plugins are loaded; one that cannot be understood stops
//! everything, because a guard that is skipped when it is broken guards nothing.

mod configuration;
mod difference;
mod digest;
mod files;
mod site;
mod survey;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use configuration::{Addition, add_datasource, remove_datasource, settings_to_write};
pub use difference::{Change, Weight, compare};
pub use digest::{Digest, NoDigest};
pub use files::{is_inside, same};
pub use site::{Guard, Site};
pub use survey::{Entry, Standing, digest_of, survey};

use crate::config::{Config, at_line, syntax};
use crate::plugin::PluginError;
use crate::usage_error::UsageError;

/// The lock file's name; it stands beside the configuration.
pub const LOCK_FILE: &str = "test-dashboard.lock";
/// The version of its form that this program writes and understands.
const VERSION: i64 = 1;
const FIRST_LINE: &str = "# The plugin files that may run, by digest. Written by `test-dashboard plugin add`; commit it.\n";

/// The lock file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: i64,
    /// What is installed, by the datasource's name.
    #[serde(default)]
    pub plugins: BTreeMap<String, Pin>,
}

/// One installed plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its file, relative to the configuration.
    pub file: PathBuf,
    /// The version that it says it has.
    pub version: String,
    /// The contract's version that it exports.
    pub contract: String,
    /// The file's digest.
    pub sha256: Digest,
    /// What it was added from: a file's name, or an address without user name and query.
    pub source: String,
}

/// The digest that a file must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// The digest.
    pub digest: Digest,
    /// The lock file that says so.
    pub lock: PathBuf,
}

impl Default for Lock {
    fn default() -> Self {
        Lock { version: VERSION, plugins: BTreeMap::new() }
    }
}

impl Lock {
    /// Reads the lock file of a configuration; one that is missing pins nothing.
    ///
    /// # Errors
    ///
    /// [`UsageError`] where it cannot be read or understood, with the line.
    pub fn of(config: &Config) -> Result<Lock, UsageError> {
        Lock::read(&config.folder.join(LOCK_FILE))
    }

    /// Reads this file; one that is missing pins nothing.
    ///
    /// # Errors
    ///
    /// As [`Lock::of`].
    pub fn read(path: &Path) -> Result<Lock, UsageError> {
        let text =
            match test_dashboard_files::read_text(path, test_dashboard_files::WRITTEN_BY_HAND) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Lock::default());
                }
                Err(error) => {
                    return Err(UsageError::new(format!(
                        "cannot read {}: {error}",
                        path.display()
                    )));
                }
            };
        Lock::parse(&text)
            .map_err(|problem| UsageError::new(format!("{}{problem}", path.display())))
    }

    /// Parses a lock file's text. An error begins with `:LINE: ` or `: `.
    fn parse(text: &str) -> Result<Lock, String> {
        syntax::check(text)?;
        let at = |error| at_line(text, &error);
        // The version comes first: what another one has besides is not for us to judge.
        let table: toml::Table = text.parse().map_err(at)?;
        match table.get("version").and_then(toml::Value::as_integer) {
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!(
                    ": it has version {other}, and this program understands version {VERSION}: use the test-dashboard that wrote it, or a newer one"
                ));
            }
            None => {
                return Err(format!(": it has no `version = {VERSION}`, so it is not a lock file"));
            }
        }
        let lock: Lock = toml::from_str(text).map_err(at)?;
        for (name, pin) in &lock.plugins {
            if pin.file.is_absolute() {
                return Err(format!(
                    ": plugins.{name}.file is {}, and has to be relative to the configuration",
                    pin.file.display()
                ));
            }
        }
        Ok(lock)
    }

    /// The file's text: sorted, and the same for the same plugins.
    ///
    /// # Errors
    ///
    /// When a path is not Unicode.
    pub fn render(&self) -> anyhow::Result<String> {
        Ok(format!("{FIRST_LINE}{}", toml::to_string(self)?))
    }

    /// What a datasource's plugin file must be, as the configuration names it. None where
    /// nothing is said of it and it may run.
    ///
    /// # Errors
    ///
    /// [`PluginError::PinnedElsewhere`] and [`PluginError::NotAdded`].
    pub fn expects(
        &self,
        config: &Config,
        name: &str,
        file: &Path,
    ) -> Result<Option<Pinned>, PluginError> {
        let lock = config.folder.join(LOCK_FILE);
        let Some(pin) = self.plugins.get(name) else {
            return self.of_file(config, name, file);
        };
        let pinned = config.resolve_path(&pin.file);
        if !files::same(&pinned, file) {
            return Err(PluginError::PinnedElsewhere {
                path: file.into(),
                pinned,
                name: name.into(),
                lock,
            });
        }
        Ok(Some(Pinned { digest: pin.sha256, lock }))
    }

    /// What a file must be that a person names, whichever datasource it is for; `name` is
    /// what it is told as when the lock file does not know it.
    ///
    /// # Errors
    ///
    /// [`PluginError::NotAdded`].
    pub fn of_file(
        &self,
        config: &Config,
        name: &str,
        file: &Path,
    ) -> Result<Option<Pinned>, PluginError> {
        let lock = config.folder.join(LOCK_FILE);
        let known = |pin: &&Pin| files::same(&config.resolve_path(&pin.file), file);
        if let Some(pin) = self.plugins.values().find(known) {
            return Ok(Some(Pinned { digest: pin.sha256, lock }));
        }
        if files::is_inside(file, &config.plugin_folder()) {
            return Err(PluginError::NotAdded { path: file.into(), name: name.into(), lock });
        }
        Ok(None)
    }

    /// The name under which a digest is pinned.
    pub fn name_of(&self, digest: &Digest) -> Option<&str> {
        let mut pins = self.plugins.iter();
        pins.find(|(_, pin)| pin.sha256 == *digest).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests;
