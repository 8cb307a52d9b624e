// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin check`: checks, rule by rule, that a plugin does what the host relies on.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cli::args::{Format, PluginCheckArgs};
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::config::{Config, Environment};
use crate::conformance::{self, Difference, Evidence, Finding, Findings, Rule, Scenario, Staged};
use crate::fixtures::{self, Fixture};
use crate::plugin::{Plugin, PluginError, Runtime};
use crate::source::load_one;
use crate::usage_error::UsageError;

/// The folder of the fixtures, where no other is named.
const FIXTURES: &str = "fixtures";

/// Tries a plugin's file with recorded fixtures, without a network, and tells per rule whether
/// it holds.
///
/// # Errors
///
/// [`UsageError`] when the configuration does not fit the plugin or its fixtures; else what the
/// file is instead of a plugin, or a recording that cannot be read.
pub async fn check(args: &PluginCheckArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let config = Config::load(common.config.file())?;
    let runtime = Runtime::new()?;
    let findings = match load_one(&config, &runtime, &args.file).await {
        Ok(plugin) => try_all(&config, args, &plugin).await?,
        Err(error) => {
            let broken = error.downcast_ref::<PluginError>();
            let Some(mut findings) = broken.and_then(conformance::of_load_error) else {
                return Err(error);
            };
            let scenario = Scenario::of("everything else", "a run");
            conformance::nothing_recorded(&mut findings, &scenario, "the file was not loaded");
            findings
        }
    };
    let answer = Answer::new(&findings, args.partial);
    match common.output.format {
        Format::Json => output::json(&answer.json(&args.file))?,
        Format::Human => answer.say(&args.file)?,
    }
    Ok(if answer.passes { Exit::Done } else { Exit::Failed })
}

