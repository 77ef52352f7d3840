//! The interface of a trained network over pieces: what its students and its scorer read of it.

use harness::error::Result;
use harness::weights::Weights;

use super::left_padded;

/// The output layer of a network: logit of a class = ⟨x, its row⟩ + its bias.
#[derive(Clone, Copy, Debug)]
pub struct OutputLayer<'a> {
    /// `[classes, width]`, row-major: class 0 is the padding's, and class `i + 1` that of item `i`.
    pub weights: &'a [f32],
    /// `[classes]`
    pub bias: &'a [f32],
    /// C.
    pub width: usize,
}

impl OutputLayer<'_> {
    /// I + 1.
    pub fn classes(&self) -> usize {
        self.bias.len()
    }
}

/// What a network computes of a batch of T = B·L positions: a teacher without dropout, a student in training after it. Each row-major
/// and without gaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PieceOutputs {
    /// What the first layer reads (token embedding, with position where the network has them), `[T, C]`.
    pub embedding: Vec<f32>,
    /// The output of each layer that is handed to students, `[T, C]`.
    pub hidden: Vec<Vec<f32>>,
    /// What the output layer reads, `[T, C]`.
    pub last: Vec<f32>,
}

/// What some of the pieces write of [`PieceOutputs`].
pub struct OutputsPart<'a> {
    pub embedding: &'a mut [f32],
    pub hidden: Vec<&'a mut [f32]>,
    pub last: &'a mut [f32],
}

impl PieceOutputs {
    /// Makes room for `size` values of the embedding and of each of so many layers, and cuts all of them into parts of
    /// `of_part` values, for tasks that go over some pieces each.
    pub fn groups(&mut self, size: usize, layers: usize, of_part: usize) -> Vec<OutputsPart<'_>> {
        self.hidden.resize_with(layers, Vec::new);
        for values in self.hidden.iter_mut().chain([&mut self.embedding, &mut self.last]) {
            values.resize(size, 0.0);
        }
        let ends = self.embedding.chunks_mut(of_part).zip(self.last.chunks_mut(of_part));
        let mut parts: Vec<OutputsPart<'_>> =
            ends.map(|(embedding, last)| OutputsPart { embedding, hidden: Vec::new(), last }).collect();
        for layer in &mut self.hidden {
            parts.iter_mut().zip(layer.chunks_mut(of_part)).for_each(|(part, layer)| part.hidden.push(layer));
        }
        parts
    }
}

/// A trained network over pieces, as teachers are read (evaluation mode, frozen) and as models are served.
pub trait PieceEncoder: Send + Sync {
    /// L: positions of an input.
    fn length(&self) -> usize;

    /// C.
    fn width(&self) -> usize;

    /// Number of [hidden outputs](PieceOutputs::hidden).
    fn layers(&self) -> usize;

    /// Writes the items of an asker, oldest first, as the network reads them when it is asked for what comes next, to
    /// `row: [L]`.
    fn read(&self, items: &[u32], row: &mut [u32]) {
        left_padded(items, row);
    }

    /// Whether what comes next is asked for by a mask after the items: such a network cannot answer at every position.
    fn asks_by_mask(&self) -> bool {
        false
    }

    /// Computes all outputs of inputs `[B, L]`, on all threads. A piece has the same bits whichever pieces are encoded with it.
    ///
    /// # Panics
    /// If the inputs are no whole number of pieces, or an id has no row.
    fn outputs(&self, inputs: &[u32], out: &mut PieceOutputs);

    /// Writes what the output layer reads at the last position of each of the inputs `[B, L]` to `out: [B, C]`: the same
    /// bits as [`outputs`](Self::outputs).
    ///
    /// # Panics
    /// As [`outputs`](Self::outputs).
    fn last_positions(&self, inputs: &[u32], out: &mut [f32]);

    fn output_layer(&self) -> OutputLayer<'_>;
}

/// A kind of network over pieces.
#[derive(Debug)]
pub struct PieceKind {
    /// Its name in specs, and of its artefacts.
    pub name: &'static str,
    /// A trained network. Fails for the weights of another kind.
    pub encoder: fn(&Weights) -> Result<Box<dyn PieceEncoder>>,
}
