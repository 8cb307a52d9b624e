// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a project's settings say: how its task groups are found.

use serde::Deserialize;
use test_dashboard_sdk::jiff::ToSpan;
use test_dashboard_sdk::{Context, Date, Failure, Request, time};

/// How far back it is looked, where a project does not say: Firefox CI keeps tasks 28 days and
/// longer, and a day is looked at until its end.
const DAYS: u32 = 27;
/// The longest name of a namespace, route or hook: names of partitions are made of them.
const LONGEST_NAME: usize = 150;

/// A project's settings, checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// Groups given by their ids.
    #[serde(default)]
    pub task_group_ids: Vec<String>,
    /// The namespace of a repository in the index, which has a `pushdate` below it.
    pub index_namespace: Option<String>,
    /// Paths in the index where a decision task is found.
    #[serde(default)]
    pub decision_routes: Vec<String>,
    /// Hooks whose fires are kept, and whose tasks' groups are read.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// How many days back pushes and fires are looked for, today not counted.
    #[serde(default = "default_days")]
    pub days: u32,
}

fn default_days() -> u32 {
    DAYS
}

/// A hook, written `group/hook`; the second part may have slashes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Hook {
    pub group: String,
    pub id: String,
}

impl TryFrom<String> for Hook {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c))
        };
        match text.split_once('/') {
            Some((group, id)) if is_name(group) && is_name(id) && text.len() <= LONGEST_NAME => {
                Ok(Hook { group: group.into(), id: id.into() })
            }
            _ => Err(format!(
                "{text:?} is not a hook: expected group/hook, such as project-releng/cron-task-mozilla-central, of at most {LONGEST_NAME} characters"
            )),
        }
    }
}

impl Settings {
    /// # Errors
    ///
    /// A setting that makes no sense, or when there is none that finds groups.
    pub fn of(context: &Context) -> Result<Self, Failure> {
        let settings: Settings = context.settings()?;
        let bad = |setting: &str, problem: String| {
            let project = &context.project;
            Failure::config(format!("project {project}: its setting {setting} {problem}"))
        };
        if let Some(id) = settings.task_group_ids.iter().find(|id| !is_id(id)) {
            return Err(bad(
                "task-group-ids",
                format!("has {id:?}: an id is 22 letters, digits, - and _"),
            ));
        }
        let paths = settings.index_namespace.iter().map(|path| ("index-namespace", path));
        let routes = settings.decision_routes.iter().map(|path| ("decision-routes", path));
        if let Some((setting, path)) = paths.chain(routes).find(|(_, path)| !is_path(path)) {
            return Err(bad(
                setting,
                format!(
                    "has {path:?}: expected a path in the index, such as gecko.v2.mozilla-central, of at most {LONGEST_NAME} characters"
                ),
            ));
        }
        if !(1..=366).contains(&settings.days) {
            return Err(bad("days", format!("is {}: expected 1 to 366", settings.days)));
        }
        if settings.has_no_way_to_groups() {
            return Err(Failure::config(format!(
                "project {}: nothing says how its task groups are found: set task-group-ids, index-namespace, decision-routes or hooks",
                context.project
            )));
        }
        Ok(settings)
    }

    fn has_no_way_to_groups(&self) -> bool {
        self.task_group_ids.is_empty()
            && self.index_namespace.is_none()
            && self.decision_routes.is_empty()
            && self.hooks.is_empty()
    }

    /// The first and the last day that a request is about: those of its window, of which the
    /// last is today where it has no end, and the first [`days`](Self::days) before the last
    /// where it has no begin.
    pub fn window(&self, request: &Request) -> (Date, Date) {
        let now = request.context.now;
        // The end is exclusive.
        let last = request.until.and_then(|until| until.checked_sub(1.microsecond()).ok());
        let last = time::day_of(last.map_or(now, |last| last.min(now)));
        let back = || last.saturating_sub(i64::from(self.days).days());
        (request.since.map_or_else(back, time::day_of), last)
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 22 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

fn is_path(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_!~*'()%".contains(c))
    };
    text.len() <= LONGEST_NAME && text.split('.').all(is_name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_dashboard_sdk::FailureKind;
    use test_dashboard_sdk::testing::{self, FakeHttp, Reply};

    use super::*;

    fn context(settings: serde_json::Value) -> Context {
        testing::context(&FakeHttp::serve(|_| Reply::empty(500)), settings)
    }

    #[test]
    fn each_way_to_find_groups_is_enough() {
        for settings in [
            json!({"task-group-ids": ["DswJgYaPSuio6XPITUB9Lg"]}),
            json!({"index-namespace": "gecko.v2.mozilla-central"}),
            json!({"decision-routes": ["gecko.v2.mozilla-central.latest.taskgraph.decision"]}),
            json!({"hooks": ["project-releng/cron-task-mozilla-central/nightly-desktop"]}),
        ] {
            assert_eq!(Settings::of(&context(settings)).unwrap().days, 27);
        }
    }

    #[test]
    fn the_rest_of_a_hook_is_its_id() {
        let hook = Hook::try_from("a-b/c/d_e".to_owned()).unwrap();
        assert_eq!(hook, Hook { group: "a-b".into(), id: "c/d_e".into() });
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (settings, named) in [
            (json!({}), "task-group-ids, index-namespace, decision-routes or hooks"),
            (json!({"task-group-ids": ["short"]}), "task-group-ids has \"short\""),
            (json!({"index-namespace": "gecko..v2"}), "index-namespace has \"gecko..v2\""),
            (json!({"index-namespace": "gecko/v2"}), "index-namespace has"),
            (json!({"decision-routes": [""]}), "decision-routes has \"\""),
            (json!({"hooks": ["alone"]}), "hooks[0]"),
            (json!({"hooks": ["a/b c"]}), "\"a/b c\" is not a hook"),
            (json!({"index-namespace": "gecko", "days": 0}), "days is 0"),
        ] {
            let failure = Settings::of(&context(settings)).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Config);
            assert!(failure.message.contains(named), "{failure}");
            assert!(failure.message.contains("project fenix"), "{failure}");
        }
    }

    #[test]
    fn a_window_counts_in_days_and_does_not_pass_now() {
        let settings =
            Settings::of(&context(json!({"index-namespace": "gecko", "days": 2}))).unwrap();
        let window = |since: Option<&str>, until: Option<&str>| {
            let mut request = testing::request("task-groups", context(json!({})));
            request.since = since.map(|text| text.parse().unwrap());
            request.until = until.map(|text| text.parse().unwrap());
            let (first, last) = settings.window(&request);
            (first.to_string(), last.to_string())
        };
        let days = |first: &str, last: &str| (first.to_owned(), last.to_owned());
        assert_eq!(window(None, None), days("2026-02-27", "2026-03-01"));
        assert_eq!(
            window(Some("2026-01-05T12:00:00Z"), Some("2026-01-07T00:00:00Z")),
            days("2026-01-05", "2026-01-06")
        );
        assert_eq!(window(None, Some("2026-04-01T00:00:00Z")), days("2026-02-27", "2026-03-01"));
    }
}
