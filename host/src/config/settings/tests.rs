// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use std::collections::BTreeSet;
use std::path::Path;

use test_dashboard_model::CredentialKind;

use super::*;
use crate::config::{Config, CredentialConfig, DatabaseConfig, Limits, LimitsConfig};

const SHIPPED: &str = include_str!("../../../../test-dashboard.toml");

/// What stands in every file of these tests, unless it is what is tried.
const AROUND: [(&str, &str); 8] = [
    ("datasources.github.plugin", "'github.wasm'"),
    ("datasources.github.credential.kind", "'basic'"),
    ("datasources.github.credential.secret", "'${SECRET}'"),
    ("datasources.github.credential.user", "'me'"),
    ("database.engine", "'mysql'"),
    ("database.host", "'db'"),
    ("database.user", "'me'"),
    ("database.name", "'dash'"),
];

/// A file in which a setting has this value.
fn file(setting: &Setting, value: &str) -> String {
    let name = match setting.name {
        "schedule.*" => "schedule.issues".to_string(),
        name => name.replace('*', "github"),
    };
    let lists = ["allow", "allow-addresses", "record-mask", "extra-root-certificates"];
    let last = name.rsplit('.').next().unwrap();
    let value = match lists.contains(&last) || last == "password-command" {
        true => format!("[{value}]"),
        false => value.to_string(),
    };
    let around = AROUND.iter().filter(|(other, _)| *other != name);
    let around = around.filter(|(other, _)| last != "url" || !other.starts_with("database"));
    let around: String = around.map(|(name, value)| format!("{name} = {value}\n")).collect();
    format!("{name} = {value}\n{around}")
}

fn read(setting: &Setting, value: &str, variable: &str) -> Result<Config, String> {
    Config::parse(&file(setting, value), &Environment::of([("V", variable)]))
}

/// A value that a setting takes, and some that it does not.
fn samples(setting: &Setting) -> (String, Vec<String>) {
    let (good, bad): (String, Vec<&str>) = match &setting.kind {
        Kind::Whole(range) => {
            let beyond = [(range.end() + 1).to_string(), u64::MAX.to_string(), "9".repeat(30)];
            let below = range.start().checked_sub(1).map(|below| below.to_string());
            let others = ["-1", "many", "1.5"].map(String::from);
            let bad = beyond.into_iter().chain(below).chain(others).collect();
            return (range.end().to_string(), bad);
        }
        Kind::Share => ("0.5".into(), vec!["-0.1", "1.1", "nan", "half"]),
        Kind::Time => ("744h".into(), vec!["-5s", "0s", "745h", "1 month", "soon", "99999999999h"]),
        Kind::Size => ("1TiB".into(), vec!["0", "-1", "1025GiB", "much", "1e99"]),
        Kind::Interval => ("3660d".into(), vec!["5s", "-1d", "3661d", "99999999999d", "weekly"]),
        Kind::Flag => ("true".into(), vec!["yes", "1"]),
        Kind::JsonPath => ("$..email".into(), vec![]),
        _ if setting.name.ends_with("credential.kind") => ("basic".into(), vec![]),
        _ => ("text".into(), vec![]),
    };
    (good, bad.into_iter().map(String::from).collect())
}

#[test]
fn every_setting_takes_a_variable() {
    for setting in all() {
        let (good, bad) = samples(setting);
        let name =
            setting.name.replace('*', "github").replace("schedule.github", "schedule.issues");
        if setting.is_late {
            let config = read(setting, "'${UNSET}'", "").unwrap();
            let told = used(&config, setting.name);
            assert!(told.contains("UNSET"), "{name}: {told}");
            continue;
        }
        read(setting, "'${V}'", &good).unwrap_or_else(|error| panic!("{name}: {error}"));
        read(setting, &format!("'${{UNSET:-{good}}}'"), "").unwrap();
        let unset = read(setting, "'${UNSET}'", "").unwrap_err();
        assert!(unset.starts_with(&format!(":1: {name}: ")) && unset.contains("UNSET"), "{unset}");
        for bad in bad {
            let told = read(setting, "'${V}'", &bad).unwrap_err();
            let expected = format!(":1: {name} is {bad:?} (from \"${{V}}\"): ");
            assert!(told.starts_with(&expected) && told.contains("expected "), "{told}");
        }
    }
}

