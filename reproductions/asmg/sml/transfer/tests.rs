//! Vectors of an independent program; gradients against differences of a transfer of f64 that is written as the
//! specification states it; the same bits anywhere.

use serde_json::Value;

use super::*;
use crate::golden::{assert_near, bits, case, doubles, floats, same_on_threads};

/// The weights of a transfer, in our order, from a vector's, whose rows of `fc1_kernel` are one unit of all coordinates after
/// the other.
pub fn weights_of(sizes: TransferSizes, name: &str, values: &Value) -> Vec<Parameter> {
    let TransferSizes { width, mix: [_, n2], hidden } = sizes;
    let theirs = floats(&values["fc1_kernel"]);
    let ours = (0..width).flat_map(|c| (0..n2).map(move |l| l * width + c));
    let kernel: Vec<f32> = ours.flat_map(|row| theirs[row * hidden..(row + 1) * hidden].to_vec()).collect();
    let [first, second] = ["filter1", "filter2"].map(|part| floats(&values[part]));
    let [bias, out, out_bias] = ["fc1_bias", "fc2_kernel", "fc2_bias"].map(|part| floats(&values[part]));
    let mut weights = sizes.layout(name).initial(|_| Stream::new(0, "", "", 0), |_, _| Init::Zeros);
    for (parameter, values) in weights.iter_mut().zip([first, second, kernel, bias, out, out_bias]) {
        assert_eq!(parameter.values.len(), values.len(), "{}", parameter.name);
        parameter.values = values;
    }
    weights
}

/// Sizes that the shapes of a vector's weights say.
pub fn sizes_of(values: &Value) -> TransferSizes {
    let columns = |part: &str| values[part][0].as_array().unwrap().len();
    let [n1, n2, hidden, width] = ["filter1", "filter2", "fc1_kernel", "fc2_kernel"].map(columns);
    TransferSizes { width, mix: [n1, n2], hidden }
}

#[test]
fn rows_of_a_table_and_a_whole_tensor_are_those_of_the_reference() {
    for (name, rows) in [("sml_transfer_embedding", 3), ("sml_transfer_mlp", 1)] {
        let case = case("asmg.json", name);
        let inputs = &case["inputs"];
        let sizes = sizes_of(&inputs["params"]);
        let transfer = Transfer::new(sizes, weights_of(sizes, name, &inputs["params"]));
        let [prev, upd] = ["prev", "upd"].map(|key| floats(&inputs[key]));
        assert_eq!(upd.len(), rows * sizes.width);
        let mut out = vec![f32::NAN; upd.len()];
        transfer.transfer(&prev, &upd, &mut out);
        assert_near(&out, &doubles(&case["expected"]["out"]), 1e-6, name);
    }
}

#[test]
fn initial_weights_keep_to_the_limits_of_the_reference() {
    let limits = case("asmg.json", "glorot_limits");
    let shapes: Vec<Vec<f64>> = crate::golden::rows(&limits["inputs"]["shapes"]);
    let expected = doubles(&limits["expected"]["limits"]);
    let limit = |shape: &[f64]| {
        let at = shapes.iter().position(|known| known == shape).unwrap_or_else(|| panic!("no limit of {shape:?}"));
        expected[at]
    };
    let sizes = TransferSizes { width: 8, mix: [10, 5], hidden: 20 };
    let weights = sizes.initial("user", |purpose| Stream::new(0, "sml", purpose, 0));
    let mixes = [limit(&[3.0, 1.0, 1.0, 10.0]), limit(&[10.0, 1.0, 1.0, 5.0])];
    let layers = [60.0f64, 40.0, 28.0, 16.0].map(|fans| (6.0 / fans).sqrt());
    for (parameter, limit) in weights.iter().zip(mixes.into_iter().chain(layers)) {
        let most = parameter.values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let most = f64::from(most) / limit;
        assert!(most <= 1.0 + 1e-6 && most > 0.5, "{}: {most} of the limit", parameter.name);
    }
    assert_eq!(weights[2].name, "transfer.user.hidden");
    assert_eq!(weights.iter().map(|p| p.values.len()).collect::<Vec<_>>(), [30, 50, 800, 20, 160, 8]);
}

const SIZES: TransferSizes = TransferSizes { width: 9, mix: [10, 5], hidden: 20 };

/// Seven rows of nine: the last lanes are half empty, and rows begin anywhere.
fn rows(name: &str, rows: usize) -> Vec<f32> {
    Stream::new(0, "sml", name, 0).normals(rows * SIZES.width, 0.7)
}

fn transfer() -> Transfer {
    Transfer::new(SIZES, SIZES.initial("user", |purpose| Stream::new(0, "sml", purpose, 0)))
}

