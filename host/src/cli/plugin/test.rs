// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! `plugin test`: replays a plugin's fixtures and compares the rows with the golden files
//! beside them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use futures::StreamExt as _;
use serde_json::json;

use super::differences;
use crate::cli::args::{Format, TestArgs};
use crate::cli::exit::Exit;
use crate::cli::output::{self, say};
use crate::config::{Config, DEFAULT_FILE, DatasourceConfig, Environment};
use crate::fixtures::{self, Fixture};
use crate::golden::{self, FixtureResult};
use crate::plugin::{Plugin, Runtime};
use crate::source::{self, Datasource};
use crate::usage_error::UsageError;

/// Where a plugin's folder has its recordings.
const FIXTURES: &str = "fixtures";

/// Tests the plugin in a folder.
///
/// # Errors
///
/// [`UsageError`] for a configuration that names no plugin for the folder; when the plugin cannot
/// be loaded, or the folder has no fixtures. What a fixture fails is no error but an exit code.
pub async fn test(args: &TestArgs) -> anyhow::Result<Exit> {
    let common = &args.common;
    let file = common.config.file().map_or_else(|| args.dir.join(DEFAULT_FILE), Path::to_path_buf);
    let config = Config::load(Some(&file))?;
    let (name, datasource) = datasource_of(&config, &args.dir)?;
    let folder = args.dir.join(FIXTURES);
    let fixtures = fixtures_in(&folder)?;

    let runtime = Runtime::new()?;
    let plugin = config.resolve_path(&datasource.plugin);
    let plugin = source::load_one(&config, &runtime, &plugin).await?;
    if plugin.description.name != name {
        return Err(UsageError::new(format!(
            "datasources.{name} names the plugin {}, which is for {}",
            plugin.path.display(),
            plugin.description.name
        ))
        .into());
    }
    let environment = Environment::of_process();
    let source = Datasource::new(&config, &environment, name, &plugin, false)?;
    let tested = Tested {
        fixtures: test_all(&source, &fixtures, args.update).await,
        leftovers: golden::leftovers(&folder, &expected(&plugin, &fixtures))?,
        updated: args.update,
    };
    if args.update {
        tested.remove_leftovers()?;
    }
    match common.output.format {
        Format::Json => output::json(&tested.to_json())?,
        Format::Human => tested.show()?,
    }
    Ok(if tested.passed() { Exit::Done } else { Exit::Failed })
}

/// The datasource whose plugin is in the folder: the only one of the configuration, or the one
/// that is named like the folder.
fn datasource_of<'a>(
    config: &'a Config,
    folder: &Path,
) -> Result<(&'a str, &'a DatasourceConfig), UsageError> {
    let mut all = config.datasources.iter();
    if let (Some((name, only)), None) = (all.next(), all.next()) {
        return Ok((name, only));
    }
    let called = folder
        .canonicalize()
        .ok()
        .and_then(|folder| folder.file_name().map(|name| name.to_string_lossy().into_owned()));
    let named = called.and_then(|called| config.datasources.get_key_value(&called));
    named.map(|(name, datasource)| (name.as_str(), datasource)).ok_or_else(|| {
        let names: Vec<&str> = config.datasources.keys().map(String::as_str).collect();
        UsageError::new(format!(
            "which plugin is in {}? The configuration must have one datasource, or one named like the folder; it has {}",
            folder.display(),
            if names.is_empty() { "none".to_string() } else { names.join(", ") }
        ))
    })
}

fn fixtures_in(folder: &Path) -> anyhow::Result<Vec<Fixture>> {
    let found = if folder.is_dir() { fixtures::find(folder)? } else { Vec::new() };
    if found.is_empty() {
        anyhow::bail!(
            "there are no recordings {}/PROJECT/REPORT.har, so nothing was tested: `test-dashboard plugin record` creates them",
            folder.display()
        );
    }
    Ok(found)
}

