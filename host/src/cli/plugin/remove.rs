// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin remove`: removes an installed plugin; its tables stay.

use anyhow::Context as _;
use test_dashboard_files::Prepared;

use super::site;
use crate::cli::args::RemoveArgs;
use crate::cli::ask;
use crate::cli::exit::Exit;
use crate::cli::output::say;
use crate::config::Config;
use crate::lock::{LOCK_FILE, Lock, is_inside, remove_datasource};
use crate::usage_error::{UsageError, did_you_mean};

/// Asks, then takes away the configuration's sections, the lock file's entry and the file, in
/// this order: a file that nothing names any more is the least harm when it ends halfway.
///
/// # Errors
///
/// [`UsageError`] for a plugin that is not there, with the nearest name; what could not be written.
pub async fn remove(args: &RemoveArgs) -> anyhow::Result<Exit> {
    let (site, _guard) = site::site(&args.config)?;
    let config = Config::load_or_empty(args.config.file())?;
    let mut lock = Lock::of(&config)?;
    let name = &args.name;
    let Some(pin) = lock.plugins.remove(name) else {
        let near = did_you_mean(name, lock.plugins.keys());
        let built = match config.datasources.contains_key(name) {
            true => format!(
                "; [datasources.{name}] names a file that was not added, so remove the section by hand"
            ),
            false => String::new(),
        };
        let problem = format!("no plugin {name:?} was added{near}{built}");
        return Err(UsageError::new(problem).into());
    };
    let text = site::read_or_empty(&site.configuration)?;
    let (edited, removed) = remove_datasource(&text, name)
        .map_err(|problem| anyhow::anyhow!("{}: {problem}", site.configuration.display()))?;

    let file = config.resolve_path(&pin.file);
    let is_ours = is_inside(&file, &config.plugin_folder());
    for section in &removed {
        say!("{}: {section} goes", site.configuration.display())?;
    }
    say!("{LOCK_FILE}: plugins.{name} goes")?;
    match is_ours {
        true => say!("{} goes", file.display())?,
        false => say!("{} stays: it is not in the plugin folder", file.display())?,
    }
    say!("The tables {name}_… stay in the database, with all their rows.")?;
    if !ask::agreed(args.yes, &format!("Take {name} away?"))? {
        say!("nothing was changed")?;
        return Ok(Exit::Failed);
    }
    let configuration = match removed.is_empty() {
        true => None,
        false => Some(Prepared::new(&site.configuration, edited.as_bytes())?),
    };
    let lock = Prepared::new(&site.lock, lock.render()?.as_bytes())?;
    configuration.map(Prepared::commit).transpose()?;
    lock.commit()?;
    if is_ours {
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            result => result.with_context(|| format!("cannot remove {}", file.display()))?,
        }
    }
    say!("{name} is gone")?;
    Ok(Exit::Done)
}
