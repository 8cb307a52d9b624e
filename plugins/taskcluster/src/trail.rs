// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The trails that lead to task groups: the partitions of `task-groups`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::jiff::ToSpan;
use test_dashboard_sdk::{Date, Failure, FailureKind, Partition, Request, Timestamp, log, time};

use crate::api::{Api, Fire, NamespacesPage, TokenPages};
use crate::settings::{Hook, Settings};

/// How many days of pushes are asked for at once.
const DAYS_IN_FLIGHT: usize = 4;
/// How many fires fit the data of a partition, which has a greatest size.
const FIRES_A_PARTITION: usize = 1_500;
/// After how many days Taskcluster has brought every task of a group to an end.
const LONGEST_DEADLINE_DAYS: i64 = 5;
/// For how many days after a push it is looked for further groups of it, such as scheduled
/// jobs on the same revision, although those that are known have settled: a weekend.
const FURTHER_GROUPS_DAYS: i64 = 2;

/// What leads to groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Trail {
    /// A group by its id.
    Group(String),
    /// A path in the index that leads to a decision task, now to one and later to another.
    Route(String),
    /// A push: the tasks that are indexed below its namespace.
    Push {
        /// Such as `gecko.v2.mozilla-central.pushdate.2026.03.01.20260301055012`.
        namespace: String,
        /// The day of the push.
        day: Date,
    },
    /// What a hook created on a day.
    Fires {
        /// The tasks.
        tasks: Vec<String>,
        /// Those of which Taskcluster says that it knows no state: they have expired, or have no
        /// run yet.
        #[serde(default)]
        stateless: Vec<String>,
        /// The day.
        day: Date,
    },
    /// A hook of which there is none, and why: a partition that fails, so that all others are read.
    NoHook(String),
}

impl Trail {
    /// The day that bounds how long what it leads to is certainly kept, and still moves.
    pub fn day(&self) -> Option<Date> {
        match self {
            Trail::Push { day, .. } | Trail::Fires { day, .. } => Some(*day),
            Trail::Group(_) | Trail::Route(_) | Trail::NoHook(_) => None,
        }
    }

    /// Whether no further groups are expected of a trail that led to some, or to none yet.
    pub fn is_over(&self, has_groups: bool, now: Timestamp) -> bool {
        let after = if has_groups { FURTHER_GROUPS_DAYS } else { LONGEST_DEADLINE_DAYS };
        // From the end of the day on.
        let days = (after + 1).days();
        self.day().is_some_and(|day| time::start_of(day.saturating_add(days)) <= now)
    }

    /// Whether Taskcluster says that it knows no state of a task to which a hook led.
    pub fn tells_no_state_of(&self, task: &str) -> bool {
        matches!(self, Trail::Fires { stateless, .. } if stateless.iter().any(|id| id == task))
    }

    /// Whether it is planned only while all that it leads to is certainly kept.
    pub fn has_a_day(&self) -> bool {
        self.day().is_some()
    }
}

