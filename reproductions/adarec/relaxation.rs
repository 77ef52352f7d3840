//! The relaxed architecture: α, from which every forward pass draws one operation for each edge (Gumbel-softmax, one-hot
//! forward, soft gradient), the temperature's schedule, and the architecture that α stands for in the end (code).
//!
//! ```text
//! forward: the operation of an edge is argmax(α + g), g Gumbel noise: one draw for the whole batch and all cells
//! back:    a = softmax((α + g)/τ);  ∂L/∂α = a∘(u − Σ a∘u)/τ,  u_o = ∂L/∂(weight of operation o) of the edge
//! ```
//!
//! τ has no part in what is drawn, only in the gradient of α.

use harness::error::{Error, Kind, Result};
use harness::nn::{DenseParameter, Trainable};
use harness::rng::{Stream, gumbel};
use harness::value::{Count, Rate};
use harness::weights::{Init, Parameter};
use schemars::JsonSchema;
use serde::Deserialize;

use super::architecture::{Architecture, EDGES, NODES, ends};
use super::operation::{Operation, SearchSpace};

/// Standard deviation of the initial α (code).
const INITIAL: f64 = 0.01;

/// α: a number for each edge and each operation of the space, shared by all cells; by node a matrix `[edges, operations]`.
pub struct ArchitectureParameters {
    space: SearchSpace,
    nodes: [DenseParameter; NODES],
}

/// One draw of an architecture, and what its gradient needs.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchitectureDraw {
    /// What is drawn.
    pub architecture: Architecture,
    /// The soft weights a, `[edges, operations of the space]`.
    pub soft: Vec<f64>,
    /// τ.
    pub temperature: f64,
}

impl ArchitectureParameters {
    /// Normal(0, 0.01), each matrix from a stream of its own, `init.alpha-1` to `init.alpha-3`.
    pub fn new(space: SearchSpace, stream: impl Fn(&str) -> Stream) -> Self {
        let operations = space.operations().len();
        let nodes = std::array::from_fn(|node| {
            let (name, shape) = (format!("alpha-{}", node + 1), vec![node + 1, operations]);
            let values = Init::Normal(INITIAL).draw(&mut stream(&format!("init.{name}")), (node + 1) * operations);
            DenseParameter::new(Parameter { name, shape, values })
        });
        Self { space, nodes }
    }

    /// The space that is drawn from.
    pub fn space(&self) -> &SearchSpace {
        &self.space
    }

    /// α, `[edges, operations]`.
    pub fn alpha(&self) -> Vec<f32> {
        self.nodes.iter().flat_map(|node| node.weights.iter().copied()).collect()
    }

    /// Draws an architecture at the temperature τ.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) if α is not finite.
    pub fn draw(&self, temperature: f64, stream: &mut Stream) -> Result<ArchitectureDraw> {
        let mut noise = vec![0.0; EDGES * self.space.operations().len()];
        gumbel::draw(stream, &mut noise);
        self.draw_with(temperature, &noise)
    }

    /// The draw of this Gumbel noise, `[edges, operations]`.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) if α or the noise is not finite.
    ///
    /// # Panics
    /// If the noise has another size.
    pub fn draw_with(&self, temperature: f64, noise: &[f64]) -> Result<ArchitectureDraw> {
        let operations = self.space.operations();
        let alpha = self.alpha();
        assert_eq!(noise.len(), alpha.len(), "a number for each edge and operation");
        let noisy: Vec<f64> = alpha.iter().zip(noise).map(|(alpha, noise)| f64::from(*alpha) + noise).collect();
        let drawn = self.largest_of_each_edge(&noisy)?;
        let mut soft = Vec::with_capacity(noisy.len());
        for (logits, &hard) in noisy.chunks_exact(operations.len()).zip(&drawn) {
            // The largest is taken off before the division, which a small τ would let overflow.
            let powers: Vec<f64> = logits.iter().map(|x| libm::exp((x - logits[hard]) / temperature)).collect();
            let sum: f64 = powers.iter().sum();
            soft.extend(powers.iter().map(|power| power / sum));
        }
        Ok(ArchitectureDraw { architecture: Architecture(drawn.map(|k| operations[k])), soft, temperature })
    }

    /// The architecture of the largest α of each edge; of equal ones the first operation's.
    ///
    /// # Errors
    /// [`Diverged`](Kind::Diverged) if α is not finite.
    pub fn derive(&self) -> Result<Architecture> {
        let alpha: Vec<f64> = self.alpha().into_iter().map(f64::from).collect();
        Ok(Architecture(self.largest_of_each_edge(&alpha)?.map(|k| self.space.operations()[k])))
    }

