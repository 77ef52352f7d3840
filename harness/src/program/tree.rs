//! All processes that a program started: what they hold in memory, and their end.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// How long processes that a program leaves behind may take to end by themselves, as helpers of its runtime do.
const GRACE: Duration = Duration::from_secs(1);

/// How often processes that were killed are looked for again: one may have started another meanwhile.
const ROUNDS: usize = 200;

/// A process that this one started, and those that it started.
pub(super) struct ProcessTree {
    root: Pid,
    /// Processes that were there before, with the times of their start: none of them is of the tree, nor is what they start.
    before: BTreeMap<Pid, u64>,
    /// `None` where the system does not tell of processes: then only the first is known.
    system: Option<System>,
    /// Largest sum of their resident memory that was seen, in bytes.
    peak: u64,
}

impl ProcessTree {
    /// Remembers which processes are there before the first of the tree is started.
    pub fn before() -> Self {
        let mut system = System::new().ok();
        let before = system.as_mut().map_or(BTreeMap::new(), |system| {
            look(system);
            system.processes().iter().map(|(pid, process)| (*pid, process.start_time())).collect()
        });
        Self { root: Pid::from_u32(0), before, system, peak: 0 }
    }

    /// The first process of the tree.
    pub fn begins_with(&mut self, root: u32) {
        self.root = Pid::from_u32(root);
        self.before.remove(&self.root);
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

    /// Waits a little for all but the first, which has ended, to end by themselves.
    pub fn let_end(&mut self) {
        let until = Instant::now() + GRACE;
        while Instant::now() < until && !self.alive().is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
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

    /// Those that run: all that descend from this process, of which orphans become children, but for those that were there before.
    fn alive(&mut self) -> Vec<Pid> {
        let Some(system) = &mut self.system else { return Vec::new() };
        look(system);
        let own = Pid::from_u32(std::process::id());
        let (processes, before) = (system.processes(), &self.before);
        let was_there = |pid: &Pid| {
            processes
                .get(pid)
                .is_some_and(|process| before.get(pid).is_some_and(|start| *start == process.start_time()))
        };
        let is_of_tree = |pid: Pid| {
            let mut at = pid;
            // The number of steps is bounded, should parents be read while they change.
            for _ in 0..processes.len() {
                if was_there(&at) {
                    return false;
                }
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

fn look(system: &mut System) {
    let kind = ProcessRefreshKind::nothing().with_memory().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
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
