//! `plugin remove`: to be built.

use crate::cli::args::{Common, RemoveArgs};
use crate::cli::exit::Exit;

/// To be built.
pub async fn remove(_common: &Common, _args: &RemoveArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin remove is not there yet")
}
