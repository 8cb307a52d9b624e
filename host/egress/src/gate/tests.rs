// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use std::time::Duration;

use http::Method;
use tokio::net::TcpListener;

use super::*;
use crate::testing::{Reply, Server, get, gzip, options, request, session, session_with};
use crate::{Cassette, CredentialKind, Masks, Recorder, RequestBudget, Secret, Window};

const SECRET: &str = "ghp_hushhushhush";

fn gate(server: &Server) -> Gate {
    Gate::new(options(&[&server.origin])).unwrap()
}

fn bearer(server: &Server) -> Option<Credential> {
    let secret = Secret::new(SECRET.to_owned());
    Some(Credential::new(CredentialKind::Bearer, secret, &server.origin).unwrap())
}

fn ok(body: &str) -> Reply {
    Reply::new(200, &[], body.as_bytes())
}

#[tokio::test]
async fn a_request_passes_with_the_hosts_headers_and_the_answer_comes_back_whole() {
    let reply = Reply::new(
        200,
        &[
            ("x-a", "1"),
            ("set-cookie", "id=1"),
            ("keep-alive", "timeout=5"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
        ],
        b"hello",
    );
    let server = Server::with(vec![reply]).await;
    let session = session();
    let mut asked = request(Method::GET, &server.url("/p?b=2&a=1"), "body");
    asked.headers_mut().insert("content-length", "999".parse().unwrap());
    asked.headers_mut().insert("accept-encoding", "br".parse().unwrap());

    let response = gate(&server).send(asked, &session).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.body().as_ref(), b"hello");
    assert_eq!(response.headers()["x-a"], "1");
    for dropped in ["set-cookie", "keep-alive", "connection", "x-hop"] {
        assert!(!response.headers().contains_key(dropped), "{dropped}");
    }

    let sent = server.requests().remove(0);
    assert!(sent.starts_with("GET /p?b=2&a=1 HTTP/1.1\r\n"), "{sent}");
    assert!(sent.ends_with("\r\n\r\nbody"), "{sent}");
    for header in
        ["content-length: 4\r\n", "accept-encoding: gzip\r\n", "user-agent: test-dashboard/0\r\n"]
    {
        assert!(sent.contains(header), "{sent}");
    }
    assert_eq!((session.requests(), session.response_bytes()), (1, 5));
}

