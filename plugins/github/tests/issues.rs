// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The report `issues`, against a GitHub that filters, sorts and pages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it does not expect"
)]

mod upstream;

use serde_json::json;
use test_dashboard_github::GitHub;
use test_dashboard_sdk::testing::{FakeHttp, MemoryHost, Reply};
use test_dashboard_sdk::{Datasource, Failure, FailureKind, Request, Value};
use upstream::{Upstream, issue, labels, numbers, repository, text, with_labels};

/// Issue `number`, last changed in that minute of 2026-02-01.
fn changed(number: i64, minute: i64) -> serde_json::Value {
    issue(number, &format!("2026-02-01T{:02}:{:02}:00Z", minute / 60, minute % 60))
}

fn many(count: i64) -> Vec<serde_json::Value> {
    (1..=count).map(|number| changed(number, number * 5)).collect()
}

/// With none to three labels each.
fn many_with_labels(count: i64) -> Vec<serde_json::Value> {
    let labels = ["P1", "🐞 bug", "crash"];
    let labelled = |(index, issue)| with_labels(issue, &labels[..index % 4]);
    many(count).into_iter().enumerate().map(labelled).collect()
}

#[test]
fn all_pages_are_read_to_the_end() {
    for upstream in [Upstream::new(many(25)), Upstream::new(many(25)).counted()] {
        let mut host = MemoryHost::new();
        upstream.pump(&mut host).unwrap();
        assert_eq!(numbers(&host), (1..=25).collect::<Vec<_>>());
    }
}

#[test]
fn a_first_load_does_not_say_since() {
    let upstream = Upstream::new(many(3));
    let http = upstream.http();
    MemoryHost::new().run::<GitHub>(&upstream::request("issues", &http)).unwrap();
    assert_eq!(
        http.requests()[1],
        "https://api.example.org/repos/mozilla-mobile/fenix/issues?state=all&per_page=100&sort=updated&direction=asc"
    );
}

#[test]
fn a_change_in_the_future_does_not_move_the_watermark_past_now() {
    let mut host = MemoryHost::new();
    let mut issues = many(3);
    issues.push(issue(4, "9999-12-31T23:59:59Z"));
    let upstream = Upstream::new(issues);
    upstream.pump(&mut host).unwrap();
    let http = upstream.http();
    host.run::<GitHub>(&upstream::request("issues", &http)).unwrap();
    let list = &http.requests()[1];
    assert!(list.ends_with("&since=2026-03-01T05%3A00%3A00Z"), "an hour before now: {list}");
}

/// A run over a window of 2026-02-01, from one minute to another.
fn window(upstream: &Upstream, host: &mut MemoryHost, since: &str, until: &str) {
    let moment = |minute: &str| match minute {
        "" => None,
        minute => Some(format!("2026-02-01T{minute}:00Z").parse().unwrap()),
    };
    let (since, until) = (moment(since), moment(until));
    host.run::<GitHub>(&Request { since, until, ..upstream.request("issues") }).unwrap();
}

/// The numbers of the issues that were read since their titles became `Seen`, which GitHub can
/// change without touching `updated_at`.
fn seen(host: &MemoryHost) -> Vec<i64> {
    let rows = host.select("github_issues", &["number", "title"]).into_iter();
    let is_seen = |row: &Vec<Value>| row[1] == text("Seen");
    let number = |row: Vec<Value>| match row[0] {
        Value::Int64(number) => number,
        _ => panic!("{row:?}"),
    };
    rows.filter(is_seen).map(number).collect()
}

#[test]
fn a_window_is_read_whatever_was_read_before() {
    for upstream in [Upstream::new(many(25)), Upstream::new(many(25)).counted()] {
        let mut host = MemoryHost::new();
        upstream.pump(&mut host).unwrap();
        let before = host.clone();
        upstream
            .change(|issues| issues.iter_mut().for_each(|issue| issue["title"] = json!("Seen")));
        window(&upstream, &mut host, "00:25", "00:50");
        assert_eq!(seen(&host), [5, 6, 7, 8, 9]);
        window(&upstream, &mut host, "", "00:15");
        assert_eq!(seen(&host), [1, 2, 5, 6, 7, 8, 9]);
        window(&upstream, &mut host, "02:00", "");
        assert_eq!(seen(&host), [1, 2, 5, 6, 7, 8, 9, 24, 25]);
        assert_eq!(host.checkpoints(), before.checkpoints());
    }
}

