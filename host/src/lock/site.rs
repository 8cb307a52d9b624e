// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The location of an operator's files, and a lock so that only one program changes them at a time.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use test_dashboard_files::folder_of;

use super::LOCK_FILE;
use crate::config::DEFAULT_FILE;

/// The files of one configuration, whether or not they are there.
#[derive(Debug, Clone)]
pub struct Site {
    /// The configuration.
    pub configuration: PathBuf,
    /// The folder that it is in.
    pub folder: PathBuf,
    /// The lock file.
    pub lock: PathBuf,
}

/// Nobody else changes the folder's plugins while this is held. The system lets go of it when
/// the program ends, however it ends.
#[derive(Debug)]
#[must_use]
pub struct Guard {
    _folder: File,
}

impl Site {
    /// The files of the configuration that was named, or of the default one.
    pub fn of(named: Option<&Path>) -> Site {
        let configuration = named.unwrap_or(Path::new(DEFAULT_FILE)).to_path_buf();
        let folder = folder_of(&configuration).to_path_buf();
        Site { lock: folder.join(LOCK_FILE), configuration, folder }
    }

    /// Waits until no other `plugin add` or `plugin remove` is at work here; `waiting` is
    /// called when there is one.
    ///
    /// # Errors
    ///
    /// When the folder is not there, or its file system knows no locks.
    pub fn exclusive(&self, waiting: impl FnOnce()) -> std::io::Result<Guard> {
        let folder = File::open(&self.folder)?;
        match folder.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                folder.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Guard { _folder: folder })
    }
}