/// What is told when a setting is used whose variable is not set.
fn used(config: &Config, name: &str) -> String {
    let environment = Environment::of([("SECRET", "s")]);
    if let Some(part) = name.strip_prefix("database.") {
        let told = config.database.as_ref().unwrap().target(Path::new("."), &environment);
        let told = told.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(told.starts_with(&format!("database.{part}: ")), "{told}");
        return told;
    }
    let datasource = &config.datasources["github"];
    let credential = datasource.credential.as_ref().unwrap();
    let template = match name {
        "datasources.*.base-url" => datasource.base_url.as_ref(),
        "datasources.*.allow" => datasource.allow.as_ref().and_then(|allow| allow.first()),
        "datasources.*.credential.secret" => Some(&credential.secret),
        "datasources.*.credential.user" => credential.user.as_ref(),
        _ => None,
    };
    template.unwrap_or_else(|| panic!("{name}")).wanted(&environment).concat()
}

#[test]
fn a_value_that_is_refused_is_shown_as_far_as_it_is_short() {
    let long = format!("jobs = \"{}\"", "x".repeat(10_000));
    let error = Config::parse(&long, &Environment::default()).unwrap_err();
    assert!(error.len() < 300 && error.contains('…'), "{error:.400}");
}

#[test]
fn a_value_beyond_its_range_is_told_with_the_setting_and_the_range() {
    for setting in all() {
        let (good, bad) = samples(setting);
        let is_number = matches!(setting.kind, Kind::Whole(_) | Kind::Share);
        let written = |value: &str| match is_number && value.parse::<f64>().is_ok() {
            true => value.to_string(),
            false => format!("{value:?}"),
        };
        if !matches!(setting.kind, Kind::Secret) {
            read(setting, &written(&good), "").unwrap_or_else(|error| panic!("{error}"));
        }
        for bad in bad {
            // TOML has no number beyond 64 bits; what it says of one has the line.
            let told = read(setting, &written(&bad), "").unwrap_err();
            let is_ours = told.contains(&format!(" is {}: ", written(&bad)));
            assert!(told.starts_with(":1: ") && (is_ours || bad.len() >= 19), "{bad}: {told}");
        }
    }
    let parse = |text| Config::parse(text, &Environment::default()).unwrap_err();
    assert_eq!(
        parse("\njobs = 4294967293"),
        ":2: jobs is 4294967293: expected a whole number from 1 to 256"
    );
    assert_eq!(
        parse("history-days = 5000000"),
        ":1: history-days is 5000000: expected a whole number from 0 to 36500"
    );
    assert_eq!(
        parse("[limits]\nwall-time = \"1 fortnight\""),
        ":2: limits.wall-time is \"1 fortnight\": expected a time such as \"90s\", \"5m\" or \"1h 30m\", from 1ms to 744h"
    );
}

#[test]
fn a_number_may_stand_in_quotes_and_a_port_without() {
    let text = "jobs = '8'\n[database]\nport = 3307\n[limits]\nmemory = 1_048_576\nmax-rejected-share = 0\n";
    let config = Config::parse(text, &Environment::default()).unwrap();
    assert_eq!(config.jobs(), 8);
    assert_eq!(config.database.unwrap().port.unwrap().0, "3307");
    assert_eq!(config.limits.resolve(&LimitsConfig::default()).memory, 1 << 20);
}

#[test]
fn a_secret_is_never_in_the_file() {
    for (name, value, is_plain) in [
        ("datasources.github.credential.secret", "abc123", true),
        ("datasources.github.credential.secret", "${T:-abc123}", true),
        ("datasources.github.credential.secret", "token ${T}", false),
        ("database.password", "abc123", true),
        ("database.password", "${T:-}", false),
        ("database.password", "", false),
        ("database.url", "mysql://me:abc123@db/dash", true),
        ("database.url", "mysql://${ME:-me}:abc123@db/dash", true),
        ("database.url", "mysql://me:${T:-abc123}@db/dash", true),
        ("database.url", "mysql://me:${T}@db/dash", false),
        ("database.url", "mysql://${ME:-me}:${T}@db/dash", false),
        ("database.url", "mysql://me@db:3306/dash", false),
        ("database.url", "sqlite:a@b:c.sqlite", false),
        ("database.url", "${DATABASE_URL}", false),
    ] {
        let setting = all().find(|s| s.name.replace('*', "github") == name).unwrap();
        let told = read(setting, &format!("{value:?}"), "").err();
        assert_eq!(told.is_some(), is_plain, "{name} = {value:?}: {told:?}");
        if let Some(told) = told {
            assert!(told.contains("has to be a variable") && !told.contains("abc123"), "{told}");
        }
    }
}

