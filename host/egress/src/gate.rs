// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The gate itself: takes a plugin's request through the policy and, if it may leave, through
//! pace, credential, sending, retry, budgets and recording.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use jiff::Timestamp;
use reqwest::Certificate;

use crate::cassette::describe;
use crate::client::{Client, SendError, certificates};
use crate::error::shown;
use crate::intake::Intake;
use crate::limit::Limiter;
use crate::request::{Permitted, RequestPolicy};
use crate::retry::{
    Attempt, Decision, Outcome, RetryLimits, TransportError, TransportErrorKind, decide, wants_json,
};
use crate::session::UsedUp;
use crate::{
    AddressPolicy, AllowList, Credential, GateError, Play, Redactor, Sent, Session, Taped, tape,
};

/// What the operator decided about one datasource's requests.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// The datasource's name, for messages.
    pub datasource: String,
    /// The origins that may be asked (`allow`). Empty denies all.
    pub allow: AllowList,
    /// The addresses that may be connected to (`allow-addresses`).
    pub addresses: AddressPolicy,
    /// What is added to requests to its origin.
    pub credential: Option<Credential>,
    /// Requests in any sixty seconds (`requests-per-minute`); none for no limit.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Requests under way at once (`max-concurrent`); at least 1.
    pub max_concurrent: usize,
    /// Attempts of one request, the first included (`max-attempts`); at least 1. Those that the
    /// service put off do not count: `max_wait` is their bound.
    pub max_attempts: u32,
    /// The ceiling of waiting for one request, all its retries together (`max-wait`). The
    /// time that `requests-per-minute` and `max-concurrent` take is not part of it.
    pub max_wait: Duration,
    /// From sending to the last byte of the answer, for one attempt (`request-timeout`).
    pub request_timeout: Duration,
    /// Bytes of one body, after decompression (`max-body-bytes`).
    pub max_response_bytes: u64,
    /// Sent as `user-agent` where the plugin sets none.
    pub user_agent: String,
    /// PEM files of certificate authorities to trust beside the system's
    /// (`extra-root-certificates`).
    pub extra_root_certificates: Vec<PathBuf>,
}

/// The gate of one datasource, shared by its partitions. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: RequestPolicy,
    credential: Option<Credential>,
    redactor: Redactor,
    /// For what is told to a person: takes the address that logs in out as well.
    refusal_redactor: Redactor,
    limiter: Limiter,
    retry_limits: RetryLimits,
    request_timeout: Duration,
    max_response_bytes: u64,
    user_agent: HeaderValue,
    certificates: Vec<Certificate>,
    /// Made at the first request that is really sent: a replay needs no certificates.
    client: OnceLock<Result<Client, String>>,
}

/// What came of one attempt, and when.
struct Attempted {
    outcome: tape::Outcome,
    at: Timestamp,
    /// Whether a tape has answered: then nothing is waited for.
    is_taped: bool,
}

impl Gate {
    /// The datasource, where nothing is put on its requests.
    pub fn without_credential(&self) -> Option<&str> {
        self.0.credential.is_none().then_some(self.0.policy.datasource.as_str())
    }

    /// A gate with these options.
    ///
    /// # Errors
    ///
    /// A number is zero that must not be, a certificate file cannot be read, the user agent
    /// cannot be sent, or the credential would travel unencrypted.
    pub fn new(options: GateOptions) -> Result<Gate, GateError> {
        let setting = |setting, reason: String| GateError::Setting {
            datasource: options.datasource.clone(),
            setting,
            reason,
        };
        if options.max_concurrent == 0 {
            return Err(setting("max-concurrent", "must be at least 1".to_owned()));
        }
        if options.max_attempts == 0 {
            return Err(setting("max-attempts", "must be at least 1".to_owned()));
        }
        let user_agent = HeaderValue::from_str(&options.user_agent).map_err(|_| {
            setting("user-agent", format!("{:?} cannot stand in a header", options.user_agent))
        })?;
        let certificates = certificates(&options.extra_root_certificates)
            .map_err(|reason| setting("extra-root-certificates", reason))?;
        let mut redactor = Redactor::default();
        if let Some(credential) = &options.credential {
            credential.check_transport(|host| options.addresses.grants_loopback(host)).map_err(
                |reason| GateError::Credential { datasource: options.datasource.clone(), reason },
            )?;
            redactor.add_credential(credential);
        }
        let mut refusal_redactor = redactor.clone();
        if let Some(address) = options.credential.as_ref().and_then(Credential::address) {
            refusal_redactor.add(address);
        }
        Ok(Gate(Arc::new(Inner {
            policy: RequestPolicy {
                datasource: options.datasource,
                allow: options.allow,
                addresses: options.addresses,
                credential_header: options.credential.as_ref().map(|c| c.header().clone()),
            },
            credential: options.credential,
            redactor,
            refusal_redactor,
            limiter: Limiter::new(options.requests_per_minute, options.max_concurrent),
            retry_limits: RetryLimits {
                max_attempts: options.max_attempts,
                max_wait: options.max_wait,
            },
            request_timeout: options.request_timeout,
            max_response_bytes: options.max_response_bytes,
            user_agent,
            certificates,
            client: OnceLock::new(),
        })))
    }

