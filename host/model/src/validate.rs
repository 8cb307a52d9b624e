// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Checks every row against its table, and brings its values into the one form that reads the
//! same from every database.
//!
//! | Type | What becomes of a value |
//! |---|---|
//! | text, json | U+0000 becomes U+FFFD, because PostgreSQL cannot hold it; counted |
//! | text with a maximum length | longer is rejected, never cut |
//! | json | has to parse; stored without insignificant white space, keys sorted |
//! | decimal | exactly the declared digits after the point: `1.5` becomes `1.50`; more are rejected |
//! | float64 | not-a-number and the infinities are rejected; `-0.0` becomes `0.0` |
//! | date, timestamp | the years 1000 to 9999, which is what MySQL promises to hold; others are rejected |
//! | date, timestamp that may be null | the year 1, which stands for "no time" where a service has no word for it, becomes null |

use std::borrow::Cow;
use std::io::{self, Write as _};
use std::sync::Arc;

use crate::json;
use crate::shortened::Shortened;
use crate::value::date_from_days;
use crate::{Column, ColumnType, Row, Table, Value};

/// A row that fits its table. Only a [`Validator`] makes one, so nothing unchecked can be
/// staged.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedRow(Row);

impl CheckedRow {
    /// The values, in the order of the table's columns.
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    /// Gives the values away.
    pub fn into_values(self) -> Row {
        self.0
    }
}

/// A row that failed validation against its table's declaration.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedRow {
    /// The table it was meant for.
    pub table: String,
    /// Which column, what was found and what was expected.
    pub reason: String,
    /// The row, as JSON for a person: an object where its length fits the columns, else a
    /// list. Cut as a [`Shortened`] text is.
    pub row: String,
}

/// Checks the rows of one table.
#[derive(Debug)]
pub struct Validator {
    table: Arc<Table>,
    is_key: Vec<bool>,
    replaced_nuls: u64,
}

/// The first and last day that every dialect holds, in days since 1970-01-01:
/// 1000-01-01 and 9999-12-31.
const DAYS: std::ops::RangeInclusive<i32> = -354_285..=2_932_896;
/// The same for moments, in microseconds: 1000-01-01T00:00:00 to 9999-12-31T23:59:59.999999.
const MICROS: std::ops::RangeInclusive<i64> =
    (-354_285 * MICROS_PER_DAY)..=(2_932_897 * MICROS_PER_DAY - 1);
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 0000-01-01 to before 0002-01-01. Programs that have no null begin to count at 0001-01-01, and a
/// time zone may move that into the year before.
const NO_TIME: std::ops::Range<i32> = -719_528..-718_797;
/// How many characters of a value are shown in a reason.
const SHOWN: usize = 80;

impl Validator {
    /// A validator for the rows of `table`.
    pub fn new(table: Arc<Table>) -> Self {
        let is_key = table.columns.iter().map(|column| table.is_key(&column.name)).collect();
        Validator { table, is_key, replaced_nuls: 0 }
    }

    /// The table whose rows it checks.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// How many characters U+0000 were replaced so far.
    pub fn replaced_nuls(&self) -> u64 {
        self.replaced_nuls
    }

    /// Checks one row.
    ///
    /// # Errors
    ///
    /// The first reason for which the row cannot be stored, with the row itself.
    pub fn check(&mut self, mut row: Row) -> Result<CheckedRow, Box<RejectedRow>> {
        match self.fit(&mut row) {
            Ok(()) => Ok(CheckedRow(row)),
            Err(reason) => Err(Box::new(RejectedRow {
                table: self.table.name.clone(),
                reason,
                row: self.describe(&row),
            })),
        }
    }

