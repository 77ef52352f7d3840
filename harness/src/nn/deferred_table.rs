//! An embedding table whose rows make their steps when they are next named.
//!
//! A step of Adam moves every row that has ever had a gradient, and a batch names few of them. Here a row that is not named
//! makes its steps later, all at once and in registers: when a batch [gathers](DeferredTable::gather) it, or when the whole
//! table is read ([`settle`](DeferredTable::settle)). Without weight decay such a step is cheap or nothing:
//!
//! * A row that never had a gradient has no moments and stays where it is.
//! * The others move less with each step, by a factor of .92 or below, because the first moment decays faster than the root of the
//!   second. Once a step is too small to change any bit of a row, so are all that follow, and only the moments are left to
//!   decay: a row sleeps some 130 steps after its last gradient.
//!
//! So the bits are those of an [`EmbeddingTable`](super::EmbeddingTable) or a [`DenseParameter`](super::DenseParameter), but for
//! one thing: a first moment below [`TINY`] is 0 where no gradient meets it, while it would decay to a denormal number and
//! stay there. TensorFlow flushes denormal numbers to 0, too; a step of such a moment is below 1e-28.

use pulp::NullaryFnOnce;
use rayon::prelude::*;

use super::Trainable;
use crate::error::Result;
use crate::optim::{AdamStep, Optimiser};
use crate::simd;
use crate::weights::{Parameter, State};

/// First moments below it count as 0. Eight decays of a greater one do not reach the denormal numbers, which processors
/// multiply a hundred times more slowly.
pub const TINY: f32 = f32::MIN_POSITIVE * 64.0;

/// Decays of moments between two searches for [`TINY`] ones.
const DECAYS: usize = 8;

/// Steps after which all rows are brought up to date, so that the list of steps stays in the cache.
const MOST_BEHIND: usize = 1024;

/// Growth of the step size from one step to the next (times the growth of its bias correction) that a sleeping row can
/// sleep through: the first moment shrinks by .9, the root of the second by .9995. TensorFlow's form grows by 1.3 % at most.
const GROWTH: f32 = 1.05;

/// Numbers that are moved at once: a row of the usual length.
const STRIP: usize = 8;

/// Rows that one task brings up to date when the whole table is read. No sum crosses a row.
const BLOCK: usize = 512;

/// Rows that one task brings up to date for a batch: some 10 µs of work.
const GATHERED_BLOCK: usize = 64;

/// `[rows, dim]`, row-major, with the moments of Adam without weight decay.
#[derive(Clone)]
pub struct DeferredTable {
    name: String,
    rows: usize,
    dim: usize,
    weights: Vec<f32>,
    first_moment: Vec<f32>,
    second_moment: Vec<f32>,
    steps: u64,
    /// Steps since all rows were up to date.
    recent: Vec<AdamStep>,
    /// By row: how many of `recent` it has made.
    made: Vec<u32>,
    /// Room for the moments of gathered rows; means nothing between calls.
    gathered: [Vec<f32>; 2],
}

impl From<Parameter> for DeferredTable {
    /// A table that starts at these weights.
    ///
    /// # Panics
    /// If the parameter is no matrix, or has not as many values as its shape says.
    fn from(Parameter { name, shape, values: weights }: Parameter) -> Self {
        let [rows, dim] = shape[..] else { panic!("`{name}` of the shape {shape:?} is no table") };
        assert_eq!(weights.len(), rows * dim, "table `{name}`");
        let zeros = vec![0.0; weights.len()];
        let (recent, made, gathered) = (Vec::new(), vec![0; rows], Default::default());
        Self {
            name,
            rows,
            dim,
            first_moment: zeros.clone(),
            second_moment: zeros,
            weights,
            steps: 0,
            recent,
            made,
            gathered,
        }
    }
}

impl DeferredTable {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// # Panics
    /// If rows are behind: [`settle`](Self::settle) comes first.
    pub fn weights(&self) -> &[f32] {
        self.assert_settled();
        &self.weights
    }

