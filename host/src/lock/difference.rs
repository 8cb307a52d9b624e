// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The differences between two versions of a plugin, for the person who decides about the upgrade.

use std::collections::BTreeSet;

use test_dashboard_model::{Column, Description, Table};

use crate::plugin::address;

/// How much a change weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Worth knowing.
    Plain,
    /// It asks for more than before: another host, a credential, a setting it needs.
    AsksMore,
    /// The host will refuse to write the table as long as the old one is there.
    Refused,
}

/// One change. Its text may quote the plugin.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// How much it weighs.
    pub weight: Weight,
    /// What changes.
    pub what: String,
}

/// Everything that differs between the installed description and a newer one, but for what
/// only people read.
pub fn compare(old: &Description, new: &Description) -> Vec<Change> {
    let mut changes = Changes::default();
    changes.differs("the version", &old.version, &new.version, Weight::Plain);
    let url = |description: &Description| match &description.default_base_url {
        Some(url) => address(url),
        None => "to be configured".into(),
    };
    changes.differs("the base URL", &url(old), &url(new), Weight::AsksMore);
    let hosts = |description: &Description| -> Vec<String> {
        description.hosts.iter().map(|host| address(host)).collect()
    };
    changes.set("the host", &hosts(old), &hosts(new));
    let kinds = |description: &Description| -> Vec<String> {
        description.credentials.iter().map(ToString::to_string).collect()
    };
    changes.set("the credential", &kinds(old), &kinds(new));
    let rate = |description: &Description| match description.requests_per_minute {
        Some(rate) => rate.to_string(),
        None => "without a limit of its own".into(),
    };
    changes.differs("its requests a minute", &rate(old), &rate(new), Weight::Plain);
    settings(&mut changes, old, new);
    reports(&mut changes, old, new);
    tables(&mut changes, old, new);
    changes.0
}

#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn add(&mut self, weight: Weight, what: String) {
        self.0.push(Change { weight, what });
    }

    fn differs(&mut self, what: &str, old: &str, new: &str, weight: Weight) {
        if old != new {
            self.add(weight, format!("{what} was {old} and is now {new}"));
        }
    }

    fn set(&mut self, what: &str, old: &[String], new: &[String]) {
        let (was, is): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
        for added in is.difference(&was) {
            self.add(Weight::AsksMore, format!("{what} {added} is new"));
        }
        for removed in was.difference(&is) {
            self.add(Weight::Plain, format!("{what} {removed} is no longer requested"));
        }
    }
}

/// The items of two lists by name: gone, come, and in both.
fn by_name<'a, T>(
    old: &'a [T],
    new: &'a [T],
    name: impl Fn(&T) -> &str,
) -> (Vec<&'a T>, Vec<&'a T>, Vec<(&'a T, &'a T)>) {
    let find = |list: &'a [T], wanted: &str| list.iter().find(|item| name(item) == wanted);
    let gone = old.iter().filter(|item| find(new, name(item)).is_none()).collect();
    let come = new.iter().filter(|item| find(old, name(item)).is_none()).collect();
    let both = old.iter().filter_map(|item| Some((item, find(new, name(item))?))).collect();
    (gone, come, both)
}

fn settings(changes: &mut Changes, old: &Description, new: &Description) {
    let (gone, come, both) = by_name(&old.settings, &new.settings, |setting| &setting.name);
    for setting in come {
        match setting.required {
            true => changes
                .add(Weight::AsksMore, format!("the setting {} is new and required", setting.name)),
            false => changes.add(Weight::Plain, format!("the setting {} is new", setting.name)),
        }
    }
    for setting in gone {
        changes.add(
            Weight::Plain,
            format!("the setting {} was removed: a project that has it is refused", setting.name),
        );
    }
    for (was, is) in both {
        match (was.required, is.required) {
            (false, true) => {
                changes.add(Weight::AsksMore, format!("the setting {} is now required", is.name))
            }
            (true, false) => {
                changes.add(Weight::Plain, format!("the setting {} is no longer required", is.name))
            }
            _ => {}
        }
    }
}

