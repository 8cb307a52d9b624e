// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! Mistakes of the person or the configuration: nothing was tried yet, and trying again
//! unchanged will not help.

/// A mistake in the command line or the configuration. Ends the program with exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(String);

impl Misuse {
    /// A mistake, told so that a person can mend it.
    pub fn new(message: impl Into<String>) -> Self {
        Misuse(message.into())
    }
}

/// `: did you mean X?`, or what there is when nothing is near.
pub fn did_you_mean<S: AsRef<str>>(wanted: &str, known: impl Iterator<Item = S>) -> String {
    let wanted = wanted.to_lowercase();
    let mut names: Vec<(f64, String)> = known
        .map(|name| (strsim::jaro_winkler(&wanted, name.as_ref()), name.as_ref().to_string()))
        .collect();
    names.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    match names.first() {
        None => "; there is none at all".into(),
        Some((likeness, name)) if *likeness >= 0.8 => format!(": did you mean {name}?"),
        Some(_) => {
            let mut all: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
            all.sort();
            format!("; there is {}", all.join(", "))
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
        assert_eq!(did_you_mean("xyz", known.iter()), "; there is issues, test-case-coverage");
        assert_eq!(did_you_mean("x", [""; 0].iter()), "; there is none at all");
    }
}
