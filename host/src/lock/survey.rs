// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Compares the installed files with the lock file, without loading any of them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Digest, Lock, Pin};
use crate::config::Config;
use crate::plugin::PluginError;

/// How a plugin's file stands against the lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It is what was added.
    Ok,
    /// It is not what was added, or not where it was put.
    Changed,
    /// It is not there.
    Missing,
    /// The lock file does not know it, and it does not run.
    NotPinned,
    /// The lock file does not know it, and it runs all the same: it is not in the plugin
    /// folder, as what is built from source.
    Built,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Ok => "ok",
            Standing::Changed => "changed",
            Standing::Missing => "missing",
            Standing::NotPinned => "not pinned",
            Standing::Built => "built",
        })
    }
}

/// One plugin of the lock file or the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The datasource's name.
    pub name: String,
    /// The version, where the lock file knows it.
    pub version: Option<String>,
    /// Its file.
    pub file: PathBuf,
    /// The file's digest, where there is a file.
    pub sha256: Option<Digest>,
    /// How it stands.
    pub state: Standing,
    /// Why, where that is not plain.
    pub note: Option<String>,
}

/// Every plugin of the lock file and of the configuration, by name.
pub fn survey(config: &Config, lock: &Lock) -> Vec<Entry> {
    let names: BTreeSet<&String> = lock.plugins.keys().chain(config.datasources.keys()).collect();
    names.into_iter().map(|name| entry(config, lock, name)).collect()
}

fn entry(config: &Config, lock: &Lock, name: &str) -> Entry {
    let configured = config.datasources.get(name).map(|datasource| {
        let file = config.resolve_path(&datasource.plugin);
        let expected = lock.expects(config, name, &file);
        (file, expected)
    });
    let pin = lock.plugins.get(name);
    let file = match (&configured, pin) {
        (Some((_, Err(PluginError::PinnedElsewhere { pinned, .. }))), _) => pinned.clone(),
        (Some((file, _)), _) => file.clone(),
        (None, Some(pin)) => config.resolve_path(&pin.file),
        (None, None) => PathBuf::new(),
    };
    let found = digest_of(&file);
    let (state, note) = stand(pin, &found, configured.as_ref().map(|(_, expected)| expected));
    Entry {
        name: name.into(),
        version: pin.map(|pin| pin.version.clone()),
        file,
        sha256: found.ok(),
        state,
        note,
    }
}

type Expected = Result<Option<super::Pinned>, PluginError>;

fn stand(
    pin: Option<&Pin>,
    found: &std::io::Result<Digest>,
    configured: Option<&Expected>,
) -> (Standing, Option<String>) {
    match (found, configured, pin) {
        (Err(error), ..) if error.kind() == std::io::ErrorKind::NotFound => {
            (Standing::Missing, None)
        }
        (Err(error), ..) => (Standing::Missing, Some(error.to_string())),
        (Ok(_), Some(Err(error @ PluginError::PinnedElsewhere { .. })), _) => {
            (Standing::Changed, Some(error.to_string()))
        }
        (Ok(found), _, Some(pin)) if *found != pin.sha256 => {
            (Standing::Changed, Some(format!("{} was added", pin.sha256)))
        }
        (Ok(_), Some(_), Some(_)) => (Standing::Ok, None),
        (Ok(_), None, _) => (Standing::Ok, Some("the configuration does not use it".into())),
        (Ok(_), Some(Err(_)), None) => {
            (Standing::NotPinned, Some("it was not added, and does not run".into()))
        }
        (Ok(_), Some(Ok(_)), None) => (
            Standing::Built,
            Some(
                "it was not added, and runs all the same, because it is not in the plugin folder"
                    .into(),
            ),
        ),
    }
}

/// The digest of a file of whatever size.
///
/// # Errors
///
/// When it cannot be read, and when it is no regular file: a pipe may never end.
pub fn digest_of(file: &Path) -> std::io::Result<Digest> {
    Digest::of_reader(&mut test_dashboard_files::open(file)?)
}
