//! The files of runs in progress and of trained models: `CACHE/runs/FINGERPRINT/`, or `FINGERPRINT-cuda/` for those of a
//! CUDA device.

use std::path::{Path, PathBuf};

use crate::data::{Cache, Lock};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::file;
use crate::meter::Arithmetic;
use crate::train::WITHIN;
use crate::weights::{Artefact, PeriodArtefacts, Provenance};

/// The folder of one run in the cache, named by the run's fingerprint and arithmetic: a state or a teacher that a CUDA
/// device made has other bits than a CPU's, and must not be used in its place.
pub struct ModelStore {
    folder: PathBuf,
    fingerprint: Digest,
}

const LOCK: &str = "lock";

impl ModelStore {
    /// The folder of the run with this fingerprint; it need not exist.
    pub fn new(cache: &Cache, fingerprint: Digest, arithmetic: Arithmetic) -> Self {
        // 16 bytes of SHA-256 are plenty for a folder's name.
        let mut name = fingerprint.to_string()[..32].to_string();
        if let Some(folder) = arithmetic.folder() {
            name += &format!("-{folder}");
        }
        Self { folder: cache.runs().join(name), fingerprint }
    }

    /// File of the saved state of the run in progress.
    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }

    /// File of the trained model.
    pub fn model(&self) -> PathBuf {
        self.folder.join("model.safetensors")
    }

    /// File of a copy of the run's record, for other specs that have the same run.
    pub fn record(&self) -> PathBuf {
        self.folder.join("record.json")
    }

    /// Folder of files that students derive from this model, such as its best lists.
    pub fn derived(&self) -> PathBuf {
        self.folder.join("derived")
    }

    /// Locks the run for this process and removes what a killed process left half-written. Where another process holds
    /// the lock, `waiting` is called once, and the wait ends early when `interrupted` returns true.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io); [`Interrupted`](crate::error::Kind::Interrupted)
    pub fn lock(&self, waiting: impl FnOnce(), interrupted: impl Fn() -> bool) -> Result<Lock> {
        let lock = Lock::take(&self.folder.join(LOCK), waiting, interrupted)?;
        self.sweep().map_err(|error| Error::io("cannot tidy a folder of the cache", &self.folder, &error))?;
        Ok(lock)
    }

    /// Who trains the run at this moment, as `process 7 on HOST`.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub fn holder(&self) -> Result<Option<String>> {
        Lock::holder(&self.folder.join(LOCK))
    }

    /// Removes what a process left that was killed after it had recorded the run: its saved states, and half-written
    /// files. Nothing depends on them, so a failure is no error, and a run that another process holds is left alone.
    pub fn tidy(&self) {
        let states = || std::iter::once(self.checkpoint()).chain(self.periods());
        let left = states().any(|state| state.exists());
        if left && let Ok(Some(_lock)) = Lock::try_take(&self.folder.join(LOCK)) {
            let _ = self.sweep();
            states().for_each(|state| drop(std::fs::remove_file(state)));
        }
    }

    /// Removes files that have none of the names of this store. Only the holder of the lock may do so: to others these
    /// may be files that are being written.
    fn sweep(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let ours = [self.folder.join(LOCK), self.checkpoint(), self.model(), self.record()];
            let of_a_period = is_within_a_period(&path) || PeriodArtefacts::has_name(&path);
            if path.is_file() && !ours.contains(&path) && !of_a_period {
                std::fs::remove_file(path)?;
            }
        }
        // Students write these without a lock.
        file::remove_left(&self.derived(), |name| name.ends_with(".part"));
        Ok(())
    }

    /// Files of the saved states within periods.
    pub fn periods(&self) -> Vec<PathBuf> {
        self.files().filter(|path| is_within_a_period(path)).collect()
    }

    /// Writes the trained model, which was trained on the split with digest `split`.
    ///
    /// # Errors
    /// [`Io`](crate::error::Kind::Io)
    pub fn save(&self, model: &Artefact, split: Digest) -> Result<()> {
        model.write(&self.model(), self.provenance(split))
    }

    /// Reads the model, which was trained on the split with digest `split`; `None` if it is not there.
    ///
    /// # Errors
    /// As [`Artefact::read`].
    pub fn load(&self, split: Digest) -> Result<Option<Artefact>> {
        let path = self.model();
        path.exists().then(|| Artefact::read(&path, self.provenance(split))).transpose()
    }

    /// The models with which the run was tested on each period of a stream, where another run asks for them.
    pub fn tested_models(&self, split: Digest) -> PeriodArtefacts {
        PeriodArtefacts { folder: self.folder.clone(), of: self.provenance(split) }
    }

    /// Files of those models.
    pub fn period_models(&self) -> Vec<PathBuf> {
        self.files().filter(|path| PeriodArtefacts::has_name(path)).collect()
    }

    fn provenance(&self, split: Digest) -> Provenance {
        Provenance { run: self.fingerprint, split }
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path())
    }
}

fn is_within_a_period(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.strip_prefix(WITHIN).and_then(|rest| rest.strip_suffix(".safetensors"));
    number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::weights::Weights;

    #[test]
    fn what_a_killed_process_left_half_written_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(&Cache::new(folder.path()), Digest::of(b"run"), Arithmetic::Cpu);
        let model = Artefact { kind: None, weights: Weights::default() };
        store.save(&model, Digest::of(b"split")).unwrap();
        std::fs::write(store.checkpoint(), b"kept as it is").unwrap();
        std::fs::write(store.folder.join("period-3.safetensors"), b"kept as it is").unwrap();
        for half in [".tmpAbCdEf", "period-2.999.part", "checkpoint.999.part"] {
            std::fs::write(store.folder.join(half), b"half").unwrap();
        }
        drop(store.lock(|| panic!("nobody has it"), || false).unwrap());
        let names = std::fs::read_dir(&store.folder).unwrap().map(|e| e.unwrap().file_name());
        let names: std::collections::BTreeSet<_> = names.collect();
        assert!(
            names.iter().eq(["checkpoint.safetensors", "lock", "model.safetensors", "period-3.safetensors"]),
            "{names:?}"
        );
    }

    #[test]
    fn the_second_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(&Cache::new(folder.path()), Digest::of(b"run"), Arithmetic::Cpu);
        let first = store.lock(|| panic!("nobody has it"), || false).unwrap();
        let told = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let tell = || told.store(true, std::sync::atomic::Ordering::SeqCst);
            let second = scope.spawn({
                let store = &store;
                move || store.lock(tell, || false).unwrap()
            });
            while !told.load(std::sync::atomic::Ordering::SeqCst) {
                std::thread::yield_now();
            }
            // One that is asked to stop waits no more.
            let stopped = store.lock(|| (), || true).err().unwrap();
            assert_eq!(stopped.kind(), Kind::Interrupted);
            drop(first);
            drop(second.join().unwrap());
        });
    }
}