    /// # Panics
    /// If rows are behind.
    pub fn moments(&self) -> [&[f32]; 2] {
        self.assert_settled();
        [&self.first_moment, &self.second_moment]
    }

    /// Whether any row may be behind.
    pub fn is_behind(&self) -> bool {
        !self.recent.is_empty()
    }

    fn assert_settled(&self) {
        assert!(!self.is_behind(), "table `{}` is read before its rows are up to date", self.name);
    }

    /// `out` = the rows `ids`, one after the other, brought up to date.
    ///
    /// # Panics
    /// If an id is not a row.
    pub fn gather(&mut self, ids: &[u32], out: &mut Vec<f32>) {
        let Self { dim, gathered: [first_out, second_out], .. } = self;
        let (dim, chunk) = (*dim, GATHERED_BLOCK * *dim);
        for out in [&mut *out, first_out, second_out] {
            out.resize(ids.len() * dim, 0.0);
        }
        // Copies catch up and are then put back, since no two tasks can write to the rows of one table.
        let (weights, first, second) = (&self.weights[..], &self.first_moment[..], &self.second_moment[..]);
        let (recent, made) = (&self.recent[..], &self.made[..]);
        let blocks = ids.par_chunks(GATHERED_BLOCK).zip(out.par_chunks_mut(chunk));
        let blocks = blocks.zip(first_out.par_chunks_mut(chunk)).zip(second_out.par_chunks_mut(chunk));
        blocks.for_each(|(((ids, weights_out), first_out), second_out)| {
            let (from, onto) = ([weights, first, second], [weights_out, first_out, second_out]);
            simd::dispatch(Gather { dim, from, recent, made, ids, onto });
        });
        let behind = self.recent.len() as u32;
        let rows = out.chunks_exact(dim).zip(first_out.chunks_exact(dim)).zip(second_out.chunks_exact(dim));
        for (&id, ((weights, first), second)) in ids.iter().zip(rows) {
            let row = id as usize;
            if std::mem::replace(&mut self.made[row], behind) != behind {
                let at = row * dim..(row + 1) * dim;
                copy_row(weights, &mut self.weights[at.clone()]);
                copy_row(first, &mut self.first_moment[at.clone()]);
                copy_row(second, &mut self.second_moment[at]);
            }
        }
    }

    /// One step of Adam over every row, where `ids[k]`, all distinct, have the gradients `gradients[k]`: `[ids, dim]`.
    ///
    /// # Panics
    /// If the optimiser has weight decay, the lengths disagree, or a row was not [gathered](Self::gather) since the last step.
    pub fn step(&mut self, adam: &impl Optimiser, ids: &[u32], gradients: &[f32]) {
        let step = adam.at(self.steps + 1);
        assert!(step.weight_decay == 0.0, "table `{}`: weight decay moves rows that no batch names", self.name);
        assert_eq!(gradients.len(), ids.len() * self.dim, "a gradient for each row");
        let size = |step: &AdamStep| step.step_size / step.inverse_root_correction2;
        let full = self.recent.len() == MOST_BEHIND;
        if full || self.recent.last().is_some_and(|last| size(&step) > GROWTH * size(last)) {
            self.settle();
        }
        self.steps += 1;
        let behind = self.recent.len() as u32;
        self.recent.push(step);
        let Self { dim, weights, first_moment, second_moment, made, .. } = self;
        let all_there = ids.iter().all(|&id| std::mem::replace(&mut made[id as usize], behind + 1) == behind);
        assert!(all_there, "table `{}`: a row is named that was not gathered", self.name);
        let dim = *dim;
        simd::dispatch(Step { dim, weights, first: first_moment, second: second_moment, step: &step, ids, gradients });
    }

