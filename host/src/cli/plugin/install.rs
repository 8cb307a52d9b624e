// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Installing a plugin, for `plugin add` and `init`: its file goes into the plugin folder and is
//! pinned by its digest.
//!
//! The file is written before the lock file, and that before the configuration. A program that
//! is stopped in between leaves a file that the lock file does not know, or a configuration that
//! names another one than the lock file: both do not run, and the same done again mends it.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use test_dashboard_files::Prepared;

use super::location::PluginLocation;
use super::shown;
use crate::config::{Config, LimitsConfig};
use crate::lock::{Addition, Digest, Lock, Pin, Site};
use crate::plugin::{Plugin, Runtime};

/// A plugin's file, loaded without a network, that may be installed.
pub struct Candidate {
    /// What it says of itself.
    pub plugin: Plugin,
    /// What the lock file is to say of it.
    pub pin: Pin,
    /// What the configuration is to grant it.
    pub addition: Addition,
    bytes: Vec<u8>,
}

impl Candidate {
    /// Fetches and loads the file.
    ///
    /// # Errors
    ///
    /// What the file is instead of a plugin, or why it cannot be had.
    pub async fn load(
        config: &Config,
        runtime: &Runtime,
        source: &PluginLocation,
    ) -> anyhow::Result<Candidate> {
        let limits = LimitsConfig::default().resolve(&config.limits);
        let bytes = source.fetch(limits.max_plugin_bytes).await?;
        let plugin = runtime.load_bytes(&source.path(), bytes.clone(), Arc::new(limits)).await?;

        let file = config.plugin_folder_in_file().join(format!("{}.wasm", plugin.description.name));
        let addition = Addition::of(&plugin.description, file.clone())
            .map_err(|problem| anyhow!("{}: {problem}", source.path().display()))?;
        let pin = Pin {
            file,
            version: shown::sentence(&plugin.description.version),
            contract: plugin.version.to_string(),
            sha256: Digest::of(&bytes),
            source: source.name(),
        };
        Ok(Candidate { plugin, pin, addition, bytes })
    }
}

/// Writes the candidates' files, the lock file with them, and the configuration's new text. All
/// are written beside their places first: what fails for want of room or rights fails before
/// anything has changed.
///
/// # Errors
///
/// What could not be written, and whether anything has changed.
pub fn install(
    candidates: &[&Candidate],
    mut lock: Lock,
    configuration: &str,
    config: &Config,
    site: &Site,
) -> anyhow::Result<()> {
    let unchanged = "nothing was changed";
    let mut files = Vec::new();
    for Candidate { pin, addition, bytes, .. } in candidates {
        lock.plugins.insert(addition.name.clone(), pin.clone());
        files.push(Prepared::new(&config.resolve_path(&pin.file), bytes).context(unchanged)?);
    }
    let lock = match candidates.is_empty() {
        true => None,
        false => Some(Prepared::new(&site.lock, lock.render()?.as_bytes()).context(unchanged)?),
    };
    let text = configuration.as_bytes();
    let configuration = Prepared::new(&site.configuration, text).context(unchanged)?;
    let halfway = "it is installed halfway, and does not run: do the same again";
    for (number, file) in files.into_iter().enumerate() {
        file.commit().context(if number == 0 { unchanged } else { halfway })?;
    }
    lock.map_or(Ok(()), Prepared::commit).and_then(|()| configuration.commit()).context(halfway)
}
