// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Bitrise: an app for each project, with builds and what they produced.

use serde_json::{Value, json};

use super::world::{HOUR, MINUTE, Moment, PROJECTS, iso};
use crate::support::{Answer, Asked, Server};

const BUILDS: i64 = 70;
/// Bitrise may give fewer than it was asked for.
const PAGE: usize = 20;

/// Answers what is asked below Bitrise's address.
pub fn answer(asked: &Asked, below: &str, moment: Moment) -> Answer {
    let path = below.split('?').next().unwrap();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if segments == ["apps"] {
        return list(asked, PROJECTS.iter().map(|project| app(project.bitrise)).collect());
    }
    let known = PROJECTS.iter().any(|project| Some(&project.bitrise) == segments.get(1));
    let number = |name| asked.query(name).map(|text| text.parse::<i64>().unwrap());
    match segments[..] {
        ["apps", app, "builds"] if known => {
            let (after, before) = (number("after"), number("before"));
            let builds = (1..=BUILDS).filter(|n| {
                let triggered = triggered_at(*n, moment);
                triggered <= moment.now
                    && after.is_none_or(|after| triggered > after)
                    && before.is_none_or(|before| triggered < before)
            });
            list(asked, builds.map(|n| build(app, n, moment)).collect())
        }
        ["apps", app, "builds", slug, ..] if known => {
            let n = (1..=BUILDS).find(|n| build_slug(app, *n) == slug);
            match n.filter(|n| triggered_at(*n, moment) <= moment.now) {
                Some(n) if segments.len() == 4 => {
                    Server::json(200, json!({"data": build(app, n, moment)}))
                }
                Some(n) if finished_at(n, moment) <= moment.now => list(asked, artifacts(slug, n)),
                Some(_) => list(asked, Vec::new()),
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

fn not_found() -> Answer {
    Server::json(404, json!({"message": "Not Found"}))
}

fn list(asked: &Asked, things: Vec<Value>) -> Answer {
    let limit = asked.query("limit").map_or(PAGE, |n| n.parse::<usize>().unwrap()).min(PAGE);
    let first = match asked.query("next") {
        None => 0,
        Some(next) => match things.iter().position(|thing| thing["slug"] == next) {
            Some(first) => first,
            None => return not_found(),
        },
    };
    let mut paging = json!({"total_item_count": things.len(), "page_item_limit": limit});
    if let Some(next) = things.get(first + limit) {
        paging["next"] = next["slug"].clone();
    }
    let page: Vec<&Value> = things.iter().skip(first).take(limit).collect();
    Server::json(200, json!({"data": page, "paging": paging}))
}

fn app(slug: &str) -> Value {
    json!({"slug": slug, "title": format!("{slug} 🦊"), "project_type": "android",
           "provider": "github", "repo_owner": "mozilla-mobile", "repo_slug": slug,
           "repo_url": null, "is_disabled": false, "is_public": true, "status": 1,
           "owner": {"account_type": "organization", "name": "Mozilla", "slug": "4babd835c067be82"}})
}

fn build_slug(app: &str, n: i64) -> String {
    format!("{app}-build-{n}")
}

/// The first is the newest: the first five are of the last hour.
fn triggered_at(n: i64, moment: Moment) -> i64 {
    moment.today - if n <= 5 { 8 * MINUTE * n } else { n * 5 * HOUR }
}

/// The newest runs still in the second night, and one of the older ones has run for long.
fn finished_at(n: i64, moment: Moment) -> i64 {
    match n {
        1 => i64::MAX,
        6 => moment.today - 22 * MINUTE,
        _ => triggered_at(n, moment) + 7 * MINUTE,
    }
}

fn build(app: &str, n: i64, moment: Moment) -> Value {
    let (triggered, finished) = (triggered_at(n, moment), finished_at(n, moment));
    let is_finished = finished <= moment.now;
    let started = triggered + MINUTE;
    let started = (started <= moment.now).then(|| iso(started));
    let (status, text) = match n % 6 {
        _ if !is_finished => (0, "in-progress"),
        0 => (2, "error"),
        _ => (1, "success"),
    };
    json!({
        "slug": build_slug(app, n), "build_number": 1_000 - n, "status": status,
        "status_text": text, "abort_reason": null, "is_on_hold": false,
        "triggered_at": iso(triggered), "triggered_workflow": "primary", "triggered_by": "webhook",
        "branch": "main", "tag": null, "commit_hash": format!("{:040x}", n / 3),
        "commit_message": "Fixes the 🦊\n\nFor good.", "commit_view_url": null,
        "pull_request_id": 0, "pull_request_target_branch": null, "pull_request_view_url": null,
        "machine_type_id": "g2.4core", "stack_identifier": "osx-xcode-26",
        "started_on_worker_at": started, "environment_prepare_finished_at": started,
        "finished_at": is_finished.then(|| iso(finished)),
        "original_build_params": {"environments": [{"mapped_to": "KEY", "value": "hunter2"}]},
    })
}

fn artifacts(build: &str, n: i64) -> Vec<Value> {
    (0..n % 3)
        .map(|m| {
            json!({"slug": format!("{build}-artifact-{m}"), "title": format!("app-{m}.apk"),
                   "artifact_type": "android-apk", "file_size_bytes": 17_179_869_184_i64,
                   "is_public_page_enabled": false, "artifact_meta": {"version": "148.0"}})
        })
        .collect()
}
