// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin check`: whether a plugin does what the host relies on, rule by rule.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use crate::cli::args::{Format, PluginCheckArgs};
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::config::{Config, Environment};
use crate::conformance::{self, Difference, Evidence, Finding, Findings, Rule, Scenario, Staged};
use crate::fixtures::{self, Fixture};
use crate::misuse::Misuse;
use crate::plugin::{Plugin, PluginError, Runtime};
use crate::pump::load_one;

/// The folder of the fixtures, where no other is named.
const FIXTURES: &str = "fixtures";

/// Tries a plugin's file with recorded fixtures, without a network, and tells per rule whether
/// it holds.
///
/// # Errors
///
/// [`Misuse`] when the configuration does not fit the plugin or its fixtures; else what the
/// file is instead of a plugin, or a recording that cannot be read.
pub async fn check(args: &PluginCheckArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let config = Config::load(common.config.file())?;
    let runtime = Runtime::new(None)?;
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
        return Err(Misuse::new(format!(
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
        match (finding.broken, finding.not_tried) {
            (0, 0) => Outcome::Holds,
            (0, _) => Outcome::NotTried,
            _ => Outcome::Broken,
        }
    }
}

/// What is told.
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
        let passes = rules.iter().all(|(_, _, outcome)| match outcome {
            Outcome::Holds => true,
            Outcome::Broken => false,
            Outcome::NotTried => partial,
        });
        Answer { rules, notes: &findings.notes, passes }
    }

    fn count(&self, wanted: Outcome) -> usize {
        self.rules.iter().filter(|(_, _, outcome)| *outcome == wanted).count()
    }

    fn verdict(&self) -> String {
        let (broken, not_tried) = (self.count(Outcome::Broken), self.count(Outcome::NotTried));
        match (broken, not_tried) {
            (0, 0) => format!("all {} rules hold", self.rules.len()),
            (0, _) => format!(
                "no rule is broken, {not_tried} of {} were not tried everywhere{}",
                self.rules.len(),
                if self.passes { "" } else { " (--partial lets that pass)" }
            ),
            (1, _) => format!("1 of {} rules is broken", self.rules.len()),
            _ => format!("{broken} of {} rules are broken", self.rules.len()),
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
                    "not-tried": finding.not_tried,
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
