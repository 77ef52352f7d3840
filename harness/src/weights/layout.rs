//! Names and shapes of the tensors of a model.

use std::borrow::Cow;

use super::{Init, Parameter, Weights};
use crate::error::{Error, Kind, Result};
use crate::rng::Stream;

/// Names and shapes of a model's tensors, in the model's own order.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Name of the model in errors.
    model: &'static str,
    tensors: Vec<(Cow<'static, str>, Vec<usize>)>,
}

impl Layout {
    pub fn new<N: Into<Cow<'static, str>>, S: Into<Vec<usize>>>(
        model: &'static str,
        tensors: impl IntoIterator<Item = (N, S)>,
    ) -> Self {
        Self { model, tensors: tensors.into_iter().map(|(name, shape)| (name.into(), shape.into())).collect() }
    }

    /// Number of values; `usize::MAX` where it would overflow.
    pub fn count(&self) -> usize {
        let size = |shape: &[usize]| shape.iter().fold(1usize, |size, n| size.saturating_mul(*n));
        self.tensors.iter().fold(0, |count, (_, shape)| count.saturating_add(size(shape)))
    }

    /// Initial values. `init` says how the tensor of a name and a shape starts; its values come from the stream
    /// `init.NAME`.
    pub fn initial(&self, stream: impl Fn(&str) -> Stream, init: impl Fn(&str, &[usize]) -> Init) -> Vec<Parameter> {
        let start = |(name, shape): &(Cow<'static, str>, Vec<usize>)| {
            let n = shape.iter().product();
            let values = init(name, shape).draw(&mut stream(&format!("init.{name}")), n);
            Parameter { name: name.to_string(), shape: shape.clone(), values }
        };
        self.tensors.iter().map(start).collect()
    }

    /// Refuses weights that are not of this layout.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal): files are checked when they are read, so this is a bug of the program.
    pub fn check(&self, weights: &Weights) -> Result<()> {
        let fits = |(part, (name, shape)): (&Parameter, &(Cow<'static, str>, Vec<usize>))| {
            part.name == *name && part.shape == *shape && part.values.len() == shape.iter().product::<usize>()
        };
        let all = weights.parameters.len() == self.tensors.len()
            && weights.parameters.iter().zip(&self.tensors).all(fits)
            && !self.tensors.iter().any(|(_, shape)| shape.contains(&0));
        if all { Ok(()) } else { Err(not_of(self.model)) }
    }
}

impl Weights {
    /// The length of a tensor along an axis, from which a model finds its sizes before it checks its [`Layout`]; 0 where
    /// there is no such tensor or axis, which no layout allows.
    pub fn size(&self, tensor: usize, axis: usize) -> usize {
        self.parameters.get(tensor).and_then(|parameter| parameter.shape.get(axis)).copied().unwrap_or(0)
    }

    /// The values of each of `N` tensors.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if `model` has more or fewer.
    pub fn values<const N: usize>(&self, model: &'static str) -> Result<[&[f32]; N]> {
        let parameters: &[Parameter; N] = self.parameters[..].try_into().map_err(|_| not_of(model))?;
        Ok(parameters.each_ref().map(|parameter| &parameter.values[..]))
    }
}

fn not_of(model: &str) -> Error {
    Error::new(Kind::Internal, format!("these are not the parameters of a {model} model"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_another_layout_are_refused() {
        let layout = Layout::new("test", [("user", [2, 3]), ("bias", [1, 3])]);
        assert_eq!(layout.count(), 9);
        assert_eq!(Layout::new("test", [("user", vec![usize::MAX, 2])]).count(), usize::MAX);
        let stream = |purpose: &str| Stream::new(0, "layout", purpose, 0);
        let initial = |stream: &dyn Fn(&str) -> Stream| {
            layout.initial(stream, |name, _| if name == "bias" { Init::Zeros } else { Init::Normal(1.0) })
        };
        let weights = Weights::from(initial(&stream));
        assert_eq!(weights, Weights::from(initial(&stream)));
        assert_eq!(weights.parameters[0].values, stream("init.user").normals(6, 1.0));
        layout.check(&weights).unwrap();
        assert_eq!((weights.size(0, 1), weights.size(1, 2), weights.size(2, 0)), (3, 0, 0));
        let refused = |change: &dyn Fn(&mut Vec<Parameter>)| {
            let mut other = weights.clone();
            change(&mut other.parameters);
            layout.check(&other).unwrap_err().kind() == Kind::Internal
        };
        assert!(refused(&|p| p[0].name = "item".into()));
        assert!(refused(&|p| p[0].shape = vec![3, 2]));
        assert!(refused(&|p| p[1].values.truncate(2)));
        assert!(refused(&|p| drop(p.pop())));
        assert!(weights.values::<2>("test").is_ok() && weights.values::<3>("test").is_err());
    }
}
