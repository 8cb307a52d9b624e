// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `status`: shows at a glance whether the tables are fresh and complete.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::Table;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use test_dashboard_store::{
    Backfill, GoodRun, OpenRun, Outcome, Replay, ReportKey, ReportStatus, Store, StoreError,
};

use super::args::{Format, StatusArgs};
use super::exit::Exit;
use super::expected::{Expected, is_configured};
use super::health::{self, Trouble};
use super::output::say;
use super::{context, output};
use crate::config::{Config, approximate};
use crate::plugin::printable;

/// How far back a run without an end is looked for.
const OPEN_DAYS: i64 = 7;

/// What the database knows of one report of one project.
struct Known {
    key: ReportKey,
    /// What is known of its runs; none when it was never read as a whole.
    status: Option<ReportStatus>,
    /// The last run that filled it from recordings.
    replay: Option<Replay>,
    /// The last run over a window of days.
    backfill: Option<Backfill>,
}

/// All that is looked for in the database; by default, that of one in which nothing has run.
#[derive(Default)]
struct Found {
    known: Vec<Known>,
    /// The reports of every datasource that was ever run.
    offered: BTreeMap<String, BTreeSet<String>>,
    open: Vec<OpenRun>,
    drift: Vec<Trouble>,
}

impl Found {
    async fn of(
        store: &Store,
        config: Option<&Config>,
        now: Timestamp,
    ) -> Result<Found, StoreError> {
        Ok(Found {
            known: known(store).await?,
            offered: store.offered().await?,
            open: store.open_runs(now - SignedDuration::from_hours(24 * OPEN_DAYS)).await?,
            drift: health::drifted(store, config).await,
        })
    }
}

/// One report of one project, judged.
struct Line {
    known: Known,
    verdict: Verdict,
    /// When it is late; none without a schedule, or without a good run.
    fresh_until: Option<Timestamp>,
}

impl Line {
    fn of(known: Known, config: Option<&Config>, now: Timestamp) -> Line {
        let every = config.and_then(|config| config.schedule.get(&known.key.report));
        let status = known.status.as_ref();
        let good = status.and_then(|status| status.good.as_ref());
        let fresh_until = good.zip(every).and_then(|(good, every)| every.late_after(good.started));
        let is_late = good.is_none() || fresh_until.is_some_and(|moment| now > moment);
        let is_covered = |replay: &Replay| good.is_none_or(|good| replay.run > good.run);
        let verdict = if config.is_some_and(|config| !is_configured(config, &known.key)) {
            Verdict::Unconfigured
        } else if status.is_some_and(|status| status.outcome != Outcome::Succeeded) {
            Verdict::Failed
        } else if known.replay.as_ref().is_some_and(is_covered) {
            Verdict::Replayed
        } else if is_late {
            Verdict::Late
        } else {
            Verdict::Fresh
        };
        Line { known, verdict, fresh_until }
    }

    /// The last run that succeeded as a whole.
    fn good(&self) -> Option<&GoodRun> {
        self.known.status.as_ref()?.good.as_ref()
    }

    fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.good().map(|good| now.duration_since(good.started))
    }

    fn rejected(&self) -> u64 {
        let replayed = self.known.replay.as_ref().map_or(0, |replay| replay.rejected);
        self.known.status.as_ref().map_or(replayed, |status| status.rejected)
    }

    /// The last run over a window, where no other has ended since.
    fn last_backfill(&self) -> Option<&Backfill> {
        let last = self.known.status.as_ref().map(|status| status.run);
        self.known.backfill.as_ref().filter(|backfill| last.is_none_or(|last| last < backfill.run))
    }
}

/// What a person has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Its last run succeeded, and it is not late.
    Fresh,
    /// It should have been read by now.
    Late,
    /// Its last run failed or was interrupted.
    Failed,
    /// What filled it last were recordings: its rows are as old as these.
    Replayed,
    /// The configuration does not have it any more.
    Unconfigured,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Fresh => "fresh",
            Verdict::Late => "late",
            Verdict::Failed => "failed",
            Verdict::Replayed => "replayed",
            Verdict::Unconfigured => "unconfigured",
        }
    }
}