/// The trails of a request.
///
/// # Errors
///
/// When the settings make no sense, or the index or a hook cannot be read.
pub fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
    let settings = Settings::of(&request.context)?;
    let api = Api::of(&request.context);
    let mut partitions = Vec::new();
    for id in settings.task_group_ids.iter().collect::<BTreeSet<_>>() {
        let name = run_name(request, format!("group/{id}"));
        partitions.push(Partition::new(name, &Trail::Group(id.clone()))?);
    }
    for path in settings.decision_routes.iter().collect::<BTreeSet<_>>() {
        let name = run_name(request, format!("route/{}", id_text(path)));
        partitions.push(Partition::new(name, &Trail::Route(path.clone()))?);
    }
    if let Some(namespace) = &settings.index_namespace {
        plan_pushes(&api, namespace, settings.window(request), &mut partitions)?;
    }
    for hook in &settings.hooks {
        match fires_by_day(&api, hook, settings.window(request)) {
            Ok(days) => plan_fires(hook, days, &mut partitions)?,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                let name = run_name(request, format!("hook/{}/{}", hook.group, hook.id));
                partitions.push(Partition::new(name, &Trail::NoHook(failure.message))?);
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(partitions)
}

/// The name of a partition without a day. In a full refresh it is one of that run's own: nothing
/// was held under it before, so nothing that has expired since is removed.
pub fn run_name(request: &Request, name: String) -> String {
    if !request.full {
        return name;
    }
    let moment = format!("{:.0}", request.context.now).replace(['-', ':'], "");
    format!("{name}/{moment}")
}

fn plan_pushes(
    api: &Api,
    namespace: &str,
    (first, last): (Date, Date),
    partitions: &mut Vec<Partition>,
) -> Result<(), Failure> {
    let days: Vec<Date> = time::days(first, last).collect();
    for some in days.chunks(DAYS_IN_FLIGHT) {
        let list = |day: &Date| api.namespaces(&day_namespace(namespace, *day));
        let lists: Vec<_> = some.iter().map(|day| (*day, list(day))).collect();
        for (day, pages) in lists {
            push_partitions(namespace, day, pages, partitions)?;
        }
    }
    Ok(())
}

fn day_namespace(namespace: &str, day: Date) -> String {
    let (year, month, day) = (day.year(), day.month(), day.day());
    format!("{namespace}.pushdate.{year:04}.{month:02}.{day:02}")
}

fn push_partitions(
    namespace: &str,
    day: Date,
    mut pages: TokenPages<NamespacesPage>,
    partitions: &mut Vec<Partition>,
) -> Result<(), Failure> {
    let mut names = BTreeMap::new();
    while let Some(page) = pages.next_page()? {
        // `latest` is another name of one of the others.
        let pushes = page.namespaces.into_iter().filter(|push| push.name != "latest");
        names.extend(pushes.map(|push| (push.name, push.namespace)));
    }
    for (name, push) in names {
        let id = format!("push/{}/{day}/{}", id_text(namespace), id_text(&name));
        partitions.push(Partition::new(id, &Trail::Push { namespace: push, day })?);
    }
    Ok(())
}

/// The tasks that a hook created, day by day, each in the order of time: what is added to a day
/// goes to its last part.
fn fires_by_day(
    api: &Api,
    hook: &Hook,
    (first, last): (Date, Date),
) -> Result<BTreeMap<Date, Vec<Fire>>, Failure> {
    let mut pages = api.fires(hook);
    let mut fires: BTreeMap<(Timestamp, String), Fire> = BTreeMap::new();
    loop {
        match pages.next_page() {
            Ok(Some(page)) => {
                for fire in page.last_fires {
                    // Which tasks are read follows from them.
                    let name = format!("the fire {} of {}/{}", fire.task_id, hook.group, hook.id);
                    let fire = fire.sound_in(&["taskCreateTime", "result"], name)?;
                    fires.insert((fire.task_create_time, fire.task_id.clone()), fire);
                }
            }
            Ok(None) => break,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                api.has_no_fires(hook, &failure)?;
                log::info(format!("the hook {}/{} has no fires", hook.group, hook.id));
                break;
            }
            Err(failure) => return Err(failure),
        }
    }
    let mut days: BTreeMap<Date, Vec<Fire>> = BTreeMap::new();
    for fire in fires.into_values().filter(|fire| fire.result == "success") {
        let day = time::day_of(fire.task_create_time);
        if (first..=last).contains(&day) {
            days.entry(day).or_default().push(fire);
        }
    }
    Ok(days)
}

fn plan_fires(
    hook: &Hook,
    days: BTreeMap<Date, Vec<Fire>>,
    partitions: &mut Vec<Partition>,
) -> Result<(), Failure> {
    for (day, fires) in days {
        for (part, fires) in (1..).zip(fires.chunks(FIRES_A_PARTITION)) {
            let more = if part == 1 { String::new() } else { format!("/part-{part}") };
            let id = format!("hook/{}/{}/{day}{more}", hook.group, hook.id);
            let tasks = |are_stateless| {
                let fires = fires.iter().filter(|fire| fire.is_stateless() == are_stateless);
                fires.map(|fire| fire.task_id.clone()).collect()
            };
            let trail = Trail::Fires { tasks: tasks(false), stateless: tasks(true), day };
            partitions.push(Partition::new(id, &trail)?);
        }
    }
    Ok(())
}

/// A text as a part of a partition's id: what may not stand there becomes its number.
fn id_text(text: &str) -> String {
    text.chars().fold(String::new(), |id, c| match c {
        c if c.is_ascii_alphanumeric() || "-_.".contains(c) => format!("{id}{c}"),
        other => format!("{id}:{:x}", u32::from(other)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_index_become_ids_that_differ() {
        assert_eq!(id_text("gecko.v2.mozilla-central"), "gecko.v2.mozilla-central");
        assert_eq!(id_text("a!b"), "a:21b");
        assert_ne!(id_text("a!b"), id_text("a~b"));
    }

    #[test]
    fn a_day_is_over_later_where_nothing_was_found() {
        let trail = Trail::Fires {
            tasks: Vec::new(),
            stateless: Vec::new(),
            day: "2026-03-01".parse().unwrap(),
        };
        for (has_groups, over) in [(true, "2026-03-04T00:00:00Z"), (false, "2026-03-07T00:00:00Z")]
        {
            let over: Timestamp = over.parse().unwrap();
            assert!(!trail.is_over(has_groups, over - 1.second()));
            assert!(trail.is_over(has_groups, over));
        }
        assert!(!Trail::Group("g".into()).is_over(true, Timestamp::MAX));
    }
}
