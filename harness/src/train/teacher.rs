//! A trained model that others learn from.

use std::path::PathBuf;

use super::Observer;
use crate::error::{Error, Kind, Result};
use crate::weights::{PeriodArtefacts, State, Weights};

/// A trained model that a student learns from.
pub struct Teacher {
    /// The trial that made it.
    pub trial: String,
    /// The kind of model, as [`Method::makes`](crate::method::Method::makes) names it.
    pub kind: String,
    pub weights: Weights,
    /// The models with which it was tested on the periods of a stream.
    pub tested_models: PeriodArtefacts,
    /// Folder of data that its students derive from it, such as lists of best items.
    pub folder: PathBuf,
    /// The model that it learnt from itself, for a method that [asks for
    /// it](crate::method::Method::learns_from_teachers_teacher); else none.
    pub teacher: Option<Box<Self>>,
}

impl Teacher {
    /// The weights with which this teacher was tested on a period of the stream: it had learnt the periods before that one.
    /// They are kept for a method that [asks for them](crate::method::Method::learns_from_periods).
    ///
    /// # Errors
    /// [`Missing`](Kind::Missing) if they are not kept; as [`Artefact::read`](crate::weights::Artefact::read).
    pub fn tested_on(&self, period: usize) -> Result<Weights> {
        let kept = self.tested_models.read(period)?;
        kept.map(|artefact| artefact.weights).ok_or_else(|| {
            let what =
                format!("the model of teacher `{}` that was tested on period {period} is not in the cache", self.trial);
            Error::new(Kind::Missing, what).hint("run the teacher's trial again, with `--fresh`")
        })
    }

    /// Ids that follow from this teacher's weights and the split alone, such as its best lists: made once
    /// and kept with the teacher. `name` must say everything else that they depend on. Ids that are
    /// damaged, belong to other weights, or cannot be stored are reported and computed again.
    ///
    /// # Errors
    /// Errors of `make`.
    pub fn derived(
        &self,
        name: &str,
        len: usize,
        below: u32,
        observer: &dyn Observer,
        make: impl FnOnce() -> Result<Vec<u32>>,
    ) -> Result<Vec<u32>> {
        const IDS: &str = "ids";
        let path = self.folder.join(format!("{name}.safetensors"));
        let weights = self.weights.digest().to_string();
        if path.exists() {
            match State::read(&path) {
                Ok(mut state) if state.text == weights => match state.ids.remove(IDS) {
                    Some(ids) if ids.len() == len && ids.iter().all(|id| *id < below) => return Ok(ids.into_owned()),
                    _ => observer.note(&format!("{}: holds something else; it is made again", path.display())),
                },
                Ok(_) => observer.note(&format!("{}: is of other weights; it is made again", path.display())),
                Err(error) => observer.note(&format!("{error}\nit is made again from the teacher")),
            }
        }
        observer.note(&format!("{name} of the teacher `{}` are made, once for all of its students", self.trial));
        let ids = make()?;
        let mut state = State { text: weights, ..State::default() };
        state.ids.insert(IDS.into(), ids[..].into());
        if let Err(error) = state.write(&path) {
            observer.note(&format!("what was derived from the teacher is not kept: {error}"));
        }
        Ok(ids)
    }
}
