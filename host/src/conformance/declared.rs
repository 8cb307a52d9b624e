// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The rules about a plugin's declarations, which need no recording.

use jiff::Timestamp;

use super::findings::{Findings, Scenario, evidence};
use super::rules::Rule;
use crate::plugin::{InstanceOptions, Plugin, PluginError};

/// The times that fresh instances are shown: a description that differs among them has the
/// clock in it.
const CLOCKS: [&str; 3] = ["1970-01-01T00:00:00Z", "2026-03-01T12:00:00Z", "2099-12-31T23:59:59Z"];

/// Asks fresh instances to describe themselves and compares.
pub async fn check(plugin: &Plugin) -> Findings {
    let mut findings = Findings::default();
    // It was loaded, and that is refused to what declares the impossible.
    findings.tried(Rule::DeclaresWhatCanBe);
    for clock in CLOCKS {
        findings.tried(Rule::DescribesItselfTheSame);
        let scenario = Scenario::of("describe", format!("a fresh instance, its clock at {clock}"));
        let now = clock.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let options = InstanceOptions { now, ..InstanceOptions::offline(&plugin.path) };
        let described = async { plugin.instantiate(options).await?.describe().await }.await;
        let found = match described {
            Ok(description) if description == plugin.description => continue,
            Ok(_) => "its description differs from the one when it was loaded".to_string(),
            Err(error) => error.to_string(),
        };
        findings.broken(Rule::DescribesItselfTheSame, evidence(&scenario, found, &[]));
    }
    findings
}

/// The rule that a plugin broke which could not be loaded; none where the file is no plugin.
pub fn of_load_error(error: &PluginError) -> Option<Findings> {
    let rule = match error {
        PluginError::Declaration { .. } => Rule::DeclaresWhatCanBe,
        PluginError::Contract { .. } => Rule::DescribesItselfTheSame,
        PluginError::Trap { .. } => Rule::DoesNotCrash,
        PluginError::Budget { .. } => Rule::StaysInItsBudgets,
        _ => return None,
    };
    let mut findings = Findings::default();
    let scenario = Scenario::of("describe", "loading the file");
    findings.broken(rule, evidence(&scenario, error.to_string(), &[]));
    Some(findings)
}
