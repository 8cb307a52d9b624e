// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Runs a workflow's job as GitHub does: its steps in order, each in a shell of its own, with the
//! files through which a step tells the next ones something. What `uses:` an action is left out.

mod expression;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use serde_json::{Map, Value, json};

pub use expression::{Context, any, as_text};

use super::{Ended, repository};

/// A workflow, as it is in the repository.
pub fn workflow(name: &str) -> Value {
    let path = repository().join(".github/workflows").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The members of an object; none when there is nothing.
pub fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What a repository and a caller give a job.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub inputs: Map<String, Value>,
    pub secrets: Map<String, Value>,
    pub vars: Map<String, Value>,
    /// What is known of the event, such as `ref_name`.
    pub github: Map<String, Value>,
    /// The outputs of the jobs before this one, by job.
    pub needs: Map<String, Value>,
    /// What the actions answer, by the id of their step.
    pub answers: Map<String, Value>,
}

impl Given {
    /// With these, each as a text.
    pub fn new(inputs: &[(&str, &str)], vars: &[(&str, &str)], secrets: &[(&str, &str)]) -> Self {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).into(), json!(value))).collect()
        };
        Given { inputs: map(inputs), secrets: map(secrets), vars: map(vars), ..Given::default() }
    }

    /// With a further variable of the repository.
    pub fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.into(), json!(value));
        self
    }

    /// With an action that answers this.
    pub fn answer(mut self, step: &str, name: &str, value: &str) -> Self {
        self.answers.insert(step.into(), json!({ name: value }));
        self
    }

    /// With a further secret.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.into(), json!(value));
        self
    }

    /// With something that is known of the event.
    pub fn github(mut self, name: &str, value: &str) -> Self {
        self.github.insert(name.into(), json!(value));
        self
    }

    /// With a job before this one, which has this output.
    pub fn need(mut self, job: &str, output: &str, value: &str) -> Self {
        self.needs.insert(job.into(), json!({ "outputs": { output: value } }));
        self
    }

    /// With a further input.
    pub fn input(mut self, name: &str, value: &str) -> Self {
        self.inputs.insert(name.into(), json!(value));
        self
    }
}

/// How a job went.
pub struct Job {
    /// The steps that were done, by name.
    pub steps: Vec<(String, Ended)>,
    /// What the steps that use an action were given, by the action's name.
    pub actions: BTreeMap<String, Map<String, Value>>,
    /// The Markdown that the steps wrote for a person.
    pub summary: String,
    /// What the steps wrote for each other.
    pub environment: BTreeMap<String, String>,
    /// The job's outputs.
    pub outputs: Map<String, Value>,
}

impl Job {
    /// Whether all steps succeeded.
    pub fn is_green(&self) -> bool {
        self.steps.iter().all(|(_, ended)| ended.code == Some(0))
    }

    /// The step with this name.
    #[track_caller]
    pub fn step(&self, name: &str) -> &Ended {
        let found = self.steps.iter().find(|(step, _)| step == name);
        &found.unwrap_or_else(|| panic!("{name:?} was not done: {}", self.said())).1
    }

    /// Whether a step was done.
    pub fn has(&self, name: &str) -> bool {
        self.steps.iter().any(|(step, _)| step == name)
    }

    /// All that was said.
    pub fn said(&self) -> String {
        let step = |(name, ended): &(String, Ended)| {
            format!("## {name} {:?}\n{}", ended.code, ended.said())
        };
        self.steps.iter().map(step).collect::<Vec<_>>().join("\n")
    }

    /// That it is green.
    #[track_caller]
    pub fn expect_green(self) -> Self {
        assert!(self.is_green(), "{}", self.said());
        self
    }
}

/// A runner's machine: the checkout, and a folder for what is temporary.
pub struct Runner {
    folder: tempfile::TempDir,
    shell: Arc<AtomicI32>,
}

/// Cancels what a runner does.
#[derive(Clone)]
pub struct Cancel(Arc<AtomicI32>);

impl Cancel {
    /// As GitHub does it: the shell is told, and no other process.
    pub fn now(&self) {
        let shell = rustix::process::Pid::from_raw(self.0.load(Ordering::SeqCst)).unwrap();
        rustix::process::kill_process(shell, rustix::process::Signal::INT).unwrap();
    }
}

impl Runner {
    pub fn new() -> Self {
        let runner = Runner { folder: tempfile::tempdir().unwrap(), shell: Arc::default() };
        for folder in [runner.workspace(), runner.file(TOOLS)] {
            std::fs::create_dir(folder).unwrap();
        }
        runner
    }

    /// Puts a program before the machine's own.
    pub fn tool(&self, name: &str, script: &str) {
        executable(&self.file(TOOLS).join(name), script);
    }

