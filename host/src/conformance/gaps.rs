// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A rehearsal that goes on over the network where its recordings end, so that what they lack
//! can be recorded beside them, and nothing is asked of the service twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use test_dashboard_egress::cassette::Key;
use test_dashboard_egress::request::Permitted;
use test_dashboard_egress::retry::wants_json;
use test_dashboard_egress::{Play, Recorder, Sent, Tape, Taped};

use super::rehearsal::{Scene, is_tried_again};

/// What recordings lack. Clones share it.
#[derive(Debug, Clone)]
pub struct Gaps {
    recorder: Recorder,
    learned: Arc<Mutex<HashMap<Key, Taped>>>,
}

impl Gaps {
    /// Nothing yet; what comes is recorded by `recorder`.
    pub fn new(recorder: Recorder) -> Gaps {
        Gaps { recorder, learned: Arc::default() }
    }

    /// The same knowledge; what comes now is recorded by another recorder.
    pub fn recorded_by(&self, recorder: Recorder) -> Gaps {
        Gaps { recorder, learned: Arc::clone(&self.learned) }
    }

    /// The tape of a session that plays `scene` as far as it goes.
    pub fn beyond(&self, scene: Scene) -> Extension {
        Extension { scene, gaps: self.clone() }
    }

    fn learned(&self) -> MutexGuard<'_, HashMap<Key, Taped>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A scene, and the network behind it.
#[derive(Debug, Clone)]
pub struct Extension {
    scene: Scene,
    gaps: Gaps,
}

impl Tape for Extension {
    /// What the scene has, or else what the network has given before.
    fn play(&self, request: &Permitted) -> Play {
        if let Play::Taped(taped) = self.scene.play(request) {
            return Play::Taped(taped);
        }
        let learned = self.gaps.learned().get(&Key::of(request)).cloned();
        let known = learned.filter(|taped| !is_passing(request, taped));
        known.map_or(Play::Network, Play::Taped)
    }

    fn keep(&self, sent: &Sent<'_>) {
        let mut learned = self.gaps.learned();
        let key = Key::of(sent.request);
        // Two sessions may have asked for it at the same time; one answer is enough.
        if learned.get(&key).is_some_and(|taped| !is_passing(sent.request, taped)) {
            return;
        }
        self.gaps.recorder.keep(sent);
        learned.insert(key, Taped { outcome: sent.outcome.clone(), at: sent.ended });
    }
}

/// Whether the host does not leave it at this answer.
fn is_passing(request: &Permitted, taped: &Taped) -> bool {
    is_tried_again(request.method(), wants_json(request.headers()), taped)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use axum::http::StatusCode;
    use bytes::Bytes;
    use jiff::Timestamp;
    use test_dashboard_egress::{
        AddressPolicy, AllowList, Cassette, Gate, GateOptions, Masks, Session, Window,
    };
    use tokio::net::TcpListener;

    use super::super::Rehearsal;
    use super::*;
    use crate::config::Limits;

    /// A service on loopback that counts what it is asked, and its address.
    async fn service(asked: Arc<AtomicUsize>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let answer = move || async move {
            match asked.fetch_add(1, Ordering::Relaxed) {
                // Tried again by the host, and then known.
                1 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")], String::new()),
                n => (StatusCode::OK, [("x-asked", "before")], n.to_string()),
            }
        };
        let service = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, service).await });
        origin
    }

    fn gate(origin: &str) -> Gate {
        let options = GateOptions {
            datasource: "github".into(),
            allow: AllowList::new(&[origin]).unwrap(),
            addresses: AddressPolicy::new(&["127.0.0.1"]).unwrap(),
            credential: None,
            requests_per_minute: None,
            max_concurrent: 8,
            max_attempts: 3,
            max_wait: Duration::from_secs(60),
            request_timeout: Duration::from_secs(60),
            max_response_bytes: 1_000,
            user_agent: "test-dashboard/0".into(),
            extra_root_certificates: Vec::new(),
        };
        Gate::new(options).unwrap()
    }

    fn session(tape: impl Tape + 'static) -> Session {
        Session::new("fenix/issues".into(), Some(Arc::new(tape)), Limits::default().requests())
    }

    async fn ask(gate: &Gate, url: &str, session: &Session) -> Bytes {
        let request = http::Request::get(url).body(Bytes::new()).unwrap();
        gate.send(request, session).await.unwrap().into_body()
    }

    fn recorder() -> Recorder {
        Recorder::new("run".into(), Timestamp::UNIX_EPOCH, Window::default(), Masks::default())
    }

    fn written(recorder: &Recorder) -> Cassette {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.har");
        recorder.write(&path).unwrap();
        Cassette::load(&path).unwrap()
    }

    #[tokio::test]
    async fn only_what_is_in_no_recording_is_asked_of_the_network_and_that_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let origin = service(Arc::clone(&asked)).await;
        let gate = gate(&origin);
        let main = recorder();
        ask(&gate, &format!("{origin}/known"), &session(main.clone())).await;
        let service = Rehearsal::new(&written(&main), &[]);

        let resumed = recorder();
        let gaps = Gaps::new(resumed.clone());
        let full = recorder();
        for gaps in [gaps.clone(), gaps.clone(), gaps.recorded_by(full.clone())] {
            let session = session(gaps.beyond(service.scene(None)));
            for (path, body) in [("/known", "0"), ("/new", "2"), ("/known", "0")] {
                assert_eq!(ask(&gate, &format!("{origin}{path}"), &session).await, body, "{path}");
            }
        }
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert_eq!((resumed.requests(), full.requests()), (2, 0));
    }
}
