//! Logits of a part of a batch, and the gradients of its loss.

use harness::nn::log_loss;
use harness::simd::dispatch;
use pulp::{NullaryFnOnce, Simd, WithSimd};

use super::batch::{LocalBatch, LocalPart};
use super::layers::{LANES, SampleLanes, add_gradients, add_sums, input_slopes, linear, relu, through_relu};
use super::sizes::EmbeddingMlpSizes;
use super::tensors::EmbeddingMlpTensors;

/// What the authors add to the number of items or categories that a mean is over, so that a mean of none is 0 (code).
pub const POOLING_EPSILON: f32 = 1e-8;

/// The forward and the backward pass over a part of a [`LocalBatch`]. Keeps its buffers from one to the next; what a pass
/// gives depends on its arguments alone, to the last bit at every vector width.
pub struct EmbeddingMlpKernel {
    sizes: EmbeddingMlpSizes,
    trace: Trace,
    /// By row of an item: its vector, where it is more than the row.
    entities: Vec<f32>,
    entity_gradients: Vec<f32>,
    /// Gradients of the layers by lane.
    layers: [Vec<SampleLanes>; 6],
}

/// Some samples on their way through the layers.
struct Trace {
    input: Vec<SampleLanes>,
    hidden: [Vec<SampleLanes>; 2],
    logit: [SampleLanes; 1],
    input_slopes: Vec<SampleLanes>,
    hidden_slopes: [Vec<SampleLanes>; 2],
    /// The input of one sample, or its slopes.
    row: Vec<f32>,
}

impl EmbeddingMlpKernel {
    /// A kernel for models with these sizes; those of the tables do not matter, but that there are categories does.
    pub fn new(sizes: EmbeddingMlpSizes) -> Self {
        let lanes = |n: usize| vec![[0.0; LANES]; n];
        let hidden = || sizes.hidden.map(lanes);
        let trace = Trace {
            input: lanes(sizes.input()),
            hidden: hidden(),
            logit: [[0.0; LANES]],
            input_slopes: lanes(sizes.input()),
            hidden_slopes: hidden(),
            row: vec![0.0; sizes.input()],
        };
        let layers = sizes.layer_shapes().map(|shape| lanes(shape.iter().product()));
        Self { sizes, trace, entities: Vec::new(), entity_gradients: Vec::new(), layers }
    }

    /// `out[k]` = logit of the k-th sample of part number `part`. Tables hold at least the rows that the part names.
    ///
    /// # Panics
    /// If there is no such part, or the lengths disagree.
    pub fn logits(&mut self, batch: &LocalBatch, part: usize, weights: EmbeddingMlpTensors<&[f32]>, out: &mut [f32]) {
        let part = &batch.parts()[part];
        assert_eq!(out.len(), part.samples.len(), "a logit for each sample");
        let (sizes, trace) = (self.sizes, &mut self.trace);
        dispatch(Pass { sizes, batch, part, weights, trace, entities: &mut self.entities, work: Logits(out) });
    }

    /// Adds `weight` times the gradient of the mean loss over the samples of part number `part`, and returns that mean loss.
    /// The loss of a sample is the log-loss of its logit against its [label](LocalBatch::labels), its slope σ(z) − label. Tables
    /// and their gradients hold at least the rows that the part names.
    ///
    /// # Panics
    /// If there is no such part, it has no sample, or the lengths disagree.
    pub fn forward_backward(
        &mut self,
        batch: &LocalBatch,
        part: usize,
        weights: EmbeddingMlpTensors<&[f32]>,
        weight: f32,
        gradients: EmbeddingMlpTensors<&mut [f32]>,
    ) -> f64 {
        let part = &batch.parts()[part];
        let n = part.samples.len();
        assert!(n > 0, "a part without samples has no mean loss");
        let mut layers = gradients.layers;
        self.layers.iter_mut().for_each(|lanes| lanes.fill([0.0; LANES]));
        let own = self.sizes.categories.is_some();
        self.entity_gradients.clear();
        self.entity_gradients.resize(if own { part.rows.items * self.sizes.entity() } else { 0 }, 0.0);
        let (sizes, trace, entities) = (self.sizes, &mut self.trace, &mut self.entities);
        let item = gradients.item;
        let work = Gradients {
            coefficient: weight / n as f32,
            user: gradients.user,
            entity: if own { &mut self.entity_gradients } else { &mut *item },
            layers: &mut self.layers,
            sums: &mut layers,
            loss: 0.0,
        };
        let loss = dispatch(Pass { sizes, batch, part, weights, trace, entities, work });
        if own {
            dispatch(ToItems { sizes, batch, entities: &self.entity_gradients, item, category: gradients.category });
        }
        loss / n as f64
    }
}

