// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The answers to `init`'s questions, from flags or from the terminal.

use test_dashboard_model::Setting;

use super::offered::Offered;
use super::value::value;
use super::{Settings, Wanted, checked};
use crate::cli::args::{FirstEngine, InitArgs};
use crate::cli::plugin::shown::sentence;
use crate::cli::{ask, output};
use crate::config::wrong_project_name;
use crate::usage_error::{UsageError, did_you_mean};

/// What the flags say.
///
/// # Errors
///
/// [`UsageError`] for a plugin that is not there, for a setting that it does not take or that is
/// missing, and when there is nothing to read.
pub fn of_flags(
    args: &InitArgs,
    project: &str,
    offered: Vec<Offered>,
) -> Result<Wanted, UsageError> {
    let mut plugins: Vec<(Offered, Settings)> =
        offered.into_iter().map(|offered| (offered, Settings::new())).collect();
    for given in &args.settings {
        let usage_error = |problem: String| UsageError::new(format!("--set {given}: {problem}"));
        let (name, typed) = given.split_once('=').ok_or_else(|| {
            usage_error(
                "expected PLUGIN.SETTING=VALUE, such as github.repository=mozilla-mobile/fenix"
                    .into(),
            )
        })?;
        let (plugin, setting) = match name.split_once('.') {
            Some((plugin, setting)) => (plugin, Some(setting)),
            None => (name, None),
        };
        let known: Vec<String> = plugins.iter().map(|(of, _)| of.name().to_string()).collect();
        let found = plugins.iter_mut().find(|(offered, _)| offered.name() == plugin);
        let (offered, settings) = found.ok_or_else(|| {
            usage_error(format!(
                "there is no plugin {plugin:?}{}",
                did_you_mean(plugin, known.iter())
            ))
        })?;
        let setting = meant(offered, setting).map_err(usage_error)?.clone();
        if typed.trim().is_empty() {
            return Err(usage_error(format!(
                "expected a value: {}",
                sentence(&setting.description)
            )));
        }
        if settings.iter().any(|(name, _)| *name == setting.name) {
            return Err(usage_error(format!("{} is given twice", setting.name)));
        }
        settings.push((setting.name.clone(), value(&setting, typed).map_err(usage_error)?));
    }
    plugins.retain(|(_, settings)| !settings.is_empty());
    if plugins.is_empty() {
        return Err(UsageError::new(
            "there is nothing to read: set at least one of the project's settings, such as --set github.repository=mozilla-mobile/fenix",
        ));
    }
    let engine = args.database_engine.unwrap_or_default();
    Ok(Wanted { project: project.to_string(), engine, plugins })
}

/// The setting of this name; without a name, the only one that the plugin needs.
fn meant<'a>(offered: &'a Offered, name: Option<&str>) -> Result<&'a Setting, String> {
    let settings = &offered.plugin().description.settings;
    let all = settings.iter().map(|setting| &setting.name);
    let plugin = offered.name();
    let Some(name) = name else {
        let mut needed = settings.iter().filter(|setting| setting.required);
        return match (needed.next(), needed.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(format!(
                "which setting of {plugin} is meant? It takes {}",
                all.map(String::as_str).collect::<Vec<_>>().join(", ")
            )),
        };
    };
    settings
        .iter()
        .find(|setting| setting.name == name)
        .ok_or_else(|| format!("{plugin} takes no setting {name:?}{}", did_you_mean(name, all)))
}

/// Asks a person on the terminal what no flag says.
///
/// # Errors
///
/// [`UsageError`] when there is nobody to be asked, and when there is nothing to read.
pub async fn of_person(args: &InitArgs, offered: Vec<Offered>) -> anyhow::Result<Wanted> {
    if !ask::can_ask() {
        return Err(UsageError::new(
            "there is no terminal to ask on: pass --project NAME and, for each service, --set PLUGIN.SETTING=VALUE",
        )
        .into());
    }
    let project = ask::for_one(
        "Name of the first project, as dashboards will show it (lower-case letters, digits and '-'), such as fenix: ",
        |answer| match wrong_project_name(answer) {
            None => Ok(answer.to_string()),
            Some(reason) => Err(format!("{answer:?} {reason}")),
        },
    )?;
    let engine = args.database_engine.unwrap_or_default();
    let mut wanted = Wanted { project, engine, plugins: Vec::new() };
    for offered in offered {
        let summary = sentence(&offered.plugin().description.summary);
        let question = format!("Read {}: {}?", offered.name(), summary.trim_end_matches('.'));
        if ask::agreed(false, &question)? {
            wanted.plugins.push((offered, Settings::new()));
            with_settings(&mut wanted).await?;
        }
    }
    if wanted.plugins.is_empty() {
        return Err(UsageError::new("there is nothing to read, so nothing was written").into());
    }
    if args.database_engine.is_none() {
        wanted.engine =
            ask::for_one("The database: sqlite, postgres or mysql [sqlite]: ", read_engine)?;
    }
    Ok(wanted)
}

fn read_engine(answer: &str) -> Result<FirstEngine, String> {
    match answer {
        "" => Ok(FirstEngine::default()),
        answer => <FirstEngine as clap::ValueEnum>::from_str(answer, true)
            .map_err(|_| "expected sqlite, postgres or mysql".into()),
    }
}

/// Asks for the settings of the plugin that was added last, until it can use them.
async fn with_settings(wanted: &mut Wanted) -> anyhow::Result<()> {
    while let Some((offered, given)) = wanted.plugins.last_mut() {
        *given = settings(offered)?;
        match checked(wanted).await {
            Ok(_) => break,
            Err(problem) => output::remark(problem),
        }
    }
    Ok(())
}

/// Those that a plugin needs; where it needs none by itself, all that it takes.
fn settings(offered: &Offered) -> anyhow::Result<Settings> {
    let all = &offered.plugin().description.settings;
    let needed: Vec<&Setting> = all.iter().filter(|setting| setting.required).collect();
    let asked = if needed.is_empty() { all.iter().collect() } else { needed };
    let mut settings = Settings::new();
    for setting in asked {
        let may = if setting.required { "" } else { "; Enter leaves it out" };
        let question = format!("  {} ({}{may}): ", setting.name, sentence(&setting.description));
        let answer = ask::for_one(&question, |answer| match (answer, setting.required) {
            ("", true) => Err(format!("{} needs it", offered.name())),
            ("", false) => Ok(None),
            (answer, _) => value(setting, answer).map(Some),
        })?;
        settings.extend(answer.map(|answer| (setting.name.clone(), answer)));
    }
    Ok(settings)
}
