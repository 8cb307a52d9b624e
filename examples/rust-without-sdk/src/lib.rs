//! Pipelines of a GitLab project, as a plugin that is written against nothing but the contract.
//!
//! `wit/` is what `test-dashboard plugin new` writes, wit-bindgen makes Rust of it, and the rest
//! is plain code: [`http`] asks, [`pipelines`] reads, [`description`] declares.

mod bindings;
mod description;
mod http;
mod pipelines;

use std::cell::RefCell;

use serde::Deserialize;

use bindings::exports::testops::datasource::datasource::{
    Batch, Checkpoint, Guest, GuestReader, Partition, ProjectContext, Reader, Request,
};
use bindings::testops::datasource::types::{Description, Failure, FailureKind};
use description::REPORT;
use pipelines::{Pipelines, address};

struct Plugin;

bindings::export!(Plugin with_types_in bindings);

/// What the operator's configuration says of a project.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Settings {
    project_id: u64,
}

impl Settings {
    fn of(context: &ProjectContext) -> Result<Settings, Failure> {
        serde_json::from_str(&context.settings).map_err(|error| {
            let message = format!("project {}: its settings for gitlab: {error}", context.project);
            http::failure(FailureKind::Config, message)
        })
    }
}

impl Guest for Plugin {
    type Reader = OpenReader;

    fn describe() -> Description {
        description::description()
    }

    fn check(context: ProjectContext) -> Result<String, Failure> {
        let Settings { project_id } = Settings::of(&context)?;
        http::get(&format!("{}&page=1", address(&context.base_url, project_id)))?;
        Ok(format!("the pipelines of project {project_id} can be read"))
    }

    fn plan(request: Request) -> Result<Vec<Partition>, Failure> {
        if request.report != REPORT {
            let message = format!("this plugin has no report {:?}", request.report);
            return Err(http::failure(FailureKind::Internal, message));
        }
        let Settings { project_id } = Settings::of(&request.context)?;
        let data = address(&request.context.base_url, project_id);
        Ok(vec![Partition { id: format!("project-{project_id}"), data }])
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Reader, Failure> {
        // In a full refresh the host gives none, and everything is read. So it is where days are
        // asked for: they may lie before the checkpoint's page.
        let has_window = request.since.is_some() || request.until.is_some();
        let checkpoint = checkpoint.filter(|_| !request.full && !has_window);
        let pipelines = Pipelines::open(partition.data, checkpoint.as_deref());
        Ok(Reader::new(OpenReader(RefCell::new(pipelines))))
    }
}

/// The contract's reader: it is called by reference, and reading changes it.
struct OpenReader(RefCell<Pipelines>);

impl GuestReader for OpenReader {
    fn next_batch(&self, max_rows: u32) -> Result<Option<Batch>, Failure> {
        self.0.borrow_mut().next_batch(usize::try_from(max_rows).unwrap_or(usize::MAX))
    }
}
