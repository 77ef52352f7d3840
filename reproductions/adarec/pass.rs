//! The passes over a block of whole sequences through the cells, forward in training mode and back, on one thread. Batch
//! normalisation needs sums over the whole batch between them, so a pass ends at each node.

use harness::nn::{LayerNorm, PAD, add_transposed_product};
use harness::simd;
use pulp::NullaryFnOnce;

use super::architecture::{EDGES, NODES, edge};
use super::batch_norm::{Back, BlockMoments, ColumnSums, Moments, Normalise, ProductSums};
use super::cell::{CellPass, Chosen, EPSILON};
use super::convolutions::add_weight_gradient;
use super::pooling::{Pool, PoolBackward, PoolForward};

/// What a pass leaves of one cell. Rows are positions, `[padded C]`.
#[derive(Default)]
pub struct CellRows {
    /// f₀ to f₃.
    pub maps: [Vec<f32>; NODES + 1],
    /// y of the chosen convolutions, and then ŷ.
    normals: [Vec<f32>; EDGES],
    /// Of each convolution of an edge: mean and squared deviations of its y, `[convolutions, 2, padded C]`.
    moments: [Vec<f32>; EDGES],
    /// Of layer normalisation.
    normal: Vec<f32>,
    inverse: Vec<f32>,
}

/// What the way back through one cell leaves, to be added up over blocks.
#[derive(Default)]
pub struct CellSums {
    /// ⟨∂L/∂mixture, f_n⟩.
    pub nodes: [f64; NODES],
    /// Of layer normalisation: ∂L/∂scale and ∂L/∂shift, `[C]`.
    pub norm: [Vec<f32>; 2],
    /// Σ g of each node, `[padded C]`.
    pub plain: [Vec<f32>; NODES],
    /// Σ g·ŷ of each edge whose value is a convolution, `[padded C]`.
    pub along: [Vec<f32>; EDGES],
    /// ∂L/∂W of each edge whose value is a convolution, `[taps by run, padded C, padded C]`.
    pub weights: [Vec<f32>; EDGES],
    /// Of each feature map the unfolded map's products with the gradients of the nodes that read it, `[columns, padded C,
    /// nodes, padded C]`.
    pub products: [Vec<f32>; NODES],
    /// ⟨g, operation⟩ of each edge for maximum, average and skip.
    pub free: [[f64; 3]; EDGES],
}

/// A block of sequences, and the buffers of the task that works on it.
#[derive(Default)]
pub struct Block {
    /// Positions.
    pub rows: usize,
    pub cells: Vec<CellRows>,
    /// The last cell's output.
    pub out: Vec<f32>,
    /// ∂L/∂(what the next cell reads).
    pub gradient: Vec<f32>,
    pub sums: CellSums,
    /// ∂L/∂mixture, and ∂L/∂f_n for n = 1, 2, 3.
    mixture: Vec<f32>,
    nodes: [Vec<f32>; NODES],
    positive: Vec<f32>,
    unfolded: Vec<f32>,
    y: Vec<f32>,
    room: Vec<f32>,
    slopes: Vec<f32>,
}

fn zeros(values: &mut Vec<f32>, n: usize) {
    values.clear();
    values.resize(n, 0.0);
}

/// By pieces of a fixed size, which are moved in registers, without a call.
fn copy_row(out: &mut [f32], row: &[f32]) {
    out.as_chunks_mut::<PAD>().0.iter_mut().zip(row.as_chunks::<PAD>().0).for_each(|(out, row)| *out = *row);
}

impl CellRows {
    /// The moments of a convolution of an edge.
    pub fn moments(&self, edge: usize, convolution: usize, rows: usize, width: usize) -> BlockMoments<'_> {
        let (mean, deviations) = self.moments[edge][convolution * 2 * width..][..2 * width].split_at(width);
        BlockMoments { rows, mean, deviations }
    }
}

