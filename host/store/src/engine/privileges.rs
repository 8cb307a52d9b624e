// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What the host's database user may have to do: the one list from which come what `check`
//! tries, the GRANT that a message advises, those of the documentation, and the user that the
//! tests log in as. And what a user needs who only reads.

use crate::dialect::{list, quote};
use crate::{Engine, StoreError, Target};

/// A privilege, what it is called, and what needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Privilege {
    /// What it lets the user do, as a message says it.
    pub(crate) to: &'static str,
    /// In MySQL, which grants it on a database; none where nobody is asked for it.
    mysql: Option<&'static str>,
    /// In PostgreSQL, and what it grants it on.
    postgres: Option<(On, &'static str)>,
    /// Statements that need it, and of the others at most those further up; `{probe}` begins the
    /// name of whatever they make.
    statements: &'static [&'static str],
}

/// What PostgreSQL grants a privilege on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    Database,
    Schema,
}

/// All that is done to what one has made in a schema comes with this.
const SCHEMA: Option<(On, &str)> = Some((On::Schema, "USAGE, CREATE"));

/// All of them, in an order in which they can be tried. The last one removes what the others make.
static ALL: [Privilege; 13] = [
    Privilege {
        to: "connect",
        mysql: None,
        postgres: Some((On::Database, "CONNECT")),
        statements: &[],
    },
    Privilege {
        to: "create a temporary table",
        mysql: Some("CREATE TEMPORARY TABLES"),
        postgres: Some((On::Database, "TEMPORARY")),
        statements: &[
            "CREATE TEMPORARY TABLE \"{probe}_temporary\" (\"id\" integer NOT NULL PRIMARY KEY)",
        ],
    },
    Privilege {
        to: "create a table",
        mysql: Some("CREATE"),
        postgres: SCHEMA,
        statements: &["CREATE TABLE \"{probe}\" (\"id\" integer NOT NULL PRIMARY KEY)"],
    },
    Privilege {
        to: "refer to a table by a foreign key",
        mysql: Some("REFERENCES"),
        postgres: SCHEMA,
        statements: &["CREATE TABLE \"{probe}_part\" (\"id\" integer NOT NULL PRIMARY KEY, \
                       FOREIGN KEY (\"id\") REFERENCES \"{probe}\" (\"id\"))"],
    },
    Privilege {
        to: "create an index",
        mysql: Some("INDEX"),
        postgres: SCHEMA,
        statements: &["CREATE INDEX \"{probe}_index\" ON \"{probe}\" (\"id\")"],
    },
    Privilege {
        to: "alter a table",
        mysql: Some("ALTER"),
        postgres: SCHEMA,
        statements: &["ALTER TABLE \"{probe}\" ADD COLUMN \"text\" integer"],
    },
    Privilege {
        to: "insert rows",
        mysql: Some("INSERT"),
        postgres: SCHEMA,
        statements: &["INSERT INTO \"{probe}\" (\"id\") VALUES (1)"],
    },
    Privilege {
        to: "update rows",
        mysql: Some("UPDATE"),
        postgres: SCHEMA,
        statements: &["UPDATE \"{probe}\" SET \"text\" = 2"],
    },
    Privilege {
        to: "read rows",
        mysql: Some("SELECT"),
        postgres: SCHEMA,
        statements: &["SELECT \"id\" FROM \"{probe}\""],
    },
    Privilege {
        to: "delete rows",
        mysql: Some("DELETE"),
        postgres: SCHEMA,
        statements: &["DELETE FROM \"{probe}\""],
    },
    Privilege {
        to: "create a view",
        mysql: Some("CREATE VIEW"),
        postgres: SCHEMA,
        statements: &["CREATE VIEW \"{probe}_view\" AS SELECT \"id\" FROM \"{probe}\""],
    },
    // Tells a view of the host's own from one that somebody else has put in its place.
    Privilege {
        to: "see what a view was made of",
        mysql: Some("SHOW VIEW"),
        postgres: None,
        statements: &["SHOW CREATE VIEW \"{probe}_view\""],
    },
    Privilege {
        to: "drop tables and views",
        mysql: Some("DROP"),
        postgres: SCHEMA,
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

/// What there is to be tried. SQLite, which has no privileges, does what PostgreSQL does.
pub(crate) fn of(engine: Engine) -> Vec<&'static Privilege> {
    let is_asked_for = |one: &&Privilege| match engine {
        Engine::Mysql => one.mysql.is_some(),
        Engine::Postgres | Engine::Sqlite => one.postgres.is_some(),
    };
    ALL.iter().filter(is_asked_for).collect()
}

/// Those that the server itself names when it refuses something.
pub(crate) fn named(engine: Engine, refusal: &str) -> Vec<&'static Privilege> {
    // MySQL says `CREATE VIEW command denied to user …`.
    let names = refusal.split_once(" command denied to user").map_or("", |(names, _)| names);
    let is_named = |one: &&Privilege| match engine {
        Engine::Sqlite => false,
        Engine::Mysql => one.mysql.is_some_and(|name| names.split(", ").any(|n| n == name)),
        Engine::Postgres => one.postgres.is_some_and(|(on, name)| match on {
            On::Database if name == "TEMPORARY" => refusal.contains("create temporary tables"),
            On::Database => refusal.starts_with("permission denied for database"),
            On::Schema => refusal.contains("schema"),
        }),
    };
    of(engine).into_iter().filter(is_named).collect()
}

/// `error`, where it is about a privilege: with the statement that gives `user` what the server
/// names, or everything where it names nothing.
pub(crate) fn with_grant(
    error: StoreError,
    engine: Engine,
    user: &str,
    database_name: &str,
) -> StoreError {
    let StoreError::MissingRight { database, doing, reason, .. } = error else { return error };
    let mut missing = named(engine, &reason);
    if missing.is_empty() {
        missing = of(engine);
    }
    let remedy = remedy(engine, &missing, user, database_name);
    StoreError::MissingRight { database, doing, reason, remedy }
}

