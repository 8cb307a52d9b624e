// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The location of the database.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use test_dashboard_store::{Engine, Password, Server, Target, Tls, TlsMode};

use super::{Environment, Template};
use crate::usage_error::UsageError;

/// `[database]`: either `url`, or its parts, which need no escaping. Paths are taken from the
/// configuration's folder.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatabaseConfig {
    /// `sqlite:FILE`, `postgres://…` or `mysql://…`.
    pub url: Option<Template>,
    /// `postgres` or `mysql`.
    pub engine: Option<Template>,
    /// A host name, an address, or the folder of a Unix socket (begins with `/`).
    pub host: Option<Template>,
    /// The port; the engine's own by default.
    pub port: Option<Template>,
    /// The user.
    pub user: Option<Template>,
    /// The password, as a variable.
    pub password: Option<Template>,
    /// A file that holds the password.
    pub password_file: Option<Template>,
    /// A program and its arguments, which prints the password.
    pub password_command: Option<Vec<Template>>,
    /// The database's name.
    pub name: Option<Template>,
    /// `off`, `prefer`, `require`, `verify-ca` or `verify-full`.
    pub tls: Option<Template>,
    /// The certificates of the server's authority, in PEM.
    pub tls_ca: Option<Template>,
    /// The certificate to present, in PEM.
    pub tls_cert: Option<Template>,
    /// Its key, in PEM.
    pub tls_key: Option<Template>,
}

impl DatabaseConfig {
    /// The database that this section means, variables replaced. A SQLite file is looked for
    /// in `folder`, the configuration's own.
    ///
    /// # Errors
    ///
    /// [`UsageError`] names the setting that is missing or does not fit the others, or the
    /// variable that is not set.
    pub fn target(&self, folder: &Path, environment: &Environment) -> Result<Target, UsageError> {
        let values = Values { folder, environment };
        if let Some(url) = values.text("url", &self.url)? {
            self.refuse_parts()?;
            return Target::parse(&rooted(&url, folder))
                .map_err(|error| UsageError::new(format!("database.url: {error}")));
        }
        let server = Server {
            engine: engine(&values.wanted("engine", &self.engine)?)?,
            port: values.port(&self.port)?,
            host: values.wanted("host", &self.host)?,
            user: values.wanted("user", &self.user)?,
            password: self.password(&values)?,
            database: values.wanted("name", &self.name)?,
            tls: self.tls(&values)?,
        };
        Target::server(server).map_err(|error| UsageError::new(format!("database.{error}")))
    }

    /// Beside a URL, which holds all of it, a part would be passed over in silence.
    fn refuse_parts(&self) -> Result<(), UsageError> {
        let parts = [
            ("engine", self.engine.is_some()),
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("password-file", self.password_file.is_some()),
            ("password-command", self.password_command.is_some()),
            ("name", self.name.is_some()),
            ("tls", self.tls.is_some()),
            ("tls-ca", self.tls_ca.is_some()),
            ("tls-cert", self.tls_cert.is_some()),
            ("tls-key", self.tls_key.is_some()),
        ];
        match parts.iter().find(|(_, is_given)| *is_given) {
            None => Ok(()),
            Some((name, _)) => Err(UsageError::new(format!(
                "database.{name} has no effect beside database.url: give the url, or the parts"
            ))),
        }
    }

    fn password(&self, values: &Values<'_>) -> Result<Password, UsageError> {
        match (&self.password, &self.password_file, &self.password_command) {
            (None, None, None) => Ok(Password::None),
            (Some(_), None, None) => {
                let text = values.text("password", &self.password)?;
                Ok(Password::Text(text.unwrap_or_default()))
            }
            (None, Some(_), None) => {
                let path = values.path("password-file", &self.password_file)?;
                Ok(path.map_or(Password::None, Password::File))
            }
            (None, None, Some(words)) => values.command(words),
            _ => Err(UsageError::new(
                "database.password, database.password-file and database.password-command: give one of them",
            )),
        }
    }

    fn tls(&self, values: &Values<'_>) -> Result<Tls, UsageError> {
        let mode = values.text("tls", &self.tls)?.filter(|text| !text.is_empty());
        let mode = mode.map(|text| text.parse::<TlsMode>()).transpose();
        Ok(Tls {
            mode: mode.map_err(|error| UsageError::new(format!("database.{error}")))?,
            ca: values.path("tls-ca", &self.tls_ca)?,
            certificate: values.path("tls-cert", &self.tls_cert)?,
            key: values.path("tls-key", &self.tls_key)?,
        })
    }
}

