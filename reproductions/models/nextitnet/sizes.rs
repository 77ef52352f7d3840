//! The sizes of a NextItNet, its parameters by name, and how they start.

use std::fmt;
use std::str::FromStr;

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::weights::{Init, Layout, Settings, Weights};

use crate::models::pieces::OUTPUT;

/// All that shapes a NextItNet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextItNetSizes {
    /// I.
    pub items: usize,
    /// C.
    pub width: usize,
    /// L.
    pub length: usize,
    pub groups: usize,
    /// Of the blocks of a group, in their order.
    pub dilations: Vec<usize>,
}

/// Taps of a convolution.
pub const TAPS: usize = 3;

/// The parameters of a block, in their order: convolutions `[3, C, C]` (tap, input, output; the oldest tap first), `[C]`, and
/// one number.
pub const OF_BLOCK: [&str; 9] = [
    "first-weight",
    "first-bias",
    "first-norm-scale",
    "first-norm-shift",
    "second-weight",
    "second-bias",
    "second-norm-scale",
    "second-norm-shift",
    "residual-scale",
];

const LENGTH: &str = "length";
const DILATIONS: &str = "dilations";

/// Dilations as a setting: numbers with commas between them.
struct Dilations(Vec<usize>);

impl fmt::Display for Dilations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

impl FromStr for Dilations {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        text.split(',').map(str::parse).collect::<std::result::Result<_, _>>().map(Self)
    }
}

impl NextItNetSizes {
    /// I + 1.
    pub fn classes(&self) -> usize {
        self.items + 1
    }

    /// Blocks of all groups.
    pub fn blocks(&self) -> usize {
        self.groups * self.dilations.len()
    }

    /// The dilation of a block's first convolution; that of its second is twice it.
    pub fn dilation(&self, block: usize) -> usize {
        self.dilations[block % self.dilations.len()]
    }

    /// Names and shapes.
    pub fn layout(&self) -> Layout {
        let (width, classes) = (self.width, self.classes());
        let of_block = (0..self.blocks()).flat_map(|block| {
            OF_BLOCK.map(|name| {
                let shape = match name {
                    "first-weight" | "second-weight" => vec![TAPS, width, width],
                    "residual-scale" => vec![1],
                    _ => vec![width],
                };
                (format!("block-{block}-{name}"), shape)
            })
        });
        let output = [("output-weight", vec![classes, width]), ("output-bias", vec![classes])];
        let output = output.map(|(name, shape)| (name.to_string(), shape));
        let tensors = std::iter::once(("item".to_string(), vec![classes, width])).chain(of_block).chain(output);
        Layout::new("NextItNet", tensors)
    }

    /// Initial weights; each tensor draws from a stream of its own. Of the item table ±√(1/(I + 1)), of convolutions torch's
    /// default, the output layer Normal(0, 0.01) and 0.1, and the scale of every block's branch 0 (code).
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Weights {
        let init = |name: &str, _: &[usize]| match name {
            "item" => Init::Uniform((1.0 / self.classes() as f64).sqrt()),
            "output-weight" => Init::Normal(0.01),
            "output-bias" => Init::Constant(0.1),
            _ if name.ends_with("residual-scale") || name.ends_with("shift") => Init::Zeros,
            _ if name.ends_with("norm-scale") => Init::Ones,
            _ => Init::of_layer(TAPS * self.width),
        };
        Weights { parameters: self.layout().initial(stream, init), settings: self.settings() }
    }

    /// L, and the dilations.
    pub fn settings(&self) -> Settings {
        Settings::default().with(LENGTH, self.length).with(DILATIONS, Dilations(self.dilations.clone()))
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if they are not those of such a model.
    pub fn of(weights: &Weights) -> Result<Self> {
        let Dilations(dilations) = weights.settings.get(DILATIONS)?;
        let blocks = weights.parameters.len().saturating_sub(1 + OUTPUT) / OF_BLOCK.len();
        let sizes = Self {
            items: weights.size(0, 0).saturating_sub(1),
            width: weights.size(0, 1),
            length: weights.settings.get(LENGTH)?,
            groups: blocks / dilations.len(),
            dilations,
        };
        sizes.layout().check(weights)?;
        if sizes.groups > 0 && sizes.items > 0 && sizes.length > 0 && !sizes.dilations.contains(&0) {
            Ok(sizes)
        } else {
            Err(Error::new(Kind::Internal, "these are not the parameters of a NextItNet model"))
        }
    }
}
