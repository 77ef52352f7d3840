//! The files of runs in progress and of trained models: `CACHE/runs/FINGERPRINT/`, or `FINGERPRINT-cuda/` for those of a
//! CUDA device.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Cache, Lock};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};
use crate::file;
use crate::meter::Arithmetic;
use crate::train::WITHIN;
use crate::weights::{Parameter, Settings, State, Weights};

/// The folder of one run in the cache, named by the run's fingerprint and arithmetic: a state or a teacher that a CUDA
/// device made has other bits than a CPU's, and must not be used in its place.
pub struct ModelStore {
    folder: PathBuf,
    fingerprint: Digest,
}

/// A kept model.
#[derive(Clone, Debug, PartialEq)]
pub struct Artefact {
    /// The kind of model; none of what is counted.
    pub kind: Option<String>,
    pub weights: Weights,
}

/// The text part of a model's file.
#[derive(Serialize, Deserialize)]
struct ModelHeader {
    /// Digest of the split that it was trained on.
    split: Digest,
    /// The kind of model; none of what is counted.
    kind: Option<String>,
    /// Names and shapes of the parameters, in the model's order.
    parameters: Vec<(String, Vec<usize>)>,
    settings: Settings,
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
    /// [`Io`](Kind::Io); [`Interrupted`](Kind::Interrupted)
    pub fn lock(&self, waiting: impl FnOnce(), interrupted: impl Fn() -> bool) -> Result<Lock> {
        let lock = Lock::take(&self.folder.join(LOCK), waiting, interrupted)?;
        self.sweep().map_err(|error| Error::io("cannot tidy a folder of the cache", &self.folder, &error))?;
        Ok(lock)
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
            if path.is_file() && !ours.contains(&path) && !is_within_a_period(&path) {
                std::fs::remove_file(path)?;
            }
        }
        // Students write these without a lock.
        file::remove_left(&self.derived(), |name| name.ends_with(".part"));
        Ok(())
    }

    /// Files of the saved states within periods.
    pub fn periods(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| is_within_a_period(path)).collect()
    }

    /// Writes a model of this kind that was trained on the split with digest `split`.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn save(&self, kind: Option<&str>, weights: &Weights, split: Digest) -> Result<()> {
        let Weights { parameters, settings } = weights;
        let shapes = parameters.iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
        let kind = kind.map(String::from);
        let text = serde_json::to_string(&ModelHeader { split, kind, parameters: shapes, settings: settings.clone() })
            .map_err(|e| Error::new(Kind::Internal, "cannot keep the model").got(e.to_string()))?;
        let mut state = State { text, run: Some(self.fingerprint), ..State::default() };
        for parameter in parameters {
            state.put(parameter.name.clone(), &parameter.values[..]);
        }
        state.write(&self.model())
    }

    /// Reads the model, which was trained on the split with digest `split`; `None` if it is not there.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if the file is damaged, so that the model must be trained again; [`Input`](Kind::Input) if
    /// it was trained on another split.
    pub fn load(&self, split: Digest) -> Result<Option<Artefact>> {
        let path = self.model();
        if !path.exists() {
            return Ok(None);
        }
        let mut state = State::read(&path)?;
        state.must_be_of(Some(self.fingerprint)).map_err(|error| error.at(Place::file(&path)))?;
        let kept: ModelHeader = serde_json::from_str(&state.text)
            .map_err(|e| Error::new(Kind::Data, "a kept model is damaged").at(Place::file(&path)).got(e.to_string()))?;
        if kept.split != split {
            return Err(Error::new(Kind::Input, "a kept model was trained on another split")
                .at(Place::file(&path))
                .expected(format!("a split of digest {}", split.short()))
                .got(kept.split.short())
                .hint("the file was moved here from elsewhere; remove it, and the model is trained again"));
        }
        let parameters = kept.parameters.into_iter().map(|(name, shape)| {
            let size = shape.iter().try_fold(1usize, |size, n| size.checked_mul(*n));
            let values = state.take(&name, size.unwrap_or(usize::MAX))?;
            Ok(Parameter { name, shape, values })
        });
        let weights = Weights { parameters: parameters.collect::<Result<_>>()?, settings: kept.settings };
        Ok(Some(Artefact { kind: kept.kind, weights }))
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

    #[test]
    fn a_model_comes_back_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(&Cache::new(folder.path()), Digest::of(b"run"), Arithmetic::Cpu);
        let split = Digest::of(b"split");
        assert!(store.load(split).unwrap().is_none());
        let parameters = vec![
            Parameter { name: "user".into(), shape: vec![2, 2], values: vec![1.0, 2.0, 3.0, 4.0] },
            Parameter { name: "item".into(), shape: vec![1, 2], values: vec![0.5, -0.5] },
        ];
        let weights = Weights { parameters, settings: Settings::default().with("alpha", 0.5) };
        store.save(Some("bpr"), &weights, split).unwrap();
        assert_eq!(store.load(split).unwrap().unwrap(), Artefact { kind: Some("bpr".into()), weights });
        let other = store.load(Digest::of(b"another split")).unwrap_err();
        assert!(other.kind() == Kind::Input && other.to_string().contains("another split"), "{other}");
        let mut bytes = std::fs::read(store.model()).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(store.model(), bytes).unwrap();
        assert_eq!(store.load(split).unwrap_err().kind(), Kind::Data);
    }

    #[test]
    fn what_a_killed_process_left_half_written_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModelStore::new(&Cache::new(folder.path()), Digest::of(b"run"), Arithmetic::Cpu);
        store.save(None, &Weights::default(), Digest::of(b"split")).unwrap();
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