    /// Brings every row up to date.
    pub fn settle(&mut self) {
        let (dim, recent) = (self.dim, std::mem::take(&mut self.recent));
        if recent.is_empty() {
            return;
        }
        let chunk = BLOCK * dim;
        self.weights
            .par_chunks_mut(chunk)
            .zip(self.first_moment.par_chunks_mut(chunk))
            .zip(self.second_moment.par_chunks_mut(chunk))
            .zip(self.made.par_chunks_mut(BLOCK))
            .for_each(|(((weights, first), second), made)| {
                simd::dispatch(Settle { dim, weights, first, second, recent: &recent, made });
            });
        self.recent = recent;
        self.recent.clear();
    }
}

/// Copies of rows, brought up to date.
struct Gather<'a> {
    dim: usize,
    /// Weights and moments of all rows.
    from: [&'a [f32]; 3],
    recent: &'a [AdamStep],
    made: &'a [u32],
    ids: &'a [u32],
    /// Weights and moments of the rows `ids`.
    onto: [&'a mut [f32]; 3],
}

impl NullaryFnOnce for Gather<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { dim, from, recent, made, ids, onto: [weights, first, second] } = self;
        let rows = weights.chunks_exact_mut(dim).zip(first.chunks_exact_mut(dim)).zip(second.chunks_exact_mut(dim));
        for (&id, ((weights, first), second)) in ids.iter().zip(rows) {
            let (row, at) = (id as usize, id as usize * dim..(id as usize + 1) * dim);
            copy_row(&from[0][at.clone()], weights);
            copy_row(&from[1][at.clone()], first);
            copy_row(&from[2][at], second);
            catch_up(weights, first, second, &recent[made[row] as usize..]);
        }
    }
}

/// Copies a few numbers without a call.
#[inline(always)]
fn copy_row(from: &[f32], onto: &mut [f32]) {
    let ((from, from_rest), (onto, onto_rest)) = (from.as_chunks::<STRIP>(), onto.as_chunks_mut::<STRIP>());
    for (from, onto) in from.iter().zip(onto) {
        *onto = *from;
    }
    for (from, onto) in from_rest.iter().zip(onto_rest) {
        *onto = *from;
    }
}

struct Settle<'a> {
    dim: usize,
    weights: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    recent: &'a [AdamStep],
    made: &'a mut [u32],
}

impl NullaryFnOnce for Settle<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { dim, weights, first, second, recent, made } = self;
        for (row, made) in made.iter_mut().enumerate() {
            let at = row * dim..(row + 1) * dim;
            let missing = &recent[*made as usize..];
            *made = 0;
            catch_up(&mut weights[at.clone()], &mut first[at.clone()], &mut second[at], missing);
        }
    }
}

struct Step<'a> {
    dim: usize,
    weights: &'a mut [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    step: &'a AdamStep,
    ids: &'a [u32],
    gradients: &'a [f32],
}

impl NullaryFnOnce for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { dim, weights, first, second, step, ids, gradients } = self;
        for (&id, gradient) in ids.iter().zip(gradients.chunks_exact(dim)) {
            let at = id as usize * dim..(id as usize + 1) * dim;
            let (p, m, v) = (&mut weights[at.clone()], &mut first[at.clone()], &mut second[at]);
            let ((p, p_rest), (m, m_rest)) = (p.as_chunks_mut::<STRIP>(), m.as_chunks_mut::<STRIP>());
            let ((v, v_rest), (g, g_rest)) = (v.as_chunks_mut::<STRIP>(), gradient.as_chunks::<STRIP>());
            for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
                // Copies, which cannot overlap, so that a strip is moved at once.
                let [mut weights, mut first, mut second] = [*p, *m, *v];
                for k in 0..STRIP {
                    step.element(&mut weights[k], &mut first[k], &mut second[k], g[k]);
                }
                [*p, *m, *v] = [weights, first, second];
            }
            for (((p, m), v), g) in p_rest.iter_mut().zip(m_rest).zip(v_rest).zip(g_rest) {
                step.element(p, m, v, *g);
            }
        }
    }
}

