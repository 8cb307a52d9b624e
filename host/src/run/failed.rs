// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs that failed before they began: somebody else's table in the way, a missing plugin, a
//! variable that is not set. They are recorded as failed runs of their reports, so that the history
//! and `status` show them, provided that the database can still be written to.

use jiff::Timestamp;
use test_dashboard_store::{Outcome, ReportKey, RunEnd, RunWindow, Store, StoreError, Target};

use super::life::Run;
use super::{Event, Runner, freshness};

impl Run<'_> {
    /// Puts a failed run of these reports on record. One over a window says nothing of how fresh
    /// they are.
    pub(super) async fn keep_failed(
        &self,
        reports: &[ReportKey],
        window: Option<RunWindow>,
        error: &anyhow::Error,
    ) {
        let store = self.store;
        // Nothing is written into a table of somebody else's, or of a newer version.
        if store.check_migrations().await.is_err() {
            return;
        }
        let error = format!("{error:#}");
        let kept = async {
            let started = Timestamp::now();
            let id = store.start_run(&self.request.new_run()).await?;
            match window {
                Some(window) => store.record_window(id, window).await?,
                None => {
                    let end = freshness::failed(started, error.clone());
                    for key in reports {
                        store.record_report(id, key, &end).await?;
                    }
                }
            }
            let end = RunEnd { outcome: Outcome::Failed, error: Some(error.clone()) };
            store.finish_run(id, &end).await?;
            Ok::<_, StoreError>(id)
        };
        match kept.await {
            Ok(id) => (self.hear)(&Event::NotBegun(id)),
            Err(error) => self.warn(format!("cannot record this run in the history: {error}")),
        }
    }
}

impl Runner<'_> {
    /// The same for a run that came as far as its configuration. Which reports it is of is known
    /// from those that were read before and are configured still: of others nobody takes an old row
    /// for a fresh one, and a name that was mistyped is no report.
    pub(super) async fn keep_unprepared(
        &self,
        target: &Target,
        window: Option<RunWindow>,
        error: &anyhow::Error,
    ) {
        // Before the first run there is no database, and none is made.
        if target.path().is_some_and(|path| !path.exists()) {
            return;
        }
        let Ok(store) = Store::connect(target, 1).await else { return };
        let request = self.request;
        let is_meant = |key: &ReportKey| {
            let settings = self.config.projects.get(&key.project);
            key.report == request.report
                && (request.project.eq_ignore_ascii_case("all") || key.project == request.project)
                && settings.is_some_and(|settings| settings.contains_key(&key.datasource))
        };
        // Before the first run there is nothing to read.
        let statuses = store.statuses().await.unwrap_or_default();
        let reports: Vec<ReportKey> =
            statuses.into_iter().map(|status| status.key).filter(is_meant).collect();
        if !reports.is_empty() {
            self.with(&store).keep_failed(&reports, window, error).await;
        }
        store.close().await;
    }
}
