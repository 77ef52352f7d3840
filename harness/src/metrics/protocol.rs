//! Evaluation protocols: which candidates are ranked, and by which metrics.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{Metric, Reads};
use crate::digest::{Digest, FieldHasher};
use crate::error::{Error, Kind, Result};

/// How a paper evaluates: which candidates the held-out items are ranked among, and by which metrics. Values under two
/// protocols are not comparable.
///
/// In a spec: `candidates = "full"`, `candidates = "all"`, or `candidates = "sampled"` with `negatives`, `seed` and, if
/// it is not from a stream, `draw`; `metrics = ["recall@10", "ap"]`. Or `candidates = "labelled"` with metrics of scores, such as `auc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WireProtocol", into = "WireProtocol")]
pub struct Protocol {
    pub candidates: Candidates,
    /// At least one, no metric twice, all of them computed from ranks, or all from scores of labelled pairs as
    /// [`Candidates::Labelled`] has them; in the spec's order.
    pub metrics: Vec<Metric>,
}

/// The items that a query's targets are ranked among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// Every item that the user has not seen: for validation, not in train; for test, neither in
    /// train nor in validation. Held-out items of the other part that are still ahead (test items
    /// while validating) stay in: the model must not know them. Ties: lower item id first.
    ///
    /// Ranking Distillation deletes "every item the user has in the training part (train+validation
    /// in the reporting phase)", which is this rule in both phases.
    Full,
    /// Every item, those that the user has seen too: in a session an item can come again. Ties: lower item id first.
    All,
    /// The only held-out item, then `negatives` distinct items drawn uniformly from those that the
    /// user has in no part. Drawn once from `seed`, which is the protocol's own: the same for
    /// validation and test, for every trial and every run seed. Ties: the held-out item wins.
    /// Pieces of one user share its draw, which is from the items that are in none of them and nowhere
    /// else in what the user did.
    Sampled { negatives: usize, seed: u64, draw: Draw },
    /// None: every labelled (query, item) pair of the test is scored by itself, and nothing is ranked.
    Labelled,
}

/// How sampled candidates are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// From our own random streams: what a spec means that does not say `draw`.
    Stream,
    /// Those whose ASCII text `seed/user/item` has the least SHA-256, users and items numbered from 1 as the split rule
    /// orders them; any program can make the same draw. In a spec `draw = "sha256"`.
    Sha256,
}

/// The table `protocol` as written in a spec. Flat, because serde's `flatten` and tagged enums let unknown keys pass.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WireProtocol {
    candidates: WireCandidates,
    #[serde(skip_serializing_if = "Option::is_none")]
    negatives: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draw: Option<WireDraw>,
    metrics: Vec<Metric>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WireCandidates {
    Full,
    All,
    Sampled,
    Labelled,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WireDraw {
    Sha256,
}

impl JsonSchema for Protocol {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Protocol".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        WireProtocol::json_schema(generator)
    }
}

impl Reads {
    /// Refuses a metric that is computed from something else.
    ///
    /// # Errors
    /// [`Input`](Kind::Input)
    pub fn check(self, metric: Metric) -> Result<()> {
        let (what, expected) = match (self, metric.reads()) {
            (Self::Ranks, Self::Scores) => (
                format!("metric `{metric}` reads the scores of labelled pairs, and the protocol ranks candidates"),
                "a metric of ranks, such as `ndcg@10`",
            ),
            (Self::Scores, Self::Ranks) => (
                format!("metric `{metric}` reads ranks, and the protocol scores labelled pairs"),
                "a metric of scores: `auc`, `auc-by-row` or `logloss`",
            ),
            _ => return Ok(()),
        };
        Err(Error::new(Kind::Input, what)
            .expected(expected)
            .got(format!("`{metric}`"))
            .hint("metrics of ranks and of scores do not mix; `candidates = \"labelled\"` is the protocol of scores"))
    }
}

impl Candidates {
    /// The word of a spec that asks for labelled pairs.
    pub const LABELLED: &str = "labelled";

    /// What the metrics of the protocol are computed from.
    pub fn reads(self) -> Reads {
        if self == Self::Labelled { Reads::Scores } else { Reads::Ranks }
    }

    /// The candidates in words, for reports.
    pub fn describe(self) -> String {
        match self {
            Self::Full => "all items that the user has not interacted with".into(),
            Self::All => "all items that are known, those of the query too".into(),
            Self::Sampled { negatives, seed, draw: Draw::Stream } => format!(
                "the held-out item and {negatives} items drawn from stream {seed}, the same for every trial and seed"
            ),
            Self::Sampled { negatives, seed, draw: Draw::Sha256 } => format!(
                "the held-out item and the {negatives} items that the user never had to do with whose text \
                 `{seed}/user/item` has the least SHA-256, the same for every trial and seed"
            ),
            Self::Labelled => "none: every labelled pair of the test is scored by itself".into(),
        }
    }

