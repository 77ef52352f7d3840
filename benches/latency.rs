//! Served models, teacher against student, with made-up weights: BPR and NeuMF at CiteULike's sizes, Caser and Fossil at
//! RD's Gowalla.
//!
//! `cargo bench --bench latency -- --quick`. After criterion's own lines comes one table, in the columns of a
//! report and measured as `reprise latency` measures; of what a filter leaves out it has no row.

mod support;

use std::cell::LazyCell;
use std::io::Write as _;

use criterion::{BatchSize, Criterion, Throughput};
use harness::meter::{self, TOP};
use harness::method::Serve;
use harness::metrics::Scorer;
use harness::rank::{Index, OnDevice, Server};
use harness::report::{Served, Speed, passes_table, served_table};
use harness::rng::Stream;
use harness::run::{ComputeDevice, DeviceChoice};
use harness::split::{Split, UserItems};
use harness::weights::Parameter;
use reproductions::models::sequence::{serve_caser, serve_fossil};
use reproductions::models::{bpr, caser, fossil, neumf};
use support::{GOWALLA, ITEMS, SEEN, USERS};

/// Queries of a batch that criterion measures: ten blocks.
const BATCH: u32 = 960;

/// A model of some size: its parameters, and how they are served.
struct Model {
    name: &'static str,
    /// Of the teacher and the student.
    dims: [usize; 2],
    /// Users, items, training items per user.
    data: [usize; 3],
    parameters: fn(usize) -> Vec<Parameter>,
    scorer: Serve,
}

const CITEULIKE: [usize; 3] = [USERS, ITEMS, SEEN];

const MODELS: [Model; 4] = [
    Model {
        name: "bpr",
        dims: [200, 20],
        data: CITEULIKE,
        parameters: bpr_parameters,
        scorer: |kept, _| bpr::scorer(kept),
    },
    Model {
        name: "neumf",
        dims: [250, 25],
        data: CITEULIKE,
        parameters: neumf_parameters,
        scorer: |kept, _| neumf::scorer(kept),
    },
    Model { name: "caser", dims: [100, 50], data: GOWALLA, parameters: caser_parameters, scorer: serve_caser },
    Model { name: "fossil", dims: [50, 20], data: GOWALLA, parameters: fossil_parameters, scorer: serve_fossil },
];

fn bpr_parameters(dim: usize) -> Vec<Parameter> {
    let mut stream = Stream::new(0, "bench", "bpr", dim as u64);
    let mut table = |name: &str, rows: usize| {
        let values = stream.normals(rows * dim, 0.1);
        Parameter { name: name.into(), shape: vec![rows, dim], values }
    };
    vec![table(bpr::NAMES[0], USERS), table(bpr::NAMES[1], ITEMS)]
}

fn neumf_parameters(dim: usize) -> Vec<Parameter> {
    neumf::initial(USERS, ITEMS, dim, 0.1, |purpose| Stream::new(0, "bench", purpose, dim as u64))
}

fn caser_parameters(dim: usize) -> Vec<Parameter> {
    let [users, items, _] = GOWALLA;
    let (convolution, hidden) = (caser::Activation::Identity, caser::Activation::Sigmoid);
    caser::Sizes { users, ids: items + 1, dim, length: 5, vertical: 2, horizontal: 16, convolution, hidden }
        .initial(|purpose| Stream::new(0, "bench", purpose, dim as u64))
}

fn fossil_parameters(dim: usize) -> Vec<Parameter> {
    let [users, items, _] = GOWALLA;
    fossil::Sizes { users, items, dim, length: 5, targets: 1, alpha: 0.2, history: fossil::History::Causal }
        .initial(0.01, |purpose| Stream::new(0, "bench", purpose, dim as u64))
}

/// Benches one model; its row, if any of its benches was asked for.
fn one(criterion: &mut Criterion, model: &Model, student: bool, split: &Split) -> Option<Served> {
    let seen = &split.train.sorted();
    let label = |student: bool| format!("{} {}", model.name, if student { "student" } else { "teacher" });
    // Made by the first bench that needs it: a filter may leave all out.
    let parameters = LazyCell::new(|| (model.parameters)(model.dims[usize::from(student)]));
    let scorer = LazyCell::new(|| (model.scorer)(&parameters, split).expect("the model's own parameters"));
    let index = LazyCell::new(|| Index::new(&**scorer));
    let mut asked = false;
    let mut group = criterion.benchmark_group(format!("latency/{}", label(student).replace(' ', "/")));
    let mut users = (0..split.n_users as u32).cycle();
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
    let parameter_count = |parameters: &[Parameter]| parameters.iter().map(|p| p.values.len() as u64).sum();
    asked.then(|| {
        let parameters = parameter_count(&parameters);
        Served {
            label: label(student),
            trial: None,
            teacher: student.then(|| label(false)),
            cpu: Some(speed(&*index, split.n_items, seen)),
            gpu: gpu(&**scorer, split.n_items, seen),
            parameters,
            bytes: parameters * size_of::<f32>() as u64,
        }
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
    let mut served = Vec::new();
    let mut passes = String::new();
    for model in &MODELS {
        let split = support::split_of(model.data, 1);
        let pair = [false, true].into_iter().filter_map(|student| one(&mut criterion, model, student, &split));
        let pair: Vec<_> = pair.collect();
        if !pair.is_empty() {
            passes += &format!("\n{}", passes_table("", &pair, split.n_users as u64).markdown());
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
