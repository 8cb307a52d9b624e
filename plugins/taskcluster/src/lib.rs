// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Task groups and hooks of Taskcluster.
//!
//! # Partitions
//!
//! Taskcluster has no list of groups, and nothing says what has changed since. So
//! `task-groups` follows trails, and each trail is a partition, because it is what can be
//! found, read and tried again alone:
//!
//! | Setting | A partition is | Its name |
//! |---|---|---|
//! | `task-group-ids` | a group | `group/ID` |
//! | `decision-routes` | a path in the index, whose task changes | `route/PATH` |
//! | `index-namespace` | a push: the tasks indexed below it | `push/NAMESPACE/DAY/PUSH` |
//! | `hooks` | what a hook created on a day | `hook/GROUP/HOOK/DAY` |
//!
//! A trail leads to tasks, those to their groups, and a group lists all its tasks, the failed
//! ones as well, which the index does not know. A group is settled when each of its tasks is
//! final and the last deadline, at most five days after the creation of a task, has passed.
//! The checkpoint of a trail holds its open groups, which are read again, and its settled
//! ones, which are not. A push whose groups are all settled is searched for further ones
//! (scheduled jobs on its revision) until two days after its day, and then given up: it costs
//! nothing from then on.
//!
//! Pushes and fires are looked for on the last `days` days (27) and today, or in the window of
//! the request, which counts whole days; without a begin it is of the `days` days before its
//! end. The trails of a window's days are followed and their groups read again, settled or not.
//! `hook-fires` has a partition for each hook, `hook/GROUP/HOOK`, because the list of fires has
//! no filter.
//!
//! # Full refreshes
//!
//! Taskcluster deletes nothing: what is not there any more has expired, and its rows stay. A full
//! refresh, however, removes what a partition held and does not deliver. So it plans pushes and
//! fires of the last `days` days only, which must not be more than the project's tasks are kept (a
//! hook's task that joins an older group brings that group into its own day). A task that
//! expires earlier is warned of when it is read, and a partition of a full refresh that comes upon
//! a group or task that is not found fails.
//!
//! Trails without a day (ids, routes, and the list of a hook in `hook-fires`) are read by a
//! full refresh under a name of that run's own, such as `group/ID/20260301T060000Z`, under which
//! nothing is held that could be removed.
//!
//! # What is listed and not found
//!
//! Not all that is not found (404, 410) has expired. A task that the index or a hook led to, or
//! its group, is kept open, everything else is written, and the partition fails and says what is
//! missing. The next run asks again, until it is known to have expired: the index, each task and
//! each group say when, and a hook's list of fires tells the state of the tasks that there still
//! are. Where nothing says so, it is asked for during `days` days.
//!
//! A group or a route that a setting names and that is not there fails its partition until the
//! setting is corrected; once it was read it may expire. A full refresh only warns of it: it does
//! not know what was read before, and removes nothing.
//!
//! # For how long the tables may differ
//!
//! - A task that is added to a settled group (a retrigger after days) appears when a newly
//!   indexed task leads to the group before the push is given up, else with the next full refresh
//!   that still reaches the push.
//! - A group whose first indexed task completes more than two days after the day of a push
//!   whose other groups have settled, or more than five days after it where there are none,
//!   appears with the next full refresh. A group of which nothing was ever indexed is found by
//!   its id or hook only: the index lists completed tasks.
//! - What was open `days` days after its push, and what a route led to in a full refresh but not
//!   in the run after it, stays as it was read last.
//! - A group stays in the tables when the index leads to another one in its place, until a
//!   full refresh.
//! - The columns of a run that a worker prolongs (`taken_until`) are as old as the last run.
//!
//! # Requests
//!
//! A refresh of `task-groups` takes, with `⌈x⌉` at least 1 and rounded up,
//!
//! ```text
//!   days + 1                        for an index: a list for each day
//! + ⌈fires / 1000⌉                  for each hook
//! + 1                               for each route
//! + 2 · (1 + namespaces below)      for each push that is not given up
//! + ⌈tasks / 200⌉                   for each group that was not settled
//! + 1                               for each group that was not known, but for ids
//! + 1                               for each task that is listed and not found
//! + 1                               for each hook without fires
//! ```
//!
//! where a push has a handful of namespaces below it (products), each with at most 1,000
//! tasks and namespaces. A refresh of `hook-fires` takes `⌈fires / 1000⌉` for each hook, and one
//! more for one without fires.
//!
//! With the usual deadline of one day, each day the pushes of four of the 28 days cost the
//! requests for their index, and the groups of two are read.
//!
//! # Credentials
//!
//! Public data needs none. Taskcluster's own signatures (Hawk) are not supported.

mod api;
mod finding;
mod fires;
mod groups;
mod listing;
mod settings;
mod state;
mod tables;
mod trail;

use test_dashboard_sdk::{
    Checkpoint, Context, Datasource, Description, Failure, FailureKind, Partition, Reader, Request,
    Row,
};

use api::Api;
use settings::{Hook, Settings};

pub use tables::{HookFireRow, TaskGroupRow, TaskRow, TaskRunRow};

