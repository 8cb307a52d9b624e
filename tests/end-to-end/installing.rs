// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Plugins that are added, pinned by their digest, upgraded, compared and taken away.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use sha2::Digest as _;

use crate::support::{Ended, Server, Workplace, bombs, built};

/// A folder without a configuration, with a plugin's file to be added.
struct Place(Workplace);

impl Place {
    fn new() -> Self {
        let place = Workplace::new("");
        std::fs::remove_file(place.path("test-dashboard.toml")).unwrap();
        Place(place)
    }

    /// One in which the well-behaved guest is added.
    fn with_guest() -> Self {
        let place = Place::new();
        place.add(&guest("well_behaved"), &["--yes"]).expect_code(0);
        place.use_it();
        place
    }

    fn add(&self, file: &Path, more: &[&str]) -> Ended {
        self.0.run(&[&["plugin", "add", file.to_str().unwrap()], more].concat())
    }

    /// Gives the guest a service and a project, as a person would.
    fn use_it(&self) {
        let text = self.read("test-dashboard.toml");
        let text = text.replace("${TEST_DASHBOARD_GUEST_HOST}", "https://api.example.com")
            + "\n[projects.fenix]\nguest = {}\n";
        self.0.configure(&text);
    }

    fn run(&self) -> Ended {
        self.0.run(&["--project", "fenix", "--report-type", "rows"])
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path(file)).unwrap()
    }

    fn installed(&self) -> PathBuf {
        self.0.path("plugins/guest.wasm")
    }

    /// Every file, with what is in it.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        for folder in [self.0.path(""), self.0.path("plugins")] {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    files.push((path.clone(), std::fs::read(path).unwrap()));
                }
            }
        }
        files.sort();
        files
    }
}

fn guest(name: &str) -> PathBuf {
    built(&format!("guests/{name}.wasm"))
}

