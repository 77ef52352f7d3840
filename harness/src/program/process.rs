//! Runs a command with all that it starts: in bounded time, stoppable, measured.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::output::Output;
use super::tree::ProcessTree;
use crate::error::{Error, Kind, Result};

/// Time between two looks at a process.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Time between two looks at the memory of all of its processes.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// How long to wait for the end of a process that was killed.
const UNTIL_KILLED: Duration = Duration::from_secs(5);

/// Who watches a program.
pub struct Watch<'w> {
    /// Whether the person asked for the end.
    pub interrupted: &'w dyn Fn() -> bool,
    /// Is told the last line that the program wrote, and how long it runs.
    pub says: &'w dyn Fn(&str, Duration),
    /// Is told what is worth a line.
    pub note: &'w dyn Fn(&str),
}

/// What a program cost, with all processes that it started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// From start to end.
    pub wall: Duration,
    /// Of all processors together; `None` where the system does not tell it.
    pub cpu: Option<Duration>,
    /// Largest resident memory of all its processes together, looked at every tenth of a second, in bytes; pages that they share
    /// count for each.
    pub peak_bytes: Option<u64>,
}

/// A command that is to be run.
pub(super) struct Process<'p> {
    pub command: &'p [String],
    pub folder: &'p Path,
    pub variables: &'p [(&'static str, OsString)],
    pub timeout: Duration,
}

/// How a process ended.
pub(super) struct Ended {
    /// Whether its exit code is 0.
    pub success: bool,
    /// The beginning of what it wrote to its standard output.
    pub stdout: String,
    status: ExitStatus,
    lines: Vec<String>,
}

impl Ended {
    /// How it ended, and the last lines that it wrote.
    pub fn told(&self) -> String {
        let said = if self.lines.is_empty() { ", and it said nothing".into() } else { told_lines(&self.lines) };
        format!("{}{said}", self.status)
    }
}

fn told_lines(lines: &[String]) -> String {
    format!("; its last lines:{}", lines.iter().map(|line| format!("\n    | {line}")).collect::<String>())
}

/// All children of this process count as one program's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

impl Process<'_> {
    /// # Errors
    /// [`Missing`](Kind::Missing): it cannot be started; [`Data`](Kind::Data): it takes longer than its timeout;
    /// [`Interrupted`](Kind::Interrupted).
    pub fn run(&self, watch: &Watch<'_>) -> Result<(Cost, Ended)> {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = &self.command[0];
        become_parent_of_orphans();
        let mut tree = ProcessTree::before();
        let (cpu_before, started) = (cpu_of_children(), Instant::now());
        let mut child = self
            .command()
            .spawn()
            .map_err(|error| Error::new(Kind::Missing, format!("`{shown}` cannot be started: {error}")))?;
        let output = Output::read(child.stdout.take(), child.stderr.take());
        tree.begins_with(child.id());
        let (mut seen, mut sampled) = (0, None::<Instant>);
        let stopped = loop {
            if let Ok(Some(status)) = child.try_wait() {
                break Ok(status);
            }
            if sampled.is_none_or(|last| last.elapsed() >= SAMPLE_EVERY) {
                tree.sample();
                sampled = Some(Instant::now());
                if let Some(line) = output.newer(&mut seen) {
                    (watch.says)(&line, started.elapsed());
                }
            }
            if (watch.interrupted)() {
                break Err(Error::new(Kind::Interrupted, "interrupted"));
            }
            if started.elapsed() > self.timeout {
                break Err(Error::new(Kind::Data, format!("`{shown}` takes too long"))
                    .expected(format!("at most {} minutes", self.timeout.as_secs_f64() / 60.0)));
            }
            thread::sleep(LOOK_EVERY);
        };
        let wall = started.elapsed();
        match stopped {
            Ok(_) => tree.let_end(),
            Err(_) => drop(child.kill()),
        }
        let left = tree.kill();
        if stopped.is_err() {
            // Without this it would stay as a zombie. One that cannot be killed, such as by `sudo`, is not waited for.
            let until = Instant::now() + UNTIL_KILLED;
            while Instant::now() < until && !matches!(child.try_wait(), Ok(Some(_))) {
                thread::sleep(LOOK_EVERY);
            }
        } else if left > 0 {
            let (count, were) =
                if left == 1 { ("a process".into(), "was") } else { (format!("{left} processes"), "were") };
            (watch.note)(&format!("`{shown}` left {count} behind, which {were} ended"));
        }
        let (lines, stdout) = output.finish();
        let status = stopped.map_err(|error| match error.kind() {
            Kind::Data if !lines.is_empty() => error.got(format!("it still ran{}", told_lines(&lines))),
            Kind::Data => error.got("it still ran, and had said nothing"),
            _ => error,
        })?;
        let cpu = cpu_of_children().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
        let cost = Cost { wall, cpu, peak_bytes: tree.peak() };
        Ok((cost, Ended { success: status.success(), stdout, status, lines }))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program());
        command
            .args(&self.command[1..])
            .current_dir(self.folder)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Ctrl-C at a terminal goes to this process alone, which ends the program itself.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        die_with_this_process(&mut command);
        command
    }

    /// A name with folders is one of the spec's folder; others are found as the system finds programs.
    fn program(&self) -> PathBuf {
        let program = Path::new(&self.command[0]);
        if program.components().count() > 1 { absolute(self.folder).join(program) } else { program.to_path_buf() }
    }
}

fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf())
}

/// Processes whose parent ends become children of this one, so that they are found and ended.
fn become_parent_of_orphans() {
    // Without it they are not found, and stay.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_child_subreaper(true);
}

/// Should this process be killed, so is the first process of the program; what that started runs on.
#[allow(unsafe_code)]
fn die_with_this_process(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: the closure only makes a system call, which is allowed between fork and exec.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(command, || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(std::io::Error::from)
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// CPU time of all children of this process that have ended, with theirs.
fn cpu_of_children() -> Option<Duration> {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
        let time = |value: nix::sys::time::TimeVal| {
            Duration::from_micros(u64::try_from(value.tv_sec() * 1_000_000 + value.tv_usec()).unwrap_or(0))
        };
        Some(time(usage.user_time()) + time(usage.system_time()))
    }
    #[cfg(not(unix))]
    None
}
