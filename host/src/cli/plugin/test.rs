//! `plugin test`: to be built.

use crate::cli::args::{Common, TestArgs};
use crate::cli::exit::Exit;

/// To be built.
pub async fn test(_common: &Common, _args: &TestArgs) -> anyhow::Result<Exit> {
    anyhow::bail!("plugin test is not there yet")
}
