// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs that failed before they began: a foreign table in the way, a plugin that is missing, a
//! variable that is not set. They are failed runs of their reports like any other, so that the
//! history and `status` know of them, as far as the database can still be written.

use jiff::Timestamp;
use test_dashboard_store::{
    NewRun, Outcome, ReportKey, RunEnd, RunId, RunWindow, Store, StoreError, Target,
};

use crate::cli::context;
use crate::config::Config;
use crate::run::freshness;

/// Puts a failed run of these reports on record; its number, unless that fails, too. One over a
/// window says nothing of how fresh they are.
pub async fn keep(
    store: &Store,
    run: &NewRun,
    reports: &[ReportKey],
    window: Option<RunWindow>,
    error: &anyhow::Error,
) -> Option<RunId> {
    // Nothing is written into a table of somebody else's, or of a newer version.
    store.check_migrations().await.ok()?;
    let error = format!("{error:#}");
    let kept = async {
        let started = Timestamp::now();
        let id = store.start_run(run).await?;
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
        Ok(id) => Some(id),
        Err(error) => {
            tracing::warn!("the history lacks this run: {error}");
            None
        }
    }
}

/// The same for a run that came as far as its configuration. Which reports it is of is known from
/// those that were read before and are configured still: of others nobody takes an old row for a
/// fresh one, and a name that was mistyped is no report.
pub async fn keep_unprepared(
    target: &Target,
    config: &Config,
    run: &NewRun,
    window: Option<RunWindow>,
    error: &anyhow::Error,
) -> Option<RunId> {
    let store = context::connect_existing(target, 1).await.ok()?;
    let is_meant = |key: &ReportKey| {
        let settings = config.projects.get(&key.project);
        key.report == run.report
            && (run.project.eq_ignore_ascii_case("all") || key.project == run.project)
            && settings.is_some_and(|settings| settings.contains_key(&key.datasource))
    };
    // Before the first run there is nothing to read.
    let statuses = store.statuses().await.unwrap_or_default();
    let reports: Vec<ReportKey> =
        statuses.into_iter().map(|status| status.key).filter(is_meant).collect();
    let kept = match reports.is_empty() {
        true => None,
        false => keep(&store, run, &reports, window, error).await,
    };
    store.close().await;
    kept
}
