// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The builds of a week that are new, or were not done when the week was last read.

use std::collections::{BTreeSet, VecDeque};

use test_dashboard_sdk::{Checkpoint, Context, Failure, FailureKind, Partition, Timestamp, log};

use crate::api::{Api, Build, Pages};
use crate::state::{Seen, Standing, State};
use crate::weeks::{Slice, Span};

/// The fields that tell whether a build is settled, and where it belongs.
const TELLING: [&str; 3] = ["status", "finished_at", "triggered_at"];

/// Reads them: first the list from its watermark on, then, by their names, those that are
/// late and that the list did not have. Where such a one is not found, the whole week is listed:
/// a build that is not in there either is gone, because the list shows that Bitrise answers, and
/// this token.
pub struct ChangedBuilds {
    pub api: Api,
    pub slice: Slice,
    /// The state in which the run began.
    pub begin: State,
    /// What was read so far; a report that delivers more of a build than its row changes how
    /// far it is.
    pub seen: Seen,
    pub now: Timestamp,
    /// Late builds that their own addresses did not have.
    not_found: BTreeSet<String>,
    step: Step,
}

enum Step {
    List(Pages<Build>),
    Single(VecDeque<String>),
    /// The whole week, for those that were not found.
    Witness(Pages<Build>),
    End,
}

impl ChangedBuilds {
    /// Begins at the checkpoint, or at the week's begin.
    ///
    /// # Errors
    ///
    /// When the partition is not one that was planned.
    pub fn open(
        context: &Context,
        partition: &Partition,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, Failure> {
        let api = Api::of(context);
        let slice: Slice = partition.data()?;
        let begin: State = checkpoint.and_then(Checkpoint::state).unwrap_or_default();
        let step = match begin.span_to_list(slice.week.span()) {
            Some(span) => Step::List(api.builds(&slice.app, span)),
            None => Step::Single(begin.late().iter().cloned().collect()),
        };
        Ok(ChangedBuilds {
            api,
            slice,
            begin,
            seen: Seen::new(),
            now: context.now,
            not_found: BTreeSet::new(),
            step,
        })
    }

    /// Some more builds, each as it is now; none after the last.
    ///
    /// # Errors
    ///
    /// When a page or a build does not come or is none.
    pub fn next(&mut self) -> Result<Option<Vec<Build>>, Failure> {
        let week = self.week();
        let builds: Vec<Build> = match &mut self.step {
            Step::List(pages) => match pages.next_page()? {
                Some(page) => of_week(week, page),
                None => {
                    let unlisted = |slug: &&String| !self.seen.contains_key(*slug);
                    self.step =
                        Step::Single(self.begin.late().iter().filter(unlisted).cloned().collect());
                    Vec::new()
                }
            },
            Step::Single(late) => match late.pop_front() {
                Some(slug) => self.look_up(slug)?.into_iter().collect(),
                None => {
                    self.step = self.witness().map_or(Step::End, Step::Witness);
                    Vec::new()
                }
            },
            Step::Witness(pages) => match pages.next_page()? {
                Some(page) => {
                    page.into_iter().filter(|build| self.not_found.contains(&build.slug)).collect()
                }
                None => {
                    self.step = Step::End;
                    Vec::new()
                }
            },
            Step::End => return Ok(None),
        };
        for build in &builds {
            let is_unclear = TELLING.iter().any(|field| build.is_odd_in(field));
            if is_unclear {
                log::warn(format!(
                    "whether the build {} is settled cannot be understood: it is read again until it can",
                    build.slug
                ));
            }
            let is_done = build.is_settled() && !is_unclear;
            let standing = if is_done { Standing::Done } else { Standing::Unsettled };
            self.seen.insert(build.slug.clone(), (build.triggered_at, standing));
        }
        Ok(Some(builds))
    }

    fn look_up(&mut self, slug: String) -> Result<Option<Build>, Failure> {
        match self.api.build(&self.slice.app, &slug) {
            Err(failure) if failure.kind == FailureKind::NotFound => {
                self.not_found.insert(slug);
                Ok(None)
            }
            got => got.map(Some),
        }
    }

    fn witness(&self) -> Option<Pages<Build>> {
        let whole_week = State::default().span_to_list(self.week());
        whole_week
            .filter(|_| !self.not_found.is_empty())
            .map(|span| self.api.builds(&self.slice.app, span))
    }

    pub fn week(&self) -> Span {
        self.slice.week.span()
    }

    /// What to remember of what was seen.
    pub fn state(&self) -> State {
        self.begin.after(&self.seen, self.week(), self.now)
    }
}

/// The builds of a page of a week's list that are of that week. The list also has some beside it,
/// which are of the weeks before and after; what is further away is of no week that is read.
fn of_week(week: Span, page: Vec<Build>) -> Vec<Build> {
    let is_of_it =
        |build: &Build| build.is_odd_in("triggered_at") || week.holds(build.triggered_at);
    let (builds, others): (Vec<_>, Vec<_>) = page.into_iter().partition(is_of_it);
    let mut strays = others.iter().filter(|build| !week.is_near(build.triggered_at));
    if let Some(first) = strays.next() {
        log::warn(format!(
            "left out of the week from {:.0}: the build {}, triggered at {:.0} by its own account, and {} more of this page",
            week.begin,
            first.slug,
            first.triggered_at,
            strays.count()
        ));
    }
    builds
}
