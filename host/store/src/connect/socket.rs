// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Finds a server's Unix socket in the place that the configuration names.

use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

/// The first of these paths that is a socket.
///
/// # Errors
///
/// Says which paths were tried, and what is wrong with each.
pub(crate) fn find(tried: Vec<PathBuf>) -> Result<PathBuf, String> {
    let mut problems = Vec::new();
    for path in &tried {
        let problem = match std::fs::metadata(path) {
            Ok(data) if data.file_type().is_socket() => return Ok(path.clone()),
            Ok(data) if data.is_dir() => String::from("is a folder"),
            Ok(_) => String::from("is no socket"),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                String::from("is not there")
            }
            Err(error) => error.to_string(),
        };
        problems.push(format!("{} ({problem})", path.display()));
    }
    Err(format!("no Unix socket was found; tried {}", problems.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use sqlx::mysql::MySqlConnectOptions;
    use sqlx::postgres::PgConnectOptions;

    use super::*;
    use crate::connect::login::Options as _;

    #[test]
    fn a_mysql_socket_is_the_path_or_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        let find = |place: &Path| find(MySqlConnectOptions::sockets(place, 3306));
        let error = find(place).unwrap_err();
        for part in ["(is a folder)", "mysqld.sock (is not there)", "mysql.sock (is not there)"] {
            assert!(error.contains(part), "{error}");
        }
        let _second = UnixListener::bind(place.join("mysql.sock")).unwrap();
        assert_eq!(find(place).unwrap(), place.join("mysql.sock"));
        let _first = UnixListener::bind(place.join("mysqld.sock")).unwrap();
        assert_eq!(find(place).unwrap(), place.join("mysqld.sock"));
        let _cloud = UnixListener::bind(place.join("project:region:name")).unwrap();
        let cloud = place.join("project:region:name");
        assert_eq!(find(&cloud).unwrap(), cloud);
    }

    #[test]
    fn a_postgres_socket_is_named_after_the_port() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".s.PGSQL.5432"), "").unwrap();
        let error = find(PgConnectOptions::sockets(folder.path(), 5432)).unwrap_err();
        assert!(error.contains(".s.PGSQL.5432 (is no socket)"), "{error}");
        let _socket = UnixListener::bind(folder.path().join(".s.PGSQL.6543")).unwrap();
        let found = find(PgConnectOptions::sockets(folder.path(), 6543)).unwrap();
        assert_eq!(found, folder.path().join(".s.PGSQL.6543"));
    }
}
