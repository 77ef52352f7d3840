//! The kernel against the reference vectors, finite differences, and every vector width.

use harness::data::ItemCategories;
use harness::nn::DenseParameter;
use harness::optim::TfAdam;
use harness::rng::Stream;
use harness::split::{HeldOut, SampleRange, Samples};
use serde_json::Value;

use super::*;
use crate::golden::{assert_near, bits, case, doubles, floats, ids};

/// The sizes of a vector's parameters.
fn sizes(params: &Value) -> EmbeddingMlpSizes {
    let shape = |name: &str| {
        let rows = params[name].as_array().unwrap();
        [rows.len(), rows[0].as_array().map_or(1, Vec::len)]
    };
    EmbeddingMlpSizes {
        users: shape("user_emb_w")[0],
        items: shape("item_emb_w")[0],
        categories: params.get("cate_emb_w").map(|rows| rows.as_array().unwrap().len()),
        dim: shape("user_emb_w")[1],
        hidden: [shape("fcn1_kernel")[1], shape("fcn2_kernel")[1]],
    }
}

const NAMES: [&str; 6] = ["fcn1_kernel", "fcn1_bias", "fcn2_kernel", "fcn2_bias", "fcn3_kernel", "fcn3_bias"];

fn tensors(values: &Value) -> EmbeddingMlpTensors<Vec<f32>> {
    let of = |name: &str| values.get(name).map_or(Vec::new(), floats);
    EmbeddingMlpTensors {
        user: of("user_emb_w"),
        item: of("item_emb_w"),
        category: of("cate_emb_w"),
        layers: NAMES.map(of),
    }
}

/// The samples of a vector, and the categories of its items.
fn samples(inputs: &Value) -> (Samples, Option<ItemCategories>) {
    let mut samples = Samples::default();
    let [users, items, lengths, labels] = ["user", "item", "history_len", "label"].map(|name| ids(&inputs[name]));
    for (k, history) in inputs["history"].as_array().unwrap().iter().enumerate() {
        samples.push(users[k], &ids(history)[..lengths[k] as usize], &[(items[k], labels[k] == 1)]);
    }
    let categories = inputs.get("item_categories_padded").map(|padded| {
        let counts = ids(&inputs["item_category_counts"]);
        let of = |(row, count): (&Value, u32)| ids(row)[..count as usize].to_vec();
        let lists: Vec<Vec<u32>> = padded.as_array().unwrap().iter().zip(counts).map(of).collect();
        ItemCategories::new(inputs["params"]["cate_emb_w"].as_array().unwrap().len(), lists)
    });
    (samples, categories)
}

/// The rows of a table of width `dim` that these ids name.
fn rows(table: &[f32], ids: &[u32], dim: usize) -> Vec<f32> {
    ids.iter().flat_map(|&id| &table[id as usize * dim..][..dim]).copied().collect()
}

fn local(batch: &LocalBatch, tensors: &EmbeddingMlpTensors<Vec<f32>>, dim: usize) -> EmbeddingMlpTensors<Vec<f32>> {
    EmbeddingMlpTensors {
        user: rows(&tensors.user, batch.users(), dim),
        item: rows(&tensors.item, batch.items(), dim),
        category: rows(&tensors.category, batch.categories(), dim),
        layers: tensors.layers.clone(),
    }
}

fn zeros(like: &EmbeddingMlpTensors<Vec<f32>>) -> EmbeddingMlpTensors<Vec<f32>> {
    like.each_ref().map(|values| vec![0.0; values.len()])
}

/// Gradients of named rows at their places in a table.
fn spread(gradient: &[f32], ids: &[u32], table: &[f32], dim: usize) -> Vec<f32> {
    let mut all = vec![0.0; table.len()];
    for (row, &id) in gradient.chunks(dim).zip(ids) {
        all[id as usize * dim..][..dim].copy_from_slice(row);
    }
    all
}

/// The vectors are of f64; f32 sums of some ten products of numbers below 1 are within 3e-7 of them.
const TOLERANCE: f64 = 3e-7;

