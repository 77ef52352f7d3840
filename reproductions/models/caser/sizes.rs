//! The sizes of a Caser, its parameters by name, and how they start.

use harness::error::Result;
use harness::nn::Activation;
use harness::rng::Stream;
use harness::weights::{Init, Layout, Settings, Weights};

/// The tensors, in their order.
pub const NAMES: [&str; 10] = [
    "user",
    "item",
    "vertical-weight",
    "vertical-bias",
    "horizontal-weight",
    "horizontal-bias",
    "hidden-weight",
    "hidden-bias",
    "output",
    "output-bias",
];

const CONVOLUTION: &str = "convolution";
const HIDDEN: &str = "hidden";

/// All that shapes a Caser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaserSizes {
    pub users: usize,
    /// Items and the padding.
    pub ids: usize,
    /// d.
    pub dim: usize,
    /// L.
    pub length: usize,
    /// nv.
    pub vertical: usize,
    /// nh, of each height.
    pub horizontal: usize,
    /// After the horizontal filters.
    pub convolution: Activation,
    /// After the hidden layer.
    pub hidden: Activation,
}

impl CaserSizes {
    /// Values that the hidden layer reads: nv·d of the vertical filters, nh·L of the horizontal ones.
    pub fn features(&self) -> usize {
        self.vertical * self.dim + self.horizontal * self.length
    }

    /// Where the horizontal filter of `height` begins in a row of `horizontal-weight`; its length is height · d.
    pub fn filter(&self, height: usize) -> usize {
        (height * (height - 1) / 2).saturating_mul(self.dim)
    }

    /// Length of such a row: one filter of each height 1..=L.
    pub fn filters(&self) -> usize {
        self.filter(self.length + 1)
    }

    /// Shapes in the order of [`NAMES`]. A row of `horizontal-weight` holds one filter of each height, one
    /// after the other; a row of `horizontal-bias` is of one height. The first row of `item` and of `output` is
    /// the padding's, which moves like any other (code).
    pub fn shapes(&self) -> [[usize; 2]; 10] {
        let Self { users, ids, dim, length, vertical, horizontal, .. } = *self;
        [
            [users, dim],
            [ids, dim],
            [vertical, length],
            [1, vertical],
            [horizontal, self.filters()],
            [length, horizontal],
            [dim, self.features()],
            [1, dim],
            [ids, 2 * dim],
            [ids, 1],
        ]
    }

    /// Names and shapes.
    pub fn layout(&self) -> Layout {
        Layout::new("Caser", NAMES.into_iter().zip(self.shapes()))
    }

    /// Initial weights; each tensor draws from a stream of its own. Layers start as torch's do: weights and biases
    /// uniform within ±1/√(values read).
    pub fn initial(&self, stream: impl Fn(&str) -> Stream) -> Weights {
        let d = self.dim as f64;
        let of_height = |height: usize| Init::of_layer(height * self.dim);
        let init = |name: &str, _: &[usize]| match name {
            "user" | "item" => Init::Normal(1.0 / d),
            "output" => Init::Normal(1.0 / (2.0 * d)),
            "output-bias" => Init::Zeros,
            "vertical-weight" | "vertical-bias" => Init::of_layer(self.length),
            "horizontal-weight" => {
                let row = || (1..=self.length).map(|height| (height * self.dim, of_height(height)));
                Init::Pieces((0..self.horizontal).flat_map(|_| row()).collect())
            }
            "horizontal-bias" => {
                Init::Pieces((1..=self.length).map(|height| (self.horizontal, of_height(height))).collect())
            }
            _ => Init::of_layer(self.features()),
        };
        Weights { parameters: self.layout().initial(stream, init), settings: self.settings() }
    }

    /// The activations.
    pub fn settings(&self) -> Settings {
        Settings::default().with(CONVOLUTION, self.convolution).with(HIDDEN, self.hidden)
    }