    /// Which of the items with equal scores comes first, for every metric of the protocol.
    pub fn ties(self) -> &'static str {
        match self {
            Self::Full | Self::All => "lower item id first; the pessimistic value puts every target last",
            Self::Sampled { .. } => "held-out item first; the pessimistic value puts it last",
            Self::Labelled => "as the definition says; in the pessimistic value a positive loses to its equals",
        }
    }
}

/// A protocol with more metrics is refused.
const MOST_METRICS: usize = 500;

impl Protocol {
    /// The name of the protocol's own random streams, which no trial may have.
    pub const STREAM: &str = "protocol";

    /// # Errors
    /// [`Input`](Kind::Input): no metric, a metric twice, too many, one of scores where candidates are ranked or of ranks
    /// where pairs are scored, or sampled candidates without negatives.
    pub fn new(candidates: Candidates, metrics: Vec<Metric>) -> Result<Self> {
        if metrics.is_empty() {
            return Err(Error::new(Kind::Input, "the protocol measures nothing")
                .expected("at least one metric, such as `metrics = [\"ndcg@10\"]`")
                .got("`metrics = []`"));
        }
        if metrics.len() > MOST_METRICS {
            return Err(Error::new(Kind::Input, "the protocol has more metrics than anyone reads")
                .expected(format!("at most {MOST_METRICS}"))
                .got(metrics.len().to_string()));
        }
        if let Some(twice) = metrics.iter().enumerate().find(|(i, m)| metrics[..*i].contains(m)) {
            return Err(Error::new(Kind::Input, format!("metric `{}` is listed twice", twice.1)));
        }
        metrics.iter().try_for_each(|metric| candidates.reads().check(*metric))?;
        if matches!(candidates, Candidates::Sampled { negatives: 0, .. }) {
            return Err(Error::new(Kind::Input, "sampled candidates without negatives: every list has one item")
                .expected("`negatives` of at least 1, such as 499")
                .got("0"));
        }
        Ok(Self { candidates, metrics })
    }

    /// Digest of candidates, draws and metrics.
    pub fn digest(&self) -> Digest {
        let text = serde_json::to_vec(self).expect("a protocol is plain data");
        let mut hasher = FieldHasher::new("reprise protocol 1");
        hasher.field("protocol", &text);
        hasher.finish()
    }

    /// The largest cutoff of the metrics.
    pub fn largest_cutoff(&self) -> Option<u32> {
        self.metrics.iter().filter_map(|m| m.cutoff()).max()
    }

    /// How many items a list must have for every metric; `None` where it must have all candidates: few were drawn or
    /// labelled, or a metric has no cutoff.
    pub fn list_length(&self) -> Option<u32> {
        match self.candidates {
            Candidates::Sampled { .. } | Candidates::Labelled => None,
            Candidates::Full | Candidates::All if self.metrics.iter().any(|metric| metric.cutoff().is_none()) => None,
            Candidates::Full | Candidates::All => self.largest_cutoff(),
        }
    }
}

impl TryFrom<WireProtocol> for Protocol {
    type Error = Error;

    fn try_from(wire: WireProtocol) -> Result<Self> {
        let stray = |key: &str| {
            Error::new(Kind::Input, format!("`{key}` has no meaning without `candidates = \"sampled\"`"))
                .hint(format!("remove `{key}`, or set `candidates = \"sampled\"`"))
        };
        let absent = |key: &str, example: &str| {
            Error::new(Kind::Input, format!("sampled candidates need `{key}`"))
                .expected(format!("`{key} = {example}`"))
                .got("nothing")
        };
        let draw = wire.draw.map_or(Draw::Stream, |WireDraw::Sha256| Draw::Sha256);
        if draw != Draw::Stream && !matches!(wire.candidates, WireCandidates::Sampled) {
            return Err(stray("draw"));
        }
        let candidates = match (wire.candidates, wire.negatives, wire.seed) {
            (WireCandidates::Full, None, None) => Candidates::Full,
            (WireCandidates::All, None, None) => Candidates::All,
            (WireCandidates::Labelled, None, None) => Candidates::Labelled,
            (WireCandidates::Full | WireCandidates::All | WireCandidates::Labelled, Some(_), _) => {
                return Err(stray("negatives"));
            }
            (WireCandidates::Full | WireCandidates::All | WireCandidates::Labelled, None, Some(_)) => {
                return Err(stray("seed"));
            }
            (WireCandidates::Sampled, Some(negatives), Some(seed)) => Candidates::Sampled { negatives, seed, draw },
            (WireCandidates::Sampled, None, _) => return Err(absent("negatives", "499")),
            (WireCandidates::Sampled, _, None) => return Err(absent("seed", "0")),
        };
        Self::new(candidates, wire.metrics)
    }
}

