// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which weeks are read, and how a week is named.

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::{SignedDuration, ToSpan, civil::Date};
use test_dashboard_sdk::{Failure, Partition, Request, Timestamp, time};

/// How long Bitrise keeps builds.
pub const BUILDS_KEPT: SignedDuration = SignedDuration::from_hours(200 * 24);
/// How long Bitrise keeps artifacts.
pub const ARTIFACTS_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How far Bitrise's limit may be from where it is taken to be: what is that much younger is
/// not relied on, and what is that much older is still looked for.
const TOLERANCE: SignedDuration = SignedDuration::from_hours(24);

/// How much is asked for beside what is wanted: whether `after` and `before` include the
/// second that they name is not documented, and a build may become visible a little after it
/// was triggered.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(1);

/// The ISO week, in UTC, that begins on a Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    monday: Date,
}

/// A time, of which the end is no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub begin: Timestamp,
    pub end: Timestamp,
}

impl Span {
    pub fn holds(self, moment: Timestamp) -> bool {
        self.begin <= moment && moment < self.end
    }

    /// Whether a moment is in it, or near enough for a list of it to have it.
    pub fn is_near(self, moment: Timestamp) -> bool {
        let end = self.end.checked_add(OVERLAP).unwrap_or(Timestamp::MAX);
        earlier(self.begin, OVERLAP) <= moment && moment <= end
    }
}

impl Week {
    /// The week in which a moment lies.
    pub fn of(moment: Timestamp) -> Self {
        let day = time::day_of(moment);
        let since_monday = day.weekday().to_monday_zero_offset();
        Week { monday: day.saturating_sub(i64::from(since_monday).days()) }
    }

    fn before(self) -> Self {
        Week { monday: self.monday.saturating_sub(1.week()) }
    }

    pub fn span(self) -> Span {
        let next = self.monday.saturating_add(1.week());
        Span { begin: time::start_of(self.monday), end: time::start_of(next) }
    }

    /// `2026-W09`.
    fn name(self) -> String {
        let week = self.monday.iso_week_date();
        format!("{:04}-W{:02}", week.year(), week.week())
    }
}

/// One app's builds of one week: what a partition is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    pub app: String,
    pub week: Week,
    /// Whether this is a full refresh of a week of which Bitrise has forgotten a part. Its
    /// partition is not read again, so it keeps no checkpoint.
    pub is_fading: bool,
}

/// A partition for each app and week of which Bitrise may still hold something, the newest
/// week first. A window is widened to whole weeks.
pub fn plan<'a>(
    request: &'a Request,
    apps: &'a [String],
    kept: SignedDuration,
) -> impl Iterator<Item = Result<Partition, Failure>> + 'a {
    let now = request.context.now;
    apps.iter().flat_map(move |app| {
        weeks(request, kept).map(move |week| {
            let is_fading = request.full && week.span().begin < earlier(now, kept - TOLERANCE);
            let mut id = format!("{app}/{}", week.name());
            if is_fading {
                // A name of this run alone: under one that comes again, what Bitrise forgot
                // since the last full refresh would be taken for deleted.
                id.push_str(&format!("/fading-{}", now.strftime("%Y%m%dT%H%M%SZ")));
            }
            Partition::new(id, &Slice { app: app.clone(), week, is_fading })
        })
    })
}

/// Refuses a window of which Bitrise holds nothing any more: a run over it would read nothing
/// and look like a success.
///
/// # Errors
///
/// What is kept, and which window was asked for.
pub fn refuse_what_is_forgotten(request: &Request, kept: SignedDuration) -> Result<(), Failure> {
    if !request.has_window() || weeks(request, kept).next().is_some() {
        return Ok(());
    }
    let moment =
        |moment: Option<Timestamp>| moment.map_or("…".into(), |moment| moment.to_string());
    Err(Failure::config(format!(
        "Bitrise keeps what {} reads for {} days, and the window asked for ({} to {}) is not of these: ask for later days",
        request.report,
        kept.as_hours() / 24,
        moment(request.since),
        moment(request.until)
    )))
}

