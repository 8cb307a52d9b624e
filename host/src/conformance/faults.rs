// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Injects faults: every fault in turn, at one request after another.

use std::sync::Arc;

use test_dashboard_model::{FailureKind, Partition};

use super::findings::{Findings, Scenario, evidence_at};
use super::reading::{Read, Stage, Stop, Variation};
use super::rehearsal::{Breakage, Exchange, Fault};
use super::rules::{Rule, fitting};
use super::side_by_side;
use super::whole::{Part, Run};

/// At how many requests of a plan or a partition faults are put in, when there are more.
const MOST_REQUESTS: usize = 30;

/// A plugin that makes this many times the requests of an undisturbed run, and some, does not
/// stop by itself.
const PATIENCE: u64 = 10;

/// Tries every fault at the requests of the plan and of every partition. The undisturbed run
/// `base` says what the right rows are.
///
/// # Errors
///
/// When a task of the check ends without an answer.
pub async fn try_all(
    stage: &Arc<Stage>,
    base: &Arc<Run>,
    fixture: &str,
) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let mut jobs = Vec::new();
    for part in std::iter::once(None).chain((0..base.parts.len()).map(Some)) {
        let exchanges = exchanges_of(base, part);
        let chosen = chosen(exchanges.len());
        if chosen.len() < exchanges.len() {
            let (of, part) = (exchanges.len(), partition_of(base, part).unwrap_or("plan"));
            let some = chosen.len();
            findings.notes.push(format!("{fixture} {part}: faults at {some} of its {of} requests, the first, the last, and evenly between"));
        }
        for at in chosen {
            let Some(exchange) = exchanges.get(at - 1) else { continue };
            let fits = Fault::ALL.into_iter().filter(|fault| fault.can_replace(&exchange.answer));
            jobs.extend(fits.map(|fault| Trial {
                stage: Arc::clone(stage),
                base: Arc::clone(base),
                part,
                fixture: fixture.to_string(),
                fault,
                at,
            }));
        }
    }
    for found in side_by_side(jobs.into_iter().map(Trial::run)).await? {
        findings.add(found);
    }
    Ok(findings)
}

fn exchanges_of(base: &Run, part: Option<usize>) -> &[Exchange] {
    match part.and_then(|index| base.parts.get(index)) {
        None => &base.planned.exchanges,
        Some(part) => &part.read.exchanges,
    }
}

fn partition_of(base: &Run, part: Option<usize>) -> Option<&str> {
    part.and_then(|index| base.parts.get(index)).map(|part| part.partition.id.as_str())
}

/// The requests at which faults are put in, counted from 1: all, or the first, the last, and
/// evenly spread ones.
fn chosen(requests: usize) -> Vec<usize> {
    if requests <= MOST_REQUESTS {
        return (1..=requests).collect();
    }
    (0..MOST_REQUESTS).map(|i| 1 + i * (requests - 1) / (MOST_REQUESTS - 1)).collect()
}

/// One fault at one request of the plan or of a partition.
struct Trial {
    stage: Arc<Stage>,
    base: Arc<Run>,
    /// The partition's place in the plan; none for the plan itself.
    part: Option<usize>,
    fixture: String,
    fault: Fault,
    at: usize,
}

impl Trial {
    async fn run(self) -> Findings {
        let mut findings = Findings::default();
        let asked_again = self.attempt(false, &mut findings).await;
        // A fault that nobody meets again is the same, whether it lasts or not.
        if asked_again {
            self.attempt(true, &mut findings).await;
        } else {
            findings.tried(self.rule());
        }
        findings
    }

    fn rule(&self) -> Rule {
        Rule::about(self.fault)
    }

    fn scenario(&self, lasts: bool) -> Scenario {
        let how_long = if lasts { "and from then on" } else { "once" };
        let at = ordinal(self.at);
        let place = if self.part.is_none() { " of the plan" } else { "" };
        let words = format!("{} at the {at} request{place}, {how_long}", self.fault);
        let partition = partition_of(&self.base, self.part).map(str::to_string);
        Scenario { fixture: self.fixture.clone(), partition, words }
    }

    /// Tries it; tells whether the request that was hit was made again.
    async fn attempt(&self, lasts: bool, findings: &mut Findings) -> bool {
        findings.tried(self.rule());
        findings.ran();
        let before = exchanges_of(&self.base, self.part).len() as u64;
        let vary = Variation {
            breakage: Some(Breakage { fault: self.fault, at: self.at, lasts }),
            max_requests: Some(PATIENCE * before + 100),
            ..Variation::default()
        };
        let scenario = self.scenario(lasts);
        let exchanges = match self.part.and_then(|index| self.base.parts.get(index)) {
            None => self.plan(vary, &scenario, findings).await,
            Some(part) => self.read(part, vary, &scenario, findings).await,
        };
        let Some(hit) = exchanges.get(self.at - 1) else { return false };
        let is_same = |other: &Exchange| {
            other.method == hit.method && other.url == hit.url && other.body == hit.body
        };
        exchanges.iter().skip(self.at).any(is_same)
    }

