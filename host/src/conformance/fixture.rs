// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The checks of one fixture: the undisturbed run, and everything that must end with the same rows.

use std::sync::Arc;

use super::faults;
use super::findings::{Findings, Scenario, evidence, evidence_at};
use super::pages;
use super::reading::{Place, Stage, Stop, Variation};
use super::rehearsal::Exchange;
use super::rules::Rule;
use super::side_by_side;
use super::whole::{Part, Run};
use crate::plugin::printable;

/// The sizes of batches that are tried beside the usual one.
const SMALL_BATCHES: [u32; 2] = [1, 7];

/// What one fixture showed.
pub struct Examined {
    /// Per rule.
    pub findings: Findings,
    /// Of its pages, judged over all fixtures of a report; none of a run that failed.
    pub pages: Option<Pages>,
}

/// The pages of a run.
#[derive(Default)]
pub struct Pages {
    /// Whether a next page was asked for that an answer had named.
    pub followed: bool,
    /// The first answer that named one which nobody asked for: what it named, the number of
    /// the exchange, counted from 0, and all of them.
    pub passed_over: Option<(String, usize, Vec<Exchange>)>,
}

/// Tries everything that one fixture is good for.
///
/// # Errors
///
/// When a task of the check ends without an answer.
pub async fn examine(stage: Arc<Stage>, fixture: String) -> anyhow::Result<Examined> {
    let mut findings = Findings::default();
    let base = Arc::new(Run::new(&stage, Variation::default()).await);
    findings.ran();
    if !has_a_good_end(&base, &fixture, &mut findings) {
        return Ok(Examined { findings, pages: None });
    }
    let pages = Some(look_for_pages(&base.exchanges()));
    look_at_rows(&base, &fixture, &mut findings);
    look_for_the_unasked(&stage, &base, &fixture, &mut findings);
    if !is_the_same_twice(&stage, &base, &fixture, &mut findings).await {
        return Ok(Examined { findings, pages });
    }
    let small = with_small_batches(&stage, &base, &fixture, &mut findings).await;
    read_in_full(&stage, &base, &fixture, &mut findings).await;
    findings.add(resume(&stage, &base, small, &fixture).await?);
    findings.add(faults::try_all(&stage, &base, &fixture).await?);
    Ok(Examined { findings, pages })
}

/// Goes on from every checkpoint as [`examine`] does, and does nothing else: on a stage with
/// gaps, to record what that asks for.
///
/// # Errors
///
/// When a task ends without an answer.
pub async fn go_on_from_checkpoints(stage: &Arc<Stage>, fixture: &str) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let base = Arc::new(Run::new(stage, Variation::default()).await);
    if has_a_good_end(&base, fixture, &mut findings) {
        let small = with_small_batches(stage, &base, fixture, &mut findings).await;
        findings.add(resume(stage, &base, small, fixture).await?);
    }
    Ok(findings)
}

/// Reads in full as [`examine`] does, and does nothing else: on a stage with gaps, to record
/// what that asks for.
pub async fn go_through_in_full(stage: &Stage, fixture: &str) -> Findings {
    let mut findings = Findings::default();
    let base = Run::new(stage, Variation::default()).await;
    if has_a_good_end(&base, fixture, &mut findings) {
        read_in_full(stage, &base, fixture, &mut findings).await;
    }
    findings
}

/// A plain run has to succeed, or nothing can be compared with it.
fn has_a_good_end(base: &Run, fixture: &str, findings: &mut Findings) -> bool {
    findings.tried(Rule::ReplaysItsRecordings);
    let Some((partition, stop, exchanges)) = base.stop() else { return true };
    let mut scenario = Scenario::of(fixture, "a run from scratch");
    if let Some(partition) = partition {
        scenario = scenario.in_partition(partition);
    }
    findings.stopped(Rule::ReplaysItsRecordings, &scenario, stop, exchanges);
    let reason = match stop {
        Stop::NotRecorded(_) => stop.to_string(),
        _ => format!("the run that the others are compared with failed: {stop}"),
    };
    if matches!(stop, Stop::Broke(..)) {
        findings.not_tried(Rule::ReplaysItsRecordings, &scenario, &reason);
    }
    skip_the_rest(Rule::ReplaysItsRecordings, fixture, &reason, findings);
    false
}

/// Nothing that compares runs can be tried with this fixture.
fn skip_the_rest(after: Rule, fixture: &str, reason: &str, findings: &mut Findings) {
    let scenario = Scenario::of(fixture, "everything else");
    let rest = Rule::all().into_iter().filter(|rule| *rule > after && !rule.holds_throughout());
    // Pages are counted over all fixtures of a report.
    for rule in rest.filter(|rule| *rule != Rule::FollowsPages) {
        findings.not_tried(rule, &scenario, reason);
    }
}