#[tokio::test]
async fn what_would_change_something_is_not_sent_and_ends_the_session() {
    let server = Server::with(vec![ok("")]).await;
    let gate = Gate::new(GateOptions { credential: bearer(&server), ..options(&[&server.origin]) })
        .unwrap();
    let session = session();
    let asked = request(Method::DELETE, &server.url("/repos/mozilla-mobile/fenix"), "");
    let refused = gate.send(asked, &session).await.unwrap_err();
    assert!(matches!(refused, GateError::NotReading { .. }), "{refused}");
    assert_eq!(gate.send(get(&server.url("/")), &session).await.unwrap_err(), refused);
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn the_plugins_user_agent_is_kept() {
    let server = Server::with(vec![ok("")]).await;
    let mut asked = get(&server.url("/"));
    asked.headers_mut().insert("user-agent", "github-plugin/1".parse().unwrap());
    gate(&server).send(asked, &session()).await.unwrap();
    let sent = server.requests().remove(0);
    assert!(
        sent.contains("user-agent: github-plugin/1\r\n") && !sent.contains("test-dashboard"),
        "{sent}"
    );
}

#[tokio::test]
async fn a_credential_does_not_follow_a_redirect_to_another_origin() {
    let other = Server::with(vec![ok("other")]).await;
    let to = other.url("/there");
    let server = Server::with(vec![Reply::new(302, &[("location", &to)], b"")]).await;
    let gate = Gate::new(GateOptions {
        credential: bearer(&server),
        ..options(&[&server.origin, &other.origin])
    })
    .unwrap();
    let session = session();

    let redirect = gate.send(get(&server.url("/here")), &session).await.unwrap();
    assert_eq!(
        (redirect.status().as_u16(), &redirect.headers()["location"]),
        (302, &to.parse().unwrap())
    );
    assert!(server.requests()[0].contains(&format!("authorization: Bearer {SECRET}\r\n")));
    assert!(other.requests().is_empty());

    gate.send(get(&to), &session).await.unwrap();
    assert!(!other.requests()[0].to_lowercase().contains("authorization"));
}

#[tokio::test]
async fn html_and_half_a_document_are_tried_again_where_json_was_asked_for() {
    let json = [("content-type", "application/json")];
    let html = Reply::new(200, &[("content-type", "text/html")], b"<h1>Back soon</h1>");
    let half = Reply::new(200, &json, b"[{\"id\": 1}, {\"i");
    let whole = Reply::new(200, &json, b"[{\"id\": 1}, {\"id\": 2}]");
    let server = Server::with(vec![html.clone(), half, whole]).await;
    let mut asked = get(&server.url("/list"));
    asked.headers_mut().insert("accept", "application/json".parse().unwrap());
    let live = session();
    let response = gate(&server).send(asked.clone(), &live).await.unwrap();
    assert_eq!(response.body().as_ref(), b"[{\"id\": 1}, {\"id\": 2}]");
    assert_eq!((server.requests().len(), live.requests()), (3, 3));

    // It stays: the plugin gets it as it is, and says so.
    let server = Server::new(move |_, _| html.clone()).await;
    let two = GateOptions { max_attempts: 2, ..options(&[&server.origin]) };
    let gate = Gate::new(two).unwrap();
    *asked.uri_mut() = server.url("/list").parse().unwrap();
    let recorder =
        Recorder::new("run".into(), Timestamp::UNIX_EPOCH, Window::default(), Masks::default());
    let recording = session_with(recorder.clone());
    let response = gate.send(asked.clone(), &recording).await.unwrap();
    assert_eq!(response.body().as_ref(), b"<h1>Back soon</h1>");
    assert_eq!(server.requests().len(), 2);

    // A replay that would try more often than the run that was recorded ends as that did.
    let folder = tempfile::tempdir().unwrap();
    recorder.write(&folder.path().join("run.har")).unwrap();
    let cassette = Cassette::load(&folder.path().join("run.har")).unwrap();
    let patient = Gate::new(options(&[&server.origin])).unwrap();
    let response = patient.send(asked, &session_with(cassette.clone())).await.unwrap();
    assert_eq!(response.body().as_ref(), b"<h1>Back soon</h1>");
    assert_eq!(cassette.unused(), Vec::<String>::new());

    // Whoever does not ask for JSON may be after the page.
    gate.send(get(&server.url("/page")), &session()).await.unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_before_anything_is_sent() {
    let server = Server::with(vec![ok("")]).await;
    let origin = server.origin.replace("127.0.0.1", "localhost");
    let gate =
        Gate::new(GateOptions { addresses: AddressPolicy::default(), ..options(&[&origin]) })
            .unwrap();
    let session = session();

    let error = gate.send(get(&origin), &session).await.unwrap_err();
    assert!(matches!(error, GateError::AddressRefused { .. }), "{error}");
    let message = error.to_string();
    for part in ["localhost", "(loopback)", "datasources.github.allow-addresses"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(session.violation(), Some(error));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_name_that_the_operator_granted_may_lead_to_this_machine() {
    let server = Server::with(vec![ok("granted")]).await;
    let origin = server.origin.replace("127.0.0.1", "localhost");
    let addresses = AddressPolicy::new(&["localhost"]).unwrap();
    let gate = Gate::new(GateOptions { addresses, ..options(&[&origin]) }).unwrap();
    let response = gate.send(get(&origin), &session()).await.unwrap();
    assert_eq!(response.body().as_ref(), b"granted");
}

#[tokio::test]
async fn after_a_violation_nothing_leaves_any_more() {
    let server = Server::with(vec![ok("")]).await;
    let gate = gate(&server);
    let session = session();
    let mut forged = get(&server.url("/"));
    forged.headers_mut().insert("authorization", "Bearer mine".parse().unwrap());

    let first = gate.send(forged, &session).await.unwrap_err();
    assert!(
        matches!(&first, GateError::ForbiddenHeader { header, .. } if header == "authorization")
    );
    assert_eq!(gate.send(get(&server.url("/")), &session).await.unwrap_err(), first);
    assert_eq!(gate.send(get("https://evil.org/"), &session).await.unwrap_err(), first);
    assert_eq!(session.violation(), Some(first));
    assert_eq!(session.requests(), 0);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_fetched_again_with_get() {
    let cut = Reply::claiming(10, 200, &[], b"half");
    let server = Server::with(vec![cut, ok("whole body")]).await;
    let session = session();
    let response = gate(&server).send(get(&server.url("/")), &session).await.unwrap();
    assert_eq!(response.body().as_ref(), b"whole body");
    // Both were sent, and what arrived of the first is counted.
    assert_eq!((session.requests(), session.response_bytes()), (2, 14));
}

#[tokio::test]
async fn compressed_data_that_is_cut_off_is_not_taken_for_an_answer() {
    let packed = gzip(b"a list of a thousand issues");
    let half = Reply::new(200, &[("content-encoding", "gzip")], &packed[..packed.len() / 2]);
    let server = Server::with(vec![half]).await;
    let gate = Gate::new(GateOptions { max_attempts: 1, ..options(&[&server.origin]) }).unwrap();
    let error = gate.send(get(&server.url("/")), &session()).await.unwrap_err();
    assert!(matches!(error, GateError::Connection { .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_unpacks_to_more_than_allowed_is_stopped_on_the_way() {
    let bomb = gzip(&vec![0; 20_000_000]);
    let server = Server::with(vec![Reply::new(200, &[("content-encoding", "gzip")], &bomb)]).await;
    let gate = Gate::new(GateOptions { max_response_bytes: 100_000, ..options(&[&server.origin]) })
        .unwrap();
    let session = session();
    let error = gate.send(get(&server.url("/")), &session).await.unwrap_err();
    let message = error.to_string();
    for part in ["fenix/issues", "100000", "`limits.max-body-bytes`"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(session.response_bytes() < 1_000_000, "{}", session.response_bytes());
    assert_eq!(session.violation(), Some(error));
}

#[tokio::test]
async fn response_bytes_are_one_budget_over_all_requests() {
    let server = Server::with(vec![Reply::new(200, &[], &[b'x'; 60])]).await;
    let gate = gate(&server);
    let budget = RequestBudget { max_requests: 9, max_response_bytes: 100, memory: 1_000 };
    let session = Session::new("fenix/issues".into(), None, budget);
    gate.send(get(&server.url("/1")), &session).await.unwrap();
    let error = gate.send(get(&server.url("/2")), &session).await.unwrap_err();
    assert!(error.to_string().contains("`limits.max-response-bytes`"), "{error}");
    assert!(error.is_violation());
}

#[tokio::test]
async fn memory_is_held_for_an_answer_until_it_is_dropped() {
    let server = Server::with(vec![Reply::new(200, &[], &[b'x'; 600])]).await;
    let gate = gate(&server);
    let budget = RequestBudget { max_requests: 9, max_response_bytes: 10_000, memory: 1_500 };
    let session = Session::new("fenix/issues".into(), None, budget);
    for n in 0..3 {
        let read = gate.send(get(&server.url(&format!("/{n}"))), &session).await.unwrap();
        assert!(session.account().left() < 900, "{:?}", session.account());
        drop(read);
        assert_eq!(session.account().left(), 1_500);
    }
    let first = gate.send(get(&server.url("/first")), &session).await.unwrap();
    // A part of it is enough.
    let part = first.body().slice(..1);
    drop(first);
    let _second = gate.send(get(&server.url("/second")), &session).await.unwrap();
    let error = gate.send(get(&server.url("/third")), &session).await.unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("1500 bytes of memory") && message.contains("`limits.memory`"),
        "{message}"
    );
    assert!(error.is_violation());
    drop(part);
}

#[tokio::test]
async fn what_an_answer_grows_by_without_its_secrets_is_held_as_well() {
    let body = SECRET.repeat(50);
    let server = Server::with(vec![Reply::new(200, &[], body.as_bytes())]).await;
    let redacted = "[redacted]".repeat(50);
    let (sent, kept) = (body.len() as u64, redacted.len() as u64);
    let with_memory = |memory| {
        let budget = RequestBudget { max_requests: 9, max_response_bytes: 10_000, memory };
        let options = GateOptions { credential: bearer(&server), ..options(&[&server.origin]) };
        let session = Session::new("fenix/issues".into(), None, budget);
        (Gate::new(options).unwrap(), session)
    };
    // While it is written anew there are both; then what it has become, and its headers.
    let (gate, session) = with_memory(sent + kept + 200);
    let answer = gate.send(get(&server.url("/")), &session).await.unwrap();
    assert_eq!(answer.body().as_ref(), redacted.as_bytes());
    assert!(session.account().left() <= sent + 200, "{:?}", session.account());
    assert!(session.account().left() > sent, "{:?}", session.account());
    drop(answer);
    assert_eq!(session.account().left(), session.account().limit());

    let (gate, session) = with_memory(sent + kept - 1);
    let error = gate.send(get(&server.url("/")), &session).await.unwrap_err();
    assert!(error.to_string().contains("`limits.memory`"), "{error}");
}

#[tokio::test]
async fn headers_without_measure_are_no_answer() {
    let long = "x".repeat(70 << 10);
    let server = Server::with(vec![Reply::new(200, &[("x-long", long.as_str())], b"{}")]).await;
    let error = gate(&server).send(get(&server.url("/")), &session()).await.unwrap_err();
    assert!(error.to_string().contains("at most 65536"), "{error}");
}

#[tokio::test]
async fn a_request_that_waits_behind_one_of_its_own_session_waits_for_nobody_else() {
    let server = Server::new(|_, _| Reply::claiming(9, 200, &[], b"{").then_hangs()).await;
    let request_timeout = Duration::from_secs(1);
    let options = GateOptions {
        max_concurrent: 1,
        max_attempts: 1,
        request_timeout,
        ..options(&[&server.origin])
    };
    let (gate, session) = (Gate::new(options).unwrap(), session());
    let (first, second) = (get(&server.url("/1")), get(&server.url("/2")));
    let (first, second) = tokio::join!(gate.send(first, &session), gate.send(second, &session));
    assert!(first.is_err() && second.is_err());
    assert!(session.waited_for_turn() < request_timeout / 2, "{:?}", session.waited_for_turn());
}

#[tokio::test]
async fn requests_are_a_budget_that_the_hosts_retries_do_not_use_up() {
    let server = Server::new(|n, _| if n == 0 { Reply::new(500, &[], b"") } else { ok("") }).await;
    let gate = gate(&server);
    let budget = RequestBudget { max_requests: 2, max_response_bytes: 100, memory: 1_000 };
    let session = Session::new("fenix/issues".into(), None, budget);
    gate.send(get(&server.url("/1")), &session).await.unwrap();
    gate.send(get(&server.url("/2")), &session).await.unwrap();
    assert_eq!(session.requests(), 3);
    let error = gate.send(get(&server.url("/3")), &session).await.unwrap_err();
    assert!(
        error.to_string().contains("2 requests")
            && error.to_string().contains("`limits.max-requests`"),
        "{error}"
    );
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let server = Server::with(vec![Reply::claiming(10, 200, &[], b"half").then_hangs()]).await;
    let gate = Gate::new(GateOptions {
        request_timeout: Duration::from_millis(300),
        max_attempts: 1,
        ..options(&[&server.origin])
    })
    .unwrap();
    let error = gate.send(get(&server.url("/")), &session()).await.unwrap_err();
    assert!(matches!(error, GateError::Timeout { attempts: 1, .. }), "{error}");
    assert!(error.to_string().contains("`request-timeout`"), "{error}");
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let server = Server::with(vec![Reply::claiming(10, 200, &[], b"half").then_hangs()]).await;
    let gate = gate(&server);
    let session = session();
    tokio::select! {
        result = gate.send(get(&server.url("/")), &session) => panic!("{result:?}"),
        () = server.asked() => {}
    }
    server.left().await;
}

#[tokio::test]
async fn a_secret_that_comes_back_reaches_neither_the_plugin_nor_a_recording() {
    let server = Server::new(|_, request| {
        let header = request.lines().find(|line| line.starts_with("authorization")).unwrap();
        Reply::new(401, &[("x-echo", header)], format!("{{\"you sent\": {header:?}}}").as_bytes())
    })
    .await;
    let gate = Gate::new(GateOptions { credential: bearer(&server), ..options(&[&server.origin]) })
        .unwrap();
    let recorder =
        Recorder::new("run".into(), Timestamp::UNIX_EPOCH, Window::default(), Masks::default());
    let response = gate.send(get(&server.url("/")), &session_with(recorder.clone())).await.unwrap();
    assert_eq!(response.body().as_ref(), br#"{"you sent": "authorization: Bearer [redacted]"}"#);
    assert_eq!(response.headers()["x-echo"], "authorization: Bearer [redacted]");

    let folder = tempfile::tempdir().unwrap();
    recorder.write(&folder.path().join("run.har")).unwrap();
    let recorded = std::fs::read_to_string(folder.path().join("run.har")).unwrap();
    assert!(recorded.contains("[redacted]") && !recorded.contains(SECRET), "{recorded}");
    let har: serde_json::Value = serde_json::from_str(&recorded).unwrap();
    assert_eq!(har["log"]["entries"][0]["request"]["headers"], serde_json::json!([]));
    assert!(!format!("{gate:?}").contains(SECRET));
}

#[tokio::test]
async fn a_header_whose_name_holds_a_secret_is_left_out() {
    let name = format!("x-{}", SECRET.to_ascii_lowercase());
    let server = Server::with(vec![Reply::new(200, &[(name.as_str(), "1"), ("x-y", "2")], b"")]);
    let server = server.await;
    let options = GateOptions { credential: bearer(&server), ..options(&[&server.origin]) };
    let gate = Gate::new(options).unwrap();
    let response = gate.send(get(&server.url("/")), &session()).await.unwrap();
    assert!(!response.headers().contains_key(name.as_str()), "{:?}", response.headers());
    assert_eq!(response.headers()["x-y"], "2");
}

#[tokio::test]
async fn the_address_that_logs_in_may_be_data_but_is_in_no_refusal() {
    let server =
        Server::with(vec![ok("for a@b.example"), Reply::new(403, &[], b"no, a@b.example")]);
    let server = server.await;
    let kind = CredentialKind::Basic { user: "a@b.example".into() };
    let credential = Credential::new(kind, Secret::new(SECRET.into()), &server.origin).unwrap();
    let options = GateOptions { credential: Some(credential), ..options(&[&server.origin]) };
    let (gate, session) = (Gate::new(options).unwrap(), session());
    let answer = gate.send(get(&server.url("/")), &session).await.unwrap();
    assert_eq!(answer.body().as_ref(), b"for a@b.example");
    let refusal = gate.send(get(&server.url("/")), &session).await.unwrap();
    assert_eq!(refusal.body().as_ref(), b"no, [redacted]");
}

#[tokio::test]
async fn a_long_rate_limit_is_given_up_at_once_and_spares_the_service_the_others() {
    let server = Server::with(vec![Reply::new(429, &[("retry-after", "3600")], b"")]).await;
    let gate = gate(&server);
    let one = session();
    let error = gate.send(get(&server.url("/")), &one).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    for part in ["answered 429", "3600 s", "`max-wait`"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(one.violation().is_none());
    assert!(gate.waiting_until().unwrap() > Timestamp::now() + Duration::from_secs(3500));

    let other = session();
    let error = gate.send(get(&server.url("/other")), &other).await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(3500));
    assert_eq!((other.requests(), server.requests().len()), (0, 1));
}

#[tokio::test]
async fn a_short_rate_limit_is_waited_for_and_a_replay_of_it_is_not() {
    let limited = Reply::new(429, &[("retry-after", "1")], b"wait");
    let server = Server::with(vec![limited, ok("now")]).await;
    let recorder =
        Recorder::new("run".into(), Timestamp::UNIX_EPOCH, Window::default(), Masks::default());
    let live = session_with(recorder.clone());
    let response = gate(&server).send(get(&server.url("/")), &live).await.unwrap();
    assert_eq!((response.body().as_ref(), live.requests()), (&b"now"[..], 2));

    let folder = tempfile::tempdir().unwrap();
    recorder.write(&folder.path().join("run.har")).unwrap();
    let cassette = Cassette::load(&folder.path().join("run.har")).unwrap();
    let gate = gate(&server);
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let replay = session_with(cassette.clone());
    let response = gate.send(get(&server.url("/")), &replay).await.unwrap();
    assert_eq!((response.body().as_ref(), replay.requests()), (&b"now"[..], 2));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(gate.waiting_until(), None);
    assert_eq!(cassette.unused(), Vec::<String>::new());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_server_error_that_does_not_pass_is_the_plugins_to_read() {
    let server = Server::with(vec![Reply::new(502, &[], b"<html>")]).await;
    let gate = Gate::new(GateOptions { max_attempts: 2, ..options(&[&server.origin]) }).unwrap();
    let session = session();
    let response = gate.send(get(&server.url("/")), &session).await.unwrap();
    assert_eq!((response.status().as_u16(), session.requests()), (502, 2));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_the_number_of_attempts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let gate = Gate::new(GateOptions { max_attempts: 2, ..options(&[&origin]) }).unwrap();
    let session = session();
    let error = gate.send(get(&origin), &session).await.unwrap_err();
    assert!(matches!(error, GateError::Connection { attempts: 2, .. }), "{error}");
    assert!(error.to_string().contains(&origin) && !error.is_violation(), "{error}");
}

#[tokio::test]
async fn a_server_without_encryption_is_not_asked_over_https() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let talk = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    });
    let gate = Gate::new(options(&[&origin])).unwrap();
    let session = session();
    let error = gate.send(get(&origin), &session).await.unwrap_err();
    assert!(matches!(error, GateError::Tls { .. }), "{error}");
    assert_eq!(session.requests(), 1, "it is not tried again");
    drop(talk.await);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_by_name() {
    let refused = |options: GateOptions| Gate::new(options).unwrap_err().to_string();
    let base = || options(&["https://api.example.org"]);
    for (options, part) in [
        (GateOptions { max_concurrent: 0, ..base() }, "max-concurrent"),
        (GateOptions { max_attempts: 0, ..base() }, "max-attempts"),
        (GateOptions { user_agent: "a\nb".into(), ..base() }, "user-agent"),
        (
            GateOptions { extra_root_certificates: vec!["no/such.pem".into()], ..base() },
            "extra-root-certificates: no/such.pem",
        ),
    ] {
        let message = refused(options);
        assert!(message.contains(part) && message.contains("datasources.github"), "{message}");
    }
    let plain = Credential::new(
        CredentialKind::Bearer,
        Secret::new(SECRET.into()),
        "http://api.example.org",
    );
    let message = refused(GateOptions { credential: Some(plain.unwrap()), ..base() });
    assert!(message.contains("unencrypted") && !message.contains(SECRET), "{message}");
}

/// A service that answers without end, such as by `100 Continue`, keeps whoever reads it busy.
#[test]
fn connections_are_not_read_and_written_where_plugins_run() {
    use futures::FutureExt as _;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (asked, was_asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0]).unwrap();
        asked.send(stream).unwrap();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (gate, session) = (Gate::new(options(&[&origin])).unwrap(), session());
    let mut sending = Box::pin(gate.send(get(&format!("{origin}/")), &session));
    runtime.block_on(async { assert!(sending.as_mut().now_or_never().is_none()) });
    // From here on nobody works for the plugin's own runtime.
    let waited = was_asked.recv_timeout(Duration::from_secs(60));
    assert!(waited.is_ok(), "nothing was sent");
    drop(sending);
    drop(runtime);
}
