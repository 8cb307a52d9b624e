// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The shipped plugins over their own recordings, as `make demo` runs them.

use super::{Database, Ended, Workplace, built, repository};

/// The demo's configuration: all plugins, and every project that has recordings.
pub struct Demo {
    pub place: Workplace,
    pub configuration: String,
}

impl Demo {
    /// A folder of its own, and no database yet.
    pub fn new() -> Self {
        for plugin in ["bitrise", "github", "taskcluster", "testrail"] {
            built(&format!("plugins/{plugin}.wasm"));
        }
        let configuration = repository().join("demo/test-dashboard.toml");
        Demo { place: Workplace::new(""), configuration: configuration.display().to_string() }
    }

    /// Runs the program with the demo's configuration.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let common = ["--config", &self.configuration, "--format", "json"];
        self.place.run(&[arguments, &common].concat())
    }

    /// Every report with its plugin, as the program tells them.
    pub fn reports(&self) -> Vec<(String, String)> {
        let told = self.run(&["reports"]).expect_code(0).json();
        let plugins = told.as_array().unwrap().iter();
        plugins
            .flat_map(|plugin| {
                let name = plugin["plugin"].as_str().unwrap();
                let reports = plugin["reports"].as_array().unwrap().iter();
                reports.map(move |report| (name.into(), report["name"].as_str().unwrap().into()))
            })
            .collect()
    }

    /// Pumps a report of all projects, and gives its totals.
    #[track_caller]
    pub fn pump(&self, plugin: &str, report: &str, database: &Database) -> serde_json::Value {
        let recordings = repository().join("plugins").join(plugin).join("fixtures");
        let recordings = recordings.to_str().unwrap();
        let what = ["run", "--project", "ALL", "--report-type", report, "--replay", recordings];
        let ended = self.run(&[&what[..], &["--database", &database.url]].concat());
        ended.expect_code(0).json()["total"].clone()
    }
}
