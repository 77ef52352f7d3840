//! Trained models as files, for those who serve them or learn from them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Parameter, Settings, State, Weights};
use crate::digest::Digest;
use crate::error::{Error, Kind, Place, Result};

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct Artefact {
    /// The kind of model, as the method that made it names it; none of a counting baseline.
    pub kind: Option<String>,
    pub weights: Weights,
}

/// The run that made a model, and the split that it was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Fingerprint of the run.
    pub run: Digest,
    /// Digest of the split, or of the periods, that it was trained on.
    pub split: Digest,
}

/// The text part of a model's file.
#[derive(Serialize, Deserialize)]
struct ModelHeader {
    split: Digest,
    kind: Option<String>,
    /// Names and shapes of the parameters, in the model's order.
    parameters: Vec<(String, Vec<usize>)>,
    settings: Settings,
}

impl Artefact {
    /// Writes the model as a safetensors file, by rename.
    ///
    /// # Errors
    /// [`Io`](Kind::Io)
    pub fn write(&self, path: &Path, of: Provenance) -> Result<()> {
        let Weights { parameters, settings } = &self.weights;
        let header = ModelHeader {
            split: of.split,
            kind: self.kind.clone(),
            parameters: parameters.iter().map(|p| (p.name.clone(), p.shape.clone())).collect(),
            settings: settings.clone(),
        };
        let text = serde_json::to_string(&header)
            .map_err(|e| Error::new(Kind::Internal, "cannot keep the model").got(e.to_string()))?;
        let mut state = State { text, run: Some(of.run), ..State::default() };
        for parameter in parameters {
            state.put(parameter.name.clone(), &parameter.values[..]);
        }
        state.write(path)
    }

    /// Reads a model that must be of this provenance.
    ///
    /// # Errors
    /// [`Data`](Kind::Data) if the file is damaged or of another run, so that the model must be trained again;
    /// [`Input`](Kind::Input) if it was trained on another split; [`Io`](Kind::Io).
    pub fn read(path: &Path, of: Provenance) -> Result<Self> {
        let mut state = State::read(path)?;
        state.must_be_of(Some(of.run)).map_err(|error| error.at(Place::file(path)))?;
        let header: ModelHeader = serde_json::from_str(&state.text)
            .map_err(|e| Error::new(Kind::Data, "a kept model is damaged").at(Place::file(path)).got(e.to_string()))?;
        if header.split != of.split {
            return Err(Error::new(Kind::Input, "a kept model was trained on another split")
                .at(Place::file(path))
                .expected(format!("a split of digest {}", of.split.short()))
                .got(header.split.short())
                .hint("the file was moved here from elsewhere; remove it, and the model is trained again"));
        }
        let parameters = header.parameters.into_iter().map(|(name, shape)| {
            let size = shape.iter().try_fold(1usize, |size, n| size.checked_mul(*n));
            let values = state.take(&name, size.unwrap_or(usize::MAX))?;
            Ok(Parameter { name, shape, values })
        });
        let weights = Weights { parameters: parameters.collect::<Result<_>>()?, settings: header.settings };
        Ok(Self { kind: header.kind, weights })
    }
}

/// The models that a run through a stream of periods had after each of them: files beside that of its last model.
#[derive(Clone, Debug)]
pub struct PeriodArtefacts {
    pub folder: PathBuf,
    pub of: Provenance,
}

impl PeriodArtefacts {
    /// Prefix of the names of these files.
    const PREFIX: &str = "after-period-";

    fn path(&self, period: usize) -> PathBuf {
        self.folder.join(format!("{}{period}.safetensors", Self::PREFIX))
    }

    /// Whether a file has the name of one of these.
    pub fn has_name(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = name.strip_prefix(Self::PREFIX).and_then(|rest| rest.strip_suffix(".safetensors"));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    }

    /// Writes the model after a period.
    ///
    /// # Errors
    /// As [`Artefact::write`].
    pub fn write(&self, period: usize, artefact: &Artefact) -> Result<()> {
        artefact.write(&self.path(period), self.of)
    }

    /// The model after a period; none if it is not kept.
    ///
    /// # Errors
    /// As [`Artefact::read`].
    pub fn read(&self, period: usize) -> Result<Option<Artefact>> {
        let path = self.path(period);
        path.exists().then(|| Artefact::read(&path, self.of)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_come_back_of_their_own_run_and_split_alone() {
        let folder = tempfile::tempdir().unwrap();
        let of = Provenance { run: Digest::of(b"run"), split: Digest::of(b"split") };
        let periods = PeriodArtefacts { folder: folder.path().into(), of };
        let parameters = vec![
            Parameter { name: "user".into(), shape: vec![2, 2], values: vec![1.0, 2.0, 3.0, 4.0] },
            Parameter { name: "item".into(), shape: vec![1, 2], values: vec![0.5, -0.5] },
        ];
        let weights = Weights { parameters, settings: Settings::default().with("alpha", 0.5) };
        let model = Artefact { kind: Some("bpr".into()), weights };
        assert!(periods.read(3).unwrap().is_none());
        periods.write(3, &model).unwrap();
        assert_eq!(periods.read(3).unwrap().unwrap(), model);
        let path = folder.path().join("after-period-3.safetensors");
        assert!(
            PeriodArtefacts::has_name(&path) && !PeriodArtefacts::has_name(Path::new("after-period-x.safetensors"))
        );
        let other = Artefact::read(&path, Provenance { split: Digest::of(b"another split"), ..of }).unwrap_err();
        assert!(other.kind() == Kind::Input && other.to_string().contains("another split"), "{other}");
        let other = Artefact::read(&path, Provenance { run: Digest::of(b"another run"), ..of }).unwrap_err();
        assert_eq!(other.kind(), Kind::Data);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(periods.read(3).unwrap_err().kind(), Kind::Data);
    }
}