async fn try_all(
    config: &Config,
    args: &PluginCheckArgs,
    plugin: &Arc<Plugin>,
) -> anyhow::Result<Findings> {
    let folder = args.fixtures.clone().unwrap_or_else(|| config.resolve_path(Path::new(FIXTURES)));
    let fixtures = wanted(args, &folder)?;
    let environment = Environment::of_process();
    let staged = fixtures
        .iter()
        .map(|fixture| {
            Ok(Staged {
                fixture: format!("{}/{}", fixture.project, fixture.report),
                report: fixture.report.clone(),
                stage: Arc::new(conformance::stage(config, &environment, plugin, fixture)?),
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut findings = conformance::check(plugin, staged).await?;
    for report in &plugin.description.reports {
        let is_wanted = args.report.as_ref().is_none_or(|wanted| *wanted == report.name);
        if is_wanted && !fixtures.iter().any(|fixture| fixture.report == report.name) {
            let scenario = Scenario::of(&report.name, "a run");
            let reason = format!("there are no fixtures in {}", folder.display());
            conformance::nothing_recorded(&mut findings, &scenario, &reason);
        }
    }
    Ok(findings)
}

/// The fixtures that are asked for. A folder that nobody named need not be there.
fn wanted(args: &PluginCheckArgs, folder: &Path) -> anyhow::Result<Vec<Fixture>> {
    if args.fixtures.is_none() && !folder.exists() {
        return Ok(Vec::new());
    }
    let mut fixtures = fixtures::find(folder)?;
    let is = |wanted: &Option<String>, found: &String| {
        wanted.as_ref().is_none_or(|wanted| wanted == found)
    };
    fixtures
        .retain(|fixture| is(&args.project, &fixture.project) && is(&args.report, &fixture.report));
    if fixtures.is_empty() && (args.project.is_some() || args.report.is_some()) {
        let asked = [&args.project, &args.report].map(|name| name.as_deref().unwrap_or("*"));
        return Err(UsageError::new(format!(
            "{} has no recording {}.har",
            folder.display(),
            asked.join("/")
        ))
        .into());
    }
    Ok(fixtures)
}

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Holds,
    Broken,
    NotTried,
}

impl Outcome {
    fn of(finding: &Finding) -> Outcome {
        match (finding.broken, finding.not_tried, finding.tried) {
            (0, 0, 1..) => Outcome::Holds,
            (0, _, _) => Outcome::NotTried,
            _ => Outcome::Broken,
        }
    }
}

/// The output.
struct Answer<'a> {
    rules: Vec<(Rule, Finding, Outcome)>,
    notes: &'a [String],
    passes: bool,
}

impl<'a> Answer<'a> {
    fn new(findings: &'a Findings, partial: bool) -> Answer<'a> {
        let judged = |rule| {
            let finding = findings.of(rule);
            let outcome = Outcome::of(&finding);
            (rule, finding, outcome)
        };
        let rules: Vec<_> = Rule::all().into_iter().map(judged).collect();
        let passes = rules.iter().all(|(_, finding, outcome)| match outcome {
            Outcome::Holds => true,
            Outcome::Broken => false,
            // Where there was nothing to try it with, nothing is missing: such as half of a JSON
            // document for a plugin that reads none.
            Outcome::NotTried => partial || finding.not_tried == 0,
        });
        Answer { rules, notes: &findings.notes, passes }
    }

    fn count(&self, wanted: Outcome) -> usize {
        self.rules.iter().filter(|(_, _, outcome)| *outcome == wanted).count()
    }

    fn verdict(&self) -> String {
        let (broken, not_tried) = (self.count(Outcome::Broken), self.count(Outcome::NotTried));
        let all = self.rules.len();
        let has_gaps = self.rules.iter().any(|(_, finding, _)| finding.not_tried > 0);
        match (broken, not_tried) {
            (0, 0) => format!("all {all} rules hold"),
            (0, _) if !has_gaps => {
                let hold = self.count(Outcome::Holds);
                format!("{hold} of {all} rules hold, and there is nothing to try the others with")
            }
            (0, _) => format!(
                "no rule is broken, {not_tried} of {all} were not tried everywhere{}",
                if self.passes { "" } else { " (--partial lets that pass)" }
            ),
            (1, _) => format!("1 of {all} rules is broken"),
            _ => format!("{broken} of {all} rules are broken"),
        }
    }

    fn json(&self, file: &Path) -> serde_json::Value {
        let rules: Vec<_> = self
            .rules
            .iter()
            .map(|(rule, finding, outcome)| {
                json!({
                    "rule": rule.to_string(),
                    "meaning": rule.meaning(),
                    "outcome": match outcome {
                        Outcome::Holds => "holds",
                        Outcome::Broken => "broken",
                        Outcome::NotTried => "not-tried",
                    },
                    "tried": finding.tried,
                    "broken": finding.broken,
                    "evidence": finding.evidence,
                    "not_tried": finding.not_tried,
                    "gaps": finding.gaps,
                })
            })
            .collect();
        json!({
            "file": file,
            "passes": self.passes,
            "verdict": self.verdict(),
            "rules": rules,
            "notes": self.notes,
        })
    }

    fn say(&self, file: &Path) -> std::io::Result<()> {
        for (rule, finding, outcome) in &self.rules {
            match outcome {
                Outcome::Holds => say!("ok         {rule} ({})", times(finding.tried))?,
                Outcome::Broken => say_broken(*rule, finding)?,
                Outcome::NotTried => say_not_tried(*rule, finding)?,
            }
        }
        for note in self.notes {
            say!("note: {note}")?;
        }
        say!("{}: {}", file.display(), self.verdict())
    }
}

fn say_broken(rule: Rule, finding: &Finding) -> std::io::Result<()> {
    let Finding { broken, tried, .. } = finding;
    say!("BROKEN     {rule} ({broken} of {})", times((*tried).max(*broken)))?;
    say!("           {}", rule.meaning())?;
    for evidence in &finding.evidence {
        say_evidence(evidence)?;
    }
    let shown = finding.evidence.len() as u64;
    if *broken > shown {
        say!("         - and {} more like these", broken - shown)?;
    }
    Ok(())
}

fn say_evidence(evidence: &Evidence) -> std::io::Result<()> {
    let Evidence { fixture, partition, scenario, found, exchanges, rows } = evidence;
    let partition = partition.as_ref().map_or_else(String::new, |id| format!(" {id}"));
    say!("         - {fixture}{partition}, {scenario}")?;
    say!("           {found}")?;
    for exchange in exchanges {
        say!("             {exchange}")?;
    }
    for difference in rows {
        let Difference { table, missing, extra, different } = difference;
        for (what, sample) in [("missing", missing), ("extra", extra), ("different", different)] {
            if sample.count > 0 {
                let more = if sample.count > sample.first.len() { ", …" } else { "" };
                let first = sample.first.join(", ");
                say!("             {table}: {} {what}: {first}{more}", sample.count)?;
            }
        }
    }
    Ok(())
}

fn say_not_tried(rule: Rule, finding: &Finding) -> std::io::Result<()> {
    if finding.not_tried == 0 {
        return say!("not tried  {rule} (the recordings have nothing to try it with)");
    }
    let all = times(finding.tried.max(finding.not_tried));
    say!("not tried  {rule} ({} of {all})", finding.not_tried)?;
    for gap in &finding.gaps {
        say!("         - {}: {}", gap.scenario, gap.reason)?;
    }
    let shown = finding.gaps.len() as u64;
    if finding.not_tried > shown {
        say!("         - and {} more", finding.not_tried - shown)?;
    }
    Ok(())
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_string(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every rule was tried once, but for those that `but` changes.
    fn findings(but: impl FnOnce(&mut Findings), untouched: &[Rule]) -> Findings {
        let mut findings = Findings::default();
        Rule::all()
            .into_iter()
            .filter(|rule| !untouched.contains(rule))
            .for_each(|rule| findings.tried(rule));
        but(&mut findings);
        findings
    }

    fn outcome(findings: &Findings, rule: Rule) -> Outcome {
        Outcome::of(&findings.of(rule))
    }

    #[test]
    fn a_rule_that_was_tried_no_time_is_not_said_to_hold() {
        let rule = Rule::FollowsPages;
        let findings = findings(|_| {}, &[rule]);
        assert_eq!(outcome(&findings, rule), Outcome::NotTried);
        let answer = Answer::new(&findings, false);
        let all = Rule::all().len();
        let hold = format!("{} of {all} rules hold, and there is nothing", all - 1);
        assert!(answer.passes && answer.verdict().starts_with(&hold), "{}", answer.verdict());
        let json = answer.json(Path::new("x.wasm"));
        let of_rule = json["rules"].as_array().unwrap().iter();
        let of_rule: Vec<_> = of_rule.filter(|told| told["outcome"] == "not-tried").collect();
        assert_eq!(of_rule.len(), 1);
        assert_eq!(
            (&of_rule[0]["rule"], &of_rule[0]["tried"]),
            (&"follows-pages".into(), &0.into())
        );
    }

    #[test]
    fn what_no_recording_answers_passes_only_with_partial() {
        let gap = |findings: &mut Findings| {
            findings.not_tried(Rule::FollowsPages, &Scenario::of("f/r", "a run"), "not recorded");
        };
        let findings = findings(gap, &[]);
        assert_eq!(outcome(&findings, Rule::FollowsPages), Outcome::NotTried);
        assert!(!Answer::new(&findings, false).passes);
        assert!(Answer::new(&findings, true).passes);
        assert!(Answer::new(&findings, false).verdict().contains("not tried everywhere"));
    }
}