impl Block {
    /// The convolutions that read feature map `source`: their moments, and the values of those that are chosen.
    pub fn expand(&mut self, pass: &CellPass, cell: usize, source: usize) {
        let (width, of_source) = (pass.width, &pass.sources[source]);
        let columns = of_source.columns.len();
        if columns == 0 {
            return;
        }
        let CellRows { maps, normals, moments, .. } = &mut self.cells[cell];
        relu(&maps[source], &mut self.positive);
        of_source.columns.unfold(&self.positive, pass.length, width, &mut self.unfolded);
        for group in &of_source.groups {
            group.forward(&self.unfolded, columns, width, &mut self.y);
            let stride = group.edges.len() * width;
            zeros(&mut self.room, 2 * stride);
            let (mean, deviations) = self.room.split_at_mut(stride);
            simd::dispatch(Moments { y: &self.y, mean, deviations });
            for (side, &(number, convolution)) in group.edges.iter().enumerate() {
                let at = side * width..(side + 1) * width;
                let of_edge = &mut moments[number];
                of_edge.resize(pass.edges[number].statistics.len() * 2 * width, 0.0);
                let of_edge = &mut of_edge[convolution * 2 * width..][..2 * width];
                of_edge[..width].copy_from_slice(&mean[at.clone()]);
                of_edge[width..].copy_from_slice(&deviations[at.clone()]);
                if matches!(&pass.edges[number].chosen, Chosen::Convolution(chosen) if chosen.index == convolution) {
                    let normal = &mut normals[number];
                    normal.resize(self.y.len() / stride * width, 0.0);
                    for (out, row) in normal.chunks_exact_mut(width).zip(self.y.chunks_exact(stride)) {
                        copy_row(out, &row[at.clone()]);
                    }
                }
            }
        }
    }

    /// The value of a node, once the batch's statistics of its edges are known.
    pub fn node(&mut self, pass: &CellPass, cell: usize, node: usize) {
        let (width, length) = (pass.width, pass.length);
        let CellRows { maps, normals, .. } = &mut self.cells[cell];
        let (before, after) = maps.split_at_mut(node);
        let map = &mut after[0];
        zeros(map, before[0].len());
        for (source, from) in before.iter().enumerate() {
            let number = edge(node, source);
            let of_edge = &pass.edges[number];
            match &of_edge.chosen {
                Chosen::Convolution(chosen) => {
                    let statistics = &of_edge.statistics[chosen.index];
                    simd::dispatch(Normalise {
                        y: &mut normals[number],
                        mean: &statistics.mean,
                        inverse: &statistics.inverse,
                        scale: &chosen.scale,
                        shift: &chosen.shift,
                        sum: map,
                    });
                }
                Chosen::Pool(pool) => {
                    relu(from, &mut self.positive);
                    let (pool, x) = (*pool, &self.positive);
                    simd::dispatch(PoolForward { pool, x, length, width, add: true, out: map });
                }
                Chosen::Skip => map.iter_mut().zip(from).for_each(|(sum, x)| *sum += if *x <= 0.0 { 0.0 } else { *x }),
                Chosen::Nothing => {}
            }
        }
    }

    /// The output of a cell, once its nodes are known: the next cell's input, or the last one's output.
    pub fn mix(&mut self, pass: &CellPass, cell: usize) {
        let (this, rest) = self.cells[cell..].split_first_mut().expect("a cell");
        let out = rest.first_mut().map_or(&mut self.out, |next| &mut next.maps[0]);
        let CellRows { maps, normal, inverse, .. } = this;
        let n = maps[0].len();
        zeros(&mut self.mixture, n);
        for (map, weight) in maps[1..].iter().zip(pass.nodes) {
            simd::add_scaled(&mut self.mixture, weight, map);
        }
        zeros(normal, n);
        zeros(out, n);
        inverse.resize(n / pass.width, 0.0);
        pass.norm().forward(&self.mixture, pass.width, normal, inverse, out);
        out.iter_mut().zip(&maps[0]).for_each(|(out, x)| *out = x + if *out <= 0.0 { 0.0 } else { *out });
    }

