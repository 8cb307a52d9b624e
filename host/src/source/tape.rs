// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The recording that a job's requests are written to or replayed from, and what happens to it at
//! the end.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use test_dashboard_egress::request::Permitted;
use test_dashboard_egress::{Cassette, Masks, Play, Recorder, Sent, Tape, Window};

/// A tape that a whole job is read with. Such a job begins at the beginning, so that a recording
/// can be replayed into any database.
pub trait JobTape: Tape {
    /// Ends it: the job is over, and nothing more is asked.
    ///
    /// # Errors
    ///
    /// What is wrong with the recording, or that it cannot be written.
    fn end(&self) -> Result<(), String> {
        Ok(())
    }
}

impl JobTape for Cassette {
    /// A plugin that asks for less than it once did has changed, and a recording that says
    /// otherwise is not true any more.
    fn end(&self) -> Result<(), String> {
        match self.unused().as_slice() {
            [] => Ok(()),
            unused => Err(format!(
                "{} recorded answers were never requested: {}",
                unused.len(),
                unused.iter().take(3).cloned().collect::<Vec<_>>().join("; ")
            )),
        }
    }
}

/// What becomes of the recording is up to who has made the recorder.
impl JobTape for Recorder {}

/// Where the recording of one report and project is, in a folder of recordings.
pub fn recording_file(folder: &Path, project: &str, report: &str) -> PathBuf {
    folder.join(project).join(format!("{report}.har"))
}

/// A recording of one report and project in a folder of recordings, written when the job ends.
#[derive(Debug)]
pub struct JobRecording {
    title: String,
    recorder: Recorder,
    file: PathBuf,
}

impl JobRecording {
    /// That of a run that takes `now` for the present and looks at `window`. It holds nothing that
    /// `masks` find.
    pub fn new(
        folder: &Path,
        project: &str,
        report: &str,
        now: Timestamp,
        window: Window,
        masks: Masks,
    ) -> Self {
        let title = format!("{project} {report}");
        let recorder = Recorder::new(title.clone(), now, window, masks);
        JobRecording { title, recorder, file: recording_file(folder, project, report) }
    }
}

impl Tape for JobRecording {
    fn play(&self, request: &Permitted) -> Play {
        self.recorder.play(request)
    }

    fn keep(&self, sent: &Sent<'_>) {
        self.recorder.keep(sent);
    }
}

impl JobTape for JobRecording {
    /// Writes it, and warns of what should not be shown to others.
    fn end(&self) -> Result<(), String> {
        let written = self.recorder.write(&self.file).map_err(|error| error.to_string())?;
        for warning in written.warnings() {
            tracing::warn!("{}: {warning}", self.title);
        }
        Ok(())
    }
}
