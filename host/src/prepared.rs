// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Files that are written whole or not at all.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::folder_of;

/// A file that is written and on the disk, and not yet in its place.
///
/// Several are prepared before the first is put in its place: a full disk or a folder that
/// cannot be written to shows before anything has changed.
#[derive(Debug)]
#[must_use]
pub struct Prepared {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Prepared {
    /// Writes the bytes beside `path`. A link stays a link; who may read the file stays as it
    /// was.
    ///
    /// # Errors
    ///
    /// What the system says, with the file; nothing is left behind then.
    pub fn new(path: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let cannot = || format!("cannot write {}", path.display());
        let folder = folder_of(&path);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        // Like any new file, and not for its owner alone: others run what one person installs.
        let mode = path.metadata().map_or(0o666, |metadata| metadata.permissions().mode());
        let mut temporary = tempfile::Builder::new()
            .prefix(".test-dashboard-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(&folder)
            .with_context(cannot)?;
        temporary
            .write_all(bytes)
            .and_then(|()| temporary.as_file().sync_all())
            .with_context(cannot)?;
        Ok(Prepared { temporary, path })
    }

    /// Puts it in its place, and has that on the disk before the next one is.
    ///
    /// # Errors
    ///
    /// What the system says, with the file.
    pub fn commit(self) -> anyhow::Result<()> {
        let Prepared { temporary, path } = self;
        let cannot = || format!("cannot write {}", path.display());
        temporary.persist(&path).map_err(|error| error.error).with_context(cannot)?;
        File::open(folder_of(&path)).and_then(|folder| folder.sync_all()).with_context(cannot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_keeps_its_mode_and_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        Prepared::new(&at("new/file"), b"1").unwrap().commit().unwrap();
        assert_eq!(std::fs::read(at("new/file")).unwrap(), b"1");
        std::fs::set_permissions(at("new/file"), Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(at("new/file"), at("link")).unwrap();
        let prepared = Prepared::new(&at("link"), b"2").unwrap();
        assert_eq!(std::fs::read(at("new/file")).unwrap(), b"1");
        prepared.commit().unwrap();
        assert!(at("link").symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(at("new/file")).unwrap(), b"2");
        let mode = at("new/file").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(std::fs::read_dir(at("new")).unwrap().count(), 1);
    }
}