fn sha256(bytes: &[u8]) -> String {
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_plugin_is_added_where_nothing_is_configured_and_runs() {
    let place = Place::new();
    let file = guest("well_behaved");
    let digest = sha256(&std::fs::read(&file).unwrap());
    place
        .add(&file, &["--yes"])
        .expect_code(0)
        .expect_said(&format!("sha-256      {digest}"))
        .expect_said("guest is new here.")
        .expect_said("[datasources.guest]\nplugin = \"plugins/guest.wasm\"")
        .expect_said("guest_rows (merge, key: project, id)")
        .expect_said("Set the environment variables that it takes: TEST_DASHBOARD_GUEST_HOST")
        .expect_said("[projects.my-product.guest]\n# behave = \"\"");
    let lock = place.read("test-dashboard.lock");
    let expected = format!(
        "version = 1\n\n[plugins.guest]\nfile = \"plugins/guest.wasm\"\nversion = \"0.1.0\"\n\
         contract = \"0.1.0\"\nsha256 = \"{digest}\"\nsource = \"well_behaved.wasm\"\n"
    );
    assert!(lock.starts_with("# ") && lock.ends_with(&expected), "{lock}");
    assert_eq!(std::fs::read(place.installed()).unwrap(), std::fs::read(&file).unwrap());

    place.use_it();
    place.run().expect_code(0).expect_said("3 rows read");
    let before = place.files();
    place.add(&file, &[]).expect_code(0).expect_said("already installed: nothing changes");
    assert!(place.files() == before, "something changed");
}

#[test]
fn nothing_is_installed_without_being_asked_for() {
    let place = Place::new();
    // The tests' standard input is no terminal.
    let mut command = place.0.command(&["plugin", "add", guest("well_behaved").to_str().unwrap()]);
    let ended = Ended::new(command.stdin(Stdio::null()).output().unwrap()).expect_code(2);
    ended.expect_said("Install guest?").expect_said("pass --yes").expect_said("guest is new here.");
    assert_eq!(place.files(), []);
}

#[test]
fn an_upgrade_shows_the_difference_and_grants_nothing_by_itself() {
    let place = Place::with_guest();
    let text = place.read("test-dashboard.toml");
    let text = text.replace("base-url = ", "allow = [\"https://api.example.com\"]\nbase-url = ");
    place.0.configure(&text);
    place.run().expect_code(0);
    place
        .add(&guest("asks_for_more"), &["--yes"])
        .expect_code(0)
        .expect_said("WILL BE REFUSED by the host while the old table is there: the type of the column guest_rows.label was text and is now json")
        .expect_said("ASKS FOR MORE: the host https://uploads.example.com is new")
        .expect_said("ASKS FOR MORE: the credential bearer is new")
        .expect_said("ASKS FOR MORE: the setting owner is new and required")
        .expect_said("  the column guest_rows.owner (text, may be null) is new")
        .expect_said("  the version was 0.1.0 and is now 0.2.0")
        .expect_said("It is not granted [\"https://uploads.example.com\"]")
        .expect_said("datasources.guest.allow = [\"https://api.example.com\", \"https://uploads.example.com\"]");
    assert_eq!(place.read("test-dashboard.toml"), text);
    assert!(place.read("test-dashboard.lock").contains("version = \"0.2.0\""));
    place.run().expect_code(2).expect_said("projects.fenix.guest.owner is missing");
}

#[test]
fn an_upgrade_tells_a_program_too() {
    let place = Place::with_guest();
    let told = place.add(&guest("asks_for_more"), &["--yes", "--format", "json"]).expect_code(0);
    let told = told.json();
    assert_eq!(told["outcome"], "installed");
    assert_eq!(told["installed_as"], "plugins/guest.wasm");
    let weights: Vec<&str> =
        told["changes"].as_array().unwrap().iter().filter_map(|c| c["weight"].as_str()).collect();
    assert!(weights.contains(&"refused") && weights.contains(&"asks-more"), "{weights:?}");
}

#[test]
fn what_is_granted_to_a_new_plugin_is_what_was_shown() {
    let place = Place::new();
    let file = guest("asks_for_more");
    let add = ["plugin", "add", file.to_str().unwrap(), "--yes"];
    let ended = place.0.run_with(&add, &[("TEST_DASHBOARD_GUEST_TOKEN", "hush4711")]);
    let warning = "WARNING: TEST_DASHBOARD_GUEST_TOKEN is set here already. Its value goes to";
    let ended = ended
        .expect_code(0)
        .expect_said("methods      GET and HEAD")
        .expect_said(&format!("{warning} https://api.example.com,"));
    assert!(!ended.said().contains("hush4711"), "{}", ended.said());
    let text = place.read("test-dashboard.toml");
    let expected = "\
[datasources.guest]
plugin = \"plugins/guest.wasm\"
base-url = \"https://api.example.com\"
allow = [\"https://api.example.com\", \"https://uploads.example.com\"]
credential = { kind = \"bearer\", secret = \"${TEST_DASHBOARD_GUEST_TOKEN}\" }
";
    assert_eq!(text, expected);
}

#[test]
fn a_file_that_was_changed_does_not_run_whatever_was_changed() {
    let place = Place::with_guest();
    let whole = std::fs::read(place.installed()).unwrap();
    let text = b"A guest of the host's tests.";
    let harmless = whole.windows(text.len()).position(|window| window == text).unwrap();
    for offset in [0, 9, whole.len() / 3, harmless, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[offset] ^= 0x20;
        std::fs::write(place.installed(), &bytes).unwrap();
        if offset == harmless {
            // A plugin as good as the first, but for one letter of what it says.
            let elsewhere = place.0.path("elsewhere.wasm");
            std::fs::write(&elsewhere, &bytes).unwrap();
            let file = elsewhere.to_str().unwrap();
            place.0.run(&["plugin", "inspect", file]).expect_code(0);
        }
        expect_changed(&place, &bytes);
    }
    std::fs::write(place.installed(), &whole[..whole.len() / 2]).unwrap();
    expect_changed(&place, &whole[..whole.len() / 2]);
    std::fs::write(place.installed(), &whole).unwrap();
    place.run().expect_code(0);
    place.0.run(&["plugin", "verify"]).expect_code(0).expect_said("ok         guest");
}

/// That nothing loads the file, and that what tells about files says why.
#[track_caller]
fn expect_changed(place: &Place, bytes: &[u8]) {
    let ended = place.run().expect_code(2);
    let ended = ended
        .expect_said("is not the file that was added, and none of it was run")
        .expect_said(&format!("its sha-256 is {}", sha256(bytes)))
        .expect_said("test-dashboard.lock has ")
        .expect_said("`test-dashboard plugin verify`");
    assert!(!ended.said().contains("the newer guest runs"), "{}", ended.said());
    place.0.run(&["check"]).expect_code(1).expect_said("is not the file that was added");
    place.0.run(&["reports"]).expect_code(1).expect_said("is not the file that was added");
    place.0.run(&["plugin", "verify"]).expect_code(1).expect_said("changed    guest");
    place.0.run(&["plugin", "list"]).expect_code(0).expect_said("changed");
}

#[test]
fn nothing_of_another_file_runs_not_even_what_says_what_it_is() {
    let place = Place::with_guest();
    let newer = std::fs::read(guest("asks_for_more")).unwrap();
    let file = guest("asks_for_more");
    let noticed = place.0.run(&["plugin", "inspect", file.to_str().unwrap()]).expect_code(0);
    noticed.expect_said("the newer guest runs");
    std::fs::write(place.installed(), &newer).unwrap();
    expect_changed(&place, &newer);
    // Whoever wants to see what it is may; it is told that it is not what was added.
    let shown = ["plugin", "inspect", "plugins/guest.wasm"];
    place.0.run(&shown).expect_code(0).expect_said("test-dashboard.lock does not list this file");
    // Adding it mends it, and says that there is nothing to compare it with.
    place
        .add(&place.installed(), &["--yes"])
        .expect_code(0)
        .expect_said("What it changes cannot be determined")
        .expect_said("is not the file that was added");
    place.0.run(&shown).expect_code(0).expect_said("test-dashboard.lock lists this file, as guest");
    place.0.run(&["plugin", "verify"]).expect_code(0);
}

#[test]
fn a_file_in_the_plugin_folder_that_was_not_added_does_not_run() {
    let place = Place::with_guest();
    std::fs::remove_file(place.0.path("test-dashboard.lock")).unwrap();
    place
        .run()
        .expect_code(2)
        .expect_said("is in the plugin folder and was not added")
        .expect_said("has no [plugins.guest]");
    let verified = place.0.run(&["plugin", "verify"]).expect_code(1);
    verified.expect_said("not pinned guest").expect_said("it was not added, and does not run");
    place.0.run(&["plugin", "verify", "--allow-built"]).expect_code(1);
    // Elsewhere a file that is built from source runs as it is.
    let elsewhere = place.read("test-dashboard.toml");
    std::fs::copy(place.installed(), place.0.path("guest.wasm")).unwrap();
    place.0.configure(&elsewhere.replace("plugins/guest.wasm", "guest.wasm"));
    place.run().expect_code(0);
    let verified = place.0.run(&["plugin", "verify"]).expect_code(1);
    verified.expect_said("built      guest").expect_said("runs all the same");
    place.0.run(&["plugin", "verify", "--allow-built"]).expect_code(0);
}

#[test]
fn the_lock_file_and_the_configuration_must_mean_the_same_file() {
    let place = Place::with_guest();
    std::fs::copy(place.installed(), place.0.path("guest.wasm")).unwrap();
    let text = place.read("test-dashboard.toml");
    place.0.configure(&text.replace("plugins/guest.wasm", "guest.wasm"));
    place.run().expect_code(2).expect_said("so neither is run");
    place.0.run(&["plugin", "verify"]).expect_code(1).expect_said("changed    guest");
    // Adding it again says what it does to the configuration, and does it.
    let added = place.add(&guest("well_behaved"), &["--yes"]).expect_code(0);
    added.expect_said(
        "makes datasources.guest.plugin \"plugins/guest.wasm\", which is \"guest.wasm\" now",
    );
    assert_eq!(place.read("test-dashboard.toml"), text);
    place.run().expect_code(0);
}

#[test]
fn a_lock_file_that_is_not_understood_stops_everything() {
    let place = Place::with_guest();
    let lock = place.read("test-dashboard.lock");
    for (text, says) in [
        (lock.replace("version = 1", "version = 2"), "it has version 2"),
        (lock.replace("sha256", "sha265"), "test-dashboard.lock:8: "),
        (format!("<<<<<<< HEAD\n{lock}"), "test-dashboard.lock:1: "),
        (String::new(), "it is not a lock file"),
    ] {
        std::fs::write(place.0.path("test-dashboard.lock"), text).unwrap();
        place.run().expect_code(2).expect_said(says);
        place.0.run(&["plugin", "verify"]).expect_code(2).expect_said(says);
        place.add(&guest("well_behaved"), &["--yes"]).expect_code(2).expect_said(says);
    }
}

#[test]
fn files_are_compared_without_being_loaded() {
    let place = Place::with_guest();
    std::fs::write(place.0.path("other.wasm"), "no plugin at all").unwrap();
    let text = place.read("test-dashboard.toml");
    place.0.configure(&format!("{text}\n[datasources.other]\nplugin = \"other.wasm\"\n"));
    let told = place.0.run(&["plugin", "verify", "--format", "json"]).expect_code(1).json();
    let states: Vec<_> =
        told.as_array().unwrap().iter().map(|entry| (&entry["name"], &entry["state"])).collect();
    assert_eq!(serde_json::json!(states), serde_json::json!([["guest", "ok"], ["other", "built"]]));
    let listed = place.0.run(&["plugin", "list", "--format", "json"]).expect_code(0).json();
    assert_eq!(listed, told);
    std::fs::remove_file(place.installed()).unwrap();
    place.0.run(&["plugin", "verify"]).expect_code(1).expect_said("missing    guest");
    place.0.run(&["plugin", "list"]).expect_code(0).expect_said("missing");
}

#[test]
fn a_plugin_is_taken_away_and_its_tables_stay() {
    let place = Place::with_guest();
    place.run().expect_code(0);
    place
        .0
        .run(&["plugin", "remove", "gest", "--yes"])
        .expect_code(2)
        .expect_said("did you mean guest?");
    let before = place.files();
    let mut command = place.0.command(&["plugin", "remove", "guest"]);
    Ended::new(command.stdin(Stdio::null()).output().unwrap())
        .expect_code(2)
        .expect_said("pass --yes");
    assert!(place.files() == before, "something changed");
    place
        .0
        .run(&["plugin", "remove", "guest", "--yes"])
        .expect_code(0)
        .expect_said("datasources.guest goes")
        .expect_said("projects.fenix.guest goes")
        .expect_said("stay in the database");
    assert!(!place.installed().exists());
    assert!(!place.read("test-dashboard.lock").contains("guest"));
    assert!(!place.read("test-dashboard.toml").contains("guest"));
    place.0.run(&["db", "status"]).expect_code(0).expect_said("guest_rows");
    place
        .0
        .run(&["plugin", "remove", "guest", "--yes"])
        .expect_code(2)
        .expect_said("there is none");
}

#[test]
fn two_plugins_do_not_have_the_same_report() {
    let place = Place::new();
    place.add(&guest("well_behaved"), &["--yes"]).expect_code(0);
    // The same plugin under a name of the same length has the same report.
    let mut bytes = std::fs::read(guest("well_behaved")).unwrap();
    for at in 0..bytes.len() - 5 {
        if &bytes[at..at + 5] == b"guest" {
            bytes[at] = b'q';
        }
    }
    let other = place.0.path("other.wasm");
    std::fs::write(&other, bytes).unwrap();
    let before = place.files();
    let refused = place.add(&other, &["--yes"]).expect_code(2);
    refused.expect_said("quest has a report rows, and so has guest");
    assert!(place.files() == before, "something changed");
    place.0.run(&["plugin", "remove", "guest", "--yes"]).expect_code(0);
    place.add(&other, &["--yes"]).expect_code(0).expect_said("quest is new here.");
}

#[test]
fn a_plugin_is_added_to_a_configuration_that_has_others() {
    let place = Place::new();
    let text = "# ours\njobs = 2   # few\n\n[projects.fenix]\n# none yet";
    place.0.configure(text);
    let added = place.add(&built("plugins/github.wasm"), &["--yes"]).expect_code(0);
    added.expect_said("[projects.fenix.github]\nrepository = \"\"    # ");
    let edited = place.read("test-dashboard.toml");
    assert!(edited.starts_with(text), "{edited}");
    assert!(edited.contains("allow = [\"https://api.github.com\"]"), "{edited}");
    place.add(&guest("well_behaved"), &["--yes"]).expect_code(0);
    let verified = place.0.run(&["plugin", "verify"]).expect_code(0);
    verified.expect_said("ok         github").expect_said("ok         guest");
}

#[test]
fn a_file_is_what_its_digest_says_or_is_not_run() {
    let place = Place::new();
    let file = guest("asks_for_more");
    let digest = sha256(&std::fs::read(&file).unwrap());
    for (given, code, says) in [
        ("abc", 2, "is not a SHA-256"),
        (&digest.replace(['a', '1'], "0")[..], 1, "is not the file that --sha256 names"),
    ] {
        let ended = place.add(&file, &["--yes", "--sha256", given]).expect_code(code);
        assert!(!ended.said().contains("the newer guest runs"), "{}", ended.said());
        ended.expect_said(says);
        assert_eq!(place.files(), []);
    }
    place.add(&file, &["--yes", "--sha256", &digest.to_uppercase()]).expect_code(0);
}

#[test]
fn a_plugin_comes_from_an_address_that_is_safe_or_known_by_its_digest() {
    let bytes = std::fs::read(guest("asks_for_more")).unwrap();
    let digest = sha256(&bytes);
    let served = bytes.clone();
    let server = Server::start(move |asked| match asked.target.split('?').next() {
        Some("/guest.wasm") => Server::answer(200, &[], served.clone()),
        Some("/moved.wasm") => Server::answer(302, &[("location", "/guest.wasm")], ""),
        Some("/huge.wasm") => {
            let pieces = (0..100).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 1 << 20]));
            Server::answer(200, &[], axum::body::Body::from_stream(futures::stream::iter(pieces)))
        }
        _ => Server::answer(404, &[], "not here"),
    });
    let place = Place::new();
    let add = |path: &str, more: &[&str]| {
        let url = format!("{}{path}", server.url);
        place.0.run(&[&["plugin", "add", &url, "--yes"], more].concat())
    };
    add("/guest.wasm", &[])
        .expect_code(2)
        .expect_said("use https, or give its digest with --sha256");
    assert_eq!(server.count(), 0);
    let other = digest.replace(['a', '1'], "0");
    let pinned = ["--sha256", digest.as_str()];
    for (path, given, says) in [
        ("/guest.wasm", &other, "is not the file that --sha256 names"),
        ("/moved.wasm", &digest, "the answer was 302 Found, which is not followed from http"),
        ("/missing.wasm", &digest, "the answer was 404"),
        ("/huge.wasm", &digest, "larger than 67108864 bytes (limits.max-plugin-bytes)"),
    ] {
        let ended = add(path, &["--sha256", given]).expect_code(1).expect_said(says);
        assert!(!ended.said().contains("the newer guest runs"), "{}", ended.said());
        assert_eq!(place.files(), []);
    }
    let added = add("/guest.wasm?token=hunter2", &pinned).expect_code(0);
    assert!(!added.said().contains("hunter2"), "{}", added.said());
    let lock = place.read("test-dashboard.lock");
    assert!(lock.contains(&format!("source = \"{}/guest.wasm\"", server.url)), "{lock}");
    assert!(!lock.contains("hunter2"), "{lock}");
}

