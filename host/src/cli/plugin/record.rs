// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin record`: records a live run as a fixture.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use serde_json::json;
use test_dashboard_egress::{MaskUse, Written};

use crate::cli::args::{Format, RecordArgs};
use crate::cli::context;
use crate::cli::exit::Exit;
use crate::cli::output::{self, remark, say};
use crate::cli::run::log;
use crate::config::{Config, Environment};
use crate::fixtures;
use crate::plugin::Runtime;
use crate::record::{Fixture, Recording, Taken};
use crate::run::{Days, Event, RunReport};
use crate::source::{self, Datasource, recording_file};
use crate::usage_error::UsageError;

/// Records a report of a project.
///
/// # Errors
///
/// [`UsageError`] for what is wrong before anything was asked; else why there is no recording. A
/// partition's failure is no error but an exit code, and leaves the former recording.
pub async fn record(args: &RecordArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let environment = Environment::of_process();
    let config = Config::load(common.config.file())?;
    let runtime = Runtime::new()?;
    let plugin = source::load_one(&config, &runtime, &args.file).await?;
    let datasource = &plugin.description.name;
    let project = project(&config, &args.project, datasource)?;
    let source = Datasource::new(&config, &environment, datasource, &plugin, true)?;
    let folder = match &args.fixtures {
        Some(folder) => folder.clone(),
        None => config.resolve_path(Path::new(fixtures::FOLDER)),
    };
    let now = jiff::Timestamp::now();
    let recording = Recording {
        source: &source,
        project: &project,
        report: &args.report,
        now,
        window: Days::from(&args.days).window(now)?,
        masks: source.masks(&args.mask)?,
        path: recording_file(&folder, &project, &args.report),
        for_check: args.for_check,
    };
    let taking = recording.take(async |partition| log(&Event::Ended(partition)));
    match context::until_interrupted(taking).await?.transpose()? {
        None => {
            remark(format_args!("interrupted: {}", untouched(&recording.path)));
            Ok(Exit::Interrupted)
        }
        Some(Taken::Failed(run)) => failed(common.output.format, &run, &recording.path),
        Some(Taken::Written(fixture)) => {
            for warning in fixture.written.warnings() {
                tracing::warn!("{warning}");
            }
            for trouble in &fixture.troubles {
                tracing::warn!("the recording for `plugin check` may be incomplete: {trouble}");
            }
            match common.output.format {
                Format::Json => output::json(&to_json(&fixture))?,
                Format::Human => show(&fixture, &recording, &next_step(&config, args))?,
            }
            Ok(Exit::Done)
        }
    }
}

/// The one project that is meant.
fn project(config: &Config, wanted: &str, datasource: &str) -> Result<String, UsageError> {
    match config.select_projects(wanted, datasource)?.as_slice() {
        [project] if !wanted.eq_ignore_ascii_case("all") => Ok(project.clone()),
        _ => Err(UsageError::new(format!(
            "--project {wanted}: name one project: a recording belongs to one"
        ))),
    }
}

fn untouched(path: &Path) -> String {
    match path.exists() {
        true => format!("{} was not changed", path.display()),
        false => format!("{} was not written", path.display()),
    }
}

fn failed(format: Format, run: &RunReport, path: &Path) -> anyhow::Result<Exit> {
    if format == Format::Json {
        output::json(&json!({
            "outcome": run.outcome().to_string(),
            "recording": null,
            "partitions": run.all().collect::<Vec<_>>(),
        }))?;
    } else {
        output::failures(run)?;
        say!("nothing was recorded, because half a run is not a fixture: {}", untouched(path))?;
    }
    Ok(run.outcome().into())
}

fn to_json(fixture: &Fixture) -> serde_json::Value {
    let Fixture { run, rows, written, further, troubles, removed } = fixture;
    json!({
        "outcome": run.outcome().to_string(),
        "recording": written_json(written),
        "further": further.iter().map(written_json).collect::<Vec<_>>(),
        "troubles": troubles,
        "removed": removed,
        "rows": rows,
        "partitions": run.all().collect::<Vec<_>>(),
    })
}

fn written_json(written: &Written) -> serde_json::Value {
    let mask = |mask: &MaskUse| json!({ "path": mask.path, "found": mask.found });
    json!({
        "requests": written.requests,
        "bytes": written.bytes,
        "files": written.files,
        "masks": written.masks.iter().map(mask).collect::<Vec<_>>(),
        "warnings": written.warnings(),
    })
}

fn show(fixture: &Fixture, recording: &Recording<'_>, next: &str) -> std::io::Result<()> {
    let Fixture { rows, written, further, removed, .. } = fixture;
    let Recording { project, report, .. } = recording;
    show_written(&format!("recorded {project} {report}"), written)?;
    for more in further {
        show_written("recorded for `plugin check`", more)?;
    }
    for file in removed {
        say!("  {} was removed: it belonged to the previous recording", file.display())?;
    }
    for mask in &written.masks {
        let found: usize = further
            .iter()
            .flat_map(|more| &more.masks)
            .filter(|other| other.path == mask.path)
            .map(|other| other.found)
            .sum();
        say!("masked {}: {} values", mask.path, mask.found + found)?;
    }
    for (table, rows) in rows {
        say!("played: {table}, {rows} rows")?;
    }
    say!("next: {next}")
}

fn show_written(what: &str, written: &Written) -> std::io::Result<()> {
    let Written { requests, bytes, files, .. } = written;
    say!("{what}: {requests} requests, {} in {} files", ByteSize(*bytes), files.len())?;
    for file in files {
        say!("  {}", file.display())?;
    }
    Ok(())
}

/// What makes a fixture of a recording: the rows that come of it.
fn next_step(config: &Config, args: &RecordArgs) -> String {
    let is_default = |folder: &PathBuf| *folder == config.resolve_path(Path::new(fixtures::FOLDER));
    match &args.fixtures {
        Some(folder) if !is_default(folder) => format!(
            "test-dashboard plugin check {} --fixtures {}",
            args.file.display(),
            folder.display()
        ),
        _ => format!("test-dashboard plugin test {} --update", config.folder.display()),
    }
}
