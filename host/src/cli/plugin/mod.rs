// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin`: the commands for plugin files, for authors and operators. A file per verb.

mod add;
mod build;
mod check;
mod differences;
mod inspect;
pub(super) mod install;
mod list;
pub(super) mod location;
mod new;
mod record;
mod remove;
pub(super) mod shown;
pub(super) mod site;
mod test;
mod verify;

use super::args::PluginCommand;
use super::exit::Exit;

/// Does what is to be done with plugin files.
///
/// # Errors
///
/// The verb's.
pub async fn plugin(command: &PluginCommand) -> anyhow::Result<Exit> {
    match command {
        PluginCommand::New(args) => new::new(args),
        PluginCommand::Build(args) => build::build(args).await,
        PluginCommand::Inspect(args) => inspect::inspect(args).await,
        PluginCommand::Check(args) => check::check(args).await,
        PluginCommand::Record(args) => record::record(args).await,
        PluginCommand::Test(args) => test::test(args).await,
        PluginCommand::Add(args) => add::add(args).await,
        PluginCommand::List(args) => list::list(args).await,
        PluginCommand::Remove(args) => remove::remove(args).await,
        PluginCommand::Verify(args) => verify::verify(args).await,
    }
}
