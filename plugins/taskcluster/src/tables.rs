// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The tables.

use test_dashboard_sdk::{Json, Row, Timestamp};

/// One task group: what one push, one scheduled job or one action set going, as it was when it
/// was last read.
#[derive(Debug, Row)]
#[row(table = "taskcluster_task_groups", mode = "merge", key("task_group_id"))]
pub struct TaskGroupRow {
    /// Taskcluster's id of the group; mostly the id of its decision task, too.
    #[row(max_length = 64)]
    pub task_group_id: String,
    /// Who may create tasks in it, such as gecko-level-3; null where Taskcluster does not say.
    pub scheduler_id: Option<String>,
    /// Taskcluster's own grouping of tasks for permissions; null in older groups.
    pub project_id: Option<String>,
    /// The repository in Treeherder's words, such as mozilla-central, from the routes of its first task; null without such a route.
    pub treeherder_project: Option<String>,
    /// The revision that it belongs to, from the routes of its first task; null without such a route.
    pub revision: Option<String>,
    /// When Taskcluster forgets it; null where older versions do not say.
    pub expires: Option<Timestamp>,
    /// When it was closed to further tasks; null while it is open to them, and where older versions do not say.
    pub sealed: Option<Timestamp>,
    /// Whether every task was final and the last deadline had passed, so that nothing was expected to change any more.
    pub is_settled: bool,
}

/// One task of a group, as it was when it was last read. A retrigger is another task with the
/// same label.
#[derive(Debug, Row)]
#[row(table = "taskcluster_tasks", mode = "merge", key("task_id"))]
pub struct TaskRow {
    /// Taskcluster's id of the task.
    #[row(max_length = 64)]
    pub task_id: String,
    /// The group it belongs to: the task_group_id of taskcluster_task_groups.
    #[row(max_length = 64)]
    pub task_group_id: String,
    /// Its name, from metadata.name.
    pub name: String,
    /// What it is, whatever the push, such as test-linux2404-64/opt-mochitest-plain-1, from tags.label; null without that tag. Flaky: of one group and label a run failed and another completed.
    pub label: Option<String>,
    /// The kind of work, such as build or test, from tags.kind; null without that tag.
    pub kind: Option<String>,
    /// The test suite, from tags.test-suite; null without that tag.
    pub test_suite: Option<String>,
    /// The platform under test, from tags.test-platform; null without that tag.
    pub test_platform: Option<String>,
    /// All its tags as a JSON object; null where there are none.
    pub tags: Option<Json>,
    /// unscheduled, pending, running, completed, failed or exception, as Taskcluster says it.
    pub state: String,
    /// How many more times it may be run after a loss of its worker; null where Taskcluster does not say.
    pub retries_left: Option<i64>,
    /// How many runs it has had, the present one included.
    pub runs: i64,
    /// The repository in Treeherder's words, such as mozilla-central, from its routes; null without such a route.
    pub treeherder_project: Option<String>,
    /// The revision it ran on, from its routes; null without such a route.
    pub revision: Option<String>,
    /// Who may change it, such as gecko-level-3; null where Taskcluster does not say.
    pub scheduler_id: Option<String>,
    /// Taskcluster's own grouping of tasks for permissions; null in older tasks.
    pub project_id: Option<String>,
    /// The queue it waits in, such as gecko-t/t-linux-docker; null in older tasks, which have provisioner_id and worker_type.
    pub task_queue_id: Option<String>,
    /// The first part of its queue's name; null where Taskcluster does not say.
    pub provisioner_id: Option<String>,
    /// The second part of its queue's name; null where Taskcluster does not say.
    pub worker_type: Option<String>,
    /// How urgent it is, such as low; null where Taskcluster does not say.
    pub priority: Option<String>,
    /// Where it is defined, a URL, from metadata.source; null where Taskcluster does not say.
    pub source: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// By when it has to be done: it becomes an exception otherwise.
    pub deadline: Timestamp,
    /// When Taskcluster forgets it.
    pub expires: Option<Timestamp>,
}

/// One run of a task: a task whose worker is lost, or that is rerun, has more than one.
#[derive(Debug, Row)]
#[row(table = "taskcluster_task_runs", mode = "merge", key("task_id", "run_id"))]
pub struct TaskRunRow {
    /// The task: the task_id of taskcluster_tasks.
    #[row(max_length = 64)]
    pub task_id: String,
    /// The run's number within the task, from 0.
    pub run_id: i64,
    /// The group of the task.
    #[row(max_length = 64)]
    pub task_group_id: String,
    /// pending, running, completed, failed or exception, as Taskcluster says it.
    pub state: String,
    /// Why it was created, as Taskcluster says it, such as scheduled, retry, task-retry or rerun.
    pub reason_created: String,
    /// Why it is over, as Taskcluster says it, such as completed, failed, deadline-exceeded or worker-shutdown; null before.
    pub reason_resolved: Option<String>,
    /// Where its worker is, such as a region; null until a worker took it.
    pub worker_group: Option<String>,
    /// Its worker; null until one took it.
    pub worker_id: Option<String>,
    /// Until when the worker has said that it goes on; null until one took it.
    pub taken_until: Option<Timestamp>,
    /// When it began to wait for a worker.
    pub scheduled: Timestamp,
    /// When a worker took it; null before, and for a run that never had one.
    pub started: Option<Timestamp>,
    /// When it was over; null before.
    pub resolved: Option<Timestamp>,
    /// Seconds in the queue, from scheduled to started; null where one is not known or they are in the wrong order.
    pub queue_seconds: Option<f64>,
    /// Seconds of work, from started to resolved; null where one is not known or they are in the wrong order.
    pub duration_seconds: Option<f64>,
}

/// One time that a hook fired.
#[derive(Debug, Row)]
#[row(table = "taskcluster_hook_fires", mode = "merge", key("hook_group_id", "hook_id", "task_id"))]
pub struct HookFireRow {
    /// The group of the hook.
    #[row(max_length = 128)]
    pub hook_group_id: String,
    /// The hook within its group; may have slashes.
    #[row(max_length = 500)]
    pub hook_id: String,
    /// The task that it created, or was to create when that failed.
    #[row(max_length = 64)]
    pub task_id: String,
    /// What fired it, as Taskcluster says it: schedule, triggerHook, triggerHookWithToken or pulseMessage; null where older versions do not say.
    pub fired_by: Option<String>,
    /// When the task was created.
    pub task_create_time: Timestamp,
    /// success or error, as Taskcluster says it.
    pub result: String,
    /// What went wrong, whole; null when nothing did.
    pub error: Option<String>,
    /// The state of the task's last run when the fire was read; null where there is none, and where older versions do not say.
    pub task_state: Option<String>,
}
