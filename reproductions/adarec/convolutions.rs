//! Convolutions of sequences as products of matrices.
//!
//! A feature map is unfolded once: a row of the unfolded map holds, for each shift that any operation reads, the map's row
//! that many positions away, or zeros beyond the ends of the sequence. In the order of the shifts here the taps of every
//! operation are one or two runs of neighbouring columns, so that each of the six convolutions is one or two products with the
//! same unfolded map, and those of several edges lie side by side in one.

use harness::nn::{PAD, add_product, add_transposed_product};

use super::operation::Operation;

/// All shifts that operations read.
const ORDER: [isize; 9] = [-8, -6, -4, -2, 0, 2, 4, -1, 1];

/// The shifts of an unfolded map, in the order of its columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<isize>);

/// Neighbouring columns of an unfolded map that are taps of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first column.
    pub column: usize,
    /// Which taps of the operation they are.
    pub taps: Vec<usize>,
}

impl Columns {
    /// The shifts that the taps of these operations need.
    pub fn of(operations: impl Iterator<Item = Operation> + Clone) -> Self {
        let needed = |shift: &isize| operations.clone().any(|o| o.is_convolution() && o.reads().contains(shift));
        Self(ORDER.into_iter().filter(needed).collect())
    }

    /// Number of columns, each of all channels.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The taps of a convolution as runs of columns.
    pub fn runs(&self, operation: Operation) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (column, shift) in self.0.iter().enumerate() {
            let Some(tap) = operation.reads().iter().position(|read| read == shift) else { continue };
            match runs.last_mut() {
                Some(run) if run.column + run.taps.len() == column => run.taps.push(tap),
                _ => runs.push(Run { column, taps: vec![tap] }),
            }
        }
        runs
    }

    /// `out: [rows, columns, width]` from `x: [rows, width]`, rows being sequences of `length` positions one after the other.
    pub fn unfold(&self, x: &[f32], length: usize, width: usize, out: &mut Vec<f32>) {
        unfold(x, length, width, &self.0, out);
    }
}

/// [`Columns::unfold`] for any shifts.
pub fn unfold(x: &[f32], length: usize, width: usize, shifts: &[isize], out: &mut Vec<f32>) {
    // No zeros are needed first: every element is written.
    out.resize(x.len() * shifts.len(), 0.0);
    let row = width * shifts.len();
    if row == 0 {
        return;
    }
    // Pieces of a fixed size are moved in registers, without a call.
    for (x, out) in x.chunks_exact(length * width).zip(out.chunks_exact_mut(length * row)) {
        let x = x.as_chunks::<PAD>().0;
        let pieces = width / PAD;
        for (t, out) in out.chunks_exact_mut(row).enumerate() {
            let out = out.as_chunks_mut::<PAD>().0;
            for (out, shift) in out.chunks_exact_mut(pieces).zip(shifts) {
                match t.checked_add_signed(*shift).filter(|read| *read < length) {
                    Some(read) => {
                        out.iter_mut().zip(&x[read * pieces..]).for_each(|(out, x)| *out = *x);
                    }
                    None => out.fill([0.0; PAD]),
                }
            }
        }
    }
}

/// The convolutions of one operation that read one feature map, on some edges.
pub struct Group {
    pub operation: Operation,
    pub runs: Vec<Run>,
    /// The edges, in their order, and which of the edge's convolutions it is.
    pub edges: Vec<(usize, usize)>,
    /// W of all edges side by side, `[taps by run, width, edges, width]`.
    pub weight: Vec<f32>,
}

/// Weights of taps `[taps, C, C]` (tap, input, output) of one operation, padded into columns `at` of rows of `stride`.
pub fn pack(weight: &[f32], channels: usize, width: usize, runs: &[Run], at: usize, out: &mut [f32]) {
    let stride = out.len() / (runs.iter().map(|run| run.taps.len()).sum::<usize>() * width);
    for (taps, tap) in out.chunks_exact_mut(width * stride).zip(runs.iter().flat_map(|run| &run.taps)) {
        let weight = &weight[tap * channels * channels..][..channels * channels];
        for (out, row) in taps.chunks_exact_mut(stride).zip(weight.chunks_exact(channels)) {
            out[at..at + channels].copy_from_slice(row);
        }
    }
}

