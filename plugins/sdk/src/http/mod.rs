// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! HTTP: the only way out of a plugin, and through a gate of the host's.
//!
//! The host holds the allowlist, the credential, the rate limit and the retries. So a plugin
//! sets none of `authorization`, `cookie` and `host`, and does not try again by itself: a
//! failure that arrives here has already been tried as often as the operator lets it.
//!
//! Requests are GETs, because a pump reads. [`RequestBuilder::send`] waits;
//! [`RequestBuilder::start`] does not, so several can be in flight. Both take redirects on the
//! way, each of which is a new request through the same gate.

mod answer;
mod client;
mod json;
mod pages;
mod reference;
mod status;

use std::fmt;
use std::rc::Rc;

use crate::Failure;

pub use answer::Response;
pub use client::{Client, Pending, RequestBuilder};
pub(crate) use json::{excerpt, place};
pub use pages::{LinkPages, OffsetPages};
pub use reference::shown;

/// A GET request as it goes to a [`Transport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The absolute URL.
    pub url: String,
    /// Headers, with lower-case names.
    pub headers: Vec<(String, String)>,
}

/// An answer as a [`Transport`] gives it: whole, whatever its status is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawResponse {
    /// The status code.
    pub status: u16,
    /// Headers. Names compare without regard to case; values that are not UTF-8 are kept as
    /// far as they are.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What carries requests: the host in a plugin, a fake in a test.
pub trait Transport: fmt::Debug {
    /// Sends a request, and does not wait for its answer.
    ///
    /// # Errors
    ///
    /// When it cannot even be sent.
    fn start(&self, request: &Request) -> Result<Box<dyn InFlight>, Failure>;
}

/// A request whose answer is on its way.
pub trait InFlight {
    /// Waits for the whole answer.
    ///
    /// # Errors
    ///
    /// When no answer came, or only a part of one.
    fn wait(self: Box<Self>) -> Result<RawResponse, Failure>;
}

/// A transport that several clients share.
pub type SharedTransport = Rc<dyn Transport>;
