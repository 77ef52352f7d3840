//! Training and validation within a period.

use harness::rng::Stream;

/// Positions of sub-sequences, in a random order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubSequenceSplit {
    pub train: Vec<u32>,
    pub valid: Vec<u32>,
}

/// Number of the `n` sub-sequences that train where the share `valid` is set aside: n · (1 − valid), half to even as numpy
/// rounds (code).
pub fn train_size(n: usize, valid: f64) -> usize {
    (n as f64 * (1.0 - valid)).round_ties_even() as usize
}

/// Splits `n` sub-sequences. Prefixes of one session fall on both sides: a leak within the period, which the
/// authors' code has (code).
pub fn split(n: usize, valid: f64, stream: &mut Stream) -> SubSequenceSplit {
    let mut train = stream.permutation(n);
    let valid = train.split_off(train_size(n, valid));
    SubSequenceSplit { train, valid }
}
