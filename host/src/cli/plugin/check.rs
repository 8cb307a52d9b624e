//! `plugin check`: to be built.

use crate::cli::args::{Common, PluginCheckArgs};
use crate::cli::exit::Exit;

/// To be built.
pub async fn check(_common: &Common, _args: &PluginCheckArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin check is not there yet")
}
