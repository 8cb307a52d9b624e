// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The plugins that a first configuration can name: those installed beside it, and those that came
//! with the program: beside it, as in a release's archive, or in its `../share/test-dashboard`, as
//! in the image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::plugin::install::Candidate;
use crate::cli::plugin::location::PluginLocation;
use crate::config::{Config, Limits};
use crate::lock::{Addition, LOCK_FILE, Lock, Pinned};
use crate::plugin::{Plugin, Runtime};
use crate::usage_error::UsageError;

/// Where a program that is installed for all users has what belongs to it, below the prefix.
const SHARE: &str = "share/test-dashboard";

/// A plugin that can be named.
pub enum Offered {
    /// It is installed beside the configuration.
    Installed {
        /// What it says of itself.
        plugin: Box<Plugin>,
        /// What the configuration is to grant it.
        addition: Addition,
    },
    /// It came with the program, and would be installed.
    Shipped(Box<Candidate>),
}

impl Offered {
    /// What it says of itself.
    pub fn plugin(&self) -> &Plugin {
        match self {
            Offered::Installed { plugin, .. } => plugin,
            Offered::Shipped(candidate) => &candidate.plugin,
        }
    }

    /// What the configuration is to grant it.
    pub fn addition(&self) -> &Addition {
        match self {
            Offered::Installed { addition, .. } => addition,
            Offered::Shipped(candidate) => &candidate.addition,
        }
    }

    /// The datasource's name.
    pub fn name(&self) -> &str {
        &self.addition().name
    }

    /// What has to be installed for it.
    pub fn candidate(&self) -> Option<&Candidate> {
        match self {
            Offered::Installed { .. } => None,
            Offered::Shipped(candidate) => Some(candidate),
        }
    }
}

/// All of them, by name. `config` is an empty configuration in its folder. What a lock file names
/// and is not there is passed over; a file that is another one than its lock file says is not.
///
/// # Errors
///
/// [`UsageError`] when there is none; why one cannot be loaded.
pub async fn all(config: &Config, runtime: &Runtime) -> anyhow::Result<Vec<Offered>> {
    let mut offered = installed(config, runtime).await?;
    let shipped = folders_of_program();
    for folder in &shipped {
        let lock = Lock::read(&folder.join(LOCK_FILE))?;
        for (name, pin) in &lock.plugins {
            let file = folder.join(&pin.file);
            if !file.is_file() || offered.iter().any(|other| other.name() == name) {
                continue;
            }
            let digest = pin.sha256.to_string();
            let source = PluginLocation::of(&file.display().to_string(), Some(&digest), true)?;
            let candidate = Candidate::load(config, runtime, &source).await?;
            offered.push(Offered::Shipped(Box::new(candidate)));
        }
    }
    if offered.is_empty() {
        let places = std::iter::once(&config.folder).chain(&shipped);
        let places: Vec<String> = places.map(|place| place.display().to_string()).collect();
        return Err(UsageError::new(format!(
            "there is no plugin to read with: no {LOCK_FILE} lists one whose file exists, in {}. `test-dashboard plugin add FILE` installs one and starts a configuration; `init --force` then writes a complete one",
            places.join(" or ")
        ))
        .into());
    }
    offered.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(offered)
}

async fn installed(config: &Config, runtime: &Runtime) -> anyhow::Result<Vec<Offered>> {
    let mut installed = Vec::new();
    let lock = config.folder.join(LOCK_FILE);
    for pin in Lock::read(&lock)?.plugins.into_values() {
        let path = config.resolve_path(&pin.file);
        if !path.is_file() {
            continue;
        }
        let pinned = Pinned { digest: pin.sha256, lock: lock.clone() };
        let limits = Arc::new(Limits::default());
        let plugin = runtime.load_pinned(&path, limits, Some(&pinned)).await?;
        let addition = Addition::of(&plugin.description, pin.file)
            .map_err(|problem| anyhow::anyhow!("{}: {problem}", path.display()))?;
        installed.push(Offered::Installed { plugin: Box::new(plugin), addition });
    }
    Ok(installed)
}

/// Where a release puts its plugins: where its archive was unpacked, and, for a program in a `bin`,
/// the `share` beside that.
fn folders_of_program() -> Vec<PathBuf> {
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let folder = program.parent();
    let share = folder.and_then(Path::parent).map(|prefix| prefix.join(SHARE));
    folder.map(Path::to_path_buf).into_iter().chain(share).collect()
}
