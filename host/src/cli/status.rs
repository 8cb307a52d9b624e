//! `status`: whether the tables are fresh and complete, at a glance.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use test_dashboard_store::{OpenRun, Outcome, ReportStatus};

use super::args::{Format, StatusArgs};
use super::exit::Exit;
use super::output::say;
use super::{context, output};
use crate::config::{Config, Environment, approximate};

/// How far back a run without an end is looked for.
const OPEN_DAYS: i64 = 7;

/// One report of one project, judged.
struct Line {
    status: ReportStatus,
    verdict: Verdict,
    /// When it is late; none without a schedule, or without a good run.
    fresh_until: Option<Timestamp>,
}

impl Line {
    fn of(status: ReportStatus, config: Option<&Config>, now: Timestamp) -> Line {
        let every = config.and_then(|config| config.schedule.get(&status.key.report));
        let good = status.good.as_ref();
        let fresh_until = good.zip(every).and_then(|(good, every)| every.late_after(good.started));
        let is_late = good.is_none() || fresh_until.is_some_and(|moment| now > moment);
        let verdict = match (status.outcome, is_late) {
            (Outcome::Succeeded, false) => Verdict::Fresh,
            (Outcome::Succeeded, true) => Verdict::Late,
            _ => Verdict::Failed,
        };
        Line { status, verdict, fresh_until }
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
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Verdict::Fresh => "fresh",
            Verdict::Late => "late",
            Verdict::Failed => "failed",
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
    let wanted = |status: &ReportStatus| {
        args.project.as_ref().is_none_or(|project| *project == status.key.project)
            && args.report.as_ref().is_none_or(|report| *report == status.key.report)
    };
    let statuses = store.statuses().await?.into_iter().filter(wanted);
    let lines: Vec<Line> = statuses.map(|status| Line::of(status, config.as_ref(), now)).collect();
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

/// The scheduled reports that no project ever ran.
fn never_run(config: Option<&Config>, lines: &[Line], args: &StatusArgs) -> Vec<String> {
    let scheduled = config.map(|config| config.schedule.keys()).into_iter().flatten();
    scheduled
        .filter(|report| args.report.as_ref().is_none_or(|wanted| wanted == *report))
        .filter(|report| !lines.iter().any(|line| line.status.key.report == **report))
        .cloned()
        .collect()
}

fn age(status: &ReportStatus, now: Timestamp) -> Option<SignedDuration> {
    status.good.as_ref().map(|good| now.duration_since(good.started))
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
        let mut table = output::table([
            "project",
            "report",
            "last success (UTC)",
            "age",
            "rows",
            "rejected",
            "state",
        ]);
        for Line { status, verdict, .. } in lines {
            let good = status.good.as_ref();
            table.add_row([
                status.key.project.clone(),
                status.key.report.clone(),
                good.map_or("never".into(), |good| minutes(good.started)),
                age(status, now).map_or_else(String::new, approximate),
                good.map_or_else(String::new, |good| good.rows_read.to_string()),
                status.rejected.to_string(),
                verdict.as_str().to_string(),
            ]);
        }
        output::right(&mut table, 3..6);
        say!("{table}")?;
    }
    for Line { status, .. } in lines.iter().filter(|line| line.verdict == Verdict::Failed) {
        let ReportStatus { key, run, outcome, error, .. } = status;
        let error = error.as_deref().unwrap_or("");
        say!("{outcome} {} {} in run {run}: {error}", key.project, key.report)?;
    }
    let rejected: u64 = lines.iter().map(|line| line.status.rejected).sum();
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
    let reports: Vec<_> = lines
        .iter()
        .map(|Line { status, verdict, fresh_until }| {
            json!({
                "project": status.key.project,
                "datasource": status.key.datasource,
                "report": status.key.report,
                "state": verdict.as_str(),
                "last_success": status.good.as_ref().map(|good| good.started.to_string()),
                "fresh_until": fresh_until.map(|moment| moment.to_string()),
                "age_seconds": age(status, now).map(|age| age.as_secs()),
                "rows": status.good.as_ref().map(|good| good.rows_read),
                "rejected": status.rejected,
                "last_run": status.run.0,
                "last_outcome": status.outcome.to_string(),
                "error": status.error,
            })
        })
        .collect();
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