    fn largest_of_each_edge(&self, values: &[f64]) -> Result<[usize; EDGES]> {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            let error = Error::new(Kind::Diverged, "an architecture parameter is no finite number");
            return Err(error.got(value.to_string()));
        }
        let mut largest = [0; EDGES];
        for (best, row) in largest.iter_mut().zip(values.chunks_exact(self.space.operations().len())) {
            *best = row.iter().enumerate().fold(0, |best, (k, value)| if *value > row[best] { k } else { best });
        }
        Ok(largest)
    }

    /// Overwrites the gradients of α, from ∂L/∂(weight of each operation of each edge), `[edges, operations]`.
    ///
    /// # Panics
    /// If that, or the draw, has another size.
    pub fn backward(&mut self, draw: &ArchitectureDraw, upstream: &[f64]) {
        let operations = self.space.operations().len();
        assert!(upstream.len() == EDGES * operations && draw.soft.len() == upstream.len(), "by edge and operation");
        for (k, (soft, upstream)) in
            draw.soft.chunks_exact(operations).zip(upstream.chunks_exact(operations)).enumerate()
        {
            let mean: f64 = soft.iter().zip(upstream).map(|(a, u)| a * u).sum();
            let (node, source) = ends(k);
            let gradient = &mut self.nodes[node - 1].gradient[source * operations..][..operations];
            for ((gradient, a), u) in gradient.iter_mut().zip(soft).zip(upstream) {
                *gradient = (a * (u - mean) / draw.temperature) as f32;
            }
        }
    }

    /// The three matrices, with their gradients.
    pub fn dense_mut(&mut self) -> &mut [DenseParameter] {
        &mut self.nodes
    }

    /// The three matrices.
    pub fn tensors(&self) -> Vec<&dyn Trainable> {
        self.nodes.iter().map(|node| node as &dyn Trainable).collect()
    }

    /// The three matrices.
    pub fn tensors_mut(&mut self) -> Vec<&mut dyn Trainable> {
        self.nodes.iter_mut().map(|node| node as &mut dyn Trainable).collect()
    }
}

/// The schedule of τ: `initial` · `factor`^⌊epochs done/`every`⌋ (code: 1 · 0.8^⌊n/5⌋).
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    /// τ of the first epochs.
    pub initial: Rate,
    /// What it is multiplied with.
    pub factor: Rate,
    /// Epochs from one change to the next.
    pub every: Count,
}

impl Temperature {
    /// τ after this number of epochs.
    ///
    /// # Errors
    /// [`Input`](Kind::Input) if it left the range of numbers: the gradient of α is divided by it.
    pub fn after(&self, epochs: usize) -> Result<f64> {
        let changes = epochs / self.every.get();
        // One by one: a power of std is the platform's. It ends at a value that cannot change any more.
        let mut temperature = self.initial.get();
        for _ in 0..changes {
            temperature *= self.factor.get();
            if !temperature.is_normal() {
                return Err(Error::new(
                    Kind::Input,
                    format!("the temperature leaves the range of numbers by epoch {epochs}"),
                )
                .expected("a normal number above 0")
                .got(format!("{temperature:e}"))
                .hint("fewer epochs, a factor nearer to 1, or changes further apart"));
            }
        }
        Ok(temperature)
    }
}

/// L_eff: the sum over the six edges of one cell of the [costs](Operation::cost) of their operations.
pub fn efficiency_loss(architecture: &Architecture) -> f64 {
    architecture.0.iter().map(|operation| operation.cost()).sum()
}

