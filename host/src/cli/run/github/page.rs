// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The page of a run in a job's summary: a table of what was read, followed by the failures.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::output;
use crate::cli::run::summary::{ReportSummary, Summary};

/// Where a text of a plugin's is cut, in characters.
const LONGEST: usize = 1_000;
/// Said in place of what there is no room for.
const NO_ROOM: &str = "\n… the rest does not fit here: see the log.\n";

const HEADER: &str = "\
| project | report | outcome | partitions | new | changed | unchanged | removed | rejected | requests | time | fresh until (UTC) |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|
";

/// The page, in at most so many bytes.
pub fn of(summary: &Summary, room: usize) -> String {
    let mut page = Page { text: String::new(), room, is_full: false };
    page.add(&heading(summary));
    if !summary.reports.is_empty() {
        page.add(HEADER);
        summary.reports.iter().for_each(|report| page.add(&row(report)));
    }
    if let Some(error) = &summary.error {
        page.add(&format!("\n{}\n", code(error)));
    }
    for report in &summary.reports {
        failures(report, &mut page);
        rejected(report, &mut page);
    }
    page.add("\n");
    page.text
}

/// A text that grows up to a limit, and then says that it does.
struct Page {
    text: String,
    room: usize,
    is_full: bool,
}

impl Page {
    fn add(&mut self, piece: &str) {
        if self.is_full {
            return;
        }
        if self.text.len() + piece.len() + NO_ROOM.len() <= self.room {
            self.text.push_str(piece);
        } else {
            self.is_full = true;
            if self.text.len() + NO_ROOM.len() <= self.room {
                self.text.push_str(NO_ROOM);
            }
        }
    }
}

fn heading(summary: &Summary) -> String {
    let run = summary.run.map_or_else(String::new, |run| format!("run {run}, "));
    let shard = summary.shard.as_ref().map_or_else(String::new, |shard| format!("shard {shard}, "));
    let database =
        summary.database.as_deref().map_or_else(String::new, |name| format!(" {}", code(name)));
    format!(
        "### {}: {}\n\n{run}{shard}exit code {}, {} UTC{database}\n\n",
        plain(&summary.title()),
        outcome(summary.outcome),
        summary.exit_code,
        minutes(summary.finished),
    )
}

fn row(report: &ReportSummary) -> String {
    let cells = [
        plain(&report.project),
        plain(&report.report),
        outcome(report.outcome),
        output::partitions(report.partitions_done, report.partitions_failed),
        report.counts.rows_new.to_string(),
        report.counts.rows_changed.to_string(),
        report.counts.rows_unchanged.to_string(),
        report.counts.rows_removed.to_string(),
        report.counts.rows_rejected.to_string(),
        report.counts.requests.to_string(),
        output::elapsed(Duration::from_secs_f64(report.seconds.max(0.0))),
        report.fresh_until.map_or_else(String::new, minutes),
    ];
    format!("| {} |\n", cells.join(" | "))
}

fn failures(report: &ReportSummary, page: &mut Page) {
    let what = format!("{} {}", plain(&report.project), plain(&report.report));
    for failure in &report.failures {
        page.add(&format!(
            "\n- **{what}** {}, {}: {}\n  {}\n",
            code(&failure.partition),
            plain(&failure.kind),
            code(&failure.message),
            what_to_do(&failure.kind)
        ));
    }
}

fn rejected(report: &ReportSummary, page: &mut Page) {
    let what = format!("{} {}", plain(&report.project), plain(&report.report));
    for rejected in &report.rejected {
        page.add(&format!(
            "\n- **{what}**: {} rows of {} were rejected; the first: {}\n",
            rejected.count,
            code(&rejected.table),
            code(&rejected.reason)
        ));
    }
}

