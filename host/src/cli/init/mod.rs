// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `init`: writes a first configuration with the plugins that are available, checks it, and prints
//! the next steps.

mod answers;
mod offered;
mod text;
mod trial;
mod value;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;

use super::args::{FirstEngine, InitArgs};
use super::exit::Exit;
use super::line;
use super::output::say;
use super::plugin::install::{Candidate, install};
use super::plugin::site;
use crate::config::{Config, DEFAULT_FILE, Environment, Template, wrong_project_name};
use crate::lock::{LOCK_FILE, Lock, Site};
use crate::plugin::Runtime;
use crate::usage_error::UsageError;
use offered::Offered;

/// What a person wants the configuration to say.
struct Wanted {
    project: String,
    engine: FirstEngine,
    /// The plugins to read from, with the project's settings for each.
    plugins: Vec<(Offered, Settings)>,
}

/// Settings of a project for a plugin, in the order in which they are to be written.
type Settings = Vec<(String, toml_edit::Value)>;

/// Asks, or reads the flags; installs the plugins that are wanted and not there yet, and writes
/// the configuration.
///
/// # Errors
///
/// [`UsageError`] for a configuration that is there already, for what the plugins do not take, and
/// when nobody can be asked; what cannot be written. Nothing is changed then.
pub async fn init(args: &InitArgs) -> anyhow::Result<Exit> {
    if let Some(project) = &args.project
        && let Some(reason) = wrong_project_name(project)
    {
        return Err(UsageError::new(format!("--project {project:?} {reason}")).into());
    }
    let configuration = Site::of(args.config.file()).configuration;
    refuse_to_overwrite(&configuration, args.force)?;
    let folder = Site::of(args.config.file()).folder;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let (site, _guard) = site::site(&args.config)?;
    let empty = Config { folder: site.folder.clone(), ..Config::default() };

    let runtime = Runtime::new()?;
    let offered = offered::all(&empty, &runtime).await?;
    let wanted = match &args.project {
        Some(project) => answers::of_flags(args, project, offered)?,
        None => answers::of_person(args, offered).await?,
    };
    let (text, mut config) = checked(&wanted).await?;
    config.folder.clone_from(&site.folder);
    let candidates: Vec<&Candidate> =
        wanted.plugins.iter().filter_map(|(offered, _)| offered.candidate()).collect();
    // Another process may have written one while this one asked.
    refuse_to_overwrite(&site.configuration, args.force)?;
    install(&candidates, Lock::of(&empty)?, &text, &empty, &site)?;
    tell(&wanted, &text, &config, &candidates, &site)?;
    Ok(Exit::Done)
}

fn refuse_to_overwrite(configuration: &Path, force: bool) -> Result<(), UsageError> {
    // A link that leads nowhere is there, too.
    if force || configuration.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(UsageError::new(format!(
        "{} already exists and was not changed: name another file with --config, or overwrite it with --force",
        configuration.display()
    )))
}

/// The text, read as every command reads it, and the settings tried against their plugins.
async fn checked(wanted: &Wanted) -> Result<(String, Config), UsageError> {
    let text = text::configuration(wanted);
    let config = Config::parse(&text, &Environment::of_process()).map_err(|problem| {
        UsageError::new(format!("the new configuration could not be read back{problem}"))
    })?;
    for (offered, _) in &wanted.plugins {
        trial::settings(&config, offered.plugin(), &wanted.project).await?;
    }
    Ok((text, config))
}

fn tell(
    wanted: &Wanted,
    text: &str,
    config: &Config,
    candidates: &[&Candidate],
    site: &Site,
) -> anyhow::Result<()> {
    let names: Vec<&str> = wanted.plugins.iter().map(|(offered, _)| offered.name()).collect();
    let configuration = site.configuration.display();
    say!("wrote {configuration}: {} from {}", wanted.project, names.join(", "))?;
    for Candidate { pin, addition, .. } in candidates {
        let file = config.resolve_path(&pin.file);
        say!(
            "installed {} {} as {}, pinned in {LOCK_FILE}",
            addition.name,
            pin.version,
            file.display()
        )?;
    }
    let environment = Environment::of_process();
    let unset = Unset::of(text, config, &environment);
    if !unset.needed.is_empty() {
        say!("required, and not set yet: {}", joined(&unset.needed))?;
    }
    if !unset.optional.is_empty() {
        say!("optional, and not set: {}", joined(&unset.optional))?;
    }
    let common = match site.configuration == Path::new(DEFAULT_FILE) {
        true => String::new(),
        false => format!(" --config {}", line::quoted(&site.configuration.to_string_lossy())),
    };
    let program = line::as_called();
    let report =
        wanted.plugins.iter().flat_map(|(offered, _)| &offered.plugin().description.reports);
    let report = report.map(|report| report.name.as_str()).next().unwrap_or("REPORT");
    let run = format!("{program} run{common} --project {} --report-type {report}", wanted.project);
    say!("\nNext:")?;
    say!("  {program} check{common}    # tries credentials and database")?;
    say!("  {run} --dry-run    # shows rows, writes nothing")?;
    say!("  {run}")?;
    say!("  {program} status{common}    # how fresh each report is")?;
    say!(
        "Commit {configuration} and {LOCK_FILE}, and the plugins' files unless a release brings them."
    )?;
    Ok(())
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Variables that the configuration takes and that have no value here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unset {
    needed: BTreeSet<String>,
    /// Those of credentials that a service can be asked without.
    optional: BTreeSet<String>,
}

impl Unset {
    fn of(text: &str, config: &Config, environment: &Environment) -> Self {
        let credentials = config.datasources.values().filter_map(|of| of.credential.as_ref());
        let optional = credentials.filter(|credential| credential.optional);
        let optional: BTreeSet<String> =
            optional.flat_map(|credential| credential.secret.wanted(environment)).collect();
        let table: toml::Table = text.parse().unwrap_or_default();
        let mut needed = BTreeSet::new();
        for value in table.values() {
            collect(value, environment, &mut needed);
        }
        Unset { needed: &needed - &optional, optional }
    }
}

fn collect(value: &toml::Value, environment: &Environment, unset: &mut BTreeSet<String>) {
    match value {
        toml::Value::String(text) => unset.extend(Template(text.clone()).wanted(environment)),
        toml::Value::Array(items) => {
            items.iter().for_each(|item| collect(item, environment, unset))
        }
        toml::Value::Table(table) => {
            table.values().for_each(|item| collect(item, environment, unset))
        }
        _ => {}
    }
}
