// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The operator's configuration: one TOML file.
//!
//! It says where the database is, which plugin serves which datasource and what it may do,
//! and what each project is called there. Every value may refer to environment variables. Those of
//! addresses, logins, secrets and projects are looked up when they are used, so a run that only
//! asks GitHub does not need TestRail's password; all others when the file is read.

mod database;
mod datasource;
mod limits;
mod schedule;
pub(crate) mod settings;
pub(crate) mod syntax;
mod variables;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use serde::Deserialize;
use test_dashboard_files::folder_of;

pub use database::DatabaseConfig;
pub use datasource::{CredentialConfig, DatasourceConfig};
pub use limits::{Limits, LimitsConfig};
pub use schedule::{Every, approximate};
pub use variables::{Environment, Template, VariableError};

use crate::usage_error::{UsageError, did_you_mean};
use test_dashboard_model::declaration;
use test_dashboard_store::{Views, WrongView};

/// The file that is read when no other is named.
pub const DEFAULT_FILE: &str = "test-dashboard.toml";

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Where rows go. Without it: a SQLite file beside the configuration.
    pub database: Option<DatabaseConfig>,
    /// How many partitions are read at the same time, where that is said.
    pub jobs: Option<usize>,
    /// The memory of all plugins that run at the same time, where that is said.
    pub memory: Option<ByteSize>,
    /// Where `plugin add` puts files. Default `plugins`.
    pub plugin_folder: Option<PathBuf>,
    /// For how many days the history of runs is kept, where that is said; 0 for ever.
    pub history_days: Option<u32>,
    /// How often each report is to be read, for `status`: `issues = "1d"`.
    #[serde(default)]
    pub schedule: BTreeMap<String, Every>,
    /// Budgets of every plugin, unless its datasource says otherwise.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// The datasources by name.
    #[serde(default)]
    pub datasources: BTreeMap<String, DatasourceConfig>,
    /// The projects by name: per datasource, the settings that its plugin takes.
    #[serde(default)]
    pub projects: BTreeMap<String, BTreeMap<String, toml::Table>>,
    /// The folder against which relative paths are taken: the file's own.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// Why a text can name no project, said of it; `all` means every one of them.
pub fn wrong_project_name(text: &str) -> Option<String> {
    match text {
        "all" => Some("means every project and cannot name one".into()),
        _ => declaration::wrong_name(text),
    }
}

/// The memory that this process may have at the most, in bytes; none where it cannot be found out.
fn machine_memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory_specifics(sysinfo::MemoryRefreshKind::nothing().with_ram());
    // Without /proc nothing is known, and asking for a container's limit panics.
    let all = Some(system.total_memory()).filter(|all| *all > 0)?;
    Some(system.cgroup_limits().map_or(all, |limits| limits.total_memory))
}

