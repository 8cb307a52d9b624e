// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A guest that behaves, to be overridden piece by piece.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use crate::bindings::exports::testops::datasource::datasource as contract;
use crate::{
    Batch, Description, Failure, FailureKind, Partition, ProjectContext, Request, Value, batch,
    declared, failure, row,
};

/// What a guest does. The defaults read the rows 1 to the setting `rows` (3), with a
/// checkpoint at every batch, and go on after the last checkpoint.
pub trait Behaviour: 'static {
    /// One table and one report, `rows`.
    fn describe() -> Description {
        declared::description()
    }

    /// Always well.
    fn check(_context: ProjectContext) -> Result<String, Failure> {
        Ok("the guest is well".into())
    }

    /// One partition, `all`.
    fn plan(_request: Request) -> Result<Vec<Partition>, Failure> {
        Ok(vec![Partition { id: "all".into(), data: String::new() }])
    }

    /// Called before the first batch.
    fn open(_reading: &Reading) -> Result<(), Failure> {
        Ok(())
    }

    /// The next rows.
    fn next_batch(reading: &Reading, max_rows: u32) -> Result<Option<Batch>, Failure> {
        reading.next_rows(max_rows)
    }
}

/// A partition that is being read.
pub struct Reading {
    /// What was asked for.
    pub request: Request,
    /// Which partition this is.
    pub partition: Partition,
    last: Cell<i64>,
    calls: Cell<u64>,
    /// Rows that were read and not yet delivered.
    pub buffer: RefCell<Vec<Vec<Value>>>,
    /// Whether nothing more is to be read.
    pub is_over: Cell<bool>,
}

impl Reading {
    fn new(
        request: Request,
        partition: Partition,
        checkpoint: Option<&str>,
    ) -> Result<Self, Failure> {
        let last = match checkpoint {
            None => 0,
            Some(text) => text.parse().map_err(|_| {
                failure(FailureKind::Internal, format!("the checkpoint {text:?} is not a number"))
            })?,
        };
        Ok(Reading {
            request,
            partition,
            last: Cell::new(last),
            calls: Cell::new(0),
            buffer: RefCell::default(),
            is_over: Cell::new(false),
        })
    }

    /// The project's setting of this name.
    pub fn setting(&self, name: &str) -> Option<serde_json::Value> {
        setting(&self.request.context, name)
    }

    /// The setting `url`, or this one.
    pub fn url(&self, otherwise: &str) -> String {
        match self.setting("url") {
            Some(serde_json::Value::String(url)) => url,
            _ => otherwise.into(),
        }
    }

    /// The setting `rows`, or this number.
    pub fn rows(&self, otherwise: i64) -> i64 {
        self.setting("rows").and_then(|rows| rows.as_i64()).unwrap_or(otherwise)
    }

    /// How often a batch was asked for before, 0 the first time.
    pub fn calls(&self) -> u64 {
        self.calls.get().saturating_sub(1)
    }

    /// Where it goes on, counted from 1: what the checkpoint says.
    pub fn position(&self) -> i64 {
        self.last.get().max(1)
    }

    /// Where it goes on from now.
    pub fn go_to(&self, position: i64) {
        self.last.set(position);
    }

    /// This batch the first time, then the end.
    pub fn once(
        &self,
        make: impl FnOnce() -> Result<Batch, Failure>,
    ) -> Result<Option<Batch>, Failure> {
        if self.calls() > 0 { Ok(None) } else { make().map(Some) }
    }

    /// What a guest that behaves delivers next.
    fn next_rows(&self, max_rows: u32) -> Result<Option<Batch>, Failure> {
        let from = self.last.get().saturating_add(1);
        let to = self.rows(3).min(self.last.get().saturating_add(max_rows.into()));
        if from > to {
            return Ok(None);
        }
        self.last.set(to);
        let rows = (from..=to).map(|id| row(id, format!("row {id}"))).collect();
        Ok(Some(Batch { checkpoint: Some(to.to_string()), ..batch(rows) }))
    }
}

/// The setting of this name.
pub fn setting(context: &ProjectContext, name: &str) -> Option<serde_json::Value> {
    let settings: serde_json::Value = serde_json::from_str(&context.settings).ok()?;
    settings.get(name).cloned()
}

fn behaves(context: &ProjectContext) -> bool {
    setting(context, "behave") == Some(serde_json::Value::Bool(true))
}

/// A behaviour as the contract's exports.
pub struct Plugin<B>(PhantomData<B>);

impl<B: Behaviour> contract::Guest for Plugin<B> {
    type Reader = PluginReader<B>;

    fn describe() -> Description {
        B::describe()
    }

    fn check(context: ProjectContext) -> Result<String, Failure> {
        if behaves(&context) { Good::check(context) } else { B::check(context) }
    }

    fn plan(request: Request) -> Result<Vec<Partition>, Failure> {
        if behaves(&request.context) { Good::plan(request) } else { B::plan(request) }
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<contract::Checkpoint>,
    ) -> Result<contract::Reader, Failure> {
        let reading = Reading::new(request, partition, checkpoint.as_deref())?;
        if !behaves(&reading.request.context) {
            B::open(&reading)?;
        }
        Ok(contract::Reader::new(PluginReader::<B>(reading, PhantomData)))
    }
}

/// The resource `reader`.
pub struct PluginReader<B>(Reading, PhantomData<B>);

impl<B: Behaviour> contract::GuestReader for PluginReader<B> {
    fn next_batch(&self, max_rows: u32) -> Result<Option<Batch>, Failure> {
        let PluginReader(reading, _) = self;
        reading.calls.set(reading.calls.get().saturating_add(1));
        if behaves(&reading.request.context) {
            Good::next_batch(reading, max_rows)
        } else {
            B::next_batch(reading, max_rows)
        }
    }
}

/// Overrides nothing.
struct Good;

impl Behaviour for Good {}
