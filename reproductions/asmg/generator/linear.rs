//! ASMG-linear: each coordinate of a served model is a weighted mean of those of past models.
//!
//! ```text
//! θ* = Σ_j p_j·θ_j,   p = softmax(a),   a = 0 at first
//! ```

use harness::error::Result;
use harness::nn::DenseParameter;
use harness::simd::exp;
use harness::weights::{Parameter, State};
use rayon::prelude::*;

use super::model_generator::ModelGenerator;
use super::options::MeanWeights;
use super::past_models::{Coordinates, PastModel, list};
use crate::models::embedding_mlp::{EmbeddingMlpSizes, EmbeddingMlpTensors, LocalBatch};

/// The weights of the means.
pub struct Linear {
    sizes: EmbeddingMlpSizes,
    coordinates: Vec<Coordinates>,
    sharing: MeanWeights,
    /// k
    length: usize,
    /// a: by tensor `[sets, k]`, or `[1, k]` for all.
    raw: Vec<DenseParameter>,
}

impl Linear {
    /// Plain means of `length` models.
    pub fn new(sizes: EmbeddingMlpSizes, length: usize, sharing: MeanWeights) -> Self {
        let coordinates = Coordinates::of(&sizes);
        let zeros = |name: &str, sets: usize| {
            let values = vec![0.0; sets * length];
            DenseParameter::new(Parameter { name: name.into(), shape: vec![sets, length], values })
        };
        let raw = match sharing {
            MeanWeights::PerCoordinate => coordinates.iter().map(|of| zeros(of.name, of.sets())).collect(),
            MeanWeights::PerPeriod => vec![zeros("model", 1)],
        };
        Self { sizes, coordinates, sharing, length, raw }
    }

    /// The raw weights of a tensor, and the row of them that a coordinate has.
    fn place(&self, tensor: usize, column: usize, row: usize) -> (usize, usize) {
        match self.sharing {
            MeanWeights::PerCoordinate => (tensor, self.coordinates[tensor].set(column, row)),
            MeanWeights::PerPeriod => (0, 0),
        }
    }

    /// By tensor of raw weights: p.
    fn shares(&self) -> Vec<Vec<f32>> {
        let softmax = |raw: &[f32]| {
            let most = raw.iter().fold(f32::NEG_INFINITY, |most, value| if *value > most { *value } else { most });
            let powers: Vec<f32> = raw.iter().map(|value| exp(value - most)).collect();
            let sum: f32 = powers.iter().sum();
            powers.into_iter().map(move |power| power / sum).collect::<Vec<_>>()
        };
        self.raw.iter().map(|raw| raw.weights.chunks_exact(self.length).flat_map(softmax).collect()).collect()
    }

    /// The means of some rows of a tensor, row-major.
    fn means(
        &self,
        shares: &[Vec<f32>],
        models: &[PastModel],
        tensor: usize,
        rows: impl Iterator<Item = usize>,
    ) -> Vec<f32> {
        let of = self.coordinates[tensor];
        let one = |row: usize| {
            (0..of.columns).map(move |column| {
                let (raw, set) = self.place(tensor, column, row);
                let shares = &shares[raw][set * self.length..][..self.length];
                let terms = shares
                    .iter()
                    .zip(models)
                    .map(|(share, model)| (share, model.tensors[tensor][column * of.rows + row]));
                terms.fold(0.0f32, |sum, (share, value)| share.mul_add(value, sum))
            })
        };
        rows.flat_map(one).collect()
    }

