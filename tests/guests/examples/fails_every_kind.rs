// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Fails with the kind that the setting `kind` names (`internal` unless told), where the setting `at`
//! says.

use test_dashboard_guests::behaviour::setting;
use test_dashboard_guests::{
    Batch, Behaviour, Failure, FailureKind, Partition, ProjectContext, Reading, Request, failure,
    guest,
};

fn fail(context: &ProjectContext, here: &str) -> Result<(), Failure> {
    let told = |name, otherwise: &str| match setting(context, name) {
        Some(serde_json::Value::String(text)) => text,
        _ => otherwise.to_string(),
    };
    if told("at", "next-batch") != here {
        return Ok(());
    }
    let kind = told("kind", "internal");
    let message = format!("failing on purpose in {here}: {kind}");
    let patience = (kind == "rate-limited").then_some(1);
    let kind = match kind.as_str() {
        "config" => FailureKind::Config,
        "auth" => FailureKind::Auth,
        "not-found" => FailureKind::NotFound,
        "rate-limited" => FailureKind::RateLimited,
        "transient" => FailureKind::Transient,
        "unexpected-response" => FailureKind::UnexpectedResponse,
        _ => FailureKind::Internal,
    };
    Err(Failure { retry_after: patience, ..failure(kind, message) })
}

struct FailsEveryKind;

impl Behaviour for FailsEveryKind {
    fn check(context: ProjectContext) -> Result<String, Failure> {
        fail(&context, "check")?;
        Ok("did not fail".into())
    }

    fn plan(request: Request) -> Result<Vec<Partition>, Failure> {
        fail(&request.context, "plan")?;
        Ok(vec![Partition { id: "all".into(), data: String::new() }])
    }

    fn open(reading: &Reading) -> Result<(), Failure> {
        fail(&reading.request.context, "open")
    }

    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        fail(&reading.request.context, "next-batch")?;
        Ok(None)
    }
}

guest!(FailsEveryKind);