    fn fit(&mut self, row: &mut Row) -> Result<(), String> {
        let columns = &self.table.columns;
        if row.len() != columns.len() {
            return Err(format!(
                "the row has {} values, {} has {} columns",
                row.len(),
                self.table.name,
                columns.len()
            ));
        }
        for ((value, column), is_key) in row.iter_mut().zip(columns).zip(&self.is_key) {
            if column.nullable && stands_for_no_time(value) {
                *value = Value::Null;
            }
            self.replaced_nuls += fit_value(value, column, *is_key)
                .map_err(|problem| format!("column {}: {problem}", column.name))?;
        }
        Ok(())
    }

    fn describe(&self, row: &Row) -> String {
        let mut text = Shortened::default();
        // Writing into memory does not fail; what a value has no JSON for is left out.
        let _ = self.write(row, &mut text);
        without_escaped_nuls(&text.finish())
    }

    fn write(&self, row: &Row, out: &mut Shortened) -> io::Result<()> {
        let is_object = row.len() == self.table.columns.len();
        let mut values: Vec<(&str, &Value)> = if is_object {
            self.table.columns.iter().map(|column| column.name.as_str()).zip(row).collect()
        } else {
            row.iter().map(|value| ("", value)).collect()
        };
        values.sort_by_key(|(name, _)| *name);
        let (open, close) = if is_object { ("{", "}") } else { ("[", "]") };
        write!(out, "{open}")?;
        for (index, (name, value)) in values.into_iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let key = if is_object { format!("\"{name}\":") } else { String::new() };
            write!(out, "{comma}{key}")?;
            value.write_json(out)?;
        }
        write!(out, "{close}")
    }
}

/// Brings one value into its stored form. Returns the number of characters U+0000 replaced.
fn fit_value(value: &mut Value, column: &Column, is_key: bool) -> Result<u64, String> {
    let mut replaced = 0;
    match (&column.kind, &mut *value) {
        (_, Value::Null) => {
            if is_key {
                return Err("is null, but key columns cannot be".into());
            }
            if !column.nullable {
                return Err("is null, but is not declared nullable".into());
            }
        }
        (ColumnType::Boolean, Value::Boolean(_))
        | (ColumnType::Int64, Value::Int64(_))
        | (ColumnType::Bytes, Value::Bytes(_)) => {}
        (ColumnType::Float64, Value::Float64(number)) => {
            if !number.is_finite() {
                return Err(format!("{number} is not a number that a database can hold"));
            }
            *number += 0.0; // -0.0 becomes 0.0, which is what MySQL makes of it.
        }
        (ColumnType::Decimal { precision, scale }, Value::Decimal(text)) => {
            *text = fit_decimal(text, *precision, *scale)?;
        }
        (ColumnType::Text, Value::Text(text)) => {
            replaced = replace_nuls(text);
            check_length(text, column.max_length)?;
        }
        (ColumnType::Date, Value::Date(days)) => {
            if !DAYS.contains(days) {
                let day = date_from_days(*days)
                    .map_or_else(|| format!("day {days}"), |date| date.to_string());
                return Err(format!("{day} is outside of the years 1000 to 9999"));
            }
        }
        (ColumnType::Timestamp, Value::Timestamp(micros)) => {
            if !MICROS.contains(micros) {
                return Err(format!("{} is outside of the years 1000 to 9999", value.to_json()));
            }
        }
        (ColumnType::Json, Value::Json(text)) => {
            let (canonical, nuls) = json::canonical(text)
                .map_err(|error| format!("is not a JSON document: {error}"))?;
            *text = canonical;
            replaced = nuls;
        }
        (kind, other) => {
            return Err(format!("is declared {kind}, the row has {}", shown(other)));
        }
    }
    Ok(replaced)
}

fn stands_for_no_time(value: &Value) -> bool {
    match value {
        Value::Date(days) => NO_TIME.contains(days),
        Value::Timestamp(micros) => i32::try_from(micros.div_euclid(MICROS_PER_DAY))
            .is_ok_and(|days| NO_TIME.contains(&days)),
        _ => false,
    }
}

