// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What goes wrong upstream: a run either has the right rows or fails, and the next repairs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use test_dashboard_bitrise::Bitrise;
use test_dashboard_sdk::testing::{self, MemoryHost, Reply};
use test_dashboard_sdk::{Datasource, Failure, FailureKind, Value};
use upstream::{DAY, Upstream, slugs};

const APP: &str = "fenix-app";
const REPORTS: [(&str, &str); 2] =
    [("builds", "bitrise_builds"), ("build-artifacts", "bitrise_artifacts")];

/// Thirteen builds of two weeks, in pages of three, one of them unsettled. It is Saturday.
fn small() -> Upstream {
    let upstream = Upstream::new(&[APP], "2026-02-28T06:00:00Z");
    upstream.change(|world| {
        world.page_size = 3;
        for day in 1..=12 {
            world.put_settled(APP, world.now - day * DAY);
        }
        let running = world.put_settled(APP, world.now - 300);
        assert!(!world.builds[&running].is_settled(world.now));
    });
    upstream
}

/// Fails one request of a run, whichever it is, and expects what `check` says of the failure.
fn fail_each_request(reply: &Reply, check: impl Fn(&Failure)) {
    for (report, table) in REPORTS {
        let upstream = small();
        let all = upstream.fresh(report);
        let requests = upstream.pump(&mut MemoryHost::new(), report).unwrap().len();
        assert!(requests > 8, "{requests}");
        for broken in 0..requests {
            let mut host = MemoryHost::new();
            let answer = reply.clone();
            upstream.fault(move |number, _| (number == broken).then(|| answer.clone()));
            let failure = upstream.pump(&mut host, report).unwrap_err();
            check(&failure);
            if *reply != Reply::broken_connection() {
                assert!(failure.message.contains("/apps"), "{failure}");
            }
            for (slug, row) in upstream::by_slug(&host, table) {
                let whole = upstream::by_slug(&all, table);
                assert_eq!(whole.get(&slug), Some(&row), "request {broken}");
            }
            upstream.no_fault();
            upstream.pump(&mut host, report).unwrap();
            assert_eq!(host, all, "{report}, request {broken}");
            // The same on a full refresh: nothing that is there is taken away.
            upstream.fault({
                let answer = reply.clone();
                move |number, _| (number == broken).then(|| answer.clone())
            });
            upstream.pump_all(&mut host, report).unwrap_err();
            assert_eq!(host, all, "{report}, request {broken} of a full refresh");
        }
    }
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let reply = Reply::json(429, r#"{"message": "Too many requests"}"#).header("Retry-After", "17");
    fail_each_request(&reply, |failure| {
        assert_eq!((failure.kind, failure.retry_after), (FailureKind::RateLimited, Some(17)));
    });
}

#[test]
fn a_server_error_and_a_broken_connection_pass() {
    let error = Reply::json(500, r#"{"message": "Internal Server Error"}"#);
    for reply in [error, Reply::broken_connection()] {
        fail_each_request(&reply, |failure| assert_eq!(failure.kind, FailureKind::Transient));
    }
}

#[test]
fn what_is_no_list_is_never_an_empty_one() {
    for reply in [
        Reply::text(200, "text/html", "<!DOCTYPE html><title>Just a moment…</title>"),
        Reply::json(200, r#"{"data": [{"slug": "0123", "#),
        Reply::json(200, r#"{"message": "Internal Server Error"}"#),
        Reply::json(200, r#"{"data": []}"#),
        Reply::json(200, r#"{"paging": {"total_item_count": 7}}"#),
        Reply::json(200, r#"{"data": [{}], "paging": {"total_item_count": 1}}"#),
        Reply::json(200, "[]"),
        Reply::empty(200),
    ] {
        fail_each_request(&reply, |failure| {
            assert_eq!(failure.kind, FailureKind::UnexpectedResponse, "{failure}");
        });
    }
}

#[test]
fn a_token_that_expires_on_the_way_is_an_auth_failure() {
    for (report, _) in REPORTS {
        let upstream = small();
        let mut host = MemoryHost::new();
        let refusal = r#"{"message": "Unauthorized"}"#;
        upstream.fault(move |number, _| (number >= 4).then(|| Reply::json(401, refusal)));
        let failure = upstream.pump(&mut host, report).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Auth);
        assert!(failure.message.starts_with("there is no token, or it is wrong"), "{failure}");
        upstream.no_fault();
        upstream.pump(&mut host, report).unwrap();
        assert_eq!(host, upstream.fresh(report));
    }
}

#[test]
fn a_run_that_is_killed_anywhere_is_completed_by_the_next() {
    for (report, table) in REPORTS {
        let upstream = Upstream::new(&[APP], "2026-02-25T06:00:00Z");
        upstream.change(|world| {
            for n in 1..=130 {
                world.put_settled(APP, world.now - n * 900);
            }
        });
        let all = upstream.fresh(report);
        let mut interrupted = 0;
        for batches in 0..25 {
            let mut host = MemoryHost::new().with_max_rows(10);
            let http = upstream.http();
            host.run_partially::<Bitrise>(&upstream.request(report, &http), batches).unwrap();
            let rows = host.rows(table).len();
            interrupted += usize::from(rows < 130);
            upstream.pump(&mut host, report).unwrap();
            assert_eq!(host, all, "{report} after {batches} batches and {rows} rows");
        }
        assert!(interrupted > 10, "{report}: {interrupted}");
    }
}

#[test]
fn artifacts_that_were_read_before_a_failure_are_kept_and_not_asked_for_again() {
    let upstream = Upstream::new(&[APP], "2026-02-28T06:00:00Z");
    upstream.change(|world| {
        for n in 1..=130 {
            world.put_settled(APP, world.now - n * 1_800);
        }
    });
    let mut host = MemoryHost::new();
    // The list has three pages; then builds are asked, the oldest first.
    upstream.fault(|number, _| (number == 3 + 120).then(Reply::broken_connection));
    upstream.pump(&mut host, "build-artifacts").unwrap_err();
    assert_eq!(host.rows("bitrise_artifacts").len(), 100, "two commit points of 50 builds");
    upstream.no_fault();
    let asked = upstream.pump(&mut host, "build-artifacts").unwrap();
    let asked: Vec<&String> = asked.iter().filter(|url| url.contains("/artifacts?")).collect();
    assert_eq!(asked.len(), 30);
    // The oldest has the highest number here. In this order a checkpoint stays small.
    assert!(asked.is_sorted_by(|one, next| one > next), "{asked:#?}");
    assert_eq!(host, upstream.fresh("build-artifacts"));
}

#[test]
fn builds_that_begin_while_a_list_is_read_shift_nothing() {
    for (report, table) in REPORTS {
        let upstream = small();
        upstream.after_request(|world, url| {
            if url.contains("after=") {
                world.now += 60;
                let slug = world.put_settled(APP, world.now);
                // Settled at once: a full refresh that comes later sees nothing else.
                world.build(&slug).runs = Some([world.now; 3]);
            }
        });
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, report).unwrap();
        let before: Vec<String> = slugs(&small().fresh(report), table);
        assert!(before.iter().all(|slug| slugs(&host, table).contains(slug)));
        upstream.change(|world| world.after_request = None);
        upstream.pump(&mut host, report).unwrap();
        assert_eq!(host, upstream.fresh(report));
    }
}

#[test]
fn a_build_that_is_deleted_where_the_next_page_begins_fails_the_week_and_not_the_next_run() {
    for (report, _) in REPORTS {
        let upstream = small();
        let mut deleted = false;
        upstream.after_request(move |world, url| {
            if url.contains("after=") && !std::mem::replace(&mut deleted, true) {
                // The fourth newest, in pages of three.
                let mut builds: Vec<_> = world.builds.values().collect();
                builds.sort_by_key(|build| std::cmp::Reverse(build.triggered));
                let slug = builds[3].slug.clone();
                world.deleted.insert(slug);
            }
        });
        let mut host = MemoryHost::new();
        let failure = upstream.pump(&mut host, report).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Transient);
        assert!(failure.message.starts_with("the list changed while"), "{failure}");
        upstream.pump(&mut host, report).unwrap();
        assert_eq!(host, upstream.fresh(report));
    }
}

#[test]
fn pages_that_go_in_circles_end() {
    for (report, _) in REPORTS {
        let upstream = small();
        upstream.fault(|_, url| {
            let circle = r#"{"data": [], "paging": {"total_item_count": 9, "next": "0001"}}"#;
            url.contains("after=").then(|| Reply::json(200, circle))
        });
        let failure = upstream.pump(&mut MemoryHost::new(), report).unwrap_err();
        assert_eq!(failure.kind, FailureKind::UnexpectedResponse);
        assert!(failure.message.contains("read already, 0001"), "{failure}");
    }
}

#[test]
fn a_build_on_hold_that_is_deleted_is_asked_for_no_more_and_goes_with_the_next_full_run() {
    let upstream = Upstream::new(&[APP], "2026-02-25T06:00:00Z");
    let held = upstream.change(|world| {
        world.put_settled(APP, world.now - DAY);
        let slug = world.put_settled(APP, world.now - 20 * DAY);
        world.build(&slug).runs = None;
        slug
    });
    for (report, _) in REPORTS {
        upstream.change(|world| world.deleted.clear());
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, report).unwrap();
        upstream.change(|world| world.deleted.insert(held.clone()));
        let asks = |asked: Vec<String>| asked.iter().any(|url| url.contains(&held));
        assert!(asks(upstream.pump(&mut host, report).unwrap()));
        assert!(!asks(upstream.pump(&mut host, report).unwrap()));
        assert_eq!(slugs(&host, "bitrise_builds").contains(&held), report == "builds");
        upstream.pump_all(&mut host, report).unwrap();
        assert_eq!(host, upstream.fresh(report));
    }
}

#[test]
fn a_token_that_loses_an_app_takes_no_rows_away() {
    for (report, table) in REPORTS {
        let upstream = small();
        let mut host = MemoryHost::new();
        upstream.pump(&mut host, report).unwrap();
        let all = host.clone();
        // In the middle: after the list, before what is asked for by name.
        upstream.after_request(|world, url| {
            if url.contains("next=") {
                world.hidden.insert(APP.into());
            }
        });
        let failure = upstream.pump_all(&mut host, report).unwrap_err();
        assert!(failure.message.contains("the token cannot see it"), "{failure}");
        assert_eq!(host, all, "{table}");
    }
}

#[test]
fn an_app_that_is_not_there_says_so() {
    let upstream = small();
    upstream.change(|world| world.hidden.insert(APP.into()));
    let http = upstream.http();
    let request = upstream.request("builds", &http);
    for failure in [
        Bitrise::check(&request.context).unwrap_err(),
        MemoryHost::new().run::<Bitrise>(&request).unwrap_err(),
    ] {
        assert_eq!(failure.kind, FailureKind::NotFound);
        assert!(failure.message.contains("fenix-app is not among the 0 that"), "{failure}");
    }
    let failure = upstream.pump(&mut MemoryHost::new(), "build-artifacts").unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.message.starts_with("this does not exist, or the token cannot see it"));
}

#[test]
fn nulls_are_kept_as_null_wherever_they_may_be() {
    let upstream = Upstream::new(&[APP], "2026-02-25T06:00:00Z");
    upstream.change(|world| {
        let slug = world.put_settled(APP, world.now - DAY);
        world.build(&slug).is_bare = true;
        world.build(&slug).artifacts = vec!["bare-3".into(), "whole-4".into()];
        world.empty_is_null = true;
    });
    let mut host = upstream.fresh("builds");
    upstream.pump_all(&mut host, "build-artifacts").unwrap();
    let nullable = [
        "abort_reason",
        "triggered_by",
        "branch",
        "tag",
        "commit_hash",
        "commit_message",
        "commit_view_url",
        "pull_request_target_branch",
        "pull_request_view_url",
        "machine_type_id",
        "stack_identifier",
        "started_on_worker_at",
        "environment_prepare_finished_at",
        "queue_seconds",
        "duration_seconds",
    ];
    assert_eq!(host.select("bitrise_builds", &nullable), [vec![Value::Null; nullable.len()]]);
    let columns =
        ["title", "artifact_type", "file_size_bytes", "is_public_page_enabled", "artifact_meta"];
    assert_eq!(
        host.select("bitrise_artifacts", &columns),
        [
            vec![Value::Null; 5],
            vec![
                Value::Text("app-debug 🦊.apk".into()),
                Value::Text("android-apk".into()),
                Value::Int64(17_179_869_184),
                Value::Boolean(false),
                Value::Json(r#"{"app_info":{"version_name":"148.0"}}"#.into()),
            ]
        ]
    );
}

#[test]
fn builds_that_were_not_asked_for_are_left_out_and_told_once_for_a_page() {
    let upstream = Upstream::new(&[APP], "2026-02-25T06:00:00Z");
    upstream.change(|world| {
        for day in 1..=120 {
            world.put_settled(APP, world.now - day * DAY);
        }
    });
    let whole = upstream.fresh("builds");
    upstream.change(|world| world.ignores_days = true);
    testing::take_log();
    let mut host = MemoryHost::new();
    let requests = upstream.pump_all(&mut host, "builds").unwrap();
    assert_eq!(host.rows("bitrise_builds"), whole.rows("bitrise_builds"));
    let log = testing::take_log();
    let strays = log.iter().filter(|(_, line)| line.contains("left out of the week")).count();
    assert!((1..=requests.len()).contains(&strays), "{strays} lines, {} requests", requests.len());
}

#[test]
fn a_build_that_ends_before_it_begins_has_no_durations_and_keeps_its_times() {
    let upstream = Upstream::new(&[APP], "2026-02-25T06:00:00Z");
    upstream.change(|world| {
        let triggered = world.now - DAY;
        let slug = world.put_settled(APP, triggered);
        world.build(&slug).runs = Some([triggered - 9, triggered + 90, triggered + 60]);
    });
    let host = upstream.fresh("builds");
    let durations = host.select("bitrise_builds", &["queue_seconds", "duration_seconds"]);
    assert_eq!(durations, [[Value::Null, Value::Null]]);
    let times = ["started_on_worker_at", "environment_prepare_finished_at", "finished_at"];
    let moment = |text: &str| Value::Timestamp(upstream::second(text) * 1_000_000);
    assert_eq!(
        host.select("bitrise_builds", &times),
        [["2026-02-24T05:59:51Z", "2026-02-24T06:01:30Z", "2026-02-24T06:01:00Z"].map(moment)]
    );
}

#[test]
fn an_app_of_which_little_is_known_is_a_row() {
    let upstream = small();
    upstream.fault(|_, url| {
        let bare = r#"{"data": [{"slug": "fenix-app", "title": null, "project_type": null,
            "owner": null, "status": null}], "paging": {"total_item_count": 1}}"#;
        url.contains("/apps?").then(|| Reply::json(200, bare))
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host, "builds").unwrap();
    let mut expected = vec![Value::Null; 13];
    expected[0] = Value::Text(APP.into());
    assert_eq!(host.rows("bitrise_apps"), [&expected]);
}

#[test]
fn secrets_of_a_builds_environment_are_in_no_row_and_no_checkpoint() {
    let upstream = small();
    let mut host = upstream.fresh("builds");
    upstream.pump(&mut host, "build-artifacts").unwrap();
    assert_eq!(host.rows("bitrise_builds").len(), 13);
    assert!(!format!("{host:?}").contains(upstream::SECRET));
}

#[test]
fn a_checkpoint_of_another_version_reads_the_week_from_its_begin() {
    for (report, _) in REPORTS {
        let upstream = small();
        let mut host = MemoryHost::new();
        let first = upstream.pump(&mut host, report).unwrap();
        host.replace_checkpoints(r#"{"version":0,"state":{"watermark":"2030-01-01T00:00:00Z"}}"#);
        // The weeks of which nothing was remembered are read as the first time, too.
        assert_eq!(upstream.pump(&mut host, report).unwrap(), first);
        assert_eq!(host, upstream.fresh(report));
    }
}

#[test]
fn check_says_what_was_reached() {
    let http = small().http();
    let context = small().request("builds", &http).context;
    assert_eq!(Bitrise::check(&context), Ok("the token can see \"App fenix-app 🦊\"".into()));
    assert_eq!(http.requests().len(), 1);
}

#[test]
fn the_declaration_is_one_that_the_host_accepts() {
    let description = serde_json::to_value(Bitrise::describe()).unwrap();
    let description: test_dashboard_model::Description =
        serde_json::from_value(description).unwrap();
    assert_eq!(test_dashboard_model::declaration::check(&description), Ok(()));
}
