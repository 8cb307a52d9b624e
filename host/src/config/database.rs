//! Where the database is.

use std::path::Path;

use serde::Deserialize;
use test_dashboard_store::{Engine, Target};

use super::{Environment, Template};
use crate::misuse::Misuse;

/// `[database]`: either `url`, or its parts, which need no escaping.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatabaseConfig {
    /// `sqlite:FILE`, `postgres://…` or `mysql://…`.
    pub url: Option<Template>,
    /// `postgres` or `mysql`.
    pub engine: Option<Template>,
    /// A host name, or the folder of a Unix socket (begins with `/`).
    pub host: Option<Template>,
    /// The port; the engine's own by default.
    pub port: Option<Template>,
    /// The user.
    pub user: Option<Template>,
    /// The password, as a variable.
    pub password: Option<Template>,
    /// The database's name.
    pub name: Option<Template>,
}

impl DatabaseConfig {
    /// The database that this section means, variables replaced. A SQLite file is looked for
    /// in `folder`, the configuration's own.
    ///
    /// # Errors
    ///
    /// [`Misuse`] names the setting that is missing or the variable that is not set.
    pub fn target(&self, folder: &Path, environment: &Environment) -> Result<Target, Misuse> {
        let value = |name: &str, template: &Option<Template>| -> Result<Option<String>, Misuse> {
            let Some(template) = template else { return Ok(None) };
            template.resolve(environment).map(Some).map_err(|error| {
                Misuse::new(format!(
                    "database.{name}: {error}. Set it, or write to a file for now with --database sqlite:FILE"
                ))
            })
        };
        let wanted = |name: &str, template: &Option<Template>| -> Result<String, Misuse> {
            value(name, template)?.ok_or_else(|| {
                Misuse::new(format!("database.{name} is missing: give it, or database.url"))
            })
        };
        if let Some(url) = value("url", &self.url)? {
            return Target::parse(&rooted(&url, folder))
                .map_err(|error| Misuse::new(format!("database.url: {error}")));
        }
        let engine = match wanted("engine", &self.engine)?.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" => Engine::Postgres,
            "mysql" | "mariadb" => Engine::Mysql,
            other => {
                return Err(Misuse::new(format!(
                    "database.engine is {other:?}: postgres and mysql are possible here (for SQLite give database.url)"
                )));
            }
        };
        let port = match value("port", &self.port)?.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(text.parse::<u16>().map_err(|_| {
                Misuse::new(format!(
                    "database.port is {text:?}: a number from 1 to 65535 is wanted"
                ))
            })?),
        };
        Target::from_parts(
            engine,
            &wanted("host", &self.host)?,
            port,
            &wanted("user", &self.user)?,
            &value("password", &self.password)?.unwrap_or_default(),
            &wanted("name", &self.name)?,
        )
        .map_err(|error| Misuse::new(format!("database: {error}")))
    }
}

/// A SQLite URL whose file is taken from `folder`; any other URL as it is.
fn rooted(url: &str, folder: &Path) -> String {
    match url.strip_prefix("sqlite:") {
        Some(rest) => {
            let file = rest.strip_prefix("//").unwrap_or(rest);
            format!("sqlite:{}", folder.join(file).display())
        }
        None => url.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sqlite_file_is_beside_the_configuration() {
        let rooted = |url| rooted(url, Path::new("conf"));
        assert_eq!(rooted("sqlite:dash.sqlite"), "sqlite:conf/dash.sqlite");
        assert_eq!(rooted("sqlite://../dash.sqlite"), "sqlite:conf/../dash.sqlite");
        assert_eq!(rooted("sqlite:/var/dash.sqlite"), "sqlite:/var/dash.sqlite");
        assert_eq!(rooted("mysql://db/dash"), "mysql://db/dash");
    }

    fn problem(section: &str) -> String {
        let config: DatabaseConfig = toml::from_str(section).unwrap();
        let environment = Environment::of([("PORT", "x")]);
        let problem = config.target(Path::new("."), &environment);
        problem.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(problem("").contains("database.engine is missing"));
        assert!(problem("engine = \"oracle\"").contains("\"oracle\""));
        assert!(
            problem("engine = \"mysql\"\nport = \"${PORT}\"").contains("database.port is \"x\"")
        );
        let unset = problem("engine = \"mysql\"\nhost = \"${HOST}\"");
        assert!(unset.contains("HOST is not set") && unset.contains("--database"), "{unset}");
    }
}
