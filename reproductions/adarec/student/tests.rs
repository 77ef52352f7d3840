use harness::weights::Parameter;

use super::*;
use crate::adarec::operation::Operation;
use crate::adarec::operation::SearchSpace;
use crate::adarec::student_sizes::{Network, OF_EDGE};
use crate::golden::{assert_near, case, doubles, floats};
use crate::kit::{bits, same_on_threads};

mod reference;

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "student", purpose, 0)
}

fn values(student: &Student, name: &str) -> Vec<f32> {
    student.tensors().iter().find(|tensor| tensor.name() == name).unwrap().parameter().unwrap().values
}

/// All convolutions of an edge at once, of which one is chosen; the running statistics of all move.
#[test]
fn operations_in_training_are_those_of_the_vector() {
    let case = case("adarec.json", "candidate_operations");
    let (inputs, expected) = (&case["inputs"], &case["expected"]["train_mode"]);
    let sizes =
        StudentSizes { items: 1, length: 6, channels: 2, cells: 1, network: Network::Search(SearchSpace::coded()) };
    for operation in Operation::ALL {
        let mut student = Student::new(sizes.initial(stream), Dropout::new(0.0)).unwrap();
        let edge = student.cells[0].edges[0].as_mut().unwrap();
        for (at, (convolution, first)) in edge.convolutions.clone().into_iter().enumerate() {
            let params = &inputs["params"][convolution.name()];
            for (k, value) in floats(&params["weight"]).into_iter().enumerate() {
                // PyTorch's [out, in, taps].
                let taps = convolution.taps();
                let (out, input, tap) = (k / (2 * taps), k / taps % 2, k % taps);
                edge.dense[0].weights[((first + tap) * 2 + input) * 2 + out] = value;
            }
            let tensors = edge.dense[1..].iter_mut().map(|tensor| &mut tensor.weights);
            let tensors = tensors.chain(edge.statistics.iter_mut().map(|statistic| &mut statistic.values));
            for (values, key) in tensors.zip(["bias", "bn_gamma", "bn_beta", "bn_mean", "bn_var"]) {
                values[at * 2..(at + 1) * 2].copy_from_slice(&floats(&params[key]));
            }
        }
        let mut architecture = Architecture([Operation::None; EDGES]);
        architecture.0[0] = operation;
        let width = padded(2);
        student.ids = vec![0; 12];
        student.masks[0] = vec![1.0; 24];
        student.embed(width);
        pad(&floats(&inputs["x"]), 2, width, &mut student.blocks[0].cells[0].maps[0]);
        student.passes = vec![CellPass::new(&sizes, &student.cells[0], &architecture, width)];
        student.blocks[0].expand(&student.passes[0], 0, 0);
        student.combine(0, 0);
        student.blocks[0].node(&student.passes[0], 0, 1);
        let got: Vec<f32> = student.blocks[0].cells[0].maps[1].chunks_exact(width).flat_map(|r| [r[0], r[1]]).collect();
        let want = if operation.is_convolution() {
            &expected[operation.name()]["out"]
        } else {
            &case["expected"]["eval_mode"][operation.name()]
        };
        // Normalisation makes the small errors of f32 larger where the variance is small.
        assert_near(&got, &doubles(want), 4e-6, operation);
        for (at, convolution) in Operation::ALL.into_iter().filter(|o| o.is_convolution()).enumerate() {
            for (k, key) in ["running_mean_after", "running_var_after"].into_iter().enumerate() {
                let edge = student.cells[0].edges[0].as_ref().unwrap();
                let got = &edge.statistics[k].values[at * 2..(at + 1) * 2];
                assert_near(got, &doubles(&expected[convolution.name()][key]), 1e-6, key);
            }
        }
    }
}

/// A step with these gradients of the features, without the output layer.
fn step(student: &mut Student, ids: &[u32], architecture: &Architecture, search: bool) -> Option<Vec<f64>> {
    student.forward(ids, architecture, &mut stream("dropout")).unwrap();
    let n = ids.len() * student.sizes.channels;
    let normals = |name: &str| stream(name).normals(n, 1.0);
    let cells: Vec<Vec<f32>> = (0..student.sizes.cells).map(|k| normals(&format!("cell {k}"))).collect();
    let [representation, embedding] = ["representation", "embedding"].map(normals);
    let gradients = FeatureGradients { last: &representation, hidden: Some(&cells), embedding: Some(&embedding) };
    student.backward(gradients, search).unwrap()
}

fn ids(n: usize, items: u32) -> Vec<u32> {
    // Some padding on the left of each sequence of 10.
    let draws = stream("ids").permutation(n);
    draws.into_iter().enumerate().map(|(k, id)| if k % 10 < (k / 10) % 4 { 0 } else { 1 + id % items }).collect()
}

