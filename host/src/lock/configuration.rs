// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What `plugin add` and `plugin remove` write into the configuration, and what they leave for
//! a person to write.
//!
//! What a plugin says of itself gets into a file here whose texts have a meaning: `${NAME}` is
//! a variable. So only origins are written, in the form that they were understood in, and one
//! that has a dollar sign is refused.

use std::fmt::Write as _;
use std::path::PathBuf;

use test_dashboard_egress::AllowList;
use test_dashboard_model::{CredentialKind, Description};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, TomlError, value};

use crate::config::{Config, Environment, syntax};
use crate::plugin::printable;

/// What the other variables are called, behind the datasource's name.
const HOST: &str = "HOST";
const USERNAME: &str = "USERNAME";

/// Begins the names of variables. A plugin picks its own name: without this one called `npm` would
/// be sent `NPM_TOKEN`, which many machines have.
const PREFIX: &str = "TEST_DASHBOARD_";
/// The shipped plugins, and the service of each where it is always the same: their variables are
/// called as the shipped configuration and the workflows call them.
const SHIPPED: [(&str, Option<&str>); 4] = [
    ("bitrise", Some("https://api.bitrise.io/v0.1")),
    ("github", Some("https://api.github.com")),
    ("taskcluster", None),
    ("testrail", None),
];

/// A datasource's section: what is granted to a plugin that is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The datasource's name.
    pub name: String,
    /// The plugin's file, relative to the configuration.
    pub plugin: PathBuf,
    /// The service's address, where the plugin names one.
    pub base_url: Option<String>,
    /// The origins that it may reach.
    pub allow: Vec<String>,
    /// How its credential is put on a request, where it takes one.
    pub credential: Option<CredentialKind>,
}

impl Addition {
    /// What the plugin asks for, in a form that can be granted.
    ///
    /// # Errors
    ///
    /// The address that is none.
    pub fn of(description: &Description, plugin: PathBuf) -> Result<Addition, String> {
        let base_url = description.default_base_url.as_deref().map(base_url).transpose()?;
        let mut allow: Vec<String> = base_url.iter().map(|(_, origin)| origin.clone()).collect();
        for host in &description.hosts {
            let origin = granted(host)?;
            if !allow.contains(&origin) {
                allow.push(origin);
            }
        }
        Ok(Addition {
            name: description.name.clone(),
            plugin,
            base_url: base_url.map(|(url, _)| url),
            allow,
            credential: description.credentials.first().copied(),
        })
    }

    /// The variables that the section takes: the service's address where the plugin names none,
    /// and the credential's parts.
    pub fn variables(&self) -> Vec<String> {
        let address = self.base_url.is_none().then_some(HOST);
        let user = (self.credential == Some(CredentialKind::Basic)).then_some(USERNAME);
        let parts = address.into_iter().chain(user).chain(self.credential.map(secret_of));
        parts.map(|what| self.variable(what)).collect()
    }

    /// Those of them that carry the credential.
    pub fn credential_variables(&self) -> Vec<String> {
        let mut variables = self.variables();
        variables.retain(|name| *name != self.variable(HOST));
        variables
    }

    fn variable(&self, what: &str) -> String {
        let is_shipped = SHIPPED.contains(&(self.name.as_str(), self.base_url.as_deref()));
        let prefix = if is_shipped { "" } else { PREFIX };
        format!("{prefix}{}_{what}", self.name.to_ascii_uppercase())
    }

    /// The file as the configuration names it.
    pub fn written_plugin(&self) -> String {
        self.plugin.display().to_string().replace('$', "$$")
    }

    fn section(&self) -> Table {
        let mut section = Table::new();
        section.insert("plugin", value(self.written_plugin()));
        let address = match &self.base_url {
            Some(url) => url.clone(),
            None => format!("${{{}}}", self.variable(HOST)),
        };
        section.insert("base-url", value(address));
        // Where the plugin names no address, the operator does, and the origin of that address
        // is what is allowed without this list.
        if self.base_url.is_some() || !self.allow.is_empty() {
            section.insert("allow", value(self.allow.iter().collect::<Array>()));
        }
        if let Some(kind) = self.credential {
            section.insert("credential", value(self.credential(kind)));
        }
        section
    }

    fn credential(&self, kind: CredentialKind) -> InlineTable {
        let variable = |what| format!("${{{}}}", self.variable(what));
        let mut credential = InlineTable::new();
        credential.insert("kind", kind.to_string().into());
        match kind {
            CredentialKind::Basic => {
                credential.insert("user", variable(USERNAME).into());
            }
            CredentialKind::Header => {
                credential.insert("header", "X-Api-Key".into());
            }
            CredentialKind::Bearer | CredentialKind::RawToken => {}
        }
        credential.insert("secret", variable(secret_of(kind)).into());
        credential
    }
}

