//! Whole runs of students of each kind, and the gradients of their whole loss.

use harness::nn::Trainable;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::weights::Weights;

use super::*;
use crate::adarec::distiller::StudentLosses;
use crate::adarec::teacher_answers::TeacherAnswers;
use crate::kit::{World, method, parse, same_on_threads};
use crate::models::bert4rec::{self, Bert4RecSizes};
use crate::models::nextitnet::{self, NextItNetSizes};
use crate::models::pieces::{PieceBatch, PieceModel};
use crate::models::residual_sasrec::{self, ResidualSasRecSizes};

const ITEMS: usize = 80;
const LENGTH: usize = 7;

const EMD: &str = r#"distillation = { gamma = 0.5, hidden = { map = "emd", teacher_update = "opposite", direction = "student-teacher", mean = "pieces" },
    output = { direction = "student-teacher", mean = "pieces" } }"#;

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "plain-kd", purpose, 0)
}

fn training(optimiser: &str) -> String {
    format!(
        "training = {{ length = {LENGTH}, batch = 40, optimiser = {{ {optimiser} }}, \
         schedule = {{ factor = 0.9, every = 2 }}, clip = 5, epochs = 4, stopping = \"none\" }}"
    )
}

/// The hyper-parameters of a student of each kind, of two layers.
fn students(width: usize) -> [String; 3] {
    let adam = training("adam = { learning_rate = 5e-3, weight_decay = 1e-7 }");
    let lamb = training("lamb = { learning_rate = 2e-2, weight_decay = 0.01 }");
    [
        format!("nextitnet = {{ width = {width}, groups = 2, dilations = [1, 2], {adam} }}"),
        format!("residual-sasrec = {{ width = {width}, blocks = 2, heads = 1, dropout = 0.2, {lamb} }}"),
        format!(
            "bert4rec = {{ width = {width}, blocks = 2, heads = 1, dropout = 0.2, task = \"next-items\", \
             start = \"fresh\", {lamb} }}"
        ),
    ]
}

fn params(student: &str) -> String {
    format!("{{ student = {{ {student} }}, {EMD} }}")
}

/// Weights with noise, so that blocks do something, which those scaled by 0 do not.
fn noisy(mut weights: Weights) -> Weights {
    for parameter in &mut weights.parameters {
        let noise = stream(&format!("noise.{}", parameter.name)).normals(parameter.values.len(), 0.3);
        parameter.values.iter_mut().zip(noise).for_each(|(value, noise)| *value += noise);
    }
    weights
}

