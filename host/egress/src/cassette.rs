// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Recordings of what was asked and answered, as HAR 1.2 files: taken from a run, and played
//! in place of the network.
//!
//! A recording holds requests as the plugin made them, so no credential, and answers as the
//! plugin saw them, known secrets removed; but no cookies, and personal values masked where
//! [`Masks`] find them. Bodies of more than 32 KiB are files of their own, `bodies/….body`
//! beside the recording, which names them in `_file`.
//!
//! The answers that the host retried are in it too, in order: a replay meets the same rate
//! limit, and waits for nothing. An attempt without an answer has the status 0 and says in
//! its comment what failed. `pages[0]` is the run: its `startedDateTime` is the time that the
//! plugin was given, its comment the window that was asked for, where there was one.
//!
//! A replayed request is found by method, scheme, host, port, path, query (sorted by name,
//! then value) and body. Repeats of the same request get the recorded answers in order.

mod bodies;
mod file;
mod mask;
mod record;
mod replay;

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::Method;
use jiff::Timestamp;
use url::Url;

use crate::error::shown;

pub use file::discard;
pub use mask::{MaskError, MaskUse, Masks};
pub use record::{Recorder, Written};
pub use replay::{Cassette, Key};

/// The time that a run looks at. A recording keeps it, so that a replay asks for the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// From when on, inclusive.
    pub since: Option<Timestamp>,
    /// Until when, exclusive.
    pub until: Option<Timestamp>,
}

impl Window {
    /// As the comment of a recording's page: `since 2026-03-01T00:00:00Z until …`. None for a
    /// window without bounds.
    fn to_comment(self) -> Option<String> {
        let bounds = [("since", self.since), ("until", self.until)];
        let told: Vec<String> = bounds
            .iter()
            .filter_map(|(word, moment)| moment.map(|moment| format!("{word} {moment}")))
            .collect();
        (!told.is_empty()).then(|| told.join(" "))
    }

    /// What [`to_comment`](Window::to_comment) wrote. Any other comment bounds nothing.
    fn from_comment(comment: &str) -> Window {
        let words: Vec<&str> = comment.split_whitespace().collect();
        let after = |word| {
            let at = words.iter().position(|found| *found == word)?;
            words.get(at + 1)?.parse().ok()
        };
        Window { since: after("since"), until: after("until") }
    }
}

/// A request as messages name it.
pub fn describe(method: &Method, url: &Url) -> String {
    format!("{method} {}", shown(url))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
