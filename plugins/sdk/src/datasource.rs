// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The two traits of a plugin, and what their functions are given.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::http::{self, Client};
use crate::{Batch, Description, Failure, Timestamp, log};

/// What a plugin is. The functions are called in fresh instances: nothing carries over from
/// one to another but what they hand over.
pub trait Datasource: 'static {
    /// What this plugin is. Pure: no requests, the same answer every time.
    fn describe() -> Description;

    /// Do these settings work? Makes the cheapest request that proves it, and answers with a
    /// short sentence for a person: what was reached, and as whom.
    ///
    /// # Errors
    ///
    /// Why they do not.
    fn check(context: &Context) -> Result<String, Failure>;

    /// Splits a request into partitions. The same request against the same upstream gives the
    /// same partitions. None means: nothing to read, which is a success.
    ///
    /// # Errors
    ///
    /// Why there is nothing to split.
    fn plan(request: &Request) -> Result<Vec<Partition>, Failure>;

    /// Begins to read a partition. `checkpoint` is the last one that was committed for it, or
    /// none: then it is read from the start.
    ///
    /// # Errors
    ///
    /// Why it cannot be read.
    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure>;
}

/// Reads one partition, batch by batch. Most plugins write a [`Source`](crate::Source) and
/// let [`Buffered`](crate::Buffered) be the reader.
pub trait Reader {
    /// The next rows, at most `max_rows`. None ends the partition, and is a commit point.
    /// After a failure or the end it is not called again.
    ///
    /// # Errors
    ///
    /// Why the rest cannot be read. What was committed before stays.
    fn next_batch(&mut self, max_rows: usize) -> Result<Option<Batch>, Failure>;
}

/// What every call about a project is given.
#[derive(Debug, Clone)]
pub struct Context {
    /// The project's name in the operator's configuration. For messages.
    pub project: String,
    /// The service's address, without a trailing slash.
    pub base_url: String,
    /// This project's settings: a JSON object. Read them with [`settings`](Self::settings).
    pub settings_json: String,
    /// Now: a plugin has no clock, and a replay sees the time of its recording.
    pub now: Timestamp,
    transport: http::SharedTransport,
}

impl Context {
    /// A context whose requests go through `transport`.
    pub fn new(
        project: impl Into<String>,
        base_url: impl Into<String>,
        settings_json: impl Into<String>,
        now: Timestamp,
        transport: http::SharedTransport,
    ) -> Self {
        Context {
            project: project.into(),
            base_url: base_url.into(),
            settings_json: settings_json.into(),
            now,
            transport,
        }
    }

    /// An HTTP client whose paths are below the base URL.
    pub fn http(&self) -> Client {
        Client::new(self.transport.clone(), &self.base_url)
    }

    /// The project's settings. Describe them with `serde`; `#[serde(rename_all =
    /// "kebab-case")]` fits their names. What a variable of the configuration gave is a text; where
    /// a number or a flag is wanted, it is read as one.
    ///
    /// # Errors
    ///
    /// A `config` failure that names the project and the setting which is missing or wrong.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let mut json = self.settings_json.clone();
        loop {
            let error = match serde_json::from_str(&json) {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            };
            let path = http::place::<T>(&json).unwrap_or_default();
            if let Some(unquoted) = unquoted(&json, &path) {
                json = unquoted;
                continue;
            }
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            let project = &self.project;
            return Err(Failure::config(match path.as_str() {
                "" => format!("project {project}: its settings for this datasource: {message}"),
                path => {
                    format!("project {project}: its setting {path} for this datasource: {message}")
                }
            }));
        }
    }
}

/// What a run asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The report's name, one of those that `describe` lists.
    pub report: String,
    /// The project.
    pub context: Context,
    /// The window's begin, inclusive, where one was asked for.
    pub since: Option<Timestamp>,
    /// The window's end, exclusive, where one was asked for.
    pub until: Option<Timestamp>,
    /// True for a reconcile run: there is no checkpoint, and everything is wanted.
    pub full: bool,
}

impl Request {
    /// Whether days were asked for. Then these are read, whatever an earlier run has read of
    /// them, and the checkpoint that is handed back must not make the next run without a window
    /// skip what lies outside of this one.
    pub fn has_window(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// The failure of a report that this plugin does not have, for the last arm of a `match`.
    pub fn unknown_report(&self) -> Failure {
        Failure::internal(format!("this plugin has no report {:?}", self.report))
    }
}

/// An independent slice of a report for one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Names it within the report and project: the same slice has the same id in every run.
    /// 1 to 200 ASCII letters, digits and `-_.:/`.
    pub id: String,
    /// What [`Datasource::open`] is handed: JSON, where [`new`](Self::new) wrote it. At most
    /// 64 KiB, and not kept between runs.
    pub data: String,
}

impl Partition {
    /// A partition whose data is this value as JSON.
    ///
    /// # Errors
    ///
    /// When the value has no JSON form.
    pub fn new(id: impl Into<String>, data: &impl Serialize) -> Result<Self, Failure> {
        let id = id.into();
        let data = serde_json::to_string(data).map_err(|error| {
            Failure::internal(format!("the data of the partition {id} has no JSON form: {error}"))
        })?;
        Ok(Partition { id, data })
    }