    /// Puts an executable file into the checkout.
    pub fn script(&self, name: &str, script: &str) {
        let file = self.workspace().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        executable(&file, script);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The checkout.
    pub fn workspace(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// What lasts as long as a job.
    pub fn temporary(&self) -> PathBuf {
        self.folder.path().join("temporary")
    }

    /// What cancels the step that is being done.
    pub fn cancel(&self) -> Cancel {
        Cancel(Arc::clone(&self.shell))
    }

    /// Does the only job of a workflow, for one combination of its matrix.
    pub fn run(&self, workflow: &Value, given: &Given, matrix: &[(&str, &str)]) -> Job {
        let jobs: Vec<&String> = members(&workflow["jobs"]).map(|(name, _)| name).collect();
        let [only] = jobs.as_slice() else { panic!("which job of {jobs:?}?") };
        self.run_job(workflow, only, given, matrix)
    }

    /// Does one job of a workflow, for one combination of its matrix.
    pub fn run_job(
        &self,
        workflow: &Value,
        name: &str,
        given: &Given,
        matrix: &[(&str, &str)],
    ) -> Job {
        let _ = std::fs::remove_dir_all(self.temporary());
        std::fs::create_dir(self.temporary()).unwrap();
        let definition = &workflow["jobs"][name];
        let context = context(self, workflow, definition, given, matrix);
        let mut job = Running::new(self, workflow, definition, context, given);
        for step in job.definition["steps"].as_array().unwrap() {
            job.step(step);
        }
        for (name, value) in members(&job.definition["outputs"]) {
            job.job.outputs.insert(name.clone(), json!(template(value, &job.context)));
        }
        job.job
    }
}

/// A job while it runs.
struct Running<'a> {
    runner: &'a Runner,
    definition: &'a Value,
    context: Context,
    /// What the steps put before the `PATH`.
    path: Vec<String>,
    answers: Map<String, Value>,
    job: Job,
}

/// What the expressions of a job may refer to.
fn context(
    runner: &Runner,
    workflow: &Value,
    definition: &Value,
    given: &Given,
    matrix: &[(&str, &str)],
) -> Context {
    let mut context = Context { values: Map::new(), has_failed: false };
    let matrix: Map<_, _> = matrix.iter().map(|(n, v)| ((*n).into(), json!(v))).collect();
    let mut github = given.github.clone();
    github.insert("workspace".into(), json!(runner.workspace()));
    github.insert("repository".into(), json!(REPOSITORY));
    for (name, value) in [
        ("matrix", matrix.into()),
        ("vars", given.vars.clone().into()),
        ("needs", given.needs.clone().into()),
        ("github", github.into()),
        ("runner", json!({"temp": runner.temporary()})),
        ("steps", json!({})),
    ] {
        context.values.insert(name.into(), value);
    }
    let call = &workflow["on"]["workflow_call"];
    let secrets = if call.is_null() { given.secrets.clone() } else { declared(call, given) };
    context.values.insert("secrets".into(), secrets.into());
    let mut inputs = Map::new();
    for (name, declared) in members(&call["inputs"]) {
        let default = || match &declared["default"] {
            Value::String(text) => any(text, &context),
            other => other.clone(),
        };
        inputs.insert(name.clone(), given.inputs.get(name).cloned().unwrap_or_else(default));
    }
    context.values.insert("inputs".into(), inputs.into());
    let mut environment = Map::new();
    for (name, value) in members(&definition["env"]) {
        environment.insert(name.clone(), json!(template(value, &context)));
    }
    context.values.insert("env".into(), environment.into());
    context
}

/// The secrets that a reusable workflow takes; what it does not take is not handed over.
fn declared(call: &Value, given: &Given) -> Map<String, Value> {
    for (name, _) in given.inputs.iter().chain(&given.secrets) {
        assert!(
            call["inputs"].get(name).is_some() || call["secrets"].get(name).is_some(),
            "{name} is not declared"
        );
    }
    let secret = |name: &String| given.secrets.get(name).cloned().unwrap_or_default();
    members(&call["secrets"]).map(|(name, _)| (name.clone(), secret(name))).collect()
}

impl<'a> Running<'a> {
    fn new(
        runner: &'a Runner,
        workflow: &Value,
        definition: &'a Value,
        context: Context,
        given: &Given,
    ) -> Self {
        assert_eq!(workflow["defaults"]["run"]["shell"], "bash");
        let job = Job {
            steps: Vec::new(),
            actions: BTreeMap::new(),
            summary: String::new(),
            environment: BTreeMap::new(),
            outputs: Map::new(),
        };
        let answers = given.answers.clone();
        Running { runner, definition, context, path: Vec::new(), answers, job }
    }