#[test]
fn logits_losses_and_gradients_agree_with_the_reference() {
    for name in ["emb_mlp_with_categories", "emb_mlp_without_categories"] {
        let case = case("asmg.json", name);
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let (sizes, all) = (sizes(&inputs["params"]), tensors(&inputs["params"]));
        let (samples, categories) = samples(inputs);
        let range = samples.range(0..samples.len());
        let mut batch = LocalBatch::new(&sizes);
        // Row 0 pads histories in the vector, and here is a row like any other: not the first that is named.
        batch.push(range, &[1, 0, 2], categories.as_ref());
        let weights = local(&batch, &all, sizes.dim);
        let mut kernel = EmbeddingMlpKernel::new(sizes);
        let mut logits = [0.0; 3];
        kernel.logits(&batch, 0, weights.as_slices(), &mut logits);
        let want = doubles(&expected["logits"]);
        assert_near(&logits, &[want[1], want[0], want[2]], TOLERANCE, name);
        let mut gradients = zeros(&weights);
        let loss = kernel.forward_backward(&batch, 0, weights.as_slices(), 1.0, gradients.as_mut_slices());
        assert_near(&[loss], &doubles(&expected["mean_loss"]), TOLERANCE, name);
        if sizes.categories.is_none() {
            continue;
        }
        let expected = tensors(&crate::golden::case("asmg.json", "emb_mlp_gradients")["expected"]);
        for (got, table, ids, want, name) in [
            (&gradients.user, &all.user, batch.users(), &expected.user, "user"),
            (&gradients.item, &all.item, batch.items(), &expected.item, "item"),
            (&gradients.category, &all.category, batch.categories(), &expected.category, "category"),
        ] {
            assert_near(&spread(got, ids, table, sizes.dim), want, TOLERANCE, name);
        }
        for (name, (got, want)) in NAMES.iter().zip(gradients.layers.iter().zip(&expected.layers)) {
            assert_near(got, want, TOLERANCE, name);
        }
    }
}

const SIZES: EmbeddingMlpSizes =
    EmbeddingMlpSizes { users: 30, items: 40, categories: Some(7), dim: 3, hidden: [5, 4] };

/// Samples of these sizes in impressions of two, histories of up to nine items, some of which have three categories.
fn made_up(sizes: &EmbeddingMlpSizes, impressions: usize) -> (Samples, Option<ItemCategories>) {
    let mut stream = Stream::new(0, "embedding-mlp", "samples", 0);
    let mut samples = Samples::default();
    for _ in 0..impressions {
        let length = stream.below(10);
        let mut item = || stream.below(sizes.items as u32);
        let history: Vec<u32> = (0..length).map(|_| item()).collect();
        let pairs = [(item(), true), (item(), false)];
        samples.push(stream.below(sizes.users as u32), &history, &pairs);
    }
    let categories = sizes.categories.map(|count| {
        let of_item = |item: usize| (0..item % 4).map(|k| ((item * 5 + k) % count) as u32).collect();
        ItemCategories::new(count, (0..sizes.items).map(of_item).collect::<Vec<Vec<u32>>>())
    });
    (samples, categories)
}

fn initial(sizes: &EmbeddingMlpSizes) -> Weights {
    sizes.initial(|purpose| Stream::new(1, "embedding-mlp", purpose, 0)).into()
}

fn of_weights(sizes: &EmbeddingMlpSizes, weights: &Weights) -> EmbeddingMlpTensors<Vec<f32>> {
    EmbeddingMlpTensors::of(sizes, weights.parameters.iter().map(|parameter| parameter.values.clone()), Vec::new())
}

