// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the host's database user may have to do: the one list from which come what `check`
//! tries, the GRANT that a message advises, those of the documentation, and the user that the
//! tests log in as. What each is called is the [driver's](super::driver::Driver) to say.

use super::Engine;
use super::driver::Driver;

/// Something that the user may have to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Connect,
    Temporary,
    Create,
    Refer,
    Index,
    Alter,
    Insert,
    Update,
    Select,
    Delete,
    View,
    ShowView,
    Drop,
}

/// A privilege, and what needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Privilege {
    pub(crate) need: Need,
    /// What it lets the user do, as a message says it.
    pub(crate) to: &'static str,
    /// Statements that need it, and of the others at most those further up; `{probe}` begins the
    /// name of whatever they make.
    statements: &'static [&'static str],
}

/// All of them, in an order in which they can be tried. The last one removes what the others make.
static ALL: [Privilege; 13] = [
    Privilege { need: Need::Connect, to: "connect", statements: &[] },
    Privilege {
        need: Need::Temporary,
        to: "create a temporary table",
        statements: &[
            "CREATE TEMPORARY TABLE \"{probe}_temporary\" (\"id\" integer NOT NULL PRIMARY KEY)",
        ],
    },
    Privilege {
        need: Need::Create,
        to: "create a table",
        statements: &["CREATE TABLE \"{probe}\" (\"id\" integer NOT NULL PRIMARY KEY)"],
    },
    Privilege {
        need: Need::Refer,
        to: "refer to a table by a foreign key",
        statements: &["CREATE TABLE \"{probe}_part\" (\"id\" integer NOT NULL PRIMARY KEY, \
                       FOREIGN KEY (\"id\") REFERENCES \"{probe}\" (\"id\"))"],
    },
    Privilege {
        need: Need::Index,
        to: "create an index",
        statements: &["CREATE INDEX \"{probe}_index\" ON \"{probe}\" (\"id\")"],
    },
    Privilege {
        need: Need::Alter,
        to: "alter a table",
        statements: &["ALTER TABLE \"{probe}\" ADD COLUMN \"text\" integer"],
    },
    Privilege {
        need: Need::Insert,
        to: "insert rows",
        statements: &["INSERT INTO \"{probe}\" (\"id\") VALUES (1)"],
    },
    Privilege {
        need: Need::Update,
        to: "update rows",
        statements: &["UPDATE \"{probe}\" SET \"text\" = 2"],
    },
    Privilege {
        need: Need::Select,
        to: "read rows",
        statements: &["SELECT \"id\" FROM \"{probe}\""],
    },
    Privilege { need: Need::Delete, to: "delete rows", statements: &["DELETE FROM \"{probe}\""] },
    Privilege {
        need: Need::View,
        to: "create a view",
        statements: &["CREATE VIEW \"{probe}_view\" AS SELECT \"id\" FROM \"{probe}\""],
    },
    // Tells a view of the host's own from one that somebody else has put in its place.
    Privilege {
        need: Need::ShowView,
        to: "see what a view was made of",
        statements: &["SHOW CREATE VIEW \"{probe}_view\""],
    },
    Privilege {
        need: Need::Drop,
        to: "drop tables and views",
        statements: &[
            "DROP VIEW IF EXISTS \"{probe}_view\"",
            "DROP TABLE IF EXISTS \"{probe}_part\"",
            "DROP TABLE IF EXISTS \"{probe}\"",
        ],
    },
];

impl Privilege {
    /// What tries it, on tables and views whose names begin with `probe`.
    pub(crate) fn statements(&self, probe: &str) -> impl Iterator<Item = String> {
        self.statements.iter().map(move |sql| sql.replace("{probe}", probe))
    }
}

/// What there is to be tried.
pub(crate) fn of(driver: &dyn Driver) -> impl Iterator<Item = &'static Privilege> {
    ALL.iter().filter(|one| driver.asks_for(one.need))
}

fn needs(driver: &dyn Driver) -> Vec<Need> {
    of(driver).map(|one| one.need).collect()
}

