//! What a phase cannot do without: arithmetic, and bytes that are read or written if nothing stays in a cache.

use crate::peaks::Peaks;
use crate::support::gowalla::{ITEMS, LENGTH, SEEN, caser, fossil};

/// Of one phase.
#[derive(Clone, Copy, Default)]
pub struct Work {
    /// Two for each multiply-add.
    pub flops: f64,
    /// Elements that Adam moves.
    pub moved: f64,
    pub bytes: f64,
}

impl Work {
    pub fn times(self, n: usize) -> Self {
        let n = n as f64;
        Self { flops: n * self.flops, moved: n * self.moved, bytes: n * self.bytes }
    }

    /// Seconds for the arithmetic and for the bytes. Both can go on at the same time: the floor is the larger.
    pub fn floors(self, peaks: &Peaks) -> [f64; 2] {
        [self.flops / peaks.product + self.moved / peaks.adam, self.bytes / peaks.memory]
    }
}

/// Bytes of so many f32.
fn floats(count: usize) -> f64 {
    (size_of::<f32>() * count) as f64
}

/// One step of Adam. Weight decay moves every element at every step: weight and two moments are read and written.
/// (Rows that a batch does not name are moved by eight steps at once, so the bytes can be fewer than this.)
pub fn adam(parameters: usize) -> Work {
    Work { flops: 0.0, moved: parameters as f64, bytes: 6.0 * floats(parameters) }
}

/// Scores of every item of a query with a representation of this width; the rows are read once for a block of
/// queries, and scores are ranked where they are made.
pub fn ranking(width: usize, encoding: Work) -> Work {
    Work { flops: encoding.flops + (2 * width * ITEMS) as f64, ..encoding }
}

#[derive(Clone, Copy)]
pub enum Kind {
    Caser(usize),
    Fossil(usize),
}

impl Kind {
    pub fn name(self) -> String {
        match self {
            Self::Caser(dim) => format!("Caser, d = {dim}"),
            Self::Fossil(dim) => format!("Fossil, d = {dim}"),
        }
    }

    /// Size of a representation.
    pub fn width(self) -> usize {
        match self {
            Self::Caser(dim) => 2 * dim,
            Self::Fossil(dim) => dim,
        }
    }

    /// From the rows that a window reads to its representation, without dropout.
    pub fn encoding(self) -> Work {
        let (multiply_adds, rows) = match self {
            Self::Caser(dim) => {
                let sizes = caser(dim);
                let vertical = sizes.vertical * LENGTH * dim;
                // A filter of height h stands at L − h + 1 places and reads h·d values at each.
                let places: usize = (1..=LENGTH).map(|h| (LENGTH - h + 1) * h).sum();
                let horizontal = sizes.horizontal * places * dim;
                let hidden = (sizes.vertical * dim + sizes.horizontal * LENGTH) * dim;
                (vertical + horizontal + hidden, (LENGTH + 1) * dim)
            }
            Self::Fossil(dim) => ((reads() + LENGTH) * dim, reads() * dim),
        };
        Work { flops: 2.0 * multiply_adds as f64, bytes: floats(rows), moved: 0.0 }
    }

    /// The layers' gradients and those of the rows read, for a window.
    fn encoding_back(self) -> f64 {
        let multiply_adds = match self {
            Self::Caser(dim) => {
                let sizes = caser(dim);
                let vertical = sizes.vertical * LENGTH * dim;
                // Only the place where a filter is largest, and only of the half that dropout keeps.
                let heights: usize = (1..=LENGTH).sum();
                let horizontal = sizes.horizontal * heights * dim / 2;
                let hidden = (sizes.vertical * dim + sizes.horizontal * LENGTH) * dim;
                2 * (vertical + horizontal + hidden)
            }
            // The slopes of the factors; rows are moved by Adam's pass.
            Self::Fossil(dim) => LENGTH * dim,
        };
        2.0 * multiply_adds as f64
    }

    /// Loss and gradients of a window with so many scored items, the first of which have a gradient. The gradients of
    /// the scored rows are added up in Adam's pass.
    pub fn window(self, columns: usize, graded: usize) -> Work {
        let encoding = self.encoding();
        let scores = 2 * self.width() * (columns + graded);
        Work {
            flops: encoding.flops + self.encoding_back() + scores as f64,
            bytes: encoding.bytes + floats(columns * (self.width() + 1)),
            moved: 0.0,
        }
    }

    pub fn parameters(self) -> usize {
        let initial = match self {
            Self::Caser(dim) => caser(dim).initial(crate::stream),
            Self::Fossil(dim) => fossil(dim).initial(0.01, crate::stream),
        };
        initial.count() as usize
    }
}

/// Items that Fossil reads for a window, in the mean over the windows of a user: all before its target.
fn reads() -> usize {
    (LENGTH..SEEN).sum::<usize>() / (SEEN - LENGTH)
}
