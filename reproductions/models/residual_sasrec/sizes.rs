//! The sizes of a SASRec with scaled blocks, its parameters by name, and how they start.

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::weights::{Init, Layout, Settings, Weights};

/// All that shapes a SASRec with scaled blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResidualSasRecSizes {
    /// I.
    pub items: usize,
    /// C.
    pub width: usize,
    /// L.
    pub length: usize,
    pub blocks: usize,
    /// Divides C.
    pub heads: usize,
}

/// The parameters of a block, in their order: norms `[C]`; layers `[C, C]` (input, output) and `[C]`; and one number.
pub const OF_BLOCK: [&str; 15] = [
    "query-weight",
    "query-bias",
    "key-weight",
    "key-bias",
    "value-weight",
    "value-bias",
    "inner-weight",
    "inner-bias",
    "outer-weight",
    "outer-bias",
    "attention-norm-scale",
    "attention-norm-shift",
    "feed-norm-scale",
    "feed-norm-shift",
    "residual-scale",
];

/// Parameters before those of the blocks: item and position tables.
pub const TABLES: usize = 2;
/// Parameters after those of the blocks: the norm on top, and the output layer.
const TOP: usize = 4;

const HEADS: &str = "heads";

impl ResidualSasRecSizes {
    /// I + 1.
    pub fn classes(&self) -> usize {
        self.items + 1
    }

    /// Names and shapes.
    pub fn layout(&self) -> Layout {
        let (width, classes) = (self.width, self.classes());
        let of_block = (0..self.blocks).flat_map(|block| {
            OF_BLOCK.map(|name| {
                let shape = match name {
                    "residual-scale" => vec![1],
                    _ if name.ends_with("weight") => vec![width, width],
                    _ => vec![width],
                };
                (format!("block-{block}-{name}"), shape)
            })
        });
        let named = |name: &str, shape: &[usize]| (name.to_string(), shape.to_vec());
        let tables = [named("item", &[classes, width]), named("position", &[self.length, width])];
        let top = [
            named("norm-scale", &[width]),
            named("norm-shift", &[width]),
            named("output-weight", &[classes, width]),
            named("output-bias", &[classes]),
        ];
        Layout::new("residual SASRec", tables.into_iter().chain(of_block).chain(top))
    }

    /// Initial weights; each tensor draws from a stream of its own. Of the tables ±√(1/rows), of layers torch's default, the
    /// output layer Normal(0, 0.01) and 0.1, and the scale of every block 0 (code).
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Weights {
        let init = |name: &str, shape: &[usize]| match name {
            "item" | "position" => Init::Uniform((1.0 / shape[0] as f64).sqrt()),
            "output-weight" => Init::Normal(0.01),
            "output-bias" => Init::Constant(0.1),
            _ if name.ends_with("residual-scale") || name.ends_with("shift") => Init::Zeros,
            _ if name.ends_with("norm-scale") => Init::Ones,
            _ => Init::of_layer(self.width),
        };
        Weights { parameters: self.layout().initial(stream, init), settings: self.settings() }
    }

    /// The number of heads.
    pub fn settings(&self) -> Settings {
        Settings::default().with(HEADS, self.heads)
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if they are not those of such a model.
    pub fn of(weights: &Weights) -> Result<Self> {
        let sizes = Self {
            items: weights.size(0, 0).saturating_sub(1),
            width: weights.size(0, 1),
            length: weights.size(1, 0),
            blocks: weights.parameters.len().saturating_sub(TABLES + TOP) / OF_BLOCK.len(),
            heads: weights.settings.get(HEADS)?,
        };
        sizes.layout().check(weights)?;
        if sizes.items > 0 && sizes.blocks > 0 && sizes.heads > 0 && sizes.width.is_multiple_of(sizes.heads) {
            Ok(sizes)
        } else {
            Err(Error::new(Kind::Internal, "these are not the parameters of a residual SASRec model"))
        }
    }
}
