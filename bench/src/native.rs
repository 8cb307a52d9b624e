// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the plugin's code costs when it is compiled for this machine and reads from memory.
//!
//! The work is that of the plugin in the sandbox: building requests, following links, parsing
//! bodies, building rows and batches, freeing them. What the sandbox adds is in its figure
//! and not in this one: bounds checks, lowering rows into the contract's form, and the
//! system calls' stand-ins.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use test_dashboard_mock::Mock;
use test_dashboard_sdk::http::{InFlight, RawResponse, Request, Transport};
use test_dashboard_sdk::{Context, Datasource, Failure, Timestamp};

use crate::rows::{Rows, State};

const BASE_URL: &str = "http://mock.invalid";
/// What the host asks for at a time, by default.
const MAX_ROWS: usize = 1_000;
const PER_PAGE: usize = 100;

/// What is measured.
#[derive(Debug, Args)]
pub struct NativeArgs {
    /// How many rows.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// How often; the quickest counts, because whatever else runs can only add.
    #[arg(long, default_value_t = 5)]
    repeat: u32,
}

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct NativeCost {
    /// CPU time of the quickest reading, in seconds.
    pub cpu: f64,
    /// Rows that were read each time.
    pub rows: u64,
}

/// Measures, and prints a [`NativeCost`].
///
/// # Errors
///
/// When the plugin fails, or reads another number of rows than there are.
pub fn native(args: &NativeArgs) -> anyhow::Result<()> {
    let rows = Rows::render(args.rows, State::Original)?;
    let mut best = Duration::MAX;
    for _ in 0..args.repeat {
        let web = Rc::new(Memory::of(&rows));
        let before = cpu_of_this_thread();
        let read = read_all(web)?;
        best = best.min(cpu_of_this_thread().saturating_sub(before));
        if read != args.rows {
            bail!("the plugin read {read} rows natively, there are {}", args.rows);
        }
    }
    let cost = NativeCost { cpu: best.as_secs_f64(), rows: args.rows };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(())
}

fn read_all(web: Rc<Memory>) -> anyhow::Result<u64> {
    let settings = r#"{"state":"original"}"#;
    let context = Context::new("bench", BASE_URL, settings, Timestamp::UNIX_EPOCH, web);
    let request = test_dashboard_sdk::Request {
        report: "rows-by-link".into(),
        context,
        since: None,
        until: None,
        full: false,
    };
    let partition = Mock::plan(&request)?.pop().context("the plugin planned nothing")?;
    let mut reader = Mock::open(request, partition, None)?;
    let mut read = 0;
    while let Some(batch) = reader.next_batch(MAX_ROWS)? {
        read += batch.rows.len() as u64;
    }
    Ok(read)
}

fn cpu_of_this_thread() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// A web whose answers lie ready, each to be taken once and without copying.
#[derive(Debug)]
struct Memory(RefCell<HashMap<String, RawResponse>>);

impl Memory {
    fn of(rows: &Rows) -> Self {
        let url = |page: usize| match page {
            1 => format!("{BASE_URL}/original/rows?per_page={PER_PAGE}"),
            _ => format!("{BASE_URL}/original/rows?per_page={PER_PAGE}&page={page}"),
        };
        let pages = rows.len().div_ceil(PER_PAGE);
        let answers = (1..=pages).map(|page| {
            let slice = &rows.text[rows.range((page - 1) * PER_PAGE, PER_PAGE)];
            let mut headers = vec![("content-type".into(), "application/json".into())];
            if page < pages {
                headers.push(("link".into(), format!("<{}>; rel=\"next\"", url(page + 1))));
            }
            let body = [b"[", slice, b"]"].concat();
            (url(page), RawResponse { status: 200, headers, body })
        });
        Memory(RefCell::new(answers.collect()))
    }
}

impl Transport for Memory {
    fn start(&self, request: &Request) -> Result<Box<dyn InFlight>, Failure> {
        let answer = self.0.borrow_mut().remove(&request.url);
        let missing = || Failure::internal(format!("nothing lies ready for {}", request.url));
        Ok(Box::new(Ready(answer.ok_or_else(missing)?)))
    }
}

struct Ready(RawResponse);

impl InFlight for Ready {
    fn wait(self: Box<Self>) -> Result<RawResponse, Failure> {
        Ok(self.0)
    }
}
