//! The sizes of a SASRec, its parameters by name, and how they start.

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::weights::{Init, Layout, Settings, Weights};

/// All that shapes a SASRec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SasRecSizes {
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

/// The parameters of a block, in their order: `[d]` or `[d, d]`. SasRecLayers compute x·W + b.
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

impl SasRecSizes {
    /// Names and shapes of the tensors.
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

    /// Bound of a parameter's uniform start: √(6/(rows + columns)) (code: Glorot). The authors' item table has a
    /// row more, the padding's.
    pub fn bound(&self, name: &str, shape: &[usize]) -> f64 {
        let padding = usize::from(name == "item");
        (6.0 / (shape.iter().sum::<usize>() + padding) as f64).sqrt()
    }

    /// Names and shapes.
    pub fn layout(&self) -> Layout {
        Layout::new("SASRec", self.shapes())
    }

    /// Initial weights; each tensor draws from a stream of its own.
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Weights {
        let init = |name: &str, shape: &[usize]| match shape {
            [_] if name.ends_with("scale") => Init::Ones,
            [_] => Init::Zeros,
            _ => Init::Uniform(self.bound(name, shape)),
        };
        Weights { parameters: self.layout().initial(stream, init), settings: self.settings() }
    }

    /// The number of heads, which no shape tells.
    pub fn settings(&self) -> Settings {
        Settings::default().with(HEADS, self.heads)
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if they are not a SASRec's.
    pub fn of(weights: &Weights) -> Result<Self> {
        let sizes = Self {
            items: weights.size(0, 0),
            dim: weights.size(0, 1),
            length: weights.size(1, 0),
            blocks: weights.parameters.len().saturating_sub(TABLES + 2) / OF_BLOCK.len(),
            heads: weights.settings.get(HEADS)?,
        };
        sizes.layout().check(weights)?;
        if sizes.blocks > 0 && sizes.heads > 0 && sizes.dim.is_multiple_of(sizes.heads) {
            Ok(sizes)
        } else {
            Err(Error::new(Kind::Internal, "these are not the parameters of a SASRec model"))
        }
    }
}