fn look_at_rows(base: &Run, fixture: &str, findings: &mut Findings) {
    findings.tried(Rule::DeliversDeclaredRows);
    for part in &base.parts {
        if let (count, Some(first)) = &part.read.rejected {
            let row: String = first.row.chars().take(500).collect();
            let found = format!(
                "{count} rows were rejected; the first, for {}: {}; {}",
                first.table,
                printable(&first.reason),
                printable(&row)
            );
            let scenario = in_part(fixture, part, "a run from scratch");
            let evidence = evidence(&scenario, found, &part.read.exchanges);
            findings.broken(Rule::DeliversDeclaredRows, evidence);
        }
    }
}

fn look_for_the_unasked(stage: &Stage, base: &Run, fixture: &str, findings: &mut Findings) {
    const SHOWN: usize = 3;
    findings.tried(Rule::AsksForAllThatWasRecorded);
    let unasked = stage.service.scene_from(&base.place.bookmark, None).unasked();
    if unasked.is_empty() {
        return;
    }
    let shown: Vec<&str> = unasked.iter().take(SHOWN).map(String::as_str).collect();
    let found =
        format!("{} recorded answers were never requested: {}", unasked.len(), shown.join("; "));
    let scenario = Scenario::of(fixture, "a run from scratch");
    let evidence = evidence(&scenario, found, &base.exchanges());
    findings.broken(Rule::AsksForAllThatWasRecorded, evidence);
}

fn look_for_pages(exchanges: &[Exchange]) -> Pages {
    let mut pages = Pages::default();
    for (index, exchange) in exchanges.iter().enumerate() {
        let Some(next) = pages::next_of(exchange) else { continue };
        let later = exchanges.iter().skip(index + 1);
        if later.clone().any(|later| pages::follows(exchange, &next, later)) {
            pages.followed = true;
        } else if pages.passed_over.is_none() {
            pages.passed_over = Some((printable(&next), index, exchanges.to_vec()));
        }
    }
    pages
}

async fn is_the_same_twice(
    stage: &Stage,
    base: &Run,
    fixture: &str,
    findings: &mut Findings,
) -> bool {
    let again = Run::new(stage, Variation::default()).await;
    findings.ran();
    let scenario = Scenario::of(fixture, "a second run from scratch");
    for rule in [Rule::PlansTheSamePartitions, Rule::SecondRunGivesTheSame] {
        findings.tried(rule);
    }
    if let (Ok(first), Ok(second)) = (&base.planned.outcome, &again.planned.outcome)
        && first != second
    {
        let found = format!(
            "the same request was split differently ({} partitions, then {}; {})",
            first.len(),
            second.len(),
            faults::difference(first, second)
        );
        let evidence = evidence(&scenario, found, &again.planned.exchanges);
        findings.broken(Rule::PlansTheSamePartitions, evidence);
    }
    if let Some((_, stop, exchanges)) = again.stop() {
        match stop {
            // The first run asked for nothing of the kind.
            Stop::NotRecorded(_) => {
                let evidence = evidence(&scenario, stop.to_string(), exchanges);
                findings.broken(Rule::SecondRunGivesTheSame, evidence);
            }
            _ => findings.stopped(Rule::SecondRunGivesTheSame, &scenario, stop, exchanges),
        }
    } else {
        let rows = base.place.committed.tables.difference(&again.place.committed.tables);
        if rows.is_empty() {
            return true;
        }
        let found = "the second run ended with different rows than the first";
        let evidence = evidence(&scenario, found, &again.exchanges()).with_rows(rows);
        findings.broken(Rule::SecondRunGivesTheSame, evidence);
    }
    let reason = "two runs from scratch differ, so there is nothing to compare with";
    skip_the_rest(Rule::SecondRunGivesTheSame, fixture, reason, findings);
    findings.not_tried(Rule::RespectsMaxRows, &scenario, reason);
    false
}

/// Reads every partition in small batches. What was committed on the way is more to resume
/// from: by partition, in the plan's order.
async fn with_small_batches(
    stage: &Stage,
    base: &Run,
    fixture: &str,
    findings: &mut Findings,
) -> Vec<Vec<Place>> {
    let mut commits = Vec::new();
    for part in &base.parts {
        let mut of_part = Vec::new();
        for max_rows in SMALL_BATCHES {
            findings.tried(Rule::RespectsMaxRows);
            findings.ran();
            let vary = Variation { max_rows: Some(max_rows), ..Variation::default() };
            let read = stage.read(&part.partition, &part.from, vary).await;
            let scenario = in_part(fixture, part, &format!("batches of at most {max_rows} rows"));
            if let Some(stop) = &read.stop {
                findings.stopped(Rule::RespectsMaxRows, &scenario, stop, &read.exchanges);
                continue;
            }
            let expected = &part.read.place.committed.tables;
            let rows = expected.difference(&read.place.committed.tables);
            if !rows.is_empty() {
                let found = "the tables differ from those with large batches";
                let evidence = evidence(&scenario, found, &read.exchanges).with_rows(rows);
                findings.broken(Rule::RespectsMaxRows, evidence);
                continue;
            }
            of_part.extend(read.commits);
        }
        commits.push(of_part);
    }
    commits
}

