// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `issue-regression`: counts per day and label, worked out from all issues that
//! have the label.
//!
//! Days are whole days in UTC, also where the window begins or ends within one, and a day's
//! counts depend on the issues alone: runs whose windows overlap agree on the days they share,
//! and a day is written again rather than added to. So there is no checkpoint.
//!
//! A full refresh has no window. It counts every day since the first issue with the label was
//! opened, at least the last thirty, because the days that it left out would be removed.
//!
//! Until then, days that left the window are as they were counted last: without the issues that
//! were given the label, reopened or deleted since.
//!
//! A run makes `1 + Σ max(1, ⌈n / 100⌉)` requests over the labels, where `n` issues and pull
//! requests have the label, whatever its window is: an issue that was closed on a day of the
//! window may have been opened, and last changed, at any time.
//!
//! What GitHub does not keep on an issue cannot be counted: when a label was given or taken
//! away, and earlier closings of an issue that was reopened.

use std::collections::HashMap;

use test_dashboard_sdk::jiff::SignedDuration;
use test_dashboard_sdk::time::{day_of, days};
use test_dashboard_sdk::{
    Batches, Buffered, Context, Date, Failure, Progress, Reader, Request, Source, Timestamp,
};

use crate::api::{Api, Issue, Repository};
use crate::lists::Feed;
use crate::settings::Settings;
use crate::tables::IssueRegressionRow;

/// A request without a begin is for 30 days, the last among them.
const DAYS_BEFORE_THE_LAST: SignedDuration = SignedDuration::from_hours(29 * 24);

/// Counts within the window that is asked for.
///
/// # Errors
///
/// Settings that make no sense.
pub fn reader(request: &Request, repository: Repository) -> Result<Box<dyn Reader>, Failure> {
    let Settings { regression_labels, .. } = Settings::of(&request.context)?;
    let (first, last) = window(request);
    let labels = regression_labels.into_iter();
    let context = request.context.clone();
    let is_full = request.full;
    let regression = Regression { context, repository, labels, first, last, is_full };
    Ok(Box::new(Buffered::of::<IssueRegressionRow>(regression)))
}

/// The first and the last day of the window: those that any of its moments fall on, but none
/// after today.
fn window(request: &Request) -> (Date, Date) {
    let now = request.context.now;
    let last_moment = |until: Timestamp| until.checked_sub(SignedDuration::from_micros(1)).ok();
    let last = day_of(request.until.and_then(last_moment).map_or(now, |until| until.min(now)));
    let first = request.since.map(day_of).or_else(|| last.checked_sub(DAYS_BEFORE_THE_LAST).ok());
    (first.unwrap_or(last), last)
}

/// Reads one label after the other.
struct Regression {
    context: Context,
    repository: Repository,
    labels: std::vec::IntoIter<String>,
    first: Date,
    last: Date,
    is_full: bool,
}

impl Source for Regression {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(label) = self.labels.next() else { return Ok(Progress::Finished) };
        let issues = self.read(&label)?;
        let earliest = issues.values().map(|(opened, _)| *opened).min();
        let first = earliest.filter(|_| self.is_full).map_or(self.first, |day| day.min(self.first));
        let mut counts = Counts::new(first, self.last);
        issues.into_values().for_each(|(opened, closed)| counts.add(opened, closed));
        for day in counts.by_day() {
            batches.push(IssueRegressionRow {
                repository_id: self.repository.id,
                day: day.day,
                label: label.clone(),
                opened: day.opened,
                closed: day.closed,
                open_at_end: day.open_at_end,
            });
        }
        Ok(Progress::More)
    }
}

impl Regression {
    /// The days on which each issue with a label was opened and closed.
    fn read(&self, label: &str) -> Result<HashMap<i64, (Date, Option<Date>)>, Failure> {
        // In the order of creation, in which an issue keeps its place when it changes.
        let list = Api::of(&self.context).issues(&self.repository, |list| {
            list.query("labels", label).query("sort", "created").query("direction", "asc")
        });
        let mut pages = Feed::of(list, self.is_full);
        let mut days = HashMap::new();
        while let Some(page) = pages.next_page()? {
            let is_issue = |issue: &Issue| issue.pull_request.is_none();
            for issue in page.into_iter().filter(is_issue) {
                // The counts of every day follow from it.
                let name = format!("{}#{}", self.repository.full_name, issue.number);
                let issue = issue.sound_in(&["created_at", "closed_at"], name)?;
                days.insert(issue.id, (day_of(issue.created_at), issue.closed_at.map(day_of)));
            }
        }
        Ok(days)
    }
}

/// What happened on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Day {
    day: Date,
    opened: i64,
    closed: i64,
    open_at_end: i64,
}

/// Counts per day, for issues that come in any order.
struct Counts {
    /// While counting, `open_at_end` is how many more are open than the day before.
    days: Vec<Day>,
    first: Date,
}

impl Counts {
    fn new(first: Date, last: Date) -> Self {
        let empty = |day| Day { day, opened: 0, closed: 0, open_at_end: 0 };
        Counts { days: days(first, last).map(empty).collect(), first }
    }

    /// Adds an issue. One is open at the end of each day from that of its creation to the one
    /// before that of its closing.
    fn add(&mut self, created: Date, closed: Option<Date>) {
        if let Some(day) = self.day(created) {
            day.opened += 1;
        }
        if let Some(day) = closed.and_then(|closed| self.day(closed)) {
            day.closed += 1;
        }
        let begin = created.max(self.first);
        if closed.is_some_and(|closed| closed <= begin) {
            return;
        }
        if let Some(day) = self.day(begin) {
            day.open_at_end += 1;
        }
        if let Some(day) = closed.and_then(|closed| self.day(closed)) {
            day.open_at_end -= 1;
        }
    }

    fn day(&mut self, day: Date) -> Option<&mut Day> {
        let index = day.duration_since(self.first).as_hours() / 24;
        usize::try_from(index).ok().and_then(|index| self.days.get_mut(index))
    }

    fn by_day(self) -> impl Iterator<Item = Day> {
        self.days.into_iter().scan(0, |open, day| {
            *open += day.open_at_end;
            Some(Day { open_at_end: *open, ..day })
        })
    }
}
