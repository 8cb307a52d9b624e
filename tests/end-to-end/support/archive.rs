// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A release's archive, as scripts/package makes it, of what was built for the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{Ended, built, repository};

/// The platform that the archive says it is for. The program in it needs this machine's C library,
/// which a released one does not.
pub const TARGET: &str = "x86_64-unknown-linux-musl";

/// The version in its name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The archive's path. It is made once: its program has no symbols, as one that is released; with
/// them it is ten times as large.
pub fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        for plugin in ["bitrise", "github", "taskcluster", "testrail"] {
            built(&format!("plugins/{plugin}.wasm"));
        }
        let folder = repository().join("target/test-archive");
        std::fs::create_dir_all(&folder).unwrap();
        let program = folder.join("test-dashboard");
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_test-dashboard"));
        Ended::new(strip.output().unwrap()).expect_code(0);
        let mut package = Command::new(repository().join("scripts/package"));
        package.arg(program).arg(TARGET).arg(&folder);
        let ended = Ended::new(package.output().unwrap()).expect_code(0);
        ended.out.trim_end().into()
    })
}

/// The folder that all of it is in.
pub fn folder_name() -> String {
    format!("test-dashboard-{VERSION}-{TARGET}")
}
