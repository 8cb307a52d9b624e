// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

use super::*;

fn pin(file: &str) -> Pin {
    Pin {
        file: file.into(),
        version: "0.1.0".into(),
        contract: "0.1.0".into(),
        sha256: Digest::of(file.as_bytes()),
        source: "https://example.com/guest.wasm".into(),
    }
}

fn lock(pins: &[(&str, &str)]) -> Lock {
    let plugins = pins.iter().map(|(name, file)| (name.to_string(), pin(file))).collect();
    Lock { plugins, ..Lock::default() }
}

fn config(folder: &Path) -> Config {
    Config::load_or_empty(Some(&folder.join("test-dashboard.toml"))).unwrap()
}

#[test]
fn a_lock_file_is_sorted_stable_and_says_what_it_is() {
    let lock = lock(&[("other", "plugins/other.wasm"), ("guest", "plugins/guest.wasm")]);
    let text = lock.render().unwrap();
    assert!(text.starts_with("# The plugin files that may run"), "{text}");
    let guest = "\
[plugins.guest]
file = \"plugins/guest.wasm\"
version = \"0.1.0\"
contract = \"0.1.0\"
sha256 = \"";
    assert!(text.find(guest).unwrap() < text.find("[plugins.other]").unwrap(), "{text}");
    assert_eq!(Lock::parse(&text).unwrap(), lock);
    assert_eq!(Lock::parse(&text).unwrap().render().unwrap(), text);
}

#[test]
fn a_lock_file_that_is_not_understood_is_refused_with_words() {
    let good = lock(&[("guest", "plugins/guest.wasm")]).render().unwrap();
    for (text, says) in [
        (String::new(), "no `version = 1`"),
        (good.replace("version = 1", "version = 2\nfuture = 1"), "it has version 2"),
        (good.replace("version = 1", "version = \"1\""), "no `version = 1`"),
        (good.replace("source", "sauce"), "sauce"),
        (good.replace("sha256 = \"", "sha256 = \"x"), "is not a SHA-256"),
        (good.replace("\"plugins/guest.wasm\"", "\"/plugins/guest.wasm\""), "has to be relative"),
        (format!("<<<<<<< ours\n{good}"), ":1: "),
    ] {
        let error = Lock::parse(&text).unwrap_err();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn what_is_not_there_pins_nothing_and_what_cannot_be_read_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    assert_eq!(Lock::of(&config).unwrap(), Lock::default());
    std::fs::create_dir(folder.path().join(LOCK_FILE)).unwrap();
    let error = Lock::of(&config).unwrap_err().to_string();
    assert!(error.contains("cannot read"), "{error}");
}

#[test]
fn a_file_is_expected_to_be_what_was_added() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let lock = lock(&[("guest", "plugins/guest.wasm")]);
    let at = |file: &str| folder.path().join(file);
    let expected = lock.expects(&config, "guest", &at("./plugins/guest.wasm")).unwrap().unwrap();
    assert_eq!(expected.digest, Digest::of(b"plugins/guest.wasm"));
    assert_eq!(expected.lock, at(LOCK_FILE));
    assert_eq!(lock.of_file(&config, "?", &at("plugins/guest.wasm")).unwrap(), Some(expected));

    let elsewhere = lock.expects(&config, "guest", &at("guest.wasm")).unwrap_err();
    assert!(matches!(elsewhere, PluginError::PinnedElsewhere { .. }), "{elsewhere}");
    for file in ["plugins/other.wasm", "x/../plugins/below/other.wasm"] {
        let not_added = lock.expects(&config, "other", &at(file)).unwrap_err();
        assert!(matches!(not_added, PluginError::NotAdded { .. }), "{not_added}");
        assert!(lock.of_file(&config, "other", &at(file)).is_err());
    }
    assert_eq!(lock.expects(&config, "other", &at("target/other.wasm")).unwrap(), None);
    // Another datasource's file is that datasource's, and must be what it was.
    assert!(lock.expects(&config, "other", &at("plugins/guest.wasm")).unwrap().is_some());
}