fn weeks(request: &Request, kept: SignedDuration) -> impl Iterator<Item = Week> {
    let Request { since, until, .. } = *request;
    let now = request.context.now;
    let oldest = earlier(now, kept + TOLERANCE);
    std::iter::successors(Some(Week::of(now)), |week| Some(week.before()))
        .take_while(move |week| week.span().end > oldest)
        .filter(move |week| since.is_none_or(|since| week.span().end > since))
        .filter(move |week| until.is_none_or(|until| week.span().begin < until))
}

/// A moment so much before another, or the earliest there is.
pub fn earlier(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_dashboard_sdk::testing::{self, FakeHttp, Reply};

    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn ids(request: &Request, kept: SignedDuration) -> Vec<String> {
        let apps = ["a".to_owned(), "b".to_owned()];
        let partitions = plan(request, &apps, kept);
        partitions.map(|partition| partition.unwrap().id).collect()
    }

    /// Of 2026-03-01T06:00:00Z, a Sunday.
    fn request() -> Request {
        let http = FakeHttp::serve(|_| Reply::empty(500));
        testing::request("builds", testing::context(&http, json!({})))
    }

    #[test]
    fn a_week_begins_on_monday_and_is_named_after_the_year_of_its_thursday() {
        for (text, begin, name) in [
            ("2026-03-01T23:59:59.999999Z", "2026-02-23T00:00:00Z", "2026-W09"),
            ("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", "2026-W10"),
            ("2027-01-03T12:00:00Z", "2026-12-28T00:00:00Z", "2026-W53"),
            ("2024-12-30T00:00:00Z", "2024-12-30T00:00:00Z", "2025-W01"),
        ] {
            let week = Week::of(moment(text));
            assert_eq!((week.span().begin, week.name()), (moment(begin), name.to_owned()));
            assert!(week.span().holds(moment(text)));
            assert!(!week.span().holds(week.span().end));
            assert_eq!(week.before().span().end, week.span().begin);
        }
    }

    #[test]
    fn a_plan_names_every_week_that_bitrise_may_hold_newest_first() {
        let ids = ids(&request(), BUILDS_KEPT);
        // 201 days ago was Tuesday, 2025-08-12.
        assert_eq!((ids.len(), ids[0].as_str()), (2 * 29, "a/2026-W09"));
        assert_eq!((ids[28].as_str(), ids[29].as_str()), ("a/2025-W33", "b/2026-W09"));
        assert_eq!(super::tests::ids(&request(), ARTIFACTS_KEPT).len(), 2 * 14);
    }

    #[test]
    fn a_full_run_gives_the_weeks_that_fade_a_name_of_its_own() {
        let full = Request { full: true, ..request() };
        let ids = ids(&full, BUILDS_KEPT);
        assert_eq!(ids[27], "a/2025-W34");
        assert_eq!(ids[28], "a/2025-W33/fading-20260301T060000Z");
        // When the limit is about the end of a week, that week may still be there, and the
        // begin of the one after it may be gone.
        let mut full = full;
        full.context.now = moment("2026-03-06T06:00:00Z");
        let ids = super::tests::ids(&full, BUILDS_KEPT);
        assert_eq!(
            ids[27..30],
            [
                "a/2025-W35",
                "a/2025-W34/fading-20260306T060000Z",
                "a/2025-W33/fading-20260306T060000Z"
            ]
        );
    }

    #[test]
    fn a_window_is_widened_to_whole_weeks() {
        let mut request = request();
        request.since = Some(moment("2026-02-15T23:00:00Z"));
        request.until = Some(moment("2026-02-23T00:00:00Z"));
        assert_eq!(ids(&request, BUILDS_KEPT)[..2], ["a/2026-W08", "a/2026-W07"]);
        assert_eq!(ids(&request, BUILDS_KEPT).len(), 4);
        request.since = Some(moment("2000-01-01T00:00:00Z"));
        assert_eq!(ids(&request, BUILDS_KEPT).len(), 2 * 28);
    }
}
