use harness::nn::{DenseParameter, Dropout};
use harness::rng::Stream;
use harness::weights::Parameter;
use serde_json::Value;

use super::*;
use crate::adarec::architecture::ends;
use crate::adarec::operation::SearchSpace;
use crate::adarec::student::Student;
use crate::adarec::student_sizes::OF_EDGE;
use crate::golden::{assert_near, case, doubles, floats};
use crate::kit::{bits, same_on_threads};

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "encoder", purpose, 0)
}

fn sizes(length: usize, channels: usize, network: Network) -> StudentSizes {
    StudentSizes { items: 30, length, channels, cells: 1, network }
}

/// Of a convolution in the layout of PyTorch, `[out, in, taps]`: what our tensors of an edge hold.
fn tensors_of(params: &Value) -> [Vec<f32>; 6] {
    let weight = params["weight"].as_array().unwrap();
    let [channels, taps] = [weight.len(), weight[0][0].as_array().unwrap().len()];
    let mut ours = vec![0.0; taps * channels * channels];
    for (at, value) in floats(&params["weight"]).into_iter().enumerate() {
        let (out, input, tap) = (at / (channels * taps), at / taps % channels, at % taps);
        ours[(tap * channels + input) * channels + out] = value;
    }
    let [bias, scale, shift, mean, variance] =
        ["bias", "bn_gamma", "bn_beta", "bn_mean", "bn_var"].map(|key| floats(&params[key]));
    [ours, bias, scale, shift, mean, variance]
}

/// A cell of this architecture, whose edges have what `params` gives them.
fn served(sizes: &StudentSizes, architecture: &Architecture, params: impl Fn(usize) -> Option<Value>) -> ServedCell {
    let mut weights = sizes.initial(stream);
    for (number, edge) in (0..EDGES).filter_map(|number| Some((number, params(number)?))) {
        let (node, source) = ends(number);
        for (name, values) in OF_EDGE.into_iter().zip(tensors_of(&edge)) {
            let name = format!("cell-0-edge-{node}-{source}-{name}");
            let tensor = weights.parameters.iter_mut().find(|tensor| tensor.name == name).unwrap();
            assert_eq!(tensor.values.len(), values.len());
            tensor.values = values;
        }
    }
    let mut parameters = weights.parameters.into_iter().skip(2);
    ServedCell::new(&CellParameters::new(sizes, &mut parameters), architecture, sizes.channels)
}

fn padded_rows(x: &[f32], channels: usize) -> Vec<f32> {
    x.chunks_exact(channels).flat_map(|row| (0..padded(channels)).map(|j| row.get(j).copied().unwrap_or(0.0))).collect()
}

fn rows_of(map: &[f32], channels: usize) -> Vec<f32> {
    map.chunks_exact(padded(channels)).flat_map(|row| row[..channels].to_vec()).collect()
}

#[test]
fn operations_are_those_of_the_vector() {
    let case = case("adarec.json", "candidate_operations");
    let x = padded_rows(&floats(&case["inputs"]["x"]), 2);
    for operation in Operation::ALL {
        let mut architecture = Architecture([Operation::None; EDGES]);
        architecture.0[0] = operation;
        let sizes = sizes(6, 2, Network::Fixed(architecture));
        let params = &case["inputs"]["params"][operation.name()];
        let cell = served(&sizes, &architecture, |number| (number == 0 && !params.is_null()).then(|| params.clone()));
        let mut room = Room::default();
        room.maps[0] = x.clone();
        cell.nodes(&mut room, 6, padded(2));
        let want = doubles(&case["expected"]["eval_mode"][operation.name()]);
        assert_near(&rows_of(&room.maps[1], 2), &want, 1e-6, operation);
    }
}

