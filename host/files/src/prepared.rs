// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Files that are written completely or not at all.

use std::fmt;
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Why a file could not be written.
#[derive(Debug)]
pub struct WriteError {
    doing: &'static str,
    path: PathBuf,
    /// What the system says.
    pub reason: io::Error,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.doing, self.path.display())
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.reason)
    }
}

/// A file that is written and on the disk, and not yet in its place.
///
/// Several are prepared before the first is put in its place: a full disk or a folder that
/// cannot be written to shows before anything has changed.
#[derive(Debug)]
#[must_use]
pub struct Prepared {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl Prepared {
    /// Writes the bytes beside `path`, whose folder is made if need be. A link stays a link; who
    /// may read the file stays as it was, and a new one is like any other.
    ///
    /// # Errors
    ///
    /// What the system says, with the file; nothing is left behind then.
    pub fn new(path: &Path, bytes: &[u8]) -> Result<Self, WriteError> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let mode = path.metadata().map_or(0o666, |metadata| metadata.permissions().mode());
        Prepared::with_mode(path, bytes, mode)
    }

    /// The same, readable by its owner alone from the start.
    ///
    /// # Errors
    ///
    /// As [`Prepared::new`].
    pub fn private(path: &Path, bytes: &[u8]) -> Result<Self, WriteError> {
        Prepared::with_mode(path.to_path_buf(), bytes, 0o600)
    }

    fn with_mode(path: PathBuf, bytes: &[u8], mode: u32) -> Result<Self, WriteError> {
        let folder = folder_of(&path);
        if let Err(reason) = std::fs::create_dir_all(folder) {
            let path = folder.to_path_buf();
            return Err(WriteError { doing: "create the folder", path, reason });
        }
        let write = || {
            let mut temporary = tempfile::Builder::new()
                .prefix(".test-dashboard-")
                .permissions(Permissions::from_mode(mode))
                .tempfile_in(folder)?;
            temporary.write_all(bytes)?;
            temporary.as_file().sync_all()?;
            Ok(temporary)
        };
        match write() {
            Ok(temporary) => Ok(Prepared { temporary, path }),
            Err(reason) => Err(WriteError { doing: "write", path, reason }),
        }
    }

    /// Puts it in its place, and has that on the disk before the next one is.
    ///
    /// # Errors
    ///
    /// What the system says, with the file.
    pub fn commit(self) -> Result<(), WriteError> {
        let Prepared { temporary, path } = self;
        let placed = temporary.persist(&path).map_err(|error| error.error);
        let synced = placed.and_then(|_| File::open(folder_of(&path))?.sync_all());
        synced.map_err(|reason| WriteError { doing: "write", path, reason })
    }
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

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
        assert_eq!(mode(&at("new/file")), 0o640);
        assert_eq!(std::fs::read_dir(at("new")).unwrap().count(), 1);
    }

    #[test]
    fn a_private_file_is_its_owners_and_a_failure_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("recording.har");
        Prepared::private(&file, b"{}").unwrap().commit().unwrap();
        assert_eq!(mode(&file), 0o600);
        let within = file.join("cannot be");
        let error = Prepared::new(&within, b"1").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot create the folder {}", file.display()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
