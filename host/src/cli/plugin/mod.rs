//! `plugin`: what an author and an operator do with plugin files. A file per verb.

mod add;
mod build;
mod check;
mod differences;
mod inspect;
mod list;
mod new;
mod record;
mod remove;
mod shown;
mod site;
mod source;
mod test;
mod verify;

use super::args::{Common, PluginCommand};
use super::exit::Exit;

/// Does what is to be done with plugin files.
///
/// # Errors
///
/// The verb's.
pub async fn plugin(common: &Common, command: &PluginCommand) -> anyhow::Result<Exit> {
    match command {
        PluginCommand::New(args) => new::new(args),
        PluginCommand::Build(args) => build::build(args).await,
        PluginCommand::Inspect(args) => inspect::inspect(common, args).await,
        PluginCommand::Check(args) => check::check(common, args).await,
        PluginCommand::Record(args) => record::record(common, args).await,
        PluginCommand::Test(args) => test::test(common, args).await,
        PluginCommand::Add(args) => add::add(common, args).await,
        PluginCommand::List => list::list(common).await,
        PluginCommand::Remove(args) => remove::remove(common, args).await,
        PluginCommand::Verify(args) => verify::verify(common, args).await,
    }
}
