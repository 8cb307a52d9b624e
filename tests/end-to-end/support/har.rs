// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Recordings made by hand.

use std::path::Path;

use serde_json::{Value, json};

/// The time at which made recordings were "taken".
const NOW: &str = "2026-03-01T12:00:00Z";

/// One GET and its answer, as an entry of a recording.
pub fn got(url: &str, status: u16, body: impl ToString) -> Value {
    let body = body.to_string();
    json!({
        "startedDateTime": NOW, "time": 0, "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        "request": {
            "method": "GET", "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
            "queryString": [], "headersSize": -1, "bodySize": 0
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [{"name": "content-type", "value": "application/json"}],
            "content": {"size": body.len(), "mimeType": "application/json", "text": body},
            "redirectURL": "", "headersSize": -1, "bodySize": -1
        }
    })
}

/// Writes a recording of these entries, making its folder.
pub fn write(file: &Path, entries: &[Value]) {
    let page = json!({"startedDateTime": NOW, "id": "run", "title": "made", "pageTimings": {}});
    let har = json!({"log": {
        "version": "1.2", "creator": {"name": "by hand", "version": "1"}, "pages": [page],
        "entries": entries
    }});
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, har.to_string()).unwrap();
}