fn reports(changes: &mut Changes, old: &Description, new: &Description) {
    let (gone, come, both) = by_name(&old.reports, &new.reports, |report| &report.name);
    for report in come {
        changes.add(Weight::Plain, format!("the report {} is new", report.name));
    }
    for report in gone {
        changes.add(
            Weight::Plain,
            format!("the report {} was removed: a run that asks for it fails", report.name),
        );
    }
    for (was, is) in both {
        let what = format!("what the report {} fills", is.name);
        let weight = Weight::Plain;
        changes.differs(&what, &was.tables.join(", "), &is.tables.join(", "), weight);
        if was.exhaustive != is.exhaustive {
            let does = if is.exhaustive { "removes" } else { "does not remove" };
            let report = &is.name;
            changes.add(weight, format!("a full refresh of the report {report} {does} the rows of partitions that are no longer listed"));
        }
    }
}

fn tables(changes: &mut Changes, old: &Description, new: &Description) {
    let (gone, come, both) = by_name(&old.tables, &new.tables, |table| &table.name);
    for table in come {
        changes.add(Weight::Plain, format!("the table {} is new", table.name));
    }
    for table in gone {
        let name = &table.name;
        changes.add(
            Weight::Plain,
            format!("the table {name} is no longer filled; it stays in the database"),
        );
    }
    for (was, is) in both {
        table(changes, was, is);
    }
}

fn table(changes: &mut Changes, was: &Table, is: &Table) {
    let name = &is.name;
    let key = |table: &Table| format!("({})", table.key.join(", "));
    changes.differs(&format!("the key of {name}"), &key(was), &key(is), Weight::Refused);
    let mode = |table: &Table| table.mode.to_string();
    changes.differs(&format!("the mode of {name}"), &mode(was), &mode(is), Weight::Refused);
    let (gone, come, both) = by_name(&was.columns, &is.columns, |column| &column.name);
    for column in come {
        let kind = kind(column);
        changes.add(Weight::Plain, format!("the column {name}.{} ({kind}) is new", column.name));
    }
    for column in gone {
        let column = &column.name;
        changes.add(
            Weight::Plain,
            format!("the column {name}.{column} is no longer filled; it stays in the table"),
        );
    }
    for (was, is) in both {
        column_changes(changes, name, was, is);
    }
}

fn column_changes(changes: &mut Changes, table: &str, was: &Column, is: &Column) {
    let at = format!("the column {table}.{}", is.name);
    let kind = |column: &Column| column.kind.to_string();
    changes.differs(&format!("the type of {at}"), &kind(was), &kind(is), Weight::Refused);
    match (was.nullable, is.nullable) {
        (false, true) => changes.add(Weight::Plain, format!("{at} may now be null")),
        (true, false) => changes.add(
            Weight::Plain,
            format!("{at} may no longer be null: rows without it are rejected"),
        ),
        _ => {}
    }
    let length = |column: &Column| match column.max_length {
        Some(length) => length.to_string(),
        None => "without a bound".into(),
    };
    let what = format!("the maximum length of {at}");
    changes.differs(&what, &length(was), &length(is), Weight::Plain);
}

fn kind(column: &Column) -> String {
    let null = if column.nullable { ", may be null" } else { "" };
    format!("{}{null}", column.kind)
}

#[cfg(test)]
mod tests {
    use test_dashboard_model::{ColumnType, CredentialKind, Report, Setting, TableMode};

    use super::*;

    fn column(name: &str, kind: ColumnType) -> Column {
        let description = String::new();
        Column { name: name.into(), kind, nullable: false, max_length: None, description }
    }

    fn setting(name: &str, required: bool) -> Setting {
        Setting { name: name.into(), description: String::new(), required }
    }

    fn description() -> Description {
        Description {
            name: "guest".into(),
            version: "0.1.0".into(),
            summary: "One.".into(),
            default_base_url: Some("https://api.example.com".into()),
            hosts: vec!["https://a.example.com".into()],
            credentials: vec![CredentialKind::Bearer],
            requests_per_minute: None,
            settings: vec![setting("owner", true), setting("label", false)],
            tables: vec![Table {
                name: "guest_rows".into(),
                description: String::new(),
                mode: TableMode::Merge,
                columns: vec![column("id", ColumnType::Int64), column("label", ColumnType::Text)],
                key: vec!["id".into()],
            }],
            reports: vec![Report {
                name: "rows".into(),
                description: String::new(),
                tables: vec!["guest_rows".into()],
                exhaustive: false,
            }],
        }
    }