/// The mean loss of some samples, in f64 and from the definition.
fn reference(
    sizes: &EmbeddingMlpSizes,
    tensors: &EmbeddingMlpTensors<Vec<f64>>,
    samples: SampleRange<'_>,
    positions: &[u32],
    categories: Option<&ItemCategories>,
) -> f64 {
    let row = |table: &[f64], id: u32| table[id as usize * sizes.dim..][..sizes.dim].to_vec();
    let mean = |rows: Vec<Vec<f64>>, width: usize| {
        let sum = |j: usize| rows.iter().map(|row| row[j]).sum::<f64>() / (rows.len() as f64 + 1e-8);
        (0..width).map(sum).collect::<Vec<f64>>()
    };
    let entity = |item: u32| {
        let of_item = categories.map(|categories| {
            mean(categories.of(item).iter().map(|&id| row(&tensors.category, id)).collect(), sizes.dim)
        });
        [row(&tensors.item, item), of_item.unwrap_or_default()].concat()
    };
    let layer = |x: &[f64], layer: usize| {
        let bias = &tensors.layers[layer + 1];
        let kernel = &tensors.layers[layer];
        let out = |o: usize| bias[o] + x.iter().enumerate().map(|(i, x)| x * kernel[i * bias.len() + o]).sum::<f64>();
        (0..bias.len()).map(out).collect::<Vec<f64>>()
    };
    let relu = |x: Vec<f64>| x.into_iter().map(|x| x.max(0.0)).collect::<Vec<f64>>();
    let losses = positions.iter().map(|&position| {
        let sample = samples.get(position as usize);
        let pooled = mean(sample.history.iter().map(|&item| entity(item)).collect(), sizes.entity());
        let input = [row(&tensors.user, sample.user), pooled, entity(sample.item)].concat();
        let z = layer(&relu(layer(&relu(layer(&input, 0)), 2)), 4)[0];
        let signed = if sample.label { -z } else { z };
        (1.0 + signed.exp()).ln()
    });
    losses.sum::<f64>() / positions.len() as f64
}

/// Two parts of a batch, more than one block of lanes and no whole number of them: gradients of each by central differences.
#[test]
fn gradients_are_those_of_the_definition() {
    for sizes in [SIZES, EmbeddingMlpSizes { categories: None, ..SIZES }] {
        let (samples, categories) = made_up(&sizes, 40);
        let range = samples.range(0..samples.len());
        let parts: [Vec<u32>; 2] = [(40..77).collect(), (0..21).rev().collect()];
        let mut batch = LocalBatch::new(&sizes);
        parts.iter().for_each(|positions| batch.push(range, positions, categories.as_ref()));
        let all = of_weights(&sizes, &initial(&sizes));
        let weights = local(&batch, &all, sizes.dim);
        let mut kernel = EmbeddingMlpKernel::new(sizes);
        for (part, positions) in parts.iter().enumerate() {
            // A part reads no more rows than are named up to it.
            let rows = batch.parts()[part].rows;
            let mut own = weights.clone();
            own.user.truncate(rows.users * sizes.dim);
            own.item.truncate(rows.items * sizes.dim);
            own.category.truncate(rows.categories * sizes.dim);
            let mut gradients = zeros(&own);
            let loss = kernel.forward_backward(&batch, part, own.as_slices(), 0.5, gradients.as_mut_slices());
            let doubled = |tensors: &EmbeddingMlpTensors<Vec<f32>>| {
                tensors.each_ref().map(|values| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>())
            };
            let mut at = doubled(&all);
            let loss_at =
                |at: &EmbeddingMlpTensors<Vec<f64>>| reference(&sizes, at, range, positions, categories.as_ref());
            assert!((loss - loss_at(&at)).abs() < 1e-6, "part {part}: {loss}");
            let spread = |gradient: &[f32], ids: &[u32], table: &[f32]| spread(gradient, ids, table, sizes.dim);
            let got = EmbeddingMlpTensors {
                user: spread(&gradients.user, batch.users(), &all.user),
                item: spread(&gradients.item, batch.items(), &all.item),
                category: spread(&gradients.category, batch.categories(), &all.category),
                layers: gradients.layers.clone(),
            };
            for tensor in 0..9 {
                let of = |tensors: &mut EmbeddingMlpTensors<Vec<f64>>, k: usize, by: f64| {
                    let EmbeddingMlpTensors { user, item, category, layers } = tensors;
                    let values = match tensor {
                        0 => user,
                        1 => item,
                        2 => category,
                        layer => &mut layers[layer - 3],
                    };
                    values.get_mut(k).map(|value| *value += by)
                };
                let got = match tensor {
                    0 => &got.user,
                    1 => &got.item,
                    2 => &got.category,
                    layer => &got.layers[layer - 3],
                };
                for (k, got) in got.iter().enumerate() {
                    const STEP: f64 = 1e-6;
                    of(&mut at, k, STEP);
                    let above = loss_at(&at);
                    of(&mut at, k, -2.0 * STEP);
                    let below = loss_at(&at);
                    of(&mut at, k, STEP);
                    let want = 0.5 * (above - below) / (2.0 * STEP);
                    assert!((f64::from(*got) - want).abs() < 1e-6, "part {part}, tensor {tensor}, {k}: {got} {want}");
                }
            }
        }
    }
}