/// What the variable of a credential's secret is called, behind the datasource's name.
fn secret_of(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Basic => "PASSWORD",
        CredentialKind::Bearer | CredentialKind::RawToken | CredentialKind::Header => "TOKEN",
    }
}

/// A base URL and its origin.
fn base_url(given: &str) -> Result<(String, String), String> {
    let refused = || {
        format!("its base URL {:?} is not a URL such as https://api.example.org", printable(given))
    };
    let url = url::Url::parse(given).map_err(|_| refused())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_plain || !url.has_host() {
        return Err(refused());
    }
    let origin = granted(&url.origin().ascii_serialization()).map_err(|_| refused())?;
    let url = url.as_str().trim_end_matches('/');
    match url.contains('$') {
        true => Err(refused()),
        false => Ok((url.to_string(), origin)),
    }
}

/// An origin that can stand in `allow`.
fn granted(host: &str) -> Result<String, String> {
    match AllowList::new(&[host]) {
        Ok(list) if !host.contains('$') => Ok(list.to_string()),
        _ => Err(format!(
            "it asks for the host {:?}, which is not an origin such as https://uploads.example.org",
            printable(host)
        )),
    }
}

/// The configuration's text with a section for the datasource. Where it has one already, only
/// its `plugin` is set, if it is another.
///
/// # Errors
///
/// When the text cannot be edited; with the section, for a person to write.
pub fn add_datasource(text: &str, addition: &Addition) -> Result<String, String> {
    let section = alone(&addition.name, addition.section());
    if text.is_empty() {
        return checked(section.to_string());
    }
    let mut document = parsed(text)?;
    let by_hand =
        |document: &DocumentMut| format!("it cannot be edited; add this to it:\n{document}");
    let has_others = document.contains_key("datasources");
    let datasources = document
        .entry("datasources")
        .or_insert_with(|| Item::Table(implicit()))
        .as_table_like_mut()
        .ok_or_else(|| by_hand(&section))?;
    if let Some(present) = datasources.get_mut(&addition.name) {
        let present = present.as_table_like_mut().ok_or_else(|| by_hand(&section))?;
        set_text(present, "plugin", &addition.written_plugin());
        return checked(document.to_string());
    }
    datasources.insert(&addition.name, Item::Table(spaced(addition.section())));
    let edited = document.to_string();
    // Beside the others, and nothing but an insertion: whatever the person wrote stays as it is,
    // byte by byte. Otherwise at the end.
    if has_others && is_insertion(text, &edited) {
        return checked(edited);
    }
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    checked(format!("{text}{newline}\n{section}"))
}

/// A document of this one section.
fn alone(name: &str, section: Table) -> DocumentMut {
    let mut datasources = implicit();
    datasources.insert(name, Item::Table(section));
    let mut document = DocumentMut::new();
    document.insert("datasources", Item::Table(datasources));
    document
}

fn implicit() -> Table {
    let mut table = Table::new();
    table.set_implicit(true);
    table
}

fn spaced(mut table: Table) -> Table {
    table.decor_mut().set_prefix("\n");
    table
}

fn set_text(table: &mut dyn TableLike, key: &str, text: &str) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(present) if present.as_str() == Some(text) => {}
        Some(present) => {
            let decor = present.decor().clone();
            *present = text.into();
            *present.decor_mut() = decor;
        }
        None => {
            table.insert(key, value(text));
        }
    }
}

fn is_insertion(old: &str, new: &str) -> bool {
    let same = |(one, other): &(u8, u8)| one == other;
    let before = old.bytes().zip(new.bytes()).take_while(same).count();
    let after = old.bytes().rev().zip(new.bytes().rev()).take_while(same).count();
    new.len() >= old.len() && before + after >= old.len()
}

fn parsed(text: &str) -> Result<DocumentMut, String> {
    syntax::check(text)?;
    text.parse().map_err(|error: TomlError| error.to_string())
}

/// Never writes what could not be read again.
fn checked(text: String) -> Result<String, String> {
    match Config::parse(&text, &Environment::of_process()) {
        Ok(_) => Ok(text),
        Err(problem) => Err(format!("edited, it could not be read any more{problem}")),
    }
}

/// The configuration's text without the datasource and without its settings in the projects,
/// and what was taken away, as it is called in the file.
///
/// # Errors
///
/// When the text cannot be edited.
pub fn remove_datasource(text: &str, name: &str) -> Result<(String, Vec<String>), String> {
    let mut document = parsed(text)?;
    let mut removed = Vec::new();
    let datasources = document.get_mut("datasources").and_then(Item::as_table_like_mut);
    if datasources.is_some_and(|datasources| datasources.remove(name).is_some()) {
        removed.push(format!("datasources.{name}"));
    }
    if let Some(projects) = document.get_mut("projects").and_then(Item::as_table_like_mut) {
        for (project, settings) in projects.iter_mut() {
            let settings = settings.as_table_like_mut();
            if settings.is_some_and(|settings| settings.remove(name).is_some()) {
                removed.push(format!("projects.{project}.{name}"));
            }
        }
    }
    if removed.is_empty() {
        return Ok((text.to_string(), removed));
    }
    Ok((checked(document.to_string())?, removed))
}