/// All gradients against central differences of the student by the letter, in f64: every operation on some edge, several
/// blocks, channels that fill no register, and dropout.
#[test]
fn gradients_are_those_of_finite_differences() {
    for (text, searched) in [
        ("std_cnn_3|dil_cnn_3,cau_cnn_3|std_cnn_5,dil_cnn_5,cau_cnn_5", true),
        ("cau_cnn_5|max_pool,avg_pool|skip_connect,none,std_cnn_3", true),
        ("avg_pool|none,dil_cnn_5|max_pool,cau_cnn_3,skip_connect", true),
        ("dil_cnn_5|max_pool,std_cnn_5|none,cau_cnn_3,avg_pool", false),
        ("none|none,skip_connect|cau_cnn_5,cau_cnn_5,cau_cnn_5", false),
    ] {
        let architecture: Architecture = text.parse().unwrap();
        let network = if searched { Network::Search(SearchSpace::coded()) } else { Network::Fixed(architecture) };
        let sizes = StudentSizes { items: 7, length: 10, channels: 3, cells: 2, network };
        let mut weights = sizes.initial(stream);
        for parameter in &mut weights.parameters {
            // No special values: all that starts at 0 or 1 is moved.
            if parameter.name != "token" {
                let noise = stream(&parameter.name).normals(parameter.values.len(), 0.2);
                parameter.values.iter_mut().zip(noise).for_each(|(value, noise)| *value += noise);
            }
        }
        let mut student = Student::new(weights.clone(), Dropout::new(0.2)).unwrap();
        let ids = ids(120, 7);
        let of_operations = step(&mut student, &ids, &architecture, searched);
        let masks = student.masks.clone();
        let mut reference = reference::Reference::new(&sizes, &weights, &ids, &masks, &architecture);
        let features = reference.features();
        assert_near(&student.features.embedding, &features.embedding, 1e-5, "embedding");
        for (ours, want) in student.features.hidden.iter().zip(&features.cells) {
            assert_near(ours, want, 5e-5, text);
        }
        assert_near(&student.features.last, &features.representation, 5e-5, text);
        let gradients: Vec<(String, Vec<f32>)> =
            student.dense_mut().map(|tensor| (tensor.name().to_string(), tensor.gradient.clone())).collect();
        let mut compared = 0;
        for (name, gradient) in gradients.iter().filter(|(name, _)| !name.starts_with("output")) {
            let largest = gradient.iter().fold(0.0f32, |largest, g| largest.max(g.abs()));
            for at in (0..gradient.len()).step_by(1 + gradient.len() / 8) {
                if name == "token" && at < 3 {
                    assert_eq!(gradient[at], 0.0, "padding");
                    continue;
                }
                let want = reference.slope(name, at);
                let got = f64::from(gradient[at]);
                let bound = 2e-4 * (f64::from(largest) + want.abs()) + 1e-4;
                assert!((got - want).abs() < bound, "{text}, {name}, {at}: {got} {want}");
                compared += 1;
            }
        }
        assert!(compared > 100, "{compared}");
        // Of operations that were not drawn, and biases: exactly 0.
        if searched {
            let of_edge = &gradients.iter().find(|(name, _)| name == "cell-1-edge-1-0-weight").unwrap().1;
            let zeros = of_edge.iter().filter(|g| **g == 0.0).count();
            let drawn = architecture.0[0].taps() * 9;
            assert_eq!(zeros, of_edge.len() - drawn);
            assert!(
                gradients
                    .iter()
                    .filter(|(name, _)| name.contains("edge") && name.ends_with("bias"))
                    .all(|(_, g)| g.iter().all(|g| *g == 0.0))
            );
        }
        if let Some(of_operations) = of_operations {
            let largest = of_operations.iter().fold(0.0f64, |largest, g| largest.max(g.abs()));
            for (at, got) in of_operations.iter().enumerate() {
                let want = reference.slope_of_operation(at / 10, Operation::ALL[at % 10]);
                assert!((got - want).abs() < 2e-4 * (largest + want.abs()), "{text}, α {at}: {got} {want}");
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let architecture: Architecture = "std_cnn_3|dil_cnn_3,cau_cnn_3|max_pool,dil_cnn_5,cau_cnn_5".parse().unwrap();
    let sizes =
        StudentSizes { items: 50, length: 10, channels: 16, cells: 3, network: Network::Search(SearchSpace::coded()) };
    same_on_threads(|| {
        let mut student = Student::new(sizes.initial(stream), Dropout::new(0.1)).unwrap();
        let of_operations = step(&mut student, &ids(430, 50), &architecture, true).unwrap();
        let gradients: Vec<Vec<u32>> = student.dense_mut().map(|tensor| bits(&tensor.gradient)).collect();
        let all: Vec<Vec<u32>> =
            student.tensors().iter().map(|tensor| bits(&tensor.parameter().unwrap().values)).collect();
        let of_operations: Vec<u64> = of_operations.into_iter().map(f64::to_bits).collect();
        (gradients, all, of_operations, bits(&student.features.last))
    });
}

/// A searched student that draws an architecture computes what the student of that architecture does.
#[test]
fn a_drawn_architecture_is_the_student_of_it() {
    let architecture: Architecture = "cau_cnn_3|cau_cnn_5,skip_connect|cau_cnn_3,none,cau_cnn_5".parse().unwrap();
    let sizes =
        StudentSizes { items: 50, length: 10, channels: 16, cells: 2, network: Network::Search(SearchSpace::causal()) };
    let weights = sizes.initial(stream);
    let mut searched = Student::new(weights.clone(), Dropout::new(0.1)).unwrap();
    let inherited = crate::adarec::student_sizes::inherit(&weights, architecture).unwrap();
    let mut fixed = Student::new(inherited, Dropout::new(0.1)).unwrap();
    let ids = ids(300, 50);
    assert!(step(&mut searched, &ids, &architecture, true).is_some());
    assert!(step(&mut fixed, &ids, &architecture, false).is_none());
    assert_near(&searched.features.last, &fixed.features.last, 1e-6, "representation");
    for name in ["token", "cell-0-nodes", "cell-1-norm-scale"] {
        let of =
            |student: &mut Student| student.dense_mut().find(|tensor| tensor.name() == name).unwrap().gradient.clone();
        assert_near(&of(&mut searched), &of(&mut fixed), 1e-4, name);
    }
    assert_near(
        &values(&searched, "cell-1-edge-2-0-variance")[16..],
        &values(&fixed, "cell-1-edge-2-0-variance"),
        1e-6,
        "running variance",
    );
}

#[test]
fn state_and_weights_come_back() {
    let architecture = Architecture([Operation::DilCnn3; EDGES]);
    let sizes = StudentSizes { items: 9, length: 4, channels: 4, cells: 1, network: Network::Fixed(architecture) };
    let mut student = Student::new(sizes.initial(stream), Dropout::new(0.0)).unwrap();
    step(&mut student, &[1, 2, 3, 4, 0, 5, 6, 7], &architecture, false);
    let mut state = harness::weights::State::default();
    student.tensors().into_iter().try_for_each(|tensor| tensor.save(&mut state)).unwrap();
    let mut other = Student::new(sizes.initial(stream), Dropout::new(0.0)).unwrap();
    assert_ne!(values(&student, "cell-0-edge-1-0-mean"), values(&other, "cell-0-edge-1-0-mean"));
    other.tensors_mut().into_iter().try_for_each(|tensor| tensor.restore(&mut state)).unwrap();
    let all = |student: &Student| -> Vec<Parameter> {
        student.tensors().iter().map(|tensor| tensor.parameter().unwrap()).collect()
    };
    assert_eq!(all(&student), all(&other));
    sizes.layout().check(&Weights { parameters: all(&student), settings: sizes.settings() }).unwrap();
    assert!(OF_EDGE.iter().all(|name| all(&student).iter().any(|p| p.name == format!("cell-0-edge-3-2-{name}"))));
}

#[test]
fn what_does_not_fit_is_refused() {
    let architecture = Architecture([Operation::SkipConnect; EDGES]);
    let sizes = StudentSizes { items: 9, length: 4, channels: 4, cells: 1, network: Network::Fixed(architecture) };
    let mut student = Student::new(sizes.initial(stream), Dropout::new(0.0)).unwrap();
    let refused = |result: Result<()>, said: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    };
    let none = &mut stream("dropout");
    let (last, hidden, embedding) = (&[0.0; 16][..], None, None);
    refused(student.backward(FeatureGradients { last, hidden, embedding }, false).map(|_| ()), "other sizes");
    refused(student.forward(&[1, 2, 3], &architecture, none), "whole sequences");
    refused(student.forward(&[], &architecture, none), "whole sequences");
    refused(student.forward(&[1, 2, 3, 10], &architecture, none), "no row");
    refused(student.forward(&[1, 2, 3, 4], &Architecture([Operation::MaxPool; EDGES]), none), "has no `max_pool`");
    let short = StudentSizes { length: 3, ..sizes };
    assert!(Student::new(short.initial(stream), Dropout::new(0.0)).err().unwrap().to_string().contains("at least 4"));
}
