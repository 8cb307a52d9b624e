// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Where compiled plugins are kept between runs.
//!
//! A compiled plugin is machine code: whoever can write it can run anything. So the folder is
//! the user's own and nobody else can write to it, or no cache is used; nothing else is ever
//! loaded in compiled form, and a plugin's own file never is.

use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use wasmtime::{Cache, CacheConfig};

/// The cache in `folder`, or in the user's cache folder. None, with a warning, when no folder
/// can be trusted.
pub fn open(folder: Option<&Path>) -> Option<Cache> {
    let folder = match folder {
        Some(folder) => folder.to_path_buf(),
        None => default_folder()?,
    };
    let cache = prepare(&folder).and_then(|folder| {
        let mut config = CacheConfig::new();
        config.with_directory(folder);
        Cache::new(config).map_err(|error| error.to_string())
    });
    match cache {
        Ok(cache) => Some(cache),
        Err(reason) => {
            tracing::warn!(
                "compiled plugins are not cached, every run compiles them again: {}: {reason}",
                folder.display()
            );
            None
        }
    }
}

fn default_folder() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.cache_dir().join("test-dashboard").join("plugins"))
}

/// Creates the folder where it is missing, and makes sure that it is ours alone.
fn prepare(folder: &Path) -> Result<PathBuf, String> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| error.to_string())?;
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    let metadata = folder.metadata().map_err(|error| error.to_string())?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user".into());
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("others may write to it; chmod go-w it".into());
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("plugins");
        assert!(open(Some(&cache)).is_some());
        assert_eq!(cache.metadata().unwrap().mode() & 0o777, 0o700);
        std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open(Some(&cache)).is_none());
    }
}