    /// Takes a plugin's request through the gate and gives its whole answer, retried where
    /// that makes sense. A redirect is an answer like any other. Dropping the future stops
    /// whatever is under way.
    ///
    /// # Errors
    ///
    /// The rule that the plugin broke, which also becomes the session's violation, and is
    /// the answer to everything it asks afterwards; or why there is no answer.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        session: &Session,
    ) -> Result<Response<Bytes>, GateError> {
        if let Some(violation) = session.violation() {
            return Err(violation);
        }
        let result = self.0.pass(request, session).await;
        if let Err(error) = &result
            && error.is_violation()
        {
            session.set_violation(error);
        }
        result
    }

    /// When the next request may go out, if one is held back: by a pause that the service asked
    /// for, or by the operator's own pace.
    pub fn waiting_until(&self) -> Option<Timestamp> {
        self.0.limiter.waiting_until()
    }
}

impl Inner {
    async fn pass(
        &self,
        request: Request<Bytes>,
        session: &Session,
    ) -> Result<Response<Bytes>, GateError> {
        let request = self.policy.permit(request)?;
        session.ask().map_err(|used_up| self.used_up(used_up, &request, session))?;
        let mut waited = Duration::ZERO;
        let (mut number, mut put_off) = (0, 0);
        let mut before: Option<Result<_, TransportError>> = None;
        loop {
            number += 1;
            let attempt = self.attempt(&request, session, &mut waited).await;
            let attempted = match (attempt, before.take()) {
                // A recording may end before the retries do: that was the last answer.
                (Err(GateError::NotRecorded { .. }), Some(before)) => {
                    return before.map_err(|failure| self.failed(&failure, number - 1, &request));
                }
                (attempted, _) => attempted?,
            };
            let decision = decide(
                self.retry_limits,
                attempt_of(&request, (number, put_off), waited, &attempted),
            );
            log_attempt(&self.policy.datasource, session, &request, number, &attempted, decision);
            put_off += u32::from(matches!(decision, Decision::Retry { asked: true, .. }));
            match decision {
                Decision::Done => {
                    return attempted
                        .outcome
                        .map_err(|failure| self.failed(&failure, number, &request));
                }
                Decision::RateLimited { retry_after } => {
                    if !attempted.is_taped {
                        self.limiter.pause(retry_after);
                    }
                    return Err(self.rate_limited(answer_of(&attempted), retry_after, &request));
                }
                Decision::Retry { after, .. } if attempted.is_taped => {
                    waited += after;
                    before = Some(attempted.outcome);
                }
                // Everybody waits, this request too: see `attempt`.
                Decision::Retry { after, asked: true } => self.limiter.pause(after),
                Decision::Retry { after, asked: false } => {
                    tokio::time::sleep(after).await;
                    waited += after;
                }
            }
        }
    }

    async fn attempt(
        &self,
        request: &Permitted,
        session: &Session,
        waited: &mut Duration,
    ) -> Result<Attempted, GateError> {
        match session.tape().map_or(Play::Network, |tape| tape.play(request)) {
            Play::Network => self.send(request, session, waited).await,
            Play::Taped(taped) => self.take(taped, request, session).await,
            Play::Nothing(hint) => Err(GateError::NotRecorded {
                datasource: self.policy.datasource.clone(),
                request: describe(request.method(), request.url()),
                hint,
            }),
        }
    }

