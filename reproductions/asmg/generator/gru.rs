//! ASMG's generator: a GRU over each coordinate of the models of past periods.
//!
//! The scalars of a coordinate in the models of the sequence are read in their order, and what comes out after each is the
//! coordinate of a model to serve. During training only the rows that a batch names are made, and each only as far as a
//! part that names it goes; the gradient is that of generating all rows.

use harness::error::Result;
use harness::nn::DenseParameter;
use harness::rng::Stream;
use harness::simd::dispatch;
use harness::weights::{Init, Parameter, State};
use rayon::prelude::*;

use super::cell::{AT_ONCE, Backward, Forward, Inputs, Lanes, Squash, set_size};
use super::model_generator::ModelGenerator;
use super::past_models::{Coordinates, PastModel, list, turned};
use crate::models::embedding_mlp::{EmbeddingMlpSizes, EmbeddingMlpTensors, LocalBatch};

/// The generator, and its hidden states where they go from period to period.
pub struct Gru {
    sizes: EmbeddingMlpSizes,
    /// d
    hidden: usize,
    squash: Squash,
    coordinates: Vec<Coordinates>,
    /// By tensor of the base model: `[set_size(d), sets]`.
    sets: Vec<DenseParameter>,
    /// By tensor: the state before a sequence, `[columns, rows, d]`. None where it is always zero.
    states: Option<Vec<Vec<f32>>>,
    /// By tensor and column.
    runs: Vec<Run>,
}

/// Coordinates of one column that are generated together. Its buffers are kept from batch to batch.
struct Run {
    tensor: usize,
    column: usize,
    of: Coordinates,
    sweep: Sweep,
    out: Vec<Lanes>,
    upstream: Vec<Lanes>,
    kept: Vec<Lanes>,
    /// As the weights of `sweep`.
    gradient: Vec<Lanes>,
}

/// What the cell reads for some coordinates of a column.
#[derive(Default)]
struct Sweep {
    models: usize,
    /// `[blocks]`
    steps: Vec<usize>,
    /// `[blocks, models]`
    theta: Vec<Lanes>,
    /// `[blocks, d]`
    start: Vec<Lanes>,
    /// Of a table `[set_size(d)]`, else `[blocks, set_size(d)]`.
    weights: Vec<Lanes>,
    /// Blocks that one set of weights serves.
    blocks_per_set: usize,
}

/// Calls the cell's kernel for a hidden size that is known when the program runs.
macro_rules! with_hidden_size {
    ($d:expr, $kernel:ident { $($field:ident $(: $value:expr)?),* $(,)? }) => {
        match $d {
            2 => dispatch($kernel::<2> { $($field $(: $value)?),* }),
            4 => dispatch($kernel::<4> { $($field $(: $value)?),* }),
            8 => dispatch($kernel::<8> { $($field $(: $value)?),* }),
            12 => dispatch($kernel::<12> { $($field $(: $value)?),* }),
            16 => dispatch($kernel::<16> { $($field $(: $value)?),* }),
            d => unreachable!("there is no kernel for hidden size {d}"),
        }
    };
}

