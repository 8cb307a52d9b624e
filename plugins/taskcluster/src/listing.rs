// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! One group, page by page, as rows.

use std::collections::HashSet;

use test_dashboard_sdk::time::seconds_between;
use test_dashboard_sdk::{Batches, Failure, FailureKind, Json, Lenient, Timestamp};

use crate::api::{Api, GroupPage, Run, Status, Task, TokenPages};
use crate::tables::{TaskGroupRow, TaskRow, TaskRunRow};

/// A group being read.
#[derive(Debug)]
pub struct Listing {
    id: String,
    pages: TokenPages<GroupPage>,
    /// What the pages say of the group itself.
    group: Option<TaskGroupRow>,
    /// The task that was created first, which stands for the group.
    first: Option<(Timestamp, String)>,
    tasks: HashSet<String>,
    all_final: bool,
    has_repeats: bool,
    last_deadline: Option<Timestamp>,
    first_expiry: Option<Timestamp>,
    last_expiry: Option<Timestamp>,
}

/// What a group was found to be, all of it read.
#[derive(Debug)]
pub struct Listed {
    /// The group's id.
    pub id: String,
    /// The ids of its tasks.
    pub tasks: HashSet<String>,
    /// Whether it is not expected to change any more.
    pub is_settled: bool,
    /// When the first of its tasks is forgotten.
    pub first_expiry: Option<Timestamp>,
    /// When the last of them is, and the group with it.
    pub last_expiry: Option<Timestamp>,
}

/// How reading goes on.
#[derive(Debug)]
pub enum Turn {
    /// There is more.
    More,
    /// That was all.
    End(Listed),
    /// The group is not found, or not any more.
    NotFound(Failure),
}

impl Listing {
    /// Begins to read a group.
    pub fn start(api: &Api, id: String) -> Self {
        Listing {
            pages: api.group(&id),
            id,
            group: None,
            first: None,
            tasks: HashSet::new(),
            all_final: true,
            has_repeats: false,
            last_deadline: None,
            first_expiry: None,
            last_expiry: None,
        }
    }

    /// Which group it is.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads one page into rows; at the end, the row of the group.
    ///
    /// # Errors
    ///
    /// When a page does not come or is none of this group.
    pub fn next_page(&mut self, now: Timestamp, batches: &mut Batches) -> Result<Turn, Failure> {
        match self.pages.next_page() {
            Ok(None) => Ok(Turn::End(self.finish(now, batches))),
            Ok(Some(page)) => self.take(page, batches).map(|()| Turn::More),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(Turn::NotFound(failure)),
            Err(failure) => Err(failure),
        }
    }

    fn take(&mut self, page: GroupPage, batches: &mut Batches) -> Result<(), Failure> {
        if page.task_group_id != self.id {
            return Err(Failure::unexpected_response(format!(
                "the tasks of the group {} were asked for, and those of {} came",
                self.id, page.task_group_id
            )));
        }
        let group = self.group.get_or_insert(TaskGroupRow {
            task_group_id: page.task_group_id,
            scheduler_id: None,
            project_id: None,
            treeherder_project: None,
            revision: None,
            expires: None,
            sealed: None,
            is_settled: false,
        });
        group.scheduler_id = page.scheduler_id.or(group.scheduler_id.take());
        group.expires = page.expires.or(group.expires);
        self.last_expiry = self.last_expiry.max(page.expires);
        group.sealed = page.sealed.or(group.sealed);
        for task in page.tasks {
            // Tasks that are added while the list is read push others to the next page.
            if self.tasks.insert(task.status.task_id.clone()) {
                self.push(task, batches);
            } else {
                self.has_repeats = true;
            }
        }
        Ok(())
    }

    fn push(&mut self, task: Lenient<Task>, batches: &mut Batches) {
        let odd = task.with(());
        let Task { mut status, task } = task.into_inner();
        // What a task that cannot be understood will still do is not known.
        self.all_final &= is_final(&status.state) && !odd.is_odd();
        self.all_final &= !status.runs.iter().any(Lenient::is_odd);
        self.last_deadline = self.last_deadline.max(Some(status.deadline));
        self.first_expiry = self.first_expiry.into_iter().chain(status.expires).min();
        self.last_expiry = self.last_expiry.max(status.expires);
        let runs = std::mem::take(&mut status.runs);
        let place = task.routes.iter().find_map(|route| treeherder(route)).unzip();
        if !odd.is_odd() {
            self.stand_for_the_group((task.created, &status.task_id), &status, &place);
        }
        let tag = |name: &str| task.tags.as_ref()?.get(name)?.as_str().map(String::from);
        batches.push(odd.with(TaskRow {
            task_id: status.task_id.clone(),
            task_group_id: self.id.clone(),
            name: task.metadata.name,
            label: tag("label"),
            kind: tag("kind"),
            test_suite: tag("test-suite"),
            test_platform: tag("test-platform"),
            tags: task.tags.map(|tags| Json::from(serde_json::Value::from(tags))),
            state: status.state,
            retries_left: status.retries_left,
            // A task has at most some fifty runs.
            runs: i64::try_from(runs.len()).unwrap_or(i64::MAX),
            treeherder_project: place.0,
            revision: place.1,
            scheduler_id: status.scheduler_id,
            project_id: status.project_id,
            task_queue_id: status.task_queue_id,
            provisioner_id: status.provisioner_id,
            worker_type: status.worker_type,
            priority: task.priority,
            source: task.metadata.source,
            created: task.created,
            deadline: status.deadline,
            expires: status.expires,
        }));
        for run in runs {
            batches.push(run.map(|run| run_row(&status.task_id, &self.id, run)));
        }
    }

