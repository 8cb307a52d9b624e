// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Usage errors: nothing was tried yet, and trying again unchanged will not help.

/// An error in the command line or the configuration. Ends the program with exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    /// A usage error, with a message that says how to correct it.
    pub fn new(message: impl Into<String>) -> Self {
        UsageError(message.into())
    }
}

/// `: did you mean X?`, or the known names when none is similar.
pub fn did_you_mean<S: AsRef<str>>(wanted: &str, known: impl Iterator<Item = S>) -> String {
    let wanted = wanted.to_lowercase();
    let mut names: Vec<(f64, String)> = known
        .map(|name| (strsim::jaro_winkler(&wanted, name.as_ref()), name.as_ref().to_string()))
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    match names.first() {
        None => "; there is none".into(),
        Some((likeness, name)) if *likeness >= 0.8 => format!(": did you mean {name}?"),
        Some(_) => {
            let mut all: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
            all.sort();
            format!("; available: {}", all.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_or_all_of_them() {
        let known = ["test-case-coverage", "issues"];
        let near = did_you_mean("test-case-covrage", known.iter());
        assert_eq!(near, ": did you mean test-case-coverage?");
        assert_eq!(did_you_mean("xyz", known.iter()), "; available: issues, test-case-coverage");
        assert_eq!(did_you_mean("x", [""; 0].iter()), "; there is none");
    }
}
