//! The sizes of a BERT4Rec, its parameters by name, and how they start.

use std::fmt;

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::weights::{Init, Layout, Settings, Weights};

use crate::models::pieces::OUTPUT;

/// All that shapes a BERT4Rec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bert4RecSizes {
    /// I.
    pub items: usize,
    /// C.
    pub width: usize,
    /// L.
    pub length: usize,
    pub blocks: usize,
    /// Divides C.
    pub heads: usize,
    /// Whether what comes next is asked for by a mask after the last item.
    pub asks_by_mask: bool,
}

/// The parameters of a block, in their order: layers (input, output) `[C, C]`, the inner one `[C, 4·C]` and the outer one
/// `[4·C, C]`, each with its bias, and norms `[C]`.
pub const OF_BLOCK: [&str; 16] = [
    "query-weight",
    "query-bias",
    "key-weight",
    "key-bias",
    "value-weight",
    "value-bias",
    "attended-weight",
    "attended-bias",
    "inner-weight",
    "inner-bias",
    "outer-weight",
    "outer-bias",
    "attention-norm-scale",
    "attention-norm-shift",
    "feed-norm-scale",
    "feed-norm-shift",
];

/// Parameters before those of the blocks: the tables of ids and of positions.
pub const TABLES: usize = 2;

/// The width of the feed-forward's inner layer, in C (code).
const INNER: usize = 4;

const HEADS: &str = "heads";
const ASKS_BY_MASK: &str = "asks-by-mask";

impl Bert4RecSizes {
    /// The id of the mask, which is no class.
    pub fn mask(&self) -> u32 {
        self.items as u32 + 1
    }

    /// The width of the feed-forward's inner layer.
    pub fn inner(&self) -> usize {
        INNER * self.width
    }

    /// Names and shapes.
    pub fn layout(&self) -> Layout {
        let (width, classes) = (self.width, self.items + 1);
        let of_block = (0..self.blocks).flat_map(|block| {
            OF_BLOCK.map(|name| {
                let shape = match name {
                    "inner-weight" => vec![width, self.inner()],
                    "inner-bias" => vec![self.inner()],
                    "outer-weight" => vec![self.inner(), width],
                    _ if name.ends_with("weight") => vec![width, width],
                    _ => vec![width],
                };
                (format!("block-{block}-{name}"), shape)
            })
        });
        let named = |name: &str, shape: &[usize]| (name.to_string(), shape.to_vec());
        let tables = [named("item", &[classes + 1, width]), named("position", &[self.length, width])];
        let output = [named("output-weight", &[classes, width]), named("output-bias", &[classes])];
        Layout::new("BERT4Rec", tables.into_iter().chain(of_block).chain(output))
    }

    /// Initial weights, those of PyTorch's layers (code): tables Normal(0, 1), the padding's row zeros. Each tensor draws from a
    /// stream of its own.
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Weights {
        let width = self.width;
        let init = |name: &str, shape: &[usize]| match name {
            "item" => Init::Pieces(vec![(width, Init::Zeros), ((shape[0] - 1) * width, Init::Normal(1.0))]),
            "position" => Init::Normal(1.0),
            _ if name.ends_with("norm-scale") => Init::Ones,
            _ if name.ends_with("norm-shift") => Init::Zeros,
            _ if name.contains("outer-") => Init::of_layer(self.inner()),
            _ => Init::of_layer(width),
        };
        Weights { parameters: self.layout().initial(stream, init), settings: self.settings() }
    }

    /// The number of heads, and how the next item is asked for.
    pub fn settings(&self) -> Settings {
        Settings::default().with(HEADS, self.heads).with(ASKS_BY_MASK, self.asks_by_mask)
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if they are not those of such a model.
    pub fn of(weights: &Weights) -> Result<Self> {
        let sizes = Self {
            items: weights.size(0, 0).saturating_sub(2),
            width: weights.size(0, 1),
            length: weights.size(1, 0),
            blocks: weights.parameters.len().saturating_sub(TABLES + OUTPUT) / OF_BLOCK.len(),
            heads: weights.settings.get(HEADS)?,
            asks_by_mask: weights.settings.get(ASKS_BY_MASK)?,
        };
        sizes.layout().check(weights)?;
        if sizes.items > 0 && sizes.blocks > 0 && sizes.heads > 0 && sizes.width.is_multiple_of(sizes.heads) {
            Ok(sizes)
        } else {
            Err(Error::new(Kind::Internal, "these are not the parameters of a BERT4Rec model"))
        }
    }
}

impl fmt::Display for Bert4RecSizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { items, width, length, blocks, heads, .. } = self;
        write!(f, "{items} items, width {width}, length {length}, {blocks} blocks, {heads} heads")
    }
}