impl Sweep {
    /// Prepares the coordinates of these rows; `steps(k)` is how many models the k-th is to go through, which never grows
    /// with k.
    fn set(
        &mut self,
        gru: &GruView<'_>,
        (tensor, column): (usize, usize),
        models: &[PastModel],
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        steps: impl Fn(usize) -> usize,
    ) {
        let (of, d, k) = (gru.coordinates[tensor], gru.hidden, models.len());
        let blocks = rows.len().div_ceil(AT_ONCE);
        self.models = k;
        self.steps.clear();
        self.steps.extend((0..blocks).map(|block| steps(block * AT_ONCE)));
        let all = |lanes: &mut Vec<Lanes>, n: usize| {
            lanes.clear();
            lanes.resize(n, Lanes::ZERO);
        };
        all(&mut self.theta, blocks * k);
        all(&mut self.start, blocks * d);
        for (j, model) in models.iter().enumerate() {
            let values = &model.tensors[tensor][column * of.rows..][..of.rows];
            for (at, row) in rows.clone().enumerate() {
                self.theta[at / AT_ONCE * k + j].0[at % AT_ONCE] = values[row];
            }
        }
        if let Some(states) = gru.states {
            let states = &states[tensor][column * of.rows * d..][..of.rows * d];
            for (at, row) in rows.clone().enumerate() {
                let start = &mut self.start[at / AT_ONCE * d..][..d];
                for (start, value) in start.iter_mut().zip(&states[row * d..][..d]) {
                    start.0[at % AT_ONCE] = *value;
                }
            }
        }
        let (size, sets) = (set_size(d), of.sets());
        let weights = gru.sets[tensor].weights.chunks_exact(sets);
        if of.shared {
            self.blocks_per_set = blocks;
            self.weights.clear();
            self.weights.extend(weights.map(|element| Lanes::splat(element[column])));
        } else {
            self.blocks_per_set = 1;
            all(&mut self.weights, blocks * size);
            for (element, values) in weights.enumerate() {
                for (at, row) in rows.clone().enumerate() {
                    self.weights[at / AT_ONCE * size + element].0[at % AT_ONCE] = values[row];
                }
            }
        }
    }

    /// By weight set: what the cell reads of it, with the first block.
    fn inputs(&self, d: usize, squash: Squash) -> impl Iterator<Item = (usize, Inputs<'_>)> {
        let (blocks, models) = (self.blocks_per_set.max(1), self.models);
        let inputs = self.weights.chunks_exact(set_size(d)).zip(self.steps.chunks(blocks)).enumerate();
        inputs.map(move |(set, (weights, steps))| {
            let first = set * blocks;
            let theta = &self.theta[first * models..][..steps.len() * models];
            let start = &self.start[first * d..][..steps.len() * d];
            (first, Inputs { weights, models, steps, theta, start, squash })
        })
    }

    /// θ* after each model, and the states after the last one.
    fn forward(&self, d: usize, squash: Squash, out: &mut Vec<Lanes>, mut end: Option<&mut Vec<Lanes>>) {
        let (blocks, models) = (self.steps.len(), self.models);
        out.resize(blocks * models, Lanes::ZERO);
        if let Some(end) = &mut end {
            end.resize(blocks * d, Lanes::ZERO);
        }
        for (first, inputs) in self.inputs(d, squash) {
            let here = inputs.steps.len();
            let out = &mut out[first * models..][..here * models];
            let end = end.as_mut().map(|end| &mut end[first * d..][..here * d]);
            with_hidden_size!(d, Forward { inputs, out, end });
        }
    }
}

/// What a sweep reads of a generator.
struct GruView<'a> {
    hidden: usize,
    coordinates: &'a [Coordinates],
    sets: &'a [DenseParameter],
    states: Option<&'a [Vec<f32>]>,
}

impl Gru {
    /// A new generator for base models with these sizes. The leading axis of a tensor of weight sets counts as a receptive
    /// field of Glorot's limits (code).
    pub fn new(
        sizes: EmbeddingMlpSizes,
        hidden: usize,
        squash: Squash,
        continued: bool,
        stream: impl Fn(&str) -> Stream,
    ) -> Self {
        let coordinates = Coordinates::of(&sizes);
        let sets = coordinates.iter().map(|of| {
            let size = set_size(hidden);
            let values = initial(of.sets(), hidden).draw(&mut stream(&format!("init.{}", of.name)), size * of.sets());
            DenseParameter::new(Parameter { name: of.name.into(), shape: vec![size, of.sets()], values })
        });
        let sets = sets.collect();
        let zeros = |of: &Coordinates| vec![0.0; of.columns * of.rows * hidden];
        let states = continued.then(|| coordinates.iter().map(zeros).collect());
        let runs = coordinates.iter().enumerate().flat_map(|(tensor, of)| {
            (0..of.columns).map(move |column| Run {
                tensor,
                column,
                of: *of,
                sweep: Sweep::default(),
                out: Vec::new(),
                upstream: Vec::new(),
                kept: Vec::new(),
                gradient: Vec::new(),
            })
        });
        let runs = runs.collect();
        Self { sizes, hidden, squash, coordinates, sets, states, runs }
    }