/// Σ gradient · T(prev, upd) in f64.
fn weighted(weights: &[Vec<f64>], prev: &[f32], upd: &[f64], gradient: &[f32]) -> f64 {
    let TransferSizes { width, mix: [n1, n2], hidden } = SIZES;
    let gelu = |x: f64| 0.5 * x * libm::erfc(-x / 2f64.sqrt());
    let [first, second, kernel, bias, out, out_bias] = weights else { panic!("six tensors") };
    let mut sum = 0.0;
    for (row, (prev, upd)) in prev.chunks(width).zip(upd.chunks(width)).enumerate() {
        let norm = prev.iter().map(|p| f64::from(*p).powi(2)).sum::<f64>().sqrt();
        let mut mixed = Vec::new();
        for (prev, upd) in prev.iter().zip(upd) {
            let prev = f64::from(*prev);
            let x = [prev, *upd, prev * upd / (norm + 1e-15)];
            let units: Vec<f64> = (0..n1).map(|j| gelu((0..3).map(|i| x[i] * first[i * n1 + j]).sum())).collect();
            mixed.extend((0..n2).map(|l| gelu((0..n1).map(|j| units[j] * second[j * n2 + l]).sum())));
        }
        let sums = |m: usize| mixed.iter().enumerate().map(|(k, x)| x * kernel[k * hidden + m]).sum::<f64>() + bias[m];
        let units: Vec<f64> = (0..hidden).map(|m| gelu(sums(m))).collect();
        for c in 0..width {
            let value = (0..hidden).map(|m| units[m] * out[m * width + c]).sum::<f64>() + out_bias[c];
            sum += f64::from(gradient[row * width + c]) * value;
        }
    }
    sum
}

#[test]
fn gradients_are_those_of_differences() {
    let mut transfer = transfer();
    let (mut prev, upd, gradient) = (rows("prev", 7), rows("upd", 7), rows("gradient", 7));
    prev[18..27].fill(0.0); // A row without a norm.
    let mut tape = Tape { prev: prev.clone(), upd: upd.clone(), ..Tape::default() };
    let mut out = vec![0.0; upd.len()];
    transfer.forward(&mut tape, &mut out);
    let weights: Vec<Vec<f64>> =
        transfer.parameters.iter().map(|p| p.weights.iter().map(|w| f64::from(*w)).collect()).collect();
    let wide: Vec<f64> = upd.iter().map(|u| f64::from(*u)).collect();
    let value: f64 = out.iter().zip(&gradient).map(|(o, g)| f64::from(*o) * f64::from(*g)).sum();
    assert!((value - weighted(&weights, &prev, &wide, &gradient)).abs() < 1e-5, "the value");
    const STEP: f64 = 1e-5;
    let slope = |of: &dyn Fn(f64) -> f64| (of(STEP) - of(-STEP)) / (2.0 * STEP);
    let mut into = vec![f32::NAN; upd.len()];
    transfer.backward_to_base(&tape, &gradient, &mut into);
    let want = |k: usize| {
        slope(&|step| {
            let mut upd = wide.clone();
            upd[k] += step;
            weighted(&weights, &prev, &upd, &gradient)
        })
    };
    assert_near(&into, &(0..upd.len()).map(want).collect::<Vec<_>>(), 2e-6, "gradient of upd");
    transfer.backward_to_weights(&tape, &gradient);
    for (number, got) in transfer.gradients().into_iter().enumerate() {
        let want = |k: usize| {
            slope(&|step| {
                let mut weights = weights.clone();
                weights[number][k] += step;
                weighted(&weights, &prev, &wide, &gradient)
            })
        };
        let want: Vec<f64> = (0..got.len()).map(want).collect();
        assert!(want.iter().any(|g| g.abs() > 1e-2), "tensor {number} matters");
        assert_near(got, &want, 1e-5, format!("gradient of tensor {number}"));
    }
}

/// More than a block of rows, so that tasks share the sums of the weights.
#[test]
fn threads_change_no_bit_and_blocks_none_of_the_result() {
    let n = BLOCK + 100;
    let (prev, upd, gradient) = (rows("prev", n), rows("upd", n), rows("gradient", n));
    let all = same_on_threads(|| {
        let mut transfer = transfer();
        let mut tape = Tape { prev: prev.clone(), upd: upd.clone(), ..Tape::default() };
        let [mut out, mut blocks, mut into] = [(); 3].map(|()| vec![0.0; upd.len()]);
        transfer.forward(&mut tape, &mut out);
        transfer.transfer(&prev, &upd, &mut blocks);
        assert_eq!(bits(&out), bits(&blocks));
        transfer.backward_to_base(&tape, &gradient, &mut into);
        transfer.backward_to_weights(&tape, &gradient);
        let weights = transfer.gradients().concat();
        [bits(&out), bits(&into), bits(&weights)]
    });
    assert!(all.iter().all(|bits| !bits.is_empty()));
}
