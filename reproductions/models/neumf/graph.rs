//! NeuMF's step through candle's autograd, on any device: pair by pair, layer by layer, as the model
//! is defined.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{Linear, Module};
use harness::error::Result;
use harness::metrics::Scorer;
use harness::nn::{DeviceTable, softplus_neg_sum};
use harness::optim::Adam;
use harness::train::{Model, State};
use harness::weights::Parameter;

use super::{NAMES, parts, scorer};
use crate::models::{ListLoss, Lists, Recommender, Side};

/// See the module's head.
pub struct GraphNeuMf {
    dim: usize,
    /// In the order of [`NAMES`]; a layer's parameter is a table whose rows every pass reads, all of them.
    tables: [DeviceTable; 8],
    device: Device,
    /// Per table, the rows of this step and their gradients, part by part.
    gradients: [Vec<(Tensor, Tensor)>; 8],
}

/// Logits of some pairs, and what they depend on.
struct Pass {
    /// Rows that each leaf holds.
    ids: [Tensor; 8],
    leaves: [Var; 8],
    /// `[pairs]`
    logits: Tensor,
}

fn array<T>(items: Vec<T>) -> [T; 8] {
    items.try_into().unwrap_or_else(|_| unreachable!("one for each of eight tables"))
}

impl GraphNeuMf {
    /// A model that starts at these [parameters](NAMES).
    ///
    /// # Errors
    /// If they are not this model's, or the device fails.
    pub fn new(parameters: Vec<Parameter>, device: &Device) -> Result<Self> {
        let dim = parts(&parameters)?.1;
        let table = |(name, parameter): (_, Parameter)| {
            DeviceTable::new(name, parameter.shape[0], parameter.shape[1], parameter.values, device)
        };
        let tables = NAMES.into_iter().zip(parameters).map(table).collect::<Result<Vec<_>>>()?;
        Ok(Self { dim, tables: array(tables), device: device.clone(), gradients: Default::default() })
    }

    fn ids(&self, ids: impl IntoIterator<Item = u32>) -> Result<Tensor> {
        Ok(Tensor::new(ids.into_iter().collect::<Vec<_>>(), &self.device)?)
    }

    /// The pairs (`users[k]`, `items[k]`).
    fn pass(&self, users: Tensor, items: Tensor) -> Result<Pass> {
        let (rows, row) = (self.ids(0..self.dim as u32)?, self.ids([0])?);
        let ids = [users.clone(), items.clone(), users, items, rows, row.clone(), row.clone(), row];
        let leaves = self.tables.iter().zip(&ids).map(|(table, ids)| table.leaf(ids)).collect::<Result<Vec<_>>>()?;
        let leaves = array(leaves);
        let [p, q, m, n, hidden, hidden_bias, output, output_bias] = leaves.each_ref().map(Var::as_tensor);
        let layer = |weight: &Tensor, bias: &Tensor| -> Result<Linear> {
            Ok(Linear::new(weight.clone(), Some(bias.squeeze(0)?)))
        };
        let input = layer(hidden, hidden_bias)?.forward(&Tensor::cat(&[m, n], 1)?)?;
        // Not `relu`, whose slope at 0 is 1 in candle.
        let open = input.gt(0f32)?.to_dtype(DType::F32)?.detach();
        let both = Tensor::cat(&[(p * q)?, (input * open)?], 1)?;
        let logits = layer(output, output_bias)?.forward(&both)?.squeeze(1)?;
        Ok(Pass { ids, leaves, logits })
    }

    /// The pairs of owners of `side` with their partners.
    fn pass_lists(&self, side: Side, lists: &Lists) -> Result<Pass> {
        let owners = self.ids(lists.list_of_each().map(|k| lists.owners()[k as usize]))?;
        let partners = self.ids(lists.partners().iter().copied())?;
        match side {
            Side::User => self.pass(owners, partners),
            Side::Item => self.pass(partners, owners),
        }
    }