    /// By tensor: what `of` makes of each piece of its columns' rows, one after the other, `[columns, rows · n]`.
    fn by_column(&self, models: &[PastModel], n: usize, of: impl Fn(&Sweep, &mut [f32]) + Sync) -> Vec<Vec<f32>> {
        /// Rows of a piece: its buffers stay in the cache.
        const PIECE: usize = 64 * AT_ONCE;
        let view = GruView {
            hidden: self.hidden,
            coordinates: &self.coordinates,
            sets: &self.sets,
            states: self.states.as_deref(),
        };
        let tensor = |(tensor, coordinates): (usize, &Coordinates)| {
            let mut all = vec![0.0; coordinates.columns * coordinates.rows * n];
            let columns = all.par_chunks_mut((coordinates.rows * n).max(1)).enumerate();
            columns.for_each(|(column, values)| {
                let mut sweep = Sweep::default();
                for (piece, values) in values.chunks_mut(PIECE * n).enumerate() {
                    let first = piece * PIECE;
                    let rows = first..first + values.len() / n;
                    sweep.set(&view, (tensor, column), models, rows, |_| models.len());
                    of(&sweep, values);
                }
            });
            all
        };
        self.coordinates.iter().enumerate().map(tensor).collect()
    }
}

/// How `sets` weight sets start, in the order of [`set_size`].
fn initial(sets: usize, d: usize) -> Init {
    let piece = |rows: usize, columns: usize| (sets * rows * columns, Init::glorot(&[sets, rows, columns]));
    let gate = [piece(1, d), piece(d, d)];
    let out = [piece(d, 1), piece(1, 1)];
    Init::Pieces([&gate[..], &gate, &gate, &out].concat())
}

impl ModelGenerator for Gru {
    fn tensors(&self) -> &[DenseParameter] {
        &self.sets
    }

    fn tensors_mut(&mut self) -> &mut [DenseParameter] {
        &mut self.sets
    }

    fn generate(&mut self, models: &[PastModel], batch: &LocalBatch, generated: &mut [EmbeddingMlpTensors<Vec<f32>>]) {
        let Self { sizes, hidden, squash, coordinates, sets, states, runs } = self;
        let (d, squash, k) = (*hidden, *squash, models.len());
        let ids = [batch.users(), batch.items(), batch.categories()];
        let view = GruView { hidden: d, coordinates, sets, states: states.as_deref() };
        runs.par_iter_mut().for_each(|Run { tensor, column, of, sweep, out, .. }| {
            let place = (*tensor, *column);
            if of.shared {
                let rows = ids[*tensor].iter().map(|&id| id as usize);
                // Rows of newer parts come first, and go through more models.
                let named = |part: usize| named(batch, part, *tensor);
                let steps = |row: usize| (0..k).find(|&part| row < named(part)).map_or(0, |part| k - part);
                sweep.set(&view, place, models, rows, steps);
            } else {
                sweep.set(&view, place, models, 0..of.rows, |_| k);
            }
            sweep.forward(d, squash, out, None);
        });
        generated.par_iter_mut().enumerate().for_each(|(part, generated)| {
            let at = k - 1 - part;
            let mut tensors = list(generated.each_mut(), sizes);
            for (tensor, of) in coordinates.iter().enumerate() {
                let rows = if of.shared { named(batch, part, tensor) } else { of.rows };
                tensors[tensor].resize(rows * of.columns, 0.0);
            }
            for Run { tensor, column, of, out, .. } in &*runs {
                let values = &mut tensors[*tensor];
                for (block, rows) in values.chunks_mut(AT_ONCE * of.columns).enumerate() {
                    let lanes = &out[block * k + at].0;
                    for (row, lane) in rows.chunks_exact_mut(of.columns).zip(lanes) {
                        row[*column] = *lane;
                    }
                }
            }
        });
    }