/// The same for what is refused before there is a connection. `to_read` is what helps whoever
/// only reads.
pub(crate) fn to_connect(error: StoreError, target: &Target, to_read: Option<&str>) -> StoreError {
    let error = match (error, to_read) {
        (StoreError::MissingRight { database, doing, reason, .. }, Some(remedy)) => {
            StoreError::MissingRight { database, doing, reason, remedy: remedy.to_owned() }
        }
        (error, _) => with_grant(error, target.engine(), target.user(), target.database()),
    };
    match error {
        // MySQL does not tell a user of no privileges which databases there are.
        StoreError::MissingRight { database, doing, reason, remedy }
            if target.engine() == Engine::Mysql =>
        {
            let remedy = format!("the right name of the database, or, where it is right, {remedy}");
            StoreError::MissingRight { database, doing, reason, remedy }
        }
        other => other,
    }
}

/// The statements by which a server's owner gives `user` all that a run needs, and no more. Of
/// SQLite, none.
pub fn grants(engine: Engine, user: &str, database: &str) -> Vec<String> {
    grant(engine, &of(engine), user, database)
}

/// The statements by which a server's owner lets `user` read what is there, and nothing else. Of
/// SQLite, none.
pub fn grants_to_read(engine: Engine, user: &str, database: &str) -> Vec<String> {
    match engine {
        Engine::Sqlite => vec![],
        Engine::Mysql => {
            let (user, database) = (user.replace('\'', "''"), database.replace('`', "``"));
            vec![format!("GRANT SELECT ON `{database}`.* TO '{user}'@'%'")]
        }
        Engine::Postgres => {
            let database = quote(database);
            [
                format!("CONNECT ON DATABASE {database}"),
                "USAGE ON SCHEMA public".into(),
                "SELECT ON ALL TABLES IN SCHEMA public".into(),
            ]
            .map(|what| format!("GRANT {what} TO {}", quote(user)))
            .into()
        }
    }
}

/// The statement by which `pump`, who makes the tables, lets `user` read those that are to come;
/// none where [`grants_to_read`] is about them, too.
pub fn grant_to_read_later(engine: Engine, user: &str, pump: &str) -> Option<String> {
    let (user, pump) = (quote(user), quote(pump));
    (engine == Engine::Postgres).then(|| {
        format!("ALTER DEFAULT PRIVILEGES FOR USER {pump} IN SCHEMA public GRANT SELECT ON TABLES TO {user}")
    })
}

/// What helps a user who may not read.
pub(crate) fn to_read(target: &Target) -> String {
    let (engine, user) = (target.engine(), target.user());
    let grants = grants_to_read(engine, user, target.database()).join("; ");
    match engine {
        Engine::Sqlite => String::from(
            "let the user who runs this read the file; where a run was killed in its middle, the next run mends what it has left",
        ),
        Engine::Mysql => grants,
        Engine::Postgres => {
            let later = format!("GRANT SELECT ON TABLES TO {}", quote(user));
            format!(
                "{grants}; and, as the user of the runs, for tables that are to come: ALTER DEFAULT PRIVILEGES IN SCHEMA public {later}"
            )
        }
    }
}

/// The statements by which a server's owner lets `user` see who holds a lock that a run waits for.
/// No run needs them.
pub fn grants_to_see_locks(engine: Engine, user: &str) -> Vec<String> {
    match engine {
        Engine::Sqlite => vec![],
        Engine::Mysql => {
            let user = user.replace('\'', "''");
            ["PROCESS ON *.*", "SELECT ON performance_schema.*"]
                .map(|what| format!("GRANT {what} TO '{user}'@'%'"))
                .into()
        }
        Engine::Postgres => vec![format!("GRANT pg_read_all_stats TO {}", quote(user))],
    }
}

/// The statements that give these.
fn grant(engine: Engine, privileges: &[&Privilege], user: &str, database: &str) -> Vec<String> {
    match engine {
        Engine::Sqlite => vec![],
        Engine::Mysql => {
            let names = list(privileges.iter().filter_map(|one| one.mysql), ", ", String::from);
            let (user, database) = (user.replace('\'', "''"), database.replace('`', "``"));
            vec![format!("GRANT {names} ON `{database}`.* TO '{user}'@'%'")]
        }
        Engine::Postgres => {
            let on = |place: On, name: String| {
                let mut names: Vec<&str> = Vec::new();
                for (other, names_on) in privileges.iter().filter_map(|one| one.postgres) {
                    if other == place && !names.contains(&names_on) {
                        names.push(names_on);
                    }
                }
                let names = (!names.is_empty()).then(|| names.join(", "))?;
                Some(format!("GRANT {names} ON {name} TO {}", quote(user)))
            };
            let database = format!("DATABASE {}", quote(database));
            let grants = [on(On::Database, database), on(On::Schema, "SCHEMA public".into())];
            grants.into_iter().flatten().collect()
        }
    }
}

/// What helps a person where these are missing.
pub(crate) fn remedy(engine: Engine, missing: &[&Privilege], user: &str, database: &str) -> String {
    match engine {
        Engine::Sqlite => String::from("let the user who runs this write the file and its folder"),
        Engine::Postgres | Engine::Mysql => {
            let missing: Vec<_> =
                of(engine).into_iter().filter(|one| missing.contains(one)).collect();
            grant(engine, &missing, user, database).join("; ")
        }
    }
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
        let named = |engine, refusal: &str| {
            let named = named(engine, refusal).into_iter();
            named.map(|one| one.to).collect::<Vec<_>>()
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
