//! The ten operations of an edge, and the spaces that are searched (code).
//!
//! Every operation maps a sequence of L positions × C channels to another one, and reads max(x, 0). Convolutions have a bias
//! and are followed by batch normalisation. All but `cau_cnn_3`, `cau_cnn_5`, `skip_connect` and `none` read positions after
//! their own, which at training hold the labels; whether the paper's space has them is not known.

use std::fmt;
use std::str::FromStr;

use harness::error::{Error, Kind, Result};
use serde::{Deserialize, Deserializer};

/// An operation of an edge, in the order of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Centred convolution of 3 taps.
    StdCnn3,
    /// Centred, 2 positions from tap to tap.
    DilCnn3,
    /// The same moved to the past: no tap reads a later position.
    CauCnn3,
    /// Centred convolution of 5 taps.
    StdCnn5,
    /// Centred, 2 positions from tap to tap.
    DilCnn5,
    /// The same moved to the past.
    CauCnn5,
    /// The largest of a position and its two neighbours.
    MaxPool,
    /// Their sum over 3, also at the ends, where a neighbour counts as 0.
    AvgPool,
    /// max(x, 0) itself.
    SkipConnect,
    /// Zeros.
    None,
}

impl Operation {
    /// All, in the order of the code.
    pub const ALL: [Self; 10] = [
        Self::StdCnn3,
        Self::DilCnn3,
        Self::CauCnn3,
        Self::StdCnn5,
        Self::DilCnn5,
        Self::CauCnn5,
        Self::MaxPool,
        Self::AvgPool,
        Self::SkipConnect,
        Self::None,
    ];

    /// The name in the code, in specs and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::StdCnn3 => "std_cnn_3",
            Self::DilCnn3 => "dil_cnn_3",
            Self::CauCnn3 => "cau_cnn_3",
            Self::StdCnn5 => "std_cnn_5",
            Self::DilCnn5 => "dil_cnn_5",
            Self::CauCnn5 => "cau_cnn_5",
            Self::MaxPool => "max_pool",
            Self::AvgPool => "avg_pool",
            Self::SkipConnect => "skip_connect",
            Self::None => "none",
        }
    }

    /// The positions that it reads, relative to its own, ascending: the taps of a convolution in their order.
    pub fn reads(self) -> &'static [isize] {
        match self {
            Self::StdCnn3 | Self::MaxPool | Self::AvgPool => &[-1, 0, 1],
            Self::DilCnn3 => &[-2, 0, 2],
            Self::CauCnn3 => &[-4, -2, 0],
            Self::StdCnn5 => &[-2, -1, 0, 1, 2],
            Self::DilCnn5 => &[-4, -2, 0, 2, 4],
            Self::CauCnn5 => &[-8, -6, -4, -2, 0],
            Self::SkipConnect => &[0],
            Self::None => &[],
        }
    }

    /// Taps of a convolution; 0 of the other operations.
    pub fn taps(self) -> usize {
        if self < Self::MaxPool { self.reads().len() } else { 0 }
    }

    /// Whether it has weights, and batch normalisation after them.
    pub fn is_convolution(self) -> bool {
        self.taps() > 0
    }

    /// Whether it reads a position after its own.
    pub fn sees_ahead(self) -> bool {
        self.reads().iter().any(|&shift| shift > 0)
    }

    /// Trained numbers at C `channels`: k·C² weights, C biases, and the 2·C of batch normalisation.
    pub fn parameters(self, channels: usize) -> u64 {
        let (taps, channels) = (self.taps() as u64, channels as u64);
        if taps == 0 { 0 } else { taps * channels * channels + 3 * channels }
    }

    /// Multiply-adds for a sequence of `length` positions at C `channels`, counted as the code's tool counts: k·C² a
    /// position for the taps of a convolution, C for its bias, 2·C for batch normalisation; C for a pool.
    pub fn macs(self, channels: usize, length: usize) -> u64 {
        let positions = length as u64;
        match self {
            Self::MaxPool | Self::AvgPool => channels as u64 * positions,
            _ => self.parameters(channels) * positions,
        }
    }

    /// The cost that the code states for it, whatever the width and the length: [`operation_costs`] at C = 128 and L = 100,
    /// rounded to eight decimals.
    pub fn cost(self) -> f64 {
        match self {
            Self::StdCnn3 | Self::DilCnn3 | Self::CauCnn3 => 0.565_318_34,
            Self::StdCnn5 | Self::DilCnn5 | Self::CauCnn5 => 2.127_012_75,
            Self::MaxPool | Self::AvgPool => 0.480_754_44,
            Self::SkipConnect | Self::None => 0.480_748_93,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Operation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(|operation| format!("`{operation}`"));
            Error::new(Kind::Input, "not an operation").expected(names.join(", ")).got(format!("`{name}`"))
        })
    }
}

/// The costs of all operations by the formula from which the code's constants come, found by us: 10 · ½ ·
/// (softmax(multiply-adds/10⁶) + softmax(parameters/10⁶)) over the ten, where a count of 0 is taken for 1.
pub fn operation_costs(channels: usize, length: usize) -> [f64; 10] {
    let softmax = |counts: [u64; 10]| {
        let millions = counts.map(|count| count.max(1) as f64 / 1e6);
        let largest = millions.iter().copied().fold(f64::MIN, f64::max);
        let powers = millions.map(|x| libm::exp(x - largest));
        let sum: f64 = powers.iter().sum();
        powers.map(|power| power / sum)
    };
    let macs = softmax(Operation::ALL.map(|operation| operation.macs(channels, length)));
    let parameters = softmax(Operation::ALL.map(|operation| operation.parameters(channels)));
    std::array::from_fn(|k| 5.0 * (macs[k] + parameters[k]))
}