/// What is done with the logits of some samples.
trait Work {
    type Output;

    /// Takes the logits of `samples`, at most [`LANES`] of the batch, the first of a part being `start`.
    fn block<S: Simd, const REGS: usize>(&mut self, simd: S, block: Block<'_>, trace: &mut Trace);

    fn end(self) -> Self::Output;
}

/// Some samples of a part.
#[derive(Clone, Copy)]
struct Block<'a> {
    sizes: EmbeddingMlpSizes,
    batch: &'a LocalBatch,
    part: &'a LocalPart,
    layers: [&'a [f32]; 6],
    /// Number of the first sample in the batch.
    start: usize,
    count: usize,
}

struct Pass<'a, W> {
    sizes: EmbeddingMlpSizes,
    batch: &'a LocalBatch,
    part: &'a LocalPart,
    weights: EmbeddingMlpTensors<&'a [f32]>,
    trace: &'a mut Trace,
    entities: &'a mut Vec<f32>,
    work: W,
}

/// Keeps the logits.
struct Logits<'a>(&'a mut [f32]);

/// Adds gradients and losses.
struct Gradients<'a, 'g> {
    /// Weight of a sample's loss.
    coefficient: f32,
    user: &'a mut [f32],
    entity: &'a mut [f32],
    /// By lane.
    layers: &'a mut [Vec<SampleLanes>; 6],
    sums: &'a mut [&'g mut [f32]; 6],
    loss: f64,
}

/// Numbers that are added at once: a row of the usual length.
const STRIP: usize = 8;

/// `sum` += `row`.
#[inline(always)]
pub(super) fn add(sum: &mut [f32], row: &[f32]) {
    let ((sums, sum_rest), (rows, row_rest)) = (sum.as_chunks_mut::<STRIP>(), row.as_chunks::<STRIP>());
    for (sum, row) in sums.iter_mut().zip(rows) {
        // Copies, which cannot overlap, so that a strip is added at once.
        let (mut added, row) = (*sum, *row);
        for k in 0..STRIP {
            added[k] += row[k];
        }
        *sum = added;
    }
    for (sum, value) in sum_rest.iter_mut().zip(row_rest) {
        *sum += value;
    }
}

/// Divides by a number of items or categories.
#[inline(always)]
pub(super) fn average(sum: &mut [f32], count: usize) {
    let count = count as f32 + POOLING_EPSILON;
    for sum in sum {
        *sum /= count;
    }
}

#[inline(always)]
fn row(table: &[f32], row: u32, width: usize) -> &[f32] {
    &table[row as usize * width..][..width]
}

#[inline(always)]
fn row_mut(table: &mut [f32], row: u32, width: usize) -> &mut [f32] {
    &mut table[row as usize * width..][..width]
}

impl<W: Work> WithSimd for Pass<'_, W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> W::Output {
        match S::F32_LANES {
            16 => self.run::<S, 1>(simd),
            8 => self.run::<S, 2>(simd),
            4 => self.run::<S, 4>(simd),
            _ => self.run::<S, LANES>(simd),
        }
    }
}

