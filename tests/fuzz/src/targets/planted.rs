// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Faults that are put in, to see that they are found.

/// Does what the input says.
///
/// # Errors
///
/// Where it says that a promise was broken.
#[allow(clippy::panic, reason = "that it is found is what it is for")]
pub async fn attempt(input: &[u8]) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(input);
    let says = |word| text.split_whitespace().any(|said| said == word);
    if says("panic") {
        panic!("as planted");
    }
    if says("panic-elsewhere") {
        // Who waits for it takes the panic for a failure, as the loading of a plugin does.
        let _ = tokio::task::spawn_blocking(|| panic!("as planted")).await;
    }
    if says("hang") {
        std::future::pending::<()>().await;
    }
    if says("allocate") {
        let much = vec![1_u8; 2 << 30];
        return Ok(format!("{} bytes", much.len()));
    }
    anyhow::ensure!(!says("break"), "as planted");
    // Neither is in an input that has the other.
    anyhow::ensure!(!(says("left") && says("right")), "both");
    Ok(format!("{} words", text.split_whitespace().count().min(9)))
}
