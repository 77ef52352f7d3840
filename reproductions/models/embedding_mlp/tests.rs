//! The kernel against the reference vectors, finite differences, and every vector width.

use harness::data::ItemCategories;
use harness::split::Samples;
use serde_json::Value;

use super::*;
use crate::golden::{assert_near, case, doubles, floats, ids};

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
    let [users, items, lengths, labels] =
        ["user", "item", "history_len", "label"].map(|name| ids(&inputs[name]));
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
