//! A sequential model's step through candle's autograd, on any device. A kind writes its forward pass alone.

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::Graph;
use harness::optim::Adam;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::GraphModel;
use harness::weights::{Settings, Weights};

use super::scorer::WindowScorer;
use super::{Encoder, SequentialModel, WindowBatch, WindowLoss};

/// The forward pass of a kind of sequential model over its tables, numbered as in its layout.
pub trait WindowForward {
    /// The tables of the output layer: rows `[ids, width]` and biases `[ids, 1]`.
    const OUTPUT: [usize; 2];

    /// The row of an id in these tables.
    ///
    /// # Errors
    /// For an id that the model cannot score.
    fn output_row(&self, id: u32) -> Result<u32> {
        Ok(id)
    }

    /// The rows that the representations of a batch read: a table and ids for each leaf.
    ///
    /// # Errors
    /// What the device says.
    fn reads(&self, graph: &Graph, batch: &WindowBatch<'_>) -> Result<Vec<(usize, Tensor)>>;

    /// Representations `[windows, width]` from the rows that were read, leaf by leaf; masks of dropout come from
    /// `dropout`.
    ///
    /// # Errors
    /// What the device says.
    fn represent(&self, rows: &[&Tensor], batch: &WindowBatch<'_>, dropout: &mut Stream) -> Result<Tensor>;

    fn settings(&self) -> Settings;

    /// The trained model, for users with these sequences.
    ///
    /// # Errors
    /// Weights of another kind, or of other users or items.
    fn encoder(&self, weights: &Weights, sequences: Arc<UserItems>) -> Result<Box<dyn Encoder>>;
}

/// A sequential model in training on any device, by candle's autograd.
pub struct GraphSequential<F> {
    forward: F,
    graph: Graph,
}

impl<F: WindowForward> GraphSequential<F> {
    /// A model that starts at these weights.
    ///
    /// # Errors
    /// What the device says.
    pub fn of(forward: F, weights: Weights, device: &Device) -> Result<Self> {
        Ok(Self { forward, graph: Graph::new(weights.parameters, device)? })
    }

    /// Ids of the output rows of these items.
    fn output_ids(&self, items: &[u32]) -> Result<Tensor> {
        let rows = items.iter().map(|&id| self.forward.output_row(id)).collect::<Result<Vec<_>>>()?;
        self.graph.ids(rows)
    }
}

impl<F: WindowForward> SequentialModel for GraphSequential<F> {
    fn forward_backward(
        &mut self,
        batch: &WindowBatch<'_>,
        dropout: &mut Stream,
        loss: &WindowLoss<'_>,
    ) -> Result<f64> {
        self.graph.begin();
        let [output, bias] = F::OUTPUT;
        let rows = batch.items.chunks_exact(batch.columns());
        let (graded, others): (Vec<_>, Vec<_>) = rows.map(|items| items.split_at(batch.graded)).unzip();
        let items = self.output_ids(&graded.concat())?;
        let mut reads = self.forward.reads(&self.graph, batch)?;
        reads.extend([(output, items.clone()), (bias, items)]);
        let leaves = self.graph.leaves(reads)?;
        let tensors: Vec<&Tensor> = leaves.rows.iter().map(|leaf| leaf.as_tensor()).collect();
        let [read @ .., rows, of_bias] = &tensors[..] else { unreachable!("the output layer was read") };
        let x = self.forward.represent(read, batch, dropout)?;
        let scored = Scored { rows: (*rows).clone(), bias: (*of_bias).clone() };
        let others = (batch.columns() > batch.graded)
            .then(|| {
                let ids = self.output_ids(&others.concat())?;
                Ok::<_, harness::error::Error>(Scored {
                    rows: self.graph.rows(output, &ids)?,
                    bias: self.graph.rows(bias, &ids)?,
                })
            })
            .transpose()?;
        let (sum, gradients) = backward(&x, &scored, others.as_ref(), loss)?;
        self.graph.add(leaves, &gradients);
        Ok(sum)
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        self.graph.step(adam)
    }
}

impl<F: WindowForward> GraphModel for GraphSequential<F> {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn graph_mut(&mut self) -> &mut Graph {
        &mut self.graph
    }

    fn settings(&self) -> Settings {
        self.forward.settings()
    }

    fn served(&self, weights: &Weights, queries: &Queries) -> Result<Box<dyn Scorer>> {
        let encoder = self.forward.encoder(weights, queries.inputs().clone())?;
        Ok(Box::new(WindowScorer::after_all(encoder, queries.inputs())))
    }
}

/// Rows of the output layer and their biases, `columns` of each window: `[windows · columns, width]` and
/// `[windows · columns, 1]`.
struct Scored {
    rows: Tensor,
    bias: Tensor,
}

impl Scored {
    /// Scores `[windows, columns]` of representations `[windows, width]`.
    fn by(&self, x: &Tensor) -> Result<Tensor> {
        let (n, width) = x.dims2()?;
        let columns = self.rows.dims()[0] / n;
        let rows = self.rows.reshape((n, columns, width))?;
        Ok((rows.broadcast_mul(&x.unsqueeze(1)?)?.sum(2)? + self.bias.reshape((n, columns))?)?)
    }
}

/// The loss of a batch and the gradients of all that `x` and the graded scores were made of. `others` are scored without
/// a gradient.
fn backward(x: &Tensor, graded: &Scored, others: Option<&Scored>, loss: &WindowLoss<'_>) -> Result<(f64, GradStore)> {
    let scores = graded.by(x)?;
    let mut all = scores.to_vec2::<f32>()?;
    if let Some(others) = others {
        let others = others.by(&x.detach())?.to_vec2::<f32>()?;
        all.iter_mut().zip(others).for_each(|(scores, others)| scores.extend(others));
    }
    let (n, columns) = scores.dims2()?;
    let mut coefficients = vec![0.0; n * columns];
    let each = all.iter().zip(coefficients.chunks_exact_mut(columns)).enumerate();
    let sum = each.map(|(k, (scores, gradients))| loss(k, scores, gradients)).sum();
    // The gradient of Σ coefficient · score is that of the loss.
    let coefficients = Tensor::from_vec(coefficients, (n, columns), scores.device())?;
    Ok((sum, (scores * coefficients)?.sum_all()?.backward()?))
}
