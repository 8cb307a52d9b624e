// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin add`: installs a plugin, or another version of one, pinned by its digest.

use std::sync::Arc;

use anyhow::anyhow;
use serde_json::json;
use test_dashboard_egress::AllowList;
use test_dashboard_model::{CredentialKind, Description};

use super::install::{Candidate, install};
use super::location::PluginLocation;
use super::{shown, site};
use crate::cli::args::{AddArgs, Format};
use crate::cli::ask;
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::config::{Config, DatasourceConfig, Environment};
use crate::lock::{
    Addition, Change, LOCK_FILE, Lock, Pin, Pinned, Site, Weight, add_datasource, compare,
    digest_of, same, settings_to_write,
};
use crate::plugin::{Plugin, Runtime};
use crate::source::Installed;
use crate::usage_error::UsageError;

/// What is to be installed, where, and what changes by it.
struct Plan {
    candidate: Candidate,
    /// What is installed now, and what differs. None for a plugin that is new here.
    before: Option<Result<Vec<Change>, String>>,
    /// The configuration's text when it is done.
    configuration: String,
    is_there: bool,
}

/// Shows what the plugin asks for and what changes, asks, and installs it.
///
/// # Errors
///
/// [`UsageError`] when it is not clear what is meant or nobody can be asked; what the file is
/// instead of a plugin; what cannot be written. Nothing is changed then.
pub async fn add(args: &AddArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let source = PluginLocation::of(&args.source, args.sha256.as_deref(), args.yes)?;
    let (site, _guard) = site::site(&common.config)?;
    let config = Config::load_or_empty(common.config.file())?;
    let lock = Lock::of(&config)?;
    let plan = plan(&config, &lock, &site, &source).await?;
    let Candidate { addition, pin, .. } = &plan.candidate;
    let name = &addition.name;
    if plan.is_there {
        tell(common.output.format, &plan, "unchanged")?;
        if common.output.format == Format::Human {
            say!("{name} {} is already installed: nothing changes", pin.version)?;
        }
        return Ok(Exit::Done);
    }
    if common.output.format == Format::Human {
        show(&plan, &config, &site)?;
    }
    if !ask::agreed(args.yes, &format!("Install {name}?"))? {
        tell(common.output.format, &plan, "declined")?;
        if common.output.format == Format::Human {
            say!("nothing was changed")?;
        }
        return Ok(Exit::Failed);
    }
    install(&[&plan.candidate], lock, &plan.configuration, &config, &site)?;
    tell(common.output.format, &plan, "installed")?;
    if common.output.format == Format::Human {
        next_step(&plan, &config, &site)?;
    }
    Ok(Exit::Done)
}

/// Loads the file, without a network, and finds out what installing it means.
async fn plan(
    config: &Config,
    lock: &Lock,
    site: &Site,
    source: &PluginLocation,
) -> anyhow::Result<Plan> {
    let runtime = Runtime::new()?;
    let candidate = Candidate::load(config, &runtime, source).await?;
    let Candidate { plugin, pin, addition, .. } = &candidate;
    let installed = Installed::load(config, &runtime).await?;
    refuse_shared_reports(&plugin.description, &installed)?;
    let old = installed_before(config, lock, &runtime, &installed, plugin).await;
    let before = old.map(|old| Ok(compare(&old?, &plugin.description)));
    let text = site::read_or_empty(&site.configuration)?;
    let configuration = add_datasource(&text, addition)
        .map_err(|problem| anyhow!("{}: {problem}", site.configuration.display()))?;
    let is_there = configuration == text && stands(config, lock, &addition.name, pin);
    Ok(Plan { candidate, before, configuration, is_there })
}

/// Whether the very file is installed under this name.
fn stands(config: &Config, lock: &Lock, name: &str, pin: &Pin) -> bool {
    let pinned = lock.plugins.get(name);
    let path = config.resolve_path(&pin.file);
    pinned.is_some_and(|pinned| pinned.sha256 == pin.sha256 && pinned.file == pin.file)
        && digest_of(&path).is_ok_and(|found| found == pin.sha256)
}

