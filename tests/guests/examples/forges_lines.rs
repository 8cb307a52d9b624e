// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Says what looks like lines of the host's, and steers the terminal, wherever a person reads
//! what it says: in its description, its log, its rows and its failure.

use test_dashboard_guests::bindings::testops::datasource::types::Setting;
use test_dashboard_guests::log::{Level, write};
use test_dashboard_guests::{
    Batch, Behaviour, Description, Failure, FailureKind, Partition, Reading, Request, Value, batch,
    declared, failure, guest,
};

/// A line of its own, commands of a runner, an escape sequence in both encodings, text that
/// runs backwards, and markup.
const FORGED: &str = "::stop-commands::well\r\n::error::forged\nERROR forged line ##[error]x \
                      \u{1b}[2J\u{9b}2J\u{202e}\u{2028}drawkcab %0A `<b>` | x";

struct ForgesLines;

impl Behaviour for ForgesLines {
    fn describe() -> Description {
        let mut description = declared::description();
        description.summary = FORGED.into();
        description.version = FORGED.into();
        description.hosts.push(FORGED.into());
        description.settings.push(Setting {
            name: "forged".into(),
            description: FORGED.into(),
            required: false,
        });
        for table in &mut description.tables {
            table.description = FORGED.into();
            for column in &mut table.columns {
                column.description = FORGED.into();
            }
        }
        for report in &mut description.reports {
            report.description = FORGED.into();
        }
        description
    }

    fn plan(request: Request) -> Result<Vec<Partition>, Failure> {
        let id = match request.context.settings.contains("partition") {
            true => FORGED.into(),
            false => "all".into(),
        };
        Ok(vec![Partition { id, data: String::new() }])
    }

    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        write(Level::Warn, FORGED);
        let at = reading.setting("at");
        match at.as_ref().and_then(|at| at.as_str()) {
            Some("row") => reading.once(|| {
                let wrong = vec![Value::Text(FORGED.into()), Value::Text(FORGED.into())];
                Ok(batch(vec![wrong]))
            }),
            Some("table") => reading.once(|| Ok(Batch { table: FORGED.into(), ..batch(vec![]) })),
            _ => Err(failure(FailureKind::Internal, FORGED)),
        }
    }
}

guest!(ForgesLines);
