//! SHA-256 of many short messages at once, one in each lane.

use pulp::{Simd, WithSimd};

use super::dispatch;

/// Messages that are hashed together: the lanes of an AVX-512 register.
pub(crate) const MESSAGES: usize = 16;

/// Digests of messages of one block each. `blocks[t][k]` is the t-th of the 16 big-endian words of message k, padded as
/// FIPS 180-4 says; `digests[t][k]` becomes the t-th of the 8 words of its digest.
pub(crate) fn sha256_of_blocks(blocks: &[[u32; MESSAGES]; 16], digests: &mut [[u32; MESSAGES]; 8]) {
    dispatch(Sha256OfBlocks { blocks, digests });
}

struct Sha256OfBlocks<'a> {
    blocks: &'a [[u32; MESSAGES]; 16],
    digests: &'a mut [[u32; MESSAGES]; 8],
}

/// The initial state: fractions of the square roots of the first primes.
const START: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The constants of the rounds: fractions of the cube roots of the first primes.
#[rustfmt::skip]
const ROUNDS: [[u32; 16]; 4] = [
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    ],
    [
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    ],
    [
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    ],
    [
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ],
];

/// x turned right by N bits.
#[inline(always)]
fn turned<const N: u32, S: Simd>(simd: S, x: S::u32s) -> S::u32s {
    let (right, left) = (simd.splat_u32s(N), simd.splat_u32s(32 - N));
    simd.or_u32s(simd.wrapping_dyn_shr_u32s(x, right), simd.wrapping_dyn_shl_u32s(x, left))
}

#[inline(always)]
fn sum<const N: usize, S: Simd>(simd: S, terms: [S::u32s; N]) -> S::u32s {
    terms.into_iter().fold(simd.splat_u32s(0), |sum, term| simd.add_u32s(sum, term))
}

#[inline(always)]
fn xor<S: Simd>(simd: S, [x, y, z]: [S::u32s; 3]) -> S::u32s {
    simd.xor_u32s(simd.xor_u32s(x, y), z)
}

impl WithSimd for Sha256OfBlocks<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for lanes in 0..MESSAGES / S::U32_LANES {
            let mut words: [S::u32s; 16] = std::array::from_fn(|t| S::as_simd_u32s(&self.blocks[t]).0[lanes]);
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = START.map(|word| simd.splat_u32s(word));
            for (sixteen, constants) in ROUNDS.iter().enumerate() {
                for t in 0..16 {
                    if sixteen > 0 {
                        let [old, early, late] = [words[(t + 1) % 16], words[(t + 9) % 16], words[(t + 14) % 16]];
                        let shifted = |x, n| simd.wrapping_dyn_shr_u32s(x, simd.splat_u32s(n));
                        let of_old =
                            xor(simd, [turned::<7, S>(simd, old), turned::<18, S>(simd, old), shifted(old, 3)]);
                        let of_late =
                            xor(simd, [turned::<17, S>(simd, late), turned::<19, S>(simd, late), shifted(late, 10)]);
                        words[t] = sum(simd, [words[t], of_old, early, of_late]);
                    }
                    let of_e = [turned::<6, S>(simd, e), turned::<11, S>(simd, e), turned::<25, S>(simd, e)];
                    // Bits of f where e has ones, else of g.
                    let chosen = simd.xor_u32s(g, simd.and_u32s(e, simd.xor_u32s(f, g)));
                    let first = sum(simd, [h, xor(simd, of_e), chosen, simd.splat_u32s(constants[t]), words[t]]);
                    let of_a = [turned::<2, S>(simd, a), turned::<13, S>(simd, a), turned::<22, S>(simd, a)];
                    let most = simd.or_u32s(simd.and_u32s(a, b), simd.and_u32s(c, simd.or_u32s(a, b)));
                    let second = simd.add_u32s(xor(simd, of_a), most);
                    (h, g, f, e) = (g, f, e, simd.add_u32s(d, first));
                    (d, c, b, a) = (c, b, a, simd.add_u32s(first, second));
                }
            }
            for (t, end) in [a, b, c, d, e, f, g, h].into_iter().enumerate() {
                let digest = simd.add_u32s(end, simd.splat_u32s(START[t]));
                S::as_mut_simd_u32s(&mut self.digests[t]).0[lanes] = digest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    /// Messages of 0 to 55 bytes: as many as fit into a block with their padding.
    #[test]
    fn digests_are_those_of_the_standard_at_every_level() {
        for level in crate::simd::levels() {
            for start in [0usize, 13, 40] {
                let messages: [Vec<u8>; MESSAGES] =
                    std::array::from_fn(|k| (0..(start + k).min(55)).map(|at| (at * 37 + k * 11) as u8).collect());
                let (mut blocks, mut digests) = ([[0; MESSAGES]; 16], [[0; MESSAGES]; 8]);
                for (k, message) in messages.iter().enumerate() {
                    let mut bytes = [0; 64];
                    bytes[..message.len()].copy_from_slice(message);
                    bytes[message.len()] = 0x80;
                    bytes[56..].copy_from_slice(&(8 * message.len() as u64).to_be_bytes());
                    for (t, word) in bytes.chunks(4).enumerate() {
                        blocks[t][k] = u32::from_be_bytes(word.try_into().unwrap());
                    }
                }
                level.dispatch(Sha256OfBlocks { blocks: &blocks, digests: &mut digests });
                for (k, message) in messages.iter().enumerate() {
                    let words = digests.map(|word| word[k].to_be_bytes());
                    assert_eq!(Digest(words.concat().try_into().unwrap()), Digest::of(message), "message {k}");
                }
            }
        }
    }
}
