//! Steps of AdaRec's student at the sizes of `adarec/movielens-100k`: 64 pieces of 20 positions, 16 channels, 4 cells, a
//! teacher of width 64 with 4 layers.
//!
//! `cargo bench --bench adarec_student -- --quick`

#![allow(clippy::disallowed_methods, reason = "what is timed, and no result")]

mod support;

use criterion::{Criterion, Throughput};
use harness::nn::Dropout;
use harness::optim::AdamW;
use harness::rng::Stream;
use harness::split::UserItems;
use reproductions::adarec::architecture::{Architecture, EDGES};
use reproductions::adarec::distiller::{Distiller, Projected, StudentLosses, StudentShape};
use reproductions::adarec::hidden_loss::{HiddenLoss, HiddenOptions, log_softmax};
use reproductions::adarec::layer_flow::{LayerMap, TeacherUpdate};
use reproductions::adarec::operation::{Operation, SearchSpace};
use reproductions::adarec::options::DistillationHyper;
use reproductions::adarec::projection::{EmbeddingLoss, Projection};
use reproductions::adarec::relaxation::{ArchitectureParameters, add_efficiency_gradient};
use reproductions::adarec::student::Student;
use reproductions::adarec::student_sizes::{Network, StudentSizes};
use reproductions::adarec::teacher_answers::TeacherAnswers;
use reproductions::adarec::transport::cheapest_flow;
use reproductions::models::nextitnet::{self, NextItNetSizes};
use reproductions::models::pieces::{FeatureGradients, KlDirection, KlMean, PieceBatch};

const PIECES: usize = 64;
const LENGTH: usize = 20;
const ITEMS: usize = 1_268;
const CHANNELS: usize = 16;
const CELLS: usize = 4;
const TEACHER: usize = 64;
const ROWS: usize = PIECES * LENGTH;

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "bench", purpose, 0)
}

fn student(network: Network, cells: usize) -> Student {
    let sizes = StudentSizes { items: ITEMS, length: LENGTH, channels: CHANNELS, cells, network };
    Student::new(sizes.initial(stream), Dropout::new(0.1)).expect("the student's own weights")
}

/// Forward and back, and both, where each step draws an architecture; one cell alone is what its six edges take.
fn steps(criterion: &mut Criterion) {
    let ids: Vec<u32> = {
        let mut stream = stream("ids");
        (0..ROWS).map(|_| 1 + stream.below(ITEMS as u32)).collect()
    };
    let gradient = stream("gradient").normals(ROWS * CHANNELS, 1e-3);
    let std = Architecture([Operation::StdCnn3; EDGES]);
    for (name, network, cells) in [
        ("full", Network::Search(SearchSpace::coded()), CELLS),
        ("full/one-cell", Network::Search(SearchSpace::coded()), 1),
        ("causal", Network::Search(SearchSpace::causal()), CELLS),
        ("discrete", Network::Fixed(std), CELLS),
    ] {
        let mut group = criterion.benchmark_group(format!("adarec/student/{name}"));
        group.throughput(Throughput::Elements(PIECES as u64));
        let space = match &network {
            Network::Search(space) => Some(space.clone()),
            Network::Fixed(_) => None,
        };
        let alpha = space.map(|space| ArchitectureParameters::new(space, stream));
        let mut student = student(network, cells);
        let (mut gumbel, mut dropout) = (stream("gumbel"), stream("dropout"));
        let of_cells = vec![gradient.clone(); cells];
        let mut draw =
            || alpha.as_ref().map_or(std, |alpha| alpha.draw(1.0, &mut gumbel).expect("finite").architecture);
        let gradients = FeatureGradients { last: &gradient, hidden: Some(&of_cells), embedding: Some(&gradient) };
        group.bench_function("forward", |bencher| {
            bencher.iter(|| student.forward(&ids, &draw(), &mut dropout).expect("items of the table"));
        });
        group.bench_function("step", |bencher| {
            bencher.iter(|| {
                student.forward(&ids, &draw(), &mut dropout).expect("items of the table");
                student.backward(gradients, alpha.is_some()).expect("as many gradients")
            });
        });
        group.finish();
    }
}

fn projection(name: &str, channels: usize, width: usize) -> Projection {
    Projection::new(name, channels, width, stream).expect("a wider teacher")
}