/// A run names a report, and not a plugin: two that have the same one are one too many.
fn refuse_shared_reports(
    description: &Description,
    installed: &Installed,
) -> Result<(), UsageError> {
    for (other, plugin) in installed.all().filter(|(other, _)| *other != description.name) {
        let plugin = match plugin {
            Ok(plugin) => plugin,
            Err(error) => {
                output::remark(format_args!(
                    "cannot determine whether {other} has a report of the same name: {error}"
                ));
                continue;
            }
        };
        let shared =
            description.reports.iter().find(|report| plugin.report(&report.name).is_some());
        if let Some(report) = shared {
            return Err(UsageError::new(format!(
                "{} has a report {}, and so has {other}: a run could not tell which is meant. Remove {other} first, or do without {}",
                description.name, report.name, description.name
            )));
        }
    }
    Ok(())
}

/// What the installed plugin of this name says of itself, or why it cannot be asked.
async fn installed_before(
    config: &Config,
    lock: &Lock,
    runtime: &Runtime,
    installed: &Installed,
    plugin: &Plugin,
) -> Option<Result<Description, String>> {
    let name = &plugin.description.name;
    if let Some((_, found)) = installed.all().find(|(other, _)| other == name) {
        let described = found.map(|plugin| plugin.description.clone());
        return Some(described.map_err(ToString::to_string));
    }
    let pin = lock.plugins.get(name)?;
    let pinned = Pinned { digest: pin.sha256, lock: config.folder.join(LOCK_FILE) };
    let path = config.resolve_path(&pin.file);
    let limits = Arc::clone(plugin.limits());
    let loaded = runtime.load_pinned(&path, limits, Some(&pinned)).await;
    Some(loaded.map(|plugin| plugin.description).map_err(|error| error.to_string()))
}

fn show(plan: &Plan, config: &Config, site: &Site) -> anyhow::Result<()> {
    let Candidate { plugin, pin, addition, .. } = &plan.candidate;
    let pinned = format!("{LOCK_FILE} will list this file, as {}", addition.name);
    shown::show(plugin, &pinned)?;
    match &plan.before {
        None => say!("\n{} is new here.", addition.name)?,
        Some(Err(reason)) => say!(
            "\nWhat it changes cannot be determined, because the installed {} cannot be loaded: {reason}",
            addition.name
        )?,
        Some(Ok(changes)) => show_changes(&addition.name, changes)?,
    }
    say!("\nInstalling it writes {} and {LOCK_FILE},", config.resolve_path(&pin.file).display())?;
    match config.datasources.get(&addition.name) {
        None => {
            say!("and this into {}:\n", site.configuration.display())?;
            say!("{}", add_datasource("", addition).unwrap_or_default().trim_end())?;
            show_what_is_set(addition)?;
        }
        Some(datasource) => {
            let old = &datasource.plugin;
            match same(&config.resolve_path(old), &config.resolve_path(&pin.file)) {
                true => say!("and leaves {} as it is.", site.configuration.display())?,
                false => say!(
                    "and makes datasources.{}.plugin {:?}, which is {:?} now.",
                    addition.name,
                    pin.file,
                    old
                )?,
            }
            show_what_is_not_granted(addition, datasource)?;
        }
    }
    say!("")?;
    Ok(())
}

fn show_changes(name: &str, changes: &[Change]) -> std::io::Result<()> {
    /// Of each weight: what weighs most comes first, so nothing of weight hides behind it.
    const MOST: usize = 60;
    if changes.is_empty() {
        return say!("\nBeside the installed {name}, nothing that it declares changes.");
    }
    say!("\nWhat changes, beside the installed {name}:")?;
    for (weight, mark) in [
        (Weight::Refused, "  WILL BE REFUSED by the host while the old table is there: "),
        (Weight::AsksMore, "  ASKS FOR MORE: "),
        (Weight::Plain, "  "),
    ] {
        let of_weight: Vec<&Change> = changes.iter().filter(|c| c.weight == weight).collect();
        for line in shown::some(&of_weight, MOST, |change| shown::sentence(&change.what)) {
            say!("{mark}{line}")?;
        }
    }
    Ok(())
}