impl From<Protocol> for WireProtocol {
    fn from(protocol: Protocol) -> Self {
        let unsampled = |candidates| (candidates, None, None, None);
        let (candidates, negatives, seed, draw) = match protocol.candidates {
            Candidates::Full => unsampled(WireCandidates::Full),
            Candidates::All => unsampled(WireCandidates::All),
            Candidates::Labelled => unsampled(WireCandidates::Labelled),
            Candidates::Sampled { negatives, seed, draw } => {
                let draw = (draw == Draw::Sha256).then_some(WireDraw::Sha256);
                (WireCandidates::Sampled, Some(negatives), Some(seed), draw)
            }
        };
        Self { candidates, negatives, seed, draw, metrics: protocol.metrics }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> std::result::Result<Protocol, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn reads_both_kinds_and_writes_them_back() {
        let sampled = read("candidates = \"sampled\"\nnegatives = 499\nseed = 0\nmetrics = [\"loo-hr@5\"]").unwrap();
        assert_eq!(sampled.candidates, Candidates::Sampled { negatives: 499, seed: 0, draw: Draw::Stream });
        // As it was before there was another draw: fingerprints hang on it.
        let written = r#"{"candidates":"sampled","negatives":499,"seed":0,"metrics":["loo-hr@5"]}"#;
        assert_eq!(serde_json::to_string(&sampled).unwrap(), written);
        let text = "candidates = \"sampled\"\nnegatives = 100\nseed = 42\ndraw = \"sha256\"\nmetrics = [\"loo-hr@5\"]";
        let hashed = read(text).unwrap();
        assert_eq!(hashed.candidates, Candidates::Sampled { negatives: 100, seed: 42, draw: Draw::Sha256 });
        let full = read("candidates = \"full\"\nmetrics = [\"recall@10\", \"ap\"]").unwrap();
        assert_eq!(full.candidates, Candidates::Full);
        assert_eq!(full.largest_cutoff(), Some(10));
        let all = read("candidates = \"all\"\nmetrics = [\"mrr@20\"]").unwrap();
        assert_eq!(all.candidates, Candidates::All);
        let labelled = read("candidates = \"labelled\"\nmetrics = [\"auc\", \"logloss\"]").unwrap();
        assert_eq!((labelled.candidates, labelled.largest_cutoff()), (Candidates::Labelled, None));
        for protocol in [sampled, hashed, full, all, labelled] {
            assert_eq!(read(&toml::to_string(&protocol).unwrap()).unwrap(), protocol);
        }
    }

    #[test]
    fn refuses_what_means_nothing() {
        let cases = [
            ("candidates = \"full\"\nnegatives = 5\nmetrics = [\"ap\"]", "`negatives` has no meaning"),
            ("candidates = \"full\"\nseed = 5\nmetrics = [\"ap\"]", "`seed` has no meaning"),
            ("candidates = \"sampled\"\nseed = 5\nmetrics = [\"ap\"]", "need `negatives`"),
            ("candidates = \"sampled\"\nnegatives = 5\nmetrics = [\"ap\"]", "need `seed`"),
            ("candidates = \"sampled\"\nnegatives = 0\nseed = 1\nmetrics = [\"ap\"]", "without negatives"),
            ("candidates = \"full\"\ndraw = \"sha256\"\nmetrics = [\"ap\"]", "`draw` has no meaning"),
            (
                "candidates = \"sampled\"\nnegatives = 5\nseed = 1\ndraw = \"sha\"\nmetrics = [\"ap\"]",
                "unknown variant `sha`",
            ),
            ("candidates = \"full\"\nmetrics = []", "measures nothing"),
            ("candidates = \"full\"\nmetrics = [\"ap\", \"hr@5\", \"ap\"]", "`ap` is listed twice"),
            ("candidates = \"full\"\nmetrics = [\"hr@0\"]", "cutoff of metric `hr` is 0"),
            ("candidates = \"full\"\nmetric = [\"ap\"]", "unknown field `metric`"),
            ("candidates = \"al\"\nmetrics = [\"ap\"]", "unknown variant `al`"),
            ("candidates = \"all\"\nseed = 5\nmetrics = [\"ap\"]", "`seed` has no meaning"),
            ("candidates = \"full\"\nmetrics = [\"ap\", \"auc\"]", "`auc` reads the scores of labelled pairs"),
            ("candidates = \"full\"\nmetrics = [\"logloss\"]", "`logloss` reads the scores"),
            ("candidates = \"labelled\"\nmetrics = [\"auc\", \"hr@5\"]", "`hr@5` reads ranks"),
            ("candidates = \"labelled\"\nseed = 5\nmetrics = [\"auc\"]", "`seed` has no meaning"),
        ];
        for (text, expected) in cases {
            let message = read(text).unwrap_err();
            assert!(message.contains(expected), "{text}\n{message}");
        }
    }
}