#[test]
fn a_line_is_that_of_the_file_behind_a_variable_too() {
    let text = "plugin-folder = '${V}'\n\njob = 3";
    let told = Config::parse(text, &Environment::of([("V", "a\"b\\c")])).unwrap_err();
    assert!(told.starts_with(":3: unknown field `job`"), "{told}");
    let text = "plugin-folder = '${V}$$'";
    let config = Config::parse(text, &Environment::of([("V", "a\"b\\c")])).unwrap();
    assert_eq!(config.plugin_folder.unwrap(), Path::new("a\"b\\c$"));
}

/// The settings that serde knows in a section, from what it says of one that it does not know.
fn fields<T: serde::de::DeserializeOwned>(prefix: &str) -> BTreeSet<String> {
    let told = toml::from_str::<T>("no-such-setting = 1").err().unwrap().to_string();
    let (_, names) = told.split_once("expected one of ").unwrap();
    let quoted = names.split('`').skip(1).step_by(2);
    quoted.map(|name| format!("{prefix}{name}")).collect()
}

#[test]
fn every_setting_of_the_file_is_in_the_list_and_in_the_shipped_file() {
    let mut known = fields::<Config>("");
    known.extend(fields::<DatabaseConfig>("database."));
    known.extend(fields::<LimitsConfig>("limits."));
    known.extend(fields::<crate::config::DatasourceConfig>("datasources.*."));
    known.extend(fields::<CredentialConfig>("datasources.*.credential."));
    known.insert("schedule.*".into());
    for section in ["database", "limits", "schedule", "datasources", "projects"] {
        assert!(known.remove(section), "{section}");
    }
    for section in ["limits", "credential"] {
        assert!(known.remove(&format!("datasources.*.{section}")), "{section}");
    }
    let listed: BTreeSet<String> = all().map(|s| s.name.to_string()).collect();
    assert_eq!(listed, known);
    for name in listed.iter().filter(|name| *name != "schedule.*") {
        let last = name.rsplit('.').next().unwrap();
        assert!(SHIPPED.contains(&format!("{last} = ")), "{name} is not in test-dashboard.toml");
    }
    for kind in [
        CredentialKind::Bearer,
        CredentialKind::RawToken,
        CredentialKind::Basic,
        CredentialKind::Header,
    ] {
        assert!(SHIPPED.contains(&format!("\"{kind}\"")), "{kind} is not in test-dashboard.toml");
    }
}

#[test]
fn the_shipped_file_shows_the_defaults() {
    let is_setting = |text: &str| {
        let name = text.split(" = ").next().unwrap_or_default();
        text.starts_with('[')
            || text.contains(" = ") && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    };
    let uncommented = |line: &str| match line.strip_prefix("# ").filter(|text| is_setting(text)) {
        Some(setting) => setting.to_string() + "\n",
        None => line.to_string() + "\n",
    };
    let text: String = SHIPPED.lines().map(uncommented).collect();
    let shown = Config::parse(&text, &Environment::default()).unwrap();
    let default = Config::default();
    assert_eq!(
        (shown.jobs, shown.history_days),
        (Some(default.jobs()), Some(default.history_days()))
    );
    assert_eq!(shown.plugin_folder(), default.plugin_folder());
    assert_eq!(shown.limits.resolve(&default.limits), Limits::default());
    let datasource =
        |text: &str| -> crate::config::DatasourceConfig { toml::from_str(text).unwrap() };
    let (shown, default) = (&shown.datasources["testrail"], datasource("plugin = ''"));
    assert_eq!(shown.max_concurrent, Some(default.max_concurrent()));
    assert_eq!(shown.full_every_days, Some(default.full_every_days()));
    for setting in all().filter(|setting| setting.default.is_some()) {
        let default = setting.default.unwrap();
        let taken = setting.kind.taken(default).unwrap_or_else(|error| panic!("{error}"));
        let line = format!("# {} = {taken}", setting.name.rsplit('.').next().unwrap());
        let is_shown = |shown: &str| {
            let rest = shown.strip_prefix(&line);
            rest.is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with('#'))
        };
        assert!(SHIPPED.lines().any(is_shown), "{line:?} is not in test-dashboard.toml");
    }
}
