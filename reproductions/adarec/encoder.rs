//! A student as it answers: one operation on each edge, running statistics, no dropout.

use harness::error::{Error, Kind, Result};
use harness::nn::{LayerNorm, add_product, padded};
use harness::simd;
use harness::weights::Weights;
use rayon::prelude::*;

use super::architecture::{Architecture, EDGES, NODES, edge};
use super::batch_norm;
use super::cell::{CellParameters, EPSILON};
use super::convolutions::{Run, pack, unfold};
use super::operation::Operation;
use super::pass::relu;
use super::pooling::{Pool, PoolForward};
use super::student_sizes::{Network, StudentSizes};

/// Positions of a task, about; it takes whole sequences.
const ROWS: usize = 160;

/// Tables and cells of a student, with batch normalisation as part of its convolutions.
pub struct StudentEncoder {
    length: usize,
    channels: usize,
    /// `[I + 1, C]` and `[L, C]`.
    tables: [Vec<f32>; 2],
    cells: Vec<ServedCell>,
}

struct ServedCell {
    edges: [ServedEdge; EDGES],
    nodes: [f32; NODES],
    norm_scale: Vec<f32>,
    norm_shift: Vec<f32>,
}

enum ServedEdge {
    Convolution {
        shifts: &'static [isize],
        /// `[taps, padded C, padded C]`
        weight: Vec<f32>,
        /// `[padded C]`
        offset: Vec<f32>,
    },
    Pool(Pool),
    Skip,
    Nothing,
}

/// Buffers of a task.
#[derive(Default)]
struct Room {
    maps: [Vec<f32>; NODES + 1],
    positive: Vec<f32>,
    unfolded: Vec<f32>,
    mixture: Vec<f32>,
    normal: Vec<f32>,
    inverse: Vec<f32>,
}

impl StudentEncoder {
    /// The trained student of an architecture.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the weights are not a student's, or are those of a search space, of which only
    /// [`Student::encoder`](super::student::Student::encoder) makes one.
    pub fn new(weights: &Weights) -> Result<Self> {
        let sizes = StudentSizes::of(weights)?;
        let Network::Fixed(architecture) = sizes.network else {
            return Err(Error::new(
                Kind::Internal,
                "a student that is searched answers with a drawn architecture only",
            ));
        };
        let mut parameters = weights.parameters.iter().cloned();
        let mut next = || parameters.next().map(|parameter| parameter.values).unwrap_or_default();
        let tables = [next(), next()];
        let cells: Vec<CellParameters> =
            (0..sizes.cells).map(|_| CellParameters::new(&sizes, &mut parameters)).collect();
        Ok(Self::of_cells(&sizes, tables, &cells, &architecture))
    }

    /// From cells that have the operations of `architecture`.
    pub(super) fn of_cells(
        sizes: &StudentSizes,
        tables: [Vec<f32>; 2],
        cells: &[CellParameters],
        architecture: &Architecture,
    ) -> Self {
        let cells = cells.iter().map(|cell| ServedCell::new(cell, architecture, sizes.channels)).collect();
        Self { length: sizes.length, channels: sizes.channels, tables, cells }
    }

    /// Overwrites `out: [T, C]` with the representations of all positions of `ids: [T]`, whole sequences of L one after the other,
    /// on all threads. A sequence has the same bits whichever are with it.
    ///
    /// # Errors
    /// [`Internal`](Kind::Internal) if the ids are not whole sequences, or one has no row.
    pub fn encode(&self, ids: &[u32], out: &mut Vec<f32>) -> Result<()> {
        let rows = self.tables[0].len() / self.channels;
        check_ids(ids, self.length, rows)?;
        out.clear();
        out.resize(ids.len() * self.channels, 0.0);
        let block = (ROWS / self.length).max(1) * self.length;
        ids.par_chunks(block).zip(out.par_chunks_mut(block * self.channels)).for_each_init(
            Room::default,
            |room, (ids, out)| {
                self.embed(ids, room);
                self.cells.iter().for_each(|cell| cell.serve(room, self.length, self.channels));
                let width = padded(self.channels);
                for (out, row) in out.chunks_exact_mut(self.channels).zip(room.maps[0].chunks_exact(width)) {
                    out.copy_from_slice(&row[..self.channels]);
                }
            },
        );
        Ok(())
    }

    /// The representations of the last position of each sequence, `[sequences, C]`.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_last(&self, ids: &[u32]) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        self.encode(ids, &mut all)?;
        let row = self.channels;
        Ok(all.chunks_exact(self.length * row).flat_map(|rows| &rows[rows.len() - row..]).copied().collect())
    }

    fn embed(&self, ids: &[u32], room: &mut Room) {
        let (channels, width) = (self.channels, padded(self.channels));
        let x = &mut room.maps[0];
        x.clear();
        x.resize(ids.len() * width, 0.0);
        let [token, position] = &self.tables;
        for (place, (id, x)) in ids.iter().zip(x.chunks_exact_mut(width)).enumerate() {
            let token = &token[*id as usize * channels..][..channels];
            let position = &position[place % self.length * channels..][..channels];
            x.iter_mut().zip(token).zip(position).for_each(|((x, token), position)| *x = token + position);
        }
    }
}

