//! Gradients against central differences of a loss that is written out in f64, with categories, hidden size 8, four models.

use harness::data::ItemCategories;
use harness::rng::Stream;
use harness::split::Samples;

use super::*;

const D: usize = 8;
const K: usize = 4;
const SIZES: EmbeddingMlpSizes =
    EmbeddingMlpSizes { users: 40, items: 30, categories: Some(5), dim: 3, hidden: [7, 3] };

struct World {
    models: Vec<PastModel>,
    categories: ItemCategories,
    /// Oldest first.
    samples: Vec<Samples>,
    loss: SequenceLoss,
    squash: Squash,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl World {
    fn new(loss: SequenceLoss, squash: Squash) -> Self {
        let mut stream = Stream::new(7, "asmg", "differences", 0);
        let coordinates = Coordinates::of(&SIZES);
        let models = (0..K).map(|period| PastModel {
            period,
            tensors: coordinates.iter().map(|of| stream.normals(of.rows * of.columns, 0.7)).collect(),
        });
        let models = models.collect();
        let lists =
            (0..SIZES.items).map(|item| (0..1 + item % 3).map(|k| ((item + 2 * k) % 5) as u32).collect::<Vec<_>>());
        let categories = ItemCategories::new(5, lists.collect::<Vec<_>>());
        let samples = (0..K).map(|set| {
            let mut samples = Samples::default();
            for k in 0..14 {
                let history: Vec<u32> = (0..stream.below(4)).map(|_| stream.below(SIZES.items as u32)).collect();
                // More users than are named, and more rows than a block has.
                let user = stream.below(SIZES.users as u32);
                samples.push(user, &history, &[(stream.below(SIZES.items as u32), (k + set) % 3 == 0)]);
            }
            samples
        });
        Self { models, categories, samples: samples.collect(), loss, squash }
    }

    /// θ* of a coordinate after the first `steps` models.
    fn generated(&self, weights: &[f64], states: &[f64], theta: impl Fn(usize) -> f64, steps: usize) -> f64 {
        let gate = |start: usize, theta: f64, h: &[f64], j: usize| {
            theta * weights[start + j] + (0..D).map(|i| h[i] * weights[start + D + i * D + j]).sum::<f64>()
        };
        let mut h = states.to_vec();
        let each = D + D * D;
        for step in 0..steps {
            let x = theta(step);
            let z: Vec<f64> = (0..D).map(|j| sigmoid(gate(0, x, &h, j))).collect();
            let reset: Vec<f64> = (0..D).map(|j| h[j] * sigmoid(gate(each, x, &h, j))).collect();
            let c: Vec<f64> = (0..D).map(|j| gate(2 * each, x, &reset, j).tanh()).collect();
            h = (0..D).map(|j| (1.0 - z[j]) * h[j] + z[j] * c[j]).collect();
        }
        let y = weights[3 * each + D] + (0..D).map(|i| h[i] * weights[3 * each + i]).sum::<f64>();
        if self.squash == Squash::Tanh { y.tanh() } else { y }
    }

    /// Σ λ·L, all of it in f64 and without any saving.
    fn total(&self, weights: &[Vec<f64>], states: &[Vec<f32>]) -> f64 {
        let coordinates = Coordinates::of(&SIZES);
        let whole = |steps: usize| -> Vec<Vec<f64>> {
            coordinates
                .iter()
                .enumerate()
                .map(|(tensor, of)| {
                    let one = |row: usize, column: usize| {
                        let at = column * of.rows + row;
                        let set: Vec<f64> =
                            weights[tensor].iter().skip(of.set(column, row)).step_by(of.sets()).copied().collect();
                        let state: Vec<f64> = states[tensor][at * D..][..D].iter().map(|v| f64::from(*v)).collect();
                        self.generated(&set, &state, |model| f64::from(self.models[model].tensors[tensor][at]), steps)
                    };
                    (0..of.rows)
                        .flat_map(|row| (0..of.columns).map(move |column| (row, column)))
                        .map(|(r, c)| one(r, c))
                        .collect()
                })
                .collect()
        };
        let mut total = 0.0;
        for ((samples, weight), set) in self.samples.iter().zip(self.loss.weights(K)).zip(0..) {
            if weight == 0.0 {
                continue;
            }
            let model = whole(set + 1);
            let mean: f64 = samples.range(0..samples.len()).iter().map(|sample| self.loss_of(&model, sample)).sum();
            total += weight * mean / samples.len() as f64;
        }
        total
    }

    fn loss_of(&self, model: &[Vec<f64>], sample: harness::split::LabelledSample<'_>) -> f64 {
        let dim = SIZES.dim;
        let row = |table: usize, id: u32| model[table][id as usize * dim..][..dim].to_vec();
        let mean = |vectors: Vec<Vec<f64>>, width: usize| -> Vec<f64> {
            let n = vectors.len() as f64 + 1e-8;
            (0..width).map(|k| vectors.iter().map(|v| v[k]).sum::<f64>() / n).collect()
        };
        let entity = |item: u32| {
            let categories = self.categories.of(item).iter().map(|&category| row(2, category)).collect();
            [row(1, item), mean(categories, dim)].concat()
        };
        let pooled = mean(sample.history.iter().map(|&item| entity(item)).collect(), 2 * dim);
        let mut x = [row(0, sample.user), pooled, entity(sample.item)].concat();
        for layer in 0..3 {
            let (kernel, bias) = (&model[3 + 2 * layer], &model[4 + 2 * layer]);
            let out = bias.len();
            x = (0..out)
                .map(|o| bias[o] + x.iter().enumerate().map(|(i, x)| x * kernel[i * out + o]).sum::<f64>())
                .collect();
            if layer < 2 {
                x.iter_mut().for_each(|x| *x = x.max(0.0));
            }
        }
        let signed = if sample.label { x[0] } else { -x[0] };
        (1.0 + (-signed).exp()).ln()
    }
}

#[test]
fn gradients_are_those_of_central_differences() {
    for (loss, squash) in [(SequenceLoss::Linear, Squash::Linear), (SequenceLoss::Last, Squash::Tanh)] {
        let world = World::new(loss, squash);
        let mut gru = Gru::new(SIZES, D, squash, true, stream);
        // Larger weights than the initial ones of layers, so that no gradient is near zero.
        for tensor in gru.tensors_mut() {
            let n = tensor.weights.len();
            tensor.weights = stream(&format!("larger.{n}")).normals(n, 0.4);
        }
        let coordinates = Coordinates::of(&SIZES);
        let states: Vec<Vec<f32>> = coordinates
            .iter()
            .map(|of| stream(&format!("state.{}", of.name)).normals(of.rows * of.columns * D, 0.4))
            .collect();
        let mut state = State::default();
        coordinates.iter().zip(&states).for_each(|(of, v)| state.put(format!("{}.hidden_state", of.name), &v[..]));
        gru.restore_past(&mut state).unwrap();
        let mut batch = SequenceBatch::new(SIZES);
        for (samples, weight) in world.samples.iter().zip(loss.weights(K)).rev().filter(|(_, weight)| *weight > 0.0) {
            let positions: Vec<u32> = (0..samples.len() as u32).collect();
            batch.push(samples.range(0..samples.len()), &positions, Some(&world.categories), weight);
        }
        let losses = batch.forward_backward(&mut gru, &world.models);
        let got: f64 = losses.iter().zip(batch.weights()).map(|(loss, weight)| loss * weight).sum();
        let mut weights: Vec<Vec<f64>> =
            gru.tensors().iter().map(|tensor| tensor.weights.iter().map(|w| f64::from(*w)).collect()).collect();
        let total = world.total(&weights, &states);
        assert!((got - total).abs() < 2e-6 * total, "{got} {total}");
        let largest = gru.tensors().iter().flat_map(|t| &t.gradient).fold(0.0f32, |most, g| most.max(g.abs()));
        let mut pick = stream("pick");
        let mut sizeable = 0;
        for tensor in 0..coordinates.len() {
            for _ in 0..24 {
                let at = pick.below(weights[tensor].len() as u32) as usize;
                const STEP: f64 = 1e-5;
                let there = weights[tensor][at];
                let ends = [STEP, -STEP].map(|step| {
                    weights[tensor][at] = there + step;
                    world.total(&weights, &states)
                });
                weights[tensor][at] = there;
                let (want, got) = ((ends[0] - ends[1]) / (2.0 * STEP), f64::from(gru.tensors()[tensor].gradient[at]));
                assert!(
                    (got - want).abs() < 2e-6 * f64::from(largest) + 2e-5 * want.abs(),
                    "{tensor}, {at}: {got} {want}"
                );
                sizeable += usize::from(want.abs() > 1e-3 * f64::from(largest));
            }
        }
        assert!(sizeable > 50, "{sizeable} gradients that say something");
    }
}
