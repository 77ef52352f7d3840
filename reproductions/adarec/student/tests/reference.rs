//! The student by the letter, in f64, without any of our layouts: weights of operations are numbers, so that their slopes
//! can be taken, too.

use std::collections::BTreeMap;

use super::{Architecture, EDGES, NODES, Operation, StudentSizes, Weights, edge, ends, stream};

pub struct Reference<'a> {
    sizes: &'a StudentSizes,
    tensors: BTreeMap<String, Vec<f64>>,
    ids: &'a [u32],
    masks: &'a [Vec<f32>; 2],
    /// By edge and operation.
    operations: [[f64; 10]; EDGES],
    /// What the features are multiplied with: the loss.
    representation: Vec<f32>,
    cells: Vec<Vec<f32>>,
    embedding: Vec<f32>,
    /// Where a map is exactly 0, by cell and map: there max(x, 0) has the slope 0, as in PyTorch, and a difference would take
    /// half of the other side's.
    zeros: Vec<Vec<bool>>,
}

pub struct Features {
    pub embedding: Vec<f64>,
    pub cells: Vec<Vec<f64>>,
    pub representation: Vec<f64>,
}

impl<'a> Reference<'a> {
    pub fn new(
        sizes: &'a StudentSizes,
        weights: &Weights,
        ids: &'a [u32],
        masks: &'a [Vec<f32>; 2],
        architecture: &Architecture,
    ) -> Self {
        let tensors = weights
            .parameters
            .iter()
            .map(|parameter| (parameter.name.clone(), parameter.values.iter().map(|v| f64::from(*v)).collect()));
        let n = ids.len() * sizes.channels;
        let normals = |name: &str| stream(name).normals(n, 1.0);
        let mut operations = [[0.0; 10]; EDGES];
        for (of_edge, chosen) in operations.iter_mut().zip(architecture.0) {
            of_edge[chosen as usize] = 1.0;
        }
        let mut reference = Self {
            zeros: Vec::new(),
            sizes,
            tensors: tensors.collect(),
            ids,
            masks,
            operations,
            representation: normals("representation"),
            cells: (0..sizes.cells).map(|k| normals(&format!("cell {k}"))).collect(),
            embedding: normals("embedding"),
        };
        let mut zeros = Vec::new();
        reference.run(|map| zeros.push(map.iter().map(|v| *v == 0.0).collect()));
        reference.zeros = zeros;
        reference
    }

    fn operation(&self, operation: Operation, x: &[f64], cell: usize, number: usize) -> Vec<f64> {
        let (c, length) = (self.sizes.channels, self.sizes.length);
        let rows = x.len() / c;
        let read = |row: usize, shift: isize| {
            let t = (row % length) as isize + shift;
            (0..length as isize).contains(&t).then(|| &x[(row as isize + shift) as usize * c..][..c])
        };
        let mut out = vec![0.0; x.len()];
        match operation {
            Operation::None => {}
            Operation::SkipConnect => out.copy_from_slice(x),
            Operation::MaxPool | Operation::AvgPool => {
                for row in 0..rows {
                    for j in 0..c {
                        let values: Vec<f64> = (-1..=1).filter_map(|shift| read(row, shift)).map(|r| r[j]).collect();
                        out[row * c + j] = if operation == Operation::MaxPool {
                            values.iter().copied().fold(f64::MIN, f64::max)
                        } else {
                            values.iter().sum::<f64>() / 3.0
                        };
                    }
                }
            }
            convolution => {
                let (node, source) = ends(number);
                let of = |name: &str| &self.tensors[&format!("cell-{cell}-edge-{node}-{source}-{name}")][..];
                let [weight, bias, scale, shift] = ["weight", "bias", "scale", "shift"].map(of);
                let all = self.sizes.operations(number).iter().filter(|o| o.is_convolution());
                let before: Vec<_> = all.take_while(|o| **o != convolution).collect();
                let (at, first): (usize, usize) = (before.len(), before.iter().map(|o| o.taps()).sum());
                for row in 0..rows {
                    for j in 0..c {
                        let mut sum = bias[at * c + j];
                        for (tap, &shift) in convolution.reads().iter().enumerate() {
                            let Some(input) = read(row, shift) else { continue };
                            for (i, input) in input.iter().enumerate() {
                                sum += input * weight[((first + tap) * c + i) * c + j];
                            }
                        }
                        out[row * c + j] = sum;
                    }
                }
                for j in 0..c {
                    let column: Vec<f64> = out.iter().skip(j).step_by(c).copied().collect();
                    let mean = column.iter().sum::<f64>() / rows as f64;
                    let variance = column.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / rows as f64;
                    let (scale, shift) = (scale[at * c + j], shift[at * c + j]);
                    for row in 0..rows {
                        let y = &mut out[row * c + j];
                        *y = scale * (*y - mean) / (variance + 1e-5).sqrt() + shift;
                    }
                }
            }
        }
        out
    }

