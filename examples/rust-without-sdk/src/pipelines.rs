//! Reads the pipelines of a project, oldest first, page by page.
//!
//! GitLab numbers the pages, and says in the header `X-Next-Page` which one comes next; it is
//! empty on the last. In ascending order of the id a pipeline stays on its page, because new
//! ones come at the end. So the checkpoint is a page: the first that has a pipeline which is
//! not finished, or else the last that was read. The next run begins with that page again.
//!
//! Pages shift when pipelines are deleted, which a project may do with old ones by itself. That
//! shows: the checkpoint has the id of its page's first pipeline too, and when another one is
//! there now, everything is read from the start.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bindings::exports::testops::datasource::datasource::Batch;
use crate::bindings::testops::datasource::types::{Failure, Value};
use crate::description::TABLE;
use crate::http::{self, Answer};

/// GitLab gives up to 100; so few make the recording readable.
const PER_PAGE: u32 = 4;

/// A pipeline as GitLab lists it.
#[derive(Deserialize)]
struct Pipeline {
    id: i64,
    iid: i64,
    status: String,
    source: Option<String>,
    #[serde(rename = "ref")]
    reference: String,
    sha: String,
    created_at: Timestamp,
    updated_at: Option<Timestamp>,
    web_url: String,
}

impl Pipeline {
    fn is_finished(&self) -> bool {
        matches!(self.status.as_str(), "success" | "failed" | "canceled" | "skipped")
    }

    /// The values of a row, in the order of the table's columns.
    fn into_row(self) -> Vec<Value> {
        let moment = |time: Timestamp| Value::Timestamp(time.as_microsecond());
        vec![
            Value::Int64(self.id),
            Value::Int64(self.iid),
            Value::Text(self.status),
            self.source.map_or(Value::Null, Value::Text),
            Value::Text(self.reference),
            Value::Text(self.sha),
            moment(self.created_at),
            self.updated_at.map_or(Value::Null, moment),
            Value::Text(self.web_url),
        ]
    }
}

/// A page, and by what it is known again. The checkpoint is this as JSON.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Position {
    page: u32,
    first_id: i64,
}

/// Where the list of a project's pipelines is.
pub fn address(base_url: &str, project_id: u64) -> String {
    format!("{base_url}/projects/{project_id}/pipelines?order_by=id&sort=asc&per_page={PER_PAGE}")
}

/// The pages that are still to be read, and the rows of the last one.
pub struct Pipelines {
    address: String,
    /// None after the last page.
    next_page: Option<u32>,
    /// Where the run before left off, until that page was seen.
    resumed: Option<Position>,
    /// The first page with a pipeline that is not finished.
    unfinished: Option<Position>,
    rows: VecDeque<Vec<Value>>,
    /// What is due with the last of the rows.
    checkpoint: Option<Position>,
    last_checkpoint: Option<Position>,
}

impl Pipelines {
    /// Begins with the checkpoint's page. One that this version does not understand counts for
    /// none: reading from the start is always right.
    pub fn open(address: String, checkpoint: Option<&str>) -> Self {
        let resumed: Option<Position> = checkpoint.and_then(|text| serde_json::from_str(text).ok());
        Pipelines {
            address,
            next_page: Some(resumed.as_ref().map_or(1, |position| position.page)),
            resumed,
            unfinished: None,
            rows: VecDeque::new(),
            checkpoint: None,
            last_checkpoint: None,
        }
    }

    /// The next rows, at most so many; none after the last page.
    pub fn next_batch(&mut self, max_rows: usize) -> Result<Option<Batch>, Failure> {
        while self.rows.is_empty() {
            let Some(page) = self.next_page else { return Ok(None) };
            self.read(page)?;
        }
        let count = self.rows.len().min(max_rows.max(1));
        let rows = self.rows.drain(..count).collect();
        let due = if self.rows.is_empty() { self.checkpoint.take() } else { None };
        // Rows that are not covered by a checkpoint are committed with the next, or at the end.
        let due = due.filter(|position| self.last_checkpoint.as_ref() != Some(position));
        if due.is_some() {
            self.last_checkpoint.clone_from(&due);
        }
        let checkpoint = due.and_then(|position| serde_json::to_string(&position).ok());
        Ok(Some(Batch { table: TABLE.into(), rows, checkpoint }))
    }

    fn read(&mut self, page: u32) -> Result<(), Failure> {
        let answer = http::get(&format!("{}&page={page}", self.address))?;
        let pipelines: Vec<Pipeline> = serde_json::from_slice(&answer.body)
            .map_err(|error| answer.unexpected(format_args!("no list of pipelines: {error}")))?;
        let first_id = pipelines.first().map(|pipeline| pipeline.id);
        if self.resumed.take().is_some_and(|position| Some(position.first_id) != first_id) {
            self.next_page = Some(1);
            return Ok(());
        }
        self.next_page = next_page(&answer, page)?;
        if let Some(first_id) = first_id {
            let position = Position { page, first_id };
            if !pipelines.iter().all(Pipeline::is_finished) {
                self.unfinished.get_or_insert(position.clone());
            }
            self.checkpoint = Some(self.unfinished.clone().unwrap_or(position));
        }
        self.rows.extend(pipelines.into_iter().map(Pipeline::into_row));
        Ok(())
    }
}

/// The page after this one. Only an empty header ends the list: one that is missing, or that
/// leads back, is an answer that GitLab does not give.
fn next_page(answer: &Answer, page: u32) -> Result<Option<u32>, Failure> {
    let Some(next) = answer.header("x-next-page") else {
        return Err(answer.unexpected("it does not say which page comes next (X-Next-Page)"));
    };
    match next.trim() {
        "" => Ok(None),
        next => match next.parse() {
            Ok(number) if number > page => Ok(Some(number)),
            _ => Err(answer.unexpected(format_args!("X-Next-Page is {next:?}, after page {page}"))),
        },
    }
}
