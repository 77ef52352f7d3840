//! Saved states of training, in safetensors.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, View};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, FieldHasher};
use crate::error::{Error, Kind, Place, Result};
use crate::file::{by_rename, open, process_mark};

use super::{Parameter, Settings, Weights};

/// Named arrays of f32, named lists of ids, named counts, and a text (JSON) beside them.
#[derive(Default)]
pub struct State<'a> {
    pub text: String,
    pub counts: BTreeMap<String, u64>,
    pub arrays: BTreeMap<String, Cow<'a, [f32]>>,
    pub ids: BTreeMap<String, Cow<'a, [u32]>>,
    /// Fingerprint of the run that it is a state of, where it is one's: a file that someone put in another run's place
    /// would give other weights in silence.
    pub run: Option<Digest>,
}

/// The header of the file, which stands before the arrays.
#[derive(Serialize, Deserialize)]
struct StateHeader {
    /// Digest of everything else in the file: a state that changed on disk would silently train to other weights.
    digest: Digest,
    counts: BTreeMap<String, u64>,
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<Digest>,
}

/// The head's key. One only: safetensors keeps several in a hash map, whose order differs from file to file.
const HEAD: &str = "reprise";

/// Names of the arrays of a tensor in training, behind its own.
const TRAINED: [&str; 3] = ["weights", "first_moment", "second_moment"];

impl<'a> State<'a> {
    /// Adds an array, in place of one with the same name.
    pub fn put(&mut self, name: impl Into<String>, values: impl Into<Cow<'a, [f32]>>) {
        self.arrays.insert(name.into(), values.into());
    }

    /// A count that must be there.
    ///
    /// # Errors
    /// If it is not.
    pub fn count(&self, name: &str) -> Result<u64> {
        self.counts.get(name).copied().ok_or_else(|| broken(format!("count `{name}` is missing")))
    }

    /// Takes an array out.
    ///
    /// # Errors
    /// If it is not there or has another length than `expected`.
    pub fn take(&mut self, name: &str, expected: usize) -> Result<Vec<f32>> {
        let values = self.arrays.remove(name).ok_or_else(|| broken(format!("array `{name}` is missing")))?;
        if values.len() != expected {
            return Err(broken(format!("array `{name}` has {} values, not {expected}", values.len())));
        }
        // Training ends where a loss or a score is none, so no state has such a value.
        if !crate::simd::all_finite(&values) {
            return Err(broken(format!("array `{name}` has values that are not finite")));
        }
        Ok(values.into_owned())
    }

    /// Adds a tensor in training: its weights, the first and second moments of Adam, and the steps made.
    pub fn put_trained(&mut self, name: &str, arrays: [impl Into<Cow<'a, [f32]>>; 3], steps: u64) {
        for (part, values) in TRAINED.into_iter().zip(arrays) {
            self.put(format!("{name}.{part}"), values);
        }
        self.counts.insert(format!("{name}.steps"), steps);
    }

    /// Takes back what [`put_trained`](Self::put_trained) put: arrays of `len` values, and the steps made.
    ///
    /// # Errors
    /// If an array is missing or has another length, or the count is missing.
    pub fn take_trained(&mut self, name: &str, len: usize) -> Result<([Vec<f32>; 3], u64)> {
        let mut take = |part: &str| self.take(&format!("{name}.{part}"), len);
        let [weights, first, second] = TRAINED;
        let arrays = [take(weights)?, take(first)?, take(second)?];
        Ok((arrays, self.count(&format!("{name}.steps"))?))
    }

    /// The arrays as vectors and the counts as settings: the weights of a model whose selected epoch brings back the state of
    /// its optimiser.
    pub fn into_weights(self) -> Weights {
        let parameters = self.arrays.into_iter().map(|(name, values)| {
            let values = values.into_owned();
            Parameter { name, shape: vec![values.len()], values }
        });
        let settings =
            self.counts.iter().fold(Settings::default(), |settings, (name, count)| settings.with(name, count));
        Weights { parameters: parameters.collect(), settings }
    }

    /// Takes back what [`into_weights`](Self::into_weights) gave.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if a setting is no count.
    pub fn of_weights(Weights { parameters, settings }: Weights) -> Result<State<'static>> {
        let mut state = State::default();
        for (name, _) in settings.iter() {
            state.counts.insert(name.into(), settings.get(name)?);
        }
        parameters.into_iter().for_each(|Parameter { name, values, .. }| state.put(name, values));
        Ok(state)
    }