    /// ∂L/∂p of a tensor's coordinates, `[sets of its raw weights, k]`, in f64: a table's sums are over many rows.
    fn of_shares(
        &self,
        models: &[PastModel],
        tensor: usize,
        rows: impl Iterator<Item = usize>,
        gradients: &[f32],
    ) -> Vec<f64> {
        let of = self.coordinates[tensor];
        let sets = match self.sharing {
            MeanWeights::PerCoordinate => of.sets(),
            MeanWeights::PerPeriod => 1,
        };
        let mut sums = vec![0.0; sets * self.length];
        for (row, gradients) in rows.zip(gradients.chunks_exact(of.columns)) {
            for (column, gradient) in gradients.iter().enumerate() {
                let set = self.place(tensor, column, row).1;
                for (sum, model) in sums[set * self.length..][..self.length].iter_mut().zip(models) {
                    *sum += f64::from(*gradient) * f64::from(model.tensors[tensor][column * of.rows + row]);
                }
            }
        }
        sums
    }

    /// Rows of a tensor that the newest part of a batch names.
    fn rows<'b>(&self, batch: &'b LocalBatch, tensor: usize) -> Box<dyn Iterator<Item = usize> + 'b> {
        let of = self.coordinates[tensor];
        if !of.shared {
            return Box::new(0..of.rows);
        }
        let ids = [batch.users(), batch.items(), batch.categories()][tensor];
        let rows = batch.parts()[0].rows;
        let named = [rows.users, rows.items, rows.categories][tensor];
        Box::new(ids[..named].iter().map(|&id| id as usize))
    }
}

impl ModelGenerator for Linear {
    fn tensors(&self) -> &[DenseParameter] {
        &self.raw
    }

    fn tensors_mut(&mut self) -> &mut [DenseParameter] {
        &mut self.raw
    }

    fn generate(&mut self, models: &[PastModel], batch: &LocalBatch, generated: &mut [EmbeddingMlpTensors<Vec<f32>>]) {
        assert!(generated.len() == 1 && models.len() == self.length, "the loss of a mean is on the newest data alone");
        let (shares, this) = (self.shares(), &*self);
        let mut tensors = list(generated[0].each_mut(), &this.sizes);
        tensors.par_iter_mut().enumerate().for_each(|(tensor, values)| {
            **values = this.means(&shares, models, tensor, this.rows(batch, tensor));
        });
    }

    fn backward(&mut self, models: &[PastModel], batch: &LocalBatch, gradients: &[EmbeddingMlpTensors<Vec<f32>>]) {
        let (shares, k, this) = (self.shares(), self.length, &*self);
        let gradients = list(gradients[0].each_ref(), &this.sizes);
        let by_tensor: Vec<Vec<f64>> = gradients
            .par_iter()
            .enumerate()
            .map(|(tensor, gradients)| this.of_shares(models, tensor, this.rows(batch, tensor), gradients))
            .collect();
        let by_raw = match self.sharing {
            MeanWeights::PerCoordinate => by_tensor,
            MeanWeights::PerPeriod => {
                vec![(0..k).map(|j| by_tensor.iter().map(|sums| sums[j]).sum()).collect()]
            }
        };
        for ((raw, shares), of_shares) in self.raw.iter_mut().zip(&shares).zip(&by_raw) {
            let sets = raw.gradient.chunks_exact_mut(k).zip(shares.chunks_exact(k)).zip(of_shares.chunks_exact(k));
            for ((gradient, shares), of_shares) in sets {
                let mean: f64 = shares.iter().zip(of_shares).map(|(share, of)| f64::from(*share) * of).sum();
                for ((gradient, share), of) in gradient.iter_mut().zip(shares).zip(of_shares) {
                    *gradient = (f64::from(*share) * (of - mean)) as f32;
                }
            }
        }
    }

    fn whole(&self, models: &[PastModel]) -> Vec<Vec<f32>> {
        let shares = self.shares();
        let tensor = |tensor: usize| self.means(&shares, models, tensor, 0..self.coordinates[tensor].rows);
        (0..self.coordinates.len()).into_par_iter().map(tensor).collect()
    }

    fn continues(&self) -> bool {
        false
    }

    fn advance(&mut self, _: &PastModel) {}

    fn save_past<'a>(&'a self, _: &mut State<'a>) {}

    fn restore_past(&mut self, _: &mut State<'_>) -> Result<()> {
        Ok(())
    }
}
