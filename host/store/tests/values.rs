// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Values of every type, as rows and as keys, on every database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests stop at what they do not expect"
)]

mod support;

use std::sync::Arc;

use support::{Database, column, counts, key_text, row, table, text, write};
use test_dashboard_model::{ColumnType, Table, TableMode, Value};

on_every_database![
    every_type_reads_back_the_same_at_its_ends,
    texts_that_a_collation_would_merge_are_distinct_keys,
    keys_of_every_type_find_their_row,
    every_type_is_compared_by_its_value,
    large_values_pass,
];

fn every_type() -> Arc<Table> {
    let columns = vec![
        key_text("id", 40),
        column("flag", ColumnType::Boolean),
        column("number", ColumnType::Int64),
        column("ratio", ColumnType::Float64),
        column("price", ColumnType::Decimal { precision: 38, scale: 10 }),
        column("body", ColumnType::Text),
        column("raw", ColumnType::Bytes),
        column("day", ColumnType::Date),
        column("moment", ColumnType::Timestamp),
        column("document", ColumnType::Json),
    ];
    table("probe_types", TableMode::Merge, columns, &["id"])
}

const FIRST_DAY: i32 = -354_285;

const LAST_DAY: i32 = 2_932_896;

const DAY: i64 = 86_400_000_000;