    /// Back through the mixture of a cell and its residual, as far as the last node.
    pub fn unmix(&mut self, pass: &CellPass, cell: usize) {
        let CellRows { maps, normal, inverse, .. } = &self.cells[cell];
        let [scale, shift] = [&pass.norm_scale, &pass.norm_shift];
        zeros(&mut self.mixture, self.gradient.len());
        let (gradient, out, width) = (&self.gradient, &mut self.mixture, pass.width);
        simd::dispatch(WherePositive { scale, shift, normal, gradient, width, out });
        let [of_scale, of_shift] = &mut self.sums.norm;
        zeros(of_scale, pass.channels);
        zeros(of_shift, pass.channels);
        pass.norm().backward(&mut self.mixture, pass.width, normal, inverse, [of_scale, of_shift]);
        for (sum, map) in self.sums.nodes.iter_mut().zip(&maps[1..]) {
            *sum = f64::from(simd::dot(&self.mixture, map));
        }
        self.of_node(pass, cell, NODES);
    }

    /// ∂L/∂f of a node, of which its readers' part is in `room` already unless it is the last, and the sums that the batch
    /// normalisation of its edges needs.
    fn of_node(&mut self, pass: &CellPass, cell: usize, node: usize) {
        let gradient = &mut self.nodes[node - 1];
        zeros(gradient, self.mixture.len());
        if node < NODES {
            gradient.copy_from_slice(&self.room);
        }
        simd::add_scaled(gradient, pass.nodes[node - 1], &self.mixture);
        let plain = &mut self.sums.plain[node - 1];
        plain.resize(pass.width, 0.0);
        simd::dispatch(ColumnSums { values: gradient, sums: plain });
        for source in 0..node {
            let number = edge(node, source);
            if let Chosen::Convolution(_) = &pass.edges[number].chosen {
                let sums = &mut self.sums.along[number];
                sums.resize(pass.width, 0.0);
                simd::dispatch(ProductSums { a: gradient, b: &self.cells[cell].normals[number], sums });
            }
        }
    }

    /// Back through all edges that read feature map `source`, once the batch's sums of their gradients are known; leaves the
    /// sums of the node that it is, or the gradient of the cell's input. With `all`, what the gradients of all operations'
    /// weights need is left, too.
    pub fn back(&mut self, pass: &CellPass, cell: usize, source: usize, all: bool) {
        let (width, length) = (pass.width, pass.length);
        let of_source = &pass.sources[source];
        let columns = of_source.columns.len();
        let CellRows { maps, normals, .. } = &self.cells[cell];
        relu(&maps[source], &mut self.positive);
        let reads = |node: usize| matches!(pass.edges[edge(node, source)].chosen, Chosen::Convolution(_));
        if columns > 0 && (all || (source + 1..=NODES).any(reads)) {
            of_source.columns.unfold(&self.positive, length, width, &mut self.unfolded);
        }
        // ∂L/∂max(f, 0).
        let mut gradient = std::mem::take(&mut self.room);
        zeros(&mut gradient, self.positive.len());
        for node in source + 1..=NODES {
            let number = edge(node, source);
            let of_node = &self.nodes[node - 1];
            match &pass.edges[number].chosen {
                Chosen::Convolution(chosen) => {
                    self.slopes.resize(of_node.len(), 0.0);
                    simd::dispatch(Back {
                        gradient: of_node,
                        normal: &normals[number],
                        factor: &chosen.factor,
                        mean: &chosen.mean,
                        mean_along: &chosen.mean_along,
                        out: &mut self.slopes,
                    });
                    let sums = &mut self.sums.weights[number];
                    zeros(sums, chosen.runs.iter().map(|run| run.taps.len()).sum::<usize>() * width * width);
                    add_weight_gradient(&chosen.runs, &self.unfolded, columns, width, &self.slopes, sums);
                    chosen.back.add(&self.slopes, length, width, &mut self.y, &mut gradient);
                }
                Chosen::Pool(pool) => simd::dispatch(PoolBackward {
                    pool: *pool,
                    x: &self.positive,
                    length,
                    width,
                    gradient: of_node,
                    x_gradient: &mut gradient,
                }),
                Chosen::Skip => gradient.iter_mut().zip(of_node).for_each(|(sum, g)| *sum += g),
                Chosen::Nothing => {}
            }
        }
        if all {
            self.correlate(pass, source);
        }
        // Through max(f, 0).
        let map = &self.cells[cell].maps[source];
        gradient.iter_mut().zip(map).for_each(|(slope, x)| *slope = if *x > 0.0 { *slope } else { 0.0 });
        if source == 0 {
            self.gradient.iter_mut().zip(&gradient).for_each(|(sum, slope)| *sum += slope);
        }
        self.room = gradient;
        if source > 0 {
            self.of_node(pass, cell, source);
        }
    }

