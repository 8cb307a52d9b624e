// SPDX-FileCopyrightText: The test-dashboard authors
// SPDX-License-Identifier: MPL-2.0

//! The progress of a run: bars on a terminal; elsewhere a line now and then, and one for each
//! report that is done.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use tokio_util::task::AbortOnDropHandle;

use super::output::{self, counted};
use super::terminal;
use crate::pump::PartitionReport;
use crate::source::{Job, Seen};

/// How often the bars are drawn.
const FRAME: Duration = Duration::from_millis(200);
/// How often a line says that it goes on, where there are no bars.
const STILL: Duration = Duration::from_secs(30);

/// A bar, and what is to say; a line is cut where the terminal ends.
const TEMPLATE: &str = "{prefix} {bar:10} {wide_msg}";

/// Shows how jobs get on until it is dropped.
pub struct Shown {
    jobs: Vec<Arc<Job>>,
    /// The jobs of which it was said that they are over.
    told: Vec<bool>,
    bars: Option<Arc<Mutex<Bars>>>,
    _task: AbortOnDropHandle<()>,
}

impl Shown {
    /// Begins to show how these get on.
    pub fn begin(jobs: &[Arc<Job>]) -> Self {
        let jobs = jobs.to_vec();
        let bars = terminal::takes_bars().then(|| {
            let bars = Bars::on(ProgressDrawTarget::stderr(), jobs.len());
            terminal::write_above(Some(bars.all.clone()));
            Arc::new(Mutex::new(bars))
        });
        let task = match &bars {
            Some(bars) => tokio::spawn(draw(jobs.clone(), Arc::clone(bars))),
            None => tokio::spawn(say_still(jobs.clone())),
        };
        Shown { told: vec![false; jobs.len()], jobs, bars, _task: AbortOnDropHandle::new(task) }
    }

    /// Something of a job has ended. Of a report of which that was the last a line is logged.
    pub fn ended(&mut self, ended: &PartitionReport) {
        for (job, told) in self.jobs.iter().zip(&mut self.told) {
            let is_its =
                job.context().project == ended.project && job.request.report == ended.report;
            let seen = job.progress.look();
            // A failed planning is reported as an error.
            if is_its
                && !*told
                && seen.is_over()
                && (seen.planned > Some(0) || ended.error.is_none())
            {
                *told = true;
                tracing::info!(
                    "{}: {} in {}",
                    job.label(),
                    so_far(&seen),
                    output::elapsed(seen.elapsed)
                );
            }
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bars) = &self.bars {
            terminal::write_above(None);
            bars.lock().unwrap_or_else(PoisonError::into_inner).end();
        }
    }
}

async fn draw(jobs: Vec<Arc<Job>>, bars: Arc<Mutex<Bars>>) {
    let mut frames = tokio::time::interval(FRAME);
    loop {
        frames.tick().await;
        let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, job) in jobs.iter().enumerate() {
            bars.draw(at, &job.label(), &job.progress.look(), job.access.gate.waiting_until());
        }
    }
}

async fn say_still(jobs: Vec<Arc<Job>>) {
    loop {
        tokio::time::sleep(STILL).await;
        for job in &jobs {
            let line = still(&job.label(), &job.progress.look(), job.access.gate.waiting_until());
            line.iter().for_each(|line| tracing::info!("{line}"));
        }
    }
}

/// What is said of a job that is being read; nothing of another.
fn still(label: &str, seen: &Seen, waiting_until: Option<Timestamp>) -> Option<String> {
    seen.is_active.then(|| format!("still reading {label}: {}", state(seen, waiting_until)))
}

/// A bar for each job that is being read.
struct Bars {
    all: MultiProgress,
    /// By the job's place; none for a job that is not being read.
    bars: Vec<Option<ProgressBar>>,
    style: ProgressStyle,
    has_ended: bool,
}

impl Bars {
    fn on(target: ProgressDrawTarget, jobs: usize) -> Self {
        // The template is sound, as the tests below show; without it there is another.
        let style =
            ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let all = MultiProgress::with_draw_target(target);
        Bars { all, bars: vec![None; jobs], style, has_ended: false }
    }

    /// Draws how far a job has come.
    fn draw(&mut self, at: usize, label: &str, seen: &Seen, waiting_until: Option<Timestamp>) {
        let Some(slot) = self.bars.get_mut(at) else { return };
        let is_read = seen.is_active || seen.done + seen.failed > 0;
        if self.has_ended || !is_read || seen.is_over() {
            if let Some(bar) = slot.take() {
                bar.finish_and_clear();
                self.all.remove(&bar);
            }
            return;
        }
        let message = state(seen, waiting_until);
        let bar = slot.get_or_insert_with(|| {
            let bar = ProgressBar::hidden().with_style(self.style.clone());
            self.all.add(bar.with_prefix(label.to_string()).with_message(message.clone()))
        });
        bar.update(|state| {
            state.set_len(seen.planned.unwrap_or(1));
            state.set_pos(seen.done + seen.failed);
        });
        bar.set_message(message);
    }