/// A teacher of each kind, of three layers.
fn teachers(width: usize) -> [(&'static str, Weights); 3] {
    let (items, length, blocks, heads) = (ITEMS, LENGTH, 3, 2);
    let nextitnet = NextItNetSizes { items, width, length, groups: 3, dilations: vec![1, 2] };
    let sasrec = ResidualSasRecSizes { items, width, length, blocks, heads };
    let bert4rec = Bert4RecSizes { items, width, length, blocks, heads, asks_by_mask: false };
    [
        (nextitnet::KIND.name, noisy(nextitnet.initial(stream))),
        (residual_sasrec::KIND.name, noisy(sasrec.initial(stream))),
        (bert4rec::KIND.name, noisy(bert4rec.initial(stream))),
    ]
}

fn world((kind, teacher): (&'static str, Weights)) -> World {
    World { kind, teacher, ..World::new() }
}

/// The whole loss of one batch under dropout, and the gradients of all parameters by name, the projections' included. One of them
/// may be moved before.
fn step(
    hyper: &PlainKd,
    teacher: &(&'static str, Weights),
    moved: Option<(usize, &[f32], f64)>,
) -> (f64, Vec<(String, Vec<f32>)>) {
    let student = &*hyper.student.0;
    let network: Box<dyn PieceModel> = student.model(ITEMS, None, &stream).unwrap();
    let initial = noisy(network.weights().unwrap());
    let mut network = network;
    network.set_weights(initial).unwrap();
    // Some pieces shorter than others, and more of them than a group.
    let mut items = stream("items");
    let row = |piece: usize| (0..2 + piece % LENGTH).map(|_| items.below(ITEMS as u32)).collect::<Vec<u32>>();
    let train = UserItems::from_rows((0..20).map(row));
    let encoder = (crate::models::piece_kind(teacher.0).unwrap().encoder)(&teacher.1).unwrap();
    let answers = TeacherAnswers::new(encoder, &train).unwrap();
    let encoder = (student.kind().encoder)(&network.weights().unwrap()).unwrap();
    let shape = StudentShape {
        items: ITEMS,
        length: LENGTH,
        layers: encoder.layers(),
        width: encoder.width(),
        projected: Projected::UnlessAsWide,
    };
    let mut distiller = Distiller::new(hyper.distillation, answers, &shape, stream).unwrap();
    if let Some((number, along, by)) = moved {
        let parameter = network.parameters_mut().into_iter().chain(distiller.dense_mut()).nth(number).unwrap();
        parameter.weights.iter_mut().zip(along).for_each(|(weight, along)| *weight += (by * f64::from(*along)) as f32);
    }
    let pieces: Vec<u32> = (0..20).collect();
    let mut batch = PieceBatch::new(LENGTH);
    batch.set(pieces.iter().map(|&piece| train.of(piece))).unwrap();
    network.forward(&batch, &mut stream("dropout")).unwrap();
    let mut losses = StudentLosses::default();
    let features = network.features_and_output_mut();
    let (step, gradients) = losses.step(features, (&pieces, &batch), Some(&mut distiller)).unwrap();
    network.backward(gradients).unwrap();
    let parameters = network.parameters_mut().into_iter().chain(distiller.dense_mut());
    let gradients = parameters.map(|parameter| (parameter.name().to_string(), parameter.gradient.clone())).collect();
    (step.total(hyper.distillation.gamma.get(), 0.0), gradients)
}

/// Along the gradient of each parameter, the whole loss under the same masks moves as the gradient says.
#[test]
fn gradients_of_the_whole_loss_are_those_of_differences() {
    for (student, teacher) in students(6).iter().zip(teachers(8)) {
        let hyper: PlainKd = parse(&params(student)).unwrap();
        let (_, gradients) = step(&hyper, &teacher, None);
        let projections = gradients.iter().filter(|(name, _)| name.starts_with("project-")).count();
        assert_eq!(projections, 4);
        for (number, (name, gradient)) in gradients.iter().enumerate() {
            let squares: f64 = gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
            // The bias of keys moves all scores of a query alike: no gradient but rounding.
            if name.ends_with("key-bias") {
                assert!(squares < 1e-8, "{name}: {squares}");
                continue;
            }
            let by = 5e-3 / squares.sqrt();
            let moved = |by: f64| step(&hyper, &teacher, Some((number, gradient, by))).0;
            let (change, want) = (moved(by) - moved(-by), 2.0 * by * squares);
            let kind = hyper.student.0.kind().name;
            assert!((change - want).abs() < 0.05 * want + 3e-5, "{kind}, {name}: {change} {want}");
        }
    }
}

/// Each kind from a teacher of its own, of another kind, and of its own width, without projections.
#[test]
fn students_learn_and_go_on_bit_for_bit() {
    let [nextitnet, sasrec, bert4rec] = students(6);
    let [of_nextitnet, of_sasrec, of_bert4rec] = teachers(12);
    let [_, as_wide, _] = teachers(6);
    for (student, teacher) in
        [(&nextitnet, of_sasrec), (&nextitnet, of_nextitnet), (&sasrec, as_wide), (&bert4rec, of_bert4rec)]
    {
        let world = world(teacher);
        let whole = same_on_threads(|| world.run("adarec-plain-kd", &params(student), &[]).unwrap());
        assert!(whole == world.run("adarec-plain-kd", &params(student), &[1, 2]).unwrap(), "{student}");
        let losses: Vec<f64> = whole.0.iter().map(|&loss| f64::from_bits(loss)).collect();
        assert!(losses[3] < losses[0], "{losses:?}");
    }
}

#[test]
fn parts_of_the_loss_make_it_up_and_the_model_is_of_the_kind_of_the_student() {
    let (method, [.., teacher]) = (method("adarec-plain-kd", &params(&students(6)[2])).unwrap(), teachers(12));
    assert_eq!((method.makes(), method.learns_from()), (Some("bert4rec"), PIECE_NAMES));
    world(teacher).with_context(|cx| {
        let trained = method.train(cx).unwrap();
        let curve = trained.selected.unwrap().curve;
        assert_eq!(curve.parts.len(), 4);
        for (epoch, loss) in curve.loss.iter().enumerate() {
            let [cross_entropy, embedding, hidden, output] =
                ["cross entropy", "embedding loss", "hidden loss", "output loss"]
                    .map(|name| curve.parts[name][epoch].unwrap());
            let total = 0.5 * cross_entropy + 0.5 * (embedding + hidden + output);
            assert!((total - loss).abs() < 1e-9 * total, "{total} {loss}");
        }
        let encoder = (bert4rec::KIND.encoder)(&trained.weights).unwrap();
        assert_eq!((encoder.width(), encoder.layers()), (6, 2));
        assert_eq!(cx.facts["labels seen"], (LENGTH as f64 - 1.0).into());
    });
}

#[test]
fn what_does_not_fit_is_refused() {
    let [nextitnet, _, bert4rec] = students(6);
    let refused = |params: &str, sizes: NextItNetSizes| {
        let error = world(("nextitnet", sizes.initial(stream))).run("adarec-plain-kd", params, &[]).unwrap_err();
        assert_eq!(error.kind(), Kind::Input, "{error}");
        error.to_string()
    };
    let sizes = NextItNetSizes { items: ITEMS, width: 12, length: LENGTH, groups: 3, dilations: vec![1] };
    let plain = params(&nextitnet);
    assert!(refused(&plain, NextItNetSizes { width: 5, ..sizes.clone() }).contains("at least as wide"));
    assert!(refused(&plain, NextItNetSizes { length: 8, ..sizes.clone() }).contains("different numbers of positions"));
    assert!(refused(&plain, NextItNetSizes { items: 9, ..sizes.clone() }).contains("different numbers of items"));
    let left = plain.replace("\"emd\"", "\"left\"");
    assert!(refused(&left, NextItNetSizes { groups: 1, ..sizes }).contains("a fixed map of layers"));
    for (params, words) in [
        (params(&bert4rec.replace("\"fresh\"", "\"inherited\"")), "cannot inherit"),
        (params(&bert4rec.replace("\"next-items\"", "{ masked = 0.4 }")), "masked items"),
        (params(&nextitnet.replace("nextitnet", "gru4rec")), "gru4rec"),
        (params(&nextitnet.replace("groups", "group")), "group"),
        (plain.replace("gamma = 0.5", "gamma = 1"), "gamma"),
        (plain.replace("gamma = 0.5,", ""), "gamma"),
    ] {
        let error = method("adarec-plain-kd", &params).err().expect("refused");
        assert!(error.contains(words), "{params}: {error}");
    }
}