/// Refuses ids that are not whole sequences of rows of the token table.
pub(super) fn check_ids(ids: &[u32], length: usize, rows: usize) -> Result<()> {
    if ids.is_empty() || !ids.len().is_multiple_of(length) {
        let error = Error::new(Kind::Internal, "a student reads whole sequences");
        return Err(error.expected(format!("a multiple of {length} ids")).got(ids.len().to_string()));
    }
    match ids.iter().find(|&&id| id as usize >= rows) {
        Some(id) => Err(Error::new(Kind::Internal, "an item that a student has no row for").got(id.to_string())),
        None => Ok(()),
    }
}

impl ServedCell {
    fn new(cell: &CellParameters, architecture: &Architecture, channels: usize) -> Self {
        let edges = std::array::from_fn(|number| match architecture.0[number] {
            Operation::MaxPool => ServedEdge::Pool(Pool::Max),
            Operation::AvgPool => ServedEdge::Pool(Pool::Average),
            Operation::SkipConnect => ServedEdge::Skip,
            Operation::None => ServedEdge::Nothing,
            convolution => Self::convolution(cell, number, convolution, channels),
        });
        let [_, norm_scale, norm_shift] = cell.dense.each_ref().map(|tensor| tensor.weights.clone());
        Self { edges, nodes: cell.node_weights().map(|weight| weight as f32), norm_scale, norm_shift }
    }

    fn convolution(cell: &CellParameters, number: usize, operation: Operation, channels: usize) -> ServedEdge {
        let width = padded(channels);
        let edge = cell.edges[number].as_ref().expect("the choice was checked");
        let at = edge.convolutions.iter().position(|(other, _)| *other == operation).expect("the choice was checked");
        let [weight, bias, scale, shift] = edge.dense.each_ref().map(|tensor| &tensor.weights[..]);
        let [mean, variance] = edge.statistics.each_ref().map(|statistic| &statistic.values[..]);
        let (mut factor, mut offset) = (vec![0.0; width], vec![0.0; width]);
        for (j, k) in (at * channels..(at + 1) * channels).enumerate() {
            let of = f64::from(scale[k]) / (f64::from(variance[k]) + batch_norm::EPSILON).sqrt();
            factor[j] = of as f32;
            offset[j] = (f64::from(shift[k]) + of * (f64::from(bias[k]) - f64::from(mean[k]))) as f32;
        }
        let taps = operation.taps();
        let run = Run { column: 0, taps: (0..taps).collect() };
        let mut packed = vec![0.0; taps * width * width];
        pack(&weight[edge.convolutions[at].1 * channels * channels..], channels, width, &[run], 0, &mut packed);
        for row in packed.chunks_exact_mut(width) {
            row.iter_mut().zip(&factor).for_each(|(weight, factor)| *weight *= factor);
        }
        ServedEdge::Convolution { shifts: operation.reads(), weight: packed, offset }
    }

    /// From the first map to the first map.
    fn serve(&self, room: &mut Room, length: usize, channels: usize) {
        self.nodes(room, length, padded(channels));
        self.mix(room, channels);
    }

    /// The other maps, from the first.
    fn nodes(&self, room: &mut Room, length: usize, width: usize) {
        let Room { maps, positive, unfolded, .. } = room;
        let n = maps[0].len();
        for node in 1..=NODES {
            let (before, after) = maps.split_at_mut(node);
            let map = &mut after[0];
            map.clear();
            map.resize(n, 0.0);
            for (source, from) in before.iter().enumerate() {
                match &self.edges[edge(node, source)] {
                    ServedEdge::Convolution { shifts, weight, offset } => {
                        relu(from, positive);
                        unfold(positive, length, width, shifts, unfolded);
                        for row in map.chunks_exact_mut(width) {
                            row.iter_mut().zip(offset).for_each(|(sum, offset)| *sum += offset);
                        }
                        add_product(map, width, unfolded, shifts.len() * width, weight);
                    }
                    ServedEdge::Pool(pool) => {
                        relu(from, positive);
                        simd::dispatch(PoolForward { pool: *pool, x: positive, length, width, add: true, out: map });
                    }
                    ServedEdge::Skip => {
                        relu(from, positive);
                        map.iter_mut().zip(&*positive).for_each(|(sum, x)| *sum += x);
                    }
                    ServedEdge::Nothing => {}
                }
            }
        }
    }

    /// The next cell's first map, in place of this one's.
    fn mix(&self, room: &mut Room, channels: usize) {
        let width = padded(channels);
        let Room { maps, mixture, normal, inverse, .. } = room;
        let n = maps[0].len();
        for rows in [&mut *mixture, &mut *normal] {
            rows.clear();
            rows.resize(n, 0.0);
        }
        for (map, weight) in maps[1..].iter().zip(self.nodes) {
            simd::add_scaled(mixture, weight, map);
        }
        inverse.resize(n / width, 0.0);
        let norm = LayerNorm { scale: &self.norm_scale, shift: &self.norm_shift, epsilon: EPSILON };
        // The nodes are not needed any more: the first of them takes the norm's output.
        let (x, nodes) = maps.split_at_mut(1);
        norm.forward(mixture, width, normal, inverse, &mut nodes[0]);
        for (x, out) in x[0].chunks_exact_mut(width).zip(nodes[0].chunks_exact(width)) {
            x[..channels].iter_mut().zip(out).for_each(|(x, out)| *x += if *out <= 0.0 { 0.0 } else { *out });
        }
    }
}

#[cfg(test)]
mod tests;
