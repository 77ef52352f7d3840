//! The model in candle's autograd as its authors wrote it: inputs padded on the left, padding masked, every place
//! of every block computed.

use candle_core::{D, DType, Device, Tensor, Var};
use harness::weights::{Parameter, Weights};

use crate::models::sasrec::dropout::{Masks, queries};
use crate::models::sasrec::forward::GROUP;
use crate::models::sasrec::sizes::OF_BLOCK;
use crate::models::sasrec::{SasRecSizes, Sequences};

const DEVICE: Device = Device::Cpu;

pub struct Graph {
    sizes: SasRecSizes,
    pub variables: Vec<Var>,
}

/// Masks of padded inputs: 1 where there is nothing to drop.
struct Padded {
    embedding: Tensor,
    /// Of each block: attention `[inputs, heads, L, L]`, inner and outer `[inputs, L, d]`.
    blocks: Vec<[Tensor; 3]>,
}

impl Graph {
    pub fn new(weights: &Weights) -> Self {
        let sizes = SasRecSizes::of(weights).unwrap();
        let variable = |p: &Parameter| Var::from_slice(&p.values, &p.shape[..], &DEVICE).unwrap();
        Self { sizes, variables: weights.parameters.iter().map(variable).collect() }
    }

    fn padded(&self, sequences: &Sequences, masks: &[Masks]) -> Padded {
        let SasRecSizes { dim, length, heads, blocks, .. } = self.sizes;
        let n = sequences.len();
        let mut embedding = vec![1.0; n * length * dim];
        let mut of_blocks =
            vec![
                [vec![1.0; n * heads * length * length], vec![1.0; n * length * dim], vec![1.0; n * length * dim]];
                blocks
            ];
        for (group, masks) in masks.iter().enumerate() {
            let inputs: Vec<usize> = (group * GROUP..n.min((group + 1) * GROUP)).collect();
            let mut drawn = masks.embedding.chunks_exact(dim);
            for &k in &inputs {
                for place in length - sequences.range(k).len()..length {
                    embedding[(k * length + place) * dim..][..dim].copy_from_slice(drawn.next().unwrap());
                }
            }
            assert!(drawn.next().is_none());
            for (block, (masks, [attention, inner, outer])) in masks.blocks.iter().zip(&mut of_blocks).enumerate() {
                let mut drawn = masks.attention.iter();
                for head in 0..heads {
                    for &k in &inputs {
                        let items = sequences.range(k).len();
                        for query in length - queries(&self.sizes, block, items)..length {
                            for key in length - items..=query {
                                attention[((k * heads + head) * length + query) * length + key] =
                                    *drawn.next().unwrap();
                            }
                        }
                    }
                }
                assert!(drawn.next().is_none());
                let mut drawn = masks.inner.chunks_exact(dim).zip(masks.outer.chunks_exact(dim));
                for &k in &inputs {
                    for place in length - queries(&self.sizes, block, sequences.range(k).len())..length {
                        let at = (k * length + place) * dim;
                        let (of_inner, of_outer) = drawn.next().unwrap();
                        inner[at..at + dim].copy_from_slice(of_inner);
                        outer[at..at + dim].copy_from_slice(of_outer);
                    }
                }
                assert!(drawn.next().is_none());
            }
        }
        let rows = |values: Vec<f32>| Tensor::from_vec(values, (n, length, dim), &DEVICE).unwrap();
        let blocks = of_blocks.into_iter().map(|[attention, inner, outer]| {
            [Tensor::from_vec(attention, (n, heads, length, length), &DEVICE).unwrap(), rows(inner), rows(outer)]
        });
        Padded { embedding: rows(embedding), blocks: blocks.collect() }
    }

