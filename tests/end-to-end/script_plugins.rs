// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Plugins in Python and JavaScript: what `plugin new` writes and what is in `examples/` is
//! built, keeps the contract, and fills a database.
//!
//! `scripts/author-toolchains` brings what they are built with.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::{Database, Ended, Kind, Workplace, repository};

/// A language, and what a project in it needs.
#[derive(Debug, Clone, Copy)]
struct Language {
    name: &'static str,
    /// The variable with the folder of the installed tools.
    tools: &'static str,
    /// Where a project has them.
    place: &'static str,
    /// How a project's own tests are run.
    tests: &'static [&'static str],
    /// The module that the host calls.
    source: &'static str,
}

const PYTHON: Language = Language {
    name: "python",
    tools: "TEST_PYTHON_VENV",
    place: ".venv",
    tests: &["python3", "-m", "unittest", "discover", "tests"],
    source: "src/app.py",
};

const JAVASCRIPT: Language = Language {
    name: "javascript",
    tools: "TEST_NODE_MODULES",
    place: "node_modules",
    tests: &["npm", "test"],
    source: "src/app.js",
};

impl Language {
    /// The installed tools. Under CI it is a failure when there are none.
    fn tools(self) -> Option<PathBuf> {
        let tools = std::env::var_os(self.tools).map(PathBuf::from);
        if tools.is_none() {
            assert!(std::env::var_os("CI").is_none(), "{} is not set", self.tools);
            eprintln!("NOT RUN in {}: scripts/author-toolchains runs it", self.name);
        }
        tools
    }
}

/// A plugin's project in a folder outside of the checkout, with its tools.
struct Project {
    place: Workplace,
    language: Language,
    /// The datasource's name, and the folder's.
    name: &'static str,
}

impl Project {
    /// One that `plugin new` wrote. None without its tools.
    fn new(language: Language) -> Option<Self> {
        let tools = language.tools()?;
        let place = Workplace::new("");
        place.run(&["plugin", "new", "acme", "--language", language.name]).expect_code(0);
        Some(Project { place, language, name: "acme" }.with(&tools))
    }

    /// A copy of the example in this language.
    fn example(language: Language, name: &'static str) -> Option<Self> {
        let tools = language.tools()?;
        let place = Workplace::new("");
        copy(&repository().join("examples").join(language.name), &place.path(name));
        Some(Project { place, language, name }.with(&tools))
    }

    fn with(self, tools: &Path) -> Self {
        std::os::unix::fs::symlink(tools, self.path(self.language.place)).unwrap();
        self
    }

    fn path(&self, file: &str) -> PathBuf {
        self.place.path(self.name).join(file)
    }

    /// Runs the program in the project's folder.
    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.place.command(arguments);
        Ended::new(command.current_dir(self.path("")).output().unwrap())
    }

    fn component(&self) -> String {
        format!("{}.wasm", self.name)
    }

    fn build(&self) -> Ended {
        self.run(&["plugin", "build"])
    }

    /// The tests that the project comes with, which need no WebAssembly.
    fn passes_its_own_tests(&self) {
        let [program, arguments @ ..] = self.language.tests else { panic!("no tests") };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.path(""));
        Ended::new(command.output().unwrap()).expect_code(0);
    }

    /// From the source to a component that keeps the contract.
    fn is_built_and_conforms(&self) {
        self.build().expect_code(0).expect_said(&self.component());
        let inspected = self.run(&["plugin", "inspect", &self.component(), "--format", "json"]);
        let inspected = inspected.expect_code(0).json();
        assert_eq!(inspected["description"]["name"], json!(self.name));
        self.run(&["plugin", "check", &self.component()]).expect_code(0);
    }

    /// Replays a project's report into a database, twice.
    fn fills(&self, project: &str, report: &str, rows: &[(&str, i64)]) {
        let database = Database::new(Kind::Sqlite);
        let arguments =
            ["--database", &database.url, "--project", project, "--report-type", report];
        for _ in 0..2 {
            self.run(&[&arguments[..], &["--full", "--replay", "fixtures"]].concat())
                .expect_code(0);
            for (table, count) in rows {
                let query = format!("SELECT COUNT(*) FROM {table} WHERE _run_id = 1");
                assert_eq!(database.number(&query), *count, "{table}");
            }
        }
    }
}

/// Copies a folder, and not what building left in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if [".venv", "node_modules", "__pycache__"].iter().any(|left| name == *left) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else if path.extension().is_none_or(|extension| extension != "wasm") {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn a_template_works(language: Language) {
    let Some(project) = Project::new(language) else { return };
    project.passes_its_own_tests();
    project.is_built_and_conforms();
    project.run(&["plugin", "test"]).expect_code(0).expect_said("7 rows");
    project.fills("demo", "things", &[("acme_things", 7)]);
}

