//! What a teacher says to the pieces of the training part: made once where it fits, else batch by batch.

use harness::error::Result;
use harness::split::UserItems;

use super::hidden_loss::log_softmax;
use crate::models::pieces::{OutputLayer, PieceBatch, PieceEncoder, PieceOutputs};

/// Bytes that answers may be kept in. A student of 4 cells at L = 20 and a teacher of width 64 and 4 layers have room for 8,700
/// pieces.
const MOST: usize = 256 << 20;

/// Pieces whose answers are made at once.
const AT_ONCE: usize = 128;

/// A teacher and its answers.
pub struct TeacherAnswers {
    encoder: Box<dyn PieceEncoder>,
    /// By piece, one after the other, as [`BatchAnswers`] has them; empty where they would not fit.
    kept: Vec<Answers>,
    room: PieceOutputs,
    batch: Answers,
}

/// Answers to some pieces of L positions: the embedding `[L, C_t]`, log-softmaxes of the hidden layers `[L, C_t]` each, and what
/// the output layer reads `[L, C_t]`, each of all pieces one after the other.
#[derive(Clone, Debug, Default)]
struct Answers {
    embedding: Vec<f32>,
    hidden: Vec<Vec<f32>>,
    last: Vec<f32>,
}

/// A teacher's answers to a batch of T positions.
pub struct BatchAnswers<'a> {
    /// `[T, C_t]`
    pub embedding: &'a [f32],
    /// Log-softmaxes over channels, `[T, C_t]` each.
    pub hidden: Vec<&'a [f32]>,
    /// `[T, C_t]`
    pub last: &'a [f32],
    pub layer: OutputLayer<'a>,
}

impl Answers {
    /// Overwrites them with those to the inputs `[B, L]`.
    fn make(&mut self, encoder: &dyn PieceEncoder, inputs: &[u32], room: &mut PieceOutputs) {
        encoder.outputs(inputs, room);
        std::mem::swap(&mut self.embedding, &mut room.embedding);
        std::mem::swap(&mut self.last, &mut room.last);
        self.hidden.resize_with(room.hidden.len(), Vec::new);
        for (log, x) in self.hidden.iter_mut().zip(&room.hidden) {
            log.resize(x.len(), 0.0);
            log_softmax(x, encoder.width(), log);
        }
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        [&mut self.embedding, &mut self.last].into_iter().chain(&mut self.hidden)
    }

    fn parts(&self) -> impl Iterator<Item = &Vec<f32>> {
        [&self.embedding, &self.last].into_iter().chain(&self.hidden)
    }
}

impl TeacherAnswers {
    /// The answers of a trained network to these training sequences, which read the items of each but its last.
    ///
    /// # Errors
    /// A sequence of fewer than two items.
    pub fn new(encoder: Box<dyn PieceEncoder>, train: &UserItems) -> Result<Self> {
        let (length, width, pieces) = (encoder.length(), encoder.width(), train.n_users());
        let of_piece = (encoder.layers() + 2) * length * width * size_of::<f32>();
        let mut answers = Self { encoder, kept: Vec::new(), room: PieceOutputs::default(), batch: Answers::default() };
        if pieces.saturating_mul(of_piece) <= MOST {
            let mut batch = PieceBatch::new(length);
            let all: Vec<u32> = (0..pieces as u32).collect();
            for pieces in all.chunks(AT_ONCE) {
                batch.set(pieces.iter().map(|&piece| train.of(piece)))?;
                let mut block = Answers::default();
                block.make(&*answers.encoder, batch.inputs(), &mut answers.room);
                answers.kept.push(block);
            }
        }
        Ok(answers)
    }

    /// The teacher.
    pub fn encoder(&self) -> &dyn PieceEncoder {
        &*self.encoder
    }

    /// The answers to a batch, which is of these pieces.
    pub fn of(&mut self, pieces: &[u32], batch: &PieceBatch) -> BatchAnswers<'_> {
        let Self { encoder, kept, room, batch: answers } = self;
        if kept.is_empty() {
            answers.make(&**encoder, batch.inputs(), room);
        } else {
            answers.hidden.resize_with(encoder.layers(), Vec::new);
            answers.parts_mut().for_each(Vec::clear);
            let row = encoder.length() * encoder.width();
            for &piece in pieces {
                let (block, at) = (&kept[piece as usize / AT_ONCE], piece as usize % AT_ONCE);
                for (batch, kept) in answers.parts_mut().zip(block.parts()) {
                    batch.extend_from_slice(&kept[at * row..(at + 1) * row]);
                }
            }
        }
        BatchAnswers {
            embedding: &answers.embedding,
            hidden: answers.hidden.iter().map(Vec::as_slice).collect(),
            last: &answers.last,
            layer: encoder.output_layer(),
        }
    }
}
