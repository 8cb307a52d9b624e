// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A rehearsal that goes on over the network where its recordings end, so that what they lack
//! can be recorded beside them, and nothing is asked of the service twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cassette::Key;
use crate::rehearsal::is_tried_again;
use crate::request::Permitted;
use crate::retry::wants_json;
use crate::{Play, Recorder, Scene, Sent, Tape, Taped};

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
    use super::*;
    use crate::testing::{Reply, Server, get, options, session_with};
    use crate::{Cassette, Gate, Masks, Rehearsal, Window};

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
        let server = Server::new(|n, _| match n {
            // Tried again by the host, and then known.
            1 => Reply::new(503, &[("retry-after", "0")], b""),
            _ => Reply::new(200, &[], n.to_string().as_bytes()),
        })
        .await;
        let gate = Gate::new(options(&[&server.origin])).unwrap();
        let main = recorder();
        gate.send(get(&server.url("/known")), &session_with(main.clone())).await.unwrap();
        let service = Rehearsal::new(&written(&main), &[]);

        let resumed = recorder();
        let gaps = Gaps::new(resumed.clone());
        let full = recorder();
        for gaps in [gaps.clone(), gaps.clone(), gaps.recorded_by(full.clone())] {
            let session = session_with(gaps.beyond(service.scene(None)));
            for (path, body) in [("/known", "0"), ("/new", "2"), ("/known", "0")] {
                let answer = gate.send(get(&server.url(path)), &session).await.unwrap();
                assert_eq!(answer.body(), body, "{path}");
            }
        }
        assert_eq!(server.requests().len(), 3);
        assert_eq!((resumed.requests(), full.requests()), (2, 0));
    }
}
