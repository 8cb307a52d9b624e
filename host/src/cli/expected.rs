// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Which reports of which projects the configuration asks for, without loading a plugin.
//!
//! `[schedule]` names reports, a project has settings for datasources, and only a plugin says
//! which of these has a report. So each run leaves in the database what its plugin has.

use std::collections::{BTreeMap, BTreeSet};

use test_dashboard_store::ReportKey;

use crate::config::Config;

/// What `[schedule]` asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its reports, each of all projects that have settings for the report's datasource.
    pub keys: Vec<ReportKey>,
    /// Its reports of which it is not known whose they are.
    pub unknown: Vec<String>,
}

impl Expected {
    /// By what each plugin had when it was run last, and the reports that were read.
    pub fn of(
        config: &Config,
        offered: &BTreeMap<String, BTreeSet<String>>,
        read: &[ReportKey],
    ) -> Self {
        let mut expected = Expected::default();
        for report in config.schedule.keys() {
            let owners = config.datasources.keys().filter(|datasource| {
                offered.get(*datasource).is_some_and(|reports| reports.contains(report))
                    || read.iter().any(|k| k.report == *report && k.datasource == **datasource)
            });
            let owners: Vec<&String> = owners.collect();
            if owners.is_empty() && !may_be_unused(config, offered) {
                expected.unknown.push(report.clone());
            }
            for (project, settings) in &config.projects {
                let owners = owners.iter().filter(|owner| settings.contains_key(**owner));
                expected.keys.extend(owners.map(|owner| ReportKey {
                    project: project.clone(),
                    datasource: (*owner).clone(),
                    report: report.clone(),
                }));
            }
        }
        expected
    }
}

/// Whether the configuration still has the project, with settings for the datasource.
pub fn is_configured(config: &Config, key: &ReportKey) -> bool {
    let settings = config.projects.get(&key.project);
    settings.is_some_and(|settings| settings.contains_key(&key.datasource))
}

/// Whether a report that no known plugin has can be one of a datasource that no project has
/// settings for: it can be none of the others, all of which are known.
fn may_be_unused(config: &Config, offered: &BTreeMap<String, BTreeSet<String>>) -> bool {
    let is_used =
        |name: &&String| config.projects.values().any(|settings| settings.contains_key(*name));
    let (used, unused): (Vec<_>, Vec<_>) = config.datasources.keys().partition(is_used);
    used.iter().all(|name| offered.contains_key(*name))
        && unused.iter().any(|name| !offered.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    const CONFIG: &str = r#"
        [datasources.github]
        plugin = "github.wasm"
        [datasources.bitrise]
        plugin = "bitrise.wasm"
        [projects.fenix.github]
        [projects.focus.github]
        [projects.other]
        [schedule]
        issues = "1d"
        builds = "1d"
    "#;

    fn key(project: &str, datasource: &str, report: &str) -> ReportKey {
        let [project, datasource, report] = [project, datasource, report].map(String::from);
        ReportKey { project, datasource, report }
    }

    fn expected(config: &str, offered: &[(&str, &[&str])], read: &[ReportKey]) -> Expected {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        let offered = offered.iter().map(|(owner, reports)| (owner.to_string(), names(reports)));
        let config = Config::parse(config, &Environment::default()).unwrap();
        Expected::of(&config, &offered.collect(), read)
    }

    #[test]
    fn each_report_is_asked_for_of_the_projects_that_have_settings() {
        let issues = vec![key("fenix", "github", "issues"), key("focus", "github", "issues")];
        let Expected { keys, unknown } = expected(CONFIG, &[("github", &["issues"])], &[]);
        assert_eq!(keys, issues);
        assert!(unknown.is_empty(), "builds can only be of bitrise, which nobody has: {unknown:?}");

        let known: [(&str, &[&str]); 2] = [("github", &["issues"]), ("bitrise", &["builds"])];
        assert_eq!(expected(CONFIG, &known, &[]), Expected { keys: issues, unknown: vec![] });
        let with_bitrise = CONFIG.replace("[projects.other]", "[projects.other.bitrise]");
        assert!(
            expected(&with_bitrise, &known, &[]).keys.contains(&key("other", "bitrise", "builds"))
        );
    }

    #[test]
    fn a_report_whose_plugin_never_ran_is_unknown_and_so_is_one_that_no_plugin_has() {
        let unknown = expected(CONFIG, &[], &[]).unknown;
        assert_eq!(unknown, ["builds", "issues"]);
        let with_bitrise = CONFIG.replace("[projects.other]", "[projects.other.bitrise]");
        assert_eq!(expected(&with_bitrise, &[("github", &["issues"])], &[]).unknown, ["builds"]);
        let known: [(&str, &[&str]); 2] = [("github", &["issues"]), ("bitrise", &["artifacts"])];
        assert_eq!(expected(CONFIG, &known, &[]).unknown, ["builds"]);
    }

    #[test]
    fn what_was_read_before_plugins_left_what_they_have_is_known_all_the_same() {
        let read = [key("gone", "github", "issues")];
        let Expected { keys, unknown } = expected(CONFIG, &[], &read);
        assert_eq!(keys, [key("fenix", "github", "issues"), key("focus", "github", "issues")]);
        assert_eq!(unknown, ["builds"]);
    }
}
