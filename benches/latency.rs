//! Served models, teacher against student, with made-up weights: BPR and NeuMF at CiteULike's sizes, Caser and Fossil at
//! RD's Gowalla, NextItNet and a student of AdaRec at MovieLens 100K in pieces of 20.
//!
//! `cargo bench --bench latency -- --quick`. After criterion's own lines comes one table, in the columns of a
//! report and measured as `reprise latency` measures; of what a filter leaves out it has no row.

mod support;

use std::cell::LazyCell;
use std::io::Write as _;

use criterion::{BatchSize, Criterion, Throughput};
use harness::meter::{self, TOP};
use harness::method::Registry;
use harness::metrics::Scorer;
use harness::queries::Queries;
use harness::rank::{Index, OnDevice, Server};
use harness::report::{ServedModel, Speed, passes_table, served_table};
use harness::rng::Stream;
use harness::run::{ComputeDevice, DeviceChoice};
use harness::split::{HeldOut, UserItems};
use harness::weights::Weights;
use reproductions::adarec::architecture::{Architecture, EDGES};
use reproductions::adarec::operation::Operation;
use reproductions::adarec::student_sizes::{Network, StudentSizes};
use reproductions::models::nextitnet::NextItNetSizes;
use reproductions::models::{bpr, neumf};
use support::{GOWALLA, ITEMS, SEEN, USERS, gowalla};

/// Queries of a batch that criterion measures: ten blocks.
const BATCH: u32 = 960;

