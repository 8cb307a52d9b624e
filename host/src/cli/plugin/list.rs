//! `plugin list`: to be built.

use crate::cli::args::Common;
use crate::cli::exit::Exit;

/// To be built.
pub async fn list(_common: &Common) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin list is not there yet")
}
