//! Trained students as they are served, and a super-net as it is validated.

use harness::error::{Error, Kind, Result};
use harness::metrics::{Dot, Scorer};
use harness::queries::Queries;
use harness::weights::{Parameter, Settings, Weights};

use super::architecture::Architecture;
use super::encoder::StudentEncoder;
use super::student::Student;
use super::student_sizes::{Network, StudentSizes, inherit};
use crate::models::pieces::{OutputLayer, PieceEncoder, PieceOutputs, PieceScorer, left_padded};

/// A student as a kind of model.
pub const STUDENT: &str = "adarec-student";

/// A searched super-net as a kind of model.
pub const SEARCH: &str = "adarec-search";

/// The setting of a super-net's weights that says which architecture its α stands for.
const DERIVED: &str = "derived";

/// The tensors of a super-net that are α's start with it.
const ALPHA: &str = "alpha-";

/// The weights of a super-net: those of the network, α, and the architecture that α stands for.
pub fn searched(network: Weights, alpha: impl IntoIterator<Item = Parameter>, derived: &Architecture) -> Weights {
    let settings = network.settings.clone().with(DERIVED, derived);
    Weights { parameters: network.parameters.into_iter().chain(alpha).collect(), settings }
}

/// The weights of the network of a [super-net](searched), α, and the derived architecture.
///
/// # Errors
/// [`Internal`](Kind::Internal) if they are not a super-net's.
pub fn of_searched(weights: Weights) -> Result<(Weights, Vec<Parameter>, Architecture)> {
    let derived = weights.settings.get(DERIVED)?;
    let (alpha, parameters) = weights.parameters.into_iter().partition(|parameter| parameter.name.starts_with(ALPHA));
    let settings = weights.settings.iter().filter(|(key, _)| *key != DERIVED);
    let settings = settings.fold(Settings::default(), |settings, (key, value)| settings.with(key, value));
    let network = Weights { parameters, settings };
    match StudentSizes::of(&network)?.network {
        Network::Search(_) => Ok((network, alpha, derived)),
        Network::Fixed(_) => Err(Error::new(Kind::Internal, "a student of one architecture is no super-net")),
    }
}

/// A trained student with its output layer.
struct ServedStudent {
    encoder: StudentEncoder,
    length: usize,
    width: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl ServedStudent {
    fn new(weights: &Weights) -> Result<Self> {
        let (encoder, sizes) = (StudentEncoder::new(weights)?, StudentSizes::of(weights)?);
        let [.., output, bias] = &weights.parameters[..] else {
            return Err(Error::new(Kind::Internal, "a student without an output layer"));
        };
        let (weights, bias) = (output.values.clone(), bias.values.clone());
        Ok(Self { encoder, length: sizes.length, width: sizes.channels, weights, bias })
    }
}

impl PieceEncoder for ServedStudent {
    fn length(&self) -> usize {
        self.length
    }

    fn width(&self) -> usize {
        self.width
    }

    /// None: a student teaches nobody.
    fn layers(&self) -> usize {
        0
    }

    fn outputs(&self, inputs: &[u32], out: &mut PieceOutputs) {
        self.encoder.encode(inputs, &mut out.last).expect("whole pieces of known items");
    }

    fn last_positions(&self, inputs: &[u32], out: &mut [f32]) {
        out.copy_from_slice(&self.encoder.encode_last(inputs).expect("whole pieces of known items"));
    }

    fn output_layer(&self) -> OutputLayer<'_> {
        OutputLayer { weights: &self.weights, bias: &self.bias, width: self.width }
    }
}

/// A trained student for these queries.
///
/// # Errors
/// [`Internal`](Kind::Internal) if the weights are not a student's, or of another number of items.
pub fn scorer(weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
    Ok(Box::new(PieceScorer::new(Box::new(ServedStudent::new(weights)?), queries)?))
}

/// A super-net with the operations of its derived architecture, for these queries.
///
/// # Errors
/// As [`scorer`].
pub fn search_scorer(weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
    let (network, _, derived) = of_searched(weights.clone())?;
    scorer(&inherit(&network, derived)?, queries)
}

/// Answers of a student in training: representations of all askers, made in advance.
pub struct Answering<'a> {
    /// `[askers, C]`
    representations: Vec<f32>,
    layer: OutputLayer<'a>,
}

/// Askers that are answered with one drawn architecture (code: batches of validation).
const BATCH: usize = 128;

impl<'a> Answering<'a> {
    /// Answers every [`BATCH`] askers with the operations that `architecture` gives for them.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if an edge lacks its operation, or an item has no row.
    pub fn new(
        student: &'a Student,
        queries: &Queries,
        mut architecture: impl FnMut() -> Result<Architecture>,
    ) -> Result<Self> {
        let (length, width) = (student.sizes().length, student.sizes().channels);
        let askers: Vec<u32> = (0..queries.inputs().n_users() as u32).collect();
        let mut representations = Vec::with_capacity(askers.len() * width);
        for askers in askers.chunks(BATCH) {
            let mut inputs = vec![0; askers.len() * length];
            for (row, &asker) in inputs.chunks_exact_mut(length).zip(askers) {
                left_padded(queries.inputs().of(asker), row);
            }
            representations.extend(student.encoder(&architecture()?)?.encode_last(&inputs)?);
        }
        let [weights, bias] = student.output().each_ref().map(|tensor| &tensor.weights[..]);
        Ok(Self { representations, layer: OutputLayer { weights, bias, width } })
    }

    fn representation(&self, asker: u32) -> &[f32] {
        &self.representations[asker as usize * self.layer.width..][..self.layer.width]
    }

    fn as_dot(&self) -> Dot<'_> {
        let OutputLayer { weights, bias, width } = self.layer;
        let encode = move |askers: &[u32], out: &mut [f32]| {
            for (row, &asker) in out.chunks_exact_mut(width).zip(askers) {
                row.copy_from_slice(self.representation(asker));
            }
        };
        Dot { dim: width, items: &weights[width..], bias: Some(&bias[1..]), encode: Box::new(encode) }
    }
}

impl Scorer for Answering<'_> {
    fn n_items(&self) -> usize {
        self.layer.classes() - 1
    }

    fn score(&self, query: u32, items: &[u32], out: &mut [f32]) {
        self.as_dot().score(self.representation(query), items, out);
    }

    fn score_all(&self, query: u32, out: &mut [f32]) {
        self.as_dot().score_all(self.representation(query), out);
    }

    fn dot(&self) -> Option<Dot<'_>> {
        Some(self.as_dot())
    }
}
