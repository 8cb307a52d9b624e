// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The side that faces the host: the generated bindings, none of which plugin code sees.

mod convert;
mod outgoing;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Once;

use bindings::exports::testops::datasource::datasource as wit;
use bindings::testops::datasource::log as wit_log;

use crate::log::Level;
use crate::{Datasource, Reader};

#[allow(
    missing_docs,
    unsafe_code,
    clippy::all,
    clippy::pedantic,
    reason = "generated from wit/, which documents it"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export_plugin",
        default_bindings_module: "test_dashboard_sdk::guest::bindings",
    });
}

pub use bindings::export_plugin;

/// What [`export!`](crate::export) exports for a datasource.
pub struct Exported<D>(PhantomData<D>);

/// A reader as the contract's resource.
pub struct ExportedReader(RefCell<Box<dyn Reader>>);

impl<D: Datasource> wit::Guest for Exported<D> {
    type Reader = ExportedReader;

    fn describe() -> wit::Description {
        announce_panics();
        D::describe().into()
    }

    fn check(context: wit::ProjectContext) -> Result<String, wit::Failure> {
        announce_panics();
        Ok(D::check(&convert::context(context, transport())?)?)
    }

    fn plan(request: wit::Request) -> Result<Vec<wit::Partition>, wit::Failure> {
        announce_panics();
        let partitions = D::plan(&convert::request(request, transport())?)?;
        Ok(partitions.into_iter().map(wit::Partition::from).collect())
    }

    fn open(
        request: wit::Request,
        partition: wit::Partition,
        checkpoint: Option<String>,
    ) -> Result<wit::Reader, wit::Failure> {
        announce_panics();
        let request = convert::request(request, transport())?;
        let reader = D::open(request, partition.into(), checkpoint.map(crate::Checkpoint))?;
        Ok(wit::Reader::new(ExportedReader(RefCell::new(reader))))
    }
}

impl wit::GuestReader for ExportedReader {
    fn next_batch(&self, max_rows: u32) -> Result<Option<wit::Batch>, wit::Failure> {
        let max_rows = usize::try_from(max_rows).unwrap_or(usize::MAX);
        let batch = self.0.borrow_mut().next_batch(max_rows)?;
        Ok(batch.map(wit::Batch::from))
    }
}

fn transport() -> Rc<outgoing::Outgoing> {
    Rc::new(outgoing::Outgoing)
}

/// On this target a panic is a trap without a word: the log gets its message first.
fn announce_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            write_log(Level::Warn, &format!("the plugin panicked: {panic}"));
        }));
    });
}

pub(crate) fn write_log(level: Level, message: &str) {
    let level = match level {
        Level::Debug => wit_log::Level::Debug,
        Level::Info => wit_log::Level::Info,
        Level::Warn => wit_log::Level::Warn,
    };
    wit_log::write(level, message);
}
