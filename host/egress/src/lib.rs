// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The one gate through which a plugin's HTTP requests leave.
//!
//! A plugin is hostile until proven otherwise, and HTTP is its only way out. Every request
//! goes through [`Gate::send`], in one order:
//!
//! 1. what the request may look like at all ([`mod@request`]: no credentials of the plugin's
//!    own, no user name in the URL);
//! 2. the operator's allowlist ([`AllowList`]; empty denies);
//! 3. the addresses behind the host ([`AddressPolicy`]: nothing loopback, private,
//!    link-local or belonging to a cloud's metadata service unless it was granted), checked
//!    by the resolver that the connection itself uses;
//! 4. a tape that answers instead, such as a recording ([`mod@tape`], [`Cassette`]), or: rate
//!    limit, credential, sending, and the recording of what came back;
//! 5. whoever has answered: redaction, the budgets of bytes, retry.
//!
//! A tape never bypasses the allowlist, a redirect is returned as it is (following it
//! is a new request through the same gate), and a plugin never holds a secret: the
//! credential is added behind the policy, for one origin only.
//!
//! Policy is apart from mechanism. [`allow`], [`address`], [`retry`] and [`request`] decide
//! and do nothing else; [`gate`] and [`client`] do what was decided.

pub mod account;
pub mod address;
pub mod allow;
pub mod cassette;
pub mod client;
pub mod credential;
pub mod download;
pub mod error;
pub mod gate;
mod intake;
pub mod limit;
pub mod redact;
pub mod request;
pub mod retry;
pub mod session;
pub mod tape;
#[cfg(test)]
mod testing;

pub use account::{Account, Held, OverMemory};
pub use address::{AddressPolicy, AddressPolicyError};
pub use allow::{AllowList, AllowListError};
pub use cassette::{Cassette, MaskError, MaskUse, Masks, Recorder, Window, Written};
pub use credential::{Credential, CredentialError, CredentialKind, Secret};
pub use error::GateError;
pub use gate::{Gate, GateOptions};
pub use redact::Redactor;
pub use session::{RequestBudget, Session};
pub use tape::{Play, Sent, Tape, Taped};

/// JSON without the byte order mark that some programs write before it.
pub(crate) fn without_byte_order_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json)
}