    /// One attempt over the network: pace, credential, sending, budgets, recording.
    async fn send(
        &self,
        request: &Permitted,
        session: &Session,
        waited: &mut Duration,
    ) -> Result<Attempted, GateError> {
        let client = self.client(request)?;
        let max_wait = self.retry_limits.max_wait.saturating_sub(*waited);
        let admitted = self.limiter.admit(max_wait, || session.wait_for_turn()).await;
        let admission = admitted.map_err(|paused| {
            self.rate_limited("asked for a pause".to_owned(), paused.0, request)
        })?;
        *waited += admission.paused;
        let _under_way = session.set_out();
        session.count_sent();
        let started = Timestamp::now();
        let mut intake = Intake::new(session, self.max_response_bytes);
        let sending = async {
            let response = client.send(request, self.credential.as_ref(), &mut intake).await?;
            self.redact(response, &mut intake).await.map_err(SendError::UsedUp)
        };
        let answered = tokio::time::timeout(self.request_timeout, sending).await;
        let outcome = match answered {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(SendError::Failed(failure))) => Err(TransportError {
                reason: self.refusal_redactor.redact(&failure.reason).into_owned(),
                ..failure
            }),
            Ok(Err(SendError::UsedUp(used_up))) => {
                return Err(self.used_up(used_up, request, session));
            }
            Ok(Err(SendError::Address(refused))) => {
                return Err(GateError::address(&self.policy.datasource, &refused));
            }
            Err(_) => {
                let reason = format!("no whole answer within {:?}", self.request_timeout);
                Err(TransportError { kind: TransportErrorKind::Timeout, reason })
            }
        };
        let at = Timestamp::now();
        if let Some(tape) = session.tape() {
            let outcome = &outcome;
            tape.keep(&Sent { session: session.label(), request, outcome, started, ended: at });
        }
        // A recording's copy is the operator's, and not part of what the plugin holds.
        let outcome = outcome.map(|response| intake.owned(response));
        Ok(Attempted { outcome, at, is_taped: false })
    }

    /// One attempt that a tape has answered: the same budgets, and nothing is waited for.
    async fn take(
        &self,
        taped: Taped,
        request: &Permitted,
        session: &Session,
    ) -> Result<Attempted, GateError> {
        session.count_sent();
        let outcome = match taped.outcome {
            Ok(response) => {
                let mut intake = Intake::new(session, self.max_response_bytes);
                let taken = async {
                    intake.piece(response.body().len()).await?;
                    self.redact(response, &mut intake).await
                };
                let taken = taken.await.map_err(|used_up| self.used_up(used_up, request, session));
                let response = taken?;
                Ok(intake.owned(response))
            }
            Err(failure) => Err(failure),
        };
        Ok(Attempted { outcome, at: taped.at, is_taped: true })
    }

    /// An answer as it may be seen: the plugin makes a message of one that is a refusal.
    async fn redact(
        &self,
        response: Response<Bytes>,
        intake: &mut Intake<'_>,
    ) -> Result<Response<Bytes>, UsedUp> {
        let is_data = response.status().is_success();
        let redactor = if is_data { &self.redactor } else { &self.refusal_redactor };
        intake.redacted(response, redactor).await
    }

    fn client(&self, request: &Permitted) -> Result<&Client, GateError> {
        let make = || {
            Client::new(self.policy.addresses.clone(), self.user_agent.clone(), &self.certificates)
        };
        self.client.get_or_init(make).as_ref().map_err(|reason| GateError::Tls {
            datasource: self.policy.datasource.clone(),
            url: shown(request.url()),
            reason: reason.clone(),
        })
    }

    fn used_up(&self, used_up: UsedUp, request: &Permitted, session: &Session) -> GateError {
        GateError::Budget {
            datasource: self.policy.datasource.clone(),
            session: session.label().to_owned(),
            budget: used_up.budget,
            limit: used_up.limit,
            setting: used_up.setting,
            url: shown(request.url()),
        }
    }

    fn rate_limited(
        &self,
        answer: String,
        retry_after: Duration,
        request: &Permitted,
    ) -> GateError {
        GateError::RateLimited {
            datasource: self.policy.datasource.clone(),
            url: shown(request.url()),
            answer,
            retry_after,
            max_wait: self.retry_limits.max_wait,
        }
    }

    fn failed(&self, failure: &TransportError, attempts: u32, request: &Permitted) -> GateError {
        let datasource = self.policy.datasource.clone();
        let url = shown(request.url());
        let reason = failure.reason.clone();
        match failure.kind {
            TransportErrorKind::Timeout => {
                GateError::Timeout { datasource, url, timeout: self.request_timeout, attempts }
            }
            TransportErrorKind::Tls => GateError::Tls { datasource, url, reason },
            TransportErrorKind::Connect | TransportErrorKind::Broken => {
                GateError::Connection { datasource, url, reason, attempts }
            }
        }
    }
}

fn attempt_of<'a>(
    request: &'a Permitted,
    (number, put_off): (u32, u32),
    waited: Duration,
    attempted: &'a Attempted,
) -> Attempt<'a> {
    let outcome = match &attempted.outcome {
        Ok(response) => Outcome::Answer {
            status: response.status(),
            headers: response.headers(),
            body: response.body(),
        },
        Err(failure) => Outcome::Failed(failure.kind),
    };
    // A replay waits the least, in its reckoning, so that it never gives up where the run
    // that was recorded went on.
    let jitter = if attempted.is_taped { 0.0 } else { rand::random() };
    let wants_json = wants_json(request.headers());
    let (method, now) = (request.method(), attempted.at);
    Attempt { method, wants_json, number, put_off, waited, outcome, now, jitter }
}

fn answer_of(attempted: &Attempted) -> String {
    match &attempted.outcome {
        Ok(response) => format!("answered {}", response.status()),
        Err(failure) => failure.reason.clone(),
    }
}

fn log_attempt(
    datasource: &str,
    session: &Session,
    request: &Permitted,
    number: u32,
    attempted: &Attempted,
    decision: Decision,
) {
    let session = session.label();
    let request = describe(request.method(), request.url());
    let answer = answer_of(attempted);
    match decision {
        Decision::Retry { after, .. } => {
            tracing::info!(
                datasource,
                session,
                number,
                "{request} {answer}; trying again in {after:.1?}"
            );
        }
        Decision::Done | Decision::RateLimited { .. } => {
            tracing::debug!(datasource, session, number, "{request} {answer}");
        }
    }
}

#[cfg(test)]
mod tests;