    async fn plan(
        &self,
        vary: Variation,
        scenario: &Scenario,
        findings: &mut Findings,
    ) -> Vec<Exchange> {
        let planned = self.stage.plan(vary).await;
        match &planned.outcome {
            Ok(partitions) => {
                let expected = self.base.planned.outcome.as_deref().unwrap_or_default();
                if partitions.as_slice() != expected {
                    let found = format!(
                        "it planned {} partitions as if nothing had happened; without the fault there are {}: {}",
                        partitions.len(),
                        expected.len(),
                        difference(expected, partitions)
                    );
                    let at = self.at - 1;
                    let evidence = evidence_at(scenario, found, &planned.exchanges, at);
                    findings.broken(self.rule(), evidence);
                }
            }
            Err(stop) => {
                self.judge(stop, scenario, &planned.exchanges, findings);
            }
        }
        planned.exchanges
    }

    async fn read(
        &self,
        part: &Part,
        vary: Variation,
        scenario: &Scenario,
        findings: &mut Findings,
    ) -> Vec<Exchange> {
        let read = self.stage.read(&part.partition, &part.from, vary).await;
        match &read.stop {
            None => {
                let rows = expected(part).difference(&read.place.committed.tables);
                if !rows.is_empty() {
                    let found = "it ended as if the partition were complete, with different rows than without the fault";
                    let evidence = evidence_at(scenario, found, &read.exchanges, self.at - 1);
                    findings.broken(self.rule(), evidence.with_rows(rows));
                }
            }
            Some(stop) => {
                if self.judge(stop, scenario, &read.exchanges, findings) {
                    self.go_on(part, &read, scenario, findings).await;
                }
            }
        }
        read.exchanges
    }

    /// Whether the end is a failure that fits the fault.
    fn judge(
        &self,
        stop: &Stop,
        scenario: &Scenario,
        exchanges: &[Exchange],
        findings: &mut Findings,
    ) -> bool {
        let Stop::Failed(failure) = stop else {
            findings.stopped(self.rule(), scenario, stop, exchanges);
            return false;
        };
        let fitting = fitting(self.fault);
        if fitting.contains(&failure.kind) {
            return true;
        }
        let kinds: Vec<String> = fitting.iter().map(FailureKind::to_string).collect();
        let found = format!(
            "it failed as {} ({}), which does not fit: expected {}",
            failure.kind,
            failure.message,
            kinds.join(" or ")
        );
        findings.broken(self.rule(), evidence_at(scenario, found, exchanges, self.at - 1));
        false
    }

    /// After the failure the service is well again, and the next run begins at what was last
    /// committed. Where an undisturbed run was at the same place, going on from there is
    /// tried by a rule of its own.
    async fn go_on(&self, part: &Part, read: &Read, scenario: &Scenario, findings: &mut Findings) {
        let known = std::iter::once(&part.from).chain(&part.read.commits);
        let now = &read.place.committed;
        if known.map(|place| &place.committed).any(|committed| {
            committed.checkpoint == now.checkpoint && committed.tables.is_same(&now.tables)
        }) {
            return;
        }
        findings.ran();
        let resumed = self.stage.read(&part.partition, &read.place, Variation::default()).await;
        let scenario = Scenario {
            words: format!("{}, then a run from its last checkpoint", scenario.words),
            ..scenario.clone()
        };
        if let Some(stop) = &resumed.stop {
            findings.stopped(self.rule(), &scenario, stop, &resumed.exchanges);
            return;
        }
        let rows = expected(part).difference(&resumed.place.committed.tables);
        if !rows.is_empty() {
            let found =
                "the run after the failure ended with different rows than an undisturbed one";
            let evidence = evidence_at(&scenario, found, &read.exchanges, self.at - 1);
            findings.broken(self.rule(), evidence.with_rows(rows));
        }
    }
}

fn expected(part: &Part) -> &super::tables::Tables {
    &part.read.place.committed.tables
}

/// The first few partitions that are only in one of the two.
pub fn difference(expected: &[Partition], found: &[Partition]) -> String {
    const SHOWN: usize = 3;
    let only = |a: &[Partition], b: &[Partition]| {
        let ids: Vec<&str> =
            a.iter().filter(|p| !b.contains(p)).map(|p| p.id.as_str()).take(SHOWN).collect();
        if ids.is_empty() { "none".to_string() } else { ids.join(", ") }
    };
    format!("missing or different {}; new {}", only(expected, found), only(found, expected))
}

fn ordinal(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (1, n) if n != 11 => "st",
        (2, n) if n != 12 => "nd",
        (3, n) if n != 13 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_requests_are_chosen_or_the_first_the_last_and_evenly_spread_ones() {
        assert_eq!(chosen(0), [0; 0]);
        assert_eq!(chosen(30), (1..=30).collect::<Vec<_>>());
        for requests in [31, 57, 1000] {
            let chosen = chosen(requests);
            assert_eq!((chosen.len(), chosen[0], chosen[29]), (30, 1, requests));
            assert!(chosen.is_sorted_by(|a, b| a < b), "{chosen:?}");
        }
    }

    #[test]
    fn numbers_are_said_as_a_person_says_them() {
        let said: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).into();
        let expected =
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"];
        assert_eq!(said, expected);
    }
}
