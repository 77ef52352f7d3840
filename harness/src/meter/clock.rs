//! Seconds per phase.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use candle_core::Device;
use serde::{Deserialize, Serialize};

/// What time is spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What a method makes once, before it trains: a teacher's lists, their labels.
    Prepare,
    /// Negatives, the order of batches, and what a term of the loss does before the batches of an epoch.
    Sample,
    /// Loss and gradients of the base model.
    ForwardBackward,
    /// Loss and gradients of what is distilled from a teacher.
    Distill,
    /// The optimiser.
    Step,
    /// Ranking validation and test items.
    Evaluate,
    /// Writing states.
    Checkpoint,
}

impl Phase {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Sample => "sample",
            Self::ForwardBackward => "forward_backward",
            Self::Distill => "distill",
            Self::Step => "step",
            Self::Evaluate => "evaluate",
            Self::Checkpoint => "checkpoint",
        }
    }
}

/// Seconds by phase.
pub type Seconds = BTreeMap<Phase, f64>;

/// Clocks the phases of one run. Work on an accelerator is asynchronous, so the device is
/// synchronised before the clock is read.
pub struct Meter {
    pub seconds: Seconds,
    device: Device,
}

impl Meter {
    pub fn new(device: &Device) -> Self {
        Self { seconds: Seconds::new(), device: device.clone() }
    }

    /// Runs `work` on the clock of `phase`.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.since(start, phase);
        result
    }

    /// Adds the time since `start` to a phase: for work that needs more than its result.
    pub fn since(&mut self, start: Instant, phase: Phase) {
        if !self.device.is_cpu() {
            // A failure to synchronise shows in the next operation, with its own error.
            let _ = self.device.synchronize();
        }
        *self.seconds.entry(phase).or_default() += start.elapsed().as_secs_f64();
    }

    /// All phases together, earlier attempts of a resumed run included.
    pub fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.values().sum())
    }
}
