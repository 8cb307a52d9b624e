// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! What a plugin writes to its standard error, kept for the message of its crash.
//!
//! The runtimes of interpreted languages tell there of an exception that nobody caught, and
//! trap. It leads nowhere else, and no more than its end is kept.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

/// How much is kept, in bytes: the end of a traceback.
const KEPT: usize = 2 * 1024;

/// The end of what was written. Clones share it.
#[derive(Clone, Default)]
pub struct Complaints(Arc<Mutex<VecDeque<u8>>>);

impl Complaints {
    /// The last words, fit for a terminal; none when there were none.
    pub fn last_words(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        (!text.is_empty()).then(|| super::printable(text))
    }

    fn add(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = bytes.get(bytes.len().saturating_sub(KEPT)..).unwrap_or_default();
        kept.extend(bytes);
        let excess = kept.len().saturating_sub(KEPT);
        kept.drain(..excess);
    }
}

impl IsTerminal for Complaints {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Complaints {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Complaints {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.add(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(64 * 1024)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Complaints {
    async fn ready(&mut self) {}
}

impl AsyncWrite for Complaints {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.add(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_can_be_shown() {
        let complaints = Complaints::default();
        assert_eq!(complaints.last_words(), None);
        complaints.add(&[b'x'; 3 * KEPT]);
        complaints.add(b"\nValueError: no such \x1b[31mcolour\n");
        let words = complaints.last_words().unwrap();
        assert!(words.ends_with("⏎ValueError: no such \\u{1b}[31mcolour"), "{words}");
        assert!(words.len() <= KEPT + 16, "{}", words.len());
    }
}
