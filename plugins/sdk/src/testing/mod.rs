// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Running a plugin's code natively: a fake web, and a host that keeps its tables in memory.
//!
//! ```
//! use test_dashboard_sdk::testing::{self, FakeHttp, Reply};
//!
//! let http = FakeHttp::script([
//!     ("https://api.example.org/hello", Reply::json(200, r#""world""#)),
//! ]);
//! let context = testing::context(&http, serde_json::json!({"station": 7}));
//! let answer = context.http().get("/hello").send()?.json::<String>()?;
//! assert_eq!(answer, "world");
//! http.assert_all_used();
//! # Ok::<(), test_dashboard_sdk::Failure>(())
//! ```
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "test support stops a test at what it did not expect"
)]

mod fake_http;
mod memory_host;
mod odd;

use std::cell::RefCell;
use std::rc::Rc;

pub use fake_http::{FakeHttp, Reply};
pub use memory_host::MemoryHost;
pub use odd::{OddFields, odd_fields_cost_their_rows};

use crate::log::Level;
use crate::{Context, Request, Timestamp};

/// A context of the project `fenix` with the base URL `https://api.example.org`, in the
/// morning of 2026-03-01. Its fields can be changed.
pub fn context(http: &FakeHttp, settings: serde_json::Value) -> Context {
    let now: Timestamp = "2026-03-01T06:00:00Z".parse().expect("a constant");
    let transport = Rc::new(http.clone());
    Context::new("fenix", "https://api.example.org", settings.to_string(), now, transport)
}

/// A request for a report without a window. Its fields can be changed.
pub fn request(report: &str, context: Context) -> Request {
    Request { report: report.into(), context, since: None, until: None, full: false }
}

thread_local! {
    static LOG: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

/// The lines that this thread logged since it was last asked.
pub fn take_log() -> Vec<(Level, String)> {
    LOG.take()
}

pub(crate) fn write_log(level: Level, message: &str) {
    LOG.with_borrow_mut(|log| log.push((level, message.into())));
}
