//! Seconds of an epoch at Gowalla's sizes, phase by phase, beside what the machine would need for the arithmetic and
//! the bytes alone. A ratio of 1 is the floor.
//!
//! `cargo bench --bench floor`; `RAYON_NUM_THREADS` sets the threads.

#![allow(clippy::disallowed_methods, reason = "what is timed, and no result")]

#[path = "../support/mod.rs"]
mod support;

mod peaks;
mod work;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use harness::error::Result;
use harness::metrics::{Candidates, Protocol, Scorer};
use harness::nn::Dropout;
use harness::queries::Queries;
use harness::rank::{Index, Ranker};
use harness::rng::{Rejection, Stream};
use harness::split::{HeldOut, Split, UserItems};
use harness::train::Context;
use peaks::Peaks;
use reproductions::models::caser::{CaserEncoder, FusedCaser};
use reproductions::models::fossil::FusedFossil;
use reproductions::models::losses::exemplary::exemplary;
use reproductions::models::losses::list_weights::{RankEstimate, discrepancy, hybrid, position};
use reproductions::models::sequence::{
    BatchLoss, DrawnBatch, SequentialModel, Streams, Window, WindowScorer, WindowTerm, Windows, id_of,
};
use support::gowalla::{ADAM, BATCH, ITEMS, LENGTH, LIST, NEGATIVES, SAMPLES, USERS, caser, fossil, sequences, source};
use work::{Kind, Work};

/// The second is counted.
const EPOCHS: usize = 2;
/// Test items of a user: 102,294 of 13,149.
const TEST: usize = 8;

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "bench", purpose, 0)
}

/// RD's term in its hybrid phase, as the authors' code has it, with lists by chance.
struct Hybrid<'a> {
    lists: Vec<u32>,
    seen: &'a UserItems,
    fixed: Vec<f32>,
}

impl WindowTerm for Hybrid<'_> {
    fn begin_epoch(&mut self, _: &Context<'_>, _: usize) -> Result<()> {
        Ok(())
    }

    fn columns(&self) -> [usize; 2] {
        [LIST, SAMPLES]
    }

    fn items(&self, number: u32, window: Window, stream: &mut Stream, ids: &mut [u32]) {
        let (list, samples) = ids.split_at_mut(LIST);
        list.copy_from_slice(&self.lists[number as usize * LIST..][..LIST]);
        let outside = Rejection::new(ITEMS);
        samples.fill_with(|| id_of(outside.one(stream, self.seen.of(window.user))));
    }

    fn of_ranking(&self) -> f64 {
        1.0
    }

    fn loss(&self, _: Window, scale: f64, [list, samples]: [&[f32]; 2], gradient: &mut [f32]) -> f64 {
        discrepancy(RankEstimate::Code, 0.1, ITEMS, list, samples, gradient);
        hybrid(&self.fixed, gradient, false);
        exemplary(list, scale, gradient)
    }
}

