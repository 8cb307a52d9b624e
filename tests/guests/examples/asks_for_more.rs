// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A newer version of the guest, which asks for more than the first: a host, a credential, a
//! setting, another column and another type of one that is there. It says so when it is
//! described, so that a test can tell whether it ran.

use test_dashboard_guests::bindings::testops::datasource::types::{CredentialKind, Setting};
use test_dashboard_guests::log::{Level, write};
use test_dashboard_guests::{Behaviour, Column, ColumnType, Description, Table, declared, guest};

struct AsksForMore;

fn rows() -> Table {
    let mut rows = declared::rows();
    rows.columns[1].kind = ColumnType::Json;
    rows.columns.push(Column { nullable: true, ..declared::column("owner", ColumnType::Text) });
    rows
}

impl Behaviour for AsksForMore {
    fn describe() -> Description {
        write(Level::Warn, "the newer guest runs");
        let mut description = declared::with_tables(vec![rows()]);
        description.version = "0.2.0".into();
        description.default_base_url = Some("https://api.example.com".into());
        description.hosts = vec!["https://uploads.example.com".into()];
        description.credentials = vec![CredentialKind::Bearer];
        description.settings.push(Setting {
            name: "owner".into(),
            description: "whose rows, such as mozilla".into(),
            required: true,
        });
        description
    }
}

guest!(AsksForMore);
