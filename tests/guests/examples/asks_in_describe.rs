// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Asks for something while it is described, when nothing is granted yet, and puts the answer into
//! its summary.

use test_dashboard_guests::http::get;
use test_dashboard_guests::{Behaviour, Description, declared, guest};

struct AsksInDescribe;

impl Behaviour for AsksInDescribe {
    fn describe() -> Description {
        let summary = match get("https://off-the-list.example.net/", &[]) {
            Ok(response) => format!("was answered {}", response.status),
            Err(message) => message,
        };
        Description { summary, ..declared::description() }
    }
}

guest!(AsksInDescribe);
