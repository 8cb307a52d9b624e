// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Writes a hundred thousand long lines into the log, then goes on as if nothing were.

use test_dashboard_guests::log::{Level, write};
use test_dashboard_guests::{Behaviour, Failure, Reading, guest};

struct FloodsLog;

impl Behaviour for FloodsLog {
    fn open(_reading: &Reading) -> Result<(), Failure> {
        let line = "so much to say ".repeat(1_000);
        for _ in 0..100_000 {
            write(Level::Warn, &line);
        }
        Ok(())
    }
}

guest!(FloodsLog);