fn extremes() -> Vec<Vec<Value>> {
    let decimal = |text: &str| Value::Decimal(text.into());
    let json = |text: &str| Value::Json(text.into());
    vec![
        vec![
            text("greatest"),
            Value::Boolean(true),
            Value::Int64(i64::MAX),
            Value::Float64(f64::MAX),
            decimal("9999999999999999999999999999.9999999999"),
            text("🐞 \\N \t\n\r\\.\u{7f}'\"`?$1%:x  "),
            Value::Bytes((0..=255).collect()),
            Value::Date(LAST_DAY),
            Value::Timestamp((i64::from(LAST_DAY) + 1) * DAY - 1),
            json(r#"{"b":[1.50,123456789012345678901234567890,"🐞\\\"\n"],"a":null}"#),
        ],
        vec![
            text("least"),
            Value::Boolean(false),
            Value::Int64(i64::MIN),
            Value::Float64(f64::MIN),
            decimal("-9999999999999999999999999999.9999999999"),
            text(""),
            Value::Bytes(vec![]),
            Value::Date(FIRST_DAY),
            Value::Timestamp(i64::from(FIRST_DAY) * DAY),
            json("\"\""),
        ],
        vec![
            text("middle"),
            Value::Null,
            Value::Int64(0),
            Value::Float64(0.1 + 0.2),
            decimal("0"),
            text("a\0b"),
            Value::Null,
            Value::Date(-1),
            Value::Timestamp(-1),
            json("null"),
        ],
        std::iter::once(text("null")).chain((0..9).map(|_| Value::Null)).collect(),
        vec![
            text("small"),
            Value::Null,
            Value::Int64(-1),
            Value::Float64(5e-324),
            decimal("0.0000000001"),
            text(" "),
            Value::Bytes(vec![0]),
            Value::Date(0),
            Value::Timestamp(1),
            json("[]"),
        ],
    ]
}

async fn every_type_reads_back_the_same_at_its_ends(db: Arc<Database>) {
    let table = every_type();
    let store = db.store().await;
    let rows = || extremes().into_iter().map(|values| row(&table, values)).collect::<Vec<_>>();
    assert_eq!(write(&store, &table, "all", rows()).await.unwrap(), counts(5, 0, 0, 0, 0));
    let (o, end) = ("fenix", "items/all");
    let bytes = (0..=255).map(|byte: u8| format!("{byte:02x}")).collect::<String>();
    let expected: [[&str; 12]; 5] = [
        [
            o,
            "greatest",
            "true",
            "9223372036854775807",
            "1.7976931348623157e308",
            "9999999999999999999999999999.9999999999",
            "🐞 \\N \t\n\r\\.\u{7f}'\"`?$1%:x  ",
            &bytes,
            "9999-12-31",
            "9999-12-31T23:59:59.999999Z",
            r#"{"a":null,"b":[1.50,123456789012345678901234567890,"🐞\\\"\n"]}"#,
            end,
        ],
        [
            o,
            "least",
            "false",
            "-9223372036854775808",
            "-1.7976931348623157e308",
            "-9999999999999999999999999999.9999999999",
            "",
            "",
            "1000-01-01",
            "1000-01-01T00:00:00.000000Z",
            "\"\"",
            end,
        ],
        [
            o,
            "middle",
            "NULL",
            "0",
            "3.0000000000000004e-1",
            "0.0000000000",
            "a\u{FFFD}b",
            "NULL",
            "1969-12-31",
            "1969-12-31T23:59:59.999999Z",
            "null",
            end,
        ],
        [o, "null", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", end],
        [
            o,
            "small",
            "NULL",
            "-1",
            "5e-324",
            "0.0000000001",
            " ",
            "00",
            "1970-01-01",
            "1970-01-01T00:00:00.000001Z",
            "[]",
            end,
        ],
    ];
    assert_eq!(db.table(&table).await, expected.map(|row| row.map(String::from).to_vec()));
    // And what was read is what is compared: the same once more changes nothing.
    assert_eq!(write(&store, &table, "all", rows()).await.unwrap(), counts(0, 0, 5, 0, 0));
}

async fn texts_that_a_collation_would_merge_are_distinct_keys(db: Arc<Database>) {
    let columns = vec![key_text("label", 30), column("n", ColumnType::Int64)];
    let table = table("probe_labels", TableMode::Merge, columns, &["label"]);
    let labels = [
        "", " ", "  ", "P1", "p1", "P1 ", "e", "é", "e\u{301}", "E", "🐞", "🦊", "🐞 ", "ß", "ss",
        "İ", "i", "\t", "a\\b", "a\\\\b", "\u{FFFD}", "ﬀ", "ff", "\u{200b}",
    ];
    let rows = |offset: i64| {
        let numbered = labels.iter().zip(offset..);
        let rows = numbered.map(|(label, n)| row(&table, vec![text(label), Value::Int64(n)]));
        rows.collect::<Vec<_>>()
    };
    let store = db.store().await;
    let all = labels.len() as u64;
    assert_eq!(write(&store, &table, "all", rows(0)).await.unwrap(), counts(all, 0, 0, 0, 0));
    assert_eq!(write(&store, &table, "all", rows(100)).await.unwrap(), counts(0, all, 0, 0, 0));
    let mut expected: Vec<_> = labels.iter().zip(100..).collect();
    expected.sort_unstable_by_key(|(label, _)| label.as_bytes());
    let stored = db.table(&table).await;
    let found: Vec<_> = stored.iter().map(|row| (row[1].as_str(), row[2].as_str())).collect();
    let expected: Vec<_> = expected.iter().map(|(label, n)| (**label, n.to_string())).collect();
    let expected: Vec<_> = expected.iter().map(|(label, n)| (*label, n.as_str())).collect();
    // Ordered by bytes as well, on every database.
    assert_eq!(found, expected);
}

async fn keys_of_every_type_find_their_row(db: Arc<Database>) {
    let columns = vec![
        column("flag", ColumnType::Boolean),
        column("number", ColumnType::Int64),
        column("price", ColumnType::Decimal { precision: 20, scale: 4 }),
        key_text("name", 200),
        column("day", ColumnType::Date),
        column("moment", ColumnType::Timestamp),
        column("value", ColumnType::Text),
    ];
    let key = ["moment", "day", "name", "price", "number", "flag"];
    let table = table("probe_keys", TableMode::Snapshot, columns, &key);
    let rows = |value: &str| {
        let rows = (0..4i64).map(|i| {
            row(
                &table,
                vec![
                    Value::Boolean(i % 2 == 0),
                    Value::Int64(i / 2),
                    Value::Decimal("-0.5".into()),
                    text(&"🐞".repeat(200)),
                    Value::Date(LAST_DAY),
                    Value::Timestamp(1),
                    text(value),
                ],
            )
        });
        rows.collect::<Vec<_>>()
    };
    let store = db.store().await;
    assert_eq!(write(&store, &table, "p", rows("a")).await.unwrap(), counts(4, 0, 0, 0, 0));
    assert_eq!(write(&store, &table, "p", rows("a")).await.unwrap(), counts(0, 0, 4, 0, 0));
    assert_eq!(write(&store, &table, "p", rows("b")).await.unwrap(), counts(0, 4, 0, 0, 0));
    let fewer = rows("b").split_off(1);
    assert_eq!(write(&store, &table, "p", fewer).await.unwrap(), counts(0, 0, 3, 1, 0));
}

async fn every_type_is_compared_by_its_value(db: Arc<Database>) {
    let table = every_type();
    let store = db.store().await;
    let base = || {
        vec![
            text("k"),
            Value::Boolean(true),
            Value::Int64(9_007_199_254_740_993),
            Value::Float64(0.3),
            Value::Decimal("1234567890123456789012345678.0000000001".into()),
            text("P1"),
            Value::Bytes(vec![1, 0]),
            Value::Date(1),
            Value::Timestamp(1),
            Value::Json("[1.0]".into()),
        ]
    };
    write(&store, &table, "p", vec![row(&table, base())]).await.unwrap();
    let others = [
        Value::Boolean(false),
        Value::Int64(9_007_199_254_740_992),
        Value::Float64(0.1 + 0.2),
        Value::Decimal("1234567890123456789012345678.0000000002".into()),
        text("p1"),
        Value::Bytes(vec![1]),
        Value::Date(2),
        Value::Timestamp(2),
        Value::Json("[1.00]".into()),
    ];
    for (index, other) in others.into_iter().enumerate() {
        let mut values = base();
        values[index + 1] = other.clone();
        let changed = write(&store, &table, "p", vec![row(&table, values)]).await.unwrap();
        assert_eq!(changed, counts(0, 1, 0, 0, 0), "{other:?}");
        let back = write(&store, &table, "p", vec![row(&table, base())]).await.unwrap();
        assert_eq!(back, counts(0, 1, 0, 0, 0), "{other:?}");
    }
}

async fn large_values_pass(db: Arc<Database>) {
    let columns = vec![
        column("id", ColumnType::Int64),
        column("body", ColumnType::Text),
        column("raw", ColumnType::Bytes),
    ];
    let table = table("probe_large", TableMode::Merge, columns, &["id"]);
    let store = db.store().await;
    let body = "🐞\n\t\\".repeat(200_000);
    let rows = || {
        let values = |id| vec![Value::Int64(id), text(&body), Value::Bytes(vec![0xff; 1 << 20])];
        (0..8).map(|id| row(&table, values(id))).collect::<Vec<_>>()
    };
    assert_eq!(write(&store, &table, "p", rows()).await.unwrap(), counts(8, 0, 0, 0, 0));
    assert_eq!(write(&store, &table, "p", rows()).await.unwrap(), counts(0, 0, 8, 0, 0));
    assert_eq!(db.table(&table).await[7][2], body);
}