impl<W: Work> Pass<'_, W> {
    #[inline(always)]
    fn run<S: Simd, const REGS: usize>(self, simd: S) -> W::Output {
        let Self { sizes, batch, part, weights, trace, entities, mut work } = self;
        let (dim, width, layers) = (sizes.dim, sizes.entity(), weights.layers);
        let entities = if sizes.categories.is_some() {
            entities.clear();
            entities.resize(part.rows.items * width, 0.0);
            for (number, entity) in entities.chunks_exact_mut(width).enumerate() {
                let (own, mean) = entity.split_at_mut(dim);
                own.copy_from_slice(row(weights.item, number as u32, dim));
                let categories = batch.categories_of(number);
                for &category in categories {
                    add(mean, row(weights.category, category, dim));
                }
                average(mean, categories.len());
            }
            &entities[..]
        } else {
            weights.item
        };
        for start in part.samples.clone().step_by(LANES) {
            let count = LANES.min(part.samples.end - start);
            if count < LANES {
                trace.input.fill([0.0; LANES]);
            }
            for lane in 0..count {
                let sample = start + lane;
                let (user, rest) = trace.row.split_at_mut(dim);
                let (pooled, target) = rest.split_at_mut(width);
                user.copy_from_slice(row(weights.user, batch.user(sample), dim));
                target.copy_from_slice(row(entities, batch.target(sample), width));
                pooled.fill(0.0);
                let history = batch.history(sample);
                for &item in history {
                    add(pooled, row(entities, item, width));
                }
                average(pooled, history.len());
                for (lanes, value) in trace.input.iter_mut().zip(&trace.row) {
                    lanes[lane] = *value;
                }
            }
            let [first, second] = &mut trace.hidden;
            linear::<S, REGS>(simd, layers[0], layers[1], &trace.input, first);
            relu::<S, REGS>(simd, first);
            linear::<S, REGS>(simd, layers[2], layers[3], first, second);
            relu::<S, REGS>(simd, second);
            linear::<S, REGS>(simd, layers[4], layers[5], second, &mut trace.logit);
            work.block::<S, REGS>(simd, Block { sizes, batch, part, layers, start, count }, trace);
        }
        work.end()
    }
}

impl Work for Logits<'_> {
    type Output = ();

    #[inline(always)]
    fn block<S: Simd, const REGS: usize>(
        &mut self,
        _: S,
        Block { part, start, count, .. }: Block<'_>,
        trace: &mut Trace,
    ) {
        self.0[start - part.samples.start..][..count].copy_from_slice(&trace.logit[0][..count]);
    }

    #[inline(always)]
    fn end(self) {}
}

impl Work for Gradients<'_, '_> {
    type Output = f64;

    #[inline(always)]
    fn block<S: Simd, const REGS: usize>(
        &mut self,
        simd: S,
        Block { sizes, batch, layers, start, count, .. }: Block<'_>,
        trace: &mut Trace,
    ) {
        let mut slope = [[0.0; LANES]];
        let labels = &batch.labels()[start..start + count];
        for ((slope, logit), label) in slope[0].iter_mut().zip(&trace.logit[0]).zip(labels) {
            let (loss, of_loss) = log_loss(*logit, *label);
            self.loss += f64::from(loss);
            *slope = of_loss * self.coefficient;
        }
        let ([first, second], [first_slopes, second_slopes]) = (&trace.hidden, &mut trace.hidden_slopes);
        let [kernel1, bias1, kernel2, bias2, out, out_bias] = self.layers.each_mut().map(Vec::as_mut_slice);
        add_gradients::<S, REGS>(simd, second, &slope, out, out_bias);
        input_slopes::<S, REGS>(simd, layers[4], &slope, second_slopes);
        through_relu::<S, REGS>(simd, second, second_slopes);
        add_gradients::<S, REGS>(simd, first, second_slopes, kernel2, bias2);
        input_slopes::<S, REGS>(simd, layers[2], second_slopes, first_slopes);
        through_relu::<S, REGS>(simd, first, first_slopes);
        add_gradients::<S, REGS>(simd, &trace.input, first_slopes, kernel1, bias1);
        input_slopes::<S, REGS>(simd, layers[0], first_slopes, &mut trace.input_slopes);

        let (dim, width) = (sizes.dim, sizes.entity());
        for lane in 0..count {
            let sample = start + lane;
            for (value, lanes) in trace.row.iter_mut().zip(&trace.input_slopes) {
                *value = lanes[lane];
            }
            let (user, rest) = trace.row.split_at_mut(dim);
            let (pooled, target) = rest.split_at_mut(width);
            add(row_mut(self.user, batch.user(sample), dim), user);
            add(row_mut(self.entity, batch.target(sample), width), target);
            let history = batch.history(sample);
            average(pooled, history.len());
            for &item in history {
                add(row_mut(self.entity, item, width), pooled);
            }
        }
    }

    #[inline(always)]
    fn end(self) -> f64 {
        for (lanes, sums) in self.layers.iter().zip(self.sums) {
            add_sums(lanes, sums);
        }
        self.loss
    }
}

/// From gradients of items' vectors to those of their rows and of the rows of their categories.
struct ToItems<'a> {
    sizes: EmbeddingMlpSizes,
    batch: &'a LocalBatch,
    entities: &'a [f32],
    item: &'a mut [f32],
    category: &'a mut [f32],
}