/// Shows how fresh each report is. No plugin is loaded and no service is asked.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn status(args: &StatusArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let config = context::config_for_database(common)?;
    let now = Timestamp::now();
    let look = async |store: &Store| Found::of(store, config.as_ref(), now).await;
    let (found, name) = context::read(common, config.as_ref(), look).await?;
    let Found { mut known, offered, open, drift } = found;
    let is_wanted = |project: &str, report: &str| {
        args.project.as_ref().is_none_or(|wanted| wanted == project)
            && args.report.as_ref().is_none_or(|wanted| wanted == report)
    };
    let mut expected = expected(&offered, config.as_ref(), &known);
    expected.keys.retain(|key| is_wanted(&key.project, &key.report));
    expected.unknown.retain(|report| args.report.as_ref().is_none_or(|wanted| wanted == report));
    for key in &expected.keys {
        entry(&mut known, key);
    }
    known.retain(|known| is_wanted(&known.key.project, &known.key.report));
    known.sort_by(|a, b| parts(&a.key).cmp(&parts(&b.key)));
    let lines: Vec<Line> =
        known.into_iter().map(|known| Line::of(known, config.as_ref(), now)).collect();
    // Runs over a window, and replays, are no reading of the report.
    expected.keys.retain(|key| {
        lines.iter().any(|line| line.known.key == *key && line.known.status.is_none())
    });
    match common.output.format {
        Format::Json => tell_json(&lines, &open, &expected, &drift, now)?,
        Format::Human => {
            tell(&lines, &open, &expected, config.as_ref(), &name, now)?;
            drift.iter().try_for_each(|trouble| say!("{trouble}"))?;
        }
    }
    let mut judged = lines.iter().filter(|line| line.verdict != Verdict::Unconfigured).peekable();
    let is_fresh = judged.peek().is_some()
        && judged.all(|line| line.verdict == Verdict::Fresh)
        && expected.unknown.is_empty()
        && !drift.iter().any(|trouble| trouble.is_failure);
    Ok(if is_fresh { Exit::Done } else { Exit::Failed })
}

/// Every report that was ever run, replayed or backfilled.
async fn known(store: &Store) -> Result<Vec<Known>, StoreError> {
    let mut known = Vec::new();
    for status in store.statuses().await? {
        let key = status.key.clone();
        entry(&mut known, &key).status = Some(status);
    }
    for replay in store.replays().await? {
        let key = replay.key.clone();
        entry(&mut known, &key).replay = Some(replay);
    }
    for backfill in store.backfills().await? {
        let key = backfill.key.clone();
        entry(&mut known, &key).backfill = Some(backfill);
    }
    Ok(known)
}

/// What is known of a report; nothing, where it is not there yet.
fn entry<'a>(known: &'a mut Vec<Known>, key: &ReportKey) -> &'a mut Known {
    let found = known.iter().position(|known| known.key == *key);
    let at = found.unwrap_or_else(|| {
        known.push(Known { key: key.clone(), status: None, replay: None, backfill: None });
        known.len() - 1
    });
    &mut known[at]
}

/// What the configuration asks for; without one, nothing.
fn expected(
    offered: &BTreeMap<String, BTreeSet<String>>,
    config: Option<&Config>,
    known: &[Known],
) -> Expected {
    let Some(config) = config else { return Expected::default() };
    let read: Vec<ReportKey> = known.iter().map(|known| known.key.clone()).collect();
    Expected::of(config, offered, &read)
}

fn parts(key: &ReportKey) -> [&str; 3] {
    [&key.project, &key.datasource, &key.report]
}

fn tell(
    lines: &[Line],
    open: &[OpenRun],
    never: &Expected,
    config: Option<&Config>,
    database: &str,
    now: Timestamp,
) -> std::io::Result<()> {
    if lines.is_empty() {
        say!("no report has been read yet into {database}")?;
    } else {
        say!("{}", table(lines, now))?;
    }
    let failed = lines.iter().filter(|line| line.verdict == Verdict::Failed);
    for ReportStatus { key, run, outcome, error, .. } in
        failed.filter_map(|line| line.known.status.as_ref())
    {
        let error = error.as_deref().unwrap_or("");
        say!("{outcome} {} {} in run {run}: {error}", key.project, key.report)?;
    }
    let replayed: Vec<&Replay> = lines
        .iter()
        .filter(|line| line.verdict == Verdict::Replayed)
        .filter_map(|line| line.known.replay.as_ref())
        .collect();
    if !replayed.is_empty() {
        let folders: BTreeSet<&str> =
            replayed.iter().map(|replay| replay.recordings.as_str()).collect();
        let folders: Vec<String> = folders.into_iter().map(printable).collect();
        say!(
            "replayed is not fresh: these rows come from recordings, and are as old as those. A run without --replay reads the service"
        )?;
        say!("replayed from: {}", folders.join(", "))?;
    }
    let rejected: u64 = lines.iter().map(Line::rejected).sum();
    if rejected > 0 {
        say!("rejected rows: {rejected}; `test-dashboard rejects list` lists them")?;
    }
    tell_never(never)?;
    for backfill in lines.iter().filter_map(Line::last_backfill) {
        let Backfill { key, run, outcome, window, .. } = backfill;
        let outcome = outcome.map_or_else(|| "unfinished".into(), |outcome| outcome.to_string());
        say!(
            "run {run} of {} {} was a backfill ({window}), {outcome}: it does not cover other days, so the report's state is the one without it",
            key.project,
            key.report
        )?;
    }
    for what in unconfigured(lines, config) {
        say!(
            "unconfigured: it is no longer in the configuration; `test-dashboard db forget {what}` removes it from this list, and its rows stay"
        )?;
    }
    for run in open {
        say!("{}", without_end(run))?;
    }
    Ok(())
}

/// What `db forget` is to be told of what was taken out of the configuration: a project, or, where
/// that is still there, its report.
fn unconfigured(lines: &[Line], config: Option<&Config>) -> BTreeSet<String> {
    let removed = lines.iter().filter(|line| line.verdict == Verdict::Unconfigured);
    let what = removed.map(|Line { known: Known { key, .. }, .. }| {
        let is_there = config.is_some_and(|config| config.projects.contains_key(&key.project));
        let report = if is_there { format!(" --report {}", key.report) } else { String::new() };
        format!("--project {}{report}", key.project)
    });
    what.collect()
}