    /// The sizes of a model with these weights.
    ///
    /// # Errors
    /// [`Internal`](harness::error::Kind::Internal) if they are not a Caser's.
    pub fn of(weights: &Weights) -> Result<Self> {
        let sizes = Self {
            users: weights.size(0, 0),
            ids: weights.size(1, 0),
            dim: weights.size(0, 1),
            length: weights.size(2, 1),
            vertical: weights.size(2, 0),
            horizontal: weights.size(4, 0),
            convolution: weights.settings.get(CONVOLUTION)?,
            hidden: weights.settings.get(HIDDEN)?,
        };
        sizes.layout().check(weights)?;
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::spread;

    fn sizes(users: usize, items: usize, dim: usize) -> CaserSizes {
        let (convolution, hidden) = (Activation::Identity, Activation::Sigmoid);
        CaserSizes { users, ids: items + 1, dim, length: 5, vertical: 2, horizontal: 16, convolution, hidden }
    }

    /// The paper's table: Gowalla with 13,149 users and 14,009 items.
    #[test]
    fn the_papers_models_have_their_sizes() {
        for (dim, count) in [(100, 5_584_102), (50, 2_794_102)] {
            let shapes = sizes(13_149, 14_009, dim).shapes();
            assert_eq!(shapes.iter().map(|[rows, columns]| rows * columns).sum::<usize>(), count, "d = {dim}");
        }
    }

    #[test]
    fn initial_values_have_their_distributions_and_say_what_they_are_of() {
        let sizes = sizes(900, 800, 20);
        let stream = |purpose: &str| Stream::new(3, "caser-test", purpose, 0);
        let initial = sizes.initial(stream);
        assert_eq!(initial, sizes.initial(stream));
        assert_eq!(CaserSizes::of(&initial).unwrap(), sizes);
        for (k, std) in [(0, 1.0 / 20.0), (1, 1.0 / 20.0), (8, 1.0 / 40.0)] {
            assert!((spread(&initial.parameters[k].values) / std - 1.0).abs() < 0.03, "{}", NAMES[k]);
        }
        assert!(
            initial.parameters[1].values[..20].iter().any(|v| *v != 0.0),
            "the padding's row starts like any other"
        );
        let within = |values: &[f32], reads: usize, name: &str| {
            let bound = 1.0 / (reads as f64).sqrt();
            let largest = values.iter().fold(0.0f32, |max, v| max.max(v.abs()));
            assert!(f64::from(largest) <= bound, "{name}: {largest} within {bound}");
            // Uniform within ±bound has the standard deviation bound/√3.
            let n = values.len() as f64;
            assert!((spread(values) / (bound / 3f64.sqrt()) - 1.0).abs() < 2.0 / n.sqrt(), "{name}");
        };
        within(&initial.parameters[2].values, 5, NAMES[2]);
        within(&initial.parameters[6].values, 120, NAMES[6]);
        within(&initial.parameters[7].values, 120, NAMES[7]);
        for height in 1..=5 {
            let rows = initial.parameters[4].values.chunks(sizes.filters());
            let filters: Vec<f32> =
                rows.flat_map(|row| &row[sizes.filter(height)..sizes.filter(height + 1)]).copied().collect();
            assert_eq!(filters.len(), 16 * height * 20);
            within(&filters, height * 20, NAMES[4]);
            within(&initial.parameters[5].values[(height - 1) * 16..height * 16], height * 20, NAMES[5]);
        }
        assert!(initial.parameters[9].values.iter().all(|bias| *bias == 0.0));
    }

    #[test]
    fn other_parameters_are_refused() {
        let start = sizes(9, 8, 3).initial(|purpose| Stream::new(0, "caser-test", purpose, 0));
        let changed = |change: &dyn Fn(&mut Weights)| {
            let mut weights = start.clone();
            change(&mut weights);
            CaserSizes::of(&weights).is_err()
        };
        assert!(changed(&|w| w.parameters[0].name = "users".into()));
        assert!(changed(&|w| w.parameters[4].shape = vec![16, 44]));
        assert!(changed(&|w| w.parameters[8].values.truncate(5)));
        assert!(changed(&|w| w.parameters.swap(7, 8)));
        assert!(changed(&|w| drop(w.parameters.pop())));
        assert!(changed(&|w| w.parameters[2].shape.clear()));
        let tanh = |settings: Settings| settings.with(CONVOLUTION, "tanh").with(HIDDEN, Activation::Sigmoid);
        assert!(changed(&|w| w.settings = tanh(Settings::default())));
        assert!(changed(&|w| w.settings = Settings::default().with(CONVOLUTION, Activation::Identity)));
    }
}
