// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Every setting of the file except those of plugins: its name, what it takes, what it means and
//! its default. The manual page and the tests of the shipped file are made from it.
//!
//! A file is read in two steps. Here its values are compared with [`all`] settings, and the variables
//! in them replaced by what they are, numbers and all; serde reads the text that comes of it. A
//! mistake is told with the line in which it stands.
//!
//! Addresses, logins and secrets are left to their use ([`Setting::is_late`]): a run that only
//! asks GitHub does not need TestRail's password.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::limits::LIMITS;
use super::schedule::Every;
use super::variables::{self, Environment, Template};
use super::{at_line, line_of, syntax};

/// The shortest and the longest time, and how they are written.
const TIMES: (RangeInclusive<Duration>, &str) =
    (Duration::from_millis(1)..=Duration::from_secs(31 * 24 * 3600), "from 1ms to 744h");

/// The least and the most bytes, and how they are written.
const SIZES: (RangeInclusive<u64>, &str) = (1..=1 << 40, "from 1B to 1TiB");

/// A hundred years.
const MOST_DAYS: u64 = 36_500;

/// What a setting takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Whole(RangeInclusive<u64>),
    /// A share of all, from 0 to 1.
    Share,
    /// A time such as `5m`.
    Time,
    /// A number of bytes such as `64MiB`.
    Size,
    /// A time between two runs such as `1d`.
    Interval,
    /// `true` or `false`.
    Flag,
    /// A text.
    Text,
    /// A JSON path. It begins with a dollar sign, so one without a `{` is left alone.
    JsonPath,
    /// A text that a file which others read does not have.
    Secret,
    /// An address that may have a password in it.
    Url,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Where it stands; `*` is a name that a person chooses. Those of `limits` stand in
    /// `datasources.*.limits`, too.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it means, for a person.
    pub about: &'static str,
    /// Its value where the file has none, as the file would have it; none where there is none, or
    /// where it depends on something else.
    pub default: Option<&'static str>,
    /// Whether its variables are looked up when it is used.
    pub is_late: bool,
}

impl Setting {
    pub(super) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Setting {
        Setting { name, kind, about, default: None, is_late: false }
    }

    pub(super) const fn or(self, default: &'static str) -> Setting {
        Setting { default: Some(default), ..self }
    }

    const fn late(self) -> Setting {
        Setting { is_late: true, ..self }
    }
}

