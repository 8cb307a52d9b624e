// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the job reads: rows over the auth proxy and over TLS, in parts, and until it is cancelled.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use futures::stream;
use serde_json::json;

use super::proxy::{Proxy, expect_proxy_ended};
use super::{
    ISSUES, PASSWORD, READ, TOKEN, checkout, pump, pump_part, rows_in, servers, summary_of,
    variables,
};
use crate::support::actions::Cancel;
use crate::support::github::{self, GitHub, Issue, Paging};
use crate::support::testrail::{self, TestRail};
use crate::support::user::{User, Way};
use crate::support::{Asked, Server};

#[test]
fn through_the_proxy_rows_arrive_and_a_fortnightly_run_waits_for_its_time() {
    for database in servers() {
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, PASSWORD, Way::Socket);
        let github = GitHub::start(github::issues(ISSUES));
        let runner = checkout(&github.server);
        let proxy = Proxy::of(&database, &socket);
        let given = proxy.given(variables(&database, &user)).input("every", "14d");

        let job = pump(&runner, &given).expect_green();
        assert_eq!(rows_in(&database, "github_issues"), ISSUES);
        assert!(
            github
                .server
                .asked()
                .iter()
                .all(|asked| { asked.header("authorization") == Some(&format!("Bearer {TOKEN}")) })
        );
        assert_eq!(summary_of(&runner)["outcome"], "succeeded");
        assert!(job.summary.contains("| fenix | "), "{}", job.summary);
        assert!(job.step("Say how fresh it is").out.contains("fresh"), "{}", job.said());
        expect_proxy_ended(&job);
        let actions: Vec<&String> = job.actions.keys().collect();
        assert_eq!(actions, ["actions/checkout", "google-github-actions/auth"]);

        let asked = github.server.count();
        let job = pump(&runner, &given).expect_green();
        assert!(job.step(READ).out.contains("::notice title=Not due::"), "{}", job.said());
        assert_eq!(summary_of(&runner)["outcome"], "not-due");
        assert_eq!(github.server.count(), asked);
    }
}

#[test]
fn over_tls_a_failing_project_makes_the_job_red_and_leaves_the_others_rows() {
    for database in servers() {
        let Some(certificates) = database.tls() else { continue };
        let user = User::new(&database, PASSWORD, Way::Certificate);
        let github = GitHub::start(github::issues(ISSUES));
        let slack = Server::start(|_| Server::answer(200, &[], "ok"));
        let runner = checkout(&github.server);
        let mut given = variables(&database, &user)
            .input("project", "ALL")
            .input("connection", "direct")
            .var("CLOUD_SQL_DATABASE_HOST", "127.0.0.1");
        let port = url::Url::parse(&database.url).unwrap().port().unwrap();
        given = given.var("CLOUD_SQL_DATABASE_PORT", &port.to_string());
        for (name, file) in [
            ("CLOUD_SQL_SERVER_CA", "ca.pem"),
            ("CLOUD_SQL_CLIENT_CERT", "client.pem"),
            ("CLOUD_SQL_CLIENT_KEY", "client-key.pem"),
        ] {
            let text = std::fs::read_to_string(format!("{certificates}/{file}")).unwrap();
            given.secrets.insert(name.into(), json!(text.trim_end()));
        }
        given.secrets.insert("SLACK_WEBHOOK_URL".into(), json!(format!("{}/hook", slack.url)));

        // Of the five projects the service knows only the first.
        let job = pump(&runner, &given);
        assert_eq!(job.step(READ).code, Some(3), "{}", job.said());
        assert_eq!(job.step("Say how fresh it is").code, Some(1), "{}", job.said());
        assert_eq!(job.step("Tell Slack").code, Some(0), "{}", job.said());
        assert_eq!(slack.asked()[0].target, "/hook");
        assert_eq!(summary_of(&runner)["outcome"], "partly-failed");
        assert!(job.step(READ).said().contains("::error "), "{}", job.said());
        assert_eq!(rows_in(&database, "github_issues"), ISSUES);
        assert!(!job.actions.contains_key("google-github-actions/auth"));
        let key = &job.environment["CLOUD_SQL_DATABASE_TLS_KEY"];
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);

        // Without the certificate the server lets nobody in.
        given.secrets.remove("CLOUD_SQL_CLIENT_CERT");
        given.secrets.remove("CLOUD_SQL_CLIENT_KEY");
        let job = pump(&runner, &given);
        assert_eq!(job.step(READ).code, Some(1), "{}", job.said());
        assert_eq!(summary_of(&runner)["outcome"], "failed");

        // And nobody asks a server that need not prove who it is.
        given.secrets.remove("CLOUD_SQL_SERVER_CA");
        let job = pump(&runner, &given);
        assert_eq!(job.step("Write the certificates").code, Some(1), "{}", job.said());
        assert!(!job.has(READ) && !job.has("Say how fresh it is"));
    }
}

#[test]
fn the_parts_of_a_report_are_one_run() {
    const SUITES: [i64; 6] = [3, 1, 4, 1, 5, 9];
    for database in servers() {
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, PASSWORD, Way::Socket);
        let github = GitHub::start(Vec::new());
        let testrail = TestRail::start(testrail::Project::of(&SUITES, 0, 0));
        let proxy = Proxy::of(&database, &socket);
        let mut given = proxy.given(variables(&database, &user));
        for (name, value) in [
            ("TESTRAIL_HOST", testrail.server.url.as_str()),
            ("TESTRAIL_USERNAME", testrail::USER),
            ("TESTRAIL_PASSWORD", testrail::PASSWORD),
        ] {
            given.secrets.insert(name.into(), json!(value));
        }
        std::thread::scope(|scope| {
            for part in ["1/2", "2/2"] {
                let runner = checkout(&github.server);
                let given = &given;
                scope.spawn(move || {
                    let job = pump_part(&runner, given, "test-case-coverage", part).expect_green();
                    assert!(!job.has("Say how fresh it is"), "{}", job.said());
                });
            }
        });
        let read = rows_in(&database, "testrail_test_suites");
        assert_eq!(read, i64::try_from(SUITES.len()).unwrap());
        assert_eq!(rows_in(&database, "runs"), 1);
    }
}

/// What a run does not wait for that is told to end.
async fn late() -> std::io::Result<&'static str> {
    tokio::time::sleep(Duration::from_secs(60)).await;
    Err(std::io::Error::other("nobody waited"))
}

#[test]
fn a_job_that_is_cancelled_ends_its_run_in_order() {
    for database in servers() {
        let Some(socket) = database.socket() else { continue };
        let user = User::new(&database, PASSWORD, Way::Socket);
        let cancel: Arc<OnceLock<Cancel>> = Arc::default();
        let github = GitHub::behind(github::issues(ISSUES), Paging::Cursor, {
            let (cancel, is_cancelled) = (Arc::clone(&cancel), AtomicBool::new(false));
            move |asked: &Asked, _: usize, _: &mut Vec<Issue>| {
                if asked.query("after").is_none() || is_cancelled.swap(true, Ordering::SeqCst) {
                    return None;
                }
                cancel.get().unwrap().now();
                Some(Server::answer(200, &[], Body::from_stream(stream::once(late()))))
            }
        });
        let runner = checkout(&github.server);
        cancel.set(runner.cancel()).ok().unwrap();
        let proxy = Proxy::of(&database, &socket);
        let given = proxy.given(variables(&database, &user));
        let job = pump(&runner, &given);
        assert_eq!(job.step(READ).code, Some(130), "{}", job.said());
        assert_eq!(summary_of(&runner)["outcome"], "interrupted");
        expect_proxy_ended(&job);
    }
}