/// The steps that a row has not made yet, none of which has a gradient.
#[inline(always)]
fn catch_up(p: &mut [f32], m: &mut [f32], v: &mut [f32], missing: &[AdamStep]) {
    if missing.is_empty() {
        return;
    }
    let ((p, p_rest), (m, m_rest), (v, v_rest)) =
        (p.as_chunks_mut::<STRIP>(), m.as_chunks_mut::<STRIP>(), v.as_chunks_mut::<STRIP>());
    for ((p, m), v) in p.iter_mut().zip(m).zip(v) {
        catch_up_strip(p, m, v, missing);
    }
    let rest = p_rest.len();
    if rest > 0 {
        // Numbers without moments stay where they are.
        let [mut p, mut m, mut v] = [[0.0; STRIP]; 3];
        p[..rest].copy_from_slice(p_rest);
        m[..rest].copy_from_slice(m_rest);
        v[..rest].copy_from_slice(v_rest);
        catch_up_strip(&mut p, &mut m, &mut v, missing);
        p_rest.copy_from_slice(&p[..rest]);
        m_rest.copy_from_slice(&m[..rest]);
        v_rest.copy_from_slice(&v[..rest]);
    }
}

type Strip = [f32; STRIP];

#[inline(always)]
fn catch_up_strip(p: &mut Strip, m: &mut Strip, v: &mut Strip, missing: &[AdamStep]) {
    if is_zero(m) && is_zero(v) {
        return;
    }
    let [mut weights, mut first, mut second] = [*p, *m, *v];
    let mut done = 0;
    let mut moved = u32::from(!is_zero(&first));
    while moved != 0 && done < missing.len() {
        let (step, before) = (&missing[done], weights);
        for k in 0..STRIP {
            step.decay(&mut first[k], &mut second[k]);
        }
        flush(&mut first);
        for k in 0..STRIP {
            weights[k] = step.moved(weights[k], first[k], second[k]);
        }
        moved = 0;
        for k in 0..STRIP {
            moved |= weights[k].to_bits() ^ before[k].to_bits();
        }
        done += 1;
    }
    // From here on the row sleeps, and the moments decay by the same factors at every step.
    let (mut left, step) = (missing.len() - done, &missing[0]);
    while left > 0 && !is_zero(&first) {
        let steps = left.min(DECAYS);
        for _ in 0..steps {
            for k in 0..STRIP {
                step.decay(&mut first[k], &mut second[k]);
            }
        }
        flush(&mut first);
        left -= steps;
    }
    for _ in 0..left {
        for second in &mut second {
            *second *= step.beta2;
        }
    }
    [*p, *m, *v] = [weights, first, second];
}

#[inline(always)]
fn is_zero(values: &Strip) -> bool {
    let mut any = 0;
    for value in values {
        any |= value.to_bits();
    }
    any == 0
}

#[inline(always)]
fn flush(values: &mut Strip) {
    for value in values {
        *value = if value.abs() < TINY { 0.0 } else { *value };
    }
}

/// All methods panic if rows are behind: [`settle`](DeferredTable::settle) comes first.
impl Trainable for DeferredTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Vec<usize> {
        vec![self.rows, self.dim]
    }

    fn parameter(&self) -> Result<Parameter> {
        Ok(Parameter { name: self.name.clone(), shape: self.shape(), values: self.weights().to_vec() })
    }

    fn set_weights(&mut self, values: Vec<f32>) -> Result<()> {
        assert_eq!(values.len(), self.weights().len(), "table `{}`", self.name);
        self.weights = values;
        Ok(())
    }

    fn save<'a>(&'a self, state: &mut State<'a>) -> Result<()> {
        let [first, second] = self.moments();
        state.put_trained(&self.name, [self.weights(), first, second], self.steps);
        Ok(())
    }

    fn restore(&mut self, state: &mut State<'_>) -> Result<()> {
        let ([weights, first, second], steps) = state.take_trained(&self.name, self.weights().len())?;
        (self.weights, self.first_moment, self.second_moment, self.steps) = (weights, first, second, steps);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
