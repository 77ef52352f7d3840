//! SML: a transfer net makes the served model out of the last served one and one that trained on (Zhang et al., "How to
//! Retrain a Recommender System?", SIGIR 2020), as ASMG's authors have it (code).
//!
//! ```text
//! period i:  (a) base tensors on D_i, through the transfers        (b) test T(prev, base) on D_{i+1}
//!            (c) transfers on D_{i+1}                              (d) base = T(prev, base)
//! ```
//!
//! `sml` is on Embedding&MLP, from the pre-trained model of its teacher on; `sml-mf` is on matrix factorisation, which it
//! pre-trains itself. The transfers start at random, so the first transferred models are, too.

mod base;
mod learner;
mod mix;
mod options;
mod tensor;
pub mod transfer;

use candle_core::Device;
use harness::error::{Error, Kind, Result};
use harness::meter::check_fits;
use harness::method::{Built, Method, Params, Trained};
use harness::split::TrainingData;
use harness::split::periods::Periods;
use harness::train::{Context, Task, learn};
use harness::weights::{Parameter, State};
use schemars::JsonSchema;
use serde::Deserialize;

use self::base::{BaseModel, EmbeddingMlpBase, MfBase};
use self::learner::TransferLearner;
use self::options::{
    KeptTransfer, LayerTransfers, MfPretraining, PartTraining, ReportedEpoch, SmlTraining, TableTransfers,
};
use self::tensor::TransferredTensor;
use self::transfer::{Transfer, TransferSizes};
use super::learner::pretrained;
use super::stream::labelled_stream;
use crate::models::embedding_mlp::{self, LAYER_NAMES};
use crate::models::mf;

/// SML on Embedding&MLP.
struct Sml {
    training: SmlTraining,
    tables: TableTransfers,
    layers: LayerTransfers,
}

/// SML on matrix factorisation.
struct SmlMf {
    training: SmlTraining,
    tables: TableTransfers,
    pretraining: MfPretraining,
}

impl Sml {
    fn samples<'p>(&self, task: &'p Task, device: &Device) -> Result<&'p Periods> {
        samples_of(&self.training, task, device, &[self.training.transfer, self.training.base])
    }
}

impl SmlMf {
    fn samples<'p>(&self, task: &'p Task, device: &Device) -> Result<&'p Periods> {
        let parts = [self.training.transfer, self.training.base, self.pretraining.part()];
        samples_of(&self.training, task, device, &parts)
    }
}

impl Method for Sml {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let periods = self.samples(cx.task, cx.device)?;
        let pretrained = pretrained(cx, periods)?;
        let sizes = pretrained.sizes();
        let tables = pretrained.tensors().len() - LAYER_NAMES.len();
        let mut moments = State::default();
        pretrained.tensors().into_iter().try_for_each(|tensor| tensor.save(&mut moments))?;
        let tensor = |(number, start): (usize, Parameter)| {
            let sizes = match number.checked_sub(tables) {
                None => self.tables.sizes(start.shape[1]),
                Some(layer) => self.layers.sizes(layer, start.values.len()),
            };
            let mut tensor = transferred(cx, start, number < tables, sizes)?;
            tensor.base_mut().restore(&mut moments)?;
            Ok(tensor)
        };
        let tensors = pretrained.weights()?.parameters.into_iter().enumerate().map(tensor).collect::<Result<_>>()?;
        let base = EmbeddingMlpBase::new(sizes, periods.categories());
        train(cx, TransferLearner::new(&self.training, None, base, tensors))
    }

    fn makes(&self) -> Option<&'static str> {
        Some(embedding_mlp::NAME)
    }

    fn learns_on(&self) -> TrainingData {
        TrainingData::Samples
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        self.samples(task, device).map(|_| ())
    }

    fn learns_from(&self) -> &'static [&'static str] {
        &[embedding_mlp::NAME]
    }

    fn learns_from_periods(&self) -> bool {
        true
    }
}

