//! The sizes of a student, its tensors by name, how they start, and what a derived student inherits.

use harness::error::{Error, Kind, Result};
use harness::rng::Stream;
use harness::weights::{Init, Layout, Parameter, Settings, Weights};

use super::architecture::{Architecture, EDGES, NODES, ends};
use super::operation::{Operation, SearchSpace};

/// Least positions of a piece: shorter ones are dropped (code).
const SHORTEST: usize = 4;

/// Standard deviation of the initial weights of nodes (code).
const INITIAL_NODES: f64 = 0.01;

/// Which operations the edges of a student have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// All of the space on each edge, of which each pass uses one.
    Search(SearchSpace),
    /// One on each edge.
    Fixed(Architecture),
}

/// All that shapes a student.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudentSizes {
    /// I: ids are 1 to I, and 0 is padding.
    pub items: usize,
    /// L.
    pub length: usize,
    /// C.
    pub channels: usize,
    /// Cells, one after the other (4).
    pub cells: usize,
    pub network: Network,
}

/// Trained numbers by what they are for. Running statistics are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StudentParameters {
    /// Token and position tables.
    pub tables: u64,
    pub cells: u64,
    /// From C channels to I + 1 classes, with biases.
    pub output: u64,
}

/// Tensors of an edge that has convolutions: `weight` `[taps, C, C]` (tap, input, output), the taps of one operation after those
/// of the other; the others `[convolutions, C]`.
pub const OF_EDGE: [&str; 6] = ["weight", "bias", "scale", "shift", "mean", "variance"];

const SPACE: &str = "space";
const ARCHITECTURE: &str = "architecture";

impl StudentSizes {
    /// Refuses sizes that no student has.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if L is below 4, or another size is 0.
    pub fn check(&self) -> Result<()> {
        if self.length < SHORTEST {
            return Err(Error::new(
                Kind::Input,
                "a student reads at least 4 positions, since shorter pieces are dropped",
            )
            .expected("a `length` of at least 4")
            .got(self.length.to_string()));
        }
        if [self.items, self.channels, self.cells].contains(&0) {
            return Err(Error::new(Kind::Input, "a student without items, channels or cells"));
        }
        Ok(())
    }

    /// The operations of an edge.
    pub fn operations(&self, edge: usize) -> &[Operation] {
        match &self.network {
            Network::Search(space) => space.operations(),
            Network::Fixed(architecture) => &architecture.0[edge..=edge],
        }
    }

    /// The convolutions of an edge, each with the number of its first tap.
    pub(super) fn convolutions(&self, edge: usize) -> Vec<(Operation, usize)> {
        let mut taps = 0;
        let of = self.operations(edge).iter().filter(|operation| operation.is_convolution());
        of.map(|operation| {
            taps += operation.taps();
            (*operation, taps - operation.taps())
        })
        .collect()
    }

    /// Names and shapes of the tensors.
    pub fn layout(&self) -> Layout {
        let Self { items, length, channels, .. } = *self;
        let mut tensors =
            vec![("token".to_string(), vec![items + 1, channels]), ("position".into(), vec![length, channels])];
        for cell in 0..self.cells {
            for edge in 0..EDGES {
                let convolutions = self.convolutions(edge);
                let Some((last, first_tap)) = convolutions.last() else { continue };
                let (node, source) = ends(edge);
                tensors.extend(OF_EDGE.map(|name| {
                    let shape = match name {
                        "weight" => vec![first_tap + last.taps(), channels, channels],
                        _ => vec![convolutions.len(), channels],
                    };
                    (format!("cell-{cell}-edge-{node}-{source}-{name}"), shape)
                }));
            }
            tensors.push((format!("cell-{cell}-nodes"), vec![NODES]));
            tensors.extend(["norm-scale", "norm-shift"].map(|name| (format!("cell-{cell}-{name}"), vec![channels])));
        }
        tensors.extend([("output-weight".into(), vec![items + 1, channels]), ("output-bias".into(), vec![items + 1])]);
        Layout::new("AdaRec student", tensors)
    }