/// Tests all fixtures side by side; the results are in the fixtures' order.
async fn test_all(
    source: &Datasource<'_>,
    fixtures: &[Fixture],
    update: bool,
) -> Vec<FixtureResult> {
    let side_by_side = std::thread::available_parallelism().map_or(2, usize::from);
    let testing = fixtures.iter().map(|fixture| async move {
        golden::test(fixture, golden::replay(source, fixture).await, update)
    });
    futures::stream::iter(testing).buffered(side_by_side).collect().await
}

/// The golden files that the fixtures should have. Of a report that the plugin does not know,
/// which is told anyway, those that are there.
fn expected(plugin: &Plugin, fixtures: &[Fixture]) -> BTreeSet<PathBuf> {
    let of = |fixture: &Fixture| -> Vec<PathBuf> {
        let declared = plugin.report(&fixture.report);
        let tables = declared.map(|report| report.tables.as_slice()).unwrap_or_default();
        tables.iter().map(|table| fixture.golden(table)).collect()
    };
    fixtures.iter().flat_map(of).collect()
}

/// What came of a plugin's test.
struct Tested {
    fixtures: Vec<FixtureResult>,
    /// Golden files that belong to nothing.
    leftovers: Vec<PathBuf>,
    updated: bool,
}

impl Tested {
    fn passed(&self) -> bool {
        self.failed() == 0 && (self.updated || self.leftovers.is_empty())
    }

    fn failed(&self) -> usize {
        self.fixtures.iter().filter(|fixture| !fixture.passed()).count()
    }

    fn remove_leftovers(&self) -> anyhow::Result<()> {
        for file in &self.leftovers {
            std::fs::remove_file(file)
                .with_context(|| format!("cannot remove {}", file.display()))?;
        }
        Ok(())
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "passed": self.passed(),
            "updated": self.updated,
            "fixtures": self.fixtures,
            "leftovers": self.leftovers,
        })
    }

    fn show(&self) -> std::io::Result<()> {
        for fixture in &self.fixtures {
            for problem in &fixture.problems {
                say!("{} {}: {problem}", fixture.project, fixture.report)?;
            }
            for table in &fixture.tables {
                differences::show(table)?;
                if table.written {
                    say!("wrote {}", table.file.display())?;
                }
            }
        }
        for file in &self.leftovers {
            let what = if self.updated { "removed" } else { "to be removed (`--update` does it)" };
            say!("{what}: {}, which belongs to no table of a recorded report", file.display())?;
        }
        for fixture in &self.fixtures {
            let verdict = if fixture.passed() { "ok" } else { "FAILED" };
            let FixtureResult { project, report, rows, .. } = fixture;
            say!("{verdict:6} {project} {report} {}", output::counted(*rows as u64, "row"))?;
        }
        say!("{}", self.verdict())
    }

    fn verdict(&self) -> String {
        let all = self.fixtures.len();
        let tables = || self.fixtures.iter().flat_map(|fixture| &fixture.tables);
        let written = tables().filter(|table| table.written).count();
        match (self.failed(), self.updated) {
            (0, true) => format!(
                "{all} fixtures, golden files: {written} written, {} unchanged, {} removed",
                tables().count() - written,
                self.leftovers.len()
            ),
            (0, false) if !self.leftovers.is_empty() => {
                format!("FAILED: golden files that belong to nothing: {}", self.leftovers.len())
            }
            (0, false) => format!("{all} fixtures: every row is as its golden file has it"),
            (failed, true) => {
                format!("FAILED: {failed} of {all} fixtures; their golden files were not changed")
            }
            (failed, false) => {
                let can_be_mended =
                    |fixture: &&FixtureResult| !fixture.passed() && fixture.replayed;
                let hint = match self.fixtures.iter().find(can_be_mended) {
                    Some(_) => "; where the new rows are right, `--update` writes them",
                    None => "",
                };
                format!("FAILED: {failed} of {all} fixtures{hint}")
            }
        }
    }
}
