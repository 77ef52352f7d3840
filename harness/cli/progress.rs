//! Progress of runs: a bar on a terminal, plain lines elsewhere, always with an estimate.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use harness::error::{Error, Kind, Result};
use harness::train::{Epoch, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::talk;

/// Off a terminal, at most one line per run in this time.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Set by the first Ctrl-C; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub struct Progress {
    bar: ProgressBar,
    state: Mutex<ProgressState>,
}

struct ProgressState {
    heading: String,
    began: Instant,
    last_line: Instant,
}

impl Progress {
    /// Also takes over Ctrl-C and SIGTERM.
    pub fn new() -> Result<Self> {
        // A process may train several specs, and takes them over once.
        static TAKEN: OnceLock<std::result::Result<(), String>> = OnceLock::new();
        TAKEN
            .get_or_init(|| ctrlc::set_handler(on_signal).map_err(|error| error.to_string()))
            .clone()
            .map_err(|error| Error::new(Kind::Internal, "cannot watch for Ctrl-C").got(error))?;
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} epochs  {msg}")
                .expect("the template is constant and valid")
                .progress_chars("━╸ "),
        );
        let now = Instant::now();
        Ok(Self { bar, state: Mutex::new(ProgressState { heading: String::new(), began: now, last_line: now }) })
    }

    fn line(&self, text: &str) {
        // Above the bar on a terminal, a plain line elsewhere.
        self.bar.suspend(|| talk(text));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, ProgressState> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

fn on_signal() {
    if INTERRUPTED.swap(true, Ordering::SeqCst) {
        std::process::exit(130);
    }
    talk(
        "\nstopping after this epoch, or with a program of others at once; once more to stop at once (the last saved state stays)",
    );
}

impl Observer for Progress {
    fn run_begins(&self, index: usize, total: usize, name: &str) {
        let heading = format!("[{}/{total}] {name}", index + 1);
        self.bar.reset();
        // Preparations may take a while, and what stands there is of the run before.
        self.bar.set_length(0);
        self.bar.set_message("preparing");
        self.bar.set_prefix(heading.clone());
        self.bar.tick();
        let now = Instant::now();
        *self.state() = ProgressState { heading, began: now, last_line: now };
    }

    fn epoch(&self, epoch: Epoch<'_>) {
        let validation =
            epoch.validation.map(|(name, value)| format!(", validation {name} {value:.4}")).unwrap_or_default();
        // Early stopping can only make it shorter.
        let left = epoch.elapsed.mul_f64((epoch.most - epoch.done) as f64 / epoch.done as f64);
        let patience = match epoch.patience {
            Some((stale, most)) if stale > 0 => format!(", no gain {stale}/{most}"),
            _ => String::new(),
        };
        let (period, of_period) = match epoch.period {
            Some((number, last)) => (format!("period {number}/{last}, "), " in this period"),
            None => (String::new(), ""),
        };
        let (loss, left) = (epoch.loss, clock(left));
        let message = format!("{period}loss {loss:.3}{validation}{patience}, at most {left} left{of_period}");
        self.bar.set_length(epoch.most as u64);
        self.bar.set_position(epoch.done as u64);
        self.bar.set_message(message.clone());
        let mut state = self.state();
        if self.bar.is_hidden() && state.last_line.elapsed() >= LINE_EVERY {
            state.last_line = Instant::now();
            talk(&format!("{} epoch {}/{}: {message}", state.heading, epoch.done, epoch.most));
        }
    }

    fn program_says(&self, line: &str, elapsed: Duration, most: Duration) {
        let message = format!("{} of at most {}: {line}", clock(elapsed), clock(most));
        self.bar.set_message(message.clone());
        let mut state = self.state();
        if self.bar.is_hidden() && state.last_line.elapsed() >= LINE_EVERY {
            state.last_line = Instant::now();
            talk(&format!("{} {message}", state.heading));
        }
    }

    fn note(&self, text: &str) {
        let heading = self.state().heading.clone();
        // Some things are said before the first run.
        self.line(&if heading.is_empty() { text.to_string() } else { format!("{heading}: {text}") });
    }

    fn run_ends(&self, _name: &str, outcome: std::result::Result<&str, &Error>) {
        let (heading, took) = {
            let state = self.state();
            (state.heading.clone(), state.began.elapsed())
        };
        self.bar.reset();
        self.bar.disable_steady_tick();
        match outcome {
            Ok(text) => self.line(&format!("{heading}: {text} ({})", clock(took))),
            Err(error) => self.line(&format!("{heading}: {error}")),
        }
    }

    fn interrupted(&self) -> bool {
        interrupted()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Whether a person asked for the end, since a [`Progress`] was there to hear it.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        let of = |s: f64| clock(Duration::from_secs_f64(s));
        assert_eq!(of(0.44), "0.4 s");
        assert_eq!(of(59.9), "59 s");
        assert_eq!(of(200.0), "3 min 20 s");
        assert_eq!(of(7500.0), "2 h 5 min");
    }
}
