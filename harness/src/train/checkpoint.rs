//! Saved states of runs, from which an interrupted run continues to the same bytes.
//!
//! States are taken between epochs. Random streams need no position: they are opened anew for every
//! epoch by name, so "epoch 17 is next" says where all of them stand.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::digest::Digest;
use crate::error::{Place, Result};
use crate::weights::State;

/// Where a run's state is kept, and how often.
#[derive(Clone)]
pub struct Checkpoint {
    path: PathBuf,
    every: Duration,
    last: Instant,
    /// Fingerprint of the run.
    run: Option<Digest>,
}

impl Checkpoint {
    /// The clock decides when states are written, and never what is in them.
    pub fn new(path: PathBuf, every: Duration) -> Self {
        Self { path, every, last: Instant::now(), run: None }
    }

    /// The checkpoint of the run with this fingerprint; states of any other run are refused.
    pub fn of(self, run: Digest) -> Self {
        Self { run: Some(run), ..self }
    }

    /// Another in the same folder, and as often.
    pub fn beside(&self, name: &str) -> Self {
        Self { path: self.path.with_file_name(name), last: Instant::now(), ..self.clone() }
    }

    /// Whether the last state is old enough for another.
    pub fn is_due(&self) -> bool {
        self.last.elapsed() >= self.every
    }

    /// Writes the state over the last one.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io); the last state stays.
    pub fn write(&mut self, mut state: State<'_>) -> Result<()> {
        state.run = self.run;
        state.write(&self.path)?;
        self.last = Instant::now();
        Ok(())
    }

    /// The saved state, if there is one.
    ///
    /// # Errors
    /// As [`State::read`]; [`Data`](crate::error::Kind::Data) if it is of another run.
    pub fn read(&self) -> Result<Option<State<'static>>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let state = State::read(&self.path)?;
        state.must_be_of(self.run).map_err(|error| error.at(Place::file(&self.path)))?;
        Ok(Some(state))
    }

    /// How far an interrupted run is, for people, such as `after 7 epochs`; `None` without a state, or with one that cannot be read.
    pub fn reached(&self) -> Option<String> {
        /// What the states of [epochs](super::Epochs) and of [periods](super::Learnt) say of themselves.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Reached {
            Epochs { next: usize },
            Periods { learnt: Vec<IgnoredAny> },
        }
        let state = self.read().ok()??;
        Some(match serde_json::from_str(&state.text).ok()? {
            Reached::Epochs { next: 1 } => "after an epoch".into(),
            Reached::Epochs { next } => format!("after {next} epochs"),
            Reached::Periods { learnt } => format!("after {} periods", learnt.len()),
        })
    }

    /// Forgets the state: the run is finished, or the state is unusable.
    pub fn remove(&self) {
        let _ = std::fs::remove_file(&self.path); // Nothing depends on it any more.
    }
}
