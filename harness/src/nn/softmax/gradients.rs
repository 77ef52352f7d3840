//! From logits to gradients with respect to rows and table.

use crate::nn::{PAD, add_product, add_transposed_product, padded};
use rayon::prelude::*;

use super::kernels::{distil, softmax, square};
use super::layout::{BatchRows, GROUP, STRIP, Strips, TILE};
use super::logits::{Logits, product};
use super::parts::{ItemTable, Onto, Sum};

/// Targets of the rows of a chunk.
pub enum Objective<'a> {
    Items(&'a [u32]),
    Teacher { table: ItemTable<'a>, answers: Strips, normalisers: &'a [f32] },
}

/// ∂L/∂x of the groups of items; buffers keep their size.
#[derive(Default)]
pub struct Gradients {
    groups: Vec<Group>,
}

/// Buffers of one group of items.
#[derive(Default)]
struct Group {
    /// ∂L/∂x over the group's items, transposed: of each strip `[dim, width]`.
    x: Vec<f32>,
    /// The losses of the columns, as far as the group's items have a part in them.
    losses: Vec<f64>,
    /// Gradient of the rows of a tile, `[items, padded(dim)]`.
    table: Vec<f32>,
    /// The teacher's logits and the losses of a tile and a strip.
    teacher: Vec<f32>,
    tile_losses: Vec<f32>,
}

/// Inputs that all tasks share.
struct GradientTask<'a> {
    columns: usize,
    table: ItemTable<'a>,
    /// `[rows, padded(dim)]`, or the squares of that.
    x: &'a [f32],
    normalisers: &'a [f32],
    strips: &'a Strips,
    objective: &'a Objective<'a>,
    /// The teacher's normalisers, `[columns]`.
    teacher_normalisers: &'a [f32],
    scale: f32,
    sum: Sum,
}

impl Gradients {
    /// Turns `logits` of some rows into gradients. Returns the sum of the losses if it is a
    /// teacher's; that of items can be had from the logits.
    pub fn add(
        &mut self,
        logits: &mut Logits,
        table: ItemTable<'_>,
        &BatchRows { x, ref strips }: &BatchRows<'_>,
        objective: &Objective<'_>,
        (scale, sum): (f32, Sum),
        onto: Onto<'_>,
    ) -> f64 {
        let (items, columns, dim) = (table.items(), strips.columns(), table.dim);
        let normalisers = logits.column_normalisers().to_vec();
        let mut teacher_normalisers = vec![0.0; columns];
        if let Objective::Teacher { normalisers, .. } = objective {
            teacher_normalisers[..normalisers.len()].copy_from_slice(normalisers);
        }
        let squares: Vec<f32>;
        let factor = match sum {
            Sum::Gradients => x,
            Sum::Squares => {
                squares = x.iter().map(|x| x * x).collect();
                &squares
            }
        };
        let task = GradientTask {
            columns,
            table,
            x: factor,
            normalisers: &normalisers,
            strips,
            objective,
            teacher_normalisers: &teacher_normalisers,
            scale,
            sum,
        };
        let count = items.div_ceil(GROUP);
        if self.groups.len() < count {
            self.groups.resize_with(count, Group::default);
        }
        let groups = &mut self.groups[..count];
        groups
            .par_iter_mut()
            .zip(logits.values_mut().par_chunks_mut(GROUP * columns))
            .zip(onto.table[..items * dim].par_chunks_mut(GROUP * dim))
            .enumerate()
            .for_each(|(group, ((buffers, logits), gradients))| buffers.run(&task, group * GROUP, logits, gradients));
        let losses = (0..strips.rows()).map(|row| groups.iter().map(|group| group.losses[row]).sum::<f64>()).sum();
        let stride = padded(dim);
        onto.x.par_chunks_mut(STRIP * stride).enumerate().for_each(|(strip, out)| {
            let first = strip * STRIP;
            let width = STRIP.min(columns - first);
            let mut total = vec![0.0; dim * width];
            for group in &*groups {
                let part = &group.x[dim * first..][..dim * width];
                total.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
            }
            out.fill(0.0);
            for (row, out) in out.chunks_exact_mut(stride).enumerate() {
                let column = total[row..].iter().step_by(width);
                out.iter_mut().zip(column).for_each(|(out, value)| *out = *value);
            }
        });
        losses
    }
}