    pub fn features(&self) -> Features {
        self.run(|_| ())
    }

    /// `visit` gets each map that edges read.
    fn run(&self, mut visit: impl FnMut(&[f64])) -> Features {
        let (c, length) = (self.sizes.channels, self.sizes.length);
        let mut x: Vec<f64> = Vec::new();
        for (place, &id) in self.ids.iter().enumerate() {
            for j in 0..c {
                let sum = self.tensors["token"][id as usize * c + j] + self.tensors["position"][place % length * c + j];
                x.push(sum * f64::from(self.masks[0][place * c + j]));
            }
        }
        let embedding = x.clone();
        let mut cells = Vec::new();
        for cell in 0..self.sizes.cells {
            let mut maps = vec![x.clone()];
            visit(&x);
            for node in 1..=NODES {
                let mut map = vec![0.0; x.len()];
                for (source, from) in maps.iter().enumerate() {
                    let mut input: Vec<f64> = from.iter().map(|v| v.max(0.0)).collect();
                    if let Some(zeros) = self.zeros.get(cell * NODES + source) {
                        input.iter_mut().zip(zeros).filter(|(_, zero)| **zero).for_each(|(input, _)| *input = 0.0);
                    }
                    let number = edge(node, source);
                    for operation in Operation::ALL {
                        let weight = self.operations[number][operation as usize];
                        if weight != 0.0 {
                            let out = self.operation(operation, &input, cell, number);
                            map.iter_mut().zip(out).for_each(|(sum, out)| *sum += weight * out);
                        }
                    }
                }
                if node < NODES {
                    visit(&map);
                }
                maps.push(map);
            }
            let of = |name: &str| &self.tensors[&format!("cell-{cell}-{name}")];
            let powers: Vec<f64> = of("nodes").iter().map(|w| w.exp()).collect();
            let sum: f64 = powers.iter().sum();
            for row in 0..x.len() / c {
                let mixed: Vec<f64> = (row * c..(row + 1) * c)
                    .map(|at| (0..NODES).map(|n| powers[n] / sum * maps[n + 1][at]).sum())
                    .collect();
                let mean = mixed.iter().sum::<f64>() / c as f64;
                let variance = mixed.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / c as f64;
                for (j, value) in mixed.iter().enumerate() {
                    let normal = (value - mean) / (variance + 1e-8).sqrt();
                    x[row * c + j] += (of("norm-scale")[j] * normal + of("norm-shift")[j]).max(0.0);
                }
            }
            cells.push(x.clone());
        }
        let representation = x.iter().zip(&self.masks[1]).map(|(x, factor)| x * f64::from(*factor)).collect();
        Features { embedding, cells, representation }
    }

    fn loss(&self) -> f64 {
        let features = self.features();
        let dot = |a: &[f64], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * f64::from(*b)).sum::<f64>();
        dot(&features.representation, &self.representation)
            + dot(&features.embedding, &self.embedding)
            + features.cells.iter().zip(&self.cells).map(|(a, b)| dot(a, b)).sum::<f64>()
    }

    /// ∂loss/∂(a number of a tensor).
    pub fn slope(&mut self, name: &str, at: usize) -> f64 {
        let mut moved = |by: f64| {
            self.tensors.get_mut(name).unwrap()[at] += by;
            let loss = self.loss();
            self.tensors.get_mut(name).unwrap()[at] -= by;
            loss
        };
        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
    }

    /// ∂loss/∂(weight of an operation of an edge), the same in all cells.
    pub fn slope_of_operation(&mut self, number: usize, operation: Operation) -> f64 {
        let mut moved = |by: f64| {
            self.operations[number][operation as usize] += by;
            let loss = self.loss();
            self.operations[number][operation as usize] -= by;
            loss
        };
        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
    }
}

const STEP: f64 = 1e-6;
