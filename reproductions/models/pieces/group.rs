//! What makes a network over pieces: its sizes, and how some pieces go through its layers and back.

use harness::error::Result;
use harness::nn::Dropout;
use harness::rng::Stream;
use harness::weights::{Settings, Weights};

use super::rows::TimeRows;
use super::{GroupGradients, left_padded};

/// Pieces of a group: what one task takes through the layers. Fixed, so that nothing depends on threads.
pub const GROUP: usize = 16;

/// Parameters after those of the layers: the output layer's weights and bias.
pub const OUTPUT: usize = 2;

/// All that shapes a network over pieces. Its parameters stand in the order tables, layers, output layer (`[I + 1, C]` and
/// `[I + 1]`).
pub trait PieceSizes: Clone + Send + Sync {
    /// What is between the tables and the output layer, laid out for products.
    type Layers: Send + Sync;

    /// What a group of pieces keeps of its way through the layers.
    type Group: PieceGroup<Self::Layers>;

    /// Tables: that of ids, `[ids, C]`, and, if there are two, that of positions, `[L, C]`.
    const TABLES: usize;

    /// Whether the padding's row of the table of ids learns, as any other.
    const PADDING_LEARNS: bool = true;

    /// The sizes of a network with these weights.
    ///
    /// # Errors
    /// [`Internal`](harness::error::Kind::Internal) if they are not those of such a network.
    fn of(weights: &Weights) -> Result<Self>;

    /// What no shape tells.
    fn settings(&self) -> Settings;

    /// The layers with these values of their parameters.
    ///
    /// # Panics
    /// If there are not as many as there must be.
    fn layers(&self, values: &[&[f32]]) -> Self::Layers;

    /// I.
    fn items(&self) -> usize;

    /// C.
    fn width(&self) -> usize;

    /// L.
    fn length(&self) -> usize;

    /// Number of hidden outputs that students learn from.
    fn hidden(&self) -> usize;

    /// Ids that an input may have.
    fn ids(&self) -> usize {
        self.items() + 1
    }

    /// Whether what comes next is asked for by a mask after the items.
    fn asks_by_mask(&self) -> bool {
        false
    }

    /// Writes the items of an asker, oldest first, as the network reads them when it is asked for what comes next, to
    /// `row: [L]`.
    fn read(&self, items: &[u32], row: &mut [u32]) {
        left_padded(items, row);
    }
}

/// Results of the passes of some pieces through the layers, on one thread. Rows go [by time, then by piece](TimeRows), each
/// `[padded C]`, with zeros beyond C.
pub trait PieceGroup<Layers>: Default + Send + Sync {
    /// Takes pieces of ids `inputs: [pieces, L]` through the layers. Something is dropped if there is a stream to draw it
    /// from.
    fn forward(&mut self, layers: &Layers, tables: &[&[f32]], inputs: &[u32], dropout: Option<(Dropout, &mut Stream)>);

    /// From [`gradient_mut`](Self::gradient_mut), ∂L/∂out, to all gradients of the group; what it then holds is ∂L/∂embedding,
    /// before its dropout where it has one. Gradients of `features` other than `out` are added where the way back meets them.
    fn backward(&mut self, layers: &Layers, features: &GroupGradients<'_>);

    fn order(&self) -> TimeRows;

    /// What the output layer reads.
    fn out(&self) -> &[f32];

    /// The embedding, after dropout where the network drops it.
    fn embedding(&self) -> &[f32];

    /// The `number`-th output that students learn from, after dropout where the network drops it.
    fn hidden(&self, layers: &Layers, number: usize) -> &[f32];

    fn gradient(&self) -> &[f32];

    fn gradient_mut(&mut self) -> &mut Vec<f32>;

    /// The gradient of the `number`-th parameter of the layers; where it has rows, they are padded.
    fn parameter_gradient(&self, number: usize) -> &[f32];
}