    /// Takes what the group's row says of its origin from the task that was created first.
    fn stand_for_the_group(
        &mut self,
        (created, id): (Timestamp, &str),
        status: &Status,
        (project, revision): &(Option<String>, Option<String>),
    ) {
        let Some(group) = &mut self.group else { return };
        let this = (created, id.to_owned());
        if self.first.as_ref().is_none_or(|first| this < *first) {
            self.first = Some(this);
            group.project_id = status.project_id.clone();
            group.treeherder_project = project.clone();
            group.revision = revision.clone();
            // Older versions leave it out of the list.
            group.scheduler_id = group.scheduler_id.take().or(status.scheduler_id.clone());
        }
    }

    fn finish(&mut self, now: Timestamp, batches: &mut Batches) -> Listed {
        // A repeat tells that the list shifted, so a task may have slipped past.
        let is_settled = self.all_final
            && !self.has_repeats
            && self.last_deadline.is_none_or(|deadline| deadline <= now);
        // A group without tasks has nothing more to say than was said when it had some.
        if let Some(group) = self.group.take().filter(|_| !self.tasks.is_empty()) {
            batches.push(TaskGroupRow { is_settled, ..group });
        }
        Listed {
            id: std::mem::take(&mut self.id),
            tasks: std::mem::take(&mut self.tasks),
            is_settled,
            first_expiry: self.first_expiry,
            last_expiry: self.last_expiry,
        }
    }
}

/// Whether a task in this state stays in it. One that is not known may not.
fn is_final(state: &str) -> bool {
    matches!(state, "completed" | "failed" | "exception")
}

/// The repository and the revision of a route such as
/// `tc-treeherder.v2.try.0b445bf4228a963505183b157758c37664921791.432115`.
fn treeherder(route: &str) -> Option<(String, String)> {
    let (service, rest) = route.split_once(".v2.")?;
    if !matches!(service, "tc-treeherder" | "tc-treeherder-stage") {
        return None;
    }
    let mut parts = rest.split('.').map(String::from);
    let place = (parts.next()?, parts.next()?);
    (!place.0.is_empty() && !place.1.is_empty()).then_some(place)
}

fn run_row(task_id: &str, group_id: &str, run: Run) -> TaskRunRow {
    TaskRunRow {
        task_id: task_id.into(),
        run_id: run.run_id,
        task_group_id: group_id.into(),
        state: run.state,
        reason_created: run.reason_created,
        reason_resolved: run.reason_resolved,
        worker_group: run.worker_group,
        worker_id: run.worker_id,
        taken_until: run.taken_until,
        scheduled: run.scheduled,
        started: run.started,
        resolved: run.resolved,
        queue_seconds: seconds_between(Some(run.scheduled), run.started),
        duration_seconds: seconds_between(run.started, run.resolved),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_to_treeherder_names_repository_and_revision() {
        let place = |route| treeherder(route).map(|(project, revision)| [project, revision]);
        let expected = Some(["try".to_owned(), "0b44".to_owned()]);
        assert_eq!(place("tc-treeherder.v2.try.0b44.432115"), expected);
        assert_eq!(place("tc-treeherder-stage.v2.try.0b44"), expected);
        for other in [
            "index.gecko.v2.try.latest.firefox",
            "tc-treeherder.v2.try",
            "tc-treeherder.v2..0b44.1",
            "notify.email.a@example.org.on-failed",
            "",
        ] {
            assert_eq!(place(other), None, "{other}");
        }
    }

    #[test]
    fn only_states_known_to_be_final_are() {
        for state in ["completed", "failed", "exception"] {
            assert!(is_final(state));
        }
        for state in ["unscheduled", "pending", "running", "paused", ""] {
            assert!(!is_final(state), "{state}");
        }
    }
}