    /// The data that [`new`](Self::new) was given.
    ///
    /// # Errors
    ///
    /// When it has another shape.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.data).map_err(|error| {
            Failure::internal(format!(
                "the data of the partition {} is malformed: {error}",
                self.id
            ))
        })
    }
}

/// What a plugin remembers of a partition from run to run.
///
/// Count `VERSION` up whenever an older state would be understood wrongly: a state of another
/// version, or of another shape, is not used, and the partition is read from the start.
pub trait CheckpointState: Serialize + DeserializeOwned {
    /// The version of the state's meaning.
    const VERSION: u32;
}

/// A checkpoint as the host keeps it: opaque text, at most 256 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint(pub String);

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    state: T,
}

impl Checkpoint {
    /// Writes a state down.
    ///
    /// # Errors
    ///
    /// When the state has no JSON form.
    pub fn of<T: CheckpointState>(state: &T) -> Result<Self, Failure> {
        serde_json::to_string(&Versioned { version: T::VERSION, state })
            .map(Checkpoint)
            .map_err(|error| Failure::internal(format!("the checkpoint has no JSON form: {error}")))
    }

    /// Reads the state back. None, with a line in the log, when it is of another version or
    /// shape: then the partition is read from the start, which is always right.
    pub fn state<T: CheckpointState>(&self) -> Option<T> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_str(&self.0).unwrap_or(Version { version: 0 });
        if version == T::VERSION
            && let Ok(Versioned { state, .. }) = serde_json::from_str::<Versioned<T>>(&self.0)
        {
            return Some(state);
        }
        log::warn(format!(
            "the checkpoint is not one of version {}: reading the partition from the start",
            T::VERSION
        ));
        None
    }
}

/// Settings in which the text at this place is the number or the flag that it spells; none where
/// there is no such text.
fn unquoted(json: &str, path: &str) -> Option<String> {
    let mut settings: serde_json::Value = serde_json::from_str(json).ok()?;
    let pointer = format!("/{}", path.replace(']', "").replace(['.', '['], "/"));
    let value = settings.pointer_mut(&pointer)?;
    let spelt: serde_json::Value = serde_json::from_str(value.as_str()?).ok()?;
    if !spelt.is_number() && !spelt.is_boolean() {
        return None;
    }
    *value = spelt;
    Some(settings.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, FakeHttp, Reply};

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Settings {
        repository: String,
        regression_labels: Option<Vec<String>>,
    }

    fn settings(json: serde_json::Value) -> Result<Settings, Failure> {
        testing::context(&FakeHttp::serve(|_| Reply::empty(500)), json).settings()
    }

    #[test]
    fn settings_are_typed() {
        let json = serde_json::json!({"repository": "o/r", "regression-labels": ["🐞 bug"]});
        let settings = settings(json).unwrap();
        assert_eq!(settings.repository, "o/r");
        assert_eq!(settings.regression_labels.unwrap(), ["🐞 bug"]);
    }

    #[test]
    fn a_number_and_a_flag_may_come_from_a_variable() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Typed {
            project_id: u64,
            name: String,
            days: Vec<i64>,
            all: Option<bool>,
        }
        let typed = |json| -> Result<Typed, Failure> {
            testing::context(&FakeHttp::serve(|_| Reply::empty(500)), json).settings()
        };
        let json = serde_json::json!({
            "project-id": "59", "name": "59", "days": [1, "-2"], "all": "true",
        });
        let expected =
            Typed { project_id: 59, name: "59".into(), days: vec![1, -2], all: Some(true) };
        assert_eq!(typed(json).unwrap(), expected);
        for wrong in ["x", "-1", "\"1\"", "[1]", ""] {
            let json = serde_json::json!({"project-id": wrong, "name": "", "days": []});
            let message = typed(json).unwrap_err().message;
            assert!(message.contains("its setting project-id for"), "{message}");
        }
    }

    #[test]
    fn a_missing_setting_is_named_with_its_project() {
        let failure = settings(serde_json::json!({})).unwrap_err();
        assert_eq!(failure.kind, crate::FailureKind::Config);
        assert_eq!(
            failure.message,
            "project fenix: its settings for this datasource: missing field `repository`"
        );
    }

    #[test]
    fn a_setting_of_another_type_is_named_with_its_place() {
        let json = serde_json::json!({"regression-labels": ["P1", 2], "repository": "o/r"});
        assert_eq!(
            settings(json).unwrap_err().message,
            "project fenix: its setting regression-labels[1] for this datasource: invalid type: integer `2`, expected a string"
        );
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Seen {
        watermark: i64,
    }

    impl CheckpointState for Seen {
        const VERSION: u32 = 2;
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_was() {
        let checkpoint = Checkpoint::of(&Seen { watermark: 7 }).unwrap();
        assert_eq!(checkpoint.state(), Some(Seen { watermark: 7 }));
        assert_eq!(testing::take_log(), []);
    }

    #[test]
    fn a_checkpoint_of_another_version_starts_over_and_says_so() {
        for text in
            [r#"{"version":1,"state":{"watermark":7}}"#, r#"{"version":2,"state":{}}"#, "7", ""]
        {
            assert_eq!(Checkpoint(text.into()).state::<Seen>(), None, "{text}");
            let [(level, line)] = testing::take_log().try_into().unwrap();
            assert_eq!(level, log::Level::Warn);
            assert!(line.contains("from the start"), "{line}");
        }
    }
}