    /// Takes the bars away for good.
    fn end(&mut self) {
        self.has_ended = true;
        for bar in self.bars.iter_mut().filter_map(Option::take) {
            bar.finish_and_clear();
        }
        // A terminal that is gone shows nothing anyhow.
        let _ = self.all.clear();
    }
}

/// What it waits for, which is not to be cut, and how far it has come.
fn state(seen: &Seen, waiting_until: Option<Timestamp>) -> String {
    let waiting = waiting_until.map_or_else(String::new, |until| {
        format!("rate limit until {} UTC; ", until.strftime("%H:%M:%S"))
    });
    format!("{waiting}{}", so_far(seen))
}

/// `3/12 partitions, 1 failed, 240 rows, 17 requests`.
fn so_far(seen: &Seen) -> String {
    let requests = counted(seen.requests, "request");
    let Some(planned) = seen.planned else { return format!("finding partitions, {requests}") };
    let planned = counted(planned, "partition");
    let ended = seen.done + seen.failed;
    let partitions = if seen.is_over() { planned } else { format!("{ended}/{planned}") };
    let failed = if seen.failed > 0 { format!(", {} failed", seen.failed) } else { String::new() };
    format!("{partitions}{failed}, {}, {requests}", counted(seen.rows, "row"))
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;

    const PLANNING: Seen = Seen {
        elapsed: Duration::ZERO,
        planned: None,
        is_active: true,
        done: 0,
        failed: 0,
        rows: 0,
        requests: 1,
    };
    const READING: Seen =
        Seen { planned: Some(4), done: 1, failed: 1, rows: 240, requests: 17, ..PLANNING };

    fn bars(width: u16) -> (InMemoryTerm, Bars) {
        let term = InMemoryTerm::new(10, width);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        (term, Bars::on(target, 3))
    }

    #[test]
    fn each_job_that_is_read_has_a_line_and_one_that_is_over_has_none() {
        let (term, mut bars) = bars(120);
        bars.draw(0, "fenix issues", &READING, None);
        bars.draw(1, "focus issues", &PLANNING, None);
        bars.draw(2, "klar issues", &Seen { is_active: false, ..PLANNING }, None);
        assert_eq!(
            term.contents(),
            "fenix issues █████░░░░░ 2/4 partitions, 1 failed, 240 rows, 17 requests\n\
             focus issues ░░░░░░░░░░ finding partitions, 1 request"
        );
        bars.draw(0, "fenix issues", &Seen { done: 3, ..READING }, None);
        assert!(term.contents().starts_with("focus issues"), "{}", term.contents());
        bars.end();
        assert_eq!(term.contents(), "");
        bars.draw(1, "focus issues", &PLANNING, None);
        assert_eq!(term.contents(), "");
    }

    #[test]
    fn a_wait_is_told_with_its_end() {
        let (term, mut bars) = bars(80);
        let until = "2026-03-01T12:34:56Z".parse().ok();
        bars.draw(0, "fenix issues", &READING, until);
        let shown = term.contents();
        let wait = "fenix issues █████░░░░░ rate limit until 12:34:56 UTC; 2/4 partitions, ";
        assert!(shown.starts_with(wait), "{shown}");
    }

    #[test]
    fn lines_of_the_log_stand_above_the_bars_which_fit_the_terminal() {
        let (term, mut bars) = bars(40);
        bars.draw(0, "fenix issues", &READING, None);
        let log = term.clone();
        bars.all.suspend(|| indicatif::TermLike::write_line(&log, "INFO made a view").unwrap());
        let contents = term.contents();
        let lines: Vec<&str> = contents.lines().collect();
        assert_eq!(lines[0], "INFO made a view", "{contents}");
        assert!(lines.len() == 2 && lines[1].starts_with("fenix issues ███"), "{contents}");
        assert!(lines[1].chars().count() <= 40, "{contents}");
    }

    #[test]
    fn where_there_are_no_bars_a_line_is_said_of_what_is_read_and_of_nothing_else() {
        let until = "2026-03-01T12:34:56Z".parse().ok();
        assert_eq!(
            still("fenix issues", &READING, until).as_deref(),
            Some(
                "still reading fenix issues: rate limit until 12:34:56 UTC; 2/4 partitions, 1 failed, 240 rows, 17 requests"
            )
        );
        assert_eq!(still("fenix issues", &Seen { is_active: false, ..READING }, until), None);
    }

    #[test]
    fn a_report_that_is_over_says_what_it_came_to() {
        let over = Seen { done: 4, failed: 0, ..READING };
        assert_eq!(so_far(&over), "4 partitions, 240 rows, 17 requests");
        let one = Seen { planned: Some(1), done: 0, failed: 1, rows: 1, requests: 1, ..READING };
        assert_eq!(so_far(&one), "1 partition, 1 failed, 1 row, 1 request");
    }
}