/// A phase: what it is, how long it took, what it cannot do without.
struct Phase(&'static str, f64, Option<Work>);

struct Bench {
    train: Arc<UserItems>,
    seen: UserItems,
    windows: Windows,
    ranker: Ranker,
}

impl Bench {
    fn new() -> Self {
        let train = sequences();
        let mut draws = stream("test");
        let (seen, outside) = (train.sorted(), Rejection::new(ITEMS));
        let of = |user: u32| outside.distinct(&mut draws, seen.of(user), TEST).expect("far more items");
        let test: Vec<_> = (0..USERS as u32)
            .map(of)
            .zip(0..)
            .flat_map(|(of, user)| of.into_iter().map(move |item| (user, item)))
            .collect();
        let split = Split {
            n_users: USERS,
            n_items: ITEMS,
            train: train.clone(),
            valid: UserItems::from_pairs(USERS, &[]),
            test: UserItems::from_pairs(USERS, &test),
        };
        let metrics = ["precision@10", "ndcg@10", "ndcg-rd@10", "ap"].map(|name| name.parse().expect("a metric"));
        let protocol = Protocol::new(Candidates::Full, metrics.to_vec()).expect("a protocol");
        let ranker = Ranker::new(&protocol, Queries::of_users(&split, HeldOut::Test)).expect("a ranker");
        let windows = Windows::new(&train, LENGTH, 1).expect("long sequences");
        Self { seen, train: Arc::new(train), windows, ranker }
    }

    fn model(&self, kind: Kind) -> Box<dyn SequentialModel> {
        let own = "the model's own parameters";
        match kind {
            Kind::Caser(dim) => Box::new(FusedCaser::new(caser(dim).initial(stream), Dropout::new(0.5)).expect(own)),
            Kind::Fossil(dim) => {
                Box::new(FusedFossil::new(fossil(dim).initial(0.01, stream), self.train.clone()).expect(own))
            }
        }
    }

    /// An epoch of training and one evaluation.
    fn epoch(&self, kind: Kind, term: Option<&dyn WindowTerm>) -> Vec<Phase> {
        let mut model = self.model(kind);
        let n = self.windows.len();
        let source = source(&self.train, &self.seen);
        let [listed, sampled] = term.map_or([0; 2], WindowTerm::columns);
        let graded = 1 + NEGATIVES + listed;
        let mut drawn = DrawnBatch::default();
        let mut seconds = [0.0; 3];
        for epoch in 0..EPOCHS {
            seconds = [0.0; 3];
            let start = Instant::now();
            let order = Stream::new(0, "bench", "order", epoch as u64).permutation(n);
            seconds[0] += start.elapsed().as_secs_f64();
            let mut dropout = stream("dropout");
            let mut streams = Streams { negatives: stream("negatives"), term: stream("term") };
            for numbers in order.chunks(BATCH) {
                let mut timed = |phase: usize, start: Instant| seconds[phase] += start.elapsed().as_secs_f64();
                let start = Instant::now();
                drawn.draw(&source, self.windows.as_slice(), numbers, &mut streams, term);
                timed(0, start);
                let batch = drawn.batch(graded);
                let loss = BatchLoss::new(batch.windows, 1, NEGATIVES, term);
                let loss = |k: usize, scores: &[f32], gradients: &mut [f32]| loss.of(k, scores, gradients);
                let start = Instant::now();
                model.forward_backward(&batch, &mut dropout, &loss).expect("a finite step");
                timed(1, start);
                let start = Instant::now();
                model.step(&ADAM).expect("a finite step");
                timed(2, start);
            }
            let start = Instant::now();
            model.settle();
            seconds[2] += start.elapsed().as_secs_f64();
        }
        let scorer = model.scorer(self.ranker.queries()).expect("the model's own parameters");
        let start = Instant::now();
        self.ranker.evaluate(&*scorer).expect("finite scores");
        let evaluation = start.elapsed().as_secs_f64();
        let [draws, passes, steps] = seconds;
        vec![
            Phase("forward, backward", passes, Some(kind.window(graded + sampled, graded).times(n))),
            Phase("Adam", steps, Some(work::adam(kind.parameters()).times(n.div_ceil(BATCH)))),
            Phase("draws", draws, None),
            Phase("one evaluation", evaluation, Some(work::ranking(kind.width(), kind.encoding()).times(USERS))),
        ]
    }

    /// A teacher's ten best ids for every window.
    fn lists(&self, dim: usize) -> Phase {
        const PART: usize = 8192;
        let kind = Kind::Caser(dim);
        let windows = self.windows.as_slice()[..PART].to_vec();
        let encoder = CaserEncoder::new(&caser(dim).initial(stream), self.train.clone()).expect("its own parameters");
        let targets: Vec<[u32; 1]> = windows.iter().map(|window| [id_of(window.targets(&self.train, 1)[0])]).collect();
        let scorer = WindowScorer::of_windows(Box::new(encoder), windows);
        assert_eq!(scorer.n_items(), ITEMS + 1);
        let queries: Vec<u32> = (0..PART as u32).collect();
        let start = Instant::now();
        Index::new(&scorer).top_lists(&queries, LIST, &|query| &targets[query as usize][..]).expect("finite scores");
        let all = start.elapsed().as_secs_f64() * self.windows.len() as f64 / PART as f64;
        Phase("lists of ten", all, Some(work::ranking(kind.width(), kind.encoding()).times(self.windows.len())))
    }
}

fn main() {
    // `cargo test --benches` runs it, too; what it prints needs minutes.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let before = Peaks::measure();
    let bench = Bench::new();
    let mut draws = stream("lists");
    let lists = (0..bench.windows.len() * LIST).map(|_| id_of(draws.below(ITEMS as u32))).collect();
    let term = Hybrid { lists, seen: &bench.seen, fixed: position(LIST, 1.0) };
    let mut found = Vec::new();
    for (kind, distilled) in [
        (Kind::Caser(100), false),
        (Kind::Caser(50), false),
        (Kind::Caser(50), true),
        (Kind::Fossil(50), false),
        (Kind::Fossil(20), true),
    ] {
        let term: Option<&dyn WindowTerm> = if distilled { Some(&term) } else { None };
        let name = format!("{}{}", if distilled { "RD's student: " } else { "" }, kind.name());
        found.extend(bench.epoch(kind, term).into_iter().map(|phase| (name.clone(), phase)));
    }
    found.push(("The teacher: Caser, d = 100".into(), bench.lists(100)));
    let peaks = before.max(Peaks::measure());
    let mut text = format!(
        "\n{} windows in batches of {BATCH}, {} threads. Products: {:.0} GFLOP/s. Memory: {:.1} GB/s. Adam in the cache: \
         {:.2} G elements/s.\n\n| | phase | seconds | for the arithmetic | for the bytes | ratio to the larger |\n\
         | --- | --- | ---: | ---: | ---: | ---: |\n",
        bench.windows.len(),
        rayon::current_num_threads(),
        peaks.product / 1e9,
        peaks.memory / 1e9,
        peaks.adam / 1e9,
    );
    for (name, Phase(phase, seconds, work)) in found {
        let floors = work.map_or("– | – | –".to_string(), |work| {
            let [arithmetic, bytes] = work.floors(&peaks);
            format!("{arithmetic:.2} | {bytes:.2} | {:.1}", seconds / arithmetic.max(bytes))
        });
        text += &format!("| {name} | {phase} | {seconds:.2} | {floors} |\n");
    }
    // A reader that has gone away is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
