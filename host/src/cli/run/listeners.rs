// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The listeners of a run on the command line: the log, the progress display, and the account for
//! the reports at its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::Level;

use super::account::Account;
use crate::cli::output;
use crate::cli::progress::Shown;
use crate::pump::PartitionReport;
use crate::run::Event;

/// All of them.
pub struct Listeners {
    account: Mutex<Account>,
    shown: Mutex<Option<Shown>>,
}

impl Listeners {
    /// For a run of this project and this report, as far as they are known.
    pub fn new(project: Option<String>, report: Option<String>) -> Self {
        let account = Mutex::new(Account::begin(project, report));
        Listeners { account, shown: Mutex::default() }
    }

    /// Tells all of them.
    pub fn hear(&self, event: &Event<'_>) {
        log(event);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Reading(jobs) => *shown = Some(Shown::begin(jobs)),
            Event::Ended(partition) => shown.iter_mut().for_each(|shown| shown.ended(partition)),
            Event::Read => *shown = None,
            _ => {}
        }
        self.account().hear(event);
    }

    /// What is known of the run so far.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells a person, with a remark or a line of the log.
pub fn log(event: &Event<'_>) {
    match event {
        Event::Remark(text) => output::remark(text),
        Event::Log(Level::ERROR, text) => tracing::error!("{text}"),
        Event::Log(Level::WARN, text) => tracing::warn!("{text}"),
        Event::Log(_, text) => tracing::info!("{text}"),
        Event::Ended(partition) => {
            let PartitionReport { project, report, partition, counts, error, .. } =
                partition.as_ref();
            match error {
                Some(error) => tracing::error!("{project} {report} {partition}: {}", error.message),
                None => {
                    tracing::debug!(
                        "{project} {report} {partition}: {} rows read",
                        counts.rows_read
                    );
                }
            }
        }
        _ => {}
    }
}