#[test]
fn a_first_run_over_a_window_leaves_the_rest_to_the_next_run() {
    let upstream = Upstream::new(many_with_labels(25));
    let mut undisturbed = MemoryHost::new();
    upstream.pump(&mut undisturbed).unwrap();
    for (since, until, read) in [("00:10", "00:20", 2), ("01:00", "", 14), ("", "01:00", 11)] {
        let mut host = MemoryHost::new();
        window(&upstream, &mut host, since, until);
        assert_eq!(numbers(&host).len(), read, "{since} to {until}");
        upstream.pump(&mut host).unwrap();
        assert_eq!(host, undisturbed, "{since} to {until}");
        assert_eq!(host.checkpoints(), undisturbed.checkpoints(), "{since} to {until}");
    }
}

#[test]
fn a_window_moves_the_watermark_only_where_it_reaches_back_to_it() {
    let upstream = Upstream::new(many(25));
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    // The last change was at 02:05.
    upstream.change(|issues| issues.extend([changed(26, 4 * 60), changed(27, 6 * 60)]));
    let since_of_the_next_run = |host: &MemoryHost| {
        let http = upstream.http();
        host.clone().run::<GitHub>(&upstream::request("issues", &http)).unwrap();
        http.requests()[1].rsplit("since=").next().unwrap().replace("%3A", ":")
    };
    window(&upstream, &mut host, "05:00", "");
    assert!(numbers(&host).contains(&27) && !numbers(&host).contains(&26));
    assert_eq!(since_of_the_next_run(&host), "2026-02-01T01:05:00Z");
    window(&upstream, &mut host, "01:05", "05:00");
    assert!(numbers(&host).contains(&26));
    assert_eq!(since_of_the_next_run(&host), "2026-02-01T03:00:00Z");
}

#[test]
fn labels_that_a_window_brought_are_freed_whatever_the_number_of_their_issue() {
    let issue = |labels: &[&str], minute| with_labels(changed(300_000, minute), labels);
    let upstream = Upstream::new(many(3));
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    upstream.change(|issues| issues.push(issue(&["P1", "crash"], 4 * 60)));
    window(&upstream, &mut host, "03:00", "");
    upstream.change(|issues| issues[3] = issue(&["P1"], 5 * 60));
    upstream.pump(&mut host).unwrap();
    assert_eq!(labels(&host).len(), 1, "{:?}", labels(&host));
}

#[test]
fn requests_carry_what_github_wants_and_no_credential() {
    let upstream = Upstream::new(many(1));
    let http = upstream.http();
    MemoryHost::new().run::<GitHub>(&upstream::request("issues", &http)).unwrap();
    for request in http.requests_with_headers() {
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["accept", "user-agent", "x-github-api-version"]);
    }
}

#[test]
fn a_run_done_twice_gives_the_same_tables() {
    let upstream = Upstream::new(many_with_labels(25));
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    let once = host.clone();
    upstream.pump(&mut host).unwrap();
    assert_eq!(host, once);
    assert_eq!(host.checkpoints(), once.checkpoints());
}

#[test]
fn a_later_run_reads_from_an_hour_before_the_last_change() {
    let upstream = Upstream::new(many(25));
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    upstream.change(|issues| {
        issues[0] = changed(1, 200);
        issues[0]["state"] = json!("closed");
        issues.push(changed(26, 201));
    });
    let http = upstream.http();
    host.run::<GitHub>(&upstream::request("issues", &http)).unwrap();
    // The last change was at 02:05.
    assert!(http.requests()[1].ends_with("&since=2026-02-01T01%3A05%3A00Z"));
    assert_eq!(numbers(&host), (1..=26).collect::<Vec<_>>());
    assert_eq!(host.select("github_issues", &["state"])[0], [text("closed")]);
}