    fn step(&mut self, step: &Value) {
        if !expression::is_done(step["if"].as_str(), &self.context) {
            return;
        }
        let name = step["name"].as_str().unwrap().to_string();
        if let Some(action) = step["uses"].as_str() {
            let with = members(&step["with"])
                .map(|(name, value)| (name.clone(), json!(template(value, &self.context))));
            let name = action.split('@').next().unwrap().to_string();
            self.job.actions.insert(name, with.collect());
            if let Some(id) = step["id"].as_str() {
                let outputs = self.answers.get(id).cloned().unwrap_or_else(|| json!({}));
                self.context.values["steps"][id] = json!({ "outputs": outputs });
            }
            return;
        }
        let ended = self.shell(step);
        self.context.has_failed |= ended.code != Some(0);
        self.job.steps.push((name, ended));
        self.read_files(step);
    }

    /// As GitHub runs `shell: bash`.
    fn shell(&self, step: &Value) -> Ended {
        let script = self.file("script.sh");
        let text = step["run"].as_str().unwrap();
        assert!(!text.contains("${{"), "an expression is a part of the script: {text}");
        std::fs::write(&script, text).unwrap();
        // A shell cannot trap what it was started to ignore, as the shell of these tests may have been.
        let mut shell = Command::new("env");
        shell
            .args(["--default-signal=INT", "bash", "--noprofile", "--norc", "-eo", "pipefail"])
            .arg(&script);
        shell.current_dir(self.runner.workspace()).env_clear().env("PATH", self.search_path());
        shell.envs([("CI", "true"), ("GITHUB_ACTIONS", "true")]);
        shell.envs([("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "X64")]);
        shell.envs([("GITHUB_RUN_ID", "4711"), ("GITHUB_REPOSITORY", REPOSITORY)]);
        shell.env("HOME", self.runner.folder.path());
        // The plugins that other tests have compiled.
        shell.env("XDG_CACHE_HOME", cache());
        shell.env("RUNNER_TEMP", self.runner.temporary());
        shell.env("GITHUB_WORKSPACE", self.runner.workspace());
        for file in FILES {
            let path = self.file(file);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            shell.env(file, path);
        }
        for (name, value) in members(&self.context.values["env"]) {
            shell.env(name, as_text(value));
        }
        for (name, value) in members(&step["env"]) {
            shell.env(name, template(value, &self.context));
        }
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let shell = shell.spawn().unwrap();
        self.runner.shell.store(shell.id().try_into().unwrap(), Ordering::SeqCst);
        Ended::new(shell.wait_with_output().unwrap())
    }

    fn search_path(&self) -> String {
        let own = std::env::var("PATH").unwrap();
        let tools = self.file(TOOLS).display().to_string();
        let before = self.path.iter().rev().cloned().chain([tools]).map(|folder| folder + ":");
        before.collect::<String>() + &own
    }

    fn file(&self, name: &str) -> PathBuf {
        self.runner.file(name)
    }

    /// What the step said to those after it.
    fn read_files(&mut self, step: &Value) {
        let [environment, folders, output, summary] =
            FILES.map(|name| std::fs::read_to_string(self.file(name)).unwrap());
        for line in environment.lines() {
            let (name, value) = line.split_once('=').unwrap();
            self.context.values["env"][name] = json!(value);
            self.job.environment.insert(name.into(), value.into());
        }
        assert!(folders.lines().all(|folder| Path::new(folder).is_absolute()), "{folders}");
        self.path.extend(folders.lines().map(String::from));
        if let Some(id) = step["id"].as_str() {
            let outputs = output.lines().map(|line| line.split_once('=').unwrap());
            let outputs: BTreeMap<&str, &str> = outputs.collect();
            self.context.values["steps"][id] = json!({ "outputs": outputs });
        }
        self.job.summary += &summary;
    }
}

/// The repository that the workflow belongs to.
const REPOSITORY: &str = "my-org/test-dashboard";
/// The folder of the programs that stand before the machine's own.
const TOOLS: &str = "tools";
/// The files through which a step tells the next ones something.
const FILES: [&str; 4] = ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"];

/// A scalar of a workflow as text, its expressions replaced.
fn template(value: &Value, context: &Context) -> String {
    match value {
        Value::String(text) => expression::text(text, context),
        other => as_text(other),
    }
}

fn executable(file: &Path, script: &str) {
    std::fs::write(file, script).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn cache() -> PathBuf {
    let folder = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    folder.unwrap_or_else(|| PathBuf::from(std::env::var("HOME").unwrap()).join(".cache"))
}
