//! The sizes of a SASRec, its parameters by name, and how they start.

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::weights::Parameter;

use crate::models::sequence::{setting, setting_of};

/// All that shapes a SASRec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// All items, those that come later included.
    pub items: usize,
    /// d.
    pub dim: usize,
    /// L.
    pub length: usize,
    /// At least one: the last keeps the last place alone.
    pub blocks: usize,
    /// Divides d.
    pub heads: usize,
}

/// The parameters of a block, in their order: `[d]` or `[d, d]`. Layers compute x·W + b.
pub const OF_BLOCK: [&str; 14] = [
    "attention-norm-scale",
    "attention-norm-shift",
    "query-weight",
    "query-bias",
    "key-weight",
    "key-bias",
    "value-weight",
    "value-bias",
    "feed-norm-scale",
    "feed-norm-shift",
    "inner-weight",
    "inner-bias",
    "outer-weight",
    "outer-bias",
];

/// Parameters before those of the blocks: item and position tables.
pub const TABLES: usize = 2;

const HEADS: &str = "heads";

impl Sizes {
    /// Names and shapes of the parameters with values; a setting, which has none, follows.
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let Self { items, dim, length, blocks, .. } = *self;
        let of_block = (0..blocks).flat_map(|block| {
            OF_BLOCK.map(|name| {
                let shape = if name.ends_with("weight") { vec![dim, dim] } else { vec![dim] };
                (format!("block-{block}-{name}"), shape)
            })
        });
        [("item".into(), vec![items, dim]), ("position".into(), vec![length, dim])]
            .into_iter()
            .chain(of_block)
            .chain(["norm-scale", "norm-shift"].map(|name| (name.into(), vec![dim])))
            .collect()
    }

    /// Numbers to train, counted without listing them: as many as there can be if there were more.
    pub fn count(&self) -> usize {
        let [items, dim, length, blocks] = [self.items, self.dim, self.length, self.blocks].map(|n| n as u128);
        let weights = OF_BLOCK.iter().filter(|name| name.ends_with("weight")).count() as u128;
        let vectors = OF_BLOCK.len() as u128 - weights;
        let of_block = dim.saturating_mul(dim).saturating_mul(weights).saturating_add(vectors * dim);
        let count = (items + length + 2).saturating_mul(dim).saturating_add(blocks.saturating_mul(of_block));
        count.try_into().unwrap_or(usize::MAX)
    }

    /// Bound of a parameter's uniform start: √(6/(rows + columns)) [code: Glorot]. The authors' item table has a
    /// row more, the padding's.
    pub fn bound(&self, name: &str, shape: &[usize]) -> f64 {
        let padding = usize::from(name == "item");
        (6.0 / (shape.iter().sum::<usize>() + padding) as f64).sqrt()
    }

    /// Initial values; each parameter draws from a stream of its own.
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Vec<Parameter> {
        let parameter = |(name, shape): (String, Vec<usize>)| {
            let n = shape.iter().product();
            let values = match shape[..] {
                [_] if name.ends_with("scale") => vec![1.0; n],
                [_] => vec![0.0; n],
                _ => {
                    let (bound, mut stream) = (self.bound(&name, &shape), stream(&format!("init.{name}")));
                    (0..n).map(|_| ((2.0 * stream.unit() - 1.0) * bound) as f32).collect()
                }
            };
            Parameter { name, shape, values }
        };
        self.shapes().into_iter().map(parameter).chain([self.heads_setting()]).collect()
    }

    /// What a kept model says beside its weights.
    pub fn heads_setting(&self) -> Parameter {
        setting(HEADS, self.heads)
    }

    /// The sizes of a model with these parameters, and those that have values.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if they are not a SASRec's.
    pub fn of(parameters: &[Parameter]) -> Result<(Self, &[Parameter])> {
        let wrong = || Error::new(Kind::Internal, "these are not the parameters of a SASRec model");
        let (heads, values) = parameters.split_last().ok_or_else(wrong)?;
        let [item, position, ..] = values else { return Err(wrong()) };
        let size = |p: &Parameter, axis: usize| p.shape.get(axis).copied().filter(|&n| n > 0).ok_or_else(wrong);
        let sizes = Self {
            items: size(item, 0)?,
            dim: size(item, 1)?,
            length: size(position, 0)?,
            blocks: values.len().saturating_sub(TABLES + 2) / OF_BLOCK.len(),
            heads: setting_of(heads, HEADS)?,
        };
        let shapes = sizes.shapes();
        let fits = values.len() == shapes.len()
            && values.iter().zip(shapes).all(|(part, (name, shape))| {
                part.name == name && part.shape == shape && part.values.len() == shape.iter().product::<usize>()
            });
        if fits && sizes.blocks > 0 && sizes.heads > 0 && sizes.dim.is_multiple_of(sizes.heads) {
            Ok((sizes, values))
        } else {
            Err(wrong())
        }
    }
}
