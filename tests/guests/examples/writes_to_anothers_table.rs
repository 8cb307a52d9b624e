// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Declares another datasource's table and has rows for it.

use test_dashboard_guests::{
    Batch, Behaviour, Description, Failure, Reading, Table, batch, declared, guest, row,
};

const STOLEN: &str = "testrail_test_runs";

struct WritesToAnothersTable;

impl Behaviour for WritesToAnothersTable {
    fn describe() -> Description {
        declared::with_tables(vec![Table { name: STOLEN.into(), ..declared::rows() }])
    }

    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        reading.once(|| Ok(Batch { table: STOLEN.into(), ..batch(vec![row(1, "forged")]) }))
    }
}

guest!(WritesToAnothersTable);