#[test]
fn a_run_that_is_killed_anywhere_is_completed_by_the_next() {
    let upstream = Upstream::new(many_with_labels(60));
    let mut undisturbed = MemoryHost::new().with_max_rows(4);
    upstream.pump(&mut undisturbed).unwrap();
    for batches in 0..20 {
        let mut host = MemoryHost::new().with_max_rows(4);
        host.run_partially::<GitHub>(&upstream.request("issues"), batches).unwrap();
        let rows = numbers(&host).len();
        assert_eq!(rows % 20, 0, "a commit point is each tenth page of two: {rows}");
        upstream.pump(&mut host).unwrap();
        assert_eq!(host, undisturbed, "after {batches} batches");
        assert_eq!(host.checkpoints(), undisturbed.checkpoints(), "after {batches} batches");
    }
}

#[test]
fn an_issue_that_changes_while_a_cursor_reads_is_stored_as_it_is_at_last() {
    let mut page = 0;
    let upstream = Upstream::new(many(9)).after_page(move |issues| {
        page += 1;
        if page == 2 {
            issues[0] = changed(1, 100);
            issues[0]["title"] = json!("Changed");
        }
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    assert_eq!(numbers(&host), (1..=9).collect::<Vec<_>>());
    assert_eq!(host.select("github_issues", &["title"])[0], [text("Changed")]);
}

#[test]
fn an_issue_that_slips_between_counted_pages_is_read_by_the_next_run() {
    let mut page = 0;
    let upstream = Upstream::new(many(9)).counted().after_page(move |issues| {
        page += 1;
        if page == 2 {
            issues[0] = changed(1, 100);
        }
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    assert!(!numbers(&host).contains(&5), "the fake lost none: {:?}", numbers(&host));
    upstream.pump(&mut host).unwrap();
    assert_eq!(numbers(&host), (1..=9).collect::<Vec<_>>());
}

#[test]
fn nulls_and_what_is_absent_are_kept_as_null() {
    let upstream = Upstream::new(vec![changed(1, 0)]);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    let nullable = ["state_reason", "user_login", "author_association", "milestone", "closed_at"];
    assert_eq!(host.select("github_issues", &nullable), [vec![Value::Null; 5]]);
    let rest = ["repository_id", "repository", "title", "is_pull_request", "labels"];
    assert_eq!(
        host.select("github_issues", &rest),
        [[
            Value::Int64(upstream::REPOSITORY_ID),
            text("mozilla-mobile/fenix"),
            text("Issue 1 🐞"),
            Value::Boolean(false),
            Value::Json("[]".into()),
        ]]
    );
}

#[test]
fn pull_requests_are_kept_and_told_apart() {
    let mut pull = changed(2, 1);
    pull["pull_request"] = json!({"url": "https://api.example.org/x", "merged_at": null});
    let upstream = Upstream::new(vec![changed(1, 0), pull]);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    assert_eq!(
        host.select("github_issues", &["number", "is_pull_request"]),
        [[Value::Int64(1), Value::Boolean(false)], [Value::Int64(2), Value::Boolean(true)]]
    );
}

#[test]
fn labels_that_are_removed_or_renamed_upstream_disappear() {
    let upstream = Upstream::new(vec![
        with_labels(changed(1, 0), &["P1", "🐞 bug", "crash"]),
        with_labels(changed(2, 1), &["p1", "P1"]),
    ]);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    let expected = [(1, "P1"), (1, "crash"), (1, "🐞 bug"), (2, "P1"), (2, "p1")];
    assert_eq!(labels(&host), expected.map(|(id, label)| (id, label.to_owned())));

    upstream.change(|issues| {
        issues[0] = with_labels(changed(1, 300), &["crash"]);
        issues[1] = with_labels(changed(2, 301), &[]);
        let mut new = with_labels(changed(3, 302), &["P2"]);
        new["created_at"] = new["updated_at"].clone();
        issues.push(new);
    });
    upstream.pump(&mut host).unwrap();
    let mut fresh = MemoryHost::new();
    upstream.pump(&mut fresh).unwrap();
    assert_eq!(labels(&host), [(1, "crash".into()), (3, "P2".into())]);
    assert_eq!(labels(&host), labels(&fresh));
    assert_eq!(host.rows("github_issues"), fresh.rows("github_issues"));
    // As many positions for each issue as it ever had labels.
    assert_eq!(host.rows("github_issue_labels").len(), 3 + 2 + 1);
    assert_eq!(fresh.rows("github_issue_labels").len(), 1 + 1);
}

#[test]
fn labels_that_go_while_the_list_is_read_disappear_too() {
    let mut page = 0;
    let mut issues = many(5);
    issues[0] = with_labels(issues[0].take(), &["a", "b"]);
    let upstream = Upstream::new(issues).after_page(move |issues| {
        page += 1;
        if page == 1 {
            issues[0] = with_labels(changed(1, 100), &["b"]);
        }
    });
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    assert_eq!(labels(&host), [(1, "b".into())]);
}

#[test]
fn a_reconcile_run_and_one_with_an_old_checkpoint_overwrite_labels_too() {
    let upstream = Upstream::new(vec![with_labels(changed(1, 0), &["P1", "P2", "P3"])]);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    upstream.change(|issues| issues[0] = with_labels(changed(1, 0), &["P2"]));
    let mut old = host.clone();
    old.replace_checkpoints(r#"{"watermark":"2020-01-01T00:00:00Z"}"#);
    upstream.pump(&mut old).unwrap();
    assert_eq!(labels(&old), [(1, "P2".into())]);

    let mut request = upstream.request("issues");
    request.full = true;
    host.run::<GitHub>(&request).unwrap();
    assert_eq!(labels(&host), [(1, "P2".into())]);
}

#[test]
fn labels_may_be_bare_names_and_names_may_be_null() {
    let mut issue = changed(1, 0);
    issue["labels"] = json!(["crash", {"id": 7, "name": null}, {"name": "P1"}]);
    let upstream = Upstream::new(vec![issue]);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    assert_eq!(labels(&host), [(1, "P1".into()), (1, "crash".into())]);
    assert_eq!(
        host.select("github_issues", &["labels"]),
        [[Value::Json(r#"["crash","P1"]"#.into())]]
    );
}

#[test]
fn a_repository_without_issues_is_no_failure_and_leaves_no_checkpoint() {
    let upstream = Upstream::new(vec![]);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    assert!(numbers(&host).is_empty());
    assert!(host.checkpoints().is_empty());
}

#[test]
fn a_renamed_repository_goes_on_with_its_rows_and_checkpoint() {
    let upstream = Upstream::new(vec![changed(1, 0)]);
    let mut host = MemoryHost::new();
    upstream.pump(&mut host).unwrap();
    let renamed = json!({"id": upstream::REPOSITORY_ID, "full_name": "mozilla-mobile/firefox"});
    let base = "https://api.example.org";
    let http = FakeHttp::script([
        (
            format!("{base}/repos/mozilla-mobile/fenix"),
            Reply::json(301, r#"{"message": "Moved Permanently"}"#)
                .header("location", "https://api.example.org/repositories/187853571"),
        ),
        (format!("{base}/repositories/187853571"), Reply::json(200, &renamed.to_string())),
        (
            format!(
                "{base}/repos/mozilla-mobile/firefox/issues?state=all&per_page=100&sort=updated&direction=asc&since=2026-01-31T23%3A00%3A00Z"
            ),
            Reply::json(200, &json!([changed(1, 60), changed(2, 70)]).to_string()),
        ),
    ]);
    host.run::<GitHub>(&upstream::request("issues", &http)).unwrap();
    http.assert_all_used();
    assert_eq!(
        host.select("github_issues", &["number", "repository"]),
        [1, 2].map(|number| [Value::Int64(number), text("mozilla-mobile/firefox")])
    );
}

/// What a run fails with when the list is answered so, after a good first page. What the
/// first page gave has to stay uncommitted.
fn failure_of_second_page(reply: Reply) -> Failure {
    let http = FakeHttp::serve(move |request| {
        if request.url.ends_with("/fenix") {
            return Reply::json(200, &repository().to_string());
        }
        match request.url.contains("after=") {
            true => reply.clone(),
            false => Reply::json(200, &json!([changed(1, 0)]).to_string())
                .header("link", "<?state=all&after=x>; rel=\"next\""),
        }
    });
    let mut host = MemoryHost::new();
    let failure = host.run::<GitHub>(&upstream::request("issues", &http)).unwrap_err();
    assert!(numbers(&host).is_empty(), "half a list was committed");
    failure
}

#[test]
fn what_is_no_page_never_ends_the_list() {
    let error = r#"{"message": "Server Error"}"#;
    for (reply, kind, says) in [
        (Reply::json(200, error), FailureKind::UnexpectedResponse, "begins with"),
        (
            Reply::text(200, "text/html", "<html>Unicorn!"),
            FailureKind::UnexpectedResponse,
            "a page of HTML",
        ),
        (
            Reply::json(200, r#"[{"id": 1, "number":"#),
            FailureKind::UnexpectedResponse,
            "breaks off",
        ),
        (Reply::json(200, r#"[{"id": 1}]"#), FailureKind::UnexpectedResponse, "missing field"),
        (Reply::json(502, error), FailureKind::Transient, "502 Bad Gateway"),
        (Reply::broken_connection(), FailureKind::Transient, "broke"),
        (
            Reply::json(410, r#"{"message": "Issues are disabled"}"#),
            FailureKind::NotFound,
            "disabled",
        ),
        (Reply::json(401, r#"{"message": "Bad credentials"}"#), FailureKind::Auth, "expired"),
        (
            Reply::json(403, r#"{"message": "Resource not accessible by personal access token"}"#),
            FailureKind::Auth,
            "needs the permission to read issues",
        ),
    ] {
        let failure = failure_of_second_page(reply);
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.contains(says), "{failure}");
    }
}

#[test]
fn a_rate_limit_is_not_taken_for_a_missing_permission() {
    let body = r#"{"message": "You have exceeded a secondary rate limit."}"#;
    let failure = failure_of_second_page(Reply::json(403, body));
    assert_eq!((failure.kind, failure.retry_after), (FailureKind::RateLimited, Some(60)));
    let limited = Reply::json(403, r#"{"message": "API rate limit exceeded"}"#)
        .header("date", "Sun, 01 Mar 2026 06:00:00 GMT")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", "1772345400");
    let failure = failure_of_second_page(limited);
    assert_eq!((failure.kind, failure.retry_after), (FailureKind::RateLimited, Some(600)));
}

#[test]
fn a_repository_that_is_not_there_says_so() {
    let http = FakeHttp::serve(|_| Reply::json(404, r#"{"message": "Not Found"}"#));
    let request = upstream::request("issues", &http);
    let failure = GitHub::plan(&request).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.message.starts_with(
        "the repository mozilla-mobile/fenix does not exist, or the token cannot see it"
    ));
    assert_eq!(GitHub::check(&request.context).unwrap_err().kind, FailureKind::NotFound);
}

#[test]
fn check_says_what_was_reached() {
    let upstream = Upstream::new(vec![]);
    assert_eq!(
        GitHub::check(&upstream.request("issues").context).unwrap(),
        "mozilla-mobile/fenix can be read: repository 187853571, 3 issues and pull requests open"
    );
}

#[test]
fn a_repository_whose_issues_are_disabled_can_be_read_for_other_reports() {
    let http = FakeHttp::serve(|_| {
        Reply::json(200, r#"{"id": 7, "full_name": "o/r", "has_issues": false}"#)
    });
    assert_eq!(
        GitHub::check(&upstream::request("releases", &http).context).unwrap(),
        "o/r can be read: repository 7, its issues are disabled"
    );
}

#[test]
fn the_declaration_is_one_that_the_host_accepts() {
    let description = serde_json::to_value(GitHub::describe()).unwrap();
    let description: test_dashboard_model::Description =
        serde_json::from_value(description).unwrap();
    assert_eq!(test_dashboard_model::declaration::check(&description), Ok(()));
}
