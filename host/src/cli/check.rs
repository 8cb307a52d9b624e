// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `check`: tests everything that a run needs, and reports on each.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use serde_json::json;
use test_dashboard_egress::GateOptions;

use super::args::{CheckArgs, Common, Format};
use super::exit::Exit;
use super::output::say;
use super::{context, health, output};
use crate::config::{Config, Environment};
use crate::plugin::{Plugin, Runtime};
use crate::source::{Datasource, Installed, Memory};
use crate::usage_error::{UsageError, did_you_mean};

/// How many projects are checked concurrently.
const AT_ONCE: usize = 4;

/// What was checked, and with what result.
struct Finding {
    what: String,
    outcome: Result<String, String>,
}

/// Tries the configuration, each plugin, each project's settings with its credential, and the
/// database.
///
/// # Errors
///
/// When the configuration cannot be read; everything else is a finding.
pub async fn check(args: &CheckArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let environment = Environment::of_process();
    let config = Config::load(common.config.file())?;
    if let Some(project) = &args.project
        && !config.projects.contains_key(project)
    {
        let near = did_you_mean(project, config.projects.keys());
        return Err(UsageError::new(format!("there is no project {project:?}{near}")).into());
    }
    let installed = Installed::load(&config, &Runtime::new()?).await?;
    let memory = Memory::new(config.memory());
    let mut findings = vec![Finding { what: "configuration".into(), outcome: content(&config) }];
    for (name, plugin) in installed.all() {
        findings.push(Finding {
            what: format!("plugin {name}"),
            outcome: plugin
                .map(|plugin| {
                    format!(
                        "version {}, {}",
                        plugin.description.version,
                        output::counted(plugin.description.reports.len() as u64, "report")
                    )
                })
                .map_err(ToString::to_string),
        });
        if let Ok(plugin) = plugin {
            let wanted = args.project.as_deref();
            findings.extend(projects(&config, name, plugin, &environment, wanted, &memory).await);
        }
    }
    findings.extend(database(common, &config, &installed, &environment).await);
    tell(common.output.format, &findings)
}

/// What the configuration names. It is an error if it has no datasource or no project.
fn content(config: &Config) -> Result<String, String> {
    if config.datasources.is_empty() {
        return Err(
            "it names no datasource: `test-dashboard plugin add FILE` adds one, `test-dashboard init` writes a first configuration"
                .into(),
        );
    }
    if config.projects.is_empty() {
        return Err("it names no project: add a section [projects.NAME.DATASOURCE]".into());
    }
    Ok(format!(
        "{}, {}",
        output::counted(config.datasources.len() as u64, "datasource"),
        output::counted(config.projects.len() as u64, "project")
    ))
}

/// One finding per project that has settings for the datasource.
async fn projects(
    config: &Config,
    name: &str,
    plugin: &Arc<Plugin>,
    environment: &Environment,
    wanted: Option<&str>,
    memory: &Memory,
) -> Vec<Finding> {
    // A person is waiting for the answer, and can ask again.
    let source = Datasource::with_gate(config, environment, name, plugin, true, |gate| {
        GateOptions { max_attempts: 1, max_wait: Duration::ZERO, ..gate }
    });
    let source = match source {
        Ok(source) => source,
        Err(error) => {
            let outcome = Err(error.to_string());
            return vec![Finding { what: format!("access to {name}"), outcome }];
        }
    };
    let projects = config.select_projects("ALL", name).unwrap_or_default();
    let wanted = projects.iter().filter(|project| wanted.is_none_or(|wanted| wanted == *project));
    let source = &source;
    let trying = wanted.map(|project| async move {
        let what = format!("{name} for {project}");
        let _reserved = memory.reserve(plugin.limits().memory).await;
        Finding { what, outcome: one_project(source, project).await }
    });
    stream::iter(trying).buffered(AT_ONCE).collect().await
}

async fn one_project(source: &Datasource<'_>, project: &str) -> Result<String, String> {
    let context =
        source.context(project, jiff::Timestamp::now()).map_err(|error| error.to_string())?;
    let label = format!("{project} check");
    let session = source.access().session(label.clone(), None, Arc::default());
    let instance = source.access().instantiate(label, session, context.now).await;
    let mut instance = instance.map_err(|error| error.to_string())?;
    instance.check(&context).await.map_err(|error| error.to_string())
}

/// What a run would find: whether the database exists, grants the privileges, and has not drifted.
async fn database(
    common: &Common,
    config: &Config,
    installed: &Installed,
    environment: &Environment,
) -> Vec<Finding> {
    let outcome = async {
        let target = context::database(common, Some(config), environment)?;
        let store = context::connect(&target, 1).await?;
        let rights = store.check_privileges().await;
        Ok((store, rights))
    };
    let (store, rights) = match outcome.await {
        Ok(connected) => connected,
        Err(error) => return vec![database_finding(Err(error))],
    };
    let mut findings =
        vec![database_finding(rights.map(|()| store.name()).map_err(anyhow::Error::from))];
    let troubles = health::troubles(&store, Some(config), Some(installed)).await;
    findings.extend(troubles.into_iter().map(|trouble| Finding {
        what: trouble.what,
        outcome: if trouble.is_failure { Err(trouble.message) } else { Ok(trouble.message) },
    }));
    store.close().await;
    findings
}

fn database_finding(outcome: anyhow::Result<String>) -> Finding {
    Finding { what: "database".into(), outcome: outcome.map_err(|error| format!("{error:#}")) }
}

fn tell(format: Format, findings: &[Finding]) -> anyhow::Result<Exit> {
    let failed = findings.iter().filter(|finding| finding.outcome.is_err()).count();
    if format == Format::Json {
        let list: Vec<_> = findings
            .iter()
            .map(|Finding { what, outcome }| match outcome {
                Ok(answer) => json!({ "what": what, "ok": true, "answer": answer }),
                Err(error) => json!({ "what": what, "ok": false, "answer": error }),
            })
            .collect();
        output::json(&json!(list))?;
    } else {
        for Finding { what, outcome } in findings {
            match outcome {
                Ok(answer) => say!("ok      {what}: {answer}")?,
                Err(error) => say!("FAILED  {what}: {error}")?,
            }
        }
        say!("{} tried, {failed} failed", findings.len())?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}