#[test]
fn a_cell_is_that_of_the_vector() {
    let case = case("adarec.json", "student_cell");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let names: Vec<Vec<String>> = serde_json::from_value(inputs["architecture"].clone()).unwrap();
    let architecture: Architecture =
        names.iter().map(|node| node.join(",")).collect::<Vec<_>>().join("|").parse().unwrap();
    let sizes = sizes(5, 4, Network::Fixed(architecture));
    let mut cell = served(&sizes, &architecture, |number| {
        let (node, source) = ends(number);
        inputs["edge_params"][node - 1][source].get(architecture.0[number].name()).filter(|p| !p.is_null()).cloned()
    });
    let logits = floats(&inputs["node_attention_logits"]);
    let nodes = Parameter { name: "nodes".into(), shape: vec![3], values: logits };
    let mut parameters = sizes.initial(stream).parameters.into_iter().skip(2);
    let mut tensors = CellParameters::new(&sizes, &mut parameters);
    tensors.dense[0] = DenseParameter::new(nodes);
    assert_near(&tensors.node_weights(), &doubles(&expected["attention"]), 1e-7, "attention");
    cell.nodes = tensors.node_weights().map(|weight| weight as f32);
    [cell.norm_scale, cell.norm_shift] = ["ln_gamma", "ln_beta"].map(|key| floats(&inputs[key]));
    let mut room = Room::default();
    room.maps[0] = padded_rows(&floats(&inputs["x"]), 4);
    cell.nodes(&mut room, 5, padded(4));
    for (node, want) in expected["node_outputs"].as_array().unwrap().iter().enumerate() {
        assert_near(&rows_of(&room.maps[node + 1], 4), &doubles(want), 1e-6, format!("node {}", node + 1));
    }
    cell.mix(&mut room, 4);
    assert_near(&rows_of(&room.maps[0], 4), &doubles(&expected["cell_output"]), 1e-6, "cell");
}

#[test]
fn threads_and_company_change_no_bit() {
    let architecture: Architecture = "dil_cnn_5|cau_cnn_3,max_pool|skip_connect,none,std_cnn_5".parse().unwrap();
    let sizes = StudentSizes { cells: 3, ..sizes(7, 5, Network::Fixed(architecture)) };
    let encoder = StudentEncoder::new(&sizes.initial(stream)).unwrap();
    let ids: Vec<u32> = stream("ids").permutation(70 * 7).into_iter().map(|id| id % 31).collect();
    let all = same_on_threads(|| {
        let mut out = Vec::new();
        encoder.encode(&ids, &mut out).unwrap();
        bits(&out)
    });
    let mut alone = Vec::new();
    encoder.encode(&ids[3 * 7..4 * 7], &mut alone).unwrap();
    assert_eq!(bits(&alone), all[3 * 35..4 * 35]);
    assert_eq!(bits(&encoder.encode_last(&ids[..14]).unwrap()), [&all[30..35], &all[65..70]].concat());
    assert!(encoder.encode(&ids[..8], &mut alone).unwrap_err().to_string().contains("whole sequences"));
    assert!(encoder.encode(&[31; 7], &mut alone).unwrap_err().to_string().contains("no row"));
}

/// Where the running statistics are those of the batch, serving is training without dropout; a searched student answers with
/// any of its operations.
#[test]
fn serving_is_the_forward_pass_with_running_statistics() {
    let architecture: Architecture = "dil_cnn_5|cau_cnn_3,max_pool|skip_connect,avg_pool,std_cnn_5".parse().unwrap();
    let sizes = StudentSizes { cells: 2, ..sizes(9, 6, Network::Search(SearchSpace::coded())) };
    let mut student = Student::new(sizes.initial(stream), Dropout::new(0.0)).unwrap();
    let ids: Vec<u32> = stream("ids").permutation(40 * 9).into_iter().map(|id| id % 31).collect();
    for _ in 0..400 {
        // The running statistics come as near as their momentum lets them.
        student.forward(&ids, &architecture, &mut stream("dropout")).unwrap();
    }
    let n = ids.len() as f32;
    for tensor in student.tensors_mut() {
        // The running variance is the unbiased one, and the batch's is not.
        if tensor.name().ends_with("variance") {
            let values = tensor.parameter().unwrap().values.iter().map(|v| v * (n - 1.0) / n).collect();
            tensor.set_weights(values).unwrap();
        }
    }
    let mut out = Vec::new();
    student.encoder(&architecture).unwrap().encode(&ids, &mut out).unwrap();
    assert_near(&out, &student.features().last, 2e-4, "representation");
    let weights = harness::weights::Weights {
        parameters: student.tensors().iter().map(|tensor| tensor.parameter().unwrap()).collect(),
        settings: student.settings(),
    };
    assert!(StudentEncoder::new(&weights).is_err());
    let inherited = crate::adarec::student_sizes::inherit(&weights, architecture).unwrap();
    let mut of_inherited = Vec::new();
    StudentEncoder::new(&inherited).unwrap().encode(&ids, &mut of_inherited).unwrap();
    assert_eq!(bits(&out), bits(&of_inherited));
}
