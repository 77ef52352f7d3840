//! Dropout masks from the run's own streams.

use crate::rng::Stream;
use crate::simd;
use pulp::NullaryFnOnce;
use rayon::prelude::*;

/// Windows that one task draws for; fixed, so that masks do not depend on threads.
const BLOCK: usize = 64;
/// Numbers drawn at once: one by one, the stream's own buffer is most of the work.
const WORDS: usize = 1024;

/// Inverted dropout: a value is dropped with probability p, or else divided by 1 − p, so that nothing is to be
/// scaled when the model is served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// # Panics
    /// If `p` is not a probability below 1.
    pub fn new(p: f64) -> Self {
        assert!((0.0..1.0).contains(&p), "dropped with probability {p}");
        Self { p }
    }

    /// Fills `masks: [windows, width]` with factors, 0 or 1/(1 − p). Draws nothing where p is 0.
    pub fn draw(self, stream: &mut Stream, width: usize, masks: &mut [f32]) {
        if self.p == 0.0 {
            masks.fill(1.0);
            return;
        }
        let kept = (1.0 / (1.0 - self.p)) as f32;
        // Below it of 2^32 numbers: dropped.
        let bound = (self.p * 4_294_967_296.0) as u32;
        let blocks: Vec<_> = masks.chunks_mut(BLOCK * width).map(|block| (block, stream.fork())).collect();
        blocks.into_par_iter().for_each(|(block, mut stream)| {
            let mut drawn = [0; WORDS];
            for factors in block.chunks_mut(WORDS) {
                let drawn = &mut drawn[..factors.len()];
                stream.fill(drawn);
                simd::dispatch(Factors { factors, drawn, bound, kept });
            }
        });
    }
}

/// Numbers of the stream → factors.
struct Factors<'a> {
    factors: &'a mut [f32],
    drawn: &'a [u32],
    /// Below it: dropped.
    bound: u32,
    kept: f32,
}

impl NullaryFnOnce for Factors<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (factor, drawn) in self.factors.iter_mut().zip(self.drawn) {
            *factor = if *drawn < self.bound { 0.0 } else { self.kept };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::same_on_threads;

    #[test]
    fn masks_have_their_rate_and_mean_and_no_thread_shows() {
        for p in [0.0, 0.1, 0.5, 0.9] {
            let masks = same_on_threads(|| {
                let mut masks = vec![f32::NAN; 1000 * 40];
                Dropout::new(p).draw(&mut Stream::new(0, "dropout", "test", 0), 40, &mut masks);
                masks
            });
            let n = masks.len() as f64;
            let dropped = masks.iter().filter(|factor| **factor == 0.0).count() as f64 / n;
            // Four standard errors.
            assert!((dropped - p).abs() <= 4.0 * (p * (1.0 - p) / n).sqrt(), "{dropped} of {p}");
            let kept = (1.0 / (1.0 - p)) as f32;
            assert!(masks.iter().all(|factor| *factor == 0.0 || *factor == kept));
        }
    }
}