impl Config {
    /// Reads a file; without a name, [`DEFAULT_FILE`] in the working folder.
    ///
    /// # Errors
    ///
    /// [`UsageError`] with the path, and the line where the file is not what it should be. The
    /// line itself is not quoted: it may hold a secret.
    pub fn load(named: Option<&Path>) -> Result<Config, UsageError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        let text = test_dashboard_files::read_text(path, test_dashboard_files::WRITTEN_BY_HAND).map_err(|error| {
            let hint = match named {
                None => " Name another file with --config, or write a first one with `test-dashboard init`.",
                Some(_) => "",
            };
            UsageError::new(format!("cannot read the configuration {}: {error}.{hint}", path.display()))
        })?;
        let mut config = Config::parse(&text, &Environment::of_process())
            .map_err(|problem| UsageError::new(format!("{}{problem}", path.display())))?;
        config.folder = folder_of(path).to_path_buf();
        Ok(config)
    }

    /// Reads a file as [`Config::load`] does; one that is not there is as good as an empty one.
    ///
    /// # Errors
    ///
    /// As [`Config::load`].
    pub fn load_or_empty(named: Option<&Path>) -> Result<Config, UsageError> {
        let path = named.unwrap_or(Path::new(DEFAULT_FILE));
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(Config { folder: folder_of(path).to_path_buf(), ..Config::default() });
        }
        Config::load(named)
    }

    /// Parses the text of a file. An error begins with `:LINE: ` or `: `.
    pub(crate) fn parse(text: &str, environment: &Environment) -> Result<Config, String> {
        let text = &settings::replaced(text, environment)?;
        let config: Config = toml::from_str(text).map_err(|error| at_line(text, &error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        for (project, settings) in &self.projects {
            if let Some(reason) = wrong_project_name(project) {
                return Err(format!(": the project's name {project:?} {reason}"));
            }
            for datasource in settings.keys() {
                if !self.datasources.contains_key(datasource) {
                    return Err(format!(
                        ": projects.{project} has settings for {datasource:?}, which is not a configured datasource{}",
                        did_you_mean(datasource, self.datasources.keys())
                    ));
                }
            }
        }
        if self.plugin_folder.as_ref().is_some_and(|folder| folder.is_absolute()) {
            return Err(": plugin-folder has to be relative to this file: the lock file names the files in it, and both are shared".into());
        }
        for (name, datasource) in &self.datasources {
            datasource.check(name).map_err(|problem| format!(": {problem}"))?;
        }
        Ok(())
    }

    /// How many partitions are read at the same time.
    pub fn jobs(&self) -> usize {
        self.jobs.unwrap_or_else(|| settings::default_of("jobs"))
    }

    /// The memory of all plugins that run at the same time, in bytes: by default half of the
    /// machine's, or of what a container has, and without a bound where that is not known.
    pub fn memory(&self) -> u64 {
        let half = || machine_memory().map_or(u64::MAX, |all| all / 2);
        self.memory.map_or_else(half, |size| size.as_u64())
    }

    /// For how many days the history of runs is kept; 0 for ever.
    pub fn history_days(&self) -> u32 {
        self.history_days.unwrap_or_else(|| settings::default_of("history-days"))
    }

    /// A path of the file, taken from the file's folder.
    pub fn resolve_path(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }

    /// The folder for installed plugins.
    pub fn plugin_folder(&self) -> PathBuf {
        self.folder.join(self.plugin_folder_in_file())
    }

    /// The same, as the file would name it.
    pub fn plugin_folder_in_file(&self) -> PathBuf {
        self.plugin_folder.clone().unwrap_or_else(|| settings::default_of("plugin-folder"))
    }

    /// The views that there should be: those that come with the program, and the operator's own in
    /// the folder `views` beside the file.
    ///
    /// # Errors
    ///
    /// With the file of a view that cannot be one.
    pub fn views(&self) -> Result<Views, WrongView> {
        Views::shipped()?.with_own(&self.folder.join("views"))
    }

    /// The names of the projects that `wanted` means: one, or all that have settings for the
    /// datasource.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when there is no such project, with the nearest names, or when it has no
    /// settings for the datasource.
    pub fn select_projects(
        &self,
        wanted: &str,
        datasource: &str,
    ) -> Result<Vec<String>, UsageError> {
        let configured = |name: &&String| {
            self.projects.get(*name).is_some_and(|settings| settings.contains_key(datasource))
        };
        if wanted.eq_ignore_ascii_case("all") {
            let all: Vec<String> = self.projects.keys().filter(configured).cloned().collect();
            if all.is_empty() {
                return Err(UsageError::new(format!(
                    "no project has settings for {datasource}: add [projects.NAME.{datasource}] to the configuration"
                )));
            }
            return Ok(all);
        }
        let name = wanted.to_string();
        if !self.projects.contains_key(&name) {
            return Err(UsageError::new(format!(
                "there is no project {wanted:?}{}",
                did_you_mean(wanted, self.projects.keys())
            )));
        }
        if !configured(&&name) {
            return Err(UsageError::new(format!(
                "the project {wanted} has no settings for {datasource}: add [projects.{wanted}.{datasource}] to the configuration"
            )));
        }
        Ok(vec![name])
    }

    /// The settings of a project for a datasource, variables replaced, as a JSON object.
    ///
    /// # Errors
    ///
    /// [`UsageError`] when a variable is not set.
    pub fn settings(
        &self,
        project: &str,
        datasource: &str,
        environment: &Environment,
    ) -> Result<serde_json::Map<String, serde_json::Value>, UsageError> {
        let table = self.projects.get(project).and_then(|settings| settings.get(datasource));
        let mut json =
            serde_json::to_value(table.cloned().unwrap_or_default()).map_err(|error| {
                UsageError::new(format!("projects.{project}.{datasource}: {error}"))
            })?;
        variables::replace_in(&mut json, environment).map_err(|error| {
            UsageError::new(format!("projects.{project}.{datasource}: {error}"))
        })?;
        match json {
            serde_json::Value::Object(map) => Ok(map),
            _ => Ok(serde_json::Map::new()),
        }
    }
}

/// What is wrong with the text of a TOML file, and in which line: `:LINE: …`. The line itself is
/// not quoted: it may hold a secret.
pub(crate) fn at_line(text: &str, error: &toml::de::Error) -> String {
    let line = line_of(text, error.span().map_or(0, |span| span.start));
    format!(":{line}: {}", without_value(error.message()))
}

/// What a parser says, without the text that it found where something else is wanted.
fn without_value(message: &str) -> Cow<'_, str> {
    let quoted = message.find("string \"").zip(message.rfind("\", expected"));
    match quoted {
        Some((start, end)) if start < end => {
            let (before, after) = (&message[..start], &message[end + 1..]);
            format!("{before}a string{after}").into()
        }
        _ => message.into(),
    }
}