    /// Initial weights, those of PyTorch's layers (code): tables Normal(0, 1), the row of padding zeros; convolutions and output
    /// uniform within ±1/√inputs; weights of nodes 0.01·Normal(0, 1). Each tensor draws from a stream of its own,
    /// `init.NAME`.
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Weights {
        let channels = self.channels;
        let init = |name: &str, shape: &[usize]| {
            let part = name.rsplit('-').next().unwrap_or(name);
            if let Some(rest) = name.split_once("-edge-").map(|(_, rest)| rest) {
                let mut numbers = rest.split('-').map(|number| number.parse::<usize>().unwrap_or(0));
                let mut number = || numbers.next().unwrap_or(0);
                let edge = super::architecture::edge(number(), number());
                let by_operation = |values: &dyn Fn(Operation) -> usize| {
                    let piece = |(operation, _): (Operation, usize)| {
                        (values(operation), Init::of_layer(channels * operation.taps()))
                    };
                    Init::Pieces(self.convolutions(edge).into_iter().map(piece).collect())
                };
                return match part {
                    "weight" => by_operation(&|operation| operation.taps() * channels * channels),
                    "bias" => by_operation(&|_| channels),
                    "scale" | "variance" => Init::Ones,
                    _ => Init::Zeros,
                };
            }
            match (name, part) {
                ("token", _) => Init::Pieces(vec![
                    (channels, Init::Zeros),
                    (shape.iter().product::<usize>() - channels, Init::Normal(1.0)),
                ]),
                ("position", _) => Init::Normal(1.0),
                ("output-weight" | "output-bias", _) => Init::of_layer(channels),
                (_, "nodes") => Init::Normal(INITIAL_NODES),
                (_, "scale") => Init::Ones,
                _ => Init::Zeros,
            }
        };
        Weights { parameters: self.layout().initial(stream, init), settings: self.settings() }
    }

    /// The space, or the architecture, which no shape tells.
    pub fn settings(&self) -> Settings {
        match &self.network {
            Network::Search(space) => Settings::default().with(SPACE, space),
            Network::Fixed(architecture) => Settings::default().with(ARCHITECTURE, architecture),
        }
    }

    /// The sizes of a student with these weights.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if they are not a student's.
    pub fn of(weights: &Weights) -> Result<Self> {
        let network = match weights.settings.iter().any(|(key, _)| key == SPACE) {
            true => Network::Search(weights.settings.get(SPACE)?),
            false => Network::Fixed(weights.settings.get(ARCHITECTURE)?),
        };
        let cells = weights.parameters.iter().filter(|parameter| parameter.name.ends_with("-nodes")).count();
        let sizes = Self {
            items: weights.size(0, 0).saturating_sub(1),
            length: weights.size(1, 0),
            channels: weights.size(0, 1),
            cells,
            network,
        };
        sizes.layout().check(weights)?;
        Ok(sizes)
    }

    /// Trained numbers, where a student of a search space counts as one of this architecture.
    pub fn parameters(&self, architecture: &Architecture) -> StudentParameters {
        let [items, length, channels] = [self.items, self.length, self.channels].map(|n| n as u64);
        StudentParameters {
            tables: (items + 1 + length) * channels,
            cells: architecture.cell_parameters(self.cells, self.channels),
            output: (items + 1) * (channels + 1),
        }
    }

    /// Multiply-adds for one sequence of L positions: those of the cells, and those of the output layer at all positions,
    /// (C + 1)·(I + 1) each, the bias counted. Tables have none.
    pub fn macs(&self, architecture: &Architecture) -> [u64; 2] {
        let output = (self.items + 1) * (self.channels + 1) * self.length;
        [architecture.cell_macs(self.cells, self.channels, self.length), output as u64]
    }
}

