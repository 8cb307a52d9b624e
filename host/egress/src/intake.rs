// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Counts the bytes of a response against every budget that applies to it.

use bytes::Bytes;
use http::{HeaderMap, Response};

use crate::account::{Held, OverMemory};
use crate::session::UsedUp;
use crate::{Redactor, Session};

/// One answer on its way in.
pub(crate) struct Intake<'a> {
    session: &'a Session,
    /// Bytes that its body may have.
    limit: u64,
    received: u64,
    held: Held,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(session: &'a Session, limit: u64) -> Self {
        Intake { session, limit, received: 0, held: session.account().nothing() }
    }

    /// Counts the headers, which are held as long as the body is.
    pub(crate) async fn headers(&mut self, headers: &HeaderMap) -> Result<(), UsedUp> {
        self.held.grow(size_of(headers)).await.map_err(used_up)
    }

    /// Counts a piece of the body, after decompression, before it is kept.
    pub(crate) async fn piece(&mut self, bytes: usize) -> Result<(), UsedUp> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(bytes);
        self.session.receive(bytes)?;
        if self.received > self.limit {
            let limit = self.limit;
            return Err(UsedUp {
                budget: "bytes of one body",
                limit,
                setting: "limits.max-body-bytes",
            });
        }
        self.held.grow(bytes).await.map_err(used_up)
    }

    /// The answer with its secrets replaced, which may make it longer: what it has then is counted
    /// before it is made, and what it had is given back.
    pub(crate) async fn redacted(
        &mut self,
        response: Response<Bytes>,
        redactor: &Redactor,
    ) -> Result<Response<Bytes>, UsedUp> {
        let size = redactor.redacted_size(response.body());
        let before = response.body().len() as u64;
        if let Some(size) = size {
            self.held.grow(size as u64).await.map_err(used_up)?;
        }
        let response = redactor.redact_response(response, size);
        if size.is_some() {
            self.held.shrink(before);
        }
        Ok(response)
    }

    /// The answer, whose memory is given back with the last part of its body.
    pub(crate) fn owned(self, response: Response<Bytes>) -> Response<Bytes> {
        let held = self.held;
        response.map(|body| Bytes::from_owner(Body { body, _held: held }))
    }
}

/// The bytes of all names and values.
pub(crate) fn size_of(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len()) as u64).sum()
}

fn used_up(over: OverMemory) -> UsedUp {
    UsedUp { budget: "bytes of memory", limit: over.limit, setting: "limits.memory" }
}

struct Body {
    body: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}
