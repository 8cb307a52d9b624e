// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Makes inputs, has workers try them, and keeps what they find.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::corpus;
use crate::mutate::Mutator;
use crate::outcome::Outcome;
use crate::targets::Target;

/// A worker is replaced after so many inputs: what it gathers over hours is not an input's doing.
const INPUTS_OF_A_WORKER: u64 = 1_000;
/// The most inputs that one run mutates.
const LARGEST_POOL: usize = 2_000;
/// So many finds are enough for a person to begin with.
const MOST_FINDS: usize = 10;

/// What no input may exceed.
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// How long one input may take, in seconds.
    #[arg(long, default_value_t = 20)]
    hang: u64,
    /// How much memory the process that tries it may have, in MiB.
    #[arg(long, default_value_t = 1024)]
    memory: u64,
    /// Where the inputs are kept that were found.
    #[arg(long, default_value_os_t = corpus::repository().join("target/fuzz"))]
    found: PathBuf,
}

/// Has inputs tried.
pub struct Driver {
    limits: Limits,
}

/// What was done for a target.
#[derive(Default)]
struct Tally {
    inputs: u64,
    outcomes: HashSet<String>,
    finds: usize,
    slowest: Duration,
    memory: u64,
}

impl Driver {
    /// One that keeps to these limits.
    pub fn new(limits: Limits) -> Driver {
        Driver { limits }
    }

    /// What comes of one input.
    ///
    /// # Errors
    ///
    /// When no worker can be started.
    pub async fn attempt(&self, target: Target, input: &[u8]) -> anyhow::Result<Outcome> {
        let mut worker = Worker::start(target, &self.limits).await?;
        Ok(worker.attempt(input, &mut Tally::default()).await)
    }

    /// Tries the corpus and what is made of it, all targets side by side. Tells how many finds
    /// there were.
    ///
    /// # Errors
    ///
    /// When the corpus cannot be read, no worker can be started or a find cannot be kept.
    pub async fn run(
        &self,
        targets: &[Target],
        corpus: &Path,
        seed: u64,
        time: Duration,
    ) -> anyhow::Result<usize> {
        std::fs::create_dir_all(&self.limits.found)?;
        let lines = targets.iter().map(|target| self.fuzz(*target, corpus, seed, time));
        let mut found = 0;
        for tally in futures::future::try_join_all(lines).await? {
            found += tally.finds;
        }
        Ok(found)
    }

    async fn fuzz(
        &self,
        target: Target,
        corpus: &Path,
        seed: u64,
        time: Duration,
    ) -> anyhow::Result<Tally> {
        let begun = Instant::now();
        let mut tally = Tally::default();
        let mut worker = Worker::start(target, &self.limits).await?;
        let mut pool = Vec::new();
        for seed in corpus::of(target, corpus)? {
            let outcome = self.attempt_with(&mut worker, &seed.input, &mut tally).await?;
            if outcome.is_find() {
                tally.finds += 1;
                println!("{target}: {}: {outcome}", seed.file.display());
            } else {
                pool.push(seed.input);
            }
        }
        let mut hasher = DefaultHasher::new();
        target.to_string().hash(&mut hasher);
        let mut rng = StdRng::seed_from_u64(seed ^ hasher.finish());
        let mutator = Mutator::of(target);
        let begun_making = Instant::now();
        while begun_making.elapsed() < time && tally.finds < MOST_FINDS && !pool.is_empty() {
            if worker.tried >= INPUTS_OF_A_WORKER {
                worker = Worker::start(target, &self.limits).await?;
            }
            let input = mutator.make(&pool, &mut rng);
            let known = tally.outcomes.len();
            let outcome = self.attempt_with(&mut worker, &input, &mut tally).await?;
            if outcome.is_find() {
                tally.finds += 1;
                println!("{target}: {}: {outcome}", self.keep(target, &input)?.display());
            } else if tally.outcomes.len() > known && pool.len() < LARGEST_POOL {
                pool.push(input);
            }
        }
        println!(
            "{target}: {} inputs in {:.0?}, {} outcomes, the slowest took {:.1?}, at most {} MiB, {} found",
            tally.inputs,
            begun.elapsed(),
            tally.outcomes.len(),
            tally.slowest,
            tally.memory >> 10,
            tally.finds,
        );
        Ok(tally)
    }

    /// What comes of an input; after a find the worker is another one. One that is late is tried
    /// again: on a busy machine that may be nobody's fault.
    async fn attempt_with(
        &self,
        worker: &mut Worker,
        input: &[u8],
        tally: &mut Tally,
    ) -> anyhow::Result<Outcome> {
        let mut outcome = worker.attempt(input, tally).await;
        if let Outcome::Late(allowed) = outcome {
            *worker = Worker::start(worker.target, &self.limits).await?;
            outcome = worker.attempt(input, tally).await;
            if !outcome.is_find() {
                println!("{}: an input took more than {allowed:?} once, not twice", worker.target);
            }
        }
        if outcome.is_find() {
            *worker = Worker::start(worker.target, &self.limits).await?;
        }
        Ok(outcome)
    }