/// The operations among which an edge chooses, in the order of [`Operation::ALL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchSpace(Vec<Operation>);

const SEPARATOR: char = ',';

impl SearchSpace {
    /// All ten (code).
    pub fn coded() -> Self {
        Self(Operation::ALL.to_vec())
    }

    /// `cau_cnn_3`, `cau_cnn_5`, `skip_connect` and `none`: those that see no later position (ours).
    pub fn causal() -> Self {
        Self(Operation::ALL.into_iter().filter(|operation| !operation.sees_ahead()).collect())
    }

    /// The space of these operations, in whatever order.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if one is named twice, or there is none but `none`.
    pub fn new(operations: &[Operation]) -> Result<Self> {
        let mut sorted = operations.to_vec();
        sorted.sort_unstable();
        let refused = |what: &str| {
            let names: Vec<&str> = operations.iter().map(|operation| operation.name()).collect();
            Error::new(Kind::Input, what).got(format!("[{}]", names.join(", ")))
        };
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(refused("a search space that names an operation twice"));
        }
        if sorted.iter().all(|&operation| operation == Operation::None) {
            return Err(refused("a search space without any operation but `none`: no student would see a sequence"));
        }
        Ok(Self(sorted))
    }

    /// The operations, in the order of the code.
    pub fn operations(&self) -> &[Operation] {
        &self.0
    }
}

/// The names with commas between them.
impl fmt::Display for SearchSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, operation) in self.0.iter().enumerate() {
            write!(f, "{}{operation}", if k > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for SearchSpace {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(&text.split(SEPARATOR).map(str::parse).collect::<Result<Vec<_>>>()?)
    }
}

harness::described! {
    SearchSpace: { "anyOf": [
        { "enum": ["coded", "causal"] },
        { "type": "array", "items": { "enum": Operation::ALL.map(Operation::name) } },
    ] }
}

/// `"coded"`, `"causal"`, or a list of names.
impl<'de> Deserialize<'de> for SearchSpace {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected \"coded\", \"causal\" or a list of names of operations")]
        enum Wire {
            Named(String),
            Listed(Vec<String>),
        }
        let space = match Wire::deserialize(deserializer)? {
            Wire::Named(name) if name == "coded" => return Ok(Self::coded()),
            Wire::Named(name) if name == "causal" => return Ok(Self::causal()),
            Wire::Named(name) => Err(Error::new(Kind::Input, "not a search space")
                .expected("`coded`, `causal` or a list of names of operations")
                .got(format!("`{name}`"))),
            Wire::Listed(names) => {
                names.iter().map(|name| name.parse()).collect::<Result<Vec<_>>>().and_then(|all| Self::new(&all))
            }
        };
        space.map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles};
    use crate::kit::parse;

    #[test]
    fn costs_are_those_of_the_code_and_of_their_formula() {
        let case = case("adarec.json", "operation_costs");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let counts = |of: &dyn Fn(Operation) -> u64| Operation::ALL.map(|operation| of(operation).max(1) as f64);
        assert_eq!(counts(&|operation| operation.macs(128, 100)).to_vec(), doubles(&inputs["macs"]));
        assert_eq!(counts(&|operation| operation.parameters(128)).to_vec(), doubles(&inputs["params"]));
        assert_near(&operation_costs(128, 100), &doubles(&expected["cost"]), 1e-9, "formula");
        assert_near(&operation_costs(128, 100), &Operation::ALL.map(Operation::cost), 5e-9, "rounded");
        assert_eq!(Operation::ALL.map(Operation::cost).to_vec(), doubles(&expected["constants_in_code"]));
    }

    #[test]
    fn which_operations_see_what() {
        let ahead: Vec<&str> = Operation::ALL.into_iter().filter(|o| o.sees_ahead()).map(Operation::name).collect();
        assert_eq!(ahead, ["std_cnn_3", "dil_cnn_3", "std_cnn_5", "dil_cnn_5", "max_pool", "avg_pool"]);
        for operation in Operation::ALL {
            assert!(operation.reads().is_sorted(), "{operation}");
            assert_eq!(operation.name().parse::<Operation>().unwrap(), operation);
            assert_eq!(operation.taps(), operation.name().chars().last().unwrap().to_digit(10).unwrap_or(0) as usize);
        }
        assert!("cnn".parse::<Operation>().unwrap_err().to_string().contains("`std_cnn_3`"));
    }

    #[test]
    fn spaces_are_named_or_listed_and_never_empty() {
        assert_eq!(parse::<SearchSpace>("\"coded\"").unwrap(), SearchSpace::coded());
        let causal = parse::<SearchSpace>("\"causal\"").unwrap();
        assert_eq!(causal.to_string(), "cau_cnn_3,cau_cnn_5,skip_connect,none");
        assert_eq!(causal.to_string().parse::<SearchSpace>().unwrap(), causal);
        let listed = parse::<SearchSpace>("[\"none\", \"cau_cnn_3\"]").unwrap();
        assert_eq!(listed.operations(), [Operation::CauCnn3, Operation::None]);
        for (value, said) in [
            ("[\"none\"]", "any operation but `none`"),
            ("[]", "any operation but `none`"),
            ("[\"max_pool\", \"max_pool\"]", "twice"),
            ("[\"cau3\"]", "not an operation"),
            ("\"all\"", "not a search space"),
            ("3", "a list of names"),
        ] {
            let error = parse::<SearchSpace>(value).unwrap_err();
            assert!(error.contains(said), "{value}: {error}");
        }
    }
}