#[test]
fn rows_are_numbered_in_the_order_in_which_they_are_named() {
    let mut samples = Samples::default();
    samples.push(7, &[4, 2, 4], &[(9, true), (2, false)]);
    samples.push(3, &[], &[(4, true)]);
    samples.push(7, &[1], &[(5, false)]);
    let categories = ItemCategories::new(9, (0..10).map(|item: u32| vec![item % 3, 8]));
    let mut batch = LocalBatch::new(&EmbeddingMlpSizes { users: 8, items: 10, categories: Some(9), ..SIZES });
    for _ in 0..2 {
        batch.clear();
        batch.push(samples.range(0..4), &[2, 0], Some(&categories));
        batch.push(samples.range(2..4), &[1, 0, 1], Some(&categories));
        assert_eq!(
            (batch.users(), batch.items(), batch.categories()),
            (&[3, 7][..], &[4, 9, 2, 5, 1][..], &[1, 8, 0, 2][..])
        );
        let [first, second] = batch.parts() else { panic!("two parts") };
        assert_eq!(first.rows, RowCounts { users: 2, items: 3, categories: 4 });
        assert_eq!((second.rows, second.samples.clone()), (batch.rows(), 2..5));
        assert_eq!((batch.user(1), batch.target(1), batch.history(1)), (1, 1, &[0, 2, 0][..]));
        assert_eq!((batch.history(0).len(), batch.categories_of(2)), (0, &[3, 1][..]));
        assert_eq!(batch.labels(), [1.0, 1.0, 0.0, 1.0, 0.0]);
    }
}

/// What is trained in steps has the bits of dense steps over whole tables, and goes on after a stop with them.
#[test]
fn training_is_that_of_dense_tables() {
    for sizes in [SIZES, EmbeddingMlpSizes { categories: None, ..SIZES }] {
        let (samples, categories) = made_up(&sizes, 100);
        let range = samples.range(0..samples.len());
        let adam = TfAdam { learning_rate: 1e-2 };
        let mut model = EmbeddingMlp::new(initial(&sizes)).unwrap();
        let mut dense: Vec<DenseParameter> = initial(&sizes).parameters.into_iter().map(DenseParameter::new).collect();
        let mut kernel = EmbeddingMlpKernel::new(sizes);
        let mut batch = LocalBatch::new(&sizes);
        for step in 0..30 {
            batch.clear();
            batch.push(
                range,
                &Stream::new(0, "embedding-mlp", "batch", step).permutation(200)[..20],
                categories.as_ref(),
            );
            if step == 12 {
                model.settle();
                let saved = model.with_moments().unwrap();
                model = EmbeddingMlp::new(saved).unwrap();
            }
            let loss = model.forward_backward(&batch);
            model.step(&batch, &adam);
            let values = dense.iter().map(|tensor| tensor.weights.clone());
            let weights = local(&batch, &EmbeddingMlpTensors::of(&sizes, values, Vec::new()), sizes.dim);
            let mut gradients = zeros(&weights);
            let want = kernel.forward_backward(&batch, 0, weights.as_slices(), 1.0, gradients.as_mut_slices());
            assert_eq!(loss.to_bits(), want.to_bits(), "step {step}");
            let ids = [batch.users(), batch.items(), batch.categories()];
            let EmbeddingMlpTensors { user, item, category, layers } = gradients;
            let tables = if sizes.categories.is_some() { 3 } else { 2 };
            for (tensor, (gradient, ids)) in dense.iter_mut().zip([user, item, category].iter().zip(ids)).take(tables) {
                tensor.gradient = spread(gradient, ids, &tensor.weights, sizes.dim);
            }
            for (tensor, gradient) in dense[tables..].iter_mut().zip(layers) {
                tensor.gradient = gradient;
            }
            dense.iter_mut().for_each(|tensor| tensor.step(&adam));
        }
        model.settle();
        for (tensor, dense) in model.tensors().into_iter().zip(&dense) {
            assert_eq!(bits(&tensor.parameter().unwrap().values), bits(&dense.weights), "{}", tensor.name());
        }
    }
}