#[test]
fn two_at_the_same_time_wait_for_each_other() {
    let place = Place::new();
    let files =
        [guest("well_behaved"), built("plugins/github.wasm"), built("plugins/bitrise.wasm")];
    let started: Vec<_> = files
        .iter()
        .map(|file| {
            let mut command = place.0.command(&["plugin", "add", file.to_str().unwrap(), "--yes"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in started {
        Ended::new(child.wait_with_output().unwrap()).expect_code(0);
    }
    let verified = place.0.run(&["plugin", "verify"]).expect_code(0);
    for name in ["bitrise", "github", "guest"] {
        assert!(verified.out.contains(&format!("ok         {name} ")), "{}", verified.out);
    }
    assert_eq!(verified.out.lines().count(), 3, "{}", verified.out);
}

#[test]
fn on_a_full_disk_nothing_changes() {
    // Larger than any file may become here, and than what the engine maps into memory.
    const LIMIT: &str = "ulimit -f 8192";
    let large = |name: &str, place: &Place| {
        let padding = bombs::custom("padding", &vec![0; 8 << 20]);
        let file = place.0.path(&format!("{name}.wasm"));
        std::fs::write(&file, bombs::with(&std::fs::read(guest(name)).unwrap(), &padding)).unwrap();
        file
    };
    for place in [Place::new(), Place::with_guest()] {
        let file = large("asks_for_more", &place);
        let before = place.files();
        let arguments = ["plugin", "add", file.to_str().unwrap(), "--yes"];
        let ended = place.0.run_under(LIMIT, &arguments).expect_code(1);
        ended.expect_said("nothing was changed: cannot write ").expect_said("File too large");
        assert!(place.files() == before, "something changed");
        place.add(&file, &["--yes"]).expect_code(0);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told_and_nothing_changes() {
    let place = Place::new();
    std::fs::write(place.0.path("plugins"), "a file where the folder should be").unwrap();
    let ended = place.add(&guest("well_behaved"), &["--yes"]).expect_code(1);
    ended.expect_said("nothing was changed: cannot create the folder");
    assert_eq!(place.files().len(), 1);
}

#[test]
fn whatever_was_written_before_the_program_was_stopped_does_not_run() {
    // In the order in which they are written: the file, the lock file, the configuration.
    let done = Place::with_guest();
    let newer = guest("asks_for_more");
    std::fs::copy(&newer, done.installed()).unwrap();
    done.run().expect_code(2).expect_said("is not the file that was added");
    done.add(&newer, &["--yes"]).expect_code(0);
    done.0.run(&["plugin", "verify"]).expect_code(0);

    let place = Place::new();
    std::fs::create_dir(place.0.path("plugins")).unwrap();
    std::fs::copy(guest("well_behaved"), place.installed()).unwrap();
    place.0.configure("");
    place.run().expect_code(2).expect_said("there is no report");
    place.add(&guest("well_behaved"), &["--yes"]).expect_code(0);
    place.0.configure("");
    place.run().expect_code(2).expect_said("there is no report");
    let again = place.add(&guest("well_behaved"), &["--yes"]).expect_code(0);
    again.expect_said("nothing that it declares changes");
    place.use_it();
    place.run().expect_code(0);
}
