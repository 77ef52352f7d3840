//! Named, seedable, platform-stable random streams.
//!
//! Every random draw of the project comes from a [`Stream`]: ChaCha8 keyed by
//! SHA-256(seed, trial, purpose), with the epoch as ChaCha's stream id. So a draw depends on what it
//! is for and on nothing else: not on threads, not on what was drawn before for another purpose, not
//! on candle (whose CPU generator cannot be seeded, candle issue 2651). A run that resumes at epoch
//! `e` just opens the streams of epoch `e`.
//!
//! The samplers are ours because `rand` may change values between releases, and they use `libm`
//! because `ln` and `cos` of the system differ by platform. Values are pinned by tests.

pub mod gumbel;
mod sampler;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
pub use sampler::Rejection;

use crate::digest::FieldHasher;

/// Numbers that go through a buffer at once.
const FILLED: usize = 256;

/// A random stream: ChaCha8, keyed by seed, trial, purpose and epoch. Its values are the same on every machine.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `purpose` (such as `"negatives"`) in `trial` at `seed`, for one `epoch`.
    pub fn new(seed: u64, trial: &str, purpose: &str, epoch: u64) -> Self {
        let mut hasher = FieldHasher::new("reprise stream 1");
        hasher.field("seed", &seed.to_le_bytes()).field("trial", trial.as_bytes()).field("purpose", purpose.as_bytes());
        let mut rng = ChaCha8Rng::from_seed(hasher.finish().0);
        rng.set_stream(epoch);
        Self(rng)
    }

    /// Makes an independent stream, keyed by the next 32 bytes of this one. Work that is cut into fixed blocks gives each
    /// block a fork, so that its draws do not depend on the number of threads.
    pub fn fork(&mut self) -> Self {
        let mut key = [0; 32];
        self.0.fill_bytes(&mut key);
        Self(ChaCha8Rng::from_seed(key))
    }

    #[inline]
    /// The next 32 bits of the stream.
    pub fn u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    #[inline]
    /// The next 64 bits of the stream.
    pub fn u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// The next numbers of the stream, as so many calls of [`u32`](Self::u32) give them.
    pub fn fill(&mut self, words: &mut [u32]) {
        let mut bytes = [0; 4 * FILLED];
        for words in words.chunks_mut(FILLED) {
            let bytes = &mut bytes[..4 * words.len()];
            self.0.fill_bytes(bytes);
            words.iter_mut().zip(bytes.as_chunks::<4>().0).for_each(|(word, bytes)| *word = u32::from_le_bytes(*bytes));
        }
    }

    /// Uniform in `0..n` without bias (Lemire, "Fast random integer generation in an interval", 2019).
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "a draw from an empty range");
        let mut product = u64::from(self.u32()) * u64::from(n);
        if (product as u32) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u32) < threshold {
                product = u64::from(self.u32()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// Uniform in the open interval (0, 1), on the midpoints of 2^53 equal cells.
    pub fn unit(&mut self) -> f64 {
        ((self.u64() >> 11) as f64 + 0.5) * (1.0 / (1u64 << 53) as f64)
    }

    /// Two independent standard normal values (Box and Muller, 1958).
    pub fn normal_pair(&mut self) -> (f64, f64) {
        let radius = (-2.0 * libm::log(self.unit())).sqrt();
        let angle = 2.0 * std::f64::consts::PI * self.unit();
        (radius * libm::cos(angle), radius * libm::sin(angle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_pinned() {
        let mut stream = Stream::new(0, "teacher", "negatives", 0);
        let first: Vec<u32> = (0..4).map(|_| stream.u32()).collect();
        let mut other = Stream::new(0, "teacher", "negatives", 1);
        assert_ne!(first[0], other.u32());
        assert_eq!(first, PINNED_U32);
        let mut stream = Stream::new(7, "student", "init", 0);
        let below: Vec<u32> = (0..8).map(|_| stream.below(10)).collect();
        assert_eq!(below, PINNED_BELOW);
        let (a, b) = stream.normal_pair();
        assert_eq!([a.to_bits(), b.to_bits()], PINNED_NORMAL);
    }

    const PINNED_U32: [u32; 4] = [3916316867, 3807441890, 2422665910, 3238154998];
    const PINNED_BELOW: [u32; 8] = [4, 8, 3, 0, 8, 7, 2, 0];
    const PINNED_NORMAL: [u64; 2] = [13828567938930147355, 13831552385198417561];

    #[test]
    fn many_numbers_are_those_of_as_many_calls() {
        for n in [0, 1, 63, 64, 65, 1000] {
            let mut one_by_one = Stream::new(0, "teacher", "negatives", 0);
            let mut at_once = Stream::new(0, "teacher", "negatives", 0);
            // From the middle of a block of the generator, too.
            assert_eq!(one_by_one.u32(), at_once.u32());
            let mut words = vec![0; n];
            at_once.fill(&mut words);
            assert_eq!(words, (0..n).map(|_| one_by_one.u32()).collect::<Vec<_>>());
            assert_eq!(one_by_one.u64(), at_once.u64());
        }
    }

    #[test]
    fn every_name_makes_another_stream() {
        let first = |seed, trial, purpose, epoch| Stream::new(seed, trial, purpose, epoch).u64();
        let base = first(0, "a", "b", 0);
        for other in [first(1, "a", "b", 0), first(0, "ab", "", 0), first(0, "a", "c", 0), first(0, "a", "b", 1)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn below_is_uniform() {
        let mut stream = Stream::new(1, "t", "below", 0);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        // Chi-square with 6 degrees of freedom: 22.5 is its 99.9 % point.
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi2 < 22.5, "{counts:?}");
    }

    #[test]
    fn normal_has_its_moments() {
        let mut stream = Stream::new(1, "t", "normal", 0);
        let values: Vec<f64> = (0..50_000).flat_map(|_| <[f64; 2]>::from(stream.normal_pair())).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let fourth = values.iter().map(|v| v.powi(4)).sum::<f64>() / n;
        // Four standard errors each: 1, sqrt 2 and sqrt 96 over sqrt n.
        assert!(mean.abs() < 4.0 / n.sqrt());
        assert!((variance - 1.0).abs() < 4.0 * 2f64.sqrt() / n.sqrt());
        assert!((fourth - 3.0).abs() < 4.0 * 96f64.sqrt() / n.sqrt());
    }
}
