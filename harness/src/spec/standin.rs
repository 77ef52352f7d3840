//! Minimal versions of types that `split` and `metrics` own, until they are merged; then this file
//! goes and `mod.rs` names the real ones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    Given { train: String, valid: String, test: String },
    LeaveLastOut { core: usize },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    definition: String,
    cutoff: Option<u32>,
}

const DEFINITIONS: [&str; 11] =
    ["ap", "hr", "loo-hr", "loo-mrr", "loo-ndcg", "map", "mrr", "ndcg", "ndcg-rd", "precision", "recall"];

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (definition, cutoff) = match text.split_once('@') {
            Some((definition, cutoff)) => (definition, Some(cutoff)),
            None => (text, None),
        };
        if !DEFINITIONS.contains(&definition) {
            return Err(format!("unknown metric `{definition}`, expected one of {}", DEFINITIONS.join(", ")));
        }
        let cutoff = match cutoff.map(str::parse) {
            None => None,
            Some(Ok(cutoff)) if cutoff > 0 => Some(cutoff),
            _ => return Err(format!("the cutoff of `{text}` must be an integer of at least 1")),
        };
        Ok(Self { definition: definition.to_string(), cutoff })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.definition)?;
        self.cutoff.map_or(Ok(()), |cutoff| write!(f, "@{cutoff}"))
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Candidates {
    Full,
    Sampled { negatives: usize, seed: u64 },
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "WireProtocol", into = "WireProtocol")]
pub struct Protocol {
    pub candidates: Candidates,
    pub metrics: Vec<Metric>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(tag = "candidates", rename_all = "kebab-case", deny_unknown_fields)]
enum WireProtocol {
    Full { metrics: Vec<Metric> },
    Sampled { negatives: usize, seed: u64, metrics: Vec<Metric> },
}

impl TryFrom<WireProtocol> for Protocol {
    type Error = String;

    fn try_from(wire: WireProtocol) -> Result<Self, String> {
        Ok(match wire {
            WireProtocol::Full { metrics } => Self { candidates: Candidates::Full, metrics },
            WireProtocol::Sampled { negatives, seed, metrics } => {
                Self { candidates: Candidates::Sampled { negatives, seed }, metrics }
            }
        })
    }
}

impl From<Protocol> for WireProtocol {
    fn from(protocol: Protocol) -> Self {
        let metrics = protocol.metrics;
        match protocol.candidates {
            Candidates::Full => Self::Full { metrics },
            Candidates::Sampled { negatives, seed } => Self::Sampled { negatives, seed, metrics },
        }
    }
}