    fn keep(&self, target: Target, input: &[u8]) -> anyhow::Result<PathBuf> {
        let digest = format!("{:x}", Sha256::digest(input));
        let name = format!("{target}-{}", digest.get(..16).unwrap_or(&digest));
        let file = self.limits.found.join(name);
        std::fs::write(&file, input).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

/// A process that tries inputs.
struct Worker {
    target: Target,
    child: Child,
    inputs: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// What it says besides, and where its files are.
    scratch: TempDir,
    hang: Duration,
    tried: u64,
}

const LOG: &str = "stderr";
/// How long a worker may take to begin.
const READY: Duration = Duration::from_secs(300);
/// What a process says that is about to die.
const SAID: [&str; 3] = ["panicked at", "memory allocation of", "has overflowed its stack"];
/// How many lines of that are shown.
const SHOWN: usize = 40;

impl Worker {
    /// Starts one and waits until it is ready, which may take the compiling of plugins.
    async fn start(target: Target, limits: &Limits) -> anyhow::Result<Worker> {
        let scratch = TempDir::with_prefix("test-dashboard-fuzz.")?;
        let log = File::create(scratch.path().join(LOG))?;
        // Those variables alone to which an input may refer.
        let kept = ["HOME", "XDG_CACHE_HOME", "PATH", "TMPDIR"];
        let kept = kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        // What is made up would fill the user's cache.
        let cache = (target == Target::Component).then(|| ("XDG_CACHE_HOME", scratch.path()));
        let mut child = tokio::process::Command::new(std::env::current_exe()?)
            .arg("work")
            .arg(target.to_string())
            .arg(scratch.path())
            .arg((limits.memory << 20).to_string())
            .env_clear()
            .envs(kept)
            .envs(cache)
            .env("NUMBER", "7")
            // To read the system's certificates anew for each gate takes most of the time.
            .env("SSL_CERT_FILE", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a worker")?;
        let inputs = child.stdin.take().context("a worker has no standard input")?;
        let answers = child.stdout.take().context("a worker has no standard output")?;
        let mut answers = BufReader::new(answers).lines();
        let ready = tokio::time::timeout(READY, answers.next_line()).await;
        let hang = Duration::from_secs(limits.hang);
        let mut worker = Worker { target, child, inputs, answers, scratch, hang, tried: 0 };
        match ready {
            Ok(Ok(Some(_))) => Ok(worker),
            _ => {
                anyhow::bail!("a worker for {target} cannot begin: {}", worker.how_it_died().await)
            }
        }
    }

    /// What comes of an input. After a find the worker is of no more use.
    async fn attempt(&mut self, input: &[u8], tally: &mut Tally) -> Outcome {
        let begun = Instant::now();
        let outcome = match tokio::time::timeout(self.hang, self.exchange(input)).await {
            // Who is writing where it panicked has not hung.
            Err(_) if self.has_panicked() => Outcome::Find(self.how_it_died().await),
            Err(_) => Outcome::Late(self.hang),
            Ok(None) => Outcome::Find(self.how_it_died().await),
            Ok(Some((memory, outcome))) => {
                tally.memory = tally.memory.max(memory);
                outcome
            }
        };
        self.tried += 1;
        tally.inputs += 1;
        tally.slowest = tally.slowest.max(begun.elapsed());
        if let Outcome::Fine(how) = &outcome {
            tally.outcomes.insert(how.clone());
        }
        outcome
    }

    /// Hands an input over and waits for the answer; none when the worker died.
    async fn exchange(&mut self, input: &[u8]) -> Option<(u64, Outcome)> {
        let length = u32::try_from(input.len()).ok()?.to_le_bytes();
        self.inputs.write_all(&[&length, input].concat()).await.ok()?;
        let line = self.answers.next_line().await.ok()??;
        let mut parts = line.splitn(3, '\t');
        let (word, memory, text) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let outcome = match word {
            "fine" => Outcome::Fine(text.to_owned()),
            _ => Outcome::Find(text.to_owned()),
        };
        Some((memory, outcome))
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.scratch.path().join(LOG)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn has_panicked(&self) -> bool {
        self.log().lines().any(tells_of_an_end)
    }

    async fn how_it_died(&mut self) -> String {
        let status = match tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "still running".to_owned(),
        };
        let log = self.log();
        // From what went wrong on, or the end.
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        let begin = lines
            .iter()
            .rposition(|line| tells_of_an_end(line))
            .unwrap_or(lines.len().saturating_sub(10));
        let told: Vec<&str> = lines.into_iter().skip(begin).take(SHOWN).collect();
        format!("the process died ({status}): {}", told.join("\n    "))
    }
}

fn tells_of_an_end(line: &str) -> bool {
    SAID.iter().any(|said| line.contains(said))
}