/// All of them but the [budgets](LIMITS).
const OTHERS: &[Setting] = &[
    Setting::new("jobs", Kind::Whole(1..=256), "How many partitions are read at the same time.")
        .or("4"),
    Setting::new(
        "memory",
        Kind::Size,
        "The memory of all plugins that run at the same time. Default: half of the machine's, or of what a container may have.",
    ),
    Setting::new(
        "history-days",
        Kind::Whole(0..=MOST_DAYS),
        "For how many days the history of runs is kept; 0 for ever.",
    )
    .or("400"),
    Setting::new("plugin-folder", Kind::Text, "Where `plugin add` puts files, beside this one.")
        .or("plugins"),
    Setting::new(
        "database.url",
        Kind::Url,
        "The database as one URL, in place of the other settings of it: sqlite:FILE, postgres://… or mysql://….",
    )
    .late(),
    Setting::new("database.engine", Kind::Text, "mysql or postgres.").late(),
    Setting::new(
        "database.host",
        Kind::Text,
        "The address of the server or of its proxy, or the path of a Unix socket.",
    )
    .late(),
    Setting::new(
        "database.port",
        Kind::Whole(1..=65_535),
        "The port. Default: that of the engine.",
    )
    .late(),
    Setting::new("database.user", Kind::Text, "The user.").late(),
    Setting::new("database.name", Kind::Text, "The name of the database.").late(),
    Setting::new("database.password", Kind::Secret, "The user's password, as a variable.").late(),
    Setting::new(
        "database.password-file",
        Kind::Text,
        "A file with the password, read anew for every connection.",
    )
    .late(),
    Setting::new(
        "database.password-command",
        Kind::Text,
        "A program and its arguments that prints the password, run anew for every connection.",
    )
    .late(),
    Setting::new(
        "database.tls",
        Kind::Text,
        "How the connection is protected: off, prefer, require, verify-ca or verify-full. Default: none for a socket, prefer for an address of this machine, verify-ca with tls-ca, else require.",
    )
    .late(),
    Setting::new("database.tls-ca", Kind::Text, "The authority that has issued the server's certificate (PEM).")
        .late(),
    Setting::new("database.tls-cert", Kind::Text, "The certificate of this client (PEM).").late(),
    Setting::new("database.tls-key", Kind::Text, "The key of that certificate (PEM).").late(),
    Setting::new(
        "schedule.*",
        Kind::Interval,
        "How often this report is to be read; `status` tells from it what is late.",
    ),
    Setting::new("datasources.*.plugin", Kind::Text, "The plugin's file."),
    Setting::new(
        "datasources.*.base-url",
        Kind::Text,
        "The service's address. Default: the one that the plugin names.",
    )
    .late(),
    Setting::new(
        "datasources.*.allow",
        Kind::Text,
        "The origins that the plugin may reach. Default: that of base-url.",
    )
    .late(),
    Setting::new(
        "datasources.*.allow-addresses",
        Kind::Text,
        "Hosts, addresses or networks that may be reached although they are private.",
    ),
    Setting::new(
        "datasources.*.credential.kind",
        Kind::Text,
        "How the credential is put on a request: bearer, raw-token, basic or header.",
    ),
    Setting::new("datasources.*.credential.secret", Kind::Secret, "The secret, as a variable.")
        .late(),
    Setting::new("datasources.*.credential.user", Kind::Text, "The user, for basic.").late(),
    Setting::new("datasources.*.credential.header", Kind::Text, "The header's name, for header."),
    Setting::new(
        "datasources.*.credential.optional",
        Kind::Flag,
        "Whether requests go without the credential when its variable is not set.",
    ),
    Setting::new(
        "datasources.*.requests-per-minute",
        Kind::Whole(1..=10_000_000),
        "Requests a minute. Default: what the plugin asks for.",
    ),
    Setting::new("datasources.*.max-concurrent", Kind::Whole(1..=1_024), "Requests at the same time.")
        .or("4"),
    Setting::new(
        "datasources.*.full-every-days",
        Kind::Whole(0..=MOST_DAYS),
        "After how many days a full refresh is due, which removes what is gone upstream; 0 for never.",
    )
    .or("28"),
    Setting::new(
        "datasources.*.record-mask",
        Kind::JsonPath,
        "JSON paths whose values are masked in every recording.",
    ),
    Setting::new(
        "datasources.*.extra-root-certificates",
        Kind::Text,
        "Files with further root certificates (PEM).",
    ),
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    OTHERS.iter().chain(LIMITS)
}

/// The default of the setting of this name.
pub(super) fn default_of<T: std::str::FromStr + Default>(name: &str) -> T {
    let default = all().find(|setting| setting.name == name).and_then(|setting| setting.default);
    default.and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The setting that stands there; none where it is a plugin's or nobody's.
fn setting(path: &[&str]) -> Option<&'static Setting> {
    let name = match path {
        ["datasources", _, "limits", rest @ ..] => format!("limits.{}", rest.join(".")),
        ["datasources", _, rest @ ..] => format!("datasources.*.{}", rest.join(".")),
        ["schedule", _] => "schedule.*".into(),
        _ => path.join("."),
    };
    all().find(|setting| setting.name == name)
}