/// The weights of a student of `architecture` that inherits all it can from a searched one (code): tables, the weights and
/// batch statistics of the chosen operations, nodes, norms and output layer.
///
/// # Errors
/// [`Internal`](Kind::Internal) if the weights are not a student's, or lack a chosen operation.
pub fn inherit(weights: &Weights, architecture: Architecture) -> Result<Weights> {
    let from = StudentSizes::of(weights)?;
    let sizes = StudentSizes { network: Network::Fixed(architecture), ..from.clone() };
    let mut parameters = Vec::with_capacity(weights.parameters.len());
    let mut tensors = weights.parameters.iter();
    let mut take = |n: usize| tensors.by_ref().take(n).cloned().collect::<Vec<Parameter>>();
    parameters.extend(take(2));
    for _ in 0..sizes.cells {
        for (edge, &operation) in architecture.0.iter().enumerate() {
            if !from.operations(edge).contains(&operation) {
                return Err(Error::new(
                    Kind::Internal,
                    format!("a student inherits `{operation}` of a space without it"),
                ));
            }
            let convolutions = from.convolutions(edge);
            if convolutions.is_empty() {
                continue;
            }
            let of_edge = take(OF_EDGE.len());
            let Some(at) = convolutions.iter().position(|(other, _)| *other == operation) else { continue };
            parameters.extend(of_edge.into_iter().zip(OF_EDGE).map(|(mut parameter, name)| {
                let row: usize = parameter.shape[1..].iter().product();
                let (first, rows) = if name == "weight" { (convolutions[at].1, operation.taps()) } else { (at, 1) };
                parameter.values = parameter.values[first * row..(first + rows) * row].to_vec();
                parameter.shape[0] = rows;
                parameter
            }));
        }
        parameters.extend(take(3));
    }
    parameters.extend(take(2));
    let inherited = Weights { parameters, settings: sizes.settings() };
    sizes.layout().check(&inherited)?;
    Ok(inherited)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::*;

    fn stream(purpose: &str) -> Stream {
        Stream::new(0, "student", purpose, 0)
    }

    fn sizes(network: Network) -> StudentSizes {
        StudentSizes { items: 1_268, length: 20, channels: 16, cells: 4, network }
    }

    const CAU: Architecture = Architecture([CauCnn3; EDGES]);

    /// §11.3 of the specification and the issue: 19,724 in the cells, 20,624 in the tables, 21,573 in the output layer.
    #[test]
    fn numbers_are_those_of_an_independent_run() {
        let sizes = sizes(Network::Fixed(CAU));
        let parameters = sizes.parameters(&CAU);
        assert_eq!((parameters.tables, parameters.cells, parameters.output), (20_624, 19_724, 21_573));
        let weights = sizes.initial(stream);
        // Running statistics are among the weights, and not trained.
        assert_eq!(weights.count(), 20_624 + 19_724 + 21_573 + 24 * 32);
        assert_eq!(sizes.macs(&CAU), [24 * 816 * 20 + 4 * 1_600, 20 * 21_573]);
        assert_eq!(StudentSizes::of(&weights).unwrap(), sizes);
        // §7: 24 edges × (3·(3C² + 3C) + 3·(5C² + 3C)) in the super-net.
        let search = self::sizes(Network::Search(SearchSpace::coded()));
        let cells = search.initial(stream).count() - 20_624 - 21_573 - 4 * 35;
        assert_eq!(cells, 24 * (3 * (3 * 256 + 48) + 3 * (5 * 256 + 48)) + 24 * 6 * 32);
    }

    #[test]
    fn weights_start_as_stated() {
        let weights = sizes(Network::Search(SearchSpace::coded())).initial(stream);
        let of = |name: &str| &weights.parameters.iter().find(|parameter| parameter.name == name).unwrap().values[..];
        assert!(of("token")[..16].iter().all(|v| *v == 0.0) && of("token")[16..].iter().all(|v| *v != 0.0));
        let bound = |values: &[f32]| values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
        // Six convolutions, the first three of 3 taps: 1/√48 and 1/√80.
        let weight = of("cell-2-edge-3-1-weight");
        assert_eq!(weight.len(), 24 * 256);
        let [three, five] = [&weight[..9 * 256], &weight[9 * 256..]].map(bound);
        assert!(
            three <= 1.0 / 48f32.sqrt() && three > 0.99 / 48f32.sqrt() && five <= 1.0 / 80f32.sqrt() && five > 0.11
        );
        assert!(bound(of("output-weight")) <= 0.25 && bound(of("output-bias")) > 0.24);
        assert!(of("cell-0-norm-scale").iter().chain(of("cell-3-edge-1-0-variance")).all(|v| *v == 1.0));
        assert!(bound(of("cell-1-nodes")) < 0.05 && bound(of("cell-1-nodes")) > 0.0);
    }

    #[test]
    fn a_derived_student_inherits_the_chosen_operations() {
        let from = sizes(Network::Search(SearchSpace::coded()));
        let mut weights = from.initial(stream);
        for parameter in &mut weights.parameters {
            if parameter.name.ends_with("mean") {
                parameter.values = (0..parameter.values.len()).map(|k| k as f32).collect();
            }
        }
        let architecture = Architecture([DilCnn5, SkipConnect, StdCnn3, None, CauCnn5, MaxPool]);
        let inherited = inherit(&weights, architecture).unwrap();
        assert_eq!(StudentSizes::of(&inherited).unwrap().network, Network::Fixed(architecture));
        let of = |weights: &Weights, name: &str| {
            weights.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.values.clone())
        };
        let whole = of(&weights, "cell-3-edge-1-0-weight").unwrap();
        // Taps before dil_cnn_5: 3 + 3 + 3 + 5.
        assert_eq!(of(&inherited, "cell-3-edge-1-0-weight").unwrap(), whole[14 * 256..19 * 256]);
        assert_eq!(of(&inherited, "cell-0-edge-3-1-mean").unwrap(), (80..96).map(|k| k as f32).collect::<Vec<_>>());
        assert!(of(&inherited, "cell-0-edge-3-2-weight").is_none());
        for name in ["token", "position", "cell-2-nodes", "cell-3-norm-shift", "output-bias"] {
            assert_eq!(of(&inherited, name), of(&weights, name), "{name}");
        }
        let causal = sizes(Network::Search(SearchSpace::causal())).initial(stream);
        assert!(inherit(&causal, architecture).unwrap_err().to_string().contains("dil_cnn_5"));
    }

    #[test]
    fn sizes_that_no_student_has_are_refused() {
        let error = StudentSizes { length: 3, ..sizes(Network::Fixed(CAU)) }.check().unwrap_err().to_string();
        assert!(error.contains("at least 4"), "{error}");
        assert!(StudentSizes { channels: 0, ..sizes(Network::Fixed(CAU)) }.check().is_err());
        assert!(sizes(Network::Fixed(CAU)).check().is_ok());
    }
}