impl Group {
    /// Goes over the items from `first` on.
    fn run(&mut self, task: &GradientTask<'_>, first: usize, logits: &mut [f32], gradients: &mut [f32]) {
        let GradientTask { columns, table: ItemTable { rows: table, dim }, .. } = *task;
        self.x.clear();
        self.x.resize(dim * columns, 0.0);
        self.losses.clear();
        self.losses.resize(columns, 0.0);
        let table = &table[first * dim..];
        let tiles =
            logits.chunks_mut(TILE * columns).zip(gradients.chunks_mut(TILE * dim)).zip(table.chunks(TILE * dim));
        for (tile, ((logits, gradients), items)) in tiles.enumerate() {
            self.tile(task, first + tile * TILE, logits, items, gradients);
        }
    }

    fn tile(
        &mut self,
        task: &GradientTask<'_>,
        first: usize,
        logits: &mut [f32],
        items: &[f32],
        gradients: &mut [f32],
    ) {
        let GradientTask { table: ItemTable { dim, .. }, x, normalisers, scale, .. } = *task;
        let (stride, count) = (padded(dim), items.len() / dim);
        self.table.clear();
        self.table.resize(count * stride, 0.0);
        let mut rest = logits;
        for (k, (at, strip)) in task.strips.iter().enumerate() {
            let width = at.len();
            let values = rest.split_off_mut(..count * width).expect("a tile holds all strips");
            let normalisers = &normalisers[at.clone()];
            match task.objective {
                Objective::Items(items) => {
                    softmax(values, normalisers, scale);
                    // Columns beyond the last row have no item, and rows of zeros as factors.
                    for (column, &item) in items[at.start.min(items.len())..at.end.min(items.len())].iter().enumerate()
                    {
                        if (first..first + count).contains(&(item as usize)) {
                            values[(item as usize - first) * width + column] -= scale;
                        }
                    }
                }
                Objective::Teacher { table, answers, .. } => {
                    let (_, answer) = answers.iter().nth(k).expect("as many answers as rows");
                    let known = table.items().saturating_sub(first).min(count);
                    let (old, new) = values.split_at_mut(known * width);
                    softmax(new, normalisers, scale);
                    if known > 0 {
                        self.teacher.resize(known * width, 0.0);
                        product(
                            &mut self.teacher,
                            &table.rows[first * table.dim..][..known * table.dim],
                            table.dim,
                            answer,
                        );
                        self.tile_losses.clear();
                        self.tile_losses.resize(width, 0.0);
                        let teacher = &task.teacher_normalisers[at.clone()];
                        distil(old, normalisers, &self.teacher, teacher, scale, &mut self.tile_losses);
                        let losses = self.losses[at.clone()].iter_mut().zip(&self.tile_losses);
                        losses.for_each(|(sum, loss)| *sum += f64::from(*loss));
                    }
                }
            }
            add_transposed_product(&mut self.x[dim * at.start..][..dim * width], width, items, dim, values);
            if task.sum == Sum::Squares {
                square(values);
            }
            let rows = &x[at.start * stride..(at.end * stride).min(x.len())];
            add_product(&mut self.table, stride, values, width, rows);
            debug_assert!(strip.len() == dim * width && width.is_multiple_of(PAD));
        }
        for (gradient, sum) in gradients.chunks_exact_mut(dim).zip(self.table.chunks_exact(stride)) {
            gradient.iter_mut().zip(sum).for_each(|(gradient, sum)| *gradient += sum);
        }
    }
}
