// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Prepares requests without number, as large as they get, and sends none of them.

use test_dashboard_guests::{Batch, Behaviour, Failure, Reading, guest};
use wasip2::http::types::{Fields, OutgoingRequest};

struct HoardsRequests;

impl Behaviour for HoardsRequests {
    fn next_batch(_reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let long = "x".repeat(500_000);
        let mut requests = Vec::new();
        let mut bodies = Vec::new();
        loop {
            let fields = Fields::new();
            for _ in 0..20 {
                let _ = fields.append("x-more", &long.as_bytes()[..1000]);
            }
            let request = OutgoingRequest::new(fields);
            let _ = request.set_authority(Some(&long));
            if let Ok(body) = request.body() {
                if let Ok(stream) = body.write() {
                    let room = stream.check_write().unwrap_or_default() as usize;
                    let _ = stream.write(&long.as_bytes()[..room.min(long.len())]);
                }
                bodies.push(body);
            }
            requests.push(request);
        }
    }
}

guest!(HoardsRequests);
