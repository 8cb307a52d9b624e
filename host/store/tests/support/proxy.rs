// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! A way to a server that breaks when a test wants it to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use test_dashboard_store::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// At which moment the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Rows are on their way into the staging table.
    Staging,
    /// The host has said COMMIT, and the server has not heard it.
    BeforeCommit,
    /// The server has committed, and the host has not heard it.
    AfterCommit,
    /// The host has said this, and the server has not heard it.
    Saying(&'static str),
    /// The host has said this to insert a row; the server has, and the host has not heard it.
    Inserted(&'static str),
}

/// How long the server seems to be away after a break.
const AWAY: Duration = Duration::from_millis(700);

/// Listens on loopback and passes everything on to the server.
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

struct State {
    engine: Engine,
    server: String,
    /// The moment, and how many times it passes before the connection breaks.
    armed: Mutex<Option<(Moment, usize)>>,
    away_until: Mutex<Option<Instant>>,
    breaks: AtomicUsize,
    cut: watch::Sender<usize>,
}

impl Proxy {
    pub async fn start(engine: Engine, server: String) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            engine,
            server,
            armed: Mutex::new(None),
            away_until: Mutex::new(None),
            breaks: AtomicUsize::new(0),
            cut: watch::channel(0).0,
        });
        let accepting = state.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // One that is away takes no connection; it is closed at once.
                if accepting.is_here() {
                    tokio::spawn(accepting.clone().carry(client));
                }
            }
        });
        Proxy { port, state }
    }

    /// Breaks all connections when the moment has come for the `count`th time from now.
    pub fn break_at(&self, moment: Moment, count: usize) {
        *self.state.armed.lock().unwrap() = Some((moment, count));
    }

    /// Breaks all connections now.
    pub fn break_now(&self) {
        self.state.break_all();
    }

    /// How often connections were broken.
    pub fn breaks(&self) -> usize {
        self.state.breaks.load(Ordering::SeqCst)
    }
}

impl State {
    fn is_here(&self) -> bool {
        self.away_until.lock().unwrap().is_none_or(|until| Instant::now() >= until)
    }

    fn break_all(&self) {
        *self.away_until.lock().unwrap() = Some(Instant::now() + AWAY);
        self.breaks.fetch_add(1, Ordering::SeqCst);
        self.cut.send_modify(|cuts| *cuts += 1);
    }

    /// Whether the armed moment is this one, for the last time that it may pass.
    fn has_come(&self, moment: Moment) -> bool {
        let mut armed = self.armed.lock().unwrap();
        match &mut *armed {
            Some((wanted, count)) if *wanted == moment => {
                *count -= 1;
                if *count > 0 {
                    return false;
                }
                *armed = None;
                true
            }
            _ => false,
        }
    }

    /// Whether the armed moment is that of words which are among these.
    fn is_said(&self, bytes: &[u8]) -> bool {
        let armed = *self.armed.lock().unwrap();
        let Some((moment @ Moment::Saying(words), _)) = armed else { return false };
        holds(bytes, words.as_bytes()) && self.has_come(moment)
    }

    /// Whether the armed moment is that of an insertion which is among these.
    fn is_inserted(&self, bytes: &[u8]) -> bool {
        let armed = *self.armed.lock().unwrap();
        matches!(armed, Some((Moment::Inserted(words), _)) if holds(bytes, words.as_bytes()))
    }

    async fn carry(self: Arc<Self>, mut client: TcpStream) {
        let mut server = TcpStream::connect(&self.server).await.unwrap();
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let mut cut = self.cut.subscribe();
        let (mut from_client, mut from_server) = (vec![0; 256 << 10], vec![0; 256 << 10]);
        let mut committing = false;
        // How often the server has answered since a row is being inserted.
        let mut inserting: Option<usize> = None;
        loop {
            tokio::select! {
                _ = cut.changed() => return,
                read = client.read(&mut from_client) => {
                    let Ok(size @ 1..) = read else { return };
                    let bytes = &from_client[..size];
                    let stages = holds(bytes, b"COPY pg_temp") || holds(bytes, b"REPLACE INTO");
                    let commits = holds(bytes, b"COMMIT");
                    if stages && self.has_come(Moment::Staging)
                        || commits && self.has_come(Moment::BeforeCommit)
                        || self.is_said(bytes)
                    {
                        self.break_all();
                        return;
                    }
                    committing |= commits;
                    inserting = inserting.or_else(|| self.is_inserted(bytes).then_some(0));
                    if server.write_all(bytes).await.is_err() {
                        return;
                    }
                }
                read = server.read(&mut from_server) => {
                    let Ok(size @ 1..) = read else { return };
                    let bytes = &from_server[..size];
                    // PostgreSQL answers with the command's name, MySQL with its one packet.
                    let done = self.engine == Engine::Mysql || holds(bytes, b"COMMIT\0");
                    if committing && done {
                        committing = false;
                        if self.has_come(Moment::AfterCommit) {
                            self.break_all();
                            return;
                        }
                    }
                    if let Some(answers) = &mut inserting {
                        *answers += 1;
                        // MySQL has prepared the statement, and then run it.
                        let done = match self.engine {
                            Engine::Mysql => *answers == 2,
                            _ => holds(bytes, b"INSERT 0 1\0"),
                        };
                        if done {
                            *self.armed.lock().unwrap() = None;
                            self.break_all();
                            return;
                        }
                    }
                    if client.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