impl Method for SmlMf {
    fn train(&self, cx: &mut Context<'_>) -> Result<Trained> {
        let periods = self.samples(cx.task, cx.device)?;
        let sizes = self.pretraining.model.sizes(periods.n_users(), periods.n_items());
        let initial = sizes.initial(|purpose| cx.stream(purpose, 0));
        let tensor = |start: Parameter| {
            let sizes = self.tables.sizes(start.shape[1]);
            transferred(cx, start, true, sizes)
        };
        let tensors = initial.into_iter().map(tensor).collect::<Result<_>>()?;
        train(cx, TransferLearner::new(&self.training, Some(&self.pretraining), MfBase::new(sizes), tensors))
    }

    fn makes(&self) -> Option<&'static str> {
        Some(mf::NAME)
    }

    fn learns_on(&self) -> TrainingData {
        TrainingData::Samples
    }

    fn check(&self, task: &Task, device: &Device) -> Result<()> {
        let periods = self.samples(task, device)?;
        let sizes = self.pretraining.model.sizes(periods.n_users(), periods.n_items());
        // A table, its moments, the one served before, and copies of the selected and the best epoch: 4 bytes each.
        check_fits("the model", [sizes.layout().count()], 40).map_err(|error| error.hint("use a smaller `dim`"))
    }
}

/// The stream of the run, whose protocol must measure what SML chooses epochs by, if it chooses.
fn samples_of<'p>(
    training: &SmlTraining,
    task: &'p Task,
    device: &Device,
    parts: &[PartTraining],
) -> Result<&'p Periods> {
    let metrics = &task.protocol.metrics;
    let chooses = training.report == ReportedEpoch::BestEpoch || training.checkpoint == KeptTransfer::BestTransferEpoch;
    if chooses && !metrics.contains(&learner::auc()) {
        return Err(Error::new(Kind::Input, "SML chooses epochs by `auc`, which the protocol does not measure")
            .expected("`auc` among the metrics")
            .got(metrics.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")));
    }
    labelled_stream("SML", task, device, parts.iter().map(|part| part.batch.get()).max().unwrap_or(0))
}

/// A tensor of the base model with a new transfer.
///
/// # Errors
/// [`Input`](Kind::Input) if the transfer does not fit into memory.
fn transferred(cx: &Context<'_>, start: Parameter, is_table: bool, sizes: TransferSizes) -> Result<TransferredTensor> {
    let TransferSizes { width, mix: [n1, n2], .. } = sizes;
    // Weights, gradient, two moments; and what one row becomes on its way, in lanes of 32.
    let of_a_row = width.saturating_mul(n1.saturating_add(n2)).saturating_mul(32);
    check_fits(&format!("the transfer of `{}`", start.name), [sizes.layout("").count().saturating_add(of_a_row)], 16)
        .map_err(|error| error.hint("use smaller `mix` and `hidden`"))?;
    let transfer = Transfer::new(sizes, sizes.initial(&start.name, |purpose| cx.stream(purpose, 0)));
    Ok(TransferredTensor::new(start, is_table, transfer))
}

fn train<'p, B: BaseModel>(cx: &mut Context<'p>, mut learner: TransferLearner<'_, 'p, B>) -> Result<Trained> {
    let periods = learn(cx, &mut learner)?;
    let weights = learner.served();
    let scorer = learner.base().scorer(&weights, cx.task.test.queries())?;
    Ok(Trained { scorer, weights, meta: Some(learner.transfer_weights()?), selected: None, periods })
}

/// The method `sml`.
pub fn build(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct SmlParams {
        transfer: PartTraining,
        base: PartTraining,
        report: ReportedEpoch,
        checkpoint: KeptTransfer,
        tables: TableTransfers,
        layers: LayerTransfers,
    }
    let SmlParams { transfer, base, report, checkpoint, tables, layers } = params.read()?;
    Ok(Box::new(Sml { training: SmlTraining { transfer, base, report, checkpoint }, tables, layers }))
}

/// The method `sml-mf`.
pub fn build_mf(params: Params<'_>) -> Built {
    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct SmlMfParams {
        transfer: PartTraining,
        base: PartTraining,
        report: ReportedEpoch,
        checkpoint: KeptTransfer,
        tables: TableTransfers,
        pretraining: MfPretraining,
    }
    let SmlMfParams { transfer, base, report, checkpoint, tables, pretraining } = params.read()?;
    Ok(Box::new(SmlMf { training: SmlTraining { transfer, base, report, checkpoint }, tables, pretraining }))
}

#[cfg(test)]
mod tests;