/// A full refresh has no window, so it is compared with a run from scratch that has none either.
async fn read_in_full(stage: &Stage, base: &Run, fixture: &str, findings: &mut Findings) {
    findings.tried(Rule::FullRunDeliversAll);
    let mut plain = None;
    if stage.job.request.since.is_some() || stage.job.request.until.is_some() {
        let vary = Variation { no_window: true, ..Variation::default() };
        let run = Run::new(stage, vary).await;
        findings.ran();
        let scenario = Scenario::of(fixture, "a run from scratch without a window");
        if let Some((_, stop, exchanges)) = run.stop() {
            findings.stopped(Rule::FullRunDeliversAll, &scenario, stop, exchanges);
            return;
        }
        plain = Some(run);
    }
    let plain = plain.as_ref().unwrap_or(base);
    let full = Run::new(stage, Variation { full: true, ..Variation::default() }).await;
    findings.ran();
    let scenario = Scenario::of(fixture, "a full refresh");
    if let Some((_, stop, exchanges)) = full.stop() {
        findings.stopped(Rule::FullRunDeliversAll, &scenario, stop, exchanges);
        return;
    }
    let rows = plain.place.committed.tables.lacking_in(&full.place.committed.tables);
    if !rows.is_empty() {
        let found = "it leaves out rows that a run from scratch delivers: they would be removed";
        let evidence = evidence(&scenario, found, &full.exchanges()).with_rows(rows);
        findings.broken(Rule::FullRunDeliversAll, evidence);
    }
}

/// Goes on from every checkpoint that an undisturbed run gave, and from those that it gave
/// with small batches.
async fn resume(
    stage: &Arc<Stage>,
    base: &Arc<Run>,
    small: Vec<Vec<Place>>,
    fixture: &str,
) -> anyhow::Result<Findings> {
    let mut jobs = Vec::new();
    for (index, part) in base.parts.iter().enumerate() {
        let further = small.get(index).into_iter().flatten();
        let mut places: Vec<Place> = Vec::new();
        for place in part.read.commits.iter().chain(further) {
            let is_known = |known: &Place| {
                known.committed.checkpoint == place.committed.checkpoint
                    && known.committed.tables.is_same(&place.committed.tables)
            };
            if place.committed.checkpoint.is_some() && !places.iter().any(is_known) {
                places.push(place.clone());
            }
        }
        let of = places.len();
        for (number, place) in (1..).zip(places) {
            let (stage, base) = (Arc::clone(stage), Arc::clone(base));
            let fixture = fixture.to_string();
            jobs.push(async move {
                let mut findings = Findings::default();
                if let Some(part) = base.parts.get(index) {
                    resume_at(&stage, part, &place, (number, of), &fixture, &mut findings).await;
                }
                findings
            });
        }
    }
    let mut findings = Findings::default();
    for found in side_by_side(jobs).await? {
        findings.add(found);
    }
    Ok(findings)
}

async fn resume_at(
    stage: &Stage,
    part: &Part,
    place: &Place,
    (number, of): (usize, usize),
    fixture: &str,
    findings: &mut Findings,
) {
    const RULE: Rule = Rule::ResumesFromEveryCheckpoint;
    const SHOWN: usize = 120;
    findings.tried(RULE);
    findings.ran();
    let checkpoint = place.committed.checkpoint.as_ref().map_or("", |text| &text.0);
    let shown: String = checkpoint.chars().take(SHOWN).collect();
    let words = format!(
        "resuming from checkpoint {number} of {of}, with {} rows written: {}",
        place.committed.tables.len(),
        printable(&shown)
    );
    let scenario = in_part(fixture, part, &words);
    let read = stage.read(&part.partition, place, Variation::default()).await;
    if let Some(stop) = &read.stop {
        findings.stopped(RULE, &scenario, stop, &read.exchanges);
        return;
    }
    let expected = &part.read.place.committed.tables;
    let rows = expected.difference(&read.place.committed.tables);
    if !rows.is_empty() {
        let found = "it ended with different rows than an uninterrupted run";
        findings.broken(RULE, evidence_at(&scenario, found, &read.exchanges, 0).with_rows(rows));
    }
}

fn in_part(fixture: &str, part: &Part, words: &str) -> Scenario {
    Scenario::of(fixture, words).in_partition(&part.partition.id)
}