    /// The products of feature map `source`, unfolded, with the gradients of the nodes that read it.
    fn correlate(&mut self, pass: &CellPass, source: usize) {
        let (width, length) = (pass.width, pass.length);
        let readers = &self.nodes[source..];
        let columns = pass.sources[source].columns.len();
        let products = &mut self.sums.products[source];
        zeros(products, columns * width * readers.len() * width);
        if columns > 0 {
            let stride = readers.len() * width;
            self.y.resize(self.positive.len() * readers.len(), 0.0);
            for (side, reader) in readers.iter().enumerate() {
                for (out, row) in self.y.chunks_exact_mut(stride).zip(reader.chunks_exact(width)) {
                    copy_row(&mut out[side * width..(side + 1) * width], row);
                }
            }
            add_transposed_product(products, stride, &self.unfolded, columns * width, &self.y);
        }
        self.slopes.resize(self.positive.len(), 0.0);
        for pool in [Pool::Max, Pool::Average] {
            let (x, out) = (&self.positive, &mut self.slopes);
            simd::dispatch(PoolForward { pool, x, length, width, add: false, out });
            for (node, reader) in (source + 1..=NODES).zip(readers) {
                self.sums.free[edge(node, source)][pool as usize] = f64::from(simd::dot(reader, &self.slopes));
            }
        }
        for (node, reader) in (source + 1..=NODES).zip(readers) {
            self.sums.free[edge(node, source)][2] = f64::from(simd::dot(reader, &self.positive));
        }
    }
}

impl CellPass {
    fn norm(&self) -> LayerNorm<'_> {
        LayerNorm { scale: &self.norm_scale, shift: &self.norm_shift, epsilon: EPSILON }
    }
}

/// `out` = max(x, 0).
pub fn relu(x: &[f32], out: &mut Vec<f32>) {
    out.resize(x.len(), 0.0);
    simd::dispatch(Relu { x, out });
}

struct Relu<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Relu<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (out, x) in self.out.iter_mut().zip(self.x) {
            // Not `max`, which would make a number of NaN.
            *out = if *x <= 0.0 { 0.0 } else { *x };
        }
    }
}

/// `out` = `gradient` where scale·x̂ + shift, as layer normalisation computes it, is above 0, and 0 elsewhere; rows of
/// `width`, of which the first `scale.len()` columns are written.
struct WherePositive<'a> {
    scale: &'a [f32],
    shift: &'a [f32],
    normal: &'a [f32],
    gradient: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl NullaryFnOnce for WherePositive<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { scale, shift, normal, gradient, width, out } = self;
        let channels = scale.len();
        let shift = &shift[..channels];
        let rows = out.chunks_exact_mut(width).zip(normal.chunks_exact(width)).zip(gradient.chunks_exact(width));
        for ((out, normal), gradient) in rows {
            let (out, normal, gradient) = (&mut out[..channels], &normal[..channels], &gradient[..channels]);
            for j in 0..channels {
                out[j] = if scale[j].mul_add(normal[j], shift[j]) > 0.0 { gradient[j] } else { 0.0 };
            }
        }
    }
}