/// The text of a file with its variables replaced, but those that are looked up when their
/// setting is used.
///
/// # Errors
///
/// `:LINE: …` for what is no TOML, for a variable that is not set, and for a value that its
/// setting does not take.
pub(super) fn replaced(text: &str, environment: &Environment) -> Result<String, String> {
    syntax::check(text)?;
    let table = DeTable::parse(text).map_err(|error| at_line(text, &error))?;
    let mut reading = Replacement { text, environment, edits: BTreeMap::new() };
    reading.table(&mut Vec::new(), table.get_ref())?;
    let mut replaced = String::with_capacity(text.len());
    let mut end = 0;
    for (start, (to, value)) in &reading.edits {
        replaced.push_str(&text[end..*start]);
        replaced.push_str(value);
        end = *to;
    }
    replaced.push_str(&text[end..]);
    Ok(replaced)
}

struct Replacement<'a> {
    text: &'a str,
    environment: &'a Environment,
    /// By where a value begins: where it ends, and what is to stand there.
    edits: BTreeMap<usize, (usize, String)>,
}

impl<'a> Replacement<'a> {
    fn table(&mut self, path: &mut Vec<&'a str>, table: &'a DeTable<'a>) -> Result<(), String> {
        for (key, value) in table {
            path.push(key.get_ref());
            self.value(path, value)?;
            path.pop();
        }
        Ok(())
    }

    fn value(
        &mut self,
        path: &mut Vec<&'a str>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Result<(), String> {
        match value.get_ref() {
            DeValue::Table(table) => self.table(path, table),
            DeValue::Array(items) => items.iter().try_for_each(|item| self.value(path, item)),
            leaf => match setting(path) {
                Some(setting) => self.leaf(&path.join("."), setting, leaf, value.span()),
                None => Ok(()),
            },
        }
    }

    fn leaf(
        &mut self,
        name: &str,
        setting: &Setting,
        value: &DeValue<'_>,
        span: Range<usize>,
    ) -> Result<(), String> {
        let line = line_of(self.text, span.start);
        let told = |problem: String| format!(":{line}: {name}{problem}");
        let Some(written) = written(value) else { return Ok(()) };
        let is_text = value.is_str();
        if setting.is_late {
            setting.kind.refuse_secret(name, &written).map_err(told)?;
            if is_text && (written.is_empty() || Template(written.clone()).has_variable()) {
                return Ok(());
            }
        }
        let is_variable = !setting.is_late && is_text && written.contains('$');
        let text = match (is_variable, &setting.kind) {
            (true, Kind::JsonPath) => variables::replace_in_path(&written, self.environment),
            (true, _) => variables::replace(&written, self.environment),
            (false, _) => Ok(written.clone()),
        };
        let text = text.map_err(|error| told(format!(": {error}")))?;
        let taken = setting.kind.taken(&text);
        let taken = taken.map_err(|wanted| {
            let shown = if is_text { format!("{:?}", cut(&text)) } else { cut(&text) };
            let source = match is_variable {
                true => format!(" (from {:?})", cut(&written)),
                false => String::new(),
            };
            told(format!(" is {shown}{source}: {wanted}"))
        })?;
        // A number that is used late is kept as the text that a variable in its place would be.
        let is_to_be_text = matches!(taken, toml::Value::String(_)) || setting.is_late;
        if is_variable || is_text != is_to_be_text {
            let taken = if is_to_be_text { toml::Value::String(text) } else { taken };
            self.edits.insert(span.start, (span.end, taken.to_string()));
        }
        Ok(())
    }
}