/// The number of the line that this byte of a text is in.
fn line_of(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        [datasources.github]
        plugin = "github.wasm"
        base-url = "https://api.github.com"
        credential = { kind = "bearer", secret = "${GITHUB_TOKEN}" }
        [projects.fenix.github]
        repository = "${OWNER:-mozilla-mobile}/fenix"
        [projects.focus-ios]
    "#;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, &Environment::default())
    }

    #[test]
    fn an_unknown_project_is_answered_with_the_nearest() {
        let config = parse(SMALL).unwrap();
        let error = config.select_projects("fenixx", "github").unwrap_err().to_string();
        assert!(error.contains("did you mean fenix?"), "{error}");
        let error = config.select_projects("focus-ios", "github").unwrap_err().to_string();
        assert!(error.contains("[projects.focus-ios.github]"), "{error}");
        assert_eq!(config.select_projects("ALL", "github").unwrap(), ["fenix"]);
    }

    #[test]
    fn a_string_where_something_else_is_wanted_is_not_quoted() {
        for text in [
            "[datasources.github]\nplugin = \"g.wasm\"\ncredential = \"hunter2\\\"x\"",
            "[database]\npassword-command = \"hunter2\"",
        ] {
            let error = Config::parse(text, &Environment::default()).unwrap_err();
            assert!(!error.contains("hunter2") && error.contains("a string"), "{error}");
        }
    }

    #[test]
    fn a_mistake_in_the_file_names_its_line_and_quotes_nothing() {
        let error = parse("jobs = 2\n[database]\npassword = \"hunter2\" x").unwrap_err();
        assert!(error.starts_with(":3: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = parse("job = 2").unwrap_err();
        assert!(error.starts_with(":1: ") && error.contains("jobs"), "{error}");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_file() {
        let config = parse(&format!("\u{feff}{SMALL}")).unwrap();
        assert_eq!(config.select_projects("ALL", "github").unwrap(), ["fenix"]);
    }

    #[test]
    fn settings_for_an_unknown_datasource_are_a_mistake() {
        let text = format!("{SMALL}\n[projects.fenix.githup]\nx = 1");
        let error = parse(&text).unwrap_err();
        assert!(error.contains("did you mean github?"), "{error}");
    }

    #[test]
    fn settings_have_their_variables_replaced() {
        let config = parse(SMALL).unwrap();
        let settings = config.settings("fenix", "github", &Environment::default()).unwrap();
        assert_eq!(settings["repository"], "mozilla-mobile/fenix");
    }
}
