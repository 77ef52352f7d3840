//! BPR: matrix factorisation trained on pairs (Rendle et al., UAI 2009), as DE-RRD's authors train it
//! (SeongKu-Kang/DE-RRD_CIKM20).
//!
//! User table U×d and item table N×d, no biases, Normal(0, `init_std`). The loss of a batch of
//! (u, i, j) is the **sum** Σ ln(1 + e^−(s_ui − s_uj)); Adam adds the L2 term to the gradient of every
//! row at every step. Because losses are sums, the relative strength of the decay depends on the
//! batch size.

mod fused;
mod graph;

use candle_core::Device;
use harness::error::Result;
use harness::meter::{Phase, check_fits};
use harness::method::{Method, Params, Trained};
use harness::optim::Adam;
use harness::spec::value::{Count, Rate, Weight};
use harness::train::{Context, Epochs, Model, Stopping, TrainingPairs};
use serde::Deserialize;

pub use self::fused::FusedBpr;
pub use self::graph::GraphBpr;

/// Hyper-parameters of BPR.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bpr {
    /// Size d of a factor.
    pub dim: Count,
    pub learning_rate: Rate,
    /// L2 in the gradient, on all rows at every step.
    pub weight_decay: Weight,
    pub batch: Count,
    /// Standard deviation of the initial factors.
    pub init_std: Rate,
    /// Epochs at most.
    pub epochs: Count,
    pub stopping: Stopping,
}

pub fn build(params: Params<'_>) -> std::result::Result<Box<dyn Method>, toml::de::Error> {
    Ok(Box::new(params.read::<Bpr>()?))
}

/// A BPR model in training: one forward and backward pass over a batch, then one step.
pub trait Bprs: Model {
    /// Loss (sum over the batch) and gradients of a batch of (user, positive, negative).
    fn forward_backward(&mut self, batch: &[[u32; 3]]) -> Result<f64>;

    /// One step of Adam with the gradients of the last batch.
    fn step(&mut self, adam: &Adam) -> Result<()>;

    /// Brings every row up to date, after the last step and before the model is looked at.
    fn settle(&mut self);
}

impl Bpr {
    /// Initial tables, users then items: the same on every device.
    fn initial(&self, cx: &Context<'_>) -> [Vec<f32>; 2] {
        let table =
            |purpose: &str, rows: usize| cx.stream(purpose, 0).normals(rows * self.dim.get(), self.init_std.get());
        [table("init.user", cx.split.n_users), table("init.item", cx.split.n_items)]
    }

    fn model(&self, cx: &Context<'_>) -> Result<Box<dyn Bprs>> {
        // Weights, two moments and the selected copy, 4 bytes each.
        check_fits("the model", [cx.split.n_users + cx.split.n_items, self.dim.get()], 16)?;
        let [users, items] = self.initial(cx);
        Ok(match cx.device {
            Device::Cpu => Box::new(FusedBpr::new(self.dim.get(), users, items)),
            device => Box::new(GraphBpr::new(self.dim.get(), users, items, device)?),
        })
    }
}

impl Method for Bpr {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let adam = Adam { learning_rate: self.learning_rate.get(), weight_decay: self.weight_decay.get() };
        let pairs = TrainingPairs::new(cx.split, cx.seen)?;
        let mut model = self.model(cx)?;
        let mut epochs = Epochs::start(cx, self.epochs.get(), self.stopping.clone(), &mut *model)?;
        while let Some(epoch) = epochs.next() {
            let (mut negatives, mut order) = (cx.stream("negatives", epoch), cx.stream("order", epoch));
            let triples = cx.meter.time(Phase::Sample, || pairs.epoch(&mut negatives, &mut order));
            let mut losses = Vec::with_capacity(triples.len() / self.batch.get() + 1);
            for batch in triples.chunks(self.batch.get()) {
                losses.push(cx.meter.time(Phase::ForwardBackward, || model.forward_backward(batch))?);
                cx.meter.time(Phase::Step, || model.step(&adam))?;
            }
            cx.meter.time(Phase::Step, || model.settle());
            let mean = losses.iter().sum::<f64>() / losses.len() as f64;
            epochs.end(cx, mean, &mut *model)?;
        }
        let selected = epochs.finish(&mut *model)?;
        let parameters = model.parameters()?;
        let [users, items] = [parameters[0].values.clone(), parameters[1].values.clone()];
        let scorer = super::Factors { dim: self.dim.get(), users: users.into(), items: items.into() };
        Ok(Trained { scorer: Box::new(scorer), parameters, selected: Some(selected) })
    }
}

#[cfg(test)]
mod tests;