impl Group {
    /// y of all edges, `[rows, edges, width]`, from the unfolded map of `columns` columns.
    pub fn forward(&self, unfolded: &[f32], columns: usize, width: usize, out: &mut Vec<f32>) {
        let (stride, n) = (columns * width, self.edges.len() * width);
        out.clear();
        out.resize(unfolded.len() / stride * n, 0.0);
        let mut weight = &self.weight[..];
        for run in &self.runs {
            let (of_run, rest) = weight.split_at(run.taps.len() * width * n);
            add_product(out, n, &unfolded[run.column * width..], stride, of_run);
            weight = rest;
        }
    }
}

/// Adds to `gradient: [taps by run, width, width]` that of the weights of one edge's convolution, whose output has the
/// gradient `slopes: [rows, width]`.
pub fn add_weight_gradient(
    runs: &[Run],
    unfolded: &[f32],
    columns: usize,
    width: usize,
    slopes: &[f32],
    mut gradient: &mut [f32],
) {
    for run in runs {
        let (of_run, rest) = gradient.split_at_mut(run.taps.len() * width * width);
        add_transposed_product(of_run, width, &unfolded[run.column * width..], columns * width, slopes);
        gradient = rest;
    }
}

/// The way back from one edge's convolution to its input.
pub struct WayBack {
    /// Shifts of the taps, negated.
    shifts: Vec<isize>,
    /// Wᵀ, `[taps, width, width]` (tap, output, input).
    weight: Vec<f32>,
}

impl WayBack {
    /// From the weights `[taps, C, C]`.
    pub fn new(operation: Operation, weight: &[f32], channels: usize, width: usize) -> Self {
        let mut transposed = vec![0.0; operation.taps() * width * width];
        let taps = transposed.chunks_exact_mut(width * width).zip(weight.chunks_exact(channels * channels));
        for (transposed, weight) in taps {
            harness::nn::transpose(&mut transposed[..channels * width], width, weight, channels, channels);
        }
        Self { shifts: operation.reads().iter().map(|shift| -shift).collect(), weight: transposed }
    }

    /// Adds to `x_gradient: [rows, width]`, given that of the output, `slopes: [rows, width]`. `room` is overwritten.
    pub fn add(&self, slopes: &[f32], length: usize, width: usize, room: &mut Vec<f32>, x_gradient: &mut [f32]) {
        unfold(slopes, length, width, &self.shifts, room);
        add_product(x_gradient, width, room, self.shifts.len() * width, &self.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_one_or_two_runs_of_its_taps() {
        let subsets = [
            Operation::ALL.to_vec(),
            vec![Operation::CauCnn3, Operation::CauCnn5, Operation::SkipConnect],
            vec![Operation::StdCnn5, Operation::StdCnn3],
            vec![Operation::DilCnn3, Operation::StdCnn3, Operation::CauCnn3],
        ];
        for operations in subsets {
            let columns = Columns::of(operations.iter().copied());
            for operation in operations.into_iter().filter(|o| o.is_convolution()) {
                let runs = columns.runs(operation);
                assert!(runs.len() <= 2, "{operation}");
                let mut taps: Vec<usize> = runs.iter().flat_map(|run| run.taps.clone()).collect();
                for run in &runs {
                    for (k, tap) in run.taps.iter().enumerate() {
                        assert_eq!(columns.0[run.column + k], operation.reads()[*tap], "{operation}");
                    }
                }
                taps.sort_unstable();
                assert_eq!(taps, (0..operation.taps()).collect::<Vec<_>>());
            }
        }
        assert_eq!(Columns::of(Operation::ALL.into_iter()).len(), 9);
        assert_eq!(Columns::of([Operation::MaxPool].into_iter()).len(), 0);
    }

    #[test]
    fn unfolding_reads_within_each_sequence() {
        let x: Vec<f32> = (0..6 * PAD).map(|k| (k / PAD + 1) as f32).collect();
        let mut out = Vec::new();
        unfold(&x, 3, PAD, &[-1, 2], &mut out);
        let firsts: Vec<f32> = out.chunks_exact(PAD).map(|row| row[0]).collect();
        assert_eq!(firsts, [0.0, 3.0, 1.0, 0.0, 2.0, 0.0, 0.0, 6.0, 4.0, 0.0, 5.0, 0.0]);
    }
}
