// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The rows of a result, read by the names of their columns.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::{Column as _, ColumnIndex, Decode, Row, TypeInfo as _, ValueRef as _};

/// One field of a result: the host's own queries read whole numbers and text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Null,
    Int(i64),
    Text(String),
}

/// One row of a result.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    names: Arc<[String]>,
    fields: Vec<Field>,
}

/// The rows that a driver has returned. `is_integer` tells by the name of a type.
///
/// # Errors
///
/// Where a field is neither null nor a whole number nor text.
pub(crate) fn fields<R>(
    rows: &[R],
    is_integer: impl Fn(&str) -> bool,
) -> Result<Vec<Fields>, sqlx::Error>
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database>,
    for<'r> String: Decode<'r, R::Database>,
{
    let columns = rows.first().map(Row::columns).unwrap_or_default();
    let names: Arc<[String]> = columns.iter().map(|column| column.name().to_owned()).collect();
    let field = |row: &R, index: usize| {
        let value = row.try_get_raw(index)?;
        if value.is_null() {
            return Ok(Field::Null);
        }
        if is_integer(value.type_info().name()) {
            row.try_get_unchecked(index).map(Field::Int)
        } else {
            row.try_get_unchecked(index).map(Field::Text)
        }
    };
    let fields = |row: &R| {
        let fields = (0..names.len()).map(|index| field(row, index));
        Ok(Fields { names: names.clone(), fields: fields.collect::<Result<_, sqlx::Error>>()? })
    };
    rows.iter().map(fields).collect()
}

impl Fields {
    /// MySQL names a column of its own in capitals, however the query writes it.
    fn get(&self, name: &str) -> Result<&Field, sqlx::Error> {
        let place = self.names.iter().position(|known| known.eq_ignore_ascii_case(name));
        let field = place.and_then(|place| self.fields.get(place));
        field.ok_or_else(|| sqlx::Error::ColumnNotFound(name.to_owned()))
    }

    /// The whole number of this name.
    pub(crate) fn int(&self, name: &str) -> Result<i64, sqlx::Error> {
        self.optional_int(name)?.ok_or_else(|| unexpected(name, "a whole number", &Field::Null))
    }

    /// The whole number of this name, unless it is null.
    pub(crate) fn optional_int(&self, name: &str) -> Result<Option<i64>, sqlx::Error> {
        match self.get(name)? {
            Field::Null => Ok(None),
            Field::Int(number) => Ok(Some(*number)),
            other @ Field::Text(_) => Err(unexpected(name, "a whole number", other)),
        }
    }

    /// The whole number of this name, which is in the range of its type.
    pub(crate) fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T, sqlx::Error> {
        let number = self.int(name)?;
        let range = |_| unexpected(name, "a number in its range", &Field::Int(number));
        T::try_from(number).map_err(range)
    }

    /// The text of this name.
    pub(crate) fn text(&self, name: &str) -> Result<String, sqlx::Error> {
        self.optional_text(name)?.ok_or_else(|| unexpected(name, "text", &Field::Null))
    }

    /// The text of this name, unless it is null.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<String>, sqlx::Error> {
        match self.get(name)? {
            Field::Null => Ok(None),
            Field::Text(text) => Ok(Some(text.clone())),
            other @ Field::Int(_) => Err(unexpected(name, "text", other)),
        }
    }

    /// The moment of this name, as [`Dialect::time_as_text`](crate::sql::dialect::Dialect) prints it.
    pub(crate) fn time(&self, name: &str) -> Result<Timestamp, sqlx::Error> {
        parsed(&self.text(name)?)
    }

    /// The same, unless it is null.
    pub(crate) fn optional_time(&self, name: &str) -> Result<Option<Timestamp>, sqlx::Error> {
        self.optional_text(name)?.as_deref().map(parsed).transpose()
    }

    /// The day of this name, unless it is null.
    pub(crate) fn optional_day(&self, name: &str) -> Result<Option<Date>, sqlx::Error> {
        self.optional_text(name)?.as_deref().map(parsed).transpose()
    }
}

fn parsed<T: std::str::FromStr<Err = jiff::Error>>(text: &str) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error: jiff::Error| sqlx::Error::Decode(error.into()))
}

fn unexpected(name: &str, expected: &str, found: &Field) -> sqlx::Error {
    sqlx::Error::Decode(format!("the column {name} holds {found:?}, expected {expected}").into())
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;

    #[tokio::test]
    async fn fields_are_read_by_name_and_what_is_another_type_is_an_error() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let sql = "SELECT 7 AS count, 'x' AS NAME, NULL AS error, 70000 AS shards";
        let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
        let row = &fields(&rows, |kind| kind == "INTEGER").unwrap()[0];
        assert_eq!((row.int("count").unwrap(), row.text("name").unwrap()), (7, "x".into()));
        assert_eq!(row.optional_text("error").unwrap(), None);
        let wrong = [
            row.int("name").map(drop),
            row.text("count").map(drop),
            row.text("error").map(drop),
            row.int("error").map(drop),
            row.number::<u16>("shards").map(drop),
            row.time("name").map(drop),
            row.int("there is none").map(drop),
        ];
        assert!(wrong.iter().all(Result::is_err), "{wrong:?}");
    }
}