/// What a person does about a failure of this kind.
fn what_to_do(kind: &str) -> &'static str {
    match kind {
        "auth" => "Renew the credential in the secrets that the workflow uses.",
        "config" => "Correct the settings of this project.",
        "not-found" => {
            "The next run asks again. If it persists, check the project's settings, and whether the credential may read what the message names."
        }
        "rate-limited" => {
            "The next run resumes from here. If it happens often, lower `requests-per-minute` or raise `max-wait`."
        }
        "transient" | "database" => "The next run resumes from the last commit.",
        "conflict" => "Two runs overlapped. Nothing is lost, and the next run resumes.",
        "budget" => "If the plugin should have more, raise the limit that the message names.",
        "policy" => "If the plugin should reach that, allow it in the settings of its datasource.",
        "rejected" => {
            "The rows do not fit the plugin's declaration: update the plugin, or raise `max-rejected-rows`."
        }
        "recording" => "Record it anew.",
        "plugin" => "`test-dashboard plugin verify` says what is wrong with its file.",
        "unexpected-response" => {
            "Look at the service first; if it persists, report it to the plugin's maintainer."
        }
        _ => "Report it to the plugin's maintainer, with this message.",
    }
}

fn outcome(word: &str) -> String {
    match word {
        "succeeded" | "not-due" => plain(word),
        word => format!("**{}**", plain(word)),
    }
}

fn minutes(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A text of which nothing is markup: CommonMark takes every punctuation mark that is escaped
/// for itself.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in output::cut_at(text, LONGEST).chars() {
        if c.is_ascii_punctuation() && c != '-' {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

/// A text as code, in which nothing is markup, a link or a mention. It ends at as many
/// backticks as it began with, so it begins with more than there are in it.
fn code(text: &str) -> String {
    let text = output::cut_at(text, LONGEST);
    let most = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(most + 1);
    format!("{fence} {text} {fence}")
}

#[cfg(test)]
mod tests {
    use test_dashboard_model::Counts;

    use super::*;
    use crate::cli::run::summary::FailureSummary;

    fn summary(failures: usize) -> Summary {
        let message = "<img src=x> | `` [a](b) | ".repeat(20);
        let failure = |n: usize| FailureSummary {
            partition: format!("p{n}"),
            kind: "auth".into(),
            message: message.clone(),
        };
        let report = ReportSummary {
            project: "fenix".into(),
            datasource: "github".into(),
            report: "issues".into(),
            outcome: "failed",
            partitions_done: 0,
            partitions_failed: failures,
            counts: Counts { requests: 1, ..Counts::default() },
            seconds: 2.0,
            fresh_until: None,
            failures: (0..failures).map(failure).collect(),
            rejected: Vec::new(),
        };
        Summary {
            run: Some(7),
            shard: Some("2/4".into()),
            project: Some("ALL".into()),
            report: Some("issues".into()),
            outcome: "failed",
            exit_code: 1,
            error: None,
            version: "0",
            database: None,
            started: Timestamp::UNIX_EPOCH,
            finished: Timestamp::UNIX_EPOCH,
            reports: vec![report],
        }
    }

    #[test]
    fn what_a_plugin_says_is_code_whatever_it_is() {
        assert_eq!(code("a"), "` a `");
        assert_eq!(code("a```b``"), "```` a```b`` ````");
        assert_eq!(code("a\nb"), "` a b `");
        assert_eq!(plain("a|b<c>`d`\n-"), "a\\|b\\<c\\>\\`d\\` -");
    }

    #[test]
    fn a_page_never_grows_past_its_room_and_says_so() {
        let whole = of(&summary(3), usize::MAX);
        let heading = "### issues of ALL: **failed**\n\nrun 7, shard 2/4, exit code 1";
        assert!(whole.contains(heading), "{whole}");
        assert!(whole.contains("| fenix | issues | **failed** | 0, 3 failed |"), "{whole}");
        assert!(whole.contains("Renew the credential") && !whole.contains("no room"), "{whole}");
        for room in [0, 10, 500, 1_000, 2_000, 10_000, 1024 * 1024] {
            let page = of(&summary(3_000), room);
            assert!(page.len() <= room, "{} of {room}", page.len());
            assert_eq!(page.ends_with(NO_ROOM), room >= NO_ROOM.len(), "{room}: {page}");
        }
    }
}