    fn backward(&mut self, models: &[PastModel], batch: &LocalBatch, gradients: &[EmbeddingMlpTensors<Vec<f32>>]) {
        let Self { sizes, hidden, squash, sets, runs, .. } = self;
        let (d, squash, k) = (*hidden, *squash, models.len());
        let gradients: Vec<Vec<&Vec<f32>>> = gradients.iter().map(|part| list(part.each_ref(), sizes)).collect();
        assert_eq!(gradients.len(), batch.parts().len(), "gradients of each part");
        runs.par_iter_mut().for_each(|Run { tensor, column, of, sweep, upstream, kept, gradient, .. }| {
            upstream.clear();
            upstream.resize(sweep.steps.len() * k, Lanes::ZERO);
            for (part, gradients) in gradients.iter().enumerate() {
                let at = k - 1 - part;
                for (block, rows) in gradients[*tensor].chunks(AT_ONCE * of.columns).enumerate() {
                    let lanes = &mut upstream[block * k + at].0;
                    for (row, lane) in rows.chunks_exact(of.columns).zip(lanes) {
                        *lane = row[*column];
                    }
                }
            }
            gradient.clear();
            gradient.resize(sweep.weights.len(), Lanes::ZERO);
            let by_set = gradient.chunks_exact_mut(set_size(d));
            for ((first, inputs), gradient) in sweep.inputs(d, squash).zip(by_set) {
                let upstream = &upstream[first * k..][..inputs.steps.len() * k];
                let kept = &mut *kept;
                with_hidden_size!(d, Backward { inputs, upstream, kept, gradient });
            }
        });
        for Run { tensor, column, of, gradient, .. } in &*runs {
            for (element, values) in sets[*tensor].gradient.chunks_exact_mut(of.sets()).enumerate() {
                if of.shared {
                    values[*column] = gradient[element].sum();
                } else {
                    for (block, values) in values.chunks_mut(AT_ONCE).enumerate() {
                        values.copy_from_slice(&gradient[block * set_size(d) + element].0[..values.len()]);
                    }
                }
            }
        }
    }

    fn whole(&self, models: &[PastModel]) -> Vec<Vec<f32>> {
        let (d, k) = (self.hidden, models.len());
        let columns = self.by_column(models, 1, |sweep, values| {
            let mut out = Vec::new();
            sweep.forward(d, self.squash, &mut out, None);
            for (block, values) in values.chunks_mut(AT_ONCE).enumerate() {
                values.copy_from_slice(&out[block * k + k - 1].0[..values.len()]);
            }
        });
        columns.iter().zip(&self.coordinates).map(|(values, of)| turned(values, of.columns, of.rows)).collect()
    }

    fn continues(&self) -> bool {
        self.states.is_some()
    }

    /// The state after the model is that before the sequence that begins with the next one, made with the weights of now and
    /// never again (code).
    fn advance(&mut self, left: &PastModel) {
        if self.states.is_none() {
            return;
        }
        let d = self.hidden;
        let states = self.by_column(std::slice::from_ref(left), d, |sweep, values| {
            let mut end = Vec::new();
            sweep.forward(d, self.squash, &mut Vec::new(), Some(&mut end));
            for (at, state) in values.chunks_exact_mut(d).enumerate() {
                for (value, lanes) in state.iter_mut().zip(&end[at / AT_ONCE * d..][..d]) {
                    *value = lanes.0[at % AT_ONCE];
                }
            }
        });
        self.states = Some(states);
    }

    fn save_past<'a>(&'a self, state: &mut State<'a>) {
        for (of, values) in self.coordinates.iter().zip(self.states.iter().flatten()) {
            state.put(state_name(of), &values[..]);
        }
    }

    fn restore_past(&mut self, state: &mut State<'_>) -> Result<()> {
        for (of, values) in self.coordinates.iter().zip(self.states.iter_mut().flatten()) {
            *values = state.take(&state_name(of), values.len())?;
        }
        Ok(())
    }
}

fn state_name(of: &Coordinates) -> String {
    format!("{}.hidden_state", of.name)
}

/// Rows of a table that are named up to and with a part.
fn named(batch: &LocalBatch, part: usize, tensor: usize) -> usize {
    let rows = batch.parts().get(part).map_or_else(Default::default, |part| part.rows);
    [rows.users, rows.items, rows.categories][tensor]
}
