//! The softmax of scores over the keys of a query, and the way back.

use harness::simd::{self, exp};
use pulp::NullaryFnOnce;

use super::lanes::{LANES, Lanes};
use super::shape::AttentionShape;

/// What a key scores that is padding: nothing beside any other, and as much as all where all are.
const PADDED: f32 = -1e9;

/// Scores → their softmax over the keys of each query, in place. Where `padding: [L]` is not 0, the key is not seen.
pub fn softmax(shape: AttentionShape, padding: Option<&[Lanes]>, scores: &mut [Lanes]) {
    simd::dispatch(Softmax { shape, padding, scores });
}

pub struct Softmax<'a> {
    pub shape: AttentionShape,
    pub padding: Option<&'a [Lanes]>,
    pub scores: &'a mut [Lanes],
}

impl NullaryFnOnce for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, padding, scores } = self;
        let mut rest = scores;
        for _ in 0..shape.heads {
            for query in 0..shape.length {
                let (scores, after) = rest.split_at_mut(shape.keys(query));
                rest = after;
                for (score, padding) in scores.iter_mut().zip(padding.into_iter().flatten()) {
                    for k in 0..LANES {
                        score[k] = if padding[k] == 0.0 { score[k] } else { PADDED };
                    }
                }
                let mut largest = [f32::MIN; LANES];
                for score in scores.iter() {
                    for k in 0..LANES {
                        largest[k] = if score[k] > largest[k] { score[k] } else { largest[k] };
                    }
                }
                let mut sum = [0.0; LANES];
                for score in scores.iter_mut() {
                    for k in 0..LANES {
                        score[k] = exp(score[k] - largest[k]);
                        sum[k] += score[k];
                    }
                }
                for score in scores {
                    for k in 0..LANES {
                        score[k] /= sum[k];
                    }
                }
            }
        }
    }
}

/// Slopes of attention weights after dropout → those of scores, in place.
pub fn score_slopes(shape: AttentionShape, weights: &[Lanes], factors: Option<&[Lanes]>, slopes: &mut [Lanes]) {
    simd::dispatch(ScoreSlopes { shape, weights, factors, slopes, scale: shape.scale() });
}

pub struct ScoreSlopes<'a> {
    pub shape: AttentionShape,
    pub weights: &'a [Lanes],
    pub factors: Option<&'a [Lanes]>,
    pub slopes: &'a mut [Lanes],
    pub scale: f32,
}

impl NullaryFnOnce for ScoreSlopes<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { shape, weights, factors, slopes, scale } = self;
        if let Some(factors) = factors {
            for (slope, factor) in slopes.iter_mut().zip(factors) {
                for k in 0..LANES {
                    slope[k] *= factor[k];
                }
            }
        }
        let mut first = 0;
        for _ in 0..shape.heads {
            for query in 0..shape.length {
                let of_query = first..first + shape.keys(query);
                first = of_query.end;
                let (weights, slopes) = (&weights[of_query.clone()], &mut slopes[of_query]);
                let mut mean = [0.0; LANES];
                for (weight, slope) in weights.iter().zip(slopes.iter()) {
                    for k in 0..LANES {
                        mean[k] = weight[k].mul_add(slope[k], mean[k]);
                    }
                }
                for (weight, slope) in weights.iter().zip(slopes) {
                    for k in 0..LANES {
                        slope[k] = scale * weight[k] * (slope[k] - mean[k]);
                    }
                }
            }
        }
    }
}