fn engine(name: &str) -> Result<Engine, UsageError> {
    let lower = name.to_ascii_lowercase();
    let known = Engine::ALL.into_iter().find(|engine| engine.names().contains(&lower.as_str()));
    known.ok_or_else(|| {
        let servers = Engine::ALL.into_iter().filter(|engine| *engine != Engine::Sqlite);
        let names: Vec<&str> = servers.filter_map(|one| one.names().first().copied()).collect();
        UsageError::new(format!(
            "database.engine is {name:?}: {} are allowed here (for SQLite give database.url)",
            names.join(" and ")
        ))
    })
}

/// Reads settings: variables replaced, paths taken from the folder.
struct Values<'a> {
    folder: &'a Path,
    environment: &'a Environment,
}

impl Values<'_> {
    fn text(&self, name: &str, template: &Option<Template>) -> Result<Option<String>, UsageError> {
        template.as_ref().map(|template| self.resolve(name, template)).transpose()
    }

    fn resolve(&self, name: &str, template: &Template) -> Result<String, UsageError> {
        template.resolve(self.environment).map_err(|error| {
            UsageError::new(format!(
                "database.{name}: {error}. Set it, or write to a file for now with --database sqlite:FILE"
            ))
        })
    }

    fn wanted(&self, name: &str, template: &Option<Template>) -> Result<String, UsageError> {
        self.text(name, template)?.ok_or_else(|| {
            UsageError::new(format!("database.{name} is missing: give it, or database.url"))
        })
    }

    /// A path; an empty one, as of a variable with an empty default, is none.
    fn path(&self, name: &str, template: &Option<Template>) -> Result<Option<PathBuf>, UsageError> {
        let text = self.text(name, template)?.filter(|text| !text.is_empty());
        Ok(text.map(|text| self.folder.join(text)))
    }

    fn port(&self, template: &Option<Template>) -> Result<Option<u16>, UsageError> {
        let text = self.text("port", template)?.filter(|text| !text.is_empty());
        let number = text.map(|text| match text.parse::<u16>() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(UsageError::new(format!(
                "database.port is {text:?}: expected a number from 1 to 65535"
            ))),
        });
        number.transpose()
    }

    /// A program whose name has a `/` is looked for in the folder, any other in PATH.
    fn command(&self, words: &[Template]) -> Result<Password, UsageError> {
        let words = words.iter().map(|word| self.resolve("password-command", word));
        let mut words = words.collect::<Result<Vec<String>, UsageError>>()?;
        if let Some(program) = words.first_mut()
            && program.contains('/')
        {
            *program = self.folder.join(&*program).display().to_string();
        }
        Ok(Password::Command(words))
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
        assert!(
            problem("engine = \"mysql\"\nhost = \"\"\nuser = \"u\"\nname = \"d\"")
                .starts_with("database.host: is empty")
        );
        let unset = problem("engine = \"mysql\"\nhost = \"${HOST}\"");
        assert!(unset.contains("HOST is not set") && unset.contains("--database"), "{unset}");
    }

    /// A server, and what is said about it beyond.
    fn with(more: &str) -> String {
        format!("engine = \"mysql\"\nhost = \"db\"\nuser = \"u\"\nname = \"d\"\n{more}")
    }

    #[test]
    fn what_does_not_fit_together_names_the_setting() {
        for (more, expected) in [
            ("password = \"a\"\npassword-file = \"b\"", "give one of them"),
            ("password-command = []", "database.password-command: names no program"),
            ("tls = \"verify_ca\"", "database.tls: \"verify_ca\" is none of off, prefer"),
            ("tls = \"verify-ca\"", "database.tls-ca: is missing"),
            ("tls-cert = \"c.pem\"", "database.tls-key: is missing"),
            ("url = \"sqlite:x.db\"", "database.engine has no effect beside database.url"),
            ("port = \"0\"", "a number from 1 to 65535"),
        ] {
            let problem = problem(&with(more));
            assert!(problem.contains(expected), "{more}: {problem}");
        }
        assert_eq!(problem(&with("tls = \"verify-ca\"\ntls-ca = \"ca.pem\"")), "");
        assert_eq!(problem(&with("password-command = [\"gcloud\", \"auth\"]")), "");
        assert_eq!(problem(&with("tls = \"${TLS:-}\"\ntls-ca = \"${CA:-}\"")), "");
    }

    #[test]
    fn a_program_with_a_slash_is_beside_the_configuration() {
        let values = Values { folder: Path::new("/conf"), environment: &Environment::of([]) };
        let words = |program: &str| [program, "-x"].map(|word| Template(word.into())).to_vec();
        for (program, expected) in
            [("./token", "/conf/./token"), ("/bin/token", "/bin/token"), ("gcloud", "gcloud")]
        {
            let Ok(Password::Command(found)) = values.command(&words(program)) else { panic!() };
            assert_eq!(found, [expected, "-x"]);
        }
    }
}
