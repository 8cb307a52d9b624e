//! `plugin verify`: to be built.

use crate::cli::args::Common;
use crate::cli::exit::Exit;

/// To be built.
pub async fn verify(_common: &Common) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin verify is not there yet")
}
