// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A Bitrise app that has a past: how the list of its builds looked at a moment.
//!
//! It follows the API's rules: at most 50 on a page, newest first, `next` is the slug of the
//! first build of the next page, `after` and `before` are about when a build was triggered.

use std::collections::HashMap;

use serde_json::{Value as JsonValue, json};

use super::call::Reply;
use super::world::{Check, DAY, Size, iso, scatter};

/// The app's slug.
pub const APP: &str = "a2b473cfa869c525";
/// The most that a page holds.
const PAGE: usize = 50;
/// How long the builds go back, in days, at the full size: nearly as long as they are kept.
const PAST_DAYS: i64 = 190;
/// The newest build was triggered so long ago, in seconds.
const NEWEST: i64 = 240;
/// One build in so many waits for somebody, and nobody comes.
const ON_HOLD_ONE_IN: usize = 4_000;

struct Build {
    number: usize,
    triggered_at: i64,
    started_at: i64,
    /// None for one that waits for ever.
    finished_at: Option<i64>,
}

/// The app.
pub struct Bitrise {
    /// From the oldest to the newest.
    builds: Vec<Build>,
}

impl Bitrise {
    /// The app as it has become.
    pub fn new(size: &Size) -> Self {
        let count = size.scaled(size.builds);
        let apart = PAST_DAYS as f64 * DAY as f64 * size.scale / count.max(1) as f64;
        let build = |number: usize| {
            let age = apart * (count - 1 - number) as f64;
            let roll = scatter(number as u64) as i64;
            let triggered_at = size.today - NEWEST - age as i64;
            let started_at = triggered_at + 5 + (roll % 180).abs();
            let on_hold = number % ON_HOLD_ONE_IN == ON_HOLD_ONE_IN / 2;
            let finished_at = started_at + 300 + (roll % 2_100).abs();
            Build {
                number,
                triggered_at,
                started_at,
                finished_at: (!on_hold).then_some(finished_at),
            }
        };
        Bitrise { builds: (0..count).map(build).collect() }
    }

    /// Answers a path below `/v0.1/` and its query.
    pub fn answer(&self, path: &str, query: &str, at: i64) -> Reply {
        let parameters: HashMap<&str, &str> =
            query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let path: Vec<&str> = path.split('/').collect();
        match path.as_slice() {
            ["apps"] => {
                let body = json!({"data": [app()],
                                  "paging": {"total_item_count": 1, "page_item_limit": PAGE}});
                (200, body)
            }
            ["apps", APP, "builds"] => self.list(&parameters, at),
            ["apps", APP, "builds", slug] => {
                let seen = self.builds.iter().filter(|build| build.triggered_at <= at);
                match seen.rev().find(|build| build.slug() == *slug) {
                    Some(build) => (200, json!({"data": build.json(at)})),
                    None => not_found(),
                }
            }
            _ => not_found(),
        }
    }

    fn list(&self, parameters: &HashMap<&str, &str>, at: i64) -> Reply {
        let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<i64>().ok());
        let limit = number("limit").map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(0));
        if !(1..=PAGE).contains(&limit) {
            return (400, json!({"message": "limit is out of range"}));
        }
        let (after, before) = (number("after"), number("before"));
        let seen: Vec<&Build> = self
            .builds
            .iter()
            .rev()
            .filter(|build| {
                let triggered_at = build.triggered_at;
                triggered_at <= at
                    && after.is_none_or(|after| triggered_at > after)
                    && before.is_none_or(|before| triggered_at < before)
            })
            .collect();
        let first =
            parameters.get("next").map(|slug| seen.iter().position(|build| build.slug() == *slug));
        let first = match first {
            Some(Some(position)) => position,
            Some(None) => return not_found(),
            None => 0,
        };
        let page: Vec<JsonValue> =
            seen.iter().skip(first).take(limit).map(|build| build.json(at)).collect();
        let mut paging = json!({"total_item_count": seen.len(), "page_item_limit": limit});
        if let Some(next) = seen.get(first + limit) {
            paging["next"] = next.slug().into();
        }
        (200, json!({"data": page, "paging": paging}))
    }

    /// What the tables have to hold after a load at a moment.
    pub fn checks(&self, at: i64) -> Vec<Check> {
        let seen = || self.builds.iter().filter(|build| build.triggered_at <= at);
        let running = seen().filter(|build| !build.is_finished(at)).count();
        let count = |table: &str| format!("SELECT COUNT(*) FROM bitrise_{table}");
        vec![
            Check::new("builds", count("apps"), 1),
            Check::new("builds", count("builds"), seen().count()),
            Check::new("builds", count("builds WHERE status = 0"), running),
            Check::new("builds", count("builds WHERE finished_at IS NULL"), running),
        ]
    }
}

