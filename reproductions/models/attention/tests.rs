//! The kernels at every level, against the sums by the letter.

use harness::rng::Stream;
use harness::simd;

use super::lanes::{LANES, Lanes, add_from_lanes, to_lanes};
use super::products::Products;
use super::shape::AttentionShape;
use super::softmax::{ScoreSlopes, Softmax};
use super::sums::Sums;

/// Kernels on lanes of random numbers, at every level, against the sums by the letter.
#[test]
fn kernels_have_the_stated_bits_at_every_level() {
    for causal in [true, false] {
        kernels(AttentionShape { heads: 3, length: 7, width: 33, causal });
    }
}

fn kernels(shape: AttentionShape) {
    let lanes = |purpose: &str, n: usize| -> Vec<Lanes> {
        let values = Stream::new(0, "attention", purpose, 0).normals(n * LANES, 1.0);
        values.as_chunks::<LANES>().0.to_vec()
    };
    let (a, b) = (lanes("a", 7 * 33), lanes("b", 7 * 33));
    let pairs: Vec<[usize; 3]> = (0..3)
        .flat_map(|head| {
            (0..7)
                .flat_map(move |query| (0..if shape.causal { query + 1 } else { 7 }).map(move |key| [head, query, key]))
        })
        .collect();
    let (factors, masks) = (lanes("factors", pairs.len()), lanes("masks", pairs.len()));
    // Of each lane other keys, and of one all.
    let mut padding = vec![[0.0; LANES]; 7];
    for (key, lanes) in padding.iter_mut().enumerate() {
        (0..LANES).filter(|k| *k == 5 || (key + k) % 4 == 0).for_each(|k| lanes[k] = 1.0);
    }
    let chain = |terms: &mut dyn Iterator<Item = (f32, f32)>| terms.fold(0.0f32, |sum, (a, b)| a.mul_add(b, sum));
    for level in simd::levels() {
        let mut out = vec![[f32::NAN; LANES]; pairs.len()];
        level.dispatch(Products { shape, a: &a, b: &b, scale: 0.3, out: &mut out });
        for (out, &[head, query, key]) in out.iter().zip(&pairs) {
            let column = |time: usize| time * 33 + head * 11..time * 33 + head * 11 + 11;
            for k in 0..LANES {
                let sum = chain(&mut column(query).zip(column(key)).map(|(i, j)| (a[i][k], b[j][k])));
                assert_eq!(out[k].to_bits(), (0.3 * sum).to_bits());
            }
        }
        let mut by_query = vec![[f32::NAN; LANES]; 7 * 33];
        let mut by_key = by_query.clone();
        level.dispatch(Sums::<true> { shape, factors: &factors, x: &a, out: &mut by_query });
        level.dispatch(Sums::<false> { shape, factors: &factors, x: &a, out: &mut by_key });
        for (at, (by_query, by_key)) in by_query.iter().zip(&by_key).enumerate() {
            let (time, column) = (at / 33, at % 33);
            let sum = |k: usize, of: usize| {
                let here = |pair: &[usize; 3]| pair[0] == column / 11 && pair[1 + of] == time;
                let found = pairs.iter().zip(&factors).filter(|(pair, _)| here(pair));
                chain(&mut found.map(|(pair, factor)| (factor[k], a[pair[2 - of] * 33 + column][k])))
            };
            for k in 0..LANES {
                assert_eq!(by_query[k].to_bits(), sum(k, 0).to_bits());
                assert_eq!(by_key[k].to_bits(), sum(k, 1).to_bits());
            }
        }
        for padding in [None, Some(&padding[..])] {
            let mut weights = factors.clone();
            level.dispatch(Softmax { shape, padding, scores: &mut weights });
            let mut slopes = lanes("slopes", pairs.len());
            let given = slopes.clone();
            level.dispatch(ScoreSlopes {
                shape,
                weights: &weights,
                factors: Some(&masks),
                slopes: &mut slopes,
                scale: 0.4,
            });
            for of_query in (0..3).flat_map(|head| (0..7).map(move |query| [head, query])) {
                let here: Vec<usize> = (0..pairs.len()).filter(|&pair| pairs[pair][..2] == of_query).collect();
                for k in 0..LANES {
                    let score = |pair: usize| match padding {
                        Some(padding) if padding[pairs[pair][2]][k] != 0.0 => -1e9,
                        _ => factors[pair][k],
                    };
                    let largest = here.iter().fold(f32::MIN, |most, &pair| most.max(score(pair)));
                    let powers: Vec<f32> = here.iter().map(|&pair| simd::exp(score(pair) - largest)).collect();
                    let sum = powers.iter().fold(0.0, |sum, power| sum + power);
                    let slope = |pair: usize| given[pair][k] * masks[pair][k];
                    let mean = chain(&mut here.iter().map(|&pair| (weights[pair][k], slope(pair))));
                    for (&pair, power) in here.iter().zip(&powers) {
                        assert_eq!(weights[pair][k].to_bits(), (power / sum).to_bits());
                        let stated = 0.4 * weights[pair][k] * (slope(pair) - mean);
                        assert_eq!(slopes[pair][k].to_bits(), stated.to_bits());
                    }
                }
            }
        }
    }
}

#[test]
fn rows_go_to_lanes_and_back() {
    let shape = AttentionShape { heads: 1, length: 3, width: 5, causal: true };
    let rows: Vec<f32> = (0..3 * 2 * 16).map(|k| if k % 16 < 5 { k as f32 } else { 0.0 }).collect();
    let mut lanes = Vec::new();
    to_lanes(&rows, 16, shape, &mut lanes);
    assert_eq!(lanes[7][..3], [rows[32 + 2], rows[48 + 2], 0.0], "the second time, the third column");
    let mut back = rows.clone();
    add_from_lanes(&lanes, shape, 16, &mut back, &mut Vec::new());
    assert!(back.iter().zip(&rows).all(|(back, row)| *back == 2.0 * row));
}

/// A padding key has no weight, and all of them are alike where no other is there.
#[test]
fn padding_is_not_seen() {
    let shape = AttentionShape { heads: 1, length: 3, width: 1, causal: false };
    let mut padding = [[0.0; LANES]; 3];
    padding[0][0] = 1.0;
    (0..3).for_each(|key| padding[key][1] = 1.0);
    for level in simd::levels() {
        let mut weights = [[0.0; LANES]; 9];
        (0..9).for_each(|pair| weights[pair] = [[1.0, 5.0, -2.0][pair % 3]; LANES]);
        level.dispatch(Softmax { shape, padding: Some(&padding), scores: &mut weights });
        let of_last = |lane: usize| [weights[6][lane], weights[7][lane], weights[8][lane]];
        let shown = 1.0 / (1.0 + (-7.0f32).exp());
        let near = |got: [f32; 3], want: [f32; 3]| got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6);
        assert!(near(of_last(0), [0.0, shown, 1.0 - shown]) && of_last(0)[0] == 0.0, "{:?}", of_last(0));
        assert!(near(of_last(1), [1.0 / 3.0; 3]), "{:?}", of_last(1));
        let whole = (-4.0f32).exp() + 1.0 + (-7.0f32).exp();
        assert!(near(of_last(2), [(-4.0f32).exp() / whole, 1.0 / whole, (-7.0f32).exp() / whole]), "{:?}", of_last(2));
    }
}