/// A value for a reason: its kind and, as far as it is short, itself. What cannot be seen is
/// escaped. Reasons are read in public logs: what has a structure or an e-mail address may be about
/// a person, and is shown with its row alone.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Text(text) | Value::Json(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_json().to_string()),
    };
    let is_address = |word: &str| word.split_once('@').is_some_and(|(_, host)| host.contains('.'));
    let is_structure = text.trim_ascii_start().starts_with(['{', '[']);
    if is_structure || text.split_whitespace().any(is_address) {
        return value.kind().to_string();
    }
    let (short, more) = beginning(&text);
    match value {
        Value::Text(_) => format!("text {short:?}{more}"),
        // What is seen of JSON are its own quotes and escapes.
        _ => format!("{} {short}{more}", value.kind()),
    }
}

/// The first characters of a text, and an ellipsis where there are more.
fn beginning(text: &str) -> (&str, &'static str) {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => (text.get(..end).unwrap_or_default(), "…"),
        None => (text, ""),
    }
}

/// JSON in which U+0000, for which PostgreSQL stores no text, is U+FFFD. Of several backslashes
/// each second one is a character itself, and escapes nothing.
fn without_escaped_nuls(json: &str) -> String {
    let between: Vec<String> =
        json.split("\\\\").map(|text| text.replace("\\u0000", "\\ufffd")).collect();
    between.join("\\\\")
}

fn replace_nuls(text: &mut String) -> u64 {
    let nuls = text.bytes().filter(|byte| *byte == 0).count() as u64;
    if nuls > 0 {
        *text = text.replace('\0', "\u{FFFD}");
    }
    nuls
}

fn check_length(text: &str, longest: Option<u32>) -> Result<(), String> {
    let Some(longest) = longest else { return Ok(()) };
    // A text has at most as many characters as bytes: count only when that does not settle it.
    if text.len() <= longest as usize {
        return Ok(());
    }
    let length = text.chars().count();
    if length <= longest as usize {
        return Ok(());
    }
    Err(format!("has {length} characters, at most {longest} are declared"))
}

