//! Wall-clock seconds of a run, phase by phase.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use candle_core::Device;
use serde::{Deserialize, Serialize};

/// A phase of a run, by which its wall-clock time is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Work that a method does once before it trains, such as ranking with the teacher.
    Prepare,
    /// Sampling of negatives, the order of batches, and what a term of the loss prepares for an epoch.
    Sample,
    /// Loss and gradients of the base model.
    ForwardBackward,
    /// Loss and gradients of the distillation terms.
    Distill,
    /// The optimiser's step.
    Step,
    /// Evaluation on validation and test data.
    Evaluate,
    /// Writing of saved states.
    Checkpoint,
}

impl Phase {
    /// Name of the phase in records, such as `forward_backward`.
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

/// Wall-clock seconds by phase.
pub type Seconds = BTreeMap<Phase, f64>;

/// Stopwatch of one run. Work on an accelerator is asynchronous, so the device is synchronised before the clock is
/// read.
pub struct Meter {
    pub seconds: Seconds,
    device: Device,
}

impl Meter {
    /// A stopwatch at zero, for work on `device`.
    pub fn new(device: &Device) -> Self {
        Self { seconds: Seconds::new(), device: device.clone() }
    }

    /// Runs `work` and adds its time to `phase`.
    pub fn time<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.since(start, phase);
        result
    }

    /// Adds the time since `start` to `phase`, for work that cannot stand in a closure.
    pub fn since(&mut self, start: Instant, phase: Phase) {
        if !self.device.is_cpu() {
            // A failure to synchronise shows in the next operation, with its own error.
            let _ = self.device.synchronize();
        }
        *self.seconds.entry(phase).or_default() += start.elapsed().as_secs_f64();
    }

    /// Seconds of all phases but evaluation and saved states; of a resumed run with those before it was interrupted.
    pub fn training_seconds(&self) -> f64 {
        let trains = |phase: &Phase| !matches!(phase, Phase::Evaluate | Phase::Checkpoint);
        self.seconds.iter().filter(|(phase, _)| trains(phase)).map(|(_, seconds)| seconds).sum()
    }

    /// Time of all phases together; of a resumed run with the time before it was interrupted.
    pub fn elapsed(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.values().sum())
    }
}
