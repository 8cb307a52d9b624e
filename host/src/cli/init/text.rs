// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The text of a first configuration: the shipped one with its comments, filled in with the
//! selected plugins and project.

use std::fmt::Write as _;

use toml_edit::Key;

use super::{Settings, Wanted};
use crate::cli::args::FirstEngine;
use crate::cli::plugin::shown::sentence;
use crate::lock::{Addition, add_datasource};

/// The shipped configuration. Its blocks are parted by empty lines.
const SHIPPED: &str = include_str!("../../../../test-dashboard.toml");

/// What stands in the shipped one where the engine is not said otherwise.
const ENGINE: &str = "${CLOUD_SQL_DATABASE_ENGINE:-mysql}";

/// The whole text.
pub fn configuration(wanted: &Wanted) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for block in SHIPPED.trim_end().split("\n\n") {
        match section(block) {
            Some("database") => blocks.push(database(block, wanted.engine)),
            Some(name) if name.starts_with("datasources.") => {
                let offered = wanted.plugins.iter().map(|(offered, _)| offered.addition());
                let mut named = offered.filter(|a| format!("datasources.{}", a.name) == name);
                blocks.extend(named.next().map(|addition| datasource(block, addition)));
            }
            Some(name) if name.starts_with("projects.") => {}
            // The projects come last, with the words about them before.
            _ if block.starts_with("# The projects:") => {
                blocks.extend(others(wanted));
                blocks.push(block.to_string());
            }
            _ => blocks.push(block.to_string()),
        }
    }
    blocks.extend(wanted.plugins.iter().map(|(offered, settings)| {
        let description = &offered.plugin().description;
        project(&wanted.project, &description.name, settings, &description.settings)
    }));
    blocks.join("\n\n") + "\n"
}

/// The section that a block begins, if any.
fn section(block: &str) -> Option<&str> {
    let header = block.lines().find(|line| line.starts_with('['))?;
    header.strip_prefix('[')?.split(']').next()
}

/// The database's block, for a server as it is shipped, or for a file.
fn database(block: &str, engine: FirstEngine) -> String {
    if engine != FirstEngine::Sqlite {
        let chosen = ENGINE.replace("mysql", &engine.to_string());
        return block.replace(ENGINE, &chosen);
    }
    let mut text = "# Where rows are written: a SQLite file beside this one. For a server, use the parts instead of\n# the url.\n[database]\nurl = \"sqlite:test-dashboard.sqlite\"\n".to_string();
    let parts = block.lines().skip_while(|line| !line.starts_with('[')).skip(1);
    for line in parts.filter(|line| !line.starts_with("# url = ")) {
        let mark = if line.starts_with('#') { "" } else { "# " };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{mark}{line}");
    }
    text.trim_end().to_string()
}

/// A shipped datasource's block, with the plugin's file where it is.
fn datasource(block: &str, addition: &Addition) -> String {
    let line = |line: &str| match line.starts_with("plugin = ") {
        true => format!("plugin = {:?}", addition.written_plugin()),
        false => line.to_string(),
    };
    block.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The sections of plugins that the shipped configuration does not know.
fn others(wanted: &Wanted) -> Vec<String> {
    let is_shipped = |addition: &Addition| {
        let name = format!("datasources.{}", addition.name);
        SHIPPED.split("\n\n").any(|block| section(block) == Some(&name))
    };
    let additions = wanted.plugins.iter().map(|(offered, _)| offered.addition());
    additions
        .filter(|addition| !is_shipped(addition))
        .filter_map(|addition| add_datasource("", addition).ok())
        .map(|section| section.trim_end().to_string())
        .collect()
}

/// A project's settings for a plugin, and in comments what it takes besides.
fn project(
    project: &str,
    plugin: &str,
    settings: &Settings,
    taken: &[test_dashboard_model::Setting],
) -> String {
    let mut text = format!("[projects.{}.{plugin}]\n", Key::new(project));
    for (name, value) in settings {
        let _ = writeln!(text, "{} = {value}", Key::new(name));
    }
    for setting in taken.iter().filter(|s| !settings.iter().any(|(name, _)| *name == s.name)) {
        let _ = writeln!(text, "# {}: {}", sentence(&setting.name), sentence(&setting.description));
    }
    text.trim_end().to_string()
}