    /// Adds the gradients of `loss`, which comes of `pass`, to the step.
    fn add(&mut self, pass: Pass, loss: &Tensor) -> Result<()> {
        let of = loss.backward()?;
        for ((parts, ids), leaf) in self.gradients.iter_mut().zip(pass.ids).zip(&pass.leaves) {
            let gradient = of.get(leaf.as_tensor()).expect("a logit depends on every leaf");
            parts.push((ids, gradient.clone()));
        }
        Ok(())
    }

    /// Numbers of the tables of a side: product, perceptron.
    fn of_side(side: Side) -> [usize; 2] {
        [side as usize, 2 + side as usize]
    }
}

impl Recommender for GraphNeuMf {
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64> {
        self.gradients = Default::default();
        let users = batch.iter().chain(batch).map(|t| t[0]);
        let items = batch.iter().map(|t| t[1]).chain(batch.iter().map(|t| t[2]));
        let pass = self.pass(self.ids(users)?, self.ids(items)?)?;
        let n = batch.len();
        let (positive, negative) = (pass.logits.narrow(0, 0, n)?, pass.logits.narrow(0, n, n)?);
        let loss = softplus_neg_sum(&Tensor::cat(&[positive, negative.neg()?], 0)?)?;
        self.add(pass, &loss)?;
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

    fn scores(&mut self, side: Side, lists: &Lists) -> Result<Vec<f32>> {
        Ok(self.pass_lists(side, lists)?.logits.to_vec1()?)
    }

    fn add_lists(&mut self, side: Side, lists: Lists, loss: &ListLoss<'_>) -> Result<f64> {
        let pass = self.pass_lists(side, &lists)?;
        let (sum, coefficients) = lists.losses(&pass.logits.to_vec1::<f32>()?, loss);
        let coefficients = Tensor::new(coefficients, &self.device)?;
        let weighted = (&pass.logits * coefficients)?.sum_all()?;
        self.add(pass, &weighted)?;
        Ok(sum)
    }

    fn representations(&mut self, side: Side, ids: &[u32]) -> Result<Vec<f32>> {
        let ids = self.ids(ids.iter().copied())?;
        let [product, mlp] = Self::of_side(side).map(|table| self.tables[table].rows(&ids));
        Ok(Tensor::cat(&[product?, mlp?], 1)?.flatten_all()?.to_vec1()?)
    }

    fn add_representations(&mut self, side: Side, ids: &[u32], gradients: Vec<f32>) -> Result<()> {
        let rows = Tensor::from_vec(gradients, (ids.len(), 2 * self.dim), &self.device)?;
        let ids = self.ids(ids.iter().copied())?;
        for (part, table) in Self::of_side(side).into_iter().enumerate() {
            self.gradients[table].push((ids.clone(), rows.narrow(1, part * self.dim, self.dim)?.contiguous()?));
        }
        Ok(())
    }

    fn step(&mut self, adam: &Adam) -> Result<()> {
        for (table, parts) in self.tables.iter_mut().zip(std::mem::take(&mut self.gradients)) {
            table.step_parts(adam, parts)?;
        }
        Ok(())
    }

    /// No row of these tables is ever behind.
    fn settle(&mut self) {}
}

impl Model for GraphNeuMf {
    /// As it is served: on the CPU, whatever the device.
    fn scorer(&self) -> Result<Box<dyn Scorer + '_>> {
        let scorer: Box<dyn Scorer> = scorer(&self.parameters()?)?;
        Ok(scorer)
    }

    fn parameters(&self) -> Result<Vec<Parameter>> {
        self.tables.iter().map(DeviceTable::parameter).collect()
    }

    fn set_parameters(&mut self, parameters: Vec<Parameter>) -> Result<()> {
        parts(&parameters)?;
        for (table, parameter) in self.tables.iter_mut().zip(parameters) {
            table.set_weights(parameter.values)?;
        }
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        self.tables.iter().try_for_each(|table| table.save(state))
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        self.tables.iter_mut().try_for_each(|table| table.restore(state))
    }
}