/// As much of a value as a message shows.
fn cut(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A value as a person would write it without quotes; none for a date, which nothing takes.
fn written(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            let read = i128::from_str_radix(number.as_str(), number.radix());
            Some(read.map_or_else(|_| number.to_string(), |number| number.to_string()))
        }
        DeValue::Float(number) => Some(number.as_str().to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

impl Kind {
    /// What serde is to read, or what is wanted.
    fn taken(&self, text: &str) -> Result<toml::Value, String> {
        let is_taken = match self {
            Kind::Whole(range) => {
                let number = text.parse::<u64>().ok().filter(|number| range.contains(number));
                let number = number.and_then(|number| i64::try_from(number).ok());
                return number.map(toml::Value::Integer).ok_or_else(|| self.wanted());
            }
            Kind::Share => {
                let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
                return share.map(toml::Value::Float).ok_or_else(|| self.wanted());
            }
            Kind::Flag => {
                return text.parse().map(toml::Value::Boolean).map_err(|_| self.wanted());
            }
            Kind::Time => text
                .parse::<SignedDuration>()
                .ok()
                .and_then(|time| Duration::try_from(time).ok())
                .is_some_and(|time| TIMES.0.contains(&time)),
            Kind::Size => {
                text.parse::<ByteSize>().is_ok_and(|size| SIZES.0.contains(&size.as_u64()))
            }
            Kind::Interval => text.parse::<Every>().is_ok(),
            Kind::Text | Kind::JsonPath | Kind::Secret | Kind::Url => true,
        };
        match is_taken {
            true => Ok(toml::Value::String(text.to_string())),
            false => Err(self.wanted()),
        }
    }

    /// What it takes, for a manual.
    pub fn takes(&self) -> String {
        self.wanted().replacen("expected ", "", 1)
    }

    /// What is wanted, with its range.
    fn wanted(&self) -> String {
        match self {
            Kind::Whole(range) => {
                format!("expected a whole number from {} to {}", range.start(), range.end())
            }
            Kind::Share => "expected a number from 0 to 1".into(),
            Kind::Flag => "expected true or false".into(),
            Kind::Time => {
                format!("expected a time such as \"90s\", \"5m\" or \"1h 30m\", {}", TIMES.1)
            }
            Kind::Size => {
                format!("expected a size such as \"64MiB\", or a number of bytes, {}", SIZES.1)
            }
            Kind::Interval => Every::WANTED.into(),
            Kind::Text | Kind::JsonPath | Kind::Secret | Kind::Url => "expected text".into(),
        }
    }

    /// The file is shared; a secret that stands in it is not one for long.
    fn refuse_secret(&self, name: &str, written: &str) -> Result<(), String> {
        let is_plain = match self {
            Kind::Secret => is_plain_secret(written),
            Kind::Url => password_in(written).is_some_and(is_plain_secret),
            _ => false,
        };
        if !is_plain {
            return Ok(());
        }
        let variable = match name.split('.').collect::<Vec<_>>()[..] {
            ["datasources", datasource, ..] => {
                format!("{}_TOKEN", datasource.to_ascii_uppercase())
            }
            _ => "CLOUD_SQL_DATABASE_PASSWORD".into(),
        };
        let what = if *self == Kind::Url { "'s password" } else { "" };
        let others = match name {
            "database.password" => ", or comes from password-file or password-command",
            _ => "",
        };
        Err(format!(
            "{what} has to be a variable such as ${{{variable}}}{others}: this file is shared, a secret is not"
        ))
    }
}

/// Whether a secret stands there, be it as what is taken when a variable is not set.
fn is_plain_secret(text: &str) -> bool {
    !text.is_empty()
        && (!Template(text.to_string()).has_variable()
            || text.split(":-").skip(1).any(|rest| !rest.starts_with('}')))
}

/// The password in `postgres://USER:PASSWORD@HOST/…` or `postgres://HOST/…?password=PASSWORD`.
fn password_in(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let mut parameters = rest.split_once('?').map_or("", |(_, query)| query).split('&');
    if let Some(password) = parameters.find_map(|part| part.strip_prefix("password=")) {
        return Some(password);
    }
    let (login, _) = rest.rsplit_once('@')?;
    // A variable has a colon of its own: ${USER:-me}.
    let after_user = login.strip_prefix("${").and_then(|rest| rest.split_once('}'));
    let (_, password) = after_user.map_or(login, |(_, rest)| rest).split_once(':')?;
    Some(password)
}

#[cfg(test)]
mod tests;
