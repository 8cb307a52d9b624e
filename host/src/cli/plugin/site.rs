// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What `plugin add` and `plugin remove` share: a lock, so that only one of them runs at a time.

use std::path::Path;

use anyhow::Context as _;

use crate::cli::args::ConfigOption;
use crate::cli::output;
use crate::lock::{Guard, Site};

/// The files of the configuration, for this program alone until the guard is dropped.
///
/// # Errors
///
/// When there is no such folder.
pub fn site(config: &ConfigOption) -> anyhow::Result<(Site, Guard)> {
    let site = Site::of(config.file());
    let waiting = || {
        output::remark(format_args!(
            "another `plugin add` or `plugin remove` is running in {}; waiting for it",
            site.folder.display()
        ));
    };
    let guard = site
        .exclusive(waiting)
        .with_context(|| format!("cannot lock the folder {}", site.folder.display()))?;
    Ok((site, guard))
}

/// A file's text; none where there is no file.
///
/// # Errors
///
/// When it cannot be read.
pub fn read_or_empty(path: &Path) -> anyhow::Result<String> {
    match test_dashboard_files::read_text(path, test_dashboard_files::WRITTEN_BY_HAND) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.with_context(|| format!("cannot read {}", path.display())),
    }
}