    /// Refuses a state of another run.
    ///
    /// # Errors
    /// [`Data`](Kind::Data)
    pub fn must_be_of(&self, run: Option<Digest>) -> Result<()> {
        let name = |run: Option<Digest>| run.map_or("no run".into(), |run| format!("the run {}", run.short()));
        if self.run == run {
            return Ok(());
        }
        let error = broken(format!("one of {}", name(self.run)));
        Err(error.expected(format!("a state of {}", name(run))).hint("someone moved it here"))
    }

    /// Writes a safetensors file by rename: a reader sees the old file or the new one, whole.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn write(&self, path: &Path) -> Result<()> {
        let arrays = self.arrays.iter().map(|(name, values)| (name.as_str(), Array::F32([values.len()], values)));
        let ids = self.ids.iter().map(|(name, values)| (name.as_str(), Array::U32([values.len()], values)));
        let internal = |error: String| Error::new(Kind::Internal, "cannot write a saved state").got(error);
        let head =
            StateHeader { digest: self.digest(), counts: self.counts.clone(), text: self.text.clone(), run: self.run };
        let head = serde_json::to_string(&head).map_err(|error| internal(error.to_string()))?;
        let head = HashMap::from([(HEAD.to_string(), head)]);
        // Of this process alone: what students of one teacher derive from it is under no lock.
        by_rename(path, &path.with_extension(format!("{}.part", process_mark())), |part| {
            let failed = |error: std::io::Error| Error::io("cannot write a saved state", path, &error);
            // The crate makes a file that only its owner reads; ours are as readable as all that is written here.
            let mode = File::create(part).and_then(|file| Ok(file.metadata()?.permissions())).map_err(failed)?;
            safetensors::serialize_to_file(arrays.chain(ids), Some(head), part).map_err(|error| match error {
                SafeTensorError::IoError(error) => failed(error),
                other => internal(other.to_string()),
            })?;
            std::fs::set_permissions(part, mode).map_err(failed)
        })
    }

    /// Reads a safetensors file, one array at a time: memory holds the file once.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if it is not, byte for byte, what was written; [`Io`](Kind::Io).
    pub fn read(path: &Path) -> Result<State<'static>> {
        let failed = |e: std::io::Error| match e.kind() {
            ErrorKind::UnexpectedEof => broken("it is cut short").or_at(Place::file(path)),
            _ => Error::io("cannot read a saved state", path, &e),
        };
        let mut file = open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut size = [0u8; 8];
        file.read_exact(&mut size).map_err(failed)?;
        let header_end = u64::from_le_bytes(size)
            .checked_add(8)
            .filter(|&end| end <= length)
            .ok_or_else(|| broken("its header is longer than the file").or_at(Place::file(path)))?;
        let mut header = vec![0; header_end as usize - 8];
        file.read_exact(&mut header).map_err(failed)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|e| broken(e.to_string()).or_at(Place::file(path)))?;
        let (mut arrays, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for (name, info) in metadata.tensors() {
            let (start, end) = info.data_offsets;
            let whole = start <= end && (end - start) % 4 == 0 && header_end + end as u64 <= length;
            if ![Dtype::F32, Dtype::U32].contains(&info.dtype) || !whole {
                let what = format!("array `{name}` is cut short, or neither f32 nor u32");
                return Err(broken(what).or_at(Place::file(path)));
            }
            file.seek(SeekFrom::Start(header_end + start as u64)).map_err(failed)?;
            let mut bytes = vec![0; end - start];
            file.read_exact(&mut bytes).map_err(failed)?;
            let words = bytes.as_chunks::<4>().0.iter();
            if info.dtype == Dtype::F32 {
                arrays.insert(name.clone(), Cow::Owned(words.map(|&b| f32::from_le_bytes(b)).collect()));
            } else {
                ids.insert(name.clone(), Cow::Owned(words.map(|&b| u32::from_le_bytes(b)).collect()));
            }
        }
        let head = metadata.metadata().as_ref().and_then(|m| m.get(HEAD)).map_or("", String::as_str);
        let StateHeader { digest, counts, text, run } =
            serde_json::from_str(head).map_err(|e| broken(e.to_string()).or_at(Place::file(path)))?;
        let state = State { text, counts, arrays, ids, run };
        match state.digest() {
            got if got == digest => Ok(state),
            got => {
                let broken = broken(format!("content of digest {}", got.short())).at(Place::file(path));
                Err(broken.expected(format!("content of digest {}", digest.short())))
            }
        }
    }

    fn digest(&self) -> Digest {
        let mut hasher = FieldHasher::new("reprise state 1");
        hasher.field("text", self.text.as_bytes());
        if let Some(run) = &self.run {
            hasher.field("run", run.to_string().as_bytes());
        }
        for (name, count) in &self.counts {
            hasher.field("count", name.as_bytes()).field("value", &count.to_le_bytes());
        }
        for (name, values) in &self.arrays {
            hasher.field("array", name.as_bytes()).f32s("values", values);
        }
        for (name, values) in &self.ids {
            hasher.field("ids", name.as_bytes()).u32s("values", values);
        }
        hasher.finish()
    }
}