/// What is scheduled and was never read, a line for each report.
fn tell_never(never: &Expected) -> std::io::Result<()> {
    let mut projects: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ReportKey { project, report, .. } in &never.keys {
        projects.entry(report).or_default().push(project);
    }
    for (report, projects) in projects {
        say!("late {report}: it is scheduled but was never read for {}", projects.join(", "))?;
    }
    for report in &never.unknown {
        say!(
            "late {report}: it is scheduled, but no plugin that has run has it. Its first run shows which plugin's it is: `test-dashboard run --project ALL --report-type {report}`"
        )?;
    }
    Ok(())
}

fn table(lines: &[Line], now: Timestamp) -> Table {
    let mut table = output::table([
        "project",
        "report",
        "last success (UTC)",
        "age",
        "rows",
        "rejected",
        "state",
    ]);
    for line in lines {
        let (good, replay) = (line.good(), line.known.replay.as_ref());
        let state = match (line.verdict, replay) {
            (Verdict::Replayed, Some(replay)) => format!(
                "replayed {} in run {}, {}",
                minutes(replay.started),
                replay.run,
                output::counted(replay.rows_read, "row")
            ),
            (verdict, _) => verdict.as_str().to_string(),
        };
        table.add_row([
            line.known.key.project.clone(),
            line.known.key.report.clone(),
            good.map_or("never".into(), |good| minutes(good.started)),
            line.age(now).map_or_else(String::new, approximate),
            good.map_or_else(String::new, |good| good.rows_read.to_string()),
            line.rejected().to_string(),
            state,
        ]);
    }
    output::right(&mut table, 3..6);
    table
}

fn without_end(open: &OpenRun) -> String {
    let OpenRun { run, project, report, started, shards, shards_missing } = open;
    let began =
        format!("run {run} of {project} {report}, started {}, has no end", minutes(*started));
    match (shards, shards_missing.as_slice()) {
        (None, _) => {
            format!("{began}: it is running now, or was killed; running it again is safe")
        }
        (Some(count), []) => format!(
            "{began}: all {count} shards have ended, and the last was killed before it could end the run; starting any of them again ends it"
        ),
        (Some(count), missing) => format!(
            "{began}: it waits for {} (running now, never started, or killed; starting a shard again is safe)",
            output::shards(missing, *count)
        ),
    }
}

fn minutes(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M").to_string()
}

fn tell_json(
    lines: &[Line],
    open: &[OpenRun],
    never: &Expected,
    drift: &[Trouble],
    now: Timestamp,
) -> anyhow::Result<()> {
    let reports: Vec<_> = lines.iter().map(|line| line_json(line, now)).collect();
    let open: Vec<_> = open
        .iter()
        .map(|open| {
            json!({
                "run": open.run.0,
                "project": open.project,
                "report": open.report,
                "started": open.started.to_string(),
                "shards": open.shards,
                "shards_missing": open.shards_missing,
            })
        })
        .collect();
    let never: Vec<_> = (never.keys.iter())
        .map(|key| json!({ "project": key.project, "datasource": key.datasource, "report": key.report }))
        .chain(never.unknown.iter().map(|report| json!({ "project": null, "datasource": null, "report": report })))
        .collect();
    let drift: Vec<_> = drift.iter().map(Trouble::json).collect();
    output::json(&json!({
        "reports": reports,
        "never_run": never,
        "open_runs": open,
        "findings": drift,
    }))
}

fn line_json(line: &Line, now: Timestamp) -> serde_json::Value {
    let (key, status, good) = (&line.known.key, line.known.status.as_ref(), line.good());
    let backfill = line.known.backfill.as_ref().map(|backfill| {
        json!({
            "run": backfill.run.0,
            "started": backfill.started.to_string(),
            "outcome": backfill.outcome.map(|outcome| outcome.to_string()),
            "since": backfill.window.since.map(|day| day.to_string()),
            "until": backfill.window.until.map(|day| day.to_string()),
        })
    });
    let replay = line.known.replay.as_ref().map(|replay| {
        json!({
            "run": replay.run.0,
            "started": replay.started.to_string(),
            "recordings": replay.recordings,
            "rows": replay.rows_read,
        })
    });
    json!({
        "project": key.project,
        "datasource": key.datasource,
        "report": key.report,
        "state": line.verdict.as_str(),
        "last_success": good.map(|good| good.started.to_string()),
        "fresh_until": line.fresh_until.map(|moment| moment.to_string()),
        "age_seconds": line.age(now).map(|age| age.as_secs()),
        "rows": good.map(|good| good.rows_read),
        "rejected": line.rejected(),
        "last_run": status.map(|status| status.run.0),
        "last_outcome": status.map(|status| status.outcome.to_string()),
        "error": status.and_then(|status| status.error.clone()),
        "replay": replay,
        "backfill": backfill,
    })
}
