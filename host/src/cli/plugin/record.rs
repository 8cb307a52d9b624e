//! `plugin record`: to be built.

use crate::cli::args::{Common, RecordArgs};
use crate::cli::exit::Exit;

/// To be built.
pub async fn record(_common: &Common, _args: &RecordArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin record is not there yet")
}