/// A variable that is there already was perhaps meant for somebody else.
fn show_what_is_set(addition: &Addition) -> std::io::Result<()> {
    let environment = Environment::of_process();
    let address = addition.base_url.as_deref().unwrap_or("the address that you give it");
    for name in addition.credential_variables() {
        if environment.get(&name).is_some() {
            say!(
                "\nWARNING: {name} is set here already. Its value goes to {address}, with each request."
            )?;
        }
    }
    Ok(())
}

/// The operator's allowlist is the operator's: a newer plugin does not widen it.
fn show_what_is_not_granted(
    addition: &Addition,
    datasource: &DatasourceConfig,
) -> std::io::Result<()> {
    let environment = Environment::of_process();
    let Some(allow) = &datasource.allow else {
        let further: Vec<&String> =
            addition.allow.iter().skip(usize::from(addition.base_url.is_some())).collect();
        if further.is_empty() {
            return Ok(());
        }
        say!("It is not granted {further:?}. To grant it, list the origin of base-url and these:")?;
        return say!("  datasources.{}.allow = {:?}", addition.name, addition.allow);
    };
    let granted: Vec<String> = allow
        .iter()
        .map(|entry| entry.resolve(&environment).unwrap_or_else(|_| entry.0.clone()))
        .collect();
    let own_base_url = datasource.base_url.is_some() && addition.base_url.is_some();
    let missing: Vec<&String> = addition
        .allow
        .iter()
        .skip(usize::from(own_base_url))
        .filter(|origin| !is_granted(&granted, origin))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let all: Vec<&String> =
        allow.iter().map(|entry| &entry.0).chain(missing.iter().copied()).collect();
    say!("It is not granted {missing:?}: it is stopped when it asks there. To grant it, write")?;
    say!("  datasources.{}.allow = {all:?}", addition.name)
}

fn is_granted(granted: &[String], origin: &String) -> bool {
    let Ok(url) = url::Url::parse(origin) else { return granted.contains(origin) };
    granted.contains(origin)
        || granted
            .iter()
            .filter_map(|entry| AllowList::new(&[entry]).ok())
            .any(|list| list.allows(&url))
}

fn next_step(plan: &Plan, config: &Config, site: &Site) -> anyhow::Result<()> {
    let Candidate { addition, pin, plugin, .. } = &plan.candidate;
    let (name, configuration) = (&addition.name, site.configuration.display());
    say!("{name} {} is installed; commit {configuration}, {LOCK_FILE} and the file.", pin.version)?;
    if !config.datasources.contains_key(name) {
        let variables = addition.variables();
        if !variables.is_empty() {
            say!("Set the environment variables that it takes: {}.", variables.join(", "))?;
        }
        if addition.credential == Some(CredentialKind::Header) {
            say!("Name the header in datasources.{name}.credential.")?;
        }
    }
    let is_used = config.projects.values().any(|settings| settings.contains_key(name));
    if !is_used {
        let project = config.projects.keys().next().map_or("my-product", String::as_str);
        let settings = settings_to_write(&plugin.description, project);
        say!("Write a project's settings into {configuration}, such as\n\n{settings}")?;
    }
    say!("Then try it: test-dashboard check")?;
    Ok(())
}

/// For a program: what it is, what changes, and what was done.
fn tell(format: Format, plan: &Plan, outcome: &str) -> anyhow::Result<()> {
    if format == Format::Human {
        return Ok(());
    }
    let mut answer = shown::json(&plan.candidate.plugin);
    let (changes, problem) = match &plan.before {
        None => (None, None),
        Some(Ok(changes)) => (Some(changes), None),
        Some(Err(reason)) => (None, Some(reason)),
    };
    answer["outcome"] = json!(outcome);
    answer["installed_as"] = json!(plan.candidate.pin.file);
    answer["changes"] = json!(changes);
    answer["not_compared"] = json!(problem);
    output::json(&answer)
}
