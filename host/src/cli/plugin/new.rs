//! `plugin new`: to be built.

use crate::cli::args::NewArgs;
use crate::cli::exit::Exit;

/// To be built.
pub fn new(_args: &NewArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin new is not there yet")
}
