//! `plugin add`: to be built.

use crate::cli::args::{AddArgs, Common};
use crate::cli::exit::Exit;

/// To be built.
pub async fn add(_common: &Common, _args: &AddArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin add is not there yet")
}
