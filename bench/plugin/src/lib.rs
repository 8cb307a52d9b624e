// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The datasource `mock`: the benchmark's API, read as any plugin reads one.
//!
//! Two reports read the same rows, paged in two ways: `rows-by-link` follows `Link` headers
//! as GitHub sends them, `rows-by-offset` the envelope of TestRail. Each reads everything
//! every time and keeps no checkpoint, so that a second load is as long as the first.

mod pages;

use serde::Deserialize;
use test_dashboard_sdk::http::{Client, LinkPages};
use test_dashboard_sdk::{
    Batches, Buffered, Checkpoint, Context, Datasource, Description, Failure, Partition, Progress,
    Reader, Request, Row, Source, Timestamp,
};

use pages::EnvelopePages;

const BY_LINK: &str = "rows-by-link";
const BY_OFFSET: &str = "rows-by-offset";

/// How many rows a page has that `Link` headers lead to.
const ROWS_BY_LINK: u32 = 100;

/// One result of one test.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
#[row(table = "mock_rows", mode = "merge", key("id"))]
pub struct TestResult {
    /// The result's number.
    id: i64,
    /// The number of the run that it belongs to.
    run_id: i64,
    /// What the test is called.
    title: String,
    /// What the test printed; null when it printed nothing.
    details: Option<String>,
    /// Passed, failed, blocked, retest or untested.
    status: String,
    /// 1 (highest) to 4.
    priority: i64,
    /// The path of the suite.
    suite: String,
    /// The milestone, if the run has one.
    milestone: Option<String>,
    /// Whether a machine did it.
    is_automated: bool,
    /// Whether it is known to be flaky; null when nobody has looked.
    is_flaky: Option<bool>,
    /// How long it took, in seconds.
    duration: f64,
    /// The share of lines covered; null when it was not measured.
    coverage: Option<f64>,
    /// How often it was tried.
    attempts: i64,
    /// When it was created.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
    /// When it was closed; null while it is open.
    closed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Settings {
    state: String,
}

/// The datasource.
#[derive(Debug)]
pub struct Mock;

impl Datasource for Mock {
    fn describe() -> Description {
        let tables = &[TestResult::TABLE];
        Description::new("mock", env!("CARGO_PKG_VERSION"), "The API of the benchmark")
            .required_setting("state", "Which state of the data: original, or changed")
            .table::<TestResult>()
            .report(BY_LINK, "All rows, by pages of 100 that link to the next one", tables)
            .report(BY_OFFSET, "All rows, by pages of 250 in envelopes", tables)
    }

    fn check(context: &Context) -> Result<String, Failure> {
        let Settings { state } = context.settings()?;
        let first = context.http().get(&format!("/{}/rows", Client::segment(&state)));
        first.query("per_page", 1).send()?.json::<Vec<TestResult>>()?;
        Ok(format!("the state {state} answers"))
    }

    fn plan(_request: &Request) -> Result<Vec<Partition>, Failure> {
        Ok(vec![Partition::new("all", &())?])
    }

    fn open(
        request: Request,
        _partition: Partition,
        _checkpoint: Option<Checkpoint>,
    ) -> Result<Box<dyn Reader>, Failure> {
        let Settings { state } = request.context.settings()?;
        let client = request.context.http();
        let state = Client::segment(&state);
        match request.report.as_str() {
            BY_LINK => {
                let first = client.get(&format!("/{state}/rows")).query("per_page", ROWS_BY_LINK);
                Ok(Box::new(Buffered::of::<TestResult>(ByLink(LinkPages::start(first)))))
            }
            BY_OFFSET => {
                let pages = EnvelopePages::start(client.get(&format!("/{state}/envelope")));
                Ok(Box::new(Buffered::of::<TestResult>(ByOffset(pages))))
            }
            _ => Err(request.unknown_report()),
        }
    }
}

struct ByLink(LinkPages);

impl Source for ByLink {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(page) = self.0.next_page()? else { return Ok(Progress::Finished) };
        for row in page.json::<Vec<TestResult>>()? {
            batches.push(row);
        }
        Ok(Progress::More)
    }
}

struct ByOffset(EnvelopePages);

impl Source for ByOffset {
    fn fill(&mut self, batches: &mut Batches) -> Result<Progress, Failure> {
        let Some(rows) = self.0.next_page::<TestResult>()? else { return Ok(Progress::Finished) };
        for row in rows {
            batches.push(row);
        }
        Ok(Progress::More)
    }
}

test_dashboard_sdk::export!(Mock);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use test_dashboard_sdk::testing::{self, FakeHttp, MemoryHost, Reply};

    use super::*;

    const BASE: &str = "https://api.example.org";

    fn row(id: i64) -> serde_json::Value {
        json!({
            "id": id, "run_id": 7, "title": "opens a tab", "details": null, "status": "passed",
            "priority": 2, "suite": "browser/tabs", "milestone": "151", "is_automated": true,
            "is_flaky": null, "duration": 1.5, "coverage": null, "attempts": 1,
            "created_at": "2026-03-01T06:00:00Z", "updated_at": "2026-03-01T06:00:01Z",
            "closed_at": null,
        })
    }

    fn ids(report: &str, http: &FakeHttp) -> Vec<Vec<test_dashboard_sdk::Value>> {
        let context = testing::context(http, json!({"state": "original"}));
        let mut host = MemoryHost::new();
        host.run::<Mock>(&testing::request(report, context)).unwrap();
        http.assert_all_used();
        host.select(TestResult::TABLE, &["id"])
    }

    fn expected(ids: &[i64]) -> Vec<Vec<test_dashboard_sdk::Value>> {
        ids.iter().map(|&id| vec![test_dashboard_sdk::Value::Int64(id)]).collect()
    }

    #[test]
    fn links_are_followed_to_the_last_page() {
        let first = json!([row(1), row(2)]).to_string();
        let next = format!("<{BASE}/original/rows?per_page=100&page=2>; rel=\"next\"");
        let http = FakeHttp::script([
            (
                format!("{BASE}/original/rows?per_page=100"),
                Reply::json(200, &first).header("link", &next),
            ),
            (
                format!("{BASE}/original/rows?per_page=100&page=2"),
                Reply::json(200, &json!([row(3)]).to_string()),
            ),
        ]);
        assert_eq!(ids(BY_LINK, &http), expected(&[1, 2, 3]));
    }

    #[test]
    fn envelopes_are_followed_to_the_last_page() {
        let page = |id: i64, next: Option<&str>| {
            let links = json!({"next": next, "prev": null});
            let rows = [row(id)];
            let page = json!({
                "offset": 0, "limit": 250, "size": 1, "_links": links, "rows": rows,
            });
            Reply::json(200, &page.to_string())
        };
        let next = Some("/original/envelope?limit=250&offset=250");
        let http = FakeHttp::script([
            (format!("{BASE}/original/envelope?limit=250&offset=0"), page(1, next)),
            (format!("{BASE}/original/envelope?limit=250&offset=250"), page(2, None)),
        ]);
        assert_eq!(ids(BY_OFFSET, &http), expected(&[1, 2]));
    }
}
