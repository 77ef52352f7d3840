//! The parameters of a kept model, as they are read back.

use harness::error::{Error, Kind, Result};
use harness::weights::Parameter;

/// `N` parameters with values, then settings. Errors are [`Internal`](Kind::Internal): what is kept is ours.
pub struct Kept<'p, const N: usize> {
    /// What the model is called in errors.
    model: &'static str,
    pub values: &'p [Parameter; N],
    settings: &'p [Parameter],
}

impl<'p, const N: usize> Kept<'p, N> {
    /// # Errors
    /// If there are fewer.
    pub fn new(model: &'static str, parameters: &'p [Parameter]) -> Result<Self> {
        let (values, settings) = parameters.split_first_chunk::<N>().ok_or_else(|| wrong(model))?;
        Ok(Self { model, values, settings })
    }

    /// The settings.
    ///
    /// # Errors
    /// If they are not so many.
    pub fn settings<const S: usize>(&self) -> Result<&'p [Parameter; S]> {
        self.settings.try_into().map_err(|_| wrong(self.model))
    }

    /// The length of a parameter along an axis.
    ///
    /// # Errors
    /// If it has no such axis, or no values.
    pub fn size(&self, parameter: usize, axis: usize) -> Result<usize> {
        let size = self.values[parameter].shape.get(axis).copied();
        size.filter(|&n| n > 0).ok_or_else(|| wrong(self.model))
    }

    /// # Errors
    /// If names or shapes are others, or there are not as many values as a shape says.
    pub fn check(&self, names: [&str; N], shapes: [[usize; 2]; N]) -> Result<()> {
        let fits = |(part, (name, shape)): (&Parameter, (&str, [usize; 2]))| {
            part.name == name && part.shape == shape && part.values.len() == shape[0] * shape[1]
        };
        let all = self.values.iter().zip(names.into_iter().zip(shapes)).all(fits);
        if all { Ok(()) } else { Err(wrong(self.model)) }
    }
}

fn wrong(model: &str) -> Error {
    Error::new(Kind::Internal, format!("these are not the parameters of a {model} model"))
}