/// Those that the server itself names when it refuses something.
pub(crate) fn named(driver: &dyn Driver, refusal: &str) -> Vec<Need> {
    needs(driver).into_iter().filter(|need| driver.names_in(refusal, *need)).collect()
}

/// What gives `user` what the server names in its refusal, or everything where it names nothing.
pub(crate) fn remedy_of(driver: &dyn Driver, refusal: &str, user: &str, database: &str) -> String {
    let mut missing = named(driver, refusal);
    if missing.is_empty() {
        missing = needs(driver);
    }
    driver.remedy(&missing, user, database)
}

/// What gives `user` these, in the order of the list.
pub(crate) fn remedy(driver: &dyn Driver, missing: &[Need], user: &str, database: &str) -> String {
    let mut needs = needs(driver);
    needs.retain(|need| missing.contains(need));
    driver.remedy(&needs, user, database)
}

/// The statements by which a server's owner gives `user` all that a run needs, and no more. Of
/// SQLite, none.
pub fn grants(engine: Engine, user: &str, database: &str) -> Vec<String> {
    let driver = engine.driver();
    driver.grant(&needs(driver), user, database)
}

/// The statements by which a server's owner lets `user` read what is there, and nothing else. Of
/// SQLite, none.
pub fn grants_to_read(engine: Engine, user: &str, database: &str) -> Vec<String> {
    engine.driver().grants_to_read(user, database)
}

/// The statement by which `pump`, who makes the tables, lets `user` read those that are to come;
/// none where [`grants_to_read`] is about them, too.
pub fn grant_to_read_later(engine: Engine, user: &str, pump: &str) -> Option<String> {
    engine.driver().grant_to_read_later(user, pump)
}

/// The statements by which a server's owner lets `user` see who holds a lock that a run waits for.
/// No run needs them.
pub fn grants_to_see_locks(engine: Engine, user: &str) -> Vec<String> {
    engine.driver().grants_to_see_locks(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_names_each_privilege_once_and_quotes_names() {
        assert_eq!(
            grants(Engine::Mysql, "o'neil", "da`sh"),
            ["GRANT CREATE TEMPORARY TABLES, CREATE, REFERENCES, INDEX, ALTER, INSERT, UPDATE, \
                 SELECT, DELETE, CREATE VIEW, SHOW VIEW, DROP ON `da``sh`.* TO 'o''neil'@'%'"]
        );
        assert_eq!(
            grants(Engine::Postgres, "a\"b", "dash"),
            [
                "GRANT CONNECT, TEMPORARY ON DATABASE \"dash\" TO \"a\"\"b\"",
                "GRANT USAGE, CREATE ON SCHEMA public TO \"a\"\"b\"",
            ]
        );
        assert_eq!(grants(Engine::Sqlite, "", ""), Vec::<String>::new());
    }

    #[test]
    fn what_the_server_names_is_known() {
        let named = |engine: Engine, refusal: &str| {
            let named = named(engine.driver(), refusal).into_iter();
            named
                .map(|need| ALL.iter().find(|one| one.need == need).unwrap().to)
                .collect::<Vec<_>>()
        };
        let refusal = "REFERENCES command denied to user 'pump'@'localhost' for table 'runs'";
        assert_eq!(named(Engine::Mysql, refusal), ["refer to a table by a foreign key"]);
        let refusal = "INSERT, CREATE VIEW command denied to user 'pump'@'10.0.0.1' for table 'v'";
        assert_eq!(named(Engine::Mysql, refusal), ["insert rows", "create a view"]);
        let refusal = "Access denied for user 'pump'@'%' to database 'dash'";
        assert_eq!(named(Engine::Mysql, refusal), Vec::<&str>::new());
        let refusal = "permission denied for database \"dash\"";
        assert_eq!(named(Engine::Postgres, refusal), ["connect"]);
        let refusal = "permission denied to create temporary tables in database \"dash\"";
        assert_eq!(named(Engine::Postgres, refusal), ["create a temporary table"]);
    }
}
