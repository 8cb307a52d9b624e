// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Partitions by the month in which runs and plans were created.
//!
//! TestRail can be asked for the runs and plans that were created in a time, and for nothing
//! else that tells what is new about them. When a run or plan was created never changes, so
//! the month of it, in UTC, is where its rows belong: a month is small enough to be read
//! again, old months cost no requests once everything in them is completed, and each keeps
//! its own checkpoint. A run in a plan belongs to the month of its plan.
//!
//! Where days are asked for, the months that they touch are read again as in a first load: also
//! what was completed and read before.

use std::collections::BTreeSet;
use std::fmt;

use test_dashboard_sdk::http::RequestBuilder;
use test_dashboard_sdk::jiff::{SignedDuration, ToSpan};
use test_dashboard_sdk::{Date, Failure, Partition, Request, Timestamp, log, time};

use crate::Settings;
use crate::api::{About, Api};
use crate::pages::Listed;
use crate::runs::{PlanSummary, RunSummary};

/// How much wider than wanted a time is asked for: whether `created_after` and
/// `created_before` include the second they name is not documented.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// A month, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    first: Date,
}

impl Month {
    /// The month that a moment falls in.
    pub fn of(moment: Timestamp) -> Self {
        Month { first: time::day_of(moment).first_of_month() }
    }

    /// Reads a partition's id.
    ///
    /// # Errors
    ///
    /// When it is not one of [`plan`]'s.
    pub fn named(id: &str) -> Result<Self, Failure> {
        let first = format!("{id}-01").parse();
        first
            .map(|first| Month { first })
            .map_err(|_| Failure::internal(format!("there is no partition {id:?}")))
    }

    /// Its first moment.
    pub fn begin(self) -> Timestamp {
        time::start_of(self.first)
    }

    /// The first moment after it.
    pub fn end(self) -> Timestamp {
        self.first.checked_add(1.month()).map_or(Timestamp::MAX, time::start_of)
    }

    /// Whether it holds a moment.
    pub fn holds(self, moment: Timestamp) -> bool {
        self.begin() <= moment && moment < self.end()
    }

    /// What is of this month, out of a page of its list: `created` gives an item's time, none where
    /// that is odd, and `name` what to call it. The list has a few seconds of the months beside
    /// it; what is further away is of no month that is read.
    pub fn only<T>(
        self,
        mut page: Vec<T>,
        created: impl Fn(&T) -> Option<Timestamp>,
        name: impl Fn(&T) -> String,
    ) -> Vec<T> {
        let is_stray = |item: &&T| created(item).is_some_and(|created| !self.is_near(created));
        let mut strays = page.iter().filter(is_stray);
        if let Some(first) = strays.next() {
            log::warn(format!(
                "left out of the month from {:.0}: {}, created at {:.0} by its own account, and {} more of this page",
                self.begin(),
                name(first),
                created(first).unwrap_or_default(),
                strays.count()
            ));
        }
        page.retain(|item| created(item).is_none_or(|created| self.holds(created)));
        page
    }

    fn is_near(self, moment: Timestamp) -> bool {
        self.begin().saturating_sub(MARGIN).is_ok_and(|begin| begin <= moment)
            && self.end().saturating_add(MARGIN).is_ok_and(|end| moment <= end)
    }

    /// Asks for what was created in this month, from `begin` on.
    pub fn on(self, request: RequestBuilder, begin: Timestamp) -> RequestBuilder {
        between(request, Some(begin.max(self.begin())), Some(self.end()))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

/// Asks for what was created in a time, or a little outside of it.
fn between(
    request: RequestBuilder,
    begin: Option<Timestamp>,
    end: Option<Timestamp>,
) -> RequestBuilder {
    let begin = begin.map(|begin| begin.saturating_sub(MARGIN).unwrap_or(begin));
    let end = end.map(|end| end.saturating_add(MARGIN).unwrap_or(end));
    request
        .query_opt("created_after", begin.map(Timestamp::as_second))
        .query_opt("created_before", end.map(Timestamp::as_second))
}

/// A partition for each month in which a run or plan was created; with a window, for those
/// that the window touches, whole.
///
/// # Errors
///
/// When the runs or plans cannot be listed.
pub fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
    let Settings { project_id, .. } = request.context.settings()?;
    let api = Api::new(&request.context);
    let about = About::Project(project_id);
    let begin = request.since.map(|since| Month::of(since).begin());
    let list = |method| between(api.method(method, project_id), begin, request.until);
    let runs = api.steady_list::<RunSummary>(about, list("get_runs"));
    let plans = api.steady_list::<PlanSummary>(about, list("get_plans"));
    let mut months = months_of(runs.all()?, |run| run.created_on);
    months.extend(months_of(plans.all()?, |plan| plan.created_on));
    months.retain(|month| {
        begin.is_none_or(|begin| month.begin() >= begin)
            && request.until.is_none_or(|until| month.begin() < until)
    });
    let partition = |month: Month| Partition { id: month.to_string(), data: String::new() };
    Ok(months.into_iter().map(partition).collect())
}

fn months_of<T: Listed>(items: Vec<T>, created_on: fn(&T) -> Timestamp) -> BTreeSet<Month> {
    items.iter().map(|item| Month::of(created_on(item))).collect()
}

#[cfg(test)]
mod tests {
    use test_dashboard_sdk::testing;

    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_month_goes_from_its_first_moment_to_before_the_nexts() {
        let month = Month::of(moment("2025-12-31T23:59:59Z"));
        assert_eq!(month.to_string(), "2025-12");
        assert_eq!(month.begin(), moment("2025-12-01T00:00:00Z"));
        assert_eq!(month.end(), moment("2026-01-01T00:00:00Z"));
        assert!(month.holds(month.begin()) && !month.holds(month.end()));
        assert_eq!(Month::named("2025-12"), Ok(month));
        assert_eq!(Month::of(moment("0987-01-02T00:00:00Z")).to_string(), "0987-01");
    }

    #[test]
    fn what_lies_outside_of_a_month_is_left_out_and_told_once_for_a_page() {
        let month = Month::named("2026-02").unwrap();
        let beside = month.begin().saturating_sub(MARGIN).unwrap();
        let page = vec![
            (1, Some(month.begin())),
            (2, Some(beside)),
            (3, None),
            (4, Some(Timestamp::UNIX_EPOCH)),
            (5, Some(moment("2031-01-01T00:00:00Z"))),
        ];
        testing::take_log();
        let only = month.only(page, |(_, created)| *created, |(id, _)| format!("the run {id}"));
        assert_eq!(only.into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [1, 3]);
        let log = testing::take_log();
        assert_eq!(log.len(), 1, "{log:?}");
        let told = "the run 4, created at 1970-01-01T00:00:00Z by its own account, and 1 more";
        assert!(log[0].1.contains(told), "{log:?}");
    }

    #[test]
    fn what_is_no_month_is_no_partition() {
        for id in ["", "2025", "2025-13", "2025-1", "runs", "2025-12-01"] {
            assert!(Month::named(id).is_err(), "{id}");
        }
    }
}
