// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Builds of Bitrise apps and what they produced, through the API v0.1.
//!
//! # Partitions
//!
//! Both reports have a partition per app and week, the ISO week (UTC) in which builds were
//! triggered: `a2b473cfa869c525/2026-W09`. A build never leaves its week, so its row has one
//! owner for good; a week is a few pages to read again when something breaks, and once it is
//! over and its builds are settled, opening it costs no request: a daily refresh reads one
//! week of each app, on a Monday two. `builds` has one more, `apps`.
//!
//! Bitrise forgets: builds after 200 days, artifacts after 90. What is forgotten was not
//! deleted, and stays in the tables, because its week is not planned any more. The week in
//! which the limit falls is forgotten in part. A full refresh reads it under a name that no other
//! run has (`…/2025-W33/fading-20260301T060000Z`): so everything that is still there is
//! delivered, and nothing that went is removed.
//!
//! A window (`since`, `until`) is compared with when builds were triggered, and widened to
//! whole weeks, each of which is read again from its begin, settled or not. One that Bitrise
//! has forgotten as a whole is refused. Without a window all that Bitrise keeps is read.
//!
//! # For how long tables may differ from Bitrise
//!
//! - Until a build is settled (its status is not 0 and it has an end), each run reads it
//!   again: its row is as old as the last run. When it is settled its artifacts are read,
//!   once; before, it has none here.
//! - What is deleted at Bitrise, a build or an artifact, stays in the tables until the next
//!   full refresh, because the API does not tell. So does what somebody changes of a settled
//!   build or its artifacts, such as whether an install page is public.
//! - A full refresh does not remove from a week that is fading, either. So what is deleted when
//!   its week fades already, or after the last full refresh before that, stays for good: it was
//!   about to be forgotten, builds at 192 days or more, artifacts at 82 or more, less the
//!   days between full refreshes.
//! - A build that was listed and whose artifacts are then not found (404, 410) is not taken
//!   for deleted. All others are written, the partition fails and says which are missing, and
//!   the next run lists the build and asks again. That ends when the list does not have it
//!   any more, or when it is 90 days old: then Bitrise has forgotten them.
//! - Artifacts of a build that was settled later than 91 days after it was triggered are
//!   not read.
//!
//! # Requests
//!
//! One at a time within a partition, at most 50 items each. Bitrise asks to be read
//! serially: let the operator's configuration say `max-concurrent = 1`. A run of `builds`
//! takes
//!
//! > a + Σ max(1, ⌈b / 50⌉) + l
//!
//! requests, where *a* is the pages of the list of apps up to the last app that is named in
//! the settings, the sum goes over the weeks that are read, *b* counts the builds of the week
//! that were triggered since an hour before the watermark (see `state.rs`) and up to an
//! hour after the week's end, and *l* counts the builds from before, which the list does not
//! name, that were unsettled for more than a day at the last run.
//! A first load and a full refresh read all weeks, each from its begin. A daily refresh reads the
//! present week of each app, and another only when it ended since the last run or has a
//! build that was triggered within a day and is unsettled.
//! A run of `build-artifacts` takes
//!
//! > Σ max(1, ⌈b / 50⌉) + l + Σ max(1, ⌈f / 50⌉)
//!
//! where the second sum goes over the builds that became settled since the last run (in a
//! first load and a full refresh, over all settled builds), and *f* counts the artifacts of one.
//! A build that is not found when it is asked for by its name has its whole week listed
//! once: it is gone when it is not in there either.
//!
//! # What is never read
//!
//! `original_build_params`, whose environments hold secrets.

mod api;
mod apps;
mod artifacts;
mod builds;
mod changed;
mod settings;
mod state;
mod tables;
mod weeks;

use test_dashboard_sdk::{
    Checkpoint, Context, CredentialKind, Datasource, Description, Failure, Partition, Reader,
    Request, Row,
};

use settings::Settings;
use weeks::{ARTIFACTS_KEPT, BUILDS_KEPT};

pub use tables::{AppRow, ArtifactRow, BuildRow};

/// The datasource.
pub struct Bitrise;

test_dashboard_sdk::export!(Bitrise);

const BUILDS: &str = "builds";
const BUILD_ARTIFACTS: &str = "build-artifacts";

impl Datasource for Bitrise {
    fn describe() -> Description {
        Description::new("bitrise", env!("CARGO_PKG_VERSION"), "Builds of Bitrise apps")
            .base_url("https://api.bitrise.io/v0.1")
            .credential(CredentialKind::RawToken)
            .optional_setting(
                "app-slugs",
                "The slugs of the apps, such as [\"a2b473cfa869c525\"]: the last part of an app's address; needed unless app-slug is there",
            )
            .optional_setting("app-slug", "The slug of the app, where it is only one")
            .table::<AppRow>()
            .table::<BuildRow>()
            .table::<ArtifactRow>()
            .report(
                BUILDS,
                "Every build of the last 200 days with its times, as it is now; reads what is new or was not finished at the last run",
                &[BuildRow::TABLE, AppRow::TABLE],
            )
            .report(
                BUILD_ARTIFACTS,
                "What the finished builds of the last 90 days produced; reads that of each build once",
                &[ArtifactRow::TABLE],
            )
    }

    fn check(context: &Context) -> Result<String, Failure> {
        apps::check(context)
    }

    fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
        let Settings { app_slugs } = Settings::of(&request.context)?;
        let (first, kept) = match request.report.as_str() {
            BUILDS => (Some(apps::partition()), BUILDS_KEPT),
            BUILD_ARTIFACTS => (None, ARTIFACTS_KEPT),
            _ => return Err(request.unknown_report()),
        };
        weeks::refuse_what_is_forgotten(request, kept)?;
        let weeks = weeks::plan(request, &app_slugs, kept);
        first.into_iter().map(Ok).chain(weeks).collect()
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        let checkpoint = checkpoint.filter(|_| !request.has_window());
        match request.report.as_str() {
            BUILDS if partition.id == apps::PARTITION => apps::reader(&request.context),
            BUILDS => builds::reader(&request.context, &partition, checkpoint.as_ref()),
            BUILD_ARTIFACTS => artifacts::reader(&request.context, &partition, checkpoint.as_ref()),
            _ => Err(request.unknown_report()),
        }
    }
}