fn broken(what: impl Into<String>) -> Error {
    Error::new(Kind::Data, "a saved state cannot be used").got(what)
}

enum Array<'a> {
    F32([usize; 1], &'a [f32]),
    U32([usize; 1], &'a [u32]),
}

impl View for Array<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(..) => Dtype::F32,
            Self::U32(..) => Dtype::U32,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::F32(shape, _) | Self::U32(shape, _) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = Vec::with_capacity(self.data_len());
        match self {
            Self::F32(_, values) => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
            Self::U32(_, values) => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
        }
        Cow::Owned(bytes)
    }

    fn data_len(&self) -> usize {
        self.shape()[0] * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.safetensors");
        let values = [1.5f32, -0.0, f32::MIN_POSITIVE, 3.0e-39];
        let mut state = State { text: "{\"epoch\":3}".into(), ..State::default() };
        state.put("a", &values[..]);
        state.put("empty", vec![]);
        state.ids.insert("ids".into(), Cow::Owned(vec![0, u32::MAX, 0x7fa0_0001]));
        state.counts.insert("steps".into(), u64::MAX);
        state.write(&path).unwrap();
        let mut back = State::read(&path).unwrap();
        assert_eq!((&back.text, &back.ids), (&state.text, &state.ids));
        assert_eq!(back.count("steps").unwrap(), u64::MAX);
        assert!(back.count("other").is_err());
        let a = back.take("a", 4).unwrap();
        assert!(a.iter().zip(&values).all(|(x, y)| x.to_bits() == y.to_bits()));
        assert!(back.take("empty", 0).unwrap().is_empty());
        assert!(back.take("a", 4).unwrap_err().to_string().contains("missing"));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no part file stays");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "x").unwrap();
        assert_eq!(mode(&path), mode(&plain), "as readable as any file");
    }

    #[test]
    fn a_state_goes_through_weights() {
        let mut state = State::default();
        state.put_trained("user", [vec![1.0, 2.0], vec![0.5, 0.0], vec![0.25, 0.0]], 7);
        let weights = state.into_weights();
        assert_eq!((weights.parameters.len(), weights.settings.get::<u64>("user.steps").unwrap()), (3, 7));
        let ([values, first, _], steps) = State::of_weights(weights).unwrap().take_trained("user", 2).unwrap();
        assert_eq!((values, first, steps), (vec![1.0, 2.0], vec![0.5, 0.0], 7));
        let other = Weights { parameters: Vec::new(), settings: Settings::default().with("alpha", 0.5) };
        assert!(State::of_weights(other).is_err());
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        let mut state = State::default();
        let values = vec![1.0; 100];
        state.put("a", &values[..]);
        state.write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 4, 20, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(State::read(&path).err().unwrap().kind(), Kind::Data, "cut at {cut}");
        }
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        std::fs::write(&path, changed).unwrap();
        let error = State::read(&path).err().unwrap().to_string();
        assert!(error.contains("expected: content of digest") && error.contains("state.safetensors"), "{error}");
        std::fs::write(&path, &whole).unwrap();
        assert!(State::read(&path).is_ok());
        assert!(State::default().take("a", 1).is_err());
    }

    #[test]
    fn the_same_state_has_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = |name: &str| {
            let path = folder.path().join(name);
            let mut state = State { text: "t".into(), ..State::default() };
            state.counts.extend([("a".to_string(), 1), ("b".to_string(), 2)]);
            state.put("b", vec![1.0]);
            state.put("a", vec![2.0, 3.0]);
            state.write(&path).unwrap();
            std::fs::read(path).unwrap()
        };
        assert_eq!(bytes("one"), bytes("two"));
    }
}