/// A project's section for the plugin, with the settings that it needs, for a person to fill in.
pub fn settings_to_write(description: &Description, project: &str) -> String {
    /// Enough for any plugin that a person configures by hand.
    const MOST: usize = 50;
    let mut text = format!("[projects.{project}.{}]\n", description.name);
    let needed = description.settings.iter().filter(|setting| setting.required);
    let others = description.settings.iter().filter(|setting| !setting.required);
    for setting in needed.chain(others).take(MOST) {
        let mark = if setting.required { "" } else { "# " };
        let about: String = printable(&setting.description).chars().take(120).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{mark}{} = \"\"    # {about}", setting.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(base_url: Option<&str>, hosts: &[&str]) -> Description {
        Description {
            name: "guest".into(),
            version: "0.1.0".into(),
            summary: String::new(),
            default_base_url: base_url.map(Into::into),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            credentials: vec![CredentialKind::Bearer],
            requests_per_minute: None,
            settings: vec![],
            tables: vec![],
            reports: vec![],
        }
    }

    fn addition() -> Addition {
        let asks = description(Some("https://api.example.com/v1/"), &["https://b.example.com"]);
        Addition::of(&asks, "plugins/guest.wasm".into()).unwrap()
    }

    const SECTION: &str = "\
[datasources.guest]
plugin = \"plugins/guest.wasm\"
base-url = \"https://api.example.com/v1\"
allow = [\"https://api.example.com\", \"https://b.example.com\"]
credential = { kind = \"bearer\", secret = \"${TEST_DASHBOARD_GUEST_TOKEN}\" }
";

    #[test]
    fn a_section_is_written_into_an_empty_file() {
        assert_eq!(add_datasource("", &addition()).unwrap(), SECTION);
    }

    #[test]
    fn a_section_takes_the_variables_of_the_shipped_configuration() {
        let shipped = include_str!("../../../test-dashboard.toml");
        let mut asks = description(None, &[]);
        for (name, kind, variables) in [
            (
                "testrail",
                CredentialKind::Basic,
                &["TESTRAIL_HOST", "TESTRAIL_USERNAME", "TESTRAIL_PASSWORD"][..],
            ),
            ("github", CredentialKind::Bearer, &["GITHUB_TOKEN"]),
            ("bitrise", CredentialKind::RawToken, &["BITRISE_TOKEN"]),
        ] {
            asks.name = name.into();
            asks.credentials = vec![kind];
            let of_it = SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap();
            asks.default_base_url = of_it.1.map(ToString::to_string);
            let addition = Addition::of(&asks, "x.wasm".into()).unwrap();
            let section = add_datasource("", &addition).unwrap();
            assert_eq!(addition.variables(), variables);
            for variable in variables {
                let written = format!("${{{variable}}}");
                assert!(section.contains(&written) && shipped.contains(&written), "{section}");
            }
        }
    }

    #[test]
    fn a_plugin_cannot_choose_whose_variables_it_is_given() {
        let mut asks = description(Some("https://evil.example.com"), &[]);
        for name in ["npm", "aws", "github", "testrail", "cloud_sql_database"] {
            asks.name = name.into();
            let addition = Addition::of(&asks, "x.wasm".into()).unwrap();
            let expected = format!("TEST_DASHBOARD_{}_TOKEN", name.to_uppercase());
            assert_eq!(addition.variables(), [expected]);
        }
    }

    #[test]
    fn a_section_is_added_and_every_byte_of_the_file_is_kept() {
        let shipped = include_str!("../../../test-dashboard.toml");
        let edited = add_datasource(shipped, &addition()).unwrap();
        let place = edited.find(SECTION).unwrap();
        assert!(edited[..place].ends_with("max-concurrent = 1\n\n"), "{edited}");
        assert_eq!(edited.replacen(&format!("\n{SECTION}"), "", 1), shipped);

        for text in [
            "jobs=3 # no newline",
            "# only a comment\n",
            "\n\n[projects.fenix]\n",
            "[datasources.other]\r\nplugin = 'x.wasm'\r\n\r\n[projects]\r\n",
            "datasources.other.plugin = 'x.wasm'\n[projects.fenix]\nother.a = 1\n",
            "datasources = { other = { plugin = 'x.wasm' } }\n",
            "[projects.fenix.other]\n[datasources.other]\nplugin='x.wasm'\n   # the end\n",
        ] {
            let edited = add_datasource(text, &addition()).unwrap();
            assert!(is_insertion(text.trim_end(), edited.trim_end()), "{text:?}:\n{edited}");
            let config = Config::parse(&edited, &Environment::default()).unwrap();
            let added = &config.datasources["guest"];
            assert_eq!(added.allow.as_ref().unwrap().len(), 2, "{edited}");
        }
    }

    #[test]
    fn a_section_that_is_there_keeps_all_but_the_file() {
        let text = "[datasources.guest] # ours\nallow = []\nplugin = \"old.wasm\"   # here\n";
        let edited = add_datasource(text, &addition()).unwrap();
        assert_eq!(edited, text.replace("old.wasm", "plugins/guest.wasm"));
        assert_eq!(add_datasource(&edited, &addition()).unwrap(), edited);
    }

    #[test]
    fn a_plugins_words_do_not_become_variables_or_anything_but_origins() {
        for url in [
            "https://${GITHUB_TOKEN}.example.com",
            "https://api.example.com/${GITHUB_TOKEN}",
            "https://user:pass@example.com",
            "https://api.example.com/?key=${TOKEN}",
            "file:///etc/passwd",
            "no address",
        ] {
            let refused = Addition::of(&description(Some(url), &[]), "x".into());
            assert!(refused.unwrap_err().contains("not a URL such as"), "{url}");
        }
        for host in ["https://${TOKEN}.example.com", "https://*", "x\"]\n[evil]", "https://a/b"] {
            let refused = Addition::of(&description(None, &[host]), "x".into());
            assert!(refused.unwrap_err().contains("not an origin such as"), "{host}");
        }
    }

    #[test]
    fn without_an_address_of_its_own_a_plugin_is_allowed_what_the_operator_writes() {
        let addition = Addition::of(&description(None, &[]), "x".into()).unwrap();
        let section = add_datasource("", &addition).unwrap();
        assert!(section.contains("base-url = \"${TEST_DASHBOARD_GUEST_HOST}\""), "{section}");
        assert!(!section.contains("allow"), "{section}");
    }

    #[test]
    fn every_kind_of_credential_is_one_that_the_configuration_takes() {
        for (kind, variable) in [
            (CredentialKind::Bearer, "TEST_DASHBOARD_GUEST_TOKEN"),
            (CredentialKind::RawToken, "TEST_DASHBOARD_GUEST_TOKEN"),
            (CredentialKind::Basic, "TEST_DASHBOARD_GUEST_PASSWORD"),
            (CredentialKind::Header, "TEST_DASHBOARD_GUEST_TOKEN"),
        ] {
            let addition = Addition { credential: Some(kind), ..addition() };
            let section = add_datasource("", &addition).unwrap();
            assert!(section.contains(&format!("kind = \"{kind}\"")), "{section}");
            assert!(section.contains(&format!("secret = \"${{{variable}}}\"")), "{section}");
        }
    }

    #[test]
    fn a_datasource_is_removed_with_its_settings_and_nothing_else() {
        let text = "\
# first
[datasources.guest]
plugin = \"a.wasm\"
[datasources.guest.limits]
memory = \"1MiB\"

# second
[datasources.other]
plugin = \"b.wasm\"

[projects.fenix]
guest = { a = 1 } # inline
other = { b = 2 } # stays
[projects.focus.guest]
a = 2
[projects.focus.other]
";
        let (edited, removed) = remove_datasource(text, "guest").unwrap();
        let names = ["datasources.guest", "projects.fenix.guest", "projects.focus.guest"];
        assert_eq!(removed, names);
        assert!(!edited.contains("guest") && !edited.contains("limits"), "{edited}");
        let kept = "# second\n[datasources.other]\nplugin = \"b.wasm\"\n\n[projects.fenix]\n";
        assert!(edited.contains(kept) && edited.contains("other = { b = 2 } # stays"), "{edited}");
        assert_eq!(remove_datasource(&edited, "guest").unwrap(), (edited, vec![]));
    }

    #[test]
    fn settings_are_ready_to_be_filled_in() {
        let setting = |name: &str, required| test_dashboard_model::Setting {
            name: name.into(),
            description: "what\nit is".into(),
            required,
        };
        let mut asks = description(None, &[]);
        asks.settings = vec![setting("label", false), setting("owner", true)];
        let text = settings_to_write(&asks, "fenix");
        let expected = "[projects.fenix.guest]\nowner = \"\"    # what⏎it is\n# label = \"\"    # what⏎it is\n";
        assert_eq!(text, expected);
        toml::from_str::<toml::Table>(&text).unwrap();
    }
}