/// Digits with exactly `scale` of them after the point and no leading zeros.
fn fit_decimal(text: &str, precision: u8, scale: u8) -> Result<String, String> {
    let (short, more) = beginning(text);
    let not_decimal = || format!("{short:?}{more} is not a decimal number such as -12.50");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty()
        || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return Err(not_decimal());
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > usize::from(scale) || whole.len() > usize::from(precision - scale) {
        return Err(format!("{short}{more} does not fit decimal({precision},{scale})"));
    }
    let is_zero = whole.is_empty() && fraction.is_empty();
    let sign = if negative && !is_zero { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction:0<width$}", width = usize::from(scale))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TableMode;

    fn validator(kind: ColumnType, nullable: bool, max_length: Option<u32>) -> Validator {
        let column = |name: &str, kind, nullable, max_length| Column {
            name: name.into(),
            kind,
            nullable,
            max_length,
            description: String::new(),
        };
        Validator::new(Arc::new(Table {
            name: "t_rows".into(),
            description: String::new(),
            mode: TableMode::Merge,
            columns: vec![
                column("id", ColumnType::Int64, false, None),
                column("value", kind, nullable, max_length),
            ],
            key: vec!["id".into()],
        }))
    }

    fn stored(kind: ColumnType, value: Value) -> Result<Value, String> {
        validator(kind, true, None)
            .check(vec![Value::Int64(1), value])
            .map(|row| row.into_values().remove(1))
            .map_err(|rejected| rejected.reason)
    }

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    #[test]
    fn a_value_of_another_type_is_rejected_with_both_names() {
        let reason = stored(ColumnType::Int64, text("12")).unwrap_err();
        assert_eq!(reason, "column value: is declared int64, the row has text \"12\"");
        let reason = stored(ColumnType::Int64, text("\u{feff}a\n")).unwrap_err();
        assert!(reason.ends_with(r#"the row has text "\u{feff}a\n""#), "{reason}");
        let reason = stored(ColumnType::Text, Value::Json(r#"{"a": [1]}"#.into())).unwrap_err();
        assert!(reason.ends_with("is declared text, the row has json"), "{reason}");
        let reason = stored(ColumnType::Int64, text("ask me@example.org")).unwrap_err();
        assert!(reason.ends_with("is declared int64, the row has text"), "{reason}");
        let reason = stored(ColumnType::Date, text(&"🐞".repeat(81))).unwrap_err();
        assert!(reason.ends_with(&format!("{}\"…", "🐞".repeat(80))), "{reason}");
    }

    #[test]
    fn the_year_1_is_no_time_where_there_may_be_none() {
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = |year| jiff::civil::date(year, 1, 1).since(epoch).unwrap().get_days();
        let end = days(2);
        assert_eq!(NO_TIME, days(0)..end);
        let micros = |days: i32| i64::from(days) * MICROS_PER_DAY;
        for (kind, none, early) in [
            (ColumnType::Date, Value::Date(end - 365), Value::Date(end)),
            (
                ColumnType::Timestamp,
                Value::Timestamp(micros(end - 365)),
                Value::Timestamp(micros(end)),
            ),
        ] {
            assert_eq!(stored(kind, none.clone()), Ok(Value::Null));
            let reason = stored(kind, early).unwrap_err();
            assert!(reason.contains("outside of the years"), "{reason}");
            let mut strict = validator(kind, false, None);
            let rejected = strict.check(vec![Value::Int64(1), none]).unwrap_err();
            assert!(rejected.reason.contains("0001-01-01"), "{}", rejected.reason);
        }
    }

    #[test]
    fn a_row_of_another_length_is_rejected() {
        let rejected =
            validator(ColumnType::Text, true, None).check(vec![Value::Int64(1)]).unwrap_err();
        assert_eq!(rejected.reason, "the row has 1 values, t_rows has 2 columns");
        assert_eq!(rejected.row, "[1]");
    }

    #[test]
    fn nulls_are_where_the_declaration_lets_them_be() {
        assert_eq!(stored(ColumnType::Text, Value::Null), Ok(Value::Null));
        let mut strict = validator(ColumnType::Text, false, None);
        let rejected = strict.check(vec![Value::Int64(1), Value::Null]).unwrap_err();
        assert!(rejected.reason.contains("not declared nullable"));
        let rejected = strict.check(vec![Value::Null, text("a")]).unwrap_err();
        assert!(rejected.reason.contains("key columns cannot be"));
        assert_eq!(rejected.row, r#"{"id":null,"value":"a"}"#);
    }

    #[test]
    fn u0000_is_replaced_and_counted() {
        let mut validator = validator(ColumnType::Text, true, None);
        let row = validator.check(vec![Value::Int64(1), text("a\0b\0")]).unwrap();
        assert_eq!(row.values()[1], text("a\u{FFFD}b\u{FFFD}"));
        assert_eq!(validator.replaced_nuls(), 2);
        let json = Value::Json("{\"\\u0000\": [\"\\u0000x\"]}".into());
        let expected = Value::Json("{\"\u{FFFD}\":[\"\u{FFFD}x\"]}".into());
        assert_eq!(stored(ColumnType::Json, json), Ok(expected));
    }

    #[test]
    fn a_backslash_before_u0000_is_kept() {
        let json = Value::Json(r#"["\\u0000"]"#.into());
        assert_eq!(stored(ColumnType::Json, json.clone()), Ok(json));
    }

    #[test]
    fn a_rejected_row_keeps_the_backslash_before_u0000_and_no_u0000() {
        let mut validator = validator(ColumnType::Json, true, None);
        let document = "{\"\\u0000\": [\"\\\\u0000\", \"\\\\\\u0000\"]";
        let row = vec![Value::Null, Value::Json(format!("{document}}}"))];
        let rejected = validator.check(row).unwrap_err();
        let kept = "{\"\\ufffd\": [\"\\\\u0000\", \"\\\\\\ufffd\"]}";
        assert_eq!(rejected.row, format!("{{\"id\":null,\"value\":{kept}}}"));
    }

    #[test]
    fn text_is_counted_in_characters_and_never_cut() {
        let mut short = validator(ColumnType::Text, true, Some(3));
        assert!(short.check(vec![Value::Int64(1), text("🐞🐞🐞")]).is_ok());
        let rejected = short.check(vec![Value::Int64(1), text("🐞🐞🐞🐞")]).unwrap_err();
        assert_eq!(rejected.reason, "column value: has 4 characters, at most 3 are declared");
    }

    #[test]
    fn decimals_get_exactly_their_scale() {
        let kind = ColumnType::Decimal { precision: 5, scale: 2 };
        let fit = |text: &str| stored(kind, Value::Decimal(text.into()));
        for (given, kept) in [
            ("1.5", "1.50"),
            ("-0.00", "0.00"),
            ("+007.1", "7.10"),
            (".5", "0.50"),
            ("3.", "3.00"),
            ("999.99", "999.99"),
            ("1.1000", "1.10"),
        ] {
            assert_eq!(fit(given), Ok(Value::Decimal(kept.into())), "{given}");
        }
        for bad in ["", ".", "-", "1e3", "1,5", "abc", "٣"] {
            assert!(fit(bad).unwrap_err().contains("not a decimal"), "{bad}");
        }
        for big in ["1000", "1.234"] {
            assert!(fit(big).unwrap_err().contains("does not fit"), "{big}");
        }
    }

    #[test]
    fn floats_that_no_database_holds_are_rejected() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(stored(ColumnType::Float64, Value::Float64(bad)).is_err());
        }
        let Ok(Value::Float64(zero)) = stored(ColumnType::Float64, Value::Float64(-0.0)) else {
            panic!("-0.0 was rejected");
        };
        assert!(zero.is_sign_positive());
    }

    #[test]
    fn days_and_moments_are_bounded_to_what_every_dialect_holds() {
        let first = jiff::civil::date(1000, 1, 1);
        let last = jiff::civil::date(9999, 12, 31);
        let epoch = jiff::civil::date(1970, 1, 1);
        let days = |date: jiff::civil::Date| date.since(epoch).unwrap().get_days();
        assert_eq!(DAYS, days(first)..=days(last));
        assert_eq!(*MICROS.start(), i64::from(days(first)) * MICROS_PER_DAY);
        for (inside, outside) in [(days(first), days(first) - 1), (days(last), days(last) + 1)] {
            assert!(stored(ColumnType::Date, Value::Date(inside)).is_ok());
            assert!(stored(ColumnType::Date, Value::Date(outside)).is_err());
        }
        for outside in [i64::MIN, i64::MAX, *MICROS.start() - 1, *MICROS.end() + 1] {
            assert!(stored(ColumnType::Timestamp, Value::Timestamp(outside)).is_err());
        }
        assert!(stored(ColumnType::Timestamp, Value::Timestamp(*MICROS.end())).is_ok());
        assert!(stored(ColumnType::Date, Value::Date(i32::MIN)).is_err());
    }

    #[test]
    fn json_is_canonical_and_keeps_its_numbers() {
        let fit = |text: &str| stored(ColumnType::Json, Value::Json(text.into()));
        let expected = r#"{"a":[1,2.50,123456789012345678901234567890],"b":null}"#;
        let given = " { \"b\" : null, \"a\": [1, 2.50, 123456789012345678901234567890] } ";
        assert_eq!(fit(given), Ok(Value::Json(expected.into())));
        assert!(fit("{").unwrap_err().contains("not a JSON document"));
        assert!(fit("").is_err());
    }
}