/// The losses between hidden layers and between embeddings, with their gradients, and the transport alone.
fn losses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("adarec/losses");
    let options = HiddenOptions {
        map: LayerMap::Emd,
        teacher_update: TeacherUpdate::Opposite,
        direction: KlDirection::StudentTeacher,
        mean: KlMean::Pieces,
    };
    for (name, channels, width, layers) in [("hidden", CHANNELS, TEACHER, 4), ("hidden/paper", 64, 256, 8)] {
        let cells: Vec<Vec<f32>> =
            (0..CELLS).map(|k| stream(&format!("cell {k}")).normals(ROWS * channels, 1.0)).collect();
        let cells: Vec<&[f32]> = cells.iter().map(|cell| &cell[..]).collect();
        let mut teacher = vec![0.0; layers * ROWS * width];
        log_softmax(&stream("teacher").normals(layers * ROWS * width, 1.0), width, &mut teacher);
        let teacher: Vec<&[f32]> = teacher.chunks_exact(ROWS * width).collect();
        let mut loss =
            HiddenLoss::new(options, [CELLS, layers], projection("project-hidden", channels, width)).expect("layers");
        let mut gradients = vec![Vec::new(); CELLS];
        group.bench_function(name, |bencher| {
            bencher.iter(|| loss.step(&cells, &teacher, PIECES, 0.5, &mut gradients).expect("finite distances"));
        });
    }
    let mut loss = EmbeddingLoss::new(projection("project-embedding", CHANNELS, TEACHER));
    let (x, teacher) = (stream("x").normals(ROWS * CHANNELS, 1.0), stream("t").normals(ROWS * TEACHER, 1.0));
    let mut gradient = vec![0.0; x.len()];
    group.bench_function("embedding", |bencher| bencher.iter(|| loss.step(&x, &teacher, 0.5, &mut gradient)));
    let cost: Vec<f64> = stream("cost").normals(32, 1.0).into_iter().map(|c| f64::from(c.abs())).collect();
    group.bench_function("transport", |bencher| {
        bencher.iter(|| cheapest_flow(&[0.25; 4], &[0.125; 8], &cost).expect("finite costs"));
    });
    group.finish();
}

/// Training sequences: two of 20 items are held out, and one piece in five is shorter.
fn sequences() -> UserItems {
    const KEPT: usize = 640;
    let mut stream = stream("pieces");
    UserItems::from_rows((0..KEPT).map(|_| {
        let items = if stream.below(5) == 0 { 2 + stream.below(LENGTH as u32 - 4) } else { LENGTH as u32 - 2 };
        (0..items).map(|_| stream.below(ITEMS as u32)).collect::<Vec<u32>>()
    }))
}

/// A whole step of training, from the sampled pieces to the steps of both optimisers: of a search, and of one architecture with
/// the same teacher, a NextItNet whose answers are kept.
fn whole_steps(criterion: &mut Criterion) {
    const BETA: f64 = 8.0;
    let train = sequences();
    let sizes = NextItNetSizes { items: ITEMS, width: TEACHER, length: LENGTH, groups: 4, dilations: vec![1, 4] };
    let teacher = sizes.initial(stream);
    let hyper: DistillationHyper = toml::from_str(
        r#"gamma = 0.5
        hidden = { map = "emd", teacher_update = "opposite", direction = "student-teacher", mean = "pieces" }
        output = { direction = "student-teacher", mean = "pieces" }"#,
    )
    .expect("the code's options");
    let adamw = AdamW { learning_rate: 5e-3, weight_decay: 5e-4 };
    let of_alpha = AdamW { learning_rate: 2e-5, weight_decay: 1e-4 };
    let mut group = criterion.benchmark_group("adarec/training-step");
    group.throughput(Throughput::Elements(PIECES as u64));
    for (name, space) in
        [("search", Some(SearchSpace::coded())), ("search-causal", Some(SearchSpace::causal())), ("discrete-kd", None)]
    {
        let fixed = Architecture([Operation::StdCnn3; EDGES]);
        let network = space.clone().map_or(Network::Fixed(fixed), Network::Search);
        let mut student = student(network, CELLS);
        let mut alpha = space.map(|space| ArchitectureParameters::new(space, stream));
        let encoder = (nextitnet::KIND.encoder)(&teacher).expect("the teacher's own weights");
        let shape =
            StudentShape { items: ITEMS, length: LENGTH, layers: CELLS, width: CHANNELS, projected: Projected::Always };
        let answers = TeacherAnswers::new(encoder, &train).expect("sequences of two items and more");
        let mut distiller = Distiller::new(hyper, answers, &shape, stream).expect("a wider teacher");
        let (mut losses, mut batch) = (StudentLosses::default(), PieceBatch::new(LENGTH));
        let (mut gumbel, mut dropout, mut order) = (stream("gumbel"), stream("dropout"), stream("order"));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let pieces: Vec<u32> = (0..PIECES).map(|_| order.below(train.n_users() as u32)).collect();
                batch.set(pieces.iter().map(|&piece| train.of(piece))).expect("two items and more");
                let drawn = alpha.as_ref().map(|alpha| alpha.draw(1.0, &mut gumbel).expect("finite"));
                let architecture = drawn.as_ref().map_or(fixed, |drawn| drawn.architecture);
                student.forward(batch.inputs(), &architecture, &mut dropout).expect("items of the table");
                let of_batch = (&pieces[..], &batch);
                let features = student.features_and_output_mut();
                let (loss, gradients) =
                    losses.step(features, of_batch, Some(&mut distiller)).expect("finite distances");
                let upstream = student.backward(gradients, alpha.is_some()).expect("as many gradients");
                let parameters = student.dense_mut().chain(distiller.dense_mut());
                parameters.for_each(|parameter| parameter.step_adamw(&adamw));
                if let (Some(alpha), Some(drawn), Some(mut upstream)) = (&mut alpha, drawn, upstream) {
                    add_efficiency_gradient(alpha.space(), BETA, &mut upstream);
                    alpha.backward(&drawn, &upstream);
                    alpha.dense_mut().iter_mut().for_each(|parameter| parameter.step_adamw(&of_alpha));
                }
                loss
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = support::criterion();
    whole_steps(&mut criterion);
    steps(&mut criterion);
    losses(&mut criterion);
    criterion.final_summary();
}