    /// That changing the description so is told with exactly these words.
    #[track_caller]
    fn told(change: impl FnOnce(&mut Description), expected: &[(Weight, &str)]) {
        let mut new = description();
        change(&mut new);
        let told = compare(&description(), &new);
        let told: Vec<_> =
            told.iter().map(|change| (change.weight, change.what.as_str())).collect();
        assert_eq!(told, expected);
    }

    use Weight::{AsksMore, Plain, Refused};

    #[test]
    fn the_same_is_no_change_and_neither_is_another_wording() {
        told(|_| {}, &[]);
        told(
            |new| {
                new.summary = "Another.".into();
                new.tables[0].columns[1].description = "Another.".into();
                new.settings[0].description = "Another.".into();
            },
            &[],
        );
    }

    #[test]
    fn more_hosts_and_credentials_stand_out_and_fewer_do_not() {
        told(
            |new| {
                new.version = "0.2.0".into();
                new.hosts = vec!["https://b.example.com".into()];
                new.credentials = vec![CredentialKind::Basic];
                new.default_base_url = None;
            },
            &[
                (Plain, "the version was 0.1.0 and is now 0.2.0"),
                (AsksMore, "the base URL was https://api.example.com and is now to be configured"),
                (AsksMore, "the host https://b.example.com is new"),
                (Plain, "the host https://a.example.com is no longer requested"),
                (AsksMore, "the credential basic is new"),
                (Plain, "the credential bearer is no longer requested"),
            ],
        );
    }

    #[test]
    fn settings_that_are_needed_stand_out() {
        told(
            |new| {
                new.settings =
                    vec![setting("label", true), setting("since", false), setting("who", true)];
            },
            &[
                (Plain, "the setting since is new"),
                (AsksMore, "the setting who is new and required"),
                (Plain, "the setting owner was removed: a project that has it is refused"),
                (AsksMore, "the setting label is now required"),
            ],
        );
    }

    #[test]
    fn a_changed_type_key_or_mode_will_be_refused() {
        told(
            |new| {
                let table = &mut new.tables[0];
                table.mode = TableMode::Snapshot;
                table.columns[1].kind = ColumnType::Json;
                table.columns[0].kind = ColumnType::Decimal { precision: 9, scale: 2 };
                table.key = vec!["id".into(), "label".into()];
            },
            &[
                (Refused, "the key of guest_rows was (id) and is now (id, label)"),
                (Refused, "the mode of guest_rows was merge and is now snapshot"),
                (Refused, "the type of the column guest_rows.id was int64 and is now decimal(9,2)"),
                (Refused, "the type of the column guest_rows.label was text and is now json"),
            ],
        );
    }

    #[test]
    fn columns_come_go_and_take_null() {
        told(
            |new| {
                let columns = &mut new.tables[0].columns;
                columns[0].nullable = true;
                columns[1].name = "title".into();
                columns[0].max_length = Some(9);
            },
            &[
                (Plain, "the column guest_rows.title (text) is new"),
                (Plain, "the column guest_rows.label is no longer filled; it stays in the table"),
                (Plain, "the column guest_rows.id may now be null"),
                (
                    Plain,
                    "the maximum length of the column guest_rows.id was without a bound and is now 9",
                ),
            ],
        );
    }

    #[test]
    fn reports_and_tables_come_and_go() {
        told(
            |new| {
                new.reports[0].exhaustive = true;
                new.reports[0].tables = vec!["guest_other".into()];
                new.tables[0].name = "guest_other".into();
            },
            &[
                (Plain, "what the report rows fills was guest_rows and is now guest_other"),
                (
                    Plain,
                    "a full refresh of the report rows removes the rows of partitions that are no longer listed",
                ),
                (Plain, "the table guest_other is new"),
                (Plain, "the table guest_rows is no longer filled; it stays in the database"),
            ],
        );
        told(
            |new| new.reports[0].name = "all".into(),
            &[
                (Plain, "the report all is new"),
                (Plain, "the report rows was removed: a run that asks for it fails"),
            ],
        );
    }
}
