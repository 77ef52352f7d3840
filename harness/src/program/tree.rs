//! All processes that a program started: what they hold in memory, and their end.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// How often processes that were killed are looked for again: one may have started another meanwhile.
const ROUNDS: usize = 200;

/// A process that this one started, and those that it started.
pub(super) struct ProcessTree {
    root: Pid,
    /// `None` where the system does not tell of processes: then only the first is known.
    system: Option<System>,
    /// Largest sum of their resident memory that was seen, in bytes.
    peak: u64,
}

impl ProcessTree {
    pub fn of(root: u32) -> Self {
        Self { root: Pid::from_u32(root), system: System::new().ok(), peak: 0 }
    }

    /// Looks at their memory now.
    pub fn sample(&mut self) {
        let alive = self.alive();
        let Some(system) = &self.system else { return };
        let held = alive.iter().filter_map(|pid| system.process(*pid)).map(sysinfo::Process::memory).sum();
        self.peak = self.peak.max(held);
    }

    /// The largest resident memory of all of them together at a sample, in bytes; pages that they share count for each. `None`
    /// where none was seen.
    pub fn peak(&self) -> Option<u64> {
        (self.peak > 0).then_some(self.peak)
    }

    /// Ends all of them. Returns how many there were beside the first.
    pub fn kill(&mut self) -> usize {
        let mut others: BTreeSet<Pid> = BTreeSet::new();
        for _ in 0..ROUNDS {
            let alive = self.alive();
            others.extend(alive.iter().filter(|pid| **pid != self.root));
            let Some(system) = self.system.as_ref().filter(|_| !alive.is_empty()) else { break };
            for pid in &alive {
                if let Some(process) = system.process(*pid) {
                    process.kill();
                }
                reap(*pid, self.root);
            }
            thread::sleep(Duration::from_millis(10));
        }
        others.len()
    }

    /// Those that run: the root, those that came from it and, since orphans become children of this process, all other children.
    fn alive(&mut self) -> Vec<Pid> {
        let Some(system) = &mut self.system else { return Vec::new() };
        let kind = ProcessRefreshKind::nothing().with_memory().without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        let own = Pid::from_u32(std::process::id());
        let processes = system.processes();
        let is_of_tree = |pid: Pid| {
            let mut at = pid;
            // The number of steps is bounded, should parents be read while they change.
            for _ in 0..processes.len() {
                match processes.get(&at).and_then(sysinfo::Process::parent) {
                    Some(parent) if parent == own => return true,
                    Some(parent) => at = parent,
                    None => return false,
                }
            }
            false
        };
        let runs = |pid: &Pid| {
            processes.get(pid).is_some_and(|process| {
                !matches!(process.status(), sysinfo::ProcessStatus::Zombie | sysinfo::ProcessStatus::Dead)
            })
        };
        let mut alive: Vec<Pid> = processes.keys().copied().filter(|pid| *pid != own && is_of_tree(*pid)).collect();
        alive.iter().filter(|pid| !runs(pid)).for_each(|pid| reap(*pid, self.root));
        alive.retain(runs);
        alive
    }
}

/// Takes note of the end of an orphan, so that what it used counts; the root is waited for by its owner.
#[cfg(unix)]
fn reap(pid: Pid, root: Pid) {
    use nix::sys::wait::{WaitPidFlag, waitpid};
    if pid != root {
        let _ = waitpid(nix::unistd::Pid::from_raw(pid.as_u32().cast_signed()), Some(WaitPidFlag::WNOHANG));
    }
}

#[cfg(not(unix))]
fn reap(_pid: Pid, _root: Pid) {}