    /// Representations `[inputs, d]`.
    pub fn forward(&self, sequences: &Sequences, masks: &[Masks]) -> Tensor {
        let SasRecSizes { dim, length, heads, blocks, .. } = self.sizes;
        let n = sequences.len();
        let padded = self.padded(sequences, masks);
        let (mut ids, mut real) = (vec![0u32; n * length], vec![0f32; n * length]);
        for k in 0..n {
            let items = &sequences.items()[sequences.range(k)];
            for (place, item) in ((k + 1) * length - items.len()..).zip(items) {
                (ids[place], real[place]) = (*item, 1.0);
            }
        }
        let ids = Tensor::from_vec(ids, n * length, &DEVICE).unwrap();
        let real = Tensor::from_vec(real, (n, length, 1), &DEVICE).unwrap();
        let rows = self.variables[0].index_select(&ids, 0).unwrap().reshape((n, length, dim)).unwrap();
        let x = (rows * (dim as f64).sqrt()).unwrap().broadcast_add(self.variables[1].as_tensor()).unwrap();
        let mut x = (x * padded.embedding).unwrap().broadcast_mul(&real).unwrap();
        let earlier: Vec<f32> =
            (0..length * length).map(|k| if k % length > k / length { -1e9 } else { 0.0 }).collect();
        let earlier = Tensor::from_vec(earlier, (1, 1, length, length), &DEVICE).unwrap();
        let padding = ((&real - 1.0).unwrap() * 1e9).unwrap().reshape((n, 1, 1, length)).unwrap();
        for block in 0..blocks {
            let of = |name: &str| {
                let part = OF_BLOCK.iter().position(|part| *part == name).unwrap();
                self.variables[2 + block * OF_BLOCK.len() + part].as_tensor()
            };
            let dense = |x: &Tensor, name: &str| {
                let y = x.broadcast_matmul(of(&format!("{name}-weight"))).unwrap();
                y.broadcast_add(of(&format!("{name}-bias"))).unwrap()
            };
            let norm = |x: &Tensor, name: &str| {
                layer_norm(x, of(&format!("{name}-norm-scale")), of(&format!("{name}-norm-shift")))
            };
            let by_head = |x: Tensor| {
                x.reshape((n, length, heads, dim / heads)).unwrap().transpose(1, 2).unwrap().contiguous().unwrap()
            };
            let [attention, inner, outer] = &padded.blocks[block];
            let q = norm(&x, "attention");
            let [queries, keys, values] =
                [(&q, "query"), (&x, "key"), (&x, "value")].map(|(x, name)| by_head(dense(x, name)));
            let scores = queries.matmul(&keys.t().unwrap()).unwrap();
            let scores = (scores / (dim as f64 / heads as f64).sqrt()).unwrap();
            let scores = scores.broadcast_add(&earlier).unwrap().broadcast_add(&padding).unwrap();
            let weights = (log_softmax(&scores).exp().unwrap() * attention).unwrap();
            let attended = weights.matmul(&values).unwrap().transpose(1, 2).unwrap().reshape((n, length, dim)).unwrap();
            let z = norm(&(attended + &q).unwrap(), "feed");
            let h = dense(&z, "inner");
            let positive = h.gt(0f32).unwrap().to_dtype(DType::F32).unwrap().detach();
            let h = ((h * positive).unwrap() * inner).unwrap();
            let out = (dense(&h, "outer") * outer).unwrap();
            x = (out + z).unwrap().broadcast_mul(&real).unwrap();
        }
        let [.., scale, shift] = &self.variables[..] else { unreachable!() };
        let last = x.narrow(1, length - 1, 1).unwrap().squeeze(1).unwrap();
        layer_norm(&last, scale.as_tensor(), shift.as_tensor())
    }

    /// Log-probabilities of representations over the first `items`.
    pub fn log_probabilities(&self, x: &Tensor, items: usize) -> Tensor {
        log_softmax(&x.matmul(&self.variables[0].narrow(0, 0, items).unwrap().t().unwrap()).unwrap())
    }

    /// Gradients of `loss`, parameter by parameter.
    pub fn gradients(&self, loss: &Tensor) -> Vec<Vec<f32>> {
        let gradients = loss.backward().unwrap();
        let of = |variable: &Var| {
            let gradient = gradients.get(variable.as_tensor()).expect("every variable has a gradient");
            gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        self.variables.iter().map(of).collect()
    }
}

/// By ops that have a gradient, unlike candle's fused one.
fn layer_norm(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Tensor {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1).unwrap()).unwrap();
    let variance = centred.sqr().unwrap().mean_keepdim(D::Minus1).unwrap();
    let normal = centred.broadcast_div(&(variance + 1e-8).unwrap().sqrt().unwrap()).unwrap();
    normal.broadcast_mul(scale).unwrap().broadcast_add(shift).unwrap()
}

fn log_softmax(x: &Tensor) -> Tensor {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1).unwrap().detach()).unwrap();
    let sum = shifted.exp().unwrap().sum_keepdim(D::Minus1).unwrap();
    shifted.broadcast_sub(&sum.log().unwrap()).unwrap()
}
