// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `milestones`: the milestones of the project.
//!
//! One partition: they are few, and the list has no filter by time. It is read whole in every
//! run, into a snapshot, so that the table is what TestRail holds. A run makes one request,
//! and more only for more than 250 milestones.

use serde::Deserialize;
use test_dashboard_sdk::time::epoch_seconds;
use test_dashboard_sdk::{
    Batches, Buffered, Context, Failure, Lenient, Partition, Progress, Reader, Row, Source,
    Timestamp,
};

use crate::Settings;
use crate::api::{About, Api};
use crate::pages::{Listed, Pages};

/// A milestone as it is now.
#[derive(Debug, Row)]
#[row(table = "testrail_milestones", mode = "snapshot", key("id"))]
pub struct Milestone {
    /// The milestone's number.
    id: i64,
    /// TestRail's number of the project.
    project_id: i64,
    /// Its name.
    name: Option<String>,
    /// Its description, in TestRail's markup; null without one.
    description: Option<String>,
    /// The milestone that it is a part of; null for one that stands alone.
    parent_id: Option<i64>,
    /// Whether work on it has begun.
    is_started: bool,
    /// Whether it is closed.
    is_completed: bool,
    /// When it is planned to begin; null without a plan.
    start_on: Option<Timestamp>,
    /// When work on it began; null before.
    started_on: Option<Timestamp>,
    /// When it is due; null without a date.
    due_on: Option<Timestamp>,
    /// When it was closed; null while it is open.
    completed_on: Option<Timestamp>,
    /// The references, such as tickets, separated by commas.
    refs: Option<String>,
    /// Its address for a person.
    url: Option<String>,
}

/// A milestone as TestRail sends it: with its parts inside, on some servers.
#[derive(Debug, Deserialize)]
struct Answer {
    id: i64,
    name: Option<String>,
    description: Option<String>,
    parent_id: Option<i64>,
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    is_started: bool,
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    is_completed: bool,
    #[serde(default, with = "epoch_seconds::option")]
    start_on: Option<Timestamp>,
    #[serde(default, with = "epoch_seconds::option")]
    started_on: Option<Timestamp>,
    #[serde(default, with = "epoch_seconds::option")]
    due_on: Option<Timestamp>,
    #[serde(default, with = "epoch_seconds::option")]
    completed_on: Option<Timestamp>,
    refs: Option<String>,
    url: Option<String>,
    milestones: Option<Vec<Lenient<Answer>>>,
}

impl test_dashboard_sdk::Answer for Answer {}

impl Listed for Answer {
    const KEY: &'static str = "milestones";

    fn id(&self) -> i64 {
        self.id
    }
}

impl Answer {
    fn row(self, project_id: i64) -> Milestone {
        Milestone {
            id: self.id,
            project_id,
            name: self.name,
            description: self.description,
            parent_id: self.parent_id,
            is_started: self.is_started,
            is_completed: self.is_completed,
            start_on: self.start_on,
            started_on: self.started_on,
            due_on: self.due_on,
            completed_on: self.completed_on,
            refs: self.refs,
            url: self.url,
        }
    }
}

/// Pushes the rows of a milestone and its parts.
fn push(mut milestone: Lenient<Answer>, project_id: i64, batches: &mut Batches) {
    let id = milestone.id;
    for mut part in milestone.milestones.take().into_iter().flatten() {
        part.parent_id = part.parent_id.or(Some(id));
        push(part, project_id, batches);
    }
    batches.push(milestone.map(|milestone| milestone.row(project_id)));
}

/// The one partition.
pub fn plan() -> Vec<Partition> {
    vec![Partition { id: "milestones".into(), data: String::new() }]
}

/// Begins to read it.
///
/// # Errors
///
/// When the settings make no sense.
pub fn open(context: &Context) -> Result<Box<dyn Reader>, Failure> {
    let Settings { project_id, .. } = context.settings()?;
    let api = Api::new(context);
    let list = api.method("get_milestones", project_id);
    let pages = api.steady_list(About::Project(project_id), list);
    Ok(Box::new(Buffered::of::<Milestone>(Milestones { project_id, pages })))
}

struct Milestones {
    project_id: i64,
    pages: Pages<Lenient<Answer>>,
}

impl Source for Milestones {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.pages.next_page()? else { return Ok(Progress::Finished) };
        page.into_iter().for_each(|milestone| push(milestone, self.project_id, batches));
        Ok(Progress::More)
    }
}