#[test]
fn a_model_comes_back_with_its_moments_or_without() {
    let (samples, categories) = made_up(&SIZES, 10);
    let mut model = EmbeddingMlp::new(initial(&SIZES)).unwrap();
    let mut batch = LocalBatch::new(&SIZES);
    batch.push(samples.range(0..20), &[3, 4, 9], categories.as_ref());
    model.forward_backward(&batch);
    model.step(&batch, &TfAdam { learning_rate: 1e-2 });
    model.settle();
    let kept = model.with_moments().unwrap();
    assert_eq!(kept.parameters.len(), 27);
    assert_eq!(without_moments(kept.clone()).unwrap(), model.weights().unwrap());
    assert_eq!(without_moments(model.weights().unwrap()).unwrap(), model.weights().unwrap());
    assert_eq!(EmbeddingMlp::new(kept.clone()).unwrap().with_moments().unwrap(), kept);
    let fresh = EmbeddingMlp::new(model.weights().unwrap()).unwrap().with_moments().unwrap();
    assert!(fresh.parameters[9..].iter().all(|moment| moment.values.iter().all(|value| *value == 0.0)));
    assert_eq!(fresh.settings.get::<u64>("steps").unwrap(), 0);
    let mut other = EmbeddingMlp::new(initial(&SIZES)).unwrap();
    other.set(kept.clone()).unwrap();
    assert_eq!(other.with_moments().unwrap(), kept);
    let mut broken = kept.clone();
    broken.parameters.pop();
    assert!(EmbeddingMlp::new(broken).is_err() && other.set(model.weights().unwrap()).is_err());
}

#[test]
fn scores_are_the_logits_and_the_same_for_one_item_as_for_all() {
    for sizes in [SIZES, EmbeddingMlpSizes { categories: None, ..SIZES }] {
        let (samples, categories) = made_up(&sizes, 30);
        let range = samples.range(0..samples.len());
        let queries = Queries::of_samples(range, sizes.items, HeldOut::Test).with_categories(categories.as_ref());
        let weights = initial(&sizes);
        let scorer = scorer(&weights, &queries).unwrap();
        let mut model = EmbeddingMlp::new(weights.clone()).unwrap();
        let mut batch = LocalBatch::new(&sizes);
        let positions: Vec<u32> = (0..range.len() as u32).collect();
        batch.push(range, &positions, categories.as_ref());
        let mut logits = vec![0.0; range.len()];
        model.logits(&batch, &mut logits);
        let mut all = vec![0.0; sizes.items];
        let items: Vec<u32> = (0..sizes.items as u32).rev().collect();
        for (pair, logit) in queries.pairs().iter().zip(&logits) {
            let (mut one, mut each) = ([0.0], vec![0.0; items.len()]);
            scorer.score(pair.asker, &[pair.item], &mut one);
            scorer.score(pair.asker, &items, &mut each);
            scorer.score_all(pair.asker, &mut all);
            each.reverse();
            assert_eq!(bits(&each), bits(&all));
            assert_eq!(one[0].to_bits(), all[pair.item as usize].to_bits());
            assert!((one[0] - logit).abs() < 1e-6, "{one:?} {logit}");
        }
        // A model of fewer items, and data without the categories that the model has.
        let small = EmbeddingMlpSizes { items: 30, ..sizes };
        let error = super::scorer(&initial(&small), &queries).err().unwrap().to_string();
        assert!(error.contains("items below 30"), "{error}");
        if sizes.categories.is_some() {
            let error = super::scorer(&weights, &queries.with_categories(None)).err().unwrap().to_string();
            assert!(error.contains("the data has none"), "{error}");
        }
    }
}

#[test]
fn hyper_parameters_give_the_sizes_of_the_paper() {
    let hyper: EmbeddingMlpHyper = crate::kit::parse("{ dim = 8 }").unwrap();
    let [with, without] = [Some(20), None].map(|categories| hyper.sizes(5, 6, categories));
    assert_eq!((with.input(), with.hidden, without.input(), without.hidden), (40, [20, 10], 24, [12, 6]));
    let layout = without.layout().count();
    assert_eq!(layout, (5 + 6) * 8 + 24 * 12 + 12 + 12 * 6 + 6 + 6 + 1);
    let weights = initial(&with);
    assert_eq!(EmbeddingMlpSizes::of(&weights).unwrap(), with);
    assert!(weights.parameters.iter().all(|tensor| tensor.values.iter().any(|value| *value != 0.0)), "biases, too");
}
