// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `status`: whether the tables are fresh and complete, at a glance.

use std::collections::BTreeSet;

use comfy_table::Table;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use test_dashboard_store::{
    GoodRun, OpenRun, Outcome, Replay, ReportKey, ReportStatus, Store, StoreError,
};

use super::args::{Format, StatusArgs};
use super::exit::Exit;
use super::output::say;
use super::{context, output};
use crate::config::{Config, Environment, approximate};
use crate::plugin::printable;

/// How far back a run without an end is looked for.
const OPEN_DAYS: i64 = 7;

/// One report of one project, judged.
struct Line {
    key: ReportKey,
    /// What is known of its runs; none when it was only ever replayed.
    status: Option<ReportStatus>,
    /// The last run that filled it from recordings.
    replay: Option<Replay>,
    verdict: Verdict,
    /// When it is late; none without a schedule, or without a good run.
    fresh_until: Option<Timestamp>,
}

impl Line {
    fn of(
        status: ReportStatus,
        replay: Option<Replay>,
        config: Option<&Config>,
        now: Timestamp,
    ) -> Line {
        let every = config.and_then(|config| config.schedule.get(&status.key.report));
        let good = status.good.as_ref();
        let fresh_until = good.zip(every).and_then(|(good, every)| every.late_after(good.started));
        let is_late = good.is_none() || fresh_until.is_some_and(|moment| now > moment);
        let is_covered = |replay: &Replay| good.is_none_or(|good| replay.run > good.run);
        let verdict = match status.outcome {
            Outcome::Succeeded if replay.as_ref().is_some_and(is_covered) => Verdict::Replayed,
            Outcome::Succeeded if is_late => Verdict::Late,
            Outcome::Succeeded => Verdict::Fresh,
            _ => Verdict::Failed,
        };
        Line { key: status.key.clone(), status: Some(status), replay, verdict, fresh_until }
    }

    /// A report that was never read from its service.
    fn only_replayed(replay: Replay) -> Line {
        Line {
            key: replay.key.clone(),
            status: None,
            replay: Some(replay),
            verdict: Verdict::Replayed,
            fresh_until: None,
        }
    }

    /// The last run that succeeded as a whole.
    fn good(&self) -> Option<&GoodRun> {
        self.status.as_ref()?.good.as_ref()
    }

    fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.good().map(|good| now.duration_since(good.started))
    }

    fn rejected(&self) -> u64 {
        let replayed = self.replay.as_ref().map_or(0, |replay| replay.rejected);
        self.status.as_ref().map_or(replayed, |status| status.rejected)
    }
}

/// What a person has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Its last run succeeded, and it is not late.
    Fresh,
    /// It should have been read again by now.
    Late,
    /// Its last run failed or was interrupted.
    Failed,
    /// What filled it last were recordings: its rows are as old as these.
    Replayed,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Fresh => "fresh",
            Verdict::Late => "late",
            Verdict::Failed => "failed",
            Verdict::Replayed => "replayed",
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
    let target = context::database(common, config.as_ref(), &Environment::of_process())?;
    let store = context::connect_existing(&target, 1).await?;
    store.migrate().await?;
    let now = Timestamp::now();
    let mut lines = lines(&store, config.as_ref(), now).await?;
    lines.retain(|line| {
        args.project.as_ref().is_none_or(|project| *project == line.key.project)
            && args.report.as_ref().is_none_or(|report| *report == line.key.report)
    });
    let open = store.open_runs(now - SignedDuration::from_hours(24 * OPEN_DAYS)).await?;
    let name = store.name();
    store.close().await;
    let never = never_run(config.as_ref(), &lines, args);
    match common.output.format {
        Format::Json => tell_json(&lines, &open, &never, now)?,
        Format::Human => tell(&lines, &open, &never, &name, now)?,
    }
    let all_fresh = lines.iter().all(|line| line.verdict == Verdict::Fresh) && never.is_empty();
    Ok(if all_fresh && !lines.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Every report that was ever run or replayed, by project, datasource and report.
async fn lines(
    store: &Store,
    config: Option<&Config>,
    now: Timestamp,
) -> Result<Vec<Line>, StoreError> {
    let mut replays = store.replays().await?;
    let mut lines = Vec::new();
    for status in store.statuses().await? {
        let replay = replays.iter().position(|replay| replay.key == status.key);
        let replay = replay.map(|at| replays.remove(at));
        lines.push(Line::of(status, replay, config, now));
    }
    lines.extend(replays.into_iter().map(Line::only_replayed));
    lines.sort_by(|a, b| parts(&a.key).cmp(&parts(&b.key)));
    Ok(lines)
}

fn parts(key: &ReportKey) -> [&str; 3] {
    [&key.project, &key.datasource, &key.report]
}

/// The scheduled reports that no project ever ran.
fn never_run(config: Option<&Config>, lines: &[Line], args: &StatusArgs) -> Vec<String> {
    let scheduled = config.map(|config| config.schedule.keys()).into_iter().flatten();
    scheduled
        .filter(|report| args.report.as_ref().is_none_or(|wanted| wanted == *report))
        .filter(|report| {
            !lines.iter().any(|line| line.status.is_some() && line.key.report == **report)
        })
        .cloned()
        .collect()
}

fn tell(
    lines: &[Line],
    open: &[OpenRun],
    never: &[String],
    database: &str,
    now: Timestamp,
) -> std::io::Result<()> {
    if lines.is_empty() {
        say!("no report has been read yet into {database}")?;
    } else {
        say!("{}", table(lines, now))?;
    }
    let failed = lines.iter().filter(|line| line.verdict == Verdict::Failed);
    for ReportStatus { key, run, outcome, error, .. } in failed.filter_map(|l| l.status.as_ref()) {
        let error = error.as_deref().unwrap_or("");
        say!("{outcome} {} {} in run {run}: {error}", key.project, key.report)?;
    }
    let replayed: Vec<&Replay> = lines
        .iter()
        .filter(|line| line.verdict == Verdict::Replayed)
        .filter_map(|line| line.replay.as_ref())
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
        say!("rejected rows wait: {rejected}; `test-dashboard rejects list` shows them")?;
    }
    for report in never {
        say!("late {report}: it is scheduled, and no project was ever read")?;
    }
    for run in open {
        say!("{}", without_end(run))?;
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
        let (good, replay) = (line.good(), line.replay.as_ref());
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
            line.key.project.clone(),
            line.key.report.clone(),
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
            "{began}: all {count} shards have ended, and the last was killed before it ended the run; starting any of them again does that"
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
    never: &[String],
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
    output::json(&json!({ "reports": reports, "never_run": never, "open_runs": open }))
}

fn line_json(line: &Line, now: Timestamp) -> serde_json::Value {
    let (status, good) = (line.status.as_ref(), line.good());
    let replay = line.replay.as_ref().map(|replay| {
        json!({
            "run": replay.run.0,
            "started": replay.started.to_string(),
            "recordings": replay.recordings,
            "rows": replay.rows_read,
        })
    });
    json!({
        "project": line.key.project,
        "datasource": line.key.datasource,
        "report": line.key.report,
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
    })
}