impl NullaryFnOnce for ToItems<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { sizes, batch, entities, item, category: category_gradients } = self;
        let dim = sizes.dim;
        let mut share = vec![0.0; dim];
        for (number, entity) in entities.chunks_exact(sizes.entity()).enumerate() {
            let (own, mean) = entity.split_at(dim);
            add(row_mut(item, number as u32, dim), own);
            let categories = batch.categories_of(number);
            share.copy_from_slice(mean);
            average(&mut share, categories.len());
            for &category in categories {
                add(row_mut(category_gradients, category, dim), &share);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use harness::data::ItemCategories;
    use harness::rng::Stream;
    use harness::simd::levels;
    use harness::split::Samples;

    use super::*;
    use crate::golden::{assert_near, bits, case, doubles, floats, ids};

    #[test]
    fn every_vector_width_has_the_same_bits() {
        let sizes = EmbeddingMlpSizes { users: 9, items: 20, categories: Some(4), dim: 8, hidden: [20, 10] };
        let mut stream = Stream::new(0, "embedding-mlp", "levels", 0);
        let mut samples = Samples::default();
        for length in [0, 3, 7].into_iter().cycle().take(21) {
            let history: Vec<u32> = (0..length).map(|_| stream.below(20)).collect();
            samples.push(stream.below(9), &history, &[(stream.below(20), true), (stream.below(20), false)]);
        }
        let categories = ItemCategories::new(4, (0..20).map(|item: u32| vec![item % 4, item % 3]));
        let mut batch = LocalBatch::new(&sizes);
        let positions: Vec<u32> = (0..samples.len() as u32).collect();
        batch.push(samples.range(0..samples.len()), &positions, Some(&categories));
        let (rows, dim) = (batch.rows(), sizes.dim);
        let shapes = sizes.layer_shapes().map(|shape| shape.iter().product());
        let counts = EmbeddingMlpTensors {
            user: rows.users * dim,
            item: rows.items * dim,
            category: rows.categories * dim,
            layers: shapes,
        };
        let weights = counts.map(|count: usize| stream.normals(count, 0.5));
        let mut first: Option<Vec<u32>> = None;
        for level in levels() {
            let EmbeddingMlpKernel { mut trace, mut entities, mut layers, .. } = EmbeddingMlpKernel::new(sizes);
            let mut gradients = counts.map(|count| vec![0.0; count]);
            let mut of_entities = vec![0.0; rows.items * sizes.entity()];
            let (part, weights) = (&batch.parts()[0], weights.as_slices());
            let mut onto = gradients.as_mut_slices();
            let (user, entity, layers, sums) = (onto.user, &mut of_entities[..], &mut layers, &mut onto.layers);
            let work = Gradients { coefficient: 0.1, user, entity, layers, sums, loss: 0.0 };
            let (trace, entities) = (&mut trace, &mut entities);
            let loss = level.dispatch(Pass { sizes, batch: &batch, part, weights, trace, entities, work });
            let (item, category) = (onto.item, onto.category);
            level.dispatch(ToItems { sizes, batch: &batch, entities: &of_entities, item, category });
            let EmbeddingMlpTensors { user, item, category, layers } = &gradients;
            let all: Vec<f32> = [user, item, category].into_iter().chain(layers).flatten().copied().collect();
            let found: Vec<u32> = bits(&all).into_iter().chain(bits(&[loss as f32])).collect();
            assert_eq!(*first.get_or_insert_with(|| found.clone()), found);
        }
    }

    #[test]
    fn pooling_agrees_with_the_reference() {
        let case = case("asmg.json", "average_pooling");
        let lengths = ids(&case["inputs"]["lens"]);
        for (k, rows) in case["inputs"]["emb"].as_array().unwrap().iter().enumerate() {
            let rows: Vec<Vec<f32>> = rows.as_array().unwrap().iter().map(floats).collect();
            let mut pooled = vec![0.0; rows[0].len()];
            rows[..lengths[k] as usize].iter().for_each(|row| add(&mut pooled, row));
            average(&mut pooled, lengths[k] as usize);
            // One rounding of numbers below 1.
            assert_near(&pooled, &doubles(&case["expected"]["pooled"][k]), 6e-8, k);
        }
    }
}
