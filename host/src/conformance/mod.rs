// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin check`: everything that a run relies on, tried, and reported by name.
//!
//! A fixture is a recorded run of one report of one project. Its exchanges become a service
//! that can be asked as often as one likes ([`Rehearsal`]), and tables
//! in memory take what comes ([`tables`]). An undisturbed run from nothing says what the right
//! rows are; then the same is read again, in small batches, in full, from every checkpoint,
//! and with every fault at one request after the other ([`faults`]). Each of these has to end
//! in the right rows, or say that it failed.
//!
//! What each rule means is told by [`Rule::meaning`]. What asks for something that is in no
//! recording is not tried, and the answer says which request is missing.

mod declared;
mod faults;
mod findings;
mod fixture;
mod gaps;
mod pages;
mod reading;
mod rehearsal;
mod rules;
mod setup;
mod tables;
mod whole;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio_util::task::AbortOnDropHandle;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

pub use findings::{Evidence, Finding, Findings, Gap, Scenario};
pub use fixture::{go_on_from_checkpoints, go_through_in_full};
pub use gaps::Gaps;
pub use pages::{CONTAINERS, NAMES};
pub use reading::Stage;
pub use rehearsal::{Rehearsal, Scene};
pub use rules::{Rule, fitting};
pub use setup::stage;
pub use tables::{Difference, Sample};

use crate::plugin::{Plugin, PluginError};
use fixture::Pages;

/// A fixture on its stage.
pub struct Staged {
    /// Project and report: `fenix/issues`.
    pub fixture: String,
    /// The report.
    pub report: String,
    /// The stage.
    pub stage: Arc<Stage>,
}

/// Tries everything.
///
/// # Errors
///
/// When a task of the check ends without an answer.
pub async fn check(plugin: &Plugin, staged: Vec<Staged>) -> anyhow::Result<Findings> {
    let mut findings = declared::check(plugin).await;
    let reports: Vec<String> = staged.iter().map(|staged| staged.report.clone()).collect();
    let jobs = staged.into_iter().map(|staged| fixture::examine(staged.stage, staged.fixture));
    let mut pages: BTreeMap<String, Vec<Option<Pages>>> = BTreeMap::new();
    for (report, examined) in reports.into_iter().zip(side_by_side(jobs).await?) {
        let examined = examined?;
        findings.add(examined.findings);
        pages.entry(report).or_default().push(examined.pages);
    }
    for (report, pages) in pages {
        judge_pages(&report, pages, &mut findings);
    }
    Ok(findings)
}

/// What is known of a plugin that could not even be loaded, where that tells of a rule.
pub fn of_load_error(error: &PluginError) -> Option<Findings> {
    declared::of_load_error(error)
}

/// All rules but the static ones could not be tried.
pub fn nothing_recorded(findings: &mut Findings, scenario: &Scenario, reason: &str) {
    for rule in Rule::all().into_iter().filter(|rule| !rule.is_static()) {
        findings.not_tried(rule, scenario, reason);
    }
}

/// A report may have good reasons to stop early in one recording; one that never asks for a
/// next page has not heard of them.
fn judge_pages(report: &str, pages: Vec<Option<Pages>>, findings: &mut Findings) {
    let scenario = Scenario::of(report, "all recordings of the report");
    let pages: Vec<Pages> = pages.into_iter().flatten().collect();
    if pages.iter().any(|pages| pages.followed || pages.passed_over.is_some()) {
        findings.tried(Rule::FollowsPages);
    }
    if pages.is_empty() {
        findings.not_tried(Rule::FollowsPages, &scenario, "no run over a recording succeeded");
    }
    if pages.iter().any(|pages| pages.followed) {
        return;
    }
    let Some((next, at, exchanges)) = pages.into_iter().find_map(|pages| pages.passed_over) else {
        return;
    };
    let scenario = Scenario::of(report, "all recordings of the report");
    let found =
        format!("an answer names a next page, {next:?}, and no next page is ever asked for");
    let evidence = findings::evidence_at(&scenario, found, &exchanges, at);
    findings.broken(Rule::FollowsPages, evidence);
}

/// Runs jobs on all cores; their answers are in the order of the jobs. What plugins log
/// meanwhile is dropped: it would be said hundreds of times.
async fn side_by_side<F>(jobs: impl IntoIterator<Item = F>) -> anyhow::Result<Vec<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let width = std::thread::available_parallelism().map_or(1, usize::from);
    let spawn =
        |job: F| AbortOnDropHandle::new(tokio::spawn(job.with_subscriber(NoSubscriber::new())));
    futures::stream::iter(jobs.into_iter().map(spawn))
        .buffered(width)
        .try_collect()
        .await
        .context("a task of the check ended without a result")
}
