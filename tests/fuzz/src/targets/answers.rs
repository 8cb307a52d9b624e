// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! HTTP answers, byte by byte: to one request through the gate, which is recorded, and to a shipped
//! plugin.
//!
//! An input has one answer or several, between them the line `=====`. They are given in turn, and
//! the last of them from then on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use test_dashboard::config::{Config, Environment, Limits};
use test_dashboard::plugin::Plugin;
use test_dashboard::source::{Datasource, ReadOptions, gate_options};
use test_dashboard_egress::{
    Cassette, Gate, GateOptions, Masks, Recorder, RequestBudget, Session, Window,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::har::without;
use super::shipped;

const BETWEEN: &[u8] = b"\n=====\n";
/// What must not be in anything that is kept or handed on. Inputs have it, too, as a service has
/// that sends back what it was asked.
const SECRET: &str = "fuzz-secret-3141592653589793";

/// See [`Target::Answers`](super::Target::Answers).
pub struct Answers {
    plugin: Arc<Plugin>,
    folder: PathBuf,
    environment: Environment,
}

impl Answers {
    /// With the plugin of GitHub.
    pub async fn new(scratch: &Path) -> anyhow::Result<Answers> {
        // Waiting for the next attempt would take most of the time: `ask` alone does it.
        let limits = Limits { max_attempts: 1, ..shipped::limits() };
        let plugin = shipped::load(&["github"], limits).await?.into_values().next();
        let plugin = plugin.ok_or_else(|| anyhow::anyhow!("no plugin is loaded"))?;
        let environment = Environment::of([("SECRET", SECRET)]);
        Ok(Answers { plugin, folder: scratch.to_path_buf(), environment })
    }

    /// Gives these answers to the gate alone, and then to the plugin.
    pub async fn attempt(&self, input: &[u8]) -> anyhow::Result<String> {
        let asked = self.ask(&Server::start(input).await?).await?;
        let run = self.run(&Server::start(input).await?).await?;
        Ok(format!("{asked} | {run}"))
    }

    fn config(&self, server: &Server) -> anyhow::Result<Config> {
        let file = self.folder.join("test-dashboard.toml");
        let text = format!(
            "[datasources.github]\nplugin = \"github.wasm\"\nbase-url = \"{}\"\n\
             allow-addresses = [\"127.0.0.1\"]\n\
             credential = {{ kind = \"bearer\", secret = \"${{SECRET}}\" }}\n\
             [projects.fenix]\ngithub = {{ repository = \"mozilla-mobile/fenix\" }}\n",
            server.origin
        );
        std::fs::write(&file, text)?;
        Ok(Config::load(Some(&file))?)
    }

    /// One request, recorded. The recording can be read again, and the secret is nowhere.
    async fn ask(&self, server: &Server) -> anyhow::Result<String> {
        let config = self.config(server)?;
        let (options, _) = gate_options(&config, "github", &self.plugin, &self.environment, true)?;
        let max_attempts = if server.has_several { 2 } else { 1 };
        let gate = Gate::new(GateOptions { max_attempts, ..options })?;
        let masks = Masks::new(["$..email"])?;
        let recorder = Recorder::new(
            "fenix issues".to_owned(),
            jiff::Timestamp::UNIX_EPOCH,
            Window::default(),
            masks,
        );
        let budget =
            RequestBudget { max_requests: 5, max_response_bytes: 4 << 20, memory: 64 << 20 };
        let tape = Arc::new(recorder.clone());
        let session = Session::new("fuzzed".to_owned(), Some(tape), budget);
        let request = http::Request::get(format!("{}/issues?page=1", server.origin))
            .header("accept", "application/json")
            .body(Bytes::new())?;
        let told = match gate.send(request, &session).await {
            Ok(answer) => {
                no_secret("an answer", &format!("{:?}", answer.headers()))?;
                no_secret("an answer's body", &String::from_utf8_lossy(answer.body()))?;
                format!("{} with {} headers", answer.status(), answer.headers().len().min(9))
            }
            Err(error) => {
                no_secret("an error", &error.to_string())?;
                error.to_string().replace(&server.origin, "")
            }
        };
        let file = self.folder.join("recorded.har");
        recorder.write(&file)?;
        Cassette::load(&file)?;
        no_secret("a recording", &std::fs::read_to_string(&file)?)?;
        Ok(without(&told, &self.folder))
    }

    /// A run of the plugin.
    async fn run(&self, server: &Server) -> anyhow::Result<String> {
        let config = self.config(server)?;
        let source = Datasource::new(&config, &self.environment, "github", &self.plugin, true)?;
        let reading = ReadOptions {
            now: jiff::Timestamp::UNIX_EPOCH,
            window: Window::default(),
            full: false,
            tape: None,
        };
        let told = shipped::run(source.job("fenix", "issues", reading)?).await?;
        no_secret("the report of a run", &told)?;
        Ok(told.replace(&server.origin, ""))
    }
}

fn no_secret(place: &str, text: &str) -> anyhow::Result<()> {
    anyhow::ensure!(!text.contains(SECRET), "the secret is in {place}");
    Ok(())
}

/// Says on loopback what it was told to say.
struct Server {
    origin: String,
    has_several: bool,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(input: &[u8]) -> anyhow::Result<Server> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let answers: Arc<[Vec<u8>]> = split(input).into();
        let has_several = answers.len() > 1;
        let task = tokio::spawn(async move {
            let asked = Arc::new(AtomicUsize::new(0));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&asked)));
            }
        });
        Ok(Server { origin, has_several, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn split(input: &[u8]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        answers.push(rest.get(..at).unwrap_or_default().to_vec());
        rest = rest.get(at + BETWEEN.len()..).unwrap_or_default();
    }
    answers.push(rest.to_vec());
    answers
}

async fn serve(mut stream: TcpStream, answers: Arc<[Vec<u8>]>, asked: Arc<AtomicUsize>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read_buf(&mut request).await, Ok(1..)) {
            return;
        }
    }
    let number = asked.fetch_add(1, Ordering::Relaxed);
    if let Some(answer) = answers.get(number).or(answers.last()) {
        let _ = stream.write_all(answer).await;
    }
    let _ = stream.shutdown().await;
}
