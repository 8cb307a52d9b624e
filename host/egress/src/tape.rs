// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The seam between the gate and whatever stands in for the network, or listens to it.
//!
//! A session without a tape asks the network. One with a tape asks the tape first, about each
//! attempt of each request, and tells it what the network answered where that was asked. The policy
//! has let the request through before, whoever answers it; and whoever answers, the answer is
//! redacted, counted against the budgets and judged alike. Only a tape's answers are not waited for:
//! neither the pace nor a pause between two attempts holds them up.

use std::fmt::Debug;

use bytes::Bytes;
use http::Response;
use jiff::Timestamp;

use crate::request::Permitted;
use crate::retry::TransportError;

/// Where the answers of a session come from, and what is kept of them.
pub trait Tape: Debug + Send + Sync {
    /// What answers an attempt of `request`.
    fn play(&self, request: &Permitted) -> Play;

    /// Keeps what the network answered, which [`play`](Tape::play) has left the attempt to.
    fn keep(&self, _sent: &Sent<'_>) {}
}

/// What answers an attempt.
#[derive(Debug)]
pub enum Play {
    /// The network.
    Network,
    /// The tape.
    Taped(Taped),
    /// Nothing: what comes nearest of all that the tape has answers to. The plugin has asked for
    /// what it should not need, and is stopped.
    Nothing(String),
}

/// What came of an attempt: an answer, or why there was none.
pub type Outcome = Result<Response<Bytes>, TransportError>;

/// An outcome, and the time at which it came.
#[derive(Debug, Clone)]
pub struct Taped {
    /// What came.
    pub outcome: Outcome,
    /// When.
    pub at: Timestamp,
}

/// An attempt over the network.
#[derive(Debug)]
pub struct Sent<'a> {
    /// The session's name.
    pub session: &'a str,
    /// What the plugin asked for, so without the credential.
    pub request: &'a Permitted,
    /// What the plugin gets, if it is not tried again: known secrets are removed.
    pub outcome: &'a Outcome,
    /// When it was sent.
    pub started: Timestamp,
    /// When the outcome was there.
    pub ended: Timestamp,
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::testing::{Reply, Server, get, options, session_with};
    use crate::{Gate, GateError};

    /// Answers with these, the last first, and leaves the rest to the network.
    #[derive(Debug, Clone, Default)]
    struct Begun {
        taped: Arc<Mutex<Vec<Response<Bytes>>>>,
        kept: Arc<Mutex<Vec<String>>>,
    }

    impl Begun {
        fn with<const N: usize>(answers: [(u16, &str); N]) -> Begun {
            let answer = |(status, wait)| {
                let answer = Response::builder().status(status).header("retry-after", wait);
                answer.body(Bytes::from_static(b"later")).unwrap()
            };
            let taped = Arc::new(Mutex::new(answers.map(answer).into()));
            Begun { taped, ..Begun::default() }
        }
    }

    impl Tape for Begun {
        fn play(&self, _: &Permitted) -> Play {
            let at = Timestamp::UNIX_EPOCH;
            let taped = self.taped.lock().unwrap().pop();
            taped.map_or(Play::Network, |answer| Play::Taped(Taped { outcome: Ok(answer), at }))
        }

        fn keep(&self, sent: &Sent<'_>) {
            let body = sent.outcome.as_ref().unwrap().body();
            let told = format!("{} {} {body:?}", sent.session, sent.request.url().path());
            self.kept.lock().unwrap().push(told);
        }
    }

    #[tokio::test]
    async fn a_tape_is_asked_about_each_attempt_and_keeps_what_the_network_answers() {
        let server = Server::with(vec![Reply::new(200, &[], b"now")]).await;
        let gate = Gate::new(options(&[&server.origin])).unwrap();
        let tape = Begun::with([(503, "1")]);
        let session = session_with(tape.clone());
        assert!(session.is_replay());
        let answer = gate.send(get(&server.url("/page")), &session).await.unwrap();
        assert_eq!(answer.body(), "now");
        assert!(!session.is_replay());
        assert_eq!((session.requests(), session.response_bytes()), (2, 8));
        assert_eq!(server.requests().len(), 1);
        assert_eq!(*tape.kept.lock().unwrap(), ["fenix/issues /page b\"now\""]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_that_a_tape_answers_is_waited_for() {
        let gate = Gate::new(options(&["https://api.github.com"])).unwrap();
        let answers = [(429, "3600"), (200, "0"), (500, "0"), (503, "30")];
        let session = session_with(Begun::with(answers));
        let ask = || gate.send(get("https://api.github.com/page"), &session);
        let begun = Instant::now();
        assert_eq!(ask().await.unwrap().status(), 200);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let error = ask().await.unwrap_err();
        assert!(matches!(error, GateError::RateLimited { .. }), "{error}");
        assert_eq!(gate.waiting_until(), None, "others are not held back");
    }
}
