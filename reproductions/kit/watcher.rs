//! Someone who watches a run.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::error::Error;
use harness::train::{Epoch, Observer};

/// Keeps notes, and asks for the end after some epochs.
pub struct Watcher {
    pub notes: Mutex<Vec<String>>,
    epochs: AtomicUsize,
    end_after: usize,
}

impl Watcher {
    pub fn until(end_after: usize) -> Self {
        Self { notes: Mutex::default(), epochs: AtomicUsize::new(0), end_after }
    }
}

impl Observer for Watcher {
    fn epoch(&self, _: Epoch<'_>) {
        self.epochs.fetch_add(1, Ordering::Relaxed);
    }
    fn note(&self, text: &str) {
        self.notes.lock().unwrap().push(text.into());
    }
    fn run_begins(&self, _: usize, _: usize, _: &str) {}
    fn run_ends(&self, _: &str, _: std::result::Result<&str, &Error>) {}
    fn interrupted(&self) -> bool {
        self.epochs.load(Ordering::Relaxed) >= self.end_after
    }
}
