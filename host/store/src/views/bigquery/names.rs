// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The names of BigQuery's things, checked before they become part of a statement.

use std::fmt;

/// A connection to Cloud SQL, shown as `projects/…/locations/…/connections/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    project: String,
    region: String,
    name: String,
}

impl Connection {
    /// Reads `PROJECT.REGION.CONNECTION`, or the form in which it is shown.
    ///
    /// # Errors
    ///
    /// What was expected, when it is neither.
    pub fn parse(text: &str) -> Result<Connection, String> {
        Self::read(text).ok_or_else(|| {
            format!(
                "{text:?} is no connection: PROJECT.REGION.CONNECTION is wanted, such as my-project.europe-west1.dashboard; `bq ls --connection --location=REGION` shows them"
            )
        })
    }

    fn read(text: &str) -> Option<Connection> {
        let (project, region, name) = match text.split('/').collect::<Vec<_>>().as_slice() {
            ["projects", project, "locations", region, "connections", name] => {
                (*project, *region, *name)
            }
            [dotted] => {
                // From the end: a project of a domain has dots of its own, `example.com:pump`.
                let (rest, name) = dotted.rsplit_once('.')?;
                let (project, region) = rest.rsplit_once('.')?;
                (project, region, name)
            }
            _ => return None,
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_right = is_project(project) && is_word(region, is_name) && is_word(name, is_name);
        let (project, region, name) = (project.into(), region.into(), name.into());
        is_right.then_some(Connection { project, region, name })
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Connection { project, region, name } = self;
        // The long form always means the same, whichever project runs the query.
        write!(f, "projects/{project}/locations/{region}/connections/{name}")
    }
}

/// The dataset of the views, shown in backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    project: Option<String>,
    name: String,
}

impl Dataset {
    /// Reads `DATASET` or `PROJECT.DATASET`.
    ///
    /// # Errors
    ///
    /// What was expected, when it is neither.
    pub fn parse(text: &str) -> Result<Dataset, String> {
        let (project, name) = match text.rsplit_once('.') {
            Some((project, name)) => (Some(project), name),
            None => (None, text),
        };
        let is_right = project.is_none_or(is_project)
            && name.len() <= 1_024
            && is_word(name, |c| c.is_ascii_alphanumeric() || c == '_');
        if !is_right {
            return Err(format!(
                "{text:?} is no dataset: DATASET or PROJECT.DATASET is wanted, with letters, digits and '_' in the dataset's name"
            ));
        }
        Ok(Dataset { project: project.map(String::from), name: name.into() })
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(project) = &self.project {
            write!(f, "`{project}`.")?;
        }
        write!(f, "`{}`", self.name)
    }
}

/// `my-project`, or `example.com:my-project`.
fn is_project(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    begins && is_word(text, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':'))
}

fn is_word(text: &str, is_part: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_shown_in_full() {
        for text in ["p.eu.c", "projects/p/locations/eu/connections/c"] {
            let connection = Connection::parse(text).unwrap();
            assert_eq!(connection.to_string(), "projects/p/locations/eu/connections/c");
        }
        let of_domain = Connection::parse("example.com:pump.europe-west1.cloud_sql-2").unwrap();
        assert_eq!(
            of_domain.to_string(),
            "projects/example.com:pump/locations/europe-west1/connections/cloud_sql-2"
        );
    }

    #[test]
    fn what_is_no_connection_is_refused_with_the_form() {
        for text in [
            "",
            "c",
            "eu.c",
            "p..c",
            ".eu.c",
            "p.eu.",
            "p.eu.c\"",
            "p.e u.c",
            "p.eu.c;",
            "projects/p/locations/eu",
            "projects/p/locations/eu/connections/c/x",
        ] {
            let error = Connection::parse(text).unwrap_err();
            assert!(error.contains("PROJECT.REGION.CONNECTION"), "{text}: {error}");
        }
    }

    #[test]
    fn a_dataset_may_be_in_another_project() {
        assert_eq!(Dataset::parse("testops_2").unwrap().to_string(), "`testops_2`");
        assert_eq!(
            Dataset::parse("my-project.testops").unwrap().to_string(),
            "`my-project`.`testops`"
        );
        assert_eq!(Dataset::parse("a.com:b.c").unwrap().to_string(), "`a.com:b`.`c`");
        for text in ["", "test-ops", "a.", ".a", "`a`", "a b", "-a.b", &"a".repeat(1_025)] {
            assert!(Dataset::parse(text).unwrap_err().contains("is no dataset"), "{text}");
        }
    }
}
