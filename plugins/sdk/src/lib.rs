// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a datasource plugin in Rust is written against.
//!
//! A plugin is a [`Datasource`]: it says what it is ([`Description`]), splits what is asked
//! for into [`Partition`]s, and reads each with a [`Reader`] that hands out rows. Rows are
//! structs with `#[derive(Row)]`; requests go through [`Context::http`]. [`export!`] makes
//! the plugin of it when it is built for WebAssembly, and nothing natively, where the same
//! code runs in plain tests against [`testing::FakeHttp`] and [`testing::MemoryHost`].
//!
//! ```
//! use serde::Deserialize;
//! use test_dashboard_sdk::{
//!     Batches, Buffered, Checkpoint, Context, Datasource, Description, Failure, Partition,
//!     Progress, Reader, Request, Row, Source, Timestamp, http::LinkPages,
//! };
//!
//! /// One measurement of a station.
//! #[derive(Row)]
//! #[row(table = "weather_measurements", mode = "merge", key("station", "at"))]
//! struct Measurement {
//!     /// The station's number.
//!     station: i64,
//!     /// When it was measured.
//!     at: Timestamp,
//!     /// Degrees Celsius; null when the thermometer was broken.
//!     temperature: Option<f64>,
//! }
//!
//! #[derive(Deserialize)]
//! struct Settings {
//!     station: i64,
//! }
//!
//! /// What the service answers.
//! #[derive(Deserialize)]
//! struct Answer {
//!     at: Timestamp,
//!     temperature: Option<f64>,
//! }
//!
//! struct Weather;
//!
//! impl Datasource for Weather {
//!     fn describe() -> Description {
//!         Description::new("weather", "0.1.0", "Measurements of weather stations")
//!             .base_url("https://weather.example.org")
//!             .required_setting("station", "The station's number, such as 10384")
//!             .table::<Measurement>()
//!             .report("measurements", "All that a station measured", &[Measurement::TABLE])
//!     }
//!
//!     fn check(context: &Context) -> Result<String, Failure> {
//!         let Settings { station } = context.settings()?;
//!         context.http().get(&format!("/stations/{station}")).send()?;
//!         Ok(format!("the station {station} answers"))
//!     }
//!
//!     fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
//!         let Settings { station } = request.context.settings()?;
//!         Ok(vec![Partition::new(format!("station-{station}"), &station)?])
//!     }
//!
//!     fn open(
//!         request: Request,
//!         partition: Partition,
//!         _checkpoint: Option<Checkpoint>,
//!     ) -> Result<Box<dyn Reader>, Failure> {
//!         let station: i64 = partition.data()?;
//!         let path = format!("/stations/{station}/measurements");
//!         let pages = LinkPages::start(request.context.http().get(&path).query("per_page", 100));
//!         Ok(Box::new(Buffered::of::<Measurement>(Measurements { station, pages })))
//!     }
//! }
//!
//! struct Measurements {
//!     station: i64,
//!     pages: LinkPages,
//! }
//!
//! impl Source for Measurements {
//!     fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
//!         let Some(page) = self.pages.next_page()? else { return Ok(Progress::Finished) };
//!         for Answer { at, temperature } in page.json::<Vec<Answer>>()? {
//!             batches.push(Measurement { station: self.station, at, temperature });
//!         }
//!         Ok(Progress::More)
//!     }
//! }
//!
//! test_dashboard_sdk::export!(Weather);
//! ```
//!
//! A plugin has no clock, no files, no environment and no randomness: the time is
//! [`Context::now`], and the only way out is HTTP.

// `#[derive(Row)]` names this crate from outside; its own tests are inside.
extern crate self as test_dashboard_sdk;

mod batch;
mod datasource;
mod description;
mod failure;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
pub mod http;
mod lenient;
pub mod log;
mod missing;
mod table;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
mod value;

pub use batch::{Batch, Batches, Buffered, Progress, Source};
pub use datasource::{
    Checkpoint, CheckpointState, Context, Datasource, Partition, Reader, Request,
};
pub use description::{CredentialKind, Description, Report, Setting};
pub use failure::{Failure, FailureKind};
pub use lenient::{Answer, Lenient};
pub use missing::Missing;
pub use table::{Column, ColumnType, Row, Table, TableMode};
pub use test_dashboard_sdk_derive::Row;
pub use value::{ColumnValue, Decimal, Json, Scalar, Value};

pub use jiff;
pub use jiff::Timestamp;
pub use jiff::civil::Date;

/// Makes the plugin of a [`Datasource`]: `export!(Weather);`, once, in the crate's root.
///
/// Natively this is nothing but a check that the type is a datasource.
#[macro_export]
macro_rules! export {
    ($datasource:ty) => {
        const _: () = {
            const fn is_a_datasource<T: $crate::Datasource>() {}
            is_a_datasource::<$datasource>()
        };

        #[cfg(target_arch = "wasm32")]
        #[doc(hidden)]
        #[allow(unsafe_code, reason = "the canonical ABI is made of raw exports")]
        mod __test_dashboard_export {
            use super::*;

            type Exported = $crate::guest::Exported<$datasource>;
            $crate::guest::export_plugin!(Exported with_types_in $crate::guest::bindings);
        }
    };
}
