// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Has values of the right kinds that no database can hold: a row for each, and one that is well.

use test_dashboard_guests::bindings::testops::datasource::types::DecimalSize;
use test_dashboard_guests::{
    Batch, Behaviour, ColumnType, Description, Failure, Reading, Value, declared, guest,
};

const VALUES: &str = "guest_values";

struct WrongValues;

impl Behaviour for WrongValues {
    fn describe() -> Description {
        let columns = [
            ("id", ColumnType::Int64),
            ("ratio", ColumnType::Float64),
            ("amount", ColumnType::Decimal(DecimalSize { precision: 5, scale: 2 })),
            ("day", ColumnType::Date),
            ("moment", ColumnType::Timestamp),
            ("document", ColumnType::Json),
        ];
        let columns = columns.map(|(name, kind)| declared::column(name, kind)).into();
        declared::with_tables(vec![declared::rows(), declared::table(VALUES, columns)])
    }

    fn next_batch(reading: &Reading, _max_rows: u32) -> Result<Option<Batch>, Failure> {
        let well = || {
            [
                Value::Float64(0.5),
                Value::Decimal("1.50".into()),
                Value::Date(0),
                Value::Timestamp(0),
                Value::Json("{}".into()),
            ]
        };
        let wrong = [
            (0, Value::Float64(f64::NAN)),
            (0, Value::Float64(f64::INFINITY)),
            (1, Value::Decimal("1000.00".into())),
            (1, Value::Decimal("a few".into())),
            (2, Value::Date(i32::MAX)),
            (3, Value::Timestamp(i64::MIN)),
            (4, Value::Json("{half a".into())),
        ];
        let mut rows = vec![[vec![Value::Int64(0)], well().into()].concat()];
        for (id, (at, value)) in (1..).zip(wrong) {
            let mut values = well();
            values[at] = value;
            rows.push([vec![Value::Int64(id)], values.into()].concat());
        }
        reading.once(|| Ok(Batch { table: VALUES.into(), rows, checkpoint: None }))
    }
}

guest!(WrongValues);