impl Build {
    fn slug(&self) -> String {
        format!("{:016x}", scatter(self.number as u64 + 1_000_000))
    }

    fn is_finished(&self, at: i64) -> bool {
        self.finished_at.is_some_and(|finished_at| finished_at <= at)
    }

    fn json(&self, at: i64) -> JsonValue {
        let roll = scatter(self.number as u64);
        let done = self.is_finished(at);
        let (status, status_text) = match roll % 20 {
            _ if !done => (0, "in-progress"),
            0..3 => (2, "error"),
            3 => (3, "aborted"),
            _ => (1, "success"),
        };
        let started = self.finished_at.is_some() && self.started_at <= at;
        json!({
            "triggered_at": iso(self.triggered_at),
            "started_on_worker_at": started.then(|| iso(self.started_at)),
            "environment_prepare_finished_at": started.then(|| iso(self.started_at)),
            "finished_at": self.finished_at.filter(|_| done).map(iso),
            "slug": self.slug(), "status": status, "status_text": status_text,
            "abort_reason": null, "is_on_hold": self.finished_at.is_none(),
            "is_processed": done, "is_status_sent": done, "branch": "main",
            "build_number": self.number + 1, "commit_hash": format!("{roll:040x}"),
            "commit_message": "Bug 1900000 - Close the menu when a tab is closed. r=someone",
            "commit_view_url": null, "tag": null, "triggered_workflow": "runTests",
            "triggered_by": "webhook-github/someone", "machine_type_id": "g2.mac.large",
            "stack_identifier": "osx-xcode-16.0.x", "pull_request_id": roll % 20_000,
            "pull_request_target_branch": "main", "pull_request_view_url": null,
            "original_build_params": {"branch": "main", "workflow_id": "runTests",
                                      "environments": [{"key": "NOT_READ", "value": "secret"}]},
            "credit_cost": null, "log_format": "json",
        })
    }
}

fn app() -> JsonValue {
    json!({"slug": APP, "title": "A browser", "project_type": "ios", "provider": "github",
           "repo_owner": "someone", "repo_slug": "browser", "repo_url": "https://git.invalid/x",
           "is_disabled": false, "is_public": true, "status": 1, "is_github_checks_enabled": true,
           "owner": {"account_type": "organization", "name": "Someone", "slug": "0123456789abcdef"}})
}

fn not_found() -> Reply {
    (404, json!({"message": "Not Found"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All builds of a list, and how many pages these are.
    fn all(app: &Bitrise, query: &str, at: i64) -> (Vec<JsonValue>, usize) {
        let (mut builds, mut pages, mut next) = (Vec::new(), 0, String::new());
        loop {
            let (status, body) =
                app.answer(&format!("apps/{APP}/builds"), &format!("{query}{next}"), at);
            assert_eq!(status, 200, "{body}");
            builds.extend(body["data"].as_array().unwrap().iter().cloned());
            pages += 1;
            let Some(slug) = body["paging"]["next"].as_str() else { return (builds, pages) };
            next = format!("&next={slug}");
        }
    }

    #[test]
    fn a_list_has_everything_once_newest_first_on_pages_of_50() {
        let size = Size::until(1_790_000_000, 0);
        let app = Bitrise::new(&size);
        let (builds, pages) = all(&app, "limit=50", size.today);
        assert_eq!((builds.len(), pages), (20_000, 400));
        let numbers: Vec<i64> =
            builds.iter().map(|build| build["build_number"].as_i64().unwrap()).collect();
        assert!(numbers.is_sorted_by(|one, next| one > next));
        assert_eq!(app.answer(&format!("apps/{APP}/builds"), "limit=51", size.today).0, 400);
    }

    #[test]
    fn a_build_that_runs_yesterday_is_done_today_unless_it_is_on_hold() {
        let size = Size::until(1_790_000_000, 0);
        let app = Bitrise::new(&size);
        let after = format!("after={}&limit=50", size.yesterday);
        assert!(all(&app, &after, size.yesterday).0.is_empty());
        assert!(!all(&app, &after, size.today).0.is_empty());
        let running: Vec<JsonValue> = all(&app, "limit=50", size.yesterday)
            .0
            .into_iter()
            .filter(|build| build["status"] == 0 && build["is_on_hold"] == false)
            .collect();
        assert!(!running.is_empty());
        for build in running {
            let path = format!("apps/{APP}/builds/{}", build["slug"].as_str().unwrap());
            let (_, body) = app.answer(&path, "", size.today);
            assert_ne!(body["data"]["status"], 0);
            assert!(body["data"]["finished_at"].is_string());
        }
    }
}