#[test]
fn a_new_plugin_in_python_is_built_keeps_the_contract_and_fills_a_table() {
    a_template_works(PYTHON);
}

#[test]
fn a_new_plugin_in_javascript_is_built_keeps_the_contract_and_fills_a_table() {
    a_template_works(JAVASCRIPT);
}

#[test]
fn the_example_in_python_is_built_keeps_the_contract_and_fills_its_tables() {
    let Some(project) = Project::example(PYTHON, "circleci") else { return };
    project.passes_its_own_tests();
    project.is_built_and_conforms();
    project.run(&["plugin", "test"]).expect_code(0).expect_said("14 rows");
    project.fills("orchard", "pipelines", &[("circleci_pipelines", 6), ("circleci_workflows", 8)]);
}

#[test]
fn the_example_in_javascript_is_built_keeps_the_contract_and_fills_its_table() {
    let Some(project) = Project::example(JAVASCRIPT, "jira") else { return };
    project.passes_its_own_tests();
    project.is_built_and_conforms();
    project.run(&["plugin", "test"]).expect_code(0).expect_said("4 rows");
    project.fills("orchard", "jira-issues", &[("jira_issues", 4)]);
}

/// Runs `plugin build` where there is no tool at all.
fn build_without_tools(language: Language) -> Ended {
    let place = Workplace::new("");
    place.run(&["plugin", "new", "acme", "--language", language.name]).expect_code(0);
    std::fs::create_dir(place.path("no-tools")).unwrap();
    let no_tools = place.path("no-tools");
    let no_tools = [("PATH", no_tools.to_str().unwrap())];
    let ended = place.run_with(&["plugin", "build", "acme"], &no_tools).expect_code(1);
    assert!(!place.path("acme/acme.wasm").exists());
    ended
}

#[test]
fn all_tools_that_are_missing_are_listed_with_what_brings_them() {
    build_without_tools(PYTHON)
        .expect_said("\n  python3: ")
        .expect_said("apt-get install python3 python3-venv")
        .expect_said("\n  componentize-py 0.25: cd acme && python3 -m venv .venv && ")
        .expect_said(".venv/bin/pip install -r requirements.txt");
    build_without_tools(JAVASCRIPT)
        .expect_said("\n  node: ")
        .expect_said("apt-get install nodejs npm")
        .expect_said("\n  @bytecodealliance/componentize-js 0.23: cd acme && npm install");
}

#[test]
fn what_is_wrong_in_a_source_is_shown_with_its_place_and_nothing_is_written() {
    for (language, mistake, said) in [
        (PYTHON, "import no_such_module\n", "No module named 'no_such_module'"),
        (JAVASCRIPT, "const x = ;\n", "app.js:1"),
        (JAVASCRIPT, "import { x } from './nowhere.js';\n", "nowhere.js"),
    ] {
        let Some(project) = Project::new(language) else { continue };
        let source = project.path(language.source);
        let text = std::fs::read_to_string(&source).unwrap();
        std::fs::write(&source, format!("{mistake}{text}")).unwrap();
        project.build().expect_code(1).expect_said(said);
        assert!(!project.path(&project.component()).exists());
    }
}

#[test]
fn an_exception_that_nobody_caught_is_told() {
    for (language, plan, raise, said) in [
        (
            PYTHON,
            "        return [Partition(id=",
            "        raise LookupError('no such colour')\n",
            "LookupError: no such colour",
        ),
        (
            JAVASCRIPT,
            "  plan(request) {\n",
            // The engine takes what is thrown for a failure, and says that it is none.
            "    console.error('no such colour'); throw new RangeError('colour');\n",
            "no such colour",
        ),
    ] {
        let Some(project) = Project::new(language) else { continue };
        let source = project.path(language.source);
        let text = std::fs::read_to_string(&source).unwrap();
        assert!(text.contains(plan), "{text}");
        let broken = match language.name {
            "python" => text.replacen(plan, &format!("{raise}{plan}"), 1),
            _ => text.replacen(plan, &format!("{plan}{raise}"), 1),
        };
        std::fs::write(&source, broken).unwrap();
        project.build().expect_code(0);
        project
            .run(&["plugin", "test"])
            .expect_code(1)
            .expect_said("the plugin crashed in plan")
            .expect_said(said);
    }
}

#[test]
fn a_module_that_is_not_where_the_host_looks_is_told() {
    for language in [PYTHON, JAVASCRIPT] {
        let place = Workplace::new("");
        place.run(&["plugin", "new", "acme", "--language", language.name]).expect_code(0);
        std::fs::remove_file(place.path("acme").join(language.source)).unwrap();
        let expected = format!("acme/{} is missing", language.source);
        place.run(&["plugin", "build", "acme"]).expect_code(2).expect_said(&expected);
    }
}