/// A teacher and a student: their weights at some sizes. The registry knows how they are served.
struct Model {
    name: &'static str,
    /// As the registry names the models of teacher and student.
    kinds: [&'static str; 2],
    /// Of the teacher and the student.
    dims: [usize; 2],
    /// Users, items, training items per user.
    data: [usize; 3],
    weights: fn(usize) -> Weights,
}

const CITEULIKE: [usize; 3] = [USERS, ITEMS, SEEN];
/// MovieLens 100K as AdaRec has it, in pieces of 20.
const PIECES: [usize; 3] = [4_388, 1_268, 16];

const MODELS: [Model; 5] = [
    Model { name: "bpr", kinds: ["bpr"; 2], dims: [200, 20], data: CITEULIKE, weights: bpr_weights },
    Model { name: "neumf", kinds: ["neumf"; 2], dims: [250, 25], data: CITEULIKE, weights: neumf_weights },
    Model { name: "caser", kinds: ["caser"; 2], dims: [100, 50], data: GOWALLA, weights: caser_weights },
    Model { name: "fossil", kinds: ["fossil"; 2], dims: [50, 20], data: GOWALLA, weights: fossil_weights },
    Model {
        name: "adarec",
        kinds: ["nextitnet", "adarec-student"],
        dims: [64, 16],
        data: PIECES,
        weights: adarec_weights,
    },
];

fn bpr_weights(dim: usize) -> Weights {
    let mut stream = Stream::new(0, "bench", "bpr", dim as u64);
    let [users, items] = [USERS, ITEMS].map(|rows| stream.normals(rows * dim, 0.1));
    bpr::of_tables(dim, users, items)
}

fn neumf_weights(dim: usize) -> Weights {
    neumf::initial(USERS, ITEMS, dim, 0.1, |purpose| Stream::new(0, "bench", purpose, dim as u64))
}

fn caser_weights(dim: usize) -> Weights {
    gowalla::caser(dim).initial(|purpose| Stream::new(0, "bench", purpose, dim as u64))
}

fn fossil_weights(dim: usize) -> Weights {
    gowalla::fossil(dim).initial(0.01, |purpose| Stream::new(0, "bench", purpose, dim as u64))
}

/// NextItNet of four groups, or the student of four cells whose edges are all `cau_cnn_3`.
fn adarec_weights(dim: usize) -> Weights {
    let (items, length) = (PIECES[1], 20);
    let stream = |purpose: &str| Stream::new(0, "bench", purpose, dim as u64);
    if dim == 64 {
        return NextItNetSizes { items, width: dim, length, groups: 4, dilations: vec![1, 4] }.initial(stream);
    }
    let network = Network::Fixed(Architecture([Operation::CauCnn3; EDGES]));
    StudentSizes { items, length, channels: dim, cells: 4, network }.initial(stream)
}

/// Benches one model; its row, if any of its benches was asked for.
fn one(
    criterion: &mut Criterion,
    registry: &Registry,
    model: &Model,
    student: bool,
    queries: &Queries,
) -> Option<ServedModel> {
    let (seen, n_items) = (queries.seen(), queries.n_items());
    let serve = registry.model(model.kinds[usize::from(student)]).expect("a kind of model");
    let label = |student: bool| format!("{} {}", model.name, if student { "student" } else { "teacher" });
    // Made by the first bench that needs it: a filter may leave all out.
    let weights = LazyCell::new(|| (model.weights)(model.dims[usize::from(student)]));
    let scorer = LazyCell::new(|| serve(&weights, queries).expect("the model's own weights"));
    let index = LazyCell::new(|| Index::new(&**scorer));
    let mut asked = false;
    let mut group = criterion.benchmark_group(format!("latency/{}", label(student).replace(' ', "/")));
    let mut users = queries.ids().iter().copied().cycle();
    group.bench_function("request", |bencher| {
        asked = true;
        bencher.iter_batched(
            || users.next().expect("an endless cycle"),
            |user| index.top_k(user, seen.of(user), TOP).expect("finite scores"),
            BatchSize::SmallInput,
        );
    });
    let batch: Vec<u32> = (0..BATCH).collect();
    group.throughput(Throughput::Elements(u64::from(BATCH)));
    group.bench_function("batch", |bencher| {
        asked = true;
        bencher.iter(|| index.top_lists(&batch, TOP, &|user| seen.of(user)).expect("finite scores"));
    });
    group.finish();
    asked.then(|| ServedModel {
        label: label(student),
        trial: None,
        teacher: student.then(|| label(false)),
        cpu: Some(speed(&*index, n_items, seen)),
        gpu: gpu(&**scorer, n_items, seen),
        parameters: weights.count(),
        bytes: weights.count() * size_of::<f32>() as u64,
    })
}

fn speed(server: &dyn Server, items: usize, seen: &UserItems) -> Speed {
    let latency = meter::latency(server, seen).expect("finite scores");
    let throughput = meter::throughput(server, items, seen, &latency).expect("finite scores");
    Speed { p50_us: latency.p50_us, p99_us: latency.p99_us, per_second: throughput.per_second }
}

/// None without a GPU, or in a build that cannot use one, and of what no device can serve.
fn gpu(scorer: &dyn Scorer, items: usize, seen: &UserItems) -> Option<Speed> {
    let device = ComputeDevice::open(DeviceChoice::Cuda(0)).ok()?.device;
    let server = OnDevice::new(scorer, &device).expect("a device that works")?;
    Some(speed(&server, items, seen))
}

fn main() {
    let mut criterion = support::criterion();
    let registry = reproductions::registry();
    let mut served = Vec::new();
    let mut passes = String::new();
    for model in &MODELS {
        let queries = Queries::of_users(&support::split_of(model.data, 1), HeldOut::Test);
        let of = |student| one(&mut criterion, &registry, model, student, &queries);
        let pair = [false, true].into_iter().filter_map(of);
        let pair: Vec<_> = pair.collect();
        if !pair.is_empty() {
            passes += &format!("\n{}", passes_table("", &pair, queries.len() as u64).markdown());
        }
        served.extend(pair);
    }
    criterion.final_summary();
    if !served.is_empty() {
        let table = served_table("", &served).markdown();
        // A reader that has gone away is no error.
        let _ = write!(std::io::stdout(), "\n{table}{passes}");
    }
}
