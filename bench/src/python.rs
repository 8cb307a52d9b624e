// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The contenders that need Python.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::process::{self, Usage};
use crate::rows::State;

/// Who does the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// This project.
    TestDashboard,
    /// dlt: its rest_api source with declared types and the merge disposition.
    Dlt,
    /// requests, COPY into a staging table, upsert.
    PlainScript,
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Contender::TestDashboard => "test-dashboard",
            Contender::Dlt => "dlt",
            Contender::PlainScript => "plain script",
        })
    }
}

/// An interpreter that has what `bench/python/requirements.txt` lists.
pub struct Python {
    /// The interpreter.
    pub program: PathBuf,
    /// Where the scripts are.
    pub scripts: PathBuf,
}

impl Python {
    /// Does the job once. `folder` is where dlt keeps its state between loads.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn run(
        &self,
        contender: Contender,
        address: &str,
        state: State,
        database: &str,
        folder: &Path,
    ) -> anyhow::Result<Usage> {
        let mut command = Command::new(&self.program);
        let script = match contender {
            Contender::Dlt => "dlt_pipeline.py",
            _ => "plain_script.py",
        };
        command.arg(self.scripts.join(script)).args([address, state.name(), database]);
        if contender == Contender::Dlt {
            command.arg(folder);
            // It asks nothing of the network but the mock.
            command.env("RUNTIME__DLTHUB_TELEMETRY", "false").env("DLT_DATA_DIR", folder);
        }
        Ok(process::run(&mut command)?.0)
    }

    /// Which table it fills.
    pub fn table(contender: Contender) -> &'static str {
        match contender {
            Contender::TestDashboard => "mock_rows",
            Contender::Dlt => "dlt_bench.rows",
            Contender::PlainScript => "script_rows",
        }
    }
}
