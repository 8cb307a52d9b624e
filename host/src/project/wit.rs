// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The location of a project's interfaces.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::TempDir;

use super::template;

/// The folder with the contract, WASI's interfaces, and the plugin's world.
pub struct Interfaces {
    folder: PathBuf,
    _written: Option<TempDir>,
}

impl Interfaces {
    /// The project's `wit` folder; without one, the interfaces that `plugin new` would write.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn of(project: &Path) -> anyhow::Result<Self> {
        let own = project.join("wit");
        if own.is_dir() {
            let folder =
                own.canonicalize().with_context(|| format!("cannot open {}", own.display()))?;
            return Ok(Interfaces { folder, _written: None });
        }
        let place = tempfile::tempdir().context("cannot create a folder for the interfaces")?;
        template::write_wit(place.path())?;
        Ok(Interfaces { folder: place.path().join("wit"), _written: Some(place) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