/// The datasource.
pub struct Taskcluster;

test_dashboard_sdk::export!(Taskcluster);

const TASK_GROUPS: &str = "task-groups";
const HOOK_FIRES: &str = "hook-fires";

impl Datasource for Taskcluster {
    fn describe() -> Description {
        let summary = "Task groups, tasks, runs and hooks of Taskcluster";
        Description::new("taskcluster", env!("CARGO_PKG_VERSION"), summary)
            .base_url("https://firefox-ci-tc.services.mozilla.com")
            .optional_setting(
                "task-group-ids",
                "Groups by their ids, such as [\"DswJgYaPSuio6XPITUB9Lg\"]; without it none",
            )
            .optional_setting(
                "index-namespace",
                "A repository in the index whose pushes are read, such as gecko.v2.mozilla-central; without it none",
            )
            .optional_setting(
                "decision-routes",
                "Paths in the index whose tasks' groups are read, such as [\"gecko.v2.mozilla-central.latest.taskgraph.decision\"]; without it none",
            )
            .optional_setting(
                "hooks",
                "Hooks whose fires and whose tasks' groups are read, such as [\"project-releng/cron-task-mozilla-central/nightly-desktop\"]; without it none",
            )
            .optional_setting(
                "days",
                "How many days back pushes and fires are looked for, such as 14; without it 27. Not more than Taskcluster keeps the tasks of the project, because a full refresh removes rows of these days that are not there any more",
            )
            .table::<TaskGroupRow>()
            .table::<TaskRow>()
            .table::<TaskRunRow>()
            .table::<HookFireRow>()
            .report(
                TASK_GROUPS,
                "Every task of the groups that the settings lead to, with its runs; groups that have settled are not read again",
                &[TaskGroupRow::TABLE, TaskRow::TABLE, TaskRunRow::TABLE],
            )
            .report(HOOK_FIRES, "When hooks fired, and with what result", &[HookFireRow::TABLE])
    }

    fn check(context: &Context) -> Result<String, Failure> {
        let settings = Settings::of(context)?;
        let api = Api::of(context);
        let mut found = Vec::new();
        for id in &settings.task_group_ids {
            found.push(check_group(&api, id)?);
        }
        for path in &settings.decision_routes {
            found.push(check_route(&api, path)?);
        }
        if let Some(namespace) = &settings.index_namespace {
            found.push(check_index(&api, namespace)?);
        }
        for hook in &settings.hooks {
            found.push(check_hook(&api, hook)?);
        }
        Ok(found.join("; "))
    }

    fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
        match request.report.as_str() {
            TASK_GROUPS => trail::plan(request),
            HOOK_FIRES => fires::plan(request),
            _ => Err(request.unknown_report()),
        }
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        match request.report.as_str() {
            TASK_GROUPS => groups::open(&request, &partition, checkpoint.as_ref()),
            HOOK_FIRES => fires::open(&request, &partition),
            _ => Err(request.unknown_report()),
        }
    }
}

fn check_group(api: &Api, id: &str) -> Result<String, Failure> {
    let page = api.group(id).next_page().map_err(|failure| {
        let message = "it has expired, or never was";
        explain(failure, format!("there is no group {id} (task-group-ids): {message}"))
    })?;
    let tasks = page.map_or(0, |page| page.tasks.len());
    Ok(format!("the group {id} has tasks, {tasks} on its first page"))
}

fn check_route(api: &Api, path: &str) -> Result<String, Failure> {
    let task = api.find_task(path).map_err(|failure| {
        explain(failure, format!("there is no task at {path} in the index (decision-routes)"))
    })?;
    Ok(format!("{path} leads to the task {}", task.task_id))
}

fn check_index(api: &Api, namespace: &str) -> Result<String, Failure> {
    let years = api.namespaces(&format!("{namespace}.pushdate")).next_page()?;
    match years.and_then(|page| page.namespaces.into_iter().map(|year| year.name).max()) {
        Some(year) => Ok(format!("{namespace} has pushes of {year}")),
        None => Err(Failure::not_found(format!(
            "nothing is indexed below {namespace}.pushdate (index-namespace)"
        ))),
    }
}

fn check_hook(api: &Api, hook: &Hook) -> Result<String, Failure> {
    let Hook { group, id } = hook;
    let fires = match api.fires(hook).next_page() {
        Ok(page) => page.map(|page| page.last_fires).unwrap_or_default(),
        Err(failure) if failure.kind == FailureKind::NotFound => {
            api.has_no_fires(hook, &failure)?;
            Vec::new()
        }
        Err(failure) => return Err(failure),
    };
    let last = fires.iter().map(|fire| fire.task_create_time).max();
    let last = last.map_or("never".into(), |last| format!("{last:.0}"));
    Ok(format!("the hook {group}/{id} fired last {last}"))
}

/// Says of what is not found what that means here.
fn explain(failure: Failure, not_found: String) -> Failure {
    match failure.kind {
        FailureKind::NotFound => {
            let message = format!("{not_found} ({failure})");
            failure.retold(FailureKind::NotFound, message)
        }
        _ => failure,
    }
}
