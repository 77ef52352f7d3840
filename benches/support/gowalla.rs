//! Sequential models at Gowalla's sizes, with RD's values.

use harness::nn::Activation;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use reproductions::models::sequence::Source;
use reproductions::models::{caser, fossil};

use super::GOWALLA;

pub const USERS: usize = GOWALLA[0];
pub const ITEMS: usize = GOWALLA[1];
pub const SEEN: usize = GOWALLA[2];

pub const LENGTH: usize = 5;
pub const NEGATIVES: usize = 3;
pub const BATCH: usize = 512;
pub const LIST: usize = 10;
pub const SAMPLES: usize = 100;
pub const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-6 };

/// Users' sequences: popularity rank^-0.8 with ranks shuffled over the items, as on the PyTorch side.
#[allow(clippy::disallowed_methods, reason = "what is timed, and no result")]
pub fn sequences() -> UserItems {
    let mut stream = Stream::new(0, "bench", "sequences", 0);
    let items = stream.permutation(ITEMS);
    let mut cumulative: Vec<f64> = Vec::with_capacity(ITEMS);
    let mut sum = 0.0;
    for rank in 1..=ITEMS {
        sum += (rank as f64).powf(-0.8);
        cumulative.push(sum);
    }
    let mut draw = || {
        let at = stream.unit() * sum;
        items[cumulative.partition_point(|&c| c < at).min(ITEMS - 1)]
    };
    let pairs: Vec<(u32, u32)> =
        (0..USERS as u32).flat_map(|user| (0..SEEN).map(|_| (user, draw())).collect::<Vec<_>>()).collect();
    UserItems::from_pairs(USERS, &pairs)
}

pub fn caser(dim: usize) -> caser::CaserSizes {
    let (convolution, hidden) = (Activation::Identity, Activation::Sigmoid);
    caser::CaserSizes {
        users: USERS,
        ids: ITEMS + 1,
        dim,
        length: LENGTH,
        vertical: 2,
        horizontal: 16,
        convolution,
        hidden,
    }
}

pub fn fossil(dim: usize) -> fossil::FossilSizes {
    let history = fossil::History::Causal;
    fossil::FossilSizes { users: USERS, items: ITEMS, dim, length: LENGTH, targets: 1, alpha: 0.2, history }
}

pub fn source<'a>(train: &'a UserItems, seen: &'a UserItems) -> Source<'a> {
    Source { train, seen, n_items: ITEMS, length: LENGTH, targets: 1, negatives: NEGATIVES }
}
