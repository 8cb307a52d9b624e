// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! An API on loopback that answers as a test tells it to.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Request, Response};

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, which few requests have.
    pub body: String,
}

impl Asked {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query; TestRail's style (`?/api/v2/get_cases/1&offset=250`) counts.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

/// What to answer.
pub type Answer = Response<Body>;

/// A server on 127.0.0.1; stops with the test.
pub struct Server {
    /// Its address, `http://127.0.0.1:PORT`.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Answers every request with what `answer` makes of it.
    pub fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let app = axum::Router::new().fallback(move |request: Request<Body>| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let asked = read(request).await;
                log.lock().unwrap().push(asked.clone());
                answer(&asked)
            }
        });
        runtime.spawn(async move { axum::serve(listener, app).await });
        Server { url, asked, _runtime: runtime }
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many requests there were so far.
    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// A JSON answer.
    pub fn json(status: u16, body: impl ToString) -> Answer {
        Response::builder()
            .status(status)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap()
    }

    /// An answer whose connection breaks after these bytes.
    pub fn cut_after(body: &'static str) -> Answer {
        let pieces = [Ok(body), Err(std::io::Error::other("cut"))];
        Response::builder()
            .header("content-type", "application/json")
            .body(Body::from_stream(futures::stream::iter(pieces)))
            .unwrap()
    }

    /// An answer of any type.
    pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(body.into()).unwrap()
    }
}

async fn read(request: Request<Body>) -> Asked {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    Asked {
        body: String::from_utf8_lossy(&body).into_owned(),
        target: head.uri.to_string(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
    }
}
