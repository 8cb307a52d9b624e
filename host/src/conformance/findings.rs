// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The results of a check: per rule, how often it was tried, the evidence against it, and what
//! could not be tried.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reading::Stop;
use super::rehearsal::Exchange;
use super::rules::Rule;
use super::tables::Difference;

/// How many pieces of evidence, and how many gaps, are kept of each rule.
const KEPT: usize = 3;
/// How many exchanges are shown around the one that matters.
const AROUND: usize = 2;
/// How many exchanges are shown where none matters more than the others.
const LAST: usize = 5;

/// What was tried where.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Project and report: `fenix/issues`.
    pub fixture: String,
    /// The partition, where one was read.
    pub partition: Option<String>,
    /// What was done, in words: `429 at the 3rd request, once`.
    pub words: String,
}

impl Scenario {
    /// Something done with a whole fixture.
    pub fn of(fixture: &str, words: impl Into<String>) -> Scenario {
        Scenario { fixture: fixture.to_string(), partition: None, words: words.into() }
    }

    /// The same with one partition.
    #[must_use]
    pub fn in_partition(self, partition: &str) -> Scenario {
        Scenario { partition: Some(partition.to_string()), ..self }
    }
}

/// What shows that a rule is broken.
#[derive(Debug, Clone, Serialize)]
pub struct Evidence {
    /// Project and report.
    pub fixture: String,
    /// The partition, where one was read.
    pub partition: Option<String>,
    /// What was done.
    pub scenario: String,
    /// What came of it.
    pub found: String,
    /// The exchanges that show it, each with its number.
    pub exchanges: Vec<String>,
    /// The rows that are not what they should be.
    pub rows: Vec<Difference>,
}

/// Something that could not be tried.
#[derive(Debug, Clone, Serialize)]
pub struct Gap {
    /// Where, and what would have been done.
    pub scenario: String,
    /// Why it could not.
    pub reason: String,
}

/// What is known of one rule.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// How often it was tried.
    pub tried: u64,
    /// The first pieces of evidence against it.
    pub evidence: Vec<Evidence>,
    /// How often it was broken.
    pub broken: u64,
    /// The first things that could not be tried.
    pub gaps: Vec<Gap>,
    /// How many could not.
    pub not_tried: u64,
}

/// What is known of all rules.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    by_rule: BTreeMap<Rule, Finding>,
    /// What a reader of the answer should know besides.
    pub notes: Vec<String>,
}

impl Findings {
    /// What is known of a rule.
    pub fn of(&self, rule: Rule) -> Finding {
        self.by_rule.get(&rule).cloned().unwrap_or_default()
    }

    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: Findings) {
        for (rule, mut finding) in other.by_rule {
            let own = self.by_rule.entry(rule).or_default();
            own.tried += finding.tried;
            own.broken += finding.broken;
            own.not_tried += finding.not_tried;
            own.evidence.append(&mut finding.evidence);
            own.evidence.truncate(KEPT);
            own.gaps.append(&mut finding.gaps);
            own.gaps.truncate(KEPT);
        }
        self.notes.extend(other.notes);
    }

    /// A rule was tried once more.
    pub fn tried(&mut self, rule: Rule) {
        self.by_rule.entry(rule).or_default().tried += 1;
    }

    /// The plugin ran once more: every rule that holds throughout was tried.
    pub fn ran(&mut self) {
        Rule::all().into_iter().filter(|rule| rule.holds_throughout()).for_each(|r| self.tried(r));
    }

    /// A rule is broken.
    pub fn broken(&mut self, rule: Rule, evidence: Evidence) {
        let finding = self.by_rule.entry(rule).or_default();
        finding.broken += 1;
        if finding.evidence.len() < KEPT {
            finding.evidence.push(evidence);
        }
    }

    /// A rule could not be tried.
    pub fn not_tried(&mut self, rule: Rule, scenario: &Scenario, reason: impl Into<String>) {
        let finding = self.by_rule.entry(rule).or_default();
        finding.not_tried += 1;
        if finding.gaps.len() < KEPT {
            let at = match &scenario.partition {
                Some(partition) => format!("{} {partition}", scenario.fixture),
                None => scenario.fixture.clone(),
            };
            let scenario = format!("{at}, {}", scenario.words);
            finding.gaps.push(Gap { scenario, reason: reason.into() });
        }
    }

    /// A run for the sake of `rule` came to no good end.
    pub fn stopped(
        &mut self,
        rule: Rule,
        scenario: &Scenario,
        stop: &Stop,
        exchanges: &[Exchange],
    ) {
        match stop {
            Stop::NotRecorded(_) => self.not_tried(rule, scenario, stop.to_string()),
            // The rule that it was tried for says nothing of this; another one does.
            Stop::Broke(broken, _) => {
                self.broken(*broken, evidence(scenario, stop.to_string(), exchanges));
            }
            Stop::Failed(_) => self.broken(rule, evidence(scenario, stop.to_string(), exchanges)),
        }
    }
}

/// Evidence with the last exchanges of a run.
pub fn evidence(scenario: &Scenario, found: impl Into<String>, exchanges: &[Exchange]) -> Evidence {
    let from = exchanges.len().saturating_sub(LAST);
    made(scenario, found.into(), told(exchanges, from..exchanges.len()))
}

/// Evidence with the exchanges around one of them; `at` counts from 0.
pub fn evidence_at(
    scenario: &Scenario,
    found: impl Into<String>,
    exchanges: &[Exchange],
    at: usize,
) -> Evidence {
    let to = (at + AROUND + 1).min(exchanges.len());
    made(scenario, found.into(), told(exchanges, at.saturating_sub(AROUND)..to))
}

fn made(scenario: &Scenario, found: String, exchanges: Vec<String>) -> Evidence {
    Evidence {
        fixture: scenario.fixture.clone(),
        partition: scenario.partition.clone(),
        scenario: scenario.words.clone(),
        found,
        exchanges,
        rows: Vec::new(),
    }
}

fn told(exchanges: &[Exchange], range: std::ops::Range<usize>) -> Vec<String> {
    let numbered = exchanges.iter().enumerate().skip(range.start).take(range.len());
    numbered.map(|(index, exchange)| format!("{}. {exchange}", index + 1)).collect()
}

impl Evidence {
    /// The same, with rows that show it.
    #[must_use]
    pub fn with_rows(self, rows: Vec<Difference>) -> Evidence {
        Evidence { rows, ..self }
    }
}
