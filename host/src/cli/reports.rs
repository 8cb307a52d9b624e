// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `reports`: lists the reports that can be run.

use serde_json::json;

use super::args::{Configured, Format};
use super::exit::Exit;
use super::output::{self, say};
use crate::config::Config;
use crate::plugin::Runtime;
use crate::source::Installed;

/// Lists every report of every configured plugin.
///
/// # Errors
///
/// When the configuration cannot be read. A plugin that cannot be loaded is shown as such,
/// and makes the command fail at its end.
pub async fn reports(common: &Configured) -> anyhow::Result<Exit> {
    let config = Config::load(common.config.file())?;
    let installed = Installed::load(&config, &Runtime::new()?).await?;
    let mut exit = Exit::Done;
    let mut table = output::table(["report", "plugin", "fills", "answers"]);
    let mut settings = output::table(["plugin", "setting", "needed", "what it is"]);
    let mut plugins = Vec::new();
    for (name, plugin) in installed.all() {
        let plugin = match plugin {
            Ok(plugin) => plugin,
            Err(error) => {
                output::error(format_args!("{name}: {error}"));
                exit = Exit::Failed;
                continue;
            }
        };
        let description = &plugin.description;
        for report in &description.reports {
            let plugin = format!("{name} {}", description.version);
            let tables = report.tables.join("\n");
            table.add_row([&report.name, &plugin, &tables, &report.description]);
        }
        for setting in &description.settings {
            let needed = if setting.required { "yes" } else { "" };
            settings.add_row([name, &setting.name, needed, &setting.description]);
        }
        plugins.push(json!({
            "plugin": name,
            "version": description.version,
            "reports": description.reports,
            "settings": description.settings,
        }));
    }
    if common.output.format == Format::Json {
        output::json(&json!(plugins))?;
        return Ok(exit);
    }
    say!("{table}")?;
    say!("\nSettings of a project, under [projects.NAME.PLUGIN]:\n{settings}")?;
    let projects: Vec<&str> = config.projects.keys().map(String::as_str).collect();
    say!("\nProjects: {}, or ALL", projects.join(", "))?;
    Ok(exit)
}
