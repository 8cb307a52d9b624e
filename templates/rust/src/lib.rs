//! Things of an example service, as rows.
//!
//! The service lists the things of a list in pages, those changed last at the end, and names
//! the next page in a `Link` header:
//!
//! > GET /lists/7/things?sort=changed_at&per_page=3
//!
//! A thing that changes moves to the end. So the checkpoint is the address of the first page
//! that was not read yet, or of the last page there is: from there the next run goes on.

use serde::{Deserialize, Serialize};
use test_dashboard_sdk::http::LinkPages;
use test_dashboard_sdk::{
    Answer, Batches, Buffered, Checkpoint, CheckpointState, Context, CredentialKind, Datasource,
    Description, Failure, Lenient, Partition, Progress, Reader, Request, Row, Source, Timestamp,
};

/// How many things a page has. Take as many as your service gives, often 100.
const PER_PAGE: u32 = 3;

/// What the operator's configuration says of a project.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Settings {
    list: u64,
}

/// A thing, as it is now. The service's answer has the same fields as the table.
#[derive(Deserialize, Row)]
#[row(table = "templateplugin_things", mode = "merge", key("id"))]
struct Thing {
    /// The thing's number, which it keeps.
    id: i64,
    /// Its title; may be empty.
    title: String,
    /// `open`, `done` or `dropped`.
    state: String,
    /// From 0 to 10; null while nobody has judged it.
    score: Option<f64>,
    /// When it was made.
    created_at: Timestamp,
    /// When anything about it changed last.
    changed_at: Timestamp,
}

/// Without its `id` a thing is none; any other odd field of one costs its row alone.
impl Answer for Thing {}

/// What is remembered from run to run: the page to begin with.
#[derive(Serialize, Deserialize)]
struct Position {
    url: String,
}

impl CheckpointState for Position {
    const VERSION: u32 = 1;
}

struct Plugin;

test_dashboard_sdk::export!(Plugin);

impl Datasource for Plugin {
    fn describe() -> Description {
        Description::new("templateplugin", env!("CARGO_PKG_VERSION"), "Things of a service")
            .base_url("https://api.example.com")
            .credential(CredentialKind::Bearer)
            .required_setting("list", "The number of the list, such as 7")
            .table::<Thing>()
            .report("things", "All things of a list, as they are now", &[Thing::TABLE])
    }

    fn check(context: &Context) -> Result<String, Failure> {
        let Settings { list } = context.settings()?;
        context.http().get(&first_page(list)).send()?;
        Ok(format!("the list {list} can be read"))
    }

    fn plan(request: &Request) -> Result<Vec<Partition>, Failure> {
        let Settings { list } = request.context.settings()?;
        Ok(vec![Partition::new(format!("list-{list}"), &list)?])
    }

    fn open(
        request: Request,
        partition: Partition,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        let http = request.context.http();
        // Who asks for days wants them read, whatever was read before: then all things are.
        let checkpoint = checkpoint.filter(|_| !request.has_window());
        let first = match checkpoint.and_then(|checkpoint| checkpoint.state::<Position>()) {
            Some(Position { url }) if url.starts_with(&request.context.base_url) => http.get(&url),
            _ => http.get(&first_page(partition.data()?)),
        };
        Ok(Box::new(Buffered::of::<Thing>(Things { pages: LinkPages::start(first) })))
    }
}

fn first_page(list: u64) -> String {
    format!("/lists/{list}/things?sort=changed_at&per_page={PER_PAGE}")
}

/// Reads page by page, with a checkpoint after each that is not the last.
struct Things {
    pages: LinkPages,
}

impl Source for Things {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.pages.next_page()? else { return Ok(Progress::Finished) };
        for thing in page.json::<Vec<Lenient<Thing>>>()? {
            batches.push(thing);
        }
        if let Some(url) = self.pages.next_url() {
            batches.checkpoint(&Position { url: url.into() })?;
        }
        Ok(Progress::More)
    }
}

#[cfg(test)]
mod tests {
    use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost};

    use super::*;

    fn request(http: &FakeHttp) -> Request {
        let mut context = testing::context(http, serde_json::json!({ "list": 7 }));
        context.base_url = "https://api.example.com".into();
        testing::request("things", context)
    }

    fn recording() -> FakeHttp {
        FakeHttp::har(include_str!("../fixtures/demo/things.har"))
    }

    #[test]
    fn every_page_is_read() {
        let http = recording();
        let mut host = MemoryHost::new();
        host.run::<Plugin>(&request(&http)).unwrap();
        assert_eq!(host.rows(Thing::TABLE).len(), 7);
        http.assert_all_used();
    }

    #[test]
    fn a_run_that_was_stopped_goes_on_where_it_was() {
        let mut whole = MemoryHost::new();
        whole.run::<Plugin>(&request(&recording())).unwrap();

        let mut stopped = MemoryHost::new();
        stopped.run_partially::<Plugin>(&request(&recording()), 1).unwrap();
        assert_eq!(stopped.rows(Thing::TABLE).len(), 3);
        let http = recording();
        stopped.run::<Plugin>(&request(&http)).unwrap();
        assert_eq!(stopped, whole);
        assert_eq!(http.requests().len(), 2, "the first page was read already");
    }

    #[test]
    fn a_window_is_read_whatever_was_read_before() {
        let mut host = MemoryHost::new();
        host.run::<Plugin>(&request(&recording())).unwrap();
        let http = recording();
        let since = Some(Timestamp::UNIX_EPOCH);
        host.run::<Plugin>(&Request { since, ..request(&http) }).unwrap();
        http.assert_all_used();
    }
}