/// Adds β · ∂L_eff/∂(weight of each operation of each edge) to `upstream: [edges, operations of the space]`.
pub fn add_efficiency_gradient(space: &SearchSpace, beta: f64, upstream: &mut [f64]) {
    for of_edge in upstream.chunks_exact_mut(space.operations().len()) {
        of_edge
            .iter_mut()
            .zip(space.operations())
            .for_each(|(sum, operation)| *sum += beta * Operation::cost(*operation));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{assert_near, case, doubles, ids};
    use crate::kit::parse;

    fn stream(purpose: &str) -> Stream {
        Stream::new(0, "adarec", purpose, 0)
    }

    fn coded() -> ArchitectureParameters {
        ArchitectureParameters::new(SearchSpace::coded(), stream)
    }

    #[test]
    fn draws_and_gradients_are_those_of_the_vector() {
        let case = case("adarec.json", "gumbel_straight_through");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let mut parameters = coded();
        // Its two rows are the edges of node 2.
        parameters.nodes[1].weights = doubles(&inputs["alpha"]).into_iter().map(|v| v as f32).collect();
        let widen = |rows: &[f64]| {
            let mut all = vec![0.0; EDGES * 10];
            all[10..30].copy_from_slice(rows);
            all
        };
        let tau = inputs["tau"].as_f64().unwrap();
        let draw = parameters.draw_with(tau, &widen(&doubles(&inputs["gumbel_noise"]))).unwrap();
        assert_near(&draw.soft[10..30], &doubles(&expected["soft"]), 1e-8, "soft");
        let hard = |edge: usize| Operation::ALL.map(|o| f64::from(u8::from(o == draw.architecture.0[edge])));
        assert_eq!([hard(1), hard(2)].concat(), doubles(&expected["hard"]));
        parameters.backward(&draw, &widen(&doubles(&inputs["upstream_gradient_wrt_output"])));
        assert_near(&parameters.nodes[1].gradient, &doubles(&expected["grad_alpha"]), 1e-7, "gradient");
    }

    /// E = −ln u is exponential, and the noise −ln E.
    #[test]
    fn noise_is_that_of_the_vector() {
        let case = case("adarec.json", "gumbel_noise_formula");
        let mut noise: Vec<f64> =
            doubles(&case["inputs"]["exponential_draws"]).into_iter().map(|e| libm::exp(-e)).collect();
        gumbel::of_uniform(&mut noise);
        assert_near(&noise, &doubles(&case["expected"]["gumbel"]), 1e-8, "noise");
    }

    #[test]
    fn temperatures_are_those_of_the_vector_and_never_0() {
        let case = case("adarec.json", "temperature_schedule");
        let schedule = parse::<Temperature>("{ initial = 1.0, factor = 0.8, every = 5 }").unwrap();
        let tau: Vec<f64> =
            ids(&case["inputs"]["epochs_completed"]).iter().map(|&n| schedule.after(n as usize).unwrap()).collect();
        assert_near(&tau, &doubles(&case["expected"]["tau"]), 1e-10, "τ");
        let error = schedule.after(20_000).unwrap_err();
        assert!(error.kind() == Kind::Input && error.to_string().contains("leaves the range"), "{error}");
        assert!(parse::<Temperature>("{ initial = 0.0, factor = 0.8, every = 5 }").is_err(), "τ of 0");
    }

    #[test]
    fn a_tiny_temperature_gives_finite_gradients() {
        let mut parameters = coded();
        for tau in [1e-4, f64::MIN_POSITIVE] {
            let draw = parameters.draw(tau, &mut stream("gumbel")).unwrap();
            parameters.backward(&draw, &vec![1e3; EDGES * 10]);
            assert!(parameters.nodes.iter().all(|node| node.gradient.iter().all(|g| g.is_finite())));
        }
    }

    #[test]
    fn what_is_drawn_does_not_depend_on_the_temperature() {
        let parameters = coded();
        let at = |tau| parameters.draw(tau, &mut stream("gumbel")).unwrap().architecture;
        assert_eq!(at(1.0), at(1e-3));
    }

    /// Of each edge of an even α every operation is drawn as often.
    #[test]
    fn draws_follow_the_softmax_of_alpha() {
        let mut parameters = ArchitectureParameters::new(SearchSpace::causal(), stream);
        parameters.nodes[2].weights = [[1.0, 0.0, 0.0, -1.0]; 3].concat();
        let mut stream = stream("gumbel");
        let mut counts = [0.0f64; 4];
        for _ in 0..5000 {
            let draw = parameters.draw(1.0, &mut stream).unwrap();
            let at = parameters.space.operations().iter().position(|o| *o == draw.architecture.0[4]).unwrap();
            counts[at] += 1.0;
        }
        let powers = [1f64, 0.0, 0.0, -1.0].map(f64::exp);
        let chi2: f64 = (counts.iter().zip(powers))
            .map(|(count, power)| (5000.0 * power / powers.iter().sum::<f64>(), *count))
            .map(|(want, count)| (count - want).powi(2) / want)
            .sum();
        // Three degrees of freedom, 99.9 % point.
        assert!(chi2 < 16.3, "{counts:?}");
    }

    #[test]
    fn the_largest_alpha_is_derived_and_the_first_of_equal_ones() {
        let mut parameters = ArchitectureParameters::new(SearchSpace::causal(), stream);
        parameters.nodes.iter_mut().for_each(|node| node.weights.fill(0.0));
        parameters.nodes[2].weights[7] = 0.1;
        assert_eq!(parameters.derive().unwrap().to_string(), "cau_cnn_3|cau_cnn_3,cau_cnn_3|cau_cnn_3,none,cau_cnn_3");
        parameters.nodes[0].weights[2] = f32::NAN;
        assert_eq!(parameters.derive().unwrap_err().kind(), Kind::Diverged);
        assert!(parameters.draw(1.0, &mut stream("gumbel")).is_err());
    }

    #[test]
    fn the_efficiency_loss_is_that_of_the_vector() {
        let case = case("adarec.json", "efficiency_loss");
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let chosen = ids(&inputs["selected_operation_per_edge"]);
        let architecture = Architecture(std::array::from_fn(|k| Operation::ALL[chosen[k] as usize]));
        let loss = efficiency_loss(&architecture);
        assert_near(
            &[loss, 8.0 * loss],
            &doubles(&serde_json::json!([expected["loss"], expected["weighted"]])),
            1e-7,
            "L",
        );
        let mut upstream = vec![0.5; EDGES * 10];
        add_efficiency_gradient(&SearchSpace::coded(), 8.0, &mut upstream);
        for (k, sum) in upstream.iter().enumerate() {
            assert_eq!(*sum, 0.5 + 8.0 * Operation::ALL[k % 10].cost());
        }
    }
}
